#include "tests/unit/unit.h"

#include <string.h>

#include "core/config/memory.h"
#include "core/service/settings.h"

static void good(const char *name, const char *text, uint64_t expected, const char *shown)
{
	const struct setting_info *info = settings_find(name);
	struct muster_err err = { 0 };
	uint64_t value = 0;
	char out[32];

	ck_assert_ptr_nonnull(info);
	ck_assert_msg(settings_parse(info, text, &value, &err) == MUSTER_OK, "%s %s: %s", name, text, err.message);
	ck_assert_uint_eq(value, expected);
	settings_format(out, info->id, value);
	ck_assert_str_eq(out, shown);
	/* What is stored is read again at the next start. */
	ck_assert_int_eq(settings_parse(info, out, &value, &err), MUSTER_OK);
	ck_assert_uint_eq(value, expected);
}

static void bad(const char *name, const char *text)
{
	struct muster_err err = { 0 };
	uint64_t value;

	ck_assert_int_eq(settings_parse(settings_find(name), text, &value, &err), MUSTER_E_INVALID);
	ck_assert_uint_gt(strlen(err.message), 10);
}

START_TEST(test_settings_values)
{
	good("port", "1688", 1688, "1688");
	good("port", "65535", 65535, "65535");
	good("activation_interval", "120", 7200, "120min");
	good("activation_interval", "2h", 7200, "120min");
	good("renewal_interval", "30d", 30 * 86400, "43200min");
	good("renewal_interval", "15min", 900, "15min");
	good("priority", "low", 1, "low");
	good("priority", "normal", 0, "normal");
	bad("port", "0");
	bad("port", "65536");
	bad("port", "-1");
	bad("port", "x");
	bad("port", "");
	bad("activation_interval", "14");
	bad("activation_interval", "43201");
	bad("activation_interval", "soon");
	bad("activation_interval", "");
	bad("renewal_interval", "1111111111111111111111111111111111111111");
	bad("priority", "high");
	ck_assert_ptr_null(settings_find("colour"));
}
END_TEST

START_TEST(test_settings_stored_win)
{
	struct settings s = { 0 };
	struct config config = { .host = { .activation_interval = 7200, .renewal_interval = 604800 } };
	struct catalog_product product = { .row = { .retry_s = 3600, .renewal_s = 0 }, .retry_source = CONFIG_FILE };
	struct setting_intervals i;
	enum config_source source;
	uint64_t value;

	ck_assert_ptr_nonnull(config.memory = config_memory_new());
	settings_intervals(&i, &s, &config, &product);
	ck_assert_uint_eq(i.retry_s, 3600);
	ck_assert_int_eq(i.retry_source, CONFIG_FILE);
	ck_assert_uint_eq(i.renewal_s, 604800);
	ck_assert_int_eq(i.renewal_source, CONFIG_DEFAULT);
	settings_set(&s, SETTING_ACTIVATION, 1800);
	settings_intervals(&i, &s, &config, &product);
	ck_assert_uint_eq(i.retry_s, 1800);
	ck_assert_int_eq(i.retry_source, CONFIG_STORED);
	ck_assert_uint_eq(i.renewal_s, 604800);
	ck_assert_uint_eq(settings_host(&s, &config, SETTING_ACTIVATION, 0, &source), 1800);
	ck_assert_int_eq(source, CONFIG_STORED);
	ck_assert_uint_eq(settings_host(&s, &config, SETTING_PORT, 1688, NULL), 1688);
	settings_unset(&s, SETTING_ACTIVATION);
	ck_assert(!settings_stored(&s, SETTING_ACTIVATION, &value));
	settings_intervals(&i, &s, &config, &product);
	ck_assert_uint_eq(i.retry_s, 3600);
	config_memory_free(config.memory);
}
END_TEST

UNIT_MAIN("service_settings", test_settings_values, test_settings_stored_win)
