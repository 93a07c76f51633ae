#include "core/issuer/leaf.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/trust/openssl.h"

#define STATEMENT_RENEW_S (30 * TRUST_DAY_S)   /* a statement certificate with less than this left signs no more */

/* Chain as PEM, read back and verified as every host will: what does not verify is neither recorded nor shown. */
static int verified_chain(struct trust_chain **out, const struct authority *a, X509 *leaf, enum trust_role role, int64_t now, struct muster_err *err)
{
	struct trust_chain *chain = NULL;
	BIO *pem = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n;
	int r;

	*out = NULL;
	if (pem == NULL || PEM_write_bio_X509(pem, leaf) != 1 || PEM_write_bio_X509(pem, a->mid) != 1 || (n = BIO_get_mem_data(pem, &text)) <= 0) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = trust_chain_read(&chain, span_of(text, (size_t)n), err)) == MUSTER_OK && (r = trust_chain_verify(chain, a->anchors, role, now, err)) == MUSTER_OK) {
		*out = chain;
		chain = NULL;
	}
done:
	trust_chain_unref(chain);
	BIO_free(pem);
	return r;
}

static int serial_of(char out[41], const X509 *x, struct muster_err *err)
{
	const ASN1_INTEGER *s = X509_get0_serialNumber(x);

	if (ASN1_STRING_length(s) * 2 + 1 > 41)
		return err_set(err, MUSTER_E_INTERNAL, "the serial number is too long");
	hex_encode(out, ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	return MUSTER_OK;
}

int leaf_public_key(char out[65], const X509 *x, struct muster_err *err)
{
	unsigned char *der = NULL;
	uint8_t digest[32];
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der), r = MUSTER_OK;

	if (n <= 0 || EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL) != 1)
		r = err_nomem(err);
	else
		hex_encode(out, digest, sizeof digest);
	OPENSSL_free(der);
	return r;
}

int leaf_host(struct books_certificate *out, const struct authority *a, EVP_PKEY *mid_key, const struct leaf_order *o, int64_t now, struct muster_err *err)
{
	struct trust_chain *chain = NULL;
	EVP_PKEY *host_key = NULL;
	X509 *host = NULL;
	uint8_t digest[32];
	int r;

	if (o->subject != NULL && strlen(o->subject) >= sizeof(out->subject))
		return err_set(err, MUSTER_E_INVALID, "the host's name is longer than %zu bytes", sizeof(out->subject) - 1);
	if (o->subject != NULL)
		(void)snprintf(out->subject, sizeof(out->subject), "%s", o->subject);
	else
		(void)snprintf(out->subject, sizeof(out->subject), "host %u", out->number);
	out->at = now;
	out->intermediate = a->mid_number;
	out->product_count = o->product_count;
	memcpy(out->products, o->products, o->product_count * sizeof(out->products[0]));
	if (EVP_Digest(o->request.p, o->request.n, digest, NULL, EVP_sha256(), NULL) != 1)
		return err_nomem(err);
	hex_encode(out->request, digest, sizeof(digest));
	if ((r = trust_request_read(&host_key, o->request, err)) != MUSTER_OK
	    || (r = trust_make_host(&host, host_key, out->subject, o->products, o->product_count, a->mid, mid_key, now, o->life_s, err)) != MUSTER_OK
	    || (r = serial_of(out->serial, host, err)) != MUSTER_OK || (r = leaf_public_key(out->spki, host, err)) != MUSTER_OK
	    || (r = verified_chain(&chain, a, host, TRUST_ROLE_LEASE, now, err)) != MUSTER_OK)
		goto done;
	memcpy(out->kid, trust_chain_kid(chain), sizeof(out->kid));
	out->begin = trust_chain_begin(chain);
	out->end = trust_chain_end(chain, a->anchors);
	if ((out->chain = mem_strdup(trust_chain_pem(chain))) == NULL)
		r = err_nomem(err);
done:
	trust_chain_unref(chain);
	X509_free(host);
	EVP_PKEY_free(host_key);
	return r;
}

int leaf_slot(struct buf *der, char serial[41], int64_t *end, const struct authority *a, EVP_PKEY *mid_key, EVP_PKEY *slot_key, const char *name, const uint8_t (*products)[16],
              size_t product_count, int64_t now, int64_t life_s, struct muster_err *err)
{
	struct trust_chain *chain = NULL;
	unsigned char *text = NULL;
	X509 *x = NULL;
	int n, r;

	if ((r = trust_make_slot(&x, slot_key, name, products, product_count, a->mid, mid_key, now, life_s, err)) != MUSTER_OK
	    || (r = serial_of(serial, x, err)) != MUSTER_OK || (r = verified_chain(&chain, a, x, TRUST_ROLE_LEASE, now, err)) != MUSTER_OK)
		goto done;
	*end = trust_chain_end(chain, a->anchors);
	if ((n = i2d_X509(x, &text)) <= 0) {
		r = err_nomem(err);
		goto done;
	}
	buf_add(der, text, (size_t)n);
	r = der->failed ? err_nomem(err) : MUSTER_OK;
done:
	OPENSSL_free(text);
	trust_chain_unref(chain);
	X509_free(x);
	return r;
}

static char *statement_path(const struct authority *a, unsigned n, const char *suffix)
{
	char name[48];

	(void)snprintf(name, sizeof(name), "statement-%u.%s", n, suffix);
	return authority_path(a, name);
}

