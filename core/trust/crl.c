#include "core/trust/crl.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/trust/openssl.h"

#define LEEWAY_S (4 * 3600)     /* clocks differ: as for a token's iat (trust.md section 2) */

struct crl {
	_Atomic unsigned refs;
	uint64_t number;
	uint8_t issuer_id[16];
	int64_t at, until;              /* thisUpdate, nextUpdate */
	struct crl_entry *entries;      /* sorted by serial */
	size_t count;
	char *pem;
};

/* Reasons a list of ours may give; any other in a list counts as none given, which is the strictest. */
static const struct { enum crl_reason reason; const char *word; } reasons[] = {
	{ CRL_UNSPECIFIED, "unspecified" }, { CRL_KEY_COMPROMISE, "key-compromise" }, { CRL_AFFILIATION, "affiliation-changed" },
	{ CRL_SUPERSEDED, "superseded" }, { CRL_CESSATION, "cessation" },
};
#define REASONS (sizeof(reasons) / sizeof(reasons[0]))

const char *crl_reason_word(enum crl_reason r)
{
	size_t i;

	for (i = 0; i < REASONS; i++)
		if (reasons[i].reason == r)
			return reasons[i].word;
	return reasons[0].word;
}

int crl_reason_of(enum crl_reason *out, const char *word)
{
	size_t i;

	*out = CRL_UNSPECIFIED;
	for (i = 0; i < REASONS; i++)
		if (strcmp(reasons[i].word, word) == 0) {
			*out = reasons[i].reason;
			return MUSTER_OK;
		}
	return MUSTER_E_INVALID;
}

bool crl_ends_signed(enum crl_reason r)
{
	return r != CRL_AFFILIATION && r != CRL_SUPERSEDED && r != CRL_CESSATION;
}

/* ---- making ---- */

static int add_entry(X509_CRL *list, const struct crl_entry *e, struct muster_err *err)
{
	X509_REVOKED *row = X509_REVOKED_new();
	BIGNUM *n = BN_bin2bn(e->serial, (int)e->serial_n, NULL);
	ASN1_INTEGER *serial = n != NULL ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
	ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)e->at);
	ASN1_ENUMERATED *why = ASN1_ENUMERATED_new();
	bool ok = row != NULL && serial != NULL && at != NULL && why != NULL && X509_REVOKED_set_serialNumber(row, serial) == 1
	          && X509_REVOKED_set_revocationDate(row, at) == 1;

	/* "unspecified" is said by leaving the reason out (RFC 5280 section 5.3.1). */
	if (ok && e->reason != CRL_UNSPECIFIED)
		ok = ASN1_ENUMERATED_set(why, (long)e->reason) == 1 && X509_REVOKED_add1_ext_i2d(row, NID_crl_reason, why, 0, X509V3_ADD_DEFAULT) == 1;
	if (ok && (ok = X509_CRL_add0_revoked(list, row) == 1))
		row = NULL;   /* adopted */
	ASN1_ENUMERATED_free(why);
	ASN1_TIME_free(at);
	ASN1_INTEGER_free(serial);
	BN_free(n);
	X509_REVOKED_free(row);
	return ok ? MUSTER_OK : trust_err(err, MUSTER_E_INTERNAL, "cannot add to the revocation list");
}

static int add_extensions(X509_CRL *list, uint64_t number, X509 *issuer, struct muster_err *err)
{
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	AUTHORITY_KEYID *key = AUTHORITY_KEYID_new();
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
	bool ok = n != NULL && key != NULL && id != NULL && (key->keyid = ASN1_OCTET_STRING_dup(id)) != NULL && ASN1_INTEGER_set_uint64(n, number) == 1
	          && X509_CRL_add1_ext_i2d(list, NID_authority_key_identifier, key, 0, X509V3_ADD_DEFAULT) == 1
	          && X509_CRL_add1_ext_i2d(list, NID_crl_number, n, 0, X509V3_ADD_DEFAULT) == 1;

	AUTHORITY_KEYID_free(key);
	ASN1_INTEGER_free(n);
	return ok ? MUSTER_OK : trust_err(err, MUSTER_E_INTERNAL, "cannot number the revocation list");
}

/* Both blocks as text; the one form in which a list travels. */
static int write_pem(struct buf *out, X509_CRL *list, X509 *issuer, struct muster_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n = 0;

	if (bio != NULL && PEM_write_bio_X509_CRL(bio, list) == 1 && PEM_write_bio_X509(bio, issuer) == 1 && (n = BIO_get_mem_data(bio, &text)) > 0)
		buf_add(out, text, (size_t)n);
	BIO_free(bio);
	return n > 0 && !out->failed ? MUSTER_OK : err_nomem(err);
}

