/* Local times: offsets, the rules of places, and the hour that comes twice in a log. In Berlin the clocks went forward on 30 March 2025 and back on 26 October, at 01:00 UTC. */
#include "tests/unit/exchange_events.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"

#define BERLIN "Europe/Berlin"

START_TEST(test_zone_offsets)
{
	static const struct { const char *text; int offset; } offsets[] = { { "+01:00", 3600 }, { "-0530", -19800 }, { "+2", 7200 }, { "Z", 0 }, { "utc", 0 }, { "+14:00", 50400 } };
	static const char *const no[] = { "", "1:00", "+15:00", "+1:60", "+x", "+01:0", "+01:000", "+", "+:30", BERLIN };
	struct exchange_hints h = { .offset = "+01:00" };
	struct muster_err err = { 0 };
	struct zone z;
	int64_t utc[2];
	int o;

	for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
		ck_assert_msg(zone_offset(offsets[i].text, &o), "%s", offsets[i].text);
		ck_assert_int_eq(o, offsets[i].offset);
	}
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		ck_assert_msg(!zone_offset(no[i], &o), "%s", no[i]);
	ck_assert_int_eq(zone_open(&z, &h, &err), MUSTER_OK);
	ck_assert(z.told && !z.named);
	ck_assert_int_eq(zone_utc(&z, INT64_C(1700000000123), utc), ZONE_ONCE);
	ck_assert_int_eq(utc[0], INT64_C(1699996400123));
	ck_assert_int_eq(utc[1], utc[0]);
	h.time_zone = BERLIN;
	ck_assert_int_eq(zone_open(&z, &h, &err), MUSTER_E_INVALID);
	ck_assert_str_eq(err.message, "--time-zone and --utc-offset say the same thing: give one of them");
}
END_TEST

static int64_t ms_of(const char *text)
{
	int64_t ms;

	ck_assert_msg(time_parse_rfc3339(&ms, text, strlen(text)) == MUSTER_OK, "%s", text);
	return ms;
}

START_TEST(test_zone_places)
{
	static const struct { const char *zone, *local, *first, *second; enum zone_times times; } rows[] = {
		{ BERLIN, "2025-01-15T12:00:00Z", "2025-01-15T11:00:00Z", NULL, ZONE_ONCE },
		{ BERLIN, "2025-07-15T12:00:00.250Z", "2025-07-15T10:00:00.250Z", NULL, ZONE_ONCE },
		{ BERLIN, "2050-07-15T12:00:00Z", "2050-07-15T10:00:00Z", NULL, ZONE_ONCE },
		{ BERLIN, "2025-03-30T01:59:59Z", "2025-03-30T00:59:59Z", NULL, ZONE_ONCE },
		{ BERLIN, "2025-03-30T02:00:00Z", "2025-03-30T01:00:00Z", NULL, ZONE_NEVER },
		{ BERLIN, "2025-03-30T02:30:00Z", "2025-03-30T01:30:00Z", NULL, ZONE_NEVER },   /* 03:30 there */
		{ BERLIN, "2025-03-30T03:00:00Z", "2025-03-30T01:00:00Z", NULL, ZONE_ONCE },
		{ BERLIN, "2025-10-26T01:59:59Z", "2025-10-25T23:59:59Z", NULL, ZONE_ONCE },
		{ BERLIN, "2025-10-26T02:00:00Z", "2025-10-26T00:00:00Z", "2025-10-26T01:00:00Z", ZONE_TWICE },
		{ BERLIN, "2025-10-26T02:59:59Z", "2025-10-26T00:59:59Z", "2025-10-26T01:59:59Z", ZONE_TWICE },
		{ BERLIN, "2025-10-26T03:00:00Z", "2025-10-26T02:00:00Z", NULL, ZONE_ONCE },
		{ "America/New_York", "2025-11-02T01:30:00Z", "2025-11-02T05:30:00Z", "2025-11-02T06:30:00Z", ZONE_TWICE },
		{ "Australia/Lord_Howe", "2025-04-06T01:45:00Z", "2025-04-05T14:45:00Z", "2025-04-05T15:15:00Z", ZONE_TWICE },   /* half an hour */
		{ "Pacific/Kiritimati", "2025-04-06T01:45:00Z", "2025-04-05T11:45:00Z", NULL, ZONE_ONCE },
		{ "Asia/Kolkata", "2025-04-06T01:45:00Z", "2025-04-05T20:15:00Z", NULL, ZONE_ONCE },
		{ "UTC", "2025-10-26T02:30:00Z", "2025-10-26T02:30:00Z", NULL, ZONE_ONCE },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct exchange_hints h = { .time_zone = rows[i].zone };
		struct muster_err err = { 0 };
		int64_t utc[2];
		struct zone z;

		ck_assert_msg(zone_open(&z, &h, &err) == MUSTER_OK, "%s", err.message);
		ck_assert_msg(zone_utc(&z, ms_of(rows[i].local), utc) == rows[i].times, "%s", rows[i].local);
		ck_assert_int_eq(utc[0], ms_of(rows[i].first));
		ck_assert_int_eq(utc[1], ms_of(rows[i].second != NULL ? rows[i].second : rows[i].first));
	}
}
END_TEST

