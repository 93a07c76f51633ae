/*
 * JSON: our own exports (record.h: a first line that says what it is, then one object a line), what `musterctl … --json` prints ({"items":[…]}), and arrays that
 * somebody's script wrote. Objects are read one by one, so that a file may be long and a broken object costs itself alone.
 */
#include "core/exchange/record.h"

#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json_depth.h"
#include "core/base/mem.h"
#include "core/estate/kinds.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FORM_VERSION 1
#define DEPTH_MAX (JSON_DEPTH_MAX + 2)   /* of a file: objects stand in an array, and that in an object */

struct reader {
	const struct exchange_hints *h;
	const struct exchange_sink *sink;
	struct exchange_done *done;
	struct muster_err *err;
	enum exchange_type type;         /* of the rows; unknown until the first line, or the first row, tells */
	bool lines;                      /* one object a line */
	/* the object under way */
	struct buf text;                 /* may hold product keys */
	unsigned long line;              /* where it begins */
	bool too_long;
	/* where we are in a document */
	unsigned depth, base;            /* brackets that are open; of those around each object */
	bool in_string, escaped, skipping, strayed;
};

/* ---- what rows are ---- */

static bool has(const json_t *o, const char *name)
{
	return json_object_get(o, name) != NULL;
}

static bool is_key(const json_t *row)
{
	return has(row, "products") && (has(row, "partial") || has(row, "license_ids") || has(row, "key"));
}

/* A row that nobody has introduced, by its members. */
static enum exchange_type type_of(const struct reader *r, const json_t *row)
{
	/* The member "kind" of a key in a list is its own, not that of an entry. */
	if (r->h->type == EXCHANGE_BOOKS && exchange_said(r->h, EXCHANGE_KEYS) && !json_is_object(json_object_get(row, "entry")) && is_key(row))
		return EXCHANGE_KEYS;
	if (r->h->type == EXCHANGE_KEYS || r->h->type == EXCHANGE_BOOKS || r->h->type == EXCHANGE_MACHINES || r->h->type == EXCHANGE_EVENTS)
		return r->h->type;
	if (json_is_object(json_object_get(row, "entry")) && json_is_string(json_object_get(row, "kind")))
		return EXCHANGE_BOOKS;
	if (has(row, "client_id") && (has(row, "last_seen") || has(row, "names")))
		return EXCHANGE_MACHINES;
	if (json_is_integer(json_object_get(row, "id")) && (has(row, "client_id") || has(row, "logged_at")))
		return EXCHANGE_EVENTS;
	if (is_key(row))
		return EXCHANGE_KEYS;
	return EXCHANGE_UNKNOWN;
}

static const struct { enum exchange_type type; const char *lines, *document; } forms[] = {
	{ EXCHANGE_KEYS, "export of keys as JSON", "keys as JSON" }, { EXCHANGE_BOOKS, "export of books as JSON", "entries as JSON" },
	{ EXCHANGE_MACHINES, "export of machines as JSON", "machines as JSON" }, { EXCHANGE_EVENTS, "export of events as JSON", "events as JSON" },
};

static void settle(struct reader *r, enum exchange_type type)
{
	r->type = r->done->type = type;
	for (size_t i = 0; i < COUNT(forms); i++)
		if (forms[i].type == type)
			r->done->form = r->lines ? forms[i].lines : forms[i].document;
}

/* Members that lists add to an entry: computed, not kept. */
static bool is_added(const char *name)
{
	static const char *const names[] = { "id", "whole", "installed", "usable", "why_not", "source", "masked", "children", "agreements", "keys", "orders", "hint" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* An item of a list is an entry with its ID among its fields. */
static json_t *unfold(const struct estate_kind *k, const json_t *row)
{
	json_t *entry = json_object(), *v;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)row, name, v)
		if (!json_is_null(v) && (estate_field_find(k, name) != NULL || !is_added(name)) && strcmp(name, "id") != 0)
			(void)json_object_set(entry, name, v);
	v = json_object_get(row, "id");
	return json_pack("{s:s, s:O?, s:o}", "kind", k->name, "id", json_is_string(v) ? v : NULL, "entry", entry);
}

