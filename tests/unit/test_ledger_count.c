/* The threshold model through the whole ledger: counted, granted, aged, released. Numbers: facts.md section 1. Both stores. */
#include "tests/unit/ledger_fixture.h"

/* 24 Windows machines are all counted and none activated; the 25th is, by its own request, and then each of them. */
LEDGER_TEST(test_ledger_windows)
{
	struct ask a;

	for (uint32_t i = 1; i <= 24; i++) {
		ask_init(f, &a, WINDOWS, i);
		ask_go(f, &a);
		ck_assert_code(a.r.code, CODE_COUNT_LOW);
		ck_assert_uint_eq(a.r.count, i);
		ck_assert_uint_eq(a.r.minimum, 25);
		ck_assert_int_eq(a.r.expires, 0);
		ask_fini(&a);
	}
	ask_init(f, &a, WINDOWS, 25);
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_OK);
	ck_assert_uint_eq(a.r.count, 25);
	ck_assert_int_eq(a.r.expires, NOW + 180 * DAY);
	ck_assert_int_eq(a.r.at, NOW);
	ask_fini(&a);
	for (uint32_t i = 1; i <= 24; i++)
		ck_assert_code(ask_code(f, WINDOWS, i), CODE_OK);
	ck_assert_uint_eq(fix_count(f, WINDOWS).current, 25);
	ck_assert_uint_eq(fix_count(f, WINDOWS).cap, 50);
	ck_assert_uint_eq(fix_clients(f), 25);
}

/* Office: four are counted, the fifth is activated; each version counts apart. */
LEDGER_TEST(test_ledger_office)
{
	for (uint32_t i = 1; i <= 4; i++) {
		ck_assert_code(ask_code(f, OFFICE2010, i), CODE_COUNT_LOW);
		ck_assert_code(ask_code(f, OFFICE2013, i), CODE_COUNT_LOW);
	}
	ck_assert_uint_eq(fix_count(f, OFFICE2010).current, 4);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 4);
	ck_assert_code(ask_code(f, OFFICE2013, 5), CODE_OK);
	ck_assert_uint_eq(fix_count(f, OFFICE2010).current, 4);
	ck_assert_code(ask_code(f, OFFICE2010, 1), CODE_COUNT_LOW);
	ck_assert_code(ask_code(f, OFFICE2010, 6), CODE_OK);
}

static void hand_over(struct fix *f, enum fix_product product, uint32_t from, uint32_t to, int64_t last)
{
	struct pool_observed m[64];
	struct muster_err err = { 0 };
	size_t n = 0;

	memset(m, 0, sizeof m);
	for (uint32_t i = from; i < to; i++) {
		fix_client_id(m[n].client, i);
		m[n++].last = last;
	}
	ck_assert_int_eq(ledger_observe(f->l, fix_product(f, product)->pool, m, n, &err), MUSTER_OK);
}

