/*
 * Moving to another host: what a state file is signed with, whose signature counts, the former host's chains, and keys under a passphrase (trust.md section 11).
 *
 * The manifest is signed by the host's own key, for the type muster-state+jwt, and its chain comes beside it, so that whoever has the issuer's root can tell. Those
 * chains are public (GET /v1/certificates) and sign nothing without their keys; the host that takes over keeps them to recognise the leases that were signed under them.
 */
#include "core/activation/internal.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define CHAINS_MAX 64                  /* of one file: the signer's, and those under which leases may live */
#define CERTIFICATE_MAX 8192
#define MANIFEST_MAX (64u << 10)

#define refuse(err, ...) err_code(err, MUSTER_E_INVALID, CODE_M_STATE_FILE, __VA_ARGS__)

/* ---- signing ---- */

static json_t *certificate_json(X509 *x)
{
	char text[B64_SIZE(CERTIFICATE_MAX)];
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	json_t *out = NULL;

	if (n > 0 && n <= CERTIFICATE_MAX) {
		(void)b64_encode(text, der, (size_t)n);
		out = json_string(text);
	}
	OPENSSL_free(der);
	return out;
}

static json_t *chain_json(const struct trust_chain *c)
{
	return json_pack("[o, o]", certificate_json(trust_chain_signer(c)), certificate_json(trust_chain_intermediate(c)));
}

/* SHA-256 of the list as it is written: which chains came with the file is signed, too. "" when memory is exhausted. */
static void chains_hash(char out[HEX_SIZE(32)], const json_t *chains)
{
	char *text = json_dumps(chains, JSON_COMPACT);
	unsigned char digest[32];

	out[0] = '\0';
	if (text != NULL && EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) == 1)
		hex_encode(out, digest, sizeof digest);
	free(text);   /* jansson's own allocator */
}

/* The longest living one with which this host may sign now. */
static const struct ring_chain *signing_chain(const struct trust_view *view, int64_t now)
{
	const struct ring_chain *chains;
	size_t n;

	chains = ring_chains(view, &n);
	for (size_t i = 0; i < n; i++)
		if (chains[i].signer != NULL && chains[i].revoked == NULL && chains[i].end > now && chains[i].begin <= now)
			return &chains[i];
	return NULL;
}

static int sign(struct buf *out, const struct ring_chain *by, json_t *claims, struct muster_err *err)
{
	char issuer[sizeof UUID_URN + UUID_TEXT], id[UUID_TEXT], *text;
	int r;

	uuid_format(id, by->issuer_id);
	(void)snprintf(issuer, sizeof issuer, UUID_URN "%s", id);
	if (json_object_set_new(claims, "iss", json_string(issuer)) != 0 || json_object_set_new(claims, "aud", json_string(TRUST_TYP_STATE)) != 0 ||
	    (text = json_dumps(claims, JSON_COMPACT)) == NULL)
		return err_nomem(err);
	r = trust_token_sign(out, by->signer, TRUST_TYP_STATE, span_str(text), err);
	free(text);
	return r;
}

int activation_state_sign(struct activation *a, json_t *claims, json_t **out, struct muster_err *err)
{
	struct trust_view *view = ring_view(a->ring);
	int64_t now = activation_now(a);
	const struct ring_chain *by = signing_chain(view, now), *chains;
	json_t *all = json_array();
	char hash[HEX_SIZE(32)];
	struct buf token;
	size_t n;
	int r;

	*out = NULL;
	buf_init(&token, MANIFEST_MAX);
	if (by == NULL) {
		r = err_set(err, MUSTER_E_NOT_FOUND, "this host has no certificate to sign with: it is not activated");
		goto done;
	}
	(void)json_array_append_new(all, chain_json(by->chain));
	chains = ring_chains(view, &n);
	for (size_t i = 0; i < n && json_array_size(all) < CHAINS_MAX; i++)
		if (&chains[i] != by && chains[i].end > now)
			(void)json_array_append_new(all, chain_json(chains[i].chain));
	chains_hash(hash, all);
	if (hash[0] == '\0' || json_object_set_new(claims, "chains", json_string(hash)) != 0)
		r = err_nomem(err);
	else
		r = sign(&token, by, claims, err);
	if (r != MUSTER_OK)
		goto done;
	*out = json_pack("{s:s, s:O}", "manifest", buf_str(&token), "chains", all);
	r = *out != NULL ? MUSTER_OK : err_nomem(err);
done:
	json_decref(all);
	buf_fini(&token);
	ring_view_unref(view);
	return r;
}

