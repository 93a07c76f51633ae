/* The headings of a table: where they stand, what separates them, which fields they mean. What portals call their columns is written down nowhere. */
#include "core/exchange/table.h"

#include <string.h>
#include <strings.h>

#include "core/base/err.h"
#include "core/base/mem.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define HEAD_ROWS 30     /* titles and blank lines may stand above the headings */
#define HEAD_LINE 65536  /* bytes of a line in which headings are looked for */
#define LEAST 2          /* headings that must be known, where nobody says what the file is */
#define SHOWN 40         /* bytes of a heading in a message */

static const char separators[] = "\t;,";

/* ---- --map ---- */

/* The field that --map gives a heading; NULL: none does. */
static const struct estate_field *mapped(const struct estate_kind *k, const char *heading, const struct exchange_hints *h)
{
	char plain[128], one[128], text[160];

	heading_plain(plain, sizeof(plain), heading);
	for (size_t i = 0; h != NULL && i < h->map_count; i++) {
		const char *equals = strrchr(h->maps[i], '=');

		if (equals == NULL || (size_t)(equals - h->maps[i]) >= sizeof(text))
			continue;
		(void)snprintf(text, sizeof(text), "%.*s", (int)(equals - h->maps[i]), h->maps[i]);
		heading_plain(one, sizeof(one), text);
		if (strcmp(one, plain) == 0)
			return estate_field_find(k, equals + 1);
	}
	return NULL;
}

static void field_names(struct buf *out, const struct estate_kind *k)
{
	for (size_t i = 0; i < k->field_count; i++)
		buf_addf(out, "%s%s", i > 0 ? ", " : "", k->fields[i].name);
}

int table_maps_check(const struct exchange_hints *h, struct muster_err *err)
{
	size_t n;
	const struct estate_kind *kinds = estate_kinds(&n), *said = h->type == EXCHANGE_KEYS ? estate_kind_find("key") : h->kind != NULL ? estate_kind_find(h->kind) : NULL;

	for (size_t m = 0; m < h->map_count; m++) {
		const char *equals = strrchr(h->maps[m], '='), *near = NULL;
		bool found = false;

		if (equals == NULL)
			return err_set(err, MUSTER_E_INVALID, "--map \"%.80s\" is no HEADING=FIELD", h->maps[m]);
		for (size_t k = 0; k < n && !found; k++) {
			if (said != NULL && said != &kinds[k])
				continue;
			found = estate_field_find(&kinds[k], equals + 1) != NULL;
			if (near == NULL)
				near = estate_field_near(&kinds[k], equals + 1);
		}
		if (!found)
			return err_set(err, MUSTER_E_INVALID, "--map \"%.80s\": there is no field \"%.40s\"%s%s%s%s%s", h->maps[m], equals + 1, said != NULL ? " of " : "", said != NULL ? said->plural : "",
			               near != NULL ? "; did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
	}
	return MUSTER_OK;
}

/* ---- columns ---- */

/* An export of ours: every heading is one of its columns', and those that tell it are there. */
static bool is_ours(struct table_head *head, struct table_rows *row, enum exchange_type t, const char *first, const char *second)
{
	struct exchange_column columns[EXCHANGE_COLUMNS_MAX];
	size_t n = exchange_columns(t, columns), count = table_rows_count(row);
	unsigned signs = 0;

	for (size_t i = 0; i < count; i++) {
		const char *heading = table_rows_cell(row, i);
		size_t k = 0;

		while (k < n && strcmp(columns[k].heading, heading) != 0)
			k++;
		if (k == n)
			return false;
		signs |= strcmp(heading, first) == 0 ? 1u : strcmp(heading, second) == 0 ? 2u : 0u;
		head->columns[i] = (struct table_column){ .member = columns[k].member, .cell = columns[k].cell, .id = strcmp(columns[k].member, "id") == 0 && t != EXCHANGE_EVENTS };
	}
	if (signs != 3)
		return false;
	head->type = t;
	head->ours = true;
	head->kind = t == EXCHANGE_KEYS ? estate_kind_find("key") : NULL;
	head->n = head->matched = count;
	head->score = 100;
	return true;
}

static bool ours(struct table_head *head, struct table_rows *row, const struct exchange_hints *h)
{
	static const struct { enum exchange_type t; const char *first, *second; } signs[] = {
		{ EXCHANGE_MACHINES, "Client ID", "Activation ID" }, { EXCHANGE_EVENTS, "Event ID", "Host" }, { EXCHANGE_KEYS, "Key Type", "ID" }, { EXCHANGE_BOOKS, "kind", "id" },
	};

	for (size_t i = 0; i < COUNT(signs); i++)
		if (exchange_said(h, signs[i].t) && is_ours(head, row, signs[i].t, signs[i].first, signs[i].second))
			return true;
	return false;
}

/* May a second column fill the same field? Products are named in several ways, and the first is the one to keep. */
static bool unites(const struct estate_field *f)
{
	return f->list && strcmp(f->name, "products") != 0;
}

static bool has_field(const struct table_head *head, size_t n, const struct estate_field *f)
{
	for (size_t i = 0; i < n; i++)
		if (head->columns[i].field == f)
			return true;
	return false;
}

static void take_columns(struct table_head *head, struct table_rows *row, const struct estate_kind *k, const struct exchange_hints *h)
{
	head->n = table_rows_count(row);
	head->matched = 0;
	head->kind = k;
	/* what is said comes before what is guessed, wherever it stands */
	for (size_t i = 0; i < head->n; i++)
		head->columns[i] = (struct table_column){ .field = mapped(k, table_rows_cell(row, i), h) };
	for (size_t i = 0; i < head->n; i++) {
		const struct estate_field *f = head->columns[i].field;

		if (f == NULL && (f = heading_field(k, table_rows_cell(row, i))) != NULL && (unites(f) || !has_field(head, head->n, f)))
			head->columns[i].field = f;
		head->matched += head->columns[i].field != NULL && !has_field(head, i, head->columns[i].field);
	}
}

/* Do the columns say enough to tell one entry from another? */
static bool enough(const struct table_head *head)
{
	const struct estate_kind *k = head->kind;

	if (strcmp(k->name, "key") == 0)
		return has_field(head, head->n, estate_field_find(k, "products")) || has_field(head, head->n, estate_field_find(k, "key")) ||
		       has_field(head, head->n, estate_field_find(k, "partial"));
	for (size_t i = 0; i < k->field_count; i++)
		if (k->fields[i].required && strcmp(k->fields[i].name, "role") != 0 && !has_field(head, head->n, &k->fields[i]))
			return false;
	return true;
}

static const struct estate_kind *kind_said(const struct exchange_hints *h)
{
	if (h == NULL)
		return NULL;
	return h->type == EXCHANGE_KEYS ? estate_kind_find("key") : h->kind != NULL ? estate_kind_find(h->kind) : NULL;
}

/* The kind whose fields the headings name best; of equals keys, then the one that comes first. */
static void best_kind(struct table_head *head, struct table_rows *row, const struct exchange_hints *h)
{
	const struct estate_kind *said = kind_said(h), *key = estate_kind_find("key");
	size_t n, most = 0;
	const struct estate_kind *kinds = estate_kinds(&n), *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (said != NULL && said != &kinds[i])
			continue;
		take_columns(head, row, &kinds[i], h);
		if (head->matched >= (said != NULL ? 1 : LEAST) && enough(head) && (head->matched > most || (head->matched == most && &kinds[i] == key))) {
			best = &kinds[i];
			most = head->matched;
		}
	}
	head->score = 0;
	head->kind = best;
	if (best == NULL)
		return;
	take_columns(head, row, best, h);
	head->type = best == key ? EXCHANGE_KEYS : EXCHANGE_BOOKS;
	head->score = head->matched > 8 ? 90 : 50 + 5 * (int)head->matched;
}

