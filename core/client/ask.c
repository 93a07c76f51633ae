/* Asking hosts: activate, renew, release (docs/protocol.md section 8). */
#include "core/client/asking.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

static void add_fault(struct asking *q, const char *host, const char *text)
{
	size_t n = strlen(q->faults), room = sizeof q->faults - n;

	/* Most messages name the address themselves. */
	if (room > 8) {
		char line[MUSTER_ERR_MAX + HOSTS_URL];

		(void)snprintf(line, sizeof line, "%s%s%s%s", n > 0 ? "; " : "", strstr(text, host) == NULL ? host : "", strstr(text, host) == NULL ? ": " : "", text);
		answer_printable(q->faults + n, room, line);
	}
}

/* ---- before ---- */

static int new_question(struct asking *q)
{
	struct state_record *rec = &q->rec;

	if (rec->first_at == 0 || rec->first_at > q->now)
		rec->first_at = client_first_at(q->c, q->id, q->now);
	if (rec->has_release == 0) {
		random_bytes(rec->release, sizeof rec->release);
		rec->has_release = 1;
	}
	/* An answer that got lost: the same question again, which counts nothing twice. */
	if (rec->has_nonce != 0 && rec->nonce_at <= q->now && q->now - rec->nonce_at < CLIENT_NONCE_LIFE)
		return MUSTER_OK;
	random_bytes(rec->nonce, sizeof rec->nonce);
	rec->has_nonce = 1;
	rec->nonce_at = q->now;
	return MUSTER_OK;
}

static int body_of(struct buf *out, struct asking *q, struct muster_err *err)
{
	struct muster_client *c = q->c;
	struct question ask = { .name = c->name, .is_virtual = c->is_virtual, .now_ms = c->now_ms(c->ctx), .access_per = c->user[0] != '\0' ? MUSTER_ACCESS_USER : q->rec.per,
	                        .user = c->user, .version = q->rec.version, .no_queue = c->no_queue };
	json_t *facts = NULL;
	int64_t ends;
	int r;

	memcpy(ask.activation_id, q->id, sizeof ask.activation_id);
	memcpy(ask.client_id, c->identity.client_id, 16);
	memcpy(ask.hardware_id, c->hardware_id, 32);
	memcpy(ask.nonce, q->rec.nonce, 32);
	if (trust_release_hash(ask.release_hash, q->rec.release) != MUSTER_OK)
		return err_set(err, MUSTER_E_INTERNAL, "the release hash could not be computed");
	ask.license_status = client_license_status(&q->held, &q->rec, q->now, &ends);
	ask.minutes_left = ends > q->now ? (ends - q->now) / 60 : 0;
	if (ask.minutes_left > INT32_MAX)
		ask.minutes_left = INT32_MAX;
	q->license_status = ask.license_status;
	q->minutes_left = ask.minutes_left;
	ask.lease = (q->held.valid || q->held.clock_back) && !q->held.perpetual ? q->held.lease : NULL;
	if (!q->has_key || (r = counted_prove(c, &q->key, &ask, &facts, err)) == MUSTER_OK)
		r = question_write(out, &ask, err);
	json_decref(facts);
	return r;
}

/* ---- one host ---- */

enum step { STEP_DONE, STEP_NEXT, STEP_AGAIN };

struct any_valid { struct muster_client *c; int64_t now; };

static int is_valid(void *ctx, const char *id)
{
	const struct any_valid *x = ctx;
	struct holding *h = mem_alloc(sizeof *h);
	bool valid = h == NULL || client_holding(x->c, id, h, x->now, NULL) != MUSTER_OK || (h->valid && !h->perpetual);

	mem_free(h);
	return valid ? 1 : 0;
}

/*
 * 409: another machine has this client ID. Taking a new one gives up every lease held, so it is done only when there is
 * none (a perpetual activation stays), and at most once in 30 days (trust.md section 10).
 */
static bool may_follow_advice(struct asking *q)
{
	struct any_valid x = { q->c, q->now };
	int64_t last = q->c->identity.advised_at;

	if (last != 0 && q->now >= last && q->now - last < CLIENT_ADVICE)
		return false;
	return state_each_slot(&q->c->state, is_valid, &x, NULL) == 0;
}

