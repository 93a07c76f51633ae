/* Products: a plugin's rows with the configuration's overrides, and product files with `like`. */
#include "core/catalog/merge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/base/nearest.h"

/** Members that only a product file gives: they name a product, and a plugin's product has its name. */
#define ONLY_NEW (CONFIG_P_LIKE | CONFIG_P_ACTIVATION_ID | CONFIG_P_APPLICATION_ID | CONFIG_P_MODEL)

/** A new product on its way: made in an order in which the one it copies comes first. */
struct pending { const struct config_product *from; enum { WAITING, MAKING, MADE, FAULTY } state; size_t index; };

struct names { const struct builder *b; const struct pending *pending; size_t pending_count; };

static const char *known_name(const void *ctx, size_t i)
{
	const struct names *n = ctx;

	if (i < n->b->c->product_count)
		return n->b->c->products[i].row.name;
	i -= n->b->c->product_count;
	return n->pending[i].state == WAITING ? n->pending[i].from->name : NULL;
}

static struct catalog_product *find_product(struct catalog *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->product_count; i++)
		if (strcmp(c->products[i].row.name, name) == 0)
			return &c->products[i];
	return NULL;
}

void merge_fault(struct builder *b, const struct config_product *p, const char *key, const char *fmt, ...)
{
	char text[MUSTER_ERR_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	builder_fault(b, "%s[product %s] %s: %s", builder_place(b, config_product_place(b->config, p, key)), p->name, key, text);
}

/** A number of seconds or a count that must fit the row. */
static void take_number(struct builder *b, const struct config_product *p, uint64_t bit, const char *key, uint64_t value, uint64_t min, uint64_t max, uint32_t *to)
{
	if ((p->given & bit) == 0)
		return;
	if (value < min || value > max)
		merge_fault(b, p, key, "%llu is outside %llu to %llu", (unsigned long long)value, (unsigned long long)min, (unsigned long long)max);
	else
		*to = (uint32_t)value;
}

static void take_text(struct builder *b, const struct config_product *p, uint64_t bit, const char *key, const char *value, const char **to)
{
	const char *wrong;

	if ((p->given & bit) == 0)
		return;
	if ((wrong = lint_text(value, MUSTER_TEXT_MAX)) != NULL)
		merge_fault(b, p, key, "the text %s", wrong);
	else if ((*to = arena_text(&b->c->arena, value)) == NULL)
		b->exhausted = true;
}

static void take_name(struct builder *b, const struct config_product *p, uint64_t bit, const char *key, const char *value, const char **to)
{
	if ((p->given & bit) == 0)
		return;
	if (!lint_name(value))
		merge_fault(b, p, key, "\"%s\" is not made of a-z, 0-9 and '-', at most %u, a letter first", value, MUSTER_NAME_MAX);
	else if ((*to = arena_text(&b->c->arena, value)) == NULL)
		b->exhausted = true;
}

static void take_requirement(struct builder *b, const struct config_product *p, char *text, struct muster_requirement *to)
{
	char *value = strchr(text, '=');
	size_t n;

	if (value != NULL) {
		*value++ = '\0';
		value += strspn(value, " ");
		for (n = strlen(value); n > 0 && value[n - 1] == ' ';)
			value[--n] = '\0';
	}
	text += strspn(text, " ");
	for (n = strlen(text); n > 0 && text[n - 1] == ' ';)
		text[--n] = '\0';
	if (lint_text(text, LINT_FACT_MAX) != NULL || (value != NULL && *value == '\0'))
		merge_fault(b, p, "requires", "\"%s\": write NAME or NAME=VALUE, a name of at most %d characters", text, LINT_FACT_MAX);
	*to = (struct muster_requirement){ .name = text, .fact = text, .value = value };
}

/** Requirements of the file behind those that are copied. */
static void take_requires(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	const struct muster_table *had = &to->row.requirements;
	struct muster_requirement *rows;
	char *text, *one;
	size_t n = had->count, room = n + 1;

	if ((p->given & CONFIG_P_REQUIRES) == 0)
		return;
	if (to->row.model != MUSTER_MODEL_COUNTED)
		merge_fault(b, p, "requires", "belongs to the counted model, and this product's model is %s", lint_model_name(to->row.model));
	for (const char *c = p->requires; *c != '\0'; c++)
		room += *c == ',';
	text = arena_text(&b->c->arena, p->requires);
	rows = arena_array(&b->c->arena, room, sizeof *rows);
	if (text == NULL || rows == NULL) {
		b->exhausted = true;
		return;
	}
	if (n > 0)
		memcpy(rows, had->rows, n * sizeof *rows);   /* as long as the host's: the lint made them so */
	while ((one = strsep(&text, ",")) != NULL)
		take_requirement(b, p, one, &rows[n++]);
	to->row.requirements = (struct muster_table){ rows, (uint32_t)n, sizeof *rows };
}

static void take_flags(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	if ((p->given & CONFIG_P_RECORD) != 0) {
		/* A vendor's product is licensed by its vendor: no setting turns its records into licences (design.md section 1). */
		if (!p->record && (to->row.flags & MUSTER_PRODUCT_RECORD) != 0)
			merge_fault(b, p, "record", "leases of this product are records, not licences, and stay so; leave the key out");
		else if (p->record)
			to->row.flags |= MUSTER_PRODUCT_RECORD;
	}
	if ((p->given & CONFIG_P_OBSERVED) != 0)
		to->count_observed = p->count_observed;
	if ((p->given & CONFIG_P_ENABLED) != 0)
		to->enabled = p->enabled;
	if ((p->given & CONFIG_P_COVERAGE_START) != 0)
		to->row.coverage_start = p->coverage_start;
	if ((p->given & CONFIG_P_COVERAGE_END) != 0)
		to->row.coverage_end = p->coverage_end;
	if (to->row.coverage_end != 0 && to->row.coverage_end <= to->row.coverage_start)
		merge_fault(b, p, "coverage_end", "it must lie after coverage_start");
}

static void note_sources(const struct config_product *p, struct catalog_product *to)
{
	if ((p->given & CONFIG_P_MINIMUM) != 0)
		to->minimum_source = CONFIG_FILE;
	if ((p->given & CONFIG_P_VALIDITY) != 0)
		to->validity_source = CONFIG_FILE;
	if ((p->given & CONFIG_P_RENEWAL) != 0)
		to->renewal_source = CONFIG_FILE;
	if ((p->given & CONFIG_P_RETRY) != 0)
		to->retry_source = CONFIG_FILE;
}

/** Everything that both an override and a new product may give. */
static void take_common(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	bool threshold = to->row.model == MUSTER_MODEL_THRESHOLD;

	take_text(b, p, CONFIG_P_TITLE, "name", p->title, &to->row.title);
	take_text(b, p, CONFIG_P_DESCRIPTION, "description", p->description, &to->row.description);
	take_text(b, p, CONFIG_P_REFUSED, "refused", p->refused, &to->row.refused);
	if (threshold) {
		take_name(b, p, CONFIG_P_POOL, "pool", p->pool, &to->row.pool);
		take_number(b, p, CONFIG_P_MINIMUM, "minimum_count", p->minimum_count, 1, LINT_MINIMUM_MAX, &to->row.minimum_count);
		take_number(b, p, CONFIG_P_LOW_WATER, "low_water", p->low_water, 0, 2 * LINT_MINIMUM_MAX, &to->low_water);
	} else if ((p->given & (CONFIG_P_POOL | CONFIG_P_MINIMUM | CONFIG_P_WINDOW | CONFIG_P_LOW_WATER)) != 0) {
		merge_fault(b, p, (p->given & CONFIG_P_POOL) != 0 ? "pool" : (p->given & CONFIG_P_MINIMUM) != 0 ? "minimum_count" : (p->given & CONFIG_P_WINDOW) != 0 ? "window" : "low_water",
		              "belongs to the threshold model, and this product's model is %s", lint_model_name(to->row.model));
	}
	take_number(b, p, CONFIG_P_VALIDITY, "validity", p->validity, LINT_INTERVAL_MIN, UINT32_MAX, &to->row.validity_s);
	take_number(b, p, CONFIG_P_RENEWAL, "renewal_interval", p->renewal, LINT_INTERVAL_MIN, LINT_INTERVAL_MAX, &to->row.renewal_s);
	take_number(b, p, CONFIG_P_RETRY, "activation_interval", p->retry, LINT_INTERVAL_MIN, LINT_INTERVAL_MAX, &to->row.retry_s);
	take_number(b, p, CONFIG_P_REARM, "rearm_max", p->rearm_max, 0, UINT32_MAX, &to->row.rearm_max);
	take_number(b, p, CONFIG_P_GENERATION, "generation", p->generation, 0, UINT32_MAX, &to->row.generation);
	take_name(b, p, CONFIG_P_FAMILY, "family", p->family, &to->row.family);
	if ((p->given & CONFIG_P_ISSUER) != 0 && (to->issuer = arena_text(&b->c->arena, p->issuer)) == NULL)
		b->exhausted = true;
	take_requires(b, p, to);
	take_flags(b, p, to);
	merge_models(b, p, to);
	note_sources(p, to);
}

static void init_product(struct catalog_product *to)
{
	to->enabled = true;
	to->minimum_source = to->validity_source = to->renewal_source = to->retry_source = to->seats_source = CONFIG_DEFAULT;
}

static void from_plugins(struct builder *b)
{
	struct catalog *c = b->c;
	size_t i, k;

	for (i = 0; i < c->plugin_count; i++)
		for (k = 0; k < c->runs[i].tables.product_count; k++) {
			struct catalog_product *p = &c->products[c->product_count++];

			init_product(p);
			p->row = c->runs[i].tables.products[k];
			p->plugin = &c->plugins[i];
			p->count_observed = (p->row.flags & MUSTER_PRODUCT_COUNT_OBSERVED) != 0;
		}
}

/** One section of muster.conf over a product that is there. */
static void apply(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	const char *key = (p->given & CONFIG_P_LIKE) != 0 ? "like" : (p->given & CONFIG_P_ACTIVATION_ID) != 0 ? "activation_id" : (p->given & CONFIG_P_APPLICATION_ID) != 0 ? "application_id" : "model";

	if ((p->given & ONLY_NEW) == 0)
		take_common(b, p, to);
	else if (to->file == NULL)
		merge_fault(b, p, key, "cannot be changed for a product of plugin %s; make a new product in a file of products_dir", to->plugin->name);
	else
		merge_fault(b, p, key, "cannot be changed here; change it in %s", to->file);
}

static bool is_pending(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->product_count; i++)
		if (config->products[i].is_new && strcmp(config->products[i].name, name) == 0)
			return true;
	return false;
}

