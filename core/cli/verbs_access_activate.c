/* access activate, access id: a licence server, by programme and number */
#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/err.h"
#include "core/base/qr.h"
#include "core/cli/acts.h"
#include "core/cli/dialogue.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"
#include "core/trust/product_key.h"

#define NUMBER_LINE_MAX 256

/* A product by name or activation ID. @param[out] name owned by @p products. */
static int find_product(struct cli *c, const char *text, json_t **products, const char **name, char id[40])
{
	struct muster_err err;
	const json_t *p;
	size_t i;

	if (api_get(c, "/admin/v1/products", products, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	json_array_foreach(json_object_get(*products, "items"), i, p)
		if (strcmp(json_text(p, "product"), text) == 0 || strcmp(json_text(p, "activation_id"), text) == 0) {
			*name = json_text(p, "product");
			snprintf(id, 40, "%s", json_text(p, "activation_id"));
			return CLI_OK;
		}
	return cli_say(c, CLI_USAGE, "no product is called %s; `musterctl products` lists them", text);
}

static int post(struct cli *c, const char *product, const char *number, bool replace, json_t **answer, struct muster_err *err)
{
	json_t *body = json_pack("{s:s, s:s, s:s, s:b}", "product", product, "programme", c->value[CLI_O_PROGRAMME], "number", number, "replace", replace);
	int r = body != NULL ? api_post(c, "/admin/v1/access/activate", body, answer, err) : err_nomem(err);

	json_decref(body);
	return r;
}

static int install(struct cli *c, const char *product, const char *number, json_t **answer)
{
	char question[MUSTER_ERR_MAX + 32];
	struct muster_err err;
	int r = post(c, product, number, false, answer, &err);

	if (r != MUSTER_OK && act_refused_with(c, "M-130")) {
		snprintf(question, sizeof(question), "%s. Replace it?", json_text(c->problem, "detail"));
		if (!cli_confirm(c, question))
			return CLI_USAGE;
		r = post(c, product, number, true, answer, &err);
	}
	return r == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
}

/* Once a licence server is activated nobody should count it again by mistake. */
static bool is_activated(const json_t *installed)
{
	return strcmp(json_text(json_object_get(installed, "key"), "state"), "activated") == 0;
}

static void print_server_id(struct cli *c, const json_t *installation)
{
	struct buf text;

	buf_init(&text, 1u << 16);
	buf_addf(&text, "Licence server ID of %s:\n\n", json_text(installation, "title"));
	dialogue_groups(&text, json_object_get(installation, "server_id"));
	buf_addf(&text, "\nWhoever issued the licence pack wants it with the programme (%s) and the number you typed for it.\n", json_text(installation, "programme"));
	print_contacts(&text, json_object_get(installation, "contacts"));
	term_print(c->out, buf_str(&text));
	buf_fini(&text);
}

static int get_server_id(struct cli *c, const char *name, const char *id, bool fresh, json_t **installation)
{
	int r = act_installation_id(c, id, fresh, installation);

	if (r == CLI_OK && json_array_size(json_object_get(*installation, "server_id")) == 0)
		r = cli_say(c, CLI_FAILED, "%s is activated with a host key and has no licence server ID: musterctl dti shows its Installation ID", name);
	return r;
}

/* The request for another computer, as dti writes it. */
static int write_request(struct cli *c, const json_t *installation, const char *path)
{
	struct muster_err err;

	if (qr_write(path, json_text(installation, "request"), &err) != MUSTER_OK)
		return cli_say(c, err.result == MUSTER_E_INVALID ? CLI_USAGE : CLI_FAILED, "%s", err.message);
	if (!c->given[CLI_O_JSON])
		fprintf(c->out, "The request is in %s: the issuer answers it with a file (muster-issuer confirm --request); then type: musterctl atp --file ANSWER\n", path);
	return CLI_OK;
}

static int by_other_means(struct cli *c, const char *name, const char *id, const json_t *installed)
{
	json_t *installation = NULL;
	int r;

	if ((r = get_server_id(c, name, id, false, &installation)) != CLI_OK)
		goto done;
	if (c->given[CLI_O_OUT])
		r = write_request(c, installation, c->value[CLI_O_OUT]);
	if (r == CLI_OK && c->given[CLI_O_JSON]) {
		r = cli_print_json(c, installation);
	} else if (r == CLI_OK && c->given[CLI_O_PHONE]) {
		phone_introduce(c, installation);
		r = phone_talk(c, installation, NULL, true);
	} else if (r == CLI_OK && !c->given[CLI_O_OUT]) {
		fprintf(c->out, "%s\n", json_text(installed, "message"));
		print_server_id(c, installation);
		fprintf(c->out, "\nOnline: musterctl ato %s\nBy file: musterctl dti %s --out FILE.txt\nBy telephone: musterctl phone %s\n", id, id, id);
	}
done:
	json_decref(installation);
	return r;
}

/* What stands in a letter is typed; a licence code is a secret and can be asked for. */
static int read_number(struct cli *c, struct buf *number)
{
	struct product_key key = { 0 };
	int r = CLI_OK;

	if (c->given[CLI_O_NUMBER] + c->given[CLI_O_KEY_FD] + c->given[CLI_O_FILE] > 1)
		return cli_say(c, CLI_USAGE, "one number at a time: --number, --key-fd or --file");
	if (!c->given[CLI_O_NUMBER]) {
		r = key_read(c, "access activate", number);
	} else {
		buf_adds(number, c->value[CLI_O_NUMBER]);
		if (product_key_parse(&key, c->value[CLI_O_NUMBER], strlen(c->value[CLI_O_NUMBER]), NULL) == MUSTER_OK)
			key_warn(c, "without --number it");
		OPENSSL_cleanse(&key, sizeof key);
	}
	return r == CLI_OK && number->failed ? cli_say(c, CLI_FAILED, "0xC004F050: that is too long for the number of an agreement, or a licence code") : r;
}

static int activate(struct cli *c)
{
	json_t *products = NULL, *installed = NULL, *answer = NULL;
	const char *name = NULL;
	char id[40] = "";
	struct buf number;
	int r;

	if (c->given[CLI_O_ONLINE] + c->given[CLI_O_OUT] + c->given[CLI_O_PHONE] > 1)
		return cli_say(c, CLI_USAGE, "one way at a time: --online, --out FILE or --phone");
	if (c->given[CLI_O_PHONE] && c->given[CLI_O_JSON])
		return cli_say(c, CLI_USAGE, "either --phone or --json; the licence server ID is in the JSON");
	if (!c->given[CLI_O_PROGRAMME])
		return cli_say(c, CLI_USAGE, "say by which agreement: musterctl access activate %s --programme NAME --number NUMBER", c->args[1]);
	buf_init(&number, NUMBER_LINE_MAX);
	if ((r = find_product(c, c->args[1], &products, &name, id)) != CLI_OK || (r = read_number(c, &number)) != CLI_OK || (r = install(c, name, buf_str(&number), &installed)) != CLI_OK)
		goto done;
	if (c->given[CLI_O_ONLINE]) {
		if ((r = act_online(c, id, &answer)) == CLI_OK)
			r = print_activated(c, answer);
	} else if (is_activated(installed)) {
		r = c->given[CLI_O_JSON] ? cli_print_json(c, installed) : print_key_installed(c, installed);
	} else {
		r = by_other_means(c, name, id, installed);
	}
done:
	json_decref(answer);
	json_decref(installed);
	json_decref(products);
	buf_cleanse(&number);
	return r;
}

static int show_id(struct cli *c)
{
	json_t *products = NULL, *installation = NULL;
	const char *name;
	char id[40] = "";
	int r;

	if ((r = find_product(c, c->args[1], &products, &name, id)) == CLI_OK && (r = get_server_id(c, name, id, c->given[CLI_O_NEW], &installation)) == CLI_OK) {
		if (c->given[CLI_O_JSON])
			r = cli_print_json(c, installation);
		else
			print_server_id(c, installation);
	}
	json_decref(installation);
	json_decref(products);
	return r;
}

int verb_access_activate(struct cli *c)
{
	if (c->arg_count != 2)
		return cli_say(c, CLI_USAGE, "for which product? musterctl access %s PRODUCT", c->args[0]);
	return strcmp(c->args[0], "id") == 0 ? show_id(c) : activate(c);
}
