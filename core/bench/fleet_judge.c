/* What an answer has to be, and what it means to the machine that asked. */
#include "core/bench/fleet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define DAY_S 86400U
#define YEAR_S (365U * DAY_S)
#define ADVICE_S (30U * DAY_S)           /* libmuster: at most one new client ID in 30 days on a host's advice */
#define NONCE_LIFE_S 3600U               /* libmuster: how long an unanswered question is repeated under the same nonce */
#define REPEATS_KNOWN 262144U            /* ledger.md section 2 */
#define DAYS(s) ((s) / (double)DAY_S)

/* ---- comparison ---- */

void fleet_fault(struct fleet_faults *f, const char *fmt, ...)
{
	va_list ap;

	if (f->n++ >= FLEET_SHOWN)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(f->shown[f->n - 1], sizeof f->shown[0], fmt, ap);
	va_end(ap);
}

static const char *words(char out[96], uint32_t code, uint32_t count, uint32_t expires)
{
	char name[16];

	if (code == CODE_OK) {
		(void)snprintf(out, 96, "granted until day %.5f with count %u", DAYS(expires), (unsigned)count);
	} else if (code == (uint32_t)CODE_COUNT_LOW) {
		(void)snprintf(out, 96, "counted only, count %u", (unsigned)count);
	} else {
		code_name(name, code);
		(void)snprintf(out, 96, "%s", name);
	}
	return out;
}

bool fleet_compare(struct fleet_faults *f, const struct model_ask *a, const struct model_expect *e, const struct fleet_answer *got)
{
	char want[96], have[96];
	bool right;

	if (e->allowance != MODEL_EXACT && got->code == CODE_M_DUPLICATE)
		return true;
	right = got->code == e->code && !got->odd_expiry;
	if (right && !a->release && (e->code == CODE_OK || e->code == (uint32_t)CODE_COUNT_LOW))
		right = got->count == e->count && got->minimum == e->minimum && got->expires == e->expires;
	if (!right)
		fleet_fault(f, "day %.4f, machine %u, client ID %u%s: expected %s%s, got %s (minimum %u, told %u)", DAYS(a->now), (unsigned)a->machine,
		            (unsigned)a->id, a->release ? ", release" : "", words(want, e->code, e->count, e->expires),
		            e->allowance != MODEL_EXACT ? " or M-112" : "", words(have, got->code, got->count, got->expires),
		            (unsigned)e->minimum, (unsigned)got->minimum);
	return right;
}

/* ---- what answers mean to a machine ---- */

uint32_t fleet_chain_end(uint32_t now)
{
	return (now / YEAR_S + 2) * YEAR_S;   /* the host's certificate lasts two years and is renewed each year */
}

bool fleet_again(struct fleet *f, uint32_t k, uint32_t after)
{
	return heap_push(&f->heap, after < MODEL_NONE - f->now ? f->now + after : MODEL_NONE, k);
}

void fleet_waited(struct fleet_tally *t, uint32_t s, uint32_t k)
{
	if (s > t->longest_wait) {
		t->longest_wait = s;
		t->longest_wait_machine = k;
	}
}

/* The host's 409 is advice: it is followed when no valid lease is lost by it, and once in 30 days. */
static bool told_duplicate(struct fleet *f, uint32_t k)
{
	struct fleet_machine *m = &f->machines[k];

	if (m->lease_until > f->now)
		return fleet_again(f, k, fleet_renewal(f, k, f->now));
	if ((m->state & FLEET_M_ADVISED) && f->now - m->advised < ADVICE_S)
		return fleet_again(f, k, fleet_after_answer(f, k));
	m->advised = f->now;
	m->state |= FLEET_M_ADVISED;
	m->lease_until = 0;
	m->lease_seq = 0;
	f->month.t.rearmed++;
	return (m->id = model_new_id(&f->model)) != MODEL_NONE && fleet_again(f, k, 1);
}

static bool machine_takes(struct fleet *f, uint32_t k, const struct fleet_answer *a, int64_t seq)
{
	struct fleet_machine *m = &f->machines[k];
	bool granted = a->code == CODE_OK;

	m->failures = 0;
	m->answered = f->now;
	m->state &= (uint8_t)~(FLEET_M_GRANTED | FLEET_M_SAME_NONCE);
	if (granted) {
		m->state |= FLEET_M_GRANTED;
		m->lease_until = a->expires;
		m->lease_seq = seq;
		if (m->unlicensed != 0)
			fleet_waited(&f->month.t, f->now - m->unlicensed, k);
		m->unlicensed = 0;
	} else if (m->lease_until <= f->now && m->unlicensed == 0) {
		m->unlicensed = f->now;
	}
	m->ask++;
	if (granted)
		return fleet_again(f, k, fleet_after_grant(f, k, f->now));
	return a->code == CODE_M_DUPLICATE ? told_duplicate(f, k) : fleet_again(f, k, fleet_after_answer(f, k));
}

