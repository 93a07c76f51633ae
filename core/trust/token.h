/** Compact JWS, strict (trust.md section 2; RFC 7515): exactly alg, typ, kid in the header, no duplicates, strict base64url. */
#ifndef TRUST_TOKEN_H
#define TRUST_TOKEN_H

#include <jansson.h>
#include "core/trust/certs.h"

#define TRUST_LEASE_MAX 4096
#define TRUST_PACK_MAX (4u << 20)

/* Types a host certificate signs; every other typ is refused (trust.md section 1). */
#define TRUST_TYP_LEASE "muster-lease+jwt"
#define TRUST_TYP_STATE "muster-state+jwt"

/** A signer, ready for many tokens from many threads (each call makes its own context). */
struct trust_signer;
int trust_signer_new(struct trust_signer **out, EVP_PKEY *key, struct trust_chain *chain, struct muster_err *err);  /**< refs both; MUSTER_E_MISMATCH when the key is not the chain's, or the certificate is no host's */
void trust_signer_free(struct trust_signer *s);

/** Sign @p payload (JSON bytes) as @p typ; appends the token to @p out. MUSTER_E_UNSUPPORTED for a typ that a host does not sign. */
int trust_token_sign(struct buf *out, const struct trust_signer *s, const char *typ, struct muster_span payload, struct muster_err *err);

/** Read the header's kid without trusting anything. MUSTER_E_INVALID. */
int trust_token_kid(char kid[TRUST_KID], struct muster_span token, struct muster_err *err);
/** Check form, role, header (typ, kid of @p chain's signer, alg of its key) and signature; @p payload is a new JSON object. The chain's own
 * signatures and dates are the caller's duty. MUSTER_E_INVALID, MUSTER_E_SIGNATURE, MUSTER_E_MISMATCH (role, kid). */
int trust_token_verify(json_t **payload, struct muster_span token, size_t max, const char *typ, const struct trust_chain *chain, struct muster_err *err);

#endif
