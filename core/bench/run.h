/** One measurement from beginning to end: machine, host, load, fold, restart, and every answer checked. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <jansson.h>
#include "core/bench/limits.h"
#include "core/bench/load.h"
#include "core/bench/verify.h"

struct run_options {
	unsigned connections, threads;
	bool per_request;
	double renewals;                 /**< share of requests by machines that hold a lease */
	double rate;                     /**< requests a second; 0: closed loop */
	double rate_share;               /**< of the closed loop's rate, found before in the same run; 0: none */
	double seconds;                  /**< measured; what goes before and after is shorter in a short run */
	double limit_s;                  /**< for each of the machine's own limits; 0: they stay unmeasured */
	bool burst;                      /**< begins with nothing to fold and is over when its time is over; else it lasts until the backlog is no longer
	                                      than at its beginning */
	bool kill;                       /**< end the host with kill -9 under load instead of SIGTERM after it */
	bool no_verify;                  /**< keep no record and check nothing */
	uint64_t known;                  /**< machines the ledger knows before */
	uint64_t seed;
	const char *dir, *musterd, *extra;
	const struct clock *clock;
};

struct run_result {
	struct bench_limits limits;
	double fill_per_s;               /**< machines a second when the ledger was filled; 0: it was filled already */
	int64_t start_ns, restart_ns;    /**< from exec to the first answer: before the load; after the stop or kill */
	double base;                     /**< activations a second of the closed loop before an open one; 0: none */
	double offered;                  /**< requests a second that fell due; 0: closed loop */
	double seconds, activations;     /**< the measured time; activations a second in it */
	struct load_totals totals;       /**< of the measured time */
	int64_t cpu_ns;                  /**< the host's in that time */
	uint64_t rss_begin, rss_end, rss_peak, rss_idle;  /**< RssAnon; idle: folded, no request for a second */
	int64_t lag_begin, lag_end, lag_most;  /**< rows not folded yet */
	double fold_per_s, fold_alone_per_s;   /**< rows a second beside the load, and after it */
	uint64_t log_bytes, state_bytes;
	struct verify_report verify;
};

/** @return MUSTER_OK, MUSTER_E_BUSY when interrupted, else what failed; nothing runs afterwards in any case. */
int run_load(struct run_result *out, const struct run_options *o, struct muster_err *err);
/** Malformed answers, faults found. */
bool run_wrong(const struct run_result *r);
void run_print(const struct run_result *r, const struct run_options *o, FILE *out);
json_t *run_json(const struct run_result *r, const struct run_options *o);   /**< new reference; NULL when exhausted */

#endif