static bool machine_unanswered(struct fleet *f, uint32_t k)
{
	struct fleet_machine *m = &f->machines[k];

	if (m->failures < UINT8_MAX)
		m->failures++;
	return fleet_again(f, k, fleet_after_failure(f, k, m->failures, m->failures));
}

/* While the host is away it asks ever later; only the questions that come after are real events. */
bool fleet_in_vain(struct fleet *f, uint32_t k)
{
	struct fleet_machine *m = &f->machines[k];
	uint32_t at = f->now, n = m->failures;

	do {
		n++;
		at += fleet_after_failure(f, k, n, n);
		f->month.t.host_away++;
	} while (at < f->away_until);
	m->failures = n > UINT8_MAX ? UINT8_MAX : (uint8_t)n;
	return heap_push(&f->heap, at, k);
}

bool fleet_leaves(struct fleet *f, uint32_t k, bool released)
{
	uint32_t born = f->now + DAY_S + (uint32_t)(fleet_draw(f, k, 0, FLEET_P_SUCCESSOR) * 13 * DAY_S);

	f->machines[k].state = 0;
	f->month.t.left++;
	if (fleet_draw(f, k, 0, FLEET_P_REPLACED) >= f->o.replaced)
		return true;
	return fleet_birth(f, born, k, released && fleet_draw(f, k, 0, FLEET_P_MOVED) < f->o.moved);
}

/* ---- lost answers ---- */

static struct fleet_lost *lost_find(struct fleet *f, uint32_t k)
{
	for (uint32_t i = 0; i < f->lost_count; i++)
		if (f->lost[i].machine == k)
			return &f->lost[i];
	return NULL;
}

static void lost_drop(struct fleet *f, struct fleet_lost *x)
{
	*x = f->lost[--f->lost_count];
}

static bool lost_add(struct fleet *f, uint32_t k, const struct fleet_answer *a, int64_t seq)
{
	if (f->lost_count == f->lost_room) {
		struct fleet_lost *more = mem_grow(f->lost, f->lost_room * 2 + 64, sizeof *more);

		if (more == NULL)
			return false;
		f->lost = more;
		f->lost_room = f->lost_room * 2 + 64;
	}
	f->lost[f->lost_count++] = (struct fleet_lost){ .machine = k, .number = f->answers, .answer = *a, .seq = seq, .at = f->now };
	f->machines[k].state |= FLEET_M_SAME_NONCE;
	f->month.t.lost++;
	return machine_unanswered(f, k);
}

/* Whether the question that got no answer is asked again under its nonce; else it is a new one. */
bool fleet_same_question(struct fleet *f, uint32_t k)
{
	struct fleet_machine *m = &f->machines[k];
	struct fleet_lost *x;

	if ((m->state & FLEET_M_SAME_NONCE) == 0 || (x = lost_find(f, k)) == NULL)
		return false;
	if (f->now - x->at < NONCE_LIFE_S && f->answers - x->number < REPEATS_KNOWN - FLEET_BATCH)
		return true;
	lost_drop(f, x);
	m->state &= (uint8_t)~FLEET_M_SAME_NONCE;
	m->ask++;
	return false;
}

/* ---- judging a batch ---- */

static void tally_answer(struct fleet_tally *t, const struct model_ask *a, uint32_t code)
{
	t->requests++;
	if (a->release)
		t->releases++;
	else if (code == CODE_OK)
		t->granted++;
	else if (code == (uint32_t)CODE_COUNT_LOW)
		t->counted_only++;
	else if (code == CODE_M_DUPLICATE)
		t->clone_refused++;
	else if (code == (uint32_t)CODE_TIMESTAMP)
		t->skew_refused++;
}

