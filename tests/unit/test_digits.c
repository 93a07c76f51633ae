#include <string.h>
#include "core/base/codes.h"
#include "tests/unit/digits_flow.h"
#include "tests/unit/trust_vectors.h"

static int parse_n(enum digits_kind kind, const char *text, size_t n, struct digits_fault *fault, struct muster_err *err)
{
	struct installation_id iid;
	struct confirmation_id cid;

	memset(err, 0, sizeof(*err));
	return kind == DIGITS_INSTALLATION ? installation_id_parse(&iid, text, n, fault, err) : confirmation_id_parse(&cid, text, n, fault, err);
}

static int parse(enum digits_kind kind, const char *text, struct digits_fault *fault, struct muster_err *err)
{
	return parse_n(kind, text, strlen(text), fault, err);
}

/* Refused as 0xC004F02C with this fault, and the sentence says so. */
static void refused(enum digits_kind kind, const char *text, enum digits_wrong wrong, unsigned group, unsigned other, const char *says)
{
	struct digits_fault fault;
	struct muster_err err;

	ck_assert_msg(parse(kind, text, &fault, &err) == MUSTER_E_INVALID, "accepted: %s", text);
	ck_assert_uint_eq(err.code, (uint32_t)CODE_OFFLINE_DATA);
	ck_assert_msg(fault.wrong == wrong && fault.group == group && fault.other == other, "\"%s\": fault %d, groups %u %u: %s", text, (int)fault.wrong, fault.group, fault.other,
	              err.message);
	ck_assert_msg(strstr(err.message, says) != NULL, "\"%s\": \"%s\" lacks \"%s\"", text, err.message, says);
}

static void exchange(char *text, unsigned a, unsigned b)
{
	char keep[DIGITS_GROUP];

	memcpy(keep, group_at(text, a), DIGITS_GROUP);
	memcpy(group_at(text, a), group_at(text, b), DIGITS_GROUP);
	memcpy(group_at(text, b), keep, DIGITS_GROUP);
}

/* The complete flow of trust-vectors.json, forwards and backwards. */
START_TEST(test_digits_vectors)
{
	uint8_t issuer[16], prk[32], binding[BINDING_SIZE], secret[16], opened[16], identity[16];
	struct installation_id made, read;
	struct confirmation_id cid, typed;
	char iid_text[INSTALLATION_TEXT], cid_text[CONFIRMATION_TEXT];
	size_t n = strlen(vector_text("host_identity")) / 2;
	struct muster_err err;

	vector_bytes(issuer, sizeof(issuer), "issuer_id");
	vector_bytes(prk, sizeof(prk), "prk_key");
	vector_bytes(identity, n, "host_identity");
	ck_assert_int_eq(binding_of_host(binding, issuer, identity[0], span_of(identity + 1, n - 1)), MUSTER_OK);
	vector_is(binding, sizeof(binding), "host_binding");
	ck_assert_int_eq(installation_id_make(&made, prk, vector_number("number"), (uint8_t)vector_number("generation"), (uint8_t)vector_number("attempt"), binding, &err), MUSTER_OK);
	vector_is(made.bytes, sizeof(made.bytes), "iid_hex");
	installation_id_format(iid_text, &made, ' ');
	ck_assert_str_eq(iid_text, vector_text("iid"));
	ck_assert_int_eq(installation_id_parse(&read, iid_text, strlen(iid_text), NULL, &err), MUSTER_OK);
	ck_assert_mem_eq(read.bytes, made.bytes, sizeof(made.bytes));
	ck_assert_uint_eq(read.number, vector_number("number"));
	ck_assert_uint_eq(read.generation, vector_number("generation"));
	ck_assert_uint_eq(read.attempt, vector_number("attempt"));
	vector_is(read.binding, sizeof(read.binding), "host_binding");
	ck_assert(installation_id_proves(&read, prk));

	vector_bytes(secret, sizeof(secret), "slot_secret");
	ck_assert_int_eq(confirmation_id_make(&cid, prk, &read, secret, &err), MUSTER_OK);
	vector_is(cid.bytes, sizeof(cid.bytes), "cid_hex");
	confirmation_id_format(cid_text, &cid, ' ');
	ck_assert_str_eq(cid_text, vector_text("cid"));
	ck_assert_int_eq(confirmation_id_parse(&typed, cid_text, strlen(cid_text), NULL, &err), MUSTER_OK);
	ck_assert_int_eq(confirmation_id_open(opened, &typed, prk, &made, &err), MUSTER_OK);
	vector_is(opened, sizeof(opened), "slot_secret");
	memset(secret, 0, sizeof(secret));
	ck_assert_int_eq(confirmation_id_make(&cid, prk, &read, secret, &err), MUSTER_OK);
	vector_is(cid.bytes + 1, 16, "cid_mask");
}
END_TEST


