/* Checks in a child process, so that a plugin that crashes or hangs is a result and not an accident. */
#include "core/catalog/conformance.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/catalog/conformance_private.h"

#define END_MARK 'e'

struct child_out { FILE *out; };

/** One line a check: what would end it is replaced. */
static void put(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		(void)fputc(*text == '\t' || *text == '\n' ? ' ' : *text, out);
}

static void send_line(void *ctx, bool passed, const char *what, const char *detail)
{
	FILE *out = ((struct child_out *)ctx)->out;

	(void)fputs(passed ? "p\t" : "f\t", out);
	put(out, what);
	(void)fputc('\t', out);
	put(out, detail);
	(void)fputc('\n', out);
	(void)fflush(out);
}

static _Noreturn void child(conformance_suite_fn *suite, void *arg, unsigned seconds, int fd)
{
	struct child_out o = { fdopen(fd, "w") };
	struct muster_err err = { 0 };

	/* Crashes end the child by their signal; a hang ends it by SIGALRM. */
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(seconds);
	if (o.out != NULL) {
		int r = suite(arg, send_line, &o, &err);

		/* Without this line the suite did not come to its end, whatever the exit status says. */
		(void)fprintf(o.out, "%c\tend\t\n", END_MARK);
		(void)fflush(o.out);
		_exit(r == MUSTER_OK ? 0 : 1);
	}
	_exit(1);
}

/** Hand the child's lines on. @return how many failed. */
static unsigned receive(FILE *in, char last[128], bool *ended, conformance_line_fn *line, void *ctx)
{
	char text[MUSTER_ERR_MAX + 512];
	unsigned failed = 0;

	*ended = false;

	while (fgets(text, sizeof text, in) != NULL) {
		char *what = strchr(text, '\t'), *detail = what != NULL ? strchr(what + 1, '\t') : NULL;

		if (text[0] == END_MARK)
			*ended = true;
		if (detail == NULL || *ended)
			continue;
		*detail++ = '\0';
		detail[strcspn(detail, "\n")] = '\0';
		(void)snprintf(last, 128, "%s", what + 1);
		failed += text[0] != 'p';
		line(ctx, text[0] == 'p', what + 1, detail);
	}
	return failed;
}

/** How a child ended that did not come to the end of the suite. */
static void describe(int status, unsigned seconds, const char *last, unsigned function, char detail[512])
{
	char where[256];

	if (function < WATCH_FUNCTIONS)
		(void)snprintf(where, sizeof where, "in %s, in the check after \"%s\"", watch_function_name(function), last);
	else
		(void)snprintf(where, sizeof where, "in the check after \"%s\"", last);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		(void)snprintf(detail, 512, "it was still running after %u s, %s", seconds, where);
	else if (WIFSIGNALED(status))
		(void)snprintf(detail, 512, "it crashed (%s) %s", strsignal(WTERMSIG(status)), where);
	else
		(void)snprintf(detail, 512, "it ended the process %s", where);
}

int conformance_in_child(conformance_suite_fn *suite, void *arg, const char *name, unsigned seconds, conformance_line_fn *line, void *ctx, struct muster_err *err)
{
	_Atomic uint32_t *in = mmap(NULL, sizeof *in, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char last[128] = "start of the suite", detail[512];
	int fds[2], status = 0;
	unsigned failed;
	bool ended;
	pid_t pid;
	FILE *out;

	if (in == MAP_FAILED)
		return err_nomem(err);
	atomic_store(in, WATCH_FUNCTIONS);
	if (pipe(fds) != 0) {
		(void)munmap(in, sizeof *in);
		return err_errno(err, errno, "no pipe to the child process");
	}
	(void)fflush(NULL);
	if ((pid = fork()) < 0) {
		(void)munmap(in, sizeof *in);
		(void)close(fds[0]);
		(void)close(fds[1]);
		return err_errno(err, errno, "no child process");
	}
	if (pid == 0) {
		(void)close(fds[0]);
		suite_share(in);
		child(suite, arg, seconds, fds[1]);
	}
	(void)close(fds[1]);
	if ((out = fdopen(fds[0], "r")) == NULL) {
		(void)munmap(in, sizeof *in);
		(void)close(fds[0]);
		(void)waitpid(pid, &status, 0);
		return err_nomem(err);
	}
	failed = receive(out, last, &ended, line, ctx);
	(void)fclose(out);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!ended) {
		describe(status, seconds, last, atomic_load(in), detail);
		failed++;
		line(ctx, false, "runs to the end", detail);
	}
	(void)munmap(in, sizeof *in);
	if (failed == 0)
		return MUSTER_OK;
	return err_set(err, MUSTER_E_INVALID, "%s: %u of the checks failed", name, failed);
}

static int run(void *path, conformance_line_fn *line, void *ctx, struct muster_err *err)
{
	return conformance_run(path, line, ctx, err);
}

int conformance_child(const char *path, unsigned seconds, conformance_line_fn *line, void *ctx, struct muster_err *err)
{
	return conformance_in_child(run, (void *)(uintptr_t)path, path, seconds, line, ctx, err);
}
