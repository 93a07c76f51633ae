#include "tests/unit/ledger_fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/mem.h"

/* ---- a catalog of six products, made by hand ---- */

static const struct { const char *name; uint32_t minimum, pool; } rows[FIX_PRODUCTS] = {
	[WINDOWS] = { "windows", 25, 0 }, [SERVER] = { "windows-server", 5, 0 }, [OFFICE2010] = { "office2010", 5, 1 },
	[OFFICE2013] = { "office2013", 5, 2 }, [TINY] = { "tiny", 1, 3 }, [UNCOUNTED] = { "uncounted", 0, UINT32_MAX }
};
static const char *const pool_names[] = { "windows", "office2010", "office2013", "tiny" };
#define POOLS (sizeof pool_names / sizeof pool_names[0])
#define EDITIONS 2

struct catalog {
	_Atomic int refs;
	struct catalog_pool pools[POOLS];
	struct catalog_product products[FIX_PRODUCTS];
	struct catalog_edition editions[FIX_PRODUCTS][EDITIONS];
};

struct catalog *fix_catalog_new(void)
{
	struct catalog *c = calloc(1, sizeof *c);

	ck_assert_ptr_nonnull(c);
	c->refs = 1;
	for (uint32_t i = 0; i < POOLS; i++)
		c->pools[i] = (struct catalog_pool){ pool_names[i], 30 * 86400, i };
	for (uint32_t i = 0; i < FIX_PRODUCTS; i++) {
		struct catalog_product *p = &c->products[i];

		p->row.name = rows[i].name;
		p->row.title = rows[i].name;
		p->row.minimum_count = rows[i].minimum;
		p->row.validity_s = 180 * 86400;
		p->row.model = MUSTER_MODEL_THRESHOLD;
		p->index = i;
		p->enabled = true;
		p->pool = rows[i].pool == UINT32_MAX ? NULL : &c->pools[rows[i].pool];
		for (uint32_t e = 0; e < EDITIONS; e++) {
			c->editions[i][e] = (struct catalog_edition){ .title = rows[i].name, .minimum_count = rows[i].minimum, .product = p };
			c->editions[i][e].activation_id[0] = (uint8_t)(i + 1);
			c->editions[i][e].activation_id[15] = (uint8_t)(e + 1);
		}
	}
	return c;
}

struct catalog *fix_catalog_moved(enum fix_product product, uint32_t pool)
{
	struct catalog *c = fix_catalog_new();

	c->products[product].pool = &c->pools[pool];
	return c;
}

struct catalog *catalog_ref(struct catalog *c)
{
	c->refs++;
	return c;
}

void catalog_unref(struct catalog *c)
{
	if (c != NULL && --c->refs == 0)
		free(c);
}

const struct catalog_product *catalog_products(const struct catalog *c, size_t *n)
{
	*n = FIX_PRODUCTS;
	return c->products;
}

const struct catalog_pool *catalog_pools(const struct catalog *c, size_t *n)
{
	*n = POOLS;
	return c->pools;
}

const struct catalog_edition *catalog_editions(const struct catalog *c, const struct catalog_product *p, size_t *n)
{
	*n = EDITIONS;
	return c->editions[p->index];
}

/* ---- a store that survives the ledger that adopts it ---- */

struct lasting { struct store store; struct store *inner; };

static int lasting_log(struct store *s, bool write, struct store_log **out, struct muster_err *err)
{
	struct store *inner = ((struct lasting *)s)->inner;

	return inner->open_log(inner, write, out, err);
}

static int lasting_state(struct store *s, bool write, struct store_state **out, struct muster_err *err)
{
	struct store *inner = ((struct lasting *)s)->inner;

	return inner->open_state(inner, write, out, err);
}

static int lasting_backup(struct store *s, const char *dir, uint64_t wal_max, struct muster_err *err)
{
	struct store *inner = ((struct lasting *)s)->inner;

	return inner->backup(inner, dir, wal_max, err);
}

static void lasting_free(struct store *s)
{
	free(s);
}

static struct store *lasting_new(struct store *inner)
{
	struct lasting *w = calloc(1, sizeof *w);

	ck_assert_ptr_nonnull(w);
	w->store = (struct store){ lasting_log, lasting_state, lasting_backup, lasting_free };
	w->inner = inner;
	return &w->store;
}

/* ---- the ledger ---- */

static void note_event(void *ctx, int level, const char *event, const char *text)
{
	struct fix *f = ctx;

	pthread_mutex_lock(&f->lock);
	if (f->event_count < sizeof f->events / sizeof f->events[0]) {
		struct fix_event *e = &f->events[f->event_count++];

		e->level = level;
		snprintf(e->event, sizeof e->event, "%s", event);
		snprintf(e->text, sizeof e->text, "%s", text);
	}
	pthread_mutex_unlock(&f->lock);
}

