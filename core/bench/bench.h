/** muster-bench: load on a host of its own, the machine's limits beside it, a check of every answer, and fleets in simulated time. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/clock.h"

/** Exit codes, documented in muster-bench(1). A slow answer is no failure. */
enum bench_exit {
	BENCH_OK = 0,
	BENCH_WRONG = 1,     /**< a wrong answer: a lease that does not verify, an acknowledged activation the ledger lacks, a broken rule */
	BENCH_FAILED = 2,    /**< could not be done: no musterd, no space … */
	BENCH_USAGE = 64
};

/** The program. @param clock borrowed; dates leases and certificates. Elapsed time is bench_ns(). @return enum bench_exit. */
int bench_main(int argc, char **argv, const struct clock *clock);

/** Verbs: @p argc, @p argv begin with the verb itself. Each parses its own options (getopt_long), and answers --help. */
int bench_load(int argc, char **argv, const struct clock *clock);
int bench_suite(int argc, char **argv, const struct clock *clock);
int bench_limits(int argc, char **argv, const struct clock *clock);
int bench_verify(int argc, char **argv, const struct clock *clock);
int bench_fleet(int argc, char **argv, const struct clock *clock);

/** CLOCK_MONOTONIC in ns: what is measured is the machine's time, never the injected one. */
int64_t bench_ns(void);
/** "muster-bench: …" on stderr. @return @p code. */
int bench_say(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** "muster-bench: …" and where help is found. @return BENCH_USAGE. */
int bench_usage(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** A number from an option, min … max, with k, M (thousands, millions). @return false after saying what is wrong. */
bool bench_number(double *out, const char *verb, const char *option, const char *text, double min, double max);
/** Progress of long work: a line on stderr when it is a terminal, overwritten by the next; "" ends it. */
void bench_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** Set by SIGINT and SIGTERM: everything long looks at it, ends what it started and leaves nothing behind. */
bool bench_interrupted(void);
void bench_catch_signals(void);

#endif