static void refused(const char *name, const char *why)
{
	struct exchange_hints h = { .time_zone = name };
	struct muster_err err = { 0 };
	struct zone z;

	ck_assert_int_eq(zone_open(&z, &h, &err), MUSTER_E_INVALID);
	ck_assert_msg(strstr(err.message, why) != NULL, "%s\nis not: %s", err.message, why);
}

START_TEST(test_zone_refused)
{
	static const char *const names[] = { "", "/etc/localtime", "../../../etc/passwd", "Europe/../Europe/Berlin", "Europe/", "Europe//Berlin", "Europe/Berlin ", ":Europe/Berlin", "zone.tab", "<+01>-1",
		"EuropeEuropeEuropeEuropeEuropeEuropeEuropeEuropeEuropeEuropeEuropeEurope" };
	char folder[] = "/tmp/muster-zone-XXXXXX", file[64];
	int fd;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		refused(names[i], "is no name of a time zone: say it like Europe/Berlin");
	refused("Europe", "there is no time zone \"Europe\" in /");
	refused("Nowhere/Else", "there is no time zone \"Nowhere/Else\" in /");
	refused("CET-1CEST", "there is no time zone \"CET-1CEST\" in /");
	/* a database of one's own; one that is not there */
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(setenv("TZDIR", folder, 1), 0);
	(void)snprintf(file, sizeof file, "%s/Letter", folder);
	ck_assert_int_ge(fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0);
	ck_assert_int_eq(write(fd, "TZ of a letter", 14), 14);
	ck_assert_int_eq(close(fd), 0);
	refused("Letter", "there is no time zone \"Letter\" in /tmp/muster-zone-");
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(rmdir(folder), 0);
	refused(BERLIN, "install the package tzdata");
	ck_assert_int_eq(unsetenv("TZDIR"), 0);
}
END_TEST

/* ---- a log over the change ---- */

/* @c at the client's own time as an event has it; NULL: an event without one. */
struct row { const char *date, *at, *wanted; unsigned number; };

static void read_rows(const struct row *rows, size_t n)
{
	struct buf b;

	buf_init(&b, 8u << 20);
	buf_adds(&b, EXPORTED);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].at != NULL)
			buf_addf(&b, "\"0x0,5,pc-1.example.org," CMID ",%s,0,2,41520," EDITION "\",\"12290\"", rows[i].at);
		else
			buf_adds(&b, "\"Publishing in the domain 'example.org'\",\"12294\"");
		buf_adds(&b, ",\"\",\"");
		if (rows[i].number > 0)
			buf_addf(&b, "%u", rows[i].number);
		buf_addf(&b, "\",\"Microsoft-Windows-Security-SPP\",\"Key Management Service\",\"kms\",\"%s\"\r\n", rows[i].date);
	}
	ck_assert(!b.failed);
	read_hinted(buf_str(&b), b.n, SIZE_MAX, &(struct exchange_hints) { .time_zone = BERLIN });
	buf_fini(&b);
}

