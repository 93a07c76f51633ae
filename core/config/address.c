#include "core/config/address.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/config/report.h"

#define ITEM_MAX 80

/* Decimal number of 1 to 5 digits. */
static bool small_number(const char *text, unsigned largest, unsigned *out)
{
	size_t n = strspn(text, "0123456789");
	unsigned v = 0;

	if (n == 0 || n > 5 || text[n] != '\0')
		return false;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (unsigned)(text[i] - '0');
	*out = v;
	return v <= largest;
}

static int check_listen_item(char *item, struct muster_err *err)
{
	char shown[CONFIG_SHOW];
	char *host = item, *port = strrchr(item, ':');
	struct in_addr v4;
	struct in6_addr v6;
	unsigned number;
	bool good;

	config_show(shown, item);
	if (port == NULL || strchr(port, ']') != NULL)
		return err_set(err, MUSTER_E_INVALID, "'%s' has no port: write %s:1688", shown, shown);
	*port++ = '\0';
	if (!small_number(port, 65535, &number))
		return err_set(err, MUSTER_E_INVALID, "'%s': the port must be a number from 0 to 65535", shown);
	if (host[0] == '[') {
		size_t n = strlen(host);

		good = host[n - 1] == ']';
		host[n - 1] = '\0';
		good = good && inet_pton(AF_INET6, host + 1, &v6) == 1;
	} else {
		good = host[0] == '\0' || inet_pton(AF_INET, host, &v4) == 1;
	}
	if (!good)
		return err_set(err, MUSTER_E_INVALID, "'%s' is not ADDRESS:PORT: write 127.0.0.1:1688, [::1]:1688 or :1688", shown);
	return MUSTER_OK;
}

/* Are all bits of the address after the first @p keep zero? */
static bool rest_zero(const uint8_t *address, size_t n, unsigned keep)
{
	for (size_t i = 0; i < n; i++) {
		unsigned from = (unsigned)i * 8;
		unsigned mask = keep <= from ? 0xFF : keep >= from + 8 ? 0 : 0xFFU >> (keep - from);

		if ((address[i] & mask) != 0)
			return false;
	}
	return true;
}

int config_parse_network(char *item, uint8_t address[16], uint8_t *len, uint8_t *prefix, struct muster_err *err)
{
	char shown[CONFIG_SHOW];
	char *bits = strchr(item, '/');
	unsigned number, largest;

	config_show(shown, item);
	memset(address, 0, 16);
	if (bits == NULL)
		return err_set(err, MUSTER_E_INVALID, "'%s' has no prefix length: write ADDRESS/BITS, such as 10.0.0.0/8", shown);
	*bits++ = '\0';
	if (inet_pton(AF_INET, item, address) == 1)
		largest = 32;
	else if (inet_pton(AF_INET6, item, address) == 1)
		largest = 128;
	else
		return err_set(err, MUSTER_E_INVALID, "'%s' is not ADDRESS/BITS: write 10.0.0.0/8 or 2001:db8::/32", shown);
	if (!small_number(bits, largest, &number))
		return err_set(err, MUSTER_E_INVALID, "'%s': the prefix length must be a number from 0 to %u", shown, largest);
	if (!rest_zero(address, largest / 8, number))
		return err_set(err, MUSTER_E_INVALID, "'%s': the address has bits set beyond its first %u", shown, number);
	*len = (uint8_t)(largest / 8);
	*prefix = (uint8_t)number;
	return MUSTER_OK;
}

static int check_network_item(char *item, struct muster_err *err)
{
	uint8_t address[16], len, prefix;

	return config_parse_network(item, address, &len, &prefix, err);
}

static int each_item(const char *text, int (*check)(char *item, struct muster_err *err), struct muster_err *err)
{
	for (const char *p = text;;) {
		size_t lead, n;
		char item[ITEM_MAX];
		int r;

		p += strspn(p, " \t");
		n = strcspn(p, ",");
		for (lead = n; lead > 0 && (p[lead - 1] == ' ' || p[lead - 1] == '\t'); lead--)
			;
		if (lead == 0)
			return err_set(err, MUSTER_E_INVALID, "an item of the list is empty");
		if (lead >= sizeof item)
			return err_set(err, MUSTER_E_INVALID, "an item of the list is longer than %d bytes", ITEM_MAX - 1);
		memcpy(item, p, lead);
		item[lead] = '\0';
		if ((r = check(item, err)) != MUSTER_OK)
			return r;
		if (p[n] == '\0')
			return MUSTER_OK;
		p += n + 1;
	}
}

int config_check_listen(const char *text, struct muster_err *err)
{
	return each_item(text, check_listen_item, err);
}

int config_check_networks(const char *text, struct muster_err *err)
{
	return text[0] == '\0' ? MUSTER_OK : each_item(text, check_network_item, err);
}
