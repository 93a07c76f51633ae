/* core/licensing/access.c: the tables of facts.md section 7, decision by decision. */
#include "tests/unit/unit.h"

#include "core/base/codes.h"
#include "core/licensing/access.h"

#define DAY INT64_C(86400000)
#define NOW INT64_C(1795000000000)
#define LINES 3
enum { V2012, V2016, V2019 };

static const struct muster_access_rules rules = {
	.size = sizeof(struct muster_access_rules), .temporary_s = MUSTER_DAYS(90), .permanent_min_s = MUSTER_DAYS(52), .permanent_max_s = MUSTER_DAYS(89),
	.renew_left_s = MUSTER_DAYS(7), .user_s = MUSTER_DAYS(60), .user_reassign_s = MUSTER_DAYS(90), .grace_s = MUSTER_DAYS(120), .revoke_percent = 20
};

/* One asker before a licence server with three versions. */
struct desk { struct access_line l[LINES]; struct access_input in; struct access_verdict v; };

static void desk_init(struct desk *d, uint64_t licenses)
{
	*d = (struct desk){ 0 };
	for (uint32_t i = 0; i < LINES; i++) {
		d->l[i].generation = i + 1;
		d->l[i].licenses = licenses;
	}
	d->in = (struct access_input){ .lines = d->l, .n = LINES, .wanted = V2012 + 1, .server = V2019 + 1, .rules = &rules, .now = NOW, .random = 0 };
}

static bool is_out(const struct access_line *l)
{
	return !l->over && (l->held == ACCESS_PERMANENT || l->held == ACCESS_ASSIGNED || l->held == ACCESS_KEPT);
}

/* Decide, and keep the numbers as a store would. */
static uint32_t ask(struct desk *d, bool user, int version, int64_t now)
{
	bool before[LINES];

	d->in.wanted = (uint32_t)version + 1;
	d->in.now = now;
	for (int i = 0; i < LINES; i++)
		before[i] = is_out(&d->l[i]);
	{
		uint64_t out[LINES];

		for (int i = 0; i < LINES; i++)
			out[i] = d->l[i].out;
		(user ? access_decide_user : access_decide_device)(&d->v, &d->in);
		for (int i = 0; i < LINES; i++)
			d->l[i].out = out[i] + (is_out(&d->l[i]) ? 1 : 0) - (before[i] ? 1 : 0);
	}
	return d->v.code;
}

static uint32_t device(struct desk *d, int version, int64_t now) { return ask(d, false, version, now); }
static uint32_t user(struct desk *d, int version, int64_t now) { return ask(d, true, version, now); }

#define NO_LICENSE ((uint32_t)CODE_M_NO_LICENSE)

/* First sign-in: temporary, 90 days, with and without anything bought; out of no number. */
START_TEST(test_access_temporary)
{
	for (uint64_t licenses = 0; licenses < 2; licenses++) {
		struct desk d;

		desk_init(&d, licenses);
		ck_assert_uint_eq(device(&d, V2016, NOW), CODE_OK);
		ck_assert_int_eq(d.v.kind, ACCESS_TEMPORARY);
		ck_assert_uint_eq(d.v.generation, V2016 + 1);
		ck_assert_int_eq(d.v.until, NOW + 90 * DAY);
		ck_assert_uint_eq(d.l[V2016].out, 0);
		ck_assert_int_eq(d.l[V2016].change, ACCESS_PUT);
	}
}
END_TEST

/* Second sign-in: permanent if one is free; else the temporary one as it was, to its very end; then M-145. It is had once. */
START_TEST(test_access_second)
{
	struct desk d;

	desk_init(&d, 0);
	ck_assert_uint_eq(device(&d, V2016, NOW), CODE_OK);
	ck_assert_uint_eq(device(&d, V2016, NOW + 89 * DAY), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_TEMPORARY);
	ck_assert_int_eq(d.v.until, NOW + 90 * DAY);
	ck_assert_int_eq(d.l[V2016].change, ACCESS_LEAVE);
	ck_assert_uint_eq(device(&d, V2016, NOW + 90 * DAY - 1), CODE_OK);
	ck_assert_uint_eq(device(&d, V2016, NOW + 90 * DAY), NO_LICENSE);
	ck_assert_int_eq(d.l[V2016].held, ACCESS_ENDED);
	ck_assert_int_eq(d.l[V2016].until, ACCESS_NEVER);
	ck_assert_uint_eq(device(&d, V2016, NOW + 400 * DAY), NO_LICENSE);
	/* An older version asks for no second one either. */
	ck_assert_uint_eq(device(&d, V2012, NOW + 400 * DAY), NO_LICENSE);
	d.l[V2016].licenses = 1;
	ck_assert_uint_eq(device(&d, V2016, NOW + 400 * DAY), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_PERMANENT);
	ck_assert_uint_eq(d.l[V2016].out, 1);

	desk_init(&d, 1);
	ck_assert_uint_eq(device(&d, V2016, NOW), CODE_OK);
	ck_assert_uint_eq(device(&d, V2016, NOW + 1), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_PERMANENT);
	ck_assert_int_eq(d.v.until, NOW + 1 + 52 * DAY);
}
END_TEST

