#include "core/store/memory.h"

#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/bytes.h"
#include "core/base/uuid.h"
#include "core/store/memory_fold.h"
#include "core/store/rules.h"

struct memory_state {
	struct store_state state;  /* first */
	struct memory *m;
	bool write, broken;
	uint32_t epoch;            /* 0: not claimed */
};

static struct memory_state *handle(struct store_state *base)
{
	return (struct memory_state *)base;
}

/* Lock held. */
static int check_writer(const struct memory_state *s, struct muster_err *err)
{
	if (s->broken)
		return rules_broken(err, "the state");
	MUSTER_ASSERT(s->write && s->epoch > 0);
	if (s->epoch != s->m->state_epoch)
		return rules_superseded(err, "the state", s->epoch, s->m->state_epoch);
	return MUSTER_OK;
}

static void fill_info(const struct memory *m, struct store_state_info *info)
{
	memset(info, 0, sizeof *info);
	memcpy(info->ledger_id, m->state_id, sizeof info->ledger_id);
	info->epoch = m->state_epoch;
	info->fold_seq = m->fold_seq;
	info->fold_at = m->fold_at;
	info->schema = 1;
	for (size_t i = 0; i < MEMORY_TABLES; i++)
		info->bytes += (uint64_t)m->tables[i].n * m->tables[i].size;
}

static int state_claim(struct store_state *base, struct store_state_info *info, struct muster_err *err)
{
	struct memory_state *s = handle(base);
	struct memory *m = s->m;
	int r = MUSTER_OK;

	MUSTER_ASSERT(s->write);
	(void)pthread_mutex_lock(&m->lock);
	if (s->broken) {
		r = rules_broken(err, "the state");
	} else {
		if (bytes_zero(m->state_id, sizeof m->state_id))
			uuid_random(m->state_id);
		s->epoch = ++m->state_epoch;
		fill_info(m, info);
	}
	(void)pthread_mutex_unlock(&m->lock);
	return r;
}

static int state_info(struct store_state *base, struct store_state_info *info, struct muster_err *err)
{
	struct memory_state *s = handle(base);

	if (s->broken)
		return rules_broken(err, "the state");
	(void)pthread_mutex_lock(&s->m->lock);
	fill_info(s->m, info);
	(void)pthread_mutex_unlock(&s->m->lock);
	return MUSTER_OK;
}

/* Let the staged tables meet their fault and take effect, or not. Lock held. */
static int commit(struct memory_state *s, struct memory_staged *t, struct muster_err *err)
{
	enum store_memory_fault fault = memory_fault(s->m, true);
	int r = memory_outcome(fault, &s->broken, err);

	if (r == MUSTER_OK || fault == STORE_MEMORY_LOSE_ANSWER)
		memory_staged_apply(t);
	return r;
}

static int state_names(struct store_state *base, struct store_pool *pools, size_t pool_count, struct store_product *products, size_t product_count,
                       struct store_edition *editions, size_t edition_count, struct muster_err *err)
{
	struct memory_state *s = handle(base);
	struct memory_names names = { pools, pool_count, products, product_count, editions, edition_count };
	struct memory_staged staged;
	int r;

	memory_hook(s->m, true);
	(void)pthread_mutex_lock(&s->m->lock);
	memory_staged_init(&staged, s->m);
	if ((r = check_writer(s, err)) == MUSTER_OK
	    && (r = rules_check_names(products, product_count, pool_count, editions, edition_count, err)) == MUSTER_OK
	    && (r = memory_stage_names(&staged, &names, err)) == MUSTER_OK) {
		if (staged.changed)
			r = commit(s, &staged, err);
		if (r == MUSTER_OK)
			memory_names_fill(s->m, &names);
	}
	memory_staged_fini(&staged);
	(void)pthread_mutex_unlock(&s->m->lock);
	return r;
}

