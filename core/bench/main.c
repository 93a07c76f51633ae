/* The command line of muster-bench: `muster-bench VERB [options]`; each verb reads its own options. */
#include "core/bench/bench.h"

#include <signal.h>
#include <string.h>

#include "core/base/nearest.h"

struct verb { const char *name; int (*run)(int argc, char **argv, const struct clock *clock); const char *doc; };

static const struct verb verbs[] = {
	{ "load", bench_load, "start a host, put load on it, check every answer, print what it did" },
	{ "suite", bench_suite, "all measurements of docs/performance.md, as a table" },
	{ "limits", bench_limits, "what this machine can do at best: signatures, commits, bare HTTP" },
	{ "verify", bench_verify, "check every acknowledged answer of a work folder against its ledger" },
	{ "fleet", bench_fleet, "simulate a fleet over months through the real engine" },
};
#define VERBS (sizeof verbs / sizeof verbs[0])

static const char *verb_at(const void *ctx, size_t i)
{
	(void)ctx;
	return verbs[i].name;
}

static int help(void)
{
	(void)puts("Usage: muster-bench VERB [options]\n\n"
	           "Measures a Muster host of its own, on the loopback address and in a folder of its own; never a host in use.\n\nVerbs:");
	for (size_t i = 0; i < VERBS; i++)
		(void)printf("  %-8s %s\n", verbs[i].name, verbs[i].doc);
	(void)puts("\nmuster-bench VERB --help says more.\n"
	           "\nExit codes: 0 done and every answer right; 1 a wrong answer; 2 could not be done; 64 wrong usage.\n"
	           "\nExamples:\n"
	           "  muster-bench load --seconds 60                       64 connections kept alive, new machines\n"
	           "  muster-bench load --seconds 60 --rate 50%            open loop at half the rate just found\n"
	           "  muster-bench fleet --machines 10000 --days 365       a year in seconds");
	return BENCH_OK;
}

int bench_main(int argc, char **argv, const struct clock *clock)
{
	const char *near;

	(void)signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return bench_usage(NULL, "no verb");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
		return help();
	if (strcmp(argv[1], "--version") == 0)
		return puts("muster-bench " PACKAGE_VERSION) == EOF ? BENCH_FAILED : BENCH_OK;
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(argv[1], verbs[i].name) == 0) {
			int r;

			bench_catch_signals();
			r = verbs[i].run(argc - 1, argv + 1, clock);
			if (fflush(stdout) != 0 && r == BENCH_OK)
				r = bench_say(BENCH_FAILED, "standard output could not be written");
			return r;
		}
	near = nearest_name(argv[1], VERBS, verb_at, NULL);
	return near != NULL ? bench_usage(NULL, "unknown verb \"%s\"; did you mean %s?", argv[1], near) : bench_usage(NULL, "unknown verb \"%s\"", argv[1]);
}
