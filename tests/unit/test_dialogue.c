/* The telephone dialogue without a telephone: what it says to each line, with the digits of trust-vectors.json. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/err.h"
#include "core/cli/dialogue.h"

static const char *const installation[] = { "147878", "182305", "808326", "473017", "624939", "417546", "203540", "884046", "980984" };
static const char *const confirmation[] = { "067447", "575385", "379640", "042293", "105403", "554957", "948930", "580855" };

static struct dialogue d;
static struct buf say;

static json_t *groups_of(const char *const *g, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, json_string(g[i]));
	return a;
}

static void begin(bool read_out)
{
	struct muster_err err;
	json_t *groups = groups_of(installation, INSTALLATION_GROUPS);

	buf_init(&say, 1 << 16);
	ck_assert_msg(dialogue_begin(&d, groups, read_out, &say, &err) == MUSTER_OK, "%s", err.message);
	json_decref(groups);
}

/* What is said to a line; and nothing of it when it comes to the next. */
static const char *feed(const char *line)
{
	buf_clear(&say);
	dialogue_feed(&d, line, &say);
	return buf_str(&say);
}

static void says(const char *line, const char *words)
{
	ck_assert_msg(strstr(feed(line), words) != NULL, "\"%s\": %s", line, buf_str(&say));
}

static void prompts(const char *words)
{
	struct buf prompt;

	buf_init(&prompt, 4096);
	dialogue_prompt(&d, &prompt);
	ck_assert_str_eq(buf_str(&prompt), words);
	buf_fini(&prompt);
}

/* Nine groups in order by Enter, repeated, back, by number, all at once; then the answer's eight. */
START_TEST(test_dialogue_whole_call)
{
	char digits[CONFIRMATION_TEXT], shown[16];

	begin(true);
	ck_assert_ptr_nonnull(strstr(buf_str(&say), "Group 1 of 9:   1 4 7   8 7 8"));
	prompts("[Enter: next, r, b, q] ");
	says("r", "Group 1 of 9:   1 4 7   8 7 8");
	says("b", "This is the first group.");
	says("", "Group 2 of 9:   1 8 2   3 0 5");
	says("b", "Group 1 of 9");
	says("9", "Group 9 of 9:   9 8 0   9 8 4");
	prompts("[Enter: the answer, r, b, q] ");
	says("what?", "Enter: the next group");
	says("all", "7: 203540     8: 884046     9: 980984");
	for (unsigned i = 1; i <= INSTALLATION_GROUPS; i++) {
		snprintf(shown, sizeof(shown), "%u", i);
		says(shown, "Group ");
	}
	says("", "Now the answer: 8 groups of 6 digits");
	for (unsigned i = 0; i < CONFIRMATION_GROUPS; i++) {
		ck_assert_int_eq(d.phase, DIALOGUE_ENTER);
		ck_assert_uint_eq(d.group, i + 1);
		snprintf(shown, sizeof(shown), "%u: %s is right", i + 1, confirmation[i]);
		says(confirmation[i], shown);
	}
	ck_assert_int_eq(d.phase, DIALOGUE_SUBMIT);
	dialogue_digits(&d, digits);
	ck_assert_str_eq(digits, "067447 575385 379640 042293 105403 554957 948930 580855");
	buf_fini(&say);
}
END_TEST

/* Every single wrong digit of every group is said to be wrong, at its group, and nothing is taken. */
START_TEST(test_dialogue_every_wrong_digit)
{
	begin(false);
	for (unsigned g = 0; g < CONFIRMATION_GROUPS; g++) {
		for (size_t place = 0; place < DIGITS_GROUP; place++)
			for (char digit = '0'; digit <= '9'; digit++) {
				char six[DIGITS_GROUP + 1], words[32];

				memcpy(six, confirmation[g], sizeof(six));
				if (six[place] == digit)
					continue;
				six[place] = digit;
				snprintf(words, sizeof(words), "Group %u is mistyped", g + 1);
				says(six, words);
				ck_assert_uint_eq(d.group, g + 1);
				ck_assert_str_eq(d.confirmation[g], "");
			}
		feed(confirmation[g]);
	}
	ck_assert_int_eq(d.phase, DIALOGUE_SUBMIT);
	buf_fini(&say);
}
END_TEST

