/*
 * A group: what several requests, or one act, change of the holdings, seen by each of them and committed as one transaction. Sums follow the commit.
 */
#include "core/holdings/internal.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define DUE_SLICE 256      /* rows given back before a group: nobody waits long for what ended at once */
#define ENTRIES_MAX 16384  /* rows that one group looks at */
#define NONE UINT32_MAX

/* A row that was looked at: as it is stored, and as it will be. */
struct entry { struct store_holding row; bool stored, there, changed; uint32_t reservation; /* that the row uses */ };

struct delta { uint32_t product, class_, state; int64_t n; };

struct holdings_group {
	struct holdings *h;
	int64_t now;
	struct entry *entries; size_t count, room;
	uint32_t *slots; size_t slot_count;          /* by key; index of an entry or NONE */
	struct delta *deltas; size_t delta_count, delta_room;
	struct holdings_reserved reserved;           /* changes of use */
	struct newcomers newcomers;
	const struct holdings_request *asking;
	struct store_journal *journal; size_t journal_count, journal_room;
};

/* ---- sums ---- */

static int sum_order(const struct store_holding_sum *s, uint32_t product, uint32_t class_, uint32_t state)
{
	if (s->product != product)
		return s->product < product ? -1 : 1;
	if (s->class_ != class_)
		return s->class_ < class_ ? -1 : 1;
	return s->state == state ? 0 : s->state < state ? -1 : 1;
}

