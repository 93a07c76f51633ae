/*
 * `ato`: this host asks its issuer for a certificate. What is sent is stored first and stays the same until it is answered, so an answer that was lost, or a
 * crash anywhere, costs nothing: the issuer knows the request and gives the same chain again.
 */
#include "core/activation/online.h"

#include <stdio.h>
#include <string.h>

#include "core/activation/issuer_answer.h"
#include "core/activation/rest.h"
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define PACKS_MAX 64           /* of access licences for this host, in one answer */
#define FRESH_S (30 * 86400)   /* a certificate that lives longer is not asked for again by `ato` */

/* ---- what the files share ---- */

static bool give_up(const void *activation)
{
	return activation_stopping(activation);
}

void online_place_fini(struct online_place *p)
{
	mem_free(p->url);
	mem_free(p->web_proxy);
	if (p->view != NULL)
		ring_view_unref(p->view);
	memset(p, 0, sizeof *p);
}

int online_place(struct online_place *out, struct activation *a, const char *issuer, struct muster_err *err)
{
	struct activation_issuer *issuers;
	size_t n;

	memset(out, 0, sizeof *out);
	if ((issuers = activation_issuers(a, &n)) == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		if (strcmp(issuers[i].name, issuer) == 0 && issuers[i].url[0] != '\0') {
			out->url = issuers[i].url;
			out->web_proxy = issuers[i].web_proxy;
			issuers[i].url = issuers[i].web_proxy = NULL;
		}
	activation_issuers_free(issuers, n);
	if (out->url == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_ISSUER_ADDRESS, "the section [issuer %s] has no url: the address of its activation service is not known", issuer);
	out->view = ring_view(a->ring);
	out->place = (struct issuer_place){ .url = out->url, .web_proxy = out->web_proxy, .anchors = ring_anchors(out->view, issuer), .clock = a->clock, .stop = give_up, .ctx = a };
	if (out->place.anchors != NULL)
		return MUSTER_OK;
	online_place_fini(out);
	return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_ISSUER_ADDRESS, "the roots of [issuer %s] cannot be used", issuer);
}

static void request_id(uint8_t out[5], uint32_t number, enum online_purpose purpose)
{
	be32_put(out, number);
	out[4] = (uint8_t)purpose;
}

/* Not when the key was removed since, and another was made: what was asked for the former may be refused for good. */
static bool of_present_key(struct activation *a, const char *request)
{
	struct trust_view *view = ring_view(a->ring);
	bool same = ring_requested(view, span_str(request));

	ring_view_unref(view);
	return same;
}

