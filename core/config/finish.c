/* What can be judged only when every file has been read: defaults that depend on others, rules between keys. */
#include "core/config/reading.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/nearest.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

/* Where a key stands; the section's own place when it was not given. */
static struct config_where where(const struct config_reading *g, const char *section, size_t index, const char *heading, struct config_place otherwise, const char *key)
{
	const struct config_section *s = config_schema_section(section);
	const struct config_record *r = config_memory_find(g->c->memory, s, index);
	const struct config_key *k = config_schema_key(s, key);
	struct config_place at = otherwise;

	MUSTER_ASSERT(k != NULL);
	if (r != NULL && r->at[k - s->keys].file != NULL)
		at = r->at[k - s->keys];
	return (struct config_where){ .file = at.file, .line = at.line, .section = heading, .key = key };
}

struct config_where config_where_key(const struct config_reading *g, const char *section, const char *key)
{
	return where(g, section, 0, section, (struct config_place){ .file = g->file }, key);
}

static const char *keep(struct config_reading *g, char *text)
{
	const char *kept = text != NULL ? config_memory_dup(g->c->memory, text) : NULL;

	if (kept == NULL)
		g->report.exhausted = true;
	mem_free(text);
	return kept;
}

static void finish_host(struct config_reading *g)
{
	struct config_host *h = &g->c->host;
	struct sockaddr_un address;
	char name[65] = "";

	if (h->name == NULL) {
		/* A name that is longer or missing says nothing useful; the listing then shows "localhost". */
		if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
			strcpy(name, "localhost");
		h->name = keep(g, mem_strdup(name));
	}
	if (h->state == NULL) {
		h->state = MUSTER_STATEDIR;
		/* Administrators who are not root reach the socket here; the state's folder is the host's alone. */
		if (h->admin_socket == NULL)
			h->admin_socket = MUSTER_RUNDIR "/admin.sock";
	}
	if (h->plugin_dir == NULL)
		h->plugin_dir = MUSTER_PLUGINDIR;
	if (h->admin_socket == NULL) {
		h->admin_socket = keep(g, mem_printf("%s/admin.sock", h->state));
		if (h->admin_socket != NULL && strlen(h->admin_socket) >= sizeof address.sun_path)
			config_fault(&g->report, config_where_key(g, "host", "state"), "the path of the admin socket in it, %s, is longer than the %zu bytes a socket may have: set admin_socket",
			             h->admin_socket, sizeof address.sun_path - 1);
	} else if (strlen(h->admin_socket) >= sizeof address.sun_path) {
		config_fault(&g->report, config_where_key(g, "host", "admin_socket"), "the path %s is longer than the %zu bytes a socket may have", h->admin_socket, sizeof address.sun_path - 1);
	}
}

static void finish_tls(struct config_reading *g)
{
	const struct config_host *h = &g->c->host;
	static const char *const keys[] = { "tls_certificate", "tls_key" };
	const char *const files[] = { h->tls_certificate, h->tls_key };

	if (h->listen_tls[0] == '\0')
		return;
	for (size_t i = 0; i < 2; i++)
		if (files[i][0] == '\0')
			config_fault(&g->report, config_where_key(g, "host", keys[i]), "the key is missing: listen_tls needs tls_certificate and tls_key");
}

/* What is sent to an issuer goes over TLS or not at all. */
static void finish_issuers(struct config_reading *g)
{
	for (size_t i = 0; i < g->c->issuer_count; i++) {
		const struct config_issuer *x = &g->c->issuers[i];
		char heading[80];

		snprintf(heading, sizeof heading, "issuer %s", x->name);
		if (x->url[0] != '\0' && strncmp(x->url, "https://", 8) != 0)
			config_fault(&g->report, where(g, "issuer", i, heading, x->at, "url"), "%s is not an https:// address", x->url);
		if (x->web_proxy[0] != '\0' && strncmp(x->web_proxy, "http", 4) != 0)
			config_fault(&g->report, where(g, "issuer", i, heading, x->at, "web_proxy"), "%s is not an http:// or https:// address", x->web_proxy);
	}
}

static void finish_limits(struct config_reading *g)
{
	const struct config_limits *l = &g->c->limits;

	if (l->connections_per_address > l->connections)
		config_fault(&g->report, config_where_key(g, "limits", "connections_per_address"), "%llu is above connections, %llu",
		             (unsigned long long)l->connections_per_address, (unsigned long long)l->connections);
	if (l->queue_age_ms >= l->deadline_ms)
		config_fault(&g->report, config_where_key(g, "limits", "queue_age"), "%llums is not below deadline, %llums",
		             (unsigned long long)l->queue_age_ms, (unsigned long long)l->deadline_ms);
}

static void finish_doctor(struct config_reading *g)
{
	const struct config_doctor *d = &g->c->doctor;

	if (d->ends_critical > d->ends_warning)
		config_fault(&g->report, config_where_key(g, "doctor", "ends_critical"), "%llus is longer than ends_warning, %llus",
		             (unsigned long long)d->ends_critical, (unsigned long long)d->ends_warning);
}

static void finish_plugins(struct config_reading *g)
{
	for (size_t i = 0; i < g->c->plugin_count; i++) {
		struct config_plugin *p = &g->c->plugins[i];

		if (p->path == NULL)
			p->path = keep(g, mem_printf("%s/%s.so", g->c->host.plugin_dir, p->name));
	}
}

