#include "core/issuer/options.h"
#include "core/issuer/output.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/clock.h"
#include "core/trust/certs.h"
#include "core/trust/pack.h"

#define DAYS_MIN 2      /* a host signs nothing in its certificate's last day */
#define DAYS_MAX (TRUST_HOST_LIFE_S / TRUST_DAY_S)
#define HOSTS_MAX 1000

enum kind { FLAG, TEXT, NUMBER, DATE, CHOICE };

/* hint: said when the value is wrong, instead of the range; for a choice its words, in order, with a bar between two. */
static const struct { const char *name; enum kind kind; int64_t min, max; const char *hint; } rows[OPT_COUNT] = {
	[OPT_DIR] = { .name = "dir", .kind = TEXT },
	[OPT_JSON] = { .name = "json", .kind = FLAG },
	[OPT_HELP] = { .name = "help", .kind = FLAG },
	[OPT_VERSION] = { .name = "version", .kind = FLAG },
	[OPT_NAME] = { .name = "name", .kind = TEXT },
	[OPT_ALGORITHM] = { .name = "algorithm", .kind = CHOICE, .hint = "es256|ed25519" },
	[OPT_PASSPHRASE_FD] = { .name = "passphrase-fd", .kind = NUMBER, .max = INT_MAX,
		.hint = "it takes the number of an open file descriptor, as in --passphrase-fd 3 3<FILE; never the passphrase itself" },
	[OPT_NO_PASSPHRASE] = { .name = "no-passphrase", .kind = FLAG },
	[OPT_PRODUCTS] = { .name = "products", .kind = TEXT },
	[OPT_SUBJECT] = { .name = "subject", .kind = TEXT },
	[OPT_DAYS] = { .name = "days", .kind = NUMBER, .min = DAYS_MIN, .max = DAYS_MAX },
	[OPT_OUT] = { .name = "out", .kind = TEXT },
	[OPT_ROOT_KEY] = { .name = "root-key", .kind = TEXT },
	[OPT_ACTIVATION_ID] = { .name = "activation-id", .kind = TEXT },
	[OPT_TITLE] = { .name = "title", .kind = TEXT },
	[OPT_COVERAGE_START] = { .name = "coverage-start", .kind = DATE },
	[OPT_COVERAGE_END] = { .name = "coverage-end", .kind = DATE },
	[OPT_REPLACE] = { .name = "replace", .kind = FLAG },
	[OPT_ORGANISATION] = { .name = "organisation", .kind = TEXT },
	[OPT_PROGRAMME] = { .name = "programme", .kind = TEXT },
	[OPT_LICENSE_ID] = { .name = "license-id", .kind = TEXT },
	[OPT_AGREEMENT] = { .name = "agreement", .kind = TEXT },
	[OPT_KIND] = { .name = "kind", .kind = CHOICE, .hint = "host|mak|esu-mak|setup|embedded|access" },
	[OPT_HOSTS] = { .name = "hosts", .kind = NUMBER, .min = 1, .max = HOSTS_MAX },
	[OPT_ACTIVATIONS] = { .name = "activations", .kind = NUMBER, .min = 1, .max = PACK_FINDERS_MAX - PACK_RESERVE },
	[OPT_HOST_BINDING] = { .name = "host-binding", .kind = TEXT },
	[OPT_REASON] = { .name = "reason", .kind = TEXT },
	[OPT_TELEPHONE] = { .name = "telephone", .kind = TEXT },
	[OPT_HOURS] = { .name = "hours", .kind = TEXT },
	[OPT_WEB] = { .name = "web", .kind = TEXT },
	[OPT_EMAIL] = { .name = "email", .kind = TEXT },
	[OPT_WHOLE] = { .name = "whole", .kind = FLAG },
	[OPT_FORMAT] = { .name = "format", .kind = CHOICE, .hint = "json|csv" },
	[OPT_WITH_KEYS] = { .name = "with-keys", .kind = FLAG },
	[OPT_EXPECT] = { .name = "expect", .kind = TEXT },
	[OPT_NEW_PASSPHRASE_FD] = { .name = "new-passphrase-fd", .kind = NUMBER, .max = INT_MAX, .hint = "it takes the number of an open file descriptor, never the passphrase itself" },
	[OPT_OVERRIDE] = { .name = "override", .kind = TEXT },
	[OPT_BATCH] = { .name = "batch", .kind = TEXT },
	[OPT_REQUEST] = { .name = "request", .kind = TEXT },
	[OPT_TEXT] = { .name = "text", .kind = FLAG },
	[OPT_LISTEN] = { .name = "listen", .kind = TEXT },
	[OPT_LOG_LOST] = { .name = "log-lost", .kind = FLAG },
	[OPT_ACCOUNT] = { .name = "account", .kind = TEXT },
	[OPT_RETAIL] = { .name = "retail", .kind = FLAG },
	[OPT_PER] = { .name = "per", .kind = CHOICE, .hint = "device|user|seat" },
	[OPT_LICENSE_VERSION] = { .name = "license-version", .kind = TEXT },
	[OPT_LICENSES] = { .name = "licenses", .kind = NUMBER, .min = 1, .max = 1000000 },
	[OPT_SERVER] = { .name = "server", .kind = TEXT },
	[OPT_NUMBER] = { .name = "number", .kind = TEXT },
};
#define EVERYWHERE (OPTION_BIT(OPT_DIR) | OPTION_BIT(OPT_JSON) | OPTION_BIT(OPT_HELP) | OPTION_BIT(OPT_VERSION))