#define ROUNDS 8   /* random IDs of each kind; every one is tried exhaustively */

/* Every single wrong digit at every place: caught, and its group named. */
START_TEST(test_digits_single)
{
	struct flow f;
	char wrong[INSTALLATION_TEXT], says[64];
	unsigned tried = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		flow_random(&f);
		for (int kind = 0; kind < 2; kind++)
			for (size_t i = 0; f.text[kind][i] != '\0'; i++) {
				unsigned group = (unsigned)(i / (DIGITS_GROUP + 1)) + 1;

				if (f.text[kind][i] == ' ')
					continue;
				(void)snprintf(says, sizeof says, "group %u is wrong", group);
				for (char d = '0'; d <= '9'; d++) {
					if (d == f.text[kind][i])
						continue;
					strcpy(wrong, f.text[kind]);
					wrong[i] = d;
					refused((enum digits_kind)kind, wrong, DIGITS_MISTYPED, group, 0, says);
					ck_assert(!digits_group_right((enum digits_kind)kind, group, group_at(wrong, group)));
					tried++;
				}
			}
	}
	ck_assert_uint_eq(tried, ROUNDS * (54 + 48) * 9);
}
END_TEST

/* Every swap of two neighbouring digits, also across the gap between two groups: caught, and the group (the first of the two) named. */
START_TEST(test_digits_adjacent)
{
	struct flow f;
	char wrong[INSTALLATION_TEXT];
	struct digits_fault fault;
	struct muster_err err;
	unsigned inside = 0, across = 0;

	for (unsigned round = 0; round < 4 * ROUNDS; round++) {
		flow_random(&f);
		for (int kind = 0; kind < 2; kind++)
			for (size_t i = 0; f.text[kind][i + 1] != '\0'; i++) {
				size_t next = f.text[kind][i + 1] == ' ' ? i + 2 : i + 1;
				unsigned group = (unsigned)(i / (DIGITS_GROUP + 1)) + 1;

				if (f.text[kind][i] == ' ' || f.text[kind][i] == f.text[kind][next])
					continue;
				strcpy(wrong, f.text[kind]);
				wrong[i] = f.text[kind][next];
				wrong[next] = f.text[kind][i];
				ck_assert_int_eq(parse((enum digits_kind)kind, wrong, &fault, &err), MUSTER_E_INVALID);
				ck_assert_uint_eq(fault.group, group);
				if (next == i + 1) {
					ck_assert_int_eq(fault.wrong, DIGITS_MISTYPED);
					inside++;
				} else {
					/* one wrong digit in each of two groups; by chance each may be right at the other's place */
					ck_assert(fault.wrong == DIGITS_MISTYPED || (fault.wrong == DIGITS_SWAPPED && fault.other == group + 1));
					ck_assert(!digits_group_right((enum digits_kind)kind, group + 1, group_at(wrong, group + 1)));
					across++;
				}
			}
	}
	ck_assert_uint_gt(inside, ROUNDS * 200);
	ck_assert_uint_gt(across, ROUNDS * 30);
}
END_TEST

/* Every swap of two groups: caught, and reported as a swap of these two. */
START_TEST(test_digits_groups_swapped)
{
	struct flow f;
	char wrong[INSTALLATION_TEXT], says[64];

	for (unsigned round = 0; round < 8 * ROUNDS; round++) {
		flow_random(&f);
		for (int kind = 0; kind < 2; kind++)
			for (unsigned a = 1; a <= groups_of((enum digits_kind)kind); a++)
				for (unsigned b = a + 1; b <= groups_of((enum digits_kind)kind); b++) {
					strcpy(wrong, f.text[kind]);
					exchange(wrong, a, b);
					(void)snprintf(says, sizeof says, "groups %u and %u seem to be swapped", a, b);
					refused((enum digits_kind)kind, wrong, DIGITS_SWAPPED, a, b, says);
				}
	}
}
END_TEST

