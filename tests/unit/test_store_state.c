/* The state, in both stores. */
#include "tests/unit/store_both.h"

static struct store_use one_use(uint64_t client, uint32_t product)
{
	struct store_use rows[8], none = { .product = 0 };
	struct help_list l = LIST_OF(rows);
	uint8_t id[16];

	help_client(id, client);
	EXPECT(MUSTER_OK, st->ops->use(st, id, help_uses, &l, &err));
	for (size_t i = 0; i < l.n; i++)
		if (rows[i].product == product)
			return rows[i];
	return none;
}

START_TEST(test_store_fold)
{
	struct store_event e[6] = { help_event(1, 7, 1), help_event(2, 8, 1), help_event(3, 7, 2), help_event(4, 7, 1), help_event(5, 9, 1), help_event(6, 8, 1) };
	const struct store_event *unsorted[] = { &e[3], &e[0] };
	struct store_fold_end fin = { .fold_seq = 6, .fold_at = T0 + 60 };
	struct store_state_info info;
	struct store_use u;

	begin(_i);
	EXPECT_SAYS(MUSTER_E_INVALID, "out of order", st->ops->fold(st, unsorted, 2, help_merge, NULL, NULL, &err));
	/* A run of two transactions that ends in between is repeated whole: nothing counts twice. */
	EXPECT(MUSTER_OK, help_fold(st, e, 3, NULL, &err));
	close_both();
	open_both();
	EXPECT(MUSTER_OK, st->ops->info(st, &info, &err));
	ck_assert_int_eq(info.fold_seq, 0);
	EXPECT(MUSTER_OK, help_fold(st, e, 3, NULL, &err));
	EXPECT(MUSTER_OK, help_fold(st, e + 3, 3, &fin, &err));
	EXPECT(MUSTER_OK, st->ops->info(st, &info, &err));
	ck_assert_int_eq(info.fold_seq, 6);
	ck_assert_int_eq(info.fold_at, T0 + 60);
	u = one_use(7, 1);
	ck_assert_uint_eq(u.requests, 2);
	ck_assert_int_eq(u.first, e[0].at);
	ck_assert_int_eq(u.last, e[3].at);
	ck_assert_int_eq(u.last_seq, 4);
	ck_assert_int_eq(u.last_hour, e[3].at / STORE_HOUR_MS);
	ck_assert_mem_eq(u.hw, e[0].hw, 32);
	ck_assert_int_eq(u.minutes, -7);
	ck_assert_uint_eq(u.result, 0xC004F038);
	ck_assert_uint_eq(u.addr_len, 4);
	ck_assert_mem_eq(u.addr, e[0].addr, 4);
	ck_assert_str_eq(u.name, "pc-7.example.org");
	ck_assert_uint_eq(u.flags, STORE_F_HW | STORE_F_MINUTES);
	ck_assert_uint_eq(one_use(7, 2).requests, 1);
	ck_assert_uint_eq(one_use(8, 1).requests, 2);
	ck_assert_uint_eq(one_use(9, 1).requests, 1);
	ck_assert_uint_eq(one_use(10, 1).requests, 0);
	end();
}
END_TEST

