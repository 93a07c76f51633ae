/* Installation media: what to look for on one, and what its files say (docs/admin-api.md). The caller reads the medium; the host never does. */
#include "core/service/admin.h"

#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/catalog/lint.h"
#include "core/catalog/medium.h"

/* ---- what to look for ---- */

static json_t *marks_of(const struct muster_product *p)
{
	const struct muster_medium_mark *m = p->marks.rows;
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->marks.count; i++)
		(void)json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "path", admin_json_text(m[i].path), "text", admin_json_text(m[i].text),
			"edition", admin_json_text(m[i].edition)));
	return list;
}

int admin_media(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *names[MEDIUM_PATHS_MAX];
	const struct catalog_product *p;
	json_t *paths, *products;
	size_t n, i;
	int r;

	if ((r = medium_paths(c->snapshot->catalog, names, &n, err)) != MUSTER_OK)
		return r;
	paths = json_array();
	products = json_array();
	for (i = 0; i < n; i++)
		(void)json_array_append_new(paths, admin_json_text(names[i]));
	p = catalog_products(c->snapshot->catalog, &n);
	for (i = 0; i < n; i++)
		if (p[i].row.model == MUSTER_MODEL_EMBEDDED && p[i].enabled)
			(void)json_array_append_new(products, json_pack("{s:s, s:o, s:o, s:o}", "product", p[i].row.name, "title", admin_json_text(p[i].row.title),
				"media", admin_media_rules(&p[i].row), "marks", marks_of(&p[i].row)));
	*out = json_pack("{s:o, s:o, s:i}", "paths", paths, "products", products, "file_max", (int)MEDIUM_FILE_MAX);
	return MUSTER_OK;
}

/* ---- what the files say ---- */

struct inspection { struct medium medium; struct muster_medium_file *files; struct medium_finds finds; };

/* Base64 (RFC 4648 section 4), strictly. *out is the caller's; NULL for nothing. */
static int decode(const char *text, size_t n, struct muster_span *out, struct muster_err *err)
{
	size_t body = n, pad;
	uint8_t *p;

	*out = (struct muster_span){ NULL, 0 };
	while (body > 0 && text[body - 1] == '=')
		body--;
	pad = n - body;
	if (n % 4 != 0 || pad > 2 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") != body || strlen(text) != n)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "files: data is not base64 (RFC 4648 section 4)");
	if (n / 4 * 3 > MEDIUM_FILE_MAX + 3 || n / 4 * 3 - pad > MEDIUM_FILE_MAX)
		return err_code(err, MUSTER_E_LIMIT, CODE_M_ARGUMENT, "files: a file has at most %u bytes", MEDIUM_FILE_MAX);
	if ((p = mem_alloc(n / 4 * 3 + 1)) == NULL)
		return err_nomem(err);
	if (n > 0 && EVP_DecodeBlock(p, (const unsigned char *)text, (int)n) < 0) {
		mem_free(p);
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "files: data is not base64 (RFC 4648 section 4)");
	}
	*out = (struct muster_span){ p, n / 4 * 3 - pad };
	return MUSTER_OK;
}

static int take_file(struct muster_medium_file *f, const json_t *item, struct muster_err *err)
{
	const json_t *path = json_object_get(item, "path"), *data = json_object_get(item, "data");

	if (!json_is_string(path) || !json_is_string(data))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "files: each has path and data, both strings");
	if (json_string_length(path) >= MEDIUM_PATH_MAX || lint_text(json_string_value(path), MEDIUM_PATH_MAX - 1) != NULL)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "files: a path has 1 to %d bytes of plain text", MEDIUM_PATH_MAX - 1);
	f->path = json_string_value(path);
	return decode(json_string_value(data), json_string_length(data), &f->bytes, err);
}

static int take_files(struct admin_call *c, struct inspection *x, struct muster_err *err)
{
	const json_t *files = json_object_get(c->body, "files"), *item;
	size_t i;
	int r;

	if (!json_is_array(files) || json_array_size(files) > MEDIUM_PATHS_MAX)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "files must be an array of at most %d files", MEDIUM_PATHS_MAX);
	if ((x->files = mem_array(json_array_size(files) + 1, sizeof *x->files)) == NULL)
		return err_nomem(err);
	x->medium.files = x->files;
	json_array_foreach(files, i, item) {
		if ((r = take_file(&x->files[i], item, err)) != MUSTER_OK)
			return r;
		x->medium.file_count++;
	}
	return MUSTER_OK;
}

