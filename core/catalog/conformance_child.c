/* The suite in a child process, so that a plugin that crashes or hangs is a result and not an accident. */
#include "core/catalog/conformance.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/err.h"

#define END_MARK 'e'

struct child_out { FILE *out; };

static void send_line(void *ctx, bool passed, const char *what, const char *detail)
{
	FILE *out = ((struct child_out *)ctx)->out;

	/* Neither holds a tab or a line end: the names are ours, details are checked text or messages made of it. */
	(void)fprintf(out, "%c\t%s\t%s\n", passed ? 'p' : 'f', what, detail);
	(void)fflush(out);
}

static _Noreturn void child(const char *path, unsigned seconds, int fd)
{
	struct child_out o = { fdopen(fd, "w") };
	struct muster_err err = { 0 };

	/* Crashes end the child by their signal; a hang ends it by SIGALRM. */
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(seconds);
	if (o.out != NULL) {
		int r = conformance_run(path, send_line, &o, &err);

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
	char text[1024];
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
static void describe(int status, unsigned seconds, const char *last, char detail[256])
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		(void)snprintf(detail, 256, "it was still running after %u s, in the check after \"%s\"", seconds, last);
	else if (WIFSIGNALED(status))
		(void)snprintf(detail, 256, "it crashed (%s) in the check after \"%s\"", strsignal(WTERMSIG(status)), last);
	else
		(void)snprintf(detail, 256, "it ended the process in the check after \"%s\"", last);
}

int conformance_child(const char *path, unsigned seconds, conformance_line_fn *line, void *ctx, struct muster_err *err)
{
	char last[128] = "start of the suite", detail[256];
	int fds[2], status = 0;
	unsigned failed;
	bool ended;
	pid_t pid;
	FILE *in;

	if (pipe(fds) != 0)
		return err_errno(err, errno, "no pipe to the child process");
	(void)fflush(NULL);
	if ((pid = fork()) < 0) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return err_errno(err, errno, "no child process");
	}
	if (pid == 0) {
		(void)close(fds[0]);
		child(path, seconds, fds[1]);
	}
	(void)close(fds[1]);
	if ((in = fdopen(fds[0], "r")) == NULL) {
		(void)close(fds[0]);
		(void)waitpid(pid, &status, 0);
		return err_nomem(err);
	}
	failed = receive(in, last, &ended, line, ctx);
	(void)fclose(in);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!ended) {
		describe(status, seconds, last, detail);
		failed++;
		line(ctx, false, "runs to the end", detail);
	}
	if (failed == 0)
		return MUSTER_OK;
	return err_set(err, MUSTER_E_INVALID, "%s: %u of the checks failed", path, failed);
}
