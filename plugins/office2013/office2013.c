/*
 * Office 2013: the threshold model. One host key serves every suite and application of the version; the version has a
 * count pool of its own, although all versions since 2013 share one application ID (facts.md sections 1 and 8).
 *
 * Published identifiers and published rules only. Its leases are records, not licences: Office is licensed by its
 * vendor's own host and key.
 */
#include <muster/plugin.h>

/* facts.md section 1: threshold of volume-licensed Office */
#define MINIMUM_COUNT 5

static const struct muster_pool pools[] = {
	{ .name = "office2013", .title = "Office 2013" },
};

/* Shape rules for the inventory (facts.md section 5). The three look alike, so the shape alone does not tell which one a key is. */
static const struct muster_key_rule keys[] = {
	{ .kind = MUSTER_KEY_HOST, .title = "KMS host key", .groups = 5, .group_len = 5, .secret = 1,
	  .note = "Installed on the vendor's host together with the volume license pack of this version; activates 6 hosts, each up to 10 times." },
	{ .kind = MUSTER_KEY_SETUP, .title = "setup key", .groups = 5, .group_len = 5,
	  .note = "Marks a machine as volume client; published by the vendor, not secret." },
	{ .kind = MUSTER_KEY_MAK, .title = "Multiple Activation Key", .groups = 5, .group_len = 5, .secret = 1,
	  .note = "Activates single machines with the vendor, a preset number of times." },
};

/* Where the vendor's own host for this version runs (recorded hosts, never musterd). Vendor documentation: "Volume activation
 * methods in Office 2013", KMS host platforms, with the update that the two older systems need first. */
static const struct muster_platform platforms[] = {
	{ .name = "Windows Server 2008 R2", .update = "KB2757817", .class_bits = MUSTER_CLASS_SERVER },
	{ .name = "Windows 7, volume editions", .update = "KB2757817", .class_bits = MUSTER_CLASS_CLIENT },
	{ .name = "Windows Server 2012", .class_bits = MUSTER_CLASS_SERVER },
	{ .name = "Windows 8, volume editions", .class_bits = MUSTER_CLASS_CLIENT },
};

static const struct muster_requirement requirements[] = {
	{ .name = "volume license pack of the same version on the vendor's host", .note = "Brings the licence file that the host key belongs to (facts.md section 5)." },
};

static const struct muster_product products[] = {
	{
		.name = "office2013",
		/* Name and Description as a published listing prints them (facts.md section 3). */
		.title = "Office 15, OfficeKMSHostVL_KMS_Host edition",
		.description = "Office 15, VOLUME_KMS channel",
		.activation_id = MUSTER_UUID(0x2e28138a, 0x847f, 0x42bc, 0x9752, 0x61b03fff33cd),
		.application_id = MUSTER_UUID(0x0ff1ce15, 0xa989, 0x479d, 0xaf46, 0xf275c6370663),
		.model = MUSTER_MODEL_THRESHOLD,
		.flags = MUSTER_PRODUCT_RECORD | MUSTER_PRODUCT_COUNT_OBSERVED,
		.pool = "office2013",
		.minimum_count = MINIMUM_COUNT,
		.rearm_max = 1000, /* as the published listing prints it (facts.md section 3, samples/dlv-office2013.txt) */
		.class_bits = MUSTER_CLASS_APPLICATION,
		/* facts.md section 5: the sample shows 9 groups of 6 and 8 groups of 6 digits */
		.installation_groups = 9, .installation_group_len = 6, .confirmation_groups = 8, .confirmation_group_len = 6,
		.keys = MUSTER_TABLE(keys),
		.platforms = MUSTER_TABLE(platforms),
		.requirements = MUSTER_TABLE(requirements),
	},
	{
		.name = "microsoft-365",
		.title = "Microsoft 365 Apps (subscription)",
		.model = MUSTER_MODEL_NONE,
		.flags = MUSTER_PRODUCT_RECORD,
		.refused = "Microsoft 365 Apps are licensed by subscription to the person who signs in; no volume activation host serves them. Sign in with an account that has a licence.",
	},
};

MUSTER_PLUGIN(office2013) = {
	.magic = MUSTER_PLUGIN_MAGIC,
	.size = sizeof(struct muster_plugin),
	.abi_major = MUSTER_ABI_MAJOR,
	.abi_minor = MUSTER_ABI_MINOR,
	.name = "office2013",
	.version = "1.0",
	.license = "MIT",
	.pools = MUSTER_TABLE(pools),
	.products = MUSTER_TABLE(products),
};
