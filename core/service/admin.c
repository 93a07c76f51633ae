#include "core/service/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <openssl/crypto.h>

#include "core/base/buf.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/service/moving.h"
#include "core/service/problem.h"

#define STACK_BYTES (1u << 20)

struct admin { struct MHD_Daemon *daemon; _Atomic unsigned strangers, lookers; };

/* One connection: who is at its other end does not change. */
struct caller { struct peer peer; struct muster_err err; bool known; };

/* One request; made at its head. */
struct question { struct admin_call call; struct buf body; size_t discarded; };

const struct admin_route admin_routes[] = {
	{ "/admin/v1/status", false, ROLE_VIEWER, admin_status, NULL, 0 },
	{ "/admin/v1/configuration", false, ROLE_ADMINISTRATOR, admin_configuration, NULL, 0 },
	{ "/admin/v1/doctor", false, ROLE_VIEWER, admin_doctor, NULL, 0 },
	{ "/admin/v1/listing", false, ROLE_VIEWER, admin_listing, NULL, 0 },
	{ "/admin/v1/products", false, ROLE_VIEWER, admin_products, NULL, 0 },
	{ "/admin/v1/products/unknown", false, ROLE_VIEWER, admin_unknown, NULL, 0 },
	{ "/admin/v1/products/learn", true, ROLE_ADMINISTRATOR, admin_learn, NULL, 0 },
	{ "/admin/v1/plugins", false, ROLE_VIEWER, admin_plugins, NULL, 0 },
	{ "/admin/v1/plugins/enable", true, ROLE_ADMINISTRATOR, admin_plugin_enable, NULL, 0 },
	{ "/admin/v1/clients", false, ROLE_VIEWER, admin_clients, NULL, 0 },
	{ "/admin/v1/clients/forget", true, ROLE_ADMINISTRATOR, admin_forget, NULL, 0 },
	{ "/admin/v1/clients/", false, ROLE_VIEWER, admin_client, NULL, 0 },
	{ "/admin/v1/events", false, ROLE_VIEWER, admin_events, admin_follow, 0 },
	{ "/admin/v1/journal", false, ROLE_VIEWER, admin_journal, NULL, 0 },
	{ "/admin/v1/settings", false, ROLE_VIEWER, admin_settings, NULL, 0 },
	{ "/admin/v1/settings", true, ROLE_ADMINISTRATOR, admin_setting_put, NULL, 0 },
	{ "/admin/v1/settings/reset", true, ROLE_ADMINISTRATOR, admin_setting_reset, NULL, 0 },
	{ "/admin/v1/backup", true, ROLE_ADMINISTRATOR, admin_backup, NULL, 0 },
	{ "/admin/v1/clock/accept", true, ROLE_ADMINISTRATOR, admin_clock_accept, NULL, 0 },
	{ "/admin/v1/reload", true, ROLE_ADMINISTRATOR, admin_reload, NULL, 0 },
	{ "/admin/v1/host/request", true, ROLE_ADMINISTRATOR, admin_host_request, NULL, 0 },
	{ "/admin/v1/host/install", true, ROLE_ADMINISTRATOR, admin_host_install, NULL, 0 },
	{ "/admin/v1/packs", false, ROLE_VIEWER, admin_packs, NULL, 0 },
	{ "/admin/v1/packs", true, ROLE_ADMINISTRATOR, admin_pack_install, NULL, ADMIN_PACK_MAX },
	{ "/admin/v1/keys", false, ROLE_VIEWER, admin_keys, NULL, 0 },
	{ "/admin/v1/keys", true, ROLE_ADMINISTRATOR, admin_key_install, NULL, 0 },
	{ "/admin/v1/keys/remove", true, ROLE_ADMINISTRATOR, admin_key_remove, NULL, 0 },
	{ "/admin/v1/keys/whole", true, ROLE_KEYS, admin_key_whole, NULL, 0 },
	{ "/admin/v1/access/activate", true, ROLE_ADMINISTRATOR, admin_access_activate, NULL, 0 },
	{ "/admin/v1/installation-id", true, ROLE_ADMINISTRATOR, admin_installation_id, NULL, 0 },
	{ "/admin/v1/confirmation-id", true, ROLE_ADMINISTRATOR, admin_confirmation_id, NULL, 0 },
	{ "/admin/v1/activate", true, ROLE_ADMINISTRATOR, admin_activate, NULL, 0 },
	{ "/admin/v1/counted", false, ROLE_VIEWER, admin_counted, NULL, 0 },
	{ "/admin/v1/counted/ask", true, ROLE_ADMINISTRATOR, admin_counted_ask, NULL, 0 },
	{ "/admin/v1/counted/export", true, ROLE_ADMINISTRATOR, admin_counted_export, NULL, 0 },
	{ "/admin/v1/counted/import", true, ROLE_ADMINISTRATOR, admin_counted_import, NULL, 2 * ADMIN_BATCH_MAX },
	{ "/admin/v1/counted/telephone", true, ROLE_ADMINISTRATOR, admin_counted_telephone, NULL, 0 },
	{ "/admin/v1/media", false, ROLE_VIEWER, admin_media, NULL, 0 },
	{ "/admin/v1/media/inspect", true, ROLE_VIEWER, admin_media_inspect, NULL, ADMIN_PACK_MAX },
	{ "/admin/v1/media/keys", false, ROLE_VIEWER, admin_media_keys, NULL, 0 },
	{ "/admin/v1/media/keys", true, ROLE_ADMINISTRATOR, admin_media_key_store, NULL, 0 },
	{ "/admin/v1/media/keys/remove", true, ROLE_ADMINISTRATOR, admin_media_key_remove, NULL, 0 },
	{ "/admin/v1/host/roots", true, ROLE_ADMINISTRATOR, admin_host_roots, NULL, 2 * STATEMENT_ROOTS_MAX },
	{ "/admin/v1/crl", false, ROLE_VIEWER, admin_crls, NULL, 0 },
	{ "/admin/v1/crl", true, ROLE_ADMINISTRATOR, admin_crl_install, NULL, 2 * CRL_MAX },
	{ "/admin/v1/holdings", false, ROLE_VIEWER, admin_holdings, NULL, 0 },
	{ "/admin/v1/holdings/holders", false, ROLE_VIEWER, admin_holders, NULL, 0 },
	{ "/admin/v1/holdings/take-back", true, ROLE_ADMINISTRATOR, admin_take_back, NULL, 0 },
	{ "/admin/v1/holdings/reassign", true, ROLE_ADMINISTRATOR, admin_reassign, NULL, 0 },
	{ "/admin/v1/holdings/entered", true, ROLE_ADMINISTRATOR, admin_entered, NULL, 0 },
	{ "/admin/v1/holdings/entered/remove", true, ROLE_ADMINISTRATOR, admin_entered_remove, NULL, 0 },
	{ "/admin/v1/debt", false, ROLE_VIEWER, admin_debt, NULL, 0 },
	{ "/admin/v1/import/begin", true, ROLE_ADMINISTRATOR, admin_import_begin, NULL, 0 },
	{ "/admin/v1/import/records", true, ROLE_ADMINISTRATOR, admin_import_records, NULL, ADMIN_IMPORT_MAX },
	{ "/admin/v1/import/end", true, ROLE_ADMINISTRATOR, admin_import_end, NULL, 0 },
	{ "/admin/v1/estate/kinds", false, ROLE_VIEWER, admin_estate_kinds, NULL, 0 },
	{ "/admin/v1/estate/exported", true, ROLE_KEYS, admin_estate_exported, NULL, 0 },
	{ "/admin/v1/estate/keys/whole", true, ROLE_KEYS, admin_estate_whole, NULL, 0 },
	{ "/admin/v1/estate/*", false, ROLE_VIEWER, admin_estate_list, NULL, 0 },
	{ "/admin/v1/estate/*/", false, ROLE_VIEWER, admin_estate_get, NULL, 0 },
	{ "/admin/v1/estate/*/add", true, ROLE_ADMINISTRATOR, admin_estate_add, NULL, ADMIN_ENTRY_MAX },
	{ "/admin/v1/estate/*/change", true, ROLE_ADMINISTRATOR, admin_estate_change, NULL, ADMIN_ENTRY_MAX },
	{ "/admin/v1/estate/*/remove", true, ROLE_ADMINISTRATOR, admin_estate_remove, NULL, 0 },
	{ "/admin/v1/observed/machines", false, ROLE_VIEWER, admin_observed_machines, NULL, 0 },
	{ "/admin/v1/observed/events", false, ROLE_VIEWER, admin_observed_events, NULL, 0 },
	{ "/admin/v1/observed/pools", false, ROLE_VIEWER, admin_observed_pools, NULL, 0 },
	{ "/admin/v1/observed/findings", false, ROLE_VIEWER, admin_observed_findings, NULL, 0 },
	{ "/admin/v1/observed/history", false, ROLE_VIEWER, admin_observed_history, NULL, 0 },
	{ "/admin/v1/state/export/begin", true, ROLE_ADMINISTRATOR, admin_state_export_begin, NULL, 0 },
	{ "/admin/v1/state/export/read", true, ROLE_ADMINISTRATOR, admin_state_export_read, NULL, 0 },
	{ "/admin/v1/state/export/end", true, ROLE_ADMINISTRATOR, admin_state_export_end, NULL, 0 },
	{ "/admin/v1/state/import/begin", true, ROLE_ADMINISTRATOR, admin_state_import_begin, NULL, 0 },
	{ "/admin/v1/state/import/data", true, ROLE_ADMINISTRATOR, admin_state_import_data, NULL, ADMIN_BATCH_MAX },
	{ "/admin/v1/state/import/check", true, ROLE_ADMINISTRATOR, admin_state_import_check, NULL, 0 },
	{ "/admin/v1/state/import/end", true, ROLE_ADMINISTRATOR, admin_state_import_end, NULL, 0 },
	{ "/admin/v1/rekey", true, ROLE_ADMINISTRATOR, admin_rekey, NULL, 0 },
	{ "/admin/v1/audit/verify", true, ROLE_VIEWER, admin_audit_verify, NULL, 0 },
	{ "/admin/v1/audit/head", false, ROLE_VIEWER, admin_audit_head, NULL, 0 },
};
const size_t admin_route_count = sizeof admin_routes / sizeof admin_routes[0];

