/* Counts of observed machines that are kept: found as long as nothing changed and the minute is the same, and never more of them than products. */
#include "tests/unit/unit.h"

#include "core/base/mem.h"
#include "core/estate/observed.h"

START_TEST(test_counts_are_found)
{
	struct observed_counts c = { 0 };
	uint64_t n = 7;

	ck_assert(!observed_counts_find(&c, 1, 0, 100, &n));
	observed_counts_keep(&c, 1, 0, 100, 40);
	observed_counts_keep(&c, 2, 0, 100, 50);
	ck_assert(observed_counts_find(&c, 1, 0, 100, &n) && n == 40);
	ck_assert(observed_counts_find(&c, 2, 0, 100, &n) && n == 50);
	/* another minute, also one before; something imported; another product */
	ck_assert(!observed_counts_find(&c, 1, 0, 101, &n) && !observed_counts_find(&c, 1, 0, 99, &n));
	ck_assert(!observed_counts_find(&c, 1, 1, 100, &n) && !observed_counts_find(&c, 3, 0, 100, &n));
	ck_assert_uint_eq(n, 50);
	/* places of what is old are used again */
	observed_counts_keep(&c, 2, 1, 100, 51);
	observed_counts_keep(&c, 3, 1, 100, 60);
	ck_assert_uint_eq(c.n, 2);
	ck_assert(observed_counts_find(&c, 2, 1, 100, &n) && n == 51);
	ck_assert(observed_counts_find(&c, 3, 1, 100, &n) && n == 60);
	for (int64_t minute = 101; minute < 200; minute++)
		for (uint64_t key = 1; key <= 3; key++)
			observed_counts_keep(&c, key, 1, minute, key);
	ck_assert_uint_eq(c.n, 3);
	for (uint64_t key = 1; key <= 3; key++)
		ck_assert(observed_counts_find(&c, key, 1, 199, &n) && n == key);
	observed_counts_free(&c);
	ck_assert(!observed_counts_find(&c, 1, 1, 199, &n));
}
END_TEST

START_TEST(test_counts_without_memory)
{
	struct observed_counts c = { 0 };
	uint64_t n;

	mem_fail_at(1);
	observed_counts_keep(&c, 1, 0, 100, 40);
	mem_fail_at(0);
	ck_assert(!observed_counts_find(&c, 1, 0, 100, &n));
	observed_counts_keep(&c, 1, 0, 100, 40);
	ck_assert(observed_counts_find(&c, 1, 0, 100, &n) && n == 40);
	observed_counts_free(&c);
}
END_TEST

/* Other IDs, fewer of them, in another order, or another window: another count. */
START_TEST(test_counts_keys)
{
	const uint8_t ids[2][16] = { { 1 }, { 2 } }, turned[2][16] = { { 2 }, { 1 } };
	uint64_t key = observed_count_key(ids, 2, 1000);

	ck_assert_uint_eq(key, observed_count_key(ids, 2, 1000));
	ck_assert_uint_ne(key, observed_count_key(ids, 2, 1001));
	ck_assert_uint_ne(key, observed_count_key(ids, 1, 1000));
	ck_assert_uint_ne(key, observed_count_key(turned, 2, 1000));
	ck_assert_uint_ne(key, observed_count_key(NULL, 0, 1000));
}
END_TEST

UNIT_MAIN("observed_count", test_counts_are_found, test_counts_without_memory, test_counts_keys)
