#include "core/licensing/pool.h"

#include <stdlib.h>
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

/* Sorted by client; `by_age` are places in it from the longest silent on, of which `aged` have been looked at. */
struct observed { struct pool_observed m; bool gone; };
struct observed_set { struct observed *of; uint32_t *by_age; uint32_t n, aged, left; };

struct pool {
	struct node *nodes;
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t cap, count;
	uint32_t newest, oldest, free;
	uint32_t largest_minimum;
	int64_t window_ms;
	struct observed_set observed;
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

/* ---- observed machines ---- */

static struct observed *observed_find(const struct pool *p, const uint8_t client[16])
{
	uint32_t low = 0, high = p->observed.n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int c = memcmp(client, p->observed.of[middle].m.client, 16);

		if (c == 0)
			return &p->observed.of[middle];
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static void observed_drop(struct pool *p, struct observed *o)
{
	if (o == NULL || o->gone)
		return;
	o->gone = true;
	p->observed.left--;
}

static void observed_age(struct pool *p, int64_t now)
{
	struct observed_set *s = &p->observed;

	while (s->aged < s->n && s->of[s->by_age[s->aged]].m.last < now - p->window_ms)
		observed_drop(p, &s->of[s->by_age[s->aged++]]);
}

static void observed_fini(struct observed_set *s)
{
	mem_free(s->of);
	mem_free(s->by_age);
	memset(s, 0, sizeof *s);
}

static int compare_client(const void *a, const void *b)
{
	const struct observed *x = a, *y = b;
	int c = memcmp(x->m.client, y->m.client, 16);

	return c != 0 ? c : (x->m.last < y->m.last) - (x->m.last > y->m.last);   /* the latest first: it stays */
}

struct aged { int64_t last; uint32_t at; };

static int compare_age(const void *a, const void *b)
{
	const struct aged *x = a, *y = b;

	return (x->last > y->last) - (x->last < y->last);
}

static int sort_by_age(struct observed_set *s)
{
	struct aged *order = mem_array(s->n + (size_t)1, sizeof *order);

	if (order == NULL)
		return MUSTER_E_NOMEM;
	for (uint32_t i = 0; i < s->n; i++)
		order[i] = (struct aged) { s->of[i].m.last, i };
	qsort(order, s->n, sizeof *order, compare_age);
	for (uint32_t i = 0; i < s->n; i++)
		s->by_age[i] = order[i].at;
	mem_free(order);
	return MUSTER_OK;
}

int pool_observe(struct pool *p, const struct pool_observed *m, size_t n)
{
	struct observed_set s = { 0 };

	if (n > LARGEST_MINIMUM_MAX)
		n = LARGEST_MINIMUM_MAX;   /* no product asks for more */
	s.of = mem_array(n + 1, sizeof *s.of);
	s.by_age = mem_array(n + 1, sizeof *s.by_age);
	if (s.of == NULL || s.by_age == NULL) {
		observed_fini(&s);
		return MUSTER_E_NOMEM;
	}
	for (size_t i = 0; i < n; i++)
		s.of[i].m = m[i];
	qsort(s.of, n, sizeof *s.of, compare_client);
	for (size_t i = 0; i < n; i++)
		if ((s.n == 0 || memcmp(s.of[s.n - 1].m.client, s.of[i].m.client, 16) != 0) && node_find(p, s.of[i].m.client) == NONE)
			s.of[s.n++] = s.of[i];
	s.left = s.n;
	if (sort_by_age(&s) != MUSTER_OK) {
		observed_fini(&s);
		return MUSTER_E_NOMEM;
	}
	observed_fini(&p->observed);
	p->observed = s;
	return MUSTER_OK;
}

uint32_t pool_observed(const struct pool *p)
{
	return p->observed.left;
}

void pool_each_observed(const struct pool *p, void (*fn)(void *ctx, const struct pool_observed *), void *ctx)
{
	for (uint32_t i = 0; i < p->observed.n; i++)
		if (!p->observed.of[i].gone)
			fn(ctx, &p->observed.of[i].m);
}

bool pool_is_observed(const struct pool *p, const uint8_t client[16])
{
	const struct observed *o = observed_find(p, client);

	return o != NULL && !o->gone;
}

/* ---- members ---- */

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
	observed_drop(p, observed_find(p, m->client));   /* a request of its own */
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
	observed_fini(&p->observed);
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
	observed_age(p, now);
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
