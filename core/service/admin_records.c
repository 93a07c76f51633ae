#include "core/service/admin.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/estate/estate.h"
#include "core/holdings/holdings.h"

#define LIMIT_DEFAULT 100
#define FOLLOW_PAGE 200
#define FOLLOW_MS 200   /* how often a follower looks for new events */

/* A page being made: the last row's key becomes `next`. */
struct page { json_t *items; char next[128]; size_t n; };

static int finish(struct page *p, size_t limit, int64_t as_of, int r, json_t **out)
{
	if (r == MUSTER_OK) {
		*out = json_pack("{s:O, s:s?}", "items", p->items, "next", p->n == limit ? p->next : NULL);
		if (as_of != 0 && *out != NULL)
			(void)json_object_set_new(*out, "as_of", admin_json_time(as_of));
	}
	json_decref(p->items);
	return r;
}

/* ---- clients ---- */

static json_t *client_json(const struct ledger_client *c)
{
	const struct store_use *u = &c->use;
	char hw[HEX_SIZE(32)], address[ADDRESS_TEXT];

	hex_encode(hw, u->hw, sizeof u->hw);
	address_text_of(address, u->addr, u->addr_len);
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:I, s:o, s:i, s:o, s:b, s:s?, s:s?, s:b, s:b, s:b, s:b}", "client_id", admin_json_uuid(u->client),
		"product", c->product, "name", admin_json_text(u->name), "first_seen", admin_json_time(u->first), "last_seen", admin_json_time(u->last),
		"requests", (json_int_t)u->requests, "result", admin_json_code(u->result), "license_status", (int)u->status,
		"minutes_left", (u->flags & STORE_F_MINUTES) != 0 ? json_integer(u->minutes) : json_null(), "virtual", (u->flags & STORE_F_VIRTUAL) != 0,
		"hardware_id", (u->flags & STORE_F_HW) != 0 ? hw : NULL, "address", address[0] != '\0' ? address : NULL,
		"clone", (u->flags & STORE_F_CLONE) != 0, "released", (u->flags & STORE_F_RELEASED) != 0, "forgotten", (u->flags & STORE_F_FORGOTTEN) != 0,
		"debt", (u->flags & STORE_F_DEBT) != 0);
}

static int add_client(void *ctx, const struct ledger_client *c)
{
	struct page *p = ctx;
	char id[UUID_TEXT];

	uuid_format(id, c->use.client);
	(void)snprintf(p->next, sizeof p->next, "%s.%s", id, c->product);
	p->n++;
	(void)json_array_append_new(p->items, client_json(c));
	return 0;
}

/* UUID.PRODUCT, as add_client() writes it. */
static int client_key(const char *after, uint8_t id[16], const char **product, struct muster_err *err)
{
	memset(id, 0, 16);
	*product = "";
	if (after == NULL)
		return MUSTER_OK;
	if (strlen(after) < 37 || after[36] != '.' || strlen(after + 37) > MUSTER_NAME_MAX || uuid_parse(id, after, 36) != MUSTER_OK)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "after is not what an earlier answer gave as next");
	*product = after + 37;
	return MUSTER_OK;
}

int admin_clients(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct page p = { 0 };
	const char *product = admin_query(c, "product"), *after_product;
	uint8_t after[16];
	int64_t limit, as_of = 0;
	int r;

	if ((r = admin_query_number(c, "limit", 1, STORE_PAGE_MAX, LIMIT_DEFAULT, &limit, err)) != MUSTER_OK ||
	    (r = client_key(admin_query(c, "after"), after, &after_product, err)) != MUSTER_OK)
		return r;
	if (product != NULL && catalog_product_named(c->snapshot->catalog, product) == NULL)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no product \"%s\"; `musterctl products` lists them", product);
	p.items = json_array();
	r = ledger_clients(c->service->ledger, product, after, after_product, (size_t)limit, add_client, &p, &as_of, err);
	return finish(&p, (size_t)limit, as_of, r, out);
}

int admin_client(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct page p = { 0 };
	uint8_t id[16];
	int64_t as_of = 0;
	int r;

	if ((r = admin_uuid("the client ID", c->rest, id, err)) != MUSTER_OK)
		return r;
	p.items = json_array();
	r = ledger_client(c->service->ledger, id, add_client, &p, &as_of, err);
	if (r == MUSTER_E_NOT_FOUND || (r == MUSTER_OK && p.n == 0))
		r = err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "no machine with client ID %s has reported in", c->rest);
	return finish(&p, SIZE_MAX, as_of, r, out);
}

