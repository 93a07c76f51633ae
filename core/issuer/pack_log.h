/**
 * DIR/packs.log: which issue and generations were given out, a line a pack, on the disk before the pack is in the books. Books restored from a backup
 * do not know the packs made since; without this the next one would have the same issue and generations with other slots.
 */
#ifndef ISSUER_PACK_LOG_H
#define ISSUER_PACK_LOG_H

#include "core/issuer/authority.h"
#include "core/trust/pack.h"

/** The highest issue of an agreement, and the highest generation of each key. */
struct pack_log { uint32_t issue; struct pack_log_key { uint32_t number; uint8_t generation; } *keys; size_t n; };
/** Read; no file is an empty log. A line that a crash cut off belongs to a pack that was not made. pack_log_fini(). */
int pack_log_read(struct pack_log *l, const struct authority *a, const char *agreement, struct muster_err *err);
void pack_log_fini(struct pack_log *l);
/** 0: in no pack yet. */
uint8_t pack_log_generation(const struct pack_log *l, uint32_t number);
/** Append and sync. */
int pack_log_append(const struct authority *a, const struct pack *p, struct muster_err *err);

#endif
