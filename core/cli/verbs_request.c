/* request: ask for more host activations, more MAK activations, or a host key by exception; `requests` keeps track of them */
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/cli/estate.h"
#include "core/cli/request_rules.h"
#include "core/cli/term.h"
#include "core/cli/verbs.h"

#define TEXT_MAX 65536

/* One request on its way. */
struct asking {
	struct cli *c;
	const struct request_kind *kind;
	const struct estate_kind *entries;   /* kind request */
	json_t *entry, *agreement, *key;
	bool talks;                          /* there is somebody to ask */
};

/* ---- what the books know ---- */

/* An entry, NULL when there is none like this. @return enum cli_exit. */
static int look(struct asking *a, const char *kind, const char *id, json_t **out)
{
	struct muster_err err;
	struct buf path;
	int r;

	*out = NULL;
	buf_init(&path, ESTATE_PATH_MAX);
	if ((r = estate_entry_path(a->c, estate_kind_find(kind), id, &path)) == CLI_OK && api_get(a->c, buf_str(&path), out, &err) != MUSTER_OK && err.result != MUSTER_E_NOT_FOUND)
		r = cli_fail(a->c, &err);
	buf_fini(&path);
	return r;
}

/* The one agreement that has this number; none when several have it. */
static int look_number(struct asking *a, const char *number, json_t **out)
{
	struct muster_err err;
	struct buf path;
	json_t *answer = NULL;
	int r = CLI_OK;

	*out = NULL;
	buf_init(&path, ESTATE_PATH_MAX);
	buf_adds(&path, "/admin/v1/estate/agreements");
	estate_query(&path, "text", number);
	if (api_get(a->c, buf_str(&path), &answer, &err) != MUSTER_OK)
		r = cli_fail(a->c, &err);
	else if (json_array_size(json_object_get(answer, "items")) == 1)
		*out = json_incref(json_array_get(json_object_get(answer, "items"), 0));
	json_decref(answer);
	buf_fini(&path);
	return r;
}

static bool is_id(const char *text)
{
	return text[0] != '\0' && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:") == strlen(text);
}

/* What was named must be there; what follows from something else may be missing. */
static int named(struct asking *a, const char *kind, const char *id, json_t **out)
{
	int r;

	if ((r = look(a, kind, id, out)) == CLI_OK && *out == NULL)
		r = cli_say(a->c, CLI_FAILED, "there is no %s \"%s\" in the books; `musterctl %s list` shows them", kind, id, estate_kind_find(kind)->plural);
	return r;
}

static int find_key(struct asking *a)
{
	const char *id = json_text(a->entry, "key"), *partial = json_text(a->entry, "partial");

	if (id[0] != '\0')
		return named(a, "key", id, &a->key);
	return is_id(partial) ? look(a, "key", partial, &a->key) : CLI_OK;
}

/* What the key belongs to: an agreement by itself, or that of its order. */
static int agreement_of_key(struct asking *a)
{
	json_t *order = NULL;
	int r = CLI_OK;

	if (json_text(a->key, "agreement")[0] != '\0')
		return look(a, "agreement", json_text(a->key, "agreement"), &a->agreement);
	if (json_text(a->key, "order")[0] != '\0' && (r = look(a, "order", json_text(a->key, "order"), &order)) == CLI_OK && json_text(order, "agreement")[0] != '\0')
		r = look(a, "agreement", json_text(order, "agreement"), &a->agreement);
	json_decref(order);
	return r;
}

static int find_agreement(struct asking *a)
{
	const char *id = a->c->given[CLI_O_AGREEMENT] ? a->c->value[CLI_O_AGREEMENT] : json_text(a->entry, "agreement");
	int r;

	if (id[0] != '\0')
		return named(a, "agreement", id, &a->agreement);
	r = agreement_of_key(a);
	if (r == CLI_OK && a->agreement == NULL && json_text(a->entry, "reference")[0] != '\0')
		r = look_number(a, json_text(a->entry, "reference"), &a->agreement);
	return r;
}

/* References to what was found; a key that is only installed here is no entry. */
static int refer(struct asking *a)
{
	const char *agreement = json_text(a->agreement, "id"), *key = json_text(a->key, "id");

	if (agreement[0] != '\0')
		(void)json_object_set_new(a->entry, "agreement", json_string(agreement));
	if (key[0] != '\0' && !json_is_object(json_object_get(a->key, "installed")))
		(void)json_object_set_new(a->entry, "key", json_string(key));
	return request_fill(a->kind, a->entry, a->agreement, a->key) == MUSTER_OK ? CLI_OK : cli_say(a->c, CLI_FAILED, "out of memory");
}

static int find(struct asking *a)
{
	int r;

	json_decref(a->key);
	json_decref(a->agreement);
	a->key = a->agreement = NULL;
	if ((r = find_key(a)) != CLI_OK || (r = find_agreement(a)) != CLI_OK)
		return r;
	return refer(a);
}

/* ---- asking ---- */

