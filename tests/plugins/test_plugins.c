/* What the built-in plugins say, against facts.md and the published samples. */
#include "tests/unit/unit.h"
#include "tests/unit/catalog_config.h"

#include "core/base/codes.h"
#include "core/base/mem.h"

/** Muster's namespace for lines whose vendor publishes no ID (docs/plugin-guide.md). */
#define NAMESPACE "d7c94707-d15f-4253-b6b7-16ad096eb657"
#define APPLICATION_WINDOWS "55c92734-d682-4d71-983e-d6ec3f16059f"
#define APPLICATION_OFFICE "0ff1ce15-a989-479d-af46-f275c6370663"

static struct setup *s;
static struct catalog *c;
static struct clock_manual clock_;

static void setup(void)
{
	s = setup_new();
	(void)setup_plugin(s, "office2013", NULL);
	(void)setup_plugin(s, "windows", NULL);
	(void)setup_plugin(s, "windows-server", NULL);
	(void)setup_plugin(s, "sql-embedded", NULL);
	(void)setup_plugin(s, "rds", NULL);
	ck_assert_msg(setup_build(s, &c) == MUSTER_OK, "%s", s->err.message);
	ck_assert_uint_eq(s->said.lines, 0);
	clock_manual_init(&clock_, 1800000000000);
}

static void teardown(void)
{
	catalog_unref(c);
	free(s);
}

static const struct catalog_product *product(const char *name)
{
	const struct catalog_product *p = catalog_product_named(c, name);

	ck_assert_msg(p != NULL, "%s is missing", name);
	return p;
}

static const char *text(const uint8_t id[16])
{
	static char out[UUID_TEXT];

	uuid_format(out, id);
	return out;
}

START_TEST(test_plugins_all_loaded)
{
	size_t n, i;
	const struct catalog_plugin *p = catalog_plugins(c, &n);

	ck_assert_uint_eq(n, 5);
	for (i = 0; i < n; i++) {
		ck_assert_ptr_null(p[i].refused);
		ck_assert_uint_gt(p[i].product_count, 0);
	}
	(void)catalog_products(c, &n);
	ck_assert_uint_eq(n, 15);
}
END_TEST

/* samples/dlv-office2013.txt */
START_TEST(test_plugins_office2013)
{
	const struct catalog_product *p = product("office2013");

	ck_assert_str_eq(p->row.title, "Office 15, OfficeKMSHostVL_KMS_Host edition");
	ck_assert_str_eq(p->description, "Office 15, VOLUME_KMS channel");
	ck_assert_str_eq(text(p->row.activation_id), "2e28138a-847f-42bc-9752-61b03fff33cd");
	ck_assert_str_eq(text(p->row.application_id), APPLICATION_OFFICE);
	ck_assert_uint_eq(p->row.model, MUSTER_MODEL_THRESHOLD);
	ck_assert_uint_eq(p->row.minimum_count, 5);
	ck_assert_uint_eq(p->row.validity_s, 180 * 86400);
	ck_assert_uint_eq(p->row.renewal_s, 10080 * 60);
	ck_assert_uint_eq(p->row.retry_s, 120 * 60);
	ck_assert_str_eq(p->pool->name, "office2013");
	ck_assert_uint_eq(p->pool->window_s, 30 * 86400);
	ck_assert_uint_ne(p->row.flags & MUSTER_PRODUCT_RECORD, 0);
	ck_assert(p->count_observed);
	ck_assert_uint_eq(p->row.platforms.count, 4);
	ck_assert_uint_eq(p->row.installation_groups * p->row.installation_group_len, 54);
	ck_assert_uint_eq(p->row.confirmation_groups * p->row.confirmation_group_len, 48);
}
END_TEST

/* facts.md section 1: thresholds 25 and 5, one count. */
START_TEST(test_plugins_windows_share_a_pool)
{
	const struct catalog_product *w = product("windows"), *v = product("windows-server");
	size_t n;

	ck_assert_uint_eq(w->row.minimum_count, 25);
	ck_assert_uint_eq(v->row.minimum_count, 5);
	ck_assert_ptr_eq(w->pool, v->pool);
	ck_assert_str_eq(w->pool->name, "windows");
	ck_assert_str_eq(text(w->row.application_id), APPLICATION_WINDOWS);
	ck_assert_str_eq(text(v->row.application_id), APPLICATION_WINDOWS);
	(void)catalog_pools(c, &n);
	ck_assert_uint_eq(n, 2);
}
END_TEST

