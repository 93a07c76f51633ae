/* Administrators' acts on what is held: taking back, giving a user's licence to another one. */
#include "core/holdings/rules.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/uuid.h"

#define REVOKED_HOLDER 24   /* client ID ‖ ms */
#define REASON_MAX 400

static json_t *time_or_null(int64_t ms)
{
	char text[TIME_RFC3339];

	if (ms == INT64_MAX)
		return json_null();
	time_rfc3339(text, ms);
	return json_string(text);
}

/* Everything an act needs of the one group that it is. */
struct act {
	struct holdings *h;
	struct holdings_group *g;
	const char *actor;
	const struct catalog_product *p;
	uint32_t product;
	json_t *out;
};

static int act_begin(struct act *a, struct holdings *h, const char *actor, const struct catalog_product *p, struct muster_err *err)
{
	*a = (struct act){ .h = h, .actor = actor, .p = p };
	holdings_lock(h);
	if ((a->product = holdings_number(h, p)) == 0)
		return err_set(err, MUSTER_E_BUSY, "the configuration was reloaded meanwhile");
	return group_begin(&a->g, h, holdings_now(h), err);
}

/* Committed when @p r is MUSTER_OK; the answer is published only then. */
static int act_end(struct act *a, int r, json_t **out, struct muster_err *err)
{
	if (r == MUSTER_OK && a->out == NULL)
		r = err_nomem(err);
	if (r == MUSTER_OK)
		r = group_commit(a->g, err);
	else
		group_drop(a->g);
	holdings_unlock(a->h);
	if (r == MUSTER_OK)
		*out = a->out;
	else
		json_decref(a->out);
	return r;
}

static int check_reason(const char *reason, struct muster_err *err)
{
	if (reason == NULL || reason[strspn(reason, " \t")] == '\0')
		return err_set(err, MUSTER_E_INVALID, "reason: say why; it is kept in the journal");
	if (strlen(reason) > REASON_MAX)
		return err_set(err, MUSTER_E_INVALID, "reason: longer than %d bytes", REASON_MAX);
	return MUSTER_OK;
}

/* ---- a device's licence ---- */

/* The one meant: of the version named, or the only one. */
static int device_line(struct access_line **out, const struct act *a, const struct access_lines *lines, const char *version, struct muster_err *err)
{
	const struct muster_access_version *v = version != NULL && *version != '\0' ? holdings_version_named(a->p, version) : NULL;
	struct access_line *temporary = NULL;
	char time[TIME_RFC3339];

	*out = NULL;
	if (version != NULL && *version != '\0' && v == NULL)
		return err_set(err, MUSTER_E_INVALID, "version: %s has no version \"%.64s\"", a->p->row.name, version);
	for (size_t i = 0; i < lines->n; i++) {
		struct access_line *l = &lines->l[i];

		if (v != NULL && v->generation != l->generation)
			continue;
		if (l->held == ACCESS_TEMPORARY)
			temporary = l;
		if (l->held != ACCESS_PERMANENT)
			continue;
		if (*out != NULL)
			return err_set(err, MUSTER_E_INVALID, "version: this device holds licences of several versions; say which one");
		*out = l;
	}
	if (*out != NULL)
		return MUSTER_OK;
	if (temporary == NULL)
		return err_set(err, MUSTER_E_NOT_FOUND, "this device holds no licence%s%s of %s", v != NULL ? " " : "", v != NULL ? v->name : "", a->p->row.name);
	time_rfc3339(time, temporary->until);
	return err_set(err, MUSTER_E_INVALID, "this device holds a temporary licence, which is out of no number; it ends at %s", time);
}

