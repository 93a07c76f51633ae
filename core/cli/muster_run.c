/*
 * muster run PRODUCT -- COMMAND: a seat for as long as a command runs, what users of floating licences expect; and waiting for one.
 *
 * Several of them on one machine share its seat: each holds a lock on one file, shared, and who finds himself alone at the end gives the seat back. The
 * file says whether a run took the seat; what the machine held before, for itself, is not given back. A run that is killed leaves lock and seat: the
 * next run goes on with it, and the agent, which would else keep the seat alive, gives it back.
 */
#include "core/cli/muster_cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define LOOK_MS 1000         /* how long is slept at most while waiting in the queue */
#define BEAT_MAX_MS 60000    /* the clock may be set meanwhile */
#define TEST_MS 200          /* with an injected clock, which can jump at any time */
#define SHORTEST_MS 100
#define AGAIN_MS 50          /* another run is giving the seat back just now */
#define AGAIN_TRIES 400
#define BUSY_S 2             /* another process asks for this machine */
#define RELEASE_TRIES 5
#define TAKEN 'r'            /* in the lock's file: a run took the seat */
#define OWN 'o'              /* the machine's own, or none */
#define TAG 16

/* ---- waiting in the queue ---- */

static void sleep_ms(int64_t ms)
{
	(void)nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

static int64_t slice(const struct mcli *m, int64_t ms, int64_t most)
{
	if (m->clock != clock_system())
		most = TEST_MS;
	return ms < SHORTEST_MS ? SHORTEST_MS : ms > most ? most : ms;
}

int mcli_ask_waiting(struct mcli *m, const char *id, struct muster_answer *a, struct muster_err *err)
{
	int64_t end = clock_boot_ms(m->clock) + (int64_t)m->wait_s * 1000;
	uint32_t told = 0;
	int r = muster_client_activate(m->client, id, a, err);

	while (m->wait && r == MUSTER_OK && (a->outcome == MUSTER_QUEUED || (told != 0 && a->outcome == MUSTER_NO_HOST))) {
		int64_t now = clock_wall_ms(m->clock), left = end - clock_boot_ms(m->clock);

		if (m->wait_s != 0 && left <= 0)
			break;
		if (a->outcome == MUSTER_QUEUED && a->position != told)
			(void)mcli_say(MCLI_OK, "waiting for a seat: place %u in the queue, %u seats", (unsigned)a->position, (unsigned)a->seats);
		told = a->position != 0 ? a->position : told;
		sleep_ms(slice(m, m->wait_s != 0 && left < a->next_at * 1000 - now ? left : a->next_at * 1000 - now, LOOK_MS));
		r = muster_client_renew(m->client, id, a, err);
	}
	return r;
}

/* ---- the machine's runs ---- */

/* Does the machine wait in the queue, for itself or for another run? */
static bool waits(struct mcli *m, const char *id)
{
	struct muster_status s = { .size = sizeof s };

	return muster_client_status(m->client, id, &s, NULL) == MUSTER_OK && s.position != 0;
}

static char *lock_path(const struct mcli *m, const char *id)
{
	char hash[44];

	if (m->user == NULL)
		return mem_printf("%s/run.%s.lock", m->state, id);
	return muster_user_hash(hash, m->user, NULL) == MUSTER_OK ? mem_printf("%s/run.%s.%.*s.lock", m->state, id, TAG, hash) : NULL;
}

static int open_lock(const struct mcli *m, const char *id, int flags)
{
	char *path = lock_path(m, id);
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600) : -1;

	mem_free(path);
	return fd;
}

static char read_mark(int fd)
{
	char mark = OWN;

	return pread(fd, &mark, 1, 0) == 1 ? mark : OWN;
}

static void write_mark(int fd, char mark)
{
	if (pwrite(fd, &mark, 1, 0) != 1)
		(void)mcli_say(MCLI_FAULT, "the state folder cannot be written: %s", strerror(errno));
}

/* Does the machine hold the seat, or wait for one, whatever runs there are? */
static bool has_own(struct mcli *m, const char *id)
{
	struct muster_status s = { .size = sizeof s };

	return muster_client_status(m->client, id, &s, NULL) == MUSTER_OK && (s.valid != 0 || s.position != 0);
}