void table_head_read(struct table_head *head, struct table_rows *row, const struct exchange_hints *h)
{
	enum exchange_type said = h != NULL ? h->type : EXCHANGE_UNKNOWN;

	head->type = EXCHANGE_UNKNOWN;
	head->ours = false;
	head->kind = NULL;
	head->score = 0;
	if (!ours(head, row, h) && (said == EXCHANGE_UNKNOWN || said == EXCHANGE_KEYS || said == EXCHANGE_BOOKS))
		best_kind(head, row, h);
}

/* ---- where they stand ---- */

/* "sep=;": how a spreadsheet is told. */
static char said_separator(const char *text, size_t n)
{
	return n >= 5 && strncasecmp(text, "sep=", 4) == 0 && strchr(separators, text[4]) != NULL && (n == 5 || text[5] == '\n' || text[5] == '\r') ? text[4] : '\0';
}

/* The next line of the text in memory. @return false at its end */
static bool next_line(const char **p, size_t *n, const char **line, size_t *length)
{
	const char *end, *cr;

	if (*n == 0)
		return false;
	end = memchr(*p, '\n', *n);
	*line = *p;
	*length = end != NULL ? (size_t)(end - *p) : *n;
	*n -= *length + (end != NULL);
	*p += *length + (end != NULL);
	cr = memchr(*line, '\r', *length);
	if (cr != NULL && cr + 1 == *line + *length)
		--*length;
	return true;
}

static void find_with(struct table_head *best, char separator, const char *text, size_t n, const struct exchange_hints *h)
{
	struct table_head *head;
	struct table_rows rows;
	struct muster_err err;
	const char *line;
	size_t length, width = 0, same = 0, seen = 0;
	unsigned long number = 0, first = 0;

	if (table_rows_init(&rows, separator, &err) != MUSTER_OK)
		return;
	if ((head = mem_alloc(sizeof(*head))) == NULL)
		goto done;
	while (seen < HEAD_ROWS && number < 4L * HEAD_ROWS && next_line(&text, &n, &line, &length)) {
		number++;
		if (length > HEAD_LINE || (number == 1 && said_separator(line, length) != '\0'))
			continue;
		if (!table_rows_open(&rows))
			first = number;
		table_rows_line(&rows, line, length);
		if (table_rows_fault(&rows) != NULL)
			table_rows_drop(&rows);
		if (!rows.ended || rows.n == 0)
			continue;
		seen++;
		same += rows.n >= 2 && rows.n == width;
		width = rows.n;
		table_head_read(head, &rows, h);
		head->line = first;
		head->separator = separator;
		if (head->score > best->score)
			*best = *head;
	}
	/* something in rows and columns, which nobody here knows */
	if (best->score < TABLE_WEAK && same > 0 && same + 2 >= seen && (width >= 3 || separator == '\t')) {
		best->score = TABLE_WEAK;
		best->separator = separator;
		best->type = EXCHANGE_UNKNOWN;
		best->kind = NULL;
	}
	mem_free(head);
done:
	table_rows_fini(&rows);
}

