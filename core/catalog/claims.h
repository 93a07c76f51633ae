/** Claims of configuration, taken into a catalog. */
#ifndef CATALOG_CLAIMS_H
#define CATALOG_CLAIMS_H

#include "core/base/arena.h"
#include "core/catalog/catalog.h"

/** A list as `allow` and `for` hold it. @param[out] out in @p arena; NULL with n 0 for an empty list. @return MUSTER_OK, MUSTER_E_INVALID (core/config has refused it before), MUSTER_E_NOMEM. */
int claims_read(const struct catalog_claim **out, size_t *n, struct arena *arena, const char *text, struct muster_err *err);

#endif
