/* The end of a stage: references that nothing answered to, what is written beside entries, and all of it in one transaction with one journal row. */
#include "core/estate/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

/* ---- what is written beside ---- */

static void extra_key(char key[HEX_SIZE(64) + 40], const char *kind, struct muster_span id)
{
	hex_encode(key, id.p, id.n);
	(void)snprintf(key + 2 * id.n, HEX_SIZE(64) + 40 - 2 * id.n, ":%.32s", kind);
}

int stage_record(struct stage *s, const char *kind, struct muster_span id, struct muster_span data, struct muster_err *err)
{
	char key[HEX_SIZE(64) + 40];
	struct stage_extra *grown, *x;
	const json_t *at;
	uint8_t *copy;

	if (id.n == 0 || id.n > sizeof x->record.id || data.n > STORE_RECORD_MAX || strlen(kind) >= sizeof x->record.kind)
		return err_set(err, MUSTER_E_INTERNAL, "a record \"%s\" that cannot be stored", kind);
	extra_key(key, kind, id);
	if ((at = json_object_get(s->extra_ids, key)) != NULL) {
		x = &s->extras[json_integer_value(at)];
		if ((copy = mem_dup(data.p, data.n)) == NULL && data.n > 0)
			return err_nomem(err);
		mem_free(x->data);
		x->data = copy;
		x->record.data_n = data.n;
		x->gone = false;
		return MUSTER_OK;
	}
	if (s->extra_count == STAGE_MAX) {
		s->full = true;
		return err_code(err, MUSTER_E_LIMIT, CODE_M_ARGUMENT, "more than %d records are too many for one import: nothing of it was taken; divide the file", STAGE_MAX);
	}
	if (s->extra_count == s->extra_room) {
		if ((grown = mem_grow(s->extras, s->extra_room * 2 + 16, sizeof *grown)) == NULL)
			return err_nomem(err);
		s->extras = grown;
		s->extra_room = s->extra_room * 2 + 16;
	}
	x = &s->extras[s->extra_count];
	memset(x, 0, sizeof *x);
	if (((x->data = mem_dup(data.p, data.n)) == NULL && data.n > 0) || json_object_set_new(s->extra_ids, key, json_integer((json_int_t)s->extra_count)) != 0) {
		mem_free(x->data);
		return err_nomem(err);
	}
	(void)snprintf(x->record.kind, sizeof x->record.kind, "%s", kind);
	memcpy(x->record.id, id.p, id.n);
	x->record.id_n = id.n;
	x->record.data_n = data.n;
	s->extra_count++;
	return MUSTER_OK;
}

int stage_forget(struct stage *s, const char *kind, struct muster_span id, struct muster_err *err)
{
	char key[HEX_SIZE(64) + 40];
	int r = stage_record(s, kind, id, span_of(NULL, 0), err);

	if (r != MUSTER_OK)
		return r;
	extra_key(key, kind, id);
	s->extras[json_integer_value(json_object_get(s->extra_ids, key))].gone = true;
	return MUSTER_OK;
}

int stage_learn(struct stage *s, const uint8_t activation_id[16], const char *product, const char *title, struct muster_err *err)
{
	struct catalog *catalog = estate_catalog(s->e);
	const struct catalog_product *p = catalog != NULL ? catalog_product_named(catalog, product) : NULL;
	struct store_change *grown, *c;
	char id[UUID_TEXT];
	const json_t *at;
	uint32_t number = p != NULL ? ledger_product_number(s->e->ledger, catalog, p) : 0;

	if (catalog != NULL)
		catalog_unref(catalog);
	if (number == 0)
		return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no product \"%.64s\"; `musterctl products` lists them", product);
	uuid_format(id, activation_id);
	at = json_object_get(s->learned_ids, id);
	if (at == NULL) {
		if ((grown = mem_grow(s->learned, s->learned_count + 1, sizeof *grown)) == NULL)
			return err_nomem(err);
		s->learned = grown;
		if (json_object_set_new(s->learned_ids, id, json_integer((json_int_t)s->learned_count)) != 0)
			return err_nomem(err);
		c = &s->learned[s->learned_count++];
	} else {
		c = &s->learned[json_integer_value(at)];
	}
	memset(c, 0, sizeof *c);
	c->kind = STORE_EDITION_PUT;
	memcpy(c->edition.activation_id, activation_id, 16);
	c->edition.product = number;
	c->edition.learned = true;
	(void)snprintf(c->edition.name, sizeof c->edition.name, "%s", title != NULL && title[0] != '\0' ? title : product);
	return MUSTER_OK;
}

