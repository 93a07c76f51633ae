/* muster-bench load: one measurement, its options read from the command line. */
#include "core/bench/bench.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/bench/run.h"

enum option_id { O_SECONDS = 256, O_CONNECTIONS, O_PER_REQUEST, O_CLIENTS, O_RATE, O_KNOWN, O_THREADS, O_SEED, O_DIR, O_BURST, O_END, O_NO_LIMITS,
	O_NO_VERIFY, O_LIMIT, O_MUSTERD, O_JSON, O_HELP };

static const struct option options[] = {
	{ "seconds", required_argument, NULL, O_SECONDS }, { "connections", required_argument, NULL, O_CONNECTIONS },
	{ "per-request", no_argument, NULL, O_PER_REQUEST }, { "clients", required_argument, NULL, O_CLIENTS }, { "rate", required_argument, NULL, O_RATE },
	{ "known", required_argument, NULL, O_KNOWN }, { "threads", required_argument, NULL, O_THREADS }, { "seed", required_argument, NULL, O_SEED },
	{ "dir", required_argument, NULL, O_DIR }, { "burst", no_argument, NULL, O_BURST }, { "end", required_argument, NULL, O_END },
	{ "no-limits", no_argument, NULL, O_NO_LIMITS }, { "no-verify", no_argument, NULL, O_NO_VERIFY }, { "limit", required_argument, NULL, O_LIMIT },
	{ "musterd", required_argument, NULL, O_MUSTERD }, { "json", no_argument, NULL, O_JSON }, { "help", no_argument, NULL, O_HELP }, { NULL, 0, NULL, 0 }
};

static const struct { const char *name; double renewals; } clients[] = { { "new", 0 }, { "renewals", 1 }, { "mixed", 0.5 } };
#define CLIENTS (sizeof clients / sizeof clients[0])

static int help(void)
{
	(void)puts("Usage: muster-bench load [options]\n\n"
		"Starts a host of its own on the loopback address, puts load on it, checks every lease it got and every acknowledged\n"
		"activation against the ledger, and prints rates beside what the machine can do at best.\n\n"
		"  --seconds N        measured time (60); it goes on until the backlog of the fold is no longer than at its beginning\n"
		"  --burst            it begins with nothing to fold, and is over when its time is over\n"
		"  --connections N    connections, each with one request under way (64)\n"
		"  --per-request      a new connection for each request, instead of connections kept alive\n"
		"  --clients WHICH    new (default), renewals, or mixed, half of each\n"
		"  --rate N | N%      open loop: so many requests a second fall due, or this share of the closed loop's rate, found before\n"
		"  --known N          machines the ledger knows before (10000); k and M may stand behind a number\n"
		"  --end stop|kill    end the host after the load (default), or with kill -9 while it is under load\n"
		"  --limit KEY=VALUE  a line for the host's [limits] section; may be repeated\n"
		"  --threads N        threads that put load (1)\n"
		"  --seed N           another population of machines (1)\n"
		"  --dir DIR          work folder, kept (default: a temporary one, removed)\n"
		"  --no-limits        do not measure the machine's own limits\n"
		"  --no-verify        keep no record and check nothing\n"
		"  --musterd FILE     the host's program (default: the one beside this program)\n"
		"  --json             print JSON\n\n"
		"Examples:\n"
		"  muster-bench load\n"
		"  muster-bench load --per-request\n"
		"  muster-bench load --rate 50% --clients mixed\n"
		"  muster-bench load --known 1M --burst --seconds 20 --dir /var/tmp/bench-1m\n"
		"  muster-bench load --rate 300% --connections 8000 --burst\n"
		"  muster-bench load --end kill --seconds 10 --json");
	return BENCH_OK;
}

static int take_rate(struct run_options *o, const char *text)
{
	size_t n = strlen(text);
	char number[32];

	if (n > 1 && n < sizeof number && text[n - 1] == '%') {
		memcpy(number, text, n - 1);
		number[n - 1] = '\0';
		if (!bench_number(&o->rate_share, "load", "--rate", number, 0.1, 10000))
			return BENCH_USAGE;
		o->rate_share /= 100;
		o->rate = 0;
		return BENCH_OK;
	}
	o->rate_share = 0;
	return bench_number(&o->rate, "load", "--rate", text, 0.01, 1e7) ? BENCH_OK : BENCH_USAGE;
}

