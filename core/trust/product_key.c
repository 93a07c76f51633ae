#include "core/trust/product_key.h"

#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/trust/hkdf.h"
#include "core/trust/openssl.h"
#include "core/trust/typed.h"

#define SYMBOLS 25
#define GROUP 5
#define SECRET_SYMBOLS 17
#define NUMBER_SYMBOLS 6
#define NONCE_MIN 16
#define NONCE_MAX 64

#define refuse(err, ...) err_code(err, MUSTER_E_INVALID, (uint32_t)CODE_KEY_INVALID, __VA_ARGS__)

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static const struct { char kind; const char *word, *name; } kinds[] = {
	{ PRODUCT_KEY_HOST, "host", "host key" },
	{ PRODUCT_KEY_MAK, "mak", "MAK" },
	{ PRODUCT_KEY_ESU, "esu-mak", "ESU MAK" },
	{ PRODUCT_KEY_EMBEDDED, "embedded", "embedded key" },
	{ PRODUCT_KEY_SETUP, "setup", "setup key" },
	{ PRODUCT_KEY_ACCESS, "access", "access licence pack key" }
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *product_key_kind_name(char kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return NULL;
}

const char *product_key_kind_word(char kind)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == kind)
			return kinds[i].word;
	return NULL;
}

char product_key_kind_of(const char *word)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].word, word) == 0)
			return kinds[i].kind;
	return 0;
}

/* Times a = x in GF(32) = GF(2)[x]/(x^5 + x^2 + 1). */
static uint8_t times_a(uint8_t v)
{
	return (uint8_t)((v << 1 & 0x1f) ^ (v >> 4 != 0 ? 0x05 : 0));
}

/* Sum of a^i c_i over the first n symbols; Horner from the last one. */
static uint8_t check_sum(const uint8_t *c, size_t n)
{
	uint8_t sum = 0;

	while (n > 0)
		sum = times_a(sum) ^ c[--n];
	return sum;
}

/* The symbol 24 that makes the whole sum 1: a^24 is undone by a^7, because a^31 = 1. */
static uint8_t check_symbol(const uint8_t *c)
{
	uint8_t v = check_sum(c, SYMBOLS - 1) ^ 1;

	for (int i = 0; i < 31 - (SYMBOLS - 1); i++)
		v = times_a(v);
	return v;
}

/* Value of a typed character; -1: none. */
static int symbol_value(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	at = c != '\0' ? strchr(alphabet, c) : NULL;
	return at != NULL ? (int)(at - alphabet) : -1;
}

/* Symbols of a typed key; all of them are looked at, so that the count in the message is right. */
static int read_symbols(uint8_t c[SYMBOLS], const char *text, size_t n, struct muster_err *err)
{
	size_t i = 0, have = 0, skip;
	int v;

	while (i < n) {
		if ((skip = typed_separator(text + i, n - i)) > 0) {
			i += skip;
			continue;
		}
		v = symbol_value(text[i]);
		if (v < 0 && have < SYMBOLS && (text[i] == 'U' || text[i] == 'u'))
			return refuse(err, "The product key is mistyped: group %zu, symbol %zu: no key has a U; did you mean V?", have / GROUP + 1, have % GROUP + 1);
		if (v < 0 && have < SYMBOLS)
			return refuse(err, "The product key is mistyped: group %zu, symbol %zu: a character that no key has; keys have the digits and the letters A to Z without I, L, O and U.",
			              have / GROUP + 1, have % GROUP + 1);
		if (have < SYMBOLS && v >= 0)
			c[have] = (uint8_t)v;
		have++;
		i++;
	}
	if (have == SYMBOLS)
		return MUSTER_OK;
	return refuse(err, "The product key is too %s: it has %zu symbol%s instead of %d, in five groups of five.",
	              have < SYMBOLS ? "short" : "long", have, have == 1 ? "" : "s", SYMBOLS);
}

int product_key_parse(struct product_key *out, const char *text, size_t n, struct muster_err *err)
{
	uint8_t c[SYMBOLS] = { 0 };
	uint8_t secret[PRODUCT_KEY_SECRET] = { 0 };
	uint32_t number = 0;
	int r;

	memset(out, 0, sizeof(*out));
	if ((r = read_symbols(c, text, n, err)) != MUSTER_OK)
		goto done;
	if (product_key_kind_name(alphabet[c[0]]) == NULL) {
		r = refuse(err, "This is no product key of Muster: group 1, symbol 1: no kind of key begins so (they begin with A, 1, Z, E, S or 5). A mistyped first symbol, or another vendor's key?");
		goto done;
	}
	if (check_sum(c, SYMBOLS) != 1) {
		r = refuse(err, "The product key is mistyped: a symbol is wrong or two are swapped. Compare all five groups.");
		goto done;
	}
	/* 85 bits, right-aligned in 11 bytes */
	for (size_t i = 0; i < (size_t)SECRET_SYMBOLS * 5; i++)
		if ((c[1 + i / 5] >> (4 - i % 5) & 1) != 0)
			secret[(i + 3) / 8] |= (uint8_t)(0x80 >> (i + 3) % 8);
	for (size_t i = 0; i < NUMBER_SYMBOLS; i++)
		number = number << 5 | c[1 + SECRET_SYMBOLS + i];
	out->kind = alphabet[c[0]];
	memcpy(out->secret, secret, sizeof(secret));
	out->number = number;
done:
	OPENSSL_cleanse(c, sizeof(c));
	OPENSSL_cleanse(secret, sizeof(secret));
	return r;
}

