/* pack, crl: what the issuer hands over as files */
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/cli/acts.h"
#include "core/cli/table.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"

#define CRL_MAX ((size_t)1 << 20)

static int pack_install(struct cli *c)
{
	json_t *answer = NULL;
	int r;

	if (c->arg_count != 2 || c->args[1][0] == '\0')
		return cli_say(c, CLI_USAGE, "which file? musterctl pack install FILE");
	if ((r = act_pack_install(c, c->args[1], &answer)) == CLI_OK)
		r = print_pack_installed(c, answer);
	json_decref(answer);
	return r;
}

/* A product's name, once however many keys are for it. */
static void add_name(struct buf *names, json_t *seen, const char *name)
{
	if (json_object_get(seen, name) != NULL)
		return;
	(void)json_object_set_new(seen, name, json_true());
	buf_addf(names, "%s%s", names->n > 0 ? " " : "", name);
}

static void pack_row(struct libscols_table *t, const json_t *p)
{
	char issue[24], issued[32], ends[32];
	json_t *seen = json_object();
	struct buf products;
	const json_t *k, *name;
	size_t i, j;

	buf_init(&products, 8192);
	json_array_foreach(json_object_get(p, "keys"), i, k)
		json_array_foreach(json_object_get(k, "products"), j, name)
			add_name(&products, seen, json_string_value(name));
	json_decref(seen);
	snprintf(issue, sizeof(issue), "%" JSON_INTEGER_FORMAT, json_number(p, "issue"));
	table_row(t, (const char *[]){ json_text(p, "pack_id"), json_text(p, "organisation"), json_text(p, "agreement"), issue, json_date(p, "issued_at", issued),
	                               json_date(p, "ends_at", ends), buf_str(&products) }, 7);
	buf_fini(&products);
}

static int pack_list(struct cli *c, const json_t *items)
{
	static const struct table_column columns[] = { { "PACK", false }, { "ORGANISATION", false }, { "AGREEMENT", false }, { "ISSUE", true }, { "ISSUED", false },
		{ "ENDS", false }, { "PRODUCTS", false } };
	struct libscols_table *t;
	const json_t *p;
	size_t i;

	if (json_array_size(items) == 0) {
		fputs("No licence pack is installed; the issuer makes one, `musterctl pack install FILE` installs it.\n", c->out);
		return CLI_OK;
	}
	if ((t = table_new(c, columns, sizeof(columns) / sizeof(columns[0]), true)) != NULL)
		json_array_foreach(items, i, p)
			pack_row(t, p);
	return table_end(c, t);
}

static void line(struct cli *c, const char *label, const char *value)
{
	if (value[0] == '\0')
		return;
	fprintf(c->out, "    %s: ", label);
	term_print(c->out, value);
	fputc('\n', c->out);
}

static void show_key(struct cli *c, const json_t *k)
{
	char date[32];
	const json_t *name;
	size_t j;

	fprintf(c->out, "    Key %" JSON_INTEGER_FORMAT ", %s, generation %" JSON_INTEGER_FORMAT ", for", json_number(k, "number"),
	        json_text(k, "kind_text")[0] != '\0' ? json_text(k, "kind_text") : json_text(k, "kind"), json_number(k, "generation"));
	json_array_foreach(json_object_get(k, "products"), j, name)
		fprintf(c->out, " %s", json_string_value(name));
	if (json_number(k, "hosts") > 0)
		fprintf(c->out, ", %" JSON_INTEGER_FORMAT " hosts, %" JSON_INTEGER_FORMAT " activations each", json_number(k, "hosts"), json_number(k, "activations"));
	else if (json_number(k, "activations") > 0)
		fprintf(c->out, ", %" JSON_INTEGER_FORMAT " activations", json_number(k, "activations"));
	if (json_date(k, "coverage_start", date)[0] != '\0')
		fprintf(c->out, ", covers from %s", date);
	if (json_date(k, "coverage_end", date)[0] != '\0')
		fprintf(c->out, " to %s", date);
	fputc('\n', c->out);
}

static void show_pack(struct cli *c, const json_t *p)
{
	struct buf contacts;
	char date[32], issue[24];
	const json_t *k;
	size_t i;

	fprintf(c->out, "Licence pack %s\n", json_text(p, "pack_id"));
	line(c, "Organisation", json_text(p, "organisation"));
	line(c, "Agreement", json_text(p, "agreement"));
	line(c, "Programme", json_text(p, "programme"));
	line(c, "Licence ID", json_text(p, "license_id"));
	line(c, "Issuer", json_text(p, "issuer"));
	line(c, "Online service", json_text(p, "service"));
	snprintf(issue, sizeof(issue), "%" JSON_INTEGER_FORMAT, json_number(p, "issue"));
	line(c, "Issue", issue);
	line(c, "Issued", json_date(p, "issued_at", date));
	line(c, "Ends", json_date(p, "ends_at", date));
	json_array_foreach(json_object_get(p, "keys"), i, k)
		show_key(c, k);
	if (json_array_size(json_object_get(p, "contacts")) == 0)
		return;
	buf_init(&contacts, 1u << 16);
	print_contacts(&contacts, json_object_get(p, "contacts"));
	fputs("Contacts\n", c->out);
	term_print(c->out, buf_str(&contacts));
	buf_fini(&contacts);
}

