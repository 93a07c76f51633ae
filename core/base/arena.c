#include "core/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

struct arena_block {
	struct arena_block *next;
	_Alignas(max_align_t) unsigned char data[];
};

void *arena_take(struct arena *a, size_t size)
{
	struct arena_block *b;

	if (size > SIZE_MAX - sizeof *b || (b = mem_alloc(sizeof *b + size)) == NULL)
		return NULL;
	b->next = a->blocks;
	a->blocks = b;
	return b->data;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size)
		return NULL;
	return arena_take(a, count * size);
}

char *arena_text(struct arena *a, const char *s)
{
	size_t n;
	char *copy;

	if (s == NULL)
		return NULL;
	n = strlen(s) + 1;
	if ((copy = arena_take(a, n)) != NULL)
		memcpy(copy, s, n);
	return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args, again;
	char *text = NULL;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	if (n >= 0 && (text = arena_take(a, (size_t)n + 1)) != NULL)
		(void)vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(args);
	return text;
}

void arena_free(struct arena *a)
{
	struct arena_block *b = a->blocks, *next;

	for (; b != NULL; b = next) {
		next = b->next;
		mem_free(b);
	}
	a->blocks = NULL;
}
