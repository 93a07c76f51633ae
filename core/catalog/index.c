/* Count pools, editions and the look-up by activation ID. */
#include "core/catalog/catalog_private.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/base/nearest.h"

/** What the plugins' pool tables say about a pool; NULL: none declares it. */
static const struct muster_pool *declared(const struct catalog *c, const char *name)
{
	size_t i, k;

	for (i = 0; i < c->plugin_count; i++)
		for (k = 0; k < c->runs[i].tables.pool_count; k++)
			if (strcmp(c->runs[i].tables.pools[k].name, name) == 0)
				return &c->runs[i].tables.pools[k];
	return NULL;
}

static struct catalog_pool *pool_named(struct catalog *c, const char *name)
{
	const struct muster_pool *d;
	struct catalog_pool *p;
	size_t i;

	for (i = 0; i < c->pool_count; i++)
		if (strcmp(c->pools[i].name, name) == 0)
			return &c->pools[i];
	d = declared(c, name);
	p = &c->pools[c->pool_count];
	p->name = name;
	p->window_s = d != NULL && d->window_s != 0 ? d->window_s : CATALOG_WINDOW_S;
	p->index = (uint32_t)c->pool_count++;
	return p;
}

/** The section that gives a window for a product; one in muster.conf goes before one in a product file. NULL: none. */
static const struct config_product *window_given(const struct builder *b, const char *product)
{
	const struct config_product *found = NULL;
	size_t i;

	for (i = 0; i < b->config->product_count; i++) {
		const struct config_product *p = &b->config->products[i];

		if (strcmp(p->name, product) == 0 && (p->given & CONFIG_P_WINDOW) != 0 && (found == NULL || !p->is_new))
			found = p;
	}
	return found;
}

static void take_window(struct builder *b, const struct catalog_product *p, struct catalog_pool *pool)
{
	const struct config_product *given = window_given(b, p->row.name);
	unsigned *from = &b->windows_from[pool->index];

	if (given == NULL)
		return;
	if (given->window < LINT_INTERVAL_MIN || given->window > LINT_WINDOW_MAX) {
		builder_fault(b, "%s[product %s] window: %llu is outside %u to %u seconds", builder_place(b, given->at), p->row.name, (unsigned long long)given->window, LINT_INTERVAL_MIN, LINT_WINDOW_MAX);
		return;
	}
	if (*from != 0 && pool->window_s != given->window) {
		builder_fault(b, "%s[product %s] window: %llu s, and %s in the same pool %s has %u s; a pool has one window", builder_place(b, given->at), p->row.name,
		              (unsigned long long)given->window, b->c->products[*from - 1].row.name, pool->name, (unsigned)pool->window_s);
		return;
	}
	pool->window_s = (uint32_t)given->window;
	*from = p->index + 1;
}

int builder_pools(struct builder *b)
{
	struct catalog *c = b->c;
	char text[UUID_TEXT];
	size_t i;

	if ((c->pools = arena_array(&c->arena, c->product_count, sizeof *c->pools)) == NULL ||
	    (b->windows_from = arena_array(&c->arena, c->product_count, sizeof *b->windows_from)) == NULL)
		return builder_nomem(b);
	for (i = 0; i < c->product_count; i++) {
		struct catalog_product *p = &c->products[i];
		struct catalog_pool *pool;

		if (p->row.model != MUSTER_MODEL_THRESHOLD || uuid_is_nil(p->row.activation_id))
			continue;
		if (p->row.pool == NULL) {
			uuid_format(text, p->row.application_id);
			if ((p->row.pool = arena_text(&c->arena, text)) == NULL)
				return builder_nomem(b);
		}
		pool = pool_named(c, p->row.pool);
		p->pool = pool;
		take_window(b, p, pool);
	}
	return MUSTER_OK;
}

static uint64_t hash(const uint8_t id[16])
{
	uint64_t h = 1469598103934665603U;
	size_t i;

	for (i = 0; i < 16; i++)
		h = (h ^ id[i]) * 1099511628211U;
	return h ^ h >> 29;
}

static uint32_t *slot(const struct catalog *c, const uint8_t id[16])
{
	size_t i = (size_t)hash(id) & c->table_mask;

	while (c->table[i] != 0 && !uuid_equal(c->editions[c->table[i] - 1].activation_id, id))
		i = (i + 1) & c->table_mask;
	return &c->table[i];
}

const struct catalog_edition *catalog_find(const struct catalog *c, const uint8_t activation_id[16])
{
	uint32_t n = *slot(c, activation_id);

	return n != 0 ? &c->editions[n - 1] : NULL;
}

static const char *product_at(const void *ctx, size_t i)
{
	return ((const struct catalog *)ctx)->products[i].row.name;
}

static size_t editions_at_most(const struct builder *b)
{
	size_t n = b->config->edition_count + b->learned_count, i;

	for (i = 0; i < b->c->product_count; i++)
		n += 1 + b->c->products[i].row.editions.count;
	return n;
}

static void add(struct catalog *c, const struct catalog_product *p, const uint8_t id[16], const char *title, uint64_t minimum, bool learned)
{
	struct catalog_edition *e = &c->editions[c->edition_count++];

	memcpy(e->activation_id, id, sizeof e->activation_id);
	e->title = title != NULL ? title : p->row.title;
	e->minimum_count = minimum != 0 ? (uint32_t)minimum : p->row.minimum_count;
	e->product = p;
	e->learned = learned;
}

