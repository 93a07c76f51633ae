/** What the parts of reading share: one configuration being made. */
#ifndef CONFIG_READING_H
#define CONFIG_READING_H

#include "core/config/memory.h"
#include "core/config/report.h"

struct config_reading {
	struct config *c;
	struct config_report report;
	const char *folder;                /**< absolute, of muster.conf: relative paths begin here */
	/* the file and the section in hand */
	const char *file;                  /**< as messages name it */
	const char *extra;                 /**< a product file besides those of the folder, in place of its namesake; NULL: none */
	bool product_file;
	bool began;                        /**< a section line, good or bad, has been seen in this file */
	const struct config_section *section;  /**< NULL: unknown, its keys are not judged */
	void *object;
	size_t record;                     /**< in c->memory->records */
	size_t keys;                       /**< lines of the section that were keys */
	const char *heading;               /**< "product office2013" */
	unsigned line;                     /**< of the heading */
};

/** Begin: an empty configuration with its defaults in g->c (the caller's), g->folder and c->file from @p path. */
int config_read_begin(struct config_reading *g, const char *path, struct muster_err *err);
/** Read the bytes of one file, named g->file in messages. @return MUSTER_OK, also with faults; MUSTER_E_NOMEM. */
int config_read_bytes(struct config_reading *g, const void *bytes, size_t n, bool product_file);

/** Open a section: checks its name, makes its structure. For config_lines_sink. */
void config_take_section(void *reading, const char *name, unsigned line);
void config_take_key(void *reading, const char *section, const char *name, const char *value, unsigned line);
/** The section in hand is over: report what it lacks. */
void config_end_section(struct config_reading *g);

/** Set every default of @p section that does not depend on the site. */
void config_set_defaults(const struct config_section *section, void *object);

/** @p path made absolute, in the configuration's memory; NULL when exhausted. */
const char *config_absolute(struct config_reading *g, const char *path);

/** Where a key of [host] or [limits] stands. */
struct config_where config_where_key(const struct config_reading *g, const char *section, const char *key);

/** After all files: defaults that depend on others, and rules between keys and sections. */
void config_finish(struct config_reading *g);

#endif
