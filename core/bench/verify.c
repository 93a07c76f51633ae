/* The whole of a check, its faults, its report. What is compared: verify_leases.c, verify_ledger.c, verify_uses.c. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/bench/verify_private.h"

void verify_fault(struct verify *v, const char *fmt, ...)
{
	struct verify_report *r = v->report;
	va_list ap;

	(void)pthread_mutex_lock(&v->lock);
	if (r->wrong < VERIFY_SHOWN) {
		va_start(ap, fmt);
		(void)vsnprintf(r->shown[r->wrong], sizeof r->shown[0], fmt, ap);
		va_end(ap);
	}
	r->wrong++;
	(void)pthread_mutex_unlock(&v->lock);
}

int verify_go_on(struct muster_err *err)
{
	return bench_interrupted() ? err_set(err, MUSTER_E_BUSY, "interrupted") : MUSTER_OK;
}

int verify_crew_start(struct verify_crew *c, unsigned n, void *(*fn)(void *), void *ctx, struct muster_err *err)
{
	int e = 0;

	for (c->n = 0; c->n < n && (e = pthread_create(&c->threads[c->n], NULL, fn, ctx)) == 0; c->n++)
		;
	return c->n > 0 ? MUSTER_OK : err_errno(err, e, "cannot start a thread");
}

void verify_crew_join(struct verify_crew *c)
{
	while (c->n > 0)
		(void)pthread_join(c->threads[--c->n], NULL);
}

static int find_product(void *ctx, const struct store_edition *e)
{
	struct verify *v = ctx;

	if (uuid_equal(e->activation_id, v->product_id))
		v->product = e->product;
	return 0;
}

/* Whose ledger it is: the numbers and keys that leases and events carry. */
static int ask_ledger(struct verify *v, struct store_log *log, struct store_state *state, struct muster_err *err)
{
	struct store_log_info of_log;
	struct store_state_info of_state;
	int r;

	if ((r = state->ops->info(state, &of_state, err)) != MUSTER_OK || (r = log->ops->info(log, &of_log, err)) != MUSTER_OK
	    || (r = state->ops->editions(state, find_product, v, err)) != MUSTER_OK)
		return r;
	if (!uuid_equal(of_log.ledger_id, of_state.ledger_id))
		return err_set(err, MUSTER_E_MISMATCH, "%s/state: log.db and state.db are of different ledgers", v->dir);
	if (v->product == 0)
		return err_set(err, MUSTER_E_NOT_FOUND, "%s/state: the ledger does not know the product that was asked for", v->dir);
	uuid_format(v->ledger_id, of_state.ledger_id);
	memcpy(v->digest_key, of_log.digest_key, sizeof v->digest_key);
	return MUSTER_OK;
}

static int open_ledger(struct verify *v, struct muster_err *err)
{
	char *path = file_join(v->dir, "state");
	struct store_state *state = NULL;
	struct store_log *log = NULL;
	int r = path == NULL ? err_nomem(err) : store_sqlite_new(&v->store, path, err);

	mem_free(path);
	if (r != MUSTER_OK)
		return r;
	if ((r = v->store->open_state(v->store, false, &state, err)) == MUSTER_OK && (r = v->store->open_log(v->store, false, &log, err)) == MUSTER_OK)
		r = ask_ledger(v, log, state, err);
	if (log != NULL)
		log->ops->close(log);
	if (state != NULL)
		state->ops->close(state);
	return r;
}

static int stop_at_once(void *ctx, const struct record_entry *e, const char *lease)
{
	(void)ctx;
	(void)e;
	(void)lease;
	return 1;
}

/* Which machines and which product. */
static int read_head(struct verify *v, struct muster_err *err)
{
	char *path = file_join(v->dir, "record");
	struct record_head head;
	int r = path == NULL ? err_nomem(err) : record_read(path, &head, stop_at_once, NULL, err);

	mem_free(path);
	if (r == MUSTER_OK) {
		v->seed = head.seed;
		memcpy(v->product_id, head.activation_id, sizeof v->product_id);
	}
	return r;
}

static unsigned threads_of(unsigned wanted)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (wanted == 0)
		wanted = cores > 0 ? (unsigned)cores : 1;
	return wanted < VERIFY_THREADS_MAX ? wanted : VERIFY_THREADS_MAX;
}

static void verify_fini(struct verify *v)
{
	for (size_t i = 0; i < v->chain_count; i++)
		trust_chain_unref(v->chains[i].chain);
	mem_free(v->chains);
	trust_anchors_free(v->anchors);
	mem_free(v->items);
	if (v->store != NULL)
		v->store->free(v->store);
	(void)pthread_mutex_destroy(&v->lock);
}

int verify_folder(struct verify_report *out, const char *dir, unsigned threads, const struct clock *clock, struct muster_err *err)
{
	struct verify v = { .report = out, .dir = dir, .threads = threads_of(threads), .now = clock_wall_ms(clock) / 1000 };
	int64_t begun = bench_ns();
	int r;

	memset(out, 0, sizeof *out);
	(void)pthread_mutex_init(&v.lock, NULL);
	if ((r = read_head(&v, err)) == MUSTER_OK && (r = open_ledger(&v, err)) == MUSTER_OK && (r = verify_keys(&v, err)) == MUSTER_OK
	    && (r = verify_leases(&v, err)) == MUSTER_OK)
		r = verify_ledger(&v, err);
	bench_progress("%s", "");
	verify_fini(&v);
	out->seconds = (double)(bench_ns() - begun) / 1e9;
	return r;
}

void verify_print(const struct verify_report *r, FILE *out)
{
	(void)fprintf(out, "checked      %" PRIu64 " acknowledged answers, %" PRIu64 " of them leases, in %.1f s\n", r->acknowledged, r->leases, r->seconds);
	(void)fprintf(out, "ledger       %" PRIu64 " events, %" PRIu64 " folded; %" PRIu64 " granted or counted and not acknowledged\n", r->events,
	              r->folded, r->unacknowledged);
	(void)fprintf(out, "faults       %" PRIu64 "\n", r->wrong);
	for (uint64_t i = 0; i < r->wrong && i < VERIFY_SHOWN; i++)
		(void)fprintf(out, "  %s\n", r->shown[i]);
	if (r->wrong > VERIFY_SHOWN)
		(void)fprintf(out, "  and %" PRIu64 " more\n", r->wrong - VERIFY_SHOWN);
}

json_t *verify_json(const struct verify_report *r)
{
	json_t *shown = json_array();

	for (uint64_t i = 0; i < r->wrong && i < VERIFY_SHOWN; i++)
		(void)json_array_append_new(shown, json_string(r->shown[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:f}", "acknowledged", (json_int_t)r->acknowledged, "leases", (json_int_t)r->leases,
		"events", (json_int_t)r->events, "folded", (json_int_t)r->folded, "unacknowledged", (json_int_t)r->unacknowledged,
		"faults", (json_int_t)r->wrong, "shown", shown, "seconds", r->seconds);
}
