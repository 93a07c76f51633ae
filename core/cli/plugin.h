/** The parts of `musterctl plugin`. */
#ifndef CLI_PLUGIN_H
#define CLI_PLUGIN_H

#include "core/catalog/conformance.h"
#include "core/cli/cli.h"

/** plugin_new.c: write a plugin to begin with. @return enum cli_exit. */
int plugin_new(struct cli *c, const char *name);

/** plugin_file.c: what a product file is checked with. */
struct plugin_file { const char *path, *config; /**< muster.conf; NULL: the file alone */ };
/** The checks a reload would make, line by line; a conformance_suite_fn over a struct plugin_file. */
int plugin_file_suite(void *file, conformance_line_fn *line, void *ctx, struct muster_err *err);

#endif
