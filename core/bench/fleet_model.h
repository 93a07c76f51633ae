/**
 * What the rules demand, written a second time and plainly: facts.md section 1, trust.md sections 10 and 11, ledger.md section 2.
 *
 * It shares no code with core/licensing and core/ledger. Every answer of the engine is compared with it, and in the end its books.
 * One product, one count pool. Times are whole seconds since the simulation began. Not thread-safe.
 */
#ifndef BENCH_FLEET_MODEL_H
#define BENCH_FLEET_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_NONE UINT32_MAX
#define MODEL_WINDOW_S (UINT32_C(30) * 86400)   /**< silent for longer: out of the count, and the client ID is free */

struct model_rules {
	uint32_t minimum_count;
	uint32_t validity_s;
	uint32_t skew_s;         /**< clocks that differ by more are refused */
};

/** One client ID. */
struct model_id {
	uint32_t owner;          /**< machine whose hardware is on record; MODEL_NONE before the first */
	uint32_t last;           /**< when the owner was last counted */
	uint32_t newer, older;   /**< list of those counted, by @c last */
	uint32_t requests;       /**< counted ones of owners */
	uint8_t counted;         /**< in the list */
	uint8_t released;        /**< given up: the next machine that asks owns it */
	uint8_t contested;       /**< the ledger has seen other hardware under it: from now on that is refused */
	uint8_t shared;          /**< the simulation's own: more than one machine has had it */
	uint8_t busy;            /**< the simulation's own: FLEET_B_* */
};

struct model_totals { uint64_t status[7], failed, releases; };

/** Answers that may be either way: how often, and why (fleet_model.c). */
enum model_allowance { MODEL_EXACT, MODEL_UNSEEN_CLONE, MODEL_STANDSTILL_CLONE, MODEL_ALLOWANCES };

struct model {
	struct model_rules rules;
	struct model_id *ids; uint32_t id_count, id_room;
	uint32_t newest, oldest, counted;
	uint32_t latest;                     /* of the last event */
	uint32_t still_at, still_until;      /* ageing stands still; 0: it runs */
	struct model_totals totals;
	uint64_t allowed[MODEL_ALLOWANCES];
	uint64_t *events; uint32_t day_room; /* recorded ones by day */
};

struct model_ask {
	uint32_t id, machine, now;
	int32_t skew_s;          /**< the client's clock less the true one */
	uint32_t chain_end;      /**< of the host's certificate */
	uint8_t status;          /**< licensing status 0–6 */
	bool release;
};

/** What has to be answered. */
struct model_expect {
	uint32_t code;           /**< enum code */
	uint32_t count, minimum; /**< told with CODE_OK and CODE_COUNT_LOW */
	uint32_t expires;        /**< CODE_OK: end of the lease; else 0 */
	enum model_allowance allowance; /**< not MODEL_EXACT: CODE_M_DUPLICATE is right too */
};

/** @return false when memory is exhausted. */
bool model_init(struct model *m, const struct model_rules *rules);
void model_fini(struct model *m);
/** A client ID nobody has had. @return its number, MODEL_NONE when memory is exhausted. */
uint32_t model_new_id(struct model *m);
/** Distinct client IDs heard from in the last 30 days, without the cap. */
uint32_t model_count(struct model *m, uint32_t now);
uint32_t model_cap(const struct model *m);
void model_expect(struct model *m, const struct model_ask *a, struct model_expect *out);
/** Take note of a question that was answered with @p code and recorded. @return false when memory is exhausted. */
bool model_take(struct model *m, const struct model_ask *a, const struct model_expect *e, uint32_t code);
/** With how much care a question has to be put, so that its answer does not hang on how the ledger cuts a batch into groups, or on when it folds. */
enum model_care {
	MODEL_PLAIN,             /**< none */
	MODEL_LASTING,           /**< its answer is certain, but the next question under this ID has to wait until it is folded */
	MODEL_ALONE              /**< that too, and everything before it has to be folded */
};
enum model_care model_care(struct model *m, const struct model_ask *a);
/** The host ends at @p now, or begins at @p now: after more than 35 days without an event ageing stands still for a day. */
void model_stop(struct model *m, uint32_t now);
void model_start(struct model *m, uint32_t now);

#endif