/* Every group moved elsewhere, those between shifting: each group that is out of its place is wrong, and the first is named. */
START_TEST(test_digits_groups_moved)
{
	struct flow f;
	char wrong[INSTALLATION_TEXT];
	struct digits_fault fault;
	struct muster_err err;

	for (unsigned round = 0; round < 4 * ROUNDS; round++) {
		flow_random(&f);
		for (int kind = 0; kind < 2; kind++)
			for (unsigned from = 1; from <= groups_of((enum digits_kind)kind); from++)
				for (unsigned to = 1; to <= groups_of((enum digits_kind)kind); to++) {
					unsigned low = from < to ? from : to, high = from < to ? to : from;

					if (from == to)
						continue;
					strcpy(wrong, f.text[kind]);
					for (unsigned g = from; g != to; g = to > g ? g + 1 : g - 1)
						exchange(wrong, g, to > g ? g + 1 : g - 1);
					ck_assert_int_eq(parse((enum digits_kind)kind, wrong, &fault, &err), MUSTER_E_INVALID);
					ck_assert_uint_eq(fault.group, low);
					ck_assert_int_eq(fault.wrong, high - low == 1 ? DIGITS_SWAPPED : DIGITS_MISTYPED);
					for (unsigned g = 1; g <= groups_of((enum digits_kind)kind); g++)
						ck_assert_int_eq(digits_group_right((enum digits_kind)kind, g, group_at(wrong, g)), g < low || g > high);
				}
	}
}
END_TEST

/* Groups of one ID typed into the other: one at its place is named, the whole ID is recognised. */
START_TEST(test_digits_other_kind)
{
	struct flow f;
	char wrong[INSTALLATION_TEXT], says[64];

	for (unsigned round = 0; round < 8 * ROUNDS; round++) {
		flow_random(&f);
		for (int kind = 0; kind < 2; kind++)
			for (unsigned g = 1; g <= CONFIRMATION_GROUPS; g++) {
				strcpy(wrong, f.text[kind]);
				memcpy(group_at(wrong, g), group_at(f.text[1 - kind], g), DIGITS_GROUP);
				(void)snprintf(says, sizeof says, "group %u is wrong", g);
				refused((enum digits_kind)kind, wrong, DIGITS_MISTYPED, g, 0, says);
			}
		refused(DIGITS_CONFIRMATION, f.text[DIGITS_INSTALLATION], DIGITS_OTHER_KIND, 0, 0, "This is an Installation ID; a Confirmation ID with its 8 groups is asked for");
		refused(DIGITS_INSTALLATION, f.text[DIGITS_CONFIRMATION], DIGITS_OTHER_KIND, 0, 0, "This is a Confirmation ID; an Installation ID with its 9 groups is asked for");
		/* one group more or less of the other kind is still no ID of this one */
		strcpy(wrong, f.text[DIGITS_INSTALLATION]);
		wrong[CONFIRMATION_TEXT - 1] = '\0';
		ck_assert_int_eq(parse(DIGITS_CONFIRMATION, wrong, NULL, &(struct muster_err){ 0 }), MUSTER_E_INVALID);
	}
}
END_TEST

/* A Confirmation ID opens under its own Installation ID and key only. */
START_TEST(test_digits_confirmation_other)
{
	struct installation_id other;
	struct flow f;
	uint8_t secret[16];

	for (unsigned round = 0; round < 50; round++) {
		flow_random(&f);
		ck_assert_int_eq(confirmation_id_open(secret, &f.cid, f.prk, &f.iid, NULL), MUSTER_OK);
		ck_assert_mem_eq(secret, f.slot_secret, sizeof(secret));
		ck_assert_int_eq(confirmation_id_open(secret, &f.cid, f.other_prk, &f.iid, NULL), MUSTER_OK);
		ck_assert_mem_ne(secret, f.slot_secret, sizeof(secret));
		ck_assert_int_eq(installation_id_make(&other, f.prk, f.iid.number, f.iid.generation, (uint8_t)(f.iid.attempt + 1), f.iid.binding, NULL), MUSTER_OK);
		ck_assert_int_eq(confirmation_id_open(secret, &f.cid, f.prk, &other, NULL), MUSTER_OK);
		ck_assert_mem_ne(secret, f.slot_secret, sizeof(secret));
	}
}
END_TEST

