/*
 * The hour that comes twice when the clocks go back. Events of it wait until the one behind it is read: a log is written in order, so where its local times step back
 * within that hour the second time has begun; and a client's own time, which is UTC, says which one it is of its own event, and with it of those before or behind.
 * Exports begin with the newest or with the oldest event; the rest of the file tells which.
 */
#include "core/exchange/events.h"

#include "core/base/err.h"
#include "core/base/mem.h"

#define HELD_MAX 20000u        /* of one such hour; of what is longer, the parts are looked at one by one */
#define SLACK_MS 2000          /* events that came at once may be in the log in either order */
#define MOSTLY 10              /* times as many steps one way as the other: a log in order */

void events_fold_free(struct events *x)
{
	struct events_fold *f = &x->fold;

	for (size_t i = 0; i < f->n; i++)
		json_decref(f->of[i].record);
	mem_free(f->of);
	*f = (struct events_fold) { 0 };
}

/* 1 the oldest first, -1 the newest first, 0 not known, or in no order. */
static int direction(const struct events_fold *f)
{
	const struct events_steps *s = f->by_time.up + f->by_time.down > 0 ? &f->by_time : &f->by_number;

	return s->up > MOSTLY * s->down ? 1 : s->down > MOSTLY * s->up ? -1 : 0;
}

static void step(struct events_steps *s, bool up)
{
	s->up += up;
	s->down += !up;
}

/* Compare with the event before it. Two of the hour that comes twice tell nothing; one of it and one of another hour do. */
static void look_at_order(struct events_fold *f, const struct events_when *w)
{
	if (f->any && !(f->twice && w->times == ZONE_TWICE) && w->local_ms != f->local_ms)
		step(&f->by_time, w->local_ms > f->local_ms);
	if (f->any && f->number != 0 && w->number != 0 && w->number != f->number)
		step(&f->by_number, w->number > f->number);
	f->any = true;
	f->twice = w->times == ZONE_TWICE;
	f->local_ms = w->local_ms;
	f->number = w->number;
}

/* ---- which of the two ---- */

struct held_view { struct events_held *of; size_t n; bool backwards; };
static struct events_held *at(const struct held_view *v, size_t i)
{
	return &v->of[v->backwards ? v->n - 1 - i : i];
}

/* Clients with wrong clocks are few; where more of them say otherwise, the file is in no order here, as one that somebody sorted by its local times. */
static bool few(size_t wrong, size_t said)
{
	return wrong * 4 <= said;
}

/* Where the second time may begin: from @c low to @c high, which are one where it is known. */
struct split { size_t low, high; bool known; };

/* The places that the fewest of the clients' own times contradict. */
static struct split split_by_clients(const struct held_view *v)
{
	struct split s = { 0, 0, true };
	size_t wrong = 0, said = 0, least;

	for (size_t i = 0; i < v->n; i++) {
		wrong += at(v, i)->said == 0;
		said += at(v, i)->said >= 0;
	}
	least = wrong;
	for (size_t i = 0; i < v->n; i++) {
		wrong -= at(v, i)->said == 0;
		wrong += at(v, i)->said == 1;
		if (wrong < least)
			s.low = i + 1;
		if (wrong <= least) {
			s.high = i + 1;
			least = wrong;
		}
	}
	s.known = few(least, said);
	return s;
}

/* The one step back. */
static struct split split_by_order(const struct held_view *v)
{
	size_t steps = 0, where = 0, said = 0, wrong = 0;

	for (size_t i = 1; i < v->n; i++)
		if (at(v, i)->local_ms + SLACK_MS < at(v, i - 1)->local_ms) {
			steps++;
			where = i;
		}
	if (steps == 0)
		return split_by_clients(v);
	for (size_t i = 0; i < v->n; i++) {
		said += at(v, i)->said >= 0;
		wrong += at(v, i)->said == (i < where);
	}
	return (struct split) { where, where, steps == 1 && few(wrong, said) };
}

static void settle(struct events_fold *f)
{
	int way = direction(f);
	struct held_view v = { f->of, f->n, way < 0 };
	struct split s = way != 0 ? split_by_order(&v) : (struct split) { .known = false };

	for (size_t i = 0; i < v.n; i++) {
		struct events_held *h = at(&v, i);

		if (s.known && (i < s.low || i >= s.high)) {
			h->said = i >= s.high;
		} else if (h->said < 0) {
			if (f->unknown++ == 0 || h->line < f->first_unknown)
				f->first_unknown = h->line;
			h->said = 0;
		}
	}
}

/* ---- events in the order of the file ---- */

static int give(struct events *x, json_t *record, unsigned long line, int64_t ms, struct muster_err *err)
{
	if (event_set_time(record, "logged_at", ms, true) != MUSTER_OK) {
		json_decref(record);
		return err_nomem(err);
	}
	return exchange_give(x->sink, x->done, record, line);
}

int events_fold_flush(struct events *x, struct muster_err *err)
{
	struct events_fold *f = &x->fold;
	int r = MUSTER_OK;

	if (f->n == 0)
		return MUSTER_OK;
	settle(f);
	for (size_t i = 0; i < f->n; i++)
		if (r == MUSTER_OK)
			r = give(x, f->of[i].record, f->of[i].line, f->of[i].utc_ms[f->of[i].said == 1], err);
		else
			json_decref(f->of[i].record);
	f->n = 0;
	return r;
}

static int hold(struct events *x, json_t *record, unsigned long line, const struct events_when *w, struct muster_err *err)
{
	struct events_fold *f = &x->fold;
	struct events_held *more = f->of;

	if (f->n == f->room) {
		if ((more = mem_grow(f->of, f->room * 2 + 64, sizeof *more)) == NULL) {
			json_decref(record);
			return err_nomem(err);
		}
		f->of = more;
		f->room = f->room * 2 + 64;
	}
	f->of[f->n++] = (struct events_held) { record, line, w->local_ms, { w->utc_ms[0], w->utc_ms[1] }, zone_nearer(w->utc_ms, w->near_ms) };
	return f->n < HELD_MAX ? MUSTER_OK : events_fold_flush(x, err);
}

int events_fold_take(struct events *x, json_t *record, unsigned long line, const struct events_when *w, struct muster_err *err)
{
	int r;

	look_at_order(&x->fold, w);
	if (w->times == ZONE_TWICE)
		return hold(x, record, line, w, err);
	if ((r = events_fold_flush(x, err)) != MUSTER_OK) {
		json_decref(record);
		return r;
	}
	return give(x, record, line, w->utc_ms[0], err);
}
