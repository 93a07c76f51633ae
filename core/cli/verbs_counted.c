/* mak: activations of machines with counted keys, asked for by this host in their place */
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/cli/acts.h"
#include "core/cli/dialogue.h"
#include "core/cli/list.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"

#define ANSWER_FILE_MAX ((size_t)32 << 20)   /* 10,000 confirmations */

static void counted_row(struct libscols_table *t, const json_t *m)
{
	char wanted[32], number[24];

	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_number(m, "number"));
	table_row(t, (const char *[]){ json_text(m, "installation_id"), json_text(m, "product"), number, json_text(m, "state"), json_date(m, "wanted_at", wanted), json_text(m, "code"),
	                               json_text(m, "detail") }, 7);
}

static int counted_list(struct cli *c)
{
	static const struct table_column columns[] = { { "INSTALLATION ID", false }, { "PRODUCT", false }, { "KEY", true }, { "STATE", false }, { "SINCE", false },
		{ "CODE", false }, { "WHY", false } };
	struct list l = { .columns = columns, .column_count = sizeof(columns) / sizeof(columns[0]), .row = counted_row,
		.none = "No machine with a counted key has asked this host yet." };

	return list_print(c, "/admin/v1/counted", NULL, &l);
}

static void print_keys(struct cli *c, const json_t *answer)
{
	const json_t *k;
	size_t i;

	json_array_foreach(json_object_get(answer, "keys"), i, k) {
		json_int_t remaining = json_number(k, "remaining");

		fprintf(c->out, "Key %" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT " allowed, %" JSON_INTEGER_FORMAT " used, ", json_number(k, "number"), json_number(k, "allowed"),
		        json_number(k, "used"));
		if (remaining < 0)
			fputs("remaining unknown\n", c->out);
		else
			fprintf(c->out, "%" JSON_INTEGER_FORMAT " remaining\n", remaining);
	}
}

static int print_answered(struct cli *c, const json_t *answer)
{
	if (c->given[CLI_O_JSON])
		return cli_print_json(c, answer);
	fprintf(c->out, "%" JSON_INTEGER_FORMAT " confirmed, %" JSON_INTEGER_FORMAT " refused; machines get it when they ask again.\n", json_number(answer, "confirmed"),
	        json_number(answer, "refused"));
	if (json_number(answer, "not_taken") > 0)
		fprintf(c->out, "Warning: %" JSON_INTEGER_FORMAT " answers were not taken: they do not fit what was asked, or do not verify\n", json_number(answer, "not_taken"));
	if (json_number(answer, "refused") > 0)
		fputs("musterctl mak list says why.\n", c->out);
	print_keys(c, answer);
	print_each(c, json_object_get(answer, "warnings"), "Warning: ");
	return CLI_OK;
}

static int counted_ask(struct cli *c)
{
	struct muster_err err;
	json_t *answer = NULL;
	int r;

	if (api_post(c, "/admin/v1/counted/ask", NULL, &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	r = print_answered(c, answer);
	json_decref(answer);
	return r;
}

static int counted_export(struct cli *c)
{
	struct muster_err err;
	json_t *answer = NULL;
	const char *text;
	int r = CLI_OK;

	if (api_post(c, "/admin/v1/counted/export", NULL, &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	text = json_text(answer, "text");
	if (c->given[CLI_O_OUT]) {
		struct muster_span bytes = { (const uint8_t *)text, strlen(text) };

		if (file_write(c->value[CLI_O_OUT], bytes, 0644, &err) != MUSTER_OK)
			r = cli_say(c, CLI_FAILED, "%s", err.message);
		else if (!c->given[CLI_O_JSON])
			fprintf(c->out, "%" JSON_INTEGER_FORMAT " Installation IDs written to %s; it holds no key and no name.\n"
			                "Next, at the issuer: muster-issuer confirm --batch %s; then here: musterctl mak import ANSWER\n",
			        json_number(answer, "count"), c->value[CLI_O_OUT], c->value[CLI_O_OUT]);
	}
	if (r == CLI_OK && c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else if (r == CLI_OK && !c->given[CLI_O_OUT])
		fputs(text, c->out);
	json_decref(answer);
	return r;
}

static int counted_import(struct cli *c)
{
	struct muster_err err;
	struct buf text;
	json_t *body = NULL, *answer = NULL;
	int r;

	if (c->arg_count != 2)
		return cli_say(c, CLI_USAGE, "which file? musterctl mak import ANSWER");
	buf_init(&text, ANSWER_FILE_MAX);
	if (file_read(&text, c->args[1], ANSWER_FILE_MAX, &err) != MUSTER_OK)
		r = cli_say(c, CLI_FAILED, "%s", err.message);
	else if ((body = json_pack("{s:s}", "answer", buf_str(&text))) == NULL)
		r = cli_say(c, CLI_FAILED, "%s is no answer of an issuer", c->args[1]);
	else
		r = api_post(c, "/admin/v1/counted/import", body, &answer, &err) == MUSTER_OK ? print_answered(c, answer) : cli_fail(c, &err);
	json_decref(answer);
	json_decref(body);
	buf_fini(&text);
	return r;
}

/* By telephone, for one machine: the host says nothing new of an Installation ID, it checks that one waits. */
static int counted_phone(struct cli *c)
{
	struct muster_err err;
	struct buf digits;
	json_t *body, *installation = NULL;
	int r;

	if (c->arg_count < 2)
		return cli_say(c, CLI_USAGE, "which machine? musterctl mak phone INSTALLATION-ID (`musterctl mak list` shows those that wait)");
	buf_init(&digits, 1024);
	for (size_t i = 1; i < c->arg_count; i++)
		buf_addf(&digits, "%s%s", i > 1 ? " " : "", c->args[i]);
	body = json_pack("{s:s}", "installation_id", buf_str(&digits));
	r = api_post(c, "/admin/v1/counted/telephone", body, &installation, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	if (r == CLI_OK && c->given[CLI_O_JSON]) {
		r = cli_print_json(c, installation);
	} else if (r == CLI_OK) {
		phone_introduce(c, installation);
		r = phone_talk(c, installation, buf_str(&digits), true);
	}
	json_decref(installation);
	json_decref(body);
	buf_fini(&digits);
	return r;
}

int verb_mak(struct cli *c)
{
	static const struct { const char *word; size_t most; int (*run)(struct cli *); } words[] = {
		{ "list", 1, counted_list }, { "ask", 1, counted_ask }, { "export", 1, counted_export }, { "import", 2, counted_import }, { "phone", CLI_ARGS_MAX, counted_phone }
	};

	if (c->arg_count == 0)
		return counted_list(c);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(c->args[0], words[i].word) == 0) {
			if (c->arg_count > words[i].most)
				return cli_say(c, CLI_USAGE, "mak %s takes no \"%s\"", words[i].word, c->args[words[i].most]);
			return words[i].run(c);
		}
	return cli_say(c, CLI_USAGE, "mak takes \"list\", \"ask\", \"export\", \"import\" or \"phone\", not \"%s\"", c->args[0]);
}
