/** Options of plugins: the check of their table, and filling the plugin's structure from its [plugin NAME] section. */
#ifndef CATALOG_OPTIONS_H
#define CATALOG_OPTIONS_H

#include "core/catalog/lint.h"
#include "core/config/config.h"

/** Check the table against the structure's size. @return as lint_plugin(). */
int options_lint(struct lint_at *at, const struct muster_option *rows, size_t count, uint32_t options_size);

/** One value as the file would write it, put into its member. Text is copied into @p arena.
 * @return MUSTER_OK; MUSTER_E_INVALID with what is wrong and the bounds (no place); MUSTER_E_NOMEM. */
int options_set(struct arena *arena, void *to, const struct muster_option *row, const char *value, struct muster_err *err);

/**
 * Defaults, then the section's own keys.
 * @param section NULL: defaults only. @param fault called for each faulty key with "file:line: [plugin NAME] key: …".
 * @return MUSTER_OK; MUSTER_E_INVALID after all faults were reported; MUSTER_E_NOMEM.
 */
int options_fill(struct arena *arena, void *to, const struct muster_option *rows, size_t count, const struct config_plugin *section,
                 void (*fault)(void *ctx, const char *message), void *ctx, struct muster_err *err);

#endif
