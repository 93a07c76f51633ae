/* plugin check FILE.ini: a product file read, merged and judged as a reload would, without a host. */
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/base/err.h"
#include "core/catalog/catalog.h"
#include "core/catalog/lint.h"
#include "core/cli/plugin.h"
#include "core/config/config.h"

struct says { conformance_line_fn *line; void *ctx; const char *what; unsigned faults; };

static void fault(void *ctx, const char *message)
{
	struct says *s = ctx;

	s->faults++;
	s->line(s->ctx, false, s->what, message);
}

static void report(void *ctx, int level, const char *message)
{
	struct says *s = ctx;
	char text[MUSTER_ERR_MAX];

	if (level <= LOG_ERR) {
		fault(ctx, message);
		return;
	}
	(void)snprintf(text, sizeof text, "note: %s", message);
	s->line(s->ctx, true, text, "");
}

static void numbers(char *out, size_t n, const struct catalog_product *p)
{
	out[0] = '\0';
	if (p->row.model == MUSTER_MODEL_THRESHOLD && p->pool != NULL)
		(void)snprintf(out, n, ", minimum count %u, pool %s", (unsigned)p->row.minimum_count, p->pool->name);
	else if (p->row.model == MUSTER_MODEL_SEATS && p->row.seats != NULL && p->row.seats->seats == 0)
		(void)snprintf(out, n, ", as many seats as licence packs name");
	else if (p->row.model == MUSTER_MODEL_SEATS && p->row.seats != NULL)
		(void)snprintf(out, n, ", %u seats", (unsigned)p->row.seats->seats);
	else if (p->row.model == MUSTER_MODEL_ACCESS && p->row.access != NULL)
		(void)snprintf(out, n, ", %u versions", (unsigned)p->row.access->versions.count);
	else if (p->row.model == MUSTER_MODEL_EMBEDDED)
		(void)snprintf(out, n, ", %u place%s on its medium", (unsigned)p->row.media.count, p->row.media.count == 1 ? "" : "s");
}

/** One line for each product that the file brings, so that its author sees what the host made of it. */
static unsigned tell_products(struct says *s, const struct catalog *catalog, const char *file)
{
	size_t n, i;
	const struct catalog_product *p = catalog_products(catalog, &n);
	char text[MUSTER_ERR_MAX], more[128];
	unsigned found = 0;

	for (i = 0; i < n; i++) {
		if (p[i].file == NULL || strcmp(p[i].file, file) != 0)
			continue;
		numbers(more, sizeof more, &p[i]);
		(void)snprintf(text, sizeof text, "product %s: %s%s", p[i].row.name, p[i].row.refused != NULL ? "listed, never served" : lint_model_name(p[i].row.model), more);
		s->line(s->ctx, true, text, "");
		found++;
	}
	return found;
}

static unsigned count_editions(const struct config *config, const char *file)
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < config->edition_count; i++)
		n += config->editions[i].at.file != NULL && strcmp(config->editions[i].at.file, file) == 0;
	return n;
}

static void merge(struct says *s, const struct config *config, const char *file)
{
	struct catalog_report told = { report, s };
	struct catalog *catalog = NULL;
	struct muster_err err = { 0 };
	int r;

	s->what = "products";
	if ((r = catalog_build(&catalog, config, NULL, 0, &told, &err)) != MUSTER_OK) {
		if (s->faults == 0)
			fault(s, err.message);
		return;
	}
	if (tell_products(s, catalog, file) == 0 && count_editions(config, file) == 0)
		fault(s, "the file brings neither a product nor an edition: begin with [product NAME]");
	else
		s->line(s->ctx, true, s->what, "");
	catalog_unref(catalog);
}

int plugin_file_suite(void *arg, conformance_line_fn *line, void *ctx, struct muster_err *err)
{
	const struct plugin_file *f = arg;
	struct says s = { line, ctx, "sections, keys and values", 0 };
	struct config *config = NULL;
	struct muster_err why = { 0 };
	int r = config_read_with(&config, f->config, f->path, fault, &s, &why);

	if (r == MUSTER_OK) {
		line(ctx, true, s.what, "");
		merge(&s, config, f->path);
	} else if (s.faults == 0) {
		fault(&s, why.message);
	}
	config_free(config);
	return s.faults == 0 ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "%u faults", s.faults);
}
