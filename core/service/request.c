#include "core/service/request.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/mem.h"
#include "core/service/peek.h"
#include "core/service/problem.h"

#define OUT_MAX (16u << 20)        /* the longest answer: a product list (protocol.md section 8.9) */
#define KEEP_ROOM (64u << 10)      /* a connection keeps buffers up to this */
#define DISCARD_MAX (1u << 20)     /* of a body that is too long, read before the connection is closed */
#define HOUR_MS 3600000

/* ---- connections ---- */

/* What waits on a new connection. Listeners defer accepting until bytes are there, so there nearly always are some. */
static bool looks_right(struct service *s, int fd, bool tls, const struct address *from, bool *waiting)
{
	uint8_t first[PEEK_BYTES];
	ssize_t n = recv(fd, first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
	enum peek k = n > 0 ? peek_bytes(first, (size_t)n) : PEEK_MORE;
	char text[ADDRESS_TEXT];

	*waiting = n > 0;
	if (k == (tls ? PEEK_TLS : PEEK_HTTP) || k == PEEK_MORE)
		return true;
	atomic_fetch_add(&s->not_http, 1);
	if (log_allowed(&s->log_peek, clock_boot_ms(s->clock), HOUR_MS, 1)) {
		address_text(text, from);
		log_line(LOG_WARNING, "not_http", "address=%s total=%llu text=\"closed at once: %s; reported once an hour\"",
		         text, (unsigned long long)atomic_load(&s->not_http), peek_words(k, tls));
	}
	return false;
}

static void connection_began(struct service *s, struct MHD_Connection *mhd, void **socket_context)
{
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *session = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	const union MHD_ConnectionInfo *peer = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct request *r = mem_alloc(sizeof *r);
	bool waiting;

	*socket_context = r;
	if (r == NULL) {
		/* Nothing to keep its state in: it ends here. */
		(void)shutdown(fd->connect_fd, SHUT_RDWR);
		return;
	}
	r->service = s;
	r->mhd = mhd;
	r->connection.fd = fd->connect_fd;
	address_of(&r->connection.address, peer != NULL ? peer->client_addr : NULL);
	r->loopback = r->connection.address.len == 0 || address_is_loopback(&r->connection.address);
	buf_init(&r->out, OUT_MAX);
	r->tls = session != NULL && session->tls_session != NULL;
	if (!looks_right(s, r->connection.fd, r->tls, &r->connection.address, &waiting))
		(void)shutdown(r->connection.fd, SHUT_RDWR);
	atomic_store(&r->connection.stage, waiting ? STAGE_HEAD : STAGE_IDLE);
	atomic_store(&r->connection.since, clock_boot_ms(s->clock));
	connections_add(&s->connections, &r->connection);
}

void request_connection(void *cls, struct MHD_Connection *mhd, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct service *s = cls;
	struct request *r = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_began(s, mhd, socket_context);
	} else if (r != NULL) {
		connections_remove(&s->connections, &r->connection);
		buf_fini(&r->body);
		buf_fini(&r->out);
		mem_free(r);
		*socket_context = NULL;
	}
}

/* ---- one request ---- */

void *request_first(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct request *r = info != NULL ? info->socket_context : NULL;
	struct service *s = cls;
	int idle = STAGE_IDLE;

	(void)uri;
	if (r == NULL)
		return NULL;
	if (atomic_compare_exchange_strong(&r->connection.stage, &idle, STAGE_HEAD))
		atomic_store(&r->connection.since, clock_boot_ms(s->clock));
	return r;
}

/* Answered as far as it lies with us: a client that does not read its answer keeps nobody out. */
static void leave(struct request *r)
{
	if (!r->entered)
		return;
	r->entered = false;
	admission_leave(&r->service->admission, clock_boot_ms(r->service->clock) - r->entered_ms);
}

static void shrink(struct buf *b, size_t cap)
{
	if (b->room > KEEP_ROOM) {
		buf_fini(b);
		buf_init(b, cap);
	} else {
		b->cap = cap;
		buf_clear(b);
	}
}