/* Where it is, or belongs. */
static size_t sum_place(const struct holdings_sums *s, uint32_t product, uint32_t class_, uint32_t state, bool *found)
{
	size_t low = 0, high = s->n;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = sum_order(&s->of[middle], product, class_, state);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool sums_reserve(struct holdings_sums *s, size_t more)
{
	struct store_holding_sum *grown;

	if (s->n + more <= s->room)
		return true;
	if ((grown = mem_grow(s->of, s->n + more + 16, sizeof *grown)) == NULL)
		return false;
	s->of = grown;
	s->room = s->n + more + 16;
	return true;
}

/* Room is there. */
static void sum_add(struct holdings_sums *s, uint32_t product, uint32_t class_, uint32_t state, int64_t n)
{
	bool found;
	size_t i = sum_place(s, product, class_, state, &found);

	if (!found) {
		MUSTER_ASSERT(s->n < s->room);
		memmove(&s->of[i + 1], &s->of[i], (s->n - i) * sizeof *s->of);
		s->of[i] = (struct store_holding_sum){ product, class_, state, 0 };
		s->n++;
	}
	MUSTER_ASSERT(n >= 0 || s->of[i].n >= (uint64_t)-n);
	s->of[i].n += (uint64_t)n;
}

struct loading { struct holdings_sums sums; bool failed; };

static int load_one(void *ctx, const struct store_holding_sum *s)
{
	struct loading *l = ctx;

	if (!sums_reserve(&l->sums, 1)) {
		l->failed = true;
		return 1;
	}
	sum_add(&l->sums, s->product, s->class_, s->state, (int64_t)s->n);
	return 0;
}

int group_sums_load(struct holdings *h, struct muster_err *err)
{
	struct loading l = { 0 };
	int r = ledger_holding_sums(h->o.ledger, load_one, &l, err);

	if (r == MUSTER_OK && l.failed)
		r = err_nomem(err);
	if (r != MUSTER_OK) {
		mem_free(l.sums.of);
		h->stale = true;
		return r;
	}
	mem_free(h->sums.of);
	h->sums = l.sums;
	h->stale = false;
	return MUSTER_OK;
}

static struct delta *delta_of(struct holdings_group *g, uint32_t product, uint32_t class_, uint32_t state)
{
	struct delta *grown;

	for (size_t i = 0; i < g->delta_count; i++)
		if (g->deltas[i].product == product && g->deltas[i].class_ == class_ && g->deltas[i].state == state)
			return &g->deltas[i];
	if (g->delta_count == g->delta_room) {
		if ((grown = mem_grow(g->deltas, g->delta_room + 16, sizeof *grown)) == NULL)
			return NULL;
		g->deltas = grown;
		g->delta_room += 16;
	}
	g->deltas[g->delta_count] = (struct delta){ product, class_, state, 0 };
	return &g->deltas[g->delta_count++];
}

uint64_t group_sum(const struct holdings_group *g, uint32_t product, uint32_t class_, uint32_t state)
{
	bool found;
	size_t i = sum_place(&g->h->sums, product, class_, state, &found);
	uint64_t n = found ? g->h->sums.of[i].n : 0;

	MUSTER_ASSERT(g->deltas != NULL || g->delta_count == 0);
	for (i = 0; i < g->delta_count; i++)
		if (g->deltas[i].product == product && g->deltas[i].class_ == class_ && g->deltas[i].state == state)
			n += (uint64_t)g->deltas[i].n;
	return n;
}

static struct store_holding_sum delta_sum(const struct delta *d)
{
	return (struct store_holding_sum){ .product = d->product, .class_ = d->class_, .state = d->state };
}

size_t group_generations(const struct holdings_group *g, uint32_t product, uint32_t kind, uint32_t *out, size_t max)
{
	const struct holdings_sums *s = &g->h->sums;
	size_t n = 0, k = 0;

	/* Sums are sorted; what the group has added is inserted among them. */
	for (size_t i = 0; i < s->n + g->delta_count; i++) {
		const struct store_holding_sum x = i < s->n ? s->of[i] : delta_sum(&g->deltas[i - s->n]);
		uint32_t generation = HOLDINGS_GENERATION(x.class_);

		if (x.product != product || HOLDINGS_KIND(x.class_) != kind || group_sum(g, product, x.class_, x.state) == 0)
			continue;
		for (k = 0; k < n && out[k] < generation; k++)
			;
		if ((k < n && out[k] == generation) || k == max)
			continue;
		if (n == max)
			n--;
		memmove(&out[k + 1], &out[k], (n - k) * sizeof *out);
		out[k] = generation;
		n++;
	}
	return n;
}

/* ---- rows ---- */

static size_t hash(uint32_t product, uint32_t class_, struct muster_span holder)
{
	uint64_t x = UINT64_C(0xcbf29ce484222325) ^ ((uint64_t)product << 32 | class_);

	for (size_t i = 0; i < holder.n; i++)
		x = (x ^ holder.p[i]) * UINT64_C(0x100000001b3);
	return (size_t)(x ^ x >> 32);
}

static bool is_row(const struct store_holding *x, uint32_t product, uint32_t class_, struct muster_span holder)
{
	return x->product == product && x->class_ == class_ && x->holder_n == holder.n && memcmp(x->holder, holder.p, holder.n) == 0;
}

static uint32_t *slot_of(const struct holdings_group *g, uint32_t product, uint32_t class_, struct muster_span holder)
{
	size_t i = hash(product, class_, holder) % g->slot_count;

	while (g->slots[i] != NONE && !is_row(&g->entries[g->slots[i]].row, product, class_, holder))
		i = (i + 1) % g->slot_count;
	return &g->slots[i];
}

/* Room for one more, with at most half of the slots taken. */
static int grow(struct holdings_group *g, struct muster_err *err)
{
	struct entry *entries;
	uint32_t *slots;

	if (g->count < g->room)
		return MUSTER_OK;
	if (g->count >= ENTRIES_MAX)
		return err_set(err, MUSTER_E_LIMIT, "one group looks at more than %d holdings", ENTRIES_MAX);
	if ((entries = mem_grow(g->entries, g->room == 0 ? 64 : 2 * g->room, sizeof *entries)) == NULL)
		return err_nomem(err);
	g->entries = entries;
	if ((slots = mem_array(g->room == 0 ? 128 : 4 * g->room, sizeof *slots)) == NULL)
		return err_nomem(err);
	g->room = g->room == 0 ? 64 : 2 * g->room;
	mem_free(g->slots);
	g->slots = slots;
	g->slot_count = 2 * g->room;
	memset(slots, 0xff, g->slot_count * sizeof *slots);
	for (size_t i = 0; i < g->count; i++) {
		const struct store_holding *x = &g->entries[i].row;

		*slot_of(g, x->product, x->class_, span_of(x->holder, x->holder_n)) = (uint32_t)i;
	}
	return MUSTER_OK;
}

/* The entry of a key, read from the store when it is looked at for the first time. */
static int look(struct holdings_group *g, uint32_t product, uint32_t class_, struct muster_span holder, struct entry **out, struct muster_err *err)
{
	struct entry *e;
	uint32_t *slot;
	int r;

	if (holder.n == 0 || holder.n > STORE_HOLDER_MAX)
		return err_set(err, MUSTER_E_INTERNAL, "a holder of %zu bytes", holder.n);
	slot = slot_of(g, product, class_, holder);
	if (*slot != NONE) {
		*out = &g->entries[*slot];
		return MUSTER_OK;
	}
	if ((r = grow(g, err)) != MUSTER_OK)
		return r;
	slot = slot_of(g, product, class_, holder);
	e = &g->entries[g->count];
	memset(e, 0, sizeof *e);
	r = ledger_holding(g->h->o.ledger, product, class_, holder, &e->row, err);
	if (r != MUSTER_OK && r != MUSTER_E_NOT_FOUND)
		return r;
	e->stored = e->there = r == MUSTER_OK;
	e->reservation = e->stored ? reserved_used_by(g->h, &e->row) : 0;
	if (!e->stored) {
		memset(&e->row, 0, sizeof e->row);
		e->row.product = product;
		e->row.class_ = class_;
		e->row.holder_n = (uint8_t)holder.n;
		memcpy(e->row.holder, holder.p, holder.n);
	}
	*slot = (uint32_t)g->count++;
	*out = e;
	return MUSTER_OK;
}

int group_get(struct holdings_group *g, uint32_t product, uint32_t class_, struct muster_span holder, struct store_holding *out, struct muster_err *err)
{
	struct entry *e;
	int r;

	if ((r = look(g, product, class_, holder, &e, err)) != MUSTER_OK)
		return r;
	if (!e->there)
		return err_set(err, MUSTER_E_NOT_FOUND, "nothing is held");
	*out = e->row;
	return MUSTER_OK;
}

/* What a row uses of reservations: likewise. */
static bool use(struct holdings_group *g, const struct entry *e, uint32_t reservation)
{
	uint32_t product = e->row.product, kind = HOLDINGS_KIND(e->row.class_);

	if (e->reservation == reservation)
		return true;
	return (reservation == 0 || reserved_add(&g->reserved, product, kind, reservation, 1)) &&
	       (e->reservation == 0 || reserved_add(&g->reserved, product, kind, e->reservation, -1));
}

/* Both are found before either changes: running out of memory leaves sums as they were. */
static int count(struct holdings_group *g, const struct entry *e, bool there, uint32_t state, struct muster_err *err)
{
	const struct store_holding *x = &e->row;

	if ((e->there && delta_of(g, x->product, x->class_, x->state) == NULL) || (there && delta_of(g, x->product, x->class_, state) == NULL))
		return err_nomem(err);
	if (e->there)
		delta_of(g, x->product, x->class_, x->state)->n--;
	if (there)
		delta_of(g, x->product, x->class_, state)->n++;
	return MUSTER_OK;
}

int group_put(struct holdings_group *g, const struct store_holding *row, struct muster_err *err)
{
	struct store_holding copy = *row;   /* the caller's may be one of ours, which move */
	uint32_t reservation;
	struct entry *e;
	int r;

	if (g->asking != NULL && g->asking->product->reservation_count > 0 && memcmp(copy.client, g->asking->client, sizeof copy.client) == 0)
		copy.number = reserved_asking(g->asking);
	reservation = reserved_used_by(g->h, &copy);
	if ((r = look(g, copy.product, copy.class_, span_of(copy.holder, copy.holder_n), &e, err)) != MUSTER_OK)
		return r;
	if (!use(g, e, reservation))
		return err_nomem(err);
	if ((r = count(g, e, true, copy.state, err)) != MUSTER_OK)
		return r;
	e->row = copy;
	e->reservation = reservation;
	e->row.changed = g->now;
	e->there = e->changed = true;
	return MUSTER_OK;
}

int group_delete(struct holdings_group *g, uint32_t product, uint32_t class_, struct muster_span holder, struct muster_err *err)
{
	struct entry *e;
	int r;

	if ((r = look(g, product, class_, holder, &e, err)) != MUSTER_OK)
		return r;
	if (!use(g, e, 0))
		return err_nomem(err);
	if ((r = count(g, e, false, 0, err)) != MUSTER_OK)
		return r;
	e->there = false;
	e->reservation = 0;
	e->changed = true;
	return MUSTER_OK;
}

static void cut(char *out, size_t room, const char *text)
{
	size_t n = strlen(text);

	if (n >= room) {
		n = room - 1;
		while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
			n--;
	}
	memcpy(out, text, n);
	out[n] = '\0';
}

int group_journal(struct holdings_group *g, const char *actor, uint32_t kind, const char *object, const char *detail, struct muster_err *err)
{
	struct store_journal *j;

	if (g->journal_count == g->journal_room) {
		if ((j = mem_grow(g->journal, g->journal_room + 16, sizeof *j)) == NULL)
			return err_nomem(err);
		g->journal = j;
		g->journal_room += 16;
	}
	j = &g->journal[g->journal_count++];
	memset(j, 0, sizeof *j);
	j->at = g->now;
	j->kind = kind;
	cut(j->actor, sizeof j->actor, actor);
	cut(j->object, sizeof j->object, object);
	cut(j->detail, sizeof j->detail, detail);
	return MUSTER_OK;
}

struct holdings *group_holdings(const struct holdings_group *g)
{
	return g->h;
}

struct newcomers *group_newcomers(struct holdings_group *g)
{
	return &g->newcomers;
}

void group_ask(struct holdings_group *g, const struct holdings_request *r)
{
	g->asking = r;
}

const struct holdings_reserved *group_reserved(const struct holdings_group *g)
{
	return &g->reserved;
}

int64_t group_now(const struct holdings_group *g)
{
	return g->now;
}

uint64_t group_random(struct holdings_group *g)
{
	uint64_t x;

	if (g->h->o.random != NULL)
		return g->h->o.random(g->h->o.ctx);
	random_bytes(&x, sizeof x);
	return x;
}

/* ---- what is due ---- */

struct due { struct store_holding *rows; size_t n, room; };

static int due_one(void *ctx, const struct store_holding *row)
{
	struct due *d = ctx;

	if (d->n < d->room)
		d->rows[d->n++] = *row;
	return 0;
}

/* Of a row that an act of this very group has changed already there is nothing to do; here none has. */
static int give_back(struct holdings_group *g, const struct store_holding *row, struct muster_err *err)
{
	switch (HOLDINGS_KIND(row->class_)) {
	case HOLDINGS_DEVICE: case HOLDINGS_USER: case HOLDINGS_REVOKED: return access_due(g->h, g, row, err);
	case HOLDINGS_SEAT: return seats_due(g->h, g, row, err);
	default: return MUSTER_OK;
	}
}

static int due(struct holdings_group *g, struct muster_err *err)
{
	struct holdings *h = g->h;
	struct due d = { 0 };
	bool held;
	int64_t age = ledger_age_time(h->o.ledger, &held);
	size_t kept = 0;
	int r;

	h->due_more = false;
	if (h->sums.n == 0)
		return MUSTER_OK;
	d.room = DUE_SLICE + h->due_kept < STORE_PAGE_MAX ? DUE_SLICE + h->due_kept : STORE_PAGE_MAX;
	if ((d.rows = mem_array(d.room, sizeof *d.rows)) == NULL)
		return err_nomem(err);
	if ((r = ledger_holdings_due(h->o.ledger, age < g->now ? age : g->now, d.room, due_one, &d, err)) != MUSTER_OK)
		goto done;
	for (size_t i = 0; i < d.n; i++) {
		const struct store_holding *row = &d.rows[i];
		struct entry *e;

		if ((r = give_back(g, row, err)) != MUSTER_OK || (r = look(g, row->product, row->class_, span_of(row->holder, row->holder_n), &e, err)) != MUSTER_OK)
			goto done;
		kept += !e->changed;
	}
	/* Those that stay due must not hide the ones behind them. */
	h->due_more = d.n == d.room && kept < d.n;
	h->due_kept = kept;
done:
	mem_free(d.rows);
	return r;
}

/* ---- beginning and end ---- */

void group_drop(struct holdings_group *g)
{
	if (g == NULL)
		return;
	newcomers_end(g->h, &g->newcomers, false);
	mem_free(g->entries);
	mem_free(g->slots);
	mem_free(g->deltas);
	mem_free(g->reserved.of);
	mem_free(g->journal);
	mem_free(g);
}

int group_begin(struct holdings_group **out, struct holdings *h, int64_t now, struct muster_err *err)
{
	struct holdings_group *g;
	int r;

	*out = NULL;
	if (h->stale && (r = group_sums_load(h, err)) != MUSTER_OK)
		return r;
	if ((g = mem_alloc(sizeof *g)) == NULL)
		return err_nomem(err);
	g->h = h;
	g->now = now;
	if ((r = grow(g, err)) != MUSTER_OK || (r = due(g, err)) != MUSTER_OK) {
		group_drop(g);
		return r;
	}
	*out = g;
	return MUSTER_OK;
}

static size_t gather(const struct holdings_group *g, struct store_change *changes)
{
	size_t n = 0;

	for (size_t i = 0; i < g->count; i++) {
		const struct entry *e = &g->entries[i];

		/* Made and ended within the group: it never was. */
		if (!e->changed || (!e->there && !e->stored))
			continue;
		if (changes != NULL) {
			changes[n].kind = e->there ? STORE_HOLDING_PUT : STORE_HOLDING_DELETE;
			changes[n].holding = &e->row;
		}
		n++;
	}
	for (size_t i = 0; i < g->journal_count; i++, n++) {
		if (changes == NULL)
			continue;
		changes[n].kind = STORE_JOURNAL_ONLY;
		changes[n].journal = g->journal[i];
	}
	return n;
}

/* Where it cannot follow it is read anew. */
static void used(struct holdings *h, const struct holdings_reserved *changes)
{
	for (size_t i = 0; i < changes->n && h->reserved.loaded; i++)
		h->reserved.loaded = reserved_add(&h->reserved, changes->of[i].product, changes->of[i].kind, changes->of[i].id, changes->of[i].n);
}

int group_commit(struct holdings_group *g, struct muster_err *err)
{
	struct holdings *h = g->h;
	struct store_change *changes = NULL;
	struct muster_err second = { 0 };
	size_t n = gather(g, NULL);
	int r = MUSTER_OK;

	if (n == 0)
		goto done;
	/* Nothing can run out of memory after the commit. */
	if ((changes = mem_array(n, sizeof *changes)) == NULL || !sums_reserve(&h->sums, g->delta_count)) {
		r = err_nomem(err);
		goto done;
	}
	(void)gather(g, changes);
	r = ledger_transact(h->o.ledger, changes, n, err);
	if (r == MUSTER_OK)
		used(h, &g->reserved);
	if (r == MUSTER_OK)
		for (size_t i = 0; i < g->delta_count; i++)
			sum_add(&h->sums, g->deltas[i].product, g->deltas[i].class_, g->deltas[i].state, g->deltas[i].n);
	/* Done or not: what is stored says. Where even that cannot be read nothing is decided until it can. */
	else if (r == MUSTER_E_UNKNOWN && group_sums_load(h, &second) != MUSTER_OK)
		holdings_say(h, 3, "holdings", "numbers cannot be read after a failed commit: %s", second.message);
done:
	newcomers_end(h, &g->newcomers, r == MUSTER_OK);
	if (r != MUSTER_OK) {
		rules_forget(h->rules);
		h->reserved.loaded = false;
	}
	mem_free(changes);
	group_drop(g);
	return r;
}
