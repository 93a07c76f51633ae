#include "core/issuer/service_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/service/problem.h"
#include "core/service/tls.h"

#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:%SERVER_PRECEDENCE"
#define OUT_MAX (64u << 20)         /* 10,000 statements, or a licence pack */
#define HEADER_MAX 16384u
#define CONNECTIONS 256u
#define CONNECTIONS_PER_ADDRESS 32u
#define STACK_BYTES (512u << 10)
#define DEADLINE_MS 300000          /* a request with ten thousand Installation IDs waits for as many signatures */
#define IDLE_MS 30000
#define IDLE_S 30u                  /* between two bytes */
#define REQUESTS_PER_S 20u
#define BURST 100u
#define REFRESH_MS 3600000
#define STOP_TENTHS 100

/* ---- answers ---- */

unsigned service_problem(struct call *c, uint32_t code, const char *detail, const char *field)
{
	uint32_t wait = c->wait;

	if (wait == 0 && (code == CODE_M_STORAGE || code == CODE_M_STOPPING || code == CODE_M_RESTORE))
		wait = 5;
	c->wait = wait;
	buf_clear(&c->out);
	problem_write(&c->out, problem_status(code), code, detail, field, wait, 0, 0);
	c->type = "application/problem+json";
	return problem_status(code);
}

unsigned service_error(struct call *c, const struct muster_err *err, const char *field)
{
	char text[600];

	if (err->code == CODE_M_RESTORE) {
		/* paths of this machine are for its operator */
		log_line(LOG_ERR, "books", "text=%s", log_quote(text, sizeof text, err->message));
		return service_problem(c, err->code, NULL, NULL);
	}
	if (err->code != 0)
		return service_problem(c, err->code, err->message, field);
	switch (err->result) {
	case MUSTER_E_INVALID: case MUSTER_E_SIGNATURE: case MUSTER_E_MISMATCH: case MUSTER_E_UNSUPPORTED: case MUSTER_E_EXPIRED: case MUSTER_E_NOT_YET:
		return service_problem(c, CODE_M_FIELD, err->message, field);
	case MUSTER_E_BUSY: case MUSTER_E_IO: case MUSTER_E_LIMIT: case MUSTER_E_UNKNOWN: case MUSTER_E_NOMEM:
		log_line(LOG_ERR, "books", "text=%s", log_quote(text, sizeof text, err->message));
		return service_problem(c, CODE_M_STORAGE, NULL, NULL);
	default:
		log_line(LOG_ERR, "request_failed", "text=%s", log_quote(text, sizeof text, err->message));
		return service_problem(c, CODE_M_INTERNAL, NULL, NULL);
	}
}

unsigned service_json(struct call *c, json_t *o)
{
	char *text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	buf_clear(&c->out);
	if (text != NULL) {
		buf_adds(&c->out, text);
		buf_addc(&c->out, '\n');
	}
	free(text);   /* the library's */
	c->type = "application/json";
	return text == NULL || c->out.failed ? service_problem(c, CODE_M_STORAGE, NULL, NULL) : MHD_HTTP_OK;
}

static enum MHD_Result send_answer(struct call *c, unsigned status)
{
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;
	char seconds[16];

	if (c->out.failed)
		return MHD_NO;
	/* The bytes stay in the connection's buffer until the request is completed. */
	if ((response = MHD_create_response_from_buffer(c->out.n, c->out.p, MHD_RESPMEM_PERSISTENT)) == NULL)
		return MHD_NO;
	(void)snprintf(seconds, sizeof seconds, "%u", c->wait);
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, c->type) == MHD_YES
	    && MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES
	    && MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") == MHD_YES
	    && (c->wait == 0 || MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds) == MHD_YES)
	    && (c->refuse != CODE_M_METHOD || MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, c->route->post ? "POST" : "GET, HEAD") == MHD_YES)
	    && (!atomic_load(&c->s->stopping) || MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES)) {
		c->phase = CALL_DONE;
		result = MHD_queue_response(c->mhd, status, response);
	}
	MHD_destroy_response(response);
	return result;
}