/* ---- answers ---- */

static void free_wiped(void *text)
{
	OPENSSL_cleanse(text, strlen(text));
	mem_free(text);
}

static enum MHD_Result reply(struct MHD_Connection *mhd, unsigned status, const char *type, char *text, size_t n)
{
	struct MHD_Response *response = text != NULL ? MHD_create_response_from_buffer_with_free_callback(n, text, free_wiped) : NULL;
	enum MHD_Result result = MHD_NO;

	if (response == NULL) {
		mem_free(text);
		return MHD_NO;
	}
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES)
		result = MHD_queue_response(mhd, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result reply_field(struct MHD_Connection *mhd, unsigned status, uint32_t code, const char *detail, const char *field)
{
	struct buf out;
	size_t n;

	buf_init(&out, 64u << 10);
	problem_write(&out, status != 0 ? status : problem_status(code), code, detail, field, 0, 0, 0);
	n = out.n;
	return reply(mhd, status != 0 ? status : problem_status(code), "application/problem+json", buf_take(&out), n);
}

static enum MHD_Result reply_problem(struct MHD_Connection *mhd, unsigned status, uint32_t code, const char *detail)
{
	return reply_field(mhd, status, code, detail, NULL);
}

static enum MHD_Result reply_json(struct MHD_Connection *mhd, json_t *value)
{
	struct buf out;
	char *text = json_dumps(value, JSON_COMPACT);   /* may hold a product key: wiped with every copy of it */
	const char *key = json_string_value(json_object_get(value, "key"));
	size_t n;

	if (key != NULL)
		OPENSSL_cleanse((char *)(uintptr_t)key, strlen(key));
	json_decref(value);
	if (text == NULL)
		return reply_problem(mhd, 0, CODE_M_INTERNAL, "out of memory");
	buf_init(&out, ADMIN_ANSWER_MAX);
	buf_adds(&out, text);
	buf_addc(&out, '\n');
	OPENSSL_cleanse(text, strlen(text));
	free(text);  /* jansson's own allocator */
	n = out.n;
	return reply(mhd, MHD_HTTP_OK, "application/json", buf_take(&out), n);
}

/* A result without a code of its own. */
static uint32_t code_of(const struct muster_err *err)
{
	if (err->code != 0)
		return err->code;
	switch (err->result) {
	case MUSTER_E_NOT_FOUND: return CODE_M_NOT_FOUND;
	case MUSTER_E_BUSY: return CODE_M_BUSY;
	case MUSTER_E_IO: case MUSTER_E_UNKNOWN: return CODE_M_STORAGE;
	case MUSTER_E_INVALID: case MUSTER_E_LIMIT: case MUSTER_E_EXISTS: case MUSTER_E_DENIED: case MUSTER_E_MISMATCH:
	case MUSTER_E_SIGNATURE: case MUSTER_E_EXPIRED: case MUSTER_E_NOT_YET: case MUSTER_E_REFUSED: return CODE_M_ARGUMENT;
	default: return CODE_M_INTERNAL;
	}
}

enum MHD_Result admin_refuse(struct admin_call *c, const struct muster_err *err)
{
	return reply_field(c->mhd, 0, code_of(err), err->message, c->field);
}

/* ---- arguments ---- */

const char *admin_query(struct admin_call *c, const char *name)
{
	return MHD_lookup_connection_value(c->mhd, MHD_GET_ARGUMENT_KIND, name);
}

int admin_query_number(struct admin_call *c, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *out, struct muster_err *err)
{
	const char *text = admin_query(c, name);
	char *end;

	*out = fallback;
	if (text == NULL)
		return MUSTER_OK;
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *out < min || *out > max)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s must be a number from %lld to %lld", name, (long long)min, (long long)max);
	return MUSTER_OK;
}

