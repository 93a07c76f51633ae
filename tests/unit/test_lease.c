#include <string.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
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
		struct lease_expect e = { .client_id = f.client_id, .product_id = f.product_id, .hw = f.hw, .nonce = f.nonce, .nonce_len = 32 };
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

/* A user's lease: whose it is is a claim, compared only when somebody asks. */
START_TEST(test_lease_user)
{
	struct lease_claims c, got;
	struct lease_expect e = { 0 };
	uint8_t other[32] = { 1 };
	struct muster_err err;
	struct fixture f;
	struct buf b;

	fixture_init(&f, TRUST_ES256);
	c = fixture_claims(&f);
	sign(&b, &f, &c);
	e.usr = other;
	ck_assert_int_eq(lease_verify(&got, span_of(b.p, b.n), f.chain, f.anchors, &e, FIX_NOW, &err), MUSTER_E_MISMATCH);
	ck_assert_str_eq(err.message, "the lease is a machine's, no user's: what is not licensed per user is asked for without a user");
	buf_fini(&b);
	c.has_usr = true;
	memset(c.usr, 7, 32);
	sign(&b, &f, &c);
	ck_assert_int_eq(lease_verify(&got, span_of(b.p, b.n), f.chain, f.anchors, &e, FIX_NOW, &err), MUSTER_E_MISMATCH);
	ck_assert_str_eq(err.message, "the lease is another user's");
	e.usr = c.usr;
	fixture_ok(lease_verify(&got, span_of(b.p, b.n), f.chain, f.anchors, &e, FIX_NOW, &err), &err);
	ck_assert(got.has_usr);
	ck_assert_mem_eq(got.usr, c.usr, 32);
	fixture_ok(lease_verify(&got, span_of(b.p, b.n), f.chain, f.anchors, NULL, FIX_NOW, &err), &err);
	buf_fini(&b);
	fixture_fini(&f);
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

START_TEST(test_lease_expectations)
{
	struct fixture f, g;
	struct lease_claims c;
	struct buf b;
	uint8_t other[32];

	fixture_init(&f, TRUST_ES256);
	fixture_init(&g, TRUST_ES256);
	c = fixture_claims(&f);
	sign(&b, &f, &c);
	memset(other, 0, sizeof(other));
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), &(struct lease_expect){ .client_id = other }, FIX_NOW), MUSTER_E_MISMATCH);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), &(struct lease_expect){ .product_id = other }, FIX_NOW), MUSTER_E_MISMATCH);
	/* hardware: same source and another value; another source is not compared */
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), &(struct lease_expect){ .hw = other }, FIX_NOW), MUSTER_E_MISMATCH);
	other[0] = 1;
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), &(struct lease_expect){ .hw = other }, FIX_NOW), MUSTER_OK);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), &(struct lease_expect){ .nonce = other, .nonce_len = 32 }, FIX_NOW), MUSTER_E_MISMATCH);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), &(struct lease_expect){ .nonce = f.nonce, .nonce_len = 31 }, FIX_NOW), MUSTER_E_MISMATCH);
	/* another issuer's root, another host's chain */
	{
		struct lease_claims got;
		struct muster_err err;

		ck_assert_int_eq(lease_verify(&got, span_of(b.p, b.n), f.chain, g.anchors, NULL, FIX_NOW, &err), MUSTER_E_SIGNATURE);
		ck_assert_int_eq(lease_verify(&got, span_of(b.p, b.n), g.chain, g.anchors, NULL, FIX_NOW, &err), MUSTER_E_MISMATCH);
		ck_assert_ptr_nonnull(strstr(err.message, "kid"));
		ck_assert(uuid_is_nil(got.client_id));
	}
	buf_fini(&b);
	/* a lease without hardware is refused where hardware is asked for */
	c.has_hw = false;
	sign(&b, &f, &c);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW), MUSTER_OK);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), &(struct lease_expect){ .hw = f.hw }, FIX_NOW), MUSTER_E_MISMATCH);
	buf_fini(&b);
	/* claims that name another issuer or a product outside the certificate, rightly signed */
	c = fixture_claims(&f);
	memset(c.issuer_id, 7, 16);
	sign(&b, &f, &c);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW), MUSTER_E_MISMATCH);
	buf_fini(&b);
	c = fixture_claims(&f);
	memset(c.product_id, 7, 16);
	sign(&b, &f, &c);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW), MUSTER_E_MISMATCH);
	buf_fini(&b);
	/* an edition and a record travel */
	c = fixture_claims(&f);
	memset(c.edition_id, 9, 16);
	c.record = true;
	sign(&b, &f, &c);
	{
		struct lease_claims got;
		struct muster_err err;

		fixture_ok(lease_verify(&got, span_of(b.p, b.n), f.chain, f.anchors, NULL, FIX_NOW, &err), &err);
		ck_assert(got.record);
		ck_assert_mem_eq(got.edition_id, c.edition_id, 16);
	}
	buf_fini(&b);
	fixture_fini(&g);
	fixture_fini(&f);
}
END_TEST