/* How people separate digits does not matter. */
START_TEST(test_digits_typing)
{
	static const char *const separators[] = { "", "-", "  ", " - ", "\t", "\n", "\r\n", "\xC2\xA0", "\xE2\x80\x90", "\xE2\x80\x91", "\xE2\x80\x92", "\xE2\x80\x93", "\xE2\x80\x94", "\xE2\x80\x95", "\xE2\x88\x92" };
	struct installation_id iid;
	struct confirmation_id cid;
	struct digits_fault fault;
	char typed[512];
	struct flow f;

	flow_random(&f);
	for (size_t i = 0; i < sizeof separators / sizeof separators[0]; i++)
		for (int kind = 0; kind < 2; kind++)
			for (size_t every = 1; every <= 6; every++) {
				size_t n = 0, digits = 0;

				for (const char *p = f.text[kind]; *p != '\0'; p++) {
					if (*p == ' ')
						continue;
					if (digits++ % every == 0)
						n += (size_t)snprintf(typed + n, sizeof typed - n, "%s", separators[i]);
					typed[n++] = *p;
				}
				if (kind == DIGITS_INSTALLATION) {
					ck_assert_int_eq(installation_id_parse(&iid, typed, n, &fault, NULL), MUSTER_OK);
					ck_assert_mem_eq(iid.bytes, f.iid.bytes, sizeof(iid.bytes));
					ck_assert_mem_eq(iid.binding, f.iid.binding, sizeof(iid.binding));
					ck_assert(iid.number == f.iid.number && iid.generation == f.iid.generation && iid.attempt == f.iid.attempt);
				} else {
					ck_assert_int_eq(confirmation_id_parse(&cid, typed, n, &fault, NULL), MUSTER_OK);
					ck_assert_mem_eq(cid.bytes, f.cid.bytes, sizeof(cid.bytes));
				}
				ck_assert_int_eq(fault.wrong, DIGITS_RIGHT);
			}
}
END_TEST

START_TEST(test_digits_foreign)
{
	static const struct { const char *with; const char *says; } characters[] = {
		{ "O", "a character \"O\" in group 3 is no digit" }, { "l", "\"l\" in group 3" }, { ".", "\".\" in group 3" }, { "_", "\"_\" in group 3" }, { "+", "\"+\" in group 3" },
		{ "\x01", "a character in group 3 is no digit" }, { "\xD9", "a character in group 3 is no digit" }, { "\xE2\x80\xA6", "a character in group 3" }
	};
	char typed[128];
	struct digits_fault fault;
	struct muster_err err;
	struct flow f;

	flow_random(&f);
	for (int kind = 0; kind < 2; kind++) {
		for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++) {
			(void)snprintf(typed, sizeof typed, "%.16s%s%s", f.text[kind], characters[i].with, f.text[kind] + 17);
			refused((enum digits_kind)kind, typed, DIGITS_FOREIGN, 3, 0, characters[i].says);
		}
		(void)snprintf(typed, sizeof typed, "%s!", f.text[kind]);
		refused((enum digits_kind)kind, typed, DIGITS_FOREIGN, 0, 0, "behind the last group");
		strcpy(typed, f.text[kind]);
		ck_assert_int_eq(parse_n((enum digits_kind)kind, typed, strlen(typed) + 1, &fault, &err), MUSTER_E_INVALID);
		ck_assert_int_eq(fault.wrong, DIGITS_FOREIGN);
	}
}
END_TEST

/* Every prefix, one digit too few in every group, one too many, nothing at all. */
START_TEST(test_digits_count)
{
	char typed[128], says[80];
	struct digits_fault fault;
	struct muster_err err;
	struct flow f;

	flow_random(&f);
	for (int kind = 0; kind < 2; kind++) {
		unsigned digits = 0, groups = groups_of((enum digits_kind)kind);

		for (size_t n = 0; f.text[kind][n] != '\0'; n++) {
			ck_assert_int_eq(parse_n((enum digits_kind)kind, f.text[kind], n, &fault, &err), MUSTER_E_INVALID);
			/* the first 48 digits of an Installation ID have the length of the other ID, and are none */
			ck_assert_int_eq(fault.wrong, DIGITS_COUNT);
			ck_assert_uint_eq(fault.digits, digits);
			digits += f.text[kind][n] != ' ';
		}
		for (unsigned g = 1; g <= groups; g++) {
			size_t at = (size_t)(group_at(f.text[kind], g) - f.text[kind]);

			(void)snprintf(typed, sizeof typed, "%.*s%s", (int)at, f.text[kind], f.text[kind] + at + 1);
			(void)snprintf(says, sizeof says, "group %u has not six digits", g);
			refused((enum digits_kind)kind, typed, DIGITS_COUNT, g, 0, says);
			(void)snprintf(typed, sizeof typed, "%.*s7%s", (int)at, f.text[kind], f.text[kind] + at);
			refused((enum digits_kind)kind, typed, DIGITS_COUNT, g, 0, says);
		}
		(void)snprintf(typed, sizeof typed, "%s0", f.text[kind]);
		refused((enum digits_kind)kind, typed, DIGITS_COUNT, groups, 0, "has not six digits");
		(void)snprintf(says, sizeof says, "it has 0 digits instead of %u, in %u groups of six", groups * 6, groups);
		refused((enum digits_kind)kind, " - ", DIGITS_COUNT, 0, 0, says);
	}
	memset(typed, '1', 100);
	typed[100] = '\0';
	refused(DIGITS_INSTALLATION, typed, DIGITS_COUNT, 0, 0, "it has 100 digits instead of 54");
}
END_TEST