/* ---- requests ---- */

static void refuse(struct call *c, uint32_t code, const char *detail)
{
	if (c->refuse != 0)
		return;
	c->refuse = code;
	c->refuse_detail = detail;
}

bool service_spend(struct call *c, unsigned tokens)
{
	int64_t now = clock_boot_ms(c->s->o.clock);
	char text[ADDRESS_TEXT];
	uint32_t wait = 1;

	if (c->connection.address.len == 0 || rate_take_many(c->s->rate, &c->connection.address, now, REQUESTS_PER_S, BURST, tokens, &wait))
		return true;
	c->wait = wait;
	if (log_allowed(&c->s->log_rate, now, 60000, 1)) {
		address_text(text, &c->connection.address);
		log_line(LOG_WARNING, "rate_limited", "address=%s held=%llu", text, (unsigned long long)atomic_exchange(&c->s->log_rate.held, 0));
	}
	return false;
}

static void find_route(struct call *c, const char *url, const char *method)
{
	bool get = strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0, post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;

	for (size_t i = 0; i < service_route_count; i++) {
		if (strcmp(url, service_routes[i].path) != 0)
			continue;
		c->route = &service_routes[i];
		if (c->route->post ? !post : !get)
			refuse(c, CODE_M_METHOD, c->route->post ? "This path takes POST only." : "This path takes GET and HEAD only.");
		return;
	}
	refuse(c, CODE_M_NO_PATH, NULL);
}

static bool is_json(const char *type)
{
	size_t n = sizeof "application/json" - 1;

	return type != NULL && strncasecmp(type, "application/json", n) == 0 && (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

static enum MHD_Result begin(struct call *c, const char *url, const char *method)
{
	const char *length = MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	c->route = NULL;
	c->refuse = c->wait = 0;
	c->refuse_detail = NULL;
	c->phase = CALL_BODY;
	if (!service_spend(c, 1))
		refuse(c, CODE_M_RATE_ADDRESS, NULL);
	find_route(c, url, method);
	if (c->refuse == 0 && c->route->post && !is_json(MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE)))
		refuse(c, CODE_M_CONTENT_TYPE, NULL);
	if (length != NULL && strtoull(length, NULL, 10) > SERVICE_BODY_MAX) {
		c->refuse = 0;
		refuse(c, CODE_M_TOO_LARGE, "The body is longer than 1 MiB.");
		return send_answer(c, service_problem(c, c->refuse, c->refuse_detail, NULL));   /* unread: the library closes the connection */
	}
	return MHD_YES;
}

static enum MHD_Result take_body(struct call *c, const char *data, size_t *n)
{
	if (c->refuse != 0 || *n > SERVICE_BODY_MAX - c->body.n) {
		refuse(c, CODE_M_TOO_LARGE, "The body is longer than 1 MiB.");
		c->body.n = SERVICE_BODY_MAX;   /* what follows is dropped; the deadline bounds it */
	} else {
		buf_add(&c->body, data, *n);
		if (c->body.failed)
			return MHD_NO;
	}
	*n = 0;
	return MHD_YES;
}

static enum MHD_Result serve(struct call *c)
{
	if (atomic_load(&c->s->stopping))
		refuse(c, CODE_M_STOPPING, NULL);
	atomic_store(&c->connection.stage, STAGE_WORK);
	if (c->refuse != 0)
		return send_answer(c, service_problem(c, c->refuse, c->refuse_detail, NULL));
	return send_answer(c, c->route->serve(c));
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method, const char *version, const char *data, size_t *n, void **con_cls)
{
	struct call *c = *con_cls;

	(void)cls;
	(void)mhd;
	(void)version;
	if (c == NULL)
		return MHD_NO;
	if (c->phase == CALL_HEAD)
		return begin(c, url, method);
	if (c->phase == CALL_BODY)
		return *n > 0 ? take_body(c, data, n) : serve(c);
	return MHD_YES;
}

/* ---- connections ---- */

static void notify_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code)
{
	struct issuer_service *s = cls;
	struct call *c = *context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (c == NULL)
			return;
		connections_remove(&s->connections, &c->connection);
		buf_fini(&c->body);
		buf_fini(&c->out);
		mem_free(c);
		*context = NULL;
		return;
	}
	*context = c = mem_alloc(sizeof *c);
	if (c == NULL) {
		(void)shutdown(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, SHUT_RDWR);
		return;
	}
	c->s = s;
	c->mhd = mhd;
	c->connection.fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	address_of(&c->connection.address, MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
	buf_init(&c->body, SERVICE_BODY_MAX);
	buf_init(&c->out, OUT_MAX);
	atomic_store(&c->connection.stage, STAGE_HEAD);
	atomic_store(&c->connection.since, clock_boot_ms(s->o.clock));
	connections_add(&s->connections, &c->connection);
}

