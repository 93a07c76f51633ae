/** By which names and numbers an entry is meant, and when two of these are the same. */
#ifndef ESTATE_NAMES_FOLD_H
#define ESTATE_NAMES_FOLD_H

#include "core/estate/kinds.h"

#define NAME_FOLDED 208
/** A name as it is compared: lower case, one blank between words; a number: letters and digits only. @return out. */
const char *name_fold(char out[NAME_FOLDED], const char *text, bool number);
const char *fold_into(char *out, size_t room, const char *text, bool number);
/** Every folded name of an entry ("=name" or "#number"). @return what @p fn returned when it is not 0. */
int names_each(const struct estate_kind *k, const json_t *entry, int (*fn)(void *ctx, const char *name), void *ctx);
/** Whether entries of a kind are meant by names at all. */
bool names_has(const struct estate_kind *k);
/** The first name or number that an entry has, as it stands; borrowed; NULL: none. */
const char *names_first(const struct estate_kind *k, const json_t *entry);

#endif
