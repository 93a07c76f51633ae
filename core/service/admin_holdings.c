/* Access licences, seats, and what exceeds (docs/admin-api.md). */
#include "core/service/admin.h"
#include "core/service/api.h"

#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/holdings/holdings.h"

#define LIMIT_DEFAULT 100
#define HOLDER_TEXT_MAX 255
#define REASON_MAX 400

/** The product of a name; NULL with MUSTER_OK for no name. */
static int product_of(struct admin_call *c, const char *name, const struct catalog_product **out, struct muster_err *err)
{
	*out = name != NULL ? catalog_product_named(c->snapshot->catalog, name) : NULL;
	if (name == NULL || *out != NULL)
		return MUSTER_OK;
	return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no product \"%s\"; `musterctl products` lists them", name);
}

/** The body's `product`, which must be of one of these models. */
static int held_product(struct admin_call *c, const struct catalog_product **out, struct muster_err *err)
{
	const char *name;
	int r;

	if ((r = admin_text(c, "product", MUSTER_NAME_MAX, true, &name, err)) != MUSTER_OK || (r = product_of(c, name, out, err)) != MUSTER_OK)
		return r;
	MUSTER_ASSERT(*out != NULL);   /* the name was required */
	if (!holdings_serve(*out))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s is of the %s model: it has neither access licences nor seats", name, api_model_word((*out)->row.model));
	return MUSTER_OK;
}

/** A reason is what the record of acts is for: one line, not empty. */
static int reason_of(struct admin_call *c, const char **out, struct muster_err *err)
{
	int r = admin_text(c, "reason", REASON_MAX, true, out, err);

	if (r != MUSTER_OK)
		return r;
	if ((*out)[strspn(*out, " \t")] == '\0')
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "reason is empty; it stays in the journal, so that others know later");
	for (const char *p = *out; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "reason holds a control character; one line is meant");
	return MUSTER_OK;
}

int admin_holdings(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct catalog_product *p;
	int r;

	if ((r = product_of(c, admin_query(c, "product"), &p, err)) != MUSTER_OK)
		return r;
	if (p != NULL && !holdings_serve(p))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s is of the %s model: it has neither access licences nor seats", p->row.name, api_model_word(p->row.model));
	return holdings_report(c->service->holdings, p, out, err);
}

int admin_holders(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *name = admin_query(c, "product");
	const struct catalog_product *p;
	int64_t limit;
	int r;

	if ((r = admin_query_number(c, "limit", 1, STORE_PAGE_MAX, LIMIT_DEFAULT, &limit, err)) != MUSTER_OK)
		return r;
	if (name == NULL)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "product is missing");
	if ((r = product_of(c, name, &p, err)) != MUSTER_OK)
		return r;
	if (!holdings_serve(p))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s is of the %s model: it has neither access licences nor seats", p->row.name, api_model_word(p->row.model));
	return holdings_list(c->service->holdings, p, admin_query(c, "after"), (size_t)limit, out, err);
}

int admin_take_back(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct catalog_product *p;
	const char *holder, *version, *reason;
	int r;

	if ((r = held_product(c, &p, err)) != MUSTER_OK || (r = admin_text(c, "holder", HOLDER_TEXT_MAX, true, &holder, err)) != MUSTER_OK ||
	    (r = admin_text(c, "version", MUSTER_NAME_MAX, false, &version, err)) != MUSTER_OK || (r = reason_of(c, &reason, err)) != MUSTER_OK)
		return r;
	return holdings_take_back(c->service->holdings, c->peer.actor, p, holder, version, reason, out, err);
}

int admin_reassign(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct catalog_product *p;
	const char *from, *to, *reason;
	int r;

	if ((r = held_product(c, &p, err)) != MUSTER_OK || (r = admin_text(c, "from", HOLDER_TEXT_MAX, true, &from, err)) != MUSTER_OK ||
	    (r = admin_text(c, "to", HOLDER_TEXT_MAX, true, &to, err)) != MUSTER_OK || (r = reason_of(c, &reason, err)) != MUSTER_OK)
		return r;
	return holdings_reassign(c->service->holdings, c->peer.actor, p, from, to, reason, out, err);
}

