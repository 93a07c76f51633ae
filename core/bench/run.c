#include "core/bench/run.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define WARM_S 3.0                /* at most, as the next two: a short run is short all over */
#define BASE_S 10.0               /* closed loop before an open one that is told as its share */
#define IDLE_S 1.5
#define BURST_SETTLE_S 0.5
#define CYCLE_ROWS 200000         /* waiting rows at which the host begins to fold under load */
#define SETTLE_S 5.0              /* until every connection has had a request and memory stands; at most a quarter of the time */
#define LOOK_MS 100
#define FOLD_PATIENCE_S 300.0     /* until all is folded after the load */
#define LEVEL_FACTOR 2.0          /* how much longer a run may last until its backlog is level */
#define RENEWING 50000U           /* machines that hold a lease before renewals are measured; 1,000 for each second of a short run */
#define USUAL_CONNECTIONS 64U
#define NUMBERS_A_SECOND (UINT64_C(1) << 20)   /* more than anybody begins */

struct run {
	const struct run_options *o;
	struct run_result *out;
	struct bench_host host;
	struct sampler *sampler;
	struct record *record;
	struct load *renewing;           /* the one that fetched the leases */
	uint64_t next;                   /* number of the next new machine */
};

static double seconds_since(int64_t ns)
{
	return (double)(bench_ns() - ns) / 1e9;
}

static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	(void)nanosleep(&t, NULL);
}

static double at_most(const struct run *x, double seconds)
{
	return x->o->seconds < seconds ? x->o->seconds : seconds;
}

static int interrupted(struct muster_err *err)
{
	return bench_interrupted() ? err_set(err, MUSTER_E_BUSY, "interrupted") : MUSTER_OK;
}

static struct load_options options_for(const struct run *x, double rate)
{
	struct load_options o = {
		.port = x->host.port, .connections = x->o->connections, .threads = x->o->threads, .per_request = x->o->per_request,
		.rate = rate, .seed = x->o->seed, .first = x->next, .activation_id = BENCH_ACTIVATION_ID, .clock = x->o->clock, .record = x->record,
	};

	return o;
}

static int load_begin(struct load **load, const struct load_options *o, struct muster_err *err)
{
	int r = load_new(load, o, err);

	if (r == MUSTER_OK && (r = load_start(*load, err)) != MUSTER_OK) {
		load_free(*load);
		*load = NULL;
	}
	return r;
}

/* A load of no interest in itself. @param[out] rate activations a second; may be NULL. */
static int load_for(struct run *x, const struct load_options *o, double seconds, double *rate, const char *what, struct muster_err *err)
{
	struct load_totals *t = mem_alloc(sizeof *t);
	struct load *load = NULL;
	int64_t began = bench_ns();
	int r = t == NULL ? err_nomem(err) : load_begin(&load, o, err);

	if (r != MUSTER_OK)
		goto done;
	while ((o->most > 0 ? !load_done(load) && seconds_since(began) < 120 : seconds_since(began) < seconds) && !bench_interrupted()) {
		bench_progress("%s: %.0f s", what, seconds_since(began));
		pause_ms(LOOK_MS);
	}
	load_totals(load, t);
	load_stop(load);
	x->next += load_machines(load);
	if (rate != NULL)
		*rate = (double)t->activated / ((double)(t->ended_ns - t->begun_ns) / 1e9);
	if ((r = interrupted(err)) == MUSTER_OK && t->answered == 0)
		r = err_set(err, MUSTER_E_NETWORK, "the host answered nothing; what it said is in %s/log", x->host.dir);
	if (r == MUSTER_OK && t->malformed > 0)
		r = err_set(err, MUSTER_E_INVALID, "an answer is not what the protocol says: %s", t->malformed_first);
	if (r == MUSTER_OK && o->keep > 0) {
		x->renewing = load;
		load = NULL;
	}
done:
	load_free(load);
	mem_free(t);
	return r;
}

/* The count passes the minimum and both ends are warm; with renewals machines fetch the leases they will renew. */
static int prepare(struct run *x, struct muster_err *err)
{
	struct load_options o = options_for(x, 0);
	int r;

	if (o.connections > USUAL_CONNECTIONS)
		o.connections = USUAL_CONNECTIONS;
	if ((r = load_for(x, &o, at_most(x, WARM_S), NULL, "warming up", err)) != MUSTER_OK)
		return r;
	if (x->o->renewals > 0) {
		o.first = x->next;
		o.keep = o.most = x->o->seconds * 1000 < RENEWING ? (uint64_t)(x->o->seconds * 1000) : RENEWING;
		if ((r = load_for(x, &o, 0, NULL, "machines fetch leases to renew", err)) != MUSTER_OK)
			return r;
		o.keep = o.most = 0;
	}
	if (x->o->rate_share > 0) {
		o.first = x->next;
		r = load_for(x, &o, at_most(x, BASE_S), &x->out->base, "closed loop", err);
	}
	return r;
}

