/* Rows of delimited text. libcsv takes lines apart; what it keeps of them may be product keys, so it is wiped. */
#include "core/exchange/table.h"

#include "core/base/err.h"
#include "core/base/mem.h"

static void begin(struct table_rows *r)
{
	char separator = (char)r->csv.delim_char;

	(void)csv_init(&r->csv, 0);
	csv_set_delim(&r->csv, (unsigned char)separator);
	csv_set_realloc_func(&r->csv, mem_wipe_realloc);
	csv_set_free_func(&r->csv, mem_wipe_free);
}

int table_rows_init(struct table_rows *r, char separator, struct muster_err *err)
{
	*r = (struct table_rows){ .csv = { .delim_char = (unsigned char)separator } };
	/* a line of one cell after another has a zero byte for each separator */
	buf_init(&r->cells, EXCHANGE_LINE_MAX + TABLE_ROW_LINES);
	begin(r);
	buf_addc(&r->cells, '\0');
	return r->cells.failed ? err_nomem(err) : MUSTER_OK;
}

void table_rows_fini(struct table_rows *r)
{
	csv_free(&r->csv);
	buf_cleanse(&r->cells);
}

static void cell(void *p, size_t n, void *ctx)
{
	struct table_rows *r = ctx;

	if (r->n < EXCHANGE_FIELDS_MAX) {
		r->at[r->n] = r->cells.n;
		buf_add(&r->cells, p, n);
		buf_addc(&r->cells, '\0');
	}
	r->n++;
}

static void row(int c, void *ctx)
{
	struct table_rows *r = ctx;

	(void)c;
	r->ended = true;
}

static void clear(struct table_rows *r)
{
	buf_clear(&r->cells);
	r->n = r->lines = 0;
	r->ended = false;
}

void table_rows_line(struct table_rows *r, const char *p, size_t n)
{
	if (r->ended)
		clear(r);
	if (n > 0 && csv_parse(&r->csv, p, n, cell, row, r) != n)
		r->cells.failed = true;
	if (!r->ended && csv_parse(&r->csv, "\n", 1, cell, row, r) != 1)
		r->cells.failed = true;
	r->lines += table_rows_open(r) || r->ended;
}

void table_rows_end(struct table_rows *r)
{
	if (r->ended)
		clear(r);
	else if (csv_fini(&r->csv, cell, row, r) != 0)
		r->cells.failed = true;
}

void table_rows_drop(struct table_rows *r)
{
	csv_free(&r->csv);
	begin(r);
	clear(r);
}

bool table_rows_open(const struct table_rows *r)
{
	return !r->ended && r->csv.pstate != 0;
}

const char *table_rows_fault(const struct table_rows *r)
{
	if (r->n > EXCHANGE_FIELDS_MAX)
		return "more than 512 cells";
	if (r->cells.failed || r->csv.entry_pos > EXCHANGE_LINE_MAX)
		return "more than a megabyte of text";
	if (!r->ended && r->lines >= TABLE_ROW_LINES)
		return "a quotation mark that is not closed within 128 lines";
	return NULL;
}

size_t table_rows_count(const struct table_rows *r)
{
	return r->n < EXCHANGE_FIELDS_MAX ? r->n : EXCHANGE_FIELDS_MAX;
}

char *table_rows_cell(struct table_rows *r, size_t i)
{
	return (char *)r->cells.p + r->at[i];
}