/** A section of muster.conf over a plugin's product; those over a product file's are applied when it is made. */
static void override(struct builder *b, const struct config_product *p)
{
	struct catalog_product *to = find_product(b->c, p->name);
	struct names n = { b, NULL, 0 };
	const char *nearest;

	if (to != NULL) {
		apply(b, p, to);
	} else if (is_pending(b->config, p->name)) {
		return;
	} else if (b->plugin_missing) {
		builder_tell(b, LOG_WARNING, "%s[product %s]: no plugin that is loaded brings this product; the section has no effect", builder_place(b, p->at), p->name);
	} else {
		nearest = nearest_name(p->name, b->c->product_count, known_name, &n);
		builder_fault(b, "%s[product %s]: no plugin and no product file brings this product%s%s%s; a new product belongs into a file of products_dir", builder_place(b, p->at), p->name,
		              nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "", nearest != NULL ? "?)" : "");
	}
}

static bool check_new(struct builder *b, const struct config_product *p)
{
	unsigned before = b->faults;
	bool served = (p->given & CONFIG_P_REFUSED) == 0;

	if (!lint_name(p->name))
		builder_fault(b, "%s[product %s]: the name is not made of a-z, 0-9 and '-', at most %u, a letter first", builder_place(b, p->at), p->name, MUSTER_NAME_MAX);
	if ((p->given & CONFIG_P_TITLE) == 0)
		merge_fault(b, p, "name", "is missing; give the name that listings print");
	if (served && ((p->given & CONFIG_P_ACTIVATION_ID) == 0 || uuid_is_nil(p->activation_id)))
		merge_fault(b, p, "activation_id", "is missing; give the product's UUID, or say with refused why it is never served");
	if ((p->given & (CONFIG_P_LIKE | CONFIG_P_MODEL)) == (CONFIG_P_LIKE | CONFIG_P_MODEL))
		merge_fault(b, p, "model", "comes from %s; leave it out, or leave like out", p->like);
	return b->faults == before;
}

