/*
 * Windows, volume client editions: the threshold model with the larger minimum count, counted together with Windows
 * Server (plugin windows-server), which may be absent.
 *
 * The vendor publishes no activation IDs for Windows ("run /dlv all", facts.md section 8). The line below carries a
 * name-based UUID of Muster's own namespace (docs/plugin-guide.md); real IDs are learned from imported listings.
 * Published rules only; leases are records, not licences.
 */
#include <muster/plugin.h>

/* facts.md section 1: threshold of Windows clients */
#define MINIMUM_COUNT 25

/* Places in the family "windows", clients and servers on one scale: 1 Vista and Server 2008, 2 Windows 7 and Server 2008 R2,
 * 3 Windows 8 and Server 2012, 4 Windows 8.1 and Server 2012 R2, 5 Windows 10 and Server 2016, 6 Server 2019,
 * 7 Windows 11 and Server 2022, 8 Server 2025. A host key activates its own generation and everything older. */
#define GENERATION_WINDOWS_11 7

static const struct muster_pool pools[] = {
	/* Declared by plugin windows-server in the same words. */
	{ .name = "windows", .title = "Windows and Windows Server" },
};

static const struct muster_key_rule keys[] = {
	{ .kind = MUSTER_KEY_HOST, .title = "KMS host key, client edition", .groups = 5, .group_len = 5, .secret = 1,
	  .note = "On a client-edition host it activates clients only; 6 hosts, each up to 10 times." },
	{ .kind = MUSTER_KEY_SETUP, .title = "setup key", .groups = 5, .group_len = 5,
	  .note = "Marks a machine as volume client; published by the vendor, not secret." },
	{ .kind = MUSTER_KEY_MAK, .title = "Multiple Activation Key", .groups = 5, .group_len = 5, .secret = 1,
	  .note = "Activates single machines with the vendor, a preset number of times." },
};

/* A client-edition host serves clients only (facts.md section 1). */
static const struct muster_cover covers[] = {
	{ .class_bits = MUSTER_CLASS_CLIENT },
};

/* Where the vendor's own host with a client-edition key runs. Vendor documentation: KMS activation planning, "Activation
 * versions" and "KMS host required updates". */
static const struct muster_platform platforms[] = {
	{ .name = "Windows 10", .class_bits = MUSTER_CLASS_CLIENT },
	{ .name = "Windows 8.1", .update = "KB3172614 or a later monthly rollup", .class_bits = MUSTER_CLASS_CLIENT },
	{ .name = "Windows 7", .update = "KB3079821", .class_bits = MUSTER_CLASS_CLIENT },
};

static const struct muster_key_rule esu_keys[] = {
	{ .kind = MUSTER_KEY_ESU_MAK, .title = "ESU MAK", .groups = 5, .group_len = 5, .secret = 1,
	  .note = "One for each programme year; can be ordered and seen early, works from the start of its coverage period only." },
};

static const struct muster_requirement esu_requirements[] = {
	{ .name = "prerequisite updates of the programme year", .note = "They must be installed before the key is (facts.md section 5); which ones is said by the vendor for each version and year." },
	{ .name = "the coverage period has begun", .note = "The key can be ordered earlier and cannot be used earlier (facts.md section 5)." },
};

static const struct muster_product products[] = {
	{
		.name = "windows",
		.title = "Windows(R), volume client editions",
		.description = "Windows Operating System - Windows(R), VOLUME_KMS channel",
		.activation_id = MUSTER_UUID(0xddbea2a7, 0x8867, 0x5ede, 0xac41, 0x628c7f110499), /* version 5 of "windows" */
		.application_id = MUSTER_UUID(0x55c92734, 0xd682, 0x4d71, 0x983e, 0xd6ec3f16059f),
		.model = MUSTER_MODEL_THRESHOLD,
		.flags = MUSTER_PRODUCT_RECORD | MUSTER_PRODUCT_COUNT_OBSERVED,
		.pool = "windows",
		.minimum_count = MINIMUM_COUNT,
		.rearm_max = 1000, /* as the published listing prints it (facts.md section 3, samples/dlv-office2013.txt) */
		.family = "windows",
		.generation = GENERATION_WINDOWS_11,
		.class_bits = MUSTER_CLASS_CLIENT,
		.keys = MUSTER_TABLE(keys),
		.covers = MUSTER_TABLE(covers),
		.platforms = MUSTER_TABLE(platforms),
	},
	{
		/* The pattern that the yearly lines of products.d copy with `like`. */
		.name = "windows-esu",
		.title = "Windows, Extended Security Updates",
		.application_id = MUSTER_UUID(0x55c92734, 0xd682, 0x4d71, 0x983e, 0xd6ec3f16059f),
		.model = MUSTER_MODEL_COUNTED,
		.flags = MUSTER_PRODUCT_RECORD,
		.keys = MUSTER_TABLE(esu_keys),
		.requirements = MUSTER_TABLE(esu_requirements),
		.refused = "This line is the pattern of the yearly ones in products.d and is never served itself. Ask for the line of a programme year.",
	},
};

MUSTER_PLUGIN(windows) = {
	.magic = MUSTER_PLUGIN_MAGIC,
	.size = sizeof(struct muster_plugin),
	.abi_major = MUSTER_ABI_MAJOR,
	.abi_minor = MUSTER_ABI_MINOR,
	.name = "windows",
	.version = "1.0",
	.license = "MIT",
	.pools = MUSTER_TABLE(pools),
	.products = MUSTER_TABLE(products),
};
