#include <string.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/trust/jws.h"
#include "tests/unit/statement_fixture.h"

static const enum trust_algorithm algorithms[] = { TRUST_ES256, TRUST_EDDSA };

static struct confirmation example(const struct statement_fixture *s)
{
	struct confirmation c = { .iat = FIX_NOW, .kind = '1', .number = 706200501, .partial = "FGXNR", .product_count = 1 };

	memcpy(c.issuer_id, s->f.issuer_id, 16);
	uuid_random(c.id);
	memset(c.binding, 0xb1, sizeof(c.binding));
	memcpy(c.products[0], s->f.product_id, 16);
	return c;
}

static void check_same(const struct confirmation *a, const struct confirmation *b)
{
	json_t *x = confirmation_payload(a), *y = confirmation_payload(b);

	ck_assert(json_equal(x, y) == 1);
	ck_assert_mem_eq(a->issuer_id, b->issuer_id, 16);
	ck_assert_int_eq(a->iat, b->iat);
	json_decref(x);
	json_decref(y);
}

static void sign_example(struct buf *out, const struct statement_fixture *s)
{
	struct confirmation c = example(s);

	statement_fixture_sign(out, s, TRUST_TYP_CONFIRMATION, confirmation_payload(&c));
}

static int read_it(void *ctx, struct muster_span token, struct muster_err *err)
{
	const struct statement_fixture *s = ctx;
	struct confirmation c;

	return confirmation_read(&c, token, s->f.anchors, NULL, FIX_NOW, err);
}

/* What is signed is read back the same, with both algorithms, at once and in 19 years: a confirmation has no end of its own. */
START_TEST(test_statement_round_trip)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		struct statement_fixture s;
		struct confirmation c, got;
		struct muster_err err;
		struct buf b;

		statement_fixture_init(&s, algorithms[i]);
		c = example(&s);
		c.kind = 'Z';
		c.coverage_start = FIX_NOW + 1;
		c.coverage_end = FIX_NOW + 365 * FIX_DAY;
		statement_fixture_sign(&b, &s, TRUST_TYP_CONFIRMATION, confirmation_payload(&c));
		ck_assert_uint_lt(b.n, STATEMENT_CONFIRMATION_MAX);
		fixture_ok(confirmation_read(&got, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW, &err), &err);
		check_same(&got, &c);
		fixture_ok(confirmation_read(&got, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW + 19 * TRUST_YEAR_S, &err), &err);
		ck_assert_int_eq(confirmation_read(&got, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW - 4 * 3600, &err), MUSTER_OK);
		EXPECT_REFUSED(confirmation_read(&got, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW - 4 * 3600 - 1, &err), &err, MUSTER_E_NOT_YET,
		               "the confirmation was made at 2026-11-22T10:00:00Z, more than 4 hours from now");
		buf_fini(&b);
		statement_fixture_fini(&s);
	}
}
END_TEST

START_TEST(test_statement_every_bit_and_prefix)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		struct statement_fixture s;
		struct buf b;

		statement_fixture_init(&s, algorithms[i]);
		sign_example(&b, &s);
		statement_fixture_damage(span_of(b.p, b.n), "the confirmation", "this is no confirmation", 0, read_it, &s);
		buf_fini(&b);
		statement_fixture_fini(&s);
	}
}
END_TEST