/* Until nothing waits to be folded. @param[out] per_s rows a second meanwhile; left alone when nothing waited. */
static int wait_folded(struct run *x, double *per_s, struct muster_err *err)
{
	struct bench_sample begin, s;
	int64_t changed;
	int r;

	if ((r = sampler_take(x->sampler, &begin, err)) != MUSTER_OK)
		return r;
	s = begin;
	changed = begin.ns;
	while (s.last_seq > s.fold_seq && seconds_since(begin.ns) < FOLD_PATIENCE_S) {
		int64_t before = s.fold_seq;

		pause_ms(LOOK_MS / 4);
		if ((r = sampler_take(x->sampler, &s, err)) != MUSTER_OK || (r = interrupted(err)) != MUSTER_OK)
			return r;
		if (s.fold_seq != before)
			changed = s.ns;
		bench_progress("folding: %lld rows to go", (long long)(s.last_seq - s.fold_seq));
	}
	if (changed > begin.ns)
		*per_s = (double)(s.fold_seq - begin.fold_seq) / ((double)(changed - begin.ns) / 1e9);
	return MUSTER_OK;
}

static void peak(struct run_result *out, const struct bench_sample *s)
{
	int64_t lag = s->last_seq - s->fold_seq;

	if (s->rss_anon > out->rss_peak)
		out->rss_peak = s->rss_anon;
	if (lag > out->lag_most)
		out->lag_most = lag;
}

/* Until the time is over, and the backlog no longer than it was. */
static int watch(struct run *x, struct load *load, const struct bench_sample *begin, struct bench_sample *end, struct muster_err *err)
{
	const struct run_options *o = x->o;
	int64_t lag = begin->last_seq - begin->fold_seq;
	int r;

	do {
		pause_ms(LOOK_MS);
		if ((r = sampler_take(x->sampler, end, err)) != MUSTER_OK || (r = interrupted(err)) != MUSTER_OK)
			return r;
		peak(x->out, end);
		bench_progress("load: %.0f of %.0f s, %llu machines so far", seconds_since(begin->ns), o->seconds, (unsigned long long)load_machines(load));
	} while (seconds_since(begin->ns) < o->seconds ||
	         (!o->burst && end->last_seq - end->fold_seq > lag && seconds_since(begin->ns) < o->seconds * LEVEL_FACTOR));
	return MUSTER_OK;
}

static void conclude(struct run *x, const struct bench_sample *begin, const struct bench_sample *end)
{
	struct run_result *out = x->out;

	out->seconds = (double)(out->totals.ended_ns - out->totals.begun_ns) / 1e9;
	out->activations = (double)out->totals.activated / out->seconds;
	out->cpu_ns = end->cpu_ns - begin->cpu_ns;
	out->rss_begin = begin->rss_anon;
	out->rss_end = end->rss_anon;
	out->lag_begin = begin->last_seq - begin->fold_seq;
	out->lag_end = end->last_seq - end->fold_seq;
	out->fold_per_s = (double)(end->fold_seq - begin->fold_seq) / ((double)(end->ns - begin->ns) / 1e9);
	out->log_bytes = end->log_bytes;
	out->state_bytes = end->state_bytes;
}

static double settle_s(const struct run *x, double rate)
{
	double most = x->o->burst && rate <= 0 ? BURST_SETTLE_S : SETTLE_S;

	return x->o->seconds / 4 < most ? x->o->seconds / 4 : most;
}

/* A load that lasts is measured from within the fold's cycle: before its first run begins the backlog is shorter than ever after. */
static int settle(struct run *x, double rate, struct bench_sample *begin, struct muster_err *err)
{
	int64_t began = bench_ns();
	int r;

	pause_ms((long)(settle_s(x, rate) * 1000));
	for (;;) {
		if ((r = sampler_take(x->sampler, begin, err)) != MUSTER_OK || (r = interrupted(err)) != MUSTER_OK)
			return r;
		if (x->o->burst || begin->last_seq - begin->fold_seq >= CYCLE_ROWS || seconds_since(began) >= x->o->seconds / 2)
			return MUSTER_OK;
		pause_ms(LOOK_MS);
	}
}

static int measure(struct run *x, struct muster_err *err)
{
	double rate = x->o->rate_share > 0 ? x->o->rate_share * x->out->base : x->o->rate;
	struct load_options o = options_for(x, rate);
	struct bench_sample begin, end = { 0 };
	struct load *load = NULL;
	int r;

	o.renewals = x->o->renewals;
	x->out->offered = rate;
	/* A burst meets a host that was idle before. */
	if (x->o->burst && (r = wait_folded(x, &x->out->fold_alone_per_s, err)) != MUSTER_OK)
		return r;
	if ((r = load_new(&load, &o, err)) != MUSTER_OK)
		return r;
	if (x->renewing != NULL)
		load_take_leases(load, x->renewing);
	if ((r = load_start(load, err)) != MUSTER_OK)
		goto done;
	if ((r = settle(x, rate, &begin, err)) != MUSTER_OK)
		goto done;
	peak(x->out, &begin);
	load_mark(load);
	if ((r = watch(x, load, &begin, &end, err)) != MUSTER_OK)
		goto done;
	load_totals(load, &x->out->totals);
	conclude(x, &begin, &end);
	if (x->o->kill)
		bench_host_kill(&x->host);
	load_stop(load);
	x->next += load_machines(load);
done:
	load_free(load);
	return r;
}

