/* organisations, contacts, agreements, orders, catalogue, requests, hosts: one verb for every kind of entry in the books; and what `keys` does beyond installed ones */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/cli/acts.h"
#include "core/cli/estate.h"
#include "core/cli/table.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KEY_LINE_MAX 256

/* ---- list, show ---- */

static int list(struct cli *c, const struct estate_kind *k)
{
	return estate_print_list(c, k);
}

static void history_row(struct libscols_table *t, const json_t *h)
{
	char date[32], cells[3][24];
	static const char *const numbers[] = { "current_count", "total", "failed" };

	for (size_t i = 0; i < COUNT(numbers); i++) {
		cells[i][0] = '\0';
		if (json_is_integer(json_object_get(h, numbers[i])))
			snprintf(cells[i], sizeof(cells[i]), "%" JSON_INTEGER_FORMAT, json_number(h, numbers[i]));
	}
	table_row(t, (const char *[]){ json_date(h, "taken_at", date), cells[0], cells[1], cells[2], json_text(h, "partial") }, 5);
}

/* How a host's counts went, from one listing to the next. */
static int history_of(struct cli *c, const json_t *entry, json_t **out)
{
	struct muster_err err;
	struct buf path;
	int r;

	*out = NULL;
	buf_init(&path, ESTATE_PATH_MAX);
	buf_adds(&path, "/admin/v1/observed/history");
	estate_query(&path, "host", json_text(entry, "host"));
	if (json_text(entry, "activation_id")[0] != '\0')
		estate_query(&path, "activation_id", json_text(entry, "activation_id"));
	r = api_get(c, buf_str(&path), out, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	buf_fini(&path);
	return r;
}

static int print_history(struct cli *c, const json_t *history)
{
	static const struct table_column columns[] = { { "LISTED", false }, { "COUNT", true }, { "REQUESTS", true }, { "FAILED", true }, { "KEY", false } };
	struct libscols_table *t;
	const json_t *h;
	size_t i;

	if (json_array_size(json_object_get(history, "items")) == 0)
		return CLI_OK;
	fputs("\nHistory:\n", c->out);
	if ((t = table_new(c, columns, COUNT(columns), true)) != NULL)
		json_array_foreach(json_object_get(history, "items"), i, h)
			history_row(t, h);
	return table_end(c, t);
}

static int print_belonging(struct cli *c, const json_t *entry)
{
	static const struct { const char *member, *heading, *kind; } parts[] = {
		{ "children", "Organisations below it", "organisation" }, { "agreements", "Agreements", "agreement" }, { "orders", "Orders", "order" }, { "keys", "Keys", "key" },
		{ "contact_entries", "Contacts", "contact" },
	};
	const json_t *x;
	size_t n;
	int r = CLI_OK;

	for (size_t i = 0; r == CLI_OK && i < COUNT(parts); i++)
		if (json_is_object(json_array_get(json_object_get(entry, parts[i].member), 0)))
			r = estate_print_table(c, parts[i].heading, estate_kind_find(parts[i].kind), json_object_get(entry, parts[i].member));
	/* Of a key: as the catalogue notes them for its products. */
	if (json_is_array(json_object_get(entry, "rights")))
		json_array_foreach(json_object_get(entry, "rights"), n, x) {
			fprintf(c->out, "\nRights of %s: ", json_text(x, "product"));
			term_print(c->out, json_text(x, "rights"));
			fputc('\n', c->out);
		}
	json_array_foreach(json_object_get(entry, "advice"), n, x)
		fprintf(c->out, "\n%s\n", json_string_value(x));
	return r;
}

static int show(struct cli *c, const struct estate_kind *k)
{
	json_t *entry = NULL, *history = NULL;
	int r;

	if (c->arg_count != 2)
		return cli_say(c, CLI_USAGE, "which one? musterctl %s show ID; `musterctl %s list` shows the IDs", k->plural, k->plural);
	if ((r = estate_show(c, k, c->args[1], &entry)) != CLI_OK)
		return r;
	if (strcmp(k->name, "host") == 0 && (r = history_of(c, entry, &history)) != CLI_OK)
		goto done;
	if (c->given[CLI_O_JSON]) {
		if (history != NULL)
			(void)json_object_set(entry, "history", json_object_get(history, "items"));
		r = cli_print_json(c, entry);
		goto done;
	}
	estate_print(c, k, entry);
	if ((r = print_belonging(c, entry)) == CLI_OK)
		r = print_history(c, history);
done:
	json_decref(history);
	json_decref(entry);
	return r;
}

/* ---- add, set, remove ---- */

static int print_written(struct cli *c, const struct estate_kind *k, const json_t *entry, const char *what)
{
	if (c->given[CLI_O_JSON])
		return cli_print_json(c, entry);
	fprintf(c->out, "%s %s is %s.\n", k->name, json_text(entry, "id"), what);
	return CLI_OK;
}

static bool is_key(const struct estate_kind *k)
{
	return strcmp(k->name, "key") == 0;
}

/* A whole key: asked for, unless the entry says by its last five characters (or none) that it is not here, or a file or descriptor has it. */
static int take_key(struct cli *c, json_t *entry)
{
	bool partial_only = json_object_get(entry, "partial") != NULL && !c->given[CLI_O_KEY_FD] && !c->given[CLI_O_FILE];
	struct buf key;
	int r;

	if (partial_only)
		return CLI_OK;
	if (!c->given[CLI_O_KEY_FD] && !c->given[CLI_O_FILE] && !isatty(STDIN_FILENO))
		return cli_say(c, CLI_USAGE, "there is no terminal to ask for the key: --key-fd N or --file FILE, or --set partial=XXXXX when only its last five characters are known, --set partial= when it has only been ordered");
	buf_init(&key, KEY_LINE_MAX);
	if ((r = key_read(c, "keys add", &key)) == CLI_OK && key.failed)
		r = cli_say(c, CLI_FAILED, "0xC004F050: that is too long for a product key");
	else if (r == CLI_OK && buf_str(&key)[strspn(buf_str(&key), " \r\n\t")] == '\0')
		r = cli_say(c, CLI_USAGE, "no key was given; nothing was added");
	else if (r == CLI_OK && json_object_set_new(entry, "key", json_string(buf_str(&key))) != 0)
		r = cli_say(c, CLI_USAGE, "the key is no text");
	buf_cleanse(&key);
	return r;
}

static void wipe_key(json_t *entry)
{
	const char *key = json_string_value(json_object_get(entry, "key"));
	union { const char *in; void *out; } text = { .in = key };

	if (key != NULL)
		OPENSSL_cleanse(text.out, strlen(key));
}

static int add(struct cli *c, const struct estate_kind *k)
{
	json_t *entry = NULL, *answer = NULL;
	int r;

	if (!is_key(k) && (c->given[CLI_O_KEY_FD] || c->given[CLI_O_FILE]))
		return cli_say(c, CLI_USAGE, "%s have no key", k->plural);
	if (!c->given[CLI_O_SET])
		return estate_say_fields(c, k);
	if ((r = estate_set(c, k, &entry)) == CLI_OK && is_key(k))
		r = take_key(c, entry);
	if (r == CLI_OK && (r = estate_write(c, k, c->arg_count > 1 ? c->args[1] : NULL, true, entry, &answer)) == CLI_OK)
		r = print_written(c, k, answer, "added");
	wipe_key(entry);
	json_decref(entry);
	json_decref(answer);
	return r;
}

/* "requests set ID granted": the state, and the day of it. */
static int state_word(struct cli *c, const struct estate_kind *k, json_t *entry)
{
	static const struct { const char *word, *day; } words[] = { { "draft", NULL }, { "asked", "asked_on" }, { "granted", "answered_on" }, { "refused", "answered_on" }, { "withdrawn", NULL } };
	time_t now = (time_t)(clock_wall_ms(clock_system()) / 1000);
	struct tm tm;
	char day[16];

	if (strcmp(k->name, "request") != 0)
		return cli_say(c, CLI_USAGE, "%s set takes no \"%s\"; --set FIELD=VALUE says what changes", k->plural, c->args[2]);
	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcasecmp(words[i].word, c->args[2]) != 0)
			continue;
		(void)json_object_set_new(entry, "state", json_string(words[i].word));
		if (words[i].day != NULL && json_object_get(entry, words[i].day) == NULL && localtime_r(&now, &tm) != NULL && strftime(day, sizeof(day), "%Y-%m-%d", &tm) > 0)
			(void)json_object_set_new(entry, words[i].day, json_string(day));
		return CLI_OK;
	}
	return cli_say(c, CLI_USAGE, "a request is \"draft\", \"asked\", \"granted\", \"refused\" or \"withdrawn\", not \"%s\"", c->args[2]);
}

