/* Simulated machines: the same number is the same machine, different numbers are different ones, and none looks unlike a real one. */
#include <stdlib.h>
#include <string.h>

#include "core/base/uuid.h"
#include "core/bench/population.h"
#include "unit.h"

#define MANY 100000U

static int order(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

START_TEST(test_population_repeats)
{
	uint8_t a[32], b[32];
	char name[40];

	population_client(a, 7, 41);
	population_client(b, 7, 41);
	ck_assert_mem_eq(a, b, 16);
	population_client(b, 8, 41);
	ck_assert_mem_ne(a, b, 16);
	population_hardware(a, 7, 41);
	population_hardware(b, 7, 41);
	ck_assert_mem_eq(a, b, 32);
	population_nonce(a, 7, 41, 0);
	population_nonce(b, 7, 41, 1);
	ck_assert_mem_ne(a, b, 16);
	population_name(name, UINT64_MAX);
	ck_assert_str_eq(name, "pc-18446744073709551615.bench.example");
}
END_TEST

/* Already the first half tells machines apart: it is a permutation of the numbers. */
START_TEST(test_population_distinct)
{
	uint8_t *all = calloc(2 * MANY, 16);

	ck_assert_ptr_nonnull(all);
	for (size_t i = 0; i < MANY; i++) {
		population_client(all + 16 * i, 1, i);
		population_client(all + 16 * (MANY + i), 1, (UINT64_C(1) << 48) - 1 - i);
	}
	for (size_t i = 0; i < 2 * MANY; i++)
		memset(all + 16 * i + 8, 0, 8);
	qsort(all, (size_t)2 * MANY, 16, order);
	for (size_t i = 1; i < 2 * MANY; i++)
		ck_assert_mem_ne(all + 16 * (i - 1), all + 16 * i, 16);
	free(all);
}
END_TEST

/* Version 4, variant 1; every other bit is set in about half of them. */
START_TEST(test_population_looks_random)
{
	unsigned set[128] = { 0 };
	uint8_t id[16], hw[32];

	for (unsigned i = 0; i < MANY; i++) {
		population_client(id, 3, i);
		ck_assert_uint_eq(id[6] >> 4, 4);
		ck_assert_uint_eq(id[8] >> 6, 2);
		for (unsigned bit = 0; bit < 128; bit++)
			set[bit] += ((unsigned)id[bit / 8] >> (7 - bit % 8)) & 1U;
		population_hardware(hw, 3, i);
		ck_assert_uint_eq(hw[0], 0);
	}
	for (unsigned bit = 0; bit < 128; bit++)
		if (bit / 4 != 12 && bit / 2 != 32)
			ck_assert_msg(set[bit] > MANY / 2 - 1000 && set[bit] < MANY / 2 + 1000, "bit %u: %u", bit, set[bit]);
}
END_TEST

UNIT_MAIN("bench_population", test_population_repeats, test_population_distinct, test_population_looks_random)
