/**
 * Product keys of Muster: 25 symbols, what is derived from them, and proof of them (trust.md sections 3, 4, 10).
 *
 * Text that may hold a key never gets into a message: errors name the group and the symbol's place.
 */
#ifndef TRUST_PRODUCT_KEY_H
#define TRUST_PRODUCT_KEY_H

#include <stdbool.h>
#include "core/base/err.h"

#define PRODUCT_KEY_TEXT 30       /**< XXXXX-XXXXX-XXXXX-XXXXX-XXXXX and the terminating zero */
#define PRODUCT_KEY_PARTIAL 6     /**< last five symbols and the terminating zero */
#define PRODUCT_KEY_SECRET 11
#define PRODUCT_KEY_NUMBER_MAX ((UINT32_C(1) << 30) - 1)
#define PRODUCT_KEY_PRK 32

/** Kinds, by their first symbol. */
enum product_key_kind {
	PRODUCT_KEY_HOST = 'A', PRODUCT_KEY_MAK = '1', PRODUCT_KEY_ESU = 'Z', PRODUCT_KEY_EMBEDDED = 'E', PRODUCT_KEY_SETUP = 'S', PRODUCT_KEY_ACCESS = '5'
};

/** A key as typed. Secret: wipe with OPENSSL_cleanse(). */
struct product_key { char kind; uint8_t secret[PRODUCT_KEY_SECRET]; uint32_t number; };

/** "host key", "MAK", …; NULL for a symbol that is no kind. */
const char *product_key_kind_name(char kind);
/** Word for programs and files: host, mak, esu-mak, embedded, setup, access. NULL: no kind. */
const char *product_key_kind_word(char kind);
/** The kind of a word of product_key_kind_word(); 0: none. */
char product_key_kind_of(const char *word);

/**
 * Read a key as people type it: lower case, spaces, any dash, O for 0, I and L for 1.
 * @return MUSTER_OK; MUSTER_E_INVALID with a sentence that names group and place (U: "did you mean V?"; foreign character; too short or long;
 * a wrong check: "a symbol is wrong or two are swapped"; a reserved kind). err->code is 0xC004F050.
 */
int product_key_parse(struct product_key *out, const char *text, size_t n, struct muster_err *err);
void product_key_format(char out[PRODUCT_KEY_TEXT], const struct product_key *key);
/** Symbols 20–24: number and check. Not secret. */
void product_key_partial(char out[PRODUCT_KEY_PARTIAL], const struct product_key *key);
/** A new random key. @p number at most PRODUCT_KEY_NUMBER_MAX, chosen by the caller (unique at the issuer). */
int product_key_generate(struct product_key *out, char kind, uint32_t number, struct muster_err *err);

#define PRODUCT_KEY_AGREEMENT_MAX 255   /* bytes of a programme's name, and of a number */
/**
 * The access key of an agreement, whose secret follows from what a licence server's administrator knows: the programme and the number it asks for.
 * secret = first 11 bytes of HMAC-SHA-256(issuer_id, "muster agreement key v1" ‖ 0 ‖ programme in lower case ‖ 0 ‖ number without separators in upper case),
 * top 3 bits cleared (ASCII letters only change). No more secret than the number is.
 * @param key_number the key's own, as its licence pack names it. MUSTER_E_INVALID: a text is empty, too long or has a zero byte.
 */
int product_key_of_agreement(struct product_key *out, const uint8_t issuer_id[16], uint32_t key_number, const char *programme, const char *number, struct muster_err *err);
/** A number as it is compared: upper case, without spaces and dashes. @return its length; 0: nothing is left of it, or it does not fit. */
size_t product_key_plain_number(char *out, size_t room, const char *number);

/** PRK_key. Secret. */
int product_key_prk(uint8_t prk[PRODUCT_KEY_PRK], const uint8_t issuer_id[16], const struct product_key *key, struct muster_err *err);
/** K(label, context, n). */
int product_key_expand(uint8_t *out, size_t n, const uint8_t prk[PRODUCT_KEY_PRK], const char *label, struct muster_span context, struct muster_err *err);
/** K("muster key verifier v1", pack_id, 32): what a pack holds to recognise the key. */
int product_key_verifier(uint8_t out[32], const uint8_t prk[PRODUCT_KEY_PRK], const uint8_t pack_id[16], struct muster_err *err);
/** K("muster proof key v1", "", 32). */
int product_key_proof_key(uint8_t out[32], const uint8_t prk[PRODUCT_KEY_PRK], struct muster_err *err);
/** proof of trust.md section 10. @p hw 32 bytes, zero when none is sent. @p nonce 16–64 bytes. */
int product_key_proof(uint8_t out[32], const uint8_t proof_key[32], const uint8_t activation_id[16], const uint8_t client_id[16], const uint8_t hw[32],
                      struct muster_span nonce, struct muster_err *err);

/* Keys of another vendor, as they lie on its installation media: 29 characters, five groups of five upper-case letters and digits joined by hyphens. They get
 * a number and a proof key of their own, so that a proof of one is checked as that of an embedded key is. */
#define PRODUCT_KEY_FOREIGN 29
/** The number: top 30 bits of SHA-256("muster foreign key v1" ‖ 0 ‖ issuer_id ‖ key). MUSTER_E_INVALID (0xC004F050): not of that shape. */
int product_key_foreign_number(uint32_t *out, const uint8_t issuer_id[16], struct muster_span key, struct muster_err *err);
/** Its proof key, HKDF-SHA-256(salt issuer_id, IKM key, info "muster foreign proof key v1", 32): a secret. MUSTER_E_INVALID as above. */
int product_key_foreign_proof_key(uint8_t out[32], const uint8_t issuer_id[16], struct muster_span key, struct muster_err *err);

#endif
