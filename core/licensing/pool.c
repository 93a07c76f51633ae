#include "core/licensing/pool.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define NONE UINT32_MAX
/* 2 × this is the cap; beyond it indices would not fit. No product may ask for more machines. */
#define LARGEST_MINIMUM_MAX (UINT32_C(1) << 28)

/* Members live in an array of cap nodes: in a hash chain by client, and in one list from the newest to the longest silent. */
struct node {
	struct pool_member m;
	uint32_t chain;
	uint32_t newer, older;
};

struct pool {
	struct node *nodes;
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t cap, count;
	uint32_t newest, oldest, free;
	uint32_t largest_minimum;
	int64_t window_ms;
	uint64_t seed[2];   /* clients choose their own IDs: without it they could choose one chain */
};

static uint32_t bucket_of(const struct pool *p, const uint8_t client[16])
{
	uint64_t x = (be64_get(client) ^ p->seed[0]) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 29) ^ be64_get(client + 8) ^ p->seed[1]) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(x >> 32) & p->bucket_mask;
}

static uint32_t node_find(const struct pool *p, const uint8_t client[16])
{
	uint32_t i;

	if (p->cap == 0)
		return NONE;
	for (i = p->buckets[bucket_of(p, client)]; i != NONE; i = p->nodes[i].chain)
		if (memcmp(p->nodes[i].m.client, client, 16) == 0)
			return i;
	return NONE;
}

static void list_remove(struct pool *p, uint32_t i)
{
	struct node *n = &p->nodes[i];

	if (n->newer == NONE)
		p->newest = n->older;
	else
		p->nodes[n->newer].older = n->older;
	if (n->older == NONE)
		p->oldest = n->newer;
	else
		p->nodes[n->older].newer = n->newer;
}

/* Within a millisecond the later event is the newer one. */
static bool later(const struct pool_member *a, const struct pool_member *b)
{
	return a->last > b->last || (a->last == b->last && a->seq > b->seq);
}

/* Time hardly ever goes back, so the place is nearly always the front. */
static void list_insert(struct pool *p, uint32_t i)
{
	struct node *n = &p->nodes[i];
	uint32_t newer = NONE, older = p->newest;

	while (older != NONE && later(&p->nodes[older].m, &n->m)) {
		newer = older;
		older = p->nodes[older].older;
	}
	n->newer = newer;
	n->older = older;
	if (newer == NONE)
		p->newest = i;
	else
		p->nodes[newer].older = i;
	if (older == NONE)
		p->oldest = i;
	else
		p->nodes[older].newer = i;
}

static void node_drop(struct pool *p, uint32_t i)
{
	uint32_t *link = &p->buckets[bucket_of(p, p->nodes[i].m.client)];

	while (*link != i)
		link = &p->nodes[*link].chain;
	*link = p->nodes[i].chain;
	list_remove(p, i);
	p->nodes[i].chain = p->free;
	p->free = i;
	p->count--;
}

static void node_add(struct pool *p, const struct pool_member *m)
{
	uint32_t i, b = bucket_of(p, m->client);

	if (p->free == NONE) {
		if (later(&p->nodes[p->oldest].m, m))
			return;   /* longer silent than everybody here */
		node_drop(p, p->oldest);
	}
	i = p->free;
	p->free = p->nodes[i].chain;
	p->nodes[i].m = *m;
	p->nodes[i].chain = p->buckets[b];
	p->buckets[b] = i;
	list_insert(p, i);
	p->count++;
}

static void members_clear(struct pool *p)
{
	for (uint32_t b = 0; p->cap > 0 && b <= p->bucket_mask; b++)
		p->buckets[b] = NONE;
	for (uint32_t i = 0; i < p->cap; i++)
		p->nodes[i].chain = i + 1 < p->cap ? i + 1 : NONE;
	p->free = p->cap > 0 ? 0 : NONE;
	p->newest = p->oldest = NONE;
	p->count = 0;
}

