#include "core/service/admin.h"

#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"
#include "core/service/reload.h"
#include "core/service/tls.h"

/* ---- status ---- */

static void warn(json_t *warnings, const char *text)
{
	(void)json_array_append_new(warnings, admin_json_text(text));
}

/* Products of this snapshot that a chain names. */
static json_t *chain_products(const struct snapshot *snap, const struct ring_chain *chain)
{
	json_t *names = json_array();
	const uint8_t (*ids)[16];
	size_t n;

	ids = trust_chain_products(chain->chain, &n);
	for (size_t i = 0; i < n; i++) {
		const struct catalog_edition *e = catalog_find(snap->catalog, ids[i]);

		(void)json_array_append_new(names, e != NULL ? json_string(e->product->row.name) : admin_json_uuid(ids[i]));
	}
	return names;
}

/* What is to be said of the certificates, product by product. */
static void certificate_warnings(struct service *s, const struct snapshot *snap, const struct trust_view *view, json_t *warnings)
{
	int64_t now = clock_wall_ms(s->clock) / 1000, end;
	const struct catalog_product *p;
	char text[256], ends[TIME_RFC3339];
	size_t n;

	p = catalog_products(snap->catalog, &n);
	for (size_t i = 0; i < n; i++) {
		enum ring_state state = ring_state(view, p[i].row.activation_id, now, p[i].row.validity_s, &end);

		if (state == RING_NONE || state == RING_GOOD)
			continue;
		time_rfc3339(ends, end * 1000);
		if (state == RING_REVOKED)
			(void)snprintf(text, sizeof text, "The issuer revoked this host's certificate for %s: it grants nothing for it. Ask the issuer, or activate the host anew.", p[i].row.name);
		else
			(void)snprintf(text, sizeof text, state == RING_ENDED ? "The certificate for %s has ended or ends within a day (%s): install a new one." :
			               "The certificate for %s ends %s and has no successor: ask the issuer for one.", p[i].row.name, ends);
		warn(warnings, text);
	}
}

static json_t *certificates(const struct snapshot *snap, const struct trust_view *view, int64_t now)
{
	json_t *list = json_array();
	const struct ring_chain *chains;
	size_t n;

	chains = ring_chains(view, &n);
	for (size_t i = 0; i < n; i++) {
		const char *warning = chains[i].revoked != NULL ? "revoked: signs nothing" : chains[i].end <= now ? "ended" : chains[i].signer == NULL ? "made for an earlier host key: verifies old leases, signs none" : NULL;

		(void)json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s, s:s?}", "kid", trust_chain_kid(chains[i].chain),
			"products", chain_products(snap, &chains[i]), "ends_at", admin_json_time(chains[i].end * 1000), "issuer", chains[i].issuer, "warning", warning));
	}
	return list;
}

static json_t *listen_texts(const struct service *s, bool tls)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->listener_count; i++)
		if (s->listeners[i].tls == tls)
			(void)json_array_append_new(list, json_string(s->listeners[i].text));
	return list;
}

static void service_warnings(struct service *s, const struct ledger_status *l, json_t *warnings)
{
	char text[256], end[TIME_RFC3339];
	uint64_t port;

	if (l->disk_low)
		warn(warnings, "The disk is nearly full: requests are refused until there is room.");
	if (l->clock_held)
		warn(warnings, l->clock_reason);
	if (atomic_load(&s->not_http) > 0) {
		(void)snprintf(text, sizeof text, "%llu connections since the start were not HTTP and were closed.", (unsigned long long)atomic_load(&s->not_http));
		warn(warnings, text);
	}
	if (service_has_tls(s) && tls_end() - clock_wall_ms(s->clock) / 1000 < TLS_WARN_S) {
		time_rfc3339(end, tls_end() * 1000);
		(void)snprintf(text, sizeof text, "The TLS server's certificate ends %s: put a new one in its place and run musterctl reload.", end);
		warn(warnings, text);
	}
	if (settings_stored(&s->settings, SETTING_PORT, &port) && port != service_port(s)) {
		(void)snprintf(text, sizeof text, "Port %llu is stored and takes effect at the next start.", (unsigned long long)port);
		warn(warnings, text);
	}
}

static json_t *ledger_json(const struct service *s, const struct ledger_status *l)
{
	return json_pack("{s:s, s:I, s:I, s:o, s:o, s:I, s:I, s:I}", "id", s->host_id, "last_seq", (json_int_t)l->last_seq, "fold_seq", (json_int_t)l->fold_seq,
		"fold_at", admin_json_time(l->fold_at), "last_commit", admin_json_time(l->last_commit), "queued", (json_int_t)l->queued,
		"log_bytes", (json_int_t)l->log_bytes, "state_bytes", (json_int_t)l->state_bytes);
}

