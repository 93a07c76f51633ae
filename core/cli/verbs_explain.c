/* explain: codes, events and licensing statuses in plain words; asks no host */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/codes.h"
#include "core/cli/verbs.h"

#define WORDS_MAX 200
#define EVENT "event "   /* its number alone is enough */

/* Of facts.md section 4, beside the codes: events, with the fields of 12290 as `events` prints them; licensing statuses as listings and events have them. */
static const struct code_info others[] = {
	{ 0, 0, "0x0", "Success", "The request was processed.", "Nothing." },
	{ 12288, 0, "event 12288", "Client: request sent", "A client has asked a host. Fields: result, flags, host:port, client machine ID, time, virtual 0/1, licensing status, minutes to expiry, activation ID, minimum count.",
	  "Look at the result: 0x0 means that the host answered; any other is a code, which `explain` takes." },
	{ 12289, 0, "event 12289", "Client: answer processed", "A client has processed a host's answer. Fields: result, flags, activated 1/0, unused, current count, activation interval, renewal interval, time.",
	  "Nothing, when it says activated 1; else compare the count with the minimum count." },
	{ 12290, 0, "event 12290", "Host: request received",
	  "A host has logged a request. Fields: result, minimum count, machine name, client machine ID, time, virtual 0/1, licensing status, minutes to expiry, activation ID.",
	  "`musterctl events` lists this host's; `musterctl import` reads those of others." },
	{ 12291, 0, "event 12291", "Host: start-up failure", "The host's activation service could not be started.", "Look at the host's log at this time." },
	{ 12292, 0, "event 12292", "Host: renewal timer failure", "The host could not renew its own activation in time.", "Check with `musterctl doctor certificates` that the host reaches its issuer." },
	{ 12293, 0, "event 12293", "Host: DNS publishing failed", "The host could not write its SRV record. Fields: result, domain.", "Let the zone take updates, or enter the record by hand and switch publishing off." },
	{ 12294, 0, "event 12294", "Host: DNS publishing succeeded", "The host has written its SRV record. Field: domain.", "Nothing." },
	{ 0, 0, "status 0", "Unlicensed", "The machine has no licence, not even for a time.", "Install the product's key, then activate." },
	{ 1, 0, "status 1", "Licensed", "The machine is activated.", "Nothing; an activation by a host is renewed by itself." },
	{ 2, 0, "status 2", "Initial grace period", "The product was installed and not activated yet; its first period still runs.", "Let the machine reach a host, or activate it with its own key, before the period ends." },
	{ 3, 0, "status 3", "Additional grace period", "Out of tolerance: the activation by a host has run out, or the hardware was changed.", "Let the machine reach its host again, or activate it anew." },
	{ 4, 0, "status 4", "Non-genuine grace period", "The product's files or its key were found not to be genuine.", "Install another key; repair the installation." },
	{ 5, 0, "status 5", "Notification", "No period is left: the product works on and reminds of its activation.", "Activate it; the machine's event 12288 or 12289 says why it is not." },
	{ 6, 0, "status 6", "Extended grace period", "A period that was granted once more.", "Activate before it ends." },
};
#define OTHERS (sizeof(others) / sizeof(others[0]))

static json_t *code_json(const struct code_info *i)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i}", "code", i->name, "title", i->title, "meaning", i->meaning, "action", i->action, "http", (int)i->http);
}

static void code_print(FILE *out, const struct code_info *i)
{
	fprintf(out, "%s  %s\n    %s\n    What to do: %s\n", i->name, i->title, i->meaning, i->action);
}

/* The words of the command, wherever its arguments were quoted. */
struct said {
	char text[WORDS_MAX * 4], *word[64];
	size_t count;
};

static void split(struct said *s, const struct cli *c)
{
	size_t n = 0;
	char *rest = s->text, *word;

	s->text[0] = '\0';
	s->count = 0;
	for (size_t i = 0; i < c->arg_count && n < sizeof(s->text); i++)
		n += (size_t)snprintf(s->text + n, sizeof(s->text) - n, "%s ", c->args[i]);
	while (s->count < sizeof(s->word) / sizeof(s->word[0]) && (word = strtok_r(rest, " \t\n", &rest)) != NULL)
		s->word[s->count++] = word;
}

/* What was copied from a log or a message comes with what stood around it. */
static const struct code_info *find(const char *text)
{
	const struct code_info *one;
	size_t n;

	text += strspn(text, " \t\"'([{<");
	n = strlen(text);
	while (n > 0 && strchr(" \t\"')]}>.,;:", text[n - 1]) != NULL)
		n--;
	for (size_t i = 0; i < OTHERS; i++) {
		const char *name = others[i].name, *number = strncmp(name, EVENT, strlen(EVENT)) == 0 ? name + strlen(EVENT) : name;

		if ((n == strlen(number) && strncmp(text, number, n) == 0) || (n == strlen(name) && strncasecmp(text, name, n) == 0))
			return &others[i];
	}
	if ((one = code_find_name(text, n)) == NULL && n > 0 && strspn(text, "0xX") >= n && text[0] == '0')
		one = &others[0];
	return one;
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (; *text != '\0'; text++)
		if (strncasecmp(text, word, n) == 0)
			return true;
	return false;
}

