/* Seats over the real groups, on both stores: grace, queue, taking back, debt; and any allocation that fails. */
#include "tests/unit/holdings_fixture.h"

#include "core/base/mem.h"

#define QUEUED ((uint32_t)CODE_M_QUEUED)
#define SEATS ((uint32_t)CODE_M_SEATS)
#define SECOND INT64_C(1000)

/* With a lease of this moment. */
static void house_release(struct house *x, struct holdings_request *r)
{
	r->release = true;
	r->lease_at = clock_wall_ms(&x->f->clock.clock) / 1000;
}

HOUSE_TEST(test_holdings_seats)
{
	struct holdings_request r;

	ck_assert_code(house_seat(x, 1, &r), SEATS);
	ck_assert_ptr_nonnull(strstr(r.detail, "no seats"));
	ck_assert_uint_eq(r.position, 0);
	x->seat = 2;
	house_packs(x);
	ck_assert_code(house_seat(x, 1, &r), CODE_OK);
	ck_assert_int_eq(r.until, NOW + 600 * SECOND);
	ck_assert_uint_eq(r.renew_s, 150);
	ck_assert_uint_eq(r.used, 1);
	ck_assert_uint_eq(r.total, 2);
	ck_assert_code(house_seat(x, 2, NULL), CODE_OK);
	/* The queue: places in order, kept while they ask. */
	for (uint32_t i = 3; i <= 5; i++) {
		ck_assert_code(house_seat(x, i, &r), QUEUED);
		ck_assert_uint_eq(r.position, i - 2);
		ck_assert_uint_ge(r.retry_after, 30);
	}
	/* The heartbeat extends; other hardware is told to take an identity of its own. */
	house_advance(x, 60 * SECOND);
	ck_assert_code(house_seat(x, 1, &r), CODE_OK);
	ck_assert_int_eq(r.until, NOW + 660 * SECOND);
	house_request(x, &r, CAD, 1);
	r.hw[5] ^= 1;
	ck_assert_code(house_ask(x, &r), CODE_M_DUPLICATE);
	r.hw[0] = 2;   /* of another source: not comparable, and what is on record stays */
	ck_assert_code(house_ask(x, &r), CODE_OK);
	r.hw[0] = 1;
	ck_assert_code(house_ask(x, &r), CODE_M_DUPLICATE);
	/* Given back: the first in the queue gets it, nobody else, not even one who is new. */
	for (uint32_t i = 3; i <= 5; i++)
		ck_assert_code(house_seat(x, i, NULL), QUEUED);
	house_request(x, &r, CAD, 2);
	house_release(x, &r);
	ck_assert_code(house_ask(x, &r), CODE_OK);
	ck_assert_code(house_ask(x, &r), CODE_OK);   /* again: as it was */
	ck_assert_int_eq(house_number(x, NULL, NULL, "free"), 1);
	ck_assert_code(house_seat(x, 4, NULL), QUEUED);
	house_request(x, &r, CAD, 9);
	r.queue = false;
	ck_assert_code(house_ask(x, &r), SEATS);
	ck_assert_code(house_seat(x, 3, NULL), CODE_OK);
	ck_assert_code(house_seat(x, 4, &r), QUEUED);
	ck_assert_uint_eq(r.position, 1);
	ck_assert_int_eq(house_number(x, NULL, NULL, "waiting"), 2);
}

/* A release that somebody heard, sent again after its holder came back: what is held now is another lease's. One whose renewal got lost is the seat's still. */
HOUSE_TEST(test_holdings_seats_released_again)
{
	struct holdings_request r, again;

	x->seat = 1;
	house_packs(x);
	house_seat(x, 1, NULL);
	house_request(x, &r, CAD, 1);
	house_release(x, &r);
	again = r;
	ck_assert_code(house_ask(x, &r), CODE_OK);
	house_advance(x, SECOND);
	house_seat(x, 1, NULL);
	ck_assert_code(house_ask(x, &again), CODE_OK);
	ck_assert_uint_eq(again.used, 1);
	ck_assert_int_eq(house_number(x, NULL, NULL, "issued"), 1);
	ck_assert_code(house_seat(x, 2, NULL), QUEUED);
	/* Renewed, and the answer was lost: given back with the lease before. */
	house_request(x, &r, CAD, 1);
	house_release(x, &r);
	house_advance(x, 60 * SECOND);
	ck_assert_code(house_seat(x, 1, NULL), CODE_OK);
	ck_assert_code(house_ask(x, &r), CODE_OK);
	ck_assert_int_eq(house_number(x, NULL, NULL, "issued"), 0);
}

