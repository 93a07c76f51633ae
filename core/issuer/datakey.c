#include "core/issuer/datakey.h"

#include <string.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/trust/openssl.h"

#define FILE_MAX 4096
#define PLAIN "muster-plain-key 1 "

/* The key as text, in the form of the file. */
static int encode(struct buf *out, const uint8_t key[SEAL_KEY], const char *passphrase, struct muster_err *err)
{
	char hex[HEX_SIZE(SEAL_KEY)];

	if (passphrase != NULL)
		return seal_wrap(out, key, passphrase, err);
	hex_encode(hex, key, SEAL_KEY);
	buf_addf(out, PLAIN "%s\n", hex);
	OPENSSL_cleanse(hex, sizeof(hex));
	return out->failed ? err_nomem(err) : MUSTER_OK;
}

/* The file's text, after its owner and mode were checked. */
static int read_text(struct buf *text, const char *dir, struct muster_err *err)
{
	char *path = file_join(dir, DATAKEY_FILE);
	int r;

	if (path == NULL)
		return err_nomem(err);
	if ((r = file_check_trust(path, FILE_TRUST_SECRET, err)) == MUSTER_OK)
		r = file_read(text, path, FILE_MAX, err);
	if (r == MUSTER_E_NOT_FOUND)
		r = err_set(err, r, "%s is missing: without it the keys in the books cannot be read; put the backup of it in its place", path);
	mem_free(path);
	return r;
}

static bool is_plain(const struct buf *text)
{
	return text->n > strlen(PLAIN) && memcmp(text->p, PLAIN, strlen(PLAIN)) == 0;
}

static int read_key(uint8_t key[SEAL_KEY], const char *dir, const char *passphrase, struct muster_err *err)
{
	struct buf text;
	int r;

	buf_init(&text, FILE_MAX);
	if ((r = read_text(&text, dir, err)) != MUSTER_OK)
		goto done;
	if (is_plain(&text)) {
		size_t n = text.n - strlen(PLAIN);

		n -= n > 0 && text.p[text.n - 1] == '\n';
		if (hex_decode(key, SEAL_KEY, (const char *)text.p + strlen(PLAIN), n) != MUSTER_OK)
			r = err_set(err, MUSTER_E_INVALID, "%s/" DATAKEY_FILE " is damaged; put the backup of it in its place", dir);
	} else if (passphrase == NULL) {
		r = err_set(err, MUSTER_E_DENIED, "%s/" DATAKEY_FILE " needs the issuer's passphrase", dir);
	} else {
		r = seal_unwrap(key, span_of(text.p, text.n), passphrase, err);
	}
done:
	buf_cleanse(&text);
	return r;
}

int datakey_make(const char *dir, const char *passphrase, struct muster_err *err)
{
	char *path = file_join(dir, DATAKEY_FILE);
	uint8_t key[SEAL_KEY];
	struct buf text;
	int r;

	buf_init(&text, FILE_MAX);
	if (path == NULL)
		r = err_nomem(err);
	else if (RAND_priv_bytes(key, sizeof(key)) != 1)
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot make a random key");
	else if ((r = encode(&text, key, passphrase, err)) == MUSTER_OK)
		r = file_write(path, span_of(text.p, text.n), 0600, err);
	OPENSSL_cleanse(key, sizeof(key));
	buf_cleanse(&text);
	mem_free(path);
	return r;
}

int datakey_wrapped(bool *out, const char *dir, struct muster_err *err)
{
	struct buf text;
	int r;

	buf_init(&text, FILE_MAX);
	r = read_text(&text, dir, err);
	*out = r == MUSTER_OK && !is_plain(&text);
	buf_cleanse(&text);
	return r;
}

int datakey_open(struct seal **out, const char *dir, const char *passphrase, struct muster_err *err)
{
	uint8_t key[SEAL_KEY];
	int r;

	*out = NULL;
	if ((r = read_key(key, dir, passphrase, err)) == MUSTER_OK)
		r = seal_open_key(out, key, err);
	OPENSSL_cleanse(key, sizeof(key));
	return r;
}

int datakey_rewrap(struct buf *out, const char *dir, const char *passphrase, const char *new_passphrase, struct muster_err *err)
{
	uint8_t key[SEAL_KEY];
	int r;

	if ((r = read_key(key, dir, passphrase, err)) == MUSTER_OK)
		r = encode(out, key, new_passphrase, err);
	OPENSSL_cleanse(key, sizeof(key));
	return r;
}
