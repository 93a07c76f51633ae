/** What an anonymised support bundle tells: masks of core/exchange/anonymise.c, and what is told beside because it says nothing of anybody. */
#ifndef CLI_SUPPORT_MASK_H
#define CLI_SUPPORT_MASK_H

#include "core/exchange/record.h"

/**
 * Mask an answer of the admin API.
 * @param part Name of the part of the bundle: which members are told depends on it. @return a new reference; NULL when exhausted.
 */
json_t *support_mask(struct exchange_mask *m, const char *part, const json_t *value);

#endif
