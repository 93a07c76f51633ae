#include "core/issuer/authority.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/trust/openssl.h"

void authority_free(struct authority *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->root_count; i++)
		X509_free(a->roots[i]);
	X509_free(a->mid);
	trust_anchors_free(a->anchors);
	mem_free(a->mid_key);
	mem_free(a->dir);
	mem_free(a);
}

char *authority_path(const struct authority *a, const char *name)
{
	return file_join(a->dir, name);
}

static int write_cert(const char *dir, const char *name, X509 *x, struct muster_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *path = file_join(dir, name), *text = NULL;
	long n = 0;
	int r;

	if (bio == NULL || path == NULL || PEM_write_bio_X509(bio, x) != 1 || (n = BIO_get_mem_data(bio, &text)) <= 0)
		r = err_nomem(err);
	else
		r = file_write(path, span_of(text, (size_t)n), 0644, err);
	mem_free(path);
	BIO_free(bio);
	return r;
}

static int write_key(const char *dir, const char *name, const EVP_PKEY *key, const char *passphrase, struct muster_err *err)
{
	char *path = file_join(dir, name);
	int r = path == NULL ? err_nomem(err) : trust_key_write(key, path, passphrase, err);

	mem_free(path);
	return r;
}

/* One certificate from a file that nobody else may write. */
int authority_read_cert(X509 **out, const char *path, struct muster_err *err)
{
	struct buf pem;
	BIO *bio = NULL;
	int r;

	*out = NULL;
	buf_init(&pem, TRUST_CHAIN_MAX);
	if ((r = file_check_trust(path, FILE_TRUST_CODE, err)) == MUSTER_OK && (r = file_read(&pem, path, TRUST_CHAIN_MAX, err)) == MUSTER_OK) {
		bio = BIO_new_mem_buf(buf_str(&pem), (int)pem.n);
		if (bio == NULL)
			r = err_nomem(err);
		else if ((*out = PEM_read_bio_X509(bio, NULL, NULL, NULL)) == NULL)
			r = trust_err(err, MUSTER_E_INVALID, "%s: not a certificate", path);
	}
	BIO_free(bio);
	buf_fini(&pem);
	return r;
}

/* An issuer is there when issuer.pem is; other files of ours without it are half of one. */
static int check_vacant(const char *dir, struct muster_err *err)
{
	static const char *const names[] = { "issuer.pem", "root.key", "intermediate-1.key", "intermediate-1.pem", "certificates.log", "books.db", "books.key" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = file_join(dir, names[i]);
		int there = path != NULL ? access(path, F_OK) : -1;

		if (path == NULL)
			return err_nomem(err);
		mem_free(path);
		if (there == 0)
			return i == 0 ? err_set(err, MUSTER_E_EXISTS, "%s holds an issuer already; nothing was changed", dir)
			              : err_set(err, MUSTER_E_EXISTS, "%s holds %s but no issuer.pem: half an issuer; move its files elsewhere first", dir, names[i]);
	}
	return MUSTER_OK;
}

static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Make and sign intermediate number n, and write it; its key first. */
static int make_mid(const char *dir, unsigned n, const char *name, X509 *root, EVP_PKEY *root_key, const char *passphrase, int64_t now,
                    struct muster_err *err)
{
	char key_name[48], cert_name[48], subject[4 * AUTHORITY_NAME_MAX + 48];
	EVP_PKEY *key = NULL;
	X509 *x = NULL;
	int r, alg = trust_key_algorithm(root_key);

	(void)snprintf(key_name, sizeof(key_name), "intermediate-%u.key", n);
	(void)snprintf(cert_name, sizeof(cert_name), "intermediate-%u.pem", n);
	(void)snprintf(subject, sizeof(subject), "%s intermediate %u", name, n);
	if ((r = trust_key_generate(&key, (enum trust_algorithm)alg, err)) == MUSTER_OK
	    && (r = trust_make_intermediate(&x, key, subject, root, root_key, now, err)) == MUSTER_OK
	    && (r = write_key(dir, key_name, key, passphrase, err)) == MUSTER_OK)
		r = write_cert(dir, cert_name, x, err);
	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}

static int init_locked(const char *dir, const char *name, enum trust_algorithm algorithm, const char *passphrase, int64_t now, struct muster_err *err)
{
	uint8_t issuer_id[16];
	EVP_PKEY *key = NULL;
	X509 *root = NULL;
	int r;

	if ((r = check_vacant(dir, err)) != MUSTER_OK)
		return r;
	uuid_random(issuer_id);
	if ((r = trust_key_generate(&key, algorithm, err)) == MUSTER_OK && (r = trust_make_root(&root, key, issuer_id, name, now, err)) == MUSTER_OK
	    && (r = write_key(dir, "root.key", key, passphrase, err)) == MUSTER_OK
	    && (r = make_mid(dir, 1, name, root, key, passphrase, now, err)) == MUSTER_OK)
		r = write_cert(dir, "issuer.pem", root, err);
	X509_free(root);
	EVP_PKEY_free(key);
	return r;
}

