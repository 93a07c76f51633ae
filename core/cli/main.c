/* The command line: `musterctl [options] VERB [arguments]`; verbs are taken as dlv, -dlv and /dlv (facts.md section 2). */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/nearest.h"
#include "core/base/verdict.h"
#include "core/cli/cli.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"

/* the packaged configuration puts the socket here; ./start and tests name theirs */
#define ADMIN_SOCKET MUSTER_RUNDIR "/admin.sock"

static const struct { const char *name, *value; const char *doc; } options[CLI_O_COUNT] = {
	[CLI_O_JSON] = { "json", NULL, "print JSON" },
	[CLI_O_SOCKET] = { "socket", "PATH", "admin socket of the host (default: $MUSTER_SOCKET, else " ADMIN_SOCKET ")" },
	[CLI_O_HELP] = { "help", NULL, "this help; after a verb, the verb's" },
	[CLI_O_VERSION] = { "version", NULL, "the version" },
	[CLI_O_VERBOSE] = { "verbose", NULL, "more columns" },
	[CLI_O_UNKNOWN] = { "unknown", NULL, "activation IDs that were asked for and are not known" },
	[CLI_O_AS] = { "as", "PRODUCT", "the product an activation ID belongs to, or a medium is of" },
	[CLI_O_TITLE] = { "title", "TEXT", "name of the edition" },
	[CLI_O_PRODUCT] = { "product", "PRODUCT", "only this product" },
	[CLI_O_AFTER] = { "after", "MARK", "go on after this place of a list" },
	[CLI_O_LIMIT] = { "limit", "N", "at most N rows" },
	[CLI_O_ALL] = { "all", NULL, "every row, however many" },
	[CLI_O_FOLLOW] = { "follow", NULL, "wait for more and print it as it comes" },
	[CLI_O_TAIL] = { "tail", "N", "the last N" },
	[CLI_O_OUT] = { "out", "FILE", "write to FILE" },
	[CLI_O_YES] = { "yes", NULL, "do not ask" },
	[CLI_O_NEW] = { "new", NULL, "a new Installation ID; the one before is no longer answered" },
	[CLI_O_QR] = { "qr", NULL, "show the request as a QR code too" },
	[CLI_O_FILE] = { "file", "FILE", "read it from FILE" },
	[CLI_O_KEY_FD] = { "key-fd", "N", "read the key from file descriptor N" },
	[CLI_O_WHOLE] = { "whole", "NUMBER", "the whole key with this number (key reader)" },
	[CLI_O_DIR] = { "dir", "FOLDER", "write into FOLDER, made when it is not there" },
	[CLI_O_CONFIG] = { "config", "FILE", "together with this muster.conf, its plugins and product files" },
	[CLI_O_EXPECT] = { "expect", "SEQ:HASH", "a head noted earlier, which the trail must contain" },
	[CLI_O_REASON] = { "reason", "TEXT", "why; it stays in the journal" },
	[CLI_O_PER] = { "per", "device|user", "whom the licences are for" },
	[CLI_O_OF] = { "of", "VERSION", "the version of access licences" },
	[CLI_O_LICENSES] = { "licenses", "N", "how many were bought" },
	[CLI_O_NOTE] = { "note", "TEXT", "what the entry should say: an order, a contract" },
	[CLI_O_PROGRAMME] = { "programme", "NAME", "the licensing programme of the agreement" },
	[CLI_O_NUMBER] = { "number", "NUMBER", "the number that the programme asks for, or a licence code" },
	[CLI_O_ONLINE] = { "online", NULL, "then activate online" },
	[CLI_O_PHONE] = { "phone", NULL, "then activate by telephone" },
	[CLI_O_STORE] = { "store", NULL, "keep the keys on the host, sealed (administrator)" },
	[CLI_O_KIND] = { "kind", "KIND", "what the file is, where its content does not say; or the kind of key" },
	[CLI_O_DRY_RUN] = { "dry-run", NULL, "say what would change, change nothing" },
	[CLI_O_WATCH] = { "watch", "FOLDER", "take every file that is put there; they move to done/ or failed/" },
	[CLI_O_ONCE] = { "once", NULL, "with --watch: what is there now, then end" },
	[CLI_O_MAP] = { "map", "HEADING=FIELD", "the field that a column is; may be repeated" },
	[CLI_O_HOST] = { "host", "NAME", "the machine that a file is from" },
	[CLI_O_AT] = { "at", "TIME", "when it was written, as YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ" },
	[CLI_O_CODE_PAGE] = { "code-page", "N", "its code page, such as 850 or 1252" },
	[CLI_O_UTC_OFFSET] = { "utc-offset", "+hh:mm", "of the local times in it" },
	[CLI_O_TIME_ZONE] = { "time-zone", "NAME", "whose rules its local times follow, such as Europe/Berlin; with summer time" },
	[CLI_O_SET] = { "set", "FIELD=VALUE", "a field's value, empty removes it; may be repeated" },
	[CLI_O_TEXT] = { "text", "WORDS", "only what contains all these words" },
	[CLI_O_CATEGORY] = { "category", "NAME", "only products of this category" },
	[CLI_O_AGREEMENT] = { "agreement", "ID", "only what belongs to this agreement" },
	[CLI_O_LICENSE_ID] = { "license-id", "ID", "only what has this licence ID" },
	[CLI_O_ORGANISATION] = { "organisation", "ID", "only what belongs to this organisation" },
	[CLI_O_FORMAT] = { "format", "csv|json|table", "how it is written" },
	[CLI_O_ANONYMISE] = { "anonymise", NULL, "names, IDs and numbers as values that nobody can turn back" },
	[CLI_O_OBSERVED] = { "observed", NULL, "what was read from imports, instead of what this host saw itself" },
	[CLI_O_MACHINES] = { "machines", "N", "how many machines" },
	[CLI_O_ISOLATED] = { "isolated", "N", "how many of them reach no host" },
	[CLI_O_WITH_KEYS] = { "with-keys", NULL, "whole product keys too; in a state file under a passphrase" },
	[CLI_O_PASSPHRASE_FD] = { "passphrase-fd", "N", "read the passphrase from file descriptor N" },
	[CLI_O_RETIRE] = { "retire", NULL, "stop this host for good once its state is written" },
	[CLI_O_DAYS] = { "days", "N", "how many days ahead" },
};

