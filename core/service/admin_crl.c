/* Revocation lists and announcements of roots for administrators. */
#include "core/service/admin.h"

#include <string.h>

#include "core/base/bytes.h"

int admin_crls(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return activation_crls(c->service->activation, out, err);
}

int admin_crl_install(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *pem;
	int r;

	if ((r = admin_text(c, "crl", CRL_MAX, true, &pem, err)) != MUSTER_OK)
		return r;
	return activation_crl_install(c->service->activation, c->peer.actor, span_str(pem), out, err);
}

int admin_host_roots(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *token;
	int r;

	if ((r = admin_text(c, "roots", STATEMENT_ROOTS_MAX + 1, true, &token, err)) != MUSTER_OK)
		return r;
	return activation_roots_install(c->service->activation, c->peer.actor, span_str(token), out, err);
}
