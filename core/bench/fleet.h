/**
 * A fleet in simulated time: machines that behave as libmuster does (facts.md sections 1 and 4, core/client), through the real engine;
 * every answer is compared with the model (fleet_model.h), and in the end the ledger's books are.
 *
 * What a machine does is drawn from seed, machine and question alone: the same options give the same run, whatever the machine's speed.
 */
#ifndef BENCH_FLEET_H
#define BENCH_FLEET_H

#include "core/bench/fleet_heap.h"
#include "core/bench/fleet_host.h"
#include "core/bench/fleet_model.h"

#define FLEET_SHOWN 10U
enum {
	FLEET_B_BATCH = 1,           /* a shared ID that the batch names */
	FLEET_B_UNFOLDED = 2         /* what was answered has to be folded before it is named again */
};
#define FLEET_MONTH_S (UINT32_C(30) * 86400)

/** Numbers from the command line; fleet_knobs[] has names, defaults, bounds and words. */
struct fleet_options {
	double machines, days, seed;
	double minimum, validity, renewal, retry;       /* machines, days, days, hours */
	double rollout, silent, releases, replaced, moved;
	double away, holidays, clones, skewed, lost, virtual_;
	double outages, long_outage, disk_full, restarts;
	double keep, tick, falsify;
	const char *dir;             /**< NULL: temporary */
};
struct fleet_knob { const char *name, *arg; size_t offset; double value, min, max; bool whole; const char *doc; };
extern const struct fleet_knob fleet_knobs[];
extern const size_t fleet_knob_count;
void fleet_defaults(struct fleet_options *o);

/** One machine. */
struct fleet_machine {
	int64_t lease_seq;           /* number in its lease's jti */
	uint32_t id;                 /* of its client ID */
	uint32_t born, leaves;       /* leaves: MODEL_NONE when it never does */
	uint32_t lease_until;        /* 0: never had one */
	uint32_t answered;           /* the host last answered */
	uint32_t unlicensed;         /* since when it has reported without holding a lease; 0: it holds one, or has not reported */
	uint32_t advised;            /* last took a new client ID because the host said so */
	uint32_t ask;                /* its questions so far: gives the nonce */
	uint8_t failures;            /* questions without an answer in a row */
	uint8_t state;               /* FLEET_M_* */
};
enum { FLEET_M_ALIVE = 1, FLEET_M_GRANTED = 2 /* its last answer was a lease */, FLEET_M_RELEASING = 4, FLEET_M_SAME_NONCE = 8, FLEET_M_CLONE = 16,
       FLEET_M_ADVISED = 32 };

/** What is counted, for a month and for all of it. */
struct fleet_tally {
	uint64_t requests;           /* answered by the ledger, repeats and releases too */
	uint64_t granted, counted_only, clone_refused, skew_refused, releases, repeats;
	uint64_t storage_refused;    /* 503: disk full */
	uint64_t host_away;          /* asked and nobody answered */
	uint64_t lost;               /* answers lost on the way */
	uint64_t clones_granted;     /* before the ledger had seen them */
	uint64_t rearmed;            /* took a new client ID on the host's advice */
	uint64_t born, left;
	uint32_t longest_wait;       /* s a machine reported without holding a lease */
	uint32_t longest_wait_machine;
};
struct fleet_month {
	struct fleet_tally t;
	uint32_t alive, licensed, counted;
	/* of this run on this machine, not of the simulation */
	uint64_t log_bytes, state_bytes, lag_max;
	double seconds;
};

