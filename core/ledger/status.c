/* Live numbers, and whether the ledger takes requests. */
#include "core/ledger/internal.h"

#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define STALE_MS 10000
#define OBSERVE_PIECE 500
#define PROBE_WAIT_MS 2000
#define PROBE_LOOK_MS 5

struct kinds { uint32_t physical, virtual_; };

static void kind_count(void *ctx, const struct pool_member *m)
{
	struct kinds *k = ctx;

	if (m->is_virtual)
		k->virtual_++;
	else
		k->physical++;
}

static const struct pool_slot *pool_named(struct ledger *l, const char *name)
{
	for (size_t i = 0; i < l->pool_count; i++)
		if (l->pools[i] != NULL && strcmp(l->pools[i]->row.name, name) == 0)
			return l->pools[i];
	return NULL;
}

void ledger_pool_count(struct ledger *l, const struct catalog_pool *pool, struct ledger_count *out)
{
	const struct pool_slot *slot;
	struct kinds k = { 0, 0 };
	int64_t wall, boot;

	memset(out, 0, sizeof *out);
	pthread_mutex_lock(&l->lock);
	if ((slot = pool_named(l, pool->name)) != NULL) {
		host_time(l, &wall, &boot);
		pool_age(slot->members, hostclock_age_time(&l->host, wall, boot));
		pool_each(slot->members, kind_count, &k);
		out->current = pool_count(slot->members);
		out->observed = pool_observed(slot->members);
		out->cap = pool_cap(slot->members);
		out->largest_minimum = pool_largest_minimum(slot->members);
		out->physical = k.physical;
		out->virtual_ = k.virtual_;
	}
	pthread_mutex_unlock(&l->lock);
}

/* Whoever asked here, after it was observed elsewhere, and then gave its licence back or was forgotten, is counted no more. */
struct giving_up { const uint32_t *products; size_t product_count; int64_t last; bool yes; };

static int use_given_up(void *ctx, const struct store_use *u)
{
	struct giving_up *g = ctx;

	for (size_t i = 0; i < g->product_count; i++)
		if (g->products[i] == u->product && (u->flags & (STORE_F_RELEASED | STORE_F_FORGOTTEN)) != 0 && u->last >= g->last)
			g->yes = true;
	return 0;
}

/* Takes them out of the list, a piece at a time: other questions need not wait for all of it. */
static int drop_given_up(struct ledger *l, const uint32_t *products, size_t product_count, struct pool_observed *m, size_t *n, struct muster_err *err)
{
	size_t kept = 0, i = 0;
	int r = MUSTER_OK;

	while (i < *n && r == MUSTER_OK) {
		pthread_mutex_lock(&l->reader_lock);
		r = reader_open(l, err);
		for (size_t end = *n - i < OBSERVE_PIECE ? *n : i + OBSERVE_PIECE; i < end && r == MUSTER_OK; i++) {
			struct giving_up g = { products, product_count, m[i].last, false };

			if ((r = l->reader_state->ops->use(l->reader_state, m[i].client, use_given_up, &g, err)) == MUSTER_OK && !g.yes)
				m[kept++] = m[i];
		}
		if (r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN)
			reader_close(l);
		pthread_mutex_unlock(&l->reader_lock);
	}
	*n = kept;
	return r;
}

/* Numbers of the products that count in a pool; mem_free(). NULL when exhausted. */
static uint32_t *products_of(struct ledger *l, const struct catalog_pool *pool, size_t *n)
{
	const struct pool_slot *slot;
	uint32_t *out;

	*n = 0;
	pthread_mutex_lock(&l->lock);
	slot = pool_named(l, pool->name);
	if ((out = mem_array(l->product_count + 1, sizeof *out)) != NULL)
		for (size_t i = 0; i < l->product_count; i++)
			if (slot != NULL && l->products[i] != NULL && l->products[i]->pool == slot)
				out[(*n)++] = l->products[i]->row.product;
	pthread_mutex_unlock(&l->lock);
	return out;
}

