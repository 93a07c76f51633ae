/* Records: named bytes of the host's own truth, in both stores. */
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "tests/unit/store_both.h"

struct seen { size_t n, stop; struct { uint8_t id[64]; size_t id_n, data_n; int64_t at; uint8_t first; } rows[8]; };

static int see(void *ctx, const struct store_record *x)
{
	struct seen *s = ctx;

	ck_assert_uint_lt(s->n, 8);
	memcpy(s->rows[s->n].id, x->id, sizeof x->id);
	s->rows[s->n].id_n = x->id_n;
	s->rows[s->n].data_n = x->data_n;
	s->rows[s->n].at = x->at;
	s->rows[s->n].first = x->data_n > 0 ? x->data[0] : 0;
	return ++s->n == s->stop;
}

static struct store_record record(const char *kind, const char *id, const char *data)
{
	struct store_record x = { .id_n = strlen(id), .data = (const uint8_t *)data, .data_n = strlen(data), .at = T0 + 5 };

	(void)snprintf(x.kind, sizeof x.kind, "%s", kind);
	memcpy(x.id, id, strlen(id));
	return x;
}

static int change(enum store_change_kind kind, const struct store_record *x, struct muster_err *err)
{
	struct store_change c = { .kind = kind, .record = x };

	return st->ops->transact(st, &c, 1, err);
}

static void expect_data(const char *kind, const char *id, const char *data)
{
	struct buf b;

	buf_init(&b, 100);
	EXPECT(MUSTER_OK, st->ops->record(st, kind, span_str(id), &b, &err));
	ck_assert_str_eq(buf_str(&b), data);
	buf_fini(&b);
}

/* Put replaces, insert does not, delete takes away what need not be there; all of it outlives closing. */
START_TEST(test_record_changes)
{
	struct store_record a = record("key", "7", "one"), b = record("key", "7", "two"), other = record("pack", "7", "three"), none = record("key", "8", "");
	struct buf buf;

	begin(_i);
	EXPECT(MUSTER_OK, change(STORE_RECORD_INSERT, &a, &err));
	EXPECT_SAYS(MUSTER_E_EXISTS, "there already", change(STORE_RECORD_INSERT, &b, &err));
	expect_data("key", "7", "one");
	EXPECT(MUSTER_OK, change(STORE_RECORD_PUT, &b, &err));
	EXPECT(MUSTER_OK, change(STORE_RECORD_INSERT, &other, &err));
	EXPECT(MUSTER_OK, change(STORE_RECORD_PUT, &none, &err));
	close_both();
	open_both();
	expect_data("key", "7", "two");
	expect_data("pack", "7", "three");
	expect_data("key", "8", "");
	EXPECT(MUSTER_OK, change(STORE_RECORD_DELETE, &a, &err));
	EXPECT(MUSTER_OK, change(STORE_RECORD_DELETE, &a, &err));
	buf_init(&buf, 100);
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "\"key\"", st->ops->record(st, "key", span_str("7"), &buf, &err));
	EXPECT(MUSTER_E_NOT_FOUND, st->ops->record(st, "none", span_str("7"), &buf, &err));
	buf_fini(&buf);
	expect_data("pack", "7", "three");
	end();
}
END_TEST

