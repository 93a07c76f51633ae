/* Access licences per device and per user: one request, over the rows (rules: core/licensing/access.h). */
#include "core/holdings/rules.h"

#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/ledger/clones.h"

#define ASK_SOON_S (14 * 86400)   /* what ends sooner is asked for again at half of that time */
#define ASK_LEAST_S 900

/* ---- what is asked for ---- */

static bool take_per(struct holdings_request *r, uint32_t *kind)
{
	const struct muster_access_rules *rules = r->product->row.access;
	uint32_t allowed = rules->per != 0 ? rules->per : (MUSTER_PER_DEVICE | MUSTER_PER_USER);
	uint32_t per = r->per != 0 ? r->per : (allowed & MUSTER_PER_DEVICE) != 0 ? MUSTER_PER_DEVICE : MUSTER_PER_USER;

	if ((allowed & per) == 0 || (per != MUSTER_PER_DEVICE && per != MUSTER_PER_USER)) {
		holdings_refuse(r, (uint32_t)CODE_M_PER, "%s", per == MUSTER_PER_USER ? "this product is licensed per device only" : "this product is licensed per user only");
		return false;
	}
	if (per == MUSTER_PER_USER && (r->user == NULL || *r->user == '\0')) {
		holdings_refuse(r, (uint32_t)CODE_M_PER, "a licence per user needs the user's name (access.user)");
		return false;
	}
	*kind = per == MUSTER_PER_USER ? (uint32_t)HOLDINGS_USER : (uint32_t)HOLDINGS_DEVICE;
	return true;
}

static bool take_version(struct holdings_request *r, uint32_t server, uint32_t *wanted)
{
	char newest[MUSTER_NAME_MAX + 1];
	const struct muster_access_version *v;

	*wanted = server;
	if (r->version == NULL || *r->version == '\0')
		return true;
	v = holdings_version_named(r->product, r->version);
	(void)holdings_version_text(newest, r->product, server);
	if (v == NULL) {
		holdings_refuse(r, (uint32_t)CODE_M_VERSION, "version %.64s is not known here; the newest is %s", r->version, newest);
		return false;
	}
	if (v->generation > server) {
		holdings_refuse(r, (uint32_t)CODE_M_VERSION, "version %s is newer than this licence server, which gives out versions up to %s", v->name, newest);
		return false;
	}
	*wanted = v->generation;
	return true;
}

/* ---- what was decided, into the rows ---- */

static int write_line(struct holdings_group *g, const struct holdings_request *r, const struct access_lines *a, const struct access_line *l, struct muster_span holder,
                      struct muster_err *err)
{
	struct store_holding row;
	int e = group_get(g, a->product, HOLDINGS_CLASS(a->kind, l->generation), holder, &row, err);

	if (e == MUSTER_E_NOT_FOUND) {
		memset(&row, 0, sizeof row);
		row.product = a->product;
		row.class_ = HOLDINGS_CLASS(a->kind, l->generation);
		memcpy(row.holder, holder.p, holder.n);
		row.holder_n = (uint8_t)holder.n;
	} else if (e != MUSTER_OK) {
		return e;
	}
	access_line_to(&row, l);
	row.changed = group_now(g);
	memcpy(row.client, r->client, sizeof row.client);
	/* A device's stays on record when none is sent now, or one of another source. */
	if (a->kind == HOLDINGS_USER || !row.has_hw || (r->has_hw && r->hw[0] == row.hw[0])) {
		row.has_hw = r->has_hw;
		memcpy(row.hw, r->hw, sizeof row.hw);
	}
	row.flags = (row.flags & ~HOLDINGS_F_VIRTUAL) | (r->is_virtual ? HOLDINGS_F_VIRTUAL : 0);
	if (a->kind == HOLDINGS_USER)
		(void)snprintf(row.name, sizeof row.name, "%s", r->user);
	else if (r->name != NULL && *r->name != '\0')
		(void)snprintf(row.name, sizeof row.name, "%s", r->name);
	return group_put(g, &row, err);
}

