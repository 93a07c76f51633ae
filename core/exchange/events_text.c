/*
 * Events as text: as Event Viewer copies them (with or without the XML behind), as `wevtutil qe … /f:text` and as PowerShell's Format-List print them; labels in
 * several languages, and what they are for by the shape of their value where the language is none of these; bare lists of fields.
 * Where one event ends is told by what begins the next: Event[n], the log's name, a header after a message, a label for the second time.
 */
#include "core/exchange/events.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"

enum label { LABEL_NONE, LABEL_LOG, LABEL_PROVIDER, LABEL_DATE, LABEL_ID, LABEL_COMPUTER, LABEL_NUMBER, LABEL_TEXT };

/* @c list: of PowerShell, in whatever order; the message need not be last. */
struct label_name { const char *text; enum label label; bool list; };
static const struct label_name names[] = {
	{ "Log Name", LABEL_LOG, false }, { "Protokollname", LABEL_LOG, false }, { "Nom du journal", LABEL_LOG, false }, { "Nombre de registro", LABEL_LOG, false },
	{ "Nome registro", LABEL_LOG, false }, { "Nome do Log", LABEL_LOG, false }, { "Logboeknaam", LABEL_LOG, false }, { "ログの名前", LABEL_LOG, false },
	{ "Source", LABEL_PROVIDER, false }, { "Quelle", LABEL_PROVIDER, false }, { "Origen", LABEL_PROVIDER, false }, { "Origine", LABEL_PROVIDER, false },
	{ "Fonte", LABEL_PROVIDER, false }, { "Bron", LABEL_PROVIDER, false }, { "ソース", LABEL_PROVIDER, false },
	{ "Date", LABEL_DATE, false }, { "Datum", LABEL_DATE, false }, { "Fecha", LABEL_DATE, false }, { "Data", LABEL_DATE, false }, { "日付", LABEL_DATE, false },
	{ "Event ID", LABEL_ID, false }, { "Ereignis-ID", LABEL_ID, false }, { "ID de l’événement", LABEL_ID, false }, { "ID de l'événement", LABEL_ID, false },
	{ "Id. del evento", LABEL_ID, false }, { "ID evento", LABEL_ID, false }, { "Identificação do Evento", LABEL_ID, false }, { "ID do Evento", LABEL_ID, false },
	{ "Gebeurtenis-id", LABEL_ID, false }, { "イベント ID", LABEL_ID, false },
	{ "Computer", LABEL_COMPUTER, false }, { "Ordinateur", LABEL_COMPUTER, false }, { "Equipo", LABEL_COMPUTER, false }, { "Computador", LABEL_COMPUTER, false },
	{ "コンピューター", LABEL_COMPUTER, false },
	{ "Event Record ID", LABEL_NUMBER, false }, { "Record ID", LABEL_NUMBER, false },
	{ "Description", LABEL_TEXT, false }, { "Beschreibung", LABEL_TEXT, false }, { "Descripción", LABEL_TEXT, false }, { "Descrizione", LABEL_TEXT, false },
	{ "Descrição", LABEL_TEXT, false }, { "Beschrijving", LABEL_TEXT, false }, { "説明", LABEL_TEXT, false },
	{ "LogName", LABEL_LOG, true }, { "ProviderName", LABEL_PROVIDER, true }, { "TimeCreated", LABEL_DATE, true }, { "TimeGenerated", LABEL_DATE, true },
	{ "Id", LABEL_ID, true }, { "EventID", LABEL_ID, true }, { "InstanceId", LABEL_ID, true }, { "MachineName", LABEL_COMPUTER, true },
	{ "RecordId", LABEL_NUMBER, true }, { "Index", LABEL_NUMBER, true }, { "Message", LABEL_TEXT, true }
};

struct text {
	struct events x;
	struct event e;
	struct buf word;
	bool open;        /* something of an event was seen */
	bool body;        /* … and some of its message */
	bool listed;      /* … and its list of fields */
	bool list_style;  /* it has PowerShell's labels */
	bool xml;         /* inside "Event Xml:" behind a copied event */
	unsigned seen;    /* labels, as bits */
};

static bool space(char c)
{
	return c == ' ' || c == '\t';
}

static void trim(const char **p, size_t *n)
{
	while (*n > 0 && space(**p)) {
		++*p;
		--*n;
	}
	while (*n > 0 && (space((*p)[*n - 1]) || (*p)[*n - 1] == '\r'))
		--*n;
}

static const struct label_name *find_label(const char *p, size_t n)
{
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strlen(names[i].text) == n && strncasecmp(names[i].text, p, n) == 0)
			return &names[i];
	return NULL;
}

