#include "core/service/admin.h"
#include "core/service/api.h"

#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/catalog/watch.h"
#include "core/service/reload.h"

static json_t *editions(const struct snapshot *snap, const struct catalog_product *p)
{
	json_t *list = json_array();
	const struct catalog_edition *e;
	size_t n;

	e = catalog_editions(snap->catalog, p, &n);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:b}", "activation_id", admin_json_uuid(e[i].activation_id),
			"title", admin_json_text(e[i].title), "minimum_count", (json_int_t)e[i].minimum_count, "learned", e[i].learned));
	return list;
}

/* Rows of a table whose stride may be shorter than ours: what is missing is zero (plugin.h). */
static json_t *platforms(const struct catalog_product *p)
{
	const struct muster_table *t = &p->row.platforms;
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->count; i++) {
		struct muster_platform row = { 0 };

		memcpy(&row, (const uint8_t *)t->rows + (size_t)i * t->stride, t->stride < sizeof row ? t->stride : sizeof row);
		(void)json_array_append_new(list, json_pack("{s:o, s:o}", "name", admin_json_text(row.name), "update", admin_json_text(row.update)));
	}
	return list;
}

static json_t *source(const struct catalog_product *p)
{
	if (p->file != NULL)
		return json_sprintf("%s:%u", p->file, p->line);
	return p->plugin != NULL ? json_sprintf("plugin %s", p->plugin->name) : json_string("configuration");
}

static const char *next_command(const struct catalog_product *p, bool certified)
{
	if (p->issuer == NULL || certified || api_not_served(p) != NULL)
		return NULL;
	return p->row.access != NULL && p->row.access->programmes.count > 0 ? "musterctl access activate" : "musterctl setup";
}

static json_t *product(struct admin_call *c, const struct catalog_product *p, const struct trust_view *view, int64_t now)
{
	const char *reason = api_not_served(p), *command;
	struct setting_intervals i;
	int64_t end = 0;
	bool certified = ring_find(view, p->row.activation_id, now) != NULL;
	json_t *o;

	(void)ring_state(view, p->row.activation_id, now, p->row.validity_s, &end);
	settings_intervals(&i, &c->service->settings, c->snapshot->config, p);
	command = next_command(p, certified);
	o = json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:s?, s:I, s:I, s:I, s:I}", "product", p->row.name, "title", admin_json_text(p->row.title),
		"description", admin_json_text(p->description), "activation_id", admin_json_uuid(p->row.activation_id),
		"application_id", admin_json_uuid(p->row.application_id), "model", api_model_word(p->row.model), "pool", p->pool != NULL ? p->pool->name : NULL,
		"minimum_count", (json_int_t)p->row.minimum_count, "validity", (json_int_t)p->row.validity_s,
		"renewal_interval", (json_int_t)i.renewal_s, "retry_interval", (json_int_t)i.retry_s);
	if (o == NULL)
		return NULL;
	(void)json_object_update_new(o, json_pack("{s:I, s:b, s:o, s:s?, s:o, s:o, s:b, s:o, s:b, s:b, s:o, s:o, s:s?}",
		"window", (json_int_t)(p->pool != NULL ? p->pool->window_s : 0), "certified", certified, "certified_until", admin_json_time(end * 1000),
		"issuer", p->issuer, "source", source(p), "refused", admin_json_text(p->row.refused), "served", reason == NULL,
		"not_served_reason", admin_json_text(reason), "record", (p->row.flags & MUSTER_PRODUCT_RECORD) != 0, "count_observed", p->count_observed,
		"editions", editions(c->snapshot, p), "platforms", platforms(p), "command", command));
	(void)json_object_set_new(o, "observed", json_integer((json_int_t)estate_observed_count(c->service->estate, p)));
	(void)json_object_set_new(o, "low_water", json_integer((json_int_t)p->low_water));
	(void)json_object_update_new(o, admin_rules(p));
	(void)json_object_update_new(o, admin_policy(p));
	return o;
}

int admin_products(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct trust_view *view = ring_view(c->service->ring);
	int64_t now = clock_wall_ms(c->service->clock) / 1000;
	const struct catalog_product *p;
	json_t *items = json_array();
	size_t n;

	(void)err;
	p = catalog_products(c->snapshot->catalog, &n);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(items, product(c, &p[i], view, now));
	ring_view_unref(view);
	*out = json_pack("{s:o, s:n}", "items", items, "next");
	return MUSTER_OK;
}

struct unknown_list { json_t *items; const struct catalog *catalog; };

static int add_unknown(void *ctx, const struct store_unknown *u)
{
	struct unknown_list *list = ctx;

	/* Asked for before it was learned, folded after: known now. */
	if (catalog_find(list->catalog, u->activation_id) != NULL)
		return 0;
	(void)json_array_append_new(list->items, json_pack("{s:o, s:I, s:o}", "activation_id", admin_json_uuid(u->activation_id), "requests", (json_int_t)u->n,
		"last", admin_json_time(u->last)));
	return 0;
}

int admin_unknown(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct unknown_list list = { json_array(), c->snapshot->catalog };
	int r = ledger_unknown(c->service->ledger, add_unknown, &list, err);

	if (r == MUSTER_OK)
		*out = json_pack("{s:O, s:n}", "items", list.items, "next");
	json_decref(list.items);
	return r;
}

