/*
 * Moving to another host: rows out of this ledger, rows of others into it, and the end of one that was moved (trust.md section 11).
 *
 * What is summed (requests of a client, counters) is kept per ledger it was counted in, and of each the furthest is taken: whatever comes twice, by another way
 * or back to where it began adds nothing. What is not summed is taken from who saw the machine last.
 */
#include "core/ledger/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/ledger/rows.h"

#define RETIRED "retired"
#define SETTLE_MS 5000
#define ALL_MS (10 * 60 * 1000)
#define REPORTED (STORE_F_VIRTUAL | STORE_F_MINUTES | STORE_F_RENEWAL | STORE_F_ADOPTED | STORE_F_LEASE | STORE_F_DEBT | STORE_F_RELEASED | STORE_F_FORGOTTEN)

/* ---- the rule ---- */

static struct store_part *part_of(struct store_part *parts, size_t n, uint32_t source)
{
	for (size_t i = 0; i < n; i++)
		if (parts[i].source == source)
			return &parts[i];
	return NULL;
}

/* @return whether one of the ledgers has seen more of this client than is known here. */
static bool merge_parts(struct store_use *row, bool is_new, struct store_part *parts, size_t *n, const struct store_taken *from)
{
	bool news = is_new;

	for (size_t i = 0; i < from->part_count; i++) {
		const struct store_part *f = &from->parts[i];
		struct store_part *p = part_of(parts, *n, f->source);

		if (f->source == 1) {
			/* Nobody knows better than this ledger; but one that was put back from an older copy may have lost the row. */
			if (is_new)
				row->requests += f->requests;
		} else if (p == NULL) {
			p = &parts[(*n)++];
			*p = *f;
			memcpy(p->client, row->client, sizeof p->client);
			p->product = row->product;
			row->requests += f->requests;
			news = true;
		} else if (f->seq > p->seq) {
			row->requests += f->requests > p->requests ? f->requests - p->requests : 0;
			p->requests = f->requests > p->requests ? f->requests : p->requests;
			p->seq = f->seq;
			news = true;
		}
	}
	return news;
}

/* A client ID belongs to the hardware first granted until 30 days of silence (trust.md section 10), on whichever host. */
static void merge_hardware(struct store_use *row, const struct store_use *in)
{
	const struct store_use *owner = in->first != 0 && in->first < row->first ? in : row, *other = owner == in ? row : in;
	struct store_use kept;

	if ((row->flags & STORE_F_HW) == 0 || (in->flags & STORE_F_HW) == 0) {
		owner = (row->flags & STORE_F_HW) != 0 ? row : in;
	} else if (hw_differs(row->hw, in->hw, sizeof row->hw)) {
		if (other->last - owner->last > CLONE_SILENCE_MS)
			owner = other;
		else
			row->flags |= STORE_F_CLONE;
	}
	kept = *owner;
	memcpy(row->hw, kept.hw, sizeof row->hw);
	row->flags |= (kept.flags & STORE_F_HW) | (in->flags & STORE_F_CLONE);
}

static void merge_report(struct store_use *row, const struct store_use *in)
{
	row->last = in->last;
	row->result = in->result;
	row->status = in->status;
	row->minutes = in->minutes;
	row->flags = (row->flags & ~(uint32_t)REPORTED) | (in->flags & REPORTED);
	row->addr_len = in->addr_len;
	memcpy(row->addr, in->addr, sizeof row->addr);
	memcpy(row->name, in->name, sizeof row->name);
}

bool moved_merge(void *ctx, struct store_use *row, bool is_new, struct store_part *parts, size_t *n, const struct store_taken *from)
{
	const struct store_use *in = &from->use;

	(void)ctx;
	if (!merge_parts(row, is_new, parts, n, from)) {
		/* Forgotten there meanwhile, and not heard of since. */
		if ((in->flags & ~row->flags & STORE_F_FORGOTTEN) == 0 || in->last != row->last)
			return false;
		row->flags |= STORE_F_FORGOTTEN;
		return true;
	}
	if (is_new) {
		uint64_t requests = row->requests;
		uint32_t product = row->product;

		*row = *in;
		row->product = product;
		row->requests = requests;
		row->last_seq = STORE_SEQ_ELSEWHERE;
		return true;
	}
	merge_hardware(row, in);
	if (in->last >= row->last)
		merge_report(row, in);
	if (in->first != 0 && (row->first == 0 || in->first < row->first))
		row->first = in->first;
	return true;
}

/* ---- out ---- */

