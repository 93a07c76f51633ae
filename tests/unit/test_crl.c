#include <string.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "tests/unit/statement_fixture.h"

#define LIFE (30 * FIX_DAY)

static struct crl_entry entry_of(const X509 *x, enum crl_reason reason, int64_t at)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	struct crl_entry e = { .serial_n = (size_t)ASN1_STRING_length(serial), .at = at, .reason = reason };

	memcpy(e.serial, ASN1_STRING_get0_data(serial), e.serial_n);
	return e;
}

static void make(struct buf *pem, const struct fixture *f, const struct crl_entry *e, size_t n, uint64_t number)
{
	struct muster_err err;

	buf_init(pem, 2 * CRL_MAX);
	fixture_ok(crl_make(pem, e, n, number, f->mid, f->mid_key, FIX_NOW, LIFE, &err), &err);
}

static int read_at(const struct fixture *f, struct muster_span pem, int64_t now, struct muster_err *err)
{
	struct crl *c;
	int r = crl_read(&c, pem, f->anchors, now, err);

	ck_assert((r == MUSTER_OK) == (c != NULL));
	crl_unref(c);
	return r;
}

static int read_it(void *ctx, struct muster_span pem, struct muster_err *err)
{
	return read_at(ctx, pem, FIX_NOW, err);
}

/* A list of every reason: what was listed is found, with date and reason; what was not, is not. */
START_TEST(test_crl_round_trip)
{
	static const enum trust_algorithm algorithms[] = { TRUST_ES256, TRUST_EDDSA };
	static const enum crl_reason reasons[] = { CRL_UNSPECIFIED, CRL_KEY_COMPROMISE, CRL_AFFILIATION, CRL_SUPERSEDED, CRL_CESSATION };
	size_t i, k;

	for (i = 0; i < 2; i++) {
		struct crl_entry e[5];
		const struct crl_entry *found;
		struct statement_fixture s;
		struct muster_err err;
		X509 *certs[5];
		struct crl *c, *again;
		struct buf pem;

		statement_fixture_init(&s, algorithms[i]);
		for (k = 0; k < 5; k++) {
			fixture_ok(trust_make_statement(&certs[k], s.key, "one", s.f.mid, s.f.mid_key, FIX_NOW, &err), &err);
			e[k] = entry_of(certs[k], reasons[k], FIX_NOW - (int64_t)k);
		}
		make(&pem, &s.f, e, 5, UINT64_MAX);
		fixture_ok(crl_read(&c, span_of(pem.p, pem.n), s.f.anchors, FIX_NOW, &err), &err);
		ck_assert(crl_number(c) == UINT64_MAX);
		ck_assert_uint_eq(crl_count(c), 5);
		ck_assert_mem_eq(crl_issuer_id(c), s.f.issuer_id, 16);
		ck_assert_str_eq(crl_pem(c), buf_str(&pem));
		ck_assert_int_eq(crl_made(c), FIX_NOW);
		ck_assert_int_eq(crl_next(c), FIX_NOW + LIFE);
		ck_assert(!crl_stale(c, FIX_NOW + LIFE) && crl_stale(c, FIX_NOW + LIFE + 1));
		again = crl_ref(c);
		crl_unref(c);
		for (k = 0; k < 5; k++) {
			ck_assert(crl_lists(again, certs[k], &found));
			ck_assert(found->reason == reasons[k] && found->at == FIX_NOW - (int64_t)k);
			ck_assert(crl_lists(again, certs[k], NULL));
			X509_free(certs[k]);
		}
		ck_assert(!crl_lists(again, s.f.host, &found));
		ck_assert_ptr_null(found);
		crl_unref(again);
		buf_fini(&pem);
		statement_fixture_fini(&s);
	}
}
END_TEST

START_TEST(test_crl_words)
{
	static const enum crl_reason reasons[] = { CRL_UNSPECIFIED, CRL_KEY_COMPROMISE, CRL_AFFILIATION, CRL_SUPERSEDED, CRL_CESSATION };
	enum crl_reason r;
	size_t i;

	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(crl_reason_of(&r, crl_reason_word(reasons[i])), MUSTER_OK);
		ck_assert_int_eq(r, reasons[i]);
		ck_assert(crl_ends_signed(reasons[i]) == (i < 2));
	}
	ck_assert_str_eq(crl_reason_word(CRL_KEY_COMPROMISE), "key-compromise");
	ck_assert_int_eq(crl_reason_of(&r, "because"), MUSTER_E_INVALID);
}
END_TEST

