/* Values and the schema that describes them. */
#include <inttypes.h>
#include <string.h>

#include "tests/unit/unit.h"

#include "core/base/err.h"
#include "core/base/nearest.h"
#include "core/config/report.h"
#include "core/config/value.h"

START_TEST(test_config_parse_value)
{
	static const struct { char kind; const char *text; uint64_t value; } good[] = {
		{ 't', "0", 0 }, { 't', "30s", 30 }, { 't', "90 min", 5400 }, { 't', "2h", 7200 }, { 't', "7d", 604800 }, { 't', "1w", 604800 },
		{ 't', "00030\ts", 30 }, { 's', "0", 0 }, { 's', "123", 123 }, { 's', "10B", 10 }, { 's', "10MiB", 10485760 }, { 's', "1 TiB", 1099511627776 },
		{ 'n', "0", 0 }, { 'n', "18446744073709551615", UINT64_MAX },
	};
	static const struct { char kind; const char *text, *message; } bad[] = {
		{ 't', "", "'' is not a number with a unit: s, min, h, d or w" },
		{ 't', "90", "90 has no unit: write 90s or 90min" },
		{ 't', "90m", "'90m' has an unknown unit: use s, min, h, d or w" },
		{ 't', "250ms", "'250ms' has an unknown unit: use s, min, h, d or w" },
		{ 't', "1h30min", "'1h30min' has an unknown unit: use s, min, h, d or w" },
		{ 't', "1 h ", "'1 h ' has an unknown unit: use s, min, h, d or w" },
		{ 't', "-1s", "'-1s' is not a number with a unit: s, min, h, d or w" },
		{ 't', "18446744073709551616s", "18446744073709551616s is too large" },
		{ 't', "30500568904944w", "30500568904944w is too large" },
		{ 's', "10MB", "'10MB' has an unknown unit: use B, KiB, MiB, GiB or TiB" },
		{ 's', "10mib", "'10mib' has an unknown unit: use B, KiB, MiB, GiB or TiB" },
		{ 'n', "5s", "'5s' is not a whole number" },
		{ 'n', " 5", "' 5' is not a number" },
		{ 'n', "0x10", "'0x10' is not a whole number" },
	};
	struct muster_err err;
	uint64_t v;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		ck_assert_int_eq(config_parse_value(good[i].kind, good[i].text, &v, &err), MUSTER_OK);
		ck_assert_uint_eq(v, good[i].value);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		v = 7;
		ck_assert_int_eq(config_parse_value(bad[i].kind, bad[i].text, &v, &err), MUSTER_E_INVALID);
		ck_assert_str_eq(err.message, bad[i].message);
		ck_assert_uint_eq(v, 0);
		ck_assert_int_eq(config_parse_value(bad[i].kind, bad[i].text, &v, NULL), MUSTER_E_INVALID);
	}
}
END_TEST

START_TEST(test_config_parse_number)
{
	static const struct { const char *section, *name, *text; uint64_t value; } good[] = {
		{ "host", "port", "1688", 1688 }, { "host", "port", "65535", 65535 }, { "host", "activation_interval", "120min", 7200 },
		{ "host", "renewal_interval", "10080 min", 604800 }, { "host", "priority_low", "yes", 1 }, { "host", "priority_low", "no", 0 },
		{ "host", "min_free", "1GiB", 1073741824 }, { "limits", "queue_age", "1s", 1000 }, { "product", "minimum_count", "25", 25 },
	};
	static const struct { const char *section, *name, *text; int result; const char *message; } bad[] = {
		{ "host", "port", "0", MUSTER_E_INVALID, "port: 0 is below 1" },
		{ "host", "port", "65536", MUSTER_E_INVALID, "port: 65536 is above 65535" },
		{ "host", "activation_interval", "14min", MUSTER_E_INVALID, "activation_interval: 14min is below 15min" },
		{ "host", "activation_interval", "31d", MUSTER_E_INVALID, "activation_interval: 31d is above 30d" },
		{ "host", "activation_interval", "120", MUSTER_E_INVALID, "activation_interval: 120 has no unit: write 120s or 120min" },
		{ "host", "activation_interval", "", MUSTER_E_INVALID, "activation_interval: the value is missing" },
		{ "host", "ports", "1", MUSTER_E_NOT_FOUND, "there is no setting 'ports'; the nearest is port" },
		{ "host", "listen", ":1", MUSTER_E_NOT_FOUND, "there is no setting 'listen'; the nearest is port" },
		{ "limits", "port", "1", MUSTER_E_NOT_FOUND, "there is no setting 'port'; the nearest is burst" },
		{ "issuer", "roots", "1", MUSTER_E_NOT_FOUND, "there is no setting 'roots': [issuer] holds no numbers" },
		{ "hots", "port", "1", MUSTER_E_NOT_FOUND, "there is no section 'hots'; the nearest is host" },
	};
	struct muster_err err;
	uint64_t v;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		ck_assert_msg(config_parse_number(good[i].section, good[i].name, good[i].text, &v, &err) == MUSTER_OK, "%s", good[i].name);
		ck_assert_uint_eq(v, good[i].value);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ck_assert_int_eq(config_parse_number(bad[i].section, bad[i].name, bad[i].text, &v, &err), bad[i].result);
		ck_assert_str_eq(err.message, bad[i].message);
		ck_assert_uint_eq(v, 0);
	}
}
END_TEST

