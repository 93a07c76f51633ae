#include "core/trust/token.h"

#include <string.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/trust/jws.h"
#include "core/trust/token_sign.h"

#define HEADER_MAX 512          /* characters of the first part; alg, typ and kid need 150 */

/* What a host certificate may sign. Statements (packs, confirmations, roots) carry x5c and another role; they are no lease's business. */
static const char *const host_types[] = { TRUST_TYP_LEASE, TRUST_TYP_STATE };

struct trust_signer {
	struct jws_key key;
	struct trust_chain *chain;
	struct buf lease_header;    /* as jws_add_header() makes it */
};

static bool known_type(const char *typ)
{
	size_t i;

	for (i = 0; i < sizeof(host_types) / sizeof(host_types[0]); i++)
		if (strcmp(typ, host_types[i]) == 0)
			return true;
	return false;
}

static void make_header(struct buf *out, const struct trust_signer *s, const char *typ)
{
	char json[256];
	int n = snprintf(json, sizeof(json), "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}", jws_alg((int)s->key.alg), typ, trust_chain_kid(s->chain));

	MUSTER_ASSERT(n > 0 && (size_t)n < sizeof(json));
	buf_init(out, HEADER_MAX);
	jws_add_header(out, span_of(json, (size_t)n));
}

int trust_signer_new(struct trust_signer **out, EVP_PKEY *key, struct trust_chain *chain, struct muster_err *err)
{
	struct trust_signer *s = mem_alloc(sizeof(*s));
	int r;

	*out = NULL;
	if (s == NULL)
		return err_nomem(err);
	buf_init(&s->lease_header, HEADER_MAX);
	if ((r = jws_key_init(&s->key, key, trust_chain_signer(chain), err)) != MUSTER_OK || (r = trust_chain_role(chain, TRUST_ROLE_LEASE, err)) != MUSTER_OK)
		goto done;
	s->chain = trust_chain_ref(chain);
	make_header(&s->lease_header, s, TRUST_TYP_LEASE);
	if (s->lease_header.failed) {
		r = err_nomem(err);
		goto done;
	}
	*out = s;
	s = NULL;
done:
	trust_signer_free(s);
	return r;
}

void trust_signer_free(struct trust_signer *s)
{
	if (s == NULL)
		return;
	jws_key_fini(&s->key);
	buf_fini(&s->lease_header);
	trust_chain_unref(s->chain);
	mem_free(s);
}

int trust_lease_sign_payload(struct buf *out, const struct trust_signer *s, struct muster_span payload, struct muster_err *err)
{
	return jws_sign(out, &s->key, span_of(s->lease_header.p, s->lease_header.n), payload, err);
}

int trust_token_sign(struct buf *out, const struct trust_signer *s, const char *typ, struct muster_span payload, struct muster_err *err)
{
	struct buf header;
	int r;

	if (!known_type(typ))
		return err_set(err, MUSTER_E_UNSUPPORTED, "a host certificate does not sign \"%s\"", typ);
	make_header(&header, s, typ);
	r = header.failed ? err_nomem(err) : jws_sign(out, &s->key, span_of(header.p, header.n), payload, err);
	buf_fini(&header);
	return r;
}

/* Exactly alg, typ and kid, all strings. */
static int read_header(json_t **out, const struct jws_parts *p, struct muster_err *err)
{
	json_t *j;
	int r;

	*out = NULL;
	if (p->header.n > HEADER_MAX)
		return err_set(err, MUSTER_E_INVALID, "the token's header is too long");
	if ((r = jws_object(&j, p, p->header, "header", err)) != MUSTER_OK)
		return r;
	if (json_object_size(j) != 3 || !json_is_string(json_object_get(j, "alg")) || !json_is_string(json_object_get(j, "typ"))
	    || !json_is_string(json_object_get(j, "kid"))) {
		json_decref(j);
		return err_set(err, MUSTER_E_INVALID, "the token's header is not exactly alg, typ and kid");
	}
	*out = j;
	return MUSTER_OK;
}

int trust_token_kid(char kid[TRUST_KID], struct muster_span token, struct muster_err *err)
{
	uint8_t digest[32];
	struct jws_parts p = { 0 };
	json_t *j, *k;
	size_t n = 0;
	int r;

	memset(kid, 0, TRUST_KID);
	if ((r = jws_split(&p, token, TRUST_PACK_MAX, "token", err)) != MUSTER_OK || (r = read_header(&j, &p, err)) != MUSTER_OK)
		return r;
	k = json_object_get(j, "kid");
	if (json_string_length(k) != TRUST_KID - 1 || b64_decode(digest, sizeof(digest), &n, json_string_value(k), TRUST_KID - 1) != MUSTER_OK)
		r = err_set(err, MUSTER_E_INVALID, "the token's kid is not the base64url of 32 bytes");
	else
		memcpy(kid, json_string_value(k), TRUST_KID);
	json_decref(j);
	return r;
}

int trust_token_verify(json_t **payload, struct muster_span token, size_t max, const char *typ, const struct trust_chain *chain, struct muster_err *err)
{
	EVP_PKEY *key = X509_get0_pubkey(trust_chain_signer(chain));
	int alg = trust_key_algorithm(key), r;
	struct jws_parts p = { 0 };
	json_t *header = NULL;

	*payload = NULL;
	if (!known_type(typ))
		return err_set(err, MUSTER_E_UNSUPPORTED, "a host certificate does not sign \"%s\"", typ);
	if (alg < 0)
		return err_set(err, MUSTER_E_INVALID, "the signer's key is neither P-256 nor Ed25519");
	if ((r = trust_chain_role(chain, TRUST_ROLE_LEASE, err)) != MUSTER_OK)
		return r;
	if ((r = jws_split(&p, token, max, "token", err)) != MUSTER_OK || (r = read_header(&header, &p, err)) != MUSTER_OK)
		return r;
	if (!jws_member_is(header, "typ", typ))
		r = err_set(err, MUSTER_E_INVALID, "the token is not of the type \"%s\"", typ);
	else if (!jws_member_is(header, "alg", jws_alg(alg)))
		r = err_set(err, MUSTER_E_INVALID, "the token's algorithm is not that of the signer's key, %s", jws_alg(alg));
	else if (!jws_member_is(header, "kid", trust_chain_kid(chain)))
		r = err_set(err, MUSTER_E_MISMATCH, "the token was signed under another certificate (kid) than the one given");
	else if ((r = jws_check(&p, key, err)) == MUSTER_OK)
		r = jws_object(payload, &p, p.payload, "payload", err);
	json_decref(header);
	return r;
}
