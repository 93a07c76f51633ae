/* Offline verification as applications use it: pure, no state folder, no network. */
#include "core/client/client_private.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"

static void fill(struct muster_claims *out, const struct lease_claims *in)
{
	uuid_format(out->issuer_id, in->issuer_id);
	uuid_format(out->client_id, in->client_id);
	uuid_format(out->activation_id, in->product_id);
	if (!uuid_is_nil(in->edition_id))
		uuid_format(out->edition_id, in->edition_id);
	(void)snprintf(out->jti, sizeof out->jti, "%s", in->jti);
	out->issued_at = in->iat;
	out->expires_at = in->exp;
	out->count = in->count;
	out->minimum_count = in->minimum;
	out->renewal_s = in->renew;
	out->record = in->record ? 1 : 0;
	if (in->has_usr)
		(void)b64_encode(out->user_hash, in->usr, sizeof in->usr);
}

static int read_id(uint8_t out[16], const char *what, const char *text, struct muster_err *err)
{
	if (uuid_parse(out, text, strlen(text)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "the %s \"%.60s\" is not a UUID", what, text);
	return MUSTER_OK;
}

int muster_lease_verify(struct muster_claims *claims, struct muster_span issuer_pem, struct muster_span chain_pem, struct muster_span lease,
                        const char *client_id, const char *activation_id, const uint8_t *hardware_id, int64_t now, struct muster_err *err)
{
	struct muster_claims full = { .size = sizeof full }, none = { 0 };
	struct trust_anchors *anchors = NULL;
	struct trust_chain *chain = NULL;
	struct lease_expect expect = { .hw = hardware_id };
	struct lease_claims c;
	uint8_t client[16], product[16];
	int r;

	if ((r = client_give(claims, &none, sizeof none, offsetof(struct muster_claims, record) + sizeof none.record, err)) != MUSTER_OK)
		return r;
	if (client_id != NULL) {
		if ((r = read_id(client, "client ID", client_id, err)) != MUSTER_OK)
			return r;
		expect.client_id = client;
	}
	if (activation_id != NULL && (r = read_id(product, "activation ID", activation_id, err)) != MUSTER_OK)
		return r;
	if (lease.n > TRUST_LEASE_MAX)
		return err_set(err, MUSTER_E_INVALID, "the lease is longer than %d bytes", TRUST_LEASE_MAX);
	if ((r = trust_anchors_read(&anchors, issuer_pem, err)) != MUSTER_OK || (r = trust_chain_read(&chain, chain_pem, err)) != MUSTER_OK ||
	    (r = lease_verify(&c, lease, chain, anchors, &expect, now, err)) != MUSTER_OK)
		goto done;
	if (activation_id != NULL && !uuid_equal(product, c.product_id) && !uuid_equal(product, c.edition_id)) {
		r = err_set(err, MUSTER_E_MISMATCH, "the lease is for another product");
		goto done;
	}
	fill(&full, &c);
	r = client_give(claims, &full, sizeof full, sizeof full.size, err);
done:
	trust_chain_unref(chain);
	trust_anchors_free(anchors);
	return r;
}

int muster_lease_revoked(struct muster_span issuer_pem, struct muster_span chain_pem, struct muster_span lease, struct muster_span crl_pem, int64_t now,
                         struct muster_err *err)
{
	struct trust_anchors *anchors = NULL;
	struct trust_chain *chain = NULL;
	struct crl *crl = NULL;
	struct lease_claims c;
	int r;

	if ((r = trust_anchors_read(&anchors, issuer_pem, err)) == MUSTER_OK && (r = trust_chain_read(&chain, chain_pem, err)) == MUSTER_OK &&
	    (r = crl_read(&crl, crl_pem, anchors, now, err)) == MUSTER_OK && (r = lease_verify(&c, lease, chain, anchors, NULL, now, err)) == MUSTER_OK)
		r = crl_permits(crl, trust_chain_signer(chain), c.iat, "the host that signed the lease", err);
	crl_unref(crl);
	trust_chain_unref(chain);
	trust_anchors_free(anchors);
	return r;
}

static void fill_confirmation(struct muster_confirmation *out, const struct confirmation *in)
{
	out->key_number = in->number;
	out->key_kind[0] = in->kind;
	(void)snprintf(out->key_partial, sizeof out->key_partial, "%s", in->partial);
	uuid_format(out->issuer_id, in->issuer_id);
	uuid_format(out->jti, in->id);
	uuid_format(out->activation_id, in->products[0]);
	out->product_count = (uint32_t)in->product_count;
	out->issued_at = in->iat;
	out->coverage_start = in->coverage_start;
	out->coverage_end = in->coverage_end;
}

int muster_confirmation_verify(struct muster_confirmation *confirmation, struct muster_span issuer_pem, struct muster_span token, struct muster_span crl_pem,
                               const char *activation_id, const uint8_t *hardware_id, int64_t now, struct muster_err *err)
{
	struct muster_confirmation full = { .size = sizeof full }, none = { 0 };
	struct trust_anchors *anchors = NULL;
	struct crl *crl = NULL;
	struct confirmation c;
	char id[UUID_TEXT];
	int r;

	if ((r = client_give(confirmation, &none, sizeof none, sizeof none, err)) != MUSTER_OK ||
	    (activation_id != NULL && (r = client_activation_id(id, activation_id, err)) != MUSTER_OK))
		return r;
	if ((r = trust_anchors_read(&anchors, issuer_pem, err)) != MUSTER_OK || (crl_pem.n > 0 && (r = crl_read(&crl, crl_pem, anchors, now, err)) != MUSTER_OK) ||
	    (r = confirmation_read(&c, token, anchors, crl, now, err)) != MUSTER_OK ||
	    (r = counted_check(&c, activation_id != NULL ? id : NULL, hardware_id, err)) != MUSTER_OK || (r = counted_coverage(&c, now, err)) != MUSTER_OK)
		goto done;
	fill_confirmation(&full, &c);
	if (activation_id != NULL)
		memcpy(full.activation_id, id, sizeof id);
	r = client_give(confirmation, &full, sizeof full, sizeof full.size, err);
done:
	crl_unref(crl);
	trust_anchors_free(anchors);
	return r;
}
