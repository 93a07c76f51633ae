/** Inside of reading tables: what cells of exports and spreadsheets say, and which field a heading is. Pure; for core/exchange and its tests. */
#ifndef EXCHANGE_TABLE_H
#define EXCHANGE_TABLE_H

#include <csv.h>
#include <stdbool.h>
#include "core/base/buf.h"
#include "core/estate/kinds.h"
#include "core/exchange/record.h"

/** A cell that says that there is nothing: "", "N/A", "-", "not applicable". */
bool cell_absent(const char *text);

/**
 * A count as portals and spreadsheets write it: "12", "1,200", "1.200", "1 200", "12.0", "-1"; "12/50" and "12 of 50" (used and total).
 * @param[out] total of the second form; -2: none was given. @return MUSTER_OK, MUSTER_E_INVALID
 */
int cell_count(const char *text, int64_t *value, int64_t *total);

/** How a date with slashes was meant. */
enum cell_order { CELL_CLEAR, CELL_MONTH_FIRST /**< both would do; taken as M/D as the portal writes it */, CELL_DAY_FIRST /**< only D/M is a date */ };
/** "YYYY-MM-DD", "M/D/YYYY", "D.M.YYYY", "22-Nov-2026", "November 22, 2026", each with a time behind it or not. MUSTER_E_INVALID: no date. */
int cell_date(const char *text, char out[11], enum cell_order *order);

/** The kind of a key from its type and, where that says too little, its product. @param[out] known false: "other" because the type is not known. */
const char *cell_key_kind(const char *type, const char *product, bool *known);

enum cell_key { CELL_KEY_NONE, CELL_KEY_WHOLE, CELL_KEY_PARTIAL, CELL_KEY_NOT_NEEDED, CELL_KEY_OTHER /**< no key at all; told with its line, never quoted */ };
/** What a key's cell holds. @param[out] out the whole key in its form, or the last five characters. The caller wipes it. */
enum cell_key cell_key(const char *text, char out[32]);

/** One of "a|b|c", by the word itself or another one for it; NULL: none. */
const char *cell_choice(const struct estate_kind *k, const struct estate_field *f, const char *text);
/** @return 1 yes, 0 no, -1 neither. */
int cell_flag(const char *text);

/** A heading without what makes no difference: lower case, no blanks, underscores, dashes, dots, colons. */
void heading_plain(char *out, size_t n, const char *heading);
/** The field of a kind that a heading means; NULL: none. */
const struct estate_field *heading_field(const struct estate_kind *k, const char *heading);

/** A text without the mark that keeps spreadsheets from calculating it (record.h), and out of ="…". In place. @return where it begins. */
char *cell_unmark(char *text);
/** The items of a list as record.h writes them: separated by ',', "\," and "\\" for the characters themselves. @return a new array; NULL when exhausted. */
json_t *cell_list(const char *text);

/* ---- table_rows.c: lines into rows of cells (RFC 4180 with any separator; libcsv) ---- */
#define TABLE_ROW_LINES 128   /* lines of one row: a quote that nobody closed would take the rest of the file otherwise */

struct table_rows {
	struct csv_parser csv;
	struct buf cells;                      /* each ended by a zero byte; may hold product keys */
	size_t at[EXCHANGE_FIELDS_MAX];
	size_t n;                              /* cells, those beyond the limit among them */
	size_t lines;                          /* of the row so far */
	bool ended;                            /* the row is whole */
};
/** MUSTER_E_NOMEM */
int table_rows_init(struct table_rows *r, char separator, struct muster_err *err);
void table_rows_fini(struct table_rows *r);   /**< wipes */
/** One more line, without its end. Empty lines between rows do nothing. A row that has ended makes place for the next one. */
void table_rows_line(struct table_rows *r, const char *p, size_t n);
/** The end of the text: what is open ends. */
void table_rows_end(struct table_rows *r);
/** Forget the row that is open, a quote that was not closed among it. */
void table_rows_drop(struct table_rows *r);
/** Is a row under way that has not ended? */
bool table_rows_open(const struct table_rows *r);
/** More cells, bytes or lines than a row may have: what is wrong, and NULL: it is fine. */
const char *table_rows_fault(const struct table_rows *r);
/** Its cells that are kept. */
size_t table_rows_count(const struct table_rows *r);
char *table_rows_cell(struct table_rows *r, size_t i);

/* ---- table_head.c: what the columns are ---- */

#define TABLE_WEAK 20   /* score of rows and columns that say nothing to us: nobody else reads them, and here they are refused with their headings */

struct table_column {
	const struct estate_field *field;      /* NULL: none, or an export's own */
	const char *member;                    /* of our own exports; NULL */
	enum exchange_cell cell;
	bool id;
};
struct table_head {
	enum exchange_type type;               /* EXCHANGE_UNKNOWN: nothing known */
	bool ours;                             /* an export of ours: its cells have the form of record.h */
	const struct estate_kind *kind;        /* of the rows; NULL: machines, events, or told by each row */
	struct table_column columns[EXCHANGE_FIELDS_MAX];
	size_t n, matched;
	char separator;
	unsigned long line;                    /* of the headings */
	int score;                             /* 0 … 100 as exchange_reader.recognise */
};
/** Look for the headings in the beginning of a text. @param h may be NULL. @return head->score */
int table_head_find(struct table_head *head, const char *text, size_t n, const struct exchange_hints *h);
/** Read the headings again, as they stand in the row, into columns. */
void table_head_read(struct table_head *head, struct table_rows *row, const struct exchange_hints *h);
/** Say which headings were passed over, and which --map names none. */
int table_head_notes(const struct table_head *head, struct table_rows *row, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done);
/** Why the file cannot be read: its headings, the fields there are, an example. Always MUSTER_E_UNSUPPORTED or MUSTER_E_INVALID. */
int table_head_refuse(const struct table_head *head, const char *text, size_t n, const struct exchange_hints *h, struct muster_err *err);
/** --map with a field that nothing has. MUSTER_OK or MUSTER_E_INVALID */
int table_maps_check(const struct exchange_hints *h, struct muster_err *err);

#endif