/* After the load: how fast the rest is folded when nothing else goes on, and what the host holds then. */
static int fold_rest(struct run *x, struct muster_err *err)
{
	struct bench_sample s;
	int r;

	if ((r = wait_folded(x, &x->out->fold_alone_per_s, err)) != MUSTER_OK)
		return r;
	pause_ms((long)(at_most(x, IDLE_S) * 1000));
	if ((r = sampler_take(x->sampler, &s, err)) == MUSTER_OK)
		x->out->rss_idle = s.rss_anon;
	return r;
}

static int restart(struct run *x, struct muster_err *err)
{
	int r = MUSTER_OK;

	if (!x->o->kill && ((r = fold_rest(x, err)) != MUSTER_OK || (r = bench_host_stop(&x->host, err)) != MUSTER_OK))
		return r;
	if ((r = bench_host_start(&x->host, &x->out->restart_ns, err)) != MUSTER_OK)
		return r;
	/* Not before: whoever closes SQLite's files last tidies up, which after a kill is the new host's to do. */
	sampler_free(x->sampler);
	x->sampler = NULL;
	return bench_host_stop(&x->host, err);
}

/* The signing rate is taken before and after, and the better one counts: the ratios must not flatter. */
static int limits_before(struct run *x, struct muster_err *err)
{
	if (x->o->limit_s <= 0)
		return MUSTER_OK;
	bench_progress("%s", "the machine's own limits");
	return limits_measure(&x->out->limits, x->host.dir, x->o->limit_s, err);
}

static int limits_after(struct run *x, struct muster_err *err)
{
	double again = 0;
	int r;

	if (x->o->limit_s <= 0)
		return MUSTER_OK;
	if ((r = limits_signatures(&again, x->o->limit_s, err)) == MUSTER_OK && again > x->out->limits.signatures)
		x->out->limits.signatures = again;
	return r;
}

static int record_begin(struct run *x, struct muster_err *err)
{
	struct record_head head = { .seed = x->o->seed };
	char *path;
	int r;

	if (x->o->no_verify)
		return MUSTER_OK;
	memcpy(head.magic, RECORD_MAGIC, sizeof head.magic);
	memcpy(head.activation_id, x->host.activation_id, 16);
	if ((path = file_join(x->host.dir, "record")) == NULL)
		return err_nomem(err);
	/* A run checks its own answers, not those of the runs before it in the same folder. */
	if (unlink(path) != 0 && errno != ENOENT)
		r = err_errno(err, errno, "cannot remove %s", path);
	else
		r = record_new(&x->record, path, &head, err);
	mem_free(path);
	return r;
}

static int verify(struct run *x, struct muster_err *err)
{
	int r;

	if (x->o->no_verify)
		return MUSTER_OK;
	if ((r = record_write(x->record, err)) != MUSTER_OK)
		return r;
	return verify_folder(&x->out->verify, x->host.dir, 0, x->o->clock, err);
}

static int run_all(struct run *x, struct muster_err *err)
{
	int r;

	if ((r = bench_host_fill(&x->host, x->o->seed, x->o->known, &x->out->fill_per_s, err)) != MUSTER_OK
	    || (r = limits_before(x, err)) != MUSTER_OK
	    || (r = record_begin(x, err)) != MUSTER_OK
	    || (r = bench_host_start(&x->host, &x->out->start_ns, err)) != MUSTER_OK
	    || (r = sampler_new(&x->sampler, &x->host, err)) != MUSTER_OK
	    || (r = prepare(x, err)) != MUSTER_OK
	    || (r = measure(x, err)) != MUSTER_OK
	    || (r = restart(x, err)) != MUSTER_OK
	    || (r = limits_after(x, err)) != MUSTER_OK)
		return r;
	return verify(x, err);
}

int run_load(struct run_result *out, const struct run_options *o, struct muster_err *err)
{
	struct run x = { .o = o, .out = out };
	struct bench_host_options host = { .dir = o->dir, .musterd = o->musterd, .extra = o->extra != NULL ? o->extra : "", .clock = o->clock };
	int r;

	memset(out, 0, sizeof *out);
	/* A folder that is used again must meet new machines again. */
	x.next = o->known + ((uint64_t)(clock_wall_ms(o->clock) / 1000) & 0xfffffff) * NUMBERS_A_SECOND;
	if ((r = bench_host_open(&x.host, &host, err)) != MUSTER_OK)
		return r;
	r = run_all(&x, err);
	bench_progress("%s", "");
	load_free(x.renewing);
	sampler_free(x.sampler);
	record_free(x.record);
	bench_host_close(&x.host);
	return r;
}

bool run_wrong(const struct run_result *r)
{
	return r->verify.wrong > 0 || r->totals.malformed > 0;
}
