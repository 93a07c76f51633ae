/*
 * The sample plugin: the template for authors. docs/plugin-guide.md walks through it; everything optional is here once,
 * so that you can delete what you do not need. Most plugins end up as the tables alone.
 *
 * Build it outside of Muster's tree:
 *     cc -shared -fPIC $(pkg-config --cflags muster-plugin) -Wl,-z,defs -Wl,-z,now -o sample.so sample.c
 * The file must be called NAME.so after the plugin's name, and belong to root or to the user musterd runs as.
 *
 * The products of "Example Press" are invented. Make UUIDs of your own (uuidgen); never take over another publisher's.
 */
#include <muster/plugin.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- options: keys of the [plugin sample] section. The host checks them and fills this structure before start() ---- */

struct options {
	uint32_t allow_virtual;   /* MUSTER_OPTION_FLAG wants uint32_t */
	uint64_t clock_tolerance; /* MUSTER_OPTION_TIME, _NUMBER and _SIZE want uint64_t */
	const char *contact;      /* MUSTER_OPTION_TEXT wants const char *; valid until stop() */
};

static const struct muster_option option_table[] = {
	{ .name = "allow_virtual", .type = MUSTER_OPTION_FLAG, .offset = offsetof(struct options, allow_virtual), .initial = "yes",
	  .doc = "Whether virtual machines may be activated." },
	{ .name = "clock_tolerance", .type = MUSTER_OPTION_TIME, .offset = offsetof(struct options, clock_tolerance), .min = 60, .max = 86400, .initial = "4h",
	  .doc = "Reserved for your own rules; shows a time with bounds." },
	{ .name = "contact", .type = MUSTER_OPTION_TEXT, .offset = offsetof(struct options, contact), .max = 120, .initial = "licensing@example.org",
	  .doc = "Whom a refused client should ask." },
};

/* ---- pools: machines counted together. Without a row, a pool named by a product has a window of 30 days ---- */

static const struct muster_pool pools[] = {
	{ .name = "sample", .title = "Example Press", .window_s = MUSTER_DAYS(30) },
};

/* ---- editions: further activation IDs that clients of a product send ---- */

static const struct muster_edition editions[] = {
	{ .activation_id = MUSTER_UUID(0xf35cc55a, 0xe0ae, 0x4573, 0x907c, 0x86f7281cb524), .title = "Example Writer, classroom edition", .minimum_count = 2 },
};

/* ---- key rules: the shape of keys, so that an inventory can sort them ---- */

static const struct muster_key_rule keys[] = {
	{ .kind = MUSTER_KEY_HOST, .title = "host key", .alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", .groups = 5, .group_len = 5, .secret = 1 },
	{ .kind = MUSTER_KEY_SETUP, .title = "setup key", .alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", .groups = 5, .group_len = 5 },
};

/* ---- covers: what a host key of the product activates besides the product itself ---- */

static const struct muster_cover covers[] = {
	{ .class_bits = MUSTER_CLASS_APPLICATION }, /* the product's own family, its own generation and older */
};

static const struct muster_product products[] = {
	{
		.name = "sample-writer",
		.title = "Example Writer 2",
		.description = "Example Writer 2, VOLUME channel",
		.activation_id = MUSTER_UUID(0x47430e2d, 0x2af3, 0x44f8, 0x97fa, 0x5d92d287761f),
		.application_id = MUSTER_UUID(0x762994e7, 0x4e8a, 0x467d, 0x8c20, 0x1b91d365245a),
		.model = MUSTER_MODEL_THRESHOLD,
		.pool = "sample",
		.minimum_count = 3,
		.validity_s = MUSTER_DAYS(90),
		.rearm_max = 5,
		.family = "sample-writer",
		.generation = 2,
		.class_bits = MUSTER_CLASS_APPLICATION,
		.editions = MUSTER_TABLE(editions),
		.keys = MUSTER_TABLE(keys),
		.covers = MUSTER_TABLE(covers),
	},
	{
		/* Listed with its sentence, never served. */
		.name = "sample-cloud",
		.title = "Example Writer Online",
		.model = MUSTER_MODEL_NONE,
		.refused = "Example Writer Online is licensed to the person who signs in. Sign in; no host activates it.",
	},
};

/* ---- functions: leave out what you do not need. They may run on several threads at once and must not wait ---- */

struct self {
	const struct options *options; /* the host's, valid until stop() */
};

static int start(const struct muster_host *host, const void *options, void **self, struct muster_err *err)
{
	struct self *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err->result = MUSTER_E_NOMEM;
		(void)snprintf(err->message, sizeof err->message, "out of memory");
		return MUSTER_E_NOMEM;
	}
	s->options = options;
	*self = s;
	if (MUSTER_HAS(host, log)) /* everything behind `size` is asked for this way */
		host->log(host, 7, "sample started");
	return MUSTER_OK;
}

static void stop(void *self)
{
	free(self);
}

/* Which of the two kinds a key is: here, setup keys of Example Press begin with S. */
static int key_classify(void *self, const struct muster_product *product, struct muster_span key, struct muster_key_info *out, struct muster_err *err)
{
	(void)self;
	(void)product;
	(void)err;
	if (key.n != 29)
		return MUSTER_OK; /* out->kind stays MUSTER_KEY_UNKNOWN */
	out->kind = key.p[0] == 'S' ? MUSTER_KEY_SETUP : MUSTER_KEY_HOST;
	(void)snprintf(out->title, sizeof out->title, "%s", out->kind == MUSTER_KEY_SETUP ? "setup key" : "host key");
	memcpy(out->partial, key.p + 24, 5); /* the structure was zeroed: the text ends */
	return MUSTER_OK;
}

/* May refuse, never grant. The sentence says why and what to do next. */
static int request_check(void *self, const struct muster_product *product, const struct muster_request *request, struct muster_verdict *out, struct muster_err *err)
{
	const struct self *s = self;

	(void)err;
	if (MUSTER_HAS(request, is_virtual) && request->is_virtual != 0 && s->options->allow_virtual == 0) {
		out->refuse = 1;
		(void)snprintf(out->sentence, sizeof out->sentence, "%s is not licensed for virtual machines here. Install it on a physical machine, or ask %s.", product->title, s->options->contact);
	}
	return MUSTER_OK;
}

/* ---- the object itself, last ---- */

MUSTER_PLUGIN(sample) = {
	.magic = MUSTER_PLUGIN_MAGIC,
	.size = sizeof(struct muster_plugin),
	.abi_major = MUSTER_ABI_MAJOR,
	.abi_minor = MUSTER_ABI_MINOR,
	.options_size = sizeof(struct options),
	.name = "sample",
	.version = "1.0",
	.license = "MIT",
	.pools = MUSTER_TABLE(pools),
	.products = MUSTER_TABLE(products),
	.options = MUSTER_TABLE(option_table),
	.start = start,
	.stop = stop,
	.key_classify = key_classify,
	.request_check = request_check,
};
