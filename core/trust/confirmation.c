/* A counted activation as the issuer states it. */
#include "core/trust/statement.h"

#include <string.h>
#include "core/trust/lease.h"
#include "core/trust/payload.h"
#include "core/trust/product_key.h"

#define WHERE "the confirmation"

json_t *confirmation_payload(const struct confirmation *c)
{
	const char kind[2] = { c->kind, '\0' };
	json_t *j = json_object(), *key = json_object();
	bool ok = j != NULL && payload_set(key, "kind", json_string(kind)) && payload_set(key, "number", json_integer(c->number))
	          && payload_set_text(key, "partial", c->partial);

	/* whatever happens, j adopts key */
	ok = payload_set(j, "key", key) && ok && payload_set(j, "ver", json_integer(1)) && payload_set_urn(j, "jti", c->id)
	     && payload_set_bytes(j, "binding", c->binding, sizeof(c->binding)) && payload_set_products(j, c->products, c->product_count)
	     && payload_set_coverage(j, c->coverage_start, c->coverage_end);
	if (!ok) {
		json_decref(j);
		j = NULL;
	}
	return j;
}

/* Symbols 20–24 of a key: of its alphabet, exactly five. */
static bool is_partial(const char *text, size_t n)
{
	return n == PRODUCT_KEY_PARTIAL - 1 && strspn(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == n;
}

static int read_key(struct confirmation *c, const json_t *j, struct muster_err *err)
{
	const json_t *key, *kind, *partial;
	int64_t number;
	int r;

	if ((r = payload_object(&key, j, "key", WHERE, err)) != MUSTER_OK || (r = payload_only(key, WHERE "'s key", "kind number partial", err)) != MUSTER_OK
	    || (r = payload_int(&number, key, "number", 0, PRODUCT_KEY_NUMBER_MAX, WHERE, err)) != MUSTER_OK)
		return r;
	c->number = (uint32_t)number;
	kind = json_object_get(key, "kind");
	if (json_string_length(kind) != 1 || (json_string_value(kind)[0] != PRODUCT_KEY_MAK && json_string_value(kind)[0] != PRODUCT_KEY_ESU))
		return err_set(err, MUSTER_E_INVALID, WHERE " is for a key that is not counted");
	c->kind = json_string_value(kind)[0];
	partial = json_object_get(key, "partial");
	if (!json_is_string(partial) || !is_partial(json_string_value(partial), json_string_length(partial)))
		return payload_bad(WHERE, "partial", err);
	memcpy(c->partial, json_string_value(partial), PRODUCT_KEY_PARTIAL);
	return MUSTER_OK;
}

static int read_payload(struct confirmation *c, const json_t *j, struct muster_err *err)
{
	int r;

	if ((r = payload_version(j, WHERE, err)) != MUSTER_OK || (r = payload_only(j, WHERE, PAYLOAD_COMMON "key binding products coverage", err)) != MUSTER_OK
	    || (r = payload_urn(c->issuer_id, j, "iss", WHERE, err)) != MUSTER_OK || (r = payload_urn(c->id, j, "jti", WHERE, err)) != MUSTER_OK
	    || (r = payload_int(&c->iat, j, "iat", 0, TIME_MAX_S, WHERE, err)) != MUSTER_OK || (r = read_key(c, j, err)) != MUSTER_OK
	    || (r = payload_bytes(c->binding, sizeof(c->binding), j, "binding", WHERE, err)) != MUSTER_OK
	    || (r = payload_products(c->products, &c->product_count, TRUST_PRODUCTS_MAX, j, WHERE, err)) != MUSTER_OK)
		return r;
	return payload_coverage(&c->coverage_start, &c->coverage_end, j, WHERE, err);
}

int confirmation_read(struct confirmation *out, struct muster_span token, const struct trust_anchors *anchors, const struct crl *crl, int64_t now, struct muster_err *err)
{
	struct confirmation c;
	json_t *payload;
	int r;

	memset(out, 0, sizeof(*out));
	memset(&c, 0, sizeof(c));
	if ((r = statement_verify(&payload, token, STATEMENT_CONFIRMATION_MAX, TRUST_TYP_CONFIRMATION, anchors, crl, now, err)) != MUSTER_OK)
		return r;
	if ((r = read_payload(&c, payload, err)) == MUSTER_OK)
		*out = c;
	json_decref(payload);
	return r;
}
