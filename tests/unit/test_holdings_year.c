/*
 * A year of a thousand devices and two hundred users, by days, on the real groups with the memory store: every row of facts.md section 7's tables, asserted
 * against books of the test's own; the same seed gives the same year byte by byte.
 */
#include "tests/unit/holdings_fixture.h"

#include "core/base/buf.h"

#define DEVICES 1000
#define USERS 200
#define DAYS 365
#define PARTS 4              /* of a day: groups */
#define HARD ((uint32_t)CODE_M_NO_LICENSE)
#define TAKEN_BACK ((uint32_t)CODE_M_TAKEN_BACK)

static const uint32_t bought_device[VERSIONS + 1] = { 0, 400, 250, 100 };
#define BOUGHT_USER 130U     /* of 2019 */

/* The test's own books. */
struct device {
	uint32_t version;                        /* of the host it signs in to */
	unsigned every, retired;                 /* days between sign-ins; last day */
	bool known;
	int64_t temporary[VERSIONS + 1];         /* end, by generation; 0 never had */
	int64_t permanent[VERSIONS + 1];         /* end */
	int64_t barred; uint32_t barred_version; /* taken back */
};
struct user { unsigned every, from, retired; int64_t since, shown; bool has, over; };
struct revoked { uint32_t generation; int64_t until; };

struct year {
	struct house house;
	struct device d[DEVICES];
	struct user u[USERS];
	struct revoked revoked[1000]; size_t revoked_count;
	uint64_t out[VERSIONS + 1];              /* device licences now */
	uint64_t random;
	int64_t now;
	unsigned day;
	struct buf log;
	/* what was seen, so that nothing passes because it never happened */
	unsigned temporary, permanent, renewed, unchanged, refused, upgraded, given_back, barred, over, covered, reassigned, too_soon, limit;
	unsigned breach_days; bool breach_today;
	int64_t shortest, longest;
	bool lengths[90];
};

static uint64_t draw(struct year *y, uint64_t below)
{
	y->random = y->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (y->random >> 33) % below;
}

static const char *version_name(uint32_t generation)
{
	static const char *const names[] = { "", "2016", "2019", "2022" };

	return names[generation];
}

/* ---- devices ---- */

/* Within a group the clock stands still: counted at its beginning, followed from there on. */
static void devices_count(struct year *y)
{
	memset(y->out, 0, sizeof y->out);
	for (size_t i = 0; i < DEVICES; i++)
		for (uint32_t g = 1; g <= VERSIONS; g++)
			y->out[g] += y->d[i].permanent[g] > y->now;
}

/* The smallest version that fits and has one free; 0 none. */
static uint32_t device_free(const struct year *y, uint32_t wanted)
{
	for (uint32_t g = wanted; g <= VERSIONS; g++)
		if (y->out[g] < bought_device[g])
			return g;
	return 0;
}

static void note_length(struct year *y, int64_t length)
{
	ck_assert_msg(length >= 52 * DAY && length <= 89 * DAY, "a permanent licence of %lld ms", (long long)length);
	y->lengths[length / DAY] = true;
	if (length < y->shortest)
		y->shortest = length;
	if (length > y->longest)
		y->longest = length;
}

/* A permanent licence is held that serves: as it is with more than seven days left, else renewed; the number is the same. */
static void expect_held(struct year *y, struct device *d, const struct holdings_request *r, uint32_t g)
{
	int64_t left = d->permanent[g] - y->now;

	ck_assert_uint_eq(r->code, CODE_OK);
	ck_assert_uint_eq(r->state, HOLDINGS_PERMANENT);
	ck_assert_uint_eq(r->generation, g);
	ck_assert(!r->over);
	if (left > 7 * DAY) {
		ck_assert_int_eq(r->until, d->permanent[g]);
		y->unchanged++;
		return;
	}
	note_length(y, r->until - y->now);
	d->permanent[g] = r->until;
	y->renewed++;
}

static void expect_new(struct year *y, struct device *d, const struct holdings_request *r, uint32_t g)
{
	ck_assert_uint_eq(r->code, CODE_OK);
	ck_assert_msg(r->state == HOLDINGS_PERMANENT && r->generation == g, "one of %s is free, and %u of %u was given", version_name(g), r->state, r->generation);
	note_length(y, r->until - y->now);
	for (uint32_t i = 1; i < g; i++) {
		if (d->permanent[i] > y->now) {
			y->upgraded++;
			y->out[i]--;
		}
		d->permanent[i] = 0;
	}
	for (uint32_t i = 1; i <= g; i++)
		if (d->temporary[i] != 0)
			d->temporary[i] = 1;   /* replaced: over, and had */
	d->permanent[g] = r->until;
	y->out[g]++;
	y->permanent++;
}

