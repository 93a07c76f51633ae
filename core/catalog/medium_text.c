/* The bytes of a medium's files as characters, and names against patterns. */
#include "core/catalog/medium.h"

#include <string.h>

static bool starts(struct muster_span b, const char *mark, size_t n)
{
	return b.n >= n && memcmp(b.p, mark, n) == 0;
}

/* Without a mark: the first character is ASCII in every such file. */
static enum medium_encoding encoding_of(struct muster_span b, size_t *skip)
{
	*skip = 0;
	if (starts(b, "\xef\xbb\xbf", 3)) {
		*skip = 3;
		return MEDIUM_UTF8;
	}
	if (starts(b, "\xff\xfe", 2)) {
		*skip = 2;
		return MEDIUM_UTF16LE;
	}
	if (starts(b, "\xfe\xff", 2) || (b.n >= 2 && b.p[0] == 0 && b.p[1] != 0))
		return MEDIUM_UTF16BE;
	return b.n >= 2 && b.p[0] != 0 && b.p[1] == 0 ? MEDIUM_UTF16LE : MEDIUM_ASCII;
}

static char lower(unsigned c)
{
	if (c == 0 || c >= 0x80)
		return '?';
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

enum medium_encoding medium_text(char *out, size_t *n, struct muster_span bytes)
{
	size_t at, end = 0;
	enum medium_encoding e = encoding_of(bytes, &at);

	if (e == MEDIUM_ASCII || e == MEDIUM_UTF8)
		for (; at < bytes.n; at++)
			out[end++] = lower(bytes.p[at]);
	else if (e == MEDIUM_UTF16LE)
		for (; bytes.n - at >= 2; at += 2) /* half a character at the end is none */
			out[end++] = bytes.p[at + 1] == 0 ? lower(bytes.p[at]) : '?';
	*n = end;
	return e;
}

static bool same(char a, char b)
{
	return lower((unsigned char)a) == lower((unsigned char)b) && ((unsigned char)a < 0x80 || a == b);
}

/* Going back to the last star only: time is the product of both lengths at most. */
bool medium_name_fits(const char *pattern, const char *name)
{
	const char *star = NULL, *retry = NULL;

	while (*name != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			retry = name;
		} else if (*pattern != '\0' && (*pattern == '?' || same(*pattern, *name))) {
			pattern++;
			name++;
		} else if (star != NULL) {
			pattern = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