int admin_text(struct admin_call *c, const char *name, size_t max, bool required, const char **out, struct muster_err *err)
{
	const json_t *v = json_object_get(c->body, name);

	*out = NULL;
	if (v == NULL || json_is_null(v))
		return required ? err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s is missing", name) : MUSTER_OK;
	if (!json_is_string(v))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s must be a string", name);
	if (json_string_length(v) > max)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s is longer than %zu bytes", name, max);
	*out = json_string_value(v);
	return MUSTER_OK;
}

int admin_uuid(const char *name, const char *text, uint8_t out[16], struct muster_err *err)
{
	if (uuid_parse(out, text, strlen(text)) != MUSTER_OK)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s is not a UUID", name);
	return MUSTER_OK;
}

/* ---- one request ---- */

/* Does a path fit a route's? @param[out] rest what follows one that ends in a slash; after "*" it may hold more of them. @param[out] part what the "*" stands for. */
static bool path_fits(const char *path, const char *url, const char **rest, char *part, size_t room)
{
	size_t n;

	for (; *path != '\0'; path++) {
		if (*path != '*') {
			if (*url++ != *path)
				return false;
			continue;
		}
		if ((n = strcspn(url, "/")) == 0 || n >= room)
			return false;
		memcpy(part, url, n);
		part[n] = '\0';
		url += n;
	}
	*rest = url;
	/* Names and numbers of entries may hold slashes, and the library decodes a path before it is seen here. */
	return path[-1] == '/' ? *url != '\0' && (path[-2] == '*' || strchr(url, '/') == NULL) : *url == '\0';
}

