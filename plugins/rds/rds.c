/*
 * Remote Desktop Services: the access model. No product key: a licence server is activated with programme and agreement
 * number, and access licences come in packs (facts.md section 7).
 *
 * The activation and application IDs are name-based UUIDs of Muster's own namespace. Leases are records, not licences.
 */
#include <muster/plugin.h>

/* facts.md section 7, first table: the number asked for depends on the programme. Lengths that are not published are 0. */
static const struct muster_programme programmes[] = {
	{ .name = "Select", .number = "enrolment number", .digits = 7 },
	{ .name = "Enterprise", .number = "enrolment number", .digits = 7 },
	{ .name = "Campus", .number = "enrolment number", .digits = 7 },
	{ .name = "School", .number = "enrolment number", .digits = 7 },
	{ .name = "Service Provider", .number = "enrolment number", .digits = 7 },
	{ .name = "Open Value", .number = "agreement number" },
	{ .name = "Multi-Year Open", .number = "agreement number" },
	{ .name = "Open Subscription", .number = "agreement number" },
	{ .name = "Open License", .number = "authorization number",
	  .hint = "Open License asks for the authorization number, entered where the agreement number is asked for; the licence number beside it is not taken." },
	{ .name = "MPSA", .number = "purchasing account number",
	  .hint = "MPSA asks for the purchasing account number, not the MPSA agreement number; the purchasing account's page shows it." },
	{ .name = "retail pack", .number = "licence code from the packaging", .characters = 25,
	  .hint = "A retail pack asks for the licence code of 25 characters from its packaging, not for the number of an agreement." },
};

/*
 * Not in facts.md: versions for which client access licences are sold, after the vendor's page "License your RDS deployment with client access
 * licenses" (to be compared with it again). Licences of 2012 serve hosts of 2012 R2 too; those before 2012 are left out. The generation is ours: it
 * only says which is newer.
 */
static const struct muster_access_version versions[] = {
	{ .name = "2012", .title = "RDS 2012, for session hosts of 2012 and 2012 R2", .generation = 1 },
	{ .name = "2016", .title = "RDS 2016", .generation = 2 },
	{ .name = "2019", .title = "RDS 2019", .generation = 3 },
	{ .name = "2022", .title = "RDS 2022", .generation = 4 },
	{ .name = "2025", .title = "RDS 2025", .generation = 5 },
};

/* facts.md section 7, second table and the sentence after it. */
static const struct muster_access_rules access_rules = {
	.size = sizeof(struct muster_access_rules),
	.temporary_s = MUSTER_DAYS(90),
	.permanent_min_s = MUSTER_DAYS(52),
	.permanent_max_s = MUSTER_DAYS(89),
	.renew_left_s = MUSTER_DAYS(7),
	.user_s = MUSTER_DAYS(60),
	.user_reassign_s = MUSTER_DAYS(90),
	.grace_s = MUSTER_DAYS(120),
	.revoke_percent = 20,
	.per = MUSTER_PER_DEVICE | MUSTER_PER_USER,
	.programmes = MUSTER_TABLE(programmes),
	.versions = MUSTER_TABLE(versions),
};

static const struct muster_key_rule keys[] = {
	{ .kind = MUSTER_KEY_ACCESS, .title = "licence code of a retail pack", .groups = 5, .group_len = 5, .secret = 1,
	  .note = "25 characters from the packaging; every other programme asks for a number instead." },
};

static const struct muster_requirement requirements[] = {
	{ .name = "licence server version at least the version of the access licences" },
	{ .name = "access licence version at least the version of the session host" },
};

static const struct muster_product products[] = {
	{
		.name = "rds",
		.title = "Remote Desktop Services client access licences",
		.activation_id = MUSTER_UUID(0x068385ca, 0xc2db, 0x55ea, 0xb58f, 0xf7282036c0dd), /* version 5 of "rds" */
		.application_id = MUSTER_UUID(0x3977e8e6, 0xad8c, 0x56d9, 0xbd21, 0xbd3a9fcb2d70), /* version 5 of "application/rds" */
		.model = MUSTER_MODEL_ACCESS,
		.flags = MUSTER_PRODUCT_RECORD,
		.family = "rds",
		.class_bits = MUSTER_CLASS_APPLICATION,
		.keys = MUSTER_TABLE(keys),
		.requirements = MUSTER_TABLE(requirements),
		.access = &access_rules,
	},
};

MUSTER_PLUGIN(rds) = {
	.magic = MUSTER_PLUGIN_MAGIC,
	.size = sizeof(struct muster_plugin),
	.abi_major = MUSTER_ABI_MAJOR,
	.abi_minor = MUSTER_ABI_MINOR,
	.name = "rds",
	.version = "1.0",
	.license = "MIT",
	.products = MUSTER_TABLE(products),
};
