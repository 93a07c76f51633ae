/*
 * Events as delimited text: `Get-WinEvent | Export-Csv`, `Get-EventLog | Export-Csv`, Event Viewer's "Save as CSV" and "Save as text", and what spreadsheets make of
 * them: comma, semicolon or tab; columns by their name in several languages, else by the shape of what they hold; the message may be a column without a name.
 */
#include "core/exchange/events.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"

#define ROW_MAX (EXCHANGE_LINE_MAX + EXCHANGE_FIELDS_MAX)
#define PART 65536

enum column { COLUMN_ID, COLUMN_DATE, COLUMN_PROVIDER, COLUMN_COMPUTER, COLUMN_NUMBER, COLUMN_LOG, COLUMN_TEXT, COLUMNS };

/* Lower case, without blanks, '_', '-' and '.'. */
static const struct { const char *heading; enum column column; } headings[] = {
	{ "id", COLUMN_ID }, { "eventid", COLUMN_ID }, { "instanceid", COLUMN_ID }, { "ereignisid", COLUMN_ID }, { "iddel’événement", COLUMN_ID }, { "iddel'événement", COLUMN_ID },
	{ "iddelevento", COLUMN_ID }, { "idevento", COLUMN_ID }, { "identificaçãodoevento", COLUMN_ID }, { "iddoevento", COLUMN_ID }, { "gebeurtenisid", COLUMN_ID }, { "イベントid", COLUMN_ID },
	{ "timecreated", COLUMN_DATE }, { "dateandtime", COLUMN_DATE }, { "timegenerated", COLUMN_DATE }, { "systemtime", COLUMN_DATE }, { "date", COLUMN_DATE }, { "time", COLUMN_DATE },
	{ "datumunduhrzeit", COLUMN_DATE }, { "dateetheure", COLUMN_DATE }, { "fechayhora", COLUMN_DATE }, { "dataeora", COLUMN_DATE }, { "dataehora", COLUMN_DATE },
	{ "datumentijd", COLUMN_DATE }, { "日付と時刻", COLUMN_DATE },
	{ "source", COLUMN_PROVIDER }, { "providername", COLUMN_PROVIDER }, { "provider", COLUMN_PROVIDER }, { "quelle", COLUMN_PROVIDER }, { "origen", COLUMN_PROVIDER },
	{ "origine", COLUMN_PROVIDER }, { "fonte", COLUMN_PROVIDER }, { "bron", COLUMN_PROVIDER }, { "ソース", COLUMN_PROVIDER },
	{ "machinename", COLUMN_COMPUTER }, { "computer", COLUMN_COMPUTER }, { "computername", COLUMN_COMPUTER }, { "ordinateur", COLUMN_COMPUTER }, { "equipo", COLUMN_COMPUTER },
	{ "computador", COLUMN_COMPUTER }, { "コンピューター", COLUMN_COMPUTER },
	{ "recordid", COLUMN_NUMBER }, { "eventrecordid", COLUMN_NUMBER }, { "recordnumber", COLUMN_NUMBER }, { "index", COLUMN_NUMBER },
	{ "logname", COLUMN_LOG }, { "log", COLUMN_LOG }, { "channel", COLUMN_LOG },
	{ "message", COLUMN_TEXT }, { "description", COLUMN_TEXT }, { "eventdata", COLUMN_TEXT }, { "fields", COLUMN_TEXT }, { "data", COLUMN_TEXT }, { "beschreibung", COLUMN_TEXT }
};

struct cell { size_t at, n; };
struct rows {
	struct events x;
	struct event e;
	struct buf row;
	struct cell cells[EXCHANGE_FIELDS_MAX];
	size_t count;
	bool headed, full;
	size_t where[COLUMNS];        /* + 1; 0 not there */
	unsigned long line, began;    /* of the next row, of this one */
	int result;
	struct muster_err *err;
};

static const char *cell(const struct rows *s, size_t i, size_t *n)
{
	*n = s->cells[i].n;
	return buf_str(&s->row) + s->cells[i].at;
}

static void plain_heading(char out[64], const char *p, size_t n)
{
	size_t k = 0;

	if (n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) {
		p += 3;
		n -= 3;
	}
	for (size_t i = 0; i < n && k < 63; i++)
		if (strchr(" \t\r\n_-.\"", p[i]) == NULL)
			out[k++] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] | 32) : p[i];
	out[k] = '\0';
}

