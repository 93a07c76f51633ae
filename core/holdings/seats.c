/* Seats: one request, over the rows (rules: core/licensing/seats.h). */
#include "core/holdings/rules.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/ledger/clones.h"

#define LEASE_DEFAULT_S 3600U
#define HEARTBEAT_LEAST_S 20U

void seats_numbers(struct muster_seats_rules *out, const struct catalog_product *p)
{
	*out = p->row.seats != NULL ? *p->row.seats : (struct muster_seats_rules){ 0 };
	if (out->lease_s == 0)
		out->lease_s = LEASE_DEFAULT_S;
	if (out->heartbeat_s == 0)
		out->heartbeat_s = out->lease_s / 4;
	if (out->heartbeat_s < HEARTBEAT_LEAST_S)
		out->heartbeat_s = HEARTBEAT_LEAST_S;
}

uint64_t seats_within(const struct holdings_group *g, uint32_t product)
{
	return group_sum(g, product, SEATS_CLASS, HOLDINGS_OUT) + group_sum(g, product, SEATS_CLASS, HOLDINGS_ENDING);
}

uint64_t seats_over(const struct holdings_group *g, uint32_t product)
{
	return group_sum(g, product, SEATS_CLASS, HOLDINGS_OUT_OVER);
}

/* One request on its way through. */
struct seat {
	struct holdings *h;
	struct holdings_group *g;
	struct holdings_request *r;
	struct muster_seats_rules numbers;
	struct seats_queue *queue;
	uint32_t product;
	bool held;
	struct store_holding row;
	struct seats_input in;
};

static void seat_row(struct seat *s)
{
	const struct store_holding *row = &s->row;

	s->in.held = row->state == HOLDINGS_ENDING ? SEATS_ENDING : SEATS_OUT;
	s->in.over = row->state == HOLDINGS_OUT_OVER;
	s->in.grace = (row->flags & HOLDINGS_F_GRACE) != 0;
	s->in.until = row->until;
	s->in.other_hardware = row->has_hw && s->r->has_hw && hw_differs(row->hw, s->r->hw, sizeof row->hw);
	s->in.out--;
	s->in.within -= !s->in.over;
}

static int seat_look(struct seat *s, struct muster_err *err)
{
	struct muster_span holder = { s->r->client, sizeof s->r->client };
	const struct catalog_product *p = s->r->product;
	int e;

	s->product = holdings_number(s->h, p);
	seats_numbers(&s->numbers, p);
	if ((s->queue = rules_queue(holdings_rules(s->h), s->product)) == NULL)
		return err_nomem(err);
	s->in.within = seats_within(s->g, s->product);
	s->in.out = s->in.within + seats_over(s->g, s->product);
	s->in.seats = holdings_capacity_of(s->h, p, HOLDINGS_SEAT, 0);
	s->in.kept = p->reservation_count > 0 ? holdings_reserved_for_others(s->g, p, HOLDINGS_SEAT, s->r) : 0;
	s->in.lease_s = s->numbers.lease_s;
	s->in.grace_s = s->numbers.grace_s;
	s->in.advise = p->advise;
	s->in.now = group_now(s->g);
	if ((e = group_get(s->g, s->product, SEATS_CLASS, holder, &s->row, err)) == MUSTER_OK) {
		s->held = true;
		seat_row(s);
	} else if (e != MUSTER_E_NOT_FOUND) {
		return e;
	}
	seats_queue_age(s->queue, s->in.now);
	s->in.ahead = seats_queue_ahead(s->queue, s->r->client, s->in.seats > s->in.out ? s->in.seats - s->in.out : 0);
	return MUSTER_OK;
}

