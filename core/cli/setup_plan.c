#include "core/cli/setup_plan.h"

#include <string.h>

#include "core/cli/api.h"
#include "core/trust/product_key.h"

/* Kinds of key that entitle a host for products of a model. Others need none of the host's own. */
static const struct { const char *model, *kinds; bool activates; } models[] = {
	{ "threshold", (const char[]){ PRODUCT_KEY_HOST, '\0' }, true },
	{ "counted", (const char[]){ PRODUCT_KEY_MAK, PRODUCT_KEY_ESU, '\0' }, false }
};

static const char *kinds_of(const json_t *product, bool *activates)
{
	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++)
		if (strcmp(json_text(product, "model"), models[i].model) == 0) {
			*activates = models[i].activates;
			return models[i].kinds;
		}
	return NULL;
}

const json_t *setup_product(const struct setup_state *s, const char *name)
{
	const json_t *p;
	size_t i;

	json_array_foreach(s->products, i, p)
		if (strcmp(json_text(p, "product"), name) == 0 || strcmp(json_text(p, "activation_id"), name) == 0)
			return p;
	return NULL;
}

bool setup_names(const json_t *list, const json_t *product)
{
	const json_t *x;
	size_t i;

	json_array_foreach(list, i, x) {
		const char *name = json_string_value(x);

		if (name != NULL && (strcmp(name, json_text(product, "product")) == 0 || strcmp(name, json_text(product, "activation_id")) == 0))
			return true;
	}
	return false;
}

bool setup_wanted(const json_t *product)
{
	bool activates;

	return json_text(product, "refused")[0] == '\0' && json_text(product, "activation_id")[0] != '\0' && kinds_of(product, &activates) != NULL;
}

/* Of a pack's or the host's own keys: one of the right kind for this product. */
static const json_t *find_key(const json_t *keys, const char *kinds, const json_t *product)
{
	const json_t *k;
	size_t i;

	json_array_foreach(keys, i, k) {
		const char *kind = json_text(k, "kind");

		if (kind[0] != '\0' && strchr(kinds, kind[0]) != NULL && setup_names(json_object_get(k, "products"), product))
			return k;
	}
	return NULL;
}

static bool pack_is_there(const struct setup_state *s, const char *kinds, const json_t *product)
{
	const json_t *p;
	size_t i;

	json_array_foreach(s->packs, i, p)
		if (find_key(json_object_get(p, "keys"), kinds, product) != NULL)
			return true;
	return false;
}

enum setup_step setup_next(const struct setup_state *s, const json_t *product)
{
	bool activates = true;
	const char *kinds = kinds_of(product, &activates);
	const json_t *key;

	if (json_flag(product, "certified"))
		return SETUP_DONE;
	if (kinds == NULL || !setup_wanted(product) || json_text(product, "issuer")[0] == '\0' || !json_flag(product, "served"))
		return SETUP_PRODUCT;
	if (!pack_is_there(s, kinds, product))
		return SETUP_PACK;
	key = find_key(s->keys, kinds, product);
	if (key == NULL || strcmp(json_text(key, "state"), "pack-missing") == 0)
		return SETUP_KEY;
	return activates ? SETUP_ACTIVATE : SETUP_DONE;
}

bool setup_waits(const json_t *key)
{
	const char kind = json_text(key, "kind")[0];

	return (kind == PRODUCT_KEY_HOST || kind == PRODUCT_KEY_ACCESS) && (strcmp(json_text(key, "state"), "not-activated") == 0 || strcmp(json_text(key, "state"), "pending") == 0);
}

void setup_missing(const struct setup_state *s, const json_t *product, struct buf *out)
{
	const char *name = json_text(product, "product"), *why = json_text(product, "refused");

	switch (setup_next(s, product)) {
	case SETUP_PRODUCT:
		if (why[0] == '\0')
			why = json_text(product, "not_served_reason");
		if (why[0] != '\0')
			buf_adds(out, why);
		else if (json_text(product, "issuer")[0] == '\0')
			buf_addf(out, "%s has no issuer: name one in muster.conf, [product %s] issuer = NAME and [issuer NAME] roots = FILE.", name, name);
		else if (json_array_size(json_object_get(product, "programmes")) > 0)
			buf_addf(out, "%s is activated by a programme and its number, not by a product key: musterctl access activate %s --programme NAME --number NUMBER", name, name);
		else
			buf_addf(out, "%s needs no licence pack and no key on this host.", name);
		break;
	case SETUP_PACK:
		buf_addf(out, "The licence pack is missing: none that is installed has a key for %s. The issuer (%s) makes one.", name, json_text(product, "issuer"));
		break;
	case SETUP_KEY:
		buf_addf(out, "The product key is missing: the licence pack for %s is here, its key is not installed.", name);
		break;
	case SETUP_ACTIVATE:
		buf_addf(out, "The activation is missing: pack and key for %s are here, the issuer has not confirmed this host.", name);
		break;
	case SETUP_DONE:
		buf_addf(out, "Nothing is missing for %s.", name);
		break;
	}
}

static const struct { const char *word, *command; } steps[] = {
	[SETUP_PRODUCT] = { "product", "musterctl products --verbose" },
	[SETUP_PACK] = { "pack", "musterctl pack install FILE" },
	[SETUP_KEY] = { "key", "musterctl ipk" },
	[SETUP_ACTIVATE] = { "activate", "musterctl ato, or musterctl phone" },
	[SETUP_DONE] = { "done", "musterctl dlv" }
};

const char *setup_command(enum setup_step step)
{
	return steps[step].command;
}

const char *setup_word(enum setup_step step)
{
	return steps[step].word;
}
