/**
 * Limits on what strangers can cause (trust.md section 10): new client IDs, and rows written for refused requests.
 *
 * Fixed memory whatever the number of addresses. IPv6 addresses are taken by their /64, the smallest a site is given.
 * Not thread-safe: the ledger's lock guards it. Times are steady milliseconds.
 */
#ifndef LEDGER_LIMITS_H
#define LEDGER_LIMITS_H

#include "core/store/store.h"

/** A table of counts per key and window. */
struct windows;
struct windows *windows_new(void);   /**< NULL when exhausted */
void windows_free(struct windows *t);
/**
 * The count of @p addr and @p code in the window of @p period_ms that is under way; starts at 0.
 *
 * @param[out] crowded Set when another key's window that is still under way had to leave; that key starts anew.
 * @return borrowed until the next call; the caller raises it.
 */
uint32_t *windows_used(struct windows *t, const uint8_t *addr, uint8_t addr_len, uint32_t code, int64_t now, int64_t period_ms, bool *crowded);
/** Milliseconds until that window ends. */
int64_t windows_left(struct windows *t, const uint8_t *addr, uint8_t addr_len, uint32_t code, int64_t now, int64_t period_ms);

/** Free one place of that window again; none when it is over or was crowded out. */
void windows_return(struct windows *t, const uint8_t *addr, uint8_t addr_len, uint32_t code, int64_t now);
/** A holder (16 bytes) of a product is remembered for @p period_ms from when it was noted first; in a table of its own. */
void windows_note(struct windows *t, const uint8_t holder[16], uint32_t product, int64_t now, int64_t period_ms);
bool windows_noted(struct windows *t, const uint8_t holder[16], uint32_t product, int64_t now);
void windows_forget(struct windows *t, const uint8_t holder[16], uint32_t product);

/** Rows per second, address and reason for refused requests; what is above is added up and written as one row with its n. */
#define REFUSED_ROWS_PER_SECOND 10U
struct refusals;
struct refusals *refusals_new(void);   /**< NULL when exhausted */
void refusals_free(struct refusals *t);
/** @return true: write @p e as a row now. false: it was added to what is held back. */
bool refusals_admit(struct refusals *t, const struct store_event *e, int64_t now);
/** Take out one held-back sum that may be written now, or any with @p all. @return false when there is none. */
bool refusals_take(struct refusals *t, struct store_event *out, int64_t now, bool all);
/** Its commit failed: add it again. */
void refusals_return(struct refusals *t, const struct store_event *e);
/** Requests held back for @p product. */
uint64_t refusals_held(const struct refusals *t, uint32_t product);

#endif
