#include <stdio.h>
#include <string.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include "core/base/bytes.h"
#include "core/trust/certs.h"
#include "tests/unit/trust_fixture.h"

#define ONE "URI:urn:uuid:2e28138a-847f-42bc-9752-61b03fff33cd"
#define TWO "URI:urn:uuid:98ebfe73-2084-4c97-932c-c0cd1643bea7"
#define DOCUMENT "1.3.6.1.5.5.7.3.36"
#define HOST_BC "critical,CA:FALSE"
#define HOST_KU "critical,digitalSignature"
#define STATEMENT_KU "critical,digitalSignature,nonRepudiation"
#define CA_KU "critical,keyCertSign,cRLSign"

/* A certificate with any extensions; NULL: none of that kind. Dates in days from FIX_NOW; 0 in both: one day before, two years after. */
struct craft {
	const char *what, *bc, *ku, *eku, *san;
	int from, to;
	int result;
	const char *message;
	const char *second_san;   /* a second extension of the same kind */
	const EVP_MD *md;
};

static void add(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ck_assert_ptr_nonnull(e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value));
	ck_assert_int_eq(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static X509 *craft(const struct craft *c, EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *x = X509_new();
	const EVP_MD *md = c->md != NULL ? c->md : EVP_PKEY_is_a(issuer_key, "ED25519") ? NULL : EVP_sha256();
	int from = c->to != 0 ? c->from : -1, to = c->to != 0 ? c->to : 730;

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x));
	ASN1_TIME_set(X509_getm_notBefore(x), FIX_NOW + from * FIX_DAY);
	ASN1_TIME_set(X509_getm_notAfter(x), FIX_NOW + to * FIX_DAY);
	X509_set_pubkey(x, key);
	add(x, issuer != NULL ? issuer : x, NID_subject_key_identifier, "hash");
	if (issuer != NULL)
		add(x, issuer, NID_authority_key_identifier, "keyid:always");
	add(x, issuer, NID_basic_constraints, c->bc);
	add(x, issuer, NID_key_usage, c->ku);
	add(x, issuer, NID_ext_key_usage, c->eku);
	add(x, issuer, NID_subject_alt_name, c->san);
	add(x, issuer, NID_subject_alt_name, c->second_san);
	ck_assert_int_gt(X509_sign(x, issuer_key, md), 0);
	return x;
}

static void expect(const char *what, int got, int want, const char *message, const struct muster_err *err)
{
	ck_assert_msg(got == want, "%s: result %d instead of %d: %s", what, got, want, got != MUSTER_OK ? err->message : "accepted");
	ck_assert_msg(message == NULL || strstr(err->message, message) != NULL, "%s: message \"%s\" lacks \"%s\"", what, err->message, message);
}

static int check(struct fixture *f, X509 *leaf, X509 *mid, enum trust_role role, int64_t at, struct muster_err *err)
{
	struct trust_chain *c = fixture_chain(leaf, mid);
	int r = trust_chain_verify(c, f->anchors, role, at, err);

	trust_chain_unref(c);
	return r;
}

