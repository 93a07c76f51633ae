/*
 * Groups of core/holdings: what one sees of itself, what a commit leaves in the store and in the sums when it fails, forgets or loses its answer, what is due,
 * and the thread around it. The rules are the test's own.
 */
#include "tests/unit/ledger_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/holdings/internal.h"
#include "core/trust/product_key.h"

#define PRODUCT 7U
#define DEVICE(generation) HOLDINGS_CLASS(HOLDINGS_DEVICE, generation)
#define SEAT HOLDINGS_CLASS(HOLDINGS_SEAT, 0)

/* ---- the rules of this test: access rows end, seats get an hour of grace first; a request takes what it can ---- */

static atomic_uint forgotten, given_back;
static atomic_bool stay;

struct holdings_rules { int unused; };
struct holdings_rules *rules_new(void) { return calloc(1, sizeof(struct holdings_rules)); }
void rules_free(struct holdings_rules *m) { free(m); }
void rules_forget(struct holdings_rules *m) { ck_assert_ptr_nonnull(m); forgotten++; }

int access_due(struct holdings *h, struct holdings_group *g, const struct store_holding *row, struct muster_err *err)
{
	struct store_holding ended = *row;

	(void)h;
	if (atomic_load(&stay))
		return MUSTER_OK;
	given_back++;
	ended.state = HOLDINGS_ENDED;
	ended.until = INT64_MAX;
	return group_put(g, &ended, err);
}

int seats_due(struct holdings *h, struct holdings_group *g, const struct store_holding *row, struct muster_err *err)
{
	(void)h;
	given_back++;
	return group_delete(g, row->product, row->class_, span_of(row->holder, row->holder_n), err);
}

/* One of ten, or refused. */
static void take_one(struct holdings *h, struct holdings_group *g, struct holdings_request *r)
{
	struct store_holding row = { .product = holdings_number(h, r->product), .class_ = SEAT, .holder_n = 16, .state = HOLDINGS_OUT };
	struct muster_err err = { 0 };
	int result = group_get(g, row.product, SEAT, span_of(r->client, 16), &row, &err);

	if (result == MUSTER_E_NOT_FOUND && group_sum(g, row.product, SEAT, HOLDINGS_OUT) >= 10) {
		holdings_refuse(r, CODE_M_SEATS, "all are taken");
		return;
	}
	memcpy(row.holder, r->client, 16);
	row.until = group_now(g) + HOUR;
	if ((result != MUSTER_OK && result != MUSTER_E_NOT_FOUND) || group_put(g, &row, &err) != MUSTER_OK) {
		holdings_failed(h, r, &err);
		return;
	}
	r->code = CODE_OK;
	r->used = group_sum(g, row.product, SEAT, HOLDINGS_OUT);
}

void access_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r) { take_one(h, g, r); }
void seats_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r) { take_one(h, g, r); }
void embedded_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r) { take_one(h, g, r); }
int embedded_load(struct holdings *h, const struct catalog *catalog, struct muster_err *err) { (void)h; (void)catalog; (void)err; return MUSTER_OK; }
void embedded_forget(struct holdings *h) { (void)h; }
void holdings_capacity_refresh(struct holdings *h) { (void)h; }

const struct catalog_product *catalog_product_named(const struct catalog *c, const char *name)
{
	const struct catalog_product *p;
	size_t n;

	p = catalog_products(c, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(p[i].row.name, name) == 0)
			return &p[i];
	return NULL;
}

/* Claims of this test name clients, and networks by the first byte of the address. */
bool catalog_claimed(const struct catalog_claim *claims, size_t n, const uint8_t client[16], const char *name, const uint8_t *addr, size_t addr_len)
{
	(void)name;
	for (size_t i = 0; i < n; i++)
		if (claims[i].kind == CATALOG_CLAIM_CLIENT ? memcmp(claims[i].client, client, 16) == 0 : addr_len > 0 && addr[0] == claims[i].network[0])
			return true;
	return false;
}

/* ---- a host ---- */

static struct holdings *open_holdings(struct fix *f)
{
	struct holdings_options o = { .clock = &f->clock.clock, .ledger = f->l };
	struct holdings *h;
	struct muster_err err = { 0 };