static int pack_show(struct cli *c, const json_t *items)
{
	size_t i, shown = 0;
	const json_t *p;

	json_array_foreach(items, i, p) {
		if (c->arg_count > 1 && strcasecmp(json_text(p, "pack_id"), c->args[1]) != 0)
			continue;
		if (shown++ > 0)
			fputc('\n', c->out);
		show_pack(c, p);
	}
	if (shown == 0 && c->arg_count > 1)
		return cli_say(c, CLI_FAILED, "there is no pack %s; `musterctl pack list` shows what is installed", c->args[1]);
	return shown > 0 ? CLI_OK : pack_list(c, items);
}

int verb_pack(struct cli *c)
{
	struct muster_err err;
	json_t *answer = NULL;
	const json_t *items;
	bool list = c->arg_count == 0 || strcasecmp(c->args[0], "list") == 0;
	int r;

	if (!list && strcasecmp(c->args[0], "install") == 0)
		return pack_install(c);
	if (!list && strcasecmp(c->args[0], "show") != 0)
		return cli_say(c, CLI_USAGE, "pack takes \"install\", \"list\" or \"show\", not \"%s\"", c->args[0]);
	if (list && c->arg_count > 1)
		return cli_say(c, CLI_USAGE, "pack list takes no \"%s\"; musterctl pack show %s", c->args[1], c->args[1]);
	if (api_get(c, "/admin/v1/packs", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	items = json_object_get(answer, "items");
	r = c->given[CLI_O_JSON] ? cli_print_json(c, answer) : list ? pack_list(c, items) : pack_show(c, items);
	json_decref(answer);
	return r;
}

static int crl_show(struct cli *c)
{
	struct muster_err err;
	json_t *answer = NULL;
	const json_t *x, *items;
	size_t i;
	int r = CLI_OK;

	if (api_get(c, "/admin/v1/crl", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	items = json_object_get(answer, "items");
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
	} else {
		json_array_foreach(items, i, x) {
			char from[32], next[32];

			fprintf(c->out, "Issuer %s: list %" JSON_INTEGER_FORMAT ", made %s, next by %s, %" JSON_INTEGER_FORMAT " certificates revoked\n", json_text(x, "issuer"),
			        json_number(x, "number"), json_date(x, "made_at", from), json_date(x, "next_at", next), json_number(x, "revoked"));
		}
		if (json_array_size(items) == 0)
			fputs("No revocation list is known; the issuer's is part of packs, comes with `musterctl ato`, or is installed: musterctl crl install FILE\n", c->out);
	}
	json_decref(answer);
	return r;
}

static int crl_install(struct cli *c)
{
	struct muster_err err;
	json_t *body = NULL, *answer = NULL;
	struct buf pem;
	int r;

	if (c->arg_count != 2)
		return cli_say(c, CLI_USAGE, "which file? musterctl crl install FILE");
	buf_init(&pem, CRL_MAX);
	if (file_read(&pem, c->args[1], CRL_MAX, &err) != MUSTER_OK)
		r = cli_say(c, CLI_FAILED, "%s", err.message);
	else if ((body = json_pack("{s:s}", "crl", buf_str(&pem))) == NULL)
		r = cli_say(c, CLI_FAILED, "%s is not a PEM file", c->args[1]);
	else
		r = api_post(c, "/admin/v1/crl", body, &answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	if (r == CLI_OK && c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else if (r == CLI_OK)
		fprintf(c->out, "Revocation list %" JSON_INTEGER_FORMAT " is installed.\n", json_number(answer, "number"));
	json_decref(answer);
	json_decref(body);
	buf_fini(&pem);
	return r;
}

int verb_crl(struct cli *c)
{
	if (c->arg_count == 0 || (strcasecmp(c->args[0], "show") == 0 && c->arg_count == 1))
		return crl_show(c);
	if (strcasecmp(c->args[0], "install") == 0)
		return crl_install(c);
	return cli_say(c, CLI_USAGE, "crl takes \"show\" or \"install FILE\", not \"%s\"", c->args[c->arg_count - 1]);
}