START_TEST(test_certs_lease_role)
{
	static const struct craft cases[] = {
		{ "as it should be", HOST_BC, HOST_KU, NULL, ONE, .result = MUSTER_OK },
		{ "two products", HOST_BC, HOST_KU, NULL, ONE "," TWO, .result = MUSTER_OK },
		{ "no basicConstraints", NULL, HOST_KU, NULL, ONE, .result = MUSTER_E_MISMATCH, .message = "basicConstraints" },
		{ "basicConstraints not critical", "CA:FALSE", HOST_KU, NULL, ONE, .result = MUSTER_E_MISMATCH, .message = "basicConstraints" },
		{ "a CA", "critical,CA:TRUE", HOST_KU, NULL, ONE, .result = MUSTER_E_MISMATCH, .message = "basicConstraints" },
		{ "no keyUsage", HOST_BC, NULL, NULL, ONE, .result = MUSTER_E_MISMATCH, .message = "keyUsage" },
		{ "keyUsage not critical", HOST_BC, "digitalSignature", NULL, ONE, .result = MUSTER_E_MISMATCH, .message = "keyUsage" },
		{ "an extra usage", HOST_BC, "critical,digitalSignature,keyAgreement", NULL, ONE, .result = MUSTER_E_MISMATCH, .message = "keyUsage" },
		{ "another usage", HOST_BC, "critical,nonRepudiation", NULL, ONE, .result = MUSTER_E_MISMATCH, .message = "keyUsage" },
		{ "a statement signer's usages", HOST_BC, STATEMENT_KU, NULL, ONE, .result = MUSTER_E_MISMATCH, .message = "keyUsage" },
		{ "an extended usage", HOST_BC, HOST_KU, DOCUMENT, ONE, .result = MUSTER_E_MISMATCH, .message = "extendedKeyUsage" },
		{ "a TLS client too", HOST_BC, HOST_KU, "clientAuth", ONE, .result = MUSTER_E_MISMATCH, .message = "extendedKeyUsage" },
		{ "no SAN", HOST_BC, HOST_KU, NULL, NULL, .result = MUSTER_E_MISMATCH, .message = "SAN" },
		{ "a DNS name", HOST_BC, HOST_KU, NULL, "DNS:host.example.org", .result = MUSTER_E_MISMATCH, .message = "SAN" },
		{ "a DNS name besides", HOST_BC, HOST_KU, NULL, ONE ",DNS:host.example.org", .result = MUSTER_E_MISMATCH, .message = "SAN" },
		{ "another URI", HOST_BC, HOST_KU, NULL, "URI:https://example.org/", .result = MUSTER_E_MISMATCH, .message = "SAN" },
		{ "upper case", HOST_BC, HOST_KU, NULL, "URI:urn:uuid:2E28138A-847F-42BC-9752-61B03FFF33CD", .result = MUSTER_E_MISMATCH, .message = "SAN" },
		{ "URN in upper case", HOST_BC, HOST_KU, NULL, "URI:URN:UUID:2e28138a-847f-42bc-9752-61b03fff33cd", .result = MUSTER_E_MISMATCH, .message = "SAN" },
		{ "a character too many", HOST_BC, HOST_KU, NULL, ONE "0", .result = MUSTER_E_MISMATCH, .message = "SAN" },
		{ "a product twice", HOST_BC, HOST_KU, NULL, ONE "," ONE, .result = MUSTER_E_MISMATCH, .message = "SAN" },
		{ "two SAN extensions", HOST_BC, HOST_KU, NULL, ONE, .second_san = TWO, .result = MUSTER_E_SIGNATURE },
		{ "SHA-1", HOST_BC, HOST_KU, NULL, ONE, .result = MUSTER_E_INVALID, .message = "algorithm" },
		{ "outlives its issuer", HOST_BC, HOST_KU, NULL, ONE, -1, 7 * 365, .result = MUSTER_E_INVALID, .message = "outlives" },
		{ "begins before its issuer", HOST_BC, HOST_KU, NULL, ONE, -3, 300, .result = MUSTER_E_INVALID, .message = "first three years" },
	};
	struct fixture f;
	struct muster_err err;
	size_t i;

	fixture_init(&f, TRUST_ES256);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct craft c = cases[i];
		X509 *x;

		if (strcmp(c.what, "SHA-1") == 0)
			c.md = EVP_sha1();
		x = craft(&c, f.host_key, "host", f.mid, f.mid_key);
		expect(c.what, check(&f, x, f.mid, TRUST_ROLE_LEASE, FIX_NOW, &err), c.result, c.message, &err);
		X509_free(x);
	}
	fixture_fini(&f);
}
END_TEST

