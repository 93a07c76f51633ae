/* In the end: the ledger's own books against the model's. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/bench/fleet.h"
#include "core/bench/population.h"

#define DAY_S 86400U
#define RETENTION_NS INT64_C(25000000000)   /* in steps of the simulated clock that make less than a day */
#define RETENTION_LOOK_NS 20000000L
#define RETENTION_STEP_S 61U    /* the ledger looks for old events once a minute */

/* Client IDs in the order of the ledger's list. */
struct entry { uint64_t key; uint32_t id; };
struct walk { struct fleet *f; struct entry *order; uint32_t n, next; uint64_t *days; uint32_t day_count; int64_t last_seq; };

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static int order_make(struct walk *w, struct muster_err *err)
{
	const struct model *m = &w->f->model;

	if ((w->order = mem_array((size_t)m->id_count + 1, sizeof *w->order)) == NULL)
		return err_nomem(err);
	for (uint32_t i = 0; i < m->id_count; i++) {
		uint8_t client[16];

		if (m->ids[i].owner == MODEL_NONE)
			continue;   /* never counted: the ledger has no row */
		population_client(client, w->f->seed, i);
		w->order[w->n++] = (struct entry){ be64_get(client), i };
	}
	if (w->n > 1)
		qsort(w->order, w->n, sizeof *w->order, by_key);
	return MUSTER_OK;
}

static void compare_row(struct fleet *f, uint32_t number, const struct store_use *u)
{
	const struct model_id *id = &f->model.ids[number];
	int64_t last = FLEET_START_MS + (int64_t)id->last * 1000;
	uint8_t hw[32];

	population_hardware(hw, f->seed, id->owner);
	f->books.released += id->released;
	f->books.contested += id->contested;
	if (u->last != last)
		fleet_fault(&f->faults, "books: client ID %u was last counted %lld ms after the ledger's time", (unsigned)number, (long long)(last - u->last));
	if (u->requests != id->requests)
		fleet_fault(&f->faults, "books: client ID %u was counted %u times, the ledger says %llu", (unsigned)number, (unsigned)id->requests,
		            (unsigned long long)u->requests);
	if (memcmp(u->hw, hw, sizeof hw) != 0)
		fleet_fault(&f->faults, "books: client ID %u belongs to machine %u, the ledger has other hardware on record (%s)", (unsigned)number,
		            (unsigned)id->owner, u->name);
	if (((u->flags & STORE_F_RELEASED) != 0) != id->released || ((u->flags & STORE_F_CLONE) != 0) != id->contested)
		fleet_fault(&f->faults, "books: client ID %u: released %u, used by several machines %u; the ledger says %u, %u", (unsigned)number,
		            (unsigned)id->released, (unsigned)id->contested, (u->flags & STORE_F_RELEASED) != 0, (u->flags & STORE_F_CLONE) != 0);
}

static int client_row(void *ctx, const struct ledger_client *c)
{
	struct walk *w = ctx;
	uint64_t key = be64_get(c->use.client);

	w->f->books.clients++;
	while (w->next < w->n && w->order[w->next].key < key)
		fleet_fault(&w->f->faults, "books: the ledger lacks client ID %u", (unsigned)w->order[w->next++].id);
	if (w->next == w->n || w->order[w->next].key != key)
		fleet_fault(&w->f->faults, "books: the ledger has a client that never was counted (%s)", c->use.name);
	else
		compare_row(w->f, w->order[w->next++].id, &c->use);
	return bench_interrupted();
}

static int compare_clients(struct walk *w, struct muster_err *err)
{
	int r;

	if ((r = order_make(w, err)) != MUSTER_OK ||
	    (r = ledger_clients(w->f->host.ledger, FLEET_PRODUCT, NULL, NULL, SIZE_MAX, client_row, w, NULL, err)) != MUSTER_OK)
		return r;
	while (w->next < w->n)
		fleet_fault(&w->f->faults, "books: the ledger lacks client ID %u", (unsigned)w->order[w->next++].id);
	return MUSTER_OK;
}

static void compare_totals(struct fleet *f)
{
	const struct model_totals *t = &f->model.totals;
	struct ledger_totals got;

	ledger_product_totals(f->host.ledger, f->host.edition->product, &got);
	for (unsigned i = 0; i < 7; i++)
		if (got.status[i] != t->status[i])
			fleet_fault(&f->faults, "books: %llu requests with licensing status %u were counted, the ledger says %llu", (unsigned long long)t->status[i], i,
			            (unsigned long long)got.status[i]);
	if (got.failed != t->failed)
		fleet_fault(&f->faults, "books: %llu requests failed, the ledger says %llu", (unsigned long long)t->failed, (unsigned long long)got.failed);
}

