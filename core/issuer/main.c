/* The command line of muster-issuer. */
#include "core/issuer/issuer.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <openssl/crypto.h>
#include "core/issuer/commands.h"

#define DAYS_MIN 2      /* a host signs nothing in its certificate's last day */
#define DAYS_MAX (TRUST_HOST_LIFE_S / TRUST_DAY_S)

enum option_bit {
	O_NAME = 1 << 0, O_ALGORITHM = 1 << 1, O_FD = 1 << 2, O_NONE = 1 << 3, O_PRODUCTS = 1 << 4, O_SUBJECT = 1 << 5, O_DAYS = 1 << 6,
	O_OUT = 1 << 7, O_ROOT = 1 << 8, O_DIR = 1 << 9, O_JSON = 1 << 10, O_HELP = 1 << 11, O_VERSION = 1 << 12,
};
#define O_EVERYWHERE (O_DIR | O_JSON | O_HELP | O_VERSION)

static const struct option long_options[] = {
	{ "dir", required_argument, NULL, O_DIR }, { "json", no_argument, NULL, O_JSON }, { "help", no_argument, NULL, O_HELP },
	{ "version", no_argument, NULL, O_VERSION }, { "name", required_argument, NULL, O_NAME },
	{ "algorithm", required_argument, NULL, O_ALGORITHM }, { "passphrase-fd", required_argument, NULL, O_FD },
	{ "no-passphrase", no_argument, NULL, O_NONE }, { "products", required_argument, NULL, O_PRODUCTS },
	{ "subject", required_argument, NULL, O_SUBJECT }, { "days", required_argument, NULL, O_DAYS }, { "out", required_argument, NULL, O_OUT },
	{ "root-key", required_argument, NULL, O_ROOT }, { NULL, 0, NULL, 0 },
};

struct command {
	const char *name, *usage, *summary;
	int options, required, args_min, args_max;
	int (*run)(const struct options *o);
	const char *help;
};