#define BIT(o) (UINT64_C(1) << (o))
#define REPEATED (BIT(CLI_O_MAP) | BIT(CLI_O_SET))   /* may be given several times */
#define EVERYWHERE (BIT(CLI_O_JSON) | BIT(CLI_O_SOCKET) | BIT(CLI_O_HELP) | BIT(CLI_O_VERSION))

int cli_say(struct cli *c, int code, const char *fmt, ...)
{
	va_list ap;

	fputs("musterctl: ", c->errors);
	va_start(ap, fmt);
	vfprintf(c->errors, fmt, ap);
	va_end(ap);
	fputc('\n', c->errors);
	return code;
}

int cli_fail(struct cli *c, const struct muster_err *err)
{
	switch (err->result) {
	case MUSTER_E_NETWORK: return cli_say(c, CLI_NO_HOST, "%s", err->message);
	case MUSTER_E_DENIED: return cli_say(c, CLI_DENIED, "%s", err->message);
	default: return cli_say(c, CLI_FAILED, "%s", err->message);
	}
}

int cli_number(struct cli *c, enum cli_option o, unsigned long min, unsigned long max, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(c->value[o], &end, 10);
	if (c->value[o][0] < '0' || c->value[o][0] > '9' || *end != '\0' || errno != 0 || *value < min || *value > max)
		return cli_say(c, CLI_USAGE, "--%s: \"%s\" is not a number from %lu to %lu", options[o].name, c->value[o], min, max);
	return CLI_OK;
}

int cli_print_json(struct cli *c, const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(1) | JSON_ENCODE_ANY);

	if (text == NULL)
		return cli_say(c, CLI_FAILED, "out of memory");
	fprintf(c->out, "%s\n", text);
	free(text);
	return CLI_OK;
}

bool cli_confirm(struct cli *c, const char *question)
{
	struct buf line, prompt;
	bool yes;

	if (c->given[CLI_O_YES])
		return true;
	if (!isatty(STDIN_FILENO)) {
		cli_say(c, CLI_USAGE, "%s Say --yes to go on without being asked.", question);
		return false;
	}
	buf_init(&line, TERM_LINE_MAX);
	buf_init(&prompt, TERM_LINE_MAX);
	buf_addf(&prompt, "%s [y/N] ", question);
	yes = term_ask(c, c->errors, buf_str(&prompt), false, &line) == TERM_LINE && (buf_str(&line)[0] == 'y' || buf_str(&line)[0] == 'Y');
	buf_fini(&prompt);
	buf_fini(&line);
	return yes;
}

const char *cli_role_name(enum cli_role role)
{
	static const char *const names[] = { "anyone", "viewer", "key reader", "administrator" };

	return names[role];
}

static void print_option(FILE *out, int o, size_t width)
{
	fprintf(out, "  --%s %-*s %s\n", options[o].name, (int)(width - 1 - strlen(options[o].name)),
	        options[o].value != NULL ? options[o].value : "", options[o].doc);
}

