/* ipk, upk, keys, cpky: product keys of this host */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/cli/acts.h"
#include "core/cli/table.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"

#define KEY_LINE_MAX 256   /* a key with blanks and dashes; more is no key */

static int key_from_fd(struct cli *c, struct buf *key)
{
	unsigned long fd;
	ssize_t n = 0;
	char byte;
	int r = cli_number(c, CLI_O_KEY_FD, 0, 65535, &fd);

	if (r != CLI_OK)
		return r;
	while ((n = read((int)fd, &byte, 1)) != 0 && !key->failed) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cli_say(c, CLI_FAILED, "reading the key from file descriptor %lu: %s", fd, strerror(errno));
		if (byte == '\n')
			break;
		buf_addc(key, byte);
	}
	return CLI_OK;
}

static int key_from_file(struct cli *c, struct buf *key)
{
	struct muster_err err;

	if (file_read(key, c->value[CLI_O_FILE], KEY_LINE_MAX, &err) != MUSTER_OK)
		return cli_say(c, CLI_FAILED, "%s", err.message);
	return CLI_OK;
}

void key_warn(struct cli *c, const char *instead)
{
	fprintf(c->errors, "musterctl: warning: others on this machine can read a command line; %s asks for the key without showing it.\n", instead);
}

int key_read(struct cli *c, const char *verb, struct buf *key)
{
	int r = CLI_OK;

	if (c->given[CLI_O_KEY_FD])
		r = key_from_fd(c, key);
	else if (c->given[CLI_O_FILE])
		r = key_from_file(c, key);
	else if (!isatty(STDIN_FILENO))
		return cli_say(c, CLI_USAGE, "there is no terminal to ask for the key: musterctl %s --key-fd N, or --file FILE", verb);
	else if (term_ask(c, c->errors, "Product key (not shown): ", true, key) != TERM_LINE)
		return cli_say(c, CLI_LEFT, "nothing was installed; musterctl %s asks again", verb);
	while (key->n > 0 && (key->p[key->n - 1] == '\n' || key->p[key->n - 1] == '\r')) /* a file's line ends */
		key->p[--key->n] = '\0';
	return r;
}

/* From the one place that was named; asked for when none was. */
static int read_key(struct cli *c, struct buf *key)
{
	int r = CLI_OK;

	if ((c->arg_count > 0) + c->given[CLI_O_KEY_FD] + c->given[CLI_O_FILE] > 1)
		return cli_say(c, CLI_USAGE, "one key at a time: from the command line, --key-fd or --file");
	if (c->arg_count > 0)
		key_warn(c, "`musterctl ipk` alone");
	else if ((r = key_read(c, "ipk", key)) != CLI_OK)
		return r;
	for (size_t i = 0; i < c->arg_count; i++)
		buf_adds(key, c->args[i]);
	if (key->failed)
		return cli_say(c, CLI_FAILED, "0xC004F050: that is too long for a product key");
	if (buf_str(key)[strspn(buf_str(key), " \r\n\t")] == '\0')
		return cli_say(c, CLI_USAGE, "no key was given; nothing was installed");
	return CLI_OK;
}

int verb_ipk(struct cli *c)
{
	json_t *answer = NULL;
	struct buf key;
	int r;

	buf_init(&key, KEY_LINE_MAX);
	if ((r = read_key(c, &key)) != CLI_OK)
		goto done;
	if ((r = act_key_install(c, buf_str(&key), &answer)) == CLI_OK)
		r = print_key_installed(c, answer);
done:
	json_decref(answer);
	buf_cleanse(&key);
	return r;
}

/* Key rows, for those who must choose. */
static void key_row(struct libscols_table *t, const json_t *k)
{
	static const char *const counted[] = { "allowed", "used", "remaining" };
	char number[24], ends[32], counts[3][24] = { "", "", "" };
	struct buf products;
	const json_t *p;
	size_t i;

	buf_init(&products, 4096);
	json_array_foreach(json_object_get(k, "products"), i, p)
		buf_addf(&products, "%s%s", i > 0 ? " " : "", json_string_value(p));
	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_number(k, "number"));
	for (i = 0; i < 3; i++)
		if (json_is_integer(json_object_get(k, counted[i])))
			snprintf(counts[i], sizeof(counts[i]), "%" JSON_INTEGER_FORMAT, json_number(k, counted[i]));
	table_row(t, (const char *[]){ number, json_text(k, "partial"), json_text(k, "kind_text"), buf_str(&products), json_text(k, "state"), json_text(k, "method"),
	                               json_date(k, "ends_at", ends), counts[0], counts[1], counts[2] }, 10);
	buf_fini(&products);
}

static const struct table_column key_columns[] = { { "NUMBER", true }, { "PARTIAL", false }, { "KIND", false }, { "PRODUCTS", false }, { "STATE", false },
	{ "BY", false }, { "ENDS", false }, { "ALLOWED", true }, { "USED", true }, { "REMAINING", true } };

