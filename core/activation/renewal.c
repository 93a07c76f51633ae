/*
 * Certificates that follow: a host that was certified by its issuer asks by itself from the day 365 are left, once a day, with a request that its present key
 * has signed. That spends none of the ten activations (trust.md section 1). And the issuer's revocation list, once a day.
 */
#include "core/activation/online.h"
#include "core/activation/issuer_answer.h"
#include "core/activation/rest.h"

#include <stdio.h>
#include <string.h>
#include <openssl/evp.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define FROM_S (365 * INT64_C(86400))
#define DAY_MS INT64_C(86400000)
#define LOOK_MS INT64_C(60000)       /* the days themselves are of wall time, which an administrator or a test may move */
#define JITTER_S 14400

/* ---- one key ---- */

struct renewal { uint32_t number; char issuer[64], kid[TRUST_KID]; struct buf request; };

/* The chain of an activation that is to be followed by another. Own keys only: one that digits have unlocked is the issuer's, and ends with its pack. */
static bool is_due(const struct activation *a, const struct held_key *k, const struct trust_view *view, const struct ring_chain **out)
{
	const struct ring_chain *c;

	if (!key_activates_host(k->kind) || k->activated_at == 0 || k->revoked || strcmp(k->method, "telephone") == 0)
		return false;
	if ((c = ring_by_kid(view, k->kid, strlen(k->kid))) == NULL || c->signer == NULL || c->revoked != NULL || c->end <= activation_now(a))
		return false;
	*out = c;
	return c->end - activation_now(a) <= FROM_S;
}

/* Signed with the present key: for this request, of this host, now. */
static int sign(struct buf *out, struct activation *a, const struct ring_chain *c, const struct buf *request, struct muster_err *err)
{
	char digest[B64_SIZE(32)], jti[UUID_TEXT], head[REST_HEAD], *text = NULL;
	uint8_t id[16], hash[32];
	json_t *claims;
	int r = MUSTER_E_NOMEM;

	if (EVP_Digest(request->p, request->n, hash, NULL, EVP_sha256(), NULL) != 1)
		return err_nomem(err);
	(void)b64_encode(digest, hash, sizeof hash);
	uuid_random(id);
	uuid_format(jti, id);
	claims = json_pack("{s:s, s:I, s:s, s:s, s:s}", "aud", TRUST_TYP_STATE, "iat", (json_int_t)activation_now(a), "jti", jti, "kid", trust_chain_kid(c->chain), "request", digest);
	if (claims != NULL && anchor_head(a, head, err) == MUSTER_OK)
		(void)json_object_set_new(claims, "audit", json_string(head));
	if (claims != NULL && (text = json_dumps(claims, JSON_COMPACT)) != NULL)
		r = trust_token_sign(out, c->signer, TRUST_TYP_STATE, span_str(text), err);
	else
		r = err_nomem(err);
	free(text);   /* jansson's own allocator */
	json_decref(claims);
	return r;
}

static int ask(json_t **answer, struct activation *a, const struct renewal *n, struct muster_err *err)
{
	struct online_place p;
	const struct ring_chain *c;
	struct buf token;
	json_t *body = NULL;
	int r;

	if ((r = online_place(&p, a, n->issuer, err)) != MUSTER_OK)
		return r;
	buf_init(&token, TRUST_LEASE_MAX);
	if ((c = ring_by_kid(p.view, n->kid, strlen(n->kid))) == NULL || c->signer == NULL)
		r = err_set(err, MUSTER_E_NOT_FOUND, "the certificate to be renewed is not there any more");
	else if ((r = sign(&token, a, c, &n->request, err)) == MUSTER_OK) {
		body = json_pack("{s:s, s:s, s:s}", "renewal", buf_str(&token), "chain", trust_chain_pem(c->chain), "request", buf_str(&n->request));
		r = body != NULL ? issuer_ask(answer, &p.place, "/v1/host/renew", body, err) : err_nomem(err);
	}
	json_decref(body);
	buf_fini(&token);
	online_place_fini(&p);
	return r;
}

static int64_t end_of(const struct activation *a, const char *kid)
{
	struct trust_view *view = ring_view(a->ring);
	const struct ring_chain *c = ring_by_kid(view, kid, strlen(kid));
	int64_t end = c != NULL ? c->end : 0;

	ring_view_unref(view);
	return end;
}

static int take_answer(struct activation *a, const struct renewal *n, const json_t *answer, struct muster_err *err)
{
	const char *pem;
	struct held_key *k, now;
	struct trust_chain *chain = NULL;
	struct act t = { 0 };
	char end[TIME_RFC3339];
	int r;

	if ((r = issuer_answer_chain(&chain, &pem, answer, err)) != MUSTER_OK)
		return r;
	online_extras(a, ACTIVATION_SELF, answer);
	if ((k = key_by_number(a, n->number)) == NULL) {
		r = MUSTER_OK;   /* removed meanwhile */
		goto done;
	}
	if ((r = certificate_fits(chain, k, err)) != MUSTER_OK || (r = ring_install(a->ring, span_str(pem), NULL, NULL, err)) != MUSTER_OK)
		goto done;
	now = *k;
	(void)snprintf(now.kid, sizeof now.kid, "%s", trust_chain_kid(chain));
	now.ends_at = end_of(a, now.kid);
	time_rfc3339(end, now.ends_at * 1000);
	act_put_key(&t, &now);
	online_request_done(&t, n->number, ONLINE_RENEW);
	if ((r = act_commit(a, &t, ACTIVATION_SELF, ACTIVATION_J_RENEWED, now.partial, err, "until %s, certificate %s", end, now.kid)) == MUSTER_OK &&
	    (r = memory_put_key(a, &now, err)) == MUSTER_OK)
		activation_say(a, 5, "renewed", "key ...-%s: the host's certificate is renewed until %s", now.partial, end);
done:
	act_fini(&t);
	trust_chain_unref(chain);
	return r;
}

