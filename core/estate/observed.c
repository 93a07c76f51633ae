/* Machines and events read from what existing tools export: the handles on observed.db, imports, retention, and the machines that count in pools. */
#include "core/estate/observed.h"

#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define NAMES_MAX 1000        /* of one machine in an import */
#define TRIM_SLICE 2000
#define FUTURE_MS STORE_DAY_MS

/* ---- handles ---- */

int observed_open(struct estate *e, struct muster_err *err)
{
	struct observed *o = mem_alloc(sizeof *o);
	int r;

	if (o == NULL)
		return err_nomem(err);
	MUSTER_ASSERT(pthread_mutex_init(&o->write, NULL) == 0 && pthread_mutex_init(&o->read, NULL) == 0 && pthread_mutex_init(&o->counting, NULL) == 0);
	e->observed = o;
	if ((r = observed_store_open(&o->w, e->dir, true, err)) != MUSTER_OK || e->dir == NULL)
		return r;
	return observed_store_open(&o->r, e->dir, false, err);
}

void observed_free(struct estate *e)
{
	struct observed *o = e->observed;

	if (o == NULL)
		return;
	observed_store_close(o->r);
	observed_store_close(o->w);
	observed_counts_free(&o->counts);
	pthread_mutex_destroy(&o->counting);
	pthread_mutex_destroy(&o->read);
	pthread_mutex_destroy(&o->write);
	mem_free(o);
	e->observed = NULL;
}

/* After a fault of the disk a handle is of no further use: another one may find the disk well again. */
static int again(struct store_observed **handle, const char *dir, bool write, struct muster_err *err)
{
	if (*handle != NULL && observed_store_usable(*handle))
		return MUSTER_OK;
	if (dir == NULL)
		return err_set(err, MUSTER_E_IO, "what was observed is kept in memory only, and that failed");
	observed_store_close(*handle);
	*handle = NULL;
	return observed_store_open(handle, dir, write, err);
}

struct store_observed *observed_reader(struct estate *e, struct muster_err *err)
{
	struct observed *o = e->observed;

	if (e->dir == NULL) {
		pthread_mutex_lock(&o->write);
		return o->w;
	}
	pthread_mutex_lock(&o->read);
	if (again(&o->r, e->dir, false, err) == MUSTER_OK)
		return o->r;
	pthread_mutex_unlock(&o->read);
	return NULL;
}

void observed_reader_done(struct estate *e)
{
	pthread_mutex_unlock(e->dir == NULL ? &e->observed->write : &e->observed->read);
}

/* ---- an import ---- */

int observed_begin(struct estate *e, bool moved, struct muster_err *err)
{
	struct observed *o = e->observed;
	struct ledger_status status = { 0 };
	int r;

	if (e->ledger != NULL)
		ledger_status(e->ledger, &status);
	if (status.disk_low)
		return err_code(err, MUSTER_E_LIMIT, CODE_M_STORAGE, "the state folder's file system is nearly full (%llu bytes free): imports wait until there is room", (unsigned long long)status.disk_free);
	pthread_mutex_lock(&o->write);
	if ((r = again(&o->w, e->dir, true, err)) == MUSTER_OK && (r = observed_store_begin(o->w, err)) == MUSTER_OK) {
		o->importing = true;
		o->moved = moved;
		o->taken = clock_wall_ms(e->clock);
		o->from_future = 0;
	}
	pthread_mutex_unlock(&o->write);
	return r;
}

static void count_became(struct import_sum *sum, const char *kind, enum observed_became became)
{
	static const enum stage_became words[] = { [OBSERVED_NEW] = STAGE_NEW, [OBSERVED_CHANGED] = STAGE_CHANGED, [OBSERVED_SAME] = STAGE_SAME, [OBSERVED_SKIPPED] = STAGE_SKIPPED };

	import_count(sum, kind, words[became]);
}

/* A machine dated in the future would stay counted until then. */
static void doubt_time(struct estate *e, struct import_sum *sum, unsigned long line, struct observed_event *event)
{
	char at[TIME_RFC3339];

	if (observed_at(event) <= e->observed->taken + FUTURE_MS)
		return;
	time_rfc3339(at, observed_at(event));
	if (e->observed->from_future++ < 10)
		(void)import_say(sum, line, "doubtful", "event %u is dated %s, which has not been yet: it is kept, and its machine is not counted by it", event->id, at);
	else
		sum->doubtful++;
	event->has_machine = false;
}

