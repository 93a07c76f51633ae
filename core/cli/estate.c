#include "core/cli/estate.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/cli/list.h"
#include "core/cli/term.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TABLE_COLUMNS 14

/* ---- paths ---- */

static void add_encoded(struct buf *path, const char *value)
{
	for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++)
		if (isascii(*p) && (isalnum(*p) || strchr("-._~", *p) != NULL))
			buf_addc(path, (char)*p);
		else
			buf_addf(path, "%%%02X", *p);
}

void estate_query(struct buf *path, const char *name, const char *value)
{
	buf_addf(path, "%c%s=", strchr(buf_str(path), '?') != NULL ? '&' : '?', name);
	add_encoded(path, value);
}

/* Options that choose rows, and the fields they may be of: the first that a kind has. */
static const struct { enum cli_option option; const char *name, *fields[3]; } filters[] = {
	{ CLI_O_ORGANISATION, "organisation", { "organisation", "organisations", "parent" } },
	{ CLI_O_AGREEMENT, "agreement", { "agreement", NULL, NULL } },
	{ CLI_O_LICENSE_ID, "license-id", { "license_ids", NULL, NULL } },
	{ CLI_O_CATEGORY, "category", { "category", NULL, NULL } },
	{ CLI_O_PRODUCT, "product", { "product", "products", "serves" } },
	{ CLI_O_KIND, "kind", { "kind", "about", "role" } },
};

int estate_list_path(struct cli *c, const struct estate_kind *k, struct buf *path)
{
	buf_addf(path, "/admin/v1/estate/%s", k->plural);
	if (c->given[CLI_O_TEXT])
		estate_query(path, "text", c->value[CLI_O_TEXT]);
	for (size_t i = 0; i < COUNT(filters); i++) {
		const struct estate_field *f = NULL;

		if (!c->given[filters[i].option])
			continue;
		for (size_t j = 0; f == NULL && j < COUNT(filters[i].fields) && filters[i].fields[j] != NULL; j++)
			f = estate_field_find(k, filters[i].fields[j]);
		if (f == NULL)
			return cli_say(c, CLI_USAGE, "%s have nothing that --%s could choose by", k->plural, filters[i].name);
		estate_query(path, f->name, c->value[filters[i].option]);
	}
	return path->failed ? cli_say(c, CLI_USAGE, "these filters are too long") : CLI_OK;
}

int estate_entry_path(struct cli *c, const struct estate_kind *k, const char *id, struct buf *path)
{
	/* The host takes names and numbers too: what is none of them it says itself. */
	if (id[strspn(id, " \t")] == '\0')
		return cli_say(c, CLI_USAGE, "\"%s\" is neither an ID nor a name or number; `musterctl %s list` shows them", id, k->plural);
	buf_addf(path, "/admin/v1/estate/%s/", k->plural);
	add_encoded(path, id);
	return path->failed ? cli_say(c, CLI_USAGE, "this is too long for an ID, a name or a number; `musterctl %s list` shows them", k->plural) : CLI_OK;
}

/* ---- calls ---- */

int estate_show(struct cli *c, const struct estate_kind *k, const char *id, json_t **out)
{
	struct muster_err err;
	struct buf path;
	int r;

	*out = NULL;
	buf_init(&path, ESTATE_PATH_MAX);
	if ((r = estate_entry_path(c, k, id, &path)) == CLI_OK && api_get(c, buf_str(&path), out, &err) != MUSTER_OK)
		r = cli_fail(c, &err);
	buf_fini(&path);
	return r;
}

