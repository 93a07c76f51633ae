#include "core/cli/export.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/cli/estate.h"
#include "core/cli/list.h"
#include "core/cli/out_file.h"
#include "core/cli/term.h"

#define FORM_VERSION 1

struct export_out {
	struct cli *c;
	enum exchange_type type;
	enum exchange_format format;
	bool drawn;                        /* --format table */
	struct exchange_mask *mask;        /* --anonymise */
	struct exchange_column columns[EXCHANGE_COLUMNS_MAX];
	size_t column_count;
	FILE *to;
	struct out_file file;              /* --out FILE */
	uint64_t rows;
	char *host;
	bool begun;                        /* the first line is written: with the first row, or at the end of none, so that what fails at once prints nothing */
	struct list list;                  /* drawn */
	struct table_column titles[EXCHANGE_COLUMNS_MAX];
};

/* ---- form ---- */

static int choose_format(struct export_out *o)
{
	struct cli *c = o->c;
	const char *f = c->given[CLI_O_FORMAT] ? c->value[CLI_O_FORMAT] : c->given[CLI_O_JSON] ? "json" : "csv";

	if (c->given[CLI_O_FORMAT] && c->given[CLI_O_JSON] && strcasecmp(f, "json") != 0)
		return cli_say(c, CLI_USAGE, "either --json or --format %s", f);
	if (strcasecmp(f, "json") == 0)
		o->format = EXCHANGE_JSON;
	else if (strcasecmp(f, "csv") == 0)
		o->format = o->type == EXCHANGE_KEYS ? EXCHANGE_TSV : EXCHANGE_CSV;   /* the portal's own .csv is separated by tabs */
	else if (strcasecmp(f, "table") == 0)
		o->drawn = true;
	else
		return cli_say(c, CLI_USAGE, "--format: \"%s\" is not csv, json or table", f);
	return CLI_OK;
}

/* A whole key has a column only where it was asked for; in books the column is also a request's reference. */
static void choose_columns(struct export_out *o)
{
	size_t n = exchange_columns(o->type, o->columns);

	for (size_t i = 0; i < n; i++)
		if (o->type != EXCHANGE_KEYS || strcmp(o->columns[i].member, "key") != 0 || o->c->given[CLI_O_WITH_KEYS])
			o->columns[o->column_count++] = o->columns[i];
}