/* New rows before old ones go: should memory end between them, nothing is lost. */
static int write_lines(struct holdings_group *g, const struct holdings_request *r, const struct access_lines *a, struct muster_span holder, struct muster_err *err)
{
	int e = MUSTER_OK;

	for (size_t i = 0; i < a->n && e == MUSTER_OK; i++)
		if (a->l[i].change == ACCESS_PUT)
			e = write_line(g, r, a, &a->l[i], holder, err);
	for (size_t i = 0; i < a->n && e == MUSTER_OK; i++)
		if (a->l[i].change == ACCESS_DROP)
			e = group_delete(g, a->product, HOLDINGS_CLASS(a->kind, a->l[i].generation), holder, err);
	return e;
}

/* ---- the answer ---- */

static uint32_t ask_again(int64_t left_ms)
{
	int64_t left = left_ms / 1000;

	if (left >= ASK_SOON_S)
		return 0;
	return left / 2 > ASK_LEAST_S ? (uint32_t)(left / 2) : ASK_LEAST_S;
}

static void answer_refused(struct holdings_request *r, const struct access_verdict *v, uint32_t wanted, const struct access_lines *a)
{
	char version[MUSTER_NAME_MAX + 1], time[TIME_RFC3339];
	uint64_t there = 0;

	for (size_t i = 0; i < a->n; i++)
		if (a->l[i].generation >= wanted && a->l[i].generation <= access_server(r->product))
			there += a->l[i].licenses;
	(void)holdings_version_text(version, r->product, wanted);
	r->code = v->code;
	r->total = there;
	if (v->code == (uint32_t)CODE_M_TAKEN_BACK) {
		time_rfc3339(time, v->until);
		(void)snprintf(r->detail, sizeof r->detail, "this device's licence was taken back by an administrator; it may get another one from %s on", time);
	} else if (v->code == (uint32_t)CODE_M_RESERVED) {
		(void)snprintf(r->detail, sizeof r->detail, "what is free of the %llu licences for %s or newer is reserved for others", (unsigned long long)there, version);
	} else if (there == 0) {
		(void)snprintf(r->detail, sizeof r->detail, "there is no licence for %s or newer, and this device has had its temporary one", version);
	} else {
		(void)snprintf(r->detail, sizeof r->detail, "all %llu licences for %s or newer are given out, and this device has had its temporary one", (unsigned long long)there, version);
	}
}

static void answer_granted(struct holdings *h, struct holdings_group *g, struct holdings_request *r, const struct access_verdict *v, const struct access_lines *a)
{
	static const uint32_t states[] = { [ACCESS_TEMPORARY] = HOLDINGS_TEMPORARY, [ACCESS_PERMANENT] = HOLDINGS_PERMANENT, [ACCESS_ASSIGNED] = HOLDINGS_ASSIGNED };

	r->code = CODE_OK;
	r->until = v->until;
	r->renew_s = ask_again(v->until - group_now(g));
	r->state = states[v->kind];
	r->generation = v->generation;
	r->over = v->over;
	r->used = access_out(g, a->product, a->kind, v->generation) + access_over(g, a->product, a->kind, v->generation);
	r->total = holdings_capacity_of(h, r->product, a->kind, v->generation);
}

/* ---- deciding ---- */

/* What lives belongs to the hardware that it was given to (trust.md section 10): a copy of the machine changes nothing of it. */
static int is_copy(bool *copy, struct holdings_group *g, const struct holdings_request *r, const struct access_lines *a, struct muster_span holder, struct muster_err *err)
{
	struct store_holding row;
	int e;

	*copy = false;
	for (size_t i = 0; i < a->n && !*copy; i++) {
		if ((a->l[i].held != ACCESS_TEMPORARY && a->l[i].held != ACCESS_PERMANENT) || a->l[i].until <= group_now(g))
			continue;
		if ((e = group_get(g, a->product, HOLDINGS_CLASS(a->kind, a->l[i].generation), holder, &row, err)) != MUSTER_OK)
			return e;
		*copy = row.has_hw && r->has_hw && hw_differs(row.hw, r->hw, sizeof row.hw);
	}
	return MUSTER_OK;
}

static bool holds(const struct access_lines *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->l[i].held != ACCESS_NONE)
			return true;
	return false;
}

