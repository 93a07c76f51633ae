/** What a shared object exports, read from the file. */
#ifndef CATALOG_EXPORTS_H
#define CATALOG_EXPORTS_H

#include <muster/types.h>

/** Call @p fn for each symbol the file defines for others. @return MUSTER_OK; MUSTER_E_INVALID when it is no shared object of this machine; errors of file_read(). */
int exports_each(const char *path, void (*fn)(void *ctx, const char *symbol), void *ctx, struct muster_err *err);

#endif
