/**
 * The issuer's activation service, asked over HTTPS: TLS 1.3, trusted through the pinned roots alone (trust.md section 1).
 *
 * The server's certificate must lead to one of the issuer's pinned roots, be made for servers (extended key usage serverAuth, said expressly) and
 * name the address. The system's own store, the environment's proxies and redirections play no part. Sizes and times are bounded. Blocking.
 */
#ifndef ACTIVATION_ISSUER_CLIENT_H
#define ACTIVATION_ISSUER_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include "core/base/clock.h"
#include "core/trust/certs.h"

#define ISSUER_ANSWER_MAX (8u << 20)   /**< bytes of an answer: a pack may come with it */
#define ISSUER_TIMEOUT_MS 30000

/** Where and how. All borrowed for the call. */
struct issuer_place {
	const char *url;                       /**< https://NAME[:PORT][/PATH] */
	const char *web_proxy;                 /**< "" none */
	const struct trust_anchors *anchors;
	const struct clock *clock;
	bool (*stop)(const void *ctx);         /**< looked at a few times a second; true: give up. NULL: never */
	const void *ctx;
};

/**
 * POST @p body (JSON, borrowed) to @p path, or GET it with body NULL.
 *
 * @param[out] answer JSON of a 200; new reference. NULL on failure.
 * @return MUSTER_OK; MUSTER_E_REFUSED: a problem document, whose code and detail are in @p err; MUSTER_E_NETWORK (CODE_M_ISSUER_AWAY): not reached, not trusted, not
 * understood – whether the request arrived is not known; MUSTER_E_BUSY: stopped; MUSTER_E_NOMEM.
 */
int issuer_ask(json_t **answer, const struct issuer_place *place, const char *path, const json_t *body, struct muster_err *err);
/** The same for what is no JSON (a revocation list): the body's bytes, at most @p max. */
int issuer_fetch(struct buf *out, const struct issuer_place *place, const char *path, size_t max, struct muster_err *err);

#endif
