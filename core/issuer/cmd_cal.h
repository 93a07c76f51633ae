/** What cmd_cal.c shares with cmd_key.c and cmd_pack.c. */
#ifndef ISSUER_CMD_CAL_H
#define ISSUER_CMD_CAL_H

#include "core/issuer/output.h"
#include "core/issuer/pack_make.h"

/** A new key of @p k's kind into the books, its number drawn; *k as it is there. (cmd_key.c) */
int key_mint(struct session *s, struct books_key *k, struct product_key *key, struct muster_err *err);
/** A pack that is in the books to --out or standard output. (cmd_pack.c) */
int pack_give(struct session *s, struct output_file *out, const struct pack_made *m, struct muster_err *err);

#endif
