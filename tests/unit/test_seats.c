/* core/licensing/seats.c: so many at once, grace, the queue, and a long random walk in which there are never more. */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/licensing/seats.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define NOW INT64_C(1795000000000)
#define LEASE 600U
#define GRACE 120U

static struct seats_input input(uint64_t seats, uint64_t out)
{
	return (struct seats_input){ .seats = seats, .out = out, .within = out, .lease_s = LEASE, .grace_s = GRACE, .now = NOW };
}

static struct seats_verdict verdict(struct seats_input in)
{
	struct seats_verdict v = { .code = 1, .change = SEATS_DROP, .over = true };

	seats_decide(&v, &in);
	return v;
}

static void client(uint8_t out[16], uint32_t id)
{
	memset(out, 0, 16);
	be32_put(out, id);
}

START_TEST(test_seats_granted)
{
	struct seats_verdict v;

	for (uint64_t seats = 0; seats < 4; seats++)
		for (uint64_t out = 0; out < 5; out++) {
			v = verdict(input(seats, out));
			ck_assert_uint_eq(v.code, out < seats ? CODE_OK : (uint32_t)CODE_M_SEATS);
			ck_assert_int_eq(v.change, out < seats ? SEATS_PUT : SEATS_LEAVE);
			if (out < seats)
				ck_assert_int_eq(v.until, NOW + LEASE * SECOND);
		}
	/* A lease says seconds and must not outlive its seat. */
	{
		struct seats_input in = input(1, 0);

		in.now = NOW + 999;
		ck_assert_int_eq(verdict(in).until, NOW + LEASE * SECOND);
	}
}
END_TEST

/* The holder is extended while its seat is its own: its lease lives or grace does; an earlier longer lease is not shortened. */
START_TEST(test_seats_extended)
{
	struct seats_input in = input(1, 0);

	in.held = SEATS_OUT;
	in.until = NOW + MINUTE;
	ck_assert_int_eq(verdict(in).until, NOW + LEASE * SECOND);
	in.until = NOW + 3600 * SECOND;
	ck_assert_int_eq(verdict(in).until, NOW + 3600 * SECOND);
	/* In grace. */
	in.grace = true;
	in.until = NOW + 1;
	ck_assert_uint_eq(verdict(in).code, CODE_OK);
	ck_assert_int_eq(verdict(in).until, NOW + LEASE * SECOND);
	in.ahead = 1;   /* who waits does not get a seat that is not free */
	ck_assert_uint_eq(verdict(in).code, CODE_OK);
	/* Grace is over: like anybody else. */
	in.until = NOW;
	ck_assert_uint_eq(verdict(in).code, (uint32_t)CODE_M_SEATS);
	ck_assert_int_eq(verdict(in).change, SEATS_DROP);
	in.grace = false;
	in.until = NOW - GRACE * SECOND;
	ck_assert_int_eq(verdict(in).change, SEATS_DROP);
	in.until++;
	ck_assert_uint_eq(verdict(in).code, CODE_OK);
	/* There are fewer seats than before: nothing is extended beyond them, nothing is cut off. */
	in = input(1, 1);
	in.held = SEATS_OUT;
	in.until = NOW + MINUTE;
	ck_assert_uint_eq(verdict(in).code, (uint32_t)CODE_M_SEATS);
	ck_assert_int_eq(verdict(in).change, SEATS_LEAVE);
}
END_TEST

START_TEST(test_seats_hardware)
{
	struct seats_input in = input(5, 0);

	in.held = SEATS_OUT;
	in.until = NOW + 1;
	in.other_hardware = true;
	ck_assert_uint_eq(verdict(in).code, (uint32_t)CODE_M_DUPLICATE);
	ck_assert_int_eq(verdict(in).change, SEATS_LEAVE);
	in.until = NOW;   /* no lease lives */
	ck_assert_uint_eq(verdict(in).code, CODE_OK);
}
END_TEST