START_TEST(test_certs_statement_role)
{
	static const struct craft cases[] = {
		{ "as it should be", HOST_BC, STATEMENT_KU, "critical," DOCUMENT, NULL, .result = MUSTER_OK },
		{ "extended usage not critical", HOST_BC, STATEMENT_KU, DOCUMENT, NULL, .result = MUSTER_E_MISMATCH, .message = "extendedKeyUsage" },
		{ "no extended usage", HOST_BC, STATEMENT_KU, NULL, NULL, .result = MUSTER_E_MISMATCH, .message = "extendedKeyUsage" },
		{ "one more", HOST_BC, STATEMENT_KU, "critical," DOCUMENT ",emailProtection", NULL, .result = MUSTER_E_MISMATCH, .message = "extendedKeyUsage" },
		{ "another", HOST_BC, STATEMENT_KU, "critical,codeSigning", NULL, .result = MUSTER_E_MISMATCH, .message = "extendedKeyUsage" },
		{ "a host's usage", HOST_BC, HOST_KU, "critical," DOCUMENT, NULL, .result = MUSTER_E_MISMATCH, .message = "keyUsage" },
		{ "a SAN", HOST_BC, STATEMENT_KU, "critical," DOCUMENT, ONE, .result = MUSTER_E_MISMATCH, .message = "SAN" },
		{ "a host", HOST_BC, HOST_KU, NULL, ONE, .result = MUSTER_E_MISMATCH, .message = "keyUsage" },
	};
	struct fixture f;
	struct muster_err err;
	X509 *x;
	size_t i;

	fixture_init(&f, TRUST_ES256);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		x = craft(&cases[i], f.host_key, "signer", f.mid, f.mid_key);
		expect(cases[i].what, check(&f, x, f.mid, TRUST_ROLE_STATEMENT, FIX_NOW, &err), cases[i].result, cases[i].message, &err);
		X509_free(x);
	}
	/* what we make ourselves, crosswise */
	fixture_ok(trust_make_statement(&x, f.host_key, "statements", f.mid, f.mid_key, FIX_NOW, &err), &err);
	expect("statement", check(&f, x, f.mid, TRUST_ROLE_STATEMENT, FIX_NOW, &err), MUSTER_OK, NULL, &err);
	expect("statement as host", check(&f, x, f.mid, TRUST_ROLE_LEASE, FIX_NOW, &err), MUSTER_E_MISMATCH, "keyUsage", &err);
	expect("statement as server", check(&f, x, f.mid, TRUST_ROLE_TLS, FIX_NOW, &err), MUSTER_E_MISMATCH, "serverAuth", &err);
	expect("host as statement", check(&f, f.host, f.mid, TRUST_ROLE_STATEMENT, FIX_NOW, &err), MUSTER_E_MISMATCH, "keyUsage", &err);
	expect("host as server", check(&f, f.host, f.mid, TRUST_ROLE_TLS, FIX_NOW, &err), MUSTER_E_MISMATCH, "serverAuth", &err);
	X509_free(x);
	x = craft(&(struct craft){ .bc = HOST_BC, .ku = HOST_KU, .eku = "serverAuth", .san = "DNS:activate.example.org" }, f.host_key, "server", f.mid, f.mid_key);
	expect("server", check(&f, x, f.mid, TRUST_ROLE_TLS, FIX_NOW, &err), MUSTER_OK, NULL, &err);
	expect("server as host", check(&f, x, f.mid, TRUST_ROLE_LEASE, FIX_NOW, &err), MUSTER_E_MISMATCH, NULL, &err);
	X509_free(x);
	fixture_fini(&f);
}
END_TEST

