/**
 * Muster: types shared by every public header.
 *
 * Fixed-width members only, so that a structure means the same on both sides of the ABI.
 */
#ifndef MUSTER_TYPES_H
#define MUSTER_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Results of functions: MUSTER_OK or one of the negative values; each function names those to be expected. */
enum muster_result {
	MUSTER_OK            = 0,
	MUSTER_E_INTERNAL    = -1,  /**< a fault of ours; never provoked by input alone */
	MUSTER_E_NOMEM       = -2,  /**< memory exhausted */
	MUSTER_E_INVALID     = -3,  /**< input is malformed */
	MUSTER_E_LIMIT       = -4,  /**< input is larger, longer or more often than allowed */
	MUSTER_E_NOT_FOUND   = -5,  /**< the named thing does not exist */
	MUSTER_E_EXISTS      = -6,  /**< the named thing exists already */
	MUSTER_E_DENIED      = -7,  /**< not permitted: role, file mode, owner */
	MUSTER_E_IO          = -8,  /**< reading or writing failed; errno is in the message */
	MUSTER_E_BUSY        = -9,  /**< locked, full or not ready: try again later */
	MUSTER_E_SIGNATURE   = -10, /**< a signature or a certificate chain does not verify */
	MUSTER_E_EXPIRED     = -11, /**< valid once, no longer */
	MUSTER_E_NOT_YET     = -12, /**< valid later, or the clock is wrong */
	MUSTER_E_MISMATCH    = -13, /**< genuine, but for another client, product, hardware, issuer or nonce */
	MUSTER_E_REFUSED     = -14, /**< a rule says no; the message carries code, reason and next step */
	MUSTER_E_NETWORK     = -15, /**< no answer, or not one of ours */
	MUSTER_E_UNSUPPORTED = -16, /**< recognised, but not served here */
	MUSTER_E_UNKNOWN     = -17  /**< outcome unknown: a commit may or may not have happened */
};

/** Borrowed bytes; not terminated. */
struct muster_span {
	const uint8_t *p;
	size_t n;
};

/** Longest error message with its terminating zero. */
#define MUSTER_ERR_MAX 1024

/** Caller-owned error: filled once, where the fault is known, and passed on unchanged. */
struct muster_err {
	int32_t result;                /**< the enum muster_result value returned with it */
	uint32_t code;                 /**< code for people (facts.md section 4, or M-nnn as nnn); 0 none */
	char message[MUSTER_ERR_MAX];  /**< one sentence or more, UTF-8, no line end; says what, where, what to do */
};

#ifdef __cplusplus
}
#endif
#endif
