/** An issuer from before the books: its certificates.log, one JSON object a line, goes into the books once and is then called certificates.log.migrated. */
#ifndef ISSUER_MIGRATE_H
#define ISSUER_MIGRATE_H

#include "core/issuer/authority.h"
#include "core/store/issuer_books.h"

/** Nothing to do is MUSTER_OK. A crash in between is no harm: what is in the books is not taken again. MUSTER_E_INVALID names the line. */
int migrate_certificates(const struct authority *a, struct books *b, const struct books_act *act, struct muster_err *err);

#endif
