/*
 * A plugin as the ABI after this one may bring it: its descriptor, its rows and its rules are longer than this host knows, with
 * something in what is new. Built twice: numbered 1.1, as its header would, and numbered 1.0, for an author who needs nothing new.
 */
#include <muster/plugin.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define SYMBOL_(x) x##_LTX_muster_plugin
#define SYMBOL(x) SYMBOL_(x)
#define ID(n) MUSTER_UUID(0x50000000, 0, 0x4000, 0x8000, n)
#define LATER { 0xfefefefefefefefe, 0xfefefefefefefefe }

struct later_plugin { struct muster_plugin known; uint64_t later[2]; };
struct later_product { struct muster_product known; uint64_t later[2]; };
struct later_access { struct muster_access_rules known; uint64_t later[2]; };
struct later_seats { struct muster_seats_rules known; uint64_t later[2]; };
struct later_version { struct muster_access_version known; uint64_t later[2]; };
struct later_programme { struct muster_programme known; uint64_t later[2]; };
struct later_mark { struct muster_medium_mark known; uint64_t later[2]; };

static const struct later_version versions[] = {
	{ { .name = "1", .generation = 1 }, LATER },
	{ { .name = "2", .generation = 2 }, LATER },
};
static const struct later_programme programmes[] = { { { .name = "Direct", .number = "customer number", .hint = "A hint." }, LATER } };
static const struct later_access access_rules = {
	{ .size = sizeof(struct later_access), .temporary_s = 900, .permanent_min_s = 1800, .permanent_max_s = 3600, .renew_left_s = 60, .user_s = 7200,
	  .programmes = MUSTER_TABLE(programmes), .versions = MUSTER_TABLE(versions) },
	LATER
};
static const struct later_seats seats_rules = { { .size = sizeof(struct later_seats), .seats = 3, .lease_s = 600, .heartbeat_s = 60, .grace_s = 30, .queue_max = 9 }, LATER };
static const struct muster_medium_rule media[] = { { .path = "setup.ini", .section = "S", .key = "PID" } };
static const struct later_mark marks[] = { { { .path = "setup.ini", .text = "first" }, LATER }, { { .text = "DISC*" }, LATER } };

static const struct later_product products[] = {
	{ { .name = TEXT(NAME) "-access", .title = "Access", .activation_id = ID(1), .application_id = ID(9), .model = MUSTER_MODEL_ACCESS, .access = &access_rules.known }, LATER },
	{ { .name = TEXT(NAME) "-seats", .title = "Seats", .activation_id = ID(2), .application_id = ID(9), .model = MUSTER_MODEL_SEATS, .seats = &seats_rules.known }, LATER },
	{ { .name = TEXT(NAME) "-medium", .title = "Medium", .activation_id = ID(3), .application_id = ID(9), .model = MUSTER_MODEL_EMBEDDED, .media = MUSTER_TABLE(media),
	    .marks = MUSTER_TABLE(marks) }, LATER },
};

MUSTER_EXTERN MUSTER_EXPORT const struct later_plugin SYMBOL(NAME);
const struct later_plugin SYMBOL(NAME) = {
	{ .magic = MUSTER_PLUGIN_MAGIC, .size = sizeof(struct later_plugin), .abi_major = 1, .abi_minor = MINOR, .name = TEXT(NAME), .version = "1", .license = "MIT",
	  .products = MUSTER_TABLE(products) },
	LATER
};
