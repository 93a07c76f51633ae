/* Reading and checking roots and chains. Making certificates: certs_make.c. */
#include "core/trust/certs.h"

#include <stdatomic.h>
#include <string.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/trust/openssl.h"

#define CHAIN_CERTS 2   /* signer and one intermediate: the path lengths allow no more */

struct trust_anchors {
	X509 *roots[TRUST_ROOTS_MAX];
	size_t n;
	uint8_t issuer_id[16];
};

struct trust_chain {
	_Atomic unsigned refs;
	X509 *certs[CHAIN_CERTS];
	char kid[TRUST_KID];
	char *pem;
	struct trust_san san;
	int64_t begin, end;
};

/* One certificate, one encoding: else one signer could appear under several kids. */
static int cert_of_der(X509 **out, const unsigned char *der, long n, struct muster_err *err)
{
	const unsigned char *p = der;
	unsigned char *again = NULL;
	int m, r = MUSTER_OK;

	if ((*out = d2i_X509(NULL, &p, n)) == NULL || p != der + n)
		r = trust_err(err, MUSTER_E_INVALID, "damaged certificate");
	else if ((m = i2d_X509(*out, &again)) != n || memcmp(again, der, (size_t)n) != 0)
		r = trust_err(err, m < 0 ? MUSTER_E_NOMEM : MUSTER_E_INVALID, "a certificate is not encoded as DER");
	if (r != MUSTER_OK) {
		X509_free(*out);
		*out = NULL;
	}
	OPENSSL_free(again);
	return r;
}

/* The next certificate of a PEM text. @return MUSTER_OK, MUSTER_E_NOT_FOUND at the end (err untouched), MUSTER_E_INVALID. */
static int next_cert(X509 **out, BIO *bio, struct muster_err *err)
{
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long n = 0;
	int r;

	*out = NULL;
	if (PEM_read_bio(bio, &name, &header, &der, &n) != 1) {
		r = MUSTER_E_NOT_FOUND;
		if (!trust_pem_ended())
			r = trust_err(err, MUSTER_E_INVALID, "damaged PEM");
	} else if (strcmp(name, PEM_STRING_X509) != 0) {
		r = err_set(err, MUSTER_E_INVALID, "\"%.60s\" stands where only certificates may", name);
	} else {
		r = cert_of_der(out, der, n, err);
	}
	OPENSSL_free(der);
	OPENSSL_free(name);
	OPENSSL_free(header);
	return r;
}

/* Up to @p room certificates. */
static int read_certs(X509 **certs, size_t room, size_t *n, struct muster_span pem, const char *what, struct muster_err *err)
{
	BIO *bio;
	X509 *x = NULL;
	int r;

	*n = 0;
	if (pem.n == 0)
		return err_set(err, MUSTER_E_INVALID, "the %s is empty", what);
	if (pem.n > TRUST_CHAIN_MAX)
		return err_set(err, MUSTER_E_LIMIT, "the %s has %zu bytes; at most %d are read", what, pem.n, TRUST_CHAIN_MAX);
	if ((bio = BIO_new_mem_buf(pem.p, (int)pem.n)) == NULL)
		return err_nomem(err);
	while ((r = next_cert(&x, bio, err)) == MUSTER_OK) {
		if (*n == room) {
			X509_free(x);
			r = err_set(err, MUSTER_E_LIMIT, "the %s holds more than %zu certificates", what, room);
			break;
		}
		certs[(*n)++] = x;
	}
	BIO_free(bio);
	if (r == MUSTER_E_NOT_FOUND)
		return *n > 0 ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "the %s holds no certificate", what);
	return r == MUSTER_E_INVALID ? err_prefix(err, r, "%s", what) : r;
}

