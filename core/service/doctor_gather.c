/* The facts that the doctor's rules see: what the ledger, the key ring, the activation and the catalog hold in memory, and short lists. */
#include "core/service/doctor.h"

#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/service/admin.h"
#include "core/service/api.h"
#include "core/service/tls.h"

#define DAY_S 86400
#define FORECAST_MAX 400          /* days, as [doctor] forecast allows */

/* ---- rows ---- */

/* One more element, zeroed; NULL: memory is short. */
static void *more(struct doctor_facts *f, void **rows, size_t *n, size_t size)
{
	unsigned char *grown = mem_grow(*rows, *n + 1, size);

	if (grown == NULL) {
		f->exhausted = true;
		return NULL;
	}
	*rows = grown;
	grown += size * (*n)++;
	return memset(grown, 0, size);
}

bool doctor_note(struct doctor_facts *f, struct doctor_notes *to, const char *text, const char *remedy)
{
	void *rows = to->rows;
	struct doctor_note *row;

	if (to->n == DOCTOR_LIST) {
		to->more = true;
		return true;
	}
	row = more(f, &rows, &to->n, sizeof *row);
	to->rows = rows;
	if (row == NULL)
		return false;
	(void)snprintf(row->text, sizeof row->text, "%s", text);
	(void)snprintf(row->remedy, sizeof row->remedy, "%s", remedy != NULL ? remedy : "");
	return true;
}

struct doctor_end *doctor_end_add(struct doctor_facts *f, enum doctor_end_kind kind, int64_t ends_at)
{
	void *rows = f->ends;
	struct doctor_end *row = more(f, &rows, &f->end_count, sizeof *row);

	f->ends = rows;
	if (row != NULL) {
		row->kind = kind;
		row->ends_at = ends_at;
	}
	return row;
}

struct doctor_use *doctor_use_add(struct doctor_facts *f)
{
	void *rows = f->uses;
	struct doctor_use *row = more(f, &rows, &f->use_count, sizeof *row);

	f->uses = rows;
	return row;
}

/* ---- products ---- */

/* Silent: twice the time after which it should have renewed, but never more than half the window, or nobody would ever be. */
static uint32_t silence(const struct service *s, const struct config *config, const struct catalog_product *p)
{
	struct setting_intervals i;
	uint32_t half = p->pool->window_s / 2;

	settings_intervals(&i, &s->settings, config, p);
	return i.renewal_s < half / 2 ? i.renewal_s * 2 : half;
}

static void forecast_of(struct doctor_facts *f, struct service *s, const struct snapshot *snap, const struct catalog_product *p, struct doctor_product *out)
{
	uint32_t days[FORECAST_MAX + 1], left[FORECAST_MAX + 1];
	size_t n = (size_t)(f->set.forecast / DAY_S) + 1;

	if (n > FORECAST_MAX + 1)
		n = FORECAST_MAX + 1;
	for (size_t i = 0; i < n; i++)
		days[i] = (uint32_t)i;
	out->silent = ledger_pool_forecast(s->ledger, p->pool, silence(s, snap->config, p), p->count_observed, days, left, n);
	for (size_t i = 0; i < n && out->sinks_in == DOCTOR_NEVER; i++)
		if (left[i] < out->minimum) {
			out->sinks_in = days[i];
			out->then = left[i];
		}
}

static void count_of(struct doctor_facts *f, struct service *s, const struct snapshot *snap, const struct catalog_product *p, struct doctor_product *out)
{
	struct ledger_count count;

	out->counted = true;
	ledger_pool_count(s->ledger, p->pool, &count);
	out->count = count.current;
	if (p->count_observed)   /* ledger.md section 2, "Observed machines" */
		out->count = count.current + count.observed < count.cap ? count.current + count.observed : count.cap;
	out->cap = count.cap;
	out->minimum = p->row.minimum_count;
	out->low_water = p->low_water;
	if (out->count >= out->minimum)
		forecast_of(f, s, snap, p, out);
}

