/* The log and what is folded from it: counters, clients, limits, retention, start. */
#include "tests/unit/ledger_fixture.h"

#include <stdio.h>
#include <time.h>

#include "core/base/bytes.h"

/* Cumulative counters by licence status survive restarts, folded or not; the total includes the failed, status 6 is in it only. */
LEDGER_TEST(test_totals)
{
	static const uint8_t statuses[] = { 0, 1, 1, 2, 3, 4, 5, 6, 6, 6 };
	struct ledger_totals t;
	struct ask a;

	for (uint32_t i = 0; i < sizeof statuses; i++) {
		ask_init(f, &a, OFFICE2013, i + 1);
		a.r.status = statuses[i];
		ask_go(f, &a);
	}
	ask_init(f, &a, OFFICE2013, 50);
	a.r.refused = (uint32_t)CODE_UNSUPPORTED_PRODUCT;
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_UNSUPPORTED_PRODUCT);
	ck_assert_code(ask_release(f, OFFICE2013, 1), CODE_OK);   /* a release asks for no activation */
	for (int round = 0; round < 3; round++) {
		t = fix_totals(f, OFFICE2013);
		ck_assert_uint_eq(t.total, 11);
		ck_assert_uint_eq(t.failed, 1);
		ck_assert_uint_eq(t.status[0], 1);
		ck_assert_uint_eq(t.status[1], 2);
		ck_assert_uint_eq(t.status[2], 1);
		ck_assert_uint_eq(t.status[5], 1);
		ck_assert_uint_eq(t.status[6], 3);
		if (round == 1)
			fix_settle(f);
		fix_restart(f);
	}
	ck_assert_uint_eq(fix_totals(f, OFFICE2010).total, 0);
	ask_fini(&a);
}

/* A product without a count is never granted here, whatever was checked before. */
LEDGER_TEST(test_uncounted)
{
	ck_assert_code(ask_code(f, UNCOUNTED, 1), CODE_M_MODEL);
	ck_assert_uint_eq(fix_totals(f, UNCOUNTED).failed, 1);
	ck_assert_uint_eq(fix_clients(f), 0);
}

/* What a request holds can break no rule of the store: refused before it is queued. */
LEDGER_TEST(test_submit_limits)
{
	struct ask a;

	ask_init(f, &a, TINY, 1);
	a.r.status = 7;
	ck_assert_int_eq(ledger_submit(f->l, &a.r), MUSTER_E_INVALID);
	ck_assert_code(a.r.code, CODE_M_FIELD);
	ask_init(f, &a, TINY, 1);
	a.r.nonce_len = 65;
	ck_assert_int_eq(ledger_submit(f->l, &a.r), MUSTER_E_INVALID);
	ask_init(f, &a, TINY, 1);
	a.r.addr_len = 5;
	ck_assert_int_eq(ledger_submit(f->l, &a.r), MUSTER_E_INVALID);
	ask_init(f, &a, TINY, 1);
	memset(a.r.name, 'x', sizeof a.r.name);
	ck_assert_int_eq(ledger_submit(f->l, &a.r), MUSTER_E_INVALID);
	ask_init(f, &a, TINY, 1);
	memset(a.r.name, 'x', sizeof a.r.name - 1);
	a.r.nonce_len = 64;
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_OK);
	ask_fini(&a);
}

struct unknowns { size_t n; uint64_t requests; uint8_t id[16]; };

static int unknown_note(void *ctx, const struct store_unknown *u)
{
	struct unknowns *w = ctx;

	w->n++;
	w->requests += u->n;
	memcpy(w->id, u->activation_id, 16);
	return 0;
}

static int id_note(void *ctx, const struct ledger_event *e)
{
	if (e->event.flags & STORE_F_UNKNOWN)
		memcpy(ctx, e->activation_id, 16);
	return 0;
}

