/* What cannot be right in a listing's block: values that are read all the same, and flagged (facts.md sections 1, 3, 8). */
#include "core/exchange/listing.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/base/clock.h"

#define DAY 86400
#define MINUTES_MIN 15          /* intervals: facts.md section 1 */
#define MINUTES_MAX 43200
#define VALID_MINUTES 259200    /* 180 days */
#define GRACE_MINUTES 43200

int listing_doubt(json_t *doubts, const char *fmt, ...)
{
	char text[300];
	va_list args;
	json_t *s;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (size_t n = strlen(text); (s = json_string(text)) == NULL && n > 0; n--) /* cut within a character */
		text[n - 1] = '\0';
	return s == NULL ? -1 : json_array_append_new(doubts, s);
}

static bool digits(const char **p, size_t n, unsigned *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++, ++*p) {
		if (!isdigit((unsigned char)**p))
			return false;
		*out = *out * 10 + (unsigned)(**p - '0');
	}
	return true;
}

static size_t run(const char *p)
{
	return strspn(p, "0123456789");
}

/* Days since 1970-01-01 of a day of the year; proleptic Gregorian. */
static int64_t days(unsigned year, unsigned month, unsigned day)
{
	unsigned y = year - (month <= 2), era = y / 400, of_era = y % 400, of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool leap(unsigned y)
{
	return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static unsigned number(const char **p, const char *end, size_t most)
{
	unsigned v = 0;
	size_t n = 0;

	for (; *p < end && isdigit((unsigned char)**p) && n < most; ++*p, n++)
		v = v * 10 + (unsigned)(**p - '0');
	return n > 0 ? v : UINT32_MAX;
}

static bool mark(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	++*p;
	return true;
}

bool listing_date(const char *p, size_t n, int64_t *at)
{
	static const unsigned lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const char *end = p + n;
	unsigned month, day, year, hour, minute, second;
	bool afternoon;

	month = number(&p, end, 2);
	if (!mark(&p, end, '/'))
		return false;
	day = number(&p, end, 2);
	if (!mark(&p, end, '/'))
		return false;
	year = number(&p, end, 4);
	if (!mark(&p, end, ' '))
		return false;
	hour = number(&p, end, 2);
	if (!mark(&p, end, ':'))
		return false;
	minute = number(&p, end, 2);
	if (!mark(&p, end, ':'))
		return false;
	second = number(&p, end, 2);
	if (!mark(&p, end, ' ') || end - p != 2 || (p[1] | 0x20) != 'm' || ((p[0] | 0x20) != 'a' && (p[0] | 0x20) != 'p'))
		return false;
	afternoon = (p[0] | 0x20) == 'p';
	if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1] || (month == 2 && day == 29 && !leap(year)) || year < 1970 || year > 9999 ||
		hour < 1 || hour > 12 || minute > 59 || second > 59)
		return false;
	hour = hour % 12 + (afternoon ? 12 : 0);
	*at = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
	return true;
}

bool listing_pid(const char *text, struct listing_pid *out)
{
	static const size_t groups[] = { 5, 5, 3, 6, 2 };
	const char *p = text;
	unsigned part;
	size_t n;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (run(p) != groups[i] || !digits(&p, groups[i], &part) || *p++ != '-')
			return false;
	if ((n = run(p)) < 1 || n > 6 || !digits(&p, n, &out->language) || *p++ != '-')
		return false;
	if ((n = run(p)) < 1 || n > 6 || !digits(&p, n, &out->build) || *p++ != '.')
		return false;
	if (run(p) != 4 || !digits(&p, 4, &part) || *p++ != '-')
		return false;
	return run(p) == 7 && digits(&p, 3, &out->day) && digits(&p, 4, &out->year) && *p == '\0';
}