static int give_entry(struct reader *r, json_t *row)
{
	const char *kind = json_string_value(json_object_get(row, "kind"));
	const struct estate_kind *k = r->type == EXCHANGE_KEYS ? estate_kind_find("key") : r->h->kind != NULL ? estate_kind_find(r->h->kind) : NULL;
	json_t *record;

	if (json_is_object(json_object_get(row, "entry"))) {
		if (kind == NULL && k != NULL)
			(void)json_object_set_new(row, "kind", json_string(k->name));
		else if (kind == NULL)
			return exchange_say(r->sink, r->done, r->line, "refused", "the object does not say its \"kind\"");
		return exchange_give(r->sink, r->done, json_incref(row), r->line);
	}
	if (k == NULL && kind != NULL)
		k = estate_kind_find(kind);
	if (k == NULL)
		return exchange_say(r->sink, r->done, r->line, "refused", "the object has no \"entry\", and nothing says which kind of entry it is: {\"kind\":\"agreement\",\"entry\":{…}}, or --kind agreements");
	if ((record = unfold(k, row)) == NULL)
		return MUSTER_E_NOMEM;
	return exchange_give(r->sink, r->done, record, r->line);
}

/* The first line of an export; another one begins where files were put together. @return 1 it was one, 0 it was none, < 0 */
static int header(struct reader *r, const json_t *row)
{
	const char *what = json_string_value(json_object_get(row, "export"));
	enum exchange_type type;

	if (what == NULL || !has(row, "version"))
		return 0;
	type = exchange_type_find(what);
	if (type == EXCHANGE_UNKNOWN || type == EXCHANGE_LISTING)
		return err_set(r->err, MUSTER_E_UNSUPPORTED, "line %lu: an export of \"%.40s\", which is not one of keys, machines, events, books", r->line, what);
	if (json_integer_value(json_object_get(row, "version")) != FORM_VERSION)
		return err_set(r->err, MUSTER_E_UNSUPPORTED, "line %lu: version %" JSON_INTEGER_FORMAT " of exports is not read here, only version %d: import it with a newer musterctl", r->line,
		               json_integer_value(json_object_get(row, "version")), FORM_VERSION);
	if (!exchange_said(r->h, type))
		return err_set(r->err, MUSTER_E_UNSUPPORTED, "line %lu: this is an export of %s, not of %s as --kind says", r->line, what, exchange_type_name(r->h->type));
	if (r->type != EXCHANGE_UNKNOWN && r->type != type)
		return err_set(r->err, MUSTER_E_UNSUPPORTED, "line %lu: an export of %s begins after one of %s; import them one after the other", r->line, what, exchange_type_name(r->type));
	settle(r, type);
	if (json_is_true(json_object_get(row, "anonymised")))
		return exchange_say(r->sink, r->done, r->line, "doubtful", "this export is anonymised: what it names exists nowhere") != 0 ? MUSTER_E_REFUSED : 1;
	return 1;
}

static int give(struct reader *r, json_t *row)
{
	int n = header(r, row);

	if (n != 0)
		return n < 0 ? n : 0;
	if (r->type == EXCHANGE_UNKNOWN)
		settle(r, type_of(r, row));
	if (r->type == EXCHANGE_UNKNOWN)
		return err_set(r->err, MUSTER_E_UNSUPPORTED, "line %lu: nothing says what this JSON is; --kind does, as --kind keys or --kind machines", r->line);
	if (r->type == EXCHANGE_KEYS || r->type == EXCHANGE_BOOKS)
		return give_entry(r, row);
	return exchange_give(r->sink, r->done, json_incref(row), r->line);
}

/* ---- objects ---- */

