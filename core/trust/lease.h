/** Leases: claims, signing, verifying (trust.md sections 1, 2, 10, 11). */
#ifndef TRUST_LEASE_H
#define TRUST_LEASE_H

#include <stdbool.h>
#include "core/base/clock.h"
#include "core/base/uuid.h"
#include "core/trust/token.h"

#define TRUST_LEEWAY_S (4 * 3600)     /**< allowed for nbf and iat, none for exp */
#define TIME_MAX_S INT64_C(253402300799)  /**< 9999-12-31T23:59:59Z */
#define TRUST_HARDWARE_MAX 1024       /**< bytes of a hardware value */
#define TRUST_USER_MAX 255            /**< bytes of a user's name */

struct lease_claims {
	uint8_t issuer_id[16], client_id[16], product_id[16];  /**< iss, sub, aud */
	uint8_t edition_id[16];        /**< edn; nil: the same as aud */
	int64_t iat, exp;              /**< seconds; nbf = iat */
	char jti[64];                  /**< "<ledger id>.<seq>" */
	uint8_t nonce[64]; uint8_t nonce_len;
	uint8_t hw[32]; bool has_hw;
	uint8_t rel[32]; bool has_rel;
	uint8_t usr[32]; bool has_usr; /**< trust_user_hash(): a user's access licence */
	uint32_t count, minimum;       /**< cnt, min */
	uint32_t renew;                /**< seconds */
	bool record;
};

/** Appends the compact token to @p out. Sign without building a JSON tree (hot path). exp is shortened to the chain's end by the caller (ledger). */
int lease_sign(struct buf *out, const struct trust_signer *s, const struct lease_claims *c, struct muster_err *err);

/** What the verifier expects; NULL or nil members are not compared. */
struct lease_expect {
	const uint8_t *client_id, *product_id;
	const uint8_t *hw;             /**< 32 bytes; compared when its source (first byte) is the lease's */
	const uint8_t *nonce; size_t nonce_len;
	const uint8_t *usr;            /**< 32 bytes: the lease must be this user's */
};
/**
 * Verify a lease against pinned anchors and a chain, now.
 *
 * Checks in this order: form and size, chain and role at @p now, kid, signature, claims' types, iss = anchors' issuer, aud is a SAN URI of the
 * signer, nbf/iat not later than now + 4 h, exp > now, then @p expect. @param[out] out filled on success only.
 * @return MUSTER_OK; MUSTER_E_INVALID, MUSTER_E_SIGNATURE, MUSTER_E_EXPIRED, MUSTER_E_NOT_YET, MUSTER_E_MISMATCH.
 */
int lease_verify(struct lease_claims *out, struct muster_span lease, const struct trust_chain *chain, const struct trust_anchors *anchors,
                 const struct lease_expect *expect, int64_t now, struct muster_err *err);

/** As lease_verify(), without the chain: for a caller that has verified this very chain and compares its dates itself. See ring_lease_verify(). */
int lease_verify_known(struct lease_claims *out, struct muster_span lease, const struct trust_chain *chain, const struct trust_anchors *anchors,
                       const struct lease_expect *expect, int64_t now, struct muster_err *err);

/** hardware_id of trust.md section 10: HMAC-SHA-256(issuer_id, "muster hardware v1" ‖ 0 ‖ source ‖ value), first byte = source (0 given, 1 DMI, 2 address, 3 machine-id).
 * @return MUSTER_OK; MUSTER_E_INVALID: empty, above TRUST_HARDWARE_MAX, or an unknown source. */
int trust_hardware_id(uint8_t out[32], const uint8_t issuer_id[16], uint8_t source, struct muster_span value);
/** SHA-256("muster release v1" ‖ 0 ‖ r). */
int trust_release_hash(uint8_t out[32], const uint8_t r[32]);
/** SHA-256("muster user v1" ‖ 0 ‖ user as sent): claim `usr`. @return MUSTER_OK; MUSTER_E_INVALID: empty, or above TRUST_USER_MAX. */
int trust_user_hash(uint8_t out[32], struct muster_span user);

#endif