static int flush(struct text *t, struct muster_err *err)
{
	/* A message of another program can look like a header; what has neither ID nor fields is none. */
	bool some = t->open && (t->e.id != 0 || event_guess(buf_str(&t->e.text), t->e.text.n) != 0);
	int r = some ? events_take(&t->x, &t->e, err) : MUSTER_OK;

	event_clear(&t->e);
	t->open = t->body = t->listed = t->list_style = t->xml = false;
	t->seen = 0;
	return r;
}

static void add_text(struct text *t, const char *p, size_t n)
{
	if (t->e.id != 0 && !event_wanted(t->e.id))
		return;
	buf_add(&t->e.text, p, n);
	buf_addc(&t->e.text, '\n');
}

static uint64_t digits_of(const char *p, size_t n, bool *ok)
{
	uint64_t v = 0;

	*ok = n > 0 && n <= 18;
	for (size_t i = 0; *ok && i < n; i++) {
		*ok = p[i] >= '0' && p[i] <= '9';
		v = v * 10 + (uint64_t)(p[i] - '0');
	}
	return v;
}

static void set_label(struct text *t, enum label label, const char *p, size_t n)
{
	struct event *e = &t->e;

	switch (label) {
	case LABEL_LOG:
		event_word(&e->log, p, n);
		break;
	case LABEL_PROVIDER:
		event_word(&e->provider, p, n);
		break;
	case LABEL_DATE:
		event_word(&e->date, p, n);
		break;
	case LABEL_ID:
		event_word(&t->word, p, n);
		e->id = event_id_of(buf_str(&t->word), t->word.n);
		break;
	case LABEL_COMPUTER:
		event_word(&e->computer, p, n);
		break;
	case LABEL_NUMBER:
		e->number = digits_of(p, n, &e->numbered);
		break;
	default:
		t->body = true;
		if (n > 0)
			add_text(t, p, n);
		break;
	}
}

/* Does this label begin another event? */
static bool begins(const struct text *t, enum label label, bool list)
{
	if (!t->open)
		return false;
	if (list || t->list_style)
		return (t->seen & 1u << label) != 0;
	return label == LABEL_LOG || t->body || (t->seen & 1u << label) != 0;
}

static int take_label(struct text *t, const struct label_name *l, const struct exchange_line *line, const char *value, size_t n, struct muster_err *err)
{
	bool list;
	int r;

	/* PowerShell's label for the log, in the middle of an event of its own */
	if (begins(t, l->label, l->list) && (r = flush(t, err)) != MUSTER_OK)
		return r;
	if (!t->open)
		t->e.line = line->number;
	list = t->list_style || l->list;
	t->open = true;
	t->list_style = list;
	t->seen |= 1u << l->label;
	set_label(t, l->label, value, n);
	t->listed = t->listed || (l->label == LABEL_TEXT && n > 0 && event_guess(value, n) != 0);
	return MUSTER_OK;
}

/* Headers in a language that has no row above: by what they say. */
static enum label label_by_value(struct text *t, const char *p, size_t n)
{
	bool ok, local;
	uint64_t v = digits_of(p, n, &ok);
	int64_t ms;

	if (t->body && !t->listed)
		return LABEL_NONE;
	if (ok && v >= 12288 && v <= 12294)
		return LABEL_ID;
	if (n == 22 && memcmp(p, "Key Management Service", 22) == 0)
		return LABEL_LOG;
	if (n > 22 && strncasecmp(p, "Microsoft-Windows-Secu", 22) == 0)
		return LABEL_PROVIDER;
	return n > 12 && events_date(&t->x, &ms, &local, p, n, INT64_MIN) == MUSTER_OK ? LABEL_DATE : LABEL_NONE;
}

/* `Event[12]`, `Event[12]:` */
static bool is_counter(const char *p, size_t n)
{
	if (n < 8 || memcmp(p, "Event[", 6) != 0)
		return false;
	p += 6;
	n -= 6;
	while (n > 0 && *p >= '0' && *p <= '9') {
		p++;
		n--;
	}
	return (n == 1 && *p == ']') || (n == 2 && p[0] == ']' && p[1] == ':');
}

/* What stands between @p before and one of the characters in @p until. */
static bool between(const char *p, size_t n, const char *before, const char *until, const char **found, size_t *found_n)
{
	const char *at = memmem(p, n, before, strlen(before));
	size_t left, k = 0;

	if (at == NULL)
		return false;
	at += strlen(before);
	left = n - (size_t)(at - p);
	while (k < left && strchr(until, at[k]) == NULL)
		k++;
	*found = at;
	*found_n = k;
	return k > 0 && k < left;
}