static void add_product(struct doctor_facts *f, struct service *s, const struct snapshot *snap, struct trust_view *view, const struct catalog_product *p)
{
	void *rows = f->products;
	struct doctor_product *out = more(f, &rows, &f->product_count, sizeof *out);
	enum ring_state state;
	struct ledger_totals totals;
	struct doctor_end *e;
	int64_t end = 0;

	f->products = rows;
	if (out == NULL)
		return;
	(void)snprintf(out->name, sizeof out->name, "%s", p->row.name);
	out->sinks_in = DOCTOR_NEVER;
	out->advise = p->advise;
	state = ring_state(view, p->row.activation_id, f->now, p->row.validity_s, &end);
	out->certified = ring_find(view, p->row.activation_id, f->now) != NULL;
	out->revoked = state == RING_REVOKED;
	out->moved = activation_moved(s->activation, p->row.activation_id);
	ledger_product_totals(s->ledger, p, &totals);
	out->asked = totals.total > 0;
	if (p->row.model == MUSTER_MODEL_THRESHOLD && p->pool != NULL)
		count_of(f, s, snap, p, out);
	if (state != RING_NONE && state != RING_REVOKED && end > 0 && (e = doctor_end_add(f, DOCTOR_CERTIFICATE, end)) != NULL)
		(void)snprintf(e->what, sizeof e->what, "the certificate for %s", p->row.name);
	/* What a product file says of coverage concerns those who use the product. */
	if (out->asked && p->row.coverage_end > 0 && (e = doctor_end_add(f, DOCTOR_COVERAGE, p->row.coverage_end)) != NULL)
		(void)snprintf(e->what, sizeof e->what, "the coverage of %s", p->row.name);
}

static void gather_products(struct doctor_facts *f, struct service *s, const struct snapshot *snap)
{
	struct trust_view *view = ring_view(s->ring);
	const struct catalog_product *p;
	struct doctor_end *e;
	size_t n;

	p = catalog_products(snap->catalog, &n);
	for (size_t i = 0; i < n; i++)
		if (api_not_served(&p[i]) == NULL && p[i].issuer != NULL) {
			f->served++;
			add_product(f, s, snap, view, &p[i]);
		}
	if (service_has_tls(s) && tls_end() > 0 && (e = doctor_end_add(f, DOCTOR_CERTIFICATE, tls_end())) != NULL)
		(void)snprintf(e->what, sizeof e->what, "the TLS server's certificate");
	ring_view_unref(view);
}

/* ---- packs and keys ---- */

static int64_t time_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));
	int64_t ms;

	return text != NULL && time_parse_rfc3339(&ms, text, strlen(text)) == MUSTER_OK ? ms / 1000 : 0;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text != NULL ? text : "";
}

static const json_t *pack_key(const json_t *packs, json_int_t number)
{
	const json_t *pack, *key;
	size_t i, k;

	json_array_foreach(packs, i, pack)
		json_array_foreach(json_object_get(pack, "keys"), k, key)
			if (json_integer_value(json_object_get(key, "number")) == number)
				return key;
	return NULL;
}

static void add_key(struct doctor_facts *f, const json_t *key, const json_t *packs)
{
	const json_t *in_pack = pack_key(packs, json_integer_value(json_object_get(key, "number")));
	int64_t end = time_of(in_pack, "coverage_end");
	struct doctor_use *u;
	struct doctor_end *e;

	if (end > 0 && (e = doctor_end_add(f, DOCTOR_COVERAGE, end)) != NULL)
		(void)snprintf(e->what, sizeof e->what, "the coverage of the %.40s -%.5s (%.63s)", text_of(key, "kind_text"), text_of(key, "partial"), text_of(key, "product"));
	if (!json_is_integer(json_object_get(key, "allowed")) || (u = doctor_use_add(f)) == NULL)
		return;
	u->allowed = json_integer_value(json_object_get(key, "allowed"));
	u->used = json_integer_value(json_object_get(key, "used"));
	(void)snprintf(u->what, sizeof u->what, "the %.40s -%.5s (%.63s)", text_of(key, "kind_text"), text_of(key, "partial"), text_of(key, "product"));
}

