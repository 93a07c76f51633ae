#include "core/store/sqlite_state.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

static const char *const sql[S_STATEMENTS] = {
	[S_INFO] = "SELECT ledger_id, epoch, fold_seq, fold_at, schema FROM ledger",
	[S_BYTES] = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
	[S_CLAIM] = "UPDATE ledger SET ledger_id=?1, epoch=epoch+1",
	[S_SOURCE] = "INSERT OR IGNORE INTO source(source, ledger_id, kind) VALUES(1, ?1, 0)",  /* 1: this ledger itself */
	[S_POOL_FIND] = "SELECT pool, window_s, largest_minimum FROM pool WHERE name=?1",
	[S_POOL_ADD] = "INSERT INTO pool(name, window_s, largest_minimum) VALUES(?1, ?2, ?3)",  /* never deleted: numbers are not reused */
	[S_POOL_SET] = "UPDATE pool SET window_s=?2, largest_minimum=max(largest_minimum, ?3) WHERE pool=?1",
	[S_POOL_RAISE] = "UPDATE pool SET largest_minimum=?2 WHERE pool=?1 AND largest_minimum < ?2",
	[S_PRODUCT_FIND] = "SELECT product, pool FROM product WHERE name=?1",
	[S_PRODUCT_ADD] = "INSERT INTO product(name, pool) VALUES(?1, ?2)",
	[S_PRODUCT_SET] = "UPDATE product SET pool=?2 WHERE product=?1",
	[S_EDITION_FIND] = "SELECT edition, product, name, learned_from FROM edition WHERE activation_id=?1",
	[S_EDITION_NEXT] = "SELECT coalesce(max(edition), 0) + 1 FROM edition",
	/* learned_from: the product it was taught for; NULL: shipped with one */
	[S_EDITION_PUT] = "INSERT INTO edition(activation_id, edition, product, name, learned_from) VALUES(?1, ?2, ?3, ?4, ?5)"
		" ON CONFLICT(activation_id) DO UPDATE SET product=?3, name=?4, learned_from=?5",
	[S_UNKNOWN_DROP] = "DELETE FROM unknown WHERE activation_id=?1",
	[S_USE_ONE] = "SELECT " USE_COLUMNS " FROM uses WHERE client=?1 AND product=?2",
	[S_USE_ADD] = "INSERT INTO uses(" USE_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
	[S_USE_SET] = "UPDATE uses SET first=?3, last=?4, last_hour=?5, last_seq=?6, requests=?7, result=?8, status=?9, minutes=?10, hw=?11, name=?12,"
		" addr=?13, flags=?14 WHERE client=?1 AND product=?2",
	/* SQLite rewrites an index entry whose column is named, changed or not: when the hour is the same it is not named. */
	[S_USE_SET_SAME_HOUR] = "UPDATE uses SET first=?3, last=?4, last_seq=?6, requests=?7, result=?8, status=?9, minutes=?10, hw=?11, name=?12,"
		" addr=?13, flags=?14 WHERE client=?1 AND product=?2 AND ?5 IS NOT NULL",
	[S_USE_FORGET] = "UPDATE uses SET flags=flags|?3 WHERE client=?1 AND (?2=0 OR product=?2)",
	[S_COUNTER_ADD] = "INSERT INTO counter(source, product, status, n) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n=n+?4",
	[S_MEMBERS_CLEAR] = "DELETE FROM pool_member",
	[S_MEMBER_ADD] = "INSERT OR REPLACE INTO pool_member(pool, client, last, hw, product, virtual) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[S_UNKNOWN_ADD] = "INSERT INTO unknown(activation_id, last, n) VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET last=max(last, ?2), n=n+?3",
	[S_UNKNOWN_CAP] = "DELETE FROM unknown WHERE activation_id IN (SELECT activation_id FROM unknown ORDER BY last, activation_id"
		" LIMIT max(0, (SELECT count(*) FROM unknown) - ?1))",
	[S_POSITION] = "UPDATE ledger SET fold_seq=?1, fold_at=?2",
	[S_SETTING_PUT] = "INSERT INTO setting(scope, name, value, at, actor) VALUES(?1, ?2, ?3, ?4, ?5)"
		" ON CONFLICT DO UPDATE SET value=?3, at=?4, actor=?5",
	[S_SETTING_DELETE] = "DELETE FROM setting WHERE scope=?1 AND name=?2",
	[S_JOURNAL_LAST] = "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1",
	[S_JOURNAL_ADD] = "INSERT INTO journal(seq, at, actor, kind, object, code, detail, prev, hash) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[S_SETTINGS] = "SELECT scope, name, value, at, actor FROM setting ORDER BY scope, name",
	[S_COUNTERS] = "SELECT source, product, status, n FROM counter ORDER BY source, product, status",
	[S_POOLS] = "SELECT pool, name, window_s, largest_minimum FROM pool ORDER BY pool",
	[S_MEMBERS] = "SELECT pool, client, last, hw, product, virtual FROM pool_member WHERE pool=?1 ORDER BY client",
	[S_PRODUCTS] = "SELECT product, pool, name FROM product ORDER BY product",
	[S_EDITIONS] = "SELECT activation_id, edition, product, name, learned_from FROM edition ORDER BY activation_id",
	[S_UNKNOWN] = "SELECT activation_id, last, n FROM unknown ORDER BY activation_id",
	[S_JOURNAL] = "SELECT seq, at, actor, kind, object, code, detail, prev, hash FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2",
	[S_POOL_PRODUCTS] = "SELECT product FROM product WHERE pool=?1",
	[S_RECENT] = "SELECT " USE_COLUMNS " FROM uses INDEXED BY uses_last WHERE product=?1 AND last_hour >= ?2 AND last_hour < ?3 ORDER BY last_hour DESC",
	[S_PAGE] = "SELECT " USE_COLUMNS " FROM uses WHERE (client, product) > (?1, ?2) ORDER BY client, product LIMIT ?3",
	[S_USE] = "SELECT " USE_COLUMNS " FROM uses WHERE client=?1 ORDER BY product",
	/* The term as in the index, else it is not used; 16 is STORE_F_CLONE. */
	[S_CLONES] = "SELECT " USE_COLUMNS " FROM uses INDEXED BY uses_clone WHERE flags & 16 AND last >= ?1",
	[S_RECORD_PUT] = "INSERT INTO record(kind, id, data, at) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(kind, id) DO UPDATE SET data=?3, at=?4",
	[S_RECORD_INSERT] = "INSERT OR IGNORE INTO record(kind, id, data, at) VALUES(?1, ?2, ?3, ?4)",
	[S_RECORD_DELETE] = "DELETE FROM record WHERE kind=?1 AND id=?2",
	[S_RECORD] = "SELECT data FROM record WHERE kind=?1 AND id=?2",
	[S_RECORDS] = "SELECT id, data, at FROM record WHERE kind=?1 AND id>?2 ORDER BY id LIMIT ?3",
	[S_HOLDING_STATE] = "SELECT state FROM holding WHERE product=?1 AND class=?2 AND holder=?3",
	[S_HOLDING_PUT] = "INSERT INTO holding(" HOLDING_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO UPDATE SET"
		" state=?4, flags=?5, since=?6, until=?7, changed=?8, number=?9, client=?10, hw=?11, name=?12",
	[S_HOLDING_DELETE] = "DELETE FROM holding WHERE product=?1 AND class=?2 AND holder=?3",
	[S_HOLDING_SUM] = "INSERT INTO holding_sum(product, class, state, n) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n=n+?4",
	[S_HOLDING] = "SELECT " HOLDING_COLUMNS " FROM holding WHERE product=?1 AND class=?2 AND holder=?3",
	[S_HOLDINGS] = "SELECT " HOLDING_COLUMNS " FROM holding WHERE product=?1 AND (class, holder) > (?2, ?3) ORDER BY class, holder LIMIT ?4",
	[S_HOLDINGS_DUE] = "SELECT " HOLDING_COLUMNS " FROM holding INDEXED BY holding_due WHERE until IS NOT NULL AND until <= ?1"
		" ORDER BY until, product, class, holder LIMIT ?2",
	[S_HOLDING_SUMS] = "SELECT product, class, state, n FROM holding_sum WHERE n > 0 ORDER BY product, class, state",
	[S_SOURCES] = "SELECT source, ledger_id, name, kind, taken_seq, taken_at FROM source ORDER BY source",
	[S_SOURCE_FIND] = "SELECT source FROM source WHERE ledger_id=?1",
	[S_SOURCE_ADD] = "INSERT INTO source(ledger_id, name, kind, taken_seq, taken_at) VALUES(?1, ?2, 1, 0, 0)",
	[S_SOURCE_TAKEN] = "UPDATE source SET name=?2, taken_seq=max(taken_seq, ?3), taken_at=max(taken_at, ?4) WHERE source=?1 AND kind=1",
	[S_PARTS_OF] = "SELECT client, product, source, seq, requests FROM moved WHERE client=?1 AND product=?2 ORDER BY source",
	[S_PART_PUT] = "INSERT INTO moved(client, product, source, seq, requests) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET seq=?4, requests=?5",
	[S_PARTS] = "SELECT client, product, source, seq, requests FROM moved WHERE (client, product) > (?1, ?2) AND (client, product) <= (?3, ?4)"
		" ORDER BY client, product, source",
	[S_KIND_AFTER] = "SELECT kind FROM record WHERE kind > ?1 ORDER BY kind LIMIT 1",
	[S_COUNTER_MAX] = "INSERT INTO counter(source, product, status, n) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET n=max(n, ?4)",
};

