#include "core/bench/fleet_model.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/mem.h"

#define DAY_S 86400U
#define SILENT_S (35U * DAY_S)

bool model_init(struct model *m, const struct model_rules *rules)
{
	memset(m, 0, sizeof *m);
	m->rules = *rules;
	m->newest = m->oldest = MODEL_NONE;
	return true;
}

void model_fini(struct model *m)
{
	mem_free(m->ids);
	mem_free(m->events);
	memset(m, 0, sizeof *m);
}

uint32_t model_new_id(struct model *m)
{
	struct model_id *id;

	if (m->id_count == m->id_room) {
		uint32_t room = m->id_room + m->id_room / 4 + 1024;

		if (m->id_count > MODEL_NONE - 2 * DAY_S || (id = mem_grow(m->ids, room, sizeof *id)) == NULL)
			return MODEL_NONE;
		m->ids = id;
		m->id_room = room;
	}
	id = &m->ids[m->id_count];
	memset(id, 0, sizeof *id);
	id->owner = id->newer = id->older = MODEL_NONE;
	return m->id_count++;
}

/* ---- who is counted: a list from the one heard last to the longest silent ---- */

static void leave(struct model *m, uint32_t i)
{
	struct model_id *id = &m->ids[i];

	if (!id->counted)
		return;
	if (id->newer == MODEL_NONE)
		m->newest = id->older;
	else
		m->ids[id->newer].older = id->older;
	if (id->older == MODEL_NONE)
		m->oldest = id->newer;
	else
		m->ids[id->older].newer = id->newer;
	id->counted = 0;
	m->counted--;
}

static void enter(struct model *m, uint32_t i)
{
	struct model_id *id = &m->ids[i];

	leave(m, i);
	id->newer = MODEL_NONE;
	id->older = m->newest;
	if (m->newest == MODEL_NONE)
		m->oldest = i;
	else
		m->ids[m->newest].newer = i;
	m->newest = i;
	id->counted = 1;
	m->counted++;
}

/* The time by which machines age. A host that was silent for more than 35 days lets it stand for its first day, so that those who
 * still live report in before the others drop out (trust.md section 11). */
static uint32_t age_time(const struct model *m, uint32_t now)
{
	return now < m->still_until && m->still_at < now ? m->still_at : now;
}

static bool silent(const struct model *m, uint32_t i, uint32_t now)
{
	return now > m->ids[i].last && now - m->ids[i].last > MODEL_WINDOW_S;
}

uint32_t model_count(struct model *m, uint32_t now)
{
	while (m->oldest != MODEL_NONE && silent(m, m->oldest, age_time(m, now)))
		leave(m, m->oldest);
	return m->counted;
}

uint32_t model_cap(const struct model *m)
{
	return 2 * m->rules.minimum_count;
}

/* ---- the rules ---- */

static bool skewed(const struct model *m, const struct model_ask *a)
{
	return (uint32_t)(a->skew_s < 0 ? -a->skew_s : a->skew_s) > m->rules.skew_s;
}

/* A client ID belongs to the hardware first granted until 30 days of silence, or until it was released. */
static bool belongs_to_other(const struct model *m, const struct model_ask *a, uint32_t now)
{
	const struct model_id *id = &m->ids[a->id];

	return id->owner != MODEL_NONE && id->owner != a->machine && !id->released && !silent(m, a->id, now);
}

/* Add, count, compare. A machine of a shared ID adds nothing: the ID is counted once. */
static void count_in(struct model *m, const struct model_ask *a, struct model_expect *out)
{
	uint32_t count = m->counted + (m->ids[a->id].counted ? 0 : 1);

	out->count = count < model_cap(m) ? count : model_cap(m);
	out->minimum = m->rules.minimum_count;
	if (out->count < m->rules.minimum_count) {
		out->code = (uint32_t)CODE_COUNT_LOW;
		return;
	}
	out->code = CODE_OK;
	out->expires = a->now + m->rules.validity_s;
	if (out->expires > a->chain_end)
		out->expires = a->chain_end;
}