struct fleet_faults { uint64_t n; char shown[FLEET_SHOWN][256]; };
/** Note a fault; the first ones are kept in words. */
void fleet_fault(struct fleet_faults *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** What the engine answered, in the model's words. */
struct fleet_answer { uint32_t code, count, minimum, expires; bool odd_expiry; /* not a whole second of ours */ };
/** Compare one answer. @return true when it is right; else a fault with day, machine, expected and got was noted. */
bool fleet_compare(struct fleet_faults *f, const struct model_ask *a, const struct model_expect *e, const struct fleet_answer *got);

/* A host's own event. */
enum fleet_happening { FLEET_OUTAGE_OFF, FLEET_OUTAGE_NETWORK, FLEET_DISK_FULL, FLEET_RESTART };
struct fleet_incident { uint32_t at, until; enum fleet_happening what; };
#define FLEET_INCIDENTS 256U

/* An answer that got lost on its way: the same question comes again. */
struct fleet_lost { uint32_t machine; uint64_t number; struct fleet_answer answer; int64_t seq; uint32_t at; };

struct fleet {
	struct fleet_options o;
	uint64_t seed;
	uint32_t end, now, tick, renewal_s, retry_s, validity_s;
	struct model model;
	struct fleet_host host;
	struct heap heap;
	struct fleet_machine *machines; uint32_t machine_count, machine_room;
	struct fleet_incident incidents[FLEET_INCIDENTS]; uint32_t incident_count, incident_next;
	bool off, network_away, disk_full, kill_due;
	uint32_t away_until;
	uint32_t restarts_hard, restarts_orderly;
	/* the batch being gathered */
	struct ledger_request *requests; struct fleet_sent { uint32_t machine; struct model_ask ask; bool lease, repeat; } *sent;
	unsigned sent_count;
	uint32_t *unfolded; uint32_t unfolded_count, unfolded_room;   /* IDs with FLEET_B_UNFOLDED */
	struct fleet_lost *lost; uint32_t lost_count, lost_room;
	int64_t last_seq;
	uint64_t answers;            /* for --falsify, and to know how far back a repeat lies */
	struct fleet_faults faults;
	struct fleet_month month; struct fleet_month *months; uint32_t month_count;
	struct fleet_tally total;
	struct fleet_books { uint64_t clients, released, contested, events; uint32_t first_event_day, count, cap; } books;
	uint64_t lag_max;
	int64_t began_ns;
	double seconds;
};

/* fleet_judge.c; false: memory is exhausted. */
/** Compare the answer, note what it means to model and machine, and when that asks next. */
bool fleet_judge(struct fleet *f, const struct fleet_sent *s, const struct ledger_request *r);
/** Its next turn is @p after seconds from now. */
bool fleet_again(struct fleet *f, uint32_t k, uint32_t after);
/** The host is away: it asks ever later until that is over. */
bool fleet_in_vain(struct fleet *f, uint32_t k);
/** It is gone for ever; perhaps another takes its place. */
bool fleet_leaves(struct fleet *f, uint32_t k, bool released);
/** Whether a question that got no answer is asked again under its nonce; else it is a new one. */
bool fleet_same_question(struct fleet *f, uint32_t k);
/** End of the host's certificate as it is at @p now. */
uint32_t fleet_chain_end(uint32_t now);
void fleet_waited(struct fleet_tally *t, uint32_t s, uint32_t k);

/** All of it. @return MUSTER_OK when it ran to the end (faults are in f->faults), MUSTER_E_BUSY when interrupted, else why not. */
int fleet_run(struct fleet *f, const struct fleet_options *o, struct muster_err *err);
/** After fleet_run(), whatever it returned. Zeroed is fine. */
void fleet_fini(struct fleet *f);
/** Compare the ledger's books with the model's (fleet_books.c). */
int fleet_check_books(struct fleet *f, struct muster_err *err);
/** The table by month for people, or one JSON object. */
void fleet_print(const struct fleet *f, FILE *out);
int fleet_print_json(const struct fleet *f, FILE *out);

/* What machines do (fleet_life.c). */

/** What a number is drawn for: two draws for one machine and question never share one. */
enum fleet_purpose {
	FLEET_P_BORN, FLEET_P_LIFE, FLEET_P_CLONE, FLEET_P_MASTER, FLEET_P_TRAVELS, FLEET_P_ABSENCE, FLEET_P_ABSENT_FOR, FLEET_P_FAR, FLEET_P_HOLIDAY,
	FLEET_P_RETURN, FLEET_P_SKEWED, FLEET_P_SKEW_AT, FLEET_P_SKEW_FOR, FLEET_P_SKEW, FLEET_P_SPREAD, FLEET_P_BACKOFF, FLEET_P_HOST_AT, FLEET_P_HOST_FOR,
	FLEET_P_SUCCESSOR, FLEET_P_REPLACED, FLEET_P_MOVED, FLEET_P_LOST, FLEET_P_VIRTUAL, FLEET_P_LEAVES
};
/** Even in 0 … 1, of this machine, question and purpose. */
double fleet_draw(const struct fleet *f, uint32_t machine, uint32_t ask, enum fleet_purpose purpose);
/** A new machine, born at @p born; @p like the one it is a copy or the successor of, MODEL_NONE none. @return false when memory is exhausted. */
bool fleet_birth(struct fleet *f, uint32_t born, uint32_t like, bool keeps_id);
int32_t fleet_skew(const struct fleet *f, uint32_t machine, uint32_t now);
uint8_t fleet_status(const struct fleet_machine *m, uint32_t now);
/** s until it asks again: after a lease, after another answer, after none. */
uint32_t fleet_renewal(const struct fleet *f, uint32_t machine, uint32_t now);
uint32_t fleet_after_grant(const struct fleet *f, uint32_t machine, uint32_t now);
uint32_t fleet_after_answer(const struct fleet *f, uint32_t machine);
uint32_t fleet_after_failure(const struct fleet *f, uint32_t machine, uint32_t failures, uint32_t draw);
/** The host's incidents, by time. */
void fleet_plan_incidents(struct fleet *f);

#endif
