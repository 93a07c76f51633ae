/* Products with counted keys (protocol.md section 3): decided by core/activation, recorded by the ledger, then answered. */
#include "core/service/api.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/service/problem.h"

/* On the activation's thread: the ledger has it next. */
static void decided(struct counted_request *q)
{
	struct request *r = q->user;

	if (q->code == CODE_OK || q->code == CODE_M_PENDING) {
		r->ledger.decided = true;
		r->ledger.grants = q->telephone;
		r->ledger.verdict = q->code;
	} else {
		r->ledger.refused = q->code;
		api_sentence(r, q->detail);
	}
	request_hand_over(r);
}

static void fill(struct request *r)
{
	const struct activate *a = &r->activate;
	struct counted_request *q = &r->counted;

	memset(q, 0, sizeof *q);
	q->catalog = r->snapshot->catalog;
	q->product = r->ledger.edition->product;
	memcpy(q->activation_id, a->activation_id, sizeof q->activation_id);
	memcpy(q->client, a->client_id, sizeof q->client);
	memcpy(q->hw, a->hw, sizeof q->hw);
	q->has_hw = a->has_hw;
	q->has_key = a->has_key;
	q->key_kind = a->key_kind;
	q->key_number = a->key_number;
	memcpy(q->proof, a->key_proof, sizeof q->proof);
	memcpy(q->nonce, a->nonce, sizeof q->nonce);
	q->nonce_len = a->nonce_len;
	q->facts = a->facts;
	q->done = decided;
	q->user = r;
}

enum MHD_Result api_counted(struct request *r)
{
	if (r->activate.whole_key) {
		r->ledger.refused = CODE_M_FIELD;
		api_sentence(r, "key must be an object with kind, number and proof: a counted key is proven, never sent.");
		return request_submit(r);
	}
	fill(r);
	request_suspend(r);
	if (activation_counted_submit(r->service->activation, &r->counted) != MUSTER_OK)
		request_turn_away(r);
	return MHD_YES;
}

/* ---- after the commit ---- */

static void tally(struct buf *out, const struct counted_request *q)
{
	if (q->allowed < 0 || q->used < 0)
		return;
	buf_addf(out, ",\"allowed\":%lld,\"used\":%lld,\"remaining\":%lld", (long long)q->allowed, (long long)q->used, (long long)(q->allowed > q->used ? q->allowed - q->used : 0));
}

static enum MHD_Result pending(struct request *r, const struct setting_intervals *i)
{
	const struct code_info *info = code_find(CODE_M_PENDING);
	struct buf *out = &r->out;

	buf_addf(out, "{\"result\":\"pending\",\"code\":\"%s\",\"title\":", info->name);
	problem_text(out, info->title);
	buf_adds(out, ",\"detail\":");
	problem_text(out, r->counted.detail);
	buf_adds(out, ",\"action\":");
	problem_text(out, info->action);
	buf_addf(out, ",\"retry_after_seconds\":%u", r->counted.retry_after);
	api_activate_common(r, i, r->ledger.edition->product);
	return request_reply(r, MHD_HTTP_ACCEPTED, "application/json", r->counted.retry_after);
}

enum MHD_Result api_counted_answer(struct request *r)
{
	const struct catalog_product *p = r->ledger.edition->product;
	struct setting_intervals i;
	struct buf *out = &r->out;

	settings_intervals(&i, &r->service->settings, r->snapshot->config, p);
	if (r->ledger.code == CODE_M_PENDING)
		return pending(r, &i);
	/* A compact JWS needs no escaping. */
	buf_adds(out, "{\"result\":\"activated\",\"confirmation\":\"");
	buf_add(out, r->counted.statement, r->counted.statement_n);
	buf_addc(out, '"');
	if ((p->row.flags & MUSTER_PRODUCT_RECORD) != 0)
		buf_adds(out, ",\"record\":true");
	tally(out, &r->counted);
	api_activate_common(r, &i, p);
	return request_reply(r, MHD_HTTP_OK, "application/json", 0);
}
