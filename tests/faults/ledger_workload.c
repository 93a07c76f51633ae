#include "tests/faults/ledger_workload.h"

#include <stdio.h>
#include <time.h>

#include "core/base/bytes.h"

#define BOUND_MS 20000   /* a hang, on the slowest machine with a sanitizer */
#define TRIES(w) (4 + 2 * (w)->faults)   /* one fault may be met by more than one question: as an error of its own and as a handle of no more use */
#define KNOWN "c0ffee"

void work_init(struct work *w, const char *where, unsigned faults)
{
	memset(w, 0, sizeof *w);
	w->faults = faults;
	w->where = where;
	fix_open(&w->fix, FIX_SQLITE);
	/* Exactly as many as there are: a request that failed must not have used up a place. */
	w->fix.config.limits.new_clients_per_day = 14;
	w->fix.config.limits.new_clients_per_hour = 3;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* An error says what is wrong. */
static void plain(const struct work *w, int r, const struct muster_err *err, const char *what)
{
	ck_assert_msg(r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN || r == MUSTER_E_LIMIT || r == MUSTER_E_NOMEM || r == MUSTER_E_BUSY,
	              "%s: %s: result %d: %s", w->where, what, r, err->message);
	ck_assert_msg(err->message[0] != '\0', "%s: %s: result %d without a message", w->where, what, r);
}

static void start(struct work *w)
{
	struct muster_err err = { 0 };
	int r;

	while ((r = fix_try_start(&w->fix, &err)) != MUSTER_OK) {
		plain(w, r, &err, "start");
		ck_assert_msg(++w->failed_starts <= w->faults, "%s: start %u fails, too: %s", w->where, w->failed_starts, err.message);
	}
}

/* ---- requests ---- */

static void wait_answer(const struct work *w, struct ask *a)
{
	struct timespec until;
	int e = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += BOUND_MS / 1000;
	pthread_mutex_lock(&a->lock);
	while (!a->done && e == 0)
		e = pthread_cond_timedwait(&a->cond, &a->lock, &until);
	pthread_mutex_unlock(&a->lock);
	ck_assert_msg(e == 0, "%s: a request is not answered", w->where);
}

/* Until requests are taken again: the ledger tries once a second by itself, and when woken. */
static void wait_ready(const struct work *w)
{
	struct muster_err err = { 0 };
	int64_t began = now_ms();

	while (!atomic_load(&w->fix.l->ready)) {
		if (now_ms() - began >= BOUND_MS) {
			(void)ledger_ready(w->fix.l, &err);
			ck_abort_msg("%s: does not come back by itself: %s", w->where, err.message);
		}
		ledger_nudge(w->fix.l);
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
}

/* Submit all that have no answer yet, as one batch, until each has one. */
static void put_through(struct work *w)
{
	for (unsigned tries = 0;; tries++) {
		bool taken[WORK_ASKS] = { false };
		size_t left = 0;

		wait_ready(w);
		for (size_t i = 0; i < w->count; i++)
			if (!w->asks[i].answered) {
				w->asks[i].ask.done = false;
				taken[i] = ledger_submit(w->fix.l, &w->asks[i].ask.r) == MUSTER_OK;
			}
		for (size_t i = 0; i < w->count; i++) {
			struct work_ask *a = &w->asks[i];

			if (a->answered)
				continue;
			if (taken[i])
				wait_answer(w, &a->ask);
			if (a->ask.r.code == CODE_M_STORAGE) {
				ck_assert_msg(a->ask.r.seq == 0 && a->ask.r.expires == 0 && a->ask.r.retry_after >= 1 && a->ask.r.retry_after <= 10,
				              "%s: request %zu: 503 with a lease or without Retry-After", w->where, i);
				left++;
				continue;
			}
			ck_assert_msg(taken[i], "%s: request %zu turned away with code %#x", w->where, i, (unsigned)a->ask.r.code);
			a->answered = true;
		}
		w->again += (unsigned)left;
		if (left == 0)
			return;
		ck_assert_msg(tries < TRIES(w), "%s: %zu requests are answered 503 again and again", w->where, left);
	}
}

static struct ask *add(struct work *w, enum fix_product product, uint32_t id)
{
	struct ask *a = &w->asks[w->count++].ask;

	ck_assert_uint_le(w->count, WORK_ASKS);
	ask_init(&w->fix, a, product, id);
	return a;
}

static void add_many(struct work *w, enum fix_product product, uint32_t from, uint32_t to)
{
	for (uint32_t id = from; id <= to; id++)
		(void)add(w, product, id);
}

/* The same machine sends number @p i once more: its answer was lost. */
static void add_repeat(struct work *w, size_t i)
{
	struct ask *a = add(w, WINDOWS, 1);
	const struct ledger_request *r = &w->asks[i].ask.r;

	a->r.edition = r->edition;
	a->r.kind = r->kind;
	a->r.lease_known = r->lease_known;
	a->r.lease_seq = r->lease_seq;
	memcpy(a->r.client, r->client, 16);
	memcpy(a->r.hw, r->hw, sizeof a->r.hw);
	memcpy(a->r.nonce, r->nonce, sizeof a->r.nonce);
	memcpy(a->r.addr, r->addr, sizeof a->r.addr);
	a->r.is_virtual = r->is_virtual;
}

static void add_renewal(struct work *w, enum fix_product product, uint32_t id, size_t granted)
{
	struct ask *a = add(w, product, id);

	a->r.lease_known = true;
	a->r.lease_seq = w->asks[granted].ask.r.seq;
}

static void add_release(struct work *w, enum fix_product product, uint32_t id, size_t granted)
{
	add_renewal(w, product, id, granted);
	w->asks[w->count - 1].ask.r.kind = LEDGER_RELEASE;
}

static void add_refused(struct work *w, uint32_t id)
{
	struct ask *a = add(w, OFFICE2013, id);

	a->r.refused = CODE_M_MODEL;
	a = add(w, OFFICE2013, id);
	a->r.edition = NULL;
	memset(a->r.activation_id, 0xee, 16);
}

/* ---- administrators ---- */

/* An act or question that failed is tried again; one fault spoils few of them. @return whether to try again. */
static bool failed(struct work *w, int r, const struct muster_err *err, const char *what)
{
	if (r == MUSTER_OK)
		return false;
	plain(w, r, err, what);
	ck_assert_msg(++w->refused_acts < TRIES(w), "%s: %s fails again and again: %s", w->where, what, err->message);
	return true;
}

static void settle(struct work *w)
{
	struct muster_err err = { 0 };

	do
		wait_ready(w);
	while (failed(w, state_settle(w->fix.l, BOUND_MS, &err), &err, "fold"));
}

static int add_client(void *ctx, const struct ledger_client *c)
{
	struct work_sum *s = ctx;
	uint32_t id = be32_get(c->use.client + 12);

	ck_assert_uint_lt(id, sizeof s->requests / sizeof s->requests[0]);
	s->clients++;
	s->requests[id] += c->use.requests;
	return 0;
}

static int add_setting(void *ctx, const struct store_setting *x)
{
	ck_assert_str_eq(x->value, KNOWN);
	++*(size_t *)ctx;
	return 0;
}

static int add_journal(void *ctx, const struct store_journal *j)
{
	(void)j;
	++*(size_t *)ctx;
	return 0;
}

static int add_unknown(void *ctx, const struct store_unknown *u)
{
	struct work_sum *s = ctx;

	s->unknown++;
	s->unknown_requests += u->n;
	return 0;
}

static int add_event(void *ctx, const struct ledger_event *e)
{
	struct work_sum *s = ctx;

	if ((e->event.flags & STORE_F_SYSTEM) == 0) {
		s->rows++;
		s->row_requests += e->event.n;
	}
	return 0;
}

static void journal_rows(struct work *w, size_t *n)
{
	struct muster_err err = { 0 };

	do
		*n = 0;
	while (failed(w, ledger_journal(w->fix.l, 0, 100, add_journal, n, &err), &err, "journal"));
}

/* An outcome that is not known is looked up in the journal, as the message says. */
static void put_setting(struct work *w)
{
	struct muster_err err = { 0 };
	size_t before, after;
	int r;

	journal_rows(w, &before);
	while (failed(w, r = ledger_setting_put(w->fix.l, "0 root", "host", "port", KNOWN, &err), &err, "setting")) {
		journal_rows(w, &after);
		ck_assert_msg(after == before || r == MUSTER_E_UNKNOWN, "%s: a setting was recorded and yet refused: %s", w->where, err.message);
		if (after != before)
			return;
	}
}

static void summarize(struct work *w, struct work_sum *s)
{
	static const enum fix_product products[] = { WINDOWS, OFFICE2013, TINY };
	struct muster_err err = { 0 };
	struct work_sum zero = { .clients = 0 };

	settle(w);
	do
		*s = zero;
	while (failed(w, ledger_clients(w->fix.l, NULL, NULL, NULL, SIZE_MAX, add_client, s, NULL, &err), &err, "clients"));
	do
		s->settings = 0;
	while (failed(w, ledger_settings(w->fix.l, add_setting, &s->settings, &err), &err, "settings"));
	do
		s->unknown = s->unknown_requests = 0;
	while (failed(w, ledger_unknown(w->fix.l, add_unknown, s, &err), &err, "unknown"));
	do
		s->rows = s->row_requests = 0;
	while (failed(w, ledger_events(w->fix.l, 0, SIZE_MAX, add_event, s, &err), &err, "events"));
	journal_rows(w, &s->journal);
	for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
		s->count[products[i]] = fix_count(&w->fix, products[i]);
		s->totals[products[i]] = fix_totals(&w->fix, products[i]);
	}
}

/* One client, on its row and the log's tail. */
static int see(void *ctx, const struct ledger_client *c)
{
	*(uint64_t *)ctx += c->use.requests;
	return 0;
}

static void look_at_client(struct work *w, uint32_t id, uint64_t want)
{
	struct muster_err err = { 0 };
	uint8_t client[16];
	uint64_t n;

	fix_client_id(client, id);
	do
		n = 0;
	while (failed(w, ledger_client(w->fix.l, client, see, &n, NULL, &err), &err, "client"));
	ck_assert_msg(n == want, "%s: client %u has %llu requests, not %llu", w->where, (unsigned)id, (unsigned long long)n, (unsigned long long)want);
}

static void forget(struct work *w, uint32_t id)
{
	struct muster_err err = { 0 };
	uint8_t client[16];
	int r;

	fix_client_id(client, id);
	do {
		wait_ready(w);
		r = ledger_forget(w->fix.l, "0 root", client, &err);
		/* Forgetting what is forgotten changes nothing; only the journal has the act twice then. */
	} while (failed(w, r, &err, "forget"));
}

/* What stale storage makes stale is asked about; a reload changes nothing. */
static void probe_and_rebind(struct work *w)
{
	struct muster_err err = { 0 };

	while (failed(w, ledger_ready(w->fix.l, &err), &err, "readiness"))
		wait_ready(w);
	while (failed(w, ledger_bind(w->fix.l, w->fix.catalog, &err), &err, "reload"))
		;
}

/* ---- the whole ---- */

void work_do(struct work *w)
{
	start(w);
	/* Machines report in, one sends its request twice at once; six of both products, then those beyond the caps. */
	add_many(w, OFFICE2013, 1, 6);
	add_repeat(w, 0);
	put_through(w);
	add_many(w, TINY, 1, 5);
	add_refused(w, 7);
	put_through(w);
	put_setting(w);
	settle(w);
	clock_manual_advance(&w->fix.clock, 5);
	add_repeat(w, 1);
	add_many(w, OFFICE2013, 7, 14);
	put_through(w);
	look_at_client(w, 14, 1);
	settle(w);
	/* Two leave: their places are taken by those who did not fit. */
	clock_manual_advance(&w->fix.clock, 5);
	add_release(w, OFFICE2013, 14, 22);
	add_release(w, OFFICE2013, 10, 18);
	put_through(w);
	add_repeat(w, w->count - 1);
	put_through(w);
	settle(w);
	clock_manual_advance(&w->fix.clock, 5);
	for (uint32_t id = 1; id <= 6; id++)
		add_renewal(w, OFFICE2013, id, id - 1);
	add_many(w, WINDOWS, 11, 13);
	put_through(w);
	add_many(w, TINY, 6, 8);
	add_refused(w, 9);
	add_repeat(w, 3);
	put_through(w);
	forget(w, 13);
	add_many(w, TINY, 9, 14);
	put_through(w);
	/* Some seconds pass: the ledger folds by itself and looks whether the disk takes writes. */
	settle(w);
	clock_manual_advance(&w->fix.clock, 11000);
	probe_and_rebind(w);
	for (uint32_t id = 1; id <= 3; id++)
		add_renewal(w, OFFICE2013, id, id - 1);
	put_through(w);
	summarize(w, &w->live);
	fix_stop(&w->fix);
}

struct rows { struct store_event e[200]; size_t n; };

static int keep_event(void *ctx, const struct ledger_event *e)
{
	struct rows *rows = ctx;

	ck_assert_uint_lt(rows->n, sizeof rows->e / sizeof rows->e[0]);
	rows->e[rows->n++] = e->event;
	return 0;
}

/* No number twice, no request twice, and the host's own rows are not either. */
static void check_rows(const struct work *w, const struct rows *rows)
{
	unsigned started = 0, stopped = 0;

	for (size_t i = 0; i < rows->n; i++) {
		started += (rows->e[i].flags & STORE_F_SYSTEM) != 0 && strcmp(rows->e[i].name, "started") == 0;
		stopped += (rows->e[i].flags & STORE_F_SYSTEM) != 0 && strcmp(rows->e[i].name, "stopped") == 0;
	}
	ck_assert_msg(started >= 1 && started <= 2 && stopped <= 1, "%s: started %u times, stopped %u times", w->where, started, stopped);
	for (size_t i = 0; i < rows->n; i++) {
		const struct store_event *a = &rows->e[i];

		ck_assert_msg(i == 0 || a->seq > a[-1].seq, "%s: event %lld follows %lld", w->where, (long long)a->seq, (long long)a[-1].seq);
		ck_assert_msg((a->flags & STORE_F_ADOPTED) == 0, "%s: event %lld: a lease was not known any more", w->where, (long long)a->seq);
		for (size_t j = 0; j < i; j++)
			ck_assert_msg(a->digest == 0 || a->digest != rows->e[j].digest || a->product != rows->e[j].product ||
			              memcmp(a->client, rows->e[j].client, 16) != 0, "%s: events %lld and %lld are one request", w->where,
			              (long long)rows->e[j].seq, (long long)a->seq);
	}
}

/* What was answered with a number is there, with the same result. */
static void check_answers(struct work *w, const struct rows *rows)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct ledger_request r = w->asks[i].ask.r;
		const struct store_event *e = NULL;
		struct ask *a = &w->asks[i].ask;

		for (size_t k = 0; k < rows->n && e == NULL; k++)
			if (rows->e[k].seq == r.seq)
				e = &rows->e[k];
		ck_assert_msg(e != NULL && e->result == r.code && e->expires == r.expires && e->count == r.count && memcmp(e->client, r.client, 16) == 0,
		              "%s: request %zu, answered as event %lld with code %#x, is not in the log", w->where, i, (long long)r.seq, (unsigned)r.code);
		if (r.refused != 0 || r.edition == NULL)
			continue;
		ask_go(&w->fix, a);
		ck_assert_msg(a->r.repeat && a->r.seq == r.seq && a->r.code == r.code && a->r.count == r.count && a->r.expires == r.expires,
		              "%s: request %zu, answered as event %lld: asked again it gets code %#x as event %lld", w->where, i, (long long)r.seq,
		              (unsigned)a->r.code, (long long)a->r.seq);
	}
}