static const struct command commands[] = {
	{ "init", "init --name NAME [--algorithm es256|ed25519] [--passphrase-fd N | --no-passphrase]", "make a new issuer: root and first intermediate",
	  O_NAME | O_ALGORITHM | O_FD | O_NONE, O_NAME, 0, 0, command_init,
	  "Makes DIR with root.key, issuer.pem (the root, to be handed out) and the first intermediate. An existing issuer is never overwritten.\n"
	  "Without --passphrase-fd or --no-passphrase the passphrase is asked for on the terminal, without echo.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer init --name \"Example Software\"\n"
	  "  muster-issuer --dir /srv/issuer init --name \"Example Software\" --passphrase-fd 3 3</root/passphrase\n" },
	{ "certify", "certify REQUEST --products FILE [--subject NAME] [--days N] [--out FILE] [--passphrase-fd N]", "certify a host for products",
	  O_PRODUCTS | O_SUBJECT | O_DAYS | O_OUT | O_FD, O_PRODUCTS, 1, 1, command_certify,
	  "REQUEST is what `musterctl host request` printed; - is standard input. Only its public key and the proof of possession are used.\n"
	  "FILE has one activation ID a line; # begins a comment. The chain (PEM: host, intermediate) goes to standard output or to --out.\n"
	  "--days: 2 to 730, 730 unless given. --subject: the host's name in your books; \"host N\" unless given.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer certify host.csr --products products.txt --subject \"Example GmbH, host 1\" --out host.pem\n" },
	{ "intermediate", "intermediate [--root-key FILE] [--passphrase-fd N]", "make a new intermediate with the root key",
	  O_ROOT | O_FD, 0, 0, 0, command_intermediate,
	  "An intermediate issues during its first three years and lives six. The root key is looked for in DIR/root.key unless --root-key names it.\n"
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer intermediate --root-key /media/offline/root.key\n" },
	{ "list", "list", "list the certificates issued", 0, 0, 0, 0, command_list,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer list --json\n" },
	{ "show", "show [NUMBER|KID|SERIAL]", "show the issuer, or one certificate with its chain", 0, 0, 0, 1, command_show,
	  "Examples:\n"
	  "  muster-issuer --dir /srv/issuer show\n"
	  "  muster-issuer --dir /srv/issuer show 1\n" },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int usage(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("muster-issuer: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputs("\n", stderr);
	return ISSUER_USAGE;
}

static int help(const struct command *c)
{
	size_t i;

	if (c != NULL) {
		printf("Usage: muster-issuer --dir DIR [--json] %s\n%s\n\n%s", c->usage, c->summary, c->help);
		return ISSUER_OK;
	}
	printf("Usage: muster-issuer --dir DIR [--json] COMMAND …\nThe publisher's side of Muster: makes an issuer and certifies hosts.\n\nCommands:\n");
	for (i = 0; i < COMMANDS; i++)
		printf("  %-13s %s\n", commands[i].name, commands[i].summary);
	printf("\nOptions:\n"
	       "  --dir DIR     the issuer's folder\n"
	       "  --json        JSON instead of text\n"
	       "  --help        this text, or with a command: its own\n"
	       "  --version     version\n"
	       "\nExamples:\n"
	       "  muster-issuer --dir /srv/issuer init --name \"Example Software\"\n"
	       "  muster-issuer --dir /srv/issuer certify host.csr --products products.txt --out host.pem\n"
	       "  muster-issuer certify --help\n"
	       "\nExit codes: 0 done, 1 failed or refused, 2 wrong usage.\n");
	return ISSUER_OK;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* A decimal number in min … max. */
static bool number(int64_t *out, const char *text, int64_t min, int64_t max)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out >= min && *out <= max;
}

/* One option into @p o. @return ISSUER_OK or ISSUER_USAGE. */
static int take(struct options *o, int bit, const char *value)
{
	int64_t n;

	switch (bit) {
	case O_DIR: o->dir = value; return ISSUER_OK;
	case O_JSON: o->json = true; return ISSUER_OK;
	case O_NAME: o->name = value; return ISSUER_OK;
	case O_NONE: o->no_passphrase = true; return ISSUER_OK;
	case O_PRODUCTS: o->products = value; return ISSUER_OK;
	case O_SUBJECT: o->subject = value; return ISSUER_OK;
	case O_OUT: o->out = value; return ISSUER_OK;
	case O_ROOT: o->root_key = value; return ISSUER_OK;
	case O_ALGORITHM:
		if (strcmp(value, "es256") != 0 && strcmp(value, "ed25519") != 0)
			return usage("--algorithm %s: es256 (P-256, every platform verifies it) or ed25519", value);
		o->algorithm = strcmp(value, "es256") == 0 ? TRUST_ES256 : TRUST_EDDSA;
		return ISSUER_OK;
	case O_FD:
		if (!number(&n, value, 0, INT_MAX))
			return usage("--passphrase-fd takes the number of an open file descriptor, as in --passphrase-fd 3 3<FILE; never the passphrase itself");
		o->passphrase_fd = (int)n;
		return ISSUER_OK;
	case O_DAYS:
		if (!number(&o->days, value, DAYS_MIN, DAYS_MAX))
			return usage("--days %s: %d to %d", value, DAYS_MIN, (int)DAYS_MAX);
		return ISSUER_OK;
	default:
		return ISSUER_OK;
	}
}

static const char *option_name(int bit)
{
	size_t i;

	for (i = 0; long_options[i].name != NULL; i++)
		if (long_options[i].val == bit)
			return long_options[i].name;
	return "";
}

/* Options and arguments must be the command's. */
static int check(const struct command *c, const struct options *o, int given, int args)
{
	int foreign = given & ~(c->options | O_EVERYWHERE), missing = c->required & ~given;

	if (foreign != 0)
		return usage("%s has no option --%s; see: muster-issuer %s --help", c->name, option_name(foreign & -foreign), c->name);
	if (missing != 0)
		return usage("%s needs --%s; see: muster-issuer %s --help", c->name, option_name(missing & -missing), c->name);
	if ((given & O_FD) != 0 && (given & O_NONE) != 0)
		return usage("--passphrase-fd and --no-passphrase exclude each other");
	if (args < c->args_min || args > c->args_max)
		return usage("usage: muster-issuer --dir DIR %s", c->usage);
	if (o->dir == NULL)
		return usage("say which issuer: --dir DIR");
	return ISSUER_OK;
}

/* getopt_long() takes "--pass" for "--passphrase-fd"; somebody's script would break with the next option that begins alike. */
static int refuse_abbreviations(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		size_t n = strcspn(argv[i], "="), k;

		if (strncmp(argv[i], "--", 2) != 0)
			continue;
		for (k = 0; long_options[k].name != NULL; k++)
			if (strlen(long_options[k].name) == n - 2 && strncmp(long_options[k].name, argv[i] + 2, n - 2) == 0)
				break;
		if (long_options[k].name == NULL)
			return usage("unknown option %.*s; see: muster-issuer --help", (int)n, argv[i]);
	}
	return ISSUER_OK;
}

static int parse(struct options *o, int *given, int argc, char **argv)
{
	int bit, r;

	if ((r = refuse_abbreviations(argc, argv)) != ISSUER_OK)
		return r;
	optind = 0;   /* GNU: start anew, also when called twice in one process */
	opterr = 0;
	while ((bit = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (bit == '?' || bit == ':')
			return usage(bit == '?' ? "unknown option %s; see: muster-issuer --help" : "%s needs a value; see: muster-issuer --help", argv[optind - 1]);
		if ((*given & bit) != 0)
			return usage("--%s is given twice", option_name(bit));
		*given |= bit;
		if ((r = take(o, bit, optarg)) != ISSUER_OK)
			return r;
	}
	return ISSUER_OK;
}

int issuer_main(int argc, char **argv, const struct clock *clock)
{
	const struct rlimit none = { 0, 0 };
	struct options o = { .passphrase_fd = -1, .days = DAYS_MAX, .clock = clock };
	const struct command *c;
	int given = 0, r;

	/* Private keys pass through this process: no core dump, and OpenSSL's copies off the swap where the system lets us. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)CRYPTO_secure_malloc_init(65536, 16);
	if ((r = parse(&o, &given, argc, argv)) != ISSUER_OK)
		return r;
	c = find_command(argv[optind]);
	if ((given & O_VERSION) != 0) {
		printf("muster-issuer %s\n", PACKAGE_VERSION);
		return ISSUER_OK;
	}
	if ((given & O_HELP) != 0)
		return help(c);
	if (argv[optind] == NULL)
		return usage("say what to do: init, certify, intermediate, list or show; see: muster-issuer --help");
	if (c == NULL)
		return usage("unknown command \"%s\"; see: muster-issuer --help", argv[optind]);
	if ((r = check(c, &o, given, argc - optind - 1)) != ISSUER_OK)
		return r;
	o.argument = argv[optind + 1];
	return c->run(&o);
}
