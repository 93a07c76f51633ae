#include "core/catalog/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/utf8.h"
#include "core/catalog/options.h"

#define STRIDE_MAX 65536U

static const char *const model_names[] = { "none", "threshold", "counted", "embedded", "access", "seats" };

const char *lint_model_name(uint32_t model)
{
	return model < sizeof model_names / sizeof model_names[0] ? model_names[model] : NULL;
}

bool lint_model_parse(const char *name, uint32_t *model)
{
	uint32_t i;

	for (i = 0; i < sizeof model_names / sizeof model_names[0]; i++)
		if (strcmp(name, model_names[i]) == 0) {
			*model = i;
			return true;
		}
	return false;
}

static bool name_of(const char *name, const char *others)
{
	size_t n;

	if (name == NULL || name[0] < 'a' || name[0] > 'z')
		return false;
	n = strnlen(name, MUSTER_NAME_MAX + 1);
	return n <= MUSTER_NAME_MAX && strspn(name, others) == n;
}

bool lint_name(const char *name)
{
	return name_of(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

bool lint_option_name(const char *name)
{
	return name_of(name, "abcdefghijklmnopqrstuvwxyz0123456789-_");
}

/** Length of the character at @p s, 0 when it is none or a control character (C1, U+0080 to U+009F, has two bytes). */
static size_t plain_character(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0) ? 0 : utf8_length(s, UTF8_MAX);
}

const char *lint_text(const char *text, size_t max)
{
	size_t i, step;

	if (text == NULL)
		return "is missing";
	if (text[0] == '\0')
		return "is empty";
	for (i = 0; text[i] != '\0'; i += step) {
		if (i >= max)
			return "is too long";
		if ((step = plain_character((const unsigned char *)text + i)) == 0)
			return "is not plain UTF-8 text on one line";
	}
	return NULL;
}

int lint_fail(struct lint_at *at, const char *fmt, ...)
{
	char text[MUSTER_ERR_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	return err_set(at->err, MUSTER_E_INVALID, "%s: %s%s%s", at->where, at->spot, at->spot[0] != '\0' ? ": " : "", text);
}

int lint_copy(struct lint_at *at, const char *table, const struct muster_table *t, size_t known, size_t least, void **rows)
{
	const unsigned char *from = t->rows;
	unsigned char *to;
	size_t i, use = t->stride < known ? t->stride : known;

	*rows = NULL;
	if (t->count == 0)
		return MUSTER_OK;
	if (t->rows == NULL)
		return lint_fail(at, "table %s has %u rows and no address; write MUSTER_TABLE(array) or MUSTER_TABLE_NONE", table, (unsigned)t->count);
	if (t->count > MUSTER_ROWS_MAX)
		return lint_fail(at, "table %s has %u rows, more than %u; its count is probably not set with MUSTER_TABLE", table, (unsigned)t->count, MUSTER_ROWS_MAX);
	if (t->stride < least || t->stride > STRIDE_MAX || t->stride % sizeof(uint32_t) != 0)
		return lint_fail(at, "table %s has rows of %u bytes, and %zu to %u in steps of 4 are possible; set it with MUSTER_TABLE", table, (unsigned)t->stride, least, STRIDE_MAX);
	if ((to = arena_array(at->arena, t->count, known)) == NULL)
		return err_nomem(at->err);
	*rows = to;
	for (i = 0; i < t->count; i++)
		memcpy(to + i * known, from + i * t->stride, use);
	return MUSTER_OK;
}

static int check_pools(struct lint_tables *out, struct lint_at *at)
{
	size_t i, k;

	MUSTER_ASSERT(out->pools != NULL || out->pool_count == 0);
	for (i = 0; i < out->pool_count; i++) {
		const struct muster_pool *p = &out->pools[i];
		const char *wrong;

		(void)snprintf(at->spot, sizeof at->spot, "pools row %zu", i + 1);
		if (!lint_name(p->name))
			return lint_fail(at, "name is missing or not made of a-z, 0-9 and '-', at most %u, a letter first", MUSTER_NAME_MAX);
		(void)snprintf(at->spot, sizeof at->spot, "pools row %zu (%s)", i + 1, p->name);
		if (p->title != NULL && (wrong = lint_text(p->title, MUSTER_TEXT_MAX)) != NULL)
			return lint_fail(at, "title %s; at most %u bytes, or NULL", wrong, MUSTER_TEXT_MAX);
		if (p->window_s != 0 && (p->window_s < LINT_INTERVAL_MIN || p->window_s > LINT_WINDOW_MAX))
			return lint_fail(at, "window_s is %u; 0 for 30 days, or %u to %u seconds", (unsigned)p->window_s, LINT_INTERVAL_MIN, LINT_WINDOW_MAX);
		if (p->flags != 0)
			return lint_fail(at, "flags has bits this host does not know (0x%x)", (unsigned)p->flags);
		for (k = 0; k < i; k++)
			if (strcmp(out->pools[k].name, p->name) == 0)
				return lint_fail(at, "the name is used by row %zu already", k + 1);
	}
	return MUSTER_OK;
}

static int check_needs(struct lint_tables *out, struct lint_at *at, const char *self)
{
	size_t i;

	MUSTER_ASSERT(out->needs != NULL || out->need_count == 0);
	for (i = 0; i < out->need_count; i++) {
		const struct muster_need *n = &out->needs[i];
		const char *wrong;

		(void)snprintf(at->spot, sizeof at->spot, "needs row %zu", i + 1);
		if (!lint_name(n->plugin))
			return lint_fail(at, "plugin is missing or not a plugin's name");
		if (strcmp(n->plugin, self) == 0)
			return lint_fail(at, "the plugin names itself");
		if ((wrong = lint_text(n->why, MUSTER_TEXT_MAX)) != NULL)
			return lint_fail(at, "why %s; say what does not work without %s", wrong, n->plugin);
	}
	return MUSTER_OK;
}

int lint_plugin(struct lint_tables *out, struct arena *arena, const char *where, const struct muster_plugin *plugin, struct muster_err *err)
{
	struct lint_at at = { arena, where, err, "" };
	void *rows;
	const char *wrong;
	int r;

	memset(out, 0, sizeof *out);
	if ((wrong = lint_text(plugin->version, MUSTER_TEXT_MAX)) != NULL)
		return lint_fail(&at, "version %s", wrong);
	if ((wrong = lint_text(plugin->license, MUSTER_TEXT_MAX)) != NULL)
		return lint_fail(&at, "license %s; give the SPDX expression of the plugin's own licence", wrong);

	if ((r = lint_copy(&at, "pools", &plugin->pools, sizeof(struct muster_pool), sizeof(char *), &rows)) != MUSTER_OK)
		return r;
	out->pools = rows;
	out->pool_count = plugin->pools.count;
	if ((r = check_pools(out, &at)) != MUSTER_OK)
		return r;

	at.spot[0] = '\0';
	if ((r = lint_products(out, &at, &plugin->products)) != MUSTER_OK)
		return r;

	at.spot[0] = '\0';
	if ((r = lint_copy(&at, "options", &plugin->options, sizeof(struct muster_option), offsetof(struct muster_option, min), &rows)) != MUSTER_OK)
		return r;
	out->options = rows;
	out->option_count = plugin->options.count;
	if ((r = options_lint(&at, out->options, out->option_count, plugin->options_size)) != MUSTER_OK)
		return r;

	at.spot[0] = '\0';
	if ((r = lint_copy(&at, "needs", &plugin->needs, sizeof(struct muster_need), sizeof(struct muster_need), &rows)) != MUSTER_OK)
		return r;
	out->needs = rows;
	out->need_count = plugin->needs.count;
	return check_needs(out, &at, plugin->name);
}
