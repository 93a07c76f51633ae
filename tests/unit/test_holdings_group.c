/*
 * Groups of core/holdings: what one sees of itself, what a commit leaves in the store and in the sums when it fails, forgets or loses its answer, what is due,
 * and what is reserved. The rules are the fixture's own; the thread around them has test_holdings_group_thread.c.
 */
#include "tests/unit/holdings_group_fixture.h"

#include "core/base/bytes.h"
#include "core/base/mem.h"

/* ---- groups ---- */

LEDGER_TEST(test_holdings_group_sees_itself)
{
	struct holdings *h = held_open(f);
	struct holdings_group *g = held_begin(f, h);
	uint32_t generations[4];

	ck_assert_uint_eq(held_state(g, DEVICE(2), 1), 0);
	held_put(g, DEVICE(2), 1, HOLDINGS_TEMPORARY, NOW + DAY);
	ck_assert_uint_eq(held_state(g, DEVICE(2), 1), HOLDINGS_TEMPORARY);
	ck_assert_uint_eq(held_state(g, DEVICE(3), 1), 0);
	ck_assert_uint_eq(group_sum(g, PRODUCT, DEVICE(2), HOLDINGS_TEMPORARY), 1);
	held_put(g, DEVICE(2), 1, HOLDINGS_PERMANENT, NOW + DAY);
	ck_assert_uint_eq(group_sum(g, PRODUCT, DEVICE(2), HOLDINGS_TEMPORARY), 0);
	ck_assert_uint_eq(group_sum(g, PRODUCT, DEVICE(2), HOLDINGS_PERMANENT), 1);
	ck_assert_uint_eq(group_sum(g, PRODUCT + 1, DEVICE(2), HOLDINGS_PERMANENT), 0);
	held_put(g, DEVICE(3), 2, HOLDINGS_TEMPORARY, NOW + DAY);
	held_drop(g, DEVICE(3), 2);
	held_drop(g, DEVICE(3), 2);
	ck_assert_uint_eq(group_sum(g, PRODUCT, DEVICE(3), HOLDINGS_TEMPORARY), 0);
	held_put(g, DEVICE(9), 3, HOLDINGS_TEMPORARY, NOW + DAY);
	ck_assert_uint_eq(group_generations(g, PRODUCT, HOLDINGS_DEVICE, generations, 4), 2);
	ck_assert(generations[0] == 2 && generations[1] == 9);
	held_commit(g);
	ck_assert_uint_eq(held_stored(f, DEVICE(2), HOLDINGS_PERMANENT), 1);
	ck_assert_uint_eq(held_stored(f, DEVICE(3), HOLDINGS_TEMPORARY), 0);
	g = held_begin(f, h);
	ck_assert_uint_eq(group_generations(g, PRODUCT, HOLDINGS_DEVICE, generations, 4), 2);
	ck_assert(generations[0] == 2 && generations[1] == 9);
	ck_assert_uint_eq(group_generations(g, PRODUCT, HOLDINGS_DEVICE, generations, 1), 1);
	ck_assert_uint_eq(generations[0], 2);
	held_put(g, DEVICE(1), 3, HOLDINGS_TEMPORARY, NOW + DAY);
	ck_assert_uint_eq(group_generations(g, PRODUCT, HOLDINGS_DEVICE, generations, 4), 3);
	ck_assert(generations[0] == 1 && generations[1] == 2 && generations[2] == 9);
	/* dropped: it never was */
	group_drop(g);
	ck_assert_uint_eq(held_sum(h, DEVICE(1), HOLDINGS_TEMPORARY), 0);
	g = held_begin(f, h);
	ck_assert_uint_eq(held_state(g, DEVICE(1), 3), 0);
	held_drop(g, DEVICE(2), 1);
	ck_assert_uint_eq(held_state(g, DEVICE(2), 1), 0);
	held_commit(g);
	ck_assert_uint_eq(held_sum(h, DEVICE(2), HOLDINGS_PERMANENT), 0);
	ck_assert_uint_eq(held_stored(f, DEVICE(2), HOLDINGS_PERMANENT), 0);
	holdings_free(h);
}

