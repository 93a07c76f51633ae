/* A new root for an issuer that has one: made, waiting, in use. What announces it: cmd_roots.c. */
#include "core/issuer/authority.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/trust/openssl.h"

#define NEXT "root-next.pem"
#define NEXT_KEY "root-next.key"

int authority_roots_pem(struct buf *out, const struct authority *a, struct muster_err *err)
{
	char *path = authority_path(a, "issuer.pem");
	int r = path == NULL ? err_nomem(err) : file_read(out, path, TRUST_CHAIN_MAX, err);

	mem_free(path);
	return r;
}

bool authority_root_waits(const struct authority *a)
{
	char *path = authority_path(a, NEXT);
	bool waits = path != NULL && access(path, F_OK) == 0;

	mem_free(path);
	return waits;
}

static int write_roots(const struct authority *a, const char *name, X509 *const *roots, size_t n, struct muster_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *path = authority_path(a, name), *text = NULL;
	long size;
	size_t i;
	int r = bio != NULL && path != NULL ? MUSTER_OK : err_nomem(err);

	for (i = 0; r == MUSTER_OK && i < n; i++)
		if (PEM_write_bio_X509(bio, roots[i]) != 1)
			r = err_nomem(err);
	if (r == MUSTER_OK && (size = BIO_get_mem_data(bio, &text)) > 0)
		r = file_write(path, span_of(text, (size_t)size), 0644, err);
	mem_free(path);
	BIO_free(bio);
	return r;
}

static int add_root(struct authority *a, const char *name, const char *passphrase, int64_t now, struct muster_err *err)
{
	X509 *roots[TRUST_ROOTS_MAX + 1], *root = NULL;
	EVP_PKEY *key = NULL;
	char *path = NULL;
	int r;

	if (authority_root_waits(a))
		return err_set(err, MUSTER_E_EXISTS, "a new root is waiting already; take it into use with: muster-issuer roots switch");
	if (a->root_count >= TRUST_ROOTS_MAX)
		return err_set(err, MUSTER_E_LIMIT, "issuer.pem holds %d roots; take the oldest, the last, out of it first", TRUST_ROOTS_MAX);
	if ((path = authority_path(a, NEXT_KEY)) == NULL)
		return err_nomem(err);
	memcpy(roots, a->roots, a->root_count * sizeof(roots[0]));
	if ((r = trust_key_generate(&key, (enum trust_algorithm)trust_key_algorithm(X509_get0_pubkey(a->root)), err)) == MUSTER_OK
	    && (r = trust_make_root(&root, key, a->issuer_id, name, now, err)) == MUSTER_OK && (r = trust_key_write(key, path, passphrase, err)) == MUSTER_OK) {
		roots[a->root_count] = root;
		/* waiting when root-next.pem is there, which is written last */
		if ((r = write_roots(a, "issuer.pem", roots, a->root_count + 1, err)) == MUSTER_OK)
			r = write_roots(a, NEXT, &root, 1, err);
	}
	X509_free(root);
	EVP_PKEY_free(key);
	mem_free(path);
	return r;
}

int authority_add_root(struct authority *a, const char *name, const char *passphrase, int64_t now, struct muster_err *err)
{
	int fd = -1, r;

	if ((r = authority_lock(&fd, a, err)) == MUSTER_OK && (r = add_root(a, name, passphrase, now, err)) == MUSTER_OK)
		r = authority_reload(a, err);
	if (fd >= 0)
		(void)close(fd);
	return r;
}

/* The key of the root in use is called root.key; the former one's, when it lies here too, root-former.key. */
static int rename_keys(const struct authority *a, struct muster_err *err)
{
	char *key = authority_path(a, "root.key"), *former = authority_path(a, "root-former.key"), *next = authority_path(a, NEXT_KEY);
	int r = MUSTER_OK;

	if (key == NULL || former == NULL || next == NULL)
		r = err_nomem(err);
	else if (access(next, F_OK) == 0 && ((rename(key, former) != 0 && errno != ENOENT) || rename(next, key) != 0))
		r = err_errno(err, errno, "cannot rename %s", next);
	mem_free(next);
	mem_free(former);
	mem_free(key);
	return r;
}

static int switch_root(struct authority *a, const char *root_key, const char *passphrase, int64_t now, struct muster_err *err)
{
	X509 *roots[TRUST_ROOTS_MAX], *waiting = NULL;
	char *path = authority_path(a, NEXT);
	size_t n = 0, i;
	int r;

	if (path == NULL)
		return err_nomem(err);
	if (!authority_root_waits(a)) {
		r = err_set(err, MUSTER_E_NOT_FOUND, "no new root is waiting; make one with: muster-issuer roots announce");
		goto done;
	}
	if ((r = authority_read_cert(&waiting, path, err)) != MUSTER_OK)
		goto done;
	roots[n++] = waiting;
	for (i = 0; i < a->root_count && n < TRUST_ROOTS_MAX; i++)
		if (X509_cmp(a->roots[i], waiting) != 0)
			roots[n++] = a->roots[i];
	/* the intermediate first: after a crash this can be done again from any point */
	if ((r = authority_make_mid(a, waiting, root_key, passphrase, now, err)) != MUSTER_OK || (r = write_roots(a, "issuer.pem", roots, n, err)) != MUSTER_OK)
		goto done;
	if ((r = rename_keys(a, err)) == MUSTER_OK && unlink(path) != 0)
		r = err_errno(err, errno, "cannot remove %s", path);
done:
	X509_free(waiting);
	mem_free(path);
	return r;
}

int authority_switch_root(struct authority *a, const char *root_key, const char *passphrase, int64_t now, struct muster_err *err)
{
	int fd = -1, r;

	if ((r = authority_lock(&fd, a, err)) == MUSTER_OK && (r = switch_root(a, root_key, passphrase, now, err)) == MUSTER_OK)
		r = authority_reload(a, err);
	if (fd >= 0)
		(void)close(fd);
	return r;
}
