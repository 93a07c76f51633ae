/* What was acknowledged against the log, and the log against the state's counters: one pass over all events, in order. */
#include <inttypes.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/bench/population.h"
#include "core/bench/verify_private.h"

#define CHUNK 65536U
#define SUMS_MAX 4096U     /* of products and statuses */
#define TRIES 100

struct sum { uint32_t product; uint8_t status; uint64_t n, counter; };
struct sums { struct sum list[SUMS_MAX]; size_t n; bool full; };

struct scan {
	struct verify *v;
	struct verify_rows rows;
	size_t next;             /* item whose event comes next */
	int64_t last_at;
	bool begun;              /* the first acknowledged event was met */
	struct sums sums;
	int result;
};

#define WHO "machine %" PRIu64 ", ask %" PRIu32 ": "
#define WHO_OF(i) (i)->number, (i)->ask

static struct sum *sum_of(struct sums *s, uint32_t product, uint8_t status)
{
	size_t i = 0;

	while (i < s->n && (s->list[i].product != product || s->list[i].status != status))
		i++;
	if (i == SUMS_MAX) {
		s->full = true;
		return &s->list[0];
	}
	if (i == s->n)
		s->list[s->n++] = (struct sum){ .product = product, .status = status };
	return &s->list[i];
}

static int take_counter(void *ctx, const struct store_counter *c)
{
	struct sums *s = ctx;

	if (c->source == 1)
		sum_of(s, c->product, c->status)->counter += c->n;
	return 0;
}

/* Counters and the position they stand for; the host may be folding meanwhile. */
static int read_counters(struct scan *s, struct muster_err *err)
{
	struct store_state_info before, after = { .fold_seq = -1 };
	struct store_state *state;
	int r = s->v->store->open_state(s->v->store, false, &state, err);

	if (r != MUSTER_OK)
		return r;
	for (int i = 0; i < TRIES && r == MUSTER_OK; i++) {
		s->sums.n = 0;
		if ((r = state->ops->info(state, &before, err)) == MUSTER_OK && (r = state->ops->counters(state, take_counter, &s->sums, err)) == MUSTER_OK)
			r = state->ops->info(state, &after, err);
		if (r == MUSTER_OK && before.fold_seq == after.fold_seq)
			break;
	}
	state->ops->close(state);
	if (r == MUSTER_OK && before.fold_seq != after.fold_seq)
		r = err_set(err, MUSTER_E_BUSY, "the fold position moves at every look; try again when the host has less to do");
	s->rows.fold_seq = after.fold_seq;
	return r;
}

static void missing(struct verify *v, const struct verify_item *i)
{
	verify_fault(v, WHO "it was given lease %" PRId64 ", and the log has no such event", WHO_OF(i), i->seq);
}

/* What the event says of the client's answer. @return false after telling the first difference. */
static bool event_right(struct verify *v, const struct verify_item *i, const struct store_event *e)
{
	const struct { const char *name; int64_t found, wanted; } same[] = {
		{ "product number", e->product, v->product },
		{ "result", e->result, CODE_OK },
		{ "flag of a refusal", (e->flags & (STORE_F_REFUSED | STORE_F_SYSTEM | STORE_F_RELEASE)) != 0, 0 },
		{ "flag of a lease", (e->flags & STORE_F_LEASE) != 0, 1 },
		{ "time", e->at / 1000, i->iat },
		{ "end", e->expires / 1000, i->exp },
		{ "count", e->count, i->count },
		{ "minimum", e->minimum, i->minimum },
		{ "number of requests", e->n, 1 },
		{ "digest of client and nonce", (int64_t)e->digest, (int64_t)i->digest },
	};
	char found[UUID_TEXT], wanted[UUID_TEXT];
	uint8_t client[16];

	population_client(client, v->seed, i->number);
	if (!uuid_equal(client, e->client)) {
		uuid_format(found, e->client);
		uuid_format(wanted, client);
		verify_fault(v, WHO "event %" PRId64 " is of client %s, expected %s", WHO_OF(i), e->seq, found, wanted);
		return false;
	}
	for (size_t k = 0; k < sizeof same / sizeof same[0]; k++)
		if (same[k].found != same[k].wanted) {
			verify_fault(v, WHO "event %" PRId64 " has the %s %" PRId64 ", expected %" PRId64, WHO_OF(i), e->seq, same[k].name, same[k].found,
			             same[k].wanted);
			return false;
		}
	return true;
}