static int fill_list(X509_CRL *list, const struct crl_entry *entries, size_t n, X509 *issuer, int64_t now, int64_t life_s, struct muster_err *err)
{
	ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)now), *until = ASN1_TIME_set(NULL, (time_t)(now + life_s));
	size_t i;
	int r = MUSTER_OK;

	if (at == NULL || until == NULL || X509_CRL_set_version(list, X509_CRL_VERSION_2) != 1
	    || X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer)) != 1 || X509_CRL_set1_lastUpdate(list, at) != 1
	    || X509_CRL_set1_nextUpdate(list, until) != 1)
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot start a revocation list");
	for (i = 0; r == MUSTER_OK && i < n; i++)
		r = entries[i].serial_n > 0 && entries[i].serial_n <= CRL_SERIAL_MAX ? add_entry(list, &entries[i], err)
		    : err_set(err, MUSTER_E_INVALID, "a serial number has %zu bytes", entries[i].serial_n);
	ASN1_TIME_free(at);
	ASN1_TIME_free(until);
	return r;
}

int crl_make(struct buf *pem, const struct crl_entry *entries, size_t n, uint64_t number, X509 *issuer, EVP_PKEY *issuer_key, int64_t now, int64_t life_s,
             struct muster_err *err)
{
	X509_CRL *list = X509_CRL_new();
	int r;

	if (list == NULL)
		return err_nomem(err);
	if ((r = trust_check_ca(issuer, 0, "intermediate", err)) != MUSTER_OK)
		goto done;
	if (number == 0 || life_s <= 0) {
		r = err_set(err, MUSTER_E_INVALID, "a revocation list needs a number and a life");
		goto done;
	}
	if (X509_check_private_key(issuer, issuer_key) != 1) {
		r = trust_err(err, MUSTER_E_MISMATCH, "the issuing key does not belong to the intermediate certificate");
		goto done;
	}
	if ((r = fill_list(list, entries, n, issuer, now, life_s, err)) != MUSTER_OK || (r = add_extensions(list, number, issuer, err)) != MUSTER_OK)
		goto done;
	if (X509_CRL_sort(list) != 1 || X509_CRL_sign(list, issuer_key, trust_key_digest(issuer_key)) <= 0) {
		r = trust_err(err, MUSTER_E_INTERNAL, "cannot sign the revocation list");
		goto done;
	}
	r = write_pem(pem, list, issuer, err);
done:
	X509_CRL_free(list);
	return r;
}

/* ---- reading ---- */

/*
 * Exactly the text write_pem() makes, lines ended by LF or CR LF: PEM readers skip words before and between blocks, and a list that was
 * changed in any place shall be refused.
 */
static int check_text(struct muster_span pem, X509_CRL *list, X509 *issuer, char **text, struct muster_err *err)
{
	struct buf exact;
	size_t i, at = 0;
	int r;

	*text = NULL;
	buf_init(&exact, 2 * CRL_MAX);
	if ((r = write_pem(&exact, list, issuer, err)) != MUSTER_OK)
		goto done;
	for (i = 0; i < pem.n; i++) {
		if (pem.p[i] == '\r' && i + 1 < pem.n && pem.p[i + 1] == '\n')
			continue;
		if (at == exact.n || exact.p[at] != pem.p[i])
			break;
		at++;
	}
	if (i < pem.n || at < exact.n)
		r = err_set(err, MUSTER_E_INVALID, "the revocation list is not exactly two blocks of PEM, the list and the intermediate certificate that signed it");
	else if ((*text = buf_take(&exact)) == NULL)
		r = err_nomem(err);
done:
	buf_fini(&exact);
	return r;
}

static int read_blocks(X509_CRL **list, X509 **issuer, struct muster_span pem, struct muster_err *err)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	int r = MUSTER_OK;

	if (bio == NULL)
		return err_nomem(err);
	if ((*list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) == NULL)
		r = trust_err(err, MUSTER_E_INVALID, "the revocation list is not readable as PEM");
	else if ((*issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL)) == NULL)
		r = trust_err(err, MUSTER_E_INVALID, "the revocation list lacks the intermediate certificate that signed it, or that is damaged");
	BIO_free(bio);
	ERR_clear_error();
	return r;
}

