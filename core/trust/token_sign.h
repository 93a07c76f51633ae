/** Signing a lease's payload: shared by token.c and lease.c only. */
#ifndef TRUST_TOKEN_SIGN_H
#define TRUST_TOKEN_SIGN_H

#include "core/trust/token.h"

/** As trust_token_sign() for TRUST_TYP_LEASE, with the header made beforehand. */
int trust_lease_sign_payload(struct buf *out, const struct trust_signer *s, struct muster_span payload, struct muster_err *err);

#endif
