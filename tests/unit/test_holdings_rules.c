/* The rules over the real groups, on both stores: what happens beside the ordinary year, seats with their queue, and administrators' acts with their sentences. */
#include "tests/unit/holdings_fixture.h"

#include "core/base/mem.h"

#define HARD ((uint32_t)CODE_M_NO_LICENSE)
#define QUEUED ((uint32_t)CODE_M_QUEUED)
#define SEATS ((uint32_t)CODE_M_SEATS)
#define SECOND INT64_C(1000)

/* A test in a house of its own, on both stores. */
#define HOUSE_TEST(name) \
	static void name##_in(struct house *x); \
	LEDGER_TEST(name) \
	{ \
		struct house *x = calloc(1, sizeof *x); \
		ck_assert_ptr_nonnull(x); \
		house_open(x, f); \
		name##_in(x); \
		house_close(x); \
		free(x); \
	} \
	static void name##_in(struct house *x)

static void advance(struct house *x, int64_t ms)
{
	clock_manual_advance(&x->f->clock, ms);
}

static void buy(struct house *x, uint32_t generation, uint32_t device, uint32_t user)
{
	x->device[generation] = device;
	x->user[generation] = user;
	house_packs(x);
}

/* Two sign-ins. */
static uint32_t permanent(struct house *x, uint32_t id, const char *version)
{
	house_device(x, id, version, NULL);
	return house_device(x, id, version, NULL);
}

static int take_back(struct house *x, enum fix_product which, const char *holder, const char *version, struct muster_err *err)
{
	json_t *out = NULL;
	int r = holdings_take_back(x->h, "0 root", house_product(x, which), holder, version, "test", &out, err);

	ck_assert((r == MUSTER_OK) == (out != NULL));
	json_decref(out);
	return r;
}

static bool says(const struct muster_err *err, const char *text)
{
	return strstr(err->message, text) != NULL;
}

/* ---- access licences ---- */

/* A pack ends while licences are out: those over are shown, nobody is cut off before the end, nothing is renewed beyond what there is. */
HOUSE_TEST(test_rules_pack_ends)
{
	int64_t until, again;

	x->access.permanent_max_s = x->access.permanent_min_s;
	buy(x, V2016, 3, 2);
	for (uint32_t i = 1; i <= 3; i++)
		ck_assert_code(permanent(x, i, "2016"), CODE_OK);
	for (char name[] = "a"; name[0] <= 'b'; name[0]++)
		ck_assert_code(house_user(x, name, "2016", NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, "device", "2016", "free"), 0);
	house_device(x, 1, "2016", &until);
	buy(x, V2016, 1, 1);
	ck_assert_int_eq(house_number(x, "device", "2016", "bought"), 1);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 3);
	ck_assert_int_eq(house_number(x, "device", "2016", "over"), 2);
	ck_assert_int_eq(house_number(x, "user", "2016", "over"), 1);
	ck_assert_code(house_device(x, 1, "2016", &again), CODE_OK);
	ck_assert_int_eq(again, until);
	/* Near the end it is the same end still. */
	clock_manual_advance(&x->f->clock, until - atomic_load(&x->f->clock.wall) - DAY);
	for (uint32_t i = 1; i <= 3; i++) {
		ck_assert_code(house_device(x, i, "2016", &again), CODE_OK);
		ck_assert_int_eq(again, until);
	}
	advance(x, DAY);
	house_due(x);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 0);
	ck_assert_int_eq(house_number(x, "device", "2016", "over"), 0);
	/* As many as there are, and no second temporary licence for the others. */
	ck_assert_code(house_device(x, 2, "2016", NULL), CODE_OK);
	ck_assert_code(house_device(x, 3, "2016", NULL), HARD);
	ck_assert_code(house_device(x, 1, "2016", NULL), HARD);
}

