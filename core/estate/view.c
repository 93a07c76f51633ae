/* One entry as it is shown, alone or with all that belongs to it. */
#include "core/estate/view.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/codes.h"
#include "core/base/err.h"

#define OPEN_LICENSE "Open License: downgrade and re-imaging rights need at least one unit of the product that is owned under it; note in `rights` of the product which you use."
#define OPEN_ENDED "Open License ended in December 2021: no more host activations, MAK activations or host keys by exception are given for it."

int view_init(struct view *v, struct estate *e, const struct estate_kind *k, struct muster_err *err)
{
	char now[TIME_RFC3339];

	memset(v, 0, sizeof *v);
	v->e = e;
	time_rfc3339(now, clock_wall_ms(e->clock));
	(void)snprintf(v->today, sizeof v->today, "%.10s", now);
	v->catalog = estate_catalog(e);
	if ((v->orders = json_object()) == NULL) {
		view_fini(v);
		return err_nomem(err);
	}
	/* Agreements and organisations show keys too. */
	return strcmp(k->name, "product") == 0 || strcmp(k->name, "contact") == 0 || strcmp(k->name, "host") == 0 ? MUSTER_OK : view_installed(e, &v->installed, err);
}

void view_fini(struct view *v)
{
	json_decref(v->orders);
	json_decref(v->installed);
	if (v->catalog != NULL)
		catalog_unref(v->catalog);
	memset(v, 0, sizeof *v);
}

/* The key of this host that ends so. */
static json_t *installed_as(const struct view *v, const char *partial)
{
	const json_t *x;
	size_t i;

	json_array_foreach(v->installed, i, x)
		if (partial != NULL && strcmp(json_string_value(json_object_get(x, "partial")), partial) == 0)
			return json_object_get(x, "installed");
	return NULL;
}

int view_item(struct view *v, const struct estate_kind *k, const char *id, const json_t *entry, json_t **out, struct muster_err *err)
{
	json_t *item = json_copy((json_t *)(uintptr_t)entry), *installed;
	int r = MUSTER_OK;

	*out = NULL;
	if (item == NULL || json_object_set_new(item, "id", json_string(id)) != 0) {
		json_decref(item);
		return err_nomem(err);
	}
	if (strcmp(k->name, "key") == 0) {
		installed = installed_as(v, json_string_value(json_object_get(item, "partial")));
		if (json_object_set_new(item, ENTRY_WHOLE, json_boolean(json_is_true(json_object_get(entry, ENTRY_WHOLE)))) != 0 ||
		    (installed != NULL && json_object_set(item, "installed", installed) != 0))
			r = err_nomem(err);
		if (r == MUSTER_OK)
			r = view_usable(v, item, err);
	} else if (strcmp(k->name, "product") == 0) {
		r = view_product(v, item, err);
	}
	if (r == MUSTER_OK)
		*out = item;
	else
		json_decref(item);
	return r;
}

/* ---- with all that belongs to it ---- */

struct gather {
	struct view *v;
	const struct estate_kind *k;
	bool (*belongs)(const struct gather *g, const char *id, const json_t *entry);
	const char *id, *name;               /**< of what is shown */
	const json_t *license_ids; json_t *orders, *related, *ids;
	json_t *out;
	struct muster_err *err; int r;
};

static int gather_one(void *ctx, const char *id, const json_t *entry)
{
	struct gather *g = ctx;
	json_t *item;

	if (!g->belongs(g, id, entry))
		return 0;
	if ((g->r = view_item(g->v, g->k, id, entry, &item, g->err)) == MUSTER_OK && json_array_append_new(g->out, item) != 0)
		g->r = err_nomem(g->err);
	return g->r != MUSTER_OK;
}

/* Everything of a kind that belongs to it, as a member of what is shown. */
static int gather(struct gather *g, const char *kind, bool (*belongs)(const struct gather *, const char *, const json_t *), json_t *into, const char *member, struct muster_err *err)
{
	int r;

	g->k = estate_kind_find(kind);
	g->belongs = belongs;
	g->err = err;
	g->r = MUSTER_OK;
	if ((g->out = json_array()) == NULL || json_object_set_new(into, member, g->out) != 0)
		return err_nomem(err);
	r = entry_each(g->v->e, g->k, gather_one, g, err);
	return r != MUSTER_OK ? r : g->r;
}

static bool is(const json_t *entry, const char *member, const char *value)
{
	const char *text = json_string_value(json_object_get(entry, member));

	return text != NULL && strcmp(text, value) == 0;
}