bool fix_said(struct fix *f, const char *event)
{
	bool yes = false;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->event_count; i++)
		yes = yes || strcmp(f->events[i].event, event) == 0;
	pthread_mutex_unlock(&f->lock);
	return yes;
}

static int space(void *ctx, uint64_t *avail, uint64_t *total)
{
	struct fix *f = ctx;

	pthread_mutex_lock(&f->lock);
	*avail = f->avail;
	*total = f->total;
	pthread_mutex_unlock(&f->lock);
	return MUSTER_OK;
}

void fix_open(struct fix *f, enum fix_store kind)
{
	struct muster_err err;

	memset(f, 0, sizeof *f);
	f->kind = kind;
	pthread_mutex_init(&f->lock, NULL);
	clock_manual_init(&f->clock, NOW);
	f->config.host.clock_skew = 4 * 3600;
	f->config.host.events_keep = 400 * 86400;
	f->config.host.events_max = UINT64_C(4) << 30;
	f->config.host.wal_max = UINT64_C(256) << 20;
	f->config.limits.new_clients_per_hour = 100;
	f->config.limits.new_clients_per_day = 20000;
	f->config.limits.queue = 4096;
	f->config.limits.queue_age_ms = 250;
	f->avail = f->total = UINT64_C(1) << 40;
	snprintf(f->dir, sizeof f->dir, "/tmp/muster-ledger-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->dir));
	if (kind == FIX_MEMORY)
		ck_assert_int_eq(store_memory_new(&f->memory, &err), MUSTER_OK);
	f->catalog = fix_catalog_new();
}

int fix_try_start(struct fix *f, struct muster_err *err)
{
	struct ledger_options o = { .clock = &f->clock.clock, .config = &f->config, .event = note_event, .ctx = f, .space = space };
	int r = MUSTER_OK;

	if (f->kind == FIX_MEMORY) {
		o.store = lasting_new(f->memory);
	} else {
		o.dir = f->dir;
		r = store_sqlite_new(&o.store, f->dir, err);
	}
	if (r != MUSTER_OK)
		return r;
	if ((r = ledger_open(&f->l, &o, err)) != MUSTER_OK) {
		o.store->free(o.store);
		return r;
	}
	if ((r = ledger_bind(f->l, f->catalog, err)) == MUSTER_OK && (r = ledger_start(f->l, err)) == MUSTER_OK)
		return r;
	ledger_free(f->l);
	f->l = NULL;
	return r;
}

void fix_start(struct fix *f)
{
	struct muster_err err = { 0 };

	ck_assert_msg(fix_try_start(f, &err) == MUSTER_OK, "%s", err.message);
}

void fix_stop(struct fix *f)
{
	ledger_stop(f->l);
	ledger_free(f->l);
	f->l = NULL;
}

void fix_close(struct fix *f)
{
	static const char *const names[] = { "log.db", "log.db-wal", "log.db-shm", "state.db", "state.db-wal", "state.db-shm", "ledger.lock" };
	char path[128];

	fix_stop(f);
	catalog_unref(f->catalog);
	if (f->memory != NULL)
		f->memory->free(f->memory);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	ck_assert_msg(rmdir(f->dir) == 0, "%s is not empty", f->dir);
	pthread_mutex_destroy(&f->lock);
}

void fix_pass(struct fix *f, int64_t ms)
{
	if (f->l != NULL)
		pthread_mutex_lock(&f->l->lock);
	clock_manual_advance(&f->clock, ms);
	if (f->l != NULL)
		pthread_mutex_unlock(&f->l->lock);
}

void fix_advance(struct fix *f, int64_t ms)
{
	fix_pass(f, ms);
	ledger_nudge(f->l);
}

void fix_settle(struct fix *f)
{
	struct muster_err err = { 0 };

	ck_assert_msg(state_settle(f->l, 20000, &err) == MUSTER_OK, "%s", err.message);
}

/* ---- requests ---- */

void fix_client_id(uint8_t out[16], uint32_t id)
{
	memset(out, 0xc1, 16);
	be32_put(out, id * UINT32_C(2654435761));
	be32_put(out + 12, id);
}

const struct catalog_product *fix_product(struct fix *f, enum fix_product product)
{
	return &f->catalog->products[product];
}

const struct catalog_edition *fix_edition(struct fix *f, enum fix_product product)
{
	return &f->catalog->editions[product][1];
}

static void answered(struct ledger_request *r)
{
	struct ask *a = r->user;

	pthread_mutex_lock(&a->lock);
	a->done = true;
	pthread_cond_signal(&a->cond);
	pthread_mutex_unlock(&a->lock);
}

void ask_hw(struct ask *a, uint8_t source, uint32_t hw)
{
	memset(a->r.hw, 0x77, sizeof a->r.hw);
	a->r.hw[0] = source;
	be32_put(a->r.hw + 28, hw);
	a->r.has_hw = true;
}

void ask_init(struct fix *f, struct ask *a, enum fix_product product, uint32_t id)
{
	struct ledger_request *r = &a->r;

	memset(a, 0, sizeof *a);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->cond, NULL);
	r->catalog = f->catalog;
	r->edition = fix_edition(f, product);
	memcpy(r->activation_id, r->edition->activation_id, 16);
	fix_client_id(r->client, id);
	ask_hw(a, 1, id);
	r->is_virtual = id % 3 == 0;
	r->certified = true;
	r->chain_end = clock_wall_ms(&f->clock.clock) + 730 * DAY;
	r->status = 2;
	r->has_minutes = true;
	r->minutes = 43200;
	r->client_time = clock_wall_ms(&f->clock.clock);
	r->nonce_len = 16;
	be32_put(r->nonce, ++f->nonce);
	r->addr_len = 4;
	be32_put(r->addr, 0x0a000000 + id);
	snprintf(r->name, sizeof r->name, "pc-%u.example.org", (unsigned)id);
	r->done = answered;
	r->user = a;
}

