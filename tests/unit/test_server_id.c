/* Licence server IDs: the promises of docs/protocol.md section 9, shown for every place, digit and group. */
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/trust/server_id.h"
#include "tests/unit/trust_vectors.h"

/* Agreement key of "Open Value", V1234567, number 706200501, at the issuer of the vectors; generation 1, attempt 0; made by hand from the definition. */
#define EXAMPLE "69602 70310 30281 77596 56096 27695 89741"
#define PLACES (SERVER_ID_GROUPS * SERVER_ID_GROUP)

static void example_prk(uint8_t prk[PRODUCT_KEY_PRK])
{
	struct product_key k;
	uint8_t issuer[16];

	vector_bytes(issuer, sizeof(issuer), "issuer_id");
	ck_assert_int_eq(product_key_of_agreement(&k, issuer, 706200501, "Open Value", "V1234567", NULL), MUSTER_OK);
	ck_assert_int_eq(product_key_prk(prk, issuer, &k, NULL), MUSTER_OK);
}

static struct server_id made(unsigned seed)
{
	uint8_t prk[PRODUCT_KEY_PRK], binding[BINDING_SIZE];
	struct server_id id;

	memset(prk, (int)seed + 1, sizeof(prk));
	for (unsigned i = 0; i < BINDING_SIZE; i++)
		binding[i] = (uint8_t)(seed * 37 + i * 91 + seed * seed * i);
	if (seed == 0)
		memset(binding, 0, sizeof(binding));
	if (seed == 1)
		memset(binding, 0xff, sizeof(binding));
	ck_assert_int_eq(server_id_make(&id, prk, (uint8_t)(1 + seed % 63), seed == 1 ? 255 : (uint8_t)(seed * 11), binding, NULL), MUSTER_OK);
	return id;
}

/* Without separators. */
static void plain(char out[PLACES + 1], const struct server_id *id)
{
	char text[SERVER_ID_TEXT];
	size_t n = 0;

	server_id_format(text, id, '-');
	for (const char *p = text; *p != '\0'; p++)
		if (*p != '-')
			out[n++] = *p;
	out[n] = '\0';
	ck_assert_uint_eq(n, PLACES);
}

static int read_it(struct server_id *id, const char *text, struct digits_fault *fault, struct muster_err *err)
{
	return server_id_parse(id, text, strlen(text), fault, err);
}

START_TEST(test_server_id_vector)
{
	uint8_t prk[PRODUCT_KEY_PRK], binding[BINDING_SIZE], other[PRODUCT_KEY_PRK] = { 1 };
	char text[SERVER_ID_TEXT];
	struct server_id id, again;
	struct digits_fault fault;
	unsigned fits = 0;

	example_prk(prk);
	vector_bytes(binding, sizeof(binding), "host_binding");
	ck_assert_int_eq(server_id_make(&id, prk, 1, 0, binding, NULL), MUSTER_OK);
	server_id_format(text, &id, ' ');
	ck_assert_str_eq(text, EXAMPLE);
	ck_assert_int_eq(read_it(&again, text, &fault, NULL), MUSTER_OK);
	ck_assert(fault.wrong == DIGITS_RIGHT && fault.digits == PLACES);
	ck_assert_mem_eq(again.binding, binding, sizeof(binding));
	ck_assert(again.attempt == 0 && again.tag == id.tag && server_id_fits(&again, prk, 1));
	for (unsigned g = 0; g < 64; g++)
		fits += server_id_fits(&again, prk, (uint8_t)g) && g != 1;
	ck_assert_uint_lt(fits, 10);
	ck_assert(!server_id_fits(&again, other, 1));
}
END_TEST

START_TEST(test_server_id_round_trip)
{
	for (unsigned seed = 0; seed < 500; seed++) {
		struct server_id id = made(seed), again;
		char text[SERVER_ID_TEXT];

		server_id_format(text, &id, seed % 2 ? ' ' : '-');
		ck_assert_int_eq(read_it(&again, text, NULL, NULL), MUSTER_OK);
		ck_assert_mem_eq(&again, &id, sizeof(id));
	}
}
END_TEST

/* Every wrong digit at every place, and every swap of neighbours in a group: the group is named. */
START_TEST(test_server_id_single)
{
	char text[PLACES + 1], bad[PLACES + 1];
	struct digits_fault fault;
	struct server_id id;
	struct muster_err err;

	for (unsigned seed = 0; seed < 20; seed++) {
		id = made(seed);
		plain(text, &id);
		for (unsigned place = 0; place < PLACES; place++)
			for (char digit = '0'; digit <= '9'; digit++) {
				memcpy(bad, text, sizeof(bad));
				bad[place] = digit;
				if (digit == text[place])
					continue;
				ck_assert_int_eq(read_it(&id, bad, &fault, &err), MUSTER_E_INVALID);
				ck_assert(fault.wrong == DIGITS_MISTYPED && fault.group == place / SERVER_ID_GROUP + 1 && err.code == (uint32_t)CODE_OFFLINE_DATA);
			}
		for (unsigned place = 0; place + 1 < PLACES; place++) {
			memcpy(bad, text, sizeof(bad));
			bad[place] = text[place + 1];
			bad[place + 1] = text[place];
			if (place % SERVER_ID_GROUP == SERVER_ID_GROUP - 1 || text[place] == text[place + 1])
				continue;
			ck_assert_int_eq(read_it(&id, bad, &fault, &err), MUSTER_E_INVALID);
			ck_assert(fault.wrong == DIGITS_MISTYPED && fault.group == place / SERVER_ID_GROUP + 1);
		}
	}
}
END_TEST

