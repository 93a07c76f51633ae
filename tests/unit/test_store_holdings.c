/* Holdings: who holds what, found by key, by when they are due, and counted, in both stores. */
#include "core/base/bytes.h"
#include "tests/unit/store_both.h"

COLLECTOR(help_holdings, struct store_holding)
COLLECTOR(help_sums, struct store_holding_sum)

#define SEAT 0x04000000u
#define DEVICE(generation) (0x01000000u | (generation))

static struct store_holding holding(uint32_t product, uint32_t class_, const char *holder, uint32_t state, int64_t until)
{
	struct store_holding h = { .product = product, .class_ = class_, .holder_n = (uint8_t)strlen(holder), .state = state, .flags = 1, .since = T0, .until = until,
	                           .changed = T0 + 5, .number = 77, .client = { 1, 2, 3 }, .hw = { 9 }, .has_hw = true };

	memcpy(h.holder, holder, strlen(holder));
	(void)snprintf(h.name, sizeof h.name, "pc-%s", holder);
	return h;
}

static int change(enum store_change_kind kind, const struct store_holding *h, struct muster_err *err)
{
	struct store_change c = { .kind = kind, .holding = h };

	return st->ops->transact(st, &c, 1, err);
}

static void put(struct store_holding h)
{
	EXPECT(MUSTER_OK, change(STORE_HOLDING_PUT, &h, &err));
}

static void expect_equal(const struct store_holding *a, const struct store_holding *b)
{
	ck_assert_uint_eq(a->product, b->product);
	ck_assert_uint_eq(a->class_, b->class_);
	ck_assert_uint_eq(a->holder_n, b->holder_n);
	ck_assert_mem_eq(a->holder, b->holder, sizeof a->holder);
	ck_assert_uint_eq(a->state, b->state);
	ck_assert_uint_eq(a->flags, b->flags);
	ck_assert_int_eq(a->since, b->since);
	ck_assert_int_eq(a->until, b->until);
	ck_assert_int_eq(a->changed, b->changed);
	ck_assert_uint_eq(a->number, b->number);
	ck_assert_mem_eq(a->client, b->client, sizeof a->client);
	ck_assert_int_eq(a->has_hw, b->has_hw);
	ck_assert_mem_eq(a->hw, b->hw, sizeof a->hw);
	ck_assert_str_eq(a->name, b->name);
}

static void expect_held(const struct store_holding *want)
{
	struct store_holding got;

	EXPECT(MUSTER_OK, st->ops->holding(st, want->product, want->class_, span_of(want->holder, want->holder_n), &got, &err));
	expect_equal(&got, want);
}

static uint64_t sum(uint32_t product, uint32_t class_, uint32_t state)
{
	struct store_holding_sum rows[16];
	struct help_list l = LIST_OF(rows);

	EXPECT(MUSTER_OK, st->ops->holding_sums(st, help_sums, &l, &err));
	for (size_t i = 0; i < l.n; i++) {
		ck_assert_uint_gt(rows[i].n, 0);
		if (rows[i].product == product && rows[i].class_ == class_ && rows[i].state == state)
			return rows[i].n;
	}
	return 0;
}

/* Every member comes back, put replaces, delete takes away what need not be there; sums follow, and all of it outlives closing. */
START_TEST(test_holding_changes)
{
	struct store_holding a = holding(1, SEAT, "a", 6, T0 + 100), b = holding(1, SEAT, "b", 6, INT64_MAX), other = holding(2, SEAT, "a", 6, T0), got;

	begin(_i);
	b.has_hw = false;
	memset(b.hw, 0, sizeof b.hw);
	memset(b.client, 0, sizeof b.client);
	b.name[0] = '\0';
	b.class_ = UINT32_MAX;
	b.number = UINT32_MAX;
	memset(b.holder, 0xff, sizeof b.holder);
	b.holder_n = sizeof b.holder;
	put(a);
	put(b);
	put(other);
	a.until += 50;
	put(a);
	expect_held(&a);
	ck_assert_uint_eq(sum(1, SEAT, 6), 1);
	a.state = 7;
	put(a);
	close_both();
	open_both();
	expect_held(&a);
	expect_held(&b);
	expect_held(&other);
	ck_assert_uint_eq(sum(1, SEAT, 6), 0);
	ck_assert_uint_eq(sum(1, SEAT, 7), 1);
	ck_assert_uint_eq(sum(1, UINT32_MAX, 6), 1);
	ck_assert_uint_eq(sum(2, SEAT, 6), 1);
	EXPECT(MUSTER_OK, change(STORE_HOLDING_DELETE, &a, &err));
	EXPECT(MUSTER_OK, change(STORE_HOLDING_DELETE, &a, &err));
	ck_assert_uint_eq(sum(1, SEAT, 7), 0);
	memset(&got, 1, sizeof got);
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "nothing is held", st->ops->holding(st, 1, SEAT, span_str("a"), &got, &err));
	ck_assert_uint_eq(got.product, 0);
	expect_held(&b);
	end();
}
END_TEST

