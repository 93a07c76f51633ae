#include "core/trust/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/trust/gcm.h"
#include "core/trust/hkdf.h"
#include "core/trust/keys.h"
#include "core/trust/openssl.h"

#define RECORD_VERSION 1
#define KEY_ID 8
#define KEYS_MAX 9                       /* the newest and eight older ones */
#define PLACE_MAX 128
#define RECORD_HEADER (1 + KEY_ID + GCM_NONCE)
#define WRAP_HEAD "muster-wrapped-key 1 scrypt 16384 8 16 "
#define WRAP_N (UINT64_C(1) << 14)
#define WRAP_R 8
#define WRAP_P 16
#define WRAP_MEMORY (UINT64_C(64) << 20)
#define WRAP_SALT 16
#define WRAP_SIZE (WRAP_SALT + GCM_NONCE + SEAL_KEY + GCM_TAG)

struct seal_key { uint8_t id[KEY_ID], prk[HKDF_PRK], record[GCM_KEY]; };
struct seal { struct seal_key *keys; size_t count; };   /* keys: pages of their own; the newest first */

/* --- keys in memory --- */

/* NULL when exhausted. */
static struct seal *seal_new(void)
{
	struct seal *s = mem_alloc(sizeof(*s));
	void *pages;

	if (s == NULL)
		return NULL;
	pages = mmap(NULL, KEYS_MAX * sizeof(struct seal_key), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED) {
		mem_free(s);
		return NULL;
	}
	/* Off the swap and out of core dumps where the system lets us; without these rights the key works all the same. */
	(void)mlock(pages, KEYS_MAX * sizeof(struct seal_key));
	(void)madvise(pages, KEYS_MAX * sizeof(struct seal_key), MADV_DONTDUMP);
	s->keys = pages;
	return s;
}

void seal_free(struct seal *s)
{
	if (s == NULL)
		return;
	OPENSSL_cleanse(s->keys, KEYS_MAX * sizeof(struct seal_key));
	(void)munlock(s->keys, KEYS_MAX * sizeof(struct seal_key));
	(void)munmap(s->keys, KEYS_MAX * sizeof(struct seal_key));
	mem_free(s);
}

static int key_make(struct seal_key *k, const uint8_t key[SEAL_KEY], struct muster_err *err)
{
	int r;

	if ((r = hkdf_extract(k->prk, span_of(NULL, 0), span_of(key, SEAL_KEY), err)) == MUSTER_OK
	    && (r = hkdf_label(k->id, KEY_ID, k->prk, "muster seal key id v1", span_of(NULL, 0), err)) == MUSTER_OK)
		r = hkdf_label(k->record, GCM_KEY, k->prk, "muster seal record v1", span_of(NULL, 0), err);
	return r;
}

int seal_open_key(struct seal **out, const uint8_t key[SEAL_KEY], struct muster_err *err)
{
	struct seal *s = seal_new();
	int r;

	*out = NULL;
	if (s == NULL)
		return err_nomem(err);
	if ((r = key_make(&s->keys[0], key, err)) != MUSTER_OK) {
		seal_free(s);
		return r;
	}
	s->count = 1;
	*out = s;
	return MUSTER_OK;
}

static const struct seal_key *key_find(const struct seal *s, const uint8_t id[KEY_ID])
{
	for (size_t i = 0; i < s->count; i++)
		if (memcmp(s->keys[i].id, id, KEY_ID) == 0)
			return &s->keys[i];
	return NULL;
}

int seal_add_old(struct seal *s, const uint8_t key[SEAL_KEY], struct muster_err *err)
{
	struct seal_key *k = &s->keys[s->count];
	int r;

	if (s->count == KEYS_MAX)
		return err_set(err, MUSTER_E_LIMIT, "more than %d older key files", KEYS_MAX - 1);
	if ((r = key_make(k, key, err)) != MUSTER_OK) {
		OPENSSL_cleanse(k, sizeof(*k));
		return r;
	}
	if (key_find(s, k->id) == NULL)
		s->count++;
	else
		OPENSSL_cleanse(k, sizeof(*k));
	return MUSTER_OK;
}

