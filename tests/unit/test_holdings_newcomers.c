/* The limits on new client IDs over the real rules and groups: who counts as new, whom nobody holds up, and that nothing counts which was not committed. */
#include "tests/unit/holdings_fixture.h"

#include "core/base/bytes.h"

#define QUEUED ((uint32_t)CODE_M_QUEUED)
#define SEATS ((uint32_t)CODE_M_SEATS)
#define ADDRESS 5U

static void limits(struct house *x, uint64_t per_hour, uint64_t per_day, bool loopback)
{
	x->f->config.limits.new_clients_per_hour = per_hour;
	x->f->config.limits.new_clients_per_day = per_day;
	x->f->config.limits.loopback = loopback;
	ledger_configure(x->f->l, &x->f->config);
}

static void request_from(struct house *x, struct holdings_request *r, enum fix_product which, uint32_t id, uint32_t addr)
{
	house_request(x, r, which, id);
	r->loopback = false;
	r->addr_len = 4;
	be32_put(r->addr, addr);
}

static uint32_t seat_from(struct house *x, uint32_t id, uint32_t addr, struct holdings_request *out)
{
	struct holdings_request r;

	request_from(x, &r, CAD, id, addr);
	house_ask(x, &r);
	if (out != NULL)
		*out = r;
	return r.code;
}

static uint32_t device_from(struct house *x, uint32_t id, uint32_t addr, const char *version)
{
	struct holdings_request r;

	request_from(x, &r, RDS, id, addr);
	r.per = MUSTER_PER_DEVICE;
	r.version = version;
	return house_ask(x, &r);
}

static uint32_t user_from(struct house *x, const char *user, uint32_t id, uint32_t addr, struct holdings_request *out)
{
	struct holdings_request r;

	request_from(x, &r, RDS, id, addr);
	r.per = MUSTER_PER_USER;
	r.user = user;
	r.version = "2019";
	house_ask(x, &r);
	*out = r;
	return r.code;
}

static void give_back(struct house *x, uint32_t id, uint32_t addr)
{
	struct holdings_request r;

	request_from(x, &r, CAD, id, addr);
	r.release = true;
	r.lease_at = clock_wall_ms(&x->f->clock.clock) / 1000;
	ck_assert_code(house_ask(x, &r), CODE_OK);
}

HOUSE_TEST(test_newcomers_seats)
{
	struct holdings_request r;

	x->seat = 20;
	house_packs(x);
	limits(x, 3, 1000, false);
	for (uint32_t i = 1; i <= 3; i++)
		ck_assert_code(seat_from(x, i, ADDRESS, NULL), CODE_OK);
	ck_assert_code(seat_from(x, 4, ADDRESS, &r), CODE_M_RATE_NEW);
	ck_assert_uint_ge(r.retry_after, 3599);
	ck_assert_uint_le(r.retry_after, 3601);
	ck_assert_ptr_nonnull(strstr(r.detail, "this address has reported 3 new client IDs within an hour"));
	ck_assert_int_eq(house_number(x, NULL, NULL, "issued"), 3);
	/* Holders are never held up, nor are others. */
	for (uint32_t i = 1; i <= 3; i++)
		ck_assert_code(seat_from(x, i, ADDRESS, NULL), CODE_OK);
	ck_assert_code(seat_from(x, 4, ADDRESS + 1, NULL), CODE_OK);
	/* Nobody new: who gave a seat back and wants one again, and who shows a lease of ours. */
	give_back(x, 2, ADDRESS);
	ck_assert_code(seat_from(x, 5, ADDRESS, NULL), CODE_M_RATE_NEW);
	ck_assert_code(seat_from(x, 2, ADDRESS, NULL), CODE_OK);
	request_from(x, &r, CAD, 6, ADDRESS);
	r.lease_known = true;
	ck_assert_code(house_ask(x, &r), CODE_OK);
	house_advance(x, HOUR);
	ck_assert_code(seat_from(x, 5, ADDRESS, NULL), CODE_OK);
}

