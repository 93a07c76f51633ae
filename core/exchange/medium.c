#include "core/exchange/medium.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/exchange/internal.h"

const struct exchange_limits exchange_limits_default = {
	.file_max = (size_t)1 << 20, .total_max = (size_t)4 << 20, .entries_max = 100000, .depth_max = 32,
	.image_max = (uint64_t)64 << 30, .read_max = (uint64_t)64 << 20, .time_ms = 30000,
};

int reading_in_time(struct reading *r)
{
	if (clock_boot_ms(r->clock) <= r->deadline)
		return MUSTER_OK;
	return err_set(r->err, MUSTER_E_LIMIT, "%s: reading took more than %lld s and was given up", r->path, (long long)(r->limits->time_ms / 1000));
}

int reading_step(struct reading *r)
{
	if (++r->entries > r->limits->entries_max)
		return err_set(r->err, MUSTER_E_LIMIT, "%s: more than %u files and folders: no installation medium has so many", r->path, r->limits->entries_max);
	return r->entries % 256 == 0 ? reading_in_time(r) : MUSTER_OK;
}

const char *reading_shown(char out[EXCHANGE_SHOWN], const char *name)
{
	size_t n = 0;

	for (; *name != '\0' && n < EXCHANGE_SHOWN - 4; name++)
		out[n++] = (char)(*name >= 0x20 && *name < 0x7f ? *name : '?');
	(void)snprintf(out + n, EXCHANGE_SHOWN - n, "%s", *name != '\0' ? "..." : "");
	return out;
}

const struct exchange_file *reading_taken(const struct reading *r, size_t wanted)
{
	for (size_t i = 0; i < r->medium->file_count; i++)
		if (r->medium->files[i].wanted == wanted)
			return &r->medium->files[i];
	return NULL;
}

int reading_size(struct reading *r, const char *path, uint64_t size)
{
	char shown[EXCHANGE_SHOWN];

	if (size > r->limits->file_max)
		return err_set(r->err, MUSTER_E_LIMIT, "%s: %s has %llu bytes; a file that holds a key, or tells a version, has at most %zu", r->path, reading_shown(shown, path),
		               (unsigned long long)size, r->limits->file_max);
	if (size > r->limits->total_max - r->total)
		return err_set(r->err, MUSTER_E_LIMIT, "%s: the files that are looked at have more than %zu bytes together", r->path, r->limits->total_max);
	return MUSTER_OK;
}

int reading_twice(struct reading *r, const char *path, const char *other)
{
	char a[EXCHANGE_SHOWN], b[EXCHANGE_SHOWN];

	return err_set(r->err, MUSTER_E_INVALID, "%s: there are both %s and %s, which are one name to setup; which of them it would read cannot be told", r->path,
	               reading_shown(a, other), reading_shown(b, path));
}

int reading_take(struct reading *r, size_t wanted, const char *path, struct buf *bytes)
{
	struct exchange_file *f = &r->medium->files[r->medium->file_count];

	if (bytes->failed || (f->path = mem_strdup(path)) == NULL) {
		buf_cleanse(bytes);
		return err_nomem(r->err);
	}
	f->wanted = wanted;
	f->bytes = *bytes;
	buf_init(bytes, 0);
	r->total += f->bytes.n;
	r->medium->file_count++;
	return MUSTER_OK;
}

/* What tables and hosts name is checked there; once more, because here it opens files. */
static int check_wanted(const struct reading *r)
{
	for (size_t i = 0; i < r->wanted_count; i++) {
		const char *p = r->wanted[i];
		unsigned depth = 0;

		if (strlen(p) >= EXCHANGE_PATH_MAX)
			return err_set(r->err, MUSTER_E_INVALID, "a file to look for has a path of more than %d bytes", EXCHANGE_PATH_MAX - 1);
		for (size_t n; ; p += n + 1) {
			n = strcspn(p, "/");
			if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && strncmp(p, "..", 2) == 0) || ++depth > r->limits->depth_max)
				return err_set(r->err, MUSTER_E_INVALID, "%s is no path inside a medium", r->wanted[i]);
			if (p[n] == '\0')
				break;
		}
	}
	return MUSTER_OK;
}

static void take_name(struct exchange_medium *m, const char *path)
{
	char *real = realpath(path, NULL), shown[EXCHANGE_SHOWN];
	const char *slash = real != NULL ? strrchr(real, '/') : NULL;

	(void)snprintf(m->name, sizeof m->name, "%.255s", reading_shown(shown, slash != NULL ? slash + 1 : path));
	free(real); /* libc's */
}

static int read_open(struct reading *r, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_errno(r->err, errno, "cannot examine %s", r->path);
	take_name(r->medium, r->path);
	if (S_ISDIR(st.st_mode)) {
		r->medium->kind = EXCHANGE_FOLDER;
		return folder_read(r, fd);
	}
	if (!S_ISREG(st.st_mode))
		return err_set(r->err, MUSTER_E_INVALID, "%s is neither a folder nor a file; mount it, and name the folder", r->path);
	r->medium->kind = EXCHANGE_IMAGE;
	return image_read(r, fd, (uint64_t)st.st_size);
}

int exchange_medium_read(struct exchange_medium **out, const char *path, const char *const *wanted, size_t wanted_count,
                         const struct exchange_limits *limits, const struct clock *clock, struct muster_err *err)
{
	struct reading r = { .path = path, .wanted = wanted, .wanted_count = wanted_count, .limits = limits, .clock = clock, .err = err };
	int result, fd = -1;

	*out = NULL;
	r.deadline = clock_boot_ms(clock) + limits->time_ms;
	if ((result = check_wanted(&r)) != MUSTER_OK)
		return result;
	if ((r.medium = mem_alloc(sizeof *r.medium)) == NULL || (r.medium->files = mem_array(wanted_count + 1, sizeof *r.medium->files)) == NULL)
		result = err_nomem(err);
	/* O_NONBLOCK: a FIFO must not wait for a writer. */
	else if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0)
		result = err_errno(err, errno, "cannot open %s", path);
	else
		result = read_open(&r, fd);
	if (fd >= 0)
		(void)close(fd);
	if (result == MUSTER_OK)
		*out = r.medium;
	else
		exchange_medium_free(r.medium);
	return result;
}

void exchange_medium_free(struct exchange_medium *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; m->files != NULL && i < m->file_count; i++) {
		mem_free(m->files[i].path);
		buf_cleanse(&m->files[i].bytes);
	}
	mem_free(m->files);
	mem_free(m);
}
