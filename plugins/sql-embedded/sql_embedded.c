/*
 * SQL Server: the embedded model, in tables alone. The key lies on the installation medium, where setup finds it itself (facts.md
 * section 6); there is no count, and nobody is refused for want of others.
 *
 * A medium tells its version by the baseline version of its MediaInfo.xml (the vendor's published build numbers: 10.0 is 2008, 10.50 is
 * 2008 R2, 11.0 is 2012, 12.0 is 2014, 13.0 is 2016, 14.0 is 2017, 15.0 is 2019, 16.0 is 2022) or by its name, its edition by its name only.
 * IDs are name-based UUIDs of Muster's own namespace. Leases are records, not licences.
 */
#include <muster/plugin.h>

#define SQL_APPLICATION MUSTER_UUID(0x64f27d89, 0xe22a, 0x5e86, 0xb131, 0x1783afdc5b6e) /* version 5 of "application/sql-server" */

/* Before 2022 the portal shows no key. */
static const struct muster_key_rule keys_medium_only[] = {
	{ .kind = MUSTER_KEY_EMBEDDED, .title = "embedded key", .groups = 5, .group_len = 5, .secret = 1,
	  .note = "On the medium only; the portal says that this product needs no product key." },
};

static const struct muster_key_rule keys_portal[] = {
	{ .kind = MUSTER_KEY_EMBEDDED, .title = "embedded key", .groups = 5, .group_len = 5, .secret = 1,
	  .note = "On the medium, and shown in the portal too." },
};

#define REMOVE_NOTE "Delete the file from the installed machine so that the key does not stay behind."

static const struct muster_medium_rule media_2008[] = {
	{ .path = "x64/DefaultSetup.ini", .section = "SQLSERVER2008", .key = "PID", .note = REMOVE_NOTE },
	{ .path = "x86/DefaultSetup.ini", .section = "SQLSERVER2008", .key = "PID", .note = REMOVE_NOTE },
	{ .path = "ia64/DefaultSetup.ini", .section = "SQLSERVER2008", .key = "PID", .note = REMOVE_NOTE },
};

static const struct muster_medium_rule media_later[] = {
	{ .path = "x64/DefaultSetup.ini", .section = "OPTIONS", .key = "PID", .note = REMOVE_NOTE },
	{ .path = "x86/DefaultSetup.ini", .section = "OPTIONS", .key = "PID", .note = REMOVE_NOTE },
};

/* The same for every version: how the vendor's files and volumes are named. */
#define EDITION_MARKS \
	{ .text = "*enterprise*", .edition = "Enterprise" }, { .text = "*_ent_*", .edition = "Enterprise" }, \
	{ .text = "*standard*", .edition = "Standard" }, { .text = "*_std_*", .edition = "Standard" }, \
	{ .text = "*developer*", .edition = "Developer" }, { .text = "*_dev_*", .edition = "Developer" }, \
	{ .text = "*_web_*", .edition = "Web" }

#define BASELINE(version) { .path = "MediaInfo.xml", .text = "Id=\"BaselineVersion\" Value=\"" version }

static const struct muster_medium_mark marks_any[] = { EDITION_MARKS };
static const struct muster_medium_mark marks_2008[] = { BASELINE("10.0."), BASELINE("10.00."), { .text = "*sql*2008*" }, EDITION_MARKS };
static const struct muster_medium_mark marks_2008r2[] = { BASELINE("10.50."), { .text = "*sql*2008*r2*" }, EDITION_MARKS };
static const struct muster_medium_mark marks_2012[] = { BASELINE("11.0."), { .text = "*sql*2012*" }, EDITION_MARKS };
static const struct muster_medium_mark marks_2014[] = { BASELINE("12.0."), { .text = "*sql*2014*" }, EDITION_MARKS };
static const struct muster_medium_mark marks_2016[] = { BASELINE("13.0."), { .text = "*sql*2016*" }, EDITION_MARKS };
static const struct muster_medium_mark marks_2017[] = { BASELINE("14.0."), { .text = "*sql*2017*" }, EDITION_MARKS };
static const struct muster_medium_mark marks_2019[] = { BASELINE("15.0."), { .text = "*sql*2019*" }, EDITION_MARKS };
static const struct muster_medium_mark marks_2022[] = { BASELINE("16.0."), { .text = "*sql*2022*" }, EDITION_MARKS };

