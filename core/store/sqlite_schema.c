/* What the two files hold, how older ones are brought forward, and which are refused. The schema is ledger.md section 3. */
#include <inttypes.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/store/sqlite_db.h"

/* "MuLg" and "MuSt" in the file's head: tells our files from others', and the log from the state. */
#define APPLICATION_LOG 0x4d754c67
#define APPLICATION_STATE 0x4d755374
#define SCHEMA 5

/* Times are milliseconds UTC; product 0 and edition 0 are unknown. */
static const char log_schema_1[] =
	"CREATE TABLE log(ledger_id BLOB, epoch INTEGER, schema INTEGER, digest_key BLOB);"
	"CREATE TABLE event(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, seen INTEGER, source INTEGER NOT NULL, product INTEGER NOT NULL,"
	" edition INTEGER NOT NULL, client BLOB NOT NULL, hw BLOB, digest INTEGER NOT NULL, n INTEGER NOT NULL DEFAULT 1,"
	" result INTEGER NOT NULL, status INTEGER, minutes INTEGER, count INTEGER, minimum INTEGER, expires INTEGER, flags INTEGER NOT NULL,"
	" name TEXT, addr BLOB);"
	"INSERT INTO log(epoch, schema) VALUES(0, 1);"
	"PRAGMA application_id=1299532903;";  /* APPLICATION_LOG */

static const char state_schema_1[] =
	"CREATE TABLE ledger(ledger_id BLOB, epoch INTEGER, fold_seq INTEGER, fold_at INTEGER, schema INTEGER);"
	"CREATE TABLE source(source INTEGER PRIMARY KEY, ledger_id BLOB UNIQUE, name TEXT, kind INTEGER, taken_seq INTEGER);"
	"CREATE TABLE pool(pool INTEGER PRIMARY KEY, name TEXT UNIQUE, window_s INTEGER, largest_minimum INTEGER);"
	"CREATE TABLE product(product INTEGER PRIMARY KEY, name TEXT, pool INTEGER REFERENCES pool);"
	"CREATE TABLE edition(activation_id BLOB PRIMARY KEY, edition INTEGER UNIQUE, product INTEGER NOT NULL, name TEXT, learned_from INTEGER) WITHOUT ROWID;"
	"CREATE TABLE unknown(activation_id BLOB PRIMARY KEY, last INTEGER, n INTEGER) WITHOUT ROWID;"
	"CREATE TABLE uses(client BLOB, product INTEGER, first INTEGER, last INTEGER, last_day INTEGER, last_seq INTEGER, requests INTEGER,"
	" result INTEGER, status INTEGER, minutes INTEGER, hw BLOB, name TEXT, addr BLOB, flags INTEGER, PRIMARY KEY(client, product)) WITHOUT ROWID;"
	"CREATE INDEX uses_last ON uses(product, last_day);"
	"CREATE TABLE pool_member(pool INTEGER, client BLOB, last INTEGER, hw BLOB, product INTEGER, PRIMARY KEY(pool, client)) WITHOUT ROWID;"
	"CREATE TABLE counter(source INTEGER, product INTEGER, status INTEGER, n INTEGER, PRIMARY KEY(source, product, status)) WITHOUT ROWID;"
	"CREATE TABLE journal(seq INTEGER PRIMARY KEY, at INTEGER, actor TEXT, kind INTEGER, object TEXT, code INTEGER, detail TEXT, prev BLOB, hash BLOB);"
	"CREATE TABLE setting(scope TEXT, name TEXT, value TEXT, at INTEGER, actor TEXT, PRIMARY KEY(scope, name)) WITHOUT ROWID;"
	"INSERT INTO ledger(epoch, fold_seq, fold_at, schema) VALUES(0, 0, 0, 1);"
	"PRAGMA application_id=1299534708;";  /* APPLICATION_STATE */

/* log.probe: what /readyz's small update changes. An update that changes no byte is not written by SQLite and would find out nothing. */
static const char log_schema_2[] =
	"ALTER TABLE log ADD COLUMN probe INTEGER NOT NULL DEFAULT 0;"
	"UPDATE log SET schema=2;";