int table_head_find(struct table_head *head, const char *text, size_t n, const struct exchange_hints *h)
{
	const char said = said_separator(text, n);

	memset(head, 0, sizeof(*head));
	for (const char *s = separators; *s != '\0'; s++)
		if (said == '\0' || said == *s)
			find_with(head, *s, text, n, h);
	return head->score;
}

/* ---- what is said of them ---- */

static void add_heading(struct buf *out, const char *before, const char *text, size_t n)
{
	bool cut = n > SHOWN;

	if (cut)
		for (n = SHOWN; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			;
	buf_addf(out, "%s\"%.*s%s\"", before, (int)n, text, cut ? "…" : "");
}

int table_head_notes(const struct table_head *head, struct table_rows *row, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done)
{
	struct buf list;
	size_t over = 0, first = 0;
	int r = 0;

	buf_init(&list, 4000);
	for (size_t i = 0; i < head->n && !head->ours; i++) {
		const char *text = table_rows_cell(row, i);

		if (head->columns[i].field != NULL || text[0] == '\0')
			continue;
		if (over++ == 0)
			first = i;
		if (over <= 20)
			add_heading(&list, over > 1 ? ", " : "", text, strlen(text));
	}
	if (over > 0)
		r = exchange_say(sink, done, head->line, "note", "%s passed over, because no field of %s is called so: %s%s; --map \"%.40s=FIELD\" takes one", over == 1 ? "a column is" : "columns are",
		                 head->kind->plural, buf_str(&list), over > 20 ? " …" : "", table_rows_cell(row, first));
	buf_fini(&list);
	for (size_t m = 0; r == 0 && h != NULL && m < h->map_count; m++) {
		const char *equals = strrchr(h->maps[m], '=');
		struct exchange_hints one = { .maps = &h->maps[m], .map_count = 1 };
		bool used = false;

		for (size_t i = 0; i < head->n && head->kind != NULL && !used; i++)
			used = head->columns[i].field != NULL && mapped(head->kind, table_rows_cell(row, i), &one) == head->columns[i].field;
		if (!used)
			r = exchange_say(sink, done, head->line, "note", "--map \"%.80s\" was not used: %s", h->maps[m],
			                 head->ours ? "this is an export of Muster, whose columns are known" : head->kind != NULL && estate_field_find(head->kind, equals + 1) == NULL ?
			                 "the rows have no such field" : "there is no such heading");
	}
	return r;
}

/* The row that looks most like headings: the first one with the most cells. */
static void quote_headings(struct buf *out, char separator, const char *text, size_t n)
{
	struct table_rows rows;
	struct muster_err err;
	const char *line;
	size_t length, most = 0;

	if (table_rows_init(&rows, separator, &err) != MUSTER_OK)
		return;
	for (unsigned k = 0; k < HEAD_ROWS && next_line(&text, &n, &line, &length); k++) {
		if (length > HEAD_LINE)
			continue;
		table_rows_line(&rows, line, length);
		if (!rows.ended || table_rows_count(&rows) <= most)
			continue;
		most = table_rows_count(&rows);
		buf_clear(out);
		for (size_t i = 0; i < most && i < 12; i++)
			add_heading(out, i > 0 ? ", " : "", table_rows_cell(&rows, i), strlen(table_rows_cell(&rows, i)));
		if (most > 12)
			buf_adds(out, " …");
		break;
	}
	table_rows_fini(&rows);
}

int table_head_refuse(const struct table_head *head, const char *text, size_t n, const struct exchange_hints *h, struct muster_err *err)
{
	const struct estate_kind *said = kind_said(h), *k = said != NULL ? said : estate_kind_find("key");
	struct buf headings, fields;
	int r;

	buf_init(&headings, 500);
	buf_init(&fields, 600);
	quote_headings(&headings, head->separator != '\0' ? head->separator : '\t', text, n);
	field_names(&fields, k);
	r = err_set(err, MUSTER_E_UNSUPPORTED, "the headings say too little of what the rows are; found: %s. Fields of %s: %s. Say which heading is which, as in --kind %s --map \"Product Name=%s\"",
	            headings.n > 0 ? buf_str(&headings) : "none", k->plural, buf_str(&fields), k->plural, strcmp(k->name, "key") == 0 ? "products" : k->fields[0].name);
	buf_fini(&headings);
	buf_fini(&fields);
	return r;
}