int admin_forget(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *text;
	uint8_t id[16];
	int r;

	if ((r = admin_text(c, "client_id", 36, true, &text, err)) != MUSTER_OK || (r = admin_uuid("client_id", text, id, err)) != MUSTER_OK)
		return r;
	if ((r = ledger_forget(c->service->ledger, c->peer.actor, id, err)) != MUSTER_OK)
		return r;
	*out = json_pack("{s:s}", "client_id", text);
	return MUSTER_OK;
}

/* ---- events ---- */

/* Event 12290's nine fields in their order, no spaces (facts.md section 4). */
static json_t *record_line(const struct ledger_event *e)
{
	const struct store_event *v = &e->event;
	char code[16], client[UUID_TEXT], activation[UUID_TEXT], time[32], name[STORE_NAME_MAX];

	code_name_hresult(code, v->result);
	uuid_format(client, v->client);
	uuid_format(activation, e->activation_id);
	time_event(time, v->seen != 0 ? v->seen : v->at);
	(void)snprintf(name, sizeof name, "%s", v->name);
	/* A comma in a name would shift the fields, and the record has no spaces. */
	for (char *p = name; *p != '\0'; p++)
		if (*p == ',' || *p == ' ' || (unsigned char)*p >= 0x80)
			*p = '_';
	return json_sprintf("%s,%u,%s,%s,%s,%d,%u,%d,%s", code, v->minimum, name, client, time, (v->flags & STORE_F_VIRTUAL) != 0, v->status,
	                    (v->flags & STORE_F_MINUTES) != 0 ? v->minutes : 0, activation);
}

static json_t *host_event_json(const struct store_event *v)
{
	bool numbered = v->result == 12291 || v->result == 12292;

	return json_pack("{s:I, s:o, s:o, s:s, s:o}", "seq", (json_int_t)v->seq, "id", numbered ? json_integer(v->result) : json_null(),
		"at", admin_json_time(v->at), "event", "host", "text", admin_json_text(v->name));
}

static json_t *event_json(const struct ledger_event *e)
{
	const struct store_event *v = &e->event;
	char address[ADDRESS_TEXT];
	bool release;

	if ((v->flags & STORE_F_SYSTEM) != 0)
		return host_event_json(v);
	release = (v->flags & STORE_F_RELEASE) != 0;
	address_text_of(address, v->addr, v->addr_len);
	/* A release is no request for activation: no 12290. */
	return json_pack("{s:I, s:o, s:o, s:o, s:I, s:o, s:o, s:b, s:i, s:o, s:o, s:s?, s:I, s:o, s:I, s:s?, s:b, s:b, s:o, s:o}", "seq", (json_int_t)v->seq,
		"id", release ? json_null() : json_integer(12290),
		"at", admin_json_time(v->at), "result", admin_json_code(v->result), "minimum_count", (json_int_t)v->minimum, "name", admin_json_text(v->name),
		"client_id", admin_json_uuid(v->client), "virtual", (v->flags & STORE_F_VIRTUAL) != 0, "license_status", (int)v->status,
		"minutes_left", (v->flags & STORE_F_MINUTES) != 0 ? json_integer(v->minutes) : json_null(), "activation_id", admin_json_uuid(e->activation_id),
		"product", e->product, "count", (json_int_t)v->count, "expires_at", admin_json_time(v->expires), "requests", (json_int_t)v->n,
		"address", address[0] != '\0' ? address : NULL, "release", release, "debt", (v->flags & STORE_F_DEBT) != 0,
		"record_line", release ? json_null() : record_line(e), "seen", v->seen != 0 ? admin_json_time(v->seen) : json_null());
}

static int add_event(void *ctx, const struct ledger_event *e)
{
	struct page *p = ctx;

	(void)snprintf(p->next, sizeof p->next, "%lld", (long long)e->event.seq);
	p->n++;
	(void)json_array_append_new(p->items, event_json(e));
	return 0;
}

/* after=SEQ, or tail=N: the last N. */
static int events_from(struct admin_call *c, int64_t fallback, int64_t *after, struct muster_err *err)
{
	int64_t tail;
	int r;

	if ((r = admin_query_number(c, "after", 0, INT64_MAX, fallback, after, err)) != MUSTER_OK ||
	    (r = admin_query_number(c, "tail", 0, 1000000, -1, &tail, err)) != MUSTER_OK)
		return r;
	if (tail >= 0)
		*after = ledger_events_tail(c->service->ledger, (size_t)tail);
	return MUSTER_OK;
}

