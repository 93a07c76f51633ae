/** Reading and writing members of statements' payloads: pack.c, confirmation.c, roots.c only. @p where begins a sentence: "the licence pack", "key 3 of the licence pack". */
#ifndef TRUST_PAYLOAD_H
#define TRUST_PAYLOAD_H

#include <stdbool.h>
#include <jansson.h>
#include "core/base/err.h"

#define PAYLOAD_TEXT_MAX 256

/** Nothing but these members (a member that is not known might be a restriction), separated by spaces in @p names. MUSTER_E_INVALID names the one. */
int payload_only(const json_t *j, const char *where, const char *names, struct muster_err *err);
/** What every statement has beside its own: iss, aud, iat, nbf, jti, ver. */
#define PAYLOAD_COMMON "iss aud iat nbf jti ver "
/** Is this `ver` 1? MUSTER_E_UNSUPPORTED. */
int payload_version(const json_t *j, const char *where, struct muster_err *err);

int payload_object(const json_t **out, const json_t *j, const char *name, const char *where, struct muster_err *err);
int payload_int(int64_t *out, const json_t *j, const char *name, int64_t min, int64_t max, const char *where, struct muster_err *err);
int payload_urn(uint8_t out[16], const json_t *j, const char *name, const char *where, struct muster_err *err);
/** base64url of exactly @p n bytes. */
int payload_bytes(uint8_t *out, size_t n, const json_t *j, const char *name, const char *where, struct muster_err *err);
/** One line of text of 1 … @p max bytes, owned. @p optional: *out is NULL when absent. */
int payload_text(char **out, const json_t *j, const char *name, size_t max, bool optional, const char *where, struct muster_err *err);
/** 1 … @p max distinct urn:uuid of "products". */
int payload_products(uint8_t (*out)[16], size_t *n, size_t max, const json_t *j, const char *where, struct muster_err *err);
/** "coverage" {start, end}; 0 and 0 when absent. */
int payload_coverage(int64_t *start, int64_t *end, const json_t *j, const char *where, struct muster_err *err);

/* Setting: false when memory is exhausted (or the text is no UTF-8). */
bool payload_set(json_t *j, const char *name, json_t *value);                                  /**< steals @p value, which may be NULL: false */
bool payload_set_urn(json_t *j, const char *name, const uint8_t id[16]);
bool payload_set_bytes(json_t *j, const char *name, const uint8_t *p, size_t n);
bool payload_set_text(json_t *j, const char *name, const char *text);                          /**< NULL: leaves it out */
bool payload_set_products(json_t *j, const uint8_t (*ids)[16], size_t n);
bool payload_set_coverage(json_t *j, int64_t start, int64_t end);                              /**< 0 and 0: leaves it out */
json_t *payload_base64(const uint8_t *p, size_t n);
/** "missing or malformed". */
int payload_bad(const char *where, const char *name, struct muster_err *err);

#endif