int seal_add_known(struct seal *s, const struct seal *of, struct muster_err *err)
{
	for (size_t i = 0; i < of->count; i++) {
		if (key_find(s, of->keys[i].id) != NULL)
			continue;
		if (s->count == KEYS_MAX)
			return err_set(err, MUSTER_E_LIMIT, "more than %d older key files; restart the host", KEYS_MAX - 1);
		s->keys[s->count++] = of->keys[i];
	}
	return MUSTER_OK;
}

const uint8_t *seal_key_id(const struct seal *s)
{
	return s->keys[0].id;
}

/* --- the key file --- */

/* systemd's credentials: it makes the folder, and a file may be root's with an access list for the service, which shows as group bits. */
static bool in_credentials(const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	size_t n = dir != NULL ? strlen(dir) : 0;

	return n > 1 && strncmp(path, dir, n) == 0 && path[n] == '/' && strstr(path + n, "/..") == NULL;
}

/* Looked at again when open: what was checked by name is what is read. */
static int opened_right(int fd, const char *path, bool credential, struct muster_err *err)
{
	const mode_t forbidden = credential ? 0027 : 0077;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_errno(err, errno, "cannot examine %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, MUSTER_E_DENIED, "%s is not a regular file", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & forbidden) != 0)
		return err_set(err, MUSTER_E_DENIED, "%s is open to others: chmod 0600 %s", path, path);
	return MUSTER_OK;
}

static int key_file_read(uint8_t key[SEAL_KEY], const char *path, struct muster_err *err)
{
	bool credential = in_credentials(path);
	uint8_t text[SEAL_KEY + 1] = { 0 };
	size_t have = 0;
	ssize_t n;
	int fd = -1, r;

	if ((r = file_check_trust(path, credential ? FILE_TRUST_CODE : FILE_TRUST_SECRET, err)) != MUSTER_OK)
		return r;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) < 0)
		return errno == ELOOP ? err_set(err, MUSTER_E_DENIED, "%s is a symbolic link", path) : err_errno(err, errno, "cannot open %s", path);
	if ((r = opened_right(fd, path, credential, err)) != MUSTER_OK)
		goto done;
	while (have < sizeof(text) && (n = read(fd, text + have, sizeof(text) - have)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = err_errno(err, errno, "cannot read %s", path);
			goto done;
		}
		have += (size_t)n;
	}
	if (have != SEAL_KEY || bytes_zero(text, SEAL_KEY))
		r = err_set(err, MUSTER_E_INVALID, "%s is no key file: it must hold %d random bytes", path, SEAL_KEY);
	else
		memcpy(key, text, SEAL_KEY);
done:
	(void)close(fd);
	OPENSSL_cleanse(text, sizeof(text));
	return r;
}

static int key_file_make(uint8_t key[SEAL_KEY], const char *path, struct muster_err *err)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int r;

	if (slash == NULL || slash == path)
		return err_set(err, MUSTER_E_DENIED, "%s: a key file has a folder of its own", path);
	if ((dir = mem_strndup(path, (size_t)(slash - path))) == NULL)
		return err_nomem(err);
	r = file_make_dir(dir, 0700, err);
	mem_free(dir);
	if (r != MUSTER_OK)
		return r;
	if (RAND_priv_bytes(key, SEAL_KEY) != 1)
		return trust_err(err, MUSTER_E_INTERNAL, "cannot make a key file: the random generator fails");
	if ((r = file_write(path, span_of(key, SEAL_KEY), 0600, err)) != MUSTER_OK)
		return r;
	return key_file_read(key, path, err);   /* a folder that is open to others shows now, not at the next start */
}

