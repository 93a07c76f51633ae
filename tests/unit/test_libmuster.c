/* The shared library as an application sees it: the public header and libmuster alone do the verifying. */
#include "tests/unit/trust_fixture.h"

#include <string.h>

#include <muster/client.h>
#include "core/base/bytes.h"

static struct fixture f;
static struct buf roots, chain, lease;
static struct muster_claims claims;
static struct muster_err err;

#define CLIENT "11111111-2222-4333-8444-555555555555"
#define PRODUCT "2e28138a-847f-42bc-9752-61b03fff33cd"
#define OTHER "98ebfe73-2084-4c97-932c-c0cd1643bea7"

static void begin(enum trust_algorithm a)
{
	struct lease_claims c;

	fixture_init(&f, a);
	fixture_pem(&roots, f.root, NULL);
	fixture_pem(&chain, f.host, f.mid);
	c = fixture_claims(&f);
	c.record = true;
	(void)uuid_parse(c.edition_id, OTHER, 36);
	buf_init(&lease, 8192);
	fixture_ok(lease_sign(&lease, f.signer, &c, &err), &err);
}

static void end(void)
{
	buf_fini(&roots);
	buf_fini(&chain);
	buf_fini(&lease);
	fixture_fini(&f);
}

static int verify(struct muster_span token, const char *client, const char *product, const uint8_t *hw, int64_t now)
{
	memset(&claims, 0x77, sizeof claims);
	claims.size = sizeof claims;
	err.message[0] = '\0';
	return muster_lease_verify(&claims, span_of(roots.p, roots.n), span_of(chain.p, chain.n), token, client, product, hw, now, &err);
}

START_TEST(test_libmuster_verify)
{
	static const enum trust_algorithm all[] = { TRUST_ES256, TRUST_EDDSA };

	for (size_t i = 0; i < 2; i++) {
		begin(all[i]);
		ck_assert_int_eq(verify(span_of(lease.p, lease.n), NULL, NULL, NULL, FIX_NOW), MUSTER_OK);
		ck_assert_int_eq(verify(span_of(lease.p, lease.n), CLIENT, PRODUCT, f.hw, FIX_NOW), MUSTER_OK);
		ck_assert_int_eq(verify(span_of(lease.p, lease.n), CLIENT, OTHER, f.hw, FIX_NOW), MUSTER_OK);  /* the edition */
		ck_assert_str_eq(claims.client_id, CLIENT);
		ck_assert_str_eq(claims.activation_id, PRODUCT);
		ck_assert_str_eq(claims.edition_id, OTHER);
		ck_assert_str_eq(claims.issuer_id, "6f1d2c3b-4a59-4e78-8b16-0c2d4e6f8091");
		ck_assert_str_eq(claims.jti, "1b671a64-40d5-491e-99b0-da01ff1f3341.17");
		ck_assert_int_eq(claims.issued_at, FIX_NOW);
		ck_assert_int_eq(claims.expires_at, FIX_NOW + 180 * FIX_DAY);
		ck_assert_uint_eq(claims.count, 6);
		ck_assert_uint_eq(claims.minimum_count, 5);
		ck_assert_uint_eq(claims.renewal_s, 604800);
		ck_assert_uint_eq(claims.record, 1);
		ck_assert_uint_eq(claims.size, sizeof claims);
		end();
	}
}
END_TEST

static void check_refused(int r, int want, const char *says)
{
	struct muster_claims none = { .size = sizeof none };

	ck_assert_msg(r == want, "%d: %s", r, err.message);
	ck_assert_msg(strstr(err.message, says) != NULL, "%s", err.message);
	ck_assert_mem_eq(&claims, &none, sizeof none);
}

