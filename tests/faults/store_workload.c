#include "tests/faults/store_workload.h"

#include "core/base/bytes.h"
#include "tests/unit/store_help.h"

#define GROUP 8   /* events a group; four groups */
#define FOLDED 16 /* the first two groups are folded */
#define CLIENTS 5

void workload_init(struct workload *w, struct store *store, const char *backup)
{
	memset(w, 0, sizeof *w);
	w->store = store;
	w->backup = backup;
	w->unknown = WORK_STEPS;
}

static int append(struct workload *w, int64_t seq, struct muster_err *err)
{
	struct store_event e[GROUP];
	const struct store_event *list[GROUP];

	for (int i = 0; i < GROUP; i++) {
		e[i] = help_event(seq + i, (uint64_t)(seq + i) % CLIENTS, 1);
		list[i] = &e[i];
	}
	return w->log->ops->append(w->log, list, GROUP, err);
}

/* Events from..to into the rows; with an end when @p counted > 0. */
static int fold(struct store_state *state, int64_t from, int64_t to, uint64_t counted, struct muster_err *err)
{
	struct store_event e[4 * GROUP];
	struct store_counter c = { 1, 1, 2, counted };
	struct store_unknown un = { .activation_id = { 9 }, .last = T0, .n = counted };
	struct store_member m = { .pool = 1, .last = T0, .product = 1 };
	struct store_fold_end end = { .fold_seq = to, .fold_at = T0 + to, .counters = &c, .counter_count = 1, .unknown = &un, .unknown_count = 1,
	                              .members = &m, .member_count = 1 };
	size_t n = 0;

	for (int64_t seq = from; seq <= to; seq++)
		e[n++] = help_event(seq, (uint64_t)seq % CLIENTS, 1);
	return help_fold(state, e, n, counted > 0 ? &end : NULL, err);
}

static int names(struct store_state *state, struct muster_err *err)
{
	struct store_pool pool = { .name = "office2013", .window_s = 2592000 };
	struct store_product product = { .pool = 1, .name = "office2013" };
	struct store_edition edition = { .activation_id = { 1 }, .product = 1, .name = "Office" };

	return state->ops->names(state, &pool, 1, &product, 1, &edition, 1, err);
}

static int transact(struct store_state *state, struct muster_err *err)
{
	struct store_change c[2] = {
		{ .kind = STORE_SETTING_PUT, .setting = { "host", "port", "1700", "7 ann", T0 }, .journal = { .at = T0, .actor = "7 ann", .kind = 1, .object = "port" } },
		{ .kind = STORE_JOURNAL_ONLY, .journal = { .at = T0 + 1, .actor = "7 ann", .kind = 2, .detail = "x" } }
	};

	return state->ops->transact(state, c, 2, err);
}

#define SEATS 3   /* held first; then one in another state, one given back, one renewed */

static struct store_holding seat(char who, uint32_t state, int64_t until)
{
	return (struct store_holding){ .product = 1, .class_ = 4u << 24, .holder = { (uint8_t)who }, .holder_n = 1, .state = state, .since = T0, .until = until,
	                               .name = "pc-17.example.org" };
}

static int hold(struct store_state *state, struct muster_err *err)
{
	struct store_holding rows[SEATS] = { seat('a', 6, T0 + 1), seat('b', 6, T0 + 2), seat('c', 6, T0 + 3) };
	struct store_change c[SEATS];

	memset(c, 0, sizeof c);
	for (int i = 0; i < SEATS; i++) {
		c[i].kind = STORE_HOLDING_PUT;
		c[i].holding = &rows[i];
	}
	return state->ops->transact(state, c, SEATS, err);
}

static int change(struct store_state *state, struct muster_err *err)
{
	struct store_holding a = seat('a', 7, T0 + 1), b = seat('b', 0, 0), c = seat('c', 6, INT64_MAX);
	struct store_change changes[3] = { { .kind = STORE_HOLDING_PUT, .holding = &a }, { .kind = STORE_HOLDING_DELETE, .holding = &b },
	                                   { .kind = STORE_HOLDING_PUT, .holding = &c } };

	return state->ops->transact(state, changes, 3, err);
}

