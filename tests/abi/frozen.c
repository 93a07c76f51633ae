/* A plugin as an author built it when ABI 0.1 was new: compiled with the frozen copy of the header, it must still load and
 * mean the same. Every member of every structure it uses is set. */
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
static const struct muster_requirement requirements[] = { { "Requirement", "Why" } };
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

/* Says back what it sees, so that the test can compare. */
static int check(void *self, const struct muster_product *product, const struct muster_request *request, struct muster_verdict *out, struct muster_err *err)
{
	(void)self, (void)err;
	out->refuse = 1;
	out->code = 0xC004F050;
	(void)snprintf(out->sentence, sizeof out->sentence, "%s tag %llx virtual %u id %02x client %02x hardware %02x status %u minutes %u time %lld key %u %u os %s name %s", product->name,
	               (unsigned long long)product->tag, (unsigned)request->is_virtual, request->activation_id[15], request->client_id[15], request->hardware_id[31], (unsigned)request->status,
	               (unsigned)request->minutes, (long long)request->time_ms, (unsigned)request->key_kind, (unsigned)request->key_number, request->os, request->name);
	return MUSTER_OK;
}

MUSTER_PLUGIN(frozen) = {
	.magic = MUSTER_PLUGIN_MAGIC, .size = sizeof(struct muster_plugin), .abi_major = MUSTER_ABI_MAJOR, .abi_minor = MUSTER_ABI_MINOR, .options_size = sizeof(struct options),
	.name = "frozen", .version = "0.1", .license = "MIT",
	.pools = MUSTER_TABLE(pools), .products = MUSTER_TABLE(products), .options = MUSTER_TABLE(options), .start = start, .request_check = check,
};
