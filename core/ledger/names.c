/* The numbers that the state gives to pools, products and editions, and the catalogs bound to them. */
#include "core/ledger/internal.h"

#include <stdio.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"

/* Numbers are the state's own, consecutive from 1; anything far beyond is a damaged file. */
#define NUMBER_MAX 1000000U

struct product_slot *slot_product(struct ledger *l, uint32_t number)
{
	return number < l->product_count ? l->products[number] : NULL;
}

struct pool_slot *slot_pool(struct ledger *l, uint32_t number)
{
	return number < l->pool_count ? l->pools[number] : NULL;
}

static int grow(void **array, size_t *count, size_t number, size_t size, struct muster_err *err)
{
	size_t room = number + 16;
	void *more;

	if (number > NUMBER_MAX)
		return err_set(err, MUSTER_E_INVALID, "state: number %zu is beyond all reason; restore the state from a backup", number);
	if (number < *count)
		return MUSTER_OK;
	if ((more = mem_grow(*array, room, size)) == NULL)
		return err_nomem(err);
	memset((char *)more + *count * size, 0, (room - *count) * size);
	*array = more;
	*count = room;
	return MUSTER_OK;
}

static int pool_put(struct ledger *l, const struct store_pool *row, struct muster_err *err)
{
	struct pool_slot *slot;
	void *array = l->pools;
	int r = grow(&array, &l->pool_count, row->pool, sizeof *l->pools, err);

	l->pools = array;
	if (r != MUSTER_OK)
		return r;
	if ((slot = l->pools[row->pool]) == NULL) {
		if ((slot = mem_alloc(sizeof *slot)) == NULL)
			return err_nomem(err);
		if ((slot->members = pool_new(row->window_s, row->largest_minimum)) == NULL) {
			mem_free(slot);
			return err_nomem(err);
		}
		slot->row = *row;
		l->pools[row->pool] = slot;
		return MUSTER_OK;
	}
	slot->row = *row;
	pool_set_window(slot->members, row->window_s);
	return pool_present(slot->members, row->largest_minimum) < 0 ? err_nomem(err) : MUSTER_OK;
}

static int product_put(struct ledger *l, const struct store_product *row, struct muster_err *err)
{
	struct product_slot *slot;
	struct pool_slot *pool = slot_pool(l, row->pool);
	void *array = l->products;
	int r = grow(&array, &l->product_count, row->product, sizeof *l->products, err);

	l->products = array;
	if (r != MUSTER_OK)
		return r;
	if ((slot = l->products[row->product]) == NULL) {
		if ((slot = mem_alloc(sizeof *slot)) == NULL)
			return err_nomem(err);
		l->products[row->product] = slot;
	} else if (slot->pool != pool) {
		/* Configuration moved it: both pools are read anew. */
		if (slot->pool != NULL)
			slot->pool->refill = true;
		if (pool != NULL)
			pool->refill = true;
	}
	slot->row = *row;
	slot->pool = pool;
	return MUSTER_OK;
}

static int edition_put(struct ledger *l, const struct store_edition *row, struct muster_err *err)
{
	struct edition_slot *slot;
	void *array = l->editions;
	int r = grow(&array, &l->edition_count, row->edition, sizeof *l->editions, err);
	char *name;

	l->editions = array;
	if (r != MUSTER_OK)
		return r;
	slot = &l->editions[row->edition];
	memcpy(slot->activation_id, row->activation_id, 16);
	slot->product = row->product;
	if (slot->name != NULL && strcmp(slot->name, row->name) == 0)
		return MUSTER_OK;
	if ((name = mem_strdup(row->name)) == NULL)
		return err_nomem(err);
	mem_free(slot->name);
	slot->name = name;
	return MUSTER_OK;
}

struct load { struct ledger *l; struct muster_err *err; int r; };

static int pool_loaded(void *ctx, const struct store_pool *row)
{
	struct load *x = ctx;

	return (x->r = pool_put(x->l, row, x->err)) != MUSTER_OK;
}

static int product_loaded(void *ctx, const struct store_product *row)
{
	struct load *x = ctx;

	return (x->r = product_put(x->l, row, x->err)) != MUSTER_OK;
}