/* A row moves along the days of the index. */
START_TEST(test_store_fold_days)
{
	struct store_event e = help_event(1, 7, 1);
	struct store_product product = { .pool = 1, .name = "p" };
	struct store_pool pool = { .name = "pool" };
	struct store_use rows[4];
	struct help_list l = LIST_OF(rows);

	begin(_i);
	EXPECT(MUSTER_OK, st->ops->names(st, &pool, 1, &product, 1, NULL, 0, &err));
	for (int day = 0; day < 5; day++) {
		e.seq++;
		e.at = T0 + day * (int64_t)STORE_DAY_MS;
		EXPECT(MUSTER_OK, help_fold(st, &e, 1, NULL, &err));
		e.seq++;
		EXPECT(MUSTER_OK, help_fold(st, &e, 1, NULL, &err));
	}
	EXPECT(MUSTER_OK, st->ops->recent(st, pool.pool, T0 + 4 * (int64_t)STORE_DAY_MS, 4, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 1);
	ck_assert_uint_eq(rows[0].requests, 10);
	ck_assert_int_eq(rows[0].last_hour, (T0 + 4 * (int64_t)STORE_DAY_MS) / STORE_HOUR_MS);
	end();
}
END_TEST

static void nothing_merged(void *ctx, struct store_use *row, bool is_new, const struct store_event *const *events, size_t n)
{
	(void)ctx;
	(void)row;
	(void)events;
	(void)n;
	ck_assert(is_new);
}

START_TEST(test_store_fold_end)
{
	struct store_counter c[2] = { { 1, 1, 2, 10 }, { 1, 1, STORE_COUNTER_FAILED, 3 } }, got_c[4];
	struct store_member m[2] = { { .pool = 1, .last = T0, .has_hw = true, .is_virtual = true, .product = 1 }, { .pool = 1, .client = { 1 }, .last = T0 + 1, .product = 2 } }, got_m[4];
	struct store_unknown un[2] = { { .activation_id = { 1 }, .last = T0 + 5, .n = 2 }, { .activation_id = { 2 }, .last = T0 + 6, .n = 1 } }, got_u[4];
	struct store_pool pools[2] = { { .name = "office", .window_s = 100 }, { .name = "windows", .window_s = 200, .largest_minimum = 25 } }, got_p[4], raise[2];
	struct store_fold_end fin = { .fold_seq = 10, .fold_at = T0, .counters = c, .counter_count = 2, .members = m, .member_count = 2,
	                              .pools = raise, .pool_count = 2, .unknown = un, .unknown_count = 2 };
	struct help_list lc = LIST_OF(got_c), lm = LIST_OF(got_m), lu = LIST_OF(got_u), lp = LIST_OF(got_p);
	struct store_event e = help_event(10, 3, 1);
	const struct store_event *list[] = { &e };

	begin(_i);
	memset(m[0].hw, 9, sizeof m[0].hw);
	EXPECT(MUSTER_OK, st->ops->names(st, pools, 2, NULL, 0, NULL, 0, &err));
	raise[0] = pools[0];
	raise[0].largest_minimum = 5;
	raise[1] = pools[1];
	raise[1].largest_minimum = 5;  /* lower: stays 25 */
	EXPECT(MUSTER_OK, st->ops->fold(st, list, 1, nothing_merged, NULL, &fin, &err));
	ck_assert_uint_eq(one_use(3, 1).product, 0);
	/* The same end again adds nothing and says so; a lower one is refused; without amounts it only replaces the snapshot. */
	EXPECT_SAYS(MUSTER_E_INVALID, "already counted", help_fold(st, NULL, 0, &fin, &err));
	fin.fold_seq = 9;
	EXPECT_SAYS(MUSTER_E_INVALID, "cannot go back", help_fold(st, NULL, 0, &fin, &err));
	fin.fold_seq = 11;
	un[1].activation_id[0] = 1;
	un[1].last = T0;
	fin.member_count = 1;
	EXPECT(MUSTER_OK, help_fold(st, NULL, 0, &fin, &err));
	fin.counter_count = fin.unknown_count = 0;
	EXPECT(MUSTER_OK, help_fold(st, NULL, 0, &fin, &err));

	EXPECT(MUSTER_OK, st->ops->counters(st, help_counters, &lc, &err));
	ck_assert_uint_eq(lc.n, 2);
	ck_assert_uint_eq(got_c[0].n, 20);
	ck_assert_uint_eq(got_c[1].n, 6);
	ck_assert_uint_eq(got_c[1].status, STORE_COUNTER_FAILED);
	EXPECT(MUSTER_OK, st->ops->members(st, 1, help_members, &lm, &err));
	ck_assert_uint_eq(lm.n, 1);
	ck_assert(got_m[0].has_hw);
	ck_assert(got_m[0].is_virtual);
	ck_assert_mem_eq(got_m[0].hw, m[0].hw, 32);
	ck_assert_int_eq(got_m[0].last, T0);
	ck_assert_uint_eq(got_m[0].product, 1);
	lm.n = 0;
	EXPECT(MUSTER_OK, st->ops->members(st, 2, help_members, &lm, &err));
	ck_assert_uint_eq(lm.n, 0);
	EXPECT(MUSTER_OK, st->ops->unknown(st, help_unknown, &lu, &err));
	ck_assert_uint_eq(lu.n, 2);
	ck_assert_uint_eq(got_u[0].n, 5);
	ck_assert_int_eq(got_u[0].last, T0 + 5);
	ck_assert_uint_eq(got_u[1].n, 1);
	EXPECT(MUSTER_OK, st->ops->pools(st, help_pools, &lp, &err));
	ck_assert_uint_eq(lp.n, 2);
	ck_assert_uint_eq(got_p[0].largest_minimum, 5);
	ck_assert_uint_eq(got_p[1].largest_minimum, 25);
	end();
}
END_TEST

START_TEST(test_store_unknown_cap)
{
	struct store_unknown *un = calloc(STORE_UNKNOWN_MAX + 5, sizeof *un), *got = calloc(STORE_UNKNOWN_MAX + 5, sizeof *got);
	struct help_list l = { got, sizeof *got, 0, STORE_UNKNOWN_MAX + 5 };
	struct store_fold_end fin = { .fold_seq = 1, .unknown = un, .unknown_count = STORE_UNKNOWN_MAX + 5 };

	begin(_i);
	for (uint32_t i = 0; i < STORE_UNKNOWN_MAX + 5; i++) {
		memcpy(un[i].activation_id, &i, sizeof i);
		un[i].activation_id[15] = 1;
		un[i].last = T0 + 1000000 - i;  /* the last ones are the oldest */
		un[i].n = 1;
	}
	EXPECT(MUSTER_OK, help_fold(st, NULL, 0, &fin, &err));
	EXPECT(MUSTER_OK, st->ops->unknown(st, help_unknown, &l, &err));
	ck_assert_uint_eq(l.n, STORE_UNKNOWN_MAX);
	for (size_t i = 0; i < l.n; i++)
		ck_assert_int_gt(got[i].last, T0 + 1000000 - STORE_UNKNOWN_MAX);
	free(un);
	free(got);
	end();
}
END_TEST

START_TEST(test_store_names)
{
	struct store_pool p[2] = { { .name = "office", .window_s = 100, .largest_minimum = 5 }, { .name = "windows", .window_s = 100 } }, q[2];
	struct store_product pr[3] = { { .pool = 2, .name = "windows" }, { .pool = 1, .name = "office2013" }, { .pool = 0, .name = "rds" } }, qr[3], got[8];
	struct store_edition ed[2] = { { .activation_id = { 7 }, .product = 2, .name = "Office" }, { .activation_id = { 3 }, .product = 0, .name = "" } }, qe[2], got_e[8];
	struct store_unknown un = { .activation_id = { 7 }, .last = T0, .n = 4 }, got_u[2];
	struct store_fold_end fin = { .fold_seq = 1, .unknown = &un, .unknown_count = 1 };
	struct help_list l = LIST_OF(got), le = LIST_OF(got_e), lu = LIST_OF(got_u);

	begin(_i);
	EXPECT(MUSTER_OK, help_fold(st, NULL, 0, &fin, &err));
	EXPECT(MUSTER_OK, st->ops->names(st, p, 2, pr, 3, ed, 2, &err));
	ck_assert_uint_ne(p[0].pool, p[1].pool);
	ck_assert_uint_eq(pr[0].pool, p[1].pool);
	ck_assert_uint_eq(pr[1].pool, p[0].pool);
	ck_assert_uint_eq(pr[2].pool, 0);
	ck_assert_uint_eq(ed[0].product, pr[1].product);
	ck_assert_uint_eq(ed[1].product, 0);
	ck_assert_uint_ne(ed[0].edition, ed[1].edition);
	EXPECT(MUSTER_OK, st->ops->unknown(st, help_unknown, &lu, &err));
	ck_assert_uint_eq(lu.n, 0);

	/* In another order, after a restart, with changes: same numbers. */
	close_both();
	open_both();
	memset(q, 0, sizeof q);
	memset(qr, 0, sizeof qr);
	memset(qe, 0, sizeof qe);
	q[0] = (struct store_pool){ .name = "windows", .window_s = 50, .largest_minimum = 25 };
	q[1] = (struct store_pool){ .name = "office", .window_s = 100, .largest_minimum = 1 };
	qr[0] = (struct store_product){ .pool = 1, .name = "rds" };
	qr[1] = (struct store_product){ .pool = 2, .name = "new" };
	qr[2] = (struct store_product){ .pool = 1, .name = "office2013" };
	qe[0] = (struct store_edition){ .activation_id = { 3 }, .product = 3, .name = "now known" };
	qe[1] = (struct store_edition){ .activation_id = { 9 }, .product = 2, .name = "x", .learned = true };
	EXPECT(MUSTER_OK, st->ops->names(st, q, 2, qr, 3, qe, 2, &err));
	ck_assert_uint_eq(q[0].pool, p[1].pool);
	ck_assert_uint_eq(q[0].largest_minimum, 25);
	ck_assert_uint_eq(q[1].pool, p[0].pool);
	ck_assert_uint_eq(q[1].largest_minimum, 5);
	ck_assert_uint_eq(qr[0].product, pr[2].product);
	ck_assert_uint_eq(qr[2].product, pr[1].product);
	ck_assert_uint_eq(qr[2].pool, p[1].pool);
	ck_assert(qr[1].product != pr[0].product && qr[1].product != pr[1].product && qr[1].product != pr[2].product);
	ck_assert_uint_eq(qe[0].edition, ed[1].edition);
	ck_assert_uint_eq(qe[0].product, pr[1].product);
	ck_assert(qe[1].learned);
	EXPECT(MUSTER_OK, st->ops->products(st, help_products, &l, &err));
	ck_assert_uint_eq(l.n, 4);  /* "windows" is not named any more and keeps its number */
	EXPECT(MUSTER_OK, st->ops->editions(st, help_editions, &le, &err));
	ck_assert_uint_eq(le.n, 3);
	ck_assert_str_eq(got_e[0].name, "now known");
	ck_assert_uint_eq(got_e[1].edition, ed[0].edition);
	ck_assert(got_e[2].learned);
	ck_assert_uint_eq(got_e[2].product, qr[1].product);
	/* Numbers outside the arrays are refused, and nothing of it is kept. */
	qr[0] = (struct store_product){ .pool = 3, .name = "bad" };
	EXPECT_SAYS(MUSTER_E_INVALID, "product bad names pool 3 of 2", st->ops->names(st, q, 2, qr, 1, NULL, 0, &err));
	qe[0].product = 1;
	EXPECT_SAYS(MUSTER_E_INVALID, "names product 1 of 0", st->ops->names(st, q, 2, NULL, 0, qe, 1, &err));
	end();
}
END_TEST

START_TEST(test_store_settings)
{
	struct store_change c = { .kind = STORE_SETTING_PUT, .setting = { "host", "port", "1688", "0 root", T0 } };
	struct store_setting got[4];
	struct help_list l = LIST_OF(got);

	begin(_i);
	EXPECT(MUSTER_OK, st->ops->transact(st, &c, 1, &err));
	c.setting = (struct store_setting){ "", "empty", "", "", T0 + 1 };
	EXPECT(MUSTER_OK, st->ops->transact(st, &c, 1, &err));
	EXPECT(MUSTER_OK, st->ops->transact(st, &c, 1, &err));
	c.setting = (struct store_setting){ "host", "port", "1700", "7 ann", T0 + 2 };
	EXPECT(MUSTER_OK, st->ops->transact(st, &c, 1, &err));
	close_both();
	open_both();
	EXPECT(MUSTER_OK, st->ops->settings(st, help_settings, &l, &err));
	ck_assert_uint_eq(l.n, 2);
	ck_assert_str_eq(got[0].name, "empty");
	ck_assert_str_eq(got[1].value, "1700");
	ck_assert_str_eq(got[1].actor, "7 ann");
	ck_assert_int_eq(got[1].at, T0 + 2);
	c.kind = STORE_SETTING_DELETE;
	EXPECT(MUSTER_OK, st->ops->transact(st, &c, 1, &err));
	EXPECT(MUSTER_OK, st->ops->transact(st, &c, 1, &err));
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->settings(st, help_settings, &l, &err));
	ck_assert_uint_eq(l.n, 1);
	end();
}
END_TEST

