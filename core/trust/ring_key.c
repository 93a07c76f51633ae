#include "core/trust/ring_key.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define FILE_MAX 16384

void ring_key_init(struct ring_key *k)
{
	memset(k, 0, sizeof(*k));
	buf_init(&k->text, FILE_MAX);
}

static void forget(char **secret)
{
	if (*secret != NULL)
		OPENSSL_cleanse(*secret, strlen(*secret));
	mem_free(*secret);
	*secret = NULL;
}

static void drop(struct ring_key *k)
{
	EVP_PKEY_free(k->key);
	k->key = NULL;
	buf_cleanse(&k->text);
	k->stale = false;
}

void ring_key_fini(struct ring_key *k)
{
	drop(k);
	forget(&k->passphrase);
	forget(&k->older);
	mem_free(k->path);
}

int ring_key_passphrase(struct ring_key *k, const char *passphrase, const char *older, struct muster_err *err)
{
	char *newest = mem_strdup(passphrase), *old = mem_strdup(older);

	if (newest == NULL || (older != NULL && old == NULL)) {
		forget(&newest);
		forget(&old);
		return err_nomem(err);
	}
	k->stale |= k->key != NULL && (k->passphrase == NULL || strcmp(k->passphrase, newest) != 0);
	forget(&k->passphrase);
	forget(&k->older);
	k->passphrase = newest;
	k->older = old;
	return MUSTER_OK;
}

/* @param[out] stale it is to be written anew. */
static int read_key(const struct ring_key *k, EVP_PKEY **out, bool *stale, struct muster_err *err)
{
	bool encrypted;
	int r;

	*out = NULL;
	*stale = false;
	if ((r = trust_key_encrypted(&encrypted, k->path, err)) != MUSTER_OK)
		return r;
	r = trust_key_read(out, k->path, encrypted ? k->passphrase : NULL, err);
	if (r == MUSTER_OK)
		*stale = !encrypted && k->passphrase != NULL;
	if (r != MUSTER_E_DENIED || !encrypted || k->passphrase == NULL)
		return r;
	if (k->older != NULL && trust_key_read(out, k->path, k->older, NULL) == MUSTER_OK) {
		*stale = true;
		return MUSTER_OK;
	}
	return err_set(err, r, "%s was encrypted under another host key file than the present one: put that file back, or remove key.pem and have a new key certified", k->path);
}

static int write_file(const struct ring_key *k, const EVP_PKEY *key, struct muster_err *err)
{
	return k->passphrase != NULL ? trust_key_write_random(key, k->path, k->passphrase, err) : trust_key_write(key, k->path, NULL, err);
}

/* The key under the present passphrase; @p text becomes what the file holds then. */
static int write_key(const struct ring_key *k, const EVP_PKEY *key, struct buf *text, struct muster_err *err)
{
	int r = write_file(k, key, err);

	buf_clear(text);
	return r == MUSTER_OK ? file_read(text, k->path, FILE_MAX, err) : r;
}

int ring_key_load(struct ring_key *k, struct muster_err *err)
{
	EVP_PKEY *key = NULL;
	struct buf text;
	bool stale;
	int r;

	if (access(k->path, F_OK) != 0) {
		if (errno != ENOENT)
			return err_errno(err, errno, "%s", k->path);
		drop(k);
		return MUSTER_OK;
	}
	buf_init(&text, FILE_MAX);
	if ((r = file_check_trust(k->path, FILE_TRUST_SECRET, err)) != MUSTER_OK || (r = file_read(&text, k->path, FILE_MAX, err)) != MUSTER_OK)
		goto done;
	if (k->key != NULL && text.n == k->text.n && CRYPTO_memcmp(text.p, k->text.p, text.n) == 0) {
		if (!k->stale)
			goto done;
		EVP_PKEY_up_ref(k->key);
		key = k->key;
		stale = true;
	} else if ((r = read_key(k, &key, &stale, err)) != MUSTER_OK) {
		goto done;
	}
	if (stale && (r = write_key(k, key, &text, err)) != MUSTER_OK)
		goto done;
	drop(k);
	k->key = key;
	key = NULL;
	k->text = text;
	buf_init(&text, FILE_MAX);
done:
	EVP_PKEY_free(key);
	buf_cleanse(&text);
	return r;
}

int ring_key_make(struct ring_key *k, struct muster_err *err)
{
	EVP_PKEY *key = NULL;
	int r = trust_key_generate(&key, TRUST_ES256, err);

	if (r == MUSTER_OK)
		r = write_file(k, key, err);
	EVP_PKEY_free(key);
	return r == MUSTER_OK ? ring_key_load(k, err) : r;
}