/* Decimal digits with right checks. */
static void dress(char *out, enum digits_kind kind, const char *digits)
{
	for (unsigned g = 1; g <= groups_of(kind); g++, out += DIGITS_GROUP, digits += DIGITS_GROUP - 1) {
		if (g > 1)
			*out++ = ' ';
		memcpy(out, digits, DIGITS_GROUP - 1);
		for (out[5] = '0'; out[5] <= '9' && !digits_group_right(kind, g, out); out[5]++)
			;
	}
	*out = '\0';
}

/* Numbers from the first one that is too large, and every version that is not 1. */
START_TEST(test_digits_range_version)
{
	static const struct { enum digits_kind kind; const char *digits; enum digits_wrong wrong; } cases[] = {
		{ DIGITS_INSTALLATION, "713623846352979940529142984724747568191373311", DIGITS_VERSION },   /* 2^149 - 1: version 7 */
		{ DIGITS_INSTALLATION, "713623846352979940529142984724747568191373312", DIGITS_RANGE },     /* 2^149 */
		{ DIGITS_INSTALLATION, "999999999999999999999999999999999999999999999", DIGITS_RANGE },
		{ DIGITS_INSTALLATION, "000000000000000000000000000000000000000000000", DIGITS_VERSION },
		{ DIGITS_CONFIRMATION, "5444517870735015415413993718908291383295", DIGITS_VERSION },        /* 2^132 - 1: version 15 */
		{ DIGITS_CONFIRMATION, "5444517870735015415413993718908291383296", DIGITS_RANGE },          /* 2^132 */
		{ DIGITS_CONFIRMATION, "9999999999999999999999999999999999999999", DIGITS_RANGE },
		{ DIGITS_CONFIRMATION, "0000000000000000000000000000000000000000", DIGITS_VERSION },
		{ DIGITS_CONFIRMATION, "0340282366920938463463374607431768211455", DIGITS_VERSION },        /* 2^128 - 1: version 0 */
		{ DIGITS_CONFIRMATION, "0340282366920938463463374607431768211456", DIGITS_RIGHT },          /* 2^128: version 1, all zero */
		{ DIGITS_CONFIRMATION, "0680564733841876926926749214863536422911", DIGITS_RIGHT },          /* 2^129 - 1: version 1, all one */
		{ DIGITS_CONFIRMATION, "0680564733841876926926749214863536422912", DIGITS_VERSION }         /* 2^129: version 2 */
	};
	char text[INSTALLATION_TEXT];
	struct digits_fault fault;
	struct muster_err err;
	struct flow f;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		dress(text, cases[i].kind, cases[i].digits);
		if (cases[i].wrong == DIGITS_RIGHT) {
			ck_assert_int_eq(parse(cases[i].kind, text, &fault, &err), MUSTER_OK);
			ck_assert_int_eq(fault.wrong, DIGITS_RIGHT);
		} else {
			refused(cases[i].kind, text, cases[i].wrong, 0, 0, cases[i].wrong == DIGITS_RANGE ? "the number is too large" : "of version 1");
		}
	}
	flow_random(&f);
	for (unsigned version = 0; version < 8; version++) {
		struct installation_id other = f.iid;

		other.bytes[0] = (uint8_t)((other.bytes[0] & 3) | version << 2);
		installation_id_format(text, &other, ' ');
		if (version != 1)
			refused(DIGITS_INSTALLATION, text, DIGITS_VERSION, 0, 0, "not an Installation ID of version 1");
	}
}
END_TEST

