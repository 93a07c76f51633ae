#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define LINKS_MAX 40  /* as the kernel's own limit */

static int read_all(struct buf *out, int fd, const char *path, size_t max, struct muster_err *err)
{
	uint8_t part[16384];
	size_t total = 0;
	ssize_t n;

	while ((n = read(fd, part, sizeof part)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "cannot read %s", path);
		total += (size_t)n;
		if (total > max)
			return err_set(err, MUSTER_E_LIMIT, "%s is larger than the %zu bytes allowed", path, max);
		if ((size_t)n > out->cap - out->n)
			return err_set(err, MUSTER_E_LIMIT, "%s is larger than the %zu bytes allowed", path, out->cap);
		buf_add(out, part, (size_t)n);
		if (out->failed)
			return err_nomem(err);
	}
	return MUSTER_OK;
}

int file_read(struct buf *out, const char *path, size_t max, struct muster_err *err)
{
	int r;
	struct stat st;
	int fd;

	buf_clear(out);
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0)
		return err_errno(err, errno, "cannot open %s", path);
	if (fstat(fd, &st) != 0)
		r = err_errno(err, errno, "cannot examine %s", path);
	else if (!S_ISREG(st.st_mode))
		r = err_set(err, MUSTER_E_IO, "%s is not a regular file", path);
	else
		r = read_all(out, fd, path, max, err);
	(void)close(fd);
	if (r != MUSTER_OK)
		buf_clear(out);
	return r;
}

static int write_all(int fd, struct muster_span bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes.p += n;
		bytes.n -= (size_t)n;
	}
	return 0;
}

/* fsync the folder that holds path: only then has the new name reached the disk. */
static int sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int fd, r, saved;

	if (slash == NULL)
		folder = mem_strdup(".");
	else
		folder = mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (folder == NULL) {
		errno = ENOMEM;
		return -1;
	}
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mem_free(folder);
	if (fd < 0)
		return -1;
	r = fsync(fd);
	saved = errno;
	(void)close(fd);
	errno = saved;
	return r;
}

/* Fill and sync the new file. On failure *step says what was tried. */
static int fill_part(int fd, struct muster_span bytes, mode_t mode, const char **step)
{
	*step = "write";
	if (write_all(fd, bytes) != 0)
		return -1;
	*step = "set the mode of";
	if (fchmod(fd, mode) != 0)
		return -1;
	*step = "sync";
	return fsync(fd);
}

int file_write(const char *path, struct muster_span bytes, mode_t mode, struct muster_err *err)
{
	int r = MUSTER_E_INTERNAL, fd = -1;
	const char *step;
	char *part = mem_printf("%s.part", path);

	if (part == NULL)
		return err_nomem(err);
	/* Left by a run that was interrupted: made anew, so that neither its mode nor a link in its place is inherited. */
	if (unlink(part) != 0 && errno != ENOENT) {
		r = err_errno(err, errno, "cannot remove %s", part);
		goto done;
	}
	if ((fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0) {
		r = err_errno(err, errno, "cannot create %s", part);
		goto done;
	}
	if (fill_part(fd, bytes, mode, &step) != 0) {
		r = err_errno(err, errno, "cannot %s %s", step, part);
		goto undo;
	}
	if (close(fd) != 0) {
		fd = -1;
		r = err_errno(err, errno, "cannot write %s", part);
		goto undo;
	}
	fd = -1;
	if (rename(part, path) != 0) {
		r = err_errno(err, errno, "cannot rename %s to %s", part, path);
		goto undo;
	}
	r = sync_folder_of(path) == 0 ? MUSTER_OK : err_errno(err, errno, "cannot sync the folder of %s", path);
	goto done;
undo:
	(void)unlink(part);
done:
	if (fd >= 0)
		(void)close(fd);
	mem_free(part);
	return r;
}

static bool trusted_owner(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid();
}

static int wrong_owner(const char *path, const struct stat *st, struct muster_err *err)
{
	return err_set(err, MUSTER_E_DENIED, "%s belongs to user %lu, neither to root nor to the user running this: chown %lu %s",
		path, (unsigned long)st->st_uid, (unsigned long)geteuid(), path);
}

static int check_folder(const char *path, const struct stat *st, struct muster_err *err)
{
	if (!trusted_owner(st))
		return wrong_owner(path, st, err);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) == 0 || (st->st_uid == 0 && (st->st_mode & S_ISVTX) != 0))
		return MUSTER_OK;
	return err_set(err, MUSTER_E_DENIED, "folder %s can be written by %s: chmod %s %s", path,
		(st->st_mode & S_IWOTH) != 0 ? "everybody" : "its group", (st->st_mode & S_IWOTH) != 0 ? "go-w" : "g-w", path);
}

