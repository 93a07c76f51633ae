#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/service/networks.h"

static struct address address(const char *text)
{
	struct address a = { .len = 4 };

	if (inet_pton(AF_INET, text, a.b) != 1) {
		ck_assert_int_eq(inet_pton(AF_INET6, text, a.b), 1);
		a.len = 16;
	}
	return a;
}

static bool allowed(const char *list, const char *from)
{
	struct networks n;
	struct muster_err err;
	struct address a = address(from);
	bool yes;

	ck_assert_int_eq(networks_parse(&n, list, &err), MUSTER_OK);
	yes = networks_allow(&n, &a);
	networks_fini(&n);
	return yes;
}

START_TEST(test_networks_allow)
{
	ck_assert(allowed("", "192.0.2.1"));
	ck_assert(allowed(NULL, "2001:db8::1"));
	ck_assert(allowed("10.0.0.0/8", "10.255.0.1"));
	ck_assert(!allowed("10.0.0.0/8", "11.0.0.1"));
	ck_assert(allowed("10.0.0.0/9", "10.127.255.255"));
	ck_assert(!allowed("10.0.0.0/9", "10.128.0.0"));
	ck_assert(allowed("0.0.0.0/0", "203.0.113.9"));
	ck_assert(!allowed("0.0.0.0/0", "2001:db8::1"));
	ck_assert(allowed(" 192.0.2.7 , 2001:db8::/33", "192.0.2.7"));
	ck_assert(!allowed("192.0.2.7", "192.0.2.6"));
	ck_assert(allowed("2001:db8::/33", "2001:db8:7fff::1"));
	ck_assert(!allowed("2001:db8::/33", "2001:db8:8000::1"));
	ck_assert(allowed("::1/128", "::1"));
}
END_TEST

START_TEST(test_networks_unix_peer_is_served)
{
	struct networks n;
	struct muster_err err;
	struct address none = { .len = 0 };

	ck_assert_int_eq(networks_parse(&n, "10.0.0.0/8", &err), MUSTER_OK);
	ck_assert(networks_allow(&n, &none));
	networks_fini(&n);
}
END_TEST

START_TEST(test_networks_bad_entries_are_named)
{
	static const char *const bad[] = { "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "example.org", "10.0.0.0/8/8" };
	struct networks n;
	struct muster_err err;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char list[64];

		(void)snprintf(list, sizeof list, "192.0.2.0/24, %s", bad[i]);
		ck_assert_int_eq(networks_parse(&n, list, &err), MUSTER_E_INVALID);
		ck_assert_ptr_nonnull(strstr(err.message, bad[i]));
		ck_assert_ptr_null(n.list);
	}
}
END_TEST

START_TEST(test_address_forms)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct address a;
	char text[ADDRESS_TEXT];

	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.5", &in6.sin6_addr), 1);
	address_of(&a, (struct sockaddr *)&in6);
	address_text(text, &a);
	ck_assert_str_eq(text, "192.0.2.5");
	ck_assert(!address_is_loopback(&a));
	ck_assert_int_eq(inet_pton(AF_INET6, "::1", &in6.sin6_addr), 1);
	address_of(&a, (struct sockaddr *)&in6);
	ck_assert(address_is_loopback(&a));
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:127.9.9.9", &in6.sin6_addr), 1);
	address_of(&a, (struct sockaddr *)&in6);
	ck_assert(address_is_loopback(&a));
	ck_assert_int_eq(inet_pton(AF_INET, "128.0.0.1", &in.sin_addr), 1);
	address_of(&a, (struct sockaddr *)&in);
	ck_assert(!address_is_loopback(&a));
	address_of(&a, NULL);
	ck_assert_uint_eq(a.len, 0);
	address_text(text, &a);
	ck_assert_str_eq(text, "");
}
END_TEST

UNIT_MAIN("service_networks", test_networks_allow, test_networks_unix_peer_is_served, test_networks_bad_entries_are_named, test_address_forms)
