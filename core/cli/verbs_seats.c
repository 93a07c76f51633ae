/* seats: who holds them; debt: what exceeds, of every model */
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/cli/holdings.h"
#include "core/cli/verbs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- seats ---- */

static void seats_row(struct libscols_table *t, const json_t *product, const json_t *s)
{
	char bought[24], issued[24], free_[24], over[24], ending[24], reserved[24], waiting[24];

	table_row(t, (const char *[]){ json_text(product, "product"), holdings_number(bought, s, "bought"), holdings_number(issued, s, "issued"), holdings_number(free_, s, "free"),
	                               holdings_number(over, s, "over"), holdings_number(ending, s, "ending"), holdings_number(reserved, s, "reserved"), holdings_number(waiting, s, "waiting") }, 8);
}

static int overview_print(struct cli *c, const json_t *products)
{
	static const struct table_column columns[] = { { "PRODUCT", false }, { "SEATS", true }, { "OUT", true }, { "FREE", true }, { "OVER", true }, { "ENDING", true }, { "RESERVED", true },
		{ "WAITING", true } };
	struct libscols_table *t = table_new(c, columns, COUNT(columns), true);
	const json_t *product;
	size_t i;

	json_array_foreach(products, i, product)
		if (t != NULL)
			seats_row(t, product, json_object_get(product, "seats"));
	return table_end(c, t);
}

/* Products of the seats model out of a report of all. */
static json_t *only_seats(const json_t *answer)
{
	json_t *list = json_array(), *product;
	size_t i;

	json_array_foreach(json_object_get(answer, "products"), i, product)
		if (json_is_object(json_object_get(product, "seats")))
			(void)json_array_append(list, product);
	return list;
}

static int overview(struct cli *c)
{
	char product[HOLDINGS_NAME] = "";
	json_t *answer = NULL, *list, *o;
	int r;

	if (c->given[CLI_O_PRODUCT] && (r = holdings_product(c, "seats", product)) != CLI_OK)
		return r;
	if ((r = holdings_ask(c, product, &answer)) != CLI_OK)
		return r;
	list = only_seats(answer);
	if (c->given[CLI_O_JSON]) {
		o = json_pack("{s:O}", "products", list);
		r = cli_print_json(c, o);
		json_decref(o);
	} else if (json_array_size(list) == 0) {
		r = cli_say(c, CLI_FAILED, product[0] != '\0' ? "%s has no seats" : "this host has no product of the seats model%s", product);
	} else {
		r = overview_print(c, list);
	}
	json_decref(list);
	json_decref(answer);
	return r;
}

static int print_queue(struct cli *c, const json_t *queue)
{
	static const struct table_column columns[] = { { "POSITION", true }, { "WAITING", false }, { "ASKED", false } };
	struct libscols_table *t;
	const json_t *q;
	char position[24], asked[32];
	size_t i;

	if (json_array_size(queue) == 0)
		return CLI_OK;
	fputc('\n', c->out);
	if ((t = table_new(c, columns, COUNT(columns), true)) != NULL)
		json_array_foreach(queue, i, q)
			table_row(t, (const char *[]){ holdings_number(position, q, "position"), json_text(q, "client_id"), json_date(q, "asked_at", asked) }, 3);
	return table_end(c, t);
}

/* @return 1: there are some, 0: none. -1: *r says why it is not known. */
static int any_seats(struct cli *c, int *r)
{
	json_t *answer = NULL, *found;
	int n;

	if ((*r = holdings_ask(c, "", &answer)) != CLI_OK)
		return -1;
	found = only_seats(answer);
	n = json_array_size(found) > 0;
	json_decref(found);
	json_decref(answer);
	return n;
}

