#include "core/service/http.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/service/request.h"
#include "core/service/tls.h"

#define STACK_BYTES (512u << 10)

struct http { struct MHD_Daemon **daemon; size_t n; };

static void library_says(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void library_says(void *cls, const char *fmt, va_list ap)
{
	char text[512], shown[600];

	(void)cls;
	(void)vsnprintf(text, sizeof text, fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	/* Mostly what peers do wrong: not the administrator's affair. */
	log_line(LOG_DEBUG, "http", "text=%s", log_quote(shown, sizeof shown, text));
}

unsigned http_workers(const struct config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->limits.workers != 0)
		return (unsigned)config->limits.workers;
	return cores > 0 ? (unsigned)cores : 1;
}

static struct MHD_Daemon *start_one(struct service *s, const struct listener *l, const struct config *config)
{
	unsigned workers = http_workers(config), flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	unsigned per_address = l->loopback && config->limits.loopback == 0 ? 0 : (unsigned)config->limits.connections_per_address;
	unsigned connections = (unsigned)config->limits.connections;
	/* One pool a connection holds head, buffered body and the answer's head: room for the largest head we take. */
	size_t memory = (size_t)config->limits.header_max + 8192;
	char priorities[] = TLS_PRIORITIES;

	/* A function as the library's table of options wants it. */
	union { gnutls_certificate_retrieve_function2 *call; void *p; } retrieve = { tls_retrieve };
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, retrieve.p }, { MHD_OPTION_HTTPS_PRIORITIES, 0, priorities }, { MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };

	if (connections < workers)
		connections = workers;
	if (l->tls)
		flags |= MHD_USE_TLS;
	return MHD_start_daemon(flags, 0, NULL, NULL, request_handle, s,
		MHD_OPTION_EXTERNAL_LOGGER, library_says, NULL,
		MHD_OPTION_ARRAY, l->tls ? tls : none,
		MHD_OPTION_LISTEN_SOCKET, l->fd,
		/* A pool of one is not a pool to the library. */
		MHD_OPTION_THREAD_POOL_SIZE, workers > 1 ? workers : 0u,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
		MHD_OPTION_CONNECTION_LIMIT, connections,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, per_address,
		/* No timeout of the library's: the sweeper knows idle connections and late requests, also after a reload. */
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory,
		MHD_OPTION_NOTIFY_CONNECTION, request_connection, s,
		MHD_OPTION_URI_LOG_CALLBACK, request_first, s,
		MHD_OPTION_NOTIFY_COMPLETED, request_completed, s,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_END);
}

int http_start(struct service *s, const struct config *config, struct muster_err *err)
{
	struct http *h = mem_alloc(sizeof *h);

	if (h == NULL || (h->daemon = mem_array(s->listener_count, sizeof *h->daemon)) == NULL) {
		mem_free(h);
		return err_nomem(err);
	}
	s->http = h;
	for (; h->n < s->listener_count; h->n++)
		if ((h->daemon[h->n] = start_one(s, &s->listeners[h->n], config)) == NULL)
			return err_errno(err, errno, "cannot serve on %s", s->listeners[h->n].text);
	return MUSTER_OK;
}

void http_quiesce(struct service *s)
{
	if (s->http == NULL)
		return;
	for (size_t i = 0; i < s->http->n; i++) {
		const struct listener *l = &s->listeners[i];

		(void)MHD_quiesce_daemon(s->http->daemon[i]);
		/* New peers are refused at once and go to another host, instead of waiting in a queue that nobody serves.
		 * A socket of the service manager's keeps collecting for the next start. */
		if (!l->inherited)
			(void)shutdown(l->fd, SHUT_RDWR);
	}
}

void http_stop(struct service *s)
{
	struct http *h = s->http;

	if (h == NULL)
		return;
	for (size_t i = 0; i < h->n; i++)
		MHD_stop_daemon(h->daemon[i]);
	mem_free(h->daemon);
	mem_free(h);
	s->http = NULL;
}
