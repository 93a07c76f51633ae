/* clients, events, journal: what the ledger holds */
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/cli/api.h"
#include "core/cli/list.h"
#include "core/cli/verbs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* "name=value" behind what stands there; values are restricted to characters that need no escaping. */
static bool add_query(char *query, size_t room, const char *name, const char *value)
{
	size_t n = strlen(query);

	if (value[0] == '\0' || strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~/") != strlen(value))
		return false;
	return (size_t)snprintf(query + n, room - n, "%s%s=%s", n > 0 ? "&" : "", name, value) < room - n;
}

/* --tail and --after as the query of a list's first page. @param numbered the list's marks are its rows' numbers. */
static int first_query(struct cli *c, bool numbered, char *query, size_t room)
{
	unsigned long tail, after;
	int r;

	if (c->given[CLI_O_TAIL] && c->given[CLI_O_AFTER])
		return cli_say(c, CLI_USAGE, "either --tail or --after");
	if (c->given[CLI_O_TAIL] && (r = cli_number(c, CLI_O_TAIL, 1, 1000000, &tail)) != CLI_OK)
		return r;
	if (c->given[CLI_O_TAIL])
		add_query(query, room, "tail", c->value[CLI_O_TAIL]);
	if (c->given[CLI_O_AFTER] && numbered && (r = cli_number(c, CLI_O_AFTER, 0, LONG_MAX, &after)) != CLI_OK)
		return r;
	if (c->given[CLI_O_AFTER] && !add_query(query, room, "after", c->value[CLI_O_AFTER]))
		return cli_say(c, CLI_USAGE, "--after: \"%s\" is not a mark of this list", c->value[CLI_O_AFTER]);
	return CLI_OK;
}

static void client_row(struct libscols_table *t, const json_t *i)
{
	char first[32], last[32], requests[24];

	snprintf(requests, sizeof(requests), "%" JSON_INTEGER_FORMAT, json_number(i, "requests"));
	table_row(t, (const char *[]){ json_text(i, "client_id"), json_text(i, "product"), json_text(i, "name"), json_date(i, "first_seen", first),
	                               json_date(i, "last_seen", last), requests, json_text(i, "result"), json_flag(i, "virtual") ? "yes" : "no",
	                               json_flag(i, "clone") ? "clone" : json_flag(i, "released") ? "released" : json_flag(i, "debt") ? "debt" : "" }, 9);
}

static const struct table_column client_columns[] = { { "CLIENT ID", false }, { "PRODUCT", false }, { "NAME", false }, { "FIRST SEEN", false },
	{ "LAST SEEN", false }, { "REQUESTS", true }, { "RESULT", false }, { "VIRTUAL", false }, { "NOTE", false } };

static int clients_forget(struct cli *c)
{
	struct muster_err err;
	json_t *body, *answer = NULL;
	char question[160];
	int r;

	snprintf(question, sizeof(question), "Forget machine %s? It leaves the count and its rows; its lease stays valid.", c->args[1]);
	if (!cli_confirm(c, question))
		return CLI_USAGE;
	body = json_pack("{s:s}", "client_id", c->args[1]);
	r = api_post(c, "/admin/v1/clients/forget", body, &answer, &err);
	json_decref(body);
	if (r != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON])
		cli_print_json(c, answer);
	else
		fprintf(c->out, "Machine %s is forgotten.\n", c->args[1]);
	json_decref(answer);
	return CLI_OK;
}

static int client_one(struct cli *c)
{
	struct list l = { .c = c, .columns = client_columns, .column_count = COUNT(client_columns), .row = client_row };
	struct muster_err err;
	json_t *answer = NULL;
	const json_t *item;
	char path[128];
	size_t i;

	snprintf(path, sizeof(path), "/admin/v1/clients/%s", c->args[0]);
	if (api_get(c, path, &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON]) {
		l.result = cli_print_json(c, answer);
	} else {
		json_array_foreach(json_object_get(answer, "items"), i, item)
			list_take(&l, item);
		list_flush(&l);
	}
	json_decref(answer);
	return l.result;
}

int verb_clients(struct cli *c)
{
	struct list l = { .columns = client_columns, .column_count = COUNT(client_columns), .row = client_row, .none = "No machine has asked this host yet." };
	char path[512] = "/admin/v1/clients", product[256] = "", first[256] = "";
	uint8_t id[UUID_LEN];
	bool forget = c->arg_count > 0 && strcasecmp(c->args[0], "forget") == 0;
	const char *text = c->arg_count == 0 ? NULL : forget ? c->args[1] : c->args[0];
	int r;

	if (c->given[CLI_O_OBSERVED])
		return observed_clients(c);
	if (c->given[CLI_O_HOST] || c->given[CLI_O_TEXT])
		return cli_say(c, CLI_USAGE, "--host and --text go with --observed: machines that imports told of");
	if (forget && c->arg_count != 2)
		return cli_say(c, CLI_USAGE, "which machine? musterctl clients forget CLIENT-ID; `musterctl clients` lists the IDs");
	if (text != NULL && uuid_parse(id, text, strlen(text)) != MUSTER_OK)
		return cli_say(c, CLI_USAGE, "\"%s\" is not a client ID: 8-4-4-4-12 hexadecimal digits", text);
	if (forget)
		return clients_forget(c);
	if (c->arg_count == 2)
		return cli_say(c, CLI_USAGE, "clients takes one client ID, or \"forget\" and one");
	if (c->arg_count == 1)
		return client_one(c);
	if (c->given[CLI_O_PRODUCT]) {
		if (!add_query(product, sizeof(product), "product", c->value[CLI_O_PRODUCT]))
			return cli_say(c, CLI_USAGE, "--product: \"%s\" is not a product name", c->value[CLI_O_PRODUCT]);
		snprintf(path, sizeof(path), "/admin/v1/clients?%s", product);
		l.none = "No machine has asked this host for it yet.";
	}
	if ((r = first_query(c, false, first, sizeof(first))) != CLI_OK)
		return r;
	return list_print(c, path, first[0] != '\0' ? first : NULL, &l);
}

