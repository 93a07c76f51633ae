/* A plugin as an author built it when ABI 1.0 was new: compiled with the frozen copy of the header, it must still load and
 * mean the same, for ever. Every member of every structure it uses is set. */
#include <muster/plugin.h>

#include <stddef.h>
#include <stdio.h>

struct options { uint64_t number; const char *text; uint32_t flag, reserved; };

static const struct muster_option options[] = {
	{ "number", MUSTER_OPTION_NUMBER, offsetof(struct options, number), 1, 9, "4", "pieces", "A number." },
	{ "text", MUSTER_OPTION_TEXT, offsetof(struct options, text), 0, 20, "words", NULL, "A text." },
	{ "flag", MUSTER_OPTION_FLAG, offsetof(struct options, flag), 0, 0, "yes", NULL, "A flag." },
};
static const struct muster_pool pools[] = { { "frozen", "Frozen", MUSTER_DAYS(20), 0 } };
static const struct muster_edition editions[] = { { MUSTER_UUID(0x40000000, 0, 0x4000, 0x8000, 2), "Frozen edition", 3, 0 } };
static const struct muster_key_rule keys[] = { { MUSTER_KEY_HOST, "host key", "ABC123", 5, 5, 1, 0, "A note." } };
static const struct muster_cover covers[] = { { "frozen", 2, MUSTER_CLASS_SERVER } };
static const struct muster_platform platforms[] = { { "System", "Update", MUSTER_CLASS_SERVER, 0 } };
static const struct muster_requirement requirements[] = { { "Requirement", "Why", "edition", "server" } };
static const struct muster_medium_rule media[] = { { "x64/Setup.ini", "OPTIONS", "PID", "Portal." } };
static const struct muster_medium_mark marks[] = { { "MediaInfo.xml", "Version=\"11", NULL, 0, 0 }, { NULL, "FROZEN*", "Enterprise", 0, 0 } };
static const struct muster_programme programmes[] = { { "Select", "enrolment number", 7, 0, "Not the agreement number." }, { "retail", "code", 0, 25, NULL } };
static const struct muster_access_version versions[] = { { "2012-r2", "2012 R2", 2, 0 }, { "2016", NULL, 3, 0 } };
static const struct muster_access_rules access_rules = {
	.size = sizeof(struct muster_access_rules), .temporary_s = 1000, .permanent_min_s = 2000, .permanent_max_s = 3000, .renew_left_s = 400, .user_s = 5000, .user_reassign_s = 6000,
	.grace_s = 7000, .revoke_percent = 20, .per = MUSTER_PER_DEVICE | MUSTER_PER_USER, .programmes = MUSTER_TABLE(programmes), .versions = MUSTER_TABLE(versions),
};
static const struct muster_seats_rules seats_rules = { .size = sizeof(struct muster_seats_rules), .seats = 12, .lease_s = 1200, .heartbeat_s = 300, .grace_s = 60, .queue_max = 40 };
static const struct muster_product products[] = {
	{
		.name = "frozen", .title = "Frozen 1", .description = "Frozen 1, VOLUME channel",
		.activation_id = MUSTER_UUID(0x40000000, 0, 0x4000, 0x8000, 1), .application_id = MUSTER_UUID(0x40000000, 0, 0x4000, 0x8000, 9),
		.model = MUSTER_MODEL_THRESHOLD, .flags = MUSTER_PRODUCT_COUNT_OBSERVED, .pool = "frozen", .minimum_count = 4,
		.validity_s = MUSTER_DAYS(60), .renewal_s = MUSTER_HOURS(30), .retry_s = MUSTER_MINUTES(40), .rearm_max = 6, .generation = 2, .family = "frozen", .class_bits = MUSTER_CLASS_SERVER,
		.installation_groups = 9, .installation_group_len = 6, .confirmation_groups = 8, .confirmation_group_len = 5, .coverage_start = 1000, .coverage_end = 4000000000,
		.editions = MUSTER_TABLE(editions), .keys = MUSTER_TABLE(keys), .covers = MUSTER_TABLE(covers), .platforms = MUSTER_TABLE(platforms), .requirements = MUSTER_TABLE(requirements),
		.tag = 0x1122334455667788,
	},
	{ .name = "frozen-counted", .title = "Counted", .activation_id = MUSTER_UUID(0x40000000, 0, 0x4000, 0x8000, 3), .application_id = MUSTER_UUID(0x40000000, 0, 0x4000, 0x8000, 9),
	  .model = MUSTER_MODEL_COUNTED, .requirements = MUSTER_TABLE(requirements) },
	{ .name = "frozen-embedded", .title = "Embedded", .activation_id = MUSTER_UUID(0x40000000, 0, 0x4000, 0x8000, 4), .application_id = MUSTER_UUID(0x40000000, 0, 0x4000, 0x8000, 9),
	  .model = MUSTER_MODEL_EMBEDDED, .media = MUSTER_TABLE(media), .marks = MUSTER_TABLE(marks) },
	{ .name = "frozen-access", .title = "Access", .activation_id = MUSTER_UUID(0x40000000, 0, 0x4000, 0x8000, 5), .application_id = MUSTER_UUID(0x40000000, 0, 0x4000, 0x8000, 9),
	  .model = MUSTER_MODEL_ACCESS, .access = &access_rules },
	{ .name = "frozen-seats", .title = "Seats", .activation_id = MUSTER_UUID(0x40000000, 0, 0x4000, 0x8000, 6), .application_id = MUSTER_UUID(0x40000000, 0, 0x4000, 0x8000, 9),
	  .model = MUSTER_MODEL_SEATS, .seats = &seats_rules },
	{ .name = "frozen-refused", .title = "Refused", .refused = "Never." },
};

