#include <string.h>
#include "core/base/bytes.h"
#include "core/trust/lease.h"
#include "tests/unit/trust_fixture.h"

static const enum trust_algorithm algorithms[] = { TRUST_ES256, TRUST_EDDSA };

static void sign(struct buf *out, const struct fixture *f, const struct lease_claims *c)
{
	struct muster_err err;

	buf_init(out, TRUST_LEASE_MAX);
	fixture_ok(lease_sign(out, f->signer, c, &err), &err);
}

static int verify(const struct fixture *f, struct muster_span lease, const struct lease_expect *e, int64_t now)
{
	struct lease_claims c;
	struct muster_err err;

	return lease_verify(&c, lease, f->chain, f->anchors, e, now, &err);
}

START_TEST(test_lease_round_trip)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		struct fixture f;
		struct lease_claims c, got;
		struct muster_err err;
		struct buf b;

		fixture_init(&f, algorithms[i]);
		c = fixture_claims(&f);
		sign(&b, &f, &c);
		struct lease_expect e = { f.client_id, f.product_id, f.hw, f.nonce, 32 };
		fixture_ok(lease_verify(&got, span_of(b.p, b.n), f.chain, f.anchors, &e, FIX_NOW, &err), &err);
		ck_assert_mem_eq(got.issuer_id, c.issuer_id, 16);
		ck_assert_mem_eq(got.client_id, c.client_id, 16);
		ck_assert_mem_eq(got.product_id, c.product_id, 16);
		ck_assert_mem_eq(got.nonce, c.nonce, 32);
		ck_assert_mem_eq(got.hw, c.hw, 32);
		ck_assert_mem_eq(got.rel, c.rel, 32);
		ck_assert_str_eq(got.jti, c.jti);
		ck_assert_int_eq(got.iat, c.iat);
		ck_assert_int_eq(got.exp, c.exp);
		ck_assert_uint_eq(got.count, 6);
		ck_assert_uint_eq(got.minimum, 5);
		ck_assert_uint_eq(got.renew, 604800);
		ck_assert(!got.record);
		ck_assert(uuid_is_nil(got.edition_id));
		buf_fini(&b);
		fixture_fini(&f);
	}
}
END_TEST

START_TEST(test_lease_every_bit_and_prefix)
{
	size_t i, n;
	unsigned bit;

	for (i = 0; i < 2; i++) {
		struct fixture f;
		struct lease_claims c;
		struct buf b;

		fixture_init(&f, algorithms[i]);
		c = fixture_claims(&f);
		sign(&b, &f, &c);
		ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW), MUSTER_OK);
		for (n = 0; n < b.n; n++) {
			ck_assert_msg(verify(&f, span_of(b.p, n), NULL, FIX_NOW) != MUSTER_OK, "prefix of %zu accepted", n);
			for (bit = 0; bit < 8; bit++) {
				b.p[n] ^= (uint8_t)(1u << bit);
				ck_assert_msg(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW) != MUSTER_OK, "bit %u of byte %zu flipped: accepted", bit, n);
				b.p[n] ^= (uint8_t)(1u << bit);
			}
		}
		buf_fini(&b);
		fixture_fini(&f);
	}
}
END_TEST

UNIT_MAIN("lease", test_lease_round_trip, test_lease_every_bit_and_prefix)
