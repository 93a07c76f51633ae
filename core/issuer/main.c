/* The command line of muster-issuer: finds the command, or explains. */
#include "core/issuer/issuer.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <openssl/crypto.h>
#include "core/issuer/options.h"

static void help_one(const struct command *c)
{
	printf("Usage: muster-issuer --dir DIR [--json] %s\n%s\n\n%s", c->usage, c->summary, c->help);
}

static void help_all(void)
{
	const struct command *c;

	printf("Usage: muster-issuer --dir DIR [--json] COMMAND …\nThe publisher's side of Muster: makes an issuer, keys and licence packs, and activates hosts.\n\nCommands:\n");
	for (c = command_table; c->name != NULL; c++)
		printf("  %-18s %s\n", c->name, c->summary);
	printf("\nOptions:\n"
	       "  --dir DIR          the issuer's folder\n"
	       "  --json             JSON instead of text\n"
	       "  --help             this text, or with a command: its own\n"
	       "  --version          version\n"
	       "\nThe passphrase is asked for on the terminal; or it comes from --passphrase-fd N, or from the file \"passphrase\" in $CREDENTIALS_DIRECTORY.\n"
	       "\nExamples:\n"
	       "  muster-issuer --dir /srv/issuer init --name \"Example Software\"\n"
	       "  muster-issuer --dir /srv/issuer certify host.csr --products products.txt --out host.pem\n"
	       "  muster-issuer certify --help\n"
	       "\nExit codes: 0 done, 1 failed or refused, 2 wrong usage.\n");
}

/* Is @p word the first of two words of @p name? */
static bool begins(const char *name, const char *word)
{
	size_t n = strlen(word);

	return strncmp(name, word, n) == 0 && name[n] == ' ';
}

/* The command that @p words begin with. @param[out] used how many of them are its name. */
static const struct command *find_command(char **words, int n, int *used)
{
	const struct command *c;

	/* two words first: "audit verify" is not "audit" with an argument */
	for (c = command_table; n > 1 && c->name != NULL; c++)
		if (begins(c->name, words[0]) && strcmp(c->name + strlen(words[0]) + 1, words[1]) == 0) {
			*used = 2;
			return c;
		}
	for (c = command_table; n > 0 && c->name != NULL; c++)
		if (strcmp(c->name, words[0]) == 0) {
			*used = 1;
			return c;
		}
	return NULL;
}

/* Commands of two words of which only the first is right: say which there are. */
static int explain_group(const char *word, bool help)
{
	char list[256] = "";
	const struct command *c;
	size_t n = 0;

	for (c = command_table; c->name != NULL; c++) {
		if (!begins(c->name, word) || n >= sizeof(list))
			continue;
		if (help) {
			printf("%s", n > 0 ? "\n" : "");
			help_one(c);
		}
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n > 0 ? ", " : "", c->name);
	}
	if (n > 0 && help)
		return ISSUER_OK;
	return n > 0 ? options_usage("say what to do: %s; see: muster-issuer %s --help", list, word)
	             : options_usage("unknown command \"%s\"; see: muster-issuer --help", word);
}

static int run(struct options *o, char **words, int n)
{
	int used = 0, i, r;
	const struct command *c = find_command(words, n, &used);

	if (option_given(o, OPT_VERSION)) {
		printf("muster-issuer %s\n", PACKAGE_VERSION);
		return ISSUER_OK;
	}
	if (option_given(o, OPT_HELP) && n == 0) {
		help_all();
		return ISSUER_OK;
	}
	if (n == 0)
		return options_usage("say what to do: init, key mint, pack create, list …; see: muster-issuer --help");
	if (c == NULL)
		return explain_group(words[0], option_given(o, OPT_HELP));
	if (option_given(o, OPT_HELP)) {
		help_one(c);
		return ISSUER_OK;
	}
	o->arguments = n - used;
	for (i = 0; i < o->arguments && i < OPTION_ARGUMENTS; i++)
		o->argument[i] = words[used + i];
	return (r = options_check(o, c)) != ISSUER_OK ? r : c->run(o);
}

int issuer_main(int argc, char **argv, const struct clock *clock)
{
	const struct rlimit none = { 0, 0 };
	struct options o = { .clock = clock };
	int first = 0, r;

	/* Private keys pass through this process: no core dump, and OpenSSL's copies off the swap where the system lets us. */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)CRYPTO_secure_malloc_init(65536, 16);
	r = options_parse(&o, &first, argc, argv);
	return r != ISSUER_OK ? r : run(&o, argv + first, argc - first);
}
