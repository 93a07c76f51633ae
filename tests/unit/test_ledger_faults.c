/* Failed commits, unknown outcomes, full disks, wrong clocks, overload. What tells the store to fail runs on the memory store. */
#include "tests/unit/ledger_fixture.h"

#include <stdio.h>
#include <time.h>

#include "core/base/bytes.h"

/* Until the ledger takes requests again: it tries once a second by itself, and when woken. */
static void wait_ready(struct fix *f)
{
	struct muster_err err = { 0 };

	FIX_UNTIL((ledger_nudge(f->l), ledger_ready(f->l, &err) == MUSTER_OK));
	ck_assert_msg(ledger_ready(f->l, &err) == MUSTER_OK, "never ready again: %s", err.message);
}

static uint32_t turned_away(struct fix *f, enum fix_product product, uint32_t id)
{
	struct ask a;
	uint32_t code;

	ask_init(f, &a, product, id);
	ck_assert_int_eq(ledger_submit(f->l, &a.r), MUSTER_E_BUSY);
	code = a.r.code;
	ck_assert_uint_ge(a.r.retry_after, 1);
	ck_assert_uint_le(a.r.retry_after, 10);
	ask_fini(&a);
	return code;
}

/* A commit that fails or finds the disk full: the request gets 503, nothing of it is counted; its repeat is then a first request. */
static void failed_commit(struct fix *f, enum store_memory_fault fault)
{
	struct ask a;

	for (uint32_t i = 1; i <= 4; i++)
		ask_code(f, OFFICE2013, i);
	store_memory_fault(f->memory, false, 0, fault);
	ask_init(f, &a, OFFICE2013, 5);
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_M_STORAGE);
	ck_assert_int_eq(a.r.seq, 0);
	ck_assert_int_eq(a.r.expires, 0);
	ck_assert_uint_ge(a.r.retry_after, 1);
	ck_assert_uint_le(a.r.retry_after, 10);
	wait_ready(f);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 4);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).total, 4);
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_OK);
	ck_assert(!a.r.repeat);
	ck_assert_uint_eq(a.r.count, 5);
	ck_assert_uint_eq(fix_events(f, 0, NULL), 5);
	ask_fini(&a);
	fix_settle(f);
	fix_restart(f);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).total, 5);
	ck_assert(fix_said(f, "commit-failed"));
}

/* An I/O error: the handle is closed and memory rebuilt from disk before requests are taken again. */
MEMORY_TEST(test_fault_fail)
{
	failed_commit(f, STORE_MEMORY_FAIL);
	ck_assert(fix_said(f, "ledger-rebuilt"));
}

MEMORY_TEST(test_fault_full)
{
	failed_commit(f, STORE_MEMORY_FULL);
	ck_assert(fix_said(f, "commit-works") && !fix_said(f, "ledger-rebuilt"));
}

/* The outcome is not known and nothing was written: resolved by looking; the client asks again and is a first request. */
MEMORY_TEST(test_fault_forget)
{
	failed_commit(f, STORE_MEMORY_FORGET);
}

/* The outcome is not known and it was written: resolved by looking, and answered as if nothing had been. */
MEMORY_TEST(test_fault_lost_answer)
{
	struct ask a;

	for (uint32_t i = 1; i <= 4; i++)
		ask_code(f, OFFICE2013, i);
	store_memory_fault(f->memory, false, 0, STORE_MEMORY_LOSE_ANSWER);
	ask_init(f, &a, OFFICE2013, 5);
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_OK);
	ck_assert_uint_eq(a.r.count, 5);
	ck_assert_uint_eq(fix_events(f, 0, NULL), 5);
	ask_go(f, &a);
	ck_assert(a.r.repeat);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).total, 5);
	ask_fini(&a);
	ck_assert_code(ask_code(f, OFFICE2013, 6), CODE_OK);
}

