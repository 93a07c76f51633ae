/* Keys: whether they can be used yet, those that this host itself has installed, and the whole of one for who may see it. */
#include "core/estate/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/codes.h"
#include "core/base/err.h"

#define INSTALLED "installed-"
#define ORDERED_MAX 10000                /* orders remembered of one list */

/* ---- installed on this host ---- */

/* As core/trust has kinds. */
static const char *kind_of(const char *symbol)
{
	static const char *const words[][2] = { { "A", "host" }, { "1", "mak" }, { "Z", "esu" }, { "E", "embedded" }, { "S", "setup" } };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (symbol != NULL && strcmp(symbol, words[i][0]) == 0)
			return words[i][1];
	return "other";
}

static json_t *installed_item(const json_t *held)
{
	const char *state = json_string_value(json_object_get(held, "state")), *product = json_string_value(json_object_get(held, "product"));
	json_int_t number = json_integer_value(json_object_get(held, "number"));
	bool revoked = state != NULL && strcmp(state, "revoked") == 0;
	json_t *item = json_pack("{s:o, s:s, s:O, s:b, s:b, s:{s:I, s:O}}", "id", json_sprintf(INSTALLED "%lld", (long long)number), "kind",
		kind_of(json_string_value(json_object_get(held, "kind"))), "partial", json_object_get(held, "partial"), "whole", true, "usable", !revoked,
		"installed", "number", number, "state", json_object_get(held, "state"));

	if (item == NULL)
		return NULL;
	if (json_array_size(json_object_get(held, "products")) > 0)
		(void)json_object_set(item, "products", json_object_get(held, "products"));
	else if (product != NULL)
		(void)json_object_set_new(item, "products", json_pack("[s]", product));
	if (json_is_integer(json_object_get(held, "allowed")))
		(void)json_object_set(item, "allowed", json_object_get(held, "allowed"));
	if (json_is_integer(json_object_get(held, "used")))
		(void)json_object_set(item, "used", json_object_get(held, "used"));
	if (revoked)
		(void)json_object_set_new(item, "why_not", json_string("its issuer revoked it"));
	return item;
}

int view_installed(struct estate *e, json_t **out, struct muster_err *err)
{
	json_t *held = NULL, *x, *item;
	size_t i;
	int r;

	if ((*out = json_array()) == NULL)
		return err_nomem(err);
	if (e->activation == NULL)
		return MUSTER_OK;
	if ((r = activation_keys(e->activation, &held, err)) != MUSTER_OK)
		goto done;
	json_array_foreach(json_object_get(held, "items"), i, x)
		if ((item = installed_item(x)) == NULL || json_array_append_new(*out, item) != 0)
			r = err_nomem(err);
done:
	json_decref(held);
	if (r != MUSTER_OK) {
		json_decref(*out);
		*out = NULL;
	}
	return r;
}

static int any(void *ctx, const char *id, const json_t *entry)
{
	const json_t *partial = json_object_get(entry, "partial");
	struct { const char *partial; bool found; } *x = ctx;

	(void)id;
	x->found = json_is_string(partial) && strcmp(json_string_value(partial), x->partial) == 0;
	return x->found;
}

int view_has_partial(struct estate *e, const char *partial, bool *has, struct muster_err *err)
{
	struct { const char *partial; bool found; } x = { partial, false };
	char needle[32];
	int r;

	(void)snprintf(needle, sizeof needle, "\"partial\":\"%s\"", partial);
	r = entry_scan(e, estate_kind_find("key"), NULL, needle, any, &x, err);
	*has = x.found;
	return r;
}

/* ---- whether it can be used ---- */

static int order_state(struct view *v, const char *id, char out[32], struct muster_err *err)
{
	const json_t *known = json_object_get(v->orders, id);
	json_t *order = NULL;
	const char *state;
	int r;

	if (known == NULL) {
		if ((r = entry_read(v->e, estate_kind_find("order"), id, &order, err)) != MUSTER_OK && r != MUSTER_E_NOT_FOUND)
			return r;
		state = json_string_value(json_object_get(order, "state"));
		(void)snprintf(out, 32, "%.31s", state != NULL ? state : "");
		json_decref(order);
		if (json_object_size(v->orders) < ORDERED_MAX)
			(void)json_object_set_new(v->orders, id, json_string(out));
		return MUSTER_OK;
	}
	(void)snprintf(out, 32, "%s", json_string_value(known));
	return MUSTER_OK;
}

