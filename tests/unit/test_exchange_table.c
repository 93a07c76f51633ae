/* Tables: what cells say, which headings mean which fields, rows that are hostile; and JSON. Files come from memory, in pieces of any size. */
#include "tests/unit/unit.h"

#include <stdarg.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/exchange/table.h"

/* ---- reading from memory ---- */

struct source { const char *p; size_t n, piece; };

static int source_read(void *ctx, uint8_t *p, size_t n, struct muster_err *err)
{
	struct source *s = ctx;
	size_t k = s->n < n ? s->n : n;

	(void)err;
	k = s->piece > 0 && k > s->piece ? s->piece : k;
	memcpy(p, s->p, k);
	s->p += k;
	s->n -= k;
	return (int)k;
}

static json_t *records, *messages;
static struct exchange_done done;
static struct muster_err err;
static size_t stop_after;

static int take_record(void *ctx, json_t *record)
{
	(void)ctx;
	(void)json_array_append_new(records, record);
	return stop_after > 0 && json_array_size(records) >= stop_after;
}

static int take_message(void *ctx, unsigned long line, const char *level, const char *text)
{
	(void)ctx;
	(void)json_array_append_new(messages, json_sprintf("%lu %s: %s", line, level, text));
	return 0;
}

static int read_with(const struct exchange_reader *r, const char *text, size_t n, size_t piece, const struct exchange_hints *h)
{
	struct source s = { text, n, piece };
	const struct exchange_input in = { source_read, &s };
	const struct exchange_sink sink = { .record = take_record, .message = take_message };
	struct exchange_text *t = NULL;
	int result;

	json_decref(records);
	json_decref(messages);
	records = json_array();
	messages = json_array();
	done = (struct exchange_done){ 0 };
	err = (struct muster_err){ 0 };
	ck_assert_int_eq(exchange_text_open(&t, &in, NULL, &err), MUSTER_OK);
	result = r->read(t, h, &sink, &done, &err);
	exchange_text_close(t);
	return result;
}

static int read_table(const char *text, const struct exchange_hints *h)
{
	return read_with(&exchange_table, text, strlen(text), 0, h);
}

static const struct exchange_hints nothing;

static const json_t *entry(size_t i)
{
	return json_object_get(json_array_get(records, i), "entry");
}

static const char *text_of(size_t i, const char *name)
{
	const json_t *v = json_object_get(entry(i), name);

	return json_is_array(v) ? json_string_value(json_array_get(v, 0)) : json_string_value(v);
}

static json_int_t number_of(size_t i, const char *name)
{
	ck_assert(json_is_integer(json_object_get(entry(i), name)));
	return json_integer_value(json_object_get(entry(i), name));
}

static const char *kind_of(size_t i)
{
	return json_string_value(json_object_get(json_array_get(records, i), "kind"));
}

static bool said(const char *part)
{
	const json_t *m;
	size_t i;

	json_array_foreach(messages, i, m)
		if (strstr(json_string_value(m), part) != NULL)
			return true;
	return false;
}

/* ---- cells ---- */

START_TEST(test_table_counts)
{
	static const struct { const char *text; int64_t value, total; } good[] = {
		{ "12", 12, -2 }, { "1,200", 1200, -2 }, { "1.200", 1200, -2 }, { "1 200", 1200, -2 }, { "1\xc2\xa0""200", 1200, -2 }, { "1'234'567", 1234567, -2 }, { "12.0", 12, -2 },
		{ "12,00", 12, -2 }, { "-1", -1, -2 }, { "0", 0, -2 }, { "12/50", 12, 50 }, { " 12 / 1,050", 12, 1050 }, { "3 of 10", 3, 10 }, { "3/unlimited", 3, -2 }, { "4/N/A", 4, -2 },
	};
	static const char *const bad[] = { "", "twelve", "12x", "1.2", "-2", "1,20", "99999999999999999999", "12/", "12/x", "1/2/3", "--1" };
	int64_t value, total;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		ck_assert_msg(cell_count(good[i].text, &value, &total) == (strcmp(good[i].text, "12/") == 0 ? MUSTER_E_INVALID : MUSTER_OK), "%s", good[i].text);
		ck_assert_msg(value == good[i].value && total == good[i].total, "%s: %lld %lld", good[i].text, (long long)value, (long long)total);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (strcmp(bad[i], "12/") != 0)
			ck_assert_msg(cell_count(bad[i], &value, &total) == MUSTER_E_INVALID, "%s", bad[i]);
}
END_TEST

