/*
 * Events as XML: Event Viewer's export, `wevtutil qe … /f:xml` with and without a root, Get-WinEvent's ToXml(); the data as one comma string or as elements.
 *
 * One parser is fed a root of our own and then the file without its declaration. So a fragment is read like a document, and a document type, and with it every
 * declaration of an entity, is an error by itself: nothing can expand. What is not well-formed costs the event it is in; the next `<Event` begins anew.
 */
#include "core/exchange/events.h"

#include <expat.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"

#define PART 65536
#define SCHEMA "schemas.microsoft.com/win/2004/08/events"
#define DEPTH_MAX 32                       /* an event has six */
#define TOKEN_MAX EXCHANGE_LINE_MAX        /* bytes of a tag or a comment: the parser keeps them whole */

/* Where in an event an element is, by the names above it; NONE: of no interest. */
enum place { PLACE_NONE, PLACE_EVENT, PLACE_SYSTEM, PLACE_ID, PLACE_NUMBER, PLACE_COMPUTER, PLACE_CHANNEL, PLACE_TIME, PLACE_PROVIDER, PLACE_DATA_LIST, PLACE_DATA,
	PLACE_USER, PLACE_RENDERED, PLACE_MESSAGE };
static const struct { enum place in; const char *name; enum place place; } places[] = {
	{ PLACE_EVENT, "System", PLACE_SYSTEM }, { PLACE_EVENT, "EventData", PLACE_DATA_LIST }, { PLACE_EVENT, "UserData", PLACE_USER }, { PLACE_EVENT, "RenderingInfo", PLACE_RENDERED },
	{ PLACE_SYSTEM, "EventID", PLACE_ID }, { PLACE_SYSTEM, "EventRecordID", PLACE_NUMBER }, { PLACE_SYSTEM, "Computer", PLACE_COMPUTER }, { PLACE_SYSTEM, "Channel", PLACE_CHANNEL },
	{ PLACE_SYSTEM, "TimeCreated", PLACE_TIME }, { PLACE_SYSTEM, "Provider", PLACE_PROVIDER }, { PLACE_DATA_LIST, "Data", PLACE_DATA }, { PLACE_RENDERED, "Message", PLACE_MESSAGE }
};

struct xml {
	struct events x;
	struct event e;
	struct buf word, message, cleared;
	XML_Parser parser;
	enum place at[DEPTH_MAX + 1];
	unsigned depth;
	bool inside;                           /* an event */
	bool cleared_channel;                  /* in UserData's Channel: the log that was cleared */
	size_t data;                           /* elements so far */
	uint64_t fed;                          /* bytes of this parser, its root included */
	unsigned long line;                    /* of the file, where this parser began */
	unsigned long here;                    /* … and of what comes next */
	bool searching; size_t matched;        /* for the next event; characters of its tag so far */
	bool restarted;
	bool stopped;                          /* by us: MUSTER_OK in result means too deep */
	int result;
	struct muster_err *err;
};

static unsigned long line_now(const struct xml *s)
{
	return s->line + (unsigned long)XML_GetCurrentLineNumber(s->parser) - 1;
}

static const char *local_name(const char *name)
{
	const char *colon = strrchr(name, ':');

	return colon != NULL ? colon + 1 : name;
}

static const char *attribute(const char **given, const char *name)
{
	for (; *given != NULL; given += 2)
		if (strcmp(given[0], name) == 0)
			return given[1];
	return "";
}

static void stop(struct xml *s, int result)
{
	s->result = result;
	s->stopped = true;
	(void)XML_StopParser(s->parser, XML_FALSE);
}

static void event_begins(struct xml *s)
{
	event_clear(&s->e);
	buf_clear(&s->message);
	buf_clear(&s->cleared);
	s->e.line = line_now(s);
	s->inside = true;
	s->cleared_channel = false;
	s->data = 0;
}

static enum place place_of(const struct xml *s, const char *name)
{
	enum place in = s->at[s->depth - 1];