static const struct admin_route *find_route(const char *url, bool post, const char **rest, char *part, size_t room, bool *other)
{
	*other = false;
	for (size_t i = 0; i < admin_route_count; i++) {
		if (!path_fits(admin_routes[i].path, url, rest, part, room))
			continue;
		if (admin_routes[i].post == post)
			return &admin_routes[i];
		*other = true;
	}
	return NULL;
}

static int read_body(struct question *q, struct muster_err *err)
{
	json_error_t e;

	if (q->body.failed)
		return err_code(err, MUSTER_E_LIMIT, CODE_M_TOO_LARGE, "the body is longer than %zu bytes", q->body.cap);
	/* No body: all members absent. */
	q->call.body = q->body.n == 0 ? json_object() : json_loadb((const char *)q->body.p, q->body.n, JSON_REJECT_DUPLICATES, &e);
	if (!json_is_object(q->call.body))
		return err_code(err, MUSTER_E_INVALID, CODE_M_BODY, "the body is not a JSON object");
	return MUSTER_OK;
}

static enum MHD_Result answer(struct question *q, const char *url, bool post)
{
	struct admin_call *c = &q->call;
	struct muster_err err = { 0 };
	const struct admin_route *route;
	const char *follow;
	json_t *out = NULL;
	char detail[160];
	bool other;

	if ((route = find_route(url, post, &c->rest, c->part, sizeof c->part, &other)) == NULL)
		return reply_problem(c->mhd, 0, other ? CODE_M_METHOD : CODE_M_NO_PATH, NULL);
	if (c->peer.role < route->role) {
		(void)snprintf(detail, sizeof detail, "This needs the role %s; yours is %s.", peer_role_word(route->role), peer_role_word(c->peer.role));
		return reply_problem(c->mhd, 0, CODE_M_ROLE, detail);
	}
	follow = admin_query(c, "follow");
	if (route->stream != NULL && follow != NULL && strcmp(follow, "1") == 0)
		return route->stream(c);
	if ((post && read_body(q, &err) != MUSTER_OK) || route->fn(c, &out, &err) != MUSTER_OK) {
		json_decref(out);
		return admin_refuse(c, &err);
	}
	return out != NULL ? reply_json(c->mhd, out) : reply_problem(c->mhd, 0, CODE_M_INTERNAL, "out of memory");
}

/* Where this peer's connection is counted, and how many there may be; NULL: administrators are not. */
static _Atomic unsigned *places(struct admin *a, enum role role, unsigned *most)
{
	*most = role == ROLE_NONE ? ADMIN_STRANGERS : ADMIN_LOOKERS;
	return role == ROLE_NONE ? &a->strangers : role < ROLE_ADMINISTRATOR ? &a->lookers : NULL;
}