/* Pages in the order of keys of one product; a shorter holder comes before a longer one that begins with it, and every class from the one named on. */
START_TEST(test_holding_pages)
{
	static const char *const holders[] = { "b", "a", "ab" };
	struct store_holding rows[16];
	struct help_list l = LIST_OF(rows);

	begin(_i);
	for (size_t i = 0; i < 3; i++) {
		put(holding(1, DEVICE(2), holders[i], 2, T0));
		put(holding(1, DEVICE(1), holders[i], 2, T0));
		put(holding(2, DEVICE(1), holders[i], 2, T0));
	}
	EXPECT(MUSTER_OK, st->ops->holdings(st, 1, 0, span_of(NULL, 0), 100, help_holdings, &l, &err));
	ck_assert_uint_eq(l.n, 6);
	ck_assert_uint_eq(rows[2].class_, DEVICE(1));
	ck_assert_str_eq(rows[0].name, "pc-a");
	ck_assert_str_eq(rows[1].name, "pc-ab");
	ck_assert_str_eq(rows[2].name, "pc-b");
	ck_assert_uint_eq(rows[3].class_, DEVICE(2));
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->holdings(st, 1, DEVICE(1), span_str("ab"), 2, help_holdings, &l, &err));
	ck_assert_uint_eq(l.n, 2);
	ck_assert_str_eq(rows[0].name, "pc-b");
	ck_assert_uint_eq(rows[1].class_, DEVICE(2));
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->holdings(st, 1, DEVICE(2), span_of(NULL, 0), 100, help_holdings, &l, &err));
	ck_assert_uint_eq(l.n, 3);
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->holdings(st, 1, 0, span_of(NULL, 0), 0, help_holdings, &l, &err));
	EXPECT(MUSTER_OK, st->ops->holdings(st, 3, 0, span_of(NULL, 0), 9, help_holdings, &l, &err));
	ck_assert_uint_eq(l.n, 0);
	l.room = 1;   /* the callback stops */
	EXPECT(MUSTER_OK, st->ops->holdings(st, 1, 0, span_of(NULL, 0), 100, help_holdings, &l, &err));
	ck_assert_uint_eq(l.n, 1);
	end();
}
END_TEST

/* What is due comes soonest first, of all products; what is never due does not come, even when all that is due is asked for. */
START_TEST(test_holding_due)
{
	struct store_holding rows[16];
	struct help_list l = LIST_OF(rows);

	begin(_i);
	put(holding(2, SEAT, "late", 6, T0 + 300));
	put(holding(1, SEAT, "never", 6, INT64_MAX));
	put(holding(9, SEAT, "soon", 6, T0 + 100));
	put(holding(1, SEAT, "between", 6, T0 + 200));
	put(holding(1, SEAT, "again", 6, T0 + 200));
	EXPECT(MUSTER_OK, st->ops->holdings_due(st, T0 + 99, 10, help_holdings, &l, &err));
	ck_assert_uint_eq(l.n, 0);
	EXPECT(MUSTER_OK, st->ops->holdings_due(st, T0 + 200, 10, help_holdings, &l, &err));
	ck_assert_uint_eq(l.n, 3);
	ck_assert_str_eq(rows[0].name, "pc-soon");
	ck_assert_str_eq(rows[1].name, "pc-again");
	ck_assert_str_eq(rows[2].name, "pc-between");
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->holdings_due(st, INT64_MAX, 2, help_holdings, &l, &err));
	ck_assert_uint_eq(l.n, 2);
	ck_assert_str_eq(rows[1].name, "pc-again");
	put(holding(9, SEAT, "soon", 6, INT64_MAX));       /* no longer due */
	put(holding(1, SEAT, "never", 6, T0 + 250));       /* now it is */
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->holdings_due(st, INT64_MAX, 10, help_holdings, &l, &err));
	ck_assert_uint_eq(l.n, 4);
	ck_assert_str_eq(rows[2].name, "pc-never");
	ck_assert_str_eq(rows[3].name, "pc-late");
	EXPECT(MUSTER_OK, st->ops->holdings_due(st, INT64_MAX, 0, help_holdings, &l, &err));
	ck_assert_uint_eq(l.n, 4);
	end();
}
END_TEST