/* Unknown activation IDs are refused, logged with the ID, and listed until they are learned. */
LEDGER_TEST(test_unknown)
{
	struct muster_err err = { 0 };
	struct unknowns w = { 0, 0, { 0 } };
	uint8_t seen[16] = { 0 };
	struct ask a;

	ask_code(f, TINY, 9);
	for (uint32_t i = 1; i <= 3; i++) {
		ask_init(f, &a, TINY, i);
		a.r.edition = NULL;
		a.r.refused = (uint32_t)CODE_UNSUPPORTED_PRODUCT;
		memset(a.r.activation_id, 0xab, 16);
		ask_go(f, &a);
		ck_assert_code(a.r.code, CODE_UNSUPPORTED_PRODUCT);
	}
	ck_assert_int_eq(ledger_unknown(f->l, unknown_note, &w, &err), MUSTER_OK);
	ck_assert_uint_eq(w.n, 1);
	ck_assert_uint_eq(w.requests, 3);
	ck_assert_mem_eq(w.id, a.r.activation_id, 16);
	ck_assert_int_eq(ledger_events(f->l, 0, SIZE_MAX, id_note, seen, &err), MUSTER_OK);
	ck_assert_mem_eq(seen, a.r.activation_id, 16);
	ck_assert_uint_eq(fix_clients(f), 1);
	ck_assert_int_eq(ledger_learn(f->l, "0 root", a.r.activation_id, "nothing", "Seven", &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_eq(ledger_learn(f->l, "0 root", a.r.activation_id, "windows", "Seven", &err), MUSTER_OK);
	memset(&w, 0, sizeof w);
	ck_assert_int_eq(ledger_unknown(f->l, unknown_note, &w, &err), MUSTER_OK);
	ck_assert_uint_eq(w.n, 0);
	ask_fini(&a);
}

/* Refused requests: all are counted, ten rows a second are written for one address and reason, their n add up; also at a stop. */
LEDGER_TEST(test_refused_rows)
{
	uint64_t requests;
	size_t rows;
	struct ask a;

	ask_init(f, &a, OFFICE2013, 1);
	a.r.refused = CODE_M_PLUGIN;
	for (int i = 0; i < 500; i++) {
		a.r.nonce[8] = (uint8_t)i;
		ask_go(f, &a);
		ck_assert_code(a.r.code, CODE_M_PLUGIN);
		ck_assert_uint_eq(fix_totals(f, OFFICE2013).failed, (uint64_t)i + 1);
	}
	ck_assert_uint_eq(fix_events(f, STORE_F_REFUSED, &requests), 10);
	ck_assert_uint_eq(requests, 10);
	fix_advance(f, 1000);
	FIX_UNTIL(fix_events(f, STORE_F_REFUSED, NULL) >= 11);
	ck_assert_uint_eq(fix_events(f, STORE_F_REFUSED, &requests), 11);
	ck_assert_uint_eq(requests, 500);
	for (int i = 0; i < 50; i++)
		ask_go(f, &a);
	fix_restart(f);
	rows = fix_events(f, STORE_F_REFUSED, &requests);
	ck_assert_uint_eq(requests, 550);
	ck_assert_uint_le(rows, 21);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).failed, 550);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).total, 550);
	ask_fini(&a);
}

static uint32_t ask_from(struct fix *f, enum fix_product product, uint32_t id, uint32_t addr, bool loopback, uint32_t *retry)
{
	struct ask a;

	ask_init(f, &a, product, id);
	be32_put(a.r.addr, addr);
	a.r.loopback = loopback;
	ask_go(f, &a);
	if (retry != NULL)
		*retry = a.r.retry_after;
	ask_fini(&a);
	return a.r.code;
}

