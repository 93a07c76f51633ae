/* The simulated fleet: its queue of events, the model of the rules, the comparison that must find every wrong answer, and small whole runs. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/bench/fleet.h"
#include "core/bench/population.h"

#define DAY 86400U
#define VALIDITY (180 * DAY)
#define LOW ((uint32_t)CODE_COUNT_LOW)
#define FAR_END (3000 * DAY)

/* ---- the heap ---- */

START_TEST(test_heap_order)
{
	struct heap h = { 0 };
	struct heap_entry e, before = { 0, 0 };
	uint64_t random = 7;
	uint32_t n = 0;

	ck_assert_ptr_null(heap_first(&h));
	ck_assert(!heap_pop(&h, &e));
	for (uint32_t i = 0; i < 5000; i++) {
		ck_assert(heap_push(&h, (uint32_t)(population_random(&random) % 300), i));
		if (i % 3 == 0) {   /* pushing and popping by turns, as a simulation does */
			ck_assert(heap_pop(&h, &e));
			n++;
		}
	}
	while (heap_first(&h) != NULL) {
		struct heap_entry first = *heap_first(&h);

		ck_assert(heap_pop(&h, &e));
		ck_assert(first.at == e.at && first.machine == e.machine);
		/* equal times in the order of the machines */
		ck_assert(e.at > before.at || (e.at == before.at && e.machine >= before.machine));
		before = e;
		n++;
	}
	ck_assert_uint_eq(n, 5000);
	heap_fini(&h);
}
END_TEST

/* ---- the model ---- */

static void model_make(struct model *m, uint32_t minimum, uint32_t ids)
{
	const struct model_rules rules = { .minimum_count = minimum, .validity_s = VALIDITY, .skew_s = 4 * 3600 };

	ck_assert(model_init(m, &rules));
	for (uint32_t i = 0; i < ids; i++)
		ck_assert_uint_eq(model_new_id(m), i);
}

static struct model_ask question(uint32_t id, uint32_t machine, uint32_t now)
{
	return (struct model_ask){ .id = id, .machine = machine, .now = now, .chain_end = FAR_END, .status = 2 };
}

/* Ask, and what has to be answered is answered. */
static struct model_expect step(struct model *m, struct model_ask a)
{
	struct model_expect e;

	model_expect(m, &a, &e);
	ck_assert(model_take(m, &a, &e, e.code));
	return e;
}

static struct model_expect step_release(struct model *m, uint32_t id, uint32_t machine, uint32_t now)
{
	struct model_ask a = question(id, machine, now);

	a.release = true;
	return step(m, a);
}

/* The client is added, then counted, then compared; the cap is twice the minimum; the lease ends after 180 days (facts.md section 1). */
START_TEST(test_model_counts)
{
	struct model m;

	model_make(&m, 5, 20);
	for (uint32_t i = 0; i < 20; i++) {
		struct model_expect e = step(&m, question(i, i, 1000 + i));

		ck_assert_uint_eq(e.code, i < 4 ? LOW : CODE_OK);
		ck_assert_uint_eq(e.count, i < 10 ? i + 1 : 10);
		ck_assert_uint_eq(e.minimum, 5);
		ck_assert_uint_eq(e.expires, i < 4 ? 0 : 1000 + i + VALIDITY);
	}
	ck_assert_uint_eq(step(&m, question(3, 3, 2000)).count, 10);   /* counted once, however often it asks */
	ck_assert_uint_eq(model_count(&m, 2000), 20);
	ck_assert_uint_eq(m.totals.status[2], 21);
	model_fini(&m);
}
END_TEST

/* Exactly 30 days of silence are still counted, a second more is not. A host that was off lets nobody drop out. */
START_TEST(test_model_ages)
{
	struct model m;

	model_make(&m, 5, 3);
	step(&m, question(0, 0, 10));
	step(&m, question(1, 1, 20));
	ck_assert_uint_eq(model_count(&m, 10 + 30 * DAY), 2);
	ck_assert_uint_eq(model_count(&m, 11 + 30 * DAY), 1);
	ck_assert_uint_eq(model_count(&m, 21 + 30 * DAY), 0);
	model_fini(&m);
}
END_TEST

/* After more than 35 days without an event ageing stands still for the first day, not after 35. */
START_TEST(test_model_standstill)
{
	struct model m;

	for (uint32_t more = 0; more < 2; more++) {
		uint32_t back = 100 + 35 * DAY + more;

		model_make(&m, 5, 3);
		step(&m, question(0, 0, 10));
		model_stop(&m, 100);
		model_start(&m, back);
		ck_assert_uint_eq(model_count(&m, back + DAY - 1), more);
		ck_assert_uint_eq(model_count(&m, back + DAY), 0);
		model_fini(&m);
	}
}
END_TEST

