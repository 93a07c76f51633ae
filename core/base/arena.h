/** Memory that lives as long as one owner (a configuration, a catalog): taken piece by piece, given back at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena { struct arena_block *blocks; };

void *arena_take(struct arena *a, size_t size);            /**< zeroed; NULL when exhausted; size 0 gives a valid pointer */
void *arena_array(struct arena *a, size_t count, size_t size);
char *arena_text(struct arena *a, const char *s);          /**< copy; NULL for NULL or when exhausted */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *a);                          /**< gives everything back; the arena is empty afterwards */

#endif