/* Every one of the first commits failing in turn, in each way: afterwards counts and counters are those of the requests acknowledged. */
MEMORY_TEST(test_fault_each)
{
	uint32_t id = 0, acknowledged = 0;

	for (int fault = STORE_MEMORY_FAIL; fault <= STORE_MEMORY_LOSE_ANSWER; fault++) {
		for (unsigned skip = 0; skip < 6; skip++) {
			store_memory_fault(f->memory, false, skip, (enum store_memory_fault)fault);
			for (int i = 0; i < 8; i++) {
				struct ask a;

				ask_init(f, &a, TINY, ++id);
				for (;;) {
					wait_ready(f);
					if (ledger_submit(f->l, &a.r) != MUSTER_OK)
						continue;
					ask_wait(&a);
					if (a.r.code != CODE_M_STORAGE)
						break;
					a.done = false;
				}
				ck_assert_code(a.r.code, CODE_OK);
				acknowledged++;
				ask_fini(&a);
			}
			store_memory_fault(f->memory, false, 0, STORE_MEMORY_OK);
		}
	}
	ck_assert_uint_eq(fix_totals(f, TINY).total, acknowledged);
	ck_assert_uint_eq(fix_clients(f), acknowledged);
	ck_assert_uint_eq(fix_events(f, STORE_F_LEASE, NULL), acknowledged);
	fix_restart(f);
	ck_assert_uint_eq(fix_totals(f, TINY).total, acknowledged);
}

/* The whole group of a failed commit is told so, the repeat within it too; what was answered from memory stands. */
struct gate { pthread_mutex_t lock; pthread_cond_t cond; bool shut, waiting; };

static void at_gate(void *ctx, bool state)
{
	struct gate *g = ctx;

	if (state)
		return;
	pthread_mutex_lock(&g->lock);
	while (g->shut) {
		g->waiting = true;
		pthread_cond_broadcast(&g->cond);
		pthread_cond_wait(&g->cond, &g->lock);
	}
	pthread_mutex_unlock(&g->lock);
}

static void gate_set(struct gate *g, bool shut)
{
	pthread_mutex_lock(&g->lock);
	g->shut = shut;
	g->waiting = false;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->lock);
}

static void gate_wait(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	while (!g->waiting)
		pthread_cond_wait(&g->cond, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

MEMORY_TEST(test_fault_group)
{
	struct gate g = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, true, false };
	struct ask old, first, a[4];

	ask_init(f, &old, TINY, 50);
	ask_go(f, &old);
	store_memory_hook(f->memory, at_gate, &g);
	ask_init(f, &first, TINY, 100);
	ask_submit(f, &first);
	gate_wait(&g);
	for (uint32_t i = 0; i < 4; i++) {
		ask_init(f, &a[i], TINY, i < 2 ? 1 : i);
		if (i == 1)
			memcpy(a[1].r.nonce, a[0].r.nonce, sizeof a[1].r.nonce);
		if (i == 3)
			a[3].r = old.r, a[3].r.user = &a[3], a[3].r.repeat = false;
		ask_submit(f, &a[i]);
	}
	store_memory_fault(f->memory, false, 0, STORE_MEMORY_FULL);
	/* the fault meets the append that waits at the gate or the next one: let the first pass before it is ordered */
	gate_set(&g, false);
	ask_wait(&first);
	for (uint32_t i = 0; i < 4; i++)
		ask_wait(&a[i]);
	store_memory_hook(f->memory, NULL, NULL);
	if (first.r.code == CODE_M_STORAGE) {
		/* it met the first: the group after it is whole */
		ck_assert_code(a[0].r.code, CODE_OK);
		ck_assert(a[1].r.repeat);
		ck_assert_int_eq(a[1].r.seq, a[0].r.seq);
	} else {
		for (uint32_t i = 0; i < 3; i++) {
			ck_assert_code(a[i].r.code, CODE_M_STORAGE);
			ck_assert(!a[i].r.repeat);
			ck_assert_int_eq(a[i].r.seq, 0);
		}
		ck_assert_uint_eq(fix_count(f, TINY).current, 2);
	}
	ck_assert_code(a[3].r.code, CODE_OK);
	ck_assert(a[3].r.repeat);
	ck_assert_int_eq(a[3].r.seq, old.r.seq);
	ask_fini(&old);
	ask_fini(&first);
	for (uint32_t i = 0; i < 4; i++)
		ask_fini(&a[i]);
}

/* The queue is bounded and its oldest entry may wait 250 ms: beyond either the answer is 503 with a spread Retry-After. */
MEMORY_TEST(test_queue_full_and_old)
{
	struct gate g = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, true, false };
	struct ask first, a[4];

	f->config.limits.queue = 3;
	ledger_configure(f->l, &f->config);
	store_memory_hook(f->memory, at_gate, &g);
	ask_init(f, &first, TINY, 100);
	ask_submit(f, &first);
	gate_wait(&g);
	for (uint32_t i = 0; i < 3; i++) {
		ask_init(f, &a[i], TINY, i + 1);
		ask_submit(f, &a[i]);
	}
	ck_assert_code(turned_away(f, TINY, 9), CODE_M_OVERLOAD);
	f->config.limits.queue = 10;
	ledger_configure(f->l, &f->config);
	fix_pass(f, 249);
	ask_init(f, &a[3], TINY, 4);
	ask_submit(f, &a[3]);
	fix_pass(f, 1);
	ck_assert_code(turned_away(f, TINY, 9), CODE_M_OVERLOAD);
	gate_set(&g, false);
	ask_wait(&first);
	for (uint32_t i = 0; i < 4; i++) {
		ask_wait(&a[i]);
		ck_assert_code(a[i].r.code, CODE_OK);
		ask_fini(&a[i]);
	}
	ck_assert_code(ask_code(f, TINY, 9), CODE_OK);
	store_memory_hook(f->memory, NULL, NULL);
	ask_fini(&first);
}

