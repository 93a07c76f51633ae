#include "core/issuer/book.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define BOOK_MAX ((size_t)1 << 30)   /* a gigabyte holds some 400,000 entries */

void book_entry_fini(struct book_entry *e)
{
	mem_free(e->subject);
	mem_free(e->chain);
	memset(e, 0, sizeof(*e));
}

/* A string member, copied into a fixed array. */
static bool get_text(char *out, size_t room, const json_t *j, const char *name)
{
	const json_t *m = json_object_get(j, name);

	if (!json_is_string(m) || json_string_length(m) >= room)
		return false;
	memcpy(out, json_string_value(m), json_string_length(m) + 1);
	return true;
}

static bool get_time(int64_t *out, const json_t *j, const char *name)
{
	const json_t *m = json_object_get(j, name);
	int64_t ms;

	if (!json_is_string(m) || time_parse_rfc3339(&ms, json_string_value(m), json_string_length(m)) != MUSTER_OK)
		return false;
	*out = ms / 1000;
	return true;
}

static bool get_products(struct book_entry *e, const json_t *list)
{
	size_t i, n = json_array_size(list);

	if (!json_is_array(list) || n == 0 || n > TRUST_PRODUCTS_MAX)
		return false;
	for (i = 0; i < n; i++) {
		const json_t *m = json_array_get(list, i);

		if (!json_is_string(m) || uuid_parse(e->products[i], json_string_value(m), json_string_length(m)) != MUSTER_OK)
			return false;
	}
	e->product_count = n;
	return true;
}

static int read_line(struct book_entry *e, const char *text, size_t n, struct muster_err *err)
{
	json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	const json_t *number = json_object_get(j, "number"), *mid = json_object_get(j, "intermediate");
	const char *subject = json_string_value(json_object_get(j, "subject")), *chain = json_string_value(json_object_get(j, "chain"));
	bool ok;

	memset(e, 0, sizeof(*e));
	ok = json_is_integer(number) && json_integer_value(number) > 0 && json_is_integer(mid) && json_integer_value(mid) > 0
	     && json_integer_value(mid) <= INT32_MAX && subject != NULL && chain != NULL && get_text(e->kid, sizeof(e->kid), j, "kid")
	     && get_text(e->serial, sizeof(e->serial), j, "serial") && get_text(e->request, sizeof(e->request), j, "request_sha256")
	     && get_time(&e->at, j, "issued") && get_time(&e->begin, j, "not_before") && get_time(&e->end, j, "not_after")
	     && get_products(e, json_object_get(j, "products"));
	if (ok) {
		e->number = (unsigned long)json_integer_value(number);
		e->intermediate = (unsigned)json_integer_value(mid);
		e->subject = mem_strdup(subject);
		e->chain = mem_strdup(chain);
	}
	json_decref(j);
	if (!ok)
		return err_set(err, MUSTER_E_INVALID, "not an entry of the book of certificates");
	if (e->subject == NULL || e->chain == NULL) {
		book_entry_fini(e);
		return err_nomem(err);
	}
	return MUSTER_OK;
}

int book_each(const char *path, int (*fn)(void *ctx, const struct book_entry *e), void *ctx, struct muster_err *err)
{
	struct buf text;
	const char *p, *end, *stop;
	unsigned long line = 0;
	bool done = false;
	int r;

	buf_init(&text, BOOK_MAX);
	r = file_read(&text, path, BOOK_MAX, err);
	if (r == MUSTER_E_NOT_FOUND)
		r = MUSTER_OK;
	p = buf_str(&text);
	stop = p + text.n;
	/* what follows the last line end was cut off by a crash and counts for nothing */
	for (; r == MUSTER_OK && !done && (end = memchr(p, '\n', (size_t)(stop - p))) != NULL; p = end + 1) {
		struct book_entry e;

		line++;
		if ((r = read_line(&e, p, (size_t)(end - p), err)) != MUSTER_OK) {
			(void)err_prefix(err, r, "%s:%lu", path, line);
			break;
		}
		done = fn(ctx, &e) != 0;
		book_entry_fini(&e);
	}
	buf_fini(&text);
	return r;
}

static int last_number(void *ctx, const struct book_entry *e)
{
	*(unsigned long *)ctx = e->number;
	return 0;
}