/* Leases that name this event, and those before it that named none. @return whether there was one. */
static bool match_leases(struct scan *s, const struct store_event *e)
{
	struct verify *v = s->v;
	bool any = false;

	for (; s->next < v->n && v->items[s->next].seq < e->seq; s->next++)
		missing(v, &v->items[s->next]);
	for (; s->next < v->n && v->items[s->next].seq == e->seq; s->next++) {
		(void)event_right(v, &v->items[s->next], e);
		any = true;
	}
	return any;
}

/* Answers 202 that this event stands behind: found by machine and digest, so that each request has its own event. */
static bool match_counted(struct verify *v, const struct verify_client *c, const struct store_event *e)
{
	size_t from = 0, to = v->counted;
	bool any = false;

	if (e->result != (uint32_t)CODE_COUNT_LOW || (e->flags & STORE_F_REFUSED) != 0)
		return false;
	while (from < to) {
		size_t middle = (from + to) / 2;
		const struct verify_item *i = &v->items[middle];

		if (i->number < c->number || (i->number == c->number && i->digest < e->digest))
			from = middle + 1;
		else
			to = middle;
	}
	for (; from < v->counted && v->items[from].number == c->number && v->items[from].digest == e->digest; from++) {
		v->items[from].seq = e->seq;
		any = true;
	}
	return any;
}

static int later_add(struct verify_rows *rows, const struct verify_client *c, int64_t seq)
{
	struct verify_later *more;

	if (rows->later_n == rows->later_room) {
		if ((more = mem_grow(rows->later, rows->later_room * 2 + 4096, sizeof *more)) == NULL)
			return MUSTER_E_NOMEM;
		rows->later = more;
		rows->later_room = rows->later_room * 2 + 4096;
	}
	rows->later[rows->later_n++] = (struct verify_later){ seq, (uint32_t)(c - rows->clients.list) };
	return MUSTER_OK;
}

/* What the event does to the client's row when it is folded (ledger.md sections 1 and 2). */
static int note_client(struct scan *s, struct verify_client *c, const struct store_event *e)
{
	bool refused = (e->flags & STORE_F_REFUSED) != 0, release = (e->flags & STORE_F_RELEASE) != 0;

	if (refused && (e->flags & STORE_F_CLONE) == 0)
		return MUSTER_OK;
	if (e->seq > s->rows.fold_seq)
		return later_add(&s->rows, c, e->seq);
	if (c->folded == 0 && (refused || release))
		return MUSTER_OK;
	c->folded = e->seq;
	if (!refused && !release)
		c->requests += e->n;
	return MUSTER_OK;
}

static void note_order(struct scan *s, const struct store_event *e)
{
	if (e->seq <= s->rows.last_seq)
		verify_fault(s->v, "event %" PRId64 " comes after event %" PRId64, e->seq, s->rows.last_seq);
	if (e->at < s->last_at)
		verify_fault(s->v, "event %" PRId64 " is of time %" PRId64 ", the one before it of %" PRId64, e->seq, e->at, s->last_at);
	s->rows.last_seq = e->seq;
	s->last_at = e->at;
}