static int check_root(struct trust_anchors *a, X509 *root, bool first, struct muster_err *err)
{
	struct trust_san san;
	int r = trust_check_ca(root, 1, "root", err);

	if (r != MUSTER_OK)
		return r;
	if (X509_NAME_cmp(X509_get_subject_name(root), X509_get_issuer_name(root)) != 0 || X509_verify(root, X509_get0_pubkey(root)) != 1)
		return trust_err(err, MUSTER_E_SIGNATURE, "the root certificate is not signed by itself");
	trust_san_read(&san, root);
	if (!san.exact || san.n != 1)
		return err_set(err, MUSTER_E_INVALID, "the root certificate does not name its issuer: its SAN is not exactly one urn:uuid URI");
	if (first)
		memcpy(a->issuer_id, san.ids[0], sizeof(a->issuer_id));
	else if (!uuid_equal(a->issuer_id, san.ids[0]))
		return err_set(err, MUSTER_E_MISMATCH, "the roots belong to different issuers; keep each issuer's roots in a file of its own");
	return MUSTER_OK;
}

int trust_anchors_read(struct trust_anchors **out, struct muster_span pem, struct muster_err *err)
{
	struct trust_anchors *a = mem_alloc(sizeof(*a));
	size_t i;
	int r;

	*out = NULL;
	if (a == NULL)
		return err_nomem(err);
	r = read_certs(a->roots, TRUST_ROOTS_MAX, &a->n, pem, "issuer's root file", err);
	for (i = 0; r == MUSTER_OK && i < a->n; i++)
		r = check_root(a, a->roots[i], i == 0, err);
	if (r == MUSTER_OK) {
		*out = a;
		a = NULL;
	}
	trust_anchors_free(a);
	return r;
}

void trust_anchors_free(struct trust_anchors *a)
{
	size_t i;

	if (a == NULL)
		return;
	for (i = 0; i < a->n; i++)
		X509_free(a->roots[i]);
	mem_free(a);
}

const uint8_t *trust_anchors_issuer_id(const struct trust_anchors *a)
{
	return a->issuer_id;
}

size_t trust_anchors_count(const struct trust_anchors *a)
{
	return a->n;
}

X509 *trust_anchors_root(const struct trust_anchors *a, size_t i)
{
	return a->roots[i];
}

/* Index what look-ups need: kid, SAN, dates, and our own PEM text (signer first, nothing else). */
static int chain_index(struct trust_chain *c, struct muster_err *err)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	unsigned len = 0;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n;
	size_t i;
	int r = MUSTER_OK;

	if (bio == NULL)
		return err_nomem(err);
	trust_san_read(&c->san, c->certs[0]);
	if (X509_digest(c->certs[0], EVP_sha256(), digest, &len) != 1 || len != sizeof(digest)) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot hash a certificate");
		goto done;
	}
	b64_encode(c->kid, digest, sizeof(digest));
	c->begin = INT64_MIN;
	c->end = INT64_MAX;
	for (i = 0; i < CHAIN_CERTS; i++) {
		int64_t begin, end;

		if (trust_time(&begin, X509_get0_notBefore(c->certs[i])) != MUSTER_OK || trust_time(&end, X509_get0_notAfter(c->certs[i])) != MUSTER_OK) {
			r = trust_err(err, MUSTER_E_INVALID, "a certificate's dates are unreadable");
			goto done;
		}
		c->begin = begin > c->begin ? begin : c->begin;
		c->end = end < c->end ? end : c->end;
		if (PEM_write_bio_X509(bio, c->certs[i]) != 1) {
			r = err_nomem(err);
			goto done;
		}
	}
	if ((n = BIO_get_mem_data(bio, &text)) <= 0 || (c->pem = mem_strndup(text, (size_t)n)) == NULL)
		r = err_nomem(err);
done:
	BIO_free(bio);
	return r;
}

int trust_chain_read_der(struct trust_chain **out, const struct muster_span der[CHAIN_CERTS], struct muster_err *err)
{
	struct trust_chain *c = mem_alloc(sizeof(*c));
	size_t i;
	int r = MUSTER_OK;

	*out = NULL;
	if (c == NULL)
		return err_nomem(err);
	atomic_init(&c->refs, 1);
	for (i = 0; r == MUSTER_OK && i < CHAIN_CERTS; i++)
		r = der[i].n <= TRUST_CHAIN_MAX ? cert_of_der(&c->certs[i], der[i].p, (long)der[i].n, err)
		    : err_set(err, MUSTER_E_LIMIT, "a certificate has %zu bytes; at most %d are read", der[i].n, TRUST_CHAIN_MAX);
	if (r == MUSTER_OK && (r = chain_index(c, err)) == MUSTER_OK) {
		*out = c;
		c = NULL;
	}
	trust_chain_unref(c);
	return r;
}