static void gather_keys(struct doctor_facts *f, struct service *s)
{
	json_t *packs = NULL, *keys = NULL;
	const json_t *item;
	struct muster_err err = { 0 };
	struct doctor_end *e;
	int64_t end;
	size_t i;

	if (activation_packs(s->activation, &packs, &err) != MUSTER_OK)
		(void)snprintf(f->ends_failed, sizeof f->ends_failed, "%.200s", err.message);
	json_array_foreach(json_object_get(packs, "items"), i, item)
		if ((end = time_of(item, "ends_at")) > 0 && (e = doctor_end_add(f, DOCTOR_PACK, end)) != NULL)
			(void)snprintf(e->what, sizeof e->what, "the licence pack of agreement %.100s, issue %lld", text_of(item, "agreement"), (long long)json_integer_value(json_object_get(item, "issue")));
	if (activation_keys(s->activation, &keys, &err) != MUSTER_OK)
		(void)snprintf(f->uses_failed, sizeof f->uses_failed, "%.200s", err.message);
	json_array_foreach(json_object_get(keys, "items"), i, item)
		add_key(f, item, json_object_get(packs, "items"));
	json_decref(keys);
	json_decref(packs);
}

/* ---- the host itself ---- */

static void gather_ledger(struct doctor_facts *f, struct service *s)
{
	struct ledger_status l;
	struct muster_err why = { 0 };
	bool held;

	(void)ledger_age_time(s->ledger, &held);   /* both clocks are looked at now, not when the next request comes */
	ledger_status(s->ledger, &l);
	f->ready = ledger_ready(s->ledger, &why) == MUSTER_OK;
	(void)snprintf(f->not_ready, sizeof f->not_ready, "%.470s", f->ready ? "" : why.message);
	/* A clock that is not believed and a full disk have checks of their own. */
	f->ready = f->ready || l.clock_held || l.disk_low;
	f->clock_held = l.clock_held;
	memcpy(f->clock_reason, l.clock_reason, sizeof f->clock_reason);
	f->last_request = l.last_request / 1000;
	f->last_commit = l.last_commit / 1000;
	f->backlog = l.last_seq > l.fold_seq ? l.last_seq - l.fold_seq : 0;
	f->queued = l.queued;
	f->disk_free = l.disk_free;
	f->disk_floor = l.disk_floor;
	f->disk_low = l.disk_low;
	f->clones = ledger_clones(s->ledger);
	activation_audit_state(s->activation, f->audit_fault, sizeof f->audit_fault, &f->audit_beat);
	f->audit_beat /= 1000;
}

static bool wanted_off(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->plugin_count; i++)
		if (strcmp(config->plugins[i].name, name) == 0)
			return !config->plugins[i].enabled;
	return false;
}

static void gather_plugins(struct doctor_facts *f, const struct snapshot *snap)
{
	const struct catalog_plugin *p;
	size_t n;

	p = catalog_plugins(snap->catalog, &n);
	for (size_t i = 0; i < n; i++) {
		const char *off = catalog_plugin_off(snap->catalog, &p[i]), *why = off != NULL ? off : p[i].refused;
		void *rows = f->plugins;
		struct doctor_plugin *row;

		if (why == NULL) {
			f->plugins_loaded++;
			continue;
		}
		if (wanted_off(snap->config, p[i].name))
			continue;
		row = more(f, &rows, &f->plugin_count, sizeof *row);
		f->plugins = rows;
		if (row == NULL)
			return;
		row->off = off != NULL;
		(void)snprintf(row->name, sizeof row->name, "%s", p[i].name);
		(void)snprintf(row->why, sizeof row->why, "%.230s", why);
	}
}

