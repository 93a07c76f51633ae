/* Statements of an issuer: signing and verifying. What is in them: confirmation.c, pack.c, roots.c. */
#include "core/trust/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/trust/jws.h"
#include "core/trust/lease.h"
#include "core/trust/openssl.h"

#define HEADER_MAX 32768        /* characters of the first part: a usual one has 2200 */
#define X5C_CERTS 2             /* signer and intermediate, no root */
#define CERT_MAX 8192

/* What an issuer signs, and its name in sentences. */
static const struct kind { const char *typ, *name; } kinds[] = {
	{ TRUST_TYP_PACK, "licence pack" }, { TRUST_TYP_CONFIRMATION, "confirmation" }, { TRUST_TYP_ROOTS, "announcement of roots" },
};

struct statement_signer {
	struct jws_key key;
	struct trust_chain *chain;
	char *x5c;                  /* JSON array */
};

static const struct kind *kind_of(const char *typ)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].typ, typ) == 0)
			return &kinds[i];
	return NULL;
}

/* ---- signing ---- */

/* x5c has plain base64 with padding (RFC 7515 section 4.1.6), unlike everything else in a token. */
static void add_x5c(struct buf *out, X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	char *text = n > 0 ? mem_alloc((size_t)n / 3 * 4 + 5) : NULL;

	if (text == NULL)
		out->failed = true;
	else
		buf_add(out, text, (size_t)EVP_EncodeBlock((unsigned char *)text, der, n));
	mem_free(text);
	OPENSSL_free(der);
}