static int check_file(const char *path, const struct stat *st, enum file_trust trust, struct muster_err *err)
{
	if (!trusted_owner(st))
		return wrong_owner(path, st, err);
	if (trust == FILE_TRUST_SECRET && !S_ISREG(st->st_mode))
		return err_set(err, MUSTER_E_DENIED, "%s must be a regular file, not a folder or device: put the secret into a file", path);
	if (trust == FILE_TRUST_SECRET && (st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return err_set(err, MUSTER_E_DENIED, "%s can be used by others than its owner (mode %04o): chmod 600 %s", path,
			(unsigned)(st->st_mode & 07777), path);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return err_set(err, MUSTER_E_DENIED, "%s can be written by %s: chmod %s %s", path,
			(st->st_mode & S_IWOTH) != 0 ? "everybody" : "its group", (st->st_mode & S_IWOTH) != 0 ? "go-w" : "g-w", path);
	return MUSTER_OK;
}

/*
 * Replace the link at[0..end) of path by what it points to, rest appended. Whoever owns a link decides where it leads,
 * so its owner is checked like that of a folder.
 */
static int follow_link(char path[PATH_MAX], size_t folder, size_t end, const struct stat *st, struct muster_err *err)
{
	char prefix[PATH_MAX], target[PATH_MAX], joined[2 * PATH_MAX + 2];
	ssize_t n;
	int len;

	(void)snprintf(prefix, sizeof prefix, "%.*s", (int)end, path);
	if (!trusted_owner(st))
		return wrong_owner(prefix, st, err);
	if ((n = readlink(prefix, target, sizeof target - 1)) < 0)
		return err_errno(err, errno, "cannot read the link %s", prefix);
	target[n] = '\0';
	if (target[0] == '/')
		len = snprintf(joined, sizeof joined, "%s%s", target, path + end);
	else
		len = snprintf(joined, sizeof joined, "%.*s/%s%s", (int)folder, path, target, path + end);
	if (len < 0 || len >= PATH_MAX)
		return err_set(err, MUSTER_E_DENIED, "%s leads to a path that is too long", prefix);
	memcpy(path, joined, (size_t)len + 1);
	return MUSTER_OK;
}

/* Take out the first "//", "/./" and "/x/.." after the position, whose part before is known to hold no link. */
static void drop_component(char *path, size_t from, size_t to)
{
	memmove(path + from, path + to, strlen(path + to) + 1);
}

/*
 * Walk from the root. Every folder is checked before anything below it is believed; a link restarts the walk on the path
 * it leads to, so the folders that hold the links are checked as well.
 */
int file_check_trust(const char *original, enum file_trust trust, struct muster_err *err)
{
	char path[PATH_MAX], prefix[PATH_MAX];
	size_t at = 0, end;
	int links = 0, r;
	struct stat st;

	if (original == NULL || original[0] != '/' || strlen(original) >= sizeof path)
		return err_set(err, MUSTER_E_DENIED, "%s: a path from the root is needed", original != NULL ? original : "(none)");
	(void)snprintf(path, sizeof path, "%s", original);
	if (lstat("/", &st) != 0)
		return err_errno(err, errno, "cannot examine /");
	if ((r = check_folder("/", &st, err)) != MUSTER_OK)
		return r;
	while (path[at] == '/') {
		end = at + 1 + strcspn(path + at + 1, "/");
		if (end == at + 1 || (end == at + 2 && path[at + 1] == '.')) {
			drop_component(path, at, end);
			continue;
		}
		if (end == at + 3 && memcmp(path + at, "/..", 3) == 0) {
			size_t up = at;

			while (up > 0 && path[--up] != '/')
				;
			drop_component(path, up, end);
			at = up;
			continue;
		}
		(void)snprintf(prefix, sizeof prefix, "%.*s", (int)end, path);
		if (lstat(prefix, &st) != 0)
			return err_errno(err, errno, "cannot examine %s", prefix);
		if (S_ISLNK(st.st_mode)) {
			if (trust == FILE_TRUST_SECRET && path[end] == '\0')
				return err_set(err, MUSTER_E_DENIED, "%s is a symbolic link: put the file itself there", prefix);
			if (++links > LINKS_MAX)
				return err_set(err, MUSTER_E_DENIED, "%s: too many symbolic links", original);
			if ((r = follow_link(path, at, end, &st, err)) != MUSTER_OK)
				return r;
			at = 0;
			continue;
		}
		if (path[end] == '\0')
			return check_file(prefix, &st, trust, err);
		if (!S_ISDIR(st.st_mode))
			return err_set(err, MUSTER_E_DENIED, "%s is not a folder", prefix);
		if ((r = check_folder(prefix, &st, err)) != MUSTER_OK)
			return r;
		at = end;
	}
	/* The path was a folder written with dots or a slash at its end, already checked on the way, or the root. */
	return trust == FILE_TRUST_CODE ? MUSTER_OK :
		err_set(err, MUSTER_E_DENIED, "%s must be a regular file, not a folder", original);
}

int file_make_dir(const char *path, mode_t mode, struct muster_err *err)
{
	int r = MUSTER_OK;
	struct stat st;
	char *copy = mem_strdup(path), *slash;

	if (copy == NULL)
		return err_nomem(err);
	for (slash = copy; r == MUSTER_OK && slash != NULL;) {
		slash = strchr(slash + 1, '/');
		if (slash != NULL)
			*slash = '\0';
		if (copy[0] != '\0' && mkdir(copy, mode) != 0 && errno != EEXIST && (errno != EROFS || stat(copy, &st) != 0))
			r = err_errno(err, errno, "cannot make the folder %s", copy);
		if (slash != NULL)
			*slash = '/';
	}
	mem_free(copy);
	if (r != MUSTER_OK)
		return r;
	if (stat(path, &st) != 0)
		return err_errno(err, errno, "cannot examine %s", path);
	return S_ISDIR(st.st_mode) ? MUSTER_OK : err_set(err, MUSTER_E_EXISTS, "%s is there already and is not a folder", path);
}

/* The name of a running process, for people. */
static void process_name(char out[64], long pid)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%ld/comm", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
		n = read(fd, out, 63);
		(void)close(fd);
	}
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static int lock_held(int fd, const char *path, struct muster_err *err)
{
	char text[32], name[64];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	long pid;

	text[n > 0 ? n : 0] = '\0';
	pid = strtol(text, NULL, 10);
	if (pid <= 0)
		return err_set(err, MUSTER_E_BUSY, "%s is locked by another process: wait for it or stop it", path);
	process_name(name, pid);
	return err_set(err, MUSTER_E_BUSY, "%s is locked by process %ld%s%s%s: wait for it or stop it", path, pid,
		name[0] != '\0' ? " (" : "", name, name[0] != '\0' ? ")" : "");
}

int file_lock(int *out, const char *path, struct muster_err *err)
{
	int r = MUSTER_E_INTERNAL, fd, n;
	char text[32];

	*out = -1;
	if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return err_errno(err, errno, "cannot open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		r = errno == EWOULDBLOCK ? lock_held(fd, path, err) : err_errno(err, errno, "cannot lock %s", path);
		goto done;
	}
	n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n) {
		r = err_errno(err, errno, "cannot write %s", path);
		goto done;
	}
	*out = fd;
	fd = -1;
	r = MUSTER_OK;
done:
	if (fd >= 0)
		(void)close(fd);
	return r;
}

char *file_join(const char *a, const char *b)
{
	size_t n = strlen(a);

	if (b[0] == '/' || n == 0)
		return mem_strdup(b);
	return mem_printf("%s%s%s", a, a[n - 1] == '/' ? "" : "/", b);
}

int file_space(const char *path, uint64_t *avail, uint64_t *total, struct muster_err *err)
{
	struct statvfs st;

	*avail = *total = 0;
	if (statvfs(path, &st) != 0)
		return err_errno(err, errno, "cannot find out the free space at %s", path);
	*avail = (uint64_t)st.f_bavail * st.f_frsize;
	*total = (uint64_t)st.f_blocks * st.f_frsize;
	return MUSTER_OK;
}
