/* The issuer's books: opening, schema, statements, audit rows, copy. */
#include "core/store/sqlite_books.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/store/rules.h"

#define APPLICATION_BOOKS 0x4d754973   /* "MuIs" in the file's head */
#define SCHEMA 2
#define WAIT_MS 10000                  /* for another process that writes */

/* Times are seconds UTC, in the journal milliseconds. What must never be (trust.md section 9) is refused by the file itself, whoever writes. */
static const char schema_1[] =
	"CREATE TABLE issuer(issuer_id BLOB NOT NULL CHECK(length(issuer_id)=16), schema INTEGER NOT NULL,"
	" crl_number INTEGER NOT NULL DEFAULT 0, log_position INTEGER NOT NULL DEFAULT 0 CHECK(log_position>=0),"
	" log_start INTEGER NOT NULL DEFAULT 0, log_hash BLOB CHECK(length(log_hash)=32));"
	"CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE product(activation_id BLOB PRIMARY KEY CHECK(length(activation_id)=16), name TEXT NOT NULL UNIQUE, title TEXT NOT NULL,"
	" coverage_start INTEGER NOT NULL DEFAULT 0, coverage_end INTEGER NOT NULL DEFAULT 0, CHECK(coverage_end=0 OR coverage_end>coverage_start)) WITHOUT ROWID;"
	"CREATE TABLE organisation(id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE agreement(number TEXT PRIMARY KEY, programme TEXT NOT NULL, license_id TEXT, organisation TEXT NOT NULL REFERENCES organisation,"
	" issue INTEGER NOT NULL DEFAULT 0 CHECK(issue>=0), created INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE contact(region TEXT PRIMARY KEY, telephone TEXT, hours TEXT, web TEXT, email TEXT) WITHOUT ROWID;"
	/* key: hosts and activations of a host key; activations of a counted key; state 0 active, 1 revoked */
	"CREATE TABLE key(number INTEGER PRIMARY KEY CHECK(number BETWEEN 0 AND 1073741823), kind TEXT NOT NULL CHECK(kind IN ('A','1','Z','E','S','5')),"
	" partial TEXT NOT NULL, agreement TEXT NOT NULL REFERENCES agreement, hosts INTEGER NOT NULL CHECK(hosts>=0), activations INTEGER NOT NULL CHECK(activations>=0),"
	" generation INTEGER NOT NULL DEFAULT 0 CHECK(generation BETWEEN 0 AND 63), state INTEGER NOT NULL DEFAULT 0 CHECK(state IN (0,1)), reason TEXT,"
	" created INTEGER NOT NULL, coverage_start INTEGER NOT NULL DEFAULT 0, coverage_end INTEGER NOT NULL DEFAULT 0, sealed BLOB NOT NULL,"
	" CHECK(coverage_end=0 OR coverage_end>coverage_start));"
	"CREATE TABLE key_product(number INTEGER NOT NULL REFERENCES key, position INTEGER NOT NULL, activation_id BLOB NOT NULL REFERENCES product,"
	" PRIMARY KEY(number, position), UNIQUE(number, activation_id)) WITHOUT ROWID;"
	"CREATE TABLE pack(id BLOB PRIMARY KEY CHECK(length(id)=16), agreement TEXT NOT NULL REFERENCES agreement, issue INTEGER NOT NULL CHECK(issue>0),"
	" iat INTEGER NOT NULL, exp INTEGER NOT NULL CHECK(exp>iat), token BLOB NOT NULL, UNIQUE(agreement, issue));"
	"CREATE TABLE pack_key(pack BLOB NOT NULL REFERENCES pack, number INTEGER NOT NULL REFERENCES key, generation INTEGER NOT NULL CHECK(generation BETWEEN 1 AND 63),"
	" PRIMARY KEY(pack, number)) WITHOUT ROWID;"
	/* confirmation: method as enum books_method; counted 1: one row a machine; retired: the host's place was freed */
	"CREATE TABLE confirmation(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, method INTEGER NOT NULL CHECK(method BETWEEN 0 AND 2),"
	" number INTEGER NOT NULL REFERENCES key, generation INTEGER NOT NULL CHECK(generation BETWEEN 0 AND 63), binding BLOB NOT NULL CHECK(length(binding)=10),"
	" attempt INTEGER NOT NULL CHECK(attempt BETWEEN 0 AND 255), installation_id BLOB CHECK(length(installation_id)=19),"
	" request BLOB CHECK(length(request)=32), counted INTEGER NOT NULL CHECK(counted IN (0,1)), slot INTEGER CHECK(slot BETWEEN 0 AND 65535),"
	" statement_id BLOB UNIQUE CHECK(length(statement_id)=16), certificate TEXT, name TEXT, retired INTEGER NOT NULL DEFAULT 0,"
	" CHECK(counted=0 OR name IS NULL));"
	"CREATE UNIQUE INDEX confirmation_slot ON confirmation(number, generation, slot) WHERE slot IS NOT NULL;"
	"CREATE UNIQUE INDEX confirmation_attempt ON confirmation(number, generation, binding, attempt) WHERE counted=0;"
	"CREATE UNIQUE INDEX confirmation_request ON confirmation(number, request) WHERE request IS NOT NULL;"
	"CREATE UNIQUE INDEX confirmation_counted ON confirmation(number, binding) WHERE counted=1;"
	"CREATE INDEX confirmation_binding ON confirmation(number, binding);"
	"CREATE TRIGGER confirmation_kept BEFORE DELETE ON confirmation BEGIN SELECT RAISE(ABORT, 'a confirmation is never deleted'); END;"
	/* serial, end, revoked, reason: of the slot's certificate; counted keys have finders only and no serial */
	"CREATE TABLE slot(number INTEGER NOT NULL REFERENCES key, generation INTEGER NOT NULL CHECK(generation BETWEEN 1 AND 63),"
	" slot INTEGER NOT NULL CHECK(slot BETWEEN 0 AND 65535), pack BLOB NOT NULL REFERENCES pack, sealed BLOB NOT NULL, serial TEXT UNIQUE, end INTEGER NOT NULL,"
	" confirmation INTEGER REFERENCES confirmation, revoked INTEGER, reason INTEGER, PRIMARY KEY(number, generation, slot)) WITHOUT ROWID;"
	/* one of a generation: a counted machine keeps its row when a newer pack gives it another slot */
	"CREATE UNIQUE INDEX slot_confirmation ON slot(confirmation, generation) WHERE confirmation IS NOT NULL;"
	"CREATE TRIGGER slot_revealed BEFORE UPDATE OF confirmation ON slot WHEN OLD.confirmation IS NOT NULL"
	" BEGIN SELECT RAISE(ABORT, 'a revealed slot is never free again'); END;"
	"CREATE TRIGGER slot_kept BEFORE DELETE ON slot BEGIN SELECT RAISE(ABORT, 'a slot is never deleted'); END;"
	"CREATE TABLE wrong_tag(number INTEGER NOT NULL, day INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(number, day)) WITHOUT ROWID;"
	"CREATE TABLE certificate(number INTEGER PRIMARY KEY, serial TEXT NOT NULL UNIQUE, kid TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, request TEXT, spki TEXT,"
	" at INTEGER NOT NULL, begin INTEGER NOT NULL, end INTEGER NOT NULL CHECK(end>begin), intermediate INTEGER NOT NULL, key INTEGER REFERENCES key,"
	" binding BLOB CHECK(length(binding)=10), confirmation INTEGER REFERENCES confirmation, revoked INTEGER, reason INTEGER, chain TEXT NOT NULL,"
	" CHECK((revoked IS NULL)=(reason IS NULL)));"
	"CREATE INDEX certificate_key ON certificate(key, binding);"
	"CREATE INDEX certificate_spki ON certificate(spki) WHERE revoked IS NOT NULL;"
	"CREATE TABLE certificate_product(number INTEGER NOT NULL REFERENCES certificate, position INTEGER NOT NULL, activation_id BLOB NOT NULL,"
	" PRIMARY KEY(number, position)) WITHOUT ROWID;"
	"CREATE TABLE batch(id BLOB PRIMARY KEY CHECK(length(id)=16), request BLOB NOT NULL CHECK(length(request)=32), answer BLOB NOT NULL, at INTEGER NOT NULL);"
	/* what hosts told of their audit trails: changes only */
	"CREATE TABLE audit_head(host TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(host, seq, hash)) WITHOUT ROWID;"
	"CREATE TABLE journal(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT, kind INTEGER NOT NULL, object TEXT, code INTEGER, detail TEXT,"
	" prev BLOB NOT NULL CHECK(length(prev)=32), hash BLOB NOT NULL CHECK(length(hash)=32));"
	"CREATE TRIGGER journal_kept BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;"
	"CREATE TRIGGER journal_written BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is only appended to'); END;"
	"PRAGMA application_id=1299532147;";   /* APPLICATION_BOOKS */

