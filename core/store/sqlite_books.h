/** Inside of the issuer's books: the handle, statements, transactions, audit rows. Private to this folder (sqlite_books*.c). */
#ifndef STORE_SQLITE_BOOKS_H
#define STORE_SQLITE_BOOKS_H

#include "core/store/issuer_books.h"
#include "core/store/sqlite_db.h"

#define BOOKS_STATEMENTS_MAX 128

struct books {
	struct db db;                      /* first: begin, commit, rollback, errors */
	struct { const char *sql; sqlite3_stmt *s; } cache[BOOKS_STATEMENTS_MAX];
	size_t cached;
	struct buf token;                  /* lent by books_pack() */
};

/** BEGIN IMMEDIATE; waits ten seconds for others. */
int books_begin(struct books *b, struct muster_err *err);
/** Commit when @p r is MUSTER_OK, else roll back. @return @p r, or why the commit failed. */
int books_end(struct books *b, int r, struct muster_err *err);

/**
 * A statement with its parameters, ready for db_step(). @p sql is a literal: statements are kept by its address; one in use must not be asked for again.
 * @p types one letter a parameter: i int64_t (cast!), t const char * ("" is NULL), b const void * and size_t (0 is NULL), n nothing (NULL).
 * What texts and blobs point at must live until the statement was reset. After a row the caller resets it: sqlite3_reset().
 */
int books_sql(struct books *b, sqlite3_stmt **out, struct muster_err *err, const char *sql, const char *types, ...);
/** The same for a statement without rows: done at once. */
int books_do(struct books *b, struct muster_err *err, const char *sql, const char *types, ...);
/** The first column of the first row as a number. @return 1 a row, 0 none (@p out 0), negative. */
int books_int(struct books *b, int64_t *out, struct muster_err *err, const char *sql, const char *types, ...);

/** The audit row of an act, chained to the one before; inside the act's transaction. The act's reason is put behind @p detail. */
int books_record(struct books *b, struct muster_err *err, enum books_event kind, const struct books_act *act, const char *object, const char *detail, ...) __attribute__((format(printf, 6, 7)));

/** Products of a key or certificate, in order; @p sql gives activation IDs for parameter @p number. */
int books_ids(struct books *b, uint8_t (*out)[16], size_t room, size_t *n, const char *sql, int64_t number, struct muster_err *err);

/** The rule of books_certificate_add() for a public key; inside a transaction. @return MUSTER_OK, MUSTER_E_REFUSED. */
int books_check_public_key(struct books *b, const char *spki, struct muster_err *err);
/** books_certificate_add() inside a transaction that is open, for a certificate that may be given or was (replay). */
int books_put_certificate(struct books *b, struct books_certificate *c, const struct books_act *act, struct muster_err *err);

#endif
