/* The machine's limits: each gives a rate, leaves nothing behind, and says so in words and as JSON. No rate is a failure. */
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/bench/limits.h"
#include "unit.h"

static char work[64];
static struct muster_err err;

static void setup(void)
{
	(void)snprintf(work, sizeof work, "/tmp/muster-test-bench-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(work));
}

static void teardown(void)
{
	/* Fails when something was left in it. */
	ck_assert_int_eq(rmdir(work), 0);
}

START_TEST(test_bench_limits_measures)
{
	struct bench_limits l;

	ck_assert_msg(limits_measure(&l, work, 0.1, &err) == MUSTER_OK, "%s", err.message);
	ck_assert(l.signatures > 0);
	ck_assert(l.rows > 0);
	ck_assert(l.echo > 0);
	ck_assert(l.echo_per_request > 0);
}
END_TEST

START_TEST(test_bench_limits_no_folder)
{
	struct bench_limits l;

	ck_assert_int_eq(limits_measure(&l, "/nonexistent", 0.01, &err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "/nonexistent"));
}
END_TEST

START_TEST(test_bench_limits_json)
{
	char name[] = "limits", seconds[] = "--seconds", tenth[] = "0.1", dir[] = "--dir", json[] = "--json", path[128];
	char *argv[] = { name, seconds, tenth, dir, work, json, NULL };
	json_t *j;

	(void)snprintf(path, sizeof path, "%s/out", work);
	ck_assert_ptr_nonnull(freopen(path, "w", stdout));
	ck_assert_int_eq(bench_limits(6, argv, clock_system()), BENCH_OK);
	(void)fflush(stdout);
	j = json_load_file(path, 0, NULL);
	(void)unlink(path);
	ck_assert(json_real_value(json_object_get(j, "signatures_per_s")) > 0);
	ck_assert(json_real_value(json_object_get(j, "rows_per_s")) > 0);
	ck_assert(json_real_value(json_object_get(j, "echo_per_s")) > 0);
	ck_assert(json_real_value(json_object_get(j, "echo_per_request_per_s")) > 0);
	json_decref(j);
}
END_TEST

START_TEST(test_bench_limits_usage)
{
	char name[] = "limits", seconds[] = "--seconds", word[] = "long";
	char *argv[] = { name, seconds, word, NULL };

	ck_assert_int_eq(bench_limits(3, argv, clock_system()), BENCH_USAGE);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_bench_limits_measures, test_bench_limits_no_folder, test_bench_limits_json, test_bench_limits_usage };

	return unit_run_with(suite_create("bench_limits"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