START_TEST(test_config_write_number)
{
	static const struct { enum config_type type; uint64_t value; const char *text; } cases[] = {
		{ CONFIG_TIME, 0, "0" }, { CONFIG_TIME, 1, "1s" }, { CONFIG_TIME, 90, "90s" }, { CONFIG_TIME, 120, "2min" }, { CONFIG_TIME, 604800, "7d" },
		{ CONFIG_MSEC, 250, "250ms" }, { CONFIG_MSEC, 10000, "10s" }, { CONFIG_SIZE, 1, "1" }, { CONFIG_SIZE, 16384, "16KiB" },
		{ CONFIG_SIZE, (uint64_t)4 << 30, "4GiB" }, { CONFIG_NUMBER, 604800, "604800" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b;

		buf_init(&b, 64);
		config_value_number(&b, cases[i].type, cases[i].value);
		ck_assert_str_eq(buf_str(&b), cases[i].text);
		buf_fini(&b);
	}
}
END_TEST

/* A row that contradicts itself would only be noticed by whoever uses it. */
START_TEST(test_config_schema_rows)
{
	size_t n;
	const struct config_section *s = config_schema(&n);

	ck_assert_uint_eq(n, 8);
	for (const struct config_section *x = s; x < s + n; x++) {
		ck_assert_ptr_eq(config_schema_section(x->name), x);
		ck_assert(x->doc[0] != '\0' && x->limit > 0);
		for (size_t i = 0; i < x->key_count; i++) {
			const struct config_key *k = &x->keys[i];
			struct config_value v;
			struct muster_err err = { 0 };

			ck_assert_ptr_eq(config_schema_key(x, k->name), k);
			ck_assert(config_value_is_name(k->name));
			ck_assert_msg(k->doc[strlen(k->doc) - 1] == '.' || k->doc[strlen(k->doc) - 1] == ')', "%s", k->name);
			ck_assert(k->offset < x->size);
			if (k->type < CONFIG_UUID && k->type != CONFIG_CHOICE)
				ck_assert_msg(k->max >= k->min && k->max > 0, "%s", k->name);
			if (k->type == CONFIG_CHOICE)
				ck_assert_ptr_nonnull(k->words);
			if (k->value != NULL && (k->flags & CONFIG_KEY_SITE) == 0)
				ck_assert_msg(config_value_read(k, k->value, &v, &err) == MUSTER_OK, "%s: %s", k->name, err.message);
			for (size_t j = 0; j < i; j++)
				ck_assert_msg(x->keys[j].offset != k->offset, "%s and %s share a member", k->name, x->keys[j].name);
		}
	}
}
END_TEST

START_TEST(test_nearest_distance)
{
	char shown[CONFIG_SHOW];

	ck_assert_uint_eq(nearest_distance("", ""), 0);
	ck_assert_uint_eq(nearest_distance("", "abc"), 3);
	ck_assert_uint_eq(nearest_distance("abc", ""), 3);
	ck_assert_uint_eq(nearest_distance("listen", "listen"), 0);
	ck_assert_uint_eq(nearest_distance("LISTEN", "listen"), 0);
	ck_assert_uint_eq(nearest_distance("lsiten", "listen"), 1);
	ck_assert_uint_eq(nearest_distance("listn", "listen"), 1);
	ck_assert_uint_eq(nearest_distance("kitten", "sitting"), 3);
	ck_assert_uint_eq(nearest_distance("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a"), 65);
	ck_assert_str_eq(config_show(shown, "short"), "short");
	ck_assert_str_eq(config_show(shown, "12345678901234567890123456789012345678901234567\xC3\xA4" "x"), "12345678901234567890123456789012345678901234567...");
}
END_TEST

UNIT_MAIN("config values", test_config_parse_value, test_config_parse_number, test_config_write_number, test_config_schema_rows, test_nearest_distance)
