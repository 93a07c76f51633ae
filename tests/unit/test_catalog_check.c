#include "tests/unit/unit.h"
#include "tests/unit/catalog_config.h"

#include "core/base/codes.h"
#include "core/base/log.h"

#define ID_A "aaaaaaaa-0000-4000-8000-000000000001"
#define ID_B "aaaaaaaa-0000-4000-8000-000000000002"
#define NOON 1800000000000 /* 2027-01-15T08:00:00Z */

/** A clock of which each look at the time since boot takes @c step ms. */
static struct { struct clock clock; int64_t wall, boot, step; } slow;

static int64_t slow_wall(const struct clock *c)
{
	(void)c;
	return slow.wall;
}

static int64_t slow_boot(const struct clock *c)
{
	(void)c;
	return slow.boot += slow.step;
}

static struct setup *s;
static struct catalog *c;
static char lines[4096];

static void collect(void *ctx, int level, const char *line)
{
	size_t n = strlen(lines);

	(void)ctx;
	(void)snprintf(lines + n, sizeof lines - n, "%d %s\n", level, line);
}

static void setup(void)
{
	s = setup_new();
	c = NULL;
	slow.clock = (struct clock){ slow_wall, slow_boot };
	slow.wall = NOON;
	slow.boot = slow.step = 0;
	lines[0] = '\0';
	log_capture(collect, NULL);
}

static void teardown(void)
{
	log_capture(NULL, NULL);
	catalog_unref(c);
	free(s);
}

static void build(void)
{
	ck_assert_msg(setup_build(s, &c) == MUSTER_OK, "%s", s->err.message);
}

/** A plugin of tests/plugins that misbehaves as its name says. */
static void misbehaving(const char *name)
{
	const char *top = getenv("top_builddir");
	char path[512];

	(void)snprintf(path, sizeof path, "%s/tests/plugins/.libs/%s.so", top != NULL ? top : ".", name);
	(void)setup_plugin(s, name, path);
	build();
}

static int check(const char *name, struct muster_err *err)
{
	struct muster_request q = { .size = sizeof q, .os = "", .name = "" };
	const struct catalog_product *p = catalog_product_named(c, name);
	size_t n;

	ck_assert_ptr_nonnull(p);
	memset(err, 0, sizeof *err);
	return catalog_check(c, catalog_editions(c, p, &n), &q, &slow.clock, err);
}

static void assert_refused(const char *name, uint32_t code, const char *message)
{
	struct muster_err err;

	ck_assert_int_eq(check(name, &err), MUSTER_E_REFUSED);
	ck_assert_uint_eq(err.code, code);
	ck_assert_str_eq(err.message, message);
}

START_TEST(test_check_served)
{
	struct muster_err err;

	(void)setup_plugin(s, "office2013", NULL);
	build();
	ck_assert_int_eq(check("office2013", &err), MUSTER_OK);
}
END_TEST

START_TEST(test_check_disabled)
{
	struct config_product *p;

	(void)setup_plugin(s, "office2013", NULL);
	p = setup_product(s, "office2013", NULL);
	p->enabled = false;
	p->given = CONFIG_P_ENABLED;
	build();
	assert_refused("office2013", (uint32_t)CODE_UNSUPPORTED_PRODUCT, "Office 15, OfficeKMSHostVL_KMS_Host edition is switched off on this host. Ask another host, or set enabled = yes in [product office2013].");
}
END_TEST

START_TEST(test_check_refused)
{
	struct config_product *p = setup_new_product(s, "cloud", NULL, ID_A);

	p->refused = "Sign in instead.";
	p->given |= CONFIG_P_REFUSED;
	build();
	assert_refused("cloud", CODE_M_REFUSED_PRODUCT, "Sign in instead.");
}
END_TEST

START_TEST(test_check_model)
{
	struct muster_err err;

	(void)setup_plugin(s, "rds", NULL);
	(void)setup_plugin(s, "windows", NULL);
	(void)setup_new_product(s, "esu-1", "windows-esu", ID_A);
	(void)setup_new_product(s, "cal", "rds", ID_B);
	build();
	ck_assert_int_eq(check("cal", &err), MUSTER_OK);
	ck_assert_int_eq(check("esu-1", &err), MUSTER_OK);
}
END_TEST