	ck_assert_msg(holdings_open(&h, &o, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_msg(holdings_bind(h, f->catalog, &err) == MUSTER_OK, "%s", err.message);
	return h;
}

static struct holdings_group *begin(struct fix *f, struct holdings *h)
{
	struct holdings_group *g;
	struct muster_err err = { 0 };

	(void)f;
	ck_assert_msg(group_begin(&g, h, holdings_now(h), &err) == MUSTER_OK, "%s", err.message);
	return g;
}

static int try_put(struct holdings_group *g, uint32_t class_, uint32_t id, uint32_t state, int64_t until)
{
	struct store_holding row = { .product = PRODUCT, .class_ = class_, .holder_n = 4, .state = state, .until = until, .since = 1 };
	struct muster_err err = { 0 };

	be32_put(row.holder, id);
	return group_put(g, &row, &err);
}

static void put(struct holdings_group *g, uint32_t class_, uint32_t id, uint32_t state, int64_t until)
{
	ck_assert_int_eq(try_put(g, class_, id, state, until), MUSTER_OK);
}

/* 0: nothing is held. */
static uint32_t state_of(struct holdings_group *g, uint32_t class_, uint32_t id)
{
	struct muster_err err = { 0 };
	struct store_holding row;
	uint8_t holder[4];
	int r;

	be32_put(holder, id);
	r = group_get(g, PRODUCT, class_, span_of(holder, 4), &row, &err);
	ck_assert(r == MUSTER_OK || r == MUSTER_E_NOT_FOUND);
	if (r == MUSTER_OK)
		ck_assert(row.product == PRODUCT && row.class_ == class_ && row.holder_n == 4 && memcmp(row.holder, holder, 4) == 0);
	return r == MUSTER_OK ? row.state : 0;
}

static void drop(struct holdings_group *g, uint32_t class_, uint32_t id)
{
	struct muster_err err = { 0 };
	uint8_t holder[4];

	be32_put(holder, id);
	ck_assert_int_eq(group_delete(g, PRODUCT, class_, span_of(holder, 4), &err), MUSTER_OK);
}

static void commit(struct holdings_group *g)
{
	struct muster_err err = { 0 };

	ck_assert_msg(group_commit(g, &err) == MUSTER_OK, "%s", err.message);
}

struct walk { uint32_t class_, state; uint64_t n; };

static int count_row(void *ctx, const struct store_holding *row)
{
	struct walk *w = ctx;

	w->n += row->class_ == w->class_ && row->state == w->state;
	return 0;
}

/* By the rows themselves. */
static uint64_t stored(struct fix *f, uint32_t class_, uint32_t state)
{
	struct walk w = { class_, state, 0 };
	struct muster_err err = { 0 };

	ck_assert_msg(ledger_holdings(f->l, PRODUCT, 0, span_of("", 0), STORE_PAGE_MAX, count_row, &w, &err) == MUSTER_OK, "%s", err.message);
	return w.n;
}

static uint64_t sum(struct holdings *h, uint32_t class_, uint32_t state)
{
	struct holdings_group *g;
	struct muster_err err = { 0 };
	size_t kept = h->due_kept;
	bool more = h->due_more;
	uint64_t n;

	/* at a time when nothing is due */
	ck_assert_msg(group_begin(&g, h, 0, &err) == MUSTER_OK, "%s", err.message);
	n = group_sum(g, PRODUCT, class_, state);
	group_drop(g);
	h->due_kept = kept;
	h->due_more = more;
	return n;
}

/* ---- groups ---- */

LEDGER_TEST(test_holdings_group_sees_itself)
{
	struct holdings *h = open_holdings(f);
	struct holdings_group *g = begin(f, h);
	uint32_t generations[4];

	ck_assert_uint_eq(state_of(g, DEVICE(2), 1), 0);
	put(g, DEVICE(2), 1, HOLDINGS_TEMPORARY, NOW + DAY);
	ck_assert_uint_eq(state_of(g, DEVICE(2), 1), HOLDINGS_TEMPORARY);
	ck_assert_uint_eq(state_of(g, DEVICE(3), 1), 0);
	ck_assert_uint_eq(group_sum(g, PRODUCT, DEVICE(2), HOLDINGS_TEMPORARY), 1);
	put(g, DEVICE(2), 1, HOLDINGS_PERMANENT, NOW + DAY);
	ck_assert_uint_eq(group_sum(g, PRODUCT, DEVICE(2), HOLDINGS_TEMPORARY), 0);
	ck_assert_uint_eq(group_sum(g, PRODUCT, DEVICE(2), HOLDINGS_PERMANENT), 1);
	ck_assert_uint_eq(group_sum(g, PRODUCT + 1, DEVICE(2), HOLDINGS_PERMANENT), 0);
	put(g, DEVICE(3), 2, HOLDINGS_TEMPORARY, NOW + DAY);
	drop(g, DEVICE(3), 2);
	drop(g, DEVICE(3), 2);
	ck_assert_uint_eq(group_sum(g, PRODUCT, DEVICE(3), HOLDINGS_TEMPORARY), 0);
	put(g, DEVICE(9), 3, HOLDINGS_TEMPORARY, NOW + DAY);
	ck_assert_uint_eq(group_generations(g, PRODUCT, HOLDINGS_DEVICE, generations, 4), 2);
	ck_assert(generations[0] == 2 && generations[1] == 9);
	commit(g);
	ck_assert_uint_eq(stored(f, DEVICE(2), HOLDINGS_PERMANENT), 1);
	ck_assert_uint_eq(stored(f, DEVICE(3), HOLDINGS_TEMPORARY), 0);
	g = begin(f, h);
	ck_assert_uint_eq(group_generations(g, PRODUCT, HOLDINGS_DEVICE, generations, 4), 2);
	ck_assert(generations[0] == 2 && generations[1] == 9);
	ck_assert_uint_eq(group_generations(g, PRODUCT, HOLDINGS_DEVICE, generations, 1), 1);
	ck_assert_uint_eq(generations[0], 2);
	put(g, DEVICE(1), 3, HOLDINGS_TEMPORARY, NOW + DAY);
	ck_assert_uint_eq(group_generations(g, PRODUCT, HOLDINGS_DEVICE, generations, 4), 3);
	ck_assert(generations[0] == 1 && generations[1] == 2 && generations[2] == 9);
	/* dropped: it never was */
	group_drop(g);
	ck_assert_uint_eq(sum(h, DEVICE(1), HOLDINGS_TEMPORARY), 0);
	g = begin(f, h);
	ck_assert_uint_eq(state_of(g, DEVICE(1), 3), 0);
	drop(g, DEVICE(2), 1);
	ck_assert_uint_eq(state_of(g, DEVICE(2), 1), 0);
	commit(g);
	ck_assert_uint_eq(sum(h, DEVICE(2), HOLDINGS_PERMANENT), 0);
	ck_assert_uint_eq(stored(f, DEVICE(2), HOLDINGS_PERMANENT), 0);
	holdings_free(h);
}

/* What was given out is known after a restart. */
LEDGER_TEST(test_holdings_group_restart)
{
	struct holdings *h = open_holdings(f);
	struct holdings_group *g = begin(f, h);
	struct muster_err err = { 0 };

	for (uint32_t i = 0; i < 300; i++)
		put(g, i % 3 == 0 ? SEAT : DEVICE(i % 2), i, i % 3 == 0 ? HOLDINGS_OUT : HOLDINGS_PERMANENT, NOW + 10 * DAY);
	ck_assert_int_eq(group_journal(g, "0 root", HOLDINGS_J_REVOKE, "office", "taken back", &err), MUSTER_OK);
	commit(g);
	holdings_free(h);
	fix_restart(f);
	h = open_holdings(f);
	ck_assert_uint_eq(sum(h, SEAT, HOLDINGS_OUT), 100);
	ck_assert_uint_eq(sum(h, DEVICE(0), HOLDINGS_PERMANENT), 100);
	ck_assert_uint_eq(sum(h, DEVICE(1), HOLDINGS_PERMANENT), 100);
	g = begin(f, h);
	ck_assert_uint_eq(state_of(g, SEAT, 297), HOLDINGS_OUT);
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
	struct holdings *h = open_holdings(f);
	struct holdings_group *g = begin(f, h);
	uint32_t next = 1;
	uint64_t have = 1;
	unsigned rows = 0;

	put(g, SEAT, 0, HOLDINGS_OUT, NOW + DAY);
	commit(g);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned before = atomic_load(&forgotten);
		struct muster_err err = { 0 };
		uint64_t there = sum(h, SEAT, HOLDINGS_ENDING);

		fix_settle(f);
		g = begin(f, h);
		put(g, SEAT, next, HOLDINGS_OUT, NOW + DAY);
		put(g, SEAT, 0, HOLDINGS_ENDING, NOW + DAY);
		ck_assert_int_eq(group_journal(g, "0 root", HOLDINGS_J_REVOKE, "office", "taken back", &err), MUSTER_OK);
		store_memory_fault(f->memory, true, 0, cases[i].fault);
		ck_assert_int_eq(group_commit(g, &err), cases[i].result);
		ck_assert_uint_eq(atomic_load(&forgotten), before + 1);
		if (cases[i].done) {
			have = 1;   /* the new one; the first is ending */
			rows++;
			there = 1;
		}
		ck_assert_uint_eq(sum(h, SEAT, HOLDINGS_OUT), have);
		ck_assert_uint_eq(sum(h, SEAT, HOLDINGS_ENDING), there);
		ck_assert_uint_eq(stored(f, SEAT, HOLDINGS_OUT), have);
		ck_assert_uint_eq(stored(f, SEAT, HOLDINGS_ENDING), there);
		ck_assert_uint_eq(journal_rows(f), rows);
		next++;
	}
	/* and it goes on */
	g = begin(f, h);
	put(g, SEAT, 0, HOLDINGS_OUT, NOW + DAY);
	commit(g);
	ck_assert_uint_eq(sum(h, SEAT, HOLDINGS_OUT), 2);
	ck_assert_uint_eq(sum(h, SEAT, HOLDINGS_ENDING), 0);
	holdings_free(h);
}

/* A year of changes in a minute: whatever commits do, sums are what the rows say. */
MEMORY_TEST(test_holdings_group_random)
{
	static const uint32_t states[] = { HOLDINGS_TEMPORARY, HOLDINGS_PERMANENT, HOLDINGS_ENDED };
	struct holdings *h = open_holdings(f);
	uint64_t x = 88172645463325252ULL;

	for (int round = 0; round < 200; round++) {
		struct holdings_group *g = begin(f, h);
		struct muster_err err = { 0 };

		for (int i = 0; i < 40; i++) {
			uint32_t id, class_;

			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			id = (uint32_t)(x >> 40) % 100;
			class_ = DEVICE((uint32_t)(x >> 32) % 2);
			if ((x >> 20) % 4 == 0)
				drop(g, class_, id);
			else
				put(g, class_, id, states[(x >> 24) % 3], INT64_MAX);
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
				ck_assert_uint_eq(sum(h, DEVICE(generation), states[s]), stored(f, DEVICE(generation), states[s]));
	}
	holdings_free(h);
}

/* Many at once: the table of a group grows with it, up to its limit. */
MEMORY_TEST(test_holdings_group_large)
{
	struct holdings *h = open_holdings(f);
	struct holdings_group *g = begin(f, h);

	for (uint32_t i = 0; i < 16384; i++)
		put(g, SEAT, i, HOLDINGS_OUT, NOW + DAY);
	ck_assert_int_eq(try_put(g, SEAT, 16384, HOLDINGS_OUT, NOW + DAY), MUSTER_E_LIMIT);
	ck_assert_uint_eq(group_sum(g, PRODUCT, SEAT, HOLDINGS_OUT), 16384);
	for (uint32_t i = 0; i < 16384; i++)
		ck_assert_uint_eq(state_of(g, SEAT, i), HOLDINGS_OUT);
	commit(g);
	ck_assert_uint_eq(sum(h, SEAT, HOLDINGS_OUT), 16384);
	holdings_free(h);
}

/* Every allocation fails once: the group is done or it is not, and sums say what the rows say. */
MEMORY_TEST(test_holdings_group_memory)
{
	struct holdings *h = open_holdings(f);
	unsigned failed = 0, in_a_row = 0;

	fix_settle(f);
	for (uint64_t n = 1; in_a_row < 10; n++) {
		struct holdings_group *g = NULL;
		struct muster_err err = { 0 };
		int r;

		mem_fail_at(n);
		r = group_begin(&g, h, holdings_now(h), &err);
		for (uint32_t i = 0; i < 100 && r == MUSTER_OK; i++)
			r = try_put(g, i % 2 == 0 ? SEAT : DEVICE(i % 9), i, (n + i) % 3 == 0 ? HOLDINGS_PERMANENT : HOLDINGS_TEMPORARY, INT64_MAX);
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
			ck_assert_uint_eq(sum(h, DEVICE(generation), HOLDINGS_PERMANENT), stored(f, DEVICE(generation), HOLDINGS_PERMANENT));
		ck_assert_uint_eq(sum(h, SEAT, HOLDINGS_PERMANENT), stored(f, SEAT, HOLDINGS_PERMANENT));
		ck_assert_uint_eq(sum(h, SEAT, HOLDINGS_TEMPORARY), stored(f, SEAT, HOLDINGS_TEMPORARY));
	}
	ck_assert_uint_ge(failed, 5);
	holdings_free(h);
}

/* ---- what is due ---- */

LEDGER_TEST(test_holdings_group_due)
{
	struct holdings *h = open_holdings(f);
	struct holdings_group *g = begin(f, h);
	unsigned before = atomic_load(&given_back);

	for (uint32_t i = 0; i < 600; i++)
		put(g, SEAT, i, HOLDINGS_OUT, NOW + HOUR + i);
	put(g, DEVICE(1), 1, HOLDINGS_TEMPORARY, NOW + 2 * HOUR);
	put(g, DEVICE(1), 2, HOLDINGS_PERMANENT, INT64_MAX);
	commit(g);
	fix_advance(f, HOUR - 1);
	commit(begin(f, h));
	ck_assert_uint_eq(atomic_load(&given_back), before);
	fix_advance(f, 600);
	/* in slices, the next one at once */
	commit(begin(f, h));
	ck_assert(h->due_more);
	ck_assert_uint_eq(stored(f, SEAT, HOLDINGS_OUT), 600 - 256);
	commit(begin(f, h));
	ck_assert(h->due_more);
	commit(begin(f, h));
	ck_assert(!h->due_more);
	ck_assert_uint_eq(sum(h, SEAT, HOLDINGS_OUT), 0);
	ck_assert_uint_eq(atomic_load(&given_back), before + 600);
	fix_advance(f, HOUR);
	commit(begin(f, h));
	ck_assert_uint_eq(sum(h, DEVICE(1), HOLDINGS_TEMPORARY), 0);
	ck_assert_uint_eq(sum(h, DEVICE(1), HOLDINGS_ENDED), 1);
	ck_assert_uint_eq(sum(h, DEVICE(1), HOLDINGS_PERMANENT), 1);
	commit(begin(f, h));
	ck_assert_uint_eq(atomic_load(&given_back), before + 601);
	holdings_free(h);
}

/* Rows that stay due do not hide the ones behind them. */
LEDGER_TEST(test_holdings_group_due_stays)
{
	struct holdings *h = open_holdings(f);
	struct holdings_group *g = begin(f, h);

	for (uint32_t i = 0; i < 256; i++)
		put(g, DEVICE(1), i, HOLDINGS_TEMPORARY, NOW + HOUR);
	for (uint32_t i = 0; i < 10; i++)
		put(g, SEAT, i, HOLDINGS_OUT, NOW + 2 * HOUR);
	commit(g);
	fix_advance(f, 3 * HOUR);
	stay = true;
	commit(begin(f, h));
	ck_assert_uint_eq(sum(h, SEAT, HOLDINGS_OUT), 10);   /* the whole slice stayed */
	commit(begin(f, h));
	stay = false;
	ck_assert_uint_eq(stored(f, SEAT, HOLDINGS_OUT), 0);
	holdings_free(h);
}

/* While the host's clock is not believed nothing is given back, however far ahead it says it is. */
MEMORY_TEST(test_holdings_group_clock)
{
	struct holdings *h = open_holdings(f);
	struct holdings_group *g = begin(f, h);

	put(g, SEAT, 1, HOLDINGS_OUT, NOW + HOUR);
	commit(g);
	f->clock.wall += 3 * DAY;
	commit(begin(f, h));
	ck_assert_uint_eq(sum(h, SEAT, HOLDINGS_OUT), 1);
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
	h = open_holdings(f);
	product = holdings_number(h, p);
	g = begin(f, h);
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
	g = begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 3);
	take_seat(g, product, &two, HOLDINGS_OUT);
	take_seat(g, product, &three, HOLDINGS_OUT);
	commit(g);
	g = begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 1);
	/* beyond the reservation they are like any other, and beyond the number of seats they use none of it */
	take_seat(g, product, &four, HOLDINGS_OUT);
	take_seat(g, product, &one, HOLDINGS_OUT_OVER);
	ck_assert_uint_eq(kept(g, &any), 1);
	take_seat(g, product, &one, HOLDINGS_OUT);
	ck_assert_uint_eq(kept(g, &any), 0);
	store_memory_fault(f->memory, true, 0, STORE_MEMORY_FAIL);
	ck_assert_int_eq(group_commit(g, &err), MUSTER_E_IO);
	g = begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 1);
	take_seat(g, product, &one, HOLDINGS_OUT);
	store_memory_fault(f->memory, true, 0, STORE_MEMORY_LOSE_ANSWER);
	ck_assert_int_eq(group_commit(g, &err), MUSTER_E_UNKNOWN);
	g = begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 0);
	group_drop(g);
	holdings_free(h);
	h = open_holdings(f);
	g = begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 0);
	ck_assert_int_eq(group_delete(g, product, SEAT, span_of(three.client, 16), &err), MUSTER_OK);
	ck_assert_uint_eq(kept(g, &any), 1);
	ck_assert_int_eq(group_delete(g, product, SEAT, span_of(three.client, 16), &err), MUSTER_OK);
	ck_assert_uint_eq(kept(g, &any), 1);
	commit(g);
	/* a reload without the first: who had it has none */
	p->reservations = reservations + 1;
	p->reservation_count = 1;
	ck_assert_int_eq(holdings_bind(h, f->catalog, &err), MUSTER_OK);
	g = begin(f, h);
	ck_assert_uint_eq(kept(g, &any), 0);
	ck_assert_int_eq(group_delete(g, product, SEAT, span_of(one.client, 16), &err), MUSTER_OK);
	ck_assert_uint_eq(kept(g, &any), 1);
	group_drop(g);
	holdings_free(h);
}

