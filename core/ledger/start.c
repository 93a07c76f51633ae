/* Memory from disk: the fold position, the pools' snapshot and the counters, then the log's tail (ledger.md section 2, "Start"). */
#include "core/ledger/internal.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"

#define TAIL_CHUNK 4096U   /* rows a read call gathers */

/* The machine as a member, keeping the hardware first granted that is on record. */
static void member_from_event(struct pool_member *m, const struct store_event *e, const struct pool *pool)
{
	const struct pool_member *old = pool_find(pool, e->client);

	memset(m, 0, sizeof *m);
	memcpy(m->client, e->client, 16);
	if (old != NULL && old->has_hw && e->at - old->last <= CLONE_SILENCE_MS) {
		m->has_hw = true;
		memcpy(m->hw, old->hw, sizeof m->hw);
	} else if (e->flags & STORE_F_HW) {
		m->has_hw = true;
		memcpy(m->hw, e->hw, sizeof m->hw);
	}
	m->is_virtual = (e->flags & STORE_F_VIRTUAL) != 0;
	m->last = e->at;
	m->seq = e->seq;
	m->product = e->product;
}

static void pool_count_in(struct ledger *l, struct pool_slot *slot, const struct store_event *e, const struct pool_member *member)
{
	struct pool_member m;
	int grown = pool_present(slot->members, e->minimum);

	if (grown == 1)
		slot->refill = true;
	else if (grown < 0)
		host_later(l, 3, "pool-memory", "out of memory for %u members of pool %.64s; the next request tries again", 2 * e->minimum, slot->row.name);
	if (member == NULL) {
		member_from_event(&m, e, slot->members);
		member = &m;
	}
	pool_touch(slot->members, member);
	marks_seen(l->marks, e->client, e->product, e->at);
}

static void request_seen(struct ledger *l, const struct store_event *e)
{
	if ((e->flags & STORE_F_SYSTEM) == 0 && e->at > l->last_request)
		l->last_request = e->at;
}

void memory_apply(struct ledger *l, const struct store_event *e, struct product_slot *product, const struct pool_member *member)
{
	struct pool_slot *pool = product == NULL ? NULL : product->pool;

	l->applied_seq = e->seq;
	if (e->flags & STORE_F_SYSTEM)
		return;
	repeats_add(l->repeats, e);
	request_seen(l, e);
	if (e->flags & STORE_F_RELEASE) {
		if (pool != NULL)
			pool->refill = true;
		return;
	}
	if (product != NULL)
		product->n[(e->flags & STORE_F_REFUSED) != 0 ? COUNT_FAILED : e->status] += e->n;
	if (pool != NULL && (e->flags & STORE_F_REFUSED) == 0)
		pool_count_in(l, pool, e, member);
}

static int counter_load(void *ctx, const struct store_counter *c)
{
	struct product_slot *p = slot_product(ctx, c->product);

	if (p != NULL)
		(c->source == 1 ? p->n : p->moved)[c->status == STORE_COUNTER_FAILED ? COUNT_FAILED : c->status % COUNT_FAILED] += c->n;
	return 0;
}

static int member_load(void *ctx, const struct store_member *m)
{
	struct pool_slot *slot = slot_pool(ctx, m->pool);
	struct pool_member x;

	if (slot == NULL)
		return 0;
	memset(&x, 0, sizeof x);
	memcpy(x.client, m->client, sizeof x.client);
	memcpy(x.hw, m->hw, sizeof x.hw);
	x.has_hw = m->has_hw;
	x.is_virtual = m->is_virtual;
	x.last = m->last;
	x.product = m->product;
	pool_touch(slot->members, &x);
	return 0;
}

static int clone_load(void *ctx, const struct store_use *u)
{
	struct ledger *l = ctx;

	/* What was given up belongs to whoever asks next; its row says so until then. */
	if ((u->flags & STORE_F_HW) != 0 && (u->flags & (STORE_F_RELEASED | STORE_F_FORGOTTEN)) == 0)
		marks_put(l->marks, u->client, u->product, u->hw, u->last);
	return 0;
}

int marks_load(struct ledger *l, struct muster_err *err)
{
	/* By the time that ages clients: when that stands still, so does the silence that frees a client ID. */
	int64_t now = hostclock_age_time(&l->host, clock_wall_ms(l->clock), clock_boot_ms(l->clock));

	return l->state->ops->clones(l->state, now - CLONE_SILENCE_MS, clone_load, l, err);
}

struct tail { struct ledger *l; int64_t last; size_t n; };

/* The last requests, folded or not, so that their repeats are known; those not folded also count. */
static int tail_load(void *ctx, const struct store_event *e)
{
	struct tail *t = ctx;
	struct ledger *l = t->l;

	t->last = e->seq;
	t->n++;
	if (e->at > l->last_at)
		l->last_at = e->at;
	if (e->seq > l->fold_seq)
		memory_apply(l, e, slot_product(l, e->product), NULL);
	else
		repeats_add(l->repeats, e);
	request_seen(l, e);   /* folded ones too */
	return 0;
}

