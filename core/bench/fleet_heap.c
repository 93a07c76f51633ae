#include "core/bench/fleet_heap.h"

#include <stddef.h>
#include <string.h>

#include "core/base/mem.h"

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
	return a->at != b->at ? a->at < b->at : a->machine < b->machine;
}

void heap_fini(struct heap *h)
{
	mem_free(h->rows);
	memset(h, 0, sizeof *h);
}

bool heap_push(struct heap *h, uint32_t at, uint32_t machine)
{
	struct heap_entry e = { at, machine };
	uint32_t i = h->n;

	if (h->n == h->room) {
		uint32_t room = h->room + h->room / 4 + 1024;
		struct heap_entry *rows = mem_grow(h->rows, room, sizeof *rows);

		if (rows == NULL)
			return false;
		h->rows = rows;
		h->room = room;
	}
	h->n++;
	while (i > 0 && before(&e, &h->rows[(i - 1) / 2])) {
		h->rows[i] = h->rows[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h->rows[i] = e;
	return true;
}

bool heap_pop(struct heap *h, struct heap_entry *out)
{
	struct heap_entry last;
	uint32_t i = 0, child;

	if (h->n == 0)
		return false;
	*out = h->rows[0];
	last = h->rows[--h->n];
	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && before(&h->rows[child + 1], &h->rows[child]))
			child++;
		if (!before(&h->rows[child], &last))
			break;
		h->rows[i] = h->rows[child];
		i = child;
	}
	h->rows[i] = last;
	return true;
}

const struct heap_entry *heap_first(const struct heap *h)
{
	return h->n == 0 ? NULL : &h->rows[0];
}
