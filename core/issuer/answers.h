/** The answers that the service sends and the command line writes into files: the same JSON. */
#ifndef ISSUER_ANSWERS_H
#define ISSUER_ANSWERS_H

#include <jansson.h>
#include "core/issuer/confirm_private.h"
#include "core/issuer/service_body.h"

#define ANSWER_CRL_FILE "crl.pem"        /**< in the issuer's folder: the newest revocation list */
#define ANSWER_ROOTS_FILE "roots.jwt"    /**< the newest announcement of roots */
#define ANSWER_COUNTED_MAX (64u << 20)

/** A host's certificate with what goes with it: products, limits, a newer pack, packs of licences for this host, revocation list, contacts. @param[out] out new reference. */
int answer_grant_json(json_t **out, struct confirmer *c, const struct confirm_answer *a, int64_t now, struct muster_err *err);
/** The issuer's contacts as an array. The caller holds the books. */
int answer_contacts(json_t **out, struct books *b, struct muster_err *err);
/** A batch of counted keys: confirmed, or the stored answer of the same request; appended as JSON with a line feed. MUSTER_E_MISMATCH (M-160): its ID was used for another request.
 * @param[out] proven whether any of its IDs was made with a key of this issuer. If not, a stranger may have asked: nothing of it is kept. */
int answer_counted(struct buf *out, bool *proven, struct confirmer *c, const struct body_counted *ask, enum books_method method, const struct books_act *act,
                   struct muster_err *err);

#endif