static int seat_put(struct seat *s, const struct seats_verdict *v, struct muster_err *err)
{
	const struct holdings_request *r = s->r;
	struct store_holding row = { .product = s->product, .class_ = SEATS_CLASS, .holder_n = sizeof r->client, .since = clock_wall_ms(s->h->o.clock) };
	bool goes_on = s->held && v->change == SEATS_PUT && s->in.held == SEATS_OUT && s->in.until > s->in.now;
	bool recorded = goes_on && s->row.has_hw && (!r->has_hw || r->hw[0] != s->row.hw[0]);   /* none sent now, or one of another source */

	/* By the clock, as the lease will say: a release is compared with it. */
	if (row.since > s->in.now)
		row.since = s->in.now;
	if (goes_on)
		row.since = s->row.since;
	memcpy(row.holder, r->client, sizeof r->client);
	memcpy(row.client, r->client, sizeof row.client);
	row.state = v->over ? HOLDINGS_OUT_OVER : HOLDINGS_OUT;
	row.flags = (v->over ? HOLDINGS_F_OVER : 0) | (r->is_virtual ? HOLDINGS_F_VIRTUAL : 0);
	row.until = v->until;
	row.changed = s->in.now;
	row.has_hw = recorded || r->has_hw;
	memcpy(row.hw, recorded ? s->row.hw : r->hw, sizeof row.hw);
	(void)snprintf(row.name, sizeof row.name, "%s", r->name != NULL ? r->name : "");
	return group_put(s->g, &row, err);
}

static int seat_granted(struct seat *s, const struct seats_verdict *v, struct muster_err *err)
{
	struct holdings_request *r = s->r;
	int e;

	if ((e = seat_put(s, v, err)) != MUSTER_OK)
		return e;
	seats_queue_served(s->queue, r->client, s->in.now);
	r->code = CODE_OK;
	r->until = v->until;
	r->renew_s = s->numbers.heartbeat_s;
	r->state = HOLDINGS_OUT;
	r->over = v->over;
	r->used = seats_within(s->g, s->product) + seats_over(s->g, s->product);
	return v->over ? rules_breach(s->h, s->g, r->product, SEATS_CLASS, r->used, r->total, err) : MUSTER_OK;
}

/* Neither a seat nor a place. */
static bool seat_new(const struct seat *s)
{
	return !s->held && !seats_queue_has(s->queue, s->r->client);
}

/* Would it get a place in the queue? */
static bool seat_place(const struct seat *s, const struct seats_verdict *v)
{
	return (v->code == (uint32_t)CODE_M_SEATS || v->code == (uint32_t)CODE_M_RESERVED) && s->r->queue && s->in.seats > 0 &&
	       seats_queue_count(s->queue) < s->numbers.queue_max;
}

/* All are taken, or what is free is for others. */
static void seat_waits(struct seat *s, const struct seats_verdict *v)
{
	struct holdings_request *r = s->r;
	unsigned long long there = s->in.seats;

	r->code = v->code;
	r->position = 0;
	if (!r->queue)
		seats_queue_leave(s->queue, r->client);
	else if (s->in.seats > 0 && s->numbers.queue_max > 0)
		r->position = seats_queue_wait(s->queue, r->client, s->in.kept, s->numbers.queue_max, s->in.now, &r->retry_after);
	if (r->position > 0) {
		r->code = (uint32_t)CODE_M_QUEUED;
		(void)snprintf(r->detail, sizeof r->detail, "all %llu seats are taken or kept; place %u in the queue", there, r->position);
		return;
	}
	r->retry_after = SEATS_RETRY_MIN;
	if (v->code == (uint32_t)CODE_M_RESERVED)
		(void)snprintf(r->detail, sizeof r->detail, "what is free of the %llu seats is reserved for others", there);
	else if (there == 0)
		(void)snprintf(r->detail, sizeof r->detail, "there are no seats: no licence pack that is valid now names any, nor the configuration in place of packs");
	else if (r->queue && s->numbers.queue_max > 0)
		(void)snprintf(r->detail, sizeof r->detail, "all %llu seats are taken, and the queue of %u is full", there, s->numbers.queue_max);
	else
		(void)snprintf(r->detail, sizeof r->detail, "all %llu seats are taken", there);
}

