#include "core/cli/holdings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/cli/list.h"

#define LICENSES_MAX 10000000UL

const char *holdings_number(char out[24], const json_t *o, const char *name)
{
	snprintf(out, 24, "%" JSON_INTEGER_FORMAT, json_number(o, name));
	return out;
}

static bool is_name(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n < HOLDINGS_NAME && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

int holdings_product(struct cli *c, const char *model, char out[HOLDINGS_NAME])
{
	struct muster_err err;
	json_t *answer = NULL;
	const json_t *p;
	char names[256] = "";
	size_t i, n = 0;

	if (c->given[CLI_O_PRODUCT]) {
		if (!is_name(c->value[CLI_O_PRODUCT]))
			return cli_say(c, CLI_USAGE, "--product: \"%s\" is not a product name", c->value[CLI_O_PRODUCT]);
		strcpy(out, c->value[CLI_O_PRODUCT]);
		return CLI_OK;
	}
	if (api_get(c, "/admin/v1/products", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	json_array_foreach(json_object_get(answer, "items"), i, p) {
		if (strcmp(json_text(p, "model"), model) != 0 || json_text(p, "refused")[0] != '\0')
			continue;
		n++;
		snprintf(out, HOLDINGS_NAME, "%s", json_text(p, "product"));
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", names[0] != '\0' ? ", " : "", out);
	}
	json_decref(answer);
	if (n == 1)
		return CLI_OK;
	if (n == 0)
		return cli_say(c, CLI_FAILED, "this host has no product of the %s model", model);
	return cli_say(c, CLI_USAGE, "which product? --product NAME, one of: %s", names);
}

const char *holdings_reason(struct cli *c)
{
	if (c->given[CLI_O_REASON] && c->value[CLI_O_REASON][0] != '\0')
		return c->value[CLI_O_REASON];
	cli_say(c, CLI_USAGE, "say why: --reason TEXT; it stays in the journal");
	return NULL;
}

int holdings_ask(struct cli *c, const char *product, json_t **out)
{
	struct muster_err err;
	char path[128];

	snprintf(path, sizeof(path), "/admin/v1/holdings%s%s", product[0] != '\0' ? "?product=" : "", product);
	return api_get(c, path, out, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
}

/* ---- who holds what ---- */

static const char *or_name(const json_t *item)
{
	return json_text(item, "name")[0] != '\0' ? json_text(item, "name") : json_text(item, "holder");
}

static void license_row(struct libscols_table *t, const json_t *item)
{
	char since[32], until[32];

	table_row(t, (const char *[]){ json_text(item, "version"), json_text(item, "kind"), json_text(item, "holder"), or_name(item), json_text(item, "state"),
	                               json_flag(item, "over") ? "yes" : "", json_date(item, "since", since), json_date(item, "until", until) }, 8);
}

static void seat_row(struct libscols_table *t, const json_t *item)
{
	char since[32], until[32];

	table_row(t, (const char *[]){ json_text(item, "holder"), or_name(item), json_text(item, "state"), json_flag(item, "over") ? "yes" : "", json_date(item, "since", since),
	                               json_date(item, "until", until) }, 6);
}

/* A product of the other model would have an empty list. What the host does not know it says itself. */
static int of_model(struct cli *c, const char *name, const char *model)
{
	struct muster_err err;
	json_t *answer = NULL;
	const json_t *p;
	size_t i;
	int r = CLI_OK;

	if (api_get(c, "/admin/v1/products", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	json_array_foreach(json_object_get(answer, "items"), i, p)
		if (strcmp(json_text(p, "product"), name) == 0 && strcmp(json_text(p, "model"), model) != 0)
			r = cli_say(c, CLI_FAILED, "%s is of the %s model, not of the %s model; `musterctl products` shows which is which", name, json_text(p, "model"), model);
	json_decref(answer);
	return r;
}

int holdings_product_of(struct cli *c, const char *model, char out[HOLDINGS_NAME])
{
	int r = holdings_product(c, model, out);

	return r == CLI_OK && c->given[CLI_O_PRODUCT] ? of_model(c, out, model) : r;
}

int holdings_holders(struct cli *c, const char *product, bool seats)
{
	static const struct table_column license[] = { { "VERSION", false }, { "PER", false }, { "HOLDER", false }, { "NAME", false }, { "STATE", false }, { "OVER", false },
		{ "SINCE", false }, { "UNTIL", false } };
	static const struct table_column seat[] = { { "HOLDER", false }, { "NAME", false }, { "STATE", false }, { "OVER", false }, { "SINCE", false }, { "UNTIL", false } };
	struct list l = { .columns = seats ? seat : license, .column_count = seats ? 6 : 8, .row = seats ? seat_row : license_row };
	char path[160], first[512] = "", none[160];
	int r;

	if (c->given[CLI_O_PRODUCT] && (r = of_model(c, product, seats ? "seats" : "access")) != CLI_OK)
		return r;
	snprintf(path, sizeof(path), "/admin/v1/holdings/holders?product=%s", product);
	if (c->given[CLI_O_AFTER]) {
		const char *mark = c->value[CLI_O_AFTER];

		if (strspn(mark, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != strlen(mark) || strlen(mark) > 256)
			return cli_say(c, CLI_USAGE, "--after: \"%s\" is no place of a list", mark);
		snprintf(first, sizeof(first), "after=%s", mark);
	}
	(void)snprintf(none, sizeof(none), seats ? "Nobody has a seat of %s." : "Nobody holds an access licence of %s.", product);
	l.none = none;
	return list_print(c, path, first[0] != '\0' ? first : NULL, &l);
}

/* ---- acts ---- */

int holdings_act(struct cli *c, const char *path, json_t *body)
{
	struct muster_err err;
	json_t *answer = NULL;
	int r;

	if (body == NULL)
		return cli_say(c, CLI_USAGE, "what was typed is not UTF-8");
	r = api_post(c, path, body, &answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	json_decref(body);
	if (r == CLI_OK && c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else if (r == CLI_OK)
		fprintf(c->out, "%s\n", json_text(answer, "message"));
	json_decref(answer);
	return r;
}

int holdings_enter(struct cli *c, const char *model, const char *per)
{
	char product[HOLDINGS_NAME];
	unsigned long licenses;
	bool version = per == NULL;
	struct muster_err err;
	json_t *body, *answer = NULL;
	int r;

	if (version && !c->given[CLI_O_PER])
		return cli_say(c, CLI_USAGE, "for whom? --per device or --per user");
	if (version && !c->given[CLI_O_OF])
		return cli_say(c, CLI_USAGE, "of which version? --of VERSION; `musterctl products --verbose` lists them");
	if (!c->given[CLI_O_LICENSES])
		return cli_say(c, CLI_USAGE, "how many? --licenses N");
	if ((r = cli_number(c, CLI_O_LICENSES, 1, LICENSES_MAX, &licenses)) != CLI_OK || (r = holdings_product_of(c, model, product)) != CLI_OK)
		return r;
	body = json_pack("{s:s, s:s, s:s?, s:I, s:s?}", "product", product, "per", version ? c->value[CLI_O_PER] : per, "version", version ? c->value[CLI_O_OF] : NULL,
		"licenses", (json_int_t)licenses, "note", c->value[CLI_O_NOTE]);
	if (body == NULL)
		return cli_say(c, CLI_USAGE, "what was typed is not UTF-8");
	r = api_post(c, "/admin/v1/holdings/entered", body, &answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	json_decref(body);
	if (r == CLI_OK && c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else if (r == CLI_OK)
		fprintf(c->out, "Entered as %s: %lu %s%s%s of %s.\n", json_text(answer, "id"), licenses, version ? "licence" : "seat", licenses == 1 ? "" : "s", version ? "" : " more", product);
	json_decref(answer);
	return r;
}

int holdings_enter_remove(struct cli *c)
{
	if (c->arg_count != 2)
		return cli_say(c, CLI_USAGE, "which entry? musterctl %s remove ID; `musterctl access packs` lists them", c->verb);
	if (!cli_confirm(c, "Remove what was entered by hand? What is given out beyond the rest is shown as debt; nobody is cut off."))
		return CLI_USAGE;
	return holdings_act(c, "/admin/v1/holdings/entered/remove", json_pack("{s:s}", "id", c->args[1]));
}