#define EVENT_CELLS 6

struct event_text { const char *cells[EVENT_CELLS]; char date[32], seq[24], id[24], requests[24], release[64], debt[512]; };

static void whole(char out[24], const json_t *o, const char *name)
{
	out[0] = '\0';
	if (json_is_integer(json_object_get(o, name)))
		snprintf(out, 24, "%" JSON_INTEGER_FORMAT, json_number(o, name));
}

/* A row may stand for many refused requests: REQUESTS says for how many. */
static void event_fill(struct event_text *t, const json_t *e)
{
	whole(t->seq, e, "seq");
	whole(t->id, e, "id");
	whole(t->requests, e, "requests");
	t->cells[0] = t->seq;
	t->cells[1] = json_date(e, "at", t->date);
	t->cells[2] = t->id;
	t->cells[3] = json_text(e, "product");
	t->cells[4] = t->requests;
	t->cells[5] = json_text(e, "record_line")[0] != '\0' ? json_text(e, "record_line") : json_text(e, "text");
	if (json_flag(e, "release")) {
		snprintf(t->release, sizeof(t->release), "released by %.36s", json_text(e, "client_id"));
		t->cells[5] = t->release;
	} else if (json_flag(e, "debt")) {
		snprintf(t->debt, sizeof(t->debt), "%.500s (debt)", t->cells[5]);
		t->cells[5] = t->debt;
	}
}

static void event_row(struct libscols_table *t, const json_t *e)
{
	struct event_text text;

	event_fill(&text, e);
	table_row(t, text.cells, EVENT_CELLS);
}

static int event_follow(void *ctx, const json_t *e)
{
	struct cli *c = ctx;
	struct event_text text;

	if (c->given[CLI_O_JSON]) {
		json_dumpf(e, c->out, JSON_COMPACT);
		fputc('\n', c->out);
	} else {
		event_fill(&text, e);
		for (size_t i = 0; i < EVENT_CELLS; i++)
			fprintf(c->out, "%s%s", text.cells[i], i + 1 < EVENT_CELLS ? "  " : "\n");
	}
	return fflush(c->out) != 0; /* stops when nobody reads any more */
}

int verb_events(struct cli *c)
{
	static const struct table_column columns[] = { { "SEQ", true }, { "TIME", false }, { "EVENT", true }, { "PRODUCT", false },
		{ "REQUESTS", true }, { "RECORD", false } };
	struct list l = { .columns = columns, .column_count = COUNT(columns), .row = event_row };
	struct muster_err err;
	char path[512], first[256] = "";
	int r;

	if (c->given[CLI_O_OBSERVED])
		return observed_events(c);
	if ((r = first_query(c, true, first, sizeof(first))) != CLI_OK)
		return r;
	if (!c->given[CLI_O_FOLLOW])
		return list_print(c, "/admin/v1/events", first[0] != '\0' ? first : NULL, &l);
	if (c->given[CLI_O_ALL] || c->given[CLI_O_LIMIT])
		return cli_say(c, CLI_USAGE, "--follow goes with --tail or --after, not with --all or --limit");
	snprintf(path, sizeof(path), "/admin/v1/events?follow=1%s%s", first[0] != '\0' ? "&" : "", first);
	return api_follow(c, path, event_follow, c, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
}

static void journal_row(struct libscols_table *t, const json_t *j)
{
	char date[32], seq[24];

	snprintf(seq, sizeof(seq), "%" JSON_INTEGER_FORMAT, json_number(j, "seq"));
	table_row(t, (const char *[]){ seq, json_date(j, "at", date), json_text(j, "actor"), json_text(j, "action"), json_text(j, "object"), json_text(j, "detail") }, 6);
}

int verb_journal(struct cli *c)
{
	static const struct table_column columns[] = { { "SEQ", true }, { "TIME", false }, { "ACTOR", false }, { "ACTION", false }, { "OBJECT", false }, { "DETAIL", false } };
	struct list l = { .columns = columns, .column_count = COUNT(columns), .row = journal_row };
	char first[256] = "";
	int r = first_query(c, true, first, sizeof(first));

	return r != CLI_OK ? r : list_print(c, "/admin/v1/journal", first[0] != '\0' ? first : NULL, &l);
}