int statement_signer_new(struct statement_signer **out, EVP_PKEY *key, struct trust_chain *chain, struct muster_err *err)
{
	struct statement_signer *s = mem_alloc(sizeof(*s));
	struct buf x5c;
	int r;

	*out = NULL;
	if (s == NULL)
		return err_nomem(err);
	buf_init(&x5c, HEADER_MAX);
	if ((r = jws_key_init(&s->key, key, trust_chain_signer(chain), err)) != MUSTER_OK || (r = trust_chain_role(chain, TRUST_ROLE_STATEMENT, err)) != MUSTER_OK)
		goto done;
	s->chain = trust_chain_ref(chain);
	buf_adds(&x5c, "[\"");
	add_x5c(&x5c, trust_chain_signer(chain));
	buf_adds(&x5c, "\",\"");
	add_x5c(&x5c, trust_chain_intermediate(chain));
	buf_adds(&x5c, "\"]");
	if ((s->x5c = buf_take(&x5c)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	*out = s;
	s = NULL;
done:
	buf_fini(&x5c);
	statement_signer_free(s);
	return r;
}

void statement_signer_free(struct statement_signer *s)
{
	if (s == NULL)
		return;
	jws_key_fini(&s->key);
	trust_chain_unref(s->chain);
	mem_free(s->x5c);
	mem_free(s);
}

static void make_header(struct buf *out, const struct statement_signer *s, const char *typ)
{
	struct buf json;

	buf_init(&json, HEADER_MAX);
	buf_addf(&json, "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\",\"x5c\":%s}", jws_alg((int)s->key.alg), typ, trust_chain_kid(s->chain), s->x5c);
	if (json.failed)
		out->failed = true;
	else
		jws_add_header(out, span_of(json.p, json.n));
	buf_fini(&json);
}

/* The payload's text, with what every statement says. */
static char *payload_text(const char *typ, const uint8_t issuer_id[16], int64_t iat, const json_t *payload)
{
	char urn[sizeof(UUID_URN) + UUID_TEXT] = UUID_URN, *text = NULL;
	json_t *j = json_object();

	uuid_format(urn + sizeof(UUID_URN) - 1, issuer_id);
	if (j != NULL && json_object_update(j, (json_t *)(uintptr_t)payload) == 0 && json_object_set_new(j, "iss", json_string(urn)) == 0
	    && json_object_set_new(j, "aud", json_string(typ)) == 0 && json_object_set_new(j, "iat", json_integer(iat)) == 0
	    && json_object_set_new(j, "nbf", json_integer(iat)) == 0)
		text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return text;
}

int statement_sign(struct buf *out, const struct statement_signer *s, const char *typ, const uint8_t issuer_id[16], int64_t iat, const json_t *payload,
                   struct muster_err *err)
{
	struct buf header;
	char *text;
	int r;

	if (kind_of(typ) == NULL)
		return err_set(err, MUSTER_E_UNSUPPORTED, "an issuer's statement certificate does not sign \"%s\"", typ);
	if (iat < 0 || iat > TIME_MAX_S)
		return err_set(err, MUSTER_E_INVALID, "a statement's time is out of range");
	buf_init(&header, 2 * HEADER_MAX);
	make_header(&header, s, typ);
	text = payload_text(typ, issuer_id, iat, payload);
	r = text == NULL || header.failed ? err_nomem(err) : jws_sign(out, &s->key, span_of(header.p, header.n), span_str(text), err);
	free(text);
	buf_fini(&header);
	return r;
}

/* ---- verifying ---- */

/* What is known of a statement while it is checked. */
struct check {
	const struct kind *kind;
	const struct trust_anchors *anchors;
	int64_t now, iat;
	struct jws_parts parts;
	json_t *header, *payload;
	struct trust_chain *chain;
};

static int bad_header(const struct check *c, struct muster_err *err)
{
	return err_set(err, MUSTER_E_INVALID, "the %s's header is not exactly alg, typ, kid and x5c", c->kind->name);
}

static int read_header(struct check *c, struct muster_err *err)
{
	const json_t *typ;
	int r;

	if (c->parts.header.n > HEADER_MAX)
		return err_set(err, MUSTER_E_INVALID, "the %s's header is too long", c->kind->name);
	if ((r = jws_object(&c->header, &c->parts, c->parts.header, "header", err)) != MUSTER_OK)
		return r;
	typ = json_object_get(c->header, "typ");
	if (json_object_size(c->header) != 4 || !json_is_string(json_object_get(c->header, "alg")) || !json_is_string(typ)
	    || !json_is_string(json_object_get(c->header, "kid")) || !json_is_array(json_object_get(c->header, "x5c")))
		/* A lease has no x5c; somebody who gives one as a pack should read that, not this. */
		if (!json_is_string(typ) || strcmp(json_string_value(typ), c->kind->typ) == 0)
			return bad_header(c, err);
	if (!jws_member_is(c->header, "typ", c->kind->typ))
		return err_set(err, MUSTER_E_MISMATCH, "this is no %s: its type is \"%.60s\", not \"%s\"", c->kind->name, json_string_value(typ), c->kind->typ);
	return MUSTER_OK;
}

/* Plain base64 of one certificate, in its one form. */
static int decode_cert(uint8_t *der, size_t *n, const json_t *text)
{
	size_t length = json_string_length(text), pad;
	uint8_t again[CERT_MAX / 3 * 4 + 8];
	const char *t = json_string_value(text);
	int m;

	if (t == NULL || length == 0 || length % 4 != 0 || length > CERT_MAX / 3 * 4)
		return MUSTER_E_INVALID;
	pad = t[length - 1] != '=' ? 0 : t[length - 2] != '=' ? 1 : 2;
	if ((m = EVP_DecodeBlock(der, (const unsigned char *)t, (int)length)) < (int)pad)
		return MUSTER_E_INVALID;
	*n = (size_t)m - pad;
	return EVP_EncodeBlock(again, der, (int)*n) == (int)length && memcmp(again, t, length) == 0 ? MUSTER_OK : MUSTER_E_INVALID;
}

static int read_x5c(struct check *c, struct muster_err *err)
{
	const json_t *x5c = json_object_get(c->header, "x5c");
	uint8_t der[X5C_CERTS][CERT_MAX];
	struct muster_span certs[X5C_CERTS];
	size_t i;
	int r;

	if (json_array_size(x5c) != X5C_CERTS)
		return err_set(err, MUSTER_E_INVALID, "the %s's x5c has %zu certificates: it must be the signer and the intermediate, without a root", c->kind->name,
		               json_array_size(x5c));
	for (i = 0; i < X5C_CERTS; i++) {
		certs[i].p = der[i];
		if (decode_cert(der[i], &certs[i].n, json_array_get(x5c, i)) != MUSTER_OK)
			return err_set(err, MUSTER_E_INVALID, "the %s's x5c: certificate %zu is not strict base64", c->kind->name, i + 1);
	}
	if ((r = trust_chain_read_der(&c->chain, certs, err)) != MUSTER_OK)
		return err_prefix(err, r, "the %s's x5c", c->kind->name);
	if (X509_NAME_cmp(X509_get_subject_name(trust_chain_intermediate(c->chain)), X509_get_issuer_name(trust_chain_intermediate(c->chain))) == 0)
		return err_set(err, MUSTER_E_INVALID, "the %s's x5c holds a root: roots are pinned, never taken from what they should prove", c->kind->name);
	if (!jws_member_is(c->header, "kid", trust_chain_kid(c->chain)))
		return err_set(err, MUSTER_E_INVALID, "the %s's kid is not that of the signer in its x5c", c->kind->name);
	return MUSTER_OK;
}

static int check_role(const struct check *c, struct muster_err *err)
{
	int alg = trust_key_algorithm(X509_get0_pubkey(trust_chain_signer(c->chain)));

	if (alg < 0)
		return trust_err(err, MUSTER_E_INVALID, "the %s's signer has a key that is neither P-256 nor Ed25519", c->kind->name);
	if (trust_chain_role(c->chain, TRUST_ROLE_LEASE, NULL) == MUSTER_OK)
		return err_set(err, MUSTER_E_MISMATCH, "a host certificate cannot sign %s %s", strchr("aeiou", c->kind->name[0]) != NULL ? "an" : "a", c->kind->name);
	if (trust_chain_role(c->chain, TRUST_ROLE_STATEMENT, err) != MUSTER_OK)
		return err_prefix(err, MUSTER_E_MISMATCH, "the %s", c->kind->name);
	if (!jws_member_is(c->header, "alg", jws_alg(alg)))
		return err_set(err, MUSTER_E_INVALID, "the %s's algorithm is not that of the signer's key, %s", c->kind->name, jws_alg(alg));
	return MUSTER_OK;
}

static int get_time(int64_t *out, const struct check *c, const char *name, struct muster_err *err)
{
	const json_t *m = json_object_get(c->payload, name);

	*out = json_integer_value(m);
	if (!json_is_integer(m) || *out < 0 || *out > TIME_MAX_S)
		return err_set(err, MUSTER_E_INVALID, "the %s's \"%s\" is missing or malformed", c->kind->name, name);
	return MUSTER_OK;
}

/* Up to a pinned root as it was at the statement's own time; only a right signature makes that time worth anything. */
static int check_chain(struct check *c, struct muster_err *err)
{
	int r;

	if ((r = jws_object(&c->payload, &c->parts, c->parts.payload, "payload", err)) != MUSTER_OK || (r = get_time(&c->iat, c, "iat", err)) != MUSTER_OK)
		return r;
	if ((r = trust_chain_verify(c->chain, c->anchors, TRUST_ROLE_STATEMENT, c->iat, err)) != MUSTER_OK)
		return err_prefix(err, r, "the %s", c->kind->name);
	return jws_check(&c->parts, X509_get0_pubkey(trust_chain_signer(c->chain)), err);
}

static int check_claims(struct check *c, struct muster_err *err)
{
	const json_t *iss = json_object_get(c->payload, "iss");
	uint8_t id[16];
	char text[TIME_RFC3339];
	int64_t nbf, exp;
	int r;

	if (!json_is_string(iss) || uuid_parse_urn(id, json_string_value(iss), json_string_length(iss)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "the %s's \"iss\" is missing or malformed", c->kind->name);
	if (!uuid_equal(id, trust_anchors_issuer_id(c->anchors)))
		return err_set(err, MUSTER_E_SIGNATURE, "the %s names another issuer than the pinned one", c->kind->name);
	if (!jws_member_is(c->payload, "aud", c->kind->typ))
		return err_set(err, MUSTER_E_MISMATCH, "the %s's \"aud\" is not \"%s\"", c->kind->name, c->kind->typ);
	if ((r = get_time(&nbf, c, "nbf", err)) != MUSTER_OK)
		return r;
	if (nbf != c->iat)
		return err_set(err, MUSTER_E_INVALID, "the %s's nbf differs from its iat", c->kind->name);
	if (c->iat > c->now + TRUST_LEEWAY_S) {
		time_rfc3339(text, c->iat * 1000);
		return err_set(err, MUSTER_E_NOT_YET, "the %s was made at %s, more than 4 hours from now; is this machine's clock right?", c->kind->name, text);
	}
	if (json_object_get(c->payload, "exp") != NULL) {
		if ((r = get_time(&exp, c, "exp", err)) != MUSTER_OK)
			return r;
		if (exp <= c->now) {
			time_rfc3339(text, exp * 1000);
			return err_set(err, MUSTER_E_EXPIRED, "the %s ended at %s", c->kind->name, text);
		}
	}
	return MUSTER_OK;
}

int statement_verify(json_t **payload, struct muster_span token, size_t max, const char *typ, const struct trust_anchors *anchors, const struct crl *crl, int64_t now,
                     struct muster_err *err)
{
	struct check c = { .kind = kind_of(typ), .anchors = anchors, .now = now };
	char who[96];
	int r;

	*payload = NULL;
	if (c.kind == NULL)
		return err_set(err, MUSTER_E_UNSUPPORTED, "an issuer's statement certificate does not sign \"%s\"", typ);
	(void)snprintf(who, sizeof(who), "the issuer that signed this %s", c.kind->name);
	if ((r = jws_split(&c.parts, token, max, c.kind->name, err)) != MUSTER_OK || (r = read_header(&c, err)) != MUSTER_OK || (r = read_x5c(&c, err)) != MUSTER_OK
	    || (r = check_role(&c, err)) != MUSTER_OK || (r = check_chain(&c, err)) != MUSTER_OK || (r = check_claims(&c, err)) != MUSTER_OK
	    || (r = crl_permits(crl, trust_chain_signer(c.chain), c.iat, who, err)) != MUSTER_OK)
		goto done;
	*payload = c.payload;
	c.payload = NULL;
done:
	json_decref(c.header);
	json_decref(c.payload);
	trust_chain_unref(c.chain);
	return r;
}

int statement_chain(struct trust_chain **out, struct muster_span token, size_t max, const char *typ, struct muster_err *err)
{
	struct check c = { .kind = kind_of(typ) };
	int r;

	*out = NULL;
	if (c.kind == NULL)
		return err_set(err, MUSTER_E_UNSUPPORTED, "an issuer's statement certificate does not sign \"%s\"", typ);
	if ((r = jws_split(&c.parts, token, max, c.kind->name, err)) == MUSTER_OK && (r = read_header(&c, err)) == MUSTER_OK && (r = read_x5c(&c, err)) == MUSTER_OK)
		*out = trust_chain_ref(c.chain);
	json_decref(c.header);
	trust_chain_unref(c.chain);
	return r;
}
