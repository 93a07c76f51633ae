/* Keys and whole books. */
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/cli/estate.h"
#include "core/cli/export.h"
#include "core/estate/names_fold.h"

#define INSTALLED "installed-"   /* keys that this host uses are listed with such IDs, and are no entries */

/* ---- entries as rows ---- */

/* {"kind","id","entry"} of an item of a list: the fields that are known, in the order of their kind. NULL: no entry. */
static int as_row(void *ctx, const json_t *item, json_t **row)
{
	const struct estate_kind *k = ctx;
	const char *id = json_text(item, "id");
	json_t *entry;

	/* Products of this host itself are listed with those of the books. */
	if (id[0] == '\0' || strncmp(id, INSTALLED, sizeof(INSTALLED) - 1) == 0 || strcmp(json_text(item, "source"), "host") == 0)
		return 0;
	if ((entry = json_object()) == NULL)
		return -1;
	for (size_t i = 0; i < k->field_count; i++) {
		json_t *v = json_object_get(item, k->fields[i].name);

		if (v != NULL && !json_is_null(v) && !(json_is_array(v) && json_array_size(v) == 0) && json_object_set(entry, k->fields[i].name, v) != 0) {
			json_decref(entry);
			return -1;
		}
	}
	*row = json_pack("{s:s, s:s, s:o}", "kind", k->name, "id", id, "entry", entry);
	return *row != NULL ? 0 : -1;
}

static int each(struct cli *c, const struct estate_kind *k, const char *path, int (*fn)(void *ctx, json_t *row), void *ctx)
{
	union { const struct estate_kind *in; void *out; } kind = { .in = k };
	struct export_source *s = NULL;
	json_t *row = NULL;
	int r = export_source_new(&s, c, path, (struct export_convert){ as_row, kind.out });

	while (r == CLI_OK && (r = export_next(s, &row)) == CLI_OK && row != NULL)
		r = fn(ctx, row);
	export_source_free(s);
	return r;
}

/* ---- references as names ---- */

/*
 * IDs of a kind and what people call them. An import takes such a text for an ID first, then for a name, then for any number, compared without case and separators: one that may
 * mean another entry, too, stays an ID.
 */
struct names {
	json_t *of;                      /* ID → what it is called */
	json_t *meant;                   /* ID, folded name or number → the ID that it means; null: several */
	const struct estate_kind *kind;
	const char *const *members; size_t member_count;
	const char *id;                  /* under way */
};

static const char *const organisation_names[] = { "name" }, *const agreement_names[] = { "number", "enrollment", "authorization", "account", "license_ids", "name" },
	*const order_names[] = { "number" };

static int note_meant(void *ctx, const char *name)
{
	struct names *n = ctx;
	const json_t *there = json_object_get(n->meant, name);

	if (there == NULL)
		return json_object_set_new(n->meant, name, json_string(n->id));
	return json_is_string(there) && strcmp(json_string_value(there), n->id) == 0 ? 0 : json_object_set_new(n->meant, name, json_null());
}

static int take_name(void *ctx, json_t *row)
{
	struct names *n = ctx;
	const json_t *entry = json_object_get(row, "entry");
	const char *id = json_text(row, "id"), *name = "";

	for (size_t i = 0; name[0] == '\0' && i < n->member_count; i++) {
		const json_t *v = json_object_get(entry, n->members[i]);

		v = json_is_array(v) ? json_array_get(v, 0) : v;
		name = json_string_value(v) != NULL ? json_string_value(v) : "";
	}
	n->id = id;
	(void)names_each(n->kind, entry, note_meant, n);
	(void)json_object_set_new(n->of, id, json_string(name));
	json_decref(row);
	return CLI_OK;
}

static bool means(const struct names *n, const char *name, const char *id)
{
	const json_t *there = json_object_get(n->meant, name);

	return there == NULL || (json_is_string(there) && strcmp(json_string_value(there), id) == 0);
}

static bool is_clear(const struct names *n, const char *id, const char *text)
{
	char name[1 + NAME_FOLDED], number[1 + NAME_FOLDED];

	name[0] = '=';
	number[0] = '#';
	(void)name_fold(name + 1, text, false);
	(void)name_fold(number + 1, text, true);
	return text[0] != '\0' && (strcmp(text, id) == 0 || json_object_get(n->of, text) == NULL) && means(n, name, id) && means(n, number, id) &&
	       (json_object_get(n->meant, name) != NULL || json_object_get(n->meant, number) != NULL);
}

