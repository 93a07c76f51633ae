/**
 * What a file says, record by record: the form between readers (this folder), the admin API's import, and writers.
 *
 * Readers get bytes, whatever their encoding, and give records one by one; they never see a whole file at once, know their limits, and name line and fault of
 * each record they do not take. They run in musterctl, with the caller's rights; the host gets records only.
 * A record is a JSON object. Every record: "line" (of the file, from 1; for XML and delimited files the line its record begins in).
 *
 * type "listing" (dli, dlv; facts.md section 3), one record a block: "host" (null: not told), "taken_at" (RFC 3339, null: not told), "entry" {fields of kind
 *   "host" in estate/kinds.h that were listed}, "doubts":["…"], "updates":["platform updates it still needs"].
 * type "events" (facts.md section 4): "id" 12288 … 12294, "host" (null), "logged_at" (RFC 3339 ms, null), "record" (the log's own number, null), and as far as the
 *   event has them: "result" ("0x…"), "minimum_count", "name", "client_id", "at" (the client's time, RFC 3339), "virtual", "license_status" 0–6, "minutes_left",
 *   "activation_id"; 12288 also "server"; 12289 "activated", "count", "activation_interval", "renewal_interval"; 12293 and 12294 "domain". "host" is the computer that logged the event
 *   (of 12290 the host, of 12288 and 12289 the client), else --host. Other IDs that tell of the log itself, with "log" (its name) as far as the event has it:
 *   "id" 1104 (log full), 104 and 1102 (log cleared), 6005/6006 are left out. Hundreds of other events are skipped by the reader and counted.
 * type "machines": members of an item of estate_machines(), as exported.
 * type "keys" and "books": "kind" (of estate/kinds.h), "id" (null: made from the content), "entry" {fields}; references may be names: "organisation":"Example GmbH" is made when it is missing.
 */
#ifndef EXCHANGE_RECORD_H
#define EXCHANGE_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <muster/types.h>

enum exchange_type { EXCHANGE_UNKNOWN, EXCHANGE_LISTING, EXCHANGE_EVENTS, EXCHANGE_MACHINES, EXCHANGE_KEYS, EXCHANGE_BOOKS, EXCHANGE_TYPES };
/** "listing", "events", "machines", "keys", "books"; as --kind takes it. */
const char *exchange_type_name(enum exchange_type t);
enum exchange_type exchange_type_find(const char *name);

#define EXCHANGE_LINE_MAX (1u << 20)      /**< bytes of a line; a longer one is refused by its number and skipped */
#define EXCHANGE_FIELDS_MAX 512           /**< cells of a row */
#define EXCHANGE_FILE_MAX (UINT64_C(4) << 30)

/** Where a reader puts what it finds. Each returns 0, or anything else to stop the reader (which then returns MUSTER_E_REFUSED). */
struct exchange_sink {
	int (*record)(void *ctx, json_t *record);   /**< a new reference, the sink's */
	/** @param level "refused" a record not taken, "doubtful", "note". @param line 0: of the whole file. May be NULL, as progress. */
	int (*message)(void *ctx, unsigned long line, const char *level, const char *text);
	void (*progress)(void *ctx, uint64_t bytes_read);   /**< called by read.c, not by readers */
	void *ctx;
};

/** What the caller says about a file. */
struct exchange_hints {
	enum exchange_type type;               /**< EXCHANGE_UNKNOWN: recognised by content */
	const char *kind;                      /**< with EXCHANGE_BOOKS: the kind (estate/kinds.h) of a table's rows; NULL: by its headings */
	const char *name;                      /**< base name of the file; NULL */
	const char *host;                      /**< --host; NULL */
	int64_t at;                            /**< s: --at, else the file's modification time: when a listing without a time was taken */
	const char *code_page;                 /**< --code-page "850", "1252", …; NULL: guessed */
	const char *const *maps; size_t map_count;   /**< --map "Heading=field" */
	const char *offset;                    /**< --utc-offset "+01:00": of local times in it; NULL: UTC */
	const char *time_zone;                 /**< --time-zone "Europe/Berlin": the same by the rules of a place, instead of `offset` (zone.h); NULL */
};