static int left(struct asking *a)
{
	return cli_say(a->c, CLI_LEFT, "nothing was kept; musterctl request %s asks again", a->kind->about);
}

/* One answer; "" keeps what stands in brackets. */
static int ask_field(struct asking *a, const char *field, const char *question, bool needed)
{
	struct buf prompt, line;
	int r = CLI_OK;

	buf_init(&prompt, TEXT_MAX);
	buf_init(&line, TERM_LINE_MAX);
	for (;;) {
		char text[TERM_LINE_MAX] = "";

		estate_value(a->entries, a->entry, estate_field_find(a->entries, field), text, sizeof(text));
		buf_clear(&prompt);
		buf_addf(&prompt, "%s%s%s%s: ", question, text[0] != '\0' ? " [" : "", text, text[0] != '\0' ? "]" : "");
		if (term_ask(a->c, a->c->errors, buf_str(&prompt), false, &line) != TERM_LINE || term_is_quit(buf_str(&line))) {
			r = left(a);
			break;
		}
		if (buf_str(&line)[strspn(buf_str(&line), " \t")] == '\0' && (text[0] != '\0' || !needed))
			break;
		/* What is wrong is said, and asked again. */
		if (buf_str(&line)[strspn(buf_str(&line), " \t")] != '\0' && estate_set_one(a->c, a->entries, a->entry, field, buf_str(&line)) == CLI_OK)
			break;
	}
	buf_fini(&line);
	buf_fini(&prompt);
	return r;
}

/* What speaks against it already: nobody should answer six questions for that. @return CLI_FAILED: nobody would grant it; CLI_USAGE: two things do not go together. */
static int fits(struct asking *a)
{
	struct muster_err err;
	int r = request_fits(a->kind, a->entry, a->agreement, a->key, &err);

	if (r == MUSTER_E_REFUSED)
		return cli_say(a->c, CLI_FAILED, "%s; nothing was kept", err.message);
	return r == MUSTER_OK ? CLI_OK : cli_say(a->c, CLI_USAGE, "%s", err.message);
}

/* As ask_field, until what is named is in the books and goes with the rest. */
static int ask_fitting(struct asking *a, const char *field, const char *question, bool needed)
{
	for (;;) {
		json_t *before = json_copy(a->entry);
		bool found = false;
		int r = ask_field(a, field, question, needed);

		if (r == CLI_OK && (r = find(a)) == CLI_OK) {
			found = true;
			r = fits(a);
		}
		if (r == CLI_OK || r == CLI_LEFT || r == CLI_NO_HOST || r == CLI_DENIED || (found && r == CLI_FAILED) || before == NULL) {
			json_decref(before);
			return r;
		}
		json_decref(a->entry);
		a->entry = before;
	}
}

/* Which of the entries it is about, shown to choose from; none is an answer too. */
static int ask_which(struct asking *a, const char *kind, const char *field, const char *question, const char *only)
{
	const struct estate_kind *k = estate_kind_find(kind);
	struct muster_err err;
	struct buf path;
	json_t *answer = NULL;
	int r = CLI_OK;

	buf_init(&path, ESTATE_PATH_MAX);
	buf_addf(&path, "/admin/v1/estate/%s", k->plural);
	if (only != NULL)
		estate_query(&path, "kind", only);
	if (api_get(a->c, buf_str(&path), &answer, &err) != MUSTER_OK)
		r = cli_fail(a->c, &err);
	else if (json_array_size(json_object_get(answer, "items")) > 0 && (r = estate_print_table(a->c, question, k, json_object_get(answer, "items"))) == CLI_OK)
		r = ask_fitting(a, field, "Its ID, or Enter for none of these", false);
	json_decref(answer);
	buf_fini(&path);
	return r;
}

static int ask_about(struct asking *a)
{
	int r = CLI_OK;

	fprintf(a->c->errors, "%s. %s\nEnter keeps what stands in brackets; q leaves.\n", a->kind->title, request_who());
	if (a->key == NULL && strcmp(a->kind->about, "kms-exception") != 0 &&
	    (r = ask_which(a, "key", "key", "Which key is it about?", a->kind->mak ? "mak" : "host")) != CLI_OK)
		return r;
	return a->agreement == NULL ? ask_which(a, "agreement", "agreement", "Which agreement?", NULL) : CLI_OK;
}

static int ask_fields(struct asking *a)
{
	size_t n;
	const struct request_field *f = request_fields(&n);
	int r = CLI_OK;

	for (size_t i = 0; r == CLI_OK && i < n; i++)
		if (request_wants(a->kind, &f[i]))
			r = ask_fitting(a, f[i].field, strcmp(f[i].field, "needed") == 0 ? a->kind->what : f[i].question, true);
	return r;
}

