/* Orders to the memory store; and the rules both stores share. */
#include "tests/unit/store_help.h"

#include "core/base/bytes.h"
#include "core/store/store_memory.h"
#include "tests/unit/unit.h"

static struct store *store;
static struct store_log *lg;
static struct store_state *st;

static void open_both(void)
{
	struct store_log_info li;
	struct store_state_info si;

	EXPECT(MUSTER_OK, store->open_state(store, true, &st, &err));
	EXPECT(MUSTER_OK, st->ops->claim(st, &si, &err));
	EXPECT(MUSTER_OK, store->open_log(store, true, &lg, &err));
	EXPECT(MUSTER_OK, lg->ops->claim(lg, si.ledger_id, &li, &err));
}

static void close_both(void)
{
	lg->ops->close(lg);
	st->ops->close(st);
}

static int64_t last(void)
{
	struct store_log_info info;

	EXPECT(MUSTER_OK, lg->ops->info(lg, &info, &err));
	return info.last_seq;
}

START_TEST(test_memory_log_faults)
{
	EXPECT(MUSTER_OK, store_memory_new(&store, &err));
	open_both();
	store_memory_fault(store, false, 1, STORE_MEMORY_FULL);
	EXPECT(MUSTER_OK, help_append(lg, 1, 2, &err));
	EXPECT_SAYS(MUSTER_E_LIMIT, "disk is full", help_append(lg, 3, 2, &err));
	ck_assert_int_eq(last(), 2);
	EXPECT(MUSTER_OK, help_append(lg, 3, 2, &err));  /* once, and the handle goes on */
	store_memory_fault(store, false, 0, STORE_MEMORY_FAIL);
	EXPECT(MUSTER_E_IO, help_append(lg, 5, 2, &err));
	EXPECT_SAYS(MUSTER_E_IO, "open it again", help_append(lg, 5, 2, &err));
	close_both();
	open_both();
	ck_assert_int_eq(last(), 4);
	store_memory_fault(store, false, 0, STORE_MEMORY_FORGET);
	EXPECT(MUSTER_E_UNKNOWN, help_append(lg, 5, 2, &err));
	EXPECT(MUSTER_E_IO, lg->ops->probe(lg, &err));
	close_both();
	open_both();
	ck_assert_int_eq(last(), 4);
	store_memory_fault(store, false, 0, STORE_MEMORY_LOSE_ANSWER);
	EXPECT(MUSTER_E_UNKNOWN, help_append(lg, 5, 2, &err));
	close_both();
	open_both();
	ck_assert_int_eq(last(), 6);
	EXPECT_SAYS(MUSTER_E_UNSUPPORTED, "in memory only", store->backup(store, "/nowhere/x", 0, &err));
	close_both();
	store->free(store);
}
END_TEST

