/*
 * Tables: the portal's exports of keys (called .csv and separated by tabs), spreadsheets of keys, agreements, orders and the rest, and our own delimited exports. A row
 * is a record. What a cell says that is not understood is left out and told with its line; product keys are never told.
 */
#include "core/exchange/table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <openssl/crypto.h>

#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SHOWN 60   /* bytes of a cell in a message */

struct table {
	struct table_head head;
	struct table_rows rows;
	const struct exchange_hints *h;
	const struct exchange_sink *sink;
	struct exchange_done *done;
	struct muster_err *err;
	unsigned long line;              /* that the row begins in */
	char *headings;                  /* the row of the headings, each cell ended by '\n': files put together have it again */
	char as_of[11];                  /* of counts, where no column tells; "" one does */
	bool month_first, day_first;     /* dates that could be read either way were met; dates that could not */
	/* of the row */
	const char *type;                /* a key's, as it stands there */
	bool keyless;
};

/* ---- what the file is called ---- */

#define FORMS(name, plural) { name, { "tab-separated " plural, "semicolon-separated " plural, "comma-separated " plural } }
static const struct { const char *kind; const char *form[3]; } forms[] = {
	FORMS("key", "keys"), FORMS("organisation", "organisations"), FORMS("contact", "contacts"), FORMS("agreement", "agreements"), FORMS("order", "orders"),
	FORMS("product", "catalogue"), FORMS("request", "requests"), FORMS("host", "hosts"), FORMS("machines", "machines"), FORMS("events", "events"), FORMS("books", "books"),
};

static const char *form_of(const struct table_head *head)
{
	const char *kind = head->kind != NULL ? head->kind->name : exchange_type_name(head->type);

	for (size_t i = 0; i < COUNT(forms); i++)
		if (strcmp(forms[i].kind, kind) == 0)
			return forms[i].form[head->separator == '\t' ? 0 : head->separator == ';' ? 1 : 2];
	return "table";
}

/* ---- cells of other people's tables ---- */

static int doubt(struct table *t, const struct table_column *c, const char *what, const char *text)
{
	return exchange_say(t->sink, t->done, t->line, "doubtful", "%s: \"%.*s%s\" %s; left out", c->field->heading, SHOWN, text, strlen(text) > SHOWN ? "…" : "", what);
}

static int set(json_t *entry, const char *name, json_t *v)
{
	return json_object_set_new(entry, name, v) == 0 ? 0 : MUSTER_E_NOMEM;
}

static bool is_set(const json_t *entry, const char *name)
{
	return json_object_get(entry, name) != NULL;
}

static char *trim(char *text)
{
	size_t n;

	while (*text == ' ' || *text == '\t' || strncmp(text, "\xc2\xa0", 2) == 0)
		text += *text == ' ' || *text == '\t' ? 1 : 2;
	for (n = strlen(text); n > 0; text[n] = '\0') {
		if (text[n - 1] == ' ' || text[n - 1] == '\t' || text[n - 1] == '\n')
			n--;
		else if (n >= 2 && memcmp(text + n - 2, "\xc2\xa0", 2) == 0)
			n -= 2;
		else
			break;
	}
	return text;
}

static int put_count(struct table *t, json_t *entry, const struct table_column *c, const char *text)
{
	const char *name = c->field->name;
	bool pair = strcmp(t->head.kind->name, "key") == 0 && (strcmp(name, "used") == 0 || strcmp(name, "allowed") == 0);
	int64_t value, total;

	if (cell_count(text, &value, &total) != MUSTER_OK || (total != -2 && !pair))
		return strcasecmp(text, "unlimited") == 0 ? 0 : doubt(t, c, "is no count", text);
	if (total == -2)
		return set(entry, name, json_integer(value));
	if (set(entry, "used", json_integer(value)) != 0)
		return MUSTER_E_NOMEM;
	return set(entry, "allowed", json_integer(total));
}

