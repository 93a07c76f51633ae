#include "core/catalog/options.h"

#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/nearest.h"

static size_t member_size(uint32_t type)
{
	switch (type) {
	case MUSTER_OPTION_FLAG: return sizeof(uint32_t);
	case MUSTER_OPTION_TEXT: return sizeof(const char *);
	default: return sizeof(uint64_t);
	}
}

static bool reserved_name(const char *name)
{
	return strcmp(name, "path") == 0 || strcmp(name, "required") == 0 || strcmp(name, "enabled") == 0 || strcmp(name, "sha256") == 0;
}

static bool flag_parse(const char *value, uint32_t *flag)
{
	static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };
	size_t i;

	for (i = 0; i < sizeof yes / sizeof yes[0]; i++) {
		if (strcmp(value, yes[i]) == 0)
			return *flag = 1, true;
		if (strcmp(value, no[i]) == 0)
			return *flag = 0, true;
	}
	return false;
}

static bool outside(const struct muster_option *row, uint64_t v)
{
	return (row->min != 0 || row->max != 0) && (v < row->min || v > row->max);
}

static int set_text(struct arena *arena, void *member, const struct muster_option *row, const char *value, struct muster_err *err)
{
	const char *copy;

	if (value[0] != '\0' && lint_text(value, 4096) != NULL)
		return err_set(err, MUSTER_E_INVALID, "the text %s", lint_text(value, 4096));
	if (outside(row, strlen(value)))
		return err_set(err, MUSTER_E_INVALID, "the text has %zu bytes, and %llu to %llu are allowed", strlen(value), (unsigned long long)row->min, (unsigned long long)row->max);
	if ((copy = arena_text(arena, value)) == NULL)
		return err_nomem(err);
	memcpy(member, &copy, sizeof copy);
	return MUSTER_OK;
}

int options_set(struct arena *arena, void *to, const struct muster_option *row, const char *value, struct muster_err *err)
{
	unsigned char *member = (unsigned char *)to + row->offset;
	struct muster_err inner = { 0 };
	uint64_t number;
	uint32_t flag;
	char kind;

	if (row->type == MUSTER_OPTION_TEXT)
		return set_text(arena, member, row, value, err);
	if (row->type == MUSTER_OPTION_FLAG) {
		if (!flag_parse(value, &flag))
			return err_set(err, MUSTER_E_INVALID, "\"%s\" is neither yes nor no", value);
		memcpy(member, &flag, sizeof flag);
		return MUSTER_OK;
	}
	kind = row->type == MUSTER_OPTION_TIME ? 't' : row->type == MUSTER_OPTION_SIZE ? 's' : 'n';
	if (config_parse_value(kind, value, &number, &inner) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "%s", inner.message);
	if (outside(row, number))
		return err_set(err, MUSTER_E_INVALID, "%s is outside %llu to %llu%s%s", value, (unsigned long long)row->min, (unsigned long long)row->max,
		               kind == 't' ? " seconds" : kind == 's' ? " bytes" : row->unit != NULL ? " " : "", kind == 'n' && row->unit != NULL ? row->unit : "");
	memcpy(member, &number, sizeof number);
	return MUSTER_OK;
}

static int lint_place(struct lint_at *at, const struct muster_option *rows, size_t here, uint32_t options_size)
{
	const struct muster_option *o = &rows[here];
	size_t size = member_size(o->type), k;

	if (o->offset > options_size || size > options_size - o->offset)
		return lint_fail(at, "offset %u with %zu bytes lies outside the option structure of %u bytes", (unsigned)o->offset, size, (unsigned)options_size);
	if (o->offset % size != 0)
		return lint_fail(at, "offset %u is not aligned for a member of %zu bytes; use offsetof and the member type that the option's type names", (unsigned)o->offset, size);
	for (k = 0; k < here; k++) {
		if (strcmp(rows[k].name, o->name) == 0)
			return lint_fail(at, "the name is used by row %zu already", k + 1);
		if (o->offset < rows[k].offset + member_size(rows[k].type) && rows[k].offset < o->offset + size)
			return lint_fail(at, "its member overlaps that of %s; the option's type and the member's type differ", rows[k].name);
	}
	return MUSTER_OK;
}

