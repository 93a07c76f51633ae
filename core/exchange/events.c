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

/* @param near the client's own time; INT64_MIN: not told. */
static void compare_clocks(struct events *x, int64_t logged, int64_t near)
{
	int64_t ahead, quarters;

	if (near == INT64_MIN)
		return;
	ahead = logged + x->offset_ms - near;
	quarters = (ahead + (ahead < 0 ? -1 : 1) * QUARTER_MS / 2) / QUARTER_MS;
	if (quarters >= -QUARTERS && quarters <= QUARTERS)
		x->quarters[quarters + QUARTERS]++;
}

static int set_logged(struct events *x, const struct event *e, json_t *record)
{
	const char *at = json_string_value(json_object_get(record, "at"));
	int64_t ms = 0, near = INT64_MIN;
	bool local = false;

	if (at != NULL && time_parse_rfc3339(&near, at, strlen(at)) != MUSTER_OK)
		near = INT64_MIN;
	if (e->date.n == 0 || events_date(x, &ms, &local, buf_str(&e->date), e->date.n, near) != MUSTER_OK) {
		if (e->date.n > 0 && x->undated++ == 0)
			x->first_undated = e->line;
		return json_object_set_new_nocheck(record, "logged_at", json_null()) == 0 ? MUSTER_OK : MUSTER_E_NOMEM;
	}
	if (local && x->local++ == 0)
		x->first_local = e->line;
	if (local)
		compare_clocks(x, ms, near);
	return event_set_time(record, "logged_at", ms, true);
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

	if (json_object_set_new_nocheck(record, "id", json_integer(e->id)) != 0 || set_logged(x, e, record) != MUSTER_OK)
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
		return exchange_give(x->sink, x->done, record, e.line);
	json_decref(record);
	if (r == MUSTER_E_NOMEM)
		return err_nomem(err);
	return origin == ORIGIN_FOREIGN ? skip(x) : refuse(x, &e, why.message);
}

/* ---- a file ---- */

/* "+01:00", "-05:30", "Z". */
static bool read_offset(int64_t *ms, const char *p)
{
	unsigned h, m;
	char sign, end;

	if (strcmp(p, "Z") == 0)
		return true;
	if (strlen(p) != 6 || sscanf(p, "%c%2u:%2u%c", &sign, &h, &m, &end) != 3 || (sign != '+' && sign != '-') || h > 14 || m > 59)
		return false;
	*ms = ((int64_t)h * 60 + m) * 60000 * (sign == '-' ? -1 : 1);
	return true;
}

int events_begin(struct events *x, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err)
{
	memset(x, 0, sizeof *x);
	x->hints = h;
	x->sink = sink;
	x->done = done;
	x->offset_told = h->offset != NULL;
	if (h->offset != NULL && !read_offset(&x->offset_ms, h->offset))
		return err_set(err, MUSTER_E_INVALID, "--utc-offset \"%s\" is no offset from UTC: say it like +01:00", h->offset);
	return MUSTER_OK;
}

/* What the clients' own times, which are UTC, tell of the log's: the quarter of an hour that three quarters of the events agree on. False: nothing. */
static bool likely_offset(const struct events *x, char out[16], bool *utc)
{
	unsigned long all = 0, most = 0;
	int best = 0, minutes;

	for (int i = 0; i <= 2 * QUARTERS; i++) {
		all += x->quarters[i];
		if (x->quarters[i] > most) {
			most = x->quarters[i];
			best = i - QUARTERS;
		}
	}
	minutes = abs(best) * 15;
	(void)snprintf(out, 16, "%c%02d:%02d", best < 0 ? '-' : '+', minutes / 60 % 100, minutes % 60);
	*utc = best == 0;
	return all > 0 && most >= all - all / 4;
}

int events_end(struct events *x)
{
	char offset[16];
	bool utc = false, likely = likely_offset(x, offset, &utc);
	int r = MUSTER_OK;

	if (x->undated > 0)
		r = exchange_say(x->sink, x->done, x->first_undated, "doubtful", "the date of this event is in no form that is known here%s; taken without the time at which it was logged",
		                 x->undated > 1 ? " (nor are those of others in this file)" : "");
	if (r == MUSTER_OK && x->local > 0 && !x->offset_told && likely && !utc)
		r = exchange_say(x->sink, x->done, x->first_local, "note", "dates here are the machine's local time and were taken as UTC; compared with the clients' times they look like UTC%s: say --utc-offset %s", offset, offset);
	else if (r == MUSTER_OK && x->local > 0 && !x->offset_told && !likely)
		r = exchange_say(x->sink, x->done, x->first_local, "note", "dates here have no zone and were taken as UTC; --utc-offset says otherwise");
	return r;
}
