/* musterd as a child process: started, waited for, stopped. */
#include "core/bench/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#define START_NS INT64_C(120000000000)   /* a sanitizer's build on a busy machine is slow; a host that is ready is noticed at once */
#define STOP_NS INT64_C(15000000000)
#define LOOK_NS 500000L
#define ANSWER_S 5
#define LOG_TAIL 700U

static void pause_ns(long ns)
{
	struct timespec t = { 0, ns };

	(void)nanosleep(&t, NULL);
}

/* What the host said from @p from on; its end when it is long. */
static void log_tail(const struct bench_host *h, off_t from, char *out, size_t room)
{
	char *path = file_join(h->dir, "log");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		if (st.st_size - from > (off_t)room - 1)
			from = st.st_size - (off_t)room + 1;
		n = pread(fd, out, room - 1, from);
	}
	if (fd >= 0)
		(void)close(fd);
	mem_free(path);
	while (n > 0 && out[n - 1] == '\n')
		n--;
	out[n > 0 ? n : 0] = '\0';
}

/* An error with the last words of the host's log. */
static int told(const struct bench_host *h, int result, const char *what, struct muster_err *err)
{
	char tail[LOG_TAIL];

	log_tail(h, h->log_from, tail, sizeof tail);
	for (char *p = tail; *p != '\0'; p++)
		if (*p == '\n')
			*p = '|';
	return err_set(err, result, "%s%s%s", what, tail[0] != '\0' ? "; its log ends: " : "; its log is empty", tail);
}

/* In the child: only what may be called between fork() and exec(). */
static _Noreturn void become_musterd(const struct bench_host *h, const char *config, int log, int report, pid_t parent)
{
	char word[3][16] = { "musterd", "--foreground", "--config" };
	char *argv[] = { word[0], word[1], word[2], (char *)(uintptr_t)config, NULL };
	int null = open("/dev/null", O_RDONLY), e;
	sigset_t none;
	int64_t begun;

	/* Nothing is left when the bench dies, however that happens; and Ctrl-C is for the bench, which ends the host itself. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	(void)setpgid(0, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0) {
		begun = bench_ns();
		if (write(report, &begun, sizeof begun) == (ssize_t)sizeof begun)
			(void)execv(h->musterd, argv);
	}
	e = errno;
	(void)!write(report, &e, sizeof e);
	_exit(127);
}

/* fork and exec. @param[out] begun bench_ns() at the exec, taken by the child: a large bench takes its time to fork. */
static int launch(struct bench_host *h, int64_t *begun, struct muster_err *err)
{
	char *config = file_join(h->dir, "muster.conf"), *path = file_join(h->dir, "log");
	int report[2] = { -1, -1 }, log = -1, e, r = MUSTER_OK;
	pid_t parent = getpid();

	if (config == NULL || path == NULL)
		r = err_nomem(err);
	else if ((log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
		r = err_errno(err, errno, "cannot write %s", path);
	else if ((h->log_from = lseek(log, 0, SEEK_END)) < 0 || pipe2(report, O_CLOEXEC) != 0)
		r = err_errno(err, errno, "cannot make a pipe");
	else if ((h->pid = fork()) < 0) {
		r = err_errno(err, errno, "cannot make a process");
		h->pid = 0;
	}
	if (r == MUSTER_OK && h->pid == 0)
		become_musterd(h, config, log, report[1], parent);
	if (report[1] >= 0)
		(void)close(report[1]);
	if (r == MUSTER_OK && (read(report[0], begun, sizeof *begun) != (ssize_t)sizeof *begun || read(report[0], &e, sizeof e) > 0)) {
		r = err_set(err, MUSTER_E_IO, "%s could not be run", h->musterd);
		(void)waitpid(h->pid, NULL, 0);
		h->pid = 0;
	}
	if (report[0] >= 0)
		(void)close(report[0]);
	if (log >= 0)
		(void)close(log);
	mem_free(path);
	mem_free(config);
	return r;
}

/* The port, from the line that says the host has started; 0: not there yet. */
static uint16_t port_said(const struct bench_host *h)
{
	static const char listen[] = "listen=127.0.0.1:";
	char text[4096];
	const char *p;

	log_tail(h, h->log_from, text, sizeof text);
	if ((p = strstr(text, "started ")) == NULL || (p = strstr(p, listen)) == NULL || strchr(p, ' ') == NULL)
		return 0;
	return (uint16_t)strtoul(p + sizeof listen - 1, NULL, 10);
}

/* One connection, one question. */
static bool is_ready(uint16_t port)
{
	static const char ask[] = "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", good[] = "HTTP/1.1 200 ";
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { ANSWER_S, 0 };
	char answer[sizeof good - 1];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes;

	if (fd < 0)
		return false;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	yes = connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 && send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL) == (ssize_t)sizeof ask - 1
	      && recv(fd, answer, sizeof answer, MSG_WAITALL) == (ssize_t)sizeof answer && memcmp(answer, good, sizeof answer) == 0;
	(void)close(fd);
	return yes;
}

static int wait_ready(struct bench_host *h, int64_t begun, int64_t *first_ns, struct muster_err *err)
{
	for (;; pause_ns(LOOK_NS)) {
		if (waitpid(h->pid, NULL, WNOHANG) == h->pid) {
			h->pid = 0;
			return told(h, MUSTER_E_IO, "musterd ended at once", err);
		}
		if (h->port == 0)
			h->port = port_said(h);
		if (h->port != 0 && is_ready(h->port)) {
			if (first_ns != NULL)
				*first_ns = bench_ns() - begun;
			return MUSTER_OK;
		}
		if (bench_interrupted())
			return err_set(err, MUSTER_E_BUSY, "interrupted");
		if (bench_ns() - begun > START_NS)
			return told(h, MUSTER_E_IO, "musterd is not ready after two minutes", err);
	}
}

int bench_host_start(struct bench_host *h, int64_t *first_ns, struct muster_err *err)
{
	int64_t begun = 0;
	int r;

	MUSTER_ASSERT(h->pid == 0);
	h->port = 0;
	if ((r = bench_host_certify(h, err)) != MUSTER_OK || (r = launch(h, &begun, err)) != MUSTER_OK)
		return r;
	if ((r = wait_ready(h, begun, first_ns, err)) != MUSTER_OK)
		bench_host_kill(h);
	return r;
}

bool bench_host_alive(struct bench_host *h)
{
	if (h->pid != 0 && waitpid(h->pid, NULL, WNOHANG) == h->pid)
		h->pid = 0;
	return h->pid != 0;
}

int bench_host_stop(struct bench_host *h, struct muster_err *err)
{
	int64_t begun = bench_ns();
	int status = 0;
	pid_t gone;

	if (h->pid == 0)
		return MUSTER_OK;
	(void)kill(h->pid, SIGTERM);
	while ((gone = waitpid(h->pid, &status, WNOHANG)) == 0 && bench_ns() - begun < STOP_NS)
		pause_ns(LOOK_NS);
	if (gone == 0) {
		bench_host_kill(h);
		return told(h, MUSTER_E_IO, "musterd did not end within 15 seconds and was killed", err);
	}
	h->pid = 0;
	h->port = 0;
	if (gone < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return told(h, MUSTER_E_IO, "musterd did not end as it should", err);
	return MUSTER_OK;
}

void bench_host_kill(struct bench_host *h)
{
	if (h->pid == 0)
		return;
	(void)kill(h->pid, SIGKILL);
	while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
		;
	h->pid = 0;
	h->port = 0;
}