START_TEST(test_check_coverage)
{
	struct config_product *p = setup_new_product(s, "yearly", NULL, ID_A);
	struct muster_err err;

	p->minimum_count = 1;
	p->coverage_start = NOON / 1000;
	p->coverage_end = NOON / 1000 + 86400;
	p->given |= CONFIG_P_MINIMUM | CONFIG_P_COVERAGE_START | CONFIG_P_COVERAGE_END;
	build();
	slow.wall = NOON - 1000;
	assert_refused("yearly", (uint32_t)CODE_UNSUPPORTED_PRODUCT, "The coverage of New begins at 2027-01-15T08:00:00Z. Ask again then.");
	slow.wall = NOON;
	ck_assert_int_eq(check("yearly", &err), MUSTER_OK);
	slow.wall = NOON + 86399999;
	ck_assert_int_eq(check("yearly", &err), MUSTER_OK);
	slow.wall = NOON + 86400000;
	assert_refused("yearly", (uint32_t)CODE_UNSUPPORTED_PRODUCT, "The coverage of New ended at 2027-01-16T08:00:00Z. Order the next period, or move to a newer version.");
}
END_TEST

#define FAULT "The plugin failing cannot check this request because of a fault of its own. Try again later; the host's log names the fault."
#define OFF "The plugin failing is switched off after repeated faults. Reload the configuration to try it again."

/* Three faults within a minute: off, with a line in the log; a reload tries again. */
START_TEST(test_check_faults_switch_off)
{
	size_t n;

	misbehaving("failing");
	assert_refused("failing", CODE_M_PLUGIN, FAULT);
	ck_assert_ptr_null(catalog_plugin_off(c, catalog_plugins(c, &n)));
	slow.boot += 30000;
	assert_refused("failing", CODE_M_PLUGIN, FAULT);
	slow.boot += 29000;
	assert_refused("failing", CODE_M_PLUGIN, FAULT);
	assert_refused("failing", CODE_M_PLUGIN, OFF);
	slow.boot += 600000;
	assert_refused("failing", CODE_M_PLUGIN, OFF);
	ck_assert_str_eq(catalog_plugin_off(c, catalog_plugins(c, &n)), "switched off after repeated faults, which the log names; a reload tries it again");
	ck_assert_ptr_nonnull(strstr(lines, "4 plugin-fault plugin=failing reason=\"request_check failed\"\n"));
	ck_assert_ptr_nonnull(strstr(lines, "3 plugin-off plugin=failing reason=\"request_check failed, the third time within a minute\" action=\"its products are refused until the configuration is reloaded\"\n"));
	catalog_unref(c);
	build();
	assert_refused("failing", CODE_M_PLUGIN, FAULT);
}
END_TEST

/* Faults further apart do not add up. */
START_TEST(test_check_faults_apart)
{
	misbehaving("failing");
	for (int i = 0; i < 10; i++) {
		assert_refused("failing", CODE_M_PLUGIN, FAULT);
		slow.boot += 30001;
	}
	ck_assert_ptr_null(strstr(lines, "plugin-off"));
}
END_TEST

/* Slowness is a fault too, but the answer counts. */
START_TEST(test_check_slow)
{
	struct muster_err err;

	(void)setup_plugin(s, "sample", NULL);
	build();
	slow.step = 50;
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(check("sample-writer", &err), MUSTER_OK);
	slow.step = 51;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(check("sample-writer", &err), MUSTER_OK);
	assert_refused("sample-writer", CODE_M_PLUGIN, "The plugin sample is switched off after repeated faults. Reload the configuration to try it again.");
	ck_assert_ptr_nonnull(strstr(lines, "plugin-off plugin=sample reason=\"request_check took 51 ms, more than 50, the third time within a minute\""));
}
END_TEST

/* A sentence that is none is replaced, never shown. */
START_TEST(test_check_sentences)
{
	struct muster_err err;

	misbehaving("quiet");
	assert_refused("quiet", CODE_M_PLUGIN, "The plugin quiet refuses this request and gives no reason that can be shown. Ask the author of the plugin; product: Title");
	catalog_unref(c);
	s->config.plugin_count = 0;
	misbehaving("endless");
	ck_assert_int_eq(check("endless", &err), MUSTER_OK); /* it fills the sentence and does not refuse */
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_check_served, test_check_disabled, test_check_refused, test_check_model, test_check_coverage, test_check_faults_switch_off, test_check_faults_apart, test_check_slow, test_check_sentences,
	};

	return unit_run_with(suite_create("catalog_check"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