/* Fields at both ends come back as they were. */
START_TEST(test_digits_ends)
{
	static const struct { uint32_t number; uint8_t generation, attempt, fill; } ends[] = {
		{ 0, 0, 0, 0 }, { PRODUCT_KEY_NUMBER_MAX, 63, 255, 0xff }, { 1, 0, 255, 0 }, { PRODUCT_KEY_NUMBER_MAX, 0, 0, 0 }, { 0, 63, 0, 0xff }
	};
	uint8_t prk[32] = { 1 }, binding[BINDING_SIZE];
	struct installation_id made, read;
	char text[INSTALLATION_TEXT];
	struct muster_err err;

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		memset(binding, ends[i].fill, sizeof(binding));
		ck_assert_int_eq(installation_id_make(&made, prk, ends[i].number, ends[i].generation, ends[i].attempt, binding, &err), MUSTER_OK);
		installation_id_format(text, &made, ' ');
		ck_assert_int_eq(installation_id_parse(&read, text, strlen(text), NULL, &err), MUSTER_OK);
		ck_assert_uint_eq(read.number, ends[i].number);
		ck_assert_uint_eq(read.generation, ends[i].generation);
		ck_assert_uint_eq(read.attempt, ends[i].attempt);
		ck_assert_mem_eq(read.binding, binding, sizeof(binding));
		ck_assert(installation_id_proves(&read, prk));
	}
	ck_assert_int_eq(installation_id_make(&made, prk, PRODUCT_KEY_NUMBER_MAX + 1, 0, 0, binding, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(installation_id_make(&made, prk, 0, 64, 0, binding, &err), MUSTER_E_INVALID);
	ck_assert(!digits_group_right(DIGITS_INSTALLATION, 0, "000000"));
	ck_assert(digits_group_right(DIGITS_INSTALLATION, 1, "000000"));
	ck_assert(!digits_group_right(DIGITS_INSTALLATION, 10, "000000"));
	ck_assert(!digits_group_right(DIGITS_CONFIRMATION, 9, "000000"));
	ck_assert(!digits_group_right(DIGITS_INSTALLATION, 1, "00000O"));
	ck_assert(digits_group_right(DIGITS_INSTALLATION, 1, "005724"));
}
END_TEST

/* Bindings of hosts and machines never meet, and depend on issuer, source and value. */
START_TEST(test_digits_binding)
{
	static const uint8_t big[1025];
	uint8_t issuer[16], hw[32], one[BINDING_SIZE], two[BINDING_SIZE];
	char text[HEX_SIZE(BINDING_SIZE)];

	memset(issuer, 1, sizeof(issuer));
	memset(hw, 2, sizeof(hw));
	ck_assert_int_eq(binding_of_machine(one, issuer, hw), MUSTER_OK);
	hex_encode(text, one, sizeof(one));
	ck_assert_str_eq(text, "fd83341b6c4cdf2d806e");   /* computed apart */
	ck_assert_int_eq(binding_of_host(two, issuer, 1, span_of(hw, 32)), MUSTER_OK);
	ck_assert_mem_ne(one, two, sizeof(one));
	ck_assert_int_eq(binding_of_host(one, issuer, 3, span_of(hw, 32)), MUSTER_OK);
	ck_assert_mem_ne(one, two, sizeof(one));
	issuer[15] ^= 1;
	ck_assert_int_eq(binding_of_host(one, issuer, 1, span_of(hw, 32)), MUSTER_OK);
	ck_assert_mem_ne(one, two, sizeof(one));
	ck_assert_int_eq(binding_of_host(one, issuer, 4, span_of(hw, 32)), MUSTER_E_INVALID);
	ck_assert(bytes_zero(one, sizeof(one)));
	ck_assert_int_eq(binding_of_host(one, issuer, 1, span_of(hw, 0)), MUSTER_E_INVALID);
	ck_assert_int_eq(binding_of_host(one, issuer, 1, span_of(big, 1024)), MUSTER_OK);
	ck_assert_int_eq(binding_of_host(one, issuer, 1, span_of(big, 1025)), MUSTER_E_INVALID);
}
END_TEST

UNIT_MAIN("digits", test_digits_vectors, test_digits_single, test_digits_adjacent, test_digits_groups_swapped, test_digits_groups_moved, test_digits_other_kind,
          test_digits_confirmation_other, test_digits_typing, test_digits_foreign, test_digits_count,
          test_digits_range_version, test_digits_ends, test_digits_binding)
