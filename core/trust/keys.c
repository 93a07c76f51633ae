#include "core/trust/keys.h"

#include <string.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/trust/openssl.h"

#define KEY_FILE_MAX 16384
/* trust.md section 11: OpenSSL's own default would be PBKDF2 with 2048 rounds. */
/* What an attacker pays for each try. 256 random bits need no price: nobody tries them one by one. */
struct scrypt { uint64_t n, r, p; };
static const struct scrypt for_people = { 1u << 14, 8, 16 }, for_random = { 16, 8, 1 };
#define RANDOM_MIN 64   /* hexadecimal digits of 32 random bytes */

int trust_key_generate(EVP_PKEY **out, enum trust_algorithm a, struct muster_err *err)
{
	*out = a == TRUST_ES256 ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (*out == NULL)
		return trust_err(err, MUSTER_E_INTERNAL, "cannot make a private key");
	return MUSTER_OK;
}

int trust_key_algorithm(const EVP_PKEY *key)
{
	char group[32] = "";
	size_t n = 0;
	int explicit_parameters = 0;

	if (key == NULL)
		return MUSTER_E_UNSUPPORTED;
	if (EVP_PKEY_is_a(key, "ED25519"))
		return TRUST_EDDSA;
	if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof(group), &n) != 1 || strcmp(group, "prime256v1") != 0)
		return MUSTER_E_UNSUPPORTED;
	/* A curve spelled out in parameters is not "the named curve", even when it equals it (RFC 5480 section 2.1.1). */
	if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_parameters) == 1 && explicit_parameters != 0)
		return MUSTER_E_UNSUPPORTED;
	return TRUST_ES256;
}

/* The DER inside a PKCS#8 PEM file, and whether it is encrypted. *der is OpenSSL's, *n its size. */
static int key_file_read(unsigned char **der, long *n, bool *encrypted, const char *path, struct muster_err *err)
{
	struct buf text;
	BIO *bio = NULL;
	char *name = NULL, *header = NULL;
	int r;

	*der = NULL;
	*n = 0;
	*encrypted = false;
	buf_init(&text, KEY_FILE_MAX);
	if ((r = file_check_trust(path, FILE_TRUST_SECRET, err)) != MUSTER_OK)
		goto done;
	if ((r = file_read(&text, path, KEY_FILE_MAX, err)) != MUSTER_OK)
		goto done;
	if ((bio = BIO_new_mem_buf(text.n > 0 ? (const void *)text.p : "", (int)text.n)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if (PEM_read_bio(bio, &name, &header, der, n) != 1) {
		r = trust_err(err, MUSTER_E_INVALID, "%s: not a PEM file", path);
		goto done;
	}
	if (strcmp(name, PEM_STRING_PKCS8) == 0) {
		*encrypted = true;
	} else if (strcmp(name, PEM_STRING_PKCS8INF) != 0) {
		r = err_set(err, MUSTER_E_INVALID, "%s: holds \"%s\", not a PKCS#8 private key; convert it with: openssl pkcs8 -topk8", path, name);
		goto done;
	}
	r = MUSTER_OK;
done:
	if (r != MUSTER_OK && *der != NULL) {
		OPENSSL_clear_free(*der, (size_t)*n);
		*der = NULL;
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	BIO_free(bio);
	buf_cleanse(&text);
	return r;
}

int trust_key_encrypted(bool *out, const char *path, struct muster_err *err)
{
	unsigned char *der = NULL;
	long n = 0;
	int r = key_file_read(&der, &n, out, path, err);

	if (r == MUSTER_OK)
		OPENSSL_clear_free(der, (size_t)n);
	return r;
}

int trust_key_read(EVP_PKEY **out, const char *path, const char *passphrase, struct muster_err *err)
{
	unsigned char *der = NULL;
	const unsigned char *p;
	long n = 0;
	bool encrypted = false;
	X509_SIG *box = NULL;
	PKCS8_PRIV_KEY_INFO *info = NULL;
	EVP_PKEY *key = NULL;
	int r;

	*out = NULL;
	if ((r = key_file_read(&der, &n, &encrypted, path, err)) != MUSTER_OK)
		return r;
	p = der;
	if (encrypted && passphrase == NULL) {
		r = err_set(err, MUSTER_E_DENIED, "%s: the key is encrypted and no passphrase was given", path);
		goto done;
	}
	if (encrypted) {
		if ((box = d2i_X509_SIG(NULL, &p, n)) == NULL || p != der + n) {
			r = trust_err(err, MUSTER_E_INVALID, "%s: damaged encrypted private key", path);
			goto done;
		}
		if ((info = PKCS8_decrypt(box, passphrase, (int)strlen(passphrase))) == NULL) {
			ERR_clear_error();
			r = err_set(err, MUSTER_E_DENIED, "%s: wrong passphrase", path);
			goto done;
		}
	} else if ((info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, n)) == NULL || p != der + n) {
		r = trust_err(err, MUSTER_E_INVALID, "%s: damaged private key", path);
		goto done;
	}
	if ((key = EVP_PKCS82PKEY(info)) == NULL) {
		r = trust_err(err, MUSTER_E_INVALID, "%s: damaged private key", path);
		goto done;
	}
	if (trust_key_algorithm(key) < 0) {
		r = trust_err(err, MUSTER_E_UNSUPPORTED, "%s: the key is neither P-256 nor Ed25519", path);
		goto done;
	}
	*out = key;
	key = NULL;
	r = MUSTER_OK;
done:
	EVP_PKEY_free(key);
	PKCS8_PRIV_KEY_INFO_free(info);
	X509_SIG_free(box);
	OPENSSL_clear_free(der, (size_t)n);
	return r;
}

/* Encrypt with scrypt and AES-256-CBC. */
static X509_SIG *key_box(PKCS8_PRIV_KEY_INFO *info, const char *passphrase, const struct scrypt *cost)
{
	X509_ALGOR *how = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 16, NULL, cost->n, cost->r, cost->p);
	X509_SIG *box;

	if (how == NULL)
		return NULL;
	box = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), info, how);
	if (box == NULL)
		X509_ALGOR_free(how);
	return box;
}

