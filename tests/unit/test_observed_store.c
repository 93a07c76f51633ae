/* core/store/store_observed.h: events known by what they say, machines, names, transactions. */
#include "tests/unit/store_help.h"
#include "tests/unit/unit.h"

#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/store/store_observed.h"

#define DAY INT64_C(86400000)

static struct observed_event event(uint32_t n, int64_t at)
{
	struct observed_event e;

	memset(&e, 0, sizeof e);
	e.id = 12290;
	(void)snprintf(e.host, sizeof e.host, "kms.example.org");
	e.logged = at;
	e.seen = at - 30000;
	e.said = (struct observed_said) { .flags = OBSERVED_RESULT | OBSERVED_MINIMUM | OBSERVED_VIRTUAL | OBSERVED_STATUS | OBSERVED_MINUTES | OBSERVED_CLIENT | OBSERVED_ACTIVATION,
		.minimum = 5, .minutes = 259200, .status = 1 };
	be32_put(e.client, n * 2654435761U + 1);
	e.activation[0] = 1;
	(void)snprintf(e.name, sizeof e.name, "pc-%u", n);
	e.has_machine = true;
	(void)snprintf(e.machine_host, sizeof e.machine_host, "%s", e.host);
	(void)snprintf(e.machine_name, sizeof e.machine_name, "%s", e.name);
	return e;
}

static enum observed_became put(struct store_observed *o, const struct observed_event *e, int64_t taken)
{
	enum observed_became became = OBSERVED_SKIPPED;

	EXPECT(MUSTER_OK, observed_store_event(o, e, taken, &became, &err));
	return became;
}

static struct store_observed *open_at(const char *dir, bool write)
{
	struct store_observed *o = NULL;

	EXPECT(MUSTER_OK, observed_store_open(&o, dir, write, &err));
	return o;
}

static void begin(struct store_observed *o) { EXPECT(MUSTER_OK, observed_store_begin(o, &err)); }
static void commit(struct store_observed *o) { EXPECT(MUSTER_OK, observed_store_end(o, MUSTER_OK, &err)); }

static int count_machine(void *ctx, const struct observed_machine *m) { (void)m; ++*(size_t *)ctx; return 0; }
static int count_event(void *ctx, const struct observed_event *e) { (void)e; ++*(size_t *)ctx; return 0; }
static int last_machine(void *ctx, const struct observed_machine *m) { *(struct observed_machine *)ctx = *m; return 0; }
static int first_machine(void *ctx, const struct observed_machine *m) { *(struct observed_machine *)ctx = *m; return 1; }

static size_t machines(struct store_observed *o)
{
	size_t n = 0;

	EXPECT(MUSTER_OK, observed_store_machines(o, NULL, false, 100000, count_machine, &n, &err));
	return n;
}

static size_t events(struct store_observed *o)
{
	size_t n = 0;

	EXPECT(MUSTER_OK, observed_store_events(o, INT64_MIN, INT64_MIN, 100000, count_event, &n, &err));
	return n;
}

static bool alike(const struct observed_event *a, const struct observed_event *b)
{
	uint8_t x[OBSERVED_DIGEST], y[OBSERVED_DIGEST];

	ck_assert_int_eq(observed_digest(x, a), MUSTER_OK);
	ck_assert_int_eq(observed_digest(y, b), MUSTER_OK);
	return memcmp(x, y, sizeof x) == 0;
}

/* Every member that names an event makes it another one; what differs between forms of one export does not. */
START_TEST(test_observed_identity)
{
	const struct observed_event e = event(1, T0);
	struct observed_event x;

#define SAME(change) do { x = e; change; ck_assert_msg(alike(&e, &x), "%s", #change); } while (0)
#define OTHER(change) do { x = e; change; ck_assert_msg(!alike(&e, &x), "%s", #change); } while (0)
	SAME((void)x);
	SAME(x.logged += 5000);
	SAME(x.logged = 0);
	SAME((x.record = 17, x.said.flags |= OBSERVED_RECORD));
	SAME(x.name[0] = 'P');
	SAME(x.machine_host[0] = 'x');
	OTHER(x.id = 12288);
	OTHER(x.host[0] = 'x');
	OTHER(x.host[0] = '\0');
	OTHER(x.said.result = 1);
	OTHER(x.said.flags &= ~(uint32_t)OBSERVED_RESULT);
	OTHER(x.said.minimum = 25);
	OTHER(x.name[0] = 'x');
	OTHER(x.client[15] = 1);
	OTHER(x.seen += 60000);
	OTHER(x.said.is_virtual = true);
	OTHER(x.said.status = 2);
	OTHER(x.said.minutes--);
	OTHER(x.activation[15] = 1);
	OTHER(x.extra[0] = 'x');
	/* without the client's time the second it was logged in */
	x = e;
	x.seen = 0;
	for (int ms = 0; ms < 2; ms++) {
		struct observed_event y = x;

		y.logged += ms == 0 ? 999 : 1000;
		ck_assert_int_eq(alike(&x, &y), (T0 + (ms == 0 ? 999 : 1000)) / 1000 == T0 / 1000);
	}
}
END_TEST

