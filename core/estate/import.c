/*
 * One import at a time: who began it, what it has told so far, and its end. Records go to the stage (entries of the state) or to observed.db; either is one
 * transaction, so an import that is dropped, by its owner or by his silence, leaves nothing behind.
 */
#include "core/estate/internal.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/base/uuid.h"

#define LEFT_ALONE_MS 60000
#define RECORDS_MAX 5000
#define MESSAGES_MAX 5000
#define NAME_MAX_BYTES 255

/* MOVED: machines and events, both, of another host's state file; nobody asks for it by its word. */
enum import_type { IMPORT_LISTING, IMPORT_EVENTS, IMPORT_MACHINES, IMPORT_KEYS, IMPORT_BOOKS, IMPORT_MOVED, IMPORT_TYPES };
static const char *const type_words[IMPORT_TYPES] = { "listing", "events", "machines", "keys", "books", "machines and events" };

struct import {
	uint8_t id[UUID_LEN];
	char id_text[UUID_TEXT];
	char *actor, *name;
	char object[128];                      /* the name, as far as the journal takes it */
	enum import_type type;
	bool dry_run;
	bool busy;                             /* a call works on it, outside the lock */
	int64_t began, touched;                /* wall, boot */
	struct stage *stage;                   /* types of the state's entries */
	bool observed;                         /* observed.db has a transaction open for it */
	struct import_sum sum;
	uint64_t more;                         /* messages of this call beyond MESSAGES_MAX */
};

static bool staged(enum import_type t)
{
	return t == IMPORT_LISTING || t == IMPORT_KEYS || t == IMPORT_BOOKS;
}

/* ---- what is told ---- */

static const char *const became_words[] = { [STAGE_NEW] = "new", [STAGE_CHANGED] = "changed", [STAGE_SAME] = "same", [STAGE_SKIPPED] = "skipped" };

void import_count(struct import_sum *sum, const char *kind, enum stage_became became)
{
	uint64_t *const totals[] = { [STAGE_NEW] = &sum->n_new, [STAGE_CHANGED] = &sum->changed, [STAGE_SAME] = &sum->same, [STAGE_SKIPPED] = &sum->skipped };
	json_t *of = json_object_get(sum->by_kind, kind), *n;

	++*totals[became];
	if (of == NULL) {
		of = json_pack("{s:i, s:i, s:i, s:i}", "new", 0, "changed", 0, "same", 0, "skipped", 0);
		(void)json_object_set_new(sum->by_kind, kind, of);
	}
	if ((n = json_object_get(of, became_words[became])) != NULL)
		(void)json_integer_set(n, json_integer_value(n) + 1);
}

