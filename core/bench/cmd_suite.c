/* muster-bench suite: the measurements of docs/performance.md, one row each. */
#include "core/bench/bench.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/bench/run.h"

/** One row: how it is typed as `muster-bench load`, what is measured, what is aimed at. Quick: shorter, with fewer known machines. */
struct scenario {
	const char *name, *command, *aim;
	struct run_options o;
	double quick_known;
};

static const struct scenario scenarios[] = {
	{ "keep-alive", "load", "at least 0.3 x P-256, aimed at 0.45", { .connections = 64, .known = 10000, .seconds = 60 }, 10000 },
	{ "per-request", "load --per-request", "at least 0.12 x P-256", { .connections = 64, .known = 10000, .seconds = 60, .per_request = true }, 10000 },
	{ "half-load", "load --rate 50%", "p99 below 10 ms, p99.9 below 50 ms", { .connections = 64, .known = 10000, .seconds = 60, .rate_share = 0.5 }, 10000 },
	{ "renewals", "load --clients renewals", "", { .connections = 64, .known = 10000, .seconds = 60, .renewals = 1 }, 10000 },
	{ "mixed", "load --clients mixed", "", { .connections = 64, .known = 10000, .seconds = 60, .renewals = 0.5 }, 10000 },
	{ "known-10k", "load --burst --seconds 20 --known 10k", "the measure for the next two", { .connections = 64, .known = 10000, .seconds = 20, .burst = true }, 10000 },
	{ "known-1m", "load --burst --seconds 20 --known 1M", "at least 0.9 x the rate with 10 k", { .connections = 64, .known = 1000000, .seconds = 20, .burst = true }, 50000 },
	{ "known-10m", "load --burst --seconds 20 --known 10M", "at least 0.9 x the rate with 10 k; RssAnon within 32 MiB of it; start below 1 s",
	  { .connections = 64, .known = 10000000, .seconds = 20, .burst = true }, 100000 },
	{ "kill-10m", "load --burst --seconds 20 --known 10M --end kill", "start after kill -9 below 1 s; nothing acknowledged is lost",
	  { .connections = 64, .known = 10000000, .seconds = 20, .burst = true, .kill = true }, 100000 },
	{ "overload", "load --burst --rate 300% --connections 8000", "at least 0.9 x the closed loop's rate, 503 for everyone else",
	  { .connections = 8000, .known = 10000, .seconds = 60, .rate_share = 3, .burst = true }, 10000 },
};
#define SCENARIOS (sizeof scenarios / sizeof scenarios[0])
#define QUICK_S 0.5
#define SHARED_FROM 1000000U
#define QUICK_CONNECTIONS 1000U

struct suite {
	const char *dir, *only, *musterd;
	bool quick, json, list;
	const struct clock *clock;
	json_t *rows;
	bool wrong;
};

static int help(void)
{
	(void)puts("Usage: muster-bench suite [options]\n\n"
		"Runs the measurements of docs/performance.md one after the other, each on a host of its own, every answer checked.\n"
		"The whole takes about 25 minutes and 6 GiB of disk; nothing else should run meanwhile.\n\n"
		"  --quick         all of them in about a minute, with few machines: checks the answers, the rates mean little\n"
		"  --only NAME     this one only; --list names them\n"
		"  --list          list the measurements, their commands and aims\n"
		"  --dir DIR       where ledgers of a million machines and more are kept and used again (default: temporary folders, removed)\n"
		"  --musterd FILE  the host's program (default: the one beside this program)\n"
		"  --json          print JSON\n\n"
		"Exit codes: 0 every answer right; 1 a wrong answer; 2 could not be done; 64 wrong usage. Rates fail nothing.\n\n"
		"Examples:\n"
		"  muster-bench suite --dir /var/tmp/bench\n"
		"  muster-bench suite --only keep-alive\n"
		"  muster-bench suite --quick");
	return BENCH_OK;
}

static int list(void)
{
	for (size_t i = 0; i < SCENARIOS; i++)
		(void)printf("%-12s muster-bench %-52s %s\n", scenarios[i].name, scenarios[i].command, scenarios[i].aim);
	return BENCH_OK;
}

static void row(const struct scenario *c, const struct run_result *r)
{
	const struct load_totals *t = &r->totals;
	double ratio = r->limits.signatures > 0 ? r->activations / r->limits.signatures : 0;

	(void)printf("%-12s %9.0f %6.3f %8.2f %8.2f %8.2f %7.1f %7.1f %7.1f %9.0f %9.0f %8lld %8lld %7.3f %7.3f %9llu %s\n", c->name, r->activations, ratio,
	             (double)histogram_at(&t->latency, 0.5) / 1e6, (double)histogram_at(&t->latency, 0.99) / 1e6,
	             (double)histogram_at(&t->latency, 0.999) / 1e6, t->activated > 0 ? (double)r->cpu_ns / (double)t->activated / 1e3 : 0,
	             (double)r->rss_begin / 1048576, (double)r->rss_peak / 1048576, r->fold_per_s, r->fold_alone_per_s, (long long)r->lag_begin,
	             (long long)r->lag_end, (double)r->start_ns / 1e9, (double)r->restart_ns / 1e9, (unsigned long long)r->verify.acknowledged,
	             run_wrong(r) ? "WRONG" : "right");
	(void)fflush(stdout);
}