START_TEST(test_table_dates)
{
	static const struct { const char *text, *date; enum cell_order order; } good[] = {
		{ "2026-11-22", "2026-11-22", CELL_CLEAR }, { "2026/3/1", "2026-03-01", CELL_CLEAR }, { "2026-11-22T10:00:00Z", "2026-11-22", CELL_CLEAR },
		{ "11/22/2026", "2026-11-22", CELL_CLEAR }, { "3/4/2026", "2026-03-04", CELL_MONTH_FIRST }, { "3/3/2026", "2026-03-03", CELL_CLEAR }, { "22/11/2026", "2026-11-22", CELL_DAY_FIRST },
		{ "4/9/2013 9:58:33 AM", "2013-04-09", CELL_MONTH_FIRST }, { "22.11.2026", "2026-11-22", CELL_CLEAR }, { "1.3.2026", "2026-03-01", CELL_CLEAR },
		{ "22-Nov-2026", "2026-11-22", CELL_CLEAR }, { "November 22, 2026", "2026-11-22", CELL_CLEAR }, { "22 Nov 26", "2026-11-22", CELL_CLEAR }, { "2/29/2024", "2024-02-29", CELL_CLEAR },
	};
	static const char *const bad[] = { "", "never", "2/29/2026", "13/13/2026", "2026-13-01", "2026-11-22x", "11/22", "0/0/0000", "1/2/3/4", "99999/1/1", "45982" };
	enum cell_order order;
	char date[11];

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		ck_assert_msg(cell_date(good[i].text, date, &order) == MUSTER_OK, "%s", good[i].text);
		ck_assert_str_eq(date, good[i].date);
		ck_assert_msg(order == good[i].order, "%s: %d", good[i].text, (int)order);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(cell_date(bad[i], date, &order) == MUSTER_E_INVALID, "%s", bad[i]);
}
END_TEST

START_TEST(test_table_key_kinds)
{
	static const struct { const char *type, *product, *kind; bool known; } cases[] = {
		{ "KMS", "", "host", true }, { "Volume: KMS", "", "host", true }, { "CSVLK", "", "host", true }, { "host", "", "host", true }, { "MAK", "", "mak", true },
		{ "Volume:MAK", "", "mak", true }, { "Multiple Activation Key", "", "mak", true }, { "VA 1.0", "", "other", true }, { "Retail", "", "retail", true },
		{ "MAK", "Windows 7 ESU Year 2", "esu", true }, { "ESU", "", "esu", true }, { "", "Windows Server 2022 KMS", "host", true }, { "KMS Client Setup", "", "setup", true },
		{ "GVLK", "", "setup", true }, { "OEM", "", "embedded", true }, { "", "Windows Server", "other", true }, { "Zebra", "Windows Server", "other", false },
		{ "Makeup", "", "other", false }, { "N/A", "Office MAK", "mak", true },
	};
	bool known;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_msg(strcmp(cell_key_kind(cases[i].type, cases[i].product, &known), cases[i].kind) == 0, "%s/%s", cases[i].type, cases[i].product);
		ck_assert_msg(known == cases[i].known, "%s", cases[i].type);
	}
}
END_TEST