/* 52 to 89 days, both ends reached, nothing beside them. */
START_TEST(test_access_random)
{
	uint64_t range = 37 * 86400 + 1;
	bool seen[38] = { false };

	ck_assert_int_eq(access_permanent_ms(&rules, 0), 52 * DAY);
	ck_assert_int_eq(access_permanent_ms(&rules, range - 1), 89 * DAY);
	ck_assert_int_eq(access_permanent_ms(&rules, range), 52 * DAY);
	for (uint64_t i = 0; i < 100000; i++) {
		int64_t t = access_permanent_ms(&rules, i * UINT64_C(0x9e3779b97f4a7c15));

		ck_assert(t >= 52 * DAY && t <= 89 * DAY);
		seen[(t - 52 * DAY) / DAY] = true;
	}
	for (int i = 0; i < 37; i++)
		ck_assert_msg(seen[i], "no licence of %d days", 52 + i);
}
END_TEST

/* Renewed when seven days or less are left, counted once; the number may be used up. */
START_TEST(test_access_renewal)
{
	int64_t end = NOW + 1 + 52 * DAY;
	struct desk d;

	desk_init(&d, 1);
	device(&d, V2012, NOW);
	device(&d, V2012, NOW + 1);
	ck_assert_uint_eq(d.l[V2012].out, 1);
	d.in.random = 10 * 86400;
	ck_assert_uint_eq(device(&d, V2012, end - 7 * DAY - 1), CODE_OK);
	ck_assert_int_eq(d.v.until, end);
	ck_assert_int_eq(d.l[V2012].change, ACCESS_LEAVE);
	ck_assert_uint_eq(device(&d, V2012, end - 7 * DAY), CODE_OK);
	ck_assert_int_eq(d.v.until, end - 7 * DAY + 62 * DAY);
	ck_assert_int_eq(d.v.kind, ACCESS_PERMANENT);
	ck_assert_uint_eq(d.l[V2012].out, 1);
	/* It comes back when it ends, and the device is known: no second temporary one. */
	end = d.v.until;
	d.l[V2012].licenses = d.l[V2016].licenses = d.l[V2019].licenses = 0;
	ck_assert_uint_eq(device(&d, V2012, end), NO_LICENSE);
	ck_assert_uint_eq(d.l[V2012].out, 0);
	ck_assert_int_eq(d.l[V2012].held, ACCESS_ENDED);
	d.l[V2012].licenses = 1;
	ck_assert_uint_eq(device(&d, V2012, end + DAY), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_PERMANENT);
}
END_TEST

/* A licence serves its own version and older hosts; the server gives out none newer than itself; the smallest that fits goes first. */
START_TEST(test_access_versions)
{
	struct desk d;

	for (int host = V2012; host <= V2019; host++)
		for (int bought = V2012; bought <= V2019; bought++)
			for (int server = host; server <= V2019; server++) {
				bool fits = bought >= host && bought <= server;

				desk_init(&d, 0);
				d.l[bought].licenses = 1;
				d.in.server = (uint32_t)server + 1;
				device(&d, host, NOW);
				ck_assert_int_eq(d.v.kind, ACCESS_TEMPORARY);
				ck_assert_uint_eq(device(&d, host, NOW + DAY), CODE_OK);
				ck_assert_int_eq(d.v.kind, fits ? ACCESS_PERMANENT : ACCESS_TEMPORARY);
				ck_assert_uint_eq(d.v.generation, (uint32_t)(fits ? bought : host) + 1);
			}
	desk_init(&d, 1);
	device(&d, V2012, NOW);
	device(&d, V2012, NOW);
	ck_assert_uint_eq(d.v.generation, V2012 + 1);
	desk_init(&d, 1);
	d.l[V2012].out = 1;
	device(&d, V2012, NOW);
	device(&d, V2012, NOW);
	ck_assert_uint_eq(d.v.generation, V2016 + 1);
	ck_assert_int_eq(d.l[V2012].change, ACCESS_DROP);
}
END_TEST

