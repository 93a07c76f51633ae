#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "core/base/err.h"

START_TEST(test_err_set_fills)
{
	struct muster_err err = { .code = 7 };

	ck_assert_int_eq(err_set(&err, MUSTER_E_INVALID, "line %d: %s", 3, "bad"), MUSTER_E_INVALID);
	ck_assert_int_eq(err.result, MUSTER_E_INVALID);
	ck_assert_uint_eq(err.code, 0);
	ck_assert_str_eq(err.message, "line 3: bad");
	ck_assert_int_eq(err_code(&err, MUSTER_E_REFUSED, 0xC004F038U, "too few"), MUSTER_E_REFUSED);
	ck_assert_uint_eq(err.code, 0xC004F038U);
	ck_assert_int_eq(err_nomem(&err), MUSTER_E_NOMEM);
	ck_assert_str_eq(err.message, "out of memory");
	ck_assert_uint_eq(err.code, 0);
}
END_TEST

START_TEST(test_err_accepts_null)
{
	ck_assert_int_eq(err_set(NULL, MUSTER_E_LIMIT, "x"), MUSTER_E_LIMIT);
	ck_assert_int_eq(err_code(NULL, MUSTER_E_LIMIT, 1, "x"), MUSTER_E_LIMIT);
	ck_assert_int_eq(err_errno(NULL, EACCES, "x"), MUSTER_E_DENIED);
	ck_assert_int_eq(err_prefix(NULL, MUSTER_E_BUSY, "x"), MUSTER_E_BUSY);
	ck_assert_int_eq(err_nomem(NULL), MUSTER_E_NOMEM);
}
END_TEST

START_TEST(test_err_errno_maps)
{
	static const struct { int errnum, result; } rows[] = {
		{ EACCES, MUSTER_E_DENIED }, { EPERM, MUSTER_E_DENIED }, { ENOENT, MUSTER_E_NOT_FOUND }, { EIO, MUSTER_E_IO },
		{ ENOSPC, MUSTER_E_IO },
	};
	struct muster_err err;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char want[128];

		ck_assert_int_eq(err_errno(&err, rows[i].errnum, "cannot open %s", "a"), rows[i].result);
		ck_assert_int_eq(err.result, rows[i].result);
		snprintf(want, sizeof want, "cannot open a: %s", strerror(rows[i].errnum));
		ck_assert_str_eq(err.message, want);
	}
}
END_TEST

START_TEST(test_err_prefix_goes_before)
{
	struct muster_err err;

	err_code(&err, MUSTER_E_INVALID, 42, "minimum_count: 0 is below 1");
	ck_assert_int_eq(err_prefix(&err, MUSTER_E_INTERNAL, "%s:%d", "muster.conf", 12), MUSTER_E_INVALID);
	ck_assert_str_eq(err.message, "muster.conf:12: minimum_count: 0 is below 1");
	ck_assert_uint_eq(err.code, 42);
}
END_TEST

/* A message of some ASCII and then many characters of 1 to 4 bytes: whatever the alignment, no half character stays. */
START_TEST(test_err_cut_on_boundary)
{
	static const char *const characters[] = { "x", "\xC3\xA9", "\xE2\x80\x93", "\xF0\x9F\x94\x91" };
	char text[2 * MUSTER_ERR_MAX];
	struct muster_err err;

	for (size_t c = 0; c < 4; c++) {
		size_t width = strlen(characters[c]);

		for (size_t lead = 0; lead < 5; lead++) {
			size_t n = lead, kept;

			memset(text, 'a', lead);
			while (n + width < sizeof text) {
				memcpy(text + n, characters[c], width);
				n += width;
			}
			text[n] = '\0';
			err_set(&err, MUSTER_E_INVALID, "%s", text);
			kept = strlen(err.message);
			ck_assert_uint_lt(kept, MUSTER_ERR_MAX);
			ck_assert_uint_gt(kept, MUSTER_ERR_MAX - 1 - width);
			ck_assert_uint_eq((kept - lead) % width, 0);
			ck_assert_mem_eq(err.message, text, kept);
		}
	}
}
END_TEST

START_TEST(test_err_prefix_cuts_too)
{
	char text[MUSTER_ERR_MAX];
	struct muster_err err;
	size_t kept;

	for (size_t i = 0; i + 1 < sizeof text; i++)
		text[i] = i % 2 == 0 ? '\xC3' : '\xA9';
	text[sizeof text - 2] = '\0';
	err_set(&err, MUSTER_E_INVALID, "%s", text);
	err_prefix(&err, 0, "ab");
	kept = strlen(err.message);
	ck_assert_uint_lt(kept, MUSTER_ERR_MAX);
	ck_assert_uint_eq((kept - 4) % 2, 0);
	ck_assert_int_eq(strncmp(err.message, "ab: \xC3\xA9", 6), 0);
	/* A prefix that is too long by itself leaves something readable as well. */
	err_prefix(&err, 0, "%s", text);
	ck_assert_uint_lt(strlen(err.message), MUSTER_ERR_MAX);
}
END_TEST

START_TEST(test_err_assert_stops)
{
	MUSTER_ASSERT(1 == 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("err");
	TCase *stops = tcase_create("test_err_assert_stops");
	const TTest *const others[] = { test_err_set_fills, test_err_accepts_null, test_err_errno_maps, test_err_prefix_goes_before,
		test_err_cut_on_boundary, test_err_prefix_cuts_too };

	tcase_add_test_raise_signal(stops, test_err_assert_stops, SIGABRT);
	suite_add_tcase(suite, stops);
	return unit_run_into(suite, others, sizeof others / sizeof others[0]);
}
