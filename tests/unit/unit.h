/** The frame of a unit test program: one suite, run by Check, results as TAP on standard output. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/**
 * Write the main function of a test program: `UNIT_MAIN("buf", test_buf_append, test_buf_cap)` runs those tests, each in
 * a process of its own. A test is `START_TEST(test_buf_append) { ck_assert(…); } END_TEST`.
 */
#define UNIT_MAIN(name, ...) \
	int main(void) \
	{ \
		const TTest *const tests_[] = { __VA_ARGS__ }; \
		return unit_run_into(suite_create(name), tests_, sizeof tests_ / sizeof tests_[0]); \
	}

/** Run the suite and free it: for programs that fill it themselves. @return what main returns. */
static inline int unit_run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	/* The environment of `make check` asks for TAP and silence; by hand there is a readable summary. */
	srunner_run_all(runner, getenv("CK_VERBOSITY") != NULL ? CK_ENV : CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/** Add the tests to the suite, each between setup and teardown (may be NULL), run it, free it. @return what main returns. */
static inline int unit_run_with(Suite *suite, const TTest *const *tests, size_t count, SFun setup, SFun teardown)
{
	for (size_t i = 0; i < count; i++) {
		TCase *one = tcase_create(tests[i]->name);

		/* Far above what any needs: sanitizers and a busy machine are slow. The harness ends the whole program after 900. */
		tcase_set_timeout(one, 600);
		if (setup != NULL || teardown != NULL)
			tcase_add_checked_fixture(one, setup, teardown);
		tcase_add_test(one, tests[i]);
		suite_add_tcase(suite, one);
	}
	return unit_run_suite(suite);
}

static inline int unit_run_into(Suite *suite, const TTest *const *tests, size_t count)
{
	return unit_run_with(suite, tests, count, NULL, NULL);
}

#endif