int admin_entered(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct catalog_product *p;
	int r;

	if ((r = held_product(c, &p, err)) != MUSTER_OK)
		return r;
	return holdings_capacity_add(c->service->holdings, c->peer.actor, p, c->body, out, err);
}

int admin_entered_remove(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *id;
	int r;

	if ((r = admin_text(c, "id", 64, true, &id, err)) != MUSTER_OK)
		return r;
	return holdings_capacity_remove(c->service->holdings, c->peer.actor, id, out, err);
}

/* ---- debt ---- */

/** One thing that exceeds. @p available what there is, or is needed; @p used what is given out, or has reported in. */
static void add_debt(json_t *items, const struct catalog_product *p, const char *what, const json_t *version, const json_t *per, json_int_t available, json_int_t used, json_int_t debt)
{
	if (debt > 0)
		(void)json_array_append_new(items, json_pack("{s:s, s:o, s:s, s:s, s:s, s:O?, s:O?, s:I, s:I, s:I}", "product", p->row.name, "title", admin_json_text(p->row.title),
			"model", api_model_word(p->row.model), "policy", p->advise ? "advise" : "enforce", "what", what, "version", version, "per", per, "available", available, "used", used,
			"debt", debt));
}

/** Machines that are there and fewer than needed: under advise they have been granted what the rest would have to make good. */
static void threshold_debt(struct admin_call *c, const struct catalog_product *p, json_t *items)
{
	struct ledger_count count;

	if (!p->advise || p->pool == NULL || api_not_served(p) != NULL)
		return;
	ledger_pool_count(c->service->ledger, p->pool, &count);
	if (p->count_observed)
		count.current += count.observed;
	if (count.current > 0 && count.current < p->row.minimum_count)
		add_debt(items, p, "machines", NULL, NULL, (json_int_t)p->row.minimum_count, (json_int_t)count.current, (json_int_t)(p->row.minimum_count - count.current));
}

/* What was given out beyond the number is not in `issued`, unless the number sank. */
static json_int_t used_of(json_int_t bought, json_int_t issued, json_int_t over)
{
	return (issued < bought ? issued : bought) + over;
}

static json_int_t number_of(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static int held_debt(struct admin_call *c, const struct catalog_product *p, json_t *items, struct muster_err *err)
{
	json_t *report = NULL;
	const json_t *product, *version, *seats;
	size_t i, k;
	int r = holdings_report(c->service->holdings, p, &report, err);

	if (r != MUSTER_OK)
		return r;
	json_array_foreach(json_object_get(report, "products"), i, product) {
		json_array_foreach(json_object_get(product, "versions"), k, version)
			add_debt(items, p, "licenses", json_object_get(version, "version"), json_object_get(version, "per"), number_of(version, "bought"),
			         used_of(number_of(version, "bought"), number_of(version, "issued"), number_of(version, "over")), number_of(version, "over"));
		if ((seats = json_object_get(product, "seats")) != NULL)
			add_debt(items, p, "seats", NULL, NULL, number_of(seats, "bought"), used_of(number_of(seats, "bought"), number_of(seats, "issued"), number_of(seats, "over")),
			         number_of(seats, "over"));
	}
	json_decref(report);
	return MUSTER_OK;
}

int admin_debt(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct catalog_product *all, *one;
	json_t *items;
	size_t n;
	int r;

	if ((r = product_of(c, admin_query(c, "product"), &one, err)) != MUSTER_OK)
		return r;
	items = json_array();
	all = catalog_products(c->snapshot->catalog, &n);
	for (size_t i = 0; i < n && r == MUSTER_OK; i++) {
		if (one != NULL && one != &all[i])
			continue;
		if (all[i].row.model == MUSTER_MODEL_THRESHOLD)
			threshold_debt(c, &all[i], items);
		else if (all[i].row.model == MUSTER_MODEL_ACCESS || all[i].row.model == MUSTER_MODEL_SEATS)
			r = held_debt(c, &all[i], items, err);
	}
	if (r == MUSTER_OK)
		*out = json_pack("{s:O, s:n}", "items", items, "next");
	json_decref(items);
	return r;
}