static int take_object(struct reader *r)
{
	json_error_t e;
	json_t *row = NULL;
	int n;

	if (r->too_long || r->text.failed)
		n = exchange_say(r->sink, r->done, r->line, "refused", "the object is longer than a megabyte");
	else if (json_too_deep((struct muster_span){ r->text.p, r->text.n }))
		n = exchange_say(r->sink, r->done, r->line, "refused", "the object is nested more than %d levels deep", JSON_DEPTH_MAX);
	else if ((row = json_loadb(buf_str(&r->text), r->text.n, JSON_REJECT_DUPLICATES, &e)) == NULL)
		n = exchange_say(r->sink, r->done, r->line + (e.line > 1 ? (unsigned long)e.line - 1 : 0), "refused", "this is no JSON: %.120s", e.text);
	else if (!json_is_object(row))
		n = exchange_say(r->sink, r->done, r->line, "refused", "an object is needed, {…}, in each line");
	else
		n = give(r, row);
	json_decref(row);
	buf_clear(&r->text);
	r->too_long = false;
	return n;
}

static bool blank(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strchr(" \t", p[i]) == NULL || p[i] == '\0')
			return false;
	return true;
}

static int take_line(struct reader *r, const struct exchange_line *line)
{
	if (blank(line->p, line->n))
		return 0;
	r->line = line->number;
	r->too_long = line->cut;
	buf_add(&r->text, line->p, line->n);
	return take_object(r);
}

/* ---- documents ---- */

/* Has the object that is open a member "items" which begins here with an array? */
static bool is_items(const struct buf *b)
{
	static const char name[] = "\"items\"";
	size_t n = b->n;

	while (n > 0 && strchr(" \t\r\n", b->p[n - 1]) != NULL)
		n--;
	if (n == 0 || b->p[--n] != ':')
		return false;
	while (n > 0 && strchr(" \t\r\n", b->p[n - 1]) != NULL)
		n--;
	return n >= sizeof(name) - 1 && memcmp(b->p + n - (sizeof(name) - 1), name, sizeof(name) - 1) == 0;
}

/* Something that is no object, where objects are wanted. */
static int stray(struct reader *r, char c, unsigned long line)
{
	if (r->strayed || strchr(" \t\r\n,", c) != NULL)
		return 0;
	r->strayed = true;
	return exchange_say(r->sink, r->done, line, "refused", "there is something else here than objects; they stand in an array, or one in each line");
}

static int open_bracket(struct reader *r, char c, unsigned long line)
{
	if (r->depth == DEPTH_MAX)
		return err_set(r->err, MUSTER_E_UNSUPPORTED, "line %lu: brackets nested more than %d levels deep", line, DEPTH_MAX);
	/* The objects wanted are members of the outermost array, or of "items". */
	if (!r->skipping && c == '[' && r->base == 0 && (r->depth == 0 || (r->depth == 1 && is_items(&r->text)))) {
		r->base = ++r->depth;
		buf_clear(&r->text);
		return 0;
	}
	if (r->depth == r->base && !r->skipping) {
		r->line = line;
		buf_clear(&r->text);
	}
	r->depth++;
	if (!r->skipping)
		buf_addc(&r->text, c);
	return 0;
}

static int close_bracket(struct reader *r, char c, unsigned long line)
{
	if (r->depth == 0)
		return stray(r, c, line);
	r->depth--;
	if (r->skipping) {
		r->skipping = r->depth > 0;
	} else if (r->depth >= r->base) {
		buf_addc(&r->text, c);
		if (r->depth == r->base)
			return take_object(r);
	} else {
		/* the array is at its end; what comes behind it, "more" and "next", is about the list */
		r->base = 0;
		r->skipping = r->depth > 0;
	}
	return 0;
}

