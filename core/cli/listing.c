#include "core/base/clock.h"
#include "core/cli/api.h"
#include "core/cli/listing.h"

/* One "Label: value" line; an empty value leaves no blank behind the colon. */
static void line(FILE *out, const char *label, const char *value)
{
	fprintf(out, "%s:%s%s\n", label, value[0] != '\0' ? " " : "", value);
}

static void member(FILE *out, const char *label, const json_t *item, const char *name)
{
	line(out, label, json_text(item, name));
}

/* What this machine does as a host: present for products that are counted. */
static void host_block(FILE *out, const json_t *host)
{
	fprintf(out, "Key Management Service is %s on this machine\n", json_flag(host, "enabled") ? "enabled" : "disabled");
	fprintf(out, "    Current count: %" JSON_INTEGER_FORMAT "\n", json_number(host, "current_count"));
	fprintf(out, "    Listening on Port: %" JSON_INTEGER_FORMAT "\n", json_number(host, "port"));
	fprintf(out, "    DNS publishing %s\n", json_flag(host, "dns_publishing") ? "enabled" : "disabled");
	fprintf(out, "    KMS priority: %s\n", json_text(host, "priority")[0] == 'l' ? "Low" : "Normal");
}

static void request_block(FILE *out, const json_t *requests)
{
	/* status 6 has no line of its own: it counts in the total only (design.md section 10) */
	static const char *const labels[] = {
		"Unlicensed", "Licensed", "Initial grace period", "License expired or Hardware out of tolerance",
		"Non-genuine grace period", "Notification"
	};
	const json_t *status = json_object_get(requests, "status");

	fputs("Key Management Service cumulative requests received from clients\n", out);
	fprintf(out, "    Total requests received: %" JSON_INTEGER_FORMAT "\n", json_number(requests, "total"));
	fprintf(out, "    Failed requests received: %" JSON_INTEGER_FORMAT "\n", json_number(requests, "failed"));
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		fprintf(out, "    Requests with License Status %s: %" JSON_INTEGER_FORMAT "\n", labels[i], json_integer_value(json_array_get(status, i)));
}

void listing_details(FILE *out, const json_t *item)
{
	static const struct { const char *label, *name; } members[] = {
		{ "Name", "name" }, { "Description", "description" }, { "Activation ID", "activation_id" },
		{ "Application ID", "application_id" }, { "Extended PID", "extended_pid" }, { "Installation ID", "installation_id" },
		{ "Use License URL", "use_license_url" }, { "Validation URL", "validation_url" },
		{ "Partial Product Key", "partial_product_key" }, { "License Status", "license_status_text" }
	};
	const json_t *host = json_object_get(item, "host"), *requests = json_object_get(item, "requests");
	char date[32];

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		member(out, members[i].label, item, members[i].name);
	fprintf(out, "Remaining Windows rearm count: %" JSON_INTEGER_FORMAT "\n", json_number(item, "remaining_rearm_count"));
	line(out, "Trusted time", json_date(item, "trusted_time", date));
	if (!json_is_object(host))
		return;
	fputc('\n', out);
	host_block(out, host);
	fputc('\n', out);
	request_block(out, requests);
}

void listing_summary(FILE *out, const json_t *item)
{
	const json_t *host = json_object_get(item, "host");

	member(out, "Name", item, "name");
	member(out, "Description", item, "description");
	member(out, "Partial Product Key", item, "partial_product_key");
	member(out, "License Status", item, "license_status_text");
	if (!json_is_object(host))
		return;
	host_block(out, host);
	request_block(out, json_object_get(item, "requests"));
}

void listing_expiry(FILE *out, const json_t *item)
{
	char date[32];

	fprintf(out, "%s:\n", json_text(item, "name"));
	if (!json_flag(item, "service"))
		fputs("    This product is listed and not served.\n", out);
	else if (json_date(item, "ends_at", date)[0] != '\0')
		fprintf(out, "    The host's certificate for this product ends %s\n", date);
	else
		fputs("    The host is not activated for this product.\n", out);
}
