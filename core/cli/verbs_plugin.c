/* plugin check: the conformance suite over an object, or a reload's checks over a product file, without a host; plugin enable; plugin new is in plugin_new.c */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/catalog/conformance.h"
#include "core/cli/api.h"
#include "core/cli/plugin.h"
#include "core/cli/table.h"
#include "core/cli/verbs.h"

/** Far above what a sound plugin needs. */
#define CHECK_SECONDS 60

struct report { struct cli *c; json_t *checks; };

static void one_check(void *ctx, bool passed, const char *what, const char *detail)
{
	struct report *r = ctx;

	if (r->checks != NULL) {
		json_array_append_new(r->checks, json_pack("{s:s, s:b, s:s}", "check", what, "passed", passed, "detail", detail));
		return;
	}
	fprintf(r->c->out, "%-6s %s\n", passed ? "ok" : "FAILED", what);
	if (!passed)
		fprintf(r->c->out, "       %s\n", detail);
}

/** @p suite over @p arg in a child process, and the report. @param hint printed below what failed; NULL: none. */
static int check(struct cli *c, conformance_suite_fn *suite, void *arg, const char *name, const char *verdict, const char *hint)
{
	struct report r = { c, c->given[CLI_O_JSON] ? json_array() : NULL };
	struct muster_err err = { 0 };
	json_t *answer;
	int passed = conformance_in_child(suite, arg, name, CHECK_SECONDS, one_check, &r, &err) == MUSTER_OK;

	if (r.checks == NULL) {
		if (!passed && hint != NULL)
			fprintf(c->out, "%s\n", hint);
		if (!passed)
			return cli_say(c, CLI_FAILED, "%s", err.message);
		fprintf(c->out, "%s %s.\n", name, verdict);
		return CLI_OK;
	}
	answer = json_pack("{s:s, s:b, s:o}", "file", name, "passed", passed, "checks", r.checks);
	(void)cli_print_json(c, answer);
	json_decref(answer);
	return passed ? CLI_OK : CLI_FAILED;
}

static int object_suite(void *path, conformance_line_fn *line, void *ctx, struct muster_err *err)
{
	return conformance_run(path, line, ctx, err);
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcasecmp(text + n - m, end) == 0;
}

static int plugin_check(struct cli *c, const char *file)
{
	struct plugin_file f = { file, c->given[CLI_O_CONFIG] ? c->value[CLI_O_CONFIG] : NULL };
	char path[PATH_MAX];

	if (ends_in(file, ".ini")) {
		if (access(file, R_OK) != 0)
			return cli_say(c, CLI_FAILED, "%s: %s", file, strerror(errno));
		return check(c, plugin_file_suite, &f, file, "is good", f.config != NULL ? NULL :
		             "Only this file was read. Products it copies and issuers it names are in the host's configuration: add --config /etc/muster/muster.conf");
	}
	if (f.config != NULL)
		return cli_say(c, CLI_USAGE, "--config goes with a product file, NAME.ini");
	if (!ends_in(file, ".so"))
		return cli_say(c, CLI_FAILED, "%s is called neither NAME.so, as a plugin, nor NAME.ini, as a product file", file);
	/* The suite wants the path as a host would write it. The file's own name stays: it must be NAME.so. */
	if (realpath(file, path) == NULL)
		return cli_say(c, CLI_FAILED, "%s: %s", file, strerror(errno));
	return check(c, object_suite, path, path, "conforms", NULL);
}

static int plugin_enable(struct cli *c, const char *name)
{
	json_t *body = json_pack("{s:s}", "name", name), *answer = NULL;
	const json_t *line;
	struct muster_err err;
	size_t i;
	int r;

	if (body == NULL)
		return cli_say(c, CLI_USAGE, "the name must be UTF-8");
	r = api_post(c, "/admin/v1/plugins/enable", body, &answer, &err);
	json_decref(body);
	if (r != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
	} else if (json_flag(answer, "in_force")) {
		fprintf(c->out, "The plugin %s is enabled.\n", name);
		json_array_foreach(json_object_get(answer, "changes"), i, line)
			fprintf(c->out, "%s\n", json_string_value(line));
	}
	if (r == CLI_OK && !json_flag(answer, "in_force"))
		r = cli_say(c, CLI_FAILED, "%s is enabled, but not loaded until the next reload succeeds: %s", name, json_text(answer, "reason"));
	json_decref(answer);
	return r;
}

int verb_plugin(struct cli *c)
{
	bool new_ = strcasecmp(c->args[0], "new") == 0, check_ = strcasecmp(c->args[0], "check") == 0;

	if (c->given[CLI_O_DIR] && !new_)
		return cli_say(c, CLI_USAGE, "--dir goes with plugin new NAME");
	if (c->given[CLI_O_CONFIG] && !check_)
		return cli_say(c, CLI_USAGE, "--config goes with plugin check FILE.ini");
	if (!new_ && !check_ && strcasecmp(c->args[0], "enable") != 0)
		return cli_say(c, CLI_USAGE, "plugin takes \"new NAME\", \"check FILE\" or \"enable NAME\", not \"%s\" (musterctl plugins lists those of the host)", c->args[0]);
	if (c->arg_count < 2)
		return cli_say(c, CLI_USAGE, "which one? musterctl plugin %s %s", c->args[0], check_ ? "FILE" : "NAME");
	return new_ ? plugin_new(c, c->args[1]) : check_ ? plugin_check(c, c->args[1]) : plugin_enable(c, c->args[1]);
}
