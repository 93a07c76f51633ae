/** The frame of a unit test program: one suite, run by Check, results as TAP on standard output. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <check.h>
#include <stdlib.h>

/**
 * Write the main function of a test program: `UNIT_MAIN("buf", test_buf_append, test_buf_cap)` runs those tests, each in
 * a process of its own. A test is `START_TEST(test_buf_append) { ck_assert(…); } END_TEST`.
 */
#define UNIT_MAIN(name, ...) \
	int main(void) \
	{ \
		const TTest *const tests_[] = { __VA_ARGS__ }; \
		return unit_run(name, tests_, sizeof tests_ / sizeof tests_[0]); \
	}

static inline int unit_run(const char *name, const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < count; i++) {
		TCase *one = tcase_create(tests[i]->name);

		tcase_set_timeout(one, 60);
		tcase_add_test(one, tests[i]);
		suite_add_tcase(suite, one);
	}
	runner = srunner_create(suite);
	/* CK_TAP_LOG_FILE_NAME and CK_VERBOSITY decide the output; by hand: a readable summary. */
	srunner_run_all(runner, getenv("CK_VERBOSITY") != NULL ? CK_ENV : CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
