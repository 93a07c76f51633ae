/* clients --observed, events --observed: what imports told of, not this host's own; who is activated by what, and which are clones */
#include <string.h>

#include "core/base/buf.h"
#include "core/cli/estate.h"
#include "core/cli/list.h"
#include "core/cli/verbs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct table_column columns[] = { { "CLIENT ID", false }, { "PRODUCT", false }, { "NAME", false }, { "HOST", false }, { "BY", false }, { "FIRST SEEN", false },
	{ "LAST SEEN", false }, { "REQUESTS", true }, { "RESULT", false }, { "VIRTUAL", false }, { "NOTE", false } };

/* A clone's other names, or its name's other client IDs: what is wrong with it, in its row. */
static const char *note(struct buf *out, const json_t *item)
{
	const json_t *one;
	const char *between = ": also ";
	size_t i;

	if (json_flag(item, "clone")) {
		buf_adds(out, "clone");
		json_array_foreach(json_object_get(item, "names"), i, one)
			if (json_string_value(one) != NULL && strcmp(json_string_value(one), json_text(item, "name")) != 0) {
				buf_addf(out, "%s%s", between, json_string_value(one));
				between = ", ";
			}
	} else {
		json_array_foreach(json_object_get(item, "findings"), i, one)
			buf_addf(out, "%s%s", i > 0 ? ", " : "", json_string_value(one) != NULL ? json_string_value(one) : "");
	}
	return buf_str(out);
}

static void row(struct libscols_table *t, const json_t *i)
{
	char first[32], last[32], requests[24];
	struct buf remark;

	buf_init(&remark, 4096);
	(void)snprintf(requests, sizeof(requests), "%" JSON_INTEGER_FORMAT, json_number(i, "requests"));
	/* an activation ID that no product here has is more than nothing */
	table_row(t, (const char *[]){ json_text(i, "client_id"), json_text(i, "product")[0] != '\0' ? json_text(i, "product") : json_text(i, "activation_id"), json_text(i, "name"),
	                               json_text(i, "host"), json_text(i, "by"), json_date(i, "first_seen", first), json_date(i, "last_seen", last), requests, json_text(i, "result"),
	                               json_is_boolean(json_object_get(i, "virtual")) ? json_flag(i, "virtual") ? "yes" : "no" : "", note(&remark, i) }, COUNT(columns));
	buf_fini(&remark);
}

int observed_clients(struct cli *c)
{
	static const struct { enum cli_option o; const char *name; } filters[] = { { CLI_O_PRODUCT, "product" }, { CLI_O_HOST, "host" }, { CLI_O_TEXT, "text" } };
	struct list l = { .columns = columns, .column_count = COUNT(columns), .row = row, .none = "No machines are known from imports; `musterctl import` of a host's or a client's event log brings them." };
	struct buf path, first;
	int r;

	if (c->arg_count > 0)
		return cli_say(c, CLI_USAGE, "clients --observed lists machines; --text finds those with a name or an ID");
	buf_init(&path, ESTATE_PATH_MAX);
	buf_init(&first, ESTATE_PATH_MAX);
	buf_adds(&path, "/admin/v1/observed/machines");
	for (size_t i = 0; i < COUNT(filters); i++)
		if (c->given[filters[i].o]) {
			estate_query(&path, filters[i].name, c->value[filters[i].o]);
			l.none = "No machines that imports told of are like this.";
		}
	if (c->given[CLI_O_AFTER]) {
		buf_adds(&first, "/");
		estate_query(&first, "after", c->value[CLI_O_AFTER]);
	}
	if (path.failed || first.failed)
		r = cli_say(c, CLI_USAGE, "these filters are too long");
	else
		r = list_print(c, buf_str(&path), first.n > 0 ? buf_str(&first) + 2 : NULL, &l);   /* behind "/?" */
	buf_fini(&first);
	buf_fini(&path);
	return r;
}

/* ---- events ---- */

static const struct table_column event_columns[] = { { "TIME", false }, { "EVENT", true }, { "HOST", false }, { "PRODUCT", false }, { "NAME", false }, { "CLIENT ID", false }, { "RESULT", false } };

static void event_row(struct libscols_table *t, const json_t *e)
{
	char at[32], id[24];

	(void)snprintf(id, sizeof(id), "%" JSON_INTEGER_FORMAT, json_number(e, "id"));
	table_row(t, (const char *[]){ json_date(e, json_text(e, "logged_at")[0] != '\0' ? "logged_at" : "at", at), id, json_text(e, "host"),
	                               json_text(e, "product")[0] != '\0' ? json_text(e, "product") : json_text(e, "activation_id"), json_text(e, "name"), json_text(e, "client_id"),
	                               json_text(e, "result") }, COUNT(event_columns));
}

int observed_events(struct cli *c)
{
	struct list l = { .columns = event_columns, .column_count = COUNT(event_columns), .row = event_row,
		.none = "No events are known from imports; `musterctl import` of a host's or a client's event log brings them." };
	struct buf first;
	int r;

	if (c->given[CLI_O_FOLLOW] || c->given[CLI_O_TAIL])
		return cli_say(c, CLI_USAGE, "--follow and --tail go with this host's own events, not with --observed");
	buf_init(&first, ESTATE_PATH_MAX);
	if (c->given[CLI_O_AFTER]) {
		buf_adds(&first, "/");
		estate_query(&first, "after", c->value[CLI_O_AFTER]);
	}
	if (first.failed)
		r = cli_say(c, CLI_USAGE, "--after is too long");
	else
		r = list_print(c, "/admin/v1/observed/events", first.n > 0 ? buf_str(&first) + 2 : NULL, &l);   /* behind "/?" */
	buf_fini(&first);
	return r;
}
