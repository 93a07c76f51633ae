/** "Did you mean …": the known name closest to a mistyped one. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/** Edits (insert, delete, replace, swap neighbours; case aside) from @p a to @p b; texts longer than 64 bytes count as far. */
unsigned nearest_distance(const char *a, const char *b);

/** @param name_at returns known name @p i, borrowed; NULL is skipped.
 * @return the known name with the fewest changed characters when that is at most a third of its length (and at least one is allowed), else NULL. */
const char *nearest_name(const char *typed, size_t count, const char *(*name_at)(const void *ctx, size_t i), const void *ctx);

#endif
