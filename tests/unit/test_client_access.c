/* libmuster with access licences: whose they are, and days of grace. */
#include "tests/unit/client_fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"

#define COMMON(name) "\"product\":\"" name "\",\"activation_id\":\"" PRODUCT "\",\"activation_interval_minutes\":120,\"renewal_interval_minutes\":10080,\"rearm_max\":0"
#define RDS COMMON("rds") ",\"count\":1,\"minimum_count\":0,"

static struct fake k;
static struct muster_err err;
static const char *signed_user;   /* whose lease the host signs; NULL: the machine's */

static void for_user(struct lease_claims *c)
{
	if (signed_user != NULL) {
		c->has_usr = true;
		ck_assert_int_eq(trust_user_hash(c->usr, span_str(signed_user)), MUSTER_OK);
	}
}

static struct muster_client *begin(void)
{
	fake_init(&k);
	signed_user = NULL;
	k.tweak = for_user;
	return fake_open(&k);
}

static void finish(struct muster_client *c)
{
	muster_client_free(c);
	fake_fini(&k);
}

static void set_user(struct muster_client *c, const char *user)
{
	fixture_ok(muster_client_set_user(c, user, &err), &err);
}

static const char *asked(const char *name)
{
	const char *s = json_string_value(json_object_get(json_object_get(k.seen, "access"), name));

	return s != NULL ? s : "";
}

/* ---- access ---- */

START_TEST(test_access_device)
{
	struct muster_client *c = begin();
	struct muster_answer a;
	struct muster_status s;

	k.members = RDS "\"access\":{\"per\":\"device\",\"version\":\"2019\",\"kind\":\"temporary\"},\"grace_seconds\":10368000";
	/* as for any product nothing is said of access that was not told */
	(void)fake_activate(&k, c);
	ck_assert_ptr_null(json_object_get(k.seen, "access"));
	ck_assert_ptr_null(json_object_get(k.seen, "queue"));
	fixture_ok(muster_client_set_access(c, PRODUCT, MUSTER_ACCESS_DEVICE, "2019", &err), &err);
	a = fake_activate(&k, c);
	ck_assert_str_eq(asked("per"), "device");
	ck_assert_str_eq(asked("version"), "2019");
	ck_assert_str_eq(asked("user"), "");
	ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
	ck_assert_uint_eq(a.access_per, MUSTER_ACCESS_DEVICE);
	ck_assert_uint_eq(a.access_kind, MUSTER_ACCESS_TEMPORARY);
	ck_assert_str_eq(a.version, "2019");
	ck_assert_uint_eq(a.over, 0);
	ck_assert_int_eq(a.grace_seconds, 120 * DAY);
	ck_says(a.message, "rds until 2027-05-21T10:00:00Z, per device, version 2019, temporary.");
	/* the wish is kept, for another process too; what an answer says replaces what the one before said */
	muster_client_free(c);
	c = fake_open(&k);
	k.members = RDS "\"access\":{\"per\":\"device\",\"version\":\"2022\",\"kind\":\"permanent\"},\"over\":true";
	a = fake_activate(&k, c);
	ck_assert_str_eq(asked("version"), "2019");
	ck_assert_uint_eq(a.access_kind, MUSTER_ACCESS_PERMANENT);
	ck_assert_uint_eq(a.over, 1);
	ck_says(a.message, "version 2022, permanent; beyond what there is, which is recorded.");
	s = fake_status(c);
	ck_assert_uint_eq(s.valid, 1);
	ck_assert_str_eq(s.version, "2022");
	ck_assert_str_eq(s.wanted_version, "2019");
	ck_assert_str_eq(s.user, "");
	ck_assert_uint_eq(s.over, 1);
	/* a refusal leaves the licence as it is */
	k.problem = 403;
	k.problem_code = "M-145";
	a = fake_activate(&k, c);
	ck_assert_uint_eq(a.code, CODE_M_NO_LICENSE);
	ck_assert_uint_eq(a.access_kind, MUSTER_ACCESS_PERMANENT);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	/* any version again */
	k.problem = 0;
	fixture_ok(muster_client_set_access(c, PRODUCT, MUSTER_ACCESS_ANY, NULL, &err), &err);
	(void)fake_activate(&k, c);
	ck_assert_ptr_null(json_object_get(k.seen, "access"));
	finish(c);
}
END_TEST

