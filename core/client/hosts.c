#include "core/client/hosts.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"

#define BLANKS " \t\r\n,"

static bool name_ok(const char *p, size_t n, bool address)
{
	if (n == 0 || n > 253 || p[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		bool plain = isalnum((unsigned char)p[i]) || p[i] == '-' || p[i] == '.' || p[i] == '_';

		if (address ? !(isxdigit((unsigned char)p[i]) || strchr(":.%", p[i]) != NULL) : !plain)
			return false;
	}
	return true;
}

static int bad(const char *entry, const char *why, struct muster_err *err)
{
	return err_set(err, MUSTER_E_INVALID, "host \"%s\": %s; write HOST, HOST:PORT, [IPv6]:PORT or http://HOST:PORT", entry, why);
}

/* Port after a colon; "" keeps the default. */
static int read_port(unsigned *port, const char *text)
{
	char *end;
	unsigned long v;

	if (*text == '\0')
		return MUSTER_OK;
	if (text[0] != ':' || !isdigit((unsigned char)text[1]))
		return MUSTER_E_INVALID;
	v = strtoul(text + 1, &end, 10);
	if (*end != '\0' || v < 1 || v > 65535)
		return MUSTER_E_INVALID;
	*port = (unsigned)v;
	return MUSTER_OK;
}

/* rest: host[:port] without scheme. */
static int parse_authority(char url[HOSTS_URL], const char *scheme, const char *entry, const char *rest, unsigned port, struct muster_err *err)
{
	const char *colon = strchr(rest, ':'), *tail;
	bool address = rest[0] == '[' || (colon != NULL && strchr(colon + 1, ':') != NULL);
	size_t n;

	if (rest[0] == '[') {
		rest++;
		if ((tail = strchr(rest, ']')) == NULL)
			return bad(entry, "the bracket is not closed", err);
		n = (size_t)(tail - rest);
		tail++;
	} else {
		n = address ? strlen(rest) : strcspn(rest, ":");
		tail = rest + n;
	}
	if (!name_ok(rest, n, address))
		return bad(entry, "not a host name or address", err);
	if (read_port(&port, tail) != MUSTER_OK)
		return bad(entry, "the port is not a number from 1 to 65535", err);
	(void)snprintf(url, HOSTS_URL, address ? "%s://[%.*s]:%u" : "%s://%.*s:%u", scheme, (int)n, rest, port);
	return MUSTER_OK;
}

static int parse_entry(char url[HOSTS_URL], const char *entry, unsigned port, struct muster_err *err)
{
	const char *sep = strstr(entry, "://");
	bool tls = strncasecmp(entry, "https://", 8) == 0;
	char rest[HOSTS_URL];
	size_t n;

	if (sep == NULL)
		return parse_authority(url, "http", entry, entry, port, err);
	if (!tls && strncasecmp(entry, "http://", 7) != 0)
		return bad(entry, "neither http nor https", err);
	(void)snprintf(rest, sizeof rest, "%s", sep + 3);
	if ((n = strlen(rest)) > 0 && rest[n - 1] == '/')
		rest[n - 1] = '\0';
	if (strpbrk(rest, "/?#@") != NULL)
		return bad(entry, "an address here has no user, path or question", err);
	/* An address that names its scheme has that scheme's own port. */
	return parse_authority(url, tls ? "https" : "http", entry, rest, tls ? 443 : 80, err);
}

static bool known(const struct hosts *h, const char *url)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcasecmp(h->url[i], url) == 0)
			return true;
	return false;
}

int hosts_parse(struct hosts *out, const char *text, unsigned port, struct muster_err *err)
{
	struct hosts found = { 0 };
	char entry[HOSTS_URL];

	out->n = 0;
	if (strlen(text) > HOSTS_TEXT)
		return err_set(err, MUSTER_E_LIMIT, "the list of hosts is longer than %d bytes", HOSTS_TEXT);
	for (;;) {
		size_t n;
		int r;

		text += strspn(text, BLANKS);
		if (*text == '\0')
			break;
		if (*text == '#') {
			text += strcspn(text, "\n");
			continue;
		}
		n = strcspn(text, BLANKS);
		if (n >= sizeof entry - 16)
			return err_set(err, MUSTER_E_LIMIT, "host \"%.40s…\": longer than %zu bytes", text, sizeof entry - 17);
		memcpy(entry, text, n);
		entry[n] = '\0';
		text += n;
		if (found.n == HOSTS_MAX)
			return err_set(err, MUSTER_E_LIMIT, "host \"%s\": more than %d hosts are named", entry, HOSTS_MAX);
		if ((r = parse_entry(found.url[found.n], entry, port, err)) != MUSTER_OK)
			return r;
		if (!known(&found, found.url[found.n]))
			found.n++;
	}
	*out = found;
	return MUSTER_OK;
}
