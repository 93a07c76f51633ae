/*
 * Plugins that are wrong in one way each. All lie in one shared object: the loader asks a file NAME.so for the symbol
 * NAME_LTX_muster_plugin, so the test copies this file once for each case and gives the copy the case's name.
 */
#include <muster/plugin.h>

#include <stddef.h>
#include <stdio.h>

/* Cases are written as a good row with the wrong member after it. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

#define COMMON(n) .magic = MUSTER_PLUGIN_MAGIC, .size = sizeof(struct muster_plugin), .abi_major = MUSTER_ABI_MAJOR, .abi_minor = MUSTER_ABI_MINOR, .name = n, .version = "1", .license = "MIT"
#define ID(n) MUSTER_UUID(0x10000000, 0, 0x4000, 0x8000, n)
#define PRODUCT(n, id) .name = n, .title = "Title", .activation_id = ID(id), .application_id = ID(0xffff), .model = MUSTER_MODEL_THRESHOLD, .minimum_count = 5
#define ROWS(...) { (const struct muster_product[]){ __VA_ARGS__ }, sizeof((const struct muster_product[]){ __VA_ARGS__ }) / sizeof(struct muster_product), sizeof(struct muster_product) }
/** A plugin with one product that has one wrong member. */
#define BAD_PRODUCT(id, text, n, ...) MUSTER_PLUGIN(id) = { COMMON(text), .products = ROWS({ PRODUCT(text, n), __VA_ARGS__ }) }
#define TABLE_OF(type, ...) { (const type[]){ __VA_ARGS__ }, sizeof((const type[]){ __VA_ARGS__ }) / sizeof(type), sizeof(type) }
#define BAD_POOL(id, text, ...) MUSTER_PLUGIN(id) = { COMMON(text), .pools = TABLE_OF(struct muster_pool, __VA_ARGS__) }
#define BAD_OPTION(id, text, bytes, ...) MUSTER_PLUGIN(id) = { COMMON(text), .options_size = bytes, .options = TABLE_OF(struct muster_option, __VA_ARGS__) }
#define BAD_NEED(id, text, ...) MUSTER_PLUGIN(id) = { COMMON(text), .needs = TABLE_OF(struct muster_need, __VA_ARGS__) }
#define LONG_NAME "a123456789-123456789-123456789-123456789-123456789-123456789-123"
#define TEXT_64 "0123456789012345678901234567890123456789012345678901234567890123"
#define TEXT_512 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64 TEXT_64

/* ---- the object ---- */
MUSTER_PLUGIN(bad_magic) = { COMMON("bad-magic"), .magic = 0x12345678 };
MUSTER_PLUGIN(bad_size) = { COMMON("bad-size"), .size = 24 };
MUSTER_PLUGIN(bad_major) = { COMMON("bad-major"), .abi_major = 7 };
MUSTER_PLUGIN(old_major) = { COMMON("old-major"), .abi_major = 0, .abi_minor = 2 };
MUSTER_PLUGIN(newer_minor) = { COMMON("newer-minor"), .abi_minor = MUSTER_ABI_MINOR + 1 };
MUSTER_PLUGIN(other_name) = { COMMON("somebody-else") };
MUSTER_PLUGIN(no_name) = { COMMON("no-name"), .name = NULL };
MUSTER_PLUGIN(no_version) = { COMMON("no-version"), .version = NULL };
MUSTER_PLUGIN(no_license) = { COMMON("no-license"), .license = "" };

/* ---- tables as such ---- */
MUSTER_PLUGIN(null_rows) = { COMMON("null-rows"), .products = { NULL, 3, sizeof(struct muster_product) } };
static const struct muster_product one_row[] = { { PRODUCT("one", 0x900) } };
MUSTER_PLUGIN(many_rows) = { COMMON("many-rows"), .products = { one_row, 5000, sizeof(struct muster_product) } };
MUSTER_PLUGIN(zero_stride) = { COMMON("zero-stride"), .products = { one_row, 1, 0 } };
MUSTER_PLUGIN(odd_stride) = { COMMON("odd-stride"), .products = { one_row, 1, sizeof(struct muster_product) + 3 } };
MUSTER_PLUGIN(huge_stride) = { COMMON("huge-stride"), .products = { one_row, 1, 1U << 20 } };
BAD_PRODUCT(null_editions, "null-editions", 0x901, .editions = { NULL, 1, sizeof(struct muster_edition) });

