#include "core/service/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/service/problem.h"

#define MOVING_RETRY_S 20

/* ---- what release shares ---- */

void api_ledger_begin(struct request *r, enum ledger_kind kind)
{
	struct ledger_request *l = &r->ledger;

	memset(l, 0, sizeof *l);
	r->sentence[0] = '\0';
	l->kind = kind;
	l->catalog = r->snapshot->catalog;
	l->loopback = r->loopback;
	memcpy(l->addr, r->connection.address.b, sizeof l->addr);
	l->addr_len = r->connection.address.len;
}

int api_lease(struct request *r, struct lease_claims *out, const char *lease, size_t n, const struct lease_expect *expect, struct muster_err *err)
{
	if (r->view == NULL)
		r->view = ring_view(r->service->ring);
	return ring_lease_verify(out, r->view, (struct muster_span){ (const uint8_t *)lease, n }, expect, clock_wall_ms(r->service->clock) / 1000, err);
}

void api_lease_origin(struct ledger_request *l, const struct service *s, const char *jti)
{
	const char *number = jti + UUID_TEXT;
	char *end;
	long long seq;

	l->lease_seq = l->lease_origin_seq = 0;
	if (strlen(jti) <= UUID_TEXT || jti[UUID_TEXT - 1] != '.' || number[0] < '1' || number[0] > '9' || uuid_parse(l->lease_origin, jti, UUID_TEXT - 1) != MUSTER_OK)
		return;
	seq = strtoll(number, &end, 10);
	if (*end != '\0')
		return;
	*(strncmp(jti, s->host_id, UUID_TEXT - 1) == 0 ? &l->lease_seq : &l->lease_origin_seq) = seq;
}

bool api_moving(const struct request *r)
{
	return ledger_moving(r->service->ledger, NULL, 0) != 0;
}

enum MHD_Result api_moved(struct request *r)
{
	char text[256] = "";
	uint32_t code = ledger_moving(r->service->ledger, text, sizeof text);

	/* Who is to ask another host need not wait; who is to ask this one again need not long. */
	return request_problem(r, code != 0 ? code : CODE_M_MOVING, text[0] != '\0' ? text : NULL, NULL, code == CODE_M_RETIRED ? 0 : MOVING_RETRY_S);
}

enum MHD_Result api_ledger_refused(struct request *r)
{
	const struct ledger_request *l = &r->ledger;

	bool ours = l->detail[0] == '\0' && (l->refused == l->code || l->code == (uint32_t)CODE_HOST_NOT_ACTIVATED);

	return request_problem(r, l->code, ours ? r->sentence : l->detail, NULL, ours && l->retry_after == 0 ? r->wait_s : l->retry_after);
}

/* ---- before the ledger ---- */

static enum MHD_Result key_in_clear(struct request *r)
{
	char from[ADDRESS_TEXT];

	address_text(from, &r->connection.address);
	/* The key itself is nowhere kept, and what the body held is wiped. */
	activate_wipe(&r->activate);
	if (r->body.n > 0)
		OPENSSL_cleanse(r->body.p, r->body.n);
	if (log_allowed(&r->service->log_key, clock_boot_ms(r->service->clock), 60000, 5))
		log_line(LOG_WARNING, "key_exposed", "address=%s text=\"a whole product key came over a connection that others can read; treat it as exposed\"", from);
	return request_problem(r, CODE_M_KEY_IN_CLEAR, NULL, NULL, 0);
}

static void fill_ledger(struct request *r)
{
	const struct activate *a = &r->activate;
	struct ledger_request *l = &r->ledger;

	api_ledger_begin(r, LEDGER_ACTIVATE);
	memcpy(l->activation_id, a->activation_id, 16);
	memcpy(l->client, a->client_id, 16);
	memcpy(l->hw, a->hw, 32);
	l->has_hw = a->has_hw;
	l->is_virtual = a->is_virtual;
	l->has_minutes = a->has_minutes;
	l->minutes = a->minutes;
	l->status = a->status;
	l->client_time = a->time;
	memcpy(l->nonce, a->nonce, sizeof l->nonce);
	l->nonce_len = a->nonce_len;
	memcpy(l->name, a->name, sizeof l->name);
}

