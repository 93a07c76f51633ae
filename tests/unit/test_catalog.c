#include "tests/unit/unit.h"
#include "tests/unit/catalog_config.h"

#define ID_2016 "98ebfe73-2084-4c97-932c-c0cd1643bea7"
#define ID_A "aaaaaaaa-0000-4000-8000-000000000001"
#define ID_B "aaaaaaaa-0000-4000-8000-000000000002"
#define ID_C "aaaaaaaa-0000-4000-8000-000000000003"

static struct setup *s;
static struct catalog *c;

static void setup(void)
{
	s = setup_new();
	c = NULL;
	(void)setup_plugin(s, "office2013", NULL);
	(void)setup_plugin(s, "windows", NULL);
}

static void teardown(void)
{
	catalog_unref(c);
	free(s);
}

static void build(void)
{
	ck_assert_msg(setup_build(s, &c) == MUSTER_OK, "%s", s->err.message);
}

static const struct catalog_product *product(const char *name)
{
	const struct catalog_product *p = catalog_product_named(c, name);

	ck_assert_msg(p != NULL, "%s is missing", name);
	return p;
}

static const struct catalog_edition *find(const char *id)
{
	uint8_t bytes[16];

	setup_id(bytes, id);
	return catalog_find(c, bytes);
}

START_TEST(test_catalog_empty)
{
	size_t n;

	s->config.plugin_count = 0;
	build();
	(void)catalog_products(c, &n);
	ck_assert_uint_eq(n, 0);
	(void)catalog_pools(c, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_ptr_null(find(ID_A));
	ck_assert_ptr_null(catalog_product_named(c, "office2013"));
}
END_TEST

/* A copy is the original's row with its own identity and what the file gives. */
START_TEST(test_catalog_like)
{
	struct config_product *p = setup_new_product(s, "office2016", "office2013", ID_2016);
	const struct catalog_product *q, *o;
	size_t n;

	p->title = "Office 2016";
	p->pool = "office2016";
	p->minimum_count = 7;
	p->retry = 1800;
	p->given |= CONFIG_P_POOL | CONFIG_P_MINIMUM | CONFIG_P_RETRY;
	build();
	q = product("office2016");
	o = product("office2013");
	ck_assert_str_eq(q->row.title, "Office 2016");
	ck_assert_str_eq(q->description, "Office 2016");
	ck_assert_str_eq(q->pool->name, "office2016");
	ck_assert_ptr_ne(q->pool, o->pool);
	ck_assert_uint_eq(q->row.minimum_count, 7);
	ck_assert_uint_eq(q->row.retry_s, 1800);
	ck_assert_uint_eq(q->row.renewal_s, 604800);
	ck_assert_uint_eq(q->minimum_source, CONFIG_FILE);
	ck_assert_uint_eq(q->retry_source, CONFIG_FILE);
	ck_assert_uint_eq(q->renewal_source, CONFIG_DEFAULT);
	ck_assert_mem_eq(q->row.application_id, o->row.application_id, 16);
	ck_assert_uint_eq(q->row.keys.count, 3);
	ck_assert_uint_eq(q->row.platforms.count, 0);
	ck_assert_uint_ne(q->row.flags & MUSTER_PRODUCT_RECORD, 0);
	ck_assert_str_eq(q->file, "products.d/new.ini");
	ck_assert_uint_eq(q->line, 31);
	ck_assert_ptr_eq(q->plugin, o->plugin);
	ck_assert(q->count_observed);
	ck_assert_ptr_eq(find(ID_2016)->product, q);
	ck_assert_uint_eq(find(ID_2016)->minimum_count, 7);
	(void)catalog_editions(c, q, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(o->row.minimum_count, 5);
}
END_TEST

/* A copy of a copy, in any order of the files; overrides of the original come first. */
START_TEST(test_catalog_like_chain)
{
	struct config_product *o;

	(void)setup_new_product(s, "third", "second", ID_B);
	(void)setup_new_product(s, "second", "office2013", ID_A);
	o = setup_product(s, "office2013", NULL);
	o->minimum_count = 9;
	o->given = CONFIG_P_MINIMUM;
	build();
	ck_assert_uint_eq(product("third")->row.minimum_count, 9);
	ck_assert_ptr_eq(product("third")->pool, product("office2013")->pool);
}
END_TEST

/* Without `like` there is no plugin; application and pool are the product's own. */
START_TEST(test_catalog_fresh)
{
	struct config_product *p = setup_new_product(s, "mine", NULL, ID_A);

	p->minimum_count = 2;
	p->given |= CONFIG_P_MINIMUM;
	build();
	ck_assert_ptr_null(product("mine")->plugin);
	ck_assert_mem_eq(product("mine")->row.application_id, product("mine")->row.activation_id, 16);
	ck_assert_str_eq(product("mine")->pool->name, ID_A);
	ck_assert_uint_eq(product("mine")->row.validity_s, 180 * 86400);
	ck_assert(!product("mine")->count_observed);
	ck_assert_uint_eq(product("mine")->row.flags, 0);
}
END_TEST

/* The default pool is the application's: two products of one application are counted together. */
START_TEST(test_catalog_pool_of_application)
{
	struct config_product *p = setup_new_product(s, "one", NULL, ID_A), *q = setup_new_product(s, "two", NULL, ID_B);

	p->minimum_count = q->minimum_count = 2;
	setup_id(p->application_id, ID_C);
	setup_id(q->application_id, ID_C);
	p->given |= CONFIG_P_MINIMUM | CONFIG_P_APPLICATION_ID;
	q->given |= CONFIG_P_MINIMUM | CONFIG_P_APPLICATION_ID;
	build();
	ck_assert_ptr_eq(product("one")->pool, product("two")->pool);
	ck_assert_str_eq(product("one")->pool->name, ID_C);
}
END_TEST

START_TEST(test_catalog_override)
{
	struct config_product *p = setup_product(s, "office2013", NULL);

	p->minimum_count = 1;
	p->validity = 86400 * 10;
	p->renewal = 900;
	p->retry = 900;
	p->window = 86400;
	p->title = "Office, here";
	p->count_observed = false;
	p->given = CONFIG_P_MINIMUM | CONFIG_P_VALIDITY | CONFIG_P_RENEWAL | CONFIG_P_RETRY | CONFIG_P_WINDOW | CONFIG_P_TITLE | CONFIG_P_OBSERVED;
	build();
	ck_assert_uint_eq(product("office2013")->row.minimum_count, 1);
	ck_assert_uint_eq(product("office2013")->row.validity_s, 864000);
	ck_assert_uint_eq(product("office2013")->row.renewal_s, 900);
	ck_assert_uint_eq(product("office2013")->row.retry_s, 900);
	ck_assert_uint_eq(product("office2013")->pool->window_s, 86400);
	ck_assert_uint_eq(product("windows")->pool->window_s, 30 * 86400);
	ck_assert_str_eq(product("office2013")->row.title, "Office, here");
	ck_assert(!product("office2013")->count_observed);
	ck_assert_uint_eq(product("office2013")->minimum_source, CONFIG_FILE);
	ck_assert_uint_eq(product("office2013")->validity_source, CONFIG_FILE);
	ck_assert_uint_eq(product("windows")->minimum_source, CONFIG_DEFAULT);
}
END_TEST

/* A section of muster.conf overrides a product file's product too, before anything is copied from it. */
START_TEST(test_catalog_override_file)
{
	struct config_product *p = setup_product(s, "office2016", NULL), *q;

	p->minimum_count = 8;
	p->window = 86400;
	p->given = CONFIG_P_MINIMUM | CONFIG_P_WINDOW;
	q = setup_new_product(s, "office2016", "office2013", ID_A);
	q->pool = "office2016";
	q->minimum_count = 6;
	q->window = 172800;
	q->given |= CONFIG_P_MINIMUM | CONFIG_P_POOL | CONFIG_P_WINDOW;
	(void)setup_new_product(s, "third", "office2016", ID_B);
	build();
	ck_assert_uint_eq(product("office2016")->row.minimum_count, 8);
	ck_assert_uint_eq(product("office2016")->pool->window_s, 86400);
	ck_assert_uint_eq(product("third")->row.minimum_count, 8);
}
END_TEST

/* The host's intervals hold for products that give none. */
START_TEST(test_catalog_host_intervals)
{
	s->config.host.activation_interval = 3600;
	s->config.host.renewal_interval = 86400;
	build();
	ck_assert_uint_eq(product("office2013")->row.retry_s, 3600);
	ck_assert_uint_eq(product("office2013")->row.renewal_s, 86400);
}
END_TEST

START_TEST(test_catalog_lease_shorter_than_renewal)
{
	struct config_product *p = setup_product(s, "office2013", NULL);

	p->validity = 86400;
	p->given = CONFIG_P_VALIDITY;
	build();
	ck_assert_str_eq(s->said.text, "4 product office2013: leases live 86400 s and are renewed after 604800 s, when they have ended; lower renewal_interval\n");
}
END_TEST

START_TEST(test_catalog_editions)
{
	const struct catalog_edition *e;
	size_t n;

	(void)setup_edition(s, ID_A, "office2013");
	setup_edition(s, ID_B, "office2013")->minimum_count = 2;
	build();
	e = catalog_editions(c, product("office2013"), &n);
	ck_assert_uint_eq(n, 3);
	ck_assert_mem_eq(e[0].activation_id, product("office2013")->row.activation_id, 16);
	ck_assert_uint_eq(find(ID_A)->minimum_count, 5);
	ck_assert_uint_eq(find(ID_B)->minimum_count, 2);
	ck_assert_str_eq(find(ID_B)->title, "Edition");
	ck_assert_ptr_null(find(ID_C));
}
END_TEST

static int build_learned(const struct catalog_learned *l, size_t n)
{
	const struct catalog_report report = { said_fn, &s->said };

	memset(&s->said, 0, sizeof s->said);
	return catalog_build(&c, &s->config, l, n, &report, &s->err);
}

START_TEST(test_catalog_learned)
{
	struct catalog_learned l[3] = { { .product = "windows", .title = "Windows 10 Enterprise" }, { .product = "windows", .title = "defined meanwhile" }, { .product = "gone", .title = "x" } };

	setup_id(l[0].activation_id, ID_A);
	setup_id(l[1].activation_id, ID_B);
	setup_id(l[2].activation_id, ID_C);
	(void)setup_edition(s, ID_B, "office2013");
	ck_assert_int_eq(build_learned(l, 3), MUSTER_OK);
	ck_assert(find(ID_A)->learned);
	ck_assert_str_eq(find(ID_A)->title, "Windows 10 Enterprise");
	ck_assert_uint_eq(find(ID_A)->minimum_count, 25);
	ck_assert_str_eq(find(ID_B)->product->row.name, "office2013");
	ck_assert_ptr_null(find(ID_C));
	ck_assert_str_eq(s->said.text, "4 learned activation ID: its product gone is not there any more; requests with it count as unknown until it is learned anew\n"
	                               "5 activation ID " ID_B " was learned for windows and is now defined for office2013; the definition holds\n");
}
END_TEST

/* The look-up finds every ID and nothing else, with many of them. */
START_TEST(test_catalog_many)
{
	uint8_t id[16] = { 0 };
	struct catalog_learned *l = calloc(2000, sizeof *l);
	size_t i;

	ck_assert_ptr_nonnull(l);
	for (i = 0; i < 2000; i++) {
		l[i].product = "windows";
		l[i].activation_id[0] = 0xcc;
		l[i].activation_id[14] = (uint8_t)(i >> 8);
		l[i].activation_id[15] = (uint8_t)i;
	}
	ck_assert_int_eq(build_learned(l, 2000), MUSTER_OK);
	for (i = 0; i < 4000; i++) {
		memset(id, 0, sizeof id);
		id[0] = 0xcc;
		id[14] = (uint8_t)(i >> 8);
		id[15] = (uint8_t)i;
		ck_assert_int_eq(catalog_find(c, id) != NULL, i < 2000);
	}
	free(l);
}
END_TEST

START_TEST(test_catalog_issuer)
{
	s->issuers[0].name = "example";
	s->config.issuer_count = 1;
	build();
	ck_assert_str_eq(product("office2013")->issuer, "example");
}
END_TEST

/* Products that are never served need no issuer. */
START_TEST(test_catalog_issuers)
{
	struct config_product *p = setup_product(s, "office2013", NULL), *q = setup_product(s, "windows", NULL);

	s->issuers[0].name = "example";
	s->issuers[1].name = "other";
	s->config.issuer_count = 2;
	p->issuer = q->issuer = "other";
	p->given = q->given = CONFIG_P_ISSUER;
	build();
	ck_assert_str_eq(product("windows")->issuer, "other");
	ck_assert_ptr_null(product("microsoft-365")->issuer);
}
END_TEST

/* What a file requires comes behind what the copied product does. */
START_TEST(test_catalog_requires)
{
	struct config_product *p = setup_new_product(s, "esu-1", "windows-esu", ID_A);
	const struct muster_requirement *q;

	p->requires = "windows_version = 22H2 ,update";
	p->given |= CONFIG_P_REQUIRES;
	build();
	ck_assert_uint_eq(product("esu-1")->row.requirements.count, 4);
	q = product("esu-1")->row.requirements.rows;
	ck_assert_str_eq(q[2].fact, "windows_version");
	ck_assert_str_eq(q[2].value, "22H2");
	ck_assert_str_eq(q[3].fact, "update");
	ck_assert_ptr_null(q[3].value);
}
END_TEST

/* A copy does not inherit that its original is switched off or refused. */
START_TEST(test_catalog_copy_of_pattern)
{
	struct config_product *p = setup_new_product(s, "esu-1", "windows-esu", ID_A);

	p->coverage_start = 1000;
	p->given |= CONFIG_P_COVERAGE_START;
	build();
	ck_assert_ptr_null(product("esu-1")->row.refused);
	ck_assert_uint_eq(product("esu-1")->row.model, MUSTER_MODEL_COUNTED);
	ck_assert_int_eq(product("esu-1")->row.coverage_start, 1000);
	ck_assert_uint_eq(product("esu-1")->row.requirements.count, 2);
	ck_assert_ptr_null(((const struct muster_requirement *)product("esu-1")->row.requirements.rows)->fact);
	ck_assert_ptr_null(product("esu-1")->pool);
}
END_TEST

START_TEST(test_catalog_refused_line)
{
	struct config_product *p = setup_new_product(s, "cloud", NULL, NULL);
	size_t n;

	p->refused = "Never.";
	p->given |= CONFIG_P_REFUSED;
	build();
	ck_assert_str_eq(product("cloud")->row.refused, "Never.");
	ck_assert_ptr_null(product("cloud")->pool);
	(void)catalog_editions(c, product("cloud"), &n);
	ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(test_catalog_switched_off_plugin)
{
	const struct catalog_plugin *p;
	size_t n;

	s->plugins[1].enabled = false;
	build();
	p = catalog_plugins(c, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(p[1].refused, "switched off by enabled = no");
	ck_assert_str_eq(catalog_plugin_off(c, &p[1]), "switched off by enabled = no");
	ck_assert_ptr_null(catalog_plugin_off(c, &p[0]));
	ck_assert_ptr_null(catalog_product_named(c, "windows"));
}
END_TEST

/* The reference that a request holds outlives the reload. */
START_TEST(test_catalog_references)
{
	struct catalog *held;

	build();
	held = catalog_ref(c);
	catalog_unref(c);
	c = held;
	ck_assert_str_eq(product("office2013")->row.name, "office2013");
	catalog_unref(NULL);
}
END_TEST

static void collect(void *ctx, const char *text)
{
	char *out = ctx;
	size_t n = strlen(out);

	(void)snprintf(out + n, 4096 - n, "%s\n", text);
}

static void assert_change(const char *expected)
{
	struct catalog *after;
	char text[4096] = "";

	ck_assert_msg(setup_build(s, &after) == MUSTER_OK, "%s", s->err.message);
	ck_assert_int_eq(catalog_compare(c, after, collect, text), MUSTER_OK);
	ck_assert_str_eq(text, expected);
	catalog_unref(after);
}

START_TEST(test_catalog_compare)
{
	struct config_product *p;

	build();
	assert_change("");
	p = setup_product(s, "office2013", NULL);
	p->minimum_count = 1;
	p->window = 86400;
	p->enabled = false;
	p->given = CONFIG_P_MINIMUM | CONFIG_P_WINDOW | CONFIG_P_ENABLED;
	assert_change("changed office2013: window 2592000 -> 86400, minimum_count 5 -> 1, enabled yes -> no\n");
	s->config.product_count = 0;
	(void)setup_new_product(s, "office2021", "office2013", ID_A);
	assert_change("added office2021\n");
	s->config.product_count = 0;
	(void)setup_edition(s, ID_B, "windows");
	assert_change("added edition " ID_B " of windows: Edition\n");
	s->config.edition_count = 0;
	s->config.plugin_count = 1;
	assert_change("removed plugin windows\nremoved windows\nremoved windows-esu\n");
	(void)setup_plugin(s, "windows", NULL);
	(void)setup_plugin(s, "rds", NULL);
	assert_change("added plugin rds 1.0\nadded rds\n");
	(void)snprintf(s->paths[2], sizeof s->paths[2], "/nonexistent/rds.so");
	s->plugins[2].required = false;
	assert_change("refused plugin rds: cannot examine /nonexistent: No such file or directory\n");
}
END_TEST

START_TEST(test_catalog_compare_removed)
{
	(void)setup_new_product(s, "office2021", "office2013", ID_A);
	(void)setup_edition(s, ID_B, "windows");
	build();
	s->config.product_count = 0;
	s->config.edition_count = 0;
	assert_change("removed edition " ID_B " of windows: Edition\nremoved office2021\n");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_catalog_empty, test_catalog_like, test_catalog_like_chain, test_catalog_fresh, test_catalog_pool_of_application, test_catalog_override, test_catalog_override_file, test_catalog_host_intervals, test_catalog_lease_shorter_than_renewal, test_catalog_editions,
		test_catalog_learned, test_catalog_many, test_catalog_issuer, test_catalog_issuers, test_catalog_requires, test_catalog_copy_of_pattern, test_catalog_refused_line, test_catalog_switched_off_plugin, test_catalog_references, test_catalog_compare, test_catalog_compare_removed,
	};

	return unit_run_with(suite_create("catalog"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
