/* The rules over the real groups, on both stores: what happens to access licences beside the ordinary year, and administrators' acts with their sentences. */
#include "tests/unit/holdings_fixture.h"

#define HARD ((uint32_t)CODE_M_NO_LICENSE)

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
	house_buy(x, V2016, 3, 2);
	for (uint32_t i = 1; i <= 3; i++)
		ck_assert_code(house_permanent(x, i, "2016"), CODE_OK);
	for (char name[] = "a"; name[0] <= 'b'; name[0]++)
		ck_assert_code(house_user(x, name, "2016", NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, "device", "2016", "free"), 0);
	house_device(x, 1, "2016", &until);
	house_buy(x, V2016, 1, 1);
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
	house_advance(x, DAY);
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

	house_buy(x, V2016, 2, 0);
	house_buy(x, V2019, 1, 0);
	ck_assert_code(house_permanent(x, 1, "2016"), CODE_OK);
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

	house_buy(x, V2016, 10, 1);
	for (uint32_t i = 1; i <= 12; i++)
		for (int k = 0; k < 3; k++)
			ck_assert_code(house_device(x, i, "2016", NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 10);
	ck_assert_int_eq(house_number(x, "device", "2016", "temporary"), 2);
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 1), NULL, &err), MUSTER_OK);
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 2), NULL, &err), MUSTER_OK);
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

	house_buy(x, V2022, 5, 0);
	ck_assert_code(house_permanent(x, 1, "2022"), CODE_OK);
	/* A licence server that is set back to 2019 gives out nothing newer, and what is out of it does not serve there. */
	house_product(x, RDS)->server_generation = V2019;
	house_buy(x, V2019, 5, 0);
	ck_assert_code(house_device(x, 1, "2019", NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, "device", "2019", "issued"), 1);
	ck_assert_int_eq(house_number(x, "device", "2022", "issued"), 1);
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 1), NULL, &err), MUSTER_E_INVALID);
	ck_assert(says(&err, "several versions"));
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 1), "2030", &err), MUSTER_E_INVALID);
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 1), "2016", &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 1), "2022", &err), MUSTER_OK);
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

	house_buy(x, V2016, 2, 1);
	x->seat = 1;
	house_packs(x);
	house_permanent(x, 1, "2016");
	house_user(x, "a", "2016", NULL);
	ck_assert_code(house_seat(x, 1, NULL), CODE_OK);
	all = catalog_products(without, &n);
	for (size_t i = 0; i < n; i++)
		((struct catalog_product *)(uintptr_t)&all[i])->row.name = i == RDS ? "other-a" : i == CAD ? "other-b" : all[i].row.name;
	ck_assert_int_eq(ledger_bind(x->f->l, without, &err), MUSTER_OK);
	ck_assert_int_eq(holdings_bind(x->h, without, &err), MUSTER_OK);
	ck_assert_ptr_null(holdings_product(x->h, holdings_number(x->h, house_product(x, RDS))));
	house_advance(x, 200 * DAY);
	house_due(x);
	ck_assert_int_eq(ledger_bind(x->f->l, x->f->catalog, &err), MUSTER_OK);
	ck_assert_int_eq(holdings_bind(x->h, x->f->catalog, &err), MUSTER_OK);
	catalog_unref(without);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 0);
	ck_assert_int_eq(house_number(x, "user", "2016", "issued"), 0);
	ck_assert_int_eq(house_number(x, NULL, NULL, "issued"), 0);
	/* Known all the same: no second temporary licence. */
	house_buy(x, V2016, 0, 0);
	ck_assert_code(house_device(x, 1, "2016", NULL), HARD);
}