int import_say(struct import_sum *sum, unsigned long line, const char *level, const char *fmt, ...)
{
	struct import *im = (struct import *)(void *)((char *)sum - offsetof(struct import, sum));
	char text[MUSTER_ERR_MAX];
	va_list ap;
	json_t *s;

	if (strcmp(level, "refused") == 0)
		sum->refused++;
	else if (strcmp(level, "doubtful") == 0)
		sum->doubtful++;
	if (json_array_size(sum->messages) >= MESSAGES_MAX) {
		im->more++;
		return MUSTER_OK;
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if ((s = json_string(text)) == NULL)
		s = json_string("(a message that is no text)");   /* quotes bytes that are not UTF-8 */
	return json_array_append_new(sum->messages, json_pack("{s:I, s:s, s:o}", "line", (json_int_t)line, "level", level, "text", s)) == 0 ? MUSTER_OK : MUSTER_E_NOMEM;
}

static json_t *take_messages(struct import *im)
{
	json_t *all = im->sum.messages;
	char text[96];

	im->sum.messages = json_array();
	if (im->more > 0) {
		(void)snprintf(text, sizeof text, "and %llu more messages that are not told one by one", (unsigned long long)im->more);
		(void)json_array_append_new(all, json_pack("{s:i, s:s, s:s}", "line", 0, "level", "note", "text", text));
		im->more = 0;
	}
	return all;
}

/* ---- one import ---- */

static void import_free(struct import *im)
{
	if (im == NULL)
		return;
	if (im->stage != NULL)
		stage_free(im->stage);
	json_decref(im->sum.by_kind);
	json_decref(im->sum.learned);
	json_decref(im->sum.findings);
	json_decref(im->sum.messages);
	listing_index_free(im->sum.listings);
	mem_free(im->actor);
	mem_free(im->name);
	mem_free(im);
}

/* Nobody else can have it: busy, or already taken out of the estate. */
static void roll_back(struct estate *e, struct import *im)
{
	if (im->observed)
		observed_drop(e);
	im->observed = false;
	import_free(im);
}

static struct import *take_idle(struct estate *e)
{
	struct import *im;

	pthread_mutex_lock(&e->lock);
	im = e->import;
	if (im != NULL && (im->busy || clock_boot_ms(e->clock) - im->touched < LEFT_ALONE_MS))
		im = NULL;
	if (im != NULL)
		im->busy = true;
	pthread_mutex_unlock(&e->lock);
	return im;
}

/* It is busy and ours: nobody else can have it. The place is given back last, when nothing of it is open any more. */
static void end_import(struct estate *e, struct import *im)
{
	roll_back(e, im);
	pthread_mutex_lock(&e->lock);
	e->import = NULL;
	pthread_mutex_unlock(&e->lock);
}

static void note_failed(struct estate *e, const struct import *im, const char *why)
{
	struct muster_err err = { 0 };
	char detail[300];

	(void)snprintf(detail, sizeof detail, "%s: %.240s", type_words[im->type], why);
	if (ledger_journal_note(e->ledger, im->actor, ESTATE_J_IMPORT_FAILED, im->object, detail, &err) != MUSTER_OK)
		estate_say(e, 4, "import", "an import that failed could not be written into the journal: %s", err.message);
}

void import_idle(struct estate *e)
{
	struct import *im = take_idle(e);

	if (im == NULL)
		return;
	estate_say(e, 5, "import", "the import of \"%.200s\", begun by %.60s, was left alone for %d s: rolled back", im->name, im->actor, LEFT_ALONE_MS / 1000);
	if (!im->dry_run)
		note_failed(e, im, "left alone, rolled back");
	end_import(e, im);
}

void import_drop(struct estate *e)
{
	if (e->import != NULL)
		roll_back(e, e->import);
	e->import = NULL;
}

/* ---- begin ---- */

static int text_of(const json_t *o, const char *name, const char *fallback, const char **out, struct muster_err *err)
{
	const json_t *v = json_object_get(o, name);

	*out = fallback;
	if (v == NULL || json_is_null(v))
		return fallback != NULL ? MUSTER_OK : err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s is missing", name);
	if (!json_is_string(v))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s must be a string", name);
	*out = json_string_value(v);
	return MUSTER_OK;
}

static int flag_of(const json_t *o, const char *name, bool fallback, bool *out, struct muster_err *err)
{
	const json_t *v = json_object_get(o, name);

	*out = fallback;
	if (v == NULL || json_is_null(v))
		return MUSTER_OK;
	if (!json_is_boolean(v))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s must be true or false", name);
	*out = json_is_true(v);
	return MUSTER_OK;
}

static int type_of(const json_t *what, enum import_type *out, struct muster_err *err)
{
	const char *word;
	int r = text_of(what, "type", NULL, &word, err);

	if (r != MUSTER_OK)
		return r;
	for (size_t i = 0; i < IMPORT_MOVED; i++)
		if (strcmp(word, type_words[i]) == 0) {
			*out = (enum import_type)i;
			return MUSTER_OK;
		}
	return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "there is no type \"%.32s\" of imports: listing, events, machines, keys and books there are", word);
}

