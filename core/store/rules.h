/** Rules that both stores obey, in one place so that they cannot drift apart. Private to this folder. */
#ifndef STORE_RULES_H
#define STORE_RULES_H

#include "core/store/store.h"

/** seq rising within the group and above @p last; every n >= 1. @return MUSTER_OK or MUSTER_E_INVALID. */
int rules_check_append(const struct store_event *const *events, size_t n, int64_t last, struct muster_err *err);
/** Sorted by (client, product, seq). @return MUSTER_OK or MUSTER_E_INVALID. */
int rules_check_sorted(const struct store_event *const *events, size_t n, struct muster_err *err);
/** How many of the events, at least 1 when n > 0, are of the first one's client and product. */
size_t rules_group(const struct store_event *const *events, size_t n);
/** The position of @p end against the stored one. @return MUSTER_OK or MUSTER_E_INVALID. */
int rules_check_end(const struct store_fold_end *end, int64_t fold_seq, struct muster_err *err);
/** Sorted by (client, product), parts by source and within the sources. @return MUSTER_OK or MUSTER_E_INVALID. */
int rules_check_taken(const struct store_taken *rows, size_t n, size_t source_count, struct muster_err *err);
/** @return MUSTER_E_LIMIT. */
int rules_many_sources(struct muster_err *err);
/** Numbers on entry of names() within their arrays. @return MUSTER_OK or MUSTER_E_INVALID. */
int rules_check_names(const struct store_product *products, size_t product_count, size_t pool_count,
                      const struct store_edition *editions, size_t edition_count, struct muster_err *err);
/** Order of client rows: client, then product. */
int rules_compare_key(const uint8_t client_a[16], uint32_t product_a, const uint8_t client_b[16], uint32_t product_b);
/** May a row stand for a member of a pool? */
bool rules_counts(const struct store_use *row);

/** A list of the newest rows, one per client, newest first; kept while rows pass by in any order. */
struct rules_newest { struct store_use *rows; size_t n, limit; };
int rules_newest_init(struct rules_newest *l, size_t limit, struct muster_err *err);
void rules_newest_add(struct rules_newest *l, const struct store_use *row);
/** Could a row of that time still get in? */
bool rules_newest_wants(const struct rules_newest *l, int64_t last);
void rules_newest_fini(struct rules_newest *l);

/** Said by a handle that met an I/O error before. @return MUSTER_E_IO. */
int rules_broken(struct muster_err *err, const char *what);
/** Said to one whose claim was taken over. @return MUSTER_E_BUSY. */
int rules_superseded(struct muster_err *err, const char *what, uint32_t own, uint32_t now);

/** Kind, key and size of a STORE_RECORD_* change. @return MUSTER_OK, MUSTER_E_INVALID or MUSTER_E_LIMIT. */
int rules_check_record(const struct store_change *c, struct muster_err *err);
/** When the record of a change was written. */
int64_t rules_record_time(const struct store_change *c);
/** @return MUSTER_E_EXISTS. */
int rules_record_exists(struct muster_err *err, const struct store_record *record);
/** @return MUSTER_E_NOT_FOUND. */
int rules_no_record(struct muster_err *err, const char *kind);

/** The key of a holding. @return MUSTER_OK or MUSTER_E_INVALID. */
int rules_check_holding(const struct store_holding *h, struct muster_err *err);
/** Fill in a key to look for, the rest zero. @return MUSTER_OK or MUSTER_E_INVALID. */
int rules_holding_key(struct store_holding *key, uint32_t product, uint32_t class_, struct muster_span holder, struct muster_err *err);
/** Order of holdings: product, class, holder (bytes, the shorter of equal beginnings first). */
int rules_compare_holding(const struct store_holding *a, const struct store_holding *b);
/** @return MUSTER_E_NOT_FOUND. */
int rules_no_holding(struct muster_err *err);

/** @return MUSTER_E_NOT_FOUND naming the client. */
int rules_no_client(struct muster_err *err, const uint8_t client[16]);
/** Fill seq, prev and hash of @p row, which follows @p before (NULL: it is the first). @return MUSTER_OK, MUSTER_E_NOMEM, MUSTER_E_INTERNAL. */
int rules_chain(struct store_journal *row, const struct store_journal *before, struct muster_err *err);

#endif