/* A lease ends no later than the host's certificate; a wrong clock is refused and adds nothing to the count. */
START_TEST(test_model_ends_and_clocks)
{
	struct model m;
	struct model_ask a;

	model_make(&m, 1, 3);
	a = question(0, 0, 10);
	a.chain_end = 50 * DAY;
	ck_assert_uint_eq(step(&m, a).expires, 50 * DAY);
	a = question(1, 1, 20);
	a.skew_s = 4 * 3600;
	ck_assert_uint_eq(step(&m, a).code, CODE_OK);
	a = question(2, 2, 30);
	a.skew_s = -4 * 3600 - 1;
	ck_assert_uint_eq(step(&m, a).code, (uint32_t)CODE_TIMESTAMP);
	ck_assert_uint_eq(model_count(&m, 30), 2);
	ck_assert_uint_eq(m.totals.failed, 1);
	model_fini(&m);
}
END_TEST

/* Up to the cap a copy is known at once; it changes nothing of the owner, whose ID is free after 30 days of silence or its release. */
START_TEST(test_model_clone_small)
{
	struct model m;

	model_make(&m, 5, 3);
	step(&m, question(0, 0, 10));
	ck_assert_uint_eq(step(&m, question(0, 77, 20)).code, CODE_M_DUPLICATE);
	ck_assert_uint_eq(model_count(&m, 30), 1);
	ck_assert_uint_eq(step(&m, question(0, 0, 30)).code, LOW);
	ck_assert_uint_eq(step(&m, question(0, 77, 30 + 30 * DAY)).code, CODE_M_DUPLICATE);
	ck_assert_uint_eq(step(&m, question(0, 77, 31 + 30 * DAY)).code, LOW);
	ck_assert_uint_eq(m.ids[0].owner, 77);
	ck_assert_uint_eq(step(&m, question(0, 0, 32 + 30 * DAY)).code, CODE_M_DUPLICATE);
	step_release(&m, 0, 0, 33 + 30 * DAY);   /* not the owner: nothing happens */
	ck_assert_uint_eq(step(&m, question(0, 0, 34 + 30 * DAY)).code, CODE_M_DUPLICATE);
	step_release(&m, 0, 77, 35 + 30 * DAY);
	ck_assert_uint_eq(model_count(&m, 36 + 30 * DAY), 0);
	ck_assert_uint_eq(step(&m, question(0, 0, 37 + 30 * DAY)).code, LOW);
	model_fini(&m);
}
END_TEST

/* Above the cap a copy that the ledger has not seen may be granted, once; its ID is counted once. */
START_TEST(test_model_clone_unseen)
{
	struct model m;
	struct model_expect e;
	struct model_ask a = question(0, 77, 100);

	model_make(&m, 5, 11);
	for (uint32_t i = 0; i < 11; i++)
		step(&m, question(i, i, 10 + i));
	model_expect(&m, &a, &e);
	ck_assert_int_eq(e.allowance, MODEL_UNSEEN_CLONE);
	m.ids[0].shared = m.ids[5].shared = 1;
	ck_assert_int_eq(model_care(&m, &a), MODEL_LASTING);   /* not among the last ten: nobody can see it, whatever is folded */
	a.id = 5;
	ck_assert_int_eq(model_care(&m, &a), MODEL_ALONE);
	a.id = 0;
	ck_assert(model_take(&m, &a, &e, CODE_OK));
	ck_assert_uint_eq(model_count(&m, 100), 11);
	ck_assert_uint_eq(m.ids[0].owner, 0);
	model_expect(&m, &a, &e);
	ck_assert_uint_eq(e.code, CODE_M_DUPLICATE);
	ck_assert_int_eq(e.allowance, MODEL_EXACT);
	ck_assert_int_eq(model_care(&m, &a), MODEL_PLAIN);
	ck_assert_uint_eq(step(&m, question(0, 0, 110)).code, CODE_OK);
	model_fini(&m);
}
END_TEST

/* ---- the comparison ---- */