static int put_date(struct table *t, json_t *entry, const struct table_column *c, const char *text)
{
	enum cell_order order;
	char date[11];
	int r = 0;

	if (cell_date(text, date, &order) != MUSTER_OK)
		return doubt(t, c, "is no date", text);
	if (order == CELL_MONTH_FIRST && !t->month_first) {
		t->month_first = true;
		r = exchange_say(t->sink, t->done, t->line, "note", "%s: %.20s is read as month/day/year, like the portal's, here and below", c->field->heading, text);
	}
	if (order == CELL_DAY_FIRST && !t->day_first) {
		t->day_first = true;
		r = exchange_say(t->sink, t->done, t->line, "doubtful", "%s: %.20s can only be day/month/year%s", c->field->heading, text,
		                 t->month_first ? ", and dates above were read as month/day/year: write them as YYYY-MM-DD" : ", while the portal writes month/day/year");
	}
	return r != 0 ? r : set(entry, c->field->name, json_string(date));
}

static int put_key(struct table *t, json_t *entry, const struct table_column *c, const char *text)
{
	char key[32];
	enum cell_key what = cell_key(text, key);
	int r = 0;

	if (what == CELL_KEY_WHOLE && c->field->type != ESTATE_KEY)
		r = set(entry, "partial", json_string(key + strlen(key) - 5));
	else if (what == CELL_KEY_WHOLE)
		r = set(entry, "key", json_string(key));
	else if (what == CELL_KEY_PARTIAL && !is_set(entry, "partial"))
		r = set(entry, "partial", json_string(key));
	else if (what == CELL_KEY_NOT_NEEDED)
		t->keyless = true;
	else if (what == CELL_KEY_OTHER)
		r = exchange_say(t->sink, t->done, t->line, "doubtful", "%s: what stands there is not of a product key's form (five groups of five); left out", c->field->heading);
	OPENSSL_cleanse(key, sizeof(key));
	return r;
}

static int put_choice(struct table *t, json_t *entry, const struct table_column *c, const char *text)
{
	const char *value;

	if (strcmp(t->head.kind->name, "key") == 0 && strcmp(c->field->name, "kind") == 0) {
		t->type = text;
		return 0;
	}
	value = cell_choice(t->head.kind, c->field, text);
	if (value == NULL && strcmp(c->field->name, "role") == 0)
		value = "other";
	return value != NULL ? set(entry, c->field->name, json_string(value)) : doubt(t, c, "is not one of its values", text);
}

/* A UUID in braces is one too. */
static void unbrace(char *text)
{
	size_t n = strlen(text);

	if (n > 2 && text[0] == '{' && text[n - 1] == '}') {
		text[n - 1] = '\0';
		memmove(text, text + 1, n - 1);
	}
}

/* Lists: numbers and IDs are separated by commas too; names have commas in them. */
static int put_list(json_t *entry, const struct estate_field *f, char *text)
{
	bool commas = strcmp(f->name, "license_ids") == 0 || strcmp(f->name, "hosts") == 0 || f->type == ESTATE_UUID;
	json_t *list = json_object_get(entry, f->name);
	char *rest = NULL;

	if (list == NULL && ((list = json_array()) == NULL || set(entry, f->name, list) != 0))
		return MUSTER_E_NOMEM;
	for (char *item = strtok_r(text, commas ? ";|\n," : ";|\n", &rest); item != NULL; item = strtok_r(NULL, commas ? ";|\n," : ";|\n", &rest)) {
		item = trim(item);
		if (f->type == ESTATE_UUID)
			unbrace(item);
		if (*item != '\0' && json_array_append_new(list, json_string(item)) != 0)
			return MUSTER_E_NOMEM;
	}
	return json_array_size(list) > 0 ? 0 : json_object_del(entry, f->name);
}

static int put_cell(struct table *t, json_t *entry, const struct table_column *c, char *text)
{
	const struct estate_field *f = c->field;

	text = trim(cell_unmark(trim(text)));
	if (*text == '\0' || (f->type != ESTATE_LINES && cell_absent(text)))
		return 0;
	if (f->type == ESTATE_KEY || f->type == ESTATE_PARTIAL)
		return put_key(t, entry, c, text);
	if (f->list)
		return put_list(entry, f, text);
	switch (f->type) {
	case ESTATE_COUNT: return put_count(t, entry, c, text);
	case ESTATE_DATE: return put_date(t, entry, c, text);
	case ESTATE_CHOICE: return put_choice(t, entry, c, text);
	case ESTATE_FLAG: return cell_flag(text) < 0 ? doubt(t, c, "is neither yes nor no", text) : set(entry, f->name, json_boolean(cell_flag(text)));
	case ESTATE_UUID: unbrace(text); break;
	case ESTATE_TEXT: case ESTATE_LINES: case ESTATE_REF: case ESTATE_KEY: case ESTATE_SETUP: case ESTATE_PARTIAL: break;
	}
	return set(entry, f->name, json_string(text));
}

