#include "core/store/table.h"

#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"

void table_init(struct table *t, size_t size, int (*compare)(const void *, const void *))
{
	memset(t, 0, sizeof *t);
	t->size = size;
	t->compare = compare;
}

void table_fini(struct table *t)
{
	for (size_t i = 0; t->drop != NULL && i < t->n; i++)
		t->drop(table_at(t, i));
	mem_free(t->rows);
	t->rows = NULL;
	t->n = t->room = 0;
}

bool table_copy(struct table *to, const struct table *from)
{
	table_init(to, from->size, from->compare);
	to->hold = from->hold;
	to->drop = from->drop;
	if (from->n == 0)
		return true;
	if ((to->rows = mem_dup(from->rows, from->n * from->size)) == NULL)
		return false;
	to->n = to->room = from->n;
	for (size_t i = 0; to->hold != NULL && i < to->n; i++)
		to->hold(table_at(to, i));
	return true;
}

void *table_at(const struct table *t, size_t i)
{
	return t->rows + i * t->size;
}

void *table_find(const struct table *t, const void *key, size_t *at)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->compare(table_at(t, middle), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (at != NULL)
		*at = low;
	return low < t->n && t->compare(table_at(t, low), key) == 0 ? table_at(t, low) : NULL;
}

static bool make_room(struct table *t)
{
	size_t room = t->room < 8 ? 16 : t->room * 2;
	char *rows;

	if (t->n < t->room)
		return true;
	if ((rows = mem_grow(t->rows, room, t->size)) == NULL)
		return false;
	t->rows = rows;
	t->room = room;
	return true;
}

void *table_put(struct table *t, const void *key, bool *is_new)
{
	size_t at;
	void *row = table_find(t, key, &at);

	*is_new = row == NULL;
	if (row != NULL)
		return row;
	if (!make_room(t))
		return NULL;
	MUSTER_ASSERT(t->rows != NULL);
	row = table_at(t, at);
	memmove(t->rows + (at + 1) * t->size, row, (t->n - at) * t->size);
	memcpy(row, key, t->size);
	t->n++;
	return row;
}

void *table_add(struct table *t, const void *row)
{
	if (!make_room(t))
		return NULL;
	memcpy(table_at(t, t->n), row, t->size);
	return table_at(t, t->n++);
}

void table_remove(struct table *t, size_t from, size_t count)
{
	if (count == 0)
		return;
	for (size_t i = from; t->drop != NULL && i < from + count; i++)
		t->drop(table_at(t, i));
	memmove(t->rows + from * t->size, t->rows + (from + count) * t->size, (t->n - from - count) * t->size);
	t->n -= count;
}
