/* Who is blamed for a process that died, what is kept off, and counters that many threads add to. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/catalog/catalog_private.h"

static char dir[64];
static char told[2048];

static void setup(void)
{
	(void)snprintf(dir, sizeof dir, "/tmp/muster-watch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void in_dir(char out[128], const char *name)
{
	(void)snprintf(out, 128, "%s/%s", dir, name);
}

static void teardown(void)
{
	static const char *const files[] = { "plugins.page", "plugins.off" };
	char path[128];

	watch_close_page();
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		in_dir(path, files[i]);
		(void)unlink(path);
	}
	ck_assert_int_eq(rmdir(dir), 0);
}

static void tell(void *ctx, const char *plugin, const char *sentence)
{
	size_t n = strlen(told);

	(void)ctx;
	(void)snprintf(told + n, sizeof told - n, "%s: %s\n", plugin, sentence);
}

/** What a run finds that comes after; the page is closed again. */
static void next_run(void)
{
	struct muster_err err = { 0 };

	told[0] = '\0';
	ck_assert_msg(watch_open_page(dir, tell, NULL, &err) == MUSTER_OK, "%s", err.message);
}

static void quiet(void)
{
	int null = open("/dev/null", O_WRONLY);

	(void)dup2(null, 2);   /* a sanitizer tells of the signal, which is what is wanted here */
}

static void *sit_in_other(void *arg)
{
	struct watch_call w;
	struct timespec t = { 30, 0 };

	watch_note(&w, "other", WATCH_KEY);
	(void)!write(*(int *)arg, "x", 1);
	(void)nanosleep(&t, NULL);
	return NULL;
}

enum death { BY_SIGNAL, BY_EXIT, BETWEEN_CALLS, NESTED, KILLED };

static _Noreturn void die(enum death how)
{
	struct watch_call outer, inner;
	struct muster_err err = { 0 };
	pthread_t thread;
	int fds[2];
	char byte;

	quiet();
	if (watch_open_page(dir, NULL, NULL, &err) != MUSTER_OK || pipe(fds) != 0 || pthread_create(&thread, NULL, sit_in_other, &fds[1]) != 0 || read(fds[0], &byte, 1) != 1)
		_exit(99);
	watch_note(&outer, "culprit", WATCH_REQUEST);
	if (how == NESTED) {
		watch_note(&inner, "inner", WATCH_MEDIUM);
		watch_note_end(&inner);
	}
	if (how == BETWEEN_CALLS)
		watch_note_end(&outer);
	if (how == BY_EXIT)
		exit(0);
	(void)raise(how == KILLED ? SIGKILL : SIGABRT);
	_exit(98);
}

static void dies(enum death how)
{
	int status;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		die(how);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(!WIFEXITED(status) || (WEXITSTATUS(status) != 98 && WEXITSTATUS(status) != 99));
}

/* Another thread was inside another plugin all the time: only the one whose thread died is named. */
START_TEST(test_watch_names_the_thread_that_died)
{
	static const struct { enum death how; const char *says; } cases[] = { { BY_SIGNAL, "(Aborted, in request_check, " }, { BY_EXIT, "(it ended the process, in request_check, " }, { NESTED, "(Aborted, in request_check, " } };
	char why[512];
	struct muster_err err = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		dies(cases[i].how);
		next_run();
		ck_assert_msg(strstr(told, "culprit: kept off since it took the host down (") == told && strstr(told, cases[i].says) != NULL && strstr(told, "enable culprit\n") != NULL, "%zu: %s", i, told);
		ck_assert_ptr_null(strstr(told, "other"));
		ck_assert(watch_kept_off("culprit", why, sizeof why) && !watch_kept_off("other", NULL, 0) && !watch_kept_off("inner", NULL, 0));
		ck_assert_ptr_nonnull(strstr(told, why));
		watch_close_page();
		next_run();   /* told once, kept off for good */
		ck_assert_str_eq(told, "");
		ck_assert(watch_kept_off("culprit", NULL, 0));
		ck_assert_int_eq(watch_enable("culprit", &err), MUSTER_OK);
		ck_assert_int_eq(watch_enable("culprit", &err), MUSTER_E_NOT_FOUND);
		watch_close_page();
		next_run();
		ck_assert(!watch_kept_off("culprit", NULL, 0));
		watch_close_page();
	}
}
END_TEST

