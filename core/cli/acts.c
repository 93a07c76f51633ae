#include "core/cli/acts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <openssl/crypto.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/uuid.h"
#include "core/cli/answer_file.h"
#include "core/cli/term.h"
#include "core/trust/product_key.h"

#define PACK_MAX ((size_t)4 << 20)   /* trust.md section 2 */

int act_id(struct cli *c, const char *text, char out[40])
{
	uint8_t bytes[UUID_LEN];

	if (uuid_parse(bytes, text, strlen(text)) != MUSTER_OK)
		return cli_say(c, CLI_USAGE, "\"%s\" is no activation ID; `musterctl products` lists the IDs", text);
	uuid_format(out, bytes);
	return CLI_OK;
}

int act_refused(struct cli *c, const char *id, const struct muster_err *err)
{
	if (err->result == MUSTER_E_NOT_FOUND && id != NULL && id[0] != '\0' && act_refused_with(c, "M-117"))
		return cli_say(c, CLI_FAILED, "Error: Activation ID (%s) not found.", id);
	return cli_fail(c, err);
}

unsigned act_refused_group(const struct cli *c)
{
	const char *field = json_text(c->problem, "field");

	return strncmp(field, "group ", 6) == 0 ? (unsigned)strtoul(field + 6, NULL, 10) : 0;
}

bool act_refused_with(const struct cli *c, const char *code)
{
	return strcmp(json_text(c->problem, "code"), code) == 0;
}