void sqlite_read_use(struct store_use *u, sqlite3_stmt *s)
{
	(void)db_column_blob(u->client, sizeof u->client, s, 0);
	u->product = db_column_u32(s, 1);
	u->first = sqlite3_column_int64(s, 2);
	u->last = sqlite3_column_int64(s, 3);
	u->last_hour = sqlite3_column_int64(s, 4);
	u->last_seq = sqlite3_column_int64(s, 5);
	u->requests = (uint64_t)sqlite3_column_int64(s, 6);
	u->result = db_column_u32(s, 7);
	u->status = (uint8_t)sqlite3_column_int(s, 8);
	u->minutes = (int32_t)sqlite3_column_int(s, 9);
	(void)db_column_blob(u->hw, sizeof u->hw, s, 10);
	db_column_text(u->name, sizeof u->name, s, 11);
	u->addr_len = (uint8_t)db_column_blob(u->addr, sizeof u->addr, s, 12);
	u->flags = db_column_u32(s, 13);
}

int sqlite_read_position(struct db *db, struct store_state_info *info, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_INFO];
	int r = db_step(db, s, "read", err);

	if (r == 0) {
		db->broken = true;
		return err_set(err, MUSTER_E_IO, "%s is damaged: its head row is gone; put the last backup in its place", db->path);
	}
	if (r != 1)
		return r;
	(void)db_column_blob(info->ledger_id, sizeof info->ledger_id, s, 0);
	info->epoch = db_column_u32(s, 1);
	info->fold_seq = sqlite3_column_int64(s, 2);
	info->fold_at = sqlite3_column_int64(s, 3);
	info->schema = db_column_u32(s, 4);
	(void)sqlite3_reset(s);
	return MUSTER_OK;
}