/* A reload takes a version out of the tables: what is out lives on under its number, and comes back when it ends. */
HOUSE_TEST(test_rules_version_goes)
{
	struct holdings_request r;
	int64_t until, again;

	buy(x, V2016, 2, 0);
	buy(x, V2019, 1, 0);
	ck_assert_code(permanent(x, 1, "2016"), CODE_OK);
	house_device(x, 1, "2016", &until);
	x->access.versions = (struct muster_table){ &x->versions[1], 2, sizeof x->versions[0] };
	house_packs(x);
	ck_assert_int_eq(house_number(x, "device", "generation 1", "issued"), 1);
	ck_assert_int_eq(house_number(x, "device", "generation 1", "over"), 1);
	house_request(x, &r, RDS, 1);
	r.version = "2016";
	ck_assert_code(house_ask(x, &r), CODE_M_VERSION);
	ck_assert_ptr_nonnull(strstr(r.detail, "2022"));
	/* A newer host: the older licence is given back for the newer one. */
	ck_assert_code(house_device(x, 1, "2019", NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, "device", "2019", "issued"), 1);
	ck_assert_int_eq(house_number(x, "device", "generation 1", "issued"), -1);
	/* Back again, with what was bought. */
	x->access.versions = (struct muster_table){ x->versions, 3, sizeof x->versions[0] };
	house_packs(x);
	ck_assert_code(house_device(x, 1, "2016", &again), CODE_OK);
	ck_assert_int_eq(house_number(x, "device", "2016", "bought"), 2);
}

/* The clock stands still: everything happens in one millisecond, in order. */
HOUSE_TEST(test_rules_clock_stands)
{
	struct muster_err err = { 0 };
	char id[37];

	buy(x, V2016, 10, 1);
	for (uint32_t i = 1; i <= 12; i++)
		for (int k = 0; k < 3; k++)
			ck_assert_code(house_device(x, i, "2016", NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 10);
	ck_assert_int_eq(house_number(x, "device", "2016", "temporary"), 2);
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 1), NULL, &err), MUSTER_OK);
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 2), NULL, &err), MUSTER_OK);
	ck_assert_int_eq(house_number(x, "device", "2016", "revoked"), 2);
	ck_assert_code(house_device(x, 1, "2016", NULL), CODE_M_TAKEN_BACK);
	ck_assert_code(house_device(x, 11, "2016", NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 9);
	house_user(x, "a", "2016", NULL);
	house_user(x, "b", "2016", NULL);
	house_user(x, "c", "2016", NULL);
	ck_assert_int_eq(house_number(x, "user", "2016", "over"), 2);
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_BREACH), 1);
	ck_assert_str_eq(x->told, "breach");
	house_due(x);
	ck_assert_int_eq(house_number(x, "user", "2016", "over"), 2);
}

/* One device, several versions; which one is taken back must be said. */
HOUSE_TEST(test_rules_several_versions)
{
	struct muster_err err = { 0 };
	struct holdings_request r;
	char id[37];

	buy(x, V2022, 5, 0);
	ck_assert_code(permanent(x, 1, "2022"), CODE_OK);
	/* A licence server that is set back to 2019 gives out nothing newer, and what is out of it does not serve there. */
	house_product(x, RDS)->server_generation = V2019;
	buy(x, V2019, 5, 0);
	ck_assert_code(house_device(x, 1, "2019", NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, "device", "2019", "issued"), 1);
	ck_assert_int_eq(house_number(x, "device", "2022", "issued"), 1);
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 1), NULL, &err), MUSTER_E_INVALID);
	ck_assert(says(&err, "several versions"));
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 1), "2030", &err), MUSTER_E_INVALID);
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 1), "2016", &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 1), "2022", &err), MUSTER_OK);
	ck_assert_int_eq(house_number(x, "device", "2022", "issued"), 0);
	ck_assert_code(house_device(x, 1, "2019", NULL), CODE_OK);
	house_request(x, &r, RDS, 1);
	r.version = "2022";
	ck_assert_code(house_ask(x, &r), CODE_M_VERSION);
	ck_assert_ptr_nonnull(strstr(r.detail, "newer than this licence server"));
}

