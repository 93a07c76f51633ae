/* Revocation lists on the host: kept as records, the highest number of each issuer, wherever they come from (trust.md section 1). */
#include "core/activation/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define DAY_MS INT64_C(86400000)

/* Under the issuer that signed it. With several pinned, the refusal closest to success is reported. */
static int verify(struct crl **out, const char **issuer, const struct activation *a, struct muster_span pem, struct muster_err *err)
{
	struct trust_view *view = ring_view(a->ring);
	struct muster_err one = { 0 };
	int r = MUSTER_E_SIGNATURE;

	*out = NULL;
	(void)err_set(err, r, a->issuer_count == 0 ? "no issuer is configured: add an [issuer NAME] section with its roots" :
	              "the revocation list was signed by none of the %zu issuers of the configuration", a->issuer_count);
	for (size_t i = 0; i < a->issuer_count; i++) {
		const struct trust_anchors *anchors = ring_anchors(view, a->issuers[i].name);
		int e;

		if (anchors == NULL)
			continue;
		if ((e = crl_read(out, pem, anchors, activation_now(a), &one)) == MUSTER_OK) {
			*issuer = a->issuers[i].name;
			r = e;
			break;
		}
		if (e != MUSTER_E_SIGNATURE || a->issuer_count == 1)
			r = err_set(err, e, "%s", one.message);
	}
	ring_view_unref(view);
	return r;
}

static json_t *crl_json(const char *issuer, const struct crl *c, int64_t now)
{
	return json_pack("{s:s, s:I, s:o, s:o, s:I, s:b}", "issuer", issuer, "number", (json_int_t)crl_number(c), "made_at", time_json(crl_made(c)), "next_at",
		time_json(crl_next(c)), "revoked", (json_int_t)crl_count(c), "stale", crl_stale(c, now));
}

/* Which certificates of this host are on the list: said once, when it comes. */
static void say_own(const struct activation *a, const char *issuer)
{
	struct trust_view *view = ring_view(a->ring);
	const struct ring_chain *chains;
	size_t n;

	chains = ring_chains(view, &n);
	for (size_t i = 0; i < n; i++) {
		char at[TIME_RFC3339];

		if (chains[i].revoked == NULL || strcmp(chains[i].issuer, issuer) != 0)
			continue;
		time_rfc3339(at, chains[i].revoked->at * 1000);
		activation_say(a, 3, "certificate-revoked", "the issuer %s revoked this host's certificate %s at %s (%s): it signs nothing any more", issuer,
		               trust_chain_kid(chains[i].chain), at, crl_reason_word(chains[i].revoked->reason));
	}
	ring_view_unref(view);
}

/* Record it and let it count. Acts held. @return MUSTER_E_EXISTS: one of this number or a higher is kept. */
static int keep(struct activation *a, const char *actor, const char *issuer, struct crl *c, struct muster_err *err)
{
	struct act t = { 0 };
	struct trust_view *view = ring_view(a->ring);
	const struct crl *old = ring_crl(view, issuer);
	int r = MUSTER_OK;

	if (old != NULL && strcmp(crl_pem(old), crl_pem(c)) == 0)
		goto done;
	if (old != NULL && crl_number(c) <= crl_number(old)) {
		r = err_set(err, MUSTER_E_EXISTS, "the revocation list has the number %" PRIu64 "; this host knows number %" PRIu64 " of the issuer %s already", crl_number(c),
		            crl_number(old), issuer);
		goto done;
	}
	act_put(&t, ACTIVATION_R_CRL, span_of(crl_issuer_id(c), UUID_LEN), span_str(crl_pem(c)));
	if ((r = act_commit(a, &t, actor, ACTIVATION_J_CRL, issuer, err, "revocation list %" PRIu64 ", %zu certificates", crl_number(c), crl_count(c))) != MUSTER_OK ||
	    (r = ring_set_crl(a->ring, c, err)) != MUSTER_OK)
		goto done;
	activation_say(a, 5, "revocation-list", "issuer %s: list %" PRIu64 " is kept, %zu certificates revoked", issuer, crl_number(c), crl_count(c));
	say_own(a, issuer);
done:
	ring_view_unref(view);
	return r;
}