static int edition_loaded(void *ctx, const struct store_edition *row)
{
	struct load *x = ctx;

	return (x->r = edition_put(x->l, row, x->err)) != MUSTER_OK;
}

int names_load(struct ledger *l, struct muster_err *err)
{
	struct load x = { l, err, MUSTER_OK };
	struct store_product unknown = { 0 };
	int r;

	if ((r = product_put(l, &unknown, err)) != MUSTER_OK)
		return r;
	if ((r = l->state->ops->pools(l->state, pool_loaded, &x, err)) != MUSTER_OK || (r = x.r) != MUSTER_OK)
		return r;
	if ((r = l->state->ops->products(l->state, product_loaded, &x, err)) != MUSTER_OK || (r = x.r) != MUSTER_OK)
		return r;
	if ((r = l->state->ops->editions(l->state, edition_loaded, &x, err)) != MUSTER_OK)
		return r;
	return x.r;
}

/* ---- binding a catalog ---- */

struct rows {
	struct store_pool *pools; size_t pool_count;
	struct store_product *products; size_t product_count;
	struct store_edition *editions; size_t edition_count;
};

static void rows_fini(struct rows *w)
{
	mem_free(w->pools);
	mem_free(w->products);
	mem_free(w->editions);
}

static int name_copy(char *out, size_t room, const char *name, const char *what, struct muster_err *err)
{
	if (strlen(name) >= room)
		return err_set(err, MUSTER_E_LIMIT, "%s \"%.64s…\": a name may have at most %zu bytes", what, name, room - 1);
	memcpy(out, name, strlen(name) + 1);
	return MUSTER_OK;
}

/* Titles are for people: what does not fit is cut between characters. */
static void title_copy(char *out, size_t room, const char *title)
{
	size_t n = title == NULL ? 0 : strlen(title);

	if (n >= room)
		for (n = room - 1; n > 0 && ((unsigned char)title[n] & 0xc0) == 0x80; n--)
			;
	if (n > 0)
		memcpy(out, title, n);
	out[n] = '\0';
}

static int rows_fill(struct rows *w, const struct binding *b, struct muster_err *err)
{
	size_t k = 0;
	int r;

	w->pool_count = b->pool_count;
	w->product_count = b->product_count;
	for (size_t i = 0; i < b->product_count; i++)
		w->edition_count += b->product[i].edition_count;
	w->pools = mem_array(w->pool_count, sizeof *w->pools);
	w->products = mem_array(w->product_count, sizeof *w->products);
	w->editions = mem_array(w->edition_count, sizeof *w->editions);
	if (w->pools == NULL || w->products == NULL || w->editions == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < w->pool_count; i++) {
		if ((r = name_copy(w->pools[i].name, sizeof w->pools[i].name, b->pools[i].name, "pool", err)) != MUSTER_OK)
			return r;
		w->pools[i].window_s = b->pools[i].window_s;
	}
	for (size_t i = 0; i < w->product_count; i++) {
		const struct catalog_product *p = &b->products[i];

		if ((r = name_copy(w->products[i].name, sizeof w->products[i].name, p->row.name, "product", err)) != MUSTER_OK)
			return r;
		w->products[i].pool = p->pool == NULL ? 0 : p->pool->index + 1;
		for (size_t e = 0; e < b->product[i].edition_count; e++, k++) {
			memcpy(w->editions[k].activation_id, b->product[i].editions[e].activation_id, 16);
			w->editions[k].product = (uint32_t)i + 1;
			title_copy(w->editions[k].name, sizeof w->editions[k].name, b->product[i].editions[e].title);
			w->editions[k].learned = b->product[i].editions[e].learned;
		}
	}
	return MUSTER_OK;
}

static void binding_free(struct binding *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; b->product != NULL && i < b->product_count; i++)
		mem_free(b->product[i].numbers);
	mem_free(b->product);
	mem_free(b->pool);
	catalog_unref(b->catalog);
	mem_free(b);
}

/* NULL when exhausted. */
static struct binding *binding_new(struct catalog *catalog)
{
	struct binding *b = mem_alloc(sizeof *b);