START_TEST(test_store_journal)
{
	struct store_change c[3];
	struct store_journal got[8];
	struct help_list l = LIST_OF(got);
	uint8_t hash[32], zero[32] = { 0 };

	begin(_i);
	memset(c, 0, sizeof c);
	for (size_t i = 0; i < 3; i++) {
		c[i].kind = i == 1 ? STORE_SETTING_PUT : STORE_JOURNAL_ONLY;
		c[i].setting = (struct store_setting){ "host", "port", "1700", "7 ann", T0 };
		c[i].journal = (struct store_journal){ .at = T0 + (int64_t)i, .actor = "7 ann", .kind = (uint32_t)i + 1, .object = "port", .code = 0xC004F038, .detail = "1688 -> 1700" };
	}
	EXPECT(MUSTER_OK, st->ops->transact(st, c, 3, &err));
	close_both();
	open_both();
	c[0].journal.detail[0] = '\0';
	EXPECT(MUSTER_OK, st->ops->transact(st, c, 1, &err));
	EXPECT(MUSTER_OK, st->ops->journal(st, 0, 100, help_journal, &l, &err));
	ck_assert_uint_eq(l.n, 4);
	for (size_t i = 0; i < l.n; i++) {
		ck_assert_int_eq(got[i].seq, (int64_t)i + 1);
		ck_assert_mem_eq(got[i].prev, i == 0 ? zero : got[i - 1].hash, 32);
		EXPECT(MUSTER_OK, store_journal_hash(hash, &got[i]));
		ck_assert_mem_eq(hash, got[i].hash, 32);
	}
	ck_assert_str_eq(got[1].detail, "1688 -> 1700");
	ck_assert_str_eq(got[3].detail, "");
	ck_assert_uint_eq(got[1].code, 0xC004F038);
	ck_assert_uint_eq(got[2].kind, 3);
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->journal(st, 2, 1, help_journal, &l, &err));
	ck_assert_uint_eq(l.n, 1);
	ck_assert_int_eq(got[0].seq, 3);
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->journal(st, 4, 100, help_journal, &l, &err));
	ck_assert_uint_eq(l.n, 0);
	end();
}
END_TEST

