/* rekey, audit: how the host's secrets and its record of acts lie at rest */
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/cli/acts.h"
#include "core/cli/verbs.h"

int verb_rekey(struct cli *c)
{
	struct muster_err err;
	json_t *answer = NULL;
	int r = CLI_OK;

	if (!cli_confirm(c, "Make a new host key file and seal everything under it? Copies of the old one no longer open what is sealed from then on."))
		return CLI_USAGE;
	if (api_post(c, "/admin/v1/rekey", NULL, &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
	} else {
		fprintf(c->out, "%s\n", json_text(answer, "message")[0] != '\0' ? json_text(answer, "message") : "Everything is sealed under the new key.");
		print_each(c, json_object_get(answer, "warnings"), "Warning: ");
	}
	json_decref(answer);
	return r;
}

static int audit_head(struct cli *c)
{
	struct muster_err err;
	json_t *answer = NULL;
	int r = CLI_OK;

	if (api_get(c, "/admin/v1/audit/head", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else
		fprintf(c->out, "%s\n", json_text(answer, "head"));
	json_decref(answer);
	return r;
}

static int audit_verify(struct cli *c)
{
	struct muster_err err;
	json_t *body = c->given[CLI_O_EXPECT] ? json_pack("{s:s}", "expect", c->value[CLI_O_EXPECT]) : json_object(), *answer = NULL;
	int r = api_post(c, "/admin/v1/audit/verify", body, &answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);

	json_decref(body);
	if (r != CLI_OK)
		return r;
	if (c->given[CLI_O_JSON])
		(void)cli_print_json(c, answer);
	else
		fprintf(c->out, "%s\n", json_text(answer, "message"));
	json_decref(answer);
	return r;
}

int verb_audit(struct cli *c)
{
	if (strcasecmp(c->args[0], "verify") == 0)
		return audit_verify(c);
	if (strcasecmp(c->args[0], "head") != 0)
		return cli_say(c, CLI_USAGE, "audit takes \"verify\" or \"head\", not \"%s\"", c->args[0]);
	if (c->given[CLI_O_EXPECT])
		return cli_say(c, CLI_USAGE, "--expect goes with `audit verify`");
	return audit_head(c);
}