static int read_names(struct cli *c, const char *kind, struct names *n)
{
	struct buf path;
	int r;

	n->kind = estate_kind_find(kind);
	n->of = json_object();
	n->meant = json_object();
	buf_init(&path, ESTATE_PATH_MAX);
	buf_addf(&path, "/admin/v1/estate/%s", n->kind->plural);
	r = each(c, n->kind, buf_str(&path), take_name, n);
	buf_fini(&path);
	return r;
}

static json_t *named(const struct names *n, json_t *id)
{
	const char *text = json_string_value(id) != NULL ? json_string_value(id) : "";
	json_t *name = json_object_get(n->of, text);

	return json_incref(name != NULL && is_clear(n, text, json_string_value(name)) ? name : id);
}

/* ---- keys ---- */

struct keys { struct cli *c; struct export_out *out; struct names organisations, agreements, orders; json_t *wanted; };

static void name_references(const struct keys *k, json_t *entry)
{
	json_t *list = json_object_get(entry, "organisations"), *names = json_array(), *v;
	size_t i;

	json_array_foreach(list, i, v)
		(void)json_array_append_new(names, named(&k->organisations, v));
	if (i > 0)
		(void)json_object_set(entry, "organisations", names);
	json_decref(names);
	if ((v = json_object_get(entry, "agreement")) != NULL)
		(void)json_object_set_new(entry, "agreement", named(&k->agreements, v));
	if ((v = json_object_get(entry, "order")) != NULL)
		(void)json_object_set_new(entry, "order", named(&k->orders, v));
}

static int whole_key(struct cli *c, const char *id, json_t **answer)
{
	struct muster_err err;
	json_t *body = json_pack("{s:s, s:b}", "id", id, "export", 1);
	int r = api_post(c, "/admin/v1/estate/keys/whole", body, answer, &err);

	json_decref(body);
	return r == MUSTER_OK || r == MUSTER_E_NOT_FOUND ? CLI_OK : cli_fail(c, &err);
}

static int key_row(void *ctx, json_t *row)
{
	struct keys *k = ctx;
	json_t *entry = json_object_get(row, "entry"), *answer = NULL;
	int r = CLI_OK;

	name_references(k, entry);
	if (k->c->given[CLI_O_WITH_KEYS] && (r = whole_key(k->c, json_text(row, "id"), &answer)) == CLI_OK && answer != NULL)
		(void)json_object_set(entry, "key", json_object_get(answer, "key"));
	json_decref(answer);
	if (r == CLI_OK)
		return export_row(k->out, row);
	json_decref(row);
	return r;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Those that were named; a beginning, or the last five characters, is enough as with `keys show`. In the order of IDs and each once. */
static int chosen_keys(struct keys *k, const struct estate_kind *kind)
{
	union { const struct estate_kind *in; void *out; } of = { .in = kind };
	json_t *found = json_object(), *item, *row;
	const char **ids, *id;
	size_t n = 0;
	int r = CLI_OK;

	for (size_t i = 1; r == CLI_OK && i < k->c->arg_count; i++) {
		item = row = NULL;
		if ((r = estate_show(k->c, kind, k->c->args[i], &item)) == CLI_OK && as_row(of.out, item, &row) == 0 && row == NULL)
			r = cli_say(k->c, CLI_USAGE, "%s is a key that this host uses, not one of the books: `musterctl keys --whole NUMBER`", k->c->args[i]);
		if (row != NULL)
			(void)json_object_set_new(found, json_text(row, "id"), row);
		json_decref(item);
	}
	if ((ids = mem_array(json_object_size(found) + 1, sizeof(*ids))) == NULL)
		r = cli_say(k->c, CLI_FAILED, "out of memory");
	json_object_foreach(found, id, row)
		if (ids != NULL)
			ids[n++] = id;
	if (r == CLI_OK && ids != NULL)
		qsort(ids, n, sizeof(*ids), compare_ids);
	for (size_t i = 0; r == CLI_OK && ids != NULL && i < n; i++)
		r = key_row(k, json_incref(json_object_get(found, ids[i])));
	mem_free(ids);
	json_decref(found);
	return r;
}

int export_keys(struct cli *c, struct export_out *o)
{
	const struct estate_kind *kind = estate_kind_find("key");
	struct keys k = { .c = c, .out = o, .organisations = { .members = organisation_names, .member_count = 1 },
		.agreements = { .members = agreement_names, .member_count = sizeof(agreement_names) / sizeof(agreement_names[0]) }, .orders = { .members = order_names, .member_count = 1 } };
	struct names *all[] = { &k.organisations, &k.agreements, &k.orders };
	struct buf path;
	int r;

	buf_init(&path, ESTATE_PATH_MAX);
	if ((r = estate_list_path(c, kind, &path)) == CLI_OK && (r = read_names(c, "organisation", &k.organisations)) == CLI_OK &&
	    (r = read_names(c, "agreement", &k.agreements)) == CLI_OK && (r = read_names(c, "order", &k.orders)) == CLI_OK)
		r = c->arg_count > 1 ? chosen_keys(&k, kind) : each(c, kind, buf_str(&path), key_row, &k);
	buf_fini(&path);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		json_decref(all[i]->of);
		json_decref(all[i]->meant);
	}
	return r;
}

