/* Leases as the client sees them: received, held, verified. Nothing is believed before it verifies to the pinned roots. */
#include "core/client/client_private.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/err.h"

#define MARK_STEP 600  /* s: the mark is written at most every ten minutes; small beside the leeway of four hours */

static int64_t spread(int64_t seconds, int64_t least)
{
	if (seconds < least)
		seconds = least;
	if (seconds > INTERVAL_MAX)
		seconds = INTERVAL_MAX;
	seconds += (int64_t)random_below((uint64_t)(seconds / 5) + 1) - seconds / 10;
	return seconds < least ? least : seconds > INTERVAL_MAX ? INTERVAL_MAX : seconds;
}

int64_t client_spread(int64_t seconds)
{
	return spread(seconds, INTERVAL_MIN);
}

int64_t client_spread_signed(int64_t seconds)
{
	return spread(seconds, CLIENT_HEARTBEAT);
}

void client_mark(struct muster_client *c, int64_t now)
{
	int64_t mark = 0;

	if (state_mark_load(&c->state, &mark, NULL) != MUSTER_OK || now <= mark + MARK_STEP || state_lock(&c->state, NULL) != MUSTER_OK)
		return;
	/* Read again: whoever had the lock may have moved it further. */
	if (state_mark_load(&c->state, &mark, NULL) == MUSTER_OK && now > mark)
		(void)state_mark_save(&c->state, now, NULL);
	state_unlock(&c->state);
}

/* ---- held ---- */

static bool is_for(const struct lease_claims *claims, const char *id)
{
	uint8_t bytes[16];

	return uuid_parse(bytes, id, UUID_TEXT - 1) == MUSTER_OK && (uuid_equal(bytes, claims->product_id) || uuid_equal(bytes, claims->edition_id));
}

static int read_chain(struct trust_chain **out, const struct muster_client *c, struct muster_span lease, struct muster_err *err)
{
	struct buf pem;
	char kid[TRUST_KID];
	int r;

	*out = NULL;
	buf_init(&pem, TRUST_CHAIN_MAX);
	if ((r = trust_token_kid(kid, lease, err)) == MUSTER_OK && (r = state_chain_load(&c->state, kid, &pem, err)) == MUSTER_OK)
		r = trust_chain_read(out, span_of(pem.p, pem.n), err);
	buf_fini(&pem);
	return r;
}

int client_check_clock(int64_t now, int64_t mark, struct muster_err *err)
{
	char mark_text[TIME_RFC3339], now_text[TIME_RFC3339];

	if (now >= mark - CLIENT_LEEWAY)
		return MUSTER_OK;
	time_rfc3339(mark_text, mark * 1000);
	time_rfc3339(now_text, now * 1000);
	return err_set(err, MUSTER_E_NOT_YET, "clock set back: it says %s, and %s has been seen before; set the clock, or renew", now_text, mark_text);
}

static int verify_held(struct muster_client *c, const char *slot, struct holding *h, int64_t now, struct muster_err *err)
{
	struct lease_expect expect = { .client_id = c->identity.client_id, .hw = c->hardware_id };
	struct muster_span lease = span_str(h->lease);
	struct trust_chain *chain = NULL;
	int64_t mark;
	int r;

	if ((r = read_chain(&chain, c, lease, err)) != MUSTER_OK || (r = lease_verify(&h->claims, lease, chain, c->anchors, &expect, now, err)) != MUSTER_OK)
		goto done;
	if (!is_for(&h->claims, slot)) {
		r = err_set(err, MUSTER_E_MISMATCH, "the lease is for another product");
		goto done;
	}
	if (!client_slot_fits(slot, &h->claims)) {
		r = err_set(err, MUSTER_E_MISMATCH, "the lease is not the one of whose place it lies in: another user's, or the machine's");
		goto done;
	}
	if ((r = client_permits(c, chain, h->claims.iat, err)) != MUSTER_OK || (r = state_mark_load(&c->state, &mark, err)) != MUSTER_OK)
		goto done;
	r = client_check_clock(now, mark, err);
	h->clock_back = r != MUSTER_OK;
done:
	trust_chain_unref(chain);
	return r;
}

