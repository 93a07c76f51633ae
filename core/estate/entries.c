/* Entries: pages of them, and acts of administrators. */
#include "core/estate/listings.h"
#include "core/estate/view.h"

#include <stdio.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/uuid.h"

/* ---- pages ---- */

/* One page in the making: stored entries, and what is listed beside them, in the order of IDs. */
struct page {
	struct view v;
	const struct estate_kind *k;
	struct filter *filter;
	const char *after;
	size_t limit, next_own;
	json_t *own;                         /* listed although they are no entries; in the order of IDs */
	json_t *items;
	bool more;
	struct muster_err *err; int r;
};

static const char *id_of(const json_t *item)
{
	return json_string_value(json_object_get(item, "id"));
}

/* @p item is a new reference. @return whether the page goes on. */
static bool page_add(struct page *p, json_t *item)
{
	if (p->filter != NULL && !filter_takes(p->filter, item)) {
		json_decref(item);
		return true;
	}
	if (json_array_size(p->items) == p->limit) {
		json_decref(item);
		p->more = true;
		return false;
	}
	if (json_array_append_new(p->items, item) != 0)
		p->r = err_nomem(p->err);
	return p->r == MUSTER_OK;
}

/* A key of this host that is in the books is listed as entry. */
static bool own_listed(struct page *p, const json_t *own)
{
	bool has = false;

	if (strcmp(p->k->name, "key") == 0)
		p->r = view_has_partial(p->v.e, json_string_value(json_object_get(own, "partial")), &has, p->err);
	return p->r == MUSTER_OK && !has;
}

/* What comes before @p id, NULL: all that is left. @return whether the page goes on. */
static bool page_own(struct page *p, const char *id)
{
	bool on = true;

	while (on && p->next_own < json_array_size(p->own)) {
		json_t *own = json_array_get(p->own, p->next_own);

		if (id != NULL && strcmp(id_of(own), id) >= 0)
			break;
		p->next_own++;
		if ((p->after == NULL || strcmp(id_of(own), p->after) > 0) && own_listed(p, own))
			on = page_add(p, json_incref(own));
		on = on && p->r == MUSTER_OK;
	}
	return on;
}

static int page_entry(void *ctx, const char *id, const json_t *entry)
{
	struct page *p = ctx;
	json_t *item;

	if (!page_own(p, id))
		return 1;
	if ((p->r = view_item(&p->v, p->k, id, entry, &item, p->err)) != MUSTER_OK)
		return 1;
	return !page_add(p, item);
}

/* Keys of this host, sorted as text; its products come sorted. */
static int own_of(struct page *p)
{
	json_t *x;
	size_t i, j;
	int r = MUSTER_OK;

	if (strcmp(p->k->name, "product") == 0)
		return view_products(&p->v, &p->own, p->err);
	if ((p->own = json_array()) == NULL)
		return err_nomem(p->err);
	if (strcmp(p->k->name, "key") != 0)
		return MUSTER_OK;
	json_array_foreach(p->v.installed, i, x) {
		for (j = 0; j < json_array_size(p->own) && strcmp(id_of(json_array_get(p->own, j)), id_of(x)) < 0; j++)
			;
		if (json_array_insert(p->own, j, x) != 0)
			r = err_nomem(p->err);
	}
	return r;
}

int estate_list(struct estate *e, const struct estate_kind *k, const json_t *filter, const char *after, size_t limit, json_t **out, struct muster_err *err)
{
	struct page p = { .k = k, .after = after, .limit = limit, .items = json_array(), .err = err };
	int r;

	*out = NULL;
	if (p.items == NULL)
		return err_nomem(err);
	if ((r = view_init(&p.v, e, k, err)) != MUSTER_OK || (filter != NULL && json_object_size(filter) > 0 && (r = filter_new(&p.filter, e, k, filter, err)) != MUSTER_OK) ||
	    (r = own_of(&p)) != MUSTER_OK)
		goto done;
	if ((r = entry_scan(e, k, after, NULL, page_entry, &p, err)) == MUSTER_OK && p.r == MUSTER_OK && !p.more)
		(void)page_own(&p, NULL);
	if (r == MUSTER_OK && (r = p.r) == MUSTER_OK) {
		*out = json_pack("{s:O, s:o}", "items", p.items, "next", p.more ? json_string(id_of(json_array_get(p.items, json_array_size(p.items) - 1))) : json_null());
		r = *out != NULL ? MUSTER_OK : err_nomem(err);
	}
done:
	filter_free(p.filter);
	view_fini(&p.v);
	json_decref(p.own);
	json_decref(p.items);
	return r;
}

/* ---- acts ---- */

static int show(struct estate *e, const struct estate_kind *k, const char *id, json_t **out, struct muster_err *err)
{
	json_t *entry = NULL;
	struct view v;
	int r;

	if ((r = view_init(&v, e, k, err)) == MUSTER_OK && (r = entry_read(e, k, id, &entry, err)) == MUSTER_OK)
		r = view_item(&v, k, id, entry, out, err);
	json_decref(entry);
	view_fini(&v);
	return r;
}

/* What is listed and is no entry. */
static int check_own(const struct estate_kind *k, const char *id, struct muster_err *err)
{
	if (id != NULL && strcmp(k->name, "key") == 0 && view_is_installed(id))
		return err_code(err, MUSTER_E_REFUSED, CODE_M_ARGUMENT, "%.80s is a key that this host uses itself: musterctl ipk installs such, musterctl upk removes them", id);
	if (id != NULL && strcmp(k->name, "product") == 0 && strncmp(id, "host:", 5) == 0)
		return err_code(err, MUSTER_E_REFUSED, CODE_M_ARGUMENT, "%.80s is a product of this host's plugins and files. To note something of it add one to the catalogue that serves it: "
		                "musterctl catalogue add --set name=... --set serves=%.60s", id, id + 5);
	return MUSTER_OK;
}

