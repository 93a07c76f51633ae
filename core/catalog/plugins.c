/* The plugins of a catalog: load, check against each other, start, stop. */
#include "core/catalog/catalog_private.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/catalog/loader.h"
#include "core/catalog/options.h"

static void host_log(const struct muster_host *host, int32_t level, const char *message)
{
	const struct catalog_run *run = (const struct catalog_run *)(const void *)host;
	char cut[MUSTER_TEXT_MAX + 1], quoted[4 * MUSTER_TEXT_MAX + 3];

	if (message == NULL)
		return;
	(void)snprintf(cut, sizeof cut, "%s", message);
	log_line(level < LOG_ERR || level > LOG_DEBUG ? LOG_NOTICE : (int)level, "plugin-says", "plugin=%s message=%s", run->name, log_quote(quoted, sizeof quoted, cut));
}

static void stop_one(struct catalog *c, size_t i)
{
	struct catalog_plugin *p = &c->plugins[i];

	if (c->runs[i].started && p->descriptor->stop != NULL) {
		struct watch_call call;

		watch_begin(&call, &c->runs[i], WATCH_STOP, NULL);
		p->descriptor->stop(p->self);
		watch_end(&call, false);
	}
	c->runs[i].started = false;
	p->self = NULL;
}

void catalog_stop_plugins(struct catalog *c)
{
	size_t i;

	for (i = c->plugin_count; i-- > 0;) {
		stop_one(c, i);
		if (c->runs[i].has_lock)
			(void)pthread_mutex_destroy(&c->runs[i].lock);
		c->runs[i].has_lock = false;
	}
}

/** Leave plugin @p i out: a fault when it is required, a warning when not. */
static void refuse(struct builder *b, size_t i, const char *why)
{
	struct catalog_plugin *p = &b->c->plugins[i];

	stop_one(b->c, i);
	p->descriptor = NULL;
	p->product_count = 0;
	memset(&b->c->runs[i].tables, 0, sizeof b->c->runs[i].tables);
	b->plugin_missing = true;
	if ((p->refused = arena_text(&b->c->arena, why)) == NULL)
		b->exhausted = true;
	if (p->required && !b->c->runs[i].excused)
		builder_fault(b, "plugin %s is refused: %s", p->name, why);
	else
		builder_tell(b, LOG_WARNING, "plugin %s is left out: %s", p->name, why);
}

struct notice { struct builder *b; };

static void tell_notice(void *ctx, const char *message)
{
	builder_tell(((struct notice *)ctx)->b, LOG_WARNING, "%s", message);
}

static void tell_option(void *ctx, const char *message)
{
	builder_fault(ctx, "%s", message);
}

static const char *path_of(struct builder *b, const struct config_plugin *section)
{
	if (section->path != NULL && section->path[0] != '\0')
		return section->path;
	return arena_printf(&b->c->arena, "%s/%s.so", b->config->host.plugin_dir != NULL ? b->config->host.plugin_dir : "", section->name);
}

static int fill_options(struct builder *b, size_t i, const struct config_plugin *section)
{
	struct catalog_run *run = &b->c->runs[i];
	const struct muster_plugin *d = b->c->plugins[i].descriptor;
	int r;

	if (d->options_size != 0 && (run->options = arena_take(&b->c->arena, d->options_size)) == NULL)
		return builder_nomem(b);
	r = options_fill(&b->c->arena, run->options, run->tables.options, run->tables.option_count, section, tell_option, b, NULL);
	return r == MUSTER_E_INVALID ? MUSTER_OK : r; /* faults are counted already; go on and find the others */
}

/** A plugin that took the host down is not touched until it is enabled; the host serves the rest, also when it is required. */
static int keep_off(struct builder *b, size_t i, const char *why)
{
	struct catalog_plugin *p = &b->c->plugins[i];

	b->c->runs[i].disabled = b->c->runs[i].excused = true;
	b->plugin_missing = b->plugin_kept_off = true;
	if ((p->refused = arena_text(&b->c->arena, why)) == NULL)
		return builder_nomem(b);
	builder_tell(b, LOG_WARNING, "plugin %s is %s", p->name, why);
	return MUSTER_OK;
}