static bool order_of_agreement(const struct gather *g, const char *id, const json_t *entry)
{
	(void)id;
	return is(entry, "agreement", g->id);
}

static bool key_of_agreement(const struct gather *g, const char *id, const json_t *entry)
{
	(void)id;
	return view_key_of_agreement(entry, g->id, g->license_ids, g->orders);
}

static bool key_of_order(const struct gather *g, const char *id, const json_t *entry)
{
	(void)id;
	return is(entry, "order", g->id);
}

static bool key_of_organisation(const struct gather *g, const char *id, const json_t *entry)
{
	const json_t *x;
	size_t i;

	(void)id;
	json_array_foreach(json_object_get(entry, "organisations"), i, x)
		if (json_object_get(g->related, json_string_value(x)) != NULL)
			return true;
	return false;
}

static bool child(const struct gather *g, const char *id, const json_t *entry)
{
	(void)id;
	return is(entry, "parent", g->id);
}

static bool agreement_of_organisation(const struct gather *g, const char *id, const json_t *entry)
{
	(void)id;
	return is(entry, "organisation", g->id);
}

static bool key_of_product(const struct gather *g, const char *id, const json_t *entry)
{
	const json_t *x;
	size_t i;

	(void)id;
	json_array_foreach(json_object_get(entry, "products"), i, x)
		if (g->name != NULL && strcasecmp(json_string_value(x), g->name) == 0)
			return true;
	return false;
}

static bool among(const struct gather *g, const char *id, const json_t *entry)
{
	(void)entry;
	return json_object_get(g->ids, id) != NULL;
}

static int contacts_of(struct gather *g, json_t *item, const char *member, struct muster_err *err)
{
	const json_t *v = json_object_get(item, member), *x;
	size_t i;
	int r;

	if (v == NULL)
		return MUSTER_OK;
	if ((g->ids = json_object()) == NULL)
		return err_nomem(err);
	if (json_is_string(v))
		(void)json_object_set_new(g->ids, json_string_value(v), json_true());
	else
		json_array_foreach(v, i, x)
			(void)json_object_set_new(g->ids, json_string_value(x), json_true());
	r = gather(g, "contact", among, item, "contact_entries", err);
	json_decref(g->ids);
	g->ids = NULL;
	return r;
}

static bool open_license(const json_t *agreement)
{
	const char *programme = json_string_value(json_object_get(agreement, "programme"));

	return programme != NULL && (strcasestr(programme, "open license") != NULL || strcasestr(programme, "open licence") != NULL);
}

static int advise(json_t *item, const char *const *sentences, size_t n, struct muster_err *err)
{
	json_t *list = json_object_get(item, "advice");

	if (list == NULL && ((list = json_array()) == NULL || json_object_set_new(item, "advice", list) != 0))
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, json_string(sentences[i])) != 0)
			return err_nomem(err);
	return MUSTER_OK;
}

static int show_agreement(struct gather *g, json_t *item, struct muster_err *err)
{
	static const char *const open[] = { OPEN_LICENSE, OPEN_ENDED };
	int r;

	g->license_ids = json_object_get(item, "license_ids");
	if ((r = view_orders_of(g->v->e, g->id, &g->orders, err)) == MUSTER_OK && (r = gather(g, "order", order_of_agreement, item, "orders", err)) == MUSTER_OK &&
	    (r = gather(g, "key", key_of_agreement, item, "keys", err)) == MUSTER_OK && (r = contacts_of(g, item, "contacts", err)) == MUSTER_OK && open_license(item))
		r = advise(item, open, 2, err);
	json_decref(g->orders);
	return r;
}

static int show_organisation(struct gather *g, json_t *item, struct muster_err *err)
{
	int r;

	if ((r = filter_related(g->v->e, g->id, &g->related, err)) == MUSTER_OK && (r = gather(g, "organisation", child, item, "children", err)) == MUSTER_OK &&
	    (r = gather(g, "agreement", agreement_of_organisation, item, "agreements", err)) == MUSTER_OK && (r = gather(g, "key", key_of_organisation, item, "keys", err)) == MUSTER_OK)
		r = contacts_of(g, item, "contacts", err);
	json_decref(g->related);
	return r;
}

static int show_order(struct gather *g, json_t *item, struct muster_err *err)
{
	int r = gather(g, "key", key_of_order, item, "keys", err);

	return r == MUSTER_OK ? contacts_of(g, item, "seller", err) : r;
}

struct rights { const json_t *products; json_t *out; };

