/**
 * How the host's secrets and its record of acts lie at rest (trust.md section 11): the key file, what is sealed under it, and the anchored head of
 * the record. For core/activation only.
 */
#ifndef ACTIVATION_REST_H
#define ACTIVATION_REST_H

#include "core/activation/internal.h"

/** Find, read or make the key file and fill a->seal. Called by activation_open(), before anything sealed is read. */
int rest_open(struct activation *a, struct muster_err *err);
void rest_free(struct activation *a);

#endif