/* A newer host: permanent if free, the older one given back; else one temporary of the newer; then M-145, while the older goes on serving older hosts. */
START_TEST(test_access_newer_host)
{
	struct desk d;

	desk_init(&d, 1);
	device(&d, V2012, NOW);
	device(&d, V2012, NOW);
	ck_assert_uint_eq(device(&d, V2019, NOW + DAY), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_PERMANENT);
	ck_assert_uint_eq(d.v.generation, V2019 + 1);
	ck_assert_int_eq(d.l[V2012].held, ACCESS_NONE);
	ck_assert_uint_eq(d.l[V2012].out, 0);
	ck_assert_uint_eq(d.l[V2019].out, 1);
	/* The newer serves older hosts, too. */
	ck_assert_uint_eq(device(&d, V2012, NOW + DAY), CODE_OK);
	ck_assert_uint_eq(d.v.generation, V2019 + 1);

	desk_init(&d, 0);
	d.l[V2012].licenses = 1;
	device(&d, V2012, NOW);
	device(&d, V2012, NOW);
	ck_assert_uint_eq(device(&d, V2016, NOW + DAY), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_TEMPORARY);
	ck_assert_int_eq(d.v.until, NOW + 91 * DAY);
	/* Several versions held by one device, each for its own hosts. */
	ck_assert_uint_eq(device(&d, V2012, NOW + DAY), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_PERMANENT);
	ck_assert_int_eq(d.l[V2016].held, ACCESS_TEMPORARY);
	ck_assert_uint_eq(d.l[V2012].out, 1);
	d.in.random = 37 * 86400;
	ck_assert_uint_eq(device(&d, V2012, NOW + 48 * DAY), CODE_OK);   /* renewed */
	ck_assert_uint_eq(device(&d, V2016, NOW + 91 * DAY), NO_LICENSE);
	ck_assert_uint_eq(device(&d, V2012, NOW + 91 * DAY), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_PERMANENT);
}
END_TEST

/* Per device beyond the number only where the policy says so; then after the temporary licence, not instead of it. */
START_TEST(test_access_advise)
{
	struct desk d;

	desk_init(&d, 1);
	d.l[V2012].out = d.l[V2016].out = d.l[V2019].out = 1;
	d.in.advise = true;
	device(&d, V2016, NOW);
	ck_assert_uint_eq(device(&d, V2016, NOW + 89 * DAY), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_TEMPORARY);
	ck_assert_uint_eq(device(&d, V2016, NOW + 90 * DAY), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_PERMANENT);
	ck_assert(d.v.over && d.v.fresh);
	ck_assert_uint_eq(d.l[V2016].out, 1);
	/* Renewed beyond, too; within as soon as there is one. */
	ck_assert_uint_eq(device(&d, V2016, NOW + 140 * DAY), CODE_OK);
	ck_assert(d.v.over && !d.v.fresh);
	ck_assert_int_eq(d.v.until, NOW + 192 * DAY);
	d.l[V2019].licenses = 2;
	ck_assert_uint_eq(device(&d, V2016, NOW + 190 * DAY), CODE_OK);
	ck_assert(!d.v.over);
	ck_assert_uint_eq(d.v.generation, V2019 + 1);
	ck_assert_uint_eq(d.l[V2019].out, 2);
	/* The policy is enforced again: nothing beyond is renewed. */
	desk_init(&d, 1);
	d.l[V2016].out = d.l[V2019].out = 1;
	d.in.advise = true;
	device(&d, V2016, NOW);
	device(&d, V2016, NOW + 90 * DAY);
	d.in.advise = false;
	ck_assert_uint_eq(device(&d, V2016, NOW + 141 * DAY), CODE_OK);
	ck_assert_int_eq(d.v.until, NOW + 142 * DAY);
	ck_assert_uint_eq(device(&d, V2016, NOW + 142 * DAY), NO_LICENSE);
}
END_TEST

/* What was taken back by an administrator gets nothing new before its end, unless a newer host asks. */
START_TEST(test_access_taken)
{
	struct desk d;

	desk_init(&d, 5);
	d.l[V2016] = (struct access_line){ .generation = V2016 + 1, .licenses = 5, .held = ACCESS_ENDED, .taken = true, .since = NOW, .until = NOW + 30 * DAY };
	ck_assert_uint_eq(device(&d, V2016, NOW), (uint32_t)CODE_M_TAKEN_BACK);
	ck_assert_int_eq(d.v.until, NOW + 30 * DAY);
	ck_assert_uint_eq(device(&d, V2012, NOW), (uint32_t)CODE_M_TAKEN_BACK);
	ck_assert_uint_eq(device(&d, V2016, NOW + 30 * DAY), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_PERMANENT);
	ck_assert(!d.l[V2016].taken);
}
END_TEST