START_TEST(test_table_key_cells)
{
	static const struct { const char *text, *out; enum cell_key what; } cases[] = {
		{ "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", CELL_KEY_WHOLE }, { "aaaaabbbbbcccccdddddeeeee", "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", CELL_KEY_WHOLE },
		{ "XXXXX-XXXXX-XXXXX-XXXXX-EEEEE", "EEEEE", CELL_KEY_PARTIAL }, { "*****-*****-*****-*****-EEEEE", "EEEEE", CELL_KEY_PARTIAL }, { "EEEEE", "EEEEE", CELL_KEY_PARTIAL },
		{ "...eeeee", "EEEEE", CELL_KEY_PARTIAL }, { "…-EEEEE", "EEEEE", CELL_KEY_PARTIAL }, { "N/A", "", CELL_KEY_NONE }, { "", "", CELL_KEY_NONE },
		{ "No key required", "", CELL_KEY_NOT_NEEDED }, { "not needed", "", CELL_KEY_NOT_NEEDED }, { "AAAAA-BBBBB", "", CELL_KEY_OTHER }, { "*****", "", CELL_KEY_OTHER },
		{ "AAAAA-BBBBB-CCCCC-DDDDD-EEEE*", "", CELL_KEY_OTHER }, { "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE-F", "", CELL_KEY_OTHER }, { "*AAAA-BBBBB-CCCCC-DDDDD-EEEEE", "", CELL_KEY_OTHER },
	};
	char out[32];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_msg(cell_key(cases[i].text, out) == cases[i].what, "%s", cases[i].text);
		if (cases[i].what != CELL_KEY_OTHER)
			ck_assert_str_eq(out, cases[i].out);
	}
}
END_TEST

START_TEST(test_table_marks_and_lists)
{
	char a[] = "'=1+1", b[] = "''+x", c[] = "'quoted", d[] = "=\"00123\"", e[] = "=SUM(A1)";
	json_t *list = cell_list("a\\,b,c\\\\,,\\d");

	ck_assert_str_eq(cell_unmark(a), "=1+1");
	ck_assert_str_eq(cell_unmark(b), "'+x");
	ck_assert_str_eq(cell_unmark(c), "'quoted");
	ck_assert_str_eq(cell_unmark(d), "00123");
	ck_assert_str_eq(cell_unmark(e), "=SUM(A1)");
	ck_assert_int_eq((int)json_array_size(list), 4);
	ck_assert_str_eq(json_string_value(json_array_get(list, 0)), "a,b");
	ck_assert_str_eq(json_string_value(json_array_get(list, 1)), "c\\");
	ck_assert_str_eq(json_string_value(json_array_get(list, 2)), "");
	ck_assert_str_eq(json_string_value(json_array_get(list, 3)), "\\d");
	json_decref(list);
}
END_TEST

/* ---- tables ---- */

START_TEST(test_table_portal)
{
	struct exchange_hints h = { .at = 1795305600 };   /* 2026-11-22 */

	ck_assert_int_eq(read_table("License ID\tOrganization\tProduct\tType\tProduct Key\tMAK Used/Total\tOSA Status\tColour\r\n"
		"12345678\tExample GmbH\tWindows Server 2022, Standard\tVolume: KMS\tAAAAA-BBBBB-CCCCC-DDDDD-EEEEE\tN/A\tActive\tred\r\n"
		"12345679, 12345680\tExample GmbH\tOffice 2021\tMAK\tXXXXX-XXXXX-XXXXX-XXXXX-FFFFF\t12/1,050\tActive\tblue\r\n"
		"\t\t\t\t\t\t\t\r\n"
		"12345678\tExample GmbH\tSQL Server 2019\t\tNo key required\t\t\t\r\n", &h), MUSTER_OK);
	ck_assert_int_eq(done.type, EXCHANGE_KEYS);
	ck_assert_str_eq(done.form, "tab-separated keys");
	ck_assert_int_eq((int)json_array_size(records), 3);
	ck_assert_str_eq(kind_of(0), "key");
	ck_assert_str_eq(text_of(0, "products"), "Windows Server 2022, Standard");
	ck_assert_str_eq(text_of(0, "kind"), "host");
	ck_assert_str_eq(text_of(0, "key"), "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE");
	ck_assert_ptr_null(json_object_get(entry(0), "used"));
	ck_assert_ptr_null(json_object_get(entry(0), "as_of"));
	ck_assert_int_eq((int)json_array_size(json_object_get(entry(1), "license_ids")), 2);
	ck_assert_str_eq(text_of(1, "partial"), "FFFFF");
	ck_assert_int_eq((int)number_of(1, "used"), 12);
	ck_assert_int_eq((int)number_of(1, "allowed"), 1050);
	ck_assert_str_eq(text_of(1, "as_of"), "2026-11-22");
	ck_assert_str_eq(kind_of(2), "product");
	ck_assert(json_is_true(json_object_get(entry(2), "keyless")));
	ck_assert_int_eq((int)json_integer_value(json_object_get(json_array_get(records, 2), "line")), 5);
	ck_assert_msg(said("1 note: a column is passed over") && said("\"Colour\"") && said("--map \"Colour=FIELD\""), "%s", json_dumps(messages, 0));
}
END_TEST