/* Every member of an answer that is not as it has to be is found, and told with day, machine, expected and got. */
START_TEST(test_compare_finds)
{
	const struct model_ask a = { .id = 4, .machine = 9, .now = 43200 };
	const struct model_expect granted = { .code = CODE_OK, .count = 50, .minimum = 25, .expires = 43200 + VALIDITY };
	const struct model_expect low = { .code = LOW, .count = 7, .minimum = 25 }, refused = { .code = CODE_M_DUPLICATE };
	const struct fleet_answer right = { .code = CODE_OK, .count = 50, .minimum = 25, .expires = 43200 + VALIDITY };
	const struct { const struct model_expect *e; struct fleet_answer got; const char *told; } wrong[] = {
		{ &granted, { .code = CODE_OK, .count = 50, .minimum = 25, .expires = 43201 + VALIDITY }, "got granted until day 180.50001" },
		{ &granted, { .code = CODE_OK, .count = 51, .minimum = 25, .expires = 43200 + VALIDITY }, "got granted until day 180.50000 with count 51" },
		{ &granted, { .code = CODE_OK, .count = 50, .minimum = 5, .expires = 43200 + VALIDITY }, "told 5" },
		{ &granted, { .code = CODE_OK, .count = 50, .minimum = 25, .expires = 43200 + VALIDITY, .odd_expiry = true }, "expected granted" },
		{ &granted, { .code = LOW, .count = 50, .minimum = 25 }, "got counted only, count 50" },
		{ &granted, { .code = CODE_M_DUPLICATE }, "got M-112" },
		{ &granted, { .code = (uint32_t)CODE_TIMESTAMP }, "got 0xC004F06C" },
		{ &low, { .code = CODE_OK, .count = 7, .minimum = 25, .expires = 43200 + VALIDITY }, "expected counted only, count 7" },
		{ &low, { .code = LOW, .count = 6, .minimum = 25 }, "got counted only, count 6" },
		{ &refused, { .code = CODE_OK, .count = 50, .minimum = 25, .expires = 43200 + VALIDITY }, "expected M-112" },
	};
	struct fleet_faults *f = calloc(1, sizeof *f);

	ck_assert_ptr_nonnull(f);
	ck_assert(fleet_compare(f, &a, &granted, &right));
	ck_assert_uint_eq(f->n, 0);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ck_assert(!fleet_compare(f, &a, wrong[i].e, &wrong[i].got));
		ck_assert_uint_eq(f->n, i + 1);
		ck_assert_msg(strstr(f->shown[i], "day 0.5000, machine 9, client ID 4") != NULL && strstr(f->shown[i], wrong[i].told) != NULL, "%s", f->shown[i]);
	}
	/* above ten they are counted */
	ck_assert(!fleet_compare(f, &a, &low, &right));
	ck_assert_uint_eq(f->n, FLEET_SHOWN + 1);
	free(f);
}
END_TEST

/* An allowance lets both answers pass, and nothing else. */
START_TEST(test_compare_allows)
{
	const struct model_ask a = { .id = 4, .machine = 9, .now = 1 };
	const struct model_expect e = { .code = CODE_OK, .count = 50, .minimum = 25, .expires = 1 + VALIDITY, .allowance = MODEL_UNSEEN_CLONE };
	struct fleet_answer got = { .code = CODE_OK, .count = 50, .minimum = 25, .expires = 1 + VALIDITY };
	struct fleet_faults *f = calloc(1, sizeof *f);

	ck_assert_ptr_nonnull(f);
	ck_assert(fleet_compare(f, &a, &e, &got));
	got.expires++;
	ck_assert(!fleet_compare(f, &a, &e, &got));
	got = (struct fleet_answer){ .code = CODE_M_DUPLICATE };
	ck_assert(fleet_compare(f, &a, &e, &got));
	got.code = LOW;
	ck_assert(!fleet_compare(f, &a, &e, &got));
	free(f);
}
END_TEST

/* ---- machines and hosts ---- */

/* What libmuster does without an answer: a minute, doubled, at most the activation interval, +-10 %. */
START_TEST(test_life_backoff)
{
	static const uint32_t middle[] = { 60, 120, 240, 480, 960, 1920, 3840, 7200, 7200 };
	struct fleet *f = calloc(1, sizeof *f);

	ck_assert_ptr_nonnull(f);
	f->retry_s = 7200;
	f->renewal_s = 7 * DAY;
	f->model.oldest = f->model.newest = MODEL_NONE;
	ck_assert(fleet_birth(f, 5, MODEL_NONE, false));
	for (uint32_t i = 0; i < sizeof middle / sizeof middle[0]; i++) {
		uint32_t s = fleet_after_failure(f, 0, i + 1, i + 1);

		ck_assert_uint_ge(s, middle[i] - middle[i] / 10);
		ck_assert_uint_le(s, middle[i] + middle[i] / 10);
		ck_assert_uint_eq(s, fleet_after_failure(f, 0, i + 1, i + 1));   /* drawn from the seed, not from the moment */
	}
	f->machines[0].lease_until = 200 * DAY;
	for (uint32_t i = 0; i < 100; i++) {
		uint32_t s = fleet_after_grant(f, 0, 20 * DAY);

		f->machines[0].ask++;
		ck_assert_uint_ge(s, 7 * DAY - 7 * DAY / 10);
		ck_assert_uint_le(s, 7 * DAY + 7 * DAY / 10);
	}
	f->machines[0].lease_until = 22 * DAY;   /* shortened by the host's certificate: half of what is left */
	ck_assert_uint_eq(fleet_after_grant(f, 0, 20 * DAY), DAY);
	f->host.dir = NULL;
	fleet_fini(f);
	free(f);
}
END_TEST