/* IDs: version 5 of "NAME/EDITION", the edition in lower case. */
static const struct muster_edition editions_2008[] = {
	{ .activation_id = MUSTER_UUID(0x997c4085, 0x94b1, 0x52ef, 0xbe25, 0xd0e7391ad1b3), .title = "Enterprise" },
	{ .activation_id = MUSTER_UUID(0xc0d2a51a, 0x679e, 0x5c99, 0xb9f2, 0x67720423d144), .title = "Standard" },
	{ .activation_id = MUSTER_UUID(0x851f0d30, 0x37e8, 0x5653, 0x8c9e, 0x89cad7ecfb8a), .title = "Developer" },
	{ .activation_id = MUSTER_UUID(0xcca93def, 0x7794, 0x5366, 0x8e74, 0x3726bee6d97a), .title = "Web" },
};
static const struct muster_edition editions_2008r2[] = {
	{ .activation_id = MUSTER_UUID(0x6f51f7fd, 0x496a, 0x5312, 0x9409, 0x68bed6993253), .title = "Enterprise" },
	{ .activation_id = MUSTER_UUID(0xf53d1cd7, 0x1aae, 0x506d, 0xa280, 0xc2c43237de3c), .title = "Standard" },
	{ .activation_id = MUSTER_UUID(0xe691eb87, 0x3946, 0x58f9, 0xa541, 0xbcc813ed9918), .title = "Developer" },
	{ .activation_id = MUSTER_UUID(0xa1318a14, 0x2da7, 0x5c67, 0x8dbb, 0x93ebdc490eb9), .title = "Web" },
};
static const struct muster_edition editions_2012[] = {
	{ .activation_id = MUSTER_UUID(0x375542d2, 0x62d7, 0x54f9, 0x9fdc, 0xfc433d3b0f96), .title = "Enterprise" },
	{ .activation_id = MUSTER_UUID(0xb45eaaf7, 0x411c, 0x5a72, 0xbb04, 0xc92896050ae0), .title = "Standard" },
	{ .activation_id = MUSTER_UUID(0x598fb797, 0x89a0, 0x50b0, 0xb4eb, 0x25bfa028dd8b), .title = "Developer" },
	{ .activation_id = MUSTER_UUID(0xd887e68f, 0x4475, 0x5f10, 0x8dcd, 0x546551ceff7c), .title = "Web" },
};
static const struct muster_edition editions_2014[] = {
	{ .activation_id = MUSTER_UUID(0x8fc0e4e6, 0x9605, 0x5fbe, 0xa081, 0xb022c8f8a057), .title = "Enterprise" },
	{ .activation_id = MUSTER_UUID(0x0283a1ed, 0xcf9a, 0x5f2a, 0xb928, 0x730d54345db7), .title = "Standard" },
	{ .activation_id = MUSTER_UUID(0x581ffd23, 0x89f0, 0x5c5c, 0xa495, 0x0b5dc05a693d), .title = "Developer" },
	{ .activation_id = MUSTER_UUID(0xdb317816, 0x642e, 0x58c0, 0x9679, 0xecc9e60e92e6), .title = "Web" },
};
static const struct muster_edition editions_2016[] = {
	{ .activation_id = MUSTER_UUID(0x2088e0bd, 0x00b9, 0x5600, 0x980a, 0x790abca1b0f2), .title = "Enterprise" },
	{ .activation_id = MUSTER_UUID(0xc415dfef, 0x3c45, 0x5dee, 0xa9ca, 0xc9fe3cf87c44), .title = "Standard" },
	{ .activation_id = MUSTER_UUID(0x2dc679fe, 0x768a, 0x57ee, 0xb872, 0xea5afeaf9559), .title = "Developer" },
	{ .activation_id = MUSTER_UUID(0x38a7c748, 0x92aa, 0x5902, 0xa12a, 0x54eb4f68d3f4), .title = "Web" },
};
static const struct muster_edition editions_2017[] = {
	{ .activation_id = MUSTER_UUID(0x875d3dce, 0x7241, 0x5174, 0x8c29, 0xf85d5438fff1), .title = "Enterprise" },
	{ .activation_id = MUSTER_UUID(0x6bd9d54a, 0x8fd3, 0x524a, 0xac0f, 0x8ef38adc6808), .title = "Standard" },
	{ .activation_id = MUSTER_UUID(0xb2b253d9, 0xfec2, 0x58d9, 0xa6c4, 0x3765c65ddaf0), .title = "Developer" },
	{ .activation_id = MUSTER_UUID(0xad5fe483, 0x61af, 0x5809, 0x8834, 0x8aeeac6d7e49), .title = "Web" },
};
static const struct muster_edition editions_2019[] = {
	{ .activation_id = MUSTER_UUID(0xc60dcfda, 0x54c8, 0x5d73, 0x823b, 0xd445543ed0d2), .title = "Enterprise" },
	{ .activation_id = MUSTER_UUID(0x29209891, 0x5981, 0x511f, 0x931d, 0xb28085f62773), .title = "Standard" },
	{ .activation_id = MUSTER_UUID(0xcdfbac40, 0x585d, 0x560e, 0x8555, 0x8815ff063919), .title = "Developer" },
	{ .activation_id = MUSTER_UUID(0xbb3d436f, 0x4bb8, 0x5788, 0x872b, 0xefc7ba659902), .title = "Web" },
};
static const struct muster_edition editions_2022[] = {
	{ .activation_id = MUSTER_UUID(0x0a413d27, 0x48a0, 0x54a2, 0xb334, 0x4da6d0177d19), .title = "Enterprise" },
	{ .activation_id = MUSTER_UUID(0x5102dc5d, 0xcc3e, 0x5d1c, 0xae10, 0xbf76f9641b66), .title = "Standard" },
	{ .activation_id = MUSTER_UUID(0xd4de5043, 0x0adc, 0x504f, 0xaafb, 0x5acec852c761), .title = "Developer" },
	{ .activation_id = MUSTER_UUID(0x9aa772c2, 0x57cb, 0x56fe, 0xa2df, 0xec27efb4d552), .title = "Web" },
};