/* A clock that is a little behind stands still; one that was far ahead and was set right (accepted by an administrator) is believed: leases are no longer for it. */
HOUSE_TEST(test_holdings_seats_clock_set_back)
{
	struct holdings_request r;

	x->seat = 2;
	house_packs(x);
	house_advance(x, 3600 * SECOND);
	ck_assert_code(house_seat(x, 1, &r), CODE_OK);
	ck_assert_int_eq(r.until, NOW + 4200 * SECOND);
	house_advance(x, -60 * SECOND);
	ck_assert_code(house_seat(x, 2, &r), CODE_OK);
	ck_assert_int_eq(r.until, NOW + 4200 * SECOND);
	house_request(x, &r, CAD, 2);
	house_release(x, &r);   /* its lease says the clock's time */
	ck_assert_code(house_ask(x, &r), CODE_OK);
	ck_assert_int_eq(house_number(x, NULL, NULL, "issued"), 1);
	ck_assert_code(house_seat(x, 2, NULL), CODE_OK);
	house_advance(x, -3540 * SECOND);
	ck_assert_code(house_seat(x, 2, &r), CODE_OK);
	ck_assert_int_eq(r.until, NOW + 4200 * SECOND);   /* that lease still lives */
	house_request(x, &r, CAD, 1);
	house_release(x, &r);
	r.lease_at = (NOW + 3600 * SECOND) / 1000;
	ck_assert_code(house_ask(x, &r), CODE_OK);
	ck_assert_code(house_seat(x, 3, &r), CODE_OK);
	ck_assert_int_eq(r.until, NOW + 600 * SECOND);
}

/* The product's own number counts until a pack names one, and not again when that pack has ended. */
HOUSE_TEST(test_holdings_seats_pack_ends)
{
	struct holdings_request r;

	x->seats.seats = 3;
	ck_assert_code(house_seat(x, 1, &r), CODE_OK);
	ck_assert_uint_eq(r.total, 3);
	x->seat = 2;
	x->seat_ends = (NOW + 300 * SECOND) / 1000;
	house_packs(x);
	ck_assert_code(house_seat(x, 2, &r), CODE_OK);
	ck_assert_uint_eq(r.total, 2);
	house_advance(x, 300 * SECOND);
	ck_assert_code(house_seat(x, 3, &r), SEATS);
	ck_assert_uint_eq(r.total, 0);
	ck_assert_ptr_nonnull(strstr(r.detail, "no seats"));
	ck_assert_code(house_seat(x, 1, NULL), SEATS);   /* and nobody's is extended */
	ck_assert_int_eq(house_number(x, NULL, NULL, "bought"), 0);
}

/* Grace: kept for its holder after the lease's end; then free by itself. */
HOUSE_TEST(test_holdings_seats_grace)
{
	struct holdings_request r;

	x->seat = 1;
	house_packs(x);
	house_seat(x, 1, NULL);
	house_advance(x, 600 * SECOND);
	ck_assert_code(house_seat(x, 2, NULL), QUEUED);
	ck_assert_int_eq(house_number(x, NULL, NULL, "issued"), 1);
	house_advance(x, 60 * SECOND);
	ck_assert_code(house_seat(x, 1, &r), CODE_OK);
	ck_assert_int_eq(r.until, NOW + 1260 * SECOND);
	house_advance(x, 719 * SECOND);
	ck_assert_code(house_seat(x, 2, NULL), QUEUED);
	house_advance(x, 1 * SECOND);
	ck_assert_code(house_seat(x, 2, NULL), CODE_OK);
	ck_assert_code(house_seat(x, 1, NULL), QUEUED);
}

