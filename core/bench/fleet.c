#include "core/bench/fleet.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/bench/population.h"

#define DAY_S 86400U
#define EVENING_S (18U * 3600)           /* releases are asked for at the end of the day: one refill of the pool for all */
#define SKEW_S (4U * 3600)
#define STALE_S 11U                      /* after so long without a commit the host looks at its disk when asked whether it is ready */
#define EVENT_BYTES 130U                 /* a row of the log with its share of everything, generously */
#define CLIENT_BYTES 250U
#define TICKS 150000U                    /* of a whole run, when the fleet is large */
#define FEW 8                            /* requests of a tick */
#define MANY 300
#define TICK_MAX 600U

/* Wait until all is folded: from now on every ID may be named again. */
static int settle(struct fleet *f, struct muster_err *err)
{
	for (uint32_t i = 0; i < f->unfolded_count; i++)
		f->model.ids[f->unfolded[i]].busy &= (uint8_t)~FLEET_B_UNFOLDED;
	f->unfolded_count = 0;
	return fleet_host_settle(&f->host, err);
}

static bool unfolded_add(struct fleet *f, uint32_t id)
{
	if (f->unfolded_count == f->unfolded_room) {
		uint32_t *more = mem_grow(f->unfolded, f->unfolded_room * 2 + 64, sizeof *more);

		if (more == NULL)
			return false;
		f->unfolded = more;
		f->unfolded_room = f->unfolded_room * 2 + 64;
	}
	f->unfolded[f->unfolded_count++] = id;
	f->model.ids[id].busy |= FLEET_B_UNFOLDED;
	return true;
}

/* Hand over what was gathered. After releases wait until they are folded: until then the old count stands. */
static int flush(struct fleet *f, struct muster_err *err)
{
	unsigned n = f->sent_count;
	int r;

	if (n == 0)
		return MUSTER_OK;
	f->sent_count = 0;
	if ((r = fleet_host_batch(&f->host, f->requests, n, err)) != MUSTER_OK)
		return r;
	if (f->sent[0].ask.release && (r = settle(f, err)) != MUSTER_OK)
		return r;
	for (unsigned i = 0; i < n; i++) {
		f->model.ids[f->sent[i].ask.id].busy &= (uint8_t)~FLEET_B_BATCH;
		if (!fleet_judge(f, &f->sent[i], &f->requests[i]))
			return err_nomem(err);
	}
	return MUSTER_OK;
}

/* ---- asking ---- */

static void request_fill(struct fleet *f, const struct fleet_sent *s, struct ledger_request *r)
{
	const struct fleet_machine *m = &f->machines[s->machine];

	fleet_host_request(&f->host, r);
	r->kind = s->ask.release ? LEDGER_RELEASE : LEDGER_ACTIVATE;
	population_client(r->client, f->seed, s->ask.id);
	population_hardware(r->hw, f->seed, s->machine);
	population_nonce(r->nonce, f->seed, s->machine, s->ask.release ? UINT32_MAX : m->ask);
	population_name(r->name, s->machine);
	r->is_virtual = fleet_draw(f, s->machine, 0, FLEET_P_VIRTUAL) < f->o.virtual_;
	if (s->lease) {
		r->lease_known = r->has_lease_hw = true;
		memcpy(r->lease_hw, r->hw, sizeof r->lease_hw);   /* libmuster presents no lease of other hardware */
		r->lease_seq = m->lease_seq;
	}
	r->chain_end = FLEET_START_MS + (int64_t)s->ask.chain_end * 1000;
	r->status = s->ask.status;
	r->minutes = s->lease ? (int32_t)((m->lease_until - f->now) / 60) : 0;
	r->client_time = FLEET_START_MS + ((int64_t)f->now + s->ask.skew_s) * 1000;
	be32_put(r->addr, UINT32_C(0x0a000000) + (s->machine & 0xffffff));
}

/* Granted last time, and no lease now, before that one could have ended. */
static void check_licensed(struct fleet *f, uint32_t k)
{
	const struct fleet_machine *m = &f->machines[k];

	if ((m->state & FLEET_M_GRANTED) && m->lease_until <= f->now && f->now - m->answered < f->validity_s && f->now < fleet_chain_end(m->answered))
		fleet_fault(&f->faults, "day %.4f, machine %u: granted on day %.4f, and its lease has ended already", f->now / (double)DAY_S, (unsigned)k,
		            m->answered / (double)DAY_S);
}

