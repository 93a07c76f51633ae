/* How secrets and the record of acts lie at rest (docs/admin-api.md). */
#include "core/service/admin.h"

int admin_rekey(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return activation_rekey(c->service->activation, c->peer.actor, out, err);
}

int admin_audit_verify(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *expect;
	int r;

	if ((r = admin_text(c, "expect", 100, false, &expect, err)) != MUSTER_OK)
		return r;
	return activation_audit_verify(c->service->activation, expect, out, err);
}

int admin_audit_head(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return activation_audit_head(c->service->activation, out, err);
}
