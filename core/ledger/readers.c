/* Administrators' questions: on handles of their own, after a fold up to now, in pages (ledger.md section 2, "Readers"). */
#include "core/ledger/internal.h"

#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/ledger/rows.h"

#define FOLD_BOUND_MS 2000

void reader_close(struct ledger *l)
{
	if (l->reader_state != NULL)
		l->reader_state->ops->close(l->reader_state);
	if (l->reader_log != NULL)
		l->reader_log->ops->close(l->reader_log);
	l->reader_state = NULL;
	l->reader_log = NULL;
}

int reader_open(struct ledger *l, struct muster_err *err)
{
	int r = MUSTER_OK;

	if (l->reader_state == NULL)
		r = l->store->open_state(l->store, false, &l->reader_state, err);
	if (r == MUSTER_OK && l->reader_log == NULL)
		r = l->store->open_log(l->store, false, &l->reader_log, err);
	return r;
}

/* After a fault a handle is of no use; the next question opens another. */
static int reader_done(struct ledger *l, int r)
{
	if (r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN)
		reader_close(l);
	pthread_mutex_unlock(&l->reader_lock);
	return r;
}

/* Fold up to now; when that takes too long the answer is as of the fold. */
static void bring_up(struct ledger *l, int64_t *as_of)
{
	(void)state_settle(l, FOLD_BOUND_MS, NULL);
	pthread_mutex_lock(&l->lock);
	if (as_of != NULL)
		*as_of = l->fold_seq >= l->applied_seq ? clock_wall_ms(l->clock) : l->fold_at;
	pthread_mutex_unlock(&l->lock);
}

static uint32_t product_number(struct ledger *l, const char *name)
{
	uint32_t number = 0;

	pthread_mutex_lock(&l->lock);
	for (size_t i = 1; i < l->product_count && number == 0; i++)
		if (l->products[i] != NULL && strcmp(l->products[i]->row.name, name) == 0)
			number = l->products[i]->row.product;
	pthread_mutex_unlock(&l->lock);
	return number;
}

/* Names are only ever added, and a product's name is what it is known by: the pointer stays good. */
static const char *product_name(struct ledger *l, uint32_t number)
{
	const struct product_slot *slot;

	pthread_mutex_lock(&l->lock);
	slot = slot_product(l, number);
	pthread_mutex_unlock(&l->lock);
	return slot == NULL || number == 0 ? "" : slot->row.name;
}

struct uses {
	struct ledger *l;
	int (*fn)(void *ctx, const struct ledger_client *);
	void *ctx;
	struct store_use *rows; size_t n, room;
	int result;
};

static int use_keep(void *ctx, const struct store_use *u)
{
	struct uses *w = ctx;

	if (w->n == w->room)
		return 1;
	w->rows[w->n++] = *u;
	return 0;
}

static int uses_hand(struct uses *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct ledger_client c = { .use = w->rows[i], .product = product_name(w->l, w->rows[i].product) };

		if (w->fn(w->ctx, &c) != 0)
			return 1;
	}
	return 0;
}

int ledger_clients(struct ledger *l, const char *product, const uint8_t after_client[16], const char *after_product, size_t limit,
                   int (*fn)(void *ctx, const struct ledger_client *), void *ctx, int64_t *as_of, struct muster_err *err)
{
	struct uses w = { .l = l, .fn = fn, .ctx = ctx };
	uint32_t number = 0, after = 0;
	uint8_t key[16] = { 0 };
	int r = MUSTER_OK;

	if (product != NULL && product[0] != '\0' && (number = product_number(l, product)) == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "no product \"%.64s\" has been counted here; `products` lists them", product);
	if (after_client != NULL)
		memcpy(key, after_client, 16);
	if (after_product != NULL && after_product[0] != '\0' && (after = product_number(l, after_product)) == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "no product \"%.64s\" to go on after", after_product);
	bring_up(l, as_of);
	w.room = limit < STORE_PAGE_MAX ? limit : STORE_PAGE_MAX;
	if (w.room == 0)
		return MUSTER_OK;
	if ((w.rows = mem_array(w.room, sizeof *w.rows)) == NULL)
		return err_nomem(err);
	while (limit > 0) {
		size_t page = limit < w.room ? limit : w.room;

		w.n = 0;
		pthread_mutex_lock(&l->reader_lock);
		if ((r = reader_open(l, err)) == MUSTER_OK)
			r = l->reader_state->ops->page(l->reader_state, number, key, after, page, use_keep, &w, err);
		if ((r = reader_done(l, r)) != MUSTER_OK || uses_hand(&w) != 0 || w.n < page)
			break;
		limit -= w.n;
		memcpy(key, w.rows[w.n - 1].client, 16);
		after = w.rows[w.n - 1].product;
	}
	mem_free(w.rows);
	return r;
}