static int ask(struct fleet *f, uint32_t k, bool release, struct muster_err *err)
{
	struct fleet_machine *m = &f->machines[k];
	struct fleet_sent s = { .machine = k, .lease = m->lease_until > f->now };
	enum model_care care = MODEL_PLAIN;
	struct model_id *id;
	int r;

	check_licensed(f, k);
	s.repeat = !release && fleet_same_question(f, k);
	s.ask = (struct model_ask){ .id = m->id, .machine = k, .now = f->now, .skew_s = release ? 0 : fleet_skew(f, k, f->now),
	                            .chain_end = fleet_chain_end(f->now), .status = fleet_status(m, f->now), .release = release };
	/* Releases go together. An ID that several machines have had is not named twice in a batch, nor again before what it was told is folded. */
	id = &f->model.ids[m->id];
	if (((id->busy & FLEET_B_BATCH) || (f->sent_count > 0 && f->sent[0].ask.release != release)) && (r = flush(f, err)) != MUSTER_OK)
		return r;
	if ((id->busy & FLEET_B_UNFOLDED) && ((r = flush(f, err)) != MUSTER_OK || (r = settle(f, err)) != MUSTER_OK))
		return r;
	if (!release)
		care = model_care(&f->model, &s.ask);
	if (care == MODEL_ALONE && ((r = flush(f, err)) != MUSTER_OK || (f->unfolded_count > 0 && (r = settle(f, err)) != MUSTER_OK)))
		return r;
	if (care != MODEL_PLAIN && !unfolded_add(f, m->id))
		return err_nomem(err);
	f->sent[f->sent_count] = s;
	request_fill(f, &s, &f->requests[f->sent_count++]);
	if (id->shared)
		id->busy |= FLEET_B_BATCH;
	return care == MODEL_ALONE || f->sent_count == FLEET_BATCH ? flush(f, err) : MUSTER_OK;
}

/* One machine's turn. */
static int turn(struct fleet *f, uint32_t k, struct muster_err *err)
{
	struct fleet_machine *m = &f->machines[k];
	double releases = f->o.releases / (f->o.releases + f->o.silent);
	bool releasing;

	if ((m->state & FLEET_M_ALIVE) == 0) {
		m->state |= FLEET_M_ALIVE;
		f->month.t.born++;
	}
	releasing = (m->state & FLEET_M_RELEASING) != 0;
	if (f->now >= m->leaves && !releasing) {
		if (m->lease_until <= f->now || fleet_draw(f, k, 0, FLEET_P_LEAVES) >= releases)
			return fleet_leaves(f, k, false) ? MUSTER_OK : err_nomem(err);
		m->state |= FLEET_M_RELEASING;
		return heap_push(&f->heap, (f->now / DAY_S + 1) * DAY_S + EVENING_S, k) ? MUSTER_OK : err_nomem(err);
	}
	if (f->off || f->network_away)
		return (releasing ? fleet_again(f, k, DAY_S) : fleet_in_vain(f, k)) ? MUSTER_OK : err_nomem(err);
	return ask(f, k, releasing, err);
}

/* ---- months, incidents, time ---- */

static void look(struct fleet *f)
{
	struct ledger_status st;
	uint64_t lag;

	if (f->off)
		return;
	ledger_status(f->host.ledger, &st);
	lag = (uint64_t)(st.last_seq - st.fold_seq);
	if (lag > f->month.lag_max)
		f->month.lag_max = lag;
	f->month.log_bytes = st.log_bytes;
	f->month.state_bytes = st.state_bytes;
}

static void tally_add(struct fleet_tally *sum, const struct fleet_tally *t)
{
	sum->requests += t->requests;
	sum->granted += t->granted;
	sum->counted_only += t->counted_only;
	sum->clone_refused += t->clone_refused;
	sum->skew_refused += t->skew_refused;
	sum->releases += t->releases;
	sum->repeats += t->repeats;
	sum->storage_refused += t->storage_refused;
	sum->host_away += t->host_away;
	sum->lost += t->lost;
	sum->clones_granted += t->clones_granted;
	sum->rearmed += t->rearmed;
	sum->born += t->born;
	sum->left += t->left;
	fleet_waited(sum, t->longest_wait, t->longest_wait_machine);
}