static void come_as(const struct row *rows, size_t n)
{
	read_rows(rows, n);
	RECORDS(n);
	for (size_t i = 0; i < n; i++) {
		char wanted[40];

		(void)snprintf(wanted, sizeof wanted, "2025-%s:00.000Z", rows[i].wanted);
		ck_assert_msg(strcmp(text_of(i, "logged_at"), wanted) == 0, "event %zu is of %s and not %s", i, text_of(i, "logged_at"), wanted);
	}
}

#define SILENT(rows) do { come_as(rows, sizeof(rows) / sizeof(rows)[0]); ck_assert_str_eq(messages, ""); } while (0)
#define TOLD(rows, what) do { come_as(rows, sizeof(rows) / sizeof(rows)[0]); SAYS(what); } while (0)
#define OCT(clock) "10/26/2025 " clock ":00 AM"

/* Where the local times step back, the second time has begun: whichever end the file begins at. */
START_TEST(test_fold_order)
{
	static const struct row oldest_first[] = {
		{ OCT("1:50"), NULL, "10-25T23:50", 0 }, { OCT("2:10"), NULL, "10-26T00:10", 0 }, { OCT("2:40"), NULL, "10-26T00:40", 0 }, { OCT("2:20"), NULL, "10-26T01:20", 0 },
		{ OCT("2:50"), NULL, "10-26T01:50", 0 }, { OCT("3:05"), NULL, "10-26T02:05", 0 },
	}, newest_first[] = {
		{ OCT("3:05"), NULL, "10-26T02:05", 0 }, { OCT("2:50"), NULL, "10-26T01:50", 0 }, { OCT("2:20"), NULL, "10-26T01:20", 0 }, { OCT("2:40"), NULL, "10-26T00:40", 0 },
		{ OCT("2:10"), NULL, "10-26T00:10", 0 }, { OCT("1:50"), NULL, "10-25T23:50", 0 },
	}, only_numbers[] = {   /* nothing but the hour itself: the log's numbers tell the direction */
		{ OCT("2:20"), NULL, "10-26T01:20", 9 }, { OCT("2:40"), NULL, "10-26T00:40", 8 }, { OCT("2:10"), NULL, "10-26T00:10", 7 },
	}, at_the_beginning[] = {   /* the direction is known from what comes behind */
		{ OCT("2:40"), NULL, "10-26T00:40", 0 }, { OCT("2:20"), NULL, "10-26T01:20", 0 }, { OCT("3:20"), NULL, "10-26T02:20", 0 },
	};

	SILENT(oldest_first);
	SILENT(newest_first);
	SILENT(only_numbers);
	SILENT(at_the_beginning);
}
END_TEST

