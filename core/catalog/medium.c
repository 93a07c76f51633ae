#include "core/catalog/medium.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <openssl/crypto.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/catalog/catalog_private.h"

static const char *const encoding_names[] = { "ASCII", "UTF-8", "UTF-16LE", "UTF-16BE" };

/* A file of the medium, as characters. */
struct text { const struct muster_medium_file *file; char *p; size_t n; enum medium_encoding encoding; };

/* How well a product's marks fit the medium: a mark in a file before one of the name, then the longer text. 0: none fits. */
struct score { unsigned kind; size_t length; };
enum { FITS_NAME = 1, FITS_FILE = 2 };

struct look {
	const struct catalog *c;
	const struct medium *m;
	const struct catalog_product *only;
	struct text *texts;
	struct score *scores;          /* by product */
	struct medium_finds *out;
	struct muster_err *err;
};

/* ---- which products ---- */

static bool embedded(const struct catalog_product *p)
{
	return p->row.model == MUSTER_MODEL_EMBEDDED && p->enabled && p->row.refused == NULL;
}

static bool considered(const struct look *l, const struct catalog_product *p)
{
	return l->only != NULL ? p == l->only : embedded(p);
}

static int add_path(const char **paths, size_t *n, const char *path, struct muster_err *err)
{
	for (size_t i = 0; i < *n; i++)
		if (strcasecmp(paths[i], path) == 0)
			return MUSTER_OK;
	if (*n == MEDIUM_PATHS_MAX)
		return err_set(err, MUSTER_E_LIMIT, "the products' media rules and marks name more than %d files", MEDIUM_PATHS_MAX);
	paths[(*n)++] = path;
	return MUSTER_OK;
}

int medium_paths(const struct catalog *c, const char *paths[MEDIUM_PATHS_MAX], size_t *n, struct muster_err *err)
{
	int r = MUSTER_OK;

	*n = 0;
	for (size_t i = 0; i < c->product_count && r == MUSTER_OK; i++) {
		const struct muster_product *p = &c->products[i].row;
		const struct muster_medium_rule *rules = p->media.rows;
		const struct muster_medium_mark *marks = p->marks.rows;

		if (!embedded(&c->products[i]))
			continue;
		for (uint32_t k = 0; k < p->media.count && r == MUSTER_OK; k++)
			r = add_path(paths, n, rules[k].path, err);
		for (uint32_t k = 0; k < p->marks.count && r == MUSTER_OK; k++)
			if (marks[k].path != NULL)
				r = add_path(paths, n, marks[k].path, err);
	}
	return r;
}

/* ---- marks ---- */

static bool contains(const struct text *t, const char *text)
{
	char needle[MUSTER_TEXT_MAX + 1];
	size_t n;

	if (strlen(text) >= sizeof needle)
		return false;
	(void)medium_text(needle, &n, (struct muster_span){ (const uint8_t *)text, strlen(text) });
	return n != 0 && memmem(t->p, t->n, needle, n) != NULL;
}

static struct score mark_score(const struct look *l, const struct muster_medium_mark *mark)
{
	if (mark->path == NULL) {
		bool fits = (l->m->label != NULL && l->m->label[0] != '\0' && medium_name_fits(mark->text, l->m->label)) ||
		            (l->m->name != NULL && l->m->name[0] != '\0' && medium_name_fits(mark->text, l->m->name));

		return fits ? (struct score){ FITS_NAME, strlen(mark->text) } : (struct score){ 0, 0 };
	}
	for (size_t i = 0; i < l->m->file_count; i++)
		if (strcasecmp(l->texts[i].file->path, mark->path) == 0 && contains(&l->texts[i], mark->text))
			return (struct score){ FITS_FILE, strlen(mark->text) };
	return (struct score){ 0, 0 };
}

static int compare(struct score a, struct score b)
{
	if (a.kind != b.kind)
		return a.kind < b.kind ? -1 : 1;
	return a.length < b.length ? -1 : a.length > b.length;
}

/* A product without marks of its own is told by its rules alone: before those whose marks do not fit, behind all others. */
static void score_products(struct look *l)
{
	for (size_t i = 0; i < l->c->product_count; i++) {
		const struct muster_medium_mark *marks = l->c->products[i].row.marks.rows;
		bool any = false;

		if (!considered(l, &l->c->products[i]))
			continue;
		for (uint32_t k = 0; k < l->c->products[i].row.marks.count; k++) {
			struct score s;

			if (marks[k].edition != NULL)
				continue;
			any = true;
			if (compare(s = mark_score(l, &marks[k]), l->scores[i]) > 0)
				l->scores[i] = s;
		}
		if (!any)
			l->scores[i] = (struct score){ 0, 1 };
	}
}