static int decide(struct access_verdict *v, struct holdings *h, struct holdings_group *g, struct holdings_request *r, struct access_lines *a, uint32_t wanted, struct muster_err *err)
{
	uint8_t user[USER_HOLDER];
	struct muster_span holder = { r->client, sizeof r->client };
	struct access_input in = { .wanted = wanted, .server = access_server(r->product), .rules = r->product->row.access, .advise = r->product->advise, .now = group_now(g) };
	bool copy, known, over = false;
	int e;

	if (a->kind == HOLDINGS_USER) {
		if ((e = access_user_holder(user, r->user, err)) != MUSTER_OK)
			return e;
		holder = (struct muster_span){ user, sizeof user };
	}
	/* Who is over for longer goes before whoever asks now; it may be the one who asks, so rows are read afterwards. */
	if ((e = access_cover(h, g, r->product, a, err)) != MUSTER_OK || (e = access_lines_read(a, g, holder, err)) != MUSTER_OK)
		return e;
	if ((e = is_copy(&copy, g, r, a, holder, err)) != MUSTER_OK || copy) {
		v->code = (uint32_t)CODE_M_DUPLICATE;
		return e;
	}
	known = holds(a);
	in.lines = a->l;
	in.n = a->n;
	in.kept = r->product->reservation_count > 0 ? holdings_reserved_for_others(g, r->product, a->kind, r) : 0;
	in.random = group_random(g);
	if (a->kind == HOLDINGS_USER)
		access_decide_user(v, &in);
	else
		access_decide_device(v, &in);
	if (!known && v->code == CODE_OK && ((e = group_newcomer(g, r, holder, &over, err)) != MUSTER_OK || over)) {
		v->code = CODE_M_RATE_NEW;
		return e;
	}
	if ((e = write_lines(g, r, a, holder, err)) != MUSTER_OK || v->code != CODE_OK || !v->over)
		return e;
	return rules_breach(h, g, r->product, HOLDINGS_CLASS(a->kind, v->generation),
	                    access_out(g, a->product, a->kind, v->generation) + access_over(g, a->product, a->kind, v->generation),
	                    holdings_capacity_of(h, r->product, a->kind, v->generation), err);
}

void access_judge(struct holdings *h, struct holdings_group *g, struct holdings_request *r)
{
	struct muster_err err = { 0 };
	struct access_verdict v = { 0 };
	struct access_lines a;
	uint32_t kind, wanted;

	r->until = 0;
	r->over = false;
	r->detail[0] = '\0';
	if (r->release) {
		holdings_refuse(r, (uint32_t)CODE_M_KEPT, "%s", "");
		return;
	}
	if (!r->certified) {
		holdings_refuse(r, (uint32_t)CODE_HOST_NOT_ACTIVATED, "%s", "");   /* nothing may be given out that no lease could say */
		return;
	}
	if (!take_per(r, &kind) || !take_version(r, access_server(r->product), &wanted))
		return;
	if (access_lines_init(&a, h, g, r->product, kind, &err) != MUSTER_OK) {
		holdings_failed(h, r, &err);
		return;
	}
	if (decide(&v, h, g, r, &a, wanted, &err) != MUSTER_OK)
		holdings_failed(h, r, &err);
	else if (v.code == CODE_M_DUPLICATE || v.code == CODE_M_RATE_NEW)
		r->code = v.code;
	else if (v.code == CODE_OK)
		answer_granted(h, g, r, &v, &a);
	else
		answer_refused(r, &v, wanted, &a);
	access_lines_fini(&a);
}

int access_due(struct holdings *h, struct holdings_group *g, const struct store_holding *row, struct muster_err *err)
{
	const struct catalog_product *p = holdings_product(h, row->product);
	struct muster_span holder = { row->holder, row->holder_n };
	struct store_holding now = *row;
	struct access_line l = { 0 };

	if (HOLDINGS_KIND(row->class_) == HOLDINGS_REVOKED)
		return group_delete(g, row->product, row->class_, holder, err);
	access_line_from(&l, row);
	/* A product that is gone has no rule any more by which a user's licence would be kept. */
	access_settle(&l, p != NULL && p->row.access != NULL ? p->row.access->user_reassign_s : 0, group_now(g));
	if (l.change == ACCESS_DROP)
		return group_delete(g, row->product, row->class_, holder, err);
	if (l.change == ACCESS_LEAVE)
		return MUSTER_OK;
	access_line_to(&now, &l);
	now.changed = group_now(g);
	return group_put(g, &now, err);
}
