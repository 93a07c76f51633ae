/**
 * What the host has acknowledged: one entry an answer, kept in memory while load runs (writing would disturb the host's disk) and
 * written to a file afterwards, or chunk by chunk above RECORD_MEMORY.
 *
 * File: the head, then entries, in the machine's own byte order (it never leaves the machine): struct record_entry, then lease_n
 * bytes of lease, padded with zeros to 8.
 */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <stdio.h>
#include <muster/types.h>

#define RECORD_MAGIC "mbench01"
#define RECORD_MEMORY (UINT64_C(4) << 30)
#define RECORD_LANES 16U

struct record_head { char magic[8]; uint64_t seed; uint8_t activation_id[16]; };
struct record_entry {
	uint64_t number;      /**< the machine's */
	uint32_t ask;         /**< of its requests, from 0: gives the nonce */
	uint16_t status;      /**< HTTP: 200 activated, 202 counted */
	uint16_t lease_n;     /**< bytes; 0 with 202 */
};

#define RECORD_LEASE_MAX 4096U  /**< bytes of a lease; as TRUST_LEASE_MAX */

struct record;
/** Make the file, or go on with the one of an earlier run. @param head its magic is filled in here.
 * @return MUSTER_OK; MUSTER_E_MISMATCH (a file of another seed or product), MUSTER_E_INVALID (cut or wrong), MUSTER_E_IO, MUSTER_E_DENIED,
 * MUSTER_E_NOMEM. */
int record_new(struct record **out, const char *path, const struct record_head *head, struct muster_err *err);
/** Thread-safe for different @p lane (0 … RECORD_LANES-1), one lane a thread. A failure is remembered and told by record_write().
 * @param e status 200 with a lease of 1 … RECORD_LEASE_MAX bytes, or 202 without. @param lease copied; not read with 202. */
void record_add(struct record *r, unsigned lane, const struct record_entry *e, const char *lease);
/** Entries added since record_new(), written or not. Any thread. */
uint64_t record_count(const struct record *r);
/** Everything to the file (0600), synced; no lane may be adding. The record holds nothing afterwards and may be added to again. */
int record_write(struct record *r, struct muster_err *err);
void record_free(struct record *r);

/** Read a file back: @p fn (may be NULL: only check) is called per entry until it returns non-zero. MUSTER_E_INVALID names the place that is
 * cut or wrong. @param lease in @p fn: terminated, borrowed for the call. */
int record_read(const char *path, struct record_head *head, int (*fn)(void *ctx, const struct record_entry *e, const char *lease), void *ctx,
                struct muster_err *err);

#endif
