/*
 * Holdings in the SQLite state. Sums are rows that every change keeps within its transaction: the start, and what follows a commit whose outcome is not
 * known, reads a handful instead of every holding. A renewal changes no state and leaves them alone.
 * until is NULL where a holding is never due, which keeps it out of the index that the due ones are found by.
 */
#include "core/store/sqlite_state.h"

#include <string.h>

#include "core/base/err.h"
#include "core/store/rules.h"
#include "core/store/table.h"

static void bind_key(sqlite3_stmt *s, const struct store_holding *h)
{
	(void)sqlite3_bind_int64(s, 1, h->product);
	(void)sqlite3_bind_int64(s, 2, h->class_);
	(void)sqlite3_bind_blob(s, 3, h->holder, h->holder_n, SQLITE_STATIC);
}

/* @return 1 and the row's state, 0 when there is none, negative. */
static int present_state(struct db *db, const struct store_holding *h, uint32_t *state, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_HOLDING_STATE];
	int r;

	bind_key(s, h);
	if ((r = db_step(db, s, "read", err)) == 1) {
		*state = db_column_u32(s, 0);
		(void)sqlite3_reset(s);
	}
	return r;
}

static int add_sum(struct db *db, const struct store_holding *h, uint32_t state, int64_t amount, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_HOLDING_SUM];

	(void)sqlite3_bind_int64(s, 1, h->product);
	(void)sqlite3_bind_int64(s, 2, h->class_);
	(void)sqlite3_bind_int64(s, 3, state);
	(void)sqlite3_bind_int64(s, 4, amount);
	return db_run(db, s, "write to", err);
}

static int write_row(struct db *db, const struct store_holding *h, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_HOLDING_PUT];

	bind_key(s, h);
	(void)sqlite3_bind_int64(s, 4, h->state);
	(void)sqlite3_bind_int64(s, 5, h->flags);
	(void)sqlite3_bind_int64(s, 6, h->since);
	db_bind_present(s, 7, h->until != INT64_MAX, h->until);
	(void)sqlite3_bind_int64(s, 8, h->changed);
	(void)sqlite3_bind_int64(s, 9, h->number);
	db_bind_blob(s, 10, h->client, sizeof h->client);
	db_bind_blob(s, 11, h->hw, h->has_hw ? sizeof h->hw : 0);
	db_bind_text(s, 12, h->name);
	return db_run(db, s, "write to", err);
}

static int delete_row(struct db *db, const struct store_holding *h, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_HOLDING_DELETE];

	bind_key(s, h);
	return db_run(db, s, "write to", err);
}

int sqlite_put_holding(struct db *db, const struct store_change *c, struct muster_err *err)
{
	const struct store_holding *h = c->holding;
	const bool put = c->kind == STORE_HOLDING_PUT;
	uint32_t before = 0;
	bool was;
	int r;

	if ((r = rules_check_holding(h, err)) != MUSTER_OK || (r = present_state(db, h, &before, err)) < 0)
		return r;
	was = r == 1;
	r = put ? write_row(db, h, err) : was ? delete_row(db, h, err) : MUSTER_OK;
	if (put && was && before == h->state)
		return r;
	if (r == MUSTER_OK && was)
		r = add_sum(db, h, before, -1, err);
	return r == MUSTER_OK && put ? add_sum(db, h, h->state, 1, err) : r;
}

static void read_holding(void *row, sqlite3_stmt *s)
{
	struct store_holding *h = row;

	h->product = db_column_u32(s, 0);
	h->class_ = db_column_u32(s, 1);
	h->holder_n = (uint8_t)db_column_blob(h->holder, sizeof h->holder, s, 2);
	h->state = db_column_u32(s, 3);
	h->flags = db_column_u32(s, 4);
	h->since = sqlite3_column_int64(s, 5);
	h->until = sqlite3_column_type(s, 6) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(s, 6);
	h->changed = sqlite3_column_int64(s, 7);
	h->number = db_column_u32(s, 8);
	(void)db_column_blob(h->client, sizeof h->client, s, 9);
	h->has_hw = db_column_blob(h->hw, sizeof h->hw, s, 10) > 0;
	db_column_text(h->name, sizeof h->name, s, 11);
}

int sqlite_holding(struct store_state *base, uint32_t product, uint32_t class_, struct muster_span holder, struct store_holding *out, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	sqlite3_stmt *s = db->stmt[S_HOLDING];
	struct store_holding key;
	int r;

	memset(out, 0, sizeof *out);
	if ((r = db_usable(db, err)) != MUSTER_OK || (r = rules_holding_key(&key, product, class_, holder, err)) != MUSTER_OK)
		return r;
	bind_key(s, &key);
	if ((r = db_step(db, s, "read", err)) != 1)
		return r == 0 ? rules_no_holding(err) : r;
	read_holding(out, s);
	(void)sqlite3_reset(s);
	return MUSTER_OK;
}

/* Rows of a statement whose parameters are bound, gathered and given out. */
static int give(struct db *db, sqlite3_stmt *s, int (*fn)(void *, const struct store_holding *), void *ctx, struct muster_err *err)
{
	struct table t;
	int r;

	table_init(&t, sizeof(struct store_holding), NULL);
	r = sqlite_gather(db, s, read_holding, &t, err);
	for (size_t i = 0; r == MUSTER_OK && i < t.n && fn(ctx, table_at(&t, i)) == 0; i++)
		;
	table_fini(&t);
	return r;
}

static int64_t page(size_t limit)
{
	return limit < STORE_PAGE_MAX ? (int64_t)limit : STORE_PAGE_MAX;
}

int sqlite_holdings(struct store_state *base, uint32_t product, uint32_t after_class, struct muster_span after, size_t limit,
                    int (*fn)(void *, const struct store_holding *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	sqlite3_stmt *s = db->stmt[S_HOLDINGS];

	if (limit == 0)
		return db_usable(db, err);
	(void)sqlite3_bind_int64(s, 1, product);
	(void)sqlite3_bind_int64(s, 2, after_class);
	if (after.n > 0)
		(void)sqlite3_bind_blob(s, 3, after.p, (int)after.n, SQLITE_STATIC);
	else
		(void)sqlite3_bind_zeroblob(s, 3, 0);   /* the first of a class: NULL compares with nothing */
	(void)sqlite3_bind_int64(s, 4, page(limit));
	return give(db, s, fn, ctx, err);
}

int sqlite_holdings_due(struct store_state *base, int64_t until, size_t limit, int (*fn)(void *, const struct store_holding *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	sqlite3_stmt *s = db->stmt[S_HOLDINGS_DUE];

	if (limit == 0)
		return db_usable(db, err);
	(void)sqlite3_bind_int64(s, 1, until);
	(void)sqlite3_bind_int64(s, 2, page(limit));
	return give(db, s, fn, ctx, err);
}

static void read_sum(void *row, sqlite3_stmt *s)
{
	struct store_holding_sum *x = row;

	x->product = db_column_u32(s, 0);
	x->class_ = db_column_u32(s, 1);
	x->state = db_column_u32(s, 2);
	x->n = (uint64_t)sqlite3_column_int64(s, 3);
}

int sqlite_holding_sums(struct store_state *base, int (*fn)(void *, const struct store_holding_sum *), void *ctx, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	struct table t;
	int r;

	table_init(&t, sizeof(struct store_holding_sum), NULL);
	r = sqlite_gather(db, db->stmt[S_HOLDING_SUMS], read_sum, &t, err);
	for (size_t i = 0; r == MUSTER_OK && i < t.n && fn(ctx, table_at(&t, i)) == 0; i++)
		;
	table_fini(&t);
	return r;
}