struct tail { struct uses uses; const uint8_t *client; int64_t last; size_t n; };

static int tail_event(void *ctx, const struct store_event *e)
{
	struct tail *t = ctx;
	struct uses *w = &t->uses;
	size_t i = 0;

	t->last = e->seq;
	t->n++;
	if (!fold_concerns(e) || memcmp(e->client, t->client, 16) != 0)
		return 0;
	while (i < w->n && w->rows[i].product != e->product)
		i++;
	if (i == w->n) {
		if (w->n == w->room)
			return 0;
		memset(&w->rows[w->n], 0, sizeof w->rows[w->n]);
		memcpy(w->rows[w->n].client, e->client, 16);
		w->rows[w->n++].product = e->product;
	}
	(void)fold_apply(&w->rows[i], e);
	w->rows[i].last_hour = w->rows[i].last / STORE_HOUR_MS;
	return 0;
}

/* Its rows, then the events not folded yet, by the same rules. */
int ledger_client(struct ledger *l, const uint8_t client[16], int (*fn)(void *ctx, const struct ledger_client *), void *ctx, int64_t *as_of,
                  struct muster_err *err)
{
	enum { CHUNK = 4096 };
	struct tail t = { .uses = { .l = l, .fn = fn, .ctx = ctx, .room = STORE_PAGE_MAX }, .client = client };
	size_t kept = 0;
	int r;

	if ((t.uses.rows = mem_array(t.uses.room, sizeof *t.uses.rows)) == NULL)
		return err_nomem(err);
	if (as_of != NULL)
		*as_of = clock_wall_ms(l->clock);
	pthread_mutex_lock(&l->lock);
	t.last = l->fold_seq;
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_lock(&l->reader_lock);
	if ((r = reader_open(l, err)) == MUSTER_OK)
		r = l->reader_state->ops->use(l->reader_state, client, use_keep, &t.uses, err);
	do {
		t.n = 0;
		if (r == MUSTER_OK)
			r = l->reader_log->ops->read(l->reader_log, t.last, CHUNK, tail_event, &t, err);
	} while (r == MUSTER_OK && t.n == CHUNK);
	r = reader_done(l, r);
	for (size_t i = 0; i < t.uses.n; i++)
		if (t.uses.rows[i].last_seq != 0)
			t.uses.rows[kept++] = t.uses.rows[i];
	t.uses.n = kept;
	if (r == MUSTER_OK && kept == 0)
		r = err_set(err, MUSTER_E_NOT_FOUND, "no client with this ID has reported in");
	else if (r == MUSTER_OK)
		(void)uses_hand(&t.uses);
	mem_free(t.uses.rows);
	return r;
}

struct events { struct store_event *rows; size_t n, room; };

static int event_keep(void *ctx, const struct store_event *e)
{
	struct events *w = ctx;

	if (w->n == w->room)
		return 1;
	w->rows[w->n++] = *e;
	return 0;
}

static void event_resolve(struct ledger *l, const struct store_event *e, struct ledger_event *out, char title[256])
{
	title[0] = '\0';
	out->event = *e;
	out->product = product_name(l, e->product);
	out->edition = title;
	memset(out->activation_id, 0, 16);
	if (e->flags & STORE_F_UNKNOWN) {
		memcpy(out->activation_id, e->hw, 16);
		return;
	}
	pthread_mutex_lock(&l->lock);
	if (e->edition < l->edition_count && l->editions[e->edition].name != NULL) {
		memcpy(out->activation_id, l->editions[e->edition].activation_id, 16);
		memcpy(title, l->editions[e->edition].name, strnlen(l->editions[e->edition].name, 255) + 1);
		title[255] = '\0';
	}
	pthread_mutex_unlock(&l->lock);
}