static void answer_of(struct fleet *f, const struct ledger_request *r, struct fleet_answer *out)
{
	int64_t expires = r->expires - FLEET_START_MS;

	*out = (struct fleet_answer){ .code = r->code, .count = r->count, .minimum = r->minimum };
	if (r->expires != 0) {
		out->odd_expiry = expires < 0 || expires % 1000 != 0 || expires / 1000 > UINT32_MAX;
		out->expires = out->odd_expiry ? 0 : (uint32_t)(expires / 1000);
	}
	if (++f->answers == (uint64_t)f->o.falsify) {
		if (out->code == CODE_OK)
			out->expires++;   /* a lease a second too long */
		else
			out->code = CODE_OK;
	}
}

static bool judge_repeat(struct fleet *f, const struct fleet_sent *s, const struct ledger_request *r, const struct fleet_answer *got)
{
	struct fleet_lost *x = lost_find(f, s->machine), was;

	MUSTER_ASSERT(x != NULL);
	was = *x;
	lost_drop(f, x);
	if (!r->repeat || r->seq != was.seq || got->code != was.answer.code || got->expires != was.answer.expires || got->count != was.answer.count)
		fleet_fault(&f->faults, "day %.4f, machine %u: the repeated question was answered %s as event %lld with code %u and count %u, "
		            "before it was event %lld with code %u and count %u", DAYS(f->now), (unsigned)s->machine, r->repeat ? "as a repeat" : "anew",
		            (long long)r->seq, (unsigned)got->code, (unsigned)got->count, (long long)was.seq, (unsigned)was.answer.code,
		            (unsigned)was.answer.count);
	f->month.t.requests++;
	f->month.t.repeats++;
	return machine_takes(f, s->machine, &was.answer, was.seq);
}

/* What every recorded answer has to be, whatever it says. */
static void check_record(struct fleet *f, const struct fleet_sent *s, const struct ledger_request *r)
{
	const double day = DAYS(f->now);
	const unsigned k = s->machine;

	if (r->seq <= f->last_seq)
		fleet_fault(&f->faults, "day %.4f, machine %u: event %lld comes after event %lld", day, k, (long long)r->seq, (long long)f->last_seq);
	if (r->at != FLEET_START_MS + (int64_t)f->now * 1000)
		fleet_fault(&f->faults, "day %.4f, machine %u: the answer is dated %lld ms off", day, k,
		            (long long)(r->at - FLEET_START_MS - (int64_t)f->now * 1000));
	if (r->repeat || r->renewal != s->lease)
		fleet_fault(&f->faults, "day %.4f, machine %u: a %s was taken for a %s", day, k, s->lease ? "renewal" : "new question",
		            r->repeat ? "repeat" : r->renewal ? "renewal" : "new question");
	f->last_seq = r->seq;
}

bool fleet_judge(struct fleet *f, const struct fleet_sent *s, const struct ledger_request *r)
{
	struct fleet_answer got;
	struct model_expect e;
	bool accepted, clone;

	if (r->code == CODE_M_STORAGE || f->disk_full) {
		if (r->code != CODE_M_STORAGE || !f->disk_full || r->retry_after < 1 || r->retry_after > 10)
			fleet_fault(&f->faults, "day %.4f, machine %u: the disk is %s and the answer has code %u, Retry-After %u", DAYS(f->now),
			            (unsigned)s->machine, f->disk_full ? "full" : "not full", (unsigned)r->code, (unsigned)r->retry_after);
		f->month.t.storage_refused++;
		return s->ask.release ? fleet_again(f, s->machine, DAY_S) : machine_unanswered(f, s->machine);
	}
	answer_of(f, r, &got);
	if (s->repeat)
		return judge_repeat(f, s, r, &got);
	clone = f->model.ids[s->ask.id].shared;
	model_expect(&f->model, &s->ask, &e);
	if (!fleet_compare(&f->faults, &s->ask, &e, &got)) {
		/* Go on with what was right, so that one fault is told once. */
		got = (struct fleet_answer){ .code = e.code, .count = e.count, .minimum = e.minimum, .expires = e.expires };
	}
	check_record(f, s, r);
	if (!model_take(&f->model, &s->ask, &e, got.code))
		return false;
	tally_answer(&f->month.t, &s->ask, got.code);
	if (s->ask.release)
		return fleet_leaves(f, s->machine, true);
	accepted = got.code == CODE_OK || got.code == (uint32_t)CODE_COUNT_LOW;
	if (e.allowance != MODEL_EXACT && got.code == CODE_OK)
		f->month.t.clones_granted++;
	if (accepted && !clone && fleet_draw(f, s->machine, f->machines[s->machine].ask, FLEET_P_LOST) < f->o.lost)
		return lost_add(f, s->machine, &got, r->seq);
	return machine_takes(f, s->machine, &got, r->seq);
}
