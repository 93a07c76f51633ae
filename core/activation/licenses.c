/* What packs license beside activations: access licences, seats, embedded keys; and secrets of core/holdings (trust.md sections 8 and 11). */
#include "core/activation/internal.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"

static bool counts(const struct held_pack *p, int64_t now)
{
	return !p->elsewhere && p->pack->exp > now;
}

/* For one product: keys of a kind, until one is enough. The lock is held. */
static bool each_key(const struct activation *a, const uint8_t product[16], char kind, bool (*fn)(void *ctx, const struct held_pack *, const struct pack_key *), void *ctx)
{
	for (size_t i = 0; i < a->pack_count; i++) {
		const struct held_pack *p = &a->packs[i];

		for (size_t j = 0; !p->superseded && j < p->pack->key_count; j++)
			if (p->pack->keys[j].kind == kind && pack_key_names(&p->pack->keys[j], product) && fn(ctx, p, &p->pack->keys[j]))
				return true;
	}
	return false;
}

struct summing { void (*fn)(void *, const struct activation_capacity *); void *ctx; int64_t now; };

static bool tell_capacity(void *ctx, const struct held_pack *held, const struct pack_key *k)
{
	const struct summing *s = ctx;
	const struct pack *p = held->pack;
	struct activation_capacity one = { .per = k->per, .version = k->version, .licenses = k->licenses, .number = k->number, .starts_at = p->iat, .ends_at = p->exp };

	/* device and user licences are worth something only on the host they were bought for */
	if (k->licenses == 0 || (k->per != 0 && !p->has_host))
		return false;
	if (k->coverage_start > one.starts_at)
		one.starts_at = k->coverage_start;
	if (k->coverage_end != 0 && k->coverage_end < one.ends_at)
		one.ends_at = k->coverage_end;
	if (!counts(held, s->now) || one.ends_at <= s->now) {
		if (k->per != 0)
			return false;
		one.licenses = 0;   /* that packs name seats at all does not end with them */
	}
	s->fn(s->ctx, &one);
	return false;
}

int activation_capacity(struct activation *a, const struct catalog_product *p, void (*fn)(void *ctx, const struct activation_capacity *), void *ctx, struct muster_err *err)
{
	struct summing s = { .fn = fn, .ctx = ctx, .now = activation_now(a) };

	(void)err;
	pthread_mutex_lock(&a->lock);
	(void)each_key(a, p->row.activation_id, PRODUCT_KEY_ACCESS, tell_capacity, &s);
	pthread_mutex_unlock(&a->lock);
	return MUSTER_OK;
}

uint64_t activation_packs_change(const struct activation *a)
{
	return atomic_load(&a->packs_change);
}

struct looking { uint32_t number; uint8_t *proof_key; int64_t now; };

static bool is_embedded(void *ctx, const struct held_pack *p, const struct pack_key *k)
{
	const struct looking *l = ctx;

	if (!counts(p, l->now) || k->number != l->number || !k->has_proof_key)
		return false;
	memcpy(l->proof_key, k->proof_key, sizeof k->proof_key);
	return true;
}

int activation_embedded_key(struct activation *a, const uint8_t product[16], uint32_t number, uint8_t proof_key[32], struct muster_err *err)
{
	struct looking l = { .number = number, .proof_key = proof_key, .now = activation_now(a) };
	bool found;

	memset(proof_key, 0, 32);
	pthread_mutex_lock(&a->lock);
	found = each_key(a, product, PRODUCT_KEY_EMBEDDED, is_embedded, &l);
	pthread_mutex_unlock(&a->lock);
	return found ? MUSTER_OK : err_set(err, MUSTER_E_NOT_FOUND, "no installed licence pack names an embedded key with the number %u for this product", number);
}

int activation_issuer_id(struct activation *a, const struct catalog_product *p, uint8_t out[16], struct muster_err *err)
{
	struct trust_view *view = ring_view(a->ring);
	const struct trust_anchors *anchors = p->issuer != NULL ? ring_anchors(view, p->issuer) : NULL;

	if (anchors != NULL)
		memcpy(out, trust_anchors_issuer_id(anchors), 16);
	ring_view_unref(view);
	return anchors != NULL ? MUSTER_OK : err_set(err, MUSTER_E_NOT_FOUND, "%s has no issuer whose root is installed on this host", p->row.name);
}

void activation_hold(struct activation *a)
{
	activation_begin(a);
}

void activation_let(struct activation *a)
{
	activation_end(a);
}

int activation_seal_held(struct activation *a, const char *kind, struct muster_span id, struct muster_span plain, struct buf *out, struct muster_err *err)
{
	return seal_record(out, a, kind, id, plain, err);
}

int activation_unseal_held(struct activation *a, const char *kind, struct muster_span id, struct muster_span sealed, struct buf *plain, struct muster_err *err)
{
	return unseal_record(plain, a, kind, id, sealed, err);
}

int activation_seal(struct activation *a, const char *kind, struct muster_span id, struct muster_span plain, struct buf *out, struct muster_err *err)
{
	int r;

	activation_begin(a);
	r = seal_record(out, a, kind, id, plain, err);
	activation_end(a);
	return r;
}

int activation_unseal(struct activation *a, const char *kind, struct muster_span id, struct muster_span sealed, struct buf *plain, struct muster_err *err)
{
	int r;

	activation_begin(a);
	r = unseal_record(plain, a, kind, id, sealed, err);
	activation_end(a);
	return r;
}