static void *first_line(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct call *c = info != NULL ? info->socket_context : NULL;

	(void)cls;
	(void)uri;
	if (c == NULL)
		return NULL;
	atomic_store(&c->connection.stage, STAGE_HEAD);
	atomic_store(&c->connection.since, clock_boot_ms(c->s->o.clock));
	return c;
}

static void completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code)
{
	struct call *c = *con_cls;

	(void)cls;
	(void)mhd;
	(void)code;
	if (c == NULL)
		return;
	buf_fini(&c->body);
	buf_fini(&c->out);
	buf_init(&c->body, SERVICE_BODY_MAX);
	buf_init(&c->out, OUT_MAX);
	c->phase = CALL_HEAD;
	atomic_store(&c->connection.since, clock_boot_ms(c->s->o.clock));
	atomic_store(&c->connection.stage, STAGE_IDLE);
	*con_cls = NULL;
}

/* ---- start and stop ---- */

static void library_says(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void library_says(void *cls, const char *fmt, va_list ap)
{
	char text[512], shown[600];

	(void)cls;
	(void)vsnprintf(text, sizeof text, fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_line(LOG_DEBUG, "http", "text=%s", log_quote(shown, sizeof shown, text));   /* mostly what peers do wrong */
}

/* Once an hour, by the sweeper's thread: the keys in use may be due. */
static void refresh(void *ctx, int64_t now)
{
	struct issuer_service *s = ctx;
	struct muster_err err = { .result = 0 };
	char text[600];

	if (now - atomic_load(&s->refreshed) < REFRESH_MS)
		return;
	atomic_store(&s->refreshed, now);
	if (confirm_refresh(s->o.confirmer, clock_wall_ms(s->o.clock) / 1000, &err) != MUSTER_OK || service_certificate(s, &err) != MUSTER_OK)
		log_line(LOG_ERR, "keys", "text=%s", log_quote(text, sizeof text, err.message));
}

/* ADDRESS:PORT, numeric. */
static int split(char host[ADDRESS_TEXT], char port[8], const char *listen_on, struct muster_err *err)
{
	const char *colon = strrchr(listen_on, ':');
	size_t n = colon != NULL ? (size_t)(colon - listen_on) : 0, digits = colon != NULL ? strlen(colon + 1) : 0;
	bool bracket = n > 2 && listen_on[0] == '[' && listen_on[n - 1] == ']';

	if (n == 0 || n >= ADDRESS_TEXT || digits == 0 || digits > 5 || strspn(colon + 1, "0123456789") != digits || strtoul(colon + 1, NULL, 10) > 65535)
		return err_set(err, MUSTER_E_INVALID, "--listen %.60s: ADDRESS:PORT, as 192.0.2.7:443 or [2001:db8::7]:443", listen_on);
	(void)snprintf(host, ADDRESS_TEXT, "%.*s", (int)(bracket ? n - 2 : n), listen_on + (bracket ? 1 : 0));
	(void)snprintf(port, 8, "%s", colon + 1);
	return MUSTER_OK;
}

static int open_socket(struct issuer_service *s, struct muster_err *err)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *found = NULL;
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof sa;
	char host[ADDRESS_TEXT], port[8];
	struct address a;
	int r, yes = 1;

	if ((r = split(host, port, s->o.listen, err)) != MUSTER_OK)
		return r;
	if (getaddrinfo(host, port, &hints, &found) != 0 || found == NULL)
		return err_set(err, MUSTER_E_INVALID, "--listen %.60s: \"%s\" is not a numeric address", s->o.listen, host);
	s->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd >= 0)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (s->fd < 0 || bind(s->fd, found->ai_addr, found->ai_addrlen) != 0 || listen(s->fd, 128) != 0 || getsockname(s->fd, (struct sockaddr *)&sa, &len) != 0)
		r = err_errno(err, errno, "cannot listen on %s", s->o.listen);
	freeaddrinfo(found);
	if (r != MUSTER_OK)
		return r;
	address_of(&a, (const struct sockaddr *)&sa);
	address_text(host, &a);
	(void)snprintf(s->address, sizeof s->address, a.len == 16 ? "[%s]:%u" : "%s:%u", host,
	               ntohs(sa.ss_family == AF_INET ? ((struct sockaddr_in *)&sa)->sin_port : ((struct sockaddr_in6 *)&sa)->sin6_port));
	(void)snprintf(s->name, sizeof s->name, "%s", s->o.name != NULL ? s->o.name : host);
	return MUSTER_OK;
}

