#include "core/service/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define FILE_MAX (64u << 10)
#define CHAIN_MAX 8
#define DIGEST 32

struct tls_identity {
	struct tls_identity *next;            /* of an earlier reload */
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned n;
	gnutls_privkey_t key;
	int64_t end;
	uint8_t digest[DIGEST];               /* of the certificates */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tls_identity *in_use;

/* ---- reading ---- */

void tls_identity_free(struct tls_identity *id)
{
	if (id == NULL)
		return;
	for (unsigned i = 0; i < id->n; i++)
		gnutls_pcert_deinit(&id->chain[i]);
	if (id->key != NULL)
		gnutls_privkey_deinit(id->key);
	mem_free(id);
}

/* Debian keeps such keys in a group of its own, so the group may read; nobody else. */
static int check_key_mode(const char *path, struct muster_err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_errno(err, errno, "tls_key: cannot read %s", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 037) != 0)
		return err_set(err, MUSTER_E_DENIED, "tls_key: %s may be read or changed by others: chmod 0600 %s, and let it belong to root or to the host's user", path, path);
	return MUSTER_OK;
}

static int read_pem(struct buf *out, const char *what, const char *path, struct muster_err *err)
{
	int r;

	buf_init(out, FILE_MAX + 1);
	if ((r = file_read(out, path, FILE_MAX, err)) != MUSTER_OK)
		return err_prefix(err, r, "%s", what);
	return MUSTER_OK;
}

static int take_chain(struct tls_identity *id, struct muster_span text, const char *name, struct muster_err *err)
{
	gnutls_datum_t pem = { (unsigned char *)(uintptr_t)text.p, (unsigned)text.n };
	gnutls_x509_crt_t first = NULL;
	unsigned n = CHAIN_MAX;
	int e;

	if ((e = gnutls_pcert_list_import_x509_raw(id->chain, &n, &pem, GNUTLS_X509_FMT_PEM, 0)) < 0 || n == 0)
		return err_set(err, MUSTER_E_INVALID, "tls_certificate: %s holds no certificate that can be read: %s", name, gnutls_strerror(e));
	id->n = n;
	if (gnutls_pcert_export_x509(&id->chain[0], &first) < 0)
		return err_nomem(err);
	id->end = (int64_t)gnutls_x509_crt_get_expiration_time(first);
	gnutls_x509_crt_deinit(first);
	return MUSTER_OK;
}

static int take_key(struct tls_identity *id, struct muster_span text, const char *name, struct muster_err *err)
{
	gnutls_datum_t pem = { (unsigned char *)(uintptr_t)text.p, (unsigned)text.n };
	int e;

	if (gnutls_privkey_init(&id->key) < 0)
		return err_nomem(err);
	if ((e = gnutls_privkey_import_x509_raw(id->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0)) < 0)
		return err_set(err, MUSTER_E_INVALID, "tls_key: %s holds no private key that can be read without a passphrase: %s", name, gnutls_strerror(e));
	return MUSTER_OK;
}

static int read_chain(struct tls_identity *id, const char *path, struct muster_err *err)
{
	struct buf b;
	int r = read_pem(&b, "tls_certificate", path, err);

	if (r == MUSTER_OK)
		r = take_chain(id, (struct muster_span){ b.p, b.n }, path, err);
	buf_fini(&b);
	return r;
}

static int read_key(struct tls_identity *id, const char *path, struct muster_err *err)
{
	struct buf b;
	int r;

	if ((r = check_key_mode(path, err)) != MUSTER_OK)
		return r;
	if ((r = read_pem(&b, "tls_key", path, err)) == MUSTER_OK)
		r = take_key(id, (struct muster_span){ b.p, b.n }, path, err);
	if (b.n > 0)
		gnutls_memset(b.p, 0, b.n);
	buf_fini(&b);
	return r;
}