/* Be one of the runs. The first says whether the seat is going to be a run's. */
static int join(struct mcli *m, const char *id)
{
	int fd = open_lock(m, id, O_CREAT);

	for (int tries = 0; fd >= 0 && tries < AGAIN_TRIES; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && read_mark(fd) != TAKEN)
			write_mark(fd, has_own(m, id) ? OWN : TAKEN);
		if (flock(fd, LOCK_SH) != 0)
			break;
		/* Between the two somebody may have given back what was left: then anew. */
		if (read_mark(fd) == TAKEN || has_own(m, id))
			return fd;
		(void)flock(fd, LOCK_UN);
		sleep_ms(AGAIN_MS);
	}
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* Alone with a seat that a run took. The mark goes last: a crash before it is mended by the next run or the agent. */
static bool give_back(struct mcli *m, const char *id, int fd, struct muster_answer *a, struct muster_err *err)
{
	int r = MUSTER_E_BUSY;

	for (int tries = 0; r == MUSTER_E_BUSY && tries < RELEASE_TRIES; tries++)
		r = muster_client_release(m->client, id, a, err);
	if (r == MUSTER_E_NOT_FOUND || (r == MUSTER_OK && (a->outcome == MUSTER_RELEASED || a->outcome == MUSTER_REFUSED))) {
		write_mark(fd, OWN);
		return true;
	}
	return false;
}

static void leave(struct mcli *m, const char *id, int fd)
{
	struct muster_answer a = { .size = sizeof a };
	struct muster_err err = { 0 };

	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && read_mark(fd) == TAKEN && !give_back(m, id, fd, &a, &err))
		(void)mcli_say(MCLI_FAULT, "the seat was not given back and falls free by itself: %s", err.message[0] != '\0' ? err.message : a.message);
	(void)close(fd);
}

bool mcli_run_left(struct mcli *m, const char *id)
{
	struct muster_answer a = { .size = sizeof a };
	struct muster_err err = { 0 };
	int fd = open_lock(m, id, 0);
	bool gone = fd >= 0 && read_mark(fd) == TAKEN && flock(fd, LOCK_EX | LOCK_NB) == 0 && read_mark(fd) == TAKEN && give_back(m, id, fd, &a, &err);

	if (fd >= 0)
		(void)close(fd);
	return gone;
}

/* ---- the command ---- */

struct child { pid_t pid; int status; sigset_t before, waiting; };

/* The child's side: what it inherits is as before us. Tells @p fd why it could not become the command. */
static _Noreturn void become(const struct child *c, char **command, int fd)
{
	int e;

	(void)sigprocmask(SIG_SETMASK, &c->before, NULL);
	(void)execvp(command[0], command);
	e = errno;
	if (write(fd, &e, sizeof e) < 0)
		e = ENOEXEC;
	_exit(e == ENOENT ? MCLI_NO_COMMAND : MCLI_NOT_EXECUTABLE);
}

/* @return 0, or the exit status when it was not started. */
static int start(struct child *c, char **command)
{
	int fds[2], e = 0;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return mcli_say(MCLI_NOT_RUN, "a pipe: %s", strerror(errno));
	(void)fflush(NULL);
	c->pid = fork();
	if (c->pid == 0)
		become(c, command, fds[1]);
	e = c->pid < 0 ? errno : 0;
	(void)close(fds[1]);
	while (c->pid > 0 && (n = read(fds[0], &e, sizeof e)) < 0 && errno == EINTR)
		;
	(void)close(fds[0]);
	if (e == 0)
		return 0;
	if (c->pid > 0)
		(void)waitpid(c->pid, &c->status, 0);
	return mcli_say(c->pid > 0 && e == ENOENT ? MCLI_NO_COMMAND : c->pid > 0 ? MCLI_NOT_EXECUTABLE : MCLI_NOT_RUN, "%s: %s", command[0], strerror(e));
}

static bool leaving;   /* the command has ended: what is still pending was for it */

/* While we ask a host, neither the command's end nor a signal for it waits. */
static int stop_asking(void *ctx)
{
	sigset_t set;

	(void)ctx;
	return !leaving && sigpending(&set) == 0 && (sigismember(&set, SIGCHLD) == 1 || sigismember(&set, SIGTERM) == 1 || sigismember(&set, SIGINT) == 1) ? 1 : 0;
}

/* Sleep until the next heartbeat. @return false: the command has ended. */
static bool wait_child(struct child *c, int64_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	siginfo_t info;
	int s = sigtimedwait(&c->waiting, &info, &t);

	/* What comes from the terminal the command has got itself. */
	if (s > 0 && s != SIGCHLD && info.si_code != SI_KERNEL)
		(void)kill(c->pid, s);
	return waitpid(c->pid, &c->status, WNOHANG) != c->pid;
}

