#include "core/bench/histogram.h"

#include <string.h>

#define STEP_BITS 6U /* 2^6 = HISTOGRAM_STEPS */

/* Below 64 a class is one value; from there each octave has 64. */
static unsigned class_of(uint64_t v)
{
	unsigned octave, c;

	if (v < HISTOGRAM_STEPS)
		return (unsigned)v;
	octave = 63U - (unsigned)__builtin_clzll(v) - STEP_BITS;
	c = HISTOGRAM_STEPS * (octave + 1) + (unsigned)((v >> octave) - HISTOGRAM_STEPS);
	return c < HISTOGRAM_CLASSES ? c : HISTOGRAM_CLASSES - 1;
}

/* The largest value of a class; the last one has no end. */
static int64_t class_end(unsigned c)
{
	unsigned octave = c / HISTOGRAM_STEPS;

	if (c == HISTOGRAM_CLASSES - 1)
		return INT64_MAX;
	if (octave == 0)
		return (int64_t)c;
	octave--;
	return (int64_t)((((uint64_t)(c % HISTOGRAM_STEPS) + HISTOGRAM_STEPS + 1) << octave) - 1);
}

void histogram_clear(struct histogram *h)
{
	memset(h, 0, sizeof *h);
}

void histogram_add(struct histogram *h, int64_t ns)
{
	if (ns < 0)
		ns = 0;
	h->n++;
	h->count[class_of((uint64_t)ns)]++;
	h->sum += (double)ns;
	if (ns > h->max)
		h->max = ns;
}

void histogram_merge(struct histogram *h, const struct histogram *other)
{
	h->n += other->n;
	h->sum += other->sum;
	if (other->max > h->max)
		h->max = other->max;
	for (unsigned c = 0; c < HISTOGRAM_CLASSES; c++)
		h->count[c] += other->count[c];
}

int64_t histogram_at(const struct histogram *h, double q)
{
	double wanted = q * (double)h->n;
	uint64_t so_far = 0;

	for (unsigned c = 0; c < HISTOGRAM_CLASSES; c++) {
		so_far += h->count[c];
		if (so_far > 0 && (double)so_far >= wanted)
			return class_end(c) < h->max ? class_end(c) : h->max;
	}
	return h->max;
}

double histogram_mean(const struct histogram *h)
{
	return h->n > 0 ? h->sum / (double)h->n : 0;
}
