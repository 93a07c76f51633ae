/** Shared by conformance.c and conformance_hooks.c. */
#ifndef CATALOG_CONFORMANCE_PRIVATE_H
#define CATALOG_CONFORMANCE_PRIVATE_H

#include "core/base/arena.h"
#include "core/catalog/conformance.h"
#include "core/catalog/lint.h"
#include "core/catalog/watch.h"

struct suite {
	const char *path;
	char name[MUSTER_NAME_MAX + 1];
	const struct muster_plugin *plugin;
	struct lint_tables tables;
	struct arena arena;
	conformance_line_fn *line;
	void *ctx;
	unsigned failed;
	char detail[512];            /**< of the check under way; "" while it passes */
};

/** Note why the check under way fails; the first reason stands. */
void suite_fail(struct suite *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** The check is over. */
void suite_end(struct suite *s, const char *what);

/** A started instance, or NULL in @p self and a failed check. */
bool suite_start(struct suite *s, const void *options, void **self);

/** The next calls go to this function (enum watch_function): named when the process does not come back. */
void suite_in(unsigned function);
/** Where suite_in() notes it; shared with the parent process, NULL: nowhere. */
void suite_share(_Atomic uint32_t *in);

void suite_keys(struct suite *s, void *self);
void suite_requests(struct suite *s, void *self);
void suite_threads(struct suite *s, void *self);
void suite_media(struct suite *s, void *self);

#endif
