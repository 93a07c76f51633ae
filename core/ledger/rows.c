#include "core/ledger/rows.h"

#include <string.h>

#include "core/base/mem.h"

int rows_keep(struct rows *w, const void *row)
{
	void *more;

	if (w->n == w->room) {
		if ((more = mem_grow(w->rows, w->room * 2 + 64, w->size)) == NULL) {
			w->failed = true;
			return 1;
		}
		w->rows = more;
		w->room = w->room * 2 + 64;
	}
	memcpy((char *)w->rows + w->n++ * w->size, row, w->size);
	return 0;
}