void crl_take(struct activation *a, const char *from, struct muster_span pem)
{
	struct muster_err err = { 0 };
	const char *issuer = NULL;
	struct crl *c;
	int r;

	if ((r = verify(&c, &issuer, a, pem, &err)) == MUSTER_OK)
		r = keep(a, ACTIVATION_SELF, issuer, c, &err);
	/* An older one is usual: packs and answers carry the list of their day. */
	if (r != MUSTER_OK && r != MUSTER_E_EXISTS)
		activation_say(a, 4, "revocation-list", "the list that came with %s is not taken: %s", from, err.message);
	crl_unref(c);
}

struct loading { struct activation *a; struct muster_err *err; };

static int load_one(void *ctx, const struct store_record *x)
{
	struct loading *l = ctx;
	struct muster_err why = { 0 };
	const char *issuer = NULL;
	struct crl *c;
	int r;

	if ((r = verify(&c, &issuer, l->a, span_of(x->data, x->data_n), &why)) == MUSTER_OK)
		r = ring_set_crl(l->a->ring, c, &why);
	crl_unref(c);
	if (r == MUSTER_E_NOMEM)
		return err_nomem(l->err);
	if (r != MUSTER_OK && r != MUSTER_E_EXISTS)
		activation_say(l->a, 4, "revocation-list", "a list kept before does not count under this configuration: %s", why.message);
	return MUSTER_OK;
}

int crls_load(struct activation *a, struct muster_err *err)
{
	struct loading l = { a, err };

	return records_each(a, ACTIVATION_R_CRL, load_one, &l, err);
}

int64_t crl_job(struct activation *a)
{
	struct trust_view *view;

	activation_begin(a);
	view = ring_view(a->ring);
	for (size_t i = 0; i < a->issuer_count; i++) {
		const struct crl *c = ring_crl(view, a->issuers[i].name);
		char next[TIME_RFC3339];

		if (c == NULL || !crl_stale(c, activation_now(a)))
			continue;
		time_rfc3339(next, crl_next(c) * 1000);
		activation_say(a, 4, "revocation-list-stale", "issuer %s: list %" PRIu64 " was to be replaced by %s; it goes on counting. Fetch a new one: musterctl crl install FILE",
		               a->issuers[i].name, crl_number(c), next);
	}
	ring_view_unref(view);
	activation_end(a);
	return DAY_MS;
}

/* ---- for administrators ---- */

int activation_crl_install(struct activation *a, const char *actor, struct muster_span pem, json_t **out, struct muster_err *err)
{
	const char *issuer = NULL;
	struct crl *c = NULL;
	int r;

	*out = NULL;
	activation_begin(a);
	if ((r = verify(&c, &issuer, a, pem, err)) == MUSTER_OK && (r = keep(a, actor, issuer, c, err)) == MUSTER_OK &&
	    (*out = crl_json(issuer, c, activation_now(a))) == NULL)
		r = err_nomem(err);
	/* what its signer was revoked for does not count any more */
	if (r == MUSTER_OK && (r = packs_load(a, err)) != MUSTER_OK) {
		json_decref(*out);
		*out = NULL;
	}
	activation_end(a);
	crl_unref(c);
	return r;
}

int activation_crls(struct activation *a, json_t **out, struct muster_err *err)
{
	struct trust_view *view = ring_view(a->ring);
	json_t *items = json_array();

	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->issuer_count; i++) {
		const struct crl *c = ring_crl(view, a->issuers[i].name);

		if (c != NULL)
			(void)json_array_append_new(items, crl_json(a->issuers[i].name, c, activation_now(a)));
	}
	pthread_mutex_unlock(&a->lock);
	ring_view_unref(view);
	*out = json_pack("{s:o}", "items", items);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}
