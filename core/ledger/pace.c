/*
 * How fast the state thread folds: while requests come it leaves them the processor and the disk, as long as there is room for
 * what waits. So a burst is slowed by its own appends only, however many clients are known, and a lasting load by a fold that keeps up.
 */
#include "core/ledger/internal.h"

#define BUSY_MS 20            /* requests have come within */
#define LEAST 25              /* percent of the time it folds at least */
#define FROM 250000           /* rows waiting up to which that is enough ... */
#define FULL 550000           /* ... and from which it folds all the time: a start replays what waits */

int64_t pace_pause(int64_t took_ms, int64_t backlog)
{
	int64_t percent = backlog <= FROM ? LEAST : backlog >= FULL ? 100 : LEAST + (100 - LEAST) * (backlog - FROM) / (FULL - FROM);

	return took_ms * (100 - percent) / percent;
}

void pace_fold(struct ledger *l, int64_t took_ms)
{
	int64_t now = refill_steady_ms(), until = now + pace_pause(took_ms, atomic_load(&l->backlog));

	pthread_mutex_lock(&l->work_lock);
	while (now < until && !l->state_stop && l->waiters == 0 && now - atomic_load(&l->request_ms) <= BUSY_MS) {
		cond_wait_ms(&l->work_cond, &l->work_lock, (int)(until - now < BUSY_MS ? until - now : BUSY_MS));
		now = refill_steady_ms();
	}
	pthread_mutex_unlock(&l->work_lock);
}
