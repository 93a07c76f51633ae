/* Making certificates and requests. Reading and checking them: certs.c. */
#include "core/trust/certs.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "core/base/bytes.h"
#include "core/base/uuid.h"
#include "core/trust/openssl.h"

#define NAME_MAX_CHARS 64   /* ub-common-name, RFC 5280 appendix A.1 */
#define SERIAL_LEN 20       /* RFC 5280 section 4.1.2.2: at most 20 octets */

struct make {
	EVP_PKEY *key;          /* the subject's public key */
	const char *name, *field;   /* of the subject; field NULL: CN */
	X509 *issuer;           /* NULL: self-signed */
	EVP_PKEY *issuer_key;
	int64_t now, life;
	const char *constraints, *usage, *extended;
	const uint8_t *ids;     /* SAN: n_ids × 16 bytes */
	size_t n_ids;
	const char *server;     /* SAN: a server's, as OpenSSL writes it */
};

static int set_name(X509_NAME *name, const char *field, const char *text, struct muster_err *err)
{
	if (text == NULL || text[0] == '\0')
		return err_set(err, MUSTER_E_INVALID, "a certificate needs a name");
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return err_set(err, MUSTER_E_INVALID, "the name has a control character (after %d bytes): names are one line of text", (int)(c - text));
	if (X509_NAME_add_entry_by_txt(name, field != NULL ? field : "CN", MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) != 1)
		return trust_err(err, MUSTER_E_INVALID, "the name \"%.80s\" is not UTF-8 of at most %d characters", text, NAME_MAX_CHARS);
	return MUSTER_OK;
}

static int set_serial(X509 *x, struct muster_err *err)
{
	uint8_t raw[SERIAL_LEN];
	BIGNUM *n;
	int ok;

	random_bytes(raw, sizeof(raw));
	raw[0] = (uint8_t)((raw[0] & 0x3f) | 0x40);   /* positive and always 20 octets: 158 random bits */
	n = BN_bin2bn(raw, sizeof(raw), NULL);
	ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok ? MUSTER_OK : err_nomem(err);
}

/* Dates: from a day before now (clocks differ), never beyond the issuer's end. */
static int set_dates(X509 *x, const struct make *m, struct muster_err *err)
{
	int64_t begin = m->now - TRUST_BACKDATE_S, end = m->now + m->life, limit;

	if (m->issuer != NULL) {
		if (trust_time(&limit, X509_get0_notAfter(m->issuer)) != MUSTER_OK)
			return err_set(err, MUSTER_E_INVALID, "the issuer certificate's end is unreadable");
		if (end > limit)
			end = limit;
		if (m->now >= limit)
			return err_set(err, MUSTER_E_EXPIRED, "the issuer certificate has expired");
	}
	if (ASN1_TIME_set(X509_getm_notBefore(x), (time_t)begin) == NULL || ASN1_TIME_set(X509_getm_notAfter(x), (time_t)end) == NULL)
		return trust_err(err, MUSTER_E_INVALID, "the time cannot be written into a certificate");
	return MUSTER_OK;
}

static int add_ext(X509 *x, X509 *issuer, int nid, const char *value, struct muster_err *err)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	int ok;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok ? MUSTER_OK : trust_err(err, MUSTER_E_INTERNAL, "cannot add the certificate extension %s", OBJ_nid2sn(nid));
}

static int add_san(X509 *x, const uint8_t *ids, size_t n, struct muster_err *err)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	int ok = names != NULL;
	size_t i;

	for (i = 0; ok && i < n; i++) {
		char text[sizeof(UUID_URN) + UUID_TEXT];
		GENERAL_NAME *g = GENERAL_NAME_new();
		ASN1_IA5STRING *s = ASN1_IA5STRING_new();

		memcpy(text, UUID_URN, sizeof(UUID_URN) - 1);
		uuid_format(text + sizeof(UUID_URN) - 1, ids + i * UUID_LEN);
		ok = g != NULL && s != NULL && ASN1_STRING_set(s, text, -1) == 1;
		if (ok) {
			GENERAL_NAME_set0_value(g, GEN_URI, s);
			s = NULL;
			ok = sk_GENERAL_NAME_push(names, g) > 0;
			if (ok)
				g = NULL;
		}
		ASN1_IA5STRING_free(s);
		GENERAL_NAME_free(g);
	}
	ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
	GENERAL_NAMES_free(names);
	return ok ? MUSTER_OK : err_nomem(err);
}

