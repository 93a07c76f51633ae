/* Static rules of a request, then the plugin's own check under watch. */
#include "core/catalog/catalog_private.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/base/codes.h"
#include "core/base/err.h"

static int check_rules(const struct catalog_product *p, const struct clock *clock, struct muster_err *err)
{
	int64_t now = clock_wall_ms(clock) / 1000;
	char day[TIME_RFC3339];

	if (!p->enabled)
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_UNSUPPORTED_PRODUCT, "%s is switched off on this host. Ask another host, or set enabled = yes in [product %s].", p->row.title, p->row.name);
	if (p->row.refused != NULL)
		return err_code(err, MUSTER_E_REFUSED, CODE_M_REFUSED_PRODUCT, "%s", p->row.refused);
	if (p->row.model < MUSTER_MODEL_THRESHOLD || p->row.model > MUSTER_MODEL_SEATS)
		return err_code(err, MUSTER_E_REFUSED, CODE_M_MODEL, "%s is of the %s model, which this host lists and does not serve. Activate it as its publisher says.", p->row.title, lint_model_name(p->row.model));
	if (p->row.coverage_start != 0 && now < p->row.coverage_start) {
		time_rfc3339(day, p->row.coverage_start * 1000);
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_UNSUPPORTED_PRODUCT, "The coverage of %s begins at %s. Ask again then.", p->row.title, day);
	}
	if (p->row.coverage_end != 0 && now >= p->row.coverage_end) {
		time_rfc3339(day, p->row.coverage_end * 1000);
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_UNSUPPORTED_PRODUCT, "The coverage of %s ended at %s. Order the next period, or move to a newer version.", p->row.title, day);
	}
	return MUSTER_OK;
}

static int refuse(const struct catalog_run *run, const struct catalog_product *p, struct muster_verdict *v, struct muster_err *err)
{
	const char *said;

	v->sentence[sizeof v->sentence - 1] = '\0';
	said = lint_text(v->sentence, sizeof v->sentence) == NULL ? v->sentence : NULL;
	return err_code(err, MUSTER_E_REFUSED, code_find(v->code) != NULL ? v->code : (uint32_t)CODE_M_PLUGIN, "%s%s%s%s", said != NULL ? said : "The plugin ",
	                said != NULL ? "" : run->name, said != NULL ? "" : " refuses this request and gives no reason that can be shown. Ask the author of the plugin; product: ", said != NULL ? "" : p->row.title);
}

static int ask_plugin(struct catalog_run *run, const struct catalog_product *p, const struct muster_request *request, const struct clock *clock, struct muster_err *err)
{
	struct muster_verdict v = { .size = sizeof v };
	struct muster_err inner = { 0 };
	struct watch_call call;
	int r;

	watch_begin(&call, run, WATCH_REQUEST, clock);
	r = p->plugin->descriptor->request_check(p->plugin->self, &p->row, request, &v, &inner);
	watch_end(&call, r != MUSTER_OK);
	if (r != MUSTER_OK)
		return err_code(err, MUSTER_E_REFUSED, CODE_M_PLUGIN, "The plugin %s cannot check this request because of a fault of its own. Try again later; the host's log names the fault.", run->name);
	if (v.refuse == 0)
		return MUSTER_OK;
	(void)atomic_fetch_add_explicit(&run->counters->refusals, 1, memory_order_relaxed);
	return refuse(run, p, &v, err);
}

int catalog_check(const struct catalog *c, const struct catalog_edition *e, const struct muster_request *request, const struct clock *clock, struct muster_err *err)
{
	const struct catalog_product *p = e->product;
	struct catalog_run *run;
	int r;

	if ((r = check_rules(p, clock, err)) != MUSTER_OK || p->plugin == NULL)
		return r;
	run = &c->runs[p->plugin - c->plugins];
	if (atomic_load(&run->off))
		return err_code(err, MUSTER_E_REFUSED, CODE_M_PLUGIN, "The plugin %s is switched off after repeated faults. Reload the configuration to try it again.", run->name);
	if (p->plugin->descriptor->request_check == NULL)
		return MUSTER_OK;
	return ask_plugin(run, p, request, clock, err);
}

int catalog_medium_inspect(const struct catalog *c, const struct catalog_plugin *p, const struct muster_medium *medium, muster_found_fn *found, void *arg, struct muster_err *err)
{
	struct catalog_run *run = &c->runs[p - c->plugins];
	struct muster_err inner = { 0 };
	struct watch_call call;
	int r;

	if (p->descriptor == NULL || p->descriptor->medium_inspect == NULL || atomic_load(&run->off))
		return MUSTER_OK;
	watch_begin(&call, run, WATCH_MEDIUM, NULL);
	r = p->descriptor->medium_inspect(p->self, medium, found, arg, &inner);
	/* Files that cannot be read are the medium's fault, and what found() said is the caller's affair. */
	watch_end(&call, r == MUSTER_E_INTERNAL);
	inner.message[sizeof inner.message - 1] = '\0';
	return r == MUSTER_OK ? r : err_set(err, r, "%s", lint_text(inner.message, sizeof inner.message) == NULL ? inner.message : "the plugin cannot read this medium, and gives no reason");
}

const struct watch_counters *catalog_plugin_counters(const struct catalog *c, const struct catalog_plugin *p)
{
	return c->runs[p - c->plugins].counters;
}

bool catalog_plugin_went_off(const struct catalog *c, const struct catalog_plugin *p, char *reason, size_t n)
{
	struct catalog_run *run = &c->runs[p - c->plugins];
	bool news;

	if (!atomic_load(&run->off))
		return false;
	(void)pthread_mutex_lock(&run->lock);
	news = run->off_untold;
	run->off_untold = false;
	if (news)
		(void)snprintf(reason, n, "%s", run->off_reason);
	(void)pthread_mutex_unlock(&run->lock);
	return news;
}

const char *catalog_plugin_off(const struct catalog *c, const struct catalog_plugin *p)
{
	if (c->runs[p - c->plugins].disabled)
		return p->refused;
	return atomic_load(&c->runs[p - c->plugins].off) ? "switched off after repeated faults, which the log names; a reload tries it again" : NULL;
}
