/** The certificates that the intermediate makes: hosts', the statement signer's; checked as every verifier will before anybody sees them. */
#ifndef ISSUER_LEAF_H
#define ISSUER_LEAF_H

#include "core/issuer/authority.h"
#include "core/store/issuer_books.h"
#include "core/trust/statement.h"

/** SHA-256 of the public key of @p x (SubjectPublicKeyInfo, DER) in hexadecimal: the same in every certificate and request with it. */
int leaf_public_key(char out[65], const X509 *x, struct muster_err *err);

struct leaf_order {
	struct muster_span request;                /**< PKCS#10, PEM */
	const uint8_t (*products)[16]; size_t product_count;
	const char *subject;                       /**< NULL: "host N" by out->number */
	int64_t life_s;                            /**< at most; lives are nested */
};
/**
 * Certify a host. Records nothing: books_certificate_add() or books_confirm() must, before anything is shown.
 * @param[in,out] out number is as given (the one expected); the rest is filled, chain with mem_free() to be freed. key, binding and confirmation stay the caller's.
 */
int leaf_host(struct books_certificate *out, const struct authority *a, EVP_PKEY *mid_key, const struct leaf_order *order, int64_t now, struct muster_err *err);

/** A certificate for a prepared key of a slot: DER appended to @p der, serial in hexadecimal. @p name "NUMBER-GENERATION-SLOT". */
int leaf_slot(struct buf *der, char serial[41], int64_t *end, const struct authority *a, EVP_PKEY *mid_key, EVP_PKEY *slot_key, const char *name, const uint8_t (*products)[16],
              size_t product_count, int64_t now, int64_t life_s, struct muster_err *err);

/** The newest statement signer, when there is one under the newest intermediate with more than 30 days left; else MUSTER_E_NOT_FOUND. */
int leaf_statement_open(struct statement_signer **out, const struct authority *a, const char *passphrase, int64_t now, struct muster_err *err);
/** Make another: statement-N.key and statement-N.pem (signer, intermediate), N the next; the key encrypted when @p passphrase is given. */
int leaf_statement_make(const struct authority *a, EVP_PKEY *mid_key, const char *passphrase, int64_t now, struct muster_err *err);
/** The certificate of statement-N.pem as the books keep one; chain with mem_free() to be freed. @param[out] newest whether there is none after it. MUSTER_E_NOT_FOUND. */
int leaf_statement_row(struct books_certificate *out, bool *newest, const struct authority *a, unsigned n, int64_t now, struct muster_err *err);

#endif
