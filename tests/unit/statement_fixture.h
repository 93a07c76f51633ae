/** An issuer's statement signer on top of trust_fixture.h, and checks for refusals. */
#ifndef TESTS_UNIT_STATEMENT_FIXTURE_H
#define TESTS_UNIT_STATEMENT_FIXTURE_H

#include <jansson.h>
#include "core/trust/statement.h"
#include "tests/unit/trust_fixture.h"

struct statement_fixture {
	struct fixture f;
	EVP_PKEY *key;
	X509 *cert;
	struct trust_chain *chain;
	struct statement_signer *signer;
};

void statement_fixture_init(struct statement_fixture *s, enum trust_algorithm a);
void statement_fixture_fini(struct statement_fixture *s);
/** Sign as the fixture's issuer at FIX_NOW; @p payload is stolen. */
void statement_fixture_sign(struct buf *out, const struct statement_fixture *s, const char *typ, json_t *payload);
/** A list of one certificate, verified; NULL certificate: an empty one. */
struct crl *statement_fixture_crl(const struct statement_fixture *s, X509 *revoked, enum crl_reason reason, int64_t at, uint64_t number);
/** One whole part of a token, decoded; 0 header, 1 payload. */
json_t *statement_fixture_part(const struct buf *token, unsigned part);
/** A token of this header and payload, signed by @p key whatever they say; both stolen. */
void statement_fixture_token(struct buf *out, EVP_PKEY *key, json_t *header, json_t *payload);

/** Result and message of a refusal: the message must hold @p part. */
#define EXPECT_REFUSED(r, err, want, part) \
	do { \
		int r_ = (r); \
		ck_assert_msg(r_ == (want) && strstr((err)->message, (part)) != NULL, "result %d, expected %d; message \"%s\", expected \"%s\"", r_, (int)(want), \
		              (err)->message, (part)); \
	} while (0)

/**
 * Every byte changed in one bit (in each of its bits when MUSTER_EXHAUSTIVE is set) and every prefix: @p verify must refuse each, with a
 * message that begins with @p begin or @p other. @p shorter: this many bytes at the end may be missing.
 */
void statement_fixture_damage(struct muster_span good, const char *begin, const char *other, size_t shorter,
                              int (*verify)(void *ctx, struct muster_span bytes, struct muster_err *err), void *ctx);

#endif
