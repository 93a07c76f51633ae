/**
 * The ledger: who reported in, what they were told, and the count. The only owner of that state.
 *
 * One ledger thread takes requests in groups: finds repeats and clones, touches pools, decides, appends one group to the
 * log, and answers after COMMIT. One state thread folds the log into per-client rows and serves administrators.
 * Rules: ledger.md. Every function is thread-safe unless it says otherwise.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "core/base/clock.h"
#include "core/catalog/catalog.h"
#include "core/licensing/pool.h"
#include "core/store/store.h"

struct ledger;

struct ledger_options {
	struct store *store;             /**< adopted on success */
	const char *dir;                 /**< state folder: locked, watched for free space; NULL: memory store */
	const struct clock *clock;
	const struct config *config;     /**< limits and retention; copied */
	/** A host event for the log (code, text), from any thread. */
	void (*event)(void *ctx, int level, const char *event, const char *text);
	void *ctx;
	/** Bytes free for us and size of the file system; NULL: file_space() of dir, or without dir no limit. Tests inject it. */
	int (*space)(void *ctx, uint64_t *avail, uint64_t *total);
};

enum ledger_kind { LEDGER_ACTIVATE, LEDGER_RELEASE };

/** One request on its way through. The caller owns the memory and keeps it until done() was called. */
struct ledger_request {
	struct ledger_request *next;     /**< the ledger's, like queued_ms */
	int64_t queued_ms;
	enum ledger_kind kind;
	struct catalog *catalog;         /**< the reference the caller holds while the request is under way */
	const struct catalog_edition *edition;  /**< NULL: unknown activation ID */
	uint8_t activation_id[16], client[16], hw[32];
	bool has_hw, is_virtual, has_minutes;
	bool lease_known;                /**< a lease of ours for this client and product verified */
	bool has_lease_hw; uint8_t lease_hw[32];
	int64_t lease_seq;               /**< seq in that lease's jti when it is of this ledger; 0 */
	uint8_t lease_origin[16]; int64_t lease_origin_seq;   /**< ledger and seq in the jti of another ledger's lease; seq 0: none */
	bool loopback;
	bool certified; int64_t chain_end;  /**< see threshold.h */
	bool decided, grants;            /**< decided elsewhere (counted keys, holdings): recorded as `verdict`, no pool is touched; grants: OK means a lease, like any other */
	uint32_t verdict;
	uint32_t used;                   /**< decided: the count that the event tells, of seats and licences given out; 0 none */
	int64_t until;                   /**< ms; decided and grants: the lease ends then, or with the chain; 0: after the product's validity */
	bool debt;                       /**< granted beyond what there is (policy = advise, or per user): the event says so. Asked with `decided`, else answered */
	uint32_t refused;                /**< code of a static refusal (0 none): counted as failed, logged within the limits, never added to the count */
	uint8_t status; int32_t minutes; int64_t client_time;  /**< ms */
	uint8_t nonce[64]; uint8_t nonce_len;
	uint8_t addr[16], addr_len;
	char name[STORE_NAME_MAX];
	/* answer, valid in done() */
	uint32_t code;                   /**< CODE_OK: sign a lease; CODE_COUNT_LOW: counted; else refused */
	int64_t seq, at, expires;        /**< ms UTC; jti = "<ledger id>.<seq>" */
	uint32_t count, minimum;
	bool repeat, renewal;
	uint32_t retry_after;            /**< s, with 503 and 429 */
	char detail[256];                /**< extra sentence, "" none */
	void (*done)(struct ledger_request *);  /**< called on the ledger thread; must not block */
	void *user;
};

int ledger_open(struct ledger **out, const struct ledger_options *o, struct muster_err *err);
/** Register the catalog's names (also at reload). @p catalog is referenced. */
int ledger_bind(struct ledger *l, struct catalog *catalog, struct muster_err *err);
/** Replay what is not folded yet, start both threads. Bind a catalog first. */
int ledger_start(struct ledger *l, struct muster_err *err);
/** Take over limits, clock tolerance and retention of a reloaded configuration. */
void ledger_configure(struct ledger *l, const struct config *config);
/** Commit and answer what is queued, stop both threads, fold what fits the time. */
void ledger_stop(struct ledger *l);
void ledger_free(struct ledger *l);
void ledger_identity(const struct ledger *l, char out[37]);

