/* observed.db: opening, schema, statements, transactions. */
#include "core/store/sqlite_observed.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <openssl/evp.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/store/rules.h"

#define APPLICATION_OBSERVED 0x4d754f62   /* "MuOb" in the file's head */
#define SCHEMA 1

/*
 * event: one row for what was said, found again by its digest. at: logged, else the client's own time. taken: when it was imported, rising with seq.
 * machine: heard, asked, told: requests by 12290, by 12288, by an import of machines. forgotten: time of the latest event of it that was deleted, so that it is not counted again.
 * client, called: those with several names, and names with several clients; few. told: by an import of machines,
 * of one name: who exported it saw other hardware behind the ID. since: seq of the import that changed it.
 */
static const char schema_1[] =
	"CREATE TABLE observed(schema INTEGER NOT NULL, next_seq INTEGER NOT NULL, forgotten INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE host(host INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL DEFAULT 0, forgotten INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE event(seq INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, taken INTEGER NOT NULL, id INTEGER NOT NULL, host INTEGER NOT NULL REFERENCES host,"
	" at INTEGER NOT NULL, logged INTEGER, seen INTEGER, record INTEGER, client BLOB, activation BLOB, name TEXT, result INTEGER, minimum INTEGER, virtual INTEGER,"
	" status INTEGER, minutes INTEGER, extra TEXT, machine INTEGER NOT NULL, machine_host TEXT);"
	"CREATE INDEX event_at ON event(at);"
	"CREATE INDEX event_host ON event(host, at) WHERE id=12290;"
	"CREATE INDEX event_log ON event(host, at) WHERE id<12288;"
	"CREATE INDEX event_skew ON event(host, client) WHERE result=3221549164;"   /* OBSERVED_TIMESTAMP */
	"CREATE TABLE machine(client BLOB NOT NULL, activation BLOB NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, heard INTEGER NOT NULL,"
	" asked INTEGER NOT NULL, told INTEGER NOT NULL, result INTEGER, minimum INTEGER, virtual INTEGER, status INTEGER, minutes INTEGER, name TEXT, by INTEGER NOT NULL,"
	" since INTEGER NOT NULL, forgotten INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(client, activation, host)) WITHOUT ROWID;"
	"CREATE INDEX machine_seen ON machine(activation, last, client);"
	"CREATE INDEX machine_host ON machine(host, client, activation);"
	"CREATE TABLE name(client BLOB NOT NULL, name TEXT NOT NULL, shown TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY(client, name)) WITHOUT ROWID;"
	"CREATE INDEX name_of ON name(name, client);"
	"CREATE TABLE client(client BLOB PRIMARY KEY, clone INTEGER NOT NULL, since INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE INDEX client_clone ON client(client) WHERE clone;"
	"CREATE TABLE called(name TEXT PRIMARY KEY, shared INTEGER NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX called_shared ON called(name) WHERE shared;"
	"CREATE TABLE finding(host TEXT NOT NULL, kind INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, n INTEGER NOT NULL, usual INTEGER NOT NULL,"
	" PRIMARY KEY(host, kind, since)) WITHOUT ROWID;"
	"INSERT INTO observed(schema, next_seq) VALUES(1, 1);"
	"PRAGMA application_id=1299533666;";   /* APPLICATION_OBSERVED */

#define MACHINE "m.client, m.activation, m.host, m.first, m.last, max(m.heard, m.asked, m.told), m.result, m.minimum, m.virtual, m.status, m.minutes, m.name, m.by," \
	" coalesce((SELECT clone FROM client c WHERE c.client=m.client), 0), coalesce((SELECT shared FROM called d WHERE d.name=lower(m.name)), 0)"
/* A machine's row after another one was heard of it: what is latest wins, of equals the one that came later. */
#define LATEST(column) #column "=CASE WHEN excluded.last>=last THEN coalesce(excluded." #column ", " #column ") ELSE coalesce(" #column ", excluded." #column ") END"
#define LATEST_MACHINE "first=min(first, excluded.first), last=max(last, excluded.last), " LATEST(result) ", " LATEST(minimum) ", " LATEST(virtual) ", " LATEST(status) ", " \
	"minutes=CASE WHEN excluded.last>=last THEN excluded.minutes ELSE minutes END, " LATEST(name) ", by=max(by, excluded.by)"
