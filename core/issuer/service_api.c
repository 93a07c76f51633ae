/* What the issuer's service is asked for (docs/issuer-api.yaml). */
#include "core/issuer/service_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <openssl/evp.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/issuer/answers.h"
#include "core/trust/crl.h"

#define IDS_PER_TOKEN 100
#define CLOCKS_APART_S 14400   /* a renewal's iat, trust.md section 2 */

/* Who asks, and when, for the books. */
struct actor { char text[64]; struct books_act act; };

static void actor_of(struct actor *a, const struct call *c)
{
	char address[ADDRESS_TEXT];

	address_text(address, &c->connection.address);
	(void)snprintf(a->text, sizeof a->text, "service %s", address);
	a->act = (struct books_act){ .actor = a->text, .now = clock_wall_ms(c->s->o.clock) / 1000, .reason = NULL };
}

static unsigned bad_body(struct call *c, const struct body_fault *f)
{
	return service_problem(c, f->code, f->detail, f->field[0] != '\0' ? f->field : NULL);
}

/* ---- hosts ---- */

static unsigned answer_grant(struct call *c, struct confirm_answer *a)
{
	struct muster_err err = { .result = 0 };
	json_t *o = NULL;
	int r = answer_grant_json(&o, c->s->o.confirmer, a, clock_wall_ms(c->s->o.clock) / 1000, &err);

	confirm_answer_fini(a);
	return r == MUSTER_OK ? service_json(c, o) : service_error(c, &err, NULL);
}

/* A host's trail that went back is the administrators' affair: it is recorded, and the request goes on. */
static int note_head(struct confirmer *c, const char *host, const struct body_audit *head, const struct books_act *act, struct muster_err *err)
{
	char text[200];
	bool back;
	int r;

	if (!head->present)
		return MUSTER_OK;
	confirm_books_lock(c);
	r = confirm_books_unlock(c, books_audit_head(c->session->books, host, head->seq, head->hash, &back, act, err));
	if (r == MUSTER_OK && back)
		log_line(LOG_WARNING, "audit_went_back", "host=%s seq=%" PRId64, log_quote(text, sizeof text, host), head->seq);
	return r;
}

/* An activated host's trail goes by its key and binding. */
static int note_host(struct confirmer *c, struct confirm_answer *a, const struct body_audit *head, const struct books_act *act, struct muster_err *err)
{
	char host[64], binding[HEX_SIZE(BINDING_SIZE)];
	int r;

	hex_encode(binding, a->id.binding, sizeof a->id.binding);
	(void)snprintf(host, sizeof host, "%" PRIu32 "/%s", a->key.number, binding);
	if ((r = note_head(c, host, head, act, err)) != MUSTER_OK)
		confirm_answer_fini(a);
	return r;
}

static unsigned host_activate(struct call *c)
{
	struct muster_err err = { .result = 0 };
	struct confirm_answer a;
	struct confirm_ask ask = { .method = BOOKS_ONLINE };
	struct body_fault f;
	struct actor actor;
	struct body body;
	unsigned status;

	actor_of(&actor, c);
	if (body_read(&body, BODY_HOST, span_of(c->body.p, c->body.n), &f) != MUSTER_OK) {
		status = bad_body(c, &f);
	} else {
		ask.text = body.of.host.installation_id;
		ask.n = strlen(ask.text);
		ask.name = body.of.host.name;
		ask.request = span_str(body.of.host.request);
		if (confirm_one(c->s->o.confirmer, &ask, &a, &actor.act, &err) == MUSTER_OK
		    && note_host(c->s->o.confirmer, &a, &body.of.host.audit, &actor.act, &err) == MUSTER_OK)
			status = answer_grant(c, &a);
		else
			status = service_error(c, &err, err.code == (uint32_t)CODE_OFFLINE_DATA ? "installation_id" : err.result == MUSTER_E_INVALID || err.result == MUSTER_E_SIGNATURE ? "request" : NULL);
	}
	body_fini(&body);
	return status;
}