void request_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code)
{
	struct request *r = *con_cls;
	struct service *s = cls;

	(void)mhd;
	(void)code;
	if (r == NULL)
		return;
	snapshot_unref(r->snapshot);
	r->snapshot = NULL;
	if (r->view != NULL)
		ring_view_unref(r->view);
	r->view = NULL;
	activate_wipe(&r->activate);
	mem_free(r->counted.statement);
	r->counted.statement = NULL;
	leave(r);
	shrink(&r->body, r->body.cap);
	shrink(&r->out, OUT_MAX);
	atomic_store(&r->phase, PHASE_HEAD);
	atomic_store(&r->connection.since, clock_boot_ms(s->clock));
	atomic_store(&r->connection.stage, STAGE_IDLE);
	*con_cls = NULL;
}

static void refuse(struct request *r, uint32_t code, const char *detail, uint32_t wait)
{
	if (r->refuse != 0)
		return;
	r->refuse = code;
	r->refuse_detail = detail;
	r->refuse_wait = wait;
}

static void check_peer(struct request *r)
{
	struct service *s = r->service;
	const struct config_limits *limits = &r->snapshot->config->limits;
	int64_t now = clock_boot_ms(s->clock);
	char text[ADDRESS_TEXT];
	uint32_t wait = 1;

	if (!networks_allow(&r->snapshot->networks, &r->connection.address)) {
		refuse(r, CODE_M_NETWORK, NULL, 0);
		if (log_allowed(&s->log_network, now, 60000, 1)) {
			address_text(text, &r->connection.address);
			log_line(LOG_NOTICE, "network_refused", "address=%s held=%llu", text, (unsigned long long)atomic_exchange(&s->log_network.held, 0));
		}
	} else if ((!r->loopback || limits->loopback != 0) && r->connection.address.len != 0 &&
	           !rate_take(s->rate, &r->connection.address, now, limits->requests_per_second, limits->burst, &wait)) {
		refuse(r, CODE_M_RATE_ADDRESS, NULL, wait);
		if (log_allowed(&s->log_rate, now, 60000, 1)) {
			address_text(text, &r->connection.address);
			log_line(LOG_WARNING, "rate_limited", "address=%s per_second=%llu burst=%llu held=%llu", text, (unsigned long long)limits->requests_per_second,
			         (unsigned long long)limits->burst, (unsigned long long)atomic_exchange(&s->log_rate.held, 0));
		}
	}
}

static void find_route(struct request *r, const char *url, const char *method)
{
	bool get = strcmp(method, MHD_HTTP_METHOD_GET) == 0, post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;

	r->head_only = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	for (size_t i = 0; i < routes_client_count; i++) {
		const struct route *route = &routes_client[i];

		if (strcmp(url, route->path) != 0)
			continue;
		r->route = route;
		if (route->limited)
			check_peer(r);
		if (route->post ? !post : !get && !r->head_only) {
			r->allow = route->post ? "POST" : "GET, HEAD";
			refuse(r, CODE_M_METHOD, route->post ? "This path takes POST only." : "This path takes GET and HEAD only.", 0);
		}
		return;
	}
	check_peer(r);
	refuse(r, CODE_M_NO_PATH, NULL, 0);
}

/* application/json, alone or with charset=utf-8. */
static bool is_json(const char *type)
{
	static const char json[] = "application/json", charset[] = "charset=";
	const char *p;

	if (type == NULL || strncasecmp(type, json, sizeof json - 1) != 0)
		return false;
	p = type + sizeof json - 1;
	while (*p == ' ' || *p == '\t')
		p++;
	if (*p == '\0')
		return true;
	if (*p++ != ';')
		return false;
	while (*p == ' ' || *p == '\t')
		p++;
	if (strncasecmp(p, charset, sizeof charset - 1) != 0)
		return false;
	p += sizeof charset - 1;
	return strcasecmp(p, "utf-8") == 0 || strcasecmp(p, "\"utf-8\"") == 0;
}

/* A length the head names. @return false when the body will not even be read. */
static bool check_length(struct request *r)
{
	const char *length = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	unsigned long long n = length != NULL ? strtoull(length, NULL, 10) : 0;

	if (n <= r->body_max)
		return true;
	refuse(r, CODE_M_TOO_LARGE, "The body is longer than this host takes ([limits] body_max).", 0);
	return false;
}

/* What delimits a body, counted. */
struct framing { unsigned lengths, codings; bool chunked; };

static enum MHD_Result count_framing(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct framing *f = cls;

	(void)kind;
	if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
		f->lengths++;
	} else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
		f->codings++;
		f->chunked = value != NULL && strcasecmp(value, "chunked") == 0;
	}
	return MHD_YES;
}

