/* Observed machines and events, as they are asked for. */
#include "core/estate/observed.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"

#define LOOK_MAX 20000      /* rows one page looks at: what a filter leaves out is looked at too, and the next page goes on behind it */
#define CHUNK 1000
#define NAMES_MAX 1000      /* names told of one client */

/* ---- places in the list ---- */

static char *place_text(const struct observed_machine *m)
{
	char client[UUID_TEXT], activation[UUID_TEXT];

	uuid_format(client, m->client);
	uuid_format(activation, m->activation);
	return mem_printf("%s:%s:%s", client, activation, m->host);
}

static int place_read(struct observed_machine *out, const char *text, struct muster_err *err)
{
	size_t n = strlen(text);

	memset(out, 0, sizeof *out);
	if (n < 74 || text[36] != ':' || text[73] != ':' || n - 74 >= sizeof out->host || uuid_parse(out->client, text, 36) != MUSTER_OK || uuid_parse(out->activation, text + 37, 36) != MUSTER_OK)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "after is not what an earlier answer said as `next`");
	memcpy(out->host, text + 74, n - 74 + 1);
	return MUSTER_OK;
}

/* ---- what is asked for ---- */

struct asked {
	const char *product, *host, *text;
	bool clone;
	json_t *words;                     /* of text, in lower case */
};

static int asked_text(const json_t *filter, const char *name, const char **out, struct muster_err *err)
{
	const json_t *v = json_object_get(filter, name);

	*out = NULL;
	if (v == NULL || json_is_null(v))
		return MUSTER_OK;
	if (!json_is_string(v) || json_string_length(v) >= STORE_NAME_MAX)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s must be a string of at most 255 bytes", name);
	*out = json_string_value(v);
	return MUSTER_OK;
}

static json_t *words_of(const char *text)
{
	json_t *words = json_array();
	char copy[STORE_NAME_MAX], *at = copy, *word, *rest = NULL;

	(void)snprintf(copy, sizeof copy, "%s", text);
	for (char *p = copy; *p != '\0'; p++)
		*p = (char)((unsigned char)*p < 0x80 ? tolower((unsigned char)*p) : *p);
	while ((word = strtok_r(at, " ", &rest)) != NULL) {
		(void)json_array_append_new(words, json_string(word));
		at = NULL;
	}
	return words;
}

static int asked_read(struct asked *out, const json_t *filter, struct muster_err *err)
{
	const json_t *clone = json_object_get(filter, "clone");
	int r;

	memset(out, 0, sizeof *out);
	if ((r = asked_text(filter, "product", &out->product, err)) != MUSTER_OK || (r = asked_text(filter, "host", &out->host, err)) != MUSTER_OK ||
	    (r = asked_text(filter, "text", &out->text, err)) != MUSTER_OK)
		return r;
	if (clone != NULL && !json_is_null(clone) && !json_is_boolean(clone))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "clone must be true or false");
	out->clone = json_is_true(clone);
	if (out->text != NULL)
		out->words = words_of(out->text);
	return MUSTER_OK;
}

/* ---- one machine ---- */

struct names { json_t *list; };

static int name_add(void *ctx, const struct observed_name *n)
{
	(void)json_array_append_new(((struct names *)ctx)->list, json_string(n->name));
	return 0;
}

static json_t *machine_findings(const struct observed_machine *m)
{
	json_t *list = json_array();

	if (m->clone)
		(void)json_array_append_new(list, json_string("clone"));
	if (m->shared)
		(void)json_array_append_new(list, json_string("names"));
	if ((m->said.flags & OBSERVED_RESULT) != 0 && m->said.result == OBSERVED_TIMESTAMP)
		(void)json_array_append_new(list, json_string("skew"));
	return list;
}