/* ---- the thread ---- */

struct asked { struct holdings_request r; struct fix *f; pthread_mutex_t lock; pthread_cond_t cond; unsigned done; };

static void answered(struct holdings_request *r)
{
	struct asked *a = r->user_data;

	pthread_mutex_lock(&a->lock);
	a->done++;
	pthread_cond_signal(&a->cond);
	pthread_mutex_unlock(&a->lock);
}

static void asked_init(struct fix *f, struct asked *a, uint32_t id)
{
	memset(a, 0, sizeof *a);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->cond, NULL);
	a->r.catalog = f->catalog;
	a->r.product = fix_product(f, UNCOUNTED);
	a->r.name = a->r.user = a->r.version = "";
	be32_put(a->r.client, id);
	a->r.done = answered;
	a->r.user_data = a;
}

static uint32_t asked_wait(struct asked *a)
{
	pthread_mutex_lock(&a->lock);
	while (a->done == 0)
		pthread_cond_wait(&a->cond, &a->lock);
	pthread_mutex_unlock(&a->lock);
	return a->r.code;
}

static uint32_t asking(struct fix *f, struct holdings *h, uint32_t id)
{
	struct asked a;
	uint32_t code;

	asked_init(f, &a, id);
	ck_assert_int_eq(holdings_submit(h, &a.r), MUSTER_OK);
	code = asked_wait(&a);
	pthread_mutex_lock(&a.lock);   /* answered() has let go */
	pthread_mutex_unlock(&a.lock);
	return code;
}