/* Nothing that serves is held, and nothing is free: the temporary licence, once. */
static void expect_temporary(struct year *y, struct device *d, const struct holdings_request *r)
{
	int64_t best = 0;
	bool had = false;

	for (uint32_t g = d->version; g <= VERSIONS; g++) {
		had = had || d->temporary[g] != 0 || d->permanent[g] != 0;
		if (d->temporary[g] > best)
			best = d->temporary[g];
	}
	if (best > y->now) {
		ck_assert_uint_eq(r->code, CODE_OK);
		ck_assert_uint_eq(r->state, HOLDINGS_TEMPORARY);
		ck_assert_int_eq(r->until, best);
	} else if (!had) {
		ck_assert_uint_eq(r->code, CODE_OK);
		ck_assert_uint_eq(r->state, HOLDINGS_TEMPORARY);
		ck_assert_int_eq(r->until, y->now + 90 * DAY);
		d->temporary[d->version] = r->until;
		y->temporary++;
	} else {
		ck_assert_uint_eq(r->code, HARD);
		ck_assert_uint_gt(strlen(r->detail), 20);
		y->refused++;
	}
}

static void device_expect(struct year *y, struct device *d, const struct holdings_request *r)
{
	uint32_t free = device_free(y, d->version), best = 0;

	for (uint32_t g = d->version; g <= VERSIONS; g++)
		if (d->permanent[g] > y->now && (best == 0 || d->permanent[g] > d->permanent[best]))
			best = g;
	if (best != 0) {
		expect_held(y, d, r, best);
	} else if (d->barred > y->now && d->barred_version >= d->version) {
		ck_assert_uint_eq(r->code, TAKEN_BACK);
		y->barred++;
	} else if (d->known && free != 0) {
		expect_new(y, d, r, free);
	} else {
		expect_temporary(y, d, r);
	}
	d->known = true;
}

static void device_asks(struct year *y, struct holdings_group *g, uint32_t i)
{
	struct device *d = &y->d[i];
	struct holdings_request r;

	house_request(&y->house, &r, RDS, i + 1);
	r.per = draw(y, 2) == 0 ? MUSTER_PER_DEVICE : 0;
	r.version = version_name(d->version);
	access_judge(y->house.h, g, &r);
	device_expect(y, d, &r);
	buf_addf(&y->log, "%u d%u %u %u %u %lld\n", y->day, i, r.code, r.state, r.generation, (long long)r.until);
}

/* ---- users: version 2019 was bought ---- */

static bool user_counts(const struct year *y, const struct user *u)
{
	int64_t end = u->shown > u->since + 90 * DAY ? u->shown : u->since + 90 * DAY;

	return u->has && !u->over && end > y->now;
}

static uint64_t users_out(const struct year *y)
{
	uint64_t n = 0;

	for (size_t i = 0; i < USERS; i++)
		n += user_counts(y, &y->u[i]);
	return n;
}

static uint64_t users_over(const struct year *y)
{
	uint64_t n = 0;

	for (size_t i = 0; i < USERS; i++)
		n += y->u[i].has && y->u[i].over && y->u[i].shown > y->now;
	return n;
}

/* Whoever is over for longest gets what is free. */
static void users_cover(struct year *y)
{
	while (users_out(y) < BOUGHT_USER && users_over(y) > 0) {
		struct user *oldest = NULL;
		unsigned same = 0;

		for (size_t i = 0; i < USERS; i++) {
			struct user *u = &y->u[i];

			if (!u->has || !u->over || u->shown <= y->now)
				continue;
			if (oldest == NULL || u->since < oldest->since)
				oldest = u;
		}
		for (size_t i = 0; i < USERS; i++)
			same += y->u[i].has && y->u[i].over && y->u[i].shown > y->now && y->u[i].since == oldest->since;
		ck_assert_uint_eq(same, 1);   /* times of this test are distinct */
		oldest->over = false;
		oldest->since = y->now;
		y->covered++;
	}
}