static int state_fold(struct store_state *base, const struct store_event *const *events, size_t n,
                      void (*merge)(void *, struct store_use *, bool, const struct store_event *const *, size_t), void *ctx,
                      const struct store_fold_end *end, struct muster_err *err)
{
	struct memory_state *s = handle(base);
	struct memory_staged staged;
	int r;

	memory_hook(s->m, true);
	(void)pthread_mutex_lock(&s->m->lock);
	memory_staged_init(&staged, s->m);
	if ((r = check_writer(s, err)) == MUSTER_OK && (r = rules_check_sorted(events, n, err)) == MUSTER_OK
	    && (r = rules_check_end(end, s->m->fold_seq, err)) == MUSTER_OK
	    && (r = memory_stage_events(&staged, events, n, merge, ctx, err)) == MUSTER_OK
	    && (end == NULL || (r = memory_stage_end(&staged, end, err)) == MUSTER_OK))
		r = commit(s, &staged, err);
	memory_staged_fini(&staged);
	(void)pthread_mutex_unlock(&s->m->lock);
	return r;
}

static int state_transact(struct store_state *base, const struct store_change *changes, size_t n, struct muster_err *err)
{
	struct memory_state *s = handle(base);
	struct memory_staged staged;
	int r;

	memory_hook(s->m, true);
	(void)pthread_mutex_lock(&s->m->lock);
	memory_staged_init(&staged, s->m);
	r = check_writer(s, err);
	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		r = memory_stage_change(&staged, &changes[i], err);
	if (r == MUSTER_OK)
		r = commit(s, &staged, err);
	memory_staged_fini(&staged);
	(void)pthread_mutex_unlock(&s->m->lock);
	return r;
}

static int state_take(struct store_state *base, struct store_source *sources, size_t source_count, const struct store_taken *rows, size_t n,
                      bool (*merge)(void *, struct store_use *, bool, struct store_part *, size_t *, const struct store_taken *), void *ctx,
                      const struct store_take_end *end, struct muster_err *err)
{
	struct memory_state *s = handle(base);
	struct memory_staged staged;
	int r;

	memory_hook(s->m, true);
	(void)pthread_mutex_lock(&s->m->lock);
	memory_staged_init(&staged, s->m);
	if ((r = check_writer(s, err)) == MUSTER_OK && (r = memory_stage_taken(&staged, sources, source_count, rows, n, merge, ctx, end, err)) == MUSTER_OK)
		r = commit(s, &staged, err);
	memory_staged_fini(&staged);
	(void)pthread_mutex_unlock(&s->m->lock);
	return r;
}

/* A copy of a table, to be given out without the lock. */
static int snapshot(struct memory_state *s, enum memory_table which, struct table *out, struct muster_err *err)
{
	bool ok;

	if (s->broken)
		return rules_broken(err, "the state");
	(void)pthread_mutex_lock(&s->m->lock);
	ok = table_copy(out, &s->m->tables[which]);
	(void)pthread_mutex_unlock(&s->m->lock);
	return ok ? MUSTER_OK : err_nomem(err);
}

/* A list call that gives out a whole table. */
#define LIST(name, which, type) \
	static int state_##name(struct store_state *base, int (*fn)(void *, const type *), void *ctx, struct muster_err *err) \
	{ \
		struct table t; \
		int r = snapshot(handle(base), which, &t, err); \
		if (r != MUSTER_OK) \
			return r; \
		for (size_t i = 0; i < t.n && fn(ctx, table_at(&t, i)) == 0; i++) \
			; \
		table_fini(&t); \
		return MUSTER_OK; \
	}
LIST(settings, MEMORY_SETTINGS, struct store_setting)
LIST(counters, MEMORY_COUNTERS, struct store_counter)
LIST(pools, MEMORY_POOLS, struct store_pool)
LIST(products, MEMORY_PRODUCTS, struct store_product)
LIST(editions, MEMORY_EDITIONS, struct store_edition)
LIST(unknown, MEMORY_UNKNOWN, struct store_unknown)