START_TEST(test_memory_state_faults)
{
	struct store_event e = help_event(1, 1, 1);
	struct store_fold_end end = { .fold_seq = 1 };
	struct store_pool pool = { .name = "a" };
	struct store_change note = { .kind = STORE_JOURNAL_ONLY, .journal = { .kind = 1 } };
	struct store_journal rows[4];
	struct help_list l = LIST_OF(rows);
	struct store_state_info info;

	EXPECT(MUSTER_OK, store_memory_new(&store, &err));
	open_both();
	store_memory_fault(store, true, 0, STORE_MEMORY_FULL);
	EXPECT(MUSTER_E_LIMIT, st->ops->names(st, &pool, 1, NULL, 0, NULL, 0, &err));
	ck_assert_uint_eq(pool.pool, 0);
	EXPECT(MUSTER_OK, st->ops->names(st, &pool, 1, NULL, 0, NULL, 0, &err));
	store_memory_fault(store, true, 0, STORE_MEMORY_FORGET);
	EXPECT(MUSTER_OK, help_append(lg, 1, 1, &err));  /* the log's writes do not meet the state's fault */
	EXPECT(MUSTER_E_UNKNOWN, help_fold(st, &e, 1, &end, &err));
	close_both();
	open_both();
	EXPECT(MUSTER_OK, st->ops->info(st, &info, &err));
	ck_assert_int_eq(info.fold_seq, 0);
	store_memory_fault(store, true, 0, STORE_MEMORY_LOSE_ANSWER);
	EXPECT(MUSTER_E_UNKNOWN, help_fold(st, &e, 1, &end, &err));
	EXPECT(MUSTER_E_IO, st->ops->info(st, &info, &err));
	close_both();
	open_both();
	EXPECT(MUSTER_OK, st->ops->info(st, &info, &err));
	ck_assert_int_eq(info.fold_seq, 1);
	store_memory_fault(store, true, 0, STORE_MEMORY_FAIL);
	EXPECT(MUSTER_E_IO, st->ops->transact(st, &note, 1, &err));
	close_both();
	open_both();
	EXPECT(MUSTER_OK, st->ops->journal(st, 0, 4, help_journal, &l, &err));
	ck_assert_uint_eq(l.n, 0);
	close_both();
	store->free(store);
}
END_TEST

struct seen { unsigned log, state; int64_t last; };

static void look(void *ctx, bool state)
{
	struct seen *s = ctx;

	if (state)
		s->state++;
	else
		s->log++;
	s->last = last();
}

START_TEST(test_memory_hook)
{
	struct seen seen = { 0, 0, -1 };
	struct store_change note = { .kind = STORE_JOURNAL_ONLY, .journal = { .kind = 1 } };

	EXPECT(MUSTER_OK, store_memory_new(&store, &err));
	open_both();
	store_memory_hook(store, look, &seen);
	EXPECT(MUSTER_OK, help_append(lg, 1, 3, &err));
	ck_assert_int_eq(seen.last, 0);  /* before it takes effect */
	EXPECT(MUSTER_OK, st->ops->transact(st, &note, 1, &err));
	ck_assert_uint_eq(seen.log, 1);
	ck_assert_uint_eq(seen.state, 1);
	store_memory_hook(store, NULL, NULL);
	EXPECT(MUSTER_OK, help_append(lg, 4, 3, &err));
	ck_assert_uint_eq(seen.log, 1);
	close_both();
	store->free(store);
}
END_TEST

/* Known answer, computed apart: sha256 over the layout in store.h. */
START_TEST(test_journal_hash)
{
	struct store_journal row = { .seq = 2, .at = 1795000000123, .actor = "0 root", .kind = 7, .object = "port", .code = 0xC004F038, .detail = "1688 -> 1700" }, other;
	uint8_t hash[32], changed[32];
	char text[65];

	memset(row.prev, 0xab, sizeof row.prev);
	EXPECT(MUSTER_OK, store_journal_hash(hash, &row));
	hex_encode(text, hash, sizeof hash);
	ck_assert_str_eq(text, "03fb6be71df320e54461181a7d305d9dbac96d229b2de8d3b510e5b62b8c6638");
	/* Every field counts, and a character does not move over the border of two. */
#define CHANGED(change) \
	other = row; \
	change; \
	EXPECT(MUSTER_OK, store_journal_hash(changed, &other)); \
	ck_assert_mem_ne(hash, changed, sizeof hash)
	CHANGED(other.seq = 3);
	CHANGED(other.at++);
	CHANGED(other.kind = 8);
	CHANGED(other.code = 0);
	CHANGED(other.prev[31] ^= 1);
	CHANGED(other.actor[0] = '1');
	CHANGED(other.detail[0] = '2');
	CHANGED((strcpy(other.actor, "0 roo"), strcpy(other.object, "tport")));
}
END_TEST

UNIT_MAIN("store_memory", test_memory_log_faults, test_memory_state_faults, test_memory_hook, test_journal_hash)