START_TEST(test_table_kinds_by_headings)
{
	static const struct { const char *headings, *row, *kind; } cases[] = {
		{ "Organization,Parent,Notes", "A,B,c", "organisation" }, { "Program;Agreement Number;Start Date;End Date", "MPSA;1;2026-01-01;2027-01-01", "agreement" },
		{ "Order Number,Order Date,Status,Product,Quantity", "4711,1/31/2026,Completed,Office,5", "order" }, { "Name,Role,Phone,Email", "Joe,Reseller,1,a@b", "contact" },
		{ "Product,Category,Setup Key", "Office,Office,AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", "product" }, { "product name,product_key,KEYTYPE", "Office,N/A,MAK", "key" },
		{ "\"Keys of 2026\"\n\nProduct,Partial Key,Key Type", "Office,EEEEE,MAK", "key" }, { "sep=;\nProduct;Partial Key;Key Type", "Office;EEEEE;MAK", "key" },
	};
	char text[400];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		(void)snprintf(text, sizeof text, "%s\n%s\n", cases[i].headings, cases[i].row);
		ck_assert_msg(read_table(text, &nothing) == MUSTER_OK, "%s: %s", cases[i].headings, err.message);
		ck_assert_msg(json_array_size(records) == 1, "%s: %s", cases[i].headings, json_dumps(messages, 0));
		ck_assert_str_eq(kind_of(0), cases[i].kind);
		ck_assert_msg(exchange_table.recognise(text, strlen(text)) > TABLE_WEAK, "%s", text);
	}
	ck_assert_str_eq(text_of(0, "products"), "Office");
}
END_TEST

START_TEST(test_table_map_and_kind)
{
	const char *maps[] = { "Vertrag=license_ids", "Artikel = Nr=products" }, *unknown[] = { "A=colour" }, *unused[] = { "Nothing=note" };
	struct exchange_hints h = { .maps = maps, .map_count = 2 }, wrong = { .maps = unknown, .map_count = 1 }, idle = { .maps = unused, .map_count = 1 }, agreements = { .type = EXCHANGE_BOOKS, .kind = "agreement" };
	static const char german[] = "Vertrag;Artikel = Nr;Menge\n4711;Office 2021;5\n";

	ck_assert_int_eq(read_table(german, &nothing), MUSTER_E_UNSUPPORTED);
	ck_assert_msg(strstr(err.message, "\"Vertrag\", \"Artikel = Nr\", \"Menge\"") != NULL && strstr(err.message, "license_ids") != NULL && strstr(err.message, "--map \"Product Name=products\"") != NULL,
	              "%s", err.message);
	ck_assert_int_eq(exchange_table.recognise(german, strlen(german)), TABLE_WEAK);
	ck_assert_msg(read_table(german, &h) == MUSTER_OK, "%s", err.message);
	ck_assert_str_eq(text_of(0, "license_ids"), "4711");
	ck_assert_str_eq(text_of(0, "products"), "Office 2021");
	ck_assert_int_eq(read_table(german, &wrong), MUSTER_E_INVALID);
	ck_assert_msg(strstr(err.message, "there is no field \"colour\"") != NULL, "%s", err.message);
	ck_assert_int_eq(read_table("Product,Partial Key\nOffice,EEEEE\n", &idle), MUSTER_OK);
	ck_assert(said("--map \"Nothing=note\" was not used: there is no such heading"));
	ck_assert_int_eq(read_table("Programme\nMPSA\n", &nothing), MUSTER_E_UNSUPPORTED);
	ck_assert_int_eq(read_table("Programme\nMPSA\n", &agreements), MUSTER_OK);
	ck_assert_str_eq(kind_of(0), "agreement");
	agreements.kind = "order";
	ck_assert_int_eq(read_table("Programme\nMPSA\n", &agreements), MUSTER_E_UNSUPPORTED);
	ck_assert_msg(strstr(err.message, "Fields of orders: number, date,") != NULL, "%s", err.message);
}
END_TEST

