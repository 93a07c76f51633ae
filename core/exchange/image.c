/* An ISO 9660 image: its descriptors are read here for label and size, its folders and files by libarchive. */
#include "core/exchange/internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define SECTOR 2048
#define FIRST_SECTOR 16
#define DESCRIPTORS_MAX 64
#define BLOCK ((size_t)64 << 10)

/* The image as libarchive reads it. */
struct source { struct reading *r; int fd; uint64_t size, at, read; uint8_t block[BLOCK]; bool failed; };

/* What is to be found in one pass. `link`: it is a second name of that file; then a pass looks for exactly that one. */
struct want { size_t wanted; bool exact; char path[EXCHANGE_PATH_MAX * 4]; char link[EXCHANGE_PATH_MAX * 4]; };

/* ---- descriptors ---- */

static ssize_t read_at(int fd, uint8_t *p, size_t n, uint64_t at)
{
	size_t total = 0;

	while (total < n) {
		ssize_t k = pread(fd, p + total, n - total, (off_t)(at + total));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0)
			break;
		total += (size_t)k;
	}
	return (ssize_t)total;
}

static void take_label(struct exchange_medium *m, const uint8_t *volume_id)
{
	char raw[33], shown[EXCHANGE_SHOWN];
	size_t n = 32;

	memcpy(raw, volume_id, 32);
	while (n > 0 && (raw[n - 1] == ' ' || raw[n - 1] == '\0'))
		n--;
	raw[n] = '\0';
	(void)snprintf(m->label, sizeof m->label, "%.60s", reading_shown(shown, raw));
}

static int check_descriptor(struct reading *r, const uint8_t *d, uint64_t size)
{
	uint64_t blocks = (uint64_t)d[80] | (uint64_t)d[81] << 8 | (uint64_t)d[82] << 16 | (uint64_t)d[83] << 24, block = (uint64_t)d[128] | (uint64_t)d[129] << 8;

	if (blocks * block > size)
		return err_set(r->err, MUSTER_E_INVALID, "%s: the image says that it has %llu bytes, and there are %llu: it was cut short", r->path,
		               (unsigned long long)(blocks * block), (unsigned long long)size);
	take_label(r->medium, d + 40);
	return MUSTER_OK;
}

static int read_descriptors(struct reading *r, int fd, uint64_t size)
{
	uint8_t d[SECTOR];
	bool primary = false;
	int result;

	for (unsigned i = 0; i < DESCRIPTORS_MAX && read_at(fd, d, sizeof d, (uint64_t)(FIRST_SECTOR + i) * SECTOR) == SECTOR; i++) {
		if (memcmp(d + 1, "NSR02", 5) == 0 || memcmp(d + 1, "NSR03", 5) == 0) {
			r->medium->udf = true;
		} else if (memcmp(d + 1, "CD001", 5) == 0 && d[0] == 1 && !primary) {
			primary = true;
			if ((result = check_descriptor(r, d, size)) != MUSTER_OK)
				return result;
		} else if (memcmp(d + 1, "CD001", 5) != 0 && memcmp(d + 1, "BEA01", 5) != 0 && memcmp(d + 1, "TEA01", 5) != 0 && memcmp(d + 1, "BOOT2", 5) != 0) {
			break;
		}
	}
	if (primary)
		return MUSTER_OK;
	if (r->medium->udf)
		return err_set(r->err, MUSTER_E_INVALID, "%s has a UDF file system alone, which is not read here; mount it, and name the folder", r->path);
	return err_set(r->err, MUSTER_E_INVALID, "%s is neither a folder nor an ISO 9660 image; name the medium's top folder, or its image", r->path);
}

/* ---- libarchive's input ---- */

static la_ssize_t source_read(struct archive *a, void *ctx, const void **block)
{
	struct source *s = ctx;
	ssize_t n;

	(void)a;
	*block = s->block;
	if (s->failed)
		return -1;
	if (reading_in_time(s->r) != MUSTER_OK) {
		s->failed = true;
		return -1;
	}
	if ((n = read_at(s->fd, s->block, sizeof s->block, s->at)) < 0) {
		(void)err_errno(s->r->err, errno, "cannot read %s", s->r->path);
		s->failed = true;
		return -1;
	}
	s->at += (uint64_t)n;
	if ((s->read += (uint64_t)n) > s->r->limits->read_max) {
		(void)err_set(s->r->err, MUSTER_E_LIMIT, "%s: more than %llu MiB of it would have to be read to find a few small files: no installation medium is built like that",
		              s->r->path, (unsigned long long)(s->r->limits->read_max >> 20));
		s->failed = true;
		return -1;
	}
	return n;
}

static la_int64_t source_seek(struct archive *a, void *ctx, la_int64_t offset, int whence)
{
	struct source *s = ctx;
	int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (int64_t)s->at : (int64_t)s->size;

	(void)a;
	if (s->failed || offset > (la_int64_t)s->size - base || offset < -base)
		return ARCHIVE_FATAL;
	s->at = (uint64_t)(base + offset);
	return (la_int64_t)s->at;
}

