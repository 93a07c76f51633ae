#include "core/config/lines.h"

#include <ini.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/utf8.h"

struct reader {
	const uint8_t *p, *end;
	const char *file;
	const struct config_lines_sink *sink;
	struct config_report *report;
	unsigned number;                       /* of the line in hand, from 1 */
	unsigned section_line;                 /* 0: before any section */
	bool section_used;                     /* it has a line that is or wants to be a key */
	bool stopped;
	const char *rest;                      /* of a long line, not yet handed to inih */
	enum { NOTHING, HANDED, ANSWERED } state;  /* of the key line in hand */
	char section[CONFIG_SECTION_MAX + 1];
	char line[CONFIG_LINE_MAX + 1];
	char name[CONFIG_LINE_MAX + 1];
	char value[CONFIG_LINE_MAX + 1];
	size_t value_n;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct config_where here(const struct reader *r, const char *key)
{
	return (struct config_where){ .file = r->file, .line = r->number, .section = r->section, .key = key };
}

/* A fault of the line in hand, which then counts as a key: its section is not called empty for it. */
static void bad_line(struct reader *r, const char *text)
{
	r->section_used = true;
	config_fault(r->report, here(r, NULL), "%s", text);
}

static const char *bad_bytes(const uint8_t *p, size_t n)
{
	while (n > 0) {
		size_t length = utf8_length(p, n);

		if (p[0] == '\0')
			return "the line contains a NUL byte: is this a text file?";
		if ((p[0] < 0x20 && p[0] != '\t') || p[0] == 0x7F)
			return "the line contains a control character; only text and tabs are allowed";
		if (length == 0 || length == UTF8_MORE)
			return "the line is not UTF-8: save the file as UTF-8";
		p += length;
		n -= length;
	}
	return NULL;
}

/* Take the next line that is in order into r->line. @return false at the end. */
static bool take_line(struct reader *r)
{
	while (r->p < r->end && !r->stopped) {
		const uint8_t *start = r->p, *stop = memchr(start, '\n', (size_t)(r->end - start));
		size_t n = (size_t)((stop != NULL ? stop : r->end) - start);
		const char *bad;

		r->p = stop != NULL ? stop + 1 : r->end;
		if (++r->number > CONFIG_LINES_MAX) {
			config_fault(r->report, (struct config_where){ .file = r->file, .line = r->number },
			             "the file has more than %d lines; nothing after this is read", CONFIG_LINES_MAX);
			r->stopped = true;
			return false;
		}
		if (n > 0 && start[n - 1] == '\r')
			n--;
		if (n > CONFIG_LINE_MAX) {
			r->section_used = true;
			config_fault(r->report, here(r, NULL), "the line is %zu bytes long; at most %d are allowed", n, CONFIG_LINE_MAX);
		} else if ((bad = bad_bytes(start, n)) != NULL) {
			bad_line(r, bad);
		} else {
			memcpy(r->line, start, n);
			r->line[n] = '\0';
			return true;
		}
	}
	return false;
}

static void close_section(struct reader *r)
{
	if (r->section_line != 0 && !r->section_used)
		config_fault(r->report, (struct config_where){ .file = r->file, .line = r->section_line, .section = r->section },
		             "the section is empty: give it a key or remove it");
}

static bool section_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr(" ._-", c) != NULL);
}

/* What is wrong with the section line "[...", or NULL with its name's length. */
static const char *bad_section(const char *line, size_t *length)
{
	const char *close = strchr(line, ']'), *after;
	size_t n;

	if (close == NULL)
		return "the section's ']' is missing";
	n = (size_t)(close - line) - 1;
	for (after = close + 1; blank(*after); after++)
		;
	if (*after != '\0' && *after != ';' && *after != '#')
		return "there is text after the section's ']': put it on a line of its own";
	if (n == 0)
		return "the section has no name: [] is empty";
	if (n > CONFIG_SECTION_MAX)
		return "the section's name is longer than 80 bytes";
	for (size_t i = 1; i <= n; i++)
		if (!section_char(line[i]))
			return "the section's name may hold letters, digits, '.', '_', '-' and a blank before its argument only";
	if (line[1] == ' ' || line[n] == ' ')
		return "the section's name begins or ends with a blank: write [name] without";
	*length = n;
	return NULL;
}

static bool take_section(struct reader *r)
{
	size_t n = 0;
	const char *bad = bad_section(r->line, &n);

	close_section(r);
	if (bad != NULL) {
		config_fault(r->report, (struct config_where){ .file = r->file, .line = r->number }, "%s", bad);
		/* Keys that follow belong to nobody knows which section: read them, judge their form only. */
		r->section[0] = '\0';
		r->section_line = 0;
		r->sink->section(r->sink->ctx, "", r->number);
		return false;
	}
	memcpy(r->section, r->line + 1, n);
	r->section[n] = '\0';
	r->section_line = r->number;
	r->section_used = false;
	r->sink->section(r->sink->ctx, r->section, r->number);
	/* Without what follows: a long comment must not make the line too long for inih. */
	r->line[n + 2] = '\0';
	return true;
}