/* The product is gone from the configuration: rows end by themselves, and nothing is given out twice when it comes back. */
HOUSE_TEST(test_rules_product_goes)
{
	struct catalog *without = fix_catalog_new();
	const struct catalog_product *all;
	struct muster_err err = { 0 };
	size_t n;

	buy(x, V2016, 2, 1);
	x->seat = 1;
	house_packs(x);
	permanent(x, 1, "2016");
	house_user(x, "a", "2016", NULL);
	ck_assert_code(house_seat(x, 1, NULL), CODE_OK);
	all = catalog_products(without, &n);
	for (size_t i = 0; i < n; i++)
		((struct catalog_product *)(uintptr_t)&all[i])->row.name = i == RDS ? "other-a" : i == CAD ? "other-b" : all[i].row.name;
	ck_assert_int_eq(ledger_bind(x->f->l, without, &err), MUSTER_OK);
	ck_assert_int_eq(holdings_bind(x->h, without, &err), MUSTER_OK);
	ck_assert_ptr_null(holdings_product(x->h, holdings_number(x->h, house_product(x, RDS))));
	advance(x, 200 * DAY);
	house_due(x);
	ck_assert_int_eq(ledger_bind(x->f->l, x->f->catalog, &err), MUSTER_OK);
	ck_assert_int_eq(holdings_bind(x->h, x->f->catalog, &err), MUSTER_OK);
	catalog_unref(without);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 0);
	ck_assert_int_eq(house_number(x, "user", "2016", "issued"), 0);
	ck_assert_int_eq(house_number(x, NULL, NULL, "issued"), 0);
	/* Known all the same: no second temporary licence. */
	buy(x, V2016, 0, 0);
	ck_assert_code(house_device(x, 1, "2016", NULL), HARD);
}

/* Whoever is over for longest gets what is free; the oldest first, of versions that fit. */
HOUSE_TEST(test_rules_over_oldest)
{
	struct holdings_request r;
	char name[16];

	buy(x, V2019, 0, 1);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "user%d", i);
		house_user(x, name, i % 2 == 0 ? "2016" : "2019", &r);
		ck_assert_code(r.code, CODE_OK);
		ck_assert_int_eq(r.over, i > 0);
		advance(x, 1000);
	}
	ck_assert_int_eq(house_number(x, "user", "2019", "over"), 5);
	buy(x, V2019, 0, 3);
	house_user(x, "USER5", "2019", &r);
	ck_assert(r.over);
	ck_assert_uint_eq(r.used, 6);
	ck_assert_uint_eq(r.total, 3);
	house_user(x, "user1", "2019", &r);
	ck_assert(!r.over);
	house_user(x, "user2", "2019", &r);
	ck_assert(!r.over);
	house_user(x, "user3", "2019", &r);
	ck_assert(r.over);
	ck_assert_int_eq(house_number(x, "user", "2019", "over"), 3);
	/* A newer version fits, too. */
	buy(x, V2022, 0, 2);
	house_user(x, "user0", "2016", NULL);
	ck_assert_int_eq(house_number(x, "user", "2022", "issued"), 2);
	house_user(x, "user5", "2019", &r);
	ck_assert(r.over);
	/* One who asks for the older and gets it leaves what he was booked on. */
	buy(x, V2016, 0, 1);
	house_user(x, "user5", "2016", &r);
	ck_assert(!r.over);
	ck_assert_int_eq(house_number(x, "user", "2019", "over"), 0);
	ck_assert_int_eq(house_number(x, "user", "2016", "issued"), 1);
	/* The journal has one row a day and version. */
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_BREACH), 1);
	buy(x, V2019, 0, 0);
	advance(x, DAY);
	house_user(x, "user1", "2019", &r);
	house_user(x, "user2", "2019", &r);
	ck_assert(r.over);
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_BREACH), 2);
}