/* One key that is due. @return MUSTER_E_NOT_FOUND: none is, behind this number. */
static int next_due(struct activation *a, int64_t from, struct renewal *out, struct muster_err *err)
{
	struct trust_view *view = ring_view(a->ring);
	const struct ring_chain *c = NULL;
	const struct held_key *best = NULL;
	int r = MUSTER_E_NOT_FOUND;

	activation_begin(a);
	for (size_t i = 0; i < a->key_count; i++) {
		const struct ring_chain *one;

		if ((int64_t)a->keys[i].number >= from && (best == NULL || a->keys[i].number < best->number) && is_due(a, &a->keys[i], view, &one)) {
			best = &a->keys[i];
			c = one;
		}
	}
	if (best != NULL) {
		out->number = best->number;
		(void)snprintf(out->issuer, sizeof out->issuer, "%s", c->issuer);
		(void)snprintf(out->kid, sizeof out->kid, "%s", best->kid);
		buf_clear(&out->request);
		r = online_request(&out->request, a, out->number, ONLINE_RENEW, out->kid, err);
	}
	activation_end(a);
	ring_view_unref(view);
	return r;
}

static void renew_one(struct activation *a, const struct renewal *n)
{
	struct muster_err err = { 0 };
	json_t *answer = NULL;
	int r = ask(&answer, a, n, &err);

	if (r == MUSTER_OK) {
		activation_begin(a);
		r = take_answer(a, n, answer, &err);
		activation_end(a);
	}
	json_decref(answer);
	/* No address: nobody expects it to renew itself; what ends is reported anyway. */
	if (r != MUSTER_OK && r != MUSTER_E_BUSY && err.code != CODE_M_ISSUER_ADDRESS)
		activation_say(a, 4, "renewal", "the host's certificate is not renewed, the next try is tomorrow: %s", err.message);
}

/* ---- once a day, not everybody at the same time ---- */

static bool day_has_come(struct activation *a, int64_t *next)
{
	int64_t now = activation_now(a);

	if (*next != 0 && now < *next && *next - now <= DAY_MS / 1000 + JITTER_S)
		return false;
	*next = now + DAY_MS / 1000 - JITTER_S / 2 + (int64_t)random_below(JITTER_S);
	return true;
}

int64_t renewal_run(struct activation *a)
{
	struct renewal n = { .number = 0 };
	struct muster_err err = { 0 };
	int64_t from = 0;
	int r;

	if (ledger_moving(a->ledger, NULL, 0) == CODE_M_RETIRED)
		return RETIRED_MS;   /* it signs nothing any more */
	if (!day_has_come(a, &a->renewal_next))
		return LOOK_MS;
	buf_init(&n.request, TRUST_CHAIN_MAX);
	while (!activation_stopping(a) && (r = next_due(a, from, &n, &err)) != MUSTER_E_NOT_FOUND) {
		if (r != MUSTER_OK) {
			activation_say(a, 3, "renewal", "%s", err.message);
			break;
		}
		renew_one(a, &n);
		from = (int64_t)n.number + 1;
	}
	buf_fini(&n.request);
	return LOOK_MS;
}

/* Announced roots, from the same address; there are none mostly. */
static void fetch_roots(struct activation *a, const char *url, struct online_place *p)
{
	struct muster_err err = { 0 };
	struct buf token;

	buf_init(&token, STATEMENT_ROOTS_MAX);
	if (issuer_fetch(&token, &p->place, "/v1/roots", STATEMENT_ROOTS_MAX, &err) == MUSTER_OK) {
		activation_begin(a);
		roots_take(a, url, span_of(token.p, token.n));
		activation_end(a);
	}
	buf_fini(&token);
}

int64_t crl_fetch_run(struct activation *a)
{
	struct activation_issuer *issuers;
	size_t n;

	if (!day_has_come(a, &a->crl_next) || (issuers = activation_issuers(a, &n)) == NULL)
		return LOOK_MS;
	for (size_t i = 0; i < n && !activation_stopping(a); i++) {
		struct muster_err err = { 0 };
		struct online_place p;
		struct buf pem;
		int r;

		if (issuers[i].url[0] == '\0' || online_place(&p, a, issuers[i].name, &err) != MUSTER_OK)
			continue;
		fetch_roots(a, issuers[i].url, &p);
		buf_init(&pem, CRL_MAX);
		if ((r = issuer_fetch(&pem, &p.place, "/v1/crl", CRL_MAX, &err)) == MUSTER_OK) {
			activation_begin(a);
			crl_take(a, issuers[i].url, span_of(pem.p, pem.n));
			activation_end(a);
		} else if (r != MUSTER_E_BUSY && err.code != CODE_M_NOT_FOUND) {
			activation_say(a, 6, "crl", "the revocation list was not fetched: %s", err.message);
		}
		buf_fini(&pem);
		online_place_fini(&p);
	}
	activation_issuers_free(issuers, n);
	return LOOK_MS;
}