int estate_put(struct estate *e, const char *actor, const struct estate_kind *k, const char *id, bool add, const json_t *entry, json_t **out, struct muster_err *err)
{
	char found[ESTATE_ID_MAX + 1], object[128], detail[320], says[256];
	enum stage_became became = STAGE_SAME;
	struct stage *s = NULL;
	int r;

	*out = NULL;
	if (!json_is_object(entry))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "entry is missing, or is not an object");
	if ((r = check_own(k, id, err)) != MUSTER_OK)
		return r;
	pthread_mutex_lock(&e->acts);
	if ((r = stage_new(&s, e, actor, err)) == MUSTER_OK && (r = stage_act(s, k, id, add, entry, found, &became, err)) == MUSTER_OK &&
	    (became == STAGE_NEW || became == STAGE_CHANGED)) {
		(void)snprintf(object, sizeof object, "%s %s", k->name, found);
		(void)snprintf(detail, sizeof detail, "%s: %s", add ? "added" : "changed", stage_says(s, says, sizeof says));
		r = stage_commit_held(s, add ? ESTATE_J_ADD : ESTATE_J_CHANGE, object, detail, err);
	}
	pthread_mutex_unlock(&e->acts);
	stage_free(s);
	return r == MUSTER_OK ? show(e, k, found, out, err) : r;
}

/* ---- removing ---- */

#define REFERRERS_SAID 5

struct referrers { const struct estate_kind *k, *of; const char *id; char said[REFERRERS_SAID * (ESTATE_ID_MAX + 16)]; size_t n; };

static bool refers(const json_t *v, const char *id)
{
	const json_t *x;
	size_t i;

	if (json_is_string(v))
		return strcmp(json_string_value(v), id) == 0;
	json_array_foreach(v, i, x)
		if (strcmp(json_string_value(x), id) == 0)
			return true;
	return false;
}

static int note_referrer(void *ctx, const char *id, const json_t *entry)
{
	struct referrers *t = ctx;
	size_t used = strlen(t->said);
	bool it = false;

	for (size_t i = 0; i < t->k->field_count; i++)
		it = it || (t->k->fields[i].type == ESTATE_REF && strcmp(t->k->fields[i].of, t->of->name) == 0 && refers(json_object_get(entry, t->k->fields[i].name), t->id));
	if (!it || (t->k == t->of && strcmp(id, t->id) == 0))
		return 0;
	if (t->n++ < REFERRERS_SAID)
		(void)snprintf(t->said + used, sizeof t->said - used, "%s%s %s", used > 0 ? ", " : "", t->k->name, id);
	return 0;
}

static int check_unreferred(struct estate *e, const struct estate_kind *k, const char *id, struct muster_err *err)
{
	struct referrers t = { .of = k, .id = id };
	const struct estate_kind *kinds;
	char needle[ESTATE_ID_MAX + 3];
	size_t n;
	int r = MUSTER_OK;

	(void)snprintf(needle, sizeof needle, "\"%s\"", id);
	kinds = estate_kinds(&n);
	for (size_t i = 0; r == MUSTER_OK && i < n; i++) {
		t.k = &kinds[i];
		r = entry_scan(e, t.k, NULL, needle, note_referrer, &t, err);
	}
	if (r != MUSTER_OK || t.n == 0)
		return r;
	return err_code(err, MUSTER_E_REFUSED, CODE_M_ARGUMENT, "the %s %s is referred to by %zu other%s (%s%s): change or remove these first", k->name, id, t.n, t.n > 1 ? "s" : "", t.said,
	                t.n > REFERRERS_SAID ? ", ..." : "");
}

/* What is kept beside an entry of this kind goes with it. */
static int remove_beside(struct stage *s, struct estate *e, const struct estate_kind *k, const char *id, struct muster_err *err)
{
	json_t *entry = NULL;
	const char *host, *text;
	uint8_t activation_id[16];
	int r;

	if (strcmp(k->name, "host") != 0)
		return MUSTER_OK;
	if ((r = entry_read(e, k, id, &entry, err)) != MUSTER_OK)
		return r;
	host = json_string_value(json_object_get(entry, "host"));
	text = json_string_value(json_object_get(entry, "activation_id"));
	if (host != NULL && text != NULL && uuid_parse(activation_id, text, strlen(text)) == MUSTER_OK)
		r = listing_history_forget(s, e, host, activation_id, err);
	json_decref(entry);
	return r;
}

int estate_remove(struct estate *e, const char *actor, const struct estate_kind *k, const char *id, json_t **out, struct muster_err *err)
{
	char found[ESTATE_ID_MAX + 1], object[128];
	struct stage *s = NULL;
	int r;

	*out = NULL;
	if ((r = check_own(k, id, err)) != MUSTER_OK)
		return r;
	pthread_mutex_lock(&e->acts);
	if ((r = stage_new(&s, e, actor, err)) == MUSTER_OK && (r = stage_find(s, k, id, found, err)) == MUSTER_OK && (r = check_unreferred(e, k, found, err)) == MUSTER_OK &&
	    (r = remove_beside(s, e, k, found, err)) == MUSTER_OK && (r = stage_remove(s, k, found, err)) == MUSTER_OK) {
		(void)snprintf(object, sizeof object, "%s %s", k->name, found);
		r = stage_commit_held(s, ESTATE_J_REMOVE, object, "removed", err);
	}
	pthread_mutex_unlock(&e->acts);
	stage_free(s);
	if (r != MUSTER_OK)
		return r;
	*out = json_pack("{s:s, s:o}", "id", found, "message", json_sprintf("Removed the %s %s.", k->name, found));
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}
