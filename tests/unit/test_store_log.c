/* The log, in both stores. */
#include "tests/unit/store_both.h"

static size_t count_events(int64_t after, int64_t *first, int64_t *last)
{
	struct store_event *all = calloc(2000, sizeof *all);
	struct help_list l = { all, sizeof *all, 0, 2000 };

	EXPECT(MUSTER_OK, lg->ops->read(lg, after, 5000, help_events, &l, &err));
	*first = l.n > 0 ? all[0].seq : 0;
	*last = l.n > 0 ? all[l.n - 1].seq : 0;
	for (size_t i = 1; i < l.n; i++)
		ck_assert_int_eq(all[i].seq, all[i - 1].seq + 1);
	free(all);
	return l.n;
}

START_TEST(test_store_claim)
{
	struct store_log_info a, b;
	struct store_state_info s, s2;
	struct store_log *other;
	struct store_state *other_state;

	begin(_i);
	EXPECT(MUSTER_OK, lg->ops->info(lg, &a, &err));
	ck_assert_int_eq(a.first_seq, 0);
	ck_assert_int_eq(a.last_seq, 0);
	ck_assert_mem_eq(a.ledger_id, ledger_a, 16);
	EXPECT(MUSTER_OK, help_append(lg, 1, 2, &err));
	/* Another host takes over: the first one's writes fail from then on, its reads do not. */
	EXPECT(MUSTER_OK, store->open_log(store, true, &other, &err));
	EXPECT_SAYS(MUSTER_E_MISMATCH, "another ledger", other->ops->claim(other, ledger_b, &b, &err));
	EXPECT(MUSTER_OK, other->ops->claim(other, ledger_a, &b, &err));
	ck_assert_uint_eq(b.epoch, a.epoch + 1);
	ck_assert_mem_eq(a.digest_key, b.digest_key, 16);
	ck_assert_int_eq(b.last_seq, 2);
	EXPECT_SAYS(MUSTER_E_BUSY, "taken over", help_append(lg, 3, 1, &err));
	EXPECT(MUSTER_E_BUSY, lg->ops->probe(lg, &err));
	EXPECT(MUSTER_OK, help_append(other, 3, 1, &err));
	EXPECT(MUSTER_OK, other->ops->probe(other, &err));
	EXPECT(MUSTER_OK, lg->ops->info(lg, &a, &err));
	ck_assert_int_eq(a.first_seq, 1);
	ck_assert_int_eq(a.last_seq, 3);
	other->ops->close(other);

	EXPECT(MUSTER_OK, st->ops->info(st, &s, &err));
	EXPECT(MUSTER_OK, store->open_state(store, true, &other_state, &err));
	EXPECT(MUSTER_OK, other_state->ops->claim(other_state, &s2, &err));
	ck_assert_uint_eq(s2.epoch, s.epoch + 1);
	ck_assert_mem_eq(s.ledger_id, s2.ledger_id, 16);
	EXPECT_SAYS(MUSTER_E_BUSY, "taken over", st->ops->transact(st, NULL, 0, &err));
	EXPECT(MUSTER_E_BUSY, help_fold(st, NULL, 0, NULL, &err));
	other_state->ops->close(other_state);
	end();
}
END_TEST

START_TEST(test_store_event_kept_whole)
{
	struct store_event e = help_event(5, 5, 3), bare = { .seq = 6, .at = T0 + 60, .source = 1, .n = 1 }, got[2];
	const struct store_event *list[] = { &e, &bare };
	struct help_list l = LIST_OF(got);

	begin(_i);
	e.expires = T0 + 5000;
	e.flags |= STORE_F_LEASE | STORE_F_VIRTUAL;
	e.addr_len = 16;
	memset(e.addr, 0xfe, sizeof e.addr);
	memset(e.name, 'x', sizeof e.name - 1);
	EXPECT(MUSTER_OK, lg->ops->append(lg, list, 2, &err));
	close_both();
	open_both();
	EXPECT(MUSTER_OK, lg->ops->read(lg, 0, 10, help_events, &l, &err));
	ck_assert_uint_eq(l.n, 2);
	ck_assert_mem_eq(&got[0], &e, sizeof e);
	ck_assert_mem_eq(&got[1], &bare, sizeof bare);
	end();
}
END_TEST

