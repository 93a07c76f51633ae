/**
 * The books' data key: DIR/books.key (0600), 32 random bytes under the issuer's passphrase (seal_wrap()), or plain in an issuer without one.
 * Secrets of keys and slots in the books are sealed under it.
 */
#ifndef ISSUER_DATAKEY_H
#define ISSUER_DATAKEY_H

#include "core/trust/seal.h"

#define DATAKEY_FILE "books.key"

/** Make a new one; @p passphrase NULL: plain. */
int datakey_make(const char *dir, const char *passphrase, struct muster_err *err);
/** Does opening it need the passphrase? MUSTER_E_NOT_FOUND: there is none. */
int datakey_wrapped(bool *out, const char *dir, struct muster_err *err);
/** @p passphrase NULL: a plain one. MUSTER_E_DENIED: wrong passphrase. */
int datakey_open(struct seal **out, const char *dir, const char *passphrase, struct muster_err *err);
/** The file's new content under another passphrase (NULL: plain), appended. */
int datakey_rewrap(struct buf *out, const char *dir, const char *passphrase, const char *new_passphrase, struct muster_err *err);

#endif
