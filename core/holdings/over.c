/*
 * Who was granted something beyond what there is gets what becomes free, the longest over first.
 *
 * Sums say at once whether anybody is over; who that is, is read only when something is free: the oldest thousand, which are used up before it is read again.
 */
#include "core/holdings/rules.h"

#include <string.h>

#define COVER_MOST 256        /* a decision waits for no more */
#define REST 100              /* questions before reading again in vain: who is over was decided in this very group */

/* Somebody is over whom something free would serve. */
static bool worth(const struct holdings_group *g, const struct access_lines *a, uint32_t server, uint64_t kept)
{
	uint64_t over = 0, free = 0;
	bool fits = false;

	for (size_t i = 0; i < a->n; i++) {
		over += access_over(g, a->product, a->kind, a->l[i].generation);
		free += access_free(&a->l[i]);
		fits = fits || (over > 0 && a->l[i].generation <= server && access_free(&a->l[i]) > 0);
	}
	return fits && free > kept;
}

static bool older(const struct over_row *a, const struct over_row *b)
{
	int c;

	if (a->since != b->since)
		return a->since < b->since;
	if (a->class_ != b->class_)
		return a->class_ < b->class_;
	c = memcmp(a->holder, b->holder, STORE_HOLDER_MAX);
	return c < 0;
}

struct reading { struct over_list *list; uint32_t class_; uint8_t holder[STORE_HOLDER_MAX]; size_t holder_n, seen; bool end; };

static int read_one(void *ctx, const struct store_holding *row)
{
	struct reading *q = ctx;
	struct over_list *o = q->list;
	struct over_row n = { .class_ = row->class_, .holder_n = row->holder_n, .since = row->since };
	size_t at;

	q->seen++;
	q->class_ = row->class_;
	memcpy(q->holder, row->holder, sizeof q->holder);
	q->holder_n = row->holder_n;
	if (HOLDINGS_KIND(row->class_) != o->kind) {
		q->end = true;
		return 1;
	}
	if (row->state != HOLDINGS_PERMANENT_OVER && row->state != HOLDINGS_ASSIGNED_OVER)
		return 0;
	memcpy(n.holder, row->holder, row->holder_n);
	for (at = o->n; at > 0 && older(&n, &o->rows[at - 1]); at--)
		;
	if (at == OVER_OLDEST_MAX)
		return 0;
	if (o->n < OVER_OLDEST_MAX)
		o->n++;
	memmove(&o->rows[at + 1], &o->rows[at], (o->n - at - 1) * sizeof o->rows[0]);
	o->rows[at] = n;
	return 0;
}

static int list_read(struct holdings *h, struct over_list *o, struct muster_err *err)
{
	struct reading q = { .list = o, .class_ = HOLDINGS_CLASS(o->kind, 0) };
	int r = MUSTER_OK;

	o->n = 0;
	while (!q.end && r == MUSTER_OK) {
		q.seen = 0;
		r = ledger_holdings(holdings_ledger(h), o->product, q.class_, (struct muster_span){ q.holder, q.holder_n }, STORE_PAGE_MAX, read_one, &q, err);
		if (q.seen < STORE_PAGE_MAX)
			q.end = true;
	}
	return r;
}

/* The row is within the number now, of the version in @p to. */
static int cover_one(struct holdings_group *g, const struct access_lines *a, const struct store_holding *row, struct access_line *to, struct muster_err *err)
{
	struct store_holding now = *row;
	int r;

	now.class_ = HOLDINGS_CLASS(a->kind, to->generation);
	now.state = a->kind == HOLDINGS_DEVICE ? HOLDINGS_PERMANENT : HOLDINGS_ASSIGNED;
	now.flags &= ~HOLDINGS_F_OVER;
	now.since = now.changed = group_now(g);
	if ((r = group_put(g, &now, err)) == MUSTER_OK && now.class_ != row->class_)
		r = group_delete(g, row->product, row->class_, (struct muster_span){ row->holder, row->holder_n }, err);
	if (r == MUSTER_OK)
		to->out++;
	return r;
}

/* A version that fits and has one free, and in which the holder has nothing else. */
static int fitting(struct access_line **out, struct holdings_group *g, const struct access_lines *a, const struct store_holding *row, uint32_t server, struct muster_err *err)
{
	struct store_holding other;
	int r;

	*out = NULL;
	for (size_t i = 0; i < a->n; i++) {
		struct access_line *l = &a->l[i];

		if (l->generation < HOLDINGS_GENERATION(row->class_) || l->generation > server || access_free(l) == 0)
			continue;
		if (l->generation != HOLDINGS_GENERATION(row->class_)) {
			r = group_get(g, a->product, HOLDINGS_CLASS(a->kind, l->generation), (struct muster_span){ row->holder, row->holder_n }, &other, err);
			if (r == MUSTER_OK)
				continue;
			if (r != MUSTER_E_NOT_FOUND)
				return r;
		}
		*out = l;
		break;
	}
	return MUSTER_OK;
}

static int cover_listed(struct holdings_group *g, struct access_lines *a, struct over_list *o, uint32_t server, uint64_t kept, size_t *covered, struct muster_err *err)
{
	size_t to = 0, i;
	int r = MUSTER_OK;

	for (i = 0; i < o->n && r == MUSTER_OK && *covered < COVER_MOST && worth(g, a, server, kept); i++) {
		struct over_row *e = &o->rows[i];
		struct store_holding row;
		struct access_line *l = NULL;

		r = group_get(g, a->product, e->class_, (struct muster_span){ e->holder, e->holder_n }, &row, err);
		if (r == MUSTER_E_NOT_FOUND || (r == MUSTER_OK && ((row.flags & HOLDINGS_F_OVER) == 0 || row.since != e->since))) {
			r = MUSTER_OK;
			continue;   /* no longer so */
		}
		if (r == MUSTER_OK && (r = fitting(&l, g, a, &row, server, err)) == MUSTER_OK && l != NULL && (r = cover_one(g, a, &row, l, err)) == MUSTER_OK) {
			(*covered)++;
			continue;
		}
		o->rows[to++] = *e;
	}
	memmove(&o->rows[to], &o->rows[i], (o->n - i) * sizeof o->rows[0]);
	o->n -= i - to;
	return r;
}

/* What is kept for anybody at all: a stranger's view. */
static uint64_t kept_for_all(struct holdings_group *g, const struct catalog_product *p, uint32_t kind)
{
	struct holdings_request nobody = { .product = p, .name = "", .user = "", .version = "" };

	return p->reservation_count > 0 ? holdings_reserved_for_others(g, p, kind, &nobody) : 0;
}

int access_cover(struct holdings *h, struct holdings_group *g, const struct catalog_product *p, struct access_lines *a, struct muster_err *err)
{
	uint32_t server = access_server(p);
	struct over_list *o;
	uint64_t kept;
	size_t covered = 0;
	int r;

	if (!worth(g, a, server, 0) || (o = rules_over(holdings_rules(h), a->product, a->kind)) == NULL)
		return MUSTER_OK;
	kept = kept_for_all(g, p, a->kind);
	if ((r = cover_listed(g, a, o, server, kept, &covered, err)) != MUSTER_OK || !worth(g, a, server, kept) || covered == COVER_MOST)
		return r;
	if (o->rest > 0) {
		o->rest--;
		return MUSTER_OK;
	}
	if ((r = list_read(h, o, err)) == MUSTER_OK)
		r = cover_listed(g, a, o, server, kept, &covered, err);
	o->rest = covered == 0 ? REST : 0;
	return r;
}
