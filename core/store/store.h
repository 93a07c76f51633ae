/**
 * The store: two durable places, the log and the state, behind one interface (ledger.md sections 3 and 4).
 *
 * Nothing above this folder speaks SQL, relies on row numbers of an engine, or calls row by row. Two implementations:
 * SQLite files (store_sqlite.h) and memory that delays, fails and forgets on command (store_memory.h). A log belongs to
 * the ledger thread, a state to the state thread; readers use their own handle (open with STORE_READ).
 * Times are milliseconds UTC. Results: MUSTER_OK; MUSTER_E_IO; MUSTER_E_LIMIT (disk full); MUSTER_E_UNKNOWN (a commit may
 * have happened: resolve with log last_seq, or with fold_seq and the journal); MUSTER_E_BUSY (claimed by a newer epoch, or locked);
 * MUSTER_E_NOMEM. Opening also: MUSTER_E_INVALID (not a file of ours), MUSTER_E_UNSUPPORTED (newer schema), MUSTER_E_DENIED
 * (unsafe mode or owner), MUSTER_E_NOT_FOUND (a reader where no writer has been).
 * After MUSTER_E_IO or MUSTER_E_UNKNOWN a handle answers everything with MUSTER_E_IO: close it, open another, claim again.
 * After any other failure nothing was changed and the handle goes on. A handle is used by one thread at a time. Every list
 * call gathers first and holds no lock during callbacks; a callback that returns non-zero stops the list (still MUSTER_OK).
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <muster/types.h>
#include "core/base/buf.h"

#define STORE_NAME_MAX 256      /**< machine name, UTF-8, with the terminating zero */
#define STORE_PAGE_MAX 1000     /**< rows a paged call gives at most */
#define STORE_UNKNOWN_MAX 10000 /**< unknown activation IDs kept: those seen last (ledger.md section 3) */
#define STORE_DAY_MS 86400000
#define STORE_HOUR_MS 3600000

/** Flags of an event and of a client's row. */
enum {
	STORE_F_VIRTUAL = 1 << 0, STORE_F_HW = 1 << 1 /* hw is present */, STORE_F_MINUTES = 1 << 2,
	STORE_F_RELEASE = 1 << 3 /* the event is a release */, STORE_F_CLONE = 1 << 4 /* other hardware than the recorded */,
	STORE_F_RENEWAL = 1 << 5, STORE_F_REFUSED = 1 << 6 /* never reached the count */, STORE_F_RELEASED = 1 << 7 /* row: released */,
	STORE_F_FORGOTTEN = 1 << 8, STORE_F_ADOPTED = 1 << 9 /* valid lease the ledger did not know */, STORE_F_LEASE = 1 << 10, /* a lease was granted */
	STORE_F_SYSTEM = 1 << 11 /* host's own event (start, stop, clock, storage), code in result, text in name */,
	STORE_F_UNKNOWN = 1 << 12, /* event: hw begins with the activation ID sent, which no product has; comes with STORE_F_HW */
	STORE_F_DEBT = 1 << 13 /* granted beyond what there is; row: the last request was */
};

/** One request, as logged. */
struct store_event {
	int64_t seq;               /**< 1 …; never reused */
	int64_t at;                /**< ms UTC; never decreases with seq */
	int64_t seen;              /**< ms UTC as the client said; 0 none */
	uint64_t digest;           /**< SipHash of client, product, nonce; 0 none */
	int64_t expires;           /**< ms UTC end of the lease granted; 0 none */
	uint32_t source;           /**< origin; 1 = this ledger */
	uint32_t product, edition; /**< numbers of the state; 0 unknown */
	uint32_t n;                /**< requests represented, >= 1 */
	uint32_t result;           /**< enum code */
	uint32_t count, minimum;
	uint32_t flags;
	int32_t minutes;           /**< to expiry, as the client said; valid with STORE_F_MINUTES */
	uint8_t status;            /**< licensing status 0–6 (facts.md section 4) */
	uint8_t addr_len;          /**< 0, 4 or 16 */
	uint8_t addr[16];
	uint8_t client[16];
	uint8_t hw[32];            /**< valid with STORE_F_HW */
	char name[STORE_NAME_MAX];
};