int seal_open_file(struct seal **out, const char *path, bool make, struct muster_err *err)
{
	uint8_t key[SEAL_KEY] = { 0 };
	int r;

	*out = NULL;
	r = key_file_read(key, path, err);
	if (r == MUSTER_E_NOT_FOUND && make)
		r = key_file_make(key, path, err);
	if (r == MUSTER_OK)
		r = seal_open_key(out, key, err);
	OPENSSL_cleanse(key, sizeof(key));
	return r;
}

int seal_add_old_file(struct seal *s, const char *path, struct muster_err *err)
{
	uint8_t key[SEAL_KEY] = { 0 };
	int r = key_file_read(key, path, err);

	if (r == MUSTER_OK)
		r = seal_add_old(s, key, err);
	OPENSSL_cleanse(key, sizeof(key));
	return r;
}

/* --- records --- */

static int place_aad(struct buf *aad, const struct seal_place *at, const uint8_t id[KEY_ID], struct muster_err *err)
{
	const char *const parts[] = { at->table, at->row, at->column };

	buf_init(aad, 3 * (PLACE_MAX + 1) + KEY_ID);
	for (size_t i = 0; i < 3; i++) {
		if (strlen(parts[i]) > PLACE_MAX)
			return err_set(err, MUSTER_E_INVALID, "the place of a sealed record is longer than %d bytes", PLACE_MAX);
		buf_add(aad, parts[i], strlen(parts[i]) + 1);
	}
	buf_add(aad, id, KEY_ID);
	return aad->failed ? err_nomem(err) : MUSTER_OK;
}

int seal_put(struct buf *out, const struct seal *s, const struct seal_place *at, struct muster_span plain, struct muster_err *err)
{
	uint8_t header[RECORD_HEADER] = { RECORD_VERSION };
	struct buf aad;
	int r;

	if ((r = place_aad(&aad, at, s->keys[0].id, err)) == MUSTER_OK) {
		memcpy(header + 1, s->keys[0].id, KEY_ID);
		random_bytes(header + 1 + KEY_ID, GCM_NONCE);
		buf_add(out, header, sizeof(header));
		r = gcm_seal(out, s->keys[0].record, header + 1 + KEY_ID, span_of(aad.p, aad.n), plain, err);
	}
	buf_fini(&aad);
	return r;
}

int seal_get(struct buf *plain, const struct seal *s, const struct seal_place *at, struct muster_span record, struct muster_err *err)
{
	const struct seal_key *k;
	struct buf aad;
	int r;

	if (record.n < SEAL_OVERHEAD || record.p[0] != RECORD_VERSION)
		return err_set(err, MUSTER_E_INVALID, "%s %s, %s: no sealed record", at->table, at->row, at->column);
	if ((k = key_find(s, record.p + 1)) == NULL)
		return err_set(err, MUSTER_E_NOT_FOUND, "%s %s, %s: sealed under another key file than the present one", at->table, at->row, at->column);
	if ((r = place_aad(&aad, at, k->id, err)) == MUSTER_OK)
		r = gcm_open(plain, k->record, record.p + 1 + KEY_ID, span_of(aad.p, aad.n), span_of(record.p + RECORD_HEADER, record.n - RECORD_HEADER), err);
	if (r == MUSTER_E_MISMATCH)
		r = err_set(err, r, "%s %s, %s: the sealed record was changed, or belongs to another place", at->table, at->row, at->column);
	buf_fini(&aad);
	return r;
}

bool seal_current(const struct seal *s, struct muster_span record)
{
	return record.n >= SEAL_OVERHEAD && record.p[0] == RECORD_VERSION && memcmp(record.p + 1, s->keys[0].id, KEY_ID) == 0;
}

int seal_subkey(uint8_t out[32], const struct seal *s, const char *purpose, struct muster_err *err)
{
	return seal_subkey_of(out, s, s->keys[0].id, purpose, err);
}