static la_int64_t source_skip(struct archive *a, void *ctx, la_int64_t request)
{
	struct source *s = ctx;
	uint64_t left = s->at < s->size ? s->size - s->at : 0, n = request > 0 ? (uint64_t)request : 0;

	(void)a;
	if (n > left)
		n = left;
	s->at += n;
	return (la_int64_t)n;
}

/* ---- entries ---- */

static int damaged(struct source *s, struct archive *a)
{
	char shown[EXCHANGE_SHOWN];
	const char *why = archive_error_string(a);

	if (s->failed)
		return s->r->err != NULL ? s->r->err->result : MUSTER_E_IO;
	return err_set(s->r->err, MUSTER_E_INVALID, "%s: the image is damaged, or was cut short (%s)%s", s->r->path, reading_shown(shown, why != NULL ? why : "no reason given"),
	               s->r->medium->udf ? "; " EXCHANGE_UDF_TOO : "");
}

/* Names that no publisher's tool writes, and that lead elsewhere when something unpacks them. */
static int check_name(struct reading *r, const char *path)
{
	const char *wrong = path[0] == '/' ? "an absolute name" : NULL;
	char shown[EXCHANGE_SHOWN];
	unsigned depth = 0;

	for (const char *p = path; wrong == NULL; ) {
		size_t n = strcspn(p, "/");

		if (n == 2 && strncmp(p, "..", 2) == 0)
			wrong = "a name with \"..\"";
		else if (n == 0 && p[0] != '\0')
			wrong = "a name with an empty part";
		else if (++depth > r->limits->depth_max)
			return err_set(r->err, MUSTER_E_LIMIT, "%s: folders lie more than %u deep in each other", r->path, r->limits->depth_max);
		if (p[n] == '\0')
			break;
		p += n + 1;
	}
	return wrong == NULL ? MUSTER_OK : err_set(r->err, MUSTER_E_INVALID, "%s: the image has %s, %s; such an image is made to mislead", r->path, wrong, reading_shown(shown, path));
}

static struct want *match(struct want *wants, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (wants[i].path[0] != '\0' && (wants[i].exact ? strcmp(path, wants[i].path) : strcasecmp(path, wants[i].path)) == 0)
			return &wants[i];
	return NULL;
}

static int read_entry(struct source *s, struct archive *a, struct archive_entry *e, size_t wanted, const char *path)
{
	struct reading *r = s->r;
	uint8_t part[16384];
	struct buf bytes;
	la_ssize_t n;
	int result = archive_entry_size_is_set(e) && archive_entry_size(e) >= 0 ? reading_size(r, path, (uint64_t)archive_entry_size(e)) : MUSTER_OK;

	buf_init(&bytes, r->limits->file_max);
	while (result == MUSTER_OK && (n = archive_read_data(a, part, sizeof part)) != 0) {
		if (n == ARCHIVE_RETRY)
			continue;
		if (n < 0)
			result = damaged(s, a);
		else if ((result = reading_size(r, path, (uint64_t)bytes.n + (uint64_t)n)) == MUSTER_OK)
			buf_add(&bytes, part, (size_t)n);
	}
	explicit_bzero(part, sizeof part);
	if (result == MUSTER_OK)
		return reading_take(r, wanted, path, &bytes);
	buf_cleanse(&bytes);
	return result;
}

static int take_entry(struct source *s, struct archive *a, struct archive_entry *e, struct want *w, const char *path)
{
	const struct exchange_file *before = reading_taken(s->r, w->wanted);
	const char *link = archive_entry_hardlink(e), *symlink = archive_entry_symlink(e);
	char shown[EXCHANGE_SHOWN], target[EXCHANGE_SHOWN];

	if (before != NULL || w->link[0] != '\0')
		return reading_twice(s->r, path, before != NULL ? before->path : w->path);
	if (link != NULL) {
		/* The same bytes under two names: libarchive gives them with the first one. */
		if ((size_t)snprintf(w->link, sizeof w->link, "%s", link) >= sizeof w->link)
			return err_set(s->r->err, MUSTER_E_LIMIT, "%s: the other name of %s is too long", s->r->path, reading_shown(shown, path));
		return MUSTER_OK;
	}
	if (symlink != NULL)
		return err_set(s->r->err, MUSTER_E_INVALID, "%s: %s is a link to \"%s\"; links on a medium are not followed, for they may lead out of it", s->r->path,
		               reading_shown(shown, path), reading_shown(target, symlink));
	if (archive_entry_filetype(e) != AE_IFREG)
		return err_set(s->r->err, MUSTER_E_INVALID, "%s: %s is %s and not a file", s->r->path, reading_shown(shown, path),
		               archive_entry_filetype(e) == AE_IFDIR ? "a folder" : archive_entry_filetype(e) == AE_IFIFO ? "a FIFO" : "a device");
	return read_entry(s, a, e, w->wanted, w->exact ? s->r->wanted[w->wanted] : path);
}

