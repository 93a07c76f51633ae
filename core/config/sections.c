/* Sections and keys of a file into the structures of config.h. */
#include "core/config/reading.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/config/value.h"

static struct config_where heading(const struct config_reading *g, const char *key, unsigned line)
{
	return (struct config_where){ .file = g->file, .line = line, .section = g->heading, .key = key };
}

const char *config_absolute(struct config_reading *g, const char *path)
{
	struct buf b;
	const char *result;

	while (strncmp(path, "./", 2) == 0)
		path += 2 + strspn(path + 2, "/");
	if (strcmp(path, ".") == 0)
		path = "";
	buf_init(&b, 8192);
	if (path[0] != '/')
		buf_adds(&b, strcmp(g->folder, "/") == 0 && path[0] != '\0' ? "" : g->folder);
	if (path[0] != '/' && path[0] != '\0')
		buf_addc(&b, '/');
	buf_adds(&b, path);
	while (!b.failed && b.n > 1 && b.p[b.n - 1] == '/')
		b.p[--b.n] = '\0';
	result = b.failed ? NULL : config_memory_dup(g->c->memory, buf_str(&b));
	buf_fini(&b);
	if (result == NULL)
		g->report.exhausted = true;
	return result;
}

void config_set_defaults(const struct config_section *section, void *object)
{
	for (size_t i = 0; i < section->key_count; i++) {
		const struct config_key *k = &section->keys[i];
		struct config_value v;

		if (k->value == NULL || (k->flags & CONFIG_KEY_SITE) != 0)
			continue;
		MUSTER_ASSERT(config_value_read(k, k->value, &v, NULL) == MUSTER_OK);
		config_value_store(k, object, &v);
	}
}

/* ---- sections ---- */

/* One more element in an array of the configuration; NULL when it is full or memory is out. */
static void *append(struct config_reading *g, void **array, size_t *count, size_t size, const struct config_section *section)
{
	unsigned char *bigger;

	if (*count >= section->limit) {
		config_fault(&g->report, heading(g, NULL, g->line), "there are more than %zu [%s] sections", section->limit, section->name);
		return NULL;
	}
	bigger = mem_grow(*array, *count + 1, size);
	if (bigger == NULL) {
		g->report.exhausted = true;
		return NULL;
	}
	*array = bigger;
	bigger += size * (*count)++;
	memset(bigger, 0, size);
	return bigger;
}

static void twice(struct config_reading *g, struct config_place first)
{
	config_fault(&g->report, heading(g, NULL, g->line), "the section appears twice, first at %s:%u", first.file, first.line);
}

static void *open_issuer(struct config_reading *g, const char *name, struct config_place at)
{
	struct config *c = g->c;
	struct config_issuer *x;
	void *array = c->issuers;

	for (size_t i = 0; i < c->issuer_count; i++)
		if (strcmp(c->issuers[i].name, name) == 0)
			twice(g, c->issuers[i].at);
	x = append(g, &array, &c->issuer_count, sizeof *x, g->section);
	c->issuers = array;
	if (x != NULL) {
		x->name = name;
		x->at = at;
	}
	return x;
}

static void *open_plugin(struct config_reading *g, const char *name, struct config_place at)
{
	struct config *c = g->c;
	struct config_plugin *x;
	void *array = c->plugins;

	for (size_t i = 0; i < c->plugin_count; i++)
		if (strcmp(c->plugins[i].name, name) == 0)
			twice(g, c->plugins[i].at);
	x = append(g, &array, &c->plugin_count, sizeof *x, g->section);
	c->plugins = array;
	if (x != NULL) {
		x->name = name;
		x->at = at;
	}
	return x;
}

static void *open_product(struct config_reading *g, const char *name, struct config_place at)
{
	struct config *c = g->c;
	struct config_product *x;
	void *array = c->products;

	/* A product of a product file may be overridden in muster.conf: one section of each kind. */
	for (size_t i = 0; i < c->product_count; i++)
		if (strcmp(c->products[i].name, name) == 0 && c->products[i].is_new == g->product_file)
			twice(g, c->products[i].at);
	x = append(g, &array, &c->product_count, sizeof *x, g->section);
	c->products = array;
	if (x != NULL) {
		x->name = name;
		x->is_new = g->product_file;
		x->at = at;
	}
	return x;
}

static void *open_edition(struct config_reading *g, const char *name, struct config_place at)
{
	struct config *c = g->c;
	struct config_edition *x;
	uint8_t id[UUID_LEN];
	void *array = c->editions;

	MUSTER_ASSERT(uuid_parse(id, name, strlen(name)) == MUSTER_OK);
	for (size_t i = 0; i < c->edition_count; i++)
		if (uuid_equal(c->editions[i].id, id))
			twice(g, c->editions[i].at);
	x = append(g, &array, &c->edition_count, sizeof *x, g->section);
	c->editions = array;
	if (x != NULL) {
		memcpy(x->id, id, sizeof id);
		x->at = at;
	}
	return x;
}