/* @p dir as an absolute path, and its lock. */
static int lock_folder(char **absolute, int *fd, const char *dir, struct muster_err *err)
{
	char *real = realpath(dir, NULL), *path;
	int r;

	*fd = -1;
	*absolute = mem_strdup(real);
	r = real == NULL ? err_errno(err, errno, "%s", dir) : *absolute == NULL ? err_nomem(err) : MUSTER_OK;
	free(real);
	if (r != MUSTER_OK)
		return r;
	if ((r = file_check_trust(*absolute, FILE_TRUST_CODE, err)) != MUSTER_OK)
		return r;
	if ((path = file_join(*absolute, "lock")) == NULL)
		return err_nomem(err);
	r = file_lock(fd, path, err);
	mem_free(path);
	return r;
}

static int check_name(const char *name, struct muster_err *err)
{
	if (characters(name) > 0 && characters(name) <= AUTHORITY_NAME_MAX && strlen(name) <= 4 * AUTHORITY_NAME_MAX)
		return MUSTER_OK;
	return err_set(err, MUSTER_E_INVALID, "the issuer's name has %zu characters; 1 to %d are allowed", characters(name), AUTHORITY_NAME_MAX);
}

int authority_can_init(const char *dir, const char *name, struct muster_err *err)
{
	int r = check_name(name, err);

	return r != MUSTER_OK || access(dir, F_OK) != 0 ? r : check_vacant(dir, err);
}

int authority_init(const char *dir, const char *name, enum trust_algorithm algorithm, const char *passphrase, int64_t now, struct muster_err *err)
{
	char *absolute = NULL;
	int fd = -1, r;

	if ((r = check_name(name, err)) == MUSTER_OK && (r = file_make_dir(dir, 0700, err)) == MUSTER_OK && (r = lock_folder(&absolute, &fd, dir, err)) == MUSTER_OK)
		r = init_locked(absolute, name, algorithm, passphrase, now, err);
	if (fd >= 0)
		(void)close(fd);
	mem_free(absolute);
	return r;
}

int authority_newest(unsigned *out, const char *dir, const char *kind, struct muster_err *err)
{
	const size_t kind_n = strlen(kind);
	DIR *d = opendir(dir);
	struct dirent *e;

	*out = 0;
	if (d == NULL)
		return err_errno(err, errno, "%s", dir);
	while ((e = readdir(d)) != NULL) {
		unsigned n = 0;
		int used = 0;

		if (strncmp(e->d_name, kind, kind_n) == 0 && sscanf(e->d_name + kind_n, "-%9u.pem%n", &n, &used) == 1 && used > 0 && e->d_name[kind_n + (size_t)used] == '\0' && n > *out)
			*out = n;
	}
	(void)closedir(d);
	return *out > 0 ? MUSTER_OK : err_set(err, MUSTER_E_NOT_FOUND, "%s holds no %s-N.pem", dir, kind);
}

static bool signed_by_root(X509 *x, const struct authority *a)
{
	size_t i;

	for (i = 0; i < a->root_count; i++)
		if (X509_verify(x, X509_get0_pubkey(a->roots[i])) == 1)
			return true;
	return false;
}

