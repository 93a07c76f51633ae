/*
 * How many machines each observed host counts, and when that will be too few if those who are silent stay silent.
 *
 * A client is silent when it was not heard from for more than eight days before the host's latest event: an activated machine renews every seven (facts.md
 * section 1). By the latest event, not by today's date: a log that was exported last week says nothing about this one. Who is not silent is taken to go on asking.
 */
#include "core/estate/observed.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define SILENT_DAYS 8
#define CHUNK 1000
#define WINDOW_DAYS_MAX 3660

struct counted_product { const struct catalog_product *product; uint32_t minimum; };
/* One pool of one host. Without a pool: one activation ID that no product here has. */
struct host_pool {
	char host[STORE_NAME_MAX];
	const struct catalog_pool *pool;
	uint8_t activation[16];
	uint32_t window_days, *ages;       /* machines by whole days since they were heard: 0 … window_days */
	struct counted_product *products; size_t product_count;
	uint32_t minimum;                  /* without a product: as the clients say */
	int64_t listed, listed_at;
	bool is_listed;
};
/* One client's latest time in each of its pools. */
struct turn { size_t pool; int64_t last; };

struct count {
	struct catalog *catalog;
	int64_t now;
	struct host_pool *pools; size_t n, host_from;   /* host_from: where the pools of the host under way begin */
	struct turn *turns; size_t turn_count;
	struct observed_machine place; bool any; size_t got;
	int r; struct muster_err *err;
};

static void count_fini(struct count *c)
{
	for (size_t i = 0; i < c->n; i++) {
		mem_free(c->pools[i].ages);
		mem_free(c->pools[i].products);
	}
	mem_free(c->pools);
	mem_free(c->turns);
	catalog_unref(c->catalog);
}

static int pool_make(struct count *c, const char *host, const struct catalog_pool *pool, const uint8_t activation[16], size_t *at)
{
	uint32_t window_s = pool != NULL ? pool->window_s : (uint32_t)(OBSERVED_WINDOW_MS / 1000), days = (window_s + 86399) / 86400;
	struct host_pool *grown = mem_grow(c->pools, c->n + 1, sizeof *grown), *p;

	if (grown == NULL)
		return err_nomem(c->err);
	c->pools = grown;
	p = &grown[c->n];
	memset(p, 0, sizeof *p);
	(void)snprintf(p->host, sizeof p->host, "%s", host);
	p->pool = pool;
	if (pool == NULL)
		memcpy(p->activation, activation, 16);
	p->window_days = days < 1 ? 1 : days > WINDOW_DAYS_MAX ? WINDOW_DAYS_MAX : days;
	if ((p->ages = mem_array(p->window_days + (size_t)1, sizeof *p->ages)) == NULL)
		return err_nomem(c->err);
	*at = c->n++;
	return MUSTER_OK;
}

static int pool_of(struct count *c, const char *host, const struct catalog_pool *pool, const uint8_t activation[16], size_t *at)
{
	for (size_t i = c->host_from; i < c->n; i++)
		if (c->pools[i].pool == pool && (pool != NULL || memcmp(c->pools[i].activation, activation, 16) == 0)) {
			*at = i;
			return MUSTER_OK;
		}
	return pool_make(c, host, pool, activation, at);
}

static int product_seen(struct count *c, struct host_pool *p, const struct catalog_edition *edition)
{
	struct counted_product *grown;

	for (size_t i = 0; i < p->product_count; i++)
		if (p->products[i].product == edition->product) {
			if (edition->minimum_count > p->products[i].minimum)
				p->products[i].minimum = edition->minimum_count;
			return MUSTER_OK;
		}
	if ((grown = mem_grow(p->products, p->product_count + 1, sizeof *grown)) == NULL)
		return err_nomem(c->err);
	p->products = grown;
	grown[p->product_count++] = (struct counted_product) { edition->product, edition->minimum_count };
	return MUSTER_OK;
}