/* The journal's object: one line of bytes that are text. */
static int name_of(const json_t *what, const char **out, struct muster_err *err)
{
	int r = text_of(what, "name", "(no name)", out, err);

	if (r != MUSTER_OK)
		return r;
	if (**out == '\0')
		*out = "(no name)";
	if (strlen(*out) > NAME_MAX_BYTES)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "name is longer than %d bytes", NAME_MAX_BYTES);
	for (const char *p = *out; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "name holds a control character; the base name of the file is meant");
	return MUSTER_OK;
}

static int import_new(struct import **out, struct estate *e, const char *actor, enum import_type type, const json_t *what, struct muster_err *err)
{
	struct import *im = mem_alloc(sizeof *im);
	const char *name;
	int r;

	*out = NULL;
	if (im == NULL)
		return err_nomem(err);
	im->type = type;
	if ((r = name_of(what, &name, err)) != MUSTER_OK || (r = flag_of(what, "dry_run", false, &im->dry_run, err)) != MUSTER_OK)
		goto done;
	im->actor = mem_strdup(actor);
	im->name = mem_strdup(name);
	im->sum.by_kind = json_object();
	im->sum.learned = json_array();
	im->sum.findings = json_array();
	im->sum.messages = json_array();
	if (im->actor == NULL || im->name == NULL || im->sum.by_kind == NULL || im->sum.learned == NULL || im->sum.findings == NULL || im->sum.messages == NULL) {
		r = err_nomem(err);
		goto done;
	}
	(void)snprintf(im->object, sizeof im->object, "%.*s", (int)utf8_cut(name, strlen(name), sizeof im->object - 1), name);
	uuid_random(im->id);
	uuid_format(im->id_text, im->id);
	im->began = clock_wall_ms(e->clock);
	im->touched = clock_boot_ms(e->clock);
	im->busy = true;
	*out = im;
	im = NULL;
done:
	import_free(im);
	return r;
}

/* The one place; @p im is busy in it. */
static int take_place(struct estate *e, struct import *im, struct muster_err *err)
{
	char since[TIME_RFC3339];
	int r = MUSTER_OK;

	pthread_mutex_lock(&e->lock);
	if (e->stopping) {
		r = err_code(err, MUSTER_E_BUSY, CODE_M_STOPPING, "the host is stopping");
	} else if (e->import != NULL) {
		time_rfc3339(since, e->import->began);
		r = err_code(err, MUSTER_E_BUSY, CODE_M_BUSY, "another import is under way: \"%.200s\", begun by %.60s at %s. Wait until it has ended; left alone it is rolled back after %d s.",
		             e->import->name, e->import->actor, since, LEFT_ALONE_MS / 1000);
	} else {
		e->import = im;
	}
	pthread_mutex_unlock(&e->lock);
	return r;
}

static void put_back(struct estate *e, struct import *im)
{
	pthread_mutex_lock(&e->lock);
	im->busy = false;
	im->touched = clock_boot_ms(e->clock);
	pthread_mutex_unlock(&e->lock);
}

/* Once the place is taken: whoever begins to move the host looks for an import after it holds the host. */
static int not_moving(struct estate *e, struct muster_err *err)
{
	char text[256];

	if (e->ledger == NULL || ledger_moving(e->ledger, text, sizeof text) != CODE_M_MOVING)
		return MUSTER_OK;
	return err_code(err, MUSTER_E_BUSY, CODE_M_MOVING, "%s; what came now would be missing where it goes: import the file there", text);
}

static int begin(struct estate *e, const char *actor, enum import_type type, const json_t *what, json_t **out, struct muster_err *err)
{
	struct import *im = NULL;
	int r;

	import_idle(e);   /* the thread looks once a second; who comes now need not wait for it */
	if ((r = import_new(&im, e, actor, type, what, err)) != MUSTER_OK)
		return r;
	if ((r = take_place(e, im, err)) != MUSTER_OK) {
		import_free(im);
		return r;
	}
	if ((r = not_moving(e, err)) != MUSTER_OK)
		;
	else if (staged(im->type))
		r = stage_new(&im->stage, e, actor, err);
	else if ((r = observed_begin(e, im->type == IMPORT_MOVED, err)) == MUSTER_OK)
		im->observed = true;
	if (r == MUSTER_OK && (*out = json_pack("{s:s}", "import", im->id_text)) == NULL)
		r = err_nomem(err);
	if (r != MUSTER_OK)
		end_import(e, im);
	else
		put_back(e, im);
	return r;
}

