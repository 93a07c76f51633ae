/**
 * A file layer for SQLite that fails on command, for tests: wraps the default one of the process.
 *
 * Install once, before the first database is opened; then arm as often as you like, from any thread. Every database opened
 * later by default goes through it: core/store needs no special build.
 */
#ifndef TESTS_FAULTS_VFS_FAIL_H
#define TESTS_FAULTS_VFS_FAIL_H

#include <stdbool.h>
#include <stdint.h>

/** The calls that can fail; or them together. */
enum vfs_fail_call {
	VFS_FAIL_OPEN = 1 << 0, VFS_FAIL_READ = 1 << 1, VFS_FAIL_WRITE = 1 << 2, VFS_FAIL_TRUNCATE = 1 << 3, VFS_FAIL_SYNC = 1 << 4,
	VFS_FAIL_DELETE = 1 << 5, VFS_FAIL_ACCESS = 1 << 6, VFS_FAIL_SIZE = 1 << 7, VFS_FAIL_LOCK = 1 << 8, VFS_FAIL_SHM = 1 << 9 /* mapping of -shm */,
	VFS_FAIL_ALL = (1 << 10) - 1,
	VFS_FAIL_GROWING = VFS_FAIL_WRITE | VFS_FAIL_TRUNCATE  /* what a full disk hits */
};

enum vfs_fail_how {
	VFS_FAIL_IOERR,       /**< the call's own I/O error; a write leaves nothing */
	VFS_FAIL_TORN,        /**< as before, but half of a write reaches the file */
	VFS_FAIL_LATE,        /**< as before, but the call does its work and then reports the error */
	VFS_FAIL_FULL         /**< SQLITE_FULL */
};

struct vfs_fail_order {
	unsigned calls;          /**< enum vfs_fail_call, or'ed: only these are counted and fail */
	const char *file;        /**< only files whose path contains this ("log.db", "-wal"); NULL: all. Must live while armed */
	uint64_t nth;            /**< 1: the next such call; 0: none, only count */
	bool for_ever;           /**< every later one, too */
	uint64_t more;           /**< so many later ones, too */
	enum vfs_fail_how how;
};

/**
 * Make the wrapper the default of the process. Repeated calls do nothing.
 *
 * Syncs are counted and fail as ordered but are otherwise not passed on: what a process leaves when it dies does not depend
 * on them, and thousands of runs would wait for the disk.
 */
void vfs_fail_install(void);
/** Obey from now on; counts restart. @p order is copied; NULL: fail nothing, count everything. */
void vfs_fail_arm(const struct vfs_fail_order *order);
/** Calls of the kind ordered since arming. */
uint64_t vfs_fail_calls(void);
/** How many of them failed by order. */
uint64_t vfs_fail_met(void);

#endif
