/* The certificate for a host's own key. */
#include "core/issuer/confirm_private.h"

#include <stdio.h>
#include <string.h>
#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/trust/openssl.h"

int confirm_serial(char out[41], const X509 *x, struct muster_err *err)
{
	const ASN1_INTEGER *s = X509_get0_serialNumber(x);
	int n = ASN1_STRING_length(s);

	if (n < 1 || n > 20)
		return err_set(err, MUSTER_E_INVALID, "the certificate's serial number is too long");
	hex_encode(out, ASN1_STRING_get0_data(s), (size_t)n);
	return MUSTER_OK;
}

/* PEM of both, read back and verified as every host will: what does not verify is neither recorded nor shown. */
static int finish(struct books_certificate *out, const struct confirmer *c, X509 *host, int64_t now, struct muster_err *err)
{
	struct trust_chain *chain = NULL;
	BIO *pem = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n = 0;
	int r;

	if (pem == NULL || PEM_write_bio_X509(pem, host) != 1 || PEM_write_bio_X509(pem, c->authority->mid) != 1 || (n = BIO_get_mem_data(pem, &text)) <= 0) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = trust_chain_read(&chain, span_of(text, (size_t)n), err)) != MUSTER_OK
	    || (r = trust_chain_verify(chain, c->anchors, TRUST_ROLE_LEASE, now, err)) != MUSTER_OK)
		goto done;
	memcpy(out->kid, trust_chain_kid(chain), sizeof out->kid);
	out->begin = trust_chain_begin(chain);
	out->end = trust_chain_end(chain, c->anchors);
	if ((out->chain = mem_strdup(trust_chain_pem(chain))) == NULL)
		r = err_nomem(err);
done:
	trust_chain_unref(chain);
	BIO_free(pem);
	return r;
}

int confirm_certificate(struct books_certificate *out, struct confirmer *c, const struct books_key *k, struct muster_span request, const char *name,
                        const uint8_t binding[BINDING_SIZE], int64_t now, struct muster_err *err)
{
	uint8_t digest[32];
	char id[HEX_SIZE(BINDING_SIZE)];
	EVP_PKEY *key = NULL;
	X509 *host = NULL;
	int r;

	memset(out, 0, sizeof *out);
	if (k->kind != PRODUCT_KEY_HOST)
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_KEY_INVALID, "the product key ending in %s is a %s: it certifies no host", k->partial, product_key_kind_name(k->kind));
	if ((r = trust_request_read(&key, request, err)) != MUSTER_OK) {
		if (err != NULL)
			err->code = CODE_M_FIELD;
		goto done;
	}
	hex_encode(id, binding, BINDING_SIZE);
	if (name != NULL && name[0] != '\0')
		(void)snprintf(out->subject, sizeof out->subject, "%s", name);
	else
		(void)snprintf(out->subject, sizeof out->subject, "host %s", id);
	if (EVP_Digest(request.p, request.n, digest, NULL, EVP_sha256(), NULL) != 1) {
		r = err_nomem(err);
		goto done;
	}
	hex_encode(out->request, digest, sizeof digest);
	out->at = now;
	out->intermediate = c->authority->mid_number;
	memcpy(out->products, k->products, sizeof out->products);
	out->product_count = k->product_count;
	if ((r = trust_make_host(&host, key, out->subject, (const uint8_t (*)[16])&k->products[0], k->product_count, c->authority->mid, c->mid_key, now, TRUST_HOST_LIFE_S, err))
	    != MUSTER_OK)
		goto done;
	if ((r = confirm_serial(out->serial, host, err)) == MUSTER_OK)
		r = finish(out, c, host, now, err);
done:
	X509_free(host);
	EVP_PKEY_free(key);
	return r;
}