/* policy = advise: a device beyond the number is granted after its temporary licence, as debt; taken back beyond 20 % is debt, too. */
HOUSE_TEST(test_rules_advise)
{
	struct muster_err err = { 0 };
	struct holdings_request r;
	char id[37];

	house_product(x, RDS)->advise = true;
	buy(x, V2016, 1, 0);
	for (uint32_t i = 1; i <= 2; i++)
		permanent(x, i, "2016");
	advance(x, 30 * DAY);
	permanent(x, 1, "2016");
	advance(x, 60 * DAY);
	house_request(x, &r, RDS, 2);
	r.version = "2016";
	/* Device 1 has renewed or ended; either way one more than there are is debt. */
	house_device(x, 1, "2016", NULL);
	ck_assert_code(house_ask(x, &r), CODE_OK);
	ck_assert(r.over);
	ck_assert_uint_eq(r.state, HOLDINGS_PERMANENT);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 1);
	ck_assert_int_eq(house_number(x, "device", "2016", "over"), 1);
	ck_assert_str_eq(x->told, "debt");
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 1), NULL, &err), MUSTER_OK);
	ck_assert_int_eq(house_number(x, "device", "2016", "revoked"), 1);
	/* What became free goes to whom was over at the next decision. */
	house_device(x, 3, "2016", NULL);
	ck_assert_int_eq(house_number(x, "device", "2016", "over"), 0);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 1);
}

HOUSE_TEST(test_rules_refusals)
{
	struct holdings_request r;

	buy(x, V2016, 2, 2);
	house_request(x, &r, RDS, 1);
	r.per = MUSTER_PER_USER;
	ck_assert_code(house_ask(x, &r), CODE_M_PER);
	ck_assert_ptr_nonnull(strstr(r.detail, "name"));
	x->access.per = MUSTER_PER_DEVICE;
	r.user = "a";
	ck_assert_code(house_ask(x, &r), CODE_M_PER);
	ck_assert_ptr_nonnull(strstr(r.detail, "per device only"));
	x->access.per = MUSTER_PER_USER;
	r.per = MUSTER_PER_DEVICE;
	ck_assert_code(house_ask(x, &r), CODE_M_PER);
	r.per = 0;
	ck_assert_code(house_ask(x, &r), CODE_OK);
	ck_assert_uint_eq(r.state, HOLDINGS_ASSIGNED);
	x->access.per = 0;
	r.release = true;
	ck_assert_code(house_ask(x, &r), CODE_M_KEPT);
	/* A host that is not certified gives out nothing: not even a temporary licence is spent. */
	house_request(x, &r, RDS, 9);
	r.certified = false;
	ck_assert_code(house_ask(x, &r), CODE_HOST_NOT_ACTIVATED);
	ck_assert_int_eq(house_number(x, "device", "2022", "temporary"), 0);
	/* No version sent: the newest that the server knows. */
	r.certified = true;
	ck_assert_code(house_ask(x, &r), CODE_OK);
	ck_assert_uint_eq(r.generation, V2022);
	/* Reserved for others. */
	house_reserve(x, RDS, 2);
	ck_assert_code(permanent(x, 10, "2016"), CODE_OK);
	advance(x, 90 * DAY);
	ck_assert_code(house_device(x, 10, "2016", NULL), CODE_M_RESERVED);
	ck_assert_int_eq(house_number(x, "device", "2016", "reserved"), 2);
	ck_assert_int_eq(house_number(x, "device", "2016", "free"), 2);
}

/* ---- administrators ---- */