/* New client IDs: 100 an hour from one address; those known already, and loopback, are not held up. */
LEDGER_TEST(test_new_per_hour)
{
	uint32_t retry;

	for (uint32_t i = 1; i <= 100; i++)
		ck_assert_code(ask_from(f, TINY, i, 5, false, NULL), CODE_OK);
	ck_assert_code(ask_from(f, TINY, 101, 5, false, &retry), CODE_M_RATE_NEW);
	ck_assert_uint_ge(retry, 3599);
	ck_assert_uint_le(retry, 3601);
	ck_assert_code(ask_from(f, TINY, 100, 5, false, NULL), CODE_OK);   /* a member */
	ck_assert_code(ask_from(f, TINY, 101, 6, false, NULL), CODE_OK);   /* another address */
	for (uint32_t i = 200; i < 350; i++)
		ck_assert_code(ask_from(f, TINY, i, 7, true, NULL), CODE_OK);
	{
		struct ask a;

		ask_init(f, &a, TINY, 1);   /* no member any more, but with a lease */
		be32_put(a.r.addr, 5);
		a.r.lease_known = true;
		a.r.lease_seq = 1;
		ask_go(f, &a);
		ck_assert_code(a.r.code, CODE_OK);
		ask_fini(&a);
	}
	fix_advance(f, HOUR);
	ck_assert_code(ask_from(f, TINY, 102, 5, false, NULL), CODE_OK);
	f->config.limits.loopback = 1;
	f->config.limits.new_clients_per_hour = 2;
	ledger_configure(f->l, &f->config);
	ck_assert_code(ask_from(f, TINY, 401, 8, true, NULL), CODE_OK);
	ck_assert_code(ask_from(f, TINY, 402, 8, true, NULL), CODE_OK);
	ck_assert_code(ask_from(f, TINY, 403, 8, true, NULL), CODE_M_RATE_NEW);
	ck_assert_uint_eq(fix_totals(f, TINY).failed, 2);
}

/* And so many a day in one pool, whatever the address; a refused one uses nothing up. */
LEDGER_TEST(test_new_per_day)
{
	uint32_t retry;

	f->config.limits.new_clients_per_day = 30;
	ledger_configure(f->l, &f->config);
	for (uint32_t i = 1; i <= 30; i++) {
		struct ask a;

		ck_assert_code(ask_from(f, TINY, i, i, false, NULL), CODE_OK);
		ask_init(f, &a, TINY, 1000 + i);
		a.r.client_time = 0;
		ask_go(f, &a);
		ck_assert_code(a.r.code, i < 30 ? (uint32_t)CODE_TIMESTAMP : CODE_M_RATE_NEW);
		ask_fini(&a);
	}
	ck_assert_code(ask_from(f, TINY, 31, 31, false, &retry), CODE_M_RATE_NEW);
	ck_assert_uint_ge(retry, 86399);
	ck_assert_code(ask_from(f, OFFICE2013, 31, 31, false, NULL), CODE_COUNT_LOW);   /* another pool */
	fix_advance(f, DAY);
	ck_assert_code(ask_from(f, TINY, 31, 31, false, NULL), CODE_OK);
}

/* Everything that can be asked about, as text: two ledgers that print the same are the same. */
static int client_print(void *ctx, const struct ledger_client *c)
{
	FILE *out = ctx;
	const struct store_use *u = &c->use;

	fprintf(out, "%08x %s %lld %lld %lld %llu %x %x %d %u %08x %s\n", be32_get(u->client), c->product, (long long)u->first, (long long)u->last,
	        (long long)u->last_seq, (unsigned long long)u->requests, u->result, u->flags, u->minutes, u->status, be32_get(u->hw + 28), u->name);
	return 0;
}

static char *picture(struct fix *f)
{
	struct muster_err err = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(ledger_clients(f->l, NULL, NULL, NULL, SIZE_MAX, client_print, out, NULL, &err), MUSTER_OK);
	for (int p = 0; p < UNCOUNTED; p++) {
		struct ledger_totals t = fix_totals(f, (enum fix_product)p);
		struct ledger_count c = fix_count(f, (enum fix_product)p);

		fprintf(out, "%d: %llu %llu", p, (unsigned long long)t.total, (unsigned long long)t.failed);
		for (int s = 0; s < 7; s++)
			fprintf(out, " %llu", (unsigned long long)t.status[s]);
		fprintf(out, " | %u %u %u %u\n", c.current, c.cap, c.physical, c.virtual_);
	}
	fclose(out);
	return text;
}

/* Names the first line that differs; whole pictures are too long for a message. */
static void same_picture(const char *a, const char *b)
{
	while (*a != '\0' || *b != '\0') {
		size_t n = strcspn(a, "\n"), m = strcspn(b, "\n");

		ck_assert_msg(n == m && memcmp(a, b, n) == 0, "before: %.*s\nafter:  %.*s", (int)n, a, (int)m, b);
		a += n + (a[n] != '\0');
		b += m + (b[m] != '\0');
	}
}

