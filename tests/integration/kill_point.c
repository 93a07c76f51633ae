/*
 * Preloaded into a program: ends it with SIGKILL at the Nth point, MUSTER_TEST_KILL_AT=N. Points lie before, amid and after every write, and around
 * every sync, truncation and rename.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static void point(void)
{
	static long left = -1;
	const char *at;

	if (left < 0) {
		at = getenv("MUSTER_TEST_KILL_AT");
		left = at != NULL ? strtol(at, NULL, 10) : 0;
	}
	if (left > 0 && --left == 0)
		(void)raise(SIGKILL);
}

ssize_t write(int fd, const void *p, size_t n);
ssize_t write(int fd, const void *p, size_t n)
{
	ssize_t half = 0, r;

	point();
	if (n > 1 && (half = syscall(SYS_write, fd, p, n / 2)) < 0)
		return half;
	point();
	r = syscall(SYS_write, fd, (const char *)p + half, n - (size_t)half);
	point();
	return r < 0 ? r : r + half;
}

static ssize_t write_at(int fd, const void *p, size_t n, off_t at)
{
	ssize_t half = 0, r;

	point();
	if (n > 1 && (half = syscall(SYS_pwrite64, fd, p, n / 2, at)) < 0)
		return half;
	point();
	r = syscall(SYS_pwrite64, fd, (const char *)p + half, n - (size_t)half, at + half);
	point();
	return r < 0 ? r : r + half;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at) { return write_at(fd, p, n, at); }
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) { return write_at(fd, p, n, at); }

static int around(long r)
{
	point();
	return (int)r;
}

int fdatasync(int fd) { point(); return around(syscall(SYS_fdatasync, fd)); }
int fsync(int fd) { point(); return around(syscall(SYS_fsync, fd)); }
int ftruncate(int fd, off_t n) { point(); return around(syscall(SYS_ftruncate, fd, n)); }
int ftruncate64(int fd, off64_t n) { point(); return around(syscall(SYS_ftruncate, fd, n)); }
int rename(const char *from, const char *to) { point(); return around(syscall(SYS_rename, from, to)); }
