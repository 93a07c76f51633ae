/** Every answer checked: each recorded lease verifies and says what the protocol promises, and the ledger holds each acknowledged request. */
#ifndef BENCH_VERIFY_H
#define BENCH_VERIFY_H

#include <jansson.h>

#include "core/bench/bench.h"

#define VERIFY_SHOWN 10
#define VERIFY_VALIDITY_S (INT64_C(180) * 86400)   /**< the product's: a lease ends after so long, or with its certificates */

struct verify_report {
	uint64_t acknowledged, leases;   /**< entries of the record; those with a lease */
	uint64_t events, folded;         /**< rows of the log looked at; of them folded */
	uint64_t unacknowledged;         /**< granted or counted since the first acknowledged one, and not acknowledged: answers lost on the way, no fault */
	uint64_t wrong;                  /**< faults found */
	char shown[VERIFY_SHOWN][256];   /**< the first of them, in words */
	double seconds;
};
/**
 * Check the record of a work folder (host.h) against its ledger; the host may run or not.
 *
 * Leases: signature under the host's chain up to the pinned root, claims (client, product, hardware, nonce, times, counts), no jti twice but
 * for a repeat. Ledger: the event of each jti has this client, product, result, time and end; an acknowledged count (202) is there; seq is
 * unique and rising; counters of the state equal the sums of the folded rows; a folded client's row is as new as its last event.
 * @param threads 0: one a core. @return MUSTER_OK when it could be checked, also with faults; MUSTER_E_BUSY after a signal.
 */
int verify_folder(struct verify_report *out, const char *dir, unsigned threads, const struct clock *clock, struct muster_err *err);
/** For people. */
void verify_print(const struct verify_report *r, FILE *out);
/** @return a new JSON object; NULL when exhausted. */
json_t *verify_json(const struct verify_report *r);

#endif