/* ---- pools ---- */
BAD_POOL(pool_name, "pool-name", { .name = "Office 2013" });
BAD_POOL(pool_title, "pool-title", { .name = "office", .title = "two\nlines" });
BAD_POOL(pool_window, "pool-window", { .name = "office", .window_s = 60 });
BAD_POOL(pool_flags, "pool-flags", { .name = "office", .flags = 8 });
BAD_POOL(pool_twice, "pool-twice", { .name = "office" }, { .name = "office" });

/* ---- products ---- */
BAD_PRODUCT(product_name, "product-name", 1, .name = NULL);
BAD_PRODUCT(product_long_name, "product-long-name", 1, .name = LONG_NAME);
BAD_PRODUCT(no_title, "no-title", 1, .title = NULL);
BAD_PRODUCT(long_title, "long-title", 1, .title = TEXT_512);
BAD_PRODUCT(bad_utf8, "bad-utf8", 1, .description = "caf\xe9");
BAD_PRODUCT(bad_model, "bad-model", 1, .model = 77);
BAD_PRODUCT(none_model, "none-model", 1, .model = MUSTER_MODEL_NONE, .minimum_count = 0);
MUSTER_PLUGIN(zero_id) = { COMMON("zero-id"), .products = ROWS({ .name = "zero-id", .title = "Title", .application_id = ID(1), .model = MUSTER_MODEL_THRESHOLD, .minimum_count = 5 }) };
MUSTER_PLUGIN(zero_application) = { COMMON("zero-application"), .products = ROWS({ .name = "zero-application", .title = "Title", .activation_id = ID(1), .model = MUSTER_MODEL_THRESHOLD, .minimum_count = 5 }) };
MUSTER_PLUGIN(refused_editions) = { COMMON("refused-editions"), .products = ROWS({ .name = "refused-editions", .title = "Title", .model = MUSTER_MODEL_NONE, .refused = "Never.",
	.editions = TABLE_OF(struct muster_edition, { .activation_id = ID(2), .title = "E" }) }) };
