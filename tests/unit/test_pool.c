/* core/licensing/pool.c: the most recent clients, at most the cap. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/licensing/pool.h"

#define DAY INT64_C(86400000)
#define NOW INT64_C(1795000000000)
#define WINDOW (30 * 86400)

static struct pool_member member(uint32_t id, int64_t last, int64_t seq)
{
	struct pool_member m;

	memset(&m, 0, sizeof m);
	be32_put(m.client, id);
	m.last = last;
	m.seq = seq;
	return m;
}

static uint32_t touch(struct pool *p, uint32_t id, int64_t last, int64_t seq)
{
	struct pool_member m = member(id, last, seq);

	return pool_touch(p, &m);
}

static bool there(const struct pool *p, uint32_t id)
{
	struct pool_member m = member(id, 0, 0);

	return pool_find(p, m.client) != NULL;
}

struct order { uint32_t ids[64]; size_t n; int64_t last; };

static void note(void *ctx, const struct pool_member *m)
{
	struct order *o = ctx;

	ck_assert(m->last <= o->last);
	o->last = m->last;
	o->ids[o->n++] = be32_get(m->client);
}

/* The cap is twice the largest minimum presented; it never falls (facts.md section 1). */
START_TEST(test_pool_cap)
{
	struct pool *p = pool_new(WINDOW, 0);

	ck_assert_uint_eq(pool_cap(p), 0);
	ck_assert_uint_eq(touch(p, 1, NOW, 1), 0);
	ck_assert_int_eq(pool_present(p, 5), 1);
	ck_assert_uint_eq(pool_cap(p), 10);
	for (uint32_t i = 1; i <= 30; i++)
		ck_assert_uint_eq(touch(p, i, NOW + i, i), i < 10 ? i : 10);
	ck_assert_int_eq(pool_present(p, 25), 1);
	ck_assert_uint_eq(pool_cap(p), 50);
	ck_assert_uint_eq(pool_count(p), 10);
	ck_assert(there(p, 30) && there(p, 21) && !there(p, 20));
	ck_assert_int_eq(pool_present(p, 5), 0);
	ck_assert_uint_eq(pool_cap(p), 50);
	ck_assert_uint_eq(pool_largest_minimum(p), 25);
	pool_free(p);
}
END_TEST

/* The same client again is the same member; the longest silent makes room. */
START_TEST(test_pool_recency)
{
	struct pool *p = pool_new(WINDOW, 2);
	struct order o = { .last = INT64_MAX };

	for (uint32_t i = 1; i <= 4; i++)
		touch(p, i, NOW + i, i);
	ck_assert_uint_eq(touch(p, 1, NOW + 10, 5), 4);
	ck_assert_uint_eq(touch(p, 5, NOW + 11, 7), 4);
	ck_assert(!there(p, 2));
	/* within a millisecond the later event is the newer, in whatever order they are told */
	touch(p, 6, NOW + 11, 6);
	ck_assert(there(p, 6) && !there(p, 3));
	touch(p, 7, NOW + 11, 9);
	touch(p, 8, NOW + 11, 8);
	ck_assert(!there(p, 4) && !there(p, 1));
	touch(p, 9, NOW + 11, 5);
	ck_assert(!there(p, 9));
	pool_each(p, note, &o);
	ck_assert_uint_eq(o.n, 4);
	ck_assert_uint_eq(o.ids[0], 7);
	ck_assert_uint_eq(o.ids[1], 8);
	ck_assert_uint_eq(o.ids[2], 5);
	ck_assert_uint_eq(o.ids[3], 6);
	pool_free(p);
}
END_TEST

/* Replaying what a snapshot already holds changes nothing: an older time neither moves a member back nor evicts a newer one. */
START_TEST(test_pool_replay)
{
	struct pool *p = pool_new(WINDOW, 2);

	for (uint32_t i = 1; i <= 4; i++)
		touch(p, i, NOW + i, 0);
	touch(p, 3, NOW + 1, 9);
	touch(p, 99, NOW - 5, 10);
	ck_assert(!there(p, 99) && there(p, 1));
	touch(p, 50, NOW + 9, 11);
	ck_assert(!there(p, 1) && there(p, 3));
	pool_free(p);
}
END_TEST