/* A place in the queue is something that is given; a refusal is not. */
HOUSE_TEST(test_newcomers_queue)
{
	struct holdings_request r;

	x->seat = 1;
	house_packs(x);
	limits(x, 3, 1000, false);
	for (uint32_t i = 1; i <= 3; i++)
		ck_assert_code(seat_from(x, i, ADDRESS, NULL), i == 1 ? (uint32_t)CODE_OK : QUEUED);
	for (uint32_t i = 10; i < 15; i++) {
		ck_assert_code(seat_from(x, i, ADDRESS, &r), CODE_M_RATE_NEW);
		ck_assert_uint_gt(r.retry_after, 3000);
		ck_assert_uint_eq(r.position, 0);
	}
	ck_assert_int_eq(house_number(x, NULL, NULL, "waiting"), 2);
	ck_assert_code(seat_from(x, 3, ADDRESS, &r), QUEUED);
	ck_assert_uint_eq(r.position, 2);
	/* Who would not wait is told as before, and uses nothing up. */
	for (uint32_t i = 20; i < 25; i++) {
		request_from(x, &r, CAD, i, ADDRESS + 1);
		r.queue = false;
		ck_assert_code(house_ask(x, &r), SEATS);
	}
	/* The one who waited counted when it got its place. */
	give_back(x, 1, ADDRESS);
	ck_assert_code(seat_from(x, 2, ADDRESS, NULL), CODE_OK);
	for (uint32_t i = 30; i <= 32; i++)
		ck_assert_code(seat_from(x, i, ADDRESS + 1, NULL), QUEUED);
	ck_assert_code(seat_from(x, 33, ADDRESS + 1, NULL), CODE_M_RATE_NEW);
}

HOUSE_TEST(test_newcomers_access)
{
	struct holdings_request r;

	house_buy(x, V2019, 10, 10);
	limits(x, 3, 1000, false);
	/* What is refused anyway uses nothing up. */
	for (uint32_t i = 50; i < 60; i++)
		ck_assert_code(device_from(x, i, ADDRESS, "2030"), CODE_M_VERSION);
	for (uint32_t i = 1; i <= 3; i++)
		ck_assert_code(device_from(x, i, ADDRESS, "2019"), CODE_OK);
	ck_assert_code(device_from(x, 4, ADDRESS, "2019"), CODE_M_RATE_NEW);
	ck_assert_int_eq(house_number(x, "device", "2019", "temporary"), 3);
	ck_assert_code(device_from(x, 3, ADDRESS, "2019"), CODE_OK);   /* the second sign-in: permanent */
	ck_assert_int_eq(house_number(x, "device", "2019", "issued"), 1);
	house_advance(x, 100 * DAY);
	house_due(x);
	for (uint32_t i = 60; i <= 62; i++)
		ck_assert_code(device_from(x, i, ADDRESS, "2019"), CODE_OK);
	ck_assert_code(device_from(x, 1, ADDRESS, "2019"), CODE_OK);   /* it had its temporary one: known */
	/* Users count for the address that names them, whatever client ID it uses. */
	ck_assert_code(user_from(x, "anna", 1, ADDRESS, &r), CODE_M_RATE_NEW);
	ck_assert_ptr_nonnull(strstr(r.detail, "users"));
	ck_assert_code(user_from(x, "anna", 1, ADDRESS + 1, &r), CODE_OK);
	ck_assert_code(user_from(x, "ben", 1, ADDRESS + 1, &r), CODE_OK);
	ck_assert_code(user_from(x, "carl", 2, ADDRESS + 1, &r), CODE_OK);
	ck_assert_code(user_from(x, "dora", 3, ADDRESS + 1, &r), CODE_M_RATE_NEW);
	ck_assert_int_eq(house_number(x, "user", "2019", "issued"), 3);
	ck_assert_code(user_from(x, "ANNA", 99, ADDRESS + 1, &r), CODE_OK);   /* known, from anywhere */
	/* A lease is the device's and makes no user known. */
	request_from(x, &r, RDS, 1, ADDRESS + 1);
	r.per = MUSTER_PER_USER;
	r.user = "emil";
	r.lease_known = true;
	ck_assert_code(house_ask(x, &r), CODE_M_RATE_NEW);
}

/* So many a day of one product, whatever the address. */
HOUSE_TEST(test_newcomers_per_day)
{
	struct holdings_request r;

	x->seat = 100;
	house_buy(x, V2019, 10, 10);
	limits(x, 100, 5, false);
	for (uint32_t i = 1; i <= 5; i++)
		ck_assert_code(seat_from(x, i, i, NULL), CODE_OK);
	ck_assert_code(seat_from(x, 6, 6, &r), CODE_M_RATE_NEW);
	ck_assert_uint_ge(r.retry_after, 86399);
	ck_assert_ptr_nonnull(strstr(r.detail, "5 new client IDs were counted of "));
	ck_assert_code(device_from(x, 6, 6, "2019"), CODE_OK);   /* another product */
	ck_assert_code(seat_from(x, 5, 7, NULL), CODE_OK);
	/* Another number is taken at a reload. */
	limits(x, 100, 6, false);
	ck_assert_code(seat_from(x, 6, 6, NULL), CODE_OK);
	ck_assert_code(seat_from(x, 7, 6, NULL), CODE_M_RATE_NEW);
	house_advance(x, DAY);
	ck_assert_code(seat_from(x, 7, 6, NULL), CODE_OK);
}

