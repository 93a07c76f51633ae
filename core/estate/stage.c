/*
 * Entries before they are committed: what an import, or one act of an administrator, would make of the books. Nothing is written here. What an entry was when it was looked
 * at first is kept, so that the commit sees whether somebody else changed it meanwhile.
 */
#include "core/estate/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define PARENTS_MAX 64

int stage_new(struct stage **out, struct estate *e, const char *actor, struct muster_err *err)
{
	struct stage *s = mem_alloc(sizeof *s);
	size_t n;

	*out = NULL;
	(void)estate_kinds(&n);
	MUSTER_ASSERT(n <= STAGE_KINDS);
	if (s == NULL)
		return err_nomem(err);
	s->e = e;
	(void)snprintf(s->actor, sizeof s->actor, "%s", actor);
	s->learned_ids = json_object();
	s->extra_ids = json_object();
	if (s->learned_ids == NULL || s->extra_ids == NULL) {
		stage_free(s);
		return err_nomem(err);
	}
	for (size_t i = 0; i < n; i++)
		if ((s->by_id[i] = json_object()) == NULL) {
			stage_free(s);
			return err_nomem(err);
		}
	*out = s;
	return MUSTER_OK;
}

void stage_free(struct stage *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++) {
		mem_free(s->items[i].before);
		mem_free(s->items[i].now);
	}
	for (size_t i = 0; i < s->extra_count; i++)
		mem_free(s->extras[i].data);
	for (size_t i = 0; i < STAGE_KINDS; i++) {
		json_decref(s->by_id[i]);
		json_decref(s->names[i]);
	}
	json_decref(s->learned_ids);
	json_decref(s->extra_ids);
	mem_free(s->learned);
	mem_free(s->extras);
	mem_free(s->items);
	mem_free(s);
}

size_t stage_kind_index(const struct estate_kind *k)
{
	size_t n;
	const struct estate_kind *kinds = estate_kinds(&n);

	MUSTER_ASSERT(k >= kinds && k < kinds + n);
	return (size_t)(k - kinds);
}

struct staged *stage_item(const struct stage *s, const struct estate_kind *k, const char *id)
{
	const json_t *at = json_object_get(s->by_id[stage_kind_index(k)], id);

	return at != NULL ? &s->items[json_integer_value(at)] : NULL;
}

bool stage_full(const struct stage *s)
{
	return s->full;
}

/* ---- looking ---- */

/* JSON with sorted members: equal entries have equal texts. */
static char *text_of(const json_t *entry)
{
	char *dumped = json_dumps(entry, JSON_COMPACT | JSON_SORT_KEYS), *text = mem_strdup(dumped);

	free(dumped);   /* the library's own allocator */
	return text;
}

static int parse(json_t **out, const char *text, struct muster_err *err)
{
	*out = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

int stage_read(struct stage *s, const struct estate_kind *k, const char *id, json_t **out, struct muster_err *err)
{
	const struct staged *x = stage_item(s, k, id);

	*out = NULL;
	if (x == NULL || !x->changed)
		return entry_read(s->e, k, id, out, err);
	if (x->now != NULL)
		return parse(out, x->now, err);
	return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no %s \"%s\"", k->name, id);
}

int stage_exists(struct stage *s, const struct estate_kind *k, const char *id, struct muster_err *err)
{
	const struct staged *x = stage_item(s, k, id);
	struct buf data;
	int r;

	if (x != NULL && x->changed)
		return x->now != NULL;
	buf_init(&data, STORE_RECORD_MAX);
	r = ledger_record(s->e->ledger, k->record, span_str(id), &data, err);
	buf_fini(&data);
	return r == MUSTER_OK ? 1 : r == MUSTER_E_NOT_FOUND ? 0 : r;
}

