/*
 * Every allocation of ours fails once, from opening the ledger to its stop: the same workload, the same outcome.
 *
 * By default as many of them as some seconds allow; with MUSTER_FAULTS=all every one.
 */
#include "tests/faults/faults.h"
#include "tests/faults/ledger_workload.h"
#include "tests/unit/unit.h"

#include "core/base/mem.h"

#define BUDGET_MS 8000

/* One run in which allocation @p nth fails; 0: none. @return allocations asked for. */
static uint64_t run(uint64_t nth, struct work_sum *base, unsigned *noticed)
{
	struct work *w = calloc(1, sizeof *w);
	char where[60];
	uint64_t asked;

	ck_assert_ptr_nonnull(w);
	(void)snprintf(where, sizeof where, "allocation %llu", (unsigned long long)nth);
	work_init(w, where, 1);
	mem_fail_at(nth);
	work_do(w);
	asked = mem_count();
	mem_fail_at(0);
	if (nth == 0) {
		*base = w->live;
		ck_assert(w->again == 0 && w->refused_acts == 0 && w->failed_starts == 0);
	}
	*noticed += w->refused_acts + w->failed_starts > 0;
	work_check(w, base);
	work_fini(w);
	free(w);
	return asked;
}

START_TEST(test_ledger_every_allocation)
{
	struct work_sum base;
	struct faults plan;
	unsigned noticed = 0;
	int64_t began = faults_now();
	uint64_t total = run(0, &base, &noticed), nth, missed = 0;

	ck_assert_uint_gt(total, 50);
	plan = faults_plan("allocations", total, faults_now() - began, BUDGET_MS);
	while ((nth = faults_next(&plan)) != 0)
		missed += run(nth, &base, &noticed) < nth;
	ck_assert_msg(missed * 5 <= plan.taken + 5, "of %llu allocations %llu were not asked for again", (unsigned long long)plan.taken,
	              (unsigned long long)missed);
	/* A slow machine tries a handful within the budget, and a handful may hit nothing that anybody notices. */
	ck_assert_msg(noticed > 0 || plan.taken < 20, "no failure was ever noticed");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger_alloc");
	TCase *one = tcase_create("ledger_alloc");

	tcase_set_timeout(one, faults_all() ? 800 : 600);
	tcase_add_test(one, test_ledger_every_allocation);
	suite_add_tcase(suite, one);
	return unit_run_suite(suite);
}
