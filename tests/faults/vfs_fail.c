#include "tests/faults/vfs_fail.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct vfs_fail_order order;  /* all three: guarded by lock */
static uint64_t calls, met;
static sqlite3_vfs wrapper;
static sqlite3_vfs *below;           /* set once, by vfs_fail_install() */

/* An open file; the real one follows it in memory. */
struct fail_file {
	sqlite3_file base;
	const char *path;  /* SQLite's; lives as long as the file; NULL for temporary files */
};

static sqlite3_file *real(sqlite3_file *f)
{
	return (sqlite3_file *)(void *)((struct fail_file *)(void *)f + 1);
}

static const char *path_of(sqlite3_file *f)
{
	return ((struct fail_file *)(void *)f)->path;
}

/* Does this call fail? Then *how says in which way. */
static bool fails(unsigned call, const char *path, enum vfs_fail_how *how)
{
	bool yes = false;

	(void)pthread_mutex_lock(&lock);
	if ((order.calls & call) != 0 && (order.file == NULL || (path != NULL && strstr(path, order.file) != NULL))) {
		calls++;
		yes = order.nth != 0 && calls >= order.nth && (order.for_ever || calls - order.nth <= order.more);
		met += yes;
		*how = order.how;
	}
	(void)pthread_mutex_unlock(&lock);
	return yes;
}

/* The result of a call that fails with @p code; VFS_FAIL_LATE runs @p late first. */
#define FAIL(call, path, code, late) \
	do { \
		enum vfs_fail_how how_; \
		if (fails(call, path, &how_)) { \
			if (how_ == VFS_FAIL_LATE) \
				(void)(late); \
			return how_ == VFS_FAIL_FULL ? SQLITE_FULL : (code); \
		} \
	} while (0)

static int file_close(sqlite3_file *f)
{
	return real(f)->pMethods->xClose(real(f));
}

static int file_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	FAIL(VFS_FAIL_READ, path_of(f), SQLITE_IOERR_READ, real(f)->pMethods->xRead(real(f), p, n, at));
	return real(f)->pMethods->xRead(real(f), p, n, at);
}

static int file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	enum vfs_fail_how how;

	if (!fails(VFS_FAIL_WRITE, path_of(f), &how))
		return real(f)->pMethods->xWrite(real(f), p, n, at);
	if (how == VFS_FAIL_TORN || how == VFS_FAIL_LATE)
		(void)real(f)->pMethods->xWrite(real(f), p, how == VFS_FAIL_TORN ? n / 2 : n, at);
	return how == VFS_FAIL_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	FAIL(VFS_FAIL_TRUNCATE, path_of(f), SQLITE_IOERR_TRUNCATE, real(f)->pMethods->xTruncate(real(f), size));
	return real(f)->pMethods->xTruncate(real(f), size);
}

static int file_sync(sqlite3_file *f, int flags)
{
	(void)flags;
	FAIL(VFS_FAIL_SYNC, path_of(f), SQLITE_IOERR_FSYNC, 0);
	return SQLITE_OK;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	FAIL(VFS_FAIL_SIZE, path_of(f), SQLITE_IOERR_FSTAT, 0);
	return real(f)->pMethods->xFileSize(real(f), size);
}

static int file_lock(sqlite3_file *f, int level)
{
	FAIL(VFS_FAIL_LOCK, path_of(f), SQLITE_IOERR_LOCK, 0);
	return real(f)->pMethods->xLock(real(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
	return real(f)->pMethods->xUnlock(real(f), level);
}

static int file_reserved(sqlite3_file *f, int *out)
{
	FAIL(VFS_FAIL_LOCK, path_of(f), SQLITE_IOERR_CHECKRESERVEDLOCK, 0);
	return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int file_traits(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	FAIL(VFS_FAIL_SHM, path_of(f), SQLITE_IOERR_SHMMAP, 0);
	return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	/* Giving a lock back cannot fail. */
	if ((flags & SQLITE_SHM_LOCK) != 0)
		FAIL(VFS_FAIL_LOCK, path_of(f), SQLITE_IOERR_SHMLOCK, 0);
	return real(f)->pMethods->xShmLock(real(f), at, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
	real(f)->pMethods->xShmBarrier(real(f));
}

static int file_shm_unmap(sqlite3_file *f, int remove)
{
	return real(f)->pMethods->xShmUnmap(real(f), remove);
}

/* Version 2: no memory mapping of the database, which would read past this layer. */
static const sqlite3_io_methods methods = {
	.iVersion = 2, .xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate, .xSync = file_sync,
	.xFileSize = file_size, .xLock = file_lock, .xUnlock = file_unlock, .xCheckReservedLock = file_reserved, .xFileControl = file_control,
	.xSectorSize = file_sector, .xDeviceCharacteristics = file_traits, .xShmMap = file_shm_map, .xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier, .xShmUnmap = file_shm_unmap
};

static int vfs_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *out)
{
	int rc;

	(void)v;
	f->pMethods = NULL;
	FAIL(VFS_FAIL_OPEN, path, SQLITE_CANTOPEN, 0);
	((struct fail_file *)(void *)f)->path = path;
	if ((rc = below->xOpen(below, path, real(f), flags, out)) == SQLITE_OK)
		f->pMethods = &methods;
	return rc;
}

static int vfs_delete(sqlite3_vfs *v, const char *path, int sync)
{
	(void)v;
	FAIL(VFS_FAIL_DELETE, path, SQLITE_IOERR_DELETE, below->xDelete(below, path, sync));
	return below->xDelete(below, path, sync);
}

static int vfs_access(sqlite3_vfs *v, const char *path, int flags, int *out)
{
	(void)v;
	FAIL(VFS_FAIL_ACCESS, path, SQLITE_IOERR_ACCESS, 0);
	return below->xAccess(below, path, flags, out);
}

void vfs_fail_install(void)
{
	if (below != NULL)
		return;
	below = sqlite3_vfs_find(NULL);
	if (below == NULL)
		abort();
	/* Everything else (time, randomness, names) is taken over as it is. */
	wrapper = *below;
	wrapper.pNext = NULL;
	wrapper.zName = "fail";
	wrapper.szOsFile = (int)sizeof(struct fail_file) + below->szOsFile;
	wrapper.xOpen = vfs_open;
	wrapper.xDelete = vfs_delete;
	wrapper.xAccess = vfs_access;
	if (sqlite3_vfs_register(&wrapper, 1) != SQLITE_OK)
		abort();
}

void vfs_fail_arm(const struct vfs_fail_order *o)
{
	static const struct vfs_fail_order none = { .calls = VFS_FAIL_ALL };

	(void)pthread_mutex_lock(&lock);
	order = o != NULL ? *o : none;
	calls = met = 0;
	(void)pthread_mutex_unlock(&lock);
}

uint64_t vfs_fail_calls(void)
{
	uint64_t n;

	(void)pthread_mutex_lock(&lock);
	n = calls;
	(void)pthread_mutex_unlock(&lock);
	return n;
}

uint64_t vfs_fail_met(void)
{
	uint64_t n;

	(void)pthread_mutex_lock(&lock);
	n = met;
	(void)pthread_mutex_unlock(&lock);
	return n;
}
