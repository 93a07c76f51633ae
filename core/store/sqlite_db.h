/** One connection to one SQLite file: opening with all checks, prepared statements, transactions, errors. Private to this folder. */
#ifndef STORE_SQLITE_DB_H
#define STORE_SQLITE_DB_H

#include <sqlite3.h>

#include "core/store/store.h"

enum db_kind { DB_LOG, DB_STATE, DB_BOOKS /* sqlite_books.c: opened by db_connect(), has a schema of its own */, DB_OBSERVED /* sqlite_observed.c, likewise */ };
#define DB_STATEMENTS_MAX 80

struct db {
	sqlite3 *h;
	char *path;              /* owned */
	enum db_kind kind;
	bool write;
	bool broken;             /* an I/O error was met: nothing more until closed */
	uint32_t epoch;          /* this handle's claim; 0 none */
	sqlite3_stmt *begin, *commit, *rollback, *read_epoch;
	sqlite3_stmt *stmt[DB_STATEMENTS_MAX];
};

/** "log.db", "state.db", "books.db" or "observed.db". */
const char *db_file(enum db_kind kind);
/** "the log", "the state", …, for messages. */
const char *db_noun(enum db_kind kind);

/**
 * Open DIR/<file>, made when it is not there and @p write is set; check, migrate, prepare.
 *
 * @param sql statements that become db->stmt[0 … count-1]. Results as store.h says of opening.
 * On failure @p db is closed and empty.
 */
int db_open(struct db *db, const char *dir, enum db_kind kind, bool write, const char *const *sql, size_t count, struct muster_err *err);
/** The first part of it: check folder and file, connect, prepare the three statements of transactions. Looks at no schema. */
int db_connect(struct db *db, const char *dir, enum db_kind kind, bool write, struct muster_err *err);
void db_close(struct db *db);   /**< accepts one that is empty */
/** Prepare a statement that is kept; the caller finalizes it. */
int db_prepare(struct db *db, sqlite3_stmt **out, const char *sql, struct muster_err *err);
/** One number; @p sql may name tables that are not there (sqlite_schema.c). */
int db_number(struct db *db, const char *sql, int64_t *out, struct muster_err *err);
/** Switch the write-ahead log on (sqlite_schema.c). MUSTER_E_UNSUPPORTED: not on this file system. */
int db_enter_wal(struct db *db, struct muster_err *err);

/** Map an SQLite result; @p doing completes "cannot … FILE". Marks the handle broken where the contract says so. */
int db_fail(struct db *db, int rc, const char *doing, struct muster_err *err);
/** A statement without parameters and rows, or several. */
int db_exec(struct db *db, const char *sql, const char *doing, struct muster_err *err);
/** @return 1 a row, 0 the end (the statement was reset), negative on failure (reset too). */
int db_step(struct db *db, sqlite3_stmt *s, const char *doing, struct muster_err *err);
/** Step a statement that gives no row, then reset it. */
int db_run(struct db *db, sqlite3_stmt *s, const char *doing, struct muster_err *err);
/** MUSTER_OK, or MUSTER_E_IO of a handle that met an I/O error before. */
int db_usable(const struct db *db, struct muster_err *err);

/** Begin to write: the handle must be claimed; fails with MUSTER_E_BUSY under an old epoch. */
int db_begin(struct db *db, struct muster_err *err);
/** Begin without looking at the epoch: claim and migration. */
int db_begin_unclaimed(struct db *db, struct muster_err *err);
/** Commit when @p r is MUSTER_OK, else roll back. @return @p r or why the commit failed (MUSTER_E_UNKNOWN when it may have happened). */
int db_end(struct db *db, int r, struct muster_err *err);
/** Roll back what has not been written (nothing was to be). */
void db_abandon(struct db *db);

/* Columns and parameters. Absent values are NULL in the file. */
void db_bind_text(sqlite3_stmt *s, int at, const char *text);                 /**< copied by none: must live until the reset */
void db_bind_blob(sqlite3_stmt *s, int at, const void *p, size_t n);          /**< n 0: NULL */
void db_bind_present(sqlite3_stmt *s, int at, bool present, int64_t value);
void db_column_text(char *out, size_t room, sqlite3_stmt *s, int at);
size_t db_column_blob(void *out, size_t room, sqlite3_stmt *s, int at);      /**< 0 when NULL or longer than room; the rest of @p out is zero */
uint32_t db_column_u32(sqlite3_stmt *s, int at);

/** Bring an empty file to the current schema, or an older one forward; refuse others (sqlite_schema.c). */
int db_schema(struct db *db, struct muster_err *err);

#endif