/* The claims of a renewal that the chain's signer made for this request, now. */
static int check_claims(const json_t *claims, const char *request, const char *kid, int64_t now, struct muster_err *err)
{
	const char *aud = json_string_value(json_object_get(claims, "aud")), *told = json_string_value(json_object_get(claims, "request"));
	const char *named = json_string_value(json_object_get(claims, "kid"));
	const json_t *iat = json_object_get(claims, "iat");
	uint8_t digest[32];
	char text[B64_SIZE(32)];

	if (aud == NULL || strcmp(aud, TRUST_TYP_STATE) != 0 || json_string_length(json_object_get(claims, "jti")) == 0)
		return err_set(err, MUSTER_E_INVALID, "renewal: aud or jti is missing or wrong");
	if (!json_is_integer(iat) || json_integer_value(iat) > now + CLOCKS_APART_S || json_integer_value(iat) < now - CLOCKS_APART_S)
		return err_code(err, MUSTER_E_INVALID, (uint32_t)CODE_TIMESTAMP, "renewal: it was made more than four hours before or after the issuer's present time");
	if (named != NULL && strcmp(named, kid) != 0)
		return err_set(err, MUSTER_E_MISMATCH, "renewal: kid is not that of the certificate that signed it");
	if (EVP_Digest(request, strlen(request), digest, NULL, EVP_sha256(), NULL) != 1)
		return err_nomem(err);
	(void)b64_encode(text, digest, sizeof digest);
	return told != NULL && strcmp(told, text) == 0 ? MUSTER_OK : err_set(err, MUSTER_E_MISMATCH, "renewal: it was signed for another certificate request");
}

static int renew(struct confirmer *c, const struct body_renew *b, struct confirm_answer *a, const struct books_act *act, struct muster_err *err)
{
	struct trust_chain *chain = NULL;
	struct body_audit head = { .present = false };
	json_t *claims = NULL;
	const char *audit;
	int r;

	if ((r = trust_chain_read(&chain, span_str(b->chain), err)) != MUSTER_OK)
		return r;
	pthread_rwlock_rdlock(&c->keys);
	r = trust_chain_verify(chain, c->session->a->anchors, TRUST_ROLE_LEASE, act->now, err);
	pthread_rwlock_unlock(&c->keys);
	if (r != MUSTER_OK || (r = trust_token_verify(&claims, span_str(b->renewal), SERVICE_RENEWAL_MAX, TRUST_TYP_STATE, chain, err)) != MUSTER_OK
	    || (r = check_claims(claims, b->request, trust_chain_kid(chain), act->now, err)) != MUSTER_OK)
		goto done;
	audit = json_string_value(json_object_get(claims, "audit"));
	if (audit != NULL && !body_audit_read(&head, audit)) {
		r = err_set(err, MUSTER_E_INVALID, "renewal: audit is not SEQ:HASH");
		goto done;
	}
	if ((r = confirm_renew(c, chain, span_str(b->request), a, act, err)) != MUSTER_OK)
		goto done;
	r = note_host(c, a, &head, act, err);
done:
	json_decref(claims);
	trust_chain_unref(chain);
	return r;
}

static unsigned host_renew(struct call *c)
{
	struct muster_err err = { .result = 0 };
	struct confirm_answer a;
	struct body_fault f;
	struct actor actor;
	struct body body;
	unsigned status;

	actor_of(&actor, c);
	if (body_read(&body, BODY_RENEW, span_of(c->body.p, c->body.n), &f) != MUSTER_OK)
		status = bad_body(c, &f);
	else if (renew(c->s->o.confirmer, &body.of.renew, &a, &actor.act, &err) == MUSTER_OK)
		status = answer_grant(c, &a);
	else
		status = service_error(c, &err, NULL);
	body_fini(&body);
	return status;
}

/* ---- counted keys ---- */