/* Its place, made when it is looked at first. */
static int item_of(struct stage *s, const struct estate_kind *k, const char *id, struct staged **out, struct muster_err *err)
{
	struct staged *grown;

	if ((*out = stage_item(s, k, id)) != NULL)
		return MUSTER_OK;
	if (s->count == STAGE_MAX) {
		s->full = true;
		return err_code(err, MUSTER_E_LIMIT, CODE_M_ARGUMENT, "more than %d entries are too many for one import: nothing of it was taken; divide the file", STAGE_MAX);
	}
	if (s->count == s->room) {
		if ((grown = mem_grow(s->items, s->room * 2 + 64, sizeof *grown)) == NULL)
			return err_nomem(err);
		s->items = grown;
		s->room = s->room * 2 + 64;
	}
	if (json_object_set_new(s->by_id[stage_kind_index(k)], id, json_integer((json_int_t)s->count)) != 0)
		return err_nomem(err);
	MUSTER_ASSERT(s->items != NULL);
	*out = &s->items[s->count++];
	memset(*out, 0, sizeof **out);
	(*out)->k = k;
	(void)snprintf((*out)->id, sizeof (*out)->id, "%s", id);
	return MUSTER_OK;
}

/* ---- putting one ---- */

static void say(struct stage *s, const char *field, const json_t *before, const json_t *now, enum estate_type type, bool is_new)
{
	size_t used = strlen(s->says);
	const char *sep = used > 0 ? "; " : "";
	char a[24] = "none", b[24] = "none";

	if (used + 64 > sizeof s->says) {
		if (used > 0 && s->says[used - 1] != '.')
			(void)snprintf(s->says + used, sizeof s->says - used, "; ...");
		return;
	}
	if (type == ESTATE_COUNT && before != NULL)
		(void)snprintf(a, sizeof a, "%lld", (long long)json_integer_value(before));
	else if (before != NULL)
		(void)snprintf(a, sizeof a, "%.20s", json_string_value(before) != NULL ? json_string_value(before) : "?");
	if (type == ESTATE_COUNT && now != NULL)
		(void)snprintf(b, sizeof b, "%lld", (long long)json_integer_value(now));
	else if (now != NULL)
		(void)snprintf(b, sizeof b, "%.20s", json_string_value(now) != NULL ? json_string_value(now) : "?");
	if (is_new && (type == ESTATE_COUNT || type == ESTATE_DATE || type == ESTATE_CHOICE))
		(void)snprintf(s->says + used, sizeof s->says - used, "%s%s %s", sep, field, b);
	else if (type == ESTATE_COUNT || type == ESTATE_DATE || type == ESTATE_CHOICE)
		(void)snprintf(s->says + used, sizeof s->says - used, "%s%s %s -> %s", sep, field, a, b);
	else
		(void)snprintf(s->says + used, sizeof s->says - used, "%s%s", sep, field);
}

/* Field by field, for the journal: dates, numbers and words with their values, of texts the name only. */
static void say_changes(struct stage *s, const struct staged *x, const json_t *merged)
{
	json_t *before = x->before != NULL ? json_loads(x->before, 0, NULL) : NULL;

	s->says[0] = '\0';
	for (size_t i = 0; i < x->k->field_count; i++) {
		const struct estate_field *f = &x->k->fields[i];
		const json_t *a = json_object_get(before, f->name), *b = json_object_get(merged, f->name);

		if (f->type != ESTATE_KEY && a != b && (a == NULL || b == NULL || !json_equal(a, b)))
			say(s, f->name, a, b, f->list ? ESTATE_TEXT : f->type, before == NULL);
	}
	if (x->secret != SECRET_KEPT)
		say(s, x->secret == SECRET_PUT ? "whole key kept" : "whole key removed", NULL, NULL, ESTATE_KEY, false);
	json_decref(before);
}

const char *stage_says(const struct stage *s, char *out, size_t n)
{
	(void)snprintf(out, n, "%s", s->says);
	return out;
}

/* The text as it will be. What it was is kept from the first time on. */
int stage_put_text(struct stage *s, struct staged *x, const json_t *merged, struct muster_err *err)
{
	char *now = text_of(merged), *before = NULL;
	json_t *there = NULL;
	int r = MUSTER_OK;

	if (now == NULL)
		return err_nomem(err);
	if (!x->changed) {
		if ((r = entry_read(s->e, x->k, x->id, &there, err)) == MUSTER_OK && (before = text_of(there)) == NULL)
			r = err_nomem(err);
		else if (r == MUSTER_E_NOT_FOUND)
			r = MUSTER_OK;
		json_decref(there);
	}
	if (r != MUSTER_OK) {
		mem_free(now);
		mem_free(before);
		return r;
	}
	if (!x->changed)
		x->before = before;
	x->changed = true;
	mem_free(x->now);
	x->now = now;
	if (s->act)
		say_changes(s, x, merged);
	return names_add(s, x->k, x->id, merged, err);
}

