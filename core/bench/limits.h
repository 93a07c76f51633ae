/** What this machine can do at best, measured in the same run: every rate is told as a ratio to these. */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <jansson.h>
#include "core/bench/host.h"

struct bench_limits {
	double signatures;      /**< P-256 signatures a second on one core, ready context, SHA-256 of 600 bytes */
	double rows;            /**< ledger rows a second: groups of 64, one durable commit each, through the store */
	double echo, echo_per_request; /**< answers a second of a bare libmicrohttpd with the host's flags and number of workers, in a process
	                                    of its own, to bodies and with answers as long as an activation's, 64 connections */
};
/** Measure for about @p seconds each; the machine should do nothing else. @p dir on the file system whose commits count. */
int limits_signatures(double *per_s, double seconds, struct muster_err *err);
int limits_rows(double *per_s, const char *dir, double seconds, struct muster_err *err);
int limits_echo(double *per_s, bool per_request, double seconds, struct muster_err *err);
int limits_measure(struct bench_limits *out, const char *dir, double seconds, struct muster_err *err);
/** New reference; NULL when exhausted. */
json_t *limits_json(const struct bench_limits *l);

#endif