/* A lease presented on renewal makes the client a known one; one that does not verify makes it nothing worse than new. */
static void take_lease(struct request *r, const struct catalog_product *p)
{
	const struct activate *a = &r->activate;
	struct lease_expect expect = { .client_id = a->client_id, .product_id = p->row.activation_id };
	struct lease_claims claims;
	struct muster_err err = { 0 };

	if (a->lease_len == 0 || api_lease(r, &claims, a->lease, a->lease_len, &expect, &err) != MUSTER_OK)
		return;
	r->ledger.lease_known = true;
	r->ledger.has_lease_hw = claims.has_hw;
	memcpy(r->ledger.lease_hw, claims.hw, 32);
	api_lease_origin(&r->ledger, r->service, claims.jti);
}

static int check(struct request *r, const struct catalog_edition *e, struct muster_err *err)
{
	const struct activate *a = &r->activate;
	struct muster_request q = {
		.size = sizeof q, .is_virtual = a->is_virtual, .status = a->status, .minutes = (uint32_t)a->minutes, .time_ms = a->time,
		.key_number = a->key_number, .os = a->os, .name = a->name, .user = "", .version = "",
	};

	if (e->product->row.model == MUSTER_MODEL_ACCESS) {
		q.user = a->user;
		q.version = a->version;
		q.per = a->per != 0 ? a->per : MUSTER_PER_DEVICE;
	}

	memcpy(q.activation_id, a->activation_id, 16);
	memcpy(q.client_id, a->client_id, 16);
	memcpy(q.hardware_id, a->hw, 32);
	/* Kinds as trust.md section 4 spells them. */
	switch (a->key_kind) {
	case 'A': q.key_kind = MUSTER_KEY_HOST; break;
	case '1': q.key_kind = MUSTER_KEY_MAK; break;
	case 'Z': q.key_kind = MUSTER_KEY_ESU_MAK; break;
	case 'E': q.key_kind = MUSTER_KEY_EMBEDDED; break;
	case 'S': q.key_kind = MUSTER_KEY_SETUP; break;
	case '5': q.key_kind = MUSTER_KEY_ACCESS; break;
	default: q.key_kind = MUSTER_KEY_UNKNOWN; break;
	}
	return catalog_check(r->snapshot->catalog, e, &q, r->service->clock, err);
}

void api_sentence(struct request *r, const char *text)
{
	char *out = r->sentence;
	size_t n = strlen(text);

	if (n >= sizeof r->sentence) {
		n = sizeof r->sentence - 1;
		while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
			n--;
	}
	memcpy(out, text, n);
	out[n] = '\0';
}

/* Who may claim is decided before anything is counted, for every model. */
static bool allowed(struct request *r, const struct catalog_product *p)
{
	const struct activate *a = &r->activate;
	const struct address *from = &r->connection.address;

	if (p->allow_count == 0 || catalog_claimed(p->allow, p->allow_count, a->client_id, a->name, from->b, from->len))
		return true;
	r->ledger.refused = CODE_M_ALLOW;
	(void)snprintf(r->sentence, sizeof r->sentence, "This host gives %s to certain machines only; its list names neither this client ID nor this machine's name or network.", p->row.name);
	return false;
}