static void print_help(FILE *out)
{
	size_t n;
	const struct cli_verb *v = cli_verbs(&n);

	fputs("Usage: musterctl [--socket PATH] [--json] VERB [ARGUMENTS]\n\n"
	      "Look after a Muster host. Verbs are taken as dlv, -dlv and /dlv.\n\n", out);
	/* A long one has a line of its own. */
	for (size_t i = 0; i < n; i++)
		fprintf(out, strlen(v[i].usage) > 60 ? "  %s\n  %38s %s\n" : "  %-38s%.0s %s\n", v[i].usage, "", v[i].summary);
	fputs("\nOptions:\n", out);
	for (int o = 0; o < CLI_O_COUNT; o++) {
		if ((EVERYWHERE & BIT(o)) == 0)
			continue;
		print_option(out, o, 36);
	}
	fputs("\nExamples:\n"
	      "  musterctl dlv all                 every product, with its count\n"
	      "  musterctl products                what this host serves\n"
	      "  musterctl events --follow         requests as they come in\n"
	      "  musterctl explain 0xC004F038      what a code means and what to do\n"
	      "  musterctl setup                   from a pack and a key to an activated host, step by step\n"
	      "  musterctl dlv --help              help of one verb\n\n"
	      "Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 no host on the socket, 4 role too small,\n"
	      "5 a dialogue left before its end. doctor: 0 well, 1 warning, 2 critical, 3 unknown.\n", out);
}

