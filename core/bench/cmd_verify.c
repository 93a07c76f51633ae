/* muster-bench verify DIR */
#include <getopt.h>

#include "core/bench/bench.h"
#include "core/bench/verify.h"

static int help(void)
{
	(void)puts("Usage: muster-bench verify DIR [options]\n\n"
	           "Checks every acknowledged answer of a work folder: each lease verifies and says what the protocol promises, and the ledger holds\n"
	           "each acknowledged request. The host of the folder may run or not.\n\n"
	           "  --threads N   check with N threads; one a core unless given\n"
	           "  --json        print JSON\n\n"
	           "Exit codes: 0 no fault; 1 faults, the first ten in words; 2 could not be checked; 64 wrong usage.\n\n"
	           "Examples:\n"
	           "  muster-bench load --seconds 60 --dir /var/tmp/bench\n"
	           "  muster-bench verify /var/tmp/bench");
	return BENCH_OK;
}

static int print(const struct verify_report *r, bool json)
{
	json_t *j;
	int bad;

	if (!json) {
		verify_print(r, stdout);
		return BENCH_OK;
	}
	if ((j = verify_json(r)) == NULL)
		return bench_say(BENCH_FAILED, "out of memory");
	bad = json_dumpf(j, stdout, JSON_INDENT(2));
	json_decref(j);
	(void)putchar('\n');
	return bad != 0 ? bench_say(BENCH_FAILED, "standard output could not be written") : BENCH_OK;
}

static int run(const char *dir, unsigned threads, bool json, const struct clock *clock)
{
	struct verify_report report;
	struct muster_err err;
	int code;

	if (verify_folder(&report, dir, threads, clock, &err) != MUSTER_OK)
		return bench_say(BENCH_FAILED, "%s", err.message);
	if ((code = print(&report, json)) != BENCH_OK)
		return code;
	return report.wrong > 0 ? BENCH_WRONG : BENCH_OK;
}

int bench_verify(int argc, char **argv, const struct clock *clock)
{
	static const struct option options[] = {
		{ "threads", required_argument, NULL, 't' }, { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
	};
	double threads = 0;
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (c) {
		case 't':
			if (!bench_number(&threads, "verify", "--threads", optarg, 1, 64))
				return BENCH_USAGE;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			return help();
		default:
			return bench_usage("verify", "unknown option, or one without its value");
		}
	if (optind + 1 != argc)
		return bench_usage("verify", optind == argc ? "which folder?" : "one folder at a time");
	return run(argv[optind], (unsigned)threads, json, clock);
}
