/* Who is new of a product: the limits on new client IDs hold for the three models, too (trust.md section 10). They are the ledger's. */
#include "core/holdings/internal.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

static int reserve(struct newcomers *all, struct muster_err *err)
{
	struct newcomer_place *grown;

	if (all->n < all->room)
		return MUSTER_OK;
	if ((grown = mem_grow(all->of, all->room + 32, sizeof *grown)) == NULL)
		return err_nomem(err);
	all->of = grown;
	all->room += 32;
	return MUSTER_OK;
}

static struct ledger_newcomer newcomer_of(const struct newcomer_place *p)
{
	struct ledger_newcomer n = { .product = p->product, .addr_len = p->addr_len };

	memcpy(n.holder, p->holder, sizeof n.holder);
	memcpy(n.addr, p->addr, sizeof n.addr);
	return n;
}

int group_newcomer(struct holdings_group *g, struct holdings_request *r, struct muster_span holder, bool *over, struct muster_err *err)
{
	struct newcomers *all = group_newcomers(g);
	struct holdings *h = group_holdings(g);
	struct newcomer_place p = { .of = r, .product = holdings_number(h, r->product), .addr_len = r->addr_len };
	struct ledger_newcomer n;
	int e;

	*over = false;
	MUSTER_ASSERT(holder.n >= sizeof p.holder);
	if (r->lease_known && holder.n == sizeof r->client && memcmp(holder.p, r->client, sizeof r->client) == 0)
		return MUSTER_OK;
	/* Before a place is taken: it must not be lost. */
	if ((e = reserve(all, err)) != MUSTER_OK)
		return e;
	memcpy(p.holder, holder.p, sizeof p.holder);
	memcpy(p.addr, r->addr, sizeof p.addr);
	n = newcomer_of(&p);
	n.loopback = r->loopback;
	n.who = r->product->row.model == MUSTER_MODEL_ACCESS ? "client IDs and users" : "client IDs";
	if (!ledger_newcomer(holdings_ledger(h), &n)) {
		*over = true;
		holdings_refuse(r, CODE_M_RATE_NEW, "%s", n.detail);
		r->retry_after = n.retry_after;
	} else if (n.charged) {
		all->of[all->n++] = p;
	}
	return MUSTER_OK;
}

void newcomers_end(struct holdings *h, struct newcomers *all, bool committed)
{
	for (size_t i = 0; i < all->n; i++) {
		struct ledger_newcomer n = newcomer_of(&all->of[i]);
		uint32_t code = all->of[i].of->code;

		if (committed && (code == CODE_OK || code == CODE_M_QUEUED))
			continue;
		n.charged = true;
		ledger_newcomer_return(holdings_ledger(h), &n);
	}
	mem_free(all->of);
	*all = (struct newcomers){ 0 };
}
