/**
 * A count pool in memory: the most recently seen clients, at most the cap, whatever the size of the fleet.
 *
 * Pure: no clock, no lock, no I/O. Rules: facts.md section 1 (add, count, compare; 30-day window; cap = twice the largest
 * minimum count presented), ledger.md section 2 (members leave by age only).
 */
#ifndef LICENSING_POOL_H
#define LICENSING_POOL_H

#include <stdbool.h>
#include <muster/types.h>

struct pool;
/** @c seq: the event that touched it last; 0 when only a snapshot or a list knows it. */
struct pool_member { uint8_t client[16]; uint8_t hw[32]; bool has_hw, is_virtual; int64_t last, seq; uint32_t product; };

/** A machine known from imports only (ledger.md section 2, "Observed machines"). */
struct pool_observed { uint8_t client[16]; int64_t last; };

struct pool *pool_new(uint32_t window_s, uint32_t largest_minimum);   /**< NULL when exhausted */
void pool_free(struct pool *p);
uint32_t pool_cap(const struct pool *p);                              /**< 2 × largest minimum; 0 before any */
uint32_t pool_largest_minimum(const struct pool *p);
/** Raise the largest minimum presented. @return 1 when the cap grew (the caller refills from the state), 0, or MUSTER_E_NOMEM. */
int pool_present(struct pool *p, uint32_t minimum_count);
/** The window may be changed by configuration. */
void pool_set_window(struct pool *p, uint32_t window_s);
/** Drop members silent for longer than the window before @p now (ms). */
void pool_age(struct pool *p, int64_t now);
const struct pool_member *pool_find(const struct pool *p, const uint8_t client[16]);   /**< borrowed until the next change */
/** Add or refresh; above the cap the longest silent leaves. Nothing is kept while the cap is 0. Returns the count after it. */
uint32_t pool_touch(struct pool *p, const struct pool_member *m);
uint32_t pool_count(const struct pool *p);
/** Newest first. */
void pool_each(const struct pool *p, void (*fn)(void *ctx, const struct pool_member *), void *ctx);
/**
 * Replace all members after a release or a grown cap.
 *
 * @param m Newest first, as the state knew them once folded up to and including @p seq; may name more than the cap.
 * @param seq Members touched by later events stay; of those and the list the most recent, at most the cap, remain.
 */
void pool_replace(struct pool *p, const struct pool_member *m, size_t n, int64_t seq);

/**
 * Replace the observed machines: they are no members, age by their own last time, and are counted beside. Who is a member is none of them, and who becomes one stops
 * being one; they are in no list that pool_each() gives, so no snapshot has them.
 *
 * @param m In any order; copied. @return MUSTER_OK; MUSTER_E_NOMEM: as before.
 */
int pool_observe(struct pool *p, const struct pool_observed *m, size_t n);
/** How many are left; with the members it may be more than the cap. */
uint32_t pool_observed(const struct pool *p);
/** In any order. */
void pool_each_observed(const struct pool *p, void (*fn)(void *ctx, const struct pool_observed *), void *ctx);
bool pool_is_observed(const struct pool *p, const uint8_t client[16]);

#endif
