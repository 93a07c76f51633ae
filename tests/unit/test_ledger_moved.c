/* Moving: rows of one ledger into another, twice, merged, there and back; holding and retiring (trust.md section 11). */
#include "tests/unit/ledger_fixture.h"

#include <stdio.h>

#include "core/base/mem.h"

/* What the service writes to a file and reads back, in memory. */
struct cargo {
	struct store_source sources[8]; size_t source_count;
	struct store_counter counters[64]; size_t counter_count;
	struct store_taken rows[64]; struct store_part parts[64][8]; char products[64][32]; size_t n;
	struct store_pool pools[16]; size_t pool_count;
	int64_t seq;
};

static int keep_source(void *ctx, const struct store_source *s)
{
	struct cargo *c = ctx;

	c->sources[c->source_count] = *s;
	/* Numbers are of no meaning elsewhere: place in the list + 1. */
	ck_assert_uint_eq(s->source, ++c->source_count);
	return 0;
}

static int keep_counter(void *ctx, const struct store_counter *s)
{
	struct cargo *c = ctx;

	c->counters[c->counter_count++] = *s;
	return 0;
}

static int keep_pool(void *ctx, const struct store_pool *p)
{
	struct cargo *c = ctx;

	c->pools[c->pool_count++] = *p;
	return 0;
}

static int keep_use(void *ctx, const struct ledger_moved *m)
{
	struct cargo *c = ctx;

	c->rows[c->n].use = m->use;
	memcpy(c->parts[c->n], m->parts, m->part_count * sizeof *m->parts);
	c->rows[c->n].parts = c->parts[c->n];
	c->rows[c->n].part_count = m->part_count;
	snprintf(c->products[c->n++], 32, "%s", m->product);
	return 0;
}

static struct cargo *load(struct fix *f)
{
	struct cargo *c = calloc(1, sizeof *c);
	uint8_t after[16] = { 0 };
	struct muster_err err = { 0 };
	size_t n;

	ck_assert_int_eq(ledger_export_begin(f->l, true, &c->seq, &err), MUSTER_OK);
	ck_assert_int_eq(ledger_sources(f->l, keep_source, c, &err), MUSTER_OK);
	ck_assert_int_eq(ledger_counters(f->l, keep_counter, c, &err), MUSTER_OK);
	ck_assert_int_eq(ledger_pools(f->l, keep_pool, c, &err), MUSTER_OK);
	ck_assert_int_eq(ledger_export_uses(f->l, after, 0, keep_use, c, &n, &err), MUSTER_OK);
	ck_assert_uint_eq(n, c->n);
	c->sources[0].taken_seq = c->seq;
	c->sources[0].taken_at = clock_wall_ms(&f->clock.clock);
	return c;
}

struct numbers { const struct cargo *c; uint32_t of[64]; };

static int find_number(void *ctx, const struct store_product *p)
{
	struct numbers *w = ctx;

	for (size_t i = 0; i < w->c->n; i++)
		if (strcmp(w->c->products[i], p->name) == 0)
			w->of[i] = p->product;
	return 0;
}

/* Only the first @p rows: the rest was not reached. */
static void unload_some(struct fix *f, const struct cargo *from, size_t rows, bool end)
{
	struct cargo *c = malloc(sizeof *c);
	struct store_take_end fin = { 0 };
	struct numbers w = { .c = from };
	struct muster_err err = { 0 };

	*c = *from;
	ck_assert_int_eq(ledger_products(f->l, find_number, &w, &err), MUSTER_OK);
	for (size_t i = 0; i < c->n; i++) {
		ck_assert_uint_ne(w.of[i], 0);
		c->rows[i].use.product = w.of[i];
		c->rows[i].parts = c->parts[i];
	}
	/* Counters are all of one product here, and products have the same numbers in both fixtures. */
	fin.counters = c->counters;
	fin.counter_count = c->counter_count;
	fin.journal = (struct store_journal){ .at = NOW, .kind = 178, .actor = "0 root", .object = "state", .detail = "taken" };
	ck_assert_int_eq(ledger_take_names(f->l, c->pools, c->pool_count, NULL, 0, &err), MUSTER_OK);
	ck_assert_msg(ledger_take(f->l, c->sources, c->source_count, c->rows, rows, end ? &fin : NULL, &err) == MUSTER_OK, "%s", err.message);
	if (end)
		ck_assert_int_eq(ledger_take_done(f->l, &err), MUSTER_OK);
	free(c);
}

static void unload(struct fix *f, const struct cargo *c)
{
	unload_some(f, c, c->n, true);
}

static void move(struct fix *from, struct fix *to)
{
	struct cargo *c = load(from);

	unload(to, c);
	free(c);
}

