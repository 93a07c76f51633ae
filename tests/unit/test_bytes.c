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
	ck_assert_int_eq(hex_decode(raw, 4, "00ffa51g", 8), MUSTER_E_INVALID);
}
END_TEST

UNIT_MAIN("bytes", test_bytes_hex)