static int list(struct cli *c)
{
	char product[HOLDINGS_NAME];
	json_t *answer = NULL;
	int r = CLI_OK, any = 1;

	/* For programs no product of the model is an empty list, as in the report. */
	if (c->given[CLI_O_JSON] && !c->given[CLI_O_PRODUCT] && (any = any_seats(c, &r)) <= 0) {
		if (any < 0)
			return r;
		answer = json_pack("{s:[], s:b, s:n}", "items", "more", 0, "next");
		r = cli_print_json(c, answer);
		json_decref(answer);
		return r;
	}
	if ((r = holdings_product(c, "seats", product)) != CLI_OK || (r = holdings_holders(c, product, true)) != CLI_OK || c->given[CLI_O_JSON])
		return r;
	if ((r = holdings_ask(c, product, &answer)) == CLI_OK)
		r = print_queue(c, json_object_get(json_array_get(json_object_get(answer, "products"), 0), "queue"));
	json_decref(answer);
	return r;
}

static int release(struct cli *c)
{
	char product[HOLDINGS_NAME];
	uint8_t id[UUID_LEN];
	const char *reason;
	int r;

	if (c->arg_count != 2 || uuid_parse(id, c->args[1], strlen(c->args[1])) != MUSTER_OK)
		return cli_say(c, CLI_USAGE, "whose seat? musterctl seats release CLIENT-ID --reason TEXT; `musterctl seats list` shows the IDs");
	if ((reason = holdings_reason(c)) == NULL)
		return CLI_USAGE;
	if ((r = holdings_product_of(c, "seats", product)) != CLI_OK)
		return r;
	return holdings_act(c, "/admin/v1/holdings/take-back", json_pack("{s:s, s:s, s:s}", "product", product, "holder", c->args[1], "reason", reason));
}

static int add(struct cli *c)
{
	return holdings_enter(c, "seats", "seat");
}

int verb_seats(struct cli *c)
{
	static const struct { const char *word; size_t most; int (*run)(struct cli *); } words[] = {
		{ "report", 1, overview }, { "list", 1, list }, { "release", 2, release }, { "add", 1, add }, { "remove", 2, holdings_enter_remove },
	};

	if (c->arg_count == 0)
		return overview(c);
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcasecmp(c->args[0], words[i].word) == 0) {
			if (c->arg_count > words[i].most)
				return cli_say(c, CLI_USAGE, "seats %s takes no \"%s\"", words[i].word, c->args[words[i].most]);
			return words[i].run(c);
		}
	return cli_say(c, CLI_USAGE, "seats takes \"report\", \"list\", \"release\", \"add\" or \"remove\", not \"%s\"", c->args[0]);
}

/* ---- debt ---- */

static const char *what_of(const json_t *d, char out[160])
{
	if (strcmp(json_text(d, "what"), "machines") == 0)
		return "machines below the minimum count";
	if (strcmp(json_text(d, "what"), "seats") == 0)
		return "seats";
	snprintf(out, 160, "licences %s per %s", json_text(d, "version"), json_text(d, "per"));
	return out;
}

int verb_debt(struct cli *c)
{
	static const struct table_column columns[] = { { "PRODUCT", false }, { "MODEL", false }, { "POLICY", false }, { "WHAT", false }, { "THERE", true }, { "USED", true }, { "DEBT", true } };
	char path[128] = "/admin/v1/debt", product[HOLDINGS_NAME], what[160], available[24], used[24], debt[24];
	struct libscols_table *t;
	struct muster_err err;
	json_t *answer = NULL;
	const json_t *d;
	size_t i;
	int r;

	if (c->given[CLI_O_PRODUCT]) {
		if ((r = holdings_product(c, "", product)) != CLI_OK)
			return r;
		snprintf(path, sizeof(path), "/admin/v1/debt?product=%s", product);
	}
	if (api_get(c, path, &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
	} else if (json_array_size(json_object_get(answer, "items")) == 0) {
		fputs("Nothing exceeds what there is.\n", c->out);
		r = CLI_OK;
	} else {
		if ((t = table_new(c, columns, COUNT(columns), true)) != NULL)
			json_array_foreach(json_object_get(answer, "items"), i, d)
				table_row(t, (const char *[]){ json_text(d, "product"), json_text(d, "model"), json_text(d, "policy"), what_of(d, what), holdings_number(available, d, "available"),
				                               holdings_number(used, d, "used"), holdings_number(debt, d, "debt") }, 7);
		r = table_end(c, t);
	}
	json_decref(answer);
	return r;
}
