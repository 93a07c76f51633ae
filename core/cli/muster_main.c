/* The command line of muster: `muster [options] VERB [arguments]`; verbs are taken as skms, -skms and /skms (facts.md section 2). */
#include "core/cli/muster_cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/nearest.h"
#include "core/base/verdict.h"
#include "core/client/hosts.h"

struct verb { const char *name, *alias, *args; size_t least, most; int (*run)(struct mcli *m); const char *doc; };

static const struct verb verbs[] = {
	{ "activate", "ato", "[PRODUCT...]", 0, MCLI_ARGS_MAX, mcli_activate, "ask a host for a lease" },
	{ "renew", NULL, "[PRODUCT...]", 0, MCLI_ARGS_MAX, mcli_renew, "the same, only when it is due" },
	{ "status", "xpr", "[PRODUCT...]", 0, MCLI_ARGS_MAX, mcli_status, "what is held and until when; asks nobody" },
	{ "verify", NULL, "[LEASE-FILE]", 0, 1, mcli_verify, "check leases offline, with the issuer's root and the kept chain" },
	{ "release", NULL, "PRODUCT...", 1, MCLI_ARGS_MAX, mcli_release, "give the place back and the lease up" },
	{ "dti", NULL, "PRODUCT", 1, 1, mcli_installation_id, "this machine's Installation ID under a counted key" },
	{ "import", NULL, "PRODUCT FILE", 2, 2, mcli_import, "take the issuer's confirmation from a file" },
	{ "upk", NULL, "PRODUCT", 1, 1, mcli_remove_key, "remove what is kept of a product's key" },
	{ "run", NULL, "PRODUCT -- COMMAND...", 2, MCLI_ARGS_MAX, mcli_run, "take a seat, run a command, give the seat back" },
	{ "rearm", NULL, "", 0, 0, mcli_rearm, "take a new client machine ID; leases are given up" },
	{ "agent", NULL, "[PRODUCT...]", 0, MCLI_ARGS_MAX, mcli_agent, "stay and renew whenever it is due" },
	{ "doctor", NULL, "", 0, 0, mcli_doctor, "is all well here, and what is to be done; exit codes of its own" },
	{ "skms", NULL, "NAME[:PORT]...", 1, MCLI_ARGS_MAX, mcli_set_hosts, "keep a list of hosts, tried in this order" },
	{ "ckms", NULL, "", 0, 0, mcli_clear_hosts, "forget that list" },
};
#define VERBS (sizeof verbs / sizeof verbs[0])

enum { O_STATE = 256, O_ISSUER, O_HOST, O_PORT, O_HARDWARE, O_NAME, O_VIRTUAL, O_TIMEOUT, O_CHAIN, O_CA, O_KEY_FD, O_KEY_FILE, O_ASK_KEY, O_ISSUER_URL, O_FACT, O_USER, O_DEVICE, O_WAIT, O_NO_QUEUE, O_JSON, O_ONCE, O_VERBOSE, O_HELP, O_VERSION };

static const struct option options[] = {
	{ "state", required_argument, NULL, O_STATE }, { "issuer", required_argument, NULL, O_ISSUER },
	{ "host", required_argument, NULL, O_HOST }, { "port", required_argument, NULL, O_PORT },
	{ "hardware", required_argument, NULL, O_HARDWARE }, { "name", required_argument, NULL, O_NAME },
	{ "virtual", required_argument, NULL, O_VIRTUAL }, { "timeout", required_argument, NULL, O_TIMEOUT },
	{ "chain", required_argument, NULL, O_CHAIN }, { "ca", required_argument, NULL, O_CA },
	{ "key-fd", required_argument, NULL, O_KEY_FD }, { "key-file", required_argument, NULL, O_KEY_FILE }, { "ask-key", no_argument, NULL, O_ASK_KEY },
	{ "issuer-url", required_argument, NULL, O_ISSUER_URL }, { "fact", required_argument, NULL, O_FACT },
	{ "user", required_argument, NULL, O_USER }, { "device", no_argument, NULL, O_DEVICE },
	{ "wait", optional_argument, NULL, O_WAIT }, { "no-queue", no_argument, NULL, O_NO_QUEUE },
	{ "json", no_argument, NULL, O_JSON }, { "once", no_argument, NULL, O_ONCE }, { "verbose", no_argument, NULL, O_VERBOSE },
	{ "help", no_argument, NULL, O_HELP }, { "version", optional_argument, NULL, O_VERSION }, { NULL, 0, NULL, 0 }
};

