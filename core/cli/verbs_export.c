/* export: keys, machines, events and books for others, and for `musterctl import` */
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/cli/export.h"
#include "core/cli/verbs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define B(x) (UINT64_C(1) << CLI_O_##x)

static int keys(struct cli *c, struct export_out *o, const char *host)
{
	(void)host;
	return export_keys(c, o);
}

static int books(struct cli *c, struct export_out *o, const char *host)
{
	(void)host;
	return export_books(c, o);
}

static const struct what { enum exchange_type type; int (*run)(struct cli *, struct export_out *, const char *host); uint64_t options; } whats[] = {
	{ EXCHANGE_KEYS, keys, B(LICENSE_ID) | B(AGREEMENT) | B(ORGANISATION) | B(PRODUCT) | B(TEXT) | B(KIND) | B(WITH_KEYS) },
	{ EXCHANGE_MACHINES, export_machines, B(OBSERVED) | B(PRODUCT) | B(HOST) },
	{ EXCHANGE_EVENTS, export_events, B(OBSERVED) | B(PRODUCT) | B(HOST) },
	{ EXCHANGE_BOOKS, books, B(WITH_KEYS) },
};

static int check(struct cli *c, const struct what *w)
{
	static const struct { enum cli_option o; const char *name; } some[] = {
		{ CLI_O_LICENSE_ID, "license-id" }, { CLI_O_AGREEMENT, "agreement" }, { CLI_O_ORGANISATION, "organisation" }, { CLI_O_PRODUCT, "product" }, { CLI_O_TEXT, "text" },
		{ CLI_O_KIND, "kind" }, { CLI_O_WITH_KEYS, "with-keys" }, { CLI_O_OBSERVED, "observed" }, { CLI_O_HOST, "host" },
	};
	uint8_t id[UUID_LEN];

	for (size_t i = 0; i < COUNT(some); i++)
		if (c->given[some[i].o] && (w->options & (UINT64_C(1) << some[i].o)) == 0)
			return cli_say(c, CLI_USAGE, "export %s takes no --%s", c->args[0], some[i].name);
	if (c->given[CLI_O_WITH_KEYS] && c->given[CLI_O_ANONYMISE])
		return cli_say(c, CLI_USAGE, "--with-keys and --anonymise exclude each other");
	for (size_t i = 1; i < c->arg_count && (w->type == EXCHANGE_MACHINES || w->type == EXCHANGE_EVENTS); i++)
		if (uuid_parse(id, c->args[i], strlen(c->args[i])) != MUSTER_OK)
			return cli_say(c, CLI_USAGE, "\"%s\" is not a client ID: 8-4-4-4-12 hexadecimal digits", c->args[i]);
	if (c->arg_count > 1 && w->type == EXCHANGE_KEYS && (c->given[CLI_O_LICENSE_ID] || c->given[CLI_O_AGREEMENT] || c->given[CLI_O_ORGANISATION] || c->given[CLI_O_PRODUCT] ||
	                                                     c->given[CLI_O_TEXT] || c->given[CLI_O_KIND]))
		return cli_say(c, CLI_USAGE, "either keys by their IDs or by what they have in common");
	return CLI_OK;
}

/* A host writes nothing of whole keys before its journal says that they leave. */
static int announce(struct cli *c, const struct what *w)
{
	struct muster_err err;
	json_t *body, *answer = NULL;
	int r;

	if (!c->given[CLI_O_WITH_KEYS])
		return CLI_OK;
	body = json_pack("{s:s}", "type", exchange_type_name(w->type));
	r = api_post(c, "/admin/v1/estate/exported", body, &answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	json_decref(body);
	json_decref(answer);
	return r;
}

static int run(struct cli *c, const struct what *w)
{
	struct export_out *o = NULL;
	struct muster_err err;
	json_t *status = NULL;
	int r;

	if ((r = check(c, w)) != CLI_OK)
		return r;
	if (api_get(c, "/admin/v1/status", &status, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if ((r = announce(c, w)) == CLI_OK && (r = export_begin(&o, c, w->type, json_text(status, "name"), c->given[CLI_O_WITH_KEYS])) == CLI_OK)
		r = export_end(o, w->run(c, o, json_text(status, "name")));
	json_decref(status);
	return r;
}

int verb_export(struct cli *c)
{
	for (size_t i = 0; c->arg_count > 0 && i < COUNT(whats); i++)
		if (strcasecmp(c->args[0], exchange_type_name(whats[i].type)) == 0)
			return run(c, &whats[i]);
	if (c->arg_count == 0)
		return cli_say(c, CLI_USAGE, "what? musterctl export keys, machines, events or books");
	return cli_say(c, CLI_USAGE, "export takes \"keys\", \"machines\", \"events\" or \"books\", not \"%s\"", c->args[0]);
}

int verb_keys_export(struct cli *c)
{
	return run(c, &whats[0]);
}
