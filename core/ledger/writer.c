/* The ledger thread: take a group, decide, commit once, answer. While it commits the next group gathers in the queue. */
#include "core/ledger/internal.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define IDLE_MS 1000
#define SUMS_PER_GROUP 64U   /* sums of refused requests written with one group */
#define GATHER_FROM 12U      /* requests of a group that make the next one gather until it is as large ... */
#define GATHER_NS 500000L    /* ... or for so long */

int group_new(struct ledger *l, struct muster_err *err)
{
	l->group = mem_alloc(sizeof *l->group);
	return l->group == NULL ? err_nomem(err) : MUSTER_OK;
}

void group_free(struct ledger *l)
{
	mem_free(l->group);
	l->group = NULL;
}

/* Lock held. */
static void group_begin(struct ledger *l, struct group *g)
{
	int64_t time;

	g->n = g->event_count = 0;
	memset(g->by_digest, 0, sizeof g->by_digest);
	memset(g->by_client, 0, sizeof g->by_client);
	host_time(l, &g->wall, &g->boot);
	g->age_time = hostclock_age_time(&l->host, g->wall, g->boot);
	time = hostclock_event_time(&l->host, g->wall, g->boot);
	g->at = time > l->last_at ? time : l->last_at;
	g->next_seq = l->next_seq;
	for (size_t i = 0; i < l->pool_count; i++) {
		if (l->pools[i] == NULL)
			continue;
		l->pools[i]->staged_new = l->pools[i]->staged_minimum = l->pools[i]->staged_observed = 0;
		pool_age(l->pools[i]->members, g->age_time);
	}
}

static struct staged *own_row(struct group *g)
{
	struct staged *s = &g->rows[g->n++];

	s->request = NULL;
	s->fate = FATE_STAGED;
	s->pool = NULL;
	s->counted = s->charged = s->refusal_sum = s->system = false;
	s->event.at = g->at;
	s->event.seq = g->next_seq++;
	g->events[g->event_count++] = &s->event;
	return s;
}

/* Rows of the host's own: they happened before the group's requests. Lock held. */
static void stage_own(struct ledger *l, struct group *g)
{
	for (uint32_t i = 0; i < l->system_count; i++) {
		g->rows[g->n].event = l->system[i];
		own_row(g)->system = true;
	}
	l->system_count = 0;
}

/* Sums of refused requests that are due. Lock held. */
static void stage_sums(struct ledger *l, struct group *g, bool all)
{
	struct store_event sum;

	for (uint32_t i = 0; i < SUMS_PER_GROUP && refusals_take(l->refusals, &sum, g->boot, all); i++) {
		struct staged *s;

		g->rows[g->n].event = sum;
		s = own_row(g);
		s->refusal_sum = true;
		s->product = slot_product(l, sum.product);
	}
}

/* The commit may have happened or not: ask the log itself, on a new handle. */
static int resolve(struct ledger *l, const struct group *g, struct muster_err *err)
{
	struct store_log_info info;
	struct store_log *log = NULL;
	int r;

	l->log->ops->close(l->log);
	l->log = NULL;
	if ((r = l->store->open_log(l->store, true, &log, err)) != MUSTER_OK)
		return r;
	if ((r = log->ops->claim(log, l->id, &info, err)) != MUSTER_OK) {
		log->ops->close(log);
		return r;
	}
	l->log = log;
	if (info.last_seq >= g->events[g->event_count - 1]->seq)
		return MUSTER_OK;
	return err_set(err, MUSTER_E_BUSY, "the group's commit did not happen; its clients were told to ask again");
}

static int commit(struct ledger *l, struct group *g, struct muster_err *err)
{
	int r;

	if (g->event_count == 0)
		return MUSTER_OK;
	r = l->log->ops->append(l->log, g->events, g->event_count, err);
	if (r == MUSTER_E_UNKNOWN) {
		r = resolve(l, g, err);
		l->in_doubt = l->log == NULL;
	}
	if (r == MUSTER_E_IO || l->log == NULL)
		atomic_store(&l->ready, false);
	return r;
}

