/* Names to numbers, and the state's own truth with its journal. */
#include "core/store/sqlite_state.h"

#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/store/rules.h"

static int put_pool(struct db *db, struct store_pool *p, bool *changed, struct muster_err *err)
{
	sqlite3_stmt *find = db->stmt[S_POOL_FIND], *write;
	uint32_t window = 0, largest = 0;
	int r;

	db_bind_text(find, 1, p->name);
	if ((r = db_step(db, find, "read", err)) < 0)
		return r;
	p->pool = 0;
	if (r == 1) {
		p->pool = db_column_u32(find, 0);
		window = db_column_u32(find, 1);
		largest = db_column_u32(find, 2);
		(void)sqlite3_reset(find);
		if (window == p->window_s && largest >= p->largest_minimum) {
			p->largest_minimum = largest;
			return MUSTER_OK;
		}
	}
	*changed = true;
	if (p->largest_minimum < largest)
		p->largest_minimum = largest;
	write = db->stmt[p->pool != 0 ? S_POOL_SET : S_POOL_ADD];
	if (p->pool != 0)
		(void)sqlite3_bind_int64(write, 1, p->pool);
	else
		db_bind_text(write, 1, p->name);
	(void)sqlite3_bind_int64(write, 2, p->window_s);
	(void)sqlite3_bind_int64(write, 3, p->largest_minimum);
	if ((r = db_run(db, write, "write to", err)) == MUSTER_OK && p->pool == 0)
		p->pool = (uint32_t)sqlite3_last_insert_rowid(db->h);
	return r;
}

/* p->pool is the state's number. */
static int put_product(struct db *db, struct store_product *p, bool *changed, struct muster_err *err)
{
	sqlite3_stmt *find = db->stmt[S_PRODUCT_FIND], *write;
	int r;

	db_bind_text(find, 1, p->name);
	if ((r = db_step(db, find, "read", err)) < 0)
		return r;
	p->product = 0;
	if (r == 1) {
		uint32_t pool = db_column_u32(find, 1);

		p->product = db_column_u32(find, 0);
		(void)sqlite3_reset(find);
		if (pool == p->pool)
			return MUSTER_OK;
	}
	*changed = true;
	write = db->stmt[p->product != 0 ? S_PRODUCT_SET : S_PRODUCT_ADD];
	if (p->product != 0)
		(void)sqlite3_bind_int64(write, 1, p->product);
	else
		db_bind_text(write, 1, p->name);
	db_bind_present(write, 2, p->pool != 0, p->pool);
	if ((r = db_run(db, write, "write to", err)) == MUSTER_OK && p->product == 0)
		p->product = (uint32_t)sqlite3_last_insert_rowid(db->h);
	return r;
}

static int drop_unknown(struct db *db, const uint8_t activation_id[16], struct muster_err *err)
{
	db_bind_blob(db->stmt[S_UNKNOWN_DROP], 1, activation_id, 16);
	return db_run(db, db->stmt[S_UNKNOWN_DROP], "write to", err);
}

/* Put an edition with the state's product number; e->edition and e->learned become the stored ones. */
static int put_edition(struct db *db, struct store_edition *e, bool *changed, struct muster_err *err)
{
	sqlite3_stmt *find = db->stmt[S_EDITION_FIND], *put = db->stmt[S_EDITION_PUT];
	char name[sizeof e->name];
	bool is_new, same = false;
	int r;

	db_bind_blob(find, 1, e->activation_id, sizeof e->activation_id);
	if ((r = db_step(db, find, "read", err)) < 0)
		return r;
	is_new = r == 0;
	if (!is_new) {
		bool learned = sqlite3_column_type(find, 3) != SQLITE_NULL;

		e->edition = db_column_u32(find, 0);
		db_column_text(name, sizeof name, find, 2);
		same = db_column_u32(find, 1) == e->product && strcmp(name, e->name) == 0 && (learned || !e->learned);
		e->learned = e->learned || learned;
		(void)sqlite3_reset(find);
	} else if ((r = db_step(db, db->stmt[S_EDITION_NEXT], "read", err)) == 1) {
		e->edition = db_column_u32(db->stmt[S_EDITION_NEXT], 0);
		(void)sqlite3_reset(db->stmt[S_EDITION_NEXT]);
	} else {
		return r;
	}
	if (same)
		return MUSTER_OK;
	*changed = true;
	db_bind_blob(put, 1, e->activation_id, sizeof e->activation_id);
	(void)sqlite3_bind_int64(put, 2, e->edition);
	(void)sqlite3_bind_int64(put, 3, e->product);
	db_bind_text(put, 4, e->name);
	db_bind_present(put, 5, e->learned, e->product);
	if ((r = db_run(db, put, "write to", err)) != MUSTER_OK)
		return r;
	return is_new ? drop_unknown(db, e->activation_id, err) : MUSTER_OK;
}

/* All three arrays, on copies: the caller's are filled after the commit. */
struct names {
	struct store_pool *pools; size_t pool_count;
	struct store_product *products; size_t product_count;
	struct store_edition *editions; size_t edition_count;
};

static int put_names(struct db *db, struct names *n, bool *changed, struct muster_err *err)
{
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < n->pool_count; i++)
		r = put_pool(db, &n->pools[i], changed, err);
	for (size_t i = 0; r == MUSTER_OK && i < n->product_count; i++) {
		struct store_product *p = &n->products[i];

		p->pool = p->pool == 0 ? 0 : n->pools[p->pool - 1].pool;
		r = put_product(db, p, changed, err);
	}
	for (size_t i = 0; r == MUSTER_OK && i < n->edition_count; i++) {
		struct store_edition *e = &n->editions[i];

		e->product = e->product == 0 ? 0 : n->products[e->product - 1].product;
		r = put_edition(db, e, changed, err);
	}
	return r;
}

