/* Which entry is meant: by its ID, the beginning of one, a name, or any of its numbers; for references of records, and for records without an ID. */
#include "core/estate/stage.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"

#define NAMED_IN_SENTENCE 5

/* ---- the index ---- */

struct indexing { json_t *names; const char *id; bool failed; };

static int index_name(void *ctx, const char *name)
{
	struct indexing *x = ctx;
	json_t *there = json_object_get(x->names, name), *list;
	const json_t *v;
	size_t i;

	if (there == NULL) {
		x->failed = json_object_set_new(x->names, name, json_string(x->id)) != 0 || x->failed;
		return 0;
	}
	if (json_is_string(there)) {
		if (strcmp(json_string_value(there), x->id) == 0)
			return 0;
		list = json_pack("[O, s]", there, x->id);
		x->failed = list == NULL || json_object_set_new(x->names, name, list) != 0 || x->failed;
		return 0;
	}
	json_array_foreach(there, i, v)
		if (strcmp(json_string_value(v), x->id) == 0)
			return 0;
	x->failed = json_array_append_new(there, json_string(x->id)) != 0 || x->failed;
	return 0;
}

struct building { const struct estate_kind *k; struct indexing in; };

static int index_entry(void *ctx, const char *id, const json_t *entry)
{
	struct building *b = ctx;

	b->in.id = id;
	(void)names_each(b->k, entry, index_name, &b->in);
	return b->in.failed;
}

int names_add(struct stage *s, const struct estate_kind *k, const char *id, const json_t *entry, struct muster_err *err)
{
	struct indexing x = { .names = s->names[stage_kind_index(k)], .id = id };

	/* Not built yet: it will look at what is staged then. */
	if (x.names == NULL)
		return MUSTER_OK;
	(void)names_each(k, entry, index_name, &x);
	return x.failed ? err_nomem(err) : MUSTER_OK;
}

/* Names that an entry had and has no more stay in it: harmless, as each find is looked at again. */
static int build(struct stage *s, const struct estate_kind *k, struct muster_err *err)
{
	struct building b = { .k = k, .in = { .names = json_object() } };
	int r;

	if (b.in.names == NULL)
		return err_nomem(err);
	r = entry_each(s->e, k, index_entry, &b, err);
	for (size_t i = 0; r == MUSTER_OK && i < s->count; i++) {
		const struct staged *x = &s->items[i];
		json_t *entry = x->k == k && x->changed && x->now != NULL ? json_loads(x->now, 0, NULL) : NULL;

		if (entry != NULL)
			(void)index_entry(&b, x->id, entry);
		json_decref(entry);
	}
	if (r == MUSTER_OK && b.in.failed)
		r = err_nomem(err);
	if (r == MUSTER_OK)
		s->names[stage_kind_index(k)] = json_incref(b.in.names);
	json_decref(b.in.names);
	return r;
}

static int index_get(struct stage *s, const struct estate_kind *k, const char *name, const json_t **out, struct muster_err *err)
{
	size_t i = stage_kind_index(k);
	int r = s->names[i] == NULL ? build(s, k, err) : MUSTER_OK;

	*out = r == MUSTER_OK ? json_object_get(s->names[i], name) : NULL;
	return r;
}

int names_find(struct stage *s, const struct estate_kind *k, const char *text, const json_t **out, struct muster_err *err)
{
	char name[1 + NAME_FOLDED];
	int r;

	*out = NULL;
	if (!names_has(k))
		return MUSTER_OK;
	name[0] = '=';
	(void)name_fold(name + 1, text, false);
	if ((r = index_get(s, k, name, out, err)) != MUSTER_OK || *out != NULL)
		return r;
	name[0] = '#';
	(void)name_fold(name + 1, text, true);
	return name[1] != '\0' ? index_get(s, k, name, out, err) : MUSTER_OK;
}

static size_t ids_count(const json_t *ids)
{
	return json_is_array(ids) ? json_array_size(ids) : ids != NULL;
}

static const char *ids_at(const json_t *ids, size_t i)
{
	return json_string_value(json_is_array(ids) ? json_array_get(ids, i) : ids);
}