static int seat_decide(struct seat *s, struct muster_err *err)
{
	struct muster_span holder = { s->r->client, sizeof s->r->client };
	struct holdings_request *r = s->r;
	struct seats_verdict v;
	char time[TIME_RFC3339];
	bool over = false;
	int e = MUSTER_OK;

	seats_decide(&v, &s->in);
	r->total = s->in.seats;
	r->used = s->in.out + (s->held && v.change != SEATS_DROP ? 1 : 0);
	if (seat_new(s) && (v.code == CODE_OK || seat_place(s, &v)) && ((e = group_newcomer(s->g, r, holder, &over, err)) != MUSTER_OK || over))
		return e;
	if (v.change == SEATS_DROP)
		e = group_delete(s->g, s->product, SEATS_CLASS, holder, err);
	if (e != MUSTER_OK)
		return e;
	if (v.code == CODE_OK)
		return seat_granted(s, &v, err);
	if (v.code == (uint32_t)CODE_M_SEATS || v.code == (uint32_t)CODE_M_RESERVED) {
		seat_waits(s, &v);
		return MUSTER_OK;
	}
	r->code = v.code;
	if (v.code == (uint32_t)CODE_M_TAKEN_BACK) {
		time_rfc3339(time, v.until);
		(void)snprintf(r->detail, sizeof r->detail, "an administrator took this seat back; it ends at %s", time);
	}
	return MUSTER_OK;
}

/* Free at once: its holder gave the lease back. A lease from before the seat was given, for instance a release that somebody heard and sends again, frees nothing. */
static int seat_release(struct seat *s, struct muster_err *err)
{
	struct muster_span holder = { s->r->client, sizeof s->r->client };
	bool stays = false;

	if (s->held && s->row.since / 1000 > s->r->lease_at)
		stays = true;
	else
		seats_queue_leave(s->queue, s->r->client);
	s->r->code = CODE_OK;
	s->r->total = s->in.seats;
	s->r->used = s->in.out + stays;
	return s->held && !stays ? group_delete(s->g, s->product, SEATS_CLASS, holder, err) : MUSTER_OK;
}

void seats_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r)
{
	struct seat s = { .h = h, .g = g, .r = r };
	struct muster_err err = { 0 };
	int e;

	r->until = 0;
	r->over = false;
	r->position = r->retry_after = 0;
	r->detail[0] = '\0';
	if (!r->certified && !r->release) {
		r->code = (uint32_t)CODE_HOST_NOT_ACTIVATED;
		return;
	}
	if ((e = seat_look(&s, &err)) == MUSTER_OK)
		e = r->release ? seat_release(&s, &err) : seat_decide(&s, &err);
	if (e != MUSTER_OK)
		holdings_failed(h, r, &err);
}

int seats_due(struct holdings *h, struct holdings_group *g, const struct store_holding *row, struct muster_err *err)
{
	const struct catalog_product *p = holdings_product(h, row->product);
	struct store_holding now = *row;
	bool grace = (row->flags & HOLDINGS_F_GRACE) != 0;
	struct muster_seats_rules numbers = { 0 };

	if (p != NULL)
		seats_numbers(&numbers, p);
	switch (seats_settle(row->state == HOLDINGS_ENDING ? SEATS_ENDING : SEATS_OUT, &grace, &now.until, numbers.grace_s, group_now(g))) {
	case SEATS_DROP:
		return group_delete(g, row->product, row->class_, (struct muster_span){ row->holder, row->holder_n }, err);
	case SEATS_PUT:
		now.flags |= HOLDINGS_F_GRACE;
		now.changed = group_now(g);
		return group_put(g, &now, err);
	case SEATS_LEAVE:
		break;
	}
	return MUSTER_OK;
}