int admin_status(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct service *s = c->service;
	struct trust_view *view = ring_view(s->ring);
	struct ledger_status l;
	struct muster_err why = { 0 };
	uint32_t moving = ledger_moving(s->ledger, NULL, 0);
	const char *state = atomic_load(&s->stopping) ? "stopping" : "ready";
	json_t *warnings = json_array();

	(void)err;
	ledger_status(s->ledger, &l);
	if (ledger_ready(s->ledger, &why) != MUSTER_OK) {
		state = moving == CODE_M_RETIRED ? "retired" : "not ready";
		warn(warnings, why.message);
	}
	service_warnings(s, &l, warnings);
	certificate_warnings(s, c->snapshot, view, warnings);
	*out = json_pack("{s:s, s:o, s:s, s:b, s:o, s:o, s:s, s:o, s:o, s:{s:I, s:I, s:b}, s:{s:b, s:o}, s:o}",
		"version", SERVICE_VERSION, "name", admin_json_text(c->snapshot->config->host.name), "state", state,
		"activated", service_activated(s, c->snapshot), "listen", listen_texts(s, false), "listen_tls", listen_texts(s, true), "host_id", s->host_id,
		"certificates", certificates(c->snapshot, view, clock_wall_ms(s->clock) / 1000), "ledger", ledger_json(s, &l),
		"disk", "free", (json_int_t)l.disk_free, "floor", (json_int_t)l.disk_floor, "low", l.disk_low,
		"clock", "held", l.clock_held, "reason", admin_json_text(l.clock_held ? l.clock_reason : NULL), "warnings", warnings);
	ring_view_unref(view);
	return MUSTER_OK;
}

/* ---- acts ---- */

int admin_backup(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *dir;
	int r;

	if ((r = admin_text(c, "dir", 1000, true, &dir, err)) != MUSTER_OK)
		return r;
	if (dir[0] != '/')
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "dir must be an absolute path");
	/* A large ledger takes longer than a connection may be silent, and the answer must still arrive. */
	(void)MHD_set_connection_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	if ((r = activation_backup(c->service->activation, c->peer.actor, dir, err)) == MUSTER_OK && (r = estate_backup(c->service->estate, dir, err)) != MUSTER_OK)
		(void)err_prefix(err, r, "%s has the ledger and lacks observed.db: remove it and try again", dir);
	(void)MHD_set_connection_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)ADMIN_IDLE_S);
	if (r == MUSTER_E_NOT_FOUND)
		err->code = CODE_M_ARGUMENT;   /* the folder above it, not a machine or product */
	if (r != MUSTER_OK)
		return r;
	*out = json_pack("{s:s}", "dir", dir);
	return MUSTER_OK;
}

int admin_clock_accept(struct admin_call *c, json_t **out, struct muster_err *err)
{
	int r = ledger_clock_accept(c->service->ledger, c->peer.actor, err);

	if (r == MUSTER_OK)
		*out = json_pack("{s:o}", "time", admin_json_time(clock_wall_ms(c->service->clock)));
	return r;
}

static void add_change(void *ctx, const char *text)
{
	(void)json_array_append_new(ctx, admin_json_text(text));
}

int admin_reload(struct admin_call *c, json_t **out, struct muster_err *err)
{
	json_t *changes = json_array();
	int r = reload_ask(c->service, add_change, changes, err);

	if (r == MUSTER_OK)
		r = ledger_journal_note(c->service->ledger, c->peer.actor, SERVICE_J_RELOAD, "configuration", c->snapshot->config->file, err);
	if (r != MUSTER_OK) {
		json_decref(changes);
		return r;
	}
	*out = json_pack("{s:o}", "changes", changes);
	return MUSTER_OK;
}

int admin_host_request(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *name;
	struct buf pem;
	int r;

	if ((r = admin_text(c, "name", 64, false, &name, err)) != MUSTER_OK)
		return r;
	buf_init(&pem, TRUST_CHAIN_MAX);
	r = ring_request(c->service->ring, name != NULL ? name : c->snapshot->config->host.name, &pem, err);
	if (r == MUSTER_OK)
		r = ledger_journal_note(c->service->ledger, c->peer.actor, SERVICE_J_HOST_REQUEST, "host", "certificate request made", err);
	if (r == MUSTER_OK)
		*out = json_pack("{s:s}", "request", buf_str(&pem));
	buf_fini(&pem);
	return r;
}

int admin_host_install(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct service *s = c->service;
	json_t *warnings;
	struct trust_view *view;
	const struct ring_chain *chain;
	const char *pem;
	bool activated;
	char kid[44];
	int64_t end;
	int r;

	if ((r = admin_text(c, "chain", TRUST_CHAIN_MAX, true, &pem, err)) != MUSTER_OK)
		return r;
	if ((r = activation_chain_install(s->activation, c->peer.actor, (struct muster_span){ (const uint8_t *)pem, strlen(pem) }, kid, &end, &activated, err)) != MUSTER_OK)
		return r;
	if (!activated && (r = ledger_journal_note(s->ledger, c->peer.actor, SERVICE_J_HOST_INSTALL, "host", kid, err)) != MUSTER_OK)
		return r;
	log_line(LOG_NOTICE, "host_installed", "kid=%s actor=\"%s\"", kid, c->peer.actor);
	view = ring_view(s->ring);
	chain = ring_by_kid(view, kid, strlen(kid));
	warnings = json_array();
	certificate_warnings(s, c->snapshot, view, warnings);
	*out = json_pack("{s:o, s:o, s:o, s:s, s:b}", "products", chain != NULL ? chain_products(c->snapshot, chain) : json_array(),
		"ends_at", admin_json_time(end * 1000), "warnings", warnings, "kid", kid, "key_activated", activated);
	ring_view_unref(view);
	return MUSTER_OK;
}