/* Access licences: what a key of kind 5 licenses and for which licence server, the number that activates one, and which packs are bound. */
static const char schema_2[] =
	"ALTER TABLE key ADD COLUMN account TEXT;"
	"ALTER TABLE key ADD COLUMN licenses INTEGER NOT NULL DEFAULT 0 CHECK(licenses=0 OR (licenses>0 AND kind='5'));"
	"ALTER TABLE key ADD COLUMN per INTEGER NOT NULL DEFAULT 0 CHECK(per BETWEEN 0 AND 2);"
	"ALTER TABLE key ADD COLUMN version TEXT;"
	"ALTER TABLE key ADD COLUMN binding BLOB CHECK(binding IS NULL OR length(binding)=10);"
	"ALTER TABLE pack ADD COLUMN binding BLOB CHECK(binding IS NULL OR length(binding)=10);"
	"ALTER TABLE pack ADD COLUMN licenses INTEGER NOT NULL DEFAULT 0 CHECK(licenses IN (0,1));"
	"CREATE INDEX pack_binding ON pack(binding, agreement, issue) WHERE binding IS NOT NULL;";

const char *books_event_word(uint32_t kind)
{
	static const char *const words[] = {
		[BOOKS_EVENT_MADE] = "made", [BOOKS_EVENT_PRODUCT] = "product", [BOOKS_EVENT_AGREEMENT] = "agreement", [BOOKS_EVENT_CONTACT] = "contact",
		[BOOKS_EVENT_SETTING] = "setting", [BOOKS_EVENT_KEY] = "key-minted", [BOOKS_EVENT_ALLOWED] = "key-allowed", [BOOKS_EVENT_KEY_REVOKED] = "key-revoked",
		[BOOKS_EVENT_RETIRED] = "host-retired", [BOOKS_EVENT_PACK] = "pack", [BOOKS_EVENT_CERTIFICATE] = "certified",
		[BOOKS_EVENT_CERTIFICATE_REVOKED] = "certificate-revoked", [BOOKS_EVENT_CRL] = "revocation-list", [BOOKS_EVENT_CONFIRMED] = "confirmed",
		[BOOKS_EVENT_REPLAYED] = "replayed", [BOOKS_EVENT_WRONG_TAG] = "wrong-tag", [BOOKS_EVENT_BATCH] = "batch", [BOOKS_EVENT_KEY_SHOWN] = "key-shown",
		[BOOKS_EVENT_EXPORTED] = "exported", [BOOKS_EVENT_BACKUP] = "backup", [BOOKS_EVENT_PASSPHRASE] = "passphrase", [BOOKS_EVENT_ROOTS] = "roots",
		[BOOKS_EVENT_MIGRATED] = "migrated", [BOOKS_EVENT_INTERMEDIATE] = "intermediate",
		[BOOKS_EVENT_AUDIT_BACK] = "audit-trail-went-back",
	};

	return kind < sizeof words / sizeof words[0] && words[kind] != NULL ? words[kind] : "unknown";
}

