#include "core/service/networks.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"

/* ADDRESS or ADDRESS/BITS. */
static int parse_one(struct network *out, char *text)
{
	char *slash = strchr(text, '/'), *end = NULL;
	unsigned long bits;

	memset(out, 0, sizeof *out);
	if (slash != NULL)
		*slash = '\0';
	if (inet_pton(AF_INET, text, out->address.b) == 1)
		out->address.len = 4;
	else if (inet_pton(AF_INET6, text, out->address.b) == 1)
		out->address.len = 16;
	else
		return MUSTER_E_INVALID;
	out->bits = (uint8_t)(out->address.len * 8);
	if (slash == NULL)
		return MUSTER_OK;
	if (slash[1] < '0' || slash[1] > '9')
		return MUSTER_E_INVALID;
	bits = strtoul(slash + 1, &end, 10);
	if (*end != '\0' || bits > out->bits)
		return MUSTER_E_INVALID;
	out->bits = (uint8_t)bits;
	return MUSTER_OK;
}

static char *trim(char *text)
{
	size_t n;

	while (*text == ' ' || *text == '\t')
		text++;
	n = strlen(text);
	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		text[--n] = '\0';
	return text;
}

static int add(struct networks *out, char *entry, struct muster_err *err)
{
	struct network one, *grown;
	char shown[64];

	entry = trim(entry);
	if (*entry == '\0')
		return MUSTER_OK;
	if (out->n == NETWORKS_MAX)
		return err_set(err, MUSTER_E_LIMIT, "networks: more than %d entries", NETWORKS_MAX);
	(void)strncpy(shown, entry, sizeof shown - 1);
	shown[sizeof shown - 1] = '\0';
	if (parse_one(&one, entry) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "networks: \"%s\" is not ADDRESS/BITS, for example 10.0.0.0/8 or 2001:db8::/32", shown);
	if ((grown = mem_grow(out->list, out->n + 1, sizeof *grown)) == NULL)
		return err_nomem(err);
	out->list = grown;
	out->list[out->n++] = one;
	return MUSTER_OK;
}

int networks_parse(struct networks *out, const char *text, struct muster_err *err)
{
	int r = MUSTER_OK;
	char *copy, *rest, *entry;

	out->list = NULL;
	out->n = 0;
	if (text == NULL || *text == '\0')
		return MUSTER_OK;
	if ((copy = mem_strdup(text)) == NULL)
		return err_nomem(err);
	rest = copy;
	while (r == MUSTER_OK && (entry = strsep(&rest, ",")) != NULL)
		r = add(out, entry, err);
	mem_free(copy);
	if (r != MUSTER_OK)
		networks_fini(out);
	return r;
}

void networks_fini(struct networks *n)
{
	mem_free(n->list);
	n->list = NULL;
	n->n = 0;
}

static bool within(const struct network *n, const struct address *a)
{
	size_t whole = n->bits / 8u;
	unsigned rest = n->bits % 8u;

	if (n->address.len != a->len || memcmp(n->address.b, a->b, whole) != 0)
		return false;
	return rest == 0 || ((unsigned)(n->address.b[whole] ^ a->b[whole]) >> (8u - rest)) == 0;
}

bool networks_allow(const struct networks *n, const struct address *a)
{
	if (n->n == 0 || a->len == 0)
		return true;
	for (size_t i = 0; i < n->n; i++)
		if (within(&n->list[i], a))
			return true;
	return false;
}