START_TEST(test_libmuster_refused)
{
	struct muster_span token;
	struct fixture other;
	uint8_t hw[32];

	begin(TRUST_ES256);
	token = span_of(lease.p, lease.n);
	check_refused(verify(token, OTHER, NULL, NULL, FIX_NOW), MUSTER_E_MISMATCH, "the lease is for another client");
	check_refused(verify(token, NULL, CLIENT, NULL, FIX_NOW), MUSTER_E_MISMATCH, "the lease is for another product");
	memcpy(hw, f.hw, 32);
	hw[31] ^= 1;
	check_refused(verify(token, NULL, NULL, hw, FIX_NOW), MUSTER_E_MISMATCH, "the lease is for other hardware");
	check_refused(verify(token, NULL, NULL, NULL, FIX_NOW + 180 * FIX_DAY), MUSTER_E_EXPIRED, "the lease ended at 2027-05-21T10:00:00Z");
	check_refused(verify(token, NULL, NULL, NULL, FIX_NOW - 4 * 3600 - 1), MUSTER_E_NOT_YET, "more than 4 hours from now");
	ck_assert_int_eq(verify(token, NULL, NULL, NULL, FIX_NOW - 3 * 3600), MUSTER_OK);
	check_refused(verify(token, "x", NULL, NULL, FIX_NOW), MUSTER_E_INVALID, "the client ID \"x\" is not a UUID");
	check_refused(verify(token, NULL, "x", NULL, FIX_NOW), MUSTER_E_INVALID, "the activation ID \"x\" is not a UUID");
	/* the end of the host certificate */
	ck_assert_int_lt(verify(token, NULL, NULL, NULL, FIX_NOW + TRUST_HOST_LIFE_S), 0);
	/* another issuer's root */
	fixture_init(&other, TRUST_ES256);
	buf_fini(&roots);
	fixture_pem(&roots, other.root, NULL);
	check_refused(verify(token, NULL, NULL, NULL, FIX_NOW), MUSTER_E_SIGNATURE, "");
	fixture_fini(&other);
	end();
}
END_TEST

START_TEST(test_libmuster_wrong_role)
{
	X509 *statement;

	begin(TRUST_ES256);
	fixture_ok(trust_make_statement(&statement, f.host_key, "statements", f.mid, f.mid_key, FIX_NOW, &err), &err);
	buf_fini(&chain);
	fixture_pem(&chain, statement, f.mid);
	check_refused(verify(span_of(lease.p, lease.n), NULL, NULL, NULL, FIX_NOW), MUSTER_E_MISMATCH, "");
	X509_free(statement);
	end();
}
END_TEST

START_TEST(test_libmuster_every_bit)
{
	struct muster_claims none = { .size = sizeof none };

	begin(TRUST_ES256);
	for (size_t i = 0; i < lease.n * 8; i++) {
		lease.p[i / 8] ^= (uint8_t)(1u << (i % 8));
		ck_assert_msg(verify(span_of(lease.p, lease.n), NULL, NULL, NULL, FIX_NOW) < 0, "bit %zu", i);
		ck_assert_mem_eq(&claims, &none, sizeof none);
		ck_assert_str_ne(err.message, "");
		lease.p[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	for (size_t n = 0; n < lease.n; n++)
		ck_assert_int_lt(verify(span_of(lease.p, n), NULL, NULL, NULL, FIX_NOW), 0);
	ck_assert_int_eq(verify(span_of(lease.p, lease.n), NULL, NULL, NULL, FIX_NOW), MUSTER_OK);
	end();
}
END_TEST

/* A caller compiled with a smaller structure gets what fits, one with a larger one keeps its end. */
START_TEST(test_libmuster_sizes)
{
	struct { struct muster_claims c; uint32_t after; } larger = { { .size = sizeof larger }, 77 };

	begin(TRUST_ES256);
	ck_assert_int_eq(muster_lease_verify(&larger.c, span_of(roots.p, roots.n), span_of(chain.p, chain.n), span_of(lease.p, lease.n), NULL, NULL, NULL, FIX_NOW, NULL), MUSTER_OK);
	ck_assert_uint_eq(larger.after, 77);
	claims.size = 8;
	ck_assert_int_eq(muster_lease_verify(&claims, span_of(roots.p, roots.n), span_of(chain.p, chain.n), span_of(lease.p, lease.n), NULL, NULL, NULL, FIX_NOW, &err), MUSTER_E_INVALID);
	ck_assert_str_eq(muster_version(), PACKAGE_VERSION);
	end();
}
END_TEST

UNIT_MAIN("libmuster", test_libmuster_verify, test_libmuster_refused, test_libmuster_wrong_role, test_libmuster_every_bit, test_libmuster_sizes)
