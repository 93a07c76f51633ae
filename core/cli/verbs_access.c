/* access: what there is of access licences, who holds them, and what administrators do about it */
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/cli/holdings.h"
#include "core/cli/verbs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- the report ---- */

static void report_row(struct libscols_table *t, const json_t *product, const json_t *v)
{
	char bought[24], issued[24], temporary[24], over[24], revoked[24], revocable[24], free_[24], reserved[24];
	bool device = strcmp(json_text(v, "per"), "device") == 0;

	table_row(t, (const char *[]){ json_text(product, "product"), json_text(v, "version"), json_text(v, "per"), holdings_number(bought, v, "bought"), holdings_number(issued, v, "issued"),
	                               device ? holdings_number(temporary, v, "temporary") : "", holdings_number(over, v, "over"), device ? holdings_number(revoked, v, "revoked") : "",
	                               device ? holdings_number(revocable, v, "revocable") : "", holdings_number(free_, v, "free"), holdings_number(reserved, v, "reserved") }, 11);
}

/* A report may be of all models; only these are licences. */
static bool is_access(const json_t *product)
{
	return strcmp(json_text(product, "model"), "access") == 0;
}

static int report_print(struct cli *c, const json_t *answer)
{
	static const struct table_column columns[] = { { "PRODUCT", false }, { "VERSION", false }, { "PER", false }, { "BOUGHT", true }, { "ISSUED", true }, { "TEMPORARY", true },
		{ "OVER", true }, { "REVOKED", true }, { "REVOCABLE", true }, { "FREE", true }, { "RESERVED", true } };
	struct libscols_table *t = table_new(c, columns, COUNT(columns), true);
	const json_t *product, *v;
	json_int_t over = 0;
	size_t i, k;
	int r;

	json_array_foreach(json_object_get(answer, "products"), i, product)
		json_array_foreach(json_object_get(product, "versions"), k, v) {
			if (t != NULL)
				report_row(t, product, v);
			over += json_number(v, "over");
		}
	if ((r = table_end(c, t)) == CLI_OK && over > 0)
		fputs("\nMore is given out than there is: `musterctl debt` says how much.\n", c->out);
	return r;
}

static json_t *only_access(const json_t *answer)
{
	json_t *list = json_array();
	json_t *product;
	size_t i;

	json_array_foreach(json_object_get(answer, "products"), i, product)
		if (is_access(product))
			(void)json_array_append(list, product);
	return json_pack("{s:o}", "products", list);
}

static int report(struct cli *c)
{
	char product[HOLDINGS_NAME] = "";
	json_t *answer = NULL, *access;
	int r;

	if (c->given[CLI_O_PRODUCT] && (r = holdings_product(c, "access", product)) != CLI_OK)
		return r;
	if ((r = holdings_ask(c, product, &answer)) != CLI_OK)
		return r;
	access = only_access(answer);
	if (c->given[CLI_O_JSON])
		r = cli_print_json(c, access);
	else if (json_array_size(json_object_get(access, "products")) == 0)
		r = cli_say(c, CLI_FAILED, product[0] != '\0' ? "%s has no access licences" : "this host has no product of the access model%s", product);
	else
		r = report_print(c, access);
	json_decref(access);
	json_decref(answer);
	return r;
}

static int list(struct cli *c)
{
	char product[HOLDINGS_NAME];
	int r = holdings_product(c, "access", product);

	return r == CLI_OK ? holdings_holders(c, product, false) : r;
}

/* ---- where they come from ---- */

/* @return rows, of this product or, with "", of all. */
static size_t pack_rows(struct libscols_table *t, const json_t *packs, const char *only)
{
	const json_t *pack, *key, *product, *a;
	char number[24], licenses[24], coverage[32], ends[32];
	size_t i, k, n, rows = 0;

	json_array_foreach(json_object_get(packs, "items"), i, pack)
		json_array_foreach(json_object_get(pack, "keys"), k, key) {
			if (!json_is_object(a = json_object_get(key, "access")))
				continue;
			json_array_foreach(json_object_get(key, "products"), n, product) {
				if (only[0] != '\0' && (json_string_value(product) == NULL || strcmp(json_string_value(product), only) != 0))
					continue;
				rows++;
				table_row(t, (const char *[]){ json_string_value(product), json_text(a, "per"), json_text(a, "version"), holdings_number(licenses, a, "licenses"), "pack",
				                               holdings_number(number, key, "number"), json_date(key, "coverage_end", coverage), json_date(pack, "ends_at", ends),
				                               json_text(pack, "agreement") }, 9);
			}
		}
	return rows;
}

static size_t entered_rows(struct libscols_table *t, const json_t *answer)
{
	const json_t *product, *e;
	char licenses[24];
	size_t i, k, rows = 0;

	json_array_foreach(json_object_get(answer, "products"), i, product)
		json_array_foreach(json_object_get(product, "entered"), k, e) {
			rows++;
			table_row(t, (const char *[]){ json_text(product, "product"), json_text(e, "per"), json_text(e, "version"), holdings_number(licenses, e, "licenses"), "entered",
			                               json_text(e, "id"), "", "", json_text(e, "note") }, 9);
		}
	return rows;
}

