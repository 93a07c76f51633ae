/** Inside of the SQLite state: its handle and statements, shared by the files that make up its operations. Private to this folder. */
#ifndef STORE_SQLITE_STATE_H
#define STORE_SQLITE_STATE_H

#include "core/store/sqlite.h"

struct sqlite_state {
	struct store_state state;  /* first */
	struct db db;
};

/* Statements; their text is in sqlite_state.c. */
enum {
	S_INFO, S_BYTES, S_CLAIM, S_SOURCE,
	S_POOL_FIND, S_POOL_ADD, S_POOL_SET, S_POOL_RAISE, S_PRODUCT_FIND, S_PRODUCT_ADD, S_PRODUCT_SET,
	S_EDITION_FIND, S_EDITION_NEXT, S_EDITION_PUT, S_UNKNOWN_DROP,
	S_USE_ONE, S_USE_ADD, S_USE_SET, S_USE_SET_SAME_HOUR, S_USE_FORGET,
	S_COUNTER_ADD, S_MEMBERS_CLEAR, S_MEMBER_ADD, S_UNKNOWN_ADD, S_UNKNOWN_CAP, S_POSITION,
	S_SETTING_PUT, S_SETTING_DELETE, S_JOURNAL_LAST, S_JOURNAL_ADD,
	S_SETTINGS, S_COUNTERS, S_POOLS, S_MEMBERS, S_PRODUCTS, S_EDITIONS, S_UNKNOWN, S_JOURNAL,
	S_POOL_PRODUCTS, S_RECENT, S_PAGE, S_USE, S_CLONES,
	S_RECORD_PUT, S_RECORD_INSERT, S_RECORD_DELETE, S_RECORD, S_RECORDS,
	S_HOLDING_STATE, S_HOLDING_PUT, S_HOLDING_DELETE, S_HOLDING_SUM, S_HOLDING, S_HOLDINGS, S_HOLDINGS_DUE, S_HOLDING_SUMS,
	S_SOURCES, S_SOURCE_FIND, S_SOURCE_ADD, S_SOURCE_TAKEN, S_PARTS_OF, S_PART_PUT, S_PARTS, S_COUNTER_MAX, S_KIND_AFTER, S_STATEMENTS
};

/*
 * The column last_hour holds hours since 1970 (at first it held days; rows not seen since then still do, and are told by their
 * smaller number): the newest clients are looked for in it, and of ten million a day is too much to read.
 */
#define LAST_DAYS_BELOW 100000
/* Columns of a client's row, in this order in every statement that reads or adds one. */
#define USE_COLUMNS "client, product, first, last, last_hour, last_seq, requests, result, status, minutes, hw, name, addr, flags"

/* The same for a holding's. */
#define HOLDING_COLUMNS "product, class, holder, state, flags, since, until, changed, number, client, hw, name"

static inline struct sqlite_state *sqlite_state_of(struct store_state *base)
{
	return (struct sqlite_state *)base;
}

void sqlite_read_use(struct store_use *u, sqlite3_stmt *s);
int sqlite_read_position(struct db *db, struct store_state_info *info, struct muster_err *err);

/* sqlite_names.c */
int sqlite_names(struct store_state *, struct store_pool *pools, size_t pool_count, struct store_product *products, size_t product_count,
                 struct store_edition *editions, size_t edition_count, struct muster_err *err);
int sqlite_transact(struct store_state *, const struct store_change *changes, size_t n, struct muster_err *err);
int sqlite_add_journal(struct db *db, const struct store_journal *given, struct muster_err *err);   /* in a transaction */
/* sqlite_take.c */
int sqlite_take(struct store_state *, struct store_source *sources, size_t source_count, const struct store_taken *rows, size_t n,
                bool (*merge)(void *, struct store_use *, bool, struct store_part *, size_t *, const struct store_taken *), void *ctx,
                const struct store_take_end *end, struct muster_err *err);
