/* Holdings in the memory store. What is given out is copied under the lock, only the rows that are wanted: tables grow to a thousand devices over a simulated year. */
#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/store/memory_fold.h"
#include "core/store/rules.h"

static int compare(const void *a, const void *b)
{
	return rules_compare_holding(a, b);
}

void memory_holdings_init(struct table *t)
{
	table_init(t, sizeof(struct store_holding), compare);
}

int memory_stage_holding(struct table *holdings, const struct store_change *c, struct muster_err *err)
{
	struct store_holding *row;
	size_t at;
	bool is_new;
	int r;

	if (holdings == NULL)
		return err_nomem(err);
	if ((r = rules_check_holding(c->holding, err)) != MUSTER_OK)
		return r;
	if (c->kind == STORE_HOLDING_DELETE) {
		if (table_find(holdings, c->holding, &at) != NULL)
			table_remove(holdings, at, 1);
		return MUSTER_OK;
	}
	if ((row = table_put(holdings, c->holding, &is_new)) == NULL)
		return err_nomem(err);
	*row = *c->holding;
	if (!row->has_hw)
		memset(row->hw, 0, sizeof row->hw);   /* as a file gives it back */
	return MUSTER_OK;
}

int memory_holding(const struct table *holdings, uint32_t product, uint32_t class_, struct muster_span holder, struct store_holding *out, struct muster_err *err)
{
	const struct store_holding *row;
	struct store_holding key;
	int r = rules_holding_key(&key, product, class_, holder, err);

	if (r != MUSTER_OK)
		return r;
	if ((row = table_find(holdings, &key, NULL)) == NULL)
		return rules_no_holding(err);
	*out = *row;
	return MUSTER_OK;
}

int memory_holdings(const struct table *holdings, uint32_t product, uint32_t after_class, struct muster_span after, size_t limit, struct table *out,
                    struct muster_err *err)
{
	struct store_holding key = { .product = product, .class_ = after_class };
	size_t at;

	table_init(out, sizeof(struct store_holding), NULL);
	key.holder_n = (uint8_t)(after.n < sizeof key.holder ? after.n : sizeof key.holder);
	if (key.holder_n > 0)
		memcpy(key.holder, after.p, key.holder_n);
	if (table_find(holdings, &key, &at) != NULL)
		at++;
	for (; at < holdings->n && out->n < limit && out->n < STORE_PAGE_MAX; at++) {
		const struct store_holding *row = table_at(holdings, at);

		if (row->product != product)
			break;
		if (table_add(out, row) == NULL)
			return err_nomem(err);
	}
	return MUSTER_OK;
}

/* Soonest first; among equals by key, as the index of the file has it. */
static int compare_due(const void *a, const void *b)
{
	const struct store_holding *x = a, *y = b;

	return x->until != y->until ? (x->until > y->until) - (x->until < y->until) : rules_compare_holding(x, y);
}

int memory_holdings_due(const struct table *holdings, int64_t until, size_t limit, struct table *out, struct muster_err *err)
{
	table_init(out, sizeof(struct store_holding), compare_due);
	if (limit > STORE_PAGE_MAX)
		limit = STORE_PAGE_MAX;
	for (size_t i = 0; limit > 0 && i < holdings->n; i++) {
		const struct store_holding *row = table_at(holdings, i);
		bool is_new;

		if (row->until == INT64_MAX || row->until > until || (out->n == limit && compare_due(row, table_at(out, limit - 1)) > 0))
			continue;
		if (table_put(out, row, &is_new) == NULL)
			return err_nomem(err);
		if (out->n > limit)
			table_remove(out, limit, 1);
	}
	return MUSTER_OK;
}

static int compare_sum(const void *a, const void *b)
{
	const struct store_holding_sum *x = a, *y = b;

	if (x->product != y->product)
		return x->product > y->product ? 1 : -1;
	return x->class_ != y->class_ ? (x->class_ > y->class_ ? 1 : -1) : (x->state > y->state) - (x->state < y->state);
}

int memory_holding_sums(const struct table *holdings, struct table *out, struct muster_err *err)
{
	table_init(out, sizeof(struct store_holding_sum), compare_sum);
	for (size_t i = 0; i < holdings->n; i++) {
		const struct store_holding *row = table_at(holdings, i);
		const struct store_holding_sum key = { .product = row->product, .class_ = row->class_, .state = row->state };
		struct store_holding_sum *sum;
		bool is_new;

		if ((sum = table_put(out, &key, &is_new)) == NULL)
			return err_nomem(err);
		sum->n++;
	}
	return MUSTER_OK;
}
