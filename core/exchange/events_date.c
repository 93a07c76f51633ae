/* Dates of events: the clients' own, and those of headers in whatever form the exporting machine likes. */
#include "core/exchange/events.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/err.h"

#define DAY_MS INT64_C(86400000)

struct reader { const char *p, *end; };

/* One to @p most digits. */
static bool number(struct reader *r, unsigned most, unsigned *v, unsigned *digits)
{
	*v = 0;
	for (*digits = 0; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++, ++*digits) {
		if (*digits == most)
			return false;
		*v = *v * 10 + (unsigned)(*r->p - '0');
	}
	return *digits > 0;
}

static bool taken(struct reader *r, const char *any)
{
	if (r->p == r->end || strchr(any, *r->p) == NULL || *r->p == '\0')
		return false;
	r->p++;
	return true;
}

static size_t blanks(struct reader *r)
{
	size_t n = 0;

	for (; r->p < r->end && *r->p == ' '; r->p++)
		n++;
	return n;
}

/* The numbers as they stand; which of a, b, c is what comes later. */
struct stamp { unsigned a, b, c, hour, minute, second, ms; char mark; bool year_first, zoned; int zone; };

/* 9/29/2010, 29.09.2010, 29. 9. 2010, 2010-09-29, 2010/9/29. A year has four digits. */
static bool read_day(struct reader *r, struct stamp *s)
{
	unsigned first, digits;

	if (!number(r, 4, &s->a, &first) || first == 3 || r->p == r->end)
		return false;
	s->mark = *r->p;
	if (!taken(r, "/.-"))
		return false;
	(void)blanks(r);
	if (!number(r, 2, &s->b, &digits) || r->p == r->end || *r->p != s->mark)
		return false;
	r->p++;
	(void)blanks(r);
	s->year_first = first == 4;
	return number(r, 4, &s->c, &digits) && (s->year_first ? digits <= 2 : first <= 2 && digits == 4);
}

static bool read_fraction(struct reader *r, struct stamp *s)
{
	unsigned scale = 100, any = 0;

	if (!taken(r, ".,"))
		return true;
	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++, any++) {
		s->ms += (unsigned)(*r->p - '0') * scale;
		scale /= 10;
	}
	return any > 0 && any <= 12;
}

/* AM, am, a.m., "a. m.": English and Spanish. */
static bool read_half(struct reader *r, struct stamp *s)
{
	bool after;

	if (r->p == r->end || strchr("aApP", *r->p) == NULL)
		return true;
	after = *r->p == 'p' || *r->p == 'P';
	r->p++;
	(void)taken(r, ".");
	(void)blanks(r);
	if (!taken(r, "mM") || s->hour < 1 || s->hour > 12)
		return false;
	(void)taken(r, ".");
	s->hour = s->hour % 12 + (after ? 12 : 0);
	return true;
}

static bool read_zone(struct reader *r, struct stamp *s)
{
	unsigned hours, minutes, digits;
	bool behind;

	if (r->p == r->end)
		return true;
	s->zoned = true;
	if (taken(r, "Zz"))
		return true;
	behind = *r->p == '-';
	if (!taken(r, "+-") || !number(r, 2, &hours, &digits) || digits != 2)
		return false;
	(void)taken(r, ":");
	if (!number(r, 2, &minutes, &digits) || digits != 2 || hours > 14 || minutes > 59)
		return false;
	s->zone = (int)(hours * 60 + minutes) * (behind ? -1 : 1);
	return true;
}

static bool read_clock(struct reader *r, struct stamp *s, bool fields)
{
	unsigned digits;

	if (!number(r, 2, &s->hour, &digits) || !taken(r, fields ? ":" : ":.") || !number(r, 2, &s->minute, &digits) || digits != 2)
		return false;
	if (r->p < r->end && taken(r, fields ? ":" : ":.") && (!number(r, 2, &s->second, &digits) || digits != 2))
		return false;
	if (fields)
		return true;
	if (!read_fraction(r, s))
		return false;
	(void)blanks(r);
	if (!read_half(r, s))
		return false;
	(void)blanks(r);
	return read_zone(r, s);
}

static bool read_stamp(struct stamp *s, const char *p, size_t n, bool fields)
{
	struct reader r = { p, p + n };

	memset(s, 0, sizeof *s);
	if (!read_day(&r, s))
		return false;
	if (!fields && taken(&r, "Tt")) { /* RFC 3339 */
	} else {
		if (r.p < r.end && *r.p == ',')
			r.p++;
		if (blanks(&r) == 0)
			return false;
	}
	return read_clock(&r, s, fields) && r.p == r.end;
}

/* False: no such moment. */
static bool moment(int64_t *ms, const struct stamp *s, unsigned year, unsigned month, unsigned day)
{
	static const unsigned days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int64_t y = (int64_t)year - (month <= 2), of_year;

	if (year < 1980 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days[month - 1] || (month == 2 && day == 29 && !leap) ||
	    s->hour > 23 || s->minute > 59 || s->second > 59)
		return false;
	of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
	*ms = y / 400 * 146097 + y % 400 * 365 + y % 400 / 4 - y % 400 / 100 + of_year - 719468;
	*ms = (((*ms * 24 + s->hour) * 60 + s->minute - s->zone) * 60 + s->second) * 1000 + s->ms;
	return true;
}

int event_time(int64_t *ms, const char *text, size_t n)
{
	struct stamp s;

	*ms = 0;
	if (n < 13 || n > 32 || !read_stamp(&s, text, n, true) || !s.year_first || s.mark != '/' || !moment(ms, &s, s.a, s.b, s.c))
		return MUSTER_E_INVALID;
	return MUSTER_OK;
}

static bool close_to(int64_t a, int64_t b)
{
	return a - b < 2 * DAY_MS && b - a < 2 * DAY_MS;
}

/* 9/10/2013: the first of the two that can only be one thing decides for the file; so does the client's time of the same event. Unknown: the month. */
static bool day_or_month(struct events *x, int64_t *ms, const struct stamp *s, int64_t near)
{
	int64_t american = 0, other = 0;
	bool first = moment(&american, s, s->c, s->a, s->b), second = moment(&other, s, s->c, s->b, s->a);

	if (s->mark != '/') {  /* 29.09.2010, 29-9-2010 */
		*ms = second ? other : american;
		return first || second;
	}
	if (first != second)
		x->order = first ? EVENT_ORDER_MONTH_FIRST : EVENT_ORDER_DAY_FIRST;
	else if (first && near != INT64_MIN && close_to(american, near) != close_to(other, near))
		x->order = close_to(american, near) ? EVENT_ORDER_MONTH_FIRST : EVENT_ORDER_DAY_FIRST;
	*ms = x->order == EVENT_ORDER_DAY_FIRST ? other : american;
	return first || second;
}

int events_date(struct events *x, int64_t *ms, bool *local, const char *text, size_t n, int64_t near)
{
	struct stamp s;

	*ms = 0;
	*local = false;
	if (n > 64 || !read_stamp(&s, text, n, false))
		return MUSTER_E_INVALID;
	if (s.year_first ? !moment(ms, &s, s.a, s.b, s.c) : !day_or_month(x, ms, &s, near))
		return MUSTER_E_INVALID;
	*local = !s.zoned;
	return MUSTER_OK;
}