BAD_PRODUCT(zero_minimum, "zero-minimum", 1, .minimum_count = 0);
BAD_PRODUCT(large_minimum, "large-minimum", 1, .minimum_count = 4000000);
BAD_PRODUCT(minimum_model, "minimum-model", 1, .model = MUSTER_MODEL_COUNTED);
BAD_PRODUCT(product_pool, "product-pool", 1, .pool = "Pool!");
BAD_PRODUCT(short_validity, "short-validity", 1, .validity_s = 10);
BAD_PRODUCT(short_renewal, "short-renewal", 1, .renewal_s = 60);
BAD_PRODUCT(long_retry, "long-retry", 1, .retry_s = MUSTER_DAYS(31));
BAD_PRODUCT(bad_family, "bad-family", 1, .family = "Win dows");
BAD_PRODUCT(product_flags, "product-flags", 1, .flags = 0x100);
BAD_PRODUCT(half_groups, "half-groups", 1, .installation_groups = 9);
BAD_PRODUCT(bad_coverage, "bad-coverage", 1, .coverage_start = 2000000000, .coverage_end = 1000000000);
MUSTER_PLUGIN(product_twice) = { COMMON("product-twice"), .products = ROWS({ PRODUCT("product-twice", 1) }, { PRODUCT("product-twice", 2) }) };
MUSTER_PLUGIN(id_twice) = { COMMON("id-twice"), .products = ROWS({ PRODUCT("id-one", 1) }, { PRODUCT("id-two", 1) }) };
BAD_PRODUCT(edition_id, "edition-id", 1, .editions = TABLE_OF(struct muster_edition, { .title = "E" }));
BAD_PRODUCT(edition_title, "edition-title", 1, .editions = TABLE_OF(struct muster_edition, { .activation_id = ID(2) }));
BAD_PRODUCT(edition_twice, "edition-twice", 1, .editions = TABLE_OF(struct muster_edition, { .activation_id = ID(2), .title = "E" }, { .activation_id = ID(2), .title = "F" }));
BAD_PRODUCT(edition_own, "edition-own", 1, .editions = TABLE_OF(struct muster_edition, { .activation_id = ID(1), .title = "E" }));
BAD_PRODUCT(edition_minimum, "edition-minimum", 1, .editions = TABLE_OF(struct muster_edition, { .activation_id = ID(2), .title = "E", .minimum_count = 4000000 }));
BAD_PRODUCT(edition_model, "edition-model", 1, .model = MUSTER_MODEL_COUNTED, .minimum_count = 0, .editions = TABLE_OF(struct muster_edition, { .activation_id = ID(2), .title = "E", .minimum_count = 3 }));
BAD_PRODUCT(edition_flags, "edition-flags", 1, .editions = TABLE_OF(struct muster_edition, { .activation_id = ID(2), .title = "E", .flags = 1 }));
BAD_PRODUCT(key_kind, "key-kind", 1, .keys = TABLE_OF(struct muster_key_rule, { .title = "K", .groups = 5, .group_len = 5 }));
BAD_PRODUCT(key_title, "key-title", 1, .keys = TABLE_OF(struct muster_key_rule, { .kind = MUSTER_KEY_MAK, .groups = 5, .group_len = 5 }));
BAD_PRODUCT(key_alphabet, "key-alphabet", 1, .keys = TABLE_OF(struct muster_key_rule, { .kind = MUSTER_KEY_MAK, .title = "K", .alphabet = "ABCA", .groups = 5, .group_len = 5 }));
BAD_PRODUCT(key_groups, "key-groups", 1, .keys = TABLE_OF(struct muster_key_rule, { .kind = MUSTER_KEY_MAK, .title = "K", .groups = 0, .group_len = 5 }));
BAD_PRODUCT(key_secret, "key-secret", 1, .keys = TABLE_OF(struct muster_key_rule, { .kind = MUSTER_KEY_MAK, .title = "K", .groups = 5, .group_len = 5, .secret = 2 }));
BAD_PRODUCT(key_note, "key-note", 1, .keys = TABLE_OF(struct muster_key_rule, { .kind = MUSTER_KEY_MAK, .title = "K", .groups = 5, .group_len = 5, .note = "a\tb" }));
BAD_PRODUCT(cover_family, "cover-family", 1, .covers = TABLE_OF(struct muster_cover, { .class_bits = MUSTER_CLASS_CLIENT }));
BAD_PRODUCT(cover_name, "cover-name", 1, .covers = TABLE_OF(struct muster_cover, { .family = "A B" }));
BAD_PRODUCT(cover_class, "cover-class", 1, .family = "f", .covers = TABLE_OF(struct muster_cover, { .class_bits = 64 }));
BAD_PRODUCT(platform_name, "platform-name", 1, .platforms = TABLE_OF(struct muster_platform, { .update = "KB1" }));
BAD_PRODUCT(platform_update, "platform-update", 1, .platforms = TABLE_OF(struct muster_platform, { .name = "P", .update = "" }));
BAD_PRODUCT(platform_class, "platform-class", 1, .platforms = TABLE_OF(struct muster_platform, { .name = "P", .class_bits = 64 }));
BAD_PRODUCT(requirement_name, "requirement-name", 1, .requirements = TABLE_OF(struct muster_requirement, { .note = "n" }));
BAD_PRODUCT(requirement_note, "requirement-note", 1, .requirements = TABLE_OF(struct muster_requirement, { .name = "n", .note = "" }));
BAD_PRODUCT(media_model, "media-model", 1, .media = TABLE_OF(struct muster_medium_rule, { .path = "a", .section = "b", .key = "c" }));
BAD_PRODUCT(media_path, "media-path", 1, .model = MUSTER_MODEL_EMBEDDED, .minimum_count = 0, .media = TABLE_OF(struct muster_medium_rule, { .path = "../etc/shadow", .section = "b", .key = "c" }));
BAD_PRODUCT(media_key, "media-key", 1, .model = MUSTER_MODEL_EMBEDDED, .minimum_count = 0, .media = TABLE_OF(struct muster_medium_rule, { .path = "a", .section = "b" }));
BAD_PRODUCT(media_note, "media-note", 1, .model = MUSTER_MODEL_EMBEDDED, .minimum_count = 0, .media = TABLE_OF(struct muster_medium_rule, { .path = "a", .section = "b", .key = "c", .note = "" }));

