/**
 * The book of certificates: an append-only file, one JSON object a line, each on the disk (fsync) before its certificate is shown.
 *
 * A line cut off by a crash was never shown to anybody; the next append removes it.
 */
#ifndef ISSUER_BOOK_H
#define ISSUER_BOOK_H

#include <jansson.h>
#include "core/trust/certs.h"

struct book_entry {
	unsigned long number;                 /**< 1, 2, … */
	int64_t at, begin, end;               /**< issued; notBefore; earliest notAfter, root included */
	char kid[TRUST_KID];
	char serial[41];                      /**< hexadecimal */
	char request[65];                     /**< SHA-256 of the request as it came */
	unsigned intermediate;
	char *subject, *chain;                /**< owned; chain is PEM: signer, intermediate */
	uint8_t products[TRUST_PRODUCTS_MAX][16]; size_t product_count;
};
void book_entry_fini(struct book_entry *e);

/** The entry as it stands in the file: new reference, NULL when exhausted. */
json_t *book_entry_json(const struct book_entry *e);

/** Call @p fn for each entry, oldest first, until it returns non-zero. A missing file is an empty book. MUSTER_E_INVALID names the line. */
int book_each(const char *path, int (*fn)(void *ctx, const struct book_entry *e), void *ctx, struct muster_err *err);
/** The number of the next entry. */
int book_next(unsigned long *number, const char *path, struct muster_err *err);
/** Append and fsync. The caller holds the issuer's lock. */
int book_append(const char *path, const struct book_entry *e, struct muster_err *err);
/** Entry by number, kid or serial. MUSTER_E_NOT_FOUND. */
int book_find(struct book_entry *out, const char *path, const char *which, struct muster_err *err);

#endif
