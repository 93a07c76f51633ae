/** Files: bounded reading, atomic replacement, and the checks on owner and mode that everything trusted must pass. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <sys/types.h>
#include "core/base/buf.h"

/** Read a whole regular file. @return MUSTER_OK, MUSTER_E_NOT_FOUND, MUSTER_E_DENIED, MUSTER_E_LIMIT above @p max, MUSTER_E_IO. */
int file_read(struct buf *out, const char *path, size_t max, struct muster_err *err);

/** Write PATH.part with @p mode, fsync, rename over @p path, fsync the folder. Nothing half-written is ever visible. */
int file_write(const char *path, struct muster_span bytes, mode_t mode, struct muster_err *err);

enum file_trust {
	FILE_TRUST_CODE,    /**< owner root or effective user; no parent writable by group or others except root's sticky folders */
	FILE_TRUST_SECRET   /**< the same, and no access for group or others to the file itself; never a symbolic link */
};
/** @param path absolute. @return MUSTER_OK or MUSTER_E_DENIED with what is unsafe and the chmod/chown that mends it. */
int file_check_trust(const char *path, enum file_trust trust, struct muster_err *err);

/** mkdir -p with @p mode for what is made. */
int file_make_dir(const char *path, mode_t mode, struct muster_err *err);
/** Lock PATH exclusively without waiting; the holder's pid is written into it. @return MUSTER_OK, or MUSTER_E_BUSY naming the holder. */
int file_lock(int *fd, const char *path, struct muster_err *err);
/** @return a/b, caller frees with mem_free(); b alone when it is absolute; NULL when exhausted. */
char *file_join(const char *a, const char *b);
/** Bytes free for us on the file system of @p path, and its size. */
int file_space(const char *path, uint64_t *avail, uint64_t *total, struct muster_err *err);

#endif