static json_t *machine_json(const struct observed_machine *m, const struct catalog *catalog, json_t *names)
{
	static const char *const by[] = { [OBSERVED_BY_UNKNOWN] = NULL, [OBSERVED_BY_HOST] = "host", [OBSERVED_BY_MAK] = "mak" };
	static const char *const maybe[] = { "result", "minimum_count", "virtual", "license_status", "minutes_left" };
	const struct catalog_edition *edition = observed_edition(catalog, m->activation);
	json_t *o = json_pack("{s:o, s:o, s:s?, s:s?, s:O, s:s?, s:o, s:o, s:I, s:s?, s:b, s:o}", "client_id", observed_uuid_json(m->client), "activation_id", observed_uuid_json(m->activation),
		"product", edition != NULL ? edition->product->row.name : NULL, "host", m->host[0] != '\0' ? m->host : NULL, "names", names, "name", m->name[0] != '\0' ? m->name : NULL,
		"first_seen", observed_time_json(m->first), "last_seen", observed_time_json(m->last), "requests", (json_int_t)m->requests,
		"by", m->by <= OBSERVED_BY_MAK ? by[m->by] : NULL, "clone", m->clone, "findings", machine_findings(m));

	if (o == NULL)
		return NULL;
	observed_said_json(o, &m->said);
	for (size_t i = 0; i < sizeof maybe / sizeof maybe[0]; i++)
		if (json_object_get(o, maybe[i]) == NULL)
			(void)json_object_set_new(o, maybe[i], json_null());
	return o;
}

/* ---- a page ---- */

struct page {
	const struct catalog *catalog;
	const struct asked *asked;
	struct observed_machine *rows; size_t n;   /* a chunk */
};

static int row_add(void *ctx, const struct observed_machine *m)
{
	struct page *p = ctx;

	p->rows[p->n++] = *m;
	return 0;
}

static bool holds(const char *text, const char *word)
{
	return text != NULL && strcasestr(text, word) != NULL;
}

static bool has_word(const struct observed_machine *m, const struct catalog_edition *edition, const json_t *names, const char *word)
{
	char client[UUID_TEXT], activation[UUID_TEXT];
	const json_t *name;
	size_t i;

	uuid_format(client, m->client);
	uuid_format(activation, m->activation);
	json_array_foreach(names, i, name)
		if (holds(json_string_value(name), word))
			return true;
	return holds(client, word) || holds(activation, word) || holds(m->host, word) ||
	       (edition != NULL && (holds(edition->product->row.name, word) || holds(edition->product->row.title, word) || holds(edition->title, word)));
}

static bool wanted_row(const struct page *p, const struct observed_machine *m)
{
	const struct catalog_edition *edition;

	if (p->asked->host != NULL && strcasecmp(p->asked->host, m->host) != 0)
		return false;
	if (p->asked->product == NULL)
		return true;
	edition = observed_edition(p->catalog, m->activation);
	return edition != NULL && strcmp(edition->product->row.name, p->asked->product) == 0;
}

static bool wanted_words(const struct page *p, const struct observed_machine *m, const json_t *names)
{
	const json_t *word;
	size_t i;

	json_array_foreach(p->asked->words, i, word)
		if (!has_word(m, observed_edition(p->catalog, m->activation), names, json_string_value(word)))
			return false;
	return true;
}

/* @return 1 taken, 0 not wanted, negative. */
static int take_row(struct store_observed *o, const struct page *p, const struct observed_machine *m, json_t *items, struct muster_err *err)
{
	struct names names;
	int r;

	if (!wanted_row(p, m))
		return 0;
	if ((names.list = json_array()) == NULL)
		return err_nomem(err);
	r = observed_store_names(o, m->client, NAMES_MAX, name_add, &names, err);
	if (r == MUSTER_OK && wanted_words(p, m, names.list))
		r = json_array_append_new(items, machine_json(m, p->catalog, names.list)) == 0 ? 1 : err_nomem(err);
	json_decref(names.list);
	return r;
}

/* Rows in order until @p limit are taken, or enough were looked at. @param[out] next the last one looked at, when there may be more. */
static int fill(struct store_observed *o, struct page *p, struct observed_machine *place, bool from_start, size_t limit, json_t *items, bool *more, struct muster_err *err)
{
	size_t looked = 0, taken = 0;
	int r;

	*more = false;
	do {
		p->n = 0;
		if ((r = observed_store_machines(o, from_start ? NULL : place, p->asked->clone, CHUNK, row_add, p, err)) != MUSTER_OK)
			return r;
		for (size_t i = 0; i < p->n; i++, looked++) {
			if (taken == limit) {
				*more = true;
				return MUSTER_OK;
			}
			if ((r = take_row(o, p, &p->rows[i], items, err)) < 0)
				return r;
			taken += (size_t)r;
			*place = p->rows[i];
			from_start = false;
		}
	} while (p->n == CHUNK && looked < LOOK_MAX);
	*more = p->n == CHUNK;
	return MUSTER_OK;
}