static const char *edition_of(const struct look *l, const struct catalog_product *p)
{
	const struct muster_medium_mark *marks = p->row.marks.rows;
	struct score best = { 0, 0 }, s;
	const char *edition = NULL;

	for (uint32_t k = 0; k < p->row.marks.count; k++)
		if (marks[k].edition != NULL && compare(s = mark_score(l, &marks[k]), best) > 0) {
			best = s;
			edition = marks[k].edition;
		}
	return edition;
}

/* ---- finds ---- */

static struct medium_find *add_find(struct look *l, const struct text *t)
{
	struct medium_find *f;

	if (l->out->n == MEDIUM_FINDS_MAX) {
		(void)err_set(l->err, MUSTER_E_LIMIT, "the files hold more than %d keys: this is no publisher's medium", MEDIUM_FINDS_MAX);
		return NULL;
	}
	f = &l->out->items[l->out->n++];
	(void)snprintf(f->path, sizeof f->path, "%s", t->file->path);
	f->encoding = encoding_names[t->encoding];
	return f;
}

static void mask(struct medium_find *f)
{
	size_t n = strlen(f->key);

	for (size_t i = 0; i <= n; i++)
		f->masked[i] = f->key[i] == '\0' || f->key[i] == '-' || i + 5 >= n ? f->key[i] : '*';
}

/* The sentence of the rule for keys of this kind. */
static const char *portal_of(const struct catalog_product *p, uint32_t kind)
{
	const struct muster_key_rule *k = p->row.keys.rows;

	for (uint32_t i = 0; i < p->row.keys.count; i++)
		if (k[i].kind == kind)
			return k[i].note;
	return NULL;
}

static bool shape_fits(const struct look *l, const struct catalog_product *p, const char *key, struct muster_key_info *info)
{
	struct muster_err ignored = { 0 };

	return catalog_key_classify(l->c, p, (struct muster_span){ (const uint8_t *)key, strlen(key) }, info, &ignored) == MUSTER_OK &&
	       info->kind == MUSTER_KEY_EMBEDDED;
}

/* Of several products the one that the marks tell; equals are kept in `fits`. */
static void choose(const struct look *l, struct medium_find *f, const struct catalog_product **fits, size_t n)
{
	struct score best = { 0, 0 };
	size_t equals = 0;

	for (size_t i = 0; i < n; i++)
		if (compare(l->scores[fits[i]->index], best) > 0)
			best = l->scores[fits[i]->index];
	for (size_t i = 0; i < n; i++)
		if (compare(l->scores[fits[i]->index], best) == 0) {
			f->product = fits[i];
			equals++;
		}
	if (equals != 1 && n > 1)
		f->product = NULL;
	/* Told by nothing but the rules all of them share: say so. */
	if (n == 1 || (f->product != NULL && best.kind != 0))
		return;
	for (size_t i = 0; i < n && f->fit_count < MEDIUM_FITS_MAX; i++)
		if (f->product != NULL || compare(l->scores[fits[i]->index], best) == 0)
			f->fits[f->fit_count++] = fits[i];
}

static void note_choice(struct medium_find *f)
{
	size_t n = 0;

	if (f->fit_count == 0)
		return;
	n = (size_t)snprintf(f->note, sizeof f->note, f->product == NULL ? "The medium does not tell which product it is:" : "Told by the file alone, which is the same for");
	for (size_t i = 0; i < f->fit_count && n < sizeof f->note; i++)
		n += (size_t)snprintf(f->note + n, sizeof f->note - n, "%s %s", i > 0 ? "," : "", f->fits[i]->row.name);
	if (n < sizeof f->note)
		(void)snprintf(f->note + n, sizeof f->note - n, ". --as PRODUCT says which.");
}

/* Those that have a rule for this path; with @p section and @p name only where the rule is for that line. */
struct place { const char *path; struct muster_span section, name; };

static bool span_is(struct muster_span s, const char *text)
{
	return strlen(text) == s.n && strncasecmp((const char *)s.p, text, s.n) == 0;
}

static const struct muster_medium_rule *rule_at(const struct catalog_product *p, const struct place *at)
{
	const struct muster_medium_rule *rules = p->row.media.rows;

	for (uint32_t i = 0; i < p->row.media.count; i++)
		if (strcasecmp(rules[i].path, at->path) == 0 && (at->name.p == NULL || (span_is(at->section, rules[i].section) && span_is(at->name, rules[i].key))))
			return &rules[i];
	return NULL;
}

