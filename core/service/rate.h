/**
 * Requests a second from one address: a token bucket each, in a table of fixed size (trust.md section 10).
 *
 * An IPv6 peer is its /64: one machine has as many addresses in it as it likes. When the table is full the address
 * that was silent longest, of those that share its place, is forgotten and starts again with a full bucket.
 */
#ifndef SERVICE_RATE_H
#define SERVICE_RATE_H

#include "core/service/address.h"

#define RATE_SLOTS 16384  /**< addresses remembered: 512 KiB */

struct rate;
struct rate *rate_new(void);  /**< NULL when exhausted */
void rate_free(struct rate *r);

/**
 * Take one token, or @p tokens at once or none of them. Thread-safe.
 *
 * @param now         boot milliseconds, never decreasing by much. @param per_second,burst at least 1. @param tokens 0 … @p burst: of more there are never as many.
 * @param[out] wait_s seconds until they are there again, 1 …; set only when refused.
 * @return true when the request may go on.
 */
bool rate_take_many(struct rate *r, const struct address *a, int64_t now, uint64_t per_second, uint64_t burst, uint64_t tokens, uint32_t *wait_s);
bool rate_take(struct rate *r, const struct address *a, int64_t now, uint64_t per_second, uint64_t burst, uint32_t *wait_s);

#endif
