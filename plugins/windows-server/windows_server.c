/*
 * Windows Server: the threshold model with the smaller minimum count, counted together with Windows clients (plugin
 * windows), which may be absent: 20 servers and 5 clients make 25 (facts.md section 1).
 *
 * The activation ID is a name-based UUID of Muster's own namespace, as for plugin windows. Leases are records, not licences.
 */
#include <muster/plugin.h>

/* facts.md section 1: threshold of Windows Server */
#define MINIMUM_COUNT 5

/* Places in the family "windows": see plugins/windows/windows.c. */
#define GENERATION_SERVER_2025 8

static const struct muster_pool pools[] = {
	/* Declared by plugin windows in the same words. */
	{ .name = "windows", .title = "Windows and Windows Server" },
};

static const struct muster_edition editions[] = {
	/* The ID in the published event samples (samples/event-12288.txt and -12290.txt). They name no product. Inferred: minimum
	 * count 5 leaves Windows Server and Office, and in 2010 Office 2013 did not exist; listings will correct or confirm it. */
	{ .activation_id = MUSTER_UUID(0x68531fb9, 0x5511, 0x4989, 0x97be, 0xd11a0f55633f), .title = "Windows Server (activation ID of the published event samples)" },
};

static const struct muster_key_rule keys[] = {
	{ .kind = MUSTER_KEY_HOST, .title = "KMS host key, server edition", .groups = 5, .group_len = 5, .secret = 1,
	  .note = "Activates its own generation and older ones, servers and clients; 6 hosts, each up to 10 times." },
	{ .kind = MUSTER_KEY_SETUP, .title = "setup key", .groups = 5, .group_len = 5,
	  .note = "Marks a machine as volume client; published by the vendor, not secret." },
	{ .kind = MUSTER_KEY_MAK, .title = "Multiple Activation Key", .groups = 5, .group_len = 5, .secret = 1,
	  .note = "Activates single machines with the vendor, a preset number of times." },
};

/* Own generation and everything older, servers and clients (facts.md section 1, "Host key groups"). */
static const struct muster_cover covers[] = {
	{ .class_bits = MUSTER_CLASS_CLIENT | MUSTER_CLASS_SERVER },
};

/* Where the vendor's own host with the newest key runs. Vendor documentation: KMS activation planning, group "Volume License
 * for Windows Server 2025" and "KMS host required updates". */
static const struct muster_platform platforms[] = {
	{ .name = "Windows Server 2025", .class_bits = MUSTER_CLASS_SERVER },
	{ .name = "Windows Server 2022", .update = "KB5034765 or a later cumulative update", .class_bits = MUSTER_CLASS_SERVER },
	{ .name = "Windows Server 2019", .update = "KB5034768 or a later cumulative update", .class_bits = MUSTER_CLASS_SERVER },
};

static const struct muster_product products[] = {
	{
		.name = "windows-server",
		.title = "Windows Server(R), volume editions",
		.description = "Windows Operating System - Windows Server(R), VOLUME_KMS channel",
		.activation_id = MUSTER_UUID(0x7df38682, 0xabdf, 0x5e09, 0x81f5, 0x2529dbc795f8), /* version 5 of "windows-server" */
		.application_id = MUSTER_UUID(0x55c92734, 0xd682, 0x4d71, 0x983e, 0xd6ec3f16059f),
		.model = MUSTER_MODEL_THRESHOLD,
		.flags = MUSTER_PRODUCT_RECORD | MUSTER_PRODUCT_COUNT_OBSERVED,
		.pool = "windows",
		.minimum_count = MINIMUM_COUNT,
		.rearm_max = 1000, /* as the published listing prints it (facts.md section 3, samples/dlv-office2013.txt) */
		.family = "windows",
		.generation = GENERATION_SERVER_2025,
		.class_bits = MUSTER_CLASS_SERVER,
		.editions = MUSTER_TABLE(editions),
		.keys = MUSTER_TABLE(keys),
		.covers = MUSTER_TABLE(covers),
		.platforms = MUSTER_TABLE(platforms),
	},
};

MUSTER_PLUGIN(windows_server) = {
	.magic = MUSTER_PLUGIN_MAGIC,
	.size = sizeof(struct muster_plugin),
	.abi_major = MUSTER_ABI_MAJOR,
	.abi_minor = MUSTER_ABI_MINOR,
	.name = "windows-server",
	.version = "1.0",
	.license = "MIT",
	.pools = MUSTER_TABLE(pools),
	.products = MUSTER_TABLE(products),
};