#define WINDOW "2592000000"   /* OBSERVED_WINDOW_MS */
/* Heard within the window of the latest: a renamed machine, or one installed anew, has one of them 30 days later. */
#define SEVERAL_NAMES "(SELECT count(*) FROM name n WHERE n.client=client.client AND n.last>=(SELECT max(last) FROM name x WHERE x.client=client.client)-" WINDOW ")>1"
#define IS_CLONE "(told OR " SEVERAL_NAMES ")"
#define SEVERAL_CLIENTS "(SELECT count(*) FROM name n WHERE n.name=called.name AND n.last>=(SELECT max(last) FROM name x WHERE x.name=called.name)-" WINDOW ")>1"

const char *const observed_sql[O_STATEMENTS] = {
	[O_MACHINES] = "SELECT " MACHINE " FROM machine m WHERE (m.client, m.activation, m.host)>(?1, ?2, ?3) ORDER BY m.client, m.activation, m.host LIMIT ?4",
	[O_MACHINES_CLONE] = "SELECT " MACHINE " FROM client k CROSS JOIN machine m ON m.client=k.client WHERE k.clone AND k.client>=?1 AND (m.client, m.activation, m.host)>(?1, ?2, ?3)"
		" ORDER BY k.client, m.activation, m.host LIMIT ?4",
	[O_BY_HOST] = "SELECT " MACHINE " FROM machine m WHERE (m.host, m.client, m.activation)>(?3, ?1, ?2) ORDER BY m.host, m.client, m.activation LIMIT ?4",
	[O_NAMES] = "SELECT client, shown, first, last FROM name WHERE client=?1 ORDER BY name LIMIT ?2",
	[O_CLIENTS] = "SELECT client, shown, first, last FROM name WHERE name=lower(?1) AND last>=(SELECT max(last) FROM name WHERE name=lower(?1))-" WINDOW " ORDER BY client LIMIT ?2",
	[O_EVENTS] = "SELECT e.seq, e.id, h.name, e.logged, e.seen, e.record, e.client, e.activation, e.name, e.result, e.minimum, e.virtual, e.status, e.minutes, e.extra"
		" FROM event e CROSS JOIN host h ON h.host=e.host WHERE (e.at, e.seq)>(?1, ?2) ORDER BY e.at, e.seq LIMIT ?3",
	[O_FINDINGS] = "SELECT kind, host, since, until, n, usual FROM finding WHERE ?2 IS NULL OR host=?2 ORDER BY host, kind, since LIMIT ?1",
	[O_CLONES] = "SELECT client FROM client WHERE clone AND since>=?1 ORDER BY client LIMIT ?2",
	[O_SHARED] = "SELECT name FROM called WHERE shared AND since>=?1 ORDER BY name LIMIT ?2",
	[O_HOST_FIND] = "SELECT host, forgotten FROM host WHERE name=?1",
	[O_HOST_ADD] = "INSERT INTO host(name) VALUES(?1) RETURNING host",
	[O_HOST_SEEN] = "UPDATE host SET last=max(last, ?2), since=?3 WHERE host=?1",
	[O_EVENT_ADD] = "INSERT OR IGNORE INTO event(seq, digest, taken, id, host, at, logged, seen, record, client, activation,"
		" name, result, minimum, virtual, status, minutes, extra, machine, machine_host)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
	[O_EVENT_FIND] = "SELECT seq, logged IS NULL, record IS NULL FROM event WHERE digest=?1",
	[O_EVENT_MEND] = "UPDATE event SET at=CASE WHEN logged IS NULL THEN ?2 ELSE at END, logged=coalesce(logged, ?3), record=coalesce(record, ?4) WHERE seq=?1",
	[O_MACHINE_PUT] = "INSERT INTO machine(client, activation, host, first, last, heard, asked, told, result, minimum, virtual, status, minutes, name, by, since)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT(client, activation, host) DO UPDATE SET "
		"heard=heard+excluded.heard, asked=asked+excluded.asked, told=max(told, excluded.told), " LATEST_MACHINE,
	[O_MACHINE_FIND] = "SELECT forgotten FROM machine WHERE client=?1 AND activation=?2 AND host=?3",
	[O_MACHINE_TELL] = "SELECT " MACHINE ", m.since FROM machine m WHERE m.client=?1 AND m.activation=?2 AND m.host=?3",
	[O_NAME_SEEN] = "UPDATE name SET shown=CASE WHEN ?4>=last THEN ?5 ELSE shown END, first=min(first, ?3), last=max(last, ?4) WHERE client=?1 AND name=lower(?2)",
	[O_NAME_ADD] = "INSERT INTO name(client, name, first, last, shown) VALUES(?1, lower(?2), ?3, ?4, ?5)",
	[O_NAMES_OF] = "SELECT count(*) FROM (SELECT 1 FROM name WHERE client=?1 LIMIT 2)",
	[O_CLIENTS_OF] = "SELECT count(*) FROM (SELECT 1 FROM name WHERE name=lower(?1) LIMIT 2)",
	[O_CLIENT_ADD] = "INSERT INTO client(client, clone, since) VALUES(?1, 0, ?2) ON CONFLICT DO NOTHING",
	[O_CALLED_ADD] = "INSERT INTO called(name, shared, since) VALUES(lower(?1), 0, ?2) ON CONFLICT DO NOTHING",
	[O_CLIENT_TOLD] = "INSERT INTO client(client, clone, since, told) VALUES(?1, 0, ?2, 1) ON CONFLICT DO UPDATE SET told=1 WHERE NOT told",
	[O_CLIENT_UNTOLD] = "UPDATE client SET told=0 WHERE client=?1 AND told",
	[O_JUDGE_CLIENTS] = "UPDATE client SET clone=" IS_CLONE ", since=?1 WHERE clone<>" IS_CLONE,
	[O_JUDGE_CALLED] = "UPDATE called SET shared=" SEVERAL_CLIENTS ", since=?1 WHERE shared<>" SEVERAL_CLIENTS,
	[O_TOUCHED] = "SELECT host, name, last FROM host WHERE since=?1 ORDER BY name",
	[O_MACHINES_NEW] = "SELECT count(*) FROM machine WHERE since=?1",
	[O_MOMENTS] = "SELECT at, seq, record FROM event WHERE id=12290 AND host=?1 AND (at, seq)>(?2, ?3) ORDER BY at, seq LIMIT ?4",
	[O_FINDINGS_DROP] = "DELETE FROM finding WHERE host=(SELECT name FROM host WHERE host=?1)",
	[O_FINDING_ADD] = "INSERT OR REPLACE INTO finding(host, kind, since, until, n, usual) SELECT name, ?2, ?3, ?4, ?5, ?6 FROM host WHERE host=?1",
	[O_FINDINGS_LOG] = "INSERT OR REPLACE INTO finding(host, kind, since, until, n, usual) SELECT h.name, CASE e.id WHEN 1104 THEN 2 ELSE 3 END, e.at, e.at, 0, 0"
		" FROM event e JOIN host h ON h.host=e.host WHERE e.host=?1 AND e.id<12288",
	[O_FINDINGS_SKEW] = "INSERT OR REPLACE INTO finding(host, kind, since, until, n, usual) SELECT h.name, 4, min(e.at), max(e.at), count(*), count(DISTINCT e.client)"
		" FROM event e JOIN host h ON h.host=e.host WHERE e.host=?1 AND e.result=3221549164 GROUP BY h.name",
	[O_TRIM_OLDEST] = "SELECT seq, at, host, client, activation, machine, machine_host, taken FROM event ORDER BY seq LIMIT 1",
	[O_TRIM_MACHINE] = "UPDATE machine SET forgotten=max(forgotten, ?4) WHERE client=?1 AND activation=?2 AND host=?3",
	[O_TRIM_HOST] = "UPDATE host SET forgotten=max(forgotten, ?2) WHERE host=?1",
	[O_TRIM_EVENT] = "DELETE FROM event WHERE seq=?1",
	[O_TRIM_FINDINGS] = "DELETE FROM finding WHERE until<?1",
	[O_TRIM_MARK] = "UPDATE observed SET forgotten=max(forgotten, ?1)",
};