static struct holdings *seats_host(struct fix *f)
{
	struct catalog_product *p = (struct catalog_product *)(uintptr_t)fix_product(f, UNCOUNTED);
	struct muster_err err = { 0 };
	struct holdings *h;

	p->row.model = MUSTER_MODEL_SEATS;
	h = open_holdings(f);
	ck_assert_uint_ne(holdings_number(h, p), 0);
	ck_assert_ptr_eq(holdings_product(h, holdings_number(h, p)), p);
	ck_assert_int_eq(holdings_start(h, &err), MUSTER_OK);
	return h;
}

#define ASKERS 8
struct asker { struct fix *f; struct holdings *h; pthread_t thread; uint32_t first; unsigned granted; };

static void *ask_many(void *ctx)
{
	struct asker *a = ctx;

	for (uint32_t i = 0; i < 20; i++) {
		uint32_t code = asking(a->f, a->h, a->first + i);

		ck_assert(code == CODE_OK || code == CODE_M_SEATS || code == CODE_M_STORAGE);
		a->granted += code == CODE_OK;
	}
	return NULL;
}

/* Never more than ten, while many ask, commits fail and administrators look. */
MEMORY_TEST(test_holdings_thread)
{
	struct holdings *h = seats_host(f);
	struct asker askers[ASKERS];
	unsigned granted = 0;

	for (unsigned i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){ .f = f, .h = h, .first = 1000 * (i + 1) };
		ck_assert_int_eq(pthread_create(&askers[i].thread, NULL, ask_many, &askers[i]), 0);
	}
	for (int i = 0; i < 50; i++) {
		struct holdings_group *g;
		struct muster_err err = { 0 };

		store_memory_fault(f->memory, true, 0, i % 2 == 0 ? STORE_MEMORY_FAIL : STORE_MEMORY_LOSE_ANSWER);
		holdings_lock(h);
		if (group_begin(&g, h, holdings_now(h), &err) == MUSTER_OK) {
			ck_assert_uint_le(group_sum(g, holdings_number(h, fix_product(f, UNCOUNTED)), SEAT, HOLDINGS_OUT), 10);
			group_drop(g);
		}
		holdings_unlock(h);
	}
	for (unsigned i = 0; i < ASKERS; i++) {
		pthread_join(askers[i].thread, NULL);
		granted += askers[i].granted;
	}
	store_memory_fault(f->memory, true, 0, STORE_MEMORY_OK);
	ck_assert_uint_le(granted, 10);
	/* One whose answer was lost is there, and is told so when it asks again. */
	for (uint32_t i = 0; i < 10; i++)
		(void)asking(f, h, 99000 + i);
	holdings_lock(h);
	{
		struct holdings_group *g = begin(f, h);

		ck_assert_uint_eq(group_sum(g, holdings_number(h, fix_product(f, UNCOUNTED)), SEAT, HOLDINGS_OUT), 10);
		group_drop(g);
	}
	holdings_unlock(h);
	holdings_free(h);
}