/* Lock held. */
static void group_apply(struct ledger *l, const struct group *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		const struct staged *s = &g->rows[i];

		if (s->fate == FATE_STAGED)
			memory_apply(l, &s->event, s->product, s->counted ? &s->member : NULL);
	}
	l->next_seq = g->next_seq;
	l->last_at = g->at;
	l->last_commit = g->wall;
	l->commit_boot = g->boot;
	hostclock_committed(&l->host, g->wall);
	atomic_store(&l->backlog, l->applied_seq - l->fold_seq);
}

/* What was staged for the host itself waits for the next group; the rest is forgotten. Lock held. */
static void group_drop(struct ledger *l, const struct group *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		const struct staged *s = &g->rows[i];

		if (s->system && l->system_count < SYSTEM_EVENTS_MAX)
			l->system[l->system_count++] = s->event;
		else if (s->refusal_sum)
			refusals_return(l->refusals, &s->event);
		else
			decide_uncharge(l, g, s);
	}
}

static void answer_storage(struct ledger_request *r, bool in_doubt)
{
	r->code = CODE_M_STORAGE;
	r->seq = r->expires = 0;
	r->count = r->minimum = 0;
	r->repeat = r->renewal = false;
	r->retry_after = 1 + (uint32_t)random_below(10);
	snprintf(r->detail, sizeof r->detail, "%s", in_doubt ? "whether the request was recorded is not known yet; repeated with the same nonce it counts once" :
	         "the request could not be recorded; nothing was counted or granted");
}

static void group_answer(struct group *g, bool committed, bool in_doubt)
{
	for (uint32_t i = 0; i < g->n; i++) {
		struct ledger_request *r = g->rows[i].request;

		if (r == NULL)
			continue;
		if (g->rows[i].fate != FATE_ANSWERED && !committed) {
			answer_storage(r, in_doubt);
		} else if (g->rows[i].fate == FATE_SAME) {
			answer_from_event(r, &g->rows[g->rows[i].same].event);
			r->repeat = true;
		}
		r->done(r);
	}
}

static void fail_requests(struct ledger_request *first)
{
	while (first != NULL) {
		struct ledger_request *r = first;

		first = r->next;
		answer_storage(r, false);
		r->done(r);
	}
}

static void say_commit(struct ledger *l, int before, int now, const char *message)
{
	if (now != MUSTER_OK && before == MUSTER_OK)
		host_event(l, 2, "commit-failed", "%s; requests are answered 503 until a commit succeeds", message);
	else if (now == MUSTER_OK && before != MUSTER_OK)
		host_event(l, 5, "commit-works", "commits succeed again");
}

/* Whether the disk takes writes is known again: from the probe itself, or because a group was committed meanwhile. Lock held. */
static void probe_answered(struct ledger *l)
{
	if (!l->probe_wanted)
		return;
	l->probe_wanted = false;
	l->probes++;
}

/* @return how many rows were staged. */
static uint32_t group_run(struct ledger *l, struct ledger_request *first, bool all)
{
	struct group *g = l->group;
	struct muster_err err = { 0 };
	int r, before;
	bool wake;

	pthread_mutex_lock(&l->lock);
	group_begin(l, g);
	stage_own(l, g);
	while (first != NULL) {
		struct ledger_request *next = first->next;

		decide(l, g, first);
		first = next;
	}
	stage_sums(l, g, all);
	pthread_mutex_unlock(&l->lock);
	r = commit(l, g, &err);
	pthread_mutex_lock(&l->lock);
	before = l->commit_result;
	if (g->event_count > 0) {
		l->commit_result = r;
		probe_answered(l);
		snprintf(l->commit_error, sizeof l->commit_error, "%s", r == MUSTER_OK ? "" : err.message);
		if (r == MUSTER_OK)
			group_apply(l, g);
		else if (!l->in_doubt)
			group_drop(l, g);
	}
	wake = refill_due(l, refill_steady_ms());
	pthread_mutex_unlock(&l->lock);
	group_answer(g, r == MUSTER_OK, l->in_doubt);
	if (g->event_count > 0)
		say_commit(l, before, r, err.message);
	host_flush(l);
	if (wake)
		state_settle(l, 0, NULL);
	return g->event_count;
}