static int document_char(struct reader *r, char c, unsigned long line)
{
	bool inside = r->depth > r->base && !r->skipping;

	if (r->in_string) {
		if (inside)
			buf_addc(&r->text, c);
		/* a string has no line end: what was not closed ends with its line */
		r->in_string = c == '\n' || c == '\r' ? false : r->escaped || c != '"';
		r->escaped = !r->escaped && c == '\\' && r->in_string;
		return 0;
	}
	r->in_string = c == '"';
	if (c == '[' || c == '{')
		return open_bracket(r, c, line);
	if (c == ']' || c == '}')
		return close_bracket(r, c, line);
	if (inside)
		buf_addc(&r->text, c);
	return inside || r->skipping ? 0 : stray(r, c, line);
}

/* Byte by byte, because all of it may be one line. */
static int read_document(struct reader *r, struct exchange_text *text)
{
	unsigned long line = 1;
	char bytes[8192], before = '\0';
	int got, k = 0;

	while (k == 0 && (got = exchange_text_bytes(text, bytes, sizeof(bytes), r->err)) != 0) {
		if (got < 0)
			return got;
		for (int i = 0; i < got && k == 0; i++) {
			bool ends = bytes[i] == '\n' || bytes[i] == '\r';

			k = document_char(r, bytes[i], line);
			line += ends && !(bytes[i] == '\n' && before == '\r');
			before = bytes[i];
		}
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
	if (k == 0 && r->depth > 0 && !r->skipping)
		k = exchange_say(r->sink, r->done, r->line, "refused", "a bracket that is opened here has no end");
	return k;
}

static int read_lines(struct reader *r, struct exchange_text *text)
{
	struct exchange_line line;
	int got, k = 0;

	while (k == 0 && (got = exchange_text_line(text, &line, r->err)) != 0)
		k = got < 0 ? got : take_line(r, &line);
	return k;
}

/* ---- the whole ---- */

/* Is the first line an object by itself? */
static bool whole_line(const char *text, size_t n)
{
	const char *end = memchr(text, '\n', n);
	json_t *o;
	bool whole;

	if (end != NULL)
		n = (size_t)(end - text);
	if (n == 0 || json_too_deep((struct muster_span){ (const uint8_t *)text, n }))
		return false;
	o = json_loadb(text, n, 0, NULL);
	whole = json_is_object(o) && !json_is_array(json_object_get(o, "items"));
	json_decref(o);
	return whole;
}

static size_t skip_blank(const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && text[i] != '\0' && strchr(" \t\r\n", text[i]) != NULL)
		i++;
	return i;
}

static int json_read(struct exchange_text *text, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err)
{
	struct reader r = { .h = h, .sink = sink, .done = done, .err = err };
	const char *beginning;
	size_t n, blanks;
	int k;

	err->message[0] = '\0';
	beginning = exchange_text_peek(text, &n);
	blanks = skip_blank(beginning, n);
	r.lines = whole_line(beginning + blanks, n - blanks);
	buf_init(&r.text, EXCHANGE_LINE_MAX);
	k = r.lines ? read_lines(&r, text) : read_document(&r, text);
	buf_cleanse(&r.text);
	if (k == MUSTER_OK)
		return MUSTER_OK;
	if (k == MUSTER_E_NOMEM)
		return err_nomem(err);
	return err->message[0] != '\0' ? k : err_set(err, MUSTER_E_REFUSED, "reading was stopped");
}

/* What begins like JSON is nothing else; our own first line says so itself. */
static int json_recognise(const char *text, size_t n)
{
	size_t i = skip_blank(text, n);

	if (i == n || (text[i] != '{' && text[i] != '['))
		return 0;
	if (text[i] == '{' && n - i > 10 && memcmp(text + i, "{\"export\":", 10) == 0)
		return 100;
	i++;
	i += skip_blank(text + i, n - i);
	return i < n && strchr("{[\"}]", text[i]) != NULL && text[i] != '\0' ? 60 : 0;
}

const struct exchange_reader exchange_json = { .type = EXCHANGE_BOOKS, .form = "JSON", .recognise = json_recognise, .read = json_read };
