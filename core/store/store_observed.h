/**
 * What was observed: machines and events that other tools exported, in a file of its own, observed.db, so that a million of them never wait in front of a machine
 * that activates. Results and rules of threads as store.h: one handle that writes, others that read; a handle is used by one thread at a time; every list call
 * gathers first and holds no lock during callbacks; a callback that returns non-zero stops the list.
 *
 * An event's identity is what it says (observed_digest()): the same event from another file, or from an export that overlaps, changes nothing, in whatever order
 * they come. Machines and names are kept in the same transaction and outlive the events. Times are milliseconds UTC; 0: not told. Names of hosts are in lower case.
 */
#ifndef STORE_STORE_OBSERVED_H
#define STORE_STORE_OBSERVED_H

#include "core/store/store.h"

#define OBSERVED_EXTRA_MAX 1024
#define OBSERVED_DIGEST 16
#define OBSERVED_WINDOW_MS (INT64_C(30) * STORE_DAY_MS)   /**< facts.md section 1: what was heard within it was heard together */
#define OBSERVED_TIMESTAMP INT64_C(0xC004F06C)            /**< facts.md section 4: timestamp invalid */

#define OBSERVED_COUNT_LOW UINT32_C(0xC004F038)            /**< counted, too few: like 0 it counts */

/** Which members of an event or machine are told. */
enum {
	OBSERVED_RESULT = 1 << 0, OBSERVED_MINIMUM = 1 << 1, OBSERVED_VIRTUAL = 1 << 2, OBSERVED_STATUS = 1 << 3, OBSERVED_MINUTES = 1 << 4,
	OBSERVED_CLIENT = 1 << 5, OBSERVED_ACTIVATION = 1 << 6, OBSERVED_RECORD = 1 << 7
};

/** What both say of a machine's request. */
struct observed_said { uint32_t flags, result, minimum; uint32_t minutes; uint8_t status; bool is_virtual; };

struct observed_event {
	int64_t seq;                       /**< the store's, rising in the order of import */
	uint32_t id;                       /**< 12288 … 12294, 104, 1102, 1104 (facts.md section 4) */
	char host[STORE_NAME_MAX];         /**< who logged it; "" not told */
	int64_t logged, seen;              /**< when it was logged; the client's own time */
	int64_t record;                    /**< the log's number */
	struct observed_said said;
	uint8_t client[16], activation[16];
	char name[STORE_NAME_MAX];         /**< the machine, as told */
	char extra[OBSERVED_EXTRA_MAX];    /**< further members as compact JSON with sorted keys; "" none */
	/* machine of it: set by the caller when the event tells of one; host "" otherwise */
	bool has_machine; char machine_host[STORE_NAME_MAX], machine_name[STORE_NAME_MAX];
};
static inline int64_t observed_at(const struct observed_event *e) { return e->logged != 0 ? e->logged : e->seen; }
/** The first 16 bytes of SHA-256 over id, host, result, minimum count, name in lower case, client, the client's time, virtual, status, minutes, activation ID and `extra` (this not of
 * events of the log itself), each with whether it is told; of events without the client's time also over the second it was logged in. @return MUSTER_OK, MUSTER_E_INTERNAL. */
int observed_digest(uint8_t out[OBSERVED_DIGEST], const struct observed_event *e);

enum observed_by { OBSERVED_BY_UNKNOWN, OBSERVED_BY_HOST, OBSERVED_BY_MAK };
struct observed_machine {
	uint8_t client[16], activation[16];   /**< nil: not told */
	char host[STORE_NAME_MAX];         /**< "" not told */
	int64_t first, last;
	uint64_t requests;                 /**< the largest of: 12290 heard, 12288 sent, told by an import of machines */
	struct observed_said said;         /**< latest */
	char name[STORE_NAME_MAX];         /**< latest, as told */
	enum observed_by by;
	bool moved;                        /**< only told: by another host that knew more of it; names that are known here keep their times, and it takes no clone back */
	bool clone, shared;                /**< its client ID has several names; its name has several client IDs (heard within 30 days of each other) */
};
struct observed_name { uint8_t client[16]; char name[STORE_NAME_MAX]; int64_t first, last; };
struct observed_host { int64_t number; char name[STORE_NAME_MAX]; int64_t last; };
/** A moment of a host's log: an event 12290. */
struct observed_moment { int64_t at, seq, record; /**< record 0: not told */ };

enum observed_finding_kind { OBSERVED_GAP = 1, OBSERVED_FULL, OBSERVED_CLEARED, OBSERVED_SKEW };
struct observed_finding {
	enum observed_finding_kind kind;
	char host[STORE_NAME_MAX];
	int64_t since, until;
	int64_t n;                         /**< gap: record numbers that are missing; skew: requests */
	int64_t usual;                     /**< gap: usual distance in ms; skew: machines */
};

enum observed_became { OBSERVED_NEW, OBSERVED_CHANGED, OBSERVED_SAME, OBSERVED_SKIPPED /**< came before in this import */ };