/** Bytes already read and how to get more; read() gives 0 at the end and < 0 on an error with @p err set. */
struct exchange_input { int (*read)(void *ctx, uint8_t *p, size_t n, struct muster_err *err); void *ctx; };

/** Counts of a run. */
struct exchange_done { enum exchange_type type; const char *form; /**< "dlv listing", "events as XML", "tab-separated keys" */ uint64_t bytes, lines, records, refused, doubtful, skipped; char encoding[32]; };

/**
 * Read one file.
 * @param[out] done Filled in any case. @return MUSTER_OK (also with refused records); MUSTER_E_UNSUPPORTED nothing here recognises it, with the first line quoted and what
 * is taken; MUSTER_E_IO; MUSTER_E_LIMIT file too large; MUSTER_E_REFUSED the sink stopped; MUSTER_E_NOMEM.
 */
int exchange_read(const struct exchange_input *in, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err);

/* ---- text.c: any encoding to UTF-8 lines (UTF-8, UTF-16LE/BE with and without BOM, OEM and ANSI code pages; NUL bytes and half pairs are named and replaced) ---- */
struct exchange_text;
struct exchange_line { const char *p; size_t n; unsigned long number; bool cut; /**< longer than EXCHANGE_LINE_MAX: p has its beginning */ };
/** @return MUSTER_OK; MUSTER_E_UNSUPPORTED no text (an archive, a picture, a program, a binary log) with what it is and how to export instead; MUSTER_E_INVALID unknown
 * @p code_page, which decides for files without a byte order mark; MUSTER_E_LIMIT; MUSTER_E_NOMEM; what @p in says. */
int exchange_text_open(struct exchange_text **out, const struct exchange_input *in, const char *code_page, struct muster_err *err);
/** Next line without its end, borrowed until the next call. @return 1, 0 at the end, < 0 MUSTER_E_… */
int exchange_text_line(struct exchange_text *t, struct exchange_line *line, struct muster_err *err);
/** The next bytes as UTF-8, any number of whole characters, for parsers of their own (expat, libcsv). @return bytes, 0 at the end, < 0. */
int exchange_text_bytes(struct exchange_text *t, char *p, size_t n, struct muster_err *err);
/** The beginning without taking it, for recognising. Borrowed. */
const char *exchange_text_peek(struct exchange_text *t, size_t *n);
const char *exchange_text_encoding(const struct exchange_text *t);
uint64_t exchange_text_read(const struct exchange_text *t);          /**< bytes of the file so far */
unsigned long exchange_text_faults(const struct exchange_text *t);   /**< places that were no text */
/** The first few of them: what stood there and in which line; replaced by U+FFFD. NULL: no more are named. read.c says them. */
const char *exchange_text_fault(const struct exchange_text *t, size_t i, unsigned long *line);
/** Lines of what was decoded so far; after the end: of the file. read.c puts it into `done`. */
unsigned long exchange_text_lines(const struct exchange_text *t);
void exchange_text_close(struct exchange_text *t);

/* ---- the readers; each recognises its own by the peeked beginning: 0 no … 100 certainly ---- */
struct exchange_reader {
	enum exchange_type type;
	const char *form;
	int (*recognise)(const char *text, size_t n);
	int (*read)(struct exchange_text *t, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err);
};
extern const struct exchange_reader exchange_listing, exchange_events_text, exchange_events_csv, exchange_events_xml, exchange_table, exchange_json;

/** May an export of ours of type @p t be read, by what the caller says of the file? Keys are a part of the books. */
bool exchange_said(const struct exchange_hints *h, enum exchange_type t);

