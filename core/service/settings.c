#include "core/service/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/log.h"

static const struct setting_info table[] = {
	{ "port", NULL, SETTING_PORT },
	{ "activation_interval", "min", SETTING_ACTIVATION },
	{ "renewal_interval", "min", SETTING_RENEWAL },
	{ "priority", NULL, SETTING_PRIORITY },
};

const struct setting_info *settings_table(size_t *n)
{
	*n = sizeof table / sizeof table[0];
	return table;
}

const struct setting_info *settings_find(const char *name)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

static int parse_port(const char *text, uint64_t *value, struct muster_err *err)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < 1 || n > 65535)
		return err_set(err, MUSTER_E_INVALID, "port: \"%s\" is not a number from 1 to 65535", text);
	*value = n;
	return MUSTER_OK;
}

static int parse_priority(const char *text, uint64_t *value, struct muster_err *err)
{
	*value = strcmp(text, "low") == 0;
	if (*value == 0 && strcmp(text, "normal") != 0)
		return err_set(err, MUSTER_E_INVALID, "priority: \"%s\" is neither normal nor low", text);
	return MUSTER_OK;
}

int settings_parse(const struct setting_info *info, const char *text, uint64_t *value, struct muster_err *err)
{
	struct muster_err why = { 0 };
	char minutes[64];
	int r;

	if (strlen(text) > 32)
		return err_set(err, MUSTER_E_INVALID, "%s: the value is longer than 32 characters", info->name);
	if (info->id == SETTING_PORT)
		return parse_port(text, value, err);
	if (info->id == SETTING_PRIORITY)
		return parse_priority(text, value, err);
	(void)snprintf(minutes, sizeof minutes, text[0] != '\0' && strspn(text, "0123456789") == strlen(text) ? "%smin" : "%s", text);
	if ((r = config_parse_number("host", info->name, minutes, value, &why)) != MUSTER_OK)
		return err_set(err, r, "%s; allowed are 15min to 30d", why.message);   /* facts.md section 1 */
	return MUSTER_OK;
}

void settings_set(struct settings *s, enum setting_id id, uint64_t value)
{
	atomic_store(&s->value[id], value);
	atomic_fetch_or(&s->stored, 1u << id);
}

void settings_unset(struct settings *s, enum setting_id id)
{
	atomic_fetch_and(&s->stored, ~(1u << id));
}

bool settings_stored(const struct settings *s, enum setting_id id, uint64_t *value)
{
	if ((atomic_load(&s->stored) & 1u << id) == 0)
		return false;
	*value = atomic_load(&s->value[id]);
	return true;
}

void settings_format(char out[32], enum setting_id id, uint64_t value)
{
	if (id == SETTING_PRIORITY)
		(void)snprintf(out, 32, "%s", value != 0 ? "low" : "normal");
	else if (id == SETTING_PORT)
		(void)snprintf(out, 32, "%llu", (unsigned long long)value);
	else if (value % 60 == 0)
		(void)snprintf(out, 32, "%llumin", (unsigned long long)(value / 60));
	else
		(void)snprintf(out, 32, "%llus", (unsigned long long)value);
}

static int load_one(void *ctx, const struct store_setting *row)
{
	struct settings *s = ctx;
	const struct setting_info *info = strcmp(row->scope, SETTINGS_SCOPE) == 0 ? settings_find(row->name) : NULL;
	struct muster_err err = { 0 };
	char shown[300];
	uint64_t value;

	if (info == NULL)
		return 0;
	if (settings_parse(info, row->value, &value, &err) == MUSTER_OK)
		settings_set(s, info->id, value);
	else
		log_line(LOG_WARNING, "setting_ignored", "name=%s value=%s text=\"stored value: %s; `musterctl settings reset %s` removes it\"",
		         info->name, log_quote(shown, sizeof shown, row->value), err.message, info->name);
	return 0;
}

int settings_load(struct settings *s, struct ledger *ledger, struct muster_err *err)
{
	atomic_store(&s->stored, 0);
	return ledger_settings(ledger, load_one, s, err);
}

uint64_t settings_file(const struct config *config, enum setting_id id, uint16_t port, enum config_source *source)
{
	enum config_source ignored, *from = source != NULL ? source : &ignored;

	*from = CONFIG_DEFAULT;
	switch (id) {
	case SETTING_PORT:
		*from = config_source_of(config, "host", "listen", NULL);
		return port;
	case SETTING_ACTIVATION:
		*from = config_source_of(config, "host", "activation_interval", NULL);
		return config->host.activation_interval;
	case SETTING_RENEWAL:
		*from = config_source_of(config, "host", "renewal_interval", NULL);
		return config->host.renewal_interval;
	default:
		return 0;
	}
}

uint64_t settings_host(const struct settings *s, const struct config *config, enum setting_id id, uint16_t port, enum config_source *source)
{
	uint64_t value;

	if (!settings_stored(s, id, &value))
		return settings_file(config, id, port, source);
	if (source != NULL)
		*source = CONFIG_STORED;
	return value;
}

void settings_intervals(struct setting_intervals *out, const struct settings *s, const struct config *config, const struct catalog_product *p)
{
	uint64_t value;

	out->retry_s = p->row.retry_s;
	out->retry_source = (enum config_source)p->retry_source;
	if (settings_stored(s, SETTING_ACTIVATION, &value) || p->row.retry_s == 0)
		out->retry_s = (uint32_t)settings_host(s, config, SETTING_ACTIVATION, 0, &out->retry_source);
	out->renewal_s = p->row.renewal_s;
	out->renewal_source = (enum config_source)p->renewal_source;
	if (settings_stored(s, SETTING_RENEWAL, &value) || p->row.renewal_s == 0)
		out->renewal_s = (uint32_t)settings_host(s, config, SETTING_RENEWAL, 0, &out->renewal_source);
}

const char *settings_source_word(enum config_source source)
{
	switch (source) {
	case CONFIG_FILE: return "file";
	case CONFIG_STORED: return "stored";
	case CONFIG_DEFAULT: break;
	}
	return "default";
}
