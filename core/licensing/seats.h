/**
 * The seats model: so many at once, short leases, a queue. Pure decisions: time is given, nothing is stored; the queue is memory that its caller guards.
 *
 * A seat counts until its lease is over and, unless it was given back or taken back, until its grace is over too. Whoever waits is served in turn: nobody who
 * came later gets what an earlier one could have, as long as that one goes on asking.
 */
#ifndef LICENSING_SEATS_H
#define LICENSING_SEATS_H

#include <stdbool.h>
#include <muster/types.h>

#define SEATS_RETRY_MIN 30U     /**< s */
#define SEATS_RETRY_MAX 900U
#define SEATS_KEEP 3            /**< a place in the queue outlives its last question by so many times the retry told */

enum seats_held { SEATS_NONE, SEATS_OUT, SEATS_ENDING /* taken back: ends with its lease, is not renewed */ };
enum seats_change { SEATS_LEAVE, SEATS_PUT, SEATS_DROP };

struct seats_input {
	uint64_t seats;             /**< there are */
	uint64_t out;               /**< others hold, also beyond the number */
	uint64_t within;            /**< of these, not beyond */
	uint64_t kept;              /**< of what is free, so many are kept for others */
	uint64_t ahead;             /**< of what is free, so many are for those who wait longer: seats_queue_ahead() */
	uint32_t lease_s, grace_s;
	bool advise;
	int64_t now;                /**< ms */
	bool other_hardware;        /**< the seat was given to other hardware */
	/* the asker's */
	enum seats_held held; bool over;
	bool grace;                 /**< the lease is over, `until` is the end of grace */
	int64_t until;              /**< ms */
};
struct seats_verdict {
	uint32_t code;              /**< CODE_OK; CODE_M_DUPLICATE, CODE_M_TAKEN_BACK; CODE_M_SEATS, CODE_M_RESERVED: may wait if it wants */
	enum seats_change change;   /**< SEATS_DROP: what was held is over */
	bool over, fresh;           /**< beyond what there is; since this decision */
	int64_t until;              /**< ms, whole seconds */
};
void seats_decide(struct seats_verdict *out, const struct seats_input *in);
/** What an ended row becomes: SEATS_PUT with grace and a new until, or SEATS_DROP. */
enum seats_change seats_settle(enum seats_held held, bool *grace, int64_t *until, uint32_t grace_s, int64_t now);

/* ---- the queue of one product ---- */
struct seats_queue;
struct seats_queue *seats_queue_new(void);   /**< NULL when exhausted */
void seats_queue_free(struct seats_queue *q);
/** Those go who have not asked for too long. */
void seats_queue_age(struct seats_queue *q, int64_t now);
/** Of @p free seats, how many those get who wait longer than @p client (all, when it does not wait); what is kept for others than them was noted when they asked. */
uint64_t seats_queue_ahead(const struct seats_queue *q, const uint8_t client[16], uint64_t free);
/** Has it a place? */
bool seats_queue_has(const struct seats_queue *q, const uint8_t client[16]);
/** Wait, or go on waiting. @return the place, from 1; 0: the queue is full, or memory exhausted. @param[out] retry_s when to ask again */
uint32_t seats_queue_wait(struct seats_queue *q, const uint8_t client[16], uint64_t kept, uint32_t max, int64_t now, uint32_t *retry_s);
/** Waits no more. */
void seats_queue_leave(struct seats_queue *q, const uint8_t client[16]);
/** Was given a seat, if what is being committed comes true: its place competes no more, and is remembered for some seconds. */
void seats_queue_served(struct seats_queue *q, const uint8_t client[16], int64_t now);
/** It did not come true: who was served just now waits again, where it was. */
void seats_queue_restore(struct seats_queue *q);
uint32_t seats_queue_count(const struct seats_queue *q);
/** In order. */
void seats_queue_each(const struct seats_queue *q, void (*fn)(void *ctx, uint32_t position, const uint8_t client[16], int64_t asked), void *ctx);

#endif
