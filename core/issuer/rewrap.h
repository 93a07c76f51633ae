/**
 * Another passphrase for every key of the issuer's folder, all or none: the new files are written beside the old ones, then a mark says that they
 * are complete, then they take their names. A crash before the mark changes nothing; after it the next command finishes.
 */
#ifndef ISSUER_REWRAP_H
#define ISSUER_REWRAP_H

#include "core/issuer/authority.h"

/** NULL: no encryption. @param[out] files how many changed. MUSTER_E_DENIED: @p passphrase is wrong. */
int rewrap_keys(const struct authority *a, const char *passphrase, const char *new_passphrase, unsigned *files, struct muster_err *err);
/** Finish what a crash interrupted. */
int rewrap_finish(const struct authority *a, struct muster_err *err);

#endif
