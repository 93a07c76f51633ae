/** Sorted rows of one size in memory: the tables of the memory store. Private to this folder. */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table {
	char *rows;          /**< owned */
	size_t n, room, size;
	int (*compare)(const void *a, const void *b);  /**< rows by key */
	void (*hold)(const void *row), (*drop)(void *row);   /**< for rows that point at something counted: called for each copy; NULL: none do */
};

void table_init(struct table *t, size_t size, int (*compare)(const void *, const void *));
void table_fini(struct table *t);
/** @return false when memory is exhausted; @p to is then empty. */
bool table_copy(struct table *to, const struct table *from);
void *table_at(const struct table *t, size_t i);
/** The row with the key of @p key, or NULL. @param[out] at where it is or belongs; may be NULL. */
void *table_find(const struct table *t, const void *key, size_t *at);
/** The row with the key of @p key, made (which adopts what @p key points at, as a copy of @p key) when it is not there. NULL when memory is exhausted. */
void *table_put(struct table *t, const void *key, bool *is_new);
/** Append to the end; the caller knows that the order holds. NULL when memory is exhausted. */
void *table_add(struct table *t, const void *row);
void table_remove(struct table *t, size_t from, size_t count);

#endif
