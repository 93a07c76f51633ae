/** What a shared object exports, read from the file. */
#ifndef CATALOG_EXPORTS_H
#define CATALOG_EXPORTS_H

#include <muster/types.h>

/** Call @p fn for each symbol the file defines for others. @return MUSTER_OK; MUSTER_E_INVALID when it is no shared object of this machine; errors of file_read(). */
int exports_each(const char *path, void (*fn)(void *ctx, const char *symbol), void *ctx, struct muster_err *err);

/**
 * Refuse a file that ends before what its headers name: the dynamic linker maps it unseen, and the process dies of what is missing (SIGBUS). What is of
 * another machine, or too short for a header, passes: for those the linker has words.
 *
 * @param fd    Open for reading; its position stays.
 * @param size  Bytes of the file.
 */
int exports_check_whole(int fd, uint64_t size, const char *path, struct muster_err *err);

#endif