/* ---- books ---- */

/* What others refer to comes first, so that an import finds it. */
static const char *const book_order[] = { "contact", "organisation", "agreement", "order", "product", "key", "request", "host" };

struct books { struct cli *c; struct export_out *out; json_t *later; };

static int book_row(void *ctx, json_t *row)
{
	struct books *b = ctx;
	json_t *answer = NULL;
	int r = CLI_OK;

	if (b->c->given[CLI_O_WITH_KEYS] && strcmp(json_text(row, "kind"), "key") == 0 && (r = whole_key(b->c, json_text(row, "id"), &answer)) == CLI_OK && answer != NULL)
		(void)json_object_set(json_object_get(row, "entry"), "key", json_object_get(answer, "key"));
	json_decref(answer);
	if (r == CLI_OK)
		return export_row(b->out, row);
	json_decref(row);
	return r;
}

static int keep_organisation(void *ctx, json_t *row)
{
	struct books *b = ctx;
	int r = json_object_set(b->later, json_text(row, "id"), row);

	json_decref(row);
	return r == 0 ? CLI_OK : cli_say(b->c, CLI_FAILED, "out of memory");
}

/* Parents before their children, and otherwise in the order of IDs: level by level. The host admits no circle; a parent that is not there counts as written. */
static int write_organisations(struct books *b)
{
	json_t *written = json_object(), *row;
	const char *id;
	int r = CLI_OK;

	for (size_t before = SIZE_MAX; r == CLI_OK && json_object_size(written) < json_object_size(b->later) && before != json_object_size(written);) {
		json_t *level = json_array();
		size_t i;

		before = json_object_size(written);
		json_object_foreach(b->later, id, row) {
			const char *parent = json_text(json_object_get(row, "entry"), "parent");

			if (json_object_get(written, id) == NULL && (json_object_get(b->later, parent) == NULL || json_object_get(written, parent) != NULL))
				(void)json_array_append(level, row);
		}
		json_array_foreach(level, i, row) {
			(void)json_object_set_new(written, json_text(row, "id"), json_true());
			if (r == CLI_OK)
				r = export_row(b->out, json_deep_copy(row));
		}
		json_decref(level);
	}
	json_decref(written);
	return r;
}

static bool is_chosen(const struct cli *c, const struct estate_kind *k)
{
	for (size_t i = 1; i < c->arg_count; i++)
		if (estate_kind_find(c->args[i]) == k)
			return true;
	return c->arg_count <= 1;
}

int export_books(struct cli *c, struct export_out *o)
{
	struct books b = { .c = c, .out = o, .later = json_object() };
	int r = CLI_OK;

	for (size_t i = 1; r == CLI_OK && i < c->arg_count; i++)
		if (estate_kind_find(c->args[i]) == NULL)
			r = cli_say(c, CLI_USAGE, "\"%s\" is no kind of entry; they are organisations, contacts, agreements, orders, catalogue, keys, requests and hosts", c->args[i]);
	for (size_t i = 0; r == CLI_OK && i < sizeof(book_order) / sizeof(book_order[0]); i++) {
		const struct estate_kind *k = estate_kind_find(book_order[i]);
		bool organisations = strcmp(k->name, "organisation") == 0;
		struct buf path;

		if (!is_chosen(c, k))
			continue;
		buf_init(&path, ESTATE_PATH_MAX);
		buf_addf(&path, "/admin/v1/estate/%s", k->plural);
		r = each(c, k, buf_str(&path), organisations ? keep_organisation : book_row, &b);
		if (r == CLI_OK && organisations)
			r = write_organisations(&b);
		buf_fini(&path);
	}
	json_decref(b.later);
	return r;
}
