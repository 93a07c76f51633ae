/**
 * What an issuer signs: packs, confirmations, announcements of roots. Compact JWS whose header also has x5c, the signer and its intermediate
 * (trust.md sections 1, 2, 8). Signed by a statement certificate, never by a host's; verified with the chain at the statement's own iat.
 */
#ifndef TRUST_STATEMENT_H
#define TRUST_STATEMENT_H

#include <jansson.h>
#include "core/trust/crl.h"
#include "core/trust/token.h"

#define TRUST_TYP_PACK "muster-pack+jwt"
#define TRUST_TYP_CONFIRMATION "muster-confirmation+jwt"
#define TRUST_TYP_ROOTS "muster-roots+jwt"
#define STATEMENT_CONFIRMATION_MAX 16384
#define STATEMENT_ROOTS_MAX 65536

struct statement_signer;
/** Refs both. MUSTER_E_MISMATCH: the key is not the chain's, or the certificate is no statement signer's. */
int statement_signer_new(struct statement_signer **out, EVP_PKEY *key, struct trust_chain *chain, struct muster_err *err);
void statement_signer_free(struct statement_signer *s);

/** Sign; sets iss, aud (= typ), iat, nbf from the arguments in a copy of @p payload, which has the rest (jti included). MUSTER_E_UNSUPPORTED: a typ of a host. */
int statement_sign(struct buf *out, const struct statement_signer *s, const char *typ, const uint8_t issuer_id[16], int64_t iat, const json_t *payload, struct muster_err *err);

/**
 * Verify up to a pinned root: form, header, x5c, role, chain at iat, signature, iss = the anchors' issuer, aud = typ, iat not later than
 * @p now + 4 h, exp (when there is one) > now, and that @p crl (may be NULL) does not list the signer in a way that ends what it signed.
 * @param max bytes, by typ. @param[out] payload new reference. @return MUSTER_OK; MUSTER_E_INVALID, MUSTER_E_SIGNATURE (also: another issuer), MUSTER_E_MISMATCH (role: "a host
 * certificate cannot sign a licence pack"; typ), MUSTER_E_EXPIRED, MUSTER_E_NOT_YET, MUSTER_E_REFUSED (revoked). Each its own sentence.
 */
int statement_verify(json_t **payload, struct muster_span token, size_t max, const char *typ, const struct trust_anchors *anchors, const struct crl *crl, int64_t now,
                     struct muster_err *err);

/** The chain in a statement's x5c, of which nothing is verified here: for a statement that was (its intermediate also signed the slots of a pack). */
int statement_chain(struct trust_chain **out, struct muster_span token, size_t max, const char *typ, struct muster_err *err);

/** A counted activation as the issuer states it: perpetual, bound to key, product and machine binding; no personal data. */
struct confirmation {
	uint8_t issuer_id[16], id[16];     /**< iss; jti */
	int64_t iat;
	char kind; uint32_t number;        /**< the key's */
	char partial[6];
	uint8_t binding[10];
	uint8_t products[TRUST_PRODUCTS_MAX][16]; size_t product_count;
	int64_t coverage_start, coverage_end;   /**< ESU; 0: none */
};
/** As payload of a statement of TRUST_TYP_CONFIRMATION; new reference, NULL when exhausted. */
json_t *confirmation_payload(const struct confirmation *c);
/** Verify and read one. @return as statement_verify(); MUSTER_E_INVALID for a payload that is none. */
int confirmation_read(struct confirmation *out, struct muster_span token, const struct trust_anchors *anchors, const struct crl *crl, int64_t now, struct muster_err *err);

/** Announcement of roots (trust.md section 1): every root of the issuer, stated under one that is pinned already. @p pem as trust_anchors_read(); @p id the jti. */
int roots_payload(json_t **out, const uint8_t id[16], struct muster_span pem, struct muster_err *err);
/**
 * Verify one and read it: the roots to pin from now on are appended as PEM, those pinned already first and unchanged, then the announced ones that are new. A root is never taken away,
 * so an old announcement played back changes nothing. @param[out] added how many are new; 0: nothing to write.
 * @return as statement_verify(); MUSTER_E_INVALID, MUSTER_E_MISMATCH (a root of another issuer), MUSTER_E_LIMIT (more than TRUST_ROOTS_MAX in all).
 */
int roots_read(struct buf *pem, size_t *added, struct muster_span token, const struct trust_anchors *pinned, const struct crl *crl, int64_t now, struct muster_err *err);

#endif