void ask_fini(struct ask *a)
{
	pthread_cond_destroy(&a->cond);
	pthread_mutex_destroy(&a->lock);
}

void ask_submit(struct fix *f, struct ask *a)
{
	a->done = false;
	ck_assert_int_eq(ledger_submit(f->l, &a->r), MUSTER_OK);
}

void ask_wait(struct ask *a)
{
	pthread_mutex_lock(&a->lock);
	while (!a->done)
		pthread_cond_wait(&a->cond, &a->lock);
	pthread_mutex_unlock(&a->lock);
}

void ask_go(struct fix *f, struct ask *a)
{
	ask_submit(f, a);
	ask_wait(a);
}

uint32_t ask_code(struct fix *f, enum fix_product product, uint32_t id)
{
	struct ask a;
	uint32_t code;

	ask_init(f, &a, product, id);
	ask_go(f, &a);
	code = a.r.code;
	ask_fini(&a);
	return code;
}

uint32_t ask_release(struct fix *f, enum fix_product product, uint32_t id)
{
	struct ask a;
	uint32_t code;

	ask_init(f, &a, product, id);
	a.r.kind = LEDGER_RELEASE;
	a.r.lease_known = true;
	ask_go(f, &a);
	code = a.r.code;
	ask_fini(&a);
	return code;
}

/* ---- looking ---- */

struct ledger_count fix_count(struct fix *f, enum fix_product product)
{
	struct ledger_count c;

	ledger_pool_count(f->l, fix_product(f, product)->pool, &c);
	return c;
}

struct ledger_totals fix_totals(struct fix *f, enum fix_product product)
{
	struct ledger_totals t;

	ledger_product_totals(f->l, fix_product(f, product), &t);
	return t;
}

static int client_count(void *ctx, const struct ledger_client *c)
{
	(void)c;
	++*(size_t *)ctx;
	return 0;
}

size_t fix_clients(struct fix *f)
{
	struct muster_err err = { 0 };
	size_t n = 0;

	ck_assert_msg(ledger_clients(f->l, NULL, NULL, NULL, SIZE_MAX, client_count, &n, NULL, &err) == MUSTER_OK, "%s", err.message);
	return n;
}

struct pick { const char *product; struct store_use *out; bool found; };

static int client_pick(void *ctx, const struct ledger_client *c)
{
	struct pick *p = ctx;

	if (strcmp(c->product, p->product) == 0) {
		p->found = true;
		*p->out = c->use;
	}
	return 0;
}

bool fix_client(struct fix *f, uint32_t id, enum fix_product product, struct store_use *out)
{
	struct muster_err err = { 0 };
	struct pick p = { rows[product].name, out, false };
	uint8_t client[16];
	int r;

	fix_client_id(client, id);
	r = ledger_client(f->l, client, client_pick, &p, NULL, &err);
	ck_assert_msg(r == MUSTER_OK || r == MUSTER_E_NOT_FOUND, "%s", err.message);
	return p.found;
}

struct event_sum { uint32_t flags; size_t rows; uint64_t requests; };

static int event_add(void *ctx, const struct ledger_event *e)
{
	struct event_sum *s = ctx;

	if (e->event.flags & STORE_F_SYSTEM && (s->flags & STORE_F_SYSTEM) == 0)
		return 0;
	if ((e->event.flags & s->flags) == s->flags) {
		s->rows++;
		s->requests += e->event.n;
	}
	return 0;
}

size_t fix_events(struct fix *f, uint32_t flags, uint64_t *requests)
{
	struct muster_err err = { 0 };
	struct event_sum s = { flags, 0, 0 };

	ck_assert_msg(ledger_events(f->l, 0, SIZE_MAX, event_add, &s, &err) == MUSTER_OK, "%s", err.message);
	if (requests != NULL)
		*requests = s.requests;
	return s.rows;
}