COLLECTOR(help_holdings, struct store_holding)
COLLECTOR(help_sums, struct store_holding_sum)

static int holdings(struct workload *w, struct muster_err *err)
{
	struct store_holding rows[4], due[4], one;
	struct store_holding_sum sums[4];
	struct help_list lr = LIST_OF(rows), ld = LIST_OF(due), ls = LIST_OF(sums);
	int r;

	if ((r = w->state->ops->holdings(w->state, 1, 0, span_of(NULL, 0), 4, help_holdings, &lr, err)) != MUSTER_OK
	    || (r = w->state->ops->holdings_due(w->state, INT64_MAX, 4, help_holdings, &ld, err)) != MUSTER_OK
	    || (r = w->state->ops->holding_sums(w->state, help_sums, &ls, err)) != MUSTER_OK
	    || (r = w->state->ops->holding(w->state, 1, 4u << 24, span_str("c"), &one, err)) != MUSTER_OK)
		return r;
	ck_assert_uint_eq(lr.n, 2);
	ck_assert_uint_eq(ld.n, 1);
	ck_assert_uint_eq(ls.n, 2);
	return MUSTER_OK;
}

static int lists(struct workload *w, struct muster_err *err)
{
	struct store_use uses[16];
	struct store_counter counters[2];
	struct help_list lu = LIST_OF(uses), lc = LIST_OF(counters);
	uint8_t zero[16] = { 0 };
	int r;

	if ((r = w->state->ops->counters(w->state, help_counters, &lc, err)) != MUSTER_OK
	    || (r = w->state->ops->page(w->state, 0, zero, 0, 5, help_uses, &lu, err)) != MUSTER_OK
	    || (r = w->state->ops->recent(w->state, 1, 0, 5, help_uses, &lu, err)) != MUSTER_OK)
		return r;
	/* An answer is whole: an error in the middle is never taken for the end of a list. */
	ck_assert_uint_eq(lc.n, 1);
	ck_assert_uint_eq(counters[0].n, FOLDED);
	ck_assert_uint_eq(lu.n, 2 * CLIENTS);
	return holdings(w, err);
}

static int read_all(struct workload *w, struct muster_err *err)
{
	struct store_event rows[4 * GROUP + 1];
	struct help_list l = LIST_OF(rows);
	int r = w->log->ops->read(w->log, 0, 100, help_events, &l, err);

	if (r == MUSTER_OK)
		ck_assert_uint_eq(l.n, 2 * GROUP);
	return r;
}

static int take(struct workload *w, enum workload_step step, struct muster_err *err)
{
	struct store_state_info si;
	struct store_log_info li;
	size_t deleted;
	int r;

	switch (step) {
	case WORK_OPEN_STATE:
		return w->store->open_state(w->store, true, &w->state, err);
	case WORK_CLAIM_STATE:
		if ((r = w->state->ops->claim(w->state, &si, err)) == MUSTER_OK)
			memcpy(w->ledger_id, si.ledger_id, sizeof w->ledger_id);
		return r;
	case WORK_OPEN_LOG:
		return w->store->open_log(w->store, true, &w->log, err);
	case WORK_CLAIM_LOG:
		return w->log->ops->claim(w->log, w->ledger_id, &li, err);
	case WORK_NAMES:
		return names(w->state, err);
	case WORK_APPEND_1:
		return append(w, 1, err);
	case WORK_APPEND_2:
		return append(w, 1 + GROUP, err);
	case WORK_READ:
		return read_all(w, err);
	case WORK_FOLD_1:
		return fold(w->state, 1, 10, 0, err);
	case WORK_FOLD_2:
		return fold(w->state, 11, FOLDED, FOLDED, err);
	case WORK_APPEND_3:
		return append(w, 1 + 2 * GROUP, err);
	case WORK_TRANSACT:
		return transact(w->state, err);
	case WORK_HOLD:
		return hold(w->state, err);
	case WORK_CHANGE:
		return change(w->state, err);
	case WORK_TRIM:
		return w->log->ops->trim(w->log, FOLDED, INT64_MAX, UINT64_MAX, 5, &deleted, err);
	case WORK_PROBE:
		return w->log->ops->probe(w->log, err);
	case WORK_LISTS:
		return lists(w, err);
	case WORK_BACKUP:
		return w->backup == NULL ? MUSTER_OK : w->store->backup(w->store, w->backup, UINT64_MAX, err);
	case WORK_INFO:
		r = w->log->ops->info(w->log, &li, err);
		return r != MUSTER_OK ? r : w->state->ops->info(w->state, &si, err);
	case WORK_APPEND_4:
		return append(w, 1 + 3 * GROUP, err);
	case WORK_STEPS:
		break;
	}
	return MUSTER_E_INTERNAL;
}