static int key_whole(struct cli *c)
{
	struct muster_err err;
	json_t *body, *answer = NULL;
	unsigned long number;
	int r = cli_number(c, CLI_O_WHOLE, 0, 1073741823, &number);

	if (r != CLI_OK)
		return r;
	body = json_pack("{s:I}", "number", (json_int_t)number);
	r = api_post(c, "/admin/v1/keys/whole", body, &answer, &err);
	json_decref(body);
	if (r != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else
		fprintf(c->out, "%s\n", json_text(answer, "key"));
	json_decref(answer);
	return r == MUSTER_OK ? CLI_OK : r;
}

/* Options of the books would look like a choice of rows. */
static int only_installed(struct cli *c)
{
	for (int o = 0; o < CLI_O_COUNT; o++)
		if (c->given[o] && o != CLI_O_JSON && o != CLI_O_SOCKET && o != CLI_O_WHOLE)
			return cli_say(c, CLI_USAGE, "`keys` alone shows the keys of this host and takes no such option; those in the books: musterctl keys list, show, add, set, remove, copy or export");
	return CLI_OK;
}

int verb_keys(struct cli *c)
{
	struct muster_err err;
	struct libscols_table *t;
	json_t *answer = NULL;
	const json_t *k;
	size_t i;
	int r;

	if (c->arg_count > 0)
		return strcasecmp(c->args[0], "export") == 0 ? verb_keys_export(c) : verb_estate(c);
	if ((r = only_installed(c)) != CLI_OK)
		return r;
	if (c->given[CLI_O_WHOLE])
		return key_whole(c);
	if (api_get(c, "/admin/v1/keys", &answer, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
	} else if (json_array_size(json_object_get(answer, "items")) == 0) {
		fputs("No product key is installed; `musterctl ipk` installs one.\n", c->out);
		r = CLI_OK;
	} else {
		if ((t = table_new(c, key_columns, sizeof(key_columns) / sizeof(key_columns[0]), true)) != NULL)
			json_array_foreach(json_object_get(answer, "items"), i, k)
				key_row(t, k);
		r = table_end(c, t);
	}
	json_decref(answer);
	return r;
}

/* A key's number as `musterctl keys` shows it, or an activation ID. */
static json_t *which_key(struct cli *c, const char *text)
{
	char id[40], *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number <= 1073741823)
		return json_pack("{s:I}", "number", (json_int_t)number);
	return act_id(c, text, id) == CLI_OK ? json_pack("{s:s}", "activation_id", id) : NULL;
}

int verb_upk(struct cli *c)
{
	struct muster_err err;
	json_t *body, *answer = NULL;
	char question[256];
	int r;

	if (c->arg_count == 0 || strcasecmp(c->args[0], "all") == 0)
		return cli_say(c, CLI_USAGE, "which key? musterctl upk ACTIVATION-ID (`musterctl keys` lists them); all keys at once are never removed");
	if ((body = which_key(c, c->args[0])) == NULL)
		return CLI_USAGE;
	snprintf(question, sizeof(question), "Remove the product key of %s? The host stops activating what only this key entitles it to.", c->args[0]);
	if (!cli_confirm(c, question)) {
		json_decref(body);
		return CLI_USAGE;
	}
	r = api_post(c, "/admin/v1/keys/remove", body, &answer, &err);
	json_decref(body);
	if (r != MUSTER_OK && (act_refused_with(c, "0xC004F014") || act_refused_with(c, "M-117"))) /* the words administrators know */
		return cli_say(c, CLI_FAILED, "Error: Activation ID (%s) not found.", c->args[0]);
	if (r != MUSTER_OK)
		return cli_fail(c, &err);
	if (c->given[CLI_O_JSON]) {
		r = cli_print_json(c, answer);
	} else {
		fprintf(c->out, "%s\n", json_text(answer, "message")[0] != '\0' ? json_text(answer, "message") : "Uninstalled product key successfully.");
		print_each(c, json_object_get(answer, "warnings"), "Warning: ");
		r = CLI_OK;
	}
	json_decref(answer);
	return r;
}

int verb_cpky(struct cli *c)
{
	static const char text[] = "There is nothing to clear: Muster leaves no product key in a readable place. Keys lie sealed under the host's key file, and only key\n"
	                           "readers may see one whole (musterctl keys --whole NUMBER, which is recorded). musterctl upk ACTIVATION-ID removes one.";
	json_t *answer;
	int r;

	if (!c->given[CLI_O_JSON]) {
		fprintf(c->out, "%s\n", text);
		return CLI_OK;
	}
	answer = json_pack("{s:b, s:s}", "cleared", 0, "message", text);
	r = cli_print_json(c, answer);
	json_decref(answer);
	return r;
}
