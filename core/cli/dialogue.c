#include "core/cli/dialogue.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/cli/term.h"
#include "core/trust/server_id.h"

static bool is_group(const char *digits, size_t size)
{
	return strlen(digits) == size && strspn(digits, "0123456789") == size;
}

const char *dialogue_name(const struct dialogue *d)
{
	return d->groups == SERVER_ID_GROUPS ? "licence server ID" : "Installation ID";
}

static bool is_one_of(const char *line, const char *letter, const char *word)
{
	return strcasecmp(line, letter) == 0 || strcasecmp(line, word) == 0;
}

/* One group as it is read out: digits apart, in two threes. */
static void say_group(const struct dialogue *d, struct buf *say)
{
	const char *g = d->installation[d->group - 1];

	buf_addf(say, "  Group %u of %u:   %c %c %c   %c %c", d->group, d->groups, g[0], g[1], g[2], g[3], g[4]);
	if (d->size == DIGITS_GROUP)
		buf_addf(say, " %c", g[5]);
	buf_addc(say, '\n');
}

static void rows(struct buf *out, const char *at, size_t step, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_addf(out, "%s%zu: %s%s", i % 3 == 0 ? "    " : "     ", i + 1, at[i * step] != '\0' ? at + i * step : "------", i % 3 == 2 || i + 1 == count ? "\n" : "");
}

void dialogue_groups(struct buf *out, const json_t *groups)
{
	const json_t *g;
	size_t i, n = json_array_size(groups);

	json_array_foreach(groups, i, g)
		buf_addf(out, "%s%zu: %s%s", i % 3 == 0 ? "    " : "     ", i + 1, json_string_value(g) != NULL ? json_string_value(g) : "", i % 3 == 2 || i + 1 == n ? "\n" : "");
}

static void say_reading_help(const struct dialogue *d, struct buf *say)
{
	buf_addf(say, "  Enter: the next group    r: repeat it    b: the one before    1-%u: that group    all: all %s\n"
	              "  e: go to the entry of the answer    q: leave\n", d->groups, d->groups == SERVER_ID_GROUPS ? "seven" : "nine");
}

static void say_entry_help(const struct dialogue *d, struct buf *say)
{
	buf_addf(say, "  Type six digits, or several groups at once. Enter: keep what stands in brackets.\n"
	              "  b: the group before    1-8: that group    l: the groups so far    i: the %s again    q: leave\n", dialogue_name(d));
}

static void begin_entry(struct dialogue *d, struct buf *say)
{
	d->phase = DIALOGUE_ENTER;
	d->group = 1;
	buf_addf(say, "\nNow the answer: %d groups of %d digits. Each is checked as you type it; nothing is sent before all are right.\n", CONFIRMATION_GROUPS, DIGITS_GROUP);
	say_entry_help(d, say);
}

int dialogue_begin(struct dialogue *d, const json_t *groups, bool read_out, struct buf *say, struct muster_err *err)
{
	memset(d, 0, sizeof(*d));
	d->groups = json_array_size(groups) == SERVER_ID_GROUPS ? SERVER_ID_GROUPS : INSTALLATION_GROUPS;
	d->size = d->groups == SERVER_ID_GROUPS ? SERVER_ID_GROUP : DIGITS_GROUP;
	if (json_array_size(groups) != d->groups)
		return err_set(err, MUSTER_E_INVALID, "the host's Installation ID does not have %d groups", INSTALLATION_GROUPS);
	for (size_t i = 0; i < d->groups; i++) {
		const char *g = json_string_value(json_array_get(groups, i));

		if (g == NULL || !is_group(g, d->size))
			return err_set(err, MUSTER_E_INVALID, "group %zu of the host's %s is not %s digits", i + 1, dialogue_name(d), d->size == DIGITS_GROUP ? "six" : "five");
		memcpy(d->installation[i], g, d->size + 1);
	}
	if (!read_out) {
		begin_entry(d, say);
		return MUSTER_OK;
	}
	d->phase = DIALOGUE_READ;
	d->group = 1;
	buf_addf(say, "\nRead these %u groups out, one at a time:\n", d->groups);
	say_reading_help(d, say);
	say_group(d, say);
	return MUSTER_OK;
}

