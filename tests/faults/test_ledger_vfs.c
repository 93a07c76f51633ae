/*
 * The real ledger on real files: every call of SQLite to its file layer fails once, from open to stop.
 *
 * By default as many of them as twenty seconds allow; with MUSTER_FAULTS=all every one.
 */
#include "tests/faults/faults.h"
#include "tests/faults/ledger_workload.h"
#include "tests/faults/vfs_fail.h"
#include "tests/unit/unit.h"

#define BUDGET_MS 18000   /* for all ways together */

static const struct way { const char *name; unsigned calls; enum vfs_fail_how how; unsigned faults; int64_t budget_ms; } ways[] = {
	{ "failing call", VFS_FAIL_ALL, VFS_FAIL_IOERR, 1, BUDGET_MS * 3 / 10 },
	{ "outage of some calls", VFS_FAIL_ALL, VFS_FAIL_IOERR, 5, BUDGET_MS * 2 / 10 },
	{ "outage of some calls that do their work", VFS_FAIL_ALL, VFS_FAIL_LATE, 5, BUDGET_MS / 10 },
	{ "full disk", VFS_FAIL_GROWING, VFS_FAIL_FULL, 1, BUDGET_MS * 15 / 100 },
	{ "torn write", VFS_FAIL_WRITE, VFS_FAIL_TORN, 1, BUDGET_MS / 10 },
	{ "write or sync done but reported as failed", VFS_FAIL_WRITE | VFS_FAIL_SYNC | VFS_FAIL_TRUNCATE, VFS_FAIL_LATE, 1, BUDGET_MS * 15 / 100 },
};

/* One run with one failure. @return whether it was met. */
static bool run(const struct vfs_fail_order *order, const char *name, struct work_sum *base, uint64_t *calls)
{
	struct work *w = calloc(1, sizeof *w);
	char where[100];
	bool met;

	ck_assert_ptr_nonnull(w);
	(void)snprintf(where, sizeof where, "%s %llu", name, (unsigned long long)order->nth);
	work_init(w, where, (unsigned)order->more + 1);
	vfs_fail_arm(order);
	work_do(w);
	met = vfs_fail_met() > 0;
	*calls = vfs_fail_calls();
	vfs_fail_arm(NULL);
	if (order->nth == 0)
		*base = w->live;
	ck_assert_msg(met || (w->again == 0 && w->refused_acts == 0 && w->failed_starts == 0), "%s: something failed without a fault", where);
	work_check(w, base);
	work_fini(w);
	free(w);
	return met;
}

START_TEST(test_ledger_every_call)
{
	const struct way *way = &ways[_i];
	struct vfs_fail_order order = { .calls = way->calls, .how = way->how, .more = way->faults - 1 };
	struct work_sum base;
	struct faults plan;
	uint64_t total, calls, missed = 0;
	int64_t began;

	vfs_fail_install();
	began = faults_now();
	ck_assert(!run(&order, "nothing fails", &base, &total));
	ck_assert_uint_gt(total, 100);
	plan = faults_plan(way->name, total, faults_now() - began, way->budget_ms);
	while ((order.nth = faults_next(&plan)) != 0)
		missed += !run(&order, way->name, &base, &calls);
	/* Two threads: how many calls there are differs a little from run to run, at the end. */
	ck_assert_msg(missed * 5 <= plan.taken + 5, "%s: of %llu calls %llu were not made again", way->name, (unsigned long long)plan.taken,
	              (unsigned long long)missed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger_vfs");
	TCase *one = tcase_create("ledger_vfs");

	tcase_set_timeout(one, faults_all() ? 800 : 600);
	tcase_add_loop_test(one, test_ledger_every_call, 0, (int)(sizeof ways / sizeof ways[0]));
	suite_add_tcase(suite, one);
	return unit_run_suite(suite);
}