MEMORY_TEST(test_holdings_thread_faults)
{
	struct holdings *h = seats_host(f);
	struct asked a;

	ck_assert_code(asking(f, h, 1), CODE_OK);
	store_memory_fault(f->memory, true, 0, STORE_MEMORY_FULL);
	ck_assert_code(asking(f, h, 2), CODE_M_STORAGE);
	ck_assert_code(asking(f, h, 2), CODE_OK);
	/* What has ended goes back though nobody asks. */
	given_back = 0;
	fix_advance(f, 2 * HOUR);
	for (int i = 0; i < 1000 && atomic_load(&given_back) < 2; i++) {
		struct timespec t = { 0, 10000000 };

		nanosleep(&t, NULL);
	}
	ck_assert_uint_eq(atomic_load(&given_back), 2);
	holdings_stop(h);
	asked_init(f, &a, 3);
	ck_assert_int_eq(holdings_submit(h, &a.r), MUSTER_E_BUSY);
	holdings_free(h);
}

static atomic_bool wait_here;

static void hold_up(void *ctx, bool state)
{
	(void)ctx;
	while (state && atomic_load(&wait_here)) {
		struct timespec t = { 0, 1000000 };

		nanosleep(&t, NULL);
	}
}

static void *stop_it(void *h)
{
	holdings_stop(h);
	return NULL;
}