/* Static refusals are the ledger's to count and log; their sentence is kept for the answer. */
static void decide(struct request *r)
{
	const struct catalog_edition *e = catalog_find(r->snapshot->catalog, r->activate.activation_id);
	struct ledger_request *l = &r->ledger;
	const struct ring_chain *chain;
	struct muster_err err = { 0 };
	char id[UUID_TEXT];

	l->edition = e;
	if (e == NULL) {
		uuid_format(id, r->activate.activation_id);
		l->refused = (uint32_t)CODE_UNSUPPORTED_PRODUCT;
		(void)snprintf(r->sentence, sizeof r->sentence, "No product of this host has the activation ID %s.", id);
		return;
	}
	r->grace_s = e->product->row.access != NULL ? e->product->row.access->grace_s : 0;
	if (!allowed(r, e->product))
		return;
	if (check(r, e, &err) != MUSTER_OK) {
		l->refused = err.code != 0 ? err.code : CODE_M_INTERNAL;
		api_sentence(r, err.message);
		return;
	}
	if (activation_moved(r->service->activation, e->product->row.activation_id)) {
		l->refused = (uint32_t)CODE_HARDWARE;
		api_sentence(r, "The host runs on other hardware than it was activated on, and grants nothing for this product until it is activated anew.");
		return;
	}
	r->view = ring_view(r->service->ring);
	chain = ring_find(r->view, e->product->row.activation_id, clock_wall_ms(r->service->clock) / 1000);
	if (chain != NULL) {
		l->certified = true;
		l->chain_end = chain->end * 1000;
	} else {
		(void)service_revoked(r->sentence, sizeof r->sentence, r->view, e->product->row.activation_id, clock_wall_ms(r->service->clock) / 1000);
	}
	take_lease(r, e->product);
}

enum MHD_Result api_activate(struct request *r)
{
	struct activate_fault fault;
	int parsed = activate_parse(&r->activate, (struct muster_span){ r->body.p, r->body.n }, &fault);

	if (r->activate.whole_key && !r->loopback && !r->tls)
		return key_in_clear(r);
	/* What is needed of it was copied, and is wiped with the request. */
	if (r->activate.whole_key && r->body.n > 0)
		OPENSSL_cleanse(r->body.p, r->body.n);
	if (parsed != MUSTER_OK)
		return request_problem(r, fault.code, fault.detail, fault.field, 0);
	if (atomic_load(&r->service->stopping))
		return request_problem(r, CODE_M_STOPPING, NULL, NULL, 0);
	if (api_moving(r))
		return api_moved(r);
	fill_ledger(r);
	decide(r);
	if (r->ledger.refused == 0 && r->ledger.edition->product->row.model == MUSTER_MODEL_COUNTED)
		return api_counted(r);
	if (r->ledger.refused == 0 && holdings_serve(r->ledger.edition->product))
		return api_holdings(r);
	return request_submit(r);
}

/* ---- after the commit ---- */

static void interval(struct buf *out, const char *name, uint32_t seconds)
{
	buf_addf(out, ",\"%s\":%u", name, (seconds + 59) / 60);
}

void api_activate_common(struct request *r, const struct setting_intervals *i, const struct catalog_product *p)
{
	char id[UUID_TEXT], time[TIME_RFC3339];
	struct buf *out = &r->out;

	uuid_format(id, p->row.activation_id);
	time_rfc3339(time, clock_wall_ms(r->service->clock));
	buf_addf(out, ",\"product\":\"%s\",\"activation_id\":\"%s\",\"count\":%u,\"minimum_count\":%u", p->row.name, id, r->ledger.count, r->ledger.minimum);
	interval(out, "activation_interval_minutes", i->retry_s);
	interval(out, "renewal_interval_minutes", i->renewal_s);
	buf_addf(out, ",\"rearm_max\":%u,\"time\":\"%s\"}\n", p->row.rearm_max, time);
}

static enum MHD_Result counted(struct request *r)
{
	const struct catalog_product *p = r->ledger.edition->product;
	const struct code_info *info = code_find((uint32_t)CODE_COUNT_LOW);
	struct setting_intervals i;
	struct buf *out = &r->out;

	settings_intervals(&i, &r->service->settings, r->snapshot->config, p);
	buf_addf(out, "{\"result\":\"counted\",\"code\":\"%s\",\"title\":", info->name);
	problem_text(out, info->title);
	buf_addf(out, ",\"detail\":\"%u machine%s reported in; %s needs %u.\",\"action\":", r->ledger.count, r->ledger.count == 1 ? " has" : "s have",
	         p->row.name, r->ledger.minimum);
	problem_text(out, info->action);
	buf_addf(out, ",\"retry_after_seconds\":%u", i.retry_s);
	api_activate_common(r, &i, p);
	return request_reply(r, MHD_HTTP_ACCEPTED, "application/json", i.retry_s);
}

