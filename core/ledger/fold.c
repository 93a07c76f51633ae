/*
 * Folding: the log's new rows into one row per client and product, in sorted runs (ledger.md section 1).
 *
 * Repeatable: a row of the log counts only if its seq is above the client's last_seq, and counters, pools and the
 * position move with the last transaction of a run. Killed in between, the next run does the same again.
 */
#include "core/ledger/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define READ_CHUNK 4096U
#define STOP_MS 4000                    /* folding while stopping: design.md section 3 allows 10 s for all */
/* Above what malloc() ever takes from the heap: this comes zeroed and untouched from the system and goes back there, so that
 * memory is the same before and after, and a short run costs no more than it fills. */
#define PACK_MAX ((size_t)40 << 20)
#define HEAD offsetof(struct store_event, name)

/* Rows are kept without the unused tail of their names: 180 bytes instead of 440. Never behind the last row: room for a whole one. */
struct run {
	struct ledger *l;
	uint8_t *bytes; size_t used;              /* PACK_MAX of them */
	const struct store_event **events; size_t n;   /* FOLD_RUN of them, into bytes */
	struct store_counter *counters; size_t counter_count;
	struct store_unknown *unknown; size_t unknown_count, unknown_room;
	struct store_member *members; size_t member_count;
	struct store_pool *pools; size_t pool_count;
	struct change { enum mark_change what; uint8_t client[16], hw[32]; uint32_t product; int64_t last; } *changes;
	size_t change_count;
	int64_t from, last_seq, last_at, up_to;
	size_t chunk;
	bool full_up;
	int result;
};

bool fold_concerns(const struct store_event *e)
{
	if (e->product == 0 || (e->flags & STORE_F_SYSTEM) != 0)
		return false;
	return (e->flags & STORE_F_REFUSED) == 0 || (e->flags & STORE_F_CLONE) != 0;
}

static void row_report(struct store_use *row, const struct store_event *e)
{
	if (row->first == 0)
		row->first = e->at;
	if (e->at > row->last)
		row->last = e->at;   /* one that was taken over may be a little ahead */
	row->requests += e->n;
	row->result = e->result;
	row->status = e->status;
	row->minutes = e->minutes;
	row->flags &= ~(uint32_t)(STORE_F_VIRTUAL | STORE_F_MINUTES | STORE_F_RELEASED | STORE_F_FORGOTTEN | STORE_F_RENEWAL | STORE_F_DEBT);
	row->flags |= e->flags & (STORE_F_VIRTUAL | STORE_F_MINUTES | STORE_F_RENEWAL | STORE_F_ADOPTED | STORE_F_LEASE | STORE_F_DEBT);
	row->addr_len = e->addr_len;
	memcpy(row->addr, e->addr, sizeof row->addr);
	memcpy(row->name, e->name, strnlen(e->name, STORE_NAME_MAX - 1) + 1);
}

static void row_hardware(struct store_use *row, const struct store_event *e)
{
	memcpy(row->hw, e->hw, sizeof row->hw);
	row->flags |= STORE_F_HW;
}

/* A client ID belongs to the hardware first granted until 30 days of silence (trust.md section 10), or until it was given up. */
enum mark_change fold_apply(struct store_use *row, const struct store_event *e)
{
	bool is_new = row->last_seq == 0, both, given_up, other;

	if (e->seq <= row->last_seq)
		return MARK_NONE;
	if (is_new && (e->flags & (STORE_F_RELEASE | STORE_F_REFUSED)) != 0)
		return MARK_NONE;
	row->last_seq = e->seq;
	both = (row->flags & e->flags & STORE_F_HW) != 0;
	given_up = (row->flags & (STORE_F_RELEASED | STORE_F_FORGOTTEN)) != 0 || e->at - row->last > CLONE_SILENCE_MS;
	other = both && hw_differs(row->hw, e->hw, sizeof e->hw);
	if (e->flags & STORE_F_RELEASE) {
		if (other)
			return MARK_NONE;   /* a clone that was granted before it was marked gives up its own lease, not the owner's */
		row->flags |= STORE_F_RELEASED;
		return MARK_DROP;
	}
	if ((e->flags & STORE_F_REFUSED) != 0 || (other && !given_up)) {
		if ((row->flags & STORE_F_HW) == 0)
			return MARK_NONE;
		row->flags |= STORE_F_CLONE;   /* nothing of the owner's changes */
		return (e->flags & STORE_F_REFUSED) != 0 ? MARK_PUT : MARK_UNSEEN;
	}
	row_report(row, e);
	if ((e->flags & STORE_F_HW) != 0 && (given_up || (row->flags & STORE_F_HW) == 0))
		row_hardware(row, e);
	if (given_up && !is_new && (row->flags & STORE_F_CLONE) != 0) {
		row->flags &= ~(uint32_t)STORE_F_CLONE;
		return MARK_DROP;
	}
	return (row->flags & STORE_F_CLONE) != 0 ? MARK_PUT : MARK_NONE;
}