/* Only extensions known here: another one might restrict what the list means. */
static int read_extensions(struct crl *c, X509_CRL *list, struct muster_err *err)
{
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
	bool ok = number != NULL && ASN1_INTEGER_get_uint64(&c->number, number) == 1 && c->number > 0;
	int i;

	ASN1_INTEGER_free(number);
	if (!ok)
		return trust_err(err, MUSTER_E_INVALID, "the revocation list has no number");
	for (i = 0; i < X509_CRL_get_ext_count(list); i++) {
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(X509_CRL_get_ext(list, i)));

		if (nid != NID_crl_number && nid != NID_authority_key_identifier)
			return err_set(err, MUSTER_E_INVALID, "the revocation list has an extension that is not known here");
	}
	return MUSTER_OK;
}

static int read_entry(struct crl_entry *e, const X509_REVOKED *row, struct muster_err *err)
{
	const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(row);
	int n = ASN1_STRING_length(serial), crit = -1;
	ASN1_ENUMERATED *why;
	long reason;

	if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || n < 1 || n > CRL_SERIAL_MAX)
		return err_set(err, MUSTER_E_INVALID, "the revocation list names a serial number that no certificate has");
	memcpy(e->serial, ASN1_STRING_get0_data(serial), (size_t)n);
	e->serial_n = (size_t)n;
	if (trust_time(&e->at, X509_REVOKED_get0_revocationDate(row)) != MUSTER_OK)
		return trust_err(err, MUSTER_E_INVALID, "the revocation list has an unreadable date");
	why = X509_REVOKED_get_ext_d2i(row, NID_crl_reason, &crit, NULL);
	reason = why != NULL ? ASN1_ENUMERATED_get(why) : CRL_UNSPECIFIED;
	ASN1_ENUMERATED_free(why);
	if ((why == NULL && crit != -1) || X509_REVOKED_get_ext_count(row) > (why != NULL ? 1 : 0))
		return trust_err(err, MUSTER_E_INVALID, "an entry of the revocation list has an extension that is not known here");
	e->reason = reason == CRL_KEY_COMPROMISE || reason == CRL_AFFILIATION || reason == CRL_SUPERSEDED || reason == CRL_CESSATION
	            ? (enum crl_reason)reason : CRL_UNSPECIFIED;
	return MUSTER_OK;
}

static int compare_serials(const uint8_t *a, size_t a_n, const uint8_t *b, size_t b_n)
{
	return a_n != b_n ? (a_n < b_n ? -1 : 1) : memcmp(a, b, a_n);
}

static int by_serial(const void *a, const void *b)
{
	const struct crl_entry *x = a, *y = b;

	return compare_serials(x->serial, x->serial_n, y->serial, y->serial_n);
}

static int read_entries(struct crl *c, X509_CRL *list, struct muster_err *err)
{
	STACK_OF(X509_REVOKED) *rows = X509_CRL_get_REVOKED(list);
	int n = rows != NULL ? sk_X509_REVOKED_num(rows) : 0, i, r;

	if (n <= 0)
		return MUSTER_OK;
	if ((c->entries = mem_array((size_t)n, sizeof(*c->entries))) == NULL)
		return err_nomem(err);
	for (i = 0; i < n; i++)
		if ((r = read_entry(&c->entries[i], sk_X509_REVOKED_value(rows, i), err)) != MUSTER_OK)
			return r;
	c->count = (size_t)n;
	qsort(c->entries, c->count, sizeof(*c->entries), by_serial);
	for (i = 1; i < n; i++)
		if (by_serial(&c->entries[i - 1], &c->entries[i]) == 0)
			return err_set(err, MUSTER_E_INVALID, "the revocation list names a certificate twice");
	return MUSTER_OK;
}

static int check_times(struct crl *c, const X509_CRL *list, int64_t now, struct muster_err *err)
{
	char text[TIME_RFC3339];

	if (trust_time(&c->at, X509_CRL_get0_lastUpdate(list)) != MUSTER_OK || trust_time(&c->until, X509_CRL_get0_nextUpdate(list)) != MUSTER_OK || c->until <= c->at)
		return trust_err(err, MUSTER_E_INVALID, "the revocation list's dates are unreadable");
	if (c->at > now + LEEWAY_S) {
		time_rfc3339(text, c->at * 1000);
		return err_set(err, MUSTER_E_NOT_YET, "the revocation list was made at %s, more than 4 hours from now; is this machine's clock right?", text);
	}
	return MUSTER_OK;
}

