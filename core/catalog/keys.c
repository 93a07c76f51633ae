#include "core/catalog/keys.h"

#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "core/catalog/catalog_private.h"

static const char *alphabet(const struct muster_key_rule *rule)
{
	return rule->alphabet != NULL ? rule->alphabet : "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
}

static size_t length(const struct muster_key_rule *rule)
{
	return (size_t)rule->groups * rule->group_len + rule->groups - 1U;
}

static bool hyphen_at(const struct muster_key_rule *rule, size_t i)
{
	return i % (rule->group_len + 1U) == rule->group_len;
}

bool keys_fit(const struct muster_key_rule *rule, struct muster_span key)
{
	size_t i;

	if (key.n != length(rule))
		return false;
	for (i = 0; i < key.n; i++)
		if (hyphen_at(rule, i) ? key.p[i] != '-' : key.p[i] == '\0' || strchr(alphabet(rule), key.p[i]) == NULL)
			return false;
	return true;
}

const struct muster_key_rule *keys_only_fit(const struct muster_product *product, struct muster_span key)
{
	const struct muster_key_rule *rules = product->keys.rows, *found = NULL;
	size_t i;

	for (i = 0; i < product->keys.count; i++)
		if (keys_fit(&rules[i], key)) {
			if (found != NULL)
				return NULL;
			found = &rules[i];
		}
	return found;
}

size_t keys_example(const struct muster_key_rule *rule, unsigned first, char *out, size_t room)
{
	const char *set = alphabet(rule);
	size_t n = length(rule), i;

	if (room <= n)
		return 0;
	for (i = 0; i < n; i++)
		out[i] = hyphen_at(rule, i) ? '-' : set[(first + i) % strlen(set)];
	out[n] = '\0';
	return n;
}

int catalog_key_classify(const struct catalog *c, const struct catalog_product *p, struct muster_span key, struct muster_key_info *out, struct muster_err *err)
{
	const struct muster_key_rule *rule = keys_only_fit(&p->row, key);
	const struct muster_plugin *d = p->plugin != NULL ? p->plugin->descriptor : NULL;
	struct muster_key_info info = { .size = sizeof info };
	struct muster_err inner = { 0 };
	struct watch_call call;
	int r;

	*out = info;
	if (rule != NULL) {
		info.kind = rule->kind;
		(void)snprintf(info.title, sizeof info.title, "%s", rule->title);
	} else if (d != NULL && d->key_classify != NULL && !atomic_load(&c->runs[p->plugin - c->plugins].off)) {
		watch_begin(&call, &c->runs[p->plugin - c->plugins], WATCH_KEY, NULL);
		r = d->key_classify(p->plugin->self, &p->row, key, &info, &inner);
		watch_end(&call, r != MUSTER_OK);
		if (r != MUSTER_OK)
			return err_set(err, MUSTER_E_INTERNAL, "the plugin %s cannot say of what kind the key is", p->plugin->name);
		info.title[sizeof info.title - 1] = '\0';
	}
	info.size = sizeof info;
	memset(info.partial, 0, sizeof info.partial);
	if (info.kind == MUSTER_KEY_UNKNOWN || info.kind > MUSTER_KEY_ACCESS || lint_text(info.title, sizeof info.title) != NULL)
		return MUSTER_OK;
	/* The last five characters are cut here, never taken from a plugin: nothing more of a key is ever shown by mistake. */
	if (key.n >= 5)
		memcpy(info.partial, key.p + key.n - 5, 5);
	*out = info;
	return MUSTER_OK;
}

bool catalog_covers(const struct catalog_product *key_of, const struct catalog_product *other)
{
	const struct muster_product *k = &key_of->row, *o = &other->row;
	const struct muster_cover *rows = k->covers.rows;
	size_t i;

	if (key_of == other)
		return true;
	for (i = 0; i < k->covers.count; i++) {
		const char *family = rows[i].family != NULL ? rows[i].family : k->family;
		uint32_t newest = rows[i].generation != 0 ? rows[i].generation : k->generation;

		if (o->family != NULL && family != NULL && strcmp(o->family, family) == 0 && o->generation != 0 && o->generation <= newest &&
		    (rows[i].class_bits == 0 || (rows[i].class_bits & o->class_bits) != 0))
			return true;
	}
	return false;
}
