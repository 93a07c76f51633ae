/* import: what other tools wrote, into the host's books */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/cli/import.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"
#include "core/estate/kinds.h"
#include "core/exchange/zone.h"

#define MAPS_MAX 256

/* ---- what the caller says about the files ---- */

/* A type of file, or a kind of the books' entries: keys are both. */
static int hint_kind(struct cli *c, struct exchange_hints *h)
{
	const char *word = c->value[CLI_O_KIND];
	const struct estate_kind *k = estate_kind_find(word), *kinds;
	struct buf known;
	size_t n;

	if ((h->type = exchange_type_find(word)) != EXCHANGE_UNKNOWN)
		return CLI_OK;
	if (k != NULL) {
		h->type = strcmp(k->name, "key") == 0 ? EXCHANGE_KEYS : EXCHANGE_BOOKS;
		h->kind = k->name;
		return CLI_OK;
	}
	buf_init(&known, 1000);
	for (int t = EXCHANGE_UNKNOWN + 1; t < EXCHANGE_TYPES; t++)
		buf_addf(&known, "%s, ", exchange_type_name((enum exchange_type)t));
	kinds = estate_kinds(&n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(kinds[i].name, "key") != 0)
			buf_addf(&known, "%s%s", kinds[i].plural, i + 1 < n ? ", " : "");
	(void)cli_say(c, CLI_USAGE, "--kind: there is no kind \"%s\"; there are %s", word, buf_str(&known));
	buf_fini(&known);
	return CLI_USAGE;
}

static int hint_at(struct cli *c, struct exchange_hints *h)
{
	const char *text = c->value[CLI_O_AT];
	char whole[40];
	int64_t ms;

	(void)snprintf(whole, sizeof(whole), strlen(text) == 10 ? "%sT00:00:00Z" : "%.39s", text);
	if (strlen(text) >= sizeof(whole) || time_parse_rfc3339(&ms, whole, strlen(whole)) != MUSTER_OK)
		return cli_say(c, CLI_USAGE, "--at: \"%s\" is no time: 2026-11-22, or 2026-11-22T10:00:00Z", text);
	h->at = ms / 1000;
	return CLI_OK;
}

/* The values of --map; each of them ended in place. */
static int hint_maps(struct cli *c, struct exchange_hints *h, const char *maps[MAPS_MAX])
{
	char *p = c->many[CLI_O_MAP];

	for (char *end; (end = strchr(p, CLI_MANY_END)) != NULL; p = end + 1) {
		const char *equals;

		*end = '\0';
		equals = strrchr(p, '=');
		if (equals == NULL || equals == p || equals[1] == '\0')
			return cli_say(c, CLI_USAGE, "--map: \"%s\" is no HEADING=FIELD, as in --map \"License ID=license_ids\"", p);
		if (h->map_count == MAPS_MAX)
			return cli_say(c, CLI_USAGE, "--map: more than %d of them", MAPS_MAX);
		maps[h->map_count++] = p;
	}
	h->maps = maps;
	return CLI_OK;
}

static int hints_of(struct cli *c, struct exchange_hints *h, const char *maps[MAPS_MAX])
{
	struct muster_err err = { 0 };
	struct zone zone;
	int r = CLI_OK;

	*h = (struct exchange_hints){ .host = c->value[CLI_O_HOST], .code_page = c->value[CLI_O_CODE_PAGE], .offset = c->value[CLI_O_UTC_OFFSET],
		.time_zone = c->value[CLI_O_TIME_ZONE] };
	if (c->given[CLI_O_HOST] && (h->host[0] == '\0' || strlen(h->host) > 253))
		return cli_say(c, CLI_USAGE, "--host: a machine's name has 1 to 253 bytes");
	/* said before the first file is opened */
	if (zone_open(&zone, h, &err) != MUSTER_OK)
		return cli_say(c, CLI_USAGE, "%s", err.message);
	if (c->given[CLI_O_KIND])
		r = hint_kind(c, h);
	if (r == CLI_OK && c->given[CLI_O_AT])
		r = hint_at(c, h);
	if (r == CLI_OK && c->given[CLI_O_MAP])
		r = hint_maps(c, h, maps);
	return r;
}

/* ---- files ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* @param[out] fd to be closed by the caller. @return CLI_OK, or CLI_FAILED with the reason in @p why */
static int open_file(const char *path, int *fd, struct buf *why)
{
	struct stat st;

	if (strcmp(path, "-") == 0) {
		*fd = dup(STDIN_FILENO);
		if (*fd < 0)
			buf_addf(why, "standard input: %s", strerror(errno));
		return *fd >= 0 ? CLI_OK : CLI_FAILED;
	}
	if ((*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)) < 0 || fstat(*fd, &st) != 0)
		buf_addf(why, "%s", strerror(errno));
	else if (S_ISDIR(st.st_mode))
		buf_addf(why, "this is a folder; musterctl import --watch %s --once takes every file in it", path);
	else
		return CLI_OK;
	return CLI_FAILED;
}