	for (size_t i = 0; in != PLACE_NONE && i < sizeof places / sizeof places[0]; i++)
		if (places[i].in == in && strcmp(places[i].name, name) == 0)
			return places[i].place;
	return in == PLACE_USER ? PLACE_USER : PLACE_NONE;
}

static void XMLCALL on_start(void *ctx, const char *name, const char **attributes)
{
	struct xml *s = ctx;
	const char *plain = local_name(name), *text;
	enum place place;

	if (++s->depth > DEPTH_MAX) {
		stop(s, MUSTER_OK);
		return;
	}
	if (!s->inside) {
		s->at[s->depth] = PLACE_NONE;
		if (strcmp(plain, "Event") == 0) {
			event_begins(s);
			s->at[s->depth] = PLACE_EVENT;
		}
		return;
	}
	s->at[s->depth] = place = place_of(s, plain);
	buf_clear(&s->word);
	if (place == PLACE_TIME) {
		text = attribute(attributes, "SystemTime");
		event_word(&s->e.date, text, strlen(text));
	} else if (place == PLACE_PROVIDER) {
		text = attribute(attributes, "Name");
		event_word(&s->e.provider, text, strlen(text));
	} else if (place == PLACE_USER)
		s->cleared_channel = strcmp(plain, "Channel") == 0;
	else if (place == PLACE_DATA && s->data++ > 0)
		buf_addc(&s->e.text, ',');
}

static void XMLCALL on_text(void *ctx, const char *p, int n)
{
	struct xml *s = ctx;
	size_t k = (size_t)n;

	if (!s->inside || s->stopped)
		return;
	switch (s->at[s->depth]) {
	case PLACE_ID:
	case PLACE_NUMBER:
	case PLACE_COMPUTER:
	case PLACE_CHANNEL:
		buf_add(&s->word, p, k);
		break;
	case PLACE_DATA:
		buf_add(&s->e.text, p, k);
		break;
	case PLACE_MESSAGE:
		buf_add(&s->message, p, k);
		break;
	case PLACE_USER:
		if (s->cleared_channel)
			buf_add(&s->cleared, p, k);
		break;
	default:
		break;
	}
}

static void event_ends(struct xml *s)
{
	struct event *e = &s->e;
	int r;

	s->inside = false;
	if (s->cleared.n > 0)
		event_word(&e->log, buf_str(&s->cleared), s->cleared.n);
	/* The message has the fields too, where the data has none. */
	if (e->id >= 12288 && event_wanted(e->id) && !s->message.failed &&
	    (e->text.n == 0 || (event_guess(buf_str(&e->text), e->text.n) == 0 && event_guess(buf_str(&s->message), s->message.n) != 0))) {
		buf_clear(&e->text);
		buf_add(&e->text, buf_str(&s->message), s->message.n);
	}
	r = e->id != 0 ? events_take(&s->x, e, s->err) : exchange_say(s->x.sink, s->x.done, e->line, "refused", "an event without an EventID");
	if (r != MUSTER_OK)
		stop(s, r);
}

static void XMLCALL on_end(void *ctx, const char *name)
{
	struct xml *s = ctx;
	struct event *e = &s->e;
	const char *word = buf_str(&s->word);
	char *rest;

	(void)name;
	if (s->stopped)
		return;
	if (s->inside && s->depth > 0)
		switch (s->at[s->depth]) {
		case PLACE_ID:
			e->id = event_id_of(word, s->word.n);
			break;
		case PLACE_NUMBER:
			e->number = strtoull(word, &rest, 10);
			e->numbered = s->word.n > 0 && s->word.n <= 18 && *rest == '\0' && *word != '-';
			break;
		case PLACE_COMPUTER:
			event_word(&e->computer, word, s->word.n);
			break;
		case PLACE_CHANNEL:
			event_word(&e->log, word, s->word.n);
			break;
		case PLACE_EVENT:
			event_ends(s);
			break;
		case PLACE_USER:
			s->cleared_channel = false;
			break;
		default:
			break;
		}
	s->depth--;
}

