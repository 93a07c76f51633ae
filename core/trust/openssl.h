/** Small helpers over OpenSSL that the files of this folder share. */
#ifndef TRUST_OPENSSL_H
#define TRUST_OPENSSL_H

#include <stdbool.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include "core/base/err.h"

/** As err_set(); appends OpenSSL's newest reason, if any, and empties its error queue. */
int trust_err(struct muster_err *err, int result, const char *fmt, ...) PRINTF_LIKE(3, 4);

/** The digest to sign with: SHA-256 for P-256, NULL for Ed25519 (RFC 8410). */
const EVP_MD *trust_key_digest(const EVP_PKEY *key);

/** Seconds since 1970 UTC. @return MUSTER_OK, MUSTER_E_INVALID. */
int trust_time(int64_t *out, const ASN1_TIME *t);

/** A certificate's `urn:uuid:` SAN URIs. */
struct trust_san {
	bool present;             /**< there is a subjectAltName */
	bool exact;               /**< nothing but distinct, exact, lower-case urn:uuid URIs, at most 64 */
	size_t n;                 /**< IDs read; 0 unless exact */
	uint8_t ids[64][16];
};
/** Odd contents are no error here: `exact` is false (fail closed, also when memory is exhausted). */
void trust_san_read(struct trust_san *out, const X509 *x);

/** After a failed PEM_read_bio(): was it the plain end of the text? Empties the error queue when it was. */
bool trust_pem_ended(void);

/** Certificate authority of the given path length: basicConstraints, keyUsage, algorithm (trust.md section 1). MUSTER_E_INVALID. */
int trust_check_ca(X509 *x, long pathlen, const char *what, struct muster_err *err);

#endif