static int load_one(struct builder *b, size_t i)
{
	const struct config_plugin *section = &b->config->plugins[i];
	struct catalog_plugin *p = &b->c->plugins[i];
	struct catalog_run *run = &b->c->runs[i];
	struct notice notice = { b };
	struct muster_err err = { 0 };
	struct loader_request q = { NULL, section->name, section->sha256, tell_notice, &notice };
	struct watch_call call;
	char why[512];
	int r;

	if ((p->name = arena_text(&b->c->arena, section->name)) == NULL || (q.path = path_of(b, section)) == NULL ||
	    (p->path = arena_text(&b->c->arena, q.path)) == NULL || (run->counters = watch_counters(section->name)) == NULL)
		return builder_nomem(b);
	run->name = p->name;
	run->host = (struct muster_host){ sizeof run->host, MUSTER_ABI_MAJOR, MUSTER_ABI_MINOR, host_log };
	p->required = section->required;
	p->version = "";
	if (!section->enabled) {
		p->refused = "switched off by enabled = no";
		run->disabled = true;
		b->plugin_missing = true;
		return MUSTER_OK;
	}
	if (watch_kept_off(p->name, why, sizeof why))
		return keep_off(b, i, why);
	/* Opening runs code of the file, and the check reads what its tables point to. */
	watch_note(&call, p->name, WATCH_LOAD);
	if ((r = loader_open(&p->descriptor, &q, &err)) == MUSTER_OK)
		r = lint_plugin(&run->tables, &b->c->arena, p->path, p->descriptor, &err);
	watch_note_end(&call);
	if (r == MUSTER_E_NOMEM)
		return builder_nomem(b);
	if (r != MUSTER_OK) {
		refuse(b, i, err.message);
		return MUSTER_OK;
	}
	p->version = p->descriptor->version;
	return fill_options(b, i, section);
}

static bool loaded(const struct catalog *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->plugin_count; i++)
		if (c->plugins[i].descriptor != NULL && strcmp(c->plugins[i].name, name) == 0)
			return true;
	return false;
}

/** Is this plugin missing because of a crash, its own or of one that it needs? */
static bool excused(const struct catalog *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->plugin_count; i++)
		if (strcmp(c->plugins[i].name, name) == 0)
			return c->runs[i].excused;
	return false;
}

/** Refuse plugins that miss others, until none is left that does. */
static void settle_needs(struct builder *b)
{
	struct catalog *c = b->c;
	bool again = true;
	size_t i, k;

	while (again) {
		again = false;
		for (i = 0; i < c->plugin_count; i++) {
			const struct lint_tables *t = &c->runs[i].tables;

			for (k = 0; k < t->need_count && loaded(c, t->needs[k].plugin); k++)
				;
			if (k < t->need_count) {
				char why[MUSTER_ERR_MAX];

				(void)snprintf(why, sizeof why, "%s: it needs the plugin %s, which is not loaded (%s); add [plugin %s]", c->plugins[i].path, t->needs[k].plugin, t->needs[k].why, t->needs[k].plugin);
				c->runs[i].excused = excused(c, t->needs[k].plugin);
				refuse(b, i, why);
				again = true;
			}
		}
	}
}

static uint32_t window_of(const struct muster_pool *p)
{
	return p->window_s != 0 ? p->window_s : CATALOG_WINDOW_S;
}

static bool titles_equal(const struct muster_pool *a, const struct muster_pool *b)
{
	return strcmp(a->title != NULL ? a->title : a->name, b->title != NULL ? b->title : b->name) == 0;
}

/** A pool declared by two plugins is declared equally. @return true when a message was written. */
static bool pool_clash(char *why, size_t room, const struct catalog *c, size_t here, size_t before)
{
	const struct lint_tables *mine = &c->runs[here].tables, *other = &c->runs[before].tables;
	size_t i, k;

	for (i = 0; i < mine->pool_count; i++)
		for (k = 0; k < other->pool_count; k++) {
			const struct muster_pool *m = &mine->pools[i], *o = &other->pools[k];

			if (strcmp(m->name, o->name) != 0 || (window_of(m) == window_of(o) && titles_equal(m, o)))
				continue;
			(void)snprintf(why, room, "%s: the pool %s is declared with another window or title (%u s, \"%s\") than by plugin %s (%u s, \"%s\"); both must say the same",
			               c->plugins[here].path, m->name, (unsigned)window_of(m), m->title != NULL ? m->title : m->name, c->plugins[before].name,
			               (unsigned)window_of(o), o->title != NULL ? o->title : o->name);
			return true;
		}
	return false;
}

static bool name_clash(char *why, size_t room, const struct catalog *c, size_t here, size_t before)
{
	const struct lint_tables *mine = &c->runs[here].tables, *other = &c->runs[before].tables;
	size_t i, k;

	for (i = 0; i < mine->product_count; i++)
		for (k = 0; k < other->product_count; k++)
			if (strcmp(mine->products[i].name, other->products[k].name) == 0) {
				(void)snprintf(why, room, "%s: the product %s is there already, from plugin %s; load one of the two", c->plugins[here].path, mine->products[i].name, c->plugins[before].name);
				return true;
			}
	return false;
}