static int take_event(struct estate *e, struct import_sum *sum, unsigned long line, const json_t *record, struct muster_err *err)
{
	enum observed_became became;
	struct observed_event event;
	char why[200];
	int r;

	if (observed_event_read(&event, record, why, sizeof why) != NULL)
		return import_say(sum, line, "refused", "%s", why);
	doubt_time(e, sum, line, &event);
	if ((r = observed_store_event(e->observed->w, &event, e->observed->taken, &became, err)) == MUSTER_OK)
		count_became(sum, "event", became);
	return r;
}

static int take_machine(struct estate *e, struct import_sum *sum, unsigned long line, const json_t *record, struct muster_err *err)
{
	enum observed_became became;
	struct observed_machine machine;
	const char *names[NAMES_MAX];
	size_t n = NAMES_MAX;
	char why[200];
	int r;

	if (observed_machine_read(&machine, names, &n, record, why, sizeof why) != NULL)
		return import_say(sum, line, "refused", "%s", why);
	if (machine.last > e->observed->taken + FUTURE_MS)
		return import_say(sum, line, "refused", "last_seen is later than tomorrow");
	machine.moved = e->observed->moved;
	if ((r = observed_store_machine(e->observed->w, &machine, names, n, &became, err)) == MUSTER_OK)
		count_became(sum, "machine", became);
	return r;
}

int estate_observed_check(const json_t *record, bool is_event, struct muster_err *err)
{
	struct observed_machine machine;
	struct observed_event event;
	const char *names[NAMES_MAX], *wrong;
	size_t n = NAMES_MAX;
	char why[200];

	wrong = is_event ? observed_event_read(&event, record, why, sizeof why) : observed_machine_read(&machine, names, &n, record, why, sizeof why);
	return wrong == NULL ? MUSTER_OK : err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s", wrong);
}

int observed_record(struct estate *e, struct import_sum *sum, const json_t *record, bool is_event, struct muster_err *err)
{
	json_int_t n = json_integer_value(json_object_get(record, "line"));
	unsigned long line = n > 0 ? (unsigned long)n : 0;
	int r;

	pthread_mutex_lock(&e->observed->write);
	r = is_event ? take_event(e, sum, line, record, err) : take_machine(e, sum, line, record, err);
	pthread_mutex_unlock(&e->observed->write);
	return r;
}

int observed_end(struct estate *e, struct import_sum *sum, bool commit, struct muster_err *err)
{
	struct observed *o = e->observed;
	int r;

	pthread_mutex_lock(&o->write);
	r = observed_judge(e, sum, err);
	/* Rolled back also when all went well and nothing is to be kept. */
	if (r == MUSTER_OK && !commit)
		(void)observed_store_end(o->w, MUSTER_E_REFUSED, NULL);
	else
		r = observed_store_end(o->w, r, err);
	atomic_fetch_add(&o->changes, 1);
	o->importing = false;
	pthread_mutex_unlock(&o->write);
	return r;
}

void observed_drop(struct estate *e)
{
	struct observed *o = e->observed;

	pthread_mutex_lock(&o->write);
	if (o->w != NULL)
		(void)observed_store_end(o->w, MUSTER_E_REFUSED, NULL);
	atomic_fetch_add(&o->changes, 1);   /* in memory the reader saw what was under way */
	o->importing = false;
	pthread_mutex_unlock(&o->write);
}

/* ---- retention ---- */

int observed_retention(struct estate *e, struct muster_err *err)
{
	struct observed *o = e->observed;
	size_t deleted = 0;
	int64_t keep;
	int r = MUSTER_OK;

	pthread_mutex_lock(&e->lock);
	keep = e->events_keep_ms;
	pthread_mutex_unlock(&e->lock);
	/* The lock is given back between slices, so that an import need not wait for all of them. */
	do {
		pthread_mutex_lock(&o->write);
		deleted = 0;
		if (!o->importing && (r = again(&o->w, e->dir, true, err)) == MUSTER_OK)
			r = observed_store_trim(o->w, clock_wall_ms(e->clock) - keep, TRIM_SLICE, &deleted, err);
		if (deleted > 0)
			atomic_fetch_add(&o->changes, 1);
		pthread_mutex_unlock(&o->write);
	} while (r == MUSTER_OK && deleted == TRIM_SLICE && !estate_stopping(e));
	return r;
}