/** One client of one product, folded from the log. Key (client, product). */
struct store_use {
	uint8_t client[16];
	uint32_t product;
	int64_t first, last, last_seq;
	int64_t last_hour;         /**< last / 3 600 000 */
	uint64_t requests;
	uint32_t result, flags;
	int32_t minutes;
	uint8_t status;
	uint8_t addr_len, addr[16];
	uint8_t hw[32];            /**< the hardware first granted; valid with STORE_F_HW */
	char name[STORE_NAME_MAX];
};

struct store_member { uint32_t pool; uint8_t client[16]; int64_t last; uint8_t hw[32]; bool has_hw, is_virtual; uint32_t product; };
struct store_counter { uint32_t source, product; uint8_t status; uint64_t n; };   /**< status 255: failed requests */
#define STORE_COUNTER_FAILED 255

#define STORE_SOURCES_MAX 256          /**< ledgers whose rows were taken over, with this one */
#define STORE_SEQ_ELSEWHERE (-1)       /**< last_seq of a row that only another ledger has events of */
/** A ledger whose rows are here. 1 is this one (kind 0); others (kind 1) were taken over from an export (trust.md section 11). */
struct store_source { uint32_t source, kind; uint8_t ledger_id[16]; char name[128]; int64_t taken_seq, taken_at; };
/** What another ledger contributed to a client's row: its requests there, up to its event seq. Key (client, product, source). */
struct store_part { uint8_t client[16]; uint32_t product, source; int64_t seq; uint64_t requests; };
/** One client's row as an export has it; parts[i].source is 1 + an index into the sources given beside, rising. */
struct store_taken { struct store_use use; const struct store_part *parts; size_t part_count; };
struct store_pool { uint32_t pool; char name[128]; uint32_t window_s, largest_minimum; };
struct store_product { uint32_t product, pool; char name[128]; };
struct store_edition { uint8_t activation_id[16]; uint32_t edition, product; char name[256]; bool learned; };
struct store_unknown { uint8_t activation_id[16]; int64_t last; uint64_t n; };
struct store_setting { char scope[64], name[64], value[256], actor[64]; int64_t at; };
/** One act. Rows are gapless from 1 and chained: see store_journal_hash(). */
struct store_journal { int64_t seq, at; char actor[64]; uint32_t kind; char object[128]; uint32_t code; char detail[512]; uint8_t prev[32], hash[32]; };

/** What a log says of itself at opening. */
struct store_log_info {
	uint8_t ledger_id[16];         /**< zero before the first claim */
	uint32_t epoch;
	uint8_t digest_key[16];
	int64_t first_seq, last_seq;   /**< 0 when the log is empty */
	uint64_t bytes;                /**< in use: what trim() compares with max_bytes; freed room in the file is reused, not returned */
	uint64_t wal_bytes;
};

struct store_log;
struct store_log_ops {
	/** Take the log for writing: raises the epoch; appends under an older one fail with MUSTER_E_BUSY.
	 * A new log takes @p ledger_id and a random digest key; another ledger's log: MUSTER_E_MISMATCH. */
	int (*claim)(struct store_log *, const uint8_t ledger_id[16], struct store_log_info *info, struct muster_err *err);
	/** Append one durable group, seq strictly rising and above every seq the log ever held, else MUSTER_E_INVALID; only after
	 * claim(). On anything but MUSTER_OK nothing was appended, except MUSTER_E_UNKNOWN: then all of the group or nothing. */
	int (*append)(struct store_log *, const struct store_event *const *events, size_t n, struct muster_err *err);
	/** Events with seq > @p after in order, at most @p limit; the callback returns non-zero to stop. No lock is held during callbacks. */
	int (*read)(struct store_log *, int64_t after, size_t limit, int (*fn)(void *ctx, const struct store_event *), void *ctx, struct muster_err *err);
	/** Delete at most @p slice rows with seq <= @p up_to and (at < @p before or the log above @p max_bytes, UINT64_MAX: no such
	 * limit), oldest first, never the newest. Deletes nothing while a backup of this store runs. @param[out] deleted rows */
	int (*trim)(struct store_log *, int64_t up_to, int64_t before, uint64_t max_bytes, size_t slice, size_t *deleted, struct muster_err *err);
	int (*info)(struct store_log *, struct store_log_info *info, struct muster_err *err);
	/** One small committed update: finds out whether the disk still takes writes (readyz when idle). */
	int (*probe)(struct store_log *, struct muster_err *err);
	void (*close)(struct store_log *);
};
struct store_log { const struct store_log_ops *ops; };

