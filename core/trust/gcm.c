#include "core/trust/gcm.h"

#include <limits.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/trust/openssl.h"

/* OpenSSL wants an address also for no bytes. */
static const uint8_t *bytes_of(struct muster_span s) { return s.n > 0 ? s.p : (const uint8_t *)""; }

int gcm_seal(struct buf *out, const uint8_t key[GCM_KEY], const uint8_t nonce[GCM_NONCE], struct muster_span aad, struct muster_span plain, struct muster_err *err)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *sealed = NULL;
	int n = 0, r;

	MUSTER_ASSERT(plain.n < INT_MAX - GCM_TAG && aad.n < INT_MAX);
	if (ctx == NULL || (sealed = mem_alloc(plain.n + GCM_TAG)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if (EVP_EncryptInit_ex2(ctx, EVP_aes_256_gcm(), key, nonce, NULL) != 1 || EVP_EncryptUpdate(ctx, NULL, &n, bytes_of(aad), (int)aad.n) != 1
	    || EVP_EncryptUpdate(ctx, sealed, &n, bytes_of(plain), (int)plain.n) != 1 || EVP_EncryptFinal_ex(ctx, sealed + plain.n, &n) != 1
	    || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, GCM_TAG, sealed + plain.n) != 1) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot encrypt");
		goto done;
	}
	buf_add(out, sealed, plain.n + GCM_TAG);
	r = out->failed ? err_nomem(err) : MUSTER_OK;
done:
	EVP_CIPHER_CTX_free(ctx);
	mem_free(sealed);
	return r;
}

int gcm_open(struct buf *plain, const uint8_t key[GCM_KEY], const uint8_t nonce[GCM_NONCE], struct muster_span aad, struct muster_span sealed, struct muster_err *err)
{
	EVP_CIPHER_CTX *ctx = NULL;
	uint8_t tag[GCM_TAG], *open = NULL;
	size_t inside;
	int n = 0, r;

	if (sealed.n < GCM_TAG || sealed.n >= INT_MAX)
		return MUSTER_E_MISMATCH;
	inside = sealed.n - GCM_TAG;
	memcpy(tag, sealed.p + inside, GCM_TAG);
	if ((ctx = EVP_CIPHER_CTX_new()) == NULL || (open = mem_alloc(inside + 1)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if (EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), key, nonce, NULL) != 1 || EVP_DecryptUpdate(ctx, NULL, &n, bytes_of(aad), (int)aad.n) != 1
	    || EVP_DecryptUpdate(ctx, open, &n, sealed.p, (int)inside) != 1 || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, GCM_TAG, tag) != 1) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot decrypt");
		goto done;
	}
	if (EVP_DecryptFinal_ex(ctx, open + inside, &n) != 1) {
		ERR_clear_error();
		r = MUSTER_E_MISMATCH;
		goto done;
	}
	buf_add(plain, open, inside);
	r = plain->failed ? err_nomem(err) : MUSTER_OK;
done:
	EVP_CIPHER_CTX_free(ctx);
	if (open != NULL)
		OPENSSL_cleanse(open, inside);
	mem_free(open);
	return r;
}
