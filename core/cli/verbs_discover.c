/* discover, media: the key on an installation medium. The medium is read here, and only the files that the host names; what they say, the host tells. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/cli/api.h"
#include "core/cli/list.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"
#include "core/exchange/medium.h"

#define PATHS_MAX 256

static int wanted_paths(struct cli *c, const json_t *media, const char *wanted[PATHS_MAX], size_t *n)
{
	const json_t *paths = json_object_get(media, "paths"), *path;
	size_t i;

	*n = 0;
	json_array_foreach(paths, i, path)
		if (*n < PATHS_MAX && json_is_string(path))
			wanted[(*n)++] = json_string_value(path);
	if (*n == 0)
		return cli_say(c, CLI_FAILED, "this host has no product whose key lies on a medium (musterctl plugins)");
	return CLI_OK;
}

/* {"path", "data"} of one file; its base64 is wiped here, the JSON's copy by who asked. */
static json_t *file_json(const struct exchange_file *f)
{
	char *text = mem_alloc(f->bytes.n / 3 * 4 + 8);
	json_t *o = NULL;
	int n;

	if (text == NULL)
		return NULL;
	n = EVP_EncodeBlock((unsigned char *)text, f->bytes.n > 0 ? f->bytes.p : (const uint8_t *)"", (int)f->bytes.n);
	o = json_pack("{s:s?, s:s#}", "path", f->path, "data", text, n);
	OPENSSL_cleanse(text, f->bytes.n / 3 * 4 + 8);
	mem_free(text);
	return o;
}

static json_t *body_of(struct cli *c, const struct exchange_medium *m)
{
	json_t *files = json_array(), *body;

	for (size_t i = 0; i < m->file_count; i++)
		(void)json_array_append_new(files, file_json(&m->files[i]));
	if (json_array_size(files) != m->file_count) { /* a path that is not UTF-8, or no memory */
		json_decref(files);
		return NULL;
	}
	body = json_pack("{s:s, s:s, s:o}", "label", m->label, "name", m->name, "files", files);
	if (c->given[CLI_O_STORE])
		(void)json_object_set_new(body, "store", json_true());
	if (c->given[CLI_O_AS])
		(void)json_object_set_new(body, "as", json_string(c->value[CLI_O_AS]));
	return body;
}

static void wipe_body(json_t *body)
{
	const json_t *file;
	size_t i;

	json_array_foreach(json_object_get(body, "files"), i, file) {
		const json_t *data = json_object_get(file, "data");

		if (json_is_string(data))
			OPENSSL_cleanse((char *)(uintptr_t)json_string_value(data), json_string_length(data));
	}
	json_decref(body);
}

static void line(struct cli *c, const char *label, const char *value)
{
	if (value[0] == '\0')
		return;
	fprintf(c->out, "    %-9s ", label);
	term_print(c->out, value);
	fputc('\n', c->out);
}

static void print_find(struct cli *c, const json_t *f)
{
	fputc('\n', c->out);
	term_print(c->out, json_text(f, "path"));
	fprintf(c->out, "  (%s)\n", json_text(f, "encoding"));
	if (json_text(f, "product")[0] != '\0') {
		fputs("    Product:  ", c->out);
		term_print(c->out, json_text(f, "title"));
		fprintf(c->out, " (%s)\n", json_text(f, "product"));
	}
	line(c, "Edition:", json_text(f, "edition"));
	line(c, "Portal:", json_text(f, "portal"));
	line(c, "Key:", json_text(f, "masked"));
	line(c, "Note:", json_text(f, "note"));
	if (json_flag(f, "has_key"))
		line(c, "Advice:", json_text(f, "advice"));
	if (strcmp(json_text(f, "state"), "stored") == 0)
		fprintf(c->out, "    Stored:   sealed on the host, number %" JSON_INTEGER_FORMAT "; machines that prove it are granted\n", json_number(f, "number"));
	else if (strcmp(json_text(f, "state"), "known") == 0)
		fputs("    Stored:   this key was stored before\n", c->out);
	else
		line(c, "Not kept:", json_text(f, "reason"));
}

static void print_medium(struct cli *c, const struct exchange_medium *m)
{
	fputs(m->kind == EXCHANGE_FOLDER ? "Folder " : "Image ", c->out);
	term_print(c->out, m->name);
	if (m->label[0] != '\0') {
		fputs(", volume ", c->out);
		term_print(c->out, m->label);
	}
	fputc('\n', c->out);
}

/* @return how many finds hold a key. */
static size_t keys_found(const json_t *answer)
{
	const json_t *f;
	size_t i, n = 0;

	json_array_foreach(json_object_get(answer, "finds"), i, f)
		n += json_flag(f, "has_key");
	return n;
}

static size_t not_stored(const json_t *answer)
{
	const json_t *f;
	size_t i, n = 0;

	json_array_foreach(json_object_get(answer, "finds"), i, f)
		n += strcmp(json_text(f, "state"), "not-stored") == 0;
	return n;
}

static int print_answer(struct cli *c, const struct exchange_medium *m, json_t *answer)
{
	const json_t *f;
	size_t i;

	if (c->given[CLI_O_JSON]) {
		(void)json_object_set_new(answer, "kind", json_string(m->kind == EXCHANGE_FOLDER ? "folder" : "image"));
		return cli_print_json(c, answer);
	}
	print_medium(c, m);
	json_array_foreach(json_object_get(answer, "finds"), i, f)
		print_find(c, f);
	return CLI_OK;
}

