#include "core/catalog/conformance.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "core/catalog/conformance_private.h"
#include "core/catalog/exports.h"
#include "core/catalog/loader.h"
#include "core/catalog/options.h"

void suite_fail(struct suite *s, const char *fmt, ...)
{
	va_list args;

	if (s->detail[0] != '\0')
		return;
	va_start(args, fmt);
	(void)vsnprintf(s->detail, sizeof s->detail, fmt, args);
	va_end(args);
}

static _Atomic uint32_t *shared;

void suite_share(_Atomic uint32_t *in)
{
	shared = in;
}

void suite_in(unsigned function)
{
	if (shared != NULL)
		atomic_store(shared, function);
}

void suite_end(struct suite *s, const char *what)
{
	bool passed = s->detail[0] == '\0';

	s->failed += !passed;
	s->line(s->ctx, passed, what, s->detail);
	s->detail[0] = '\0';
	suite_in(WATCH_FUNCTIONS);
}

static void plugin_log(const struct muster_host *host, int32_t level, const char *message)
{
	(void)host, (void)level, (void)message;
}

static const struct muster_host quiet_host = { sizeof quiet_host, MUSTER_ABI_MAJOR, MUSTER_ABI_MINOR, plugin_log };

bool suite_start(struct suite *s, const void *options, void **self)
{
	struct muster_err err = { 0 };
	int r;

	*self = NULL;
	if (s->plugin->start == NULL)
		return true;
	suite_in(WATCH_START);
	if ((r = s->plugin->start(&quiet_host, options, self, &err)) == MUSTER_OK)
		return true;
	*self = NULL;
	if (memchr(err.message, 0, sizeof err.message) == NULL || err.message[0] == '\0')
		suite_fail(s, "start() answered %d and left no message", r);
	else
		suite_fail(s, "start() answered %d: %s", r, err.message);
	return false;
}

static void suite_stop(struct suite *s, void *self)
{
	suite_in(WATCH_STOP);
	if (s->plugin->stop != NULL)
		s->plugin->stop(self);
}

static bool name_from(struct suite *s)
{
	const char *file = strrchr(s->path, '/');
	size_t n;

	file = file != NULL ? file + 1 : s->path;
	n = strlen(file);
	if (n < 4 || n - 3 >= sizeof s->name || strcmp(file + n - 3, ".so") != 0) {
		suite_fail(s, "the file is not called NAME.so");
		return false;
	}
	memcpy(s->name, file, n - 3);
	s->name[n - 3] = '\0';
	if (!lint_name(s->name))
		suite_fail(s, "%s is not a plugin's name: a-z, 0-9 and '-', at most %u, a letter first", s->name, MUSTER_NAME_MAX);
	return lint_name(s->name);
}

static bool load(struct suite *s)
{
	struct muster_err err = { 0 };
	struct loader_request q = { s->path, s->name, NULL, NULL, NULL };

	if (!name_from(s)) {
		suite_end(s, "file name");
		return false;
	}
	suite_end(s, "file name");
	suite_in(WATCH_LOAD);
	if (loader_open(&s->plugin, &q, &err) != MUSTER_OK)
		suite_fail(s, "%s", err.message);
	suite_end(s, "file, object, ABI and name");
	if (s->plugin == NULL)
		return false;
	suite_in(WATCH_LOAD);
	if (lint_plugin(&s->tables, &s->arena, s->path, s->plugin, &err) != MUSTER_OK) {
		suite_fail(s, "%s", err.message);
		suite_end(s, "tables");
		return false;
	}
	suite_end(s, "tables");
	return true;
}

struct others { struct suite *s; char wanted[MUSTER_NAME_MAX + 32]; };