/* ---- identity ---- */

struct digest_input { uint8_t p[2 * STORE_NAME_MAX + OBSERVED_EXTRA_MAX + 128]; size_t n; };

static void put(struct digest_input *d, const void *p, size_t n)
{
	MUSTER_ASSERT(n <= sizeof d->p - d->n);
	memcpy(d->p + d->n, p, n);
	d->n += n;
}

static void put_number(struct digest_input *d, int64_t v)
{
	uint8_t b[8];

	be64_put(b, (uint64_t)v);
	put(d, b, sizeof b);
}

static void put_lower(struct digest_input *d, const char *text)
{
	size_t n = strlen(text);

	put_number(d, (int64_t)n);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		uint8_t lower = c < 0x80 ? (uint8_t)tolower(c) : c;

		put(d, &lower, 1);
	}
}

int observed_digest(uint8_t out[OBSERVED_DIGEST], const struct observed_event *e)
{
	/* What is not told is 0 here; `flags` says which those are. The log's own number and time differ between forms of one export: they name nothing. */
	const uint32_t flags = e->said.flags & ~(uint32_t)OBSERVED_RECORD;
	struct digest_input d = { .n = 0 };
	uint8_t hash[32];

	put_number(&d, e->id);
	put_lower(&d, e->host);
	put_number(&d, flags);
	put_number(&d, e->said.result);
	put_number(&d, e->said.minimum);
	put_lower(&d, e->name);
	put(&d, e->client, sizeof e->client);
	put_number(&d, e->seen);
	put_number(&d, e->said.is_virtual);
	put_number(&d, e->said.status);
	put_number(&d, e->said.minutes);
	put(&d, e->activation, sizeof e->activation);
	put_lower(&d, e->id < 12288 ? "" : e->extra);
	put_number(&d, e->seen != 0 ? 0 : e->logged / 1000);
	if (EVP_Digest(d.p, d.n, hash, NULL, EVP_sha256(), NULL) != 1)
		return MUSTER_E_INTERNAL;
	memcpy(out, hash, OBSERVED_DIGEST);
	return MUSTER_OK;
}