/* An ordered key cannot be used before its order is fulfilled, one with a coverage not before that begins (facts.md section 5). */
int view_usable(struct view *v, json_t *item, struct muster_err *err)
{
	const char *order = json_string_value(json_object_get(item, "order")), *start = json_string_value(json_object_get(item, "coverage_start"));
	char state[32] = "", why[160] = "";
	int r;

	if (order != NULL && (r = order_state(v, order, state, err)) != MUSTER_OK)
		return r;
	if (strcmp(state, "submitted") == 0)
		(void)snprintf(why, sizeof why, "its order %s is submitted and not fulfilled yet", order);
	else if (strcmp(state, "cancelled") == 0)
		(void)snprintf(why, sizeof why, "its order %s was cancelled", order);
	else if (start != NULL && strcmp(start, v->today) > 0)
		(void)snprintf(why, sizeof why, "its coverage begins on %s", start);
	if (json_object_set_new(item, "usable", json_boolean(why[0] == '\0')) != 0 || (why[0] != '\0' && json_object_set_new(item, "why_not", json_string(why)) != 0))
		return err_nomem(err);
	return MUSTER_OK;
}

/* ---- the whole key ---- */

static bool installed_number(const char *id, uint32_t *number)
{
	char *end;
	unsigned long n;

	if (strncmp(id, INSTALLED, strlen(INSTALLED)) != 0 || id[strlen(INSTALLED)] < '0' || id[strlen(INSTALLED)] > '9')
		return false;
	n = strtoul(id + strlen(INSTALLED), &end, 10);
	*number = (uint32_t)n;
	return *end == '\0' && n <= UINT32_MAX;
}

bool view_is_installed(const char *id)
{
	uint32_t number;

	return installed_number(id, &number);
}

static int installed_whole(struct estate *e, const char *actor, const char *id, uint32_t number, json_t **out, struct muster_err *err)
{
	int r;

	if (e->activation == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no key \"%.80s\"", id);
	if ((r = activation_key_whole(e->activation, actor, number, out, err)) == MUSTER_OK && json_object_set_new(*out, "id", json_string(id)) != 0)
		r = err_nomem(err);
	return r;
}

int estate_key_whole(struct estate *e, const char *actor, const char *id, json_t **out, struct muster_err *err)
{
	const struct estate_kind *k = estate_kind_find("key");
	char found[ESTATE_ID_MAX + 1], detail[96];
	struct stage *s = NULL;
	json_t *entry = NULL;
	struct buf plain;
	uint32_t number;
	int r;

	*out = NULL;
	if (installed_number(id, &number))
		return installed_whole(e, actor, id, number, out, err);
	buf_init(&plain, 64);
	if ((r = stage_new(&s, e, actor, err)) != MUSTER_OK || (r = stage_find(s, k, id, found, err)) != MUSTER_OK || (r = entry_read(e, k, found, &entry, err)) != MUSTER_OK)
		goto done;
	if ((r = entry_secret(e, found, &plain, err)) != MUSTER_OK)
		goto done;
	/* Written down before it is shown. */
	(void)snprintf(detail, sizeof detail, "the whole key ...-%.5s", json_string_value(json_object_get(entry, "partial")) != NULL ? json_string_value(json_object_get(entry, "partial")) : "?");
	if ((r = ledger_journal_note(e->ledger, actor, ESTATE_J_KEY_SHOWN, found, detail, err)) != MUSTER_OK)
		goto done;
	*out = json_pack("{s:s, s:s%}", "id", found, "key", buf_str(&plain), plain.n);
	r = *out != NULL ? MUSTER_OK : err_nomem(err);
done:
	buf_cleanse(&plain);
	json_decref(entry);
	stage_free(s);
	return r;
}

int estate_exported(struct estate *e, const char *actor, const char *type, struct muster_err *err)
{
	if (strcmp(type, "keys") != 0 && strcmp(type, "books") != 0)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "type is keys or books: other exports hold no whole keys");
	return ledger_journal_note(e->ledger, actor, ESTATE_J_EXPORT, type, "with whole keys", err);
}
