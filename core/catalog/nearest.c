#include "core/catalog/nearest.h"

#include <string.h>

#define LONGEST 64

/** Levenshtein distance of two names of at most LONGEST characters. */
static size_t distance(const char *a, const char *b)
{
	size_t row[LONGEST + 1], n = strlen(a), m = strlen(b), i, j;

	if (n > LONGEST || m > LONGEST)
		return LONGEST;
	for (j = 0; j <= m; j++)
		row[j] = j;
	for (i = 1; i <= n; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (j = 1; j <= m; j++) {
			size_t above = row[j], best = corner + (a[i - 1] != b[j - 1]);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			corner = above;
			row[j] = best;
		}
	}
	return row[m];
}

const char *nearest_name(const char *typed, size_t count, const char *(*name_at)(const void *ctx, size_t i), const void *ctx)
{
	const char *best = NULL;
	size_t best_distance = LONGEST, i;

	for (i = 0; i < count; i++) {
		const char *known = name_at(ctx, i);
		size_t d, allowed;

		if (known == NULL)
			continue;
		d = distance(typed, known);
		allowed = strlen(known) / 3 > 0 ? strlen(known) / 3 : 1;
		if (d <= allowed && d < best_distance) {
			best = known;
			best_distance = d;
		}
	}
	return best;
}
