#include "tests/unit/unit.h"

#include <jansson.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/service/problem.h"

static json_t *written(unsigned status, uint32_t code, const char *detail, const char *field, uint32_t retry, int64_t time)
{
	struct buf b;
	json_t *o;

	buf_init(&b, 65536);
	problem_write(&b, status, code, detail, field, retry, time, retry > 0 ? 10368000 : 0);
	ck_assert(!b.failed && b.n <= 8192);
	o = json_loadb((const char *)b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(o);
	buf_fini(&b);
	return o;
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "(none)";
}

START_TEST(test_problem_members)
{
	json_t *o = written(400, CODE_M_FIELD, "nonce is \"missing\"\n\\", "nonce", 0, 0);

	ck_assert_int_eq(json_integer_value(json_object_get(o, "status")), 400);
	ck_assert_str_eq(text(o, "code"), "M-102");
	ck_assert_str_eq(text(o, "detail"), "nonce is \"missing\"\n\\");
	ck_assert_str_eq(text(o, "field"), "nonce");
	ck_assert_ptr_null(json_object_get(o, "retry_after_seconds"));
	ck_assert_ptr_null(json_object_get(o, "time"));
	ck_assert_ptr_null(json_object_get(o, "grace_seconds"));
	json_decref(o);
	o = written(503, CODE_M_OVERLOAD, NULL, NULL, 7, 1000);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "retry_after_seconds")), 7);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "grace_seconds")), 10368000);
	ck_assert_str_eq(text(o, "time"), "1970-01-01T00:00:01Z");
	ck_assert_str_eq(text(o, "detail"), code_find(CODE_M_OVERLOAD)->meaning);
	json_decref(o);
}
END_TEST

START_TEST(test_problem_every_code)
{
	const struct code_info *table;
	size_t n;

	table = code_table(&n);
	for (size_t i = 0; i < n; i++) {
		json_t *o = written(problem_status(table[i].code), table[i].code, NULL, NULL, 0, 0);

		ck_assert_str_eq(text(o, "code"), table[i].name);
		ck_assert_str_eq(text(o, "title"), table[i].title);
		ck_assert_str_eq(text(o, "action"), table[i].action);
		ck_assert_uint_ge(problem_status(table[i].code), 400);
		json_decref(o);
	}
}
END_TEST

START_TEST(test_problem_unknown_code_is_an_internal_error)
{
	json_t *o = written(500, 77, "x", NULL, 0, 0);

	ck_assert_str_eq(text(o, "code"), "M-122");
	ck_assert_uint_eq(problem_status(77), 500);
	json_decref(o);
}
END_TEST

START_TEST(test_problem_text_escapes_every_byte)
{
	for (int c = 1; c < 0x80; c++) {
		char in[4] = { 'a', (char)c, 'b', '\0' };
		struct buf b;
		json_t *v;

		buf_init(&b, 64);
		problem_text(&b, in);
		v = json_loadb((const char *)b.p, b.n, JSON_DECODE_ANY, NULL);
		ck_assert_ptr_nonnull(v);
		ck_assert_str_eq(json_string_value(v), in);
		json_decref(v);
		buf_fini(&b);
	}
}
END_TEST

/* Sentences quote what was sent, cut to a length. */
START_TEST(test_problem_text_is_json_wherever_it_was_cut)
{
	static const char whole[] = "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x97\x9d", *const wrong[] = { "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x8f\xbf\xbf", "\xff" };
	const size_t ends[] = { 0, 1, 3, 6, 10 };

	for (size_t n = 0; n < sizeof whole; n++) {
		char in[sizeof whole + 1];
		size_t kept = 0;
		struct buf b;
		json_t *v;

		memcpy(in, whole, n);
		in[n] = '\0';
		for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
			kept = ends[i] <= n ? ends[i] : kept;
		buf_init(&b, 64);
		problem_text(&b, in);
		v = json_loadb((const char *)b.p, b.n, JSON_DECODE_ANY, NULL);
		ck_assert_ptr_nonnull(v);
		ck_assert_int_eq(strncmp(json_string_value(v), whole, kept), 0);
		ck_assert_uint_eq(json_string_length(v), kept + 3 * (n - kept));   /* U+FFFD for each byte that is left */
		json_decref(v);
		buf_fini(&b);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct buf b;
		json_t *v;

		buf_init(&b, 64);
		problem_text(&b, wrong[i]);
		v = json_loadb((const char *)b.p, b.n, JSON_DECODE_ANY, NULL);
		ck_assert_ptr_nonnull(v);
		ck_assert_uint_eq(json_string_length(v), 3 * strlen(wrong[i]));
		json_decref(v);
		buf_fini(&b);
	}
}
END_TEST

UNIT_MAIN("service_problem", test_problem_text_is_json_wherever_it_was_cut, test_problem_members, test_problem_every_code, test_problem_unknown_code_is_an_internal_error, test_problem_text_escapes_every_byte)