static void client_ends(struct count *c)
{
	for (size_t i = 0; i < c->turn_count; i++) {
		struct host_pool *p = &c->pools[c->turns[i].pool];
		int64_t age = (c->now - c->turns[i].last) / STORE_DAY_MS;

		if (age < 0)
			age = 0;
		if (age < p->window_days)
			p->ages[age]++;
	}
	c->turn_count = 0;
}

static int turn_note(struct count *c, size_t pool, int64_t last)
{
	struct turn *grown;

	for (size_t i = 0; i < c->turn_count; i++)
		if (c->turns[i].pool == pool) {
			if (last > c->turns[i].last)
				c->turns[i].last = last;
			return MUSTER_OK;
		}
	if ((grown = mem_grow(c->turns, c->turn_count + 1, sizeof *grown)) == NULL)
		return err_nomem(c->err);
	c->turns = grown;
	grown[c->turn_count++] = (struct turn) { pool, last };
	return MUSTER_OK;
}

static int machine_counts(struct count *c, const struct observed_machine *m)
{
	const struct catalog_edition *edition = observed_edition(c->catalog, m->activation);
	const struct catalog_pool *pool = edition != NULL ? edition->product->pool : NULL;
	size_t at = 0;
	int r;

	if ((edition != NULL && pool == NULL) || m->by == OBSERVED_BY_MAK)
		return MUSTER_OK;   /* a product that is not counted together, or a machine that asks no host */
	if ((r = pool_of(c, m->host, pool, m->activation, &at)) != MUSTER_OK || (edition != NULL && (r = product_seen(c, &c->pools[at], edition)) != MUSTER_OK))
		return r;
	if (edition == NULL && (m->said.flags & OBSERVED_MINIMUM) != 0 && m->said.minimum > c->pools[at].minimum)
		c->pools[at].minimum = m->said.minimum;
	return observed_counts(&m->said) ? turn_note(c, at, m->last) : MUSTER_OK;
}

static int machine_next(void *ctx, const struct observed_machine *m)
{
	struct count *c = ctx;

	if (c->any && (strcmp(c->place.host, m->host) != 0 || memcmp(c->place.client, m->client, 16) != 0))
		client_ends(c);
	if (!c->any || strcmp(c->place.host, m->host) != 0)
		c->host_from = c->n;
	c->place = *m;
	c->any = true;
	c->got++;
	c->r = machine_counts(c, m);
	return c->r != MUSTER_OK;
}

/* The lock is given back between pages: a round over a million machines does not make lists wait. */
static int count_all(struct estate *e, struct count *c)
{
	struct store_observed *reader;
	int r;

	do {
		struct observed_machine from = c->place;

		if ((reader = observed_reader(e, c->err)) == NULL)
			return c->err != NULL ? c->err->result : MUSTER_E_IO;
		c->got = 0;
		r = observed_store_by_host(reader, c->any ? &from : NULL, CHUNK, machine_next, c, c->err);
		observed_reader_done(e);
		if (r == MUSTER_OK)
			r = c->r;
	} while (r == MUSTER_OK && c->got == CHUNK);
	client_ends(c);
	return r;
}

/* ---- what the hosts' own listings say ---- */

static int listing_seen(void *ctx, const char *id, const json_t *entry)
{
	struct count *c = ctx;
	const char *host = json_string_value(json_object_get(entry, "host")), *activation = json_string_value(json_object_get(entry, "activation_id")),
		*at = json_string_value(json_object_get(entry, "taken_at"));
	const json_t *count = json_object_get(entry, "current_count");
	const struct catalog_edition *edition;
	uint8_t uuid[16];
	int64_t ms;

	(void)id;
	if (host == NULL || activation == NULL || at == NULL || !json_is_integer(count) || uuid_parse(uuid, activation, strlen(activation)) != MUSTER_OK ||
	    time_parse_rfc3339(&ms, at, strlen(at)) != MUSTER_OK)
		return 0;
	edition = observed_edition(c->catalog, uuid);
	for (size_t i = 0; i < c->n; i++) {
		struct host_pool *p = &c->pools[i];

		if (strcasecmp(p->host, host) != 0 || (p->pool != NULL ? edition == NULL || edition->product->pool != p->pool : memcmp(p->activation, uuid, 16) != 0))
			continue;
		if (!p->is_listed || ms > p->listed_at) {
			p->is_listed = true;
			p->listed = json_integer_value(count);
			p->listed_at = ms;
		}
	}
	return 0;
}