/* ---- rows of other people's tables ---- */

static const char *first_product(const json_t *entry)
{
	const char *text = json_string_value(json_array_get(json_object_get(entry, "products"), 0));

	return text != NULL ? text : "";
}

/* A name has a letter or a digit; dashes stand for nothing, and U+FFFD for what could not be read. */
static bool names_a_product(const json_t *entry)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(entry, "products"), i, one)
		for (const char *p = json_string_value(one); p != NULL && *p != '\0'; p++)
			if (strncmp(p, "\xef\xbf\xbd", 3) == 0)
				p += 2;
			else if (isalnum((unsigned char)*p) || (unsigned char)*p >= 0x80)
				return true;
	return false;
}

static int finish_key(struct table *t, json_t *entry)
{
	const char *kind, *type = t->type != NULL ? t->type : "";
	bool known;
	int r;

	kind = cell_key_kind(type, first_product(entry), &known);
	if (!known && (r = exchange_say(t->sink, t->done, t->line, "doubtful", "Key Type: \"%.*s\" is not known; taken as \"other\"", SHOWN, type)) != 0)
		return r;
	if (t->as_of[0] != '\0' && (is_set(entry, "used") || is_set(entry, "allowed")) && set(entry, "as_of", json_string(t->as_of)) != 0)
		return MUSTER_E_NOMEM;
	return set(entry, "kind", json_string(kind));
}

static int finish(struct table *t, json_t *entry)
{
	const char *kind = t->head.kind->name;

	if (strcmp(kind, "key") == 0)
		return finish_key(t, entry);
	if (strcmp(kind, "contact") == 0 && !is_set(entry, "role"))
		return set(entry, "role", json_string("other"));
	return 0;
}

static int give_entry(struct table *t, const char *kind, const char *id, json_t *entry)
{
	json_t *record = json_pack("{s:s, s:s?, s:O}", "kind", kind, "id", id, "entry", entry);

	return record != NULL ? exchange_give(t->sink, t->done, record, t->line) : MUSTER_E_NOMEM;
}

static int other_row(struct table *t)
{
	const char *kind = t->head.kind->name;
	size_t n = table_rows_count(&t->rows);
	json_t *entry = json_object(), *product = NULL;
	bool beyond = false;
	int r = entry != NULL ? 0 : MUSTER_E_NOMEM;

	t->type = NULL;
	t->keyless = false;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (i < t->head.n && t->head.columns[i].field != NULL)
			r = put_cell(t, entry, &t->head.columns[i], table_rows_cell(&t->rows, i));
		beyond = beyond || (i >= t->head.n && table_rows_cell(&t->rows, i)[0] != '\0');
	}
	if (r == 0 && beyond)
		r = exchange_say(t->sink, t->done, t->line, "doubtful", "the row has more cells than there are headings: a separator within a text?");
	if (r == 0 && json_object_size(entry) == 0 && t->type == NULL)
		goto done;   /* blank, or nothing in the columns that are taken */
	if (r == 0 && t->keyless && first_product(entry)[0] != '\0' && !is_set(entry, "key") && !is_set(entry, "partial")) {
		/* which is an entry of the catalogue */
		product = json_pack("{s:s, s:b}", "name", first_product(entry), "keyless", 1);
		r = product != NULL ? give_entry(t, "product", NULL, product) : MUSTER_E_NOMEM;
	} else if (r == 0 && strcmp(kind, "key") == 0 && !names_a_product(entry) && !is_set(entry, "key") && !is_set(entry, "partial")) {
		r = exchange_say(t->sink, t->done, t->line, "refused", "the row names neither a product nor a key");
	} else if (r == 0 && (r = finish(t, entry)) == 0) {
		r = give_entry(t, kind, NULL, entry);
	}