int seal_subkey_of(uint8_t out[32], const struct seal *s, const uint8_t key_id[8], const char *purpose, struct muster_err *err)
{
	const struct seal_key *k = key_find(s, key_id);

	memset(out, 0, 32);
	if (k == NULL)
		return err_set(err, MUSTER_E_NOT_FOUND, "made under another host key file than the present one");
	return hkdf_label(out, 32, k->prk, purpose, span_of(NULL, 0), err);
}

/* --- a key under a passphrase --- */

static int wrap_key(uint8_t out[GCM_KEY], const char *passphrase, const uint8_t salt[WRAP_SALT], struct muster_err *err)
{
	memset(out, 0, GCM_KEY);
	if (EVP_PBE_scrypt(passphrase, strlen(passphrase), salt, WRAP_SALT, WRAP_N, WRAP_R, WRAP_P, WRAP_MEMORY, out, GCM_KEY) == 1)
		return MUSTER_OK;
	return trust_err(err, MUSTER_E_INTERNAL, "cannot make a key of the passphrase");
}

int seal_wrap(struct buf *out, const uint8_t key[SEAL_KEY], const char *passphrase, struct muster_err *err)
{
	uint8_t head[WRAP_SALT + GCM_NONCE], under[GCM_KEY];
	char text[B64_SIZE(WRAP_SIZE)];
	struct buf bytes;
	int r;

	if ((r = trust_passphrase_check(passphrase, err)) != MUSTER_OK)
		return r;
	buf_init(&bytes, WRAP_SIZE);
	random_bytes(head, sizeof(head));
	buf_add(&bytes, head, sizeof(head));
	if ((r = wrap_key(under, passphrase, head, err)) == MUSTER_OK
	    && (r = gcm_seal(&bytes, under, head + WRAP_SALT, span_str(WRAP_HEAD), span_of(key, SEAL_KEY), err)) == MUSTER_OK) {
		(void)b64_encode(text, bytes.p, bytes.n);
		buf_adds(out, WRAP_HEAD);
		buf_adds(out, text);
		buf_addc(out, '\n');
		r = out->failed ? err_nomem(err) : MUSTER_OK;
	}
	OPENSSL_cleanse(under, sizeof(under));
	buf_fini(&bytes);
	return r;
}

int seal_unwrap(uint8_t key[SEAL_KEY], struct muster_span wrapped, const char *passphrase, struct muster_err *err)
{
	const size_t head = sizeof(WRAP_HEAD) - 1;
	uint8_t bytes[WRAP_SIZE], under[GCM_KEY];
	struct buf plain;
	size_t n = 0;
	int r;

	memset(key, 0, SEAL_KEY);
	if (wrapped.n > 0 && wrapped.p[wrapped.n - 1] == '\n')
		wrapped.n--;
	if (wrapped.n < head || memcmp(wrapped.p, WRAP_HEAD, head) != 0
	    || b64_decode(bytes, sizeof(bytes), &n, (const char *)wrapped.p + head, wrapped.n - head) != MUSTER_OK || n != sizeof(bytes))
		return err_set(err, MUSTER_E_INVALID, "not a key under a passphrase: it does not begin with \"%s\", or is cut off", WRAP_HEAD);
	buf_init(&plain, SEAL_KEY);
	if ((r = wrap_key(under, passphrase, bytes, err)) == MUSTER_OK)
		r = gcm_open(&plain, under, bytes + WRAP_SALT, span_str(WRAP_HEAD), span_of(bytes + WRAP_SALT + GCM_NONCE, SEAL_KEY + GCM_TAG), err);
	if (r == MUSTER_E_MISMATCH)
		r = err_set(err, MUSTER_E_DENIED, "wrong passphrase, or the wrapped key was changed");
	if (r == MUSTER_OK)
		memcpy(key, plain.p, SEAL_KEY);
	OPENSSL_cleanse(under, sizeof(under));
	buf_cleanse(&plain);
	return r;
}
