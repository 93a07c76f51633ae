/** Inside of verify: what its parts share. Private to verify*.c. */
#ifndef BENCH_VERIFY_PRIVATE_H
#define BENCH_VERIFY_PRIVATE_H

#include <pthread.h>

#include "core/base/uuid.h"
#include "core/bench/record.h"
#include "core/bench/verify.h"
#include "core/store/store.h"
#include "core/trust/lease.h"

#define VERIFY_THREADS_MAX 64U

/** One entry of the record whose lease is good, or that was counted. */
struct verify_item {
	uint64_t number, digest;     /**< of the event: client, product, nonce */
	int64_t seq;                 /**< the lease's; with 202 the event's once it was found, 0 before */
	int64_t iat, exp;            /**< s; with 200 */
	uint32_t ask, count, minimum;
	uint16_t status;             /**< 0: its fault was told, nothing more is compared */
};

struct verify_chain { struct trust_chain *chain; int64_t end; };

struct verify {
	struct verify_report *report;
	const char *dir;
	unsigned threads;
	int64_t now;                 /**< s */
	pthread_mutex_t lock;        /**< of the report's faults */
	uint64_t seed;
	uint8_t product_id[16];
	struct trust_anchors *anchors;
	struct verify_chain *chains; size_t chain_count;
	struct store *store;
	char ledger_id[UUID_TEXT];
	uint8_t digest_key[16];
	uint32_t product;            /**< the state's number */
	struct verify_item *items; size_t n;   /**< counted ones first, by machine and digest; then by seq */
	size_t counted;
};

/** A fault, in words; the first VERIFY_SHOWN are kept. Any thread. */
void verify_fault(struct verify *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Asked often by everything long. @return MUSTER_OK, or MUSTER_E_BUSY after a signal. */
int verify_go_on(struct muster_err *err);

/** Threads that do the same. */
struct verify_crew { pthread_t threads[VERIFY_THREADS_MAX]; unsigned n; };
/** @return MUSTER_OK when at least one runs. */
int verify_crew_start(struct verify_crew *c, unsigned n, void *(*fn)(void *), void *ctx, struct muster_err *err);
void verify_crew_join(struct verify_crew *c);

/** Chains and root of the folder. A chain that does not verify is a fault and left out. */
int verify_keys(struct verify *v, struct muster_err *err);
/** Read the record, check each lease by itself, fill items. */
int verify_leases(struct verify *v, struct muster_err *err);
/** Compare items with log and state. */
int verify_ledger(struct verify *v, struct muster_err *err);

/** The recorded machines, by client ID. */
struct verify_client {
	uint8_t id[16];
	uint64_t number;
	int64_t folded;              /**< its newest event up to the fold position; 0 none */
	uint64_t requests;           /**< that its events up to there stand for */
};
struct verify_clients { struct verify_client *list; size_t n; uint32_t *begin; /* by the ID's first 20 bits */ };
int verify_clients_new(struct verify_clients *c, const struct verify *v, struct muster_err *err);
void verify_clients_fini(struct verify_clients *c);
/** @return NULL: not recorded. */
struct verify_client *verify_clients_find(const struct verify_clients *c, const uint8_t id[16]);

/** An event behind the fold position, of a recorded machine; by seq. */
struct verify_later { int64_t seq; uint32_t client; };
/** What the rows of clients are compared with. */
struct verify_rows {
	struct verify_clients clients;
	struct verify_later *later; size_t later_n, later_room;
	int64_t fold_seq;            /**< when the log's reading began */
	int64_t last_seq;            /**< the last event read */
	bool complete;               /**< the log holds the first event */
};
/** Each recorded machine's row in the state. */
int verify_uses(struct verify *v, const struct verify_rows *rows, struct muster_err *err);

#endif