START_TEST(test_certs_intermediate)
{
	static const struct craft cases[] = {
		{ "as it should be", "critical,CA:TRUE,pathlen:0", CA_KU, NULL, NULL, -1, 6 * 365, .result = MUSTER_OK },
		{ "no path length", "critical,CA:TRUE", CA_KU, NULL, NULL, -1, 2000, .result = MUSTER_E_INVALID, .message = "pathlen" },
		{ "path length 1", "critical,CA:TRUE,pathlen:1", CA_KU, NULL, NULL, -1, 2000, .result = MUSTER_E_INVALID, .message = "pathlen" },
		{ "not critical", "CA:TRUE,pathlen:0", CA_KU, NULL, NULL, -1, 2000, .result = MUSTER_E_SIGNATURE },
		{ "no CA", HOST_BC, CA_KU, NULL, NULL, -1, 2000, .result = MUSTER_E_SIGNATURE },
		{ "no keyUsage", "critical,CA:TRUE,pathlen:0", NULL, NULL, NULL, -1, 2000, .result = MUSTER_E_SIGNATURE },
		{ "may not sign certificates", "critical,CA:TRUE,pathlen:0", "critical,cRLSign", NULL, NULL, -1, 2000, .result = MUSTER_E_SIGNATURE },
		{ "signs leases too", "critical,CA:TRUE,pathlen:0", CA_KU ",digitalSignature", NULL, NULL, -1, 2000, .result = MUSTER_E_INVALID, .message = "keyUsage" },
		{ "no revocation lists", "critical,CA:TRUE,pathlen:0", "critical,keyCertSign", NULL, NULL, -1, 2000, .result = MUSTER_E_INVALID, .message = "keyUsage" },
		{ "outlives the root", "critical,CA:TRUE,pathlen:0", CA_KU, NULL, NULL, -1, 21 * 366, .result = MUSTER_E_INVALID, .message = "outlives" },
		{ "four years old when it issued", "critical,CA:TRUE,pathlen:0", CA_KU, NULL, NULL, -4 * 366, 2000, .result = MUSTER_E_INVALID, .message = "first three years" },
		{ "over", "critical,CA:TRUE,pathlen:0", CA_KU, NULL, NULL, -100, -1, .result = MUSTER_E_EXPIRED },
		{ "not begun", "critical,CA:TRUE,pathlen:0", CA_KU, NULL, NULL, 1, 2000, .result = MUSTER_E_NOT_YET },
	};
	const struct craft leaf = { "leaf", HOST_BC, HOST_KU, NULL, ONE, -1, 730, .result = MUSTER_OK };
	struct fixture f;
	struct muster_err err;
	X509 *mid, *x;
	size_t i;

	fixture_init(&f, TRUST_ES256);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		mid = craft(&cases[i], f.mid_key, "intermediate", f.root, f.root_key);
		x = craft(&leaf, f.host_key, "host", mid, f.mid_key);
		expect(cases[i].what, check(&f, x, mid, TRUST_ROLE_LEASE, FIX_NOW, &err), cases[i].result, cases[i].message, &err);
		X509_free(x);
		X509_free(mid);
	}
	/* path length: a leaf under an intermediate that stands under an intermediate */
	mid = craft(&cases[0], f.host_key, "second", f.mid, f.mid_key);
	x = craft(&leaf, f.root_key, "host", mid, f.host_key);
	expect("two intermediates", check(&f, x, mid, TRUST_ROLE_LEASE, FIX_NOW, &err), MUSTER_E_SIGNATURE, NULL, &err);
	X509_free(x);
	X509_free(mid);
	fixture_fini(&f);
}
END_TEST

START_TEST(test_certs_path)
{
	enum trust_algorithm a;

	for (a = TRUST_ES256; a <= TRUST_EDDSA; a++) {
		struct fixture f, g;
		struct muster_err err;
		struct trust_chain *c;
		struct trust_anchors *both;
		struct buf pem;
		size_t n;
		const int64_t end = FIX_NOW + TRUST_HOST_LIFE_S;

		fixture_init(&f, a);
		fixture_init(&g, a);
		ck_assert_int_eq(trust_chain_verify(f.chain, f.anchors, TRUST_ROLE_LEASE, FIX_NOW, &err), MUSTER_OK);
		/* another root of the very same name and issuer ID; another intermediate; the wrong order */
		ck_assert_int_eq(trust_chain_verify(f.chain, g.anchors, TRUST_ROLE_LEASE, FIX_NOW, &err), MUSTER_E_SIGNATURE);
		c = fixture_chain(f.host, g.mid);
		ck_assert_int_eq(trust_chain_verify(c, f.anchors, TRUST_ROLE_LEASE, FIX_NOW, &err), MUSTER_E_SIGNATURE);
		ck_assert_int_eq(trust_chain_verify(c, g.anchors, TRUST_ROLE_LEASE, FIX_NOW, &err), MUSTER_E_SIGNATURE);
		trust_chain_unref(c);
		c = fixture_chain(f.mid, f.host);
		ck_assert_int_ne(trust_chain_verify(c, f.anchors, TRUST_ROLE_LEASE, FIX_NOW, &err), MUSTER_OK);
		trust_chain_unref(c);
		/* dates, to the second */
		ck_assert_int_eq(trust_chain_begin(f.chain), FIX_NOW - TRUST_BACKDATE_S);
		ck_assert_int_eq(trust_chain_end(f.chain, f.anchors), end);
		ck_assert_int_lt(trust_chain_end(f.chain, g.anchors), 0);
		ck_assert_int_eq(trust_chain_verify(f.chain, f.anchors, TRUST_ROLE_LEASE, end - 1, &err), MUSTER_OK);
		ck_assert_int_eq(trust_chain_verify(f.chain, f.anchors, TRUST_ROLE_LEASE, end, &err), MUSTER_E_EXPIRED);
		ck_assert_int_eq(trust_chain_verify(f.chain, f.anchors, TRUST_ROLE_LEASE, FIX_NOW - TRUST_BACKDATE_S, &err), MUSTER_OK);
		ck_assert_int_eq(trust_chain_verify(f.chain, f.anchors, TRUST_ROLE_LEASE, FIX_NOW - TRUST_BACKDATE_S - 1, &err), MUSTER_E_NOT_YET);
		/* two roots of one issuer pinned: each chain verifies */
		fixture_pem(&pem, f.root, g.root);
		fixture_ok(trust_anchors_read(&both, span_of(pem.p, pem.n), &err), &err);
		ck_assert_int_eq(trust_chain_verify(f.chain, both, TRUST_ROLE_LEASE, FIX_NOW, &err), MUSTER_OK);
		ck_assert_int_eq(trust_chain_verify(g.chain, both, TRUST_ROLE_LEASE, FIX_NOW, &err), MUSTER_OK);
		ck_assert_mem_eq(trust_anchors_issuer_id(both), f.issuer_id, 16);
		trust_anchors_free(both);
		buf_fini(&pem);
		ck_assert_mem_eq(trust_chain_products(f.chain, &n)[0], f.product_id, 16);
		ck_assert_uint_eq(n, 1);
		fixture_fini(&g);
		fixture_fini(&f);
	}
}
END_TEST