/* ---- statements ---- */

static int bind_all(sqlite3_stmt *s, const char *types, va_list ap)
{
	int rc = SQLITE_OK;

	for (int at = 1; rc == SQLITE_OK && types[at - 1] != '\0'; at++) {
		const void *p;

		switch (types[at - 1]) {
		case 'i':
			rc = sqlite3_bind_int64(s, at, va_arg(ap, int64_t));
			break;
		case 't':
			p = va_arg(ap, const char *);
			rc = p == NULL || *(const char *)p == '\0' ? sqlite3_bind_null(s, at) : sqlite3_bind_text(s, at, p, -1, SQLITE_STATIC);
			break;
		case 'b': {
			size_t n;

			p = va_arg(ap, const void *);
			n = va_arg(ap, size_t);
			rc = n == 0 ? sqlite3_bind_null(s, at) : sqlite3_bind_blob64(s, at, p, n, SQLITE_STATIC);
			break;
		}
		default:
			MUSTER_ASSERT(types[at - 1] == 'n');
			rc = sqlite3_bind_null(s, at);
		}
	}
	return rc;
}

static int get_statement(struct books *b, sqlite3_stmt **out, const char *sql, struct muster_err *err)
{
	size_t i;
	int r;

	*out = NULL;
	if ((r = db_usable(&b->db, err)) != MUSTER_OK)
		return r;
	for (i = 0; i < b->cached; i++)
		if (b->cache[i].sql == sql) {
			*out = b->cache[i].s;
			(void)sqlite3_reset(*out);
			(void)sqlite3_clear_bindings(*out);
			return MUSTER_OK;
		}
	MUSTER_ASSERT(b->cached < BOOKS_STATEMENTS_MAX);
	if ((r = db_prepare(&b->db, out, sql, err)) != MUSTER_OK)
		return r;
	b->cache[b->cached].sql = sql;
	b->cache[b->cached++].s = *out;
	return MUSTER_OK;
}