/* A mixed history: several products, repeats of visits, clones, releases, refused, ageing. */
static void history(struct fix *f, uint32_t rounds)
{
	uint64_t x = 88172645463325252u;

	for (uint32_t i = 0; i < rounds; i++) {
		struct ask a;

		x ^= x << 13; x ^= x >> 7; x ^= x << 17;
		ask_init(f, &a, (enum fix_product)(x % UNCOUNTED), 1 + (uint32_t)(x >> 8) % 120);
		a.r.status = (uint8_t)((x >> 20) % 7);
		a.r.lease_known = (x >> 24) % 2;
		a.r.lease_seq = a.r.lease_known ? 1 : 0;
		if ((x >> 28) % 11 == 0)
			ask_hw(&a, 1, 7000);
		if ((x >> 32) % 17 == 0)
			a.r.kind = LEDGER_RELEASE;
		if ((x >> 36) % 13 == 0)
			a.r.refused = CODE_M_PLUGIN;
		ask_go(f, &a);
		ask_fini(&a);
		if ((x >> 40) % 50 == 0)
			fix_advance(f, (int64_t)((x >> 44) % 4) * DAY);
	}
}

/* Replaying the tail at the start gives what folding gives: the same history, folded all along, at the end, or after restarts. */
LEDGER_TEST(test_start_equals_fold)
{
	char *all_along, *replayed;

	history(f, 400);
	fix_restart(f);
	history(f, 100);
	fix_settle(f);
	all_along = picture(f);
	fix_restart(f);
	fix_settle(f);
	replayed = picture(f);
	same_picture(all_along, replayed);
	free(replayed);
	for (uint32_t i = 0; i < 20; i++)
		ask_code(f, TINY, 500 + i);
	free(all_along);
	all_along = picture(f);
	fix_restart(f);
	replayed = picture(f);
	same_picture(all_along, replayed);
	free(all_along);
	free(replayed);
}

/* A process that died in the middle of a fold: what was written already is not counted again. Each of the state's writes fails once. */
MEMORY_TEST(test_fold_repeatable)
{
	static const enum store_memory_fault faults[] = { STORE_MEMORY_FAIL, STORE_MEMORY_FULL, STORE_MEMORY_FORGET, STORE_MEMORY_LOSE_ANSWER };
	struct fix *g = calloc(1, sizeof *g);
	char *smooth, *broken;

	ck_assert_ptr_nonnull(g);
	fix_open(g, FIX_MEMORY);
	fix_start(g);
	for (size_t k = 0; k < sizeof faults / sizeof faults[0]; k++) {
		for (unsigned skip = 0; skip < 3; skip++) {
			history(f, 60);
			history(g, 60);
			/* the clocks' steps are part of the history, and both saw the same */
			ck_assert_int_eq(f->clock.wall, g->clock.wall);
			store_memory_fault(g->memory, true, skip, faults[k]);
			(void)state_settle(g->l, 2000, NULL);
			fix_settle(f);
			if (skip == 1)
				fix_restart(g);
			store_memory_fault(g->memory, true, 0, STORE_MEMORY_OK);
		}
	}
	fix_settle(g);
	smooth = picture(f);
	broken = picture(g);
	/* numbers of events differ by rows that the host wrote about itself; everything else is the same */
	ck_assert_uint_eq(fix_clients(f), fix_clients(g));
	for (int p = 0; p < UNCOUNTED; p++) {
		ck_assert_uint_eq(fix_totals(f, (enum fix_product)p).total, fix_totals(g, (enum fix_product)p).total);
		ck_assert_uint_eq(fix_totals(f, (enum fix_product)p).failed, fix_totals(g, (enum fix_product)p).failed);
		ck_assert_uint_eq(fix_count(f, (enum fix_product)p).current, fix_count(g, (enum fix_product)p).current);
	}
	for (uint32_t id = 1; id <= 120; id++)
		for (int p = 0; p < UNCOUNTED; p++) {
			struct store_use a, b;
			bool there = fix_client(f, id, (enum fix_product)p, &a);

			ck_assert_int_eq(there, fix_client(g, id, (enum fix_product)p, &b));
			if (!there)
				continue;
			ck_assert_uint_eq(a.requests, b.requests);
			ck_assert_int_eq(a.last, b.last);
			ck_assert_uint_eq(a.flags, b.flags);
			ck_assert_mem_eq(a.hw, b.hw, 32);
		}
	free(smooth);
	free(broken);
	fix_close(g);
	free(g);
}