static int count_users(void *ctx, const char *id, const char *user)
{
	char *all = ctx;

	ck_assert_str_eq(id, PRODUCT);
	(void)strcat(strcat(all, user), " ");
	return 0;
}

static int count_ids(void *ctx, const char *id)
{
	ck_assert_str_eq(id, PRODUCT);
	++*(int *)ctx;
	return 0;
}

/* Two users and the machine itself: three leases side by side, none of which counts for another. */
START_TEST(test_access_users)
{
	static const char *const users[] = { "anna@example.org", "EXAMPLE\\b\xC3\xB6rn" };
	struct muster_client *c = begin();
	struct muster_answer a = { .size = sizeof a };
	struct muster_status s = { .size = sizeof s };
	char all[128] = "", id[37];
	int n = 0;

	k.members = RDS "\"access\":{\"per\":\"user\",\"version\":\"2022\",\"kind\":\"user\"}";
	for (size_t i = 0; i < 2; i++) {
		set_user(c, signed_user = users[i]);
		a = fake_activate(&k, c);
		ck_assert_int_eq(a.outcome, MUSTER_ACTIVATED);
		ck_assert_str_eq(asked("per"), "user");
		ck_assert_str_eq(asked("user"), users[i]);
		ck_assert_str_eq(asked("version"), "");
		ck_assert_ptr_null(json_object_get(k.seen, "lease"));
		ck_assert_str_eq(fake_status(c).user, users[i]);
	}
	set_user(c, NULL);
	signed_user = NULL;
	ck_assert_int_eq(muster_client_status(c, PRODUCT, &s, &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_eq(muster_client_each(c, count_ids, &n), 0);
	ck_assert_int_eq(n, 0);
	k.members = RDS "\"access\":{\"per\":\"device\",\"version\":\"2022\",\"kind\":\"temporary\"}";
	(void)fake_activate(&k, c);
	ck_assert_int_eq(muster_client_each(c, count_ids, &n), 0);
	ck_assert_int_eq(n, 1);
	ck_assert_int_eq(muster_client_each_user(c, count_users, all), 0);
	ck_assert_msg(strstr(all, users[0]) != NULL && strstr(all, users[1]) != NULL && strlen(all) == strlen(users[0]) + strlen(users[1]) + 2, "%s", all);
	/* the renewal carries the user's own lease and no other */
	set_user(c, signed_user = users[0]);
	a = fake_activate(&k, c);
	ck_assert_ptr_nonnull(json_object_get(k.seen, "lease"));
	/* one who never asked has nothing, and a name is compared byte for byte */
	set_user(c, "Anna@example.org");
	ck_assert_int_eq(muster_client_status(c, PRODUCT, &s, &err), MUSTER_E_NOT_FOUND);
	ck_says(err.message, "nothing has been asked for Anna@example.org of this product");
	/* the product's name is known from users' records alone */
	fixture_ok(muster_client_find(c, "rds", id, &err), &err);
	ck_assert_str_eq(id, PRODUCT);
	/* giving up one user's touches nobody else's */
	set_user(c, users[0]);
	fixture_ok(muster_client_release(c, PRODUCT, &a, &err), &err);
	ck_assert_int_eq(a.outcome, MUSTER_RELEASED);
	set_user(c, users[1]);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	set_user(c, NULL);
	ck_assert_uint_eq(fake_status(c).valid, 1);
	/* a new client ID ends all of them; everybody stays known */
	fixture_ok(muster_client_rearm(c, &err), &err);
	ck_assert_uint_eq(fake_status(c).valid, 0);
	set_user(c, users[1]);
	ck_assert_uint_eq(fake_status(c).valid, 0);
	ck_assert_str_eq(fake_status(c).user, users[1]);
	finish(c);
}
END_TEST

/* A lease that is not the one of who asked: never kept, and one put into another's place does not count. */
START_TEST(test_access_not_his)
{
	static const struct { const char *asks, *gets, *why; } cases[] = {
		{ "anna", NULL, "the lease is a machine's, no user's" }, { "anna", "bert", "the lease is another user's" }, { NULL, "anna", "the lease is a user's, and none was named" }
	};
	struct muster_client *c = begin();
	struct muster_answer a;
	struct muster_status s;
	struct buf lease;
	char path[128], hash[44];

	k.members = RDS "\"access\":{\"per\":\"user\",\"version\":\"2022\",\"kind\":\"user\"}";
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		set_user(c, cases[i].asks);
		signed_user = cases[i].gets;
		a = fake_activate(&k, c);
		ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
		ck_says(a.message, cases[i].why);
		ck_assert_uint_eq(fake_status(c).valid, 0);
	}
	set_user(c, signed_user = "anna");
	ck_assert_int_eq(fake_activate(&k, c).outcome, MUSTER_ACTIVATED);
	fixture_ok(muster_user_hash(hash, "anna", &err), &err);
	(void)snprintf(path, sizeof path, "leases/" PRODUCT ".%.16s.jws", hash);
	fake_read(&k, path, &lease);
	fake_write(&k, LEASE, buf_str(&lease));
	set_user(c, NULL);
	s = fake_status(c);
	ck_assert_uint_eq(s.valid, 0);
	ck_says(s.reason, "not the one of whose place it lies in");
	fixture_ok(muster_user_hash(hash, "bert", &err), &err);
	(void)snprintf(path, sizeof path, "leases/" PRODUCT ".%.16s.jws", hash);
	fake_write(&k, path, buf_str(&lease));
	set_user(c, "bert");
	ck_assert_uint_eq(fake_status(c).valid, 0);
	buf_fini(&lease);
	finish(c);
}
END_TEST

START_TEST(test_access_arguments)
{
	static const char *const bad[] = { "", "a\nb", "a\x7f", "\xff", "a\xc2\x85" };
	struct muster_client *c = begin();
	char name[258], hash[44], version[66];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ck_assert_int_eq(muster_client_set_user(c, bad[i], &err), MUSTER_E_INVALID);
		ck_assert_int_eq(muster_user_hash(hash, bad[i], &err), MUSTER_E_INVALID);
		ck_assert_int_eq(muster_client_set_access(c, PRODUCT, MUSTER_ACCESS_ANY, bad[i], &err), MUSTER_E_INVALID);
	}
	memset(name, 'x', 256);
	name[256] = '\0';
	ck_assert_int_eq(muster_client_set_user(c, name, &err), MUSTER_E_INVALID);
	name[255] = '\0';
	set_user(c, name);
	/* SHA-256("muster user v1" 0 "EXAMPLE\anna"), as another implementation has it */
	fixture_ok(muster_user_hash(hash, "EXAMPLE\\anna", &err), &err);
	ck_assert_str_eq(hash, "Ue4uOE4OXRXCe-55ADdru547D50rAFtUdtM4SiEnQtU");
	ck_assert_int_eq(muster_client_set_access(c, PRODUCT, MUSTER_ACCESS_DEVICE, NULL, &err), MUSTER_E_INVALID);
	set_user(c, NULL);
	ck_assert_int_eq(muster_client_set_access(c, PRODUCT, MUSTER_ACCESS_USER, NULL, &err), MUSTER_E_INVALID);
	ck_says(err.message, "No user has been named");
	ck_assert_int_eq(muster_client_set_access(c, PRODUCT, 3, NULL, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_client_set_access(c, "x", MUSTER_ACCESS_ANY, NULL, &err), MUSTER_E_INVALID);
	memset(version, '1', 65);
	version[64] = '\0';
	ck_assert_int_eq(muster_client_set_access(c, PRODUCT, MUSTER_ACCESS_ANY, version, &err), MUSTER_E_INVALID);
	version[63] = '\0';
	fixture_ok(muster_client_set_access(c, PRODUCT, MUSTER_ACCESS_ANY, version, &err), &err);
	finish(c);
}
END_TEST

/* ---- grace, by days ---- */

static void without_hosts(struct fake *f)
{
	(void)f;
	/* nobody listens there */
	(void)snprintf(k.url, sizeof k.url, "http://127.0.0.1:9");
}

START_TEST(test_grace_days)
{
	struct muster_client *c = begin();
	struct muster_answer a;
	struct muster_status s;

	muster_client_free(c);
	without_hosts(&k);
	c = fake_open(&k);
	fixture_ok(muster_client_set_access(c, PRODUCT, MUSTER_ACCESS_DEVICE, "2019", &err), &err);
	for (int day = 0; day < 130; day++) {
		a = fake_activate(&k, c);
		ck_assert_int_eq(a.outcome, MUSTER_NO_HOST);
		ck_assert_int_eq(a.grace_seconds, 120 * DAY);
		s = fake_status(c);
		ck_assert_msg(s.license_status == (day < 120 ? 2U : 5U), "day %d: %u", day, (unsigned)s.license_status);
		ck_assert_int_eq(s.state_ends_at, day < 120 ? FIX_NOW + 120 * DAY : 0);
		/* neither a new client ID nor a user who is new here begins another grace */
		if (day == 60)
			fixture_ok(muster_client_rearm(c, &err), &err);
		if (day == 90 || day == 125) {
			set_user(c, day == 90 ? "anna" : "bert");
			(void)fake_activate(&k, c);
			ck_assert_uint_eq(fake_status(c).license_status, day == 90 ? 2 : 5);
			set_user(c, NULL);
		}
		fake_advance(&k, DAY);
	}
	finish(c);
}
END_TEST

/* Who says how long: nobody, the application, a host's refusal; a lease that ended goes by its own days. */
START_TEST(test_grace_said)
{
	struct muster_client *c = begin();
	struct muster_status s;

	fixture_ok(muster_client_set_grace(c, PRODUCT, 10 * DAY, &err), &err);
	s = fake_status(c);
	ck_assert_uint_eq(s.license_status, 2);
	ck_assert_int_eq(s.grace_seconds, 10 * DAY);
	fake_advance(&k, 10 * DAY - 1);
	ck_assert_uint_eq(fake_status(c).license_status, 2);
	fake_advance(&k, 1);
	ck_assert_uint_eq(fake_status(c).license_status, 5);
	fixture_ok(muster_client_set_grace(c, PRODUCT, -1, &err), &err);
	ck_assert_int_eq(fake_status(c).grace_seconds, 30 * DAY);
	ck_assert_uint_eq(fake_status(c).license_status, 2);
	k.problem = 403;
	k.problem_code = "M-145";
	k.problem_more = ",\"grace_seconds\":1728000";
	(void)fake_activate(&k, c);
	ck_assert_int_eq(fake_status(c).grace_seconds, 20 * DAY);
	k.problem_more = ",\"grace_seconds\":4294967295";
	(void)fake_activate(&k, c);
	ck_assert_int_eq(fake_status(c).grace_seconds, INT64_C(315576000));
	k.problem_more = ",\"grace_seconds\":1728000";
	(void)fake_activate(&k, c);
	/* a host's word is not changed here */
	fixture_ok(muster_client_set_grace(c, PRODUCT, 100 * DAY, &err), &err);
	ck_assert_int_eq(fake_status(c).grace_seconds, 20 * DAY);
	fake_advance(&k, 10 * DAY);
	ck_assert_uint_eq(fake_status(c).license_status, 5);
	/* granted, ended */
	k.problem = 0;
	(void)fake_activate(&k, c);
	fake_advance(&k, 180 * DAY);
	ck_assert_uint_eq(fake_status(c).license_status, 3);
	fake_advance(&k, 30 * DAY);
	ck_assert_uint_eq(fake_status(c).license_status, 5);
	ck_assert_int_eq(muster_client_set_grace(c, PRODUCT, -2, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_client_set_grace(c, PRODUCT, 3653 * DAY, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(muster_client_set_grace(c, PRODUCT, INT64_MAX, &err), MUSTER_E_INVALID);
	finish(c);
}
END_TEST

/* The product list says it before the first question. */
START_TEST(test_grace_listed)
{
	struct muster_client *c = begin();
	struct buf text;
	char id[37];

	buf_init(&text, 65536);
	fakehost_answer(&text, 200, "application/json", "{\"products\":[{\"name\":\"rds\",\"activation_id\":\"" PRODUCT "\",\"model\":\"access\","
		"\"access\":{\"per\":[\"device\",\"user\"],\"versions\":[\"2019\"],\"grace_seconds\":864000}}]}");
	k.raw_products = buf_str(&text);
	fixture_ok(muster_client_find(c, "rds", id, &err), &err);
	k.problem = 503;
	k.problem_code = "0xC004F041";
	(void)fake_activate(&k, c);
	ck_assert_int_eq(fake_status(c).grace_seconds, 10 * DAY);
	buf_fini(&text);
	finish(c);
}
END_TEST

UNIT_MAIN("client_access", test_access_device, test_access_users, test_access_not_his, test_access_arguments, test_grace_days, test_grace_said, test_grace_listed)