static void *open_reservation(struct config_reading *g, const char *name, struct config_place at)
{
	struct config *c = g->c;
	struct config_reservation *x;
	void *array = c->reservations;

	for (size_t i = 0; i < c->reservation_count; i++)
		if (strcmp(c->reservations[i].name, name) == 0)
			twice(g, c->reservations[i].at);
	x = append(g, &array, &c->reservation_count, sizeof *x, g->section);
	c->reservations = array;
	if (x != NULL) {
		x->name = name;
		x->at = at;
	}
	return x;
}

/* [host], [limits] and [doctor]: there is one structure; a second section is reported and read into the same. */
static void *open_single(struct config_reading *g, void *object)
{
	const struct config_record *r = config_memory_find(g->c->memory, g->section, 0);

	if (r != NULL)
		twice(g, r->heading);
	return object;
}

static bool right_argument(struct config_reading *g, const struct config_section *s, const char *argument)
{
	uint8_t id[UUID_LEN];

	if (s->argument == NULL) {
		if (argument[0] != '\0')
			config_fault(&g->report, heading(g, NULL, g->line), "the section takes no name: write [%s]", s->name);
		return argument[0] == '\0';
	}
	if (argument[0] == '\0')
		config_fault(&g->report, heading(g, NULL, g->line), "the section needs a%s: write [%s %s]", strcmp(s->argument, "UUID") == 0 ? "n activation ID" : " name", s->name, s->argument);
	else if (strcmp(s->argument, "UUID") == 0) {
		if (uuid_parse(id, argument, strlen(argument)) == MUSTER_OK && !uuid_is_nil(id))
			return true;
		config_fault(&g->report, heading(g, NULL, g->line), "'%s' is not an activation ID: write a UUID that is not all zero", argument);
	} else {
		if (config_value_is_name(argument))
			return true;
		config_fault(&g->report, heading(g, NULL, g->line), "'%s' is not a name: use a-z, 0-9, '-' and '_', first a letter, at most 63", argument);
	}
	return false;
}

/* The schema's section for a heading, or NULL with the fault reported. */
static const struct config_section *find_section(struct config_reading *g, const char *kind, const char *argument)
{
	const struct config_section *s = config_schema_section(kind);

	if (s == NULL) {
		config_fault(&g->report, heading(g, NULL, g->line), "unknown section; the nearest is [%s]", config_schema_near_section(kind, g->product_file));
		return NULL;
	}
	if (g->product_file && !s->in_products) {
		config_fault(&g->report, heading(g, NULL, g->line), "the section does not belong in a product file: move it to muster.conf");
		return NULL;
	}
	return right_argument(g, s, argument) ? s : NULL;
}

static void open_section(struct config_reading *g, const char *argument, unsigned line)
{
	struct config_place at = { .file = g->file, .line = line };
	struct config *c = g->c;
	size_t index = 0;
	struct config_record *record;

	if (strcmp(g->section->name, "host") == 0) {
		g->object = open_single(g, &c->host);
	} else if (strcmp(g->section->name, "limits") == 0) {
		g->object = open_single(g, &c->limits);
	} else if (strcmp(g->section->name, "doctor") == 0) {
		g->object = open_single(g, &c->doctor);
	} else if (strcmp(g->section->name, "issuer") == 0) {
		g->object = open_issuer(g, argument, at);
		index = c->issuer_count - 1;
	} else if (strcmp(g->section->name, "plugin") == 0) {
		g->object = open_plugin(g, argument, at);
		index = c->plugin_count - 1;
	} else if (strcmp(g->section->name, "product") == 0) {
		g->object = open_product(g, argument, at);
		index = c->product_count - 1;
	} else if (strcmp(g->section->name, "reservation") == 0) {
		g->object = open_reservation(g, argument, at);
		index = c->reservation_count - 1;
	} else {
		g->object = open_edition(g, argument, at);
		index = c->edition_count - 1;
	}
	if (g->object == NULL) {
		g->section = NULL;
		return;
	}
	if (g->section->argument != NULL)
		config_set_defaults(g->section, g->object);
	record = config_memory_record(c->memory, g->section, index);
	if (record == NULL) {
		g->report.exhausted = true;
		g->section = NULL;
		return;
	}
	record->heading = at;
	g->record = c->memory->record_count - 1;
}

void config_take_section(void *reading, const char *name, unsigned line)
{
	struct config_reading *g = reading;
	char kind[128];
	const char *argument;
	size_t n = strcspn(name, " ");

	config_end_section(g);
	g->began = true;
	g->keys = 0;
	g->line = line;
	g->section = NULL;
	g->heading = config_memory_dup(g->c->memory, name);
	if (g->heading == NULL) {
		g->report.exhausted = true;
		g->heading = "";
		return;
	}
	if (name[0] == '\0')
		return;  /* a faulty heading, reported by the reader */
	MUSTER_ASSERT(n < sizeof kind);
	memcpy(kind, name, n);
	kind[n] = '\0';
	argument = g->heading + n;
	argument += strspn(argument, " ");
	g->section = find_section(g, kind, argument);
	if (g->section != NULL)
		open_section(g, argument, line);
}

