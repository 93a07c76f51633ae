/* Asking hosts: activate, renew, release (docs/protocol.md section 8). */
#include "core/client/client_private.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define BACKOFF_FIRST 60      /* s: after the first question without an answer; doubled each time */
#define FAULTS_MAX 460        /* bytes of what is said about hosts that gave no answer */

/* One question on its way through the hosts. */
struct asking {
	struct muster_client *c;
	char id[UUID_TEXT];
	int64_t now;
	struct state_record rec;
	struct holding held;
	uint32_t license_status;      /* as sent */
	int64_t minutes_left;
	struct answer got;            /* the answer that counts */
	bool answered, first_set;
	struct lease_claims lease;    /* of a new lease */
	uint32_t first_code;          /* first refusal that sent us on to the next host … */
	char first_text[600], first_host[HOSTS_URL];
	uint32_t wait;                /* … and the longest Retry-After of those */
	bool soon;                    /* some host was busy or gave no answer: worth asking again soon */
	char faults[FAULTS_MAX];
};

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
		rec->first_at = q->now;
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
	struct question ask = { .name = c->name, .is_virtual = c->is_virtual, .now_ms = c->now_ms(c->ctx) };
	int64_t ends;

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
	ask.lease = q->held.valid || q->held.clock_back ? q->held.lease : NULL;
	return question_write(out, &ask, err);
}

/* ---- one host ---- */

enum step { STEP_DONE, STEP_NEXT, STEP_AGAIN };

struct any_valid { struct muster_client *c; int64_t now; };

static int is_valid(void *ctx, const char *id)
{
	const struct any_valid *x = ctx;
	struct holding *h = mem_alloc(sizeof *h);
	bool valid = h == NULL || client_holding(x->c, id, h, x->now, NULL) != MUSTER_OK || h->valid;

	mem_free(h);
	return valid ? 1 : 0;
}

/*
 * 409: another machine has this client ID. Taking a new one gives up every lease held, so it is done only when there is
 * none, and at most once in 30 days (trust.md section 10).
 */
