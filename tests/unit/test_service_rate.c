#include "tests/unit/unit.h"

#include <pthread.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/service/rate.h"

static struct address v4(uint32_t n)
{
	struct address a = { .len = 4 };

	be32_put(a.b, n);
	return a;
}

static unsigned take(struct rate *r, const struct address *a, int64_t now, unsigned tries)
{
	unsigned got = 0;
	uint32_t wait = 0;

	for (unsigned i = 0; i < tries; i++) {
		if (rate_take(r, a, now, 50, 200, &wait))
			got++;
		else
			ck_assert_uint_eq(wait, 1);
	}
	return got;
}

START_TEST(test_rate_burst_then_rate)
{
	struct rate *r = rate_new();
	struct address a = v4(0xC0000201);

	ck_assert_uint_eq(take(r, &a, 1000, 300), 200);
	ck_assert_uint_eq(take(r, &a, 1019, 10), 0);
	ck_assert_uint_eq(take(r, &a, 1020, 10), 1);
	ck_assert_uint_eq(take(r, &a, 2020, 300), 50);
	ck_assert_uint_eq(take(r, &a, 100000000, 300), 200);
	rate_free(r);
}
END_TEST

START_TEST(test_rate_clock_that_goes_back_gives_nothing)
{
	struct rate *r = rate_new();
	struct address a = v4(1);

	ck_assert_uint_eq(take(r, &a, 5000, 300), 200);
	ck_assert_uint_eq(take(r, &a, 1000, 300), 0);
	ck_assert_uint_eq(take(r, &a, 5020, 300), 1);
	rate_free(r);
}
END_TEST

START_TEST(test_rate_addresses_are_apart)
{
	struct rate *r = rate_new();

	for (uint32_t n = 0; n < 1000; n++) {
		struct address a = v4(n * 7919);

		ck_assert_uint_eq(take(r, &a, 1000, 201), 200);
	}
	rate_free(r);
}
END_TEST

START_TEST(test_rate_ipv6_is_its_64)
{
	struct rate *r = rate_new();
	struct address a = { .b = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, .len = 16 }, b = a, c = a;

	b.b[15] = 2;
	c.b[7] = 1;
	ck_assert_uint_eq(take(r, &a, 1000, 200), 200);
	ck_assert_uint_eq(take(r, &b, 1000, 10), 0);
	ck_assert_uint_eq(take(r, &c, 1000, 10), 10);
	rate_free(r);
}
END_TEST

START_TEST(test_rate_table_is_bounded)
{
	struct rate *r = rate_new();
	struct address a = v4(0xFFFFFFFF);

	/* Many times more addresses than places: each still gets its burst, memory does not grow. */
	for (uint32_t n = 0; n < 20 * RATE_SLOTS; n++) {
		struct address one = v4(n);
		uint32_t wait;

		ck_assert(rate_take(r, &one, 1000 + n, 50, 200, &wait));
	}
	ck_assert_uint_eq(take(r, &a, 1000 + 20 * RATE_SLOTS, 300), 200);
	rate_free(r);
}
END_TEST

struct thread_arg { struct rate *rate; unsigned got; };

static void *taker(void *arg)
{
	struct thread_arg *t = arg;
	struct address a = v4(42);
	uint32_t wait;

	for (unsigned i = 0; i < 1000; i++)
		t->got += rate_take(t->rate, &a, 1000, 1, 500, &wait);
	return NULL;
}

START_TEST(test_rate_threads_share_one_bucket)
{
	struct rate *r = rate_new();
	struct thread_arg args[4];
	pthread_t threads[4];
	unsigned sum = 0;

	for (size_t i = 0; i < 4; i++) {
		args[i] = (struct thread_arg){ r, 0 };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, taker, &args[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		sum += args[i].got;
	}
	ck_assert_uint_eq(sum, 500);
	rate_free(r);
}
END_TEST

/* Many at once or none, and how long to wait for the rest. */
START_TEST(test_rate_many_at_once)
{
	struct rate *r = rate_new();
	struct address a = v4(0x0A000001);
	uint32_t wait = 0;

	ck_assert(rate_take_many(r, &a, 1000, 20, 100, 99, &wait));
	ck_assert(!rate_take_many(r, &a, 1000, 20, 100, 99, &wait));
	ck_assert_uint_eq(wait, 5);   /* 98 more at 20 a second */
	ck_assert(!rate_take_many(r, &a, 1000, 20, 100, 2, &wait));
	ck_assert_uint_eq(wait, 1);
	ck_assert(rate_take_many(r, &a, 1000, 20, 100, 0, &wait));
	ck_assert(rate_take(r, &a, 1000, 20, 100, &wait));   /* nothing was taken by what was refused */
	ck_assert(!rate_take(r, &a, 1000, 20, 100, &wait));
	ck_assert(!rate_take_many(r, &a, 1000 + 4949, 20, 100, 99, &wait));
	ck_assert(rate_take_many(r, &a, 1000 + 4950, 20, 100, 99, &wait));
	rate_free(r);
}
END_TEST

UNIT_MAIN("service_rate", test_rate_many_at_once, test_rate_burst_then_rate, test_rate_clock_that_goes_back_gives_nothing, test_rate_addresses_are_apart,
          test_rate_ipv6_is_its_64, test_rate_table_is_bounded, test_rate_threads_share_one_bucket)