static int add_extensions(X509 *x, const struct make *m, struct muster_err *err)
{
	X509 *issuer = m->issuer != NULL ? m->issuer : x;
	int r;

	if ((r = add_ext(x, issuer, NID_basic_constraints, m->constraints, err)) != MUSTER_OK
	    || (r = add_ext(x, issuer, NID_key_usage, m->usage, err)) != MUSTER_OK
	    || (r = add_ext(x, issuer, NID_subject_key_identifier, "hash", err)) != MUSTER_OK)
		return r;
	if (m->issuer != NULL && (r = add_ext(x, issuer, NID_authority_key_identifier, "keyid:always", err)) != MUSTER_OK)
		return r;
	if (m->extended != NULL && (r = add_ext(x, issuer, NID_ext_key_usage, m->extended, err)) != MUSTER_OK)
		return r;
	if (m->server != NULL)
		return add_ext(x, issuer, NID_subject_alt_name, m->server, err);
	return m->n_ids > 0 ? add_san(x, m->ids, m->n_ids, err) : MUSTER_OK;
}

static int make(X509 **out, const struct make *m, struct muster_err *err)
{
	X509 *x = X509_new();
	int r;

	*out = NULL;
	if (x == NULL)
		return err_nomem(err);
	if (trust_key_algorithm(m->key) < 0 || trust_key_algorithm(m->issuer_key) < 0) {
		r = err_set(err, MUSTER_E_UNSUPPORTED, "only P-256 and Ed25519 keys can be certified");
		goto done;
	}
	if (m->issuer != NULL && X509_check_private_key(m->issuer, m->issuer_key) != 1) {
		r = trust_err(err, MUSTER_E_MISMATCH, "the issuing key does not belong to the issuer's certificate");
		goto done;
	}
	if (X509_set_version(x, X509_VERSION_3) != 1 || X509_set_pubkey(x, m->key) != 1) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot start a certificate");
		goto done;
	}
	if ((r = set_serial(x, err)) != MUSTER_OK || (r = set_name(X509_get_subject_name(x), m->field, m->name, err)) != MUSTER_OK
	    || (r = set_dates(x, m, err)) != MUSTER_OK)
		goto done;
	if (X509_set_issuer_name(x, X509_get_subject_name(m->issuer != NULL ? m->issuer : x)) != 1) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot name the issuer in a certificate");
		goto done;
	}
	if ((r = add_extensions(x, m, err)) != MUSTER_OK)
		goto done;
	if (X509_sign(x, m->issuer_key, trust_key_digest(m->issuer_key)) <= 0) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot sign a certificate");
		goto done;
	}
	*out = x;
	x = NULL;
	r = MUSTER_OK;
done:
	X509_free(x);
	return r;
}

int trust_make_root(X509 **out, EVP_PKEY *key, const uint8_t issuer_id[16], const char *name, int64_t now, struct muster_err *err)
{
	const struct make m = {
		.key = key, .name = name, .issuer_key = key, .now = now, .life = TRUST_ROOT_LIFE_S,
		.constraints = "critical,CA:TRUE,pathlen:1", .usage = "critical,keyCertSign,cRLSign",
		.ids = issuer_id, .n_ids = 1,
	};
	return make(out, &m, err);
}

int trust_make_intermediate(X509 **out, EVP_PKEY *subject_key, const char *name, X509 *root, EVP_PKEY *root_key, int64_t now, struct muster_err *err)
{
	const struct make m = {
		.key = subject_key, .name = name, .issuer = root, .issuer_key = root_key, .now = now, .life = TRUST_INTERMEDIATE_LIFE_S,
		.constraints = "critical,CA:TRUE,pathlen:0", .usage = "critical,keyCertSign,cRLSign",
	};
	int r = make(out, &m, err);

	/* A name equal to the issuer's would make it "self-issued", which path lengths do not count (RFC 5280 section 6.1). */
	if (r == MUSTER_OK && X509_NAME_cmp(X509_get_subject_name(*out), X509_get_issuer_name(*out)) == 0) {
		X509_free(*out);
		*out = NULL;
		r = err_set(err, MUSTER_E_INVALID, "the intermediate needs another name than the root, \"%s\"", name);
	}
	return r;
}