/* Silent for 30 days: still a member; a millisecond more: gone. Members leave by age only. */
START_TEST(test_pool_age)
{
	struct pool *p = pool_new(WINDOW, 5);

	touch(p, 1, NOW, 1);
	touch(p, 2, NOW + DAY, 2);
	pool_age(p, NOW + 30 * DAY);
	ck_assert_uint_eq(pool_count(p), 2);
	pool_age(p, NOW + 30 * DAY + 1);
	ck_assert_uint_eq(pool_count(p), 1);
	ck_assert(!there(p, 1) && there(p, 2));
	pool_set_window(p, 86400);
	pool_age(p, NOW + 3 * DAY);
	ck_assert_uint_eq(pool_count(p), 0);
	ck_assert_uint_eq(touch(p, 3, NOW + 3 * DAY, 3), 1);
	pool_free(p);
}
END_TEST

/* After a release the list replaces the members, and those touched since it was made stay, even in the same millisecond. */
START_TEST(test_pool_replace)
{
	struct pool *p = pool_new(WINDOW, 2);
	struct pool_member list[6];

	for (uint32_t i = 1; i <= 4; i++)
		touch(p, i, NOW, i);
	/* folded up to 3: members 1 and 2 released, the state names 3 and others before it; 4 came later */
	for (uint32_t i = 0; i < 6; i++)
		list[i] = member(i == 0 ? 3 : 100 + i, NOW - i, 0);
	pool_replace(p, list, 6, 3);
	ck_assert_uint_eq(pool_count(p), 4);
	ck_assert(there(p, 4) && there(p, 3) && there(p, 101) && there(p, 102));
	ck_assert(!there(p, 1) && !there(p, 2) && !there(p, 103));
	pool_replace(p, NULL, 0, 4);
	ck_assert_uint_eq(pool_count(p), 0);
	pool_free(p);
}
END_TEST

/* Against a plain list: 20,000 random touches, ageings and growths give the same members. */
START_TEST(test_pool_model)
{
	struct pool *p = pool_new(60, 3);
	int64_t last[64] = { 0 }, now = NOW;
	uint64_t x = 88172645463325252u;

	for (int step = 0; step < 20000; step++) {
		uint32_t id, members = 0;
		uint32_t cap = pool_cap(p);

		x ^= x << 13; x ^= x >> 7; x ^= x << 17;
		id = (uint32_t)(x % 64);
		now += 1 + (int64_t)(x >> 20) % 4000;
		pool_age(p, now);
		touch(p, id, now, step + 1);
		last[id] = now;
		for (uint32_t i = 0; i < 64; i++) {
			uint32_t newer = 0;

			for (uint32_t k = 0; k < 64; k++)
				newer += last[k] > last[i];
			/* a member: among the cap newest and not silent for a minute, and it did not leave earlier */
			if (last[i] != 0 && (newer >= cap || last[i] < now - 60000))
				last[i] = 0;
			ck_assert_int_eq(there(p, i), last[i] != 0);
			members += last[i] != 0;
		}
		ck_assert_uint_eq(pool_count(p), members);
		if (step % 5000 == 4999)
			ck_assert_int_eq(pool_present(p, pool_largest_minimum(p) + 3), 1);
	}
	pool_free(p);
}
END_TEST

/* No memory for a larger cap: the pool says so and goes on as it was. */
START_TEST(test_pool_nomem)
{
	struct pool *p;

	for (uint64_t n = 1; n <= 3; n++) {
		mem_fail_at(n);
		ck_assert_ptr_null(pool_new(WINDOW, 5));
	}
	mem_fail_at(0);
	p = pool_new(WINDOW, 5);
	touch(p, 1, NOW, 1);
	for (uint64_t n = 1; n <= 2; n++) {
		mem_fail_at(n);
		ck_assert_int_eq(pool_present(p, 25), MUSTER_E_NOMEM);
		mem_fail_at(0);
		ck_assert_uint_eq(pool_cap(p), 10);
		ck_assert(there(p, 1));
	}
	/* and once it has its room it asks for no more */
	mem_fail_at(0);
	for (uint32_t i = 0; i < 1000; i++)
		touch(p, i, NOW + i, i);
	ck_assert_uint_eq(mem_count(), 0);
	pool_free(p);
}
END_TEST

