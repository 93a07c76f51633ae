#include "core/service/options.h"

#include <getopt.h>
#include <stdio.h>

static const char usage[] =
	"Usage: musterd [--config FILE] [--check | --dump-config] [--foreground]\n"
	"Host of a Muster installation: counts machines and grants leases.\n"
	"\n"
	"  -c, --config FILE   configuration (default " MUSTER_SYSCONFDIR "/muster.conf)\n"
	"      --check         read configuration, plugins and products, say what is wrong, and end\n"
	"      --dump-config   print the configuration in force with each value's source, and end\n"
	"  -f, --foreground    log plain lines, also under a service manager\n"
	"  -h, --help          this text\n"
	"  -V, --version       version\n"
	"\n"
	"The daemon stays in the foreground; a service manager puts it into the background. SIGHUP reads the\n"
	"configuration again, SIGTERM ends it. Manual: musterd(8), muster.conf(5).\n";

enum { OPT_CHECK = 256, OPT_DUMP };

int options_parse(struct options *out, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, OPT_CHECK },
		{ "dump-config", no_argument, NULL, OPT_DUMP }, { "foreground", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 },
	};
	int c;

	*out = (struct options){ .config = MUSTER_SYSCONFDIR "/muster.conf" };
	while ((c = getopt_long(argc, argv, "c:fhV", longs, NULL)) != -1) {
		switch (c) {
		case 'c': out->config = optarg; break;
		case OPT_CHECK: out->check = true; break;
		case OPT_DUMP: out->dump = true; break;
		case 'f': out->foreground = true; break;
		case 'h': fputs(usage, stdout); return 1;
		case 'V': printf("musterd %s\n", PACKAGE_VERSION); return 1;
		default: fputs("Try 'musterd --help'.\n", stderr); return -1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "musterd: unexpected argument '%s'\nTry 'musterd --help'.\n", argv[optind]);
		return -1;
	}
	if (out->check && out->dump) {
		fputs("musterd: --check and --dump-config exclude each other\n", stderr);
		return -1;
	}
	return 0;
}
