/** The rules of a pack's payload: shared by pack.c and pack_make.c only. */
#ifndef TRUST_PACK_PRIVATE_H
#define TRUST_PACK_PRIVATE_H

#include "core/trust/pack.h"

#define PACK_GENERATION_MAX 63   /* six bits in an Installation ID */

/** Everything but iss, aud, iat, nbf; p->iat is set already. What was read is in @p p also on failure. */
int pack_read_body(struct pack *p, const json_t *j, struct muster_err *err);

#endif
