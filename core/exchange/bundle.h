/** A .tar.gz of small texts, for support: one folder, the names in the order given, the same bytes for the same contents. */
#ifndef EXCHANGE_BUNDLE_H
#define EXCHANGE_BUNDLE_H

#include <stdbool.h>
#include <muster/types.h>

struct bundle;
/**
 * Make the file; it must not be there, and only its owner may read it.
 * @param at time of every file in it, seconds since 1970. @return MUSTER_OK; MUSTER_E_EXISTS; MUSTER_E_IO, MUSTER_E_NOMEM.
 */
int bundle_open(struct bundle **out, const char *path, int64_t at, struct muster_err *err);
/** @param name "folder/file"; no '/' at its beginning. */
int bundle_add(struct bundle *b, const char *name, struct muster_span text, struct muster_err *err);
/** End and free; NULL is fine. @param keep false: nothing is left behind. What fails leaves nothing behind either. */
int bundle_close(struct bundle *b, bool keep, struct muster_err *err);

#endif