int estate_write(struct cli *c, const struct estate_kind *k, const char *id, bool add, const json_t *entry, json_t **out)
{
	struct muster_err err;
	struct buf path;
	json_t *body;
	int r;

	*out = NULL;
	buf_init(&path, ESTATE_PATH_MAX);
	if (id != NULL && (r = estate_entry_path(c, k, id, &path)) != CLI_OK)
		goto done;
	buf_clear(&path);
	buf_addf(&path, "/admin/v1/estate/%s/%s", k->plural, add ? "add" : "change");
	body = json_pack("{s:s?, s:O}", "id", id, "entry", entry);
	r = api_post(c, buf_str(&path), body, out, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	json_decref(body);
done:
	buf_fini(&path);
	return r;
}

/* ---- --set ---- */

static void all_fields(struct buf *out, const struct estate_kind *k)
{
	for (size_t i = 0; i < k->field_count; i++)
		buf_addf(out, "%s%s", i > 0 ? ", " : "", k->fields[i].name);
}

int estate_say_fields(struct cli *c, const struct estate_kind *k)
{
	struct buf all;
	int r;

	buf_init(&all, 4096);
	all_fields(&all, k);
	r = cli_say(c, CLI_USAGE, "what is known of it? --set FIELD=VALUE, as often as needed; %s have %s", k->plural, buf_str(&all));
	buf_fini(&all);
	return r;
}

static int no_such_field(struct cli *c, const struct estate_kind *k, const char *name)
{
	const char *near = estate_field_near(k, name);
	struct buf all;
	int r;

	buf_init(&all, 4096);
	all_fields(&all, k);
	if (near != NULL)
		r = cli_say(c, CLI_USAGE, "--set: %s have no field \"%s\"; did you mean %s?", k->plural, name, near);
	else
		r = cli_say(c, CLI_USAGE, "--set: %s have no field \"%s\"; they have %s", k->plural, name, buf_str(&all));
	buf_fini(&all);
	return r;
}

int estate_set_one(struct cli *c, const struct estate_kind *k, json_t *entry, const char *field, const char *value)
{
	const struct estate_field *f = estate_field_find(k, field);
	struct muster_err err;

	if (f == NULL)
		return no_such_field(c, k, field);
	if (f->type == ESTATE_KEY && value[0] != '\0')
		return cli_say(c, CLI_USAGE, "--set: others on this machine can read a command line; without --set %s=… the key is asked for, or comes by --key-fd or --file", f->name);
	if (value[strspn(value, " \t")] == '\0')
		return json_object_set_new(entry, f->name, json_null()) == 0 ? CLI_OK : cli_say(c, CLI_FAILED, "out of memory");
	if (estate_entry_set(k, entry, f, value, &err) != MUSTER_OK)
		return cli_say(c, CLI_USAGE, "--set: %s", err.message);
	return CLI_OK;
}

int estate_set(struct cli *c, const struct estate_kind *k, json_t **out)
{
	static const char end[] = { CLI_MANY_END, '\0' };   /* a value may have several lines: notes do */
	int r = CLI_OK;

	if ((*out = json_object()) == NULL)
		return cli_say(c, CLI_FAILED, "out of memory");
	for (const char *p = c->value[CLI_O_SET]; r == CLI_OK && p != NULL && *p != '\0';) {
		size_t n = strcspn(p, end), name = strcspn(p, "=");
		char *line = mem_strndup(p, n);

		if (line == NULL) {
			r = cli_say(c, CLI_FAILED, "out of memory");
		} else if (name >= n) {
			r = cli_say(c, CLI_USAGE, "--set: \"%s\" is not FIELD=VALUE", line);
		} else {
			line[name] = '\0';
			if (estate_field_find(k, line) != NULL && json_object_get(*out, estate_field_find(k, line)->name) != NULL)
				r = cli_say(c, CLI_USAGE, "--set: %s is given twice; the items of a list are separated by commas", line);
			else
				r = estate_set_one(c, k, *out, line, line + name + 1);
		}
		mem_free(line);
		p += n + (p[n] != '\0');
	}
	return r;
}

/* ---- printing ---- */

/* People read no escapes: those of estate_entry_text() are for cells and --set. */
static void joined(const json_t *list, char *out, size_t n)
{
	const json_t *v;
	size_t i, at = 0;

	out[0] = '\0';
	json_array_foreach(list, i, v) {
		int m = snprintf(out + at, n - at, "%s%s", i > 0 ? ", " : "", json_string_value(v) != NULL ? json_string_value(v) : "");

		if (m < 0 || (size_t)m >= n - at)
			return;
		at += (size_t)m;
	}
}

const char *estate_value(const struct estate_kind *k, const json_t *entry, const struct estate_field *f, char *out, size_t n)
{
	const json_t *v = json_object_get(entry, f->name);

	if (f->type == ESTATE_COUNT && json_is_integer(v) && json_integer_value(v) < 0)
		snprintf(out, n, "unknown");
	else if (f->list)
		joined(v, out, n);
	else if (f->type == ESTATE_KEY)
		snprintf(out, n, "%s", json_string_value(v) != NULL ? json_string_value(v) : "");   /* the host sends none that is a secret */
	else
		estate_entry_text(k, entry, f, out, n);
	return out;
}

const char *estate_remark(const json_t *item, char *out, size_t n)
{
	const json_t *installed = json_object_get(item, "installed"), *allowed = json_object_get(item, "allowed"), *used = json_object_get(item, "used");
	size_t at;

	out[0] = '\0';
	if (json_is_false(json_object_get(item, "usable")))
		snprintf(out, n, "not usable: %s", json_text(item, "why_not"));
	else if (json_is_object(installed))
		snprintf(out, n, "installed here: %s", json_text(installed, "state"));
	else if (json_flag(item, "keyless"))
		snprintf(out, n, "needs no product key");
	at = strlen(out);
	if (json_is_integer(allowed) && json_is_integer(used) && json_integer_value(allowed) >= 0 && json_integer_value(used) > json_integer_value(allowed))
		snprintf(out + at, n - at, "%sdoubtful: more activations were used than are allowed", at > 0 ? "; " : "");
	return out;
}

/* What a list shows of a kind; "" ends. `id` and `remark` are no fields. */
static const struct { const char *kind; struct { const char *member, *title; } columns[TABLE_COLUMNS]; } tables[] = {
	{ "organisation", { { "id", "ID" }, { "name", "NAME" }, { "parent", "PARENT" }, { "contacts", "CONTACTS" } } },
	{ "contact", { { "id", "ID" }, { "name", "NAME" }, { "role", "ROLE" }, { "telephone", "TELEPHONE" }, { "email", "EMAIL" }, { "region", "REGION" }, { "hours", "HOURS" } } },
	{ "agreement", { { "id", "ID" }, { "name", "NAME" }, { "programme", "PROGRAMME" }, { "license_ids", "LICENCE IDS" }, { "number", "NUMBER" }, { "organisation", "ORGANISATION" },
	                 { "start", "START" }, { "end", "END" }, { "status", "STATUS" } } },
	{ "order", { { "id", "ID" }, { "number", "NUMBER" }, { "date", "DATE" }, { "seller", "SELLER" }, { "agreement", "AGREEMENT" }, { "products", "PRODUCTS" }, { "bought", "BOUGHT" },
	             { "state", "STATE" } } },
	{ "product", { { "id", "ID" }, { "name", "NAME" }, { "category", "CATEGORY" }, { "serves", "HOST PRODUCT" }, { "setup_key", "SETUP KEY" }, { "remark", "REMARK" } } },
	{ "key", { { "id", "ID" }, { "products", "PRODUCTS" }, { "kind", "KIND" }, { "partial", "PARTIAL" }, { "license_ids", "LICENCE IDS" }, { "organisations", "ORGANISATIONS" },
	           { "bought", "BOUGHT" }, { "allowed", "ALLOWED" }, { "used", "USED" }, { "osa_status", "OSA" }, { "coverage_start", "FROM" }, { "coverage_end", "TO" }, { "remark", "REMARK" } } },
	{ "request", { { "id", "ID" }, { "about", "ABOUT" }, { "state", "STATE" }, { "product", "PRODUCT" }, { "partial", "PARTIAL" }, { "needed", "NEEDED" }, { "granted", "GRANTED" },
	               { "asked_on", "ASKED" }, { "answered_on", "ANSWERED" } } },
	{ "host", { { "id", "ID" }, { "host", "HOST" }, { "name", "NAME" }, { "channel", "CHANNEL" }, { "partial", "PARTIAL" }, { "license_status", "STATUS" }, { "current_count", "COUNT" },
	            { "total", "REQUESTS" }, { "failed", "FAILED" }, { "taken_at", "LISTED" } } },
};

static size_t table_of(const struct estate_kind *k)
{
	size_t i = 0;

	while (i + 1 < COUNT(tables) && strcmp(tables[i].kind, k->name) != 0)
		i++;
	MUSTER_ASSERT(strcmp(tables[i].kind, k->name) == 0);
	return i;
}

static size_t columns_of(const struct estate_kind *k, struct table_column *out)
{
	size_t t = table_of(k), n = 0;

	for (; n < TABLE_COLUMNS && tables[t].columns[n].member != NULL; n++) {
		const struct estate_field *f = estate_field_find(k, tables[t].columns[n].member);

		out[n] = (struct table_column){ tables[t].columns[n].title, f != NULL && f->type == ESTATE_COUNT };
	}
	return n;
}

static void row(const void *of, struct libscols_table *table, const json_t *item)
{
	const struct estate_kind *k = of;
	const char *cells[TABLE_COLUMNS];
	char *memory[TABLE_COLUMNS] = { NULL };
	size_t t = table_of(k), n = 0;

	for (; n < TABLE_COLUMNS && tables[t].columns[n].member != NULL; n++) {
		const char *member = tables[t].columns[n].member;
		const struct estate_field *f = estate_field_find(k, member);

		cells[n] = "";
		if (strcmp(member, "id") == 0)
			cells[n] = json_text(item, "id");
		else if ((memory[n] = mem_alloc(ESTATE_TEXT_MAX)) != NULL)
			cells[n] = strcmp(member, "taken_at") == 0 ? json_date(item, member, memory[n]) : f != NULL ? estate_value(k, item, f, memory[n], ESTATE_TEXT_MAX) : estate_remark(item, memory[n], ESTATE_TEXT_MAX);
	}
	table_row(table, cells, n);
	for (size_t i = 0; i < n; i++)
		mem_free(memory[i]);
}

static void print_line(struct cli *c, const char *label, const char *text)
{
	fprintf(c->out, "%s: ", label);
	for (const char *p = text; *p != '\0'; p += strcspn(p, "\n") + (p[strcspn(p, "\n")] == '\n')) {
		char *line = mem_strndup(p, strcspn(p, "\n"));

		fputs(p != text ? "    " : "", c->out);
		term_print(c->out, line != NULL ? line : "");
		fputc('\n', c->out);
		mem_free(line);
	}
}

void estate_print(struct cli *c, const struct estate_kind *k, const json_t *entry)
{
	char *text = mem_alloc(ESTATE_TEXT_MAX);

	print_line(c, "ID", json_text(entry, "id"));
	for (size_t i = 0; text != NULL && i < k->field_count; i++) {
		const struct estate_field *f = &k->fields[i];

		/* Notes keep their lines. */
		if (f->type == ESTATE_LINES)
			snprintf(text, ESTATE_TEXT_MAX, "%s", json_text(entry, f->name));
		else
			estate_value(k, entry, f, text, ESTATE_TEXT_MAX);
		if (text[0] != '\0')
			print_line(c, f->heading, text);
	}
	if (text != NULL && estate_remark(entry, text, ESTATE_TEXT_MAX)[0] != '\0')
		print_line(c, "Remark", text);
	if (json_flag(entry, "whole"))
		fputs("The whole key is kept; key readers copy it with `musterctl keys copy`.\n", c->out);
	mem_free(text);
}

int estate_print_table(struct cli *c, const char *heading, const struct estate_kind *k, const json_t *items)
{
	struct table_column columns[TABLE_COLUMNS];
	struct libscols_table *t;
	const json_t *item;
	size_t i;

	if (json_array_size(items) == 0)
		return CLI_OK;
	fprintf(c->out, "\n%s:\n", heading);
	if ((t = table_new(c, columns, columns_of(k, columns), true)) != NULL)
		json_array_foreach(items, i, item)
			row(k, t, item);
	return table_end(c, t);
}

static void write_none(char *out, size_t n, const struct estate_kind *k, bool chosen)
{
	if (chosen)
		(void)snprintf(out, n, "No entries of %s are like this.", k->plural);
	else if (strcmp(k->name, "request") == 0)
		(void)snprintf(out, n, "No requests are in the books; `musterctl request host-activations`, `mak-limit` or `kms-exception` makes one.");
	else if (strcmp(k->name, "host") == 0)
		(void)snprintf(out, n, "No hosts are in the books; `musterctl import` of a dli or dlv listing enters them.");
	else
		(void)snprintf(out, n, "No entries of %s are in the books; `musterctl %s add` enters them, or `musterctl import`.", k->plural, k->plural);
}

int estate_print_list(struct cli *c, const struct estate_kind *k)
{
	struct table_column columns[TABLE_COLUMNS];
	char none[256];
	struct list l = { .columns = columns, .row_of = row, .of = k, .none = none };
	struct buf path;
	int r;

	l.column_count = columns_of(k, columns);
	buf_init(&path, ESTATE_PATH_MAX);
	if ((r = estate_list_path(c, k, &path)) == CLI_OK) {
		write_none(none, sizeof(none), k, strchr(buf_str(&path), '?') != NULL);
		r = list_print(c, buf_str(&path), NULL, &l);
	}
	buf_fini(&path);
	return r;
}