/* What was given out is known after a restart. */
LEDGER_TEST(test_holdings_group_restart)
{
	struct holdings *h = held_open(f);
	struct holdings_group *g = held_begin(f, h);
	struct muster_err err = { 0 };

	for (uint32_t i = 0; i < 300; i++)
		held_put(g, i % 3 == 0 ? SEAT : DEVICE(i % 2), i, i % 3 == 0 ? HOLDINGS_OUT : HOLDINGS_PERMANENT, NOW + 10 * DAY);
	ck_assert_int_eq(group_journal(g, "0 root", HOLDINGS_J_REVOKE, "office", "taken back", &err), MUSTER_OK);
	held_commit(g);
	holdings_free(h);
	fix_restart(f);
	h = held_open(f);
	ck_assert_uint_eq(held_sum(h, SEAT, HOLDINGS_OUT), 100);
	ck_assert_uint_eq(held_sum(h, DEVICE(0), HOLDINGS_PERMANENT), 100);
	ck_assert_uint_eq(held_sum(h, DEVICE(1), HOLDINGS_PERMANENT), 100);
	g = held_begin(f, h);
	ck_assert_uint_eq(held_state(g, SEAT, 297), HOLDINGS_OUT);
	group_drop(g);
	holdings_free(h);
}

static int no_more(void *ctx, const struct store_journal *j)
{
	unsigned *n = ctx;

	*n += j->kind == HOLDINGS_J_REVOKE;
	return 0;
}

static unsigned journal_rows(struct fix *f)
{
	struct muster_err err = { 0 };
	unsigned n = 0;

	ck_assert_int_eq(ledger_journal(f->l, 0, STORE_PAGE_MAX, no_more, &n, &err), MUSTER_OK);
	return n;
}

/* A commit that did not happen leaves rows, sums and journal as they were, whoever says so. */
MEMORY_TEST(test_holdings_group_fault)
{
	static const struct { enum store_memory_fault fault; int result; bool done; } cases[] = {
		{ STORE_MEMORY_FAIL, MUSTER_E_IO, false }, { STORE_MEMORY_FULL, MUSTER_E_LIMIT, false },
		{ STORE_MEMORY_FORGET, MUSTER_E_UNKNOWN, false }, { STORE_MEMORY_LOSE_ANSWER, MUSTER_E_UNKNOWN, true },
	};
	struct holdings *h = held_open(f);
	struct holdings_group *g = held_begin(f, h);
	uint32_t next = 1;
	uint64_t have = 1;
	unsigned rows = 0;

	held_put(g, SEAT, 0, HOLDINGS_OUT, NOW + DAY);
	held_commit(g);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned before = atomic_load(&held_forgotten);
		struct muster_err err = { 0 };
		uint64_t there = held_sum(h, SEAT, HOLDINGS_ENDING);

		fix_settle(f);
		g = held_begin(f, h);
		held_put(g, SEAT, next, HOLDINGS_OUT, NOW + DAY);
		held_put(g, SEAT, 0, HOLDINGS_ENDING, NOW + DAY);
		ck_assert_int_eq(group_journal(g, "0 root", HOLDINGS_J_REVOKE, "office", "taken back", &err), MUSTER_OK);
		store_memory_fault(f->memory, true, 0, cases[i].fault);
		ck_assert_int_eq(group_commit(g, &err), cases[i].result);
		ck_assert_uint_eq(atomic_load(&held_forgotten), before + 1);
		if (cases[i].done) {
			have = 1;   /* the new one; the first is ending */
			rows++;
			there = 1;
		}
		ck_assert_uint_eq(held_sum(h, SEAT, HOLDINGS_OUT), have);
		ck_assert_uint_eq(held_sum(h, SEAT, HOLDINGS_ENDING), there);
		ck_assert_uint_eq(held_stored(f, SEAT, HOLDINGS_OUT), have);
		ck_assert_uint_eq(held_stored(f, SEAT, HOLDINGS_ENDING), there);
		ck_assert_uint_eq(journal_rows(f), rows);
		next++;
	}
	/* and it goes on */
	g = held_begin(f, h);
	held_put(g, SEAT, 0, HOLDINGS_OUT, NOW + DAY);
	held_commit(g);
	ck_assert_uint_eq(held_sum(h, SEAT, HOLDINGS_OUT), 2);
	ck_assert_uint_eq(held_sum(h, SEAT, HOLDINGS_ENDING), 0);
	holdings_free(h);
}

