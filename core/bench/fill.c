/*
 * A ledger that knows many machines, made through the real engine: what a host would have written had they all reported in.
 *
 * In order of client ID, because a B-tree filled in order is written once and not over and over; in the injected time of the last 20 days.
 */
#include "core/bench/host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/bench/population.h"

#define SPREAD_MS (INT64_C(20) * STORE_DAY_MS)
#define BATCH_MAX 4096U              /* requests handed over at one moment of the injected time */
#define MOMENTS 1000U                /* so many at least when there are enough machines */
#define SORTED_AT_ONCE 1000000U      /* 24 bytes each */
#define ASK UINT32_MAX               /* the nonce's number: none that a load uses */
#define CHAIN_END_MS (INT64_C(730) * STORE_DAY_MS)
#define PATIENCE_NS INT64_C(120000000000)
#define SHOW_NS INT64_C(250000000)

/* ---- the injected clock ---- */

/*
 * The ledger compares its two clocks and believes neither when they drift apart. Read one after the other while time moves by minutes
 * they would: so the second answers from the first one's reading, each thread for itself.
 */
struct moving { struct clock clock; _Atomic int64_t now; int64_t base; };
static _Thread_local int64_t seen;

static int64_t moving_wall(const struct clock *c)
{
	return seen = atomic_load(&((const struct moving *)c)->now);
}

static int64_t moving_boot(const struct clock *c)
{
	return (seen != 0 ? seen : moving_wall(c)) - ((const struct moving *)c)->base;
}

/* ---- what the folder knows ---- */

struct known { uint64_t seed, machines; };

static int known_read(const struct bench_host *h, struct known *out, struct muster_err *err)
{
	char *path = file_join(h->dir, "known"), *end;
	struct buf text;
	int r;

	memset(out, 0, sizeof *out);
	buf_init(&text, 256);
	r = path == NULL ? err_nomem(err) : file_read(&text, path, 255, err);
	if (r == MUSTER_OK) {
		out->seed = strtoull(buf_str(&text), &end, 10);
		out->machines = strtoull(end, &end, 10);
		if (*end != '\n' || text.n < 4)
			r = err_set(err, MUSTER_E_INVALID, "%s: filling it was interrupted; nobody knows with what: choose another folder", h->dir);
	} else if (r == MUSTER_E_NOT_FOUND) {
		r = MUSTER_OK;
	}
	buf_fini(&text);
	mem_free(path);
	return r;
}

static int known_write(const struct bench_host *h, const struct known *k, bool whole, struct muster_err *err)
{
	char *path = file_join(h->dir, "known"), text[64];
	int n = whole ? snprintf(text, sizeof text, "%llu %llu\n", (unsigned long long)k->seed, (unsigned long long)k->machines)
	              : snprintf(text, sizeof text, "filling\n");
	int r = path == NULL ? err_nomem(err) : file_write(path, span_of(text, (size_t)n), 0644, err);

	mem_free(path);
	return r;
}

/* ---- the requests ---- */

struct machine { uint8_t client[16]; uint64_t number; };

struct fill {
	struct bench_host *host;
	struct moving time;
	struct ledger *ledger;
	struct config *config;
	struct catalog *catalog;
	struct ledger_request *requests;
	struct machine *machines;
	uint64_t seed, first, total, done;
	int64_t from, to, shown;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	_Atomic size_t under_way;
	_Atomic uint32_t refused;            /* code of a request that was not counted: none should be */
};

static void fill_done(struct ledger_request *r)
{
	struct fill *f = r->user;

	if (r->code != (uint32_t)CODE_OK && r->code != (uint32_t)CODE_COUNT_LOW)
		atomic_store(&f->refused, r->code);
	if (atomic_fetch_sub(&f->under_way, 1) > 1)
		return;
	pthread_mutex_lock(&f->lock);
	pthread_cond_signal(&f->cond);
	pthread_mutex_unlock(&f->lock);
}

