#include "core/store/sqlite.h"

#include <string.h>
#include <sys/stat.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/store/rules.h"

#define CHUNK 256  /* events fetched at a time: no statement stays open while the caller works */

enum { READ_HEAD, CLAIM, APPEND, READ, RANGE, CUT, TRIM, BYTES, PROBE, STATEMENTS };

#define EVENT_COLUMNS "seq, at, seen, source, product, edition, client, hw, digest, n, result, status, minutes, count, minimum, expires, flags, name, addr"

static const char *const sql[STATEMENTS] = {
	[READ_HEAD] = "SELECT ledger_id, epoch, digest_key FROM log",
	[CLAIM] = "UPDATE log SET ledger_id=?1, epoch=epoch+1, digest_key=?2",
	[APPEND] = "INSERT INTO event(" EVENT_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
	[READ] = "SELECT " EVENT_COLUMNS " FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
	[RANGE] = "SELECT (SELECT min(seq) FROM event), (SELECT max(seq) FROM event)",
	/* `at` never decreases with seq, so what is old enough is a beginning of the log. */
	[CUT] = ("SELECT max(seq), count(*) FROM (SELECT seq, at FROM event WHERE seq <= ?1 AND seq < (SELECT max(seq) FROM event)"
		" ORDER BY seq LIMIT ?3) WHERE at < ?2"),
	[TRIM] = "DELETE FROM event WHERE seq <= ?1",
	[BYTES] = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
	[PROBE] = "UPDATE log SET probe=(probe+1)%1000000",
};

struct sqlite_log {
	struct store_log log;  /* first */
	struct sqlite_store *store;
	struct db db;
	int64_t last_seq;      /* of the file, as this claimed handle knows it */
};

static struct sqlite_log *handle(struct store_log *base)
{
	return (struct sqlite_log *)base;
}

static int read_head(struct db *db, struct store_log_info *info, struct muster_err *err)
{
	int r = db_step(db, db->stmt[READ_HEAD], "read", err);

	if (r == 1) {
		(void)db_column_blob(info->ledger_id, sizeof info->ledger_id, db->stmt[READ_HEAD], 0);
		info->epoch = db_column_u32(db->stmt[READ_HEAD], 1);
		(void)db_column_blob(info->digest_key, sizeof info->digest_key, db->stmt[READ_HEAD], 2);
		(void)sqlite3_reset(db->stmt[READ_HEAD]);
		return MUSTER_OK;
	}
	if (r == 0) {
		db->broken = true;
		r = err_set(err, MUSTER_E_IO, "%s is damaged: its head row is gone; put the last backup in its place", db->path);
	}
	return r;
}

static int read_two(struct db *db, sqlite3_stmt *s, int64_t *a, int64_t *b, struct muster_err *err)
{
	int r = db_step(db, s, "read", err);

	*a = *b = 0;
	if (r != 1)
		return r;
	*a = sqlite3_column_int64(s, 0);
	*b = sqlite3_column_int64(s, 1);
	(void)sqlite3_reset(s);
	return MUSTER_OK;
}

static int read_bytes(struct db *db, uint64_t *bytes, struct muster_err *err)
{
	int64_t n = 0;
	int r = db_step(db, db->stmt[BYTES], "read", err);

	if (r == 1) {
		n = sqlite3_column_int64(db->stmt[BYTES], 0);
		(void)sqlite3_reset(db->stmt[BYTES]);
		r = MUSTER_OK;
	}
	*bytes = (uint64_t)n;
	return r;
}

static int fill_info(struct db *db, struct store_log_info *info, struct muster_err *err)
{
	struct stat st;
	char *wal;
	int r;

	memset(info, 0, sizeof *info);
	if ((r = read_head(db, info, err)) != MUSTER_OK
	    || (r = read_two(db, db->stmt[RANGE], &info->first_seq, &info->last_seq, err)) != MUSTER_OK
	    || (r = read_bytes(db, &info->bytes, err)) != MUSTER_OK)
		return r;
	if ((wal = mem_printf("%s-wal", db->path)) == NULL)
		return err_nomem(err);
	if (stat(wal, &st) == 0)
		info->wal_bytes = (uint64_t)st.st_size;
	mem_free(wal);
	return MUSTER_OK;
}