static void inspection_fini(struct admin_call *c, struct inspection *x)
{
	const json_t *item;
	size_t i;

	for (i = 0; i < x->medium.file_count; i++) {
		OPENSSL_cleanse((uint8_t *)(uintptr_t)x->files[i].bytes.p, x->files[i].bytes.n);
		mem_free((uint8_t *)(uintptr_t)x->files[i].bytes.p);
	}
	mem_free(x->files);
	medium_finds_free(&x->finds);
	/* The same bytes, as they came. */
	json_array_foreach(json_object_get(c->body, "files"), i, item) {
		const json_t *data = json_object_get(item, "data");

		if (json_is_string(data))
			OPENSSL_cleanse((char *)(uintptr_t)json_string_value(data), json_string_length(data));
	}
}

/* The member "key", then the reference. */
static void wipe_key(json_t *what)
{
	const json_t *key = json_object_get(what, "key");

	if (json_is_string(key))
		OPENSSL_cleanse((char *)(uintptr_t)json_string_value(key), json_string_length(key));
	json_decref(what);
}

/* What became of a find: kept, kept before, or why not. */
struct keeping { const char *state; json_t *number; char reason[MUSTER_ERR_MAX]; };

static json_t *find_json(const struct medium_find *f, struct keeping *k)
{
	json_t *fits = json_array();

	for (size_t i = 0; i < f->fit_count; i++)
		(void)json_array_append_new(fits, json_string(f->fits[i]->row.name));
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "path", admin_json_text(f->path),
		"section", admin_json_text(f->section[0] != '\0' ? f->section : NULL), "encoding", f->encoding,
		"product", admin_json_text(f->product != NULL ? f->product->row.name : NULL), "title", admin_json_text(f->product != NULL ? f->product->row.title : NULL),
		"edition", admin_json_text(f->edition), "portal", admin_json_text(f->portal), "has_key", f->key[0] != '\0',
		"masked", admin_json_text(f->key[0] != '\0' ? f->masked : NULL), "partial", admin_json_text(f->key[0] != '\0' ? f->info.partial : NULL),
		"advice", admin_json_text(f->advice), "note", admin_json_text(f->note[0] != '\0' ? f->note : NULL), "fits", fits,
		"state", k->state, "number", k->number != NULL ? k->number : json_null(), "reason", admin_json_text(k->reason[0] != '\0' ? k->reason : NULL));
}

static int as_product(struct admin_call *c, const struct catalog_product **out, struct muster_err *err)
{
	const char *name;
	int r;

	*out = NULL;
	if ((r = admin_text(c, "as", MUSTER_NAME_MAX, false, &name, err)) != MUSTER_OK || name == NULL)
		return r;
	*out = catalog_product_named(c->snapshot->catalog, name);
	if (*out == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no product \"%s\"; `musterctl products` lists them", name);
	if ((*out)->row.model != MUSTER_MODEL_EMBEDDED)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s is not of the embedded model: its key lies on no medium", name);
	return MUSTER_OK;
}

static void keep(struct admin_call *c, const struct inspection *x, const struct medium_find *f, struct keeping *k)
{
	const char *label = x->medium.label != NULL && x->medium.label[0] != '\0' ? x->medium.label : x->medium.name;
	struct muster_err err = { 0 };
	json_t *what, *stored = NULL;
	int r;

	if (f->key[0] == '\0')
		return;
	k->state = "not-stored";
	if (f->product == NULL) {
		(void)snprintf(k->reason, sizeof k->reason, "The medium does not tell which product the key is of.");
		return;
	}
	what = json_pack("{s:s, s:s, s:s, s:s, s:s}", "product", f->product->row.name, "edition", f->edition != NULL ? f->edition : "", "key", f->key, "path", f->path,
		"label", label != NULL ? label : "");
	r = what == NULL ? err_nomem(&err) : holdings_embedded_store(c->service->holdings, c->peer.actor, what, &stored, &err);
	if (r == MUSTER_OK || r == MUSTER_E_EXISTS)
		k->state = r == MUSTER_OK ? "stored" : "known";
	else
		(void)snprintf(k->reason, sizeof k->reason, "%s", err.message);
	k->number = json_incref(json_object_get(stored, "number"));
	json_decref(stored);
	wipe_key(what);
}