/* Where a long line can be cut: inih strips blanks at both ends of a piece and takes ';' and '#' for comments. */
static size_t cut_at(const char *text, size_t from, size_t limit)
{
	for (size_t at = limit; at > from; at--)
		if (!blank(text[at - 1]) && !blank(text[at]) && text[at] != ';' && text[at] != '#' && ((unsigned char)text[at] & 0xC0) != 0x80)
			return at;
	return 0;
}

/* Hand the line, or as much of it as inih takes at once; the rest follows as continuation lines. */
static bool hand_over(struct reader *r, const char *text, bool first, char *out, size_t room)
{
	size_t n = strlen(text), lead = first ? 0 : 1, take = n;

	r->rest = NULL;
	if (lead + n + 2 > room) {
		size_t from = first ? strcspn(text, "=:") : 0;

		take = room > lead + 2 && from < room - lead - 2 ? cut_at(text, from, room - lead - 2) : 0;
		if (take == 0) {
			bad_line(r, "the line cannot be read: it has too many blanks, ';' or '#' in a row, or no '=' near its beginning");
			r->state = NOTHING;
			return false;
		}
		r->rest = text + take;
	}
	out[0] = ' ';
	memcpy(out + lead, text, take);
	out[lead + take] = '\n';
	out[lead + take + 1] = '\0';
	return true;
}

/* Remove a comment at the line's end: in a continuation line inih would not know that it had begun. */
static void drop_comment(char *line)
{
	size_t n = 0;

	while (line[n] != '\0' && !(line[n] == ';' && n > 0 && blank(line[n - 1])))
		n++;
	line[n] = '\0';
	for (; n > 0 && blank(line[n - 1]); n--)
		line[n - 1] = '\0';
}

/* What of a value looks like a comment and is none, for inih or for the reader of the file. */
static const char *bad_value(const char *value)
{
	if (value[0] == ';')
		return "the value begins with ';': put a blank before a comment";
	for (const char *p = value; *p != '\0'; p++)
		if (*p == '#' && (p == value || blank(p[-1])))
			return "a comment after a value begins with ';', not with '#'";
	return NULL;
}

/* The key line in hand is whole: pass it on, or say that it is none. */
static void finish_key(struct reader *r)
{
	const char *bad;

	if (r->state == HANDED)
		bad_line(r, "the line is neither a [section], a `key = value` nor a comment");
	if (r->state == ANSWERED && (bad = bad_value(r->value)) != NULL)
		config_fault(r->report, here(r, r->name), "%s", bad);
	else if (r->state == ANSWERED)
		r->sink->key(r->sink->ctx, r->section, r->name, r->value, r->number);
	r->state = NOTHING;
}

static char *next_line(char *out, int room, void *stream)
{
	struct reader *r = stream;

	if (r->rest != NULL && hand_over(r, r->rest, false, out, (size_t)room))
		return out;
	finish_key(r);
	while (take_line(r)) {
		size_t lead = strspn(r->line, " \t");
		char first = r->line[lead];

		if (first == '\0' || first == '#' || first == ';')
			continue;
		if (lead > 0) {
			bad_line(r, "the line is indented: keys and sections begin in the first column");
			continue;
		}
		if (first == '[') {
			if (take_section(r) && hand_over(r, r->line, true, out, (size_t)room))
				return out;
			continue;
		}
		drop_comment(r->line);
		r->section_used = true;
		r->state = HANDED;
		r->value_n = 0;
		if (hand_over(r, r->line, true, out, (size_t)room))
			return out;
	}
	return NULL;
}

static int answer(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	size_t n = strlen(value);

	(void)section;  /* the reader's own: inih keeps the last good one after a faulty section line */
	MUSTER_ASSERT(r->value_n + n <= CONFIG_LINE_MAX && strlen(name) <= CONFIG_LINE_MAX);
	if (r->state == HANDED)
		strcpy(r->name, name);
	memcpy(r->value + r->value_n, value, n + 1);
	r->value_n += n;
	r->state = ANSWERED;
	return 1;
}

int config_lines_read(const void *text, size_t n, const char *file, const struct config_lines_sink *sink, struct config_report *report)
{
	struct reader *r = mem_alloc(sizeof *r);
	const uint8_t *p = n > 0 ? text : (const void *)"";
	int result = MUSTER_OK;

	if (r == NULL)
		return MUSTER_E_NOMEM;
	r->file = file;
	r->sink = sink;
	r->report = report;
	r->p = p;
	r->end = p + n;
	if (n >= 2 && ((p[0] == 0xFF && p[1] == 0xFE) || (p[0] == 0xFE && p[1] == 0xFF))) {
		config_fault(report, (struct config_where){ .file = file }, "the file is UTF-16: save it as UTF-8");
		goto done;
	}
	if (n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
		r->p += 3;
	/* A positive result is the first line inih found fault with; each such line has been reported here already. */
	if (ini_parse_stream(next_line, r, answer, r) < 0)
		result = MUSTER_E_NOMEM;
	close_section(r);
done:
	mem_free(r);
	return result;
}