/* uses_clone: the few marked clones are loaded at start; without it that reads every client. 16 is STORE_F_CLONE.
 * pool_member.virtual: both kinds count alike and are shown apart. */
static const char state_schema_2[] =
	"ALTER TABLE pool_member ADD COLUMN virtual INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX uses_clone ON uses(last) WHERE flags & 16;"
	"UPDATE ledger SET schema=2;";

static const char log_schema_3[] = "UPDATE log SET schema=3;";   /* the two go together */

/* record: what core/activation keeps. uses.last_day has held hours for long. */
static const char state_schema_3[] =
	"CREATE TABLE record(kind TEXT NOT NULL, id BLOB NOT NULL, data BLOB, at INTEGER, PRIMARY KEY(kind, id));"
	"ALTER TABLE uses RENAME COLUMN last_day TO last_hour;"
	"UPDATE ledger SET schema=3;";

static const char log_schema_4[] = "UPDATE log SET schema=4;";

/* holding: who holds what (core/holdings); until is NULL where never due. With row numbers: in a key-ordered table the other index repeats the key, which for
 * 200,000 rows made writing 1.4 and finding a thousand due ones 5 times as slow. holding_sum: how many there are, kept by every change. */
static const char state_schema_4[] =
	"CREATE TABLE holding(product INTEGER NOT NULL, class INTEGER NOT NULL, holder BLOB NOT NULL, state INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" since INTEGER, until INTEGER, changed INTEGER, number INTEGER, client BLOB, hw BLOB, name TEXT, PRIMARY KEY(product, class, holder));"
	"CREATE INDEX holding_due ON holding(until) WHERE until IS NOT NULL;"
	"CREATE TABLE holding_sum(product INTEGER, class INTEGER, state INTEGER, n INTEGER NOT NULL, PRIMARY KEY(product, class, state)) WITHOUT ROWID;"
	"UPDATE ledger SET schema=4;";

static const char log_schema_5[] = "UPDATE log SET schema=5;";

/* moved: what other ledgers contributed to a client's row, so that the same again adds nothing (trust.md section 11). */
static const char state_schema_5[] =
	"CREATE TABLE moved(client BLOB, product INTEGER, source INTEGER, seq INTEGER, requests INTEGER, PRIMARY KEY(client, product, source)) WITHOUT ROWID;"
	"ALTER TABLE source ADD COLUMN taken_at INTEGER;"
	"UPDATE ledger SET schema=5;";

/* Step i brings schema i to i + 1. touches_rows: its length grows with the file. */
static const struct step { const char *sql; bool touches_rows; } steps[2][SCHEMA] = {
	[DB_LOG] = { { log_schema_1, false }, { log_schema_2, false }, { log_schema_3, false }, { log_schema_4, false }, { log_schema_5, false } },
	[DB_STATE] = { { state_schema_1, false }, { state_schema_2, true }, { state_schema_3, false }, { state_schema_4, false }, { state_schema_5, false } },
};

/* One number. @p sql may name tables that are not there. */
int db_number(struct db *db, const char *sql, int64_t *out, struct muster_err *err)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db->h, sql, -1, &s, NULL), r = MUSTER_OK;

	*out = 0;
	if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
		*out = sqlite3_column_int64(s, 0);
	else if (rc == SQLITE_DONE || rc == SQLITE_ERROR)
		r = err_set(err, MUSTER_E_IO, "%s is damaged: its head row is gone; stop the host, keep the file and put the last backup in its place", db->path);
	else
		r = db_fail(db, rc, "read", err);
	(void)sqlite3_finalize(s);
	return r;
}

static int refuse_application(const struct db *db, int64_t found, struct muster_err *err)
{
	if (found == (db->kind == DB_LOG ? APPLICATION_STATE : APPLICATION_LOG))
		return err_set(err, MUSTER_E_INVALID, "%s holds %s, not %s: the two files were swapped; give them their names back", db->path,
			db_noun(db->kind == DB_LOG ? DB_STATE : DB_LOG), db_noun(db->kind));
	return err_set(err, MUSTER_E_INVALID, "%s is a database of another program, not of Muster's: move it away, or choose another state folder", db->path);
}

