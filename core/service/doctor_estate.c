/* What the estate's books and imports say, for the doctor's rules: a page of each list, never the whole of a large estate. */
#include "core/service/doctor.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/service/admin.h"

#define DAY_S INT64_C(86400)

static const char *text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text != NULL ? text : "";
}

/* A page of a kind; NULL and why there is none. */
static json_t *page(struct admin_call *c, const char *kind, bool *more, char *failed, size_t n)
{
	struct muster_err err = { 0 };
	json_t *out = NULL;

	*more = false;
	if (estate_list(c->service->estate, estate_kind_find(kind), NULL, NULL, DOCTOR_LIST, &out, &err) != MUSTER_OK)
		(void)snprintf(failed, n, "the books cannot be read: %.180s", err.message);
	*more = json_is_string(json_object_get(out, "next"));
	return out;
}

/* ---- keys ---- */

/* "MAK -EEEEE (Windows 10 ESU)" */
static void key_text(char out[DOCTOR_TEXT], const json_t *key)
{
	static const struct { const char *kind, *text; } kinds[] = { { "host", "host key" }, { "mak", "MAK" }, { "esu", "ESU MAK" }, { "setup", "setup key" }, { "embedded", "embedded key" } };
	const char *kind = text_of(key, "kind"), *text = "key", *partial = text_of(key, "partial"), *product = json_string_value(json_array_get(json_object_get(key, "products"), 0));

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			text = kinds[i].text;
	(void)snprintf(out, DOCTOR_TEXT, "the %s %s%.5s%s%.120s%s in the books", text, partial[0] != '\0' ? "-" : "", partial, product != NULL ? " (" : "", product != NULL ? product : "",
	               product != NULL ? ")" : "");
}

static void add_key(struct doctor_facts *f, const json_t *key)
{
	const json_t *allowed = json_object_get(key, "allowed"), *used = json_object_get(key, "used");
	const char *end = text_of(key, "coverage_end");
	char full[32];
	struct doctor_use *u;
	struct doctor_end *e;
	int64_t ms;

	/* Those of this host that are no entries: gathered with what is in force. */
	if (strncmp(text_of(key, "id"), "installed-", 10) == 0)
		return;
	if (json_is_integer(allowed) && json_is_integer(used) && (u = doctor_use_add(f)) != NULL) {
		u->allowed = json_integer_value(allowed);
		u->used = json_integer_value(used);
		u->host_key = strcmp(text_of(key, "kind"), "host") == 0;
		key_text(u->what, key);
	}
	(void)snprintf(full, sizeof full, "%.10sT00:00:00Z", end);
	/* The last day is covered whole. */
	if (end[0] != '\0' && time_parse_rfc3339(&ms, full, strlen(full)) == MUSTER_OK && (e = doctor_end_add(f, DOCTOR_COVERAGE, ms / 1000 + DAY_S)) != NULL)
		key_text(e->what, key);
}

/* ---- setup keys ---- */

/* Keys of this product are noted, and none is one for a host: machines are activated by themselves, and no setup key marks them. */
static bool without_host_key(const json_t *keys, const char *product)
{
	const json_t *key, *name;
	size_t i, k;
	bool any = false;

	json_array_foreach(keys, i, key)
		json_array_foreach(json_object_get(key, "products"), k, name)
			if (json_is_string(name) && strcasecmp(json_string_value(name), product) == 0) {
				if (strcmp(text_of(key, "kind"), "host") == 0)
					return false;
				any = true;
			}
	return any;
}

static void add_product(struct doctor_facts *f, const json_t *product, const json_t *keys)
{
	const char *name = text_of(product, "name");
	char text[DOCTOR_TEXT], remedy[DOCTOR_TEXT];

	if (strcmp(text_of(product, "source"), "host") == 0 || text_of(product, "setup_key")[0] != '\0' || json_is_true(json_object_get(product, "keyless")) ||
	    strncmp(text_of(product, "id"), "host:", 5) == 0 || without_host_key(keys, name))
		return;
	(void)snprintf(text, sizeof text, "%.150s: no setup key is noted", name);
	(void)snprintf(remedy, sizeof remedy, "Copy it from the download page: musterctl catalogue set %.80s --set setup_key=...; or, where none is needed: --set keyless=yes.", text_of(product, "id"));
	(void)doctor_note(f, &f->setup_keys, text, remedy);
}

static void gather_books(struct doctor_facts *f, struct admin_call *c)
{
	bool more_keys, more_products;
	json_t *keys = page(c, "key", &more_keys, f->uses_failed, sizeof f->uses_failed), *products = page(c, "product", &more_products, f->setup_keys.failed, sizeof f->setup_keys.failed);
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(keys, "items"), i, item)
		add_key(f, item);
	json_array_foreach(json_object_get(products, "items"), i, item)
		add_product(f, item, json_object_get(keys, "items"));
	f->books_more = more_keys || more_products;
	json_decref(products);
	json_decref(keys);
}

void doctor_gather_estate(struct doctor_facts *f, struct admin_call *c)
{
	gather_books(f, c);
}
