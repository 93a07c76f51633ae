/** The issuer's revocation list: made from the books, signed by the newest intermediate, kept as DIR/crl.pem (ANSWER_CRL_FILE), where the service finds it. */
#ifndef ISSUER_REVOCATION_H
#define ISSUER_REVOCATION_H

#include "core/issuer/session.h"

#define REVOCATION_LIFE_S (90 * TRUST_DAY_S)   /**< until nextUpdate */

/** Make the next list: its number is taken, also above that of the kept one (the books may be a restored backup), the PEM is appended and kept. Asks for the
 * intermediate's key. */
int revocation_make(struct buf *pem, struct session *s, struct muster_err *err);

#endif
