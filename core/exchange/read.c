/* One file: what it is, the reader for it, and what there is to say about the file as a whole. */
#include "core/exchange/record.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"

static const char *const names[EXCHANGE_TYPES] = { "unknown", "listing", "events", "machines", "keys", "books" };

/* Each reader has its row here. Of two that are equally sure the earlier one reads. */
static const struct { const struct exchange_reader *reader; unsigned also; /* bits 1 << type of other types it reads: it says which before its first record */ } readers[] = {
	{ &exchange_listing, 0 }, { &exchange_events_xml, 0 }, { &exchange_events_text, 0 },
	/* our own exports are known by all of their headings: before those who know some */
	{ &exchange_json, 1u << EXCHANGE_KEYS | 1u << EXCHANGE_MACHINES | 1u << EXCHANGE_EVENTS }, { &exchange_table, 1u << EXCHANGE_BOOKS | 1u << EXCHANGE_MACHINES | 1u << EXCHANGE_EVENTS },
	{ &exchange_events_csv, 0 },
};
#define READERS (sizeof(readers) / sizeof(readers[0]))

/* A file may still be of a kind whose reader is not sure of it: less is no recognition. */
#define SURE_ENOUGH 20
/* The ones after it are not asked. */
#define CERTAIN 95

const char *exchange_type_name(enum exchange_type t)
{
	return (unsigned)t < EXCHANGE_TYPES ? names[t] : names[0];
}

enum exchange_type exchange_type_find(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 1; i < EXCHANGE_TYPES; i++) {
		size_t k = strlen(names[i]);

		/* "event" and "listings" are as clear */
		if (strcasecmp(name, names[i]) == 0 || (n + 1 == k && names[i][n] == 's' && strncasecmp(name, names[i], n) == 0) ||
			(n == k + 1 && (name[k] | 0x20) == 's' && strncasecmp(name, names[i], k) == 0))
			return (enum exchange_type)i;
	}
	return EXCHANGE_UNKNOWN;
}

bool exchange_said(const struct exchange_hints *h, enum exchange_type t)
{
	return h == NULL || h->type == EXCHANGE_UNKNOWN || h->type == t || (h->type == EXCHANGE_BOOKS && h->kind == NULL && t == EXCHANGE_KEYS);
}

int exchange_give(const struct exchange_sink *s, struct exchange_done *d, json_t *record, unsigned long line)
{
	if (record == NULL || json_object_set_new(record, "line", json_integer((json_int_t)line)) != 0) {
		json_decref(record);
		return MUSTER_E_NOMEM;
	}
	d->records++;
	return s->record(s->ctx, record) == 0 ? MUSTER_OK : MUSTER_E_REFUSED;
}

int exchange_say(const struct exchange_sink *s, struct exchange_done *d, unsigned long line, const char *level, const char *fmt, ...)
{
	char text[MUSTER_ERR_MAX];
	va_list args;

	d->refused += strcmp(level, "refused") == 0;
	d->doubtful += strcmp(level, "doubtful") == 0;
	if (s->message == NULL)
		return MUSTER_OK;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return s->message(s->ctx, line, level, text) == 0 ? MUSTER_OK : MUSTER_E_REFUSED;
}

/* What was read so far is told here, once for all readers. */
struct counted { const struct exchange_input *in; const struct exchange_sink *sink; uint64_t bytes; };

static int counted_read(void *ctx, uint8_t *p, size_t n, struct muster_err *err)
{
	struct counted *c = ctx;
	int got = c->in->read(c->in->ctx, p, n, err);

	if (got > 0) {
		c->bytes += (uint64_t)got;
		if (c->sink->progress != NULL)
			c->sink->progress(c->sink->ctx, c->bytes);
	}
	return got;
}

/* The reader that knows this text best; of @p type if one is given. Our own JSON says in its first line what it is. */
static const struct exchange_reader *reader_for(enum exchange_type type, const char *p, size_t n)
{
	const struct exchange_reader *best = NULL, *first = NULL;
	int sure = type == EXCHANGE_UNKNOWN ? SURE_ENOUGH - 1 : 0;

	for (size_t i = 0; i < READERS && sure < CERTAIN; i++) {
		const struct exchange_reader *r = readers[i].reader;
		bool reads = type == EXCHANGE_UNKNOWN || r->type == type || (readers[i].also >> type & 1u) != 0;
		int s;

		if ((!reads && r != &exchange_json) || ((s = r->recognise(p, n)) < SURE_ENOUGH && !reads))
			continue;
		/* what JSON is not begins otherwise: then it is a table */
		if (type != EXCHANGE_UNKNOWN && reads && (first == NULL || first == &exchange_json))
			first = r;
		if (s > sure) {
			sure = s;
			best = r;
		}
	}
	return best != NULL ? best : first;
}