/* Earliest year in which a product, or a Windows of that build, was to be had before its release (a year before it). */
static const struct { const char *in_name; unsigned year; } generations[] = {
	{ "Office 14", 2009 }, { "Office 2010", 2009 }, { "Office 15", 2012 }, { "Office 2013", 2012 }, { "Office 16", 2015 }, { "Office 2016", 2015 }, { "Office 19", 2018 },
	{ "Office 2019", 2018 }, { "Office 21", 2020 }, { "LTSC 2021", 2020 }, { "Office 24", 2023 }, { "LTSC 2024", 2023 },
	{ "Windows(R) 7", 2008 }, { "Windows(R) 8", 2011 }, { "Windows(R) 10", 2014 }, { "Windows(R) 11", 2020 }, { "Server 2012", 2011 }, { "Server 2016", 2014 }, { "Server 2019", 2017 },
	{ "Server 2022", 2020 }, { "Server 2025", 2023 },
};
static const struct { unsigned build, year; } builds[] = {
	{ 26000, 2023 }, { 20000, 2020 }, { 17763, 2018 }, { 14393, 2015 }, { 10000, 2014 }, { 9600, 2013 }, { 9200, 2012 }, { 8000, 2011 }, { 7600, 2009 }, { 7000, 2008 }, { 6000, 2006 },
};

static unsigned earliest(const char *name, const struct listing_pid *pid)
{
	unsigned year = 2006;

	for (size_t i = 0; i < sizeof(generations) / sizeof(generations[0]); i++)
		if (strstr(name, generations[i].in_name) != NULL && generations[i].year > year)
			year = generations[i].year;
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++)
		if (pid->build >= builds[i].build)
			return builds[i].year > year ? builds[i].year : year;
	return year;
}

static const char *text(const json_t *entry, const char *name)
{
	const char *s = json_string_value(json_object_get(entry, name));

	return s != NULL ? s : "";
}

/* -1: not listed */
static json_int_t count(const json_t *entry, const char *name)
{
	const json_t *v = json_object_get(entry, name);

	return json_is_integer(v) ? json_integer_value(v) : -1;
}

/* Muster's own extended PIDs begin with MUST and are of another shape (core/activation/labels.c). */
static int doubt_pid(const json_t *entry, int64_t taken_at, json_t *doubts)
{
	const char *p = text(entry, "extended_pid");
	struct listing_pid pid;
	unsigned first;
	char when[TIME_RFC3339];

	if (*p == '\0' || strncmp(p, "MUST", 4) == 0)
		return 0;
	if (!listing_pid(p, &pid))
		return listing_doubt(doubts, "the extended PID \"%.80s\" has not the form 5-5-3-6-2-language-build.0000-DDDYYYY", p);
	if (pid.day < 1 || pid.day > 365 + (unsigned)leap(pid.year))
		return listing_doubt(doubts, "the extended PID ends with day %03u of %u, which no year has", pid.day, pid.year);
	first = earliest(text(entry, "name"), &pid);
	if (pid.year < first)
		return listing_doubt(doubts, "the extended PID is of day %03u of %u, before there was such a product (%u): copied or edited", pid.day, pid.year, first);
	if (taken_at > 0 && (days(pid.year, 1, 1) + pid.day - 1) * DAY > taken_at + DAY) {
		time_rfc3339(when, taken_at * 1000);
		return listing_doubt(doubts, "the extended PID is of day %03u of %u, after the listing itself (%.10s): copied, edited, or a wrong clock", pid.day, pid.year, when);
	}
	return 0;
}

static int doubt_application(const json_t *entry, json_t *doubts)
{
	static const char office[] = "0ff1ce15-a989-479d-af46-f275c6370663";
	const char *id = text(entry, "application_id");

	/* One published sample has 0ff1ce16-… (facts.md section 8). */
	if (strncasecmp(id, "0ff1ce", 6) == 0 && strcasecmp(id, office) != 0)
		return listing_doubt(doubts, "the application ID %.36s does not exist: an edited copy of %s", id, office);
	if (strncasecmp(id, "55c92734-", 9) == 0 && strcasecmp(id, "55c92734-d682-4d71-983e-d6ec3f16059f") != 0)
		return listing_doubt(doubts, "the application ID %.36s does not exist: an edited copy of 55c92734-d682-4d71-983e-d6ec3f16059f", id);
	return 0;
}

