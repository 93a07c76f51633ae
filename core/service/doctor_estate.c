/* What the estate's books and imports say, for the doctor's rules: a page of each list, never the whole of a large estate. */
#include "core/service/doctor.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/service/admin.h"

#define DAY_S INT64_C(86400)
#define OLD_S (30 * DAY_S)

static const char *text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text != NULL ? text : "";
}

/* A page of a kind; NULL and why there is none. */
static json_t *page(struct admin_call *c, const char *kind, bool *more, char *failed, size_t n)
{
	struct muster_err err = { 0 };
	json_t *out = NULL;

	*more = false;
	if (estate_list(c->service->estate, estate_kind_find(kind), NULL, NULL, DOCTOR_LIST, &out, &err) != MUSTER_OK)
		(void)snprintf(failed, n, "the books cannot be read: %.180s", err.message);
	*more = json_is_string(json_object_get(out, "next"));
	return out;
}

/* ---- keys ---- */

/* "MAK -EEEEE (Windows 10 ESU)" */
static void key_text(char out[DOCTOR_TEXT], const json_t *key)
{
	static const struct { const char *kind, *text; } kinds[] = { { "host", "host key" }, { "mak", "MAK" }, { "esu", "ESU MAK" }, { "setup", "setup key" }, { "embedded", "embedded key" } };
	const char *kind = text_of(key, "kind"), *text = "key", *partial = text_of(key, "partial"), *product = json_string_value(json_array_get(json_object_get(key, "products"), 0));

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			text = kinds[i].text;
	(void)snprintf(out, DOCTOR_TEXT, "the %s %s%.5s%s%.120s%s in the books", text, partial[0] != '\0' ? "-" : "", partial, product != NULL ? " (" : "", product != NULL ? product : "",
	               product != NULL ? ")" : "");
}

static void add_key(struct doctor_facts *f, const json_t *key)
{
	const json_t *allowed = json_object_get(key, "allowed"), *used = json_object_get(key, "used");
	const char *end = text_of(key, "coverage_end");
	char full[32];
	struct doctor_use *u;
	struct doctor_end *e;
	int64_t ms;

	/* Those of this host that are no entries: gathered with what is in force. */
	if (strncmp(text_of(key, "id"), "installed-", 10) == 0)
		return;
	if (json_is_integer(allowed) && json_is_integer(used) && (u = doctor_use_add(f)) != NULL) {
		u->allowed = json_integer_value(allowed);
		u->used = json_integer_value(used);
		u->host_key = strcmp(text_of(key, "kind"), "host") == 0;
		key_text(u->what, key);
	}
	(void)snprintf(full, sizeof full, "%.10sT00:00:00Z", end);
	/* The last day is covered whole, and is the one to name. */
	if (end[0] != '\0' && time_parse_rfc3339(&ms, full, strlen(full)) == MUSTER_OK && (e = doctor_end_add(f, DOCTOR_COVERAGE, ms / 1000 + DAY_S - 1)) != NULL)
		key_text(e->what, key);
}

/* ---- setup keys ---- */

/* Keys of this product are noted, and none is one for a host: machines are activated by themselves, and no setup key marks them. */
static bool without_host_key(const json_t *keys, const char *product)
{
	const json_t *key, *name;
	size_t i, k;
	bool any = false;

	json_array_foreach(keys, i, key)
		json_array_foreach(json_object_get(key, "products"), k, name)
			if (json_is_string(name) && strcasecmp(json_string_value(name), product) == 0) {
				if (strcmp(text_of(key, "kind"), "host") == 0)
					return false;
				any = true;
			}
	return any;
}

static void add_product(struct doctor_facts *f, const json_t *product, const json_t *keys)
{
	const char *name = text_of(product, "name");
	char text[DOCTOR_TEXT], remedy[DOCTOR_TEXT];

	if (strcmp(text_of(product, "source"), "host") == 0 || text_of(product, "setup_key")[0] != '\0' || json_is_true(json_object_get(product, "keyless")) ||
	    strncmp(text_of(product, "id"), "host:", 5) == 0 || without_host_key(keys, name))
		return;
	(void)snprintf(text, sizeof text, "%.150s: no setup key is noted", name);
	(void)snprintf(remedy, sizeof remedy, "Copy it from the download page: musterctl catalogue set %.80s --set setup_key=...; or, where none is needed: --set keyless=yes.", text_of(product, "id"));
	(void)doctor_note(f, &f->setup_keys, text, remedy);
}

static void gather_books(struct doctor_facts *f, struct admin_call *c)
{
	bool more_keys, more_products;
	json_t *keys = page(c, "key", &more_keys, f->uses_failed, sizeof f->uses_failed), *products = page(c, "product", &more_products, f->setup_keys.failed, sizeof f->setup_keys.failed);
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(keys, "items"), i, item)
		add_key(f, item);
	json_array_foreach(json_object_get(products, "items"), i, item)
		add_product(f, item, json_object_get(keys, "items"));
	f->books_more = more_keys || more_products;
	json_decref(products);
	json_decref(keys);
}

/* ---- what imports show ---- */

static struct doctor_pool *pool_seen(struct doctor_facts *f, const char *host, const char *product)
{
	struct doctor_pool *rows = mem_grow(f->pools, f->pool_count + 1, sizeof *rows);

	if (rows == NULL) {
		f->exhausted = true;
		return NULL;
	}
	f->pools = rows;
	rows += f->pool_count++;
	*rows = (struct doctor_pool){ .low = false };
	(void)snprintf(rows->host, sizeof rows->host, "%.200s", host[0] != '\0' ? host : "a host without a name");
	(void)snprintf(rows->product, sizeof rows->product, "%.63s", product);
	return rows;
}

