/** An issuer, a host and a lease for tests. Made anew in every run with an injected time: nothing here expires. */
#ifndef TESTS_UNIT_TRUST_FIXTURE_H
#define TESTS_UNIT_TRUST_FIXTURE_H

#include "core/trust/lease.h"
#include "tests/unit/unit.h"

/** 2026-11-22T10:00:00Z */
#define FIX_NOW INT64_C(1795341600)
#define FIX_DAY INT64_C(86400)

struct fixture {
	uint8_t issuer_id[16], client_id[16], product_id[16], nonce[32], hw[32], r[32];
	EVP_PKEY *root_key, *mid_key, *host_key;
	X509 *root, *mid, *host;
	struct trust_anchors *anchors;
	struct trust_chain *chain;
	struct trust_signer *signer;
};

/** Everything of algorithm @p a, made at FIX_NOW. */
void fixture_init(struct fixture *f, enum trust_algorithm a);
void fixture_fini(struct fixture *f);
/** Claims of a usual lease: FIX_NOW, 180 days. */
struct lease_claims fixture_claims(const struct fixture *f);
/** Roots from certificates. */
struct trust_anchors *fixture_anchors(X509 *root);
/** Chain from two certificates. */
struct trust_chain *fixture_chain(X509 *signer, X509 *mid);
/** PEM of up to two certificates; buffer to be freed by the caller. */
void fixture_pem(struct buf *out, X509 *one, X509 *two);
/** Fails the test with the message when @p r is not MUSTER_OK. */
void fixture_ok(int r, const struct muster_err *err);
/** A compact token with any header and payload, signed with @p key as its algorithm demands: for tokens no signer would make. */
void fixture_token(struct buf *out, EVP_PKEY *key, const char *header, const char *payload);

#endif
