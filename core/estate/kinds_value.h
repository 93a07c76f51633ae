/** Values of entries as text: what kinds_check.c and kinds_value.c share. */
#ifndef ESTATE_KINDS_VALUE_H
#define ESTATE_KINDS_VALUE_H

#include "core/estate/kinds.h"

#define VALUE_KEY_TEXT 30                    /**< five groups of five with hyphens between, and the terminating zero */
#define VALUE_RAW_MAX ESTATE_ENTRY_MAX       /**< bytes of one value as given */
#define VALUE_COUNT_MAX 999999999999
#define VALUE_QUOTED 49
typedef char value_quoted[VALUE_QUOTED];

/** The beginning of a value for a message: one line, whole characters, nothing that looks like a key. @return out. */
const char *value_quote(value_quoted out, const char *p, size_t n);
/** One value of a field, in its one form; *out NULL: nothing but blanks. Errors as estate_entry_check(). */
int value_get(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err);

#endif