/** The configuration chooses between two owners of one activation ID by switching a product off. */
static bool product_off(const struct builder *b, const char *name)
{
	size_t i;

	for (i = 0; i < b->config->product_count; i++) {
		const struct config_product *p = &b->config->products[i];

		if (!p->is_new && strcmp(p->name, name) == 0 && (p->given & CONFIG_P_ENABLED) != 0)
			return !p->enabled;
	}
	return false;
}

static bool has_id(const struct muster_product *p, const uint8_t id[16])
{
	const struct muster_edition *e = p->editions.rows;
	size_t i;

	if (uuid_equal(p->activation_id, id))
		return true;
	for (i = 0; i < p->editions.count; i++)
		if (uuid_equal(e[i].activation_id, id))
			return true;
	return false;
}

static const uint8_t *shared_id(const struct muster_product *a, const struct muster_product *b)
{
	const struct muster_edition *e = a->editions.rows;
	size_t i;

	if (!uuid_is_nil(a->activation_id) && has_id(b, a->activation_id))
		return a->activation_id;
	for (i = 0; i < a->editions.count; i++)
		if (has_id(b, e[i].activation_id))
			return e[i].activation_id;
	return NULL;
}

static bool id_clash(char *why, size_t room, const struct builder *b, size_t here, size_t before)
{
	const struct catalog *c = b->c;
	const struct lint_tables *mine = &c->runs[here].tables, *other = &c->runs[before].tables;
	char text[UUID_TEXT];
	const uint8_t *id;
	size_t i, k;

	for (i = 0; i < mine->product_count; i++)
		for (k = 0; k < other->product_count; k++) {
			const struct muster_product *m = &mine->products[i], *o = &other->products[k];

			if ((id = shared_id(m, o)) == NULL || product_off(b, m->name) || product_off(b, o->name))
				continue;
			uuid_format(text, id);
			(void)snprintf(why, room, "%s: the activation ID %s of its product %s belongs to %s of plugin %s already; switch one of the two off with enabled = no in its [product] section",
			               c->plugins[here].path, text, m->name, o->name, c->plugins[before].name);
			return true;
		}
	return false;
}

/** The later of two plugins that contradict each other is refused. */
static void settle_clashes(struct builder *b)
{
	struct catalog *c = b->c;
	char why[MUSTER_ERR_MAX];
	size_t i, k;

	for (i = 0; i < c->plugin_count; i++)
		for (k = 0; k < i && c->plugins[i].descriptor != NULL; k++)
			if (c->plugins[k].descriptor != NULL && (name_clash(why, sizeof why, c, i, k) || id_clash(why, sizeof why, b, i, k) || pool_clash(why, sizeof why, c, i, k)))
				refuse(b, i, why);
}

static void start_one(struct builder *b, size_t i)
{
	struct catalog_plugin *p = &b->c->plugins[i];
	struct catalog_run *run = &b->c->runs[i];
	struct muster_err err = { 0 };
	struct watch_call call;
	char why[MUSTER_ERR_MAX];
	int r = MUSTER_OK;

	if (p->descriptor->start != NULL) {
		watch_begin(&call, run, WATCH_START, NULL);
		r = p->descriptor->start(&run->host, run->options, &p->self, &err);
		watch_end(&call, false);
	}
	if (r != MUSTER_OK) {
		p->self = NULL;
		err.message[sizeof err.message - 1] = '\0';
		(void)snprintf(why, sizeof why, "%s: it cannot start: %.900s", p->path, err.message[0] != '\0' ? err.message : "it gave no reason");
		refuse(b, i, why);
		return;
	}
	run->started = true;
	p->product_count = (uint32_t)run->tables.product_count;
}

int builder_plugins(struct builder *b)
{
	struct catalog *c = b->c;
	size_t i;
	int r;

	c->plugin_count = 0;
	if ((c->plugins = arena_array(&c->arena, b->config->plugin_count, sizeof *c->plugins)) == NULL ||
	    (c->runs = arena_array(&c->arena, b->config->plugin_count, sizeof *c->runs)) == NULL)
		return builder_nomem(b);
	for (i = 0; i < b->config->plugin_count; i++) {
		if (pthread_mutex_init(&c->runs[i].lock, NULL) != 0)
			return builder_nomem(b);
		c->runs[i].has_lock = true;
		c->plugin_count = i + 1;
		if ((r = load_one(b, i)) != MUSTER_OK)
			return r;
	}
	settle_needs(b);
	settle_clashes(b);
	settle_needs(b);
	if (b->faults != 0)
		return MUSTER_OK; /* nothing will be used: start nothing */
	for (i = 0; i < c->plugin_count; i++)
		if (c->plugins[i].descriptor != NULL)
			start_one(b, i);
	settle_needs(b);
	return MUSTER_OK;
}
