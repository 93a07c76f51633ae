/** Products with a key in libmuster: what is kept of the key, what is sent, and the confirmation that is held for good. */
#ifndef CLIENT_COUNTED_H
#define CLIENT_COUNTED_H

#include "core/client/answer.h"
#include "core/client/state.h"
#include "core/trust/statement.h"

struct muster_client;
struct holding;

#define FACTS_MAX 64          /**< members of machine.facts (docs/protocol.md section 3) */
#define FACTS_NAME 64         /**< bytes of a name */
#define FACTS_TEXT 256        /**< bytes of a text */
#define FACTS_BYTES 4096      /**< of all of it as JSON */

/**
 * Load what is kept of the key for @p id, made for the pinned issuer and this machine. Ready.
 * @return MUSTER_OK; MUSTER_E_NOT_FOUND: none, or one for another issuer; others are faults. @p out is secret: wipe it.
 */
int counted_key(struct muster_client *c, const char *id, struct state_key *out, struct muster_err *err);
/** Put the proof of the key into a question whose other members are set, and the machine's facts. @p facts stays the caller's to free. */
int counted_prove(struct muster_client *c, const struct state_key *k, struct question *q, json_t **facts, struct muster_err *err);

/** Is a genuine confirmation for this product (text) and this hardware ID? NULL: not compared. MUSTER_E_MISMATCH. */
int counted_check(const struct confirmation *k, const char *id, const uint8_t *hw, struct muster_err *err);
/** MUSTER_E_NOT_YET, MUSTER_E_EXPIRED. */
int counted_coverage(const struct confirmation *k, int64_t now, struct muster_err *err);
/** Look at the confirmation held for @p id: sets have, valid, perpetual, confirmation, reason. Negative only for memory. Ready. */
int counted_holding(struct muster_client *c, const char *id, struct holding *out, int64_t now, struct muster_err *err);
/** Verify a confirmation just received and, only then, keep it and let the key go. Locked. Results as confirmation_read(), MUSTER_E_MISMATCH also for
 * another machine's or another product's. */
int counted_take(struct muster_client *c, const char *id, struct muster_span token, struct confirmation *out, int64_t now, struct muster_err *err);

#define COUNTED_TERM 96
/** How long it holds, in words: "for good", or the coverage of its key. */
void counted_term(char out[COUNTED_TERM], const struct confirmation *k);
/** What the record of @p id says after counted_take(). */
void counted_note(struct state_record *rec, const char *id, const struct confirmation *k, int64_t now);

/** Ask the issuer's service that is named with the key. @p request_id names the question and its repeats. MUSTER_E_NETWORK: no answer that can be one. */
int counted_ask_issuer(struct muster_client *c, const struct state_key *k, const uint8_t request_id[16], struct answer *out, struct muster_err *err);

/** What the machine reports: found by itself, and as it was told. New reference. */
int facts_load(struct muster_client *c, json_t **out, struct muster_err *err);

#endif
