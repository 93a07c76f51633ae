/** The file that says which products a host is certified for. */
#ifndef ISSUER_PRODUCTS_H
#define ISSUER_PRODUCTS_H

#include "core/trust/certs.h"

struct products { uint8_t ids[TRUST_PRODUCTS_MAX][16]; size_t n; };

/**
 * Read activation IDs, one a line; `#` begins a comment, empty lines count for nothing.
 * @param name for messages. @param report called once per fault with "FILE:LINE: what is wrong"; may be NULL.
 * @return MUSTER_OK, or MUSTER_E_INVALID after all faults were reported.
 */
int products_parse(struct products *out, struct muster_span text, const char *name, void (*report)(void *ctx, const char *message), void *ctx,
                   struct muster_err *err);

#endif