#define SAME(a, b, field, what) \
	ck_assert_msg((a)->field == (b)->field, "%s: %s: " #field ": %llu, not %llu", where, what, (unsigned long long)(a)->field, (unsigned long long)(b)->field)

/*
 * Where the log itself could not be asked whether a commit had happened, a refused request that was asked again may stand
 * there twice: refusals have no digest. All that is granted or counted is compared exactly.
 */
static void same_refusals(const struct work *w, const char *what, const struct work_sum *a, const struct work_sum *b)
{
	const char *where = w->where;

	if (w->faults > 1) {
		ck_assert_msg(a->rows >= b->rows && a->row_requests == a->rows && a->unknown_requests >= b->unknown_requests, "%s: %s: rows are missing", where, what);
		return;
	}
	for (size_t i = 0; i < FIX_PRODUCTS; i++) {
		SAME(a, b, totals[i].total, what);
		SAME(a, b, totals[i].failed, what);
	}
	SAME(a, b, unknown_requests, what);
	SAME(a, b, rows, what);
	SAME(a, b, row_requests, what);
}

static void same(const struct work *w, const char *what, const struct work_sum *a, const struct work_sum *b)
{
	const char *where = w->where;

	same_refusals(w, what, a, b);
	for (size_t i = 0; i < FIX_PRODUCTS; i++) {
		SAME(a, b, count[i].current, what);
		SAME(a, b, count[i].cap, what);
		SAME(a, b, count[i].largest_minimum, what);
		SAME(a, b, totals[i].status[2], what);
	}
	for (size_t i = 0; i < sizeof a->requests / sizeof a->requests[0]; i++)
		SAME(a, b, requests[i], what);
	SAME(a, b, clients, what);
	SAME(a, b, settings, what);
	SAME(a, b, unknown, what);
}

void work_check(struct work *w, const struct work_sum *base)
{
	static struct rows rows;
	struct muster_err err = { 0 };
	const char *where = w->where;
	struct work_sum now;

	same(w, "before the stop", &w->live, base);
	fix_start(&w->fix);
	rows.n = 0;
	ck_assert_msg(ledger_events(w->fix.l, 0, SIZE_MAX, keep_event, &rows, &err) == MUSTER_OK, "%s", err.message);
	check_rows(w, &rows);
	check_answers(w, &rows);
	summarize(w, &now);
	same(w, "after a start", &now, base);
	ck_assert_msg(now.journal == w->live.journal, "%s: the journal has %zu rows, not %zu", w->where, now.journal, w->live.journal);
	/* The very same machines are counted, whichever came last. */
	for (size_t i = 0; i < FIX_PRODUCTS; i++)
		SAME(&now, &w->live, count[i].virtual_, "after a start");
}

void work_fini(struct work *w)
{
	for (size_t i = 0; i < w->count; i++)
		ask_fini(&w->asks[i].ask);
	fix_close(&w->fix);
}