/* Taken back: not renewed, free when the lease is over, without grace. */
START_TEST(test_seats_taken)
{
	struct seats_input in = input(5, 0);
	bool grace = false;
	int64_t until = NOW;

	in.held = SEATS_ENDING;
	in.until = NOW + MINUTE;
	ck_assert_uint_eq(verdict(in).code, (uint32_t)CODE_M_TAKEN_BACK);
	ck_assert_int_eq(verdict(in).until, NOW + MINUTE);
	in.until = NOW;
	ck_assert_uint_eq(verdict(in).code, CODE_OK);
	ck_assert_int_eq(seats_settle(SEATS_ENDING, &grace, &until, GRACE, NOW), SEATS_DROP);
}
END_TEST

START_TEST(test_seats_settle)
{
	bool grace = false;
	int64_t until = NOW;

	ck_assert_int_eq(seats_settle(SEATS_OUT, &grace, &until, GRACE, NOW - 1), SEATS_LEAVE);
	ck_assert_int_eq(seats_settle(SEATS_OUT, &grace, &until, GRACE, NOW), SEATS_PUT);
	ck_assert(grace);
	ck_assert_int_eq(until, NOW + GRACE * SECOND);
	ck_assert_int_eq(seats_settle(SEATS_OUT, &grace, &until, GRACE, NOW + GRACE * SECOND - 1), SEATS_LEAVE);
	ck_assert_int_eq(seats_settle(SEATS_OUT, &grace, &until, GRACE, NOW + GRACE * SECOND), SEATS_DROP);
	grace = false;
	until = NOW;
	ck_assert_int_eq(seats_settle(SEATS_OUT, &grace, &until, 0, NOW), SEATS_DROP);
	ck_assert_int_eq(seats_settle(SEATS_OUT, &grace, &until, GRACE, NOW + GRACE * SECOND), SEATS_DROP);
}
END_TEST

START_TEST(test_seats_advise)
{
	struct seats_input in = input(2, 2);

	in.advise = true;
	ck_assert_uint_eq(verdict(in).code, CODE_OK);
	ck_assert(verdict(in).over && verdict(in).fresh);
	in.held = SEATS_OUT;
	in.over = true;
	in.until = NOW + 1;
	ck_assert(verdict(in).over && !verdict(in).fresh);
	in.within = 1;
	ck_assert(!verdict(in).over);
	in.within = 2;
	in.advise = false;
	ck_assert_uint_eq(verdict(in).code, (uint32_t)CODE_M_SEATS);
}
END_TEST

START_TEST(test_seats_reserved)
{
	struct seats_input in = input(5, 3);

	in.kept = 2;
	ck_assert_uint_eq(verdict(in).code, (uint32_t)CODE_M_RESERVED);
	in.kept = 1;
	ck_assert_uint_eq(verdict(in).code, CODE_OK);
	in.ahead = 1;
	ck_assert_uint_eq(verdict(in).code, (uint32_t)CODE_M_RESERVED);
	in.ahead = 2;
	ck_assert_uint_eq(verdict(in).code, (uint32_t)CODE_M_SEATS);
}
END_TEST

/* ---- the queue ---- */

static uint32_t wait_in(struct seats_queue *q, uint32_t id, int64_t now)
{
	uint8_t c[16];
	uint32_t retry, position;

	client(c, id);
	position = seats_queue_wait(q, c, 0, 100, now, &retry);
	ck_assert(retry >= SEATS_RETRY_MIN && retry <= SEATS_RETRY_MAX);
	return position;
}

static uint64_t ahead_of(struct seats_queue *q, uint32_t id, uint64_t free)
{
	uint8_t c[16];

	client(c, id);
	return seats_queue_ahead(q, c, free);
}

START_TEST(test_seats_queue_order)
{
	struct seats_queue *q = seats_queue_new();
	uint8_t c[16];
	uint32_t retry;

	for (uint32_t i = 1; i <= 5; i++)
		ck_assert_uint_eq(wait_in(q, i, NOW), i);
	for (uint32_t i = 5; i >= 1; i--)
		ck_assert_uint_eq(wait_in(q, i, NOW + SECOND), i);
	/* One is free: the first gets it, nobody overtakes; two: the first two. */
	ck_assert_uint_eq(ahead_of(q, 1, 1), 0);
	ck_assert_uint_eq(ahead_of(q, 2, 1), 1);
	ck_assert_uint_eq(ahead_of(q, 99, 1), 1);
	ck_assert_uint_eq(ahead_of(q, 2, 2), 1);
	ck_assert_uint_eq(ahead_of(q, 99, 9), 5);
	client(c, 2);
	seats_queue_leave(q, c);
	ck_assert_uint_eq(seats_queue_count(q), 4);
	ck_assert_uint_eq(wait_in(q, 3, NOW), 2);
	/* Full. */
	client(c, 50);
	ck_assert_uint_eq(seats_queue_wait(q, c, 0, 4, NOW, &retry), 0);
	ck_assert_uint_eq(seats_queue_wait(q, c, 0, 5, NOW, &retry), 5);
	seats_queue_free(q);
}
END_TEST