static void change_note(struct run *w, enum mark_change what, const struct store_use *row)
{
	struct change *c;

	if (what == MARK_NONE)
		return;
	MUSTER_ASSERT(w->change_count < FOLD_TRANSACTION);
	c = &w->changes[w->change_count++];
	c->what = what;
	c->product = row->product;
	c->last = row->last;
	memcpy(c->client, row->client, 16);
	memcpy(c->hw, row->hw, sizeof c->hw);
}

static void merge(void *ctx, struct store_use *row, bool is_new, const struct store_event *const *events, size_t n)
{
	enum mark_change what = MARK_NONE, one;

	(void)is_new;
	for (size_t i = 0; i < n; i++)
		if ((one = fold_apply(row, events[i])) != MARK_NONE)
			what = one == MARK_PUT && what == MARK_UNSEEN ? MARK_UNSEEN : one;
	change_note(ctx, what, row);
}

static int counter_add(struct run *w, const struct store_event *e)
{
	uint8_t status = (e->flags & STORE_F_REFUSED) != 0 ? STORE_COUNTER_FAILED : e->status;
	size_t i = w->counter_count;
	struct store_counter *more;

	if ((e->flags & (STORE_F_SYSTEM | STORE_F_RELEASE)) != 0)
		return MUSTER_OK;
	while (i > 0 && (w->counters[i - 1].product != e->product || w->counters[i - 1].status != status))
		i--;
	if (i == 0) {
		if ((more = mem_grow(w->counters, w->counter_count + 1, sizeof *more)) == NULL)
			return MUSTER_E_NOMEM;
		w->counters = more;
		i = ++w->counter_count;
		w->counters[i - 1] = (struct store_counter){ .source = 1, .product = e->product, .status = status };
	}
	w->counters[i - 1].n += e->n;
	return MUSTER_OK;
}

static int unknown_add(struct run *w, const struct store_event *e)
{
	struct store_unknown *more;

	if ((e->flags & STORE_F_UNKNOWN) == 0)
		return MUSTER_OK;
	/* One address asks ten times a second at most, so this list is short; the same ID is mostly the last one. */
	if (w->unknown_count == 0 || memcmp(w->unknown[w->unknown_count - 1].activation_id, e->hw, 16) != 0) {
		if (w->unknown_count == w->unknown_room) {
			if ((more = mem_grow(w->unknown, w->unknown_room + 64, sizeof *more)) == NULL)
				return MUSTER_E_NOMEM;
			w->unknown = more;
			w->unknown_room += 64;
		}
		memset(&w->unknown[w->unknown_count], 0, sizeof *w->unknown);
		memcpy(w->unknown[w->unknown_count++].activation_id, e->hw, 16);
	}
	w->unknown[w->unknown_count - 1].last = e->at;
	w->unknown[w->unknown_count - 1].n += e->n;
	return MUSTER_OK;
}

static void pack(struct run *w, const struct store_event *e)
{
	size_t name = strnlen(e->name, STORE_NAME_MAX - 1);

	w->events[w->n++] = (const void *)(w->bytes + w->used);
	memcpy(w->bytes + w->used, e, HEAD + name);
	w->used += (HEAD + name + 1 + 7) & ~(size_t)7;   /* the bytes behind are zero */
}

static int row_read(void *ctx, const struct store_event *e)
{
	struct run *w = ctx;

	/* Only what memory holds: the snapshot of the pools written with the position must not lack it. */
	if (e->seq > w->up_to)
		return 1;
	if ((w->result = counter_add(w, e)) != MUSTER_OK || (w->result = unknown_add(w, e)) != MUSTER_OK)
		return 1;
	if (fold_concerns(e))
		pack(w, e);
	w->last_seq = e->seq;
	w->last_at = e->at;
	w->chunk++;
	if (w->n == FOLD_RUN || w->used > PACK_MAX - 2 * sizeof *e) {
		w->full_up = true;
		return 1;
	}
	return 0;
}

static int log_read(struct run *w, struct muster_err *err)
{
	struct ledger *l = w->l;
	int r;

	if (l->fold_log == NULL && (r = l->store->open_log(l->store, false, &l->fold_log, err)) != MUSTER_OK)
		return r;
	do {
		w->chunk = 0;
		r = l->fold_log->ops->read(l->fold_log, w->last_seq, READ_CHUNK, row_read, w, err);
		if (r != MUSTER_OK) {
			l->fold_log->ops->close(l->fold_log);
			l->fold_log = NULL;
			return r;
		}
		if (w->result != MUSTER_OK)
			return w->result == MUSTER_E_NOMEM ? err_nomem(err) : w->result;
	} while (w->chunk == READ_CHUNK && !w->full_up);
	return MUSTER_OK;
}