/* Key and certificate belong together by the ID of the public key. */
static int check_pair(struct tls_identity *id, const char *certificate, const char *key, struct muster_err *err)
{
	uint8_t of_key[64], of_chain[64];
	size_t key_n = sizeof of_key, chain_n = sizeof of_chain;
	gnutls_pubkey_t public = NULL;
	gnutls_hash_hd_t hash = NULL;
	int r = MUSTER_E_NOMEM;

	if (gnutls_pubkey_init(&public) < 0 || gnutls_pubkey_import_privkey(public, id->key, 0, 0) < 0 || gnutls_pubkey_get_key_id(public, 0, of_key, &key_n) < 0 ||
	    gnutls_pubkey_get_key_id(id->chain[0].pubkey, 0, of_chain, &chain_n) < 0) {
		r = err_set(err, MUSTER_E_INVALID, "tls_key: %s has a key of a kind that TLS does not use", key);
		goto done;
	}
	if (key_n != chain_n || memcmp(of_key, of_chain, key_n) != 0) {
		r = err_set(err, MUSTER_E_MISMATCH, "tls_key: %s is not the key of the first certificate in %s", key, certificate);
		goto done;
	}
	if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0) {
		r = err_nomem(err);
		goto done;
	}
	for (unsigned i = 0; i < id->n; i++)
		(void)gnutls_hash(hash, id->chain[i].cert.data, id->chain[i].cert.size);
	gnutls_hash_deinit(hash, id->digest);
	r = MUSTER_OK;
done:
	if (public != NULL)
		gnutls_pubkey_deinit(public);
	return r;
}

int tls_read(struct tls_identity **out, const char *certificate, const char *key, struct muster_err *err)
{
	struct tls_identity *id = mem_alloc(sizeof *id);
	int r;

	*out = NULL;
	if (id == NULL)
		return err_nomem(err);
	if ((r = read_chain(id, certificate, err)) != MUSTER_OK || (r = read_key(id, key, err)) != MUSTER_OK || (r = check_pair(id, certificate, key, err)) != MUSTER_OK) {
		tls_identity_free(id);
		return r;
	}
	*out = id;
	return MUSTER_OK;
}

int tls_from(struct tls_identity **out, struct muster_span certificate, struct muster_span key, struct muster_err *err)
{
	static const char here[] = "what was made";
	struct tls_identity *id = mem_alloc(sizeof *id);
	int r;

	*out = NULL;
	if (id == NULL)
		return err_nomem(err);
	if ((r = take_chain(id, certificate, here, err)) != MUSTER_OK || (r = take_key(id, key, here, err)) != MUSTER_OK || (r = check_pair(id, here, here, err)) != MUSTER_OK) {
		tls_identity_free(id);
		return r;
	}
	*out = id;
	return MUSTER_OK;
}

/* ---- in use ---- */

bool tls_use(struct tls_identity *id)
{
	bool other;

	pthread_mutex_lock(&lock);
	other = in_use == NULL || memcmp(in_use->digest, id->digest, DIGEST) != 0;
	if (other) {
		id->next = in_use;
		in_use = id;
		id = NULL;
	}
	pthread_mutex_unlock(&lock);
	tls_identity_free(id);
	return other;
}

int64_t tls_end(void)
{
	int64_t end;

	pthread_mutex_lock(&lock);
	end = in_use != NULL ? in_use->end : 0;
	pthread_mutex_unlock(&lock);
	return end;
}

void tls_fini(void)
{
	struct tls_identity *id;

	pthread_mutex_lock(&lock);
	id = in_use;
	in_use = NULL;
	pthread_mutex_unlock(&lock);
	while (id != NULL) {
		struct tls_identity *next = id->next;

		tls_identity_free(id);
		id = next;
	}
}

int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *names, int name_count, const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                 gnutls_pcert_st **chain, unsigned int *chain_n, gnutls_privkey_t *key)
{
	struct tls_identity *id;

	(void)session;
	(void)names;
	(void)name_count;
	(void)algorithms;
	(void)algorithm_count;
	pthread_mutex_lock(&lock);
	id = in_use;
	pthread_mutex_unlock(&lock);
	if (id == NULL)
		return -1;
	*chain = id->chain;
	*chain_n = id->n;
	*key = id->key;
	return 0;
}