/*
 * The library takes a body that is delimited in two ways and believes one of them; a proxy before us may believe the
 * other, and then what is the body for one is somebody's next request for the other (RFC 9112 section 6.3).
 */
static bool check_framing(struct request *r)
{
	struct framing f = { 0 };

	(void)MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, count_framing, &f);
	if (f.lengths + f.codings <= 1 && (f.codings == 0 || f.chunked))
		return true;
	r->refuse = 0;
	refuse(r, CODE_M_BODY, "The request must say the length of its body in one way: one Content-Length, or Transfer-Encoding: chunked.", 0);
	return false;
}

static enum MHD_Result answer_refused(struct request *r)
{
	if (r->refuse == CODE_M_OVERLOAD && log_allowed(&r->service->log_overload, clock_boot_ms(r->service->clock), 10000, 1))
		log_line(LOG_WARNING, "overloaded", "held=%llu text=\"requests are answered 503; see [limits] queue and queue_age\"",
		         (unsigned long long)atomic_exchange(&r->service->log_overload.held, 0));
	return request_problem(r, r->refuse, r->refuse_detail, NULL, r->refuse_wait);
}

static enum MHD_Result begin(struct request *r, const char *url, const char *method)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	r->route = NULL;
	r->refuse = 0;
	r->refuse_detail = NULL;
	r->allow = NULL;
	r->discarded = 0;
	r->grace_s = r->wait_s = 0;
	r->snapshot = service_snapshot(r->service);
	r->body_max = (size_t)r->snapshot->config->limits.body_max;
	r->body.cap = r->body_max;
	atomic_store(&r->phase, PHASE_BODY);
	find_route(r, url, method);
	if (info != NULL && info->header_size > r->snapshot->config->limits.header_max) {
		/* Its own status, RFC 6585 section 5; the code says the same. */
		return request_problem_status(r, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, CODE_M_TOO_LARGE,
		                              "The head of the request is longer than this host takes ([limits] header_max).", NULL, 0);
	}
	if (r->refuse == 0 && r->route->post &&
	    !is_json(MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE)))
		refuse(r, CODE_M_CONTENT_TYPE, NULL, 0);
	if (!check_framing(r) || !check_length(r)) {
		/* Answered without reading the body: the library closes the connection. */
		atomic_store(&r->connection.stage, STAGE_WORK);
		return answer_refused(r);
	}
	atomic_store(&r->connection.stage, STAGE_BODY);
	return MHD_YES;
}

static enum MHD_Result take_body(struct request *r, const char *data, size_t *n)
{
	size_t room = r->body_max - r->body.n;

	if (r->refuse == 0 && *n <= room) {
		buf_add(&r->body, data, *n);
		if (r->body.failed)
			return MHD_NO;
	} else {
		refuse(r, CODE_M_TOO_LARGE, "The body is longer than this host takes ([limits] body_max).", 0);
		r->discarded += *n;
		if (r->discarded > DISCARD_MAX)
			return MHD_NO;
	}
	*n = 0;
	return MHD_YES;
}

static void resume(struct request *r, enum phase phase)
{
	struct service *s = r->service;

	atomic_store(&r->phase, phase);
	MHD_resume_connection(r->mhd);
	/* Last: when nothing waits any more the connections may be ended. */
	atomic_fetch_sub(&s->waiting, 1);
}

static void suspend(struct request *r)
{
	atomic_store(&r->phase, PHASE_WAIT);
	atomic_fetch_add(&r->service->waiting, 1);
	MHD_suspend_connection(r->mhd);
}

static void let_go(struct held *h)
{
	resume((struct request *)((char *)h - offsetof(struct request, held)), PHASE_REFUSED);
}

/* Suspended already. Its 503 goes out some time later. */
static void hold(struct request *r)
{
	refuse(r, CODE_M_OVERLOAD, NULL, 0);
	r->held.let_go = let_go;
	admission_hold(&r->service->admission, &r->held, clock_boot_ms(r->service->clock));
}

/* What goes to the ledger is taken in only while not too many are under way; else it is held, not even read. */
static bool enter(struct request *r)
{
	if (r->route->answer == NULL || atomic_load(&r->service->stopping))
		return true;
	r->entered = admission_enter(&r->service->admission);
	if (r->entered) {
		r->entered_ms = clock_boot_ms(r->service->clock);
		return true;
	}
	suspend(r);
	hold(r);
	return false;
}

