/* The recorded machines, and the state's row of each against its newest folded event. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/bench/population.h"
#include "core/bench/verify_private.h"

#define BITS 20U
#define BATCH 1024U

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct verify_client *)a)->id, ((const struct verify_client *)b)->id, 16);
}

static uint32_t bucket(const uint8_t id[16])
{
	return be32_get(id) >> (32 - BITS);
}

int verify_clients_new(struct verify_clients *c, const struct verify *v, struct muster_err *err)
{
	size_t n = 0, at = 0;

	c->list = mem_array(v->n, sizeof *c->list);
	c->begin = mem_array((1U << BITS) + 1, sizeof *c->begin);
	if (c->list == NULL || c->begin == NULL || v->n > UINT32_MAX)
		return err_nomem(err);
	for (size_t i = 0; i < v->n; i++) {
		c->list[i].number = v->items[i].number;
		population_client(c->list[i].id, v->seed, v->items[i].number);
	}
	if (v->n > 1)
		qsort(c->list, v->n, sizeof *c->list, by_id);
	for (size_t i = 0; i < v->n; i++)
		if (n == 0 || by_id(&c->list[n - 1], &c->list[i]) != 0)
			c->list[n++] = c->list[i];
	c->n = n;
	for (uint32_t b = 0; b <= 1U << BITS; b++) {
		while (at < n && bucket(c->list[at].id) < b)
			at++;
		c->begin[b] = (uint32_t)at;
	}
	return MUSTER_OK;
}

void verify_clients_fini(struct verify_clients *c)
{
	mem_free(c->list);
	mem_free(c->begin);
}

struct verify_client *verify_clients_find(const struct verify_clients *c, const uint8_t id[16])
{
	uint32_t b = bucket(id), from = c->begin[b], to = c->begin[b + 1];

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		int order = memcmp(c->list[middle].id, id, 16);

		if (order == 0)
			return &c->list[middle];
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

struct uses {
	struct verify *v;
	const struct verify_rows *rows;
	_Atomic size_t next;
	_Atomic int result;
	struct muster_err err;     /* of the first that failed; v->lock */
};

struct found { uint32_t product; bool any; struct store_use row; };

static int take_row(void *ctx, const struct store_use *u)
{
	struct found *f = ctx;

	if (u->product == f->product) {
		f->any = true;
		f->row = *u;
	}
	return 0;
}

/* A fold ended by force has left rows that are ahead of its position: each is then as new as one of its client's later events. */
static bool is_later(const struct verify_rows *rows, size_t client, int64_t seq)
{
	size_t from = 0, to = rows->later_n;

	if (seq <= rows->fold_seq)
		return false;
	if (seq > rows->last_seq)
		return true;   /* the host runs: the log was read before */
	while (from < to) {
		size_t middle = (from + to) / 2;

		if (rows->later[middle].seq < seq)
			from = middle + 1;
		else
			to = middle;
	}
	return from < rows->later_n && rows->later[from].seq == seq && rows->later[from].client == client;
}

static void check_row(struct verify *v, const struct verify_rows *rows, size_t client, const struct found *f)
{
	const struct verify_client *c = &rows->clients.list[client];

	if (!f->any) {
		if (c->folded != 0)
			verify_fault(v, "machine %" PRIu64 ": the state has no row of it, expected one as of event %" PRId64, c->number, c->folded);
		return;
	}
	if (is_later(rows, client, f->row.last_seq))
		return;
	/* What a trimmed log no longer holds cannot be compared. */
	if (f->row.last_seq != c->folded && (rows->complete || c->folded != 0))
		verify_fault(v, "machine %" PRIu64 ": its row is as of event %" PRId64 ", expected %" PRId64, c->number, f->row.last_seq, c->folded);
	else if (rows->complete && f->row.requests != c->requests)
		verify_fault(v, "machine %" PRIu64 ": its row counts %" PRIu64 " requests, expected %" PRIu64 " by the events up to %" PRId64, c->number,
		             f->row.requests, c->requests, c->folded);
}

static int check_batch(struct uses *u, struct store_state *state, size_t from, struct muster_err *err)
{
	const struct verify_clients *c = &u->rows->clients;
	size_t to = from + BATCH < c->n ? from + BATCH : c->n;
	int r = verify_go_on(err);

	for (size_t i = from; i < to && r == MUSTER_OK; i++) {
		struct found f = { .product = u->v->product };

		if ((r = state->ops->use(state, c->list[i].id, take_row, &f, err)) == MUSTER_OK)
			check_row(u->v, u->rows, i, &f);
	}
	return r;
}

static void *check_rows(void *ctx)
{
	struct uses *u = ctx;
	struct store_state *state;
	struct muster_err err;
	size_t from;
	int r = u->v->store->open_state(u->v->store, false, &state, &err);

	if (r == MUSTER_OK) {
		while (r == MUSTER_OK && atomic_load(&u->result) == MUSTER_OK && (from = atomic_fetch_add(&u->next, BATCH)) < u->rows->clients.n)
			r = check_batch(u, state, from, &err);
		state->ops->close(state);
	}
	if (r != MUSTER_OK) {
		(void)pthread_mutex_lock(&u->v->lock);
		if (atomic_load(&u->result) == MUSTER_OK) {
			u->err = err;
			atomic_store(&u->result, r);
		}
		(void)pthread_mutex_unlock(&u->v->lock);
	}
	return NULL;
}

int verify_uses(struct verify *v, const struct verify_rows *rows, struct muster_err *err)
{
	struct uses u = { .v = v, .rows = rows };
	struct verify_crew crew;
	int r;

	bench_progress("verify: rows of %zu machines", rows->clients.n);
	if ((r = verify_crew_start(&crew, v->threads, check_rows, &u, err)) != MUSTER_OK)
		return r;
	verify_crew_join(&crew);
	if ((r = atomic_load(&u.result)) != MUSTER_OK)
		(void)err_set(err, r, "%s", u.err.message);
	return r;
}