int workload_do(struct workload *w, enum workload_step step, struct muster_err *err)
{
	int r = take(w, step, err);

	w->done[step] = r == MUSTER_OK;
	if (r == MUSTER_E_UNKNOWN)
		w->unknown = step;
	return r;
}

void workload_close(struct workload *w)
{
	if (w->log != NULL)
		w->log->ops->close(w->log);
	if (w->state != NULL)
		w->state->ops->close(w->state);
	w->log = NULL;
	w->state = NULL;
}

/* Is a step's work there? Where its outcome is known it must be as acknowledged. */
static void expect(const struct workload *w, enum workload_step step, bool found, const char *where)
{
	if (w->unknown != step)
		ck_assert_msg(found == w->done[step], "%s: step %d was %sacknowledged and is %sthere", where, (int)step, w->done[step] ? "" : "not ",
			found ? "" : "not ");
}

/* The log: whole groups only, from 1 or from where trim cut. @return the last seq. */
static int64_t check_log(const struct workload *w, struct store_log *log, const char *where)
{
	static const enum workload_step groups[4] = { WORK_APPEND_1, WORK_APPEND_2, WORK_APPEND_3, WORK_APPEND_4 };
	struct store_event rows[5 * GROUP];
	struct help_list l = LIST_OF(rows);
	int64_t last;

	EXPECT(MUSTER_OK, log->ops->read(log, 0, 100, help_events, &l, &err));
	last = l.n > 0 ? rows[l.n - 1].seq : 0;
	ck_assert_msg(last % GROUP == 0, "%s: half a group, up to %lld", where, (long long)last);
	for (size_t i = 0; i < l.n; i++) {
		struct store_event want = help_event(rows[0].seq + (int64_t)i, (uint64_t)(rows[0].seq + (int64_t)i) % CLIENTS, 1);

		ck_assert_msg(memcmp(&rows[i], &want, sizeof want) == 0, "%s: row %zu of the log is not what was written", where, i);
	}
	for (int i = 0; i < 4; i++)
		expect(w, groups[i], last >= (i + 1) * GROUP, where);
	if (l.n > 0)
		ck_assert_msg(rows[0].seq == 1 || rows[0].seq == 6, "%s: the log begins with %lld", where, (long long)rows[0].seq);
	expect(w, WORK_TRIM, l.n > 0 && rows[0].seq == 6, where);
	return last;
}

static void check_transact(const struct workload *w, struct store_state *state, const char *where)
{
	struct store_setting settings[2];
	struct store_journal journal[4];
	struct help_list ls = LIST_OF(settings), lj = LIST_OF(journal);
	uint8_t hash[32];

	EXPECT(MUSTER_OK, state->ops->settings(state, help_settings, &ls, &err));
	EXPECT(MUSTER_OK, state->ops->journal(state, 0, 4, help_journal, &lj, &err));
	ck_assert_msg(lj.n == 2 * ls.n, "%s: %zu settings and %zu journal rows", where, ls.n, lj.n);
	expect(w, WORK_TRANSACT, ls.n == 1, where);
	for (size_t i = 0; i < lj.n; i++) {
		EXPECT(MUSTER_OK, store_journal_hash(hash, &journal[i]));
		ck_assert_mem_eq(hash, journal[i].hash, 32);
	}
}