/* Whoever waits and asks no more loses the place after three times the retry. */
HOUSE_TEST(test_holdings_seats_queue_ages)
{
	struct holdings_request r;

	x->seat = 1;
	house_packs(x);
	house_seat(x, 1, NULL);
	house_seat(x, 2, &r);
	ck_assert_uint_eq(r.retry_after, 30);
	house_seat(x, 3, NULL);
	house_advance(x, 89 * SECOND);
	ck_assert_code(house_seat(x, 3, &r), QUEUED);
	ck_assert_uint_eq(r.position, 2);
	house_advance(x, SECOND);
	ck_assert_code(house_seat(x, 3, &r), QUEUED);
	ck_assert_uint_eq(r.position, 1);
	/* Full. */
	for (uint32_t i = 10; i < 19; i++)
		ck_assert_code(house_seat(x, i, NULL), QUEUED);
	ck_assert_code(house_seat(x, 30, &r), SEATS);
	ck_assert_ptr_nonnull(strstr(r.detail, "full"));
	x->seats.queue_max = 0;
	ck_assert_code(house_seat(x, 31, &r), SEATS);
}

/* Taken back: not renewed, free with its lease and without grace; never two at once. */
HOUSE_TEST(test_holdings_seats_taken_back)
{
	struct muster_err err = { 0 };
	struct holdings_request r;
	char id[37];

	x->seat = 1;
	house_packs(x);
	ck_assert_int_eq(house_take_back(x, CAD, house_id(id, 1), NULL, &err), MUSTER_E_NOT_FOUND);
	house_seat(x, 1, NULL);
	ck_assert_int_eq(house_take_back(x, CAD, house_id(id, 1), NULL, &err), MUSTER_OK);
	ck_assert_int_eq(house_take_back(x, CAD, house_id(id, 1), NULL, &err), MUSTER_E_EXISTS);
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_SEAT_TAKEN), 1);
	ck_assert_int_eq(house_number(x, NULL, NULL, "ending"), 1);
	ck_assert_code(house_seat(x, 1, &r), CODE_M_TAKEN_BACK);
	ck_assert_uint_gt(strlen(r.detail), 20);
	house_advance(x, 590 * SECOND);
	ck_assert_code(house_seat(x, 2, NULL), QUEUED);
	house_advance(x, 10 * SECOND);
	ck_assert_code(house_seat(x, 1, NULL), QUEUED);
	ck_assert_code(house_seat(x, 2, NULL), CODE_OK);
	/* In grace no lease lives: free at once. */
	house_advance(x, 601 * SECOND);
	house_due(x);
	ck_assert_int_eq(house_take_back(x, CAD, house_id(id, 2), NULL, &err), MUSTER_OK);
	ck_assert_int_eq(house_number(x, NULL, NULL, "free"), 1);
}

HOUSE_TEST(test_holdings_seats_advise)
{
	struct holdings_request r;

	house_product(x, CAD)->advise = true;
	x->seat = 1;
	house_packs(x);
	house_seat(x, 1, NULL);
	ck_assert_code(house_seat(x, 2, &r), CODE_OK);
	ck_assert(r.over);
	ck_assert_int_eq(house_number(x, NULL, NULL, "over"), 1);
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_BREACH), 1);
	house_request(x, &r, CAD, 1);
	house_release(x, &r);
	house_ask(x, &r);
	ck_assert_code(house_seat(x, 2, &r), CODE_OK);
	ck_assert(!r.over);
	ck_assert_int_eq(house_number(x, NULL, NULL, "over"), 0);
	ck_assert_int_eq(house_number(x, NULL, NULL, "issued"), 1);
}