int mcli_say(int code, const char *fmt, ...)
{
	va_list ap;

	(void)fflush(stdout);
	(void)fputs("muster: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return code;
}

int mcli_fail(const struct muster_err *err)
{
	switch (err->result) {
	case MUSTER_E_NETWORK:
		return mcli_say(MCLI_NO_HOST, "%s", err->message);
	case MUSTER_E_REFUSED:
		return mcli_say(MCLI_REFUSED, "%s", err->message);
	default:
		return mcli_say(MCLI_FAULT, "%s", err->message);
	}
}

static void say_event(void *ctx, uint32_t id, const char *fields)
{
	(void)ctx;
	(void)mcli_say(MCLI_OK, "event %u: %s", (unsigned)id, fields);
}

static int help(void)
{
	(void)puts("Usage: muster [options] VERB [arguments]\n\nActivates this machine's products at a Muster host and keeps them activated.\n\nVerbs:");
	for (size_t i = 0; i < VERBS; i++)
		(void)printf("  %-9s%-22s %s\n", verbs[i].name, verbs[i].args, verbs[i].doc);
	(void)puts(
		"\nPRODUCT is an activation ID or the product's name as the host lists it; without one, every product asked for before.\n"
		"\nOptions:\n"
		"  --state DIR         state folder (default: " MUSTER_STATEDIR "/client for root, else ~/.local/state/muster)\n"
		"  --issuer FILE       the issuer's root certificates (default: DIR/issuer.pem, else " MUSTER_SYSCONFDIR "/issuer.pem)\n"
		"  --host HOST[:PORT]  host to ask, before those of skms; may be repeated, tried in order\n"
		"  --port N            port of hosts that name none (default 1688)\n"
		"  --hardware VALUE    declare the hardware identity instead of reading it (simulated machines)\n"
		"  --name NAME         machine name to report (default: the host name)\n"
		"  --virtual yes|no    say whether this is a virtual machine (default: find out)\n"
		"  --timeout SECONDS   how long one host may take (default 10)\n"
		"  --chain FILE        verify: certificates of the lease's signer (default: the kept ones)\n"
		"  --ca FILE           roots for hosts at https:// (default: DIR/ca.pem, else the system's)\n"
		"  --key-fd N, --key-file FILE, --ask-key\n"
		"                      activate, dti: read the product key from a file descriptor, a file, or the terminal without echo\n"
		"  --issuer-url URL    activate: ask the issuer's service at https://HOST[:PORT] instead of a host; goes with a key\n"
		"  --fact NAME=VALUE   activate: tell something about this machine to products with a key; may be repeated, is kept\n"
		"  --user NAME         the access licences of this user, not the machine's: activate, renew, status, verify, release, run\n"
		"  --device            activate, run: an access licence for this machine\n"
		"  --version VERSION   activate, run: an access licence of at least this version (after the verb)\n"
		"  --wait[=SECONDS]    activate, run: while all seats are taken wait in the queue\n"
		"  --no-queue          activate, run: rather be refused than get a place in the queue\n"
		"  --once              agent: one round, then end\n"
		"  --verbose           say every question and answer as event 12288 and 12289; the agent always does\n"
		"  --json              print JSON\n"
		"  --help, --version\n"
		"\nExit codes: 0 activated or done; 1 counted or waiting, not activated yet; 2 refused; 3 no host answered; 4 no valid lease\n"
		"(status, verify); 5 a fault on this machine; 64 wrong usage. With several products the largest. run: the command's own;\n"
		"125 it was not started, 126 and 127 it could not be. doctor: as Nagios plugins: 0 well, 1 warning, 2 critical, 3 unknown.");
	return MCLI_OK;
}

static int hint(int code)
{
	(void)fputs("Try `muster --help`.\n", stderr);
	return code;
}
#define usage(...) hint(mcli_say(MCLI_USAGE, __VA_ARGS__))

static const struct verb *find_verb(const char *text)
{
	for (size_t i = 0; i < VERBS; i++)
		if (strcasecmp(text, verbs[i].name) == 0 || (verbs[i].alias != NULL && strcasecmp(text, verbs[i].alias) == 0))
			return &verbs[i];
	return NULL;
}

static const char *verb_at(const void *ctx, size_t i)
{
	(void)ctx;
	return verbs[i].name;
}

/* "-skms" and "/skms" as administrators type them become "skms", before options are read. */
static void plain_verbs(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if ((argv[i][0] == '-' || argv[i][0] == '/') && find_verb(argv[i] + 1) != NULL) {
			argv[i]++;
			return;
		}
}

static bool number(unsigned long *out, const char *text, unsigned long most)
{
	char *end;

	*out = strtoul(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out >= 1 && *out <= most;
}

static int add_hosts(struct mcli *m, const char *text, unsigned port)
{
	struct hosts *h = mem_alloc(sizeof *h);
	struct muster_err err = { 0 };
	int r = h == NULL ? err_nomem(&err) : hosts_parse(h, text, port, &err);

	for (size_t i = 0; r == MUSTER_OK && i < h->n; i++)
		buf_addf(&m->hosts, "%s\n", h->url[i]);
	mem_free(h);
	if (r != MUSTER_OK)
		return mcli_say(r == MUSTER_E_NOMEM ? MCLI_FAULT : MCLI_USAGE, "%s", err.message);
	return m->hosts.failed ? mcli_say(MCLI_FAULT, "out of memory") : MCLI_OK;
}

static int default_state(struct mcli *m)
{
	const char *home;

	if (m->state != NULL)
		return MCLI_OK;
	if (geteuid() == 0)
		m->state = mem_strdup(MUSTER_STATEDIR "/client");
	else if ((home = getenv("XDG_STATE_HOME")) != NULL && home[0] == '/')
		m->state = file_join(home, "muster");
	else if ((home = getenv("HOME")) != NULL && home[0] == '/')
		m->state = file_join(home, ".local/state/muster");
	else
		return usage("%s", "neither HOME nor XDG_STATE_HOME names a folder: give --state DIR");
	return m->state != NULL ? MCLI_OK : mcli_say(MCLI_FAULT, "out of memory");
}

static int default_issuer(struct mcli *m)
{
	if (m->issuer == NULL && (m->issuer = file_join(m->state, "issuer.pem")) != NULL && access(m->issuer, F_OK) != 0 &&
	    access(MUSTER_SYSCONFDIR "/issuer.pem", F_OK) == 0) {
		mem_free(m->issuer);
		m->issuer = mem_strdup(MUSTER_SYSCONFDIR "/issuer.pem");
	}
	return m->issuer != NULL ? MCLI_OK : mcli_say(MCLI_FAULT, "out of memory");
}

struct parsed { struct mcli *m; unsigned long port; struct buf hosts; };

static int take_option(struct parsed *p, int option, const char *value)
{
	struct mcli *m = p->m;
	unsigned long n;

	switch (option) {
	case O_STATE:
		mem_free(m->state);
		m->state = value[0] != '\0' ? mem_strdup(value) : NULL;
		return m->state != NULL ? MCLI_OK : usage("%s", "--state: no folder is named");
	case O_ISSUER:
		mem_free(m->issuer);
		m->issuer = mem_strdup(value);
		return m->issuer != NULL ? MCLI_OK : mcli_say(MCLI_FAULT, "out of memory");
	case O_HOST:
		buf_addf(&p->hosts, "%s\n", value);
		return p->hosts.failed ? usage("%s", "--host: the list is too long") : MCLI_OK;
	case O_PORT:
		return number(&p->port, value, 65535) ? MCLI_OK : usage("--port: \"%s\" is not a number from 1 to 65535", value);
	case O_HARDWARE:
		m->hardware = value;
		return value[0] != '\0' ? MCLI_OK : usage("%s", "--hardware: the value is empty");
	case O_NAME:
		m->name = value;
		return MCLI_OK;
	case O_VIRTUAL:
		m->is_virtual = strcmp(value, "yes") == 0 ? 1 : 0;
		return m->is_virtual == 1 || strcmp(value, "no") == 0 ? MCLI_OK : usage("--virtual: \"%s\" is neither yes nor no", value);
	case O_TIMEOUT:
		if (!number(&n, value, 3600))
			return usage("--timeout: \"%s\" is not a number of seconds from 1 to 3600", value);
		m->timeout_ms = (uint32_t)n * 1000;
		return MCLI_OK;
	case O_CHAIN:
		m->chain = value;
		return MCLI_OK;
	case O_CA:
		m->ca = value;
		return MCLI_OK;
	case O_KEY_FD:
		if (strcmp(value, "0") != 0 && !number(&n, value, 1023))
			return usage("--key-fd: \"%s\" is not the number of a file descriptor", value);
		m->key_fd = strcmp(value, "0") != 0 ? (int)n : 0;
		return MCLI_OK;
	case O_KEY_FILE:
		m->key_file = value;
		return MCLI_OK;
	case O_ASK_KEY:
		m->ask_key = true;
		return MCLI_OK;
	case O_ISSUER_URL:
		m->issuer_url = value;
		return MCLI_OK;
	case O_FACT:
		if (m->fact_count == MCLI_FACTS_MAX)
			return usage("--fact: more than %d", MCLI_FACTS_MAX);
		m->facts[m->fact_count++] = value;
		return MCLI_OK;
	case O_USER:
		m->user = value;
		return value[0] != '\0' ? MCLI_OK : usage("%s", "--user: no user is named");
	case O_VERSION:
		m->version = value;
		return MCLI_OK;
	case O_DEVICE:
		m->device = true;
		return MCLI_OK;
	case O_WAIT:
		m->wait = true;
		return value == NULL || number(&m->wait_s, value, 31536000) ? MCLI_OK : usage("--wait: \"%s\" is not a number of seconds", value);
	case O_NO_QUEUE:
		m->no_queue = true;
		return MCLI_OK;
	case O_JSON:
		m->json = true;
		return MCLI_OK;
	case O_VERBOSE:
		m->event = say_event;
		return MCLI_OK;
	case O_ONCE:
		m->once = true;
		return MCLI_OK;
	default:
		(void)fputs("Try `muster --help`.\n", stderr);
		return MCLI_USAGE;
	}
}

/* @return how many words there are behind "--"; -1: there is none. Asked before getopt moves it. */
static int words_after_dashes(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return argc - i - 1;
	return -1;
}

/* @param after words behind "--", -1: none is there. */
static int take_words(struct mcli *m, const struct verb **verb, int argc, char **argv, int after)
{
	if (optind == argc)
		return usage("%s", "no verb");
	if ((*verb = find_verb(argv[optind])) == NULL) {
		const char *near = nearest_name(argv[optind], VERBS, verb_at, NULL);

		return near != NULL ? usage("unknown verb \"%s\"; did you mean %s?", argv[optind], near) : usage("unknown verb \"%s\"", argv[optind]);
	}
	m->verb = (*verb)->name;
	if ((*verb)->run == mcli_run) {
		/* What follows the product is another program's, of any length. */
		if (after > 0 && argc - optind - after != 2)
			return argc - optind - after < 2 ? usage("run for which product? %s", (*verb)->args) : usage("run takes one product before \"--\", and no \"%s\"", argv[optind + 2]);
		m->arg_count = optind + 1 < argc ? 1 : 0;
		m->args[0] = argv[optind + 1];
		m->command = argv + optind + 2;
		return optind + 2 < argc ? MCLI_OK : usage("what is to be run? An argument is missing: %s", (*verb)->args);
	}
	for (int i = optind + 1; i < argc; i++) {
		if (m->arg_count == (*verb)->most)
			return usage("too many arguments: \"%s\"", argv[i]);
		m->args[m->arg_count++] = argv[i];
	}
	return m->arg_count >= (*verb)->least ? MCLI_OK : usage("what is to be done? An argument is missing: %s", (*verb)->args);
}

/* Options that mean something to a few verbs only: said, not ignored. */
static int check_key_options(const struct mcli *m, const struct verb *verb)
{
	bool activates = verb->run == mcli_activate, has_key = mcli_has_key(m);

	if (has_key && !activates && verb->run != mcli_installation_id)
		return usage("%s takes no key", verb->name);
	if ((m->key_fd >= 0) + (m->key_file != NULL) + m->ask_key > 1)
		return usage("%s", "one key at a time: --key-fd, --key-file or --ask-key");
	if (has_key && m->arg_count != 1)
		return usage("%s", "a key is for one product: name it");
	if (m->issuer_url != NULL && !(activates && has_key))
		return usage("%s", "--issuer-url goes with activate and a key: --key-fd N, --key-file FILE or --ask-key");
	return m->fact_count > 0 && !activates ? usage("%s", "--fact goes with activate") : MCLI_OK;
}

static int check_model_options(const struct mcli *m, const struct verb *verb)
{
	bool asks = verb->run == mcli_activate || verb->run == mcli_run;

	if (m->user != NULL && !asks && verb->run != mcli_renew && verb->run != mcli_status && verb->run != mcli_release && (verb->run != mcli_verify || m->arg_count > 0))
		return usage("%s is not about users", verb->name);
	if (m->user != NULL && m->device)
		return usage("%s", "--device or --user: a licence is for one of them");
	if ((m->device || m->version != NULL) && !asks)
		return usage("--%s goes with activate and run", m->device ? "device" : "version VERSION");
	if ((m->wait || m->no_queue) && !asks)
		return usage("--%s goes with activate and run", m->wait ? "wait" : "no-queue");
	if (m->wait && m->no_queue)
		return usage("%s", "--wait waits in the queue, and --no-queue wants no place in it");
	return m->json && verb->run == mcli_run ? usage("%s", "run prints what its command prints: no --json") : MCLI_OK;
}

/* --version alone asks for ours; behind a verb it says which version of a licence is wanted. @return false: ours. */
static bool wants_version(int argc, char **argv, bool *wrong)
{
	bool verb = false;

	for (int i = 1; i < optind - 1 && i < argc; i++)
		verb = verb || find_verb(argv[i]) != NULL;
	if (optarg == NULL && verb && optind < argc && argv[optind][0] != '-')
		optarg = argv[optind++];
	/* A version is named, or a verb, and not both: neither is guessed. */
	*wrong = optarg == NULL && (verb || optind < argc);
	return optarg != NULL;
}

static int parse_and_run(struct parsed *p, int argc, char **argv)
{
	const struct verb *verb = NULL;
	int option, r, after = words_after_dashes(argc, argv);
	bool wrong = false;

	plain_verbs(argc, argv);
	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == O_HELP)
			return help();
		if (option == O_VERSION && !wants_version(argc, argv, &wrong))
			return wrong ? usage("%s", "--version VERSION goes behind the verb, as in: muster activate PRODUCT --version 2019; --version alone is muster's own") :
			       puts("muster " PACKAGE_VERSION) == EOF ? MCLI_FAULT : MCLI_OK;
		if ((r = take_option(p, option, optarg)) != MCLI_OK)
			return r;
	}
	if ((r = take_words(p->m, &verb, argc, argv, after)) != MCLI_OK)
		return r;
	MUSTER_ASSERT(verb != NULL);
	if ((r = check_key_options(p->m, verb)) != MCLI_OK || (r = check_model_options(p->m, verb)) != MCLI_OK || (r = default_state(p->m)) != MCLI_OK || (r = default_issuer(p->m)) != MCLI_OK)
		return r;
	if (verb->run == mcli_set_hosts)
		for (size_t i = 0; i < p->m->arg_count; i++)
			buf_addf(&p->hosts, "%s\n", p->m->args[i]);
	if (p->hosts.n > 0 && (r = add_hosts(p->m, buf_str(&p->hosts), (unsigned)p->port)) != MCLI_OK)
		return r;
	return verb->run(p->m);
}

/* What is watched by exit codes of its own has one for a wrong command line too. */
static bool asks_doctor(int argc, char **argv)
{
	const struct verb *verb = NULL;

	for (int i = 1; i < argc && verb == NULL; i++)
		verb = find_verb(argv[i]);
	return verb != NULL && strcmp(verb->name, "doctor") == 0;
}

int client_main(int argc, char **argv, const struct clock *clock)
{
	struct mcli m = { .clock = clock, .is_virtual = -1, .key_fd = -1 };
	struct parsed p = { .m = &m, .port = HOSTS_PORT };
	int r;

	buf_init(&m.hosts, 2 * HOSTS_TEXT);
	buf_init(&p.hosts, HOSTS_TEXT);
	if ((r = parse_and_run(&p, argc, argv)) == MCLI_USAGE && asks_doctor(argc, argv))
		r = VERDICT_UNKNOWN;
	mcli_close(&m);
	buf_fini(&p.hosts);
	buf_fini(&m.hosts);
	mem_free(m.state);
	mem_free(m.issuer);
	if (fflush(stdout) != 0 && r == MCLI_OK)
		r = mcli_say(MCLI_FAULT, "standard output could not be written");
	return r;
}