/** What a fold's last transaction adds; NULL in the ones before it. */
struct store_fold_end {
	int64_t fold_seq, fold_at;
	const struct store_counter *counters; size_t counter_count;     /**< amounts to add */
	const struct store_member *members; size_t member_count;       /**< whole snapshot of every pool */
	const struct store_pool *pools; size_t pool_count;             /**< largest_minimum to raise to */
	const struct store_unknown *unknown; size_t unknown_count;     /**< amounts to add; table capped at 10,000 */
};

/**
 * A record of the host's own truth (packs, keys, activations): named bytes, as core/activation writes them; secrets in them are sealed.
 * Key (kind, id). Few kinds, few or very many rows each; read one by its key or a page in key order.
 */
struct store_record { char kind[32]; uint8_t id[64]; size_t id_n; const uint8_t *data; size_t data_n; int64_t at; /**< ms, last written */ };
#define STORE_RECORD_MAX (6u << 20)   /**< bytes of data: a pack is the largest */

#define STORE_HOLDER_MAX 32
/** Who holds what, and until when: access licences, seats, embedded grants (core/holdings). Key (product, class, holder). */
struct store_holding {
	uint32_t product;          /**< number of the state */
	uint32_t class_;           /**< meaning is core/holdings' */
	uint8_t holder[STORE_HOLDER_MAX]; uint8_t holder_n;   /**< 1 … 32 bytes */
	uint32_t state, flags;     /**< meaning is core/holdings'; sums are kept by (product, class, state) */
	int64_t since, until;      /**< ms; until INT64_MAX: never due */
	int64_t changed;           /**< ms, last written */
	uint32_t number;           /**< of a key, or 0 */
	uint8_t client[16];        /**< machine that asked last */
	uint8_t hw[32]; bool has_hw;
	char name[STORE_NAME_MAX]; /**< machine or user, for people */
};
struct store_holding_sum { uint32_t product, class_, state; uint64_t n; };

/** A change of the state's own truth; several make one transaction, each with its journal row. */
enum store_change_kind {
	STORE_SETTING_PUT, STORE_SETTING_DELETE, STORE_EDITION_PUT, STORE_USE_FORGET, STORE_JOURNAL_ONLY,
	STORE_RECORD_PUT,      /**< replaces */
	STORE_RECORD_INSERT,   /**< MUSTER_E_EXISTS when it is there: nothing of the transaction was done */
	STORE_RECORD_DELETE,   /**< deleting what is not there is no error */
	STORE_HOLDING_PUT,     /**< replaces */
	STORE_HOLDING_DELETE   /**< key members only; deleting what is not there is no error */
};
struct store_change {
	enum store_change_kind kind;
	struct store_setting setting;            /**< STORE_SETTING_*: scope and name are the key; deleting what is not there is no error */
	struct store_edition edition;            /**< STORE_EDITION_PUT: product is the state's number; edition is assigned; leaves the unknown IDs */
	uint8_t client[16]; uint32_t product;    /**< STORE_USE_FORGET: marks the row STORE_F_FORGOTTEN; product 0 = all */
	const struct store_record *record;       /**< STORE_RECORD_*; borrowed; `at` is the store's to set from the journal row's, else as given */
	const struct store_holding *holding;     /**< STORE_HOLDING_*; borrowed */
	struct store_journal journal;            /**< kind 0: none; seq, prev and hash are the store's */
};

/**
 * What the last transaction of taking over adds; NULL in the ones before it. Counters are amounts so far, by 1 + an index into the sources: the larger stays.
 * The sources' taken_seq and taken_at are raised to what they say, names are written; one of this ledger is left alone.
 */
struct store_take_end { const struct store_counter *counters; size_t counter_count; struct store_journal journal; };

struct store_state_info { uint8_t ledger_id[16]; uint32_t epoch; int64_t fold_seq, fold_at; uint32_t schema; uint64_t bytes; };