/* What is kept for others is not free; the older licence that goes back for a newer one is none the less. */
START_TEST(test_access_reserved)
{
	struct desk d;

	desk_init(&d, 1);
	d.in.kept = 3;
	device(&d, V2012, NOW);
	ck_assert_uint_eq(device(&d, V2012, NOW + DAY), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_TEMPORARY);
	ck_assert_uint_eq(device(&d, V2012, NOW + 90 * DAY), (uint32_t)CODE_M_RESERVED);
	d.in.kept = 2;
	ck_assert_uint_eq(device(&d, V2012, NOW + 90 * DAY), CODE_OK);
	ck_assert_uint_eq(device(&d, V2016, NOW + 91 * DAY), CODE_OK);
	ck_assert_uint_eq(d.v.generation, V2016 + 1);
	desk_init(&d, 1);
	d.in.kept = 3;
	ck_assert_uint_eq(user(&d, V2012, NOW), CODE_OK);
	ck_assert(d.v.over);
}
END_TEST

/* A licence pack ended: what is out stays to its end, is not renewed beyond what there is, and moves to a version that has one free. */
START_TEST(test_access_pack_ended)
{
	struct desk d;

	desk_init(&d, 0);
	d.l[V2012].licenses = 1;
	device(&d, V2012, NOW);
	device(&d, V2012, NOW);
	d.l[V2012].licenses = 0;
	ck_assert_uint_eq(device(&d, V2012, NOW + 50 * DAY), CODE_OK);
	ck_assert_int_eq(d.v.until, NOW + 52 * DAY);
	d.l[V2019].licenses = 1;
	ck_assert_uint_eq(device(&d, V2012, NOW + 51 * DAY), CODE_OK);
	ck_assert_uint_eq(d.v.generation, V2019 + 1);
	ck_assert_uint_eq(d.l[V2012].out, 0);
	d.l[V2019].licenses = 0;
	ck_assert_uint_eq(device(&d, V2012, NOW + 103 * DAY), NO_LICENSE);
}
END_TEST

/* Per user: 60 days shown, extended at each sign-in, never refused; not before 90 days to another. */
START_TEST(test_access_user)
{
	struct desk d;

	desk_init(&d, 1);
	ck_assert_uint_eq(user(&d, V2016, NOW), CODE_OK);
	ck_assert_int_eq(d.v.kind, ACCESS_ASSIGNED);
	ck_assert_int_eq(d.v.until, NOW + 60 * DAY);
	ck_assert_uint_eq(d.l[V2016].out, 1);
	ck_assert_uint_eq(user(&d, V2016, NOW + 20 * DAY), CODE_OK);
	ck_assert_int_eq(d.v.until, NOW + 80 * DAY);
	ck_assert_int_eq(d.l[V2016].since, NOW);
	/* Shown until day 80, kept until day 90, then free. */
	access_settle(&d.l[V2016], rules.user_reassign_s, NOW + 80 * DAY - 1);
	ck_assert_int_eq(d.l[V2016].held, ACCESS_ASSIGNED);
	access_settle(&d.l[V2016], rules.user_reassign_s, NOW + 80 * DAY);
	ck_assert_int_eq(d.l[V2016].held, ACCESS_KEPT);
	ck_assert_int_eq(d.l[V2016].until, NOW + 90 * DAY);
	ck_assert_uint_eq(d.l[V2016].out, 1);
	access_settle(&d.l[V2016], rules.user_reassign_s, NOW + 90 * DAY - 1);
	ck_assert_int_eq(d.l[V2016].held, ACCESS_KEPT);
	access_settle(&d.l[V2016], rules.user_reassign_s, NOW + 90 * DAY);
	ck_assert_int_eq(d.l[V2016].change, ACCESS_DROP);
	ck_assert_uint_eq(d.l[V2016].out, 0);
	/* One who comes back in between has it again, assigned when it was. */
	desk_init(&d, 1);
	user(&d, V2016, NOW);
	ck_assert_uint_eq(user(&d, V2016, NOW + 85 * DAY), CODE_OK);
	ck_assert_int_eq(d.l[V2016].held, ACCESS_ASSIGNED);
	ck_assert_int_eq(d.l[V2016].since, NOW);
	ck_assert_int_eq(d.v.until, NOW + 145 * DAY);
	/* In use past 90 days: nothing is kept beyond what is shown. */
	access_settle(&d.l[V2016], rules.user_reassign_s, NOW + 145 * DAY);
	ck_assert_int_eq(d.l[V2016].change, ACCESS_DROP);
}
END_TEST

