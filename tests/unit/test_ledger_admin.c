/* What administrators ask and do: clients, events, settings, journal, backup, one writer per folder. */
#include "tests/unit/ledger_fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/mem.h"

struct page { size_t n; uint8_t last[16]; char product[64]; size_t stop; };

static int page_note(void *ctx, const struct ledger_client *c)
{
	struct page *p = ctx;

	if (p->n > 0) {
		int order = memcmp(p->last, c->use.client, 16);

		ck_assert(order < 0 || (order == 0 && strcmp(p->product, c->product) != 0));
	}
	memcpy(p->last, c->use.client, 16);
	snprintf(p->product, sizeof p->product, "%s", c->product);
	p->n++;
	return p->n == p->stop;
}

/* Clients in pages by key: every one once, in order, of one product or all; as_of says up to when. */
LEDGER_TEST(test_clients)
{
	struct muster_err err = { 0 };
	struct page p = { 0 };
	int64_t as_of = 0;
	size_t all = 0;

	for (uint32_t i = 1; i <= 40; i++) {
		ask_code(f, OFFICE2010, i);
		if (i % 2 == 0)
			ask_code(f, OFFICE2013, i);
	}
	for (;;) {
		struct page next = { 0 };

		ck_assert_int_eq(ledger_clients(f->l, NULL, all == 0 ? NULL : p.last, all == 0 ? NULL : p.product, 7, page_note, &next, &as_of, &err), MUSTER_OK);
		if (next.n == 0)
			break;
		all += next.n;
		p = next;
	}
	ck_assert_uint_eq(all, 60);
	ck_assert_int_eq(as_of, clock_wall_ms(&f->clock.clock));
	memset(&p, 0, sizeof p);
	ck_assert_int_eq(ledger_clients(f->l, "office2013", NULL, NULL, SIZE_MAX, page_note, &p, NULL, &err), MUSTER_OK);
	ck_assert_uint_eq(p.n, 20);
	memset(&p, 0, sizeof p);
	p.stop = 3;
	ck_assert_int_eq(ledger_clients(f->l, NULL, NULL, NULL, SIZE_MAX, page_note, &p, NULL, &err), MUSTER_OK);
	ck_assert_uint_eq(p.n, 3);
	ck_assert_int_eq(ledger_clients(f->l, "office2099", NULL, NULL, 10, page_note, &p, NULL, &err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "office2099"));
}

/* One client is its row and what is not folded yet, by the same rules: the same before and after the fold. */
LEDGER_TEST(test_client_tail)
{
	struct store_use before, after;

	fix_settle(f);
	pthread_mutex_lock(&f->l->state_lock);   /* nothing is folded meanwhile */
	ask_code(f, TINY, 1);
	f->clock.wall += 5000;
	ask_code(f, TINY, 1);
	ck_assert(fix_client(f, 1, TINY, &before));
	ck_assert_uint_eq(before.requests, 2);
	ck_assert_int_eq(before.first, NOW);
	ck_assert_int_eq(before.last, NOW + 5000);
	pthread_mutex_unlock(&f->l->state_lock);
	fix_settle(f);
	ck_assert(fix_client(f, 1, TINY, &after));
	ck_assert_uint_eq(after.requests, before.requests);
	ck_assert_uint_eq(after.flags, before.flags);
	ck_assert_int_eq(after.last_seq, before.last_seq);
	ck_assert_int_eq(after.last_hour, before.last_hour);
	ck_assert_mem_eq(after.hw, before.hw, 32);
	ck_assert_str_eq(after.name, "pc-1.example.org");
	ck_assert(!fix_client(f, 2, TINY, &after));
}

struct trail { int64_t seq[64]; size_t n; char product[64], edition[64]; uint8_t id[16]; };

static int trail_note(void *ctx, const struct ledger_event *e)
{
	struct trail *t = ctx;

	if (e->event.flags & STORE_F_SYSTEM) {
		ck_assert_str_eq(e->product, "");
		return 0;
	}
	t->seq[t->n++] = e->event.seq;
	snprintf(t->product, sizeof t->product, "%s", e->product);
	snprintf(t->edition, sizeof t->edition, "%s", e->edition);
	memcpy(t->id, e->activation_id, 16);
	return 0;
}

