/* muster-bench limits: what this machine can do at best. */
#include "core/bench/limits.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>

#include "core/base/err.h"

static int help(void)
{
	(void)puts("Usage: muster-bench limits [--seconds N] [--dir DIR] [--json]\n\n"
	           "What this machine can do at best, each alone; `load` and `suite` tell their figures as ratios to these.\n\n"
	           "  --seconds N   measure each for about N seconds (default 5)\n"
	           "  --dir DIR     write rows below DIR: on the file system whose commits count (default TMPDIR, else /tmp)\n"
	           "  --json        as a JSON object\n\n"
	           "Examples:\n"
	           "  muster-bench limits\n"
	           "  muster-bench limits --seconds 5 --dir /var/lib --json");
	return BENCH_OK;
}

static int print(const struct bench_limits *l, bool as_json)
{
	json_t *j;
	int bad;

	if (!as_json) {
		(void)printf("%10.0f /s  P-256 signatures on one core\n"
		             "%10.0f /s  ledger rows, groups of 64, one durable commit each\n"
		             "%10.0f /s  bare HTTP answers, connections kept alive\n"
		             "%10.0f /s  bare HTTP answers, a connection each\n", l->signatures, l->rows, l->echo, l->echo_per_request);
		return BENCH_OK;
	}
	j = limits_json(l);
	bad = j == NULL || json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0;
	json_decref(j);
	(void)putchar('\n');
	return bad ? bench_say(BENCH_FAILED, "cannot print") : BENCH_OK;
}

int bench_limits(int argc, char **argv, const struct clock *clock)
{
	static const struct option longs[] = {
		{ "seconds", required_argument, NULL, 's' }, { "dir", required_argument, NULL, 'd' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	const char *dir = getenv("TMPDIR");
	struct bench_limits limits;
	struct muster_err err = { 0 };
	double seconds = 5;
	bool as_json = false;
	int c;

	(void)clock;
	if (dir == NULL || dir[0] == '\0')
		dir = "/tmp";
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1)
		switch (c) {
		case 's':
			if (!bench_number(&seconds, "limits", "--seconds", optarg, 0.1, 3600))
				return BENCH_USAGE;
			break;
		case 'd': dir = optarg; break;
		case 'j': as_json = true; break;
		case 'h': return help();
		default: return bench_usage("limits", "unknown option");
		}
	if (optind < argc)
		return bench_usage("limits", "unexpected argument \"%s\"", argv[optind]);
	if (limits_measure(&limits, dir, seconds, &err) != MUSTER_OK)
		return bench_say(BENCH_FAILED, "%s", err.message);
	return print(&limits, as_json);
}