static int heading(const char *p, size_t n)
{
	char plain[64];

	plain_heading(plain, p, n < 128 ? n : 128);
	for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
		if (strcmp(headings[i].heading, plain) == 0)
			return (int)headings[i].column;
	return -1;
}

/* A heading line names two columns; a later one in the same file the ID among them. */
static bool take_headings(struct rows *s)
{
	size_t where[COLUMNS] = { 0 }, known = 0, n;

	for (size_t i = 0; i < s->count; i++) {
		const char *p = cell(s, i, &n);
		int c = heading(p, n);

		if (c < 0 || where[c] != 0)
			continue;
		where[c] = i + 1;
		known++;
	}
	if (known < 2 || (s->headed && where[COLUMN_ID] == 0))
		return false;
	memcpy(s->where, where, sizeof where);
	return true;
}

/* Columns without a known heading, by what stands in them. */
static void by_shape(struct rows *s)
{
	struct event *e = &s->e;
	bool local;
	int64_t ms;
	size_t n;

	for (size_t i = 0; i < s->count; i++) {
		const char *p = cell(s, i, &n);
		uint32_t id = s->where[COLUMN_ID] == 0 && e->id == 0 && n <= 12 ? event_id_of(p, n) : 0;

		if (id >= 12288 && id <= 12294)
			e->id = id;
		else if (s->where[COLUMN_PROVIDER] == 0 && e->provider.n == 0 && n > 18 && n < 100 && strncasecmp(p, "Microsoft-Windows-", 18) == 0)
			event_word(&e->provider, p, n);
		else if (s->where[COLUMN_DATE] == 0 && e->date.n == 0 && n >= 12 && n <= 64) {
			event_word(&e->date, p, n);
			if (events_date(&s->x, &ms, &local, buf_str(&e->date), e->date.n, INT64_MIN) != MUSTER_OK)
				buf_clear(&e->date);
		}
	}
}

static void word_of(const struct rows *s, enum column c, struct buf *out)
{
	size_t n, i = s->where[c];
	const char *p;

	if (i == 0 || i > s->count)
		return;
	p = cell(s, i - 1, &n);
	event_word(out, p, n);
}

static void add_joined(struct rows *s)
{
	size_t n;

	for (size_t i = 0; i < s->count; i++) {
		const char *p = cell(s, i, &n);

		if (i > 0)
			buf_addc(&s->e.text, ',');
		buf_add(&s->e.text, p, n);
	}
}

/* The message: its column, else the cell with the fields, else all of them, for a list that was not quoted is spread over the cells. */
static void find_text(struct rows *s)
{
	size_t n, i = s->where[COLUMN_TEXT];
	const char *p;

	if (i > 0 && i <= s->count) {
		p = cell(s, i - 1, &n);
		if (s->e.id > 12290 || event_guess(p, n) != 0) {
			buf_add(&s->e.text, p, n);
			return;
		}
	}
	for (i = s->count; i > 0; i--) {
		p = cell(s, i - 1, &n);
		if (event_guess(p, n) != 0) {
			buf_add(&s->e.text, p, n);
			return;
		}
	}
	if (s->where[COLUMN_TEXT] == 0 || s->e.id <= 12290)
		add_joined(s);
}

static int take_row(struct rows *s)
{
	struct event *e = &s->e;
	const char *p;
	size_t n, i;

	event_clear(e);
	e->line = s->began;
	if ((i = s->where[COLUMN_ID]) > 0 && i <= s->count) {
		p = cell(s, i - 1, &n);
		if ((e->id = event_id_of(p, n)) == 0 && take_headings(s))
			return MUSTER_OK;   /* several exports in one file */
		if (e->id != 0 && !event_wanted(e->id))
			return events_take(&s->x, e, s->err);
	}
	word_of(s, COLUMN_PROVIDER, &e->provider);
	word_of(s, COLUMN_DATE, &e->date);
	word_of(s, COLUMN_COMPUTER, &e->computer);
	word_of(s, COLUMN_LOG, &e->log);
	if ((i = s->where[COLUMN_NUMBER]) > 0 && i <= s->count) {
		p = cell(s, i - 1, &n);
		e->numbered = n > 0 && n <= 18 && strspn(p, "0123456789") >= n;
		e->number = e->numbered ? strtoull(p, NULL, 10) : 0;
	}
	by_shape(s);
	find_text(s);
	if (e->id == 0 && event_guess(buf_str(&e->text), e->text.n) == 0) {
		if (s->where[COLUMN_ID] == 0)
			return MUSTER_OK;   /* a heading line in an unknown language, or nothing of ours */
		return exchange_say(s->x.sink, s->x.done, e->line, "refused", "no event ID in column %zu, and nothing in this row has the fields of an event", s->where[COLUMN_ID]);
	}
	return events_take(&s->x, e, s->err);
}