/* Room for @p cap members; those there are stay. */
static int members_room(struct pool *p, uint32_t cap)
{
	struct pool old = *p;
	uint32_t buckets = 8;

	while (buckets < cap * 2 && buckets < UINT32_C(1) << 30)
		buckets *= 2;
	p->nodes = mem_array(cap, sizeof *p->nodes);
	p->buckets = mem_array(buckets, sizeof *p->buckets);
	if (p->nodes == NULL || p->buckets == NULL) {
		mem_free(p->nodes);
		mem_free(p->buckets);
		*p = old;
		return MUSTER_E_NOMEM;
	}
	p->cap = cap;
	p->bucket_mask = buckets - 1;
	members_clear(p);
	for (uint32_t i = old.oldest; i != NONE; i = old.nodes[i].newer)
		node_add(p, &old.nodes[i].m);
	mem_free(old.nodes);
	mem_free(old.buckets);
	return MUSTER_OK;
}

struct pool *pool_new(uint32_t window_s, uint32_t largest_minimum)
{
	struct pool *p = mem_alloc(sizeof *p);

	if (p == NULL)
		return NULL;
	random_bytes(p->seed, sizeof p->seed);
	p->free = p->newest = p->oldest = NONE;
	pool_set_window(p, window_s);
	if (largest_minimum > 0 && pool_present(p, largest_minimum) < 0) {
		pool_free(p);
		return NULL;
	}
	return p;
}

void pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	mem_free(p->nodes);
	mem_free(p->buckets);
	mem_free(p);
}

void pool_set_window(struct pool *p, uint32_t window_s)
{
	p->window_ms = (int64_t)window_s * 1000;
}

uint32_t pool_cap(const struct pool *p)
{
	return p->cap;
}

uint32_t pool_largest_minimum(const struct pool *p)
{
	return p->largest_minimum;
}

int pool_present(struct pool *p, uint32_t minimum_count)
{
	int r;

	if (minimum_count > LARGEST_MINIMUM_MAX)
		minimum_count = LARGEST_MINIMUM_MAX;
	if (minimum_count <= p->largest_minimum)
		return 0;
	if ((r = members_room(p, minimum_count * 2)) != MUSTER_OK)
		return r;
	p->largest_minimum = minimum_count;
	return 1;
}

void pool_age(struct pool *p, int64_t now)
{
	while (p->oldest != NONE && p->nodes[p->oldest].m.last < now - p->window_ms)
		node_drop(p, p->oldest);
}

const struct pool_member *pool_find(const struct pool *p, const uint8_t client[16])
{
	uint32_t i = node_find(p, client);

	return i == NONE ? NULL : &p->nodes[i].m;
}

uint32_t pool_touch(struct pool *p, const struct pool_member *m)
{
	uint32_t i;

	if (p->cap == 0)
		return 0;
	if ((i = node_find(p, m->client)) == NONE) {
		node_add(p, m);
	} else if (m->last >= p->nodes[i].m.last) {
		list_remove(p, i);
		p->nodes[i].m = *m;
		list_insert(p, i);
	}
	return p->count;
}

uint32_t pool_count(const struct pool *p)
{
	return p->count;
}

void pool_each(const struct pool *p, void (*fn)(void *ctx, const struct pool_member *), void *ctx)
{
	for (uint32_t i = p->newest; i != NONE; i = p->nodes[i].older)
		fn(ctx, &p->nodes[i].m);
}

void pool_replace(struct pool *p, const struct pool_member *m, size_t n, int64_t seq)
{
	uint32_t i = p->newest;

	while (i != NONE) {
		uint32_t older = p->nodes[i].older;

		if (p->nodes[i].m.seq <= seq)
			node_drop(p, i);
		i = older;
	}
	/* Newest first: once the room is used up, the rest is longer silent than all that are here. */
	for (size_t k = 0; k < n && p->cap > 0; k++)
		if (node_find(p, m[k].client) == NONE)
			node_add(p, &m[k]);
}
