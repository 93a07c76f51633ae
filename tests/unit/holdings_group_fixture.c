/* Holdings whose rules are the fixture's own, see holdings_group_fixture.h. */
#include "tests/unit/holdings_group_fixture.h"

#include "core/base/bytes.h"

/* ---- the rules: access rows end, seats go at once; a request takes what it can ---- */

atomic_uint held_forgotten, held_given_back;
atomic_bool held_stay;

struct holdings_rules { int unused; };
struct holdings_rules *rules_new(void) { return calloc(1, sizeof(struct holdings_rules)); }
void rules_free(struct holdings_rules *m) { free(m); }
void rules_forget(struct holdings_rules *m) { ck_assert_ptr_nonnull(m); held_forgotten++; }

int access_due(struct holdings *h, struct holdings_group *g, const struct store_holding *row, struct muster_err *err)
{
	struct store_holding ended = *row;

	(void)h;
	if (atomic_load(&held_stay))
		return MUSTER_OK;
	held_given_back++;
	ended.state = HOLDINGS_ENDED;
	ended.until = INT64_MAX;
	return group_put(g, &ended, err);
}

int seats_due(struct holdings *h, struct holdings_group *g, const struct store_holding *row, struct muster_err *err)
{
	(void)h;
	held_given_back++;
	return group_delete(g, row->product, row->class_, span_of(row->holder, row->holder_n), err);
}

/* One of ten, or refused. */
static void take_one(struct holdings *h, struct holdings_group *g, struct holdings_request *r)
{
	struct store_holding row = { .product = holdings_number(h, r->product), .class_ = SEAT, .holder_n = 16, .state = HOLDINGS_OUT };
	struct muster_err err = { 0 };
	int result = group_get(g, row.product, SEAT, span_of(r->client, 16), &row, &err);

	if (result == MUSTER_E_NOT_FOUND && group_sum(g, row.product, SEAT, HOLDINGS_OUT) >= 10) {
		holdings_refuse(r, CODE_M_SEATS, "all are taken");
		return;
	}
	memcpy(row.holder, r->client, 16);
	row.until = group_now(g) + HOUR;
	if ((result != MUSTER_OK && result != MUSTER_E_NOT_FOUND) || group_put(g, &row, &err) != MUSTER_OK) {
		holdings_failed(h, r, &err);
		return;
	}
	r->code = CODE_OK;
	r->used = group_sum(g, row.product, SEAT, HOLDINGS_OUT);
}

void access_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r) { take_one(h, g, r); }
void seats_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r) { take_one(h, g, r); }
void embedded_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r) { take_one(h, g, r); }
int embedded_load(struct holdings *h, const struct catalog *catalog, struct muster_err *err) { (void)h; (void)catalog; (void)err; return MUSTER_OK; }
void embedded_forget(struct holdings *h) { (void)h; }
void holdings_capacity_refresh(struct holdings *h) { (void)h; }

const struct catalog_product *catalog_product_named(const struct catalog *c, const char *name)
{
	const struct catalog_product *p;
	size_t n;

	p = catalog_products(c, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(p[i].row.name, name) == 0)
			return &p[i];
	return NULL;
}

/* Claims of this test name clients, and networks by the first byte of the address. */
bool catalog_claimed(const struct catalog_claim *claims, size_t n, const uint8_t client[16], const char *name, const uint8_t *addr, size_t addr_len)
{
	(void)name;
	for (size_t i = 0; i < n; i++)
		if (claims[i].kind == CATALOG_CLAIM_CLIENT ? memcmp(claims[i].client, client, 16) == 0 : addr_len > 0 && addr[0] == claims[i].network[0])
			return true;
	return false;
}

/* ---- a host ---- */

struct holdings *held_open(struct fix *f)
{
	struct holdings_options o = { .clock = &f->clock.clock, .ledger = f->l };
	struct holdings *h;
	struct muster_err err = { 0 };

	ck_assert_msg(holdings_open(&h, &o, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_msg(holdings_bind(h, f->catalog, &err) == MUSTER_OK, "%s", err.message);
	return h;
}

struct holdings_group *held_begin(struct fix *f, struct holdings *h)
{
	struct holdings_group *g;
	struct muster_err err = { 0 };

	(void)f;
	ck_assert_msg(group_begin(&g, h, holdings_now(h), &err) == MUSTER_OK, "%s", err.message);
	return g;
}

int held_try_put(struct holdings_group *g, uint32_t class_, uint32_t id, uint32_t state, int64_t until)
{
	struct store_holding row = { .product = PRODUCT, .class_ = class_, .holder_n = 4, .state = state, .until = until, .since = 1 };
	struct muster_err err = { 0 };

	be32_put(row.holder, id);
	return group_put(g, &row, &err);
}

void held_put(struct holdings_group *g, uint32_t class_, uint32_t id, uint32_t state, int64_t until)
{
	ck_assert_int_eq(held_try_put(g, class_, id, state, until), MUSTER_OK);
}

/* 0: nothing is held. */
uint32_t held_state(struct holdings_group *g, uint32_t class_, uint32_t id)
{
	struct muster_err err = { 0 };
	struct store_holding row;
	uint8_t holder[4];
	int r;

	be32_put(holder, id);
	r = group_get(g, PRODUCT, class_, span_of(holder, 4), &row, &err);
	ck_assert(r == MUSTER_OK || r == MUSTER_E_NOT_FOUND);
	if (r == MUSTER_OK)
		ck_assert(row.product == PRODUCT && row.class_ == class_ && row.holder_n == 4 && memcmp(row.holder, holder, 4) == 0);
	return r == MUSTER_OK ? row.state : 0;
}

void held_drop(struct holdings_group *g, uint32_t class_, uint32_t id)
{
	struct muster_err err = { 0 };
	uint8_t holder[4];

	be32_put(holder, id);
	ck_assert_int_eq(group_delete(g, PRODUCT, class_, span_of(holder, 4), &err), MUSTER_OK);
}

void held_commit(struct holdings_group *g)
{
	struct muster_err err = { 0 };

	ck_assert_msg(group_commit(g, &err) == MUSTER_OK, "%s", err.message);
}

struct walk { uint32_t class_, state; uint64_t n; };

static int count_row(void *ctx, const struct store_holding *row)
{
	struct walk *w = ctx;

	w->n += row->class_ == w->class_ && row->state == w->state;
	return 0;
}

/* By the rows themselves. */
uint64_t held_stored(struct fix *f, uint32_t class_, uint32_t state)
{
	struct walk w = { class_, state, 0 };
	struct muster_err err = { 0 };

	ck_assert_msg(ledger_holdings(f->l, PRODUCT, 0, span_of("", 0), STORE_PAGE_MAX, count_row, &w, &err) == MUSTER_OK, "%s", err.message);
	return w.n;
}

uint64_t held_sum(struct holdings *h, uint32_t class_, uint32_t state)
{
	struct holdings_group *g;
	struct muster_err err = { 0 };
	size_t kept = h->due_kept;
	bool more = h->due_more;
	uint64_t n;

	/* at a time when nothing is due */
	ck_assert_msg(group_begin(&g, h, 0, &err) == MUSTER_OK, "%s", err.message);
	n = group_sum(g, PRODUCT, class_, state);
	group_drop(g);
	h->due_kept = kept;
	h->due_more = more;
	return n;
}