/* A year of changes in a minute: whatever commits do, sums are what the rows say. */
MEMORY_TEST(test_holdings_group_random)
{
	static const uint32_t states[] = { HOLDINGS_TEMPORARY, HOLDINGS_PERMANENT, HOLDINGS_ENDED };
	struct holdings *h = held_open(f);
	uint64_t x = 88172645463325252ULL;

	for (int round = 0; round < 200; round++) {
		struct holdings_group *g = held_begin(f, h);
		struct muster_err err = { 0 };

		for (int i = 0; i < 40; i++) {
			uint32_t id, class_;

			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			id = (uint32_t)(x >> 40) % 100;
			class_ = DEVICE((uint32_t)(x >> 32) % 2);
			if ((x >> 20) % 4 == 0)
				held_drop(g, class_, id);
			else
				held_put(g, class_, id, states[(x >> 24) % 3], INT64_MAX);
		}
		if (round % 5 < 4)
			store_memory_fault(f->memory, true, 0, round % 5 == 0 ? STORE_MEMORY_FAIL : round % 5 == 1 ? STORE_MEMORY_FORGET : round % 5 == 2 ? STORE_MEMORY_LOSE_ANSWER :
			                   STORE_MEMORY_OK);
		if (round % 7 == 6)
			group_drop(g);
		else
			(void)group_commit(g, &err);
		store_memory_fault(f->memory, true, 0, STORE_MEMORY_OK);
		for (uint32_t generation = 0; generation < 2; generation++)
			for (size_t s = 0; s < 3; s++)
				ck_assert_uint_eq(held_sum(h, DEVICE(generation), states[s]), held_stored(f, DEVICE(generation), states[s]));
	}
	holdings_free(h);
}

/* Many at once: the table of a group grows with it, up to its limit. */
MEMORY_TEST(test_holdings_group_large)
{
	struct holdings *h = held_open(f);
	struct holdings_group *g = held_begin(f, h);

	for (uint32_t i = 0; i < 16384; i++)
		held_put(g, SEAT, i, HOLDINGS_OUT, NOW + DAY);
	ck_assert_int_eq(held_try_put(g, SEAT, 16384, HOLDINGS_OUT, NOW + DAY), MUSTER_E_LIMIT);
	ck_assert_uint_eq(group_sum(g, PRODUCT, SEAT, HOLDINGS_OUT), 16384);
	for (uint32_t i = 0; i < 16384; i++)
		ck_assert_uint_eq(held_state(g, SEAT, i), HOLDINGS_OUT);
	held_commit(g);
	ck_assert_uint_eq(held_sum(h, SEAT, HOLDINGS_OUT), 16384);
	holdings_free(h);
}

/* Every allocation fails once: the group is done or it is not, and sums say what the rows say. */
MEMORY_TEST(test_holdings_group_memory)
{
	struct holdings *h = held_open(f);
	unsigned failed = 0, in_a_row = 0;

	fix_settle(f);
	for (uint64_t n = 1; in_a_row < 10; n++) {
		struct holdings_group *g = NULL;
		struct muster_err err = { 0 };
		int r;

		mem_fail_at(n);
		r = group_begin(&g, h, holdings_now(h), &err);
		for (uint32_t i = 0; i < 100 && r == MUSTER_OK; i++)
			r = held_try_put(g, i % 2 == 0 ? SEAT : DEVICE(i % 9), i, (n + i) % 3 == 0 ? HOLDINGS_PERMANENT : HOLDINGS_TEMPORARY, INT64_MAX);
		if (r == MUSTER_OK)
			r = group_journal(g, "0 root", HOLDINGS_J_REVOKE, "office", "taken back", &err);
		if (r == MUSTER_OK)
			r = group_commit(g, &err);
		else
			group_drop(g);
		mem_fail_at(0);
		ck_assert_msg(r == MUSTER_OK || r == MUSTER_E_NOMEM, "%d %s", r, err.message);
		failed += r != MUSTER_OK;
		in_a_row = r == MUSTER_OK ? in_a_row + 1 : 0;
		for (uint32_t generation = 0; generation < 9; generation++)
			ck_assert_uint_eq(held_sum(h, DEVICE(generation), HOLDINGS_PERMANENT), held_stored(f, DEVICE(generation), HOLDINGS_PERMANENT));
		ck_assert_uint_eq(held_sum(h, SEAT, HOLDINGS_PERMANENT), held_stored(f, SEAT, HOLDINGS_PERMANENT));
		ck_assert_uint_eq(held_sum(h, SEAT, HOLDINGS_TEMPORARY), held_stored(f, SEAT, HOLDINGS_TEMPORARY));
	}
	ck_assert_uint_ge(failed, 5);
	holdings_free(h);
}

