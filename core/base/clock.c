#include "core/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/err.h"

static int64_t read_ms(clockid_t id)
{
	struct timespec t;

	MUSTER_ASSERT(clock_gettime(id, &t) == 0);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t system_wall(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_REALTIME);
}

static int64_t system_boot(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_BOOTTIME);
}

const struct clock *clock_system(void)
{
	static const struct clock system = { system_wall, system_boot };

	return &system;
}

static int64_t manual_wall(const struct clock *c)
{
	return ((const struct clock_manual *)c)->wall;
}

static int64_t manual_boot(const struct clock *c)
{
	return ((const struct clock_manual *)c)->boot;
}

void clock_manual_init(struct clock_manual *c, int64_t wall_ms)
{
	c->clock = (struct clock) { manual_wall, manual_boot };
	c->wall = wall_ms;
	c->boot = 1000000;  /* not 0, so that a forgotten "never" value does not pass for now */
}

void clock_manual_advance(struct clock_manual *c, int64_t ms)
{
	c->wall += ms;
	c->boot += ms;
}

/* Seconds, rounded down also before 1970. Years of more than four digits have no place in our formats and become 1970. */
static time_t whole_seconds(int64_t ms)
{
	int64_t s = ms / 1000 - (ms % 1000 < 0);

	return s > 253402300799 || s < -62135596800 ? 0 : (time_t)s;
}

static void broken_down(struct tm *tm, int64_t ms)
{
	time_t t = whole_seconds(ms);

	MUSTER_ASSERT(gmtime_r(&t, tm) != NULL);
}

static void digits(char out[2], int v)
{
	out[0] = (char)('0' + v / 10);
	out[1] = (char)('0' + v % 10);
}

void time_rfc3339(char out[TIME_RFC3339], int64_t ms)
{
	static const char text[] = "0000-00-00T00:00:00Z";
	struct tm tm;

	broken_down(&tm, ms);
	/* By hand: strftime() takes as long as everything else in an answer's text. */
	memcpy(out, text, sizeof text);
	digits(out, (tm.tm_year + 1900) / 100);
	digits(out + 2, (tm.tm_year + 1900) % 100);
	digits(out + 5, tm.tm_mon + 1);
	digits(out + 8, tm.tm_mday);
	digits(out + 11, tm.tm_hour);
	digits(out + 14, tm.tm_min);
	digits(out + 17, tm.tm_sec);
}

/* Days from 1970-01-01 to the given day of the Gregorian calendar. */
static int64_t days_from_civil(int64_t y, int m, int d)
{
	int64_t year_of_era, day_of_year;

	y -= m <= 2;
	year_of_era = y % 400;
	day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return y / 400 * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int days_in_month(int y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return m == 2 ? 28 + leap : days[m - 1];
}

/* Two or four digits at p. @return -1 when they are none. */
static int number(const char *p, int digits)
{
	int v = 0;

	for (int i = 0; i < digits; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

/* `.123456…`: milliseconds, the rest dropped. Moves *at behind it. */
static int parse_fraction(int *ms, const char *text, size_t n, size_t *at)
{
	int scale = 100;
	size_t start = ++*at;

	*ms = 0;
	while (*at < n && text[*at] >= '0' && text[*at] <= '9') {
		*ms += (text[*at] - '0') * scale;
		scale /= 10;
		++*at;
	}
	return *at > start && *at - start <= 18 ? MUSTER_OK : MUSTER_E_INVALID;
}

/* `Z` or `+01:00`, up to the end of the text. */
static int parse_offset(int *minutes, const char *text, size_t left)
{
	int hours, rest;

	*minutes = 0;
	if (left == 1 && (*text == 'Z' || *text == 'z'))
		return MUSTER_OK;
	if (left != 6 || (*text != '+' && *text != '-') || text[3] != ':')
		return MUSTER_E_INVALID;
	hours = number(text + 1, 2);
	rest = number(text + 4, 2);
	if (hours < 0 || hours > 23 || rest < 0 || rest > 59)
		return MUSTER_E_INVALID;
	*minutes = (hours * 60 + rest) * (*text == '-' ? -1 : 1);
	return MUSTER_OK;
}

int time_parse_rfc3339(int64_t *ms, const char *text, size_t n)
{
	int y, mo, d, h, mi, s, fraction = 0, offset;
	size_t at = 19;

	*ms = 0;
	if (text == NULL || n < 20 || n > 48 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') ||
	    text[13] != ':' || text[16] != ':')
		return MUSTER_E_INVALID;
	y = number(text, 4);
	mo = number(text + 5, 2);
	d = number(text + 8, 2);
	h = number(text + 11, 2);
	mi = number(text + 14, 2);
	s = number(text + 17, 2);
	if (y < 1970 || mo < 1 || mo > 12 || d < 1 || d > days_in_month(y, mo) || h < 0 || h > 23 || mi < 0 || mi > 59 ||
	    s < 0 || s > 60)
		return MUSTER_E_INVALID;
	if (text[at] == '.' && parse_fraction(&fraction, text, n, &at) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (parse_offset(&offset, text + at, n - at) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (s == 60)
		s = 59;  /* a leap second: POSIX time has none, its second 59 lasts longer */
	*ms = (((days_from_civil(y, mo, d) * 24 + h) * 60 + mi - offset) * 60 + s) * 1000 + fraction;
	return MUSTER_OK;
}

/* The numbers of tm within bounds the compiler can see, so that every text provably fits. */
struct parts { unsigned y, mo, d, h, mi, s; };
static struct parts parts_of(const struct tm *tm)
{
	return (struct parts) {
		.y = ((unsigned)tm->tm_year + 1900) % 10000, .mo = (unsigned)tm->tm_mon % 12 + 1, .d = (unsigned)tm->tm_mday % 32,
		.h = (unsigned)tm->tm_hour % 24, .mi = (unsigned)tm->tm_min % 60, .s = (unsigned)tm->tm_sec % 61
	};
}

void time_listing(char out[32], int64_t ms)
{
	time_t t = whole_seconds(ms);
	struct tm tm;
	struct parts p;

	MUSTER_ASSERT(localtime_r(&t, &tm) != NULL);
	p = parts_of(&tm);
	(void)snprintf(out, 32, "%u/%u/%u %u:%02u:%02u %s", p.mo, p.d, p.y, p.h % 12 == 0 ? 12 : p.h % 12, p.mi, p.s,
		p.h < 12 ? "AM" : "PM");
}

void time_event(char out[32], int64_t ms)
{
	struct tm tm;
	struct parts p;

	broken_down(&tm, ms);
	p = parts_of(&tm);
	(void)snprintf(out, 32, "%u/%u/%u %u:%02u", p.y, p.mo, p.d, p.h, p.mi);
}
