/** The bounded queue of requests that wait for the ledger thread: many put, one takes all. Thread-safe. */
#ifndef LEDGER_QUEUE_H
#define LEDGER_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/ledger/ledger.h"

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct ledger_request *head, *tail;
	uint32_t n, max;
	uint32_t wanted;     /**< how many must be there before the taker is woken */
	int64_t age_ms;      /**< what the oldest may have waited when another comes */
	bool closed, woken;
};

int queue_init(struct queue *q, struct muster_err *err);
void queue_fini(struct queue *q);
void queue_limits(struct queue *q, uint32_t max, int64_t age_ms);
/** @return MUSTER_OK; MUSTER_E_LIMIT when full, MUSTER_E_BUSY when the oldest has waited too long, MUSTER_E_DENIED when closed. */
int queue_put(struct queue *q, struct ledger_request *r, int64_t boot_ms);
/** Wait until @p n are there, at most @p ns (below a second), or for queue_wake(): who puts wakes nobody meanwhile. */
void queue_gather(struct queue *q, uint32_t n, long ns);
/**
 * Take at most @p max requests, oldest first; waits up to @p wait_ms for one, or for queue_wake().
 * @param[out] first Chained by `next`; NULL when there is none. @return how many.
 */
uint32_t queue_take(struct queue *q, struct ledger_request **first, uint32_t max, int wait_ms);
/** End the present or the next wait. */
void queue_wake(struct queue *q);
/** Nothing more is taken in; what is there can still be taken out. */
void queue_close(struct queue *q);
uint32_t queue_length(struct queue *q);

/** pthread_cond_t on the steady clock, and a wait on it of at most @p ms. */
int cond_init(pthread_cond_t *c, struct muster_err *err);
void cond_wait_ms(pthread_cond_t *c, pthread_mutex_t *m, int ms);

#endif