START_TEST(test_certs_roots)
{
	static const struct craft cases[] = {
		{ "as it should be", "critical,CA:TRUE,pathlen:1", CA_KU, NULL, ONE, -1, 7000, .result = MUSTER_OK },
		{ "path length 0", "critical,CA:TRUE,pathlen:0", CA_KU, NULL, ONE, -1, 7000, .result = MUSTER_E_INVALID, .message = "pathlen" },
		{ "no path length", "critical,CA:TRUE", CA_KU, NULL, ONE, -1, 7000, .result = MUSTER_E_INVALID, .message = "pathlen" },
		{ "keyUsage", "critical,CA:TRUE,pathlen:1", "critical,keyCertSign", NULL, ONE, -1, 7000, .result = MUSTER_E_INVALID, .message = "keyUsage" },
		{ "no issuer ID", "critical,CA:TRUE,pathlen:1", CA_KU, NULL, NULL, -1, 7000, .result = MUSTER_E_INVALID, .message = "name its issuer" },
		{ "two IDs", "critical,CA:TRUE,pathlen:1", CA_KU, NULL, ONE "," TWO, -1, 7000, .result = MUSTER_E_INVALID, .message = "name its issuer" },
	};
	struct fixture f;
	struct muster_err err;
	struct trust_anchors *a;
	struct buf pem;
	X509 *x;
	EVP_PKEY *rsa;
	size_t i;

	fixture_init(&f, TRUST_ES256);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		x = craft(&cases[i], f.root_key, "root", NULL, f.root_key);
		fixture_pem(&pem, x, NULL);
		expect(cases[i].what, trust_anchors_read(&a, span_of(pem.p, pem.n), &err), cases[i].result, cases[i].message, &err);
		trust_anchors_free(a);
		buf_fini(&pem);
		X509_free(x);
	}
	/* two issuers in one file; an intermediate or a host for a root; not signed by itself; RSA; junk */
	x = craft(&(struct craft){ .bc = cases[0].bc, .ku = CA_KU, .san = TWO }, f.root_key, "root", NULL, f.root_key);
	fixture_pem(&pem, f.root, x);
	expect("two issuers", trust_anchors_read(&a, span_of(pem.p, pem.n), &err), MUSTER_E_MISMATCH, "different issuers", &err);
	buf_fini(&pem);
	X509_free(x);
	fixture_pem(&pem, f.mid, NULL);
	expect("intermediate", trust_anchors_read(&a, span_of(pem.p, pem.n), &err), MUSTER_E_INVALID, "pathlen", &err);
	buf_fini(&pem);
	x = craft(&cases[0], f.root_key, "root", NULL, f.mid_key);
	fixture_pem(&pem, x, NULL);
	expect("signed by another", trust_anchors_read(&a, span_of(pem.p, pem.n), &err), MUSTER_E_SIGNATURE, "itself", &err);
	buf_fini(&pem);
	X509_free(x);
	ck_assert_ptr_nonnull(rsa = EVP_RSA_gen(2048));
	x = craft(&(struct craft){ .bc = cases[0].bc, .ku = CA_KU, .san = ONE }, rsa, "root", NULL, rsa);
	fixture_pem(&pem, x, NULL);
	expect("RSA", trust_anchors_read(&a, span_of(pem.p, pem.n), &err), MUSTER_E_INVALID, "ECDSA", &err);
	buf_fini(&pem);
	X509_free(x);
	EVP_PKEY_free(rsa);
	expect("empty", trust_anchors_read(&a, span_of("", 0), &err), MUSTER_E_INVALID, "empty", &err);
	expect("junk", trust_anchors_read(&a, span_str("junk"), &err), MUSTER_E_INVALID, "no certificate", &err);
	/* nine roots */
	buf_init(&pem, 1 << 16);
	for (i = 0; i < TRUST_ROOTS_MAX + 1; i++) {
		struct buf one;

		fixture_pem(&one, f.root, NULL);
		buf_add(&pem, one.p, one.n);
		buf_fini(&one);
	}
	expect("nine roots", trust_anchors_read(&a, span_of(pem.p, pem.n), &err), MUSTER_E_LIMIT, "more than 8", &err);
	buf_fini(&pem);
	fixture_fini(&f);
}
END_TEST