static void one_file(struct cli *c, const char *path, const struct exchange_hints *h, struct import_result *r)
{
	struct import_source f = { .fd = -1, .path = strcmp(path, "-") == 0 ? "(standard input)" : path, .progress = term_columns(c->errors) > 0 && !c->given[CLI_O_JSON] };
	struct buf why;

	f.name = base_name(f.path);
	buf_init(&why, MUSTER_ERR_MAX - 1);
	*r = (struct import_result){ .outcome = IMPORT_FAILED, .exit = CLI_FAILED };
	if (open_file(path, &f.fd, &why) == CLI_OK)
		(void)import_file(c, &f, h, c->given[CLI_O_DRY_RUN], c->given[CLI_O_JSON] ? NULL : c->errors, r);
	else
		(void)snprintf(r->error, sizeof(r->error), "%s", buf_str(&why));
	if (f.fd >= 0)
		(void)close(f.fd);
	buf_fini(&why);
}

static void print_result(struct cli *c, const char *path, const struct import_result *r)
{
	FILE *out = r->outcome == IMPORT_DONE ? c->out : c->errors;
	struct buf line;

	buf_init(&line, 4096);
	import_summary(&line, r);
	if (r->outcome != IMPORT_DONE)
		fputs("musterctl: ", out);
	/* the host's and the system's sentences name the file themselves where they mean it */
	if (r->outcome != IMPORT_NOT_NOW && strncmp(buf_str(&line), path, strlen(path)) != 0) {
		term_print(out, path);
		fputs(": ", out);
	}
	term_print(out, buf_str(&line));
	fputc('\n', out);
	import_details(out, r);
	(void)fflush(out);
	buf_fini(&line);
}

/* What a script is told: the worst, and where nothing further can be done, why. */
static int import_files(struct cli *c, const struct exchange_hints *h)
{
	json_t *files = json_array(), *all;
	int code = CLI_OK;
	bool go_on = true;

	term_begin();
	for (size_t i = 0; i < c->arg_count && go_on; i++) {
		struct import_result r;

		one_file(c, c->args[i], h, &r);
		if (c->given[CLI_O_JSON])
			(void)json_array_append_new(files, import_json(c->args[i], &r));
		else
			print_result(c, c->args[i], &r);
		go_on = r.outcome == IMPORT_DONE || r.outcome == IMPORT_FAILED;
		if (!go_on || code == CLI_OK)
			code = r.exit;   /* of a file that is in the books: 1 when records of it were refused */
		if (!go_on && i + 1 < c->arg_count)
			(void)cli_say(c, code, "%zu more %s not tried", c->arg_count - i - 1, c->arg_count - i == 2 ? "file was" : "files were");
		import_result_fini(&r);
	}
	term_end();
	all = json_pack("{s:o}", "files", files);
	if (c->given[CLI_O_JSON])
		(void)cli_print_json(c, all);
	json_decref(all);
	return code;
}

static int check_words(struct cli *c)
{
	size_t inputs = 0;

	for (size_t i = 0; i < c->arg_count; i++) {
		if (c->args[i][0] == '\0')
			return cli_say(c, CLI_USAGE, "the name of a file is empty");
		inputs += strcmp(c->args[i], "-") == 0;
	}
	if (inputs > 1)
		return cli_say(c, CLI_USAGE, "\"-\" is standard input, which can be read once");
	if (c->given[CLI_O_WATCH] && (c->arg_count > 0 || c->given[CLI_O_DRY_RUN]))
		return cli_say(c, CLI_USAGE, "--watch takes what is put into the folder; it goes with neither files nor --dry-run");
	if (c->given[CLI_O_ONCE] && !c->given[CLI_O_WATCH])
		return cli_say(c, CLI_USAGE, "--once goes with --watch FOLDER");
	if (!c->given[CLI_O_WATCH] && c->arg_count == 0)
		return cli_say(c, CLI_USAGE, "import needs more: musterctl import FILE..., - for standard input, or --watch FOLDER");
	return CLI_OK;
}

int verb_import(struct cli *c)
{
	const char *maps[MAPS_MAX];
	struct exchange_hints h;
	int r = check_words(c);

	if (r != CLI_OK || (r = hints_of(c, &h, maps)) != CLI_OK)
		return r;
	import_wipe();
	return c->given[CLI_O_WATCH] ? import_watch(c, c->value[CLI_O_WATCH], &h, c->given[CLI_O_ONCE]) : import_files(c, &h);
}
