/* libmuster believes: hosts that lie, leases that are damaged or another's, clocks that jump. */
#include "tests/unit/client_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/file.h"

static struct fake k;
static struct muster_err err;

/* ---- hostile answers: each refused with its own message, nothing stored ---- */

static void spoil_client(struct lease_claims *c) { c->client_id[0] ^= 1; }
static void spoil_nonce(struct lease_claims *c) { c->nonce[5] ^= 1; }
static void spoil_hardware(struct lease_claims *c) { c->hw[9] ^= 1; }
static void spoil_no_hardware(struct lease_claims *c) { c->has_hw = false; }
static void spoil_issuer(struct lease_claims *c) { c->issuer_id[3] ^= 1; }
static void spoil_uncertified(struct lease_claims *c) { (void)uuid_parse(c->product_id, OTHER_PRODUCT, 36); }
static void spoil_expired(struct lease_claims *c) { c->exp = c->iat + 1; c->iat -= 2; c->exp -= 2; }
static void spoil_future(struct lease_claims *c) { c->iat += 5 * 3600; c->exp += 5 * 3600; }
static void spoil_release(struct lease_claims *c) { c->rel[0] ^= 1; }
static void spoil_no_release(struct lease_claims *c) { c->has_rel = false; }

START_TEST(test_client_bad_leases)
{
	static const struct { void (*tweak)(struct lease_claims *c); const char *says; } cases[] = {
		{ spoil_client, "the lease is for another client" }, { spoil_nonce, "its nonce differs" },
		{ spoil_hardware, "the lease is for other hardware" }, { spoil_no_hardware, "the lease is not bound to any hardware" },
		{ spoil_issuer, "another issuer" }, { spoil_uncertified, "none its signer is certified for" }, { spoil_expired, "the lease ended at" },
		{ spoil_future, "more than 4 hours from now" }, { spoil_release, "release hash" }, { spoil_no_release, "release hash" }
	};
	struct muster_client *c;

	fake_init(&k);
	c = fake_open(&k);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct muster_answer a;

		k.tweak = cases[i].tweak;
		a = fake_activate(&k, c);
		ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
		ck_says(a.message, "the lease is not believed: ");
		ck_says(a.message, cases[i].says);
		ck_assert_int_ne(access(fake_path(&k, LEASE), F_OK), 0);
		ck_assert_uint_eq(fake_status(c).valid, 0);
	}
	k.tweak = NULL;
	k.flip = true;
	ck_says(fake_activate(&k, c).message, "the lease is not believed: ");
	k.flip = false;
	/* a genuine lease for another product than was asked for */
	{
		struct muster_answer a = { .size = sizeof a };

		fixture_ok(muster_client_activate(c, OTHER_PRODUCT, &a, &err), &err);
		ck_says(a.message, "the lease is for another product");
		k.members = "\"product\":\"office2013\",\"activation_id\":\"" OTHER_PRODUCT "\",\"count\":6,\"minimum_count\":5,\"activation_interval_minutes\":120,"
			"\"renewal_interval_minutes\":10080,\"rearm_max\":0";
		ck_says(fake_activate(&k, c).message, "another product than the answer around it says");
	}
	k.members = NULL;
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

static void certify_edition(struct lease_claims *c)
{
	(void)uuid_parse(c->edition_id, OTHER_PRODUCT, 36);
}