int sqlite_sources(struct store_state *, int (*fn)(void *, const struct store_source *), void *ctx, struct muster_err *err);
int sqlite_parts(struct store_state *, const uint8_t after_client[16], uint32_t after_product, const uint8_t to_client[16], uint32_t to_product,
                 int (*fn)(void *, const struct store_part *), void *ctx, struct muster_err *err);
/* sqlite_fold.c */
int sqlite_write_use(struct db *db, sqlite3_stmt *s, const struct store_use *u, struct muster_err *err);   /* in a transaction */
int sqlite_fold(struct store_state *, const struct store_event *const *events, size_t n,
                void (*merge)(void *, struct store_use *, bool, const struct store_event *const *, size_t), void *ctx,
                const struct store_fold_end *end, struct muster_err *err);
/* sqlite_list.c */
/** Every row of a statement whose parameters are bound, each of t->size (no larger than a journal's) and filled in by @p read, from zero. */
struct table;
int sqlite_gather(struct db *db, sqlite3_stmt *s, void (*read)(void *row, sqlite3_stmt *s), struct table *t, struct muster_err *err);
int sqlite_settings(struct store_state *, int (*fn)(void *, const struct store_setting *), void *ctx, struct muster_err *err);
int sqlite_counters(struct store_state *, int (*fn)(void *, const struct store_counter *), void *ctx, struct muster_err *err);
int sqlite_pools(struct store_state *, int (*fn)(void *, const struct store_pool *), void *ctx, struct muster_err *err);
int sqlite_members(struct store_state *, uint32_t pool, int (*fn)(void *, const struct store_member *), void *ctx, struct muster_err *err);
int sqlite_products(struct store_state *, int (*fn)(void *, const struct store_product *), void *ctx, struct muster_err *err);
int sqlite_editions(struct store_state *, int (*fn)(void *, const struct store_edition *), void *ctx, struct muster_err *err);
int sqlite_unknown(struct store_state *, int (*fn)(void *, const struct store_unknown *), void *ctx, struct muster_err *err);
int sqlite_journal(struct store_state *, int64_t after, size_t limit, int (*fn)(void *, const struct store_journal *), void *ctx, struct muster_err *err);
int sqlite_recent(struct store_state *, uint32_t pool, int64_t since, size_t limit, int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err);
int sqlite_page(struct store_state *, uint32_t product, const uint8_t after_client[16], uint32_t after_product, size_t limit,
                int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err);
int sqlite_use(struct store_state *, const uint8_t client[16], int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err);
int sqlite_clones(struct store_state *, int64_t since, int (*fn)(void *, const struct store_use *), void *ctx, struct muster_err *err);
/* sqlite_record.c */
int sqlite_put_record(struct db *db, const struct store_change *c, struct muster_err *err);   /* in a transaction */
int sqlite_record(struct store_state *, const char *kind, struct muster_span id, struct buf *data, struct muster_err *err);
int sqlite_records(struct store_state *, const char *kind, struct muster_span after, size_t limit, int (*fn)(void *, const struct store_record *), void *ctx,
                   struct muster_err *err);
int sqlite_kind_after(struct store_state *, const char *after, char out[32], struct muster_err *err);
/* sqlite_holding.c */
int sqlite_put_holding(struct db *db, const struct store_change *c, struct muster_err *err);   /* in a transaction */
int sqlite_holding(struct store_state *, uint32_t product, uint32_t class_, struct muster_span holder, struct store_holding *out, struct muster_err *err);
int sqlite_holdings(struct store_state *, uint32_t product, uint32_t after_class, struct muster_span after, size_t limit,
                    int (*fn)(void *, const struct store_holding *), void *ctx, struct muster_err *err);
int sqlite_holdings_due(struct store_state *, int64_t until, size_t limit, int (*fn)(void *, const struct store_holding *), void *ctx, struct muster_err *err);
int sqlite_holding_sums(struct store_state *, int (*fn)(void *, const struct store_holding_sum *), void *ctx, struct muster_err *err);

#endif
