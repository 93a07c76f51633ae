#include "core/config/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 64

void config_fault(struct config_report *r, struct config_where where, const char *fmt, ...)
{
	char text[MUSTER_ERR_MAX], whole[MUSTER_ERR_MAX], line[16] = "";
	bool section = where.section != NULL && where.section[0] != '\0';
	bool key = where.key != NULL && where.key[0] != '\0';
	char name[CONFIG_SHOW] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (where.line > 0)
		snprintf(line, sizeof line, ":%u", where.line);
	if (key)
		config_show(name, where.key);
	if (snprintf(whole, sizeof whole, "%s%s:%s%s%s%s%s%s %s", where.file, line,
	             section ? " [" : "", section ? where.section : "", section ? "]" : "",
	             key ? " " : "", name, section || key ? ":" : "", text) >= (int)sizeof whole)
		strcpy(whole + sizeof whole - 4, "...");
	for (char *p = whole; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7F)
			*p = '?';
	if (r->faults++ == 0)
		memcpy(r->first, whole, sizeof whole);
	if (r->fn != NULL)
		r->fn(r->ctx, whole);
}

const char *config_show(char out[CONFIG_SHOW], const char *text)
{
	size_t n = strlen(text), keep = n;

	if (n > 48)
		for (keep = 48; keep > 0 && ((unsigned char)text[keep] & 0xC0) == 0x80; keep--)
			;
	memcpy(out, text, keep);
	strcpy(out + keep, keep < n ? "..." : "");
	return out;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* ASCII letters without regard to case: LISTEN is nearest to listen. */
static bool same(char a, char b)
{
	if (a >= 'A' && a <= 'Z')
		a = (char)(a - 'A' + 'a');
	if (b >= 'A' && b <= 'Z')
		b = (char)(b - 'A' + 'a');
	return a == b;
}

unsigned config_distance(const char *a, const char *b)
{
	/* Three rows of the table are enough: the one being filled and the two above it (for swaps). */
	unsigned rows[3][WORD_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX + 1;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *now = rows[i % 3], *up = rows[(i + 2) % 3], *top = rows[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = least(least(up[j], now[j - 1]) + 1, up[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				now[j] = least(now[j], top[j - 2] + 1);
		}
	}
	return rows[n % 3][m];
}