/* What the key is called there; one of the products has a rule for the place. */
static const char *word_at(const struct catalog_product *p, const struct place *at, bool section)
{
	const struct muster_medium_rule *rule = rule_at(p, at);

	return rule == NULL ? "" : section ? rule->section : rule->key;
}

static size_t products_at(const struct look *l, const struct place *at, const struct catalog_product **fits)
{
	size_t n = 0;

	for (size_t i = 0; i < l->c->product_count; i++)
		if (considered(l, &l->c->products[i]) && rule_at(&l->c->products[i], at) != NULL)
			fits[n++] = &l->c->products[i];
	return n;
}

/* Upper case, as key rules have it. @return false when it cannot be a key's length. */
static bool take_key(struct medium_find *f, struct muster_span value)
{
	if (value.n == 0 || value.n > KEYS_MAX)
		return false;
	for (size_t i = 0; i < value.n; i++)
		f->key[i] = (char)(value.p[i] >= 'a' && value.p[i] <= 'z' ? value.p[i] - 'a' + 'A' : value.p[i]);
	f->key[value.n] = '\0';
	return true;
}

/* Products whose keys have this shape go before the others. @return how many of them there are. */
static size_t sort_by_shape(const struct look *l, const char *key, const struct catalog_product **fits, size_t n)
{
	struct muster_key_info info;
	size_t front = 0;

	for (size_t i = 0; i < n; i++)
		if (shape_fits(l, fits[i], key, &info)) {
			const struct catalog_product *p = fits[i];

			fits[i] = fits[front];
			fits[front++] = p;
		}
	return front;
}

static void told(const struct look *l, struct medium_find *f, const struct place *at)
{
	const struct muster_medium_rule *rule;

	if (f->product == NULL)
		return;
	f->edition = edition_of(l, f->product);
	f->portal = portal_of(f->product, MUSTER_KEY_EMBEDDED);
	if ((rule = rule_at(f->product, at)) != NULL)
		f->advice = rule->note;
}

static int report_line(struct look *l, const struct text *t, const struct place *at, struct muster_span value, const struct catalog_product **fits, size_t n)
{
	struct medium_find *f = add_find(l, t);
	size_t shaped;

	if (f == NULL)
		return MUSTER_E_LIMIT;
	(void)snprintf(f->section, sizeof f->section, "%s", word_at(fits[0], at, true));
	shaped = take_key(f, value) ? sort_by_shape(l, f->key, fits, n) : 0;
	choose(l, f, fits, shaped > 0 ? shaped : n);
	told(l, f, at);
	if (shaped > 0) {
		(void)shape_fits(l, f->product != NULL ? f->product : fits[0], f->key, &f->info);
		mask(f);
		note_choice(f);
		return MUSTER_OK;
	}
	OPENSSL_cleanse(f->key, sizeof f->key);
	f->fit_count = 0;
	(void)snprintf(f->note, sizeof f->note, "%s is there, and what it says is not of the shape of such a key.", word_at(fits[0], at, false));
	return MUSTER_OK;
}

/* ---- INI files ---- */