START_TEST(test_life_status)
{
	struct fleet_machine m = { .born = 100 };

	ck_assert_uint_eq(fleet_status(&m, 100), 2);
	ck_assert_uint_eq(fleet_status(&m, 100 + 30 * DAY), 5);
	m.lease_until = 200 * DAY;
	ck_assert_uint_eq(fleet_status(&m, 200 * DAY - 1), 1);
	ck_assert_uint_eq(fleet_status(&m, 200 * DAY), 3);
	ck_assert_uint_eq(fleet_status(&m, 230 * DAY), 5);
}
END_TEST

/* Whatever is asked for, one thing happens to the host at a time, in order, and nothing begins after the end. */
START_TEST(test_life_incidents)
{
	struct fleet *f = calloc(1, sizeof *f);

	ck_assert_ptr_nonnull(f);
	f->end = 400 * DAY;
	f->o.outages = 40;
	f->o.disk_full = 20;
	f->o.restarts = 20;
	f->o.long_outage = 60;
	for (uint64_t seed = 0; seed < 50; seed++) {
		f->seed = seed;
		f->incident_count = 0;
		fleet_plan_incidents(f);
		ck_assert_uint_gt(f->incident_count, 30);
		for (uint32_t i = 0; i < f->incident_count; i++) {
			ck_assert_uint_lt(f->incidents[i].at, f->end);
			ck_assert_uint_ge(f->incidents[i].until, f->incidents[i].at);
			ck_assert(i == 0 || f->incidents[i].at > f->incidents[i - 1].until);
		}
	}
	free(f);
}
END_TEST

/* ---- whole runs through the real engine ---- */

static struct fleet *run(double seed, double falsify, uint32_t minimum)
{
	struct fleet *f = calloc(1, sizeof *f);
	struct fleet_options o;
	struct muster_err err = { 0 };

	ck_assert_ptr_nonnull(f);
	fleet_defaults(&o);
	o.machines = 60;
	o.days = 120;
	o.seed = seed;
	o.minimum = minimum;
	o.clones = 0.2;
	o.releases = 0.5;
	o.moved = 0.7;
	o.skewed = 0.1;
	o.lost = 0.02;
	o.keep = 40;
	o.falsify = falsify;
	ck_assert_msg(fleet_run(f, &o, &err) == MUSTER_OK, "%s", err.message);
	return f;
}

START_TEST(test_run_right)
{
	struct fleet *f = run(1, 0, 5);

	ck_assert_msg(f->faults.n == 0, "%s", f->faults.shown[0]);
	ck_assert_uint_gt(f->total.granted, 500);
	ck_assert_uint_gt(f->total.clone_refused, 0);
	ck_assert_uint_gt(f->total.releases, 0);
	ck_assert_uint_gt(f->total.repeats, 0);
	ck_assert_uint_eq(f->month_count, 4);
	ck_assert_uint_eq(f->books.count, 10);
	fleet_fini(f);
	free(f);
}
END_TEST

/* A network that never reaches its minimum: everybody is counted, nobody is granted. */
START_TEST(test_run_below)
{
	struct fleet *f = run(2, 0, 100);

	ck_assert_msg(f->faults.n == 0, "%s", f->faults.shown[0]);
	ck_assert_uint_eq(f->total.granted, 0);
	ck_assert_uint_gt(f->total.counted_only, 10000);
	fleet_fini(f);
	free(f);
}
END_TEST

/* One spoiled answer among thousands is one difference, whichever it is. */
START_TEST(test_run_spoiled)
{
	static const double which[] = { 1, 5, 100, 700 };

	for (size_t i = 0; i < sizeof which / sizeof which[0]; i++) {
		struct fleet *f = run(1, which[i], 5);

		ck_assert_uint_eq(f->faults.n, 1);
		ck_assert_msg(strstr(f->faults.shown[0], "expected") != NULL, "%s", f->faults.shown[0]);
		fleet_fini(f);
		free(f);
	}
}
END_TEST

UNIT_MAIN("bench_fleet", test_heap_order, test_model_counts, test_model_ages, test_model_standstill, test_model_ends_and_clocks,
          test_model_clone_small, test_model_clone_unseen, test_compare_finds, test_compare_allows, test_life_backoff, test_life_status,
          test_life_incidents, test_run_right, test_run_below, test_run_spoiled)