/* ---- verifying ---- */

static int certificate_of(uint8_t der[CERTIFICATE_MAX], size_t *n, const json_t *text)
{
	return json_is_string(text) ? b64_decode(der, CERTIFICATE_MAX, n, json_string_value(text), json_string_length(text)) : MUSTER_E_INVALID;
}

static int chain_of(struct trust_chain **out, const json_t *pair, struct muster_err *err)
{
	uint8_t *der = mem_alloc((size_t)2 * CERTIFICATE_MAX);
	struct muster_span spans[2];
	size_t n[2] = { 0, 0 };
	int r;

	*out = NULL;
	if (der == NULL)
		return err_nomem(err);
	if (json_array_size(pair) != 2 || certificate_of(der, &n[0], json_array_get(pair, 0)) != MUSTER_OK ||
	    certificate_of(der + CERTIFICATE_MAX, &n[1], json_array_get(pair, 1)) != MUSTER_OK) {
		r = refuse(err, "the certificates beside the manifest are malformed");
	} else {
		spans[0] = span_of(der, n[0]);
		spans[1] = span_of(der + CERTIFICATE_MAX, n[1]);
		r = trust_chain_read_der(out, spans, err);
	}
	mem_free(der);
	return r;
}

static int64_t time_of(const json_t *claims)
{
	return json_integer_value(json_object_get(claims, "iat"));
}

/* Under one of the pinned issuers, as of when it was signed, and not revoked so that what was signed before is void. */
static int chain_counts(struct activation *a, const struct trust_view *view, const struct trust_chain *chain, const json_t *claims, const char **issuer, struct muster_err *err)
{
	const char *iss = json_string_value(json_object_get(claims, "iss"));
	struct muster_err why = { 0 };
	uint8_t id[16];
	int r;

	if (iss == NULL || uuid_parse_urn(id, iss, strlen(iss)) != MUSTER_OK)
		return refuse(err, "the manifest does not say under which issuer it was signed");
	for (size_t i = 0; i < a->issuer_count; i++) {
		const struct trust_anchors *anchors = ring_anchors(view, a->issuers[i].name);

		if (anchors == NULL || !uuid_equal(trust_anchors_issuer_id(anchors), id))
			continue;
		if ((r = trust_chain_verify(chain, anchors, TRUST_ROLE_LEASE, time_of(claims), &why)) != MUSTER_OK ||
		    (r = crl_permits(ring_crl(view, a->issuers[i].name), trust_chain_signer(chain), time_of(claims), "the host that wrote the file", &why)) != MUSTER_OK)
			return r == MUSTER_E_NOMEM ? err_nomem(err) : refuse(err, "the file was not signed by a host of the issuer %s: %s", a->issuers[i].name, why.message);
		*issuer = a->issuers[i].name;
		return MUSTER_OK;
	}
	return refuse(err, "the file was signed by a host of an issuer that this host does not know (%s): its root is not among the configured ones", iss);
}

int activation_state_verify(struct activation *a, const json_t *end, json_t **claims, char *issuer, size_t n, struct muster_err *err)
{
	const json_t *token = json_object_get(end, "manifest"), *chains = json_object_get(end, "chains");
	struct muster_err why = { 0 };
	struct trust_chain *chain = NULL;
	struct trust_view *view = ring_view(a->ring);
	const char *name = "", *said;
	char hash[HEX_SIZE(32)];
	int r;

	*claims = NULL;
	if (!json_is_string(token) || json_array_size(chains) == 0 || json_array_size(chains) > CHAINS_MAX) {
		r = refuse(err, "the last line is no manifest");
		goto done;
	}
	if ((r = chain_of(&chain, json_array_get(chains, 0), err)) != MUSTER_OK) {
		r = r == MUSTER_E_NOMEM ? r : refuse(err, "the certificates beside the manifest cannot be read");
		goto done;
	}
	r = trust_token_verify(claims, span_of(json_string_value(token), json_string_length(token)), MANIFEST_MAX, TRUST_TYP_STATE, chain, &why);
	if (r != MUSTER_OK) {
		r = r == MUSTER_E_NOMEM ? err_nomem(err) : refuse(err, "the manifest's signature is not right: %s", why.message);
		goto done;
	}
	chains_hash(hash, chains);
	said = json_string_value(json_object_get(*claims, "chains"));
	if (said == NULL || hash[0] == '\0' || strcmp(said, hash) != 0) {
		r = refuse(err, "the certificates beside the manifest are not those that it was signed with");
	} else {
		pthread_mutex_lock(&a->lock);
		r = chain_counts(a, view, chain, *claims, &name, err);
		(void)snprintf(issuer, n, "%s", name);
		pthread_mutex_unlock(&a->lock);
	}
	if (r != MUSTER_OK) {
		json_decref(*claims);
		*claims = NULL;
	}
done:
	trust_chain_unref(chain);
	ring_view_unref(view);
	return r;
}