START_TEST(test_table_doubts_name_their_line)
{
	ck_assert_int_eq(read_table("Product,Product Key,Type,Total,Coverage Start,Used\nOffice,AAAAA-BBBBB,Zebra,many,soon,1\nOffice,EEEEE,MAK,5,3/4/2026,2\nOffice,FFFFF,MAK,5,5/4/2026,2\n"
		"Office,GGGGG,MAK,5,22/4/2026,2,more\n,,MAK,,,\n---,,,,,\n\xef\xbf\xbd,,MAK,,,\n", &nothing), MUSTER_OK);
	ck_assert_int_eq((int)json_array_size(records), 4);
	ck_assert(said("2 doubtful: Activations Allowed: \"many\" is no count; left out"));
	ck_assert(said("2 doubtful: Coverage Start: \"soon\" is no date; left out"));
	ck_assert(said("2 doubtful: Key Type: \"Zebra\" is not known"));
	ck_assert(said("2 doubtful: Product Key: what stands there is not of a product key's form"));
	ck_assert(!said("AAAAA"));
	ck_assert(said("3 note: Coverage Start: 3/4/2026 is read as month/day/year"));
	ck_assert(!said("5/4/2026"));
	ck_assert(said("5 doubtful: Coverage Start: 22/4/2026 can only be day/month/year, and dates above"));
	ck_assert(said("5 doubtful: the row has more cells than there are headings"));
	ck_assert(said("6 refused: the row names neither a product nor a key"));
	ck_assert(said("7 refused: the row names neither a product nor a key") && said("8 refused: the row names neither a product nor a key"));
	ck_assert_int_eq((int)done.refused, 3);
	ck_assert_str_eq(text_of(1, "coverage_start"), "2026-03-04");
}
END_TEST

/* ---- our own exports ---- */

START_TEST(test_table_own_exports)
{
	ck_assert_int_eq(read_table("kind,id,name,parent,key_kind,products,note,used,keyless\norganisation,o-1,'=Example,,,,\"two\nlines\",,\nkey,k-1,,,mak,\"a\\,b,c\",,-1,\nproduct,p-1,Office,,,,,,yes\nthing,x,,,,,,,\n",
		&nothing), MUSTER_OK);
	ck_assert_int_eq(done.type, EXCHANGE_BOOKS);
	ck_assert_int_eq((int)json_array_size(records), 3);
	ck_assert_str_eq(kind_of(0), "organisation");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(records, 0), "id")), "o-1");
	ck_assert_str_eq(text_of(0, "name"), "=Example");
	ck_assert_str_eq(text_of(0, "note"), "two\nlines");
	ck_assert_str_eq(text_of(1, "kind"), "mak");
	ck_assert_str_eq(text_of(1, "products"), "a,b");
	ck_assert_int_eq((int)number_of(1, "used"), -1);
	ck_assert(json_is_true(json_object_get(entry(2), "keyless")));
	ck_assert(said("6 refused: there is no kind of entry \"thing\""));
	ck_assert_int_eq(read_table("Client ID,Activation ID,Names,First Seen,Requests,Virtual\n36f27b39-2fd5-440b-be67-a09996d27a38,bfe7a195-4f8f-4f0b-a622-cf13c7d16864,\"pc1,pc2\",2026-01-01T00:00:00Z,7,no\n",
		&nothing), MUSTER_OK);
	ck_assert_int_eq(done.type, EXCHANGE_MACHINES);
	ck_assert_int_eq((int)json_array_size(json_object_get(json_array_get(records, 0), "names")), 2);
	ck_assert_int_eq((int)json_integer_value(json_object_get(json_array_get(records, 0), "requests")), 7);
	ck_assert(json_is_false(json_object_get(json_array_get(records, 0), "virtual")));
}
END_TEST