/** Queue a request. @return MUSTER_OK (done() will be called) or MUSTER_E_BUSY (queue full, too old, or not ready: r->code and r->retry_after say why; done() is not called);
 * MUSTER_E_INVALID with CODE_M_FIELD when status, nonce, address or name break the limits of their members. */
int ledger_submit(struct ledger *l, struct ledger_request *r);

/** Readiness: last commit's result, disk, clock, at most 10 s old. @return MUSTER_OK or why not. */
int ledger_ready(struct ledger *l, struct muster_err *err);

struct ledger_status {
	int64_t last_commit;             /**< ms UTC: "Trusted time" */
	int64_t last_seq, fold_seq, fold_at;
	uint32_t queued;
	uint64_t log_bytes, state_bytes, disk_free, disk_floor;
	bool clock_held; char clock_reason[256];
	bool disk_low;
	int64_t last_request;            /**< ms: when a machine asked last; 0 none is known */
};
void ledger_status(struct ledger *l, struct ledger_status *out);
/** How many client IDs, per product, other hardware uses too: machines from one image. Those whose owner was heard from within 30 days. */
uint32_t ledger_clones(struct ledger *l);
/** The time by which things age: it stands still while the host's clock is not believed (trust.md section 11). @param[out] held nothing is granted. Any thread. */
int64_t ledger_age_time(struct ledger *l, bool *held);

/** Live numbers of a pool and of a product since the host lives: by licensing status 0–6, failed; total includes the failed. */
struct ledger_count { uint32_t current, cap, largest_minimum, physical, virtual_, observed /**< known from imports only, beside `current`; with it at most the cap counts */; };
void ledger_pool_count(struct ledger *l, const struct catalog_pool *pool, struct ledger_count *out);
/**
 * How many of a pool's machines are left after so many days if those that are silent now stay silent. Whoever was heard from within @p silent_s is thought to
 * come again; the others leave when the pool's window has passed since they were heard from. One consistent look; as in ledger_pool_count() the largest count is the cap.
 * @param observed with those known from imports only. @param days ascending. @param[out] counts @p n of them. @return how many are silent.
 */
uint32_t ledger_pool_forecast(struct ledger *l, const struct catalog_pool *pool, uint32_t silent_s, bool observed, const uint32_t *days, uint32_t *counts, size_t n);
/**
 * Machines known from imports only (ledger.md section 2): they count beside the pool's members toward the minimum counts of products with `count_observed`, age by
 * their own last time, leave when they ask themselves, and are written nowhere. Who asked here since and then released, or was forgotten, is none of them.
 * Replaces those handed over before. Any thread.
 */
int ledger_observe(struct ledger *l, const struct catalog_pool *pool, const struct pool_observed *machines, size_t n, struct muster_err *err);
#define LEDGER_OBSERVE_MAX 100000u     /**< more need not be handed over */
struct ledger_totals { uint64_t total, failed, status[7]; };
void ledger_product_totals(struct ledger *l, const struct catalog_product *product, struct ledger_totals *out);

/* Administrators' questions: answered on reader handles after a fold up to now (bound 2 s); as_of says up to when. */
struct ledger_client { struct store_use use; const char *product; };
int ledger_clients(struct ledger *l, const char *product, const uint8_t after_client[16], const char *after_product, size_t limit,
                   int (*fn)(void *ctx, const struct ledger_client *), void *ctx, int64_t *as_of, struct muster_err *err);