int names_one(const struct estate_kind *k, const char *text, const json_t *ids, char out[ESTATE_ID_MAX + 1], struct muster_err *err)
{
	size_t n = ids_count(ids), used = 0;
	char list[NAMED_IN_SENTENCE * (ESTATE_ID_MAX + 2) + 16] = "";

	if (n == 1) {
		(void)snprintf(out, ESTATE_ID_MAX + 1, "%s", ids_at(ids, 0));
		return MUSTER_OK;
	}
	for (size_t i = 0; i < n && i < NAMED_IN_SENTENCE; i++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", ids_at(ids, i));
	return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "\"%.80s\" may be any of %zu %s (%s%s): give the ID of the one that is meant", text, n, k->plural, list, n > NAMED_IN_SENTENCE ? ", ..." : "");
}

/* ---- what somebody typed ---- */

struct beginning { const char *text; size_t n; json_t *ids; };

static int begins(void *ctx, const char *id, const json_t *entry)
{
	struct beginning *b = ctx;

	(void)entry;
	if (strncasecmp(id, b->text, b->n) != 0)
		return 0;
	(void)json_array_append_new(b->ids, json_string(id));
	return json_array_size(b->ids) > NAMED_IN_SENTENCE;
}

int stage_find(struct stage *s, const struct estate_kind *k, const char *text, char id[ESTATE_ID_MAX + 1], struct muster_err *err)
{
	struct beginning b = { text, strlen(text), json_array() };
	const json_t *ids;
	int r = MUSTER_OK;

	id[0] = '\0';
	if (b.ids == NULL)
		return err_nomem(err);
	if (estate_id_ok(text) && (r = stage_exists(s, k, text, err)) != 0) {
		(void)snprintf(id, ESTATE_ID_MAX + 1, "%s", text);
		r = r == 1 ? MUSTER_OK : r;
	} else if (r == 0 && (r = names_find(s, k, text, &ids, err)) == MUSTER_OK && ids != NULL) {
		r = names_one(k, text, ids, id, err);
	} else if (r == MUSTER_OK && b.n > 0 && (r = entry_each(s->e, k, begins, &b, err)) == MUSTER_OK) {
		r = json_array_size(b.ids) > 0 ? names_one(k, text, b.ids, id, err) :
		    err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no %s \"%.80s\"; `musterctl %s list` shows what there is", k->name, text, k->plural);
	} else if (r == MUSTER_OK) {
		r = err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "id is empty");
	}
	json_decref(b.ids);
	return r;
}

/* ---- records without an ID ---- */

static bool lists_meet(const json_t *a, const json_t *b)
{
	const json_t *x, *y;
	size_t i, j;

	json_array_foreach(a, i, x)
		json_array_foreach(b, j, y)
			if (strcasecmp(json_string_value(x), json_string_value(y)) == 0)
				return true;
	return false;
}

/* Is a given key the one that is kept? -1: not told. */
static int same_whole(struct stage *s, const char *id, const json_t *there, const char *given, struct muster_err *err)
{
	const struct staged *x = stage_item(s, estate_kind_find("key"), id);
	struct buf plain;
	int same = -1, r;

	if (given == NULL || !json_is_true(json_object_get(there, ENTRY_WHOLE)))
		return -1;
	buf_init(&plain, 64);
	if (x != NULL && x->secret == SECRET_PUT)
		r = activation_unseal(s->e->activation, ESTATE_R_SECRET, span_str(id), span_of(x->sealed, x->sealed_n), &plain, err);
	else
		r = entry_secret(s->e, id, &plain, err);
	if (r == MUSTER_OK)
		same = plain.n == strlen(given) && CRYPTO_memcmp(plain.p, given, plain.n) == 0;
	buf_cleanse(&plain);
	return same;
}

/*
 * The same last five: the same key, when the whole ones are the same; another, when they differ. Where one of them is not told, the same when they have a product in common, or
 * when one was read from the machine it is installed on, which calls the product otherwise than a portal does.
 */
static bool same_key(struct stage *s, const char *id, const json_t *there, const json_t *given, struct muster_err *err)
{
	const json_t *a = json_object_get(there, "products"), *b = json_object_get(given, "products");
	int whole = same_whole(s, id, there, json_string_value(json_object_get(given, "key")), err);

	if (whole >= 0)
		return whole;
	return a == NULL || b == NULL || lists_meet(a, b) || (json_object_get(there, "hosts") == NULL) != (json_object_get(given, "hosts") == NULL);
}