static void probe(struct ledger *l)
{
	struct muster_err err = { 0 };
	bool wanted;
	int r, before;

	pthread_mutex_lock(&l->lock);
	wanted = l->probe_wanted;
	pthread_mutex_unlock(&l->lock);
	if (!wanted)
		return;
	r = l->log->ops->probe(l->log, &err);
	if (r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN)
		atomic_store(&l->ready, false);
	pthread_mutex_lock(&l->lock);
	before = l->commit_result;
	l->commit_result = r;
	snprintf(l->commit_error, sizeof l->commit_error, "%s", r == MUSTER_OK ? "" : err.message);
	l->commit_boot = clock_boot_ms(l->clock);
	probe_answered(l);
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_lock(&l->work_lock);
	pthread_cond_broadcast(&l->folded_cond);   /* whoever asked waits there */
	pthread_mutex_unlock(&l->work_lock);
	say_commit(l, before, r, err.message);
}

static void rebuild(struct ledger *l)
{
	struct muster_err err = { 0 };

	if (memory_rebuild(l, &err) == MUSTER_OK) {
		pthread_mutex_lock(&l->lock);
		/* Now it is known. No group was decided meanwhile, so the last one is still there; its requests are not. */
		if (l->in_doubt && l->applied_seq < l->group->events[l->group->event_count - 1]->seq)
			group_drop(l, l->group);
		l->in_doubt = false;
		host_row(l, CODE_M_STORAGE, "storage works again after a fault; memory was rebuilt from disk");
		pthread_mutex_unlock(&l->lock);
		host_event(l, 4, "ledger-rebuilt", "memory was rebuilt from disk after a storage fault; requests are taken again");
		return;
	}
	pthread_mutex_lock(&l->lock);
	snprintf(l->commit_error, sizeof l->commit_error, "%s", err.message);
	pthread_mutex_unlock(&l->lock);
}

/* So many come that cores are scarce and each waits for others anyway: a commit for twice as many costs hardly more than one for these. */
static void gather(struct ledger *l, uint32_t n)
{
	if (n >= GATHER_FROM && n < GROUP_MAX / 2)
		queue_gather(&l->queue, n, GATHER_NS);
}

void *writer_run(void *ledger)
{
	struct ledger *l = ledger;
	bool more = false;
	uint32_t n = 0;

	for (;;) {
		struct ledger_request *first;
		bool stopping = atomic_load(&l->stopping);
		uint32_t rows;

		if (!stopping)
			gather(l, n);
		n = queue_take(&l->queue, &first, GROUP_MAX, more || stopping ? 0 : IDLE_MS);
		if (n > 0)
			atomic_store(&l->request_ms, refill_steady_ms());
		host_look(l);
		host_flush(l);
		more = false;
		if (!atomic_load(&l->ready)) {
			fail_requests(first);
			if (stopping && n == 0)
				break;
			if (!stopping)
				rebuild(l);
			continue;
		}
		rows = group_run(l, first, stopping);
		if (n > 0 || !atomic_load(&l->ready)) {
			if (!stopping && atomic_load(&l->ready))
				retention_between(l);
			continue;
		}
		probe(l);
		/* Nothing came in after the queue was closed, and what waited is written. */
		if (stopping && (rows == 0 || l->commit_result != MUSTER_OK))
			break;
		if (!stopping && rows == 0)
			more = retention_slice(l);
	}
	return NULL;
}
