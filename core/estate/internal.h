/** The estate's inside: what its files share. For core/estate and its tests only. */
#ifndef ESTATE_INTERNAL_H
#define ESTATE_INTERNAL_H

#include <pthread.h>

#include "core/base/buf.h"
#include "core/estate/estate.h"

struct observed;                       /* observed.c: observed.db and what is counted of it */
struct import;                         /* import.c: the one that is under way */

/**
 * Two locks. `acts`: who changes entries holds it from looking to having recorded; an import only while it ends. `lock` guards the pointers below, for moments.
 * Order: acts, lock.
 */
struct estate {
	const struct clock *clock;
	struct ledger *ledger;
	struct activation *activation;
	void (*event)(void *ctx, int level, const char *event, const char *text);
	void *ctx;
	char *dir, *host;
	int64_t events_keep_ms;            /**< of observed events; under lock */
	pthread_mutex_t acts, lock;
	struct catalog *catalog;
	struct observed *observed;
	struct import *import;
	pthread_t thread; pthread_cond_t wake; bool started, stopping;
};

/** The catalog now, one reference; catalog_unref(). */
struct catalog *estate_catalog(struct estate *e);
bool estate_stopping(struct estate *e);
/** One line for the host's log. */
void estate_say(const struct estate *e, int level, const char *event, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
#define ESTATE_EVENTS_KEEP_MS (INT64_C(400) * 86400000)   /* before a configuration says otherwise */

/* ---- records.c: entries as they are stored ---- */
#define ENTRY_WHOLE "whole"            /**< member of a stored entry beside its fields: its whole key is kept, sealed, under ESTATE_R_SECRET */
/** One entry as stored, without `id`; MUSTER_E_NOT_FOUND. */
int entry_read(struct estate *e, const struct estate_kind *k, const char *id, json_t **out, struct muster_err *err);
/** Every entry of a kind in the order of IDs; @p fn returns non-zero to stop. @p entry borrowed. */
int entry_each(struct estate *e, const struct estate_kind *k, int (*fn)(void *ctx, const char *id, const json_t *entry), void *ctx, struct muster_err *err);
/** The same behind @p after (NULL: from the beginning), of those whose stored text holds @p needle (NULL: all), which is quicker than to parse each. */
int entry_scan(struct estate *e, const struct estate_kind *k, const char *after, const char *needle, int (*fn)(void *ctx, const char *id, const json_t *entry), void *ctx,
               struct muster_err *err);
/** The whole key kept of an entry, appended to @p plain, a secret; MUSTER_E_NOT_FOUND. */
int entry_secret(struct estate *e, const char *id, struct buf *plain, struct muster_err *err);

/* ---- stage.c: entries of an import, or of an act, before they are committed ---- */
struct stage;
enum stage_became { STAGE_NEW, STAGE_CHANGED, STAGE_SAME, STAGE_SKIPPED /**< the same again in this file */ };
#define STAGE_MAX 100000               /**< entries of one import: more is refused with this number, and nothing is done */
int stage_new(struct stage **out, struct estate *e, const char *actor, struct muster_err *err);
void stage_free(struct stage *s);
/** As committed, with what was staged so far over it; MUSTER_E_NOT_FOUND. *out is the caller's. */
int stage_read(struct stage *s, const struct estate_kind *k, const char *id, json_t **out, struct muster_err *err);
/**
 * Add or change an entry: given members replace, those that are lists are united, null removes. @p id NULL: the entry that has the same name or number (keys: the
 * same last five, unless whole key or product say that it is another), else estate_entry_id(). References given as names (organisations, contacts, agreements
 * by any of their numbers, orders by number) are resolved; what is missing then may stand further down in the file, and is made by stage_settle(). A `key` is sealed apart.
 * @param[out] became may be NULL. @return MUSTER_E_INVALID, or MUSTER_E_REFUSED, with a sentence for the record's line; MUSTER_E_LIMIT: STAGE_MAX, or an entry too long.
 */
int stage_put(struct stage *s, const struct estate_kind *k, const char *id, const json_t *entry, enum stage_became *became, struct muster_err *err);
/** The ID of the entry that stage_put() put last; "" it did not. */
const char *stage_last(const struct stage *s);
/** As an administrator's act: lists are replaced, references must exist, @p add says whether it must be new or there; the entry's ID into @p found. Under the acts' lock. */
int stage_act(struct stage *s, const struct estate_kind *k, const char *id, bool add, const json_t *entry, char found[ESTATE_ID_MAX + 1], enum stage_became *became, struct muster_err *err);
/** Whether stage_put() failed because of STAGE_MAX: then nothing more can be taken. */
bool stage_full(const struct stage *s);
/** No more entries come: references that are still names of nothing become entries, which @p made is told. stage_commit() does it unless it was done. */
int stage_settle(struct stage *s, void (*made)(void *ctx, const struct estate_kind *k, const char *id), void *ctx, struct muster_err *err);
/** Take an entry away, with its whole key. Under the acts' lock. */
int stage_remove(struct stage *s, const struct estate_kind *k, const char *id, struct muster_err *err);
/** What an act changed, for its journal row: "used 3 -> 5; note". Never a key. @return out. */
const char *stage_says(const struct stage *s, char *out, size_t n);
/** An entry by its ID, the beginning of one, a name or a number. MUSTER_E_NOT_FOUND; MUSTER_E_INVALID: several, the sentence names them. */
int stage_find(struct stage *s, const struct estate_kind *k, const char *text, char id[ESTATE_ID_MAX + 1], struct muster_err *err);
/** Any other record of the state (store.h), as listings' history. */
int stage_record(struct stage *s, const char *kind, struct muster_span id, struct muster_span data, struct muster_err *err);
/** Such a record is deleted. */
int stage_forget(struct stage *s, const char *kind, struct muster_span id, struct muster_err *err);
/** An activation ID learned from a listing: the state's edition row, as ledger_learn(). */
int stage_learn(struct stage *s, const uint8_t activation_id[16], const char *product, const char *title, struct muster_err *err);
/** Everything in one transaction with one journal row. What others changed meanwhile is looked at again: MUSTER_E_BUSY, say so and begin anew. */
int stage_commit(struct stage *s, uint32_t journal_kind, const char *object, const char *detail, struct muster_err *err);
/** The same by who holds the acts' lock already. */
int stage_commit_held(struct stage *s, uint32_t journal_kind, const char *object, const char *detail, struct muster_err *err);

/* ---- import.c ---- */
struct listing_index;
/** What an import tells about itself; every type's part fills it. */
struct import_sum { uint64_t n_new, changed, same, skipped, refused, doubtful; json_t *by_kind, *learned, *findings, *messages; struct listing_index *listings; /* import_listing.c's own; NULL */ };
/** Accepts NULL. */
void listing_index_free(struct listing_index *x);
void import_count(struct import_sum *sum, const char *kind, enum stage_became became);
/** A message for a line: part of the answer to the call that is under way, at most 5,000 in one, and how many more there were.
 * @param level "refused", "doubtful", "note"; refused and doubtful are counted here. */
int import_say(struct import_sum *sum, unsigned long line, const char *level, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** A record of type "listing" (import_listing.c), of "keys" or "books" (import_entries.c): through the stage. A refused record is said and MUSTER_OK. */
int import_listing(struct stage *s, struct import_sum *sum, const json_t *record, struct muster_err *err);
int import_entry(struct stage *s, struct import_sum *sum, const json_t *record, struct muster_err *err);
/** No more records come: entries that were only named are made, and told. Also before a dry run ends. */
int import_settle(struct stage *s, struct import_sum *sum, struct muster_err *err);

/** Roll back an import that nobody goes on with. The estate's thread. */
void import_idle(struct estate *e);
/** Roll back whatever is under way: the estate ends. */
void import_drop(struct estate *e);

/* ---- observed.c: records of type "events" and "machines", in one transaction of observed.db ---- */
int observed_open(struct estate *e, struct muster_err *err);
void observed_free(struct estate *e);
/** @p moved what another host's state file says. */
int observed_begin(struct estate *e, bool moved, struct muster_err *err);
int observed_record(struct estate *e, struct import_sum *sum, const json_t *record, bool is_event, struct muster_err *err);
/** Finds out what the import shows, into @p sum; then commits, or rolls back. */
int observed_end(struct estate *e, struct import_sum *sum, bool commit, struct muster_err *err);
void observed_drop(struct estate *e);  /**< roll back and tell nothing */
/** Delete observed events that are older than they are kept; machines stay. Not while an import is under way. */
int observed_retention(struct estate *e, struct muster_err *err);
/** Hand the most recent observed clients of each pool that counts them to the ledger. */
int observed_to_pools(struct estate *e, struct muster_err *err);

#endif