done:
	json_decref(product);
	json_decref(entry);
	return r;
}

/* ---- rows of our own exports ---- */

static json_t *own_value(const char *text, bool list, bool number, bool flag)
{
	char *end;

	if (list)
		return cell_list(text);
	if (number) {
		long long n = strtoll(text, &end, 10);

		/* what is none is refused where it is checked, with its line */
		return *end == '\0' && end != text ? json_integer(n) : json_string(text);
	}
	if (flag && cell_flag(text) >= 0)
		return json_boolean(cell_flag(text));
	return json_string(text);
}

/* Machines and events: the record is the row. */
static int own_flat(struct table *t)
{
	json_t *record = json_object();
	int r = record != NULL ? 0 : MUSTER_E_NOMEM;

	for (size_t i = 0; i < table_rows_count(&t->rows) && i < t->head.n && r == 0; i++) {
		const struct table_column *c = &t->head.columns[i];
		char *text = cell_unmark(table_rows_cell(&t->rows, i));

		if (*text != '\0')
			r = set(record, c->member, own_value(text, c->cell == EXCHANGE_CELL_LIST, c->cell == EXCHANGE_CELL_NUMBER, c->cell == EXCHANGE_CELL_FLAG));
	}
	if (r != 0 || json_object_size(record) == 0) {
		json_decref(record);
		return r;
	}
	return exchange_give(t->sink, t->done, record, t->line);
}

static int own_entry(struct table *t)
{
	const struct estate_kind *k = t->head.kind;
	const char *id = NULL;
	json_t *entry = json_object();
	int r = entry != NULL ? 0 : MUSTER_E_NOMEM;
	size_t n = table_rows_count(&t->rows) < t->head.n ? table_rows_count(&t->rows) : t->head.n;

	for (size_t i = 0; i < n && k == NULL; i++)
		if (strcmp(t->head.columns[i].member, "kind") == 0 && (k = estate_kind_find(table_rows_cell(&t->rows, i))) == NULL) {
			r = exchange_say(t->sink, t->done, t->line, "refused", "there is no kind of entry \"%.*s\"", SHOWN, table_rows_cell(&t->rows, i));
			goto done;
		}
	for (size_t i = 0; i < n && r == 0 && k != NULL; i++) {
		const struct table_column *c = &t->head.columns[i];
		const char *member = strcmp(c->member, "key_kind") == 0 ? "kind" : c->member;
		const struct estate_field *f = t->head.kind == NULL && strcmp(c->member, "kind") == 0 ? NULL : estate_field_find(k, member);
		char *text = cell_unmark(table_rows_cell(&t->rows, i));

		if (c->id)
			id = *text != '\0' ? text : NULL;
		else if (f != NULL && *text != '\0')
			r = set(entry, member, own_value(text, f->list, f->type == ESTATE_COUNT, f->type == ESTATE_FLAG));
	}
	if (r == 0 && k != NULL && json_object_size(entry) > 0)
		r = give_entry(t, k->name, id, entry);
done:
	json_decref(entry);
	return r;
}

/* ---- the whole ---- */

/* The headings once more, where files were put together. */
static bool is_heading(struct table *t)
{
	const char *p = t->headings;

	for (size_t i = 0; i < table_rows_count(&t->rows); i++) {
		const char *text = table_rows_cell(&t->rows, i);
		size_t n = strlen(text);

		if (strncmp(p, text, n) != 0 || p[n] != '\n')
			return false;
		p += n + 1;
	}
	return *p == '\0';
}