/* ---- opening ---- */

const char *observed_store_file(void)
{
	return db_file(DB_OBSERVED);
}

static int refuse(const struct db *db, int64_t application, int64_t schema, struct muster_err *err)
{
	if (application != APPLICATION_OBSERVED)
		return err_set(err, MUSTER_E_INVALID, "%s is a database of something else, not of what was observed: move it away, or choose another state folder", db->path);
	if (schema > SCHEMA)
		return err_set(err, MUSTER_E_UNSUPPORTED, "%s was written by a newer Muster (schema %" PRId64 ", this one knows up to %d): install that version, or put back a backup of this one",
			db->path, schema, SCHEMA);
	return err_set(err, MUSTER_E_IO, "%s is damaged: it claims schema %" PRId64 "; put the last backup in its place, or move it away and import anew", db->path, schema);
}

static int make_schema(struct db *db, struct muster_err *err)
{
	int r = db_begin_unclaimed(db, err);

	return r != MUSTER_OK ? r : db_end(db, db_exec(db, schema_1, "make", err), err);
}

static int look_at_schema(struct db *db, bool memory, struct muster_err *err)
{
	int64_t application, objects, schema = 0;
	int r;

	if ((r = db_number(db, "PRAGMA application_id", &application, err)) != MUSTER_OK || (r = db_number(db, "SELECT count(*) FROM sqlite_schema", &objects, err)) != MUSTER_OK)
		return r;
	if (application == APPLICATION_OBSERVED && (r = db_number(db, "SELECT schema FROM observed", &schema, err)) != MUSTER_OK)
		return r;
	/* Empty: just made, or made by a run that ended before its first transaction. */
	if ((application != 0 || objects != 0) && (application != APPLICATION_OBSERVED || schema < 1 || schema > SCHEMA))
		return refuse(db, application, schema, err);
	if (!db->write)
		return application != 0 ? MUSTER_OK : err_set(err, MUSTER_E_NOT_FOUND, "%s is empty: a host that runs with this state folder fills it", db->path);
	if (!memory && (r = db_enter_wal(db, err)) != MUSTER_OK)
		return r;
	return application != 0 ? MUSTER_OK : make_schema(db, err);
}