/* ---- what is due ---- */

LEDGER_TEST(test_holdings_group_due)
{
	struct holdings *h = held_open(f);
	struct holdings_group *g = held_begin(f, h);
	unsigned before = atomic_load(&held_given_back);

	for (uint32_t i = 0; i < 600; i++)
		held_put(g, SEAT, i, HOLDINGS_OUT, NOW + HOUR + i);
	held_put(g, DEVICE(1), 1, HOLDINGS_TEMPORARY, NOW + 2 * HOUR);
	held_put(g, DEVICE(1), 2, HOLDINGS_PERMANENT, INT64_MAX);
	held_commit(g);
	fix_advance(f, HOUR - 1);
	held_commit(held_begin(f, h));
	ck_assert_uint_eq(atomic_load(&held_given_back), before);
	fix_advance(f, 600);
	/* in slices, the next one at once */
	held_commit(held_begin(f, h));
	ck_assert(h->due_more);
	ck_assert_uint_eq(held_stored(f, SEAT, HOLDINGS_OUT), 600 - 256);
	held_commit(held_begin(f, h));
	ck_assert(h->due_more);
	held_commit(held_begin(f, h));
	ck_assert(!h->due_more);
	ck_assert_uint_eq(held_sum(h, SEAT, HOLDINGS_OUT), 0);
	ck_assert_uint_eq(atomic_load(&held_given_back), before + 600);
	fix_advance(f, HOUR);
	held_commit(held_begin(f, h));
	ck_assert_uint_eq(held_sum(h, DEVICE(1), HOLDINGS_TEMPORARY), 0);
	ck_assert_uint_eq(held_sum(h, DEVICE(1), HOLDINGS_ENDED), 1);
	ck_assert_uint_eq(held_sum(h, DEVICE(1), HOLDINGS_PERMANENT), 1);
	held_commit(held_begin(f, h));
	ck_assert_uint_eq(atomic_load(&held_given_back), before + 601);
	holdings_free(h);
}

/* Rows that stay due do not hide the ones behind them. */
LEDGER_TEST(test_holdings_group_due_stays)
{
	struct holdings *h = held_open(f);
	struct holdings_group *g = held_begin(f, h);

	for (uint32_t i = 0; i < 256; i++)
		held_put(g, DEVICE(1), i, HOLDINGS_TEMPORARY, NOW + HOUR);
	for (uint32_t i = 0; i < 10; i++)
		held_put(g, SEAT, i, HOLDINGS_OUT, NOW + 2 * HOUR);
	held_commit(g);
	fix_advance(f, 3 * HOUR);
	held_stay = true;
	held_commit(held_begin(f, h));
	ck_assert_uint_eq(held_sum(h, SEAT, HOLDINGS_OUT), 10);   /* the whole slice stayed */
	held_commit(held_begin(f, h));
	held_stay = false;
	ck_assert_uint_eq(held_stored(f, SEAT, HOLDINGS_OUT), 0);
	holdings_free(h);
}

/* While the host's clock is not believed nothing is given back, however far ahead it says it is. */
MEMORY_TEST(test_holdings_group_clock)
{
	struct holdings *h = held_open(f);
	struct holdings_group *g = held_begin(f, h);

	held_put(g, SEAT, 1, HOLDINGS_OUT, NOW + HOUR);
	held_commit(g);
	f->clock.wall += 3 * DAY;
	held_commit(held_begin(f, h));
	ck_assert_uint_eq(held_sum(h, SEAT, HOLDINGS_OUT), 1);
	holdings_free(h);
}

/* ---- reservations ---- */

static struct holdings_request machine(const struct catalog_product *p, uint8_t client, uint8_t network)
{
	struct holdings_request r = { .product = p, .client = { client }, .addr = { network }, .addr_len = 4, .name = "" };

	return r;
}

static uint64_t kept(struct holdings_group *g, const struct holdings_request *r)
{
	return holdings_reserved_for_others(g, r->product, HOLDINGS_SEAT, r);
}

static void take_seat(struct holdings_group *g, uint32_t product, const struct holdings_request *r, uint32_t state)
{
	struct store_holding row = { .product = product, .class_ = SEAT, .holder_n = 16, .state = state, .until = NOW + DAY };
	struct muster_err err = { 0 };

	memcpy(row.holder, r->client, 16);
	memcpy(row.client, r->client, 16);
	group_ask(g, r);
	ck_assert_int_eq(group_put(g, &row, &err), MUSTER_OK);
	group_ask(g, NULL);
}

