/** HKDF-SHA-256 (RFC 5869) and the labelled form K() of trust.md section 3. */
#ifndef TRUST_HKDF_H
#define TRUST_HKDF_H

#include "core/base/err.h"

#define HKDF_PRK 32
#define HKDF_CONTEXT_MAX 128

int hkdf_extract(uint8_t prk[HKDF_PRK], struct muster_span salt, struct muster_span ikm, struct muster_err *err);
/** @p n at most 255 * 32. */
int hkdf_expand(uint8_t *out, size_t n, const uint8_t prk[HKDF_PRK], struct muster_span info, struct muster_err *err);
/** HKDF-Expand(PRK, label ‖ 0 ‖ context, n). @p label and @p context each at most HKDF_CONTEXT_MAX bytes. */
int hkdf_label(uint8_t *out, size_t n, const uint8_t prk[HKDF_PRK], const char *label, struct muster_span context, struct muster_err *err);

#endif