/* A place dies when three times the retry has passed since its last question. */
START_TEST(test_seats_queue_age)
{
	struct seats_queue *q = seats_queue_new();
	uint8_t c[16];
	uint32_t retry;
	int64_t dies;

	client(c, 1);
	ck_assert_uint_eq(seats_queue_wait(q, c, 0, 9, NOW, &retry), 1);
	ck_assert_uint_eq(retry, SEATS_RETRY_MIN);
	dies = NOW + (int64_t)retry * SEATS_KEEP * SECOND;
	wait_in(q, 2, NOW + 80 * SECOND);
	seats_queue_age(q, dies - 1);
	ck_assert_uint_eq(ahead_of(q, 2, 9), 1);
	seats_queue_age(q, dies);
	ck_assert_uint_eq(ahead_of(q, 2, 9), 0);
	ck_assert_uint_eq(wait_in(q, 2, dies), 1);
	/* Who asks on keeps its place for ever. */
	for (int64_t t = dies; t < dies + 100 * MINUTE; t += 29 * SECOND) {
		seats_queue_age(q, t);
		ck_assert_uint_eq(wait_in(q, 2, t), 1);
	}
	seats_queue_free(q);
}
END_TEST

/* Whoever waits for what is not for it keeps nobody from it. */
START_TEST(test_seats_queue_kept)
{
	struct seats_queue *q = seats_queue_new();
	uint8_t c[16];
	uint32_t retry;

	client(c, 1);
	ck_assert_uint_eq(seats_queue_wait(q, c, 2, 9, NOW, &retry), 1);   /* a stranger, two are reserved */
	client(c, 2);
	ck_assert_uint_eq(seats_queue_wait(q, c, 0, 9, NOW, &retry), 2);   /* one of those */
	ck_assert_uint_eq(ahead_of(q, 2, 1), 0);
	ck_assert_uint_eq(ahead_of(q, 2, 2), 0);
	ck_assert_uint_eq(ahead_of(q, 2, 3), 1);
	ck_assert_uint_eq(ahead_of(q, 3, 2), 1);
	seats_queue_free(q);
}
END_TEST

/* A seat whose commit failed: the place is as it was. One that came true competes no more. */
START_TEST(test_seats_queue_served)
{
	struct seats_queue *q = seats_queue_new();
	uint8_t c[16];

	for (uint32_t i = 1; i <= 3; i++)
		wait_in(q, i, NOW);
	client(c, 1);
	seats_queue_served(q, c, NOW);
	ck_assert_uint_eq(seats_queue_count(q), 2);
	ck_assert_uint_eq(ahead_of(q, 2, 1), 0);
	seats_queue_restore(q);
	ck_assert_uint_eq(seats_queue_count(q), 3);
	ck_assert_uint_eq(ahead_of(q, 2, 1), 1);
	seats_queue_served(q, c, NOW);
	seats_queue_age(q, NOW + 10 * SECOND);
	seats_queue_restore(q);
	ck_assert_uint_eq(seats_queue_count(q), 2);
	/* Back again, it waits behind the others. */
	ck_assert_uint_eq(wait_in(q, 1, NOW + 10 * SECOND), 3);
	client(c, 2);
	seats_queue_served(q, c, NOW + 10 * SECOND);
	ck_assert_uint_eq(wait_in(q, 2, NOW + 11 * SECOND), 3);
	seats_queue_free(q);
}
END_TEST

/* ---- the walk ---- */

#define CLIENTS 60
#define STEPS 100000
struct seat { enum seats_held held; bool grace; int64_t until; int64_t arrived; };
struct room { struct seat s[CLIENTS]; struct seats_queue *q; uint64_t seats; int64_t now; uint64_t random; uint64_t granted, waited, most; };