/* Too few digits, letters, a group read out before, one typed before, more groups than there are. */
START_TEST(test_dialogue_other_mistakes)
{
	begin(false);
	says("06744", "A group has 6 digits; these are 5.");
	says("067a47", "Only digits, please");
	says("147878", "is group 1 of the Installation ID");
	says("067447 575385 379640 042293 105403 554957 948930 580855 111111", "these are more");
	says("067447", "1: 067447 is right.");
	says("067447", "was already group 1");
	says("575385 379640 042293 105403 554957 948930 580855 067447", "These are 8 groups; from group 2 on there are 7");
	ck_assert_uint_eq(d.group, 2);
	says("?", "Type six digits");
	says("", "Type six digits");
	buf_fini(&say);
}
END_TEST

/* A pasted ID is taken up to its first wrong group; from there on it is typed again. */
START_TEST(test_dialogue_pasted)
{
	begin(false);
	says("067447-575385-379640-042239-105403-554957-948930-580855", "Group 4 is mistyped");
	ck_assert_uint_eq(d.group, 4);
	ck_assert_str_eq(d.confirmation[2], "379640");
	says("l", "4: ------");
	says("042293 105403 554957 948930 580855", "8: 580855 is right");
	ck_assert_int_eq(d.phase, DIALOGUE_SUBMIT);
	buf_fini(&say);
}
END_TEST

/* Going back shows what stands there, Enter keeps it, and from the first group the way leads to the Installation ID. */
START_TEST(test_dialogue_back)
{
	begin(false);
	feed("067447");
	feed("575385");
	feed("b");
	prompts("Group 2 of 8 [575385]: ");
	feed("b");
	prompts("Group 1 of 8 [067447]: ");
	says("b", "Group 9 of 9");
	ck_assert_int_eq(d.phase, DIALOGUE_READ);
	says("e", "Now the answer");
	feed("");
	feed("");
	prompts("Group 3 of 8: ");
	says("i", "1: 147878");
	says("7", "");
	prompts("Group 7 of 8: ");
	buf_fini(&say);
}
END_TEST

/* Filled in any order, the dialogue comes back to what is missing before it is done. */
START_TEST(test_dialogue_out_of_order)
{
	begin(false);
	feed("8");
	feed(confirmation[7]);
	ck_assert_int_eq(d.phase, DIALOGUE_ENTER);
	ck_assert_uint_eq(d.group, 1);
	for (unsigned i = 0; i < 7; i++)
		feed(confirmation[i]);
	ck_assert_uint_eq(d.group, 8);
	feed("");
	ck_assert_int_eq(d.phase, DIALOGUE_SUBMIT);
	buf_fini(&say);
}
END_TEST

/* Refused by the host: the reason, the groups, and back to the group that it named; all that was typed stays. */
START_TEST(test_dialogue_refused)
{
	begin(false);
	feed("067447 575385 379640 042293 105403 554957 948930 580855");
	ck_assert_int_eq(d.phase, DIALOGUE_SUBMIT);
	buf_clear(&say);
	dialogue_refused(&d, 4, "was not made for this", &say);
	ck_assert_ptr_nonnull(strstr(buf_str(&say), "was not made for this\nNothing was changed."));
	prompts("Group 4 of 8 [042293]: ");
	buf_clear(&say);
	dialogue_refused(&d, 0, "no", &say);
	prompts("Group 1 of 8 [067447]: ");
	for (unsigned i = 0; i < CONFIRMATION_GROUPS; i++)
		feed("");
	ck_assert_int_eq(d.phase, DIALOGUE_SUBMIT);
	buf_fini(&say);
}
END_TEST

