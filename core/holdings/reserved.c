/*
 * Reservations: who holds something of a product that is reserved for them. A row remembers in `number` which reservation its holder had when it was granted
 * (its address is known only then); the holder's ID and name say it otherwise. How many use each is in memory, read from the rows when it is asked for first.
 */
#include "core/holdings/internal.h"

#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"

/* A reservation by its name: 32 bits, never 0. Two of a product that share it would share what is unused; of so few names none do. */
static uint32_t id_of(const char *name)
{
	uint32_t x = 2166136261U;

	for (; *name != '\0'; name++)
		x = (x ^ (uint8_t)*name) * 16777619U;
	return x != 0 ? x : 1;
}

uint32_t reserved_asking(const struct holdings_request *r)
{
	const struct catalog_product *p = r->product;

	for (size_t i = 0; i < p->reservation_count; i++)
		if (catalog_claimed(p->reservations[i].claims, p->reservations[i].claim_count, r->client, r->name, r->addr, r->addr_len))
			return id_of(p->reservations[i].name);
	return 0;
}

/* Which one a row uses; 0: none. */
static uint32_t used_by(const struct catalog_product *p, const struct store_holding *row)
{
	switch (row->state) {
	case HOLDINGS_PERMANENT: case HOLDINGS_ASSIGNED: case HOLDINGS_KEPT: case HOLDINGS_OUT: case HOLDINGS_ENDING: break;
	default: return 0;
	}
	for (size_t i = 0; i < p->reservation_count && row->number != 0; i++)
		if (id_of(p->reservations[i].name) == row->number)
			return row->number;
	for (size_t i = 0; i < p->reservation_count; i++)   /* claims are about machines: a user's row has the user's name */
		if (catalog_claimed(p->reservations[i].claims, p->reservations[i].claim_count, row->client, HOLDINGS_KIND(row->class_) == HOLDINGS_USER ? "" : row->name, NULL, 0))
			return id_of(p->reservations[i].name);
	return 0;
}

uint32_t reserved_used_by(struct holdings *h, const struct store_holding *row)
{
	const struct catalog_product *p;

	switch (HOLDINGS_KIND(row->class_)) {
	case HOLDINGS_DEVICE: case HOLDINGS_USER: case HOLDINGS_SEAT: break;
	default: return 0;
	}
	p = holdings_product(h, row->product);
	return p != NULL && p->reservation_count > 0 ? used_by(p, row) : 0;
}

bool reserved_add(struct holdings_reserved *r, uint32_t product, uint32_t kind, uint32_t id, int64_t n)
{
	struct holdings_use *grown;

	for (size_t i = 0; i < r->n; i++)
		if (r->of[i].product == product && r->of[i].kind == kind && r->of[i].id == id) {
			r->of[i].n += n;
			return true;
		}
	if ((grown = mem_grow(r->of, r->n + 1, sizeof *grown)) == NULL)
		return false;
	r->of = grown;
	r->of[r->n++] = (struct holdings_use){ product, kind, id, n };
	return true;
}

static int64_t use_of(const struct holdings_reserved *r, uint32_t product, uint32_t kind, uint32_t id)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->of[i].product == product && r->of[i].kind == kind && r->of[i].id == id)
			return r->of[i].n;
	return 0;
}

/* ---- from the rows ---- */

struct reading { const struct catalog_product *p; struct holdings_reserved use; uint32_t class_; uint8_t holder[STORE_HOLDER_MAX]; size_t holder_n, n; bool failed; };

static int read_one(void *ctx, const struct store_holding *row)
{
	struct reading *x = ctx;
	uint32_t kind = HOLDINGS_KIND(row->class_), id;

	x->n++;
	x->class_ = row->class_;
	x->holder_n = row->holder_n;
	memcpy(x->holder, row->holder, row->holder_n);
	if (kind != HOLDINGS_DEVICE && kind != HOLDINGS_USER && kind != HOLDINGS_SEAT)
		return 0;
	if ((id = used_by(x->p, row)) != 0 && !reserved_add(&x->use, row->product, kind, id, 1))
		x->failed = true;
	return x->failed;
}

static int load_product(struct holdings *h, const struct catalog_product *p, struct reading *x, struct muster_err *err)
{
	int r;

	x->p = p;
	x->class_ = 0;
	x->holder_n = 0;
	do {
		struct muster_span after = { x->holder, x->holder_n };
		uint8_t copy[STORE_HOLDER_MAX];

		memcpy(copy, x->holder, x->holder_n);
		after.p = copy;
		x->n = 0;
		r = ledger_holdings(h->o.ledger, holdings_number(h, p), x->class_, after, STORE_PAGE_MAX, read_one, x, err);
	} while (r == MUSTER_OK && !x->failed && x->n > 0);
	return r == MUSTER_OK && x->failed ? err_nomem(err) : r;
}

static int load(struct holdings *h, struct muster_err *err)
{
	const struct catalog_product *p;
	struct reading x = { .n = 0 };
	int r = MUSTER_OK;
	size_t n;

	p = catalog_products(h->catalog, &n);
	for (size_t i = 0; i < n && r == MUSTER_OK; i++)
		if (p[i].reservation_count > 0 && holdings_number(h, &p[i]) != 0)
			r = load_product(h, &p[i], &x, err);
	if (r != MUSTER_OK) {
		mem_free(x.use.of);
		return r;
	}
	mem_free(h->reserved.of);
	h->reserved = x.use;
	h->reserved.loaded = true;
	return MUSTER_OK;
}

/* ---- the question ---- */

uint64_t holdings_reserved_for_others(struct holdings_group *g, const struct catalog_product *p, uint32_t kind, const struct holdings_request *r)
{
	struct holdings *h = group_holdings(g);
	struct muster_err err = { 0 };
	uint64_t kept = 0;

	if (!h->reserved.loaded && load(h, &err) != MUSTER_OK) {
		/* As if nobody had used any: less is given out, not more. */
		holdings_say(h, 4, "holdings", "who uses reservations cannot be read: %s", err.message);
	}
	for (size_t i = 0; i < p->reservation_count; i++) {
		const struct catalog_reservation *x = &p->reservations[i];
		uint32_t number = holdings_number(h, p), id = id_of(x->name);
		int64_t used = h->reserved.loaded ? use_of(&h->reserved, number, kind, id) + use_of(group_reserved(g), number, kind, id) : 0;

		if (catalog_claimed(x->claims, x->claim_count, r->client, r->name != NULL ? r->name : "", r->addr, r->addr_len))
			continue;
		if (used < 0 || (uint64_t)used < x->count)
			kept += x->count - (used > 0 ? (uint64_t)used : 0);
	}
	return kept;
}