/* ---- leases of the former host ---- */

static int keep_chain(struct activation *a, struct act *t, struct trust_chain *chain, struct muster_err *err)
{
	const char *kid = trust_chain_kid(chain), *pem = trust_chain_pem(chain);
	struct trust_view *view = ring_view(a->ring);
	bool known = ring_by_kid(view, kid, strlen(kid)) != NULL;
	int r;

	ring_view_unref(view);
	/* One that ended, or is of no issuer of ours, verifies nothing any more. */
	if (known || (r = ring_adopt(a->ring, NULL, chain, err)) != MUSTER_OK)
		return known || r != MUSTER_E_NOMEM ? MUSTER_OK : r;
	act_put(t, ACTIVATION_R_FORMER, span_str(kid), span_str(pem));
	return MUSTER_OK;
}

int activation_state_adopt(struct activation *a, const json_t *end, struct muster_err *err)
{
	struct act t = { 0 };
	const json_t *pair;
	size_t i;
	int r = MUSTER_OK;

	activation_begin(a);
	json_array_foreach(json_object_get(end, "chains"), i, pair) {
		struct trust_chain *chain = NULL;
		struct muster_err why = { 0 };

		if (i == CHAINS_MAX || (r = chain_of(&chain, pair, &why)) == MUSTER_E_NOMEM)
			break;
		r = r == MUSTER_OK ? keep_chain(a, &t, chain, &why) : MUSTER_OK;
		trust_chain_unref(chain);
		if (r != MUSTER_OK)
			break;
	}
	if (r != MUSTER_OK) {
		act_fini(&t);
		r = err_nomem(err);
	} else {
		r = act_store(a, &t, err);
	}
	activation_end(a);
	return r;
}

static int load_former(void *ctx, const struct store_record *x)
{
	struct activation *a = ctx;
	struct trust_chain *chain = NULL;
	struct muster_err why = { 0 };
	int r = trust_chain_read(&chain, span_of(x->data, x->data_n), &why);

	if (r == MUSTER_OK)
		r = ring_adopt(a->ring, NULL, chain, &why);
	trust_chain_unref(chain);
	if (r == MUSTER_E_INVALID)
		activation_say(a, LOG_WARNING, "former-chain", "a certificate chain of a former host cannot be read, leases under it count as new: %s", why.message);
	return r == MUSTER_E_NOMEM ? r : MUSTER_OK;
}

int formers_load(struct activation *a, struct muster_err *err)
{
	return records_each(a, ACTIVATION_R_FORMER, load_former, a, err);
}

/* ---- product keys ---- */

int activation_state_keys(struct activation *a, int (*fn)(void *ctx, const char *partial, const char *key), void *ctx, struct muster_err *err)
{
	int r = MUSTER_OK;

	activation_begin(a);
	for (size_t i = 0; i < a->key_count && r == MUSTER_OK; i++) {
		char text[PRODUCT_KEY_TEXT] = "";
		struct product_key key;

		if ((r = key_open(&key, a, &a->keys[i], err)) == MUSTER_OK) {
			product_key_format(text, &key);
			r = fn(ctx, a->keys[i].partial, text) != 0 ? err_nomem(err) : MUSTER_OK;
		}
		OPENSSL_cleanse(&key, sizeof key);
		OPENSSL_cleanse(text, sizeof text);
	}
	activation_end(a);
	return r;
}