bool ledger_hold(struct ledger *l, int64_t ms, bool prolong)
{
	int64_t now = refill_steady_ms();

	if (atomic_load(&l->is_retired) || (prolong && atomic_load(&l->hold_until) <= now))
		return false;
	atomic_store(&l->hold_until, ms == 0 ? 0 : now + ms);
	return true;
}

uint32_t ledger_moving(struct ledger *l, char *text, size_t n)
{
	int64_t until;

	if (atomic_load(&l->is_retired)) {
		if (text != NULL) {
			pthread_mutex_lock(&l->lock);
			snprintf(text, n, "%s", l->retired);
			pthread_mutex_unlock(&l->lock);
		}
		return CODE_M_RETIRED;
	}
	if ((until = atomic_load(&l->hold_until)) == 0 || refill_steady_ms() >= until)
		return 0;
	if (text != NULL)
		snprintf(text, n, "this host is being moved: its state is written out and it grants nothing meanwhile");
	return CODE_M_MOVING;
}

static void retired_say(struct ledger *l, const char *value)
{
	char time[TIME_RFC3339], *file;
	long long at = strtoll(value, &file, 10);

	time_rfc3339(time, at);
	snprintf(l->retired, sizeof l->retired, "this host was retired at %s; its state was moved (export%.60s) and it grants nothing any more", time, file);
	atomic_store(&l->is_retired, true);
}

/* Whether it was written is not known: what is on disk says it, and stands after the next start in any case. state_lock held. */
static int retired_after_all(struct ledger *l, int r)
{
	struct muster_err why = { 0 };

	if ((r != MUSTER_E_IO && r != MUSTER_E_UNKNOWN) || state_reopen(l, &why) != MUSTER_OK)
		return r;
	pthread_mutex_lock(&l->lock);
	if (moved_load(l, &why) == MUSTER_OK && atomic_load(&l->is_retired))
		r = MUSTER_OK;
	pthread_mutex_unlock(&l->lock);
	return r;
}

int ledger_retire(struct ledger *l, const struct store_journal *row, const char *file, struct muster_err *err)
{
	struct store_change c = { .kind = STORE_SETTING_PUT, .journal = *row };
	int r;

	if (ledger_moving(l, NULL, 0) != CODE_M_MOVING)
		return err_set(err, MUSTER_E_NOT_YET, "the export took too long and the host goes on; begin again");
	snprintf(c.setting.scope, sizeof c.setting.scope, "%s", STATE_SCOPE);
	snprintf(c.setting.name, sizeof c.setting.name, RETIRED);
	snprintf(c.setting.value, sizeof c.setting.value, "%lld %.60s", (long long)row->at, file);
	snprintf(c.setting.actor, sizeof c.setting.actor, "%s", row->actor);
	c.setting.at = row->at;
	pthread_mutex_lock(&l->state_lock);
	r = l->state == NULL ? state_reopen(l, err) : MUSTER_OK;
	if (r == MUSTER_OK && (r = retired_after_all(l, state_done(l, l->state->ops->transact(l->state, &c, 1, err)))) == MUSTER_OK) {
		pthread_mutex_lock(&l->lock);
		retired_say(l, c.setting.value);
		host_row(l, CODE_M_RETIRED, "retired: the state was moved to another host");
		pthread_mutex_unlock(&l->lock);
	}
	pthread_mutex_unlock(&l->state_lock);
	if (r == MUSTER_OK) {
		queue_wake(&l->queue);
		host_event(l, 4, "retired", "%s retired this host: nothing is granted any more", row->actor);
	}
	return r;
}

int ledger_export_begin(struct ledger *l, bool all, int64_t *seq, struct muster_err *err)
{
	int r = state_settle(l, all ? ALL_MS : SETTLE_MS, err);

	if (r != MUSTER_OK && all)
		return r;
	/* Who was not refused because of the hold is through. */
	pthread_mutex_lock(&l->state_lock);
	pthread_mutex_unlock(&l->state_lock);
	pthread_mutex_lock(&l->lock);
	*seq = l->fold_seq;
	pthread_mutex_unlock(&l->lock);
	return MUSTER_OK;
}

static int use_keep(void *ctx, const struct store_use *u) { return rows_keep(ctx, u); }
static int part_keep(void *ctx, const struct store_part *p) { return rows_keep(ctx, p); }
static int source_keep(void *ctx, const struct store_source *s) { return rows_keep(ctx, s); }
static int counter_keep(void *ctx, const struct store_counter *c) { return rows_keep(ctx, c); }
static int pool_keep(void *ctx, const struct store_pool *p) { return rows_keep(ctx, p); }
static int product_keep(void *ctx, const struct store_product *p) { return rows_keep(ctx, p); }