void dialogue_prompt(const struct dialogue *d, struct buf *prompt)
{
	const char *typed = d->phase == DIALOGUE_ENTER ? d->confirmation[d->group - 1] : "";

	if (d->phase == DIALOGUE_READ)
		buf_adds(prompt, d->group < d->groups ? "[Enter: next, r, b, q] " : "[Enter: the answer, r, b, q] ");
	else
		buf_addf(prompt, "Group %u of %d%s%s%s: ", d->group, CONFIRMATION_GROUPS, typed[0] != '\0' ? " [" : "", typed, typed[0] != '\0' ? "]" : "");
}

/* "3" as a group's number, at most count; 0: it is none. */
static unsigned group_number(const char *line, unsigned count)
{
	return line[0] >= '1' && line[1] == '\0' && (unsigned)(line[0] - '0') <= count ? (unsigned)(line[0] - '0') : 0;
}

static void feed_reading(struct dialogue *d, const char *line, struct buf *say)
{
	unsigned number = group_number(line, d->groups);

	if (number > 0) {
		d->group = number;
	} else if (line[0] == '\0' || is_one_of(line, "n", "next")) {
		if (d->group == d->groups) {
			begin_entry(d, say);
			return;
		}
		d->group++;
	} else if (is_one_of(line, "b", "back")) {
		if (d->group == 1)
			buf_adds(say, "This is the first group.\n");
		else
			d->group--;
	} else if (is_one_of(line, "e", "enter")) {
		begin_entry(d, say);
		return;
	} else if (is_one_of(line, "a", "all")) {
		rows(say, d->installation[0], sizeof(d->installation[0]), d->groups);
		return;
	} else if (!is_one_of(line, "r", "repeat")) {
		say_reading_help(d, say);
	}
	say_group(d, say);
}

/* Why a group of six digits is not right here; the check tells wrong ones apart, not what they were meant to be. */
static void say_wrong_group(const struct dialogue *d, const char *six, struct buf *say)
{
	for (unsigned i = 0; i < d->groups; i++)
		if (strcmp(six, d->installation[i]) == 0) {
			buf_addf(say, "Group %u is not right: %s is group %u of the %s, which you read out; the answer is wanted here.\n", d->group, six, i + 1, dialogue_name(d));
			return;
		}
	for (unsigned i = 0; i < CONFIRMATION_GROUPS; i++)
		if (i + 1 != d->group && strcmp(six, d->confirmation[i]) == 0) {
			buf_addf(say, "Group %u is not right: %s was already group %u.\n", d->group, six, i + 1);
			return;
		}
	buf_addf(say, "Group %u is mistyped or was misheard: %c%c%c %c%c%c does not check. Have it repeated and type it again.\n", d->group, six[0], six[1], six[2], six[3],
	         six[4], six[5]);
}

static void check_whole(struct dialogue *d, struct buf *say)
{
	char text[CONFIRMATION_TEXT];
	struct confirmation_id id;
	struct muster_err err;

	for (unsigned i = 0; i < CONFIRMATION_GROUPS; i++)
		if (d->confirmation[i][0] == '\0') {
			d->group = i + 1;
			return;
		}
	dialogue_digits(d, text);
	if (confirmation_id_parse(&id, text, strlen(text), NULL, &err) != MUSTER_OK) {
		dialogue_refused(d, 0, err.message, say);
		return;
	}
	d->phase = DIALOGUE_SUBMIT;
}

