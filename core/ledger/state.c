/* The state thread: folds when the log has been quiet for a second or much waits, and hands pools over after releases. */
#include "core/ledger/internal.h"

#include <stdio.h>

#include "core/base/err.h"

#define LOOK_MS 250
#define QUIET_MS 1000
#define LATEST_MS 60000   /* where requests never cease a second long, clones are found and clients listed after a minute all the same */
#define PACED_LOOK_MS 20

int state_reopen(struct ledger *l, struct muster_err *err)
{
	struct store_state_info info;
	int r;

	if (l->state != NULL)
		l->state->ops->close(l->state);
	l->state = NULL;
	if ((r = l->store->open_state(l->store, true, &l->state, err)) != MUSTER_OK)
		return r;
	if ((r = l->state->ops->claim(l->state, &info, err)) != MUSTER_OK) {
		l->state->ops->close(l->state);
		l->state = NULL;
	}
	return r;
}

int state_done(struct ledger *l, int r)
{
	if ((r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN) && l->state != NULL) {
		l->state->ops->close(l->state);
		l->state = NULL;
	}
	return r;
}

static bool due(struct ledger *l)
{
	int64_t backlog = atomic_load(&l->backlog), boot;
	bool yes;

	if (!atomic_load(&l->ready))
		return false;
	pthread_mutex_lock(&l->lock);
	boot = clock_boot_ms(l->clock);   /* now: a commit between the reading and the lock would look like a clock that went back */
	yes = refill_due(l, refill_steady_ms()) ||
	      (backlog > 0 && (backlog >= FOLD_WAITING || boot - l->commit_boot >= QUIET_MS || boot < l->commit_boot ||
	                       boot - l->round_ms >= LATEST_MS));
	pthread_mutex_unlock(&l->lock);
	return yes;
}

static void sizes(struct ledger *l)
{
	struct store_state_info state;
	struct store_log_info log;
	int r = MUSTER_E_IO;

	pthread_mutex_lock(&l->state_lock);
	if (l->state != NULL)
		r = state_done(l, l->state->ops->info(l->state, &state, NULL));
	pthread_mutex_unlock(&l->state_lock);
	if (r != MUSTER_OK || l->fold_log == NULL)
		return;
	if (l->fold_log->ops->info(l->fold_log, &log, NULL) != MUSTER_OK) {
		l->fold_log->ops->close(l->fold_log);
		l->fold_log = NULL;
		return;
	}
	pthread_mutex_lock(&l->lock);
	l->state_bytes = state.bytes;
	l->log_bytes = log.bytes;
	pthread_mutex_unlock(&l->lock);
}

static int work_once(struct ledger *l, struct muster_err *err)
{
	int r = fold_run(l, err);

	if (r == MUSTER_OK)
		r = refill_run(l, err);
	if (r == MUSTER_OK)
		sizes(l);
	return r;
}

static void say_fold(struct ledger *l, bool failed_before, int r, const char *message)
{
	if (r != MUSTER_OK && !failed_before)
		host_event(l, 2, "fold-failed", "%s; requests go on, the state is tried again every second", message);
	else if (r == MUSTER_OK && failed_before)
		host_event(l, 5, "fold-works", "the log is folded into the state again");
}

void *state_run(void *ledger)
{
	struct ledger *l = ledger;
	bool failed = false, stop = false;

	while (!stop) {
		struct muster_err err = { 0 };
		bool wanted;
		int r;

		pthread_mutex_lock(&l->work_lock);
		if (!l->work_wanted && !l->state_stop)
			cond_wait_ms(&l->work_cond, &l->work_lock, failed ? QUIET_MS : LOOK_MS);
		wanted = l->work_wanted || l->state_stop;
		stop = l->state_stop;
		l->work_wanted = false;
		pthread_mutex_unlock(&l->work_lock);
		bindings_retire(l, clock_boot_ms(l->clock), false);
		if (!wanted && !due(l))
			continue;
		l->round_ms = clock_boot_ms(l->clock);
		r = work_once(l, &err);
		say_fold(l, failed, r, err.message);
		failed = r != MUSTER_OK;
		host_flush(l);
		pthread_mutex_lock(&l->work_lock);
		l->rounds++;
		l->failures += failed;
		if (failed)
			snprintf(l->fold_error, sizeof l->fold_error, "%s", err.message);
		pthread_cond_broadcast(&l->folded_cond);
		pthread_mutex_unlock(&l->work_lock);
	}
	return NULL;
}

enum settled { SETTLED_NOT, SETTLED_PACED /* folded, but no refill may begin yet */, SETTLED_ALL };

static enum settled settled(struct ledger *l, int64_t seq)
{
	bool folded, due;

	pthread_mutex_lock(&l->lock);
	folded = l->fold_seq >= seq;
	due = refill_due(l, refill_steady_ms());
	pthread_mutex_unlock(&l->lock);
	if (!folded || due)
		return SETTLED_NOT;
	return refill_wanted(l) ? SETTLED_PACED : SETTLED_ALL;
}

int state_settle(struct ledger *l, int bound_ms, struct muster_err *err)
{
	int64_t seq, until = refill_steady_ms() + bound_ms;
	uint64_t failures;
	int r = MUSTER_OK;

	pthread_mutex_lock(&l->lock);
	seq = l->applied_seq;
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_lock(&l->work_lock);
	failures = l->failures;
	if (bound_ms == 0) {
		l->work_wanted = true;
		pthread_cond_signal(&l->work_cond);
		goto done;
	}
	l->waiters++;
	pthread_cond_signal(&l->work_cond);   /* no pause while somebody waits */
	for (;;) {
		enum settled is;
		int64_t left, wait;

		pthread_mutex_unlock(&l->work_lock);
		is = settled(l, seq);
		pthread_mutex_lock(&l->work_lock);
		if (is == SETTLED_ALL)
			break;
		if (l->failures != failures) {
			r = err_set(err, MUSTER_E_IO, "the state cannot be brought up to date: %s", l->fold_error);
			break;
		}
		if ((left = until - refill_steady_ms()) <= 0 || l->state_stop) {
			r = err_set(err, MUSTER_E_BUSY, "the state is not up to date yet: much waits to be folded");
			break;
		}
		/* A round that finds no refill due ends at once: asking for one after the other would spin until it is. */
		if (is == SETTLED_NOT) {
			l->work_wanted = true;
			pthread_cond_signal(&l->work_cond);
		}
		wait = is == SETTLED_PACED ? PACED_LOOK_MS : LOOK_MS;
		cond_wait_ms(&l->folded_cond, &l->work_lock, (int)(left < wait ? left : wait));
	}
	l->waiters--;
done:
	pthread_mutex_unlock(&l->work_lock);
	return r;
}

void ledger_nudge(struct ledger *l)
{
	queue_wake(&l->queue);
	state_settle(l, 0, NULL);
}
