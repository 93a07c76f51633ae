/* What entitles this host: packs, keys, its own activation by digits or by file (docs/admin-api.md). */
#include "core/service/admin.h"

#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/trust/digits.h"

#define KEY_TEXT_MAX 256      /* as people type it, blanks and all */
#define DIGITS_TEXT_MAX 512

int admin_product(struct admin_call *c, const struct catalog_product **out, struct muster_err *err)
{
	const struct catalog_edition *e;
	const char *text;
	uint8_t id[16];
	int r;

	*out = NULL;
	if ((r = admin_text(c, "activation_id", 64, false, &text, err)) != MUSTER_OK || text == NULL || (r = admin_uuid("activation_id", text, id, err)) != MUSTER_OK)
		return r;
	if ((e = catalog_find(c->snapshot->catalog, id)) == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "Activation ID (%s) not found.", text);
	*out = e->product;
	return MUSTER_OK;
}

static int flag(struct admin_call *c, const char *name, bool *out, struct muster_err *err)
{
	const json_t *v = json_object_get(c->body, name);

	*out = json_is_true(v);
	return v == NULL || json_is_boolean(v) ? MUSTER_OK : err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s must be true or false", name);
}

static int number(struct admin_call *c, bool required, json_int_t *out, struct muster_err *err)
{
	const json_t *v = json_object_get(c->body, "number");

	*out = -1;
	if (v == NULL && !required)
		return MUSTER_OK;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > (json_int_t)PRODUCT_KEY_NUMBER_MAX)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "number must be a product key's number, 0 to %u", PRODUCT_KEY_NUMBER_MAX);
	*out = json_integer_value(v);
	return MUSTER_OK;
}

/* ---- packs ---- */

int admin_packs(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return activation_packs(c->service->activation, out, err);
}

int admin_pack_install(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *token;
	int r;

	if ((r = admin_text(c, "pack", TRUST_PACK_MAX + 2, true, &token, err)) != MUSTER_OK)
		return r;
	return activation_pack_install(c->service->activation, c->peer.actor, (struct muster_span){ (const uint8_t *)token, strlen(token) }, out, err);
}

/* ---- keys ---- */

int admin_keys(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return activation_keys(c->service->activation, out, err);
}

int admin_key_install(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *key;
	bool replace;
	int r;

	if ((r = admin_text(c, "key", KEY_TEXT_MAX, true, &key, err)) != MUSTER_OK || (r = flag(c, "replace", &replace, err)) != MUSTER_OK)
		return r;
	r = activation_key_install(c->service->activation, c->peer.actor, key, strlen(key), replace, out, err);
	OPENSSL_cleanse((char *)(uintptr_t)key, strlen(key));
	return r;
}

int admin_key_remove(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct catalog_product *p;
	char text[24];
	json_int_t n;
	int r;

	if ((r = admin_product(c, &p, err)) != MUSTER_OK || (r = number(c, false, &n, err)) != MUSTER_OK)
		return r;
	(void)snprintf(text, sizeof text, "%lld", (long long)n);
	return activation_key_remove(c->service->activation, c->peer.actor, p != NULL ? p->row.activation_id : NULL, n >= 0 ? text : NULL, out, err);
}

int admin_key_whole(struct admin_call *c, json_t **out, struct muster_err *err)
{
	json_int_t n;
	int r;

	if ((r = number(c, true, &n, err)) != MUSTER_OK)
		return r;
	return activation_key_whole(c->service->activation, c->peer.actor, (uint32_t)n, out, err);
}

/* ---- a licence server, by programme and number ---- */

int admin_access_activate(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *name, *programme, *typed;
	const struct catalog_product *p;
	bool replace;
	int r;

	if ((r = admin_text(c, "product", 64, true, &name, err)) != MUSTER_OK || (r = admin_text(c, "programme", 128, true, &programme, err)) != MUSTER_OK ||
	    (r = admin_text(c, "number", KEY_TEXT_MAX, true, &typed, err)) != MUSTER_OK || (r = flag(c, "replace", &replace, err)) != MUSTER_OK)
		return r;
	if ((p = catalog_product_named(c->snapshot->catalog, name)) == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "no product is called %s; musterctl products lists them", name);
	r = activation_agreement(c->service->activation, c->peer.actor, p, programme, typed, replace, out, err);
	OPENSSL_cleanse((char *)(uintptr_t)typed, strlen(typed));
	return r;
}

/* ---- by digits ---- */

int admin_installation_id(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct catalog_product *p;
	bool fresh;
	int r;

	if ((r = admin_product(c, &p, err)) != MUSTER_OK || (r = flag(c, "new", &fresh, err)) != MUSTER_OK)
		return r;
	return activation_installation_id(c->service->activation, c->peer.actor, p, fresh, out, err);
}

void admin_name_group(struct admin_call *c, const char *digits)
{
	struct confirmation_id id;
	struct digits_fault fault;

	if (confirmation_id_parse(&id, digits, strlen(digits), &fault, NULL) == MUSTER_OK)
		return;
	if (fault.wrong == DIGITS_SWAPPED)
		(void)snprintf(c->field, sizeof c->field, "groups %u and %u", fault.group, fault.other);
	else if (fault.group != 0)
		(void)snprintf(c->field, sizeof c->field, "group %u", fault.group);
}

int admin_confirmation_id(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct catalog_product *p;
	const char *digits;
	int r;

	if ((r = admin_product(c, &p, err)) != MUSTER_OK || (r = admin_text(c, "confirmation_id", DIGITS_TEXT_MAX, true, &digits, err)) != MUSTER_OK)
		return r;
	if ((r = activation_confirmation_id(c->service->activation, c->peer.actor, p, digits, out, err)) != MUSTER_OK)
		admin_name_group(c, digits);
	return r;
}
