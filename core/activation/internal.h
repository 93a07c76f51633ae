/**
 * The activation's inside: what its files share. For core/activation and its tests only.
 *
 * Two locks. `acts`: who changes something (an administrator's act, a periodic job) holds it from looking to having recorded; taken with
 * activation_begin(). It is not held while a network answer is waited for: look, let go, ask, take it again and look again. `lock`: guards the
 * memory below, for as long as it takes to read or swap a pointer, never over I/O. Changing memory needs both, reading either. Order: acts, lock.
 * What must be true after a crash is in records of the ledger's state; memory is filled from them and changed after they were committed.
 */
#ifndef ACTIVATION_INTERNAL_H
#define ACTIVATION_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/activation/activation.h"

#define ACTIVATION_JOBS_MAX 16

/** A periodic job, on the activation's own thread; it may write, connect and wait, and looks at activation_stopping() while it does. */
struct activation_job {
	const char *name;
	/** @return ms of steady time until it is due again. */
	int64_t (*run)(struct activation *a);
};
/** Ended by a row without a name. Every job runs once soon after the start. */
extern const struct activation_job activation_jobs[];

/** An issuer of the configuration. */
struct activation_issuer { char *name; };

struct activation {
	const struct clock *clock;
	struct ledger *ledger;
	struct trust_ring *ring;
	char *dir, *key_path;
	int (*hardware)(void *ctx, uint8_t *source, struct buf *value);
	void (*event)(void *ctx, int level, const char *event, const char *text);
	void *ctx;
	pthread_mutex_t acts;
	struct seal *seal;                    /* acts; open from activation_open() on */

	pthread_mutex_t lock;
	struct catalog *catalog;              /* referenced; NULL before the first bind */
	struct activation_issuer *issuers; size_t issuer_count;

	/* the thread */
	pthread_mutex_t work_lock;
	pthread_cond_t work;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	int64_t due[ACTIVATION_JOBS_MAX];     /* steady ms; work_lock */
};

/** Begin and end a change. */
void activation_begin(struct activation *a);
void activation_end(struct activation *a);
/** Let a job run now; any thread. */
void activation_wake(struct activation *a, int64_t (*run)(struct activation *a));
bool activation_stopping(const struct activation *a);
/** Seconds since 1970 UTC. */
int64_t activation_now(const struct activation *a);
/** Say something once, where it is known. @p level as syslog. */
void activation_say(const struct activation *a, int level, const char *event, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** The present catalog, one reference. */
struct catalog *activation_catalog(struct activation *a);

#endif