START_TEST(test_client_edition)
{
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };
	struct muster_status s = { .size = sizeof s };

	fake_init(&k);
	k.tweak = certify_edition;
	c = fake_open(&k);
	fixture_ok(muster_client_activate(c, OTHER_PRODUCT, &a, &err), &err);
	ck_assert_msg(a.outcome == MUSTER_ACTIVATED, "%s", a.message);
	fixture_ok(muster_client_status(c, OTHER_PRODUCT, &s, &err), &err);
	ck_assert_uint_eq(s.valid, 1);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_bad_chains)
{
	static const struct { const char *raw, *says; } cases[] = {
		{ "HTTP/1.1 404 No\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}", "gave a lease but not its certificates (HTTP status 404" },
		{ "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi", "content type \"text/html\"" },
		{ "HTTP/1.1 200 OK\r\nContent-Type: application/pem-certificate-chain\r\nContent-Length: 2\r\n\r\nhi", "the host's certificates" },
		{ "HTTP/1.1 200 OK\r\nContent-Type: application/pem-certificate-chain\r\nContent-Length: 99999\r\n\r\n", "larger than the 16384 bytes allowed" },
		{ "HTTP/1.1 302 No\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "HTTP status 302" },
	};
	struct muster_client *c;
	struct fixture other;
	struct buf text;

	fake_init(&k);
	c = fake_open(&k);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct muster_answer a;

		k.raw_chain = cases[i].raw;
		a = fake_activate(&k, c);
		ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
		ck_says(a.message, cases[i].says);
	}
	/* somebody else's chain, whole and well-formed */
	fixture_init(&other, TRUST_ES256);
	buf_init(&text, 65536);
	fakehost_answer(&text, 200, "application/pem-certificate-chain", trust_chain_pem(other.chain));
	k.raw_chain = buf_str(&text);
	ck_says(fake_activate(&k, c).message, "the host's certificates are not those of its lease");
	/* a host that is whole in itself, under another issuer */
	k.raw_chain = NULL;
	muster_client_free(c);
	{
		struct muster_client_options o = fake_options(&k);
		struct buf pem;

		fixture_pem(&pem, other.root, NULL);
		fake_write(&k, "issuer.pem", buf_str(&pem));
		buf_fini(&pem);
		o.issuer = NULL;
		fixture_ok(muster_client_open(&c, &o, &err), &err);
		ck_says(fake_activate(&k, c).message, "the lease is not believed: ");
		ck_assert_uint_eq(fake_status(c).valid, 0);
	}
	buf_fini(&text);
	fixture_fini(&other);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_copied_folder)
{
	struct muster_client_options o;
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };
	struct muster_status s = { .size = sizeof s };
	char id[37];

	fake_init(&k);
	c = fake_open(&k);
	(void)fake_activate(&k, c);
	(void)snprintf(id, sizeof id, "%s", muster_client_id(c));
	muster_client_free(c);
	/* the same folder on another machine */
	o = fake_options(&k);
	o.hardware = "machine 2";
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	fixture_ok(muster_client_status(c, PRODUCT, &s, &err), &err);
	ck_assert_uint_eq(s.valid, 0);
	ck_assert_uint_eq(s.license_status, 3);
	ck_says(s.reason, "the lease is for other hardware");
	/* asks under a new client ID, not with the old lease, and at once though nothing is due */
	fixture_ok(muster_client_renew(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_str_ne(fake_seen(&k, "client_id"), id);
	ck_assert_ptr_null(json_object_get(k.seen, "lease"));
	ck_assert_str_eq(fake_seen(&k, "client_id"), muster_client_id(c));
	muster_client_free(c);
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

/* Other hardware under this client ID, and a lease is held: the question comes again with the renewal, not every two hours. */
START_TEST(test_client_duplicate_beside_a_lease)
{
	struct muster_client *c;
	struct muster_answer a;
	char first[37];

	fake_init(&k);
	c = fake_open(&k);
	(void)snprintf(first, sizeof first, "%s", muster_client_id(c));
	(void)fake_activate(&k, c);
	k.problem = 409;
	k.problem_code = "M-112";
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_REFUSED);
	ck_assert_str_eq(muster_client_id(c), first);
	ck_within(a.next_at - fake_now(&k), 7 * DAY - 7 * DAY / 10, 7 * DAY + 7 * DAY / 10);
	/* near the lease's end sooner: half of what is left */
	fake_advance(&k, 178 * DAY);
	a = fake_activate(&k, c);
	ck_within(a.next_at - fake_now(&k), DAY, DAY);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_duplicate_advice)
{
	struct muster_client *c;
	struct muster_answer a;
	char first[37], second[37];

	fake_init(&k);
	c = fake_open(&k);
	(void)snprintf(first, sizeof first, "%s", muster_client_id(c));
	k.problem = 409;
	k.problem_code = "M-112";
	k.problem_client = first;
	/* without a lease the advice is followed at once */
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(k.asked, 2);
	(void)snprintf(second, sizeof second, "%s", muster_client_id(c));
	ck_assert_str_ne(first, second);
	ck_assert_int_eq(unlink(fake_path(&k, LEASE)), 0);
	/* and not again within 30 days */
	k.problem_client = second;
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_REFUSED);
	ck_assert_uint_eq(a.code, CODE_M_DUPLICATE);
	ck_assert_str_eq(muster_client_id(c), second);
	ck_says(a.message, "M-112 Client ID used by other hardware");
	fake_advance(&k, 30 * DAY);
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_str_ne(muster_client_id(c), second);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_expiry)
{
	struct muster_client *c;
	struct muster_status s;

	fake_init(&k);
	c = fake_open(&k);
	(void)fake_activate(&k, c);
	fake_advance(&k, 180 * DAY - 1);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	fake_advance(&k, 1);
	s = fake_status(c);
	ck_assert_uint_eq(s.valid, 0);
	ck_assert_uint_eq(s.license_status, 3);
	ck_assert_int_eq(s.state_ends_at, FIX_NOW + 210 * DAY);
	ck_says(s.reason, "the lease ended at 2027-05-21T10:00:00Z");
	fake_advance(&k, 30 * DAY);
	ck_assert_uint_eq(fake_status(c).license_status, 5);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_clock)
{
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };
	struct muster_status s;

	fake_init(&k);
	/* a client three hours behind its host */
	k.host_now = FIX_NOW + 3 * 3600;
	c = fake_open(&k);
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	k.host_now = 0;
	/* time goes on; the mark follows what was verified */
	fake_advance(&k, 100 * DAY);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	fake_advance(&k, -4 * 3600);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	fake_advance(&k, -1);
	s = fake_status(c);
	ck_assert_uint_eq(s.valid, 0);
	ck_assert_uint_eq(s.license_status, 5);
	ck_says(s.reason, "clock set back: it says 2027-03-02T05:59:59Z, and 2027-03-02T10:00:00Z has been seen before");
	/* a fresh lease sets the mark down again: the clock had been ahead */
	k.problem = 503;
	k.problem_code = "M-111";
	fixture_ok(muster_client_renew(c, PRODUCT, &a, &err), &err);
	ck_assert_uint_eq(fake_status(c).valid, 0);
	k.problem = 0;
	fake_advance(&k, 100);
	fixture_ok(muster_client_renew(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_flipped_lease)
{
	struct muster_client *c;
	struct buf lease;
	size_t bits;

	fake_init(&k);
	c = fake_open(&k);
	(void)fake_activate(&k, c);
	fake_read(&k, LEASE, &lease);
	bits = lease.n * 8;
	/* a prime step: every seventh byte or so, every bit position */
	for (size_t i = 0; i < bits; i += 61) {
		struct muster_status s;
		struct muster_err e;

		lease.p[i / 8] ^= (uint8_t)(1u << (i % 8));
		fixture_ok(file_write(fake_path(&k, LEASE), span_of(lease.p, lease.n), 0600, &e), &e);
		s = fake_status(c);
		ck_assert_msg(s.valid == 0 && s.reason[0] != '\0', "bit %zu", i);
		lease.p[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	for (size_t n = 0; n < lease.n; n += 37) {
		struct muster_err e;

		fixture_ok(file_write(fake_path(&k, LEASE), span_of(lease.p, n), 0600, &e), &e);
		ck_assert_uint_eq(fake_status(c).valid, 0);
	}
	/* a damaged lease is asked for anew, though nothing is due */
	{
		struct muster_answer a = { .size = sizeof a };

		fixture_ok(muster_client_renew(c, PRODUCT, &a, &err), &err);
		ck_assert_uint_eq(k.asked, 2);
		ck_assert_uint_eq(fake_status(c).valid, 1);
	}
	buf_fini(&lease);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

UNIT_MAIN("client_trust", test_client_bad_leases, test_client_edition, test_client_bad_chains, test_client_copied_folder,
	test_client_duplicate_advice, test_client_duplicate_beside_a_lease, test_client_expiry, test_client_clock, test_client_flipped_lease)
