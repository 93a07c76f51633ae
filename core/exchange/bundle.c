#include "core/exchange/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/mem.h"

struct bundle { struct archive *a; char *path; int fd; int64_t at; };

static int failed(const struct bundle *b, struct muster_err *err)
{
	const char *why = archive_error_string(b->a);
	int e = archive_errno(b->a);

	/* "Write error" alone does not say that a disk is full. */
	if (e == ENOSPC || e == EFBIG || e == EDQUOT || e == EIO)
		return err_errno(err, e, "%s cannot be written", b->path);
	return err_set(err, MUSTER_E_IO, "%s cannot be written: %s", b->path, why != NULL ? why : "out of memory");
}

int bundle_open(struct bundle **out, const char *path, int64_t at, struct muster_err *err)
{
	struct bundle *b = mem_alloc(sizeof *b);
	int r = MUSTER_OK;

	*out = NULL;
	if (b == NULL)
		return err_nomem(err);
	*b = (struct bundle){ .fd = -1, .at = at, .path = mem_strdup(path), .a = archive_write_new() };
	if (b->path == NULL || b->a == NULL)
		r = err_nomem(err);
	else if ((b->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0)
		r = errno == EEXIST ? err_set(err, MUSTER_E_EXISTS, "%s is there already: name another file with --out", path) : err_errno(err, errno, "cannot make %s", path);
	/* Without the time that gzip would note: the same contents are the same file. */
	else if (archive_write_set_format_ustar(b->a) != ARCHIVE_OK || archive_write_add_filter_gzip(b->a) != ARCHIVE_OK || archive_write_set_options(b->a, "gzip:!timestamp") < ARCHIVE_WARN ||
	         archive_write_open_fd(b->a, b->fd) != ARCHIVE_OK)
		r = failed(b, err);
	if (r != MUSTER_OK) {
		(void)bundle_close(b, false, NULL);
		return r;
	}
	*out = b;
	return MUSTER_OK;
}

int bundle_add(struct bundle *b, const char *name, struct muster_span text, struct muster_err *err)
{
	struct archive_entry *e = archive_entry_new();
	int r = MUSTER_OK;

	if (e == NULL)
		return err_nomem(err);
	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)text.n);
	archive_entry_set_mtime(e, (time_t)b->at, 0);
	archive_entry_set_uid(e, 0);
	archive_entry_set_gid(e, 0);
	if (archive_write_header(b->a, e) != ARCHIVE_OK || (text.n > 0 && archive_write_data(b->a, text.p, text.n) != (la_ssize_t)text.n))
		r = failed(b, err);
	archive_entry_free(e);
	return r;
}

int bundle_close(struct bundle *b, bool keep, struct muster_err *err)
{
	int r = MUSTER_OK;

	if (b == NULL)
		return MUSTER_OK;
	if (b->a != NULL && keep && archive_write_close(b->a) != ARCHIVE_OK)
		r = failed(b, err);
	if (b->a != NULL)
		(void)archive_write_free(b->a);
	if (b->fd >= 0) {
		if (keep && r == MUSTER_OK && fsync(b->fd) != 0)
			r = err_errno(err, errno, "%s cannot be written", b->path);
		(void)close(b->fd);
		if (!keep || r != MUSTER_OK)
			(void)unlink(b->path);
	}
	mem_free(b->path);
	mem_free(b);
	return r;
}
