/** Signing keys: P-256 (ES256) or Ed25519, kept as encrypted or plain PKCS#8 PEM (trust.md sections 1 and 11). */
#ifndef TRUST_KEYS_H
#define TRUST_KEYS_H

#include <stdbool.h>
#include <openssl/evp.h>
#include <muster/types.h>
#include "core/base/buf.h"

enum trust_algorithm { TRUST_ES256, TRUST_EDDSA };

#define TRUST_PASSPHRASE_MIN 12   /**< characters, not bytes; trust.md section 11 */

/** Is it long enough for new secrets? MUSTER_E_INVALID. */
int trust_passphrase_check(const char *passphrase, struct muster_err *err);

int trust_key_generate(EVP_PKEY **out, enum trust_algorithm a, struct muster_err *err);
/** @return the algorithm, or MUSTER_E_UNSUPPORTED for any other kind of key. */
int trust_key_algorithm(const EVP_PKEY *key);
/** Read PKCS#8 PEM; the file must pass FILE_TRUST_SECRET. @p passphrase NULL for an unencrypted one. MUSTER_E_DENIED: wrong passphrase or unsafe file. */
int trust_key_read(EVP_PKEY **out, const char *path, const char *passphrase, struct muster_err *err);
/** Whether a key file needs a passphrase: ask for one before reading. Same file checks and errors as trust_key_read(). */
int trust_key_encrypted(bool *out, const char *path, struct muster_err *err);
/** Write 0600, atomically. With a passphrase (>= 12 characters): scrypt N 2^14 r 8 p 16, AES-256-CBC. */
int trust_key_write(const EVP_PKEY *key, const char *path, const char *passphrase, struct muster_err *err);
/** As trust_key_write(), under 32 random bytes as hexadecimal text instead of what a person chose: with next to no scrypt, which would cost a host
 * half a second at every start and protect nothing. */
int trust_key_write_random(const EVP_PKEY *key, const char *path, const char *random, struct muster_err *err);

#endif
