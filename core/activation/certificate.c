/* Certificates that come for this host's keys, and recording that they activate it. */
#include "core/activation/internal.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/hardware.h"
#include "core/base/mem.h"

int certificate_fits(const struct trust_chain *chain, const struct held_key *k, struct muster_err *err)
{
	const uint8_t (*ids)[16];
	size_t n;

	ids = trust_chain_products(chain, &n);
	for (size_t i = 0; i < n; i++)
		if (!key_names(k, ids[i]))
			return err_code(err, MUSTER_E_MISMATCH, CODE_M_PACK_FOREIGN, "the certificate names a product that the licence pack does not license with this key");
	return MUSTER_OK;
}

static int64_t chain_end(const struct activation *a, const char *kid)
{
	struct trust_view *view = ring_view(a->ring);
	const struct ring_chain *c = ring_by_kid(view, kid, strlen(kid));
	int64_t end = c != NULL ? c->end : 0;

	ring_view_unref(view);
	return end;
}

/* Which host was activated: that of the answered ID, else this one. */
static int put_binding(struct held_key *k, const struct activation *a, const struct held_id *answered, struct muster_err *err)
{
	if (answered == NULL)
		return binding_of_this(k->binding, &k->source, a, k->issuer_id, HARDWARE_BEST, err);
	memcpy(k->binding, answered->binding, BINDING_SIZE);
	k->source = answered->source;
	return MUSTER_OK;
}

int record_activated(struct activation *a, struct act *t, const char *actor, enum activation_journal_kind kind, const struct held_key *k, const struct held_id *answered,
                     const char *method, const struct trust_chain *chain, struct muster_err *err)
{
	const char *kid = trust_chain_kid(chain);
	struct held_key now = *k;
	struct held_id id;
	int r;

	now.activated_at = activation_now(a);
	now.ends_at = chain_end(a, kid);
	(void)snprintf(now.method, sizeof now.method, "%s", method);
	(void)snprintf(now.kid, sizeof now.kid, "%s", kid);
	if ((r = put_binding(&now, a, answered, err)) != MUSTER_OK)
		return r;
	act_put_key(t, &now);
	act_delete(t, ACTIVATION_R_RETIRED, span_str(kid));
	if (answered != NULL) {
		id = *answered;
		id.answered_at = now.activated_at;
		(void)snprintf(id.method, sizeof id.method, "%s", method);
		act_put_id(t, &id);
	}
	if ((r = act_commit(a, t, actor, kind, k->partial, err, "%s, certificate %s", method, kid)) != MUSTER_OK)
		return r;
	if ((r = memory_put_key(a, &now, err)) != MUSTER_OK || (answered != NULL && (r = memory_put_id(a, &id, err)) != MUSTER_OK))
		return r;
	activation_say(a, 5, "activated", "key ...-%s: this host is activated (%s)", now.partial, method);
	if ((r = ring_retire(a->ring, kid, false, err)) != MUSTER_OK)
		return r;
	return binding_check(a, err);
}

json_t *activated_json(const struct activation *a, const struct catalog *c, const struct held_key *k, const char *message)
{
	(void)a;
	return json_pack("{s:o, s:o, s:s, s:s, s:I}", "products", products_json(c, (const uint8_t (*)[16])k->products, k->product_count), "ends_at", time_json(k->ends_at),
		"message", message, "partial", k->partial, "number", (json_int_t)k->number);
}

/* ---- the answer to a request of this host, as a file ---- */

static bool pack_names(const struct held_pack *p, const uint8_t id[16])
{
	for (size_t i = 0; i < p->pack->key_count; i++)
		if (pack_key_names(&p->pack->keys[i], id))
			return true;
	return false;
}

/* Where a pack of the product's issuer is installed, a certificate names only what such packs license. An issuer that works without packs certifies as it likes. */
static int check_packs(const struct activation *a, const struct trust_chain *chain, struct muster_err *err)
{
	const uint8_t (*ids)[16];
	size_t n;

	ids = trust_chain_products(chain, &n);
	for (size_t i = 0; i < n; i++) {
		const struct catalog_product *p = product_with_id(a->catalog, ids[i]);
		bool any = false, named = false;

		for (size_t k = 0; p != NULL && p->issuer != NULL && k < a->pack_count; k++) {
			if (strcmp(a->packs[k].issuer, p->issuer) != 0)
				continue;
			any = true;
			named = named || pack_names(&a->packs[k], ids[i]);
		}
		if (any && !named)
			return err_code(err, MUSTER_E_MISMATCH, CODE_M_PACK_FOREIGN, "the certificate names %s, which no installed licence pack of the issuer %s licenses", p->row.name, p->issuer);
	}
	return MUSTER_OK;
}

/* The key that the certificate is for: one that waits for an answer, else one that is not activated. NULL: none. */
static struct held_key *key_of(const struct activation *a, const struct trust_chain *chain)
{
	struct held_key *found = NULL;

	for (size_t i = 0; i < a->key_count; i++) {
		struct held_key *k = &a->keys[i];
		struct muster_err err;

		if (!key_activates_host(k->kind) || certificate_fits(chain, k, &err) != MUSTER_OK || strcmp(k->kid, trust_chain_kid(chain)) == 0)
			continue;
		if (pending_find(a, k) != NULL)
			return k;
		if (k->activated_at == 0)
			found = k;
	}
	return found;
}

int activation_chain_install(struct activation *a, const char *actor, struct muster_span pem, char *kid, int64_t *end, bool *activated, struct muster_err *err)
{
	const struct held_id *answered;
	struct trust_chain *chain = NULL;
	struct act t = { 0 };
	struct held_key *k;
	int r;

	*activated = false;
	if ((r = trust_chain_read(&chain, pem, err)) != MUSTER_OK)
		return r;
	activation_begin(a);
	if ((r = check_packs(a, chain, err)) == MUSTER_OK && (r = ring_install(a->ring, pem, kid, end, err)) == MUSTER_OK && (k = key_of(a, chain)) != NULL) {
		answered = pending_find(a, k);
		r = record_activated(a, &t, actor, ACTIVATION_J_CONFIRMATION_ID, k, answered, "file", chain, err);
		*activated = r == MUSTER_OK;
	}
	act_fini(&t);
	activation_end(a);
	trust_chain_unref(chain);
	return r;
}
