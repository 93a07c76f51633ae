/* The estate's books: kinds and their entries (docs/admin-api.md). */
#include "core/service/admin.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/estate/estate.h"

#define LIMIT_DEFAULT 100
#define FILTERS_MAX 16
#define ESTATE_TEXT_ID_MAX 200   /* an ID, or a name */

/* ---- the table ---- */

static const char *type_word(const struct estate_field *f)
{
	static const char *const words[] = {
		[ESTATE_TEXT] = "text", [ESTATE_LINES] = "lines", [ESTATE_REF] = "reference", [ESTATE_DATE] = "date", [ESTATE_COUNT] = "count", [ESTATE_FLAG] = "flag", [ESTATE_CHOICE] = "choice",
		[ESTATE_UUID] = "uuid", [ESTATE_KEY] = "key", [ESTATE_SETUP] = "setup-key", [ESTATE_PARTIAL] = "partial"
	};

	return words[f->type];
}

/* "a|b|c" as an array; NULL: none. */
static json_t *words_json(const char *text)
{
	json_t *list = json_array();

	for (const char *p = text; p != NULL && *p != '\0'; p += strcspn(p, "|") + (p[strcspn(p, "|")] == '|'))
		(void)json_array_append_new(list, json_stringn(p, strcspn(p, "|")));
	return list;
}

static json_t *field_json(const struct estate_field *f)
{
	return json_pack("{s:s, s:s, s:b, s:b, s:o, s:s?, s:o, s:s, s:o, s:s}", "name", f->name, "type", type_word(f), "required", f->required, "list", f->list,
		"max", f->max > 0 ? json_integer((json_int_t)f->max) : json_null(), "of", f->type == ESTATE_REF ? f->of : NULL,
		"choices", f->type == ESTATE_CHOICE ? words_json(f->of) : json_null(), "heading", f->heading, "synonyms", words_json(f->synonyms), "doc", f->doc);
}

int admin_estate_kinds(struct admin_call *c, json_t **out, struct muster_err *err)
{
	json_t *items = json_array(), *fields;
	const struct estate_kind *kinds;
	size_t n;

	(void)c;
	kinds = estate_kinds(&n);
	for (size_t i = 0; i < n; i++) {
		fields = json_array();
		for (size_t k = 0; k < kinds[i].field_count; k++)
			(void)json_array_append_new(fields, field_json(&kinds[i].fields[k]));
		(void)json_array_append_new(items, json_pack("{s:s, s:s, s:o}", "kind", kinds[i].name, "plural", kinds[i].plural, "fields", fields));
	}
	*out = json_pack("{s:o, s:n}", "items", items, "next");
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

/* ---- entries ---- */

static int kind_of(struct admin_call *c, const struct estate_kind **out, struct muster_err *err)
{
	*out = estate_kind_find(c->part);
	if (*out != NULL)
		return MUSTER_OK;
	return err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NO_PATH, "there are no entries of a kind \"%s\"; GET /admin/v1/estate/kinds tells which there are", c->part);
}

struct given { json_t *filter; unsigned n; };

static enum MHD_Result note_argument(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct given *g = ctx;

	(void)kind;
	if (strcmp(name, "after") == 0 || strcmp(name, "limit") == 0)
		return MHD_YES;
	g->n++;
	(void)json_object_set_new(g->filter, name, json_string(value != NULL ? value : ""));
	return MHD_YES;
}

int admin_estate_list(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct given g = { .n = 0 };
	const struct estate_kind *k;
	int64_t limit;
	int r;

	if ((r = kind_of(c, &k, err)) != MUSTER_OK || (r = admin_query_number(c, "limit", 1, STORE_PAGE_MAX, LIMIT_DEFAULT, &limit, err)) != MUSTER_OK)
		return r;
	if ((g.filter = json_object()) == NULL)
		return err_nomem(err);
	(void)MHD_get_connection_values(c->mhd, MHD_GET_ARGUMENT_KIND, note_argument, &g);
	if (g.n > FILTERS_MAX)
		r = err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "more than %d filters", FILTERS_MAX);
	else if (json_object_size(g.filter) != g.n)
		r = err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "a filter is given twice, or is no UTF-8 text");
	else
		r = estate_list(c->service->estate, k, g.filter, admin_query(c, "after"), (size_t)limit, out, err);
	json_decref(g.filter);
	return r;
}

int admin_estate_get(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct estate_kind *k;
	int r;

	if ((r = kind_of(c, &k, err)) != MUSTER_OK)
		return r;
	return estate_get(c->service->estate, k, c->rest, out, err);
}

/* A key that was sent is wiped wherever it may stand. */
static int put(struct admin_call *c, bool add, json_t **out, struct muster_err *err)
{
	json_t *entry = json_object_get(c->body, "entry");
	const struct estate_kind *k;
	const char *id;
	int r;

	if ((r = kind_of(c, &k, err)) == MUSTER_OK && (r = admin_text(c, "id", ESTATE_TEXT_ID_MAX, !add, &id, err)) == MUSTER_OK)
		r = estate_put(c->service->estate, c->peer.actor, k, id, add, entry, out, err);
	estate_entry_wipe(entry);
	return r;
}

int admin_estate_add(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return put(c, true, out, err);
}

int admin_estate_change(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return put(c, false, out, err);
}

int admin_estate_remove(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const struct estate_kind *k;
	const char *id;
	int r;

	if ((r = kind_of(c, &k, err)) != MUSTER_OK || (r = admin_text(c, "id", ESTATE_TEXT_ID_MAX, true, &id, err)) != MUSTER_OK)
		return r;
	return estate_remove(c->service->estate, c->peer.actor, k, id, out, err);
}

/* ---- whole keys ---- */

int admin_estate_whole(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *id;
	int r;

	if ((r = admin_text(c, "id", ESTATE_TEXT_ID_MAX, true, &id, err)) != MUSTER_OK)
		return r;
	return estate_key_whole(c->service->estate, c->peer.actor, id, out, err);
}

int admin_estate_exported(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *type;
	int r;

	if ((r = admin_text(c, "type", 16, true, &type, err)) != MUSTER_OK || (r = estate_exported(c->service->estate, c->peer.actor, type, err)) != MUSTER_OK)
		return r;
	*out = json_pack("{s:s}", "type", type);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}