START_TEST(test_lease_times)
{
	struct fixture f;
	struct lease_claims c;
	struct buf b;
	const int64_t certificate_end = FIX_NOW + TRUST_HOST_LIFE_S;

	fixture_init(&f, TRUST_ES256);
	c = fixture_claims(&f);
	sign(&b, &f, &c);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, c.exp - 1), MUSTER_OK);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, c.exp), MUSTER_E_EXPIRED);
	/* a client three hours behind; four hours exactly; one second more */
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW - 3 * 3600), MUSTER_OK);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW - TRUST_LEEWAY_S), MUSTER_OK);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW - TRUST_LEEWAY_S - 1), MUSTER_E_NOT_YET);
	buf_fini(&b);
	/* the certificate ends before the lease (a host that did not shorten it) */
	c.exp = certificate_end + 100 * FIX_DAY;
	sign(&b, &f, &c);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, certificate_end - 1), MUSTER_OK);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, certificate_end), MUSTER_E_EXPIRED);
	buf_fini(&b);
	fixture_fini(&f);
}
END_TEST

START_TEST(test_lease_roles)
{
	struct fixture f;
	struct lease_claims c;
	struct muster_err err;
	struct trust_signer *s;
	struct trust_chain *chain;
	struct buf b;
	X509 *x;

	fixture_init(&f, TRUST_ES256);
	c = fixture_claims(&f);
	sign(&b, &f, &c);
	/* a statement signer with the very key: cannot sign leases, and nothing verifies under it */
	fixture_ok(trust_make_statement(&x, f.host_key, "statements", f.mid, f.mid_key, FIX_NOW, &err), &err);
	chain = fixture_chain(x, f.mid);
	ck_assert_int_eq(trust_signer_new(&s, f.host_key, chain, &err), MUSTER_E_MISMATCH);
	ck_assert_ptr_null(s);
	ck_assert_int_eq(lease_verify(&c, span_of(b.p, b.n), chain, f.anchors, NULL, FIX_NOW, &err), MUSTER_E_MISMATCH);
	trust_chain_unref(chain);
	X509_free(x);
	/* another key than the certificate's */
	ck_assert_int_eq(trust_signer_new(&s, f.mid_key, f.chain, &err), MUSTER_E_MISMATCH);
	/* a host does not sign packs */
	buf_clear(&b);
	ck_assert_int_eq(trust_token_sign(&b, f.signer, "muster-pack+jwt", span_str("{}"), &err), MUSTER_E_UNSUPPORTED);
	ck_assert_uint_eq(b.n, 0);
	buf_fini(&b);
	fixture_fini(&f);
}
END_TEST

/* Replace @p what, which must be there, by @p by. */
static char *swap(const char *text, const char *what, const char *by)
{
	const char *at = strstr(text, what);

	ck_assert_msg(at != NULL, "\"%s\" is not in \"%s\"", what, text);
	return mem_printf("%.*s%s%s", (int)(at - text), text, by, at + strlen(what));
}

