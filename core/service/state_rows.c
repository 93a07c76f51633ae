/* The lines of a state file, from rows of the ledger: a page a step, in the order of the phases. */
#include "core/service/moving_export.h"

#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/estate/estate.h"

#define PAGE 50                          /* records: 64 KiB each at most */
#define MACHINES_PAGE 500

/* ---- the header ---- */

struct heading { struct state_export *x; struct muster_err *err; bool failed; };

static int add_source(void *ctx, const struct store_source *s)
{
	struct heading *h = ctx;
	struct state_head *head = &h->x->head;
	struct store_source *more = head->source_count < STORE_SOURCES_MAX ? mem_grow(head->sources, head->source_count + 1, sizeof *more) : NULL;

	h->failed = more == NULL;
	if (h->failed)
		return 1;
	head->sources = more;
	head->sources[head->source_count++] = *s;
	return 0;
}

static int add_pool(void *ctx, const struct store_pool *p)
{
	struct heading *h = ctx;
	struct state_head *head = &h->x->head;
	struct store_pool *more = mem_grow(head->pools, head->pool_count + 1, sizeof *more);

	h->failed = more == NULL;
	if (h->failed)
		return 1;
	head->pools = more;
	head->pools[head->pool_count++] = *p;
	return 0;
}

static int add_product(void *ctx, const struct store_product *p)
{
	struct heading *h = ctx;
	struct state_export *x = h->x;
	struct state_product *more = mem_grow(x->head.products, x->head.product_count + 1, sizeof *more), *row;
	uint32_t *places = p->product < STATE_PRODUCTS_MAX * 4 ? mem_grow(x->places, p->product + 1, sizeof *places) : NULL;

	if (more != NULL)
		x->head.products = more;
	if (places != NULL)
		x->places = places;
	h->failed = more == NULL || places == NULL;
	if (h->failed)
		return 1;
	row = &more[x->head.product_count];
	memset(row, 0, sizeof *row);
	(void)snprintf(row->name, sizeof row->name, "%s", p->name);
	for (size_t i = 0; i < x->head.pool_count; i++)
		if (x->head.pools[i].pool == p->pool)
			row->pool = (uint32_t)i + 1;
	for (; x->place_count < p->product; x->place_count++)
		places[x->place_count] = 0;
	places[x->place_count++] = (uint32_t)++x->head.product_count;
	return 0;
}

static void name_products(struct state_export *x, const struct catalog *catalog)
{
	for (size_t i = 0; i < x->head.product_count; i++) {
		const struct catalog_product *p = catalog_product_named(catalog, x->head.products[i].name);

		if (p != NULL)
			memcpy(x->head.products[i].activation_id, p->row.activation_id, 16);
	}
}

int export_head(struct state_export *x, const struct catalog *catalog, const char *host, struct muster_err *err)
{
	struct heading h = { x, err, false };
	struct store_source *own;
	int r;

	(void)snprintf(x->head.host, sizeof x->head.host, "%s", host);
	x->head.at = clock_wall_ms(x->service->clock);
	if ((r = ledger_sources(x->service->ledger, add_source, &h, err)) != MUSTER_OK || (r = ledger_pools(x->service->ledger, add_pool, &h, err)) != MUSTER_OK ||
	    (r = ledger_products(x->service->ledger, add_product, &h, err)) != MUSTER_OK)
		return r;
	if (h.failed)
		return err_nomem(err);
	name_products(x, catalog);
	MUSTER_ASSERT(x->head.source_count > 0);
	own = &x->head.sources[0];
	memcpy(x->head.instance, own->ledger_id, 16);
	(void)snprintf(own->name, sizeof own->name, "%.127s", host);
	own->taken_seq = x->head.sequence;
	own->taken_at = x->head.at;
	return MUSTER_OK;
}

static uint32_t place_of(const struct state_export *x, uint32_t product)
{
	return product < x->place_count ? x->places[product] : 0;
}

/* ---- rows ---- */

static int stop(struct state_export *x, int r)
{
	x->r = r;
	return r != MUSTER_OK || x->out.failed;
}

static void counted(struct state_export *x, enum state_kind kind)
{
	x->counts[kind]++;
	x->lines++;
}

static int write_use(void *ctx, const struct ledger_moved *m)
{
	struct state_export *x = ctx;
	uint32_t place = place_of(x, m->use.product);
	struct store_part parts[STORE_SOURCES_MAX];
	size_t n = 0;

	memcpy(x->client, m->use.client, 16);
	x->product = m->use.product;
	/* By the header's places; a source that came since is left for the next export. */
	for (size_t i = 0; i < m->part_count; i++)
		for (size_t k = 0; k < x->head.source_count; k++)
			if (x->head.sources[k].source == m->parts[i].source) {
				parts[n] = m->parts[i];
				parts[n++].source = (uint32_t)k + 1;
			}
	if (place == 0 || n == 0)
		return 0;
	state_write_use(&x->out, &m->use, place, parts, n);
	counted(x, STATE_USE);
	return stop(x, MUSTER_OK);
}