/* What is not committed is not there, for readers before and for anybody after. */
START_TEST(test_observed_transaction)
{
	char dir[64];
	struct store_observed *w = open_at(help_folder(dir), true), *r = open_at(dir, false);
	struct observed_event e;

	begin(w);
	for (uint32_t i = 0; i < 100; i++) {
		e = event(i, T0 + i);
		ck_assert_int_eq(put(w, &e, T0), OBSERVED_NEW);
		ck_assert_int_eq(put(w, &e, T0), OBSERVED_SKIPPED);
	}
	ck_assert_uint_eq(machines(r), 0);
	(void)observed_store_end(w, MUSTER_E_REFUSED, NULL);
	ck_assert_uint_eq(machines(w), 0);
	begin(w);
	for (uint32_t i = 0; i < 50; i++) {
		e = event(i, T0 + i);
		ck_assert_int_eq(put(w, &e, T0), OBSERVED_NEW);
	}
	commit(w);
	ck_assert_uint_eq(machines(r), 50);
	begin(w);
	e = event(7, T0 + 7);
	ck_assert_int_eq(put(w, &e, T0), OBSERVED_SAME);
	e = event(200, T0);
	ck_assert_int_eq(put(w, &e, T0), OBSERVED_NEW);
	observed_store_close(w);   /* as when the host ends in the middle */
	ck_assert_uint_eq(machines(r), 50);
	ck_assert_uint_eq(events(r), 50);
	observed_store_close(r);
	help_remove(dir);
}
END_TEST

/* Whatever the order in which two logs are imported, the machine is the same. */
START_TEST(test_observed_order)
{
	static const int order[2][3] = { { 0, 1, 2 }, { 2, 0, 1 } };
	struct observed_machine got[2];

	for (int i = 0; i < 2; i++) {
		struct store_observed *o = open_at(NULL, true);

		begin(o);
		for (int k = 0; k < 3; k++) {
			struct observed_event e = event(1, T0 + order[i][k] * DAY);

			e.said.status = (uint8_t)order[i][k];
			(void)snprintf(e.machine_name, sizeof e.machine_name, "name-%d", order[i][k]);
			ck_assert_int_eq(put(o, &e, T0), OBSERVED_NEW);
		}
		EXPECT(MUSTER_OK, observed_store_judge(o, &err));
		commit(o);
		memset(&got[i], 0, sizeof got[i]);
		EXPECT(MUSTER_OK, observed_store_machines(o, NULL, true, 10, first_machine, &got[i], &err));
		ck_assert_int_eq(got[i].first, T0);
		ck_assert_int_eq(got[i].last, T0 + 2 * DAY);
		ck_assert_uint_eq(got[i].requests, 3);
		ck_assert_uint_eq(got[i].said.status, 2);
		ck_assert_str_eq(got[i].name, "name-2");
		ck_assert(got[i].clone && !got[i].shared);
		observed_store_close(o);
	}
}
END_TEST

