#include "core/catalog/catalog_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/base/err.h"
#include "core/base/mem.h"

void builder_tell(struct builder *b, int level, const char *fmt, ...)
{
	char text[MUSTER_ERR_MAX];
	va_list args;

	if (b->report == NULL || b->report->fn == NULL)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	b->report->fn(b->report->ctx, level, text);
}

void builder_fault(struct builder *b, const char *fmt, ...)
{
	char text[MUSTER_ERR_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	builder_tell(b, LOG_ERR, "%s", text);
	if (b->faults++ == 0)
		(void)err_set(b->err, MUSTER_E_INVALID, "%s", text);
}

int builder_nomem(struct builder *b)
{
	return err_nomem(b->err);
}

const char *builder_place(struct builder *b, struct config_place at)
{
	const char *text;

	if (at.file == NULL)
		return "";
	text = arena_printf(&b->c->arena, "%s:%u: ", at.file, at.line);
	return text != NULL ? text : "";
}

static int fill(struct builder *b)
{
	int r;

	if ((r = builder_plugins(b)) != MUSTER_OK || (r = builder_products(b)) != MUSTER_OK ||
	    (r = builder_reservations(b)) != MUSTER_OK || (r = builder_pools(b)) != MUSTER_OK || (r = builder_editions(b)) != MUSTER_OK)
		return r;
	if (b->exhausted)
		return builder_nomem(b);
	return b->faults == 0 ? MUSTER_OK : MUSTER_E_INVALID;
}

int catalog_build(struct catalog **out, const struct config *config, const struct catalog_learned *learned, size_t learned_count,
                  const struct catalog_report *report, struct muster_err *err)
{
	struct builder b = { .config = config, .learned = learned, .learned_count = learned_count, .report = report, .err = err };
	int r;

	*out = NULL;
	if ((b.c = mem_alloc(sizeof *b.c)) == NULL)
		return err_nomem(err);
	atomic_init(&b.c->refs, 1);
	if ((r = fill(&b)) != MUSTER_OK)
		catalog_unref(b.c);
	else
		*out = b.c;
	return r;
}

struct catalog *catalog_ref(struct catalog *c)
{
	(void)atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void catalog_unref(struct catalog *c)
{
	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	catalog_stop_plugins(c);
	arena_free(&c->arena);
	mem_free(c);
}

const struct catalog_product *catalog_product_named(const struct catalog *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->product_count; i++)
		if (strcmp(c->products[i].row.name, name) == 0)
			return &c->products[i];
	return NULL;
}

const struct catalog_product *catalog_products(const struct catalog *c, size_t *n)
{
	*n = c->product_count;
	return c->products;
}

const struct catalog_edition *catalog_editions(const struct catalog *c, const struct catalog_product *p, size_t *n)
{
	*n = c->first_edition[p->index + 1] - c->first_edition[p->index];
	return c->editions + c->first_edition[p->index];
}

const struct catalog_pool *catalog_pools(const struct catalog *c, size_t *n)
{
	*n = c->pool_count;
	return c->pools;
}

const struct catalog_plugin *catalog_plugins(const struct catalog *c, size_t *n)
{
	*n = c->plugin_count;
	return c->plugins;
}
