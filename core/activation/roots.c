/* Roots that an issuer announced under one that is pinned: kept as records, each the token as it came (trust.md section 1). */
#include "core/activation/internal.h"

#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

/* Under the issuer whose root signed it. @param[out] added how many of its roots are new. */
static int verify(const char **issuer, size_t *added, const struct activation *a, struct muster_span token, struct muster_err *err)
{
	struct trust_view *view = ring_view(a->ring);
	struct muster_err one = { 0 };
	struct buf pem;
	int r = MUSTER_E_SIGNATURE;

	*issuer = NULL;
	*added = 0;
	(void)err_set(err, r, a->issuer_count == 0 ? "no issuer is configured: add an [issuer NAME] section with its roots" :
	              "the announcement of roots was signed by none of the %zu issuers of the configuration", a->issuer_count);
	for (size_t i = 0; i < a->issuer_count && *issuer == NULL; i++) {
		const char *name = a->issuers[i].name;
		const struct trust_anchors *anchors = ring_anchors(view, name);
		int e;

		if (anchors == NULL)
			continue;
		buf_init(&pem, TRUST_CHAIN_MAX);
		if ((e = roots_read(&pem, added, token, anchors, ring_crl(view, name), activation_now(a), &one)) == MUSTER_OK) {
			*issuer = name;
			r = MUSTER_OK;
		} else if (e != MUSTER_E_SIGNATURE || a->issuer_count == 1) {
			r = err_set(err, e, "%s", one.message);
		}
		buf_fini(&pem);
	}
	ring_view_unref(view);
	return r;
}

/* Record it and let it count. Acts held. */
static int keep(struct activation *a, const char *actor, const char *issuer, size_t added, struct muster_span token, struct muster_err *err)
{
	uint8_t id[SHA256_DIGEST_LENGTH];
	struct act t = { 0 };
	int r;

	if (added == 0)
		return MUSTER_OK;
	(void)SHA256(token.p, token.n, id);
	act_put(&t, ACTIVATION_R_ROOTS, span_of(id, sizeof id), token);
	if ((r = act_commit(a, &t, actor, ACTIVATION_J_ROOTS, issuer, err, "%zu new roots, announced under the present one", added)) != MUSTER_OK ||
	    (r = ring_add_roots(a->ring, token, err)) != MUSTER_OK)
		return r;
	activation_say(a, 5, "roots", "issuer %s: %zu new roots, announced under the present one, count from now on", issuer, added);
	return MUSTER_OK;
}

void roots_take(struct activation *a, const char *from, struct muster_span token)
{
	struct muster_err err = { 0 };
	const char *issuer;
	size_t added;
	int r;

	if ((r = verify(&issuer, &added, a, token, &err)) == MUSTER_OK)
		r = keep(a, ACTIVATION_SELF, issuer, added, token, &err);
	if (r != MUSTER_OK)
		activation_say(a, 4, "roots", "the announcement of roots from %s is not taken: %s", from, err.message);
}

struct loading { struct activation *a; struct muster_err *err; };

static int load_one(void *ctx, const struct store_record *x)
{
	struct loading *l = ctx;

	return ring_add_roots(l->a->ring, span_of(x->data, x->data_n), l->err);
}

int roots_load(struct activation *a, struct muster_err *err)
{
	struct loading l = { a, err };

	return records_each(a, ACTIVATION_R_ROOTS, load_one, &l, err);
}

int activation_roots_install(struct activation *a, const char *actor, struct muster_span token, json_t **out, struct muster_err *err)
{
	const char *issuer;
	size_t added;
	int r;

	*out = NULL;
	/* a file ends with a line */
	if (token.n > 0 && token.p[token.n - 1] == '\n')
		token.n--;
	activation_begin(a);
	if ((r = verify(&issuer, &added, a, token, err)) == MUSTER_OK && (r = keep(a, actor, issuer, added, token, err)) == MUSTER_OK &&
	    (*out = json_pack("{s:s, s:I}", "issuer", issuer, "added", (json_int_t)added)) == NULL)
		r = err_nomem(err);
	/* certificates and packs under the new root may be here already */
	if (r == MUSTER_OK && added > 0 && (r = crls_load(a, err)) == MUSTER_OK)
		r = packs_load(a, err);
	if (r != MUSTER_OK) {
		json_decref(*out);
		*out = NULL;
	}
	activation_end(a);
	return r;
}