#define SQL_SERVER(name_, title_, id, generation_, keys_, media_, marks_) \
	.name = name_, .title = title_, .activation_id = id, .application_id = SQL_APPLICATION, .model = MUSTER_MODEL_EMBEDDED, .flags = MUSTER_PRODUCT_RECORD, \
	.family = "sql-server", .generation = generation_, .class_bits = MUSTER_CLASS_APPLICATION, .keys = MUSTER_TABLE(keys_), .media = MUSTER_TABLE(media_), .marks = MUSTER_TABLE(marks_)

/* Activation IDs: version 5 of the name. */
static const struct muster_product products[] = {
	{ SQL_SERVER("sql-server-2008", "SQL Server 2008", MUSTER_UUID(0x17eaf14a, 0xfa63, 0x5c1d, 0x92de, 0xfa965b145f32), 1, keys_medium_only, media_2008, marks_2008), .editions = MUSTER_TABLE(editions_2008) },
	{ SQL_SERVER("sql-server-2008-r2", "SQL Server 2008 R2", MUSTER_UUID(0x99ef94c5, 0xbf89, 0x530d, 0x98f6, 0x9ff0dfd8fd5d), 2, keys_medium_only, media_2008, marks_2008r2), .editions = MUSTER_TABLE(editions_2008r2) },
	{ SQL_SERVER("sql-server-2012", "SQL Server 2012", MUSTER_UUID(0x64cf108b, 0x30fc, 0x5b30, 0xb506, 0x13f7023d7a20), 3, keys_medium_only, media_later, marks_2012), .editions = MUSTER_TABLE(editions_2012) },
	{ SQL_SERVER("sql-server-2014", "SQL Server 2014", MUSTER_UUID(0xb382d920, 0x5424, 0x5a40, 0xab7f, 0x8a45230c74b1), 4, keys_medium_only, media_later, marks_2014), .editions = MUSTER_TABLE(editions_2014) },
	{ SQL_SERVER("sql-server-2016", "SQL Server 2016", MUSTER_UUID(0x54ec3165, 0xb89c, 0x5546, 0x96f0, 0xaf94a0596972), 5, keys_medium_only, media_later, marks_2016), .editions = MUSTER_TABLE(editions_2016) },
	{ SQL_SERVER("sql-server-2017", "SQL Server 2017", MUSTER_UUID(0x529d573c, 0x6850, 0x554e, 0xae2d, 0x7bbc50290c18), 6, keys_medium_only, media_later, marks_2017), .editions = MUSTER_TABLE(editions_2017) },
	{ SQL_SERVER("sql-server-2019", "SQL Server 2019", MUSTER_UUID(0x73db3e23, 0xf49b, 0x54c3, 0xb0db, 0x63ee4cd02577), 7, keys_medium_only, media_later, marks_2019), .editions = MUSTER_TABLE(editions_2019) },
	{ SQL_SERVER("sql-server-2022", "SQL Server 2022", MUSTER_UUID(0xd6f85281, 0xfe1d, 0x5785, 0xaa09, 0xb0b7e2261597), 8, keys_portal, media_later, marks_2022), .editions = MUSTER_TABLE(editions_2022) },
	/* A medium whose file alone is there: from 2012 on it is the same. */
	{ SQL_SERVER("sql-server", "SQL Server 2012 to 2019, version not told", MUSTER_UUID(0xb401d3b2, 0xa8dd, 0x596c, 0xb7ae, 0xcd316e39f0b1), 7, keys_medium_only, media_later, marks_any) },
};

MUSTER_PLUGIN(sql_embedded) = {
	.magic = MUSTER_PLUGIN_MAGIC,
	.size = sizeof(struct muster_plugin),
	.abi_major = MUSTER_ABI_MAJOR,
	.abi_minor = MUSTER_ABI_MINOR,
	.name = "sql-embedded",
	.version = "1.1",
	.license = "MIT",
	.products = MUSTER_TABLE(products),
};
