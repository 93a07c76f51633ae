#include "tests/unit/fakehost.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/err.h"

struct fakehost {
	int listener, wake[2];
	unsigned port;
	pthread_t thread;
	fakehost_fn *fn;
	void *ctx;
	char unix_path[108];
	atomic_uint count;
	_Atomic size_t piece;
	atomic_uint pause_ms;
};

static bool wait_for(const struct fakehost *h, int fd, int ms)
{
	struct pollfd p[2] = { { fd, POLLIN, 0 }, { h->wake[0], POLLIN, 0 } };

	return poll(p, 2, ms) > 0 && p[1].revents == 0;
}

static size_t body_length(const char *head)
{
	const char *at = strcasestr(head, "\r\ncontent-length:");

	return at == NULL ? 0 : strtoul(at + 17, NULL, 10);
}

/* Read one request into memory, head and body apart. False when the peer went away. */
static bool read_request(const struct fakehost *h, int fd, struct buf *head, struct buf *body)
{
	char part[4096];
	ssize_t n;
	char *end;

	for (;;) {
		if (!wait_for(h, fd, 60000) || (n = read(fd, part, sizeof part)) <= 0)
			return false;
		buf_add(head, part, (size_t)n);
		if ((end = strstr((char *)head->p, "\r\n\r\n")) != NULL)
			break;
	}
	buf_add(body, end + 4, head->n - (size_t)(end + 4 - (char *)head->p));
	*end = '\0';
	while (body->n < body_length((char *)head->p)) {
		if (!wait_for(h, fd, 60000) || (n = read(fd, part, sizeof part)) <= 0)
			return false;
		buf_add(body, part, (size_t)n);
	}
	return true;
}

static void send_answer(const struct fakehost *h, int fd, const struct buf *out)
{
	size_t at = 0, piece = h->piece != 0 ? h->piece : 65536;

	while (at < out->n) {
		size_t n = out->n - at < piece ? out->n - at : piece;
		ssize_t sent = send(fd, out->p + at, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		at += (size_t)sent;
		if (h->piece != 0 && at < out->n) {
			struct pollfd p = { h->wake[0], POLLIN, 0 };

			if (poll(&p, 1, (int)h->pause_ms) > 0)
				return;
		}
	}
}

static void serve(struct fakehost *h, int fd)
{
	struct buf head, body, out;

	buf_init(&head, 65536);
	buf_init(&body, 65536);
	buf_init(&out, 32U << 20);
	if (read_request(h, fd, &head, &body)) {
		struct fakehost_request request = { buf_str(&head), buf_str(&body) };

		h->count++;
		h->fn(h->ctx, &request, &out);
		send_answer(h, fd, &out);
	}
	buf_fini(&head);
	buf_fini(&body);
	buf_fini(&out);
}

static void *run(void *arg)
{
	struct fakehost *h = arg;

	while (wait_for(h, h->listener, -1)) {
		int fd = accept(h->listener, NULL, NULL);

		if (fd < 0)
			continue;
		serve(h, fd);
		(void)close(fd);
	}
	return NULL;
}

static void listen_unix(struct fakehost *h, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)snprintf(h->unix_path, sizeof h->unix_path, "%s", path);
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	h->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUSTER_ASSERT(bind(h->listener, (struct sockaddr *)&a, sizeof a) == 0);
}

static void listen_tcp(struct fakehost *h)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;

	h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUSTER_ASSERT(bind(h->listener, (struct sockaddr *)&a, sizeof a) == 0);
	MUSTER_ASSERT(getsockname(h->listener, (struct sockaddr *)&a, &n) == 0);
	h->port = ntohs(a.sin_port);
}

struct fakehost *fakehost_start(fakehost_fn *fn, void *ctx, const char *unix_path)
{
	struct fakehost *h = calloc(1, sizeof *h);

	MUSTER_ASSERT(h != NULL && pipe(h->wake) == 0);
	h->fn = fn;
	h->ctx = ctx;
	if (unix_path != NULL)
		listen_unix(h, unix_path);
	else
		listen_tcp(h);
	MUSTER_ASSERT(listen(h->listener, 64) == 0);
	MUSTER_ASSERT(pthread_create(&h->thread, NULL, run, h) == 0);
	return h;
}

void fakehost_stop(struct fakehost *h)
{
	MUSTER_ASSERT(write(h->wake[1], "x", 1) == 1);
	(void)pthread_join(h->thread, NULL);
	(void)close(h->listener);
	(void)close(h->wake[0]);
	(void)close(h->wake[1]);
	if (h->unix_path[0] != '\0')
		(void)unlink(h->unix_path);
	free(h);
}

unsigned fakehost_port(const struct fakehost *h)
{
	return h->port;
}

unsigned fakehost_count(const struct fakehost *h)
{
	return h->count;
}

void fakehost_slow(struct fakehost *h, size_t piece, unsigned pause_ms)
{
	h->piece = piece;
	h->pause_ms = pause_ms;
}

void fakehost_answer(struct buf *out, int status, const char *type, const char *body)
{
	buf_addf(out, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status, type, strlen(body));
	buf_adds(out, body);
}
