/* Revocation lists on the client: fetched from the host that grants, kept, and heeded. */
#include <string.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "tests/unit/client_fixture.h"

static struct fake k;
static struct muster_err err;

/* PEM of a list; @p revoked NULL: an empty one. Caller frees. */
static char *list(X509 *revoked, enum crl_reason reason, int64_t at, uint64_t number, int64_t made)
{
	struct crl_entry e = { .at = at, .reason = reason };
	struct buf pem;

	if (revoked != NULL) {
		const ASN1_INTEGER *serial = X509_get0_serialNumber(revoked);

		e.serial_n = (size_t)ASN1_STRING_length(serial);
		memcpy(e.serial, ASN1_STRING_get0_data(serial), e.serial_n);
	}
	buf_init(&pem, CRL_MAX);
	fixture_ok(crl_make(&pem, &e, revoked != NULL ? 1 : 0, number, k.f.mid, k.f.mid_key, made, 30 * DAY, &err), &err);
	return buf_take(&pem);
}

/* Without a list the machine goes on; with one it is kept, asked for once a day, and replaced by higher numbers only. */
START_TEST(test_client_crl_kept)
{
	struct muster_client *c;
	struct muster_status s;
	char *first, *second;

	fake_init(&k);
	c = fake_open(&k);
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(k.lists, 1);
	s = fake_status(c);
	ck_assert(s.valid == 1 && s.crl_number == 0 && s.crl_stale == 0);
	first = list(NULL, 0, 0, 5, FIX_NOW);
	second = list(NULL, 0, 0, 4, FIX_NOW);
	k.crl = first;
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	s = fake_status(c);
	ck_assert(s.valid == 1 && s.crl_number == 5 && s.crl_made_at == FIX_NOW);
	/* young enough: not asked for */
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(k.lists, 2);
	/* an older one changes nothing */
	fake_advance(&k, 2 * DAY);
	k.crl = second;
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(k.lists, 3);
	ck_assert(fake_status(c).crl_number == 5);
	/* stale: said, and still good */
	k.crl = NULL;
	fake_advance(&k, 30 * DAY);
	s = fake_status(c);
	ck_assert(s.valid == 1 && s.crl_number == 5 && s.crl_stale == 1);
	muster_client_free(c);
	mem_free(first);
	mem_free(second);
	fake_fini(&k);
}
END_TEST

/* A stolen host key ends the lease that is held; a retired host's leases live on. */
START_TEST(test_client_crl_ends_lease)
{
	struct muster_client *c;
	struct muster_status s;
	struct muster_answer a;
	char *retired, *stolen;

	fake_init(&k);
	c = fake_open(&k);
	retired = list(k.f.host, CRL_CESSATION, FIX_NOW + DAY, 1, FIX_NOW + DAY);
	stolen = list(k.f.host, CRL_KEY_COMPROMISE, FIX_NOW + 2 * DAY, 2, FIX_NOW + 2 * DAY);
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	fake_write(&k, "crl.pem", retired);
	fake_advance(&k, DAY);
	s = fake_status(c);
	ck_assert(s.valid == 1 && s.crl_number == 1);
	fake_write(&k, "crl.pem", stolen);
	fake_advance(&k, DAY);
	s = fake_status(c);
	ck_assert(s.valid == 0 && s.crl_number == 2 && s.license_status != 1);
	ck_says(s.reason, "the certificate of the host that signed the lease was revoked at 2026-11-24T10:00:00Z (key-compromise; revocation list 2)");
	/* a new lease of that host is not believed either */
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
	ck_says(a.message, "the lease is not believed: the certificate of the host that signed the lease was revoked");
	muster_client_free(c);
	mem_free(retired);
	mem_free(stolen);
	fake_fini(&k);
}
END_TEST

/* The list comes with the very answer it concerns. */
START_TEST(test_client_crl_with_the_answer)
{
	struct muster_client *c;
	struct muster_answer a;
	char *superseded;

	fake_init(&k);
	c = fake_open(&k);
	k.crl = superseded = list(k.f.host, CRL_SUPERSEDED, FIX_NOW, 1, FIX_NOW);
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
	ck_says(a.message, "(superseded; revocation list 1)");
	ck_assert_int_ne(access(fake_path(&k, LEASE), F_OK), 0);
	ck_assert_int_eq(access(fake_path(&k, "crl.pem"), F_OK), 0);
	muster_client_free(c);
	mem_free(superseded);
	fake_fini(&k);
}
END_TEST

/* Whatever else comes in its place is ignored, and a damaged file is replaced. */
START_TEST(test_client_crl_rubbish)
{
	struct muster_client *c;
	struct fixture other;
	char *good, *foreign;

	fake_init(&k);
	fixture_init(&other, TRUST_ES256);
	c = fake_open(&k);
	good = list(NULL, 0, 0, 3, FIX_NOW);
	{
		struct buf pem;

		buf_init(&pem, CRL_MAX);
		fixture_ok(crl_make(&pem, NULL, 0, 9, other.mid, other.mid_key, FIX_NOW, DAY, &err), &err);
		foreign = buf_take(&pem);
	}
	k.crl = "hello";
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	k.crl = foreign;
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	ck_assert(fake_status(c).crl_number == 0);
	fake_write(&k, "crl.pem", "rubbish");
	k.crl = good;
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	ck_assert(fake_status(c).crl_number == 3);
	muster_client_free(c);
	mem_free(good);
	mem_free(foreign);
	fixture_fini(&other);
	fake_fini(&k);
}
END_TEST

/* The function for applications: a lease beside a list. */
START_TEST(test_client_crl_function)
{
	struct lease_claims claims;
	struct buf lease, roots;
	char *stolen, *later;
	struct muster_span chain, pem;

	fake_init(&k);
	claims = fixture_claims(&k.f);
	buf_init(&lease, TRUST_LEASE_MAX);
	fixture_ok(lease_sign(&lease, k.f.signer, &claims, &err), &err);
	fixture_pem(&roots, k.f.root, NULL);
	chain = span_str(trust_chain_pem(k.f.chain));
	pem = span_of(roots.p, roots.n);
	stolen = list(k.f.host, CRL_KEY_COMPROMISE, FIX_NOW, 1, FIX_NOW);
	later = list(k.f.host, CRL_CESSATION, FIX_NOW + 1, 1, FIX_NOW);
	fixture_ok(muster_lease_revoked(pem, chain, span_of(lease.p, lease.n), span_str(later), FIX_NOW, &err), &err);
	ck_assert_int_eq(muster_lease_revoked(pem, chain, span_of(lease.p, lease.n), span_str(stolen), FIX_NOW, &err), MUSTER_E_REFUSED);
	ck_says(err.message, "(key-compromise; revocation list 1)");
	ck_assert_int_eq(muster_lease_revoked(pem, chain, span_of(lease.p, lease.n), span_str("x"), FIX_NOW, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_lease_revoked(pem, chain, span_of(lease.p, lease.n - 1), span_str(later), FIX_NOW, &err), MUSTER_E_INVALID);
	mem_free(stolen);
	mem_free(later);
	buf_fini(&lease);
	buf_fini(&roots);
	fake_fini(&k);
}
END_TEST

UNIT_MAIN("client_crl", test_client_crl_kept, test_client_crl_ends_lease, test_client_crl_with_the_answer, test_client_crl_rubbish, test_client_crl_function)