int act_pack_install(struct cli *c, const char *path, json_t **answer)
{
	struct muster_err err;
	struct buf token;
	json_t *body = NULL;
	int r;

	*answer = NULL;
	buf_init(&token, PACK_MAX + 1);
	if (file_read(&token, path, PACK_MAX + 1, &err) != MUSTER_OK) {
		r = cli_say(c, CLI_FAILED, "%s", err.message);
		goto done;
	}
	if (strlen(buf_str(&token)) != token.n || (body = json_pack("{s:s}", "pack", buf_str(&token))) == NULL) {
		r = cli_say(c, CLI_FAILED, "%s is no licence pack: that is one line of text, which the issuer made", path);
		goto done;
	}
	r = api_post(c, "/admin/v1/packs", body, answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
done:
	json_decref(body);
	buf_fini(&token);
	return r;
}

static int post_key(struct cli *c, const char *key, bool replace, json_t **answer, struct muster_err *err)
{
	json_t *body = json_pack("{s:s, s:b}", "key", key, "replace", replace);
	int r = body != NULL ? api_post(c, "/admin/v1/keys", body, answer, err) : err_nomem(err);

	json_decref(body);
	return r;
}

/* What ends a sentence that has no end yet. */
static const char *stop(const char *sentence)
{
	return sentence[0] == '\0' || strchr(".!?", sentence[strlen(sentence) - 1]) == NULL ? "." : "";
}

int act_key_install(struct cli *c, const char *key, json_t **answer)
{
	char text[PRODUCT_KEY_TEXT], question[MUSTER_ERR_MAX + 32];
	struct product_key parsed;
	struct muster_err err;
	int r;

	*answer = NULL;
	if (product_key_parse(&parsed, key, strlen(key), &err) != MUSTER_OK)
		return cli_say(c, CLI_FAILED, "0xC004F050: %s%s Compare it with what the issuer gave you.", err.message, stop(err.message));
	product_key_format(text, &parsed);
	r = post_key(c, text, false, answer, &err);
	if (r != MUSTER_OK && act_refused_with(c, "M-130")) {
		const char *detail = json_text(c->problem, "detail");

		snprintf(question, sizeof(question), "%s%s Replace it?", detail, stop(detail));
		r = cli_confirm(c, question) ? post_key(c, text, true, answer, &err) : CLI_USAGE;
		if (r == CLI_USAGE)
			goto done;
	}
	r = r == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
done:
	OPENSSL_cleanse(&parsed, sizeof(parsed));
	OPENSSL_cleanse(text, sizeof(text));
	return r;
}

/* {"activation_id": …} with what is added by the caller; without it when id is "". */
static json_t *about(const char *id)
{
	return id[0] != '\0' ? json_pack("{s:s}", "activation_id", id) : json_object();
}

int ask_installation_id(struct cli *c, const char *id, bool fresh, json_t **answer, struct muster_err *err)
{
	json_t *body = about(id);
	int r;

	*answer = NULL;
	if (body == NULL || json_object_set_new(body, "new", json_boolean(fresh)) != 0)
		r = err_nomem(err);
	else
		r = api_post(c, "/admin/v1/installation-id", body, answer, err);
	json_decref(body);
	return r;
}

int act_installation_id(struct cli *c, const char *id, bool fresh, json_t **answer)
{
	struct muster_err err;

	return ask_installation_id(c, id, fresh, answer, &err) == MUSTER_OK ? CLI_OK : act_refused(c, id, &err);
}

int act_confirmation_id(struct cli *c, const char *id, const char *digits, json_t **answer, struct muster_err *err)
{
	json_t *body = about(id);
	int r;

	*answer = NULL;
	if (body == NULL || json_object_set_new(body, "confirmation_id", json_string(digits)) != 0)
		r = err_nomem(err);
	else
		r = api_post(c, "/admin/v1/confirmation-id", body, answer, err);
	json_decref(body);
	return r;
}

int act_answer_install(struct cli *c, const char *path, json_t **answer)
{
	struct muster_err err;
	struct buf pem;
	json_t *body = NULL;
	int r;

	*answer = NULL;
	buf_init(&pem, ANSWER_CHAIN_MAX);
	if (answer_file_read(&pem, path, &err) != MUSTER_OK)
		r = cli_say(c, CLI_FAILED, "%s", err.message);
	else if ((body = json_pack("{s:s}", "chain", buf_str(&pem))) == NULL)
		r = cli_say(c, CLI_FAILED, "%s is not a PEM file", path);
	else
		r = api_post(c, "/admin/v1/host/install", body, answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	json_decref(body);
	buf_fini(&pem);
	return r;
}

int act_online(struct cli *c, const char *id, json_t **answer)
{
	struct muster_err err;
	json_t *body = about(id);
	int r = body != NULL ? api_post(c, "/admin/v1/activate", body, answer, &err) : err_nomem(&err);

	json_decref(body);
	return r == MUSTER_OK ? CLI_OK : act_refused(c, id, &err);
}

/* ---- what is printed ---- */

void print_each(struct cli *c, const json_t *array, const char *before)
{
	const json_t *x;
	size_t i;

	json_array_foreach(array, i, x) {
		fputs(before, c->out);
		term_print(c->out, json_string_value(x) != NULL ? json_string_value(x) : "");
		fputc('\n', c->out);
	}
}

void print_contacts(struct buf *out, const json_t *contacts)
{
	const json_t *x;
	size_t i;

	json_array_foreach(contacts, i, x) {
		const char *telephone = json_text(x, "telephone"), *hours = json_text(x, "hours"), *web = json_text(x, "web"), *email = json_text(x, "email");

		buf_addf(out, "    %s: %s", json_text(x, "region"), telephone[0] != '\0' ? telephone : "(no telephone)");
		if (hours[0] != '\0')
			buf_addf(out, ", %s", hours);
		if (web[0] != '\0')
			buf_addf(out, ", %s", web);
		if (email[0] != '\0')
			buf_addf(out, ", %s", email);
		buf_addc(out, '\n');
	}
}

static void print_access(struct cli *c, const json_t *access)
{
	const char *version = json_text(access, "version");

	if (json_is_object(access))
		fprintf(c->out, ", %" JSON_INTEGER_FORMAT " licences per %s%s%s", json_number(access, "licenses"), json_text(access, "per"), version[0] != '\0' ? ", version " : "", version);
}

static void print_pack_keys(struct cli *c, const json_t *keys)
{
	const json_t *k;
	size_t i;

	json_array_foreach(keys, i, k) {
		const json_t *p;
		size_t j;

		fprintf(c->out, "    %s %" JSON_INTEGER_FORMAT ":", json_text(k, "kind_text")[0] != '\0' ? json_text(k, "kind_text") : json_text(k, "kind"), json_number(k, "number"));
		json_array_foreach(json_object_get(k, "products"), j, p)
			fprintf(c->out, " %s", json_string_value(p));
		if (json_number(k, "hosts") > 0)
			fprintf(c->out, ", %" JSON_INTEGER_FORMAT " hosts", json_number(k, "hosts"));
		if (json_number(k, "activations") > 0)
			fprintf(c->out, ", %" JSON_INTEGER_FORMAT " activations", json_number(k, "activations"));
		print_access(c, json_object_get(k, "access"));
		fputc('\n', c->out);
	}
}

int print_pack_installed(struct cli *c, const json_t *answer)
{
	const json_t *pack = json_object_get(answer, "pack");
	char date[32];

	if (c->given[CLI_O_JSON])
		return cli_print_json(c, answer);
	fputs("Licence pack of ", c->out);
	term_print(c->out, json_text(pack, "organisation"));
	fprintf(c->out, " installed: agreement %s, issue %" JSON_INTEGER_FORMAT, json_text(pack, "agreement"), json_number(pack, "issue"));
	if (json_date(pack, "ends_at", date)[0] != '\0')
		fprintf(c->out, ", ends %s", date);
	fputs(".\n", c->out);
	print_pack_keys(c, json_object_get(pack, "keys"));
	print_each(c, json_object_get(answer, "warnings"), "Warning: ");
	print_each(c, json_object_get(answer, "missing"), "Missing: ");
	return CLI_OK;
}

int print_key_installed(struct cli *c, const json_t *answer)
{
	if (c->given[CLI_O_JSON])
		return cli_print_json(c, answer);
	fprintf(c->out, "%s\n", json_text(answer, "message"));
	if (json_text(answer, "next")[0] != '\0')
		fprintf(c->out, "%s\n", json_text(answer, "next"));
	return CLI_OK;
}

static void print_end(struct cli *c, const json_t *answer)
{
	char date[32];

	if (json_date(answer, "ends_at", date)[0] != '\0')
		fprintf(c->out, "The certificate ends %s.\n", date);
	print_each(c, json_object_get(answer, "warnings"), "Warning: ");
}

int print_confirmed(struct cli *c, const char *id, const json_t *answer)
{
	if (c->given[CLI_O_JSON])
		return cli_print_json(c, answer);
	if (json_text(answer, "message")[0] != '\0')
		fprintf(c->out, "%s\n", json_text(answer, "message"));
	else
		fprintf(c->out, "Confirmation ID for product %s deposited successfully.\n", id);
	fputs("Product activated successfully.\n", c->out);
	print_end(c, answer);
	return CLI_OK;
}

int print_activated(struct cli *c, const json_t *answer)
{
	const json_t *x;
	size_t i;

	if (c->given[CLI_O_JSON])
		return cli_print_json(c, answer);
	json_array_foreach(json_object_get(answer, "products"), i, x)
		fprintf(c->out, "%s: Product activated successfully.\n", json_string_value(x));
	if (json_array_size(json_object_get(answer, "products")) == 0)
		fputs("Product activated successfully.\n", c->out);
	print_end(c, answer);
	return CLI_OK;
}