/* Whatever the writers write comes back as it was. */
START_TEST(test_table_what_was_written_is_read)
{
	struct exchange_column columns[EXCHANGE_COLUMNS_MAX];
	json_t *row = json_pack("{s:[s,s], s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:[s,s]}", "products", "'=a, \"b\"", "c\\", "kind", "mak", "partial", "EEEEE", "note", "-one\n\"two\"\t", "osa_status", " x ",
		"used", -1, "as_of", "2026-11-22", "id", "k-1", "license_ids", "+1", ",");
	size_t n = exchange_columns(EXCHANGE_KEYS, columns), size = 0;
	char *text = NULL;

	for (int f = EXCHANGE_CSV; f <= EXCHANGE_TSV; f++) {
		FILE *out = open_memstream(&text, &size);
		json_t *back;

		ck_assert_int_eq(exchange_write_begin(out, (enum exchange_format)f, columns, n, NULL, &err), MUSTER_OK);
		ck_assert_int_eq(exchange_write_row(out, (enum exchange_format)f, columns, n, row, &err), MUSTER_OK);
		(void)fclose(out);
		for (size_t piece = 1; piece < 40; piece += 13) {
			ck_assert_int_eq(read_with(&exchange_table, text, size, piece, &nothing), MUSTER_OK);
			ck_assert_int_eq((int)json_array_size(records), 1);
			back = json_copy((json_t *)(uintptr_t)entry(0));
			(void)json_object_set_new(back, "id", json_string(json_string_value(json_object_get(json_array_get(records, 0), "id"))));
			ck_assert_msg(json_equal(back, row), "%s\n%s", text, json_dumps(back, 0));
			json_decref(back);
		}
		free(text);
	}
	json_decref(row);
}
END_TEST

/* ---- hostile tables ---- */

START_TEST(test_table_hostile_rows)
{
	struct buf b;

	buf_init(&b, 8 << 20);
	buf_adds(&b, "Product,Partial Key,Type\n");
	for (int i = 0; i < 600; i++)
		buf_adds(&b, "x,");
	buf_adds(&b, "\nOffice,EEEEE,MAK\n");
	for (int i = 0; i < (1 << 20) + 10; i++)
		buf_addc(&b, 'y');
	buf_adds(&b, "\nOffice,FFFFF,MAK\n\"open");
	for (int i = 0; i < 200; i++)
		buf_addf(&b, "\nOffice,%05d,MAK", 10000 + i);
	buf_adds(&b, "\n\xff\xfe,GGGGG,MAK\n\"last,HHHHH,MAK");
	ck_assert_int_eq(read_with(&exchange_table, (const char *)b.p, b.n, 0, &nothing), MUSTER_OK);
	ck_assert(said("2 refused: the row has more than 512 cells"));
	ck_assert(said("4 refused: the row has a line longer than a megabyte"));
	ck_assert(said("6 refused: the row has a quotation mark that is not closed within 128 lines"));
	ck_assert_str_eq(text_of(0, "partial"), "EEEEE");
	ck_assert_str_eq(text_of(1, "partial"), "FFFFF");
	ck_assert_str_eq(text_of(2, "partial"), "10127");
	ck_assert_int_eq((int)json_array_size(records), 2 + 73 + 1 + 1);
	stop_after = 2;
	ck_assert_int_eq(read_with(&exchange_table, (const char *)b.p, b.n, 0, &nothing), MUSTER_E_REFUSED);
	stop_after = 0;
	buf_fini(&b);
}
END_TEST

START_TEST(test_table_headings_again)
{
	static const char twice[] = "Product,Partial Key,Type\nOffice,EEEEE,MAK\nProduct,Partial Key,Type\nOffice,FFFFF,MAK\n";

	ck_assert_int_eq(read_table(twice, &nothing), MUSTER_OK);
	ck_assert_int_eq((int)json_array_size(records), 2);
	ck_assert_int_eq((int)json_array_size(messages), 0);
}
END_TEST

/* ---- JSON ---- */

static int read_json(const char *text, const struct exchange_hints *h)
{
	return read_with(&exchange_json, text, strlen(text), 0, h);
}

