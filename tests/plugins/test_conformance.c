/* Every plugin passes the suite; plugins that misbehave in one way each fail it in that place. */
#include "tests/unit/unit.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/catalog/conformance.h"

struct lines { unsigned passed, failed; char text[8192]; };

static void collect(void *ctx, bool passed, const char *what, const char *detail)
{
	struct lines *l = ctx;
	size_t n = strlen(l->text);

	if (passed)
		l->passed++;
	else
		l->failed++;
	(void)snprintf(l->text + n, sizeof l->text - n, "%s%s%s%s\n", passed ? "" : "FAILED ", what, detail[0] != '\0' ? ": " : "", detail);
}

static const char *built(char out[PATH_MAX], const char *folder, const char *name)
{
	const char *top = getenv("top_builddir");

	(void)snprintf(out, PATH_MAX, "%s/%s/.libs/%s.so", top != NULL ? top : getcwd(out + PATH_MAX / 2, PATH_MAX / 2), folder, name);
	return out;
}

static const char *const plugins[] = { "office2013", "windows", "windows-server", "sql-embedded", "rds", "sample" };

START_TEST(test_conformance_plugins)
{
	for (size_t i = 0; i < sizeof plugins / sizeof plugins[0]; i++) {
		char folder[64], path[PATH_MAX];
		struct muster_err err = { 0 };
		struct lines l = { 0 };

		(void)snprintf(folder, sizeof folder, "plugins/%s", plugins[i]);
		ck_assert_msg(conformance_child(built(path, folder, plugins[i]), 60, collect, &l, &err) == MUSTER_OK, "%s", l.text);
		ck_assert_uint_eq(l.failed, 0);
		ck_assert_uint_ge(l.passed, 6);
	}
}
END_TEST

/* Seconds until one that hangs is ended; the others are through long before, on a busy machine and with a sanitizer too. */
#define STUCK 10
#define STUCK_TEXT "10"

static const struct { const char *name, *failure; } wrong[] = {
	{ "rude", " in request_check, in the check after \"starts with each option at its bounds\"\n" }, /* crashed; under a sanitizer: ended the process */
	{ "leaving", "FAILED runs to the end: it ended the process in request_check, in the check after \"starts with each option at its bounds\"\n" },
	{ "stuck", "FAILED runs to the end: it was still running after " STUCK_TEXT " s, in request_check, in the check after \"starts with each option at its bounds\"\n" },
	{ "quiet", "FAILED request_check: sound, repeatable and quick answers, also for copies: request_check refuses request 0 for quiet, and its sentence is empty\n" },
	{ "moody", "FAILED request_check: sound, repeatable and quick answers, also for copies: request_check answers request 0 for moody differently the second time\n" },
	{ "endless", "FAILED request_check: sound, repeatable and quick answers, also for copies: request_check leaves its sentence without an end\n" },
	{ "slow", "FAILED request_check: sound, repeatable and quick answers, also for copies: request_check takes more than 50 ms for slow\n" },
	{ "failing", "FAILED request_check: sound, repeatable and quick answers, also for copies: request_check answers -1 to request 0 for failing (0 with a verdict is expected, and the request is not changed)\n" },
	{ "single", "FAILED starts twice at once with the defaults: start() answered -9: only one of me\n" },
	{ "mute", "FAILED starts twice at once with the defaults: start() answered -1 and left no message\n" },
	{ "guesser", "FAILED key_classify: sound answers, also to nonsense: key_classify names the unknown kind 99\n" },
	{ "untitled", "FAILED key_classify: sound answers, also to nonsense: key_classify gives no title for the kind it names\n" },
	{ "blind", "FAILED medium_inspect: sound finds, also in nonsense: medium_inspect refuses a file and does not say why\n" },
	{ "loud", "FAILED one symbol exported: it exports loud_helper besides loud_LTX_muster_plugin; hide it with static or -export-symbols-regex\n" },
};

START_TEST(test_conformance_failures)
{
	char path[PATH_MAX];
	struct muster_err err = { 0 };
	struct lines l = { 0 };

	ck_assert_int_eq(conformance_child(built(path, "tests/plugins", wrong[_i].name), strcmp(wrong[_i].name, "stuck") == 0 ? STUCK : 60, collect, &l, &err), MUSTER_E_INVALID);
	ck_assert_msg(strstr(l.text, wrong[_i].failure) != NULL, "%s: expected %sgot\n%s", wrong[_i].name, wrong[_i].failure, l.text);
	ck_assert_ptr_nonnull(strstr(err.message, "of the checks failed"));
}
END_TEST

/* One whose keys are in no INI file, and which finds them in a way of its own. */
START_TEST(test_conformance_exotic)
{
	char path[PATH_MAX];
	struct muster_err err = { 0 };
	struct lines l = { 0 };

	ck_assert_msg(conformance_child(built(path, "tests/plugins", "exotic"), 60, collect, &l, &err) == MUSTER_OK, "%s", l.text);
}
END_TEST

/* What cannot even be loaded is a failed check with the loader's sentence. */
START_TEST(test_conformance_not_loaded)
{
	struct muster_err err = { 0 };
	struct lines l = { 0 };

	ck_assert_int_eq(conformance_child("/nonexistent/plugin.so", 10, collect, &l, &err), MUSTER_E_INVALID);
	ck_assert_str_eq(l.text, "file name\nFAILED file, object, ABI and name: cannot examine /nonexistent: No such file or directory\n");
	ck_assert_str_eq(err.message, "/nonexistent/plugin.so: 1 of the checks failed");
	memset(&l, 0, sizeof l);
	ck_assert_int_eq(conformance_child("/tmp/Plug In.txt", 10, collect, &l, &err), MUSTER_E_INVALID);
	ck_assert_str_eq(l.text, "FAILED file name: the file is not called NAME.so\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conformance");
	TCase *cases = tcase_create("conformance");

	tcase_set_timeout(cases, 600);
	tcase_add_test(cases, test_conformance_plugins);
	tcase_add_loop_test(cases, test_conformance_failures, 0, sizeof wrong / sizeof wrong[0]);
	tcase_add_test(cases, test_conformance_exotic);
	tcase_add_test(cases, test_conformance_not_loaded);
	suite_add_tcase(suite, cases);
	return unit_run_suite(suite);
}