static int take_statement(struct books *b, sqlite3_stmt **out, const char *sql, const char *types, va_list ap, struct muster_err *err)
{
	int r = get_statement(b, out, sql, err), rc;

	if (r == MUSTER_OK && (rc = bind_all(*out, types, ap)) != SQLITE_OK)
		r = db_fail(&b->db, rc, "read", err);
	return r;
}

int books_sql(struct books *b, sqlite3_stmt **out, struct muster_err *err, const char *sql, const char *types, ...)
{
	va_list ap;
	int r;

	va_start(ap, types);
	r = take_statement(b, out, sql, types, ap, err);
	va_end(ap);
	return r;
}

int books_do(struct books *b, struct muster_err *err, const char *sql, const char *types, ...)
{
	sqlite3_stmt *s;
	va_list ap;
	int r;

	va_start(ap, types);
	r = take_statement(b, &s, sql, types, ap, err);
	va_end(ap);
	return r != MUSTER_OK ? r : db_run(&b->db, s, "write to", err);
}

int books_int(struct books *b, int64_t *out, struct muster_err *err, const char *sql, const char *types, ...)
{
	sqlite3_stmt *s;
	va_list ap;
	int r;

	*out = 0;
	va_start(ap, types);
	r = take_statement(b, &s, sql, types, ap, err);
	va_end(ap);
	if (r != MUSTER_OK || (r = db_step(&b->db, s, "read", err)) != 1)
		return r;
	*out = sqlite3_column_int64(s, 0);
	(void)sqlite3_reset(s);
	return 1;
}

int books_ids(struct books *b, uint8_t (*out)[16], size_t room, size_t *n, const char *sql, int64_t number, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, sql, "i", number);

	*n = 0;
	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1) {
		r = MUSTER_OK;
		if (*n < room)
			(void)db_column_blob(out[(*n)++], 16, s, 0);
	}
	return r;
}

