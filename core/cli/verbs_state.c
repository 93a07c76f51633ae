/* Moving a host: its state into a file that belongs to whoever asks, and a file's into this host (docs/estate.md, "Moving a host"). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/cli/acts.h"
#include "core/cli/out_file.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"

#define CHUNK (512u << 10)          /* bytes of the file in one question */
#define LINE_LONGEST (9u << 20)
#define PASSPHRASE_LONGEST 1000
#define PASSPHRASE_LEAST 12

/* ---- the passphrase ---- */

static int passphrase_from_fd(struct cli *c, struct buf *out)
{
	unsigned long fd;
	int r = cli_number(c, CLI_O_PASSPHRASE_FD, 0, 1 << 20, &fd);

	while (r == CLI_OK && !out->failed) {
		char byte;
		ssize_t n = read((int)fd, &byte, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cli_say(c, CLI_FAILED, "reading the passphrase from file descriptor %lu: %s", fd, strerror(errno));
		if (n == 0 || byte == '\n')
			break;
		buf_addc(out, byte);
	}
	if (r == CLI_OK && out->n > 0 && out->p[out->n - 1] == '\r')
		out->p[--out->n] = '\0';
	return r;
}

static int passphrase_asked(struct cli *c, bool twice, struct buf *out)
{
	struct buf again;
	int r = CLI_OK;

	if (!isatty(STDIN_FILENO))
		return cli_say(c, CLI_USAGE, "there is no terminal to ask for the passphrase: --passphrase-fd N reads it from file descriptor N");
	if (term_ask(c, c->errors, "Passphrase for the product keys (not shown): ", true, out) != TERM_LINE)
		return cli_say(c, CLI_LEFT, "nothing was done");
	if (!twice)
		return CLI_OK;
	buf_init(&again, PASSPHRASE_LONGEST);
	if (term_ask(c, c->errors, "Once more: ", true, &again) != TERM_LINE)
		r = cli_say(c, CLI_LEFT, "nothing was done");
	else if (strcmp(buf_str(&again), buf_str(out)) != 0)
		r = cli_say(c, CLI_USAGE, "the two differ; nothing was done");
	buf_cleanse(&again);
	return r;
}

/* Empty without --with-keys. */
static int passphrase_read(struct cli *c, bool twice, struct buf *out)
{
	int r;

	if (!c->given[CLI_O_WITH_KEYS])
		return c->given[CLI_O_PASSPHRASE_FD] ? cli_say(c, CLI_USAGE, "--passphrase-fd goes with --with-keys") : CLI_OK;
	r = c->given[CLI_O_PASSPHRASE_FD] ? passphrase_from_fd(c, out) : passphrase_asked(c, twice, out);
	if (r != CLI_OK)
		return r;
	if (out->failed)
		return cli_say(c, CLI_USAGE, "the passphrase is longer than %d bytes", PASSPHRASE_LONGEST);
	if (out->n < PASSPHRASE_LEAST)
		return cli_say(c, CLI_USAGE, "the passphrase needs at least %d characters", PASSPHRASE_LEAST);
	return CLI_OK;
}

/* ---- what both say ---- */

static void progress(struct cli *c, const char *what, json_int_t done)
{
	if (isatty(fileno(c->errors)))
		fprintf(c->errors, "\r%s %" JSON_INTEGER_FORMAT "…", what, done);
}

static void progress_end(struct cli *c)
{
	if (isatty(fileno(c->errors)))
		fprintf(c->errors, "\r\033[K");
}

static int post(struct cli *c, const char *path, json_t *body, json_t **out)
{
	struct muster_err err = { 0 };
	int r;

	*out = NULL;
	if (body == NULL)
		return cli_say(c, CLI_FAILED, "out of memory, or a name that is not UTF-8");
	r = api_post(c, path, body, out, &err);
	json_decref(body);
	if (r != MUSTER_OK)
		progress_end(c);
	return r == MUSTER_OK ? CLI_OK : cli_fail(c, &err);
}

/* Given up: what went wrong before was said. */
static void give_up(struct cli *c, const char *path, const char *name, const char *id)
{
	struct muster_err err = { 0 };
	json_t *body = json_pack("{s:s, s:b}", name, id, "commit", 0), *out = NULL;

	if (body != NULL)
		(void)api_post(c, path, body, &out, &err);
	json_decref(body);
	json_decref(out);
}

static const char *counted(const json_t *counts, const char *name, const char *one, const char *many, char *out, size_t n)
{
	json_int_t v = json_number(counts, name);

	snprintf(out, n, "%" JSON_INTEGER_FORMAT " %s", v, v == 1 ? one : many);
	return out;
}

static void print_counts(struct cli *c, const json_t *counts)
{
	static const struct { const char *name, *one, *many; } rows[] = {
		{ "clients", "client", "clients" }, { "counters", "counter", "counters" }, { "editions", "learned activation ID", "learned activation IDs" }, { "settings", "setting", "settings" },
		{ "holdings", "licence, seat or embedded grant", "licences, seats and embedded grants" }, { "records", "entry of the books or confirmation", "entries of the books and confirmations" },
		{ "keys", "product key", "product keys" }, { "secrets", "whole key of the books", "whole keys of the books" },
		{ "machines", "observed machine", "observed machines" }, { "events", "observed event", "observed events" }
	};
	char text[80];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (json_number(counts, rows[i].name) > 0)
			fprintf(c->out, "  %s\n", counted(counts, rows[i].name, rows[i].one, rows[i].many, text, sizeof(text)));
}

/* ---- export ---- */

static int export_rows(struct cli *c, struct out_file *file, const char *id)
{
	bool done = false;
	int r = CLI_OK;

	while (r == CLI_OK && !done) {
		json_t *answer;
		const json_t *data;

		if ((r = out_file_left(file)) != CLI_OK || (r = post(c, "/admin/v1/state/export/read", json_pack("{s:s}", "export", id), &answer)) != CLI_OK)
			return r;
		data = json_object_get(answer, "data");
		if (json_string_length(data) > 0 && fwrite(json_string_value(data), 1, json_string_length(data), file->to) != json_string_length(data))
			r = cli_say(c, CLI_FAILED, "%s cannot be written: %s; nothing was done", file->path, strerror(errno));
		done = json_flag(answer, "done");
		progress(c, "clients written:", json_number(answer, "clients"));
		json_decref(answer);
	}
	progress_end(c);
	return r;
}

static int export_print(struct cli *c, const char *path, const json_t *answer)
{
	if (c->given[CLI_O_JSON])
		return cli_print_json(c, answer);
	fprintf(c->out, "The state of this host is in %s:\n", path);
	print_counts(c, json_object_get(answer, "counts"));
	if (!json_flag(answer, "signed"))
		fprintf(c->out, "It is not signed, because this host is not activated: `state import` takes it with --yes only.\n");
	if (json_flag(answer, "retired"))
		fprintf(c->out, "This host is retired: it grants nothing any more, for good. Take the file over with `musterctl state import` on the host that replaces it, then let the machines ask that one.\n");
	return CLI_OK;
}

static int export_file(struct cli *c, const char *path, const json_t *begun)
{
	const char *id = json_text(begun, "export");
	json_t *answer = NULL;
	struct out_file file = { .c = c };
	bool written = false;
	int r;

	if (!json_flag(begun, "signed") && !cli_confirm(c, "This host is not activated, so nothing signs the file, and whoever takes it over has your word only. Write it?"))
		r = CLI_USAGE;
	else if ((r = out_file_open(&file, c, path, true)) == CLI_OK && (r = export_rows(c, &file, id)) == CLI_OK)
		r = out_file_commit(&file);
	if (r == CLI_OK) {
		written = true;
		r = post(c, "/admin/v1/state/export/end", json_pack("{s:s, s:b, s:s}", "export", id, "commit", 1, "file", path), &answer);
	}
	if (r != CLI_OK && written)
		(void)cli_say(c, r, "%s is complete, but the host did not record it%s", path, json_flag(begun, "retire") ? " and was not retired: machines go on asking it, so what came since is not in the file. Export again" : "");
	else if (r != CLI_OK)
		give_up(c, "/admin/v1/state/export/end", "export", id);
	else
		r = export_print(c, path, answer);
	json_decref(answer);
	out_file_close(&file);
	return r;
}

static int state_export(struct cli *c, const char *path)
{
	char question[600];
	json_t *begun = NULL;
	struct buf passphrase;
	struct stat s;
	int r;

	if (c->given[CLI_O_DRY_RUN])
		return cli_say(c, CLI_USAGE, "--dry-run goes with state import");
	snprintf(question, sizeof(question), "%.400s is there already: replace it?", path);
	if (lstat(path, &s) == 0 && (!S_ISREG(s.st_mode) || !cli_confirm(c, question)))
		return S_ISREG(s.st_mode) ? CLI_USAGE : cli_say(c, CLI_USAGE, "%s is no file that could be replaced", path);
	if (c->given[CLI_O_RETIRE] && !cli_confirm(c, "Once the file is written this host stops for good: no machine is activated here any more. Go on?"))
		return CLI_USAGE;
	buf_init(&passphrase, PASSPHRASE_LONGEST);
	if ((r = passphrase_read(c, true, &passphrase)) == CLI_OK)
		r = post(c, "/admin/v1/state/export/begin", json_pack("{s:b, s:s?}", "retire", c->given[CLI_O_RETIRE], "passphrase", passphrase.n > 0 ? buf_str(&passphrase) : NULL), &begun);
	buf_cleanse(&passphrase);
	if (r != CLI_OK)
		return r;
	term_begin();
	r = export_file(c, path, begun);
	term_end();
	json_decref(begun);
	return r;
}

/* ---- import ---- */

/* The whole lines of what was read; a longer line is read on. @return 0: there is none yet. */
static size_t whole_lines(const char *p, size_t n, bool end)
{
	if (end)
		return n;
	while (n > 0 && p[n - 1] != '\n')
		n--;
	return n;
}

static int send_lines(struct cli *c, const char *path, const char *id, const char *p, size_t n)
{
	json_t *data = memchr(p, '\0', n) == NULL ? json_stringn(p, n) : NULL, *answer = NULL;
	int r;

	if (data == NULL)
		return cli_say(c, CLI_FAILED, "M-162: %s is no state file: it holds bytes that are no text. Nothing of it was taken.", path);
	r = post(c, "/admin/v1/state/import/data", json_pack("{s:s, s:o}", "import", id, "data", data), &answer);
	json_decref(answer);
	return r;
}

static int import_send(struct cli *c, FILE *f, const char *path, const char *id)
{
	char *room = mem_alloc(LINE_LONGEST);
	size_t have = 0, n, lines;
	json_int_t sent = 0;
	int r = CLI_OK;
	bool end = false;

	if (room == NULL)
		return cli_say(c, CLI_FAILED, "out of memory");
	while (r == CLI_OK && !end) {
		if (term_interrupted()) {
			r = cli_say(c, CLI_LEFT, "interrupted; nothing was taken");
			break;
		}
		if (LINE_LONGEST - have < CHUNK) {
			r = cli_say(c, CLI_FAILED, "M-162: %s is no state file: it has a line of more than %u bytes. Nothing of it was taken.", path, LINE_LONGEST - CHUNK);
			break;
		}
		n = fread(room + have, 1, CHUNK, f);
		have += n;
		if ((end = n < CHUNK) && ferror(f)) {
			r = cli_say(c, CLI_FAILED, "%s cannot be read: %s", path, strerror(errno));
			break;
		}
		if ((lines = whole_lines(room, have, end)) == 0)
			continue;
		r = send_lines(c, path, id, room, lines);
		memmove(room, room + lines, have - lines);
		have -= lines;
		progress(c, "MiB sent:", (sent += (json_int_t)lines) >> 20);
	}
	progress_end(c);
	mem_free(room);
	return r;
}

static void print_from(struct cli *c, const json_t *a)
{
	char date[32];

	fprintf(c->out, "State of %s (%s), written %s, %s%s%s%s:\n", json_text(a, "host")[0] != '\0' ? json_text(a, "host") : "a host without a name", json_text(a, "instance"),
	        json_date(a, "at", date), json_flag(a, "signed") ? "signed under the issuer " : "not signed", json_text(a, "issuer"),
	        json_flag(a, "retires") ? ", for its retirement" : "", "");
	print_counts(c, json_object_get(a, "counts"));
}

static int import_print(struct cli *c, const json_t *a)
{
	const json_t *done = json_object_get(a, "done");

	if (c->given[CLI_O_JSON])
		return cli_print_json(c, a);
	print_from(c, a);
	print_each(c, json_object_get(a, "notes"), "");
	if (done == NULL) {
		fprintf(c->out, "The file is whole and fits this host. Nothing was taken: this was a dry run.\n");
		return CLI_OK;
	}
	fprintf(c->out, "Taken over: every client, %" JSON_INTEGER_FORMAT " holdings, %" JSON_INTEGER_FORMAT " new and %" JSON_INTEGER_FORMAT " changed entries, %" JSON_INTEGER_FORMAT
	        " settings, %" JSON_INTEGER_FORMAT " activation IDs, %" JSON_INTEGER_FORMAT " product keys, %" JSON_INTEGER_FORMAT " whole keys of the books, %" JSON_INTEGER_FORMAT " observed machines, %" JSON_INTEGER_FORMAT
	        " observed events. Each machine counts once.\n",
	        json_number(done, "holdings"), json_number(done, "records_new"), json_number(done, "records_changed"), json_number(done, "settings"), json_number(done, "editions"),
	        json_number(done, "keys"), json_number(done, "secrets"), json_number(done, "machines"), json_number(done, "events"));
	return CLI_OK;
}

static int import_talk(struct cli *c, FILE *f, const char *path, const char *id, const struct buf *passphrase)
{
	json_t *checked = NULL, *answer = NULL;
	int r;

	if ((r = import_send(c, f, path, id)) != CLI_OK)
		return r;
	if (isatty(fileno(c->errors)))
		fprintf(c->errors, "The host looks through it…\n");
	if ((r = post(c, "/admin/v1/state/import/check", json_pack("{s:s, s:b, s:s?}", "import", id, "unsigned", c->given[CLI_O_YES], "passphrase",
	                                                           passphrase->n > 0 ? buf_str(passphrase) : NULL), &checked)) != CLI_OK)
		return r;
	if (c->given[CLI_O_DRY_RUN]) {
		give_up(c, "/admin/v1/state/import/end", "import", id);
		r = import_print(c, checked);
	} else if ((r = post(c, "/admin/v1/state/import/end", json_pack("{s:s, s:b}", "import", id, "commit", 1), &answer)) == CLI_OK) {
		r = import_print(c, answer);
	}
	json_decref(checked);
	json_decref(answer);
	return r;
}

static int state_import(struct cli *c, const char *path)
{
	json_t *begun = NULL;
	struct buf passphrase;
	struct stat s;
	FILE *f;
	int r;

	if (c->given[CLI_O_RETIRE])
		return cli_say(c, CLI_USAGE, "--retire goes with state export");
	if ((f = fopen(path, "re")) == NULL)
		return cli_say(c, CLI_FAILED, "%s cannot be read: %s", path, strerror(errno));
	if (fstat(fileno(f), &s) != 0 || !S_ISREG(s.st_mode)) {
		(void)fclose(f);
		return cli_say(c, CLI_FAILED, "%s is no file", path);
	}
	buf_init(&passphrase, PASSPHRASE_LONGEST);
	if ((r = passphrase_read(c, false, &passphrase)) == CLI_OK)
		r = post(c, "/admin/v1/state/import/begin", json_pack("{s:I}", "size", (json_int_t)s.st_size), &begun);
	if (r == CLI_OK) {
		term_begin();
		if ((r = import_talk(c, f, path, json_text(begun, "import"), &passphrase)) != CLI_OK)
			give_up(c, "/admin/v1/state/import/end", "import", json_text(begun, "import"));
		term_end();
	}
	buf_cleanse(&passphrase);
	json_decref(begun);
	(void)fclose(f);
	return r;
}

int verb_state(struct cli *c)
{
	if (strcasecmp(c->args[0], "export") == 0)
		return state_export(c, c->args[1]);
	if (strcasecmp(c->args[0], "import") == 0)
		return state_import(c, c->args[1]);
	return cli_say(c, CLI_USAGE, "\"%s\" is not known: musterctl state export FILE, or musterctl state import FILE", c->args[0]);
}
