/* A publisher whose medium holds its key not in an INI file: the plugin's own way, asked after the host's. Keys are made up. */
#include <muster/plugin.h>

#include <string.h>
#include <strings.h>

static const struct muster_key_rule keys[] = {
	{ .kind = MUSTER_KEY_EMBEDDED, .title = "media key", .alphabet = "ABCDEFXYZ", .groups = 3, .group_len = 4, .secret = 1, .note = "On the medium; the shop shows it too." },
};
static const struct muster_medium_rule media[] = { { .path = "setup/license.dat", .section = "none", .key = "none", .note = "Keep the medium." } };
static const struct muster_medium_mark marks_one[] = { { .text = "EXO-1*" }, { .text = "*PRO*", .edition = "Pro" } };
static const struct muster_medium_mark marks_two[] = { { .text = "EXO-2*" } };
static const struct muster_product products[] = {
	{ .name = "exotic-one", .title = "Exotic 1", .activation_id = MUSTER_UUID(0xa6e5b5a1, 0x1d0c, 0x4a57, 0x9d3f, 0x1f0f6f6f0a01), .application_id = MUSTER_UUID(0xa6e5b5a1, 0x1d0c, 0x4a57, 0x9d3f, 0x1f0f6f6f0aff),
	  .model = MUSTER_MODEL_EMBEDDED, .keys = MUSTER_TABLE(keys), .media = MUSTER_TABLE(media), .marks = MUSTER_TABLE(marks_one) },
	{ .name = "exotic-two", .title = "Exotic 2", .activation_id = MUSTER_UUID(0xa6e5b5a1, 0x1d0c, 0x4a57, 0x9d3f, 0x1f0f6f6f0a02), .application_id = MUSTER_UUID(0xa6e5b5a1, 0x1d0c, 0x4a57, 0x9d3f, 0x1f0f6f6f0aff),
	  .model = MUSTER_MODEL_EMBEDDED, .keys = MUSTER_TABLE(keys), .media = MUSTER_TABLE(media), .marks = MUSTER_TABLE(marks_two) },
};

/* "KEY:" and fourteen characters, anywhere in license.dat; "NAMED:" says of which product. */
static int inspect(void *self, const struct muster_medium *medium, muster_found_fn *found, void *arg, struct muster_err *err)
{
	const struct muster_medium_file *files = medium->files.rows;
	int r = MUSTER_OK;

	(void)self;
	(void)err;
	for (uint32_t i = 0; i < medium->files.count && r == MUSTER_OK; i++) {
		const uint8_t *p = files[i].bytes.p;
		size_t n = files[i].bytes.n;

		for (size_t k = 0; k + 18 <= n && r == MUSTER_OK; k++)
			if (memcmp(p + k, "KEY:", 4) == 0 || memcmp(p + k, "TWO:", 4) == 0) {
				struct muster_found f = { .size = sizeof f, .kind = MUSTER_KEY_EMBEDDED, .path = files[i].path, .section = "binary", .encoding = "ASCII", .key = { p + k + 4, 14 } };

				f.product = p[k] == 'T' ? "exotic-two" : NULL;
				r = found(arg, &f);
			}
	}
	return r;
}

MUSTER_PLUGIN(exotic) = {
	.magic = MUSTER_PLUGIN_MAGIC,
	.size = sizeof(struct muster_plugin),
	.abi_major = MUSTER_ABI_MAJOR,
	.abi_minor = MUSTER_ABI_MINOR,
	.name = "exotic",
	.version = "1",
	.license = "MIT",
	.products = MUSTER_TABLE(products),
	.medium_inspect = inspect,
};