static int claim_head(struct db *db, const uint8_t ledger_id[16], struct muster_err *err)
{
	struct store_log_info head;
	int r;

	memset(&head, 0, sizeof head);
	if ((r = read_head(db, &head, err)) != MUSTER_OK)
		return r;
	if (bytes_zero(head.ledger_id, sizeof head.ledger_id))
		random_bytes(head.digest_key, sizeof head.digest_key);
	else if (memcmp(head.ledger_id, ledger_id, sizeof head.ledger_id) != 0)
		return err_set(err, MUSTER_E_MISMATCH, "%s belongs to another ledger than the state.db beside it: put the two files of one ledger (or of one backup) together",
			db->path);
	db_bind_blob(db->stmt[CLAIM], 1, ledger_id, 16);
	db_bind_blob(db->stmt[CLAIM], 2, head.digest_key, sizeof head.digest_key);
	return db_run(db, db->stmt[CLAIM], "claim", err);
}

static int log_claim(struct store_log *base, const uint8_t ledger_id[16], struct store_log_info *info, struct muster_err *err)
{
	struct sqlite_log *l = handle(base);
	int r;

	if ((r = db_begin_unclaimed(&l->db, err)) != MUSTER_OK)
		return r;
	if ((r = db_end(&l->db, claim_head(&l->db, ledger_id, err), err)) != MUSTER_OK || (r = fill_info(&l->db, info, err)) != MUSTER_OK)
		return r;
	l->db.epoch = info->epoch;
	l->last_seq = info->last_seq;
	return MUSTER_OK;
}

static int append_one(struct db *db, const struct store_event *e, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[APPEND];

	(void)sqlite3_bind_int64(s, 1, e->seq);
	(void)sqlite3_bind_int64(s, 2, e->at);
	db_bind_present(s, 3, e->seen != 0, e->seen);
	(void)sqlite3_bind_int64(s, 4, e->source);
	(void)sqlite3_bind_int64(s, 5, e->product);
	(void)sqlite3_bind_int64(s, 6, e->edition);
	db_bind_blob(s, 7, e->client, sizeof e->client);
	db_bind_blob(s, 8, e->hw, (e->flags & STORE_F_HW) != 0 ? sizeof e->hw : 0);
	(void)sqlite3_bind_int64(s, 9, (int64_t)e->digest);
	(void)sqlite3_bind_int64(s, 10, e->n);
	(void)sqlite3_bind_int64(s, 11, e->result);
	(void)sqlite3_bind_int64(s, 12, e->status);
	db_bind_present(s, 13, (e->flags & STORE_F_MINUTES) != 0, e->minutes);
	(void)sqlite3_bind_int64(s, 14, e->count);
	(void)sqlite3_bind_int64(s, 15, e->minimum);
	db_bind_present(s, 16, e->expires != 0, e->expires);
	(void)sqlite3_bind_int64(s, 17, e->flags);
	db_bind_text(s, 18, e->name);
	db_bind_blob(s, 19, e->addr, e->addr_len);
	return db_run(db, s, "append to", err);
}

static int log_append(struct store_log *base, const struct store_event *const *events, size_t n, struct muster_err *err)
{
	struct sqlite_log *l = handle(base);
	int r;

	if ((r = db_begin(&l->db, err)) != MUSTER_OK)
		return r;
	r = rules_check_append(events, n, l->last_seq, err);
	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		r = append_one(&l->db, events[i], err);
	if ((r = db_end(&l->db, r, err)) == MUSTER_OK && n > 0)
		l->last_seq = events[n - 1]->seq;
	return r;
}

static void read_event(struct store_event *e, sqlite3_stmt *s)
{
	e->seq = sqlite3_column_int64(s, 0);
	e->at = sqlite3_column_int64(s, 1);
	e->seen = sqlite3_column_int64(s, 2);
	e->source = db_column_u32(s, 3);
	e->product = db_column_u32(s, 4);
	e->edition = db_column_u32(s, 5);
	(void)db_column_blob(e->client, sizeof e->client, s, 6);
	(void)db_column_blob(e->hw, sizeof e->hw, s, 7);
	e->digest = (uint64_t)sqlite3_column_int64(s, 8);
	e->n = db_column_u32(s, 9);
	e->result = db_column_u32(s, 10);
	e->status = (uint8_t)sqlite3_column_int(s, 11);
	e->minutes = (int32_t)sqlite3_column_int(s, 12);
	e->count = db_column_u32(s, 13);
	e->minimum = db_column_u32(s, 14);
	e->expires = sqlite3_column_int64(s, 15);
	e->flags = db_column_u32(s, 16);
	db_column_text(e->name, sizeof e->name, s, 17);
	e->addr_len = (uint8_t)db_column_blob(e->addr, sizeof e->addr, s, 18);
}