static void user_asks(struct year *y, struct holdings_group *g, uint32_t i)
{
	struct user *u = &y->u[i];
	struct holdings_request r;
	char name[32];
	bool live;

	/* Every user in a millisecond of its own, so that "longest" has one meaning. */
	snprintf(name, sizeof name, i % 2 == 0 ? "DOM\\user%u" : "dom\\User%u", i);
	house_request(&y->house, &r, RDS, 5000 + i);
	r.per = MUSTER_PER_USER;
	r.user = name;
	r.version = i % 3 == 0 ? "2016" : "2019";
	access_judge(y->house.h, g, &r);
	users_cover(y);
	live = user_counts(y, u) || (u->has && u->over && u->shown > y->now);
	if (!live) {
		u->over = users_out(y) >= BOUGHT_USER;
		u->since = y->now;
		u->has = true;
	}
	u->shown = y->now + 60 * DAY;
	/* Never refused; 60 days from each sign-in; beyond the number as over. */
	ck_assert_uint_eq(r.code, CODE_OK);
	ck_assert_uint_eq(r.state, HOLDINGS_ASSIGNED);
	ck_assert_uint_eq(r.generation, V2019);
	ck_assert_int_eq(r.until, u->shown);
	ck_assert_int_eq(r.over, u->over);
	y->over += u->over;
	y->breach_today = y->breach_today || u->over;
	buf_addf(&y->log, "%u u%u %u %lld %d\n", y->day, i, r.code, (long long)r.until, r.over);
}

/* ---- administrators ---- */

static void try_take_back(struct year *y)
{
	uint32_t i = (uint32_t)draw(y, DEVICES), held = 0, holds = 0;
	struct device *d = &y->d[i];
	struct muster_err err = { 0 };
	json_t *out = NULL;
	size_t revoked = 0;
	char id[37];
	int r;

	for (uint32_t g = 1; g <= VERSIONS; g++)
		if (d->permanent[g] > y->now) {
			held = g;
			holds++;
		}
	if (holds != 1)
		return;
	for (size_t k = 0; k < y->revoked_count; k++)
		revoked += y->revoked[k].generation == held && y->revoked[k].until > y->now;
	r = holdings_take_back(y->house.h, "0 root", house_product(&y->house, RDS), house_id(id, i + 1), NULL, "left the company", &out, &err);
	if ((revoked + 1) * 100 > (size_t)bought_device[held] * 20) {
		ck_assert_int_eq(r, MUSTER_E_LIMIT);
		ck_assert_ptr_nonnull(strstr(err.message, "20 %"));
		y->limit++;
		return;
	}
	ck_assert_msg(r == MUSTER_OK, "%s", err.message);
	json_decref(out);
	ck_assert_uint_lt(y->revoked_count, sizeof y->revoked / sizeof y->revoked[0]);
	y->revoked[y->revoked_count++] = (struct revoked){ held, d->permanent[held] };
	d->barred = d->permanent[held];
	d->barred_version = held;
	d->permanent[held] = 1;   /* over, and known */
	y->given_back++;
}

static void try_reassign(struct year *y)
{
	uint32_t from = (uint32_t)draw(y, USERS), to = (uint32_t)draw(y, USERS);
	struct user *a = &y->u[from], *b = &y->u[to];
	struct muster_err err = { 0 };
	char old[32], new[32];
	json_t *out = NULL;
	int r;

	if (from == to || !user_counts(y, a) || user_counts(y, b))
		return;
	snprintf(old, sizeof old, "DOM\\USER%u", from);
	snprintf(new, sizeof new, "dom\\user%u", to);
	r = holdings_reassign(y->house.h, "0 root", house_product(&y->house, RDS), old, new, "moved", &out, &err);
	if (a->since + 90 * DAY > y->now) {
		ck_assert_int_eq(r, MUSTER_E_NOT_YET);
		y->too_soon++;
		return;
	}
	ck_assert_msg(r == MUSTER_OK, "%s", err.message);
	json_decref(out);
	a->has = false;
	*b = (struct user){ .every = b->every, .from = b->from, .retired = b->retired, .has = true, .since = y->now, .shown = y->now + 60 * DAY };
	y->reassigned++;
	/* None per user is taken back. */
	ck_assert_int_eq(holdings_take_back(y->house.h, "0 root", house_product(&y->house, RDS), new, NULL, "why", &out, &err), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "per user"));
}

/* ---- a day ---- */

static void part_of_day(struct year *y, unsigned part)
{
	struct holdings_group *g;
	struct muster_err err = { 0 };

	house_due(&y->house);
	devices_count(y);
	holdings_lock(y->house.h);
	ck_assert_msg(group_begin(&g, y->house.h, y->now, &err) == MUSTER_OK, "%s", err.message);
	for (uint32_t i = 0; i < DEVICES; i++)
		if (i % PARTS == part && y->day <= y->d[i].retired && (y->day + i / 2) % y->d[i].every == 0)
			device_asks(y, g, i);
	ck_assert_msg(group_commit(g, &err) == MUSTER_OK, "%s", err.message);
	holdings_unlock(y->house.h);
}