static int row_order(const void *a, const void *b)
{
	const struct store_event *x = *(const struct store_event *const *)a, *y = *(const struct store_event *const *)b;
	int c = memcmp(x->client, y->client, 16);

	if (c != 0)
		return c;
	if (x->product != y->product)
		return x->product < y->product ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void member_note(void *ctx, const struct pool_member *m)
{
	struct run *w = ctx;
	struct store_member *x = &w->members[w->member_count++];

	memset(x, 0, sizeof *x);
	x->pool = w->pools[w->pool_count - 1].pool;
	memcpy(x->client, m->client, 16);
	memcpy(x->hw, m->hw, sizeof x->hw);
	x->has_hw = m->has_hw;
	x->is_virtual = m->is_virtual;
	x->last = m->last;
	x->product = m->product;
}

/* Memory may be ahead of the position: replaying rows that it holds already changes nothing. */
static int snapshot(struct run *w, struct muster_err *err)
{
	struct ledger *l = w->l;
	size_t pools = 0, members = 0;
	int r = MUSTER_OK;

	pthread_mutex_lock(&l->lock);
	/* Half-rebuilt memory must not be written as the pools' snapshot. */
	if (!atomic_load(&l->ready)) {
		pthread_mutex_unlock(&l->lock);
		return err_set(err, MUSTER_E_BUSY, "memory is being rebuilt after a storage fault");
	}
	for (size_t i = 0; i < l->pool_count; i++)
		if (l->pools[i] != NULL) {
			pools++;
			members += pool_count(l->pools[i]->members);
		}
	w->pools = mem_array(pools, sizeof *w->pools);
	w->members = mem_array(members, sizeof *w->members);
	if (w->pools == NULL || w->members == NULL)
		r = err_nomem(err);
	for (size_t i = 0; r == MUSTER_OK && i < l->pool_count; i++)
		if (l->pools[i] != NULL) {
			w->pools[w->pool_count] = l->pools[i]->row;
			w->pools[w->pool_count++].largest_minimum = pool_largest_minimum(l->pools[i]->members);
			pool_each(l->pools[i]->members, member_note, w);
		}
	pthread_mutex_unlock(&l->lock);
	return r;
}

static void marks_change(struct run *w)
{
	struct ledger *l = w->l;
	const struct product_slot *product;
	bool left = false;
	int64_t boot = clock_boot_ms(l->clock);

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < w->change_count; i++) {
		const struct change *c = &w->changes[i];

		if (c->what == MARK_DROP)
			marks_drop(l->marks, c->client, c->product);
		else
			left |= marks_put(l->marks, c->client, c->product, c->hw, c->last);
		if (c->what == MARK_UNSEEN && (product = slot_product(l, c->product)) != NULL && product->pool != NULL)
			product->pool->refill = true;
	}
	if (left && (l->told_marks_ms == 0 || boot - l->told_marks_ms >= 3600000)) {
		l->told_marks_ms = boot;
		host_later(l, 4, "clones-crowded", "more than %u client IDs are used by several machines; the marks put first leave", MARKS_MAX);
	}
	pthread_mutex_unlock(&l->lock);
	w->change_count = 0;
}

static int transaction(struct run *w, size_t from, size_t n, const struct store_fold_end *end, struct muster_err *err)
{
	struct ledger *l = w->l;
	int r;

	w->change_count = 0;
	pthread_mutex_lock(&l->state_lock);
	if (l->state == NULL)
		r = state_reopen(l, err);
	else
		r = MUSTER_OK;
	if (r == MUSTER_OK)
		r = state_done(l, l->state->ops->fold(l->state, w->events + from, n, merge, w, end, err));
	pthread_mutex_unlock(&l->state_lock);
	if (r == MUSTER_OK)
		marks_change(w);
	return r;
}

static int run_write(struct run *w, struct muster_err *err)
{
	struct store_fold_end end;
	size_t done = 0;
	int r;

	for (; w->n - done > FOLD_TRANSACTION; done += FOLD_TRANSACTION) {
		int64_t began = refill_steady_ms();

		if ((r = transaction(w, done, FOLD_TRANSACTION, NULL, err)) != MUSTER_OK)
			return r;
		pace_fold(w->l, refill_steady_ms() - began);
	}
	if ((r = snapshot(w, err)) != MUSTER_OK)
		return r;
	memset(&end, 0, sizeof end);
	end.fold_seq = w->last_seq;
	end.fold_at = w->last_at;
	end.counters = w->counters;
	end.counter_count = w->counter_count;
	end.members = w->members;
	end.member_count = w->member_count;
	end.pools = w->pools;
	end.pool_count = w->pool_count;
	end.unknown = w->unknown;
	end.unknown_count = w->unknown_count;
	return transaction(w, done, w->n - done, &end, err);
}

