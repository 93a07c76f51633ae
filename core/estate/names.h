/** Names and numbers by which entries of the estate are meant, and the IDs that follow from them. For core/estate only. */
#ifndef ESTATE_NAMES_H
#define ESTATE_NAMES_H

#include "core/base/buf.h"
#include "core/estate/estate.h"

#define NAME_FOLDED 208
/** A name as it is compared: lower case, one blank between words; a number: letters and digits only. @return out. */
const char *name_fold(char out[NAME_FOLDED], const char *text, bool number);
const char *fold_into(char *out, size_t room, const char *text, bool number);
/** Every folded name of an entry ("=name" or "#number"). @return what @p fn returned when it is not 0. */
int names_each(const struct estate_kind *k, const json_t *entry, int (*fn)(void *ctx, const char *name), void *ctx);
/** Whether entries of a kind are meant by names at all. */
bool names_has(const struct estate_kind *k);
/** The ID of a name; @p apart: another entry has the short one, so with six digits of its hash. */
void name_id(char out[ESTATE_ID_MAX + 1], const char *kind, const char *text, bool apart);

#endif
