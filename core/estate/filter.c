/* Which entries of a list are meant: words that all occur, and values of fields. */
#include "core/estate/view.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/estate/names.h"

#define WORDS_MAX 16
#define TEXT_MAX 200
#define FOLDED_MAX 4200                  /* the longest value is a note */
#define TREE_DEPTH 64

struct filter {
	const struct estate_kind *k;
	json_t *want;                        /* field → value in its one form */
	json_t *related;                     /* organisations whose keys count, for keys and agreements */
	char *agreement; json_t *license_ids, *orders;   /* keys: what belongs to it */
	char words[WORDS_MAX][NAME_FOLDED]; size_t word_count;
};

/* ---- organisations ---- */

static int note_parent(void *ctx, const char *id, const json_t *entry)
{
	const json_t *parent = json_object_get(entry, "parent");

	return parent != NULL ? json_object_set(ctx, id, (json_t *)(uintptr_t)parent) : 0;
}

static const char *parent_of(const json_t *parents, const char *id)
{
	return json_string_value(json_object_get(parents, id));
}

int filter_related(struct estate *e, const char *organisation, json_t **out, struct muster_err *err)
{
	json_t *parents = json_object();
	const char *id, *at;
	const json_t *v;
	int r;

	*out = json_object();
	if (parents == NULL || *out == NULL) {
		json_decref(parents);
		return err_nomem(err);
	}
	r = entry_each(e, estate_kind_find("organisation"), note_parent, parents, err);
	at = organisation;
	for (int depth = 0; r == MUSTER_OK && at != NULL && depth < TREE_DEPTH; depth++, at = parent_of(parents, at))
		if (json_object_set_new(*out, at, json_true()) != 0)
			r = err_nomem(err);
	json_object_foreach(parents, id, v) {
		at = parent_of(parents, id);
		for (int depth = 0; at != NULL && depth < TREE_DEPTH && strcmp(at, organisation) != 0; depth++)
			at = parent_of(parents, at);
		if (r == MUSTER_OK && at != NULL && strcmp(at, organisation) == 0 && json_object_set_new(*out, id, json_true()) != 0)
			r = err_nomem(err);
	}
	json_decref(parents);
	return r;
}

/* ---- agreements ---- */

struct orders_of { const char *agreement; json_t *ids; };

static int note_order(void *ctx, const char *id, const json_t *entry)
{
	struct orders_of *o = ctx;
	const char *agreement = json_string_value(json_object_get(entry, "agreement"));

	return agreement != NULL && strcmp(agreement, o->agreement) == 0 ? json_object_set_new(o->ids, id, json_true()) : 0;
}

int view_orders_of(struct estate *e, const char *agreement, json_t **out, struct muster_err *err)
{
	struct orders_of o = { agreement, *out = json_object() };
	char needle[ESTATE_ID_MAX + 3];

	if (o.ids == NULL)
		return err_nomem(err);
	(void)snprintf(needle, sizeof needle, "\"%s\"", agreement);
	return entry_scan(e, estate_kind_find("order"), NULL, needle, note_order, &o, err);
}

bool view_key_of_agreement(const json_t *key, const char *agreement, const json_t *license_ids, const json_t *orders)
{
	const char *own = json_string_value(json_object_get(key, "agreement")), *order = json_string_value(json_object_get(key, "order"));
	const json_t *a, *b;
	size_t i, j;

	if ((own != NULL && strcmp(own, agreement) == 0) || (order != NULL && json_object_get(orders, order) != NULL))
		return true;
	json_array_foreach(json_object_get(key, "license_ids"), i, a)
		json_array_foreach(license_ids, j, b)
			if (strcasecmp(json_string_value(a), json_string_value(b)) == 0)
				return true;
	return false;
}

/* ---- the filter ---- */

static int take_words(struct filter *f, const char *text, struct muster_err *err)
{
	char folded[NAME_FOLDED], *at, *word, *save = NULL;

	if (strlen(text) > TEXT_MAX)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "text is longer than %d bytes", TEXT_MAX);
	(void)name_fold(folded, text, false);
	for (at = folded; (word = strtok_r(at, " ", &save)) != NULL; at = NULL) {
		if (f->word_count == WORDS_MAX)
			return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "text has more than %d words", WORDS_MAX);
		(void)snprintf(f->words[f->word_count++], NAME_FOLDED, "%s", word);
	}
	return MUSTER_OK;
}

/* A reference is given as an ID, or as a name. */
static int take_ref(struct filter *f, struct estate *e, const struct estate_field *field, const char *text, struct muster_err *err)
{
	const struct estate_kind *of = estate_kind_find(field->of);
	char id[ESTATE_ID_MAX + 1];
	struct stage *s = NULL;
	json_t *agreement = NULL;
	int r;

	if ((r = stage_new(&s, e, "", err)) == MUSTER_OK)
		r = stage_find(s, of, text, id, err);
	stage_free(s);
	if (r != MUSTER_OK)
		return r;
	if (strcmp(of->name, "organisation") == 0 && strcmp(f->k->name, "organisation") != 0)
		return filter_related(e, id, &f->related, err);
	if (strcmp(of->name, "agreement") == 0 && strcmp(f->k->name, "key") == 0) {
		if ((r = entry_read(e, of, id, &agreement, err)) == MUSTER_OK && (r = view_orders_of(e, id, &f->orders, err)) == MUSTER_OK) {
			f->license_ids = json_incref(json_object_get(agreement, "license_ids"));
			r = (f->agreement = mem_strdup(id)) != NULL ? MUSTER_OK : err_nomem(err);
		}
		json_decref(agreement);
		return r;
	}
	return json_object_set_new(f->want, field->name, json_string(id)) == 0 ? MUSTER_OK : err_nomem(err);
}