int ledger_observe(struct ledger *l, const struct catalog_pool *pool, const struct pool_observed *machines, size_t n, struct muster_err *err)
{
	struct pool_observed *kept = n > 0 ? mem_dup(machines, n * sizeof *machines) : NULL;
	const struct pool_slot *slot;
	size_t product_count;
	uint32_t *products = products_of(l, pool, &product_count);
	int r = products == NULL || (n > 0 && kept == NULL) ? err_nomem(err) : MUSTER_OK;

	if (r == MUSTER_OK && (r = drop_given_up(l, products, product_count, kept, &n, err)) == MUSTER_OK) {
		pthread_mutex_lock(&l->lock);
		if ((slot = pool_named(l, pool->name)) != NULL && pool_observe(slot->members, kept, n) != MUSTER_OK)
			r = err_nomem(err);
		pthread_mutex_unlock(&l->lock);
	}
	mem_free(kept);
	mem_free(products);
	return r;
}

/* A machine leaves once more than the window has passed; days are whole ones from now. */
struct forecast { int64_t now, window, silent; const uint32_t *days; uint32_t *counts; size_t n; uint32_t quiet, busy; };

static void last_forecast(struct forecast *f, int64_t last)
{
	int64_t left = last + f->window - f->now;
	size_t low = 0, high = f->n;

	if (f->now - last <= f->silent) {
		f->busy++;
		return;
	}
	f->quiet++;
	/* Noted at the last day it is still there; summed up when the lock is free again. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((int64_t)f->days[middle] * STORE_DAY_MS <= left)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0)
		f->counts[low - 1]++;
}

static void member_forecast(void *ctx, const struct pool_member *m)
{
	last_forecast(ctx, m->last);
}

static void observed_forecast(void *ctx, const struct pool_observed *m)
{
	last_forecast(ctx, m->last);
}

uint32_t ledger_pool_forecast(struct ledger *l, const struct catalog_pool *pool, uint32_t silent_s, bool observed, const uint32_t *days, uint32_t *counts, size_t n)
{
	struct forecast f = { .silent = (int64_t)silent_s * 1000, .window = (int64_t)pool->window_s * 1000, .days = days, .counts = counts, .n = n };
	const struct pool_slot *slot;
	int64_t wall, boot;

	memset(counts, 0, n * sizeof *counts);
	pthread_mutex_lock(&l->lock);
	if ((slot = pool_named(l, pool->name)) != NULL) {
		host_time(l, &wall, &boot);
		f.now = hostclock_age_time(&l->host, wall, boot);
		pool_age(slot->members, f.now);
		pool_each(slot->members, member_forecast, &f);
		if (observed)
			pool_each_observed(slot->members, observed_forecast, &f);
	}
	pthread_mutex_unlock(&l->lock);
	for (size_t i = n; i > 0; i--)
		counts[i - 1] += i < n ? counts[i] : f.busy;
	return f.quiet;
}

void ledger_product_totals(struct ledger *l, const struct catalog_product *product, struct ledger_totals *out)
{
	memset(out, 0, sizeof *out);
	pthread_mutex_lock(&l->lock);
	for (size_t i = 1; i < l->product_count; i++) {
		const struct product_slot *p = l->products[i];

		if (p == NULL || strcmp(p->row.name, product->row.name) != 0)
			continue;
		out->failed = p->n[COUNT_FAILED] + p->moved[COUNT_FAILED] + refusals_held(l->refusals, p->row.product);
		out->total = out->failed;
		for (size_t s = 0; s < 7; s++) {
			out->status[s] = p->n[s] + p->moved[s];
			out->total += out->status[s];
		}
	}
	pthread_mutex_unlock(&l->lock);
}

void ledger_status(struct ledger *l, struct ledger_status *out)
{
	memset(out, 0, sizeof *out);
	out->queued = queue_length(&l->queue);
	out->disk_low = atomic_load(&l->disk_low);
	pthread_mutex_lock(&l->lock);
	out->last_commit = l->last_commit;
	out->last_seq = l->applied_seq;
	out->fold_seq = l->fold_seq;
	out->fold_at = l->fold_at;
	out->log_bytes = l->log_bytes;
	out->state_bytes = l->state_bytes;
	out->disk_free = l->disk_free;
	out->disk_floor = l->disk_floor;
	out->last_request = l->last_request;
	out->clock_held = hostclock_held(&l->host);
	hostclock_reason(&l->host, out->clock_reason, sizeof out->clock_reason, clock_boot_ms(l->clock));
	pthread_mutex_unlock(&l->lock);
}

uint32_t ledger_clones(struct ledger *l)
{
	int64_t wall, boot;
	uint32_t n;

	pthread_mutex_lock(&l->lock);
	host_time(l, &wall, &boot);
	n = marks_since(l->marks, hostclock_age_time(&l->host, wall, boot) - CLONE_SILENCE_MS);
	pthread_mutex_unlock(&l->lock);
	return n;
}

int64_t ledger_age_time(struct ledger *l, bool *held)
{
	int64_t wall, boot, at;

	pthread_mutex_lock(&l->lock);
	host_time(l, &wall, &boot);
	at = hostclock_age_time(&l->host, wall, boot);
	*held = hostclock_held(&l->host);
	pthread_mutex_unlock(&l->lock);
	return at;
}

/* Asked for, and the ledger thread has not come to it: it hangs in a write. Lock held. */
static bool probe_stuck(const struct ledger *l)
{
	return l->probe_wanted && refill_steady_ms() - l->probe_since >= PROBE_WAIT_MS;
}

static void probe_wait(struct ledger *l, uint64_t probes)
{
	bool done;

	do {
		pthread_mutex_lock(&l->work_lock);
		cond_wait_ms(&l->folded_cond, &l->work_lock, PROBE_LOOK_MS);
		pthread_mutex_unlock(&l->work_lock);
		pthread_mutex_lock(&l->lock);
		done = l->probes != probes || !atomic_load(&l->ready) || probe_stuck(l);
		pthread_mutex_unlock(&l->lock);
	} while (!done);
}

/*
 * When nothing was committed for 10 s, or the last commit failed, one small update finds out whether the disk takes writes.
 * Who asks is a worker that others need: one waits for it, the rest answer from what is known.
 */
static void probe_if_stale(struct ledger *l)
{
	int64_t boot = clock_boot_ms(l->clock);
	uint64_t probes;
	bool wait;

	pthread_mutex_lock(&l->lock);
	if (!l->probe_wanted && (boot - l->commit_boot >= STALE_MS || boot < l->commit_boot || l->commit_result != MUSTER_OK)) {
		l->probe_wanted = true;
		l->probe_since = refill_steady_ms();
	}
	wait = l->probe_wanted && !l->probe_waiter && !probe_stuck(l);
	if (wait)
		l->probe_waiter = true;
	probes = l->probes;
	pthread_mutex_unlock(&l->lock);
	if (!wait)
		return;
	queue_wake(&l->queue);
	probe_wait(l, probes);
	pthread_mutex_lock(&l->lock);
	l->probe_waiter = false;
	pthread_mutex_unlock(&l->lock);
}

int ledger_ready(struct ledger *l, struct muster_err *err)
{
	char reason[256];
	int r = MUSTER_OK;
	bool held, stuck;
	uint32_t moving;

	if (atomic_load(&l->stopping))
		return err_set(err, MUSTER_E_BUSY, "stopping");
	if ((moving = ledger_moving(l, reason, sizeof reason)) != 0)
		return err_code(err, moving == CODE_M_RETIRED ? MUSTER_E_REFUSED : MUSTER_E_BUSY, moving, "%s", reason);
	probe_if_stale(l);
	pthread_mutex_lock(&l->lock);
	held = hostclock_held(&l->host);
	hostclock_reason(&l->host, reason, sizeof reason, clock_boot_ms(l->clock));
	stuck = probe_stuck(l);
	if (!atomic_load(&l->ready))
		r = err_set(err, MUSTER_E_IO, "storage failed, memory is being rebuilt from disk: %.600s", l->commit_error);
	else if (l->commit_result != MUSTER_OK)
		r = err_set(err, l->commit_result, "the last commit failed: %.600s", l->commit_error);
	else if (atomic_load(&l->disk_low))
		r = err_set(err, MUSTER_E_LIMIT, "disk nearly full: %llu bytes free, %llu are the least (min_free)", (unsigned long long)l->disk_free,
		            (unsigned long long)l->disk_floor);
	else if (held)
		r = err_set(err, MUSTER_E_NOT_YET, "%s", reason);
	else if (stuck)
		r = err_set(err, MUSTER_E_BUSY, "the ledger thread has not answered for two seconds: the disk is very slow or stuck");
	pthread_mutex_unlock(&l->lock);
	return r;
}
