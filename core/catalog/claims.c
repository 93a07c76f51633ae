#include "core/catalog/claims.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/config/claims.h"

static bool take(struct catalog_claim *to, const struct config_claim *from, struct arena *arena)
{
	switch (from->kind) {
	case CONFIG_CLAIM_CLIENT:
		to->kind = CATALOG_CLAIM_CLIENT;
		memcpy(to->client, from->client, sizeof to->client);
		return true;
	case CONFIG_CLAIM_NAME:
		to->kind = CATALOG_CLAIM_NAME;
		return (to->pattern = arena_text(arena, from->pattern)) != NULL;
	case CONFIG_CLAIM_NETWORK:
		break;
	}
	to->kind = CATALOG_CLAIM_NETWORK;
	memcpy(to->network, from->network, sizeof to->network);
	to->network_len = from->network_len;
	to->prefix = from->prefix;
	return true;
}

int claims_read(const struct catalog_claim **out, size_t *n, struct arena *arena, const char *text, struct muster_err *err)
{
	struct catalog_claim *list;
	struct config_claim one;
	size_t room = 1;
	int r;

	*out = NULL;
	*n = 0;
	if (text[0] == '\0')
		return MUSTER_OK;
	for (const char *p = text; *p != '\0'; p++)
		room += *p == ',';
	if ((list = arena_array(arena, room, sizeof *list)) == NULL)
		return err_nomem(err);
	while ((r = config_claim_next(&one, &text, err)) == MUSTER_OK)
		if (!take(&list[(*n)++], &one, arena))
			return err_nomem(err);
	*out = list;
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

/* ---- does a claim fit? ---- */

static unsigned char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : (unsigned char)c;
}

/* Behind the UTF-8 character at @p p, which is not the end. */
static const char *behind(const char *p)
{
	p++;
	while (((unsigned char)*p & 0xC0) == 0x80)
		p++;
	return p;
}

/* Without recursion: only the last star is ever taken back, so there are at most strlen(pattern) x strlen(name) steps. */
static bool fits(const char *pattern, const char *name)
{
	const char *star = NULL, *from = NULL;

	while (*name != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			from = name;
		} else if (*pattern == '?') {
			pattern++;
			name = behind(name);
		} else if (*pattern != '\0' && lower(*pattern) == lower(*name)) {
			pattern++;
			name++;
		} else if (star != NULL) {
			pattern = star;
			name = from = behind(from);
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool within(const struct catalog_claim *c, const uint8_t *addr, size_t addr_len)
{
	size_t whole = c->prefix / 8u;
	unsigned rest = c->prefix % 8u;

	if (c->network_len != addr_len || memcmp(c->network, addr, whole) != 0)
		return false;
	return rest == 0 || ((unsigned)(c->network[whole] ^ addr[whole]) >> (8u - rest)) == 0;
}

static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };

bool catalog_claimed(const struct catalog_claim *claims, size_t n, const uint8_t client[16], const char *name, const uint8_t *addr, size_t addr_len)
{
	/* A listener for both families sees IPv4 peers as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). */
	if (addr_len == 16 && memcmp(addr, mapped, sizeof mapped) == 0) {
		addr += 12;
		addr_len = 4;
	}
	for (size_t i = 0; i < n; i++) {
		const struct catalog_claim *c = &claims[i];

		if (c->kind == CATALOG_CLAIM_CLIENT ? memcmp(c->client, client, sizeof c->client) == 0 :
		    c->kind == CATALOG_CLAIM_NAME ? name != NULL && name[0] != '\0' && fits(c->pattern, name) :
		    addr_len != 0 && within(c, addr, addr_len))
			return true;
	}
	return false;
}

const char *catalog_claim_text(char out[CATALOG_CLAIM_TEXT], const struct catalog_claim *c)
{
	char text[UUID_TEXT > INET6_ADDRSTRLEN ? UUID_TEXT : INET6_ADDRSTRLEN] = "";

	if (c->kind == CATALOG_CLAIM_NAME) {
		(void)snprintf(out, CATALOG_CLAIM_TEXT, "name:%s", c->pattern);
	} else if (c->kind == CATALOG_CLAIM_CLIENT) {
		uuid_format(text, c->client);
		(void)snprintf(out, CATALOG_CLAIM_TEXT, "client:%s", text);
	} else {
		(void)inet_ntop(c->network_len == 4 ? AF_INET : AF_INET6, c->network, text, sizeof text);
		(void)snprintf(out, CATALOG_CLAIM_TEXT, "%s/%u", text, (unsigned)c->prefix);
	}
	return out;
}