/* Each half of the pool works without the other. */
START_TEST(test_plugins_windows_alone)
{
	struct setup *alone = setup_new();
	struct catalog *d;

	(void)setup_plugin(alone, "windows-server", NULL);
	ck_assert_int_eq(setup_build(alone, &d), MUSTER_OK);
	ck_assert_str_eq(catalog_product_named(d, "windows-server")->pool->name, "windows");
	catalog_unref(d);
	free(alone);
}
END_TEST

/* The ID of the published event samples is known, and of the threshold 5 those print. */
START_TEST(test_plugins_sample_edition)
{
	const struct catalog_edition *e;
	uint8_t id[16];

	setup_id(id, "68531fb9-5511-4989-97be-d11a0f55633f");
	ck_assert_ptr_nonnull(e = catalog_find(c, id));
	ck_assert_str_eq(e->product->row.name, "windows-server");
	ck_assert_uint_eq(e->minimum_count, 5);
	ck_assert(!e->learned);
}
END_TEST

static const struct { const char *product, *name; bool application; } named[] = {
	{ "windows", "windows", false }, { "windows-server", "windows-server", false }, { "sql-server-2008", "sql-server-2008", false }, { "sql-server", "sql-server", false },
	{ "sql-server-2008-r2", "sql-server-2008-r2", false }, { "sql-server-2012", "sql-server-2012", false }, { "sql-server-2014", "sql-server-2014", false },
	{ "sql-server-2016", "sql-server-2016", false }, { "sql-server-2017", "sql-server-2017", false }, { "sql-server-2019", "sql-server-2019", false },
	{ "sql-server-2022", "sql-server-2022", false }, { "rds", "rds", false }, { "sql-server", "application/sql-server", true }, { "rds", "application/rds", true },
};

/* The precomputed IDs are version 5 UUIDs of their names in Muster's namespace. */
START_TEST(test_plugins_named_ids)
{
	uint8_t space[16], id[16];

	setup_id(space, NAMESPACE);
	for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
		const struct catalog_product *p = product(named[i].product);

		uuid_named(id, space, named[i].name);
		ck_assert_mem_eq(id, named[i].application ? p->row.application_id : p->row.activation_id, 16);
	}
}
END_TEST

/* Editions of SQL Server: version 5 of NAME/EDITION. */
START_TEST(test_plugins_edition_ids)
{
	uint8_t space[16], id[16];
	unsigned seen = 0;
	size_t n, count;
	const struct catalog_product *p = catalog_products(c, &n);

	setup_id(space, NAMESPACE);
	for (size_t i = 0; i < n; i++) {
		const struct catalog_edition *e = catalog_editions(c, &p[i], &count);

		for (size_t k = 1; k < count && p[i].plugin != NULL && strcmp(p[i].plugin->name, "sql-embedded") == 0; k++) {
			char name[128];

			(void)snprintf(name, sizeof name, "%s/%s", p[i].row.name, e[k].title);
			for (char *q = strchr(name, '/'); *q != '\0'; q++)
				if (*q >= 'A' && *q <= 'Z')
					*q = (char)(*q - 'A' + 'a');
			uuid_named(id, space, name);
			ck_assert_msg(memcmp(id, e[k].activation_id, sizeof id) == 0, "%s", name);
			seen++;
		}
	}
	ck_assert_uint_eq(seen, 8 * 4);
}
END_TEST

static int check(const char *name, struct muster_err *err)
{
	struct muster_request q = { .size = sizeof q, .os = "", .name = "" };
	const struct catalog_product *p = product(name);
	size_t n;
	const struct catalog_edition *e = catalog_editions(c, p, &n);

	ck_assert_uint_ge(n, 1);
	memset(err, 0, sizeof *err);
	return catalog_check(c, e, &q, &clock_.clock, err);
}

START_TEST(test_plugins_served)
{
	struct muster_err err;

	ck_assert_int_eq(check("office2013", &err), MUSTER_OK);
	ck_assert_int_eq(check("windows", &err), MUSTER_OK);
	ck_assert_int_eq(check("windows-server", &err), MUSTER_OK);
	ck_assert_int_eq(check("sql-server-2008", &err), MUSTER_OK);
	ck_assert_int_eq(check("sql-server", &err), MUSTER_OK);
	ck_assert_int_eq(check("sql-server-2022", &err), MUSTER_OK);
	ck_assert_int_eq(check("rds", &err), MUSTER_OK);
}
END_TEST