struct store_observed;
/** DIR/observed.db, 0600, made by the first writer. @p dir NULL: in memory, this handle only. Errors as store.h says of opening. */
int observed_store_open(struct store_observed **out, const char *dir, bool write, struct muster_err *err);
void observed_store_close(struct store_observed *o);   /**< accepts NULL; what was not committed is rolled back */
/** false: it met a fault of the disk; close it and open another. */
bool observed_store_usable(const struct store_observed *o);
/** "observed.db" */
const char *observed_store_file(void);

/* ---- writing; each between begin and end ---- */
int observed_store_begin(struct store_observed *o, struct muster_err *err);
/** Commit when @p r is MUSTER_OK, else roll back. @return @p r, or why the commit failed. */
int observed_store_end(struct store_observed *o, int r, struct muster_err *err);
/** @p taken when it is imported, ms. */
int observed_store_event(struct store_observed *o, const struct observed_event *e, int64_t taken, enum observed_became *became, struct muster_err *err);
/** A machine that an import tells of, with all its names (@p names; those that are not the latest were heard when the machine was, if it is a clone, else long ago). */
int observed_store_machine(struct store_observed *o, const struct observed_machine *m, const char *const *names, size_t n, enum observed_became *became, struct muster_err *err);
/** Hosts of whose events some were new in this transaction. */
int observed_store_touched(struct store_observed *o, int (*fn)(void *ctx, const struct observed_host *), void *ctx, struct muster_err *err);
/** Machines, and those of them that this transaction made. */
int observed_store_machines_new(struct store_observed *o, uint64_t *made, struct muster_err *err);
/** Look again which client IDs have several names, and which names several client IDs. */
int observed_store_judge(struct store_observed *o, struct muster_err *err);
/** A host's events 12290 in the order of time, after (@p at, @p seq). */
int observed_store_moments(struct store_observed *o, int64_t host, int64_t at, int64_t seq, size_t limit, int (*fn)(void *ctx, const struct observed_moment *), void *ctx, struct muster_err *err);
/** Replace what was found of a host: gaps as given; full and cleared logs, and requests with skewed time, are looked for. */
int observed_store_findings_put(struct store_observed *o, int64_t host, const struct observed_finding *gaps, size_t n, struct muster_err *err);
/** Delete at most @p slice events that were imported before @p before, oldest first; machines stay. One transaction of its own. */
int observed_store_trim(struct store_observed *o, int64_t before, size_t slice, size_t *deleted, struct muster_err *err);

/* ---- reading ---- */
/** In the order of client, activation ID, host, after @p after (NULL: from the beginning). */
int observed_store_machines(struct store_observed *o, const struct observed_machine *after, bool clones, size_t limit,
	int (*fn)(void *ctx, const struct observed_machine *), void *ctx, struct muster_err *err);
/** In the order of hosts, then clients; after (@p host, @p client, @p activation). For counting pools. */
int observed_store_by_host(struct store_observed *o, const struct observed_machine *after, size_t limit, int (*fn)(void *ctx, const struct observed_machine *), void *ctx, struct muster_err *err);
/** Names of one client, in alphabetical order. */
int observed_store_names(struct store_observed *o, const uint8_t client[16], size_t limit, int (*fn)(void *ctx, const struct observed_name *), void *ctx, struct muster_err *err);
/** Clients of one name that were heard within 30 days of the latest. */
int observed_store_clients(struct store_observed *o, const char *name, size_t limit, int (*fn)(void *ctx, const struct observed_name *), void *ctx, struct muster_err *err);
/** In the order of time, then of import. */
int observed_store_events(struct store_observed *o, int64_t after_at, int64_t after_seq, size_t limit, int (*fn)(void *ctx, const struct observed_event *), void *ctx, struct muster_err *err);
/** In the order of hosts. @p host NULL: all. */
int observed_store_findings(struct store_observed *o, const char *host, size_t limit, int (*fn)(void *ctx, const struct observed_finding *), void *ctx, struct muster_err *err);
/** Client IDs with several names, after @p after (NULL all); names as observed_store_names(). @p imported only such of the open transaction. */
int observed_store_clones(struct store_observed *o, bool imported, size_t limit, int (*fn)(void *ctx, const uint8_t client[16]), void *ctx, struct muster_err *err);
int observed_store_shared(struct store_observed *o, bool imported, size_t limit, int (*fn)(void *ctx, const char *name), void *ctx, struct muster_err *err);
/** Distinct clients with these activation IDs, heard at or after @p since; not those with a MAK, which no host counts. */
int observed_store_count(struct store_observed *o, const uint8_t (*activations)[16], size_t n, int64_t since, uint64_t *out, struct muster_err *err);
/** The most recent of them, newest first, at most @p limit. */
int observed_store_recent(struct store_observed *o, const uint8_t (*activations)[16], size_t n, int64_t since, size_t limit, int (*fn)(void *ctx, const uint8_t client[16], int64_t last), void *ctx,
                          struct muster_err *err);
/** Copy into the folder @p dir, which is there: checked, synced, mode 0600. On a reading handle. */
int observed_store_backup(struct store_observed *o, const char *dir, struct muster_err *err);

#endif