static bool same_entry(struct stage *s, const struct estate_kind *k, const char *id, const json_t *given, struct muster_err *err)
{
	const json_t *role;
	json_t *there;
	bool same = true;

	if (stage_read(s, k, id, &there, err) != MUSTER_OK)
		return false;
	if (strcmp(k->name, "key") == 0)
		same = same_key(s, id, there, given, err);
	else if (strcmp(k->name, "contact") == 0 && (role = json_object_get(given, "role")) != NULL)
		same = json_equal(role, json_object_get(there, "role"));
	json_decref(there);
	return same;
}

struct matching { struct stage *s; const struct estate_kind *k; const json_t *given; char id[ESTATE_ID_MAX + 1]; struct muster_err *err; int r; };

static int match_name(void *ctx, const char *name)
{
	struct matching *m = ctx;
	const json_t *ids;

	if ((m->r = index_get(m->s, m->k, name, &ids, m->err)) != MUSTER_OK)
		return 1;
	for (size_t i = 0; i < ids_count(ids); i++) {
		const char *id = ids_at(ids, i);

		if (strcmp(id, m->id) == 0 || !same_entry(m->s, m->k, id, m->given, m->err))
			continue;
		if (m->id[0] != '\0' && strcmp(m->k->name, "key") != 0) {
			m->r = err_code(m->err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: it may be %s or %s, which both have a number of it: give the ID of the one that is meant", m->k->name, m->id, id);
			return 1;
		}
		(void)snprintf(m->id, sizeof m->id, "%s", id);
		if (strcmp(m->k->name, "key") == 0)
			return 1;   /* the first is as good as any */
	}
	return 0;
}

int names_match(struct stage *s, const struct estate_kind *k, const json_t *entry, char out[ESTATE_ID_MAX + 1], struct muster_err *err)
{
	struct matching m = { .s = s, .k = k, .given = entry, .err = err, .r = MUSTER_OK };

	out[0] = '\0';
	if (names_has(k))
		(void)names_each(k, entry, match_name, &m);
	if (m.r == MUSTER_OK)
		(void)snprintf(out, ESTATE_ID_MAX + 1, "%s", m.id);
	return m.r;
}

/* ---- references ---- */

static int resolve_one(struct stage *s, const struct estate_kind *k, const struct estate_field *f, const char *text, json_t **out, bool *pending, struct muster_err *err)
{
	const struct estate_kind *of = estate_kind_find(f->of);
	char id[ESTATE_ID_MAX + 1];
	const json_t *ids;
	int r = MUSTER_OK;

	if (estate_id_ok(text) && (r = stage_exists(s, of, text, err)) == 1) {
		*out = json_string(text);
	} else if (r != 0 || (r = names_find(s, of, text, &ids, err)) != MUSTER_OK) {
		return r;
	} else if (ids != NULL) {
		if ((r = names_one(of, text, ids, id, err)) != MUSTER_OK)
			return err_prefix(err, r, "%s: %s", k->name, f->name);
		*out = json_string(id);
	} else if (s->act) {
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "%s: %s names the %s \"%.80s\", which there is not; `musterctl %s list` shows what there is", k->name, f->name, of->name,
		                text, of->plural);
	} else {
		*pending = true;
		*out = json_string(text);
	}
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

static int resolve_list(struct stage *s, const struct estate_kind *k, const struct estate_field *f, json_t *list, bool *pending, struct muster_err *err)
{
	json_t *v, *out;
	size_t i;
	int r = MUSTER_OK;

	for (i = 0; r == MUSTER_OK && i < json_array_size(list); i++) {
		v = json_array_get(list, i);
		if ((r = resolve_one(s, k, f, json_string_value(v), &out, pending, err)) == MUSTER_OK && json_array_set_new(list, i, out) != 0)
			r = err_nomem(err);
	}
	return r;
}

int names_resolve(struct stage *s, const struct estate_kind *k, json_t *part, bool *pending, struct muster_err *err)
{
	json_t *v, *out;
	int r = MUSTER_OK;

	*pending = false;
	for (size_t i = 0; r == MUSTER_OK && i < k->field_count; i++) {
		const struct estate_field *f = &k->fields[i];

		if (f->type != ESTATE_REF || (v = json_object_get(part, f->name)) == NULL || json_is_null(v))
			continue;
		if (json_is_array(v))
			r = resolve_list(s, k, f, v, pending, err);
		else if ((r = resolve_one(s, k, f, json_string_value(v), &out, pending, err)) == MUSTER_OK && json_object_set_new(part, f->name, out) != 0)
			r = err_nomem(err);
	}
	return r;
}
