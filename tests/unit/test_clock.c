#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"

static const struct { const char *text; int64_t seconds; } known[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "1972-02-29T12:00:00Z", 68212800 },
	{ "1999-12-31T23:59:59Z", 946684799 },
	{ "2000-02-29T00:00:00Z", 951782400 },
	{ "2000-03-01T00:00:00Z", 951868800 },
	{ "2024-02-29T23:59:59Z", 1709251199 },
	{ "2026-11-22T10:00:00Z", 1795341600 },
	{ "2038-01-19T03:14:08Z", 2147483648 },
	{ "2100-02-28T23:59:59Z", 4107542399 },
	{ "2100-03-01T00:00:00Z", 4107542400 },
	{ "2400-02-29T00:00:00Z", 13574563200 },
	{ "9999-12-31T23:59:59Z", 253402300799 },
};

START_TEST(test_clock_rfc3339_known)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		char text[TIME_RFC3339];
		int64_t ms;

		time_rfc3339(text, known[i].seconds * 1000);
		ck_assert_str_eq(text, known[i].text);
		time_rfc3339(text, known[i].seconds * 1000 + 999);
		ck_assert_str_eq(text, known[i].text);
		ck_assert_int_eq(time_parse_rfc3339(&ms, known[i].text, strlen(known[i].text)), MUSTER_OK);
		ck_assert_int_eq(ms, known[i].seconds * 1000);
	}
}
END_TEST

/* Each day of four centuries, so that every leap rule occurs: there and back. */
START_TEST(test_clock_rfc3339_every_day)
{
	for (int64_t day = 0; day < 146097 + 366; day++) {
		char text[TIME_RFC3339];
		int64_t ms, want = (day * 86400 + day % 86400) * 1000;

		time_rfc3339(text, want);
		ck_assert_int_eq(time_parse_rfc3339(&ms, text, strlen(text)), MUSTER_OK);
		ck_assert_msg(ms == want, "%s", text);
	}
}
END_TEST

