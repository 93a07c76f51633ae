/* A copy of both files while the host runs (ledger.md section 2). */
#include "core/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define STEP_PAGES 1024  /* 4 MiB between two looks at the WAL */

/* Nothing but what a backup that was cut short can have left. */
static int remove_part(const char *part, struct muster_err *err)
{
	static const char *const names[] = {
		"state.db", "state.db-wal", "state.db-shm", "state.db-journal", "log.db", "log.db-wal", "log.db-shm", "log.db-journal"
	};
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < sizeof names / sizeof names[0]; i++) {
		char *path = file_join(part, names[i]);

		if (path == NULL)
			return err_nomem(err);
		if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
			r = err_errno(err, errno, "cannot remove %s", path);
		mem_free(path);
	}
	if (r == MUSTER_OK && rmdir(part) != 0 && errno != ENOENT)
		r = err_errno(err, errno, "cannot remove %s, left by an earlier backup: remove it by hand", part);
	return r;
}

int sqlite_sync_path(const char *path, struct muster_err *err)
{
	int r = MUSTER_OK, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", path);
	if (fsync(fd) != 0)
		r = err_errno(err, errno, "cannot sync %s", path);
	(void)close(fd);
	return r;
}

static int wal_too_large(const struct db *from, const char *wal, uint64_t wal_max, struct muster_err *err)
{
	struct stat st;

	if (stat(wal, &st) != 0 || (uint64_t)st.st_size <= wal_max)
		return MUSTER_OK;
	return err_set(err, MUSTER_E_BUSY, "the backup was given up: %s grew to %" PRIu64 " MiB while %s was copied (limit %" PRIu64 " MiB);"
		" try again at a quieter time or to a faster disk, or raise wal_max", wal, (uint64_t)st.st_size >> 20, db_file(from->kind), wal_max >> 20);
}

/*
 * The caller holds a reading transaction on @p from, so all steps copy one state of the file and none starts over: as good
 * as a single sqlite3_backup_step(-1), which however could not be given up when the WAL grows too large.
 */
static int copy_pages(struct db *from, struct db *to, uint64_t wal_max, struct muster_err *err)
{
	sqlite3_backup *b;
	char *wal = mem_printf("%s-wal", from->path);
	int rc = SQLITE_OK, r = MUSTER_OK;

	if (wal == NULL)
		return err_nomem(err);
	if ((b = sqlite3_backup_init(to->h, "main", from->h, "main")) == NULL) {
		mem_free(wal);
		return db_fail(to, sqlite3_extended_errcode(to->h), "write the backup", err);
	}
	while (r == MUSTER_OK && (rc = sqlite3_backup_step(b, STEP_PAGES)) == SQLITE_OK)
		r = wal_too_large(from, wal, wal_max, err);
	(void)sqlite3_backup_finish(b);
	if (r == MUSTER_OK && rc != SQLITE_DONE)
		r = db_fail(to, rc, "write the backup", err);
	mem_free(wal);
	return r;
}

static int begin_reading(struct db *from, struct muster_err *err)
{
	int r = db_exec(from, "BEGIN", "read", err);

	return r != MUSTER_OK ? r : db_exec(from, "SELECT 1 FROM sqlite_schema LIMIT 1", "read", err);
}