static struct muster_span trim(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	while (p < end && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	return (struct muster_span){ (const uint8_t *)p, (size_t)(end - p) };
}

/* `name = "value"`; @return false when it is another line. */
static bool split(struct muster_span line, struct muster_span *name, struct muster_span *value)
{
	const char *p = (const char *)line.p, *end = p + line.n, *equals = line.n > 0 ? memchr(p, '=', line.n) : NULL;

	if (equals == NULL || *p == ';' || *p == '#')
		return false;
	*name = trim(p, equals);
	*value = trim(equals + 1, end);
	if (value->n >= 2 && value->p[0] == '"' && value->p[value->n - 1] == '"')
		*value = (struct muster_span){ value->p + 1, value->n - 2 };
	return true;
}

static int look_through(struct look *l, const struct text *t, const struct catalog_product **fits, unsigned *lines)
{
	const char *p = t->p, *end = t->p + t->n;
	struct place at = { t->file->path, { NULL, 0 }, { NULL, 0 } };
	struct muster_span value;
	int r = MUSTER_OK;
	size_t n;

	while (p < end && r == MUSTER_OK) {
		const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline != NULL ? newline : end;
		struct muster_span line = trim(p, stop);

		p = newline != NULL ? newline + 1 : end;
		if (line.n >= 2 && line.p[0] == '[') {
			at.section = line.p[line.n - 1] == ']' ? (struct muster_span){ line.p + 1, line.n - 2 } : (struct muster_span){ NULL, 0 };
		} else if (at.section.p != NULL && split(line, &at.name, &value) && (n = products_at(l, &at, fits)) > 0) {
			(*lines)++;
			r = report_line(l, t, &at, value, fits, n);
		}
	}
	return r;
}

static int look_file(struct look *l, const struct text *t, const struct catalog_product **fits)
{
	struct place anywhere = { t->file->path, { NULL, 0 }, { NULL, 0 } };
	size_t n = products_at(l, &anywhere, fits);
	struct medium_find *f;
	unsigned lines = 0;
	int r;

	if (n == 0)
		return MUSTER_OK; /* holds marks only */
	if (t->encoding != MEDIUM_UTF16BE && ((r = look_through(l, t, fits, &lines)) != MUSTER_OK || lines > 0))
		return r;
	if ((f = add_find(l, t)) == NULL)
		return MUSTER_E_LIMIT;
	n = products_at(l, &anywhere, fits);
	if (t->encoding == MEDIUM_UTF16BE) {
		(void)snprintf(f->note, sizeof f->note, "The file is UTF-16 with the high byte first, which setup does not read; save it as UTF-16LE, UTF-8 or ASCII.");
		return MUSTER_OK;
	}
	choose(l, f, fits, n);
	f->fit_count = 0;
	told(l, f, &anywhere);
	(void)snprintf(f->note, sizeof f->note, "The file holds no %s that setup reads; a medium without one asks for a key during installation.", word_at(fits[0], &anywhere, false));
	return MUSTER_OK;
}

/* ---- plugins with a way of their own ---- */

struct asked { struct look *l; const struct catalog_plugin *plugin; int result; };

static bool known_already(const struct look *l, const char *path, const char *key)
{
	for (size_t i = 0; i < l->out->n; i++)
		if (strcasecmp(l->out->items[i].path, path) == 0 && (key[0] == '\0' || CRYPTO_memcmp(l->out->items[i].key, key, strlen(key) + 1) == 0))
			return true;
	return false;
}

static const struct text *text_at(const struct look *l, const char *path)
{
	for (size_t i = 0; path != NULL && i < l->m->file_count; i++)
		if (strcasecmp(l->texts[i].file->path, path) == 0)
			return &l->texts[i];
	return NULL;
}

/* Products of this plugin, copies with `like` too, that the find names or, when it names none, that have keys of this shape. */
static size_t products_of(const struct asked *a, const char *name, const char *key, const struct catalog_product **fits)
{
	const struct look *l = a->l;
	struct muster_key_info info;
	size_t n = 0;

	for (size_t i = 0; i < l->c->product_count; i++) {
		const struct catalog_product *p = &l->c->products[i];

		if (considered(l, p) && p->plugin == a->plugin && (name == NULL || strcmp(p->row.name, name) == 0) && (key[0] == '\0' || shape_fits(l, p, key, &info)))
			fits[n++] = p;
	}
	return n;
}

static int take_find(struct asked *a, const struct muster_found *found, const struct text *t, const struct catalog_product **fits)
{
	struct medium_find f = { .path = "" }, *kept;
	size_t n;
	bool has_key = found->key.n != 0 && found->kind != MUSTER_KEY_UNKNOWN && take_key(&f, found->key);
	int r = MUSTER_OK;

	if (known_already(a->l, t->file->path, f.key) || (n = products_of(a, found->product, f.key, fits)) == 0)
		goto done;
	if ((kept = add_find(a->l, t)) == NULL) {
		r = MUSTER_E_LIMIT;
		goto done;
	}
	memcpy(kept->key, f.key, sizeof f.key);
	if (lint_text(found->section, sizeof kept->section - 1) == NULL)
		(void)snprintf(kept->section, sizeof kept->section, "%s", found->section);
	choose(a->l, kept, fits, n);
	told(a->l, kept, &(struct place){ t->file->path, { NULL, 0 }, { NULL, 0 } });
	if (has_key) {
		(void)shape_fits(a->l, kept->product != NULL ? kept->product : fits[0], kept->key, &kept->info);
		mask(kept);
		note_choice(kept);
	}
	if (kept->note[0] == '\0' && lint_text(found->note, sizeof kept->note - 1) == NULL)
		(void)snprintf(kept->note, sizeof kept->note, "%s", found->note);
done:
	OPENSSL_cleanse(&f, sizeof f);
	return r;
}

static int plugin_found(void *arg, const struct muster_found *found)
{
	struct asked *a = arg;
	const struct text *t = text_at(a->l, found->path);
	const struct catalog_product **fits;

	if (a->result != MUSTER_OK || t == NULL)
		return a->result;
	if ((fits = mem_array(a->l->c->product_count, sizeof *fits)) == NULL)
		return a->result = err_nomem(a->l->err);
	a->result = take_find(a, found, t, fits);
	mem_free(fits);
	return a->result;
}

static int ask_plugin(struct look *l, const struct catalog_plugin *p)
{
	struct muster_medium medium = { .size = sizeof medium, .files = { l->m->files, (uint32_t)l->m->file_count, sizeof *l->m->files } };
	struct asked a = { l, p, MUSTER_OK };
	struct muster_err inner = { 0 };

	/* A plugin that cannot read a file finds nothing there; what others found stands. */
	(void)catalog_medium_inspect(l->c, p, &medium, plugin_found, &a, &inner);
	return a.result;
}

/* "There is none" of the host's own reading goes where a plugin found one in the same file. */
static void drop_superseded(struct medium_finds *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++) {
		bool other = false;

		for (size_t k = 0; k < f->n && f->items[i].key[0] == '\0'; k++)
			other |= f->items[k].key[0] != '\0' && strcasecmp(f->items[k].path, f->items[i].path) == 0 && k > i;
		if (!other)
			f->items[kept++] = f->items[i];
	}
	if (kept < f->n)
		OPENSSL_cleanse(&f->items[kept], (f->n - kept) * sizeof *f->items);
	f->n = kept;
}

