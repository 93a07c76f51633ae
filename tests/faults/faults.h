/** Which of the calls that can fail a run takes: all of them, or as many as its time allows. */
#ifndef TESTS_FAULTS_FAULTS_H
#define TESTS_FAULTS_FAULTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** MUSTER_FAULTS=all in the environment, as `./check --full` has it. */
static inline bool faults_all(void)
{
	const char *text = getenv("MUSTER_FAULTS");

	return text != NULL && strcmp(text, "all") == 0;
}

struct faults { uint64_t total, step, start, taken; int64_t end_ms; };

static inline int64_t faults_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/**
 * Plan for @p total calls, of which one costs @p one_ms: every one, or with steps as wide as @p budget_ms asks for, from a
 * random start that is printed; MUSTER_FAULTS_START=N repeats a run.
 */
static inline struct faults faults_plan(const char *name, uint64_t total, int64_t one_ms, int64_t budget_ms)
{
	struct faults f = { .total = total, .step = 1, .end_ms = INT64_MAX };
	const char *again = getenv("MUSTER_FAULTS_START");

	if (!faults_all()) {
		f.step = 1 + total * (uint64_t)(one_ms > 0 ? one_ms : 1) / (uint64_t)budget_ms;
		f.end_ms = faults_now() + 2 * budget_ms;   /* the machine became slow meanwhile: enough */
	}
	f.start = 1 + (again != NULL ? strtoull(again, NULL, 10) - 1 : (uint64_t)time(NULL) * UINT64_C(2654435761) >> 8) % f.step;
	fprintf(stderr, "# %s: %llu calls, every %llu. from %llu on\n", name, (unsigned long long)total, (unsigned long long)f.step,
	        (unsigned long long)f.start);
	return f;
}

/** @return the next call to fail, or 0. */
static inline uint64_t faults_next(struct faults *f)
{
	uint64_t n = f->start + f->taken * f->step;

	if (n > f->total || faults_now() > f->end_ms)
		return 0;
	f->taken++;
	return n;
}

#endif