static void look_at_symbol(void *ctx, const char *symbol)
{
	/* Marks that some linkers set in every object. */
	static const char *const marks[] = { "_init", "_fini", "__bss_start", "_edata", "_end" };
	struct others *o = ctx;
	size_t i;

	if (strcmp(symbol, o->wanted) == 0)
		return;
	/* What an address sanitizer puts beside each object. */
	if (strncmp(symbol, "__odr_asan.", 11) == 0)
		return;
	for (i = 0; i < sizeof marks / sizeof marks[0]; i++)
		if (strcmp(symbol, marks[i]) == 0)
			return;
	suite_fail(o->s, "it exports %s besides %s; hide it with static or -export-symbols-regex", symbol, o->wanted);
}

static void exports(struct suite *s)
{
	struct muster_err err = { 0 };
	struct others o = { .s = s };

	loader_symbol(o.wanted, s->name);
	if (exports_each(s->path, look_at_symbol, &o, &err) != MUSTER_OK)
		suite_fail(s, "%s", err.message);
	suite_end(s, "one symbol exported");
}

/** Options with their defaults, one of them (index @p here) at @p value. NULL after a failure or without options. */
static void *options_with(struct suite *s, size_t here, uint64_t value)
{
	void *options = s->plugin->options_size != 0 ? arena_take(&s->arena, s->plugin->options_size) : NULL;
	struct muster_err err = { 0 };
	char text[32];

	if (options == NULL)
		return NULL;
	if (options_fill(&s->arena, options, s->tables.options, s->tables.option_count, NULL, NULL, NULL, &err) != MUSTER_OK)
		suite_fail(s, "%s", err.message);
	if (here < s->tables.option_count) {
		const struct muster_option *o = &s->tables.options[here];

		(void)snprintf(text, sizeof text, "%" PRIu64 "%s", value, o->type == MUSTER_OPTION_TIME ? "s" : "");
		if (options_set(&s->arena, options, o, text, &err) != MUSTER_OK)
			suite_fail(s, "option %s does not take its own bound %s: %s", o->name, text, err.message);
	}
	return options;
}

static void start_twice(struct suite *s)
{
	void *options = options_with(s, SIZE_MAX, 0), *one, *two;

	if (suite_start(s, options, &one)) {
		if (suite_start(s, options, &two)) {
			suite_stop(s, one); /* a reload stops the older instance while the newer one runs */
			suite_stop(s, two);
		} else {
			suite_stop(s, one);
		}
	}
	suite_end(s, "starts twice at once with the defaults");
}

static void start_at_bounds(struct suite *s)
{
	size_t i;
	int high;

	for (i = 0; i < s->tables.option_count; i++) {
		const struct muster_option *o = &s->tables.options[i];
		void *self;

		if (o->type == MUSTER_OPTION_TEXT || (o->min == 0 && o->max == 0 && o->type != MUSTER_OPTION_FLAG))
			continue;
		for (high = 0; high < 2; high++)
			if (suite_start(s, options_with(s, i, o->type == MUSTER_OPTION_FLAG ? (uint64_t)high : high != 0 ? o->max : o->min), &self))
				suite_stop(s, self);
	}
	suite_end(s, "starts with each option at its bounds");
}

static void functions(struct suite *s)
{
	void *self;

	if (!suite_start(s, options_with(s, SIZE_MAX, 0), &self)) {
		suite_end(s, "starts");
		return;
	}
	if (s->plugin->key_classify != NULL)
		suite_keys(s, self);
	if (s->plugin->request_check != NULL)
		suite_requests(s, self);
	if (s->plugin->request_check != NULL || s->plugin->key_classify != NULL)
		suite_threads(s, self);
	if (s->plugin->medium_inspect != NULL)
		suite_media(s, self);
	suite_stop(s, self);
}

int conformance_run(const char *path, conformance_line_fn *line, void *ctx, struct muster_err *err)
{
	struct suite s = { .path = path, .line = line, .ctx = ctx };

	if (load(&s)) {
		exports(&s);
		start_twice(&s);
		start_at_bounds(&s);
		functions(&s);
	}
	arena_free(&s.arena);
	if (s.failed == 0)
		return MUSTER_OK;
	return err_set(err, MUSTER_E_INVALID, "%s: %u of the checks failed", path, s.failed);
}
