/* What every form of an event export has in common: which events are taken, their the record. facts.md section 4. */
#include "core/exchange/events.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/clock.h"
#include "core/base/err.h"

#define QUARTER_MS INT64_C(900000)
#define QUARTERS 56          /* of an hour: 14 h, the furthest any zone is from UTC */

int event_room(struct buf *b, size_t cap, struct muster_err *err)
{
	static const char some[1024];

	buf_init(b, cap);
	while (b->n < cap && !b->failed)
		buf_add(b, some, cap - b->n < sizeof some ? cap - b->n : sizeof some);
	if (b->failed)
		return err_nomem(err);
	buf_clear(b);
	return MUSTER_OK;
}

int event_init(struct event *e, struct muster_err *err)
{
	struct buf *words[] = { &e->provider, &e->computer, &e->log, &e->date };
	int r = MUSTER_OK, x;

	memset(e, 0, sizeof *e);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if ((x = event_room(words[i], EVENT_WORD_MAX, err)) != MUSTER_OK)
			r = x;
	return (x = event_room(&e->text, EVENT_TEXT_MAX, err)) != MUSTER_OK ? x : r;
}

void event_fini(struct event *e)
{
	buf_fini(&e->provider);
	buf_fini(&e->computer);
	buf_fini(&e->log);
	buf_fini(&e->date);
	buf_fini(&e->text);
}

void event_clear(struct event *e)
{
	e->line = 0;
	e->id = 0;
	e->numbered = false;
	e->number = 0;
	buf_clear(&e->provider);
	buf_clear(&e->computer);
	buf_clear(&e->log);
	buf_clear(&e->date);
	buf_clear(&e->text);
}

