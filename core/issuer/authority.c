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
	X509_free(a->root);
	X509_free(a->mid);
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
static int read_cert(X509 **out, const char *path, struct muster_err *err)
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
	static const char *const names[] = { "issuer.pem", "root.key", "intermediate-1.key", "intermediate-1.pem", "certificates.log" };
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

int authority_init(const char *dir, const char *name, enum trust_algorithm algorithm, const char *passphrase, int64_t now, struct muster_err *err)
{
	char *absolute = NULL;
	int fd = -1, r;

	if (characters(name) == 0 || characters(name) > AUTHORITY_NAME_MAX || strlen(name) > 4 * AUTHORITY_NAME_MAX)
		return err_set(err, MUSTER_E_INVALID, "the issuer's name has %zu characters; 1 to %d are allowed", characters(name), AUTHORITY_NAME_MAX);
	if ((r = file_make_dir(dir, 0700, err)) == MUSTER_OK && (r = lock_folder(&absolute, &fd, dir, err)) == MUSTER_OK)
		r = init_locked(absolute, name, algorithm, passphrase, now, err);
	if (fd >= 0)
		(void)close(fd);
	mem_free(absolute);
	return r;
}

static int newest_mid(unsigned *out, const char *dir, struct muster_err *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	*out = 0;
	if (d == NULL)
		return err_errno(err, errno, "%s", dir);
	while ((e = readdir(d)) != NULL) {
		unsigned n = 0;
		int used = 0;

		if (sscanf(e->d_name, "intermediate-%9u.pem%n", &n, &used) == 1 && used > 0 && e->d_name[used] == '\0' && n > *out)
			*out = n;
	}
	(void)closedir(d);
	return *out > 0 ? MUSTER_OK : err_set(err, MUSTER_E_NOT_FOUND, "%s holds no intermediate-N.pem", dir);
}

