#include "core/base/nearest.h"

#include <stdbool.h>
#include <string.h>

#define WORD_MAX 64

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

unsigned nearest_distance(const char *a, const char *b)
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

const char *nearest_name(const char *typed, size_t count, const char *(*name_at)(const void *ctx, size_t i), const void *ctx)
{
	const char *best = NULL;
	unsigned best_distance = WORD_MAX;
	size_t i;

	for (i = 0; i < count; i++) {
		const char *known = name_at(ctx, i);
		unsigned d;
		size_t allowed;

		if (known == NULL)
			continue;
		d = nearest_distance(typed, known);
		allowed = strlen(known) / 3 > 0 ? strlen(known) / 3 : 1;
		if (d <= allowed && d < best_distance) {
			best = known;
			best_distance = d;
		}
	}
	return best;
}