int client_holding(struct muster_client *c, const char *slot, struct holding *out, int64_t now, struct muster_err *err)
{
	struct muster_err why = { 0 };
	struct buf text;
	int r;

	memset(out, 0, sizeof *out);
	if ((r = counted_holding(c, slot, out, now, err)) != MUSTER_OK || out->perpetual)
		return r;
	buf_init(&text, TRUST_LEASE_MAX + 1);
	r = state_lease_load(&c->state, slot, &text, &why);
	if (r == MUSTER_E_NOT_FOUND && out->have) {
		/* What is wrong with the confirmation stays the reason. */
		buf_fini(&text);
		return MUSTER_OK;
	}
	out->have = r != MUSTER_E_NOT_FOUND;
	if (r == MUSTER_OK && (text.n == 0 || text.n > TRUST_LEASE_MAX || memchr(text.p, '\0', text.n) != NULL))
		r = err_set(&why, MUSTER_E_INVALID, "the file of the lease does not hold a lease");
	if (r == MUSTER_OK) {
		memcpy(out->lease, text.p, text.n + 1);
		r = verify_held(c, slot, out, now, &why);
	}
	buf_fini(&text);
	if (r == MUSTER_E_NOMEM)
		return err_nomem(err);
	out->valid = r == MUSTER_OK;
	if (out->valid)
		out->reason[0] = '\0';
	else
		answer_printable(out->reason, sizeof out->reason, out->have ? why.message : "no lease is held");
	return MUSTER_OK;
}

uint32_t client_license_status(const struct holding *h, const struct state_record *r, int64_t now, int64_t *ends)
{
	int64_t begin = r->ended_at != 0 ? r->ended_at : r->first_at != 0 ? r->first_at : now;
	int64_t grace = r->ended_at == 0 || strcmp(r->model, "seats") == 0 ? client_grace(r) : CLIENT_GRACE;

	*ends = 0;
	if (h->valid) {
		*ends = h->perpetual ? h->confirmation.coverage_end : h->claims.exp;
		return 1;
	}
	/* Outside its coverage a confirmation has no grace: it never was a licence for that time. */
	if (h->perpetual && now < h->confirmation.coverage_start) {
		*ends = h->confirmation.coverage_start;
		return 0;
	}
	if (h->perpetual)
		return 5;
	/* A product once activated goes on in the additional grace period, a new one in the initial one; after that the status
	 * is Notification. A clock that was set back, or a last end in the far future, gives nobody a longer grace. */
	if (h->clock_back || now >= begin + grace)
		return 5;
	*ends = (begin < now ? begin : now) + grace;
	return r->ended_at != 0 ? 3 : 2;
}

/* ---- received ---- */

/* The chain for a kid: the kept one, else asked for. @p fetched says whether it has to be kept. */
static int get_chain(struct trust_chain **out, bool *fetched, struct muster_client *c, const char *host, const char *kid, struct muster_err *err)
{
	struct http_answer a;
	struct buf pem;
	char path[128];
	int r;

	*out = NULL;
	*fetched = false;
	buf_init(&pem, TRUST_CHAIN_MAX);
	/* A kept chain that cannot be read any more is asked for again. */
	if (state_chain_load(&c->state, kid, &pem, NULL) == MUSTER_OK && trust_chain_read(out, span_of(pem.p, pem.n), NULL) == MUSTER_OK &&
	    strcmp(trust_chain_kid(*out), kid) == 0) {
		buf_fini(&pem);
		return MUSTER_OK;
	}
	buf_fini(&pem);
	trust_chain_unref(*out);
	*out = NULL;
	*fetched = true;
	(void)snprintf(path, sizeof path, "/v1/certificates?kid=%s", kid);
	http_answer_init(&a);
	if ((r = client_http(c, &a, host, path, span_of(NULL, 0), TRUST_CHAIN_MAX, err)) != MUSTER_OK)
		goto done;
	if (a.status != 200 || strcmp(a.content_type, "application/pem-certificate-chain") != 0)
		r = err_set(err, MUSTER_E_NETWORK, "the host gave a lease but not its certificates (HTTP status %ld, content type \"%s\")", a.status, a.content_type);
	else if ((r = trust_chain_read(out, span_of(a.body.p, a.body.n), err)) != MUSTER_OK)
		r = err_prefix(err, r, "the host's certificates");
	else if (strcmp(trust_chain_kid(*out), kid) != 0)
		r = err_set(err, MUSTER_E_MISMATCH, "the host's certificates are not those of its lease");
done:
	http_answer_fini(&a);
	return r;
}

