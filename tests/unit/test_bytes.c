#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/bytes.h"

START_TEST(test_bytes_hex)
{
	uint8_t raw[4];
	char text[HEX_SIZE(4)];

	ck_assert_int_eq(hex_decode(raw, 4, "00fFA510", 8), MUSTER_OK);
	hex_encode(text, raw, 4);
	ck_assert_str_eq(text, "00ffa510");
	ck_assert_int_eq(hex_decode(raw, 4, "00ffa51", 7), MUSTER_E_INVALID);
	ck_assert_int_eq(hex_decode(raw, 4, "00ffa5100", 9), MUSTER_E_INVALID);
	ck_assert_int_eq(hex_decode(raw, 4, "00ffa5", 6), MUSTER_E_INVALID);
	ck_assert_int_eq(hex_decode(raw, 4, "00ffa51g", 8), MUSTER_E_INVALID);
	ck_assert_int_eq(hex_decode(raw, 4, "00ffa51 ", 8), MUSTER_E_INVALID);
	ck_assert_int_eq(hex_decode(raw, 0, "", 0), MUSTER_OK);
}
END_TEST

/* RFC 4648 section 10, without the padding; the last rows exercise the two characters that differ from plain base64. */
static const struct { const char *raw, *text; } vectors[] = {
	{ "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy" }, { "\xFB\xFF\xFE", "-__-" }, { "\x03\xEC\xFF\xE0\xC1", "A-z_4ME" },
};

START_TEST(test_bytes_base64_vectors)
{
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		size_t n = strlen(vectors[i].raw), got;
		char text[B64_SIZE(16)];
		uint8_t raw[16];

		ck_assert_uint_eq(b64_encode(text, vectors[i].raw, n), strlen(vectors[i].text));
		ck_assert_str_eq(text, vectors[i].text);
		ck_assert_uint_eq(strlen(text) + 1, B64_SIZE(n));
		ck_assert_int_eq(b64_decode(raw, sizeof raw, &got, text, strlen(text)), MUSTER_OK);
		ck_assert_uint_eq(got, n);
		ck_assert_mem_eq(raw, vectors[i].raw, n);
	}
}
END_TEST

START_TEST(test_bytes_base64_strict)
{
	static const char *const wrong[] = {
		"A", "Zm9vA", "Zg==", "Zg=", "Zm8=", "Zm9v=", " Zm9v", "Zm9v ", "Zm9v\n", "Zm 9", "+__-", "-//-", "Zm9\x80", "Z.9v",
	};
	uint8_t raw[16];
	size_t n = 99;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ck_assert_msg(b64_decode(raw, sizeof raw, &n, wrong[i], strlen(wrong[i])) == MUSTER_E_INVALID, "%s", wrong[i]);
		ck_assert_uint_eq(n, 0);
	}
	ck_assert_int_eq(b64_decode(raw, sizeof raw, &n, "Zm\0v", 4), MUSTER_E_INVALID);
}
END_TEST

/* Every last character: exactly those whose unused bits are zero are taken, so no two texts mean the same bytes. */
START_TEST(test_bytes_base64_unused_bits)
{
	const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t raw[4];
	size_t n;

	for (size_t v = 0; v < 64; v++) {
		char two[2] = { 'A', digits[v] }, three[3] = { 'A', 'A', digits[v] };

		ck_assert_int_eq(b64_decode(raw, sizeof raw, &n, two, 2), v % 16 == 0 ? MUSTER_OK : MUSTER_E_INVALID);
		ck_assert_int_eq(b64_decode(raw, sizeof raw, &n, three, 3), v % 4 == 0 ? MUSTER_OK : MUSTER_E_INVALID);
	}
}
END_TEST

START_TEST(test_bytes_base64_room)
{
	uint8_t raw[6] = { 0 };
	size_t n;

	ck_assert_int_eq(b64_decode(raw, 5, &n, "Zm9vYmFy", 8), MUSTER_E_LIMIT);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(raw[5], 0);
	ck_assert_int_eq(b64_decode(raw, 6, &n, "Zm9vYmFy", 8), MUSTER_OK);
	ck_assert_uint_eq(n, 6);
}
END_TEST

START_TEST(test_bytes_base64_round_trips)
{
	uint8_t raw[300], back[300];
	char text[B64_SIZE(300)];

	for (size_t n = 0; n <= sizeof raw; n++) {
		size_t got;

		random_bytes(raw, n);
		ck_assert_uint_lt(b64_encode(text, raw, n), B64_SIZE(n));
		ck_assert_int_eq(b64_decode(back, n, &got, text, strlen(text)), MUSTER_OK);
		ck_assert_uint_eq(got, n);
		ck_assert_int_eq(memcmp(raw, back, n), 0);
	}
}
END_TEST

START_TEST(test_bytes_big_endian)
{
	uint8_t p[8];

	be16_put(p, 0xFEDC);
	ck_assert_mem_eq(p, "\xFE\xDC", 2);
	ck_assert_uint_eq(be16_get(p), 0xFEDC);
	be32_put(p, 0xFEDCBA98);
	ck_assert_mem_eq(p, "\xFE\xDC\xBA\x98", 4);
	ck_assert_uint_eq(be32_get(p), 0xFEDCBA98);
	be64_put(p, 0xFEDCBA9876543210);
	ck_assert_mem_eq(p, "\xFE\xDC\xBA\x98\x76\x54\x32\x10", 8);
	ck_assert(be64_get(p) == 0xFEDCBA9876543210);
}
END_TEST

START_TEST(test_bytes_spans)
{
	ck_assert(span_equal(span_str("abc"), span_of("abcd", 3)));
	ck_assert(!span_equal(span_str("abc"), span_str("abd")));
	ck_assert(!span_equal(span_str("abc"), span_str("ab")));
	ck_assert(span_equal(span_str(NULL), span_str("")));
	ck_assert(bytes_zero("\0\0\0", 3));
	ck_assert(!bytes_zero("\0\0\1", 3));
	ck_assert(bytes_zero(NULL, 0));
}
END_TEST

START_TEST(test_bytes_random)
{
	unsigned seen[7] = { 0 };
	uint8_t a[32], b[32];

	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	ck_assert_mem_ne(a, b, sizeof a);
	/* 7,000 draws: each value about 1,000 times; outside 700 to 1,300 is ten standard deviations away. */
	for (int i = 0; i < 7000; i++) {
		uint64_t v = random_below(7);

		ck_assert_uint_lt(v, 7);
		seen[v]++;
	}
	for (size_t i = 0; i < 7; i++)
		ck_assert_msg(seen[i] > 700 && seen[i] < 1300, "%zu came %u times", i, seen[i]);
	ck_assert_uint_eq(random_below(1), 0);
	for (int i = 0; i < 100; i++)
		ck_assert(random_below((UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
}
END_TEST

UNIT_MAIN("bytes", test_bytes_hex, test_bytes_base64_vectors, test_bytes_base64_strict, test_bytes_base64_unused_bits,
	test_bytes_base64_room, test_bytes_base64_round_trips, test_bytes_big_endian, test_bytes_spans, test_bytes_random)