/* facts.md section 7: up to 20 % of a version. What is taken back beyond that (policy = advise) is debt until its time is over. */
static int revoked_row(struct act *a, const struct access_line *l, const struct store_holding *device, bool *over, struct muster_err *err)
{
	uint64_t revoked = group_sum(a->g, a->product, HOLDINGS_CLASS(HOLDINGS_REVOKED, l->generation), HOLDINGS_TAKEN);
	uint32_t percent = a->p->row.access->revoke_percent;
	struct store_holding row = *device;
	char version[MUSTER_NAME_MAX + 1];

	*over = access_revocable(l->licenses, revoked, percent) == 0;
	if (*over && !a->p->advise)
		return err_set(err, MUSTER_E_LIMIT, "of %llu licences %s at most %u %% can be taken back at a time, which is %llu; %llu are", (unsigned long long)l->licenses,
		               holdings_version_text(version, a->p, l->generation), percent, (unsigned long long)access_revocable(l->licenses, 0, percent), (unsigned long long)revoked);
	row.class_ = HOLDINGS_CLASS(HOLDINGS_REVOKED, l->generation);
	row.holder_n = REVOKED_HOLDER;
	be64_put(row.holder + sizeof row.client, (uint64_t)group_now(a->g));
	row.state = HOLDINGS_TAKEN;
	row.flags = (row.flags & HOLDINGS_F_VIRTUAL) | (*over ? HOLDINGS_F_OVER : 0);
	row.since = group_now(a->g);
	return group_put(a->g, &row, err);
}

static int device_take(struct act *a, const struct access_lines *lines, const uint8_t client[16], const char *version, const char *reason, struct muster_err *err)
{
	char name[MUSTER_NAME_MAX + 1], id[UUID_TEXT], object[128], time[TIME_RFC3339];
	struct muster_span holder = { client, 16 };
	struct store_holding row;
	struct access_line *l;
	bool over = false;
	int64_t until;
	int r;

	if ((r = device_line(&l, a, lines, version, err)) != MUSTER_OK ||
	    (r = group_get(a->g, a->product, HOLDINGS_CLASS(HOLDINGS_DEVICE, l->generation), holder, &row, err)) != MUSTER_OK)
		return r;
	until = row.until;
	/* One beyond the number frees none. */
	if (!l->over && (r = revoked_row(a, l, &row, &over, err)) != MUSTER_OK)
		return r;
	row.state = HOLDINGS_ENDED;
	row.flags = (row.flags & HOLDINGS_F_VIRTUAL) | HOLDINGS_F_TAKEN;   /* and nothing new until `until` */
	if ((r = group_put(a->g, &row, err)) != MUSTER_OK)
		return r;
	uuid_format(id, client);
	time_rfc3339(time, until);
	(void)holdings_version_text(name, a->p, l->generation);
	(void)snprintf(object, sizeof object, "%s %s %s", a->p->row.name, name, id);
	if ((r = group_journal(a->g, a->actor, HOLDINGS_J_REVOKE, object, reason, err)) != MUSTER_OK)
		return r;
	a->out = json_pack("{s:s, s:s, s:s, s:o, s:b, s:o}", "product", a->p->row.name, "holder", id, "version", name, "until", time_or_null(until), "over", over,
	                   "message", json_sprintf("Took back licence %s of %s; it is free, and what the device was granted ends at %s.", name, id, time));
	return MUSTER_OK;
}

/* ---- a seat ---- */

static int seat_take(struct act *a, const uint8_t client[16], const char *reason, struct muster_err *err)
{
	struct seats_queue *queue = rules_queue(holdings_rules(a->h), a->product);
	struct muster_span holder = { client, 16 };
	char id[UUID_TEXT], object[128], time[TIME_RFC3339];
	struct store_holding row;
	bool at_once;
	int r = group_get(a->g, a->product, SEATS_CLASS, holder, &row, err);

	if (r != MUSTER_OK)
		return r == MUSTER_E_NOT_FOUND ? err_set(err, r, "this machine has no seat of %s", a->p->row.name) : r;
	if (row.state == HOLDINGS_ENDING)
		return err_set(err, MUSTER_E_EXISTS, "this seat was taken back already");
	/* Without a lease that lives it is free at once; else when that is over, without grace. */
	at_once = (row.flags & HOLDINGS_F_GRACE) != 0 || row.until <= group_now(a->g);
	row.state = HOLDINGS_ENDING;
	row.flags &= HOLDINGS_F_VIRTUAL;
	if ((r = at_once ? group_delete(a->g, a->product, SEATS_CLASS, holder, err) : group_put(a->g, &row, err)) != MUSTER_OK)
		return r;
	if (queue != NULL)
		seats_queue_leave(queue, client);
	uuid_format(id, client);
	time_rfc3339(time, at_once ? group_now(a->g) : row.until);
	(void)snprintf(object, sizeof object, "%s %s", a->p->row.name, id);
	if ((r = group_journal(a->g, a->actor, HOLDINGS_J_SEAT_TAKEN, object, reason, err)) != MUSTER_OK)
		return r;
	a->out = json_pack("{s:s, s:s, s:n, s:s, s:b, s:o}", "product", a->p->row.name, "holder", id, "version", "until", time, "over", 0,
	                   "message", at_once ? json_sprintf("Took back the seat of %s; it is free.", id)
	                                      : json_sprintf("Took back the seat of %s; it is not renewed, and free at %s.", id, time));
	return MUSTER_OK;
}