START_TEST(test_crl_every_bit_and_prefix)
{
	struct crl_entry e[2];
	struct fixture f;
	struct buf pem;

	fixture_init(&f, TRUST_ES256);
	e[0] = entry_of(f.host, CRL_KEY_COMPROMISE, FIX_NOW);
	e[1] = entry_of(f.mid, CRL_UNSPECIFIED, FIX_NOW);
	make(&pem, &f, e, 2, 7);
	statement_fixture_damage(span_of(pem.p, pem.n), "the revocation list", "the revocation list", 0, read_it, &f);
	buf_fini(&pem);
	fixture_fini(&f);
}
END_TEST

/* The text has one form; line ends of the other kind are allowed, since files travel. */
START_TEST(test_crl_text)
{
	struct muster_err err;
	struct fixture f;
	struct buf pem, t;
	struct crl *c;
	size_t i;

	fixture_init(&f, TRUST_EDDSA);
	make(&pem, &f, NULL, 0, 1);
	buf_init(&t, 4 * CRL_MAX);
	for (i = 0; i < pem.n; i++) {
		if (pem.p[i] == '\n')
			buf_addc(&t, '\r');
		buf_addc(&t, (char)pem.p[i]);
	}
	fixture_ok(crl_read(&c, span_of(t.p, t.n), f.anchors, FIX_NOW, &err), &err);
	ck_assert_str_eq(crl_pem(c), buf_str(&pem));
	crl_unref(c);
	buf_clear(&t);
	buf_adds(&t, "# revoked\n");
	buf_add(&t, pem.p, pem.n);
	EXPECT_REFUSED(read_it(&f, span_of(t.p, t.n), &err), &err, MUSTER_E_INVALID, "the revocation list is not exactly two blocks of PEM");
	buf_clear(&t);
	buf_add(&t, pem.p, pem.n);
	buf_add(&t, pem.p, pem.n);
	EXPECT_REFUSED(read_it(&f, span_of(t.p, t.n), &err), &err, MUSTER_E_INVALID, "the revocation list is not exactly two blocks of PEM");
	EXPECT_REFUSED(read_it(&f, span_str(""), &err), &err, MUSTER_E_INVALID, "the revocation list is not readable as PEM");
	EXPECT_REFUSED(read_it(&f, span_of(pem.p, (size_t)(strstr(buf_str(&pem), "-----BEGIN CERT") - buf_str(&pem))), &err), &err, MUSTER_E_INVALID,
	               "the revocation list lacks the intermediate certificate that signed it");
	buf_clear(&t);
	while (t.n <= CRL_MAX)
		buf_addc(&t, '\n');
	EXPECT_REFUSED(read_it(&f, span_of(t.p, t.n), &err), &err, MUSTER_E_LIMIT, "the revocation list has 1048577 bytes; at most 1048576 are read");
	buf_fini(&t);
	buf_fini(&pem);
	fixture_fini(&f);
}
END_TEST

/* Who may sign a list: an intermediate of the pinned issuer, nobody else. */
START_TEST(test_crl_signers)
{
	struct fixture f, other;
	struct muster_err err;
	struct buf pem, mixed;
	const char *cut;

	fixture_init(&f, TRUST_EDDSA);
	fixture_init(&other, TRUST_EDDSA);
	make(&pem, &other, NULL, 0, 1);
	EXPECT_REFUSED(read_it(&f, span_of(pem.p, pem.n), &err), &err, MUSTER_E_SIGNATURE, "the revocation list's signer: the certificate chain does not verify under the pinned issuer");
	/* a stranger's list beside our intermediate */
	cut = strstr(buf_str(&pem), "-----BEGIN CERT");
	fixture_pem(&mixed, f.mid, NULL);
	buf_clear(&mixed);
	buf_add(&mixed, pem.p, (size_t)(cut - buf_str(&pem)));
	buf_fini(&pem);
	fixture_pem(&pem, f.mid, NULL);
	buf_add(&mixed, pem.p, pem.n);
	EXPECT_REFUSED(read_it(&f, span_of(mixed.p, mixed.n), &err), &err, MUSTER_E_SIGNATURE, "the revocation list's signature does not verify under the intermediate");
	buf_fini(&mixed);
	buf_fini(&pem);
	buf_init(&pem, CRL_MAX);
	EXPECT_REFUSED(crl_make(&pem, NULL, 0, 1, f.host, f.host_key, FIX_NOW, LIFE, &err), &err, MUSTER_E_INVALID, "basicConstraints");
	EXPECT_REFUSED(crl_make(&pem, NULL, 0, 1, f.root, f.root_key, FIX_NOW, LIFE, &err), &err, MUSTER_E_INVALID, "pathlen:0");
	EXPECT_REFUSED(crl_make(&pem, NULL, 0, 1, f.mid, f.host_key, FIX_NOW, LIFE, &err), &err, MUSTER_E_MISMATCH, "the issuing key does not belong");
	EXPECT_REFUSED(crl_make(&pem, NULL, 0, 0, f.mid, f.mid_key, FIX_NOW, LIFE, &err), &err, MUSTER_E_INVALID, "needs a number and a life");
	ck_assert_uint_eq(pem.n, 0);
	buf_fini(&pem);
	fixture_fini(&other);
	fixture_fini(&f);
}
END_TEST

