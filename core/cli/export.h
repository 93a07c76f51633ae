/** `musterctl export`: where rows come from, one page at a time, and how they are written. */
#ifndef CLI_EXPORT_H
#define CLI_EXPORT_H

#include "core/base/buf.h"
#include "core/cli/api.h"
#include "core/exchange/record.h"

struct export_out;

/**
 * Begin writing: to --out FILE (beside it first, moved there when it is whole) or standard output, in the form of --format or --json.
 * @param host This host's name, in the first line of JSON. @param secret the file is for its owner only. @return enum cli_exit.
 */
int export_begin(struct export_out **out, struct cli *c, enum exchange_type type, const char *host, bool secret);
/** One row; an entry has members kind, id and entry. Used up. @return 0, or a MUSTER_E_ result, said. */
int export_row(struct export_out *o, json_t *row);
uint64_t export_rows(const struct export_out *o);
/** End and free. @param r enum cli_exit so far: when it is not CLI_OK nothing is left behind. @return enum cli_exit. */
int export_end(struct export_out *o, int r);

/** Rows one after the other, from pages of the admin API. */
struct export_source;
struct export_convert {
	/** @param[out] row a new reference; stays NULL: this item is no row. @return 0, or anything else: memory is short. */
	int (*row)(void *ctx, const json_t *item, json_t **row);
	void *ctx;
};
/** @param path of the list, without limit and after; copied. */
int export_source_new(struct export_source **out, struct cli *c, const char *path, struct export_convert convert);
void export_source_free(struct export_source *s);
/** The next row, a new reference; NULL at the end. @return enum cli_exit; what goes wrong is said. */
int export_next(struct export_source *s, json_t **row);

/* export_seen.c: machines and events, this host's own and the observed ones merged */
int export_machines(struct cli *c, struct export_out *o, const char *host);
int export_events(struct cli *c, struct export_out *o, const char *host);
/* export_books.c */
int export_keys(struct cli *c, struct export_out *o);
int export_books(struct cli *c, struct export_out *o);

#endif
