/** A day of a ledger's store in a dozen steps, and the check of what must be true after any of them failed. */
#ifndef TESTS_FAULTS_STORE_WORKLOAD_H
#define TESTS_FAULTS_STORE_WORKLOAD_H

#include "core/store/store.h"

enum workload_step {
	WORK_OPEN_STATE, WORK_CLAIM_STATE, WORK_OPEN_LOG, WORK_CLAIM_LOG, WORK_NAMES, WORK_APPEND_1, WORK_APPEND_2, WORK_READ, WORK_FOLD_1,
	WORK_FOLD_2, WORK_APPEND_3, WORK_TRANSACT, WORK_HOLD, WORK_CHANGE, WORK_TRIM, WORK_PROBE, WORK_LISTS, WORK_BACKUP, WORK_INFO, WORK_APPEND_4, WORK_STEPS
};

struct workload {
	struct store *store;
	const char *backup;           /* folder to copy to; NULL: step left out */
	struct store_log *log;
	struct store_state *state;
	uint8_t ledger_id[16];
	/* what was acknowledged */
	bool done[WORK_STEPS];
	/* the step whose outcome is unknown; WORK_STEPS: none */
	enum workload_step unknown;
};

void workload_init(struct workload *w, struct store *store, const char *backup);
/** Do one step. @return its result; done[] and unknown are kept. */
int workload_do(struct workload *w, enum workload_step step, struct muster_err *err);
void workload_close(struct workload *w);
/**
 * Open @p store anew and assert (ck_assert): acknowledged rows are there, none twice, nothing half-done; unacknowledged ones are not, unless
 * the outcome was said to be unknown. Folds what is left, so that it can be asked once only. @p where names the case in messages.
 */
void workload_check(const struct workload *w, struct store *store, const char *where);

#endif