/* One address, several products: the pools' new clients and these are the same hour's. Loopback only where it is configured. */
HOUSE_TEST(test_newcomers_address)
{
	struct holdings_request r;
	struct ask a;

	x->seat = 100;
	house_packs(x);
	limits(x, 3, 1000, false);
	ck_assert_code(seat_from(x, 1, ADDRESS, NULL), CODE_OK);
	ck_assert_code(device_from(x, 1, ADDRESS, "2019"), CODE_OK);
	for (uint32_t i = 1; i <= 2; i++) {
		ask_init(x->f, &a, TINY, i);
		a.r.addr_len = 4;
		be32_put(a.r.addr, ADDRESS);
		a.r.loopback = false;
		ask_go(x->f, &a);
		ck_assert_code(a.r.code, i == 1 ? (uint32_t)CODE_OK : CODE_M_RATE_NEW);
		ask_fini(&a);
	}
	ck_assert_code(seat_from(x, 2, ADDRESS, NULL), CODE_M_RATE_NEW);
	for (uint32_t i = 10; i < 20; i++)
		ck_assert_code(house_seat(x, i, NULL), CODE_OK);
	limits(x, 3, 1000, true);
	for (uint32_t i = 20; i <= 23; i++)
		ck_assert_code(house_seat(x, i, &r), i <= 22 ? (uint32_t)CODE_OK : CODE_M_RATE_NEW);
}

#define MANY 6U

/* Six as one group, of which one asks twice. */
static int six(struct house *x, struct holdings_request r[MANY], uint32_t from)
{
	struct holdings_group *g;
	struct muster_err err = { 0 };
	int result;

	holdings_lock(x->h);
	ck_assert_msg(group_begin(&g, x->h, holdings_now(x->h), &err) == MUSTER_OK, "%s", err.message);
	for (uint32_t i = 0; i < MANY; i++) {
		request_from(x, &r[i], CAD, from + (i == 1 ? 0 : i), ADDRESS);
		group_ask(g, &r[i]);
		seats_judge(x->h, g, &r[i]);
	}
	group_ask(g, NULL);
	result = group_commit(g, &err);
	holdings_unlock(x->h);
	return result;
}

/* One group sees what it has taken itself; of one that is not committed nothing counts. */
MEMORY_TEST(test_newcomers_group)
{
	static const enum store_memory_fault faults[] = { STORE_MEMORY_FAIL, STORE_MEMORY_FULL };
	struct house *x = calloc(1, sizeof *x);
	struct holdings_request r[MANY];

	house_open(x, f);
	x->seat = 100;
	house_packs(x);
	limits(x, 4, 4, false);
	for (uint32_t round = 0; round < 6; round++) {
		store_memory_fault(f->memory, true, 0, faults[round % 2]);
		ck_assert_int_ne(six(x, r, 100 + 10 * round), MUSTER_OK);
		store_memory_fault(f->memory, true, 0, STORE_MEMORY_OK);
		for (uint32_t i = 0; i < MANY; i++)
			ck_assert_code(r[i].code, i <= 4 ? (uint32_t)CODE_OK : CODE_M_RATE_NEW);
	}
	/* A group that is left does not count either. */
	{
		struct holdings_group *g;
		struct muster_err err = { 0 };

		holdings_lock(x->h);
		ck_assert_int_eq(group_begin(&g, x->h, holdings_now(x->h), &err), MUSTER_OK);
		request_from(x, &r[0], CAD, 1, ADDRESS);
		seats_judge(x->h, g, &r[0]);
		ck_assert_code(r[0].code, CODE_OK);
		group_drop(g);
		holdings_unlock(x->h);
	}
	ck_assert_int_eq(six(x, r, 1), MUSTER_OK);
	for (uint32_t i = 0; i < MANY; i++)
		ck_assert_code(r[i].code, i <= 4 ? (uint32_t)CODE_OK : CODE_M_RATE_NEW);
	ck_assert_int_eq(house_number(x, NULL, NULL, "issued"), 4);
	/* Those whom the failed commits forgot are new still. */
	ck_assert_code(seat_from(x, 100, ADDRESS, NULL), CODE_M_RATE_NEW);
	ck_assert_code(seat_from(x, 100, ADDRESS + 1, &r[0]), CODE_M_RATE_NEW);   /* the product's day */
	ck_assert_ptr_nonnull(strstr(r[0].detail, "within a day"));
	house_close(x);
	free(x);
}

UNIT_MAIN("holdings_newcomers", test_newcomers_seats, test_newcomers_queue, test_newcomers_access, test_newcomers_per_day, test_newcomers_address, test_newcomers_group)
