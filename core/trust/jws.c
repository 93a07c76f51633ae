/* What every compact JWS of ours has in common; who may sign what is token.c's and statement.c's. */
#include "core/trust/jws.h"

#include <string.h>
#include <openssl/ec.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/trust/openssl.h"

#define SIG_LEN 64              /* ES256: r ‖ s of 32 bytes each (RFC 7518 section 3.4); Ed25519: RFC 8032 */
#define SIG_HALF 32
#define DER_SIG_MAX 80          /* a DER ECDSA signature over P-256 has at most 72 bytes */

const char *jws_alg(int alg)
{
	return alg == TRUST_ES256 ? "ES256" : "EdDSA";
}

int jws_key_init(struct jws_key *k, EVP_PKEY *key, X509 *certificate, struct muster_err *err)
{
	int alg = trust_key_algorithm(key);

	memset(k, 0, sizeof(*k));
	if (alg < 0)
		return err_set(err, MUSTER_E_UNSUPPORTED, "only P-256 and Ed25519 keys sign");
	if (X509_check_private_key(certificate, key) != 1)
		return trust_err(err, MUSTER_E_MISMATCH, "the key does not belong to the certificate");
	k->ready = EVP_MD_CTX_new();
	if (k->ready == NULL || EVP_DigestSignInit(k->ready, NULL, trust_key_digest(key), NULL, key) != 1) {
		EVP_MD_CTX_free(k->ready);
		k->ready = NULL;
		return trust_err(err, MUSTER_E_INTERNAL, "cannot prepare signing");
	}
	k->alg = (enum trust_algorithm)alg;
	EVP_PKEY_up_ref(key);
	k->key = key;
	return MUSTER_OK;
}

void jws_key_fini(struct jws_key *k)
{
	EVP_MD_CTX_free(k->ready);
	EVP_PKEY_free(k->key);
	memset(k, 0, sizeof(*k));
}

static void add_b64(struct buf *out, struct muster_span bytes)
{
	size_t room = B64_SIZE(bytes.n);
	char small[2048], *text = room <= sizeof(small) ? small : mem_alloc(room);

	if (text == NULL)
		out->failed = true;
	else
		buf_add(out, text, b64_encode(text, bytes.p, bytes.n));
	if (text != small)
		mem_free(text);
}

void jws_add_header(struct buf *out, struct muster_span json)
{
	add_b64(out, json);
	buf_addc(out, '.');
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

static int sign_bytes(uint8_t out[SIG_LEN], const struct jws_key *k, const uint8_t *p, size_t n, struct muster_err *err)
{
	uint8_t der[DER_SIG_MAX];
	size_t len = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = MUSTER_OK;

	if (ctx == NULL || EVP_MD_CTX_copy_ex(ctx, k->ready) != 1) {
		r = err_nomem(err);
	} else if (EVP_DigestSign(ctx, der, &len, p, n) != 1) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot sign");
	} else if (k->alg == TRUST_ES256) {
		if (!raw_signature(out, der, len))
			r = trust_err(err, MUSTER_E_INTERNAL, "cannot convert a signature");
	} else {
		MUSTER_ASSERT(len == SIG_LEN);
		memcpy(out, der, SIG_LEN);
	}
	EVP_MD_CTX_free(ctx);
	return r;
}

int jws_sign(struct buf *out, const struct jws_key *k, struct muster_span header, struct muster_span payload, struct muster_err *err)
{
	uint8_t sig[SIG_LEN];
	size_t start = out->n;
	int r;

	buf_add(out, header.p, header.n);
	add_b64(out, payload);
	if (out->failed)
		return err_nomem(err);
	if ((r = sign_bytes(sig, k, out->p + start, out->n - start, err)) != MUSTER_OK)
		return r;
	buf_addc(out, '.');
	add_b64(out, span_of(sig, sizeof(sig)));
	return out->failed ? err_nomem(err) : MUSTER_OK;
}

int jws_split(struct jws_parts *out, struct muster_span t, size_t max, const char *what, struct muster_err *err)
{
	const uint8_t *one, *two;

	if (t.n > max)
		return err_set(err, MUSTER_E_INVALID, "the %s has %zu characters; at most %zu are read", what, t.n, max);
	one = t.n > 0 ? memchr(t.p, '.', t.n) : NULL;
	two = one != NULL ? memchr(one + 1, '.', t.n - (size_t)(one + 1 - t.p)) : NULL;
	if (two == NULL || memchr(two + 1, '.', t.n - (size_t)(two + 1 - t.p)) != NULL)
		return err_set(err, MUSTER_E_INVALID, "the %s does not have three parts: it is something else, or not the whole of it", what);
	out->what = what;
	out->header = (struct muster_span){ t.p, (size_t)(one - t.p) };
	out->payload = (struct muster_span){ one + 1, (size_t)(two - one - 1) };
	out->signature = (struct muster_span){ two + 1, t.n - (size_t)(two + 1 - t.p) };
	out->input = (struct muster_span){ t.p, (size_t)(two - t.p) };
	return MUSTER_OK;
}

int jws_object(json_t **out, const struct jws_parts *p, struct muster_span text, const char *part, struct muster_err *err)
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
		r = err_set(err, MUSTER_E_INVALID, "the %s's %s is not strict base64url", p->what, part);
		goto done;
	}
	if ((j = json_loadb((const char *)raw, n, JSON_REJECT_DUPLICATES, &why)) == NULL) {
		r = json_error_code(&why) == json_error_out_of_memory ? err_nomem(err)
		    : err_set(err, MUSTER_E_INVALID, "the %s's %s is not JSON: %s", p->what, part, why.text);
		goto done;
	}
	if (!json_is_object(j)) {
		r = err_set(err, MUSTER_E_INVALID, "the %s's %s is not a JSON object", p->what, part);
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

bool jws_member_is(const json_t *j, const char *name, const char *value)
{
	const json_t *m = json_object_get(j, name);

	return json_string_length(m) == strlen(value) && memcmp(json_string_value(m), value, strlen(value)) == 0;
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

int jws_check(const struct jws_parts *p, EVP_PKEY *key, struct muster_err *err)
{
	uint8_t raw[SIG_LEN + 1];
	unsigned char *der = NULL;
	EVP_MD_CTX *ctx = NULL;
	size_t n = 0;
	int alg = trust_key_algorithm(key), der_n = 0, ok, r;

	if (alg < 0)
		return trust_err(err, MUSTER_E_INVALID, "the key that signed the %s is neither P-256 nor Ed25519", p->what);
	if (b64_decode(raw, sizeof(raw), &n, (const char *)p->signature.p, p->signature.n) != MUSTER_OK || n != SIG_LEN)
		return err_set(err, MUSTER_E_INVALID, "the %s's signature is not the strict base64url of %d bytes", p->what, SIG_LEN);
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
	r = ok == 1 ? MUSTER_OK : err_set(err, MUSTER_E_SIGNATURE, "the %s's signature does not verify", p->what);
done:
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(der);
	return r;
}