/* ---- the answer ---- */

static uint32_t heard(const struct host_pool *p)
{
	uint32_t n = 0;

	for (uint32_t age = 0; age < p->window_days; age++)
		n += p->ages[age];
	return n;
}

/* The youngest age that is silent. */
static uint32_t silent_from(const struct host_pool *p)
{
	uint32_t latest = 0;

	while (latest < p->window_days && p->ages[latest] == 0)
		latest++;
	return latest + SILENT_DAYS + 1;
}

/* How many are left in so many days. */
static uint32_t left_after(const struct host_pool *p, uint32_t days)
{
	uint32_t n = 0, silent = silent_from(p);

	for (uint32_t age = 0; age < p->window_days; age++)
		if (age < silent || age + days < p->window_days)
			n += p->ages[age];
	return n;
}

static json_t *pool_json(const struct count *c, const struct host_pool *p, const struct catalog_product *product, uint32_t minimum, unsigned days)
{
	uint32_t now = heard(p), silent = silent_from(p), quiet = 0, then, on = 0;
	char date[16] = "";
	time_t t;
	struct tm tm;

	for (uint32_t age = silent; age < p->window_days; age++)
		quiet += p->ages[age];
	while (on < days && left_after(p, on) >= minimum)
		on++;
	then = left_after(p, on);
	if (then < minimum) {
		t = (time_t)(c->now / 1000 + (int64_t)on * 86400);
		if (gmtime_r(&t, &tm) != NULL)
			(void)strftime(date, sizeof date, "%Y-%m-%d", &tm);
	}
	return json_pack("{s:s?, s:s?, s:s?, s:o, s:o, s:o, s:I, s:I, s:I, s:s?, s:I, s:I}", "host", p->host[0] != '\0' ? p->host : NULL, "pool", p->pool != NULL ? p->pool->name : NULL,
		"product", product != NULL ? product->row.name : NULL, "activation_id", product != NULL ? observed_uuid_json(product->row.activation_id) : observed_uuid_json(p->activation),
		"listed", p->is_listed ? json_integer(p->listed) : json_null(), "listed_at", observed_time_json(p->is_listed ? p->listed_at : 0), "observed", (json_int_t)now,
		"minimum_count", (json_int_t)minimum, "window_days", (json_int_t)p->window_days, "sinks_on", date[0] != '\0' ? date : NULL, "count_then", (json_int_t)then, "silent", (json_int_t)quiet);
}

static int add_pool(const struct count *c, const struct host_pool *p, unsigned days, json_t *items)
{
	if (p->product_count == 0)
		return json_array_append_new(items, pool_json(c, p, NULL, p->minimum, days));
	for (size_t i = 0; i < p->product_count; i++)
		if (json_array_append_new(items, pool_json(c, p, p->products[i].product, p->products[i].minimum, days)) != 0)
			return -1;
	return 0;
}

int estate_pools(struct estate *e, unsigned days, json_t **out, struct muster_err *err)
{
	struct count c = { .catalog = estate_catalog(e), .now = observed_now(e), .err = err };
	const struct estate_kind *hosts = estate_kind_find("host");
	json_t *items = json_array();
	int r;

	*out = NULL;
	if ((r = items == NULL ? err_nomem(err) : count_all(e, &c)) != MUSTER_OK)
		goto done;
	if (e->ledger != NULL && (r = entry_each(e, hosts, listing_seen, &c, err)) != MUSTER_OK)
		goto done;
	for (size_t i = 0; i < c.n && r == MUSTER_OK; i++)
		if (add_pool(&c, &c.pools[i], days, items) != 0)
			r = err_nomem(err);
	if (r == MUSTER_OK && (*out = json_pack("{s:O}", "items", items)) == NULL)
		r = err_nomem(err);
done:
	count_fini(&c);
	json_decref(items);
	return r;
}