/* Groups typed at once, the first for the present place. */
static void take_groups(struct dialogue *d, const char *digits, struct buf *say)
{
	unsigned count = (unsigned)(strlen(digits) / DIGITS_GROUP), left = CONFIRMATION_GROUPS - d->group + 1;
	char six[DIGITS_GROUP + 1] = "";

	if (strlen(digits) % DIGITS_GROUP != 0) {
		buf_addf(say, "A group has %d digits; these are %zu.\n", DIGITS_GROUP, strlen(digits));
		return;
	}
	if (count > left) {
		buf_addf(say, "These are %u groups; from group %u on there %s %u.\n", count, d->group, left == 1 ? "is" : "are", left);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		memcpy(six, digits + (size_t)i * DIGITS_GROUP, DIGITS_GROUP);
		if (!digits_group_right(DIGITS_CONFIRMATION, d->group, six)) {
			say_wrong_group(d, six, say);
			return;
		}
		memcpy(d->confirmation[d->group - 1], six, sizeof(six));
		buf_addf(say, "  %u: %s is right.\n", d->group, six);
		if (d->group == CONFIRMATION_GROUPS) {
			check_whole(d, say);
			return;
		}
		d->group++;
	}
}

static void feed_entry(struct dialogue *d, const char *line, struct buf *say)
{
	unsigned number = group_number(line, CONFIRMATION_GROUPS);
	char digits[CONFIRMATION_GROUPS * DIGITS_GROUP + 1];
	size_t n = 0;

	if (number > 0) {
		d->group = number;
	} else if (line[0] == '\0') {
		if (d->confirmation[d->group - 1][0] == '\0')
			say_entry_help(d, say);
		else if (d->group == CONFIRMATION_GROUPS)
			check_whole(d, say);
		else
			d->group++;
	} else if (is_one_of(line, "b", "back")) {
		if (d->group > 1) {
			d->group--;
			return;
		}
		d->phase = DIALOGUE_READ;
		d->group = d->groups;
		say_group(d, say);
	} else if (is_one_of(line, "l", "list")) {
		rows(say, d->confirmation[0], sizeof(d->confirmation[0]), CONFIRMATION_GROUPS);
	} else if (is_one_of(line, "i", "installation")) {
		rows(say, d->installation[0], sizeof(d->installation[0]), d->groups);
	} else if (line[0] == '?' || is_one_of(line, "h", "help")) {
		say_entry_help(d, say);
	} else {
		for (const char *p = line; *p != '\0'; p++) {
			if (*p == ' ' || *p == '-' || *p == '\t')
				continue;
			if (!isdigit((unsigned char)*p)) {
				buf_addf(say, "Only digits, please: \"%s\" is not a group.\n", line);
				return;
			}
			if (n == sizeof(digits) - 1) {
				buf_addf(say, "A Confirmation ID has %d digits; these are more.\n", CONFIRMATION_GROUPS * DIGITS_GROUP);
				return;
			}
			digits[n++] = *p;
		}
		digits[n] = '\0';
		take_groups(d, digits, say);
	}
}

void dialogue_feed(struct dialogue *d, const char *line, struct buf *say)
{
	char *text = strdup(line), *begin = text;
	size_t n;

	if (text == NULL) {
		d->phase = DIALOGUE_LEFT;
		return;
	}
	begin += strspn(begin, " \t");
	for (n = strlen(begin); n > 0 && strchr(" \t", begin[n - 1]) != NULL; n--)
		begin[n - 1] = '\0';
	if (term_is_quit(begin))
		d->phase = DIALOGUE_LEFT;
	else if (d->phase == DIALOGUE_READ)
		feed_reading(d, begin, say);
	else if (d->phase == DIALOGUE_ENTER)
		feed_entry(d, begin, say);
	free(text);
}

void dialogue_refused(struct dialogue *d, unsigned group, const char *why, struct buf *say)
{
	d->phase = DIALOGUE_ENTER;
	d->group = group >= 1 && group <= CONFIRMATION_GROUPS ? group : 1;
	buf_addf(say, "\n%s\nNothing was changed. Compare the groups with whoever read them to you:\n", why);
	rows(say, d->confirmation[0], sizeof(d->confirmation[0]), CONFIRMATION_GROUPS);
	say_entry_help(d, say);
}

void dialogue_digits(const struct dialogue *d, char out[CONFIRMATION_TEXT])
{
	size_t n = 0;

	for (unsigned i = 0; i < CONFIRMATION_GROUPS; i++)
		n += (size_t)snprintf(out + n, CONFIRMATION_TEXT - n, "%s%s", i > 0 ? " " : "", d->confirmation[i]);
}
