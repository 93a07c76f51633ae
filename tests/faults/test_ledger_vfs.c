/*
 * Every call of SQLite to its file layer fails once while the ledger runs: what was acknowledged is there, nothing twice,
 * counts right, and the ledger takes requests again by itself.
 */
#include "tests/faults/vfs_fail.h"
#include "tests/unit/ledger_fixture.h"

#include <stdio.h>
#include <time.h>

#include "core/base/bytes.h"

#define REQUESTS 10U

static void wait_ready(struct fix *f, const char *where)
{
	struct muster_err err = { 0 };

	for (int i = 0; i < 4000; i++) {
		if (ledger_ready(f->l, &err) == MUSTER_OK)
			return;
		ledger_nudge(f->l);
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	ck_abort_msg("%s: never ready again: %s", where, err.message);
}

/* Ask until it is acknowledged, with the same nonce, as libmuster does. */
static void insist(struct fix *f, struct ask *a, const char *where)
{
	for (int tries = 0;; tries++) {
		ck_assert_msg(tries < 100, "%s: refused for ever", where);
		wait_ready(f, where);
		if (ledger_submit(f->l, &a->r) != MUSTER_OK)
			continue;
		ask_wait(a);
		a->done = false;
		if (a->r.code != CODE_M_STORAGE)
			return;
	}
}

static void look(struct fix *f, const char *where)
{
	struct store_use u;

	ck_assert_msg(fix_totals(f, OFFICE2013).total == REQUESTS, "%s: %llu requests in the counters", where,
	              (unsigned long long)fix_totals(f, OFFICE2013).total);
	ck_assert_msg(fix_events(f, 0, NULL) == REQUESTS + 1, "%s: %zu events", where, fix_events(f, 0, NULL));
	ck_assert_msg(fix_count(f, OFFICE2013).current == REQUESTS - 1, "%s: count %u", where, fix_count(f, OFFICE2013).current);
	for (uint32_t i = 1; i <= REQUESTS; i++) {
		ck_assert_msg(fix_client(f, i, OFFICE2013, &u), "%s: client %u is lost", where, i);
		ck_assert_msg(u.requests == 1, "%s: client %u counted %llu times", where, i, (unsigned long long)u.requests);
		ck_assert_msg(((u.flags & STORE_F_RELEASED) != 0) == (i == 3), "%s: client %u released or not", where, i);
	}
}

/* Ten machines, a release, a fold in the middle and at the end. @return whether the failure was met. */
static bool run(struct fix *f, const struct vfs_fail_order *order, const char *name, uint64_t *calls)
{
	char where[100];
	struct ask a;
	bool met;

	snprintf(where, sizeof where, "%s %llu", name, (unsigned long long)order->nth);
	fix_open(f, FIX_SQLITE);
	vfs_fail_arm(NULL);
	fix_start(f);
	vfs_fail_arm(order);
	for (uint32_t i = 1; i <= REQUESTS; i++) {
		ask_init(f, &a, OFFICE2013, i);
		insist(f, &a, where);
		ck_assert_msg(a.r.code == (i < 5 ? LOW : CODE_OK), "%s: client %u got %x", where, i, a.r.code);
		ask_fini(&a);
		if (i == 5)
			(void)state_settle(f->l, 2000, NULL);
	}
	ask_init(f, &a, OFFICE2013, 3);
	a.r.kind = LEDGER_RELEASE;
	a.r.lease_known = true;
	insist(f, &a, where);
	ck_assert_code(a.r.code, CODE_OK);
	ask_fini(&a);
	(void)state_settle(f->l, 2000, NULL);
	*calls = vfs_fail_calls();
	met = vfs_fail_met() > 0;
	vfs_fail_arm(NULL);
	wait_ready(f, where);
	fix_settle(f);
	look(f, where);
	fix_restart(f);
	fix_settle(f);
	look(f, where);
	fix_close(f);
	return met;
}

static const struct way { const char *name; unsigned calls; enum vfs_fail_how how; } ways[] = {
	{ "failing call", VFS_FAIL_ALL, VFS_FAIL_IOERR },
	{ "torn write", VFS_FAIL_WRITE, VFS_FAIL_TORN },
	{ "write or sync done but reported as failed", VFS_FAIL_WRITE | VFS_FAIL_SYNC | VFS_FAIL_TRUNCATE, VFS_FAIL_LATE },
	{ "full disk", VFS_FAIL_GROWING, VFS_FAIL_FULL }
};

START_TEST(test_ledger_vfs)
{
	struct vfs_fail_order order = { .calls = ways[_i].calls, .how = ways[_i].how };
	struct fix *f = calloc(1, sizeof *f);
	uint64_t total, calls, met = 0;

	ck_assert_ptr_nonnull(f);
	vfs_fail_install();
	(void)run(f, &order, "nothing fails", &total);
	ck_assert_uint_gt(total, 20);
	for (order.nth = 1; order.nth <= total; order.nth++)
		met += run(f, &order, ways[_i].name, &calls);
	/* two threads: how many calls there are differs a little from run to run */
	ck_assert_uint_ge(met, total * 3 / 4);
	free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger_vfs");
	TCase *one = tcase_create("ledger_vfs");
	SRunner *runner;
	int failed;

	tcase_set_timeout(one, 300);
	tcase_add_loop_test(one, test_ledger_vfs, 0, (int)(sizeof ways / sizeof ways[0]));
	suite_add_tcase(suite, one);
	runner = srunner_create(suite);
	srunner_run_all(runner, getenv("CK_VERBOSITY") != NULL ? CK_ENV : CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