static int wants_store(struct admin_call *c, bool *store, struct muster_err *err)
{
	const json_t *v = json_object_get(c->body, "store");

	*store = json_is_true(v);
	if (v != NULL && !json_is_boolean(v))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "store must be true or false");
	if (*store && c->peer.role < ROLE_ADMINISTRATOR)
		return err_code(err, MUSTER_E_DENIED, CODE_M_ROLE, "This needs the role %s; yours is %s.", peer_role_word(ROLE_ADMINISTRATOR), peer_role_word(c->peer.role));
	return MUSTER_OK;
}

static int inspect(struct admin_call *c, struct inspection *x, const struct catalog_product *as, bool store, json_t **out, struct muster_err *err)
{
	json_t *finds;
	int r;

	if ((r = admin_text(c, "label", MEDIUM_NAME_MAX - 1, false, &x->medium.label, err)) != MUSTER_OK ||
	    (r = admin_text(c, "name", MEDIUM_NAME_MAX - 1, false, &x->medium.name, err)) != MUSTER_OK || (r = take_files(c, x, err)) != MUSTER_OK ||
	    (r = medium_look(c->snapshot->catalog, &x->medium, as, &x->finds, err)) != MUSTER_OK)
		return r;
	finds = json_array();
	for (size_t i = 0; i < x->finds.n; i++) {
		struct keeping k = { x->finds.items[i].key[0] != '\0' ? "found" : "none", NULL, "" };

		if (store)
			keep(c, x, &x->finds.items[i], &k);
		(void)json_array_append_new(finds, find_json(&x->finds.items[i], &k));
	}
	*out = json_pack("{s:o, s:o, s:o}", "label", admin_json_text(x->medium.label), "name", admin_json_text(x->medium.name), "finds", finds);
	return MUSTER_OK;
}

int admin_media_inspect(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct inspection x = { .files = NULL };
	const struct catalog_product *as;
	bool store = false;
	int r = as_product(c, &as, err);

	if (r == MUSTER_OK && (r = wants_store(c, &store, err)) == MUSTER_OK)
		r = inspect(c, &x, as, store, out, err);
	inspection_fini(c, &x);
	return r;
}

/* ---- what is stored ---- */

int admin_media_keys(struct admin_call *c, json_t **out, struct muster_err *err)
{
	json_t *list = NULL, *items = json_array(), *key;
	size_t i;
	int r = holdings_embedded_list(c->service->holdings, &list, err);

	json_array_foreach(json_object_get(list, "keys"), i, key) {
		(void)json_object_set_new(key, "stored_at", admin_json_time(json_integer_value(json_object_get(key, "stored_at")) * 1000));
		(void)json_array_append(items, key);
	}
	if (r == MUSTER_OK)
		*out = json_pack("{s:O, s:n}", "items", items, "next");
	json_decref(items);
	json_decref(list);
	return r;
}

/* A key that somebody typed, or has from elsewhere. */
int admin_media_key_store(struct admin_call *c, json_t **out, struct muster_err *err)
{
	static const struct { const char *name; size_t max; bool required; } texts[] = {
		{ "product", MUSTER_NAME_MAX, true }, { "key", KEYS_MAX, true }, { "edition", MUSTER_TEXT_MAX, false }, { "path", MEDIUM_PATH_MAX - 1, false },
		{ "label", MEDIUM_NAME_MAX - 1, false } };
	const char *ignored;
	int r = MUSTER_OK;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0] && r == MUSTER_OK; i++)
		r = admin_text(c, texts[i].name, texts[i].max, texts[i].required, &ignored, err);
	if (r == MUSTER_OK && (r = holdings_embedded_store(c->service->holdings, c->peer.actor, c->body, out, err)) == MUSTER_OK)
		(void)json_object_set_new(*out, "stored_at", admin_json_time(json_integer_value(json_object_get(*out, "stored_at")) * 1000));
	wipe_key(json_incref(c->body));
	return r;
}

int admin_media_key_remove(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const json_t *v = json_object_get(c->body, "number");

	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > (json_int_t)PRODUCT_KEY_NUMBER_MAX)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "number must be a stored key's number, 0 to %u", PRODUCT_KEY_NUMBER_MAX);
	return holdings_embedded_remove(c->service->holdings, c->peer.actor, (uint32_t)json_integer_value(v), out, err);
}