START_TEST(test_watch_blames_nobody)
{
	dies(BETWEEN_CALLS);   /* the host's own fault */
	next_run();
	ck_assert_str_eq(told, "");
	watch_close_page();
	dies(KILLED);
	next_run();
	ck_assert_str_eq(told, "");
}
END_TEST

/* Cut and scribbled on: nobody is blamed, nothing is read outside of it. */
START_TEST(test_watch_damaged_files)
{
	char path[128], bytes[70000];
	uint32_t seed = 7;

	for (size_t n = 0; n < sizeof bytes; n += 6999) {
		int fd;

		dies(BY_SIGNAL);
		for (size_t i = 0; i < sizeof bytes; i++)
			bytes[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
		in_dir(path, "plugins.page");
		ck_assert_int_ge(fd = open(path, O_WRONLY | O_TRUNC), 0);
		ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
		ck_assert_int_eq(close(fd), 0);
		in_dir(path, "plugins.off");
		ck_assert_int_ge(fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), 0);
		ck_assert_int_eq(write(fd, bytes, n < 60000 ? n : 60000), n < 60000 ? (ssize_t)n : 60000);
		ck_assert_int_eq(close(fd), 0);
		next_run();
		ck_assert_str_eq(told, "");
		watch_close_page();
	}
}
END_TEST

/* A second process leaves the page alone. */
START_TEST(test_watch_one_process)
{
	struct muster_err err = { 0 };
	int status;
	pid_t pid;

	next_run();
	ck_assert_int_ge(pid = fork(), 0);
	if (pid == 0) {
		watch_close_page();
		_exit(watch_open_page(dir, NULL, NULL, &err) == MUSTER_E_BUSY ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

#define THREADS 8
#define ROUNDS 5000
static struct catalog_run run = { .name = "counted", .lock = PTHREAD_MUTEX_INITIALIZER };

static void *call_often(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct watch_call w;

		watch_begin(&w, &run, WATCH_REQUEST, NULL);
		watch_end(&w, false);
	}
	return NULL;
}

/* More threads than places are not needed for this: every call is counted, every place is given back. */
START_TEST(test_watch_counters_of_many_threads)
{
	pthread_t threads[THREADS];

	next_run();
	ck_assert_ptr_nonnull(run.counters = watch_counters("counted"));
	ck_assert_ptr_eq(watch_counters("counted"), run.counters);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, call_often, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(atomic_load(&run.counters->calls), THREADS * ROUNDS);
	ck_assert_uint_eq(atomic_load(&run.counters->faults), 0);
}
END_TEST

/* Calls in calls beyond the places of the page: unnoted, and still counted and given back. */
START_TEST(test_watch_more_calls_than_places)
{
	static struct watch_call calls[600];

	next_run();
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 600; i++)
			watch_note(&calls[i], "deep", WATCH_KEY);
		ck_assert_ptr_null(calls[599].slot);
		for (size_t i = 600; i-- > 0;)
			watch_note_end(&calls[i]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("catalog_watch");
	TCase *cases = tcase_create("catalog_watch");

	tcase_set_timeout(cases, 600);
	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, test_watch_names_the_thread_that_died);
	tcase_add_test(cases, test_watch_blames_nobody);
	tcase_add_test(cases, test_watch_damaged_files);
	tcase_add_test(cases, test_watch_one_process);
	tcase_add_test(cases, test_watch_counters_of_many_threads);
	tcase_add_test(cases, test_watch_more_calls_than_places);
	suite_add_tcase(suite, cases);
	return unit_run_suite(suite);
}