struct store_state;
struct store_state_ops {
	int (*claim)(struct store_state *, struct store_state_info *info, struct muster_err *err);
	int (*info)(struct store_state *, struct store_state_info *info, struct muster_err *err);
	/**
	 * Give every pool, product and edition a number that never changes. One transaction; nothing is written when all are known.
	 *
	 * On entry products[i].pool is 1 + an index into @p pools (0: none) and editions[i].product 1 + an index into @p products
	 * (0: unknown); on success all numbers are the state's and pools[i].largest_minimum the stored one. Pools and products are
	 * known by name, editions by activation ID. A changed window, pool or title is written; largest_minimum only rises, `learned`
	 * is only set. What the arrays no longer name keeps its number. An edition leaves the table of unknown IDs.
	 */
	int (*names)(struct store_state *, struct store_pool *pools, size_t pool_count, struct store_product *products, size_t product_count,
	             struct store_edition *editions, size_t edition_count, struct muster_err *err);
	/**
	 * Fold one transaction's worth of events, sorted by (client, product, seq), else MUSTER_E_INVALID: reads each client's row,
	 * lets @p merge apply the events (those with seq <= row->last_seq must not count again: merge's duty), writes it back.
	 * A new row comes with client and product only and is left out when merge leaves last_seq 0; the store fills last_hour.
	 * @p merge is called again when a failed fold is repeated. With @p end also counters, snapshot and position; a position
	 * below the stored one, or the stored one with amounts to add (they were added), is MUSTER_E_INVALID.
	 */
	int (*fold)(struct store_state *, const struct store_event *const *events, size_t n,
	            void (*merge)(void *ctx, struct store_use *row, bool is_new, const struct store_event *const *events, size_t n), void *ctx,
	            const struct store_fold_end *end, struct muster_err *err);
	/** All changes and their journal rows in one transaction. MUSTER_E_NOT_FOUND: STORE_USE_FORGET met no row; nothing was changed. */
	int (*transact)(struct store_state *, const struct store_change *changes, size_t n, struct muster_err *err);
	/**
	 * Take rows of other ledgers over, in one transaction, sorted by (client, product), else MUSTER_E_INVALID. Sources that are not known yet get a number, which is
	 * written to sources[i].source. @p merge brings a row (new: client and product only) and what others contributed to it so far (*@p n of @p parts, room for
	 * STORE_SOURCES_MAX) to what they are now, by the state's numbers of sources; it returns whether anything changed, and is called again when a failed
	 * call is repeated. MUSTER_E_LIMIT: more than STORE_SOURCES_MAX sources.
	 */
	int (*take)(struct store_state *, struct store_source *sources, size_t source_count, const struct store_taken *rows, size_t n,
	            bool (*merge)(void *ctx, struct store_use *row, bool is_new, struct store_part *parts, size_t *n, const struct store_taken *from), void *ctx,
	            const struct store_take_end *end, struct muster_err *err);
	int (*sources)(struct store_state *, int (*fn)(void *ctx, const struct store_source *), void *ctx, struct muster_err *err);
	/** What others contributed to the rows with key > (after) and <= (to), in key order. */
	int (*parts)(struct store_state *, const uint8_t after_client[16], uint32_t after_product, const uint8_t to_client[16], uint32_t to_product,
	             int (*fn)(void *ctx, const struct store_part *), void *ctx, struct muster_err *err);
	int (*settings)(struct store_state *, int (*fn)(void *ctx, const struct store_setting *), void *ctx, struct muster_err *err);
	int (*counters)(struct store_state *, int (*fn)(void *ctx, const struct store_counter *), void *ctx, struct muster_err *err);
	int (*pools)(struct store_state *, int (*fn)(void *ctx, const struct store_pool *), void *ctx, struct muster_err *err);
	int (*members)(struct store_state *, uint32_t pool, int (*fn)(void *ctx, const struct store_member *), void *ctx, struct muster_err *err);
	int (*products)(struct store_state *, int (*fn)(void *ctx, const struct store_product *), void *ctx, struct muster_err *err);
	int (*editions)(struct store_state *, int (*fn)(void *ctx, const struct store_edition *), void *ctx, struct muster_err *err);
	int (*unknown)(struct store_state *, int (*fn)(void *ctx, const struct store_unknown *), void *ctx, struct muster_err *err);
	/** The most recent clients of a pool's products, newest first, neither released nor forgotten (a clone-marked row is its owner's and counts once), last >= @p since; at most @p limit.
	 * A client of several products comes once, with its newest row. Uses the index. */
	int (*recent)(struct store_state *, uint32_t pool, int64_t since, size_t limit, int (*fn)(void *ctx, const struct store_use *), void *ctx, struct muster_err *err);
	/** Rows with key > (after_client, after_product) in key order, released and forgotten ones too; product 0 = all; at most STORE_PAGE_MAX. */
	int (*page)(struct store_state *, uint32_t product, const uint8_t after_client[16], uint32_t after_product, size_t limit,
	            int (*fn)(void *ctx, const struct store_use *), void *ctx, struct muster_err *err);
	int (*use)(struct store_state *, const uint8_t client[16], int (*fn)(void *ctx, const struct store_use *), void *ctx, struct muster_err *err);
	/** Clients seen with flag STORE_F_CLONE, for loading marks at start. */
	int (*clones)(struct store_state *, int64_t since, int (*fn)(void *ctx, const struct store_use *), void *ctx, struct muster_err *err);
	/** One record; MUSTER_E_NOT_FOUND. @p data appended. */
	int (*record)(struct store_state *, const char *kind, struct muster_span id, struct buf *data, struct muster_err *err);
	/** Records of a kind with id > @p after in key order, at most @p limit (STORE_PAGE_MAX) and 64 MiB; gathers first. Data borrowed for the callback. */
	int (*records)(struct store_state *, const char *kind, struct muster_span after, size_t limit, int (*fn)(void *ctx, const struct store_record *), void *ctx, struct muster_err *err);
	/** The kind of record that follows @p after in the order of bytes; MUSTER_E_NOT_FOUND behind the last. */
	int (*kind_after)(struct store_state *, const char *after, char out[32], struct muster_err *err);
	/** One holding; MUSTER_E_NOT_FOUND. */
	int (*holding)(struct store_state *, uint32_t product, uint32_t class_, struct muster_span holder, struct store_holding *out, struct muster_err *err);
	/** Of one product with key > (@p after_class, @p after holder; n 0: the class from its beginning) in key order, all classes from @p after_class on; at most STORE_PAGE_MAX. */
	int (*holdings)(struct store_state *, uint32_t product, uint32_t after_class, struct muster_span after, size_t limit,
	                int (*fn)(void *ctx, const struct store_holding *), void *ctx, struct muster_err *err);
	/** Whose until is <= @p until, soonest first, of all products; at most STORE_PAGE_MAX. Uses an index. */
	int (*holdings_due)(struct store_state *, int64_t until, size_t limit, int (*fn)(void *ctx, const struct store_holding *), void *ctx, struct muster_err *err);
	/** How many there are by (product, class, state): at the start, and after a commit whose outcome is not known. */
	int (*holding_sums)(struct store_state *, int (*fn)(void *ctx, const struct store_holding_sum *), void *ctx, struct muster_err *err);
	int (*journal)(struct store_state *, int64_t after, size_t limit, int (*fn)(void *ctx, const struct store_journal *), void *ctx, struct muster_err *err);
	void (*close)(struct store_state *);
};
struct store_state { const struct store_state_ops *ops; };