/* One transaction: what fails at its end undoes rows and sums before it; rows that several changes touch end as the last one says. */
START_TEST(test_holding_transaction)
{
	struct store_holding a = holding(1, SEAT, "a", 6, T0), b = holding(1, SEAT, "b", 6, T0), a7 = holding(1, SEAT, "a", 7, T0 + 1);
	struct store_record x = { .kind = "key", .id = "1", .id_n = 1, .data = (const uint8_t *)"x", .data_n = 1 };
	struct store_change there = { .kind = STORE_RECORD_INSERT, .record = &x }, c[] = {
		{ .kind = STORE_HOLDING_PUT, .holding = &a }, { .kind = STORE_HOLDING_PUT, .holding = &b, .journal = { .at = T0, .actor = "0 root", .kind = 150 } },
		{ .kind = STORE_HOLDING_PUT, .holding = &a7 }, { .kind = STORE_HOLDING_DELETE, .holding = &b }, { .kind = STORE_RECORD_INSERT, .record = &x }
	};
	struct store_holding got;
	struct store_journal journal[4];
	struct help_list l = LIST_OF(journal);

	begin(_i);
	EXPECT(MUSTER_OK, st->ops->transact(st, &there, 1, &err));
	EXPECT(MUSTER_E_EXISTS, st->ops->transact(st, c, 5, &err));
	EXPECT(MUSTER_E_NOT_FOUND, st->ops->holding(st, 1, SEAT, span_str("a"), &got, &err));
	ck_assert_uint_eq(sum(1, SEAT, 6), 0);
	EXPECT(MUSTER_OK, st->ops->transact(st, c, 4, &err));
	expect_held(&a7);
	EXPECT(MUSTER_E_NOT_FOUND, st->ops->holding(st, 1, SEAT, span_str("b"), &got, &err));
	ck_assert_uint_eq(sum(1, SEAT, 6), 0);
	ck_assert_uint_eq(sum(1, SEAT, 7), 1);
	EXPECT(MUSTER_OK, st->ops->journal(st, 0, 4, help_journal, &l, &err));
	ck_assert_uint_eq(l.n, 1);
	ck_assert_uint_eq(journal[0].kind, 150);
	end();
}
END_TEST

START_TEST(test_holding_limits)
{
	struct store_holding h = holding(1, SEAT, "a", 6, T0), got;
	uint8_t long_holder[STORE_HOLDER_MAX + 1] = { 1 };

	begin(_i);
	h.holder_n = 0;
	EXPECT_SAYS(MUSTER_E_INVALID, "holder of 1 to 32 bytes", change(STORE_HOLDING_PUT, &h, &err));
	h.holder_n = STORE_HOLDER_MAX + 1;
	EXPECT(MUSTER_E_INVALID, change(STORE_HOLDING_DELETE, &h, &err));
	h.holder_n = 1;
	h.product = 0;
	EXPECT(MUSTER_E_INVALID, change(STORE_HOLDING_PUT, &h, &err));
	EXPECT(MUSTER_E_INVALID, st->ops->holding(st, 1, SEAT, span_of(long_holder, sizeof long_holder), &got, &err));
	EXPECT(MUSTER_E_INVALID, st->ops->holding(st, 1, SEAT, span_of(NULL, 0), &got, &err));
	ck_assert_uint_eq(sum(1, SEAT, 6), 0);
	end();
}
END_TEST

/* ---- both stores do the same: thousands of changes by chance, then every list ---- */

static uint64_t seed;
static uint32_t below(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % n;
}

static void by_chance(struct store_holding *h)
{
	static const uint32_t classes[] = { SEAT, DEVICE(1), DEVICE(2), UINT32_MAX };

	memset(h, 0, sizeof *h);
	h->product = 1 + below(3);
	h->class_ = classes[below(4)];
	h->holder_n = (uint8_t)(1 + below(4));
	for (size_t i = 0; i < h->holder_n; i++)
		h->holder[i] = (uint8_t)(below(3) * 127);
	h->state = 1 + below(4);
	h->until = below(5) == 0 ? INT64_MAX : T0 + below(50);
	h->flags = below(4);
	h->has_hw = below(2) == 0;
	h->hw[0] = h->has_hw ? 7 : 0;
}

