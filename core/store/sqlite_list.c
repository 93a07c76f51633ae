/* Reading the state: every list is gathered first and given out with no statement open. */
#include "core/store/sqlite_state.h"

#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/store/rules.h"
#include "core/store/table.h"

#define SLICE 20000  /* rows of uses one reading transaction passes at most: below 100 ms (ledger.md section 2) */

int sqlite_gather(struct db *db, sqlite3_stmt *s, void (*read)(void *row, sqlite3_stmt *s), struct table *t, struct muster_err *err)
{
	char row[sizeof(struct store_journal)] __attribute__((aligned(8)));  /* the largest */
	int r = db_usable(db, err);

	MUSTER_ASSERT(t->size <= sizeof row);
	if (r != MUSTER_OK)
		return r;
	while ((r = db_step(db, s, "read", err)) == 1) {
		memset(row, 0, t->size);
		read(row, s);
		if (table_add(t, row) == NULL) {
			(void)sqlite3_reset(s);
			return err_nomem(err);
		}
	}
	return r;
}

/* The body of a list call over the statement @p which, whose parameters are bound; @p read fills in a row. */
#define GIVE(type, db, which, read, fn, ctx, err) \
	struct table t; \
	int r; \
	table_init(&t, sizeof(type), NULL); \
	r = sqlite_gather(db, (db)->stmt[which], read, &t, err); \
	for (size_t i = 0; r == MUSTER_OK && i < t.n && (fn)(ctx, table_at(&t, i)) == 0; i++) \
		; \
	table_fini(&t); \
	return r

static void read_setting(void *row, sqlite3_stmt *s)
{
	struct store_setting *x = row;

	db_column_text(x->scope, sizeof x->scope, s, 0);
	db_column_text(x->name, sizeof x->name, s, 1);
	db_column_text(x->value, sizeof x->value, s, 2);
	x->at = sqlite3_column_int64(s, 3);
	db_column_text(x->actor, sizeof x->actor, s, 4);
}