static void add_change(void *ctx, const char *text)
{
	(void)json_array_append_new(ctx, admin_json_text(text));
}

int admin_learn(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *text, *name, *title;
	const struct catalog_edition *known;
	struct muster_err second = { 0 };
	json_t *changes;
	uint8_t id[16];
	int r;

	if ((r = admin_text(c, "activation_id", 36, true, &text, err)) != MUSTER_OK || (r = admin_uuid("activation_id", text, id, err)) != MUSTER_OK ||
	    (r = admin_text(c, "product", MUSTER_NAME_MAX, true, &name, err)) != MUSTER_OK || (r = admin_text(c, "title", 255, false, &title, err)) != MUSTER_OK)
		return r;
	if (uuid_is_nil(id))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "activation_id is the nil UUID");
	if (catalog_product_named(c->snapshot->catalog, name) == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no product \"%s\"; `musterctl products` lists them", name);
	if ((known = catalog_find(c->snapshot->catalog, id)) != NULL && !known->learned)
		return err_code(err, MUSTER_E_EXISTS, CODE_M_ARGUMENT, "the activation ID %s is already one of %s", text, known->product->row.name);
	if ((r = ledger_learn(c->service->ledger, c->peer.actor, id, name, title != NULL ? title : name, err)) != MUSTER_OK)
		return r;
	changes = json_array();
	/* Learned in any case; in force once the catalog is built again. */
	r = reload_ask(c->service, add_change, changes, &second);
	*out = json_pack("{s:o, s:b, s:o}", "changes", changes, "in_force", r == MUSTER_OK, "reason", admin_json_text(r != MUSTER_OK ? second.message : NULL));
	return MUSTER_OK;
}

static json_t *plugin(const struct catalog *catalog, const struct catalog_plugin *p)
{
	const char *off = catalog_plugin_off(catalog, p);
	const struct watch_counters *k = catalog_plugin_counters(catalog, p);

	return json_pack("{s:s, s:o, s:o, s:s, s:o, s:I, s:b, s:{s:I, s:I, s:I, s:I, s:I}}", "name", p->name, "version", admin_json_text(p->version),
		"path", admin_json_text(p->path), "state", off != NULL ? "off" : p->refused != NULL ? "refused" : "loaded",
		"reason", admin_json_text(off != NULL ? off : p->refused), "products", (json_int_t)p->product_count, "required", p->required,
		"counters", "calls", (json_int_t)atomic_load(&k->calls), "refusals", (json_int_t)atomic_load(&k->refusals), "faults", (json_int_t)atomic_load(&k->faults),
		"slow", (json_int_t)atomic_load(&k->slow), "longest_us", (json_int_t)atomic_load(&k->longest_us));
}

int admin_plugins(struct admin_call *c, json_t **out, struct muster_err *err)
{
	json_t *items = json_array();
	const struct catalog_plugin *p;
	size_t n;

	(void)err;
	p = catalog_plugins(c->snapshot->catalog, &n);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(items, plugin(c->snapshot->catalog, &p[i]));
	*out = json_pack("{s:o, s:n}", "items", items, "next");
	return MUSTER_OK;
}

static const struct catalog_plugin *plugin_named(const struct catalog *catalog, const char *name)
{
	size_t n;
	const struct catalog_plugin *p = catalog_plugins(catalog, &n);

	for (; n > 0; n--, p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

/** One that crashed is let in again, one that is off after faults gets new chances: both by a reload. */
int admin_plugin_enable(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct catalog_plugin *p;
	struct muster_err second = { 0 };
	const char *name, *off;
	json_t *changes;
	bool kept;
	int r;

	if ((r = admin_text(c, "name", MUSTER_NAME_MAX, true, &name, err)) != MUSTER_OK)
		return r;
	p = plugin_named(c->snapshot->catalog, name);
	kept = watch_kept_off(name, NULL, 0);
	if (p == NULL && !kept)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no plugin \"%s\"; `musterctl plugins` lists them", name);
	off = p != NULL ? catalog_plugin_off(c->snapshot->catalog, p) : NULL;
	if (!kept && p != NULL && p->refused != NULL)
		return err_code(err, MUSTER_E_REFUSED, CODE_M_ARGUMENT, off != NULL ? "the plugin %s is switched off by the configuration: set enabled = yes in [plugin %s] and reload" :
		                "the plugin %s is refused by the host, and enabling it changes nothing; `musterctl plugins` says why", name, name);
	if (!kept && off == NULL)
		return err_code(err, MUSTER_E_REFUSED, CODE_M_ARGUMENT, "the plugin %s is not off", name);
	if (kept && (r = watch_enable(name, err)) != MUSTER_OK)
		return r;
	if ((r = ledger_journal_note(c->service->ledger, c->peer.actor, SERVICE_J_PLUGIN_ENABLED, name, off != NULL ? off : "kept off, and not configured", err)) != MUSTER_OK)
		return r;
	changes = json_array();
	r = reload_ask(c->service, add_change, changes, &second);
	*out = json_pack("{s:o, s:b, s:o}", "changes", changes, "in_force", r == MUSTER_OK, "reason", admin_json_text(r != MUSTER_OK ? second.message : NULL));
	return MUSTER_OK;
}