/* Signed by an intermediate of the pinned issuer, which was valid when the list was made. */
static int check_signer(const struct crl *c, X509_CRL *list, X509 *issuer, const struct trust_anchors *anchors, struct muster_err *err)
{
	const X509_ALGOR *outer = NULL;
	int nid, parameter = V_ASN1_UNDEF, r;

	if ((r = trust_anchors_verify(anchors, issuer, c->at, err)) != MUSTER_OK)
		return err_prefix(err, r, "the revocation list's signer");
	X509_CRL_get0_signature(list, NULL, &outer);
	X509_ALGOR_get0(NULL, &parameter, NULL, outer);   /* the outer copy is not signed: it has one form only */
	nid = X509_CRL_get_signature_nid(list);
	if (X509_CRL_get_version(list) != X509_CRL_VERSION_2 || (nid != NID_ecdsa_with_SHA256 && nid != NID_ED25519) || parameter != V_ASN1_UNDEF)
		return err_set(err, MUSTER_E_INVALID, "the revocation list is not of version 2, or not signed with ECDSA-SHA-256 or Ed25519");
	if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) != 0 || X509_CRL_verify(list, X509_get0_pubkey(issuer)) != 1)
		return trust_err(err, MUSTER_E_SIGNATURE, "the revocation list's signature does not verify under the intermediate certificate that came with it");
	return MUSTER_OK;
}

int crl_read(struct crl **out, struct muster_span pem, const struct trust_anchors *anchors, int64_t now, struct muster_err *err)
{
	struct crl *c = mem_alloc(sizeof(*c));
	X509_CRL *list = NULL;
	X509 *issuer = NULL;
	int r;

	*out = NULL;
	if (c == NULL)
		return err_nomem(err);
	atomic_init(&c->refs, 1);
	memcpy(c->issuer_id, trust_anchors_issuer_id(anchors), sizeof(c->issuer_id));
	if (pem.n > CRL_MAX) {
		r = err_set(err, MUSTER_E_LIMIT, "the revocation list has %zu bytes; at most %u are read", pem.n, CRL_MAX);
		goto done;
	}
	if ((r = read_blocks(&list, &issuer, pem, err)) != MUSTER_OK || (r = check_text(pem, list, issuer, &c->pem, err)) != MUSTER_OK
	    || (r = check_times(c, list, now, err)) != MUSTER_OK || (r = check_signer(c, list, issuer, anchors, err)) != MUSTER_OK
	    || (r = read_extensions(c, list, err)) != MUSTER_OK || (r = read_entries(c, list, err)) != MUSTER_OK)
		goto done;
	*out = c;
	c = NULL;
done:
	X509_CRL_free(list);
	X509_free(issuer);
	crl_unref(c);
	return r;
}

/* ---- asking ---- */

struct crl *crl_ref(struct crl *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void crl_unref(struct crl *c)
{
	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	mem_free(c->entries);
	mem_free(c->pem);
	mem_free(c);
}

uint64_t crl_number(const struct crl *c)
{
	return c->number;
}

const char *crl_pem(const struct crl *c)
{
	return c->pem;
}

const uint8_t *crl_issuer_id(const struct crl *c)
{
	return c->issuer_id;
}

const struct crl_entry *crl_entry_at(const struct crl *c, size_t i)
{
	return &c->entries[i];
}

size_t crl_count(const struct crl *c)
{
	return c->count;
}

int64_t crl_made(const struct crl *c)
{
	return c->at;
}

int64_t crl_next(const struct crl *c)
{
	return c->until;
}

bool crl_stale(const struct crl *c, int64_t now)
{
	return now > c->until;
}

bool crl_lists(const struct crl *c, const X509 *certificate, const struct crl_entry **entry)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	struct crl_entry want = { .serial_n = (size_t)ASN1_STRING_length(serial) };
	const struct crl_entry *found;

	if (entry != NULL)
		*entry = NULL;
	if (c->count == 0 || want.serial_n > CRL_SERIAL_MAX)
		return false;
	memcpy(want.serial, ASN1_STRING_get0_data(serial), want.serial_n);
	found = bsearch(&want, c->entries, c->count, sizeof(*c->entries), by_serial);
	if (found != NULL && entry != NULL)
		*entry = found;
	return found != NULL;
}

int crl_permits(const struct crl *c, const X509 *signer, int64_t signed_at, const char *who, struct muster_err *err)
{
	const struct crl_entry *e;
	char text[TIME_RFC3339];

	if (c == NULL || !crl_lists(c, signer, &e) || (!crl_ends_signed(e->reason) && signed_at < e->at))
		return MUSTER_OK;
	time_rfc3339(text, e->at * 1000);
	return err_set(err, MUSTER_E_REFUSED, "the certificate of %s was revoked at %s (%s; revocation list %" PRIu64 ")", who, text, crl_reason_word(e->reason), c->number);
}
