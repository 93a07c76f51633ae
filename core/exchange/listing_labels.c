/* The labels of dli and dlv as published, with their variants (facts.md section 3). */
#include "core/exchange/listing.h"

#include <ctype.h>
#include <string.h>

#define STATUS "Requests with License Status "

static const struct listing_label labels[] = {
	{ "Name", "name", LISTING_TEXT, 0 },
	{ "Description", "description", LISTING_TEXT, 0 },
	{ "Activation ID", "activation_id", LISTING_UUID, 0 },
	{ "Application ID", "application_id", LISTING_UUID, 0 },
	{ "Extended PID", "extended_pid", LISTING_PID, 0 },
	{ "Product Key Channel", NULL, LISTING_KNOWN, 0 },
	{ "Installation ID", NULL, LISTING_WRAPPED, 0 },
	{ "Use License URL", NULL, LISTING_WRAPPED, 0 },
	{ "Validation URL", NULL, LISTING_WRAPPED, 0 },
	{ "Processor Certificate URL", NULL, LISTING_WRAPPED, 0 },
	{ "Machine Certificate URL", NULL, LISTING_WRAPPED, 0 },
	{ "Product Key Certificate URL", NULL, LISTING_WRAPPED, 0 },
	{ "Product Certificate URL", NULL, LISTING_WRAPPED, 0 },
	{ "Partial Product Key", "partial", LISTING_PARTIAL, 0 },
	{ "License Status", "license_status", LISTING_TEXT, 0 },
	{ "Notification Reason", NULL, LISTING_REASON, 0 },
	{ "Volume activation expiration", "minutes_left", LISTING_MINUTES, 0 },
	{ "Time remaining", "minutes_left", LISTING_MINUTES, 0 },
	{ "Timebased activation expiration", NULL, LISTING_KNOWN, 0 },
	{ "Automatic VM activation expiration", NULL, LISTING_KNOWN, 0 },
	{ "Evaluation End Date", NULL, LISTING_KNOWN, 0 },
	{ "Remaining Windows rearm count", "rearms", LISTING_COUNT, 0 },
	{ "Remaining Office rearm count", "rearms", LISTING_COUNT, 0 },
	{ "Remaining App rearm count", "rearms", LISTING_COUNT, 0 },
	{ "Remaining SKU rearm count", NULL, LISTING_KNOWN, 0 },
	{ "Trusted time", "taken_at", LISTING_DATE, 0 },
	{ "Configured Activation Type", NULL, LISTING_KNOWN, 0 },
	{ "Most recent activation information", NULL, LISTING_KNOWN, 0 },
	{ "Software licensing service version", NULL, LISTING_KNOWN, 0 },
	/* what the machine is as a host */
	{ "Key Management Service is enabled on this machine", "enabled", LISTING_SAID, 1 },
	{ "Key Management Service is enabled on this computer", "enabled", LISTING_SAID, 1 },
	{ "Key Management Service is disabled on this machine", "enabled", LISTING_SAID, 0 },
	{ "Key Management Service is disabled on this computer", "enabled", LISTING_SAID, 0 },
	{ "Current count", "current_count", LISTING_COUNT, 0 },
	{ "Listening on Port", "port", LISTING_COUNT, 0 },
	{ "DNS publishing enabled", "dns_publishing", LISTING_SAID, 1 },
	{ "DNS publishing disabled", "dns_publishing", LISTING_SAID, 0 },
	{ "KMS priority", "priority", LISTING_TEXT, 0 },
	{ "Key Management Service cumulative requests received from clients", NULL, LISTING_SAID, 0 },
	{ "Total requests received", "total", LISTING_COUNT, 0 },
	{ "Failed requests received", "failed", LISTING_COUNT, 0 },
	{ STATUS "Unlicensed", "unlicensed", LISTING_COUNT, 0 },
	{ STATUS "Licensed", "licensed", LISTING_COUNT, 0 },
	{ STATUS "Initial grace period", "initial_grace", LISTING_COUNT, 0 },
	{ STATUS "License expired or Hardware out of tolerance", "out_of_tolerance", LISTING_COUNT, 0 },
	{ STATUS "Non-genuine grace period", "non_genuine", LISTING_COUNT, 0 },
	{ STATUS "Notification", "notification", LISTING_COUNT, 0 },
	{ STATUS "Extended grace period", NULL, LISTING_KNOWN, 0 },
	/* what it is as a client */
	{ "Key Management Service client information", NULL, LISTING_SAID, 0 },
	{ "Client Machine ID (CMID)", "client_id", LISTING_UUID, 0 },
	{ "KMS machine name from DNS", "activated_by", LISTING_TEXT, 0 },
	{ "Registered KMS machine name", "activated_by", LISTING_TEXT, 0 },
	{ "KMS machine name", "activated_by", LISTING_TEXT, 0 },
	{ "KMS machine IP address", NULL, LISTING_KNOWN, 0 },
	{ "KMS machine extended PID", NULL, LISTING_WRAPPED, 0 },
	{ "DNS auto-discovery", NULL, LISTING_KNOWN, 0 },
	{ "Activation interval", "activation_interval", LISTING_MINUTES, 0 },
	{ "Renewal interval", "renewal_interval", LISTING_MINUTES, 0 },
	{ "KMS host caching is enabled", NULL, LISTING_SAID, 0 },
	{ "KMS host caching is disabled", NULL, LISTING_SAID, 0 },
	{ "This license is not in use", "license_status", LISTING_SAID, 0 },
};
#define LABELS (sizeof(labels) / sizeof(labels[0]))