/* A client's own time tells of its event, and of those that were logged before or behind it. */
START_TEST(test_fold_clients)
{
	static const struct row own[] = {
		{ OCT("1:50"), NULL, "10-25T23:50", 0 }, { OCT("2:05"), NULL, "10-26T00:05", 0 }, { OCT("2:10"), "2025/10/26 0:10", "10-26T00:10", 0 }, { OCT("2:30"), "2025/10/26 1:31", "10-26T01:30", 0 },
		{ OCT("2:50"), NULL, "10-26T01:50", 0 }, { OCT("3:05"), NULL, "10-26T02:05", 0 },
	}, alone[] = {
		{ OCT("2:30"), "2025/10/26 1:31", "10-26T01:30", 0 },
	}, a_wrong_clock[] = {   /* four know it; one client is an hour late */
		{ OCT("2:05"), "2025/10/26 0:05", "10-26T00:05", 0 }, { OCT("2:06"), "2025/10/26 1:06", "10-26T00:06", 0 }, { OCT("2:10"), "2025/10/26 0:10", "10-26T00:10", 0 },
		{ OCT("2:30"), "2025/10/26 0:30", "10-26T00:30", 0 }, { OCT("2:50"), "2025/10/26 0:50", "10-26T00:50", 0 }, { OCT("3:05"), NULL, "10-26T02:05", 0 },
	}, sorted_by_clock[] = {   /* somebody's spreadsheet: each client is right about its own event */
		{ OCT("1:50"), NULL, "10-25T23:50", 0 }, { OCT("2:05"), "2025/10/26 0:05", "10-26T00:05", 0 }, { OCT("2:06"), "2025/10/26 1:06", "10-26T01:06", 0 },
		{ OCT("2:10"), "2025/10/26 0:10", "10-26T00:10", 0 }, { OCT("2:20"), "2025/10/26 1:20", "10-26T01:20", 0 }, { OCT("2:30"), "2025/10/26 0:30", "10-26T00:30", 0 },
		{ OCT("2:40"), "2025/10/26 1:40", "10-26T01:40", 0 }, { OCT("2:50"), "2025/10/26 0:50", "10-26T00:50", 0 }, { OCT("3:05"), NULL, "10-26T02:05", 0 },
	}, not_quite_in_order[] = {   /* a step back, and every client says that the hour is the same */
		{ OCT("2:30"), "2025/10/26 0:30", "10-26T00:30", 0 }, { OCT("2:29"), "2025/10/26 0:29", "10-26T00:29", 0 }, { OCT("2:40"), "2025/10/26 0:40", "10-26T00:40", 0 },
		{ OCT("3:05"), NULL, "10-26T02:05", 0 },
	};

	SILENT(own);
	SILENT(alone);
	SILENT(a_wrong_clock);
	SILENT(sorted_by_clock);
	SILENT(not_quite_in_order);
}
END_TEST

START_TEST(test_fold_unknown)
{
	static const struct row nothing_tells[] = {
		{ OCT("1:50"), NULL, "10-25T23:50", 0 }, { OCT("2:10"), NULL, "10-26T00:10", 0 }, { OCT("2:40"), NULL, "10-26T00:40", 0 }, { OCT("3:05"), NULL, "10-26T02:05", 0 },
	}, between[] = {   /* the clients leave a gap */
		{ OCT("1:50"), NULL, "10-25T23:50", 0 }, { OCT("2:10"), "2025/10/26 0:10", "10-26T00:10", 0 }, { OCT("2:20"), NULL, "10-26T00:20", 0 }, { OCT("2:30"), "2025/10/26 1:30", "10-26T01:30", 0 },
	}, in_no_order[] = {
		{ OCT("1:50"), NULL, "10-25T23:50", 0 }, { OCT("2:40"), NULL, "10-26T00:40", 0 }, { OCT("2:10"), NULL, "10-26T00:10", 0 }, { OCT("1:05"), NULL, "10-25T23:05", 0 },
	}, spring[] = {
		{ "3/30/2025 1:50:00 AM", NULL, "03-30T00:50", 0 }, { "3/30/2025 2:30:00 AM", NULL, "03-30T01:30", 0 }, { "3/30/2025 3:40:00 AM", NULL, "03-30T01:40", 0 },
	};

	TOLD(nothing_tells, "3 note: the date of this event (and those of others in this file) came twice, since the clocks of Europe/Berlin went back");
	TOLD(between, "4 note: the date of this event came twice");
	TOLD(in_no_order, "3 note: the date of this event (and those");
	TOLD(spring, "3 doubtful: the clocks of Europe/Berlin never showed the date of this event, they went forward past it: an hour later is taken");
}
END_TEST

/* More of one such hour than is held back: the parts are settled one by one, none is lost. */
START_TEST(test_fold_many)
{
	enum { MANY = 45000 };
	struct row *rows = calloc(MANY + 2, sizeof *rows);
	char (*dates)[32] = calloc(MANY, sizeof *dates);

	ck_assert(rows != NULL && dates != NULL);
	rows[0] = (struct row) { OCT("1:50"), NULL, NULL, 0 };
	for (unsigned i = 0; i < MANY; i++) {
		unsigned of_hour = i % (MANY / 2) * 3600 / (MANY / 2);

		(void)snprintf(dates[i], sizeof dates[i], "10/26/2025 2:%02u:%02u AM", of_hour / 60 % 60, of_hour % 60);
		rows[i + 1] = (struct row) { dates[i], NULL, NULL, 0 };
	}
	rows[MANY + 1] = (struct row) { OCT("3:05"), NULL, NULL, 0 };
	read_rows(rows, MANY + 2);
	RECORDS(MANY + 2);
	TEXT(MANY + 1, "logged_at", "2025-10-26T02:05:00.000Z");
	free(rows);
	free(dates);
}
END_TEST