START_TEST(test_certs_chain_text)
{
	struct fixture f;
	struct muster_err err;
	struct trust_chain *c;
	struct buf pem;
	const char *text;
	BIO *bio;
	char *p;
	long n;

	fixture_init(&f, TRUST_ES256);
	fixture_pem(&pem, f.host, NULL);
	expect("signer alone", trust_chain_read(&c, span_of(pem.p, pem.n), &err), MUSTER_E_INVALID, "intermediate", &err);
	buf_fini(&pem);
	/* the root does not belong in, nor does anything else */
	text = trust_chain_pem(f.chain);
	fixture_pem(&pem, f.host, f.mid);
	{
		struct buf root;

		fixture_pem(&root, f.root, NULL);
		buf_add(&pem, root.p, root.n);
		buf_fini(&root);
	}
	expect("with the root", trust_chain_read(&c, span_of(pem.p, pem.n), &err), MUSTER_E_LIMIT, "more than 2", &err);
	buf_fini(&pem);
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, f.host_key, NULL, NULL, 0, NULL, NULL);
	n = BIO_get_mem_data(bio, &p);
	buf_init(&pem, 1 << 16);
	buf_adds(&pem, text);
	buf_add(&pem, p, (size_t)n);
	expect("with the key", trust_chain_read(&c, span_of(pem.p, pem.n), &err), MUSTER_E_INVALID, "PRIVATE KEY", &err);
	buf_fini(&pem);
	BIO_free(bio);
	/* too long */
	buf_init(&pem, 1 << 16);
	buf_adds(&pem, text);
	while (pem.n <= TRUST_CHAIN_MAX)
		buf_addc(&pem, '\n');
	expect("too long", trust_chain_read(&c, span_of(pem.p, pem.n), &err), MUSTER_E_LIMIT, "16384", &err);
	buf_fini(&pem);
	/* a cut-off second certificate is no chain, and the message is about damage, not about a missing one */
	expect("cut off", trust_chain_read(&c, span_of(text, strlen(text) - 30), &err), MUSTER_E_INVALID, "PEM", &err);
	/* reading our own text again gives the same kid */
	fixture_ok(trust_chain_read(&c, span_str(text), &err), &err);
	ck_assert_str_eq(trust_chain_kid(c), trust_chain_kid(f.chain));
	ck_assert_uint_eq(strlen(trust_chain_kid(c)), 43);
	trust_chain_unref(c);
	fixture_fini(&f);
}
END_TEST