static int load_mid(struct authority *a, struct muster_err *err)
{
	char name[48];
	char *path = NULL;
	unsigned n;
	X509 *x = NULL;
	int r;

	if ((r = newest_mid(&n, a->dir, err)) != MUSTER_OK)
		return r;
	(void)snprintf(name, sizeof(name), "intermediate-%u.pem", n);
	if ((path = file_join(a->dir, name)) == NULL)
		return err_nomem(err);
	if ((r = read_cert(&x, path, err)) != MUSTER_OK)
		goto done;
	if ((r = trust_check_ca(x, 0, "intermediate", err)) != MUSTER_OK)
		goto done;
	if (X509_verify(x, X509_get0_pubkey(a->root)) != 1) {
		r = trust_err(err, MUSTER_E_SIGNATURE, "%s was not signed by the root in issuer.pem", path);
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

int authority_open(struct authority **out, const char *dir, struct muster_err *err)
{
	struct authority *a = mem_alloc(sizeof(*a));
	char *real = realpath(dir, NULL), *path = NULL;
	struct trust_san san;
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
	if ((r = read_cert(&a->root, path, err)) != MUSTER_OK || (r = trust_check_ca(a->root, 1, "root", err)) != MUSTER_OK)
		goto done;
	trust_san_read(&san, a->root);
	if (!san.exact || san.n != 1) {
		r = err_set(err, MUSTER_E_INVALID, "%s does not name its issuer", path);
		goto done;
	}
	memcpy(a->issuer_id, san.ids[0], sizeof(a->issuer_id));
	if ((r = load_mid(a, err)) != MUSTER_OK)
		goto done;
	*out = a;
	a = NULL;
done:
	mem_free(path);
	free(real);
	authority_free(a);
	return r;
}

static int renew_locked(struct authority *a, const char *root_key, const char *passphrase, int64_t now, struct muster_err *err)
{
	EVP_PKEY *key = NULL;
	char name[256] = "";
	int r;

	if ((r = load_mid(a, err)) != MUSTER_OK || (r = trust_key_read(&key, root_key, passphrase, err)) != MUSTER_OK)
		return r;
	X509_NAME_get_text_by_NID(X509_get_subject_name(a->root), NID_commonName, name, sizeof(name));
	if ((r = make_mid(a->dir, a->mid_number + 1, name, a->root, key, passphrase, now, err)) == MUSTER_OK)
		r = load_mid(a, err);
	EVP_PKEY_free(key);
	return r;
}

int authority_renew(struct authority *a, const char *root_key, const char *passphrase, int64_t now, struct muster_err *err)
{
	char *absolute = NULL, *real = NULL;
	int fd = -1, r;

	if ((r = lock_folder(&absolute, &fd, a->dir, err)) != MUSTER_OK)
		goto done;
	if ((real = realpath(root_key, NULL)) == NULL) {
		r = err_errno(err, errno, "the root key %s (if it is kept offline, bring it back or name it with --root-key)", root_key);
		goto done;
	}
	r = renew_locked(a, real, passphrase, now, err);
done:
	if (fd >= 0)
		(void)close(fd);
	free(real);
	mem_free(absolute);
	return r;
}

int64_t authority_issues_until(const struct authority *a)
{
	int64_t begin;

	return trust_time(&begin, X509_get0_notBefore(a->mid)) == MUSTER_OK ? begin + TRUST_BACKDATE_S + TRUST_INTERMEDIATE_ISSUES_S : 0;
}

/* Chain as PEM, read back and verified as every host will: what does not verify is neither recorded nor shown. */
static int seal(struct book_entry *e, struct authority *a, X509 *host, int64_t now, struct muster_err *err)
{
	struct trust_anchors *anchors = NULL;
	struct trust_chain *chain = NULL;
	BIO *pem = BIO_new(BIO_s_mem()), *root = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n;
	int r;

	if (pem == NULL || root == NULL || PEM_write_bio_X509(pem, host) != 1 || PEM_write_bio_X509(pem, a->mid) != 1 || PEM_write_bio_X509(root, a->root) != 1) {
		r = err_nomem(err);
		goto done;
	}
	n = BIO_get_mem_data(root, &text);
	if ((r = trust_anchors_read(&anchors, span_of(text, (size_t)n), err)) != MUSTER_OK)
		goto done;
	n = BIO_get_mem_data(pem, &text);
	if ((r = trust_chain_read(&chain, span_of(text, (size_t)n), err)) != MUSTER_OK
	    || (r = trust_chain_verify(chain, anchors, TRUST_ROLE_LEASE, now, err)) != MUSTER_OK)
		goto done;
	memcpy(e->kid, trust_chain_kid(chain), sizeof(e->kid));
	e->begin = trust_chain_begin(chain);
	e->end = trust_chain_end(chain, anchors);
	if ((e->chain = mem_strdup(trust_chain_pem(chain))) == NULL)
		r = err_nomem(err);
done:
	trust_chain_unref(chain);
	trust_anchors_free(anchors);
	BIO_free(root);
	BIO_free(pem);
	return r;
}

static int put_serial(struct book_entry *e, const X509 *x, struct muster_err *err)
{
	const ASN1_INTEGER *s = X509_get0_serialNumber(x);

	if (ASN1_STRING_length(s) * 2 + 1 > (int)sizeof(e->serial))
		return err_set(err, MUSTER_E_INTERNAL, "the serial number is too long");
	hex_encode(e->serial, ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	return MUSTER_OK;
}

static int certify_locked(struct book_entry *e, struct authority *a, const struct authority_order *o, const char *passphrase, int64_t now,
                          const char *book, struct muster_err *err)
{
	uint8_t digest[32];
	char subject[32];
	EVP_PKEY *mid_key = NULL, *host_key = NULL;
	X509 *host = NULL;
	int r;

	if ((r = load_mid(a, err)) != MUSTER_OK || (r = trust_request_read(&host_key, o->request, err)) != MUSTER_OK
	    || (r = book_next(&e->number, book, err)) != MUSTER_OK || (r = trust_key_read(&mid_key, a->mid_key, passphrase, err)) != MUSTER_OK)
		goto done;
	(void)snprintf(subject, sizeof(subject), "host %lu", e->number);
	e->at = now;
	e->intermediate = a->mid_number;
	e->product_count = o->product_count;
	if ((e->subject = mem_strdup(o->subject != NULL ? o->subject : subject)) == NULL
	    || EVP_Digest(o->request.p, o->request.n, digest, NULL, EVP_sha256(), NULL) != 1) {
		r = err_nomem(err);
		goto done;
	}
	hex_encode(e->request, digest, sizeof(digest));
	if ((r = trust_make_host(&host, host_key, e->subject, o->products, o->product_count, a->mid, mid_key, now, o->life_s, err)) != MUSTER_OK)
		goto done;
	memcpy(e->products, o->products, o->product_count * sizeof(e->products[0]));
	if ((r = put_serial(e, host, err)) == MUSTER_OK && (r = seal(e, a, host, now, err)) == MUSTER_OK)
		r = book_append(book, e, err);
done:
	X509_free(host);
	EVP_PKEY_free(host_key);
	EVP_PKEY_free(mid_key);
	return r;
}

int authority_certify(struct book_entry *out, struct authority *a, const struct authority_order *order, const char *passphrase, int64_t now,
                      struct muster_err *err)
{
	char *absolute = NULL, *book = NULL;
	int fd = -1, r;

	memset(out, 0, sizeof(*out));
	if ((r = lock_folder(&absolute, &fd, a->dir, err)) != MUSTER_OK)
		goto done;
	if ((book = authority_path(a, "certificates.log")) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	r = certify_locked(out, a, order, passphrase, now, book, err);
done:
	if (r != MUSTER_OK)
		book_entry_fini(out);
	if (fd >= 0)
		(void)close(fd);
	mem_free(book);
	mem_free(absolute);
	return r;
}
