/* [reservation NAME]: so many of a product's seats or access licences for some. */
#include "core/catalog/catalog_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/base/err.h"
#include "core/base/nearest.h"
#include "core/catalog/claims.h"

static void fault(struct builder *b, const struct config_reservation *x, const char *key, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static void fault(struct builder *b, const struct config_reservation *x, const char *key, const char *fmt, ...)
{
	struct config_place at = x->at, found;
	char text[MUSTER_ERR_MAX], section[96];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	(void)snprintf(section, sizeof section, "reservation %s", x->name);
	if (b->config->memory != NULL && config_source_of(b->config, section, key, &found) == CONFIG_FILE)
		at = found;
	builder_fault(b, "%s[%s] %s: %s", builder_place(b, at), section, key, text);
}

static const char *name_at(const void *ctx, size_t i)
{
	return ((const struct catalog *)ctx)->products[i].row.name;
}

/** The product a reservation is of; NULL after a fault, or where it has no effect. */
static struct catalog_product *product_of(struct builder *b, const struct config_reservation *x)
{
	struct catalog *c = b->c;
	const char *nearest;

	for (size_t i = 0; i < c->product_count; i++) {
		struct catalog_product *p = &c->products[i];

		if (strcmp(p->row.name, x->product) != 0)
			continue;
		if (p->row.model == MUSTER_MODEL_SEATS || p->row.model == MUSTER_MODEL_ACCESS)
			return p;
		fault(b, x, "product", "%s is of the %s model; only seats and access licences can be reserved", x->product, lint_model_name(p->row.model));
		return NULL;
	}
	if (b->plugin_missing) {
		builder_tell(b, LOG_WARNING, "%s[reservation %s] product: no product that is loaded is called %s; the section has no effect", builder_place(b, x->at), x->name, x->product);
		return NULL;
	}
	nearest = nearest_name(x->product, c->product_count, name_at, c);
	fault(b, x, "product", "no product is called %s%s%s%s; `musterctl products` lists them", x->product,
	      nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "", nearest != NULL ? "?)" : "");
	return NULL;
}

static void add(struct builder *b, const struct config_reservation *x, struct catalog_product *p)
{
	struct catalog_reservation *list, *to;
	struct muster_err err = { 0 };
	uint64_t sum = x->count;
	int r;

	for (size_t i = 0; i < p->reservation_count; i++)
		sum += p->reservations[i].count;
	/* Licences and seats that come in packs are counted where they are used; what a file says is known here. */
	if (p->row.model == MUSTER_MODEL_SEATS && p->row.seats->seats != 0 && sum > p->row.seats->seats)
		fault(b, x, "count", "%llu%s than the %u seats of %s", (unsigned long long)sum, sum == x->count ? " is more" : " with those of other reservations is more", (unsigned)p->row.seats->seats, p->row.name);
	if ((list = arena_array(&b->c->arena, p->reservation_count + 1, sizeof *list)) == NULL) {
		b->exhausted = true;
		return;
	}
	if (p->reservation_count > 0)
		memcpy(list, p->reservations, p->reservation_count * sizeof *list);
	to = &list[p->reservation_count];
	*to = (struct catalog_reservation){ .name = arena_text(&b->c->arena, x->name), .count = x->count, .at = x->at };
	if ((r = claims_read(&to->claims, &to->claim_count, &b->c->arena, x->claims, &err)) == MUSTER_E_NOMEM || to->name == NULL)
		b->exhausted = true;
	else if (r != MUSTER_OK)
		fault(b, x, "for", "%s", err.message);
	to->at.file = arena_text(&b->c->arena, x->at.file);
	p->reservations = list;
	p->reservation_count++;
}

int builder_reservations(struct builder *b)
{
	for (size_t i = 0; i < b->config->reservation_count; i++) {
		struct catalog_product *p = product_of(b, &b->config->reservations[i]);

		if (p != NULL)
			add(b, &b->config->reservations[i], p);
	}
	return b->exhausted ? builder_nomem(b) : MUSTER_OK;
}