/* Users one by one, each in its own millisecond. */
static void users_of_day(struct year *y)
{
	for (uint32_t i = 0; i < USERS; i++) {
		const struct user *u = &y->u[i];
		struct holdings_group *g;
		struct muster_err err = { 0 };

		if (y->day < u->from || y->day > u->retired || (y->day + i) % u->every != 0)
			continue;
		clock_manual_advance(&y->house.f->clock, 1);
		y->now++;
		holdings_lock(y->house.h);
		ck_assert_msg(group_begin(&g, y->house.h, y->now, &err) == MUSTER_OK, "%s", err.message);
		user_asks(y, g, i);
		ck_assert_msg(group_commit(g, &err) == MUSTER_OK, "%s", err.message);
		holdings_unlock(y->house.h);
	}
}

/* One number of a version in the report's list. */
static int64_t told(const json_t *versions, const char *per, const char *version, const char *what)
{
	for (size_t i = 0; i < json_array_size(versions); i++) {
		const json_t *v = json_array_get(versions, i);

		if (strcmp(json_string_value(json_object_get(v, "per")), per) == 0 && strcmp(json_string_value(json_object_get(v, "version")), version) == 0)
			return json_integer_value(json_object_get(v, what));
	}
	return -1;
}

/* bought, issued, temporary, over, revoked, free of every version, and never more than were bought. */
static void day_report(struct year *y)
{
	struct muster_err err = { 0 };
	const json_t *list;
	json_t *report;

	ck_assert_msg(holdings_report(y->house.h, house_product(&y->house, RDS), &report, &err) == MUSTER_OK, "%s", err.message);
	list = json_object_get(json_array_get(json_object_get(report, "products"), 0), "versions");
	devices_count(y);
	for (uint32_t g = 1; g <= VERSIONS; g++) {
		const char *version = version_name(g);
		uint64_t out = y->out[g], temporary = 0, revoked = 0;

		for (size_t i = 0; i < DEVICES; i++)
			temporary += y->d[i].temporary[g] > y->now;
		for (size_t k = 0; k < y->revoked_count; k++)
			revoked += y->revoked[k].generation == g && y->revoked[k].until > y->now;
		ck_assert_uint_le(out, bought_device[g]);
		ck_assert_int_eq(told(list, "device", version, "bought"), bought_device[g]);
		ck_assert_int_eq(told(list, "device", version, "issued"), (int64_t)out);
		ck_assert_int_eq(told(list, "device", version, "free"), (int64_t)(bought_device[g] - out));
		ck_assert_int_eq(told(list, "device", version, "over"), 0);
		ck_assert_int_eq(told(list, "device", version, "revoked"), (int64_t)revoked);
		ck_assert_int_eq(told(list, "device", version, "temporary"), (int64_t)temporary);
		ck_assert_int_eq(told(list, "device", version, "reserved"), 0);
	}
	ck_assert_uint_le(users_out(y), BOUGHT_USER);
	ck_assert_int_eq(told(list, "user", "2019", "issued"), (int64_t)users_out(y));
	ck_assert_int_eq(told(list, "user", "2019", "over"), (int64_t)users_over(y));
	ck_assert_int_eq(told(list, "user", "2019", "revoked"), 0);
	ck_assert_int_eq(told(list, "user", "2019", "revocable"), 0);
	json_decref(report);
}

static void one_day(struct year *y)
{
	y->breach_today = false;
	for (unsigned part = 0; part < PARTS; part++) {
		int64_t next = NOW + (int64_t)y->day * DAY + (int64_t)part * (DAY / PARTS);

		clock_manual_advance(&y->house.f->clock, next - y->now);
		y->now = next;
		part_of_day(y, part);
		if (part == 1)
			users_of_day(y);
	}
	if (draw(y, 2) == 0)
		try_take_back(y);
	try_reassign(y);
	if (y->day % 60 >= 50)   /* many at once: the limit is met */
		for (int i = 0; i < 30; i++)
			try_take_back(y);
	/* Hosts become newer, never older. */
	for (int i = 0; i < 2; i++) {
		struct device *d = &y->d[draw(y, DEVICES)];

		d->version += y->day > 100 && d->version < VERSIONS && draw(y, 4) == 0;
	}
	y->breach_days += y->breach_today;
	if (y->day % 5 == 0)
		day_report(y);
}