/* Eight right groups that are no Confirmation ID (all of its largest numbers): said here, not sent. */
START_TEST(test_dialogue_no_confirmation_id)
{
	char six[DIGITS_GROUP + 1] = "99999?";

	begin(false);
	for (unsigned g = 1; g <= CONFIRMATION_GROUPS; g++)
		for (six[5] = '0'; six[5] <= '9'; six[5]++)
			if (digits_group_right(DIGITS_CONFIRMATION, g, six)) {
				feed(six);
				break;
			}
	ck_assert_int_eq(d.phase, DIALOGUE_ENTER);
	ck_assert_ptr_nonnull(strstr(buf_str(&say), "These digits are not a Confirmation ID"));
	ck_assert_uint_eq(d.group, 1);
	buf_fini(&say);
}
END_TEST

/* q in every phase, in any case, with blanks. */
START_TEST(test_dialogue_leave)
{
	static const char *const words[] = { "q", "Q", " quit ", "exit" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int read_out = 0; read_out < 2; read_out++) {
			begin(read_out != 0);
			feed(words[i]);
			ck_assert_int_eq(d.phase, DIALOGUE_LEFT);
			buf_fini(&say);
		}
}
END_TEST

/* A host that answers something else than nine groups of six digits. */
START_TEST(test_dialogue_bad_host)
{
	static const char *const eight[] = { "147878", "182305", "808326", "473017", "624939", "417546", "203540", "884046" };
	static const char *const letters[] = { "147878", "182305", "80832x", "473017", "624939", "417546", "203540", "884046", "980984" };
	struct muster_err err;
	json_t *a = groups_of(eight, 8), *b = groups_of(letters, 9);

	buf_init(&say, 1 << 16);
	ck_assert_int_eq(dialogue_begin(&d, a, true, &say, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(dialogue_begin(&d, b, true, &say, &err), MUSTER_E_INVALID);
	ck_assert_str_eq(err.message, "group 3 of the host's Installation ID is not six digits");
	ck_assert_int_eq(dialogue_begin(&d, NULL, true, &say, &err), MUSTER_E_INVALID);
	json_decref(a);
	json_decref(b);
	buf_fini(&say);
}
END_TEST

/* A licence server reads out seven groups of five; the answer is the same eight. */
START_TEST(test_dialogue_licence_server)
{
	static const char *const server[] = { "69602", "70310", "30281", "77596", "56096", "27695", "89741" };
	static const char *const bad[] = { "69602", "70310", "30281", "77596", "56096", "27695", "897412" };
	struct muster_err err;
	json_t *groups = groups_of(server, 7);

	buf_init(&say, 1 << 16);
	ck_assert_msg(dialogue_begin(&d, groups, true, &say, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_ptr_nonnull(strstr(buf_str(&say), "Read these 7 groups out"));
	ck_assert_ptr_nonnull(strstr(buf_str(&say), "all seven"));
	ck_assert_ptr_nonnull(strstr(buf_str(&say), "Group 1 of 7:   6 9 6   0 2\n"));
	says("8", "1-7: that group");
	says("7", "Group 7 of 7:   8 9 7   4 1\n");
	prompts("[Enter: the answer, r, b, q] ");
	says("all", "5: 56096");
	says("", "Now the answer: 8 groups of 6 digits");
	ck_assert_ptr_nonnull(strstr(buf_str(&say), "the licence server ID again"));
	says("i", "7: 89741");
	for (size_t i = 0; i < CONFIRMATION_GROUPS; i++)
		says(confirmation[i], "is right");
	ck_assert_int_eq(d.phase, DIALOGUE_SUBMIT);
	json_decref(groups);
	groups = groups_of(bad, 7);
	ck_assert_int_eq(dialogue_begin(&d, groups, true, &say, &err), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "group 7 of the host's licence server ID is not five digits"));
	json_decref(groups);
	buf_fini(&say);
}
END_TEST

UNIT_MAIN("dialogue", test_dialogue_whole_call, test_dialogue_every_wrong_digit, test_dialogue_other_mistakes, test_dialogue_pasted, test_dialogue_back,
          test_dialogue_out_of_order, test_dialogue_refused, test_dialogue_no_confirmation_id, test_dialogue_leave, test_dialogue_bad_host, test_dialogue_licence_server)
