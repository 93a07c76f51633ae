#include "core/service/rate.h"

#include <pthread.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/mem.h"

#define WAYS 8u
#define SETS (RATE_SLOTS / WAYS)
#define LOCKS 64u

struct bucket {
	uint64_t key_high;   /* address, /64 of an IPv6 one */
	uint32_t key_low;    /* its length: 0 free */
	int64_t last;        /* boot ms */
	uint64_t tokens;     /* thousandths */
};

/* Workers of different addresses meet only by chance: one lock serves SETS / LOCKS sets. */
struct rate {
	pthread_mutex_t lock[LOCKS];
	uint64_t seed;
	struct bucket slot[RATE_SLOTS];
};

struct rate *rate_new(void)
{
	struct rate *r = mem_alloc(sizeof *r);

	if (r == NULL)
		return NULL;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&r->lock[i], NULL);
	random_bytes(&r->seed, sizeof r->seed);
	return r;
}

void rate_free(struct rate *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&r->lock[i]);
	mem_free(r);
}

/* Seeded, so that nobody can choose addresses that all share one place (splitmix64's finisher). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* The bucket of this key; a new one is full. The set's lock is held. */
static struct bucket *find(struct bucket *set, uint64_t high, uint32_t low, int64_t now, uint64_t full)
{
	struct bucket *oldest = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].key_low == low && set[i].key_high == high)
			return &set[i];
		if (set[i].key_low == 0 || (oldest->key_low != 0 && set[i].last < oldest->last))
			oldest = &set[i];
	}
	*oldest = (struct bucket){ .key_high = high, .key_low = low, .last = now, .tokens = full };
	return oldest;
}

bool rate_take_many(struct rate *r, const struct address *a, int64_t now, uint64_t per_second, uint64_t burst, uint64_t tokens, uint32_t *wait_s)
{
	uint64_t high = a->len == 4 ? be32_get(a->b) : be64_get(a->b), full = burst * 1000, price = tokens * 1000, set;
	pthread_mutex_t *lock;
	struct bucket *b;
	bool ok;

	set = mix(high ^ r->seed ^ a->len) % SETS;
	lock = &r->lock[set % LOCKS];
	pthread_mutex_lock(lock);
	b = find(&r->slot[set * WAYS], high, (uint32_t)a->len + 1, now, full);
	if (now > b->last) {
		uint64_t passed = (uint64_t)(now - b->last);

		/* per_second thousandths a millisecond; after a day the bucket is full whatever the numbers. */
		b->tokens = passed > 86400000 || b->tokens + passed * per_second > full ? full : b->tokens + passed * per_second;
		b->last = now;
	}
	if (b->tokens > full)
		b->tokens = full;
	ok = b->tokens >= price;
	if (ok)
		b->tokens -= price;
	else
		*wait_s = (uint32_t)((price - b->tokens + per_second * 1000 - 1) / (per_second * 1000));
	pthread_mutex_unlock(lock);
	return ok;
}

bool rate_take(struct rate *r, const struct address *a, int64_t now, uint64_t per_second, uint64_t burst, uint32_t *wait_s)
{
	return rate_take_many(r, a, now, per_second, burst, 1, wait_s);
}
