#include "core/trust/token.h"

#include <string.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/trust/openssl.h"
#include "core/trust/token_sign.h"

#define SIG_LEN 64              /* ES256: r ‖ s of 32 bytes each (RFC 7518 section 3.4); Ed25519: RFC 8032 */
#define SIG_HALF 32
#define DER_SIG_MAX 80          /* a DER ECDSA signature over P-256 has at most 72 bytes */
#define HEADER_MAX 512          /* characters of the first part; alg, typ and kid need 150 */

/* What a host certificate may sign. Statements (packs, confirmations, roots) carry x5c and another role; they are no lease's business. */
static const char *const host_types[] = { TRUST_TYP_LEASE, TRUST_TYP_STATE };

struct trust_signer {
	EVP_PKEY *key;
	struct trust_chain *chain;
	enum trust_algorithm alg;
	EVP_MD_CTX *ready;          /* initialised for signing; only ever copied, so threads may share it */
	char lease_header[512];     /* base64url, with the dot */
	size_t lease_header_n;
};

static const char *alg_name(int alg)
{
	return alg == TRUST_ES256 ? "ES256" : "EdDSA";
}

static bool known_type(const char *typ)
{
	size_t i;

	for (i = 0; i < sizeof(host_types) / sizeof(host_types[0]); i++)
		if (strcmp(typ, host_types[i]) == 0)
			return true;
	return false;
}

/* base64url of the header and a dot. @return characters. */
static size_t make_header(char *out, size_t room, enum trust_algorithm alg, const char *typ, const char *kid)
{
	char json[256];
	int n = snprintf(json, sizeof(json), "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}", alg_name((int)alg), typ, kid);
	size_t m;

	MUSTER_ASSERT(n > 0 && (size_t)n < sizeof(json) && B64_SIZE((size_t)n) + 1 <= room);
	m = b64_encode(out, json, (size_t)n);
	out[m] = '.';
	return m + 1;
}

int trust_signer_new(struct trust_signer **out, EVP_PKEY *key, struct trust_chain *chain, struct muster_err *err)
{
	struct trust_signer *s = mem_alloc(sizeof(*s));
	int alg = trust_key_algorithm(key), r;

	*out = NULL;
	if (s == NULL)
		return err_nomem(err);
	if (alg < 0) {
		r = err_set(err, MUSTER_E_UNSUPPORTED, "only P-256 and Ed25519 keys sign");
		goto done;
	}
	if (X509_check_private_key(trust_chain_signer(chain), key) != 1) {
		r = trust_err(err, MUSTER_E_MISMATCH, "the key does not belong to the certificate");
		goto done;
	}
	if ((r = trust_chain_role(chain, TRUST_ROLE_LEASE, err)) != MUSTER_OK)
		goto done;
	s->alg = (enum trust_algorithm)alg;
	s->ready = EVP_MD_CTX_new();
	if (s->ready == NULL || EVP_DigestSignInit(s->ready, NULL, trust_key_digest(key), NULL, key) != 1) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot prepare signing");
		goto done;
	}
	EVP_PKEY_up_ref(key);
	s->key = key;
	s->chain = trust_chain_ref(chain);
	s->lease_header_n = make_header(s->lease_header, sizeof(s->lease_header), s->alg, TRUST_TYP_LEASE, trust_chain_kid(chain));
	*out = s;
	s = NULL;
done:
	trust_signer_free(s);
	return r;
}

void trust_signer_free(struct trust_signer *s)
{
	if (s == NULL)
		return;
	EVP_MD_CTX_free(s->ready);
	EVP_PKEY_free(s->key);
	trust_chain_unref(s->chain);
	mem_free(s);
}

const struct trust_chain *trust_signer_chain(const struct trust_signer *s)
{
	return s->chain;
}

/* DER to r ‖ s, both left-padded. */
static bool raw_signature(uint8_t out[SIG_LEN], const uint8_t *der, size_t n)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	bool ok = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, SIG_HALF) == SIG_HALF
	          && BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + SIG_HALF, SIG_HALF) == SIG_HALF;

	ECDSA_SIG_free(sig);
	return ok;
}

static int sign_bytes(uint8_t out[SIG_LEN], const struct trust_signer *s, const uint8_t *p, size_t n, struct muster_err *err)
{
	uint8_t der[DER_SIG_MAX];
	size_t len = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = MUSTER_OK;

	if (ctx == NULL || EVP_MD_CTX_copy_ex(ctx, s->ready) != 1) {
		r = err_nomem(err);
	} else if (EVP_DigestSign(ctx, der, &len, p, n) != 1) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot sign");
	} else if (s->alg == TRUST_ES256) {
		if (!raw_signature(out, der, len))
			r = trust_err(err, MUSTER_E_INTERNAL, "cannot convert a signature");
	} else {
		MUSTER_ASSERT(len == SIG_LEN);
		memcpy(out, der, SIG_LEN);
	}
	EVP_MD_CTX_free(ctx);
	return r;
}