/* Events name product, edition and the activation ID sent; the tail gives so many, also across gaps in the numbers. */
LEDGER_TEST(test_events)
{
	struct muster_err err = { 0 };
	struct trail t = { 0 };
	struct ask a;
	int64_t from;

	for (uint32_t i = 1; i <= 10; i++)
		ask_code(f, OFFICE2013, i);
	ask_init(f, &a, OFFICE2013, 11);
	a.r.lease_known = true;
	a.r.lease_seq = 1000;   /* adopted: the numbers up to it are skipped */
	ask_go(f, &a);
	ask_fini(&a);
	/* two rows at once: the event and what the host says about it */
	ask_code(f, OFFICE2013, 12);
	from = ledger_events_tail(f->l, 5);
	ck_assert_int_eq(ledger_events(f->l, from, 5, trail_note, &t, &err), MUSTER_OK);
	ck_assert_uint_ge(t.n, 4);
	ck_assert_int_lt(t.seq[0], 100);
	memset(&t, 0, sizeof t);
	ck_assert_int_eq(ledger_events(f->l, 0, SIZE_MAX, trail_note, &t, &err), MUSTER_OK);
	ck_assert_uint_eq(t.n, 12);
	ck_assert_str_eq(t.product, "office2013");
	ck_assert_str_eq(t.edition, "office2013");
	ck_assert_mem_eq(t.id, fix_edition(f, OFFICE2013)->activation_id, 16);
	for (size_t i = 1; i < t.n; i++)
		ck_assert_int_gt(t.seq[i], t.seq[i - 1]);
	memset(&t, 0, sizeof t);
	ck_assert_int_eq(ledger_events(f->l, INT64_MAX - 1, 10, trail_note, &t, &err), MUSTER_OK);
	ck_assert_uint_eq(t.n, 0);
}

struct settings { size_t n; char text[512]; };

static int setting_note(void *ctx, const struct store_setting *s)
{
	struct settings *w = ctx;
	size_t used = strlen(w->text);

	w->n++;
	snprintf(w->text + used, sizeof w->text - used, "%s.%s=%s by %s;", s->scope, s->name, s->value, s->actor);
	return 0;
}

static int journal_note(void *ctx, const struct store_journal *j)
{
	struct settings *w = ctx;
	size_t used = strlen(w->text);

	w->n++;
	snprintf(w->text + used, sizeof w->text - used, "%u %s %s %s;", j->kind, j->actor, j->object, j->detail);
	return 0;
}