int estate_import_begin(struct estate *e, const char *actor, const json_t *what, json_t **out, struct muster_err *err)
{
	enum import_type type = IMPORT_LISTING;
	int r = type_of(what, &type, err);

	*out = NULL;
	return r == MUSTER_OK ? begin(e, actor, type, what, out, err) : r;
}

int estate_import_moved(struct estate *e, const char *actor, const char *name, json_t **out, struct muster_err *err)
{
	json_t *what = json_pack("{s:s}", "name", name);
	int r = what != NULL ? begin(e, actor, IMPORT_MOVED, what, out, err) : err_nomem(err);

	json_decref(what);
	return r;
}

bool estate_importing(struct estate *e, char *text, size_t n)
{
	bool is;

	import_idle(e);
	pthread_mutex_lock(&e->lock);
	if ((is = e->import != NULL))
		(void)snprintf(text, n, "the import of \"%.200s\", begun by %.60s, is under way", e->import->name, e->import->actor);
	pthread_mutex_unlock(&e->lock);
	return is;
}

/* ---- records ---- */

/* The import of that ID, busy: nobody else works on it, or drops it, until put_back() or its end. */
static int take_import(struct import **out, struct estate *e, const char *actor, const char *id, struct muster_err *err)
{
	uint8_t wanted[UUID_LEN];
	struct import *im;
	int r = MUSTER_OK;

	*out = NULL;
	if (uuid_parse(wanted, id, strlen(id)) != MUSTER_OK)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "import is not a UUID");
	pthread_mutex_lock(&e->lock);
	im = e->import;
	if (im == NULL || !uuid_equal(im->id, wanted))
		r = err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no import %.36s: it has ended, or was rolled back because it was left alone for %d s. Nothing of it was kept; "
		             "import the file again.", id, LEFT_ALONE_MS / 1000);
	else if (strcmp(im->actor, actor) != 0)
		r = err_code(err, MUSTER_E_REFUSED, CODE_M_ARGUMENT, "the import was begun by %.60s, not by you", im->actor);
	else if (im->busy)
		r = err_code(err, MUSTER_E_BUSY, CODE_M_BUSY, "another call works on this import: send records one call after the other");
	else
		im->busy = true;
	pthread_mutex_unlock(&e->lock);
	if (r == MUSTER_OK)
		*out = im;
	return r;
}

static unsigned long line_of(const json_t *record)
{
	json_int_t n = json_integer_value(json_object_get(record, "line"));

	return n > 0 ? (unsigned long)n : 0;
}

static int take_record(struct estate *e, struct import *im, const json_t *record, struct muster_err *err)
{
	if (!json_is_object(record))
		return import_say(&im->sum, 0, "refused", "a record is not a JSON object");
	switch (im->type) {
	case IMPORT_LISTING: return import_listing(im->stage, &im->sum, record, err);
	case IMPORT_KEYS: case IMPORT_BOOKS: return import_entry(im->stage, &im->sum, record, err);
	/* Only events have a number for their sort. */
	case IMPORT_MOVED: return observed_record(e, &im->sum, record, json_object_get(record, "id") != NULL, err);
	default: return observed_record(e, &im->sum, record, im->type == IMPORT_EVENTS, err);
	}
}