/* An intermediate issues during its first three years only, so that what it issues can live its whole life. */
static int check_issuing(X509 *issuer, int64_t now, struct muster_err *err)
{
	int64_t begin;
	int r = trust_check_ca(issuer, 0, "intermediate", err);

	if (r != MUSTER_OK)
		return r;
	if (trust_time(&begin, X509_get0_notBefore(issuer)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "the intermediate certificate's begin is unreadable");
	if (now < begin)
		return err_set(err, MUSTER_E_NOT_YET, "the intermediate certificate is not valid yet; is the clock right?");
	if (now > begin + TRUST_BACKDATE_S + TRUST_INTERMEDIATE_ISSUES_S)
		return err_set(err, MUSTER_E_EXPIRED, "the intermediate issues during its first three years only; make a new one with the root key");
	return MUSTER_OK;
}

static int make_lease_signer(X509 **out, EVP_PKEY *public_key, const char *field, const char *subject, const uint8_t (*ids)[16], size_t n, X509 *issuer,
                             EVP_PKEY *issuer_key, int64_t now, int64_t life_s, struct muster_err *err)
{
	const struct make m = {
		.key = public_key, .name = subject, .field = field, .issuer = issuer, .issuer_key = issuer_key, .now = now, .life = life_s,
		.constraints = "critical,CA:FALSE", .usage = "critical,digitalSignature", .ids = n > 0 ? ids[0] : NULL, .n_ids = n,
	};
	size_t i, j;
	int r;

	*out = NULL;
	if (n < 1 || n > TRUST_PRODUCTS_MAX)
		return err_set(err, MUSTER_E_LIMIT, "a host certificate names 1 to %d products, not %zu", TRUST_PRODUCTS_MAX, n);
	for (i = 1; i < n; i++)
		for (j = 0; j < i; j++)
			if (uuid_equal(ids[i], ids[j]))
				return err_set(err, MUSTER_E_INVALID, "a product is named twice");
	if (life_s <= 0)
		return err_set(err, MUSTER_E_INVALID, "a host certificate's life must be positive");
	if ((r = check_issuing(issuer, now, err)) != MUSTER_OK)
		return r;
	return make(out, &m, err);
}

int trust_make_host(X509 **out, EVP_PKEY *public_key, const char *subject, const uint8_t (*ids)[16], size_t n, X509 *issuer, EVP_PKEY *issuer_key,
                    int64_t now, int64_t life_s, struct muster_err *err)
{
	return make_lease_signer(out, public_key, "CN", subject, ids, n, issuer, issuer_key, now, life_s, err);
}

int trust_make_slot(X509 **out, EVP_PKEY *public_key, const char *serial, const uint8_t (*ids)[16], size_t n, X509 *issuer, EVP_PKEY *issuer_key,
                    int64_t now, int64_t life_s, struct muster_err *err)
{
	return make_lease_signer(out, public_key, "serialNumber", serial, ids, n, issuer, issuer_key, now, life_s, err);
}

int trust_make_statement(X509 **out, EVP_PKEY *public_key, const char *subject, X509 *issuer, EVP_PKEY *issuer_key, int64_t now, struct muster_err *err)
{
	const struct make m = {
		.key = public_key, .name = subject, .issuer = issuer, .issuer_key = issuer_key, .now = now, .life = TRUST_STATEMENT_LIFE_S,
		.constraints = "critical,CA:FALSE", .usage = "critical,digitalSignature,nonRepudiation",
		.extended = "critical," TRUST_EKU_DOCUMENT_SIGNING,
	};
	int r;

	*out = NULL;
	if ((r = check_issuing(issuer, now, err)) != MUSTER_OK)
		return r;
	return make(out, &m, err);
}

/* A DNS name or a numeric address, and nothing that would mean something else in an extension's text. */
static int server_name(char out[TRUST_SERVER_NAME + 8], const char *name, struct muster_err *err)
{
	uint8_t address[16];
	size_t n = strlen(name);
	bool numeric = inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;

	if (n == 0 || n >= TRUST_SERVER_NAME || (!numeric && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != n) || name[0] == '-' || name[0] == '.')
		return err_set(err, MUSTER_E_INVALID, "\"%.80s\" is neither a DNS name nor a numeric address", name);
	(void)snprintf(out, TRUST_SERVER_NAME + 8, "%s:%s", numeric ? "IP" : "DNS", name);
	return MUSTER_OK;
}

int trust_make_server(X509 **out, EVP_PKEY *public_key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, int64_t now, int64_t life_s, struct muster_err *err)
{
	char san[TRUST_SERVER_NAME + 8];
	const struct make m = {
		.key = public_key, .name = "TLS server", .issuer = issuer, .issuer_key = issuer_key, .now = now, .life = life_s,
		.constraints = "critical,CA:FALSE", .usage = "critical,digitalSignature", .extended = "serverAuth", .server = san,
	};
	int r;

	*out = NULL;
	if ((r = server_name(san, name, err)) != MUSTER_OK)
		return r;
	if (trust_key_algorithm(public_key) != TRUST_ES256)
		return err_set(err, MUSTER_E_UNSUPPORTED, "a TLS server's key is P-256");
	if ((r = check_issuing(issuer, now, err)) != MUSTER_OK)
		return r;
	return make(out, &m, err);
}

int trust_request_make(struct buf *pem, EVP_PKEY *key, const char *name, struct muster_err *err)
{
	X509_REQ *q = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n;
	int r;

	if (q == NULL || bio == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if (trust_key_algorithm(key) < 0) {
		r = err_set(err, MUSTER_E_UNSUPPORTED, "only P-256 and Ed25519 keys can be certified");
		goto done;
	}
	if ((r = set_name(X509_REQ_get_subject_name(q), NULL, name, err)) != MUSTER_OK)
		goto done;
	if (X509_REQ_set_version(q, X509_REQ_VERSION_1) != 1 || X509_REQ_set_pubkey(q, key) != 1 || X509_REQ_sign(q, key, trust_key_digest(key)) <= 0
	    || PEM_write_bio_X509_REQ(bio, q) != 1 || (n = BIO_get_mem_data(bio, &text)) <= 0) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot make a certificate request");
		goto done;
	}
	buf_add(pem, text, (size_t)n);
	r = pem->failed ? err_nomem(err) : MUSTER_OK;
done:
	BIO_free(bio);
	X509_REQ_free(q);
	return r;
}

static int request_check(EVP_PKEY **out, X509_REQ *q, struct muster_err *err)
{
	EVP_PKEY *key = X509_REQ_get_pubkey(q);   /* owned */
	int sig = X509_REQ_get_signature_nid(q);

	if (key == NULL || trust_key_algorithm(key) < 0) {
		EVP_PKEY_free(key);
		return trust_err(err, MUSTER_E_UNSUPPORTED, "the request's key is neither P-256 nor Ed25519");
	}
	if (sig != NID_ecdsa_with_SHA256 && sig != NID_ED25519) {
		EVP_PKEY_free(key);
		return trust_err(err, MUSTER_E_UNSUPPORTED, "the request is not signed with ECDSA-SHA-256 or Ed25519");
	}
	if (X509_REQ_verify(q, key) != 1) {
		EVP_PKEY_free(key);
		return trust_err(err, MUSTER_E_SIGNATURE, "the request does not prove possession of its key: its signature does not verify");
	}
	/* A compressed point is valid, but not every platform's verifier reads it from a certificate. */
	if (trust_key_algorithm(key) == TRUST_ES256
	    && EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) != 1) {
		EVP_PKEY_free(key);
		return trust_err(err, MUSTER_E_INTERNAL, "cannot convert the request's key");
	}
	*out = key;
	return MUSTER_OK;
}