/* The file is read once; 100 MB/s is assumed. What is written is small: one index entry for each marked clone. */
static void announce(struct db *db, unsigned from)
{
	int64_t bytes;
	char path[300];

	if (db_number(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", &bytes, NULL) != MUSTER_OK)
		return;
	log_line(LOG_NOTICE, "store.migrate", "file=%s from=%u to=%u about_seconds=%" PRId64 " free_bytes_needed=%" PRId64,
		log_quote(path, sizeof path, db->path), from, from + 1, 1 + bytes / 100000000, (int64_t)1 << 20);
}

/* A new file is filled in one transaction; an older one goes forward by one for each step. */
static int migrate(struct db *db, unsigned from, struct muster_err *err)
{
	const unsigned at_once = from == 0 ? SCHEMA : 1;
	int r = MUSTER_OK;

	while (r == MUSTER_OK && from < SCHEMA) {
		const unsigned to = from + at_once;

		if (from > 0 && steps[db->kind][from].touches_rows)
			announce(db, from);
		if ((r = db_begin_unclaimed(db, err)) != MUSTER_OK)
			break;
		for (; r == MUSTER_OK && from < to; from++)
			r = db_exec(db, steps[db->kind][from].sql, "bring forward", err);
		r = db_end(db, r, err);
	}
	return r;
}

int db_enter_wal(struct db *db, struct muster_err *err)
{
	sqlite3_stmt *s = NULL;
	char mode[16] = "";
	int rc = sqlite3_prepare_v2(db->h, "PRAGMA journal_mode=WAL", -1, &s, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
		db_column_text(mode, sizeof mode, s, 0);
	(void)sqlite3_finalize(s);
	if (rc != SQLITE_ROW)
		return db_fail(db, rc, "open", err);
	if (strcmp(mode, "wal") != 0)
		return err_set(err, MUSTER_E_UNSUPPORTED, "%s cannot have a write-ahead log there: put the state folder on a local file system, not a network share", db->path);
	return MUSTER_OK;
}

int db_schema(struct db *db, struct muster_err *err)
{
	int64_t application, objects, schema = 0;
	int r;

	if ((r = db_number(db, "PRAGMA application_id", &application, err)) != MUSTER_OK
	    || (r = db_number(db, "SELECT count(*) FROM sqlite_schema", &objects, err)) != MUSTER_OK)
		return r;
	/* Empty: just made, or made by a run that ended before its first transaction. */
	if ((application != 0 || objects != 0) && application != (db->kind == DB_LOG ? APPLICATION_LOG : APPLICATION_STATE))
		return refuse_application(db, application, err);
	if (application != 0 && (r = db_number(db, db->kind == DB_LOG ? "SELECT schema FROM log" : "SELECT schema FROM ledger", &schema, err)) != MUSTER_OK)
		return r;
	if (schema > SCHEMA)
		return err_set(err, MUSTER_E_UNSUPPORTED, "%s was written by a newer Muster (schema %" PRId64 ", this one knows up to %d): install that version, or put back a backup of this one",
			db->path, schema, SCHEMA);
	if (application != 0 && schema < 1)
		return err_set(err, MUSTER_E_IO, "%s is damaged: it claims schema %" PRId64 "; put the last backup in its place", db->path, schema);
	if (!db->write && application == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "%s is empty: a host that runs with this state folder fills it", db->path);
	if (!db->write && schema < SCHEMA)
		return err_set(err, MUSTER_E_UNSUPPORTED, "%s was written by an older Muster (schema %" PRId64 "): start the host once, it brings the file forward", db->path, schema);
	if (!db->write)
		return MUSTER_OK;
	if ((r = db_enter_wal(db, err)) != MUSTER_OK)
		return r;
	return migrate(db, (unsigned)schema, err);
}