#define VERSIONS(...) TABLE_OF(struct muster_access_version, __VA_ARGS__)
#define ACCESS_RULES(id, ...) static const struct muster_access_rules id = { .size = sizeof(struct muster_access_rules), .temporary_s = 900, .permanent_min_s = 900, \
	.permanent_max_s = 900, .renew_left_s = 60, .user_s = 900, .versions = VERSIONS({ .name = "1", .generation = 1 }), __VA_ARGS__ }
#define PROGRAMMES(...) .programmes = TABLE_OF(struct muster_programme, __VA_ARGS__)
#define ACCESS .model = MUSTER_MODEL_ACCESS, .minimum_count = 0
/** A plugin with one product of the access model whose rules have one wrong member. */
#define BAD_ACCESS(id, text, ...) ACCESS_RULES(access_##id, __VA_ARGS__); BAD_PRODUCT(id, text, 1, ACCESS, .access = &access_##id)
static const struct muster_access_rules access_small = { .size = 56 };
ACCESS_RULES(access_good, .per = 0);
BAD_PRODUCT(access_model, "access-model", 1, .access = &access_good);
BAD_PRODUCT(access_null, "access-null", 1, ACCESS);
BAD_PRODUCT(access_size, "access-size", 1, ACCESS, .access = &access_small);
BAD_ACCESS(access_time, "access-time", .permanent_max_s = 60);
BAD_ACCESS(access_user, "access-user", .user_s = 0);
BAD_ACCESS(access_per, "access-per", .per = 4);
BAD_ACCESS(access_revoke, "access-revoke", .revoke_percent = 120);
BAD_ACCESS(access_unnamed, "access-unnamed", PROGRAMMES({ .name = "Open" }));
BAD_ACCESS(access_shape, "access-shape", PROGRAMMES({ .name = "Open", .number = "number", .digits = 7, .characters = 25 }));
BAD_ACCESS(access_hint, "access-hint", PROGRAMMES({ .name = "Open", .number = "number", .hint = "" }));
BAD_ACCESS(access_programmes, "access-programmes", PROGRAMMES({ .name = "Open", .number = "number" }, { .name = "Open", .number = "code" }));
BAD_ACCESS(access_versions, "access-versions", .versions = MUSTER_TABLE_NONE);
BAD_ACCESS(version_name, "version-name", .versions = VERSIONS({ .name = "2012 R2", .generation = 1 }));
BAD_ACCESS(version_title, "version-title", .versions = VERSIONS({ .name = "2012", .title = "a\nb", .generation = 1 }));
BAD_ACCESS(version_generation, "version-generation", .versions = VERSIONS({ .name = "2012" }));
BAD_ACCESS(version_flags, "version-flags", .versions = VERSIONS({ .name = "2012", .generation = 1, .flags = 2 }));
BAD_ACCESS(version_twice, "version-twice", .versions = VERSIONS({ .name = "2012", .generation = 1 }, { .name = "2012", .generation = 2 }));
BAD_ACCESS(version_same, "version-same", .versions = VERSIONS({ .name = "2012", .generation = 1 }, { .name = "2016", .generation = 1 }));

