/** Inside of confirming: confirm.c, confirm_counted.c, confirm_server.c. */
#ifndef ISSUER_CONFIRM_PRIVATE_H
#define ISSUER_CONFIRM_PRIVATE_H

#include "core/issuer/confirm.h"

/** Hold the books; @p r is what came of it: returned, and a handle that met an I/O error is replaced. */
void confirm_books_lock(struct confirmer *c);
int confirm_books_unlock(struct confirmer *c, int r);

/** PRK_key of a key of the books. Secret. */
int confirm_key_prk(uint8_t prk[PRODUCT_KEY_PRK], const struct confirmer *c, const struct books_key *k, struct muster_err *err);
/** Count a wrong tag; also a right one is refused once too many wrong ones came today. */
int confirm_judge_tag(struct confirmer *c, const struct books_key *key, bool right, bool override, const struct books_act *act, struct muster_err *err);
/** The key that @p id names and that made it: wrong tags are counted. */
int confirm_find_key(struct confirmer *c, const struct installation_id *id, bool override, struct books_key *key, uint8_t prk[PRODUCT_KEY_PRK], const struct books_act *act,
                     struct muster_err *err);
void confirm_order(struct books_order *o, const struct installation_id *id, enum books_method method);
/** The statement of a counted activation. */
int confirm_state(struct buf *out, struct confirmer *c, const struct books_key *k, const uint8_t binding[BINDING_SIZE], const uint8_t id[16], int64_t now,
                  struct muster_err *err);

#endif
