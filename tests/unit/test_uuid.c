#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/uuid.h"

#define OFFICE "2e28138a-847f-42bc-9752-61b03fff33cd"

START_TEST(test_uuid_text)
{
	static const uint8_t bytes[UUID_LEN] = {
		0x2e, 0x28, 0x13, 0x8a, 0x84, 0x7f, 0x42, 0xbc, 0x97, 0x52, 0x61, 0xb0, 0x3f, 0xff, 0x33, 0xcd };
	uint8_t id[UUID_LEN];
	char text[UUID_TEXT];

	ck_assert_int_eq(uuid_parse(id, OFFICE, 36), MUSTER_OK);
	ck_assert(uuid_equal(id, bytes));
	uuid_format(text, id);
	ck_assert_str_eq(text, OFFICE);
	ck_assert_int_eq(uuid_parse(id, "2E28138A-847F-42BC-9752-61B03FFF33CD", 36), MUSTER_OK);
	ck_assert(uuid_equal(id, bytes));
}
END_TEST

START_TEST(test_uuid_refuses)
{
	static const char *const wrong[] = {
		"", OFFICE "0", "{2e28138a-847f-42bc-9752-61b03fff33cd}", "2e28138a-847f-42bc-9752-61b03fff33c",
		"2e28138a847f42bc975261b03fff33cd", "2e28138a-847f-42bc-9752-61b03fff33cg", "2e28138a_847f-42bc-9752-61b03fff33cd",
		"2e28138-a847f-42bc-9752-61b03fff33cd", " 2e28138a-847f-42bc-9752-61b03fff33c", "2e28138a-847f-42bc-9752-61b03fff33c ",
	};
	uint8_t id[UUID_LEN];

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		memset(id, 0xFF, sizeof id);
		ck_assert_msg(uuid_parse(id, wrong[i], strlen(wrong[i])) == MUSTER_E_INVALID, "%s", wrong[i]);
		ck_assert(uuid_is_nil(id));
	}
	ck_assert_int_eq(uuid_parse(id, NULL, 0), MUSTER_E_INVALID);
}
END_TEST

START_TEST(test_uuid_urn)
{
	static const char *const wrong[] = {
		OFFICE, "urn:uuid:", "URN:uuid:" OFFICE, "urn:uuid:2E28138a-847f-42bc-9752-61b03fff33cd", "urn:uuid:" OFFICE " ",
		"urn:oid::" OFFICE,
	};
	uint8_t id[UUID_LEN], plain[UUID_LEN];

	ck_assert_int_eq(uuid_parse_urn(id, "urn:uuid:" OFFICE, 45), MUSTER_OK);
	ck_assert_int_eq(uuid_parse(plain, OFFICE, 36), MUSTER_OK);
	ck_assert(uuid_equal(id, plain));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		memset(id, 0xFF, sizeof id);
		ck_assert_msg(uuid_parse_urn(id, wrong[i], strlen(wrong[i])) == MUSTER_E_INVALID, "%s", wrong[i]);
		ck_assert(uuid_is_nil(id));
	}
}
END_TEST

/* RFC 9562 appendix A.4 (www.example.com in the DNS namespace), and the empty name. */
START_TEST(test_uuid_named)
{
	static const struct { const char *space, *name, *want; } rows[] = {
		{ "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com", "2ed6657d-e927-568b-95e1-2665a8aea6a2" },
		{ "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "python.org", "886313e1-3b8a-5372-9b90-0c9aee199e5d" },
		{ "6ba7b811-9dad-11d1-80b4-00c04fd430c8", "", "1b4db7eb-4057-5ddf-91e0-36dec72071f5" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t space[UUID_LEN], id[UUID_LEN];
		char text[UUID_TEXT];

		ck_assert_int_eq(uuid_parse(space, rows[i].space, 36), MUSTER_OK);
		uuid_named(id, space, rows[i].name);
		uuid_format(text, id);
		ck_assert_str_eq(text, rows[i].want);
	}
}
END_TEST

START_TEST(test_uuid_random)
{
	uint8_t a[UUID_LEN], b[UUID_LEN];

	for (int i = 0; i < 1000; i++) {
		uuid_random(a);
		uuid_random(b);
		ck_assert(!uuid_equal(a, b));
		ck_assert_uint_eq(a[6] >> 4, 4);
		ck_assert_uint_eq(a[8] >> 6, 2);
	}
}
END_TEST

UNIT_MAIN("uuid", test_uuid_text, test_uuid_refuses, test_uuid_urn, test_uuid_named, test_uuid_random)