static int write_counter(void *ctx, const struct store_counter *c)
{
	struct state_export *x = ctx;
	struct store_counter row = *c;

	row.product = place_of(x, c->product);
	if (c->product != 0 && row.product == 0)
		return 0;
	row.source = 0;
	for (size_t k = 0; k < x->head.source_count; k++)
		if (x->head.sources[k].source == c->source)
			row.source = (uint32_t)k + 1;
	if (row.source == 0)
		return 0;
	state_write_counter(&x->out, &row);
	counted(x, STATE_COUNTER);
	return stop(x, MUSTER_OK);
}

static int write_edition(void *ctx, const struct store_edition *e, const char *product)
{
	struct state_export *x = ctx;
	struct store_edition row = *e;

	(void)product;
	if ((row.product = place_of(x, e->product)) == 0)
		return 0;
	counted(x, STATE_EDITION);
	return stop(x, state_write_edition(&x->out, &row, x->err));
}

static int write_setting(void *ctx, const struct store_setting *s)
{
	struct state_export *x = ctx;

	counted(x, STATE_SETTING);
	return stop(x, state_write_setting(&x->out, s, x->err));
}

static int write_holding(void *ctx, const struct store_holding *h)
{
	struct state_export *x = ctx;
	struct store_holding row = *h;

	x->class_ = h->class_;
	memcpy(x->holder, h->holder, h->holder_n);
	x->holder_n = h->holder_n;
	x->seen++;
	row.product = (uint32_t)x->holding_product + 1;
	state_write_holding(&x->out, &row);
	counted(x, STATE_HOLDING);
	return stop(x, MUSTER_OK);
}

static void note_record(struct state_export *x, const struct store_record *r)
{
	memcpy(x->record, r->id, r->id_n);
	x->record_n = r->id_n;
	x->seen++;
}

static int write_record(void *ctx, const struct store_record *r)
{
	struct state_export *x = ctx;

	note_record(x, r);
	counted(x, STATE_RECORD);
	return stop(x, state_write_record(&x->out, r, x->err));
}

/* ---- keys, under the passphrase ---- */

static json_t *sealed_json(struct state_export *x, const char *row, struct muster_span plain)
{
	struct seal_place at = { MOVING_PLACE, row, "key" };
	char text[B64_SIZE(STATE_SEALED_MAX)];
	json_t *out = NULL;
	struct buf sealed;

	buf_init(&sealed, STATE_SEALED_MAX);
	if ((x->r = seal_put(&sealed, x->seal, &at, plain, x->err)) == MUSTER_OK) {
		(void)b64_encode(text, sealed.p, sealed.n);
		out = json_string(text);
	}
	buf_fini(&sealed);
	return out;
}

static int write_key(void *ctx, const char *partial, const char *key)
{
	struct state_export *x = ctx;
	json_t *sealed = sealed_json(x, partial, span_str(key));

	if (x->r != MUSTER_OK)
		return 1;
	counted(x, STATE_KEY);
	return stop(x, state_write_json(&x->out, json_pack("{s:s, s:o}", "key", partial, "sealed", sealed), x->err));
}

/* The record without its sealed member, and that opened and sealed again under the passphrase. */
static int write_opened(struct state_export *x, const struct store_record *r, json_t *o, struct muster_span sealed)
{
	char id[HEX_SIZE(64)], row[160];
	struct buf plain;
	json_t *again;

	buf_init(&plain, STATE_SEALED_MAX);
	if ((x->r = activation_unseal(x->service->activation, r->kind, span_of(r->id, r->id_n), sealed, &plain, x->err)) == MUSTER_OK) {
		hex_encode(id, r->id, r->id_n);
		(void)snprintf(row, sizeof row, "%.31s %.90s", r->kind, id);
		again = sealed_json(x, row, span_of(plain.p, plain.n));
		if (x->r == MUSTER_OK) {
			(void)json_object_del(o, "sealed");
			counted(x, STATE_SECRET);
			x->r = state_write_json(&x->out, json_pack("{s:s, s:s, s:I, s:O, s:o}", "secret", r->kind, "id", id, "at", (json_int_t)r->at, "data", o, "sealed", again), x->err);
		}
	}
	buf_cleanse(&plain);
	return x->r != MUSTER_OK;
}

static int write_secret(void *ctx, const struct store_record *r)
{
	struct state_export *x = ctx;
	json_t *o = json_loadb((const char *)r->data, r->data_n, JSON_REJECT_DUPLICATES, NULL);
	const char *text = json_string_value(json_object_get(o, "sealed"));
	uint8_t sealed[STATE_SEALED_MAX];
	size_t n = 0;
	int stopped = 0;

	note_record(x, r);
	if (text != NULL && b64_decode(sealed, sizeof sealed, &n, text, strlen(text)) == MUSTER_OK)
		stopped = write_opened(x, r, o, span_of(sealed, n));
	json_decref(o);
	return stopped;
}

