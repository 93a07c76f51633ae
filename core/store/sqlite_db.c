#include "core/store/sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/store/rules.h"

#define BUSY_MS 2000  /* another connection that recovers or closes holds its lock for moments; a second host is told so after this */

const char *db_file(enum db_kind kind)
{
	static const char *const names[] = { [DB_LOG] = "log.db", [DB_STATE] = "state.db", [DB_BOOKS] = "books.db", [DB_OBSERVED] = "observed.db" };

	return names[kind];
}

const char *db_noun(enum db_kind kind)
{
	static const char *const nouns[] = { [DB_LOG] = "the log", [DB_STATE] = "the state", [DB_BOOKS] = "the books", [DB_OBSERVED] = "what was observed" };

	return nouns[kind];
}

int db_usable(const struct db *db, struct muster_err *err)
{
	return db->broken ? rules_broken(err, db->path) : MUSTER_OK;
}

int db_fail(struct db *db, int rc, const char *doing, struct muster_err *err)
{
	int number = db->h != NULL ? sqlite3_system_errno(db->h) : 0;
	const char *what = sqlite3_errstr(rc);

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return err_set(err, MUSTER_E_LIMIT, "cannot %s %s: the disk is full; free space on its file system", doing, db->path);
	case SQLITE_NOMEM:
		return err_nomem(err);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, MUSTER_E_BUSY, "cannot %s %s: another process holds it; stop that one, or try again", doing, db->path);
	case SQLITE_CORRUPT:
		db->broken = true;
		return err_set(err, MUSTER_E_IO, "cannot %s %s: the file is damaged (%s); stop the host, keep the file and put the last backup in its place",
			doing, db->path, what);
	case SQLITE_NOTADB:
		db->broken = true;
		return err_set(err, MUSTER_E_INVALID, "%s is not a file of Muster's: it is no SQLite database; move it away, or put the last backup in its place", db->path);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
		db->broken = true;
		return err_set(err, MUSTER_E_IO, "cannot %s %s: %s%s%s; look at the disk and its file system", doing, db->path, what,
			number != 0 ? ": " : "", number != 0 ? strerror(number) : "");
	default:
		return err_set(err, MUSTER_E_INTERNAL, "cannot %s %s: %s", doing, db->path, db->h != NULL ? sqlite3_errmsg(db->h) : what);
	}
}

int db_exec(struct db *db, const char *sql, const char *doing, struct muster_err *err)
{
	int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? MUSTER_OK : db_fail(db, rc, doing, err);
}

int db_step(struct db *db, sqlite3_stmt *s, const char *doing, struct muster_err *err)
{
	int rc = sqlite3_step(s), r;

	if (rc == SQLITE_ROW)
		return 1;
	r = rc == SQLITE_DONE ? 0 : db_fail(db, rc, doing, err);
	(void)sqlite3_reset(s);
	return r;
}

int db_run(struct db *db, sqlite3_stmt *s, const char *doing, struct muster_err *err)
{
	int r = db_step(db, s, doing, err);

	if (r == 1) {
		(void)sqlite3_reset(s);
		return err_set(err, MUSTER_E_INTERNAL, "cannot %s %s: a row came where none was expected", doing, db->path);
	}
	return r;
}

int db_begin_unclaimed(struct db *db, struct muster_err *err)
{
	int r = db_usable(db, err);

	MUSTER_ASSERT(db->write);
	return r != MUSTER_OK ? r : db_run(db, db->begin, "begin to write", err);
}

int db_begin(struct db *db, struct muster_err *err)
{
	int r;

	MUSTER_ASSERT(db->epoch > 0 || db->broken);
	if ((r = db_begin_unclaimed(db, err)) != MUSTER_OK)
		return r;
	if ((r = db_step(db, db->read_epoch, "read the epoch of", err)) == 1) {
		uint32_t now = db_column_u32(db->read_epoch, 0);

		(void)sqlite3_reset(db->read_epoch);
		r = now == db->epoch ? MUSTER_OK : rules_superseded(err, db->path, db->epoch, now);
	} else if (r == 0) {
		db->broken = true;
		r = err_set(err, MUSTER_E_IO, "%s is damaged: its head row is gone; put the last backup in its place", db->path);
	}
	if (r != MUSTER_OK)
		db_abandon(db);
	return r;
}

void db_abandon(struct db *db)
{
	/* Some errors have rolled back by themselves. */
	if (sqlite3_get_autocommit(db->h) != 0)
		return;
	if (sqlite3_step(db->rollback) != SQLITE_DONE && sqlite3_get_autocommit(db->h) == 0)
		db->broken = true;
	(void)sqlite3_reset(db->rollback);
}

