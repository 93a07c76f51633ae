/** Batches of counted keys: collected, stored, asked once, applied. proxy.c; counted_admin.c uses it. */
#ifndef ACTIVATION_PROXY_H
#define ACTIVATION_PROXY_H

#include "core/activation/counted.h"

/** A batch as stored: JSON {"issuer","state":"asked"|"answered","file","at","installation_ids":[…],…}. Those asked online leave when they are answered. */
struct proxy_batch { uint8_t id[16]; json_t *json; };
void proxy_batch_fini(struct proxy_batch *b);
/** MUSTER_E_NOT_FOUND: this host never asked that. */
int proxy_batch_read(struct activation *a, const uint8_t id[16], struct proxy_batch *out, struct muster_err *err);

/**
 * Ask the issuer for the open batch, or for a new one of everything that waits (COUNTED_BATCH_MAX at most). Connects and waits.
 * @param all those that were refused lately, too. @param[out] out {"confirmed","refused","not_taken"}; may be NULL.
 * @return MUSTER_OK; MUSTER_E_NOT_FOUND: nothing waits; MUSTER_E_REFUSED: the issuer refused the batch as a whole; MUSTER_E_NETWORK, MUSTER_E_BUSY.
 */
int proxy_ask(struct activation *a, const char *actor, const struct activation_issuer *issuer, bool all, json_t **out, struct muster_err *err);
/** Everything that waits at this issuer as a file; the same file while nothing changes. MUSTER_E_NOT_FOUND: nothing waits. */
int proxy_export(struct activation *a, const char *actor, const char *issuer, struct buf *text, size_t *count, struct muster_err *err);
/** Apply an answer's results and tallies; begun by the caller (activation_begin()). @param out as above; may be NULL. */
int proxy_apply(struct activation *a, const char *actor, const struct proxy_batch *b, const json_t *answer, json_t **out, struct muster_err *err);

#endif
