#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"

START_TEST(test_buf_appends)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	ck_assert_str_eq(buf_str(&b), "");
	buf_adds(&b, "mus");
	buf_addc(&b, 't');
	buf_add(&b, "er!", 2);
	buf_addf(&b, " %d %s", 12, "x");
	buf_addf(&b, "%s", "");
	ck_assert_str_eq(buf_str(&b), "muster 12 x");
	ck_assert_uint_eq(b.n, 11);
	buf_clear(&b);
	ck_assert_str_eq(buf_str(&b), "");
	for (int i = 0; i < 20000; i++)
		buf_addc(&b, (char)('a' + i % 26));
	ck_assert(!b.failed);
	ck_assert_uint_eq(b.n, 20000);
	ck_assert_uint_eq(b.p[20000], 0);
	for (size_t i = 0; i < 20000; i++)
		ck_assert_uint_eq(b.p[i], 'a' + i % 26);
	buf_fini(&b);
	ck_assert_ptr_null(b.p);
}
END_TEST

START_TEST(test_buf_cap_is_hard)
{
	struct buf b;

	buf_init(&b, 10);
	buf_adds(&b, "0123456789");
	ck_assert(!b.failed);
	ck_assert_uint_eq(b.n, 10);
	buf_addc(&b, 'x');
	ck_assert(b.failed);
	ck_assert_str_eq(buf_str(&b), "0123456789");
	ck_assert_ptr_null(buf_take(&b));
	buf_clear(&b);
	ck_assert(!b.failed);
	/* What does not fit leaves nothing behind, and marks the buffer until it is cleared, so one check at the end is enough. */
	buf_addf(&b, "%011d", 1);
	ck_assert(b.failed);
	buf_adds(&b, "y");
	ck_assert_uint_eq(b.n, 0);
	buf_fini(&b);
	buf_init(&b, 0);
	buf_add(&b, "", 0);
	ck_assert(!b.failed);
	buf_addc(&b, 'x');
	ck_assert(b.failed);
	buf_fini(&b);
}
END_TEST

START_TEST(test_buf_take_gives_away)
{
	struct buf b;
	char *text;

	buf_init(&b, 100);
	text = buf_take(&b);
	ck_assert_str_eq(text, "");
	mem_free(text);
	buf_adds(&b, "abc");
	text = buf_take(&b);
	ck_assert_str_eq(text, "abc");
	ck_assert_ptr_null(b.p);
	ck_assert_uint_eq(b.n, 0);
	buf_adds(&b, "def");  /* usable again, with the same cap */
	ck_assert_str_eq(buf_str(&b), "def");
	ck_assert_uint_eq(b.cap, 100);
	mem_free(text);
	buf_cleanse(&b);
	ck_assert_ptr_null(b.p);
	buf_cleanse(&b);
}
END_TEST

START_TEST(test_buf_without_memory)
{
	struct buf b;

	buf_init(&b, 1000);
	mem_fail_at(1);
	buf_adds(&b, "abc");
	ck_assert(b.failed);
	ck_assert_ptr_null(buf_take(&b));
	ck_assert_str_eq(buf_str(&b), "");
	buf_clear(&b);
	buf_adds(&b, "abc");
	mem_fail_at(1);
	buf_addf(&b, "%0500d", 1);
	ck_assert(b.failed);
	ck_assert_str_eq(buf_str(&b), "abc");
	mem_fail_at(0);
	buf_fini(&b);
}
END_TEST

UNIT_MAIN("buf", test_buf_appends, test_buf_cap_is_hard, test_buf_take_gives_away, test_buf_without_memory)