int ledger_client(struct ledger *l, const uint8_t client[16], int (*fn)(void *ctx, const struct ledger_client *), void *ctx, int64_t *as_of, struct muster_err *err);
/** Events with seq > after; names resolved. */
struct ledger_event { struct store_event event; const char *product, *edition; uint8_t activation_id[16]; };
int ledger_events(struct ledger *l, int64_t after, size_t limit, int (*fn)(void *ctx, const struct ledger_event *), void *ctx, struct muster_err *err);
/** The last @p n events' starting point: seq such that n rows follow. */
int64_t ledger_events_tail(struct ledger *l, size_t n);
int ledger_unknown(struct ledger *l, int (*fn)(void *ctx, const struct store_unknown *), void *ctx, struct muster_err *err);
int ledger_journal(struct ledger *l, int64_t after, size_t limit, int (*fn)(void *ctx, const struct store_journal *), void *ctx, struct muster_err *err);

/** Kinds of journal rows that the ledger writes itself; callers of ledger_journal_note() use 100 and above. */
enum ledger_journal_kind { LEDGER_J_SETTING = 1, LEDGER_J_SETTING_RESET, LEDGER_J_LEARN, LEDGER_J_FORGET, LEDGER_J_CLOCK, LEDGER_J_BACKUP };
/* Acts, each with its journal row in the same transaction; @p actor is "uid name". */
int ledger_setting_put(struct ledger *l, const char *actor, const char *scope, const char *name, const char *value, struct muster_err *err);
int ledger_setting_reset(struct ledger *l, const char *actor, const char *scope, const char *name, struct muster_err *err);
/** Stored settings; value NULL-terminated list through the callback. */
int ledger_settings(struct ledger *l, int (*fn)(void *ctx, const struct store_setting *), void *ctx, struct muster_err *err);
int ledger_learn(struct ledger *l, const char *actor, const uint8_t activation_id[16], const char *product, const char *title, struct muster_err *err);
int ledger_learned(struct ledger *l, int (*fn)(void *ctx, const struct store_edition *, const char *product), void *ctx, struct muster_err *err);
int ledger_forget(struct ledger *l, const char *actor, const uint8_t client[16], struct muster_err *err);
int ledger_journal_note(struct ledger *l, const char *actor, uint32_t kind, const char *object, const char *detail, struct muster_err *err);
/** Changes of the state's own truth in one transaction, as store.h says; every one carries its journal row (kind 100 and above; actor, object, detail) or none.
 * Runs between folds on the caller's thread; durable on MUSTER_OK. */
int ledger_transact(struct ledger *l, const struct store_change *changes, size_t n, struct muster_err *err);
int ledger_record(struct ledger *l, const char *kind, struct muster_span id, struct buf *data, struct muster_err *err);
int ledger_records(struct ledger *l, const char *kind, struct muster_span after, size_t limit, int (*fn)(void *ctx, const struct store_record *), void *ctx,
                   struct muster_err *err);
/** The kind of record behind @p after; MUSTER_E_NOT_FOUND: there is none. */
int ledger_kind_after(struct ledger *l, const char *after, char out[32], struct muster_err *err);
/* Holdings, as store.h says; on a reader's handle: what ledger_transact() has committed is seen. */
int ledger_holding(struct ledger *l, uint32_t product, uint32_t class_, struct muster_span holder, struct store_holding *out, struct muster_err *err);
int ledger_holdings(struct ledger *l, uint32_t product, uint32_t after_class, struct muster_span after, size_t limit,
                    int (*fn)(void *ctx, const struct store_holding *), void *ctx, struct muster_err *err);
int ledger_holdings_due(struct ledger *l, int64_t until, size_t limit, int (*fn)(void *ctx, const struct store_holding *), void *ctx, struct muster_err *err);
int ledger_holding_sums(struct ledger *l, int (*fn)(void *ctx, const struct store_holding_sum *), void *ctx, struct muster_err *err);
/** The state's number of a product of the bound catalog; 0: not bound. Any thread. */
uint32_t ledger_product_number(struct ledger *l, const struct catalog *catalog, const struct catalog_product *product);
/**
 * The limits on new client IDs for what is decided outside the ledger (holdings): whoever holds nothing of a product yet and would be given something. Each counts
 * once within a day, whatever it gives back and asks for again. Counted per address together with the pools' new clients, and per product a day.
 */
