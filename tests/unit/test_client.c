/* libmuster against a host that grants, counts, refuses and lies. */
#include "tests/unit/client_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define DAY FIX_DAY
#define LEASE "leases/" PRODUCT ".jws"

static struct fake k;
static struct muster_err err;

static bool says(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

#define ck_says(text, part) ck_assert_msg(says(text, part), "\"%s\" lacks \"%s\"", text, part)

static void check_within(int64_t value, int64_t low, int64_t high)
{
	ck_assert_msg(value >= low && value <= high, "%lld is not in %lld to %lld", (long long)value, (long long)low, (long long)high);
}

START_TEST(test_client_activate)
{
	struct muster_client *c;
	struct muster_answer a;
	struct muster_status s;
	struct stat st;

	fake_init(&k);
	c = fake_open(&k);
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(a.code, 0);
	ck_assert_uint_eq(a.count, 6);
	ck_assert_uint_eq(a.minimum_count, 5);
	ck_assert_int_eq(a.expires_at, FIX_NOW + 180 * DAY);
	check_within(a.next_at, FIX_NOW + 604800 * 9 / 10, FIX_NOW + 604800 * 11 / 10);
	ck_assert_str_eq(a.host, k.url);
	ck_says(a.message, "Product activated successfully: office2013 until 2027-05-21T10:00:00Z");
	/* the question */
	ck_assert_str_eq(fake_seen(&k, "activation_id"), PRODUCT);
	ck_assert_str_eq(fake_seen(&k, "client_id"), muster_client_id(c));
	ck_assert_str_eq(fake_seen(&k, "time"), "2026-11-22T10:00:00Z");
	ck_assert_uint_eq(strlen(fake_seen(&k, "nonce")), 43);
	ck_assert_uint_eq(strlen(fake_seen(&k, "release_hash")), 43);
	ck_assert_int_eq(json_integer_value(json_object_get(k.seen, "license_status")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(k.seen, "minutes_left")), 43200);
	ck_assert_ptr_null(json_object_get(k.seen, "lease"));
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(k.seen, "machine"), "name")), "pc-17");
	/* what is kept */
	ck_assert_int_eq(stat(k.state, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(fake_path(&k, LEASE), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	muster_client_free(c);
	c = fake_open(&k);
	s = fake_status(c);
	ck_assert_uint_eq(s.valid, 1);
	ck_assert_uint_eq(s.license_status, 1);
	ck_assert_str_eq(s.reason, "");
	ck_assert_str_eq(s.product, "office2013");
	ck_assert_int_eq(s.granted_at, FIX_NOW);
	ck_assert_int_eq(s.state_ends_at, FIX_NOW + 180 * DAY);
	ck_assert_uint_eq(s.rearms_left, UINT32_MAX);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_renew_when_due)
{
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };
	struct buf first, second;
	int64_t due;

	fake_init(&k);
	c = fake_open(&k);
	due = fake_activate(&k, c).next_at;
	fake_read(&k, LEASE, &first);
	fake_advance(&k, due - FIX_NOW - 1);
	fixture_ok(muster_client_renew(c, PRODUCT, &a, &err), &err);
	ck_assert_uint_eq(k.asked, 1);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_int_eq(a.next_at, due);
	fake_advance(&k, 1);
	fixture_ok(muster_client_renew(c, PRODUCT, &a, &err), &err);
	ck_assert_uint_eq(k.asked, 2);
	ck_assert_uint_eq(k.chains, 1);   /* the chain is kept */
	ck_assert_int_eq(a.expires_at, due + 180 * DAY);
	/* the lease held travels with the renewal */
	ck_assert_str_eq(fake_seen(&k, "lease"), buf_str(&first));
	ck_assert_int_eq(json_integer_value(json_object_get(k.seen, "license_status")), 1);
	fake_read(&k, LEASE, &second);
	ck_assert_str_ne(buf_str(&first), buf_str(&second));
	buf_fini(&first);
	buf_fini(&second);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_counted)
{
	struct muster_client *c;
	struct muster_answer a;
	struct muster_status s;

	fake_init(&k);
	k.counted = true;
	c = fake_open(&k);
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_COUNTED);
	ck_assert_uint_eq(a.code, (uint32_t)CODE_COUNT_LOW);
	ck_assert_uint_eq(a.count, 3);
	ck_assert_int_eq(a.expires_at, 0);
	check_within(a.next_at, FIX_NOW + 6480, FIX_NOW + 7920);
	ck_says(a.message, "0xC004F038 Count insufficient: 3 of 5. Nothing on this machine");
	s = fake_status(c);
	ck_assert_uint_eq(s.license_status, 2);
	ck_assert_uint_eq(s.valid, 0);
	ck_assert_int_eq(s.state_ends_at, FIX_NOW + 30 * DAY);
	ck_says(s.reason, "0xC004F038");
	fake_advance(&k, 30 * DAY);
	ck_assert_uint_eq(fake_status(c).license_status, 5);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

/* A valid lease outlives every unsigned answer. */
START_TEST(test_client_keeps_lease)
{
	static const struct { int status; const char *code; int outcome; } cases[] = {
		{ 422, "0xC004F042", MUSTER_REFUSED }, { 503, "0xC004F041", MUSTER_REFUSED }, { 409, "M-112", MUSTER_REFUSED },
		{ 403, "0xC004F051", MUSTER_REFUSED }, { 500, "M-122", MUSTER_REFUSED }, { 202, "0xC004F038", MUSTER_COUNTED }
	};
	struct muster_client *c;
	struct buf before, after;
	char id[37];

	fake_init(&k);
	c = fake_open(&k);
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	fake_read(&k, LEASE, &before);
	(void)snprintf(id, sizeof id, "%s", muster_client_id(c));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct muster_answer a;

		k.counted = cases[i].status == 202;
		k.problem = k.counted ? 0 : cases[i].status;
		k.problem_code = cases[i].code;
		fake_advance(&k, DAY);
		a = fake_activate(&k, c);
		ck_assert_int_eq(a.outcome, cases[i].outcome);
		ck_assert_int_eq(a.expires_at, FIX_NOW + 180 * DAY);
		ck_says(a.message, "The lease held stays valid until 2027-05-21T10:00:00Z.");
		ck_assert_str_eq(muster_client_id(c), id);
		ck_assert_uint_eq(fake_status(c).valid, 1);
		fake_read(&k, LEASE, &after);
		ck_assert_str_eq(buf_str(&before), buf_str(&after));
		buf_fini(&after);
	}
	buf_fini(&before);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_refused_words)
{
	struct muster_client *c;
	struct muster_answer a;

	fake_init(&k);
	k.problem = 403;
	k.problem_code = "M-114";
	c = fake_open(&k);
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_REFUSED);
	ck_assert_uint_eq(a.code, CODE_M_REFUSED_PRODUCT);
	ck_assert_uint_eq(fake_status(c).valid, 0);
	/* escapes of a terminal do not get through */
	ck_says(a.message, "M-114 Product never served: Because ?[31mred?. Do that.");
	check_within(a.next_at, FIX_NOW + 6480, FIX_NOW + 7920);
	/* the same for those that send on to the next host, once every host has said so */
	k.problem = 422;
	k.problem_code = "0xC004F042";
	check_within(fake_activate(&k, c).next_at, FIX_NOW + 6480, FIX_NOW + 7920);
	/* a product that was only asked for is given up without asking anybody */
	{
		struct muster_answer gone = { .size = sizeof gone };

		fixture_ok(muster_client_release(c, PRODUCT, &gone, &err), &err);
		ck_assert_int_eq(gone.outcome, MUSTER_RELEASED);
		ck_assert_uint_eq(k.released, 0);
		ck_assert_int_eq(muster_client_release(c, PRODUCT, &gone, &err), MUSTER_E_NOT_FOUND);
	}
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_overload)
{
	struct muster_client *c;
	struct muster_answer a;
	char nonce[64];

	fake_init(&k);
	k.problem = 503;
	k.problem_code = "M-109";
	k.problem_more = ",\"retry_after_seconds\":500";
	c = fake_open(&k);
	a = fake_activate(&k, c);
	ck_assert_int_eq(a.outcome, MUSTER_REFUSED);
	ck_assert_uint_eq(a.code, CODE_M_OVERLOAD);
	check_within(a.next_at, FIX_NOW + 500, FIX_NOW + 550);
	(void)snprintf(nonce, sizeof nonce, "%s", fake_seen(&k, "nonce"));
	/* no definite answer: the same question again … */
	a = fake_activate(&k, c);
	ck_assert_str_eq(fake_seen(&k, "nonce"), nonce);
	/* … ever later, up to the interval, and a new one after an hour */
	for (int i = 0; i < 12; i++)
		a = fake_activate(&k, c);
	check_within(a.next_at, FIX_NOW + 6480, FIX_NOW + 7920);
	fake_advance(&k, 3600);
	(void)fake_activate(&k, c);
	ck_assert_str_ne(fake_seen(&k, "nonce"), nonce);
	/* a definite answer ends the question */
	k.problem = 0;
	(void)fake_activate(&k, c);
	(void)snprintf(nonce, sizeof nonce, "%s", fake_seen(&k, "nonce"));
	(void)fake_activate(&k, c);
	ck_assert_str_ne(fake_seen(&k, "nonce"), nonce);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_hosts_in_order)
{
	struct muster_client_options o;
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };
	struct fake *second = calloc(1, sizeof *second);
	char hosts[256];

	fake_init(&k);
	fake_init(second);
	(void)snprintf(hosts, sizeof hosts, "http://127.0.0.1:1 %s %s", k.url, second->url);
	o = fake_options(&k);
	o.hosts = hosts;
	/* nobody, then a host that does not serve it, then one that cannot prove itself */
	k.problem = 422;
	k.problem_code = "0xC004F042";
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	fixture_ok(muster_client_activate(c, PRODUCT, &a, &err), &err);
	ck_assert_uint_eq(k.asked, 1);
	ck_assert_uint_eq(second->asked, 1);
	ck_assert_int_eq(a.outcome, MUSTER_REFUSED);
	ck_assert_uint_eq(a.code, (uint32_t)CODE_UNSUPPORTED_PRODUCT);
	/* the second serves it */
	k.problem = 0;
	k.problem_client = NULL;
	second->counted = true;
	(void)snprintf(hosts, sizeof hosts, "http://127.0.0.1:1 %s %s", second->url, k.url);
	muster_client_free(c);
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	fixture_ok(muster_client_activate(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_COUNTED);
	ck_assert_str_eq(a.host, second->url);
	ck_assert_uint_eq(k.asked, 1);
	muster_client_free(c);
	fake_fini(second);
	free(second);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_no_host)
{
	struct muster_client_options o;
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };

	fake_init(&k);
	o = fake_options(&k);
	o.hosts = "http://127.0.0.1:1 127.0.0.1:2";
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	fixture_ok(muster_client_activate(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
	ck_assert_uint_eq(a.code, (uint32_t)CODE_NO_HOST);
	ck_says(a.message, "0xC004F074 No host could be contacted: http://127.0.0.1:1/v1/activate");
	ck_says(a.message, "http://127.0.0.1:2/v1/activate");
	check_within(a.next_at, FIX_NOW + 54, FIX_NOW + 66);
	muster_client_free(c);
	o.hosts = NULL;
	ck_assert_int_eq(unlink(fake_path(&k, "products/" PRODUCT ".json")), 0);
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	fixture_ok(muster_client_activate(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
	check_within(a.next_at, FIX_NOW + 6480, FIX_NOW + 7920);
	ck_says(a.message, "no host is named: run `muster skms NAME[:PORT]`");
	/* a list that is kept */
	fixture_ok(muster_client_set_hosts(c, k.url, &err), &err);
	fixture_ok(muster_client_activate(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	fixture_ok(muster_client_set_hosts(c, NULL, &err), &err);
	fixture_ok(muster_client_activate(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
	ck_assert_int_eq(a.expires_at, FIX_NOW + 180 * DAY);
	ck_assert_int_eq(muster_client_set_hosts(c, "a b:0", &err), MUSTER_E_INVALID);
	ck_says(err.message, "host \"b:0\": the port is not a number from 1 to 65535");
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

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

START_TEST(test_client_release)
{
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };
	struct muster_status s = { .size = sizeof s };
	struct buf lease;
	uint8_t secret[32], hash[32], sent[32];
	size_t n;

	fake_init(&k);
	c = fake_open(&k);
	ck_assert_int_eq(muster_client_release(c, PRODUCT, &a, &err), MUSTER_E_NOT_FOUND);
	ck_says(err.message, "nothing to give back");
	(void)fake_activate(&k, c);
	(void)b64_decode(hash, sizeof hash, &n, fake_seen(&k, "release_hash"), 43);
	fake_read(&k, LEASE, &lease);
	/* refused or unreachable: everything stays */
	k.raw_release = "HTTP/1.1 503 No\r\nContent-Type: application/problem+json\r\nConnection: close\r\n\r\n"
		"{\"status\":503,\"code\":\"M-111\",\"title\":\"t\",\"detail\":\"d\",\"action\":\"a\"}";
	fixture_ok(muster_client_release(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_REFUSED);
	ck_assert_uint_eq(a.code, CODE_M_STOPPING);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	k.raw_release = "nonsense";
	a.code = 0;
	fixture_ok(muster_client_release(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
	ck_says(a.message, "the lease is kept");
	ck_assert_uint_eq(fake_status(c).valid, 1);
	k.raw_release = NULL;
	fixture_ok(muster_client_release(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_RELEASED);
	ck_assert_str_eq(fake_seen(&k, "lease"), buf_str(&lease));
	fixture_ok(b64_decode(secret, sizeof secret, &n, fake_seen(&k, "release"), strlen(fake_seen(&k, "release"))), &err);
	ck_assert_int_eq(trust_release_hash(sent, secret), MUSTER_OK);
	ck_assert_mem_eq(sent, hash, 32);
	ck_assert_int_eq(muster_client_status(c, PRODUCT, &s, &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_ne(access(fake_path(&k, LEASE), F_OK), 0);
	buf_fini(&lease);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_rearm)
{
	struct muster_client *c;
	char id[37];

	fake_init(&k);
	k.rearm_max = 2;
	c = fake_open(&k);
	(void)fake_activate(&k, c);
	ck_assert_uint_eq(fake_status(c).rearms_left, 2);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(id, sizeof id, "%s", muster_client_id(c));
		fixture_ok(muster_client_rearm(c, &err), &err);
		ck_assert_str_ne(id, muster_client_id(c));
		ck_assert_uint_eq(fake_status(c).valid, 0);
		ck_assert_uint_eq(fake_status(c).license_status, 2);
	}
	(void)snprintf(id, sizeof id, "%s", muster_client_id(c));
	muster_client_free(c);
	c = fake_open(&k);
	ck_assert_int_eq(muster_client_rearm(c, &err), MUSTER_E_REFUSED);
	ck_says(err.message, "2 times, as often as its products allow (2)");
	ck_assert_str_eq(id, muster_client_id(c));
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	ck_assert_str_eq(fake_seen(&k, "client_id"), id);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

static void short_lease(struct lease_claims *c) { c->exp = c->iat + 2 * DAY; }
static void quick_lease(struct lease_claims *c) { c->renew = 1; }
static void slow_lease(struct lease_claims *c) { c->renew = 100000000; }

START_TEST(test_client_intervals)
{
	struct muster_client *c;

	fake_init(&k);
	c = fake_open(&k);
	k.tweak = quick_lease;
	check_within(fake_activate(&k, c).next_at, FIX_NOW + 900, FIX_NOW + 990);
	k.tweak = slow_lease;
	check_within(fake_activate(&k, c).next_at, FIX_NOW + 27 * DAY, FIX_NOW + 30 * DAY);
	k.tweak = short_lease;
	check_within(fake_activate(&k, c).next_at, FIX_NOW + 900, FIX_NOW + DAY);
	for (int i = 0; i < 1000; i++) {
		check_within(client_spread(0), 900, 990);
		check_within(client_spread(7200), 6480, 7920);
		check_within(client_spread(INT64_C(1) << 40), 27 * DAY, 30 * DAY);
	}
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_find)
{
	static const char *const rows =
		"{\"products\":[{\"name\":\"office2013\",\"activation_id\":\"2E28138A-847F-42BC-9752-61B03FFF33CD\"},"
		"{\"name\":\"m365\",\"served\":false,\"reason\":\"It activates itself.\"},{\"name\":\"odd\",\"activation_id\":7},{}]}";
	struct muster_client *c;
	struct buf text;
	char id[37];

	fake_init(&k);
	c = fake_open(&k);
	buf_init(&text, 65536);
	fakehost_answer(&text, 200, "application/json", rows);
	k.raw_products = buf_str(&text);
	fixture_ok(muster_client_find(c, "office2013", id, &err), &err);
	ck_assert_str_eq(id, PRODUCT);
	ck_assert_int_eq(muster_client_find(c, "m365", id, &err), MUSTER_E_REFUSED);
	ck_says(err.message, "m365 is listed and never served: It activates itself.");
	ck_assert_int_eq(muster_client_find(c, "nothing", id, &err), MUSTER_E_NOT_FOUND);
	ck_says(err.message, "nothing: no product of that name on any host");
	ck_assert_int_eq(muster_client_find(c, "odd", id, &err), MUSTER_E_NETWORK);
	ck_assert_int_eq(muster_client_find(c, "No Name", id, &err), MUSTER_E_INVALID);
	fixture_ok(muster_client_find(c, "2E28138A-847F-42BC-9752-61B03FFF33CD", id, &err), &err);
	ck_assert_str_eq(id, PRODUCT);
	k.raw_products = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]";
	ck_assert_int_eq(muster_client_find(c, "office2013", id, &err), MUSTER_E_NETWORK);
	ck_says(err.message, "it is not a JSON object");
	/* known from an earlier answer: no host is asked */
	(void)fake_activate(&k, c);
	k.raw_products = "";
	fixture_ok(muster_client_find(c, "office2013", id, &err), &err);
	buf_fini(&text);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

/* ---- the state folder ---- */

START_TEST(test_client_state_refused)
{
	struct muster_client_options o;
	struct muster_client *c;

	fake_init(&k);
	o = fake_options(&k);
	muster_client_free(fake_open(&k));
	ck_assert_int_eq(chmod(k.state, 0750), 0);
	ck_assert_int_eq(muster_client_open(&c, &o, &err), MUSTER_E_DENIED);
	ck_assert_ptr_null(c);
	ck_says(err.message, "can be used by others (mode 0750): chmod 700 ");
	ck_assert_int_eq(chmod(k.state, 0700), 0);
	fake_write(&k, "identity.json", "{\"client_id\":\"zz\"}");
	ck_assert_int_eq(muster_client_open(&c, &o, &err), MUSTER_E_INVALID);
	ck_says(err.message, "identity.json is damaged: client_id has no valid value. Restore it, or remove it to begin anew");
	fake_write(&k, "identity.json", "nonsense");
	ck_assert_int_eq(muster_client_open(&c, &o, &err), MUSTER_E_INVALID);
	ck_says(err.message, "it is not a JSON object");
	ck_assert_int_eq(unlink(fake_path(&k, "identity.json")), 0);
	o.state = k.issuer;
	ck_assert_int_lt(muster_client_open(&c, &o, &err), 0);
	ck_says(err.message, k.issuer);
	o.state = k.state;
	o.hosts = "ftp://x";
	ck_assert_int_eq(muster_client_open(&c, &o, &err), MUSTER_E_INVALID);
	o.hosts = k.url;
	o.size = 4;
	ck_assert_int_eq(muster_client_open(&c, &o, &err), MUSTER_E_INVALID);
	ck_says(err.message, "size member");
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_issuer_refused)
{
	struct muster_client_options o;
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };

	fake_init(&k);
	ck_assert_int_eq(chmod(k.issuer, 0666), 0);
	c = fake_open(&k);
	ck_assert_int_eq(muster_client_activate(c, PRODUCT, &a, &err), MUSTER_E_DENIED);
	ck_says(err.message, "can be changed by others");
	muster_client_free(c);
	o = fake_options(&k);
	o.issuer = NULL;
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	ck_assert_int_eq(muster_client_activate(c, PRODUCT, &a, &err), MUSTER_E_NOT_FOUND);
	ck_says(err.message, "cannot read the issuer's root");
	ck_says(err.message, "name it with --issuer");
	fake_write(&k, "issuer.pem", "not a certificate");
	ck_assert_int_lt(muster_client_activate(c, PRODUCT, &a, &err), 0);
	ck_says(err.message, "/issuer.pem: ");
	ck_assert_uint_eq(k.asked, 0);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_two_processes)
{
	struct muster_client *one, *two;
	struct muster_answer a = { .size = sizeof a };

	fake_init(&k);
	one = fake_open(&k);
	two = fake_open(&k);
	ck_assert_str_eq(muster_client_id(one), muster_client_id(two));
	fixture_ok(client_begin(one, &err), &err);
	ck_assert_int_eq(muster_client_activate(two, PRODUCT, &a, &err), MUSTER_E_BUSY);
	ck_says(err.message, "is locked by process");
	ck_assert_uint_eq(k.asked, 0);
	client_end(one);
	(void)fake_activate(&k, two);
	/* one learns what two did: the new identity too */
	ck_assert_uint_eq(fake_status(one).valid, 1);
	fixture_ok(muster_client_rearm(two, &err), &err);
	(void)fake_activate(&k, one);
	ck_assert_str_eq(muster_client_id(one), muster_client_id(two));
	muster_client_free(one);
	muster_client_free(two);
	fake_fini(&k);
}
END_TEST

/* Many processes open a folder that is not there yet: all agree on one identity, and none has to wait. */
START_TEST(test_client_opened_at_once)
{
	char ids[8][37];
	int pipes[2], go[2];

	fake_init(&k);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(pipe(go), 0);
	for (int i = 0; i < 8; i++)
		if (fork() == 0) {
			struct muster_client_options o = fake_options(&k);
			struct muster_client *c;
			char x;

			(void)close(go[1]);
			(void)!read(go[0], &x, 1);
			if (muster_client_open(&c, &o, &err) != MUSTER_OK || write(pipes[1], muster_client_id(c), 37) != 37)
				_exit(1);
			_exit(0);
		}
	(void)close(go[1]);
	for (int i = 0; i < 8; i++) {
		int status;

		ck_assert_int_gt(wait(&status), 0);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a process could not open the folder");
		ck_assert_int_eq(read(pipes[0], ids[i], 37), 37);
		ck_assert_str_eq(ids[i], ids[0]);
	}
	fake_fini(&k);
}
END_TEST

/* The program dies just before its Nth rename: whatever N, the old or the new state is there, whole. */
static int renames_left = -1;

int rename(const char *from, const char *to)
{
	if (renames_left == 0)
		_exit(99);
	if (renames_left > 0)
		renames_left--;
	return renameat(-100 /* AT_FDCWD */, from, -100, to);
}

static int in_child(int die_at, void (*act)(struct muster_client *c))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct muster_client *c = fake_open(&k);

		renames_left = die_at;
		act(c);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void act_activate(struct muster_client *c)
{
	struct muster_answer a = { .size = sizeof a };
	struct muster_err e;

	(void)muster_client_activate(c, PRODUCT, &a, &e);
}

static void act_rearm(struct muster_client *c)
{
	struct muster_err e;

	(void)muster_client_rearm(c, &e);
}

START_TEST(test_client_dies_while_writing)
{
	struct muster_client *c;
	int died = 0;

	fake_init(&k);
	muster_client_free(fake_open(&k));
	for (int n = 0; in_child(n, act_activate) == 99; n++) {
		struct muster_status s = { .size = sizeof s };
		int r;

		died++;
		c = fake_open(&k);
		r = muster_client_status(c, PRODUCT, &s, &err);
		ck_assert(r == MUSTER_OK || r == MUSTER_E_NOT_FOUND);
		muster_client_free(c);
	}
	ck_assert_int_ge(died, 4);   /* question, chain, lease, clock, answer */
	c = fake_open(&k);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	muster_client_free(c);
	/* from here on there is always a valid lease */
	for (int n = 0; in_child(n, act_activate) == 99; n++) {
		fake_advance(&k, 1);
		c = fake_open(&k);
		ck_assert_uint_eq(fake_status(c).valid, 1);
		muster_client_free(c);
	}
	/* and a rearm cut short leaves no lease that counts under the new ID */
	for (int n = 0; in_child(n, act_rearm) == 99; n++) {
		struct muster_status s;

		c = fake_open(&k);
		s = fake_status(c);
		ck_assert(s.valid == 0 || n == 0);
		ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
		ck_assert_uint_eq(fake_status(c).valid, 1);
		muster_client_free(c);
	}
	fake_fini(&k);
}
END_TEST

/* Everything a client does, with one allocation failing. In a process of its own: the host here allocates too. */
static int with_failure(uint64_t n)
{
	struct muster_client_options o = fake_options(&k);
	struct muster_client *c = NULL;
	struct muster_answer a = { .size = sizeof a };
	struct muster_status s = { .size = sizeof s };
	char id[37];
	bool failed;
	int r;

	mem_fail_at(n);
	if ((r = muster_client_open(&c, &o, &err)) == MUSTER_OK && (r = muster_client_activate(c, PRODUCT, &a, &err)) == MUSTER_OK &&
	    (r = muster_client_status(c, PRODUCT, &s, &err)) == MUSTER_OK && (r = muster_client_find(c, "office2013", id, &err)) == MUSTER_OK &&
	    (r = muster_client_rearm(c, &err)) == MUSTER_OK)
		r = muster_client_release(c, PRODUCT, &a, &err);
	failed = mem_count() >= n;
	mem_fail_at(0);
	muster_client_free(c);
	if (!failed)
		return r == MUSTER_OK ? 1 : 2;
	if (r == MUSTER_OK || r == MUSTER_E_NOMEM || r == MUSTER_E_IO)
		return 0;
	(void)fprintf(stderr, "allocation %llu: %d: %s\n", (unsigned long long)n, r, err.message);
	return 2;
}

/* Every allocation of ours fails once: an error says so, or it was not needed, and afterwards everything works. */
START_TEST(test_client_every_allocation)
{
	int result = 0;

	fake_init(&k);
	for (uint64_t n = 1; result == 0; n++) {
		int status;
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			_exit(with_failure(n));
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) < 2, "allocation %llu: %x", (unsigned long long)n, (unsigned)status);
		result = WEXITSTATUS(status);
		if (n % 16 == 0) {
			struct muster_client *c = fake_open(&k);

			ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
			ck_assert_uint_eq(fake_status(c).valid, 1);
			muster_client_free(c);
		}
	}
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_leftover_part)
{
	struct muster_client *c;

	fake_init(&k);
	muster_client_free(fake_open(&k));
	fake_write(&k, "identity.json.part", "{\"client_id\":");
	fake_write(&k, LEASE ".part", "half a lea");
	c = fake_open(&k);
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

static int count_one(void *ctx, const char *id)
{
	ck_assert_str_eq(id, PRODUCT);
	++*(int *)ctx;
	return 0;
}

START_TEST(test_client_each)
{
	struct muster_client *c;
	int n = 0;

	fake_init(&k);
	c = fake_open(&k);
	ck_assert_int_eq(muster_client_each(c, count_one, &n), 0);
	ck_assert_int_eq(n, 0);
	(void)fake_activate(&k, c);
	fake_write(&k, "products/notes.json", "{}");
	ck_assert_int_eq(muster_client_each(c, count_one, &n), 0);
	ck_assert_int_eq(n, 1);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

START_TEST(test_client_bad_activation_id)
{
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };

	fake_init(&k);
	c = fake_open(&k);
	ck_assert_int_eq(muster_client_activate(c, "../../x", &a, &err), MUSTER_E_INVALID);
	ck_says(err.message, "is not an activation ID");
	ck_assert_int_eq(muster_client_activate(c, "00000000-0000-0000-0000-000000000000", &a, &err), MUSTER_E_INVALID);
	a.size = 8;
	ck_assert_int_eq(muster_client_activate(c, PRODUCT, &a, &err), MUSTER_E_INVALID);
	muster_client_free(c);
	fake_fini(&k);
}
END_TEST

UNIT_MAIN("client", test_client_activate, test_client_renew_when_due, test_client_counted, test_client_keeps_lease, test_client_refused_words,
	test_client_overload, test_client_hosts_in_order, test_client_no_host, test_client_bad_leases, test_client_edition, test_client_bad_chains,
	test_client_copied_folder, test_client_duplicate_advice, test_client_expiry, test_client_clock, test_client_flipped_lease, test_client_release,
	test_client_rearm, test_client_intervals, test_client_find, test_client_state_refused, test_client_issuer_refused, test_client_two_processes, test_client_opened_at_once,
	test_client_dies_while_writing, test_client_every_allocation, test_client_leftover_part, test_client_each, test_client_bad_activation_id)
