/** The pieces of a compact JWS (RFC 7515) that leases and statements share: token.c and statement.c only. */
#ifndef TRUST_JWS_H
#define TRUST_JWS_H

#include <stdbool.h>
#include <jansson.h>
#include <openssl/x509.h>
#include "core/trust/keys.h"

/** A key that signs, ready for many threads: each signature copies the prepared context. */
struct jws_key { EVP_PKEY *key; enum trust_algorithm alg; EVP_MD_CTX *ready; };
/** Refs @p key. MUSTER_E_UNSUPPORTED (algorithm), MUSTER_E_MISMATCH: not the key of @p certificate. */
int jws_key_init(struct jws_key *k, EVP_PKEY *key, X509 *certificate, struct muster_err *err);
void jws_key_fini(struct jws_key *k);
/** "ES256" or "EdDSA". */
const char *jws_alg(int alg);

/** base64url of the header's JSON, and a dot. */
void jws_add_header(struct buf *out, struct muster_span json);
/** Appends header, payload, signature. @p header as jws_add_header() makes it; borrowed, not part of @p out. */
int jws_sign(struct buf *out, const struct jws_key *k, struct muster_span header, struct muster_span payload, struct muster_err *err);

/** @p what names the thing in messages: "token", "licence pack". @p input is what the signature covers. */
struct jws_parts { const char *what; struct muster_span header, payload, signature, input; };
/** Three parts, at most @p max characters. MUSTER_E_INVALID. */
int jws_split(struct jws_parts *out, struct muster_span token, size_t max, const char *what, struct muster_err *err);
/** base64url of one JSON object, no member twice. @p part: "header", "payload". MUSTER_E_INVALID. */
int jws_object(json_t **out, const struct jws_parts *p, struct muster_span text, const char *part, struct muster_err *err);
/** MUSTER_E_INVALID: not 64 bytes, another algorithm than P-256 or Ed25519; MUSTER_E_SIGNATURE. */
int jws_check(const struct jws_parts *p, EVP_PKEY *key, struct muster_err *err);
/** Is this member exactly this string? */
bool jws_member_is(const json_t *j, const char *name, const char *value);

#endif