#define PAYLOAD \
	"{\"iss\":\"urn:uuid:6f1d2c3b-4a59-4e78-8b16-0c2d4e6f8091\",\"sub\":\"urn:uuid:11111111-2222-4333-8444-555555555555\"," \
	"\"aud\":\"urn:uuid:2e28138a-847f-42bc-9752-61b03fff33cd\",\"iat\":1795341600,\"nbf\":1795341600,\"exp\":1810893600," \
	"\"jti\":\"1b671a64-40d5-491e-99b0-da01ff1f3341.17\",\"nonce\":\"paWlpaWlpaWlpaWlpaWlpQ\"," \
	"\"hw\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"," \
	"\"rel\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\",\"cnt\":6,\"min\":5,\"renew\":604800}"

/* Rightly signed, but with a header or claims no host would write: each change is refused. */
START_TEST(test_lease_form)
{
	static const struct { const char *what, *by; } headers[] = {
		{ "{\"alg\"", "{\"b64\":true,\"alg\"" },          /* an extra member */
		{ "{\"alg\"", "{\"crit\":[],\"alg\"" },
		{ "{\"alg\"", "{\"alg\":\"ES256\",\"alg\"" },     /* a duplicate */
		{ "\"ES256\"", "\"none\"" },                      /* algorithm confusion */
		{ "\"ES256\"", "\"EdDSA\"" },
		{ "\"ES256\"", "\"HS256\"" },
		{ "\"ES256\"", "\"es256\"" },
		{ "\"ES256\"", "256" },
		{ "muster-lease+jwt", "muster-state+jwt" },       /* another type of the same signer */
		{ "muster-lease+jwt", "muster-pack+jwt" },
		{ "muster-lease+jwt", "JWT" },
		{ ",\"typ\":\"muster-lease+jwt\"", "" },          /* a member missing */
		{ "\"alg\":\"ES256\",", "" },
		{ "}", "} " "{}" },                               /* something behind */
	};
	static const struct { const char *what, *by; } claims[] = {
		{ "\"iat\":1795341600", "\"iat\":1795341600.0" }, { "\"iat\":1795341600", "\"iat\":\"1795341600\"" },
		{ "\"iat\":1795341600", "\"iat\":-1" }, { "\"nbf\":1795341600", "\"nbf\":1795341599" },
		{ "\"exp\":1810893600", "\"exp\":99999999999999" }, { "\"exp\":1810893600", "\"exp\":1e12" }, { "\"exp\":1810893600,", "" },
		{ "\"exp\":1810893600,", "\"exp\":1810893600,\"exp\":1810893601," },
		{ "\"aud\":\"urn:uuid:2e28138a-847f-42bc-9752-61b03fff33cd\"", "\"aud\":[\"urn:uuid:2e28138a-847f-42bc-9752-61b03fff33cd\"]" },
		{ "urn:uuid:2e28138a", "urn:uuid:2E28138A" }, { "urn:uuid:2e28138a", "2e28138a" },
		{ "\"sub\":\"urn:uuid:11111111-2222-4333-8444-555555555555\",", "" }, { "urn:uuid:6f1d2c3b", "urn:uuid:6f1d2c3" },
		{ "\"jti\":\"1b671a64-40d5-491e-99b0-da01ff1f3341.17\",", "" }, { "1b671a64-", "1b671a64\\u0000" }, { "1b671a64-", "1b671a64 " },
		{ "paWlpaWlpaWlpaWlpaWlpQ", "paWlpaWlpaWlpaWlpaWlpR" }, { "paWlpaWlpaWlpaWlpaWlpQ", "paWlpaWlpaWlpaWlpaWlpQ==" },
		{ "paWlpaWlpaWlpaWlpaWlpQ", "paWlpaWlpaWlpaWlpaWl" }, { "paWlpaWlpaWlpaWlpaWlpQ", "" }, { "\"nonce\"", "\"nonse\"" },
		{ "eeff\",\"rel\"", "eeFF\",\"rel\"" }, { "eeff\",\"rel\"", "ee\",\"rel\"" }, { "GxwdHh8", "GxwdHg" }, { "\"cnt\":6", "\"cnt\":-6" },
		{ "\"cnt\":6", "\"cnt\":4294967296" }, { "\"min\":5,", "" }, { "\"renew\":604800", "\"renew\":null" },
		{ "604800}", "604800,\"record\":false}" }, { "604800}", "604800,\"record\":1}" }, { "604800}", "604800,\"edn\":\"x\"}" },
		{ "604800}", "604800,\"usr\":5}" }, { "604800}", "604800,\"usr\":\"\"}" }, { "604800}", "604800,\"usr\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg\"}" },
		{ "604800}", "604800" }, { "604800}", "604800}x" }, { "604800}", "604800,}" },
	};
	struct fixture f;
	struct muster_err err;
	struct lease_claims got;
	struct buf b;
	char *header, *text;
	size_t i;

	fixture_init(&f, TRUST_ES256);
	header = mem_printf("{\"alg\":\"ES256\",\"typ\":\"muster-lease+jwt\",\"kid\":\"%s\"}", trust_chain_kid(f.chain));
	/* as they stand they are fine: else the refusals below would prove nothing */
	fixture_token(&b, f.host_key, header, PAYLOAD);
	fixture_ok(lease_verify(&got, span_of(b.p, b.n), f.chain, f.anchors, NULL, FIX_NOW, &err), &err);
	buf_fini(&b);
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		text = swap(header, headers[i].what, headers[i].by);
		fixture_token(&b, f.host_key, text, PAYLOAD);
		ck_assert_msg(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW) == MUSTER_E_INVALID, "header %zu accepted: %s", i, text);
		buf_fini(&b);
		mem_free(text);
	}
	for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		text = swap(PAYLOAD, claims[i].what, claims[i].by);
		fixture_token(&b, f.host_key, header, text);
		ck_assert_msg(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW) == MUSTER_E_INVALID, "claims %zu accepted: %s", i, text);
		buf_fini(&b);
		mem_free(text);
	}
	/* an unknown claim is nobody's harm: later hosts may add some */
	text = swap(PAYLOAD, "604800}", "604800,\"x\":1}");
	fixture_token(&b, f.host_key, header, text);
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW), MUSTER_OK);
	buf_fini(&b);
	mem_free(text);
	mem_free(header);
	fixture_fini(&f);
}
END_TEST

