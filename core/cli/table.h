/** Tables for people, drawn by libsmartcols: fitted to a terminal, plain and never cut elsewhere. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <libsmartcols/libsmartcols.h>
#include "core/cli/cli.h"

struct table_column { const char *title; bool right; };

/** @return a table; NULL when exhausted. @p heading false: rows only (further pages of a long list). */
struct libscols_table *table_new(struct cli *c, const struct table_column *columns, size_t n, bool heading);
/** Add a row of @p n texts; control characters are shown as libsmartcols shows them. @return MUSTER_OK or MUSTER_E_NOMEM. */
int table_row(struct libscols_table *t, const char *const *cells, size_t n);
/** Print and free. @return enum cli_exit. */
int table_end(struct cli *c, struct libscols_table *t);

#endif
