/* Tables of other sizes than this host's, options of every type, and the reader of exported symbols. */
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/catalog/exports.h"
#include "core/catalog/keys.h"
#include "core/catalog/lint.h"
#include "core/catalog/loader.h"
#include "core/catalog/options.h"

#define ID(n) MUSTER_UUID(0x30000000, 0, 0x4000, 0x8000, n)

static struct arena arena;

static void teardown(void)
{
	arena_free(&arena);
}

static struct muster_plugin plugin_with(struct muster_table products)
{
	return (struct muster_plugin){ .magic = MUSTER_PLUGIN_MAGIC, .size = sizeof(struct muster_plugin), .abi_major = MUSTER_ABI_MAJOR, .abi_minor = MUSTER_ABI_MINOR, .name = "test", .version = "1", .license = "MIT", .products = products };
}

/** A later ABI's row: this one's members and then some. */
struct longer_product { struct muster_product known; uint64_t later[5]; };
struct longer_edition { struct muster_edition known; const char *later; };

START_TEST(test_lint_longer_rows)
{
	const struct longer_edition editions[] = { { { ID(11), "E1", 2, 0 }, "x" }, { { ID(12), "E2", 0, 0 }, "y" } };
	struct longer_product rows[3] = { 0 };
	struct lint_tables t;
	struct muster_plugin p;
	struct muster_err err = { 0 };
	static const char *const names[] = { "one", "two", "three" };

	for (size_t i = 0; i < 3; i++) {
		rows[i].known = (struct muster_product){ .name = names[i], .title = "T", .activation_id = ID(1), .application_id = ID(99), .model = MUSTER_MODEL_THRESHOLD, .minimum_count = (uint32_t)i + 1, .tag = 77 + i };
		rows[i].known.activation_id[15] = (uint8_t)(i + 1);
		memset(rows[i].later, 0xff, sizeof rows[i].later);
	}
	rows[2].known.editions = (struct muster_table)MUSTER_TABLE(editions);
	p = plugin_with((struct muster_table)MUSTER_TABLE(rows));
	ck_assert_msg(lint_plugin(&t, &arena, "test", &p, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_uint_eq(t.product_count, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_str_eq(t.products[i].name, names[i]);
		ck_assert_uint_eq(t.products[i].minimum_count, i + 1);
		ck_assert_uint_eq(t.products[i].tag, 77 + i);
	}
	ck_assert_uint_eq(t.products[2].editions.count, 2);
	ck_assert_uint_eq(t.products[2].editions.stride, sizeof(struct muster_edition));
	ck_assert_str_eq(((const struct muster_edition *)t.products[2].editions.rows)[1].title, "E2");
}
END_TEST

/* An older ABI's row ends earlier: what it lacks is zero, the default. */
START_TEST(test_lint_shorter_rows)
{
	const size_t ends[] = { offsetof(struct muster_product, validity_s), offsetof(struct muster_product, generation), offsetof(struct muster_product, editions), offsetof(struct muster_product, tag) };
	struct muster_product full[2] = { { .name = "one", .title = "T", .activation_id = ID(1), .application_id = ID(99), .model = MUSTER_MODEL_THRESHOLD, .minimum_count = 3, .validity_s = 900, .rearm_max = 6, .generation = 4, .coverage_start = 5, .refused = "No.", .tag = 9 } };

	full[1] = full[0];
	full[1].name = "two";
	full[1].activation_id[15] = 2;
	for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++) {
		unsigned char packed[2 * sizeof full[0]];
		struct lint_tables t;
		struct muster_plugin p;
		struct muster_err err = { 0 };

		memcpy(packed, &full[0], ends[k]);
		memcpy(packed + ends[k], &full[1], ends[k]);
		p = plugin_with((struct muster_table){ packed, 2, (uint32_t)ends[k] });
		ck_assert_msg(lint_plugin(&t, &arena, "test", &p, &err) == MUSTER_OK, "%zu: %s", ends[k], err.message);
		ck_assert_str_eq(t.products[1].name, "two");
		ck_assert_uint_eq(t.products[1].minimum_count, 3);
		ck_assert_uint_eq(t.products[1].validity_s, k >= 1 ? 900 : 0);
		ck_assert_uint_eq(t.products[1].generation, k >= 2 ? 4 : 0);
		ck_assert_uint_eq(t.products[1].refused != NULL, k >= 3);
		ck_assert_uint_eq(t.products[1].tag, 0);
	}
}
END_TEST

START_TEST(test_lint_shorter_nested_rows)
{
	unsigned char editions[2 * offsetof(struct muster_edition, minimum_count)];
	const struct muster_edition e[2] = { { ID(11), "E1", 55, 0 }, { ID(12), "E2", 55, 0 } };
	struct muster_product row = { .name = "one", .title = "T", .activation_id = ID(1), .application_id = ID(99), .model = MUSTER_MODEL_THRESHOLD, .minimum_count = 3 };
	const uint32_t stride = offsetof(struct muster_edition, minimum_count);
	struct lint_tables t;
	struct muster_plugin p;
	struct muster_err err = { 0 };

	memcpy(editions, &e[0], stride);
	memcpy(editions + stride, &e[1], stride);
	row.editions = (struct muster_table){ editions, 2, stride };
	p = plugin_with((struct muster_table){ &row, 1, sizeof row });
	ck_assert_msg(lint_plugin(&t, &arena, "test", &p, &err) == MUSTER_OK, "%s", err.message);
	for (size_t i = 0; i < 2; i++) {
		const struct muster_edition *got = (const struct muster_edition *)t.products[0].editions.rows + i;

		ck_assert_str_eq(got->title, e[i].title);
		ck_assert_uint_eq(got->minimum_count, 0);
	}
}
END_TEST

/* A row too short to hold what every row must have. */
START_TEST(test_lint_too_short_row)
{
	const struct muster_product row = { .name = "one" };
	struct muster_plugin p = plugin_with((struct muster_table){ &row, 1, 8 });
	struct lint_tables t;
	struct muster_err err = { 0 };
	char expected[256];

	ck_assert_int_eq(lint_plugin(&t, &arena, "test", &p, &err), MUSTER_E_INVALID);
	(void)snprintf(expected, sizeof expected, "test: table products has rows of 8 bytes, and %zu to 65536 in steps of 4 are possible; set it with MUSTER_TABLE", offsetof(struct muster_product, validity_s));
	ck_assert_str_eq(err.message, expected);
}
END_TEST

/* A later minor's descriptor is longer; what stands behind the members known here does not matter. */
START_TEST(test_lint_longer_descriptor)
{
	struct { struct muster_plugin known; uint64_t later[4]; } p = { .known = plugin_with((struct muster_table){ NULL, 0, 0 }) };
	struct muster_err err = { 0 };

	p.known.size = sizeof p;
	memset(p.later, 0xff, sizeof p.later);
	ck_assert_int_eq(loader_check_header(&p.known, "test", "test", &err), MUSTER_OK);
	ck_assert(MUSTER_HAS(&p.known, medium_inspect));
	p.known.size = (uint32_t)offsetof(struct muster_plugin, medium_inspect) + 4;
	ck_assert(!MUSTER_HAS(&p.known, medium_inspect));
	ck_assert(MUSTER_HAS(&p.known, request_check));
	ck_assert_int_eq(loader_check_header(&p.known, "test", "test", &err), MUSTER_E_INVALID);
}
END_TEST

START_TEST(test_lint_names)
{
	static const char *const good[] = { "a", "office2013", "windows-server", "a123456789-123456789-123456789-123456789-123456789-123456789-12" };
	static const char *const bad[] = { "", "A", "1a", "-a", "a b", "a_b", "a.b", "a123456789-123456789-123456789-123456789-123456789-123456789-123", "\xc3\xa9" };

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		ck_assert_msg(lint_name(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(!lint_name(bad[i]), "%s", bad[i]);
	ck_assert(!lint_name(NULL));
	ck_assert(lint_option_name("a_b"));
}
END_TEST

START_TEST(test_lint_texts)
{
	static const char *const good[] = { "x", "Windows(R)", "caf\xc3\xa9", "\xe2\x80\x93", "\xf0\x9f\x99\x82" };
	/* control, DEL, C1, lone and cut sequences, overlong, surrogate, above U+10FFFF */
	static const char *const bad[] = { "a\n", "\x7f", "\xc2\x85", "\x80", "\xc3", "\xe2\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff" };

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		ck_assert_msg(lint_text(good[i], 511) == NULL, "%zu", i);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(lint_text(bad[i], 511) != NULL, "%zu", i);
	ck_assert_str_eq(lint_text("abcd", 3), "is too long");
	ck_assert_ptr_null(lint_text("abc", 3));
	ck_assert_str_eq(lint_text("", 3), "is empty");
	ck_assert_str_eq(lint_text(NULL, 3), "is missing");
}
END_TEST

struct all { uint32_t flag, flag2; uint64_t number, time, size; const char *text, *empty; };

static const struct muster_option all_rows[] = {
	{ .name = "flag", .type = MUSTER_OPTION_FLAG, .offset = offsetof(struct all, flag), .doc = "D." },
	{ .name = "flag2", .type = MUSTER_OPTION_FLAG, .offset = offsetof(struct all, flag2), .initial = "yes", .doc = "D." },
	{ .name = "number", .type = MUSTER_OPTION_NUMBER, .offset = offsetof(struct all, number), .initial = "7", .doc = "D." },
	{ .name = "time", .type = MUSTER_OPTION_TIME, .offset = offsetof(struct all, time), .initial = "2h", .doc = "D." },
	{ .name = "size", .type = MUSTER_OPTION_SIZE, .offset = offsetof(struct all, size), .initial = "1MiB", .doc = "D." },
	{ .name = "text", .type = MUSTER_OPTION_TEXT, .offset = offsetof(struct all, text), .initial = "hello", .doc = "D." },
	{ .name = "empty", .type = MUSTER_OPTION_TEXT, .offset = offsetof(struct all, empty), .doc = "D." },
};
#define ALL (sizeof all_rows / sizeof all_rows[0])

START_TEST(test_options_defaults)
{
	struct all a = { 0 };
	struct muster_err err = { 0 };

	ck_assert_msg(options_fill(&arena, &a, all_rows, ALL, NULL, NULL, NULL, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_uint_eq(a.flag, 0);
	ck_assert_uint_eq(a.flag2, 1);
	ck_assert_uint_eq(a.number, 7);
	ck_assert_uint_eq(a.time, 7200);
	ck_assert_uint_eq(a.size, 1U << 20);
	ck_assert_str_eq(a.text, "hello");
	ck_assert_str_eq(a.empty, "");
}
END_TEST

START_TEST(test_options_given)
{
	struct config_option given[] = { { "flag", "on", { "f", 1 } }, { "flag2", "false", { "f", 2 } }, { "number", "12", { "f", 3 } }, { "time", "90 min", { "f", 4 } }, { "size", "2KiB", { "f", 5 } }, { "text", "caf\xc3\xa9", { "f", 6 } } };
	const struct config_plugin section = { .name = "p", .options = given, .option_count = 6 };
	struct all a = { 0 };
	struct muster_err err = { 0 };

	ck_assert_msg(options_fill(&arena, &a, all_rows, ALL, &section, NULL, NULL, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_uint_eq(a.flag, 1);
	ck_assert_uint_eq(a.flag2, 0);
	ck_assert_uint_eq(a.number, 12);
	ck_assert_uint_eq(a.time, 5400);
	ck_assert_uint_eq(a.size, 2048);
	ck_assert_str_eq(a.text, "caf\xc3\xa9");
}
END_TEST

START_TEST(test_keys_shape)
{
	const struct muster_key_rule rule = { .kind = MUSTER_KEY_MAK, .title = "K", .alphabet = "ABC123", .groups = 2, .group_len = 3 };
	static const struct { const char *key; bool fits; } rows[] = {
		{ "ABC-123", true }, { "AAA-AAA", true }, { "ABC-12", false }, { "ABC-1234", false }, { "ABC1123", false }, { "ABD-123", false }, { "abc-123", false }, { "-------", false }, { "", false },
	};
	char example[KEYS_MAX];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_msg(keys_fit(&rule, (struct muster_span){ (const uint8_t *)rows[i].key, strlen(rows[i].key) }) == rows[i].fits, "%s", rows[i].key);
	ck_assert_uint_eq(keys_example(&rule, 4, example, sizeof example), 7);
	ck_assert(keys_fit(&rule, (struct muster_span){ (const uint8_t *)example, 7 }));
	ck_assert_uint_eq(keys_example(&rule, 0, example, 7), 0);
	ck_assert(!keys_fit(&rule, (struct muster_span){ (const uint8_t *)"AB\0-123", 7 }));
}
END_TEST

static void count_symbol(void *ctx, const char *symbol)
{
	if (strcmp(symbol, "sample_LTX_muster_plugin") == 0)
		++*(unsigned *)ctx;
}

/* Every cut of the file, and every byte of its head flipped: an answer, and no reading outside. */
START_TEST(test_exports_damaged)
{
	const char *top = getenv("top_builddir");
	char from[512], to[] = "/tmp/muster-exports-XXXXXX";
	struct muster_err err = { 0 };
	unsigned found = 0;
	struct buf b;
	int fd;
	size_t i;

	(void)snprintf(from, sizeof from, "%s/plugins/sample/.libs/sample.so", top != NULL ? top : ".");
	ck_assert_int_eq(exports_each(from, count_symbol, &found, &err), MUSTER_OK);
	ck_assert_uint_eq(found, 1);
	buf_init(&b, 16U << 20);
	ck_assert_int_eq(file_read(&b, from, 16U << 20, &err), MUSTER_OK);
	ck_assert_int_ge(fd = mkstemp(to), 0);
	for (i = 0; i < b.n; i += b.n / 200 + 1) {
		ck_assert_int_eq(ftruncate(fd, 0), 0);
		ck_assert_int_eq(pwrite(fd, b.p, i, 0), (ssize_t)i);
		found = 0;
		if (exports_each(to, count_symbol, &found, &err) == MUSTER_OK)
			ck_assert_uint_eq(found, 1);
	}
	ck_assert_int_eq(pwrite(fd, b.p, b.n, 0), (ssize_t)b.n);
	for (i = 0; i < 64; i++) {
		uint8_t wrong = (uint8_t)(b.p[i] ^ 0x7f);

		ck_assert_int_eq(pwrite(fd, &wrong, 1, (off_t)i), 1);
		(void)exports_each(to, count_symbol, &found, &err);
		ck_assert_int_eq(pwrite(fd, b.p + i, 1, (off_t)i), 1);
	}
	(void)close(fd);
	(void)unlink(to);
	buf_fini(&b);
	ck_assert_int_eq(exports_each("/nonexistent", count_symbol, &found, &err), MUSTER_E_NOT_FOUND);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_lint_longer_rows, test_lint_shorter_rows, test_lint_shorter_nested_rows, test_lint_too_short_row, test_lint_longer_descriptor, test_lint_names, test_lint_texts,
		test_options_defaults, test_options_given, test_keys_shape, test_exports_damaged,
	};

	return unit_run_with(suite_create("catalog_lint"), tests, sizeof tests / sizeof tests[0], NULL, teardown);
}
