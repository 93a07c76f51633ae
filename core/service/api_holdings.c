/* Products with embedded keys, access licences and seats (protocol.md section 3): decided by core/holdings, recorded by the ledger, then answered. */
#include "core/service/api.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/licensing/threshold.h"
#include "core/service/problem.h"

/* ---- before the ledger ---- */

/* On the holdings' thread: the ledger has it next. */
static void decided(struct holdings_request *q)
{
	struct request *r = q->user_data;

	if (q->code == CODE_OK || q->code == CODE_M_QUEUED) {
		r->ledger.decided = true;
		r->ledger.grants = q->code == CODE_OK;
		r->ledger.verdict = q->code;
		r->ledger.until = q->until;
		r->ledger.debt = q->over;
		r->ledger.used = (uint32_t)q->used;
	} else {
		r->ledger.refused = q->code;
		r->wait_s = q->retry_after;
		api_sentence(r, q->detail);
	}
	request_hand_over(r);
}

static void released(struct holdings_request *q)
{
	struct request *r = q->user_data;

	if (q->code != CODE_OK) {
		r->ledger.refused = q->code;
		api_sentence(r, q->detail);
	}
	request_hand_over(r);
}

/* What both questions have in common: the ledger's request was filled. */
static void begin(struct request *r, void (*done)(struct holdings_request *))
{
	const struct ledger_request *l = &r->ledger;
	struct holdings_request *q = &r->holdings;

	memset(q, 0, sizeof *q);
	q->catalog = r->snapshot->catalog;
	q->product = l->edition->product;
	memcpy(q->activation_id, l->activation_id, sizeof q->activation_id);
	memcpy(q->client, l->client, sizeof q->client);
	memcpy(q->hw, l->hw, sizeof q->hw);
	q->has_hw = l->has_hw;
	q->is_virtual = l->is_virtual;
	q->certified = l->certified;
	memcpy(q->addr, l->addr, sizeof q->addr);
	q->addr_len = l->addr_len;
	q->loopback = l->loopback;
	q->lease_known = l->lease_known;
	q->name = l->name;
	q->user = q->version = "";
	q->done = done;
	q->user_data = r;
}

static void fill(struct request *r)
{
	const struct activate *a = &r->activate;
	struct holdings_request *q = &r->holdings;

	begin(r, decided);
	q->per = a->per;
	q->user = a->user;
	q->version = a->version;
	q->queue = a->queue;
	q->has_key = a->has_key && !a->whole_key;
	q->key_kind = a->key_kind;
	q->key_number = a->key_number;
	memcpy(q->proof, a->key_proof, sizeof q->proof);
	if (a->whole_key) {
		q->whole_key = a->key_text;
		q->whole_key_n = a->key_text_n;
	}
	memcpy(q->nonce, a->nonce, sizeof q->nonce);
	q->nonce_len = a->nonce_len;
}

/*
 * What the ledger would refuse after a seat or licence was taken is refused before it is: the clock (its own, or the host's) and the hardware of the lease
 * presented. A host that cannot sign takes nothing either. The ledger looks again and says it in its own words; @return the code should it see it otherwise, 0: none.
 */
static uint32_t stands_no_chance(struct request *r)
{
	const struct ledger_request *l = &r->ledger;
	int64_t now = clock_wall_ms(r->service->clock), skew = l->client_time - now, tolerance = (int64_t)r->snapshot->config->host.clock_skew * 1000;
	bool held;

	if (!l->certified || l->chain_end - now < THRESHOLD_CHAIN_LEAST_MS)
		return (uint32_t)CODE_HOST_NOT_ACTIVATED;
	if (skew > tolerance || skew < -tolerance)
		return (uint32_t)CODE_TIMESTAMP;
	if (l->lease_known && l->has_lease_hw && l->has_hw && l->lease_hw[0] == l->hw[0] && memcmp(l->lease_hw, l->hw, sizeof l->hw) != 0)
		return CODE_M_DUPLICATE;
	(void)ledger_age_time(r->service->ledger, &held);
	return held ? (uint32_t)CODE_TIMESTAMP : 0;
}

enum MHD_Result api_holdings(struct request *r)
{
	uint32_t code = stands_no_chance(r);

	if (code != 0) {
		r->ledger.decided = true;
		r->ledger.verdict = code;
		return request_submit(r);
	}
	fill(r);
	request_suspend(r);
	if (holdings_submit(r->service->holdings, &r->holdings) != MUSTER_OK)
		request_turn_away(r);
	return MHD_YES;
}

enum MHD_Result api_holdings_release(struct request *r, int64_t lease_at)
{
	begin(r, released);
	r->holdings.release = true;
	r->holdings.lease_at = lease_at;
	request_suspend(r);
	if (holdings_submit(r->service->holdings, &r->holdings) != MUSTER_OK)
		request_turn_away(r);
	return MHD_YES;
}

/* ---- after the commit ---- */

void api_holdings_claims(const struct request *r, struct lease_claims *c)
{
	const struct holdings_request *q = &r->holdings;

	c->count = (uint32_t)q->used;
	c->minimum = 0;
	if (q->renew_s != 0)
		c->renew = q->renew_s;
	if (q->product->row.model == MUSTER_MODEL_ACCESS && q->per == MUSTER_PER_USER)
		c->has_usr = trust_user_hash(c->usr, (struct muster_span){ (const uint8_t *)q->user, strlen(q->user) }) == MUSTER_OK;
}

static const char *kind_word(uint32_t state)
{
	return state == HOLDINGS_TEMPORARY ? "temporary" : state == HOLDINGS_PERMANENT ? "permanent" : "user";
}

void api_holdings_members(struct request *r)
{
	const struct holdings_request *q = &r->holdings;
	char version[MUSTER_NAME_MAX + 1];
	struct buf *out = &r->out;

	if (q->product->row.model == MUSTER_MODEL_ACCESS) {
		buf_addf(out, ",\"access\":{\"per\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"}", q->per == MUSTER_PER_USER ? "user" : "device",
		         holdings_version_text(version, q->product, q->generation), kind_word(q->state));
	}
	if (q->product->row.model == MUSTER_MODEL_SEATS)
		buf_addf(out, ",\"seats\":%llu", (unsigned long long)q->total);
	if (r->grace_s > 0)
		buf_addf(out, ",\"grace_seconds\":%u", r->grace_s);
	r->ledger.count = (uint32_t)q->used;
	r->ledger.minimum = 0;
}

static enum MHD_Result queued(struct request *r)
{
	const struct catalog_product *p = r->ledger.edition->product;
	const struct code_info *info = code_find(CODE_M_QUEUED);
	const struct holdings_request *q = &r->holdings;
	struct setting_intervals i;
	struct buf *out = &r->out;

	settings_intervals(&i, &r->service->settings, r->snapshot->config, p);
	buf_addf(out, "{\"result\":\"queued\",\"code\":\"%s\",\"title\":", info->name);
	problem_text(out, info->title);
	buf_adds(out, ",\"detail\":");
	problem_text(out, q->detail[0] != '\0' ? q->detail : info->meaning);
	buf_adds(out, ",\"action\":");
	problem_text(out, info->action);
	buf_addf(out, ",\"position\":%u,\"retry_after_seconds\":%u", q->position, q->retry_after);
	api_holdings_members(r);
	api_activate_common(r, &i, p);
	return request_reply(r, MHD_HTTP_ACCEPTED, "application/json", q->retry_after);
}

enum MHD_Result api_holdings_answer(struct request *r)
{
	return r->ledger.code == CODE_M_QUEUED ? queued(r) : api_ledger_refused(r);
}
