#include "core/base/utf8.h"

#include <stdint.h>

/* Of each first byte: what the second one may be, and how many there are. */
static const struct { uint8_t first, last, low, high; size_t n; } rows[] = {
	{ 0x00, 0x7f, 0, 0, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t utf8_length(const void *text, size_t n)
{
	const uint8_t *p = text;
	size_t row = 0, k;

	while (row < sizeof rows / sizeof rows[0] && (p[0] < rows[row].first || p[0] > rows[row].last))
		row++;
	if (row == sizeof rows / sizeof rows[0])
		return 0;
	for (k = 1; k < rows[row].n && k < n; k++)
		if (p[k] < (k == 1 ? rows[row].low : 0x80) || p[k] > (k == 1 ? rows[row].high : 0xbf))
			return 0;
	return k < rows[row].n ? UTF8_MORE : k;
}

size_t utf8_cut(const char *text, size_t n, size_t max)
{
	if (n <= max)
		return n;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}