/* Events go by when they were imported, in slices; machines stay, and what went is not counted again. */
START_TEST(test_observed_trim)
{
	struct store_observed *o = open_at(NULL, true);
	struct observed_machine m = { .requests = 0 };
	size_t deleted;

	for (uint32_t import = 0; import < 2; import++) {
		begin(o);
		for (uint32_t i = 0; i < 10; i++) {
			struct observed_event e = event(1, T0 + (import * 10 + i) * 60000);

			ck_assert_int_eq(put(o, &e, T0 + import * DAY), OBSERVED_NEW);
		}
		commit(o);
	}
	EXPECT(MUSTER_OK, observed_store_trim(o, T0, 100, &deleted, &err));
	ck_assert_uint_eq(deleted, 0);
	EXPECT(MUSTER_OK, observed_store_trim(o, T0 + 1, 7, &deleted, &err));
	ck_assert_uint_eq(deleted, 7);
	EXPECT(MUSTER_OK, observed_store_trim(o, T0 + 1, 7, &deleted, &err));
	ck_assert_uint_eq(deleted, 3);
	ck_assert_uint_eq(events(o), 10);
	begin(o);
	for (uint32_t i = 0; i < 20; i++) {
		struct observed_event e = event(1, T0 + i * 60000);

		ck_assert_int_eq(put(o, &e, T0 + 2 * DAY), OBSERVED_SAME);
	}
	commit(o);
	EXPECT(MUSTER_OK, observed_store_machines(o, NULL, false, 10, first_machine, &m, &err));
	ck_assert_uint_eq(m.requests, 20);
	EXPECT(MUSTER_OK, observed_store_trim(o, INT64_MAX, 100, &deleted, &err));
	ck_assert_uint_eq(events(o), 0);
	ck_assert_uint_eq(machines(o), 1);
	observed_store_close(o);
}
END_TEST

static int note_recent(void *ctx, const uint8_t client[16], int64_t last)
{
	int64_t *before = ctx;

	(void)client;
	ck_assert_int_le(last, *before);
	*before = last;
	return 0;
}

/* Distinct clients by their activation IDs within a time; refused requests do not count. */
START_TEST(test_observed_count)
{
	struct store_observed *o = open_at(NULL, true);
	uint8_t ids[3][16] = { { 1 }, { 2 }, { 3 } };
	int64_t before = INT64_MAX;
	enum observed_became became;
	struct observed_machine mak;
	uint64_t n;

	begin(o);
	for (uint32_t i = 0; i < 30; i++) {
		struct observed_event e = event(i % 20, T0 + i * DAY);   /* the first ten twice, with another activation ID */

		e.activation[0] = i < 20 ? 1 : 2;
		if (i == 15)
			e.said.result = 0xC004F042;
		if (i == 16)
			e.said.result = OBSERVED_COUNT_LOW;
		ck_assert_int_eq(put(o, &e, T0), OBSERVED_NEW);
	}
	commit(o);
	EXPECT(MUSTER_OK, observed_store_count(o, (const uint8_t (*)[16])ids, 1, 0, &n, &err));
	ck_assert_uint_eq(n, 19);
	EXPECT(MUSTER_OK, observed_store_count(o, (const uint8_t (*)[16])ids, 3, 0, &n, &err));
	ck_assert_uint_eq(n, 19);
	EXPECT(MUSTER_OK, observed_store_count(o, (const uint8_t (*)[16])ids, 3, T0 + 10 * DAY, &n, &err));
	ck_assert_uint_eq(n, 19);
	EXPECT(MUSTER_OK, observed_store_count(o, (const uint8_t (*)[16])ids, 3, T0 + 20 * DAY, &n, &err));
	ck_assert_uint_eq(n, 10);
	EXPECT(MUSTER_OK, observed_store_count(o, (const uint8_t (*)[16])ids, 0, 0, &n, &err));
	ck_assert_uint_eq(n, 0);
	EXPECT(MUSTER_OK, observed_store_recent(o, (const uint8_t (*)[16])ids, 3, 0, 5, note_recent, &before, &err));
	ck_assert_int_eq(before, T0 + 25 * DAY);
	/* one with a MAK asks no host */
	memset(&mak, 0, sizeof mak);
	mak.client[0] = mak.activation[0] = 3;
	mak.first = mak.last = T0 + 29 * DAY;
	mak.by = OBSERVED_BY_MAK;
	begin(o);
	EXPECT(MUSTER_OK, observed_store_machine(o, &mak, NULL, 0, &became, &err));
	commit(o);
	EXPECT(MUSTER_OK, observed_store_count(o, (const uint8_t (*)[16])ids, 3, 0, &n, &err));
	ck_assert_uint_eq(n, 19);
	before = INT64_MAX;
	EXPECT(MUSTER_OK, observed_store_recent(o, (const uint8_t (*)[16])&ids[2], 1, 0, 5, note_recent, &before, &err));
	ck_assert_int_eq(before, INT64_MAX);
	observed_store_close(o);
}
END_TEST

struct heard { const char *name; int64_t first, last; };

static int note_heard(void *ctx, const struct observed_name *n)
{
	struct heard *h = ctx;

	if (strcmp(n->name, h->name) == 0) {
		h->first = n->first;
		h->last = n->last;
	}
	return 0;
}

