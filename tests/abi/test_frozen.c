/* The plugin built from the frozen header, seen through today's host. */
#include "tests/unit/unit.h"
#include "tests/unit/catalog_config.h"

#include "core/base/codes.h"
#include "core/base/log.h"

static char lines[1024];

static void collect(void *ctx, int level, const char *line)
{
	(void)ctx;
	(void)snprintf(lines, sizeof lines, "%d %s", level, line);
}

START_TEST(test_frozen_plugin)
{
	struct setup *s = setup_new();
	const char *top = getenv("top_builddir");
	const struct catalog_product *p;
	const struct catalog_edition *e;
	struct muster_request q = { .size = sizeof q, .is_virtual = 1, .activation_id = { [15] = 0xa1 }, .client_id = { [15] = 0xb2 }, .hardware_id = { [31] = 0xc3 }, .status = 2, .minutes = 43200,
		.time_ms = 1800000000123, .key_kind = MUSTER_KEY_MAK, .key_number = 7, .os = "linux", .name = "pc" };
	struct muster_err err = { 0 };
	struct clock_manual clock;
	struct catalog *c;
	char path[512];
	size_t n;

	log_capture(collect, NULL);
	clock_manual_init(&clock, 1800000000000);
	(void)snprintf(path, sizeof path, "%s/tests/abi/.libs/frozen.so", top != NULL ? top : ".");
	(void)setup_plugin(s, "frozen", path);
	ck_assert_msg(setup_build(s, &c) == MUSTER_OK, "%s", s->err.message);
	ck_assert_str_eq(lines, "6 plugin-says plugin=frozen message=\"words\"");
	p = catalog_product_named(c, "frozen");
	ck_assert_ptr_nonnull(p);
	ck_assert_str_eq(p->row.title, "Frozen 1");
	ck_assert_str_eq(p->description, "Frozen 1, VOLUME channel");
	ck_assert_uint_eq(p->row.minimum_count, 4);
	ck_assert_uint_eq(p->row.validity_s, 60 * 86400);
	ck_assert_uint_eq(p->row.renewal_s, 30 * 3600);
	ck_assert_uint_eq(p->row.retry_s, 40 * 60);
	ck_assert_uint_eq(p->row.rearm_max, 6);
	ck_assert_uint_eq(p->row.generation, 2);
	ck_assert_str_eq(p->row.family, "frozen");
	ck_assert_uint_eq(p->row.class_bits, MUSTER_CLASS_SERVER);
	ck_assert_uint_eq(p->row.installation_groups, 9);
	ck_assert_uint_eq(p->row.confirmation_group_len, 5);
	ck_assert_int_eq(p->row.coverage_end, 4000000000);
	ck_assert_uint_eq(p->row.tag, 0x1122334455667788);
	ck_assert_str_eq(((const struct muster_key_rule *)p->row.keys.rows)->note, "A note.");
	ck_assert_str_eq(((const struct muster_platform *)p->row.platforms.rows)->update, "Update");
	ck_assert_uint_eq(((const struct muster_cover *)p->row.covers.rows)->generation, 2);
	ck_assert_str_eq(((const struct muster_requirement *)p->row.requirements.rows)->note, "Why");
	ck_assert_uint_eq(p->pool->window_s, 20 * 86400);
	ck_assert(p->count_observed);
	e = catalog_editions(c, p, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(e[1].minimum_count, 3);
	ck_assert_int_eq(catalog_check(c, e, &q, &clock.clock, &err), MUSTER_E_REFUSED);
	ck_assert_uint_eq(err.code, (uint32_t)CODE_KEY_INVALID);
	ck_assert_str_eq(err.message, "frozen tag 1122334455667788 virtual 1 id a1 client b2 hardware c3 status 2 minutes 43200 time 1800000000123 key 3 7 os linux name pc");
	catalog_unref(c);
	log_capture(NULL, NULL);
	free(s);
}
END_TEST

UNIT_MAIN("frozen", test_frozen_plugin)