/* base64url in exactly one way: padding, foreign characters, white space, and bits that mean nothing are refused. */
START_TEST(test_lease_base64)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct fixture f;
	struct lease_claims c;
	struct buf b, x;
	size_t i;
	char last;

	fixture_init(&f, TRUST_ES256);
	c = fixture_claims(&f);
	sign(&b, &f, &c);
	buf_init(&x, 8192);
	for (i = 0; i < 4; i++) {
		static const char *const tails[] = { "=", "==", "\n", "." };

		buf_clear(&x);
		buf_add(&x, b.p, b.n);
		buf_adds(&x, tails[i]);
		ck_assert_int_eq(verify(&f, span_of(x.p, x.n), NULL, FIX_NOW), MUSTER_E_INVALID);
	}
	buf_clear(&x);
	buf_addc(&x, ' ');
	buf_add(&x, b.p, b.n);
	ck_assert_int_eq(verify(&f, span_of(x.p, x.n), NULL, FIX_NOW), MUSTER_E_INVALID);
	/* 64 bytes are 86 characters: four bits of the last one are unused */
	last = (char)b.p[b.n - 1];
	for (i = 0; i < 64; i++) {
		b.p[b.n - 1] = (uint8_t)digits[i];
		if (digits[i] != last)
			ck_assert_int_ne(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW), MUSTER_OK);
	}
	b.p[b.n - 1] = (uint8_t)last;
	/* a signature of 63 or 65 bytes; an empty part; no signature */
	b.n -= 2;
	ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW), MUSTER_E_INVALID);
	b.n += 2;
	buf_clear(&x);
	buf_add(&x, b.p, b.n);
	buf_adds(&x, "AA");
	ck_assert_int_eq(verify(&f, span_of(x.p, x.n), NULL, FIX_NOW), MUSTER_E_INVALID);
	ck_assert_int_eq(verify(&f, span_str(".."), NULL, FIX_NOW), MUSTER_E_INVALID);
	ck_assert_int_eq(verify(&f, span_str("e30.e30."), NULL, FIX_NOW), MUSTER_E_INVALID);
	ck_assert_int_eq(verify(&f, span_of("", 0), NULL, FIX_NOW), MUSTER_E_INVALID);
	/* longer than a lease may be */
	buf_clear(&x);
	buf_add(&x, b.p, b.n);
	while (x.n <= TRUST_LEASE_MAX)
		buf_addc(&x, 'A');
	ck_assert_int_eq(verify(&f, span_of(x.p, x.n), NULL, FIX_NOW), MUSTER_E_INVALID);
	buf_fini(&x);
	buf_fini(&b);
	fixture_fini(&f);
}
END_TEST