/** Model and application of a product without `like`. */
static bool fresh(struct builder *b, const struct config_product *p, struct catalog_product *to)
{
	unsigned before = b->faults;

	to->row.model = MUSTER_MODEL_THRESHOLD;
	if ((p->given & CONFIG_P_MODEL) != 0 && !lint_model_parse(p->model, &to->row.model))
		merge_fault(b, p, "model", "\"%s\" is none of threshold, counted, embedded, access, seats, none", p->model);
	else if (to->row.model == MUSTER_MODEL_NONE && (p->given & CONFIG_P_REFUSED) == 0)
		merge_fault(b, p, "model", "none is for products that are never served; say why with refused");
	else if (to->row.model == MUSTER_MODEL_THRESHOLD && (p->given & (CONFIG_P_MINIMUM | CONFIG_P_REFUSED)) == 0)
		merge_fault(b, p, "minimum_count", "is missing; give it, or the product to copy with like");
	merge_fresh(b, p, to);
	return b->faults == before;
}

static void make(struct builder *b, struct pending *all, size_t count, size_t here);

/** The product that @p p copies, made first when it is a new one itself. NULL after a fault. */
static const struct catalog_product *original(struct builder *b, const struct config_product *p, struct pending *all, size_t count)
{
	struct names n = { b, all, count };
	const char *nearest;
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(all[i].from->name, p->like) == 0) {
			if (all[i].state == MAKING) {
				merge_fault(b, p, "like", "%s and %s copy each other", p->name, p->like);
				return NULL;
			}
			make(b, all, count, i);
			return all[i].state == MADE ? &b->c->products[all[i].index] : NULL;
		}
	if (find_product(b->c, p->like) != NULL)
		return find_product(b->c, p->like);
	if (b->plugin_kept_off) {
		builder_tell(b, LOG_WARNING, "%s[product %s] like: no product that is loaded is called %s; left out with the plugin that is kept off", builder_place(b, p->at), p->name, p->like);
		return NULL;
	}
	nearest = nearest_name(p->like, b->c->product_count + count, known_name, &n);
	merge_fault(b, p, "like", "no product is called %s%s%s%s; `musterctl products` lists them", p->like,
	              nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "", nearest != NULL ? "?)" : "");
	return NULL;
}