/* ---- products ---- */

struct product { struct config_product *p; size_t index; char heading[128]; };

static void product_fault(struct config_reading *g, const struct product *x, const char *key, const char *text)
{
	config_fault(&g->report, where(g, "product", x->index, x->heading, x->p->at, key), "%s", text);
}

/* Does the key stand in the file, with a good value or not? `given` says only the former. */
static bool stands(const struct config_reading *g, const struct product *x, const char *key)
{
	const struct config_section *s = config_schema_section("product");
	const struct config_record *r = config_memory_find(g->c->memory, s, x->index);

	return r != NULL && r->at[config_schema_key(s, key) - s->keys].file != NULL;
}

/* What makes a new product whole (plugin.md, "INI products"). */
static void check_new(struct config_reading *g, const struct product *x)
{
	if (!stands(g, x, "name"))
		product_fault(g, x, "name", "the key is missing: a product file must name its product");
	if (stands(g, x, "refused")) {
		if (stands(g, x, "activation_id"))
			product_fault(g, x, "activation_id", "a product that is refused has none: remove this key or `refused`");
		return;
	}
	if (!stands(g, x, "activation_id"))
		product_fault(g, x, "activation_id", "the key is missing: a product file must give its product an activation ID of its own");
	if (stands(g, x, "like"))
		return;
	if (!stands(g, x, "model"))
		product_fault(g, x, "model", "the key is missing: without `like` a product needs its licensing model");
	if (!stands(g, x, "application_id"))
		product_fault(g, x, "application_id", "the key is missing: without `like` a product needs its application ID");
}

static void check_numbers(struct config_reading *g, const struct product *x)
{
	const struct config_product *p = x->p;

	if ((p->given & CONFIG_P_LIKE) != 0 && strcmp(p->like, p->name) == 0)
		product_fault(g, x, "like", "a product cannot be like itself");
	if ((p->given & CONFIG_P_VALIDITY) != 0 && (p->given & CONFIG_P_RENEWAL) != 0 && p->renewal >= p->validity)
		product_fault(g, x, "renewal_interval", "it is not shorter than validity: every lease would end before it is renewed");
	if (p->coverage_start != 0 && p->coverage_end != 0 && p->coverage_end < p->coverage_start)
		product_fault(g, x, "coverage_end", "the day is before coverage_start");
	if ((p->given & CONFIG_P_MODEL) != 0 && strcmp(p->model, "threshold") != 0 && (p->given & CONFIG_P_MINIMUM) != 0)
		product_fault(g, x, "minimum_count", "only products of the threshold model have one");
}

static void check_issuer(struct config_reading *g, const struct product *x)
{
	const char *nearest = NULL;
	char text[256];
	unsigned least = 0;

	if ((x->p->given & CONFIG_P_ISSUER) == 0)
		return;
	for (size_t i = 0; i < g->c->issuer_count; i++) {
		unsigned d = nearest_distance(x->p->issuer, g->c->issuers[i].name);

		if (strcmp(x->p->issuer, g->c->issuers[i].name) == 0)
			return;
		if (nearest == NULL || d < least) {
			least = d;
			nearest = g->c->issuers[i].name;
		}
	}
	if (nearest != NULL)
		snprintf(text, sizeof text, "there is no [issuer %s]; the nearest is [issuer %s]", x->p->issuer, nearest);
	else
		snprintf(text, sizeof text, "there is no [issuer %s] section", x->p->issuer);
	product_fault(g, x, "issuer", text);
}

/* Every activation ID belongs to one product or edition. */
static void check_unique(struct config_reading *g, const struct product *x)
{
	char text[256];

	if ((x->p->given & CONFIG_P_ACTIVATION_ID) == 0)
		return;
	for (size_t i = 0; i < x->index; i++) {
		const struct config_product *other = &g->c->products[i];

		if ((other->given & CONFIG_P_ACTIVATION_ID) == 0 || !uuid_equal(other->activation_id, x->p->activation_id))
			continue;
		snprintf(text, sizeof text, "the activation ID is already that of [product %s], %s:%u", other->name, other->at.file, other->at.line);
		product_fault(g, x, "activation_id", text);
	}
	for (size_t i = 0; i < g->c->edition_count; i++) {
		const struct config_edition *other = &g->c->editions[i];

		if (!uuid_equal(other->id, x->p->activation_id))
			continue;
		snprintf(text, sizeof text, "the activation ID is also that of an [edition], %s:%u", other->at.file, other->at.line);
		product_fault(g, x, "activation_id", text);
	}
}

void config_finish(struct config_reading *g)
{
	finish_host(g);
	if (g->report.exhausted)
		return;
	finish_tls(g);
	finish_issuers(g);
	finish_limits(g);
	finish_doctor(g);
	finish_plugins(g);
	for (size_t i = 0; i < g->c->product_count; i++) {
		struct product x = { .p = &g->c->products[i], .index = i };

		snprintf(x.heading, sizeof x.heading, "product %s", x.p->name);
		if (x.p->is_new)
			check_new(g, &x);
		check_numbers(g, &x);
		check_issuer(g, &x);
		check_unique(g, &x);
	}
}
