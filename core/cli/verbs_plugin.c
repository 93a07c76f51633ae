/* plugin check: the conformance suite over a file, without a host */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/catalog/conformance.h"
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

static int check_file(struct cli *c, const char *path)
{
	struct report r = { c, c->given[CLI_O_JSON] ? json_array() : NULL };
	struct muster_err err = { 0 };
	json_t *answer;
	int passed = conformance_child(path, CHECK_SECONDS, one_check, &r, &err) == MUSTER_OK;

	if (r.checks == NULL) {
		if (!passed)
			return cli_say(c, CLI_FAILED, "%s", err.message);
		fprintf(c->out, "%s conforms.\n", path);
		return CLI_OK;
	}
	answer = json_pack("{s:s, s:b, s:o}", "file", path, "passed", passed, "checks", r.checks);
	(void)cli_print_json(c, answer);
	json_decref(answer);
	return passed ? CLI_OK : CLI_FAILED;
}

int verb_plugin(struct cli *c)
{
	char path[PATH_MAX];

	if (strcasecmp(c->args[0], "check") != 0)
		return cli_say(c, CLI_USAGE, "what about the plugin? musterctl plugin check FILE (musterctl plugins lists those of the host)");
	/* The suite wants the path as a host would write it. The file's own name stays: it must be NAME.so. */
	if (realpath(c->args[1], path) == NULL)
		return cli_say(c, CLI_FAILED, "%s: %s", c->args[1], strerror(errno));
	return check_file(c, path);
}