static void make(struct builder *b, struct pending *all, size_t count, size_t here)
{
	const struct config_product *p = all[here].from;
	const struct catalog_product *copied = NULL;
	struct catalog_product to = { 0 };
	const struct catalog_product *same;
	unsigned before = b->faults;
	size_t i;

	if (all[here].state != WAITING)
		return;
	all[here].state = MAKING;
	init_product(&to);
	(void)check_new(b, p);
	if ((same = find_product(b->c, p->name)) != NULL)
		builder_fault(b, "%s[product %s]: the name is taken by %s%s; choose another", builder_place(b, p->at), p->name, same->file != NULL ? "the file " : "plugin ", same->file != NULL ? same->file : same->plugin->name);
	if ((p->given & CONFIG_P_LIKE) != 0) {
		if ((copied = original(b, p, all, count)) != NULL)
			to = *copied;
	} else {
		(void)fresh(b, p, &to);
	}
	all[here].state = FAULTY;
	if (b->faults != before || ((p->given & CONFIG_P_LIKE) != 0 && copied == NULL))
		return;
	/* Activation IDs, editions, host platforms and marks of media are facts about one version: a copy has its own or none. */
	memset(to.row.activation_id, 0, sizeof to.row.activation_id);
	to.row.editions = to.row.platforms = to.row.marks = (struct muster_table){ NULL, 0, 0 };
	to.row.refused = NULL;
	to.row.description = NULL;
	to.enabled = true;
	/* Who may claim, and what happens beyond what there is, is decided for each product by itself. */
	to.advise = false;
	to.allow = NULL;
	to.allow_count = 0;
	to.seats_source = CONFIG_DEFAULT;
	if ((to.row.name = arena_text(&b->c->arena, p->name)) == NULL || (to.file = arena_text(&b->c->arena, p->at.file != NULL ? p->at.file : "")) == NULL)
		b->exhausted = true;
	to.line = p->at.line;
	memcpy(to.row.activation_id, p->activation_id, sizeof to.row.activation_id);
	if ((p->given & CONFIG_P_APPLICATION_ID) != 0)
		memcpy(to.row.application_id, p->application_id, sizeof to.row.application_id);
	else if (copied == NULL)
		memcpy(to.row.application_id, p->activation_id, sizeof to.row.application_id);
	take_common(b, p, &to);
	for (i = 0; i < b->config->product_count; i++)
		if (!b->config->products[i].is_new && strcmp(b->config->products[i].name, p->name) == 0)
			apply(b, &b->config->products[i], &to);
	all[here].index = b->c->product_count;
	b->c->products[b->c->product_count++] = to;
	all[here].state = MADE;
}

