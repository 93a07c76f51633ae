/* A folder: from its own descriptor downwards, name by name, never through a link. */
#include "core/exchange/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/err.h"

/* Where the walk to one wanted file is. */
struct walk { struct reading *r; size_t wanted; char spelled[EXCHANGE_PATH_MAX * 4]; };

static int cannot(struct walk *w, int errnum, const char *what)
{
	char shown[EXCHANGE_SHOWN];

	return err_errno(w->r->err, errnum, "%s: cannot %s %s", w->r->path, what, reading_shown(shown, w->spelled[0] != '\0' ? w->spelled : "the folder"));
}

static int search(struct walk *w, DIR *dir, const char *name, size_t n, char found[NAME_MAX + 1])
{
	const struct dirent *e;
	int result;

	found[0] = '\0';
	while (errno = 0, (e = readdir(dir)) != NULL) {
		if ((result = reading_step(w->r)) != MUSTER_OK)
			return result;
		if (strlen(e->d_name) != n || strncasecmp(e->d_name, name, n) != 0)
			continue;
		if (found[0] != '\0')
			return reading_twice(w->r, e->d_name, found);
		(void)snprintf(found, NAME_MAX + 1, "%s", e->d_name);
	}
	return errno != 0 ? cannot(w, errno, "read") : MUSTER_OK;
}

/* The entry of this name in whatever case; "" when there is none. */
static int find(struct walk *w, int folder, const char *name, size_t n, char found[NAME_MAX + 1])
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL) {
		result = cannot(w, errno, "read");
		if (fd >= 0)
			(void)close(fd);
		return result;
	}
	result = search(w, dir, name, n, found);
	(void)closedir(dir);
	return result;
}

static int refuse_link(struct walk *w, int folder, const char *name)
{
	char target[PATH_MAX], shown[EXCHANGE_SHOWN], shown_target[EXCHANGE_SHOWN];
	ssize_t n = readlinkat(folder, name, target, sizeof target - 1);

	target[n > 0 ? n : 0] = '\0';
	return err_set(w->r->err, MUSTER_E_INVALID, "%s: %s is a link to \"%s\"; links on a medium are not followed, for they may lead out of it", w->r->path,
	               reading_shown(shown, w->spelled), reading_shown(shown_target, target));
}

static int read_file(struct walk *w, int fd)
{
	uint8_t part[16384];
	struct buf bytes;
	ssize_t n;
	int result = MUSTER_OK;

	buf_init(&bytes, w->r->limits->file_max);
	while (result == MUSTER_OK && (n = read(fd, part, sizeof part)) != 0) {
		if (n < 0 && errno != EINTR)
			result = cannot(w, errno, "read");
		else if (n > 0 && (result = reading_size(w->r, w->spelled, (uint64_t)bytes.n + (uint64_t)n)) == MUSTER_OK)
			buf_add(&bytes, part, (size_t)n);
		if (result == MUSTER_OK)
			result = reading_in_time(w->r);
	}
	explicit_bzero(part, sizeof part);
	if (result == MUSTER_OK)
		return reading_take(w->r, w->wanted, w->spelled, &bytes);
	buf_cleanse(&bytes);
	return result;
}

/* Looked at before it is opened: opening a device may do something. Looked at again after, because others may write to the folder. */
static int take_file(struct walk *w, int folder, const char *name, const struct stat *before)
{
	char shown[EXCHANGE_SHOWN];
	struct stat st;
	int fd, result;

	if (!S_ISREG(before->st_mode))
		return err_set(w->r->err, MUSTER_E_INVALID, "%s: %s is %s and not a file", w->r->path, reading_shown(shown, w->spelled),
		               S_ISDIR(before->st_mode) ? "a folder" : S_ISFIFO(before->st_mode) ? "a FIFO" : S_ISSOCK(before->st_mode) ? "a socket" : "a device");
	if ((result = reading_size(w->r, w->spelled, (uint64_t)before->st_size)) != MUSTER_OK)
		return result;
	if ((fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) < 0)
		return errno == ELOOP ? refuse_link(w, folder, name) : cannot(w, errno, "open");
	if (fstat(fd, &st) != 0 || st.st_dev != before->st_dev || st.st_ino != before->st_ino || !S_ISREG(st.st_mode))
		result = err_set(w->r->err, MUSTER_E_INVALID, "%s: %s was replaced while it was read", w->r->path, reading_shown(shown, w->spelled));
	else
		result = read_file(w, fd);
	(void)close(fd);
	return result;
}

/* One step down. *folder is closed and replaced; -1 at the end, whether the file was there or not. */
static int step(struct walk *w, int *folder, const char *name, size_t n, bool last)
{
	char found[NAME_MAX + 1];
	size_t at = strlen(w->spelled);
	struct stat st;
	int next = -1, result = find(w, *folder, name, n, found);

	if (result == MUSTER_OK && found[0] != '\0') {
		(void)snprintf(w->spelled + at, sizeof w->spelled - at, "%s%s", at > 0 ? "/" : "", found);
		if (fstatat(*folder, found, &st, AT_SYMLINK_NOFOLLOW) != 0)
			result = cannot(w, errno, "examine");
		else if (S_ISLNK(st.st_mode))
			result = refuse_link(w, *folder, found);
		else if (last)
			result = take_file(w, *folder, found, &st);
		else if (S_ISDIR(st.st_mode) && (next = openat(*folder, found, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
			result = errno == ELOOP || errno == ENOTDIR ? refuse_link(w, *folder, found) : cannot(w, errno, "open");
	}
	(void)close(*folder);
	*folder = next;
	return result;
}

static int walk(struct reading *r, int root, size_t wanted)
{
	struct walk w = { r, wanted, "" };
	const char *p = r->wanted[wanted];
	int folder = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = MUSTER_OK;

	if (folder < 0)
		return cannot(&w, errno, "open");
	while (folder >= 0 && result == MUSTER_OK) {
		size_t n = strcspn(p, "/");

		result = step(&w, &folder, p, n, p[n] == '\0');
		p += n + (p[n] != '\0');
	}
	if (folder >= 0)
		(void)close(folder);
	return result;
}

int folder_read(struct reading *r, int fd)
{
	int result = MUSTER_OK;

	for (size_t i = 0; i < r->wanted_count && result == MUSTER_OK; i++)
		result = walk(r, fd, i);
	return result;
}
