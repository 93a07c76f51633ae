/* The issuer's revocation list as a client keeps it: of the highest number seen, from any host (trust.md section 1). */
#include "core/client/client_private.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"

#define FETCH_AFTER (24 * 3600)   /* s: a list younger than this is not asked for again */

const struct crl *client_crl(struct muster_client *c)
{
	struct crl *read = NULL;
	struct buf pem;

	buf_init(&pem, CRL_MAX);
	if (state_crl_load(&c->state, &pem, NULL) != MUSTER_OK) {
		crl_unref(c->crl);
		c->crl = NULL;
	} else if (c->crl == NULL || strcmp(crl_pem(c->crl), buf_str(&pem)) != 0) {
		/* Another process may have kept a newer one. A damaged file counts as none: the next host gives the list again. */
		if (crl_read(&read, span_of(pem.p, pem.n), c->anchors, client_now(c), NULL) == MUSTER_OK) {
			crl_unref(c->crl);
			c->crl = read;
		}
	}
	buf_fini(&pem);
	return c->crl;
}

/* Locked. Whatever is wrong with it, the machine goes on with what it has. */
static void keep(struct muster_client *c, struct muster_span pem, int64_t now)
{
	const struct crl *held = client_crl(c);
	struct crl *got;

	if (crl_read(&got, pem, c->anchors, now, NULL) != MUSTER_OK)
		return;
	if (held == NULL || crl_number(got) > crl_number(held))
		(void)state_crl_save(&c->state, span_str(crl_pem(got)), NULL);
	crl_unref(got);
}

void client_crl_fetch(struct muster_client *c, const char *host, int64_t now)
{
	const struct crl *held = client_crl(c);
	char issuer[UUID_TEXT], path[80];
	struct muster_err err;
	struct http_answer a;

	if (held != NULL && now - crl_made(held) < FETCH_AFTER)
		return;
	uuid_format(issuer, trust_anchors_issuer_id(c->anchors));
	(void)snprintf(path, sizeof path, "/v1/crl?issuer=%s", issuer);
	http_answer_init(&a);
	if (client_http(c, &a, host, path, span_of(NULL, 0), CRL_MAX, &err) == MUSTER_OK && a.status == 200)
		keep(c, span_of(a.body.p, a.body.n), now);
	http_answer_fini(&a);
}

int client_permits(struct muster_client *c, const struct trust_chain *chain, int64_t iat, struct muster_err *err)
{
	return crl_permits(client_crl(c), trust_chain_signer(chain), iat, "the host that signed the lease", err);
}
