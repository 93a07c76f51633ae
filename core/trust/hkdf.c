#include "core/trust/hkdf.h"

#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include "core/base/bytes.h"
#include "core/trust/openssl.h"

/* OpenSSL's parameters take memory that may be written; it reads these only. */
static OSSL_PARAM octets(const char *name, struct muster_span s)
{
	union { const uint8_t *in; void *out; } p = { s.n > 0 ? s.p : (const uint8_t *)"" };

	return OSSL_PARAM_construct_octet_string(name, p.out, s.n);
}

static int derive(uint8_t *out, size_t n, int mode, struct muster_span key, struct muster_span more, struct muster_err *err)
{
	char digest[] = "SHA256";
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		octets(OSSL_KDF_PARAM_KEY, key),
		octets(mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY ? OSSL_KDF_PARAM_SALT : OSSL_KDF_PARAM_INFO, more),
		OSSL_PARAM_construct_end()
	};
	int r = MUSTER_OK;

	memset(out, 0, n);
	if (ctx == NULL || EVP_KDF_derive(ctx, out, n, params) != 1) {
		OPENSSL_cleanse(out, n);
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot derive a key");
	}
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return r;
}

int hkdf_extract(uint8_t prk[HKDF_PRK], struct muster_span salt, struct muster_span ikm, struct muster_err *err)
{
	return derive(prk, HKDF_PRK, EVP_KDF_HKDF_MODE_EXTRACT_ONLY, ikm, salt, err);
}

int hkdf_expand(uint8_t *out, size_t n, const uint8_t prk[HKDF_PRK], struct muster_span info, struct muster_err *err)
{
	MUSTER_ASSERT(n > 0 && n <= (size_t)255 * HKDF_PRK);
	return derive(out, n, EVP_KDF_HKDF_MODE_EXPAND_ONLY, span_of(prk, HKDF_PRK), info, err);
}

int hkdf_label(uint8_t *out, size_t n, const uint8_t prk[HKDF_PRK], const char *label, struct muster_span context, struct muster_err *err)
{
	uint8_t info[2 * HKDF_CONTEXT_MAX + 1];
	size_t have = strlen(label);
	int r;

	MUSTER_ASSERT(have <= HKDF_CONTEXT_MAX && context.n <= HKDF_CONTEXT_MAX);
	memcpy(info, label, have);
	info[have++] = 0;
	if (context.n > 0)
		memcpy(info + have, context.p, context.n);
	r = hkdf_expand(out, n, prk, span_of(info, have + context.n), err);
	OPENSSL_cleanse(info, sizeof(info));
	return r;
}