static bool is_status(const json_t *entry, const char *status)
{
	return strncasecmp(text(entry, "license_status"), status, strlen(status)) == 0;
}

static int doubt_status(const json_t *entry, const struct listing_said *said, json_t *doubts)
{
	const json_t *enabled = json_object_get(entry, "enabled");
	json_int_t current = count(entry, "current_count"), minutes = count(entry, "minutes_left");
	bool licensed = is_status(entry, "Licensed"), client = strcmp(text(entry, "channel"), "client") == 0;
	int r = 0;

	if (licensed && said->reason)
		r |= listing_doubt(doubts, "Licensed, and a notification reason beside it (%.60s): the status and the reason are not of one listing", said->reason_text);
	if (said->not_in_use && json_object_get(entry, "partial") != NULL)
		r |= listing_doubt(doubts, "\"This license is not in use\" and a partial product key in one block");
	if (licensed && said->not_in_use)
		r |= listing_doubt(doubts, "Licensed, and \"This license is not in use\" beside it");
	if (is_status(entry, "Unlicensed") && minutes > 0)
		r |= listing_doubt(doubts, "Unlicensed, yet its activation lasts %" JSON_INTEGER_FORMAT " more minutes", minutes);
	if (licensed && client && minutes == 0)
		r |= listing_doubt(doubts, "Licensed, yet its activation has no time left");
	if (minutes > (is_status(entry, "Initial grace") ? GRACE_MINUTES : VALID_MINUTES))
		r |= listing_doubt(doubts, "%" JSON_INTEGER_FORMAT " minutes are left: more than %s last", minutes, is_status(entry, "Initial grace") ? "30 days of grace" : "the 180 days of an activation");
	if (json_is_false(enabled) && current > 0)
		r |= listing_doubt(doubts, "a count of %" JSON_INTEGER_FORMAT ", yet its service is disabled", current);
	if (is_status(entry, "Unlicensed") && current > 0)
		r |= listing_doubt(doubts, "a count of %" JSON_INTEGER_FORMAT ", yet the host itself is unlicensed: such a host counts nobody", current);
	if (client && current >= 0)
		r |= listing_doubt(doubts, "the description says client (VOLUME_KMSCLIENT), the listing shows a host's count");
	return r;
}

static int doubt_counts(const json_t *entry, json_t *doubts)
{
	static const char *const parts[] = { "unlicensed", "licensed", "initial_grace", "out_of_tolerance", "non_genuine", "notification" };
	static const struct { const char *field, *word; } intervals[] = { { "activation_interval", "activation interval" }, { "renewal_interval", "renewal interval" } };
	json_int_t total = count(entry, "total"), failed = count(entry, "failed"), port = count(entry, "port"), sum = 0;
	int r = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (count(entry, parts[i]) > 0)
			sum += count(entry, parts[i]);
	if (total >= 0 && sum > total)
		r |= listing_doubt(doubts, "the requests by status add up to %" JSON_INTEGER_FORMAT ", more than the total of %" JSON_INTEGER_FORMAT, sum, total);
	if (total >= 0 && failed > total)
		r |= listing_doubt(doubts, "%" JSON_INTEGER_FORMAT " failed requests are more than the total of %" JSON_INTEGER_FORMAT, failed, total);
	if (port == 0 || port > 65535)
		r |= listing_doubt(doubts, "port %" JSON_INTEGER_FORMAT " does not exist", port);
	for (size_t i = 0; i < 2; i++) {
		json_int_t v = count(entry, intervals[i].field);

		if (v >= 0 && (v < MINUTES_MIN || v > MINUTES_MAX))
			r |= listing_doubt(doubts, "the %s of %" JSON_INTEGER_FORMAT " minutes is outside of %d to %d", intervals[i].word, v, MINUTES_MIN, MINUTES_MAX);
	}
	return r;
}

int listing_doubts(const json_t *entry, const struct listing_said *said, int64_t taken_at, json_t *doubts)
{
	int r = doubt_pid(entry, taken_at, doubts) | doubt_application(entry, doubts);

	return r | doubt_status(entry, said, doubts) | doubt_counts(entry, doubts);
}
