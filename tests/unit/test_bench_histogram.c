/* Histograms of muster-bench: what a percentile says is never less than the truth and at most 1/64 more. */
#include <string.h>

#include "core/bench/histogram.h"
#include "tests/unit/unit.h"

static struct histogram h, other;

/* An empty one answers 0 to everything. */
START_TEST(test_histogram_empty)
{
	histogram_clear(&h);
	ck_assert_int_eq(histogram_at(&h, 0.5), 0);
	ck_assert_int_eq(histogram_at(&h, 1), 0);
	ck_assert(histogram_mean(&h) == 0);
}
END_TEST

/* One value is every percentile, exactly: no class end is above the largest value. Whatever its size. */
START_TEST(test_histogram_one)
{
	for (int64_t v = 0; v < INT64_C(1) << 62; v = v * 3 + 1) {
		histogram_clear(&h);
		histogram_add(&h, v);
		ck_assert_int_eq(histogram_at(&h, 0), v);
		ck_assert_int_eq(histogram_at(&h, 0.999), v);
		ck_assert_int_eq(histogram_at(&h, 1), v);
		ck_assert(histogram_mean(&h) == (double)v);
	}
	histogram_clear(&h);
	histogram_add(&h, -5);
	ck_assert_int_eq(histogram_at(&h, 1), 0);
}
END_TEST

/* Below a far larger value, what is told of v lies in v … v + v/64, on both sides of each border of a class. */
START_TEST(test_histogram_width)
{
	for (int shift = 0; shift < 44; shift++)
		for (int64_t d = -70; d <= 70; d++) {
			int64_t v = (INT64_C(1) << shift) + d, told;

			if (v < 0)
				continue;
			histogram_clear(&h);
			histogram_add(&h, v);
			histogram_add(&h, INT64_C(1) << 50);
			told = histogram_at(&h, 0.5);
			ck_assert_int_ge(told, v);
			ck_assert_int_le(told, v + v / 64);
		}
}
END_TEST

/* Percentiles of 1 … 100,000 microseconds. */
START_TEST(test_histogram_percentiles)
{
	static const double q[] = { 0.01, 0.5, 0.9, 0.99, 0.999 };

	histogram_clear(&h);
	for (int64_t i = 1; i <= 100000; i++)
		histogram_add(&h, i * 1000);
	for (size_t i = 0; i < sizeof q / sizeof q[0]; i++) {
		double right = q[i] * 100000 * 1000, told = (double)histogram_at(&h, q[i]);

		ck_assert(told >= right && told <= right * (1 + 1.0 / 64));
	}
	ck_assert_int_eq(histogram_at(&h, 1), 100000000);
	ck_assert(histogram_mean(&h) == 50000500.0);
}
END_TEST

/* Two merged are as one that had the values of both. */
START_TEST(test_histogram_merge)
{
	static struct histogram both;

	histogram_clear(&h);
	histogram_clear(&other);
	histogram_clear(&both);
	for (int64_t i = 0; i < 1000; i++) {
		histogram_add(i % 3 == 0 ? &h : &other, i * i * 977);
		histogram_add(&both, i * i * 977);
	}
	histogram_merge(&h, &other);
	ck_assert_uint_eq(h.n, 1000);
	ck_assert(memcmp(h.count, both.count, sizeof both.count) == 0);
	ck_assert_int_eq(h.max, both.max);
	ck_assert(histogram_mean(&h) == histogram_mean(&both));
}
END_TEST

UNIT_MAIN("bench_histogram", test_histogram_empty, test_histogram_one, test_histogram_width, test_histogram_percentiles, test_histogram_merge)