START_TEST(test_json_exports)
{
	static const char books[] = "{\"export\":\"books\",\"version\":1}\n{\"kind\":\"organisation\",\"id\":\"o-1\",\"entry\":{\"name\":\"A\"}}\n\n{\"kind\":\"key\",\"id\":\"k\",\"entry\":{\"kind\":\"mak\"}}\n"
		"{\"broken\":\n{\"kind\":\"key\",\"id\":\"l\",\"entry\":{}}\n{\"entry\":{}}\n[1]\n";

	ck_assert_int_eq(read_json(books, &nothing), MUSTER_OK);
	ck_assert_int_eq(done.type, EXCHANGE_BOOKS);
	ck_assert_str_eq(done.form, "export of books as JSON");
	ck_assert_int_eq((int)json_array_size(records), 3);
	ck_assert_str_eq(kind_of(1), "key");
	ck_assert(said("5 refused: this is no JSON") && said("7 refused: the object does not say its \"kind\"") && said("8 refused: an object is needed"));
	ck_assert_int_eq(exchange_json.recognise(books, strlen(books)), 100);
	ck_assert_int_eq(read_json("{\"export\":\"machines\",\"version\":1,\"anonymised\":true}\n{\"client_id\":\"x\"}\n", &nothing), MUSTER_OK);
	ck_assert_int_eq(done.type, EXCHANGE_MACHINES);
	ck_assert(said("anonymised"));
	ck_assert_int_eq(read_json("{\"export\":\"books\",\"version\":2}\n", &nothing), MUSTER_E_UNSUPPORTED);
	ck_assert_msg(strstr(err.message, "version 2 of exports") != NULL, "%s", err.message);
	ck_assert_int_eq(read_json("{\"export\":\"zebras\",\"version\":1}\n", &nothing), MUSTER_E_UNSUPPORTED);
	ck_assert_int_eq(read_json("{\"export\":\"keys\",\"version\":1}\n{\"export\":\"events\",\"version\":1}\n", &nothing), MUSTER_E_UNSUPPORTED);
	ck_assert_int_eq(read_json("{\"a\":1}\n", &nothing), MUSTER_E_UNSUPPORTED);
	ck_assert_msg(strstr(err.message, "--kind") != NULL, "%s", err.message);
}
END_TEST

START_TEST(test_json_documents)
{
	static const char pages[] = "{\n \"more\": true,\n \"items\" : [\n  {\"id\": \"k-1\", \"products\": [\"a\"], \"partial\": \"EEEEE\", \"kind\": \"mak\", \"whole\": true, \"note\": \"]}[{\\\"\"},\n"
		"  {\"id\": \"k-2\", \"products\": [\"b\"], \"partial\": \"FFFFF\", \"kind\": \"mak\"}\n ],\n \"next\": \"x\"\n}\n{ \"items\": [ {\"products\": [], \"partial\": \"GGGGG\", \"kind\": \"mak\"} ], \"next\": null }\n";
	struct exchange_hints agreements = { .type = EXCHANGE_BOOKS, .kind = "agreement" };

	for (size_t piece = 0; piece < 3; piece++) {
		ck_assert_int_eq(read_with(&exchange_json, pages, strlen(pages), piece, &nothing), MUSTER_OK);
		ck_assert_int_eq(done.type, EXCHANGE_KEYS);
		ck_assert_msg(json_array_size(records) == 3, "%s", json_dumps(messages, 0));
		ck_assert_str_eq(text_of(0, "note"), "]}[{\"");
		ck_assert_ptr_null(json_object_get(entry(0), "whole"));
		ck_assert_ptr_null(json_object_get(entry(0), "id"));
		ck_assert_str_eq(json_string_value(json_object_get(json_array_get(records, 1), "id")), "k-2");
		ck_assert_int_eq((int)json_integer_value(json_object_get(json_array_get(records, 1), "line")), 5);
		ck_assert_str_eq(text_of(2, "partial"), "GGGGG");
	}
	ck_assert_int_eq(read_json("[ {\"programme\": \"MPSA\"},\n 7, {\"programme\": \"Open\"} ]", &agreements), MUSTER_OK);
	ck_assert_int_eq((int)json_array_size(records), 2);
	ck_assert_str_eq(kind_of(1), "agreement");
	ck_assert(said("2 refused: there is something else here than objects"));
	ck_assert_int_eq(read_json("[ {\"programme\": \"MPSA\"},\n {\"programme\": ", &agreements), MUSTER_OK);
	ck_assert_int_eq((int)json_array_size(records), 1);
	ck_assert(said("2 refused: a bracket that is opened here has no end"));
}
END_TEST

