/** Latencies in nanoseconds, in log-linear classes: each is at most 1/64 of its value wide. No allocation, any range. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 64U                       /* classes an octave */
#define HISTOGRAM_CLASSES (HISTOGRAM_STEPS * 40U) /* up to 2^45 ns, about 9 hours */

struct histogram {
	uint64_t n, count[HISTOGRAM_CLASSES];
	int64_t max;
	double sum;
};
void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, int64_t ns);             /**< below 0 counts as 0 */
void histogram_merge(struct histogram *h, const struct histogram *other);
/** The smallest class's upper end that at least @p q (0 … 1) of the values do not exceed, never above the largest value; 0 when empty. */
int64_t histogram_at(const struct histogram *h, double q);
double histogram_mean(const struct histogram *h);

#endif
