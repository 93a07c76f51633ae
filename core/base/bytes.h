/** Encodings: hexadecimal, strict base64url, big-endian integers, comparison, random bytes. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <muster/types.h>

#define HEX_SIZE(n) ((n) * 2 + 1)
/** Characters of base64url without padding, with the terminating zero. */
#define B64_SIZE(n) (((n) * 4 + 2) / 3 + 1)

void hex_encode(char *out, const void *in, size_t n);                     /**< lower case, terminated; out has HEX_SIZE(n) */
int hex_decode(uint8_t *out, size_t n, const char *in, size_t in_len);    /**< exactly n bytes, either case. MUSTER_E_INVALID */

/** base64url (RFC 4648 section 5) without padding; out has B64_SIZE(n). @return characters written. */
size_t b64_encode(char *out, const void *in, size_t n);
/** Strict: no padding, no foreign character, unused bits zero (trust.md section 2).
 * @param room size of @p out. @param[out] n bytes written. @return MUSTER_OK, MUSTER_E_INVALID, MUSTER_E_LIMIT. */
int b64_decode(uint8_t *out, size_t room, size_t *n, const char *in, size_t in_len);

static inline struct muster_span span_str(const char *s) { struct muster_span x = { (const uint8_t *)s, 0 }; while (s != NULL && s[x.n] != '\0') x.n++; return x; }
static inline struct muster_span span_of(const void *p, size_t n) { struct muster_span x = { (const uint8_t *)p, n }; return x; }
bool span_equal(struct muster_span a, struct muster_span b);

void be16_put(uint8_t *p, uint16_t v);
void be32_put(uint8_t *p, uint32_t v);
void be64_put(uint8_t *p, uint64_t v);
uint16_t be16_get(const uint8_t *p);
uint32_t be32_get(const uint8_t *p);
uint64_t be64_get(const uint8_t *p);

/** @return true when all n bytes are zero. */
bool bytes_zero(const void *p, size_t n);
/** Cryptographically random bytes (RAND_bytes); stops the program when the generator fails. */
void random_bytes(void *out, size_t n);
/** Uniform random integer in 0 … limit-1 (limit > 0). */
uint64_t random_below(uint64_t limit);

#endif