int books_begin(struct books *b, struct muster_err *err)
{
	return db_begin_unclaimed(&b->db, err);
}

int books_end(struct books *b, int r, struct muster_err *err)
{
	return db_end(&b->db, r, err);
}

/* ---- audit ---- */

int books_record(struct books *b, struct muster_err *err, enum books_event kind, const struct books_act *act, const char *object, const char *detail, ...)
{
	struct store_journal row = { .at = act->now * 1000, .kind = (uint32_t)kind }, before;
	sqlite3_stmt *s;
	va_list ap;
	size_t n;
	int r;

	(void)snprintf(row.actor, sizeof row.actor, "%s", act->actor);
	(void)snprintf(row.object, sizeof row.object, "%s", object);
	va_start(ap, detail);
	(void)vsnprintf(row.detail, sizeof row.detail, detail, ap);
	va_end(ap);
	n = strlen(row.detail);
	if (act->reason != NULL && act->reason[0] != '\0')
		(void)snprintf(row.detail + n, sizeof row.detail - n, "%sreason: %s", n > 0 ? "; " : "", act->reason);
	if ((r = books_sql(b, &s, err, "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1", "")) != MUSTER_OK || (r = db_step(&b->db, s, "read", err)) < 0)
		return r;
	if (r == 1) {
		before.seq = sqlite3_column_int64(s, 0);
		(void)db_column_blob(before.hash, sizeof before.hash, s, 1);
		(void)sqlite3_reset(s);
	}
	if ((r = rules_chain(&row, r == 1 ? &before : NULL, err)) != MUSTER_OK)
		return r;
	return books_do(b, err, "INSERT INTO journal(seq, at, actor, kind, object, code, detail, prev, hash) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)", "iitititbb",
	                row.seq, row.at, row.actor, (int64_t)row.kind, row.object, (int64_t)row.code, row.detail, row.prev, sizeof row.prev, row.hash, sizeof row.hash);
}

int books_note(struct books *b, enum books_event kind, const char *object, const char *detail, const struct books_act *act, struct muster_err *err)
{
	int r = books_begin(b, err);

	return r != MUSTER_OK ? r : books_end(b, books_record(b, err, kind, act, object, "%s", detail), err);
}

int books_audit(struct books *b, int64_t after, size_t limit, int (*fn)(void *ctx, const struct store_journal *), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *s;
	int r = books_sql(b, &s, err, "SELECT seq, at, actor, kind, object, code, detail, prev, hash FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", "ii", after,
	                  (int64_t)(limit < INT32_MAX ? limit : INT32_MAX));

	while (r == MUSTER_OK && (r = db_step(&b->db, s, "read", err)) == 1) {
		struct store_journal row = { .seq = sqlite3_column_int64(s, 0), .at = sqlite3_column_int64(s, 1), .kind = db_column_u32(s, 3), .code = db_column_u32(s, 5) };

		r = MUSTER_OK;
		db_column_text(row.actor, sizeof row.actor, s, 2);
		db_column_text(row.object, sizeof row.object, s, 4);
		db_column_text(row.detail, sizeof row.detail, s, 6);
		(void)db_column_blob(row.prev, sizeof row.prev, s, 7);
		(void)db_column_blob(row.hash, sizeof row.hash, s, 8);
		if (fn(ctx, &row) != 0) {
			(void)sqlite3_reset(s);
			break;
		}
	}
	return r;
}

/* ---- opening ---- */

static int make_schema(struct books *b, const uint8_t issuer_id[16], struct muster_err *err)
{
	int64_t objects;
	int r;

	if ((r = db_enter_wal(&b->db, err)) != MUSTER_OK || (r = books_begin(b, err)) != MUSTER_OK)
		return r;
	/* another process may have been quicker */
	if ((r = db_number(&b->db, "SELECT count(*) FROM sqlite_schema", &objects, err)) == MUSTER_OK && objects == 0
	    && (r = db_exec(&b->db, schema_1, "make", err)) == MUSTER_OK && (r = db_exec(&b->db, schema_2, "make", err)) == MUSTER_OK)
		r = books_do(b, err, "INSERT INTO issuer(issuer_id, schema) VALUES(?, ?)", "bi", issuer_id, (size_t)16, (int64_t)SCHEMA);
	return books_end(b, r, err);
}

