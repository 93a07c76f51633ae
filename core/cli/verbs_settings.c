/* settings, and the verbs that change one: sprt, sai, sri, spri, cpri */
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/cli/api.h"
#include "core/cli/table.h"
#include "core/cli/verbs.h"

/* facts.md section 2: sprt takes a port, sai and sri minutes */
static const struct { const char *verb, *setting, *fixed, *unit; } setters[] = {
	{ "sprt", "port", NULL, "" }, { "sai", "activation_interval", NULL, "min" }, { "sri", "renewal_interval", NULL, "min" },
	{ "spri", "priority", "normal", "" }, { "cpri", "priority", "low", "" },
};

static int put(struct cli *c, const char *path, const char *name, const char *value, const char *done)
{
	struct muster_err err;
	json_t *body = value != NULL ? json_pack("{s:s, s:s}", "name", name, "value", value) : json_pack("{s:s}", "name", name);
	json_t *answer = NULL;
	int r;

	if (body == NULL)
		return cli_say(c, CLI_USAGE, "the argument is not UTF-8");
	r = api_post(c, path, body, &answer, &err);
	json_decref(body);
	if (r != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else
		fprintf(c->out, "%s %s: %s.\n", name, done, json_text(answer, "value"));
	if (json_text(answer, "note")[0] != '\0' && !c->given[CLI_O_JSON])
		fprintf(c->out, "%s\n", json_text(answer, "note"));
	json_decref(answer);
	return r == MUSTER_OK ? CLI_OK : r;
}

int verb_set(struct cli *c)
{
	size_t i = 0;
	char value[64];
	const char *text;

	while (strcmp(setters[i].verb, c->verb) != 0)
		i++;
	text = setters[i].fixed != NULL ? setters[i].fixed : c->args[0];
	if (setters[i].fixed == NULL && (text[0] == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 9))
		return cli_say(c, CLI_USAGE, "%s takes a whole number%s, not \"%s\"", c->verb, setters[i].unit[0] != '\0' ? " of minutes" : "", text);
	snprintf(value, sizeof(value), "%s%s", text, setters[i].unit);
	return put(c, "/admin/v1/settings", setters[i].setting, value, "is set");
}

int verb_settings(struct cli *c)
{
	static const struct table_column columns[] = { { "NAME", false }, { "VALUE", true }, { "SOURCE", false }, { "PLACE", false }, { "DEFAULT", true } };
	struct muster_err err;
	struct libscols_table *t;
	json_t *answer = NULL;
	const json_t *s;
	size_t i;
	int r;

	if (c->arg_count > 0) {
		if (strcasecmp(c->args[0], "reset") != 0 || c->arg_count != 2)
			return cli_say(c, CLI_USAGE, "musterctl settings reset NAME; `musterctl settings` lists the names");
		return put(c, "/admin/v1/settings/reset", c->args[1], NULL, "is back to the file's value or the default");
	}
	if (api_get(c, "/admin/v1/settings", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
		json_decref(answer);
		return r;
	}
	if ((t = table_new(c, columns, sizeof(columns) / sizeof(columns[0]), true)) != NULL)
		json_array_foreach(json_object_get(answer, "items"), i, s)
			table_row(t, (const char *[]){ json_text(s, "name"), json_text(s, "value"), json_text(s, "source"), json_text(s, "place"), json_text(s, "default") }, 5);
	r = table_end(c, t);
	json_decref(answer);
	return r;
}