START_TEST(test_store_append_read)
{
	struct store_event got[4], wrong = help_event(301, 1, 1), again = help_event(301, 2, 1), none = help_event(303, 1, 1);
	const struct store_event *twice[] = { &wrong, &again }, *empty[] = { &none };
	struct help_list l = LIST_OF(got);
	int64_t first, last;

	begin(_i);
	EXPECT(MUSTER_OK, help_append(lg, 1, 300, &err));
	ck_assert_uint_eq(count_events(0, &first, &last), 300);
	ck_assert_int_eq(first, 1);
	ck_assert_int_eq(last, 300);
	ck_assert_uint_eq(count_events(299, &first, &last), 1);
	ck_assert_uint_eq(count_events(300, &first, &last), 0);
	/* The callback stops after four; a limit does, too. */
	EXPECT(MUSTER_OK, lg->ops->read(lg, 10, 100, help_events, &l, &err));
	ck_assert_uint_eq(l.n, 4);
	ck_assert_int_eq(got[0].seq, 11);
	l.n = 0;
	EXPECT(MUSTER_OK, lg->ops->read(lg, 10, 3, help_events, &l, &err));
	ck_assert_uint_eq(l.n, 3);
	/* Numbers only rise; a group is appended whole or not at all. */
	EXPECT_SAYS(MUSTER_E_INVALID, "only rise", help_append(lg, 300, 1, &err));
	EXPECT(MUSTER_E_INVALID, lg->ops->append(lg, twice, 2, &err));
	none.n = 0;
	EXPECT_SAYS(MUSTER_E_INVALID, "no request", lg->ops->append(lg, empty, 1, &err));
	ck_assert_uint_eq(count_events(0, &first, &last), 300);
	EXPECT(MUSTER_OK, help_append(lg, 310, 1, &err));
	EXPECT(MUSTER_OK, lg->ops->append(lg, NULL, 0, &err));
	end();
}
END_TEST

START_TEST(test_store_trim)
{
	struct store_log_info info;
	int64_t first, last;
	size_t deleted;

	begin(_i);
	EXPECT(MUSTER_OK, lg->ops->trim(lg, 100, INT64_MAX, 0, 10, &deleted, &err));
	ck_assert_uint_eq(deleted, 0);
	EXPECT(MUSTER_OK, help_append(lg, 1, 100, &err));
	/* Only what is folded (up to 40) and old (before event 21). */
	EXPECT(MUSTER_OK, lg->ops->trim(lg, 40, T0 + 210, UINT64_MAX, 8, &deleted, &err));
	ck_assert_uint_eq(deleted, 8);
	EXPECT(MUSTER_OK, lg->ops->trim(lg, 40, T0 + 210, UINT64_MAX, 800, &deleted, &err));
	ck_assert_uint_eq(deleted, 12);
	EXPECT(MUSTER_OK, lg->ops->trim(lg, 40, T0 + 210, UINT64_MAX, 800, &deleted, &err));
	ck_assert_uint_eq(deleted, 0);
	ck_assert_uint_eq(count_events(0, &first, &last), 80);
	ck_assert_int_eq(first, 21);
	/* Too large: age does not matter, the fold position does. */
	EXPECT(MUSTER_OK, lg->ops->trim(lg, 40, 0, 0, 800, &deleted, &err));
	ck_assert_uint_eq(deleted, 20);
	/* Never the newest, and its number is never given out again, also after reopening. */
	EXPECT(MUSTER_OK, lg->ops->trim(lg, 1000, INT64_MAX, 0, 800, &deleted, &err));
	ck_assert_uint_eq(deleted, 59);
	close_both();
	open_both();
	EXPECT(MUSTER_OK, lg->ops->info(lg, &info, &err));
	ck_assert_int_eq(info.first_seq, 100);
	ck_assert_int_eq(info.last_seq, 100);
	EXPECT(MUSTER_E_INVALID, help_append(lg, 100, 1, &err));
	EXPECT(MUSTER_OK, help_append(lg, 101, 1, &err));
	end();
}
END_TEST

/* A second handle sees what was committed and may not write. */
START_TEST(test_store_reader)
{
	struct store_log *reader;
	struct store_state *watcher;
	struct store_event got[4];
	struct help_list l = LIST_OF(got);
	struct store_state_info info;

	begin(_i);
	EXPECT(MUSTER_OK, store->open_log(store, false, &reader, &err));
	EXPECT(MUSTER_OK, store->open_state(store, false, &watcher, &err));
	EXPECT(MUSTER_OK, help_append(lg, 1, 3, &err));
	EXPECT(MUSTER_OK, reader->ops->read(reader, 1, 10, help_events, &l, &err));
	ck_assert_uint_eq(l.n, 2);
	EXPECT(MUSTER_OK, watcher->ops->info(watcher, &info, &err));
	ck_assert_int_eq(info.fold_seq, 0);
	reader->ops->close(reader);
	watcher->ops->close(watcher);
	end();
}
END_TEST

START_TEST(test_store_reader_first)
{
	make_new(_i);
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "there is no", store->open_log(store, false, &lg, &err));
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "there is no", store->open_state(store, false, &st, &err));
	ck_assert_ptr_null(lg);
	store->free(store);
	help_remove(folder);
}
END_TEST

BOTH_MAIN("store_log", test_store_claim, test_store_event_kept_whole, test_store_append_read, test_store_trim,
          test_store_reader, test_store_reader_first)
