/*
 * Every call of SQLite to its file layer fails once, and from there on for ever, during a workload on the files: with MUSTER_FAULTS=all, else as many of
 * them as some seconds allow.
 */
#include "tests/faults/faults.h"
#include "tests/faults/store_workload.h"
#include "tests/faults/vfs_fail.h"
#include "tests/unit/store_help.h"
#include "tests/unit/unit.h"

static char folder[64], state_dir[80], copy_dir[80], backup_dir[80], part_dir[90];

static void copy_file(const char *name)
{
	static char bytes[1 << 20];
	char from[200], to[200];
	FILE *in, *out;
	size_t n;

	(void)snprintf(from, sizeof from, "%s/%s", state_dir, name);
	(void)snprintf(to, sizeof to, "%s/%s", copy_dir, name);
	if ((in = fopen(from, "r")) == NULL)
		return;
	ck_assert_ptr_nonnull(out = fopen(to, "w"));
	while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
		ck_assert_uint_eq(fwrite(bytes, 1, n, out), n);
	(void)fclose(in);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(chmod(to, 0600), 0);
}

/* The files as a host that dies now leaves them; -shm is made anew from them. */
static void copy_as_if_killed(void)
{
	help_remove(copy_dir);
	ck_assert_int_eq(mkdir(copy_dir, 0700), 0);
	copy_file("state.db");
	copy_file("state.db-wal");
	copy_file("log.db");
	copy_file("log.db-wal");
}

/* Says what, where and what to do. */
static void check_message(int r, const struct muster_err *err, const char *where)
{
	ck_assert_msg(r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN || r == MUSTER_E_LIMIT, "%s: result %d: %s", where, r, err->message);
	ck_assert_msg(err->result == r, "%s: result %d, in the error %d", where, r, err->result);
	ck_assert_msg(strstr(err->message, folder) != NULL, "%s: no file named: %s", where, err->message);
	ck_assert_msg(strstr(err->message, "look at the disk") != NULL || strstr(err->message, "free space") != NULL
		|| strstr(err->message, "open it again") != NULL, "%s: no advice: %s", where, err->message);
}

static void check_dir(const struct workload *w, const char *dir, const char *where)
{
	struct store *store;

	EXPECT(MUSTER_OK, store_sqlite_new(&store, dir, &err));
	workload_check(w, store, where);
	store->free(store);
}

static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* A backup is whole or not there, and no part of one is left. */
static void check_backup(const struct workload *w, const char *where)
{
	struct workload copied = *w;

	ck_assert_msg(is_there(backup_dir) == w->done[WORK_BACKUP], "%s: the backup was %sacknowledged", where, w->done[WORK_BACKUP] ? "" : "not ");
	ck_assert_msg(!is_there(part_dir), "%s: a part of a backup is left", where);
	if (!w->done[WORK_BACKUP])
		return;
	copied.done[WORK_APPEND_4] = false;  /* came later */
	copied.unknown = WORK_STEPS;
	check_dir(&copied, backup_dir, where);
}

/* One run with one failure. @return whether it was met. */
static bool run(const struct vfs_fail_order *order, const char *name)
{
	struct workload w;
	struct store *store;
	struct muster_err error = { .result = 0 };
	bool met, stopped = false;
	char where[100];
	int r = MUSTER_OK;

	help_remove(folder);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	EXPECT(MUSTER_OK, store_sqlite_new(&store, state_dir, &err));
	workload_init(&w, store, backup_dir);
	vfs_fail_arm(order);
	for (enum workload_step step = 0; step < WORK_STEPS && !stopped; step++) {
		(void)snprintf(where, sizeof where, "%s %llu%s, step %d", name, (unsigned long long)order->nth, order->for_ever ? " for ever" : "", (int)step);
		if ((r = workload_do(&w, step, &error)) == MUSTER_OK)
			continue;
		check_message(r, &error, where);
		/* The disk has room again: the same handle goes on. Any failure but of an I/O changed nothing. */
		if (r == MUSTER_E_LIMIT && !order->for_ever)
			EXPECT(MUSTER_OK, workload_do(&w, step, &err));
		else if (step == WORK_BACKUP)
			continue;
		else
			stopped = true;
	}
	copy_as_if_killed();
	workload_close(&w);
	met = vfs_fail_met() > 0;
	vfs_fail_arm(NULL);
	check_dir(&w, state_dir, where);
	check_dir(&w, copy_dir, where);
	check_backup(&w, where);
	store->free(store);
	return met;
}

static void setup(void)
{
	vfs_fail_install();
	(void)help_folder(folder);
	(void)snprintf(state_dir, sizeof state_dir, "%s/state", folder);
	(void)snprintf(copy_dir, sizeof copy_dir, "%s/copy", folder);
	(void)snprintf(backup_dir, sizeof backup_dir, "%s/backup", folder);
	(void)snprintf(part_dir, sizeof part_dir, "%s.part", backup_dir);
}

#define BUDGET_MS 2000   /* of each way */

static const struct way { const char *name; unsigned calls; enum vfs_fail_how how; bool for_ever; } ways[] = {
	{ "failing call", VFS_FAIL_ALL, VFS_FAIL_IOERR, false },
	{ "failing call", VFS_FAIL_ALL, VFS_FAIL_IOERR, true },
	{ "torn write", VFS_FAIL_WRITE, VFS_FAIL_TORN, false },
	{ "write or sync done but reported as failed", VFS_FAIL_WRITE | VFS_FAIL_SYNC | VFS_FAIL_TRUNCATE, VFS_FAIL_LATE, false },
	{ "full disk", VFS_FAIL_GROWING, VFS_FAIL_FULL, false },
	{ "full disk", VFS_FAIL_GROWING, VFS_FAIL_FULL, true },
};

START_TEST(test_vfs_every_call)
{
	struct vfs_fail_order order = { .calls = ways[_i].calls, .how = ways[_i].how };
	int64_t began = faults_now();
	struct faults plan;
	uint64_t total;

	setup();
	/* Without a failure: all steps pass, and their number of calls is known. */
	ck_assert(!run(&order, "nothing fails"));
	order.for_ever = ways[_i].for_ever;
	vfs_fail_arm(&order);
	{
		struct workload w;
		struct store *store;

		help_remove(folder);
		ck_assert_int_eq(mkdir(folder, 0700), 0);
		EXPECT(MUSTER_OK, store_sqlite_new(&store, state_dir, &err));
		workload_init(&w, store, backup_dir);
		for (enum workload_step step = 0; step < WORK_STEPS; step++)
			EXPECT(MUSTER_OK, workload_do(&w, step, &err));
		workload_close(&w);
		store->free(store);
	}
	total = vfs_fail_calls();
	ck_assert_uint_gt(total, 50);
	plan = faults_plan(ways[_i].name, total, (faults_now() - began) / 2, BUDGET_MS);
	while ((order.nth = faults_next(&plan)) != 0)
		ck_assert_msg(run(&order, ways[_i].name), "call %llu of %llu was not made again", (unsigned long long)order.nth, (unsigned long long)total);
	help_remove(folder);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_vfs");
	TCase *one = tcase_create("store_vfs");

	tcase_set_timeout(one, 600);
	tcase_add_loop_test(one, test_vfs_every_call, 0, (int)(sizeof ways / sizeof ways[0]));
	suite_add_tcase(suite, one);
	return unit_run_suite(suite);
}
