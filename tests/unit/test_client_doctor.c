/* The rules of `muster doctor`: each check brought to each verdict it can have, on facts made by hand. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/client/doctor.h"

#define NOW INT64_C(1795000000)
#define DAY INT64_C(86400)

static struct client_product product;
static struct client_host host;
static struct client_check checks[CLIENT_CHECKS];
static const struct client_check *found;

/* A machine with which nothing is wrong. */
static struct client_facts well(void)
{
	struct client_facts f = { .now = NOW, .mark = NOW - 600, .dir = "/var/lib/muster/client", .there = true, .client_id = "36f27b39-2fd5-440b-be67-a09996d27a38", .rearms_left = 3,
		.hosts = &host, .host_count = 1, .products = &product, .product_count = 1, .agent = true };

	host = (struct client_host){ .url = "http://kms:1688", .answers = true, .timed = true };
	product = (struct client_product){ .id = "2e28138a-847f-42bc-9752-61b03fff33cd", .name = "office2013", .model = "threshold", .license_status = 1, .valid = true, .granted_at = NOW - DAY,
		.expires_at = NOW + 179 * DAY, .renew_at = NOW + 6 * DAY };
	return f;
}

static enum verdict look(const char *name, const struct client_facts *f)
{
	client_doctor_judge(checks, f);
	found = NULL;
	for (size_t i = 0; i < CLIENT_CHECKS; i++) {
		if (strcmp(checks[i].name, name) == 0)
			found = &checks[i];
		ck_assert_msg(checks[i].reason[0] != '\0', "%s says nothing", checks[i].name);
		ck_assert_msg((checks[i].remedy[0] != '\0') == (checks[i].verdict != VERDICT_OK), "%s: %s: %s", checks[i].name, checks[i].reason, checks[i].remedy);
	}
	ck_assert_msg(found != NULL, "no check %s", name);
	return found->verdict;
}

#define IS(name, f, v, words) \
	do { \
		ck_assert_msg(look(name, &(f)) == (v), "%s: %s", name, found->reason); \
		ck_assert_msg(strstr(found->reason, words) != NULL, "%s: %s", name, found->reason); \
	} while (0)

START_TEST(test_client_doctor_well)
{
	struct client_facts f = well();

	(void)look("state", &f);
	for (size_t i = 0; i < CLIENT_CHECKS; i++)
		ck_assert_msg(checks[i].verdict == VERDICT_OK && checks[i].code == 0, "%s: %s", checks[i].name, checks[i].reason);
	f.exhausted = true;
	(void)look("state", &f);
	for (size_t i = 0; i < CLIENT_CHECKS; i++)
		ck_assert_int_eq(checks[i].verdict, VERDICT_UNKNOWN);
}
END_TEST

START_TEST(test_client_doctor_folder)
{
	struct client_facts f = well();

	f.there = false;
	IS("state", f, VERDICT_CRITICAL, "there is no folder");
	for (size_t i = 1; i < CLIENT_CHECKS; i++)
		ck_assert_int_eq(checks[i].verdict, VERDICT_UNKNOWN);
	f.there = true;
	strcpy(f.state_fault, "the state folder can be used by others");
	IS("state", f, VERDICT_CRITICAL, "can be used by others");
	f.state_fault[0] = '\0';
	strcpy(f.issuer_fault, "cannot read the issuer's root");
	IS("state", f, VERDICT_CRITICAL, "issuer's root");
	f.issuer_fault[0] = '\0';
	f.hardware_moved = true;
	IS("identity", f, VERDICT_WARNING, "other hardware");
	f.hardware_moved = false;
	f.rearms_left = 0;
	IS("identity", f, VERDICT_WARNING, "no further rearm");
	strcpy(f.identity_fault, "identity.json is damaged");
	IS("identity", f, VERDICT_CRITICAL, "damaged");
	IS("lease", f, VERDICT_UNKNOWN, "identity");
}
END_TEST

START_TEST(test_client_doctor_clock)
{
	struct client_facts f = well();

	f.mark = NOW + 14400;
	IS("clock", f, VERDICT_OK, "agrees");
	f.mark = NOW + 14401;
	IS("clock", f, VERDICT_CRITICAL, "set back");
	f.mark = 0;
	host.ahead = 300;
	IS("clock", f, VERDICT_OK, "agrees");
	host.ahead = -301;
	IS("clock", f, VERDICT_WARNING, "5 minutes behind");
	host.ahead = 14401;
	IS("clock", f, VERDICT_CRITICAL, "240 minutes ahead");
	ck_assert_uint_eq(found->code, (uint32_t)CODE_TIMESTAMP);
	host.timed = false;
	IS("clock", f, VERDICT_OK, "");
	strcpy(f.mark_fault, "clock is damaged");
	IS("clock", f, VERDICT_WARNING, "damaged");
}
END_TEST

