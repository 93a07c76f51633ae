#include "core/store/books_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/evp.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define HASH_TEXT 64

void books_log_first(struct books_mark *m, const uint8_t issuer_id[16])
{
	memset(m, 0, sizeof *m);
	memcpy(m->hash, issuer_id, 16);
}

static int check_file(const struct books_log *l, struct muster_err *err)
{
	struct stat st;

	if (fstat(l->fd, &st) != 0)
		return err_errno(err, errno, "cannot examine %s", l->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, MUSTER_E_DENIED, "%s must be a regular file", l->path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(err, MUSTER_E_DENIED, "%s belongs to user %lu, neither to root nor to the user running this: chown it, or run as that user", l->path,
			(unsigned long)st.st_uid);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return err_set(err, MUSTER_E_DENIED, "%s can be used by others than its owner (mode %04o): chmod 600 %s", l->path, (unsigned)(st.st_mode & 07777), l->path);
	return MUSTER_OK;
}

static int sync_folder(const char *dir, struct muster_err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = MUSTER_OK;

	if (fd < 0)
		return err_errno(err, errno, "cannot open the folder %s", dir);
	if (fsync(fd) != 0)
		r = err_errno(err, errno, "cannot sync the folder %s", dir);
	(void)close(fd);
	return r;
}

int books_log_open(struct books_log *l, const char *dir, bool make, struct muster_err *err)
{
	int r = MUSTER_OK;

	l->fd = -1;
	if ((l->path = file_join(dir, "confirmations.log")) == NULL)
		return err_nomem(err);
	l->fd = open(l->path, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (l->fd < 0 && errno == ENOENT && make && (l->fd = open(l->path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)) >= 0)
		r = sync_folder(dir, err);
	if (l->fd < 0)
		r = err_errno(err, errno, "cannot open %s", l->path);
	if (r == MUSTER_OK)
		r = check_file(l, err);
	if (r != MUSTER_OK)
		books_log_close(l);
	return r;
}

void books_log_close(struct books_log *l)
{
	if (l->path == NULL)
		return;
	if (l->fd >= 0)
		(void)close(l->fd);
	mem_free(l->path);
	l->path = NULL;
	l->fd = -1;
}

/* All @p n bytes at @p at. MUSTER_E_NOT_FOUND: the file ends before. */
static int read_at(const struct books_log *l, void *out, size_t n, int64_t at, struct muster_err *err)
{
	uint8_t *p = out;

	while (n > 0) {
		ssize_t got = pread(l->fd, p, n, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, errno, "cannot read %s", l->path);
		if (got == 0)
			return err_set(err, MUSTER_E_NOT_FOUND, "%s ends", l->path);
		p += got;
		at += got;
		n -= (size_t)got;
	}
	return MUSTER_OK;
}

int books_log_check(const struct books_log *l, const struct books_mark *known, struct muster_err *err)
{
	char text[HASH_TEXT], last = '\0', hash[HEX_SIZE(32)];
	int r;

	if (known->end == 0)
		return MUSTER_OK;
	hex_encode(hash, known->hash, sizeof known->hash);
	if ((r = read_at(l, text, sizeof text, known->start, err)) == MUSTER_OK)
		r = read_at(l, &last, 1, known->end - 1, err);
	if (r == MUSTER_E_NOT_FOUND)
		return err_set(err, MUSTER_E_MISMATCH, "%s is shorter than the %" PRId64 " bytes the books know: it is an older one; put the newest in its place", l->path,
			known->end);
	if (r != MUSTER_OK)
		return r;
	if (last == '\n' && memcmp(text, hash, sizeof text) == 0)
		return MUSTER_OK;
	return err_set(err, MUSTER_E_MISMATCH, "%s is not the one these books were kept with: it differs at byte %" PRId64 "; put the right one in its place", l->path,
		known->start);
}

static int line_hash(uint8_t out[32], const uint8_t before[32], struct muster_span json, struct muster_err *err)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	int r = MUSTER_OK;

	if (c == NULL || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(c, before, 32) != 1 || EVP_DigestUpdate(c, json.p, json.n) != 1
	    || EVP_DigestFinal_ex(c, out, NULL) != 1)
		r = err_nomem(err);
	EVP_MD_CTX_free(c);
	return r;
}

/* From @p at to the next line feed, which is not part of it. MUSTER_E_NOT_FOUND: there is none. */
static int read_line(const struct books_log *l, struct buf *line, int64_t at, struct muster_err *err)
{
	char part[4096];

	for (;;) {
		ssize_t n = pread(l->fd, part, sizeof part, at);
		const char *end;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "cannot read %s", l->path);
		if (n == 0)
			return err_set(err, MUSTER_E_NOT_FOUND, "%s ends", l->path);
		end = memchr(part, '\n', (size_t)n);
		buf_add(line, part, end != NULL ? (size_t)(end - part) : (size_t)n);
		if (line->failed)
			return line->n + (size_t)n > line->cap ? err_set(err, MUSTER_E_INVALID, "%s: a line is longer than %u bytes", l->path, BOOKS_LOG_LINE_MAX) : err_nomem(err);
		if (end != NULL)
			return MUSTER_OK;
		at += n;
	}
}