static void key_symbols(uint8_t c[SYMBOLS], const struct product_key *key)
{
	MUSTER_ASSERT(product_key_kind_name(key->kind) != NULL && key->secret[0] < 0x20 && key->number <= PRODUCT_KEY_NUMBER_MAX);
	memset(c, 0, SYMBOLS);
	c[0] = (uint8_t)symbol_value(key->kind);
	for (size_t i = 0; i < (size_t)SECRET_SYMBOLS * 5; i++)
		if ((key->secret[(i + 3) / 8] >> (7 - (i + 3) % 8) & 1) != 0)
			c[1 + i / 5] |= (uint8_t)(0x10 >> i % 5);
	for (size_t i = 0; i < NUMBER_SYMBOLS; i++)
		c[1 + SECRET_SYMBOLS + i] = (uint8_t)(key->number >> 5 * (NUMBER_SYMBOLS - 1 - i) & 0x1f);
	c[SYMBOLS - 1] = check_symbol(c);
}

void product_key_format(char out[PRODUCT_KEY_TEXT], const struct product_key *key)
{
	uint8_t c[SYMBOLS];
	size_t at = 0;

	key_symbols(c, key);
	for (size_t i = 0; i < SYMBOLS; i++) {
		if (i > 0 && i % GROUP == 0)
			out[at++] = '-';
		out[at++] = alphabet[c[i]];
	}
	out[at] = '\0';
	OPENSSL_cleanse(c, sizeof(c));
}

void product_key_partial(char out[PRODUCT_KEY_PARTIAL], const struct product_key *key)
{
	char text[PRODUCT_KEY_TEXT];

	product_key_format(text, key);
	memcpy(out, text + PRODUCT_KEY_TEXT - PRODUCT_KEY_PARTIAL, PRODUCT_KEY_PARTIAL);
	OPENSSL_cleanse(text, sizeof(text));
}

int product_key_generate(struct product_key *out, char kind, uint32_t number, struct muster_err *err)
{
	MUSTER_ASSERT(product_key_kind_name(kind) != NULL && number <= PRODUCT_KEY_NUMBER_MAX);
	memset(out, 0, sizeof(*out));
	if (RAND_priv_bytes(out->secret, sizeof(out->secret)) != 1) {
		memset(out, 0, sizeof(*out));
		return trust_err(err, MUSTER_E_INTERNAL, "cannot make a product key: the random generator fails");
	}
	out->secret[0] &= 0x1f;
	out->kind = kind;
	out->number = number;
	return MUSTER_OK;
}

/* ---- the key of an agreement ---- */

size_t product_key_plain_number(char *out, size_t room, const char *number)
{
	size_t left = strlen(number), n = 0, skip;

	while (left > 0) {
		if ((skip = typed_separator(number, left)) == 0) {
			if (n + 1 >= room)
				return 0;
			out[n++] = *number >= 'a' && *number <= 'z' ? (char)(*number - 'a' + 'A') : *number;
			skip = 1;
		}
		number += skip;
		left -= skip;
	}
	out[n] = '\0';
	return n;
}

int product_key_of_agreement(struct product_key *out, const uint8_t issuer_id[16], uint32_t key_number, const char *programme, const char *number, struct muster_err *err)
{
	static const char label[] = "muster agreement key v1";
	char text[sizeof(label) + 2 * (PRODUCT_KEY_AGREEMENT_MAX + 1)];
	size_t n = strlen(programme), digits;
	uint8_t mac[32] = { 0 };
	unsigned len = 0;
	int r = MUSTER_OK;

	MUSTER_ASSERT(key_number <= PRODUCT_KEY_NUMBER_MAX);
	memset(out, 0, sizeof(*out));
	if (n == 0 || n > PRODUCT_KEY_AGREEMENT_MAX)
		return err_set(err, MUSTER_E_INVALID, "a programme's name has 1 to %d bytes", PRODUCT_KEY_AGREEMENT_MAX);
	memcpy(text, label, sizeof(label));
	for (size_t i = 0; i <= n; i++)
		text[sizeof(label) + i] = programme[i] >= 'A' && programme[i] <= 'Z' ? (char)(programme[i] - 'A' + 'a') : programme[i];
	if ((digits = product_key_plain_number(text + sizeof(label) + n + 1, PRODUCT_KEY_AGREEMENT_MAX + 1, number)) == 0)
		return err_set(err, MUSTER_E_INVALID, "the number of an agreement has 1 to %d characters", PRODUCT_KEY_AGREEMENT_MAX);
	if (HMAC(EVP_sha256(), issuer_id, 16, (const unsigned char *)text, sizeof(label) + n + 1 + digits, mac, &len) == NULL || len != sizeof(mac)) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot make the key of an agreement");
	} else {
		out->kind = PRODUCT_KEY_ACCESS;
		out->number = key_number;
		memcpy(out->secret, mac, PRODUCT_KEY_SECRET);
		out->secret[0] &= 0x1f;
	}
	OPENSSL_cleanse(text, sizeof(text));
	OPENSSL_cleanse(mac, sizeof(mac));
	return r;
}