static int start(const struct muster_host *host, const void *given, void **self, struct muster_err *err)
{
	const struct options *o = given;

	*self = NULL;
	if (o->number == 4 && o->flag == 1 && MUSTER_HAS(host, log))
		host->log(host, 6, o->text);
	(void)err;
	return MUSTER_OK;
}

static void stop(void *self)
{
	(void)self;
}

static int classify(void *self, const struct muster_product *product, struct muster_span key, struct muster_key_info *out, struct muster_err *err)
{
	(void)self, (void)product, (void)err;
	out->kind = key.n == 3 ? MUSTER_KEY_SETUP : MUSTER_KEY_UNKNOWN;
	(void)snprintf(out->title, sizeof out->title, "short key");
	return MUSTER_OK;
}

/* Calls back once for each file. */
static int inspect(void *self, const struct muster_medium *medium, muster_found_fn *found, void *arg, struct muster_err *err)
{
	const struct muster_medium_file *f = medium->files.rows;
	uint32_t i;

	(void)self, (void)err;
	for (i = 0; i < medium->files.count; i++) {
		struct muster_found one = { .size = sizeof one, .kind = MUSTER_KEY_EMBEDDED, .product = "frozen-embedded", .path = f[i].path, .section = "OPTIONS", .encoding = "ASCII", .key = f[i].bytes, .note = "Note." };
		int r = found(arg, &one);

		if (r != MUSTER_OK)
			return r;
	}
	return MUSTER_OK;
}

/* Says back what it sees, so that the test can compare. */
static int check(void *self, const struct muster_product *product, const struct muster_request *request, struct muster_verdict *out, struct muster_err *err)
{
	(void)self, (void)err;
	out->refuse = 1;
	out->code = 0xC004F050;
	(void)snprintf(out->sentence, sizeof out->sentence, "%s tag %llx virtual %u id %02x client %02x hardware %02x status %u minutes %u time %lld key %u %u os %s name %s user %s version %s per %u", product->name,
	               (unsigned long long)product->tag, (unsigned)request->is_virtual, request->activation_id[15], request->client_id[15], request->hardware_id[31], (unsigned)request->status,
	               (unsigned)request->minutes, (long long)request->time_ms, (unsigned)request->key_kind, (unsigned)request->key_number, request->os, request->name,
	               request->user, request->version, (unsigned)request->per);
	return MUSTER_OK;
}

MUSTER_PLUGIN(frozen) = {
	.magic = MUSTER_PLUGIN_MAGIC, .size = sizeof(struct muster_plugin), .abi_major = MUSTER_ABI_MAJOR, .abi_minor = MUSTER_ABI_MINOR, .options_size = sizeof(struct options),
	.name = "frozen", .version = "1.0", .license = "MIT",
	.pools = MUSTER_TABLE(pools), .products = MUSTER_TABLE(products), .options = MUSTER_TABLE(options), .start = start, .stop = stop,
	.key_classify = classify, .request_check = check, .medium_inspect = inspect,
};
