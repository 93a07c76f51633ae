#include "core/service/api.h"

#include <openssl/crypto.h>
#include <string.h>

#include "core/base/codes.h"

/* The product whose lease this is: by the SAN URI it names, which is the product's own activation ID. */
static enum MHD_Result submit(struct request *r, const struct lease_claims *claims)
{
	struct ledger_request *l = &r->ledger;

	api_ledger_begin(r, LEDGER_RELEASE);
	l->edition = catalog_find(r->snapshot->catalog, claims->product_id);
	if (l->edition == NULL)
		return request_problem(r, (uint32_t)CODE_UNSUPPORTED_PRODUCT, "The product of this lease is no longer a product of this host.", NULL, 0);
	r->grace_s = l->edition->product->row.access != NULL ? l->edition->product->row.access->grace_s : 0;
	memcpy(l->activation_id, claims->product_id, 16);
	memcpy(l->client, claims->client_id, 16);
	memcpy(l->hw, claims->hw, 32);
	l->has_hw = claims->has_hw;
	l->lease_known = true;
	l->has_lease_hw = claims->has_hw;
	memcpy(l->lease_hw, claims->hw, 32);
	api_lease_origin(l, r->service, claims->jti);
	l->client_time = clock_wall_ms(r->service->clock);
	/* Named by the release hash, not by the lease's nonce: that names the activation, of which this is no repeat. */
	memcpy(l->nonce, claims->rel, sizeof claims->rel);
	l->nonce_len = sizeof claims->rel;
	switch (l->edition->product->row.model) {
	case MUSTER_MODEL_SEATS:
		return api_holdings_release(r, claims->iat);
	case MUSTER_MODEL_ACCESS:
		l->refused = CODE_M_KEPT;
		break;
	default:
		break;
	}
	return request_submit(r);
}

enum MHD_Result api_release(struct request *r)
{
	struct release_body body;
	struct activate_fault fault;
	struct lease_claims claims;
	struct muster_err err = { 0 };
	uint8_t hash[32];
	enum MHD_Result result;

	if (release_parse(&body, (struct muster_span){ r->body.p, r->body.n }, &fault) != MUSTER_OK)
		return request_problem(r, fault.code, fault.detail, fault.field, 0);
	if (atomic_load(&r->service->stopping))
		result = request_problem(r, CODE_M_STOPPING, NULL, NULL, 0);
	else if (api_moving(r))
		result = api_moved(r);
	else if (api_lease(r, &claims, body.lease, body.lease_len, NULL, &err) != MUSTER_OK)
		result = request_problem(r, CODE_M_LEASE, err.message, NULL, 0);
	else if (!claims.has_rel || trust_release_hash(hash, body.secret) != MUSTER_OK || CRYPTO_memcmp(hash, claims.rel, sizeof hash) != 0)
		result = request_problem(r, CODE_M_RELEASE, claims.has_rel ? NULL : "The lease was granted without a release hash and ends by itself.", NULL, 0);
	else
		result = submit(r, &claims);
	OPENSSL_cleanse(body.secret, sizeof body.secret);
	return result;
}

enum MHD_Result api_release_answer(struct request *r)
{
	char time[TIME_RFC3339];

	if (r->ledger.code != CODE_OK)
		return api_ledger_refused(r);
	time_rfc3339(time, clock_wall_ms(r->service->clock));
	buf_addf(&r->out, "{\"result\":\"released\",\"product\":\"%s\",\"time\":\"%s\"}\n", r->ledger.edition->product->row.name, time);
	return request_reply(r, MHD_HTTP_OK, "application/json", 0);
}
