/**
 * Secrets at rest: a key file of 32 random bytes, subkeys by HKDF per purpose, records in AES-256-GCM (trust.md section 11).
 * record = version(1) ‖ key id(8) ‖ nonce(12) ‖ ciphertext ‖ tag(16); AAD = table ‖ 0 ‖ row ‖ 0 ‖ column ‖ 0 ‖ key id.
 */
#ifndef TRUST_SEAL_H
#define TRUST_SEAL_H

#include <stdbool.h>
#include "core/base/buf.h"

#define SEAL_KEY 32
#define SEAL_OVERHEAD (1 + 8 + 12 + 16)

/** A key and up to 8 older ones that are still read with. Held in locked memory where the system lets us; wiped on free. */
struct seal;
/** Read the key file (0600, own folder or a credentials folder, O_NOFOLLOW). @p make: make one when there is none. MUSTER_E_NOT_FOUND, MUSTER_E_DENIED, MUSTER_E_INVALID. */
int seal_open_file(struct seal **out, const char *path, bool make, struct muster_err *err);
/** From 32 bytes of the caller's (issuer: the key a passphrase opened). */
int seal_open_key(struct seal **out, const uint8_t key[SEAL_KEY], struct muster_err *err);
/** Later files are only read with (rekey). */
int seal_add_old(struct seal *s, const uint8_t key[SEAL_KEY], struct muster_err *err);
/** All that @p of reads with. */
int seal_add_known(struct seal *s, const struct seal *of, struct muster_err *err);
/** As seal_add_old() from a file, checked as seal_open_file() does. */
int seal_add_old_file(struct seal *s, const char *path, struct muster_err *err);
void seal_free(struct seal *s);
const uint8_t *seal_key_id(const struct seal *s);     /**< 8 bytes: HKDF of the key, not secret */

/** What a record stands for; each at most 128 bytes, no zero byte. Swapped records do not open. */
struct seal_place { const char *table, *row, *column; };
/** Appends the record. */
int seal_put(struct buf *out, const struct seal *s, const struct seal_place *at, struct muster_span plain, struct muster_err *err);
/** @param[out] plain appended; a secret. MUSTER_E_MISMATCH: another place, or changed; MUSTER_E_NOT_FOUND: another key file's; MUSTER_E_INVALID: no record. */
int seal_get(struct buf *plain, const struct seal *s, const struct seal_place *at, struct muster_span record, struct muster_err *err);
/** Is this record under the newest key? */
bool seal_current(const struct seal *s, struct muster_span record);
/** A subkey for one purpose ("muster audit head v1"), 32 bytes. */
int seal_subkey(uint8_t out[32], const struct seal *s, const char *purpose, struct muster_err *err);
/** The same of the key with this ID, the newest or an older one. MUSTER_E_NOT_FOUND. */
int seal_subkey_of(uint8_t out[32], const struct seal *s, const uint8_t key_id[8], const char *purpose, struct muster_err *err);
/** 32 random bytes under a passphrase (>= 12 characters; scrypt N 2^14 r 8 p 16, AES-256-GCM) as text, and back. MUSTER_E_DENIED: wrong passphrase. */
int seal_wrap(struct buf *out, const uint8_t key[SEAL_KEY], const char *passphrase, struct muster_err *err);
int seal_unwrap(uint8_t key[SEAL_KEY], struct muster_span wrapped, const char *passphrase, struct muster_err *err);

#endif
