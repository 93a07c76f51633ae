/* Writers of exports: what stands in a cell, what a spreadsheet must not calculate, one JSON object a line. */
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/estate/kinds.h"
#include "core/exchange/record.h"

static const struct exchange_column three[] = { { "a", "First", EXCHANGE_CELL_TEXT }, { "b", "Sec\tond", EXCHANGE_CELL_TEXT }, { "c", "Third", EXCHANGE_CELL_LIST } };

static json_t *json(const char *text)
{
	json_error_t why;
	json_t *v = json_loads(text, 0, &why);

	ck_assert_msg(v != NULL, "%s: %s", why.text, text);
	return v;
}

/* What is written for a row; the caller frees. */
static char *row(enum exchange_format f, const struct exchange_column *columns, size_t n, const char *text)
{
	struct muster_err err;
	char *p = NULL;
	size_t room;
	FILE *out = open_memstream(&p, &room);
	json_t *o = json(text);

	ck_assert_int_eq(exchange_write_row(out, f, columns, n, o, &err), MUSTER_OK);
	json_decref(o);
	fclose(out);
	return p;
}

static void is_row(enum exchange_format f, const char *text, const char *wanted)
{
	char *p = row(f, three, 3, text);

	ck_assert_str_eq(p, wanted);
	free(p);
}

START_TEST(test_write_cells)
{
	is_row(EXCHANGE_CSV, "{\"a\":\"x\",\"b\":\"y\",\"c\":[\"z\"],\"d\":\"no column\"}", "x,y,z\n");
	is_row(EXCHANGE_CSV, "{\"a\":null,\"b\":\"\",\"c\":[]}", ",,\n");
	is_row(EXCHANGE_CSV, "{}", ",,\n");
	is_row(EXCHANGE_CSV, "{\"a\":-1,\"b\":true,\"c\":false}", "-1,yes,no\n");
	is_row(EXCHANGE_CSV, "{\"a\":\"x,y\",\"b\":\"a \\\"b\\\"\",\"c\":\"1\\n2\"}", "\"x,y\",\"a \"\"b\"\"\",\"1\n2\"\n");
	is_row(EXCHANGE_TSV, "{\"a\":\"x,y\",\"b\":\"a\\tb\",\"c\":\"1\\r\\n2\"}", "x,y\t\"a\tb\"\t\"1\r\n2\"\n");
	is_row(EXCHANGE_CSV, "{\"a\":\" x\",\"b\":\"x \",\"c\":\"a\\tb\"}", "\" x\",\"x \",a\tb\n");
	is_row(EXCHANGE_CSV, "{\"a\":\"Grüße – 東京\"}", "Grüße – 東京,,\n");
}
END_TEST

/* Nothing that a spreadsheet calculates; what looks marked already stays what it is. */
START_TEST(test_write_formulas)
{
	is_row(EXCHANGE_CSV, "{\"a\":\"=1+1\",\"b\":\"+49\",\"c\":\"@x\"}", "'=1+1,'+49,'@x\n");
	is_row(EXCHANGE_CSV, "{\"a\":\"-x\",\"b\":\"\\tx\",\"c\":\"\\rx\"}", "'-x,'\tx,\"'\rx\"\n");
	is_row(EXCHANGE_CSV, "{\"a\":\"\xef\xbc\x9dx\",\"b\":\"\\n=x\",\"c\":\"'\xef\xbc\xa0\"}", "'\xef\xbc\x9dx,\"'\n=x\",''\xef\xbc\xa0\n");
	is_row(EXCHANGE_CSV, "{\"a\":\"'=x\",\"b\":\"''@\",\"c\":\"'x\"}", "''=x,'''@,'x\n");
	is_row(EXCHANGE_CSV, "{\"a\":\"a=b\",\"b\":\"'\",\"c\":[\"=a\",\"=b\"]}", "a=b,',\"'=a,=b\"\n");
}
END_TEST

START_TEST(test_write_lists)
{
	is_row(EXCHANGE_TSV, "{\"c\":[\"a\",\"b, c\",\"d\\\\e\"]}", "\t\ta,b\\, c,d\\\\e\n");
	is_row(EXCHANGE_TSV, "{\"c\":[1,true]}", "\t\t1,yes\n");
}
END_TEST