/* This ledger's own has no row in the table. */
static int state_sources(struct store_state *base, int (*fn)(void *, const struct store_source *), void *ctx, struct muster_err *err)
{
	struct memory_state *s = handle(base);
	struct store_source own = { .source = 1 };
	struct table t;
	int r = snapshot(s, MEMORY_SOURCES, &t, err);

	if (r != MUSTER_OK)
		return r;
	memcpy(own.ledger_id, s->m->state_id, sizeof own.ledger_id);
	if (fn(ctx, &own) == 0)
		for (size_t i = 0; i < t.n && fn(ctx, table_at(&t, i)) == 0; i++)
			;
	table_fini(&t);
	return MUSTER_OK;
}

static int state_parts(struct store_state *base, const uint8_t after_client[16], uint32_t after_product, const uint8_t to_client[16], uint32_t to_product,
                       int (*fn)(void *, const struct store_part *), void *ctx, struct muster_err *err)
{
	struct table t;
	int r = snapshot(handle(base), MEMORY_PARTS, &t, err);

	for (size_t i = 0; r == MUSTER_OK && i < t.n; i++) {
		const struct store_part *p = table_at(&t, i);

		if (rules_compare_key(p->client, p->product, after_client, after_product) <= 0)
			continue;
		if (rules_compare_key(p->client, p->product, to_client, to_product) > 0 || fn(ctx, p) != 0)
			break;
	}
	if (r == MUSTER_OK)
		table_fini(&t);
	return r;
}

static int state_members(struct store_state *base, uint32_t pool, int (*fn)(void *, const struct store_member *), void *ctx, struct muster_err *err)
{
	struct table t;
	int r = snapshot(handle(base), MEMORY_MEMBERS, &t, err);

	if (r != MUSTER_OK)
		return r;
	for (size_t i = 0; i < t.n; i++) {
		const struct store_member *m = table_at(&t, i);

		if (m->pool == pool && fn(ctx, m) != 0)
			break;
	}
	table_fini(&t);
	return MUSTER_OK;
}

static bool in_pool(const struct memory *m, uint32_t product, uint32_t pool)
{
	struct store_product key = { .product = product };
	const struct store_product *p = table_find(&m->tables[MEMORY_PRODUCTS], &key, NULL);

	return p != NULL && p->pool == pool;
}

static int state_recent(struct store_state *base, uint32_t pool, int64_t since, size_t limit,
                        int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err)
{
	struct memory_state *s = handle(base);
	const struct table *uses = &s->m->tables[MEMORY_USES];
	struct rules_newest list;
	int r;

	if (s->broken)
		return rules_broken(err, "the state");
	if ((r = rules_newest_init(&list, limit, err)) != MUSTER_OK)
		return r;
	(void)pthread_mutex_lock(&s->m->lock);
	for (size_t i = 0; i < uses->n; i++) {
		const struct store_use *u = table_at(uses, i);

		if (u->last >= since && rules_counts(u) && in_pool(s->m, u->product, pool))
			rules_newest_add(&list, u);
	}
	(void)pthread_mutex_unlock(&s->m->lock);
	for (size_t i = 0; i < list.n && fn(ctx, &list.rows[i]) == 0; i++)
		;
	rules_newest_fini(&list);
	return MUSTER_OK;
}

static int state_page(struct store_state *base, uint32_t product, const uint8_t after_client[16], uint32_t after_product, size_t limit,
                      int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err)
{
	struct table t;
	size_t at, given = 0;
	struct store_use key = { .product = after_product };
	int r = snapshot(handle(base), MEMORY_USES, &t, err);

	if (r != MUSTER_OK)
		return r;
	memcpy(key.client, after_client, sizeof key.client);
	if (table_find(&t, &key, &at) != NULL)
		at++;
	for (; at < t.n && given < limit && given < STORE_PAGE_MAX; at++) {
		const struct store_use *u = table_at(&t, at);

		if (product != 0 && u->product != product)
			continue;
		given++;
		if (fn(ctx, u) != 0)
			break;
	}
	table_fini(&t);
	return MUSTER_OK;
}

