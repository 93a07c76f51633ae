/* Where a value comes from. */
#include <string.h>

#include "core/base/uuid.h"
#include "core/config/memory.h"

static size_t find_product(const struct config *c, const char *name, uint64_t given)
{
	size_t found = SIZE_MAX;

	/* An override in muster.conf is nearer than the product file. */
	for (size_t i = 0; i < c->product_count; i++)
		if (strcmp(c->products[i].name, name) == 0 && (found == SIZE_MAX || !c->products[i].is_new) &&
		    (c->products[i].is_new || given == 0 || (c->products[i].given & given) != 0))
			found = i;
	return found;
}

static size_t find_index(const struct config *c, const struct config_section *s, const char *name, const struct config_key *k)
{
	uint8_t id[UUID_LEN];

	if (s->argument == NULL)
		return 0;
	if (strcmp(s->name, "product") == 0)
		return find_product(c, name, k->given);
	if (strcmp(s->name, "issuer") == 0) {
		for (size_t i = 0; i < c->issuer_count; i++)
			if (strcmp(c->issuers[i].name, name) == 0)
				return i;
	} else if (strcmp(s->name, "plugin") == 0) {
		for (size_t i = 0; i < c->plugin_count; i++)
			if (strcmp(c->plugins[i].name, name) == 0)
				return i;
	} else if (strcmp(s->name, "reservation") == 0) {
		for (size_t i = 0; i < c->reservation_count; i++)
			if (strcmp(c->reservations[i].name, name) == 0)
				return i;
	} else if (uuid_parse(id, name, strlen(name)) == MUSTER_OK) {
		for (size_t i = 0; i < c->edition_count; i++)
			if (uuid_equal(c->editions[i].id, id))
				return i;
	}
	return SIZE_MAX;
}

enum config_source config_source_of(const struct config *c, const char *section, const char *key, struct config_place *at)
{
	const struct config_section *s;
	const struct config_key *k = NULL;
	const struct config_record *r = NULL;
	struct config_place none = { 0 };
	char kind[16] = "";
	size_t n = strcspn(section, " "), index;

	if (n < sizeof kind)
		memcpy(kind, section, n);
	if ((s = config_schema_section(kind)) != NULL && (k = config_schema_key(s, key)) != NULL) {
		index = find_index(c, s, section + n + (section[n] == ' '), k);
		r = index != SIZE_MAX ? config_memory_find(c->memory, s, index) : NULL;
	}
	if (at != NULL)
		*at = none;
	if (r == NULL || r->at[k - s->keys].file == NULL)
		return CONFIG_DEFAULT;
	if (at != NULL)
		*at = r->at[k - s->keys];
	return CONFIG_FILE;
}

struct config_place config_product_place(const struct config *c, const struct config_product *p, const char *key)
{
	const struct config_section *s = config_schema_section("product");
	const struct config_key *k = config_schema_key(s, key);
	const struct config_record *r = c->memory != NULL && k != NULL ? config_memory_find(c->memory, s, (size_t)(p - c->products)) : NULL;

	return r != NULL && r->at[k - s->keys].file != NULL ? r->at[k - s->keys] : p->at;
}