int estate_machines(struct estate *e, const json_t *filter, const char *after, size_t limit, json_t **out, struct muster_err *err)
{
	struct catalog *catalog = estate_catalog(e);
	struct observed_machine place = { 0 };
	struct asked asked = { 0 };
	struct page page = { .catalog = catalog, .asked = &asked };
	struct store_observed *reader;
	json_t *items = json_array();
	char *next = NULL;
	bool more = false;
	int r;

	*out = NULL;
	if ((r = asked_read(&asked, filter, err)) != MUSTER_OK || (after != NULL && (r = place_read(&place, after, err)) != MUSTER_OK))
		goto done;
	if (asked.product != NULL && (catalog == NULL || catalog_product_named(catalog, asked.product) == NULL)) {
		r = err_code(err, MUSTER_E_NOT_FOUND, CODE_M_NOT_FOUND, "there is no product \"%s\"; `musterctl products` lists them", asked.product);
		goto done;
	}
	if (items == NULL || (page.rows = mem_array(CHUNK, sizeof *page.rows)) == NULL) {
		r = err_nomem(err);
		goto done;
	}
	if ((reader = observed_reader(e, err)) == NULL) {
		r = err != NULL ? err->result : MUSTER_E_IO;
		goto done;
	}
	r = fill(reader, &page, &place, after == NULL, limit, items, &more, err);
	observed_reader_done(e);
	if (r == MUSTER_OK && ((more && (next = place_text(&place)) == NULL) || (*out = json_pack("{s:O, s:s?}", "items", items, "next", next)) == NULL))
		r = err_nomem(err);
done:
	mem_free(next);
	mem_free(page.rows);
	json_decref(asked.words);
	json_decref(items);
	catalog_unref(catalog);
	return r;
}

/* ---- events ---- */

struct events { json_t *items; const struct catalog *catalog; int64_t at, seq; size_t limit; bool more; };

static int event_add(void *ctx, const struct observed_event *event)
{
	struct events *x = ctx;

	if (json_array_size(x->items) == x->limit) {
		x->more = true;
		return 1;
	}
	(void)json_array_append_new(x->items, observed_event_json(event, x->catalog));
	x->at = observed_at(event);
	x->seq = event->seq;
	return 0;
}

static int event_place(const char *after, int64_t *at, int64_t *seq, struct muster_err *err)
{
	char *end;

	*at = strtoll(after, &end, 10);
	if (end != after && *end == ':') {
		const char *second = end + 1;

		*seq = strtoll(second, &end, 10);
		if (end != second && *end == '\0')
			return MUSTER_OK;
	}
	return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "after is not what an earlier answer said as `next`");
}

int estate_events(struct estate *e, const char *after, size_t limit, json_t **out, struct muster_err *err)
{
	struct events x = { .at = INT64_MIN, .seq = INT64_MIN, .limit = limit };
	struct store_observed *reader;
	struct catalog *catalog;
	char next[48];
	int r;

	*out = NULL;
	if (after != NULL && (r = event_place(after, &x.at, &x.seq, err)) != MUSTER_OK)
		return r;
	catalog = estate_catalog(e);
	x.catalog = catalog;
	if ((x.items = json_array()) == NULL) {
		r = err_nomem(err);
	} else if ((reader = observed_reader(e, err)) == NULL) {
		r = err != NULL ? err->result : MUSTER_E_IO;
	} else {
		r = observed_store_events(reader, x.at, x.seq, limit + 1, event_add, &x, err);
		observed_reader_done(e);
	}
	(void)snprintf(next, sizeof next, "%lld:%lld", (long long)x.at, (long long)x.seq);
	if (r == MUSTER_OK && (*out = json_pack("{s:O, s:s?}", "items", x.items, "next", x.more ? next : NULL)) == NULL)
		r = err_nomem(err);
	json_decref(x.items);
	catalog_unref(catalog);
	return r;
}