HOUSE_TEST(test_rules_take_back)
{
	struct muster_err err = { 0 };
	char id[37];
	int64_t until;

	buy(x, V2016, 9, 1);
	for (uint32_t i = 1; i <= 9; i++)
		permanent(x, i, "2016");
	house_device(x, 20, "2016", NULL);
	ck_assert_int_eq(house_number(x, "device", "2016", "revocable"), 1);   /* 20 % of 9, rounded down */
	ck_assert_int_eq(take_back(x, RDS, "nobody", NULL, &err), MUSTER_E_INVALID);
	ck_assert(says(&err, "client ID"));
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 99), NULL, &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 20), NULL, &err), MUSTER_E_INVALID);
	ck_assert(says(&err, "temporary"));
	ck_assert_int_eq(holdings_take_back(x->h, "0 root", house_product(x, RDS), house_id(id, 1), NULL, " ", &(json_t *){ NULL }, &err), MUSTER_E_INVALID);
	ck_assert(says(&err, "reason"));
	ck_assert_int_eq(take_back(x, TINY, house_id(id, 1), NULL, &err), MUSTER_E_INVALID);
	house_device(x, 1, "2016", &until);
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 1), "2016", &err), MUSTER_OK);
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 2), "2016", &err), MUSTER_E_LIMIT);
	ck_assert_int_eq(take_back(x, RDS, house_id(id, 1), "2016", &err), MUSTER_E_NOT_FOUND);
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_REVOKE), 1);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 8);
	/* Free at once, for another. */
	ck_assert_code(house_device(x, 20, "2016", NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 9);
	ck_assert_code(house_device(x, 1, "2016", NULL), CODE_M_TAKEN_BACK);
	/* Until its original end it counts toward the 20 %, and no longer. */
	clock_manual_advance(&x->f->clock, until - atomic_load(&x->f->clock.wall) - 1);
	ck_assert_int_eq(house_number(x, "device", "2016", "revoked"), 1);
	advance(x, 1);
	ck_assert_int_eq(house_number(x, "device", "2016", "revoked"), 0);
	ck_assert_int_eq(house_number(x, "device", "2016", "revocable"), 1);
}