int ledger_events(struct ledger *l, int64_t after, size_t limit, int (*fn)(void *ctx, const struct ledger_event *), void *ctx, struct muster_err *err)
{
	struct events w = { .room = limit < STORE_PAGE_MAX ? limit : STORE_PAGE_MAX };
	int r = MUSTER_OK;
	bool on = true;

	if (w.room == 0)
		return MUSTER_OK;
	if ((w.rows = mem_array(w.room, sizeof *w.rows)) == NULL)
		return err_nomem(err);
	while (on && limit > 0) {
		size_t page = limit < w.room ? limit : w.room;

		w.n = 0;
		pthread_mutex_lock(&l->reader_lock);
		if ((r = reader_open(l, err)) == MUSTER_OK)
			r = l->reader_log->ops->read(l->reader_log, after, page, event_keep, &w, err);
		if ((r = reader_done(l, r)) != MUSTER_OK)
			break;
		for (size_t i = 0; on && i < w.n; i++) {
			struct ledger_event e;
			char title[256];

			event_resolve(l, &w.rows[i], &e, title);
			on = fn(ctx, &e) == 0;
			after = w.rows[i].seq;
		}
		on = on && w.n == page;
		limit -= w.n;
	}
	mem_free(w.rows);
	return r;
}

static int seq_count(void *ctx, const struct store_event *e)
{
	(void)e;
	++*(size_t *)ctx;
	return 0;
}

int64_t ledger_events_tail(struct ledger *l, size_t n)
{
	struct muster_err err;
	int64_t last, from;
	size_t back = n;

	pthread_mutex_lock(&l->lock);
	last = l->applied_seq;
	pthread_mutex_unlock(&l->lock);
	/* Numbers may have gaps: go further back until enough rows follow. */
	for (;;) {
		size_t rows = 0;
		int r;

		from = last > (int64_t)back ? last - (int64_t)back : 0;
		if (from == 0 || back > (size_t)1 << 40)
			return from;
		pthread_mutex_lock(&l->reader_lock);
		if ((r = reader_open(l, &err)) == MUSTER_OK)
			r = l->reader_log->ops->read(l->reader_log, from, n, seq_count, &rows, &err);
		if (reader_done(l, r) != MUSTER_OK || rows >= n)
			return from;
		back *= 2;
	}
}

static int unknown_keep(void *ctx, const struct store_unknown *u) { return rows_keep(ctx, u); }
static int journal_keep(void *ctx, const struct store_journal *j) { return rows_keep(ctx, j); }
static int setting_keep(void *ctx, const struct store_setting *s) { return rows_keep(ctx, s); }
static int edition_keep(void *ctx, const struct store_edition *e) { return rows_keep(ctx, e); }

static int rows_done(struct ledger *l, struct rows *w, int r, struct muster_err *err)
{
	r = reader_done(l, r);
	return r == MUSTER_OK && w->failed ? err_nomem(err) : r;
}

int ledger_unknown(struct ledger *l, int (*fn)(void *ctx, const struct store_unknown *), void *ctx, struct muster_err *err)
{
	struct rows w = { .size = sizeof(struct store_unknown) };
	int r;

	bring_up(l, NULL);
	pthread_mutex_lock(&l->reader_lock);
	if ((r = reader_open(l, err)) == MUSTER_OK)
		r = l->reader_state->ops->unknown(l->reader_state, unknown_keep, &w, err);
	r = rows_done(l, &w, r, err);
	for (size_t i = 0; r == MUSTER_OK && i < w.n; i++)
		if (fn(ctx, (const struct store_unknown *)w.rows + i) != 0)
			break;
	mem_free(w.rows);
	return r;
}

int ledger_journal(struct ledger *l, int64_t after, size_t limit, int (*fn)(void *ctx, const struct store_journal *), void *ctx, struct muster_err *err)
{
	struct rows w = { .size = sizeof(struct store_journal) };
	int r;

	pthread_mutex_lock(&l->reader_lock);
	if ((r = reader_open(l, err)) == MUSTER_OK)
		r = l->reader_state->ops->journal(l->reader_state, after, limit, journal_keep, &w, err);
	r = rows_done(l, &w, r, err);
	for (size_t i = 0; r == MUSTER_OK && i < w.n; i++)
		if (fn(ctx, (const struct store_journal *)w.rows + i) != 0)
			break;
	mem_free(w.rows);
	return r;
}