/* A second ledger of the same kind, with the clock of the first. */
static struct fix *other(struct fix *f)
{
	struct fix *o = calloc(1, sizeof *o);

	ck_assert_ptr_nonnull(o);
	fix_open(o, f->kind);
	fix_start(o);
	return o;
}

static void gone(struct fix *f)
{
	fix_close(f);
	free(f);
}

static uint64_t requests(struct fix *f, uint32_t id, enum fix_product p)
{
	struct store_use u;

	fix_settle(f);
	return fix_client(f, id, p, &u) ? u.requests : 0;
}

static int count_source(void *ctx, const struct store_source *s)
{
	if (s->kind == 1)
		++*(size_t *)ctx;
	return 0;
}

LEDGER_TEST(test_move)
{
	struct fix *b = other(f);
	struct store_use u;

	for (uint32_t i = 1; i <= 7; i++)
		ask_code(f, OFFICE2013, i);
	ask_code(f, OFFICE2013, 3);
	ask_release(f, OFFICE2013, 7);
	fix_settle(f);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 6);
	move(f, b);
	/* It does not start at 0: the next machine finds the count there. */
	ck_assert_uint_eq(fix_count(b, OFFICE2013).current, 6);
	ck_assert_uint_eq(fix_totals(b, OFFICE2013).total, 8);
	ck_assert_uint_eq(requests(b, 3, OFFICE2013), 2);
	ck_assert(fix_client(b, 7, OFFICE2013, &u));
	ck_assert_uint_ne(u.flags & STORE_F_RELEASED, 0);
	ck_assert_int_eq(u.last_seq, STORE_SEQ_ELSEWHERE);
	ck_assert_code(ask_code(b, OFFICE2013, 100), CODE_OK);
	ck_assert_uint_eq(fix_count(b, OFFICE2013).current, 7);
	/* Twice: nothing. */
	move(f, b);
	ck_assert_uint_eq(fix_count(b, OFFICE2013).current, 7);
	ck_assert_uint_eq(fix_totals(b, OFFICE2013).total, 9);
	ck_assert_uint_eq(requests(b, 3, OFFICE2013), 2);
	/* Later from the same: only what came since. */
	ask_code(f, OFFICE2013, 3);
	ask_code(f, OFFICE2013, 8);
	ask_code(b, OFFICE2013, 3);
	move(f, b);
	ck_assert_uint_eq(requests(b, 3, OFFICE2013), 4);
	ck_assert_uint_eq(fix_count(b, OFFICE2013).current, 8);
	ck_assert_uint_eq(fix_totals(b, OFFICE2013).total, 12);
	/* And it is there after a restart. */
	fix_restart(b);
	ck_assert_uint_eq(fix_count(b, OFFICE2013).current, 8);
	ck_assert_uint_eq(fix_totals(b, OFFICE2013).total, 12);
	gone(b);
}

LEDGER_TEST(test_there_and_back)
{
	struct fix *b = other(f), *c = other(f);
	size_t sources = 0;
	struct muster_err err = { 0 };

	for (uint32_t i = 1; i <= 5; i++)
		ask_code(f, OFFICE2013, i);
	move(f, b);
	for (uint32_t i = 4; i <= 8; i++)
		ask_code(b, OFFICE2013, i);
	move(b, f);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 8);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).total, 10);
	ck_assert_uint_eq(requests(f, 4, OFFICE2013), 2);
	ck_assert_uint_eq(requests(f, 1, OFFICE2013), 1);
	/* Round and round, and to a third by both ways. */
	for (int i = 0; i < 3; i++) {
		move(f, b);
		move(b, f);
		move(f, c);
		move(b, c);
		move(c, f);
	}
	for (struct fix *const *x = (struct fix *const []){ f, b, c, NULL }; *x != NULL; x++) {
		ck_assert_uint_eq(fix_clients(*x), 8);
		ck_assert_uint_eq(fix_count(*x, OFFICE2013).current, 8);
		ck_assert_uint_eq(fix_totals(*x, OFFICE2013).total, 10);
		ck_assert_uint_eq(requests(*x, 4, OFFICE2013), 2);
		ck_assert_uint_eq(requests(*x, 8, OFFICE2013), 1);
	}
	ck_assert_int_eq(ledger_sources(c->l, count_source, &sources, &err), MUSTER_OK);
	ck_assert_uint_eq(sources, 2);
	gone(b);
	gone(c);
}