/* A run of more than one transaction that is cut off after some: the rest follows, nothing counts twice. */
MEMORY_TEST(test_fold_long_run)
{
	struct ask a;
	uint64_t requests = 0;

	f->config.limits.new_clients_per_hour = 1000000;
	f->config.limits.new_clients_per_day = 1000000;
	f->config.limits.queue_age_ms = 1000000;
	ledger_configure(f->l, &f->config);
	fix_settle(f);
	for (uint32_t round = 0; round < 2; round++) {
		store_memory_fault(f->memory, true, round + 1, round == 0 ? STORE_MEMORY_FAIL : STORE_MEMORY_LOSE_ANSWER);
		pthread_mutex_lock(&f->l->state_lock);   /* nothing is folded while this goes on */
		for (uint32_t i = 1; i <= 12000; i++) {
			ask_init(f, &a, TINY, i);
			ask_go(f, &a);
			ck_assert_code(a.r.code, CODE_OK);
			ask_fini(&a);
		}
		pthread_mutex_unlock(&f->l->state_lock);
		(void)state_settle(f->l, 2000, NULL);
		fix_settle(f);
		store_memory_fault(f->memory, true, 0, STORE_MEMORY_OK);
	}
	ck_assert_uint_eq(fix_clients(f), 12000);
	for (uint32_t i = 1; i <= 12000; i += 997) {
		struct store_use u;

		ck_assert(fix_client(f, i, TINY, &u));
		ck_assert_uint_eq(u.requests, 2);
		requests += u.requests;
	}
	ck_assert_uint_eq(requests, 26);
	fix_restart(f);
	ck_assert_uint_eq(fix_totals(f, TINY).total, 24000);
}

struct meanwhile { struct fix *f; int64_t seq; };

static void report_meanwhile(void *ctx, bool state)
{
	struct meanwhile *m = ctx;
	struct ask a;

	if (!state || m->seq != 0)
		return;
	ask_init(m->f, &a, TINY, 3);
	ask_go(m->f, &a);
	m->seq = a.r.seq;
	ask_fini(&a);
}

/* What comes in while a fold runs waits for the next one: a fold does not run after the newest rows in ever shorter steps. */
MEMORY_TEST(test_fold_ends)
{
	struct meanwhile m = { f, 0 };
	struct ledger_status s;

	ask_code(f, TINY, 1);
	fix_settle(f);
	ask_code(f, TINY, 2);
	ledger_status(f->l, &s);
	store_memory_hook(f->memory, report_meanwhile, &m);
	ck_assert_int_eq(state_settle(f->l, 20000, NULL), MUSTER_OK);
	store_memory_hook(f->memory, NULL, NULL);
	ck_assert_int_eq(m.seq, s.last_seq + 1);
	ledger_status(f->l, &s);
	ck_assert_int_eq(s.last_seq, m.seq);
	ck_assert_int_eq(s.fold_seq, m.seq - 1);
	fix_settle(f);
	ledger_status(f->l, &s);
	ck_assert_int_eq(s.fold_seq, m.seq);
}

/* Old events leave also from a host that is asked all the time and so is never idle. */
LEDGER_TEST(test_retention_busy)
{
	uint32_t asked = 0;
	size_t kept;

	for (uint32_t i = 1; i <= 150; i++)
		ask_code(f, TINY, i);
	fix_settle(f);
	fix_pass(f, 401 * DAY);
	/* the ledger's own thread takes its turn when the machine lets it: asked until then, far more often than the second that counts as idle */
	do {
		for (int i = 0; i < 50; i++) {
			fix_pass(f, 61000);
			ask_code(f, TINY, 1000 + asked++);
		}
		kept = fix_events(f, 0, NULL);
	} while (kept >= 100 + (size_t)asked && asked < 20000);
	ck_assert_uint_ge(kept, asked);
	ck_assert_uint_lt(kept, 100 + (size_t)asked);
}