/* Without a terminal all that is missing is said at once. */
static int missing(struct asking *a)
{
	size_t n, count = 0;
	const struct request_field *f = request_fields(&n);
	struct buf say;
	int r = CLI_OK;

	buf_init(&say, TEXT_MAX);
	for (size_t i = 0; i < n; i++)
		if (request_wants(a->kind, &f[i]) && (json_object_get(a->entry, f[i].field) == NULL || json_is_null(json_object_get(a->entry, f[i].field))))
			buf_addf(&say, "%s%s (%s)", count++ > 0 ? ", " : "", f[i].field, f[i].question);
	if (count > 0)
		r = cli_say(a->c, CLI_USAGE, "there is no terminal to ask on, and these are missing: %s; give each as --set FIELD=VALUE", buf_str(&say));
	buf_fini(&say);
	return r;
}

/* ---- what comes of it ---- */

static int check(struct asking *a, json_t **notes)
{
	struct muster_err err;
	int r = request_check(a->kind, a->entry, a->agreement, a->key, notes, &err);

	if (r == MUSTER_E_REFUSED)
		return cli_say(a->c, CLI_FAILED, "%s; nothing was kept", err.message);
	return r == MUSTER_OK ? CLI_OK : cli_say(a->c, CLI_USAGE, "%s", err.message);
}

static int make_text(struct asking *a, struct buf *text)
{
	json_t *organisation = NULL;
	int r = CLI_OK;

	if (is_id(json_text(a->agreement, "organisation")))
		r = look(a, "organisation", json_text(a->agreement, "organisation"), &organisation);
	if (r == CLI_OK)
		request_text(a->kind, a->entry, a->agreement, json_string_value(json_object_get(organisation, "name")), text);
	json_decref(organisation);
	return r;
}

static int give(struct asking *a, const json_t *kept, const json_t *notes, const struct buf *text)
{
	struct cli *c = a->c;
	struct muster_err err;
	const json_t *x;
	size_t i;

	if (c->given[CLI_O_OUT] && file_write(c->value[CLI_O_OUT], (struct muster_span){ text->p, text->n }, 0644, &err) != MUSTER_OK)
		return cli_say(c, CLI_FAILED, "%s; the request is kept as %s", err.message, json_text(kept, "id"));
	if (c->given[CLI_O_JSON]) {
		json_t *o = json_pack("{s:O, s:O, s:s, s:s}", "request", kept, "notes", notes, "who", request_who(), "text", buf_str(text));
		int r = cli_print_json(c, o);

		json_decref(o);
		return r;
	}
	if (!c->given[CLI_O_OUT])
		fputs(buf_str(text), c->out);
	(void)fflush(c->out);
	json_array_foreach(notes, i, x)
		fprintf(c->errors, "Note: %s\n", json_string_value(x));
	fprintf(c->errors, "%s\nKept as request %s%s%s. Once it is sent: musterctl requests set %s asked; then granted or refused.\n", request_who(), json_text(kept, "id"),
	        c->given[CLI_O_OUT] ? ", its text is in " : "", c->given[CLI_O_OUT] ? c->value[CLI_O_OUT] : "", json_text(kept, "id"));
	return CLI_OK;
}

static int fill(struct asking *a)
{
	int r;

	if ((r = find(a)) != CLI_OK || (r = fits(a)) != CLI_OK)
		return r;
	if (!a->talks)
		return missing(a);
	return (r = ask_about(a)) == CLI_OK ? ask_fields(a) : r;
}

int verb_request(struct cli *c)
{
	struct asking a = { .c = c, .entries = estate_kind_find("request"), .talks = isatty(STDIN_FILENO) != 0 };
	json_t *kept = NULL, *notes = NULL;
	struct buf text;
	int r;

	if (c->arg_count == 0)
		return cli_say(c, CLI_USAGE, "what for? musterctl request %s", request_kind_names());
	if ((a.kind = request_kind_find(c->args[0])) == NULL)
		return cli_say(c, CLI_USAGE, "there is no request \"%s\"; they are %s", c->args[0], request_kind_names());
	buf_init(&text, TEXT_MAX);
	if ((r = estate_set(c, a.entries, &a.entry)) != CLI_OK)
		goto done;
	if (json_text(a.entry, "about")[0] != '\0' && strcmp(json_text(a.entry, "about"), a.kind->about) != 0) {
		r = cli_say(c, CLI_USAGE, "--set about=%s: this is `musterctl request %s`; say the one or the other", json_text(a.entry, "about"), a.kind->about);
		goto done;
	}
	(void)json_object_set_new(a.entry, "about", json_string(a.kind->about));
	if (json_object_get(a.entry, "state") == NULL)
		(void)json_object_set_new(a.entry, "state", json_string("draft"));
	if ((r = fill(&a)) != CLI_OK || (r = check(&a, &notes)) != CLI_OK || (r = make_text(&a, &text)) != CLI_OK)
		goto done;
	if ((r = estate_write(c, a.entries, NULL, true, a.entry, &kept)) == CLI_OK)
		r = give(&a, kept, notes, &text);
done:
	buf_fini(&text);
	json_decref(kept);
	json_decref(notes);
	json_decref(a.entry);
	json_decref(a.agreement);
	json_decref(a.key);
	return r;
}