struct unknown { struct doctor_facts *f; const struct catalog *catalog; };

static int add_unknown(void *ctx, const struct store_unknown *u)
{
	struct unknown *x = ctx;

	x->f->unknown_ids += catalog_find(x->catalog, u->activation_id) == NULL;
	return 0;
}

static void gather_debt(struct doctor_facts *f, struct admin_call *c)
{
	struct muster_err err = { 0 };
	json_t *debt = NULL;
	const json_t *item;
	char text[DOCTOR_TEXT];
	size_t i;

	if (admin_debt(c, &debt, &err) != MUSTER_OK)
		(void)snprintf(f->debt.failed, sizeof f->debt.failed, "%.200s", err.message);
	json_array_foreach(json_object_get(debt, "items"), i, item) {
		const char *what = text_of(item, "what"), *version = text_of(item, "version");

		(void)snprintf(text, sizeof text, "%.63s%s%.63s: %lld %.20s used, %lld there", text_of(item, "product"), version[0] != '\0' ? " " : "", version,
		               (long long)json_integer_value(json_object_get(item, "used")), strcmp(what, "licenses") == 0 ? "licences" : what,
		               (long long)json_integer_value(json_object_get(item, "available")));
		/* Below the minimum count under `advise`: `counts` has it. */
		if (strcmp(what, "machines") != 0)
			(void)doctor_note(f, &f->debt, text, NULL);
	}
	json_decref(debt);
}

static void gather_crls(struct doctor_facts *f, struct service *s)
{
	struct muster_err err = { 0 };
	json_t *lists = NULL;
	const json_t *item;
	char text[DOCTOR_TEXT];
	size_t i;

	if (activation_crls(s->activation, &lists, &err) != MUSTER_OK)
		(void)snprintf(f->crls.failed, sizeof f->crls.failed, "%.200s", err.message);
	json_array_foreach(json_object_get(lists, "items"), i, item)
		if (json_is_true(json_object_get(item, "stale"))) {
			(void)snprintf(text, sizeof text, "the revocation list of issuer %.63s should have been replaced on %.10s", text_of(item, "issuer"), text_of(item, "next_at"));
			(void)doctor_note(f, &f->crls, text, NULL);
		}
	json_decref(lists);
}

void doctor_gather(struct doctor_facts *f, struct admin_call *c, const char *names)
{
	struct service *s = c->service;
	struct unknown unknown = { f, c->snapshot->catalog };
	struct muster_err err = { 0 };

	memset(f, 0, sizeof *f);
	f->set = c->snapshot->config->doctor;
	f->now = clock_wall_ms(s->clock) / 1000;
	f->began = s->began;
	gather_ledger(f, s);
	gather_products(f, s, c->snapshot);
	gather_keys(f, s);
	gather_plugins(f, c->snapshot);
	if (doctor_named(names, "debt"))
		gather_debt(f, c);
	gather_crls(f, s);
	if (doctor_named(names, "unknown") && ledger_unknown(s->ledger, add_unknown, &unknown, &err) != MUSTER_OK && f->ready) {
		f->ready = false;
		(void)snprintf(f->not_ready, sizeof f->not_ready, "the state cannot be read: %.400s", err.message);
	}
	doctor_gather_estate(f, c, names);
}

void doctor_facts_fini(struct doctor_facts *f)
{
	mem_free(f->products);
	mem_free(f->ends);
	mem_free(f->uses);
	mem_free(f->pools);
	mem_free(f->plugins);
	mem_free(f->duplicates.rows);
	mem_free(f->findings.rows);
	mem_free(f->setup_keys.rows);
	mem_free(f->debt.rows);
	mem_free(f->crls.rows);
	memset(f, 0, sizeof *f);
}