/* What is stored for this very purpose and context; nothing appended: there is none. What cannot be looked up is no reason to make another. */
static int stored_request(struct buf *pem, struct activation *a, const uint8_t id[5], const char *context, struct muster_err *err)
{
	const char *of, *text;
	struct buf data;
	json_error_t e;
	json_t *j = NULL;
	int r;

	buf_init(&data, RECORD_JSON_MAX);
	if ((r = ledger_record(a->ledger, ACTIVATION_R_REQUEST, span_of(id, 5), &data, err)) == MUSTER_OK) {
		if ((j = json_loadb((const char *)data.p, data.n, 0, &e)) == NULL && json_error_code(&e) == json_error_out_of_memory)
			r = err_nomem(err);
		of = json_string_value(json_object_get(j, "context"));
		text = json_string_value(json_object_get(j, "request"));
		if (of != NULL && text != NULL && strcmp(of, context) == 0 && of_present_key(a, text))
			buf_adds(pem, text);
	}
	json_decref(j);
	buf_fini(&data);
	if (pem->failed)
		return err_nomem(err);
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

int online_request(struct buf *pem, struct activation *a, uint32_t number, enum online_purpose purpose, const char *context, struct muster_err *err)
{
	struct act t = { 0 };
	uint8_t id[5];
	int r;

	request_id(id, number, purpose);
	if ((r = stored_request(pem, a, id, context, err)) != MUSTER_OK || pem->n > 0)
		return r;
	if ((r = ring_request(a->ring, a->host_name, pem, err)) != MUSTER_OK)
		return r;
	act_put_json(&t, ACTIVATION_R_REQUEST, span_of(id, sizeof id),
	             json_pack("{s:s, s:s, s:I}", "context", context, "request", buf_str(pem), "at", (json_int_t)activation_now(a)));
	return act_store(a, &t, err);
}

void online_request_done(struct act *t, uint32_t number, enum online_purpose purpose)
{
	uint8_t id[5];

	request_id(id, number, purpose);
	act_delete(t, ACTIVATION_R_REQUEST, span_of(id, sizeof id));
}

void online_extras(struct activation *a, const char *actor, const json_t *answer)
{
	const char *pack = json_string_value(json_object_get(answer, "pack")), *crl = json_string_value(json_object_get(answer, "crl"));
	json_t *warnings = json_array(), *one;
	struct muster_err err = { 0 };
	size_t i;

	if (crl != NULL)
		crl_take(a, "the issuer's answer", span_str(crl));
	if (pack != NULL && packs_take(a, actor, span_str(pack), NULL, warnings, &err) != MUSTER_OK)
		activation_say(a, 4, "pack", "the licence pack that came with the issuer's answer is not taken: %s", err.message);
	json_array_foreach(json_object_get(answer, "packs"), i, one)
		if (i < PACKS_MAX && json_is_string(one) && packs_take(a, actor, span_of(json_string_value(one), json_string_length(one)), NULL, warnings, &err) != MUSTER_OK)
			activation_say(a, 4, "pack", "a licence pack that came with the issuer's answer is not taken: %s", err.message);
	json_array_foreach(warnings, i, one)
		activation_say(a, 4, "pack", "%s", json_string_value(one));
	json_decref(warnings);
}

/* ---- ato ---- */

/* What is needed to ask, looked up under the acts' lock and used without it. */
struct ato { uint32_t number; char issuer[64], digits[INSTALLATION_TEXT], name[65]; struct buf request; };

/* Already activated here, with a certificate that lives on: nothing is asked, nothing spent. */
static bool is_fresh(const struct activation *a, const struct held_key *k)
{
	struct trust_view *view;
	const struct ring_chain *c;
	bool fresh;

	if (key_state(a, k) != KEY_ACTIVATED || (k->product_count > 0 && activation_moved(a, k->products[0])))
		return false;
	view = ring_view(a->ring);
	c = ring_by_kid(view, k->kid, strlen(k->kid));
	fresh = c != NULL && c->signer != NULL && c->revoked == NULL && c->end - activation_now(a) > FRESH_S;
	ring_view_unref(view);
	return fresh;
}

static int prepare(struct ato *t, struct activation *a, const char *actor, struct held_key *k, struct muster_err *err)
{
	const struct held_pack *p = pack_with_key(a, k->issuer_id, k->kind, k->number, NULL);
	struct installation_id id;
	struct held_id x;
	int r;

	if (p == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_LICENSE, "the licence pack of key ...-%s is missing: install it again (musterctl pack install FILE)", k->partial);
	t->number = k->number;
	(void)snprintf(t->issuer, sizeof t->issuer, "%s", p->issuer);
	(void)snprintf(t->name, sizeof t->name, "%s", a->host_name);
	if ((r = pending_id(&x, &id, a, actor, k, false, err)) != MUSTER_OK)
		return r;
	installation_digits(t->digits, sizeof t->digits, x.digits);
	return online_request(&t->request, a, k->number, ONLINE_ACTIVATE, t->digits, err);
}

static json_t *numbers(const json_t *answer, const char *name)
{
	json_t *j = json_object_get(answer, name);

	return j != NULL ? json_incref(j) : json_null();
}

/* The chain goes into the ring before the record says so: a crash between leaves the request, and its answer comes again. */
static int take_answer(struct activation *a, const char *actor, const struct ato *t, const json_t *answer, struct held_key **out, struct muster_err *err)
{
	struct held_key *k = key_by_number(a, t->number);
	const char *pem;
	const struct held_id *pending;
	struct trust_chain *chain = NULL;
	struct act act = { 0 };
	char digits[INSTALLATION_TEXT];
	int r;

	if (k == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_KEY, "the key was removed while the issuer was asked");
	if ((r = issuer_answer_chain(&chain, &pem, answer, err)) != MUSTER_OK)
		return r;
	online_extras(a, actor, answer);
	if ((k = key_by_number(a, t->number)) == NULL)
		r = err_code(err, MUSTER_E_NOT_FOUND, (uint32_t)CODE_NO_KEY, "the key is not in the pack that came with the answer");
	else if ((r = certificate_fits(chain, k, err)) == MUSTER_OK && (r = ring_install(a->ring, span_str(pem), NULL, NULL, err)) == MUSTER_OK) {
		pending = pending_find(a, k);
		if (pending != NULL) {
			installation_digits(digits, sizeof digits, pending->digits);
			if (strcmp(digits, t->digits) != 0)
				pending = NULL;   /* another one is shown by now; it stays */
		}
		online_request_done(&act, t->number, ONLINE_ACTIVATE);
		r = record_activated(a, &act, actor, ACTIVATION_J_ONLINE, k, pending, "online", chain, err);
		*out = key_by_number(a, t->number);
	}
	act_fini(&act);
	trust_chain_unref(chain);
	return r;
}

static int ask(json_t **answer, struct activation *a, const struct ato *t, struct muster_err *err)
{
	struct muster_err ignored = { 0 };
	struct online_place p;
	char head[REST_HEAD];
	json_t *body;
	int r;

	if ((r = online_place(&p, a, t->issuer, err)) != MUSTER_OK)
		return r;
	body = json_pack("{s:s, s:s, s:s, s:s?}", "installation_id", t->digits, "request", buf_str(&t->request), "name", t->name, "audit",
	                 anchor_head(a, head, &ignored) == MUSTER_OK ? head : NULL);
	r = body != NULL ? issuer_ask(answer, &p.place, "/v1/host/activate", body, err) : err_nomem(err);
	json_decref(body);
	online_place_fini(&p);
	return r;
}

static int tell(json_t **out, const struct activation *a, const struct catalog *c, const struct held_key *k, const json_t *answer, struct muster_err *err)
{
	if (k == NULL || (*out = activated_json(a, c, k, "Product activated successfully.")) == NULL)
		return err_nomem(err);
	(void)json_object_set_new(*out, "again", answer == NULL ? json_true() : json_boolean(json_is_true(json_object_get(answer, "again"))));
	if (answer != NULL) {
		(void)json_object_set_new(*out, "hosts", numbers(answer, "hosts"));
		(void)json_object_set_new(*out, "activations", numbers(answer, "activations"));
	}
	return MUSTER_OK;
}

int activation_online(struct activation *a, const char *actor, const struct catalog_product *product, json_t **out, struct muster_err *err)
{
	struct catalog *c = activation_catalog(a);
	struct ato t = { .number = 0 };
	struct held_key *k = NULL;
	json_t *answer = NULL;
	bool fresh = false;
	int r;

	*out = NULL;
	buf_init(&t.request, TRUST_CHAIN_MAX);
	activation_begin(a);
	if ((r = key_pick(&k, a, c, product, err)) == MUSTER_OK && !(fresh = is_fresh(a, k)))
		r = prepare(&t, a, actor, k, err);
	else if (r == MUSTER_OK)
		r = tell(out, a, c, k, NULL, err);
	activation_end(a);
	if (r != MUSTER_OK || fresh || (r = ask(&answer, a, &t, err)) != MUSTER_OK)
		goto done;
	activation_begin(a);
	if ((r = take_answer(a, actor, &t, answer, &k, err)) == MUSTER_OK)
		r = tell(out, a, c, k, answer, err);
	activation_end(a);
done:
	json_decref(answer);
	buf_fini(&t.request);
	catalog_unref(c);
	return r;
}