int trust_chain_read(struct trust_chain **out, struct muster_span pem, struct muster_err *err)
{
	struct trust_chain *c = mem_alloc(sizeof(*c));
	size_t n = 0;
	int r;

	*out = NULL;
	if (c == NULL)
		return err_nomem(err);
	atomic_init(&c->refs, 1);
	if ((r = read_certs(c->certs, CHAIN_CERTS, &n, pem, "certificate chain", err)) != MUSTER_OK)
		goto done;
	if (n != CHAIN_CERTS) {
		r = err_set(err, MUSTER_E_INVALID, "the certificate chain lacks the intermediate: it must hold the signer and the intermediate, in this order");
		goto done;
	}
	if ((r = chain_index(c, err)) != MUSTER_OK)
		goto done;
	*out = c;
	c = NULL;
done:
	trust_chain_unref(c);
	return r;
}

struct trust_chain *trust_chain_ref(struct trust_chain *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void trust_chain_unref(struct trust_chain *c)
{
	size_t i;

	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (i = 0; i < CHAIN_CERTS; i++)
		X509_free(c->certs[i]);
	mem_free(c->pem);
	mem_free(c);
}

X509 *trust_chain_signer(const struct trust_chain *c)
{
	return c->certs[0];
}

X509 *trust_chain_intermediate(const struct trust_chain *c)
{
	return c->certs[1];
}

const char *trust_chain_kid(const struct trust_chain *c)
{
	return c->kid;
}

const char *trust_chain_pem(const struct trust_chain *c)
{
	return c->pem;
}

int64_t trust_chain_begin(const struct trust_chain *c)
{
	return c->begin;
}

const uint8_t (*trust_chain_products(const struct trust_chain *c, size_t *n))[16]
{
	*n = c->san.n;
	return c->san.ids;
}

/* The pinned root that signed this intermediate; NULL: none of them. */
static X509 *root_of(X509 *mid, const struct trust_anchors *a)
{
	X509 *found = NULL;
	size_t i;

	for (i = 0; found == NULL && i < a->n; i++)
		if (X509_check_issued(a->roots[i], mid) == X509_V_OK && X509_verify(mid, X509_get0_pubkey(a->roots[i])) == 1)
			found = a->roots[i];
	ERR_clear_error();
	return found;
}

int64_t trust_chain_end(const struct trust_chain *c, const struct trust_anchors *a)
{
	X509 *root = root_of(c->certs[1], a);
	int64_t end;

	if (root == NULL || trust_time(&end, X509_get0_notAfter(root)) != MUSTER_OK)
		return INT64_MIN;   /* no pinned root: fail closed, it never lived */
	return end < c->end ? end : c->end;
}

static int check_usage(X509 *x, uint32_t want, const char *words, struct muster_err *err)
{
	int at = X509_get_ext_by_NID(x, NID_key_usage, -1);

	if (at < 0 || X509_EXTENSION_get_critical(X509_get_ext(x, at)) != 1 || X509_get_key_usage(x) != want)
		return trust_err(err, MUSTER_E_MISMATCH, "the signer's keyUsage is not critical and exactly %s", words);
	return MUSTER_OK;
}

static int check_leaf(X509 *x, struct muster_err *err)
{
	BASIC_CONSTRAINTS *bc;
	int crit = -1, sig = X509_get_signature_nid(x);
	bool leaf;

	if (X509_get_version(x) != X509_VERSION_3)
		return err_set(err, MUSTER_E_INVALID, "the signer's certificate is not of version 3");
	if ((sig != NID_ecdsa_with_SHA256 && sig != NID_ED25519) || trust_key_algorithm(X509_get0_pubkey(x)) < 0)
		return trust_err(err, MUSTER_E_INVALID, "the signer's certificate uses another algorithm than P-256 or Ed25519");
	bc = X509_get_ext_d2i(x, NID_basic_constraints, &crit, NULL);
	leaf = bc != NULL && bc->ca == 0 && bc->pathlen == NULL && crit == 1;
	BASIC_CONSTRAINTS_free(bc);
	if (!leaf)
		return trust_err(err, MUSTER_E_MISMATCH, "the signer's basicConstraints are not critical CA:FALSE");
	return MUSTER_OK;
}

/* extendedKeyUsage critical and exactly documentSigning. OpenSSL 3.0 has no number for it. */
static bool is_document_signing(X509 *x)
{
	int crit = -1;
	EXTENDED_KEY_USAGE *uses = X509_get_ext_d2i(x, NID_ext_key_usage, &crit, NULL);
	char oid[64] = "";
	bool ok = uses != NULL && crit == 1 && sk_ASN1_OBJECT_num(uses) == 1;

	if (ok)
		OBJ_obj2txt(oid, sizeof(oid), sk_ASN1_OBJECT_value(uses, 0), 1);
	sk_ASN1_OBJECT_pop_free(uses, ASN1_OBJECT_free);
	return ok && strcmp(oid, TRUST_EKU_DOCUMENT_SIGNING) == 0;
}

static int check_lease_role(const struct trust_chain *c, struct muster_err *err)
{
	X509 *x = c->certs[0];
	int r = check_usage(x, KU_DIGITAL_SIGNATURE, "digitalSignature", err);

	if (r != MUSTER_OK)
		return r;
	if (X509_get_ext_by_NID(x, NID_ext_key_usage, -1) >= 0)
		return err_set(err, MUSTER_E_MISMATCH, "the signer has an extendedKeyUsage: not a host certificate");
	if (!c->san.exact)
		return err_set(err, MUSTER_E_MISMATCH, "the signer's SAN is not 1 to %d distinct urn:uuid URIs and nothing else: not a host certificate", TRUST_PRODUCTS_MAX);
	return MUSTER_OK;
}

static int check_statement_role(const struct trust_chain *c, struct muster_err *err)
{
	X509 *x = c->certs[0];
	int r = check_usage(x, KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION, "digitalSignature and nonRepudiation", err);

	if (r != MUSTER_OK)
		return r;
	if (!is_document_signing(x))
		return trust_err(err, MUSTER_E_MISMATCH, "the signer's extendedKeyUsage is not critical and exactly documentSigning: not a statement signer");
	if (c->san.present)
		return err_set(err, MUSTER_E_MISMATCH, "the signer has a SAN: not a statement signer");
	return MUSTER_OK;
}

int trust_chain_role(const struct trust_chain *c, enum trust_role role, struct muster_err *err)
{
	int r = check_leaf(c->certs[0], err);

	if (r != MUSTER_OK)
		return r;
	switch (role) {
	case TRUST_ROLE_LEASE:
		return check_lease_role(c, err);
	case TRUST_ROLE_STATEMENT:
		return check_statement_role(c, err);
	case TRUST_ROLE_TLS:
		/* A server: serverAuth and neither of the other roles, which have no serverAuth. */
		if ((X509_get_extension_flags(c->certs[0]) & EXFLAG_XKUSAGE) == 0 || X509_get_extended_key_usage(c->certs[0]) != XKU_SSL_SERVER)
			return err_set(err, MUSTER_E_MISMATCH, "the signer's extendedKeyUsage is not exactly serverAuth");
		return MUSTER_OK;
	}
	return err_set(err, MUSTER_E_INTERNAL, "unknown role");
}

/* Path building and signatures by OpenSSL, at a given time, with nothing but the pinned roots. @p mid NULL: the roots signed @p leaf. */
static int check_path(X509 *leaf, X509 *mid, const struct trust_anchors *a, int64_t at, struct muster_err *err)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *between = sk_X509_new_null();
	X509_VERIFY_PARAM *param;
	size_t i;
	int r, e;

	if (store == NULL || ctx == NULL || between == NULL || (mid != NULL && sk_X509_push(between, mid) <= 0)) {
		r = err_nomem(err);
		goto done;
	}
	for (i = 0; i < a->n; i++)
		if (X509_STORE_add_cert(store, a->roots[i]) != 1) {
			r = err_nomem(err);
			goto done;
		}
	if (X509_STORE_CTX_init(ctx, store, leaf, between) != 1) {
		r = err_nomem(err);
		goto done;
	}
	param = X509_STORE_CTX_get0_param(ctx);
	/* No CRL flags: a revocation list is looked up by serial, see trust.md section 1. */
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_NO_ALT_CHAINS);
	X509_VERIFY_PARAM_set_time(param, (time_t)at);
	if (X509_verify_cert(ctx) == 1) {
		r = MUSTER_OK;
		goto done;
	}
	e = X509_STORE_CTX_get_error(ctx);
	r = e == X509_V_ERR_CERT_HAS_EXPIRED ? MUSTER_E_EXPIRED : e == X509_V_ERR_CERT_NOT_YET_VALID ? MUSTER_E_NOT_YET
	    : e == X509_V_ERR_OUT_OF_MEM ? MUSTER_E_NOMEM : MUSTER_E_SIGNATURE;
	ERR_clear_error();
	(void)err_set(err, r, "the certificate chain does not verify under the pinned issuer: %s (certificate %d, 0 is the signer)",
	              X509_verify_cert_error_string(e), X509_STORE_CTX_get_error_depth(ctx));
done:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_free(between);
	return r;
}

/* Nested lives: nothing outlives its issuer, and an intermediate issues during its first three years. */
static int check_lives(const struct trust_chain *c, X509 *root, struct muster_err *err)
{
	int64_t leaf_begin, leaf_end, mid_begin, mid_end, root_end;

	if (trust_time(&leaf_begin, X509_get0_notBefore(c->certs[0])) != MUSTER_OK || trust_time(&leaf_end, X509_get0_notAfter(c->certs[0])) != MUSTER_OK
	    || trust_time(&mid_begin, X509_get0_notBefore(c->certs[1])) != MUSTER_OK || trust_time(&mid_end, X509_get0_notAfter(c->certs[1])) != MUSTER_OK
	    || trust_time(&root_end, X509_get0_notAfter(root)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "a certificate's dates are unreadable");
	if (leaf_end > mid_end)
		return err_set(err, MUSTER_E_INVALID, "the signer's certificate outlives the intermediate's");
	if (mid_end > root_end)
		return err_set(err, MUSTER_E_INVALID, "the intermediate's certificate outlives the root's");
	if (leaf_begin < mid_begin || leaf_begin > mid_begin + TRUST_INTERMEDIATE_ISSUES_S)
		return err_set(err, MUSTER_E_INVALID, "the signer's certificate was not issued during the intermediate's first three years");
	return MUSTER_OK;
}

int trust_chain_verify(const struct trust_chain *c, const struct trust_anchors *a, enum trust_role role, int64_t at, struct muster_err *err)
{
	X509 *root;
	int r;

	if ((r = check_path(c->certs[0], c->certs[1], a, at, err)) != MUSTER_OK)
		return r;
	/* The path must be the plain one: signer, this intermediate, a pinned root. */
	if ((root = root_of(c->certs[1], a)) == NULL || X509_check_issued(c->certs[1], c->certs[0]) != X509_V_OK)
		return trust_err(err, MUSTER_E_SIGNATURE, "the certificate chain is not signer, intermediate, pinned root");
	if ((r = trust_check_ca(c->certs[1], 0, "intermediate", err)) != MUSTER_OK)
		return r;
	if ((r = check_lives(c, root, err)) != MUSTER_OK)
		return r;
	return trust_chain_role(c, role, err);
}

int trust_anchors_verify(const struct trust_anchors *a, X509 *intermediate, int64_t at, struct muster_err *err)
{
	int64_t mid_end, root_end;
	X509 *root;
	int r;

	if ((r = check_path(intermediate, NULL, a, at, err)) != MUSTER_OK)
		return r;
	if ((root = root_of(intermediate, a)) == NULL)
		return trust_err(err, MUSTER_E_SIGNATURE, "the intermediate certificate is not signed by a pinned root");
	if ((r = trust_check_ca(intermediate, 0, "intermediate", err)) != MUSTER_OK)
		return r;
	if (trust_time(&mid_end, X509_get0_notAfter(intermediate)) != MUSTER_OK || trust_time(&root_end, X509_get0_notAfter(root)) != MUSTER_OK || mid_end > root_end)
		return err_set(err, MUSTER_E_INVALID, "the intermediate's certificate outlives the root's");
	return MUSTER_OK;
}
