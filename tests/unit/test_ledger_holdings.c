/* What holdings and policies ask of the ledger: rows and sums read as committed, numbers of products, leases that end when they should, debt. Both stores. */
#include "core/base/bytes.h"
#include "tests/unit/ledger_fixture.h"

#define SEAT 0x04000000u

static struct store_holding seat(struct fix *f, uint8_t who, uint32_t state, int64_t until)
{
	return (struct store_holding){ .product = ledger_product_number(f->l, f->catalog, fix_product(f, OFFICE2013)), .class_ = SEAT, .holder = { who }, .holder_n = 1,
	                               .state = state, .since = NOW, .until = until };
}

static int put(struct fix *f, enum store_change_kind kind, const struct store_holding *h)
{
	struct store_change c = { .kind = kind, .holding = h };
	struct muster_err err = { 0 };

	return ledger_transact(f->l, &c, 1, &err);
}

struct seen { struct fix *f; size_t n; struct store_holding last; };

/* Asks again from inside: no lock is held while rows are handed on. */
static int see(void *ctx, const struct store_holding *h)
{
	struct seen *s = ctx;
	struct muster_err err = { 0 };

	ck_assert_int_eq(ledger_holding(s->f->l, h->product, h->class_, span_of(h->holder, h->holder_n), &s->last, &err), MUSTER_OK);
	ck_assert_int_eq(s->last.until, h->until);
	s->n++;
	return 0;
}

static int add_sum(void *ctx, const struct store_holding_sum *x)
{
	*(uint64_t *)ctx += x->n;
	return 0;
}

static uint64_t sums(struct fix *f)
{
	struct muster_err err = { 0 };
	uint64_t n = 0;

	ck_assert_int_eq(ledger_holding_sums(f->l, add_sum, &n, &err), MUSTER_OK);
	return n;
}

LEDGER_TEST(test_holdings_read)
{
	struct store_holding h = { 0 };
	struct seen s = { .f = f };
	struct muster_err err = { 0 };
	uint32_t number = ledger_product_number(f->l, f->catalog, fix_product(f, OFFICE2013));

	ck_assert_uint_ne(number, 0);
	for (uint8_t i = 1; i <= 40; i++) {
		h = seat(f, i, 6, i % 2 ? NOW + i : INT64_MAX);
		ck_assert_int_eq(put(f, STORE_HOLDING_PUT, &h), MUSTER_OK);
	}
	ck_assert_uint_eq(sums(f), 40);
	ck_assert_int_eq(ledger_holdings(f->l, number, 0, span_of(NULL, 0), 1000, see, &s, &err), MUSTER_OK);
	ck_assert_uint_eq(s.n, 40);
	s.n = 0;
	ck_assert_int_eq(ledger_holdings_due(f->l, NOW + 10, 1000, see, &s, &err), MUSTER_OK);
	ck_assert_uint_eq(s.n, 5);
	ck_assert_int_eq(put(f, STORE_HOLDING_DELETE, &h), MUSTER_OK);
	ck_assert_int_eq(ledger_holding(f->l, number, SEAT, span_of(h.holder, 1), &s.last, &err), MUSTER_E_NOT_FOUND);
	fix_restart(f);
	ck_assert_uint_eq(ledger_product_number(f->l, f->catalog, fix_product(f, OFFICE2013)), number);
	ck_assert_uint_eq(sums(f), 39);
}

/* A catalog that is not bound has no numbers; the one bound later has the same. */
LEDGER_TEST(test_product_numbers)
{
	struct catalog *other = fix_catalog_new();
	struct muster_err err = { 0 };
	const struct catalog_product *p = fix_product(f, WINDOWS);

	ck_assert_uint_eq(ledger_product_number(f->l, other, p), 0);
	ck_assert_int_eq(ledger_bind(f->l, other, &err), MUSTER_OK);
	for (int i = 0; i < FIX_PRODUCTS; i++) {
		uint32_t number = ledger_product_number(f->l, other, fix_product(f, (enum fix_product)i));

		ck_assert_uint_ne(number, 0);
		ck_assert_uint_eq(number, ledger_product_number(f->l, f->catalog, fix_product(f, (enum fix_product)i)));
	}
	catalog_unref(other);
}

/* A commit that failed left nothing, one whose answer was lost is there, and the ledger takes the next. */
MEMORY_TEST(test_holdings_faults)
{
	static const struct { enum store_memory_fault fault; int result; uint64_t held; } rows[] = {
		{ STORE_MEMORY_FAIL, MUSTER_E_IO, 0 }, { STORE_MEMORY_FULL, MUSTER_E_LIMIT, 0 }, { STORE_MEMORY_FORGET, MUSTER_E_UNKNOWN, 0 },
		{ STORE_MEMORY_LOSE_ANSWER, MUSTER_E_UNKNOWN, 1 }
	};

	fix_settle(f);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct store_holding h = seat(f, 9, 6, NOW);

		store_memory_fault(f->memory, true, 0, rows[i].fault);
		ck_assert_int_eq(put(f, STORE_HOLDING_PUT, &h), rows[i].result);
		ck_assert_uint_eq(sums(f), rows[i].held);
		ck_assert_int_eq(put(f, STORE_HOLDING_PUT, &h), MUSTER_OK);
		ck_assert_uint_eq(sums(f), 1);
		ck_assert_int_eq(put(f, STORE_HOLDING_DELETE, &h), MUSTER_OK);
		ck_assert_uint_eq(sums(f), 0);
	}
}

static void ask_decided(struct fix *f, struct ask *a, int64_t until, bool debt)
{
	ask_init(f, a, UNCOUNTED, 1);
	a->r.decided = a->r.grants = true;
	a->r.until = until;
	a->r.debt = debt;
	ask_go(f, a);
}

