/** What the files about observed machines and events share: the two handles, the rules, the words. For core/estate and its tests. */
#ifndef ESTATE_OBSERVED_H
#define ESTATE_OBSERVED_H

#include <stdatomic.h>

#include "core/estate/internal.h"
#include "core/store/store_observed.h"

/** Counts of products, each with what it was counted from: the activation IDs and the window (its key), what was imported until then, the minute. */
struct observed_counted { uint64_t key, changes; int64_t minute; uint64_t count; };
struct observed_counts { struct observed_counted *of; size_t n; };

/** `write` guards w, of which one transaction may stay open between calls (importing); `read` guards r. In memory both are one handle and one lock. `counting` guards counts;
 * `changes` rises with every end of an import and every deletion, after it. */
struct observed {
	pthread_mutex_t write, read;
	struct store_observed *w, *r;
	bool importing, moved;             /* moved: of another host's state file */
	int64_t taken;                     /* ms: when the import began; its events are of then */
	int64_t from_future;               /* events of this import that are dated later than tomorrow */
	pthread_mutex_t counting;
	struct observed_counts counts;
	_Atomic uint64_t changes;
};

/** The reading handle, locked, or NULL with @p err; observed_reader_done(). */
struct store_observed *observed_reader(struct estate *e, struct muster_err *err);
void observed_reader_done(struct estate *e);

/** ms: the ledger's time of ageing. */
int64_t observed_now(struct estate *e);
/** Append to @p list, which it may move, the activation IDs that a product's clients send; mem_free(). NULL when exhausted. */
uint8_t (*observed_activations(const struct catalog *c, const struct catalog_product *p, uint8_t (*list)[16], size_t *n))[16];

/* ---- observed_count.c: counts that are kept; the caller holds the lock ---- */
uint64_t observed_count_key(const uint8_t (*activations)[16], size_t n, int64_t window);
bool observed_counts_find(const struct observed_counts *c, uint64_t key, uint64_t changes, int64_t minute, uint64_t *count);
void observed_counts_keep(struct observed_counts *c, uint64_t key, uint64_t changes, int64_t minute, uint64_t count);
void observed_counts_free(struct observed_counts *c);

/** Does a request count? Refused ones do not, except below the threshold (facts.md section 1). */
static inline bool observed_counts(const struct observed_said *s) { return (s->flags & OBSERVED_RESULT) == 0 || s->result == 0 || s->result == OBSERVED_COUNT_LOW; }

/* ---- observed_record.c: between records (core/exchange/record.h) and rows ---- */
/** @return NULL, or why the record is refused: one sentence without its end, in @p why. */
const char *observed_event_read(struct observed_event *out, const json_t *record, char *why, size_t room);
/** @p names the record's, at most @p *n of them; set to how many. */
const char *observed_machine_read(struct observed_machine *out, const char **names, size_t *n, const json_t *record, char *why, size_t room);
json_t *observed_event_json(const struct observed_event *e, const struct catalog *catalog);
/** Members result, minimum_count, virtual, license_status, minutes_left, as far as told. */
void observed_said_json(json_t *o, const struct observed_said *s);
json_t *observed_time_json(int64_t ms);                /**< with milliseconds where there are any; null for 0 */
json_t *observed_uuid_json(const uint8_t id[16]);      /**< null for nil */
const struct catalog_edition *observed_edition(const struct catalog *c, const uint8_t activation[16]);   /**< NULL: of no product here */

/* ---- gaps.c: pure ---- */
#define GAP_EVENTS_MIN 20              /* fewer tell nothing about what is usual */
#define GAP_SILENCE_MS (INT64_C(24) * 3600 * 1000)
#define GAP_OFTEN_MS (INT64_C(14) * STORE_DAY_MS)
#define GAP_TIMES_OFTEN 2
#define GAP_TIMES_USUAL 10
#define GAP_RECORDS 10                 /* numbers that are missing and tell nothing: others wrote into the same log, or events were alike */
/**
 * Gaps in one host's log, from its events 12290 in the order of time, fed twice: first gap_measure() for all, then gap_look().
 *
 * A silence is a gap when it is longer than a day, more than twice as long as the silence that comes about every other week (a night, a weekend), and more than
 * ten times the usual distance (the median). A jump of record numbers is one when more than ten are missing in a log that is otherwise numbered without
 * gaps (nine of ten steps are at most ten). Fewer than 20 events: none. Distances are taken in steps of an eighth of a power of two.
 */
struct gaps {
	uint64_t distances[512], n, steps, small_steps;
	int64_t first, at, low, high;      /* the moment under way: its time, its record numbers */
	int64_t before, before_high;       /* the one before it */
	int64_t unnumbered;                /* events without a number since then */
	int64_t longest_usual, usual;
	bool any, numbered, measured;
};
struct gap { int64_t since, until, missing, usual; };
void gap_begin(struct gaps *g);
void gap_measure(struct gaps *g, int64_t at, int64_t record);
/** After the last one. */
void gap_judge(struct gaps *g);
/** @return true: there was one; it ends at the moment that was fed before this one, or earlier. */
bool gap_look(struct gaps *g, int64_t at, int64_t record, struct gap *out);
bool gap_last(struct gaps *g, struct gap *out);   /**< after the last one */

/* ---- findings.c ---- */
/** Everything about the hosts that the open import touched: gaps, full and cleared logs, skew; clones and names; told in @p sum. */
int observed_judge(struct estate *e, struct import_sum *sum, struct muster_err *err);

#endif