/* A connection to the copy; without the checks and settings of db_open(), which are for a file in use. */
static int connect_copy(struct db *to, const char *path, enum db_kind kind, struct muster_err *err)
{
	int rc;

	memset(to, 0, sizeof *to);
	to->kind = kind;
	if ((to->path = mem_strdup(path)) == NULL)
		return err_nomem(err);
	rc = sqlite3_open_v2(path, &to->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	return rc == SQLITE_OK ? MUSTER_OK : db_fail(to, rc, "open the backup", err);
}

/* SQLite's answer may have several lines; an error has one. */
static const char *one_line(char *text)
{
	for (char *p = text; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	return text;
}

static int check_copy(const char *path, enum db_kind kind, struct muster_err *err)
{
	sqlite3_stmt *s = NULL;
	char answer[200] = "";
	struct db db;
	int r, rc;

	if ((r = connect_copy(&db, path, kind, err)) != MUSTER_OK)
		goto done;
	if ((rc = sqlite3_prepare_v2(db.h, "PRAGMA integrity_check(1)", -1, &s, NULL)) == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW)
		db_column_text(answer, sizeof answer, s, 0);
	(void)sqlite3_finalize(s);
	if (rc != SQLITE_ROW)
		r = db_fail(&db, rc, "check the backup", err);
	else if (strcmp(answer, "ok") != 0)
		r = err_set(err, MUSTER_E_IO, "the copy %s does not pass its check (%s); look at the disk, and keep earlier backups: the original may be damaged",
			path, one_line(answer));
done:
	db_close(&db);
	return r;
}

int sqlite_copy(struct db *from, const char *dir, const char *name, uint64_t wal_max, struct muster_err *err)
{
	int r, fd;
	struct db to;
	char *path;

	memset(&to, 0, sizeof to);
	if ((path = file_join(dir, name)) == NULL)
		return err_nomem(err);
	if ((fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0) {
		r = err_errno(err, errno, "cannot make %s", path);
		goto done;
	}
	(void)close(fd);
	/* Synced once, at the end: until it has its name it is no backup. */
	if ((r = connect_copy(&to, path, from->kind, err)) != MUSTER_OK
	    || (r = db_exec(&to, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;", "write the backup", err)) != MUSTER_OK
	    || (r = begin_reading(from, err)) != MUSTER_OK)
		goto done;
	r = copy_pages(from, &to, wal_max, err);
	(void)db_exec(from, "COMMIT", "read", NULL);
	db_close(&to);
	if (r == MUSTER_OK && (r = check_copy(path, from->kind, err)) == MUSTER_OK)
		r = sqlite_sync_path(path, err);
done:
	db_close(&to);
	mem_free(path);
	return r;
}

static int copy_file(struct sqlite_store *s, const char *part, enum db_kind kind, uint64_t wal_max, struct muster_err *err)
{
	struct db from;
	int r = db_open(&from, s->dir, kind, false, NULL, 0, err);

	if (r != MUSTER_OK)
		return r;
	r = sqlite_copy(&from, part, db_file(kind), wal_max, err);
	db_close(&from);
	return r;
}

static char *parent_of(const char *dir)
{
	const char *slash = strrchr(dir, '/');

	return slash == NULL ? mem_strdup(".") : mem_strndup(dir, slash == dir ? 1 : (size_t)(slash - dir));
}

static int backup_into(struct sqlite_store *s, const char *dir, const char *part, const char *parent, uint64_t wal_max, struct muster_err *err)
{
	struct stat st;
	int r;

	if (lstat(dir, &st) == 0)
		return err_set(err, MUSTER_E_EXISTS, "%s is there already: a backup goes into a new folder; name another one", dir);
	if (errno != ENOENT)
		return err_errno(err, errno, "cannot examine %s", dir);
	if ((r = remove_part(part, err)) != MUSTER_OK)
		return r;
	if (mkdir(part, 0700) != 0)
		return err_errno(err, errno, "cannot make the folder %s", part);
	/* State first: the log copied afterwards then holds every row that this state has not folded. */
	if ((r = copy_file(s, part, DB_STATE, wal_max, err)) != MUSTER_OK || (r = copy_file(s, part, DB_LOG, wal_max, err)) != MUSTER_OK
	    || (r = sqlite_sync_path(part, err)) != MUSTER_OK)
		goto undo;
	if (rename(part, dir) != 0) {
		r = err_errno(err, errno, "cannot rename %s to %s", part, dir);
		goto undo;
	}
	/* It is whole; only its name may not outlive a power cut. */
	return sqlite_sync_path(parent, err);
undo:
	(void)remove_part(part, NULL);
	return r;
}

int sqlite_backup(struct store *base, const char *given, uint64_t wal_max, struct muster_err *err)
{
	struct sqlite_store *s = (struct sqlite_store *)base;
	bool idle = false;
	char *dir = NULL, *part = NULL, *parent = NULL;
	size_t n = strlen(given);
	int r;

	while (n > 1 && given[n - 1] == '/')
		n--;
	if (n == 0)
		return err_set(err, MUSTER_E_INVALID, "a backup needs the name of a new folder");
	if (!atomic_compare_exchange_strong(&s->backing_up, &idle, true))
		return err_set(err, MUSTER_E_BUSY, "another backup is running: wait for it");
	if ((dir = mem_strndup(given, n)) == NULL || (part = mem_printf("%s.part", dir)) == NULL || (parent = parent_of(dir)) == NULL)
		r = err_nomem(err);
	else
		r = backup_into(s, dir, part, parent, wal_max, err);
	atomic_store(&s->backing_up, false);
	mem_free(parent);
	mem_free(part);
	mem_free(dir);
	return r;
}