static int set(struct cli *c, const struct estate_kind *k)
{
	json_t *entry = NULL, *answer = NULL;
	bool key_given = c->given[CLI_O_KEY_FD] || c->given[CLI_O_FILE];
	int r;

	if (key_given && !is_key(k))
		return cli_say(c, CLI_USAGE, "%s have no key", k->plural);
	if (c->arg_count < 2 || (c->arg_count == 2 && !c->given[CLI_O_SET] && !key_given))
		return cli_say(c, CLI_USAGE, "which one, and what? musterctl %s set ID --set FIELD=VALUE", k->plural);
	if ((r = estate_set(c, k, &entry)) == CLI_OK && c->arg_count == 3)
		r = state_word(c, k, entry);
	if (r == CLI_OK && key_given)
		r = take_key(c, entry);
	if (r == CLI_OK && (r = estate_write(c, k, c->args[1], false, entry, &answer)) == CLI_OK)
		r = print_written(c, k, answer, "changed");
	wipe_key(entry);
	json_decref(entry);
	json_decref(answer);
	return r;
}

static int remove_entry(struct cli *c, const struct estate_kind *k)
{
	struct muster_err err;
	json_t *body, *answer = NULL;
	struct buf path;
	char question[256];
	int r;

	if (c->arg_count != 2)
		return cli_say(c, CLI_USAGE, "which one? musterctl %s remove ID", k->plural);
	buf_init(&path, ESTATE_PATH_MAX);
	if ((r = estate_entry_path(c, k, c->args[1], &path)) != CLI_OK)
		goto done;
	snprintf(question, sizeof(question), "Remove %s %s from the books?%s", k->name, c->args[1], is_key(k) ? " Its whole key goes too; an installed one stays installed (musterctl upk)." : "");
	if (!cli_confirm(c, question)) {
		r = CLI_USAGE;
		goto done;
	}
	buf_clear(&path);
	buf_addf(&path, "/admin/v1/estate/%s/remove", k->plural);
	body = json_pack("{s:s}", "id", c->args[1]);
	r = api_post(c, buf_str(&path), body, &answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	json_decref(body);
	if (r == CLI_OK && c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else if (r == CLI_OK)
		fprintf(c->out, "%s %s is removed.\n", k->name, c->args[1]);
	json_decref(answer);
done:
	buf_fini(&path);
	return r;
}

/* ---- keys copy ---- */

/* A file that only its owner reads; one that is there already stays. */
static int write_key(struct cli *c, const char *path, const char *key)
{
	struct muster_err err;
	struct buf text;
	int r = CLI_OK;

	if (access(path, F_OK) == 0)
		return cli_say(c, CLI_FAILED, "%s is there already; the key is not written over it", path);
	buf_init(&text, KEY_LINE_MAX);
	buf_addf(&text, "%s\n", key);
	term_begin();   /* a signal waits until the file is whole: half of it would be left beside */
	if (file_write(path, (struct muster_span){ text.p, text.n }, 0600, &err) != MUSTER_OK)
		r = cli_say(c, CLI_FAILED, "%s", err.message);
	else
		fprintf(c->errors, "The key is in %s, which only you can read; the journal says that you looked.\n", path);
	term_end();
	buf_cleanse(&text);
	return r;
}

static int copy(struct cli *c, const struct estate_kind *k)
{
	struct muster_err err;
	struct buf path;
	json_t *body, *answer = NULL;
	int r;

	if (c->arg_count != 2 || !c->given[CLI_O_OUT])
		return cli_say(c, CLI_USAGE, "which key, and where to? musterctl keys copy ID --out FILE; `--out -` shows it here");
	buf_init(&path, ESTATE_PATH_MAX);
	if ((r = estate_entry_path(c, k, c->args[1], &path)) != CLI_OK)
		goto done;
	if (strcmp(c->value[CLI_O_OUT], "-") != 0 && access(c->value[CLI_O_OUT], F_OK) == 0) {   /* before the journal says that somebody looked */
		r = cli_say(c, CLI_FAILED, "%s is there already; the key is not written over it", c->value[CLI_O_OUT]);
		goto done;
	}
	body = json_pack("{s:s}", "id", c->args[1]);
	r = api_post(c, "/admin/v1/estate/keys/whole", body, &answer, &err) == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
	json_decref(body);
	if (r == CLI_OK && strcmp(c->value[CLI_O_OUT], "-") != 0)
		r = write_key(c, c->value[CLI_O_OUT], json_text(answer, "key"));
	else if (r == CLI_OK && c->given[CLI_O_JSON])
		r = cli_print_json(c, answer);
	else if (r == CLI_OK)
		fprintf(c->out, "%s\n", json_text(answer, "key"));
	wipe_key(answer);
	json_decref(answer);
done:
	buf_fini(&path);
	return r;
}

/* ---- which ---- */

#define B(x) (UINT64_C(1) << CLI_O_##x)
#define CHOOSE (B(TEXT) | B(ORGANISATION) | B(AGREEMENT) | B(LICENSE_ID) | B(CATEGORY) | B(PRODUCT) | B(KIND) | B(LIMIT) | B(ALL))

static const struct word { const char *word; size_t most; int (*run)(struct cli *, const struct estate_kind *); bool keys_only; uint64_t options; } words[] = {
	{ "list", 1, list, false, CHOOSE }, { "show", 2, show, false, 0 }, { "add", 2, add, false, B(SET) | B(KEY_FD) | B(FILE) },
	{ "set", 3, set, false, B(SET) | B(KEY_FD) | B(FILE) }, { "remove", 2, remove_entry, false, B(YES) }, { "copy", 2, copy, true, B(OUT) },
};

static int only_its_options(struct cli *c, const struct estate_kind *k, const struct word *w)
{
	static const struct { enum cli_option o; const char *name; } all[] = {
		{ CLI_O_TEXT, "text" }, { CLI_O_ORGANISATION, "organisation" }, { CLI_O_AGREEMENT, "agreement" }, { CLI_O_LICENSE_ID, "license-id" }, { CLI_O_CATEGORY, "category" },
		{ CLI_O_PRODUCT, "product" }, { CLI_O_KIND, "kind" }, { CLI_O_LIMIT, "limit" }, { CLI_O_ALL, "all" }, { CLI_O_SET, "set" }, { CLI_O_KEY_FD, "key-fd" },
		{ CLI_O_FILE, "file" }, { CLI_O_YES, "yes" }, { CLI_O_OUT, "out" }, { CLI_O_FORMAT, "format" }, { CLI_O_ANONYMISE, "anonymise" }, { CLI_O_WITH_KEYS, "with-keys" },
		{ CLI_O_WHOLE, "whole" },
	};

	for (size_t i = 0; i < COUNT(all); i++)
		if (c->given[all[i].o] && (w->options & (UINT64_C(1) << all[i].o)) == 0)
			return cli_say(c, CLI_USAGE, "%s %s takes no --%s", k->plural, w->word, all[i].name);
	return CLI_OK;
}

int verb_estate(struct cli *c)
{
	const struct estate_kind *k = estate_kind_find(c->verb);
	const struct word *w = &words[0];
	int r;

	for (size_t i = 0; c->arg_count > 0; i++) {
		if (i == COUNT(words) || (words[i].keys_only && !is_key(k)))
			return cli_say(c, CLI_USAGE, "%s takes \"list\", \"show\", \"add\", \"set\"%s \"remove\"%s, not \"%s\"", k->plural, is_key(k) ? "," : " or",
			               is_key(k) ? ", \"copy\" or \"export\"" : "", c->args[0]);
		w = &words[i];
		if (strcasecmp(c->args[0], w->word) == 0)
			break;
	}
	if (c->arg_count > w->most)
		return cli_say(c, CLI_USAGE, "%s %s takes no \"%s\"", k->plural, w->word, c->args[w->most]);
	if ((r = only_its_options(c, k, w)) != CLI_OK)
		return r;
	return w->run(c, k);
}