/* Settings are kept over restarts, each act with its journal row; the ledger's own scope is nobody's. */
LEDGER_TEST(test_settings)
{
	struct muster_err err = { 0 };
	struct settings w = { 0, "" }, j = { 0, "" };
	char long_text[300];

	memset(long_text, 'x', sizeof long_text);
	long_text[sizeof long_text - 1] = '\0';
	ck_assert_int_eq(ledger_setting_put(f->l, "0 root", "host", "port", "1700", &err), MUSTER_OK);
	ck_assert_int_eq(ledger_setting_put(f->l, "0 root", "host", "port", "1688", &err), MUSTER_OK);
	ck_assert_int_eq(ledger_setting_put(f->l, "7 eve", "host", "priority", "low", &err), MUSTER_OK);
	ck_assert_int_eq(ledger_setting_put(f->l, "0 root", "host", "port", long_text, &err), MUSTER_E_LIMIT);
	ck_assert_int_eq(ledger_setting_put(f->l, "0 root", "", "port", "1", &err), MUSTER_E_INVALID);
	ck_assert_int_eq(ledger_setting_put(f->l, NULL, "host", "port", "1", &err), MUSTER_E_INVALID);
	ck_assert_int_eq(ledger_setting_put(f->l, "0 root", "ledger", "clock_accepted", "1 1", &err), MUSTER_E_INVALID);
	ck_assert_int_eq(ledger_clock_accept(f->l, "0 root", &err), MUSTER_OK);
	fix_restart(f);
	ck_assert_int_eq(ledger_settings(f->l, setting_note, &w, &err), MUSTER_OK);
	ck_assert_uint_eq(w.n, 2);
	ck_assert_ptr_nonnull(strstr(w.text, "host.port=1688 by 0 root;"));
	ck_assert_ptr_nonnull(strstr(w.text, "host.priority=low by 7 eve;"));
	ck_assert_int_eq(ledger_setting_reset(f->l, "7 eve", "host", "priority", &err), MUSTER_OK);
	ck_assert_int_eq(ledger_setting_reset(f->l, "7 eve", "host", "priority", &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_eq(ledger_journal_note(f->l, "0 root", 100, "plugins", "reloaded", &err), MUSTER_OK);
	ck_assert_int_eq(ledger_journal_note(f->l, "0 root", 0, "plugins", "reloaded", &err), MUSTER_E_INVALID);
	memset(&w, 0, sizeof w);
	ck_assert_int_eq(ledger_settings(f->l, setting_note, &w, &err), MUSTER_OK);
	ck_assert_uint_eq(w.n, 1);
	ck_assert_int_eq(ledger_journal(f->l, 0, 100, journal_note, &j, &err), MUSTER_OK);
	ck_assert_uint_eq(j.n, 6);
	ck_assert_ptr_nonnull(strstr(j.text, "1 0 root host.port set to 1700;"));
	ck_assert_ptr_nonnull(strstr(j.text, "5 0 root clock accepted; before: nothing was held;"));
	ck_assert_ptr_nonnull(strstr(j.text, "2 7 eve host.priority reset;"));
	ck_assert_ptr_nonnull(strstr(j.text, "100 0 root plugins reloaded;"));
}

struct learned { size_t n; char product[64], name[256]; };

static int learned_note(void *ctx, const struct store_edition *e, const char *product)
{
	struct learned *w = ctx;

	w->n++;
	snprintf(w->product, sizeof w->product, "%s", product);
	snprintf(w->name, sizeof w->name, "%s", e->name);
	return 0;
}

/* What was learned is there before a catalog is bound, so that the catalog can be built with it. */
LEDGER_TEST(test_learned)
{
	struct muster_err err = { 0 };
	struct learned w = { 0, "", "" };
	uint8_t id[16] = { 0xab };

	ck_assert_int_eq(ledger_learn(f->l, "0 root", id, "windows", "Windows Seven", &err), MUSTER_OK);
	fix_restart(f);
	ck_assert_int_eq(ledger_learned(f->l, learned_note, &w, &err), MUSTER_OK);
	ck_assert_uint_eq(w.n, 1);
	ck_assert_str_eq(w.product, "windows");
	ck_assert_str_eq(w.name, "Windows Seven");
}

/* A copy taken while running is a whole ledger: the same ID, clients, counters. */
START_TEST(test_backup)
{
	static const char *const files[] = { "log.db", "state.db", "log.db-wal", "log.db-shm", "state.db-wal", "state.db-shm", "ledger.lock" };
	struct muster_err err = { 0 };
	struct fix *f = calloc(1, sizeof *f);
	char copy[80], home[64], id[37], id2[37], path[128];

	ck_assert_ptr_nonnull(f);
	fix_open(f, FIX_SQLITE);
	fix_start(f);
	for (uint32_t i = 1; i <= 5; i++)
		ask_code(f, OFFICE2013, i);
	snprintf(copy, sizeof copy, "%s-copy", f->dir);
	ck_assert_msg(ledger_backup(f->l, "0 root", copy, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_code(ask_code(f, OFFICE2013, 6), CODE_OK);
	ck_assert_int_ne(ledger_backup(f->l, "0 root", copy, &err), MUSTER_OK);   /* never into what is there */
	ledger_identity(f->l, id);
	fix_stop(f);
	snprintf(home, sizeof home, "%s", f->dir);
	snprintf(f->dir, sizeof f->dir, "%.63s", copy);
	fix_start(f);
	ledger_identity(f->l, id2);
	ck_assert_str_eq(id, id2);
	ck_assert_uint_eq(fix_clients(f), 5);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).total, 5);
	ck_assert_uint_eq(fix_count(f, OFFICE2013).current, 5);
	fix_stop(f);
	snprintf(f->dir, sizeof f->dir, "%s", home);
	fix_start(f);
	ck_assert_uint_eq(fix_totals(f, OFFICE2013).total, 6);
	fix_close(f);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", copy, files[i]);
		unlink(path);
	}
	ck_assert_int_eq(rmdir(copy), 0);
	free(f);
}
END_TEST

/* One folder, one ledger: the second is told who holds it, and the first goes on. */
START_TEST(test_one_writer)
{
	struct muster_err err = { 0 };
	struct fix *f = calloc(1, sizeof *f);
	struct ledger_options o = { 0 };
	struct ledger *second;
	char pid[32];

	ck_assert_ptr_nonnull(f);
	fix_open(f, FIX_SQLITE);
	fix_start(f);
	o.clock = &f->clock.clock;
	o.config = &f->config;
	o.dir = f->dir;
	ck_assert_int_eq(store_sqlite_new(&o.store, f->dir, &err), MUSTER_OK);
	ck_assert_int_eq(ledger_open(&second, &o, &err), MUSTER_E_BUSY);
	ck_assert_ptr_null(second);
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	ck_assert_msg(strstr(err.message, pid) != NULL, "%s", err.message);
	o.store->free(o.store);   /* still the caller's */
	ck_assert_code(ask_code(f, TINY, 1), CODE_OK);
	fix_close(f);
	free(f);
}
END_TEST

/* At a stop what was taken is answered, and later requests are turned away. */
MEMORY_TEST(test_stop)
{
	struct ask a[200], late;

	for (uint32_t i = 0; i < 200; i++) {
		ask_init(f, &a[i], TINY, i + 1);
		ask_submit(f, &a[i]);
	}
	ledger_stop(f->l);
	for (uint32_t i = 0; i < 200; i++) {
		ck_assert(a[i].done);
		ck_assert(a[i].r.code == CODE_OK);
		ask_fini(&a[i]);
	}
	ask_init(f, &late, TINY, 999);
	ck_assert_int_eq(ledger_submit(f->l, &late.r), MUSTER_E_BUSY);
	ck_assert_code(late.r.code, CODE_M_STOPPING);
	ask_fini(&late);
	ledger_free(f->l);
	fix_start(f);
	ck_assert_uint_eq(fix_totals(f, TINY).total, 200);
}

/* Opening, binding and starting with each allocation failing once: an error, nothing left behind, and then it works. */
START_TEST(test_no_memory)
{
	struct fix *f = calloc(1, sizeof *f);
	bool worked = false;

	ck_assert_ptr_nonnull(f);
	fix_open(f, FIX_MEMORY);
	for (uint64_t n = 1; !worked; n++) {
		struct ledger_options o = { .clock = &f->clock.clock, .config = &f->config };
		struct muster_err err = { 0 };
		struct ledger *l = NULL;
		int r;

		ck_assert_uint_lt(n, 2000);
		ck_assert_int_eq(store_memory_new(&o.store, &err), MUSTER_OK);
		mem_fail_at(n);
		r = ledger_open(&l, &o, &err);
		if (r != MUSTER_OK)
			o.store->free(o.store);
		if (r == MUSTER_OK)
			r = ledger_bind(l, f->catalog, &err);
		worked = r == MUSTER_OK && mem_count() < n;
		mem_fail_at(0);
		ck_assert_msg(worked || r == MUSTER_E_NOMEM, "allocation %llu: %d %s", (unsigned long long)n, r, err.message);
		ledger_free(l);
	}
	fix_start(f);
	ck_assert_code(ask_code(f, TINY, 1), CODE_OK);
	fix_close(f);
	free(f);
}
END_TEST

/* Once it runs, requests are decided and committed without asking for memory: the ledger's part of the way. */
LEDGER_TEST(test_no_allocation)
{
	struct ask a;

	ask_code(f, TINY, 1);
	fix_settle(f);
	pthread_mutex_lock(&f->l->state_lock);
	ask_init(f, &a, TINY, 2);
	ask_go(f, &a);
	mem_fail_at(0);
	for (uint32_t i = 0; i < 500; i++) {
		a.r.nonce[9] = (uint8_t)i;
		a.r.nonce[10] = (uint8_t)(i >> 8);
		ask_go(f, &a);
		ck_assert_code(a.r.code, CODE_OK);
	}
	if (f->kind == FIX_SQLITE)
		ck_assert_uint_eq(mem_count(), 0);
	pthread_mutex_unlock(&f->l->state_lock);
	ask_fini(&a);
}

UNIT_MAIN("ledger_admin", test_clients, test_client_tail, test_events, test_settings, test_learned, test_backup, test_one_writer, test_stop,
          test_no_memory, test_no_allocation)
