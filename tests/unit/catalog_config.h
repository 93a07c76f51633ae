/** A host's configuration made by hand, for tests of the catalog: what matters to it, and defaults for the rest. */
#ifndef TESTS_UNIT_CATALOG_CONFIG_H
#define TESTS_UNIT_CATALOG_CONFIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/uuid.h"
#include "core/catalog/catalog.h"

#define SETUP_ROOM 64

/** What catalog_build() said besides its result. */
struct said { char text[16384]; unsigned lines; };

static void said_fn(void *ctx, int level, const char *message)
{
	struct said *s = ctx;
	size_t n = strlen(s->text);

	(void)snprintf(s->text + n, sizeof s->text - n, "%d %s\n", level, message);
	s->lines++;
}

struct setup {
	struct config config;
	struct config_plugin plugins[SETUP_ROOM];
	struct config_product products[SETUP_ROOM];
	struct config_edition editions[SETUP_ROOM];
	struct config_issuer issuers[4];
	struct config_reservation reservations[SETUP_ROOM];
	struct config_option options[SETUP_ROOM];
	char paths[SETUP_ROOM][512];
	size_t option_count;
	struct said said;
	struct muster_err err;
};

static inline struct setup *setup_new(void)
{
	struct setup *s = calloc(1, sizeof *s);

	if (s == NULL)
		abort();
	s->config.file = "/etc/muster/muster.conf";
	s->config.host.activation_interval = 7200;
	s->config.host.renewal_interval = 604800;
	s->config.plugins = s->plugins;
	s->config.products = s->products;
	s->config.editions = s->editions;
	s->config.issuers = s->issuers;
	s->config.reservations = s->reservations;
	return s;
}

/** A plugin of the build tree by its name, or a file by its path. */
static inline struct config_plugin *setup_plugin(struct setup *s, const char *name, const char *path)
{
	struct config_plugin *p = &s->plugins[s->config.plugin_count];
	char *room = s->paths[s->config.plugin_count++];

	if (path == NULL) {
		const char *top = getenv("top_builddir");
		char here[256];

		if (top == NULL)
			top = getcwd(here, sizeof here);
		(void)snprintf(room, 512, "%s/plugins/%s/.libs/%s.so", top, name, name);
	} else {
		(void)snprintf(room, 512, "%s", path);
	}
	*p = (struct config_plugin){ .name = name, .path = room, .required = true, .enabled = true, .at = { "muster.conf", 10 } };
	return p;
}

static inline void setup_option(struct setup *s, struct config_plugin *p, const char *name, const char *value)
{
	if (p->options == NULL)
		p->options = &s->options[s->option_count];
	p->options[p->option_count++] = (struct config_option){ name, value, { "muster.conf", 20 + (unsigned)s->option_count } };
	s->option_count++;
}

/** A [product NAME] section; `file` NULL: in muster.conf. */
static inline struct config_product *setup_product(struct setup *s, const char *name, const char *file)
{
	struct config_product *p = &s->products[s->config.product_count++];

	*p = (struct config_product){ .name = name, .is_new = file != NULL, .enabled = true, .at = { file != NULL ? file : "muster.conf", 30 + (unsigned)s->config.product_count } };
	return p;
}

static inline void setup_id(uint8_t id[16], const char *text)
{
	if (uuid_parse(id, text, strlen(text)) != MUSTER_OK)
		abort();
}

/** A product file's section with name and activation ID. */
static inline struct config_product *setup_new_product(struct setup *s, const char *name, const char *like, const char *id)
{
	struct config_product *p = setup_product(s, name, "products.d/new.ini");

	p->title = "New";
	p->like = like;
	p->given = CONFIG_P_TITLE | (like != NULL ? CONFIG_P_LIKE : 0U);
	if (id != NULL) {
		setup_id(p->activation_id, id);
		p->given |= CONFIG_P_ACTIVATION_ID;
	}
	return p;
}

static inline struct config_edition *setup_edition(struct setup *s, const char *id, const char *product)
{
	struct config_edition *e = &s->editions[s->config.edition_count++];

	*e = (struct config_edition){ .product = product, .title = "Edition", .at = { "muster.conf", 60 } };
	setup_id(e->id, id);
	return e;
}

static inline struct config_reservation *setup_reservation(struct setup *s, const char *name, const char *product, uint64_t count)
{
	struct config_reservation *x = &s->reservations[s->config.reservation_count++];

	*x = (struct config_reservation){ .name = name, .product = product, .count = count, .claims = "name:*", .at = { "muster.conf", 70 + (unsigned)s->config.reservation_count } };
	return x;
}

static inline int setup_build(struct setup *s, struct catalog **out)
{
	const struct catalog_report report = { said_fn, &s->said };

	memset(&s->said, 0, sizeof s->said);
	memset(&s->err, 0, sizeof s->err);
	return catalog_build(out, &s->config, NULL, 0, &report, &s->err);
}

#endif