START_TEST(test_store_forget)
{
	struct store_event e[3] = { help_event(1, 7, 1), help_event(2, 7, 2), help_event(3, 8, 1) };
	struct store_change c[2] = { { .kind = STORE_SETTING_PUT, .setting = { "a", "b", "c", "d", T0 } }, { .kind = STORE_USE_FORGET } };
	struct store_setting got[2];
	struct help_list l = LIST_OF(got);

	begin(_i);
	EXPECT(MUSTER_OK, help_fold(st, e, 3, NULL, &err));
	help_client(c[1].client, 99);
	/* All or nothing: the setting of the same transaction is not kept. */
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "is not known here", st->ops->transact(st, c, 2, &err));
	EXPECT(MUSTER_OK, st->ops->settings(st, help_settings, &l, &err));
	ck_assert_uint_eq(l.n, 0);
	help_client(c[1].client, 7);
	c[1].product = 2;
	EXPECT(MUSTER_OK, st->ops->transact(st, c + 1, 1, &err));
	ck_assert_uint_eq(one_use(7, 1).flags & STORE_F_FORGOTTEN, 0);
	ck_assert_uint_ne(one_use(7, 2).flags & STORE_F_FORGOTTEN, 0);
	c[1].product = 0;
	EXPECT(MUSTER_OK, st->ops->transact(st, c + 1, 1, &err));
	ck_assert_uint_ne(one_use(7, 1).flags & STORE_F_FORGOTTEN, 0);
	ck_assert_uint_eq(one_use(8, 1).flags & STORE_F_FORGOTTEN, 0);
	end();
}
END_TEST

