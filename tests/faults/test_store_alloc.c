/* Every allocation of ours fails once during the workload, on both stores: the step says so, changed nothing, and passes when repeated. */
#include "tests/faults/store_workload.h"
#include "tests/unit/store_help.h"
#include "tests/unit/unit.h"

#include "core/base/mem.h"
#include "core/store/store_memory.h"

static char folder[64], state_dir[80], backup_dir[80];

/* @return allocations asked for. */
static uint64_t run(bool sqlite, uint64_t nth)
{
	struct workload w;
	struct store *store;
	uint64_t asked = 0;
	bool met = false;
	char where[60];

	help_remove(folder);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	if (sqlite)
		EXPECT(MUSTER_OK, store_sqlite_new(&store, state_dir, &err));
	else
		EXPECT(MUSTER_OK, store_memory_new(&store, &err));
	workload_init(&w, store, sqlite ? backup_dir : NULL);
	mem_fail_at(nth);
	for (enum workload_step step = 0; step < WORK_STEPS; step++) {
		struct muster_err error = { .result = 0 };
		int r = workload_do(&w, step, &error);

		if (r == MUSTER_OK)
			continue;
		(void)snprintf(where, sizeof where, "allocation %llu, step %d", (unsigned long long)nth, (int)step);
		ck_assert_msg(r == MUSTER_E_NOMEM && !met, "%s: %d: %s", where, r, error.message);
		met = true;
		EXPECT(MUSTER_OK, workload_do(&w, step, &err));
	}
	asked = mem_count();
	mem_fail_at(0);
	ck_assert(met == (nth != 0));
	workload_close(&w);
	workload_check(&w, store, "after all");
	store->free(store);
	return asked;
}

START_TEST(test_alloc_every)
{
	uint64_t total;

	(void)help_folder(folder);
	(void)snprintf(state_dir, sizeof state_dir, "%s/state", folder);
	(void)snprintf(backup_dir, sizeof backup_dir, "%s/backup", folder);
	total = run(_i == 1, 0);
	ck_assert_uint_gt(total, 10);
	for (uint64_t n = 1; n <= total; n++)
		(void)run(_i == 1, n);
	help_remove(folder);
}
END_TEST

START_TEST(test_alloc_new)
{
	struct store *store = (struct store *)folder;

	mem_fail_at(1);
	EXPECT(MUSTER_E_NOMEM, store_memory_new(&store, &err));
	ck_assert_ptr_null(store);
	for (uint64_t n = 1; n <= 2; n++) {
		store = (struct store *)folder;
		mem_fail_at(n);
		EXPECT(MUSTER_E_NOMEM, store_sqlite_new(&store, "/nowhere", &err));
		ck_assert_ptr_null(store);
	}
	mem_fail_at(0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_alloc");
	TCase *one = tcase_create("store_alloc");

	tcase_set_timeout(one, 600);
	tcase_add_loop_test(one, test_alloc_every, 0, 2);
	tcase_add_test(one, test_alloc_new);
	suite_add_tcase(suite, one);
	return unit_run_suite(suite);
}