static void on_cell(void *p, size_t n, void *ctx)
{
	struct rows *s = ctx;

	for (const char *at = p, *end = at + n; n > 0 && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
		s->line++;
	if (s->count == EXCHANGE_FIELDS_MAX || s->full) {
		s->full = true;
		return;
	}
	s->cells[s->count++] = (struct cell) { s->row.n, n };
	buf_add(&s->row, p, n);
	buf_addc(&s->row, '\0');
}

/* "#TYPE …" of PowerShell, "sep=;" of spreadsheets, remarks in front of the headings. */
static bool is_note(const struct rows *s)
{
	size_t n;
	const char *p = cell(s, 0, &n);

	return (n >= 5 && memcmp(p, "#TYPE", 5) == 0) || (n >= 1 && *p == '#' && !s->headed) || (n >= 4 && strncasecmp(p, "sep=", 4) == 0);
}

static void on_row(int end, void *ctx)
{
	struct rows *s = ctx;

	if (s->result == MUSTER_OK && (s->full || s->row.failed))
		s->result = exchange_say(s->x.sink, s->x.done, s->began, "refused", "the row has more than %u cells or %u bytes", EXCHANGE_FIELDS_MAX, EXCHANGE_LINE_MAX);
	else if (s->result == MUSTER_OK && s->count > 0 && !is_note(s)) {
		if (s->headed || !take_headings(s))
			s->result = take_row(s);
		s->headed = true;
	}
	s->line += end == '\n';
	s->began = s->line;
	s->count = 0;
	s->full = false;
	buf_clear(&s->row);
}

/* One cell that does not end: libcsv would keep all of it. */
static void *grow(void *p, size_t n)
{
	return n > EXCHANGE_LINE_MAX ? NULL : realloc(p, n);
}

static int start(struct csv_parser *csv, char mark, struct muster_err *err)
{
	if (csv_init(csv, CSV_REPALL_NL | CSV_APPEND_NULL) != 0)
		return err_nomem(err);
	csv_set_delim(csv, (unsigned char)mark);
	csv_set_blk_size(csv, 16384);
	csv_set_realloc_func(csv, grow);
	return MUSTER_OK;
}

/* Tab, semicolon or comma: whichever the heading line has most of, outside of quotes. */
static char separator(const char *p, size_t n)
{
	static const char marks[] = ",;\t";
	size_t count[3] = { 0 }, best = 0;
	bool quoted = false;

	while (n > 0 && (*p == '#' || strncasecmp(p, "sep=", 4) == 0)) {
		const char *end = memchr(p, '\n', n);

		n = end != NULL ? n - (size_t)(end + 1 - p) : 0;
		p = end != NULL ? end + 1 : p;
	}
	for (size_t i = 0; i < n && (quoted || (p[i] != '\n' && p[i] != '\r')); i++) {
		const char *m = p[i] != '\0' ? strchr(marks, p[i]) : NULL;

		quoted ^= p[i] == '"';
		if (!quoted && m != NULL)
			count[m - marks]++;
	}
	for (size_t i = 1; i < 3; i++)
		if (count[i] > count[best])
			best = i;
	return marks[best];
}

struct stream { struct csv_parser csv; char mark; bool skipping; };

/* The parser gave up on a cell: say so, begin anew in the next line. */
static int too_long(struct rows *s, struct stream *f)
{
	unsigned long began = s->began;

	for (const unsigned char *at = f->csv.entry_buf, *end = at + f->csv.entry_pos; at != NULL && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
		s->line++;
	csv_free(&f->csv);
	s->count = 0;
	s->full = false;
	buf_clear(&s->row);
	f->skipping = true;
	if (start(&f->csv, f->mark, s->err) != MUSTER_OK)
		return MUSTER_E_NOMEM;
	return exchange_say(s->x.sink, s->x.done, began, "refused", "a cell is longer than %u bytes (is a quotation mark missing?); read on in the next line", EXCHANGE_LINE_MAX);
}

static int feed(struct rows *s, struct stream *f, const char *p, size_t n)
{
	while (n > 0 && s->result == MUSTER_OK) {
		size_t k;

		if (f->skipping) {
			const char *end = memchr(p, '\n', n);

			k = end != NULL ? (size_t)(end + 1 - p) : n;
			f->skipping = end == NULL;
			s->line += end != NULL;
			s->began = s->line;
		} else if ((k = csv_parse(&f->csv, p, n, on_cell, on_row, s)) < n && csv_error(&f->csv) != CSV_SUCCESS)
			s->result = too_long(s, f);
		p += k;
		n -= k;
	}
	return s->result;
}

static int read_csv(struct exchange_text *in, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err)
{
	struct rows s = { .line = 1, .began = 1, .err = err };
	struct stream f = { .skipping = false };
	char *part = malloc(PART);
	const char *beginning;
	size_t n;
	int r, more = 0, event, row;

	event = event_init(&s.e, err);
	row = event_room(&s.row, ROW_MAX, err);
	beginning = exchange_text_peek(in, &n);
	f.mark = separator(beginning, n);
	if ((r = start(&f.csv, f.mark, err)) != MUSTER_OK || (r = event) != MUSTER_OK || (r = row) != MUSTER_OK || (r = part == NULL ? err_nomem(err) : events_begin(&s.x, h, sink, done, err)) != MUSTER_OK)
		goto done;
	while (r == MUSTER_OK && (more = exchange_text_bytes(in, part, PART, err)) > 0)
		r = feed(&s, &f, part, (size_t)more);
	if (r == MUSTER_OK)
		r = more;
	if (r == MUSTER_OK && csv_fini(&f.csv, on_cell, on_row, &s) != 0)
		r = err_nomem(err);
	if (r == MUSTER_OK && (r = s.result) == MUSTER_OK)
		r = events_end(&s.x, err);
done:
	csv_free(&f.csv);
	free(part);
	buf_fini(&s.row);
	events_fini(&s.x);
	event_fini(&s.e);
	return r;
}

/* The first line that is no "#TYPE" names the ID and one more column; or some line has the ID of one of ours between two separators. */
static int recognise(const char *text, size_t n)
{
	char mark = separator(text, n), wanted[9];
	const char *p = text, *end;
	size_t left = n, known = 0, id = 0, all = 0;

	if (n == 0 || *text == '<' || *text == '{')
		return 0;
	while (left > 0 && (*p == '#' || strncasecmp(p, "sep=", 4) == 0)) {
		end = memchr(p, '\n', left);
		left = end != NULL ? left - (size_t)(end + 1 - p) : 0;
		p = end != NULL ? end + 1 : p;
	}
	end = memchr(p, '\n', left);
	left = end != NULL ? (size_t)(end - p) : left;
	for (size_t k; left > 0; p += k, left -= k) {
		const char *stop = memchr(p, mark, left);
		int c = heading(p, k = stop != NULL ? (size_t)(stop - p) : left);

		all++;
		known += c >= 0;
		id += c == COLUMN_ID;
		k += stop != NULL;
	}
	if (id > 0 && known >= 3 && all >= 3)
		return 95;
	for (unsigned i = 12288; i <= 12294; i++) {
		(void)snprintf(wanted, sizeof wanted, "%c%u%c", mark, i, mark);
		if (memmem(text, n, wanted, strlen(wanted)) != NULL)
			return 70;
		(void)snprintf(wanted, sizeof wanted, "\"%u\"", i);
		if (memmem(text, n, wanted, strlen(wanted)) != NULL)
			return 70;
	}
	return id > 0 && known >= 2 ? 40 : 0;
}

const struct exchange_reader exchange_events_csv = { EXCHANGE_EVENTS, "events as CSV", recognise, read_csv };
