/** Inside of confirming: confirm.c, confirm_certificate.c, confirm_counted.c. */
#ifndef ISSUER_CONFIRM_PRIVATE_H
#define ISSUER_CONFIRM_PRIVATE_H

#include "core/issuer/confirm.h"
#include "core/trust/slot.h"

#define SLOT_SECRET_SIZE SLOT_SECRET

/** PRK_key of a key of the books. Secret. */
int confirm_prk(uint8_t prk[PRODUCT_KEY_PRK], const struct confirmer *c, const struct books_key *k, struct muster_err *err);
/** The key that @p id names and that made it: wrong tags are counted. */
int confirm_find_key(struct confirmer *c, const struct installation_id *id, bool override, struct books_key *key, uint8_t prk[PRODUCT_KEY_PRK], const struct books_act *act,
                     struct muster_err *err);
void confirm_order(struct books_order *o, const struct installation_id *id, enum books_method method);
/** The statement of a counted activation. */
int confirm_state(struct buf *out, const struct confirmer *c, const struct books_key *k, const uint8_t binding[BINDING_SIZE], const uint8_t id[16], int64_t now,
                  struct muster_err *err);
/** Certify a host's own key for the key's products; nothing is recorded. @param[out] out out->chain is owned by the caller. */
int confirm_certificate(struct books_certificate *out, struct confirmer *c, const struct books_key *k, struct muster_span request, const char *name,
                        const uint8_t binding[BINDING_SIZE], int64_t now, struct muster_err *err);
/** As the books write it. */
int confirm_serial(char out[41], const X509 *x, struct muster_err *err);

#endif