/** Helpers of readers: send a record or a message and count it. @return 0 or MUSTER_E_REFUSED / NOMEM. */
int exchange_give(const struct exchange_sink *s, struct exchange_done *d, json_t *record, unsigned long line);
int exchange_say(const struct exchange_sink *s, struct exchange_done *d, unsigned long line, const char *level, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* ---- writers (write.c, columns.c): to a stream, row by row ---- */
/**
 * What `musterctl export` writes and the readers exchange_json and exchange_table take again. Absent, null and empty are the same thing in all of them.
 *
 * JSON: first line {"export":"keys"|"machines"|"events"|"books","version":1,"host":…,"at":…} (and "anonymised":true), then one object a line: a "machines" or "events"
 *   record as above, or {"kind":"key","id":"…","entry":{…}}.
 * Delimited: the first line has the columns' headings, nothing else; keys by tab, the others by comma. The columns are those of exchange_columns(), in that order; readers
 *   recognise machines by "Client ID,Activation ID,", events by "Event ID,Host,", books by "kind,id,". Keys have the headings of estate/kinds.c and a last one "ID"; the other
 *   headings of books are names of fields (`kind` of a key is "key_kind"), and only the cells of a row's kind are filled.
 *   A list is joined by ',' ; within its items ',' is written "\,"  and '\' is "\\" (a reader takes a backslash before anything else as it stands). Flags are "yes" and "no".
 *   A text that begins with any number of ' (also none) and then = + - @ (of full width too), tab, return or line feed gets one more ' in front, which a reader takes off again: no spreadsheet takes it
 *   for a formula. Cells with separator, quote, line end, or blanks at an end are quoted (RFC 4180); UTF-8, lines end with \n.
 * References are IDs in books; in keys they are names (organisations) and numbers (agreements, orders), which an import resolves, or makes.
 */
/** Would a spreadsheet calculate a cell that begins like this? */
bool exchange_is_formula(const char *text);
/** Does a cell get an apostrophe in front? What only looks as if it were marked already gets one too, so that taking one off gives back every text. */
bool exchange_to_mark(const char *text);
enum exchange_format { EXCHANGE_CSV /**< comma */, EXCHANGE_TSV /**< tab, as the portal writes .csv */, EXCHANGE_JSON /**< one object a line; the first says what it is */ };
enum exchange_cell { EXCHANGE_CELL_TEXT, EXCHANGE_CELL_NUMBER, EXCHANGE_CELL_FLAG, EXCHANGE_CELL_LIST };
struct exchange_column { const char *member, *heading; enum exchange_cell cell; };
#define EXCHANGE_COLUMNS_MAX 128
/** The columns of an export of keys, machines, events or books. @return how many; 0: not one of these. */
size_t exchange_columns(enum exchange_type t, struct exchange_column out[EXCHANGE_COLUMNS_MAX]);
/** @param header EXCHANGE_JSON: the first line; NULL none. */
int exchange_write_begin(FILE *out, enum exchange_format f, const struct exchange_column *columns, size_t n, const json_t *header, struct muster_err *err);
/** One row: the members that are columns, in their order; what is null, empty or missing is left out. EXCHANGE_JSON with @p columns NULL: @p row as it is. */
int exchange_write_row(FILE *out, enum exchange_format f, const struct exchange_column *columns, size_t n, const json_t *row, struct muster_err *err);

/* ---- anonymise.c: names, IDs, numbers and addresses become HMACs under a key drawn for this export and then forgotten ---- */
struct exchange_mask;
int exchange_mask_new(struct exchange_mask **out, struct muster_err *err);
void exchange_mask_free(struct exchange_mask *m);
/** Replace, in @p row and deeper, the values of members that name somebody or something: names, hosts, client and hardware IDs, addresses, organisations, numbers, contacts, partial keys, notes;
 * the same value becomes the same mask within one export. */
int exchange_mask_row(struct exchange_mask *m, json_t *row, struct muster_err *err);

#endif