static int month_end(struct fleet *f, uint32_t at, struct muster_err *err)
{
	struct fleet_month *m = &f->month, *more;
	uint64_t log_bytes, state_bytes;

	look(f);
	m->alive = m->licensed = 0;
	for (uint32_t k = 0; k < f->machine_count; k++) {
		const struct fleet_machine *x = &f->machines[k];

		if ((x->state & FLEET_M_ALIVE) == 0)
			continue;
		m->alive++;
		m->licensed += x->lease_until > at;
		if (x->unlicensed != 0)
			fleet_waited(&m->t, at - x->unlicensed, k);
	}
	m->counted = f->off ? f->model.counted : model_count(&f->model, at);   /* a host that is off lets nobody drop out */
	m->seconds = (double)(bench_ns() - f->began_ns) / 1e9;
	if ((more = mem_grow(f->months, f->month_count + 1, sizeof *more)) == NULL)
		return err_nomem(err);
	f->months = more;
	f->months[f->month_count++] = *m;
	tally_add(&f->total, &m->t);
	if (m->lag_max > f->lag_max)
		f->lag_max = m->lag_max;
	log_bytes = m->log_bytes;
	state_bytes = m->state_bytes;
	memset(m, 0, sizeof *m);
	m->log_bytes = log_bytes;
	m->state_bytes = state_bytes;
	return MUSTER_OK;
}

static void time_is(struct fleet *f, uint32_t now)
{
	if (now > f->now)
		f->now = now;
	fleet_host_time(&f->host, f->now);
}

static int incident_begins(struct fleet *f, const struct fleet_incident *i, struct muster_err *err)
{
	f->away_until = i->until;
	switch (i->what) {
	case FLEET_OUTAGE_OFF:
		time_is(f, i->at);
		f->off = true;
		model_stop(&f->model, f->now);
		fleet_host_stop(&f->host);
		return MUSTER_OK;
	case FLEET_OUTAGE_NETWORK:
		f->network_away = true;
		return MUSTER_OK;
	case FLEET_DISK_FULL:
		time_is(f, i->at > f->now + STALE_S ? i->at : f->now + STALE_S);
		f->disk_full = true;
		return fleet_host_disk(&f->host, true, err);
	case FLEET_RESTART:
		break;
	}
	/* With nothing to fold before, the fold does nothing until the clock moves again: the files stand still after the next batch. */
	f->kill_due = true;
	return settle(f, err);
}

static int incident_ends(struct fleet *f, const struct fleet_incident *i, struct muster_err *err)
{
	switch (i->what) {
	case FLEET_OUTAGE_OFF:
		time_is(f, i->until);
		f->off = false;
		model_start(&f->model, f->now);
		f->restarts_orderly++;
		return fleet_host_start(&f->host, err);
	case FLEET_OUTAGE_NETWORK:
		f->network_away = false;
		return MUSTER_OK;
	case FLEET_DISK_FULL:
		time_is(f, i->until > f->now + STALE_S ? i->until : f->now + STALE_S);
		f->disk_full = false;
		return fleet_host_disk(&f->host, false, err);
	case FLEET_RESTART:
		break;
	}
	return MUSTER_OK;
}

/* All that happens to the host, and the months that end, up to @p at. */
static int host_until(struct fleet *f, uint32_t at, struct muster_err *err)
{
	int r = MUSTER_OK;

	while (r == MUSTER_OK) {
		const struct fleet_incident *i = f->incident_next < f->incident_count ? &f->incidents[f->incident_next] : NULL;
		bool on = f->off || f->network_away || f->disk_full;
		uint32_t month = (f->month_count + 1) * FLEET_MONTH_S, next = i == NULL ? MODEL_NONE : on ? i->until : i->at;

		if (month <= at && month <= next) {
			r = month_end(f, month, err);
		} else if (i == NULL || next > at) {
			break;
		} else if (on) {
			r = incident_ends(f, i, err);
			f->incident_next++;
		} else {
			r = incident_begins(f, i, err);
			f->incident_next += i->what == FLEET_RESTART;   /* it has no length */
		}
	}
	return r;
}

static int kill_host(struct fleet *f, struct muster_err *err)
{
	bool hard = false;
	int r = fleet_host_kill(&f->host, &hard, err);

	f->kill_due = false;
	f->restarts_hard += hard;
	f->restarts_orderly += !hard;
	if (!hard)
		model_stop(&f->model, f->now);
	return r;
}

static int one_tick(struct fleet *f, uint32_t at, struct muster_err *err)
{
	struct heap_entry e;
	int r;

	if ((r = host_until(f, at, err)) != MUSTER_OK)
		return r;
	time_is(f, at);
	while (r == MUSTER_OK && heap_first(&f->heap) != NULL && heap_first(&f->heap)->at <= at && heap_pop(&f->heap, &e))
		r = turn(f, e.machine, err);
	if (r == MUSTER_OK)
		r = flush(f, err);
	if (r == MUSTER_OK && f->kill_due && !f->off)
		r = kill_host(f, err);
	look(f);
	return r;
}

