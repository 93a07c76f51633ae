/*
 * Refilling pools: after a release or `clients forget` the place is taken by the next most recent client, and after the cap
 * has grown by those who did not fit before (ledger.md section 2, "Pool"). Until the list is handed over the old count stands.
 */
#include "core/ledger/internal.h"

#include <string.h>
#include <time.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define PACED_MS 10   /* a refill that takes less is not worth delaying the next */

struct list { struct pool_member *m; size_t n, room; };

/* Work is paced by the time it really takes: the injected clock may jump, and stands still in tests. */
int64_t refill_steady_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool refill_due(const struct ledger *l, int64_t now)
{
	for (size_t i = 0; i < l->pool_count; i++)
		if (l->pools[i] != NULL && l->pools[i]->refill && now >= l->pools[i]->refill_after)
			return true;
	return false;
}

bool refill_wanted(struct ledger *l)
{
	bool yes = false;

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->pool_count; i++)
		yes = yes || (l->pools[i] != NULL && (l->pools[i]->refill || l->pools[i]->refilling));
	pthread_mutex_unlock(&l->lock);
	return yes;
}

static int use_note(void *ctx, const struct store_use *u)
{
	struct list *list = ctx;
	struct pool_member *m;

	if (list->n == list->room)
		return 1;
	m = &list->m[list->n++];
	memset(m, 0, sizeof *m);
	memcpy(m->client, u->client, sizeof m->client);
	memcpy(m->hw, u->hw, sizeof m->hw);
	m->has_hw = (u->flags & STORE_F_HW) != 0;
	m->is_virtual = (u->flags & STORE_F_VIRTUAL) != 0;
	m->last = u->last;
	m->seq = u->last_seq;
	m->product = u->product;
	return 0;
}

/* The store gives one row a client, the newest: a machine with several products of the pool counts once. */
static int recent(struct ledger *l, uint32_t pool, int64_t since, uint32_t cap, struct list *list, struct muster_err *err)
{
	int r;

	list->room = cap;
	if ((list->m = mem_array(cap, sizeof *list->m)) == NULL)
		return err_nomem(err);
	pthread_mutex_lock(&l->state_lock);
	r = l->state == NULL ? state_reopen(l, err) : MUSTER_OK;
	if (r == MUSTER_OK)
		r = state_done(l, l->state->ops->recent(l->state, pool, since, cap, use_note, list, err));
	pthread_mutex_unlock(&l->state_lock);
	return r;
}

static int refill_pool(struct ledger *l, size_t i, struct muster_err *err)
{
	struct pool_slot *slot;
	struct list list = { 0 };
	uint32_t pool, cap, window_s;
	int64_t seq, now, wall, boot, began = refill_steady_ms(), ended;
	int r;

	pthread_mutex_lock(&l->lock);
	slot = l->pools[i];
	pool = slot->row.pool;
	cap = pool_cap(slot->members);
	window_s = slot->row.window_s;
	seq = l->fold_seq;
	host_time(l, &wall, &boot);
	now = hostclock_age_time(&l->host, wall, boot);
	pthread_mutex_unlock(&l->lock);
	r = recent(l, pool, now - (int64_t)window_s * 1000, cap, &list, err);
	ended = refill_steady_ms();
	pthread_mutex_lock(&l->lock);
	slot->refill_after = ended - began < PACED_MS ? 0 : ended + 9 * (ended - began);
	if (r == MUSTER_OK)
		pool_replace(slot->members, list.m, list.n, seq);
	else
		slot->refill = true;
	slot->refilling = false;
	pthread_mutex_unlock(&l->lock);
	mem_free(list.m);
	return r;
}

int refill_run(struct ledger *l, struct muster_err *err)
{
	int64_t steady = refill_steady_ms();
	size_t count;
	bool any = false;
	int r = MUSTER_OK;

	/* Taken down before the fold: a release that comes later asks again. */
	pthread_mutex_lock(&l->lock);
	count = l->pool_count;
	for (size_t i = 0; i < count; i++)
		if (l->pools[i] != NULL && l->pools[i]->refill && steady >= l->pools[i]->refill_after) {
			l->pools[i]->refill = false;
			l->pools[i]->refilling = any = true;
		}
	pthread_mutex_unlock(&l->lock);
	if (!any)
		return MUSTER_OK;
	r = fold_run(l, err);
	for (size_t i = 0; i < count; i++) {
		bool mine;

		pthread_mutex_lock(&l->lock);
		mine = l->pools[i] != NULL && l->pools[i]->refilling;
		if (mine && r != MUSTER_OK) {
			l->pools[i]->refill = true;
			l->pools[i]->refilling = false;
		}
		pthread_mutex_unlock(&l->lock);
		if (mine && r == MUSTER_OK)
			r = refill_pool(l, i, err);
	}
	return r;
}