/* Given members over what is there. */
static int merge(const struct stage *s, const struct estate_kind *k, json_t *base, const json_t *given, struct muster_err *err)
{
	for (size_t i = 0; i < k->field_count; i++) {
		const struct estate_field *f = &k->fields[i];
		json_t *v = json_object_get(given, f->name), *there = json_object_get(base, f->name);
		int r = 0;

		if (v == NULL)
			continue;
		if (json_is_null(v))
			(void)json_object_del(base, f->name);
		else if (f->list && !s->act && there != NULL)
			r = json_array_extend(there, v);
		else
			r = json_object_set(base, f->name, v);
		if (r != 0)
			return err_nomem(err);
	}
	return MUSTER_OK;
}

/* The key given, against the one that is kept. */
static int compare_secret(struct stage *s, const struct staged *x, const char *id, const char *key, bool *same, struct muster_err *err)
{
	struct buf plain;
	int r;

	buf_init(&plain, 64);
	if (x != NULL && x->secret == SECRET_PUT)
		r = activation_unseal(s->e->activation, ESTATE_R_SECRET, span_str(id), span_of(x->sealed, x->sealed_n), &plain, err);
	else
		r = entry_secret(s->e, id, &plain, err);
	*same = r == MUSTER_OK && plain.n == strlen(key) && CRYPTO_memcmp(plain.p, key, plain.n) == 0;
	buf_cleanse(&plain);
	/* One that cannot be opened any more is replaced. */
	return r == MUSTER_E_NOMEM || r == MUSTER_E_IO ? r : MUSTER_OK;
}

struct sealed { enum stage_secret secret; uint8_t p[STAGE_SEALED]; size_t n; };

/* Take the whole key out of the merged entry and seal it, unless it is the one that is kept. */
static int take_secret(struct stage *s, const struct estate_kind *k, const char *id, json_t *merged, bool kept, bool removed, struct sealed *out, struct muster_err *err)
{
	const char *key = json_string_value(json_object_get(merged, "key"));
	struct buf sealed;
	bool same = false;
	int r = MUSTER_OK;

	out->secret = SECRET_KEPT;
	if (strcmp(k->name, "key") != 0)   /* a request's `key` is a reference */
		return MUSTER_OK;
	if (key != NULL && s->e->activation == NULL)
		return err_set(err, MUSTER_E_UNSUPPORTED, "whole keys cannot be sealed here");
	if (key != NULL && kept)
		r = compare_secret(s, stage_item(s, estate_kind_find("key"), id), id, key, &same, err);
	if (r == MUSTER_OK && key != NULL && !same) {
		buf_init(&sealed, STAGE_SEALED);
		if ((r = activation_seal(s->e->activation, ESTATE_R_SECRET, span_str(id), span_str(key), &sealed, err)) == MUSTER_OK) {
			out->secret = SECRET_PUT;
			out->n = sealed.n;
			memcpy(out->p, sealed.p, sealed.n);
		}
		buf_fini(&sealed);
	} else if (r == MUSTER_OK && key == NULL && kept && removed) {
		out->secret = SECRET_GONE;
	}
	estate_entry_wipe(merged);
	(void)json_object_del(merged, "key");
	if (r == MUSTER_OK && (key != NULL || (kept && !removed)) && json_object_set_new(merged, ENTRY_WHOLE, json_true()) != 0)
		r = err_nomem(err);
	return r;
}

/* Organisations form trees. */
static int check_parents(struct stage *s, const struct estate_kind *k, const char *id, const json_t *merged, struct muster_err *err)
{
	const char *parent = json_string_value(json_object_get(merged, "parent"));
	char next[208] = "";
	json_t *at;
	int r = MUSTER_OK, depth = 0;

	if (strcmp(k->name, "organisation") != 0 || parent == NULL)
		return MUSTER_OK;
	(void)snprintf(next, sizeof next, "%s", parent);
	for (; next[0] != '\0' && depth < PARENTS_MAX; depth++) {
		if (strcmp(next, id) == 0)
			return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "organisation: %s would be its own parent%s", id, depth > 0 ? ", by way of others" : "");
		if (!estate_id_ok(next) || (r = stage_read(s, k, next, &at, err)) == MUSTER_E_NOT_FOUND)
			return MUSTER_OK;
		if (r != MUSTER_OK)
			return r;
		parent = json_string_value(json_object_get(at, "parent"));
		(void)snprintf(next, sizeof next, "%s", parent != NULL ? parent : "");
		json_decref(at);
	}
	return depth < PARENTS_MAX ? MUSTER_OK : err_code(err, MUSTER_E_LIMIT, CODE_M_ARGUMENT, "organisation: %s would stand under more than %d others", id, PARENTS_MAX);
}