static bool may_follow_advice(struct asking *q)
{
	struct any_valid x = { q->c, q->now };
	int64_t last = q->c->identity.advised_at;

	if (last != 0 && q->now >= last && q->now - last < CLIENT_ADVICE)
		return false;
	return state_each(&q->c->state, is_valid, &x, NULL) == 0;
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
	OPENSSL_cleanse(&old, sizeof old);
	memset(&q->held, 0, sizeof q->held);
	if ((r = new_question(q)) != MUSTER_OK)
		return r;
	return state_record_save(&q->c->state, q->id, &q->rec, err);
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
	if (a->code != (uint32_t)CODE_UNSUPPORTED_PRODUCT && a->code != (uint32_t)CODE_HOST_NOT_ACTIVATED && a->code != CODE_M_MODEL)
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
	struct grant_expect x = { .id = q->id, .nonce = q->rec.nonce };
	uint8_t hash[32];

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

/* Faults of the host end in STEP_NEXT; a negative result is a fault here. */
static int ask_host(struct asking *q, const char *host, enum step *step, struct muster_err *err)
{
	struct muster_err why = { 0 };
	struct http_answer a;
	struct buf body;
	struct answer *got = mem_alloc(sizeof *got);
	int r;

	*step = STEP_NEXT;
	buf_init(&body, ANSWER_MAX);
	http_answer_init(&a);
	if (got == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = body_of(&body, q, err)) != MUSTER_OK)
		goto done;
	if ((r = client_http(q->c, &a, host, "/v1/activate", span_of(body.p, body.n), ANSWER_MAX, &why)) != MUSTER_OK || (r = answer_read(got, &a, &why)) != MUSTER_OK)
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
	buf_cleanse(&body);
	http_answer_fini(&a);
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

/* ---- after ---- */

/* Not before Retry-After, and ever later while nobody answers, up to the interval last told. */
static int64_t backoff(const struct state_record *rec, uint32_t wait)
{
	int64_t most = rec->retry_s != 0 ? rec->retry_s : INTERVAL_RETRY;
	int64_t s = BACKOFF_FIRST;

	for (uint32_t i = 1; i < rec->failures && s < most; i++)
		s *= 2;
	if (s > most)
		s = most;
	s += (int64_t)random_below((uint64_t)(s / 5) + 1) - s / 10;
	if (s < (int64_t)wait)
		s = (int64_t)wait + (int64_t)random_below((uint64_t)wait / 10 + 1);
	return s > INTERVAL_MAX ? INTERVAL_MAX : s;
}

static void end_question(struct state_record *rec)
{
	rec->failures = 0;
	rec->has_nonce = 0;
	rec->nonce_at = 0;
	OPENSSL_cleanse(rec->nonce, sizeof rec->nonce);
}

static void after_failure(struct asking *q, bool any_host, const char *none)
{
	struct state_record *rec = &q->rec;

	if (q->soon && rec->failures < UINT32_MAX)
		rec->failures++;
	rec->answered = 0;
	if (q->first_code != 0) {
		rec->code = q->first_code;
		(void)snprintf(rec->host, sizeof rec->host, "%s", q->first_host);
		answer_printable(rec->message, sizeof rec->message, q->first_text);
	} else {
		char text[MUSTER_ERR_MAX + 64];

		rec->code = (uint32_t)CODE_NO_HOST;
		rec->host[0] = '\0';
		(void)snprintf(text, sizeof text, "0xC004F074 %s%s", any_host ? "No host could be contacted: " : "", any_host ? q->faults : none);
		answer_printable(rec->message, sizeof rec->message, text);
	}
	if (q->soon) {
		rec->next_at = q->now + backoff(rec, q->wait);
		return;
	}
	/* Every host that is named has said that it cannot, or none is named. */
	end_question(rec);
	rec->next_at = q->now + client_spread(rec->retry_s != 0 ? rec->retry_s : INTERVAL_RETRY);
}

static int64_t renewal(const struct lease_claims *lease, int64_t now)
{
	int64_t left = lease->exp - now, s = client_spread(lease->renew);

	/* A lease shortened by the end of its host's certificate is renewed well before it ends. */
	if (s > left / 2)
		s = left / 2 > INTERVAL_MIN ? left / 2 : INTERVAL_MIN;
	return s;
}

static void after_answer(struct asking *q)
{
	struct state_record *rec = &q->rec;
	const struct answer *a = &q->got;
	char until[32] = "";

	end_question(rec);
	rec->answered = 1;
	rec->code = a->code;
	if (a->kind != ANSWER_REFUSED) {
		memcpy(rec->name, a->product, sizeof rec->name);
		memcpy(rec->product_id, a->product_id, sizeof rec->product_id);
		rec->count = a->count;
		rec->minimum_count = a->minimum_count;
		rec->retry_s = a->activation_s;
	}
	if (a->kind == ANSWER_ACTIVATED) {
		time_rfc3339(until, q->lease.exp * 1000);
		rec->count = q->lease.count;
		rec->minimum_count = q->lease.minimum;
		rec->ended_at = q->lease.exp;
		rec->next_at = q->now + renewal(&q->lease, q->now);
		(void)snprintf(rec->message, sizeof rec->message, "Product activated successfully: %s until %s.", rec->name, until);
		return;
	}
	answer_printable(rec->message, sizeof rec->message, a->text);
	/* Other hardware under this client ID goes on until that machine takes another: a machine that holds a lease has no reason to ask every two hours. */
	if (a->code == CODE_M_DUPLICATE && q->held.valid)
		rec->next_at = q->now + renewal(&q->held.claims, q->now);
	else
		rec->next_at = q->now + client_spread(a->retry_after > 0 ? a->retry_after : rec->retry_s > 0 ? rec->retry_s : INTERVAL_RETRY);
}

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

static void fill(struct muster_answer *out, const struct asking *q)
{
	const struct state_record *rec = &q->rec;
	bool fresh = q->answered && q->got.kind == ANSWER_ACTIVATED;
	bool holds = fresh || q->held.valid;
	char until[32];
	size_t n;

	out->code = rec->code;
	if (rec->code == 0)
		out->outcome = holds ? MUSTER_ACTIVATED : MUSTER_NO_HOST;
	else if (rec->code == (uint32_t)CODE_COUNT_LOW)
		out->outcome = MUSTER_COUNTED;
	else
		out->outcome = rec->code == (uint32_t)CODE_NO_HOST ? MUSTER_NO_HOST : MUSTER_REFUSED;
	out->count = rec->count;
	out->minimum_count = rec->minimum_count;
	out->expires_at = fresh ? q->lease.exp : q->held.valid ? q->held.claims.exp : 0;
	out->next_at = rec->next_at;
	(void)snprintf(out->host, sizeof out->host, "%s", rec->host);
	(void)snprintf(out->message, sizeof out->message, "%s", rec->message);
	if (rec->code == 0 || !holds)
		return;
	time_rfc3339(until, out->expires_at * 1000);
	n = strlen(out->message);
	if (n < sizeof out->message - 64)
		(void)snprintf(out->message + n, sizeof out->message - n, " The lease held stays valid until %s.", until);
}

static bool is_due(const struct asking *q)
{
	const struct state_record *rec = &q->rec;

	if (rec->next_at <= q->now || rec->next_at > q->now + INTERVAL_MAX)
		return true;
	/* It was activated, and is not any more: expired, damaged, other hardware, clock set back. */
	return !q->held.valid && rec->code == 0;
}

static int load(struct asking *q, struct muster_err *err)
{
	int r;

	if ((r = client_ready(q->c, err)) != MUSTER_OK || (r = client_check_hardware(q->c, err)) != MUSTER_OK)
		return r;
	r = state_record_load(&q->c->state, q->id, &q->rec, err);
	if (r != MUSTER_OK && r != MUSTER_E_NOT_FOUND)
		return r;
	return client_holding(q->c, q->id, &q->held, q->now, err);
}

static int ask_locked(struct asking *q, bool forced, struct muster_err *err)
{
	struct muster_err none = { 0 };
	struct hosts *hosts = NULL;
	int r;

	if ((r = load(q, err)) != MUSTER_OK || (!forced && !is_due(q)))
		return r;
	if ((hosts = mem_alloc(sizeof *hosts)) == NULL)
		return err_nomem(err);
	r = client_hosts(q->c, hosts, &none);
	if (r != MUSTER_OK && r != MUSTER_E_NOT_FOUND) {
		if (err != NULL)
			*err = none;
		goto done;
	}
	/* Kept before asking: after a crash the same question is asked again, and the lease can be released. */
	if ((r = new_question(q)) != MUSTER_OK || (r = state_record_save(&q->c->state, q->id, &q->rec, err)) != MUSTER_OK)
		goto done;
	if ((r = ask_hosts(q, hosts, err)) != MUSTER_OK)
		goto done;
	if (q->answered)
		after_answer(q);
	else
		after_failure(q, hosts->n > 0, none.message);
	if ((r = note_rearm_max(q, err)) == MUSTER_OK)
		r = state_record_save(&q->c->state, q->id, &q->rec, err);
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
		fill(&full, q);
		r = client_give(answer, &full, sizeof full, sizeof full, err);
	}
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