static enum MHD_Result finish_body(struct request *r)
{
	int stage = STAGE_BODY;

	/* Lost to the sweeper: it has answered 408 and closed. */
	if (!atomic_compare_exchange_strong(&r->connection.stage, &stage, STAGE_WORK))
		return MHD_NO;
	if (r->refuse != 0)
		return answer_refused(r);
	return enter(r) ? r->route->serve(r) : MHD_YES;
}

enum MHD_Result request_handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
                               const char *data, size_t *n, void **con_cls)
{
	struct request *r = *con_cls;

	(void)cls;
	(void)mhd;
	(void)version;
	if (r == NULL)
		return MHD_NO;
	switch (atomic_load(&r->phase)) {
	case PHASE_HEAD: return begin(r, url, method);
	case PHASE_BODY: return *n > 0 ? take_body(r, data, n) : finish_body(r);
	case PHASE_ANSWER: return r->route->answer(r);
	case PHASE_REFUSED: return answer_refused(r);
	default: return MHD_YES;
	}
}

/* ---- answers ---- */

enum MHD_Result request_reply(struct request *r, unsigned status, const char *type, uint32_t retry_after)
{
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;
	char seconds[16];

	if (r->out.failed)
		return MHD_NO;
	/* The bytes stay in the connection's buffer until the request is completed. */
	response = MHD_create_response_from_buffer(r->out.n, r->out.p, MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) != MHD_YES ||
	    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") != MHD_YES ||
	    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") != MHD_YES)
		goto done;
	if (retry_after > 0) {
		(void)snprintf(seconds, sizeof seconds, "%u", retry_after);
		if (MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds) != MHD_YES)
			goto done;
	}
	if (r->allow != NULL && MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->allow) != MHD_YES)
		goto done;
	if (atomic_load(&r->service->stopping) && MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") != MHD_YES)
		goto done;
	atomic_store(&r->phase, PHASE_DONE);
	leave(r);
	result = MHD_queue_response(r->mhd, status, response);
done:
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result request_problem_status(struct request *r, unsigned status, uint32_t code, const char *detail, const char *field, uint32_t retry_after)
{
	int64_t now = code == (uint32_t)CODE_TIMESTAMP ? clock_wall_ms(r->service->clock) : 0;

	/* Spread, so that what was turned away together does not come back together (design.md section 3). */
	if (retry_after == 0 && (code == CODE_M_OVERLOAD || code == CODE_M_STORAGE || code == CODE_M_STOPPING))
		retry_after = 1 + (uint32_t)random_below(10);
	buf_clear(&r->out);
	problem_write(&r->out, status, code, detail, field, retry_after, now, r->grace_s);
	return request_reply(r, status, "application/problem+json", retry_after);
}

enum MHD_Result request_problem(struct request *r, uint32_t code, const char *detail, const char *field, uint32_t retry_after)
{
	return request_problem_status(r, problem_status(code), code, detail, field, retry_after);
}

enum MHD_Result request_error(struct request *r, const struct muster_err *err)
{
	if (err->code != 0)
		return request_problem(r, err->code, err->message, NULL, 0);
	/* What failed inside is for the log, not for peers. */
	service_say(LOG_ERR, "request_failed", err->message);
	return request_problem(r, CODE_M_INTERNAL, NULL, NULL, 0);
}

static void committed(struct ledger_request *l)
{
	resume(l->user, PHASE_ANSWER);
}

void request_suspend(struct request *r)
{
	suspend(r);
}

void request_turn_away(struct request *r)
{
	leave(r);   /* while it is held it takes nobody's place, and makes no answer look slow */
	hold(r);
}

void request_hand_over(struct request *r)
{
	r->ledger.done = committed;
	r->ledger.user = r;
	if (ledger_submit(r->service->ledger, &r->ledger) == MUSTER_OK)
		return;
	if (r->ledger.code == CODE_M_OVERLOAD)
		request_turn_away(r);
	else
		committed(&r->ledger);
}

enum MHD_Result request_submit(struct request *r)
{
	/* Before the hand-over: the ledger may answer at once. */
	suspend(r);
	request_hand_over(r);
	return MHD_YES;
}

const char *request_query(struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->mhd, MHD_GET_ARGUMENT_KIND, name);
}