/* A partial that is told anew, beside a whole key that is kept. */
static int check_partial(const json_t *there, const json_t *given, bool kept, struct muster_err *err)
{
	const json_t *partial = json_object_get(given, "partial"), *was = json_object_get(there, "partial"), *key = json_object_get(given, "key");

	if (!kept || partial == NULL || key != NULL || (was != NULL && json_equal(was, partial)))
		return MUSTER_OK;
	return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "key: its whole key is kept, and ends in %s: give the other key whole, or remove the one that is kept (key null)",
	                was != NULL && json_string_value(was) != NULL ? json_string_value(was) : "other characters");
}

/* @p part checked and resolved. */
static int put_part(struct stage *s, const struct estate_kind *k, const char *id, const json_t *part, bool pending, enum stage_became *became, struct muster_err *err)
{
	struct staged *x = stage_item(s, k, id);
	const bool before = x != NULL;
	const json_t *key = json_object_get(part, "key");
	json_t *merged = NULL, *there = NULL;
	struct sealed sealed;
	bool kept;
	int r;

	if ((r = stage_read(s, k, id, &there, err)) != MUSTER_OK && r != MUSTER_E_NOT_FOUND)
		return r;
	merged = there != NULL ? json_deep_copy(there) : json_object();
	kept = json_is_true(json_object_get(merged, ENTRY_WHOLE));
	(void)json_object_del(merged, ENTRY_WHOLE);
	if (merged == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((r = check_partial(there, part, kept, err)) != MUSTER_OK)
		goto done;
	if ((r = merge(s, k, merged, part, err)) != MUSTER_OK || (r = estate_entry_check(k, merged, err)) != MUSTER_OK || (r = check_parents(s, k, id, merged, err)) != MUSTER_OK ||
	    (r = take_secret(s, k, id, merged, kept, json_is_null(key), &sealed, err)) != MUSTER_OK)
		goto done;
	*became = there == NULL ? STAGE_NEW : !json_equal(there, merged) || sealed.secret != SECRET_KEPT ? STAGE_CHANGED : before ? STAGE_SKIPPED : STAGE_SAME;
	if ((r = item_of(s, k, id, &x, err)) != MUSTER_OK || *became == STAGE_SAME || *became == STAGE_SKIPPED)
		goto done;
	if (sealed.secret != SECRET_KEPT) {
		x->secret = sealed.secret;
		x->sealed_n = sealed.n;
		memcpy(x->sealed, sealed.p, sizeof x->sealed);
	}
	x->pending = x->pending || pending;
	s->settled = false;
	r = stage_put_text(s, x, merged, err);
done:
	estate_entry_wipe(merged);
	json_decref(merged);
	json_decref(there);
	return r;
}

/* An entry without an ID, which nobody has a name of: the ID of its name, or of its name and a hash where that is another's. */
static int new_id(struct stage *s, const struct estate_kind *k, const json_t *part, char out[ESTATE_ID_MAX + 1], struct muster_err *err)
{
	const char *name = json_string_value(json_object_get(part, strcmp(k->name, "order") == 0 ? "number" : "name"));
	int r = estate_entry_id(out, k, part, err);

	if (r != MUSTER_OK || !names_has(k) || strcmp(k->name, "key") == 0 || name == NULL)
		return r;
	if ((r = stage_exists(s, k, out, err)) == 1) {
		name_id(out, k->name, name, true);
		r = MUSTER_OK;
	}
	return r;
}

/* Which entry it is. @p given "" or NULL: told by the content. */
static int which(struct stage *s, const struct estate_kind *k, const char *given, const json_t *part, char out[ESTATE_ID_MAX + 1], struct muster_err *err)
{
	int r;

	/* An export lists them too: what it says of them is kept as of any other. */
	if (given != NULL && ((strcmp(k->name, "key") == 0 && strncmp(given, "installed-", 10) == 0) || (strcmp(k->name, "product") == 0 && strncmp(given, "host:", 5) == 0)))
		given = NULL;
	if (given != NULL && given[0] != '\0') {
		if (!estate_id_ok(given))
			return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: id takes letters, digits, and any of \"._-:\" after the first, at most %d", k->name, ESTATE_ID_MAX);
		(void)snprintf(out, ESTATE_ID_MAX + 1, "%s", given);
		return MUSTER_OK;
	}
	if ((r = names_match(s, k, part, out, err)) != MUSTER_OK || out[0] != '\0')
		return r;
	return new_id(s, k, part, out, err);
}

