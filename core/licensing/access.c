#include "core/licensing/access.h"

#include "core/base/codes.h"

static int64_t ms(uint32_t s)
{
	return (int64_t)s * 1000;
}

uint64_t access_free(const struct access_line *l)
{
	return l->licenses > l->out ? l->licenses - l->out : 0;
}

static bool serves(const struct access_input *in, const struct access_line *l)
{
	return l->generation >= in->wanted && l->generation <= in->server;
}

static bool counted(const struct access_line *l)
{
	return !l->over && (l->held == ACCESS_PERMANENT || l->held == ACCESS_ASSIGNED || l->held == ACCESS_KEPT);
}

uint64_t access_revocable(uint64_t licenses, uint64_t revoked, uint32_t percent)
{
	uint64_t most = licenses / 100 * percent + licenses % 100 * percent / 100;

	return most > revoked ? most - revoked : 0;
}

int64_t access_permanent_ms(const struct muster_access_rules *rules, uint64_t random)
{
	uint32_t min = rules->permanent_min_s, max = rules->permanent_max_s > min ? rules->permanent_max_s : min;

	return ms(min) + (int64_t)(random % ((uint64_t)max - min + 1)) * 1000;
}

/* ---- lines ---- */

static void put(struct access_line *l, enum access_held held, bool over, int64_t since, int64_t until)
{
	l->held = held;
	l->over = over;
	l->taken = false;
	l->since = since;
	l->until = until;
	l->change = ACCESS_PUT;
}

static void drop(struct access_line *l)
{
	l->held = ACCESS_NONE;
	l->over = l->taken = false;
	l->change = ACCESS_DROP;
}

void access_settle(struct access_line *l, uint32_t reassign_s, int64_t now)
{
	bool was_counted = counted(l);

	if (l->held == ACCESS_NONE || l->until > now)
		return;
	switch (l->held) {
	case ACCESS_TEMPORARY:
	case ACCESS_PERMANENT:
	case ACCESS_ENDED:
		put(l, ACCESS_ENDED, false, l->since, ACCESS_NEVER);
		break;
	case ACCESS_ASSIGNED:
		/* What is beyond the number is no licence that another one could get. */
		if (!l->over && l->since + ms(reassign_s) > now)
			put(l, ACCESS_KEPT, false, l->since, l->since + ms(reassign_s));
		else
			drop(l);
		break;
	case ACCESS_KEPT:
	case ACCESS_NONE:
		drop(l);
		break;
	}
	if (was_counted && !counted(l) && l->out > 0)
		l->out--;
}

static void settle_all(const struct access_input *in)
{
	for (size_t i = 0; i < in->n; i++) {
		in->lines[i].change = ACCESS_LEAVE;
		access_settle(&in->lines[i], in->rules->user_reassign_s, in->now);
	}
}

struct access_line *access_pick(const struct access_input *in)
{
	struct access_line *found = NULL;
	uint64_t free = 0;

	for (size_t i = 0; i < in->n; i++) {
		struct access_line *l = &in->lines[i];

		free += access_free(l);
		if (found == NULL && serves(in, l) && access_free(l) > 0)
			found = l;
		if (l->held == ACCESS_PERMANENT && !l->over && l->generation < in->wanted)
			free++;   /* given back for the newer one */
	}
	return free > in->kept ? found : NULL;
}

/* Something would be free, were it not kept for others. */
static bool kept_for_others(const struct access_input *in)
{
	for (size_t i = 0; i < in->n; i++)
		if (serves(in, &in->lines[i]) && access_free(&in->lines[i]) > 0)
			return true;
	return false;
}

/* Where to book what is beyond: a version that was bought at all, else the one asked for. */
static struct access_line *book(const struct access_input *in)
{
	struct access_line *wanted = NULL;

	for (size_t i = 0; i < in->n; i++) {
		if (serves(in, &in->lines[i]) && in->lines[i].licenses > 0)
			return &in->lines[i];
		if (in->lines[i].generation == in->wanted)
			wanted = &in->lines[i];
	}
	return wanted;
}

