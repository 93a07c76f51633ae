/* Where a host's log has a gap. */
#include "core/estate/observed.h"

#include <string.h>

#define SUB 8   /* steps of a power of two */

static unsigned bucket_of(int64_t ms)
{
	unsigned e;

	if (ms < SUB)
		return ms < 0 ? 0 : (unsigned)ms;
	e = 63U - (unsigned)__builtin_clzll((unsigned long long)ms);
	return (e - 2) * SUB + (unsigned)((ms >> (e - 3)) & (SUB - 1));
}

/* The longest distance of a bucket. */
static int64_t bucket_end(unsigned b)
{
	unsigned e = b / SUB + 2;

	return b < SUB ? (int64_t)b : ((int64_t)(SUB + b % SUB + 1) << (e - 3)) - 1;
}

void gap_begin(struct gaps *g)
{
	memset(g, 0, sizeof *g);
}

/* A step of the numbers from one moment to the next; they begin anew after a log was cleared. @return how many are missing. */
static int64_t step(const struct gaps *g, int64_t low)
{
	return g->before_high == 0 || low <= g->before_high ? -1 : low - g->before_high - 1;
}

/* The numbers of a moment come in the order of import: it is judged as a whole, once the next one begins. @return missing before it, -1 not to be told. */
static int64_t end_moment(struct gaps *g)
{
	int64_t missing = g->low != 0 ? step(g, g->low) : -1;

	if (missing > 0)   /* forms without numbers may have brought some of them */
		missing -= g->unnumbered < missing ? g->unnumbered : missing;
	if (g->high != 0) {
		g->before_high = g->high;
		g->unnumbered = 0;
	}
	g->low = g->high = 0;
	return missing;
}

static void take_number(struct gaps *g, int64_t record)
{
	if (record == 0) {
		g->unnumbered++;
		return;
	}
	g->low = g->low == 0 || record < g->low ? record : g->low;
	g->high = record > g->high ? record : g->high;
}

static void count_step(struct gaps *g)
{
	int64_t missing = end_moment(g);

	if (missing >= 0) {
		g->steps++;
		g->small_steps += missing < GAP_RECORDS;
	}
}

void gap_measure(struct gaps *g, int64_t at, int64_t record)
{
	g->n++;
	if (!g->any) {
		g->any = true;
		g->first = at;
	} else {
		g->distances[bucket_of(at - g->at)]++;
		if (at != g->at)
			count_step(g);
	}
	g->at = at;
	take_number(g, record);
}

/* The distance that @p n are at least as long as. */
static int64_t nth_longest(const struct gaps *g, uint64_t n)
{
	uint64_t seen = 0;

	for (unsigned b = 511; b > 0; b--)
		if ((seen += g->distances[b]) >= n)
			return bucket_end(b);
	return 0;
}

void gap_judge(struct gaps *g)
{
	uint64_t distances = g->n > 0 ? g->n - 1 : 0;

	count_step(g);
	g->measured = g->n >= GAP_EVENTS_MIN;
	g->numbered = g->measured && g->steps > 0 && g->small_steps * 10 >= g->steps * 9;
	g->usual = nth_longest(g, distances / 2 + 1);
	g->longest_usual = nth_longest(g, (uint64_t)((g->at - g->first) / GAP_OFTEN_MS) + 2);
	g->any = false;
	g->low = g->high = g->before_high = g->unnumbered = 0;
}

/* Between the moment before and the one that has ended. */
static bool look(struct gaps *g, struct gap *out)
{
	int64_t silence = g->before != INT64_MIN ? g->at - g->before : 0, missing = end_moment(g);

	memset(out, 0, sizeof *out);
	out->since = g->before;
	out->until = g->at;
	out->usual = g->usual;
	out->missing = g->numbered && missing > GAP_RECORDS ? missing : 0;
	return g->measured && g->before != INT64_MIN &&
	       (out->missing > 0 || (silence > GAP_SILENCE_MS && silence > GAP_TIMES_OFTEN * g->longest_usual && silence > GAP_TIMES_USUAL * g->usual));
}

bool gap_look(struct gaps *g, int64_t at, int64_t record, struct gap *out)
{
	bool found = false;

	if (!g->any)
		g->before = INT64_MIN;
	if (g->any && at != g->at) {
		found = look(g, out);
		g->before = g->at;
	}
	g->any = true;
	g->at = at;
	take_number(g, record);
	return found;
}

bool gap_last(struct gaps *g, struct gap *out)
{
	return g->any && look(g, out);
}
