/** The networks that listeners serve: a list of ADDRESS/BITS (RFC 4632, RFC 4291). */
#ifndef SERVICE_NETWORKS_H
#define SERVICE_NETWORKS_H

#include <stddef.h>
#include <muster/types.h>
#include "core/service/address.h"

#define NETWORKS_MAX 256

struct network {
	struct address address;
	uint8_t bits;
};
struct networks {
	struct network *list;  /**< owned */
	size_t n;              /**< 0: everybody is served */
};

/**
 * Read a comma-separated list; blanks around entries are ignored, an address without /BITS means itself.
 * @param text NULL or empty: everybody. @return MUSTER_OK, MUSTER_E_INVALID naming the entry, MUSTER_E_LIMIT, MUSTER_E_NOMEM.
 */
int networks_parse(struct networks *out, const char *text, struct muster_err *err);
void networks_fini(struct networks *n);
/** Peers without an internet address (Unix socket) are always served. */
bool networks_allow(const struct networks *n, const struct address *a);

#endif