int admin_events(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct page p = { 0 };
	int64_t limit, after;
	int r;

	if ((r = admin_query_number(c, "limit", 1, STORE_PAGE_MAX, LIMIT_DEFAULT, &limit, err)) != MUSTER_OK || (r = events_from(c, 0, &after, err)) != MUSTER_OK)
		return r;
	p.items = json_array();
	r = ledger_events(c->service->ledger, after, (size_t)limit, add_event, &p, err);
	return finish(&p, (size_t)limit, 0, r, out);
}

/* ---- following ---- */

struct follow { struct service *service; struct buf out; size_t sent; int64_t after; int fd; bool failed; };

static int follow_event(void *ctx, const struct ledger_event *e)
{
	struct follow *f = ctx;
	json_t *o = event_json(e);
	char *line = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	if (line == NULL) {
		f->failed = true;
		return 1;
	}
	buf_adds(&f->out, line);
	buf_addc(&f->out, '\n');
	free(line);  /* jansson's own allocator */
	f->after = e->event.seq;
	return 0;
}

static bool peer_left(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Wait for a newer event. The thread is this connection's own. @return false: nothing more will come. */
static bool wait_news(struct follow *f)
{
	static const struct timespec pause = { 0, FOLLOW_MS * 1000000L };
	struct ledger_status now;

	for (;;) {
		if (atomic_load(&f->service->stopping) || peer_left(f->fd))
			return false;
		ledger_status(f->service->ledger, &now);
		if (now.last_seq > f->after)
			return true;
		(void)nanosleep(&pause, NULL);
	}
}

static ssize_t follow_read(void *cls, uint64_t pos, char *to, size_t max)
{
	struct follow *f = cls;
	struct muster_err err = { 0 };
	size_t n;

	(void)pos;
	while (f->sent == f->out.n) {
		buf_clear(&f->out);
		f->sent = 0;
		if (!wait_news(f))
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (ledger_events(f->service->ledger, f->after, FOLLOW_PAGE, follow_event, f, &err) != MUSTER_OK || f->failed || f->out.failed)
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	n = f->out.n - f->sent < max ? f->out.n - f->sent : max;
	memcpy(to, f->out.p + f->sent, n);
	f->sent += n;
	return (ssize_t)n;
}

static void follow_free(void *cls)
{
	struct follow *f = cls;

	buf_fini(&f->out);
	atomic_fetch_sub(&f->service->followers, 1);
	mem_free(f);
}

enum MHD_Result admin_follow(struct admin_call *c)
{
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct follow *f = mem_alloc(sizeof *f);
	struct MHD_Response *response;
	struct muster_err err = { 0 };
	struct ledger_status now;
	enum MHD_Result result = MHD_NO;
	int64_t after;

	ledger_status(c->service->ledger, &now);
	/* Without after or tail: from now on. */
	if (events_from(c, now.last_seq, &after, &err) != MUSTER_OK) {
		mem_free(f);
		return admin_refuse(c, &err);
	}
	if (f == NULL)
		return MHD_NO;
	f->after = after;
	f->service = c->service;
	if (atomic_fetch_add(&c->service->followers, 1) >= ADMIN_FOLLOWERS) {
		follow_free(f);
		(void)err_code(&err, MUSTER_E_BUSY, CODE_M_BUSY, "%d others follow the events already, the most there may be", ADMIN_FOLLOWERS);
		return admin_refuse(c, &err);
	}
	f->fd = fd->connect_fd;
	buf_init(&f->out, 4u << 20);
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, follow_read, f, follow_free);
	if (response == NULL) {
		follow_free(f);
		return MHD_NO;
	}
	(void)MHD_set_connection_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/x-ndjson") == MHD_YES)
		result = MHD_queue_response(c->mhd, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}

/* ---- journal ---- */

static const char *act_word(uint32_t kind)
{
	switch (kind) {
	case LEDGER_J_SETTING: return "setting";
	case LEDGER_J_SETTING_RESET: return "setting reset";
	case LEDGER_J_LEARN: return "product learned";
	case LEDGER_J_FORGET: return "client forgotten";
	case LEDGER_J_CLOCK: return "clock accepted";
	case LEDGER_J_BACKUP: return "backup";
	case SERVICE_J_HOST_REQUEST: return "certificate requested";
	case SERVICE_J_HOST_INSTALL: return "certificate installed";
	case SERVICE_J_RELOAD: return "reload";
	case SERVICE_J_PLUGIN_OFF: return "plugin switched off";
	case SERVICE_J_PLUGIN_ENABLED: return "plugin enabled";
	case ACTIVATION_J_PACK: return "pack installed";
	case ACTIVATION_J_PACK_REMOVE: return "pack removed";
	case ACTIVATION_J_KEY: return "key installed";
	case ACTIVATION_J_KEY_REMOVE: return "key removed";
	case ACTIVATION_J_KEY_SHOWN: return "key shown";
	case ACTIVATION_J_INSTALLATION_ID: return "Installation ID made";
	case ACTIVATION_J_CONFIRMATION_ID: return "activated";
	case ACTIVATION_J_ONLINE: return "activated online";
	case ACTIVATION_J_RENEWED: return "certificate renewed";
	case ACTIVATION_J_REKEY: return "rekeyed";
	case ACTIVATION_J_HEARTBEAT: return "heartbeat";
	case ACTIVATION_J_COUNTED_ASKED: return "issuer asked for machines";
	case ACTIVATION_J_COUNTED_ANSWERED: return "issuer's answer taken";
	case ACTIVATION_J_COUNTED_TELEPHONE: return "machine confirmed by telephone";
	case ACTIVATION_J_CRL: return "revocation list";
	case ACTIVATION_J_EXPORT: return "exported";
	case ACTIVATION_J_IMPORT: return "imported";
	case ACTIVATION_J_ROOTS: return "roots announced";
	case ESTATE_J_ADD: return "entry added";
	case ESTATE_J_CHANGE: return "entry changed";
	case ESTATE_J_REMOVE: return "entry removed";
	case ESTATE_J_KEY_SHOWN: return "key shown";
	case ESTATE_J_IMPORT: return "file imported";
	case ESTATE_J_IMPORT_FAILED: return "import failed";
	case ESTATE_J_EXPORT: return "keys exported";
	case ESTATE_J_STATE_EXPORT: return "state exported";
	case ESTATE_J_STATE_IMPORT: return "state imported";
	case ESTATE_J_RETIRED: return "host retired";
	case HOLDINGS_J_REVOKE: return "licence taken back";
	case HOLDINGS_J_SEAT_TAKEN: return "seat taken back";
	case HOLDINGS_J_REASSIGN: return "licence reassigned";
	case HOLDINGS_J_CAPACITY: return "licences entered";
	case HOLDINGS_J_CAPACITY_REMOVE: return "entered licences removed";
	case HOLDINGS_J_BREACH: return "more given out than bought";
	case HOLDINGS_J_EMBEDDED_STORED: return "embedded key stored";
	case HOLDINGS_J_EMBEDDED_REMOVED: return "embedded key removed";
	case 12292: return "event 12292";
	default: return "act";
	}
}

static int add_journal(void *ctx, const struct store_journal *j)
{
	struct page *p = ctx;

	(void)snprintf(p->next, sizeof p->next, "%lld", (long long)j->seq);
	p->n++;
	(void)json_array_append_new(p->items, json_pack("{s:I, s:o, s:o, s:s, s:o, s:o, s:o}", "seq", (json_int_t)j->seq, "at", admin_json_time(j->at),
		"actor", admin_json_text(j->actor), "action", act_word(j->kind), "object", admin_json_text(j->object), "code", admin_json_code(j->code),
		"detail", admin_json_text(j->detail)));
	return 0;
}

int admin_journal(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct page p = { 0 };
	int64_t limit, after, tail;
	int r;

	if ((r = admin_query_number(c, "limit", 1, STORE_PAGE_MAX, LIMIT_DEFAULT, &limit, err)) != MUSTER_OK ||
	    (r = admin_query_number(c, "after", 0, INT64_MAX, 0, &after, err)) != MUSTER_OK ||
	    (r = admin_query_number(c, "tail", 0, 1000, -1, &tail, err)) != MUSTER_OK)
		return r;
	p.items = json_array();
	r = ledger_journal(c->service->ledger, after, (size_t)limit, add_journal, &p, err);
	return finish(&p, (size_t)limit, 0, r, out);
}