/* Books of an earlier Muster: what they lack, in one transaction; another process may be quicker. */
static int raise_schema(struct books *b, struct muster_err *err)
{
	int64_t schema;
	int r;

	if ((r = books_begin(b, err)) != MUSTER_OK)
		return r;
	if ((r = db_number(&b->db, "SELECT schema FROM issuer", &schema, err)) == MUSTER_OK && schema < SCHEMA && (r = db_exec(&b->db, schema_2, "bring up to date", err)) == MUSTER_OK)
		r = books_do(b, err, "UPDATE issuer SET schema = ?", "i", (int64_t)SCHEMA);
	return books_end(b, r, err);
}

static int check_issuer(struct books *b, const uint8_t issuer_id[16], struct muster_err *err)
{
	char ours[UUID_TEXT], theirs[UUID_TEXT];
	uint8_t id[16] = { 0 };
	sqlite3_stmt *s;
	int64_t schema = 0;
	int r;

	if ((r = books_sql(b, &s, err, "SELECT schema, issuer_id FROM issuer", "")) != MUSTER_OK || (r = db_step(&b->db, s, "read", err)) < 0)
		return r;
	if (r == 0)
		return err_set(err, MUSTER_E_IO, "%s is damaged: its head row is gone; put the last backup in its place", b->db.path);
	schema = sqlite3_column_int64(s, 0);
	(void)db_column_blob(id, sizeof id, s, 1);
	(void)sqlite3_reset(s);
	if (schema > SCHEMA)
		return err_set(err, MUSTER_E_UNSUPPORTED, "%s was written by a newer Muster (schema %" PRId64 ", this one knows up to %d): install that version", b->db.path,
			schema, SCHEMA);
	if (uuid_equal(id, issuer_id))
		return schema < SCHEMA ? raise_schema(b, err) : MUSTER_OK;
	uuid_format(theirs, id);
	uuid_format(ours, issuer_id);
	return err_set(err, MUSTER_E_INVALID, "%s are the books of another issuer (%s, not %s): put this issuer's own in its place", b->db.path, theirs, ours);
}

static int open_checked(struct books *b, const char *dir, const uint8_t issuer_id[16], bool make, struct muster_err *err)
{
	int64_t application, objects;
	int r;

	if ((r = db_connect(&b->db, dir, DB_BOOKS, true, err)) != MUSTER_OK)
		return r;
	(void)sqlite3_busy_timeout(b->db.h, WAIT_MS);
	if ((r = db_number(&b->db, "PRAGMA application_id", &application, err)) != MUSTER_OK
	    || (r = db_number(&b->db, "SELECT count(*) FROM sqlite_schema", &objects, err)) != MUSTER_OK)
		return r;
	if (application != APPLICATION_BOOKS && (application != 0 || objects != 0))
		return err_set(err, MUSTER_E_INVALID, "%s is a database of another program, not an issuer's books: put the last backup in its place", b->db.path);
	if (application == 0 && !make)
		return err_set(err, MUSTER_E_INVALID, "%s is empty: put the last backup in its place", b->db.path);
	if (application == 0 && (r = make_schema(b, issuer_id, err)) != MUSTER_OK)
		return r;
	return check_issuer(b, issuer_id, err);
}

