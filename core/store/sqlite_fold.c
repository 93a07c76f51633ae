/* The fold: sorted runs of events into the clients' rows, a transaction at a time. */
#include "core/store/sqlite_state.h"

#include <string.h>

#include "core/base/err.h"
#include "core/store/rules.h"

int sqlite_write_use(struct db *db, sqlite3_stmt *s, const struct store_use *u, struct muster_err *err)
{
	db_bind_blob(s, 1, u->client, sizeof u->client);
	(void)sqlite3_bind_int64(s, 2, u->product);
	(void)sqlite3_bind_int64(s, 3, u->first);
	(void)sqlite3_bind_int64(s, 4, u->last);
	(void)sqlite3_bind_int64(s, 5, u->last_hour);
	(void)sqlite3_bind_int64(s, 6, u->last_seq);
	(void)sqlite3_bind_int64(s, 7, (int64_t)u->requests);
	(void)sqlite3_bind_int64(s, 8, u->result);
	(void)sqlite3_bind_int64(s, 9, u->status);
	db_bind_present(s, 10, (u->flags & STORE_F_MINUTES) != 0, u->minutes);
	db_bind_blob(s, 11, u->hw, (u->flags & STORE_F_HW) != 0 ? sizeof u->hw : 0);
	db_bind_text(s, 12, u->name);
	db_bind_blob(s, 13, u->addr, u->addr_len);
	(void)sqlite3_bind_int64(s, 14, u->flags);
	return db_run(db, s, "fold into", err);
}

/* One client's events. */
static int fold_group(struct db *db, const struct store_event *const *events, size_t n,
                      void (*merge)(void *, struct store_use *, bool, const struct store_event *const *, size_t), void *ctx, struct muster_err *err)
{
	sqlite3_stmt *find = db->stmt[S_USE_ONE];
	struct store_use row;
	int64_t hour;
	bool is_new;
	int r;

	memset(&row, 0, sizeof row);
	db_bind_blob(find, 1, events[0]->client, sizeof events[0]->client);
	(void)sqlite3_bind_int64(find, 2, events[0]->product);
	if ((r = db_step(db, find, "read", err)) < 0)
		return r;
	is_new = r == 0;
	if (is_new) {
		memcpy(row.client, events[0]->client, sizeof row.client);
		row.product = events[0]->product;
	} else {
		sqlite_read_use(&row, find);
		(void)sqlite3_reset(find);
	}
	hour = row.last_hour;
	merge(ctx, &row, is_new, events, n);
	row.last_hour = row.last / STORE_HOUR_MS;
	if (is_new)
		return row.last_seq == 0 ? MUSTER_OK : sqlite_write_use(db, db->stmt[S_USE_ADD], &row, err);
	return sqlite_write_use(db, db->stmt[row.last_hour == hour ? S_USE_SET_SAME_HOUR : S_USE_SET], &row, err);
}

static int add_counters(struct db *db, const struct store_fold_end *end, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_COUNTER_ADD];
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < end->counter_count; i++) {
		(void)sqlite3_bind_int64(s, 1, end->counters[i].source);
		(void)sqlite3_bind_int64(s, 2, end->counters[i].product);
		(void)sqlite3_bind_int64(s, 3, end->counters[i].status);
		(void)sqlite3_bind_int64(s, 4, (int64_t)end->counters[i].n);
		r = db_run(db, s, "fold into", err);
	}
	return r;
}

static int replace_members(struct db *db, const struct store_fold_end *end, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_MEMBER_ADD];
	int r = db_run(db, db->stmt[S_MEMBERS_CLEAR], "fold into", err);

	for (size_t i = 0; r == MUSTER_OK && i < end->member_count; i++) {
		const struct store_member *m = &end->members[i];

		(void)sqlite3_bind_int64(s, 1, m->pool);
		db_bind_blob(s, 2, m->client, sizeof m->client);
		(void)sqlite3_bind_int64(s, 3, m->last);
		db_bind_blob(s, 4, m->hw, m->has_hw ? sizeof m->hw : 0);
		(void)sqlite3_bind_int64(s, 5, m->product);
		(void)sqlite3_bind_int(s, 6, m->is_virtual);
		r = db_run(db, s, "fold into", err);
	}
	return r;
}

static int add_unknown(struct db *db, const struct store_fold_end *end, struct muster_err *err)
{
	sqlite3_stmt *s = db->stmt[S_UNKNOWN_ADD];
	int r = MUSTER_OK;

	if (end->unknown_count == 0)
		return r;
	for (size_t i = 0; r == MUSTER_OK && i < end->unknown_count; i++) {
		db_bind_blob(s, 1, end->unknown[i].activation_id, sizeof end->unknown[i].activation_id);
		(void)sqlite3_bind_int64(s, 2, end->unknown[i].last);
		(void)sqlite3_bind_int64(s, 3, (int64_t)end->unknown[i].n);
		r = db_run(db, s, "fold into", err);
	}
	if (r != MUSTER_OK)
		return r;
	(void)sqlite3_bind_int64(db->stmt[S_UNKNOWN_CAP], 1, STORE_UNKNOWN_MAX);
	return db_run(db, db->stmt[S_UNKNOWN_CAP], "fold into", err);
}

static int fold_end(struct db *db, const struct store_fold_end *end, struct muster_err *err)
{
	int r;

	if ((r = add_counters(db, end, err)) != MUSTER_OK || (r = replace_members(db, end, err)) != MUSTER_OK || (r = add_unknown(db, end, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; r == MUSTER_OK && i < end->pool_count; i++) {
		(void)sqlite3_bind_int64(db->stmt[S_POOL_RAISE], 1, end->pools[i].pool);
		(void)sqlite3_bind_int64(db->stmt[S_POOL_RAISE], 2, end->pools[i].largest_minimum);
		r = db_run(db, db->stmt[S_POOL_RAISE], "fold into", err);
	}
	if (r != MUSTER_OK)
		return r;
	(void)sqlite3_bind_int64(db->stmt[S_POSITION], 1, end->fold_seq);
	(void)sqlite3_bind_int64(db->stmt[S_POSITION], 2, end->fold_at);
	return db_run(db, db->stmt[S_POSITION], "fold into", err);
}

int sqlite_fold(struct store_state *base, const struct store_event *const *events, size_t n,
                void (*merge)(void *, struct store_use *, bool, const struct store_event *const *, size_t), void *ctx,
                const struct store_fold_end *end, struct muster_err *err)
{
	struct db *db = &sqlite_state_of(base)->db;
	struct store_state_info info;
	size_t group;
	int r;

	if ((r = rules_check_sorted(events, n, err)) != MUSTER_OK || (r = db_begin(db, err)) != MUSTER_OK)
		return r;
	if (end != NULL && (r = sqlite_read_position(db, &info, err)) == MUSTER_OK)
		r = rules_check_end(end, info.fold_seq, err);
	for (; r == MUSTER_OK && n > 0; events += group, n -= group) {
		group = rules_group(events, n);
		r = fold_group(db, events, group, merge, ctx, err);
	}
	if (r == MUSTER_OK && end != NULL)
		r = fold_end(db, end, err);
	return db_end(db, r, err);
}