static void at_state_gate(void *ctx, bool state)
{
	if (state)
		at_gate(ctx, false);
}

/* Above the backlog allowed, requests are taken no faster than they are folded. */
MEMORY_TEST(test_back_pressure)
{
	struct gate g = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, true, false };
	struct ledger_status s;
	uint32_t taken = 0;

	ask_code(f, TINY, 99);   /* and with it the row of the start */
	fix_settle(f);
	f->l->backlog_max = 20;
	store_memory_hook(f->memory, at_state_gate, &g);
	fix_advance(f, 5000);
	for (uint32_t i = 1; i <= 50; i++) {
		struct ask a;

		ask_init(f, &a, TINY, i);
		if (ledger_submit(f->l, &a.r) == MUSTER_OK) {
			ask_wait(&a);
			taken++;
		} else {
			ck_assert_code(a.r.code, CODE_M_OVERLOAD);
		}
		ask_fini(&a);
	}
	ck_assert_uint_eq(taken, 20);
	gate_set(&g, false);
	fix_settle(f);
	store_memory_hook(f->memory, NULL, NULL);
	ck_assert_code(ask_code(f, TINY, 60), CODE_OK);
	ledger_status(f->l, &s);
	ck_assert_int_ge(s.fold_seq, 20);
}

static bool disk_free_is(struct fix *f, uint64_t avail)
{
	struct ledger_status s;

	ledger_nudge(f->l);
	ledger_status(f->l, &s);
	return s.disk_free == avail;
}

static void set_free(struct fix *f, uint64_t avail)
{
	pthread_mutex_lock(&f->lock);
	f->avail = avail;
	pthread_mutex_unlock(&f->lock);
	fix_advance(f, 1000);
	FIX_UNTIL(disk_free_is(f, avail));
	ck_assert_msg(disk_free_is(f, avail), "the ledger does not look at the disk");
}

/* Below min_free: 503 and not ready, while reading goes on; above twice that it resumes by itself. */
LEDGER_TEST(test_disk_low)
{
	struct muster_err err = { 0 };
	const uint64_t floor = UINT64_C(256) << 20;

	ck_assert_code(ask_code(f, TINY, 1), CODE_OK);
	set_free(f, floor - 1);
	ck_assert_code(turned_away(f, TINY, 2), CODE_M_STORAGE);
	ck_assert_int_eq(ledger_ready(f->l, &err), MUSTER_E_LIMIT);
	ck_assert_ptr_nonnull(strstr(err.message, "min_free"));
	ck_assert(fix_said(f, "disk-low"));
	ck_assert_uint_eq(fix_clients(f), 1);
	set_free(f, floor * 2);
	ck_assert_code(turned_away(f, TINY, 2), CODE_M_STORAGE);
	set_free(f, floor * 2 + 2);
	ck_assert_code(ask_code(f, TINY, 2), CODE_OK);
	ck_assert_int_eq(ledger_ready(f->l, &err), MUSTER_OK);
	ck_assert(fix_said(f, "disk-enough"));
}