START_TEST(test_clock_rfc3339_forms)
{
	static const struct { const char *text; int64_t ms; } rows[] = {
		{ "2026-11-22t10:00:00z", 1795341600000 }, { "2026-11-22T11:30:00+01:30", 1795341600000 },
		{ "2026-11-21T23:00:00-11:00", 1795341600000 }, { "2026-11-22T10:00:00.5Z", 1795341600500 },
		{ "2026-11-22T10:00:00.123456789+00:00", 1795341600123 }, { "2026-11-22T10:00:00-00:00", 1795341600000 },
		{ "2016-12-31T23:59:60Z", 1483228799000 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t ms;

		ck_assert_msg(time_parse_rfc3339(&ms, rows[i].text, strlen(rows[i].text)) == MUSTER_OK, "%s", rows[i].text);
		ck_assert_msg(ms == rows[i].ms, "%s", rows[i].text);
	}
}
END_TEST

START_TEST(test_clock_rfc3339_refuses)
{
	static const char *const wrong[] = {
		"", "2026-11-22", "2026-11-22T10:00:00", "2026-11-22 10:00:00Z", "1969-12-31T23:59:59Z", "2026-00-22T10:00:00Z",
		"2026-13-22T10:00:00Z", "2026-11-00T10:00:00Z", "2026-11-31T10:00:00Z", "2026-02-29T10:00:00Z", "2100-02-29T10:00:00Z",
		"2026-11-22T24:00:00Z", "2026-11-22T10:60:00Z", "2026-11-22T10:00:61Z", "2026-11-22T10:00:00.Z", "2026-11-22T10:00:00+1:00",
		"2026-11-22T10:00:00+0100", "2026-11-22T10:00:00+24:00", "2026-11-22T10:00:00+01:60", "2026-11-22T10:00:00ZZ",
		"2026-11-22T10:00:00Z ", " 2026-11-22T10:00:00Z", "+026-11-22T10:00:00Z", "2026-11-22T10:00:0 Z", "12026-11-22T10:00:00Z",
		"2026-11-22T10:00:00.1234567890123456789Z",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		int64_t ms = 7;

		ck_assert_msg(time_parse_rfc3339(&ms, wrong[i], strlen(wrong[i])) == MUSTER_E_INVALID, "%s", wrong[i]);
		ck_assert_int_eq(ms, 0);
	}
	for (size_t n = 0; n < 20; n++) {
		int64_t ms;

		ck_assert_int_eq(time_parse_rfc3339(&ms, "2026-11-22T10:00:00Z", n), MUSTER_E_INVALID);
	}
}
END_TEST

START_TEST(test_clock_out_of_range)
{
	char text[TIME_RFC3339], other[32];

	time_rfc3339(text, INT64_MAX);
	ck_assert_str_eq(text, "1970-01-01T00:00:00Z");
	time_rfc3339(text, INT64_MIN);
	ck_assert_str_eq(text, "1970-01-01T00:00:00Z");
	time_rfc3339(text, -1);
	ck_assert_str_eq(text, "1969-12-31T23:59:59Z");
	time_event(other, INT64_MAX);
	ck_assert_str_eq(other, "1970/1/1 0:00");
}
END_TEST

/* The forms of facts.md sections 3 and 4. */
START_TEST(test_clock_other_forms)
{
	char text[32];

	ck_assert_int_eq(setenv("TZ", "UTC", 1), 0);
	tzset();
	time_listing(text, 1365501513000);
	ck_assert_str_eq(text, "4/9/2013 9:58:33 AM");
	time_listing(text, 1365465600000);
	ck_assert_str_eq(text, "4/9/2013 12:00:00 AM");
	time_listing(text, 1365508800000);
	ck_assert_str_eq(text, "4/9/2013 12:00:00 PM");
	time_listing(text, 1365551999000);
	ck_assert_str_eq(text, "4/9/2013 11:59:59 PM");
	ck_assert_int_eq(setenv("TZ", "XXX-2", 1), 0);
	tzset();
	time_listing(text, 1365501513000);
	ck_assert_str_eq(text, "4/9/2013 11:58:33 AM");
	time_event(text, 1285796760000);  /* always UTC */
	ck_assert_str_eq(text, "2010/9/29 21:46");
}
END_TEST

START_TEST(test_clock_manual_moves)
{
	struct clock_manual c;
	int64_t boot;

	clock_manual_init(&c, 5000);
	ck_assert_int_eq(clock_wall_ms(&c.clock), 5000);
	boot = clock_boot_ms(&c.clock);
	clock_manual_advance(&c, 250);
	ck_assert_int_eq(clock_wall_ms(&c.clock), 5250);
	ck_assert_int_eq(clock_boot_ms(&c.clock), boot + 250);
	c.wall = 0;  /* somebody set the clock back: boot time does not follow */
	ck_assert_int_eq(clock_wall_ms(&c.clock), 0);
	ck_assert_int_eq(clock_boot_ms(&c.clock), boot + 250);
}
END_TEST

START_TEST(test_clock_system_and_file)
{
	char path[] = "/tmp/muster-clock-XXXXXX";
	int fd = mkstemp(path);
	const struct clock *system = clock_system(), *shifted = clock_file(path);
	int64_t before = clock_wall_ms(system), boot = clock_boot_ms(system), now;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(clock_boot_ms(system), boot);
	now = clock_wall_ms(shifted);  /* the file is empty: no shift */
	ck_assert(now >= before && now < before + 60000);
	ck_assert_int_eq(pwrite(fd, "-86400000\n", 10, 0), 10);
	now = clock_wall_ms(shifted) + 86400000;
	ck_assert(now >= before && now < before + 60000);
	now = clock_boot_ms(shifted) + 86400000;
	ck_assert(now >= boot && now < boot + 60000);
	ck_assert_int_eq(unlink(path), 0);
	now = clock_wall_ms(shifted);
	ck_assert(now >= before && now < before + 60000);
	close(fd);
}
END_TEST

UNIT_MAIN("clock", test_clock_rfc3339_known, test_clock_rfc3339_every_day, test_clock_rfc3339_forms, test_clock_rfc3339_refuses,
	test_clock_out_of_range, test_clock_other_forms, test_clock_manual_moves, test_clock_system_and_file)
