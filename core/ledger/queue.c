#include "core/ledger/queue.h"

#include <time.h>

#include "core/base/err.h"

int cond_init(pthread_cond_t *c, struct muster_err *err)
{
	pthread_condattr_t attr;
	int e;

	if ((e = pthread_condattr_init(&attr)) != 0)
		return err_errno(err, e, "ledger: condition variable");
	e = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (e == 0)
		e = pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
	return e == 0 ? MUSTER_OK : err_errno(err, e, "ledger: condition variable");
}

void cond_wait_ms(pthread_cond_t *c, pthread_mutex_t *m, int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_cond_timedwait(c, m, &until);
}

int queue_init(struct queue *q, struct muster_err *err)
{
	int e, r;

	if ((e = pthread_mutex_init(&q->lock, NULL)) != 0)
		return err_errno(err, e, "ledger: mutex");
	if ((r = cond_init(&q->cond, err)) != MUSTER_OK) {
		pthread_mutex_destroy(&q->lock);
		return r;
	}
	q->head = q->tail = NULL;
	q->n = q->max = 0;
	q->age_ms = 0;
	q->wanted = 1;
	q->closed = q->woken = false;
	return MUSTER_OK;
}

void queue_fini(struct queue *q)
{
	pthread_cond_destroy(&q->cond);
	pthread_mutex_destroy(&q->lock);
}

void queue_limits(struct queue *q, uint32_t max, int64_t age_ms)
{
	pthread_mutex_lock(&q->lock);
	q->max = max;
	q->age_ms = age_ms;
	pthread_mutex_unlock(&q->lock);
}

int queue_put(struct queue *q, struct ledger_request *r, int64_t boot_ms)
{
	int result = MUSTER_OK;

	r->next = NULL;
	r->queued_ms = boot_ms;
	pthread_mutex_lock(&q->lock);
	if (q->closed) {
		result = MUSTER_E_DENIED;
	} else if (q->n >= q->max) {
		result = MUSTER_E_LIMIT;
	} else if (q->head != NULL && boot_ms - q->head->queued_ms >= q->age_ms) {
		result = MUSTER_E_BUSY;
	} else {
		if (q->tail == NULL)
			q->head = r;
		else
			q->tail->next = r;
		q->tail = r;
		if (++q->n >= q->wanted)
			pthread_cond_signal(&q->cond);
	}
	pthread_mutex_unlock(&q->lock);
	return result;
}

void queue_gather(struct queue *q, uint32_t n, long ns)
{
	struct timespec until;
	int e = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ns;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&q->lock);
	q->wanted = n;
	while (q->n < n && !q->closed && !q->woken && e == 0)
		e = pthread_cond_timedwait(&q->cond, &q->lock, &until);
	q->wanted = 1;
	pthread_mutex_unlock(&q->lock);
}

uint32_t queue_take(struct queue *q, struct ledger_request **first, uint32_t max, int wait_ms)
{
	uint32_t taken = 0;
	struct ledger_request *last = NULL;

	*first = NULL;
	pthread_mutex_lock(&q->lock);
	if (q->head == NULL && !q->woken && !q->closed && wait_ms > 0)
		cond_wait_ms(&q->cond, &q->lock, wait_ms);
	q->woken = false;
	for (struct ledger_request *r = q->head; r != NULL && taken < max; r = r->next) {
		last = r;
		taken++;
	}
	if (last != NULL) {
		*first = q->head;
		q->head = last->next;
		if (q->head == NULL)
			q->tail = NULL;
		last->next = NULL;
		q->n -= taken;
	}
	pthread_mutex_unlock(&q->lock);
	return taken;
}

void queue_wake(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->woken = true;
	pthread_cond_signal(&q->cond);
	pthread_mutex_unlock(&q->lock);
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_signal(&q->cond);
	pthread_mutex_unlock(&q->lock);
}

uint32_t queue_length(struct queue *q)
{
	uint32_t n;

	pthread_mutex_lock(&q->lock);
	n = q->n;
	pthread_mutex_unlock(&q->lock);
	return n;
}