static void add_pool(struct doctor_facts *f, const json_t *pool)
{
	const json_t *listed = json_object_get(pool, "listed");
	int64_t minimum = json_integer_value(json_object_get(pool, "minimum_count")), observed = json_integer_value(json_object_get(pool, "observed"));
	const char *sinks = text_of(pool, "sinks_on"), *product = text_of(pool, "product");
	struct doctor_pool *p;

	/* Fewer were observed than are needed: the events are not all there, or the host has listed as few (add_listed). */
	if (sinks[0] == '\0' || observed < minimum || (json_is_integer(listed) && json_integer_value(listed) < minimum))
		return;
	if ((p = pool_seen(f, text_of(pool, "host"), product[0] != '\0' ? product : text_of(pool, "activation_id"))) == NULL)
		return;
	p->count = observed;
	p->minimum = minimum;
	p->then = json_integer_value(json_object_get(pool, "count_then"));
	p->silent = json_integer_value(json_object_get(pool, "silent"));
	(void)snprintf(p->sinks_on, sizeof p->sinks_on, "%.10s", sinks);
}

/* What a host says of itself: too few machines, or not activated. */
static void add_listed(struct doctor_facts *f, const struct catalog *catalog, const json_t *entry)
{
	const json_t *count = json_object_get(entry, "current_count");
	const char *id = text_of(entry, "activation_id"), *status = text_of(entry, "license_status"), *host = text_of(entry, "host");
	const struct catalog_edition *edition = NULL;
	char text[DOCTOR_TEXT];
	struct doctor_pool *p;
	uint8_t uuid[16];

	if (strcmp(text_of(entry, "channel"), "host") != 0)
		return;
	if (uuid_parse(uuid, id, strlen(id)) == MUSTER_OK)
		edition = catalog_find(catalog, uuid);
	if (edition != NULL && json_is_integer(count) && json_integer_value(count) < (json_int_t)edition->minimum_count && (p = pool_seen(f, host, edition->product->row.name)) != NULL) {
		p->low = true;
		p->count = json_integer_value(count);
		p->minimum = (int64_t)edition->minimum_count;
		(void)snprintf(p->sinks_on, sizeof p->sinks_on, "%.10s", text_of(entry, "taken_at"));
	}
	if (status[0] != '\0' && strncasecmp(status, "Licensed", 8) != 0) {
		(void)snprintf(text, sizeof text, "%.76s lists %.76s as %.60s on %.10s", host, edition != NULL ? edition->product->row.name : text_of(entry, "name"), status, text_of(entry, "taken_at"));
		(void)doctor_note(f, &f->findings, text, "Activate that host with its own vendor's key; then import a new listing.");
	}
}

static void gather_listed(struct doctor_facts *f, struct admin_call *c)
{
	bool more;
	json_t *hosts = page(c, "host", &more, f->pools_failed, sizeof f->pools_failed);
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(hosts, "items"), i, item)
		add_listed(f, c->snapshot->catalog, item);
	f->findings.more = f->findings.more || more;
	json_decref(hosts);
}

static void gather_pools(struct doctor_facts *f, struct admin_call *c)
{
	struct muster_err err = { 0 };
	const json_t *item;
	json_t *out = NULL;
	size_t i;

	if (estate_pools(c->service->estate, (unsigned)(f->set.forecast / (uint64_t)DAY_S), &out, &err) != MUSTER_OK)
		(void)snprintf(f->pools_failed, sizeof f->pools_failed, "what was imported cannot be read: %.180s", err.message);
	json_array_foreach(json_object_get(out, "items"), i, item)
		add_pool(f, item);
	json_decref(out);
}

static void gather_findings(struct doctor_facts *f, struct admin_call *c)
{
	struct muster_err err = { 0 };
	const json_t *item;
	json_t *out = NULL;
	int64_t ms;
	size_t i;

	if (estate_findings(c->service->estate, DOCTOR_LIST, &out, &err) != MUSTER_OK) {
		(void)snprintf(f->findings.failed, sizeof f->findings.failed, "what was imported cannot be read: %.180s", err.message);
		memcpy(f->duplicates.failed, f->findings.failed, sizeof f->duplicates.failed);
	}
	json_array_foreach(json_object_get(out, "items"), i, item) {
		const char *finding = text_of(item, "finding"), *since = text_of(item, "since");
		bool twice = strcmp(finding, "clone") == 0 || strcmp(finding, "names") == 0;
		struct doctor_notes *to = twice ? &f->duplicates : &f->findings;

		/* A gap of long ago stays in the books, and nobody can fill it any more. */
		if (doctor_note(f, to, text_of(item, "text"), text_of(item, "remedy")) && to->n > 0 && time_parse_rfc3339(&ms, since, strlen(since)) == MUSTER_OK)
			to->rows[to->n - 1].old = !twice && strcmp(finding, "listing") != 0 && f->now - ms / 1000 > OLD_S;
	}
	f->findings.more = f->findings.more || json_is_true(json_object_get(out, "more"));
	json_decref(out);
}

void doctor_gather_estate(struct doctor_facts *f, struct admin_call *c, const char *names)
{
	if (doctor_named(names, "keys") || doctor_named(names, "coverage") || doctor_named(names, "setup-keys"))
		gather_books(f, c);
	if (doctor_named(names, "forecast"))
		gather_pools(f, c);
	if (doctor_named(names, "forecast") || doctor_named(names, "findings"))
		gather_listed(f, c);
	if (doctor_named(names, "duplicates") || doctor_named(names, "findings"))
		gather_findings(f, c);
}
