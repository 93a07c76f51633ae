/* Files of every earlier schema come forward with all they hold; whatever call to the disk fails meanwhile, the next start finishes it. */
#include "tests/faults/faults.h"
#include "tests/faults/vfs_fail.h"
#include "tests/unit/store_help.h"
#include "tests/unit/store_schema_1.h"
#include "tests/unit/store_schema_3.h"
#include "tests/unit/store_schema_4.h"
#include "tests/unit/unit.h"

#include <sqlite3.h>

#include "core/base/bytes.h"
#include "core/base/log.h"

COLLECTOR(help_holdings, struct store_holding)
COLLECTOR(help_sums, struct store_holding_sum)

static char folder[64], log_path[80], state_path[80], copy_dir[100];
static struct store *store;
static struct store_log *lg;
static struct store_state *st;

static void quiet(void *ctx, int level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void sql(const char *path, const char *text)
{
	sqlite3 *h;
	char *message = NULL;

	ck_assert_int_eq(sqlite3_open(path, &h), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(h, text, NULL, NULL, &message) == SQLITE_OK, "%s", message);
	(void)sqlite3_close(h);
	ck_assert_int_eq(chmod(path, 0600), 0);
}

/* A pair of files as that schema's program left them. */
static void make_files(int schema)
{
	sql(log_path, log_of_schema_1);
	sql(state_path, state_of_schema_1);
	if (schema >= 2) {
		sql(log_path, log_to_schema_2);
		sql(state_path, state_to_schema_2);
	}
	if (schema >= 3) {
		sql(log_path, log_to_schema_3);
		sql(state_path, state_to_schema_3);
	}
	if (schema >= 4) {
		sql(log_path, log_to_schema_4);
		sql(state_path, state_to_schema_4);
	}
}

static void begin(int schema)
{
	(void)help_folder(folder);
	(void)snprintf(log_path, sizeof log_path, "%.60s/log.db", folder);
	(void)snprintf(state_path, sizeof state_path, "%.60s/state.db", folder);
	(void)snprintf(copy_dir, sizeof copy_dir, "%.60s/backup", folder);
	EXPECT(MUSTER_OK, store_sqlite_new(&store, folder, &err));
	make_files(schema);
}

static void finish(void)
{
	store->free(store);
	help_remove(folder);
}

static int open_all(struct muster_err *error)
{
	struct store_log_info li;
	struct store_state_info si;
	int r;

	lg = NULL;
	st = NULL;
	if ((r = store->open_state(store, true, &st, error)) != MUSTER_OK || (r = st->ops->claim(st, &si, error)) != MUSTER_OK
	    || (r = store->open_log(store, true, &lg, error)) != MUSTER_OK)
		return r;
	return lg->ops->claim(lg, si.ledger_id, &li, error);
}

static void close_all(void)
{
	if (lg != NULL)
		lg->ops->close(lg);
	if (st != NULL)
		st->ops->close(st);
}

/* All that the old file held. */
static void expect_old_rows(int schema)
{
	struct store_event events[4];
	struct store_use uses[4];
	struct store_setting settings[2];
	struct store_member members[4];
	struct store_journal journal[2];
	struct help_list le = LIST_OF(events), lu = LIST_OF(uses), ls = LIST_OF(settings), lm = LIST_OF(members), lj = LIST_OF(journal);
	struct buf data;

	EXPECT(MUSTER_OK, lg->ops->read(lg, 0, 10, help_events, &le, &err));
	ck_assert_uint_eq(le.n, 2);
	EXPECT(MUSTER_OK, st->ops->recent(st, 4, 0, 4, help_uses, &lu, &err));
	ck_assert_uint_eq(lu.n, 2);
	lu.n = 0;
	EXPECT(MUSTER_OK, st->ops->clones(st, 0, help_uses, &lu, &err));
	ck_assert_uint_eq(lu.n, 1);
	EXPECT(MUSTER_OK, st->ops->settings(st, help_settings, &ls, &err));
	ck_assert_uint_eq(ls.n, 1);
	EXPECT(MUSTER_OK, st->ops->members(st, 4, help_members, &lm, &err));
	ck_assert_uint_eq(lm.n, schema >= 2 ? 2U : 1U);
	ck_assert(!members[0].is_virtual);
	ck_assert(schema < 2 || members[1].is_virtual);
	buf_init(&data, 100);
	EXPECT(schema >= 3 ? MUSTER_OK : MUSTER_E_NOT_FOUND, st->ops->record(st, "pack", span_str("7"), &data, &err));
	buf_fini(&data);
	EXPECT(MUSTER_OK, st->ops->journal(st, 0, 2, help_journal, &lj, &err));
	ck_assert_uint_eq(lj.n, schema >= 3 ? 1U : 0U);
}

/* And what is new works: held, found, counted. @param held what is held already */
static void expect_holdings(uint64_t held)
{
	struct store_holding h = { .product = 9, .class_ = 5, .holder = "pc-1", .holder_n = 4, .state = 6, .until = T0 }, rows[2];
	struct store_change c = { .kind = STORE_HOLDING_PUT, .holding = &h };
	struct store_holding_sum sums[2];
	struct help_list lr = LIST_OF(rows), ls = LIST_OF(sums);

	EXPECT(MUSTER_OK, st->ops->holding_sums(st, help_sums, &ls, &err));
	ck_assert_uint_eq(ls.n, held);
	EXPECT(MUSTER_OK, st->ops->transact(st, &c, 1, &err));
	EXPECT(MUSTER_OK, st->ops->holdings_due(st, T0, 2, help_holdings, &lr, &err));
	ck_assert_uint_eq(lr.n, 1);
	ls.n = 0;
	EXPECT(MUSTER_OK, st->ops->holding_sums(st, help_sums, &ls, &err));
	ck_assert_uint_eq(ls.n, 1);
	ck_assert_uint_eq(sums[0].n, 1);
}

/* A reader leaves an old file as it is; a writer brings it forward, keeps what it held, and a backup of it is one of today's. */
START_TEST(test_migrate)
{
	struct store_state_info si;
	struct muster_err error;
	struct store *copy;

	log_capture(quiet, NULL);
	begin(_i);
	EXPECT_SAYS(MUSTER_E_UNSUPPORTED, "older Muster", store->open_log(store, false, &lg, &err));
	EXPECT_SAYS(MUSTER_E_UNSUPPORTED, "start the host once", store->open_state(store, false, &st, &err));
	ck_assert_int_eq(open_all(&error), MUSTER_OK);
	EXPECT(MUSTER_OK, st->ops->info(st, &si, &err));
	ck_assert_uint_eq(si.schema, 5);
	expect_old_rows(_i);
	expect_holdings(0);
	EXPECT(MUSTER_OK, store->backup(store, copy_dir, UINT64_MAX, &err));
	close_all();
	copy = store;
	EXPECT(MUSTER_OK, store_sqlite_new(&store, copy_dir, &err));
	ck_assert_int_eq(open_all(&error), MUSTER_OK);
	expect_old_rows(_i);
	expect_holdings(1);
	close_all();
	store->free(store);
	store = copy;
	finish();
	log_capture(NULL, NULL);
}
END_TEST

static uint64_t migrate_failing(int schema, uint64_t nth, enum vfs_fail_how how)
{
	const struct vfs_fail_order order = { .calls = VFS_FAIL_ALL, .nth = nth, .how = how };
	struct muster_err error = { .result = 0 };
	uint64_t calls;
	int r;

	begin(schema);
	vfs_fail_arm(&order);
	r = open_all(&error);
	calls = vfs_fail_calls();
	ck_assert(how != VFS_FAIL_IOERR || vfs_fail_met() == (nth != 0));
	ck_assert_msg(nth != 0 || r == MUSTER_OK, "%s", error.message);
	ck_assert_msg(r == MUSTER_OK || r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN || r == MUSTER_E_LIMIT, "call %llu: %d %s", (unsigned long long)nth, r, error.message);
	vfs_fail_arm(NULL);
	close_all();
	ck_assert_int_eq(open_all(&error), MUSTER_OK);
	expect_old_rows(schema);
	expect_holdings(0);
	close_all();
	finish();
	return calls;
}

#define BUDGET_MS 700   /* of each schema and way; every call with MUSTER_FAULTS=all */

START_TEST(test_migrate_every_call)
{
	static const enum vfs_fail_how how[] = { VFS_FAIL_IOERR, VFS_FAIL_TORN, VFS_FAIL_LATE, VFS_FAIL_FULL };
	int64_t began = faults_now();
	uint64_t total, nth;

	log_capture(quiet, NULL);
	vfs_fail_install();
	total = migrate_failing(_i, 0, VFS_FAIL_IOERR);
	began = faults_now() - began;
	ck_assert_uint_gt(total, 20);
	for (size_t i = 0; i < sizeof how / sizeof how[0]; i++) {
		struct faults plan = faults_plan("calls", total, began, BUDGET_MS);

		while ((nth = faults_next(&plan)) != 0)
			(void)migrate_failing(_i, nth, how[i]);
	}
	log_capture(NULL, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_migrate");
	TCase *one = tcase_create("store_migrate");

	tcase_set_timeout(one, 600);
	tcase_add_loop_test(one, test_migrate, 1, 5);
	tcase_add_loop_test(one, test_migrate_every_call, 1, 5);
	suite_add_tcase(suite, one);
	return unit_run_suite(suite);
}