static void change_by_chance(struct store_state *state, size_t n)
{
	struct store_holding rows[8];
	struct store_change c[8];

	for (size_t done = 0; done < n;) {
		size_t many = 1 + below(8);

		memset(c, 0, sizeof c);
		for (size_t i = 0; i < many; i++) {
			by_chance(&rows[i]);
			c[i].kind = below(3) == 0 ? STORE_HOLDING_DELETE : STORE_HOLDING_PUT;
			c[i].holding = &rows[i];
		}
		EXPECT(MUSTER_OK, state->ops->transact(state, c, many, &err));
		done += many;
	}
}

static void expect_same_rows(const struct help_list *a, const struct help_list *b)
{
	ck_assert_uint_eq(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		expect_equal((const struct store_holding *)a->rows + i, (const struct store_holding *)b->rows + i);
}

/* Sums as kept against rows as counted. */
static void expect_sums_true(const struct help_list *rows, const struct help_list *sums)
{
	uint64_t total = 0;

	for (size_t i = 0; i < sums->n; i++) {
		const struct store_holding_sum *x = (const struct store_holding_sum *)sums->rows + i;
		uint64_t n = 0;

		for (size_t k = 0; k < rows->n; k++) {
			const struct store_holding *h = (const struct store_holding *)rows->rows + k;

			n += h->product == x->product && h->class_ == x->class_ && h->state == x->state;
		}
		ck_assert_uint_eq(x->n, n);
		total += n;
	}
	ck_assert_uint_eq(total, rows->n);
}

static void all_rows(struct store_state *state, struct help_list *l)
{
	l->n = 0;
	for (uint32_t product = 1; product <= 3; product++)
		EXPECT(MUSTER_OK, state->ops->holdings(state, product, 0, span_of(NULL, 0), 1000, help_holdings, l, &err));
}

START_TEST(test_holding_stores_agree)
{
	static struct store_holding rows[2][2000];
	static struct store_holding_sum sums[2][100];
	struct help_list l[2] = { LIST_OF(rows[0]), LIST_OF(rows[1]) }, s[2] = { LIST_OF(sums[0]), LIST_OF(sums[1]) };
	struct store *stores[2];
	struct store_state *states[2];
	struct store_state_info si;
	int other = _i;   /* two seeds */

	(void)help_folder(folder);
	EXPECT(MUSTER_OK, store_memory_new(&stores[0], &err));
	EXPECT(MUSTER_OK, store_sqlite_new(&stores[1], folder, &err));
	for (size_t k = 0; k < 2; k++) {
		EXPECT(MUSTER_OK, stores[k]->open_state(stores[k], true, &states[k], &err));
		EXPECT(MUSTER_OK, states[k]->ops->claim(states[k], &si, &err));
		seed = 99 + (uint64_t)other;
		change_by_chance(states[k], 3000);
		all_rows(states[k], &l[k]);
		EXPECT(MUSTER_OK, states[k]->ops->holding_sums(states[k], help_sums, &s[k], &err));
		expect_sums_true(&l[k], &s[k]);
	}
	ck_assert_uint_gt(l[0].n, 100);
	expect_same_rows(&l[0], &l[1]);
	ck_assert_uint_eq(s[0].n, s[1].n);
	/* Member by member: between them is room that nobody fills. */
	for (size_t i = 0; i < s[0].n; i++)
		ck_assert(sums[0][i].product == sums[1][i].product && sums[0][i].class_ == sums[1][i].class_ && sums[0][i].state == sums[1][i].state && sums[0][i].n == sums[1][i].n);
	for (int64_t until = T0; until < T0 + 55; until += 5) {
		for (size_t k = 0; k < 2; k++) {
			l[k].n = 0;
			EXPECT(MUSTER_OK, states[k]->ops->holdings_due(states[k], until, 60, help_holdings, &l[k], &err));
		}
		expect_same_rows(&l[0], &l[1]);
	}
	for (size_t k = 0; k < 2; k++) {
		states[k]->ops->close(states[k]);
		stores[k]->free(stores[k]);
	}
	help_remove(folder);
}
END_TEST

BOTH_MAIN("store_holdings", test_holding_changes, test_holding_pages, test_holding_due, test_holding_transaction, test_holding_limits, test_holding_stores_agree)
