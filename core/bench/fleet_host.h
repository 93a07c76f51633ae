/**
 * The engine of a simulated fleet: the real catalog, ledger, fold and SQLite store, with a clock that is moved by hand.
 * No HTTP and no signatures. One thread uses it; the ledger's own two threads run beside.
 */
#ifndef BENCH_FLEET_HOST_H
#define BENCH_FLEET_HOST_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/bench/bench.h"
#include "core/catalog/catalog.h"
#include "core/ledger/ledger.h"

#define FLEET_BATCH 512U         /* requests handed over at once; the ledger takes as many into one commit */
#define FLEET_PRODUCT "fleet"
#define FLEET_START_MS INT64_C(1767225600000)   /* 2026-01-01: day 0 of every simulation */

struct fleet_host_options {
	const char *dir;             /**< NULL: a temporary folder, removed by fleet_host_close(); else new or empty, and kept */
	uint64_t room;               /**< bytes that the files may need: decides where a temporary folder is made */
	uint32_t minimum_count;
	uint32_t validity_s, renewal_s, retry_s, keep_s;
	uint64_t new_per_day;        /**< limit of new client IDs */
};

struct fleet_host {
	char *dir;
	bool temporary;
	struct clock_manual clock;
	struct config *config;
	struct catalog *catalog;
	const struct catalog_edition *edition;
	struct ledger *ledger;       /* NULL: the host is off */
	_Atomic bool full;           /* of the injected file system */
	pthread_mutex_t lock;
	pthread_cond_t answered;
	unsigned waiting;            /* requests not answered, under lock */
	uint64_t paced;              /* times the backlog of the fold made us wait */
};

int fleet_host_open(struct fleet_host *h, const struct fleet_host_options *o, struct muster_err *err);
/** Stop, and remove a temporary folder. Zeroed is fine. */
void fleet_host_close(struct fleet_host *h);
int fleet_host_start(struct fleet_host *h, struct muster_err *err);
void fleet_host_stop(struct fleet_host *h);
/**
 * Restart as after kill -9, called right after a batch was answered and its clock has not moved since: the two files of log and state are
 * copied as they are then, the engine is stopped, and the copies are put in place of what its orderly end has written.
 * @param[out] hard false: the files were too large to copy within a moment, and it was an orderly restart.
 */
int fleet_host_kill(struct fleet_host *h, bool *hard, struct muster_err *err);
/** Move the clock to @p now, seconds since the beginning; never back. */
void fleet_host_time(struct fleet_host *h, uint32_t now);
/** The parts of a request that are the same for all. */
void fleet_host_request(struct fleet_host *h, struct ledger_request *r);
/** Hand over and wait for the answers. r->code is CODE_M_STORAGE or the like when they were not taken. */
int fleet_host_batch(struct fleet_host *h, struct ledger_request *r, unsigned n, struct muster_err *err);
/** Wait until everything is folded and pools are refilled. */
int fleet_host_settle(struct fleet_host *h, struct muster_err *err);
/** Let the file system become full or empty, and the host notice; the clock stands at least 10 s after the last request. */
int fleet_host_disk(struct fleet_host *h, bool full, struct muster_err *err);

#endif