int holdings_take_back(struct holdings *h, const char *actor, const struct catalog_product *product, const char *holder, const char *version, const char *reason,
                       json_t **out, struct muster_err *err)
{
	struct access_lines lines = { 0 };
	struct act a;
	uint8_t client[16];
	int r;

	*out = NULL;
	if ((r = check_reason(reason, err)) != MUSTER_OK)
		return r;
	if (product->row.model != MUSTER_MODEL_ACCESS && product->row.model != MUSTER_MODEL_SEATS)
		return err_set(err, MUSTER_E_INVALID, "nothing of %s can be taken back: it has neither access licences nor seats", product->row.name);
	if (uuid_parse(client, holder, strlen(holder)) != MUSTER_OK)
		return err_set(err, MUSTER_E_INVALID, "holder: not a client ID%s", product->row.model == MUSTER_MODEL_ACCESS ? "; licences per user are not taken back, they are given to another user (reassign)" : "");
	r = act_begin(&a, h, actor, product, err);
	if (r == MUSTER_OK && product->row.model == MUSTER_MODEL_SEATS)
		r = seat_take(&a, client, reason, err);
	else if (r == MUSTER_OK && (r = access_lines_init(&lines, h, a.g, product, HOLDINGS_DEVICE, err)) == MUSTER_OK &&
	         (r = access_lines_read(&lines, a.g, (struct muster_span){ client, sizeof client }, err)) == MUSTER_OK)
		r = device_take(&a, &lines, client, version, reason, err);
	access_lines_fini(&lines);
	return act_end(&a, r, out, err);
}

/* ---- a user's licence to another user ---- */

static bool has_one(const struct access_line *l)
{
	return !l->over && (l->held == ACCESS_ASSIGNED || l->held == ACCESS_KEPT);
}

/* The newest that may be given to another one already. */
static int given(struct access_line **out, const struct act *a, const struct access_lines *from, const char *user, struct muster_err *err)
{
	int64_t keep = (int64_t)a->p->row.access->user_reassign_s * 1000, soonest = INT64_MAX;
	bool over = false;
	char time[TIME_RFC3339];

	*out = NULL;
	for (size_t i = 0; i < from->n; i++) {
		struct access_line *l = &from->l[i];

		over = over || l->over;
		if (!has_one(l))
			continue;
		if (l->since + keep <= group_now(a->g))
			*out = l;
		else if (l->since + keep < soonest)
			soonest = l->since + keep;
	}
	if (*out != NULL)
		return MUSTER_OK;
	if (soonest != INT64_MAX) {
		time_rfc3339(time, soonest);
		return err_set(err, MUSTER_E_NOT_YET, "the licence of \"%.128s\" may be given to another user from %s on: %u days after it was assigned", user, time,
		               a->p->row.access->user_reassign_s / 86400);
	}
	if (over)
		return err_set(err, MUSTER_E_INVALID, "\"%.128s\" was granted beyond what there is: there is no licence to give to another user", user);
	return err_set(err, MUSTER_E_NOT_FOUND, "\"%.128s\" holds no licence per user of %s", user, a->p->row.name);
}