START_TEST(test_certs_making)
{
	struct fixture f;
	struct muster_err err;
	uint8_t ids[65][16];
	const uint8_t (*list)[16] = (const void *)ids;
	X509 *x, *late;
	EVP_PKEY *p384 = EVP_EC_gen("P-384");
	struct trust_chain *c;
	int64_t at;
	size_t i, n;

	fixture_init(&f, TRUST_ES256);
	for (i = 0; i < 65; i++) {
		memset(ids[i], 0x42, 16);
		ids[i][15] = (uint8_t)i;
	}
	/* 64 products at most */
	fixture_ok(trust_make_host(&x, f.host_key, "host", list, 64, f.mid, f.mid_key, FIX_NOW, TRUST_HOST_LIFE_S, &err), &err);
	c = fixture_chain(x, f.mid);
	fixture_ok(trust_chain_verify(c, f.anchors, TRUST_ROLE_LEASE, FIX_NOW, &err), &err);
	ck_assert_mem_eq(trust_chain_products(c, &n)[63], ids[63], 16);
	ck_assert_uint_eq(n, 64);
	trust_chain_unref(c);
	X509_free(x);
	ck_assert_int_eq(trust_make_host(&x, f.host_key, "host", list, 65, f.mid, f.mid_key, FIX_NOW, TRUST_HOST_LIFE_S, &err), MUSTER_E_LIMIT);
	ck_assert_ptr_null(x);
	ck_assert_int_eq(trust_make_host(&x, f.host_key, "host", list, 0, f.mid, f.mid_key, FIX_NOW, TRUST_HOST_LIFE_S, &err), MUSTER_E_LIMIT);
	memcpy(ids[1], ids[0], 16);
	ck_assert_int_eq(trust_make_host(&x, f.host_key, "host", list, 2, f.mid, f.mid_key, FIX_NOW, TRUST_HOST_LIFE_S, &err), MUSTER_E_INVALID);
	/* keys and names */
	ck_assert_int_eq(trust_make_host(&x, p384, "host", list, 1, f.mid, f.mid_key, FIX_NOW, TRUST_HOST_LIFE_S, &err), MUSTER_E_UNSUPPORTED);
	ck_assert_int_eq(trust_make_host(&x, f.host_key, "host", list, 1, f.mid, f.root_key, FIX_NOW, TRUST_HOST_LIFE_S, &err), MUSTER_E_MISMATCH);
	ck_assert_int_eq(trust_make_host(&x, f.host_key, "host", list, 1, f.root, f.root_key, FIX_NOW, TRUST_HOST_LIFE_S, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(trust_make_host(&x, f.host_key, "", list, 1, f.mid, f.mid_key, FIX_NOW, TRUST_HOST_LIFE_S, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(trust_make_host(&x, f.host_key, "\xff\xfe", list, 1, f.mid, f.mid_key, FIX_NOW, TRUST_HOST_LIFE_S, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(trust_make_intermediate(&x, f.mid_key, "Example Software", f.root, f.root_key, FIX_NOW, &err), MUSTER_E_INVALID);
	ck_assert_ptr_null(x);
	/* the intermediate issues during three years, and its last certificate lives its whole life */
	at = FIX_NOW + TRUST_INTERMEDIATE_ISSUES_S;
	fixture_ok(trust_make_host(&late, f.host_key, "host", list, 1, f.mid, f.mid_key, at, TRUST_HOST_LIFE_S, &err), &err);
	ck_assert_int_eq(check(&f, late, f.mid, TRUST_ROLE_LEASE, at, &err), MUSTER_OK);
	c = fixture_chain(late, f.mid);
	ck_assert_int_eq(trust_chain_end(c, f.anchors), at + TRUST_HOST_LIFE_S);
	trust_chain_unref(c);
	X509_free(late);
	ck_assert_int_eq(trust_make_host(&x, f.host_key, "host", list, 1, f.mid, f.mid_key, at + 1, TRUST_HOST_LIFE_S, &err), MUSTER_E_EXPIRED);
	ck_assert_int_eq(trust_make_statement(&x, f.host_key, "s", f.mid, f.mid_key, at + 1, &err), MUSTER_E_EXPIRED);
	ck_assert_int_eq(trust_make_host(&x, f.host_key, "host", list, 1, f.mid, f.mid_key, FIX_NOW - TRUST_BACKDATE_S - 1, TRUST_HOST_LIFE_S, &err), MUSTER_E_NOT_YET);
	/* nested lives: an intermediate made late ends with the root, a host asked for too long with the intermediate */
	fixture_ok(trust_make_intermediate(&x, f.mid_key, "late", f.root, f.root_key, FIX_NOW + 18 * TRUST_YEAR_S, &err), &err);
	c = fixture_chain(f.host, x);
	ck_assert_int_eq(X509_cmp(x, f.mid) == 0, 0);
	ck_assert_int_eq(ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(f.root)), 0);
	trust_chain_unref(c);
	X509_free(x);
	fixture_ok(trust_make_host(&x, f.host_key, "host", list, 1, f.mid, f.mid_key, FIX_NOW, 30 * TRUST_YEAR_S, &err), &err);
	ck_assert_int_eq(ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(f.mid)), 0);
	/* serial numbers: 20 octets, never the same */
	ck_assert_int_eq(ASN1_STRING_length(X509_get0_serialNumber(x)), 20);
	ck_assert_int_ne(ASN1_INTEGER_cmp(X509_get0_serialNumber(x), X509_get0_serialNumber(f.host)), 0);
	X509_free(x);
	EVP_PKEY_free(p384);
	fixture_fini(&f);
}
END_TEST

START_TEST(test_certs_request)
{
	enum trust_algorithm a;
	struct muster_err err;

	for (a = TRUST_ES256; a <= TRUST_EDDSA; a++) {
		EVP_PKEY *key, *got, *p384 = EVP_EC_gen("P-384");
		struct buf pem;
		X509_REQ *q;
		BIO *bio;
		char *text;
		long n;

		fixture_ok(trust_key_generate(&key, a, &err), &err);
		buf_init(&pem, TRUST_CHAIN_MAX);
		fixture_ok(trust_request_make(&pem, key, "host", &err), &err);
		fixture_ok(trust_request_read(&got, span_of(pem.p, pem.n), &err), &err);
		ck_assert_int_eq(EVP_PKEY_eq(key, got), 1);
		EVP_PKEY_free(got);
		/* every truncated prefix, but those that end inside the closing line */
		for (size_t i = 0; i + 26 < pem.n; i++)
			ck_assert_int_ne(trust_request_read(&got, span_of(pem.p, i), &err), MUSTER_OK);
		buf_fini(&pem);
		ck_assert_int_eq(trust_request_make(&pem, p384, "host", &err), MUSTER_E_UNSUPPORTED);
		/* no proof: the public key of another in a request signed with ours */
		q = X509_REQ_new();
		bio = BIO_new(BIO_s_mem());
		X509_REQ_set_version(q, 0);
		fixture_ok(trust_key_generate(&got, a, &err), &err);
		X509_REQ_set_pubkey(q, got);
		EVP_PKEY_free(got);
		ck_assert_int_gt(X509_REQ_sign(q, key, a == TRUST_ES256 ? EVP_sha256() : NULL), 0);
		PEM_write_bio_X509_REQ(bio, q);
		n = BIO_get_mem_data(bio, &text);
		expect("no proof", trust_request_read(&got, span_of(text, (size_t)n), &err), MUSTER_E_SIGNATURE, "possession", &err);
		ck_assert_ptr_null(got);
		BIO_free(bio);
		X509_REQ_free(q);
		/* another kind of key */
		q = X509_REQ_new();
		bio = BIO_new(BIO_s_mem());
		X509_REQ_set_version(q, 0);
		X509_REQ_set_pubkey(q, p384);
		X509_REQ_sign(q, p384, EVP_sha384());
		PEM_write_bio_X509_REQ(bio, q);
		n = BIO_get_mem_data(bio, &text);
		expect("P-384", trust_request_read(&got, span_of(text, (size_t)n), &err), MUSTER_E_UNSUPPORTED, "P-256", &err);
		BIO_free(bio);
		X509_REQ_free(q);
		EVP_PKEY_free(p384);
		EVP_PKEY_free(key);
	}
	{
		struct fixture f;
		struct buf pem;
		EVP_PKEY *got;

		fixture_init(&f, TRUST_ES256);
		fixture_pem(&pem, f.host, NULL);
		expect("a certificate", trust_request_read(&got, span_of(pem.p, pem.n), &err), MUSTER_E_INVALID, "CERTIFICATE", &err);
		expect("empty", trust_request_read(&got, span_of("", 0), &err), MUSTER_E_INVALID, "empty", &err);
		expect("junk", trust_request_read(&got, span_str("junk"), &err), MUSTER_E_INVALID, "PEM", &err);
		buf_fini(&pem);
		fixture_fini(&f);
	}
}
END_TEST

UNIT_MAIN("certs", test_certs_lease_role, test_certs_statement_role, test_certs_intermediate, test_certs_path, test_certs_roots,
          test_certs_chain_text, test_certs_making, test_certs_request)