/* ---- all of it ---- */

static int read_texts(struct look *l)
{
	for (size_t i = 0; i < l->m->file_count; i++) {
		const struct muster_medium_file *file = &l->m->files[i];
		struct text *t = &l->texts[i];

		if (file->bytes.n > MEDIUM_FILE_MAX)
			return err_set(l->err, MUSTER_E_LIMIT, "%.200s has %zu bytes; a file that holds a key has at most %u", file->path, file->bytes.n, MEDIUM_FILE_MAX);
		if ((t->p = mem_alloc(file->bytes.n + 1)) == NULL)
			return err_nomem(l->err);
		t->file = file;
		t->encoding = medium_text(t->p, &t->n, file->bytes);
	}
	return MUSTER_OK;
}

static int look_all(struct look *l, const struct catalog_product **fits)
{
	int r = read_texts(l);

	if (r == MUSTER_OK)
		score_products(l);
	for (size_t i = 0; i < l->m->file_count && r == MUSTER_OK; i++)
		r = look_file(l, &l->texts[i], fits);
	for (size_t i = 0; i < l->c->plugin_count && r == MUSTER_OK; i++)
		r = ask_plugin(l, &l->c->plugins[i]);
	if (r == MUSTER_OK)
		drop_superseded(l->out);
	return r;
}

int medium_look(const struct catalog *c, const struct medium *m, const struct catalog_product *only, struct medium_finds *out, struct muster_err *err)
{
	struct look l = { .c = c, .m = m, .only = only, .out = out, .err = err };
	const struct catalog_product **fits = NULL;
	int r = MUSTER_E_NOMEM;

	*out = (struct medium_finds){ NULL, 0 };
	if (m->file_count > MEDIUM_PATHS_MAX)
		return err_set(err, MUSTER_E_LIMIT, "more than %d files", MEDIUM_PATHS_MAX);
	l.texts = mem_array(m->file_count + 1, sizeof *l.texts);
	l.scores = mem_array(c->product_count + 1, sizeof *l.scores);
	fits = mem_array(c->product_count + 1, sizeof *fits);
	out->items = mem_array(MEDIUM_FINDS_MAX, sizeof *out->items);
	if (l.texts == NULL || l.scores == NULL || fits == NULL || out->items == NULL)
		(void)err_nomem(err);
	else
		r = look_all(&l, fits);
	for (size_t i = 0; l.texts != NULL && i < m->file_count; i++)
		if (l.texts[i].p != NULL) {
			OPENSSL_cleanse(l.texts[i].p, l.texts[i].file->bytes.n);
			mem_free(l.texts[i].p);
		}
	mem_free(l.texts);
	mem_free(l.scores);
	mem_free(fits);
	return r;
}

void medium_finds_free(struct medium_finds *f)
{
	if (f->items != NULL)
		OPENSSL_cleanse(f->items, MEDIUM_FINDS_MAX * sizeof *f->items);
	mem_free(f->items);
	*f = (struct medium_finds){ NULL, 0 };
}