/* A commit failed. Only a full disk is certain to have kept the last frame, the one that commits, off the file. */
static int commit_failed(struct db *db, int rc, struct muster_err *err)
{
	int r = db_fail(db, rc, "commit to", err);

	db_abandon(db);
	if (r == MUSTER_E_LIMIT || r == MUSTER_E_BUSY)
		return r;
	db->broken = true;
	(void)err_prefix(err, MUSTER_E_UNKNOWN, "it is unknown whether the last commit happened");
	if (err != NULL)
		err->result = MUSTER_E_UNKNOWN;
	return MUSTER_E_UNKNOWN;
}

int db_end(struct db *db, int r, struct muster_err *err)
{
	int rc;

	if (r != MUSTER_OK) {
		db_abandon(db);
		return r;
	}
	rc = sqlite3_step(db->commit);
	(void)sqlite3_reset(db->commit);
	return rc == SQLITE_DONE ? MUSTER_OK : commit_failed(db, rc, err);
}

void db_bind_text(sqlite3_stmt *s, int at, const char *text)
{
	if (text[0] == '\0')
		(void)sqlite3_bind_null(s, at);
	else
		(void)sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

void db_bind_blob(sqlite3_stmt *s, int at, const void *p, size_t n)
{
	if (n == 0)
		(void)sqlite3_bind_null(s, at);
	else
		(void)sqlite3_bind_blob(s, at, p, (int)n, SQLITE_STATIC);
}

void db_bind_present(sqlite3_stmt *s, int at, bool present, int64_t value)
{
	if (present)
		(void)sqlite3_bind_int64(s, at, value);
	else
		(void)sqlite3_bind_null(s, at);
}

void db_column_text(char *out, size_t room, sqlite3_stmt *s, int at)
{
	const unsigned char *text = sqlite3_column_text(s, at);
	size_t n = text != NULL ? (size_t)sqlite3_column_bytes(s, at) : 0;

	if (n >= room)
		n = room - 1;
	if (text != NULL && n > 0)
		memcpy(out, text, n);
	out[n] = '\0';
}

size_t db_column_blob(void *out, size_t room, sqlite3_stmt *s, int at)
{
	const void *p = sqlite3_column_blob(s, at);
	size_t n = p != NULL ? (size_t)sqlite3_column_bytes(s, at) : 0;

	memset(out, 0, room);
	if (n == 0 || n > room)
		return 0;
	memcpy(out, p, n);
	return n;
}

uint32_t db_column_u32(sqlite3_stmt *s, int at)
{
	return (uint32_t)sqlite3_column_int64(s, at);
}

static int check_owner(const char *path, const struct stat *st, struct muster_err *err)
{
	if (st->st_uid == 0 || st->st_uid == geteuid())
		return MUSTER_OK;
	return err_set(err, MUSTER_E_DENIED, "%s belongs to user %lu, neither to root nor to the user running this: chown it, or run as that user",
		path, (unsigned long)st->st_uid);
}

/* The folder may be entered by others (the admin socket can lie in it), but only we may put files there. */
static int check_folder(const char *dir, bool make, struct muster_err *err)
{
	struct stat st;
	int r;

	if (stat(dir, &st) != 0) {
		if (errno != ENOENT || !make)
			return err_errno(err, errno, "cannot enter the state folder %s", dir);
		if ((r = file_make_dir(dir, 0700, err)) != MUSTER_OK)
			return r;
		if (stat(dir, &st) != 0)
			return err_errno(err, errno, "cannot examine %s", dir);
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(err, MUSTER_E_INVALID, "%s is not a folder: the state needs a folder of its own", dir);
	if ((r = check_owner(dir, &st, err)) != MUSTER_OK)
		return r;
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(err, MUSTER_E_DENIED, "the state folder %s can be written by others (mode %04o): chmod go-w %s", dir,
			(unsigned)(st.st_mode & 07777), dir);
	return MUSTER_OK;
}

/* SQLite would take the mode from the umask, so the file is made here; -wal and -shm take theirs from it. */
static int make_file(const char *dir, const char *path, struct muster_err *err)
{
	int r = MUSTER_OK, fd;

	if ((fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0)
		return err_errno(err, errno, "cannot make %s", path);
	(void)close(fd);
	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_errno(err, errno, "cannot open the folder %s", dir);
	if (fsync(fd) != 0)
		r = err_errno(err, errno, "cannot sync the folder %s", dir);
	(void)close(fd);
	return r;
}

static int check_file(const struct db *db, const char *dir, struct muster_err *err)
{
	struct stat st;
	int r;

	if (lstat(db->path, &st) != 0) {
		if (errno != ENOENT)
			return err_errno(err, errno, "cannot examine %s", db->path);
		if (!db->write)
			return err_set(err, MUSTER_E_NOT_FOUND, "there is no %s: a host that runs with this state folder makes it", db->path);
		return make_file(dir, db->path, err);
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, MUSTER_E_DENIED, "%s must be a regular file, neither a link nor a folder: put the file itself there", db->path);
	if ((r = check_owner(db->path, &st, err)) != MUSTER_OK)
		return r;
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return err_set(err, MUSTER_E_DENIED, "%s can be used by others than its owner (mode %04o): chmod 600 %s", db->path,
			(unsigned)(st.st_mode & 07777), db->path);
	return MUSTER_OK;
}

int db_prepare(struct db *db, sqlite3_stmt **out, const char *sql, struct muster_err *err)
{
	int rc = sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);

	if (rc == SQLITE_OK)
		return MUSTER_OK;
	/* Ours, by its number, and yet without a table or column of ours. */
	if (rc == SQLITE_ERROR)
		return err_set(err, MUSTER_E_IO, "%s is damaged (%s); stop the host, keep the file and put the last backup in its place",
			db->path, sqlite3_errmsg(db->h));
	return db_fail(db, rc, "read", err);
}

/* ledger.md section 1. journal_size_limit: a backup lets the WAL grow; afterwards it need not stay so large. */
static const char settings[] =
	"PRAGMA mmap_size=0; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
	"PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=67108864;";

static int connect_file(struct db *db, struct muster_err *err)
{
	int rc = sqlite3_open_v2(db->path, &db->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	int r;

	if (rc != SQLITE_OK)
		return db_fail(db, rc, "open", err);
	(void)sqlite3_busy_timeout(db->h, BUSY_MS);
	(void)sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if ((r = db_exec(db, settings, "open", err)) != MUSTER_OK)
		return r;
	/* 16 MiB for the fold and for imports, whose rows lie all over the file; the log is written at its end: SQLite's 2 MiB do, as for readers. */
	if (db->write && (db->kind == DB_STATE || db->kind == DB_OBSERVED))
		return db_exec(db, "PRAGMA cache_size=-16384", "open", err);
	return db->write ? MUSTER_OK : db_exec(db, "PRAGMA query_only=ON", "open", err);
}

int db_connect(struct db *db, const char *dir, enum db_kind kind, bool write, struct muster_err *err)
{
	int r;

	memset(db, 0, sizeof *db);
	db->kind = kind;
	db->write = write;
	if ((db->path = file_join(dir, db_file(kind))) == NULL)
		return err_nomem(err);
	if ((r = check_folder(dir, write, err)) != MUSTER_OK || (r = check_file(db, dir, err)) != MUSTER_OK || (r = connect_file(db, err)) != MUSTER_OK
	    || (r = db_prepare(db, &db->begin, "BEGIN IMMEDIATE", err)) != MUSTER_OK
	    || (r = db_prepare(db, &db->commit, "COMMIT", err)) != MUSTER_OK)
		goto done;
	r = db_prepare(db, &db->rollback, "ROLLBACK", err);
done:
	if (r != MUSTER_OK)
		db_close(db);
	return r;
}

int db_open(struct db *db, const char *dir, enum db_kind kind, bool write, const char *const *sql, size_t count, struct muster_err *err)
{
	int r;

	MUSTER_ASSERT(count <= DB_STATEMENTS_MAX);
	if ((r = db_connect(db, dir, kind, write, err)) != MUSTER_OK)
		return r;
	if ((r = db_schema(db, err)) == MUSTER_OK)
		r = db_prepare(db, &db->read_epoch, kind == DB_LOG ? "SELECT epoch FROM log" : "SELECT epoch FROM ledger", err);
	for (size_t i = 0; r == MUSTER_OK && i < count; i++)
		r = db_prepare(db, &db->stmt[i], sql[i], err);
	if (r != MUSTER_OK)
		db_close(db);
	return r;
}

void db_close(struct db *db)
{
	(void)sqlite3_finalize(db->begin);
	(void)sqlite3_finalize(db->commit);
	(void)sqlite3_finalize(db->rollback);
	(void)sqlite3_finalize(db->read_epoch);
	for (size_t i = 0; i < DB_STATEMENTS_MAX; i++)
		(void)sqlite3_finalize(db->stmt[i]);
	/* The last connection moves the WAL into the file; when that fails the WAL stays and the next opening does it. */
	(void)sqlite3_close(db->h);
	mem_free(db->path);
	memset(db, 0, sizeof *db);
}
