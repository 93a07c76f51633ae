/* advise: host key, MAK or both, from the numbers of this host's products */
#include <string.h>

#include "core/base/err.h"
#include "core/cli/advise.h"
#include "core/cli/estate.h"
#include "core/cli/verbs.h"

#define MACHINES_MAX 100000000UL
#define MATES_MAX 64

/* Other products whose machines feed the same count. */
static size_t mates_of(const json_t *products, const json_t *product, const char *out[MATES_MAX])
{
	const json_t *other;
	size_t i, n = 0;

	json_array_foreach(products, i, other)
		if (other != product && n < MATES_MAX && json_text(product, "pool")[0] != '\0' && strcmp(json_text(other, "pool"), json_text(product, "pool")) == 0)
			out[n++] = json_text(other, "title")[0] != '\0' ? json_text(other, "title") : json_text(other, "product");
	return n;
}

/* The same is said of both. */
static bool same(const json_t *a, const json_t *b)
{
	return strcmp(json_text(a, "verdict"), json_text(b, "verdict")) == 0 && json_equal(json_object_get(a, "reasons"), json_object_get(b, "reasons")) != 0;
}

/* Of the first that it is said of: with the names of the others. */
static void print_one(struct cli *c, const json_t *all, size_t at)
{
	static const struct { const char *verdict, *words; } words[] = {
		{ "host key", "a host key" }, { "MAK", "a MAK" }, { "both", "both, a host key and a MAK" }, { "none", "neither a host key nor a MAK" },
	};
	const json_t *a = json_array_get(all, at), *reason;
	size_t i;

	for (i = at + 1; i < json_array_size(all); i++)
		if (same(a, json_array_get(all, i)))
			fprintf(c->out, "%s (%s),\n", json_text(json_array_get(all, i), "title"), json_text(json_array_get(all, i), "product"));
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(json_text(a, "verdict"), words[i].verdict) == 0)
			fprintf(c->out, "%s (%s): %s\n", json_text(a, "title"), json_text(a, "product"), words[i].words);
	if (strcmp(json_text(a, "verdict"), "both") == 0)
		fprintf(c->out, "  host key for %" JSON_INTEGER_FORMAT ", MAK for %" JSON_INTEGER_FORMAT "\n", json_number(a, "by_host"), json_number(a, "by_mak"));
	json_array_foreach(json_object_get(a, "reasons"), i, reason)
		fprintf(c->out, "  - %s\n", json_string_value(reason));
}

/* Without --product: those for which there is a choice. */
static bool wanted(const struct cli *c, const json_t *product)
{
	if (c->given[CLI_O_PRODUCT])
		return strcmp(json_text(product, "product"), c->value[CLI_O_PRODUCT]) == 0 || strcmp(json_text(product, "activation_id"), c->value[CLI_O_PRODUCT]) == 0;
	return strcmp(json_text(product, "model"), "threshold") == 0 && json_text(product, "refused")[0] == '\0';
}

static int advise_all(struct cli *c, const json_t *products, const struct advise_case *asked, json_t *out)
{
	enum advise_verdict verdict;
	struct muster_err err;
	const char *mates[MATES_MAX];
	const json_t *product;
	size_t i;

	json_array_foreach(products, i, product) {
		struct advise_case a = *asked;
		json_t *one;

		if (!wanted(c, product))
			continue;
		a.product = product;
		a.pool_mates = mates;
		a.mate_count = mates_of(products, product, mates);
		if (advise(&one, &a, &verdict, &err) != MUSTER_OK)
			return cli_say(c, err.result == MUSTER_E_INVALID ? CLI_USAGE : CLI_FAILED, "%s", err.message);
		if (json_array_append_new(out, one) != 0)
			return cli_say(c, CLI_FAILED, "out of memory");
	}
	if (json_array_size(out) == 0 && c->given[CLI_O_PRODUCT])
		return cli_say(c, CLI_FAILED, "this host has no product \"%s\"; `musterctl products` lists them", c->value[CLI_O_PRODUCT]);
	if (json_array_size(out) == 0)
		return cli_say(c, CLI_FAILED, "this host has no product whose machines are counted; --product names one of another model");
	return CLI_OK;
}

static int print_all(struct cli *c, const json_t *all)
{
	const json_t *a;
	size_t i, before;

	if (c->given[CLI_O_JSON]) {
		json_t *o = json_pack("{s:O}", "items", all);
		int r = cli_print_json(c, o);

		json_decref(o);
		return r;
	}
	json_array_foreach(all, i, a) {
		for (before = 0; before < i && !same(json_array_get(all, before), a); before++) { }
		if (before < i)
			continue;   /* said with that one */
		if (i > 0)
			fputc('\n', c->out);
		print_one(c, all, i);
	}
	return CLI_OK;
}

int verb_advise(struct cli *c)
{
	struct advise_case a = { 0 };
	struct muster_err err;
	json_t *products = NULL, *agreement = NULL, *all = json_array();
	int r = CLI_USAGE;

	if (!c->given[CLI_O_MACHINES])
		(void)cli_say(c, CLI_USAGE, "how many machines? musterctl advise --machines N [--isolated M]");
	else if (cli_number(c, CLI_O_MACHINES, 1, MACHINES_MAX, &a.machines) == CLI_OK &&
	         (!c->given[CLI_O_ISOLATED] || cli_number(c, CLI_O_ISOLATED, 0, MACHINES_MAX, &a.isolated) == CLI_OK))
		r = CLI_OK;
	if (r == CLI_OK && a.isolated > a.machines)
		r = cli_say(c, CLI_USAGE, "--isolated: %lu of %lu machines cannot be isolated; they are a part of all", a.isolated, a.machines);
	if (r == CLI_OK && c->given[CLI_O_AGREEMENT] && (r = estate_show(c, estate_kind_find("agreement"), c->value[CLI_O_AGREEMENT], &agreement)) == CLI_OK)
		a.programme = json_text(agreement, "programme");
	if (r == CLI_OK && api_get(c, "/admin/v1/products", &products, &err) != MUSTER_OK)
		r = cli_fail(c, &err);
	if (r == CLI_OK && (r = advise_all(c, json_object_get(products, "items"), &a, all)) == CLI_OK)
		r = print_all(c, all);
	json_decref(all);
	json_decref(agreement);
	json_decref(products);
	return r;
}