#define SEATS .model = MUSTER_MODEL_SEATS, .minimum_count = 0
#define BAD_SEATS(id, text, ...) static const struct muster_seats_rules seats_##id = { .size = sizeof(struct muster_seats_rules), __VA_ARGS__ }; \
	BAD_PRODUCT(id, text, 1, SEATS, .seats = &seats_##id)
static const struct muster_seats_rules seats_good = { .size = sizeof(struct muster_seats_rules), .seats = 5 };
static const struct muster_seats_rules seats_small = { .size = 8 };
BAD_PRODUCT(seats_model, "seats-model", 1, .seats = &seats_good);
BAD_PRODUCT(seats_null, "seats-null", 1, SEATS);
BAD_PRODUCT(seats_size, "seats-size", 1, SEATS, .seats = &seats_small);
BAD_PRODUCT(seats_minimum, "seats-minimum", 1, .model = MUSTER_MODEL_SEATS, .seats = &seats_good);
BAD_SEATS(seats_lease, "seats-lease", .lease_s = 30);
BAD_SEATS(seats_heartbeat, "seats-heartbeat", .lease_s = 600, .heartbeat_s = 400);
BAD_SEATS(seats_hasty, "seats-hasty", .heartbeat_s = 5);
BAD_SEATS(seats_grace, "seats-grace", .grace_s = MUSTER_DAYS(31));
BAD_SEATS(seats_queue, "seats-queue", .queue_max = 4000000);

#define EMBEDDED .model = MUSTER_MODEL_EMBEDDED, .minimum_count = 0
#define MARKS(...) .marks = TABLE_OF(struct muster_medium_mark, __VA_ARGS__)
BAD_PRODUCT(mark_model, "mark-model", 1, MARKS({ .text = "DISC" }));
BAD_PRODUCT(mark_path, "mark-path", 1, EMBEDDED, MARKS({ .path = "/etc/passwd", .text = "root" }));
BAD_PRODUCT(mark_text, "mark-text", 1, EMBEDDED, MARKS({ .path = "MediaInfo.xml" }));
BAD_PRODUCT(mark_edition, "mark-edition", 1, EMBEDDED, MARKS({ .text = "DISC", .edition = "" }));
BAD_PRODUCT(mark_flags, "mark-flags", 1, EMBEDDED, MARKS({ .text = "DISC", .flags = 1 }));

/* ---- options ---- */
struct options { uint64_t number; const char *text; uint32_t flag; uint32_t other; };
#define NUMBER(n) .name = n, .type = MUSTER_OPTION_NUMBER, .offset = offsetof(struct options, number), .doc = "D."
MUSTER_PLUGIN(options_none) = { COMMON("options-none"), .options_size = sizeof(struct options) };
BAD_OPTION(options_size, "options-size", 1U << 20, { NUMBER("n") });
BAD_OPTION(option_name, "option-name", sizeof(struct options), { NUMBER("Number One") });
BAD_OPTION(option_reserved, "option-reserved", sizeof(struct options), { NUMBER("path") });
BAD_OPTION(option_type, "option-type", sizeof(struct options), { NUMBER("n"), .type = 9 });
BAD_OPTION(option_outside, "option-outside", sizeof(struct options), { NUMBER("n"), .offset = 4000 });
BAD_OPTION(option_aligned, "option-aligned", sizeof(struct options), { NUMBER("n"), .offset = 4 });
BAD_OPTION(option_overlap, "option-overlap", sizeof(struct options), { .name = "flag", .type = MUSTER_OPTION_FLAG, .offset = 4, .doc = "D." }, { NUMBER("n") });
BAD_OPTION(option_twice, "option-twice", sizeof(struct options), { NUMBER("n") }, { NUMBER("n"), .offset = 8 });
BAD_OPTION(option_bounds, "option-bounds", sizeof(struct options), { NUMBER("n"), .min = 9, .max = 3 });
BAD_OPTION(option_doc, "option-doc", sizeof(struct options), { NUMBER("n"), .doc = NULL });
BAD_OPTION(option_unit, "option-unit", sizeof(struct options), { NUMBER("n"), .unit = "" });
BAD_OPTION(option_initial, "option-initial", sizeof(struct options), { NUMBER("n"), .min = 1, .max = 9, .initial = "12" });
BAD_OPTION(option_flag, "option-flag", sizeof(struct options), { .name = "flag", .type = MUSTER_OPTION_FLAG, .offset = offsetof(struct options, flag), .initial = "perhaps", .doc = "D." });

/* ---- needs ---- */
BAD_NEED(need_name, "need-name", { .why = "W." });
BAD_NEED(need_self, "need-self", { .plugin = "need-self", .why = "W." });
BAD_NEED(need_why, "need-why", { .plugin = "windows" });
BAD_NEED(need_missing, "need-missing", { .plugin = "windows", .why = "editions are named there" });

/* ---- starting ---- */
static int start_fails(const struct muster_host *host, const void *options, void **self, struct muster_err *err)
{
	(void)host, (void)options, (void)self;
	err->result = MUSTER_E_INVALID;
	(void)snprintf(err->message, sizeof err->message, "the moon is full");
	return MUSTER_E_INVALID;
}
static int start_mute(const struct muster_host *host, const void *options, void **self, struct muster_err *err)
{
	(void)host, (void)options, (void)self, (void)err;
	return MUSTER_E_INTERNAL;
}
MUSTER_PLUGIN(start_fault) = { COMMON("start-fault"), .start = start_fails };
MUSTER_PLUGIN(start_silent) = { COMMON("start-silent"), .start = start_mute };

/* ---- good ones, to clash with ---- */
MUSTER_PLUGIN(good) = { COMMON("good"), .pools = TABLE_OF(struct muster_pool, { .name = "shared", .title = "Shared", .window_s = MUSTER_DAYS(10) }),
	.options_size = sizeof(struct options),
	.options = TABLE_OF(struct muster_option, { NUMBER("number"), .min = 1, .max = 9, .initial = "3", .unit = "pieces" },
		{ .name = "flag", .type = MUSTER_OPTION_FLAG, .offset = offsetof(struct options, flag), .doc = "D." },
		{ .name = "words", .type = MUSTER_OPTION_TEXT, .offset = offsetof(struct options, text), .max = 5, .doc = "D." }),
	.products = ROWS({ PRODUCT("good-one", 0x10), .pool = "shared", .flags = MUSTER_PRODUCT_RECORD, .editions = TABLE_OF(struct muster_edition, { .activation_id = ID(0x11), .title = "Edition" }) },
		{ PRODUCT("good-two", 0x12), .pool = "shared" }) };
MUSTER_PLUGIN(clash_id) = { COMMON("clash-id"), .products = ROWS({ PRODUCT("clash-id", 0x11) }) };
MUSTER_PLUGIN(clash_name) = { COMMON("clash-name"), .products = ROWS({ PRODUCT("good-two", 0x20) }) };
MUSTER_PLUGIN(clash_window) = { COMMON("clash-window"), .pools = TABLE_OF(struct muster_pool, { .name = "shared", .title = "Shared" }) };
MUSTER_PLUGIN(clash_title) = { COMMON("clash-title"), .pools = TABLE_OF(struct muster_pool, { .name = "shared", .title = "Split", .window_s = MUSTER_DAYS(10) }) };
MUSTER_PLUGIN(equal_pool) = { COMMON("equal-pool"), .pools = TABLE_OF(struct muster_pool, { .name = "shared", .title = "Shared", .window_s = MUSTER_DAYS(10) }),
	.products = ROWS({ PRODUCT("equal", 0x30), .pool = "shared" }) };
MUSTER_PLUGIN(needs_good) = { COMMON("needs-good"), .needs = TABLE_OF(struct muster_need, { .plugin = "good", .why = "its pool" }) };