/* Ended in the middle and begun again. */
LEDGER_TEST(test_interrupted)
{
	struct fix *b = other(f);
	struct cargo *c;
	size_t n = 0;
	struct muster_err err = { 0 };

	for (uint32_t i = 1; i <= 20; i++)
		ask_code(f, OFFICE2013, i);
	c = load(f);
	unload_some(b, c, 11, false);
	fix_restart(b);
	unload_some(b, c, 4, false);
	unload(b, c);
	ck_assert_uint_eq(fix_clients(b), 20);
	ck_assert_uint_eq(fix_count(b, OFFICE2013).current, 10);
	ck_assert_uint_eq(fix_totals(b, OFFICE2013).total, 20);
	ck_assert_uint_eq(requests(b, 5, OFFICE2013), 1);
	ck_assert_int_eq(ledger_sources(b->l, count_source, &n, &err), MUSTER_OK);
	ck_assert_uint_eq(n, 1);
	free(c);
	gone(b);
}

/* last_seen is the later of both, ages as any, and the one seen last says what is shown. */
LEDGER_TEST(test_times)
{
	struct fix *b = other(f);
	struct store_use u;

	ask_code(f, OFFICE2013, 1);
	ask_code(f, OFFICE2013, 2);
	fix_advance(f, 20 * DAY);
	fix_advance(b, 20 * DAY);
	ask_code(f, OFFICE2013, 2);
	ask_code(b, OFFICE2013, 1);
	move(f, b);
	fix_settle(b);
	ck_assert(fix_client(b, 1, OFFICE2013, &u));
	ck_assert_int_eq(u.first, NOW);
	ck_assert_int_eq(u.last, NOW + 20 * DAY);
	fix_advance(b, 11 * DAY);
	ck_assert_uint_eq(fix_count(b, OFFICE2013).current, 2);
	fix_advance(b, 20 * DAY);
	ck_assert_uint_eq(fix_count(b, OFFICE2013).current, 0);
	gone(b);
}

/* One client ID on two hosts with different hardware: one machine in the count, marked. */
LEDGER_TEST(test_clone)
{
	struct fix *b = other(f);
	struct store_use u;
	struct ask a;

	ask_code(f, OFFICE2013, 1);
	fix_advance(b, DAY);
	ask_init(b, &a, OFFICE2013, 1);
	ask_hw(&a, 1, 999);
	ask_go(b, &a);
	ask_fini(&a);
	move(f, b);
	fix_settle(b);
	ck_assert_uint_eq(fix_count(b, OFFICE2013).current, 1);
	ck_assert(fix_client(b, 1, OFFICE2013, &u));
	ck_assert_uint_ne(u.flags & STORE_F_CLONE, 0);
	ck_assert_int_eq(u.first, NOW);
	/* The hardware granted first stays the owner's. */
	ck_assert_code(ask_code(b, OFFICE2013, 1), CODE_COUNT_LOW);
	gone(b);
}

/* A lease of the ledger that was taken over is no sign of a rollback. */
LEDGER_TEST(test_lease_of_another)
{
	struct fix *b = other(f);
	struct ask a;

	for (uint32_t i = 1; i <= 6; i++)
		ask_code(f, OFFICE2013, i);
	move(f, b);
	ask_init(b, &a, OFFICE2013, 2);
	a.r.lease_known = true;
	memcpy(a.r.lease_origin, f->l->id, 16);
	a.r.lease_origin_seq = 2;
	ask_go(b, &a);
	ck_assert_code(a.r.code, CODE_OK);
	ask_fini(&a);
	ck_assert(!fix_said(b, "ledger-rolled-back"));
	ask_init(b, &a, OFFICE2013, 50);
	a.r.lease_known = true;
	memcpy(a.r.lease_origin, f->l->id, 16);
	a.r.lease_origin_seq = 5000;   /* granted after the export */
	ask_go(b, &a);
	ck_assert_code(a.r.code, CODE_OK);
	ask_fini(&a);
	ck_assert(!fix_said(b, "ledger-rolled-back"));
	ck_assert_uint_eq(fix_events(b, STORE_F_ADOPTED, NULL), 1);
	ask_init(b, &a, OFFICE2013, 51);
	a.r.lease_known = true;
	memset(a.r.lease_origin, 7, 16);
	a.r.lease_origin_seq = 1;
	ask_go(b, &a);
	ask_fini(&a);
	fix_settle(b);
	ck_assert(fix_said(b, "ledger-rolled-back"));
	gone(b);
}

