/* How many observed machines a product has: counted when something was imported or forgotten, else once a minute at most, since lists of products are asked for all the time. */
#include "core/estate/observed.h"

#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define MINUTE_MS INT64_C(60000)

uint64_t observed_count_key(const uint8_t (*activations)[16], size_t n, int64_t window)
{
	const uint8_t *p = (const uint8_t *)activations;
	uint64_t key = UINT64_C(0xcbf29ce484222325);   /* FNV-1a: these IDs are an administrator's own, not a peer's */

	for (size_t i = 0; i < n * 16; i++)
		key = (key ^ p[i]) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < 64; i += 8)
		key = (key ^ (uint8_t)((uint64_t)window >> i)) * UINT64_C(0x100000001b3);
	return key;
}

bool observed_counts_find(const struct observed_counts *c, uint64_t key, uint64_t changes, int64_t minute, uint64_t *count)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->of[i].key == key && c->of[i].changes == changes && c->of[i].minute == minute) {
			*count = c->of[i].count;
			return true;
		}
	return false;
}

void observed_counts_keep(struct observed_counts *c, uint64_t key, uint64_t changes, int64_t minute, uint64_t count)
{
	struct observed_counted *grown;
	size_t at = 0;

	/* The same one, or one that nobody can ask for any more: so there are no more than products. */
	while (at < c->n && c->of[at].key != key && c->of[at].changes == changes && c->of[at].minute == minute)
		at++;
	if (at == c->n) {
		if ((grown = mem_grow(c->of, c->n + 1, sizeof *grown)) == NULL)
			return;   /* counted again next time */
		c->of = grown;
		c->n++;
	}
	c->of[at] = (struct observed_counted) { key, changes, minute, count };
}

void observed_counts_free(struct observed_counts *c)
{
	mem_free(c->of);
	*c = (struct observed_counts) { 0 };
}

static uint64_t count(struct estate *e, const uint8_t (*ids)[16], size_t n, int64_t window)
{
	struct observed *o = e->observed;
	int64_t now = observed_now(e);
	uint64_t key = observed_count_key(ids, n, window), counted = 0;
	/* before it is looked at: what is imported meanwhile makes it old */
	uint64_t changes = atomic_load(&o->changes);
	struct store_observed *reader;
	struct muster_err err = { 0 };
	int r = MUSTER_E_IO;
	bool known;

	pthread_mutex_lock(&o->counting);
	known = observed_counts_find(&o->counts, key, changes, now / MINUTE_MS, &counted);
	pthread_mutex_unlock(&o->counting);
	if (known)
		return counted;
	if ((reader = observed_reader(e, &err)) == NULL)
		return 0;
	if ((r = observed_store_count(reader, ids, n, now - window, &counted, &err)) != MUSTER_OK)
		estate_say(e, 4, "observed", "observed machines could not be counted: %s", err.message);
	observed_reader_done(e);
	if (r != MUSTER_OK)
		return 0;
	pthread_mutex_lock(&o->counting);
	observed_counts_keep(&o->counts, key, changes, now / MINUTE_MS, counted);
	pthread_mutex_unlock(&o->counting);
	return counted;
}

uint32_t estate_observed_count(struct estate *e, const struct catalog_product *p)
{
	int64_t window = p->pool != NULL ? (int64_t)p->pool->window_s * 1000 : OBSERVED_WINDOW_MS;
	struct catalog *c = estate_catalog(e);
	const struct catalog_product *mine;
	uint8_t (*ids)[16] = NULL;
	uint64_t n_machines = 0;
	size_t n = 0;

	/* The caller's catalog may be another one by now. */
	mine = c != NULL ? catalog_product_named(c, p->row.name) : NULL;
	if (mine != NULL)
		ids = observed_activations(c, mine, NULL, &n);
	if (ids != NULL)
		n_machines = count(e, (const uint8_t (*)[16])ids, n, window);
	mem_free(ids);
	catalog_unref(c);
	return n_machines > UINT32_MAX ? UINT32_MAX : (uint32_t)n_machines;
}