/* The highest number of which there is a certificate; 0: none. */
static int newest_statement(unsigned *out, const struct authority *a, struct muster_err *err)
{
	int r = authority_newest(out, a->dir, "statement", err);

	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

/* A statement certificate under an older intermediate, or near its end, signs no more. */
static bool still_signs(const struct trust_chain *c, const struct authority *a, int64_t now)
{
	return X509_check_issued(a->mid, trust_chain_signer(c)) == X509_V_OK && trust_chain_verify(c, a->anchors, TRUST_ROLE_STATEMENT, now, NULL) == MUSTER_OK
	       && trust_chain_end(c, a->anchors) > now + STATEMENT_RENEW_S;
}

int leaf_statement_open(struct statement_signer **out, const struct authority *a, const char *passphrase, int64_t now, struct muster_err *err)
{
	struct trust_chain *chain = NULL;
	EVP_PKEY *key = NULL;
	char *path = NULL, *key_path = NULL;
	struct buf pem;
	unsigned n;
	int r;

	*out = NULL;
	buf_init(&pem, TRUST_CHAIN_MAX);
	if ((r = newest_statement(&n, a, err)) != MUSTER_OK)
		goto done;
	if (n == 0) {
		r = err_set(err, MUSTER_E_NOT_FOUND, "there is no statement certificate yet");
		goto done;
	}
	if ((path = statement_path(a, n, "pem")) == NULL || (key_path = statement_path(a, n, "key")) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = file_check_trust(path, FILE_TRUST_CODE, err)) != MUSTER_OK || (r = file_read(&pem, path, TRUST_CHAIN_MAX, err)) != MUSTER_OK
	    || (r = trust_chain_read(&chain, span_of(pem.p, pem.n), err)) != MUSTER_OK)
		goto done;
	if (!still_signs(chain, a, now))
		r = err_set(err, MUSTER_E_NOT_FOUND, "the statement certificate %u signs no more", n);
	else if ((r = trust_key_read(&key, key_path, passphrase, err)) == MUSTER_OK)
		r = statement_signer_new(out, key, chain, err);
done:
	EVP_PKEY_free(key);
	trust_chain_unref(chain);
	mem_free(path);
	mem_free(key_path);
	buf_fini(&pem);
	return r;
}

int leaf_statement_make(const struct authority *a, EVP_PKEY *mid_key, const char *passphrase, int64_t now, struct muster_err *err)
{
	char subject[4 * AUTHORITY_NAME_MAX + 48], name[256] = "";
	struct trust_chain *chain = NULL;
	EVP_PKEY *key = NULL;
	X509 *x = NULL;
	char *path = NULL, *key_path = NULL;
	unsigned n;
	int r;

	if ((r = newest_statement(&n, a, err)) != MUSTER_OK)
		return r;
	n++;
	X509_NAME_get_text_by_NID(X509_get_subject_name(a->root), NID_commonName, name, sizeof(name));
	(void)snprintf(subject, sizeof(subject), "%.200s statements %u", name, n);
	if ((path = statement_path(a, n, "pem")) == NULL || (key_path = statement_path(a, n, "key")) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	/* the key first: a certificate without its key would be taken for the newest */
	if ((r = trust_key_generate(&key, (enum trust_algorithm)trust_key_algorithm(X509_get0_pubkey(a->root)), err)) == MUSTER_OK
	    && (r = trust_make_statement(&x, key, subject, a->mid, mid_key, now, err)) == MUSTER_OK
	    && (r = verified_chain(&chain, a, x, TRUST_ROLE_STATEMENT, now, err)) == MUSTER_OK && (r = trust_key_write(key, key_path, passphrase, err)) == MUSTER_OK)
		r = file_write(path, span_str(trust_chain_pem(chain)), 0644, err);
done:
	trust_chain_unref(chain);
	X509_free(x);
	EVP_PKEY_free(key);
	mem_free(path);
	mem_free(key_path);
	return r;
}

int leaf_statement_row(struct books_certificate *out, bool *newest, const struct authority *a, unsigned n, int64_t now, struct muster_err *err)
{
	char *path = statement_path(a, n, "pem");
	struct trust_chain *chain = NULL;
	struct buf pem;
	unsigned last;
	int r;

	memset(out, 0, sizeof(*out));
	buf_init(&pem, TRUST_CHAIN_MAX);
	if (path == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = newest_statement(&last, a, err)) != MUSTER_OK || (r = file_read(&pem, path, TRUST_CHAIN_MAX, err)) != MUSTER_OK
	    || (r = trust_chain_read(&chain, span_of(pem.p, pem.n), err)) != MUSTER_OK || (r = serial_of(out->serial, trust_chain_signer(chain), err)) != MUSTER_OK
	    || (r = leaf_public_key(out->spki, trust_chain_signer(chain), err)) != MUSTER_OK)
		goto done;
	*newest = n == last;
	(void)snprintf(out->subject, sizeof(out->subject), "statement signer %u", n);
	memcpy(out->kid, trust_chain_kid(chain), sizeof(out->kid));
	out->at = now;
	out->begin = trust_chain_begin(chain);
	out->end = trust_chain_end(chain, a->anchors);
	out->intermediate = a->mid_number;
	if ((out->chain = mem_strdup(trust_chain_pem(chain))) == NULL)
		r = err_nomem(err);
done:
	trust_chain_unref(chain);
	mem_free(path);
	buf_fini(&pem);
	return r;
}