/* ---- counting ---- */

/* Machines age by the ledger's time, which stands still while the host's clock is not believed. */
int64_t observed_now(struct estate *e)
{
	bool held;

	return e->ledger != NULL ? ledger_age_time(e->ledger, &held) : clock_wall_ms(e->clock);
}

uint8_t (*observed_activations(const struct catalog *c, const struct catalog_product *p, uint8_t (*list)[16], size_t *n))[16]
{
	const struct catalog_edition *editions;
	uint8_t (*grown)[16];
	size_t count;

	editions = catalog_editions(c, p, &count);
	if ((grown = mem_grow(list, *n + count + 1, sizeof *list)) == NULL) {
		mem_free(list);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		memcpy(grown[(*n)++], editions[i].activation_id, 16);
	return grown;
}

struct list { struct pool_observed *of; size_t n, room; };

static int list_add(void *ctx, const uint8_t client[16], int64_t last)
{
	struct list *l = ctx;

	if (l->n == l->room)
		return 1;
	memcpy(l->of[l->n].client, client, 16);
	l->of[l->n++].last = last;
	return 0;
}

/* The most there can be counted: twice the largest minimum count of the pool's products (facts.md section 1). */
static uint32_t most_of(const struct catalog *c, const struct catalog_pool *pool)
{
	const struct catalog_product *p;
	uint32_t most = 0;
	size_t n;

	p = catalog_products(c, &n);
	for (size_t i = 0; i < n; i++) {
		const struct catalog_edition *editions;
		size_t k;

		if (p[i].pool != pool)
			continue;
		editions = catalog_editions(c, &p[i], &k);
		for (size_t j = 0; j < k; j++)
			most = editions[j].minimum_count > most ? editions[j].minimum_count : most;
	}
	return most > LEDGER_OBSERVE_MAX / 2 ? LEDGER_OBSERVE_MAX : most * 2;
}

static int pool_to_ledger(struct estate *e, const struct catalog *c, const struct catalog_pool *pool, struct muster_err *err)
{
	struct store_observed *reader;
	const struct catalog_product *p;
	uint8_t (*ids)[16] = mem_alloc(sizeof *ids);
	struct list list = { 0 };
	size_t products, n = 0;
	int r = MUSTER_OK;

	p = catalog_products(c, &products);
	for (size_t i = 0; i < products && ids != NULL; i++)
		if (p[i].pool == pool && p[i].count_observed && p[i].enabled)
			ids = observed_activations(c, &p[i], ids, &n);
	if (ids != NULL && n > 0) {
		list.room = most_of(c, pool);
		list.of = mem_array(list.room + 1, sizeof *list.of);
	}
	if (ids == NULL || (n > 0 && list.of == NULL)) {
		r = err_nomem(err);
	} else if (n > 0) {
		if ((reader = observed_reader(e, err)) == NULL) {
			r = err != NULL ? err->result : MUSTER_E_IO;
		} else {
			r = observed_store_recent(reader, (const uint8_t (*)[16])ids, n, observed_now(e) - (int64_t)pool->window_s * 1000, list.room, list_add, &list, err);
			observed_reader_done(e);
		}
	}
	if (r == MUSTER_OK)
		r = ledger_observe(e->ledger, pool, list.of, list.n, err);
	mem_free(list.of);
	mem_free(ids);
	return r;
}

int observed_to_pools(struct estate *e, struct muster_err *err)
{
	struct catalog *c = estate_catalog(e);
	const struct catalog_pool *pools;
	int r = MUSTER_OK;
	size_t n;

	if (c == NULL || e->ledger == NULL) {
		catalog_unref(c);
		return MUSTER_OK;
	}
	pools = catalog_pools(c, &n);
	for (size_t i = 0; i < n && r == MUSTER_OK; i++)
		r = pool_to_ledger(e, c, &pools[i], err);
	catalog_unref(c);
	return r;
}

int estate_backup(struct estate *e, const char *dir, struct muster_err *err)
{
	struct store_observed *reader;
	int r;

	if (e->dir == NULL)
		return MUSTER_OK;
	/* A handle of its own: lists need not wait for the copy. */
	if ((r = observed_store_open(&reader, e->dir, false, err)) != MUSTER_OK)
		return r;
	r = observed_store_backup(reader, dir, err);
	observed_store_close(reader);
	return r;
}