static void heading(void)
{
	(void)printf("%-12s %9s %6s %8s %8s %8s %7s %7s %7s %9s %9s %8s %8s %7s %7s %9s\n", "measurement", "leases/s", "xP-256", "p50 ms", "p99 ms", "p99.9",
	             "CPU us", "Rss MiB", "peak", "fold/s", "alone/s", "lag", "lag end", "start s", "again s", "checked");
}

static void print_limits(const struct run_result *r)
{
	(void)printf("machine: P-256 %.0f signatures/s on one core; ledger %.0f rows/s in groups of 64; bare HTTP %.0f/s kept alive, %.0f/s one connection each\n",
	             r->limits.signatures, r->limits.rows, r->limits.echo, r->limits.echo_per_request);
}

static int one(struct suite *s, const struct scenario *c, struct run_result *r, const char *dir, bool first, struct muster_err *err)
{
	struct run_options o = c->o;
	json_t *j;
	int result;

	o.threads = 1;
	o.seed = 1;
	o.limit_s = s->quick ? 0.2 : 2;
	o.clock = s->clock;
	o.dir = dir;
	o.musterd = s->musterd;
	if (s->quick) {
		o.known = (uint64_t)c->quick_known;
		o.seconds = QUICK_S;
		o.connections = o.connections < QUICK_CONNECTIONS ? o.connections : QUICK_CONNECTIONS;
	}
	if ((result = run_load(r, &o, err)) != MUSTER_OK)
		return result;
	s->wrong |= run_wrong(r);
	if (s->json) {
		if ((j = run_json(r, &o)) == NULL || json_object_set_new(j, "name", json_string(c->name)) != 0 || json_array_append_new(s->rows, j) != 0)
			return err_nomem(err);
		return MUSTER_OK;
	}
	if (first) {
		print_limits(r);
		heading();
	}
	row(c, r);
	if (run_wrong(r))
		verify_print(&r->verify, stdout);
	return MUSTER_OK;
}

static int all(struct suite *s, struct muster_err *err)
{
	struct run_result *result = mem_alloc(sizeof *result);
	bool first = true;
	int r = result == NULL ? err_nomem(err) : MUSTER_OK;

	for (size_t i = 0; i < SCENARIOS && r == MUSTER_OK; i++) {
		const struct scenario *c = &scenarios[i];
		char known[32], *dir = NULL;

		if (s->only != NULL && strcmp(s->only, c->name) != 0)
			continue;
		/* Large ledgers are filled once and shared. A small one would not be small any more after the first load. */
		(void)snprintf(known, sizeof known, "known-%llu", (unsigned long long)c->o.known);
		if (s->dir != NULL && !s->quick && c->o.known >= SHARED_FROM && (dir = file_join(s->dir, known)) == NULL)
			r = err_nomem(err);
		else
			r = one(s, c, result, dir, first, err);
		first = false;
		mem_free(dir);
	}
	mem_free(result);
	return r;
}

static int run(struct suite *s)
{
	struct muster_err err = { 0 };
	int r;

	if (s->dir != NULL && file_make_dir(s->dir, 0700, &err) != MUSTER_OK)
		return bench_say(BENCH_FAILED, "%s", err.message);
	if ((s->rows = json_array()) == NULL)
		return bench_say(BENCH_FAILED, "out of memory");
	r = all(s, &err);
	if (r == MUSTER_OK && s->json && (json_dumpf(s->rows, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0 || putchar('\n') == EOF))
		r = err_set(&err, MUSTER_E_IO, "the result could not be printed");
	json_decref(s->rows);
	if (r != MUSTER_OK)
		return bench_say(BENCH_FAILED, "%s", err.message);
	return s->wrong ? BENCH_WRONG : BENCH_OK;
}

static int check_only(const struct suite *s)
{
	for (size_t i = 0; i < SCENARIOS; i++)
		if (s->only == NULL || strcmp(scenarios[i].name, s->only) == 0)
			return BENCH_OK;
	return bench_usage("suite", "--only: no measurement is called \"%s\"; --list names them", s->only);
}

int bench_suite(int argc, char **argv, const struct clock *clock)
{
	enum { O_QUICK = 256, O_ONLY, O_LIST, O_DIR, O_MUSTERD, O_JSON, O_HELP };
	static const struct option options[] = {
		{ "quick", no_argument, NULL, O_QUICK }, { "only", required_argument, NULL, O_ONLY }, { "list", no_argument, NULL, O_LIST },
		{ "dir", required_argument, NULL, O_DIR }, { "musterd", required_argument, NULL, O_MUSTERD }, { "json", no_argument, NULL, O_JSON },
		{ "help", no_argument, NULL, O_HELP }, { NULL, 0, NULL, 0 }
	};
	struct suite s = { .clock = clock };
	int option, r;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case O_QUICK: s.quick = true; break;
		case O_ONLY: s.only = optarg; break;
		case O_LIST: s.list = true; break;
		case O_DIR: s.dir = optarg; break;
		case O_MUSTERD: s.musterd = optarg; break;
		case O_JSON: s.json = true; break;
		case O_HELP: return help();
		default: return bench_usage("suite", "wrong option");
		}
	if (optind < argc)
		return bench_usage("suite", "what is \"%s\"?", argv[optind]);
	if (s.list)
		return list();
	return (r = check_only(&s)) != BENCH_OK ? r : run(&s);
}