static int take_clients(struct run_options *o, const char *text)
{
	for (size_t i = 0; i < CLIENTS; i++)
		if (strcmp(text, clients[i].name) == 0) {
			o->renewals = clients[i].renewals;
			return BENCH_OK;
		}
	return bench_usage("load", "--clients: \"%s\" is none of new, renewals, mixed", text);
}

static int take_whole(double *out, const char *option, const char *text, double min, double max)
{
	if (!bench_number(out, "load", option, text, min, max))
		return BENCH_USAGE;
	return *out == floor(*out) ? BENCH_OK : bench_usage("load", "%s: \"%s\" is not a whole number", option, text);
}

struct parsed { struct run_options o; struct buf extra; bool json; };

static int take_limit(struct parsed *p, const char *text)
{
	const char *equals = strchr(text, '=');

	if (equals == NULL || equals == text || strpbrk(text, "\r\n[]") != NULL)
		return bench_usage("load", "--limit: \"%s\" is not KEY=VALUE", text);
	buf_addf(&p->extra, "%.*s = %s\n", (int)(equals - text), text, equals + 1);
	return p->extra.failed ? bench_usage("load", "--limit: too many of them") : BENCH_OK;
}

static int take(struct parsed *p, int option, const char *value)
{
	struct run_options *o = &p->o;
	double n = 0;
	int r = BENCH_OK;

	switch (option) {
	case O_SECONDS: return bench_number(&o->seconds, "load", "--seconds", value, 0.5, 86400) ? BENCH_OK : BENCH_USAGE;
	case O_CONNECTIONS: r = take_whole(&n, "--connections", value, 1, 18000); o->connections = (unsigned)n; return r;
	case O_THREADS: r = take_whole(&n, "--threads", value, 1, RECORD_LANES); o->threads = (unsigned)n; return r;
	case O_KNOWN: r = take_whole(&n, "--known", value, 0, 1e8); o->known = (uint64_t)n; return r;
	case O_SEED: r = take_whole(&n, "--seed", value, 0, 4294967295.0); o->seed = (uint64_t)n; return r;
	case O_PER_REQUEST: o->per_request = true; return r;
	case O_CLIENTS: return take_clients(o, value);
	case O_RATE: return take_rate(o, value);
	case O_BURST: o->burst = true; return r;
	case O_END:
		o->kill = strcmp(value, "kill") == 0;
		return o->kill || strcmp(value, "stop") == 0 ? r : bench_usage("load", "--end: \"%s\" is neither stop nor kill", value);
	case O_DIR: o->dir = value; return r;
	case O_MUSTERD: o->musterd = value; return r;
	case O_NO_LIMITS: o->limit_s = 0; return r;
	case O_NO_VERIFY: o->no_verify = true; return r;
	case O_LIMIT: return take_limit(p, value);
	case O_JSON: p->json = true; return r;
	default: return bench_usage("load", "wrong option");
	}
}

static int run(struct parsed *p)
{
	struct run_result *result = mem_alloc(sizeof *result);
	struct muster_err err = { 0 };
	json_t *j = NULL;
	int code;

	if (result == NULL)
		return bench_say(BENCH_FAILED, "out of memory");
	if (run_load(result, &p->o, &err) != MUSTER_OK) {
		code = bench_say(BENCH_FAILED, "%s", err.message);
		goto done;
	}
	code = run_wrong(result) ? BENCH_WRONG : BENCH_OK;
	if (!p->json)
		run_print(result, &p->o, stdout);
	else if ((j = run_json(result, &p->o)) == NULL || json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0 || putchar('\n') == EOF)
		code = bench_say(BENCH_FAILED, "the result could not be printed");
done:
	json_decref(j);
	mem_free(result);
	return code;
}

int bench_load(int argc, char **argv, const struct clock *clock)
{
	struct parsed p = { .o = { .connections = 64, .threads = 1, .seconds = 60, .limit_s = 2, .known = 10000, .seed = 1, .clock = clock } };
	int option, r = BENCH_OK;

	buf_init(&p.extra, 4096);
	optind = 0;
	while (r == BENCH_OK && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == O_HELP) {
			r = help();
			goto done;
		}
		r = take(&p, option, optarg);
	}
	if (r == BENCH_OK && optind < argc)
		r = bench_usage("load", "what is \"%s\"?", argv[optind]);
	if (r == BENCH_OK && p.o.threads > p.o.connections)
		r = bench_usage("load", "--threads: more than connections");
	if (r == BENCH_OK) {
		p.o.extra = buf_str(&p.extra);
		r = run(&p);
	}
done:
	buf_fini(&p.extra);
	return r;
}
