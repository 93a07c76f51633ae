#include "core/base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

/* The one reason for mutable globals here: a test chooses which allocation of the process fails. */
static atomic_uint_fast64_t allocations;
static atomic_uint_fast64_t fail_at;

static bool refused(void)
{
	uint64_t nth = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;

	return nth == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

void *mem_alloc(size_t size)
{
	return refused() ? NULL : calloc(1, size > 0 ? size : 1);
}

void *mem_array(size_t count, size_t size)
{
	size_t bytes;

	if (refused() || __builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return calloc(1, bytes > 0 ? bytes : 1);
}

void *mem_grow(void *p, size_t count, size_t size)
{
	size_t bytes;

	if (refused() || __builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return realloc(p, bytes > 0 ? bytes : 1);
}

char *mem_strdup(const char *s)
{
	return s == NULL ? NULL : mem_dup(s, strlen(s) + 1);
}

char *mem_strndup(const char *s, size_t n)
{
	size_t len;
	char *copy;

	if (s == NULL)
		return NULL;
	len = strnlen(s, n);
	if ((copy = mem_alloc(len + 1)) != NULL)
		memcpy(copy, s, len);
	return copy;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || (text = mem_alloc((size_t)n + 1)) == NULL)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return text;
}

void *mem_dup(const void *p, size_t n)
{
	void *copy = mem_alloc(n);

	if (copy != NULL && n > 0)
		memcpy(copy, p, n);
	return copy;
}

void mem_free(void *p)
{
	free(p);
}

void mem_fail_at(uint64_t n)
{
	atomic_store(&allocations, 0);
	atomic_store(&fail_at, n);
}

uint64_t mem_count(void)
{
	return atomic_load(&allocations);
}

void mem_wipe_free(void *p)
{
	if (p != NULL)
		OPENSSL_cleanse(p, malloc_usable_size(p));
	free(p);
}

void *mem_wipe_realloc(void *p, size_t size)
{
	void *q = malloc(size);

	if (q != NULL && p != NULL) {
		size_t had = malloc_usable_size(p);

		memcpy(q, p, had < size ? had : size);
		mem_wipe_free(p);
	}
	return q;
}