/* A parser with our root in front, and @p tag if its bytes are gone. @param line of what follows. */
static int begin(struct xml *s, unsigned long line, const char *tag)
{
	char root[32];
	int n = snprintf(root, sizeof root, "<Events>%s", tag);

	if (s->parser == NULL && (s->parser = XML_ParserCreate("UTF-8")) == NULL)
		return err_nomem(s->err);
	if (s->restarted && XML_ParserReset(s->parser, "UTF-8") != XML_TRUE)
		return err_nomem(s->err);
	XML_SetUserData(s->parser, s);
	XML_SetElementHandler(s->parser, on_start, on_end);
	XML_SetCharacterDataHandler(s->parser, on_text);
	s->depth = 0;
	s->inside = false;
	s->stopped = false;
	s->line = line;
	s->fed = (uint64_t)n;
	return XML_Parse(s->parser, root, n, XML_FALSE) == XML_STATUS_OK ? MUSTER_OK : err_nomem(s->err);
}

static unsigned long lines_of(const char *p, size_t n)
{
	unsigned long lines = 0;

	for (const char *end = p + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		lines++;
	return lines;
}

/* The parser did not like the byte at @p at. @return why, for people. */
static const char *fault(const struct xml *s, const char *p, size_t n, size_t at)
{
	if (s->stopped)
		return "elements are nested deeper than 32";
	if (at >= 2 && n - at >= 7 && memcmp(p + at - 2, "<!DOCTYPE", 9) == 0)
		return "a document type, which exports of events have not: nothing it declares is used";
	return XML_ErrorString(XML_GetErrorCode(s->parser));
}

static int say_fault(struct xml *s, bool inside, unsigned long line, const char *why)
{
	if (inside)
		return exchange_say(s->x.sink, s->x.done, s->e.line, "refused", "this event is not well-formed XML (line %lu: %s); read on at the next one", line, why);
	return exchange_say(s->x.sink, s->x.done, line, "refused", "not well-formed XML: %s; read on at the next event", why);
}

/* Give the parser bytes. What it does not like costs the event it is in; then s->searching. @param[out] used so many of them. */
static int parse(struct xml *s, const char *p, size_t n, size_t *used)
{
	uint64_t before = s->fed;
	bool inside, quiet;
	const char *why;
	XML_Index at;

	*used = n;
	if (XML_Parse(s->parser, p, (int)n, XML_FALSE) == XML_STATUS_OK) {
		s->fed += n;
		at = XML_GetCurrentByteIndex(s->parser);
		if (at < 0 || s->fed - (uint64_t)at <= TOKEN_MAX)
			return MUSTER_OK;
		s->searching = true;
		return say_fault(s, s->inside, line_now(s), "a tag or comment is longer than 1048576 bytes");
	}
	if (s->result != MUSTER_OK)
		return s->result;
	if (XML_GetErrorCode(s->parser) == XML_ERROR_NO_MEMORY)
		return err_nomem(s->err);
	at = XML_GetCurrentByteIndex(s->parser);
	inside = s->inside;
	/* Where the fault is; one that began in earlier bytes is behind us. Not searched again: the tag that was wrong. */
	*used = at >= 0 && (uint64_t)at > before ? (size_t)((uint64_t)at - before) : 0;
	*used = *used < n ? *used : n - 1;
	why = fault(s, p, n, *used);
	++*used;
	s->searching = true;
	/* Behind an event: the end of a root that this parser did not see, the declaration of a file that was appended. */
	quiet = !inside && (s->restarted || XML_GetErrorCode(s->parser) == XML_ERROR_MISPLACED_XML_PI);
	return quiet ? MUSTER_OK : say_fault(s, inside, line_now(s), why);
}

static bool ends_name(char c)
{
	return c == ' ' || c == '>' || c == '/' || c == '\t' || c == '\r' || c == '\n';
}

/* Look for the next `<Event `, which may begin in one part and end in another. @param[out] used up to behind the tag's name. */
static int search(struct xml *s, const char *p, size_t n, size_t *used)
{
	static const char tag[] = "<Event";

	for (*used = 0; *used < n; ++*used) {
		char c = p[*used];

		if (s->matched == sizeof tag - 1 && ends_name(c)) {
			s->searching = false;
			s->matched = 0;
			s->restarted = true;
			return begin(s, s->here + lines_of(p, *used), tag);
		}
		s->matched = s->matched < sizeof tag - 1 && c == tag[s->matched] ? s->matched + 1 : c == '<';
	}
	return MUSTER_OK;
}

static int feed(struct xml *s, const char *p, size_t n)
{
	int r = MUSTER_OK;

	while (n > 0 && r == MUSTER_OK) {
		size_t used = 0;

		r = s->searching ? search(s, p, n, &used) : parse(s, p, n, &used);
		s->here += lines_of(p, used);
		p += used;
		n -= used;
	}
	return r;
}

/* Blanks and the declaration, which must not stand behind our root; its encoding is not so any more. */
static size_t declaration(const char *p, size_t n)
{
	size_t blank = 0;
	const char *end;

	while (blank < n && strchr(" \t\r\n", p[blank]) != NULL)
		blank++;
	if (n - blank < 6 || memcmp(p + blank, "<?xml", 5) != 0 || (end = memmem(p + blank, n - blank, "?>", 2)) == NULL)
		return blank;
	return (size_t)(end + 2 - p);
}

static int read_xml(struct exchange_text *in, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err)
{
	struct xml s = { .here = 1, .err = err };
	char *part = malloc(PART);
	const char *beginning;
	size_t n, unwanted;
	int r, more = 0, rooms[4];

	rooms[0] = event_init(&s.e, err);
	rooms[1] = event_room(&s.word, EVENT_WORD_MAX, err);
	rooms[2] = event_room(&s.message, EVENT_TEXT_MAX, err);
	rooms[3] = event_room(&s.cleared, EVENT_WORD_MAX, err);
	beginning = exchange_text_peek(in, &n);
	unwanted = declaration(beginning, n);
	for (size_t i = 0; i < 4; i++)
		if ((r = rooms[i]) != MUSTER_OK)
			goto done;
	if ((r = part == NULL ? err_nomem(err) : events_begin(&s.x, h, sink, done, err)) != MUSTER_OK || (r = begin(&s, 1 + lines_of(beginning, unwanted), "")) != MUSTER_OK)
		goto done;
	while (r == MUSTER_OK && (more = exchange_text_bytes(in, part, PART, err)) > 0) {
		size_t k = unwanted < (size_t)more ? unwanted : (size_t)more;

		unwanted -= k;
		s.here += lines_of(part, k);
		r = feed(&s, part + k, (size_t)more - k);
	}
	if (r == MUSTER_OK && (r = more) == MUSTER_OK && s.inside && !s.searching)
		r = exchange_say(sink, done, s.e.line, "refused", "the file ends inside this event");
	if (r == MUSTER_OK)
		r = events_end(&s.x, err);
done:
	if (s.parser != NULL)
		XML_ParserFree(s.parser);
	free(part);
	buf_fini(&s.word);
	buf_fini(&s.message);
	buf_fini(&s.cleared);
	events_fini(&s.x);
	event_fini(&s.e);
	return r;
}

static int recognise(const char *text, size_t n)
{
	size_t at = declaration(text, n);
	const char *tag;

	while (at < n && strchr(" \t\r\n", text[at]) != NULL)
		at++;
	if (at == n || text[at] != '<')
		return 0;
	for (text += at, n -= at; (tag = memmem(text, n, "<Event", 6)) != NULL; n -= (size_t)(tag + 6 - text), text = tag + 6) {
		size_t left = n - (size_t)(tag + 6 - text);

		if (left > 0 && (ends_name(tag[6]) || (tag[6] == 's' && left > 1 && ends_name(tag[7]))))
			return 95;
	}
	return memmem(text, n, SCHEMA, sizeof SCHEMA - 1) != NULL ? 95 : 0;
}

const struct exchange_reader exchange_events_xml = { EXCHANGE_EVENTS, "events as XML", recognise, read_xml };
