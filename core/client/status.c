/* What is known about a product without asking anybody. */
#include "core/client/client_private.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "core/base/err.h"

static void fill(struct muster_status *out, struct muster_client *c, const struct holding *h, const struct state_record *rec, int64_t now)
{
	const struct lease_claims *l = &h->claims;
	const struct crl *crl = client_crl(c);
	struct state_key key;
	char slot[STATE_SLOT];

	out->license_status = client_license_status(h, rec, now, &out->state_ends_at);
	(void)snprintf(out->client_id, sizeof out->client_id, "%s", c->id_text);
	out->valid = h->valid ? 1 : 0;
	if (h->perpetual) {
		out->perpetual = 1;
		out->granted_at = h->confirmation.iat;
		out->coverage_start = h->confirmation.coverage_start;
		out->coverage_end = out->expires_at = h->confirmation.coverage_end;
		out->key_number = h->confirmation.number;
		(void)snprintf(out->key_partial, sizeof out->key_partial, "%.5s", h->confirmation.partial);
	} else if (h->valid || h->clock_back) {
		out->granted_at = l->iat;
		out->expires_at = l->exp;
		out->record = l->record ? 1 : 0;
	}
	client_slot(slot, c, out->activation_id);
	if (counted_key(c, slot, &key, NULL) == MUSTER_OK) {
		out->has_key = 1;
		out->key_number = key.number;
		(void)snprintf(out->key_partial, sizeof out->key_partial, "%s", key.partial);
		OPENSSL_cleanse(&key, sizeof key);
	}
	out->telephone = h->valid && !h->perpetual ? rec->telephone : 0;
	if (crl != NULL) {
		out->crl_number = crl_number(crl);
		out->crl_made_at = crl_made(crl);
		out->crl_stale = crl_stale(crl, now) ? 1 : 0;
	}
	out->renew_at = h->perpetual ? 0 : rec->next_at;
	out->count = rec->answered != 0 ? rec->count : l->count;
	out->minimum_count = rec->answered != 0 ? rec->minimum_count : l->minimum;
	(void)snprintf(out->host, sizeof out->host, "%s", rec->host);
	(void)snprintf(out->product, sizeof out->product, "%s", rec->name);
	if (c->identity.rearm_max == 0)
		out->rearms_left = UINT32_MAX;
	else
		out->rearms_left = c->identity.rearms < c->identity.rearm_max ? c->identity.rearm_max - c->identity.rearms : 0;
	out->position = rec->position;
	out->seats = rec->seats;
	out->grace_seconds = client_grace(rec);
	memcpy(out->wanted_version, rec->version, sizeof out->wanted_version);
	memcpy(out->user, c->user, sizeof out->user);
	if (h->valid) {
		out->over = rec->over;
		out->access_per = rec->held_per;
		out->access_kind = rec->held_kind;
		memcpy(out->version, rec->held_version, sizeof out->version);
	}
	/* Without a lease the last answer is the reason. */
	(void)snprintf(out->reason, sizeof out->reason, "%s", !h->have && rec->message[0] != '\0' ? rec->message : h->reason);
}

int muster_client_status(struct muster_client *c, const char *activation_id, struct muster_status *status, struct muster_err *err)
{
	struct muster_status full = { .size = sizeof full };
	struct state_record rec;
	char slot[STATE_SLOT];
	struct state_identity identity;
	struct holding h;
	int64_t now = client_now(c);
	int r;

	MUSTER_ASSERT(c->magic == CLIENT_MAGIC);
	if ((r = client_activation_id(full.activation_id, activation_id, err)) != MUSTER_OK || (r = client_ready(c, err)) != MUSTER_OK)
		return r;
	/* No lock: every file is whole. Another process may have taken a new identity meanwhile. */
	if ((r = state_identity_load(&c->state, &identity, err)) != MUSTER_OK)
		return r;
	c->identity = identity;
	uuid_format(c->id_text, identity.client_id);
	client_slot(slot, c, full.activation_id);
	r = state_record_load(&c->state, slot, &rec, err);
	if (r != MUSTER_OK && r != MUSTER_E_NOT_FOUND)
		return r;
	if (client_holding(c, slot, &h, now, err) != MUSTER_OK)
		return MUSTER_E_NOMEM;
	if (r == MUSTER_E_NOT_FOUND && !h.have)
		return c->user[0] != '\0' ? err_set(err, MUSTER_E_NOT_FOUND, "%s: nothing has been asked for %.200s of this product", full.activation_id, c->user) :
			err_set(err, MUSTER_E_NOT_FOUND, "%s: nothing has been asked for this product: run `muster activate %s`", full.activation_id, full.activation_id);
	if (h.valid)
		client_mark(c, now);
	fill(&full, c, &h, &rec, now);
	return client_give(status, &full, sizeof full, offsetof(struct muster_status, reason) + sizeof full.reason, err);
}