static uint64_t draw(struct room *w, uint64_t below)
{
	w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (w->random >> 33) % below;
}

static uint64_t out_of(const struct room *w, uint32_t but)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < CLIENTS; i++)
		n += i != but && w->s[i].held != SEATS_NONE;
	return n;
}

static void due(struct room *w)
{
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (w->s[i].held != SEATS_NONE && seats_settle(w->s[i].held, &w->s[i].grace, &w->s[i].until, GRACE, w->now) == SEATS_DROP)
			w->s[i] = (struct seat){ .held = SEATS_NONE };
}

/* Of those who wait and go on asking, nobody who came earlier could have had the seat that @p id gets now. */
static void first_of(void *ctx, uint32_t position, const uint8_t c[16], int64_t asked)
{
	(void)asked;
	if (position == 1)
		memcpy(ctx, c, 16);
}

static void one_asks(struct room *w, uint32_t id)
{
	struct seats_input in = { .seats = w->seats, .out = out_of(w, id), .lease_s = LEASE, .grace_s = GRACE, .now = w->now, .held = w->s[id].held, .grace = w->s[id].grace, .until = w->s[id].until };
	uint8_t c[16], first[16] = { 0 };
	struct seats_verdict v;
	uint32_t retry;
	uint64_t free;

	client(c, id + 1);
	in.within = in.out;
	free = w->seats > in.out ? w->seats - in.out : 0;
	seats_queue_age(w->q, w->now);
	in.ahead = seats_queue_ahead(w->q, c, free);
	seats_queue_each(w->q, first_of, first);
	seats_decide(&v, &in);
	if (v.code == CODE_OK) {
		if (in.held == SEATS_NONE && free == 1 && seats_queue_count(w->q) > 0)
			ck_assert_msg(memcmp(c, first, 16) == 0, "somebody overtook");
		w->s[id].held = SEATS_OUT;
		w->s[id].grace = false;
		w->s[id].until = v.until;
		seats_queue_served(w->q, c, w->now);
		w->granted++;
	} else if (v.code == (uint32_t)CODE_M_SEATS) {
		w->waited += seats_queue_wait(w->q, c, 0, 20, w->now, &retry) > 0;
	}
}

static void step(struct room *w)
{
	uint32_t id = (uint32_t)draw(w, CLIENTS);
	uint8_t c[16];

	client(c, id + 1);
	switch (draw(w, 20)) {
	case 0:   /* gives it back */
		w->s[id] = (struct seat){ .held = SEATS_NONE };
		seats_queue_leave(w->q, c);
		break;
	case 1:
		if (w->s[id].held == SEATS_OUT && !w->s[id].grace)
			w->s[id].held = SEATS_ENDING;
		break;
	case 2:
		w->now += (int64_t)draw(w, 20) * MINUTE;
		due(w);
		break;
	case 3:
		seats_queue_restore(w->q);
		break;
	default:
		if (draw(w, 3) != 0)   /* else the clock stands still */
			w->now += (int64_t)draw(w, 4000);
		due(w);
		one_asks(w, id);
		break;
	}
}

START_TEST(test_seats_walk)
{
	for (uint64_t seats = 0; seats <= 16; seats += 4) {
		struct room w = { .seats = seats, .now = NOW, .random = 42 + seats, .q = seats_queue_new() };

		for (unsigned i = 0; i < STEPS; i++) {
			uint64_t out;

			step(&w);
			out = out_of(&w, UINT32_MAX);
			ck_assert_msg(out <= seats, "%llu of %llu seats are out", (unsigned long long)out, (unsigned long long)seats);
			if (out > w.most)
				w.most = out;
		}
		ck_assert_uint_eq(w.most, seats);
		if (seats > 0)
			ck_assert(w.granted > STEPS / 20 && w.waited > STEPS / 20);
		seats_queue_free(w.q);
	}
}
END_TEST

UNIT_MAIN("seats", test_seats_granted, test_seats_extended, test_seats_hardware, test_seats_taken, test_seats_settle, test_seats_advise, test_seats_reserved,
          test_seats_queue_order, test_seats_queue_age, test_seats_queue_kept, test_seats_queue_served, test_seats_walk)
