/* This host and its issuer online, and machines with counted keys (docs/admin-api.md). */
#include "core/service/admin.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/trust/digits.h"

#define LIMIT_DEFAULT 100
#define DIGITS_TEXT_MAX 512

int admin_activate(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct catalog_product *p;
	int r;

	if ((r = admin_product(c, &p, err)) != MUSTER_OK)
		return r;
	return activation_online(c->service->activation, c->peer.actor, p, out, err);
}

int admin_counted(struct admin_call *c, json_t **out, struct muster_err *err)
{
	int64_t limit;
	int r;

	if ((r = admin_query_number(c, "limit", 1, STORE_PAGE_MAX, LIMIT_DEFAULT, &limit, err)) != MUSTER_OK)
		return r;
	return activation_counted(c->service->activation, admin_query(c, "after"), (size_t)limit, out, err);
}

int admin_counted_ask(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return activation_counted_ask(c->service->activation, c->peer.actor, out, err);
}

int admin_counted_export(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return activation_counted_export(c->service->activation, c->peer.actor, out, err);
}

int admin_counted_import(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *answer;
	int r;

	if ((r = admin_text(c, "answer", ADMIN_BATCH_MAX, true, &answer, err)) != MUSTER_OK)
		return r;
	return activation_counted_import(c->service->activation, c->peer.actor, (struct muster_span){ (const uint8_t *)answer, strlen(answer) }, out, err);
}

int admin_counted_telephone(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *installation, *confirmation;
	int r;

	if ((r = admin_text(c, "installation_id", DIGITS_TEXT_MAX, true, &installation, err)) != MUSTER_OK ||
	    (r = admin_text(c, "confirmation_id", DIGITS_TEXT_MAX, false, &confirmation, err)) != MUSTER_OK)
		return r;
	if ((r = activation_counted_telephone(c->service->activation, c->peer.actor, installation, confirmation, out, err)) != MUSTER_OK && confirmation != NULL)
		admin_name_group(c, confirmation);
	return r;
}