/* Fewer seats than are out: nobody is cut off, nobody is extended before enough are free. */
HOUSE_TEST(test_holdings_seats_fewer)
{
	struct holdings_request r;

	x->seat = 3;
	house_packs(x);
	for (uint32_t i = 1; i <= 3; i++)
		house_seat(x, i, NULL);
	x->seat = 2;
	house_packs(x);
	ck_assert_int_eq(house_number(x, NULL, NULL, "over"), 1);
	house_advance(x, 300 * SECOND);
	ck_assert_code(house_seat(x, 1, &r), QUEUED);
	ck_assert_uint_eq(r.used, 3);
	ck_assert_uint_eq(r.total, 2);
	house_request(x, &r, CAD, 2);
	house_release(x, &r);
	house_ask(x, &r);
	ck_assert_code(house_seat(x, 3, NULL), CODE_OK);
	ck_assert_code(house_seat(x, 1, NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, NULL, NULL, "waiting"), 0);
	/* Kept for others: who is one of those passes those who wait for what is not theirs. */
	house_request(x, &r, CAD, 3);
	house_release(x, &r);
	house_ask(x, &r);
	house_reserve(x, CAD, 1);
	ck_assert_code(house_seat(x, 7, NULL), QUEUED);
	house_request(x, &r, CAD, 8);
	r.client[0] = 0xEE;
	ck_assert_code(house_ask(x, &r), CODE_OK);
}

/* A commit that fails gives nobody a seat and nobody's place away. */
MEMORY_TEST(test_holdings_seats_failed)
{
	struct house *x = calloc(1, sizeof *x);
	struct holdings_request r, first;
	struct holdings_group *g;
	struct muster_err err = { 0 };

	house_open(x, f);
	x->seat = 1;
	house_packs(x);
	house_seat(x, 1, NULL);
	house_seat(x, 2, NULL);
	house_seat(x, 3, NULL);
	house_request(x, &r, CAD, 1);
	house_release(x, &r);
	house_ask(x, &r);
	house_request(x, &first, CAD, 2);
	store_memory_fault(f->memory, true, 0, STORE_MEMORY_FULL);
	holdings_lock(x->h);
	ck_assert_int_eq(group_begin(&g, x->h, holdings_now(x->h), &err), MUSTER_OK);
	seats_judge(x->h, g, &first);
	ck_assert_code(first.code, CODE_OK);
	ck_assert_int_ne(group_commit(g, &err), MUSTER_OK);
	holdings_unlock(x->h);
	ck_assert_int_eq(house_number(x, NULL, NULL, "free"), 1);
	ck_assert_code(house_seat(x, 3, NULL), QUEUED);
	ck_assert_code(house_seat(x, 2, NULL), CODE_OK);
	ck_assert_code(house_seat(x, 3, &r), QUEUED);
	ck_assert_uint_eq(r.position, 1);
	house_close(x);
	free(x);
}

/* ---- memory runs out ---- */

struct tally { uint64_t n[256][16]; };   /* by kind and generation, and state */

static int tally_one(void *ctx, const struct store_holding *row)
{
	struct tally *t = ctx;

	t->n[HOLDINGS_KIND(row->class_) * 16 + HOLDINGS_GENERATION(row->class_)][row->state]++;
	return 0;
}

/* Sums are those of the rows, and nothing is out that there is not. */
static void expect_sound(struct house *x, enum fix_product which)
{
	uint32_t product = holdings_number(x->h, house_product(x, which));
	struct tally t = { 0 };
	struct holdings_group *g;
	struct muster_err err = { 0 };

	house_due(x);
	ck_assert_int_eq(ledger_holdings(x->f->l, product, 0, (struct muster_span){ NULL, 0 }, STORE_PAGE_MAX, tally_one, &t, &err), MUSTER_OK);
	holdings_lock(x->h);
	ck_assert_msg(group_begin(&g, x->h, holdings_now(x->h), &err) == MUSTER_OK, "%s", err.message);
	for (uint32_t kind = 1; kind <= HOLDINGS_SEAT; kind++)
		for (uint32_t generation = 0; generation <= V2022; generation++)
			for (uint32_t state = 1; state < 16; state++)
				ck_assert_uint_eq(group_sum(g, product, HOLDINGS_CLASS(kind, generation), state), t.n[kind * 16 + generation][state]);
	group_drop(g);
	holdings_unlock(x->h);
	for (uint32_t generation = V2016; generation <= V2022; generation++) {
		ck_assert_uint_le(t.n[HOLDINGS_DEVICE * 16 + generation][HOLDINGS_PERMANENT], x->device[generation]);
		ck_assert_uint_le(t.n[HOLDINGS_USER * 16 + generation][HOLDINGS_ASSIGNED] + t.n[HOLDINGS_USER * 16 + generation][HOLDINGS_KEPT], x->user[generation]);
	}
	ck_assert_uint_le(t.n[HOLDINGS_SEAT * 16][HOLDINGS_OUT] + t.n[HOLDINGS_SEAT * 16][HOLDINGS_ENDING], x->seat);
}

