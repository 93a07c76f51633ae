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

static void check_models(struct catalog *c)
{
	const struct muster_requirement *q = catalog_product_named(c, "frozen-counted")->row.requirements.rows;
	const struct catalog_product *embedded = catalog_product_named(c, "frozen-embedded");
	const struct muster_medium_mark *m = embedded->row.marks.rows;
	const struct muster_access_rules *a = catalog_product_named(c, "frozen-access")->row.access;
	const struct muster_programme *g = a->programmes.rows;
	const struct muster_access_version *v = a->versions.rows;
	const struct muster_seats_rules *s = catalog_product_named(c, "frozen-seats")->row.seats;
	struct muster_key_info info;
	struct muster_err err = { 0 };

	ck_assert_str_eq(q->fact, "edition");
	ck_assert_str_eq(q->value, "server");
	ck_assert_str_eq(((const struct muster_medium_rule *)embedded->row.media.rows)->note, "Portal.");
	ck_assert_uint_eq(embedded->row.marks.count, 2);
	ck_assert_str_eq(m[0].text, "Version=\"11");
	ck_assert_ptr_null(m[1].path);
	ck_assert_str_eq(m[1].edition, "Enterprise");
	ck_assert_uint_eq(a->temporary_s + a->permanent_min_s + a->permanent_max_s + a->renew_left_s + a->user_s + a->user_reassign_s + a->grace_s, 24400);
	ck_assert_uint_eq(a->revoke_percent, 20);
	ck_assert_uint_eq(a->per, MUSTER_PER_DEVICE | MUSTER_PER_USER);
	ck_assert_uint_eq(a->programmes.count, 2);
	ck_assert_str_eq(g[0].hint, "Not the agreement number.");
	ck_assert_uint_eq(g[1].characters, 25);
	ck_assert_uint_eq(a->versions.count, 2);
	ck_assert_str_eq(v[0].title, "2012 R2");
	ck_assert_uint_eq(v[1].generation, 3);
	ck_assert(s->seats == 12 && s->lease_s == 1200 && s->heartbeat_s == 300 && s->grace_s == 60 && s->queue_max == 40);
	ck_assert_str_eq(catalog_product_named(c, "frozen-refused")->row.refused, "Never.");
	ck_assert_int_eq(catalog_key_classify(c, embedded, (struct muster_span){ (const uint8_t *)"ABC", 3 }, &info, &err), MUSTER_OK);
	ck_assert_uint_eq(info.kind, MUSTER_KEY_SETUP);
	ck_assert_str_eq(info.title, "short key");
}

/* Numbered 1.1 it is refused, whatever it holds; the same tables numbered 1.0 load, and what is behind the members known here is not seen. */
START_TEST(test_later_plugin)
{
	struct setup *s = setup_new();
	const char *top = getenv("top_builddir");
	char path[512], expected[1024];
	const struct catalog_product *p;
	struct catalog *c;

	(void)snprintf(path, sizeof path, "%s/tests/abi/.libs/later.so", top != NULL ? top : ".");
	(void)setup_plugin(s, "later", path);
	ck_assert_int_eq(setup_build(s, &c), MUSTER_E_INVALID);
	(void)snprintf(expected, sizeof expected, "plugin later is refused: %s: built for the newer ABI 1.1, and this host has 1.0; update the host, or rebuild the plugin with this host's muster/plugin.h", path);
	ck_assert_str_eq(s->err.message, expected);
	free(s);
	s = setup_new();
	(void)snprintf(path, sizeof path, "%s/tests/abi/.libs/patient.so", top != NULL ? top : ".");
	(void)setup_plugin(s, "patient", path);
	ck_assert_msg(setup_build(s, &c) == MUSTER_OK, "%s", s->err.message);
	p = catalog_product_named(c, "patient-access");
	ck_assert_uint_eq(p->row.access->size, sizeof(struct muster_access_rules));
	ck_assert_uint_eq(p->row.access->versions.stride, sizeof(struct muster_access_version));
	ck_assert_str_eq(((const struct muster_access_version *)p->row.access->versions.rows)[1].name, "2");
	ck_assert_str_eq(((const struct muster_programme *)p->row.access->programmes.rows)->hint, "A hint.");
	ck_assert_uint_eq(p->row.access->user_s, 7200);
	ck_assert_uint_eq(p->row.access->per, MUSTER_PER_DEVICE | MUSTER_PER_USER); /* 0: both */
	p = catalog_product_named(c, "patient-seats");
	ck_assert_uint_eq(p->row.seats->size, sizeof(struct muster_seats_rules));
	ck_assert_uint_eq(p->row.seats->queue_max, 9);
	p = catalog_product_named(c, "patient-medium");
	ck_assert_str_eq(((const struct muster_medium_mark *)p->row.marks.rows)[1].text, "DISC*");
	catalog_unref(c);
	free(s);
}
END_TEST

START_TEST(test_frozen_plugin)
{
	struct setup *s = setup_new();
	const char *top = getenv("top_builddir");
	const struct catalog_product *p;
	const struct catalog_edition *e;
	struct muster_request q = { .size = sizeof q, .is_virtual = 1, .activation_id = { [15] = 0xa1 }, .client_id = { [15] = 0xb2 }, .hardware_id = { [31] = 0xc3 }, .status = 2, .minutes = 43200,
		.time_ms = 1800000000123, .key_kind = MUSTER_KEY_MAK, .key_number = 7, .os = "linux", .name = "pc", .user = "anna", .version = "2016", .per = MUSTER_PER_USER };
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
	ck_assert_str_eq(err.message, "frozen tag 1122334455667788 virtual 1 id a1 client b2 hardware c3 status 2 minutes 43200 time 1800000000123 key 3 7 os linux name pc user anna version 2016 per 2");
	check_models(c);
	catalog_unref(c);
	log_capture(NULL, NULL);
	free(s);
}
END_TEST

UNIT_MAIN("frozen", test_frozen_plugin, test_later_plugin)