/* Whoever is over for longest gets what is free; the oldest first, of versions that fit. */
HOUSE_TEST(test_rules_over_oldest)
{
	struct holdings_request r;
	char name[16];

	house_buy(x, V2019, 0, 1);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "user%d", i);
		house_user(x, name, i % 2 == 0 ? "2016" : "2019", &r);
		ck_assert_code(r.code, CODE_OK);
		ck_assert_int_eq(r.over, i > 0);
		house_advance(x, 1000);
	}
	ck_assert_int_eq(house_number(x, "user", "2019", "over"), 5);
	house_buy(x, V2019, 0, 3);
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
	house_buy(x, V2022, 0, 2);
	house_user(x, "user0", "2016", NULL);
	ck_assert_int_eq(house_number(x, "user", "2022", "issued"), 2);
	house_user(x, "user5", "2019", &r);
	ck_assert(r.over);
	/* One who asks for the older and gets it leaves what he was booked on. */
	house_buy(x, V2016, 0, 1);
	house_user(x, "user5", "2016", &r);
	ck_assert(!r.over);
	ck_assert_int_eq(house_number(x, "user", "2019", "over"), 0);
	ck_assert_int_eq(house_number(x, "user", "2016", "issued"), 1);
	/* The journal has one row a day and version. */
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_BREACH), 1);
	house_buy(x, V2019, 0, 0);
	house_advance(x, DAY);
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
	house_buy(x, V2016, 1, 0);
	for (uint32_t i = 1; i <= 2; i++)
		house_permanent(x, i, "2016");
	house_advance(x, 30 * DAY);
	house_permanent(x, 1, "2016");
	house_advance(x, 60 * DAY);
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
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 1), NULL, &err), MUSTER_OK);
	ck_assert_int_eq(house_number(x, "device", "2016", "revoked"), 1);
	/* What became free goes to whom was over at the next decision. */
	house_device(x, 3, "2016", NULL);
	ck_assert_int_eq(house_number(x, "device", "2016", "over"), 0);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 1);
}

HOUSE_TEST(test_rules_refusals)
{
	struct holdings_request r;

	house_buy(x, V2016, 2, 2);
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
	ck_assert_code(house_permanent(x, 10, "2016"), CODE_OK);
	house_advance(x, 90 * DAY);
	ck_assert_code(house_device(x, 10, "2016", NULL), CODE_M_RESERVED);
	ck_assert_int_eq(house_number(x, "device", "2016", "reserved"), 2);
	ck_assert_int_eq(house_number(x, "device", "2016", "free"), 2);
	/* A pattern is for machines: who is called like one uses nothing of it. */
	house_buy(x, V2016, 2, 3);
	ck_assert_code(house_user(x, "ee-bob", "2016", NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, "user", "2016", "issued"), 1);
	ck_assert_int_eq(house_number(x, "user", "2016", "reserved"), 2);
}

/* A copy of a machine, with its client ID: told to take one of its own, and nothing changes for whom it was copied from. */
HOUSE_TEST(test_rules_copied_machine)
{
	struct holdings_request r;
	int64_t until, again;

	house_buy(x, V2016, 1, 0);
	ck_assert_code(house_device(x, 1, "2016", NULL), CODE_OK);
	house_request(x, &r, RDS, 1);
	r.version = "2016";
	r.hw[5] ^= 1;
	ck_assert_code(house_ask(x, &r), CODE_M_DUPLICATE);   /* a second sign-in would have been the permanent one */
	ck_assert_int_eq(house_number(x, "device", "2016", "temporary"), 1);
	ck_assert_code(house_device(x, 1, "2016", &until), CODE_OK);
	ck_assert_code(house_ask(x, &r), CODE_M_DUPLICATE);
	ck_assert_code(house_device(x, 1, "2016", &again), CODE_OK);
	ck_assert_int_eq(again, until);
	r.hw[0] = 2;   /* of another source: not comparable, and what is on record stays */
	house_advance(x, 50 * DAY);
	ck_assert_code(house_ask(x, &r), CODE_OK);
	r.hw[0] = 1;
	ck_assert_code(house_ask(x, &r), CODE_M_DUPLICATE);
	/* Per user no machine owns anything. */
	ck_assert_code(house_user(x, "alice", "2016", NULL), CODE_OK);
	house_request(x, &r, RDS, 77);
	r.hw[5] ^= 1;
	r.per = MUSTER_PER_USER;
	r.user = "alice";
	r.version = "2016";
	ck_assert_code(house_ask(x, &r), CODE_OK);
	/* When it has ended it is nobody's. */
	house_request(x, &r, RDS, 1);
	r.hw[5] ^= 1;
	r.version = "2016";
	house_advance(x, 90 * DAY);
	ck_assert_code(house_ask(x, &r), CODE_OK);
}