static int state_use(struct store_state *base, const uint8_t client[16], int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err)
{
	struct table t;
	size_t at;
	struct store_use key = { .product = 0 };
	int r = snapshot(handle(base), MEMORY_USES, &t, err);

	if (r != MUSTER_OK)
		return r;
	memcpy(key.client, client, sizeof key.client);
	(void)table_find(&t, &key, &at);
	for (; at < t.n; at++) {
		const struct store_use *u = table_at(&t, at);

		if (memcmp(u->client, client, sizeof u->client) != 0 || fn(ctx, u) != 0)
			break;
	}
	table_fini(&t);
	return MUSTER_OK;
}

static int state_clones(struct store_state *base, int64_t since, int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err)
{
	struct table t;
	int r = snapshot(handle(base), MEMORY_USES, &t, err);

	if (r != MUSTER_OK)
		return r;
	for (size_t i = 0; i < t.n; i++) {
		const struct store_use *u = table_at(&t, i);

		if ((u->flags & STORE_F_CLONE) != 0 && u->last >= since && fn(ctx, u) != 0)
			break;
	}
	table_fini(&t);
	return MUSTER_OK;
}

static int state_journal(struct store_state *base, int64_t after, size_t limit,
                         int (*fn)(void *, const struct store_journal *), void *ctx, struct muster_err *err)
{
	struct table t;
	int r = snapshot(handle(base), MEMORY_JOURNAL, &t, err);

	if (r != MUSTER_OK)
		return r;
	if (limit > STORE_PAGE_MAX)
		limit = STORE_PAGE_MAX;
	/* Gapless from 1: row i has seq i + 1. */
	for (size_t i = after > 0 ? (size_t)after : 0; i < t.n && limit > 0; i++, limit--)
		if (fn(ctx, table_at(&t, i)) != 0)
			break;
	table_fini(&t);
	return MUSTER_OK;
}

static int state_record(struct store_state *base, const char *kind, struct muster_span id, struct buf *data, struct muster_err *err)
{
	struct table t;
	int r = snapshot(handle(base), MEMORY_RECORDS, &t, err);

	if (r == MUSTER_OK) {
		r = memory_record(&t, kind, id, data, err);
		table_fini(&t);
	}
	return r;
}

static int state_records(struct store_state *base, const char *kind, struct muster_span after, size_t limit, int (*fn)(void *, const struct store_record *), void *ctx,
                         struct muster_err *err)
{
	struct table t;
	int r = snapshot(handle(base), MEMORY_RECORDS, &t, err);

	if (r == MUSTER_OK) {
		memory_records(&t, kind, after, limit, fn, ctx);
		table_fini(&t);
	}
	return r;
}

static int state_kind_after(struct store_state *base, const char *after, char out[32], struct muster_err *err)
{
	struct memory_state *s = handle(base);
	int r;

	if (s->broken)
		return rules_broken(err, "the state");
	(void)pthread_mutex_lock(&s->m->lock);
	r = memory_kind_after(&s->m->tables[MEMORY_RECORDS], after, out, err);
	(void)pthread_mutex_unlock(&s->m->lock);
	return r;
}

static int state_holding(struct store_state *base, uint32_t product, uint32_t class_, struct muster_span holder, struct store_holding *out, struct muster_err *err)
{
	struct memory_state *s = handle(base);
	int r;

	memset(out, 0, sizeof *out);
	if (s->broken)
		return rules_broken(err, "the state");
	(void)pthread_mutex_lock(&s->m->lock);
	r = memory_holding(&s->m->tables[MEMORY_HOLDINGS], product, class_, holder, out, err);
	(void)pthread_mutex_unlock(&s->m->lock);
	return r;
}

