/** A file that --out names, written beside its place and moved there when it is whole: a reader never finds half of it, and whatever goes wrong leaves nothing behind. */
#ifndef CLI_OUT_FILE_H
#define CLI_OUT_FILE_H

#include "core/cli/cli.h"

struct out_file { struct cli *c; char *path, *partial; FILE *to; };

/**
 * Begin FILE.partial. What is there already is asked about by the caller. From here to out_file_close() signals wait for term_interrupted(): who writes looks now and then.
 * @param secret for its owner only. @return enum cli_exit; what goes wrong is said, and nothing is to be closed then.
 */
int out_file_open(struct out_file *o, struct cli *c, const char *path, bool secret);
/** @return CLI_OK; CLI_LEFT, said, when a signal asked to leave. */
int out_file_left(const struct out_file *o);
/** Written, synced, under its name, and the name too. Not when a signal asked to leave. @return enum cli_exit; what goes wrong is said. */
int out_file_commit(struct out_file *o);
/** What was not committed is removed. Does nothing for one that was not opened. */
void out_file_close(struct out_file *o);

#endif