static int fill_info(struct db *db, struct store_state_info *info, struct muster_err *err)
{
	int r;

	memset(info, 0, sizeof *info);
	if ((r = sqlite_read_position(db, info, err)) != MUSTER_OK || (r = db_step(db, db->stmt[S_BYTES], "read", err)) != 1)
		return r;
	info->bytes = (uint64_t)sqlite3_column_int64(db->stmt[S_BYTES], 0);
	(void)sqlite3_reset(db->stmt[S_BYTES]);
	return MUSTER_OK;
}

static int claim_head(struct db *db, struct muster_err *err)
{
	struct store_state_info head;
	int r;

	memset(&head, 0, sizeof head);
	if ((r = sqlite_read_position(db, &head, err)) != MUSTER_OK)
		return r;
	if (bytes_zero(head.ledger_id, sizeof head.ledger_id))
		uuid_random(head.ledger_id);
	db_bind_blob(db->stmt[S_CLAIM], 1, head.ledger_id, sizeof head.ledger_id);
	db_bind_blob(db->stmt[S_SOURCE], 1, head.ledger_id, sizeof head.ledger_id);
	if ((r = db_run(db, db->stmt[S_CLAIM], "claim", err)) != MUSTER_OK)
		return r;
	return db_run(db, db->stmt[S_SOURCE], "claim", err);
}

static int state_claim(struct store_state *base, struct store_state_info *info, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	int r;

	if ((r = db_begin_unclaimed(db, err)) != MUSTER_OK)
		return r;
	if ((r = db_end(db, claim_head(db, err), err)) != MUSTER_OK || (r = fill_info(db, info, err)) != MUSTER_OK)
		return r;
	db->epoch = info->epoch;
	return MUSTER_OK;
}

static int state_info(struct store_state *base, struct store_state_info *info, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	int r = db_usable(db, err);

	return r != MUSTER_OK ? r : fill_info(db, info, err);
}

static void state_close(struct store_state *base)
{
	if (base == NULL)
		return;
	db_close(&sqlite_state_of(base)->db);
	mem_free(sqlite_state_of(base));
}

static const struct store_state_ops ops = {
	.claim = state_claim, .info = state_info, .names = sqlite_names, .fold = sqlite_fold, .transact = sqlite_transact,
	.take = sqlite_take, .sources = sqlite_sources, .parts = sqlite_parts,
	.settings = sqlite_settings, .counters = sqlite_counters, .pools = sqlite_pools, .members = sqlite_members,
	.products = sqlite_products, .editions = sqlite_editions, .unknown = sqlite_unknown, .recent = sqlite_recent,
	.page = sqlite_page, .use = sqlite_use, .clones = sqlite_clones, .journal = sqlite_journal,
	.record = sqlite_record, .records = sqlite_records, .kind_after = sqlite_kind_after, .holding = sqlite_holding, .holdings = sqlite_holdings,
	.holdings_due = sqlite_holdings_due, .holding_sums = sqlite_holding_sums, .close = state_close
};

int sqlite_open_state(struct store *base, bool write, struct store_state **out, struct muster_err *err)
{
	struct sqlite_state *s;
	int r;

	*out = NULL;
	if ((s = mem_alloc(sizeof *s)) == NULL)
		return err_nomem(err);
	s->state.ops = &ops;
	if ((r = db_open(&s->db, ((struct sqlite_store *)base)->dir, DB_STATE, write, sql, S_STATEMENTS, err)) != MUSTER_OK) {
		mem_free(s);
		return r;
	}
	*out = &s->state;
	return MUSTER_OK;
}