static int load_mid(struct authority *a, struct muster_err *err)
{
	char name[48];
	char *path = NULL;
	unsigned n;
	X509 *x = NULL;
	int r;

	if ((r = authority_newest(&n, a->dir, "intermediate", err)) != MUSTER_OK)
		return r;
	(void)snprintf(name, sizeof(name), "intermediate-%u.pem", n);
	if ((path = file_join(a->dir, name)) == NULL)
		return err_nomem(err);
	if ((r = authority_read_cert(&x, path, err)) != MUSTER_OK)
		goto done;
	if ((r = trust_check_ca(x, 0, "intermediate", err)) != MUSTER_OK)
		goto done;
	if (!signed_by_root(x, a)) {
		r = trust_err(err, MUSTER_E_SIGNATURE, "%s was not signed by a root in issuer.pem", path);
		goto done;
	}
	mem_free(a->mid_key);
	(void)snprintf(name, sizeof(name), "intermediate-%u.key", n);
	if ((a->mid_key = file_join(a->dir, name)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	X509_free(a->mid);
	a->mid = x;
	x = NULL;
	a->mid_number = n;
done:
	X509_free(x);
	mem_free(path);
	return r;
}

/* issuer.pem: the root in use first; all of them are this issuer's. */
static int read_roots(struct authority *a, const char *path, struct muster_err *err)
{
	X509 *roots[TRUST_ROOTS_MAX], *x;
	struct trust_anchors *anchors = NULL;
	struct buf pem;
	BIO *bio = NULL;
	size_t n = 0, i;
	int r;

	buf_init(&pem, TRUST_CHAIN_MAX);
	if ((r = file_check_trust(path, FILE_TRUST_CODE, err)) != MUSTER_OK || (r = file_read(&pem, path, TRUST_CHAIN_MAX, err)) != MUSTER_OK
	    || (r = trust_anchors_read(&anchors, span_of(pem.p, pem.n), err)) != MUSTER_OK)
		goto done;
	/* Set once: other threads read it without a lock, and the books are of this issuer. */
	if (a->root_count == 0) {
		memcpy(a->issuer_id, trust_anchors_issuer_id(anchors), sizeof(a->issuer_id));
	} else if (!uuid_equal(a->issuer_id, trust_anchors_issuer_id(anchors))) {
		r = err_set(err, MUSTER_E_MISMATCH, "%s is now that of another issuer", path);
		goto done;
	}
	if ((bio = BIO_new_mem_buf(pem.p, (int)pem.n)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	while (n < TRUST_ROOTS_MAX && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		roots[n++] = x;
	ERR_clear_error();
	for (i = 0; i < a->root_count; i++)
		X509_free(a->roots[i]);
	memcpy(a->roots, roots, n * sizeof(roots[0]));
	a->root_count = n;
	a->root = roots[0];
	trust_anchors_free(a->anchors);
	a->anchors = anchors;
	anchors = NULL;
done:
	trust_anchors_free(anchors);
	BIO_free(bio);
	buf_fini(&pem);
	return r;
}

int authority_reload(struct authority *a, struct muster_err *err)
{
	char *path = authority_path(a, "issuer.pem");
	int r = path == NULL ? err_nomem(err) : read_roots(a, path, err);

	mem_free(path);
	return r != MUSTER_OK ? r : load_mid(a, err);
}

int authority_open(struct authority **out, const char *dir, struct muster_err *err)
{
	struct authority *a = mem_alloc(sizeof(*a));
	char *real = realpath(dir, NULL), *path = NULL;
	int r;

	*out = NULL;
	if (real == NULL) {
		r = err_errno(err, errno, "%s", dir);
		goto done;
	}
	if (a == NULL || (a->dir = mem_strdup(real)) == NULL || (path = file_join(real, "issuer.pem")) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if (access(path, F_OK) != 0) {
		r = err_set(err, MUSTER_E_NOT_FOUND, "%s holds no issuer (issuer.pem is missing); make one with: muster-issuer --dir %s init --name NAME", real, dir);
		goto done;
	}
	if ((r = authority_reload(a, err)) != MUSTER_OK)
		goto done;
	*out = a;
	a = NULL;
done:
	mem_free(path);
	free(real);
	authority_free(a);
	return r;
}

int authority_make_mid(struct authority *a, X509 *root, const char *root_key, const char *passphrase, int64_t now, struct muster_err *err)
{
	char *real = realpath(root_key, NULL), name[256] = "";
	EVP_PKEY *key = NULL;
	int r;

	if (real == NULL)
		return err_errno(err, errno, "the root key %s (if it is kept offline, bring it back or name it with --root-key)", root_key);
	if ((r = load_mid(a, err)) == MUSTER_OK && (r = trust_key_read(&key, real, passphrase, err)) == MUSTER_OK && X509_check_private_key(root, key) != 1)
		r = trust_err(err, MUSTER_E_MISMATCH, "%s is not the key of the root in use", real);
	if (r == MUSTER_OK) {
		X509_NAME_get_text_by_NID(X509_get_subject_name(root), NID_commonName, name, sizeof(name));
		r = make_mid(a->dir, a->mid_number + 1, name, root, key, passphrase, now, err);
	}
	EVP_PKEY_free(key);
	free(real);
	return r;
}

int authority_renew(struct authority *a, const char *root_key, const char *passphrase, int64_t now, struct muster_err *err)
{
	int fd = -1, r;

	if ((r = authority_lock(&fd, a, err)) == MUSTER_OK && (r = authority_make_mid(a, a->root, root_key, passphrase, now, err)) == MUSTER_OK)
		r = load_mid(a, err);
	if (fd >= 0)
		(void)close(fd);
	return r;
}

int64_t authority_issues_until(const struct authority *a)
{
	int64_t begin;

	return trust_time(&begin, X509_get0_notBefore(a->mid)) == MUSTER_OK ? begin + TRUST_BACKDATE_S + TRUST_INTERMEDIATE_ISSUES_S : 0;
}

int authority_lock(int *fd, const struct authority *a, struct muster_err *err)
{
	char *absolute = NULL;
	int r = lock_folder(&absolute, fd, a->dir, err);

	mem_free(absolute);
	return r;
}
