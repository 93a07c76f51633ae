#include "core/cli/support_mask.h"

#include <string.h>

#include "core/base/err.h"

#define DEPTH_MAX 12

/* Members whose texts are words of this program, versions, or names of products; part NULL: of every part. All others stay masked. */
static const struct { const char *part, *member; } told[] = {
	{ NULL, "verdict" }, { NULL, "check" }, { NULL, "code" }, { NULL, "about" }, { NULL, "label" }, { NULL, "unit" }, { NULL, "warning" }, { NULL, "critical" },
	{ NULL, "version" }, { NULL, "model" }, { NULL, "policy" }, { NULL, "title" }, { NULL, "license_status_text" }, { NULL, "kind_text" }, { NULL, "action" }, { NULL, "event" },
	{ NULL, "finding" }, { NULL, "pool" }, { NULL, "sinks_on" }, { NULL, "listed_at" }, { NULL, "since" },
	{ NULL, "ends_at" }, { NULL, "trusted_time" }, { NULL, "fold_at" }, { NULL, "last_commit" }, { NULL, "certified_until" }, { NULL, "expires_at" },
	{ "listing", "name" }, { "products", "name" }, { "products", "command" }, { "products", "shape" }, { "products", "update" }, { "products", "fact" },
	{ "plugins", "name" }, { "settings", "name" }, { "settings", "value" }, { "settings", "default" }, { "settings", "source" },
	{ "listing", "minimum_count" }, { "listing", "activation_interval" }, { "listing", "renewal_interval" }, { "listing", "port" },
	{ "versions", "musterctl" }, { "versions", "musterd" }, { "versions", "system" }, { "versions", "machine" }, { "versions", "libarchive" }, { "versions", "jansson" },
};

/* Checks whose sentences name nobody: numbers, days, products. */
static const char *const plain[] = { "activated", "certificates", "clock", "counts", "low-water", "idle", "unknown", "disk", "audit" };

static bool is_told(const char *part, const char *member)
{
	for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
		if ((told[i].part == NULL || strcmp(told[i].part, part) == 0) && strcmp(told[i].member, member) == 0)
			return true;
	return false;
}

static bool is_plain(const json_t *object)
{
	const char *check = json_string_value(json_object_get(object, "check"));

	for (size_t i = 0; check != NULL && i < sizeof plain / sizeof plain[0]; i++)
		if (strcmp(check, plain[i]) == 0)
			return true;
	return false;
}

/* Put back into @p masked, made of @p value, what may be told. @p sentences: of a check that names nobody. @return false: memory is short. */
static bool put_back(const char *part, const json_t *value, json_t *masked, bool sentences, unsigned depth)
{
	const char *name;
	const json_t *v;
	size_t i;

	if (depth > DEPTH_MAX)
		return true;
	json_array_foreach(value, i, v)
		if (!put_back(part, v, json_array_get(masked, i), sentences, depth + 1))
			return false;
	json_object_foreach((json_t *)(uintptr_t)value, name, v) {
		bool sentence = (sentences || is_plain(value)) && (strcmp(name, "reason") == 0 || strcmp(name, "remedy") == 0);

		if (json_is_string(v) && (is_told(part, name) || sentence)) {
			if (json_object_set_new(masked, name, json_copy((json_t *)(uintptr_t)v)) != 0)
				return false;
		} else if (!put_back(part, v, json_object_get(masked, name), sentences || is_plain(value), depth + 1)) {
			return false;
		}
	}
	return true;
}

json_t *support_mask(struct exchange_mask *m, const char *part, const json_t *value)
{
	json_t *masked = json_deep_copy(value);

	if (masked == NULL || exchange_mask_row(m, masked, NULL) != MUSTER_OK || !put_back(part, value, masked, false, 0)) {
		json_decref(masked);
		return NULL;
	}
	return masked;
}