/* Every word in title or meaning. */
static bool about(const struct said *s, const struct code_info *i)
{
	for (size_t k = 0; k < s->count; k++)
		if (strlen(s->word[k]) < 3 || (!has_word(i->title, s->word[k]) && !has_word(i->meaning, s->word[k])))
			return false;
	return s->count > 0;
}

/* The whole title, as a listing has it. */
static bool titled(const struct said *s, const struct code_info *i)
{
	const char *t = i->title;

	for (size_t k = 0; k < s->count; k++) {
		size_t n = strlen(s->word[k]);

		if (k + 1 == s->count && n > 0 && s->word[k][n - 1] == '.')
			n--;
		if (strncasecmp(t, s->word[k], n) != 0 || t[n] != (k + 1 < s->count ? ' ' : '\0'))
			return false;
		t += n + 1;
	}
	return s->count > 0;
}

/* "event 12290", "status 5". */
static const struct code_info *kind_and_number(const struct said *s)
{
	char text[32];

	for (size_t i = 0; i < OTHERS; i++)
		if (snprintf(text, sizeof(text), "%s %s", s->word[0], s->word[1]) < (int)sizeof(text) && strcasecmp(text, others[i].name) == 0)
			return &others[i];
	return NULL;
}

/* One of the codes that were named. */
static bool named(const struct said *s, const struct code_info *i)
{
	for (size_t k = 0; k < s->count; k++)
		if (find(s->word[k]) == i)
			return true;
	return false;
}

/* A word of a name, and no code that was mistyped. */
static bool are_words(const struct said *s)
{
	for (size_t k = 0; k < s->count; k++)
		for (const char *p = s->word[k]; *p != '\0'; p++)
			if (!isalpha((unsigned char)*p) && *p != '-' && *p != '\'' && (*p != '.' || p[1] != '\0'))
				return false;
	return s->count > 0;
}

/* @return enum cli_exit; what was found is printed. */
static int print_all(struct cli *c, const struct said *s, bool (*wanted)(const struct said *, const struct code_info *), size_t *found)
{
	size_t n;
	const struct code_info *table = code_table(&n);
	json_t *list = c->given[CLI_O_JSON] ? json_array() : NULL;
	int r = CLI_OK;

	*found = 0;
	for (size_t i = 0; i < n + OTHERS; i++) {
		const struct code_info *one = i < n ? &table[i] : &others[i - n];

		if (wanted != NULL && !wanted(s, one))
			continue;
		++*found;
		if (list != NULL)
			(void)json_array_append_new(list, code_json(one));
		else
			code_print(c->out, one);
	}
	if (list != NULL && *found > 0)
		r = cli_print_json(c, list);
	json_decref(list);
	return r;
}

static int print_one(struct cli *c, const struct code_info *one)
{
	json_t *o;
	int r;

	if (!c->given[CLI_O_JSON]) {
		code_print(c->out, one);
		return CLI_OK;
	}
	o = code_json(one);
	r = cli_print_json(c, o);
	json_decref(o);
	return r;
}

int verb_explain(struct cli *c)
{
	const struct code_info *one;
	struct said s;
	size_t found, unknown = 0;
	int r;

	if (c->arg_count == 0 && !c->given[CLI_O_ALL])
		return cli_say(c, CLI_USAGE, "which code? musterctl explain 0xC004F038, or explain --all");
	if (c->arg_count > 0 && c->given[CLI_O_ALL])
		return cli_say(c, CLI_USAGE, "either a code or --all");
	if (c->given[CLI_O_ALL])
		return print_all(c, NULL, NULL, &found);
	split(&s, c);
	if ((s.count == 1 && (one = find(s.word[0])) != NULL) || (s.count == 2 && (one = kind_and_number(&s)) != NULL))
		return print_one(c, one);
	if (are_words(&s) && (((r = print_all(c, &s, titled, &found)) != CLI_OK || found > 0) || ((r = print_all(c, &s, about, &found)) != CLI_OK || found > 0)))
		return r;
	while (unknown < s.count && find(s.word[unknown]) != NULL)
		unknown++;
	if (unknown > 0 && unknown == s.count)
		return print_all(c, &s, named, &found);
	return cli_say(c, CLI_FAILED, "no code \"%.*s\" is known here; codes look like 0xC004F038 or M-112 (musterctl explain --all lists them)", WORDS_MAX, s.count > 0 ? s.word[unknown] : "");
}