/* A copy in its one form, with the ID taken off into @p id; NULL there: not told. */
static int prepare(const struct estate_kind *k, const json_t *entry, json_t **part, const char **id, struct muster_err *err)
{
	const char *key = json_string_value(json_object_get(entry, "key"));
	int r;

	if ((*part = json_deep_copy(entry)) == NULL)
		return err_nomem(err);
	if ((r = estate_entry_part(k, *part, err)) != MUSTER_OK)
		return r;
	if (*id == NULL)
		*id = json_string_value(json_object_get(entry, "id"));
	(void)json_object_del(*part, "id");
	/* Its last five tell which it is. */
	key = key != NULL ? json_string_value(json_object_get(*part, "key")) : NULL;
	if (key != NULL && strcmp(k->name, "key") == 0 && json_object_get(*part, "partial") == NULL && json_object_set_new(*part, "partial", json_string(key + strlen(key) - 5)) != 0)
		return err_nomem(err);
	return MUSTER_OK;
}

int stage_put(struct stage *s, const struct estate_kind *k, const char *id, const json_t *entry, enum stage_became *became, struct muster_err *err)
{
	enum stage_became told;
	char found[ESTATE_ID_MAX + 1];
	json_t *part = NULL;
	bool pending;
	int r;

	if ((r = prepare(k, entry, &part, &id, err)) == MUSTER_OK && (r = which(s, k, id, part, found, err)) == MUSTER_OK && (r = names_resolve(s, k, part, &pending, err)) == MUSTER_OK)
		r = put_part(s, k, found, part, pending, became != NULL ? became : &told, err);
	(void)snprintf(s->last, sizeof s->last, "%s", r == MUSTER_OK ? found : "");
	estate_entry_wipe(part);
	json_decref(part);
	return r;
}

const char *stage_last(const struct stage *s)
{
	return s->last;
}

int stage_act(struct stage *s, const struct estate_kind *k, const char *id, bool add, const json_t *entry, char found[ESTATE_ID_MAX + 1], enum stage_became *became, struct muster_err *err)
{
	json_t *part = NULL;
	bool pending;
	int r;

	s->act = true;
	if ((r = prepare(k, entry, &part, &id, err)) != MUSTER_OK)
		goto done;
	if (!add && (id == NULL || id[0] == '\0'))
		r = err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "id is missing: which %s is to be changed?", k->name);
	else if (add)
		r = which(s, k, id, part, found, err);
	else
		r = stage_find(s, k, id, found, err);
	if (r != MUSTER_OK)
		goto done;
	if (add && (r = stage_exists(s, k, found, err)) == 1)
		r = err_code(err, MUSTER_E_EXISTS, CODE_M_ARGUMENT, "the %s %s is there already; to change it: musterctl %s set %s ...", k->name, found, k->plural, found);
	if (r == MUSTER_OK && (r = names_resolve(s, k, part, &pending, err)) == MUSTER_OK)
		r = put_part(s, k, found, part, pending, became, err);
done:
	estate_entry_wipe(part);
	json_decref(part);
	return r;
}

int stage_remove(struct stage *s, const struct estate_kind *k, const char *id, struct muster_err *err)
{
	struct staged *x;
	json_t *there;
	int r;

	s->act = true;
	if ((r = stage_read(s, k, id, &there, err)) != MUSTER_OK)
		return r;
	if ((r = item_of(s, k, id, &x, err)) == MUSTER_OK && !x->changed && (x->before = text_of(there)) == NULL)
		r = err_nomem(err);
	if (r == MUSTER_OK) {
		x->changed = true;
		x->secret = json_is_true(json_object_get(there, ENTRY_WHOLE)) ? SECRET_GONE : SECRET_KEPT;
		mem_free(x->now);
		x->now = NULL;
	}
	json_decref(there);
	return r;
}
