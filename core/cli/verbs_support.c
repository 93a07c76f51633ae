/* support-bundle: what somebody who helps needs to know, as a .tar.gz; read with the caller's rights, never keys, secrets or passphrases */
#include <archive.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/cli/api.h"
#include "core/cli/listing.h"
#include "core/cli/support_mask.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"
#include "core/cli/verdicts.h"
#include "core/exchange/bundle.h"

#define FOLDER "muster-support"
#define ROWS 5000              /* events, and acts */
#define TEXT_MAX (64u << 20)   /* of one file */
#define FILES_MAX 32

struct file { char name[64]; struct buf text; };
struct support {
	struct cli *c;
	struct exchange_mask *mask;         /* NULL: names are told */
	struct file files[FILES_MAX]; size_t n;
	struct buf left;                    /* what was left out, a line each */
	json_t *status;
};

static struct buf *file_new(struct support *s, const char *name)
{
	struct file *f = &s->files[s->n++];

	MUSTER_ASSERT(s->n <= FILES_MAX);
	(void)snprintf(f->name, sizeof f->name, FOLDER "/%s", name);
	buf_init(&f->text, TEXT_MAX);
	return &f->text;
}

static void left_out(struct support *s, const char *name, const char *why)
{
	buf_addf(&s->left, "%s: %s\n", name, why);
}

/* As it may be told: a new reference, or @p value's. NULL: memory is short. */
static json_t *fit(struct support *s, const char *part, const json_t *value)
{
	return s->mask != NULL ? support_mask(s->mask, part, value) : json_incref((json_t *)(uintptr_t)value);
}

static int put_json(struct support *s, struct buf *to, const json_t *value, size_t flags)
{
	char *text = json_dumps(value, flags);

	if (text == NULL)
		return cli_say(s->c, CLI_FAILED, "out of memory");
	buf_adds(to, text);
	buf_addc(to, '\n');
	free(text);
	return to->failed ? cli_say(s->c, CLI_FAILED, "out of memory") : CLI_OK;
}

/* ---- answers that are one object ---- */

static int ask(struct support *s, const char *part, const char *path, json_t **answer)
{
	struct muster_err err;

	*answer = NULL;
	if (api_get(s->c, path, answer, &err) == MUSTER_OK)
		return CLI_OK;
	/* Who may not even see the status has nothing to collect. */
	if (err.result == MUSTER_E_NETWORK || (err.result == MUSTER_E_DENIED && strcmp(part, "status") == 0))
		return cli_fail(s->c, &err);
	left_out(s, part, err.message);
	return CLI_OK;
}

static int object(struct support *s, const char *part, const char *path, json_t **keep)
{
	char name[64];
	json_t *answer, *told;
	int r = ask(s, part, path, &answer);

	if (r != CLI_OK || answer == NULL)
		return r;
	(void)snprintf(name, sizeof name, "%s.json", part);
	told = fit(s, part, answer);
	r = told != NULL ? put_json(s, file_new(s, name), told, JSON_INDENT(1)) : cli_say(s->c, CLI_FAILED, "out of memory");
	if (keep != NULL && r == CLI_OK)
		*keep = json_incref(told);
	json_decref(told);
	json_decref(answer);
	return r;
}

/* A text beside the JSON, printed by @p print. */
static int as_text(struct support *s, const char *name, void (*print)(FILE *out, const json_t *value), const json_t *value)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (out == NULL)
		return cli_say(s->c, CLI_FAILED, "out of memory");
	print(out, value);
	if (fclose(out) == 0)
		buf_add(file_new(s, name), text, n);
	free(text);
	return CLI_OK;
}

static void print_listing(FILE *out, const json_t *answer)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(answer, "items"), i, item) {
		if (i > 0)
			fputc('\n', out);
		listing_details(out, item);
	}
}

static void print_doctor(FILE *out, const json_t *answer)
{
	(void)verdicts_print(out, true, 0, "MUSTER", json_object_get(answer, "checks"), true);
}

static int doctor(struct support *s)
{
	struct muster_err err;
	json_t *answer = NULL, *told = NULL;
	int r = CLI_OK;

	if (doctor_answer(s->c, &answer, &err) != MUSTER_OK) {
		left_out(s, "doctor", err.message);
		return CLI_OK;
	}
	if ((told = fit(s, "doctor", answer)) == NULL)
		r = cli_say(s->c, CLI_FAILED, "out of memory");
	else if ((r = put_json(s, file_new(s, "doctor.json"), told, JSON_INDENT(1))) == CLI_OK)
		r = as_text(s, "doctor.txt", print_doctor, told);
	json_decref(told);
	json_decref(answer);
	return r;
}