static void fill_claims(const struct request *r, struct lease_claims *c, const struct ring_chain *chain, uint32_t renewal_s)
{
	const struct catalog_product *p = r->ledger.edition->product;
	const struct activate *a = &r->activate;

	memset(c, 0, sizeof *c);
	memcpy(c->issuer_id, chain->issuer_id, 16);
	memcpy(c->client_id, a->client_id, 16);
	memcpy(c->product_id, p->row.activation_id, 16);
	if (memcmp(a->activation_id, p->row.activation_id, 16) != 0)
		memcpy(c->edition_id, a->activation_id, 16);
	c->iat = r->ledger.at / 1000;
	c->exp = r->ledger.expires / 1000;
	(void)snprintf(c->jti, sizeof c->jti, "%s.%lld", r->service->host_id, (long long)r->ledger.seq);
	memcpy(c->nonce, a->nonce, sizeof c->nonce);
	c->nonce_len = a->nonce_len;
	memcpy(c->hw, a->hw, 32);
	c->has_hw = a->has_hw;
	memcpy(c->rel, a->release, 32);
	c->has_rel = a->has_release;
	c->count = r->ledger.count;
	c->minimum = r->ledger.minimum;
	c->renew = renewal_s;
	c->record = (p->row.flags & MUSTER_PRODUCT_RECORD) != 0;
}

static enum MHD_Result activated(struct request *r)
{
	const struct catalog_product *p = r->ledger.edition->product;
	const struct ring_chain *chain = ring_find(r->view, p->row.activation_id, clock_wall_ms(r->service->clock) / 1000);
	struct setting_intervals i;
	struct lease_claims claims;
	struct muster_err err = { 0 };
	char time[TIME_RFC3339];
	struct buf *out = &r->out;

	/* A repeat may find that the certificate ended since its first answer. */
	if (chain == NULL) {
		(void)service_revoked(r->sentence, sizeof r->sentence, r->view, p->row.activation_id, clock_wall_ms(r->service->clock) / 1000);
		return request_problem(r, (uint32_t)CODE_HOST_NOT_ACTIVATED, r->sentence, NULL, 0);
	}
	settings_intervals(&i, &r->service->settings, r->snapshot->config, p);
	fill_claims(r, &claims, chain, i.renewal_s);
	if (holdings_serve(p)) {
		api_holdings_claims(r, &claims);
		i.renewal_s = claims.renew;
	}
	if (claims.exp > chain->end)
		claims.exp = chain->end;
	buf_adds(out, "{\"result\":\"activated\",\"lease\":\"");
	if (lease_sign(out, chain->signer, &claims, &err) != MUSTER_OK)
		return request_error(r, &err);
	time_rfc3339(time, claims.exp * 1000);
	buf_addf(out, "\",\"expires_at\":\"%s\"", time);
	if (claims.record)
		buf_adds(out, ",\"record\":true");
	if (r->ledger.debt)
		buf_adds(out, ",\"over\":true");
	if (holdings_serve(p))
		api_holdings_members(r);
	else if (r->ledger.decided)
		buf_adds(out, ",\"assurance\":\"telephone\"");
	api_activate_common(r, &i, p);
	return request_reply(r, MHD_HTTP_OK, "application/json", 0);
}

enum MHD_Result api_activate_answer(struct request *r)
{
	if (r->ledger.decided && !r->ledger.grants && r->ledger.code == r->ledger.verdict)
		return holdings_serve(r->ledger.edition->product) ? api_holdings_answer(r) : api_counted_answer(r);
	if (r->ledger.code == CODE_OK)
		return activated(r);
	if (r->ledger.code == (uint32_t)CODE_COUNT_LOW)
		return counted(r);
	return api_ledger_refused(r);
}