static void grant(struct access_verdict *out, const struct access_line *l)
{
	out->code = CODE_OK;
	out->kind = l->held;
	out->generation = l->generation;
	out->until = l->until;
	out->over = l->over;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* ---- per device ---- */

/* The device's best of a kind that serves and is not over. */
static struct access_line *device_holds(const struct access_input *in, enum access_held held)
{
	struct access_line *best = NULL;

	for (size_t i = 0; i < in->n; i++) {
		struct access_line *l = &in->lines[i];

		if (serves(in, l) && l->held == held && (best == NULL || l->until > best->until))
			best = l;
	}
	return best;
}

/* A permanent licence at @p to. Older rows go: this one says that the device is known. Newer ones stay known. */
static void device_give(struct access_verdict *out, const struct access_input *in, struct access_line *to, bool over)
{
	for (size_t i = 0; i < in->n; i++) {
		struct access_line *l = &in->lines[i];

		if (l == to || l->held == ACCESS_NONE)
			continue;
		if (l->generation < to->generation)
			drop(l);
		else if (l->held == ACCESS_PERMANENT && serves(in, l))
			put(l, ACCESS_ENDED, false, l->since, ACCESS_NEVER);
	}
	out->fresh = over;
	put(to, ACCESS_PERMANENT, over, in->now, in->now + access_permanent_ms(in->rules, in->random));
	grant(out, to);
}

/* Renewed when little is left: it is counted already, so nothing need be free; but what there is must hold it, and else another that is free. */
static void device_renew(struct access_verdict *out, const struct access_input *in, struct access_line *l)
{
	struct access_line *other = access_pick(in);
	int64_t until = later(l->until, in->now + access_permanent_ms(in->rules, in->random));
	bool over = l->over;

	if (l->until - in->now > ms(in->rules->renew_left_s)) {
		grant(out, l);
		return;
	}
	if (!over && l->out <= l->licenses) {
		put(l, ACCESS_PERMANENT, false, l->since, until);
	} else if (other != NULL && other != l) {
		device_give(out, in, other, false);
		return;
	} else if (other == l) {
		put(l, ACCESS_PERMANENT, false, in->now, until);
	} else if (in->advise) {
		put(l, ACCESS_PERMANENT, true, l->since, until);
		out->fresh = !over;
	}
	grant(out, l);
}

static void device_temporary(struct access_verdict *out, const struct access_input *in)
{
	for (size_t i = 0; i < in->n; i++) {
		struct access_line *l = &in->lines[i];

		if (l->generation != in->wanted)
			continue;
		put(l, ACCESS_TEMPORARY, false, in->now, in->now + ms(in->rules->temporary_s));
		grant(out, l);
		return;
	}
}

/* Neither held nor free. */
static void device_without(struct access_verdict *out, const struct access_input *in)
{
	struct access_line *l = in->advise ? book(in) : NULL;

	if (l != NULL)
		device_give(out, in, l, true);
	else
		out->code = kept_for_others(in) ? (uint32_t)CODE_M_RESERVED : (uint32_t)CODE_M_NO_LICENSE;
}

void access_decide_device(struct access_verdict *out, const struct access_input *in)
{
	bool known = false, had = false;   /* anything; something as new as what is wanted */
	struct access_line *l;

	*out = (struct access_verdict){ .code = (uint32_t)CODE_M_NO_LICENSE };
	settle_all(in);
	for (size_t i = 0; i < in->n; i++) {
		known = known || in->lines[i].held != ACCESS_NONE;
		had = had || (in->lines[i].held != ACCESS_NONE && in->lines[i].generation >= in->wanted);
	}
	if ((l = device_holds(in, ACCESS_PERMANENT)) != NULL) {
		device_renew(out, in, l);
		return;
	}
	for (size_t i = 0; i < in->n; i++)
		if (in->lines[i].taken && serves(in, &in->lines[i])) {
			out->code = (uint32_t)CODE_M_TAKEN_BACK;
			out->until = in->lines[i].until;
			return;
		}
	if (known && (l = access_pick(in)) != NULL)
		device_give(out, in, l, false);
	else if ((l = device_holds(in, ACCESS_TEMPORARY)) != NULL)
		grant(out, l);
	else if (!had)
		device_temporary(out, in);
	else
		device_without(out, in);
}

/* ---- per user ---- */

static struct access_line *user_holds(const struct access_input *in)
{
	struct access_line *best = NULL;

	for (size_t i = 0; i < in->n; i++) {
		struct access_line *l = &in->lines[i];

		if (serves(in, l) && (l->held == ACCESS_ASSIGNED || l->held == ACCESS_KEPT) && (best == NULL || (best->over && !l->over)))
			best = l;
	}
	return best;
}

/* The user has something newer: what is older goes back, not before it may be another one's. */
static void user_give_back(const struct access_input *in, const struct access_line *now_held)
{
	for (size_t i = 0; i < in->n; i++) {
		struct access_line *l = &in->lines[i];
		int64_t end = l->since + ms(in->rules->user_reassign_s);

		if (l == now_held || l->held == ACCESS_NONE || l->generation > now_held->generation)
			continue;
		if (l->over || end <= in->now)
			drop(l);
		else if (l->held == ACCESS_ASSIGNED)
			put(l, ACCESS_KEPT, false, l->since, end);
	}
}

void access_decide_user(struct access_verdict *out, const struct access_input *in)
{
	int64_t until = in->now + ms(in->rules->user_s);
	struct access_line *l, *free;
	bool had_over;

	*out = (struct access_verdict){ .code = (uint32_t)CODE_M_NO_LICENSE };
	settle_all(in);
	l = user_holds(in);
	had_over = l != NULL && l->over;
	if (l != NULL && !l->over && l->out <= l->licenses) {
		put(l, ACCESS_ASSIGNED, false, l->since, l->held == ACCESS_KEPT ? until : later(l->until, until));
	} else if ((free = access_pick(in)) != NULL) {
		if (l != NULL && l != free)
			drop(l);
		l = free;
		put(l, ACCESS_ASSIGNED, false, in->now, until);
		user_give_back(in, l);
	} else {
		/* Beyond what was bought, or what was bought is no more. */
		int64_t since = l != NULL ? l->since : in->now;

		if (l == NULL)
			l = book(in);
		if (l == NULL)
			return;
		put(l, ACCESS_ASSIGNED, true, since, until);
		out->fresh = !had_over;
	}
	grant(out, l);
	out->until = until;
}
