/** AES-256-GCM in one call, and back (slots, sealed records, wrapped keys). */
#ifndef TRUST_GCM_H
#define TRUST_GCM_H

#include "core/base/buf.h"
#include "core/base/err.h"

#define GCM_KEY 32
#define GCM_NONCE 12
#define GCM_TAG 16

/** Appends ciphertext ‖ tag. */
int gcm_seal(struct buf *out, const uint8_t key[GCM_KEY], const uint8_t nonce[GCM_NONCE], struct muster_span aad, struct muster_span plain, struct muster_err *err);
/** Appends the plaintext of @p sealed = ciphertext ‖ tag; nothing on failure. @return MUSTER_OK; MUSTER_E_MISMATCH (without a message of its own): the tag is wrong. */
int gcm_open(struct buf *plain, const uint8_t key[GCM_KEY], const uint8_t nonce[GCM_NONCE], struct muster_span aad, struct muster_span sealed, struct muster_err *err);

#endif
