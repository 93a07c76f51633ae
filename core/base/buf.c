#include "core/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/err.h"
#include "core/base/mem.h"

void buf_init(struct buf *b, size_t cap)
{
	MUSTER_ASSERT(cap < SIZE_MAX / 2);
	*b = (struct buf) { .cap = cap };
}

void buf_fini(struct buf *b)
{
	mem_free(b->p);
	*b = (struct buf) { .cap = b->cap };
}

void buf_cleanse(struct buf *b)
{
	if (b->p != NULL)
		OPENSSL_cleanse(b->p, b->room);
	buf_fini(b);
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = false;
	if (b->p != NULL)
		b->p[0] = 0;
}

/* Make room for n more bytes and the terminating zero. The old block is cleansed: a buffer may hold a secret. */
static bool reserve(struct buf *b, size_t n)
{
	size_t want, room;
	uint8_t *p;

	if (b->failed)
		return false;
	if (n > b->cap - b->n) {
		b->failed = true;
		return false;
	}
	want = b->n + n + 1;
	if (want <= b->room)
		return true;
	room = b->room < 64 ? 64 : b->room * 2;
	if (room < want)
		room = want;
	if (room > b->cap + 1)
		room = b->cap + 1;
	if ((p = mem_alloc(room)) == NULL) {
		b->failed = true;
		return false;
	}
	if (b->p != NULL) {
		memcpy(p, b->p, b->n);
		OPENSSL_cleanse(b->p, b->room);
		mem_free(b->p);
	}
	b->p = p;
	b->room = room;
	return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || !reserve(b, n))
		return;
	memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = 0;
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	size_t left = b->p != NULL ? b->room - b->n : 0;
	va_list ap;
	int n;

	if (b->failed)
		return;
	/* Mostly it fits: formatted once. */
	va_start(ap, fmt);
	n = vsnprintf(left > 0 ? (char *)b->p + b->n : NULL, left, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
		return;
	}
	if ((size_t)n < left) {
		b->n += (size_t)n;
		return;
	}
	if (left > 0)
		b->p[b->n] = 0;   /* what it held so far, also when it cannot grow */
	if (n == 0 || !reserve(b, (size_t)n))
		return;
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

const char *buf_str(const struct buf *b)
{
	return b->p != NULL ? (const char *)b->p : "";
}

char *buf_take(struct buf *b)
{
	char *text = NULL;

	if (!b->failed)
		text = b->p != NULL ? (char *)b->p : mem_strdup("");
	if (text != NULL && b->p != NULL)
		*b = (struct buf) { .cap = b->cap };
	return text;
}
