/** What a command reads: a file, or standard input for "-". */
#ifndef ISSUER_INPUT_H
#define ISSUER_INPUT_H

#include "core/base/buf.h"

/** All of it, at most @p max bytes. MUSTER_E_LIMIT beyond, else as file_read(). */
int input_read(struct buf *out, const char *path, size_t max, struct muster_err *err);

#endif