/* "Event Xml:" says what the text before it does not: the time in UTC and the record's number. */
static void take_xml(struct text *t, const char *p, size_t n)
{
	const char *at;
	size_t k;

	if (between(p, n, "SystemTime=\"", "\"", &at, &k) || between(p, n, "SystemTime='", "'", &at, &k))
		event_word(&t->e.date, at, k);
	if (between(p, n, "<EventRecordID>", "<", &at, &k))
		t->e.number = digits_of(at, k, &t->e.numbered);
	if (t->e.computer.n == 0 && between(p, n, "<Computer>", "<", &at, &k))
		event_word(&t->e.computer, at, k);
	t->xml = memmem(p, n, "</Event>", 8) == NULL;
}

static int take_list(struct text *t, const struct exchange_line *line, const char *p, size_t n, struct muster_err *err)
{
	int r;

	if (t->listed && (r = flush(t, err)) != MUSTER_OK)
		return r;
	if (!t->open)
		t->e.line = line->number;
	t->open = t->body = t->listed = true;
	add_text(t, p, n);
	return MUSTER_OK;
}

static int take_line(struct text *t, const struct exchange_line *line, struct muster_err *err)
{
	const struct label_name *l;
	const char *p = line->p, *colon, *value;
	size_t n = line->n, k;
	enum label by_value;
	int r;

	trim(&p, &n);
	if (n == 0)
		return MUSTER_OK;
	if (t->xml || (t->open && n >= 6 && memcmp(p, "<Event", 6) == 0)) {
		take_xml(t, p, n);
		return MUSTER_OK;
	}
	if (is_counter(p, n)) {
		r = flush(t, err);
		t->open = true;
		t->e.line = line->number;
		return r;
	}
	if (event_guess(p, n) != 0 && ((colon = memchr(p, ':', n)) == NULL || find_label(p, (size_t)(colon - p)) == NULL))
		return take_list(t, line, p, n, err);
	if ((colon = memchr(p, ':', n < 64 ? n : 64)) != NULL) {
		k = (size_t)(colon - p);
		value = colon + 1;
		n -= k + 1;
		while (k > 0 && space(p[k - 1]))
			k--;
		trim(&value, &n);
		if ((l = find_label(p, k)) != NULL)
			return take_label(t, l, line, value, n, err);
		if ((by_value = label_by_value(t, value, n)) != LABEL_NONE)
			return take_label(t, &(struct label_name) { "", by_value, false }, line, value, n, err);
		if (!t->body)
			return MUSTER_OK;
		n = line->n;
		p = line->p;
		trim(&p, &n);
	}
	if (t->open) {
		t->body = true;
		add_text(t, p, n);
	}
	return MUSTER_OK;
}

static int read_text(struct exchange_text *in, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err)
{
	struct exchange_line line;
	struct text t = { 0 };
	int r, more, word;

	r = event_init(&t.e, err);
	word = event_room(&t.word, EVENT_WORD_MAX, err);
	if (r != MUSTER_OK || (r = word) != MUSTER_OK || (r = events_begin(&t.x, h, sink, done, err)) != MUSTER_OK)
		goto done;
	while ((more = exchange_text_line(in, &line, err)) > 0) {
		if (line.cut)
			r = exchange_say(sink, done, line.number, "refused", "the line is longer than %u bytes and no event's", EXCHANGE_LINE_MAX);
		else
			r = take_line(&t, &line, err);
		if (r != MUSTER_OK)
			goto done;
	}
	if ((r = more) == MUSTER_OK && (r = flush(&t, err)) == MUSTER_OK)
		r = events_end(&t.x, err);
done:
	buf_fini(&t.word);
	events_fini(&t.x);
	event_fini(&t.e);
	return r;
}

static int recognise_line(const char *p, size_t n)
{
	const struct label_name *l;
	const char *colon, *value;
	size_t k, left;

	trim(&p, &n);
	if (n == 0 || *p == '<')
		return 0;
	if (is_counter(p, n))
		return 90;
	if (event_guess(p, n) != 0)
		return 60;
	if ((colon = memchr(p, ':', n)) == NULL)
		return 0;
	k = (size_t)(colon - p);
	value = colon + 1;
	left = n - k - 1;
	while (k > 0 && space(p[k - 1]))
		k--;
	trim(&value, &left);
	l = find_label(p, k);
	if (l != NULL && l->label == LABEL_ID && event_id_of(value, left) != 0)
		return 90;
	return left == 22 && memcmp(value, "Key Management Service", 22) == 0 ? 80 : 0;
}

static int recognise(const char *text, size_t n)
{
	int best = 0, score;

	if (n > 0 && text[0] == '<')
		return 0;
	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t k = end != NULL ? (size_t)(end - text) : n;

		if ((score = recognise_line(text, k)) > best)
			best = score;
		text += end != NULL ? k + 1 : k;
		n -= end != NULL ? k + 1 : k;
	}
	return best;
}

const struct exchange_reader exchange_events_text = { EXCHANGE_EVENTS, "events as text", recognise, read_text };
