/**
 * Load: many connections, each with one request under way. Closed loop (the next request follows the answer) or open loop (requests
 * fall due by a schedule, whatever the host does; latency counts from the due time, so a stall cannot hide itself).
 *
 * One thread has its connections, its machines and its counters for itself; nothing is shared on the way of a request.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include "core/bench/histogram.h"
#include "core/bench/record.h"

#define LOAD_CODES 32U

struct load_options {
	uint16_t port;
	unsigned connections, threads;   /**< threads 1 … RECORD_LANES */
	bool per_request;                /**< a new connection for each request */
	double rate;                     /**< requests a second, open loop, exponential gaps; 0: closed loop */
	double renewals;                 /**< share of requests by machines that hold a lease, 0 … 1 */
	uint64_t seed;
	uint64_t first;                  /**< number of the first new machine; each of their requests takes the next */
	uint64_t most;                   /**< requests at most; 0: until load_stop() */
	uint64_t keep;                   /**< leases kept for renewals: of the first so many machines */
	const char *activation_id;       /**< text; NULL: no activation but a plain body (limits_echo) */
	const struct clock *clock;       /**< dates the requests */
	struct record *record;           /**< NULL: none */
	double patience_s;               /**< an answer later than this counts as lost, its connection is closed; 0: 30 */
};

struct load_code { char code[16]; uint64_t n; };

struct load_totals {
	uint64_t sent, answered;         /**< whole requests and answers */
	uint64_t status[600];            /**< answers by HTTP status */
	struct load_code codes[LOAD_CODES]; /**< answers by their "code", most seen first; "" ends */
	uint64_t activated, renewed;     /**< 200: all, and those of machines that presented a lease */
	uint64_t broken;                 /**< connections that failed or ended before their answer */
	uint64_t lost;                   /**< not answered within patience_s */
	uint64_t late;                   /**< open loop: due and not sent, because no connection was free */
	uint64_t malformed;              /**< answers that are not what protocol.md says: always a fault */
	char malformed_first[256];
	struct histogram latency;        /**< of answered requests, all statuses */
	struct histogram activated_latency; /**< of status 200 */
	int64_t begun_ns, ended_ns;
	int64_t own_cpu_ns;              /**< the load threads' own */
};

struct load;
/** Everything but the threads. @param o copied; what it points to is borrowed until load_free(). */
int load_new(struct load **out, const struct load_options *o, struct muster_err *err);
/** Threads begin, connect and send. */
int load_start(struct load *l, struct muster_err *err);
/** Totals since the last call of load_mark(), or the start. Any time. */
void load_totals(struct load *l, struct load_totals *out);
/** Begin to count anew. */
void load_mark(struct load *l);
/** Machines begun so far: the next new machine's number is first + this. */
uint64_t load_machines(struct load *l);
/** No new requests; wait for the answers under way (at most patience_s); threads end. */
void load_stop(struct load *l);
/** `most` is reached and answered, or the load was stopped. */
bool load_done(struct load *l);
/** Change the open loop's rate from now on. */
void load_rate(struct load *l, double rate);
void load_free(struct load *l);
/** The kept leases of another load: its machines renew here. The other is stopped, this one is not started and was given no `keep`. */
void load_take_leases(struct load *l, struct load *from);

#endif