/* ---- references that nothing answered to ---- */

struct settling { struct stage *s; void (*made)(void *ctx, const struct estate_kind *k, const char *id); void *ctx; };

/* The least that can be said of what was only named. */
static json_t *made_entry(const struct estate_kind *of, const char *field, const char *name, bool come)
{
	if (strcmp(of->name, "organisation") == 0)
		return json_pack("{s:s}", "name", name);
	if (strcmp(of->name, "contact") == 0)
		return json_pack("{s:s, s:s}", "name", name, "role", strcmp(field, "seller") == 0 ? "seller" : "other");
	if (strcmp(of->name, "agreement") == 0)
		return json_pack("{s:s, s:s}", "number", name, "programme", "not known");
	if (strcmp(of->name, "order") == 0)
		return json_pack("{s:s, s:s}", "number", name, "state", come ? "fulfilled" : "submitted");
	return NULL;
}

/* @p come: the key that the order brought is in the books. */
static int make(struct settling *t, const struct estate_kind *k, const struct estate_field *f, const char *text, bool come, json_t **out, struct muster_err *err)
{
	const struct estate_kind *of = estate_kind_find(f->of);
	char id[ESTATE_ID_MAX + 1];
	enum stage_became became;
	const json_t *ids;
	json_t *entry;
	int r;

	*out = NULL;
	if ((estate_id_ok(text) && (r = stage_exists(t->s, of, text, err)) != 0)) {
		*out = r == 1 ? json_string(text) : NULL;
		return r == 1 ? *out != NULL ? MUSTER_OK : err_nomem(err) : r;
	}
	if ((r = names_find(t->s, of, text, &ids, err)) != MUSTER_OK)
		return r;
	if (ids != NULL && (r = names_one(of, text, ids, id, err)) != MUSTER_OK)
		return err_prefix(err, r, "%s: %s", k->name, f->name);
	if (ids == NULL) {
		if ((entry = made_entry(of, f->name, text, come)) == NULL)
			return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s names the %s \"%.80s\", which there is not", k->name, f->name, of->name, text);
		name_id(id, of->name, text, false);
		if ((r = stage_exists(t->s, of, id, err)) == 1)
			name_id(id, of->name, text, true);
		r = r >= 0 ? stage_put(t->s, of, id, entry, &became, err) : r;
		json_decref(entry);
		if (r != MUSTER_OK)
			return stage_full(t->s) ? r : err_prefix(err, r, "%s: %s", k->name, f->name);
		if (t->made != NULL)
			t->made(t->ctx, of, id);
	}
	*out = json_string(id);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

static int settle_field(struct settling *t, const struct estate_kind *k, const struct estate_field *f, json_t *entry, bool come, struct muster_err *err)
{
	json_t *v = json_object_get(entry, f->name), *id;
	int r = MUSTER_OK;

	if (v == NULL)
		return MUSTER_OK;
	if (!json_is_array(v)) {
		if ((r = make(t, k, f, json_string_value(v), come, &id, err)) == MUSTER_OK && json_object_set_new(entry, f->name, id) != 0)
			r = err_nomem(err);
		return r;
	}
	for (size_t i = 0; r == MUSTER_OK && i < json_array_size(v); i++)
		if ((r = make(t, k, f, json_string_value(json_array_get(v, i)), come, &id, err)) == MUSTER_OK && json_array_set_new(v, i, id) != 0)
			r = err_nomem(err);
	return r;
}

/* The item is found by its place: making others moves the array. */
static int settle_item(struct settling *t, size_t i, struct muster_err *err)
{
	const struct estate_kind *k = t->s->items[i].k;
	json_t *entry = json_loads(t->s->items[i].now, 0, NULL);
	const bool come = json_object_get(entry, "partial") != NULL;
	bool whole;
	int r = entry != NULL ? MUSTER_OK : err_nomem(err);

	for (size_t f = 0; r == MUSTER_OK && f < k->field_count; f++)
		if (k->fields[f].type == ESTATE_REF)
			r = settle_field(t, k, &k->fields[f], entry, come, err);
	if (r == MUSTER_OK) {
		/* Two names may have meant the same. */
		whole = json_is_true(json_object_get(entry, ENTRY_WHOLE));
		(void)json_object_del(entry, ENTRY_WHOLE);
		r = estate_entry_check(k, entry, err);
		if (r == MUSTER_OK && whole && json_object_set_new(entry, ENTRY_WHOLE, json_true()) != 0)
			r = err_nomem(err);
	}
	if (r == MUSTER_OK && (r = stage_put_text(t->s, &t->s->items[i], entry, err)) == MUSTER_OK)
		t->s->items[i].pending = false;
	json_decref(entry);
	return r;
}