int estate_import_records(struct estate *e, const char *actor, const char *import, const json_t *records, json_t **out, struct muster_err *err)
{
	struct import *im;
	uint64_t refused;
	size_t i, n;
	json_t *record;
	int r;

	*out = NULL;
	if (!json_is_array(records))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "records must be an array");
	if ((n = json_array_size(records)) > RECORDS_MAX)
		return err_code(err, MUSTER_E_LIMIT, CODE_M_ARGUMENT, "%zu records are too many for one call: at most %d", n, RECORDS_MAX);
	if ((r = take_import(&im, e, actor, import, err)) != MUSTER_OK)
		return r;
	refused = im->sum.refused;
	json_array_foreach(records, i, record)
		if ((r = take_record(e, im, record, err)) != MUSTER_OK) {
			(void)err_prefix(err, r, "line %lu of \"%.200s\"", line_of(record), im->name);
			break;
		}
	if (r == MUSTER_OK && (*out = json_pack("{s:I, s:o}", "taken", (json_int_t)(n - (im->sum.refused - refused)), "messages", take_messages(im))) == NULL)
		r = err_nomem(err);
	if (r == MUSTER_OK) {
		put_back(e, im);
		return MUSTER_OK;
	}
	/* What was half taken would be wrong whatever came next. */
	if (!im->dry_run)
		note_failed(e, im, err->message);
	end_import(e, im);
	return r;
}

/* ---- end ---- */

static json_t *sums(struct import *im, bool committed)
{
	struct import_sum *s = &im->sum;

	return json_pack("{s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:O, s:O, s:O, s:o}", "import", im->id_text, "committed", committed, "dry_run", im->dry_run,
		"new", (json_int_t)s->n_new, "changed", (json_int_t)s->changed, "same", (json_int_t)s->same, "skipped", (json_int_t)s->skipped,
		"refused", (json_int_t)s->refused, "doubtful", (json_int_t)s->doubtful, "by_kind", s->by_kind, "learned", s->learned, "findings", s->findings,
		"messages", take_messages(im));
}

static int commit_observed(struct estate *e, struct import *im, const char *detail, struct muster_err *err)
{
	struct muster_err second = { 0 };
	int r;

	im->observed = false;
	if ((r = observed_end(e, &im->sum, true, err)) != MUSTER_OK)
		return r;
	/* It is committed: what fails now is told, and mended by the next round. */
	if (ledger_journal_note(e->ledger, im->actor, ESTATE_J_IMPORT, im->object, detail, &second) != MUSTER_OK)
		estate_say(e, 4, "import", "the import of \"%.200s\" was taken and could not be written into the journal: %s", im->name, second.message);
	if (observed_to_pools(e, &second) != MUSTER_OK)
		estate_say(e, 4, "observed", "observed machines could not be counted: %s", second.message);
	return MUSTER_OK;
}

static int finish(struct estate *e, struct import *im, bool commit, struct muster_err *err)
{
	const struct import_sum *s = &im->sum;
	char detail[300];
	int r;

	if (im->stage != NULL && (commit || im->dry_run) && (r = import_settle(im->stage, &im->sum, err)) != MUSTER_OK)
		return r;
	(void)snprintf(detail, sizeof detail, "%s: new=%llu changed=%llu same=%llu skipped=%llu refused=%llu", type_words[im->type], (unsigned long long)s->n_new,
	               (unsigned long long)s->changed, (unsigned long long)s->same, (unsigned long long)s->skipped, (unsigned long long)s->refused);
	if (im->observed && commit)
		return commit_observed(e, im, detail, err);
	if (im->observed) {
		im->observed = false;
		return observed_end(e, &im->sum, false, err);
	}
	return commit ? stage_commit(im->stage, ESTATE_J_IMPORT, im->object, detail, err) : MUSTER_OK;
}

int estate_import_end(struct estate *e, const char *actor, const char *import, bool commit, json_t **out, struct muster_err *err)
{
	struct import *im;
	int r;

	*out = NULL;
	if ((r = take_import(&im, e, actor, import, err)) != MUSTER_OK)
		return r;
	commit = commit && !im->dry_run;
	if ((r = finish(e, im, commit, err)) == MUSTER_OK && (*out = sums(im, commit)) == NULL)
		r = err_nomem(err);
	if (r != MUSTER_OK && commit)
		note_failed(e, im, err->message);
	end_import(e, im);
	return r;
}
