/* What follows from an answer, or from none: what is kept, when to ask again, what the caller is told. */
#include "core/client/asking.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"

/* Not before Retry-After, and ever later while nobody answers, up to the interval last told. */
static int64_t backoff(const struct state_record *rec, bool held, uint32_t wait)
{
	int64_t most = rec->retry_s != 0 ? rec->retry_s : INTERVAL_RETRY;
	int64_t s = BACKOFF_FIRST;

	/* A seat is lost by not being heard: its holder asks as often as it would anyhow, and one who has lost it at least every quarter of an hour. */
	if (rec->heartbeat_s != 0)
		most = held ? rec->heartbeat_s : INTERVAL_MIN;

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

void asking_failed(struct asking *q, bool any_host, const char *none)
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
		rec->next_at = q->now + backoff(rec, q->held.valid, q->wait);
		return;
	}
	/* Every host that is named has said that it cannot, or none is named. */
	end_question(rec);
	rec->next_at = q->now + client_spread(rec->retry_s != 0 ? rec->retry_s : INTERVAL_RETRY);
}

static int64_t renewal(const struct lease_claims *lease, int64_t now)
{
	int64_t left = lease->exp - now, s = client_spread_signed(lease->renew), least = lease->renew < INTERVAL_MIN ? CLIENT_HEARTBEAT : INTERVAL_MIN;

	/* A lease shortened by the end of its host's certificate is renewed well before it ends. */
	if (s > left / 2)
		s = left / 2 > least ? left / 2 : least;
	return s;
}

/* Before the time said, never after: a place in the queue is kept for those who ask. */
static int64_t queued(uint32_t retry_after)
{
	int64_t s = retry_after < QUEUE_MIN ? QUEUE_MIN : retry_after > QUEUE_MAX ? QUEUE_MAX : retry_after;

	return s - (int64_t)random_below((uint64_t)s / 10 + 1);
}

/* The host says when the issuer will have answered; that may be soon. */
static int64_t pending(uint32_t retry_after)
{
	int64_t s = retry_after < BACKOFF_FIRST ? BACKOFF_FIRST : retry_after;

	s += (int64_t)random_below((uint64_t)s / 10 + 1);
	return s < INTERVAL_MAX ? s : INTERVAL_MAX;
}

/* What an answer says of access licences and seats. */
static void note_models(struct state_record *rec, const struct answer *a)
{
	rec->position = a->kind == ANSWER_QUEUED ? a->position : 0;
	if (a->grace_s >= 0)
		client_note_grace(rec, a->grace_s);
	if (a->has_seats) {
		rec->seats = a->seats;
		(void)snprintf(rec->model, sizeof rec->model, "seats");
	}
	if (a->kind != ANSWER_ACTIVATED)
		return;
	rec->over = a->over ? 1 : 0;
	rec->held_per = a->access_per;
	rec->held_kind = a->access_kind;
	memcpy(rec->held_version, a->version, sizeof rec->held_version);
	if (a->access_per != 0)
		rec->access = 1;
}

/* ", per device, version 2019, temporary", ", seat 3 of 5": what else is to be said of a grant. */
static void say_models(char out[192], const struct answer *a)
{
	static const char *const per[] = { "", ", per device", ", per user" }, *const kinds[] = { "", ", temporary", ", permanent", "" };
	size_t n = 0;

	out[0] = '\0';
	if (a->access_per != 0)
		n = (size_t)snprintf(out, 192, "%s%s%s%s", per[a->access_per], a->version[0] != '\0' ? ", version " : "", a->version, kinds[a->access_kind]);
	else if (a->has_seats)
		n = (size_t)snprintf(out, 192, ", %u of %u seats taken", (unsigned)a->count, (unsigned)a->seats);
	if (a->over)
		(void)snprintf(out + n, 192 - n, "; beyond what there is, which is recorded");
}