static int give_to(struct act *a, const struct access_lines *from, const struct access_lines *to, const uint8_t from_key[USER_HOLDER], const uint8_t to_key[USER_HOLDER],
                   const char *from_name, const char *to_name, const char *reason, struct muster_err *err)
{
	struct muster_span old = { from_key, USER_HOLDER }, new = { to_key, USER_HOLDER };
	char name[MUSTER_NAME_MAX + 1], object[128], detail[REASON_MAX + 2 * STORE_NAME_MAX + 32];
	struct store_holding row;
	struct access_line *l;
	int r;

	if ((r = given(&l, a, from, from_name, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; i < to->n; i++)
		if (has_one(&to->l[i]) && to->l[i].generation >= l->generation)
			return err_set(err, MUSTER_E_EXISTS, "\"%.128s\" holds a licence %s already", to_name, holdings_version_text(name, a->p, to->l[i].generation));
	if ((r = group_get(a->g, a->product, HOLDINGS_CLASS(HOLDINGS_USER, l->generation), old, &row, err)) != MUSTER_OK ||
	    (r = group_delete(a->g, a->product, row.class_, old, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; i < to->n && r == MUSTER_OK; i++)
		if (to->l[i].over && to->l[i].generation <= l->generation)
			r = group_delete(a->g, a->product, HOLDINGS_CLASS(HOLDINGS_USER, to->l[i].generation), new, err);   /* that is settled by this */
	memcpy(row.holder, to_key, USER_HOLDER);
	memset(row.client, 0, sizeof row.client);
	row.has_hw = false;
	row.number = 0;   /* a reservation was the other one's */
	row.state = HOLDINGS_ASSIGNED;
	row.flags = 0;
	row.since = group_now(a->g);
	row.until = row.since + (int64_t)a->p->row.access->user_s * 1000;
	(void)snprintf(row.name, sizeof row.name, "%s", to_name);
	if (r != MUSTER_OK || (r = group_put(a->g, &row, err)) != MUSTER_OK)
		return r;
	(void)holdings_version_text(name, a->p, l->generation);
	(void)snprintf(object, sizeof object, "%s %s", a->p->row.name, name);
	(void)snprintf(detail, sizeof detail, "from \"%s\" to \"%s\": %s", from_name, to_name, reason);
	if ((r = group_journal(a->g, a->actor, HOLDINGS_J_REASSIGN, object, detail, err)) == MUSTER_OK)
		a->out = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "product", a->p->row.name, "version", name, "from", from_name, "to", to_name, "until", time_or_null(row.until),
		                   "message", json_sprintf("Gave licence %s of %s to %s.", name, from_name, to_name));
	return r;
}

int holdings_reassign(struct holdings *h, const char *actor, const struct catalog_product *product, const char *from, const char *to, const char *reason,
                      json_t **out, struct muster_err *err)
{
	struct access_lines old = { 0 }, new = { 0 };
	uint8_t from_key[USER_HOLDER], to_key[USER_HOLDER];
	struct act a;
	int r;

	*out = NULL;
	if (product->row.model != MUSTER_MODEL_ACCESS)
		return err_set(err, MUSTER_E_INVALID, "%s has no access licences", product->row.name);
	if ((r = check_reason(reason, err)) != MUSTER_OK || (r = access_user_holder(from_key, from, err)) != MUSTER_OK || (r = access_user_holder(to_key, to, err)) != MUSTER_OK)
		return r;
	if (memcmp(from_key, to_key, sizeof from_key) == 0)
		return err_set(err, MUSTER_E_INVALID, "to: the same user");
	if ((r = act_begin(&a, h, actor, product, err)) == MUSTER_OK && (r = access_lines_init(&old, h, a.g, product, HOLDINGS_USER, err)) == MUSTER_OK &&
	    (r = access_lines_init(&new, h, a.g, product, HOLDINGS_USER, err)) == MUSTER_OK &&
	    (r = access_lines_read(&old, a.g, (struct muster_span){ from_key, sizeof from_key }, err)) == MUSTER_OK &&
	    (r = access_lines_read(&new, a.g, (struct muster_span){ to_key, sizeof to_key }, err)) == MUSTER_OK)
		r = give_to(&a, &old, &new, from_key, to_key, from, to, reason, err);
	access_lines_fini(&old);
	access_lines_fini(&new);
	return act_end(&a, r, out, err);
}
