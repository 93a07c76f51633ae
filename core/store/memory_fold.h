/** Writes to the memory store's state: staged on copies of the tables, applied all at once. Private to this folder. */
#ifndef STORE_MEMORY_FOLD_H
#define STORE_MEMORY_FOLD_H

#include "core/store/memory.h"

struct memory_staged {
	struct memory *m;
	struct table tables[MEMORY_TABLES];
	bool touched[MEMORY_TABLES];
	int64_t fold_seq, fold_at;
	bool changed;             /* names(): anything to write? */
};
struct memory_names {
	struct store_pool *pools; size_t pool_count;
	struct store_product *products; size_t product_count;
	struct store_edition *editions; size_t edition_count;
};

void memory_staged_init(struct memory_staged *t, struct memory *m);
void memory_staged_fini(struct memory_staged *t);
void memory_staged_apply(struct memory_staged *t);

int memory_stage_names(struct memory_staged *t, const struct memory_names *names, struct muster_err *err);
/** After a commit: put the state's numbers into the caller's arrays. */
void memory_names_fill(const struct memory *m, struct memory_names *names);
int memory_stage_events(struct memory_staged *t, const struct store_event *const *events, size_t n,
                        void (*merge)(void *, struct store_use *, bool, const struct store_event *const *, size_t), void *ctx, struct muster_err *err);
int memory_stage_end(struct memory_staged *t, const struct store_fold_end *end, struct muster_err *err);
/** @p records NULL: it could not be copied. */
int memory_stage_record(struct table *records, const struct store_change *c, struct muster_err *err);
int memory_stage_holding(struct table *holdings, const struct store_change *c, struct muster_err *err);   /**< as memory_stage_record() */
/** The copy of a table to change, made when first asked for; NULL when memory is exhausted. */
struct table *memory_staged_table(struct memory_staged *t, enum memory_table which);
int memory_stage_journal(struct memory_staged *t, const struct store_journal *given, struct muster_err *err);
/* memory_take.c */
void memory_take_init(struct memory *m);
int memory_stage_taken(struct memory_staged *t, struct store_source *sources, size_t source_count, const struct store_taken *rows, size_t n,
                       bool (*merge)(void *, struct store_use *, bool, struct store_part *, size_t *, const struct store_taken *), void *ctx,
                       const struct store_take_end *end, struct muster_err *err);
int memory_stage_change(struct memory_staged *t, const struct store_change *change, struct muster_err *err);

#endif