int product_key_prk(uint8_t prk[PRODUCT_KEY_PRK], const uint8_t issuer_id[16], const struct product_key *key, struct muster_err *err)
{
	uint8_t ikm[PRODUCT_KEY_SECRET + 1 + 4];
	int r;

	memcpy(ikm, key->secret, PRODUCT_KEY_SECRET);
	ikm[PRODUCT_KEY_SECRET] = (uint8_t)key->kind;
	be32_put(ikm + PRODUCT_KEY_SECRET + 1, key->number);
	r = hkdf_extract(prk, span_of(issuer_id, 16), span_of(ikm, sizeof(ikm)), err);
	OPENSSL_cleanse(ikm, sizeof(ikm));
	return r;
}

int product_key_expand(uint8_t *out, size_t n, const uint8_t prk[PRODUCT_KEY_PRK], const char *label, struct muster_span context, struct muster_err *err)
{
	return hkdf_label(out, n, prk, label, context, err);
}

int product_key_verifier(uint8_t out[32], const uint8_t prk[PRODUCT_KEY_PRK], const uint8_t pack_id[16], struct muster_err *err)
{
	return hkdf_label(out, 32, prk, "muster key verifier v1", span_of(pack_id, 16), err);
}

int product_key_proof_key(uint8_t out[32], const uint8_t prk[PRODUCT_KEY_PRK], struct muster_err *err)
{
	return hkdf_label(out, 32, prk, "muster proof key v1", span_of(NULL, 0), err);
}

int product_key_proof(uint8_t out[32], const uint8_t proof_key[32], const uint8_t activation_id[16], const uint8_t client_id[16], const uint8_t hw[32],
                      struct muster_span nonce, struct muster_err *err)
{
	uint8_t text[16 + 16 + 32 + 1 + NONCE_MAX];
	unsigned n = 0;

	memset(out, 0, 32);
	if (nonce.n < NONCE_MIN || nonce.n > NONCE_MAX)
		return err_set(err, MUSTER_E_INVALID, "a nonce has %d to %d bytes, not %zu", NONCE_MIN, NONCE_MAX, nonce.n);
	memcpy(text, activation_id, 16);
	memcpy(text + 16, client_id, 16);
	memcpy(text + 32, hw, 32);
	text[64] = (uint8_t)nonce.n;
	memcpy(text + 65, nonce.p, nonce.n);
	if (HMAC(EVP_sha256(), proof_key, 32, text, 65 + nonce.n, out, &n) == NULL || n != 32)
		return trust_err(err, MUSTER_E_INTERNAL, "cannot make the proof of a key");
	return MUSTER_OK;
}

/* ---- keys of another vendor ---- */

static int check_foreign(struct muster_span key, struct muster_err *err)
{
	bool right = key.n == PRODUCT_KEY_FOREIGN;

	for (size_t i = 0; right && i < key.n; i++)
		right = i % (GROUP + 1) == GROUP ? key.p[i] == '-' : (key.p[i] >= 'A' && key.p[i] <= 'Z') || (key.p[i] >= '0' && key.p[i] <= '9');
	return right ? MUSTER_OK : refuse(err, "This is no product key: one has five groups of five upper-case letters and digits, joined by hyphens.");
}

int product_key_foreign_number(uint32_t *out, const uint8_t issuer_id[16], struct muster_span key, struct muster_err *err)
{
	static const char label[] = "muster foreign key v1";
	uint8_t text[sizeof(label) + 16 + PRODUCT_KEY_FOREIGN], hash[32];
	int r;

	*out = 0;
	if ((r = check_foreign(key, err)) != MUSTER_OK)
		return r;
	memcpy(text, label, sizeof(label));
	memcpy(text + sizeof(label), issuer_id, 16);
	memcpy(text + sizeof(label) + 16, key.p, key.n);
	if (EVP_Digest(text, sizeof(text), hash, NULL, EVP_sha256(), NULL) == 1)
		*out = be32_get(hash) >> 2;
	else
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot number a key");
	OPENSSL_cleanse(text, sizeof(text));
	OPENSSL_cleanse(hash, sizeof(hash));
	return r;
}

int product_key_foreign_proof_key(uint8_t out[32], const uint8_t issuer_id[16], struct muster_span key, struct muster_err *err)
{
	uint8_t prk[HKDF_PRK];
	int r;

	memset(out, 0, 32);
	if ((r = check_foreign(key, err)) != MUSTER_OK)
		return r;
	if ((r = hkdf_extract(prk, span_of(issuer_id, 16), key, err)) == MUSTER_OK)
		r = hkdf_expand(out, 32, prk, span_str("muster foreign proof key v1"), err);
	OPENSSL_cleanse(prk, sizeof(prk));
	return r;
}