LEDGER_TEST(test_retire)
{
	struct store_journal row = { .at = NOW, .kind = 179, .actor = "0 root", .object = "host", .detail = "retired" };
	struct muster_err err = { 0 };
	char text[256] = "";
	struct ask a;

	ck_assert_code(ask_code(f, OFFICE2013, 1), CODE_COUNT_LOW);
	ck_assert_uint_eq(ledger_moving(f->l, NULL, 0), 0);
	ck_assert_int_eq(ledger_retire(f->l, &row, "file", &err), MUSTER_E_NOT_YET);
	ck_assert(!ledger_hold(f->l, 60000, true));
	ck_assert(ledger_hold(f->l, 60000, false));
	ck_assert_uint_eq(ledger_moving(f->l, NULL, 0), CODE_M_MOVING);
	ask_init(f, &a, OFFICE2013, 2);
	ck_assert_int_eq(ledger_submit(f->l, &a.r), MUSTER_E_BUSY);
	ck_assert_uint_eq(a.r.code, CODE_M_MOVING);
	ck_assert_int_eq(ledger_ready(f->l, &err), MUSTER_E_BUSY);
	ck_assert(ledger_hold(f->l, 0, true));   /* given up */
	ask_go(f, &a);
	ask_fini(&a);
	ck_assert(ledger_hold(f->l, 60000, false));
	ck_assert_int_eq(ledger_retire(f->l, &row, "sequence-2", &err), MUSTER_OK);
	for (int i = 0; i < 2; i++) {
		ask_init(f, &a, OFFICE2013, 3);
		ck_assert_int_eq(ledger_submit(f->l, &a.r), MUSTER_E_BUSY);
		ck_assert_uint_eq(a.r.code, CODE_M_RETIRED);
		ask_fini(&a);
		ck_assert_int_eq(ledger_ready(f->l, &err), MUSTER_E_REFUSED);
		ck_assert_uint_eq(err.code, CODE_M_RETIRED);
		ck_assert_uint_eq(ledger_moving(f->l, text, sizeof text), CODE_M_RETIRED);
		ck_assert_ptr_nonnull(strstr(text, "2026-11-18"));
		ck_assert_ptr_nonnull(strstr(text, "sequence-2"));
		ck_assert(!ledger_hold(f->l, 60000, false));
		fix_restart(f);   /* for good */
	}
}

/* A commit that failed retires nothing and says so; one whose answer was lost has, and must not be denied: the next start would know. */
MEMORY_TEST(test_retire_in_doubt)
{
	struct store_journal row = { .at = NOW, .kind = 179, .actor = "0 root", .object = "host", .detail = "retired" };
	struct muster_err err = { 0 };

	fix_settle(f);
	ck_assert(ledger_hold(f->l, 60000, false));
	store_memory_fault(f->memory, true, 0, STORE_MEMORY_FAIL);
	ck_assert_int_ne(ledger_retire(f->l, &row, "file", &err), MUSTER_OK);
	ck_assert(err.message[0] != '\0');
	ck_assert_uint_eq(ledger_moving(f->l, NULL, 0), CODE_M_MOVING);
	store_memory_fault(f->memory, true, 0, STORE_MEMORY_LOSE_ANSWER);
	ck_assert_int_eq(ledger_retire(f->l, &row, "file", &err), MUSTER_OK);
	ck_assert_uint_eq(ledger_moving(f->l, NULL, 0), CODE_M_RETIRED);
	fix_restart(f);
	ck_assert_uint_eq(ledger_moving(f->l, NULL, 0), CODE_M_RETIRED);
}

/* A commit that fails, or whose answer is lost: taken again it is as if taken once. */
MEMORY_TEST(test_faults)
{
	static const enum store_memory_fault faults[] = { STORE_MEMORY_FAIL, STORE_MEMORY_LOSE_ANSWER };

	for (uint32_t i = 1; i <= 6; i++)
		ask_code(f, OFFICE2013, i);
	for (size_t k = 0; k < sizeof faults / sizeof faults[0]; k++) {
		struct fix *b = other(f);
		struct cargo *c = load(f), *copy = malloc(sizeof *copy);
		struct numbers w = { .c = c };
		struct muster_err err = { 0 };

		ck_assert_ptr_nonnull(copy);
		*copy = *c;
		fix_settle(b);
		ck_assert_int_eq(ledger_products(b->l, find_number, &w, &err), MUSTER_OK);
		for (size_t i = 0; i < copy->n; i++) {
			copy->rows[i].use.product = w.of[i];
			copy->rows[i].parts = copy->parts[i];
		}
		store_memory_fault(b->memory, true, 0, faults[k]);
		ck_assert_int_ne(ledger_take(b->l, copy->sources, copy->source_count, copy->rows, copy->n, NULL, &err), MUSTER_OK);
		ck_assert(err.message[0] != '\0');
		unload(b, c);
		ck_assert_uint_eq(fix_clients(b), 6);
		ck_assert_uint_eq(fix_count(b, OFFICE2013).current, 6);
		ck_assert_uint_eq(fix_totals(b, OFFICE2013).total, 6);
		ck_assert_uint_eq(requests(b, 3, OFFICE2013), 1);
		free(copy);
		free(c);
		gone(b);
	}
}

UNIT_MAIN("ledger_moved", test_faults, test_move, test_there_and_back, test_interrupted, test_times, test_clone, test_lease_of_another, test_retire,
          test_retire_in_doubt)
