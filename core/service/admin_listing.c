#include "core/service/admin.h"
#include "core/service/api.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"

/* What holds while the items of one listing are made. */
struct listing {
	struct service *service;
	const struct snapshot *snapshot;
	struct trust_view *view;
	int64_t now;              /* s */
	struct ledger_status ledger;
	bool retired;
};

static json_t *host_block(const struct listing *l, const struct catalog_product *p, const struct setting_intervals *i)
{
	struct service *s = l->service;
	struct ledger_count count;
	uint64_t low = settings_host(&s->settings, l->snapshot->config, SETTING_PRIORITY, 0, NULL);

	ledger_pool_count(s->ledger, p->pool, &count);
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:b, s:s, s:I, s:I, s:I, s:I}", "enabled", p->enabled,
		"current_count", (json_int_t)count.current, "observed", (json_int_t)estate_observed_count(s->estate, p), "cap", (json_int_t)count.cap, "minimum_count", (json_int_t)p->row.minimum_count,
		"port", (json_int_t)service_port(s), "dns_publishing", 0, "priority", low != 0 ? "low" : "normal",
		"activation_interval_minutes", (json_int_t)((i->retry_s + 59) / 60), "renewal_interval_minutes", (json_int_t)((i->renewal_s + 59) / 60),
		"physical", (json_int_t)count.physical, "virtual", (json_int_t)count.virtual_);
}

static json_t *request_block(const struct listing *l, const struct catalog_product *p)
{
	struct ledger_totals t;
	json_t *status = json_array();

	ledger_product_totals(l->service->ledger, p, &t);
	for (size_t i = 0; i < 7; i++)
		(void)json_array_append_new(status, json_integer((json_int_t)t.status[i]));
	return json_pack("{s:I, s:I, s:o}", "total", (json_int_t)t.total, "failed", (json_int_t)t.failed, "status", status);
}

static const char *number_source(uint8_t source)
{
	return source == CONFIG_FILE ? "file" : "plugin";
}

static json_t *sources(const struct listing *l, const struct catalog_product *p, const struct setting_intervals *i)
{
	enum config_source port;

	(void)settings_host(&l->service->settings, l->snapshot->config, SETTING_PORT, 0, &port);
	return json_pack("{s:s, s:s, s:s, s:s}", "minimum_count", number_source(p->minimum_source), "activation_interval", settings_source_word(i->retry_source),
		"renewal_interval", settings_source_word(i->renewal_source), "port", settings_source_word(port));
}

static json_t *item(const struct listing *l, const struct catalog_product *p)
{
	const struct config_host *host = &l->snapshot->config->host;
	bool counted = p->row.model == MUSTER_MODEL_THRESHOLD && p->pool != NULL && api_not_served(p) == NULL;
	struct activation_labels labels;
	struct setting_intervals i;
	int64_t end = 0;
	enum ring_state state = ring_state(l->view, p->row.activation_id, l->now, p->row.validity_s, &end);
	/* A certificate may name what this version only lists; such a product is not in the state "Licensed". */
	bool licensed = !l->retired && api_not_served(p) == NULL && (state == RING_GOOD || state == RING_ENDING) && !activation_moved(l->service->activation, p->row.activation_id);
	json_t *o;

	activation_labels(l->service->activation, p, &labels);
	settings_intervals(&i, &l->service->settings, l->snapshot->config, p);
	o = json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:s}", "product", p->row.name, "name", admin_json_text(p->row.title),
		"description", admin_json_text(p->description), "activation_id", admin_json_uuid(p->row.activation_id),
		"application_id", admin_json_uuid(p->row.application_id), "extended_pid", labels.extended_pid, "installation_id", labels.installation_id,
		"use_license_url", host->use_license_url[0] != '\0' ? host->use_license_url : labels.use_license_url,
		"validation_url", host->validation_url[0] != '\0' ? host->validation_url : labels.validation_url, "partial_product_key", labels.partial);
	if (o == NULL)
		return NULL;
	(void)json_object_update_new(o, json_pack("{s:i, s:s, s:o, s:I, s:o, s:s, s:b, s:o}", "license_status", licensed ? 1 : 0,
		"license_status_text", licensed ? "Licensed" : "Unlicensed", "ends_at", admin_json_time(end * 1000),
		"remaining_rearm_count", (json_int_t)p->row.rearm_max, "trusted_time", admin_json_time(l->ledger.last_commit),
		"model", api_model_word(p->row.model), "service", counted, "sources", sources(l, p, &i)));
	if (counted) {
		(void)json_object_set_new(o, "host", host_block(l, p, &i));
		(void)json_object_set_new(o, "requests", request_block(l, p));
	}
	return o;
}

static bool wanted(const struct listing *l, const struct catalog_product *p, const char *which, const struct catalog_edition *one)
{
	if (one != NULL)
		return p == one->product;
	return strcmp(which, "all") == 0 || ring_find(l->view, p->row.activation_id, l->now) != NULL;
}

int admin_listing(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct listing l = { .service = c->service, .snapshot = c->snapshot, .now = clock_wall_ms(c->service->clock) / 1000 };
	const char *which = admin_query(c, "id");
	const struct catalog_edition *one = NULL;
	const struct catalog_product *p;
	json_t *items = json_array();
	char retired[256] = "";
	uint8_t id[16];
	size_t n;
	int r = MUSTER_OK;

	l.view = ring_view(c->service->ring);
	ledger_status(c->service->ledger, &l.ledger);
	l.retired = ledger_moving(c->service->ledger, retired, sizeof retired) == CODE_M_RETIRED;
	if (which == NULL)
		which = service_certified(c->service, c->snapshot) ? "certified" : "all";
	else if (strcmp(which, "all") != 0) {
		if ((r = admin_uuid("id", which, id, err)) != MUSTER_OK)
			goto done;
		if ((one = catalog_find(c->snapshot->catalog, id)) == NULL) {
			r = err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "Activation ID (%s) not found.", which);
			goto done;
		}
	}
	p = catalog_products(c->snapshot->catalog, &n);
	for (size_t i = 0; i < n; i++)
		if (wanted(&l, &p[i], which, one))
			(void)json_array_append_new(items, item(&l, &p[i]));
	*out = json_pack("{s:O, s:n, s:o}", "items", items, "next", "retired", l.retired ? admin_json_text(retired) : json_null());
done:
	ring_view_unref(l.view);
	json_decref(items);
	return r;
}
