/** An issuer for targets that need one: Ed25519, made at the start, all names fixed, so that a corpus can hold what is signed here. */
#ifndef TESTS_FUZZ_FUZZ_ISSUER_H
#define TESTS_FUZZ_FUZZ_ISSUER_H

#include "core/trust/statement.h"
#include "tests/fuzz/fuzz.h"

/** 2026-11-22T10:00:00Z */
#define FUZZ_NOW INT64_C(1795341600)

struct fuzz_issuer {
	uint8_t id[16];
	EVP_PKEY *mid_key, *key;
	X509 *mid, *certificate;
	struct trust_anchors *anchors;
	struct trust_chain *chain;
	struct statement_signer *signer;
};
/** The one of this process, made at the first call; kept for ever. */
const struct fuzz_issuer *fuzz_issuer(void);
/** A token with a right header over any payload bytes; @p out initialised. */
void fuzz_issuer_sign(struct buf *out, const char *typ, const uint8_t *payload, size_t n);
/** A token with any header bytes; rightly signed. */
void fuzz_issuer_header(struct buf *out, const uint8_t *header, size_t n);

#endif
