/**
 * The ledger's inside: which thread owns what. For core/ledger and its tests only.
 *
 * `lock` guards the counted state in memory (everything under "memory"); it is never held over I/O, except while memory is
 * rebuilt and no request is taken. `state_lock` guards the writing handle of the state; the ledger thread takes it
 * only to rebuild. `reader_lock` guards the readers' handles. Order: state_lock, then lock; reader_lock alone.
 */
#ifndef LEDGER_INTERNAL_H
#define LEDGER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/ledger/clones.h"
#include "core/ledger/hostclock.h"
#include "core/ledger/ledger.h"
#include "core/ledger/limits.h"
#include "core/ledger/queue.h"
#include "core/ledger/repeats.h"
#include "core/licensing/pool.h"

#define GROUP_MAX 512U                 /* requests of one commit */
#define FOLD_RUN 250000U               /* rows sorted at once */
#define FOLD_TRANSACTION 5000U
#define FOLD_WAITING 200000            /* rows that make it fold without waiting for quiet; a run may take some more */
#define BACKLOG_MAX INT64_C(750000)    /* rows waiting to be folded above which requests wait for the fold; a start replays them in 0.8 s */
#define SYSTEM_EVENTS_MAX 16U
#define BINDING_KEPT_MS 60000          /* a replaced catalog's requests are long answered: service deadline 10 s */
#define COUNT_FAILED 7                 /* place of failed requests in product_slot.n, after statuses 0–6 */

/** New client IDs of a day that is under way. */
struct new_day { int64_t start; uint32_t used; };   /* start: steady ms */

/** One count pool, for as long as the ledger is open. */
struct pool_slot {
	struct store_pool row;
	struct pool *members;
	int64_t refill_after;              /* steady ms: refills take at most a tenth of the state thread's time */
	struct new_day day;
	bool refill, refilling;            /* released, forgotten or grown: the state thread hands a list over; it is about to */
	uint32_t staged_new, staged_minimum, staged_observed;   /* of the group being decided; staged_observed: of the new ones, those that were observed */
};

/** One product the state knows a number for; number 0 stands for unknown ones. */
struct product_slot {
	struct store_product row;
	struct pool_slot *pool;            /* NULL: not of a counted-together model */
	struct new_day day;                /* of what is decided elsewhere */
	uint64_t n[8];                     /* requests by status 0–6, then failed; committed ones */
	uint64_t moved[8];                 /* the same of ledgers whose rows were taken over */
};

struct edition_slot { uint8_t activation_id[16]; uint32_t product; char *name; };

/** A catalog and the state's numbers of what it names. */
struct binding_product { struct product_slot *slot; const struct catalog_edition *editions; size_t edition_count; uint32_t *numbers; };
struct binding {
	struct binding *next;
	struct catalog *catalog;
	const struct catalog_product *products; size_t product_count;
	const struct catalog_pool *pools; size_t pool_count;
	struct binding_product *product;
	struct pool_slot **pool;
	int64_t replaced_ms;               /* steady; 0: the present one */
};

#define SAID_MAX 8U
struct said { int level; const char *event; char text[256]; };

struct group;

struct ledger {
	struct store *store;
	const struct clock *clock;
	char *dir;
	int dir_lock;
	void (*event)(void *ctx, int level, const char *event, const char *text);
	int (*space)(void *ctx, uint64_t *avail, uint64_t *total);
	void *ctx;
	uint8_t id[16];
	char id_text[37];

	/* limits and retention, under lock */
	struct { uint64_t clock_skew_ms, new_per_hour, new_per_day, loopback, events_keep_ms, events_max, min_free, wal_max; } set;
	int64_t backlog_max;               /* BACKLOG_MAX; tests lower it */

	struct queue queue;
	atomic_bool ready;                 /* memory stands for what is on disk */
	atomic_bool stopping, disk_low;
	atomic_bool is_retired;
	_Atomic int64_t hold_until;        /* steady ms: nothing is granted until then; 0: it is */
	_Atomic int64_t backlog;           /* rows committed and not folded */
	bool started;
	pthread_t writer_thread, state_thread;

	/* ledger thread */
	struct store_log *log;
	struct digester *digester;
	struct group *group;
	bool in_doubt;                     /* the group's commit may have happened; the log could not be asked yet */
	int64_t next_seq, tick_ms, trim_ms;
	bool trim_more;