static uint64_t debts(struct fix *f)
{
	uint64_t requests = 0;

	(void)fix_events(f, STORE_F_DEBT, &requests);
	return requests;
}

/* A lease of what is held ends with it, with the chain if that is earlier; longer than the product's validity when the holding is; never in the past. */
LEDGER_TEST(test_decided_until)
{
	struct ask a;

	ask_decided(f, &a, NOW + HOUR, false);
	ck_assert_code(a.r.code, CODE_OK);
	ck_assert_int_eq(a.r.expires, NOW + HOUR);
	ask_decided(f, &a, NOW + 400 * DAY, false);
	ck_assert_int_eq(a.r.expires, NOW + 400 * DAY);
	ask_decided(f, &a, NOW + 731 * DAY, false);
	ck_assert_int_eq(a.r.expires, a.r.chain_end);
	ask_decided(f, &a, 0, false);
	ck_assert_int_eq(a.r.expires, NOW + 180 * DAY);
	ck_assert_uint_eq(debts(f), 0);
	ask_decided(f, &a, NOW, true);
	ck_assert_code(a.r.code, CODE_M_OVERLOAD);
	ck_assert_uint_eq(a.r.retry_after, 1);
	ask_init(f, &a, UNCOUNTED, 1);
	a.r.decided = a.r.grants = true;
	a.r.certified = false;
	a.r.until = NOW + HOUR;
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_HOST_NOT_ACTIVATED);
	ck_assert_int_eq(a.r.expires, 0);
}

static int last_count(void *ctx, const struct ledger_event *e)
{
	*(uint32_t *)ctx = e->event.count;
	return 0;
}

/* The event tells how many are given out, as whoever decided says; without that, none. */
LEDGER_TEST(test_decided_count)
{
	uint32_t told = 9;
	struct ask a;

	ask_decided(f, &a, NOW + HOUR, false);
	ck_assert_uint_eq(a.r.count, 0);
	ask_init(f, &a, UNCOUNTED, 2);
	a.r.decided = a.r.grants = true;
	a.r.until = NOW + HOUR;
	a.r.used = 7;
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_OK);
	ck_assert_uint_eq(a.r.count, 7);
	ck_assert_uint_eq(a.r.minimum, 0);
	fix_settle(f);
	ck_assert_int_eq(ledger_events(f->l, a.r.seq - 1, 1, last_count, &told, NULL), MUSTER_OK);
	ck_assert_uint_eq(told, 7);
}

LEDGER_TEST(test_decided_debt)
{
	struct store_use u;
	struct ask a;

	ask_decided(f, &a, NOW + HOUR, true);
	ck_assert_code(a.r.code, CODE_OK);
	ck_assert(a.r.debt);
	fix_settle(f);
	ck_assert_uint_eq(debts(f), 1);
	ck_assert(fix_client(f, 1, UNCOUNTED, &u));
	ck_assert(u.flags & STORE_F_DEBT);
	/* what is refused owes nothing */
	ask_init(f, &a, UNCOUNTED, 2);
	a.r.decided = a.r.debt = true;
	a.r.verdict = CODE_M_SEATS;
	ask_go(f, &a);
	ck_assert_uint_eq(debts(f), 1);
	ask_decided(f, &a, NOW + HOUR, false);
	fix_settle(f);
	ck_assert(fix_client(f, 1, UNCOUNTED, &u));
	ck_assert((u.flags & STORE_F_DEBT) == 0);
}

/* policy = advise: what the count would refuse is granted and marked; with the count reached nothing is; without a certificate nobody is granted. */
LEDGER_TEST(test_advise)
{
	struct catalog_product *p = (struct catalog_product *)(uintptr_t)fix_product(f, OFFICE2013);
	struct ask a;
	struct store_use u;

	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_COUNT_LOW);
	p->advise = true;
	ask_init(f, &a, OFFICE2013, 1);
	a.r.debt = true;   /* an answer here, whatever stood there */
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_OK);
	ck_assert(a.r.debt && !a.r.repeat);
	ck_assert_uint_eq(a.r.count, 1);
	ck_assert_uint_eq(a.r.minimum, 5);
	ck_assert_int_eq(a.r.expires, NOW + 180 * DAY);
	a.r.debt = false;
	ask_go(f, &a);   /* the same question again gets the same answer */
	ck_assert(a.r.repeat && a.r.debt);
	fix_restart(f);
	ask_go(f, &a);
	ck_assert(a.r.repeat && a.r.debt);
	ck_assert_uint_eq(debts(f), 1);
	ask_init(f, &a, OFFICE2013, 2);
	a.r.certified = false;
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_HOST_NOT_ACTIVATED);
	ck_assert(!a.r.debt);
	for (uint32_t i = 3; i <= 5; i++)
		ck_assert_code(ask_code(f, OFFICE2013, i), CODE_OK);
	ck_assert_uint_eq(debts(f), 3);   /* counts 3 and 4; the machine without a lease counts too */
	ask_init(f, &a, OFFICE2013, 1);
	ask_go(f, &a);
	ck_assert_code(a.r.code, CODE_OK);
	ck_assert(!a.r.debt);
	fix_settle(f);
	ck_assert(fix_client(f, 1, OFFICE2013, &u));
	ck_assert((u.flags & STORE_F_DEBT) == 0);
	ck_assert(fix_client(f, 3, OFFICE2013, &u));
	ck_assert(u.flags & STORE_F_DEBT);
	ck_assert_code(ask_code(f, OFFICE2010, 1), CODE_COUNT_LOW);   /* one product's policy is not another's */
}

UNIT_MAIN("ledger_holdings", test_holdings_read, test_product_numbers, test_holdings_faults, test_decided_until, test_decided_count, test_decided_debt, test_advise)