HOUSE_TEST(test_rules_reassign)
{
	struct catalog_product *p = house_product(x, RDS);
	struct muster_err err = { 0 };
	struct holdings_request r;
	json_t *out;

	buy(x, V2019, 0, 2);
	house_user(x, "DOM\\anna", "2016", NULL);
	house_user(x, "ben", "2016", NULL);
	house_user(x, "carl", "2016", &r);
	ck_assert(r.over);
	ck_assert_int_eq(holdings_reassign(x->h, "0 root", p, "dom\\Anna", "dora", "moved", &out, &err), MUSTER_E_NOT_YET);
	ck_assert(says(&err, "90 days"));
	ck_assert_int_eq(holdings_reassign(x->h, "0 root", p, "nobody", "dora", "moved", &out, &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_eq(holdings_reassign(x->h, "0 root", p, "carl", "dora", "moved", &out, &err), MUSTER_E_INVALID);
	ck_assert(says(&err, "beyond"));
	ck_assert_int_eq(holdings_reassign(x->h, "0 root", p, "ben", "BEN", "moved", &out, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(holdings_reassign(x->h, "0 root", p, "ben", "", "moved", &out, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(holdings_reassign(x->h, "0 root", p, "ben", "eve", "", &out, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(holdings_reassign(x->h, "0 root", house_product(x, CAD), "ben", "eve", "moved", &out, &err), MUSTER_E_INVALID);
	advance(x, 50 * DAY);
	house_user(x, "DOM\\anna", "2016", NULL);
	house_user(x, "ben", "2016", NULL);
	house_user(x, "carl", "2016", NULL);
	advance(x, 40 * DAY);
	ck_assert_int_eq(holdings_reassign(x->h, "0 root", p, "dom\\anna", "ben", "moved", &out, &err), MUSTER_E_EXISTS);
	ck_assert_int_eq(holdings_reassign(x->h, "0 root", p, "dom\\anna", "carl", "moved", &out, &err), MUSTER_OK);
	ck_assert_str_eq(json_string_value(json_object_get(out, "version")), "2019");
	json_decref(out);
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_REASSIGN), 1);
	house_user(x, "carl", "2016", &r);
	ck_assert(!r.over);
	ck_assert_int_eq(house_number(x, "user", "2019", "issued"), 2);
	ck_assert_int_eq(house_number(x, "user", "2019", "over"), 0);
	/* Ninety days from then on. */
	ck_assert_int_eq(holdings_reassign(x->h, "0 root", p, "carl", "dora", "moved", &out, &err), MUSTER_E_NOT_YET);
	house_user(x, "DOM\\anna", "2016", &r);
	ck_assert(r.over);
	/* What is kept is shown as that. */
	advance(x, 61 * DAY);
	ck_assert_int_eq(house_number(x, "user", "2019", "kept"), 1);
}

HOUSE_TEST(test_rules_entered)
{
	struct catalog_product *p = house_product(x, RDS);
	struct muster_err err = { 0 };
	json_t *what = json_pack("{s:s, s:s, s:i, s:s}", "per", "device", "version", "2019", "licenses", 2, "note", "order 17"), *out;
	char id[32];

	ck_assert_int_eq(holdings_capacity_add(x->h, "0 root", p, what, &out, &err), MUSTER_OK);
	snprintf(id, sizeof id, "%s", json_string_value(json_object_get(out, "id")));
	json_decref(out);
	ck_assert_int_eq(house_number(x, "device", "2019", "bought"), 2);
	for (uint32_t i = 1; i <= 3; i++)
		permanent(x, i, "2019");
	ck_assert_int_eq(house_number(x, "device", "2019", "issued"), 2);
	ck_assert_int_eq(holdings_report(x->h, p, &out, &err), MUSTER_OK);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(json_array_get(json_object_get(out, "products"), 0), "entered"), 0), "id")), id);
	json_decref(out);
	ck_assert_int_eq(holdings_capacity_remove(x->h, "0 root", "zz", &out, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(holdings_capacity_remove(x->h, "0 root", "0011223344556677", &out, &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_eq(holdings_capacity_remove(x->h, "0 root", id, &out, &err), MUSTER_OK);
	json_decref(out);
	ck_assert_int_eq(house_number(x, "device", "2019", "bought"), 0);
	ck_assert_int_eq(house_number(x, "device", "2019", "over"), 2);
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_CAPACITY), 1);
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_CAPACITY_REMOVE), 1);
	/* What is wrong. */
	json_object_set_new(what, "licenses", json_integer(0));
	ck_assert_int_eq(holdings_capacity_add(x->h, "0 root", p, what, &out, &err), MUSTER_E_INVALID);
	json_object_set_new(what, "licenses", json_integer(1));
	json_object_set_new(what, "version", json_string("2030"));
	ck_assert_int_eq(holdings_capacity_add(x->h, "0 root", p, what, &out, &err), MUSTER_E_INVALID);
	ck_assert(says(&err, "2030"));
	json_object_set_new(what, "per", json_string("seat"));
	ck_assert_int_eq(holdings_capacity_add(x->h, "0 root", p, what, &out, &err), MUSTER_E_INVALID);
	json_object_del(what, "version");
	/* Licences of a product whose leases license something come in packs. */
	ck_assert_int_eq(holdings_capacity_add(x->h, "0 root", house_product(x, CAD), what, &out, &err), MUSTER_E_INVALID);
	ck_assert(says(&err, "licence packs"));
	house_product(x, CAD)->row.flags = MUSTER_PRODUCT_RECORD;
	ck_assert_int_eq(holdings_capacity_add(x->h, "0 root", house_product(x, CAD), what, &out, &err), MUSTER_OK);
	json_decref(out);
	ck_assert_int_eq(house_number(x, NULL, NULL, "bought"), 1);
	json_decref(what);
}

HOUSE_TEST(test_rules_list)
{
	struct muster_err err = { 0 };
	char after[128] = "";
	size_t seen = 0, pages = 0;
	json_t *out;

	buy(x, V2016, 3, 1);
	for (uint32_t i = 1; i <= 5; i++)
		permanent(x, i, "2016");
	house_user(x, "anna", "2016", NULL);
	house_user(x, "ben", "2016", NULL);
	do {
		const json_t *items;

		ck_assert_msg(holdings_list(x->h, house_product(x, RDS), after, 3, &out, &err) == MUSTER_OK, "%s", err.message);
		items = json_object_get(out, "items");
		for (size_t i = 0; i < json_array_size(items); i++) {
			const json_t *one = json_array_get(items, i);
			const char *kind = json_string_value(json_object_get(one, "kind")), *holder = json_string_value(json_object_get(one, "holder"));

			ck_assert(strcmp(kind, "device") == 0 ? strlen(holder) == 36 : strcmp(kind, "user") == 0 && (strcmp(holder, "anna") == 0 || strcmp(holder, "ben") == 0));
			ck_assert_str_eq(json_string_value(json_object_get(one, "version")), "2016");
			ck_assert_int_eq(json_is_true(json_object_get(one, "over")), strcmp(holder, "ben") == 0);
		}
		seen += json_array_size(items);
		pages++;
		snprintf(after, sizeof after, "%s", json_is_string(json_object_get(out, "next")) ? json_string_value(json_object_get(out, "next")) : "");
		json_decref(out);
	} while (after[0] != '\0');
	ck_assert_uint_eq(seen, 7);
	ck_assert_uint_eq(pages, 3);
	ck_assert_int_eq(holdings_list(x->h, house_product(x, RDS), "x", 3, &out, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(holdings_list(x->h, house_product(x, RDS), "010000010", 3, &out, &err), MUSTER_E_INVALID);
}

/* ---- seats ---- */

HOUSE_TEST(test_rules_seats)
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
	advance(x, 60 * SECOND);
	ck_assert_code(house_seat(x, 1, &r), CODE_OK);
	ck_assert_int_eq(r.until, NOW + 660 * SECOND);
	house_request(x, &r, CAD, 1);
	r.hw[5] ^= 1;
	ck_assert_code(house_ask(x, &r), CODE_M_DUPLICATE);
	r.hw[0] = 2;   /* of another source: not comparable */
	ck_assert_code(house_ask(x, &r), CODE_OK);
	/* Given back: the first in the queue gets it, nobody else, not even one who is new. */
	for (uint32_t i = 3; i <= 5; i++)
		ck_assert_code(house_seat(x, i, NULL), QUEUED);
	house_request(x, &r, CAD, 2);
	r.release = true;
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

/* Grace: kept for its holder after the lease's end; then free by itself. */
HOUSE_TEST(test_rules_seats_grace)
{
	struct holdings_request r;

	x->seat = 1;
	house_packs(x);
	house_seat(x, 1, NULL);
	advance(x, 600 * SECOND);
	ck_assert_code(house_seat(x, 2, NULL), QUEUED);
	ck_assert_int_eq(house_number(x, NULL, NULL, "issued"), 1);
	advance(x, 60 * SECOND);
	ck_assert_code(house_seat(x, 1, &r), CODE_OK);
	ck_assert_int_eq(r.until, NOW + 1260 * SECOND);
	advance(x, 719 * SECOND);
	ck_assert_code(house_seat(x, 2, NULL), QUEUED);
	advance(x, 1 * SECOND);
	ck_assert_code(house_seat(x, 2, NULL), CODE_OK);
	ck_assert_code(house_seat(x, 1, NULL), QUEUED);
}

/* Whoever waits and asks no more loses the place after three times the retry. */
HOUSE_TEST(test_rules_seats_queue_ages)
{
	struct holdings_request r;

	x->seat = 1;
	house_packs(x);
	house_seat(x, 1, NULL);
	house_seat(x, 2, &r);
	ck_assert_uint_eq(r.retry_after, 30);
	house_seat(x, 3, NULL);
	advance(x, 89 * SECOND);
	ck_assert_code(house_seat(x, 3, &r), QUEUED);
	ck_assert_uint_eq(r.position, 2);
	advance(x, SECOND);
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
HOUSE_TEST(test_rules_seats_taken_back)
{
	struct muster_err err = { 0 };
	struct holdings_request r;
	char id[37];

	x->seat = 1;
	house_packs(x);
	ck_assert_int_eq(take_back(x, CAD, house_id(id, 1), NULL, &err), MUSTER_E_NOT_FOUND);
	house_seat(x, 1, NULL);
	ck_assert_int_eq(take_back(x, CAD, house_id(id, 1), NULL, &err), MUSTER_OK);
	ck_assert_int_eq(take_back(x, CAD, house_id(id, 1), NULL, &err), MUSTER_E_EXISTS);
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_SEAT_TAKEN), 1);
	ck_assert_int_eq(house_number(x, NULL, NULL, "ending"), 1);
	ck_assert_code(house_seat(x, 1, &r), CODE_M_TAKEN_BACK);
	ck_assert_uint_gt(strlen(r.detail), 20);
	advance(x, 590 * SECOND);
	ck_assert_code(house_seat(x, 2, NULL), QUEUED);
	advance(x, 10 * SECOND);
	ck_assert_code(house_seat(x, 1, NULL), QUEUED);
	ck_assert_code(house_seat(x, 2, NULL), CODE_OK);
	/* In grace no lease lives: free at once. */
	advance(x, 601 * SECOND);
	house_due(x);
	ck_assert_int_eq(take_back(x, CAD, house_id(id, 2), NULL, &err), MUSTER_OK);
	ck_assert_int_eq(house_number(x, NULL, NULL, "free"), 1);
}

HOUSE_TEST(test_rules_seats_advise)
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
	r.release = true;
	house_ask(x, &r);
	ck_assert_code(house_seat(x, 2, &r), CODE_OK);
	ck_assert(!r.over);
	ck_assert_int_eq(house_number(x, NULL, NULL, "over"), 0);
	ck_assert_int_eq(house_number(x, NULL, NULL, "issued"), 1);
}

/* Fewer seats than are out: nobody is cut off, nobody is extended before enough are free. */
HOUSE_TEST(test_rules_seats_fewer)
{
	struct holdings_request r;

	x->seat = 3;
	house_packs(x);
	for (uint32_t i = 1; i <= 3; i++)
		house_seat(x, i, NULL);
	x->seat = 2;
	house_packs(x);
	ck_assert_int_eq(house_number(x, NULL, NULL, "over"), 1);
	advance(x, 300 * SECOND);
	ck_assert_code(house_seat(x, 1, &r), QUEUED);
	house_request(x, &r, CAD, 2);
	r.release = true;
	house_ask(x, &r);
	ck_assert_code(house_seat(x, 3, NULL), CODE_OK);
	ck_assert_code(house_seat(x, 1, NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, NULL, NULL, "waiting"), 0);
	/* Kept for others: who is one of those passes those who wait for what is not theirs. */
	house_request(x, &r, CAD, 3);
	r.release = true;
	house_ask(x, &r);
	house_reserve(x, CAD, 1);
	ck_assert_code(house_seat(x, 7, NULL), QUEUED);
	house_request(x, &r, CAD, 8);
	r.client[0] = 0xEE;
	ck_assert_code(house_ask(x, &r), CODE_OK);
}

/* A commit that fails gives nobody a seat and nobody's place away. */
MEMORY_TEST(test_rules_seats_failed)
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
	r.release = true;
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
MEMORY_TEST(test_rules_allocations)
{
	struct house *x = calloc(1, sizeof *x);
	unsigned failed = 0;

	house_open(x, f);
	buy(x, V2016, 2, 2);
	buy(x, V2019, 2, 2);
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
			advance(x, 5 * DAY);
			house_packs(x);
		}
	}
	ck_assert_uint_gt(failed, 50);
	house_close(x);
	free(x);
}

UNIT_MAIN("holdings_rules", test_rules_pack_ends, test_rules_version_goes, test_rules_clock_stands, test_rules_several_versions, test_rules_product_goes, test_rules_over_oldest,
          test_rules_advise, test_rules_refusals, test_rules_take_back, test_rules_reassign, test_rules_entered, test_rules_list, test_rules_seats, test_rules_seats_grace,
          test_rules_seats_queue_ages, test_rules_seats_taken_back, test_rules_seats_advise, test_rules_seats_fewer, test_rules_seats_failed, test_rules_allocations)