	/* memory */
	pthread_mutex_t lock;
	struct pool_slot **pools; size_t pool_count;
	struct product_slot **products; size_t product_count;   /* by number; gaps NULL */
	struct edition_slot *editions; size_t edition_count;    /* by number; gaps with name NULL */
	struct binding *bindings;          /* newest first */
	struct repeats *repeats;
	struct marks *marks;
	struct windows *new_clients, *met;   /* met: who counted as new of a product within a day, where no pool remembers it */
	struct refusals *refusals;
	struct hostclock host;
	int64_t applied_seq;               /* last event that memory holds */
	int64_t last_at, last_commit;      /* time of the last event; wall time of the last commit */
	int64_t last_request;              /* time of the last event that is a machine's */
	int64_t commit_boot;               /* steady time of the last commit or probe */
	int commit_result;
	char commit_error[MUSTER_ERR_MAX];
	int64_t fold_seq, fold_at;
	struct store_source *sources; size_t source_count;   /* ledgers taken over */
	char retired[256];                 /* why nothing is granted any more; "" it is */
	struct store_event system[SYSTEM_EVENTS_MAX]; uint32_t system_count;
	struct said said[SAID_MAX]; uint32_t said_count;
	uint64_t disk_free, disk_floor, log_bytes, state_bytes;
	int64_t told_skew_ms, told_crowded_ms, told_rollback_ms, told_marks_ms;
	bool probe_wanted, probe_waiter;   /* asked for and not answered yet; somebody waits for it */
	int64_t probe_since;               /* steady ms: when it was asked for */
	uint64_t probes;                   /* answered ones */

	/* state thread */
	pthread_mutex_t state_lock;
	struct store_state *state;         /* under state_lock */
	struct store_log *fold_log;
	pthread_mutex_t work_lock;
	pthread_cond_t work_cond, folded_cond;
	bool work_wanted, state_stop;      /* under work_lock: fold and refill now; and then end */
	uint32_t waiters;                  /* under work_lock: who waits for the fold */
	_Atomic int64_t request_ms;        /* steady: when requests came last */
	uint64_t rounds, failures;         /* finished rounds of the state thread, and those of them that failed */
	char fold_error[MUSTER_ERR_MAX];
	int64_t round_ms;                  /* boot time when the last round began; state thread only */

	/* readers */
	pthread_mutex_t reader_lock;
	struct store_state *reader_state;
	struct store_log *reader_log;
	pthread_mutex_t holding_lock;      /* alone, as reader_lock: requests read holdings and wait for no administrator's list */
	struct store_state *holding_state;
	pthread_mutex_t backup_lock;
};

