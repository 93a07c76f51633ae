/* The HTTP library alone: the host's flags, options and number of workers in a process of its own, and an answer that costs nothing. */
#include "core/bench/limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/bench/load.h"

#define BODY_BYTES 1250U           /* an activation's answer: a lease of a thousand characters and the counts */
#define CONNECTIONS 64U
#define WARM_SHARE 0.1             /* of the time, before it is counted */
#define BACKLOG 1024               /* from here as core/service/listener.c and core/service/http.c have it */
#define STACK_BYTES (512U << 10)
#define HEAD_BYTES (16384U + 8192U)
#define CONNECTIONS_MAX 20000U

static char body[BODY_BYTES + 1];

/* ---- the server, in the child ---- */

static void quiet(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void quiet(void *cls, const char *fmt, va_list ap)
{
	(void)cls;
	(void)fmt;
	(void)ap;
}

static void connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code)
{
	(void)cls;
	(void)mhd;
	*context = code == MHD_CONNECTION_NOTIFY_STARTED ? body : NULL;
}

static void *first(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	(void)cls;
	(void)uri;
	(void)mhd;
	return NULL;
}

static void completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code)
{
	(void)cls;
	(void)mhd;
	(void)code;
	*con_cls = NULL;
}

/* A response for each answer, as the host needs one. */
static enum MHD_Result answer(struct MHD_Connection *mhd)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(BODY_BYTES, body, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result = MHD_NO;

	if (response == NULL)
		return MHD_NO;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json") == MHD_YES &&
	    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
	    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES)
		result = MHD_queue_response(mhd, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method, const char *version, const char *data,
                              size_t *n, void **con_cls)
{
	(void)cls;
	(void)url;
	(void)method;
	(void)version;
	(void)data;
	if (*con_cls == NULL) {
		*con_cls = body;
		return MHD_YES;
	}
	if (*n == 0)
		return answer(mhd);
	*n = 0;
	return MHD_YES;
}

/* A listening socket on a free port of the loopback address. @return descriptor, -1. */
static int listening(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &yes, sizeof yes);
	if (bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)&at, &n) != 0) {
		(void)close(fd);
		return -1;
	}
	*port = ntohs(at.sin_port);
	return fd;
}

static struct MHD_Daemon *server(int fd)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned workers = cores > 0 ? (unsigned)cores : 1;

	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, NULL,
		MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_THREAD_POOL_SIZE, workers > 1 ? workers : 0U,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, 0U,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, connection, NULL,
		MHD_OPTION_URI_LOG_CALLBACK, first, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_END);
}

/* Says its port and serves until the other end is closed. */
static _Noreturn void serve(int channel, pid_t parent)
{
	uint16_t port = 0;
	int fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setpgid(0, 0);
	if (getppid() != parent || (fd = listening(&port)) < 0 || server(fd) == NULL || write(channel, &port, sizeof port) != (ssize_t)sizeof port)
		_exit(1);
	(void)!read(channel, &port, sizeof port);
	_exit(0);
}

/* ---- the load ---- */

static void pause_s(double s)
{
	int64_t until = bench_ns() + (int64_t)(s * 1e9);
	const struct timespec step = { 0, 10000000 };

	while (bench_ns() < until && !bench_interrupted())
		(void)nanosleep(&step, NULL);
}

static int ask(double *per_s, uint16_t port, bool per_request, double seconds, struct muster_err *err)
{
	struct load_options o = { .port = port, .connections = CONNECTIONS, .threads = 1, .per_request = per_request, .clock = clock_system() };
	struct load_totals *t = mem_alloc(sizeof *t);
	struct load *load = NULL;
	int r;

	if (t == NULL)
		return err_nomem(err);
	if ((r = load_new(&load, &o, err)) != MUSTER_OK || (r = load_start(load, err)) != MUSTER_OK)
		goto done;
	pause_s(seconds * WARM_SHARE);
	load_mark(load);
	pause_s(seconds);
	load_totals(load, t);
	load_stop(load);
	*per_s = t->ended_ns > t->begun_ns ? (double)t->answered * 1e9 / (double)(t->ended_ns - t->begun_ns) : 0;
	if (!bench_interrupted() && (t->answered == 0 || t->broken > 0 || t->malformed > 0))
		r = err_set(err, MUSTER_E_NETWORK, "the bare server was not answering as it should: %llu answers, %llu broken connections%s%s",
		            (unsigned long long)t->answered, (unsigned long long)t->broken, t->malformed > 0 ? ", " : "", t->malformed_first);
done:
	load_free(load);
	mem_free(t);
	return r;
}

int limits_echo(double *per_s, bool per_request, double seconds, struct muster_err *err)
{
	pid_t parent = getpid(), child;
	uint16_t port = 0;
	int channel[2], r;

	*per_s = 0;
	(void)snprintf(body, sizeof body, "{\"lease\":\"%0*d\"}", (int)(BODY_BYTES - strlen("{\"lease\":\"\"}")), 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0)
		return err_errno(err, errno, "cannot make a pair of sockets");
	if ((child = fork()) == 0) {
		(void)close(channel[0]);
		serve(channel[1], parent);
	}
	(void)close(channel[1]);
	if (child < 0)
		r = err_errno(err, errno, "cannot make a process");
	else if (read(channel[0], &port, sizeof port) != (ssize_t)sizeof port)
		r = err_set(err, MUSTER_E_NETWORK, "the bare server could not be started");
	else
		r = ask(per_s, port, per_request, seconds, err);
	(void)close(channel[0]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}
