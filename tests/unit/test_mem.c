#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/mem.h"

START_TEST(test_mem_alloc_is_zeroed)
{
	uint8_t *p = mem_alloc(4096), *q = mem_array(64, 64);

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(q);
	ck_assert(bytes_zero(p, 4096));
	ck_assert(bytes_zero(q, 4096));
	mem_free(p);
	mem_free(q);
	mem_free(NULL);
	/* Nothing asked for is not an error. */
	p = mem_alloc(0);
	ck_assert_ptr_nonnull(p);
	mem_free(p);
	p = mem_array(0, 8);
	ck_assert_ptr_nonnull(p);
	mem_free(p);
}
END_TEST

START_TEST(test_mem_products_overflow)
{
	void *p = mem_alloc(8);

	ck_assert_ptr_null(mem_array(SIZE_MAX / 2, 3));
	ck_assert_ptr_null(mem_grow(p, SIZE_MAX / 2, 3));
	memset(p, 1, 8);  /* still ours */
	mem_free(p);
}
END_TEST

START_TEST(test_mem_grow_keeps)
{
	uint32_t *p = mem_grow(NULL, 2, sizeof *p);

	ck_assert_ptr_nonnull(p);
	p[0] = 1;
	p[1] = 2;
	p = mem_grow(p, 1000, sizeof *p);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p[0], 1);
	ck_assert_uint_eq(p[1], 2);
	mem_free(p);
}
END_TEST

START_TEST(test_mem_copies)
{
	char *a = mem_strdup("muster"), *b = mem_strndup("muster", 3), *c = mem_strndup("ab", 9), *d = mem_printf("%d-%s", 7, "x");
	char *e = mem_dup("\0\1", 2);

	ck_assert_str_eq(a, "muster");
	ck_assert_str_eq(b, "mus");
	ck_assert_str_eq(c, "ab");
	ck_assert_str_eq(d, "7-x");
	ck_assert_mem_eq(e, "\0\1", 2);
	ck_assert_ptr_null(mem_strdup(NULL));
	ck_assert_ptr_null(mem_strndup(NULL, 3));
	mem_free(a);
	mem_free(b);
	mem_free(c);
	mem_free(d);
	mem_free(e);
}
END_TEST

/* Each kind of request fails exactly at its turn, once, and is counted. */
START_TEST(test_mem_fails_at)
{
	void *held = mem_alloc(1);

	for (uint64_t n = 1; n <= 7; n++) {
		void *p[6];
		void *grown;

		mem_fail_at(n);
		p[0] = mem_alloc(1);
		p[1] = mem_array(1, 1);
		p[2] = mem_strdup("a");
		p[3] = mem_strndup("a", 1);
		p[4] = mem_printf("a");
		p[5] = mem_dup("a", 1);
		for (size_t i = 0; i < 6; i++) {
			ck_assert_msg((p[i] == NULL) == (i + 1 == n), "fail_at %d, request %zu", (int)n, i + 1);
			mem_free(p[i]);
		}
		grown = mem_grow(held, 2, 1);
		ck_assert_int_eq(grown == NULL, n == 7);
		held = grown != NULL ? grown : held;
		ck_assert_uint_eq(mem_count(), 7);
	}
	mem_fail_at(0);
	for (int i = 0; i < 100; i++) {
		mem_free(held);
		held = mem_alloc(1);
		ck_assert_ptr_nonnull(held);
	}
	ck_assert_uint_eq(mem_count(), 100);
	mem_free(held);
}
END_TEST

UNIT_MAIN("mem", test_mem_alloc_is_zeroed, test_mem_products_overflow, test_mem_grow_keeps, test_mem_copies, test_mem_fails_at)