static void heard(struct store_observed *o, const struct observed_machine *m, const char *name, int64_t first, int64_t last)
{
	struct heard h = { .name = name };

	EXPECT(MUSTER_OK, observed_store_names(o, m->client, 100, note_heard, &h, &err));
	ck_assert_int_eq(h.first, first);
	ck_assert_int_eq(h.last, last);
}

static void tell(struct store_observed *o, const struct observed_machine *m, const char *name)
{
	enum observed_became became;

	begin(o);
	EXPECT(MUSTER_OK, observed_store_machine(o, m, &name, 1, &became, &err));
	EXPECT(MUSTER_OK, observed_store_judge(o, &err));
	commit(o);
}

/* What another host's state file says of a machine: its events told when it had which name, and a clone that was told of here stays one. */
START_TEST(test_observed_moved)
{
	struct store_observed *o = open_at(NULL, true);
	struct observed_machine m = { .client = { 1 }, .activation = { 1 }, .first = T0 - 90 * DAY, .last = T0 + 40 * DAY, .name = "after", .clone = true, .moved = true }, now;
	struct observed_event e = event(1, T0);

	memcpy(e.client, m.client, 16);
	memcpy(e.activation, m.activation, 16);
	(void)snprintf(e.machine_name, sizeof e.machine_name, "before");
	begin(o);
	ck_assert_int_eq(put(o, &e, T0), OBSERVED_NEW);
	e.logged = e.seen = T0 + 40 * DAY;
	(void)snprintf(e.machine_name, sizeof e.machine_name, "after");
	ck_assert_int_eq(put(o, &e, T0), OBSERVED_NEW);
	commit(o);
	tell(o, &m, "before");
	heard(o, &m, "before", T0, T0);
	heard(o, &m, "after", T0 + 40 * DAY, T0 + 40 * DAY);
	EXPECT(MUSTER_OK, observed_store_machines(o, NULL, false, 1, first_machine, &now, &err));
	ck_assert(!now.clone);
	ck_assert_int_eq(now.first, T0 - 90 * DAY);
	/* a name that no event told of: as any import has it */
	tell(o, &m, "third");
	heard(o, &m, "third", m.first, m.last);
	EXPECT(MUSTER_OK, observed_store_machines(o, NULL, true, 1, first_machine, &now, &err));
	ck_assert(now.clone);
	/* of one name, by its hardware */
	m.client[0] = 2;
	m.moved = false;
	tell(o, &m, "after");
	m.moved = true;
	m.clone = false;
	tell(o, &m, "after");
	EXPECT(MUSTER_OK, observed_store_machines(o, NULL, true, 100, last_machine, &now, &err));
	ck_assert_uint_eq(now.client[0], 2);
	ck_assert(now.clone);
	observed_store_close(o);
}
END_TEST

/* Opening fails when memory does, leaves nothing, and then works. */
START_TEST(test_observed_nomem)
{
	struct store_observed *o = NULL;
	char dir[64];
	uint64_t n;
	int r = MUSTER_E_NOMEM;

	(void)help_folder(dir);
	for (n = 1; r != MUSTER_OK && n < 100; n++) {
		mem_fail_at(n);
		r = observed_store_open(&o, dir, true, NULL);
		mem_fail_at(0);
		ck_assert(r == MUSTER_OK || (r == MUSTER_E_NOMEM && o == NULL));
	}
	ck_assert_uint_gt(n, 2);
	observed_store_close(o);
	help_remove(dir);
}
END_TEST

START_TEST(test_observed_refused)
{
	struct store_observed *o = NULL;
	char dir[64], path[128];
	struct stat st;
	FILE *f;

	(void)help_folder(dir);
	(void)snprintf(path, sizeof path, "%s/observed.db", dir);
	EXPECT(MUSTER_E_NOT_FOUND, observed_store_open(&o, dir, false, &err));
	o = open_at(dir, true);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	observed_store_close(o);
	ck_assert_int_eq(chmod(path, 0640), 0);
	EXPECT_SAYS(MUSTER_E_DENIED, "chmod 600", observed_store_open(&o, dir, true, &err));
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fputs("this is no database, and long enough to be looked at as one: 0123456789012345678901234567890123456789", f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
	EXPECT_SAYS(MUSTER_E_INVALID, "is no SQLite database", observed_store_open(&o, dir, true, &err));
	help_remove(dir);
}
END_TEST

UNIT_MAIN("observed_store", test_observed_identity, test_observed_transaction, test_observed_order, test_observed_trim, test_observed_count, test_observed_moved, test_observed_nomem, test_observed_refused)