/* header with dot, payload → appended token */
static int sign_parts(struct buf *out, const struct trust_signer *s, const char *header, size_t header_n, struct muster_span payload, struct muster_err *err)
{
	uint8_t sig[SIG_LEN];
	char sig_text[B64_SIZE(SIG_LEN)], small[2048];
	size_t room = B64_SIZE(payload.n), n, start = out->n;
	char *text = room <= sizeof(small) ? small : mem_alloc(room);
	int r;

	if (text == NULL)
		return err_nomem(err);
	n = b64_encode(text, payload.p, payload.n);
	buf_add(out, header, header_n);
	buf_add(out, text, n);
	if (text != small)
		mem_free(text);
	if (out->failed)
		return err_nomem(err);
	if ((r = sign_bytes(sig, s, out->p + start, out->n - start, err)) != MUSTER_OK)
		return r;
	buf_addc(out, '.');
	buf_add(out, sig_text, b64_encode(sig_text, sig, sizeof(sig)));
	return out->failed ? err_nomem(err) : MUSTER_OK;
}

int trust_lease_sign_payload(struct buf *out, const struct trust_signer *s, struct muster_span payload, struct muster_err *err)
{
	return sign_parts(out, s, s->lease_header, s->lease_header_n, payload, err);
}

int trust_token_sign(struct buf *out, const struct trust_signer *s, const char *typ, struct muster_span payload, struct muster_err *err)
{
	char header[512];
	size_t n;

	if (!known_type(typ))
		return err_set(err, MUSTER_E_UNSUPPORTED, "a host certificate does not sign \"%s\"", typ);
	n = make_header(header, sizeof(header), s->alg, typ, trust_chain_kid(s->chain));
	return sign_parts(out, s, header, n, payload, err);
}

/* The three parts of a compact JWS. */
struct parts { struct muster_span header, payload, signature, input; };

static int split(struct parts *out, struct muster_span t, size_t max, struct muster_err *err)
{
	const uint8_t *one, *two;

	if (t.n > max)
		return err_set(err, MUSTER_E_INVALID, "the token has %zu characters; at most %zu are read", t.n, max);
	one = t.n > 0 ? memchr(t.p, '.', t.n) : NULL;
	two = one != NULL ? memchr(one + 1, '.', t.n - (size_t)(one + 1 - t.p)) : NULL;
	if (two == NULL || memchr(two + 1, '.', t.n - (size_t)(two + 1 - t.p)) != NULL)
		return err_set(err, MUSTER_E_INVALID, "the token does not have three parts");
	out->header = (struct muster_span){ t.p, (size_t)(one - t.p) };
	out->payload = (struct muster_span){ one + 1, (size_t)(two - one - 1) };
	out->signature = (struct muster_span){ two + 1, t.n - (size_t)(two + 1 - t.p) };
	out->input = (struct muster_span){ t.p, (size_t)(two - t.p) };
	return MUSTER_OK;
}

/* base64url of one JSON object, no member twice. */
static int decode_object(json_t **out, struct muster_span text, const char *what, struct muster_err *err)
{
	uint8_t *raw = mem_alloc(text.n + 1);
	json_error_t why;
	json_t *j = NULL;
	size_t n = 0;
	int r;

	*out = NULL;
	if (raw == NULL)
		return err_nomem(err);
	if (b64_decode(raw, text.n + 1, &n, (const char *)text.p, text.n) != MUSTER_OK) {
		r = err_set(err, MUSTER_E_INVALID, "the token's %s is not strict base64url", what);
		goto done;
	}
	if ((j = json_loadb((const char *)raw, n, JSON_REJECT_DUPLICATES, &why)) == NULL) {
		r = json_error_code(&why) == json_error_out_of_memory ? err_nomem(err)
		    : err_set(err, MUSTER_E_INVALID, "the token's %s is not JSON: %s", what, why.text);
		goto done;
	}
	if (!json_is_object(j)) {
		r = err_set(err, MUSTER_E_INVALID, "the token's %s is not a JSON object", what);
		goto done;
	}
	*out = j;
	j = NULL;
	r = MUSTER_OK;
done:
	json_decref(j);
	mem_free(raw);
	return r;
}

/* Exactly alg, typ and kid, all strings. */
static int read_header(json_t **out, struct muster_span text, struct muster_err *err)
{
	json_t *j;
	int r;

	*out = NULL;
	if (text.n > HEADER_MAX)
		return err_set(err, MUSTER_E_INVALID, "the token's header is too long");
	if ((r = decode_object(&j, text, "header", err)) != MUSTER_OK)
		return r;
	if (json_object_size(j) != 3 || !json_is_string(json_object_get(j, "alg")) || !json_is_string(json_object_get(j, "typ"))
	    || !json_is_string(json_object_get(j, "kid"))) {
		json_decref(j);
		return err_set(err, MUSTER_E_INVALID, "the token's header is not exactly alg, typ and kid");
	}
	*out = j;
	return MUSTER_OK;
}

