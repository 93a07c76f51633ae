/* What a run found, for people and as JSON. */
#include "core/bench/run.h"

#include <string.h>

#define MS 1e6

static const struct { const char *name, *member; double q; } quantiles[] = {
	{ "p50", "p50_ms", 0.5 }, { "p90", "p90_ms", 0.9 }, { "p99", "p99_ms", 0.99 }, { "p99.9", "p999_ms", 0.999 },
};
#define QUANTILES (sizeof quantiles / sizeof quantiles[0])

static const char *kind(const struct run_options *o)
{
	return o->renewals <= 0 ? "new machines" : o->renewals >= 1 ? "renewals" : "new machines and renewals";
}

static double ratio(double rate, const struct run_result *r)
{
	return r->limits.signatures > 0 ? rate / r->limits.signatures : 0;
}

static double each_us(int64_t ns, uint64_t n)
{
	return n > 0 ? (double)ns / (double)n / 1e3 : 0;
}

static double mib(uint64_t bytes)
{
	return (double)bytes / 1048576.0;
}

static void print_statuses(const struct load_totals *t, FILE *out)
{
	for (unsigned i = 0; i < sizeof t->status / sizeof t->status[0]; i++)
		if (t->status[i] > 0)
			(void)fprintf(out, "  %u: %llu", i, (unsigned long long)t->status[i]);
	for (unsigned i = 0; i < LOAD_CODES && t->codes[i].n > 0; i++)
		(void)fprintf(out, "  %s: %llu", t->codes[i].code, (unsigned long long)t->codes[i].n);
	(void)fputc('\n', out);
}

static void print_latency(const char *label, const struct histogram *h, FILE *out)
{
	(void)fprintf(out, "%-12s", label);
	for (size_t i = 0; i < QUANTILES; i++)
		(void)fprintf(out, " %s %.2f ms ", quantiles[i].name, (double)histogram_at(h, quantiles[i].q) / MS);
	(void)fprintf(out, " max %.2f ms\n", (double)h->max / MS);
}

static void print_limits(const struct run_result *r, FILE *out)
{
	const struct bench_limits *l = &r->limits;

	if (l->signatures > 0)
		(void)fprintf(out, "machine      P-256 %.0f/s on one core; ledger rows %.0f/s in groups of 64; bare HTTP %.0f/s kept alive, %.0f/s one connection each\n",
		              l->signatures, l->rows, l->echo, l->echo_per_request);
}

static void print_rate(const struct run_result *r, const struct run_options *o, FILE *out)
{
	(void)fprintf(out, "load         %u connections, %s, %s, ", o->connections, o->per_request ? "one for each request" : "kept alive", kind(o));
	if (r->offered > 0)
		(void)fprintf(out, "open loop at %.0f/s, %.1f s\n", r->offered, r->seconds);
	else
		(void)fprintf(out, "closed loop, %.1f s\n", r->seconds);
	(void)fprintf(out, "activations  %.0f/s", r->activations);
	if (r->limits.signatures > 0)
		(void)fprintf(out, " = %.3f x P-256", ratio(r->activations, r));
	if (r->base > 0)
		(void)fprintf(out, " = %.3f x the closed loop's %.0f/s", r->activations / r->base, r->base);
	(void)fputc('\n', out);
}

void run_print(const struct run_result *r, const struct run_options *o, FILE *out)
{
	const struct load_totals *t = &r->totals;

	print_limits(r, out);
	(void)fprintf(out, "host         %llu machines known; first answer %.3f s after its start, %.3f s after %s\n", (unsigned long long)o->known,
	              (double)r->start_ns / 1e9, (double)r->restart_ns / 1e9, o->kill ? "kill -9" : "the stop");
	if (r->fill_per_s > 0)
		(void)fprintf(out, "filled       %.0f machines/s through the engine\n", r->fill_per_s);
	print_rate(r, o, out);
	(void)fputs("answers    ", out);
	print_statuses(t, out);
	if (t->broken + t->lost + t->late + t->malformed > 0)
		(void)fprintf(out, "unanswered   connections broken: %llu  lost: %llu  due and never sent: %llu  malformed: %llu\n", (unsigned long long)t->broken,
		              (unsigned long long)t->lost, (unsigned long long)t->late, (unsigned long long)t->malformed);
	print_latency("latency", &t->latency, out);
	if (t->latency.n != t->activated_latency.n)
		print_latency("  of leases", &t->activated_latency, out);
	(void)fprintf(out, "cost         host %.1f us of CPU an activation, load %.1f us a request\n", each_us(r->cpu_ns, t->activated), each_us(t->own_cpu_ns, t->answered));
	(void)fprintf(out, "memory       RssAnon %.1f MiB at the beginning, %.1f at the end, %.1f at most, %.1f idle\n", mib(r->rss_begin), mib(r->rss_end),
	              mib(r->rss_peak), mib(r->rss_idle));
	(void)fprintf(out, "fold         %.0f rows/s beside the load; backlog %lld rows at the beginning, %lld at the end, %lld at most; alone %.0f rows/s\n",
	              r->fold_per_s, (long long)r->lag_begin, (long long)r->lag_end, (long long)r->lag_most, r->fold_alone_per_s);
	(void)fprintf(out, "files        log %.0f MiB, state %.0f MiB\n", mib(r->log_bytes), mib(r->state_bytes));
	if (o->no_verify)
		(void)fputs("checked      nothing (--no-verify)\n", out);
	else
		verify_print(&r->verify, out);
	if (t->malformed > 0)
		(void)fprintf(out, "WRONG        %llu answers are not what the protocol says: %s\n", (unsigned long long)t->malformed, t->malformed_first);
}