/* Beyond what was bought a user is granted all the same, as over; within as soon as something is free. */
START_TEST(test_access_user_over)
{
	struct desk d;

	desk_init(&d, 0);
	ck_assert_uint_eq(user(&d, V2016, NOW), CODE_OK);
	ck_assert(d.v.over && d.v.fresh);
	ck_assert_uint_eq(d.v.generation, V2016 + 1);
	ck_assert_uint_eq(d.l[V2016].out, 0);
	ck_assert_uint_eq(user(&d, V2016, NOW + DAY), CODE_OK);
	ck_assert(d.v.over && !d.v.fresh);
	ck_assert_int_eq(d.v.until, NOW + 61 * DAY);
	d.l[V2019].licenses = 1;
	ck_assert_uint_eq(user(&d, V2016, NOW + 2 * DAY), CODE_OK);
	ck_assert(!d.v.over);
	ck_assert_uint_eq(d.v.generation, V2019 + 1);
	ck_assert_int_eq(d.l[V2016].change, ACCESS_DROP);
	/* Booked on what was bought at all. */
	desk_init(&d, 0);
	d.l[V2019].licenses = d.l[V2019].out = 1;
	user(&d, V2012, NOW);
	ck_assert(d.v.over);
	ck_assert_uint_eq(d.v.generation, V2019 + 1);
	/* The pack ended: over from the next sign-in on. */
	desk_init(&d, 1);
	user(&d, V2016, NOW);
	for (int i = 0; i < LINES; i++)
		d.l[i].licenses = 0;
	ck_assert_uint_eq(user(&d, V2016, NOW + DAY), CODE_OK);
	ck_assert(d.v.over && d.v.fresh);
	ck_assert_uint_eq(d.l[V2016].out, 0);
	/* What is over is no licence: nothing is kept of it. */
	access_settle(&d.l[V2016], rules.user_reassign_s, NOW + 61 * DAY);
	ck_assert_int_eq(d.l[V2016].change, ACCESS_DROP);
}
END_TEST

/* A user whose host becomes newer: the older licence goes back, not before its 90 days. */
START_TEST(test_access_user_newer)
{
	struct desk d;

	desk_init(&d, 1);
	user(&d, V2012, NOW);
	ck_assert_uint_eq(user(&d, V2019, NOW + 10 * DAY), CODE_OK);
	ck_assert_uint_eq(d.v.generation, V2019 + 1);
	ck_assert_int_eq(d.l[V2012].held, ACCESS_KEPT);
	ck_assert_int_eq(d.l[V2012].until, NOW + 90 * DAY);
	ck_assert_uint_eq(d.l[V2012].out, 1);
	desk_init(&d, 1);
	user(&d, V2012, NOW);
	user(&d, V2012, NOW + 50 * DAY);
	user(&d, V2019, NOW + 90 * DAY);
	ck_assert_int_eq(d.l[V2012].change, ACCESS_DROP);
	ck_assert_uint_eq(d.l[V2012].out, 0);
}
END_TEST

/* Up to 20 % of a version, rounded down. */
START_TEST(test_access_revocable)
{
	static const struct { uint64_t licenses, revoked; uint32_t percent; uint64_t more; } cases[] = {
		{ 0, 0, 20, 0 }, { 4, 0, 20, 0 }, { 5, 0, 20, 1 }, { 5, 1, 20, 0 }, { 9, 0, 20, 1 }, { 10, 1, 20, 1 }, { 99, 0, 20, 19 }, { 100, 20, 20, 0 }, { 100, 30, 20, 0 },
		{ 1000, 199, 20, 1 }, { 100, 0, 0, 0 }, { 7, 0, 100, 7 }, { UINT64_MAX / 2, 0, 100, UINT64_MAX / 2 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		ck_assert_uint_eq(access_revocable(cases[i].licenses, cases[i].revoked, cases[i].percent), cases[i].more);
}
END_TEST

UNIT_MAIN("access", test_access_temporary, test_access_second, test_access_random, test_access_renewal, test_access_versions, test_access_newer_host, test_access_advise,
          test_access_taken, test_access_reserved, test_access_pack_ended, test_access_user, test_access_user_over, test_access_user_newer, test_access_revocable)
