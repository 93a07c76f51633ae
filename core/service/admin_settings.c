#include "core/service/admin.h"

#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"

/* Where the file has it, also while a stored value hides that. */
static json_t *place_of(const struct snapshot *snap, const struct setting_info *info)
{
	struct config_place at = { NULL, 0 };

	if (config_source_of(snap->config, "host", info->id == SETTING_PORT ? "listen" : info->name, &at) != CONFIG_FILE || at.file == NULL)
		return json_null();
	return json_sprintf("%s:%u", at.file, at.line);
}

static json_t *one(struct admin_call *c, const struct setting_info *info)
{
	const struct config *config = c->snapshot->config;
	uint16_t port = service_port(c->service);
	enum config_source source;
	char value[32], initial[32];

	settings_format(value, info->id, settings_host(&c->service->settings, config, info->id, port, &source));
	settings_format(initial, info->id, settings_file(config, info->id, port, NULL));
	return json_pack("{s:s, s:s, s:s?, s:s, s:s, s:o}", "name", info->name, "value", value, "unit", info->unit, "source", settings_source_word(source),
		"default", initial, "place", place_of(c->snapshot, info));
}

int admin_settings(struct admin_call *c, json_t **out, struct muster_err *err)
{
	json_t *items = json_array();
	const struct setting_info *table;
	size_t n;

	(void)err;
	table = settings_table(&n);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(items, one(c, &table[i]));
	*out = json_pack("{s:o, s:n}", "items", items, "next");
	return MUSTER_OK;
}

/* Before activation none may be changed (facts.md section 1). */
static int named(struct admin_call *c, const struct setting_info **info, struct muster_err *err)
{
	const char *name;
	int r;

	if ((r = admin_text(c, "name", 64, true, &name, err)) != MUSTER_OK)
		return r;
	if ((*info = settings_find(name)) == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_SETTING, "there is no setting \"%s\": port, activation_interval, renewal_interval, priority", name);
	if (!service_activated(c->service, c->snapshot))
		return err_code(err, MUSTER_E_REFUSED, (uint32_t)CODE_HOST_NOT_ACTIVATED, "The host is not activated: settings cannot be changed before.");
	return MUSTER_OK;
}

static json_t *changed(struct admin_call *c, const struct setting_info *info)
{
	json_t *o = one(c, info);
	const char *note = NULL;

	if (info->id == SETTING_PORT || info->id == SETTING_PRIORITY)
		note = "takes effect at the next start";
	(void)json_object_set_new(o, "note", admin_json_text(note));
	return o;
}

int admin_setting_put(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct setting_info *info;
	const char *value;
	char text[32];
	uint64_t number;
	int r;

	if ((r = named(c, &info, err)) != MUSTER_OK || (r = admin_text(c, "value", 64, true, &value, err)) != MUSTER_OK)
		return r;
	if ((r = settings_parse(info, value, &number, err)) != MUSTER_OK) {
		err->code = CODE_M_SETTING;
		return r;
	}
	settings_format(text, info->id, number);
	if ((r = ledger_setting_put(c->service->ledger, c->peer.actor, SETTINGS_SCOPE, info->name, text, err)) != MUSTER_OK)
		return r;
	settings_set(&c->service->settings, info->id, number);
	*out = changed(c, info);
	return MUSTER_OK;
}

int admin_setting_reset(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct setting_info *info;
	int r;

	if ((r = named(c, &info, err)) != MUSTER_OK)
		return r;
	if ((r = ledger_setting_reset(c->service->ledger, c->peer.actor, SETTINGS_SCOPE, info->name, err)) != MUSTER_OK)
		return r;
	settings_unset(&c->service->settings, info->id);
	*out = changed(c, info);
	return MUSTER_OK;
}