static void table_row_of(const void *of, struct libscols_table *t, const json_t *row)
{
	const struct export_out *o = of;
	const char *cells[EXCHANGE_COLUMNS_MAX];
	struct buf text[EXCHANGE_COLUMNS_MAX];
	const json_t *v, *x;
	size_t i;

	for (size_t n = 0; n < o->column_count; n++) {
		buf_init(&text[n], ESTATE_ENTRY_MAX);
		v = json_object_get(row, o->columns[n].member);
		if (json_is_string(v))
			buf_adds(&text[n], json_string_value(v));
		else if (json_is_integer(v))
			buf_addf(&text[n], "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		else if (json_is_boolean(v))
			buf_adds(&text[n], json_is_true(v) ? "yes" : "no");
		json_array_foreach(v, i, x)
			buf_addf(&text[n], "%s%s", i > 0 ? ", " : "", json_string_value(x) != NULL ? json_string_value(x) : "");
		cells[n] = buf_str(&text[n]);
	}
	table_row(t, cells, o->column_count);
	for (size_t n = 0; n < o->column_count; n++)
		buf_cleanse(&text[n]);
}

/* ---- where to ---- */

static int open_file(struct export_out *o, const char *path, bool secret)
{
	char question[1024];
	struct stat st;
	int r;

	(void)snprintf(question, sizeof(question), "%.900s is there already. Replace it?", path);
	if (lstat(path, &st) == 0 && !cli_confirm(o->c, question))
		return CLI_USAGE;
	if ((r = out_file_open(&o->file, o->c, path, secret)) == CLI_OK)
		o->to = o->file.to;
	return r;
}

static int write_head(struct export_out *o)
{
	char at[TIME_RFC3339];
	struct muster_err err;
	json_t *header;
	int r;

	if (o->begun)
		return CLI_OK;
	o->begun = true;
	if (o->drawn) {
		for (size_t i = 0; i < o->column_count; i++)
			o->titles[i] = (struct table_column){ o->columns[i].heading, o->columns[i].cell == EXCHANGE_CELL_NUMBER };
		o->list = (struct list){ .c = o->c, .columns = o->titles, .column_count = o->column_count, .row_of = table_row_of, .of = o };
		return CLI_OK;
	}
	time_rfc3339(at, clock_wall_ms(clock_system()));
	header = json_pack("{s:s, s:i, s:s, s:s}", "export", exchange_type_name(o->type), "version", FORM_VERSION, "host", o->host, "at", at);
	if (o->mask != NULL && header != NULL)
		(void)json_object_set_new(header, "anonymised", json_true());
	r = header == NULL ? err_nomem(&err) : o->mask != NULL ? exchange_mask_row(o->mask, header, &err) : MUSTER_OK;
	if (r == MUSTER_OK)
		r = exchange_write_begin(o->to, o->format, o->columns, o->column_count, header, &err);
	json_decref(header);
	return r == MUSTER_OK ? CLI_OK : cli_fail(o->c, &err);
}

int export_begin(struct export_out **out, struct cli *c, enum exchange_type type, const char *host, bool secret)
{
	struct export_out *o = mem_alloc(sizeof(*o));
	struct muster_err err;
	int r;

	*out = NULL;
	if (o == NULL)
		return cli_say(c, CLI_FAILED, "out of memory");
	o->c = c;
	o->type = type;
	o->to = c->out;
	if ((r = choose_format(o)) != CLI_OK)
		goto fail;
	choose_columns(o);
	if (c->given[CLI_O_ANONYMISE] && exchange_mask_new(&o->mask, &err) != MUSTER_OK) {
		r = cli_fail(c, &err);
		goto fail;
	}
	if (o->drawn && c->given[CLI_O_OUT]) {
		r = cli_say(c, CLI_USAGE, "a table is for the screen; --out takes csv or json");
		goto fail;
	}
	if ((o->host = mem_strdup(host)) == NULL) {
		r = cli_say(c, CLI_FAILED, "out of memory");
		goto fail;
	}
	if (c->given[CLI_O_OUT] && strcmp(c->value[CLI_O_OUT], "-") != 0 && (r = open_file(o, c->value[CLI_O_OUT], secret)) != CLI_OK)
		goto fail;
	*out = o;
	return CLI_OK;
fail:
	return export_end(o, r);
}

/* ---- rows ---- */

/* An entry as one row of columns. */
static json_t *flat(enum exchange_type type, const json_t *row)
{
	json_t *out = json_object(), *v;
	const char *name;

	json_object_foreach(json_object_get(row, "entry"), name, v)
		(void)json_object_set(out, type == EXCHANGE_BOOKS && strcmp(name, "kind") == 0 ? "key_kind" : name, v);
	if (type == EXCHANGE_BOOKS)
		(void)json_object_set(out, "kind", json_object_get(row, "kind"));
	(void)json_object_set(out, "id", json_object_get(row, "id"));
	return out;
}

static int write_row(struct export_out *o, json_t *row, struct muster_err *err)
{
	bool entry = json_is_object(json_object_get(row, "entry"));
	json_t *cells;
	int r;

	if (o->mask != NULL && (r = exchange_mask_row(o->mask, row, err)) != MUSTER_OK)
		return r;
	if (o->format == EXCHANGE_JSON && !o->drawn)
		return exchange_write_row(o->to, o->format, entry ? NULL : o->columns, o->column_count, row, err);
	cells = entry ? flat(o->type, row) : json_incref(row);
	if (cells == NULL)
		return err_nomem(err);
	if (o->drawn)
		r = list_take(&o->list, cells) == 0 ? MUSTER_OK : err_nomem(err);
	else
		r = exchange_write_row(o->to, o->format, o->columns, o->column_count, cells, err);
	json_decref(cells);
	return r;
}

int export_row(struct export_out *o, json_t *row)
{
	struct muster_err err;
	int r = out_file_left(&o->file);

	if (r == CLI_OK)
		r = write_head(o);
	if (r == CLI_OK && (row != NULL ? write_row(o, row, &err) : err_nomem(&err)) != MUSTER_OK)
		r = cli_fail(o->c, &err);
	json_decref(row);
	o->rows++;
	return r;
}

uint64_t export_rows(const struct export_out *o)
{
	return o->rows;
}

int export_end(struct export_out *o, int r)
{
	if (r == CLI_OK)
		r = write_head(o);
	if (o->drawn && r == CLI_OK) {
		if (o->list.table == NULL && o->list.pages == 0)
			o->list.table = table_new(o->c, o->titles, o->column_count, true);
		list_flush(&o->list);
		r = o->list.result;
	} else if (o->list.table != NULL) {
		scols_unref_table(o->list.table);
	}
	if (o->file.to != NULL && r == CLI_OK)
		r = out_file_commit(&o->file);
	out_file_close(&o->file);
	exchange_mask_free(o->mask);
	mem_free(o->host);
	mem_free(o);
	return r;
}

/* ---- sources ---- */

#define PAGE "1000"

struct export_source {
	struct cli *c;
	struct export_convert convert;
	char *path, *after;
	json_t *page;
	size_t next;
	bool last;       /* the page is the last one */
};

int export_source_new(struct export_source **out, struct cli *c, const char *path, struct export_convert convert)
{
	struct export_source *s = mem_alloc(sizeof(*s));

	*out = NULL;
	if (s == NULL || (s->path = mem_strdup(path)) == NULL) {
		mem_free(s);
		return cli_say(c, CLI_FAILED, "out of memory");
	}
	s->c = c;
	s->convert = convert;
	*out = s;
	return CLI_OK;
}

void export_source_free(struct export_source *s)
{
	if (s == NULL)
		return;
	json_decref(s->page);
	mem_free(s->after);
	mem_free(s->path);
	mem_free(s);
}

static int next_page(struct export_source *s)
{
	struct muster_err err;
	struct buf path;
	const char *next;
	int r = CLI_OK;

	json_decref(s->page);
	s->page = NULL;
	s->next = 0;
	buf_init(&path, ESTATE_PATH_MAX);
	buf_adds(&path, s->path);
	estate_query(&path, "limit", PAGE);
	if (s->after != NULL)
		estate_query(&path, "after", s->after);
	if (path.failed)
		r = cli_say(s->c, CLI_FAILED, "the host's mark of a place in its list is too long");
	else if (api_get(s->c, buf_str(&path), &s->page, &err) != MUSTER_OK)
		r = cli_fail(s->c, &err);
	buf_fini(&path);
	mem_free(s->after);
	s->after = NULL;
	next = json_string_value(json_object_get(s->page, "next"));
	s->last = next == NULL;
	if (next != NULL && (s->after = mem_strdup(next)) == NULL)
		r = cli_say(s->c, CLI_FAILED, "out of memory");
	return r;
}

int export_next(struct export_source *s, json_t **row)
{
	const json_t *items;
	int r;

	for (*row = NULL;;) {
		items = json_object_get(s->page, "items");
		while (s->next < json_array_size(items)) {
			if (s->convert.row(s->convert.ctx, json_array_get(items, s->next++), row) != 0)
				return cli_say(s->c, CLI_FAILED, "out of memory");
			if (*row != NULL)
				return CLI_OK;
		}
		if (s->page != NULL && s->last)
			return CLI_OK;
		if (term_interrupted())   /* rows that are not wanted reach no file */
			return cli_say(s->c, CLI_LEFT, "interrupted: nothing was written");
		if ((r = next_page(s)) != CLI_OK)
			return r;
	}
}