static int packs(struct cli *c)
{
	static const struct table_column columns[] = { { "PRODUCT", false }, { "PER", false }, { "VERSION", false }, { "LICENCES", true }, { "FROM", false }, { "NUMBER OR ID", false },
		{ "COVERAGE ENDS", false }, { "PACK ENDS", false }, { "AGREEMENT OR NOTE", false } };
	char only[HOLDINGS_NAME] = "";
	struct libscols_table *t;
	struct muster_err err;
	json_t *answer = NULL, *held = NULL, *o;
	size_t rows = 0;
	int r;

	if (c->given[CLI_O_PRODUCT] && (r = holdings_product(c, "access", only)) != CLI_OK)
		return r;
	if (api_get(c, "/admin/v1/packs", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if ((r = holdings_ask(c, only, &held)) != CLI_OK)
		goto done;
	if (c->given[CLI_O_JSON]) {
		o = json_pack("{s:O, s:O}", "packs", json_object_get(answer, "items"), "products", json_object_get(held, "products"));
		r = cli_print_json(c, o);
		json_decref(o);
		goto done;
	}
	if ((t = table_new(c, columns, COUNT(columns), true)) != NULL) {
		rows = pack_rows(t, answer, only);
		rows += entered_rows(t, held);
	}
	if ((r = table_end(c, t)) == CLI_OK && rows == 0)
		fputs("No licences are there: they come in licence packs (musterctl pack install FILE).\n", c->out);
done:
	json_decref(held);
	json_decref(answer);
	return r;
}

/* ---- acts ---- */

static int add(struct cli *c)
{
	return holdings_enter(c, "access", NULL);
}

static int revoke(struct cli *c)
{
	char product[HOLDINGS_NAME];
	uint8_t id[UUID_LEN];
	const char *reason;
	int r;

	if (c->arg_count != 2 || uuid_parse(id, c->args[1], strlen(c->args[1])) != MUSTER_OK)
		return cli_say(c, CLI_USAGE, "which device? musterctl access revoke CLIENT-ID --reason TEXT; `musterctl access list` shows the IDs");
	if ((reason = holdings_reason(c)) == NULL)
		return CLI_USAGE;
	if ((r = holdings_product_of(c, "access", product)) != CLI_OK)
		return r;
	return holdings_act(c, "/admin/v1/holdings/take-back", json_pack("{s:s, s:s, s:s?, s:s}", "product", product, "holder", c->args[1], "version", c->value[CLI_O_OF], "reason", reason));
}

static int reassign(struct cli *c)
{
	char product[HOLDINGS_NAME];
	const char *reason;
	int r;

	if (c->arg_count != 3)
		return cli_say(c, CLI_USAGE, "from whom to whom? musterctl access reassign USER USER --reason TEXT");
	if ((reason = holdings_reason(c)) == NULL)
		return CLI_USAGE;
	if ((r = holdings_product_of(c, "access", product)) != CLI_OK)
		return r;
	return holdings_act(c, "/admin/v1/holdings/reassign", json_pack("{s:s, s:s, s:s, s:s}", "product", product, "from", c->args[1], "to", c->args[2], "reason", reason));
}

int verb_access(struct cli *c)
{
	static const struct { const char *word; size_t most; int (*run)(struct cli *); bool per, of; } words[] = {
		{ "report", 1, report, false, false }, { "list", 1, list, false, false }, { "packs", 1, packs, false, false }, { "add", 1, add, true, true },
		{ "remove", 2, holdings_enter_remove, false, false }, { "revoke", 2, revoke, false, true }, { "reassign", 3, reassign, false, false },
		{ "activate", 2, verb_access_activate, false, false }, { "id", 2, verb_access_activate, false, false },   /* the licence server itself */
	};

	if (c->arg_count == 0)
		return report(c);
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcasecmp(c->args[0], words[i].word) == 0) {
			if (c->arg_count > words[i].most)
				return cli_say(c, CLI_USAGE, "access %s takes no \"%s\"", words[i].word, c->args[words[i].most]);
			/* They look like a choice of rows, which a list of all would not be. */
			if ((c->given[CLI_O_PER] && !words[i].per) || (c->given[CLI_O_OF] && !words[i].of))
				return cli_say(c, CLI_USAGE, "access %s takes no --%s", words[i].word, c->given[CLI_O_PER] && !words[i].per ? "per" : "of");
			return words[i].run(c);
		}
	return cli_say(c, CLI_USAGE, "access takes \"report\", \"list\", \"packs\", \"add\", \"remove\", \"revoke\", \"reassign\", \"activate\" or \"id\", not \"%s\"", c->args[0]);
}