/* ---- lists, a row a line ---- */

struct rows { struct support *s; const char *part; struct buf *to; int result; };

static int row(void *ctx, const json_t *item)
{
	struct rows *w = ctx;
	json_t *told = fit(w->s, w->part, item);

	w->result = told != NULL ? put_json(w->s, w->to, told, JSON_COMPACT) : cli_say(w->s->c, CLI_FAILED, "out of memory");
	json_decref(told);
	return w->result;
}

static int list(struct support *s, const char *part, const char *path, const char *first)
{
	struct rows w = { .s = s, .part = part };
	struct muster_err err;
	char name[64], *next = NULL;
	int r;

	(void)snprintf(name, sizeof name, "%s.jsonl", part);
	w.to = file_new(s, name);
	r = api_list(s->c, path, first, ROWS, row, &w, &next, &err);
	mem_free(next);
	if (w.result != CLI_OK)
		return w.result;
	if (r == MUSTER_OK)
		return CLI_OK;
	if (err.result == MUSTER_E_NETWORK)
		return cli_fail(s->c, &err);
	left_out(s, part, err.message);
	buf_fini(&s->files[--s->n].text);
	return CLI_OK;
}

static int journal(struct support *s)
{
	json_t *head = NULL;
	struct muster_err err;
	char first[64] = "after=0";
	json_int_t last;

	/* The newest are wanted, and the list goes from the oldest on. */
	if (api_get(s->c, "/admin/v1/audit/head", &head, &err) == MUSTER_OK && (last = json_number(head, "seq")) > ROWS)
		(void)snprintf(first, sizeof first, "after=%lld", (long long)(last - ROWS));
	json_decref(head);
	return list(s, "journal", "/admin/v1/journal", first);
}

/* ---- the rest ---- */

static int versions(struct support *s)
{
	char system[128] = "";
	struct utsname u;
	struct buf text;
	const char *at;
	json_t *o, *told;
	int r;

	buf_init(&text, 16384);
	if (file_read(&text, "/etc/os-release", 16000, NULL) == MUSTER_OK && (at = strstr(buf_str(&text), "PRETTY_NAME=\"")) != NULL)
		(void)snprintf(system, sizeof system, "%.*s", (int)strcspn(at + 13, "\"\n"), at + 13);
	buf_fini(&text);
	if (uname(&u) != 0)
		memset(&u, 0, sizeof u);
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "musterctl", PACKAGE_VERSION, "musterd", json_text(s->status, "version"), "system", system, "machine", u.machine,
	              "libarchive", archive_version_string(), "jansson", jansson_version_str());
	told = o != NULL ? fit(s, "versions", o) : NULL;
	r = told != NULL ? put_json(s, file_new(s, "versions.json"), told, JSON_INDENT(1)) : cli_say(s->c, CLI_FAILED, "out of memory");
	json_decref(told);
	json_decref(o);
	return r;
}

static int configuration(struct support *s)
{
	json_t *answer;
	int r;

	if (s->mask != NULL) {
		left_out(s, "configuration", "it names machines, networks and groups, and the bundle is anonymised");
		return CLI_OK;
	}
	if ((r = ask(s, "configuration", "/admin/v1/configuration", &answer)) != CLI_OK || answer == NULL)
		return r;
	buf_adds(file_new(s, "muster.conf"), json_text(answer, "text"));
	json_decref(answer);
	return CLI_OK;
}

static void readme(struct support *s, struct buf *to, const char *at)
{
	buf_addf(to, "What a Muster host knows of itself, collected by `musterctl support-bundle` on %s.\n", at);
	buf_adds(to, s->mask != NULL ? "Anonymised: names, IDs, addresses and numbers are masks under a key that was drawn for this file and forgotten.\n"
	                               "The same value has the same mask within this file, and another one in any other.\n" :
	                               "It names machines, people and networks; `musterctl support-bundle --anonymise` makes one that does not.\n");
	buf_addf(to, "Product keys, private keys, secrets and passphrases are never in it. Events and acts: the last %d at most.\n\nFiles:\n", ROWS);
	for (size_t i = 0; i < s->n; i++)
		buf_addf(to, "  %s\n", s->files[i].name + sizeof FOLDER);
	if (s->left.n > 0)
		buf_addf(to, "\nLeft out:\n%s", buf_str(&s->left));
}