START_TEST(test_json_hostile)
{
	struct exchange_hints keys = { .type = EXCHANGE_KEYS };
	struct buf b;

	buf_init(&b, 8 << 20);
	buf_adds(&b, "[{\"note\":\"");
	for (int i = 0; i < (1 << 20) + 10; i++)
		buf_addc(&b, 'y');
	buf_adds(&b, "\"},\n{\"partial\":\"EEEEE\"}]");
	ck_assert_int_eq(read_with(&exchange_json, (const char *)b.p, b.n, 0, &keys), MUSTER_OK);
	ck_assert_int_eq((int)json_array_size(records), 1);
	ck_assert(said("1 refused: the object is longer than a megabyte"));
	buf_clear(&b);
	for (int i = 0; i < 100000; i++)
		buf_addc(&b, '[');
	ck_assert_int_eq(read_with(&exchange_json, (const char *)b.p, b.n, 0, &keys), MUSTER_E_UNSUPPORTED);
	ck_assert_msg(strstr(err.message, "nested more than") != NULL, "%s", err.message);
	buf_fini(&b);
}
END_TEST

/* ---- memory that runs out ---- */

START_TEST(test_table_and_json_without_memory)
{
	static const char portal[] = "Product\tProduct Key\tType\tUsed/Total\tNotes\nOffice\tAAAAA-BBBBB-CCCCC-DDDDD-EEEEE\tMAK\t1/2\t\"two\nlines\"\nOffice\tEEEEE\tMAK\t\t\n";
	static const char books[] = "{\"export\":\"books\",\"version\":1}\n{\"kind\":\"key\",\"entry\":{\"kind\":\"mak\"}}\n";
	const struct { const struct exchange_reader *r; const char *text; } cases[] = { { &exchange_table, portal }, { &exchange_json, books } };

	for (size_t c = 0; c < 2; c++) {
		uint64_t n = 1;

		for (bool failed = true; failed; n++) {
			struct source s = { cases[c].text, strlen(cases[c].text), 0 };
			const struct exchange_input in = { source_read, &s };
			const struct exchange_sink sink = { .record = take_record, .message = take_message };
			struct exchange_text *t = NULL;
			int r;

			json_decref(records);
			json_decref(messages);
			records = json_array();
			messages = json_array();
			done = (struct exchange_done){ 0 };
			err = (struct muster_err){ 0 };
			ck_assert_int_eq(exchange_text_open(&t, &in, NULL, &err), MUSTER_OK);
			mem_fail_at(n);
			r = cases[c].r->read(t, &nothing, &sink, &done, &err);
			failed = mem_count() >= n;
			mem_fail_at(0);
			/* what was read in spite of it is what stands there, or is said not to be */
			ck_assert_msg(r == MUSTER_OK || err.message[0] != '\0', "allocation %d", (int)n);
			ck_assert_msg(failed || (r == MUSTER_OK && json_array_size(records) == (c == 0 ? 2 : 1)), "%zu", json_array_size(records));
			ck_assert_msg(r != MUSTER_OK || json_array_size(records) + done.refused >= 1, "allocation %d", (int)n);
			exchange_text_close(t);
		}
		ck_assert_uint_gt(n, 2);
	}
}
END_TEST

UNIT_MAIN("exchange_table", test_table_counts, test_table_dates, test_table_key_kinds, test_table_key_cells, test_table_marks_and_lists, test_table_portal, test_table_kinds_by_headings,
          test_table_map_and_kind, test_table_doubts_name_their_line, test_table_own_exports, test_table_what_was_written_is_read, test_table_hostile_rows, test_table_headings_again,
          test_json_exports, test_json_documents, test_json_hostile, test_table_and_json_without_memory)
