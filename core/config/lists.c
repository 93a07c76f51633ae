#include "core/config/lists.h"

#include <string.h>

#include "core/base/err.h"
#include "core/config/report.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

int config_list_next(char *out, size_t room, const char **at, struct muster_err *err)
{
	const char *p = *at;
	size_t whole, n;

	if (p == NULL || *p == '\0')
		return MUSTER_E_NOT_FOUND;
	while (blank(*p))
		p++;
	whole = n = strcspn(p, ",");
	while (n > 0 && blank(p[n - 1]))
		n--;
	/* A comma at the end leaves an empty item behind it. */
	*at = p[whole] == ',' ? p + whole + 1 : NULL;
	if (n == 0 || (*at != NULL && (*at)[strspn(*at, " \t")] == '\0'))
		return err_set(err, MUSTER_E_INVALID, "an item of the list is empty");
	if (n >= room)
		return err_set(err, MUSTER_E_INVALID, "an item of the list is longer than %zu bytes", room - 1);
	memcpy(out, p, n);
	out[n] = '\0';
	return MUSTER_OK;
}

bool config_is_version(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n <= CONFIG_NAME_IN_INI_MAX && text[0] != '-' && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* Is @p item one of the items before @p end? */
static bool seen(const char *text, const char *end, const char *item)
{
	char other[128];
	struct muster_err err;

	while (text != NULL && text < end && config_list_next(other, sizeof other, &text, &err) == MUSTER_OK)
		if (strcmp(other, item) == 0)
			return true;
	return false;
}

/* 2025 and then 2022: the newest first. Numbers of different lengths are names as others ("2003, 7"). */
static bool falls(const char *before, const char *item)
{
	size_t n = strlen(item);

	return n > 0 && strspn(item, "0123456789") == n && strlen(before) == n && strspn(before, "0123456789") == n && strcmp(before, item) > 0;
}

int config_check_versions(const char *text, bool one, struct muster_err *err)
{
	char item[128], before[128] = "", shown[CONFIG_SHOW];
	const char *at = text, *from;
	size_t n = 0;
	int r;

	for (from = at; (r = config_list_next(item, sizeof item, &at, err)) == MUSTER_OK; from = at) {
		config_show(shown, item);
		if (one && (n > 0 || at != NULL))
			return err_set(err, MUSTER_E_INVALID, "one version is meant, and there are several");
		if (!config_is_version(item))
			return err_set(err, MUSTER_E_INVALID, "'%s' is not a version: use a-z, 0-9 and '-', first a letter or digit, at most %d", shown, CONFIG_NAME_IN_INI_MAX);
		if (from != text && seen(text, from, item))
			return err_set(err, MUSTER_E_INVALID, "'%s' is named twice", shown);
		if (++n > CONFIG_VERSIONS_MAX)
			return err_set(err, MUSTER_E_INVALID, "there are more than %d versions", CONFIG_VERSIONS_MAX);
		if (falls(before, item))
			return err_set(err, MUSTER_E_INVALID, "'%s' stands behind '%s': name the oldest first", shown, before);
		strcpy(before, item);
	}
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

static bool is_word(const char *words, const char *item)
{
	size_t n = strlen(item);

	for (const char *p = words; *p != '\0'; p += strspn(p, " ")) {
		size_t word = strcspn(p, " ");

		if (word == n && strncmp(p, item, n) == 0)
			return true;
		p += word;
	}
	return false;
}

int config_check_words(const char *text, const char *words, struct muster_err *err)
{
	char item[64], shown[CONFIG_SHOW];
	const char *at = text, *from;
	int r;

	for (from = at; (r = config_list_next(item, sizeof item, &at, err)) == MUSTER_OK; from = at) {
		config_show(shown, item);
		if (!is_word(words, item))
			return err_set(err, MUSTER_E_INVALID, "'%s' is none of: %s", shown, words);
		if (from != text && seen(text, from, item))
			return err_set(err, MUSTER_E_INVALID, "'%s' is named twice", shown);
	}
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}

/* ---- PATH [SECTION] KEY ---- */

static bool take(char *out, size_t room, const char *from, const char *end)
{
	size_t n;

	while (from < end && blank(*from))
		from++;
	while (end > from && blank(end[-1]))
		end--;
	n = (size_t)(end - from);
	if (n == 0 || n >= room)
		return false;
	memcpy(out, from, n);
	out[n] = '\0';
	return true;
}

int config_medium_next(struct config_medium *out, const char **at, struct muster_err *err)
{
	char item[512], shown[CONFIG_SHOW];
	const char *open, *close;
	int r;

	if ((r = config_list_next(item, sizeof item, at, err)) != MUSTER_OK)
		return r;
	config_show(shown, item);
	open = strchr(item, '[');
	close = open != NULL ? strchr(open, ']') : NULL;
	if (close == NULL || !take(out->path, sizeof out->path, item, open) || !take(out->section, sizeof out->section, open + 1, close) ||
	    !take(out->key, sizeof out->key, close + 1, item + strlen(item)))
		return err_set(err, MUSTER_E_INVALID, "'%s' is not PATH [SECTION] KEY: write such as x64/Setup.ini [OPTIONS] PID", shown);
	/* Media are not trusted: only a path that stays inside (core/catalog/lint_product.c says the same of plugins). */
	if (out->path[0] == '/' || strstr(out->path, "..") != NULL || strchr(out->path, '\\') != NULL)
		return err_set(err, MUSTER_E_INVALID, "'%s': the path must be a relative one with '/' and without '..'", shown);
	return MUSTER_OK;
}

int config_check_media(const char *text, struct muster_err *err)
{
	struct config_medium one;
	size_t n = 0;
	int r;

	while ((r = config_medium_next(&one, &text, err)) == MUSTER_OK)
		if (++n > CONFIG_MEDIA_MAX)
			return err_set(err, MUSTER_E_INVALID, "there are more than %d places", CONFIG_MEDIA_MAX);
	return r == MUSTER_E_NOT_FOUND ? MUSTER_OK : r;
}