void model_expect(struct model *m, const struct model_ask *a, struct model_expect *out)
{
	uint32_t counted = model_count(m, a->now);

	memset(out, 0, sizeof *out);
	if (a->release) {
		out->code = CODE_OK;
		return;
	}
	if (skewed(m, a)) {
		out->code = (uint32_t)CODE_TIMESTAMP;
		return;
	}
	if (!belongs_to_other(m, a, age_time(m, a->now))) {
		count_in(m, a, out);
		return;
	}
	/* Other hardware is refused when the ledger has seen it before, and when it can see it at once: up to the cap every counted machine
	 * is in the pool, with its hardware. */
	if (m->ids[a->id].contested || counted <= model_cap(m)) {
		out->code = CODE_M_DUPLICATE;
		return;
	}
	/*
	 * Allowance 1: above the cap the pool holds only those seen last, and nothing is read from the disk for a request. A clone that the
	 * ledger has not seen yet may be granted once; the fold then marks the ID, and from then on it must be refused (ledger.md section 2).
	 * Allowance 2: the same on the first day after a long silence. The owner's silence is then over by the calendar though not by the
	 * time that stands still, and a clone that gets through takes the ID over.
	 */
	count_in(m, a, out);
	out->allowance = silent(m, a->id, a->now) ? MODEL_STANDSTILL_CLONE : MODEL_UNSEEN_CLONE;
}

static bool note_event(struct model *m, uint32_t now)
{
	uint32_t day = now / DAY_S;
	uint64_t *more;

	m->latest = now;
	if (day >= m->day_room) {
		if ((more = mem_grow(m->events, (size_t)day + 64, sizeof *more)) == NULL)
			return false;
		memset(more + m->day_room, 0, (day + 64 - m->day_room) * sizeof *more);
		m->events = more;
		m->day_room = day + 64;
	}
	m->events[day]++;
	return true;
}

static void take_release(struct model *m, const struct model_ask *a)
{
	struct model_id *id = &m->ids[a->id];

	m->totals.releases++;
	if (id->owner == a->machine) {   /* a clone that releases changes nothing of the owner */
		leave(m, a->id);
		id->released = 1;
	}
}

bool model_take(struct model *m, const struct model_ask *a, const struct model_expect *e, uint32_t code)
{
	struct model_id *id = &m->ids[a->id];
	bool accepted = code == CODE_OK || code == (uint32_t)CODE_COUNT_LOW, other;

	m->allowed[e->allowance]++;
	if (a->release) {
		take_release(m, a);
		return note_event(m, a->now);
	}
	if (!accepted) {
		m->totals.failed++;
		if (code == CODE_M_DUPLICATE)
			id->contested = 1;
		return note_event(m, a->now);
	}
	m->totals.status[a->status]++;
	other = belongs_to_other(m, a, a->now);   /* by the calendar: what was silent for 30 days is given up, whatever age_time() says */
	if (other) {
		id->contested = 1;
		return note_event(m, a->now);
	}
	if (id->owner != MODEL_NONE && (id->released || silent(m, a->id, a->now)))
		id->contested = 0;   /* begins anew, also for the same machine */
	if (id->owner == MODEL_NONE || id->released || silent(m, a->id, a->now))
		id->owner = a->machine;
	id->released = 0;
	id->requests++;
	id->last = a->now;
	enter(m, a->id);
	return note_event(m, a->now);
}

/* Whether it is one of the last @p n heard: those the pool holds. */
static bool among_last(const struct model *m, uint32_t id, uint32_t n)
{
	for (uint32_t i = m->newest; i != MODEL_NONE && n > 0; i = m->ids[i].older, n--)
		if (i == id)
			return true;
	return false;
}

enum model_care model_care(struct model *m, const struct model_ask *a)
{
	const struct model_id *id = &m->ids[a->id];
	uint32_t counted = model_count(m, a->now), cap = model_cap(m);

	if (!id->shared || id->owner == MODEL_NONE)
		return MODEL_PLAIN;
	if (a->now < m->still_until)
		return MODEL_ALONE;
	if (id->released || silent(m, a->id, a->now))
		return MODEL_LASTING;   /* begins anew: the fold forgets what it knew of the ID */
	if (id->owner == a->machine || id->contested)
		return MODEL_PLAIN;
	/* The first question of a copy: whether it is seen depends on who is in the pool. */
	return counted <= cap || among_last(m, a->id, cap) ? MODEL_ALONE : MODEL_LASTING;
}

void model_stop(struct model *m, uint32_t now)
{
	m->latest = now;   /* "stopped" is an event */
}

void model_start(struct model *m, uint32_t now)
{
	if (now - m->latest <= SILENT_S)
		return;
	m->still_at = m->latest;
	m->still_until = now + DAY_S;
}