static int run_room(struct run *w, struct muster_err *err)
{
	w->bytes = mem_alloc(PACK_MAX);
	w->events = mem_array(FOLD_RUN, sizeof *w->events);
	w->changes = mem_array(FOLD_TRANSACTION, sizeof *w->changes);
	return w->bytes == NULL || w->events == NULL || w->changes == NULL ? err_nomem(err) : MUSTER_OK;
}

static void run_fini(struct run *w)
{
	mem_free(w->bytes);
	mem_free(w->events);
	mem_free(w->counters);
	mem_free(w->unknown);
	mem_free(w->members);
	mem_free(w->pools);
	mem_free(w->changes);
}

/*
 * The position is the state's. A fold that was reported as failed may have been committed all the same: without asking,
 * its events would be added to the counters again.
 */
static int position_take(struct run *w, struct muster_err *err)
{
	struct ledger *l = w->l;
	struct store_state_info info;
	int r;

	pthread_mutex_lock(&l->state_lock);
	r = l->state == NULL ? state_reopen(l, err) : MUSTER_OK;
	if (r == MUSTER_OK)
		r = state_done(l, l->state->ops->info(l->state, &info, err));
	if (r == MUSTER_OK) {
		pthread_mutex_lock(&l->lock);
		if (info.fold_seq > l->fold_seq) {
			l->fold_seq = info.fold_seq;
			l->fold_at = info.fold_at;
		}
		w->from = w->last_seq = l->fold_seq;
		w->up_to = l->applied_seq;
		pthread_mutex_unlock(&l->lock);
	}
	pthread_mutex_unlock(&l->state_lock);
	return r;
}

/* After an outcome that is not known the state itself says where the position is. @return MUSTER_OK when it moved. */
static int position_ask(struct run *w, struct muster_err *err)
{
	struct ledger *l = w->l;
	struct store_state_info info;
	int r;

	pthread_mutex_lock(&l->state_lock);
	r = l->state == NULL ? state_reopen(l, err) : MUSTER_OK;
	if (r == MUSTER_OK && (r = state_done(l, l->state->ops->info(l->state, &info, err))) == MUSTER_OK && info.fold_seq != w->last_seq)
		r = err_set(err, MUSTER_E_BUSY, "the fold up to event %lld was not committed; it is done again", (long long)w->last_seq);
	pthread_mutex_unlock(&l->state_lock);
	return r;
}

static int run_once(struct run *w, struct muster_err *err)
{
	struct ledger *l = w->l;
	int r;

	if ((r = run_room(w, err)) != MUSTER_OK || (r = log_read(w, err)) != MUSTER_OK)
		return r;
	if (w->last_seq == w->from)
		return err_set(err, MUSTER_E_INTERNAL, "the log lacks the events after %lld, which were committed; stop musterd and restore "
		               "the log from a backup", (long long)w->from);
	if (w->n > 1)
		qsort(w->events, w->n, sizeof *w->events, row_order);
	if ((r = run_write(w, err)) == MUSTER_E_UNKNOWN)
		r = position_ask(w, err);
	if (r != MUSTER_OK)
		return r;
	pthread_mutex_lock(&l->lock);
	if (w->last_seq > l->fold_seq) {
		l->fold_seq = w->last_seq;
		l->fold_at = w->last_at;
	}
	atomic_store(&l->backlog, l->applied_seq - l->fold_seq);
	pthread_mutex_unlock(&l->lock);
	return MUSTER_OK;
}

int fold_run(struct ledger *l, struct muster_err *err)
{
	int64_t began = clock_boot_ms(l->clock), target = INT64_MAX;
	struct run w;
	int r;

	/* What comes in meanwhile waits until it is much: running after it a few rows at a time costs three times as much each. */
	do {
		if (atomic_load(&l->stopping) && clock_boot_ms(l->clock) - began >= STOP_MS)
			return MUSTER_OK;   /* what is not folded is replayed at the next start */
		memset(&w, 0, sizeof w);
		w.l = l;
		if ((r = position_take(&w, err)) != MUSTER_OK || w.from >= target || w.up_to <= w.from)
			return r;
		if (target == INT64_MAX)
			target = w.up_to;
		r = run_once(&w, err);
		run_fini(&w);
	} while (r == MUSTER_OK);
	return r;
}