/* memcpy() must not be given NULL, which an empty array may be. */
static void give(void *to, const void *from, size_t bytes)
{
	if (bytes > 0)
		memcpy(to, from, bytes);
}

int sqlite_names(struct store_state *base, struct store_pool *pools, size_t pool_count, struct store_product *products, size_t product_count,
                 struct store_edition *editions, size_t edition_count, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	struct names n = { mem_dup(pools, pool_count * sizeof *pools), pool_count, mem_dup(products, product_count * sizeof *products), product_count,
	                   mem_dup(editions, edition_count * sizeof *editions), edition_count };
	bool changed = false;
	int r;

	if (n.pools == NULL || n.products == NULL || n.editions == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = rules_check_names(products, product_count, pool_count, editions, edition_count, err)) != MUSTER_OK || (r = db_begin(db, err)) != MUSTER_OK)
		goto done;
	r = put_names(db, &n, &changed, err);
	if (r == MUSTER_OK && !changed)
		db_abandon(db);
	else
		r = db_end(db, r, err);
	if (r != MUSTER_OK)
		goto done;
	give(pools, n.pools, pool_count * sizeof *pools);
	give(products, n.products, product_count * sizeof *products);
	give(editions, n.editions, edition_count * sizeof *editions);
done:
	mem_free(n.pools);
	mem_free(n.products);
	mem_free(n.editions);
	return r;
}

static int put_setting(struct db *db, const struct store_change *c, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[c->kind == STORE_SETTING_PUT ? S_SETTING_PUT : S_SETTING_DELETE];

	/* Empty texts are kept as such: scope and name are a key, and NULL equals nothing. */
	(void)sqlite3_bind_text(s, 1, c->setting.scope, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(s, 2, c->setting.name, -1, SQLITE_STATIC);
	if (c->kind == STORE_SETTING_PUT) {
		(void)sqlite3_bind_text(s, 3, c->setting.value, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(s, 4, c->setting.at);
		(void)sqlite3_bind_text(s, 5, c->setting.actor, -1, SQLITE_STATIC);
	}
	return db_run(db, s, "write to", err);
}

static int forget_use(struct db *db, const struct store_change *c, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_USE_FORGET];
	int r;

	db_bind_blob(s, 1, c->client, sizeof c->client);
	(void)sqlite3_bind_int64(s, 2, c->product);
	(void)sqlite3_bind_int64(s, 3, STORE_F_FORGOTTEN);
	if ((r = db_run(db, s, "write to", err)) != MUSTER_OK)
		return r;
	return sqlite3_changes(db->h) > 0 ? MUSTER_OK : rules_no_client(err, c->client);
}

int sqlite_add_journal(struct db *db, const struct store_journal *given, struct muster_err *err)
{
	sqlite3_stmt *last = db->stmt[S_JOURNAL_LAST], *s = db->stmt[S_JOURNAL_ADD];
	struct store_journal row = *given, before;
	int r;

	if ((r = db_step(db, last, "read", err)) < 0)
		return r;
	if (r == 1) {
		before.seq = sqlite3_column_int64(last, 0);
		(void)db_column_blob(before.hash, sizeof before.hash, last, 1);
		(void)sqlite3_reset(last);
	}
	if ((r = rules_chain(&row, r == 1 ? &before : NULL, err)) != MUSTER_OK)
		return r;
	(void)sqlite3_bind_int64(s, 1, row.seq);
	(void)sqlite3_bind_int64(s, 2, row.at);
	db_bind_text(s, 3, row.actor);
	(void)sqlite3_bind_int64(s, 4, row.kind);
	db_bind_text(s, 5, row.object);
	(void)sqlite3_bind_int64(s, 6, row.code);
	db_bind_text(s, 7, row.detail);
	db_bind_blob(s, 8, row.prev, sizeof row.prev);
	db_bind_blob(s, 9, row.hash, sizeof row.hash);
	return db_run(db, s, "write to", err);
}

static int apply(struct db *db, const struct store_change *c, struct muster_err *err)
{
	struct store_edition edition = c->edition;
	bool changed;
	int r = MUSTER_OK;

	switch (c->kind) {
	case STORE_SETTING_PUT:
	case STORE_SETTING_DELETE:
		r = put_setting(db, c, err);
		break;
	case STORE_EDITION_PUT:
		if ((r = put_edition(db, &edition, &changed, err)) == MUSTER_OK)
			r = drop_unknown(db, edition.activation_id, err);
		break;
	case STORE_USE_FORGET:
		r = forget_use(db, c, err);
		break;
	case STORE_RECORD_PUT:
	case STORE_RECORD_INSERT:
	case STORE_RECORD_DELETE:
		r = sqlite_put_record(db, c, err);
		break;
	case STORE_HOLDING_PUT:
	case STORE_HOLDING_DELETE:
		r = sqlite_put_holding(db, c, err);
		break;
	case STORE_JOURNAL_ONLY:
		break;
	}
	return r == MUSTER_OK && c->journal.kind != 0 ? sqlite_add_journal(db, &c->journal, err) : r;
}

int sqlite_transact(struct store_state *base, const struct store_change *changes, size_t n, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	int r;

	if ((r = db_begin(db, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		r = apply(db, &changes[i], err);
	return db_end(db, r, err);
}
