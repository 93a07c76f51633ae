/**
 * Inside of the holdings: what its files share. For core/holdings and its tests only.
 *
 * `lock` is held by whoever decides and commits: the thread for a group, an administrator's act. It guards everything here.
 * A group reads rows through what it has changed already, so the second request of a group sees the first one's.
 */
#ifndef HOLDINGS_INTERNAL_H
#define HOLDINGS_INTERNAL_H

#include <pthread.h>
#include "core/holdings/holdings.h"

struct holdings_group;

/** Licences entered by hand (HOLDINGS_R_CAPACITY). */
struct holdings_entered { uint8_t id[8]; char product[MUSTER_NAME_MAX + 1], version[MUSTER_NAME_MAX + 1]; uint32_t kind; uint64_t licenses; };
/** What a pack names for a product: generation as the product's versions have it, 0 of seats and of a version that it does not have. */
struct holdings_named { uint32_t kind, generation; uint64_t licenses; int64_t starts_at, ends_at; /**< s; 0 none */ };
/** A product by its name, which outlives catalogs; never removed while the host runs. */
struct holdings_known {
	char name[MUSTER_NAME_MAX + 1];
	uint32_t number;                       /**< the state's */
	struct holdings_named *named; size_t named_count;   /**< of packs, as of `change` */
	uint64_t change; bool loaded;
};
/** A key found on a medium (HOLDINGS_R_EMBEDDED). Holds a secret. */
struct holdings_stored { uint32_t number; char product[MUSTER_NAME_MAX + 1], partial[8]; uint8_t proof_key[32]; };

/** Places that a group has taken among the new clients. */
struct newcomer_place { const struct holdings_request *of; uint32_t product; uint8_t holder[16], addr[16], addr_len; };
struct newcomers { struct newcomer_place *of; size_t n, room; };

/** How many use a reservation, by the hash of its name (reserved.c). */
struct holdings_use { uint32_t product, kind, id; int64_t n; };
struct holdings_reserved { struct holdings_use *of; size_t n; bool loaded; };

struct holdings {
	struct holdings_options o;
	pthread_mutex_t lock;                  /**< whoever decides and commits; before the activation's locks and the ledger's */
	struct catalog *catalog;               /**< referenced; NULL before the first bind */
	int64_t now;                           /**< of the latest group */
	struct holdings_sums { struct store_holding_sum *of; size_t n, room; } sums;   /**< sorted by product, class, state */
	bool stale;                            /**< sums must be loaded before anything is decided */
	bool due_more; size_t due_kept;        /**< more rows are due than the slice; rows that stayed due */
	struct holdings_known **known; size_t known_count;
	struct holdings_entered *entered; size_t entered_count; bool entered_stale;
	struct holdings_stored *stored; size_t stored_count;
	struct holdings_reserved reserved;     /**< filled when it is asked for first; empty after anything that it may not follow */
	struct holdings_rules *rules;

	pthread_mutex_t queue_lock;            /**< the members below */
	pthread_cond_t queue_cond;
	pthread_t thread;
	bool running, stop;
	struct holdings_request *first, *last; size_t queued;
};