START_TEST(test_plugins_refused_products)
{
	size_t n;

	ck_assert_str_eq(product("microsoft-365")->row.refused, "Microsoft 365 Apps are licensed by subscription to the person who signs in; no volume activation host serves them. Sign in with an account that has a licence.");
	(void)catalog_editions(c, product("microsoft-365"), &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_ptr_null(product("microsoft-365")->pool);
	ck_assert_uint_eq(product("windows-esu")->row.model, MUSTER_MODEL_COUNTED);
	ck_assert_ptr_nonnull(product("windows-esu")->row.refused);
}
END_TEST

/* facts.md section 7 */
START_TEST(test_plugins_rds_rules)
{
	const struct muster_access_rules *a = product("rds")->row.access;
	const struct muster_programme *p = a->programmes.rows;

	ck_assert_uint_eq(a->temporary_s, 90 * 86400);
	ck_assert_uint_eq(a->permanent_min_s, 52 * 86400);
	ck_assert_uint_eq(a->permanent_max_s, 89 * 86400);
	ck_assert_uint_eq(a->renew_left_s, 7 * 86400);
	ck_assert_uint_eq(a->user_s, 60 * 86400);
	ck_assert_uint_eq(a->user_reassign_s, 90 * 86400);
	ck_assert_uint_eq(a->grace_s, 120 * 86400);
	ck_assert_uint_eq(a->revoke_percent, 20);
	ck_assert_uint_eq(a->programmes.count, 11);
	ck_assert_str_eq(p[0].number, "enrolment number");
	ck_assert_uint_eq(p[0].digits, 7);
	ck_assert_uint_eq(p[10].characters, 25);
	ck_assert_str_eq(p[8].number, "authorization number");
	ck_assert_str_eq(p[9].number, "purchasing account number");
	ck_assert_ptr_nonnull(strstr(p[8].hint, "authorization number"));
	ck_assert_ptr_nonnull(strstr(p[9].hint, "not the MPSA agreement number"));
	ck_assert_uint_eq(a->per, MUSTER_PER_DEVICE | MUSTER_PER_USER);
}
END_TEST

/* The versions that are published, oldest first. */
START_TEST(test_plugins_rds_versions)
{
	static const char *const names[] = { "2012", "2016", "2019", "2022", "2025" };
	const struct muster_access_rules *a = product("rds")->row.access;
	const struct muster_access_version *v = a->versions.rows;

	ck_assert_uint_eq(a->versions.count, sizeof names / sizeof names[0]);
	for (size_t i = 0; i < a->versions.count; i++) {
		ck_assert_str_eq(v[i].name, names[i]);
		ck_assert_uint_eq(v[i].generation, i + 1);
		ck_assert_ptr_nonnull(strstr(v[i].title, "RDS 20"));
	}
}
END_TEST

/* A host key activates its own generation and older; a client-edition host serves clients only (facts.md section 1). */
START_TEST(test_plugins_coverage)
{
	const struct catalog_product *w = product("windows"), *v = product("windows-server"), *o = product("office2013");

	ck_assert(catalog_covers(v, w));
	ck_assert(catalog_covers(v, v));
	ck_assert(catalog_covers(w, w));
	ck_assert(!catalog_covers(w, v));
	ck_assert(!catalog_covers(v, o));
	ck_assert(!catalog_covers(o, v));
}
END_TEST

/* Older host keys are copies with a lower generation: what is newer is out of their reach. */
START_TEST(test_plugins_coverage_of_copies)
{
	struct config_product *p = setup_new_product(s, "windows-server-2016", "windows-server", "aaaaaaaa-0000-4000-8000-000000000001");
	struct catalog *d;

	p->generation = 5;
	p->given |= CONFIG_P_GENERATION;
	ck_assert_msg(setup_build(s, &d) == MUSTER_OK, "%s", s->err.message);
	ck_assert(catalog_covers(catalog_product_named(d, "windows-server"), catalog_product_named(d, "windows-server-2016")));
	ck_assert(!catalog_covers(catalog_product_named(d, "windows-server-2016"), catalog_product_named(d, "windows-server")));
	ck_assert(!catalog_covers(catalog_product_named(d, "windows-server-2016"), catalog_product_named(d, "windows")));
	catalog_unref(d);
}
END_TEST

static uint32_t kind(const struct catalog *from, const char *name, const char *key, struct muster_key_info *info)
{
	struct muster_err err = { 0 };

	ck_assert_int_eq(catalog_key_classify(from, catalog_product_named(from, name), (struct muster_span){ (const uint8_t *)key, strlen(key) }, info, &err), MUSTER_OK);
	return info->kind;
}

START_TEST(test_plugins_key_kinds)
{
	struct muster_key_info info;

	ck_assert_uint_eq(kind(c, "sql-server", "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", &info), MUSTER_KEY_EMBEDDED);
	ck_assert_str_eq(info.title, "embedded key");
	ck_assert_str_eq(info.partial, "EEEEE");
	ck_assert_uint_eq(kind(c, "sql-server", "AAAAA-BBBBB-CCCCC-DDDDD", &info), MUSTER_KEY_UNKNOWN);
	ck_assert_str_eq(info.partial, "");
	/* Host key, setup key and MAK of Office look alike. */
	ck_assert_uint_eq(kind(c, "office2013", "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", &info), MUSTER_KEY_UNKNOWN);
	ck_assert_uint_eq(kind(c, "microsoft-365", "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", &info), MUSTER_KEY_UNKNOWN);
}
END_TEST

/* The sample: options, hooks, its own window and edition. */
START_TEST(test_plugins_sample)
{
	struct setup *x = setup_new();
	struct config_plugin *p = setup_plugin(x, "sample", NULL);
	struct muster_request q = { .size = sizeof q, .is_virtual = 1, .os = "", .name = "" };
	const struct catalog_edition *e;
	struct muster_key_info info;
	struct muster_err err = { 0 };
	struct catalog *d;
	size_t n;

	setup_option(x, p, "allow_virtual", "no");
	setup_option(x, p, "contact", "desk@example.org");
	ck_assert_msg(setup_build(x, &d) == MUSTER_OK, "%s", x->err.message);
	e = catalog_editions(d, catalog_product_named(d, "sample-writer"), &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(e[0].minimum_count, 3);
	ck_assert_uint_eq(e[1].minimum_count, 2);
	ck_assert_uint_eq(e[0].product->row.validity_s, 90 * 86400);
	ck_assert_int_eq(catalog_check(d, e, &q, &clock_.clock, &err), MUSTER_E_REFUSED);
	ck_assert_uint_eq(err.code, CODE_M_PLUGIN);
	ck_assert_str_eq(err.message, "Example Writer 2 is not licensed for virtual machines here. Install it on a physical machine, or ask desk@example.org.");
	q.is_virtual = 0;
	ck_assert_int_eq(catalog_check(d, e, &q, &clock_.clock, &err), MUSTER_OK);
	ck_assert_uint_eq(kind(d, "sample-writer", "S1111-22222-33333-44444-5555W", &info), MUSTER_KEY_SETUP);
	ck_assert_str_eq(info.partial, "5555W");
	ck_assert_uint_eq(kind(d, "sample-writer", "A1111-22222-33333-44444-55555", &info), MUSTER_KEY_HOST);
	catalog_unref(d);
	/* By default virtual machines are served. */
	p->option_count = 0;
	q.is_virtual = 1;
	ck_assert_int_eq(setup_build(x, &d), MUSTER_OK);
	ck_assert_int_eq(catalog_check(d, catalog_editions(d, catalog_product_named(d, "sample-writer"), &n), &q, &clock_.clock, &err), MUSTER_OK);
	catalog_unref(d);
	free(x);
}
END_TEST

/* Running out of memory at any point of building leaves nothing behind and says so. */
START_TEST(test_plugins_memory)
{
	uint64_t n, total;
	struct catalog *d;

	mem_fail_at(0);
	ck_assert_int_eq(setup_build(s, &d), MUSTER_OK);
	total = mem_count();
	catalog_unref(d);
	ck_assert_uint_ge(total, 40); /* or nothing would be tried below */
	for (n = 1; n <= total; n++) {
		mem_fail_at(n);
		ck_assert_msg(setup_build(s, &d) == MUSTER_E_NOMEM, "allocation %llu: %s", (unsigned long long)n, s->err.message);
		ck_assert_ptr_null(d);
	}
	mem_fail_at(0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_plugins_all_loaded, test_plugins_office2013, test_plugins_windows_share_a_pool, test_plugins_windows_alone, test_plugins_sample_edition, test_plugins_named_ids, test_plugins_edition_ids,
		test_plugins_served, test_plugins_refused_products, test_plugins_rds_rules, test_plugins_rds_versions, test_plugins_coverage, test_plugins_coverage_of_copies,
		test_plugins_key_kinds, test_plugins_sample, test_plugins_memory,
	};

	return unit_run_with(suite_create("plugins"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