/* host.c: clock, disk, events of the host itself */
void host_event(struct ledger *l, int level, const char *event, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** The same with the lock held: said by host_flush(). The oldest waiting one leaves when there are too many. */
void host_later(struct ledger *l, int level, const char *event, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void host_flush(struct ledger *l);
/** Queue a row of the host's own; lock held. The oldest waiting one leaves when there are too many. */
void host_row(struct ledger *l, uint32_t code, const char *text);
/**
 * Both clocks, checked before they are used: whoever ages or grants takes his time from here, so that a jump just now is
 * noticed first. Lock held; what there is to say is said by host_flush().
 */
void host_time(struct ledger *l, int64_t *wall, int64_t *boot);
/** Look at clock and disk. Takes the lock. */
void host_look(struct ledger *l);
/** Ageing that stood still when the last process ended, and an accepted clock, are settings of scope STATE_SCOPE. */
#define STATE_SCOPE "ledger"
int host_clock_load(struct ledger *l, struct muster_err *err);   /**< state_lock and lock held */
/** The change that records an acceptance. */
void host_clock_accepted(struct ledger *l, struct store_change *c, int64_t last_at, int64_t wall);

/* names.c: numbers of pools, products, editions */
struct product_slot *slot_product(struct ledger *l, uint32_t number);   /**< lock held; NULL: unknown number */
struct pool_slot *slot_pool(struct ledger *l, uint32_t number);
int names_load(struct ledger *l, struct muster_err *err);                /**< from the state; state_lock and lock held */
struct binding *binding_find(struct ledger *l, const struct catalog *c); /**< lock held */
void bindings_retire(struct ledger *l, int64_t boot, bool all);
void names_free(struct ledger *l);

/* start.c: memory from disk */
/** Open and claim the log, fill memory from state and log. Ledger thread, or before it runs. */
int memory_rebuild(struct ledger *l, struct muster_err *err);
/** Marks of clones heard from lately, from the state; state_lock and lock held. Again when it turns out that ageing stands still. */
int marks_load(struct ledger *l, struct muster_err *err);
/** One committed event into memory; lock held. */
void memory_apply(struct ledger *l, const struct store_event *e, struct product_slot *product, const struct pool_member *member);

/* moved.c */
/** Sources and whether this host is retired, from the state; state_lock and lock held. */
int moved_load(struct ledger *l, struct muster_err *err);
/** What a ledger was taken over from, lock held: 0 not known, 1 its rows hold the event @p seq, 2 it is a later one. */
int moved_knows(const struct ledger *l, const uint8_t ledger_id[16], int64_t seq);
/** The rule by which two rows of a client become one. Pure. As store.h's take(). */
bool moved_merge(void *ctx, struct store_use *row, bool is_new, struct store_part *parts, size_t *n, const struct store_taken *from);
/* writer.c */
int group_new(struct ledger *l, struct muster_err *err);
void group_free(struct ledger *l);
void *writer_run(void *ledger);
/* decide.c */
/** What became of one request of a group. */
enum fate { FATE_ANSWERED /* no row: the answer stands whatever the commit does */, FATE_STAGED, FATE_SAME /* as another of the group */ };
struct staged {
	struct ledger_request *request;    /* NULL: a row of the host's own or held-back refusals */
	enum fate fate;
	struct store_event event;
	struct product_slot *product;
	struct pool_slot *pool;
	struct pool_member member;
	bool counted, charged /* against the limits of new clients */, refusal_sum, system;
	uint32_t same;                     /* FATE_SAME: index of the other */
};
/** Hash slots of a group: 2 × what it holds, a power of two. */
#define GROUP_ROWS (GROUP_MAX + SYSTEM_EVENTS_MAX + 64U)
#define GROUP_SLOTS 2048U
struct group {
	struct staged rows[GROUP_ROWS];
	const struct store_event *events[GROUP_ROWS];
	uint32_t n, event_count;
	uint16_t by_digest[GROUP_SLOTS], by_client[GROUP_SLOTS];   /* 1 + index */
	int64_t wall, boot, at, age_time;
	int64_t next_seq;
};
/** Decide one request and stage its row; lock held. */
void decide(struct ledger *l, struct group *g, struct ledger_request *r);
/** The commit failed: a place among the new clients that a request took is free again; lock held. */
void decide_uncharge(struct ledger *l, const struct group *g, const struct staged *s);
/** Give a request the answer of an event. */
void answer_from_event(struct ledger_request *r, const struct store_event *e);

/* newcomers.c */
/** Whoever counts as new, and where; lock held. */
struct newcomer { const uint8_t *addr; uint8_t addr_len; struct new_day *day; const char *who, *where; int64_t boot; };
/** @return NULL: over the limits, @p detail and @p retry_after say which; else how many the address has reported, to be raised with day->used when it is counted. */
uint32_t *newcomer_look(struct ledger *l, const struct newcomer *n, char *detail, size_t room, uint32_t *retry_after);
void newcomer_charge(uint32_t *used, struct new_day *day);
void newcomer_return(struct ledger *l, const uint8_t *addr, uint8_t addr_len, struct new_day *day, int64_t boot);

/* fold.c */
/** Fold what memory holds into the state. State thread only. */
int fold_run(struct ledger *l, struct muster_err *err);
/** Apply one event to a client's row: the rules of ownership and release. @return what it means for the marks. */
enum mark_change { MARK_NONE, MARK_PUT, MARK_UNSEEN /* put, for a visit the pool took for the owner's */, MARK_DROP };
enum mark_change fold_apply(struct store_use *row, const struct store_event *e);
/** Whether an event changes clients' rows at all. */
bool fold_concerns(const struct store_event *e);
/* state.c */
void *state_run(void *ledger);
/** Wake the state thread; with @p bound_ms > 0 wait until everything committed before the call is folded and refilled. */
int state_settle(struct ledger *l, int bound_ms, struct muster_err *err);
/** Open and claim the state anew after a fault; state_lock held. */
int state_reopen(struct ledger *l, struct muster_err *err);
/** After every call on the state: a handle that met a fault is of no further use. state_lock held. @return @p r. */
int state_done(struct ledger *l, int r);
/* refill.c */
int refill_run(struct ledger *l, struct muster_err *err);
bool refill_wanted(struct ledger *l);                         /**< any waits or is under way */
/** After a transaction that took so long: wait as pace.c says. No lock held. */
void pace_fold(struct ledger *l, int64_t took_ms);
/** How long, with so many rows waiting. */
int64_t pace_pause(int64_t took_ms, int64_t backlog);
bool refill_due(const struct ledger *l, int64_t now);          /**< lock held; @p now refill_steady_ms() */
int64_t refill_steady_ms(void);
/* retention.c: ledger thread, when idle. @return true when more waits. */
bool retention_slice(struct ledger *l);
/** Between two groups: a slice when nobody waits, at most four a second. */
void retention_between(struct ledger *l);
/* readers.c */
int reader_open(struct ledger *l, struct muster_err *err);   /**< reader_lock held */
void reader_close(struct ledger *l);
/* holdings.c */
void holding_close(struct ledger *l);
/** Wake both threads: tests that moved the clock. */
void ledger_nudge(struct ledger *l);

#endif