static void settle_issuer(struct builder *b, struct catalog_product *p)
{
	const struct config *config = b->config;
	size_t i;

	if (p->issuer == NULL) {
		/* One issuer: it is meant. Products that are never served need none. */
		if (config->issuer_count == 1)
			p->issuer = arena_text(&b->c->arena, config->issuers[0].name);
		else if (config->issuer_count > 1 && !uuid_is_nil(p->row.activation_id))
			builder_fault(b, "[product %s] issuer: is missing, and there are %zu issuers; say in its section which one certifies it", p->row.name, config->issuer_count);
		return;
	}
	for (i = 0; i < config->issuer_count; i++)
		if (strcmp(config->issuers[i].name, p->issuer) == 0)
			return;
	builder_fault(b, "[product %s] issuer: there is no [issuer %s] section", p->row.name, p->issuer);
}

/** Defaults that come last: the host's intervals, the model's numbers. */
static void settle(struct builder *b, struct catalog_product *p, uint32_t index)
{
	const struct config_host *h = &b->config->host;
	uint64_t retry = h->activation_interval, renewal = h->renewal_interval;

	p->index = index;
	if (p->row.validity_s == 0)
		p->row.validity_s = CATALOG_VALIDITY_S;
	if (p->row.renewal_s == 0)
		p->row.renewal_s = renewal >= LINT_INTERVAL_MIN && renewal <= LINT_INTERVAL_MAX ? (uint32_t)renewal : 7U * 86400U;
	if (p->row.retry_s == 0)
		p->row.retry_s = retry >= LINT_INTERVAL_MIN && retry <= LINT_INTERVAL_MAX ? (uint32_t)retry : 7200U;
	p->description = p->row.description != NULL ? p->row.description : p->row.title;
	p->row.description = p->description;
	settle_issuer(b, p);
	merge_settle(b, p);
	if (p->row.refused == NULL && p->row.renewal_s >= p->row.validity_s)
		builder_tell(b, LOG_WARNING, "product %s: leases live %u s and are renewed after %u s, when they have ended; lower renewal_interval", p->row.name, (unsigned)p->row.validity_s, (unsigned)p->row.renewal_s);
}

static int from_files(struct builder *b)
{
	struct pending *all = mem_array(b->config->product_count + 1, sizeof *all);
	size_t count = 0, i;

	if (all == NULL)
		return builder_nomem(b);
	for (i = 0; i < b->config->product_count; i++)
		if (b->config->products[i].is_new)
			all[count++].from = &b->config->products[i];
	for (i = 0; i < count; i++)
		make(b, all, count, i);
	mem_free(all);
	return MUSTER_OK;
}

int builder_products(struct builder *b)
{
	struct catalog *c = b->c;
	size_t i, most = b->config->product_count;
	int r;

	for (i = 0; i < c->plugin_count; i++)
		most += c->runs[i].tables.product_count;
	if ((c->products = arena_array(&c->arena, most, sizeof *c->products)) == NULL)
		return builder_nomem(b);
	from_plugins(b);
	for (i = 0; i < b->config->product_count; i++)
		if (!b->config->products[i].is_new)
			override(b, &b->config->products[i]);
	if ((r = from_files(b)) != MUSTER_OK)
		return r;
	for (i = 0; i < c->product_count; i++)
		settle(b, &c->products[i], (uint32_t)i);
	return b->exhausted ? builder_nomem(b) : MUSTER_OK;
}