/* What is reserved and not used is kept from others; a row remembers by what address its holder had it, over restarts, failed commits and reloads. */
MEMORY_TEST(test_holdings_reserved)
{
	static const struct catalog_claim lab = { .kind = CATALOG_CLAIM_NETWORK, .network = { 10 } }, boss = { .kind = CATALOG_CLAIM_CLIENT, .client = { 1 } };
	static const struct catalog_reservation reservations[] = { { .name = "lab", .count = 2, .claims = &lab, .claim_count = 1 },
	                                                           { .name = "boss", .count = 1, .claims = &boss, .claim_count = 1 } };
	struct catalog_product *p = (struct catalog_product *)(uintptr_t)fix_product(f, UNCOUNTED);
	struct holdings_request one = machine(p, 1, 192), two = machine(p, 2, 10), three = machine(p, 3, 10), four = machine(p, 4, 10), any = machine(p, 9, 192);
	struct muster_err err = { 0 };
	struct holdings_group *g;
	struct holdings *h;
	uint32_t product;

	p->row.model = MUSTER_MODEL_SEATS;
	p->reservations = reservations;
	p->reservation_count = 2;
	h = held_open(f);
	product = holdings_number(h, p);
	g = held_begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 3);
	ck_assert_uint_eq(kept(g, &one), 2);
	ck_assert_uint_eq(kept(g, &two), 1);
	take_seat(g, product, &two, HOLDINGS_OUT);
	ck_assert_uint_eq(kept(g, &any), 2);
	take_seat(g, product, &two, HOLDINGS_OUT);
	take_seat(g, product, &one, HOLDINGS_OUT);
	ck_assert_uint_eq(kept(g, &any), 1);
	take_seat(g, product, &any, HOLDINGS_OUT);
	ck_assert_uint_eq(kept(g, &any), 1);
	group_drop(g);
	g = held_begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 3);
	take_seat(g, product, &two, HOLDINGS_OUT);
	take_seat(g, product, &three, HOLDINGS_OUT);
	held_commit(g);
	g = held_begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 1);
	/* beyond the reservation they are like any other, and beyond the number of seats they use none of it */
	take_seat(g, product, &four, HOLDINGS_OUT);
	take_seat(g, product, &one, HOLDINGS_OUT_OVER);
	ck_assert_uint_eq(kept(g, &any), 1);
	take_seat(g, product, &one, HOLDINGS_OUT);
	ck_assert_uint_eq(kept(g, &any), 0);
	store_memory_fault(f->memory, true, 0, STORE_MEMORY_FAIL);
	ck_assert_int_eq(group_commit(g, &err), MUSTER_E_IO);
	g = held_begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 1);
	take_seat(g, product, &one, HOLDINGS_OUT);
	store_memory_fault(f->memory, true, 0, STORE_MEMORY_LOSE_ANSWER);
	ck_assert_int_eq(group_commit(g, &err), MUSTER_E_UNKNOWN);
	g = held_begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 0);
	group_drop(g);
	holdings_free(h);
	h = held_open(f);
	g = held_begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 0);
	ck_assert_int_eq(group_delete(g, product, SEAT, span_of(three.client, 16), &err), MUSTER_OK);
	ck_assert_uint_eq(kept(g, &any), 1);
	ck_assert_int_eq(group_delete(g, product, SEAT, span_of(three.client, 16), &err), MUSTER_OK);
	ck_assert_uint_eq(kept(g, &any), 1);
	held_commit(g);
	/* a reload without the first: who had it has none */
	p->reservations = reservations + 1;
	p->reservation_count = 1;
	ck_assert_int_eq(holdings_bind(h, f->catalog, &err), MUSTER_OK);
	g = held_begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 0);
	ck_assert_int_eq(group_delete(g, product, SEAT, span_of(one.client, 16), &err), MUSTER_OK);
	ck_assert_uint_eq(kept(g, &any), 1);
	group_drop(g);
	holdings_free(h);
}

UNIT_MAIN("holdings_group", test_holdings_group_sees_itself, test_holdings_group_restart, test_holdings_group_fault, test_holdings_group_random, test_holdings_group_large, test_holdings_group_memory,
          test_holdings_group_due, test_holdings_group_due_stays, test_holdings_group_clock, test_holdings_reserved)