int sqlite_settings(struct store_state *base, int (*fn)(void *, const struct store_setting *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;

	GIVE(struct store_setting, db, S_SETTINGS, read_setting, fn, ctx, err);
}

static void read_counter(void *row, sqlite3_stmt *s)
{
	struct store_counter *x = row;

	x->source = db_column_u32(s, 0);
	x->product = db_column_u32(s, 1);
	x->status = (uint8_t)sqlite3_column_int(s, 2);
	x->n = (uint64_t)sqlite3_column_int64(s, 3);
}

int sqlite_counters(struct store_state *base, int (*fn)(void *, const struct store_counter *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;

	GIVE(struct store_counter, db, S_COUNTERS, read_counter, fn, ctx, err);
}

static void read_pool(void *row, sqlite3_stmt *s)
{
	struct store_pool *x = row;

	x->pool = db_column_u32(s, 0);
	db_column_text(x->name, sizeof x->name, s, 1);
	x->window_s = db_column_u32(s, 2);
	x->largest_minimum = db_column_u32(s, 3);
}

int sqlite_pools(struct store_state *base, int (*fn)(void *, const struct store_pool *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;

	GIVE(struct store_pool, db, S_POOLS, read_pool, fn, ctx, err);
}

static void read_member(void *row, sqlite3_stmt *s)
{
	struct store_member *x = row;

	x->pool = db_column_u32(s, 0);
	(void)db_column_blob(x->client, sizeof x->client, s, 1);
	x->last = sqlite3_column_int64(s, 2);
	x->has_hw = db_column_blob(x->hw, sizeof x->hw, s, 3) > 0;
	x->product = db_column_u32(s, 4);
	x->is_virtual = sqlite3_column_int(s, 5) != 0;
}

int sqlite_members(struct store_state *base, uint32_t pool, int (*fn)(void *, const struct store_member *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;

	(void)sqlite3_bind_int64(db->stmt[S_MEMBERS], 1, pool);
	GIVE(struct store_member, db, S_MEMBERS, read_member, fn, ctx, err);
}

static void read_product(void *row, sqlite3_stmt *s)
{
	struct store_product *x = row;

	x->product = db_column_u32(s, 0);
	x->pool = db_column_u32(s, 1);
	db_column_text(x->name, sizeof x->name, s, 2);
}

int sqlite_products(struct store_state *base, int (*fn)(void *, const struct store_product *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;

	GIVE(struct store_product, db, S_PRODUCTS, read_product, fn, ctx, err);
}

static void read_edition(void *row, sqlite3_stmt *s)
{
	struct store_edition *x = row;

	(void)db_column_blob(x->activation_id, sizeof x->activation_id, s, 0);
	x->edition = db_column_u32(s, 1);
	x->product = db_column_u32(s, 2);
	db_column_text(x->name, sizeof x->name, s, 3);
	x->learned = sqlite3_column_type(s, 4) != SQLITE_NULL;
}

int sqlite_editions(struct store_state *base, int (*fn)(void *, const struct store_edition *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;

	GIVE(struct store_edition, db, S_EDITIONS, read_edition, fn, ctx, err);
}

static void read_unknown(void *row, sqlite3_stmt *s)
{
	struct store_unknown *x = row;

	(void)db_column_blob(x->activation_id, sizeof x->activation_id, s, 0);
	x->last = sqlite3_column_int64(s, 1);
	x->n = (uint64_t)sqlite3_column_int64(s, 2);
}

int sqlite_unknown(struct store_state *base, int (*fn)(void *, const struct store_unknown *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;

	GIVE(struct store_unknown, db, S_UNKNOWN, read_unknown, fn, ctx, err);
}

static void read_journal(void *row, sqlite3_stmt *s)
{
	struct store_journal *x = row;

	x->seq = sqlite3_column_int64(s, 0);
	x->at = sqlite3_column_int64(s, 1);
	db_column_text(x->actor, sizeof x->actor, s, 2);
	x->kind = db_column_u32(s, 3);
	db_column_text(x->object, sizeof x->object, s, 4);
	x->code = db_column_u32(s, 5);
	db_column_text(x->detail, sizeof x->detail, s, 6);
	(void)db_column_blob(x->prev, sizeof x->prev, s, 7);
	(void)db_column_blob(x->hash, sizeof x->hash, s, 8);
}

int sqlite_journal(struct store_state *base, int64_t after, size_t limit, int (*fn)(void *, const struct store_journal *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;

	(void)sqlite3_bind_int64(db->stmt[S_JOURNAL], 1, after);
	(void)sqlite3_bind_int64(db->stmt[S_JOURNAL], 2, limit < STORE_PAGE_MAX ? (int64_t)limit : STORE_PAGE_MAX);
	GIVE(struct store_journal, db, S_JOURNAL, read_journal, fn, ctx, err);
}

static void read_use(void *row, sqlite3_stmt *s)
{
	sqlite_read_use(row, s);
}

int sqlite_use(struct store_state *base, const uint8_t client[16], int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;

	db_bind_blob(db->stmt[S_USE], 1, client, 16);
	GIVE(struct store_use, db, S_USE, read_use, fn, ctx, err);
}

int sqlite_clones(struct store_state *base, int64_t since, int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;

	(void)sqlite3_bind_int64(db->stmt[S_CLONES], 1, since);
	GIVE(struct store_use, db, S_CLONES, read_use, fn, ctx, err);
}

/* The newest rows of one product, of those that the index has in this unit. Passed newest first until none older can get in. */
static int recent_unit(struct db *db, uint32_t product, int64_t since, int64_t unit, int64_t below, struct rules_newest *list, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_RECENT];
	struct store_use row;
	int r;

	(void)sqlite3_bind_int64(s, 1, product);
	(void)sqlite3_bind_int64(s, 2, since / unit);
	(void)sqlite3_bind_int64(s, 3, below);
	while ((r = db_step(db, s, "read", err)) == 1) {
		int64_t last = sqlite3_column_int64(s, 3), at = sqlite3_column_int64(s, 4);

		if (!rules_newest_wants(list, (at + 1) * unit - 1)) {
			(void)sqlite3_reset(s);
			return MUSTER_OK;
		}
		if (last < since || !rules_newest_wants(list, last))
			continue;
		memset(&row, 0, sizeof row);
		sqlite_read_use(&row, s);
		if (rules_counts(&row))
			rules_newest_add(list, &row);
	}
	return r;
}

static int recent_product(struct db *db, uint32_t product, int64_t since, struct rules_newest *list, struct muster_err *err)
{
	int r = recent_unit(db, product, since, STORE_HOUR_MS, INT64_MAX, list, err);

	return r != MUSTER_OK ? r : recent_unit(db, product, since, STORE_DAY_MS, LAST_DAYS_BELOW, list, err);
}

static void read_number(void *row, sqlite3_stmt *s)
{
	*(uint32_t *)row = db_column_u32(s, 0);
}

int sqlite_recent(struct store_state *base, uint32_t pool, int64_t since, size_t limit, int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	struct rules_newest list;
	struct table products;
	int r;

	if ((r = rules_newest_init(&list, limit, err)) != MUSTER_OK)
		return r;
	table_init(&products, sizeof(uint32_t), NULL);
	(void)sqlite3_bind_int64(db->stmt[S_POOL_PRODUCTS], 1, pool);
	r = sqlite_gather(db, db->stmt[S_POOL_PRODUCTS], read_number, &products, err);
	for (size_t i = 0; r == MUSTER_OK && i < products.n; i++)
		r = recent_product(db, *(uint32_t *)table_at(&products, i), since, &list, err);
	for (size_t i = 0; r == MUSTER_OK && i < list.n && fn(ctx, &list.rows[i]) == 0; i++)
		;
	table_fini(&products);
	rules_newest_fini(&list);
	return r;
}

/* One slice: from *key on (moved along), rows of @p product into @p t up to @p limit. @return 1 when the end was reached, 0 when not, negative. */
static int page_slice(struct db *db, uint32_t product, struct store_use *key, size_t limit, struct table *t, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_PAGE];
	const struct store_use from = *key;  /* bound, not copied: must stand still while key moves */
	struct store_use row;
	size_t passed = 0;
	int r = 0;

	db_bind_blob(s, 1, from.client, sizeof from.client);
	(void)sqlite3_bind_int64(s, 2, from.product);
	(void)sqlite3_bind_int64(s, 3, SLICE);
	while (t->n < limit && (r = db_step(db, s, "read", err)) == 1) {
		uint32_t of = db_column_u32(s, 1);

		passed++;
		(void)db_column_blob(key->client, sizeof key->client, s, 0);
		key->product = of;
		if (product != 0 && of != product)
			continue;
		memset(&row, 0, sizeof row);
		sqlite_read_use(&row, s);
		if (table_add(t, &row) == NULL) {
			(void)sqlite3_reset(s);
			return err_nomem(err);
		}
	}
	if (t->n >= limit) {
		(void)sqlite3_reset(s);
		return 1;
	}
	return r != 0 ? r : passed < SLICE;
}

int sqlite_page(struct store_state *base, uint32_t product, const uint8_t after_client[16], uint32_t after_product, size_t limit,
                int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	struct store_use key = { .product = after_product };
	struct table t;
	int r;

	if ((r = db_usable(db, err)) != MUSTER_OK || limit == 0)
		return r;
	memcpy(key.client, after_client, sizeof key.client);
	table_init(&t, sizeof(struct store_use), NULL);
	do
		r = page_slice(db, product, &key, limit < STORE_PAGE_MAX ? limit : STORE_PAGE_MAX, &t, err);
	while (r == 0);
	for (size_t i = 0; r == 1 && i < t.n && fn(ctx, table_at(&t, i)) == 0; i++)
		;
	table_fini(&t);
	return r == 1 ? MUSTER_OK : r;
}
