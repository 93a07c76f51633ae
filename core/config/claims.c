#include "core/config/claims.h"

#include <string.h>

#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/config/address.h"
#include "core/config/lists.h"
#include "core/config/report.h"

#define CLIENT "client:"
#define NAME "name:"

static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };

static int read_client(struct config_claim *out, const char *text, struct muster_err *err)
{
	char shown[CONFIG_SHOW];

	out->kind = CONFIG_CLAIM_CLIENT;
	if (uuid_parse(out->client, text, strlen(text)) != MUSTER_OK || uuid_is_nil(out->client))
		return err_set(err, MUSTER_E_INVALID, "'client:%s' names no client machine ID: write client: and a UUID that is not all zero", config_show(shown, text));
	return MUSTER_OK;
}

static int read_pattern(struct config_claim *out, const char *text, struct muster_err *err)
{
	char shown[CONFIG_SHOW];

	out->kind = CONFIG_CLAIM_NAME;
	if (text[0] == '\0')
		return err_set(err, MUSTER_E_INVALID, "'name:' has no pattern: write name:pc-* or name:* for every machine that says its name");
	/* What other patterns have and these have not: taken as it stands it would fit nothing. */
	if (strpbrk(text, "[]{}\\|^$") != NULL)
		return err_set(err, MUSTER_E_INVALID, "'name:%s' is not a pattern: only * (any number of characters) and ? (one) have a meaning", config_show(shown, text));
	if (strlen(text) > CONFIG_PATTERN_MAX)
		return err_set(err, MUSTER_E_INVALID, "the pattern '%s' is longer than %d bytes", config_show(shown, text), CONFIG_PATTERN_MAX);
	strcpy(out->pattern, text);
	return MUSTER_OK;
}

int config_claim_next(struct config_claim *out, const char **at, struct muster_err *err)
{
	char item[CONFIG_PATTERN_MAX + 64], shown[CONFIG_SHOW];
	int r;

	memset(out, 0, sizeof *out);
	if ((r = config_list_next(item, sizeof item, at, err)) != MUSTER_OK)
		return r;
	if (strncmp(item, CLIENT, sizeof CLIENT - 1) == 0)
		return read_client(out, item + sizeof CLIENT - 1, err);
	if (strncmp(item, NAME, sizeof NAME - 1) == 0)
		return read_pattern(out, item + sizeof NAME - 1, err);
	out->kind = CONFIG_CLAIM_NETWORK;
	/* user:ann and pc1.example.org are no addresses that lack something. */
	if (strchr(item, '/') == NULL && (strpbrk(item, ".:") == NULL || item[strspn(item, "0123456789abcdefABCDEF.:")] != '\0'))
		return err_set(err, MUSTER_E_INVALID, "'%s' is none of client:UUID, name:PATTERN and ADDRESS/BITS", config_show(shown, item));
	config_show(shown, item);
	if ((r = config_parse_network(item, out->network, &out->network_len, &out->prefix, err)) != MUSTER_OK)
		return r;
	/* Peers are compared as IPv4 (RFC 4291 section 2.5.5.2), so this would name nobody. */
	if (out->network_len == 16 && out->prefix >= 96 && memcmp(out->network, mapped, sizeof mapped) == 0)
		return err_set(err, MUSTER_E_INVALID, "'%s' is a network of IPv4 written as IPv6: write it such as 10.0.0.0/8", shown);
	return MUSTER_OK;
}

int config_check_claims(const char *text, struct muster_err *err)
{
	struct config_claim one;
	int r;

	while ((r = config_claim_next(&one, &text, err)) == MUSTER_OK)
		;
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}
