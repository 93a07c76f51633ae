/** Rows gathered from the store before anybody is called with them: no lock is held during callbacks. */
#ifndef LEDGER_ROWS_H
#define LEDGER_ROWS_H

#include <stdbool.h>
#include <stddef.h>

/** `size` is one row's; the rest begins as zero. `rows` is freed with mem_free(). */
struct rows { void *rows; size_t n, room, size; bool failed; };
/** Copy one behind the others. @return 0, or 1 when memory is short; `failed` then. */
int rows_keep(struct rows *w, const void *row);

#endif