	if (b == NULL)
		return NULL;
	b->catalog = catalog_ref(catalog);
	b->pools = catalog_pools(catalog, &b->pool_count);
	b->products = catalog_products(catalog, &b->product_count);
	b->product = mem_array(b->product_count, sizeof *b->product);
	b->pool = mem_array(b->pool_count, sizeof *b->pool);
	if (b->product == NULL || b->pool == NULL) {
		binding_free(b);
		return NULL;
	}
	for (size_t i = 0; i < b->product_count; i++) {
		struct binding_product *p = &b->product[i];

		p->editions = catalog_editions(catalog, &b->products[i], &p->edition_count);
		if ((p->numbers = mem_array(p->edition_count, sizeof *p->numbers)) == NULL) {
			binding_free(b);
			return NULL;
		}
	}
	return b;
}

/* Lock held. */
static int binding_number(struct ledger *l, struct binding *b, const struct rows *w, struct muster_err *err)
{
	size_t k = 0;
	int r;

	for (size_t i = 0; i < w->pool_count; i++) {
		if ((r = pool_put(l, &w->pools[i], err)) != MUSTER_OK)
			return r;
		b->pool[i] = slot_pool(l, w->pools[i].pool);
	}
	for (size_t i = 0; i < w->product_count; i++) {
		if ((r = product_put(l, &w->products[i], err)) != MUSTER_OK)
			return r;
		b->product[i].slot = slot_product(l, w->products[i].product);
		for (size_t e = 0; e < b->product[i].edition_count; e++, k++) {
			if ((r = edition_put(l, &w->editions[k], err)) != MUSTER_OK)
				return r;
			b->product[i].numbers[e] = w->editions[k].edition;
		}
	}
	return MUSTER_OK;
}

int ledger_bind(struct ledger *l, struct catalog *catalog, struct muster_err *err)
{
	struct rows w = { 0 };
	struct binding *b;
	int r;

	if ((b = binding_new(catalog)) == NULL)
		return err_nomem(err);
	if ((r = rows_fill(&w, b, err)) != MUSTER_OK)
		goto done;
	pthread_mutex_lock(&l->state_lock);
	if (l->state == NULL && (r = state_reopen(l, err)) != MUSTER_OK) {
		pthread_mutex_unlock(&l->state_lock);
		goto done;
	}
	r = l->state->ops->names(l->state, w.pools, w.pool_count, w.products, w.product_count, w.editions, w.edition_count, err);
	(void)state_done(l, r);
	if (r == MUSTER_OK) {
		pthread_mutex_lock(&l->lock);
		if ((r = binding_number(l, b, &w, err)) == MUSTER_OK) {
			if (l->bindings != NULL)
				l->bindings->replaced_ms = clock_boot_ms(l->clock);
			b->next = l->bindings;
			l->bindings = b;
			b = NULL;
		}
		pthread_mutex_unlock(&l->lock);
	}
	pthread_mutex_unlock(&l->state_lock);
	if (r == MUSTER_OK && l->started)
		state_settle(l, 0, NULL);
done:
	binding_free(b);
	rows_fini(&w);
	return r;
}

struct binding *binding_find(struct ledger *l, const struct catalog *c)
{
	struct binding *b = l->bindings;

	while (b != NULL && b->catalog != c)
		b = b->next;
	return b;
}

void bindings_retire(struct ledger *l, int64_t boot, bool all)
{
	struct binding *gone = NULL, **link;

	pthread_mutex_lock(&l->lock);
	for (link = &l->bindings; *link != NULL;) {
		struct binding *b = *link;

		if (!all && (b == l->bindings || boot - b->replaced_ms < BINDING_KEPT_MS)) {
			link = &b->next;
			continue;
		}
		*link = b->next;
		b->next = gone;
		gone = b;
	}
	pthread_mutex_unlock(&l->lock);
	while (gone != NULL) {
		struct binding *next = gone->next;

		binding_free(gone);
		gone = next;
	}
}

void names_free(struct ledger *l)
{
	for (size_t i = 0; i < l->pool_count; i++)
		if (l->pools[i] != NULL) {
			pool_free(l->pools[i]->members);
			mem_free(l->pools[i]);
		}
	for (size_t i = 0; i < l->product_count; i++)
		mem_free(l->products[i]);
	for (size_t i = 0; i < l->edition_count; i++)
		mem_free(l->editions[i].name);
	mem_free(l->pools);
	mem_free(l->products);
	mem_free(l->editions);
}