static int write_passphrase(struct state_export *x)
{
	counted(x, STATE_PASSPHRASE);
	return state_write_json(&x->out, json_pack("{s:s}", "passphrase", x->wrapped), x->err);
}

/* ---- a step ---- */

static int step_uses(struct state_export *x)
{
	size_t n = 0;
	int r = ledger_export_uses(x->service->ledger, x->client, x->product, write_use, x, &n, x->err);

	if (r == MUSTER_OK && n < STORE_PAGE_MAX && x->r == MUSTER_OK)
		x->phase++;
	return r;
}

static uint32_t number_at(const struct state_export *x, size_t place)
{
	for (size_t n = 0; n < x->place_count; n++)
		if (x->places[n] == place + 1)
			return (uint32_t)n;
	return 0;
}

static int step_holdings(struct state_export *x)
{
	int r;

	if (x->holding_product == x->head.product_count) {
		x->phase++;
		return MUSTER_OK;
	}
	x->seen = 0;
	r = ledger_holdings(x->service->ledger, number_at(x, x->holding_product), x->class_, span_of(x->holder, x->holder_n), STORE_PAGE_MAX, write_holding, x, x->err);
	if (r == MUSTER_OK && x->seen < STORE_PAGE_MAX) {
		x->holding_product++;
		x->class_ = 0;
		x->holder_n = 0;
	}
	return r;
}

/* A page of the present kind; behind its last one the next kind that @p carries. */
static int step_records(struct state_export *x, bool (*carries)(const char *), int (*fn)(void *, const struct store_record *))
{
	char next[32];
	int r = MUSTER_OK;

	x->seen = 0;
	if (x->kind[0] != '\0' && carries(x->kind))
		r = ledger_records(x->service->ledger, x->kind, span_of(x->record, x->record_n), PAGE, fn, x, x->err);
	if (r != MUSTER_OK || x->seen > 0)
		return r;
	if ((r = ledger_kind_after(x->service->ledger, x->kind, next, x->err)) == MUSTER_E_NOT_FOUND) {
		x->phase++;
		x->kind[0] = '\0';
		r = MUSTER_OK;
	} else if (r == MUSTER_OK) {
		memcpy(x->kind, next, sizeof x->kind);
	}
	x->record_n = 0;
	return r;
}

/* From a page of what imports brought, as much as an answer holds; behind the last page the next phase. */
static int step_observed(struct state_export *x, enum state_kind kind)
{
	const char *after = x->after[0] != '\0' ? x->after : NULL, *next;
	json_t *items;
	int r = MUSTER_OK;

	if (x->page == NULL) {
		r = kind == STATE_MACHINE ? estate_machines(x->service->estate, NULL, after, MACHINES_PAGE, &x->page, x->err) :
		    estate_events(x->service->estate, after, STORE_PAGE_MAX, &x->page, x->err);
		x->page_at = 0;
	}
	items = json_object_get(x->page, "items");
	for (; r == MUSTER_OK && x->page_at < json_array_size(items) && x->out.n < MOVING_CHUNK; x->page_at++) {
		r = state_write_observed(&x->out, kind, json_incref(json_array_get(items, x->page_at)), x->err);
		counted(x, kind);
	}
	if (r != MUSTER_OK || x->page_at < json_array_size(items))
		return r;
	next = json_string_value(json_object_get(x->page, "next"));
	if (next == NULL)
		x->phase++;
	(void)snprintf(x->after, sizeof x->after, "%s", next != NULL ? next : "");
	json_decref(x->page);
	x->page = NULL;
	return MUSTER_OK;
}

int export_step(struct state_export *x)
{
	struct ledger *l = x->service->ledger;
	int r = MUSTER_OK;

	switch (x->phase) {
	case PHASE_HEAD:
		x->lines++;
		r = state_head_write(&x->out, &x->head, x->err);
		break;
	case PHASE_USES:
		return step_uses(x);
	case PHASE_COUNTERS:
		r = ledger_counters(l, write_counter, x, x->err);
		break;
	case PHASE_EDITIONS:
		r = ledger_learned(l, write_edition, x, x->err);
		break;
	case PHASE_SETTINGS:
		r = ledger_settings(l, write_setting, x, x->err);
		break;
	case PHASE_HOLDINGS:
		return step_holdings(x);
	case PHASE_RECORDS:
		return step_records(x, moving_carries, write_record);
	case PHASE_KEYS:
		if (x->seal != NULL && (r = write_passphrase(x)) == MUSTER_OK)
			r = activation_state_keys(x->service->activation, write_key, x, x->err);
		break;
	case PHASE_SECRETS:
		if (x->seal != NULL)
			return step_records(x, moving_carries_secret, write_secret);
		break;
	case PHASE_MACHINES:
		return step_observed(x, STATE_MACHINE);
	case PHASE_EVENTS:
		return step_observed(x, STATE_EVENT);
	default:
		break;
	}
	x->phase++;
	return r;
}