void config_end_section(struct config_reading *g)
{
	const struct config_section *s = g->section;

	g->section = NULL;
	if (s == NULL || g->keys == 0)
		return;  /* an empty section is reported as that */
	for (size_t i = 0; i < s->key_count; i++)
		if ((s->keys[i].flags & CONFIG_KEY_REQUIRED) != 0 && g->c->memory->records[g->record].at[i].file == NULL)
			config_fault(&g->report, heading(g, s->keys[i].name, g->line), "the key is missing from this section");
}

/* ---- keys ---- */

static void take_option(struct config_reading *g, const char *name, const char *value, unsigned line)
{
	struct config_plugin *p = g->object;
	struct config_option *bigger;

	if (!config_value_is_name(name)) {
		config_fault(&g->report, heading(g, name, line), "not the name of an option: use a-z, 0-9, '-' and '_', first a letter");
		return;
	}
	if (strlen(value) > CONFIG_OPTION_MAX) {
		config_fault(&g->report, heading(g, name, line), "the value is %zu bytes long; at most %d are allowed", strlen(value), CONFIG_OPTION_MAX);
		return;
	}
	for (size_t i = 0; i < p->option_count; i++)
		if (strcmp(p->options[i].name, name) == 0) {
			config_fault(&g->report, heading(g, name, line), "the key appears twice, first at line %u", p->options[i].at.line);
			return;
		}
	if (p->option_count >= CONFIG_OPTIONS_MAX) {
		config_fault(&g->report, heading(g, name, line), "the section has more than %d options", CONFIG_OPTIONS_MAX);
		return;
	}
	bigger = mem_grow(p->options, p->option_count + 1, sizeof *bigger);
	if (bigger == NULL) {
		g->report.exhausted = true;
		return;
	}
	p->options = bigger;
	bigger += p->option_count;
	bigger->name = config_memory_dup(g->c->memory, name);
	bigger->value = config_memory_dup(g->c->memory, value);
	bigger->at = (struct config_place){ .file = g->file, .line = line };
	if (bigger->name == NULL || bigger->value == NULL)
		g->report.exhausted = true;
	else
		p->option_count++;
}

static void store(struct config_reading *g, const struct config_key *k, struct config_value *v)
{
	if (k->type == CONFIG_PATH && v->text[0] != '\0')
		v->text = config_absolute(g, v->text);
	else
		v->text = config_memory_dup(g->c->memory, v->text);
	if (v->text == NULL) {
		g->report.exhausted = true;
		return;
	}
	config_value_store(k, g->object, v);
	if (k->given != 0)
		((struct config_product *)g->object)->given |= k->given;
}

void config_take_key(void *reading, const char *section, const char *name, const char *value, unsigned line)
{
	struct config_reading *g = reading;
	const struct config_key *k;
	struct config_place *at;
	struct config_value v;
	struct muster_err err;

	(void)section;
	if (!g->began)
		config_fault(&g->report, (struct config_where){ .file = g->file, .line = line, .key = name }, "the key stands before the first [section]");
	if (g->section == NULL || g->report.exhausted)
		return;
	g->keys++;
	if (name[0] == '\0') {
		config_fault(&g->report, heading(g, NULL, line), "there is no key before the '='");
		return;
	}
	k = config_schema_key(g->section, name);
	if (k == NULL && g->section->open) {
		take_option(g, name, value, line);
		return;
	}
	if (k != NULL && (k->flags & CONFIG_KEY_STORED) != 0) {
		config_fault(&g->report, heading(g, name, line), "the key is a stored setting, not one of this file: change it with musterctl");
		return;
	}
	if (k == NULL) {
		config_fault(&g->report, heading(g, name, line), "unknown key; the nearest is %s", config_schema_near_key(g->section, name, g->product_file));
		return;
	}
	if (!config_key_allowed(k, g->product_file)) {
		config_fault(&g->report, heading(g, name, line), "the key makes a product: it belongs in a product file (products_dir), not in muster.conf");
		return;
	}
	at = &g->c->memory->records[g->record].at[k - g->section->keys];
	if (at->file != NULL) {
		config_fault(&g->report, heading(g, name, line), "the key appears twice, first at line %u", at->line);
		return;
	}
	*at = (struct config_place){ .file = g->file, .line = line };
	if (config_value_read(k, value, &v, &err) != MUSTER_OK)
		config_fault(&g->report, heading(g, name, line), "%s", err.message);
	else
		store(g, k, &v);
}