/* ES256 is 64 bytes whatever r and s are: sign until both have led with a zero byte, which happens once in 256 each. */
START_TEST(test_lease_leading_zero)
{
	struct fixture f;
	struct lease_claims c;
	struct buf b;
	bool r_zero = false, s_zero = false;
	unsigned i;

	fixture_init(&f, TRUST_ES256);
	c = fixture_claims(&f);
	for (i = 0; i < 20000 && !(r_zero && s_zero); i++) {
		uint8_t raw[64];
		size_t n;
		const char *dot;

		sign(&b, &f, &c);
		dot = strrchr(buf_str(&b), '.');
		ck_assert_int_eq(b64_decode(raw, sizeof(raw), &n, dot + 1, strlen(dot + 1)), MUSTER_OK);
		ck_assert_uint_eq(n, 64);
		if ((raw[0] == 0 && !r_zero) || (raw[32] == 0 && !s_zero))
			ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW), MUSTER_OK);
		r_zero = r_zero || raw[0] == 0;
		s_zero = s_zero || raw[32] == 0;
		buf_fini(&b);
	}
	ck_assert(r_zero && s_zero);
	fixture_fini(&f);
}
END_TEST

/* r or s of zero, or beyond the order, is no signature at all. */
START_TEST(test_lease_strange_signatures)
{
	struct fixture f;
	struct lease_claims c;
	struct buf b;
	char text[B64_SIZE(64)];
	uint8_t raw[64];
	unsigned i;

	fixture_init(&f, TRUST_ES256);
	c = fixture_claims(&f);
	sign(&b, &f, &c);
	for (i = 0; i < 4; i++) {
		memset(raw, i == 3 ? 0xff : 0, sizeof(raw));
		if (i == 1)
			raw[31] = 1;
		if (i == 2)
			raw[63] = 1;
		b64_encode(text, raw, sizeof(raw));
		memcpy(b.p + b.n - 86, text, 86);
		ck_assert_int_eq(verify(&f, span_of(b.p, b.n), NULL, FIX_NOW), MUSTER_E_SIGNATURE);
	}
	buf_fini(&b);
	fixture_fini(&f);
}
END_TEST

