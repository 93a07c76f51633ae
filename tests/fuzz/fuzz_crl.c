/*
 * Revocation lists. The first byte chooses what the rest is: 'T' the whole text, 'B' the DER of a list's signed part, which is rightly signed here.
 */
#include <string.h>
#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/trust/crl.h"
#include "tests/fuzz/fuzz_issuer.h"

static const uint8_t ed25519[] = { 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70 };

static void add_length(struct buf *out, size_t n)
{
	const uint8_t bytes[] = { 0x83, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };

	if (n < 128)
		buf_addc(out, (char)n);
	else if (n < 256)
		buf_add(out, (const uint8_t[]){ 0x81, (uint8_t)n }, 2);
	else if (n < 65536)
		buf_add(out, (const uint8_t[]){ 0x82, (uint8_t)(n >> 8), (uint8_t)n }, 3);
	else
		buf_add(out, bytes, sizeof(bytes));
}

/* CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue } as PEM, then the intermediate. */
static void sign_list(struct buf *pem, const uint8_t *tbs, size_t n)
{
	const struct fuzz_issuer *i = fuzz_issuer();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	BIO *bio = BIO_new(BIO_s_mem());
	uint8_t sig[64];
	size_t sig_n = sizeof(sig);
	struct buf der;
	char *text;
	long length;

	buf_init(&der, 1 << 20);
	FUZZ_CHECK(ctx != NULL && bio != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, i->mid_key) == 1 && EVP_DigestSign(ctx, sig, &sig_n, tbs, n) == 1);
	buf_addc(&der, 0x30);
	add_length(&der, n + sizeof(ed25519) + 3 + sizeof(sig));
	buf_add(&der, tbs, n);
	buf_add(&der, ed25519, sizeof(ed25519));
	buf_add(&der, (const uint8_t[]){ 0x03, 0x41, 0x00 }, 3);
	buf_add(&der, sig, sizeof(sig));
	FUZZ_CHECK(!der.failed && PEM_write_bio(bio, PEM_STRING_X509_CRL, "", der.p, (long)der.n) > 0 && PEM_write_bio_X509(bio, i->mid) == 1);
	length = BIO_get_mem_data(bio, &text);
	buf_add(pem, text, (size_t)length);
	buf_fini(&der);
	BIO_free(bio);
	EVP_MD_CTX_free(ctx);
}

/* What was accepted is kept as text and read again from it. */
static void repeat(const struct crl *c)
{
	const struct fuzz_issuer *i = fuzz_issuer();
	const struct crl_entry *e;
	struct crl *again;

	FUZZ_CHECK(crl_read(&again, span_str(crl_pem(c)), i->anchors, FUZZ_NOW, NULL) == MUSTER_OK);
	FUZZ_CHECK(crl_number(again) == crl_number(c) && crl_number(c) > 0 && crl_count(again) == crl_count(c) && crl_made(again) == crl_made(c));
	FUZZ_CHECK(crl_lists(c, i->certificate, &e) == (e != NULL));
	crl_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fuzz_issuer *i = fuzz_issuer();
	struct crl *c;
	struct buf b;

	if (size == 0 || size > 65536)
		return 0;
	if (data[0] == 'T') {
		FUZZ_CHECK(crl_read(&c, span_of(data + 1, size - 1), i->anchors, FUZZ_NOW, NULL) != MUSTER_OK && c == NULL);
	} else if (data[0] == 'B') {
		buf_init(&b, 1 << 20);
		sign_list(&b, data + 1, size - 1);
		if (crl_read(&c, span_of(b.p, b.n), i->anchors, FUZZ_NOW, NULL) == MUSTER_OK)
			repeat(c);
		crl_unref(c);
		buf_fini(&b);
	}
	return 0;
}