int books_log_next(const struct books_log *l, struct books_mark *m, struct buf *json, struct muster_err *err)
{
	uint8_t told[32], hash[32];
	struct buf line;
	int r;

	buf_init(&line, BOOKS_LOG_LINE_MAX);
	if ((r = read_line(l, &line, m->end, err)) != MUSTER_OK)
		goto done;
	if (line.n < HASH_TEXT + 3 || line.p[HASH_TEXT] != ' ' || hex_decode(told, sizeof told, (const char *)line.p, HASH_TEXT) != MUSTER_OK) {
		r = err_set(err, MUSTER_E_INVALID, "%s: the line at byte %" PRId64 " is none of ours", l->path, m->end);
		goto done;
	}
	if ((r = line_hash(hash, m->hash, span_of(line.p + HASH_TEXT + 1, line.n - HASH_TEXT - 1), err)) != MUSTER_OK)
		goto done;
	if (memcmp(hash, told, sizeof hash) != 0) {
		r = err_set(err, MUSTER_E_INVALID, "%s: the line at byte %" PRId64 " is damaged, or does not follow the one before", l->path, m->end);
		goto done;
	}
	buf_add(json, line.p + HASH_TEXT + 1, line.n - HASH_TEXT - 1);
	if (json->failed) {
		r = err_nomem(err);
		goto done;
	}
	memcpy(m->hash, hash, sizeof m->hash);
	m->start = m->end;
	m->end += (int64_t)line.n + 1;
done:
	buf_fini(&line);
	return r;
}

static int write_all(const struct books_log *l, const struct buf *line, struct muster_err *err)
{
	size_t done = 0;

	while (done < line->n) {
		ssize_t n = write(l->fd, line->p + done, line->n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT))
			return err_set(err, MUSTER_E_LIMIT, "cannot write %s: the disk is full; free space on its file system", l->path);
		if (n < 0)
			return err_errno(err, errno, "cannot write %s", l->path);
		done += (size_t)n;
	}
	return fdatasync(l->fd) == 0 ? MUSTER_OK : err_errno(err, errno, "cannot sync %s", l->path);
}

int books_log_append(const struct books_log *l, struct books_mark *m, struct muster_span json, struct muster_err *err)
{
	char text[HEX_SIZE(32)];
	uint8_t hash[32];
	struct buf line;
	int r;

	if (json.n + HASH_TEXT + 2 > BOOKS_LOG_LINE_MAX)
		return err_set(err, MUSTER_E_LIMIT, "a line of %zu bytes is too long for %s", json.n, l->path);
	buf_init(&line, BOOKS_LOG_LINE_MAX);
	if ((r = line_hash(hash, m->hash, json, err)) != MUSTER_OK)
		goto done;
	hex_encode(text, hash, sizeof hash);
	buf_adds(&line, text);
	buf_addc(&line, ' ');
	buf_add(&line, json.p, json.n);
	buf_addc(&line, '\n');
	if (line.failed) {
		r = err_nomem(err);
		goto done;
	}
	if (ftruncate(l->fd, m->end) != 0) {
		r = err_errno(err, errno, "cannot cut %s to its last line", l->path);
		goto done;
	}
	if ((r = write_all(l, &line, err)) != MUSTER_OK) {
		(void)!ftruncate(l->fd, m->end);   /* what stays of it has no line feed, or is replayed: nothing of it was shown */
		goto done;
	}
	memcpy(m->hash, hash, sizeof m->hash);
	m->start = m->end;
	m->end += (int64_t)line.n;
done:
	buf_fini(&line);
	return r;
}