START_TEST(test_lease_signing_refuses)
{
	struct fixture f;
	struct lease_claims c;
	struct muster_err err;
	struct buf b;

	fixture_init(&f, TRUST_ES256);
	buf_init(&b, TRUST_LEASE_MAX);
	c = fixture_claims(&f);
	strcpy(c.jti, "a\"b");
	ck_assert_int_eq(lease_sign(&b, f.signer, &c, &err), MUSTER_E_INVALID);
	c.jti[0] = '\0';
	ck_assert_int_eq(lease_sign(&b, f.signer, &c, &err), MUSTER_E_INVALID);
	memset(c.jti, 'a', sizeof(c.jti));
	ck_assert_int_eq(lease_sign(&b, f.signer, &c, &err), MUSTER_E_INVALID);
	c = fixture_claims(&f);
	c.nonce_len = 15;
	ck_assert_int_eq(lease_sign(&b, f.signer, &c, &err), MUSTER_E_INVALID);
	c = fixture_claims(&f);
	c.exp = c.iat;
	ck_assert_int_eq(lease_sign(&b, f.signer, &c, &err), MUSTER_E_INVALID);
	ck_assert_uint_eq(b.n, 0);
	/* the longest claims fit, with room to spare under 4 KiB */
	c = fixture_claims(&f);
	memset(c.edition_id, 0xff, 16);
	memset(c.jti, 'a', sizeof(c.jti) - 1);
	c.jti[sizeof(c.jti) - 1] = '\0';
	c.nonce_len = 64;
	c.iat = TIME_MAX_S - 1;
	c.exp = TIME_MAX_S;
	c.count = c.minimum = c.renew = UINT32_MAX;
	c.record = true;
	fixture_ok(lease_sign(&b, f.signer, &c, &err), &err);
	ck_assert_uint_lt(b.n, TRUST_LEASE_MAX / 2);
	buf_fini(&b);
	/* no room in the caller's buffer */
	buf_init(&b, 100);
	ck_assert_int_ne(lease_sign(&b, f.signer, &c, &err), MUSTER_OK);
	buf_fini(&b);
	fixture_fini(&f);
}
END_TEST

START_TEST(test_lease_kid)
{
	struct fixture f;
	struct lease_claims c;
	struct muster_err err;
	struct buf b;
	char kid[TRUST_KID];

	fixture_init(&f, TRUST_ES256);
	c = fixture_claims(&f);
	sign(&b, &f, &c);
	fixture_ok(trust_token_kid(kid, span_of(b.p, b.n), &err), &err);
	ck_assert_str_eq(kid, trust_chain_kid(f.chain));
	buf_fini(&b);
	fixture_token(&b, f.host_key, "{\"alg\":\"ES256\",\"typ\":\"muster-lease+jwt\",\"kid\":\"../../etc/passwd\"}", "{}");
	ck_assert_int_eq(trust_token_kid(kid, span_of(b.p, b.n), &err), MUSTER_E_INVALID);
	ck_assert_str_eq(kid, "");
	buf_fini(&b);
	ck_assert_int_eq(trust_token_kid(kid, span_str("x.y"), &err), MUSTER_E_INVALID);
	fixture_fini(&f);
}
END_TEST

/* Values computed with another implementation (Python's hmac and hashlib) from the words of trust.md section 10. */
START_TEST(test_lease_known_answers)
{
	static const struct { uint8_t source; const char *value, *hex; } hardware[] = {
		{ 0, "machine 1", "005dec61505652104ae8cfea1bedafbe205d2a5e630ca20055b89c609f46c6ec" },
		{ 1, "4c4c4544-0042-3510-8056-b7c04f503232", "01e635ea743d3187e36aae42cad882e1ad32b4787d12de88abc85cd2009a9c1f" },
		{ 2, "52:54:00:12:34:56", "02792bff377589daa69b83b09e9f3da318a0f64100e0fa43eeb41e2d653a5286" },
		{ 3, "0123456789abcdef0123456789abcdef", "034d41c587d842c80fe6b7efb9b58945d620871d10eeebbc3f3b9111e502ed5d" },
	};
	uint8_t issuer_id[16], out[32], r[32], text[TRUST_USER_MAX + 1] = { 0 };
	char hex[HEX_SIZE(32)];
	size_t i;

	ck_assert_int_eq(uuid_parse(issuer_id, "6f1d2c3b-4a59-4e78-8b16-0c2d4e6f8091", 36), MUSTER_OK);
	for (i = 0; i < sizeof(hardware) / sizeof(hardware[0]); i++) {
		ck_assert_int_eq(trust_hardware_id(out, issuer_id, hardware[i].source, span_str(hardware[i].value)), MUSTER_OK);
		hex_encode(hex, out, 32);
		ck_assert_str_eq(hex, hardware[i].hex);
	}
	ck_assert_int_eq(trust_hardware_id(out, issuer_id, 4, span_str("x")), MUSTER_E_INVALID);
	ck_assert_int_eq(trust_hardware_id(out, issuer_id, 0, span_of("", 0)), MUSTER_E_INVALID);
	for (i = 0; i < 32; i++)
		r[i] = (uint8_t)i;
	ck_assert_int_eq(trust_release_hash(out, r), MUSTER_OK);
	hex_encode(hex, out, 32);
	ck_assert_str_eq(hex, "b5dd7c413bc5a125b2492f8ce2a73a2f2a100fbf9538c0d93eec65d763b70ec3");
	ck_assert_int_eq(trust_user_hash(out, span_str("EXAMPLE\\anna")), MUSTER_OK);
	hex_encode(hex, out, 32);
	ck_assert_str_eq(hex, "51ee2e384e0e5d15c27bee7900376bbb9e3b0f9d2b005b5476d3384a212742d5");
	ck_assert_int_eq(trust_user_hash(out, span_of("", 0)), MUSTER_E_INVALID);
	ck_assert_int_eq(trust_user_hash(out, span_of(text, TRUST_USER_MAX)), MUSTER_OK);
	ck_assert_int_eq(trust_user_hash(out, span_of(text, TRUST_USER_MAX + 1)), MUSTER_E_INVALID);
}
END_TEST

