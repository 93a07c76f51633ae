/**
 * How many requests are under way, and what becomes of the others.
 *
 * A host that is asked for more than it can answer must neither take all of it in, for then everybody waits, nor spend its time
 * on refusals: each costs both sides a third of an answer, and who is refused at once may ask again at once. So
 * - requests are taken in while fewer than `most` are under way. That is [limits] queue at first, less while answers take longer
 *   than [limits] queue_age, more again when they do not;
 * - the others are held – a suspended connection costs nothing – and let go with their 503 at a tenth of the rate of answers.
 * Everything is thread-safe.
 */
#ifndef SERVICE_ADMISSION_H
#define SERVICE_ADMISSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ADMISSION_LEAST 256u   /**< under way whatever their age: so few make nobody wait long */

/** A refused request that is held; a member of what it belongs to. */
struct held {
	struct held *next;
	int64_t since;                   /**< boot ms */
	void (*let_go)(struct held *);   /**< called once, without a lock held, from the thread of admission_pass() */
};

struct admission {
	_Atomic uint32_t under_way, most;
	_Atomic uint32_t answered;       /**< since the last pass */
	_Atomic uint64_t waited_ms;      /**< theirs, together */
	_Atomic uint32_t queue;          /**< [limits] queue */
	_Atomic int64_t age_ms;          /**< [limits] queue_age */
	_Atomic int64_t held_ms;         /**< the longest that one is held */
	pthread_mutex_t lock;            /**< guards the list */
	struct held *first, *last;
};

void admission_init(struct admission *a);
void admission_fini(struct admission *a);
/** Take over the limits; also at reload. */
void admission_limits(struct admission *a, uint32_t queue, int64_t age_ms, int64_t deadline_ms);
/** A request is here. @return false: too many are under way. */
bool admission_enter(struct admission *a);
/** A request that entered is answered, or gone; @p waited_ms since it entered. */
void admission_leave(struct admission *a, int64_t waited_ms);
/** Hold a refused request until it is let go. */
void admission_hold(struct admission *a, struct held *h, int64_t now);
/** Every tenth of a second: judge how many may be under way, let some of the held go, or @p all. @p now boot ms. */
void admission_pass(struct admission *a, int64_t now, bool all);

#endif
