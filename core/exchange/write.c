/* Writers: rows as delimited text or as one JSON object a line (record.h has the form). */
#include "core/exchange/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/buf.h"
#include "core/base/err.h"

#define CELL_MAX (4u << 20)   /* a list of 256 texts of 4,000 bytes, every one escaped, is below */

static int written(FILE *out, struct muster_err *err)
{
	return ferror(out) ? err_errno(err, errno, "writing the export") : MUSTER_OK;
}

/* One line of JSON; keys may stand in it, so the text does not stay in memory. */
static int write_json(FILE *out, const json_t *o, struct muster_err *err)
{
	char *text = json_dumps(o, JSON_COMPACT);

	if (text == NULL)
		return err_nomem(err);
	fputs(text, out);
	fputc('\n', out);
	OPENSSL_cleanse(text, strlen(text));
	free(text);
	return written(out, err);
}

static bool is_empty(const json_t *v)
{
	return v == NULL || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0) || (json_is_array(v) && json_array_size(v) == 0);
}

/* ---- delimited text ---- */

static void add_item(struct buf *cell, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == ',' || *text == '\\')
			buf_addc(cell, '\\');
		buf_addc(cell, *text);
	}
}

static int add_value(struct buf *cell, const struct exchange_column *c, const json_t *v, bool in_list, struct muster_err *err)
{
	if (json_is_string(v)) {
		if (in_list)
			add_item(cell, json_string_value(v));
		else
			buf_addf(cell, "%s%s", exchange_to_mark(json_string_value(v)) ? "'" : "", json_string_value(v));
	} else if (json_is_integer(v)) {
		buf_addf(cell, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	} else if (json_is_boolean(v)) {
		buf_adds(cell, json_is_true(v) ? "yes" : "no");
	} else {
		return err_set(err, MUSTER_E_INVALID, "%s: neither a text nor a number nor a list of these, and so nothing for a cell", c->member);
	}
	return MUSTER_OK;
}

static int add_list(struct buf *cell, const struct exchange_column *c, const json_t *list, struct muster_err *err)
{
	struct buf items;
	const json_t *v;
	size_t i;
	int r = MUSTER_OK;

	buf_init(&items, CELL_MAX);
	json_array_foreach(list, i, v) {
		if (i > 0)
			buf_addc(&items, ',');
		if ((r = add_value(&items, c, v, true, err)) != MUSTER_OK)
			break;
	}
	buf_addf(cell, "%s%s", exchange_to_mark(buf_str(&items)) ? "'" : "", buf_str(&items));
	if (r == MUSTER_OK && items.failed)
		r = err_nomem(err);
	buf_fini(&items);
	return r;
}

static void write_cell(FILE *out, char separator, const char *text)
{
	const char special[] = { separator, '"', '\n', '\r', '\0' };
	size_t n = strlen(text);

	if (strcspn(text, special) == n && (n == 0 || (strchr(" \t", text[0]) == NULL && strchr(" \t", text[n - 1]) == NULL))) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static char separator(enum exchange_format f)
{
	return f == EXCHANGE_TSV ? '\t' : ',';
}

static int write_delimited(FILE *out, enum exchange_format f, const struct exchange_column *columns, size_t n, const json_t *row, struct muster_err *err)
{
	struct buf cell;
	int r = MUSTER_OK;

	buf_init(&cell, CELL_MAX);
	for (size_t i = 0; r == MUSTER_OK && i < n; i++) {
		const json_t *v = json_object_get(row, columns[i].member);

		buf_clear(&cell);
		if (i > 0)
			fputc(separator(f), out);
		if (is_empty(v))
			continue;
		r = json_is_array(v) ? add_list(&cell, &columns[i], v, err) : add_value(&cell, &columns[i], v, false, err);
		if (r == MUSTER_OK && cell.failed)
			r = err_nomem(err);
		if (r == MUSTER_OK)
			write_cell(out, separator(f), buf_str(&cell));
	}
	fputc('\n', out);
	buf_cleanse(&cell);
	return r != MUSTER_OK ? r : written(out, err);
}

/* ---- both ---- */

int exchange_write_begin(FILE *out, enum exchange_format f, const struct exchange_column *columns, size_t n, const json_t *header, struct muster_err *err)
{
	if (f == EXCHANGE_JSON)
		return header != NULL ? write_json(out, header, err) : MUSTER_OK;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			fputc(separator(f), out);
		write_cell(out, separator(f), columns[i].heading);
	}
	fputc('\n', out);
	return written(out, err);
}

int exchange_write_row(FILE *out, enum exchange_format f, const struct exchange_column *columns, size_t n, const json_t *row, struct muster_err *err)
{
	json_t *o;
	int r;

	if (f != EXCHANGE_JSON)
		return write_delimited(out, f, columns, n, row, err);
	if (columns == NULL)
		return write_json(out, row, err);
	if ((o = json_object()) == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		json_t *v = json_object_get(row, columns[i].member);

		if (!is_empty(v) && json_object_set(o, columns[i].member, v) != 0) {
			json_decref(o);
			return err_nomem(err);
		}
	}
	r = write_json(out, o, err);
	json_decref(o);
	return r;
}