/* All of a transaction or nothing, and sums that are the rows'. */
static void check_holdings(const struct workload *w, struct store_state *state, const char *where)
{
	struct store_holding rows[4];
	struct store_holding_sum sums[4];
	struct help_list lr = LIST_OF(rows), ls = LIST_OF(sums);
	uint64_t n[8] = { 0 };

	EXPECT(MUSTER_OK, state->ops->holdings(state, 1, 0, span_of(NULL, 0), 4, help_holdings, &lr, &err));
	EXPECT(MUSTER_OK, state->ops->holding_sums(state, help_sums, &ls, &err));
	expect(w, WORK_HOLD, lr.n > 0, where);
	expect(w, WORK_CHANGE, lr.n == 2, where);
	ck_assert_msg(lr.n == 0 || (lr.n == SEATS && rows[0].state == 6 && rows[2].until == T0 + 3) ||
		(lr.n == 2 && rows[0].state == 7 && rows[1].until == INT64_MAX), "%s: half a transaction of holdings", where);
	for (size_t i = 0; i < lr.n; i++)
		n[rows[i].state]++;
	for (size_t i = 0; i < ls.n; i++)
		ck_assert_msg(n[sums[i].state] == sums[i].n, "%s: sum of state %u", where, sums[i].state);
	ck_assert_uint_eq(ls.n, (n[6] > 0 ? 1U : 0U) + (n[7] > 0 ? 1U : 0U));
}

static void check_fold(const struct workload *w, struct store_state *state, int64_t position, int64_t last, const char *where)
{
	struct store_use uses[16];
	struct store_counter counters[4];
	struct store_unknown unknown[4];
	struct store_member members[4];
	struct help_list lu = LIST_OF(uses), lc = LIST_OF(counters), ln = LIST_OF(unknown), lm = LIST_OF(members);
	uint8_t zero[16] = { 0 };
	uint64_t total = 0;

	ck_assert_msg(position == 0 || position == FOLDED, "%s: the fold stands at %lld", where, (long long)position);
	expect(w, WORK_FOLD_2, position == FOLDED, where);
	/* What a start does: fold the tail. Whatever part of a run was there already must not count again. */
	if (last > position)
		EXPECT(MUSTER_OK, fold(state, position + 1, last, (uint64_t)(last - position), &err));
	EXPECT(MUSTER_OK, state->ops->page(state, 0, zero, 0, 16, help_uses, &lu, &err));
	for (size_t i = 0; i < lu.n; i++)
		total += uses[i].requests;
	ck_assert_msg(total == (uint64_t)last, "%s: %llu requests counted of %lld", where, (unsigned long long)total, (long long)last);
	EXPECT(MUSTER_OK, state->ops->counters(state, help_counters, &lc, &err));
	EXPECT(MUSTER_OK, state->ops->unknown(state, help_unknown, &ln, &err));
	EXPECT(MUSTER_OK, state->ops->members(state, 1, help_members, &lm, &err));
	ck_assert_msg(lc.n == (last > 0) && ln.n == (last > 0) && lm.n == (last > 0), "%s: half an end of a fold", where);
	if (last > 0)
		ck_assert_msg(counters[0].n == (uint64_t)last && unknown[0].n == (uint64_t)last, "%s: counters do not add up", where);
}

void workload_check(const struct workload *w, struct store *store, const char *where)
{
	struct store_log *log;
	struct store_state *state;
	struct store_log_info li;
	struct store_state_info si;
	struct help_list lp = { .rows = NULL };
	struct store_pool pools[2];
	int64_t last;

	lp = (struct help_list)LIST_OF(pools);
	EXPECT(MUSTER_OK, store->open_state(store, true, &state, &err));
	EXPECT(MUSTER_OK, state->ops->claim(state, &si, &err));
	EXPECT(MUSTER_OK, store->open_log(store, true, &log, &err));
	if (w->done[WORK_CLAIM_STATE])
		ck_assert_mem_eq(si.ledger_id, w->ledger_id, 16);
	EXPECT(MUSTER_OK, log->ops->claim(log, si.ledger_id, &li, &err));
	last = check_log(w, log, where);
	EXPECT(MUSTER_OK, state->ops->pools(state, help_pools, &lp, &err));
	expect(w, WORK_NAMES, lp.n == 1, where);
	check_transact(w, state, where);
	check_holdings(w, state, where);
	check_fold(w, state, si.fold_seq, last, where);
	/* And it goes on. */
	EXPECT(MUSTER_OK, help_append(log, last + 1, 1, &err));
	log->ops->close(log);
	state->ops->close(state);
}
