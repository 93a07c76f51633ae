/** Check of a plugin's tables, and their copy into rows of the size this host knows. */
#ifndef CATALOG_LINT_H
#define CATALOG_LINT_H

#include <stdbool.h>
#include <muster/plugin.h>
#include "core/base/arena.h"

/** A plugin's tables after the check: every row has this host's size, what the plugin's rows lack is zero,
 * and nested tables have been copied likewise. Strings stay the plugin's, which is never unloaded. */
struct lint_tables {
	struct muster_pool *pools; size_t pool_count;
	struct muster_product *products; size_t product_count;
	struct muster_option *options; size_t option_count;
	struct muster_need *needs; size_t need_count;
};

#define LINT_MINIMUM_MAX 100000U                     /**< largest minimum count: a pool in memory holds twice as many */
#define LINT_INTERVAL_MIN 900U                       /**< 15 min (facts.md section 1) */
#define LINT_INTERVAL_MAX 2592000U                   /**< 30 d (facts.md section 1) */
#define LINT_WINDOW_MAX (400U * 86400U)              /**< no longer than events are kept by default */

/**
 * Check everything in @p plugin that a header check does not (loader.c has done magic, size, ABI and name).
 * @param[out] out  Filled on success; memory from @p arena.
 * @param where     The plugin's path; begins each message.
 * @return MUSTER_OK; MUSTER_E_INVALID with table, row, member and what to do; MUSTER_E_NOMEM.
 */
int lint_plugin(struct lint_tables *out, struct arena *arena, const char *where, const struct muster_plugin *plugin, struct muster_err *err);

/** a-z, then a-z, 0-9 and '-', at most MUSTER_NAME_MAX characters. */
bool lint_name(const char *name);
#define LINT_FACT_MAX 64   /**< bytes of a name in machine.facts (docs/protocol.md section 3) */
/** @return NULL, or what is wrong with @p text: "is missing", "is empty", "is too long" (more than @p max bytes), "is not plain UTF-8 text on one line". */
const char *lint_text(const char *text, size_t max);
/** The key's name of an option: as lint_name(), '_' allowed. */
bool lint_option_name(const char *name);
/** "threshold" … ; NULL when unknown. */
const char *lint_model_name(uint32_t model);
/** @return false when @p name is no model. */
bool lint_model_parse(const char *name, uint32_t *model);

/** Name of a version of access licences: as lint_name(), but it may begin with a digit. */
bool lint_version_name(const char *name);
/** A path inside a medium that is not trusted: relative, with '/', without '..', at most 255 bytes. */
bool lint_medium_path(const char *path);

/* ---- shared by lint.c, lint_product.c and lint_models.c ---- */

/** Where a message points to: "PATH: products row 2 (office2013)". */
struct lint_at {
	struct arena *arena;
	const char *where;
	struct muster_err *err;
	char spot[160];
};
int lint_fail(struct lint_at *at, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Copy a table into rows of @p known bytes. @p least: the shortest stride that holds what every row must have. */
int lint_copy(struct lint_at *at, const char *table, const struct muster_table *t, size_t known, size_t least, void **rows);
int lint_products(struct lint_tables *out, struct lint_at *at, const struct muster_table *t);
/* Check the model's own tables of @p p and point it at copies of this host's size. */
int lint_access(struct lint_at *at, struct muster_product *p);
int lint_seats(struct lint_at *at, struct muster_product *p);
int lint_marks(struct lint_at *at, struct muster_product *p);

#endif