static int connect_memory(struct db *db, struct muster_err *err)
{
	int r, rc;

	memset(db, 0, sizeof *db);
	db->kind = DB_OBSERVED;
	db->write = true;
	if ((db->path = mem_strdup("observed.db in memory")) == NULL)
		return err_nomem(err);
	if ((rc = sqlite3_open_v2(":memory:", &db->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL)) != SQLITE_OK)
		return db_fail(db, rc, "open", err);
	if ((r = db_prepare(db, &db->begin, "BEGIN IMMEDIATE", err)) != MUSTER_OK || (r = db_prepare(db, &db->commit, "COMMIT", err)) != MUSTER_OK)
		return r;
	return db_prepare(db, &db->rollback, "ROLLBACK", err);
}

int observed_store_open(struct store_observed **out, const char *dir, bool write, struct muster_err *err)
{
	struct store_observed *o = mem_alloc(sizeof *o);
	int r;

	_Static_assert(O_STATEMENTS <= DB_STATEMENTS_MAX, "too many statements");
	*out = NULL;
	if (o == NULL)
		return err_nomem(err);
	r = dir == NULL ? connect_memory(&o->db, err) : db_connect(&o->db, dir, DB_OBSERVED, write, err);
	if (r == MUSTER_OK)
		r = look_at_schema(&o->db, dir == NULL, err);
	for (int i = 0; r == MUSTER_OK && i < (o->db.write ? O_STATEMENTS : O_READING); i++)
		r = db_prepare(&o->db, &o->db.stmt[i], observed_sql[i], err);
	if (r == MUSTER_OK)
		r = db_number(&o->db, "SELECT forgotten FROM observed", &o->forgotten, err);
	if (r != MUSTER_OK) {
		observed_store_close(o);
		return r;
	}
	*out = o;
	return MUSTER_OK;
}

void observed_store_close(struct store_observed *o)
{
	if (o == NULL)
		return;
	if (o->db.h != NULL)
		db_abandon(&o->db);
	db_close(&o->db);
	mem_free(o);
}

bool observed_store_usable(const struct store_observed *o)
{
	return !o->db.broken;
}

/* ---- statements and transactions ---- */

sqlite3_stmt *observed_statement(struct store_observed *o, int which)
{
	sqlite3_stmt *s = o->db.stmt[which];

	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	return s;
}

void observed_bind_key(sqlite3_stmt *s, int at, const char *text)
{
	(void)sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

int observed_store_begin(struct store_observed *o, struct muster_err *err)
{
	int r;

	if ((r = db_begin_unclaimed(&o->db, err)) != MUSTER_OK)
		return r;
	if ((r = db_number(&o->db, "SELECT next_seq FROM observed", &o->next_seq, err)) == MUSTER_OK)
		r = db_number(&o->db, "SELECT forgotten FROM observed", &o->forgotten, err);
	if (r != MUSTER_OK) {
		db_abandon(&o->db);
		return r;
	}
	o->first_seq = o->next_seq;
	o->host_number = 0;
	o->open = true;
	return MUSTER_OK;
}

int observed_store_end(struct store_observed *o, int r, struct muster_err *err)
{
	char sql[80];

	if (!o->open)
		return r;
	o->open = false;
	o->host_number = 0;
	/* One number an import at least: it also names the import. */
	(void)snprintf(sql, sizeof sql, "UPDATE observed SET next_seq=%" PRId64, o->next_seq > o->first_seq ? o->next_seq : o->first_seq + 1);
	if (r == MUSTER_OK)
		r = db_exec(&o->db, sql, "write to", err);
	return db_end(&o->db, r, err);
}