int books_open(struct books **out, const char *dir, const uint8_t issuer_id[16], bool make, struct muster_err *err)
{
	char *path = file_join(dir, db_file(DB_BOOKS));
	struct books *b = NULL;
	int r;

	*out = NULL;
	if (path == NULL || (b = mem_alloc(sizeof *b)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	buf_init(&b->token, (size_t)16 << 20);
	if (!make && access(path, F_OK) != 0) {
		r = errno == ENOENT ? err_set(err, MUSTER_E_NOT_FOUND, "there are no books (%s): put the last backup in its place", path) : err_errno(err, errno, "cannot examine %s", path);
		goto done;
	}
	if ((r = open_checked(b, dir, issuer_id, make, err)) == MUSTER_OK) {
		*out = b;
		b = NULL;
	}
done:
	books_close(b);
	mem_free(path);
	return r;
}

void books_close(struct books *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->cached; i++)
		(void)sqlite3_finalize(b->cache[i].s);
	db_close(&b->db);
	buf_fini(&b->token);
	mem_free(b);
}

/* ---- copy ---- */

/* An empty file of ours to copy into: SQLite would take the mode from the umask. */
static int make_part(const char *path, struct muster_err *err)
{
	int fd;

	if (unlink(path) != 0 && errno != ENOENT)
		return err_errno(err, errno, "cannot remove %s, left by an earlier backup", path);
	if ((fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0)
		return err_errno(err, errno, "cannot make %s", path);
	(void)close(fd);
	return MUSTER_OK;
}

static int check_copy(const char *path, struct muster_err *err)
{
	struct db copy = { .kind = DB_BOOKS };
	sqlite3_stmt *s = NULL;
	int rc, r;

	if ((copy.path = mem_strdup(path)) == NULL)
		return err_nomem(err);
	if ((rc = sqlite3_open_v2(path, &copy.h, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL)) != SQLITE_OK)
		r = db_fail(&copy, rc, "check the backup", err);
	else if ((r = db_prepare(&copy, &s, "PRAGMA integrity_check(1)", err)) == MUSTER_OK && (r = db_step(&copy, s, "check the backup", err)) == 1)
		r = strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0 ? MUSTER_OK
			: err_set(err, MUSTER_E_IO, "the copy %s does not pass its check; look at the disk, and keep earlier backups: the original may be damaged", path);
	(void)sqlite3_finalize(s);
	db_close(&copy);
	return r;
}

static int sync_file(const char *path, int flags, struct muster_err *err)
{
	int r = MUSTER_OK, fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", path);
	if (fsync(fd) != 0)
		r = err_errno(err, errno, "cannot sync %s", path);
	(void)close(fd);
	return r;
}

/* Its name last, and never over something that is there. */
static int give_name(const char *part, const char *file, struct muster_err *err)
{
	const char *slash = strrchr(file, '/');
	char *parent = slash == NULL ? mem_strdup(".") : mem_strndup(file, slash == file ? 1 : (size_t)(slash - file));
	int r = MUSTER_OK;

	if (parent == NULL)
		return err_nomem(err);
	if (link(part, file) != 0)
		r = errno == EEXIST ? err_set(err, MUSTER_E_EXISTS, "%s is there already: name another file", file) : err_errno(err, errno, "cannot make %s", file);
	else if (unlink(part) != 0)
		r = err_errno(err, errno, "cannot remove %s", part);
	if (r == MUSTER_OK)
		r = sync_file(parent, O_RDONLY | O_DIRECTORY, err);
	mem_free(parent);
	return r;
}

int books_backup(struct books *b, const char *file, struct muster_err *err)
{
	char *part = mem_printf("%s.part", file);
	int r;

	if (part == NULL)
		return err_nomem(err);
	if (access(file, F_OK) == 0) {
		r = err_set(err, MUSTER_E_EXISTS, "%s is there already: name another file", file);
		goto done;
	}
	if ((r = make_part(part, err)) != MUSTER_OK)
		goto done;
	/* VACUUM INTO reads one state of the file and lets others write meanwhile */
	if ((r = books_do(b, err, "VACUUM INTO ?", "t", part)) == MUSTER_OK && (r = check_copy(part, err)) == MUSTER_OK
	    && (r = sync_file(part, O_RDONLY, err)) == MUSTER_OK)
		r = give_name(part, file, err);
	if (r != MUSTER_OK)
		(void)unlink(part);
done:
	mem_free(part);
	return r;
}
