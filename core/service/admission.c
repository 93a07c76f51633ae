#include "core/service/admission.h"

#include <stddef.h>

#define REFUSALS_LEAST 64u  /* let go in one pass */
#define SHARE 10u          /* one refusal for so many answers: a twentieth of the time */
#define HELD_MS 5000        /* the longest: clients give a host ten seconds; at most half the deadline */

void admission_init(struct admission *a)
{
	pthread_mutex_init(&a->lock, NULL);
}

void admission_fini(struct admission *a)
{
	pthread_mutex_destroy(&a->lock);
}

void admission_limits(struct admission *a, uint32_t queue, int64_t age_ms, int64_t deadline_ms)
{
	atomic_store(&a->queue, queue);
	atomic_store(&a->age_ms, age_ms);
	atomic_store(&a->held_ms, deadline_ms / 2 < HELD_MS ? deadline_ms / 2 : HELD_MS);
	atomic_store(&a->most, queue);
}

bool admission_enter(struct admission *a)
{
	if (atomic_fetch_add(&a->under_way, 1) < atomic_load(&a->most))
		return true;
	atomic_fetch_sub(&a->under_way, 1);
	return false;
}

void admission_leave(struct admission *a, int64_t waited_ms)
{
	atomic_fetch_add(&a->waited_ms, waited_ms > 0 ? (uint64_t)waited_ms : 0);
	atomic_fetch_add(&a->answered, 1);
	atomic_fetch_sub(&a->under_way, 1);
}

void admission_hold(struct admission *a, struct held *h, int64_t now)
{
	h->next = NULL;
	h->since = now;
	pthread_mutex_lock(&a->lock);
	if (a->last == NULL)
		a->first = h;
	else
		a->last->next = h;
	a->last = h;
	pthread_mutex_unlock(&a->lock);
}

/* Step by step: one slow commit is no reason to turn everybody away. */
static void judge(struct admission *a, uint32_t answered)
{
	uint64_t waited = atomic_exchange(&a->waited_ms, 0);
	uint32_t most = atomic_load(&a->most), queue = atomic_load(&a->queue);

	if (answered > 0 && waited / answered > (uint64_t)atomic_load(&a->age_ms))
		most -= most / 4;
	else
		most += most / 8 + 1;
	if (most < ADMISSION_LEAST)
		most = ADMISSION_LEAST;
	atomic_store(&a->most, most < queue ? most : queue);
}

/* The oldest that may go, chained. */
static struct held *take(struct admission *a, int64_t now, uint32_t n, bool all)
{
	int64_t longest = atomic_load(&a->held_ms);
	struct held *first, *last = NULL;

	pthread_mutex_lock(&a->lock);
	first = a->first;
	for (struct held *h = first; h != NULL && (all || n > 0 || now - h->since >= longest); h = h->next, n -= n > 0)
		last = h;
	if (last != NULL) {
		a->first = last->next;
		if (a->first == NULL)
			a->last = NULL;
		last->next = NULL;
	}
	pthread_mutex_unlock(&a->lock);
	return last != NULL ? first : NULL;
}

void admission_pass(struct admission *a, int64_t now, bool all)
{
	uint32_t answered = atomic_exchange(&a->answered, 0), n = answered / SHARE;
	struct held *h;

	judge(a, answered);
	h = take(a, now, n > REFUSALS_LEAST ? n : REFUSALS_LEAST, all);
	while (h != NULL) {
		struct held *next = h->next;   /* it is gone once it is let go */

		h->let_go(h);
		h = next;
	}
}