/** The pair of a ledger and how to open more handles on it. */
struct store {
	int (*open_log)(struct store *, bool write, struct store_log **out, struct muster_err *err);
	int (*open_state)(struct store *, bool write, struct store_state **out, struct muster_err *err);
	/** Copy both into @p dir (must not exist): state first, then log, checked, synced, renamed into place (ledger.md section 2).
	 * Above @p wal_max bytes of WAL the copy is given up with MUSTER_E_BUSY. */
	int (*backup)(struct store *, const char *dir, uint64_t wal_max, struct muster_err *err);
	void (*free)(struct store *);
};

/**
 * The hash that belongs into @p row: SHA-256 over seq (8 bytes big-endian), at (8), actor (2 bytes length, bytes), kind (4),
 * object (2, bytes), code (4), detail (2, bytes), prev (32). prev of the first row is zero. Source: trust.md section 11.
 * @return MUSTER_OK; MUSTER_E_NOMEM; MUSTER_E_INTERNAL when the library fails.
 */
int store_journal_hash(uint8_t out[32], const struct store_journal *row);

/** Files DIR/log.db and DIR/state.db, mode 0600; DIR is made with 0700 by the first writer. @param[out] out caller frees with
 * out->free(), after all its handles were closed. */
int store_sqlite_new(struct store **out, const char *dir, struct muster_err *err);

#endif