struct ledger_newcomer {
	uint32_t product;                /**< the state's number */
	uint8_t holder[16];              /**< client ID, or the beginning of a user's hash */
	uint8_t addr[16], addr_len; bool loopback;
	const char *who;                 /**< for the sentence: "client IDs" */
	/* answer */
	bool charged;                    /**< a place was taken; false: exempt, or counted already */
	uint32_t retry_after; char detail[256];
};
/** Take a place. @return false: over the limits; `retry_after` and `detail` say which. Any thread. */
bool ledger_newcomer(struct ledger *l, struct ledger_newcomer *n);
/** What it was taken for was not committed. */
void ledger_newcomer_return(struct ledger *l, const struct ledger_newcomer *n);

/* ---- moving to another host (moved.c; trust.md section 11) ---- */

/**
 * Nothing is granted for @p ms of steady time from now, so that what is written out is all there is: requests are turned away with M-163. Again before that ends
 * to prolong it; 0 ends it. @return false: an earlier hold has ended meanwhile (@p prolong), or the host is retired.
 */
bool ledger_hold(struct ledger *l, int64_t ms, bool prolong);
/** M-161, M-163 or 0: what every request is refused with now. Any thread, no lock. @param[out] text a sentence for people; may be NULL. */
uint32_t ledger_moving(struct ledger *l, char *text, size_t n);
/** The held host stops for good: a setting of the ledger's own and the journal row @p row in one transaction. @p file names the export. MUSTER_E_NOT_YET: the hold has ended. */
int ledger_retire(struct ledger *l, const struct store_journal *row, const char *file, struct muster_err *err);
/** Fold up to now. @p all: everything, however long it takes (the host is held). @param[out] seq up to which all events are in the rows. */
int ledger_export_begin(struct ledger *l, bool all, int64_t *seq, struct muster_err *err);
/** A client's row and who contributed to it: this ledger (source 1) too, if it did. */
struct ledger_moved { struct store_use use; const char *product; const struct store_part *parts; size_t part_count; };
/** Rows behind (client, number of the product) in key order, at most STORE_PAGE_MAX. */
int ledger_export_uses(struct ledger *l, const uint8_t after_client[16], uint32_t after_product, int (*fn)(void *ctx, const struct ledger_moved *), void *ctx, size_t *n,
                       struct muster_err *err);
int ledger_sources(struct ledger *l, int (*fn)(void *ctx, const struct store_source *), void *ctx, struct muster_err *err);
int ledger_counters(struct ledger *l, int (*fn)(void *ctx, const struct store_counter *), void *ctx, struct muster_err *err);
int ledger_pools(struct ledger *l, int (*fn)(void *ctx, const struct store_pool *), void *ctx, struct muster_err *err);
int ledger_products(struct ledger *l, int (*fn)(void *ctx, const struct store_product *), void *ctx, struct muster_err *err);
/**
 * Names of an export: pools are known by name, their largest minimum count only rises and the window of one that is here stays; products that are not known here get a number
 * and the pool that they name. On entry products[i].pool is 1 + an index into @p pools (0: none); on success all numbers are the state's.
 */
int ledger_take_names(struct ledger *l, struct store_pool *pools, size_t pool_count, struct store_product *products, size_t product_count, struct muster_err *err);
/**
 * Take rows of an export over, in one transaction that may be repeated; rows are put in order. store.h has the rest; @p end NULL but with the last ones.
 * Who is known from there counts after ledger_take_done().
 */
int ledger_take(struct ledger *l, struct store_source *sources, size_t source_count, struct store_taken *rows, size_t n, const struct store_take_end *end, struct muster_err *err);
/** Into memory: counters, marks of clones, and every pool from the clients' rows at once. */
int ledger_take_done(struct ledger *l, struct muster_err *err);

int ledger_clock_accept(struct ledger *l, const char *actor, struct muster_err *err);
int ledger_backup(struct ledger *l, const char *actor, const char *dir, struct muster_err *err);

#endif