static int collect(struct support *s)
{
	json_t *listing = NULL;
	int r;

	if ((r = object(s, "status", "/admin/v1/status", &s->status)) != CLI_OK || (r = versions(s)) != CLI_OK || (r = doctor(s)) != CLI_OK ||
	    (r = object(s, "listing", "/admin/v1/listing?id=all", &listing)) != CLI_OK)
		return r;
	if (listing != NULL)
		r = as_text(s, "listing.txt", print_listing, listing);
	json_decref(listing);
	if (r != CLI_OK || (r = object(s, "products", "/admin/v1/products", NULL)) != CLI_OK || (r = object(s, "plugins", "/admin/v1/plugins", NULL)) != CLI_OK ||
	    (r = object(s, "settings", "/admin/v1/settings", NULL)) != CLI_OK || (r = object(s, "pools", "/admin/v1/observed/pools", NULL)) != CLI_OK ||
	    (r = object(s, "findings", "/admin/v1/observed/findings", NULL)) != CLI_OK || (r = list(s, "events", "/admin/v1/events", "tail=5000")) != CLI_OK || (r = journal(s)) != CLI_OK)
		return r;
	return configuration(s);
}

static int save(struct support *s, const char *path, int64_t now)
{
	char at[TIME_RFC3339];
	struct muster_err err;
	struct bundle *b = NULL;
	struct buf text;
	bool left;
	int r;

	time_rfc3339(at, now * 1000);
	buf_init(&text, TEXT_MAX);
	readme(s, &text, at);
	term_begin();
	if ((r = bundle_open(&b, path, now, &err)) == MUSTER_OK)
		r = bundle_add(b, FOLDER "/README.txt", (struct muster_span){ text.p, text.n }, &err);
	for (size_t i = 0; r == MUSTER_OK && i < s->n && !term_interrupted(); i++)
		r = s->files[i].text.failed ? err_nomem(&err) : bundle_add(b, s->files[i].name, (struct muster_span){ s->files[i].text.p, s->files[i].text.n }, &err);
	left = term_interrupted();
	if (r == MUSTER_OK && !left)
		r = bundle_close(b, true, &err);
	else
		(void)bundle_close(b, false, NULL);
	term_end();
	buf_fini(&text);
	if (r == MUSTER_OK && left)
		return cli_say(s->c, CLI_LEFT, "interrupted: nothing was written to %s", path);
	return r == MUSTER_OK ? CLI_OK : cli_fail(s->c, &err);
}

static int say_done(struct support *s, const char *path)
{
	struct cli *c = s->c;
	json_t *o;
	int r;

	if (c->given[CLI_O_JSON]) {
		o = json_pack("{s:s, s:b, s:s}", "file", path, "anonymised", s->mask != NULL, "left_out", buf_str(&s->left));
		r = cli_print_json(c, o);
		json_decref(o);
		return r;
	}
	fprintf(c->out, "Written to %s. It holds no keys; look into it before you hand it on.\n", path);
	if (s->left.n > 0)
		fprintf(c->out, "Left out:\n%s", buf_str(&s->left));
	return CLI_OK;
}

int verb_support_bundle(struct cli *c)
{
	struct support s = { .c = c };
	int64_t now = clock_wall_ms(clock_system()) / 1000;
	time_t t = (time_t)now;
	char name[64];
	const char *path = c->value[CLI_O_OUT];
	struct muster_err err;
	struct tm tm;
	int r;

	if (c->given[CLI_O_OUT] && path[0] == '\0')
		return cli_say(c, CLI_USAGE, "which file? musterctl support-bundle --out FILE");
	if (!c->given[CLI_O_OUT]) {
		(void)gmtime_r(&t, &tm);
		(void)strftime(name, sizeof name, "muster-support-%Y%m%d-%H%M%S.tar.gz", &tm);
		path = name;
	}
	if (c->given[CLI_O_ANONYMISE] && exchange_mask_new(&s.mask, &err) != MUSTER_OK)
		return cli_fail(c, &err);
	buf_init(&s.left, 65536);
	if ((r = collect(&s)) == CLI_OK && (r = save(&s, path, now)) == CLI_OK)
		r = say_done(&s, path);
	for (size_t i = 0; i < s.n; i++)
		buf_fini(&s.files[i].text);
	buf_fini(&s.left);
	json_decref(s.status);
	exchange_mask_free(s.mask);
	return r;
}
