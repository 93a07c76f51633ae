/**
 * A bounded day of a ledger on SQLite files, from open to stop, that may meet one fault; and what must be true afterwards.
 *
 * What is answered 503 is asked again with the same nonce, what an administrator is refused is tried again: in the end
 * everything must have succeeded, and everything must be as it is without the fault.
 */
#ifndef TESTS_FAULTS_LEDGER_WORKLOAD_H
#define TESTS_FAULTS_LEDGER_WORKLOAD_H

#include "tests/unit/ledger_fixture.h"

#define WORK_ASKS 80U

/** What a ledger says of itself that the order of requests does not change. */
struct work_sum {
	struct ledger_count count[FIX_PRODUCTS];    /* kinds: only compared before and after a restart */
	struct ledger_totals totals[FIX_PRODUCTS];
	size_t clients, settings, journal, unknown;
	uint64_t requests[16];             /**< by client number, of all products */
	uint64_t unknown_requests;
	size_t rows;                       /**< events of clients */
	uint64_t row_requests;
};

/** One request and its last answer. */
struct work_ask { struct ask ask; bool answered; };

struct work {
	struct fix fix;
	struct work_ask asks[WORK_ASKS]; size_t count;
	struct work_sum live;              /**< before the stop */
	unsigned again, refused_acts, failed_starts;   /**< requests asked again; administrators' acts and questions that failed; starts that failed */
	const char *where;                 /**< names the case in messages */
	unsigned faults;                   /**< how many calls in succession fail */
};

/** Make the folder. @p where names the case in messages; borrowed. @p faults: so many calls in succession fail, at least 1. */
void work_init(struct work *w, const char *where, unsigned faults);
/** Start the ledger, the whole workload, stop it. Asserts that the ledger comes back by itself from one fault, within bounds. */
void work_do(struct work *w);
/** Nothing fails any more: start again and compare with the answers given, with the state before the stop, and with @p base, the run without a fault. */
void work_check(struct work *w, const struct work_sum *base);
void work_fini(struct work *w);

#endif