/* A label at the beginning of a line: case and runs of spaces do not matter. @return bytes of the line it takes; 0 none. */
static size_t begins(const char *p, size_t n, const char *label)
{
	size_t i = 0;

	for (; *label != '\0'; label++) {
		if (*label == ' ') {
			size_t from = i;

			while (i < n && (p[i] == ' ' || p[i] == '\t'))
				i++;
			if (i == from)
				return 0;
			continue;
		}
		if (i == n || tolower((unsigned char)p[i]) != tolower((unsigned char)*label))
			return 0;
		i++;
	}
	return i;
}

static void trim(const char **p, size_t *n)
{
	while (*n > 0 && (**p == ' ' || **p == '\t')) {
		++*p;
		--*n;
	}
	while (*n > 0 && ((*p)[*n - 1] == ' ' || (*p)[*n - 1] == '\t'))
		--*n;
}

const struct listing_label *listing_label(const char *line, size_t n, const char **value, size_t *value_n)
{
	trim(&line, &n);
	for (size_t i = 0; i < LABELS; i++) {
		size_t k = begins(line, n, labels[i].text);

		if (k == 0)
			continue;
		*value = line + k;
		*value_n = n - k;
		trim(value, value_n);
		if (labels[i].value == LISTING_SAID) {
			if (*value_n > 1 || (*value_n == 1 && **value != '.' && **value != ':'))
				continue;
			return &labels[i];
		}
		if (*value_n == 0 || **value != ':')
			continue;
		++*value;
		--*value_n;
		trim(value, value_n);
		return &labels[i];
	}
	return NULL;
}

/* Labels that other texts have too say nothing. */
static bool telling(const struct listing_label *l)
{
	return strcmp(l->text, "Name") != 0 && strcmp(l->text, "Description") != 0 && strcmp(l->text, "Time remaining") != 0;
}

unsigned listing_labels_in(const char *text, size_t n, bool *name)
{
	bool seen[LABELS] = { false };
	unsigned count = 0;

	*name = false;
	while (n > 0) {
		const char *end = memchr(text, '\n', n), *value;
		size_t k = end != NULL ? (size_t)(end - text) : n, value_n;
		size_t line = k > 0 && text[k - 1] == '\r' ? k - 1 : k;
		const struct listing_label *l = line < 400 ? listing_label(text, line, &value, &value_n) : NULL;

		if (l != NULL) {
			*name = *name || l == &labels[0];
			if (telling(l) && !seen[l - labels]) {
				seen[l - labels] = true;
				count++;
			}
		}
		k += end != NULL;
		text += k;
		n -= k;
	}
	return count;
}