/* Pages in the order of keys, one kind only; a shorter key comes before a longer one that begins with it. */
START_TEST(test_record_pages)
{
	static const char *const ids[] = { "b", "a", "ab", "c" };
	struct seen s = { .stop = 99 };

	begin(_i);
	for (size_t i = 0; i < 4; i++) {
		struct store_record x = record("key", ids[i], ids[i]), y = record("kez", ids[i], "other");

		EXPECT(MUSTER_OK, change(STORE_RECORD_PUT, &x, &err));
		EXPECT(MUSTER_OK, change(STORE_RECORD_PUT, &y, &err));
	}
	EXPECT(MUSTER_OK, st->ops->records(st, "key", span_of(NULL, 0), 10, see, &s, &err));
	ck_assert_uint_eq(s.n, 4);
	ck_assert_mem_eq(s.rows[0].id, "a", 2);
	ck_assert_mem_eq(s.rows[1].id, "ab", 3);
	ck_assert_mem_eq(s.rows[3].id, "c", 2);
	ck_assert_int_eq(s.rows[0].at, T0 + 5);
	s.n = 0;
	EXPECT(MUSTER_OK, st->ops->records(st, "key", span_str("a"), 2, see, &s, &err));
	ck_assert_uint_eq(s.n, 2);
	ck_assert_mem_eq(s.rows[0].id, "ab", 3);
	s.n = 0;
	s.stop = 1;
	EXPECT(MUSTER_OK, st->ops->records(st, "key", span_of(NULL, 0), 10, see, &s, &err));
	ck_assert_uint_eq(s.n, 1);
	s.n = 0;
	EXPECT(MUSTER_OK, st->ops->records(st, "key", span_of(NULL, 0), 0, see, &s, &err));
	ck_assert_uint_eq(s.n, 0);
	end();
}
END_TEST

/* A transaction is one: a record that is there already undoes what stood before it; the journal row gives the time. */
START_TEST(test_record_transaction)
{
	struct store_record a = record("key", "1", "one"), b = record("key", "2", "two");
	struct store_change c[2] = { { .kind = STORE_RECORD_PUT, .record = &a }, { .kind = STORE_RECORD_INSERT, .record = &b } };
	struct seen s = { .stop = 99 };

	begin(_i);
	c[0].journal = (struct store_journal){ .at = T0 + 9, .actor = "0 root", .kind = 120, .object = "pack" };
	EXPECT(MUSTER_OK, change(STORE_RECORD_PUT, &b, &err));
	EXPECT(MUSTER_E_EXISTS, st->ops->transact(st, c, 2, &err));
	EXPECT(MUSTER_OK, st->ops->records(st, "key", span_of(NULL, 0), 10, see, &s, &err));
	ck_assert_uint_eq(s.n, 1);
	EXPECT(MUSTER_OK, st->ops->transact(st, c, 1, &err));
	s.n = 0;
	EXPECT(MUSTER_OK, st->ops->records(st, "key", span_of(NULL, 0), 10, see, &s, &err));
	ck_assert_uint_eq(s.n, 2);
	ck_assert_int_eq(s.rows[0].at, T0 + 9);
	end();
}
END_TEST

/* A whole pack goes in and out; more than that is refused, and so is a record without a name. */
START_TEST(test_record_limits)
{
	uint8_t *large = mem_alloc(STORE_RECORD_MAX + 1);
	struct store_record x = record("pack", "1", "");
	struct buf b;

	begin(_i);
	for (size_t i = 0; i < STORE_RECORD_MAX; i++)
		large[i] = (uint8_t)(i * 7 >> 3);
	x.data = large;
	x.data_n = STORE_RECORD_MAX;
	EXPECT(MUSTER_OK, change(STORE_RECORD_PUT, &x, &err));
	buf_init(&b, STORE_RECORD_MAX);
	EXPECT(MUSTER_OK, st->ops->record(st, "pack", span_str("1"), &b, &err));
	ck_assert_uint_eq(b.n, STORE_RECORD_MAX);
	ck_assert_mem_eq(b.p, large, STORE_RECORD_MAX);
	buf_fini(&b);
	x.data_n++;
	EXPECT_SAYS(MUSTER_E_LIMIT, "too large", change(STORE_RECORD_PUT, &x, &err));
	x.data_n = 1;
	x.id_n = 0;
	EXPECT_SAYS(MUSTER_E_INVALID, "needs a kind", change(STORE_RECORD_PUT, &x, &err));
	x.id_n = 1;
	x.kind[0] = '\0';
	EXPECT(MUSTER_E_INVALID, change(STORE_RECORD_DELETE, &x, &err));
	mem_free(large);
	end();
}
END_TEST

BOTH_MAIN("store_records", test_record_changes, test_record_pages, test_record_transaction, test_record_limits)
