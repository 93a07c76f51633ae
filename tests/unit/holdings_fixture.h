/** Holdings for tests of their rules: the ledger's fixture, two products of it turned into one with access licences and one with seats, packs and randomness made here. */
#ifndef TESTS_UNIT_HOLDINGS_FIXTURE_H
#define TESTS_UNIT_HOLDINGS_FIXTURE_H

#include "tests/unit/ledger_fixture.h"

#include "core/holdings/internal.h"

#define RDS WINDOWS      /* of the ledger's fixture: has access licences here, its leases are records */
#define CAD SERVER       /* has seats */
enum { V2016 = 1, V2019, V2022, VERSIONS = 3 };

/** What packs name is set before a request; house_packs() says that it changed. */
struct house {
	struct fix *f;
	struct holdings *h;
	struct muster_access_rules access;
	struct muster_access_version versions[VERSIONS];
	struct muster_seats_rules seats;
	uint32_t device[VERSIONS + 1], user[VERSIONS + 1], seat;   /* by generation */
	int64_t seat_ends;   /* s; 0: never */
	uint64_t change;
	struct catalog_reservation reservation;   /* for those whose client ID begins with 0xEE */
	uint64_t random;
	unsigned extreme;        /* every so-many-th draw is the smallest or the largest of the permanent licence's range; 0: none */
	uint64_t draws;
	char told[32]; unsigned told_count;   /* the last event */
};

void house_open(struct house *x, struct fix *f);   /**< facts.md section 7's numbers; nothing bought */
void house_close(struct house *x);
void house_packs(struct house *x);                 /**< after a change of the numbers */
void house_reserve(struct house *x, enum fix_product which, uint64_t count);
struct catalog_product *house_product(struct house *x, enum fix_product which);

/** A request; the members that matter may be changed before house_ask(). */
void house_request(struct house *x, struct holdings_request *r, enum fix_product which, uint32_t id);
/** One request as a group of its own. @return its code. */
uint32_t house_ask(struct house *x, struct holdings_request *r);
/** Device or user of a version; a seat; @p until may be NULL. */
uint32_t house_device(struct house *x, uint32_t id, const char *version, int64_t *until);
uint32_t house_user(struct house *x, const char *user, const char *version, struct holdings_request *out);
uint32_t house_seat(struct house *x, uint32_t id, struct holdings_request *out);
/** One number of the report: of a version ("device"/"user") or, with @p per NULL, of seats. −1: the version is not in it. */
int64_t house_number(struct house *x, const char *per, const char *version, const char *what);
/** Give back what ended, until nothing is due. */
void house_due(struct house *x);
/** A client ID's text. */
const char *house_id(char out[37], uint32_t id);
/** Journal rows of a kind. */
size_t house_journal(struct house *x, uint32_t kind);
void house_advance(struct house *x, int64_t ms);
void house_buy(struct house *x, uint32_t generation, uint32_t device, uint32_t user);
/** Two sign-ins; the code of the second. */
uint32_t house_permanent(struct house *x, uint32_t id, const char *version);
int house_take_back(struct house *x, enum fix_product which, const char *holder, const char *version, struct muster_err *err);

/** A test in a house of its own, on both stores. */
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

#endif
