/* Static rules of a request, then the plugin's own check under watch. */
#include "core/catalog/catalog_private.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/log.h"

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

/** Note a fault or a slow answer at @p now (ms since boot); the third within a minute switches the plugin off. */
static void strike(struct catalog_run *run, int64_t now, const char *what)
{
	bool off = false;
	size_t i, kept = 0;

	(void)pthread_mutex_lock(&run->lock);
	for (i = 0; i < run->strikes; i++)
		if (now - run->strike_at[i] < CATALOG_STRIKE_MS)
			run->strike_at[kept++] = run->strike_at[i];
	run->strike_at[kept++] = now;
	run->strikes = (unsigned)kept;
	if (kept == CATALOG_STRIKES) {
		off = !atomic_exchange(&run->off, true);
		run->strikes = 0;
	}
	(void)pthread_mutex_unlock(&run->lock);
	if (off)
		log_line(LOG_ERR, "plugin-off", "plugin=%s reason=\"%s, the third time within a minute\" action=\"its products are refused until the configuration is reloaded\"", run->name, what);
	else
		log_line(LOG_WARNING, "plugin-fault", "plugin=%s reason=\"%s\"", run->name, what);
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
	int64_t began, took;
	char text[64];
	int r;

	began = clock_boot_ms(clock);
	r = p->plugin->descriptor->request_check(p->plugin->self, &p->row, request, &v, &inner);
	took = clock_boot_ms(clock) - began;
	if (r != MUSTER_OK) {
		strike(run, began + took, "request_check failed");
		return err_code(err, MUSTER_E_REFUSED, CODE_M_PLUGIN, "The plugin %s cannot check this request because of a fault of its own. Try again later; the host's log names the fault.", run->name);
	}
	if (took > CATALOG_SLOW_MS) {
		(void)snprintf(text, sizeof text, "request_check took %lld ms, more than %d", (long long)took, CATALOG_SLOW_MS);
		strike(run, began + took, text);
	}
	return v.refuse != 0 ? refuse(run, p, &v, err) : MUSTER_OK;
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

const char *catalog_plugin_off(const struct catalog *c, const struct catalog_plugin *p)
{
	if (c->runs[p - c->plugins].disabled)
		return p->refused;
	return atomic_load(&c->runs[p - c->plugins].off) ? "switched off after repeated faults, which the log names; a reload tries it again" : NULL;
}