/* Ready means: the last commit worked, at most ten seconds ago; when idle one small update finds out. */
MEMORY_TEST(test_ready_probe)
{
	struct muster_err err = { 0 };

	ck_assert_code(ask_code(f, TINY, 1), CODE_OK);
	ck_assert_int_eq(ledger_ready(f->l, &err), MUSTER_OK);
	store_memory_fault(f->memory, false, 0, STORE_MEMORY_FULL);
	fix_pass(f, 9999);
	ck_assert_int_eq(ledger_ready(f->l, &err), MUSTER_OK);
	fix_pass(f, 1);
	ck_assert_int_ne(ledger_ready(f->l, &err), MUSTER_OK);
	ck_assert_ptr_nonnull(strstr(err.message, "the last commit failed"));
	/* after a failure each question tries again */
	ck_assert_int_eq(ledger_ready(f->l, &err), MUSTER_OK);
}

static double steady(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A disk that hangs in the probe itself is found out too, and costs one worker one wait, not each question its own. */
MEMORY_TEST(test_ready_probe_hangs)
{
	struct gate g = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, true, false };
	struct muster_err err = { 0 };
	double began;

	ck_assert_code(ask_code(f, TINY, 1), CODE_OK);
	store_memory_hook(f->memory, at_gate, &g);
	fix_pass(f, 10000);
	ck_assert_int_eq(ledger_ready(f->l, &err), MUSTER_E_BUSY);
	ck_assert_ptr_nonnull(strstr(err.message, "very slow or stuck"));
	began = steady();
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(ledger_ready(f->l, &err), MUSTER_E_BUSY);
	ck_assert(steady() - began < 10);   /* twenty waits would be forty seconds */
	gate_set(&g, false);
	/* A group's commit tells as much as a probe would. */
	ck_assert_code(ask_code(f, TINY, 2), CODE_OK);
	ck_assert_int_eq(ledger_ready(f->l, &err), MUSTER_OK);
	store_memory_hook(f->memory, NULL, NULL);
}

/* The host's clock falls behind the latest event: no grants, 0xC004F06C, until it is right again or accepted, also after a restart. */
LEDGER_TEST(test_clock_back)
{
	struct muster_err err = { 0 };
	struct ledger_status s;
	struct ask a;

	ck_assert_code(ask_code(f, TINY, 1), CODE_OK);
	fix_advance(f, -5 * 60000);
	ck_assert_code(ask_code(f, TINY, 1), CODE_OK);
	f->clock.wall -= 30 * DAY;
	ask_init(f, &a, TINY, 1);
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_TIMESTAMP);
	ck_assert_ptr_nonnull(strstr(a.r.detail, "behind the latest event"));
	ck_assert_int_ne(ledger_ready(f->l, &err), MUSTER_OK);
	ck_assert_ptr_nonnull(strstr(err.message, "musterctl clock accept"));
	ledger_status(f->l, &s);
	ck_assert(s.clock_held);
	fix_restart(f);
	ck_assert_code(ask_code(f, TINY, 1), CODE_TIMESTAMP);
	fix_stop(f);
	f->clock.wall += 30 * DAY;
	fix_start(f);
	ck_assert_code(ask_code(f, TINY, 1), CODE_OK);
	f->clock.wall -= 6 * 60000;
	ck_assert_code(ask_code(f, TINY, 1), CODE_TIMESTAMP);
	f->clock.wall += 6 * 60000;
	ck_assert_code(ask_code(f, TINY, 1), CODE_OK);
	f->clock.wall -= 30 * DAY;
	ck_assert_code(ask_code(f, TINY, 1), CODE_TIMESTAMP);
	ck_assert_int_eq(ledger_clock_accept(f->l, "0 root", &err), MUSTER_OK);
	for (int i = 0; i < 2; i++) {
		ask_init(f, &a, TINY, 1);
		ask_go(f, &a);
		ck_assert_code(a.r.code, CODE_OK);
		/* the lease begins now, whatever the log's time is */
		ck_assert_int_le(a.r.at, clock_wall_ms(&f->clock.clock));
		ck_assert_int_eq(a.r.expires, clock_wall_ms(&f->clock.clock) + 180 * DAY);
		ask_fini(&a);
		fix_restart(f);   /* the acceptance lives on */
	}
}