static int follow_advice(struct asking *q, struct muster_err *err)
{
	struct state_record old = q->rec;
	int r;

	q->c->identity.advised_at = q->now;
	if ((r = client_new_identity(q->c, err)) != MUSTER_OK)
		return r;
	memset(&q->rec, 0, sizeof q->rec);
	memcpy(q->rec.name, old.name, sizeof old.name);
	memcpy(q->rec.product_id, old.product_id, sizeof old.product_id);
	q->rec.retry_s = old.retry_s;
	state_record_keep(&q->rec, &old);
	OPENSSL_cleanse(&old, sizeof old);
	memset(&q->held, 0, sizeof q->held);
	if ((r = new_question(q)) != MUSTER_OK)
		return r;
	return state_record_save(&q->c->state, q->slot, &q->rec, err);
}

/* Another host may know better: this one is not activated, does not serve the product, or is busy. */
static bool ask_next(const struct answer *a)
{
	return a->status == 408 || a->status == 429 || a->status >= 500 || a->code == (uint32_t)CODE_UNSUPPORTED_PRODUCT;
}

static int refused_by(struct asking *q, const char *host, const struct answer *a, enum step *step, struct muster_err *err)
{
	if (a->code == CODE_M_DUPLICATE && may_follow_advice(q)) {
		*step = STEP_AGAIN;
		return follow_advice(q, err);
	}
	if (!ask_next(a)) {
		q->got = *a;
		q->answered = true;
		*step = STEP_DONE;
		return MUSTER_OK;
	}
	if (a->code != (uint32_t)CODE_UNSUPPORTED_PRODUCT && a->code != (uint32_t)CODE_HOST_NOT_ACTIVATED && a->code != CODE_M_MODEL && a->code != CODE_M_RETIRED)
		q->soon = true;
	if (a->retry_after > q->wait)
		q->wait = a->retry_after;
	if (q->first_code == 0) {
		q->first_code = a->code;
		memcpy(q->first_text, a->text, sizeof q->first_text);
		(void)snprintf(q->first_host, sizeof q->first_host, "%s", host);
	}
	*step = STEP_NEXT;
	return MUSTER_OK;
}

static int take(struct asking *q, const char *host, const struct answer *a, struct muster_err *err)
{
	struct grant_expect x = { .id = q->id, .slot = q->slot, .nonce = q->rec.nonce, .usr = q->c->user[0] != '\0' ? q->c->user_hash : NULL };
	uint8_t hash[32];
	int r;

	if (a->confirmation_n > 0) {
		r = counted_take(q->c, q->id, span_of(a->confirmation, a->confirmation_n), &q->confirmation, q->now, err);
		q->confirmed = r == MUSTER_OK;
		/* A fault of who answered, not of this machine. */
		if (r != MUSTER_OK && r != MUSTER_E_NOMEM && r != MUSTER_E_IO && r != MUSTER_E_DENIED) {
			(void)err_prefix(err, r, "the confirmation is not believed");
			r = err->result = MUSTER_E_NETWORK;
		}
		return r;
	}
	if (trust_release_hash(hash, q->rec.release) != MUSTER_OK)
		return err_set(err, MUSTER_E_INTERNAL, "the release hash could not be computed");
	x.release_hash = hash;
	return client_take_lease(q->c, host, a, &x, &q->lease, q->now, err);
}

/* What the events say: the question with what came of it, and an answer that was processed. */
static void tell(const struct asking *q, const char *host, const struct answer *got, uint32_t code)
{
	struct client_event e = { .id = q->id, .host = host, .code = code, .license_status = q->license_status, .minutes_left = q->minutes_left,
	                          .minimum_count = q->rec.minimum_count, .now = q->now };

	if (got != NULL && got->minimum_count > 0)
		e.minimum_count = got->minimum_count;
	client_event_sent(q->c, &e);
	if (code == (uint32_t)CODE_OK)
		client_event_answer(q->c, got, q->now);
}

static int put_question(struct asking *q, const char *host, struct answer *got, struct muster_err *why)
{
	struct http_answer a;
	struct buf body;
	int r;

	buf_init(&body, ANSWER_MAX);
	http_answer_init(&a);
	if ((r = body_of(&body, q, why)) == MUSTER_OK &&
	    (r = client_http(q->c, &a, host, "/v1/activate", span_of(body.p, body.n), ANSWER_MAX, why)) == MUSTER_OK)
		r = answer_read(got, &a, why);
	buf_cleanse(&body);
	http_answer_fini(&a);
	return r;
}