static unsigned counted_activate(struct call *c)
{
	struct muster_err err = { .result = 0 };
	char host[UUID_TEXT + 8];
	struct body_fault f;
	struct actor actor;
	struct body body;
	unsigned status;
	bool proven;
	int r;

	actor_of(&actor, c);
	if (body_read(&body, BODY_COUNTED, span_of(c->body.p, c->body.n), &f) != MUSTER_OK) {
		status = bad_body(c, &f);
		goto done;
	}
	/* beside the one that every request costs: the largest costs a full bucket */
	if (!service_spend(c, (unsigned)(body.of.counted.n - 1) / IDS_PER_TOKEN)) {
		status = service_problem(c, CODE_M_RATE_ADDRESS, NULL, NULL);
		goto done;
	}
	r = answer_counted(&c->out, &proven, c->s->o.confirmer, &body.of.counted, BOOKS_ONLINE, &actor.act, &err);
	if (r == MUSTER_OK && proven && body.of.counted.host != NULL) {
		(void)snprintf(host, sizeof host, "host %s", body.of.counted.host);
		r = note_head(c->s->o.confirmer, host, &body.of.counted.audit, &actor.act, &err);
	}
	c->type = "application/json";
	status = r == MUSTER_OK ? MHD_HTTP_OK : service_error(c, &err, NULL);
done:
	body_fini(&body);
	return status;
}

/* ---- what anybody may have ---- */

static unsigned file_of(struct call *c, const char *name, size_t max, const char *type, const char *none)
{
	struct muster_err err = { .result = 0 };
	char *path = authority_path(c->s->o.confirmer->session->a, name);
	int r = path == NULL ? err_nomem(&err) : access(path, F_OK) != 0 ? MUSTER_E_NOT_FOUND : file_read(&c->out, path, max, &err);

	mem_free(path);
	c->type = type;
	if (r == MUSTER_E_NOT_FOUND)
		return service_problem(c, CODE_M_NOT_FOUND, none, NULL);
	return r == MUSTER_OK ? MHD_HTTP_OK : service_error(c, &err, NULL);
}

static unsigned get_crl(struct call *c)
{
	return file_of(c, ANSWER_CRL_FILE, CRL_MAX, "application/x-pem-file", "Nothing was revoked so far.");
}

static unsigned get_roots(struct call *c)
{
	return file_of(c, ANSWER_ROOTS_FILE, STATEMENT_ROOTS_MAX, "application/jose", "No new root was announced.");
}

static unsigned get_contacts(struct call *c)
{
	struct confirmer *confirmer = c->s->o.confirmer;
	struct muster_err err = { .result = 0 };
	json_t *list = NULL;
	int r;

	confirm_books_lock(confirmer);
	r = confirm_books_unlock(confirmer, answer_contacts(&list, confirmer->session->books, &err));
	return r == MUSTER_OK ? service_json(c, json_pack("{s:o}", "contacts", list)) : service_error(c, &err, NULL);
}

/* Books that lack what was confirmed after their backup reveal nothing: not healthy. */
static unsigned get_health(struct call *c)
{
	struct confirmer *confirmer = c->s->o.confirmer;
	struct muster_err err = { .result = 0 };
	struct books_restored behind;
	int r;

	confirm_books_lock(confirmer);
	r = confirm_books_unlock(confirmer, books_behind(confirmer->session->books, &behind, &err));
	if (r != MUSTER_OK)
		return service_error(c, &err, NULL);
	if (behind.lines > 1)
		return service_problem(c, CODE_M_RESTORE, NULL, NULL);
	return service_json(c, json_pack("{s:s}", "status", "ok"));
}

const struct service_route service_routes[] = {
	{ "/v1/host/activate", true, host_activate },
	{ "/v1/host/renew", true, host_renew },
	{ "/v1/counted/activate", true, counted_activate },
	{ "/v1/crl", false, get_crl },
	{ "/v1/roots", false, get_roots },
	{ "/v1/contacts", false, get_contacts },
	{ "/healthz", false, get_health },
};
const size_t service_route_count = sizeof service_routes / sizeof service_routes[0];
