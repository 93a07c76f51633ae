/** Inside of what this host asks its issuer for itself: online.c (activation), renewal.c (certificates that follow, revocation lists). */
#ifndef ACTIVATION_ONLINE_H
#define ACTIVATION_ONLINE_H

#include "core/activation/internal.h"
#include "core/activation/issuer_client.h"

/** A certificate request as it was sent, kept until it is answered: the same bytes again spend nothing. id: number ‖ purpose(1); data: JSON. */
#define ACTIVATION_R_REQUEST "request"
enum online_purpose { ONLINE_ACTIVATE = 0, ONLINE_RENEW = 1 };

/** Where an issuer's service is, and what it is trusted by. */
struct online_place { struct issuer_place place; char *url, *web_proxy; struct trust_view *view; };
/** @return MUSTER_OK; MUSTER_E_NOT_FOUND (CODE_M_ISSUER_ADDRESS): the configuration has no address or no such issuer. */
int online_place(struct online_place *out, struct activation *a, const char *issuer, struct muster_err *err);
void online_place_fini(struct online_place *p);

/**
 * The request to send for this key: what is stored, when it was made for @p context (an Installation ID, a certificate), else a new one, which is stored first.
 * Acts held. @param[out] pem appended.
 */
int online_request(struct buf *pem, struct activation *a, uint32_t number, enum online_purpose purpose, const char *context, struct muster_err *err);
void online_request_done(struct act *t, uint32_t number, enum online_purpose purpose);
/** A newer pack and a revocation list that came with an answer. What cannot be taken is said and left. Acts held. */
void online_extras(struct activation *a, const char *actor, const json_t *answer);

/** Jobs. */
int64_t renewal_run(struct activation *a);
int64_t crl_fetch_run(struct activation *a);

#endif
