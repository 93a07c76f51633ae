/* Old events leave in slices while nothing else is to be done; counts, counters and clients never depend on them. */
#include "core/ledger/internal.h"

#include "core/base/err.h"

#define SLICE 2000U
#define LOOK_MS 60000
#define BUSY_MS 250   /* between slices of a host that is never idle: 8,000 rows a second, for about one hundredth of its time */

bool retention_slice(struct ledger *l)
{
	struct muster_err err = { 0 };
	int64_t boot = clock_boot_ms(l->clock), wall, up_to, before;
	uint64_t max;
	size_t deleted = 0;
	bool still;
	int r;

	if (!l->trim_more && l->trim_ms != 0 && boot >= l->trim_ms && boot - l->trim_ms < LOOK_MS)
		return false;
	l->trim_ms = boot;
	l->trim_more = false;
	pthread_mutex_lock(&l->lock);
	host_time(l, &wall, &boot);
	up_to = l->fold_seq;
	before = wall - (int64_t)l->set.events_keep_ms;
	max = l->set.events_max;
	still = hostclock_held(&l->host) || hostclock_still(&l->host, boot);
	pthread_mutex_unlock(&l->lock);
	if (still || up_to == 0)
		return false;
	r = l->log->ops->trim(l->log, up_to, before, max, SLICE, &deleted, &err);
	if (r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN) {
		atomic_store(&l->ready, false);
		host_event(l, 2, "retention-failed", "%s", err.message);
	}
	l->trim_more = r == MUSTER_OK && deleted == SLICE;
	return l->trim_more;
}

/* A host that is asked every second or oftener is never idle for one: its log would grow for ever. */
void retention_between(struct ledger *l)
{
	int64_t boot = clock_boot_ms(l->clock);

	if (queue_length(&l->queue) == 0 && (l->trim_ms == 0 || boot < l->trim_ms || boot - l->trim_ms >= BUSY_MS))
		(void)retention_slice(l);
}