int ledger_settings(struct ledger *l, int (*fn)(void *ctx, const struct store_setting *), void *ctx, struct muster_err *err)
{
	struct rows w = { .size = sizeof(struct store_setting) };
	int r;

	pthread_mutex_lock(&l->reader_lock);
	if ((r = reader_open(l, err)) == MUSTER_OK)
		r = l->reader_state->ops->settings(l->reader_state, setting_keep, &w, err);
	r = rows_done(l, &w, r, err);
	for (size_t i = 0; r == MUSTER_OK && i < w.n; i++) {
		const struct store_setting *s = (const struct store_setting *)w.rows + i;

		if (strcmp(s->scope, STATE_SCOPE) != 0 && fn(ctx, s) != 0)   /* the ledger's own are not an administrator's */
			break;
	}
	mem_free(w.rows);
	return r;
}

int ledger_learned(struct ledger *l, int (*fn)(void *ctx, const struct store_edition *, const char *product), void *ctx, struct muster_err *err)
{
	struct rows w = { .size = sizeof(struct store_edition) };
	int r;

	pthread_mutex_lock(&l->reader_lock);
	if ((r = reader_open(l, err)) == MUSTER_OK)
		r = l->reader_state->ops->editions(l->reader_state, edition_keep, &w, err);
	r = rows_done(l, &w, r, err);
	for (size_t i = 0; r == MUSTER_OK && i < w.n; i++) {
		const struct store_edition *e = (const struct store_edition *)w.rows + i;

		if (e->learned && fn(ctx, e, product_name(l, e->product)) != 0)
			break;
	}
	mem_free(w.rows);
	return r;
}

int ledger_record(struct ledger *l, const char *kind, struct muster_span id, struct buf *data, struct muster_err *err)
{
	int r;

	pthread_mutex_lock(&l->reader_lock);
	if ((r = reader_open(l, err)) == MUSTER_OK)
		r = l->reader_state->ops->record(l->reader_state, kind, id, data, err);
	return reader_done(l, r);
}

/* What a page holds while it is given out without the lock. */
struct record_page { struct store_record *rows; size_t n; bool failed; };

static int record_keep(void *ctx, const struct store_record *x)
{
	struct record_page *p = ctx;
	struct store_record *rows = mem_grow(p->rows, p->n + 1, sizeof *rows);

	p->failed = rows == NULL;
	if (p->failed)
		return 1;
	p->rows = rows;
	rows[p->n] = *x;
	rows[p->n].data = mem_alloc(x->data_n + 1);
	p->failed = rows[p->n].data == NULL;
	if (p->failed)
		return 1;
	if (x->data_n > 0)
		memcpy((void *)(uintptr_t)rows[p->n].data, x->data, x->data_n);
	p->n++;
	return 0;
}

int ledger_records(struct ledger *l, const char *kind, struct muster_span after, size_t limit, int (*fn)(void *ctx, const struct store_record *), void *ctx,
                   struct muster_err *err)
{
	struct record_page p = { 0 };
	int r;

	pthread_mutex_lock(&l->reader_lock);
	if ((r = reader_open(l, err)) == MUSTER_OK)
		r = l->reader_state->ops->records(l->reader_state, kind, after, limit, record_keep, &p, err);
	r = reader_done(l, r);
	if (r == MUSTER_OK && p.failed)
		r = err_nomem(err);
	for (size_t i = 0; r == MUSTER_OK && i < p.n && fn(ctx, &p.rows[i]) == 0; i++)
		;
	for (size_t i = 0; i < p.n; i++)
		mem_free((void *)(uintptr_t)p.rows[i].data);
	mem_free(p.rows);
	return r;
}

int ledger_kind_after(struct ledger *l, const char *after, char out[32], struct muster_err *err)
{
	int r;

	pthread_mutex_lock(&l->reader_lock);
	if ((r = reader_open(l, err)) == MUSTER_OK)
		r = l->reader_state->ops->kind_after(l->reader_state, after, out, err);
	return reader_done(l, r);
}