static int64_t fold_seq(struct fix *f)
{
	struct ledger_status s;

	ledger_status(f->l, &s);
	return s.fold_seq;
}

static void steadily(struct fix *f, int seconds)
{
	for (int i = 0; i < seconds * 2; i++) {
		fix_pass(f, 500);   /* nobody is woken */
		ask_code(f, TINY, 1);
	}
}

/* A full pool whose members all stand by their rows is not looked for again at a start: that reads much of a large fleet. */
LEDGER_TEST(test_start_without_refill)
{
	for (uint32_t id = 1; id <= 3; id++)
		ask_code(f, TINY, id);
	fix_settle(f);
	fix_restart(f);
	ck_assert(!refill_wanted(f->l));
	ck_assert_uint_eq(fix_count(f, TINY).current, 2);
	/* released and not folded when the process ended: client 1 takes the place */
	ck_assert_code(ask_release(f, TINY, 3), CODE_OK);
	fix_restart(f);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, TINY).current, 2);
	ck_assert_code(ask_release(f, TINY, 2), CODE_OK);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, TINY).current, 1);
}

/* Where no second passes without a request the fold comes after a minute. */
MEMORY_TEST(test_fold_in_a_minute)
{
	int64_t before;

	ask_code(f, TINY, 1);
	fix_settle(f);
	fix_pass(f, 120000);
	for (int i = 0; i < 2; i++) {   /* the second row is folded by a round that began after the first, so its minute begins now */
		ask_code(f, TINY, 1);
		fix_settle(f);
	}
	before = fold_seq(f);
	steadily(f, 50);
	nanosleep(&(struct timespec){ 0, 600000000 }, NULL);   /* the state thread looks four times a second */
	ck_assert_int_eq(fold_seq(f), before);
	steadily(f, 15);
	FIX_UNTIL(fold_seq(f) != before);
	ck_assert_int_gt(fold_seq(f), before);
}

/* Old events leave; no count, counter or client changes, and the newest event and its number stay. */
LEDGER_TEST(test_retention)
{
	char *before, *after;
	size_t rows;
	struct ledger_status s;
	int64_t last;

	history(f, 300);
	fix_settle(f);
	before = picture(f);
	rows = fix_events(f, 0, NULL);
	f->config.host.events_keep = 0;
	ledger_configure(f->l, &f->config);
	FIX_UNTIL((fix_advance(f, 61000), fix_events(f, 0, NULL) <= 1));
	ck_assert_uint_le(fix_events(f, 0, NULL), 1);
	ck_assert_uint_gt(rows, 250);
	f->config.host.events_keep = 400 * 86400;
	ledger_configure(f->l, &f->config);
	ledger_status(f->l, &s);
	last = s.last_seq;
	after = picture(f);
	same_picture(before, after);
	free(after);
	fix_restart(f);
	fix_settle(f);
	after = picture(f);
	same_picture(before, after);
	ask_code(f, TINY, 1);
	ledger_status(f->l, &s);
	ck_assert_int_gt(s.last_seq, last);
	free(before);
	free(after);
}

/* The fold pauses three times as long as it worked while little waits, and not at all when much does; in between ever less. */
START_TEST(test_pace)
{
	int64_t before = pace_pause(100, 0);

	ck_assert_int_eq(before, 300);
	ck_assert_int_eq(pace_pause(100, 250000), 300);
	for (int64_t backlog = 260000; backlog <= 550000; backlog += 10000) {
		int64_t now = pace_pause(100, backlog);

		ck_assert_msg(now < before || (now == 0 && before == 0), "%lld rows: %lld ms", (long long)backlog, (long long)now);
		before = now;
	}
	ck_assert_int_eq(before, 0);
	ck_assert_int_eq(pace_pause(100, BACKLOG_MAX), 0);
	ck_assert_int_eq(pace_pause(0, 0), 0);
}
END_TEST

UNIT_MAIN("ledger_fold", test_totals, test_uncounted, test_submit_limits, test_unknown, test_refused_rows, test_new_per_hour, test_new_per_day,
          test_start_equals_fold, test_fold_repeatable, test_fold_long_run, test_fold_ends,
          test_fold_in_a_minute, test_start_without_refill, test_retention,
          test_retention_busy, test_pace)