static json_t *json_latency(const struct histogram *h)
{
	json_t *j = json_pack("{s:f}", "max_ms", (double)h->max / MS);

	for (size_t i = 0; i < QUANTILES; i++)
		(void)json_object_set_new(j, quantiles[i].member, json_real((double)histogram_at(h, quantiles[i].q) / MS));
	return j;
}

static json_t *json_answers(const struct load_totals *t)
{
	json_t *statuses = json_object(), *codes = json_object();
	char name[8];

	for (unsigned i = 0; i < sizeof t->status / sizeof t->status[0]; i++)
		if (t->status[i] > 0) {
			(void)snprintf(name, sizeof name, "%u", i);
			(void)json_object_set_new(statuses, name, json_integer((json_int_t)t->status[i]));
		}
	for (unsigned i = 0; i < LOAD_CODES && t->codes[i].n > 0; i++)
		(void)json_object_set_new(codes, t->codes[i].code, json_integer((json_int_t)t->codes[i].n));
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I}", "sent", (json_int_t)t->sent, "answered", (json_int_t)t->answered,
	                 "activated", (json_int_t)t->activated, "renewed", (json_int_t)t->renewed, "status", statuses, "code", codes,
	                 "broken", (json_int_t)t->broken, "lost", (json_int_t)t->lost, "never_sent", (json_int_t)t->late, "malformed", (json_int_t)t->malformed);
}

json_t *run_json(const struct run_result *r, const struct run_options *o)
{
	const struct bench_limits *l = &r->limits;
	const struct load_totals *t = &r->totals;
	json_t *j = json_pack("{s:i, s:b, s:f, s:I, s:b, s:f, s:f, s:f, s:f, s:f}", "connections", (int)o->connections, "per_request", o->per_request,
	                      "renewals", o->renewals, "known", (json_int_t)o->known, "kill", o->kill, "offered_per_s", r->offered, "seconds", r->seconds,
	                      "activations_per_s", r->activations, "closed_loop_per_s", r->base, "fill_per_s", r->fill_per_s);

	if (l->signatures > 0) {
		(void)json_object_set_new(j, "limits", limits_json(l));
		(void)json_object_set_new(j, "ratio", json_real(ratio(r->activations, r)));
	}
	(void)json_object_set_new(j, "answers", json_answers(t));
	(void)json_object_set_new(j, "latency", json_latency(&t->latency));
	(void)json_object_set_new(j, "activated_latency", json_latency(&t->activated_latency));
	(void)json_object_set_new(j, "host_cpu_us", json_real(each_us(r->cpu_ns, t->activated)));
	(void)json_object_set_new(j, "load_cpu_us", json_real(each_us(t->own_cpu_ns, t->answered)));
	(void)json_object_set_new(j, "start_s", json_real((double)r->start_ns / 1e9));
	(void)json_object_set_new(j, "restart_s", json_real((double)r->restart_ns / 1e9));
	(void)json_object_set_new(j, "rss_anon", json_pack("{s:I, s:I, s:I, s:I}", "begin", (json_int_t)r->rss_begin, "end", (json_int_t)r->rss_end,
	                                                   "peak", (json_int_t)r->rss_peak, "idle", (json_int_t)r->rss_idle));
	(void)json_object_set_new(j, "fold", json_pack("{s:f, s:f, s:I, s:I, s:I}", "rows_per_s", r->fold_per_s, "alone_rows_per_s", r->fold_alone_per_s,
	                                               "lag_begin", (json_int_t)r->lag_begin, "lag_end", (json_int_t)r->lag_end, "lag_most", (json_int_t)r->lag_most));
	(void)json_object_set_new(j, "log_bytes", json_integer((json_int_t)r->log_bytes));
	(void)json_object_set_new(j, "state_bytes", json_integer((json_int_t)r->state_bytes));
	if (!o->no_verify)
		(void)json_object_set_new(j, "verify", verify_json(&r->verify));
	return j;
}