/* How many bytes at p are a mark (0 as a letter, ' ' as a blank) that does not show. */
static size_t unseen(const char *p, size_t n, char *as)
{
	static const struct { const char *bytes; size_t n; char as; } marks[] = {
		{ "\xC2\xA0", 2, ' ' }, { "\xE2\x80\xAF", 3, ' ' }, { "\xE2\x80\x8E", 3, 0 }, { "\xE2\x80\x8F", 3, 0 }, { "\xEF\xBB\xBF", 3, 0 }
	};

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
		if (n >= marks[i].n && memcmp(p, marks[i].bytes, marks[i].n) == 0) {
			*as = marks[i].as;
			return marks[i].n;
		}
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void event_word(struct buf *out, const char *p, size_t n)
{
	size_t k;
	char as;

	buf_clear(out);
	while (n > 0) {
		if ((unsigned char)*p >= 0x80 && (k = unseen(p, n, &as)) > 0) {
			if (as != 0)
				buf_addc(out, as);
		} else {
			k = 1;
			if (out->n > 0 || !is_blank(*p))
				buf_addc(out, *p);
		}
		p += k;
		n -= k;
	}
	while (out->n > 0 && is_blank((char)out->p[out->n - 1]))
		out->p[--out->n] = 0;
}

/* ---- which events ---- */

bool event_wanted(uint32_t id)
{
	return (id >= 12288 && id <= 12294) || id == 1104 || id == 1102 || id == 104;
}

enum origin { ORIGIN_UNKNOWN, ORIGIN_RIGHT, ORIGIN_FOREIGN };

/* Other programs use the same numbers: volume shadow copies log 12288 to 12293 too, hundreds a day. */
static enum origin origin_of(const struct event *e)
{
	static const char *const licensing[] = { "Security-SPP", "Security-Licensing-SLC", "Software Protection Platform Service", NULL };
	static const char *const logs[] = { "Eventlog", NULL };
	const char *p = buf_str(&e->provider), *const *known = e->id >= 12288 ? licensing : logs;

	if (*p == '\0')
		return ORIGIN_UNKNOWN;
	if (strncasecmp(p, "Microsoft-Windows-", 18) == 0)
		p += 18;
	for (; *known != NULL; known++)
		if (strcasecmp(p, *known) == 0)
			return ORIGIN_RIGHT;
	return ORIGIN_FOREIGN;
}

/* ---- the record ---- */

/* How far ahead the log's clock was of the client's. */
static void compare_clocks(struct events *x, const struct events_when *w)
{
	int64_t ahead, quarters;

	if (w->near_ms == INT64_MIN)
		return;
	ahead = w->local_ms - w->near_ms;
	quarters = (ahead + (ahead < 0 ? -1 : 1) * QUARTER_MS / 2) / QUARTER_MS;
	if (quarters >= -QUARTERS && quarters <= QUARTERS)
		x->quarters[quarters + QUARTERS]++;
}

static void first_of(unsigned long *count, unsigned long *first, unsigned long line)
{
	if ((*count)++ == 0)
		*first = line;
}

static struct events_when when_logged(struct events *x, const struct event *e, const json_t *record)
{
	const char *at = json_string_value(json_object_get(record, "at"));
	struct events_when w = { .near_ms = INT64_MIN, .number = e->numbered ? e->number : 0 };

	if (at != NULL && time_parse_rfc3339(&w.near_ms, at, strlen(at)) != MUSTER_OK)
		w.near_ms = INT64_MIN;
	w.dated = e->date.n > 0 && events_date(x, &w.local_ms, &w.local, buf_str(&e->date), e->date.n, w.near_ms) == MUSTER_OK;
	if (!w.dated && e->date.n > 0)
		first_of(&x->undated, &x->first_undated, e->line);
	w.utc_ms[0] = w.utc_ms[1] = w.local_ms;
	if (!w.local)
		return w;
	first_of(&x->local, &x->first_local, e->line);
	compare_clocks(x, &w);
	if ((w.times = zone_utc(&x->zone, w.local_ms, w.utc_ms)) == ZONE_NEVER)
		first_of(&x->never, &x->first_never, e->line);
	return w;
}

/* The log that is full or was cleared, not the one that says so: 1102 and 1104 are of the security log; 104 names it in its data or its message. */
static json_t *log_of(const struct event *e)
{
	static const char before[] = "The ", behind[] = " log file was cleared";
	const char *text = buf_str(&e->text), *end = strstr(text, behind);

	if (e->id == 1102 || e->id == 1104)
		return json_string("Security");
	if (strncmp(text, before, sizeof before - 1) == 0 && end != NULL && end - text < (ptrdiff_t)EVENT_WORD_MAX && end > text + sizeof before - 1)
		return json_stringn(text + sizeof before - 1, (size_t)(end - text) - (sizeof before - 1));
	return strcmp(buf_str(&e->log), "System") != 0 && e->log.n > 0 ? json_string(buf_str(&e->log)) : NULL;
}

static int set_header(struct events *x, const struct event *e, json_t *record)
{
	const char *host = e->computer.n > 0 ? buf_str(&e->computer) : x->hints->host;
	json_t *log;

	if (json_object_set_new_nocheck(record, "id", json_integer(e->id)) != 0 || json_object_set_new_nocheck(record, "logged_at", json_null()) != 0)
		return MUSTER_E_NOMEM;
	if (json_object_set_new_nocheck(record, "record", e->numbered ? json_integer((json_int_t)e->number) : json_null()) != 0)
		return MUSTER_E_NOMEM;
	if (e->id < 12288 && (log = log_of(e)) != NULL && json_object_set_new(record, "log", log) != 0)
		return MUSTER_E_NOMEM;
	return json_object_set_new(record, "host", host != NULL ? json_string(host) : json_null()) == 0 ? MUSTER_OK : MUSTER_E_NOMEM;
}

static int refuse(struct events *x, const struct event *e, const char *why)
{
	char number[48] = "";

	if (e->numbered)
		(void)snprintf(number, sizeof number, ", record %" PRIu64, e->number);
	return exchange_say(x->sink, x->done, e->line, "refused", "event %" PRIu32 "%s: %s", e->id, number, why);
}

static int skip(struct events *x)
{
	x->done->skipped++;
	return MUSTER_OK;
}

static int give(struct events *x, json_t *record, const struct event *e, struct muster_err *err)
{
	struct events_when w = when_logged(x, e, record);

	return w.dated ? events_fold_take(x, record, e->line, &w, err) : exchange_give(x->sink, x->done, record, e->line);
}

int events_take(struct events *x, const struct event *given, struct muster_err *err)
{
	struct event e = *given;   /* borrowed but for the ID */
	struct muster_err why = { 0 };
	enum origin origin;
	json_t *record;
	int r;

	if (e.id == 0 && (e.id = event_guess(buf_str(&e.text), e.text.n)) == 0)
		return skip(x);
	origin = origin_of(&e);
	if (!event_wanted(e.id) || (origin == ORIGIN_FOREIGN && (e.id < 12288 || e.id > 12290)))
		return skip(x);
	if ((e.text.failed && e.id >= 12288) || e.computer.failed)
		return origin == ORIGIN_FOREIGN ? skip(x) : refuse(x, &e, e.computer.failed ? "its computer's name is longer than 255 bytes" : "its text is longer than 65536 bytes");
	if ((record = json_object()) == NULL)
		return err_nomem(err);
	r = event_fields(record, e.id, buf_str(&e.text), e.text.n, &why);
	if (r == MUSTER_OK)
		r = set_header(x, &e, record);
	if (r == MUSTER_OK)
		return give(x, record, &e, err);
	json_decref(record);
	if (r == MUSTER_E_NOMEM)
		return err_nomem(err);
	return origin == ORIGIN_FOREIGN ? skip(x) : refuse(x, &e, why.message);
}

/* ---- a file ---- */

int events_begin(struct events *x, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err)
{
	memset(x, 0, sizeof *x);
	x->hints = h;
	x->sink = sink;
	x->done = done;
	return zone_open(&x->zone, h, err);
}

static void offset_text(char out[16], int quarter)
{
	int minutes = abs(quarter) * 15;

	(void)snprintf(out, 16, "%c%02d:%02d", quarter < 0 ? '-' : '+', minutes / 60 % 100, minutes % 60);
}

/* What the clients' own times, which are UTC, tell of the log's: the quarters of an hour that three quarters of the events agree on, one, or two an hour apart of which
 * neither is rare: summer time. False: nothing. */
struct likely { int quarter; bool summer; };
static bool likely_zone(const struct events *x, struct likely *out)
{
	unsigned long all = 0, most = 0, both = 0;
	int summer = -QUARTERS;

	*out = (struct likely) { 0 };
	for (int i = 0; i <= 2 * QUARTERS; i++) {
		unsigned long here = x->quarters[i], behind = i + 4 <= 2 * QUARTERS ? x->quarters[i + 4] : 0;

		all += here;
		if (here > most) {
			most = here;
			out->quarter = i - QUARTERS;
		}
		if (here + behind > both) {
			both = here + behind;
			summer = i - QUARTERS;
		}
	}
	if (all > 0 && both >= all - all / 4 && summer + 4 <= QUARTERS && x->quarters[summer + QUARTERS] > all / 10 + 2 &&
	    x->quarters[summer + 4 + QUARTERS] > all / 10 + 2)
		*out = (struct likely) { summer, true };
	return all > 0 && (out->summer || most >= all - all / 4);
}

static int say_zone(struct events *x)
{
	struct likely likely;
	bool some = likely_zone(x, &likely);
	char one[16], other[16];

	offset_text(one, likely.quarter);
	offset_text(other, likely.quarter + 4);
	if (x->local == 0 || x->zone.named)
		return MUSTER_OK;
	if (some && likely.summer)
		return exchange_say(x->sink, x->done, x->first_local, "note", "dates here are the machine's local time and were taken as %s; compared with the clients' times they look like UTC%s and, in summer, UTC%s: say --time-zone, as in --time-zone Europe/Berlin",
		                    x->zone.told ? "--utc-offset says" : "UTC", one, other);
	if (x->zone.told || (some && likely.quarter == 0))
		return MUSTER_OK;
	if (some)
		return exchange_say(x->sink, x->done, x->first_local, "note", "dates here are the machine's local time and were taken as UTC; compared with the clients' times they look like UTC%s: say --utc-offset %s, or --time-zone where the file has summer and winter", one, one);
	return exchange_say(x->sink, x->done, x->first_local, "note", "dates here have no zone and were taken as UTC; --utc-offset or --time-zone says otherwise");
}

/* What the clocks of the zone did not show, or showed twice. */
static int say_changes(struct events *x)
{
	const struct events_fold *f = &x->fold;
	int r = MUSTER_OK;

	if (x->never > 0)
		r = exchange_say(x->sink, x->done, x->first_never, "doubtful", "the clocks of %s never showed the date of this event, they went forward past it%s: an hour later is taken", x->hints->time_zone,
		                 x->never > 1 ? " (nor those of others in this file)" : "");
	if (r == MUSTER_OK && f->unknown > 0)
		r = exchange_say(x->sink, x->done, f->first_unknown, "note", "the date of this event%s came twice, since the clocks of %s went back, and neither the order of the file nor a client's own time tells which it is: the first is taken",
		                 f->unknown > 1 ? " (and those of others in this file)" : "", x->hints->time_zone);
	return r;
}

int events_end(struct events *x, struct muster_err *err)
{
	int r = events_fold_flush(x, err);

	if (r == MUSTER_OK && x->undated > 0)
		r = exchange_say(x->sink, x->done, x->first_undated, "doubtful", "the date of this event is in no form that is known here%s; taken without the time at which it was logged",
		                 x->undated > 1 ? " (nor are those of others in this file)" : "");
	if (r == MUSTER_OK)
		r = say_changes(x);
	return r == MUSTER_OK ? say_zone(x) : r;
}

void events_fini(struct events *x)
{
	events_fold_free(x);
}