/* Machines known from imports count for a product that says so, each once, by their own age, up to the cap; for others of the same pool they do not. */
LEDGER_TEST(test_ledger_observed)
{
	struct ask a[4];

	((struct catalog_product *)(uintptr_t)fix_product(f, WINDOWS))->count_observed = true;
	hand_over(f, WINDOWS, 1, 25, NOW - 29 * DAY);
	ck_assert_code(ask_code(f, SERVER, 200), CODE_COUNT_LOW);
	ck_assert_uint_eq(fix_count(f, SERVER).current, 1);
	ck_assert_uint_eq(fix_count(f, SERVER).observed, 24);
	/* one group: two that were observed and two that were not; 24 and the server's 25 at least */
	for (uint32_t i = 0; i < 4; i++)
		ask_init(f, &a[i], WINDOWS, i < 2 ? i + 1 : 300 + i);
	for (uint32_t i = 0; i < 4; i++)
		ask_submit(f, &a[i]);
	for (uint32_t i = 0; i < 4; i++) {
		ask_wait(&a[i]);
		ck_assert_code(a[i].r.code, CODE_OK);
		ck_assert_uint_eq(a[i].r.count, i < 2 ? 25 : 24 + i);
		ask_fini(&a[i]);
	}
	ck_assert_uint_eq(fix_count(f, WINDOWS).current, 5);
	ck_assert_uint_eq(fix_count(f, WINDOWS).observed, 22);
	ck_assert_uint_eq(fix_clients(f), 5);
	/* two days later those that did not ask themselves are too long silent */
	fix_advance(f, 2 * DAY);
	ck_assert_code(ask_code(f, WINDOWS, 400), CODE_COUNT_LOW);
	ck_assert_uint_eq(fix_count(f, WINDOWS).observed, 0);
	/* never more than the cap */
	hand_over(f, WINDOWS, 1000, 1060, NOW);
	ask_init(f, &a[0], WINDOWS, 401);
	ask_go(f, &a[0]);
	ck_assert_uint_eq(a[0].r.count, 50);
	ask_fini(&a[0]);
	/* who asked here since it was observed and released then is counted no more, however often it is handed over; observed anew it is */
	ck_assert_code(ask_release(f, WINDOWS, 401), CODE_OK);
	fix_settle(f);
	hand_over(f, WINDOWS, 400, 402, NOW);
	ck_assert_uint_eq(fix_count(f, WINDOWS).observed, 0);
	hand_over(f, WINDOWS, 401, 402, NOW + 3 * DAY);
	ck_assert_uint_eq(fix_count(f, WINDOWS).observed, 1);
	ask_code(f, WINDOWS, 401);
	/* nothing of them is written: after a restart only who asked is there */
	fix_restart(f);
	ck_assert_uint_eq(fix_count(f, WINDOWS).observed, 0);
	ck_assert_uint_eq(fix_count(f, WINDOWS).current, 7);
}

/* Servers and clients feed one count: 20 servers and 5 clients make 25. The cap is 10 until a Windows client has asked, then 50,
 * and those who did not fit before are fetched from the state. */
LEDGER_TEST(test_ledger_shared_pool)
{
	for (uint32_t i = 1; i <= 20; i++)
		ck_assert_code(ask_code(f, SERVER, i), i < 5 ? LOW : CODE_OK);
	ck_assert_uint_eq(fix_count(f, SERVER).current, 10);
	ck_assert_uint_eq(fix_count(f, SERVER).cap, 10);
	ck_assert_code(ask_code(f, WINDOWS, 101), CODE_COUNT_LOW);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, WINDOWS).cap, 50);
	ck_assert_uint_eq(fix_count(f, WINDOWS).current, 21);
	for (uint32_t i = 102; i <= 104; i++)
		ck_assert_code(ask_code(f, WINDOWS, i), CODE_COUNT_LOW);
	ck_assert_code(ask_code(f, WINDOWS, 105), CODE_OK);
	ck_assert_uint_eq(fix_count(f, SERVER).current, 25);
}

/* Worked case: 6 servers and 20 clients, all activated. Four clients fall silent for 30 days: 22, no new Windows client is
 * activated, new servers still are. */
LEDGER_TEST(test_ledger_worked_case)
{
	for (uint32_t i = 1; i <= 6; i++)
		ask_code(f, SERVER, i);
	for (uint32_t i = 101; i <= 120; i++)
		ask_code(f, WINDOWS, i);
	fix_settle(f);
	for (uint32_t i = 101; i <= 120; i++)
		ck_assert_code(ask_code(f, WINDOWS, i), CODE_OK);
	ck_assert_uint_eq(fix_count(f, WINDOWS).current, 26);
	for (int week = 1; week <= 4; week++) {
		fix_advance(f, 7 * DAY);
		for (uint32_t i = 1; i <= 6; i++)
			ck_assert_code(ask_code(f, SERVER, i), CODE_OK);
		for (uint32_t i = 101; i <= 116; i++)
			ck_assert_code(ask_code(f, WINDOWS, i), CODE_OK);
	}
	ck_assert_uint_eq(fix_count(f, WINDOWS).current, 26);
	fix_advance(f, 2 * DAY + 1);
	ck_assert_uint_eq(fix_count(f, WINDOWS).current, 22);
	ck_assert_code(ask_code(f, WINDOWS, 130), CODE_COUNT_LOW);
	ck_assert_code(ask_code(f, SERVER, 7), CODE_OK);
}