START_TEST(test_store_edition_put)
{
	struct store_unknown un = { .activation_id = { 7 }, .last = T0, .n = 4 }, got_u[2];
	struct store_fold_end fin = { .fold_seq = 1, .unknown = &un, .unknown_count = 1 };
	struct store_change c = { .kind = STORE_EDITION_PUT, .edition = { .activation_id = { 7 }, .product = 3, .name = "taught", .learned = true } };
	struct store_edition got[2], named = { .activation_id = { 7 }, .product = 1, .name = "taught" };
	struct store_product pr = { .name = "p" };
	struct help_list l = LIST_OF(got), lu = LIST_OF(got_u);

	begin(_i);
	EXPECT(MUSTER_OK, help_fold(st, NULL, 0, &fin, &err));
	EXPECT(MUSTER_OK, st->ops->transact(st, &c, 1, &err));
	EXPECT(MUSTER_OK, st->ops->unknown(st, help_unknown, &lu, &err));
	ck_assert_uint_eq(lu.n, 0);
	/* names() moves it to another product but does not make it unlearned. */
	EXPECT(MUSTER_OK, st->ops->names(st, NULL, 0, &pr, 1, &named, 1, &err));
	EXPECT(MUSTER_OK, st->ops->editions(st, help_editions, &l, &err));
	ck_assert_uint_eq(l.n, 1);
	ck_assert_uint_eq(got[0].edition, 1);
	ck_assert_uint_eq(got[0].product, pr.product);
	ck_assert(got[0].learned);
	ck_assert_str_eq(got[0].name, "taught");
	end();
}
END_TEST

