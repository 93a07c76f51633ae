/*
 * A list of claims and a machine's name, apart by a zero byte. The list is refused with a sentence, or read; what was read says of the name what a
 * matcher says that tries everything, and each claim written and read again is the same.
 */
#include <string.h>

#include "core/catalog/claims.h"
#include "core/catalog/lint.h"
#include "core/config/claims.h"
#include "core/config/lists.h"
#include "core/base/err.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX 3500
#define NAME_MAX_BYTES 255

static unsigned char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : (unsigned char)c;
}

static size_t behind(const char *p, size_t at)
{
	do
		at++;
	while (((unsigned char)p[at] & 0xC0) == 0x80);
	return at;
}

/* By a table of all beginnings. */
static bool fits(const char *pattern, const char *name)
{
	static bool row[NAME_MAX_BYTES + 2], next[NAME_MAX_BYTES + 2];
	size_t n = strlen(name);

	memset(row, 0, sizeof row);
	row[0] = true;
	for (; *pattern != '\0'; pattern++) {
		memset(next, 0, sizeof next);
		for (size_t i = 0; i <= n; i++) {
			if (!row[i])
				continue;
			if (*pattern == '*')
				/* Stars end where characters end. */
				for (size_t k = i; k <= n; k = k < n ? behind(name, k) : n + 1)
					next[k] = true;
			else if (*pattern == '?' && i < n)
				next[behind(name, i)] = true;
			else if (i < n && lower(*pattern) == lower(name[i]))
				next[i + 1] = true;
		}
		memcpy(row, next, sizeof row);
	}
	return row[n];
}

static void check_claim(const struct catalog_claim *c, const char *name)
{
	static const uint8_t nobody[16] = { 1 };
	char text[CATALOG_CLAIM_TEXT];
	struct config_claim again;
	struct muster_err err;
	const char *at = catalog_claim_text(text, c);

	FUZZ_CHECK(config_claim_next(&again, &at, &err) == MUSTER_OK && at == NULL);
	FUZZ_CHECK((int)again.kind == (int)c->kind);
	/* Configuration and requests are UTF-8 before they come here; of anything else only that nothing is read beyond it. */
	if (c->kind == CATALOG_CLAIM_NAME && (lint_text(c->pattern, CONFIG_PATTERN_MAX) != NULL || lint_text(name, NAME_MAX_BYTES) != NULL))
		(void)catalog_claimed(c, 1, nobody, name, NULL, 0);
	else if (c->kind == CATALOG_CLAIM_NAME)
		FUZZ_CHECK(catalog_claimed(c, 1, nobody, name, NULL, 0) == (name[0] != '\0' && fits(c->pattern, name)));
	else if (c->kind == CATALOG_CLAIM_CLIENT)
		FUZZ_CHECK(catalog_claimed(c, 1, c->client, name, NULL, 0));
	else
		FUZZ_CHECK(catalog_claimed(c, 1, nobody, name, c->network, c->network_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[TEXT_MAX + 1], name[NAME_MAX_BYTES + 1];
	const struct catalog_claim *claims;
	struct config_medium medium;
	struct arena arena = { 0 };
	struct muster_err err = { 0 };
	const char *at;
	size_t n, first = 0, rest;
	int r;

	while (first < size && data[first] != 0)
		first++;
	rest = first < size ? size - first - 1 : 0;
	if (first > TEXT_MAX || rest > NAME_MAX_BYTES || (rest > 0 && memchr(data + first + 1, 0, rest) != NULL))
		return 0;
	memcpy(text, data, first);
	text[first] = '\0';
	if (rest > 0)
		memcpy(name, data + first + 1, rest);
	name[rest] = '\0';
	r = config_check_claims(text, &err);
	FUZZ_CHECK(r == MUSTER_OK || (r == MUSTER_E_INVALID && err.message[0] != '\0'));
	FUZZ_CHECK(claims_read(&claims, &n, &arena, text, &err) == r);
	for (size_t i = 0; r == MUSTER_OK && i < n; i++)
		check_claim(&claims[i], name);
	arena_free(&arena);
	/* The other lists of one line. */
	(void)config_check_versions(text, false, &err);
	(void)config_check_words(text, "device user", &err);
	for (at = text; config_medium_next(&medium, &at, &err) == MUSTER_OK;)
		FUZZ_CHECK(medium.path[0] != '/' && strstr(medium.path, "..") == NULL && medium.section[0] != '\0' && medium.key[0] != '\0');
	return 0;
}
