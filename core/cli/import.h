/** Importing files: what `musterctl import` and its drop folder share. One file is one transaction of the host's books. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "core/base/buf.h"
#include "core/cli/api.h"
#include "core/exchange/record.h"

#define IMPORT_MESSAGES_MAX 10000   /* told of one file; how many more there are is said */

enum import_outcome {
	IMPORT_DONE,
	IMPORT_FAILED,       /**< the file is at fault: nothing of it was taken */
	IMPORT_NOT_NOW,      /**< the host is: none there, busy, role too small. The file may be tried again; `exit` says which */
	IMPORT_LEFT          /**< interrupted; nothing of it was taken */
};

/** What is to be read. */
struct import_source {
	int fd;                  /**< read from where it stands; not closed */
	const char *path;        /**< begins every message */
	const char *name;        /**< base name of the file */
	bool progress;           /**< show on a terminal how far it is */
};

/** What came of it. */
struct import_result {
	enum import_outcome outcome;
	int exit;                       /**< enum cli_exit */
	struct exchange_done read;      /**< what the reader counted */
	json_t *answer;                 /**< the host's (estate_import_end()); NULL: there was none */
	json_t *messages;               /**< [{"line","level","text"}], at most IMPORT_MESSAGES_MAX */
	uint64_t told, more;            /**< messages in all, those beyond the limit among them */
	char error[MUSTER_ERR_MAX];     /**< why it failed; "" it did not */
};

#define IMPORT_NAME 256
/** A file's name in one line of UTF-8, as the host and the reports have it: control characters and what is no text are replaced. @return out */
const char *import_name(char out[IMPORT_NAME], const char *name);

/** From now on memory of JSON values and of HTTP is wiped when it is freed: product keys pass through it. Before the host is asked anything. */
void import_wipe(void);

/**
 * Read one file and give it to the host.
 *
 * @param hints what the caller said; `name` and, where it is 0, `at` are taken from the file
 * @param say where messages go as they come, "path:line: level: text"; NULL: only into the result
 * @param[out] out filled in any case; import_result_fini()
 * @return out->outcome
 */
enum import_outcome import_file(struct cli *c, const struct import_source *file, const struct exchange_hints *hints, bool dry_run, FILE *say, struct import_result *out);
void import_result_fini(struct import_result *r);

/** The result in one line: "dlv listing, 3 records: 2 new, 1 same". */
void import_summary(struct buf *out, const struct import_result *r);
/** What else the host told: by kind, activation IDs learned, findings. Lines. */
void import_details(FILE *out, const struct import_result *r);
/** The result as JSON; a new reference. */
json_t *import_json(const char *path, const struct import_result *r);

/* import_watch.c */
/** A drop folder: files that are put there are imported and move to done/ or failed/. Ends by SIGINT or SIGTERM, or when there are none (@p once). @return enum cli_exit. */
int import_watch(struct cli *c, const char *folder, const struct exchange_hints *hints, bool once);

#endif