static void compare_count(struct fleet *f)
{
	uint32_t counted = model_count(&f->model, f->now), cap = model_cap(&f->model);
	struct ledger_count got;

	ledger_pool_count(f->host.ledger, f->host.edition->product->pool, &got);
	f->books.count = got.current;
	f->books.cap = got.cap;
	if (f->model.latest != 0 && f->model.id_count > 0 && got.cap != cap && (counted > 0 || got.cap != 0))
		fleet_fault(&f->faults, "books: the cap of the count is %u, the ledger says %u", (unsigned)cap, (unsigned)got.cap);
	if (got.current != (counted < cap ? counted : cap) || got.physical + got.virtual_ != got.current)
		fleet_fault(&f->faults, "books: %u machines are in the count (cap %u), the ledger says %u: %u physical, %u virtual", (unsigned)counted,
		            (unsigned)cap, (unsigned)got.current, (unsigned)got.physical, (unsigned)got.virtual_);
}

static int event_row(void *ctx, const struct ledger_event *e)
{
	struct walk *w = ctx;
	int64_t day = (e->event.at - FLEET_START_MS) / 1000 / DAY_S;

	if (e->event.seq <= w->last_seq)
		fleet_fault(&w->f->faults, "books: event %lld comes after event %lld", (long long)e->event.seq, (long long)w->last_seq);
	w->last_seq = e->event.seq;
	if (e->event.flags & STORE_F_SYSTEM)
		return bench_interrupted();
	if (day < 0 || day >= w->day_count)
		fleet_fault(&w->f->faults, "books: event %lld is dated outside the simulation", (long long)e->event.seq);
	else
		w->days[day] += e->event.n;
	return bench_interrupted();
}

static int first_row(void *ctx, const struct ledger_event *e)
{
	*(int64_t *)ctx = e->event.at;
	return 1;
}

/* Old events leave a slice at a time, once a minute or when there is more: let it be idle until what is past its time is gone. */
static int retention(struct fleet *f, int64_t keeps_from, struct muster_err *err)
{
	int64_t first = INT64_MAX, until = bench_ns() + RETENTION_NS;
	int r;

	do {
		first = INT64_MAX;
		if ((r = ledger_events(f->host.ledger, 0, 1, first_row, &first, err)) != MUSTER_OK || first >= keeps_from)
			return r;
		f->now += RETENTION_STEP_S;
		fleet_host_time(&f->host, f->now);
		(void)ledger_ready(f->host.ledger, err);   /* wakes it, with nothing to do */
		(void)nanosleep(&(struct timespec){ 0, RETENTION_LOOK_NS }, NULL);
	} while (bench_ns() < until && !bench_interrupted());
	fleet_fault(&f->faults, "books: events older than %.0f days are still kept", f->o.keep);
	return MUSTER_OK;
}

static int compare_events(struct walk *w, struct muster_err *err)
{
	struct fleet *f = w->f;
	uint32_t keep = (uint32_t)f->o.keep * DAY_S, gone = f->end > keep ? f->end - keep : 0;
	int r;

	if (gone > 0 && (r = retention(f, FLEET_START_MS + (int64_t)gone * 1000, err)) != MUSTER_OK)
		return r;
	w->day_count = f->now / DAY_S + 1;
	if ((w->days = mem_array(w->day_count, sizeof *w->days)) == NULL)
		return err_nomem(err);
	if ((r = ledger_events(f->host.ledger, 0, SIZE_MAX, event_row, w, err)) != MUSTER_OK)
		return r;
	/* Of the days on which the retention just begins a part is gone: how much hangs on when it came to it. */
	f->books.first_event_day = gone > 0 ? (f->now - keep) / DAY_S + 1 : 0;
	for (uint32_t day = f->books.first_event_day; day < w->day_count; day++) {
		uint64_t wanted = day < f->model.day_room ? f->model.events[day] : 0;

		f->books.events += w->days[day];
		if (w->days[day] != wanted)
			fleet_fault(&f->faults, "books: day %u has %llu events, the ledger has %llu", (unsigned)day, (unsigned long long)wanted,
			            (unsigned long long)w->days[day]);
	}
	for (uint32_t day = 0; day < gone / DAY_S; day++)
		if (w->days[day] != 0)
			fleet_fault(&f->faults, "books: day %u is past its retention and has %llu events still", (unsigned)day,
			            (unsigned long long)w->days[day]);
	return MUSTER_OK;
}

int fleet_check_books(struct fleet *f, struct muster_err *err)
{
	struct walk w = { .f = f };
	struct ledger_status st;
	int r;

	bench_progress("comparing the books of %u client IDs", f->model.id_count);
	if ((r = fleet_host_settle(&f->host, err)) != MUSTER_OK)
		return r;
	ledger_status(f->host.ledger, &st);
	if (st.fold_seq != st.last_seq || st.last_seq < f->last_seq)
		fleet_fault(&f->faults, "books: the last answer was event %lld, the ledger is at %lld, folded up to %lld", (long long)f->last_seq,
		            (long long)st.last_seq, (long long)st.fold_seq);
	compare_count(f);
	compare_totals(f);
	if ((r = compare_clients(&w, err)) == MUSTER_OK)
		r = compare_events(&w, err);
	mem_free(w.order);
	mem_free(w.days);
	return r == MUSTER_OK && bench_interrupted() ? err_set(err, MUSTER_E_BUSY, "interrupted while the books were compared") : r;
}