START_TEST(test_store_page)
{
	struct store_event *e = calloc(1500, sizeof *e);
	struct store_use *rows = calloc(2000, sizeof *rows);
	struct help_list l = { rows, sizeof *rows, 0, 2000 };
	uint8_t zero[16] = { 0 };

	begin(_i);
	for (size_t i = 0; i < 1500; i++)
		e[i] = help_event((int64_t)i + 1, i / 2, (uint32_t)(i % 2) + 1);
	EXPECT(MUSTER_OK, help_fold(st, e, 1500, NULL, &err));
	EXPECT(MUSTER_OK, st->ops->page(st, 0, zero, 0, 5000, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, STORE_PAGE_MAX);
	for (size_t i = 1; i < l.n; i++) {
		int c = memcmp(rows[i - 1].client, rows[i].client, 16);

		ck_assert(c < 0 || (c == 0 && rows[i - 1].product < rows[i].product));
	}
	/* One product, seven at a time: all of it, nothing twice. */
	for (l.n = 0;;) {
		size_t before = l.n;

		EXPECT(MUSTER_OK, st->ops->page(st, 2, before > 0 ? rows[before - 1].client : zero, before > 0 ? 2 : 0, 7, help_uses, &l, &err));
		if (l.n == before)
			break;
	}
	ck_assert_uint_eq(l.n, 750);
	for (size_t i = 1; i < l.n; i++) {
		ck_assert_int_lt(memcmp(rows[i - 1].client, rows[i].client, 16), 0);
		ck_assert_uint_eq(rows[i].product, 2);
	}
	EXPECT(MUSTER_OK, st->ops->page(st, 0, zero, 0, 0, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 750);
	free(e);
	free(rows);
	end();
}
END_TEST

START_TEST(test_store_recent)
{
	struct store_pool pool[2] = { { .name = "a" }, { .name = "b" } };
	struct store_product pr[3] = { { .pool = 1, .name = "p1" }, { .pool = 1, .name = "p2" }, { .pool = 2, .name = "p3" } };
	struct store_event e[9];
	struct store_use rows[16];
	struct help_list l = LIST_OF(rows);
	uint8_t id[16];

	begin(_i);
	EXPECT(MUSTER_OK, st->ops->names(st, pool, 2, pr, 3, NULL, 0, &err));
	/* clients 0–4 of p1 on days 0–4; client 2 also of p2 on day 6; 5 released, 7 of the other pool, both newest; 6, whose ID
	 * others use too, counts for its owner */
	for (size_t i = 0; i < 5; i++) {
		e[i] = help_event((int64_t)i + 1, i, pr[0].product);
		e[i].at = T0 + (int64_t)i * STORE_DAY_MS;
	}
	e[5] = help_event(6, 2, pr[1].product);
	e[6] = help_event(7, 5, pr[0].product);
	e[6].flags |= STORE_F_RELEASED;
	e[7] = help_event(8, 6, pr[0].product);
	e[7].flags |= STORE_F_CLONE;
	e[8] = help_event(9, 7, pr[2].product);
	for (size_t i = 5; i < 9; i++)
		e[i].at = T0 + 6 * (int64_t)STORE_DAY_MS;
	e[7].at = T0 + 1;
	EXPECT(MUSTER_OK, help_fold(st, e, 9, NULL, &err));
	EXPECT(MUSTER_OK, st->ops->recent(st, pool[0].pool, 0, 16, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 6);
	help_client(id, 2);
	ck_assert_mem_eq(rows[0].client, id, 16);
	ck_assert_uint_eq(rows[0].product, pr[1].product);
	for (size_t i = 1; i < l.n; i++)
		ck_assert_int_ge(rows[i - 1].last, rows[i].last);
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->recent(st, pool[0].pool, T0 + 3 * (int64_t)STORE_DAY_MS + 1, 16, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 2);  /* 2 (day 6) and 4; 3 is a millisecond too old */
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->recent(st, pool[0].pool, 0, 3, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 3);
	help_client(id, 3);
	ck_assert_mem_eq(rows[2].client, id, 16);
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->clones(st, T0, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 1);
	help_client(id, 6);
	ck_assert_mem_eq(rows[0].client, id, 16);
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->clones(st, T0 + 7 * (int64_t)STORE_DAY_MS, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 0);
	end();
}
END_TEST

BOTH_MAIN("store_state", test_store_fold, test_store_fold_days, test_store_fold_end, test_store_unknown_cap, test_store_names,
          test_store_settings, test_store_journal, test_store_forget, test_store_edition_put, test_store_page, test_store_recent)