/* An issuer of the same name and ID, with other roots; and one whose roots are pinned, but who is not named. */
START_TEST(test_statement_other_issuer)
{
	struct statement_fixture s, other;
	struct confirmation c;
	struct muster_err err;
	json_t *payload;
	struct buf b;

	statement_fixture_init(&s, TRUST_ES256);
	statement_fixture_init(&other, TRUST_ES256);
	sign_example(&b, &other);
	EXPECT_REFUSED(confirmation_read(&c, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_SIGNATURE,
	               "the confirmation: the certificate chain does not verify under the pinned issuer");
	buf_fini(&b);
	c = example(&s);
	s.f.issuer_id[0] ^= 1;
	statement_fixture_sign(&b, &s, TRUST_TYP_CONFIRMATION, confirmation_payload(&c));
	EXPECT_REFUSED(statement_verify(&payload, span_of(b.p, b.n), STATEMENT_CONFIRMATION_MAX, TRUST_TYP_CONFIRMATION, s.f.anchors, NULL, FIX_NOW, &err), &err,
	               MUSTER_E_SIGNATURE, "the confirmation names another issuer than the pinned one");
	ck_assert_ptr_null(payload);
	buf_fini(&b);
	statement_fixture_fini(&other);
	statement_fixture_fini(&s);
}
END_TEST

/* The two roles: neither signer is made for the other's types, and what one forges with its key is refused for its certificate. */
START_TEST(test_statement_roles)
{
	struct statement_fixture s;
	struct statement_signer *none;
	struct trust_signer *host;
	struct confirmation c;
	struct muster_err err;
	json_t *header, *payload, *x5c;
	struct buf b, forged;
	static const char *const types[][2] = {
		{ TRUST_TYP_PACK, "a host certificate cannot sign a licence pack" }, { TRUST_TYP_CONFIRMATION, "a host certificate cannot sign a confirmation" },
		{ TRUST_TYP_ROOTS, "a host certificate cannot sign an announcement of roots" },
	};
	size_t i;

	statement_fixture_init(&s, TRUST_ES256);
	EXPECT_REFUSED(statement_signer_new(&none, s.f.host_key, s.f.chain, &err), &err, MUSTER_E_MISMATCH, "keyUsage");
	ck_assert_ptr_null(none);
	EXPECT_REFUSED(statement_signer_new(&none, s.f.host_key, s.chain, &err), &err, MUSTER_E_MISMATCH, "the key does not belong to the certificate");
	EXPECT_REFUSED(trust_signer_new(&host, s.key, s.chain, &err), &err, MUSTER_E_MISMATCH, "keyUsage");
	buf_init(&b, TRUST_PACK_MAX);
	payload = json_object();
	EXPECT_REFUSED(statement_sign(&b, s.signer, TRUST_TYP_LEASE, s.f.issuer_id, FIX_NOW, payload, &err), &err, MUSTER_E_UNSUPPORTED,
	               "an issuer's statement certificate does not sign \"muster-lease+jwt\"");
	EXPECT_REFUSED(trust_token_sign(&b, s.f.signer, TRUST_TYP_PACK, span_str("{}"), &err), &err, MUSTER_E_UNSUPPORTED, "a host certificate does not sign");
	json_decref(payload);
	buf_fini(&b);
	sign_example(&b, &s);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		/* The host's own chain in x5c, its kid, its signature: everything right but the role. */
		header = statement_fixture_part(&b, 0);
		x5c = json_object_get(header, "x5c");
		json_object_set_new(header, "typ", json_string(types[i][0]));
		json_object_set_new(header, "kid", json_string(trust_chain_kid(s.f.chain)));
		unsigned char *der = NULL, text[4096];
		int n = i2d_X509(s.f.host, &der);

		EVP_EncodeBlock(text, der, n);
		OPENSSL_free(der);
		json_array_set_new(x5c, 0, json_string((const char *)text));
		statement_fixture_token(&forged, s.f.host_key, header, statement_fixture_part(&b, 1));
		EXPECT_REFUSED(statement_verify(&payload, span_of(forged.p, forged.n), TRUST_PACK_MAX, types[i][0], s.f.anchors, NULL, FIX_NOW, &err), &err,
		               MUSTER_E_MISMATCH, types[i][1]);
		buf_fini(&forged);
	}
	/* A lease given as a confirmation, and a confirmation given as a lease. */
	struct lease_claims claims = fixture_claims(&s.f);
	struct buf lease;

	buf_init(&lease, TRUST_LEASE_MAX);
	fixture_ok(lease_sign(&lease, s.f.signer, &claims, &err), &err);
	EXPECT_REFUSED(confirmation_read(&c, span_of(lease.p, lease.n), s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_MISMATCH,
	               "this is no confirmation: its type is \"muster-lease+jwt\"");
	ck_assert_int_ne(lease_verify(&claims, span_of(b.p, b.n), s.f.chain, s.f.anchors, NULL, FIX_NOW, &err), MUSTER_OK);
	ck_assert_int_ne(lease_verify(&claims, span_of(b.p, b.n), s.chain, s.f.anchors, NULL, FIX_NOW, &err), MUSTER_OK);
	buf_fini(&lease);
	/* one type of statement given as another */
	EXPECT_REFUSED(statement_verify(&payload, span_of(b.p, b.n), TRUST_PACK_MAX, TRUST_TYP_PACK, s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_MISMATCH,
	               "this is no licence pack: its type is \"muster-confirmation+jwt\", not \"muster-pack+jwt\"");
	EXPECT_REFUSED(statement_verify(&payload, span_of(b.p, b.n), TRUST_PACK_MAX, TRUST_TYP_LEASE, s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_UNSUPPORTED,
	               "does not sign");
	buf_fini(&b);
	statement_fixture_fini(&s);
}
END_TEST

/* base64 of a certificate's DER as x5c has it */
static json_t *x5c_of(X509 *x)
{
	unsigned char *der = NULL, text[4096];
	int n = i2d_X509(x, &der);

	EVP_EncodeBlock(text, der, n);
	OPENSSL_free(der);
	return json_string((const char *)text);
}

/* Changes of the header, each signed rightly again. */
START_TEST(test_statement_header)
{
	struct statement_fixture s, other;
	struct confirmation c;
	struct muster_err err;
	struct buf b, t;
	unsigned i;
	static const struct { int result; const char *part; } want[] = {
		{ MUSTER_E_INVALID, "the confirmation's header is not exactly alg, typ, kid and x5c" },
		{ MUSTER_E_INVALID, "the confirmation's header is not exactly alg, typ, kid and x5c" },
		{ MUSTER_E_MISMATCH, "this is no confirmation: its type is \"JWT\"" },
		{ MUSTER_E_INVALID, "the confirmation's algorithm is not that of the signer's key, ES256" },
		{ MUSTER_E_INVALID, "the confirmation's kid is not that of the signer in its x5c" },
		{ MUSTER_E_INVALID, "the confirmation's x5c has 3 certificates: it must be the signer and the intermediate, without a root" },
		{ MUSTER_E_INVALID, "the confirmation's x5c has 1 certificates" },
		{ MUSTER_E_INVALID, "the confirmation's x5c holds a root: roots are pinned" },
		{ MUSTER_E_SIGNATURE, "the confirmation: the certificate chain does not verify under the pinned issuer" },
		{ MUSTER_E_INVALID, "the confirmation's x5c: certificate 2 is not strict base64" },
		{ MUSTER_E_INVALID, "the confirmation's x5c: certificate 1 is not strict base64" },
		{ MUSTER_E_INVALID, "the confirmation's x5c: damaged certificate" },
		{ MUSTER_E_INVALID, "the confirmation's header is not exactly alg, typ, kid and x5c" },
	};

	statement_fixture_init(&s, TRUST_ES256);
	statement_fixture_init(&other, TRUST_ES256);
	sign_example(&b, &s);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		json_t *h = statement_fixture_part(&b, 0), *x5c = json_object_get(h, "x5c");

		switch (i) {
		case 0: json_object_set_new(h, "jku", json_string("https://example.org")); break;
		case 1: json_object_del(h, "x5c"); break;
		case 2: json_object_set_new(h, "typ", json_string("JWT")); break;
		case 3: json_object_set_new(h, "alg", json_string("EdDSA")); break;
		case 4: json_object_set_new(h, "kid", json_string(trust_chain_kid(s.f.chain))); break;
		case 5: json_array_append_new(x5c, x5c_of(s.f.root)); break;
		case 6: json_array_remove(x5c, 1); break;
		case 7: json_array_set_new(x5c, 1, x5c_of(s.f.root)); break;
		case 8: json_array_set_new(x5c, 1, x5c_of(other.f.mid)); break;
		case 9: json_array_set_new(x5c, 1, json_integer(1)); break;
		case 10: json_array_set_new(x5c, 0, json_string("AAB=")); break;
		case 11: json_array_set_new(x5c, 0, json_string("AAAA")); break;
		default: json_object_set_new(h, "kid", json_integer(1)); break;
		}
		statement_fixture_token(&t, s.key, h, statement_fixture_part(&b, 1));
		EXPECT_REFUSED(confirmation_read(&c, span_of(t.p, t.n), s.f.anchors, NULL, FIX_NOW, &err), &err, want[i].result, want[i].part);
		buf_fini(&t);
	}
	buf_fini(&b);
	statement_fixture_fini(&other);
	statement_fixture_fini(&s);
}
END_TEST

/* Changes of the payload, each signed rightly again. */
START_TEST(test_statement_payload)
{
	struct statement_fixture s;
	struct confirmation c;
	struct muster_err err;
	struct buf b, t;
	unsigned i;
	static const struct { int result; const char *part; } want[] = {
		{ MUSTER_E_INVALID, "the confirmation's \"iat\" is missing or malformed" },
		{ MUSTER_E_INVALID, "the confirmation's nbf differs from its iat" },
		{ MUSTER_E_MISMATCH, "the confirmation's \"aud\" is not \"muster-confirmation+jwt\"" },
		{ MUSTER_E_INVALID, "the confirmation's \"iss\" is missing or malformed" },
		{ MUSTER_E_UNSUPPORTED, "the confirmation is of version 2; this program reads version 1" },
		{ MUSTER_E_INVALID, "the confirmation: the member \"only_on\" is not known here" },
		{ MUSTER_E_INVALID, "the confirmation: \"binding\" is missing or malformed" },
		{ MUSTER_E_INVALID, "the confirmation is for a key that is not counted" },
		{ MUSTER_E_INVALID, "the confirmation: \"products\" is missing or malformed" },
		{ MUSTER_E_INVALID, "the confirmation names the product 2e28138a-847f-42bc-9752-61b03fff33cd twice" },
		{ MUSTER_E_INVALID, "the confirmation: its coverage ends before it begins" },
		{ MUSTER_E_INVALID, "the confirmation: \"jti\" is missing or malformed" },
		{ MUSTER_E_INVALID, "the confirmation: \"partial\" is missing or malformed" },
		{ MUSTER_E_INVALID, "the confirmation: \"number\" is not within 0 and 1073741823" },
		{ MUSTER_E_EXPIRED, "the confirmation ended at 2026-11-22T09:59:59Z" },
		{ MUSTER_E_NOT_YET, "the confirmation: the certificate chain does not verify under the pinned issuer" },
		{ MUSTER_E_EXPIRED, "the confirmation: the certificate chain does not verify under the pinned issuer" },
	};

	statement_fixture_init(&s, TRUST_EDDSA);
	sign_example(&b, &s);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		json_t *p = statement_fixture_part(&b, 1), *list = json_object_get(p, "products"), *key = json_object_get(p, "key"), *m;

		switch (i) {
		case 0: json_object_set_new(p, "iat", json_real(1.5)); break;
		case 1: json_object_set_new(p, "nbf", json_integer(FIX_NOW + 1)); break;
		case 2: json_object_set_new(p, "aud", json_string(TRUST_TYP_PACK)); break;
		case 3: json_object_del(p, "iss"); break;
		case 4: json_object_set_new(p, "ver", json_integer(2)); break;
		case 5: json_object_set_new(p, "only_on", json_string("Sundays")); break;
		case 6: json_object_set_new(p, "binding", json_string("AAAA")); break;
		case 7: json_object_set_new(key, "kind", json_string("A")); break;
		case 8: json_array_clear(list); break;
		case 9: json_array_append(list, json_array_get(list, 0)); break;
		case 10:
			json_object_set_new(p, "coverage", m = json_object());
			json_object_set_new(m, "start", json_integer(5));
			json_object_set_new(m, "end", json_integer(5));
			break;
		case 11: json_object_set_new(p, "jti", json_string("urn:uuid:2E28138a-847f-42bc-9752-61b03fff33cd")); break;
		case 12: json_object_set_new(key, "partial", json_string("FGXNU")); break;
		case 13: json_object_set_new(key, "number", json_integer(INT64_C(1) << 30)); break;
		case 14: json_object_set_new(p, "exp", json_integer(FIX_NOW - 1)); break;
		default:
			/* before the signer's certificate began, and after it ended: the chain is looked at as it was then */
			json_object_set_new(p, "iat", json_integer(i == 15 ? FIX_NOW - 2 * FIX_DAY : FIX_NOW + 4 * TRUST_YEAR_S));
			json_object_set_new(p, "nbf", json_integer(i == 15 ? FIX_NOW - 2 * FIX_DAY : FIX_NOW + 4 * TRUST_YEAR_S));
			break;
		}
		statement_fixture_token(&t, s.key, statement_fixture_part(&b, 0), p);
		EXPECT_REFUSED(confirmation_read(&c, span_of(t.p, t.n), s.f.anchors, NULL, FIX_NOW, &err), &err, want[i].result, want[i].part);
		buf_fini(&t);
	}
	buf_fini(&b);
	statement_fixture_fini(&s);
}
END_TEST

/* Members named twice, in header and payload: two readers could see two different things. */
START_TEST(test_statement_duplicates)
{
	struct statement_fixture s;
	struct confirmation c;
	struct muster_err err;
	struct buf b, t;
	json_t *h, *p;
	char *header, *payload, text[8192];

	statement_fixture_init(&s, TRUST_ES256);
	sign_example(&b, &s);
	h = statement_fixture_part(&b, 0);
	p = statement_fixture_part(&b, 1);
	header = json_dumps(h, JSON_COMPACT);
	payload = json_dumps(p, JSON_COMPACT);
	snprintf(text, sizeof(text), "{\"typ\":\"muster-pack+jwt\",%s", header + 1);
	fixture_token(&t, s.key, text, payload);
	EXPECT_REFUSED(confirmation_read(&c, span_of(t.p, t.n), s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_INVALID, "the confirmation's header is not JSON: duplicate");
	buf_fini(&t);
	snprintf(text, sizeof(text), "{\"iat\":1,%s", payload + 1);
	fixture_token(&t, s.key, header, text);
	EXPECT_REFUSED(confirmation_read(&c, span_of(t.p, t.n), s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_INVALID, "the confirmation's payload is not JSON: duplicate");
	buf_fini(&t);
	fixture_token(&t, s.key, header, "[]");
	EXPECT_REFUSED(confirmation_read(&c, span_of(t.p, t.n), s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_INVALID, "the confirmation's payload is not a JSON object");
	buf_fini(&t);
	free(header);
	free(payload);
	json_decref(h);
	json_decref(p);
	buf_fini(&b);
	statement_fixture_fini(&s);
}
END_TEST

/* Key compromise, or no reason given, ends everything the signer signed; the other reasons only what is signed from then on. */
START_TEST(test_statement_revoked)
{
	static const struct { enum crl_reason reason; int64_t at; int result; const char *part; } cases[] = {
		{ CRL_KEY_COMPROMISE, FIX_NOW + FIX_DAY, MUSTER_E_REFUSED, "the certificate of the issuer that signed this confirmation was revoked at 2026-11-23T10:00:00Z (key-compromise; revocation list 7)" },
		{ CRL_UNSPECIFIED, FIX_NOW + FIX_DAY, MUSTER_E_REFUSED, "(unspecified; revocation list 7)" },
		{ CRL_SUPERSEDED, FIX_NOW, MUSTER_E_REFUSED, "(superseded; revocation list 7)" },
		{ CRL_SUPERSEDED, FIX_NOW + 1, MUSTER_OK, "" },
		{ CRL_CESSATION, FIX_NOW + 1, MUSTER_OK, "" },
		{ CRL_AFFILIATION, FIX_NOW + 1, MUSTER_OK, "" },
		{ CRL_AFFILIATION, FIX_NOW - 1, MUSTER_E_REFUSED, "(affiliation-changed; revocation list 7)" },
	};
	struct statement_fixture s;
	struct confirmation c;
	struct muster_err err;
	struct crl *crl;
	struct buf b;
	size_t i;

	statement_fixture_init(&s, TRUST_ES256);
	sign_example(&b, &s);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err.message[0] = '\0';
		crl = statement_fixture_crl(&s, s.cert, cases[i].reason, cases[i].at, 7);
		EXPECT_REFUSED(confirmation_read(&c, span_of(b.p, b.n), s.f.anchors, crl, FIX_NOW + 2 * FIX_DAY, &err), &err, cases[i].result, cases[i].part);
		crl_unref(crl);
	}
	crl = statement_fixture_crl(&s, s.f.host, CRL_KEY_COMPROMISE, FIX_NOW, 8);
	fixture_ok(confirmation_read(&c, span_of(b.p, b.n), s.f.anchors, crl, FIX_NOW, &err), &err);
	crl_unref(crl);
	buf_fini(&b);
	statement_fixture_fini(&s);
}
END_TEST

START_TEST(test_statement_too_long)
{
	static char long_one[STATEMENT_CONFIRMATION_MAX + 2];
	struct statement_fixture s;
	struct confirmation c;
	struct muster_err err;

	statement_fixture_init(&s, TRUST_ES256);
	memset(long_one, 'a', sizeof(long_one) - 1);
	EXPECT_REFUSED(confirmation_read(&c, span_str(long_one), s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_INVALID,
	               "the confirmation has 16385 characters; at most 16384 are read");
	EXPECT_REFUSED(confirmation_read(&c, span_str(""), s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_INVALID, "the confirmation does not have three parts: it is something else, or not the whole of it");
	statement_fixture_fini(&s);
}
END_TEST

/* A new root of the same issuer, announced under the old one: taken once, never taken away by an older announcement. */
START_TEST(test_statement_roots)
{
	struct statement_fixture s, next;
	struct trust_anchors *both;
	struct muster_err err;
	struct buf old, fresh, pem, b;
	json_t *payload;
	uint8_t id[16];
	size_t added;

	statement_fixture_init(&s, TRUST_ES256);
	statement_fixture_init(&next, TRUST_EDDSA);   /* the same issuer_id: it survives rotation */
	uuid_random(id);
	fixture_pem(&old, s.f.root, NULL);
	fixture_pem(&fresh, s.f.root, next.f.root);
	fixture_ok(roots_payload(&payload, id, span_of(fresh.p, fresh.n), &err), &err);
	statement_fixture_sign(&b, &s, TRUST_TYP_ROOTS, payload);
	buf_init(&pem, 65536);
	fixture_ok(roots_read(&pem, &added, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW, &err), &err);
	ck_assert_uint_eq(added, 1);
	ck_assert_str_eq(buf_str(&pem), buf_str(&fresh));
	fixture_ok(trust_anchors_read(&both, span_of(pem.p, pem.n), &err), &err);
	buf_clear(&pem);
	/* again: nothing new */
	fixture_ok(roots_read(&pem, &added, span_of(b.p, b.n), both, NULL, FIX_NOW, &err), &err);
	ck_assert_uint_eq(added, 0);
	buf_fini(&b);
	buf_clear(&pem);
	/* an older one, without the new root: nothing is lost */
	fixture_ok(roots_payload(&payload, id, span_of(old.p, old.n), &err), &err);
	statement_fixture_sign(&b, &s, TRUST_TYP_ROOTS, payload);
	fixture_ok(roots_read(&pem, &added, span_of(b.p, b.n), both, NULL, FIX_NOW, &err), &err);
	ck_assert_uint_eq(added, 0);
	ck_assert_str_eq(buf_str(&pem), buf_str(&fresh));
	buf_fini(&b);
	/* under the new root alone: not for those who pin the old one only */
	fixture_ok(roots_payload(&payload, id, span_of(fresh.p, fresh.n), &err), &err);
	statement_fixture_sign(&b, &next, TRUST_TYP_ROOTS, payload);
	EXPECT_REFUSED(roots_read(&pem, &added, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_SIGNATURE,
	               "the announcement of roots: the certificate chain does not verify under the pinned issuer");
	buf_fini(&b);
	trust_anchors_free(both);
	buf_fini(&pem);
	buf_fini(&fresh);
	buf_fini(&old);
	statement_fixture_fini(&next);
	statement_fixture_fini(&s);
}
END_TEST

/* Roots that are none, of another issuer, or too many. */
START_TEST(test_statement_roots_refused)
{
	struct statement_fixture s;
	struct muster_err err;
	struct buf pem, b, out;
	json_t *payload;
	uint8_t id[16];
	EVP_PKEY *key;
	X509 *root;
	size_t added, i;

	statement_fixture_init(&s, TRUST_ES256);
	uuid_random(id);
	buf_init(&out, 1 << 20);
	fixture_pem(&pem, s.f.mid, NULL);
	EXPECT_REFUSED(roots_payload(&payload, id, span_of(pem.p, pem.n), &err), &err, MUSTER_E_INVALID, "basicConstraints");
	ck_assert_ptr_null(payload);
	buf_fini(&pem);
	/* another issuer's root */
	fixture_ok(trust_key_generate(&key, TRUST_EDDSA, &err), &err);
	fixture_ok(trust_make_root(&root, key, s.f.product_id, "Somebody", FIX_NOW, &err), &err);
	fixture_pem(&pem, root, NULL);
	fixture_ok(roots_payload(&payload, id, span_of(pem.p, pem.n), &err), &err);
	statement_fixture_sign(&b, &s, TRUST_TYP_ROOTS, payload);
	EXPECT_REFUSED(roots_read(&out, &added, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_MISMATCH,
	               "the announcement of roots names a root of another issuer");
	buf_fini(&b);
	buf_fini(&pem);
	X509_free(root);
	/* eight new ones beside the pinned one */
	buf_init(&pem, 1 << 20);
	for (i = 0; i < TRUST_ROOTS_MAX; i++) {
		struct buf one;

		fixture_ok(trust_make_root(&root, key, s.f.issuer_id, "Example Software", FIX_NOW + (int64_t)i, &err), &err);
		fixture_pem(&one, root, NULL);
		buf_add(&pem, one.p, one.n);
		buf_fini(&one);
		X509_free(root);
	}
	fixture_ok(roots_payload(&payload, id, span_of(pem.p, pem.n), &err), &err);
	statement_fixture_sign(&b, &s, TRUST_TYP_ROOTS, payload);
	EXPECT_REFUSED(roots_read(&out, &added, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_LIMIT, "with 8 new roots there would be more than 8");
	buf_fini(&b);
	payload = json_object();
	json_object_set_new(payload, "ver", json_integer(1));
	json_object_set_new(payload, "jti", json_string("urn:uuid:2e28138a-847f-42bc-9752-61b03fff33cd"));
	json_object_set_new(payload, "roots", json_string("none"));
	statement_fixture_sign(&b, &s, TRUST_TYP_ROOTS, payload);
	EXPECT_REFUSED(roots_read(&out, &added, span_of(b.p, b.n), s.f.anchors, NULL, FIX_NOW, &err), &err, MUSTER_E_INVALID,
	               "the announcement of roots: the issuer's root file holds no certificate");
	buf_fini(&b);
	EVP_PKEY_free(key);
	buf_fini(&out);
	buf_fini(&pem);
	statement_fixture_fini(&s);
}
END_TEST

UNIT_MAIN("statement", test_statement_round_trip, test_statement_every_bit_and_prefix, test_statement_other_issuer, test_statement_roles, test_statement_header,
          test_statement_payload, test_statement_duplicates, test_statement_revoked, test_statement_too_long, test_statement_roots, test_statement_roots_refused)