static int times_rise(void *ctx, const struct ledger_event *e)
{
	int64_t *last = ctx;

	ck_assert_int_ge(e->event.at, *last);
	*last = e->event.at;
	return 0;
}

/* The log's time never decreases, whatever the clock does. */
LEDGER_TEST(test_clock_log_time)
{
	static const int64_t steps[] = { 1000, -60000, 5000, -200000, 3 * HOUR, -2 * HOUR, 40 * DAY, -40 * DAY, 1000 };
	struct muster_err err = { 0 };
	int64_t last = 0;
	uint32_t id = 0;

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		f->clock.wall += steps[i];
		f->clock.boot += 1000;
		(void)ask_code(f, TINY, ++id);
		if (i % 3 == 2)
			ck_assert_int_eq(ledger_clock_accept(f->l, "0 root", &err), MUSTER_OK);
		(void)ask_code(f, TINY, ++id);
	}
	ck_assert_int_eq(ledger_events(f->l, 0, SIZE_MAX, times_rise, &last, &err), MUSTER_OK);
	ck_assert_int_gt(last, NOW);
}

/* A jump ahead drops nobody: an hour and more stands still for a day, a day and more until it is accepted. */
LEDGER_TEST(test_clock_ahead)
{
	struct muster_err err = { 0 };

	for (uint32_t i = 1; i <= 5; i++)
		ask_code(f, OFFICE2013, i);
	f->clock.wall += 31 * DAY;
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_TIMESTAMP);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
	ck_assert_int_ne(ledger_ready(f->l, &err), MUSTER_OK);
	f->clock.wall -= 31 * DAY;
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_TIMESTAMP);
	ck_assert_int_eq(ledger_clock_accept(f->l, "0 root", &err), MUSTER_OK);
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_OK);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
	/* 29 days and a jump of two hours: 30 days are not over for anybody until a day has passed */
	fix_advance(f, 30 * DAY - HOUR);
	f->clock.wall += 2 * HOUR;
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_OK);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
	fix_advance(f, DAY - 1);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
	fix_advance(f, 1);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 1);
}

/* Switched off for 40 days: for a day nobody drops out, and a restart within that day changes nothing. */
LEDGER_TEST(test_clock_silence)
{
	for (uint32_t i = 1; i <= 5; i++)
		ask_code(f, OFFICE2013, i);
	fix_stop(f);
	fix_pass(f, 40 * DAY);
	fix_start(f);
	ck_assert(fix_said(f, "ledger-silent"));
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_OK);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
	fix_stop(f);
	fix_pass(f, 20 * HOUR);
	fix_start(f);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
	ck_assert_code(ask_code(f, OFFICE2013, 2), CODE_OK);
	fix_advance(f, 4 * HOUR);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 2);
}

/* A client off by more than the tolerance gets 0xC004F06C; when most are off the same way, it is the host that is named. */
LEDGER_TEST(test_clock_skew)
{
	struct ask a;

	ask_init(f, &a, TINY, 1);
	a.r.client_time += 4 * HOUR;
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_OK);
	ask_init(f, &a, TINY, 2);
	a.r.client_time -= 4 * HOUR + 1;
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_TIMESTAMP);
	ck_assert_ptr_nonnull(strstr(a.r.detail, "240 minutes behind the host's"));
	ck_assert_ptr_null(strstr(a.r.detail, "Most clients"));
	for (uint32_t i = 10; i < 60; i++) {
		ask_init(f, &a, TINY, i);
		a.r.client_time += 5 * HOUR;
		ask_go(f, &a);
		ck_assert_code(a.r.code, CODE_TIMESTAMP);
		ask_fini(&a);
	}
	ck_assert_ptr_nonnull(strstr(a.r.detail, "probably the host's clock"));
	fix_settle(f);
	ck_assert(fix_said(f, "clock-suspect"));
	ck_assert_uint_eq(fix_count(f, TINY).current, 1);
}

UNIT_MAIN("ledger_faults", test_fault_fail, test_fault_full, test_fault_forget, test_fault_lost_answer, test_fault_each, test_fault_group,
          test_queue_full_and_old, test_back_pressure, test_disk_low, test_ready_probe, test_ready_probe_hangs, test_clock_back, test_clock_log_time, test_clock_ahead,
          test_clock_silence, test_clock_skew)
