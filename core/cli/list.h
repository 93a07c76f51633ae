/** Paged lists of the admin API as tables or as JSON. */
#ifndef CLI_LIST_H
#define CLI_LIST_H

#include "core/cli/table.h"

/** A list on its way to the screen. Callers give columns and row; the rest begins as zero. */
struct list {
	struct cli *c;
	const struct table_column *columns;
	size_t column_count;
	void (*row)(struct libscols_table *t, const json_t *item);
	void (*row_of)(const void *of, struct libscols_table *t, const json_t *item);   /**< instead of row, with what it is about */
	const void *of;
	const char *none;     /**< the sentence for a list that is empty from its beginning; not with --json. NULL: nothing is said */
	struct libscols_table *table;
	json_t *items;        /**< with --json */
	size_t rows, pages;
	size_t total;         /**< items taken */
	int result;
};

/** One item. @return 0, or -1 when exhausted. */
int list_take(void *list, const json_t *item);
/** What was taken and not printed yet. */
void list_flush(struct list *l);
/** Print a list of @p path; --limit or --all say how much (otherwise 1000 rows, and what is left is said). @param first query of the first page, or NULL. @return enum cli_exit. */
int list_print(struct cli *c, const char *path, const char *first, struct list *l);

#endif