/* What is left of a pool when those that are silent stay silent; whoever was heard from lately is thought to come again. */
LEDGER_TEST(test_ledger_forecast)
{
	static const uint32_t days[] = { 0, 3, 9, 10, 14, 40 };
	const struct catalog_pool *pool = fix_product(f, OFFICE2013)->pool;
	struct ledger_status st;
	uint32_t counts[6];

	ck_assert_uint_eq(ledger_pool_forecast(f->l, pool, 11 * 86400, false, days, counts, 6), 0);
	ck_assert_uint_eq(counts[0] + counts[5], 0);
	ledger_status(f->l, &st);
	ck_assert_int_eq(st.last_request, 0);
	ck_assert_uint_eq(ledger_clones(f->l), 0);
	for (uint32_t i = 1; i <= 3; i++)
		ask_code(f, OFFICE2013, i);
	fix_advance(f, 7 * DAY);
	for (uint32_t i = 4; i <= 5; i++)
		ask_code(f, OFFICE2013, i);
	fix_advance(f, 14 * DAY);
	ask_code(f, OFFICE2013, 6);
	/* Day 21: three leave after day 30, two after day 37, the sixth is not silent. */
	ck_assert_uint_eq(ledger_pool_forecast(f->l, pool, 11 * 86400, false, days, counts, 6), 5);
	ck_assert_uint_eq(counts[0], 6);
	ck_assert_uint_eq(counts[1], 6);
	ck_assert_uint_eq(counts[2], 6);
	ck_assert_uint_eq(counts[3], 3);
	ck_assert_uint_eq(counts[4], 3);
	ck_assert_uint_eq(counts[5], 1);
	/* One known from imports only, silent like the first three: counted where the product says so. */
	{
		struct pool_observed seen = { .last = NOW };

		fix_client_id(seen.client, 77);
		ck_assert_int_eq(ledger_observe(f->l, pool, &seen, 1, NULL), MUSTER_OK);
		ck_assert_uint_eq(ledger_pool_forecast(f->l, pool, 11 * 86400, true, days, counts, 6), 6);
		ck_assert_uint_eq(counts[2], 7);
		ck_assert_uint_eq(counts[3], 3);
		ck_assert_uint_eq(ledger_pool_forecast(f->l, pool, 11 * 86400, false, days, counts, 6), 5);
		ck_assert_uint_eq(counts[2], 6);
	}
	/* What it says of day 10 is so on that day. */
	ledger_status(f->l, &st);
	ck_assert_int_eq(st.last_request, NOW + 21 * DAY);
	fix_advance(f, 9 * DAY);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 6);
	fix_advance(f, DAY);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 3);
	/* The fold and a restart keep when a machine asked last. */
	fix_settle(f);
	fix_restart(f);
	ledger_status(f->l, &st);
	ck_assert_int_eq(st.last_request, NOW + 21 * DAY);
}

/* A fleet of 1,000 of which six release: the count stays 10, and machines unknown so far are activated. */
LEDGER_TEST(test_ledger_release)
{
	struct ledger_count c;

	for (uint32_t i = 1; i <= 1000; i++)
		ask_code(f, OFFICE2013, i);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 10);
	for (uint32_t i = 995; i <= 1000; i++)
		ck_assert_code(ask_release(f, OFFICE2013, i), CODE_OK);
	c = fix_count(f, OFFICE2013);
	ck_assert_uint_eq(c.current, 10);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 10);
	ck_assert_code(ask_code(f, OFFICE2013, 2000), CODE_OK);
	ck_assert_uint_eq(fix_clients(f), 1001);
}

/* Below the cap a release lowers the count: five machines of which one released are four, and a sixth makes five again. */
LEDGER_TEST(test_ledger_release_small)
{
	struct store_use u;

	for (uint32_t i = 1; i <= 5; i++)
		ask_code(f, OFFICE2013, i);
	ck_assert_code(ask_release(f, OFFICE2013, 3), CODE_OK);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 4);
	ck_assert(fix_client(f, 3, OFFICE2013, &u));
	ck_assert(u.flags & STORE_F_RELEASED);
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_COUNT_LOW);
	ck_assert_code(ask_code(f, OFFICE2013, 3), CODE_OK);
	ck_assert(fix_client(f, 3, OFFICE2013, &u));
	ck_assert((u.flags & STORE_F_RELEASED) == 0);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
	/* released, and a restart before it was folded */
	ck_assert_code(ask_release(f, OFFICE2013, 4), CODE_OK);
	fix_restart(f);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 4);
}