static bool member_is(const json_t *j, const char *name, const char *value)
{
	const json_t *m = json_object_get(j, name);

	return json_string_length(m) == strlen(value) && memcmp(json_string_value(m), value, strlen(value)) == 0;
}

int trust_token_kid(char kid[TRUST_KID], struct muster_span token, struct muster_err *err)
{
	uint8_t digest[32];
	struct parts p = { 0 };
	json_t *j, *k;
	size_t n = 0;
	int r;

	memset(kid, 0, TRUST_KID);
	if ((r = split(&p, token, TRUST_PACK_MAX, err)) != MUSTER_OK || (r = read_header(&j, p.header, err)) != MUSTER_OK)
		return r;
	k = json_object_get(j, "kid");
	if (json_string_length(k) != TRUST_KID - 1 || b64_decode(digest, sizeof(digest), &n, json_string_value(k), TRUST_KID - 1) != MUSTER_OK)
		r = err_set(err, MUSTER_E_INVALID, "the token's kid is not the base64url of 32 bytes");
	else
		memcpy(kid, json_string_value(k), TRUST_KID);
	json_decref(j);
	return r;
}

/* r ‖ s to DER; NULL also for values no signature has. Caller frees with OPENSSL_free(). */
static unsigned char *der_signature(int *n, const uint8_t raw[SIG_LEN])
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, SIG_HALF, NULL), *s = BN_bin2bn(raw + SIG_HALF, SIG_HALF, NULL);
	unsigned char *der = NULL;

	*n = -1;
	if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL;   /* adopted */
		*n = i2d_ECDSA_SIG(sig, &der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return *n > 0 ? der : NULL;
}

static int check_signature(const struct parts *p, EVP_PKEY *key, int alg, struct muster_err *err)
{
	uint8_t raw[SIG_LEN + 1];
	unsigned char *der = NULL;
	EVP_MD_CTX *ctx = NULL;
	size_t n = 0;
	int der_n = 0, ok, r;

	if (b64_decode(raw, sizeof(raw), &n, (const char *)p->signature.p, p->signature.n) != MUSTER_OK || n != SIG_LEN)
		return err_set(err, MUSTER_E_INVALID, "the token's signature is not the strict base64url of %d bytes", SIG_LEN);
	if ((ctx = EVP_MD_CTX_new()) == NULL || (alg == TRUST_ES256 && (der = der_signature(&der_n, raw)) == NULL)) {
		r = err_nomem(err);
		goto done;
	}
	if (EVP_DigestVerifyInit(ctx, NULL, trust_key_digest(key), NULL, key) != 1) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot prepare verifying");
		goto done;
	}
	ok = EVP_DigestVerify(ctx, der != NULL ? der : raw, der != NULL ? (size_t)der_n : n, p->input.p, p->input.n);
	ERR_clear_error();
	r = ok == 1 ? MUSTER_OK : err_set(err, MUSTER_E_SIGNATURE, "the token's signature does not verify");
done:
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(der);
	return r;
}

int trust_token_verify(json_t **payload, struct muster_span token, size_t max, const char *typ, const struct trust_chain *chain, struct muster_err *err)
{
	EVP_PKEY *key = X509_get0_pubkey(trust_chain_signer(chain));
	int alg = trust_key_algorithm(key), r;
	struct parts p = { 0 };
	json_t *header = NULL;

	*payload = NULL;
	if (!known_type(typ))
		return err_set(err, MUSTER_E_UNSUPPORTED, "a host certificate does not sign \"%s\"", typ);
	if (alg < 0)
		return err_set(err, MUSTER_E_INVALID, "the signer's key is neither P-256 nor Ed25519");
	if ((r = trust_chain_role(chain, TRUST_ROLE_LEASE, err)) != MUSTER_OK)
		return r;
	if ((r = split(&p, token, max, err)) != MUSTER_OK || (r = read_header(&header, p.header, err)) != MUSTER_OK)
		return r;
	if (!member_is(header, "typ", typ))
		r = err_set(err, MUSTER_E_INVALID, "the token is not of the type \"%s\"", typ);
	else if (!member_is(header, "alg", alg_name(alg)))
		r = err_set(err, MUSTER_E_INVALID, "the token's algorithm is not that of the signer's key, %s", alg_name(alg));
	else if (!member_is(header, "kid", trust_chain_kid(chain)))
		r = err_set(err, MUSTER_E_MISMATCH, "the token was signed under another certificate (kid) than the one given");
	else if ((r = check_signature(&p, key, alg, err)) == MUSTER_OK)
		r = decode_object(payload, p.payload, "payload", err);
	json_decref(header);
	return r;
}