/* Give out and free what was copied. */
static int give_holdings(struct table *t, int r, int (*fn)(void *, const struct store_holding *), void *ctx)
{
	for (size_t i = 0; r == MUSTER_OK && i < t->n && fn(ctx, table_at(t, i)) == 0; i++)
		;
	table_fini(t);
	return r;
}

static int state_holdings(struct store_state *base, uint32_t product, uint32_t after_class, struct muster_span after, size_t limit,
                          int (*fn)(void *, const struct store_holding *), void *ctx, struct muster_err *err)
{
	struct memory_state *s = handle(base);
	struct table t;
	int r;

	if (s->broken)
		return rules_broken(err, "the state");
	(void)pthread_mutex_lock(&s->m->lock);
	r = memory_holdings(&s->m->tables[MEMORY_HOLDINGS], product, after_class, after, limit, &t, err);
	(void)pthread_mutex_unlock(&s->m->lock);
	return give_holdings(&t, r, fn, ctx);
}

static int state_holdings_due(struct store_state *base, int64_t until, size_t limit, int (*fn)(void *, const struct store_holding *), void *ctx, struct muster_err *err)
{
	struct memory_state *s = handle(base);
	struct table t;
	int r;

	if (s->broken)
		return rules_broken(err, "the state");
	(void)pthread_mutex_lock(&s->m->lock);
	r = memory_holdings_due(&s->m->tables[MEMORY_HOLDINGS], until, limit, &t, err);
	(void)pthread_mutex_unlock(&s->m->lock);
	return give_holdings(&t, r, fn, ctx);
}

static int state_holding_sums(struct store_state *base, int (*fn)(void *, const struct store_holding_sum *), void *ctx, struct muster_err *err)
{
	struct memory_state *s = handle(base);
	struct table t;
	int r;

	if (s->broken)
		return rules_broken(err, "the state");
	(void)pthread_mutex_lock(&s->m->lock);
	r = memory_holding_sums(&s->m->tables[MEMORY_HOLDINGS], &t, err);
	(void)pthread_mutex_unlock(&s->m->lock);
	for (size_t i = 0; r == MUSTER_OK && i < t.n && fn(ctx, table_at(&t, i)) == 0; i++)
		;
	table_fini(&t);
	return r;
}

static void state_close(struct store_state *base)
{
	struct memory_state *s = handle(base);

	if (s == NULL)
		return;
	(void)pthread_mutex_lock(&s->m->lock);
	s->m->handles--;
	(void)pthread_mutex_unlock(&s->m->lock);
	mem_free(s);
}

static const struct store_state_ops state_ops = {
	.claim = state_claim, .info = state_info, .names = state_names, .fold = state_fold, .transact = state_transact,
	.take = state_take, .sources = state_sources, .parts = state_parts,
	.settings = state_settings, .counters = state_counters, .pools = state_pools, .members = state_members,
	.products = state_products, .editions = state_editions, .unknown = state_unknown, .recent = state_recent,
	.page = state_page, .use = state_use, .clones = state_clones, .journal = state_journal,
	.record = state_record, .records = state_records, .kind_after = state_kind_after, .holding = state_holding, .holdings = state_holdings,
	.holdings_due = state_holdings_due, .holding_sums = state_holding_sums, .close = state_close
};

int memory_open_state(struct store *store, bool write, struct store_state **out, struct muster_err *err)
{
	struct memory *m = (struct memory *)store;
	struct memory_state *s;
	bool made;

	*out = NULL;
	if ((s = mem_alloc(sizeof *s)) == NULL)
		return err_nomem(err);
	s->state.ops = &state_ops;
	s->m = m;
	s->write = write;
	(void)pthread_mutex_lock(&m->lock);
	made = m->state_made = m->state_made || write;
	if (made)
		m->handles++;
	(void)pthread_mutex_unlock(&m->lock);
	if (!made) {
		mem_free(s);
		return err_set(err, MUSTER_E_NOT_FOUND, "there is no state in memory yet");
	}
	*out = &s->state;
	return MUSTER_OK;
}
