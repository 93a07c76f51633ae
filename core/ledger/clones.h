/**
 * Clones: one client ID, several machines (ledger.md section 2, trust.md section 10).
 *
 * A client ID belongs to the hardware first granted until 30 days of silence. Hardware is compared only at equal source.
 * Marks are what the fold found where no pool member or lease could tell: (client, product) with the hardware on record.
 * Fixed memory. Not thread-safe: the ledger's lock guards it.
 */
#ifndef LEDGER_CLONES_H
#define LEDGER_CLONES_H

#include "core/store/store.h"

#define CLONE_SILENCE_MS (INT64_C(30) * STORE_DAY_MS)
#define MARKS_MAX 65536U

/** @param n bytes compared, at least 1: the whole 32, or REPEAT_HW. True when both have the same source and differ. */
bool hw_differs(const uint8_t *a, const uint8_t *b, size_t n);

struct mark { uint8_t client[16]; uint32_t product, chain; int64_t last; uint8_t hw[32]; };
struct marks;
struct marks *marks_new(void);   /**< NULL when exhausted */
void marks_free(struct marks *t);
void marks_clear(struct marks *t);
/** @return NULL, or the mark; borrowed until the next change. */
const struct mark *marks_find(const struct marks *t, const uint8_t client[16], uint32_t product);
/** Put or refresh. @return true when another mark, the oldest put, had to leave for it. */
bool marks_put(struct marks *t, const uint8_t client[16], uint32_t product, const uint8_t hw[32], int64_t last);
/** The owner reported in. */
void marks_seen(struct marks *t, const uint8_t client[16], uint32_t product, int64_t last);
/** @param product 0: of every product. */
void marks_drop(struct marks *t, const uint8_t client[16], uint32_t product);
uint32_t marks_count(const struct marks *t);
/** Of those, how many were heard from since (ms). */
uint32_t marks_since(const struct marks *t, int64_t since);

#endif