/* A key is not on every medium; a folder too deep, and an image whose files are elsewhere, are what people name by mistake. */
static int nothing(struct cli *c, const struct exchange_medium *m, const char *first)
{
	return cli_say(c, CLI_FAILED, "%s: no file is there that may hold a key (%s and the like)%s", c->args[0], first,
	               m->udf ? "; " EXCHANGE_UDF_TOO : m->kind == EXCHANGE_FOLDER && m->file_count == 0 ? "; name the medium's top folder, or its ISO image" : "; a medium without one asks for a key during installation");
}

static int ask_host(struct cli *c, const struct exchange_medium *m, const char *first)
{
	json_t *body = body_of(c, m), *answer = NULL;
	struct muster_err err;
	int r;

	if (body == NULL)
		return cli_say(c, CLI_FAILED, "out of memory");
	r = api_post(c, "/admin/v1/media/inspect", body, &answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	if (r == CLI_OK)
		r = print_answer(c, m, answer);
	if (r == CLI_OK && json_array_size(json_object_get(answer, "finds")) == 0)
		r = nothing(c, m, first);   /* what is there tells the version only */
	else if (r == CLI_OK && keys_found(answer) == 0)
		r = cli_say(c, CLI_FAILED, "%s: no key was found", c->args[0]);
	if (r == CLI_OK && not_stored(answer) > 0)
		r = cli_say(c, CLI_FAILED, "%s: %zu of the keys could not be stored", c->args[0], not_stored(answer));
	json_decref(answer);
	wipe_body(body);
	return r;
}

/* ---- what is stored ---- */

static void key_row(struct libscols_table *t, const json_t *k)
{
	char number[24], date[32];

	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_number(k, "number"));
	table_row(t, (const char *[]){ number, json_text(k, "product"), json_text(k, "edition"), json_text(k, "partial"), json_text(k, "label"), json_text(k, "path"),
	                               json_date(k, "stored_at", date) }, 7);
}

static int media_list(struct cli *c)
{
	static const struct table_column columns[] = { { "NUMBER", true }, { "PRODUCT", false }, { "EDITION", false }, { "KEY", false }, { "MEDIUM", false }, { "FILE", false },
		{ "STORED", false } };
	struct list l = { .columns = columns, .column_count = sizeof(columns) / sizeof(columns[0]), .row = key_row,
		.none = "No key of a medium is stored; musterctl discover PATH --store finds and keeps one." };

	return list_print(c, "/admin/v1/media/keys", NULL, &l);
}

static int media_remove(struct cli *c)
{
	struct muster_err err;
	json_t *body, *answer = NULL;
	char *end;
	unsigned long number;
	int r;

	if (c->arg_count != 2)
		return cli_say(c, CLI_USAGE, "which key? musterctl media remove NUMBER (musterctl media lists them)");
	number = strtoul(c->args[1], &end, 10);
	if (c->args[1][0] < '0' || c->args[1][0] > '9' || *end != '\0' || number > UINT32_MAX)
		return cli_say(c, CLI_USAGE, "\"%s\" is no number of a stored key (musterctl media lists them)", c->args[1]);
	if (!cli_confirm(c, "Machines that prove this key will not be granted any more. Remove it?"))
		return CLI_USAGE;
	body = json_pack("{s:I}", "number", (json_int_t)number);
	r = api_post(c, "/admin/v1/media/keys/remove", body, &answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	if (r == CLI_OK && c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else if (r == CLI_OK)
		fprintf(c->out, "The key of %s ending in %s is removed.\n", json_text(answer, "product"), json_text(answer, "partial"));
	json_decref(answer);
	json_decref(body);
	return r;
}

int verb_media(struct cli *c)
{
	if (c->arg_count == 0 || (strcasecmp(c->args[0], "list") == 0 && c->arg_count == 1))
		return media_list(c);
	if (strcasecmp(c->args[0], "remove") == 0)
		return media_remove(c);
	return cli_say(c, CLI_USAGE, "media takes \"list\" or \"remove NUMBER\", not \"%s\"", c->args[c->arg_count - 1]);
}

int verb_discover(struct cli *c)
{
	const char *wanted[PATHS_MAX];
	struct exchange_medium *m = NULL;
	struct muster_err err;
	json_t *media = NULL;
	size_t n;
	int r;

	if (c->args[0][0] == '\0')
		return cli_say(c, CLI_USAGE, "the path is empty: name the folder or the ISO image of a medium");
	if (api_get(c, "/admin/v1/media", &media, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	if ((r = wanted_paths(c, media, wanted, &n)) == CLI_OK) {
		if (exchange_medium_read(&m, c->args[0], wanted, n, &exchange_limits_default, clock_system(), &err) != MUSTER_OK)
			r = cli_say(c, CLI_FAILED, "%s", err.message);
		else
			r = m->file_count == 0 ? nothing(c, m, wanted[0]) : ask_host(c, m, wanted[0]);
	}
	exchange_medium_free(m);
	json_decref(media);
	return r;
}