/* ---- holdings.c: what every file needs of the holdings ---- */
void holdings_lock(struct holdings *h);
void holdings_unlock(struct holdings *h);
int64_t holdings_now(struct holdings *h);                     /**< ms; as the clock says, and not a little behind an earlier group's */
struct ledger *holdings_ledger(struct holdings *h);
/** Product of the bound catalog with that number of the state; NULL: it has none (any more). Borrowed while the lock is held. */
const struct catalog_product *holdings_product(struct holdings *h, uint32_t number);
void holdings_event(struct holdings *h, int level, const char *event, const char *text);
/** Says something once, where it is known; @p level as syslog. */
void holdings_say(const struct holdings *h, int level, const char *event, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** Refuse with a code and a sentence (cut to the room of r->detail). */
void holdings_refuse(struct holdings_request *r, uint32_t code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/** What failed inside is for the log; the machine asks again. */
void holdings_failed(const struct holdings *h, struct holdings_request *r, const struct muster_err *err);
/** NULL: a product of another model, or never bound. */
struct holdings_known *holdings_known(const struct holdings *h, const struct catalog_product *p);
/** A version of the access model by its name; NULL: none. */
const struct muster_access_version *holdings_version_named(const struct catalog_product *p, const char *name);
struct holdings_rules *holdings_rules(struct holdings *h);    /**< made by rules_new() in holdings_open(), freed with rules_free() in holdings_free() */

/* ---- groups: group.c. After holdings_bind() they work without the thread, too ---- */
/** Sums anew from the store; on failure nothing is decided until it succeeds. */
int group_sums_load(struct holdings *h, struct muster_err *err);
/**
 * Begin a group; under the lock. @p now ms. Expired rows are given back first, at most a slice: those whose `until` is past by the ledger's time of ageing,
 * which stands still while the host's clock is not believed (trust.md section 11).
 */
int group_begin(struct holdings_group **out, struct holdings *h, int64_t now, struct muster_err *err);
int64_t group_now(const struct holdings_group *g);
uint64_t group_random(struct holdings_group *g);
struct holdings *group_holdings(const struct holdings_group *g);
/** Whose request is judged now (NULL: nobody's): rows put for this machine remember the reservation that it has. */
void group_ask(struct holdings_group *g, const struct holdings_request *r);
/** What the group has changed of the use of reservations. */
const struct holdings_reserved *group_reserved(const struct holdings_group *g);
/** MUSTER_E_NOT_FOUND: nothing is held. */
int group_get(struct holdings_group *g, uint32_t product, uint32_t class_, struct muster_span holder, struct store_holding *out, struct muster_err *err);
int group_put(struct holdings_group *g, const struct store_holding *row, struct muster_err *err);
int group_delete(struct holdings_group *g, uint32_t product, uint32_t class_, struct muster_span holder, struct muster_err *err);
/** How many there are, with what the group has changed. */
uint64_t group_sum(const struct holdings_group *g, uint32_t product, uint32_t class_, uint32_t state);
/** Generations with rows of a kind, rising, at most @p max: also those that no version of the product has any more. @return how many. */
size_t group_generations(const struct holdings_group *g, uint32_t product, uint32_t kind, uint32_t *out, size_t max);
/** Adds a journal row to the group's transaction. */
int group_journal(struct holdings_group *g, const char *actor, uint32_t kind, const char *object, const char *detail, struct muster_err *err);
/**
 * @p holder holds nothing of the product yet and would be given something: does it come within the limits on new clients? Else the request is refused and @p over
 * set. A place taken is given back when the group is not committed (newcomers.c).
 */
int group_newcomer(struct holdings_group *g, struct holdings_request *r, struct muster_span holder, bool *over, struct muster_err *err);
/** One durable transaction; sums follow. On MUSTER_E_UNKNOWN sums are loaded anew. On any failure rules_forget(). Frees the group in any case. */
int group_commit(struct holdings_group *g, struct muster_err *err);
void group_drop(struct holdings_group *g);

/** How many there are of a kind and generation of a product: packs, or the product's own number, or entered by hand. Cached; bind and pack changes refresh it. */
uint64_t holdings_capacity_of(struct holdings *h, const struct catalog_product *p, uint32_t kind, uint32_t generation);
/** The reservation of a machine that asks, and the one that a row uses; 0: none. reserved_add() false: memory is exhausted. */
uint32_t reserved_asking(const struct holdings_request *r);
uint32_t reserved_used_by(struct holdings *h, const struct store_holding *row);
bool reserved_add(struct holdings_reserved *r, uint32_t product, uint32_t kind, uint32_t id, int64_t n);
/** Of these, how many are kept for others than this machine: reservations that are not used up. */
uint64_t holdings_reserved_for_others(struct holdings_group *g, const struct catalog_product *p, uint32_t kind, const struct holdings_request *r);
/** Bought licences entered by hand: records of the ledger's state, id: 8 random bytes; data: JSON {"product","per":"device"|"user"|"seat","version","licenses","note"}. */
#define HOLDINGS_R_CAPACITY "capacity"
/** Everything that packs name for a product: borrowed until the next call. Under the lock. */
const struct holdings_named *holdings_named_of(struct holdings *h, const struct catalog_product *p, size_t *n);
/** Read packs and records anew at the next question; under the lock. */
void holdings_capacity_refresh(struct holdings *h);
uint32_t holdings_number(struct holdings *h, const struct catalog_product *p);   /**< the state's number of the product */

/* ---- memory of the rules beside the rows: queues for seats, the oldest who are over, breaches told today. access.c, seats.c; under the lock ---- */
struct holdings_rules;
struct holdings_rules *rules_new(void);                       /**< NULL when exhausted */
void rules_free(struct holdings_rules *m);
/** A commit failed: what was remembered of it does not hold. */
void rules_forget(struct holdings_rules *m);

/* ---- newcomers.c ---- */
struct newcomers *group_newcomers(struct holdings_group *g);
/** Frees; who was given nothing, or nothing that was committed, does not count. */
void newcomers_end(struct holdings *h, struct newcomers *all, bool committed);

/* ---- embedded.c ---- */
/** Keys found on media: records; id: number (4, big-endian); data: JSON {product, edition, partial, path, label, stored_at (s), sealed}. */
#define HOLDINGS_R_EMBEDDED "embedded-key"
/** Stored keys into memory; under the lock. */
int embedded_load(struct holdings *h, const struct catalog *catalog, struct muster_err *err);
void embedded_forget(struct holdings *h);

/* One request, under the lock: sets the answer. access.c, seats.c, embedded.c. */
void access_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r);
void seats_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r);
void embedded_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r);
/** What a row that is due becomes: put it changed, or delete it. */
int access_due(struct holdings *h, struct holdings_group *g, const struct store_holding *row, struct muster_err *err);
int seats_due(struct holdings *h, struct holdings_group *g, const struct store_holding *row, struct muster_err *err);

#endif