int trust_request_read(EVP_PKEY **out, struct muster_span pem, struct muster_err *err)
{
	BIO *bio = NULL;
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	const unsigned char *p;
	long n = 0;
	X509_REQ *q = NULL;
	int r;

	*out = NULL;
	if (pem.n == 0)
		return err_set(err, MUSTER_E_INVALID, "the request is empty");
	if (pem.n > TRUST_CHAIN_MAX)
		return err_set(err, MUSTER_E_INVALID, "the request has %zu bytes; at most %d are read", pem.n, TRUST_CHAIN_MAX);
	if ((bio = BIO_new_mem_buf(pem.p, (int)pem.n)) == NULL)
		return err_nomem(err);
	if (PEM_read_bio(bio, &name, &header, &der, &n) != 1) {
		r = trust_err(err, MUSTER_E_INVALID, "the request is not PEM");
		goto done;
	}
	if (strcmp(name, PEM_STRING_X509_REQ) != 0 && strcmp(name, PEM_STRING_X509_REQ_OLD) != 0) {
		r = err_set(err, MUSTER_E_INVALID, "the file holds \"%.60s\", not a certificate request", name);
		goto done;
	}
	p = der;
	if ((q = d2i_X509_REQ(NULL, &p, n)) == NULL || p != der + n) {
		r = trust_err(err, MUSTER_E_INVALID, "the request is damaged");
		goto done;
	}
	r = request_check(out, q, err);
done:
	X509_REQ_free(q);
	OPENSSL_free(der);
	OPENSSL_free(name);
	OPENSSL_free(header);
	BIO_free(bio);
	return r;
}
