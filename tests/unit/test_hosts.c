#include "tests/unit/unit.h"

#include <string.h>

#include "core/client/hosts.h"

static struct hosts h;
static struct muster_err err;

START_TEST(test_hosts_forms)
{
	static const struct { const char *text, *url; } cases[] = {
		{ "a", "http://a:1688" }, { "a.example.org:99", "http://a.example.org:99" }, { "10.0.0.1", "http://10.0.0.1:1688" },
		{ "::1", "http://[::1]:1688" }, { "[::1]", "http://[::1]:1688" }, { "[fe80::2]:5", "http://[fe80::2]:5" },
		{ "http://a", "http://a:80" }, { "HTTPS://a/", "https://a:443" }, { "https://a:1688", "https://a:1688" },
		{ "http://[::1]:7", "http://[::1]:7" }, { "a:65535", "http://a:65535" }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_msg(hosts_parse(&h, cases[i].text, HOSTS_PORT, &err) == MUSTER_OK, "%s: %s", cases[i].text, err.message);
		ck_assert_uint_eq(h.n, 1);
		ck_assert_str_eq(h.url[0], cases[i].url);
	}
}
END_TEST

START_TEST(test_hosts_lists)
{
	ck_assert_int_eq(hosts_parse(&h, " a,b:2\n# not c\n\tb:2 A d # e\n", 77, &err), MUSTER_OK);
	ck_assert_uint_eq(h.n, 3);
	ck_assert_str_eq(h.url[0], "http://a:77");
	ck_assert_str_eq(h.url[1], "http://b:2");
	ck_assert_str_eq(h.url[2], "http://d:77");
	ck_assert_int_eq(hosts_parse(&h, "", HOSTS_PORT, &err), MUSTER_OK);
	ck_assert_uint_eq(h.n, 0);
	ck_assert_int_eq(hosts_parse(&h, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", HOSTS_PORT, &err), MUSTER_OK);
	ck_assert_uint_eq(h.n, 16);
	ck_assert_int_eq(hosts_parse(&h, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", HOSTS_PORT, &err), MUSTER_E_LIMIT);
	ck_assert_str_eq(err.message, "host \"17\": more than 16 hosts are named");
	ck_assert_uint_eq(h.n, 0);
}
END_TEST

START_TEST(test_hosts_refused)
{
	static const struct { const char *text, *says; } cases[] = {
		{ "a:0", "the port is not a number from 1 to 65535" }, { "a:65536", "the port is not" }, { "a:1x", "the port is not" },
		{ "a:", "the port is not" }, { "[::1", "the bracket is not closed" }, { "[::1]x", "the port is not" }, { "ftp://a", "neither http nor https" },
		{ "http://u@a", "no user, path or question" }, { "http://a/x", "no user, path or question" }, { "http://", "not a host name" },
		{ "-a", "not a host name" }, { "a/b", "not a host name" }, { "\xc3\xa4", "not a host name" }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_msg(hosts_parse(&h, cases[i].text, HOSTS_PORT, &err) == MUSTER_E_INVALID, "%s", cases[i].text);
		ck_assert_msg(strstr(err.message, cases[i].says) != NULL, "%s: %s", cases[i].text, err.message);
		ck_assert_ptr_nonnull(strstr(err.message, "write HOST, HOST:PORT, [IPv6]:PORT or http://HOST:PORT"));
		ck_assert_uint_eq(h.n, 0);
	}
}
END_TEST

START_TEST(test_hosts_long)
{
	char name[600], list[5000];

	memset(name, 'a', sizeof name);
	name[599] = '\0';
	ck_assert_int_eq(hosts_parse(&h, name, HOSTS_PORT, &err), MUSTER_E_LIMIT);
	memset(list, ' ', sizeof list);
	list[4999] = '\0';
	ck_assert_int_eq(hosts_parse(&h, list, HOSTS_PORT, &err), MUSTER_E_LIMIT);
}
END_TEST

UNIT_MAIN("hosts", test_hosts_forms, test_hosts_lists, test_hosts_refused, test_hosts_long)