static void request_write(struct fill *f, struct ledger_request *r, const struct machine *m)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };

	memset(r, 0, offsetof(struct ledger_request, name));
	r->kind = LEDGER_ACTIVATE;
	r->catalog = f->catalog;
	r->edition = catalog_find(f->catalog, f->host->activation_id);
	memcpy(r->activation_id, f->host->activation_id, 16);
	memcpy(r->client, m->client, 16);
	population_hardware(r->hw, f->seed, m->number);
	r->has_hw = r->has_minutes = r->loopback = r->certified = true;
	r->chain_end = f->to + CHAIN_END_MS;
	r->status = 2;
	r->minutes = 43200;
	r->client_time = atomic_load(&f->time.now);
	population_nonce(r->nonce, f->seed, m->number, ASK);
	r->nonce_len = 16;
	r->addr_len = sizeof loopback;
	memcpy(r->addr, loopback, sizeof loopback);
	memset(r->name, 0, 40);
	population_name(r->name, m->number);
	r->done = fill_done;
	r->user = f;
}

static void show(struct fill *f, const char *doing)
{
	struct ledger_status status;

	if (bench_ns() - f->shown < SHOW_NS)
		return;
	f->shown = bench_ns();
	ledger_status(f->ledger, &status);
	bench_progress("%s: %llu of %llu machines, %lld rows to fold", doing, (unsigned long long)f->done, (unsigned long long)f->total,
	               (long long)(status.last_seq - status.fold_seq));
}

/* One request, as soon as the ledger takes it: it takes none while too much waits to be folded. */
static int submit(struct fill *f, struct ledger_request *r, struct muster_err *err)
{
	const struct timespec pause = { 0, 2000000 };
	int64_t begun = 0;
	int result;

	while ((result = ledger_submit(f->ledger, r)) == MUSTER_E_BUSY && r->code == CODE_M_OVERLOAD) {
		if (begun == 0)
			begun = bench_ns();
		if (bench_interrupted())
			return err_set(err, MUSTER_E_BUSY, "interrupted");
		if (bench_ns() - begun > PATIENCE_NS)
			return err_set(err, MUSTER_E_IO, "the ledger of %s has taken no request for two minutes", f->host->dir);
		show(f, "waiting for the fold");
		(void)nanosleep(&pause, NULL);
	}
	return result == MUSTER_OK ? result
	                           : err_set(err, MUSTER_E_IO, "the ledger of %s takes no requests: %s", f->host->dir,
	                                     r->code == CODE_M_STORAGE ? "the disk is nearly full, or a write failed" : "it is stopping");
}

/* All of one moment: handed over, waited for. */
static int batch(struct fill *f, const struct machine *m, size_t n, struct muster_err *err)
{
	size_t i;
	int r = MUSTER_OK;

	f->to = f->to > f->from ? f->to : f->from;
	atomic_store(&f->time.now, f->from + (int64_t)((double)(f->to - f->from) * (double)f->done / (double)f->total));
	(void)moving_wall(&f->time.clock);   /* this thread's reading */
	atomic_store(&f->under_way, n + 1);  /* one for this thread, so that nobody is last before all are handed over */
	for (i = 0; i < n && r == MUSTER_OK; i++) {
		request_write(f, &f->requests[i], &m[i]);
		if ((r = submit(f, &f->requests[i], err)) != MUSTER_OK)
			break;
	}
	pthread_mutex_lock(&f->lock);
	if (atomic_fetch_sub(&f->under_way, 1 + n - i) > 1 + n - i)
		while (atomic_load(&f->under_way) > 0)
			pthread_cond_wait(&f->cond, &f->lock);
	pthread_mutex_unlock(&f->lock);
	f->done += i;
	if (r == MUSTER_OK && atomic_load(&f->refused) != 0) {
		char code[16];

		code_name(code, atomic_load(&f->refused));
		r = err_set(err, MUSTER_E_REFUSED, "the ledger of %s refused a machine with %s", f->host->dir, code);
	}
	if (r == MUSTER_OK && bench_interrupted())
		r = err_set(err, MUSTER_E_BUSY, "interrupted");
	show(f, "filling");
	return r;
}

