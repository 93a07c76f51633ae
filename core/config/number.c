/* Stored settings (sprt, sai, spri …): the same types and bounds as in the file. */
#include <string.h>

#include "core/base/err.h"
#include "core/base/nearest.h"
#include "core/config/report.h"
#include "core/config/value.h"

/* The one setting that is no key of a file: there it is part of `listen`. */
static const struct config_key port = { .name = "port", .type = CONFIG_NUMBER, .min = 1, .max = 65535 };

static bool is_host(const struct config_section *s)
{
	return strcmp(s->name, "host") == 0;
}

static bool is_number(const struct config_key *k)
{
	return k->type >= CONFIG_NUMBER && k->type <= CONFIG_SWITCH;
}

static void nearer(const char *name, const struct config_key *k, const char **best, unsigned *least)
{
	unsigned d = nearest_distance(name, k->name);

	if (is_number(k) && (*best == NULL || d < *least)) {
		*least = d;
		*best = k->name;
	}
}

static int no_setting(const struct config_section *s, const char *name, struct muster_err *err)
{
	char shown[CONFIG_SHOW];
	const char *best = NULL;
	unsigned least = 0;

	for (size_t i = 0; i < s->key_count; i++)
		nearer(name, &s->keys[i], &best, &least);
	if (is_host(s))
		nearer(name, &port, &best, &least);
	config_show(shown, name);
	if (best == NULL)
		return err_set(err, MUSTER_E_NOT_FOUND, "there is no setting '%s': [%s] holds no numbers", shown, s->name);
	return err_set(err, MUSTER_E_NOT_FOUND, "there is no setting '%s'; the nearest is %s", shown, best);
}

int config_parse_number(const char *section, const char *name, const char *text, uint64_t *value, struct muster_err *err)
{
	const struct config_section *s = config_schema_section(section);
	const struct config_key *k;
	struct config_value v;
	char shown[CONFIG_SHOW];
	int r;

	*value = 0;
	if (s == NULL)
		return err_set(err, MUSTER_E_NOT_FOUND, "there is no section '%s'; the nearest is %s", config_show(shown, section), config_schema_near_section(section, false));
	k = is_host(s) && strcmp(name, port.name) == 0 ? &port : config_schema_key(s, name);
	if (k == NULL || !is_number(k))
		return no_setting(s, name, err);
	if ((r = config_value_read(k, text, &v, err)) != MUSTER_OK)
		return err_prefix(err, r, "%s", name);
	*value = v.number;
	return MUSTER_OK;
}
