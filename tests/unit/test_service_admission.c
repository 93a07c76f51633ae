#include "tests/unit/unit.h"

#include <string.h>

#include "core/service/admission.h"

#define QUEUE 1000u
#define AGE 250
#define HELD 400

static struct admission a;
static struct held held[HELD];
static size_t gone;

static void begin(uint32_t queue)
{
	memset(&a, 0, sizeof a);
	admission_init(&a);
	admission_limits(&a, queue, AGE, 10000);
	gone = 0;
}

/* One answer after so long. */
static void answer(int64_t waited_ms)
{
	ck_assert(admission_enter(&a));
	admission_leave(&a, waited_ms);
}

/* Checks that they are let go in the order in which they came. */
static void count(struct held *h)
{
	ck_assert_ptr_eq(h, &held[gone]);
	gone++;
}

static void hold_all(int64_t now)
{
	for (size_t i = 0; i < HELD; i++) {
		held[i].let_go = count;
		admission_hold(&a, &held[i], now);
	}
}

START_TEST(test_admission_takes_as_many_as_the_queue)
{
	begin(2);
	ck_assert(admission_enter(&a));
	ck_assert(admission_enter(&a));
	ck_assert(!admission_enter(&a));
	ck_assert(!admission_enter(&a));   /* who is refused takes no place */
	admission_leave(&a, 0);
	ck_assert(admission_enter(&a));
	ck_assert(!admission_enter(&a));
	/* A smaller queue holds at once, a larger one too. */
	admission_limits(&a, 1, AGE, 10000);
	admission_leave(&a, 0);
	ck_assert(!admission_enter(&a));
	admission_limits(&a, 3, AGE, 10000);
	ck_assert(admission_enter(&a));
	admission_fini(&a);
}
END_TEST

START_TEST(test_admission_takes_fewer_while_answers_are_late)
{
	begin(QUEUE);
	answer(AGE);
	admission_pass(&a, 0, false);
	ck_assert_uint_eq(atomic_load(&a.most), QUEUE);
	/* The mean decides: one late answer among many is no reason. */
	answer(AGE + 100);
	answer(0);
	admission_pass(&a, 100, false);
	ck_assert_uint_eq(atomic_load(&a.most), QUEUE);
	answer(AGE + 1);
	admission_pass(&a, 200, false);
	ck_assert_uint_eq(atomic_load(&a.most), QUEUE - QUEUE / 4);
	for (int i = 0; i < 20; i++) {
		answer(10 * AGE);
		admission_pass(&a, 300, false);
	}
	ck_assert_uint_eq(atomic_load(&a.most), ADMISSION_LEAST);
	/* Nothing is answered, or in time: more again, up to the queue. */
	for (int i = 0; i < 20; i++)
		admission_pass(&a, 400, false);
	ck_assert_uint_eq(atomic_load(&a.most), QUEUE);
	/* A clock that went back counts nothing. */
	answer(-5);
	admission_pass(&a, 500, false);
	ck_assert_uint_eq(atomic_load(&a.most), QUEUE);
	admission_fini(&a);
}
END_TEST

START_TEST(test_admission_lets_the_refused_go_slowly)
{
	begin(2000);
	hold_all(1000);
	admission_pass(&a, 1000, false);
	ck_assert_uint_eq(gone, 64);
	for (int i = 0; i < 1500; i++)
		answer(1);
	admission_pass(&a, 1100, false);
	ck_assert_uint_eq(gone, 64 + 150);
	/* Nobody is held longer than a client's patience. */
	admission_pass(&a, 5999, false);
	ck_assert_uint_eq(gone, 64 + 150 + 64);
	admission_pass(&a, 6000, false);
	ck_assert_uint_eq(gone, HELD);
	admission_pass(&a, 6100, false);
	ck_assert_uint_eq(gone, HELD);
	/* Nor longer than half of what a request may take. */
	gone = 0;
	admission_limits(&a, QUEUE, AGE, 400);
	hold_all(7000);
	admission_pass(&a, 7199, false);
	ck_assert_uint_eq(gone, 64);
	admission_pass(&a, 7200, false);
	ck_assert_uint_eq(gone, HELD);
	admission_fini(&a);
}
END_TEST

START_TEST(test_admission_stopping_lets_all_go)
{
	begin(QUEUE);
	hold_all(0);
	admission_pass(&a, 0, true);
	ck_assert_uint_eq(gone, HELD);
	gone = 0;
	hold_all(0);
	admission_pass(&a, 0, true);
	ck_assert_uint_eq(gone, HELD);
	admission_fini(&a);
}
END_TEST

UNIT_MAIN("service_admission", test_admission_takes_as_many_as_the_queue, test_admission_takes_fewer_while_answers_are_late,
          test_admission_lets_the_refused_go_slowly, test_admission_stopping_lets_all_go)
