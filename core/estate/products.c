/* Products: the catalogue of the books, and what this host itself counts. */
#include "core/estate/view.h"

#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/uuid.h"

/* Activation IDs of a product of this host that are not in a list yet. */
static int add_ids(const struct view *v, const struct catalog_product *p, json_t *list)
{
	const struct catalog_edition *editions;
	const json_t *x;
	char text[UUID_TEXT];
	size_t n, j;
	int r = 0;

	editions = catalog_editions(v->catalog, p, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		bool there = false;

		uuid_format(text, editions[i].activation_id);
		json_array_foreach(list, j, x)
			there = there || strcmp(json_string_value(x), text) == 0;
		if (!there && !uuid_is_nil(editions[i].activation_id))
			r = json_array_append_new(list, json_string(text));
	}
	return r;
}

/* No key is typed for it: its plugin has no rule for one, or it is activated by agreement (RDS, facts.md section 7). */
static bool keyless(const struct muster_product *p)
{
	const struct muster_key_rule *rule;
	bool typed = false;

	for (uint32_t i = 0; i < p->keys.count; i++) {
		rule = (const void *)((const char *)p->keys.rows + (size_t)i * p->keys.stride);
		typed = typed || rule->kind != MUSTER_KEY_ACCESS;
	}
	return !typed;
}

static json_t *host_item(const struct view *v, const struct catalog_product *p)
{
	json_t *ids = json_array(), *item;

	if (ids == NULL || add_ids(v, p, ids) != 0) {
		json_decref(ids);
		return NULL;
	}
	item = json_pack("{s:o, s:s, s:s, s:o, s:b, s:s}", "id", json_sprintf("host:%s", p->row.name), "name", p->row.title, "serves", p->row.name, "activation_ids", ids,
		"keyless", keyless(&p->row), "source", "host");
	if (item != NULL && p->row.family != NULL)
		(void)json_object_set_new(item, "category", json_string(p->row.family));
	return item;
}

static int note_served(void *ctx, const char *id, const json_t *entry)
{
	const json_t *serves = json_object_get(entry, "serves");

	(void)id;
	return json_is_string(serves) ? json_object_set_new(ctx, json_string_value(serves), json_true()) : 0;
}

static int by_id(const json_t *a, const json_t *b)
{
	return strcmp(json_string_value(json_object_get(a, "id")), json_string_value(json_object_get(b, "id")));
}

/* Into its place in a short list. */
static int insert(json_t *list, json_t *item)
{
	size_t i = 0;

	while (i < json_array_size(list) && by_id(json_array_get(list, i), item) < 0)
		i++;
	return json_array_insert_new(list, i, item);
}

int view_products(struct view *v, json_t **out, struct muster_err *err)
{
	const struct catalog_product *all;
	json_t *served = json_object(), *item;
	size_t n;
	int r;

	if ((*out = json_array()) == NULL || served == NULL) {
		json_decref(served);
		return err_nomem(err);
	}
	r = v->catalog != NULL ? entry_scan(v->e, estate_kind_find("product"), NULL, "\"serves\":", note_served, served, err) : MUSTER_OK;
	all = v->catalog != NULL ? catalog_products(v->catalog, &n) : NULL;
	for (size_t i = 0; r == MUSTER_OK && all != NULL && i < n; i++)
		if (json_object_get(served, all[i].row.name) == NULL && ((item = host_item(v, &all[i])) == NULL || insert(*out, item) != 0))
			r = err_nomem(err);
	json_decref(served);
	return r;
}

int view_product(struct view *v, json_t *item, struct muster_err *err)
{
	const char *serves = json_string_value(json_object_get(item, "serves"));
	const struct catalog_product *p = serves != NULL && v->catalog != NULL ? catalog_product_named(v->catalog, serves) : NULL;
	json_t *ids = json_object_get(item, "activation_ids");

	if (json_object_set_new(item, "source", json_string("catalogue")) != 0)
		return err_nomem(err);
	if (p == NULL)
		return MUSTER_OK;
	if (ids == NULL) {
		if ((ids = json_array()) == NULL || json_object_set_new(item, "activation_ids", ids) != 0)
			return err_nomem(err);
	}
	return add_ids(v, p, ids) == 0 ? MUSTER_OK : err_nomem(err);
}
