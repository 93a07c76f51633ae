/* The product files that are shipped, read as a host reads them, against facts.md section 8. */
#include "tests/unit/unit.h"
#include "tests/unit/catalog_config.h"

#include "core/base/codes.h"

#define NAMESPACE "d7c94707-d15f-4253-b6b7-16ad096eb657"

static char dir[64] = "/tmp/muster-products-XXXXXX", file[128];
static struct config *config;
static struct catalog *c;

static void tell(void *ctx, const char *message)
{
	(void)ctx;
	(void)fprintf(stderr, "%s\n", message);
}

static void tell_level(void *ctx, int level, const char *message)
{
	(void)level;
	tell(ctx, message);
	*(unsigned *)ctx += 1;
}

static void setup(void)
{
	const char *source = getenv("top_srcdir"), *built = getenv("top_builddir");
	struct catalog_report report;
	struct muster_err err = { 0 };
	unsigned said = 0;
	FILE *f;

	(void)snprintf(dir, sizeof dir, "/tmp/muster-products-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(file, sizeof file, "%s/muster.conf", dir);
	ck_assert_ptr_nonnull(f = fopen(file, "w"));
	(void)fprintf(f, "[host]\nproducts_dir = %s/etc/products.d\n", source != NULL ? source : "..");
	for (const char *const *p = (const char *const[]){ "office2013", "windows", "windows-server", "sql-embedded", "rds", NULL }; *p != NULL; p++)
		(void)fprintf(f, "[plugin %s]\npath = %s/plugins/%s/.libs/%s.so\n", *p, built != NULL ? built : ".", *p, *p);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_msg(config_read(&config, file, tell, NULL, &err) == MUSTER_OK, "%s", err.message);
	report = (struct catalog_report){ tell_level, &said };
	ck_assert_msg(catalog_build(&c, config, NULL, 0, &report, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_uint_eq(said, 0);
}

static void teardown(void)
{
	catalog_unref(c);
	config_free(config);
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

static const struct { const char *name, *id; } office[] = {
	{ "office2010", "bfe7a195-4f8f-4f0b-a622-cf13c7d16864" }, { "office2013", "2e28138a-847f-42bc-9752-61b03fff33cd" }, { "office2016", "98ebfe73-2084-4c97-932c-c0cd1643bea7" },
	{ "office2019", "70512334-47b4-44db-a233-be5ea33b914c" }, { "office-ltsc-2021", "47f3b983-7c53-4d45-abc6-bcd91e2dd90a" }, { "office-ltsc-2024", "f3d89bbf-c0ec-47ce-a8fa-e5a5f97e447f" },
};

/* Each version: its published ID, five machines, a pool that no other version shares, records. */
START_TEST(test_products_office)
{
	uint8_t id[16];

	for (size_t i = 0; i < sizeof office / sizeof office[0]; i++) {
		const struct catalog_edition *e;

		setup_id(id, office[i].id);
		ck_assert_msg((e = catalog_find(c, id)) != NULL, "%s", office[i].name);
		ck_assert_str_eq(e->product->row.name, office[i].name);
		ck_assert_uint_eq(e->minimum_count, 5);
		ck_assert_str_eq(e->product->pool->name, office[i].name);
		ck_assert_uint_ne(e->product->row.flags & MUSTER_PRODUCT_RECORD, 0);
		setup_id(id, i == 0 ? "59a52881-a989-479d-af46-f275c6370663" : "0ff1ce15-a989-479d-af46-f275c6370663");
		ck_assert_mem_eq(e->product->row.application_id, id, 16);
	}
}
END_TEST

/* Counted lines with IDs named after them; refused with code and sentence until the model is built. */
START_TEST(test_products_esu)
{
	static const char *const products[] = { "windows-10", "windows-server-2012" };
	struct muster_request q = { .size = sizeof q, .os = "", .name = "" };
	uint8_t space[16], id[16];
	char name[64];
	unsigned seen = 0;

	setup_id(space, NAMESPACE);
	for (size_t i = 0; i < 2; i++)
		for (int year = 1; year <= 3; year++) {
			const struct catalog_edition *e;
			struct muster_err err = { 0 };

			(void)snprintf(name, sizeof name, "%s-esu-year-%d", products[i], year);
			uuid_named(id, space, name);
			ck_assert_msg((e = catalog_find(c, id)) != NULL, "%s", name);
			ck_assert_str_eq(e->product->row.name, name);
			ck_assert_uint_eq(e->product->row.model, MUSTER_MODEL_COUNTED);
			ck_assert_ptr_null(e->product->pool);
			ck_assert_uint_eq(((const struct muster_key_rule *)e->product->row.keys.rows)->kind, MUSTER_KEY_ESU_MAK);
			ck_assert_int_eq(catalog_check(c, e, &q, clock_system(), &err), MUSTER_OK);
			/* Years build on each other; Windows 10 must report its version. */
			ck_assert_uint_eq(e->product->row.generation, (unsigned)year);
			ck_assert_int_eq(strncmp(e->product->row.family, products[i], strlen(products[i])), 0);
			ck_assert_uint_eq(e->product->row.requirements.count, i == 0 ? 3 : 2);
			if (i == 0) {
				const struct muster_requirement *last = (const struct muster_requirement *)e->product->row.requirements.rows + 2;

				ck_assert_str_eq(last->fact, "windows_version");
				ck_assert_str_eq(last->value, "22H2");
			}
			seen++;
		}
	ck_assert_uint_eq(seen, 6);
}
END_TEST

/* Nothing is shipped that the two tests above do not look at. */
START_TEST(test_products_complete)
{
	const struct catalog_product *p;
	size_t n, i, from_files = 0;

	p = catalog_products(c, &n);
	for (i = 0; i < n; i++)
		from_files += p[i].file != NULL;
	ck_assert_uint_eq(from_files, 5 + 6);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_products_office, test_products_esu, test_products_complete };

	return unit_run_with(suite_create("products"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
