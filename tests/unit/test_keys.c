#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include "core/base/file.h"
#include "core/trust/keys.h"
#include "tests/unit/trust_fixture.h"

static char folder[64];

static const char *place(const char *name)
{
	static char path[128];

	if (folder[0] == '\0') {
		strcpy(folder, "/tmp/muster-keys-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(folder));
	}
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void clean(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
	folder[0] = '\0';
}

START_TEST(test_keys_round_trip)
{
	enum trust_algorithm a;
	struct muster_err err;

	for (a = TRUST_ES256; a <= TRUST_EDDSA; a++) {
		EVP_PKEY *key, *got;
		struct stat st;
		bool encrypted;
		const char *path = place("key.pem");

		fixture_ok(trust_key_generate(&key, a, &err), &err);
		ck_assert_int_eq(trust_key_algorithm(key), (int)a);
		fixture_ok(trust_key_write(key, path, NULL, &err), &err);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(st.st_mode & 07777, 0600);
		fixture_ok(trust_key_encrypted(&encrypted, path, &err), &err);
		ck_assert(!encrypted);
		fixture_ok(trust_key_read(&got, path, NULL, &err), &err);
		ck_assert_int_eq(EVP_PKEY_eq(key, got), 1);
		EVP_PKEY_free(got);

		fixture_ok(trust_key_write(key, path, "correct horse", &err), &err);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(st.st_mode & 07777, 0600);
		fixture_ok(trust_key_encrypted(&encrypted, path, &err), &err);
		ck_assert(encrypted);
		fixture_ok(trust_key_read(&got, path, "correct horse", &err), &err);
		ck_assert_int_eq(EVP_PKEY_eq(key, got), 1);
		EVP_PKEY_free(got);
		ck_assert_int_eq(trust_key_read(&got, path, "correct horsf", &err), MUSTER_E_DENIED);
		ck_assert_ptr_nonnull(strstr(err.message, "wrong passphrase"));
		ck_assert_ptr_null(got);
		ck_assert_int_eq(trust_key_read(&got, path, NULL, &err), MUSTER_E_DENIED);
		ck_assert_ptr_nonnull(strstr(err.message, "encrypted"));
		EVP_PKEY_free(key);
	}
	clean();
}
END_TEST

/* trust.md section 11: scrypt N 2^14 r 8 p 16 and AES-256-CBC, not OpenSSL's default. */
START_TEST(test_keys_encryption)
{
	/* scrypt 1.3.6.1.4.1.11591.4.11; then after the salt: INTEGER 16384, 8, 16; aes-256-cbc 2.16.840.1.101.3.4.1.42 */
	static const uint8_t scrypt[] = { 0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b };
	static const uint8_t numbers[] = { 0x02, 0x02, 0x40, 0x00, 0x02, 0x01, 0x08, 0x02, 0x01, 0x10 };
	static const uint8_t cipher[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a };
	struct muster_err err;
	EVP_PKEY *key;
	FILE *f;
	char *name, *header;
	unsigned char *der;
	long n;

	fixture_ok(trust_key_generate(&key, TRUST_ES256, &err), &err);
	fixture_ok(trust_key_write(key, place("key.pem"), "correct horse", &err), &err);
	ck_assert_ptr_nonnull(f = fopen(place("key.pem"), "r"));
	ck_assert_int_eq(PEM_read(f, &name, &header, &der, &n), 1);
	fclose(f);
	ck_assert_str_eq(name, "ENCRYPTED PRIVATE KEY");
	ck_assert_ptr_nonnull(memmem(der, (size_t)n, scrypt, sizeof(scrypt)));
	ck_assert_ptr_nonnull(memmem(der, (size_t)n, numbers, sizeof(numbers)));
	ck_assert_ptr_nonnull(memmem(der, (size_t)n, cipher, sizeof(cipher)));
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	/* twelve characters, not bytes */
	ck_assert_int_eq(trust_key_write(key, place("short.pem"), "elevenchars", &err), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "11 characters"));
	ck_assert_int_eq(trust_key_write(key, place("short.pem"), "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc", &err), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "6 characters"));
	ck_assert_int_eq(access(place("short.pem"), F_OK), -1);
	EVP_PKEY_free(key);
	clean();
}
END_TEST

