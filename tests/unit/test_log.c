#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"

static char last[8192];
static int last_level, lines;

static void keep(void *ctx, int level, const char *line)
{
	(void)ctx;
	snprintf(last, sizeof last, "%s", line);
	last_level = level;
	lines++;
}

START_TEST(test_log_lines)
{
	log_open("musterd", LOG_STYLE_TEXT, LOG_INFO);
	log_capture(keep, NULL);
	log_line(LOG_WARNING, "pool.low", "pool=%s count=%d", "office2013", 4);
	ck_assert_str_eq(last, "pool.low pool=office2013 count=4");
	ck_assert_int_eq(last_level, LOG_WARNING);
	log_line(LOG_DEBUG, "not.wanted", "x=1");
	ck_assert_int_eq(lines, 1);
	log_line(LOG_INFO, "bare", "%s", "");
	ck_assert_str_eq(last, "bare ");
	log_line(LOG_INFO, "two", "text=a\nb\rc\x1b[31m");
	ck_assert_str_eq(last, "two text=a b c [31m");
}
END_TEST

START_TEST(test_log_long_line_is_cut)
{
	char text[10000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	log_open("musterd", LOG_STYLE_TEXT, LOG_INFO);
	log_capture(keep, NULL);
	log_line(LOG_INFO, "long", "%s", text);
	ck_assert_uint_eq(strlen(last), 4095);
	log_line(LOG_INFO, text, "a=1");
	ck_assert_uint_gt(strlen(last), 2000);
	ck_assert_ptr_nonnull(strstr(last, " a=1"));
}
END_TEST

/* What arrives at standard error in both styles. */
START_TEST(test_log_styles)
{
	int pipe_fd[2], saved = dup(STDERR_FILENO);
	char text[256] = "";
	ssize_t n;

	ck_assert_int_eq(pipe(pipe_fd), 0);
	ck_assert_int_ge(dup2(pipe_fd[1], STDERR_FILENO), 0);
	log_open("musterd", LOG_STYLE_TEXT, LOG_INFO);
	log_line(LOG_ERR, "a", "b=1");
	log_open("musterd", LOG_STYLE_JOURNAL, LOG_INFO);
	log_line(LOG_ERR, "a", "b=2");
	dup2(saved, STDERR_FILENO);
	n = read(pipe_fd[0], text, sizeof text - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_str_eq(text, "musterd: a b=1\n<3>a b=2\n");
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	close(saved);
}
END_TEST

START_TEST(test_log_quote_escapes)
{
	static const struct { const char *text, *want; } rows[] = {
		{ "", "\"\"" }, { "pc-17", "\"pc-17\"" }, { "a b", "\"a b\"" }, { "a\nb", "\"a\\x0Ab\"" }, { "\"", "\"\\x22\"" },
		{ "\\", "\"\\x5C\"" }, { "\x7f", "\"\\x7F\"" }, { "\xC3\xA9", "\"\xC3\xA9\"" }, { "\xC3", "\"\\xC3\"" },
		{ "\x80", "\"\\x80\"" }, { "\xC0\x80", "\"\\xC0\\x80\"" }, { "\xE0\x80\x80", "\"\\xE0\\x80\\x80\"" },
		{ "\xED\xA0\x80", "\"\\xED\\xA0\\x80\"" }, { "\xF4\x90\x80\x80", "\"\\xF4\\x90\\x80\\x80\"" },
		{ "\xF0\x9F\x94\x91", "\"\xF0\x9F\x94\x91\"" }, { "\xC2\x9B", "\"\\xC2\\x9B\"" }, { "\xE2\x82", "\"\\xE2\\x82\"" },
	};
	char out[64];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_str_eq(log_quote(out, sizeof out, rows[i].text), rows[i].want);
	ck_assert_str_eq(log_quote(out, sizeof out, NULL), "\"\"");
}
END_TEST

/* Whatever the room: terminated, both quotes, never a half escape or character. */
START_TEST(test_log_quote_room)
{
	const char *text = "ab\n\xE2\x82\xAC" "c";  /* quoted: "ab\x0A€c" */
	const char *want = "\"ab\\x0A\xE2\x82\xAC" "c";
	static const size_t stops[] = { 1, 2, 3, 7, 10, 11 };  /* lengths of that text at which it may be cut */

	for (size_t room = 0; room < 20; room++) {
		char out[32];
		size_t n, best = 0;

		memset(out, 'Z', sizeof out);
		log_quote(out, room, text);
		ck_assert_int_eq(out[room], 'Z');
		if (room < 3) {
			ck_assert(room == 0 || out[0] == '\0');
			continue;
		}
		for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++)
			if (stops[i] + 2 <= room)
				best = stops[i];
		n = strlen(out);
		ck_assert_uint_eq(n, best + 1);
		ck_assert_int_eq(strncmp(out, want, best), 0);
		ck_assert_int_eq(out[n - 1], '"');
	}
}
END_TEST

START_TEST(test_log_limit_holds_back)
{
	struct log_limit l = { 0, 0, 0 };
	int passed = 0;

	for (int i = 0; i < 100; i++)
		passed += log_allowed(&l, 5000, 1000, 3);
	ck_assert_int_eq(passed, 3);
	ck_assert_uint_eq(l.held, 97);
	ck_assert(!log_allowed(&l, 5999, 1000, 3));
	ck_assert(log_allowed(&l, 6000, 1000, 3));
	ck_assert_uint_eq(l.held, 98);
	ck_assert(!log_allowed(&l, 9000, 1000, 0));
}
END_TEST

/* The first window begins at boot time 0, where a window number of 0 would look like "never used". */
START_TEST(test_log_limit_first_window)
{
	struct log_limit l = { 0, 0, 0 };

	ck_assert(log_allowed(&l, 0, 3600000, 1));
	ck_assert(!log_allowed(&l, 1, 3600000, 1));
}
END_TEST

static struct log_limit shared_limit;
static _Atomic int shared_passed;

static void *use_limit(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10000; i++)
		shared_passed += log_allowed(&shared_limit, 5000, 1000, 10);
	return NULL;
}

START_TEST(test_log_limit_threads)
{
	pthread_t t[4];

	/* The window is open already, so that the one allowed race, at its turn, is out of the picture. */
	shared_passed = log_allowed(&shared_limit, 5000, 1000, 10);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, use_limit, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ck_assert_int_eq(shared_passed, 10);
	ck_assert_uint_eq(shared_limit.held, 40001 - 10);
}
END_TEST

UNIT_MAIN("log", test_log_lines, test_log_long_line_is_cut, test_log_styles, test_log_quote_escapes, test_log_quote_room,
	test_log_limit_holds_back, test_log_limit_first_window, test_log_limit_threads)