static int by_client(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* The machines whose IDs lie in one of so many equal parts of all IDs, in order. */
static size_t gather(struct fill *f, uint64_t part, uint64_t parts, size_t room)
{
	size_t n = 0;

	for (uint64_t i = f->first; i < f->first + f->total; i++) {
		struct machine *m = &f->machines[n];

		population_client(m->client, f->seed, i);
		if (((uint64_t)be32_get(m->client) * parts) >> 32 != part)
			continue;
		m->number = i;
		MUSTER_ASSERT(n < room);
		n++;
	}
	qsort(f->machines, n, sizeof *f->machines, by_client);
	return n;
}

static int fill_all(struct fill *f, struct muster_err *err)
{
	uint64_t parts = f->total / SORTED_AT_ONCE + 1, each = f->total / MOMENTS;
	/* Random IDs spread evenly: 5 % more than the mean is far beyond chance, and for few machines there is one part. */
	size_t room = (size_t)(f->total / parts + f->total / parts / 20 + 1000), batch_n = each < 1 ? 1 : each < BATCH_MAX ? (size_t)each : BATCH_MAX;
	int r = MUSTER_OK;

	/* One more than can be kept: where the next is tried. */
	f->machines = mem_array(room + 1, sizeof *f->machines);
	f->requests = mem_array(batch_n, sizeof *f->requests);
	if (f->machines == NULL || f->requests == NULL)
		return err_nomem(err);
	for (uint64_t part = 0; part < parts && r == MUSTER_OK; part++) {
		size_t n = gather(f, part, parts, room);

		for (size_t i = 0; i < n && r == MUSTER_OK; i += batch_n)
			r = batch(f, &f->machines[i], n - i < batch_n ? n - i : batch_n, err);
	}
	return r;
}

/* ---- the engine around it ---- */

static int last_at(void *ctx, const struct store_event *e)
{
	*(int64_t *)ctx = e->at;
	return 0;
}

/* When the log ends; 0: there is none yet. The clock must not begin before that. */
static int log_end(struct store *store, int64_t *at, int64_t *seq, struct muster_err *err)
{
	struct store_log_info info;
	struct store_log *log = NULL;
	int r = store->open_log(store, false, &log, err);

	*at = *seq = 0;
	if (r == MUSTER_E_NOT_FOUND)
		return MUSTER_OK;
	if (r == MUSTER_OK && (r = log->ops->info(log, &info, err)) == MUSTER_OK && info.last_seq > 0) {
		*seq = info.last_seq;
		r = log->ops->read(log, info.last_seq - 1, 1, last_at, at, err);
	}
	if (log != NULL)
		log->ops->close(log);
	return r;
}

static void ledger_says(void *ctx, int level, const char *event, const char *text)
{
	(void)ctx;
	if (level <= 3)
		(void)bench_say(0, "%s: %s", event, text);
}

static int engine_open(struct fill *f, struct muster_err *err)
{
	char *dir = file_join(f->host->dir, "state");
	struct ledger_options o = { .dir = dir, .clock = &f->time.clock, .event = ledger_says };
	int64_t latest, seq;
	int r;

	if (dir == NULL)
		return err_nomem(err);
	if ((r = bench_host_catalog(f->host, &f->config, &f->catalog, err)) != MUSTER_OK || (r = store_sqlite_new(&o.store, dir, err)) != MUSTER_OK)
		goto done;
	f->config->limits.queue = BATCH_MAX;
	o.config = f->config;
	if ((r = log_end(o.store, &latest, &seq, err)) == MUSTER_OK) {
		f->to = clock_wall_ms(f->host->clock);
		f->from = latest > f->to - SPREAD_MS ? latest : f->to - SPREAD_MS;
		f->time.clock = (struct clock){ moving_wall, moving_boot };
		f->time.base = f->from - STORE_DAY_MS;
		atomic_store(&f->time.now, f->from);
		(void)moving_wall(&f->time.clock);
		r = ledger_open(&f->ledger, &o, err);
	}
	if (r != MUSTER_OK)
		o.store->free(o.store);
	else if ((r = ledger_bind(f->ledger, f->catalog, err)) == MUSTER_OK)
		r = ledger_start(f->ledger, err);
done:
	mem_free(dir);
	return r;
}

/* Folding goes on by itself; the rest of it is done while the ledger stops, for which its clock leaves it all the time it needs. */
static int wait_folded(struct fill *f, struct muster_err *err)
{
	const struct timespec pause = { 0, 5000000 };
	struct ledger_status status;

	do {
		if (bench_interrupted())
			return err_set(err, MUSTER_E_BUSY, "interrupted");
		show(f, "folding");
		(void)nanosleep(&pause, NULL);
		ledger_status(f->ledger, &status);
	} while (status.last_seq > status.fold_seq);
	return MUSTER_OK;
}

/* The files, not what the engine believes of them. */
static int check_folded(const struct fill *f, struct muster_err *err)
{
	char *dir = file_join(f->host->dir, "state");
	struct store *store = NULL;
	struct store_state *state = NULL;
	struct store_state_info info;
	int64_t at, seq;
	int r;

	if (dir == NULL)
		return err_nomem(err);
	if ((r = store_sqlite_new(&store, dir, err)) == MUSTER_OK && (r = log_end(store, &at, &seq, err)) == MUSTER_OK
	    && (r = store->open_state(store, false, &state, err)) == MUSTER_OK && (r = state->ops->info(state, &info, err)) == MUSTER_OK
	    && info.fold_seq != seq)
		r = err_set(err, MUSTER_E_INTERNAL, "%s: folded up to %lld of %lld", dir, (long long)info.fold_seq, (long long)seq);
	if (state != NULL)
		state->ops->close(state);
	if (store != NULL)
		store->free(store);
	mem_free(dir);
	return r;
}

static int fill_run(struct fill *f, struct muster_err *err)
{
	int r = engine_open(f, err);

	if (r == MUSTER_OK && (r = fill_all(f, err)) == MUSTER_OK)
		r = wait_folded(f, err);
	ledger_free(f->ledger);
	catalog_unref(f->catalog);
	config_free(f->config);
	mem_free(f->requests);
	mem_free(f->machines);
	bench_progress("%s", "");
	return r == MUSTER_OK ? check_folded(f, err) : r;
}

int bench_host_fill(struct bench_host *h, uint64_t seed, uint64_t machines, double *per_s, struct muster_err *err)
{
	struct fill f = { .host = h, .seed = seed };
	struct known known;
	int64_t begun = bench_ns();
	int r;

	MUSTER_ASSERT(h->pid == 0);
	if (per_s != NULL)
		*per_s = 0;
	if ((r = known_read(h, &known, err)) != MUSTER_OK)
		return r;
	if (known.machines > 0 && known.seed != seed)
		return err_set(err, MUSTER_E_MISMATCH, "%s knows the machines of seed %llu, not of %llu: choose another folder", h->dir,
		               (unsigned long long)known.seed, (unsigned long long)seed);
	if (known.machines >= machines)
		return MUSTER_OK;
	f.first = known.machines;
	f.total = machines - known.machines;
	/* It makes the state folder too. */
	if ((r = bench_host_certify(h, err)) != MUSTER_OK || (r = known_write(h, &known, false, err)) != MUSTER_OK)
		return r;
	pthread_mutex_init(&f.lock, NULL);
	pthread_cond_init(&f.cond, NULL);
	r = fill_run(&f, err);
	pthread_cond_destroy(&f.cond);
	pthread_mutex_destroy(&f.lock);
	known = (struct known){ seed, machines };
	if (r != MUSTER_OK || (r = known_write(h, &known, true, err)) != MUSTER_OK)
		return r;
	if (per_s != NULL)
		*per_s = (double)f.total * 1e9 / (double)(bench_ns() - begun);
	return MUSTER_OK;
}