static int check_received(const struct lease_claims *claims, const struct answer *a, const struct grant_expect *x, struct muster_err *err)
{
	if (!is_for(claims, x->id))
		return err_set(err, MUSTER_E_MISMATCH, "the lease is for another product");
	if (!uuid_equal(claims->product_id, a->product_id))
		return err_set(err, MUSTER_E_MISMATCH, "the lease is for another product than the answer around it says");
	if (!claims->has_rel || memcmp(claims->rel, x->release_hash, 32) != 0)
		return err_set(err, MUSTER_E_MISMATCH, "the lease does not carry the release hash that was sent");
	if (x->usr == NULL && claims->has_usr)
		return err_set(err, MUSTER_E_MISMATCH, "the lease is a user's, and none was named");
	return MUSTER_OK;
}

/* Everything up to belief; nothing is stored. */
static int receive(struct trust_chain **chain, bool *fetched, struct muster_client *c, const char *host, const struct answer *a, const struct grant_expect *x,
                   struct lease_claims *out, int64_t now, struct muster_err *err)
{
	struct lease_expect expect = { .client_id = c->identity.client_id, .hw = c->hardware_id, .nonce = x->nonce, .nonce_len = 32, .usr = x->usr };
	struct muster_span lease = span_of(a->lease, a->lease_n);
	char kid[TRUST_KID];
	int r;

	if ((r = trust_token_kid(kid, lease, err)) != MUSTER_OK || (r = get_chain(chain, fetched, c, host, kid, err)) != MUSTER_OK)
		return r;
	if ((r = lease_verify(out, lease, *chain, c->anchors, &expect, now, err)) != MUSTER_OK)
		return r;
	return check_received(out, a, x, err);
}

/* The chain first: a lease without its chain would mean nothing after a crash. */
static int keep(struct muster_client *c, const struct trust_chain *chain, bool fetched, const struct answer *a, const char *id, int64_t mark, struct muster_err *err)
{
	int r;

	if (fetched && (r = state_chain_save(&c->state, trust_chain_kid(chain), span_str(trust_chain_pem(chain)), err)) != MUSTER_OK)
		return r;
	if ((r = state_lease_save(&c->state, id, span_of(a->lease, a->lease_n), err)) != MUSTER_OK)
		return r;
	r = state_mark_save(&c->state, mark, err);
	state_chains_prune(&c->state);
	return r;
}

int client_take_lease(struct muster_client *c, const char *host, const struct answer *a, const struct grant_expect *x, struct lease_claims *out, int64_t now, struct muster_err *err)
{
	struct trust_chain *chain = NULL;
	bool fetched = false;
	int r;

	memset(out, 0, sizeof *out);
	if ((r = receive(&chain, &fetched, c, host, a, x, out, now, err)) == MUSTER_OK) {
		client_crl_fetch(c, host, now);
		r = client_permits(c, chain, out->iat, err);
	}
	if (r != MUSTER_OK) {
		memset(out, 0, sizeof *out);
		if (r != MUSTER_E_NOMEM && r != MUSTER_E_BUSY) {
			(void)err_prefix(err, r, "the lease is not believed");
			r = err->result = MUSTER_E_NETWORK;
		}
		goto done;
	}
	/* A fresh lease sets the mark, up or down (trust.md section 11). */
	r = keep(c, chain, fetched, a, x->slot, out->iat > now ? out->iat : now, err);
done:
	trust_chain_unref(chain);
	return r;
}