int book_next(unsigned long *number, const char *path, struct muster_err *err)
{
	int r;

	*number = 0;
	r = book_each(path, last_number, number, err);
	(*number)++;
	return r;
}

json_t *book_entry_json(const struct book_entry *e)
{
	char at[TIME_RFC3339], begin[TIME_RFC3339], end[TIME_RFC3339], id[UUID_TEXT];
	json_t *ids = json_array();
	size_t i;

	time_rfc3339(at, e->at * 1000);
	time_rfc3339(begin, e->begin * 1000);
	time_rfc3339(end, e->end * 1000);
	for (i = 0; i < e->product_count; i++) {
		uuid_format(id, e->products[i]);
		if (json_array_append_new(ids, json_string(id)) != 0) {
			json_decref(ids);
			return NULL;
		}
	}
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:o, s:s}", "number", (json_int_t)e->number, "issued", at, "subject", e->subject,
	                 "kid", e->kid, "serial", e->serial, "not_before", begin, "not_after", end, "intermediate", (int)e->intermediate,
	                 "request_sha256", e->request, "products", ids, "chain", e->chain);
}

/* Where the next line goes: after the last line end. */
static int find_end(int fd, off_t *at, const char *path, struct muster_err *err)
{
	char part[4096];
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0)
		return err_errno(err, errno, "cannot examine %s", path);
	while (size > 0) {
		size_t n = size < (off_t)sizeof(part) ? (size_t)size : sizeof(part);
		ssize_t got = pread(fd, part, n, size - (off_t)n);
		const char *last;

		if (got != (ssize_t)n)
			return err_errno(err, got < 0 ? errno : EIO, "cannot read %s", path);
		if ((last = memrchr(part, '\n', n)) != NULL) {
			*at = size - (off_t)n + (last - part) + 1;
			return MUSTER_OK;
		}
		size -= (off_t)n;
	}
	*at = 0;
	return MUSTER_OK;
}

int book_append(const char *path, const struct book_entry *e, struct muster_err *err)
{
	json_t *j = book_entry_json(e);
	char *text = j != NULL ? json_dumps(j, JSON_COMPACT) : NULL;
	size_t n = text != NULL ? strlen(text) : 0;
	off_t at = 0;
	int fd = -1, r;

	json_decref(j);
	if (text == NULL)
		return err_nomem(err);
	text[n] = '\n';   /* the terminating zero is not written */
	if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0) {
		r = err_errno(err, errno, "cannot open %s", path);
		goto done;
	}
	if ((r = find_end(fd, &at, path, err)) != MUSTER_OK)
		goto done;
	errno = 0;
	if (ftruncate(fd, at) != 0 || pwrite(fd, text, n + 1, at) != (ssize_t)(n + 1) || fsync(fd) != 0)
		r = err_errno(err, errno != 0 ? errno : EIO, "cannot write %s", path);
done:
	if (fd >= 0 && close(fd) != 0 && r == MUSTER_OK)
		r = err_errno(err, errno, "cannot write %s", path);
	free(text);   /* jansson's */
	return r;
}

struct find { const char *which; struct book_entry *out; bool found, failed; };

static int find_one(void *ctx, const struct book_entry *e)
{
	struct find *f = ctx;
	char number[32];

	(void)snprintf(number, sizeof(number), "%lu", e->number);
	if (strcmp(f->which, number) != 0 && strcmp(f->which, e->kid) != 0 && strcasecmp(f->which, e->serial) != 0)
		return 0;
	*f->out = *e;
	f->out->subject = mem_strdup(e->subject);
	f->out->chain = mem_strdup(e->chain);
	f->failed = f->out->subject == NULL || f->out->chain == NULL;
	f->found = true;
	return 1;
}

int book_find(struct book_entry *out, const char *path, const char *which, struct muster_err *err)
{
	struct find f = { .which = which, .out = out };
	int r;

	memset(out, 0, sizeof(*out));
	r = book_each(path, find_one, &f, err);
	if (r == MUSTER_OK && !f.found)
		return err_set(err, MUSTER_E_NOT_FOUND, "no certificate has the number, kid or serial \"%s\"; see: muster-issuer list", which);
	if (r == MUSTER_OK && f.failed)
		r = err_nomem(err);
	if (r != MUSTER_OK)
		book_entry_fini(out);
	return r;
}
