/* Announcements of roots: how a new root reaches hosts and machines that pin an older one. */
#include "core/trust/statement.h"

#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/base/uuid.h"
#include "core/trust/openssl.h"
#include "core/trust/payload.h"

#define WHERE "the announcement of roots"

int roots_payload(json_t **out, const uint8_t id[16], struct muster_span pem, struct muster_err *err)
{
	struct trust_anchors *anchors;
	json_t *j = json_object();
	int r = trust_anchors_read(&anchors, pem, err);

	*out = NULL;
	if (r == MUSTER_OK && (j == NULL || !payload_set(j, "ver", json_integer(1)) || !payload_set_urn(j, "jti", id)
	                       || !payload_set(j, "roots", json_stringn((const char *)pem.p, pem.n))))
		r = err_nomem(err);
	if (r == MUSTER_OK) {
		*out = j;
		j = NULL;
	}
	json_decref(j);
	trust_anchors_free(anchors);
	return r;
}

static bool has_root(const struct trust_anchors *a, const X509 *root)
{
	size_t i;

	for (i = 0; i < trust_anchors_count(a); i++)
		if (X509_cmp(trust_anchors_root(a, i), root) == 0)
			return true;
	return false;
}

static bool write_root(BIO *bio, X509 *root)
{
	return PEM_write_bio_X509(bio, root) == 1;
}

/* Pinned roots, then the new ones. */
static int merge(struct buf *pem, size_t *added, const struct trust_anchors *pinned, const struct trust_anchors *told, struct muster_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	size_t i, n = 0;
	char *text = NULL;
	long length;
	bool ok = bio != NULL;

	for (i = 0; ok && i < trust_anchors_count(pinned); i++)
		ok = write_root(bio, trust_anchors_root(pinned, i));
	for (i = 0; ok && i < trust_anchors_count(told); i++)
		if (!has_root(pinned, trust_anchors_root(told, i))) {
			ok = write_root(bio, trust_anchors_root(told, i));
			n++;
		}
	if (ok && (length = BIO_get_mem_data(bio, &text)) > 0)
		buf_add(pem, text, (size_t)length);
	BIO_free(bio);
	if (!ok || pem->failed)
		return err_nomem(err);
	if (trust_anchors_count(pinned) + n > TRUST_ROOTS_MAX)
		return err_set(err, MUSTER_E_LIMIT, "with %zu new roots there would be more than %d: take those out of the issuer's root file that have ended", n, TRUST_ROOTS_MAX);
	*added = n;
	return MUSTER_OK;
}

static int read_payload(struct trust_anchors **out, const json_t *j, const struct trust_anchors *pinned, struct muster_err *err)
{
	const json_t *roots = json_object_get(j, "roots");
	uint8_t id[16];
	int r;

	*out = NULL;
	if ((r = payload_version(j, WHERE, err)) != MUSTER_OK || (r = payload_only(j, WHERE, PAYLOAD_COMMON "roots", err)) != MUSTER_OK
	    || (r = payload_urn(id, j, "jti", WHERE, err)) != MUSTER_OK)
		return r;
	if (!json_is_string(roots))
		return payload_bad(WHERE, "roots", err);
	if ((r = trust_anchors_read(out, span_of(json_string_value(roots), json_string_length(roots)), err)) != MUSTER_OK)
		return err_prefix(err, r, WHERE);
	if (!uuid_equal(trust_anchors_issuer_id(*out), trust_anchors_issuer_id(pinned)))
		return err_set(err, MUSTER_E_MISMATCH, WHERE " names a root of another issuer");
	return MUSTER_OK;
}

int roots_read(struct buf *pem, size_t *added, struct muster_span token, const struct trust_anchors *pinned, const struct crl *crl, int64_t now, struct muster_err *err)
{
	struct trust_anchors *told = NULL;
	json_t *payload;
	int r;

	*added = 0;
	if ((r = statement_verify(&payload, token, STATEMENT_ROOTS_MAX, TRUST_TYP_ROOTS, pinned, crl, now, err)) != MUSTER_OK)
		return r;
	if ((r = read_payload(&told, payload, pinned, err)) == MUSTER_OK)
		r = merge(pem, added, pinned, told, err);
	trust_anchors_free(told);
	json_decref(payload);
	return r;
}