/* Summer time shows in a file whose clients are right: said, whether nothing was told or one offset. */
START_TEST(test_zone_is_seen)
{
	static const char *const offsets[] = { NULL, "+01:00" };
	struct buf b;

	buf_init(&b, 1u << 20);
	buf_adds(&b, EXPORTED);
	for (unsigned i = 0; i < 20; i++)
		buf_addf(&b, "\"0x0,5,pc-1.example.org," CMID ",2025/%u/15 9:%02u,0,2,41520," EDITION "\",\"12290\",,,\"Microsoft-Windows-Security-SPP\",,\"kms\",\"%u/15/2025 %u:%02u:00 AM\"\r\n",
		         i < 10 ? 1U : 7U, i, i < 10 ? 1U : 7U, i < 10 ? 10U : 11U, i);
	for (size_t i = 0; i < 2; i++) {
		read_hinted(buf_str(&b), b.n, SIZE_MAX, &(struct exchange_hints) { .offset = offsets[i] });
		SAYS(i == 0 ? "2 note: dates here are the machine's local time and were taken as UTC; compared" : "were taken as --utc-offset says; compared");
		SAYS("they look like UTC+01:00 and, in summer, UTC+02:00: say --time-zone");
	}
	buf_fini(&b);
}
END_TEST

static int stop_at_three(void *ctx, json_t *record)
{
	json_decref(record);
	return ++*(int *)ctx == 3;
}

/* What is held back is freed, whatever ends the reading. */
START_TEST(test_fold_ends)
{
	static const char file[] = EXPORTED "\"'example.org'\",\"12294\",,,,,,\"" OCT("1:50") "\"\n\"'example.org'\",\"12294\",,,,,,\"" OCT("2:50") "\"\n\"'example.org'\",\"12294\",,,,,,\"" OCT("2:10") "\"\n"
		"\"'example.org'\",\"12294\",,,,,,\"" OCT("2:20") "\"\n\"'example.org'\",\"12294\",,,,,,\"" OCT("3:50") "\"\n";
	const struct exchange_hints h = { .time_zone = BERLIN };
	struct source s = { file, sizeof file - 1, SIZE_MAX };
	const struct exchange_input in = { source_read, &s };
	int taken = 0, r = MUSTER_E_NOMEM;
	struct exchange_sink sink = { stop_at_three, NULL, NULL, &taken };
	struct muster_err err = { 0 };

	ck_assert_int_eq(exchange_read(&in, &h, &sink, &done, &err), MUSTER_E_REFUSED);
	ck_assert_int_eq(taken, 3);
	sink = (struct exchange_sink) { take_record, take_message, NULL, NULL };
	for (uint64_t n = 1; r != MUSTER_OK; n++) {
		ck_assert_uint_lt(n, 1000);
		s = (struct source) { file, sizeof file - 1, SIZE_MAX };
		json_decref(records);
		records = json_array();
		mem_fail_at(n);
		r = exchange_read(&in, &h, &sink, &done, &err);
		mem_fail_at(0);
		ck_assert_msg(r == MUSTER_OK || r == MUSTER_E_NOMEM, "%s", err.message);
	}
	RECORDS(5);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_zone_offsets, test_zone_places, test_zone_refused, test_fold_order, test_fold_clients, test_fold_unknown, test_fold_many, test_zone_is_seen, test_fold_ends
	};

	return unit_run_with(suite_create("exchange_zone"), tests, sizeof tests / sizeof tests[0], NULL, teardown);
}
