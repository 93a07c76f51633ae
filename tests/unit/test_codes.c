#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/codes.h"

START_TEST(test_codes_complete)
{
	size_t n;
	const struct code_info *t = code_table(&n);

	ck_assert_uint_ge(n, 17 + 26);
	for (size_t i = 0; i < n; i++) {
		char name[16];

		code_name(name, t[i].code);
		ck_assert_str_eq(t[i].name, name);
		ck_assert_msg(t[i].http == 0 || t[i].http == 202 || (t[i].http >= 400 && t[i].http < 600), "%s", name);
		ck_assert_msg(strlen(t[i].title) > 3 && t[i].title[strlen(t[i].title) - 1] != '.', "title of %s", name);
		ck_assert_msg(strlen(t[i].meaning) > 20 && t[i].meaning[strlen(t[i].meaning) - 1] == '.', "meaning of %s", name);
		ck_assert_msg(strlen(t[i].action) > 10 && t[i].action[strlen(t[i].action) - 1] == '.', "action of %s", name);
		for (size_t k = 0; k < i; k++) {
			ck_assert_msg(t[i].code != t[k].code, "%s twice", name);
			ck_assert_msg(strcmp(t[i].title, t[k].title) != 0, "%s and %s have one title", name, t[k].name);
		}
		ck_assert_ptr_eq(code_find(t[i].code), &t[i]);
		ck_assert_ptr_eq(code_find_name(name, strlen(name)), &t[i]);
	}
	ck_assert_ptr_null(code_find(CODE_OK));
	ck_assert_ptr_null(code_find(100));
}
END_TEST

/* Every value of the enum has its row: the compiler cannot tell, so they are named here once more. */
START_TEST(test_codes_cover_the_enum)
{
	static const enum code all[] = {
		CODE_COUNT_LOW, CODE_NO_ANSWER, CODE_HOST_NOT_ACTIVATED, CODE_UNSUPPORTED_PRODUCT, CODE_KEY_INVALID, CODE_KEY_BLOCKED,
		CODE_OFFLINE_DATA, CODE_NO_KEY, CODE_NO_LICENSE, CODE_TIMESTAMP, CODE_NO_HOST, CODE_GRACE_EXPIRED, CODE_HARDWARE,
		CODE_SERVER_KEY_BLOCKED, CODE_HOST_KEY_LIMIT, CODE_MAK_LIMIT, CODE_MAK_EXTENSION_LIMIT,
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		ck_assert_ptr_nonnull(code_find((uint32_t)all[i]));
	for (uint32_t v = CODE_M_BODY; v <= CODE_M_PENDING; v++)
		ck_assert_ptr_nonnull(code_find(v));
	for (uint32_t v = CODE_M_KEY_EXISTS; v <= CODE_M_PACK; v++)
		ck_assert_ptr_nonnull(code_find(v));
	for (uint32_t v = CODE_M_FACTS; v <= CODE_M_ANSWER; v++)
		ck_assert_ptr_nonnull(code_find(v));
	for (uint32_t v = CODE_M_COVERAGE; v <= CODE_M_SETUP_KEY; v++)   /* the issuer's, those of moving, the doctor's */
		ck_assert_ptr_nonnull(code_find(v));
}
END_TEST

START_TEST(test_codes_names)
{
	static const struct { const char *text; uint32_t code; } rows[] = {
		{ "0xC004F038", 0xC004F038U }, { "0xc004f038", 0xC004F038U }, { "C004F038", 0xC004F038U }, { "F038", 0xC004F038U },
		{ "f038", 0xC004F038U }, { "C008", 0xC004C008U }, { "M-101", 101 }, { "m-101", 101 }, { "m101", 101 }, { "101", 101 }, { "0xA0000065", 101 }, { "a0000065", 101 },
		{ "-1073418184", 0xC004F038U }, { "3221549112", 0xC004F038U }, { "-1610612635", 101 }, { "2684354661", 101 },
	};
	static const char *const none[] = {
		"", "0x", "M-", "M", "M-999", "M-1010", "F999", "0101", "9038", "0xC004F0388", "F038 ", " F038", "0xA0000000", "0xA00003E7", "M-10a", "0xZ", "M--101",
		"-1073418185", "-107341818", "9999999999", "-99999999999", "3221549a12", "0x65", "00000065", "65", "C004F03",
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct code_info *c = code_find_name(rows[i].text, strlen(rows[i].text));

		ck_assert_msg(c != NULL && c->code == rows[i].code, "%s", rows[i].text);
	}
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		ck_assert_msg(code_find_name(none[i], strlen(none[i])) == NULL, "%s", none[i]);
	ck_assert_ptr_null(code_find_name(NULL, 0));
	ck_assert_ptr_null(code_find_name("F03\0", 4));
}
END_TEST

START_TEST(test_codes_name_of_any_value)
{
	char name[16];

	code_name(name, 0x80070005U);
	ck_assert_str_eq(name, "0x80070005");
	code_name(name, 7);
	ck_assert_str_eq(name, "M-007");
	code_name_hresult(name, 101);
	ck_assert_str_eq(name, "0xA0000065");
	code_name_hresult(name, 0xC004F038U);
	ck_assert_str_eq(name, "0xC004F038");
}
END_TEST

UNIT_MAIN("codes", test_codes_complete, test_codes_cover_the_enum, test_codes_names, test_codes_name_of_any_value)
