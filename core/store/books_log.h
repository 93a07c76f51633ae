/**
 * confirmations.log: what the issuer confirmed, a line a transaction, on the disk before the transaction is (trust.md section 9). Private to this folder.
 *
 * A line is 64 hexadecimal digits, a space, a JSON object, a line feed; the digits are SHA-256 of the line before's 32 bytes (of the first line:
 * the issuer's ID and 16 zero bytes) and the JSON. All calls but opening and closing need the books' write lock: that makes one writer of many processes.
 *
 * The books know how far they are (struct books_mark). A log that goes on behind the mark is ahead of them: by one line after a crash between append and
 * commit, by any number after the books were restored from a backup. What follows the last line feed was never complete, so nothing of it was ever shown.
 */
#ifndef STORE_BOOKS_LOG_H
#define STORE_BOOKS_LOG_H

#include "core/base/buf.h"
#include "core/store/store.h"

#define BOOKS_LOG_LINE_MAX (8u << 20)

/** As far as the books are: the end of the last line they know, where it begins, its hash. All zero but the hash: nothing yet. */
struct books_mark { int64_t start, end; uint8_t hash[32]; };

struct books_log { int fd; char *path; };

/** The mark before the first line. */
void books_log_first(struct books_mark *m, const uint8_t issuer_id[16]);
/** Open DIR/confirmations.log (0600, no link, ours); made when there is none and @p make. MUSTER_E_NOT_FOUND, MUSTER_E_DENIED, MUSTER_E_IO. */
int books_log_open(struct books_log *l, const char *dir, bool make, struct muster_err *err);
void books_log_close(struct books_log *l);

/** Is this the log of these books? MUSTER_E_MISMATCH: it is shorter than they know, or another one. */
int books_log_check(const struct books_log *l, const struct books_mark *known, struct muster_err *err);
/** The line behind @p m: *json is appended (what stands between hash and line feed), *m moved behind it. @return MUSTER_OK; MUSTER_E_NOT_FOUND: no whole
 * line there; MUSTER_E_INVALID: it is not what was written (the message says where). */
int books_log_next(const struct books_log *l, struct books_mark *m, struct buf *json, struct muster_err *err);
/** Cut off what follows the last line feed, append @p json as a line behind @p m (which must be the end) and sync it. On failure the log is as before.
 * @param[in,out] m moved behind the line. MUSTER_E_LIMIT: the disk is full. */
int books_log_append(const struct books_log *l, struct books_mark *m, struct muster_span json, struct muster_err *err);

#endif