static int take_event(void *ctx, const struct store_event *e)
{
	struct scan *s = ctx;
	struct verify_report *r = s->v->report;
	bool ours = false, granted = (e->flags & STORE_F_LEASE) != 0 || e->result == (uint32_t)CODE_COUNT_LOW;
	struct verify_client *c = verify_clients_find(&s->rows.clients, e->client);

	note_order(s, e);
	r->events++;
	r->folded += e->seq <= s->rows.fold_seq;
	ours = match_leases(s, e);
	if ((e->flags & STORE_F_SYSTEM) == 0 && c != NULL && e->product == s->v->product) {
		ours = match_counted(s->v, c, e) || ours;
		s->result = note_client(s, c, e);
	}
	s->begun = s->begun || ours;
	if (s->begun && !ours && granted && (e->flags & (STORE_F_SYSTEM | STORE_F_REFUSED)) == 0)
		r->unacknowledged++;
	if (e->seq <= s->rows.fold_seq && (e->flags & (STORE_F_SYSTEM | STORE_F_RELEASE)) == 0)
		sum_of(&s->sums, e->product, (e->flags & STORE_F_REFUSED) != 0 ? STORE_COUNTER_FAILED : e->status)->n += e->n;
	return s->result != MUSTER_OK;
}

static int read_log(struct scan *s, struct muster_err *err)
{
	struct verify_report *report = s->v->report;
	struct store_log_info info;
	struct store_log *log;
	uint64_t before;
	int r = s->v->store->open_log(s->v->store, false, &log, err);

	if (r != MUSTER_OK)
		return r;
	if ((r = log->ops->info(log, &info, err)) == MUSTER_OK) {
		s->rows.complete = info.first_seq == 1;
		do {
			before = report->events;
			if ((r = verify_go_on(err)) == MUSTER_OK)
				r = log->ops->read(log, s->rows.last_seq, CHUNK, take_event, s, err);
			if (r == MUSTER_OK && s->result != MUSTER_OK)
				r = err_nomem(err);
			bench_progress("verify: event %" PRId64 " of %" PRId64, s->rows.last_seq, info.last_seq);
		} while (r == MUSTER_OK && report->events == before + CHUNK);
	}
	log->ops->close(log);
	return r;
}

static const char *status_word(char out[24], uint8_t status)
{
	if (status == STORE_COUNTER_FAILED)
		return "failed requests";
	(void)snprintf(out, 24, "licence status %u", status);
	return out;
}

/* The log was filled from its first event on: what was counted is what happened. A trimmed log has less. */
static void check_counters(struct scan *s)
{
	char word[24];

	for (size_t i = 0; i < s->sums.n; i++) {
		const struct sum *x = &s->sums.list[i];

		if (s->rows.complete ? x->counter != x->n : x->counter < x->n)
			verify_fault(s->v, "the counter of product number %" PRIu32 ", %s is %" PRIu64 ", expected %s%" PRIu64 " by the events up to %" PRId64, x->product,
			             status_word(word, x->status), x->counter, s->rows.complete ? "" : "at least ", x->n, s->rows.fold_seq);
	}
	if (s->sums.full)
		verify_fault(s->v, "more than %u counters and events of as many products: no host of the bench's", SUMS_MAX);
}

static void check_left(struct scan *s)
{
	struct verify *v = s->v;

	for (; s->next < v->n; s->next++)
		missing(v, &v->items[s->next]);
	for (size_t i = 0; i < v->counted; i++)
		if (v->items[i].seq == 0)
			verify_fault(v, WHO "it was counted, and the log has no event of it with that nonce", WHO_OF(&v->items[i]));
	if (s->rows.fold_seq > s->rows.last_seq)
		verify_fault(v, "the fold position is %" PRId64 ", and the log ends with event %" PRId64, s->rows.fold_seq, s->rows.last_seq);
}

int verify_ledger(struct verify *v, struct muster_err *err)
{
	struct scan *s = mem_alloc(sizeof *s);
	int r;

	if (s == NULL)
		return err_nomem(err);
	s->v = v;
	s->next = v->counted;
	if ((r = verify_clients_new(&s->rows.clients, v, err)) == MUSTER_OK && (r = read_counters(s, err)) == MUSTER_OK
	    && (r = read_log(s, err)) == MUSTER_OK) {
		check_left(s);
		check_counters(s);
		r = verify_uses(v, &s->rows, err);
	}
	verify_clients_fini(&s->rows.clients);
	mem_free(s->rows.later);
	mem_free(s);
	return r;
}
