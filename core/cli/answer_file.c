#include "core/cli/answer_file.h"

#include <string.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/qr.h"

#define ANSWER_PREFIX "MUSTER1A:"
#define REQUEST_PREFIX "MUSTER1:"

/* DER certificates one behind the other as PEM. */
static int der_to_pem(struct buf *pem, const uint8_t *der, size_t n, struct muster_err *err)
{
	const uint8_t *p = der, *end = der + n;
	BIO *bio = BIO_new(BIO_s_mem());
	int count = 0, r = MUSTER_OK;
	char *text;
	long length;

	if (bio == NULL)
		return err_nomem(err);
	while (p < end && r == MUSTER_OK) {
		X509 *cert = d2i_X509(NULL, &p, (long)(end - p));

		if (cert == NULL || PEM_write_bio_X509(bio, cert) != 1)
			r = err_set(err, MUSTER_E_INVALID, "the answer is damaged: certificate %d cannot be read", count + 1);
		X509_free(cert);
		count++;
	}
	if (r == MUSTER_OK && count != 2)
		r = err_set(err, MUSTER_E_INVALID, "the answer holds %d certificates instead of the host's and the intermediate", count);
	if (r == MUSTER_OK) {
		length = BIO_get_mem_data(bio, &text);
		buf_add(pem, text, (size_t)length);
	}
	BIO_free(bio);
	return r;
}

int answer_file_text(struct buf *pem, const char *text, const char *name, struct muster_err *err)
{
	uint8_t der[ANSWER_CHAIN_MAX];
	size_t der_n, length;

	text += strspn(text, " \t\r\n");
	if (strncmp(text, ANSWER_PREFIX, strlen(ANSWER_PREFIX)) == 0) {
		length = strcspn(text, " \t\r\n");
		if (text[length + strspn(text + length, " \t\r\n")] != '\0')
			return err_set(err, MUSTER_E_INVALID, "%s: the answer is one line and nothing else", name);
		if (b64_decode(der, sizeof(der), &der_n, text + strlen(ANSWER_PREFIX), length - strlen(ANSWER_PREFIX)) != MUSTER_OK)
			return err_set(err, MUSTER_E_INVALID, "%s: the answer is damaged: behind " ANSWER_PREFIX " stands no base64url", name);
		return der_to_pem(pem, der, der_n, err);
	}
	if (strncmp(text, REQUEST_PREFIX, strlen(REQUEST_PREFIX)) == 0)
		return err_set(err, MUSTER_E_INVALID, "%s is a request and no answer: give it to the issuer (muster-issuer confirm --request), who answers it", name);
	if (strstr(text, "-----BEGIN CERTIFICATE REQUEST-----") != NULL)
		return err_set(err, MUSTER_E_INVALID, "%s is a certificate request and no answer: give it to the issuer, who answers it", name);
	if (strstr(text, "-----BEGIN CERTIFICATE-----") == NULL)
		return err_set(err, MUSTER_E_INVALID, "%s is no answer of an issuer: that is a PEM file with certificates, a line that begins with " ANSWER_PREFIX ", or a PNG picture of its QR code", name);
	buf_adds(pem, text);
	return MUSTER_OK;
}

int answer_file_read(struct buf *pem, const char *path, struct muster_err *err)
{
	struct buf bytes, text;
	int r;

	buf_init(&bytes, QR_PICTURE_MAX);
	buf_init(&text, QR_TEXT_MAX + 1);
	if ((r = file_read(&bytes, path, QR_PICTURE_MAX, err)) != MUSTER_OK)
		goto done;
	if (qr_is_png((struct muster_span){ bytes.p, bytes.n })) {
		if ((r = qr_read_png(&text, (struct muster_span){ bytes.p, bytes.n }, err)) != MUSTER_OK)
			(void)err_prefix(err, r, "%s", path);
		else
			r = answer_file_text(pem, buf_str(&text), path, err);
	} else {
		r = answer_file_text(pem, buf_str(&bytes), path, err);
	}
	if (r == MUSTER_OK && pem->failed)
		r = err_set(err, MUSTER_E_LIMIT, "%s holds more than %d bytes of certificates", path, ANSWER_CHAIN_MAX);
done:
	buf_fini(&text);
	buf_fini(&bytes);
	return r;
}