/* A machine with two products of one pool counts once; releasing one of them leaves it in the count. */
LEDGER_TEST(test_ledger_two_products)
{
	ask_code(f, SERVER, 1);
	ask_code(f, WINDOWS, 1);
	ask_code(f, SERVER, 2);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, SERVER).current, 2);
	ck_assert_code(ask_release(f, WINDOWS, 1), CODE_OK);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, SERVER).current, 2);
	ck_assert_code(ask_release(f, SERVER, 1), CODE_OK);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, SERVER).current, 1);
}

/* Virtual and physical machines count alike and are shown apart, also after a restart. */
LEDGER_TEST(test_ledger_virtual)
{
	struct ledger_count c;

	for (uint32_t i = 1; i <= 6; i++)
		ask_code(f, OFFICE2013, i);
	for (int i = 0; i < 2; i++) {
		c = fix_count(f, OFFICE2013);
		ck_assert_uint_eq(c.current, 6);
		ck_assert_uint_eq(c.virtual_, 2);
		ck_assert_uint_eq(c.physical, 4);
		fix_settle(f);
		fix_restart(f);
	}
}

/* Before the host holds a certificate machines are counted and logged, and told so; once it does, the count is there. */
LEDGER_TEST(test_ledger_not_certified)
{
	struct ask a;

	for (uint32_t i = 1; i <= 5; i++) {
		ask_init(f, &a, OFFICE2013, i);
		a.r.certified = false;
		ask_go(f, &a);
		ck_assert_code(a.r.code, CODE_HOST_NOT_ACTIVATED);
		ck_assert_uint_eq(a.r.count, i);
		ask_fini(&a);
	}
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).total, 5);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).failed, 0);
	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_OK);
}

/* The largest minimum presented lives on through the fold and through the replay of what was not folded. */
LEDGER_TEST(test_ledger_largest_minimum)
{
	ask_code(f, SERVER, 1);
	ask_code(f, WINDOWS, 2);
	fix_restart(f);
	ck_assert_uint_eq(fix_count(f, SERVER).cap, 50);
	fix_settle(f);
	fix_restart(f);
	ck_assert_uint_eq(fix_count(f, SERVER).cap, 50);
	ck_assert_uint_eq(fix_count(f, SERVER).largest_minimum, 25);
	ck_assert_uint_eq(fix_count(f, SERVER).current, 2);
}

/* A product that a reload moves to another pool takes its machines along. */
LEDGER_TEST(test_ledger_moved)
{
	struct muster_err err;
	struct catalog *before = f->catalog;

	for (uint32_t i = 1; i <= 4; i++)
		ask_code(f, OFFICE2010, i);
	for (uint32_t i = 11; i <= 13; i++)
		ask_code(f, OFFICE2013, i);
	f->catalog = fix_catalog_moved(OFFICE2010, 2);
	ck_assert_int_eq(ledger_bind(f->l, f->catalog, &err), MUSTER_OK);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 7);
	ck_assert_code(ask_code(f, OFFICE2010, 1), CODE_OK);
	/* a request checked with the old catalog is still served, until that is long gone */
	{
		struct ask a;

		ask_init(f, &a, OFFICE2010, 2);
		a.r.catalog = before;
		a.r.edition = fix_edition(&(struct fix){ .catalog = before }, OFFICE2010);
		ask_go(f, &a);
		ck_assert_code(a.r.code, CODE_OK);
		ask_fini(&a);
	}
	catalog_unref(before);
	fix_restart(f);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 7);
}

UNIT_MAIN("ledger_count", test_ledger_windows, test_ledger_office, test_ledger_observed, test_ledger_shared_pool, test_ledger_worked_case, test_ledger_forecast, test_ledger_release,
          test_ledger_release_small, test_ledger_two_products, test_ledger_virtual, test_ledger_not_certified, test_ledger_largest_minimum,
          test_ledger_moved)
