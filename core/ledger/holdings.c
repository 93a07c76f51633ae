/* Holdings of the state, read on a handle of their own: requests read them and wait for no administrator's list. Rows are handed on without the lock. */
#include "core/ledger/internal.h"

#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"

void holding_close(struct ledger *l)
{
	if (l->holding_state != NULL)
		l->holding_state->ops->close(l->holding_state);
	l->holding_state = NULL;
}

/* Takes the lock, whatever it returns. */
static int begin(struct ledger *l, struct muster_err *err)
{
	pthread_mutex_lock(&l->holding_lock);
	return l->holding_state != NULL ? MUSTER_OK : l->store->open_state(l->store, false, &l->holding_state, err);
}

/* After a fault a handle is of no use; the next question opens another. */
static int end(struct ledger *l, int r)
{
	if (r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN)
		holding_close(l);
	pthread_mutex_unlock(&l->holding_lock);
	return r;
}

int ledger_holding(struct ledger *l, uint32_t product, uint32_t class_, struct muster_span holder, struct store_holding *out, struct muster_err *err)
{
	int r = begin(l, err);

	memset(out, 0, sizeof *out);
	if (r == MUSTER_OK)
		r = l->holding_state->ops->holding(l->holding_state, product, class_, holder, out, err);
	return end(l, r);
}

struct kept { void *rows; size_t n, room, size; bool failed; };

static int keep(struct kept *w, const void *row)
{
	if (w->n == w->room) {
		size_t room = w->room == 0 ? 16 : w->room * 2;
		void *more = mem_grow(w->rows, room, w->size);

		w->failed = more == NULL;
		if (w->failed)
			return 1;
		w->rows = more;
		w->room = room;
	}
	memcpy((char *)w->rows + w->n++ * w->size, row, w->size);
	return 0;
}

static int keep_holding(void *ctx, const struct store_holding *h) { return keep(ctx, h); }
static int keep_sum(void *ctx, const struct store_holding_sum *s) { return keep(ctx, s); }

static int hand_on(struct kept *w, int r, int (*fn)(void *, const struct store_holding *), void *ctx, struct muster_err *err)
{
	const struct store_holding *rows = w->rows;

	if (r == MUSTER_OK && w->failed)
		r = err_nomem(err);
	for (size_t i = 0; r == MUSTER_OK && i < w->n && fn(ctx, &rows[i]) == 0; i++)
		;
	mem_free(w->rows);
	return r;
}

int ledger_holdings(struct ledger *l, uint32_t product, uint32_t after_class, struct muster_span after, size_t limit,
                    int (*fn)(void *, const struct store_holding *), void *ctx, struct muster_err *err)
{
	struct kept w = { .size = sizeof(struct store_holding) };
	int r = begin(l, err);

	if (r == MUSTER_OK)
		r = l->holding_state->ops->holdings(l->holding_state, product, after_class, after, limit, keep_holding, &w, err);
	return hand_on(&w, end(l, r), fn, ctx, err);
}

int ledger_holdings_due(struct ledger *l, int64_t until, size_t limit, int (*fn)(void *, const struct store_holding *), void *ctx, struct muster_err *err)
{
	struct kept w = { .size = sizeof(struct store_holding) };
	int r = begin(l, err);

	if (r == MUSTER_OK)
		r = l->holding_state->ops->holdings_due(l->holding_state, until, limit, keep_holding, &w, err);
	return hand_on(&w, end(l, r), fn, ctx, err);
}

int ledger_holding_sums(struct ledger *l, int (*fn)(void *, const struct store_holding_sum *), void *ctx, struct muster_err *err)
{
	struct kept w = { .size = sizeof(struct store_holding_sum) };
	const struct store_holding_sum *rows;
	int r = begin(l, err);

	if (r == MUSTER_OK)
		r = l->holding_state->ops->holding_sums(l->holding_state, keep_sum, &w, err);
	if ((r = end(l, r)) == MUSTER_OK && w.failed)
		r = err_nomem(err);
	rows = w.rows;
	for (size_t i = 0; r == MUSTER_OK && i < w.n && fn(ctx, &rows[i]) == 0; i++)
		;
	mem_free(w.rows);
	return r;
}

uint32_t ledger_product_number(struct ledger *l, const struct catalog *catalog, const struct catalog_product *product)
{
	const struct binding *b;
	uint32_t number = 0;

	pthread_mutex_lock(&l->lock);
	b = binding_find(l, catalog);
	if (b != NULL && product->index < b->product_count)
		number = b->product[product->index].slot->row.product;
	pthread_mutex_unlock(&l->lock);
	return number;
}
