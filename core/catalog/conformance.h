/**
 * The suite every plugin passes, Muster's own and anybody's: `musterctl plugin check FILE`.
 *
 * It loads the file as a host would, then starts the plugin with its defaults and at every option's bounds, and asks each
 * function what a host may ask: twice, in several threads, with nonsense, with rows that are copies.
 */
#ifndef CATALOG_CONFORMANCE_H
#define CATALOG_CONFORMANCE_H

#include <stdbool.h>
#include <muster/types.h>

/** One check: @p what was looked at, and when it failed @p detail says why ("" when passed). */
typedef void conformance_line_fn(void *ctx, bool passed, const char *what, const char *detail);

/**
 * Run the suite in this process. A plugin that crashes takes the process with it: programs use conformance_child().
 * @param path absolute path of NAME.so.
 * @return MUSTER_OK when everything passed; MUSTER_E_INVALID when something did not (err: how many); MUSTER_E_NOMEM.
 */
int conformance_run(const char *path, conformance_line_fn *line, void *ctx, struct muster_err *err);

/** Checks that say what they found line by line. @return MUSTER_OK when everything passed. */
typedef int conformance_suite_fn(void *arg, conformance_line_fn *line, void *ctx, struct muster_err *err);
/** Such checks in a child process: a crash or more than @p seconds is a failed check with its name. @param name begins the message in @p err. @return also MUSTER_E_IO. */
int conformance_in_child(conformance_suite_fn *suite, void *arg, const char *name, unsigned seconds, conformance_line_fn *line, void *ctx, struct muster_err *err);

/** As conformance_run(), in a child process: a crash or more than @p seconds is a failed check with its name. @return also MUSTER_E_IO. */
int conformance_child(const char *path, unsigned seconds, conformance_line_fn *line, void *ctx, struct muster_err *err);

#endif
