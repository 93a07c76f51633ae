/** The issuer's revocation list: made from the books, signed by the newest intermediate, kept as the setting "crl". */
#ifndef ISSUER_REVOCATION_H
#define ISSUER_REVOCATION_H

#include "core/issuer/session.h"

#define REVOCATION_SETTING "crl"
#define REVOCATION_LIFE_S (90 * TRUST_DAY_S)   /**< until nextUpdate */

/** Make the next list: its number is taken, the PEM is appended and kept. Asks for the intermediate's key. */
int revocation_make(struct buf *pem, struct session *s, struct muster_err *err);
/** The list that is kept, appended. MUSTER_E_NOT_FOUND: none was made yet. */
int revocation_kept(struct buf *pem, struct books *books, struct muster_err *err);

#endif