/* Every group at every other place is wrong there; two that changed places are said to be swapped. */
START_TEST(test_server_id_groups)
{
	char text[PLACES + 1], bad[PLACES + 1], wanted[80];
	struct digits_fault fault;
	struct muster_err err;
	struct server_id id;

	for (unsigned seed = 0; seed < 20; seed++) {
		id = made(seed);
		plain(text, &id);
		for (unsigned a = 0; a < SERVER_ID_GROUPS; a++)
			for (unsigned b = 0; b < SERVER_ID_GROUPS; b++) {
				ck_assert_int_eq(server_id_group_right(b + 1, text + a * SERVER_ID_GROUP), a == b || memcmp(text + a * SERVER_ID_GROUP, text + b * SERVER_ID_GROUP, SERVER_ID_GROUP) == 0);
				if (a >= b)
					continue;
				memcpy(bad, text, sizeof(bad));
				memcpy(bad + a * SERVER_ID_GROUP, text + b * SERVER_ID_GROUP, SERVER_ID_GROUP);
				memcpy(bad + b * SERVER_ID_GROUP, text + a * SERVER_ID_GROUP, SERVER_ID_GROUP);
				ck_assert_int_eq(read_it(&id, bad, &fault, &err), MUSTER_E_INVALID);
				ck_assert(fault.wrong == DIGITS_SWAPPED && fault.group == a + 1 && fault.other == b + 1);
				snprintf(wanted, sizeof(wanted), "groups %u and %u seem to be swapped", a + 1, b + 1);
				ck_assert_ptr_nonnull(strstr(err.message, wanted));
			}
	}
	ck_assert(!server_id_group_right(0, "00000") && !server_id_group_right(8, "00000") && !server_id_group_right(1, "0000x"));
}
END_TEST

static const struct { const char *text; enum digits_wrong wrong; unsigned group; const char *part; } refused[] = {
	{ "", DIGITS_COUNT, 0, "it has 0 digits instead of 35, in 7 groups of five" },
	{ "1234", DIGITS_COUNT, 0, "it has 4 digits" },
	{ "00000 11111 2222x", DIGITS_FOREIGN, 3, "a character in group 3 is no digit" },
	{ EXAMPLE "x", DIGITS_FOREIGN, 0, "a character behind the last group is no digit" },
	{ EXAMPLE "1", DIGITS_COUNT, 0, "it has 36 digits" },
	{ "147878 182305 808326 473017 624939 417546 203540 884046 980984", DIGITS_OTHER_KIND, 0, "This is an Installation ID" },
	{ "067447 575385 379640 042293 105403 554957 948930 580855", DIGITS_OTHER_KIND, 0, "This is a Confirmation ID" },
};

START_TEST(test_server_id_refused)
{
	struct digits_fault fault;
	struct server_id id, zero = { { 0 }, 0, 0 };
	struct muster_err err;
	char groups[PLACES + 1] = "99999999999999999999999999999999999";

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		ck_assert_int_eq(read_it(&id, refused[i].text, &fault, &err), MUSTER_E_INVALID);
		ck_assert_msg(fault.wrong == refused[i].wrong && fault.group == refused[i].group && strstr(err.message, refused[i].part) != NULL, "%s: %s", refused[i].text, err.message);
		ck_assert_mem_eq(&id, &zero, sizeof(id));
	}
	/* 2^93 and more in right groups */
	for (unsigned g = 0; g < SERVER_ID_GROUPS; g++)
		for (char check = '0'; check <= '9'; check++) {
			groups[g * SERVER_ID_GROUP + 4] = check;
			if (server_id_group_right(g + 1, groups + g * SERVER_ID_GROUP))
				break;
		}
	ck_assert_int_eq(read_it(&id, groups, &fault, &err), MUSTER_E_INVALID);
	ck_assert(fault.wrong == DIGITS_RANGE && strstr(err.message, "too large") != NULL);
}
END_TEST

START_TEST(test_server_id_typing)
{
	struct server_id id, first;
	char text[SERVER_ID_TEXT], spread[4 * SERVER_ID_TEXT];
	size_t n = 0;

	ck_assert_int_eq(read_it(&first, EXAMPLE, NULL, NULL), MUSTER_OK);
	server_id_format(text, &first, '-');
	ck_assert_int_eq(read_it(&id, text, NULL, NULL), MUSTER_OK);
	ck_assert_mem_eq(&id, &first, sizeof(id));
	for (const char *p = text; *p != '\0'; p++)
		n += (size_t)snprintf(spread + n, sizeof(spread) - n, "%s ", *p == '-' ? "\xE2\x80\x93" : (const char[]){ *p, '\0' });
	ck_assert_int_eq(read_it(&id, spread, NULL, NULL), MUSTER_OK);
	ck_assert_mem_eq(&id, &first, sizeof(id));
}
END_TEST

UNIT_MAIN("server_id", test_server_id_vector, test_server_id_round_trip, test_server_id_single, test_server_id_groups, test_server_id_refused, test_server_id_typing)