/* A list signed by hand, with what no issuer of ours writes; the host's certificate as its signer in the last case. */
static void forge(struct buf *pem, const struct fixture *f, int what)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)FIX_NOW), *until = ASN1_TIME_set(NULL, (time_t)(FIX_NOW + (what == 4 ? -1 : LIFE)));
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	X509 *signer = what == 5 ? f->host : f->mid;
	EVP_PKEY *key = what == 5 ? f->host_key : f->mid_key;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	int i;

	X509_CRL_set_version(list, X509_CRL_VERSION_2);
	X509_CRL_set_issuer_name(list, X509_get_subject_name(what == 3 ? f->root : signer));
	X509_CRL_set1_lastUpdate(list, at);
	X509_CRL_set1_nextUpdate(list, until);
	ASN1_INTEGER_set(n, 1);
	if (what != 0)
		X509_CRL_add1_ext_i2d(list, NID_crl_number, n, 0, X509V3_ADD_DEFAULT);
	if (what == 1)
		X509_CRL_add1_ext_i2d(list, NID_delta_crl, n, 1, X509V3_ADD_DEFAULT);
	for (i = 0; what == 2 && i < 2; i++) {
		X509_REVOKED *row = X509_REVOKED_new();

		X509_REVOKED_set_serialNumber(row, n);
		X509_REVOKED_set_revocationDate(row, at);
		X509_CRL_add0_revoked(list, row);
	}
	ck_assert_int_gt(X509_CRL_sign(list, key, EVP_PKEY_is_a(key, "EC") ? EVP_sha256() : NULL), 0);
	PEM_write_bio_X509_CRL(bio, list);
	PEM_write_bio_X509(bio, signer);
	buf_init(pem, CRL_MAX);
	long length = BIO_get_mem_data(bio, &text);
	buf_add(pem, text, (size_t)length);
	BIO_free(bio);
	ASN1_INTEGER_free(n);
	ASN1_TIME_free(at);
	ASN1_TIME_free(until);
	X509_CRL_free(list);
}

START_TEST(test_crl_forms)
{
	static const struct { int result; const char *part; } want[] = {
		{ MUSTER_E_INVALID, "the revocation list has no number" },
		{ MUSTER_E_INVALID, "the revocation list has an extension that is not known here" },
		{ MUSTER_E_INVALID, "the revocation list names a certificate twice" },
		{ MUSTER_E_SIGNATURE, "the revocation list's signature does not verify" },
		{ MUSTER_E_INVALID, "the revocation list's dates are unreadable" },
		{ MUSTER_E_SIGNATURE, "the revocation list's signer: the certificate chain does not verify" },
	};
	struct muster_err err;
	struct fixture f;
	struct buf pem;
	int i;

	fixture_init(&f, TRUST_ES256);
	for (i = 0; i < (int)(sizeof(want) / sizeof(want[0])); i++) {
		forge(&pem, &f, i);
		EXPECT_REFUSED(read_it(&f, span_of(pem.p, pem.n), &err), &err, want[i].result, want[i].part);
		buf_fini(&pem);
	}
	fixture_fini(&f);
}
END_TEST

/* Time: stale is still taken, from the future not; the intermediate is looked at as it was when the list was made. */
START_TEST(test_crl_times)
{
	struct muster_err err;
	struct fixture f;
	struct buf pem;

	fixture_init(&f, TRUST_EDDSA);
	make(&pem, &f, NULL, 0, 1);
	fixture_ok(read_at(&f, span_of(pem.p, pem.n), FIX_NOW + 19 * TRUST_YEAR_S, &err), &err);
	fixture_ok(read_at(&f, span_of(pem.p, pem.n), FIX_NOW - 4 * 3600, &err), &err);
	EXPECT_REFUSED(read_at(&f, span_of(pem.p, pem.n), FIX_NOW - 4 * 3600 - 1, &err), &err, MUSTER_E_NOT_YET,
	               "the revocation list was made at 2026-11-22T10:00:00Z, more than 4 hours from now");
	buf_fini(&pem);
	buf_init(&pem, CRL_MAX);
	fixture_ok(crl_make(&pem, NULL, 0, 2, f.mid, f.mid_key, FIX_NOW + TRUST_INTERMEDIATE_LIFE_S + FIX_DAY, LIFE, &err), &err);
	EXPECT_REFUSED(read_at(&f, span_of(pem.p, pem.n), FIX_NOW + TRUST_INTERMEDIATE_LIFE_S + FIX_DAY, &err), &err, MUSTER_E_EXPIRED,
	               "the revocation list's signer: the certificate chain does not verify");
	buf_fini(&pem);
	fixture_fini(&f);
}
END_TEST

