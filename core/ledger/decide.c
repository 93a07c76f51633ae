/*
 * One request: repeat, static refusal, limits, clock, clone, count, compare (ledger.md section 2).
 *
 * Memory shows what is committed. What this group has decided so far is staged beside it, so that a failed commit is
 * forgotten by forgetting the group: the count of a pool is its members plus the staged clients that are none of them.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/ledger/internal.h"
#include "core/licensing/threshold.h"

#define HOUR_MS INT64_C(3600000)

struct context {
	struct ledger *l;
	struct group *g;
	struct ledger_request *r;
	struct staged *s;
	const struct pool_member *member;   /* committed or staged */
	const struct mark *mark;
	bool known;
	uint32_t *new_used;                 /* where this client counts as new; NULL: known or exempt */
};

static uint32_t client_slot(const uint8_t client[16], const void *pool)
{
	uint64_t x = be64_get(client) ^ be64_get(client + 8) ^ (uint64_t)(uintptr_t)pool;

	return (uint32_t)((x * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % GROUP_SLOTS;
}

/* Linear probing; clients choose their IDs, but a group holds 512 and the table four times as many. */
static uint16_t *staged_client(struct group *g, const uint8_t client[16], const struct pool_slot *pool)
{
	uint32_t i = client_slot(client, pool);

	while (g->by_client[i] != 0) {
		const struct staged *s = &g->rows[g->by_client[i] - 1];

		if (s->pool == pool && memcmp(s->member.client, client, 16) == 0)
			break;
		i = (i + 1) % GROUP_SLOTS;
	}
	return &g->by_client[i];
}

static uint16_t *staged_digest(struct group *g, const struct store_event *e)
{
	uint32_t i = (uint32_t)(e->digest % GROUP_SLOTS);

	while (g->by_digest[i] != 0) {
		const struct store_event *o = &g->rows[g->by_digest[i] - 1].event;

		if (o->digest == e->digest && o->product == e->product && memcmp(o->client, e->client, 16) == 0 &&
		    ((o->flags ^ e->flags) & STORE_F_RELEASE) == 0)
			break;
		i = (i + 1) % GROUP_SLOTS;
	}
	return &g->by_digest[i];
}

void answer_from_event(struct ledger_request *r, const struct store_event *e)
{
	r->code = e->result;
	r->seq = e->seq;
	r->at = e->at;
	r->expires = e->expires;
	r->count = e->count;
	r->minimum = e->minimum;
	r->renewal = (e->flags & STORE_F_RENEWAL) != 0;
	r->debt = (e->flags & STORE_F_DEBT) != 0;
}

/* After `clock accept` the log's time may lie far ahead of the clock until that catches up; a lease begins now. */
static int64_t lease_time(const struct group *g, int64_t at)
{
	return at - g->wall > HOSTCLOCK_BACK_MS ? g->wall : at;
}

static void event_fill(struct context *c, uint32_t product, uint32_t edition)
{
	struct store_event *e = &c->s->event;
	const struct ledger_request *r = c->r;

	/* All but the name's unused tail: clearing 256 bytes a request would be for nothing. */
	memset(e, 0, offsetof(struct store_event, name));
	e->at = c->g->at;
	e->seen = r->client_time;
	e->source = 1;
	e->product = product;
	e->edition = edition;
	e->n = 1;
	e->status = r->status;
	e->addr_len = r->addr_len;
	memcpy(e->addr, r->addr, r->addr_len);
	memcpy(e->client, r->client, 16);
	memcpy(e->name, r->name, strnlen(r->name, STORE_NAME_MAX - 1) + 1);
	e->name[STORE_NAME_MAX - 1] = '\0';
	if (r->has_hw) {
		memcpy(e->hw, r->hw, sizeof e->hw);
		e->flags |= STORE_F_HW;
	}
	if (r->is_virtual)
		e->flags |= STORE_F_VIRTUAL;
	if (r->has_minutes) {
		e->minutes = r->minutes;
		e->flags |= STORE_F_MINUTES;
	}
	if (r->lease_known)
		e->flags |= STORE_F_RENEWAL;
	if (r->kind == LEDGER_RELEASE)
		e->flags |= STORE_F_RELEASE;
}

static void stage(struct context *c)
{
	c->s->fate = FATE_STAGED;
	c->s->event.seq = c->g->next_seq++;
	c->g->events[c->g->event_count++] = &c->s->event;
	answer_from_event(c->r, &c->s->event);
}

/* A refusal is counted as failed and never reaches the count. */
static void refuse(struct context *c, uint32_t code, uint32_t flags)
{
	struct store_event *e = &c->s->event;

	e->result = code;
	e->flags |= STORE_F_REFUSED | flags;
	e->digest = 0;
	c->r->code = code;
	c->r->at = c->g->at;
	if (refusals_admit(c->l->refusals, e, c->g->boot))
		stage(c);
	else
		c->s->fate = FATE_ANSWERED;
}

static bool repeated(struct context *c)
{
	struct store_event *e = &c->s->event;
	const struct repeat *old;
	uint16_t *same;

	if (c->r->nonce_len == 0)
		return false;
	if (digester_digest(c->l->digester, &e->digest, e->client, e->product, c->r->nonce, c->r->nonce_len) != MUSTER_OK)
		e->digest = 0;   /* without a digest it is counted again, which the pool bears */
	if (e->digest == 0)
		return false;
	if ((old = repeats_find(c->l->repeats, e->digest, e->client, e->product, c->r->kind == LEDGER_RELEASE)) != NULL) {
		if ((e->flags & STORE_F_HW) && (old->flags & STORE_F_HW) && hw_differs(e->hw, old->hw, REPEAT_HW))
			return false;   /* a copy that even copied the nonce: the clone rule finds it */
		c->r->code = old->code;
		c->r->seq = old->seq;
		c->r->at = lease_time(c->g, old->at);
		c->r->expires = old->expires;
		c->r->count = old->count;
		c->r->minimum = old->minimum;
		c->r->renewal = (old->flags & STORE_F_RENEWAL) != 0;
		c->r->debt = (old->flags & STORE_F_DEBT) != 0;
		c->r->repeat = true;
		c->s->fate = FATE_ANSWERED;
		return true;
	}
	same = staged_digest(c->g, e);
	if (*same != 0) {
		const struct store_event *o = &c->g->rows[*same - 1].event;

		if ((e->flags & o->flags & STORE_F_HW) && hw_differs(e->hw, o->hw, sizeof e->hw))
			return false;
		c->s->fate = FATE_SAME;
		c->s->same = *same - 1U;
		c->r->repeat = true;
		return true;
	}
	return false;
}

static void remember_digest(struct context *c)
{
	if (c->s->event.digest != 0) {
		uint16_t *same = staged_digest(c->g, &c->s->event);

		if (*same == 0)
			*same = (uint16_t)(c->s - c->g->rows + 1);
	}
}

/* Known: presents a valid lease, is a member, or was marked by the fold. All else counts as new (ledger.md section 2, "Clones"). */
static void recognise(struct context *c)
{
	uint16_t *staged;

	if (c->s->pool == NULL)
		return;
	staged = staged_client(c->g, c->r->client, c->s->pool);
	c->member = *staged != 0 ? &c->g->rows[*staged - 1].member : pool_find(c->s->pool->members, c->r->client);
	c->mark = marks_find(c->l->marks, c->r->client, c->s->event.product);
	c->known = c->r->lease_known || c->member != NULL || c->mark != NULL;
}

static bool over_limits(struct context *c)
{
	struct ledger *l = c->l;
	struct pool_slot *pool = c->s->pool;
	struct newcomer n = { .addr = c->r->addr, .addr_len = c->r->addr_len, .who = "client IDs", .boot = c->g->boot };
	char where[80];

	if (c->known || pool == NULL || (c->r->loopback && l->set.loopback == 0))
		return false;
	snprintf(where, sizeof where, "in pool %.64s", pool->row.name);
	n.where = where;
	n.day = &pool->day;
	c->new_used = newcomer_look(l, &n, c->r->detail, sizeof c->r->detail, &c->r->retry_after);   /* charged when it is counted */
	return c->new_used == NULL;
}

void decide_uncharge(struct ledger *l, const struct group *g, const struct staged *s)
{
	if (s->charged)
		newcomer_return(l, s->event.addr, s->event.addr_len, &s->pool->day, g->boot);
}

static bool clock_wrong(struct context *c)
{
	struct ledger *l = c->l;
	int64_t skew = c->r->client_time - c->g->wall, tolerance = (int64_t)l->set.clock_skew_ms;
	bool host_suspect;

	if (hostclock_held(&l->host)) {
		hostclock_reason(&l->host, c->r->detail, sizeof c->r->detail, c->g->boot);
		return true;
	}
	host_suspect = hostclock_sample(&l->host, (uint32_t)be64_get(c->r->client + 8), skew, tolerance);
	if (skew <= tolerance && skew >= -tolerance)
		return false;
	snprintf(c->r->detail, sizeof c->r->detail, "the client's clock is %lld minutes %s the host's (both in UTC); at most %lld are allowed%s",
	         (long long)((skew < 0 ? -skew : skew) / 60000), skew < 0 ? "behind" : "ahead of", (long long)(tolerance / 60000),
	         host_suspect ? ". Most clients differ the same way: it is probably the host's clock that is wrong" : "");
	if (host_suspect && (l->told_skew_ms == 0 || c->g->boot - l->told_skew_ms >= HOUR_MS)) {
		l->told_skew_ms = c->g->boot;
		host_row(l, (uint32_t)CODE_TIMESTAMP, "most clients' clocks differ from the host's the same way: the host's is probably wrong");
		host_later(l, 3, "clock-suspect", "most clients' clocks are %s this host's by more than %lld minutes: it is probably the host's "
		           "clock that is wrong; set it", skew < 0 ? "behind" : "ahead of", (long long)(tolerance / 60000));
	}
	return true;
}

/* Only the hardware that is not the recorded one is told to change. */
static bool is_clone(const struct context *c)
{
	const struct ledger_request *r = c->r;

	if (!r->has_hw)
		return false;
	if (c->member != NULL && c->member->has_hw && c->g->age_time - c->member->last <= CLONE_SILENCE_MS) {
		if (hw_differs(c->member->hw, r->hw, sizeof r->hw))
			return true;
		if (c->member->hw[0] == r->hw[0])
			return false;
	}
	if (c->mark != NULL && c->g->age_time - c->mark->last <= CLONE_SILENCE_MS && c->mark->hw[0] == r->hw[0])
		return hw_differs(c->mark->hw, r->hw, sizeof r->hw);
	return r->lease_known && r->has_lease_hw && hw_differs(r->lease_hw, r->hw, sizeof r->hw);
}

static void adopt(struct context *c)
{
	struct ledger *l = c->l;
	int moved;

	/* A lease of ours with a number this log has not reached, or of a ledger before this one. */
	if (!c->r->lease_known || (c->r->lease_seq != 0 && c->r->lease_seq < c->g->next_seq))
		return;
	if ((moved = c->r->lease_origin_seq == 0 ? 0 : moved_knows(l, c->r->lease_origin, c->r->lease_origin_seq)) == 1)
		return;   /* granted by a host whose rows are here */
	c->s->event.flags |= STORE_F_ADOPTED;
	if (moved != 0)
		return;   /* or by one that granted on after its state was written out */
	if (c->r->lease_seq != 0 && c->r->lease_seq < INT64_MAX / 2)
		c->g->next_seq = c->r->lease_seq + 1;   /* its number is taken: a jti names one lease */
	if (l->told_rollback_ms == 0 || c->g->boot - l->told_rollback_ms >= HOUR_MS) {
		l->told_rollback_ms = c->g->boot;
		host_row(l, CODE_M_STORAGE, "ledger was rolled back: a valid lease of ours was presented that it does not know");
		host_later(l, 4, "ledger-rolled-back", "a valid lease of ours was presented that the ledger does not know: it was restored from "
		           "an older copy or begun anew; such leases are adopted");
	}
}

static void count_in(struct context *c)
{
	struct staged *s = c->s;
	struct pool_slot *pool = s->pool;
	struct pool_member *m = &s->member;
	uint16_t *staged = staged_client(c->g, c->r->client, pool);
	uint32_t cap, count;

	memset(m, 0, sizeof *m);
	memcpy(m->client, c->r->client, 16);
	m->has_hw = c->r->has_hw;
	if (c->r->has_hw)
		memcpy(m->hw, c->r->hw, sizeof m->hw);
	if (c->member != NULL && c->member->has_hw && c->g->age_time - c->member->last <= CLONE_SILENCE_MS) {
		m->has_hw = true;   /* the hardware first granted stays on record, also when another source is sent now */
		memcpy(m->hw, c->member->hw, sizeof m->hw);
	}
	m->is_virtual = c->r->is_virtual;
	m->last = c->g->at;
	m->product = s->event.product;
	s->counted = true;
	if (*staged == 0 && c->member == NULL) {
		pool->staged_new++;
		pool->staged_observed += pool_is_observed(pool->members, c->r->client);
	}
	*staged = (uint16_t)(s - c->g->rows + 1);
	if (c->new_used != NULL) {
		newcomer_charge(c->new_used, &pool->day);
		s->charged = true;
	}
	if (c->r->edition->minimum_count > pool->staged_minimum)
		pool->staged_minimum = c->r->edition->minimum_count;
	cap = 2 * (pool->staged_minimum > pool_largest_minimum(pool->members) ? pool->staged_minimum : pool_largest_minimum(pool->members));
	count = pool_count(pool->members) + pool->staged_new;
	if (c->r->edition->product->count_observed)   /* ledger.md section 2, "Observed machines" */
		count += pool_observed(pool->members) - pool->staged_observed;
	s->event.count = count < cap ? count : cap;
}

static void grant(struct context *c)
{
	struct threshold_input in = { 0 };
	struct threshold_verdict v;
	struct store_event *e = &c->s->event;

	adopt(c);
	count_in(c);
	in.count = e->count;
	in.minimum_count = c->r->edition->minimum_count;
	in.validity_s = c->r->edition->product->row.validity_s;
	in.advise = c->r->edition->product->advise;
	in.certified = c->r->certified;
	in.chain_end = c->r->chain_end;
	in.now = c->g->wall;
	threshold_decide(&v, &in);
	e->minimum = in.minimum_count;
	e->result = v.code;
	e->expires = v.expires;
	if (v.code == CODE_OK)
		e->flags |= STORE_F_LEASE | (v.debt ? STORE_F_DEBT : 0U);
	stage(c);
	c->s->member.seq = e->seq;
	c->r->at = lease_time(c->g, c->r->at);
}

/* Decided before it came here: whoever holds a counted key, a licence or a seat is in nobody's count. */
static void decided(struct context *c)
{
	struct threshold_input in = { .count = 1, .minimum_count = 1, .validity_s = c->r->edition->product->row.validity_s, .certified = c->r->certified,
	                              .chain_end = c->r->chain_end, .now = c->g->wall };
	struct threshold_verdict v = { .code = c->r->verdict };
	struct store_event *e = &c->s->event;

	if (c->r->grants)
		threshold_decide(&v, &in);
	if (v.code == CODE_OK && c->r->grants && c->r->until != 0)
		v.expires = c->r->until < c->r->chain_end ? c->r->until : c->r->chain_end;
	if (v.expires != 0 && v.expires <= c->g->wall) {
		snprintf(c->r->detail, sizeof c->r->detail, "what was granted ended before it was recorded");
		c->r->code = CODE_M_OVERLOAD;
		c->r->retry_after = 1;
		c->r->at = c->g->at;
		c->s->fate = FATE_ANSWERED;
		return;
	}
	e->result = v.code;
	e->expires = v.expires;
	e->count = c->r->used;
	e->digest = 0;   /* asked again it is looked up again */
	if (c->r->grants && v.code == CODE_OK)
		e->flags |= STORE_F_LEASE | (c->r->debt ? STORE_F_DEBT : 0U);
	stage(c);
	c->r->at = lease_time(c->g, c->r->at);
}

static void release(struct context *c)
{
	struct store_event *e = &c->s->event;

	e->result = CODE_OK;
	if (c->s->pool != NULL) {
		e->count = pool_count(c->s->pool->members);   /* the old count stands until the refill */
		e->minimum = c->r->edition->minimum_count;
	}
	stage(c);
}

static uint32_t edition_number(const struct binding_product *p, const struct catalog_edition *e)
{
	size_t i = (size_t)(e - p->editions);

	return p->editions != NULL && e >= p->editions && i < p->edition_count ? p->numbers[i] : 0;
}

static bool find_product(struct context *c)
{
	const struct catalog_edition *edition = c->r->edition;
	const struct binding *b = binding_find(c->l, c->r->catalog);
	struct binding_product *p;

	if (edition == NULL) {
		c->s->product = slot_product(c->l, 0);
		event_fill(c, 0, 0);
		memset(c->s->event.hw, 0, sizeof c->s->event.hw);
		memcpy(c->s->event.hw, c->r->activation_id, 16);
		c->s->event.flags |= STORE_F_UNKNOWN | STORE_F_HW;
		return true;
	}
	if (b == NULL || edition->product->index >= b->product_count)
		return false;
	p = &b->product[edition->product->index];
	c->s->product = p->slot;
	c->s->pool = p->slot->pool;
	event_fill(c, p->slot->row.product, edition_number(p, edition));
	c->s->event.minimum = p->slot->pool != NULL ? edition->minimum_count : 0;   /* a refusal's record carries it too */
	return true;
}

void decide(struct ledger *l, struct group *g, struct ledger_request *r)
{
	struct staged *s = &g->rows[g->n++];
	struct context c = { .l = l, .g = g, .r = r, .s = s };

	s->request = r;
	s->pool = NULL;
	s->counted = s->charged = s->refusal_sum = s->system = false;
	r->repeat = r->renewal = false;
	r->debt = r->debt && r->decided;
	r->seq = r->at = r->expires = 0;
	r->count = r->minimum = r->retry_after = 0;
	r->detail[0] = '\0';
	if (!find_product(&c)) {
		r->code = CODE_M_OVERLOAD;
		r->retry_after = 1;
		snprintf(r->detail, sizeof r->detail, "the configuration was reloaded meanwhile");
		s->fate = FATE_ANSWERED;
		return;
	}
	if (!r->decided && repeated(&c))
		return;
	if (r->refused != 0 || r->edition == NULL) {
		refuse(&c, r->refused != 0 ? r->refused : (uint32_t)CODE_UNSUPPORTED_PRODUCT, 0);
		return;
	}
	if (r->kind == LEDGER_RELEASE) {
		release(&c);
		remember_digest(&c);
		return;
	}
	recognise(&c);
	if (over_limits(&c)) {
		refuse(&c, CODE_M_RATE_NEW, 0);
	} else if (clock_wrong(&c)) {
		refuse(&c, (uint32_t)CODE_TIMESTAMP, 0);
	} else if (is_clone(&c)) {
		snprintf(r->detail, sizeof r->detail, "this client ID is in use by other hardware");
		refuse(&c, CODE_M_DUPLICATE, STORE_F_CLONE);
	} else if (r->decided) {
		decided(&c);
	} else if (s->pool == NULL) {
		refuse(&c, CODE_M_MODEL, 0);   /* no count, no threshold: checked before, never granted here */
	} else {
		grant(&c);
		remember_digest(&c);
	}
}