static void print_verb_help(FILE *out, const struct cli_verb *v)
{
	fprintf(out, "Usage: musterctl %s\n\n%s. Smallest role: %s.\n", v->usage, v->summary, cli_role_name(v->role));
	if (v->options != 0)
		fputs("\nOptions:\n", out);
	for (int o = 0; o < CLI_O_COUNT; o++)
		if ((v->options & BIT(o)) != 0)
			print_option(out, o, 20);
	fputs("\nExamples:\n", out);
	for (const char *p = v->examples; *p != '\0';) {
		size_t n = strcspn(p, "\n");

		fprintf(out, "  %.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
}

static const char *verb_at(const void *ctx, size_t i)
{
	return ((const struct cli_verb *)ctx)[i].name;
}

static int unknown_verb(struct cli *c, const char *word)
{
	size_t n;
	const struct cli_verb *v = cli_verbs(&n);
	const char *elsewhere = verbs_elsewhere(word), *near = nearest_name(word, n, verb_at, v);

	if (elsewhere != NULL)
		return cli_say(c, CLI_USAGE, "%s: %s", word, elsewhere);
	/* "agreement" is meant as `agreements`, and not as the option. */
	for (int o = 0; (near == NULL || strncasecmp(near, word, strlen(word)) != 0) && o < CLI_O_COUNT; o++)
		if (strcasecmp(word, options[o].name) == 0)
			return cli_say(c, CLI_USAGE, "options have two dashes: --%s", options[o].name);
	if (near != NULL)
		return cli_say(c, CLI_USAGE, "there is no verb \"%s\"; did you mean %s? (musterctl --help lists them)", word, near);
	return cli_say(c, CLI_USAGE, "there is no verb \"%s\" (musterctl --help lists them)", word);
}

/* One more value of an option that may be repeated, behind those before. @return false when memory is short. */
static bool one_more(struct cli *c, int o, const char *value)
{
	size_t old = c->many[o] != NULL ? strlen(c->many[o]) : 0, n = strlen(value);
	char *text = realloc(c->many[o], old + n + 2);

	if (text == NULL)
		return false;
	(void)snprintf(text + old, n + 2, "%s%c", value, CLI_MANY_END);
	c->value[o] = c->many[o] = text;
	return true;
}

/* Takes one "--name[=value]"; @return CLI_OK or CLI_USAGE. Moves *i when the value is the next argument. */
static int take_option(struct cli *c, int argc, char **argv, int *i)
{
	const char *word = argv[*i] + 2;
	size_t n = strcspn(word, "=");

	for (int o = 0; o < CLI_O_COUNT; o++) {
		if (strlen(options[o].name) != n || strncmp(options[o].name, word, n) != 0)
			continue;
		if (c->given[o] && (REPEATED & BIT(o)) == 0)
			return cli_say(c, CLI_USAGE, "--%s is given twice", options[o].name);
		c->given[o] = true;
		if (options[o].value == NULL) {
			if (word[n] == '=')
				return cli_say(c, CLI_USAGE, "--%s takes no value", options[o].name);
			return CLI_OK;
		}
		if (word[n] != '=' && *i + 1 >= argc)
			return cli_say(c, CLI_USAGE, "--%s needs a value: --%s %s", options[o].name, options[o].name, options[o].value);
		word = word[n] == '=' ? word + n + 1 : argv[++*i];
		c->value[o] = word;
		return (REPEATED & BIT(o)) == 0 || one_more(c, o, word) ? CLI_OK : cli_say(c, CLI_FAILED, "out of memory");
	}
	return cli_say(c, CLI_USAGE, "there is no option \"%s\" (musterctl %s--help lists them)", argv[*i], c->verb != NULL ? "VERB " : "");
}

static int take_arguments(struct cli *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		int r = CLI_OK;

		if (strcmp(a, "-h") == 0 || strcmp(a, "/?") == 0 || strcmp(a, "-?") == 0)
			c->given[CLI_O_HELP] = true;
		else if (strncmp(a, "--", 2) == 0)
			r = take_option(c, argc, argv, &i);
		else if (c->verb == NULL)
			c->verb = a + (a[0] == '-' || a[0] == '/');
		else if (c->arg_count < CLI_ARGS_MAX)
			c->args[c->arg_count++] = a;
		else
			r = cli_say(c, CLI_USAGE, "more than %d arguments", CLI_ARGS_MAX);
		if (r != CLI_OK)
			return r;
	}
	return CLI_OK;
}

static int check_verb(struct cli *c, const struct cli_verb *v)
{
	for (int o = 0; o < CLI_O_COUNT; o++)
		if (c->given[o] && ((v->options | EVERYWHERE) & BIT(o)) == 0)
			return cli_say(c, CLI_USAGE, "%s does not take --%s (musterctl %s --help)", v->name, options[o].name, v->name);
	if (c->arg_count < v->args_min)
		return cli_say(c, CLI_USAGE, "%s needs more: musterctl %s", v->name, v->usage);
	if (c->arg_count > v->args_max)
		return cli_say(c, CLI_USAGE, "%s takes no \"%s\": musterctl %s", v->name, c->args[v->args_max], v->usage);
	return CLI_OK;
}

static int run(struct cli *c, int argc, char **argv)
{
	const struct cli_verb *v;
	size_t n;
	int r = take_arguments(c, argc, argv);

	if (r != CLI_OK)
		return c->verb != NULL && strcasecmp(c->verb, "doctor") == 0 ? (int)VERDICT_UNKNOWN : r;   /* 2 would be critical to whoever watches */
	c->socket = c->value[CLI_O_SOCKET];
	if (c->socket != NULL && c->socket[0] == '\0')
		return cli_say(c, CLI_USAGE, "--socket: the path is empty");
	if (c->socket == NULL && (c->socket = getenv("MUSTER_SOCKET")) == NULL)
		c->socket = ADMIN_SOCKET;
	if (c->given[CLI_O_VERSION]) {
		printf("musterctl %s\n", PACKAGE_VERSION);
		return CLI_OK;
	}
	if (c->verb != NULL && strcasecmp(c->verb, "help") == 0 && c->arg_count > 0) { /* help dlv */
		c->verb = c->args[0] + (c->args[0][0] == '-' || c->args[0][0] == '/');
		c->given[CLI_O_HELP] = true;
	}
	if (c->verb == NULL || strcasecmp(c->verb, "help") == 0) {
		print_help(c->given[CLI_O_HELP] || c->verb != NULL ? stdout : stderr);
		return c->given[CLI_O_HELP] || c->verb != NULL ? CLI_OK : CLI_USAGE;
	}
	v = cli_verbs(&n);
	for (; n > 0 && strcasecmp(v->name, c->verb) != 0; n--)
		v++;
	if (n == 0)
		return unknown_verb(c, c->verb);
	c->verb = v->name;
	if (c->given[CLI_O_HELP]) {
		print_verb_help(stdout, v);
		return CLI_OK;
	}
	if ((r = check_verb(c, v)) != CLI_OK)
		return v->run == verb_doctor ? (int)VERDICT_UNKNOWN : r;
	r = v->run(c);
	json_decref(c->problem);
	if (fflush(stdout) != 0 && r == CLI_OK)
		return cli_say(c, CLI_FAILED, "writing the output: %s", strerror(errno));
	return r;
}

int cli_main(int argc, char **argv)
{
	struct cli c = { .out = stdout, .errors = stderr };
	int r;

	/* Who limits the size of files wants to be told, as of a full disk, and nothing left behind. */
	(void)signal(SIGXFSZ, SIG_IGN);
	r = run(&c, argc, argv);
	for (int o = 0; o < CLI_O_COUNT; o++)
		free(c.many[o]);
	return r;
}
