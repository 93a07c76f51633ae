/* `muster-bench fleet`: the command line. */
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/bench/fleet.h"

#define VERB "fleet"
enum { OPT_KNOB = 1000, OPT_DIR = 2000, OPT_JSON, OPT_PRODUCT, OPT_HELP };

/* Minimum counts of facts.md section 1. */
static const struct { const char *name; double minimum; } products[] = { { "windows", 25 }, { "windows-server", 5 }, { "office", 5 } };
#define PRODUCTS (sizeof products / sizeof products[0])

static int help(void)
{
	(void)puts("Usage: muster-bench fleet [options]\n\n"
	           "Simulates a fleet of machines over months of injected time through the real engine: catalog, counting, ledger, fold, retention and\n"
	           "SQLite, without HTTP and signatures. Machines behave as libmuster does. Every answer is compared with a small model written from the\n"
	           "rules, and in the end the ledger's books are. Deterministic: the same seed and options give the same run.\n\nOptions:");
	for (size_t i = 0; i < fleet_knob_count; i++) {
		char left[40];

		(void)snprintf(left, sizeof left, "--%s %s", fleet_knobs[i].name, fleet_knobs[i].arg);
		(void)printf("  %-22s %s (%g)\n", left, fleet_knobs[i].doc, fleet_knobs[i].value);
	}
	(void)puts("  --product NAME         windows, windows-server or office: its minimum count\n"
	           "  --dir DIR              where the ledger lies, new or empty, and is kept; else a temporary folder: in TMPDIR, or\n"
	           "                         in memory (/dev/shm) when there is room, or in /tmp\n"
	           "  --json                 one JSON object instead of the table; only what stands under \"measured\" differs from run to run\n"
	           "  --help\n"
	           "\nShares are 0 to 1. Numbers take k and M. A month is 30 days.\n"
	           "\nA restart as after kill -9: the files are copied at a moment between two commits, events not yet folded among them, the engine is\n"
	           "stopped, and the copies are put in place of what its end has written. Above 256 MiB it is a restart in good order.\n"
	           "\nA machine needs about 100 bytes beside some 100 MiB for the engine. A million of them make 55 million requests a year:\n"
	           "6 GB of ledger with --keep 400, 1 GB with --keep 30, and half an hour.\n"
	           "\nExit codes: 0 every answer was right; 1 a difference, the first ten are told; 2 could not be done or interrupted; 64 wrong usage.\n"
	           "\nExamples:\n"
	           "  muster-bench fleet                                             ten thousand machines for a year\n"
	           "  muster-bench fleet --machines 300 --days 400 --clones 0.05     a small one with many clones\n"
	           "  muster-bench fleet --product office --machines 8 --silent 0.5  near the threshold\n"
	           "  muster-bench fleet --long-outage 200                           leases end before the host is back\n"
	           "  muster-bench fleet --machines 1M --keep 30 --dir /var/tmp/fleet");
	return BENCH_OK;
}

static int run(const struct fleet_options *o, bool json)
{
	struct fleet *f = mem_alloc(sizeof *f);
	struct muster_err err = { 0 };
	int r, code = BENCH_OK;

	if (f == NULL)
		return bench_say(BENCH_FAILED, "out of memory");
	r = fleet_run(f, o, &err);
	if (r != MUSTER_OK) {
		for (uint64_t i = 0; i < f->faults.n && i < FLEET_SHOWN; i++)
			(void)bench_say(BENCH_WRONG, "%s", f->faults.shown[i]);
		code = bench_say(f->faults.n > 0 ? BENCH_WRONG : BENCH_FAILED, "%s", err.message);
	} else {
		if (!json)
			fleet_print(f, stdout);
		else if (fleet_print_json(f, stdout) != BENCH_OK)
			code = bench_say(BENCH_FAILED, "the JSON could not be written");
		if (f->faults.n > 0)
			code = bench_say(BENCH_WRONG, "%llu difference%s between the engine and the model", (unsigned long long)f->faults.n, f->faults.n == 1 ? "" : "s");
	}
	fleet_fini(f);
	mem_free(f);
	return code;
}

static bool set_knob(struct fleet_options *o, const struct fleet_knob *k, const char *text)
{
	char name[32];
	double v;

	(void)snprintf(name, sizeof name, "--%s", k->name);
	if (!bench_number(&v, VERB, name, text, k->min, k->max))
		return false;
	if (k->whole)
		v = floor(v);
	memcpy((char *)o + k->offset, &v, sizeof v);
	return true;
}

static bool set_product(struct fleet_options *o, const char *name)
{
	for (size_t i = 0; i < PRODUCTS; i++)
		if (strcmp(products[i].name, name) == 0) {
			o->minimum = products[i].minimum;
			return true;
		}
	(void)bench_usage(VERB, "--product: \"%s\" is none of windows, windows-server, office", name);
	return false;
}

static void options_fill(struct option *list)
{
	size_t n = 0;

	for (; n < fleet_knob_count; n++)
		list[n] = (struct option){ fleet_knobs[n].name, required_argument, NULL, OPT_KNOB + (int)n };
	list[n++] = (struct option){ "dir", required_argument, NULL, OPT_DIR };
	list[n++] = (struct option){ "json", no_argument, NULL, OPT_JSON };
	list[n++] = (struct option){ "product", required_argument, NULL, OPT_PRODUCT };
	list[n++] = (struct option){ "help", no_argument, NULL, OPT_HELP };
	list[n] = (struct option){ NULL, 0, NULL, 0 };
}

int bench_fleet(int argc, char **argv, const struct clock *clock)
{
	struct option list[64];
	struct fleet_options o;
	bool json = false;
	int c;

	(void)clock;   /* time is simulated */
	MUSTER_ASSERT(fleet_knob_count + 5 <= sizeof list / sizeof list[0]);
	options_fill(list);
	fleet_defaults(&o);
	optind = 0;
	while ((c = getopt_long(argc, argv, "h", list, NULL)) != -1) {
		if (c == OPT_HELP || c == 'h')
			return help();
		if (c == OPT_DIR)
			o.dir = optarg;
		else if (c == OPT_JSON)
			json = true;
		else if (c == OPT_PRODUCT && !set_product(&o, optarg))
			return BENCH_USAGE;
		else if (c >= OPT_KNOB && c < OPT_DIR && !set_knob(&o, &fleet_knobs[c - OPT_KNOB], optarg))
			return BENCH_USAGE;
		else if (c == '?')
			return bench_usage(VERB, "unknown option or missing value");
	}
	if (optind < argc)
		return bench_usage(VERB, "unexpected \"%s\"", argv[optind]);
	return run(&o, json);
}