static int live(struct fleet *f, struct muster_err *err)
{
	int64_t told = bench_ns();
	int r = MUSTER_OK;

	while (r == MUSTER_OK && heap_first(&f->heap) != NULL) {
		uint64_t at = ((uint64_t)heap_first(&f->heap)->at + f->tick - 1) / f->tick * f->tick;

		if (at >= f->end)
			break;
		r = one_tick(f, (uint32_t)at, err);
		if (bench_interrupted())
			return err_set(err, MUSTER_E_BUSY, "interrupted on day %.1f", f->now / (double)DAY_S);
		if (bench_ns() - told > 500000000) {
			told = bench_ns();
			bench_progress("day %u of %.0f, %u machines, %llu faults", f->now / DAY_S, f->o.days, f->machine_count, (unsigned long long)f->faults.n);
		}
	}
	if (r == MUSTER_OK)
		r = host_until(f, f->end, err);
	if (r == MUSTER_OK && (f->off || f->disk_full)) {   /* the books are looked at on a host that works */
		f->incidents[f->incident_next].until = f->end;
		r = incident_ends(f, &f->incidents[f->incident_next], err);
	}
	time_is(f, f->end);
	if (r == MUSTER_OK && f->end % FLEET_MONTH_S != 0)
		r = month_end(f, f->end, err);
	return r;
}

/* ---- all of it ---- */

/* Few at once cost a commit each; very many share one. In between the ledger waits for more, by the real clock (writer.c, gather()). */
static uint32_t tick_of(const struct fleet_options *o)
{
	double per_s = o->machines / (o->renewal * DAY_S), tick = o->days * DAY_S / TICKS;

	if (o->tick > 0)
		return (uint32_t)o->tick;
	if (per_s * o->days * DAY_S < TICKS || tick < 1)
		return 1;
	if (per_s * tick > FEW && MANY / per_s > tick)
		tick = MANY / per_s;
	return tick > TICK_MAX ? TICK_MAX : (uint32_t)tick;
}

static int begin(struct fleet *f, struct muster_err *err)
{
	const struct fleet_options *o = &f->o;
	const struct model_rules rules = { .minimum_count = (uint32_t)o->minimum, .validity_s = f->validity_s, .skew_s = SKEW_S };
	double requests = o->machines * ((o->days < o->keep ? o->days : o->keep) / o->renewal + 2);
	const struct fleet_host_options host = {
		.dir = o->dir, .minimum_count = rules.minimum_count, .validity_s = f->validity_s, .renewal_s = f->renewal_s, .retry_s = f->retry_s,
		.keep_s = (uint32_t)o->keep * DAY_S, .room = (uint64_t)(requests * EVENT_BYTES + o->machines * 2 * CLIENT_BYTES),
		.new_per_day = (uint64_t)(o->machines * 2) + 20000   /* no roll-out of ours is refused as a flood */
	};
	int r;

	f->requests = mem_array(FLEET_BATCH, sizeof *f->requests);
	f->sent = mem_array(FLEET_BATCH, sizeof *f->sent);
	if (f->requests == NULL || f->sent == NULL || !model_init(&f->model, &rules))
		return err_nomem(err);
	for (uint32_t k = 0; k < (uint32_t)o->machines; k++)
		if (!fleet_birth(f, 1 + (uint32_t)(fleet_draw(f, k, 0, FLEET_P_BORN) * o->rollout * DAY_S), MODEL_NONE, false))
			return err_nomem(err);
	fleet_plan_incidents(f);
	if ((r = fleet_host_open(&f->host, &host, err)) != MUSTER_OK)
		return r;
	f->began_ns = bench_ns();
	return MUSTER_OK;
}

int fleet_run(struct fleet *f, const struct fleet_options *o, struct muster_err *err)
{
	int r;

	memset(f, 0, sizeof *f);
	f->o = *o;
	f->seed = (uint64_t)o->seed;
	f->end = (uint32_t)o->days * DAY_S;
	f->tick = tick_of(o);
	f->validity_s = (uint32_t)(o->validity * DAY_S);
	f->renewal_s = (uint32_t)(o->renewal * DAY_S);
	f->retry_s = (uint32_t)(o->retry * 3600);
	if ((r = begin(f, err)) != MUSTER_OK || (r = live(f, err)) != MUSTER_OK)
		return r;
	f->seconds = (double)(bench_ns() - f->began_ns) / 1e9;
	r = fleet_check_books(f, err);
	bench_progress("%s", "");
	return r;
}

void fleet_fini(struct fleet *f)
{
	fleet_host_close(&f->host);
	model_fini(&f->model);
	heap_fini(&f->heap);
	mem_free(f->machines);
	mem_free(f->requests);
	mem_free(f->sent);
	mem_free(f->unfolded);
	mem_free(f->lost);
	mem_free(f->months);
	memset(f, 0, sizeof *f);
}