/* A value that is no cell is an error, not something silently left out. */
START_TEST(test_write_no_cell)
{
	static const char *const bad[] = { "{\"b\":{}}", "{\"b\":1.5}", "{\"b\":[[1]]}", "{\"b\":[{}]}" };
	struct muster_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *out = fopen("/dev/null", "w");
		json_t *o = json(strcmp(bad[i], "{\"b\":{}}") == 0 ? "{\"b\":{\"x\":1}}" : bad[i]);

		ck_assert_int_eq(exchange_write_row(out, EXCHANGE_CSV, three, 3, o, &err), MUSTER_E_INVALID);
		ck_assert_msg(strncmp(err.message, "b: neither", 10) == 0, "%s", err.message);
		json_decref(o);
		fclose(out);
	}
}
END_TEST

START_TEST(test_write_json)
{
	char *p;

	is_row(EXCHANGE_JSON, "{\"c\":[\"z\",\"=1\"],\"a\":\"x\",\"b\":null,\"d\":1}", "{\"a\":\"x\",\"c\":[\"z\",\"=1\"]}\n");
	is_row(EXCHANGE_JSON, "{\"a\":\"\",\"b\":[],\"c\":0}", "{\"c\":0}\n");
	p = row(EXCHANGE_JSON, NULL, 0, "{\"d\":1,\"a\":null}");
	ck_assert_str_eq(p, "{\"d\":1,\"a\":null}\n");
	free(p);
}
END_TEST

START_TEST(test_write_begin)
{
	static const struct { enum exchange_format f; const char *wanted; } forms[] = {
		{ EXCHANGE_CSV, "First,Sec\tond,Third\n" }, { EXCHANGE_TSV, "First\t\"Sec\tond\"\tThird\n" }, { EXCHANGE_JSON, "{\"export\":\"keys\",\"version\":1}\n" },
	};
	struct muster_err err;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		char *p = NULL;
		size_t room;
		FILE *out = open_memstream(&p, &room);
		json_t *header = json("{\"export\":\"keys\",\"version\":1}");

		ck_assert_int_eq(exchange_write_begin(out, forms[i].f, three, 3, header, &err), MUSTER_OK);
		fclose(out);
		ck_assert_str_eq(p, forms[i].wanted);
		json_decref(header);
		free(p);
	}
}
END_TEST

/* A disk that is full is said, not passed over. */
START_TEST(test_write_full)
{
	struct muster_err err;
	FILE *out = fopen("/dev/full", "w");
	json_t *o = json("{\"a\":\"x\"}");
	int r = MUSTER_OK;

	ck_assert(out != NULL);
	setvbuf(out, NULL, _IONBF, 0);
	r = exchange_write_row(out, EXCHANGE_CSV, three, 3, o, &err);
	ck_assert_int_eq(r, MUSTER_E_IO);
	ck_assert_msg(strstr(err.message, "writing the export: ") != NULL, "%s", err.message);
	json_decref(o);
	fclose(out);
}
END_TEST

/* Columns are the fields of the kinds, each once, with a heading of its own. */
START_TEST(test_write_columns)
{
	static const enum exchange_type types[] = { EXCHANGE_KEYS, EXCHANGE_MACHINES, EXCHANGE_EVENTS, EXCHANGE_BOOKS };
	static const char *const firsts[][2] = { { "Product", "Key Type" }, { "Client ID", "Activation ID" }, { "Event ID", "Host" }, { "kind", "id" } };
	struct exchange_column c[EXCHANGE_COLUMNS_MAX];
	size_t kinds;
	const struct estate_kind *k = estate_kinds(&kinds);

	for (size_t t = 0; t < 4; t++) {
		size_t n = exchange_columns(types[t], c);

		ck_assert_uint_gt(n, 10);
		ck_assert_str_eq(c[0].heading, firsts[t][0]);
		ck_assert_str_eq(c[1].heading, firsts[t][1]);
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < i; j++)
				ck_assert_msg(strcmp(c[i].member, c[j].member) != 0 && strcmp(c[i].heading, c[j].heading) != 0, "%s", c[i].member);
	}
	for (size_t i = 0; i < kinds; i++)
		for (size_t f = 0; f < k[i].field_count; f++) {
			const char *name = strcmp(k[i].fields[f].name, "kind") == 0 ? "key_kind" : k[i].fields[f].name;
			bool found = false;

			for (size_t j = 0, n = exchange_columns(EXCHANGE_BOOKS, c); j < n; j++)
				found |= strcmp(c[j].member, name) == 0;
			ck_assert_msg(found, "%s", name);
		}
	ck_assert_uint_eq(exchange_columns(EXCHANGE_LISTING, c), 0);
	ck_assert_uint_eq(exchange_columns(EXCHANGE_UNKNOWN, c), 0);
}
END_TEST

UNIT_MAIN("exchange_write", test_write_cells, test_write_formulas, test_write_lists, test_write_no_cell, test_write_json, test_write_begin, test_write_full, test_write_columns)