static void memory_clear(struct ledger *l)
{
	repeats_clear(l->repeats);
	marks_clear(l->marks);
	for (size_t i = 0; i < l->product_count; i++)
		if (l->products[i] != NULL) {
			memset(l->products[i]->n, 0, sizeof l->products[i]->n);
			memset(l->products[i]->moved, 0, sizeof l->products[i]->moved);
		}
	for (size_t i = 0; i < l->pool_count; i++)
		if (l->pools[i] != NULL)
			pool_replace(l->pools[i]->members, NULL, 0, INT64_MAX);
	l->last_at = l->last_request = 0;
}

struct standing { struct ledger *l; struct pool_slot *slot; struct muster_err *err; int result; };

static int use_stands(void *ctx, const struct store_use *u)
{
	struct standing *s = ctx;
	const struct product_slot *product = slot_product(s->l, u->product);

	if (product != NULL && product->pool == s->slot && (u->flags & (STORE_F_RELEASED | STORE_F_FORGOTTEN | STORE_F_CLONE)) != 0)
		s->slot->refill = true;
	return 0;
}

static void member_stands(void *ctx, const struct pool_member *m)
{
	struct standing *s = ctx;
	const struct product_slot *product = slot_product(s->l, m->product);

	if (product == NULL || product->pool != s->slot)
		s->slot->refill = true;
	if (s->result == MUSTER_OK && !s->slot->refill)
		s->result = s->l->state->ops->use(s->l->state, m->client, use_stands, s, s->err);
}

/*
 * When the last process ended a release, a clone or a moved product may have been folded and its refill not yet written, and the
 * cap may have grown. A full pool whose members all stand by their rows needs no refill, which in a large fleet reads very much.
 * state_lock and lock held.
 */
static int pool_stands(struct ledger *l, struct pool_slot *slot, struct muster_err *err)
{
	struct standing s = { .l = l, .slot = slot, .err = err, .result = MUSTER_OK };

	if (pool_count(slot->members) < pool_cap(slot->members))
		slot->refill = true;
	pool_each(slot->members, member_stands, &s);
	return s.result;
}

/* state_lock and lock held. */
static int state_load(struct ledger *l, struct muster_err *err)
{
	const struct store_state_ops *ops;
	struct store_state_info info;
	int r;

	if (l->state == NULL && (r = state_reopen(l, err)) != MUSTER_OK)
		return r;
	ops = l->state->ops;
	if ((r = ops->info(l->state, &info, err)) != MUSTER_OK || (r = names_load(l, err)) != MUSTER_OK)
		return r;
	memory_clear(l);
	l->fold_seq = info.fold_seq;
	l->fold_at = info.fold_at;
	if ((r = ops->counters(l->state, counter_load, l, err)) != MUSTER_OK || (r = moved_load(l, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; i < l->pool_count; i++)
		if (l->pools[i] != NULL && ((r = ops->members(l->state, l->pools[i]->row.pool, member_load, l, err)) != MUSTER_OK ||
		                            (r = pool_stands(l, l->pools[i], err)) != MUSTER_OK))
			return r;
	return marks_load(l, err);
}

/* lock held */
static int log_load(struct ledger *l, const struct store_log_info *info, struct muster_err *err)
{
	int64_t from = l->fold_seq, window = info->last_seq - (int64_t)REPEATS_MAX;
	struct tail t = { .l = l };
	int r;

	l->applied_seq = l->fold_seq;
	l->last_at = l->fold_at;
	if (window < from)
		from = window > 0 ? window : 0;
	t.last = from;
	do {
		t.n = 0;
		if ((r = l->log->ops->read(l->log, t.last, TAIL_CHUNK, tail_load, &t, err)) != MUSTER_OK)
			return r;
	} while (t.n == TAIL_CHUNK);
	if (info->last_seq > l->applied_seq)
		l->applied_seq = info->last_seq;
	l->next_seq = l->applied_seq + 1;
	atomic_store(&l->backlog, l->applied_seq - l->fold_seq);
	return MUSTER_OK;
}

static int log_reopen(struct ledger *l, struct store_log_info *info, struct muster_err *err)
{
	int r;

	if (l->log != NULL)
		l->log->ops->close(l->log);
	l->log = NULL;
	if ((r = l->store->open_log(l->store, true, &l->log, err)) != MUSTER_OK)
		return r;
	if ((r = l->log->ops->claim(l->log, l->id, info, err)) == MUSTER_OK && l->digester == NULL)
		r = digester_new(&l->digester, info->digest_key, err);
	if (r != MUSTER_OK) {
		l->log->ops->close(l->log);
		l->log = NULL;
	}
	return r;
}

int memory_rebuild(struct ledger *l, struct muster_err *err)
{
	struct store_log_info info;
	int r;

	if ((r = log_reopen(l, &info, err)) != MUSTER_OK)
		return err_prefix(err, r, "log");
	pthread_mutex_lock(&l->state_lock);
	pthread_mutex_lock(&l->lock);
	if ((r = state_done(l, state_load(l, err))) != MUSTER_OK)
		r = err_prefix(err, r, "state");
	else if ((r = log_load(l, &info, err)) != MUSTER_OK)
		r = err_prefix(err, r, "log");
	if (r == MUSTER_OK) {
		l->commit_result = MUSTER_OK;
		l->commit_error[0] = '\0';
		atomic_store(&l->ready, true);
	}
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_unlock(&l->state_lock);
	return r;
}