static int read_mode(mode_t mode)
{
	struct muster_err err;
	EVP_PKEY *key;
	int r;

	ck_assert_int_eq(chmod(place("key.pem"), mode), 0);
	r = trust_key_read(&key, place("key.pem"), NULL, &err);
	if (r == MUSTER_OK)
		EVP_PKEY_free(key);
	else
		ck_assert_ptr_nonnull(strstr(err.message, "key.pem"));
	return r;
}

START_TEST(test_keys_unsafe_files)
{
	static const mode_t unsafe[] = { 0640, 0604, 0620, 0602, 0610, 0644, 0666 };
	struct muster_err err;
	EVP_PKEY *key, *got;
	char target[128];
	size_t i;

	fixture_ok(trust_key_generate(&key, TRUST_ES256, &err), &err);
	fixture_ok(trust_key_write(key, place("key.pem"), NULL, &err), &err);
	for (i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		ck_assert_msg(read_mode(unsafe[i]) == MUSTER_E_DENIED, "mode %o accepted", unsafe[i]);
	ck_assert_int_eq(read_mode(0600), MUSTER_OK);
	ck_assert_int_eq(read_mode(0400), MUSTER_OK);
	/* a folder that others may write to, a link, nothing there */
	ck_assert_int_eq(chmod(folder, 0777), 0);
	ck_assert_int_eq(trust_key_read(&got, place("key.pem"), NULL, &err), MUSTER_E_DENIED);
	ck_assert_int_eq(chmod(folder, 0700), 0);
	snprintf(target, sizeof(target), "%s", place("key.pem"));
	ck_assert_int_eq(symlink(target, place("link.pem")), 0);
	ck_assert_int_eq(trust_key_read(&got, place("link.pem"), NULL, &err), MUSTER_E_DENIED);
	ck_assert_int_eq(trust_key_read(&got, place("none.pem"), NULL, &err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_null(got);
	EVP_PKEY_free(key);
	clean();
}
END_TEST

static void write_text(const char *path, const char *text, size_t n)
{
	struct muster_err err;

	fixture_ok(file_write(path, (struct muster_span){ (const uint8_t *)text, n }, 0600, &err), &err);
}

static void refused(EVP_PKEY *key, int result, const char *message)
{
	struct muster_err err;
	EVP_PKEY *got;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(bio, &text);
	write_text(place("other.pem"), text, (size_t)n);
	ck_assert_int_eq(trust_key_read(&got, place("other.pem"), NULL, &err), result);
	ck_assert_msg(strstr(err.message, message) != NULL, "%s", err.message);
	BIO_free(bio);
	EVP_PKEY_free(key);
}

START_TEST(test_keys_other_kinds)
{
	struct muster_err err;
	EVP_PKEY *key, *got;
	BIO *bio;
	char *text;
	long n, i;

	refused(EVP_EC_gen("P-384"), MUSTER_E_UNSUPPORTED, "P-256");
	refused(EVP_EC_gen("secp256k1"), MUSTER_E_UNSUPPORTED, "P-256");
	refused(EVP_RSA_gen(2048), MUSTER_E_UNSUPPORTED, "P-256");
	refused(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), MUSTER_E_UNSUPPORTED, "P-256");
	/* the older form, a certificate request's neighbour, junk */
	fixture_ok(trust_key_generate(&key, TRUST_ES256, &err), &err);
	bio = BIO_new(BIO_s_mem());
	ck_assert_int_eq(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(bio, &text);
	write_text(place("old.pem"), text, (size_t)n);
	ck_assert_int_eq(trust_key_read(&got, place("old.pem"), NULL, &err), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "pkcs8"));
	BIO_free(bio);
	write_text(place("junk.pem"), "junk", 4);
	ck_assert_int_eq(trust_key_read(&got, place("junk.pem"), NULL, &err), MUSTER_E_INVALID);
	write_text(place("junk.pem"), "", 0);
	ck_assert_int_eq(trust_key_read(&got, place("junk.pem"), NULL, &err), MUSTER_E_INVALID);
	/* cut off anywhere before the closing line */
	bio = BIO_new(BIO_s_mem());
	ck_assert_int_eq(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(bio, &text);
	for (i = 0; i + 26 < n; i++) {
		write_text(place("cut.pem"), text, (size_t)i);
		ck_assert_int_eq(trust_key_read(&got, place("cut.pem"), NULL, &err), MUSTER_E_INVALID);
	}
	BIO_free(bio);
	EVP_PKEY_free(key);
	clean();
}
END_TEST

UNIT_MAIN("keys", test_keys_round_trip, test_keys_encryption, test_keys_unsafe_files, test_keys_other_kinds)