static void observe(struct pool *p, uint32_t from, uint32_t to, int64_t last)
{
	struct pool_observed m[64];
	size_t n = 0;

	memset(m, 0, sizeof m);
	for (uint32_t i = from; i < to; i++) {
		be32_put(m[n].client, i * 2654435761U);   /* in no order */
		m[n++].last = last + i;
	}
	ck_assert_int_eq(pool_observe(p, m, n), MUSTER_OK);
}

static uint32_t seen(uint32_t i) { return i * 2654435761U; }

static bool observed(const struct pool *p, uint32_t i)
{
	struct pool_member m = member(seen(i), 0, 0);

	return pool_is_observed(p, m.client);
}

/* Observed machines are no members: they push nobody out, are in no list, leave by age, and when they ask. */
START_TEST(test_pool_observed_machines)
{
	struct pool *p = pool_new(WINDOW, 5);
	struct order o = { .last = INT64_MAX };

	for (uint32_t i = 0; i < 10; i++)
		touch(p, seen(i), NOW - 20 * DAY + i, i + 1);
	observe(p, 5, 40, NOW);
	ck_assert_uint_eq(pool_count(p), 10);
	ck_assert_uint_eq(pool_observed(p), 30);   /* 5 … 9 are members */
	ck_assert(!observed(p, 9) && observed(p, 10) && observed(p, 39) && !observed(p, 40));
	pool_each(p, note, &o);
	ck_assert_uint_eq(o.n, 10);
	touch(p, seen(20), NOW + 100, 50);
	ck_assert(!observed(p, 20) && there(p, seen(20)));
	ck_assert_uint_eq(pool_observed(p), 29);
	ck_assert_uint_eq(pool_count(p), 10);
	/* the window passes for 10 … 14 */
	pool_age(p, NOW + 30 * DAY + 15);
	ck_assert(!observed(p, 14) && observed(p, 15));
	ck_assert_uint_eq(pool_observed(p), 24);
	ck_assert_uint_eq(pool_count(p), 1);
	/* a new list takes the place of the old one */
	observe(p, 0, 3, NOW + 20 * DAY);
	ck_assert_uint_eq(pool_observed(p), 3);
	ck_assert_int_eq(pool_observe(p, NULL, 0), MUSTER_OK);
	ck_assert_uint_eq(pool_observed(p), 0);
	pool_free(p);
}
END_TEST

/* The same client twice counts once, by its latest time; before any minimum was presented the list is kept all the same. */
START_TEST(test_pool_observed_twice)
{
	struct pool *p = pool_new(WINDOW, 0);
	struct pool_observed m[3];

	memset(m, 0, sizeof m);
	be32_put(m[0].client, 7);
	be32_put(m[1].client, 7);
	be32_put(m[2].client, 8);
	m[0].last = NOW - 40 * DAY;
	m[1].last = NOW;
	m[2].last = NOW;
	ck_assert_int_eq(pool_observe(p, m, 3), MUSTER_OK);
	pool_age(p, NOW);
	ck_assert_uint_eq(pool_observed(p), 2);
	ck_assert_int_eq(pool_present(p, 5), 1);
	ck_assert_uint_eq(pool_observed(p), 2);
	touch(p, 7, NOW, 1);
	ck_assert_uint_eq(pool_observed(p), 1);
	for (uint64_t n = 1; n <= 3; n++) {
		mem_fail_at(n);
		ck_assert_int_eq(pool_observe(p, m, 3), MUSTER_E_NOMEM);
		mem_fail_at(0);
		ck_assert_uint_eq(pool_observed(p), 1);
	}
	pool_free(p);
}
END_TEST

UNIT_MAIN("pool", test_pool_observed_machines, test_pool_observed_twice, test_pool_cap, test_pool_recency, test_pool_replay, test_pool_age, test_pool_replace, test_pool_model, test_pool_nomem)
