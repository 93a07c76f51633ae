/* libmuster asks: hosts that grant, count, refuse, are busy or silent. */
#include "tests/unit/client_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"

static struct fake k;
static struct muster_err err;

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
	ck_within(a.next_at, FIX_NOW + 604800 * 9 / 10, FIX_NOW + 604800 * 11 / 10);
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
	ck_within(a.next_at, FIX_NOW + 6480, FIX_NOW + 7920);
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
	ck_within(a.next_at, FIX_NOW + 6480, FIX_NOW + 7920);
	/* the same for those that send on to the next host, once every host has said so */
	k.problem = 422;
	k.problem_code = "0xC004F042";
	ck_within(fake_activate(&k, c).next_at, FIX_NOW + 6480, FIX_NOW + 7920);
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
	ck_within(a.next_at, FIX_NOW + 500, FIX_NOW + 550);
	(void)snprintf(nonce, sizeof nonce, "%s", fake_seen(&k, "nonce"));
	/* no definite answer: the same question again … */
	a = fake_activate(&k, c);
	ck_assert_str_eq(fake_seen(&k, "nonce"), nonce);
	/* … ever later, up to the interval, and a new one after an hour */
	for (int i = 0; i < 12; i++)
		a = fake_activate(&k, c);
	ck_within(a.next_at, FIX_NOW + 6480, FIX_NOW + 7920);
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
	ck_within(a.next_at, FIX_NOW + 54, FIX_NOW + 66);
	muster_client_free(c);
	o.hosts = NULL;
	ck_assert_int_eq(unlink(fake_path(&k, "products/" PRODUCT ".json")), 0);
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	fixture_ok(muster_client_activate(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
	ck_within(a.next_at, FIX_NOW + 6480, FIX_NOW + 7920);
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

START_TEST(test_client_release_not_ours)
{
	struct muster_client_options o;
	struct muster_client *c;
	struct muster_answer a = { .size = sizeof a };

	fake_init(&k);
	c = fake_open(&k);
	(void)fake_activate(&k, c);
	/* over: nobody needs to be asked */
	fake_advance(&k, 180 * DAY);
	fixture_ok(muster_client_release(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_RELEASED);
	ck_says(a.message, "The lease had ended");
	ck_assert_int_ne(access(fake_path(&k, LEASE), F_OK), 0);
	fake_advance(&k, -180 * DAY);
	(void)fake_activate(&k, c);
	muster_client_free(c);
	/* a copied folder does not give the other machine's place back */
	o = fake_options(&k);
	o.hardware = "machine 2";
	fixture_ok(muster_client_open(&c, &o, &err), &err);
	fixture_ok(muster_client_release(c, PRODUCT, &a, &err), &err);
	ck_says(a.message, "No lease was held");
	ck_assert_uint_eq(k.released, 0);
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
	ck_within(fake_activate(&k, c).next_at, FIX_NOW + 20, FIX_NOW + 22);
	k.tweak = slow_lease;
	ck_within(fake_activate(&k, c).next_at, FIX_NOW + 27 * DAY, FIX_NOW + 30 * DAY);
	k.tweak = short_lease;
	ck_within(fake_activate(&k, c).next_at, FIX_NOW + 900, FIX_NOW + DAY);
	for (int i = 0; i < 1000; i++) {
		ck_within(client_spread(0), 900, 990);
		ck_within(client_spread_signed(0), 20, 22);
		ck_within(client_spread_signed(100), 90, 110);
		ck_within(client_spread(7200), 6480, 7920);
		ck_within(client_spread(INT64_C(1) << 40), 27 * DAY, 30 * DAY);
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

UNIT_MAIN("client", test_client_activate, test_client_renew_when_due, test_client_counted, test_client_keeps_lease,
	test_client_refused_words, test_client_overload, test_client_hosts_in_order, test_client_no_host, test_client_release,
	test_client_release_not_ours, test_client_rearm, test_client_intervals, test_client_find)