START_TEST(test_client_doctor_hosts)
{
	struct client_facts f = well();
	struct client_host two[2] = { { .url = "http://a:1688", .fault = "http://a:1688: refused" }, { .url = "http://b:1688", .answers = true } };

	f.hosts = two;
	f.host_count = 2;
	IS("hosts", f, VERDICT_WARNING, "http://a:1688: refused");
	two[1].answers = false;
	strcpy(two[1].fault, "http://b:1688: no such name");
	IS("hosts", f, VERDICT_CRITICAL, "http://a:1688: refused; http://b:1688: no such name");
	ck_assert_uint_eq(found->code, (uint32_t)CODE_NO_HOST);
	f.host_count = 0;
	IS("hosts", f, VERDICT_CRITICAL, "no host is named");
}
END_TEST

START_TEST(test_client_doctor_lease)
{
	struct client_facts f = well();

	product.renew_at = NOW - DAY;
	IS("lease", f, VERDICT_OK, "office2013 until");
	product.renew_at = NOW - DAY - 1;
	f.agent = false;
	IS("lease", f, VERDICT_WARNING, "renewal has been due since");
	IS("agent", f, VERDICT_WARNING, "a renewal is overdue");
	product.expires_at = NOW + 7 * DAY;
	IS("lease", f, VERDICT_CRITICAL, "the lease ends");
	/* not held: grace, then none */
	product.valid = false;
	product.license_status = 2;
	product.grace_ends = NOW + 8 * DAY;
	strcpy(product.reason, "too few machines");
	IS("lease", f, VERDICT_WARNING, "office2013 is not activated: too few machines");
	IS("grace", f, VERDICT_WARNING, "the grace period ends");
	product.grace_ends = NOW + 7 * DAY;
	IS("grace", f, VERDICT_CRITICAL, "the grace period ends");
	product.license_status = 5;
	product.grace_ends = 0;
	IS("lease", f, VERDICT_CRITICAL, "is not activated");
	ck_assert_uint_eq(found->code, (uint32_t)CODE_GRACE_EXPIRED);
	IS("grace", f, VERDICT_OK, "");
	strcpy(product.user, "anna");
	IS("lease", f, VERDICT_CRITICAL, "office2013 of anna");
	f.product_count = 0;
	IS("lease", f, VERDICT_CRITICAL, "nothing has been asked");
	strcpy(f.products_fault, "cannot be listed");
	IS("lease", f, VERDICT_UNKNOWN, "cannot be listed");
}
END_TEST

START_TEST(test_client_doctor_keys)
{
	struct client_facts f = well();

	product.perpetual = true;
	product.renew_at = 0;
	product.expires_at = 0;
	f.agent = false;
	IS("lease", f, VERDICT_OK, "1 product activated");
	IS("agent", f, VERDICT_OK, "nothing needs to be renewed");
	product.expires_at = NOW + 30 * DAY;
	IS("lease", f, VERDICT_WARNING, "the coverage ends");
	product.expires_at = NOW + 7 * DAY;
	IS("lease", f, VERDICT_CRITICAL, "the coverage ends");
	strcpy(product.model, "counted");
	IS("key", f, VERDICT_OK, "a confirmation is held");
	product.perpetual = product.valid = false;
	IS("key", f, VERDICT_WARNING, "needs a key on this machine");
	ck_assert_uint_eq(found->code, (uint32_t)CODE_NO_KEY);
	product.has_key = true;
	IS("key", f, VERDICT_OK, "");
	product.crl_stale = true;
	IS("revocation", f, VERDICT_WARNING, "should have been replaced");
	f.products_more = true;
	product.valid = true;
	product.renew_at = NOW;
	product.expires_at = NOW + 100 * DAY;
	IS("lease", f, VERDICT_UNKNOWN, "more than 256");
}
END_TEST

UNIT_MAIN("client_doctor", test_client_doctor_well, test_client_doctor_folder, test_client_doctor_clock, test_client_doctor_hosts, test_client_doctor_lease, test_client_doctor_keys)