/* Who waits when the host stops is told so: one that was being decided is answered as decided. */
MEMORY_TEST(test_holdings_thread_stop)
{
	struct holdings *h = seats_host(f);
	struct timespec t = { 0, 50000000 };
	struct asked a[3];
	pthread_t thread;

	wait_here = true;
	store_memory_hook(f->memory, hold_up, NULL);
	for (uint32_t i = 0; i < 3; i++) {
		asked_init(f, &a[i], i + 1);
		ck_assert_int_eq(holdings_submit(h, &a[i].r), MUSTER_OK);
		nanosleep(&t, NULL);
	}
	ck_assert_int_eq(pthread_create(&thread, NULL, stop_it, h), 0);
	nanosleep(&t, NULL);
	wait_here = false;
	ck_assert_code(asked_wait(&a[0]), CODE_OK);
	ck_assert_code(asked_wait(&a[1]), CODE_M_STOPPING);
	ck_assert_code(asked_wait(&a[2]), CODE_M_STOPPING);
	pthread_join(thread, NULL);
	store_memory_hook(f->memory, NULL, NULL);
	holdings_free(h);
}

UNIT_MAIN("holdings_group", test_holdings_group_sees_itself, test_holdings_group_restart, test_holdings_group_fault, test_holdings_group_random, test_holdings_group_large, test_holdings_group_memory,
          test_holdings_group_due, test_holdings_group_due_stays, test_holdings_group_clock, test_holdings_reserved, test_holdings_thread, test_holdings_thread_faults, test_holdings_thread_stop)