/* After a fault a handle is of no use; the next question opens another. */
static int reader_end(struct ledger *l, const struct rows *a, const struct rows *b, int r, struct muster_err *err)
{
	if (r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN)
		reader_close(l);
	pthread_mutex_unlock(&l->reader_lock);
	return r == MUSTER_OK && (a->failed || (b != NULL && b->failed)) ? err_nomem(err) : r;
}

#define LIST(name, type, op, keep) \
	int name(struct ledger *l, int (*fn)(void *ctx, const type *), void *ctx, struct muster_err *err) \
	{ \
		struct rows w = { .size = sizeof(type) }; \
		int r; \
		pthread_mutex_lock(&l->reader_lock); \
		if ((r = reader_open(l, err)) == MUSTER_OK) \
			r = l->reader_state->ops->op(l->reader_state, keep, &w, err); \
		r = reader_end(l, &w, NULL, r, err); \
		for (size_t i = 0; r == MUSTER_OK && i < w.n && fn(ctx, (const type *)w.rows + i) == 0; i++) \
			; \
		mem_free(w.rows); \
		return r; \
	}
LIST(ledger_sources, struct store_source, sources, source_keep)
LIST(ledger_counters, struct store_counter, counters, counter_keep)
LIST(ledger_pools, struct store_pool, pools, pool_keep)
LIST(ledger_products, struct store_product, products, product_keep)

/* Names are only ever added: the pointer stays good. */
static const char *name_of(struct ledger *l, uint32_t number)
{
	const struct product_slot *slot;

	pthread_mutex_lock(&l->lock);
	slot = slot_product(l, number);
	pthread_mutex_unlock(&l->lock);
	return slot == NULL || number == 0 ? "" : slot->row.name;
}

/* What others contributed, behind what this ledger did: the rest of the requests. */
static int hand_over(struct ledger *l, const struct store_use *u, const struct rows *parts, size_t *at, int (*fn)(void *ctx, const struct ledger_moved *), void *ctx)
{
	struct store_part all[STORE_SOURCES_MAX];
	struct ledger_moved m = { .use = *u, .product = name_of(l, u->product), .parts = all };
	uint64_t others = 0;
	size_t n = 1;

	for (; *at < parts->n && n < STORE_SOURCES_MAX; ++*at) {
		const struct store_part *p = (const struct store_part *)parts->rows + *at;

		if (memcmp(p->client, u->client, 16) != 0 || p->product != u->product)
			break;
		all[n++] = *p;
		others += p->requests;
	}
	all[0] = (struct store_part){ .product = u->product, .source = 1, .seq = u->last_seq > 0 ? u->last_seq : 0, .requests = u->requests > others ? u->requests - others : 0 };
	m.part_count = n;
	if (u->last_seq <= 0) {   /* never heard of here */
		m.parts++;
		m.part_count--;
	}
	return fn(ctx, &m);
}

int ledger_export_uses(struct ledger *l, const uint8_t after_client[16], uint32_t after_product, int (*fn)(void *ctx, const struct ledger_moved *), void *ctx, size_t *n,
                       struct muster_err *err)
{
	struct rows uses = { .size = sizeof(struct store_use) }, parts = { .size = sizeof(struct store_part) };
	const struct store_use *rows;
	bool others;
	size_t at = 0;
	int r;

	*n = 0;
	pthread_mutex_lock(&l->lock);
	others = l->source_count > 0;
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_lock(&l->reader_lock);
	if ((r = reader_open(l, err)) == MUSTER_OK)
		r = l->reader_state->ops->page(l->reader_state, 0, after_client, after_product, STORE_PAGE_MAX, use_keep, &uses, err);
	rows = uses.rows;
	if (r == MUSTER_OK && uses.n > 0 && others)
		r = l->reader_state->ops->parts(l->reader_state, after_client, after_product, rows[uses.n - 1].client, rows[uses.n - 1].product, part_keep, &parts, err);
	r = reader_end(l, &uses, &parts, r, err);
	for (size_t i = 0; r == MUSTER_OK && i < uses.n && hand_over(l, &rows[i], &parts, &at, fn, ctx) == 0; i++)
		++*n;
	mem_free(uses.rows);
	mem_free(parts.rows);
	return r;
}

/* ---- in ---- */

struct known_pools { struct store_pool *pools; size_t n; };

/* The window of a pool that is here is this host's configuration. */
static int window_keep(void *ctx, const struct store_pool *row)
{
	struct known_pools *k = ctx;

	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->pools[i].name, row->name) == 0)
			k->pools[i].window_s = row->window_s;
	return 0;
}