/* What a listing means for what was signed before it. */
START_TEST(test_crl_permits)
{
	struct statement_fixture s;
	struct muster_err err;
	struct crl *c;

	statement_fixture_init(&s, TRUST_EDDSA);
	fixture_ok(crl_permits(NULL, s.f.host, FIX_NOW, "the host", &err), &err);
	c = statement_fixture_crl(&s, s.f.host, CRL_CESSATION, FIX_NOW, 3);
	fixture_ok(crl_permits(c, s.f.host, FIX_NOW - 1, "the host", &err), &err);
	EXPECT_REFUSED(crl_permits(c, s.f.host, FIX_NOW, "the host", &err), &err, MUSTER_E_REFUSED,
	               "the certificate of the host was revoked at 2026-11-22T10:00:00Z (cessation; revocation list 3)");
	fixture_ok(crl_permits(c, s.cert, FIX_NOW, "the host", &err), &err);
	crl_unref(c);
	c = statement_fixture_crl(&s, s.f.host, CRL_KEY_COMPROMISE, FIX_NOW, 3);
	EXPECT_REFUSED(crl_permits(c, s.f.host, FIX_NOW - 1, "the host", &err), &err, MUSTER_E_REFUSED, "(key-compromise; revocation list 3)");
	crl_unref(c);
	statement_fixture_fini(&s);
}
END_TEST

/* Many: looked up by serial, and within the size that is read. */
START_TEST(test_crl_many)
{
	enum { MANY = 10000 };
	struct crl_entry *e = mem_array(MANY, sizeof(*e));
	struct muster_err err;
	struct fixture f;
	struct buf pem;
	struct crl *c;
	size_t i;

	fixture_init(&f, TRUST_EDDSA);
	for (i = 0; i < MANY; i++) {
		e[i] = entry_of(f.host, CRL_SUPERSEDED, FIX_NOW);
		be32_put(e[i].serial + 4, (uint32_t)(i * 2654435761u));
	}
	e[MANY / 2] = entry_of(f.host, CRL_SUPERSEDED, FIX_NOW);
	make(&pem, &f, e, MANY, 9);
	ck_assert_uint_lt(pem.n, CRL_MAX);
	fixture_ok(crl_read(&c, span_of(pem.p, pem.n), f.anchors, FIX_NOW, &err), &err);
	ck_assert(crl_lists(c, f.host, NULL));
	ck_assert(!crl_lists(c, f.mid, NULL));
	crl_unref(c);
	buf_fini(&pem);
	mem_free(e);
	fixture_fini(&f);
}
END_TEST

/* Every allocation of ours fails once. */
START_TEST(test_crl_no_memory)
{
	struct crl_entry e;
	struct muster_err err;
	struct fixture f;
	struct buf pem;
	struct crl *c;
	uint64_t n;
	int r;

	fixture_init(&f, TRUST_EDDSA);
	e = entry_of(f.host, CRL_KEY_COMPROMISE, FIX_NOW);
	make(&pem, &f, &e, 1, 1);
	for (n = 1, r = MUSTER_E_NOMEM; r != MUSTER_OK; n++) {
		mem_fail_at(n);
		r = crl_read(&c, span_of(pem.p, pem.n), f.anchors, FIX_NOW, &err);
		mem_fail_at(0);
		ck_assert_msg(r == MUSTER_OK || (r == MUSTER_E_NOMEM && c == NULL), "allocation %u: result %d: %s", (unsigned)n, r, err.message);
	}
	ck_assert_uint_gt(n, 3);
	crl_unref(c);
	buf_fini(&pem);
	fixture_fini(&f);
}
END_TEST

UNIT_MAIN("crl", test_crl_round_trip, test_crl_words, test_crl_every_bit_and_prefix, test_crl_text, test_crl_signers, test_crl_forms, test_crl_times,
          test_crl_permits, test_crl_many, test_crl_no_memory)
