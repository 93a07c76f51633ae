/*
 * SQL Server: the embedded model. The key lies on the installation medium, where setup finds it itself (facts.md
 * section 6); there is no count, and nobody is refused for want of others.
 *
 * This host lists the products and refuses leases for them until the model is built. IDs are name-based UUIDs of Muster's
 * own namespace. Leases would be records, not licences.
 */
#include <muster/plugin.h>

#include <string.h>
#include <strings.h>

#include "plugins/sql-embedded/sql_medium.h"

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

static const struct muster_product products[] = {
	{
		.name = "sql-server-2008",
		.title = "SQL Server 2008 and 2008 R2",
		.activation_id = MUSTER_UUID(0x17eaf14a, 0xfa63, 0x5c1d, 0x92de, 0xfa965b145f32), /* version 5 of "sql-server-2008" */
		.application_id = SQL_APPLICATION,
		.model = MUSTER_MODEL_EMBEDDED,
		.flags = MUSTER_PRODUCT_RECORD,
		.family = "sql-server",
		.generation = 1,
		.class_bits = MUSTER_CLASS_APPLICATION,
		.keys = MUSTER_TABLE(keys_medium_only),
		.media = MUSTER_TABLE(media_2008),
	},
	{
		.name = "sql-server",
		.title = "SQL Server 2012 to 2019",
		.activation_id = MUSTER_UUID(0xb401d3b2, 0xa8dd, 0x596c, 0xb7ae, 0xcd316e39f0b1), /* version 5 of "sql-server" */
		.application_id = SQL_APPLICATION,
		.model = MUSTER_MODEL_EMBEDDED,
		.flags = MUSTER_PRODUCT_RECORD,
		.family = "sql-server",
		.generation = 2,
		.class_bits = MUSTER_CLASS_APPLICATION,
		.keys = MUSTER_TABLE(keys_medium_only),
		.media = MUSTER_TABLE(media_later),
	},
	{
		.name = "sql-server-2022",
		.title = "SQL Server 2022",
		.activation_id = MUSTER_UUID(0xd6f85281, 0xfe1d, 0x5785, 0xaa09, 0xb0b7e2261597), /* version 5 of "sql-server-2022" */
		.application_id = SQL_APPLICATION,
		.model = MUSTER_MODEL_EMBEDDED,
		.flags = MUSTER_PRODUCT_RECORD,
		.family = "sql-server",
		.generation = 3,
		.class_bits = MUSTER_CLASS_APPLICATION,
		.keys = MUSTER_TABLE(keys_portal),
		.media = MUSTER_TABLE(media_later),
	},
};

static int inspect(void *self, const struct muster_medium *medium, muster_found_fn *found, void *arg, struct muster_err *err)
{
	const unsigned char *row = medium->files.rows;
	uint32_t i;
	int r = MUSTER_OK;

	(void)self;
	for (i = 0; i < medium->files.count && r == MUSTER_OK; i++, row += medium->files.stride) {
		struct muster_medium_file file = { 0 };
		const char *name;

		memcpy(&file, row, medium->files.stride < sizeof file ? medium->files.stride : sizeof file);
		name = strrchr(file.path, '/');
		if (strcasecmp(name != NULL ? name + 1 : file.path, "DefaultSetup.ini") == 0)
			r = sql_medium_file(&file, found, arg, err);
	}
	return r;
}

MUSTER_PLUGIN(sql_embedded) = {
	.magic = MUSTER_PLUGIN_MAGIC,
	.size = sizeof(struct muster_plugin),
	.abi_major = MUSTER_ABI_MAJOR,
	.abi_minor = MUSTER_ABI_MINOR,
	.name = "sql-embedded",
	.version = "1.0",
	.license = "MIT",
	.products = MUSTER_TABLE(products),
	.medium_inspect = inspect,
};