int ledger_take_names(struct ledger *l, struct store_pool *pools, size_t pool_count, struct store_product *products, size_t product_count, struct muster_err *err)
{
	struct known_pools known = { pools, pool_count };
	int r;

	pthread_mutex_lock(&l->state_lock);
	r = l->state == NULL ? state_reopen(l, err) : MUSTER_OK;
	if (r == MUSTER_OK)
		r = l->state->ops->pools(l->state, window_keep, &known, err);
	if (r == MUSTER_OK)
		r = l->state->ops->names(l->state, pools, pool_count, products, product_count, NULL, 0, err);
	(void)state_done(l, r);
	if (r == MUSTER_OK) {
		pthread_mutex_lock(&l->lock);
		r = names_load(l, err);
		pthread_mutex_unlock(&l->lock);
	}
	pthread_mutex_unlock(&l->state_lock);
	return r;
}

static int row_order(const void *a, const void *b)
{
	const struct store_taken *x = a, *y = b;
	int c = memcmp(x->use.client, y->use.client, 16);

	return c != 0 ? c : x->use.product < y->use.product ? -1 : x->use.product > y->use.product;
}

int ledger_take(struct ledger *l, struct store_source *sources, size_t source_count, struct store_taken *rows, size_t n, const struct store_take_end *end, struct muster_err *err)
{
	int64_t began = refill_steady_ms();
	int r;

	if (n > 1)
		qsort(rows, n, sizeof *rows, row_order);
	pthread_mutex_lock(&l->state_lock);
	r = l->state == NULL ? state_reopen(l, err) : MUSTER_OK;
	if (r == MUSTER_OK)
		r = state_done(l, l->state->ops->take(l->state, sources, source_count, rows, n, moved_merge, l, end, err));
	pthread_mutex_unlock(&l->state_lock);
	if (r == MUSTER_OK && end == NULL)
		pace_fold(l, refill_steady_ms() - began);   /* machines that ask meanwhile are folded, too */
	return r;
}

static int moved_counter(void *ctx, const struct store_counter *c)
{
	struct product_slot *p = slot_product(ctx, c->product);

	if (p != NULL && c->source != 1)
		p->moved[c->status == STORE_COUNTER_FAILED ? COUNT_FAILED : c->status % COUNT_FAILED] += c->n;
	return 0;
}

int ledger_take_done(struct ledger *l, struct muster_err *err)
{
	int r;

	pthread_mutex_lock(&l->state_lock);
	pthread_mutex_lock(&l->lock);
	r = l->state == NULL ? state_reopen(l, err) : MUSTER_OK;
	for (size_t i = 0; i < l->product_count; i++)
		if (l->products[i] != NULL)
			memset(l->products[i]->moved, 0, sizeof l->products[i]->moved);
	if (r == MUSTER_OK && (r = l->state->ops->counters(l->state, moved_counter, l, err)) == MUSTER_OK && (r = moved_load(l, err)) == MUSTER_OK)
		r = marks_load(l, err);
	(void)state_done(l, r);
	for (size_t i = 0; i < l->pool_count; i++)
		if (l->pools[i] != NULL && pool_cap(l->pools[i]->members) > 0) {
			l->pools[i]->refill = true;
			l->pools[i]->refill_after = 0;
		}
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_unlock(&l->state_lock);
	return r != MUSTER_OK ? r : state_settle(l, SETTLE_MS, err);
}

/* ---- at the start ---- */

static int source_load(void *ctx, const struct store_source *s)
{
	return s->kind == 1 ? rows_keep(ctx, s) : 0;
}

static int retired_load(void *ctx, const struct store_setting *s)
{
	if (strcmp(s->scope, STATE_SCOPE) == 0 && strcmp(s->name, RETIRED) == 0)
		retired_say(ctx, s->value);
	return 0;
}

int moved_load(struct ledger *l, struct muster_err *err)
{
	struct rows w = { .size = sizeof(struct store_source) };
	int r;

	if ((r = l->state->ops->sources(l->state, source_load, &w, err)) == MUSTER_OK && w.failed)
		r = err_nomem(err);
	if (r == MUSTER_OK)
		r = l->state->ops->settings(l->state, retired_load, l, err);
	if (r != MUSTER_OK) {
		mem_free(w.rows);
		return r;
	}
	mem_free(l->sources);
	l->sources = w.rows;
	l->source_count = w.n;
	return MUSTER_OK;
}

int moved_knows(const struct ledger *l, const uint8_t ledger_id[16], int64_t seq)
{
	for (size_t i = 0; i < l->source_count; i++)
		if (memcmp(l->sources[i].ledger_id, ledger_id, 16) == 0)
			return seq <= l->sources[i].taken_seq ? 1 : 2;
	return 0;
}