/* A link where a folder of a wanted file should be: the file would be looked for elsewhere. */
static int check_folder_link(struct source *s, struct archive_entry *e, const struct want *wants, size_t n, const char *path)
{
	const char *target = archive_entry_symlink(e);
	char shown[EXCHANGE_SHOWN], shown_target[EXCHANGE_SHOWN];
	size_t length = strlen(path);

	for (size_t i = 0; target != NULL && i < n; i++)
		if (strncasecmp(wants[i].path, path, length) == 0 && wants[i].path[length] == '/')
			return err_set(s->r->err, MUSTER_E_INVALID, "%s: %s is a link to \"%s\"; links on a medium are not followed, for they may lead out of it", s->r->path,
			               reading_shown(shown, path), reading_shown(shown_target, target));
	return MUSTER_OK;
}

static int one_entry(struct source *s, struct archive *a, struct archive_entry *e, struct want *wants, size_t n)
{
	const char *path = archive_entry_pathname(e);
	struct want *w;
	int result;

	if ((result = reading_step(s->r)) != MUSTER_OK || path == NULL || strcmp(path, ".") == 0)
		return result;
	if ((result = check_name(s->r, path)) != MUSTER_OK || (result = check_folder_link(s, e, wants, n, path)) != MUSTER_OK)
		return result;
	w = match(wants, n, path);
	return w != NULL ? take_entry(s, a, e, w, path) : MUSTER_OK;
}

static int each_entry(struct source *s, struct archive *a, struct want *wants, size_t n)
{
	struct archive_entry *e;
	int result = MUSTER_OK;

	while (result == MUSTER_OK) {
		int k = archive_read_next_header(a, &e);

		if (k == ARCHIVE_EOF)
			break;
		if (k == ARCHIVE_RETRY)
			result = reading_step(s->r);
		else if (k < ARCHIVE_WARN) /* a warning is about a name in another character set */
			result = damaged(s, a);
		else
			result = one_entry(s, a, e, wants, n);
	}
	return result;
}

static int pass(struct source *s, struct want *wants, size_t n)
{
	struct archive *a = archive_read_new();
	int result;

	s->at = 0;
	if (a == NULL)
		return err_nomem(s->r->err);
	if (archive_read_support_format_iso9660(a) != ARCHIVE_OK || archive_read_set_read_callback(a, source_read) != ARCHIVE_OK ||
	    archive_read_set_seek_callback(a, source_seek) != ARCHIVE_OK || archive_read_set_skip_callback(a, source_skip) != ARCHIVE_OK ||
	    archive_read_set_callback_data(a, s) != ARCHIVE_OK || archive_read_open1(a) != ARCHIVE_OK)
		result = damaged(s, a);
	else
		result = each_entry(s, a, wants, n);
	(void)archive_read_free(a);
	return result;
}

/* A file that is another name of one already taken, or of one that a pass of its own finds. */
static int resolve_one(struct source *s, const struct want *second)
{
	struct want first = { .wanted = second->wanted, .exact = true };
	struct reading *r = s->r;
	struct buf copy;
	int result;

	for (size_t k = 0; k < r->medium->file_count; k++) {
		const struct exchange_file *f = &r->medium->files[k];

		if (strcmp(f->path, second->link) != 0)
			continue;
		if ((result = reading_size(r, second->link, f->bytes.n)) != MUSTER_OK)
			return result;
		buf_init(&copy, r->limits->file_max);
		buf_add(&copy, f->bytes.p, f->bytes.n);
		return reading_take(r, second->wanted, r->wanted[second->wanted], &copy);
	}
	(void)snprintf(first.path, sizeof first.path, "%s", second->link);
	return pass(s, &first, 1);
}

static int resolve(struct source *s, const struct want *wants)
{
	int result = MUSTER_OK;

	for (size_t i = 0; i < s->r->wanted_count && result == MUSTER_OK; i++)
		if (wants[i].link[0] != '\0')
			result = resolve_one(s, &wants[i]);
	return result;
}

int image_read(struct reading *r, int fd, uint64_t size)
{
	struct source *s = NULL;
	struct want *wants = NULL;
	int result;

	if (size > r->limits->image_max)
		return err_set(r->err, MUSTER_E_LIMIT, "%s has %llu bytes: no installation medium is larger than %llu GiB", r->path, (unsigned long long)size,
		               (unsigned long long)(r->limits->image_max >> 30));
	if ((result = read_descriptors(r, fd, size)) != MUSTER_OK)
		return result;
	s = mem_alloc(sizeof *s);
	wants = mem_array(r->wanted_count + 1, sizeof *wants);
	if (s == NULL || wants == NULL) {
		result = err_nomem(r->err);
	} else {
		s->r = r;
		s->fd = fd;
		s->size = size;
		for (size_t i = 0; i < r->wanted_count; i++) {
			wants[i].wanted = i;
			(void)snprintf(wants[i].path, sizeof wants[i].path, "%s", r->wanted[i]);
		}
		if ((result = pass(s, wants, r->wanted_count)) == MUSTER_OK)
			result = resolve(s, wants);
		explicit_bzero(s->block, sizeof s->block);
	}
	mem_free(s);
	mem_free(wants);
	return result;
}