int stage_settle(struct stage *s, void (*made)(void *ctx, const struct estate_kind *k, const char *id), void *ctx, struct muster_err *err)
{
	struct settling t = { s, made, ctx };
	int r = MUSTER_OK;

	for (size_t i = 0; !s->settled && r == MUSTER_OK && i < s->count; i++)
		if (s->items[i].pending && s->items[i].now != NULL)
			r = settle_item(&t, i, err);
	s->settled = s->settled || r == MUSTER_OK;
	return r;
}

/* ---- commit ---- */

/* Is it still what it was when it was looked at? */
static int unchanged(struct stage *s, const struct staged *x, struct muster_err *err)
{
	json_t *there = NULL;
	char *text;
	bool same;
	int r = entry_read(s->e, x->k, x->id, &there, err);

	if (r != MUSTER_OK && r != MUSTER_E_NOT_FOUND)
		return r;
	text = there != NULL ? json_dumps(there, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	same = there == NULL ? x->before == NULL : text != NULL && x->before != NULL && strcmp(text, x->before) == 0;
	free(text);
	json_decref(there);
	return same ? MUSTER_OK : err_code(err, MUSTER_E_BUSY, CODE_M_BUSY, "the %s %s was changed by somebody else meanwhile: nothing was written; do it again", x->k->name, x->id);
}

static int refers(struct stage *s, const struct staged *x, const struct estate_field *f, const char *id, struct muster_err *err)
{
	const struct estate_kind *of = estate_kind_find(f->of);
	int r = stage_exists(s, of, id, err);

	if (r == 1)
		return MUSTER_OK;
	return r != 0 ? r : err_code(err, MUSTER_E_BUSY, CODE_M_BUSY, "the %s %s, which the %s %s refers to, was removed by somebody else meanwhile: nothing was written; do it again", of->name, id,
	                             x->k->name, x->id);
}

/* What it refers to is there. */
static int referred(struct stage *s, const struct staged *x, struct muster_err *err)
{
	json_t *entry = json_loads(x->now, 0, NULL);
	const json_t *v, *one;
	size_t j;
	int r = entry != NULL ? MUSTER_OK : err_nomem(err);

	for (size_t i = 0; r == MUSTER_OK && i < x->k->field_count; i++) {
		const struct estate_field *f = &x->k->fields[i];

		if (f->type != ESTATE_REF || (v = json_object_get(entry, f->name)) == NULL)
			continue;
		if (!json_is_array(v)) {
			r = refers(s, x, f, json_string_value(v), err);
			continue;
		}
		json_array_foreach(v, j, one)
			if ((r = refers(s, x, f, json_string_value(one), err)) != MUSTER_OK)
				break;
	}
	json_decref(entry);
	return r;
}

struct writing { struct store_change *changes; struct store_record *records; char **texts; size_t n, max; int64_t at; };

static struct store_record *add(struct writing *w, enum store_change_kind kind, const char *record, const char *id)
{
	struct store_record *x = &w->records[w->n];

	MUSTER_ASSERT(w->n < w->max);
	w->changes[w->n].kind = kind;
	w->changes[w->n].record = x;
	(void)snprintf(x->kind, sizeof x->kind, "%s", record);
	x->id_n = strlen(id);
	memcpy(x->id, id, x->id_n);
	x->at = w->at;
	w->n++;
	return x;
}

/* Sealed anew while no other key file can take the present one's place. */
static int add_secret(struct stage *s, struct writing *w, const struct staged *x, struct muster_err *err)
{
	char text[B64_SIZE(STAGE_SEALED)];
	struct buf plain, sealed;
	struct store_record *record;
	int r;

	buf_init(&plain, 64);
	buf_init(&sealed, STAGE_SEALED);
	if ((r = activation_unseal_held(s->e->activation, ESTATE_R_SECRET, span_str(x->id), span_of(x->sealed, x->sealed_n), &plain, err)) == MUSTER_OK &&
	    (r = activation_seal_held(s->e->activation, ESTATE_R_SECRET, span_str(x->id), span_of(plain.p, plain.n), &sealed, err)) == MUSTER_OK) {
		(void)b64_encode(text, sealed.p, sealed.n);
		if ((w->texts[w->n] = mem_printf("{\"sealed\":\"%s\"}", text)) == NULL) {
			r = err_nomem(err);
		} else {
			const char *data = w->texts[w->n];

			record = add(w, STORE_RECORD_PUT, ESTATE_R_SECRET, x->id);
			record->data = (const uint8_t *)data;
			record->data_n = strlen(data);
		}
	}
	buf_cleanse(&plain);
	buf_fini(&sealed);
	return r;
}

static int add_item(struct stage *s, struct writing *w, const struct staged *x, struct muster_err *err)
{
	struct store_record *record = add(w, x->now != NULL ? STORE_RECORD_PUT : STORE_RECORD_DELETE, x->k->record, x->id);

	if (x->now != NULL) {
		record->data = (const uint8_t *)x->now;
		record->data_n = strlen(x->now);
	}
	if (x->secret == SECRET_GONE)
		(void)add(w, STORE_RECORD_DELETE, ESTATE_R_SECRET, x->id);
	return x->secret == SECRET_PUT ? add_secret(s, w, x, err) : MUSTER_OK;
}

static int write_all(struct stage *s, struct writing *w, uint32_t journal_kind, const char *object, const char *detail, struct muster_err *err)
{
	struct store_journal *j;
	int r = MUSTER_OK;

	for (size_t i = 0; r == MUSTER_OK && i < s->count; i++)
		if (s->items[i].changed)
			r = add_item(s, w, &s->items[i], err);
	if (r != MUSTER_OK)
		return r;
	for (size_t i = 0; i < s->extra_count; i++) {
		w->changes[w->n].kind = s->extras[i].gone ? STORE_RECORD_DELETE : STORE_RECORD_PUT;
		w->changes[w->n].record = &w->records[w->n];
		w->records[w->n] = s->extras[i].record;
		w->records[w->n].data = s->extras[i].data;
		w->records[w->n].at = w->at;
		w->n++;
	}
	for (size_t i = 0; i < s->learned_count; i++)
		w->changes[w->n++] = s->learned[i];
	w->changes[w->n].kind = STORE_JOURNAL_ONLY;
	j = &w->changes[w->n++].journal;
	j->kind = journal_kind;
	j->at = w->at;
	(void)snprintf(j->actor, sizeof j->actor, "%s", s->actor);
	(void)snprintf(j->object, sizeof j->object, "%s", object);
	(void)snprintf(j->detail, sizeof j->detail, "%s", detail);
	return ledger_transact(s->e->ledger, w->changes, w->n, err);
}

int stage_commit_held(struct stage *s, uint32_t journal_kind, const char *object, const char *detail, struct muster_err *err)
{
	struct writing w = { .max = s->extra_count + s->learned_count + 1, .at = clock_wall_ms(s->e->clock) };
	bool hold = false;
	int r;

	if ((r = stage_settle(s, NULL, NULL, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; r == MUSTER_OK && i < s->count; i++) {
		const struct staged *x = &s->items[i];

		if (!x->changed)
			continue;
		w.max += 2;
		hold = hold || x->secret == SECRET_PUT;
		if ((r = unchanged(s, x, err)) == MUSTER_OK && x->now != NULL)
			r = referred(s, x, err);
	}
	if (r != MUSTER_OK)
		return r;
	w.changes = mem_array(w.max, sizeof *w.changes);
	w.records = mem_array(w.max, sizeof *w.records);
	w.texts = mem_array(w.max, sizeof *w.texts);
	if (w.changes == NULL || w.records == NULL || w.texts == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if (hold)
		activation_hold(s->e->activation);
	r = write_all(s, &w, journal_kind, object, detail, err);
	if (hold)
		activation_let(s->e->activation);
done:
	for (size_t i = 0; w.texts != NULL && i < w.max; i++)
		mem_free(w.texts[i]);
	mem_free(w.texts);
	mem_free(w.records);
	mem_free(w.changes);
	return r;
}

int stage_commit(struct stage *s, uint32_t journal_kind, const char *object, const char *detail, struct muster_err *err)
{
	int r;

	pthread_mutex_lock(&s->e->acts);
	r = stage_commit_held(s, journal_kind, object, detail, err);
	pthread_mutex_unlock(&s->e->acts);
	return r;
}