/* To the issuer itself. What names the question to hosts names it there too: the first half of the nonce, as a random UUID. */
static int put_to_issuer(struct asking *q, struct answer *got, struct muster_err *why)
{
	uint8_t id[16];
	int r;

	memcpy(id, q->rec.nonce, sizeof id);
	id[6] = (uint8_t)((id[6] & 0x0F) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
	if ((r = counted_ask_issuer(q->c, &q->key, id, got, why)) != MUSTER_OK)
		return r;
	/* The issuer knows no names and intervals of hosts: what is known of the product stays. */
	memcpy(got->product, q->rec.name, sizeof got->product);
	memcpy(got->product_id, q->rec.product_id, sizeof got->product_id);
	got->activation_s = got->renewal_s = INTERVAL_RETRY;
	return MUSTER_OK;
}

/* Faults of the host end in STEP_NEXT; a negative result is a fault here. */
static int ask_host(struct asking *q, const char *host, enum step *step, struct muster_err *err)
{
	struct muster_err why = { 0 };
	struct answer *got = mem_alloc(sizeof *got);
	int r;

	*step = STEP_NEXT;
	if (got == NULL)
		return err_nomem(err);
	r = q->has_key && q->key.issuer_url[0] != '\0' ? put_to_issuer(q, got, &why) : put_question(q, host, got, &why);
	if (r != MUSTER_OK)
		goto fault;
	if (got->kind == ANSWER_REFUSED) {
		tell(q, host, NULL, got->code);
		r = refused_by(q, host, got, step, err);
		goto done;
	}
	if (got->kind == ANSWER_RELEASED) {
		r = err_set(&why, MUSTER_E_NETWORK, "not an answer to this question: \"released\"");
		goto fault;
	}
	if (got->kind == ANSWER_ACTIVATED && (r = take(q, host, got, &why)) != MUSTER_OK)
		goto fault;
	tell(q, host, got, CODE_OK);
	q->got = *got;
	q->answered = true;
	*step = STEP_DONE;
	goto done;
fault:
	if (r == MUSTER_E_NETWORK || r == MUSTER_E_LIMIT) {
		tell(q, host, NULL, (uint32_t)CODE_NO_HOST);
		add_fault(q, host, why.message);
		q->soon = true;
		r = MUSTER_OK;
	} else if (err != NULL) {
		*err = why;
	}
done:
	mem_free(got);
	return r;
}

static int ask_hosts(struct asking *q, const struct hosts *hosts, struct muster_err *err)
{
	for (size_t i = 0; i < hosts->n; i++) {
		enum step step;
		int r;

		/* STEP_AGAIN comes once at most: the advice has then been followed. */
		do {
			if ((r = ask_host(q, hosts->url[i], &step, err)) != MUSTER_OK)
				return r;
		} while (step == STEP_AGAIN);
		if (step == STEP_DONE) {
			(void)snprintf(q->rec.host, sizeof q->rec.host, "%s", hosts->url[i]);
			return MUSTER_OK;
		}
	}
	return MUSTER_OK;
}

/* ---- all of it ---- */

/* The strictest limit a product has named holds for the machine, also after its product's file is gone. */
static int note_rearm_max(struct asking *q, struct muster_err *err)
{
	struct state_identity id = q->c->identity;
	int r;

	if (!q->answered || q->got.rearm_max == 0 || (id.rearm_max != 0 && id.rearm_max <= q->got.rearm_max))
		return MUSTER_OK;
	id.rearm_max = q->got.rearm_max;
	if ((r = state_identity_save(&q->c->state, &id, err)) == MUSTER_OK)
		q->c->identity = id;
	return r;
}

static bool is_due(const struct asking *q)
{
	const struct state_record *rec = &q->rec;

	if (q->held.perpetual)
		return false;
	if (rec->next_at <= q->now || rec->next_at > q->now + INTERVAL_MAX)
		return true;
	/* It was activated, and is not any more: expired, damaged, other hardware, clock set back. */
	return !q->held.valid && rec->code == 0;
}

/* What the product list said when the product was found by its name. */
static void note_learned(struct asking *q)
{
	const struct product_row *row = &q->c->learned;

	if (strcmp(row->id, q->id) != 0)
		return;
	(void)snprintf(q->rec.model, sizeof q->rec.model, "%s", row->model);
	client_note_grace(&q->rec, row->grace_s);
}

static int load(struct asking *q, struct muster_err *err)
{
	int r;

	if ((r = client_ready(q->c, err)) != MUSTER_OK || (r = client_check_hardware(q->c, err)) != MUSTER_OK)
		return r;
	client_slot(q->slot, q->c, q->id);
	r = state_record_load(&q->c->state, q->slot, &q->rec, err);
	if (r != MUSTER_OK && r != MUSTER_E_NOT_FOUND)
		return r;
	memcpy(q->rec.user, q->c->user, sizeof q->rec.user);
	if (q->c->user[0] != '\0')
		q->rec.access = 1;
	note_learned(q);
	r = counted_key(q->c, q->slot, &q->key, err);
	if (r != MUSTER_OK && r != MUSTER_E_NOT_FOUND)
		return r;
	q->has_key = r == MUSTER_OK;
	return client_holding(q->c, q->slot, &q->held, q->now, err);
}

/* The hosts, or the issuer's service when the key was given for it. */
static int question_hosts(const struct asking *q, struct hosts *out, struct muster_err *err)
{
	if (!q->has_key || q->key.issuer_url[0] == '\0')
		return client_hosts(q->c, out, err);
	out->n = 1;
	(void)snprintf(out->url[0], sizeof out->url[0], "%s", q->key.issuer_url);
	return MUSTER_OK;
}

static int ask_locked(struct asking *q, bool forced, struct muster_err *err)
{
	struct muster_err none = { 0 };
	struct hosts *hosts = NULL;
	int r;

	if ((r = load(q, err)) != MUSTER_OK || (!forced && !is_due(q)) || (q->held.perpetual && !q->has_key))
		return r;
	q->asked = true;
	if ((hosts = mem_alloc(sizeof *hosts)) == NULL)
		return err_nomem(err);
	r = question_hosts(q, hosts, &none);
	if (r != MUSTER_OK && r != MUSTER_E_NOT_FOUND) {
		if (err != NULL)
			*err = none;
		goto done;
	}
	/* Kept before asking: after a crash the same question is asked again, and the lease can be released. */
	if ((r = new_question(q)) != MUSTER_OK || (r = state_record_save(&q->c->state, q->slot, &q->rec, err)) != MUSTER_OK)
		goto done;
	if ((r = ask_hosts(q, hosts, err)) != MUSTER_OK)
		goto done;
	if (q->answered)
		asking_answered(q);
	else
		asking_failed(q, hosts->n > 0, none.message);
	if ((r = note_rearm_max(q, err)) == MUSTER_OK)
		r = state_record_save(&q->c->state, q->slot, &q->rec, err);
done:
	mem_free(hosts);
	return r;
}

static int ask(struct muster_client *c, const char *activation_id, bool forced, struct muster_answer *answer, struct muster_err *err)
{
	struct muster_answer full = { .size = sizeof full };
	struct asking *q = mem_alloc(sizeof *q);
	int r;

	if (q == NULL)
		return err_nomem(err);
	q->c = c;
	q->now = client_now(c);
	if ((r = client_activation_id(q->id, activation_id, err)) == MUSTER_OK && (r = client_begin(c, err)) == MUSTER_OK) {
		r = ask_locked(q, forced, err);
		client_end(c);
	}
	if (r == MUSTER_OK) {
		asking_fill(&full, q);
		r = client_give(answer, &full, sizeof full, offsetof(struct muster_answer, perpetual), err);
	}
	OPENSSL_cleanse(q, sizeof *q);
	mem_free(q);
	return r;
}

/* In the protocol a place has no name but its client's: who asks for the product and does not want to wait leaves it. A seat that is free just then comes as a lease, which is released like any other. */
int client_leave_queue(struct muster_client *c, const char *id, struct muster_err *err)
{
	struct asking *q = mem_alloc(sizeof *q);
	bool no_queue = c->no_queue;
	int r;

	if (q == NULL)
		return err_nomem(err);
	q->c = c;
	q->now = client_now(c);
	(void)snprintf(q->id, sizeof q->id, "%s", id);
	c->no_queue = true;
	r = ask_locked(q, true, err);
	c->no_queue = no_queue;
	OPENSSL_cleanse(q, sizeof *q);
	mem_free(q);
	return r;
}

int muster_client_activate(struct muster_client *c, const char *activation_id, struct muster_answer *answer, struct muster_err *err)
{
	return ask(c, activation_id, true, answer, err);
}

int muster_client_renew(struct muster_client *c, const char *activation_id, struct muster_answer *answer, struct muster_err *err)
{
	return ask(c, activation_id, false, answer, err);
}