static void add_own(struct catalog *c, const struct catalog_product *p)
{
	const struct muster_edition *e = p->row.editions.rows;
	size_t i;

	if (!uuid_is_nil(p->row.activation_id))
		add(c, p, p->row.activation_id, p->row.title, 0, false);
	for (i = 0; i < p->row.editions.count; i++)
		add(c, p, e[i].activation_id, e[i].title, e[i].minimum_count, false);
}

static int add_configured(struct builder *b, const struct catalog_product *p)
{
	struct catalog *c = b->c;
	size_t i;

	for (i = 0; i < b->config->edition_count; i++) {
		const struct config_edition *e = &b->config->editions[i];
		const char *title;

		if (strcmp(e->product, p->row.name) != 0)
			continue;
		if (e->minimum_count > LINT_MINIMUM_MAX || (e->minimum_count != 0 && p->row.model != MUSTER_MODEL_THRESHOLD)) {
			builder_fault(b, "%s[edition] minimum_count: %llu is above %u, or the product %s is not of the threshold model", builder_place(b, e->at), (unsigned long long)e->minimum_count, LINT_MINIMUM_MAX, p->row.name);
			continue;
		}
		if ((title = arena_text(&c->arena, e->title)) == NULL && e->title != NULL)
			return builder_nomem(b);
		add(c, p, e->id, title, e->minimum_count, false);
	}
	for (i = 0; i < b->learned_count; i++) {
		const struct catalog_learned *l = &b->learned[i];
		const char *title;

		if (strcmp(l->product, p->row.name) != 0)
			continue;
		if ((title = arena_text(&c->arena, l->title)) == NULL && l->title != NULL)
			return builder_nomem(b);
		add(c, p, l->activation_id, title, 0, true);
	}
	return MUSTER_OK;
}

/** [edition] sections and learned IDs whose product does not exist. */
static void check_owners(struct builder *b)
{
	const struct catalog *c = b->c;
	size_t i;

	for (i = 0; i < b->config->edition_count; i++) {
		const struct config_edition *e = &b->config->editions[i];
		const char *nearest;

		if (catalog_product_named(c, e->product) != NULL)
			continue;
		if (b->plugin_missing) {
			builder_tell(b, LOG_WARNING, "%s[edition] product: no product that is loaded is called %s; the section has no effect", builder_place(b, e->at), e->product);
			continue;
		}
		nearest = nearest_name(e->product, c->product_count, product_at, c);
		builder_fault(b, "%s[edition] product: no product is called %s%s%s%s", builder_place(b, e->at), e->product, nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "", nearest != NULL ? "?)" : "");
	}
	for (i = 0; i < b->learned_count; i++)
		if (catalog_product_named(c, b->learned[i].product) == NULL)
			builder_tell(b, LOG_WARNING, "learned activation ID: its product %s is not there any more; requests with it count as unknown until it is learned anew", b->learned[i].product);
}

static void tell_duplicate(struct builder *b, const struct catalog_edition *taken, const struct catalog_edition *e)
{
	char text[UUID_TEXT];

	uuid_format(text, e->activation_id);
	if (e->learned)
		builder_tell(b, LOG_NOTICE, "activation ID %s was learned for %s and is now defined for %s; the definition holds", text, e->product->row.name, taken->product->row.name);
	else
		builder_fault(b, "activation ID %s is used twice: by %s (%s) and by %s (%s); each names one product or edition", text,
		              taken->product->row.name, taken->product->file != NULL ? taken->product->file : taken->product->plugin->name,
		              e->product->row.name, e->product->file != NULL ? e->product->file : e->product->plugin->name);
}

/** One pass of the index: defined IDs of enabled products, then those of disabled ones, then learned ones. */
static void enter(struct builder *b, bool enabled, bool learned)
{
	struct catalog *c = b->c;
	size_t i;

	for (i = 0; i < c->edition_count; i++) {
		const struct catalog_edition *e = &c->editions[i];
		uint32_t *at;

		if (e->learned != learned || (!learned && e->product->enabled != enabled))
			continue;
		at = slot(c, e->activation_id);
		if (*at == 0)
			*at = (uint32_t)i + 1;
		else if (enabled || learned)
			tell_duplicate(b, &c->editions[*at - 1], e);
	}
}

int builder_editions(struct builder *b)
{
	struct catalog *c = b->c;
	size_t most = editions_at_most(b), size = 16, i;
	int r;

	while (size < most * 2)
		size *= 2;
	c->table_mask = size - 1;
	if ((c->editions = arena_array(&c->arena, most, sizeof *c->editions)) == NULL || (c->table = arena_array(&c->arena, size, sizeof *c->table)) == NULL ||
	    (c->first_edition = arena_array(&c->arena, c->product_count + 1, sizeof *c->first_edition)) == NULL)
		return builder_nomem(b);
	check_owners(b);
	for (i = 0; i < c->product_count; i++) {
		c->first_edition[i] = c->edition_count;
		add_own(c, &c->products[i]);
		if ((r = add_configured(b, &c->products[i])) != MUSTER_OK)
			return r;
	}
	c->first_edition[c->product_count] = c->edition_count;
	enter(b, true, false);
	enter(b, false, false);
	enter(b, true, true);
	return MUSTER_OK;
}