static int take_field(struct filter *f, struct estate *e, const char *name, const char *text, struct muster_err *err)
{
	const struct estate_field *field = estate_field_find(f->k, name);
	const char *near = field == NULL ? estate_field_near(f->k, name) : NULL;

	if (field == NULL)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s has no field \"%.40s\"%s%s", f->k->name, name, near != NULL ? "; did you mean " : "", near != NULL ? near : "");
	if (field->type == ESTATE_KEY)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "whole keys are not looked for; partial is: the last five characters");
	return field->type == ESTATE_REF ? take_ref(f, e, field, text, err) : estate_entry_set(f->k, f->want, field, text, err);
}

int filter_new(struct filter **out, struct estate *e, const struct estate_kind *k, const json_t *given, struct muster_err *err)
{
	struct filter *f = mem_alloc(sizeof *f);
	void *at;
	int r = MUSTER_OK;

	*out = NULL;
	if (f == NULL || (f->want = json_object()) == NULL) {
		mem_free(f);
		return err_nomem(err);
	}
	f->k = k;
	for (at = json_object_iter((json_t *)(uintptr_t)given); at != NULL && r == MUSTER_OK; at = json_object_iter_next((json_t *)(uintptr_t)given, at)) {
		const char *name = json_object_iter_key(at), *text = json_string_value(json_object_iter_value(at));

		if (text == NULL)
			r = err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%.40s must be a string", name);
		else
			r = strcmp(name, "text") == 0 ? take_words(f, text, err) : take_field(f, e, name, text, err);
	}
	if (r == MUSTER_OK)
		*out = f;
	else
		filter_free(f);
	return r;
}

void filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	json_decref(f->want);
	json_decref(f->related);
	json_decref(f->license_ids);
	json_decref(f->orders);
	mem_free(f->agreement);
	mem_free(f);
}

/* ---- one entry ---- */

static bool equal(const json_t *a, const json_t *b)
{
	if (json_is_string(a) && json_is_string(b))
		return strcasecmp(json_string_value(a), json_string_value(b)) == 0;
	return json_equal(a, b);
}

static bool has(const json_t *there, const json_t *wanted)
{
	const json_t *x;
	size_t i;

	if (!json_is_array(there))
		return there != NULL && equal(there, wanted);
	json_array_foreach(there, i, x)
		if (equal(x, wanted))
			return true;
	return false;
}

static bool has_all(const json_t *there, const json_t *wanted)
{
	const json_t *x;
	size_t i;

	if (!json_is_array(wanted))
		return has(there, wanted);
	json_array_foreach(wanted, i, x)
		if (!has(there, x))
			return false;
	return true;
}

static bool is_related(const struct filter *f, const json_t *item)
{
	const char *one = json_string_value(json_object_get(item, "organisation"));
	const json_t *x;
	size_t i;

	if (one != NULL && json_object_get(f->related, one) != NULL)
		return true;
	json_array_foreach(json_object_get(item, "organisations"), i, x)
		if (json_object_get(f->related, json_string_value(x)) != NULL)
			return true;
	return false;
}

/* All that is told in a value, folded, a line each. */
static void add_folded(struct buf *all, const json_t *v)
{
	char folded[FOLDED_MAX];
	const json_t *x;
	size_t i;

	if (json_is_integer(v))
		buf_addf(all, "%lld\n", (long long)json_integer_value(v));
	else if (json_is_string(v))
		buf_addf(all, "%s\n", fold_into(folded, sizeof folded, json_string_value(v), false));
	else
		json_array_foreach(v, i, x)
			add_folded(all, x);
}

static bool words_in(const struct filter *f, const json_t *item)
{
	struct buf all;
	bool found = true;

	if (f->word_count == 0)
		return true;
	buf_init(&all, 4 * ESTATE_ENTRY_MAX);
	add_folded(&all, json_object_get(item, "id"));
	for (size_t i = 0; i < f->k->field_count; i++)
		add_folded(&all, json_object_get(item, f->k->fields[i].name));
	for (size_t w = 0; found && w < f->word_count; w++)
		found = strstr(buf_str(&all), f->words[w]) != NULL;
	buf_fini(&all);
	return found;
}

bool filter_takes(const struct filter *f, const json_t *item)
{
	const char *name;
	json_t *wanted;

	json_object_foreach(f->want, name, wanted)
		if (!has_all(json_object_get(item, name), wanted))
			return false;
	if (f->related != NULL && !is_related(f, item))
		return false;
	if (f->agreement != NULL && !view_key_of_agreement(item, f->agreement, f->license_ids, f->orders))
		return false;
	return words_in(f, item);
}