static int lint_option(struct lint_at *at, const struct muster_option *rows, size_t here, uint32_t options_size)
{
	const struct muster_option *o = &rows[here];
	struct muster_err inner = { 0 };
	union { uint64_t number; const char *text; uint32_t flag; } member;
	struct muster_option alone = *o;
	int r;

	if (reserved_name(o->name))
		return lint_fail(at, "the name is the host's own");
	if (o->type < MUSTER_OPTION_FLAG || o->type > MUSTER_OPTION_TEXT)
		return lint_fail(at, "type %u is none of MUSTER_OPTION_*", (unsigned)o->type);
	if ((r = lint_place(at, rows, here, options_size)) != MUSTER_OK)
		return r;
	if (o->min > o->max)
		return lint_fail(at, "min is above max");
	if (lint_text(o->doc, MUSTER_TEXT_MAX) != NULL)
		return lint_fail(at, "doc %s; one sentence, for the sample configuration", lint_text(o->doc, MUSTER_TEXT_MAX));
	if (o->unit != NULL && lint_text(o->unit, 63) != NULL)
		return lint_fail(at, "unit %s", lint_text(o->unit, 63));
	if (o->initial == NULL)
		return MUSTER_OK;
	alone.offset = 0;
	if ((r = options_set(at->arena, &member, &alone, o->initial, &inner)) != MUSTER_OK)
		return r == MUSTER_E_NOMEM ? err_nomem(at->err) : lint_fail(at, "initial: %s", inner.message);
	return MUSTER_OK;
}

int options_lint(struct lint_at *at, const struct muster_option *rows, size_t count, uint32_t options_size)
{
	size_t i;
	int r;

	if ((count != 0) != (options_size != 0))
		return lint_fail(at, "options_size is %u and the options table has %zu rows; give both or neither", (unsigned)options_size, count);
	if (options_size > MUSTER_OPTIONS_MAX)
		return lint_fail(at, "options_size is %u, more than %u", (unsigned)options_size, MUSTER_OPTIONS_MAX);
	for (i = 0; i < count; i++) {
		(void)snprintf(at->spot, sizeof at->spot, "options row %zu", i + 1);
		if (!lint_option_name(rows[i].name))
			return lint_fail(at, "name is missing or not made of a-z, 0-9, '_' and '-', a letter first");
		(void)snprintf(at->spot, sizeof at->spot, "options row %zu (%s)", i + 1, rows[i].name);
		if ((r = lint_option(at, rows, i, options_size)) != MUSTER_OK)
			return r;
	}
	return MUSTER_OK;
}

struct known_options { const struct muster_option *rows; };

static const char *option_name(const void *ctx, size_t i)
{
	return ((const struct known_options *)ctx)->rows[i].name;
}

static int set_defaults(struct arena *arena, void *to, const struct muster_option *rows, size_t count, struct muster_err *err)
{
	static const char *const empty = "";
	size_t i;
	int r;

	for (i = 0; i < count; i++) {
		if (rows[i].initial != NULL) {
			if ((r = options_set(arena, to, &rows[i], rows[i].initial, err)) != MUSTER_OK)
				return r;
		} else if (rows[i].type == MUSTER_OPTION_TEXT) {
			memcpy((unsigned char *)to + rows[i].offset, &empty, sizeof empty);
		}
	}
	return MUSTER_OK;
}

static int set_given(struct arena *arena, void *to, const struct muster_option *rows, size_t count, const struct config_plugin *section,
                     const struct config_option *given, struct muster_err *err)
{
	struct known_options known = { rows };
	struct muster_err inner = { 0 };
	const char *nearest;
	size_t i;
	int r;

	for (i = 0; i < count && strcmp(rows[i].name, given->name) != 0; i++)
		;
	if (i == count) {
		nearest = nearest_name(given->name, count, option_name, &known);
		return err_set(err, MUSTER_E_INVALID, "%s:%u: [plugin %s] %s: the plugin has no such option%s%s%s", given->at.file, given->at.line, section->name, given->name,
		               nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "", nearest != NULL ? "?)" : "");
	}
	if ((r = options_set(arena, to, &rows[i], given->value, &inner)) == MUSTER_E_INVALID)
		return err_set(err, r, "%s:%u: [plugin %s] %s: %s", given->at.file, given->at.line, section->name, given->name, inner.message);
	return r == MUSTER_OK ? r : err_nomem(err);
}

int options_fill(struct arena *arena, void *to, const struct muster_option *rows, size_t count, const struct config_plugin *section,
                 void (*fault)(void *ctx, const char *message), void *ctx, struct muster_err *err)
{
	int r, result;
	size_t i;

	if ((result = set_defaults(arena, to, rows, count, err)) != MUSTER_OK || section == NULL)
		return result;
	for (i = 0; i < section->option_count; i++) {
		struct muster_err one = { 0 };

		if ((r = set_given(arena, to, rows, count, section, &section->options[i], &one)) == MUSTER_OK)
			continue;
		if (r != MUSTER_E_INVALID)
			return err_nomem(err);
		if (fault != NULL)
			fault(ctx, one.message);
		if (result == MUSTER_OK)
			result = err_set(err, MUSTER_E_INVALID, "%s", one.message);
	}
	return result;
}