/* Characters of UTF-8 text. */
static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

int trust_passphrase_check(const char *passphrase, struct muster_err *err)
{
	size_t n = characters(passphrase);

	if (n >= TRUST_PASSPHRASE_MIN)
		return MUSTER_OK;
	return err_set(err, MUSTER_E_INVALID, "the passphrase has %zu characters; it needs at least %d", n, TRUST_PASSPHRASE_MIN);
}

static int write_key(const EVP_PKEY *key, const char *path, const char *passphrase, const struct scrypt *cost, struct muster_err *err)
{
	PKCS8_PRIV_KEY_INFO *info = NULL;
	X509_SIG *box = NULL;
	BIO *bio = NULL;
	char *text = NULL;
	long n;
	int r;

	/* secmem: wiped when freed, and off the swap where a secure heap was set up */
	if ((info = EVP_PKEY2PKCS8(key)) == NULL || (bio = BIO_new(BIO_s_secmem())) == NULL) {
		r = trust_err(err, MUSTER_E_INTERNAL, "%s: cannot encode the private key", path);
		goto done;
	}
	if (passphrase != NULL && (box = key_box(info, passphrase, cost)) == NULL) {
		r = trust_err(err, MUSTER_E_INTERNAL, "%s: cannot encrypt the private key", path);
		goto done;
	}
	if ((box != NULL ? PEM_write_bio_PKCS8(bio, box) : PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info)) != 1
	    || (n = BIO_get_mem_data(bio, &text)) <= 0) {
		r = trust_err(err, MUSTER_E_INTERNAL, "%s: cannot encode the private key", path);
		goto done;
	}
	r = file_write(path, (struct muster_span){ (const uint8_t *)text, (size_t)n }, 0600, err);
done:
	BIO_free(bio);
	X509_SIG_free(box);
	PKCS8_PRIV_KEY_INFO_free(info);
	return r;
}

int trust_key_write(const EVP_PKEY *key, const char *path, const char *passphrase, struct muster_err *err)
{
	int r;

	if (passphrase != NULL && (r = trust_passphrase_check(passphrase, err)) != MUSTER_OK)
		return r;
	return write_key(key, path, passphrase, &for_people, err);
}

int trust_key_write_random(const EVP_PKEY *key, const char *path, const char *random, struct muster_err *err)
{
	MUSTER_ASSERT(strlen(random) >= RANDOM_MIN);
	return write_key(key, path, random, &for_random, err);
}