/* Fill at most @p room events after @p after. @return MUSTER_OK. */
static int read_chunk(struct db *db, int64_t after, struct store_event *chunk, size_t room, size_t *n, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[READ];
	int r;

	*n = 0;
	(void)sqlite3_bind_int64(s, 1, after);
	(void)sqlite3_bind_int64(s, 2, (int64_t)room);
	while ((r = db_step(db, s, "read", err)) == 1)
		read_event(&chunk[(*n)++], s);
	return r;
}

static int log_read(struct store_log *base, int64_t after, size_t limit, int (*fn)(void *, const struct store_event *), void *ctx, struct muster_err *err)
{
	struct sqlite_log *l = handle(base);
	struct store_event *chunk;
	bool more = true;
	size_t n;
	int r = db_usable(&l->db, err);

	if (r != MUSTER_OK)
		return r;
	if ((chunk = mem_array(CHUNK, sizeof *chunk)) == NULL)
		return err_nomem(err);
	while (more && limit > 0 && (r = read_chunk(&l->db, after, chunk, limit < CHUNK ? limit : CHUNK, &n, err)) == MUSTER_OK) {
		more = n == CHUNK;
		limit -= n;
		for (size_t i = 0; i < n; i++) {
			after = chunk[i].seq;
			if (fn(ctx, &chunk[i]) != 0) {
				more = false;
				break;
			}
		}
	}
	mem_free(chunk);
	return r;
}

static int trim_slice(struct db *db, int64_t up_to, int64_t before, uint64_t max_bytes, size_t slice, int64_t *deleted, struct muster_err *err)
{
	int64_t cut;
	uint64_t bytes;
	int r;

	if ((r = read_bytes(db, &bytes, err)) != MUSTER_OK)
		return r;
	(void)sqlite3_bind_int64(db->stmt[CUT], 1, up_to);
	(void)sqlite3_bind_int64(db->stmt[CUT], 2, bytes > max_bytes ? INT64_MAX : before);
	(void)sqlite3_bind_int64(db->stmt[CUT], 3, slice > INT32_MAX ? INT32_MAX : (int64_t)slice);
	if ((r = read_two(db, db->stmt[CUT], &cut, deleted, err)) != MUSTER_OK || *deleted == 0)
		return r;
	(void)sqlite3_bind_int64(db->stmt[TRIM], 1, cut);
	return db_run(db, db->stmt[TRIM], "trim", err);
}

static int log_trim(struct store_log *base, int64_t up_to, int64_t before, uint64_t max_bytes, size_t slice, size_t *deleted, struct muster_err *err)
{
	struct sqlite_log *l = handle(base);
	int64_t n = 0;
	int r;

	*deleted = 0;
	if ((r = db_begin(&l->db, err)) != MUSTER_OK)
		return r;
	/* The caller took up_to from a fold position that was written before, so a copy of the state begun later needs no row up to it. */
	if (!atomic_load(&l->store->backing_up))
		r = trim_slice(&l->db, up_to, before, max_bytes, slice, &n, err);
	if ((r = db_end(&l->db, r, err)) == MUSTER_OK)
		*deleted = (size_t)n;
	return r;
}

static int log_info(struct store_log *base, struct store_log_info *info, struct muster_err *err)
{
	struct sqlite_log *l = handle(base);
	int r = db_usable(&l->db, err);

	return r != MUSTER_OK ? r : fill_info(&l->db, info, err);
}

static int log_probe(struct store_log *base, struct muster_err *err)
{
	struct sqlite_log *l = handle(base);
	int r = db_begin(&l->db, err);

	return r != MUSTER_OK ? r : db_end(&l->db, db_run(&l->db, l->db.stmt[PROBE], "write to", err), err);
}

static void log_close(struct store_log *base)
{
	struct sqlite_log *l = handle(base);

	if (l == NULL)
		return;
	db_close(&l->db);
	mem_free(l);
}

static const struct store_log_ops ops = {
	.claim = log_claim, .append = log_append, .read = log_read, .trim = log_trim, .info = log_info, .probe = log_probe, .close = log_close
};

int sqlite_open_log(struct store *base, bool write, struct store_log **out, struct muster_err *err)
{
	struct sqlite_store *store = (struct sqlite_store *)base;
	struct sqlite_log *l;
	int r;

	*out = NULL;
	if ((l = mem_alloc(sizeof *l)) == NULL)
		return err_nomem(err);
	l->log.ops = &ops;
	l->store = store;
	if ((r = db_open(&l->db, store->dir, DB_LOG, write, sql, STATEMENTS, err)) != MUSTER_OK) {
		mem_free(l);
		return r;
	}
	*out = &l->log;
	return MUSTER_OK;
}