/* Three requests as one group. @return false when something failed. */
static bool some_requests(struct house *x, uint32_t id)
{
	struct holdings_request r[3];
	struct holdings_group *g = NULL;
	struct muster_err err = { 0 };
	char user[16];
	bool good = true;
	int e;

	snprintf(user, sizeof user, "user%u", id % 9);
	for (int i = 0; i < 3; i++) {
		house_request(x, &r[i], i == 2 ? CAD : RDS, id % 7 + 1);
		r[i].version = i == 2 ? "" : id % 2 == 0 ? "2016" : "2019";
		r[i].per = i == 1 ? MUSTER_PER_USER : MUSTER_PER_DEVICE;
		r[i].user = i == 1 ? user : "";
	}
	holdings_lock(x->h);
	if ((e = group_begin(&g, x->h, holdings_now(x->h), &err)) == MUSTER_OK) {
		for (int i = 0; i < 3; i++) {
			group_ask(g, &r[i]);
			(i == 2 ? seats_judge : access_judge)(x->h, g, &r[i]);
			good = good && r[i].code != CODE_M_STORAGE;
		}
		group_ask(g, NULL);
		e = group_commit(g, &err);
	}
	holdings_unlock(x->h);
	return good && e == MUSTER_OK;
}

static bool some_acts(struct house *x, uint32_t id)
{
	const struct catalog_product *p = house_product(x, RDS);
	struct muster_err err = { 0 };
	char text[37], from[16], to[16];
	json_t *out = NULL;
	int r[4];

	snprintf(from, sizeof from, "user%u", id % 9);
	snprintf(to, sizeof to, "user%u", (id + 1) % 9);
	r[0] = holdings_report(x->h, NULL, &out, &err);
	json_decref(out);
	r[1] = holdings_list(x->h, p, NULL, 5, &out, &err);
	json_decref(out);
	r[2] = holdings_take_back(x->h, "0 root", house_product(x, id % 3 == 0 ? CAD : RDS), house_id(text, id % 7 + 1), NULL, "why", &out, &err);
	json_decref(out);
	r[3] = holdings_reassign(x->h, "0 root", p, from, to, "why", &out, &err);
	json_decref(out);
	for (int i = 0; i < 4; i++)
		if (r[i] == MUSTER_E_NOMEM || r[i] == MUSTER_E_IO || r[i] == MUSTER_E_UNKNOWN)
			return false;
	return r[0] == MUSTER_OK && r[1] == MUSTER_OK;
}

/* Whatever allocation fails: an answer, or an error; sums stay true, and the next one is served. */
MEMORY_TEST(test_holdings_allocations)
{
	struct house *x = calloc(1, sizeof *x);
	unsigned failed = 0;

	house_open(x, f);
	house_buy(x, V2016, 2, 2);
	house_buy(x, V2019, 2, 2);
	x->seat = 3;
	house_packs(x);
	for (uint32_t nth = 1; nth <= 500; nth++) {
		mem_fail_at(nth % 50 + 1);
		if (nth / 50 % 2 == 0)
			failed += !some_requests(x, nth);
		else
			failed += !some_acts(x, nth);
		mem_fail_at(0);
		expect_sound(x, RDS);
		expect_sound(x, CAD);
		ck_assert(some_requests(x, nth + 3));
		if (nth % 10 == 0) {
			house_advance(x, 5 * DAY);
			house_packs(x);
		}
	}
	ck_assert_uint_gt(failed, 50);
	house_close(x);
	free(x);
}

UNIT_MAIN("holdings_seats", test_holdings_seats, test_holdings_seats_pack_ends, test_holdings_seats_clock_set_back, test_holdings_seats_released_again, test_holdings_seats_grace, test_holdings_seats_queue_ages, test_holdings_seats_taken_back,
          test_holdings_seats_advise, test_holdings_seats_fewer, test_holdings_seats_failed, test_holdings_allocations)