/* Where the socket's mode lets everybody connect, who may do less must not take the places of those who may do more. */
static void connection_began(struct service *s, struct MHD_Connection *mhd, void **socket_context)
{
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct caller *caller = mem_alloc(sizeof *caller);
	struct snapshot *snap;
	_Atomic unsigned *taken;
	unsigned most;

	*socket_context = caller;
	if (caller == NULL) {
		(void)shutdown(fd->connect_fd, SHUT_RDWR);
		return;
	}
	snap = service_snapshot(s);
	caller->known = peer_of(&caller->peer, fd->connect_fd, &snap->config->host, &caller->err) == MUSTER_OK;
	snapshot_unref(snap);
	if ((taken = places(s->admin, caller->peer.role, &most)) != NULL && atomic_fetch_add(taken, 1) >= most)
		(void)shutdown(fd->connect_fd, SHUT_RDWR);
}

static void connection(void *cls, struct MHD_Connection *mhd, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct service *s = cls;
	struct caller *caller = *socket_context;
	_Atomic unsigned *taken;
	unsigned most;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_began(s, mhd, socket_context);
	} else if (caller != NULL) {
		if ((taken = places(s->admin, caller->peer.role, &most)) != NULL)
			atomic_fetch_sub(taken, 1);
		mem_free(caller);
		*socket_context = NULL;
	}
}

/* What a body may hold depends on what is asked, and on who asks: strangers send none to speak of. */
static size_t body_max(const char *url, enum role role)
{
	const struct admin_route *route;
	const char *rest;
	char part[sizeof ((struct admin_call *)NULL)->part];
	bool other;

	route = find_route(url, true, &rest, part, sizeof part, &other);
	return route != NULL && route->body_max != 0 && role >= route->role ? route->body_max : ADMIN_BODY_MAX;
}

static enum MHD_Result begin(struct service *s, struct MHD_Connection *mhd, const char *url, void **con_cls)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	const struct caller *caller = info != NULL ? info->socket_context : NULL;
	struct question *q = caller != NULL ? mem_alloc(sizeof *q) : NULL;

	if (q == NULL)
		return MHD_NO;
	*con_cls = q;
	q->call.service = s;
	q->call.mhd = mhd;
	q->call.snapshot = service_snapshot(s);
	q->call.peer = caller->peer;
	buf_init(&q->body, body_max(url, q->call.peer.role));
	return caller->known ? MHD_YES : reply_problem(mhd, 0, CODE_M_INTERNAL, caller->err.message);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
                              const char *data, size_t *n, void **con_cls)
{
	struct question *q = *con_cls;
	bool post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;

	(void)version;
	if (q == NULL)
		return begin(cls, mhd, url, con_cls);
	if (*n > 0) {
		if (!q->body.failed)
			buf_add(&q->body, data, *n);
		if (q->body.failed && (q->discarded += *n) > ADMIN_DISCARD_MAX)
			return MHD_NO;
		*n = 0;
		return MHD_YES;
	}
	if (!post && strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return reply_problem(mhd, 0, CODE_M_METHOD, NULL);
	return answer(q, url, post);
}

static void completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code)
{
	struct question *q = *con_cls;

	(void)cls;
	(void)mhd;
	(void)code;
	if (q == NULL)
		return;
	*con_cls = NULL;
	json_decref(q->call.body);
	snapshot_unref(q->call.snapshot);
	buf_cleanse(&q->body);
	mem_free(q);
}

int admin_start(struct service *s, struct muster_err *err)
{
	struct admin *a = mem_alloc(sizeof *a);

	if (a == NULL)
		return err_nomem(err);
	if (s->moving == NULL && (s->moving = moving_new()) == NULL) {
		mem_free(a);
		return err_nomem(err);
	}
	s->admin = a;
	a->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL, handle, s,
		MHD_OPTION_LISTEN_SOCKET, s->admin_fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)ADMIN_CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)ADMIN_IDLE_S,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, connection, s,
		MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
		MHD_OPTION_END);
	if (a->daemon != NULL)
		return MUSTER_OK;
	s->admin = NULL;
	mem_free(a);
	return err_errno(err, errno, "cannot serve on the admin socket");
}

void admin_stop(struct service *s)
{
	if (s->admin == NULL)
		return;
	MHD_stop_daemon(s->admin->daemon);
	mem_free(s->admin);
	s->admin = NULL;
	moving_free(s->moving);
	s->moving = NULL;
}
