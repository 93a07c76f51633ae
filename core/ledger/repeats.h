/**
 * Repeats: the last requests by digest, with what they were answered (ledger.md section 2).
 *
 * A client that got no answer asks again with the same nonce and is told the same; nothing is counted twice.
 * Fixed memory, no allocation after creation. Not thread-safe: the ledger's lock guards it.
 */
#ifndef LEDGER_REPEATS_H
#define LEDGER_REPEATS_H

#include "core/store/store.h"

#define REPEATS_MAX 262144U
/** Leading bytes of a hardware ID kept: its source and 15 more. */
#define REPEAT_HW 16

struct repeat {
	uint64_t digest;
	int64_t seq, at, expires;
	uint32_t code, count, minimum, product, flags;
	uint32_t chain;
	uint8_t client[16], hw[REPEAT_HW];
};

struct repeats;
struct repeats *repeats_new(void);   /**< NULL when exhausted */
void repeats_free(struct repeats *t);
void repeats_clear(struct repeats *t);
/** @param release whether the request is a release: it never repeats an activation. @return borrowed until the next change; NULL: new. */
const struct repeat *repeats_find(const struct repeats *t, uint64_t digest, const uint8_t client[16], uint32_t product, bool release);
/** Remember @p e; the oldest leaves. Events without a digest are passed over. */
void repeats_add(struct repeats *t, const struct store_event *e);

/** SipHash-2-4 of client, product and nonce under the log's own key, so that nobody can choose colliding ones. */
struct digester;
int digester_new(struct digester **out, const uint8_t key[16], struct muster_err *err);
void digester_free(struct digester *d);
/** @param[out] out never 0. @return MUSTER_OK, MUSTER_E_INTERNAL. */
int digester_digest(struct digester *d, uint64_t *out, const uint8_t client[16], uint32_t product, const uint8_t *nonce, size_t n);

#endif