static int take_headings(struct table *t)
{
	struct buf all;

	table_head_read(&t->head, &t->rows, t->h);
	if (t->head.score == 0)   /* looked for in the beginning alone, within shorter limits, they read otherwise */
		return err_set(t->err, MUSTER_E_UNSUPPORTED, "line %lu: a quotation mark stands where the headings are; take it out", t->line);
	buf_init(&all, 2 * EXCHANGE_LINE_MAX);
	for (size_t i = 0; i < t->head.n; i++) {
		buf_adds(&all, table_rows_cell(&t->rows, i));
		buf_addc(&all, '\n');
	}
	if ((t->headings = buf_take(&all)) == NULL)
		return MUSTER_E_NOMEM;
	t->done->type = t->head.type;
	t->done->form = form_of(&t->head);
	if (t->head.type == EXCHANGE_KEYS && !t->head.ours && t->h != NULL && t->h->at > 0) {
		char text[TIME_RFC3339];

		time_rfc3339(text, t->h->at * 1000);
		memcpy(t->as_of, text, 10);
		for (size_t i = 0; i < t->head.n; i++)
			if (t->head.columns[i].field != NULL && strcmp(t->head.columns[i].field->name, "as_of") == 0)
				t->as_of[0] = '\0';
	}
	return table_head_notes(&t->head, &t->rows, t->h, t->sink, t->done);
}

static int take_row(struct table *t)
{
	if (table_rows_count(&t->rows) == 0)
		return 0;
	if (t->headings == NULL)
		return take_headings(t);
	if (is_heading(t))
		return 0;
	return !t->head.ours ? other_row(t) : t->head.type == EXCHANGE_MACHINES || t->head.type == EXCHANGE_EVENTS ? own_flat(t) : own_entry(t);
}

static int faulty(struct table *t, const char *what)
{
	table_rows_drop(&t->rows);
	return exchange_say(t->sink, t->done, t->line, "refused", "the row has %s; it is passed over", what);
}

static int take_line(struct table *t, const struct exchange_line *line)
{
	const char *fault;

	if (line->cut) {
		if (!table_rows_open(&t->rows))
			t->line = line->number;
		return faulty(t, "a line longer than a megabyte");
	}
	if (!table_rows_open(&t->rows))
		t->line = line->number;
	table_rows_line(&t->rows, line->p, line->n);
	if ((fault = table_rows_fault(&t->rows)) != NULL)
		return faulty(t, fault);
	return t->rows.ended ? take_row(t) : 0;
}

static int read_all(struct table *t, struct exchange_text *text)
{
	struct exchange_line line;
	const char *fault;
	int n, r = 0;

	while (r == 0 && (n = exchange_text_line(text, &line, t->err)) > 0)
		if (line.number >= t->head.line)
			r = take_line(t, &line);
	if (r == 0 && n < 0)
		return n;
	if (r == 0 && table_rows_open(&t->rows)) {
		table_rows_end(&t->rows);
		fault = table_rows_fault(&t->rows);
		r = fault != NULL ? faulty(t, fault) : take_row(t);
	}
	if (r == MUSTER_E_NOMEM)
		return err_nomem(t->err);
	return r == 0 || t->err->message[0] != '\0' ? r : err_set(t->err, MUSTER_E_REFUSED, "reading was stopped");
}

static int table_read(struct exchange_text *text, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err)
{
	struct table *t = mem_alloc(sizeof(*t));
	const char *beginning;
	size_t n;
	int r;

	if (t == NULL)
		return err_nomem(err);
	t->h = h;
	t->sink = sink;
	t->done = done;
	t->err = err;
	err->message[0] = '\0';
	beginning = exchange_text_peek(text, &n);
	if ((r = table_maps_check(h, err)) != MUSTER_OK)
		goto done;
	if (table_head_find(&t->head, beginning, n, h) <= TABLE_WEAK) {
		r = table_head_refuse(&t->head, beginning, n, h, err);
		goto done;
	}
	if ((r = table_rows_init(&t->rows, t->head.separator, err)) != MUSTER_OK)
		goto done;
	r = read_all(t, text);
	table_rows_fini(&t->rows);
done:
	mem_free(t->headings);
	mem_free(t);
	return r;
}

static int table_recognise(const char *text, size_t n)
{
	struct table_head *head = mem_alloc(sizeof(*head));
	int score = head != NULL ? table_head_find(head, text, n, NULL) : 0;

	mem_free(head);
	return score;
}

const struct exchange_reader exchange_table = { .type = EXCHANGE_KEYS, .form = "table", .recognise = table_recognise, .read = table_read };
