/** A ledger for tests: catalog made by hand, clock that stands still, memory store or SQLite in a temporary folder. */
#ifndef TESTS_UNIT_LEDGER_FIXTURE_H
#define TESTS_UNIT_LEDGER_FIXTURE_H

#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/ledger/internal.h"
#include "core/store/store_memory.h"

#define DAY INT64_C(86400000)
#define HOUR INT64_C(3600000)
#define NOW INT64_C(1795000000000)   /* 2026-11-18 */

enum fix_store { FIX_MEMORY, FIX_SQLITE };
enum fix_product { WINDOWS, SERVER, OFFICE2010, OFFICE2013, TINY, UNCOUNTED, FIX_PRODUCTS };

/** One host event, as the service's log would get it. */
struct fix_event { int level; char event[32]; char text[512]; };

struct fix {
	enum fix_store kind;
	struct ledger *l;
	struct store *memory;            /* outlives the ledger */
	struct clock_manual clock;
	struct config config;
	struct catalog *catalog;
	char dir[64];
	uint64_t avail, total;           /* of the injected file system */
	pthread_mutex_t lock;
	struct fix_event events[256]; size_t event_count;
	uint32_t nonce;
};

void fix_open(struct fix *f, enum fix_store kind);
void fix_start(struct fix *f);       /**< open, bind, start */
/** The same, and what fails is handed back; nothing is left open then. */
int fix_try_start(struct fix *f, struct muster_err *err);
void fix_stop(struct fix *f);        /**< stop and free, keep what is stored */
void fix_close(struct fix *f);       /**< and remove it */
static inline void fix_restart(struct fix *f) { fix_stop(f); fix_start(f); }
/** Move the clock, wall and boot together for the ledger: read one before and one after, it would have jumped. Nobody is woken. */
void fix_pass(struct fix *f, int64_t ms);
/** Move the clock and wake the threads. */
void fix_advance(struct fix *f, int64_t ms);
/** Wait until all is folded and refilled. */
void fix_settle(struct fix *f);
/** Look every millisecond until it holds, by the real clock a minute at most: another thread takes its turn when the machine lets it. */
#define FIX_UNTIL(condition) \
	for (int64_t end_ = fix_steady_ms() + 60000; !(condition) && fix_steady_ms() < end_;) \
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL)
/** The real clock, ms. */
static inline int64_t fix_steady_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
bool fix_said(struct fix *f, const char *event);

/** A request of client @p id for @p product: certified, right clock, status 2, own hardware of source 1, fresh nonce. */
struct ask { struct ledger_request r; pthread_mutex_t lock; pthread_cond_t cond; bool done; };
void ask_init(struct fix *f, struct ask *a, enum fix_product product, uint32_t id);
/** As if hardware number @p hw of @p source sent it. */
void ask_hw(struct ask *a, uint8_t source, uint32_t hw);
void ask_submit(struct fix *f, struct ask *a);   /**< must be taken */
void ask_wait(struct ask *a);
/** All of it; the answer is in a->r. */
void ask_go(struct fix *f, struct ask *a);
/** Init, go, fini; @return the code. */
uint32_t ask_code(struct fix *f, enum fix_product product, uint32_t id);
void ask_fini(struct ask *a);
/** Release @p id. */
uint32_t ask_release(struct fix *f, enum fix_product product, uint32_t id);

const struct catalog_edition *fix_edition(struct fix *f, enum fix_product product);
const struct catalog_product *fix_product(struct fix *f, enum fix_product product);
struct ledger_count fix_count(struct fix *f, enum fix_product product);
struct ledger_totals fix_totals(struct fix *f, enum fix_product product);
void fix_client_id(uint8_t out[16], uint32_t id);
/** Number of client rows, and the rows themselves by number. */
size_t fix_clients(struct fix *f);
bool fix_client(struct fix *f, uint32_t id, enum fix_product product, struct store_use *out);
/** All events: how many, and requests they stand for that carry @p flags. */
size_t fix_events(struct fix *f, uint32_t flags, uint64_t *requests);

/** The fixture's own catalogs. */
struct catalog *fix_catalog_new(void);
/** The same products, @p product in pool number @p pool. */
struct catalog *fix_catalog_moved(enum fix_product product, uint32_t pool);

/** A test that runs on both stores. */
#define LEDGER_TEST(name) \
	static void name##_on(struct fix *f); \
	START_TEST(name) \
	{ \
		for (int kind = FIX_MEMORY; kind <= FIX_SQLITE; kind++) { \
			struct fix *f = calloc(1, sizeof *f); \
			ck_assert_ptr_nonnull(f); \
			fix_open(f, (enum fix_store)kind); \
			fix_start(f); \
			name##_on(f); \
			fix_close(f); \
			free(f); \
		} \
	} \
	END_TEST \
	static void name##_on(struct fix *f)

/** A test that gives the memory store orders. */
#define MEMORY_TEST(name) \
	static void name##_on(struct fix *f); \
	START_TEST(name) \
	{ \
		struct fix *f = calloc(1, sizeof *f); \
		ck_assert_ptr_nonnull(f); \
		fix_open(f, FIX_MEMORY); \
		fix_start(f); \
		name##_on(f); \
		fix_close(f); \
		free(f); \
	} \
	END_TEST \
	static void name##_on(struct fix *f)

#define LOW ((uint32_t)CODE_COUNT_LOW)
#define ck_assert_code(got, wanted) ck_assert_uint_eq((got), (uint32_t)(wanted))

#endif
