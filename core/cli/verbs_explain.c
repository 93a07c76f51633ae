/* explain: codes, events and licensing statuses in plain words; asks no host */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/codes.h"
#include "core/cli/verbs.h"

#define WORDS_MAX 200

/* Events of facts.md section 4; the fields of 12290 as `events` prints them. */
static const struct code_info events[] = {
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
};

static json_t *code_json(const struct code_info *i)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:i}", "code", i->name, "title", i->title, "meaning", i->meaning, "action", i->action, "http", (int)i->http);
}

static void code_print(FILE *out, const struct code_info *i)
{
	fprintf(out, "%s  %s\n    %s\n    What to do: %s\n", i->name, i->title, i->meaning, i->action);
}

/* What was copied from a log or a message comes with what stood around it. */
static const struct code_info *find(const char *text)
{
	size_t n;

	text += strspn(text, " \t\"'([{<");
	n = strlen(text);
	while (n > 0 && strchr(" \t\"')]}>.,;:", text[n - 1]) != NULL)
		n--;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (n == 5 && strncmp(text, events[i].name + 6, 5) == 0)
			return &events[i];
	return code_find_name(text, n);
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
static bool about(const struct cli *c, const struct code_info *i)
{
	for (size_t k = 0; k < c->arg_count; k++)
		if (strlen(c->args[k]) < 3 || (!has_word(i->title, c->args[k]) && !has_word(i->meaning, c->args[k])))
			return false;
	return c->arg_count > 0;
}

/* A word of a name, and no code that was mistyped. */
static bool are_words(const struct cli *c)
{
	for (size_t k = 0; k < c->arg_count; k++)
		for (const char *p = c->args[k]; *p != '\0'; p++)
			if (!isalpha((unsigned char)*p) && *p != '-' && *p != '\'')
				return false;
	return true;
}

/* @return enum cli_exit; what was found is printed. */
static int print_all(struct cli *c, bool (*wanted)(const struct cli *, const struct code_info *), size_t *found)
{
	size_t n;
	const struct code_info *table = code_table(&n);
	json_t *list = c->given[CLI_O_JSON] ? json_array() : NULL;
	int r = CLI_OK;

	*found = 0;
	for (size_t i = 0; i < n; i++) {
		if (wanted != NULL && !wanted(c, &table[i]))
			continue;
		++*found;
		if (list != NULL)
			(void)json_array_append_new(list, code_json(&table[i]));
		else
			code_print(c->out, &table[i]);
	}
	if (list != NULL && *found > 0)
		r = cli_print_json(c, list);
	json_decref(list);
	return r;
}

int verb_explain(struct cli *c)
{
	const struct code_info *one;
	json_t *o;
	size_t found;
	int r;

	if (c->arg_count == 0 && !c->given[CLI_O_ALL])
		return cli_say(c, CLI_USAGE, "which code? musterctl explain 0xC004F038, or explain --all");
	if (c->arg_count > 0 && c->given[CLI_O_ALL])
		return cli_say(c, CLI_USAGE, "either a code or --all");
	if (c->given[CLI_O_ALL])
		return print_all(c, NULL, &found);
	if (c->arg_count == 1 && (one = find(c->args[0])) != NULL) {
		if (!c->given[CLI_O_JSON]) {
			code_print(c->out, one);
			return CLI_OK;
		}
		o = code_json(one);
		r = cli_print_json(c, o);
		json_decref(o);
		return r;
	}
	if (are_words(c) && ((r = print_all(c, about, &found)) != CLI_OK || found > 0))
		return r;
	return cli_say(c, CLI_FAILED, "no code \"%.*s\" is known here; codes look like 0xC004F038 or M-112 (musterctl explain --all lists them)", WORDS_MAX, c->args[0]);
}