static void populate(struct year *y)
{
	for (uint32_t i = 0; i < DEVICES; i++) {
		uint64_t of = draw(y, 10);

		y->d[i] = (struct device){ .version = of < 6 ? V2016 : of < 9 ? V2019 : V2022, .every = (unsigned)draw(y, 20) + 1,
			.retired = draw(y, 4) == 0 ? (unsigned)draw(y, DAYS) : DAYS };
		if (draw(y, 20) == 0)
			y->d[i].every = 80 + (unsigned)draw(y, 60);   /* seldom here: licences end in between */
	}
	for (uint32_t i = 0; i < USERS; i++)
		y->u[i] = (struct user){ .every = (unsigned)draw(y, 30) + 1, .from = (unsigned)draw(y, 120), .retired = draw(y, 3) == 0 ? (unsigned)draw(y, DAYS) : DAYS };
}

static int dump_one(void *ctx, const struct store_holding *row)
{
	struct buf *b = ctx;

	buf_addf(b, "%u %08x %u %u %lld %lld %lld %s\n", row->product, row->class_, row->state, row->flags, (long long)row->since, (long long)row->until, (long long)row->changed,
	         row->name);
	return 0;
}

/* The whole year; its log and all rows at the end are in y->log. */
static void year_run(struct year *y, struct fix *f, uint64_t seed, unsigned days)
{
	struct muster_err err = { 0 };

	memset(y, 0, sizeof *y);
	y->random = seed;
	y->now = NOW;
	y->shortest = INT64_MAX;
	buf_init(&y->log, 64u << 20);
	fix_open(f, FIX_MEMORY);
	fix_start(f);
	house_open(&y->house, f);
	y->house.random = seed;
	y->house.extreme = 40;
	memcpy(y->house.device, bought_device, sizeof bought_device);
	y->house.user[V2019] = BOUGHT_USER;
	house_packs(&y->house);
	populate(y);
	for (y->day = 0; y->day < days; y->day++)
		one_day(y);
	day_report(y);
	ck_assert_int_eq(ledger_holdings(f->l, holdings_number(y->house.h, house_product(&y->house, RDS)), 0, (struct muster_span){ NULL, 0 }, STORE_PAGE_MAX, dump_one, &y->log, &err), MUSTER_OK);
	ck_assert(!y->log.failed);
	ck_assert_uint_eq(house_journal(&y->house, HOLDINGS_J_BREACH), y->breach_days);
}

static void year_end(struct year *y, struct fix *f)
{
	house_close(&y->house);
	fix_close(f);
	buf_fini(&y->log);
}

static struct year first, second;
static struct fix fixes[2];

/* Every row of the tables happened. */
static void expect_all(const struct year *y)
{
	ck_assert_uint_gt(y->temporary, DEVICES * 9 / 10);
	ck_assert_uint_gt(y->permanent, 700);
	ck_assert_uint_gt(y->renewed, 1000);
	ck_assert_uint_gt(y->unchanged, 10000);
	ck_assert_uint_gt(y->refused, 200);
	ck_assert_uint_gt(y->upgraded, 10);
	ck_assert_uint_gt(y->given_back, 50);
	ck_assert_uint_gt(y->limit, 20);
	ck_assert_uint_gt(y->barred, 20);
	ck_assert_uint_gt(y->over, 500);
	ck_assert_uint_gt(y->covered, 10);
	ck_assert_uint_gt(y->reassigned, 10);
	ck_assert_uint_gt(y->too_soon, 10);
	ck_assert_uint_gt(y->breach_days, 100);
	/* 52 to 89 days: both ends, and every length between them. */
	ck_assert_int_eq(y->shortest, 52 * DAY);
	ck_assert_int_eq(y->longest, 89 * DAY);
	for (int i = 52; i <= 89; i++)
		ck_assert_msg(y->lengths[i], "no licence of %d days", i);
}

/* The same seed gives the same year, another one another. */
START_TEST(test_holdings_year)
{
	struct buf one;

	year_run(&first, &fixes[0], 20261122, DAYS);
	expect_all(&first);
	one = first.log;
	buf_init(&first.log, 1);
	year_end(&first, &fixes[0]);
	year_run(&second, &fixes[1], 20261122, DAYS);
	ck_assert_uint_eq(one.n, second.log.n);
	ck_assert_mem_eq(one.p, second.log.p, one.n);
	year_end(&second, &fixes[1]);
	year_run(&second, &fixes[1], 20261123, 30);
	ck_assert(memcmp(one.p, second.log.p, 1000) != 0);
	year_end(&second, &fixes[1]);
	buf_fini(&one);
}
END_TEST

UNIT_MAIN("holdings_year", test_holdings_year)