/* ---- administrators ---- */

HOUSE_TEST(test_rules_take_back)
{
	struct muster_err err = { 0 };
	char id[37];
	int64_t until;

	house_buy(x, V2016, 9, 1);
	for (uint32_t i = 1; i <= 9; i++)
		house_permanent(x, i, "2016");
	house_device(x, 20, "2016", NULL);
	ck_assert_int_eq(house_number(x, "device", "2016", "revocable"), 1);   /* 20 % of 9, rounded down */
	ck_assert_int_eq(house_take_back(x, RDS, "nobody", NULL, &err), MUSTER_E_INVALID);
	ck_assert(says(&err, "client ID"));
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 99), NULL, &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 20), NULL, &err), MUSTER_E_INVALID);
	ck_assert(says(&err, "temporary"));
	ck_assert_int_eq(holdings_take_back(x->h, "0 root", house_product(x, RDS), house_id(id, 1), NULL, " ", &(json_t *){ NULL }, &err), MUSTER_E_INVALID);
	ck_assert(says(&err, "reason"));
	ck_assert_int_eq(house_take_back(x, TINY, house_id(id, 1), NULL, &err), MUSTER_E_INVALID);
	house_device(x, 1, "2016", &until);
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 1), "2016", &err), MUSTER_OK);
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 2), "2016", &err), MUSTER_E_LIMIT);
	ck_assert_int_eq(house_take_back(x, RDS, house_id(id, 1), "2016", &err), MUSTER_E_NOT_FOUND);
	ck_assert_uint_eq(house_journal(x, HOLDINGS_J_REVOKE), 1);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 8);
	/* Free at once, for another. */
	ck_assert_code(house_device(x, 20, "2016", NULL), CODE_OK);
	ck_assert_int_eq(house_number(x, "device", "2016", "issued"), 9);
	ck_assert_code(house_device(x, 1, "2016", NULL), CODE_M_TAKEN_BACK);
	/* Until its original end it counts toward the 20 %, and no longer. */
	clock_manual_advance(&x->f->clock, until - atomic_load(&x->f->clock.wall) - 1);
	ck_assert_int_eq(house_number(x, "device", "2016", "revoked"), 1);
	house_advance(x, 1);
	ck_assert_int_eq(house_number(x, "device", "2016", "revoked"), 0);
	ck_assert_int_eq(house_number(x, "device", "2016", "revocable"), 1);
}

HOUSE_TEST(test_rules_reassign)
{
	struct catalog_product *p = house_product(x, RDS);
	struct muster_err err = { 0 };
	struct holdings_request r;
	json_t *out;

	house_buy(x, V2019, 0, 2);
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
	house_advance(x, 50 * DAY);
	house_user(x, "DOM\\anna", "2016", NULL);
	house_user(x, "ben", "2016", NULL);
	house_user(x, "carl", "2016", NULL);
	house_advance(x, 40 * DAY);
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
	house_advance(x, 61 * DAY);
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
		house_permanent(x, i, "2019");
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

	house_buy(x, V2016, 3, 1);
	for (uint32_t i = 1; i <= 5; i++)
		house_permanent(x, i, "2016");
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

UNIT_MAIN("holdings_rules", test_rules_pack_ends, test_rules_version_goes, test_rules_clock_stands, test_rules_several_versions, test_rules_product_goes,
          test_rules_over_oldest, test_rules_advise, test_rules_refusals, test_rules_copied_machine, test_rules_take_back, test_rules_reassign, test_rules_entered, test_rules_list)
