/** Inside of the memory store: what its log handle and its state handle share. Private to this folder. */
#ifndef STORE_MEMORY_INSIDE_H
#define STORE_MEMORY_INSIDE_H

#include <pthread.h>

#include "core/store/store_memory.h"
#include "core/store/table.h"

enum memory_table {
	MEMORY_POOLS, MEMORY_PRODUCTS, MEMORY_EDITIONS, MEMORY_UNKNOWN, MEMORY_SETTINGS, MEMORY_COUNTERS, MEMORY_MEMBERS,
	MEMORY_JOURNAL, MEMORY_USES, MEMORY_RECORDS, MEMORY_HOLDINGS, MEMORY_SOURCES, MEMORY_PARTS, MEMORY_TABLES
};

struct memory {
	struct store store;      /* first: a struct store * is a struct memory * */
	pthread_mutex_t lock;    /* guards everything below */
	unsigned handles;
	struct { unsigned skip; enum store_memory_fault fault; } fault[2];  /* log, state */
	void (*hook)(void *ctx, bool state);
	void *hook_ctx;
	/* the log */
	bool log_made;
	uint8_t log_id[16], digest_key[16];
	uint32_t log_epoch;
	struct table events;
	/* the state */
	bool state_made;
	uint8_t state_id[16];
	uint32_t state_epoch;
	int64_t fold_seq, fold_at;
	struct table tables[MEMORY_TABLES];
};

/** Call the hook, if any; no lock may be held. */
void memory_hook(struct memory *m, bool state);
/** The fault this write meets; lock held. */
enum store_memory_fault memory_fault(struct memory *m, bool state);
/** The result of a write that met @p fault; sets *broken where the contract says so. */
int memory_outcome(enum store_memory_fault fault, bool *broken, struct muster_err *err);
void memory_state_init(struct memory *m);
/* memory_record.c */
void memory_records_init(struct table *t);
int memory_record(const struct table *records, const char *kind, struct muster_span id, struct buf *data, struct muster_err *err);
void memory_records(const struct table *records, const char *kind, struct muster_span after, size_t limit, int (*fn)(void *, const struct store_record *), void *ctx);
int memory_kind_after(const struct table *records, const char *after, char out[32], struct muster_err *err);
/* memory_holding.c: lock held. Rows wanted are copied to @p out, which the caller frees in any case. */
void memory_holdings_init(struct table *t);
int memory_holding(const struct table *holdings, uint32_t product, uint32_t class_, struct muster_span holder, struct store_holding *out, struct muster_err *err);
int memory_holdings(const struct table *holdings, uint32_t product, uint32_t after_class, struct muster_span after, size_t limit, struct table *out,
                    struct muster_err *err);
int memory_holdings_due(const struct table *holdings, int64_t until, size_t limit, struct table *out, struct muster_err *err);
int memory_holding_sums(const struct table *holdings, struct table *out, struct muster_err *err);
int memory_open_state(struct store *s, bool write, struct store_state **out, struct muster_err *err);

#endif