int64_t option_now(const struct options *o)
{
	return clock_wall_ms(o->clock) / 1000;
}

int options_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	output_words(fmt, ap);
	va_end(ap);
	return ISSUER_USAGE;
}

static bool take_number(int64_t *out, const char *text, int64_t min, int64_t max)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out >= min && *out <= max;
}

/* 2026-11-22, midnight UTC, or a whole RFC 3339 time. */
static bool take_date(int64_t *out, const char *text)
{
	char whole[64];
	int64_t ms;

	(void)snprintf(whole, sizeof(whole), strlen(text) == 10 ? "%sT00:00:00Z" : "%s", text);
	if (strlen(text) >= sizeof(whole) || time_parse_rfc3339(&ms, whole, strlen(whole)) != MUSTER_OK)
		return false;
	*out = ms / 1000;
	return true;
}

static bool take_choice(int64_t *out, const char *words, const char *text)
{
	size_t n = strlen(text);
	const char *p;

	*out = 0;
	for (p = words; p != NULL; p = strchr(p, '|'), (*out)++) {
		p += *p == '|';
		if (n > 0 && strncmp(p, text, n) == 0 && (p[n] == '|' || p[n] == '\0'))
			return true;
	}
	return false;
}

static int take(struct options *o, int id, const char *value)
{
	o->text[id] = value;
	switch (rows[id].kind) {
	case NUMBER:
		if (take_number(&o->number[id], value, rows[id].min, rows[id].max))
			return ISSUER_OK;
		return rows[id].hint != NULL ? options_usage("--%s %s: %s", rows[id].name, value, rows[id].hint)
		                             : options_usage("--%s %s: %" PRId64 " to %" PRId64, rows[id].name, value, rows[id].min, rows[id].max);
	case DATE:
		return take_date(&o->number[id], value) ? ISSUER_OK : options_usage("--%s %s: a date like 2026-11-22, or a time like 2026-11-22T10:00:00Z", rows[id].name, value);
	case CHOICE:
		return take_choice(&o->number[id], rows[id].hint, value) ? ISSUER_OK : options_usage("--%s %s: one of %s", rows[id].name, value, rows[id].hint);
	case FLAG:
		return ISSUER_OK;
	case TEXT:
		break;
	}
	return value[0] != '\0' ? ISSUER_OK : options_usage("--%s is empty", rows[id].name);
}

/* getopt_long() takes "--pass" for "--passphrase-fd"; somebody's script would break with the next option that begins alike. */
static int refuse_abbreviations(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		size_t n = strcspn(argv[i], "="), k;

		if (strncmp(argv[i], "--", 2) != 0)
			continue;
		for (k = 0; k < OPT_COUNT; k++)
			if (strlen(rows[k].name) == n - 2 && strncmp(rows[k].name, argv[i] + 2, n - 2) == 0)
				break;
		if (k == OPT_COUNT)
			return options_usage("unknown option %.*s; see: muster-issuer --help", (int)n, argv[i]);
	}
	return ISSUER_OK;
}

int options_parse(struct options *o, int *first, int argc, char **argv)
{
	struct option table[OPT_COUNT + 1] = { { 0 } };
	int r, got, i;

	if ((r = refuse_abbreviations(argc, argv)) != ISSUER_OK)
		return r;
	for (i = 0; i < OPT_COUNT; i++)
		table[i] = (struct option){ .name = rows[i].name, .has_arg = rows[i].kind == FLAG ? no_argument : required_argument, .val = i + 1000 };
	optind = 0;   /* GNU: start anew, also when called twice in one process */
	opterr = 0;
	while ((got = getopt_long(argc, argv, ":", table, NULL)) != -1) {
		int id = got - 1000;
		const char one[3] = { '-', (char)optopt, '\0' };

		if (got == '?')
			return options_usage("unknown option %s (what is no option and begins with a dash goes behind --); see: muster-issuer --help",
			                     optopt > 0 && optopt < 1000 ? one : argv[optind - 1]);
		if (got == ':')
			return options_usage("%s needs a value; see: muster-issuer --help", argv[optind - 1]);
		if (option_given(o, (enum option_id)id))
			return options_usage("--%s is given twice", rows[id].name);
		o->given |= OPTION_BIT(id);
		if ((r = take(o, id, optarg)) != ISSUER_OK)
			return r;
	}
	*first = optind;
	return ISSUER_OK;
}

/* Name of the lowest option of a set. */
static const char *name_of(uint64_t bits)
{
	int id = 0;

	while ((bits & OPTION_BIT(id)) == 0)
		id++;
	return rows[id].name;
}

int options_check(const struct options *o, const struct command *c)
{
	uint64_t foreign = o->given & ~(c->options | EVERYWHERE), missing = c->required & ~o->given;

	if (foreign != 0)
		return options_usage("%s has no option --%s; see: muster-issuer %s --help", c->name, name_of(foreign), c->name);
	if (missing != 0)
		return options_usage("%s needs --%s; see: muster-issuer %s --help", c->name, name_of(missing), c->name);
	if (option_given(o, OPT_PASSPHRASE_FD) && option_given(o, OPT_NO_PASSPHRASE))
		return options_usage("--passphrase-fd and --no-passphrase exclude each other");
	if (o->arguments < c->arguments_min || o->arguments > c->arguments_max)
		return options_usage("usage: muster-issuer --dir DIR %s", c->usage);
	if (o->text[OPT_DIR] == NULL)
		return options_usage("say which issuer: --dir DIR");
	return ISSUER_OK;
}
