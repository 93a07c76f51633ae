#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/utf8.h"

/* RFC 3629 section 4: the first and the last character of each length, and what stands just outside of each range. */
static const struct { const char *text; size_t length; } characters[] = {
	{ "\x01", 1 }, { "\x7f", 1 }, { "\xc2\x80", 2 }, { "\xdf\xbf", 2 }, { "\xe0\xa0\x80", 3 }, { "\xec\xbf\xbf", 3 }, { "\xed\x9f\xbf", 3 }, { "\xee\x80\x80", 3 },
	{ "\xef\xbf\xbf", 3 }, { "\xf0\x90\x80\x80", 4 }, { "\xf3\xbf\xbf\xbf", 4 }, { "\xf4\x8f\xbf\xbf", 4 },
	{ "\x80", 0 }, { "\xbf", 0 }, { "\xc0\x80", 0 }, { "\xc1\xbf", 0 }, { "\xc2", 0 }, { "\xc2\x7f", 0 }, { "\xc2\xc0", 0 }, { "\xe0\x9f\xbf", 0 }, { "\xe1\x80", 0 },
	{ "\xed\xa0\x80", 0 }, { "\xef\xbf\x7f", 0 }, { "\xf0\x8f\xbf\xbf", 0 }, { "\xf0\x90\x80\xc0", 0 }, { "\xf4\x90\x80\x80", 0 }, { "\xf5\x80\x80\x80", 0 }, { "\xff", 0 },
};

START_TEST(test_utf8_length)
{
	for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++)
		ck_assert_msg(utf8_length(characters[i].text, UTF8_MAX) == characters[i].length, "row %zu", i);
	ck_assert_uint_eq(utf8_length("", 1), 1);
}
END_TEST

/* A character of which the end is not there yet may still become one; what is wrong already may not. */
START_TEST(test_utf8_more)
{
	for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++)
		for (size_t n = 1; n < characters[i].length; n++)
			ck_assert_uint_eq(utf8_length(characters[i].text, n), UTF8_MORE);
	ck_assert_uint_eq(utf8_length("\xed\xa0", 2), 0);
	ck_assert_uint_eq(utf8_length("\xf4\x90", 2), 0);
}
END_TEST

START_TEST(test_utf8_cut)
{
	static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";   /* of one, two, three and four bytes */
	static const size_t whole[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10 };

	for (size_t max = 0; max < sizeof(whole) / sizeof(whole[0]); max++)
		ck_assert_uint_eq(utf8_cut(text, strlen(text), max), whole[max]);
	ck_assert_uint_eq(utf8_cut("", 0, 0), 0);
}
END_TEST

UNIT_MAIN("utf8", test_utf8_length, test_utf8_more, test_utf8_cut)
