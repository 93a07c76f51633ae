/** Names and numbers by which entries of the estate are meant, and the IDs that follow from them. For core/estate only. */
#ifndef ESTATE_NAMES_H
#define ESTATE_NAMES_H

#include "core/base/buf.h"
#include "core/estate/estate.h"
#include "core/estate/names_fold.h"

/** The ID of a name; @p apart: another entry has the short one, so with six digits of its hash. */
void name_id(char out[ESTATE_ID_MAX + 1], const char *kind, const char *text, bool apart);

#endif