/* One heartbeat, when it is due. @return when to come back, ms. */
static int64_t beat(struct mcli *m, const char *id, bool *held)
{
	struct muster_answer a = { .size = sizeof a };
	struct muster_err err = { 0 };
	int64_t now = clock_wall_ms(m->clock);
	int r = muster_client_renew(m->client, id, &a, &err);
	bool holds = r == MUSTER_OK && a.expires_at * 1000 > now;

	if (r != MUSTER_OK && r != MUSTER_E_BUSY)
		(void)mcli_say(MCLI_FAULT, "%s", err.message);
	if (r != MUSTER_OK)
		return BUSY_S * 1000;
	/* The command goes on: to end other people's work is not ours. What it may do without a seat it finds out itself. */
	if (*held && !holds)
		(void)mcli_say(MCLI_REFUSED, "the seat is lost, and asked for again: %s", a.message);
	if (!*held && holds)
		(void)mcli_say(MCLI_OK, "there is a seat again.");
	*held = holds;
	/* The lease's own end is news, too. */
	if (holds && a.expires_at < a.next_at)
		return a.expires_at * 1000 - now;
	return a.next_at * 1000 - now;
}

static int exit_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_with_seat(struct mcli *m, const char *id)
{
	static const int passed[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	struct child c = { .pid = -1 };
	bool held = true, ended = false;
	int r;

	(void)sigemptyset(&c.waiting);
	(void)sigaddset(&c.waiting, SIGCHLD);
	for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
		(void)sigaddset(&c.waiting, passed[i]);
	(void)sigprocmask(SIG_BLOCK, &c.waiting, &c.before);
	if ((r = start(&c, m->command)) == 0) {
		while (!ended)
			ended = !wait_child(&c, slice(m, beat(m, id, &held), BEAT_MAX_MS));
		r = exit_of(c.status);
	}
	/* Nothing pending ends us between the command's end and the seat's return. */
	return r;
}

/*
 * Who does not wait takes no place in the queue, which would keep a seat from others for a while; but a place that the machine has is not given up.
 * Later, when a command's seat was lost, it is asked for with the handle that may queue.
 */
static int ask_first(struct mcli *m, const char *id, struct muster_answer *a, struct muster_err *err)
{
	struct muster_client *own = m->client;
	bool no_queue = m->no_queue;
	int r;

	if (m->wait || no_queue || waits(m, id))
		return mcli_ask_waiting(m, id, a, err);
	m->client = NULL;
	m->no_queue = true;
	r = mcli_open(m) == MCLI_OK ? muster_client_activate(m->client, id, a, err) : err_set(err, MUSTER_E_IO, "the state folder cannot be opened a second time");
	mcli_close(m);
	m->client = own;
	m->no_queue = no_queue;
	return r;
}

static int run_one(struct mcli *m, const char *id, json_t *list)
{
	struct muster_answer a = { .size = sizeof a };
	struct muster_err err = { 0 };
	int fd, r = MCLI_NOT_RUN;

	(void)list;
	if (mcli_tell_access(m, id) != MCLI_OK)
		return MCLI_NOT_RUN;
	if ((fd = join(m, id)) < 0)
		return mcli_say(MCLI_NOT_RUN, "the lock in %s: %s", m->state, errno != 0 ? strerror(errno) : "another run does not let go");
	if (ask_first(m, id, &a, &err) != MUSTER_OK)
		(void)mcli_fail(&err);
	else if (a.outcome != MUSTER_ACTIVATED && a.expires_at == 0)
		(void)mcli_say(MCLI_NOT_RUN, "%s%s", a.message, (a.outcome == MUSTER_QUEUED || a.code == CODE_M_SEATS) && !m->wait && !m->no_queue ? " To wait here: muster run PRODUCT --wait[=SECONDS] -- COMMAND" : "");
	else
		r = run_with_seat(m, id);
	leaving = m->ran = true;
	leave(m, id, fd);
	return r;
}

int mcli_run(struct mcli *m)
{
	int r;

	m->stop = stop_asking;
	if (mcli_open(m) != MCLI_OK)
		return MCLI_NOT_RUN;
	r = mcli_products(m, run_one, NULL);
	/* Who finds no such product has not started anything either. */
	return m->ran ? r : MCLI_NOT_RUN;
}