static int note_rights(void *ctx, const char *id, const json_t *entry)
{
	struct rights *t = ctx;
	const char *name = json_string_value(json_object_get(entry, "name")), *text = json_string_value(json_object_get(entry, "rights"));
	const json_t *x;
	size_t i;

	(void)id;
	json_array_foreach(t->products, i, x)
		if (text != NULL && name != NULL && strcasecmp(json_string_value(x), name) == 0)
			(void)json_array_append_new(t->out, json_pack("{s:s, s:s}", "product", name, "rights", text));
	return 0;
}

/* What may be done with it besides: as the catalogue notes it, and what the programme asks for. */
static int show_key(struct gather *g, json_t *item, struct muster_err *err)
{
	static const char *const open[] = { OPEN_LICENSE };
	const char *agreement = json_string_value(json_object_get(item, "agreement")), *order = json_string_value(json_object_get(item, "order"));
	struct rights t = { json_object_get(item, "products"), json_array() };
	json_t *of = NULL, *ordered = NULL;
	int r;

	if (t.out == NULL)
		return err_nomem(err);
	if ((r = entry_scan(g->v->e, estate_kind_find("product"), NULL, "\"rights\":", note_rights, &t, err)) == MUSTER_OK && json_array_size(t.out) > 0 &&
	    json_object_set(item, "rights", t.out) != 0)
		r = err_nomem(err);
	json_decref(t.out);
	if (r == MUSTER_OK && agreement == NULL && order != NULL && (r = entry_read(g->v->e, estate_kind_find("order"), order, &ordered, err)) == MUSTER_OK)
		agreement = json_string_value(json_object_get(ordered, "agreement"));
	if (r == MUSTER_OK && agreement != NULL && (r = entry_read(g->v->e, estate_kind_find("agreement"), agreement, &of, err)) == MUSTER_OK && open_license(of))
		r = advise(item, open, 1, err);
	json_decref(ordered);
	json_decref(of);
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

static int show_product(struct gather *g, json_t *item, struct muster_err *err)
{
	g->name = json_string_value(json_object_get(item, "name"));
	return gather(g, "key", key_of_product, item, "keys", err);
}

static const struct { const char *kind; int (*fn)(struct gather *, json_t *, struct muster_err *); } shows[] = {
	{ "agreement", show_agreement }, { "organisation", show_organisation }, { "order", show_order }, { "key", show_key }, { "product", show_product },
};

/* Of things that are no entries: a key of this host, a product of it. */
static int get_own(struct view *v, const struct estate_kind *k, const char *id, json_t **out, struct muster_err *err)
{
	json_t *list = NULL, *x;
	size_t i;
	int r = MUSTER_OK;

	if (strcmp(k->name, "key") == 0 && view_is_installed(id))
		list = json_incref(v->installed);
	else if (strcmp(k->name, "product") == 0 && strncmp(id, "host:", 5) == 0)
		r = view_products(v, &list, err);
	json_array_foreach(list, i, x)
		if (strcmp(json_string_value(json_object_get(x, "id")), id) == 0)
			*out = json_copy(x);
	json_decref(list);
	return r;
}

int estate_get(struct estate *e, const struct estate_kind *k, const char *id, json_t **out, struct muster_err *err)
{
	char found[ESTATE_ID_MAX + 1] = "";
	struct gather g = { 0 };
	struct stage *s = NULL;
	json_t *entry = NULL, *item = NULL;
	struct view v;
	int r;

	*out = NULL;
	if ((r = view_init(&v, e, k, err)) != MUSTER_OK || (r = get_own(&v, k, id, &item, err)) != MUSTER_OK)
		goto done;
	if (item == NULL) {
		if ((r = stage_new(&s, e, "", err)) != MUSTER_OK || (r = stage_find(s, k, id, found, err)) != MUSTER_OK || (r = entry_read(e, k, found, &entry, err)) != MUSTER_OK ||
		    (r = view_item(&v, k, found, entry, &item, err)) != MUSTER_OK)
			goto done;
	}
	g.v = &v;
	g.id = found;
	for (size_t i = 0; r == MUSTER_OK && i < sizeof shows / sizeof shows[0]; i++)
		if (strcmp(shows[i].kind, k->name) == 0)
			r = shows[i].fn(&g, item, err);
	if (r == MUSTER_OK)
		*out = json_incref(item);
done:
	json_decref(entry);
	json_decref(item);
	stage_free(s);
	view_fini(&v);
	return r;
}