/* The beginning of the first line that says something, fit to be shown. */
static void first_line(char out[81], const char *p, size_t n)
{
	size_t k = 0;

	while (n > 0 && strchr(" \t\r\n", *p) != NULL) {
		p++;
		n--;
	}
	for (; k < 80 && k < n && p[k] != '\n' && p[k] != '\r'; k++)
		out[k] = (unsigned char)p[k] < 0x20 || p[k] == 0x7f ? ' ' : p[k];
	while (k > 0 && k < n && ((unsigned char)p[k] & 0xc0) == 0x80) /* no half character */
		k--;
	out[k] = '\0';
}

static int unknown(const char *p, size_t n, struct muster_err *err)
{
	char line[81];

	first_line(line, p, n);
	if (line[0] == '\0')
		return err_set(err, MUSTER_E_UNSUPPORTED, "the file is empty");
	return err_set(err, MUSTER_E_UNSUPPORTED, "nothing here recognises this; its first line is \"%s\". Taken are: listings of dli and dlv, events as text, CSV or XML, "
		"key exports with a heading line (tab, comma or semicolon), and Muster's own exports; --kind listing|events|machines|keys|books says which it is", line);
}

static int say_text(const struct exchange_text *t, const struct exchange_sink *sink, struct exchange_done *done)
{
	unsigned long line = 0, faults = exchange_text_faults(t), i;
	const char *what;
	int r = MUSTER_OK;

	for (i = 0; r == MUSTER_OK && (what = exchange_text_fault(t, i, &line)) != NULL; i++)
		r = exchange_say(sink, done, line, "doubtful", "%s, read as U+FFFD", what);
	if (r == MUSTER_OK && faults > i)
		r = exchange_say(sink, done, 0, "doubtful", "%lu more places that are no text in %s, read as U+FFFD; --code-page says another", faults - i, exchange_text_encoding(t));
	if (r == MUSTER_OK && strstr(exchange_text_encoding(t), "guessed") != NULL)
		r = exchange_say(sink, done, 0, "note", "read as code page %s; --code-page says another (`chcp` on the machine it was written on)", exchange_text_encoding(t));
	return r;
}

int exchange_read(const struct exchange_input *in, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err)
{
	struct counted c = { in, sink, 0 };
	struct exchange_input counting = { counted_read, &c };
	const struct exchange_reader *reader;
	struct exchange_text *t = NULL;
	const char *peek;
	char line[81] = "";
	size_t n;
	int r;

	*done = (struct exchange_done){ .type = EXCHANGE_UNKNOWN };
	if ((r = exchange_text_open(&t, &counting, h->code_page, err)) != MUSTER_OK)
		goto done;
	peek = exchange_text_peek(t, &n);
	if (n == 0 || (reader = reader_for(h->type, peek, n)) == NULL) {
		r = unknown(peek, n, err);
		goto done;
	}
	/* --kind may be wrong: a reader that would not have known this text, and finds nothing in it, has read nothing. */
	if (h->type != EXCHANGE_UNKNOWN && reader->recognise(peek, n) == 0)
		first_line(line, peek, n);
	done->type = reader->type;
	done->form = reader->form;
	r = reader->read(t, h, sink, done, err);
	done->lines = exchange_text_lines(t);
	snprintf(done->encoding, sizeof(done->encoding), "%s", exchange_text_encoding(t));
	if (r == MUSTER_OK && line[0] != '\0' && done->records + done->refused + done->skipped == 0) {
		r = err_set(err, MUSTER_E_UNSUPPORTED, "nothing in it can be read as what --kind says; its first line is \"%s\"", line);
		goto done;
	}
	if (r == MUSTER_OK && (r = say_text(t, sink, done)) != MUSTER_OK)
		err_set(err, r, "stopped");
done:
	done->bytes = c.bytes;
	exchange_text_close(t);
	return r;
}
