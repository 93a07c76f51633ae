/* What a product's tables say beyond numbers: kinds of key, what must be installed, where a medium holds a key, programmes. */
#include "core/service/admin.h"

#include <stdio.h>

/** Words for MUSTER_KEY_*; the same as in the header's comments. */
static const char *kind_word(uint32_t kind)
{
	static const char *const words[] = { "unknown", "host", "setup", "mak", "esu-mak", "embedded", "access" };

	return kind < sizeof words / sizeof words[0] ? words[kind] : "unknown";
}

/* Every table of a merged row has this host's stride (core/catalog/lint.h). */
static json_t *keys(const struct muster_product *p)
{
	const struct muster_key_rule *k = p->keys.rows;
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->keys.count; i++)
		(void)json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:b, s:o}", "kind", kind_word(k[i].kind), "title", admin_json_text(k[i].title),
			"shape", json_sprintf("%ux%u", (unsigned)k[i].groups, (unsigned)k[i].group_len), "secret", k[i].secret != 0, "note", admin_json_text(k[i].note)));
	return list;
}

static json_t *requirements(const struct muster_product *p)
{
	const struct muster_requirement *q = p->requirements.rows;
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->requirements.count; i++)
		(void)json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o}", "name", admin_json_text(q[i].name), "note", admin_json_text(q[i].note),
			"fact", admin_json_text(q[i].fact), "value", admin_json_text(q[i].value)));
	return list;
}

json_t *admin_media_rules(const struct muster_product *p)
{
	const struct muster_medium_rule *m = p->media.rows;
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->media.count; i++)
		(void)json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o}", "path", admin_json_text(m[i].path), "section", admin_json_text(m[i].section),
			"key", admin_json_text(m[i].key), "note", admin_json_text(m[i].note)));
	return list;
}

static json_t *programmes(const struct muster_product *p)
{
	const struct muster_programme *g = p->access != NULL ? p->access->programmes.rows : NULL;
	json_t *list = json_array();

	for (uint32_t i = 0; g != NULL && i < p->access->programmes.count; i++)
		(void)json_array_append_new(list, json_pack("{s:o, s:o}", "name", admin_json_text(g[i].name), "number", admin_json_text(g[i].number)));
	return list;
}

json_t *admin_rules(const struct catalog_product *p)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "keys", keys(&p->row), "requirements", requirements(&p->row), "media", admin_media_rules(&p->row), "programmes", programmes(&p->row));
}