static int start_http(struct issuer_service *s, struct muster_err *err)
{
	s->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_TLS | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle, s,
		MHD_OPTION_EXTERNAL_LOGGER, library_says, NULL, MHD_OPTION_LISTEN_SOCKET, s->fd, MHD_OPTION_HTTPS_PRIORITIES, PRIORITIES,
		MHD_OPTION_HTTPS_CERT_CALLBACK, tls_retrieve, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_PER_ADDRESS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_MAX,
		MHD_OPTION_NOTIFY_CONNECTION, notify_connection, s, MHD_OPTION_URI_LOG_CALLBACK, first_line, s, MHD_OPTION_NOTIFY_COMPLETED, completed, s,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	return s->daemon != NULL ? MUSTER_OK : err_set(err, MUSTER_E_IO, "cannot serve HTTPS on %s", s->address);
}

int issuer_service_start(struct issuer_service **out, const struct issuer_service_options *o, struct muster_err *err)
{
	struct issuer_service *s = mem_alloc(sizeof *s);
	int r, e;

	*out = NULL;
	if (s == NULL)
		return err_nomem(err);
	s->fd = -1;
	s->o = *o;
	atomic_store(&s->connections.deadline_ms, DEADLINE_MS);
	atomic_store(&s->connections.idle_ms, IDLE_MS);
	s->connections.pass = refresh;
	s->connections.pass_ctx = s;
	atomic_store(&s->refreshed, clock_boot_ms(o->clock));
	if ((s->rate = rate_new()) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = open_socket(s, err)) != MUSTER_OK || (r = service_certificate(s, err)) != MUSTER_OK)
		goto done;
	if ((e = connections_start(&s->connections, o->clock)) != 0) {
		r = err_errno(err, e, "cannot start a thread");
		goto done;
	}
	if ((r = start_http(s, err)) == MUSTER_OK) {
		*out = s;
		s = NULL;
	}
done:
	issuer_service_stop(s);
	return r;
}

const char *issuer_service_address(const struct issuer_service *s)
{
	return s->address;
}

void issuer_service_stop(struct issuer_service *s)
{
	const struct timespec tenth = { 0, 100000000 };

	if (s == NULL)
		return;
	atomic_store(&s->stopping, true);
	if (s->daemon != NULL) {
		(void)MHD_quiesce_daemon(s->daemon);
		(void)shutdown(s->fd, SHUT_RDWR);
		for (unsigned i = 0; i < STOP_TENTHS && connections_busy(&s->connections, false) > 0; i++)
			(void)nanosleep(&tenth, NULL);
		connections_end_idle(&s->connections);
		MHD_stop_daemon(s->daemon);
	}
	connections_stop(&s->connections);
	if (s->fd >= 0)
		(void)close(s->fd);
	rate_free(s->rate);
	tls_fini();
	mem_free(s);
}