/* The committed vectors: what was signed once stays verifiable. */
START_TEST(test_lease_vectors)
{
	static const char *const files[] = { "lease-es256.json", "lease-ed25519.json" };
	const char *top = getenv("top_srcdir");
	size_t i;

	for (i = 0; i < 2; i++) {
		char *path = mem_printf("%s/tests/vectors/%s", top != NULL ? top : "..", files[i]);
		json_t *v = json_load_file(path, 0, NULL);
		const char *lease, *client, *hw;
		struct trust_anchors *anchors;
		struct trust_chain *chain;
		struct lease_claims c;
		struct lease_expect e = { 0 };
		struct muster_err err;
		uint8_t client_id[16], hardware[32], value[32];
		int64_t now;

		ck_assert_msg(v != NULL, "%s", path);
		lease = json_string_value(json_object_get(v, "lease"));
		client = json_string_value(json_object_get(v, "client_id"));
		hw = json_string_value(json_object_get(v, "hardware_id"));
		now = json_integer_value(json_object_get(v, "now"));
		fixture_ok(trust_anchors_read(&anchors, span_str(json_string_value(json_object_get(v, "issuer_pem"))), &err), &err);
		fixture_ok(trust_chain_read(&chain, span_str(json_string_value(json_object_get(v, "chain_pem"))), &err), &err);
		ck_assert_int_eq(uuid_parse(client_id, client, strlen(client)), MUSTER_OK);
		ck_assert_int_eq(hex_decode(hardware, 32, hw, strlen(hw)), MUSTER_OK);
		e.client_id = client_id;
		e.hw = hardware;
		fixture_ok(lease_verify(&c, span_str(lease), chain, anchors, &e, now, &err), &err);
		ck_assert_int_eq(c.exp, json_integer_value(json_object_get(v, "expires")));
		ck_assert_int_eq(trust_hardware_id(value, trust_anchors_issuer_id(anchors), 0, span_str(json_string_value(json_object_get(v, "hardware")))), MUSTER_OK);
		ck_assert_mem_eq(value, c.hw, 32);
		ck_assert_int_eq(lease_verify(&c, span_str(lease), chain, anchors, &e, now + 180 * FIX_DAY, &err), MUSTER_E_EXPIRED);
		trust_chain_unref(chain);
		trust_anchors_free(anchors);
		json_decref(v);
		mem_free(path);
	}
}
END_TEST

UNIT_MAIN("lease", test_lease_round_trip, test_lease_user, test_lease_every_bit_and_prefix, test_lease_expectations, test_lease_times, test_lease_roles,
          test_lease_form, test_lease_base64, test_lease_leading_zero, test_lease_strange_signatures, test_lease_signing_refuses,
          test_lease_kid, test_lease_known_answers, test_lease_vectors)