void asking_answered(struct asking *q)
{
	struct state_record *rec = &q->rec;
	const struct answer *a = &q->got;
	char until[32] = "", more[192];

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
	rec->telephone = a->kind == ANSWER_ACTIVATED && a->telephone ? 1 : 0;
	note_models(rec, a);
	if (q->confirmed) {
		counted_note(rec, q->id, &q->confirmation, q->now);
		return;
	}
	if (a->kind == ANSWER_ACTIVATED) {
		time_rfc3339(until, q->lease.exp * 1000);
		rec->count = q->lease.count;
		rec->minimum_count = q->lease.minimum;
		rec->ended_at = q->lease.exp;
		rec->next_at = q->now + renewal(&q->lease, q->now);
		rec->heartbeat_s = q->lease.renew >= INTERVAL_MIN ? 0 : q->lease.renew > CLIENT_HEARTBEAT ? q->lease.renew : CLIENT_HEARTBEAT;
		say_models(more, a);
		(void)snprintf(rec->message, sizeof rec->message, "Product activated successfully: %s until %s%s.", rec->name, until, more);
		return;
	}
	answer_printable(rec->message, sizeof rec->message, a->text);
	/* Other hardware under this client ID goes on until that machine takes another: a machine that holds a lease has no reason to ask every two hours. */
	if (a->code == CODE_M_DUPLICATE && q->held.valid && !q->held.perpetual)
		rec->next_at = q->now + renewal(&q->held.claims, q->now);
	else if (a->kind == ANSWER_PENDING)
		rec->next_at = q->now + pending(a->retry_after);
	else if (a->kind == ANSWER_QUEUED)
		rec->next_at = q->now + queued(a->retry_after);
	else
		rec->next_at = q->now + client_spread(a->retry_after > 0 ? a->retry_after : rec->retry_s > 0 ? rec->retry_s : INTERVAL_RETRY);
}

/* A confirmation is held and nobody was asked: a machine that is activated for good has no further contact (facts.md section 5). */
static void fill_perpetual(struct muster_answer *out, const struct asking *q)
{
	const struct holding *h = &q->held;
	char at[TIME_RFC3339], term[COUNTED_TERM];

	time_rfc3339(at, h->confirmation.iat * 1000);
	counted_term(term, &h->confirmation);
	out->outcome = h->valid ? MUSTER_ACTIVATED : MUSTER_REFUSED;
	out->code = h->valid ? (uint32_t)CODE_OK : (uint32_t)CODE_M_COVERAGE;
	out->expires_at = h->valid ? h->confirmation.coverage_end : 0;
	if (h->valid)
		(void)snprintf(out->message, sizeof out->message, "Activated on this machine %s, since %s, by the key that ends in %.5s; nobody needs to be asked.", term, at, h->confirmation.partial);
	else
		(void)snprintf(out->message, sizeof out->message, "M-155 Outside the coverage of the key: %.400s", h->reason);
}

static void fill_models(struct muster_answer *out, const struct state_record *rec, bool holds)
{
	out->position = rec->position;
	out->seats = rec->seats;
	out->grace_seconds = client_grace(rec);
	if (!holds)
		return;
	out->over = rec->over;
	out->access_per = rec->held_per;
	out->access_kind = rec->held_kind;
	memcpy(out->version, rec->held_version, sizeof out->version);
}

void asking_fill(struct muster_answer *out, const struct asking *q)
{
	const struct state_record *rec = &q->rec;
	bool fresh = q->answered && q->got.kind == ANSWER_ACTIVATED;
	bool holds = fresh || q->held.valid;
	const struct holding *h = &q->held;
	char until[32];
	size_t n;

	out->allowed = out->used = out->remaining = -1;
	if (fresh) {
		out->allowed = q->got.allowed;
		out->used = q->got.used;
		out->remaining = q->got.remaining;
	}
	out->perpetual = q->confirmed || (h->perpetual && h->valid) ? 1 : 0;
	if (!q->asked && h->perpetual) {
		fill_perpetual(out, q);
		return;
	}
	out->code = rec->code;
	if (rec->code == 0)
		out->outcome = holds ? MUSTER_ACTIVATED : MUSTER_NO_HOST;
	else if (rec->code == (uint32_t)CODE_COUNT_LOW)
		out->outcome = MUSTER_COUNTED;
	else if (rec->code == CODE_M_PENDING)
		out->outcome = MUSTER_PENDING;
	else if (rec->code == CODE_M_QUEUED)
		out->outcome = MUSTER_QUEUED;
	else
		out->outcome = rec->code == (uint32_t)CODE_NO_HOST ? MUSTER_NO_HOST : MUSTER_REFUSED;
	out->count = rec->count;
	out->minimum_count = rec->minimum_count;
	out->expires_at = q->confirmed ? q->confirmation.coverage_end : fresh ? q->lease.exp : !h->valid ? 0 : h->perpetual ? h->confirmation.coverage_end : h->claims.exp;
	out->next_at = rec->next_at;
	fill_models(out, rec, holds);
	(void)snprintf(out->host, sizeof out->host, "%s", rec->host);
	(void)snprintf(out->message, sizeof out->message, "%s", rec->message);
	if (rec->code == 0 || !holds)
		return;
	time_rfc3339(until, out->expires_at * 1000);
	n = strlen(out->message);
	if (out->perpetual != 0) {
		(void)snprintf(out->message + n, sizeof out->message - n, "%s", n < sizeof out->message - 64 ? " The perpetual activation held stays." : "");
		return;
	}
	if (n < sizeof out->message - 64)
		(void)snprintf(out->message + n, sizeof out->message - n, " The lease held stays valid until %s.", until);
}
