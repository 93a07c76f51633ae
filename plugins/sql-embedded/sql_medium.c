#include "plugins/sql-embedded/sql_medium.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX_LEN 1024

/** The encodings facts.md section 6 names. */
enum encoding { ASCII, UTF8, UTF16LE };

static const char *const encoding_names[] = { "ASCII", "UTF-8", "UTF-16LE" };

struct reader { struct muster_span bytes; size_t at; enum encoding encoding; };

static bool starts(struct muster_span b, const char *mark, size_t n)
{
	return b.n >= n && memcmp(b.p, mark, n) == 0;
}

/** @return false for UTF-16BE, which setup does not write. */
static bool reader_init(struct reader *r, struct muster_span bytes)
{
	*r = (struct reader){ bytes, 0, ASCII };
	if (starts(bytes, "\xef\xbb\xbf", 3)) {
		r->encoding = UTF8;
		r->at = 3;
	} else if (starts(bytes, "\xff\xfe", 2)) {
		r->encoding = UTF16LE;
		r->at = 2;
	} else if (starts(bytes, "\xfe\xff", 2) || (bytes.n >= 2 && bytes.p[0] == 0 && bytes.p[1] != 0)) {
		return false;
	} else if (bytes.n >= 2 && bytes.p[0] != 0 && bytes.p[1] == 0) {
		r->encoding = UTF16LE; /* without a mark: the first character is ASCII in every such file */
	}
	return true;
}

/** The next character; what is not ASCII becomes '?', for no key, section or name has any. -1 at the end. */
static int reader_next(struct reader *r)
{
	unsigned low, high;

	if (r->encoding != UTF16LE) {
		if (r->at >= r->bytes.n)
			return -1;
		low = r->bytes.p[r->at++];
		return low < 0x80 ? (int)low : '?';
	}
	if (r->bytes.n - r->at < 2)
		return -1; /* half a character at the end is none */
	low = r->bytes.p[r->at];
	high = r->bytes.p[r->at + 1];
	r->at += 2;
	return high == 0 && low < 0x80 ? (int)low : '?';
}

/** One line without its end and the blanks around it; what is too long for any line that matters is cut. @return false at the end. */
static bool reader_line(struct reader *r, char line[LINE_MAX_LEN])
{
	size_t n = 0;
	int c = reader_next(r);

	if (c < 0)
		return false;
	for (; c >= 0 && c != '\n'; c = reader_next(r))
		if (n < LINE_MAX_LEN - 1 && (n > 0 || (c != ' ' && c != '\t' && c != '\r')))
			line[n++] = c == '\0' ? '?' : (char)c;
	while (n > 0 && strchr(" \t\r", line[n - 1]) != NULL)
		n--;
	line[n] = '\0';
	return true;
}

/** The value of `PID = "…"` in @p line, unquoted in place; NULL when it is another line. */
static char *pid_value(char *line)
{
	char *value;
	size_t n;

	if (strncasecmp(line, "PID", 3) != 0)
		return NULL;
	value = line + 3 + strspn(line + 3, " \t");
	if (*value != '=')
		return NULL;
	value += 1 + strspn(value + 1, " \t");
	n = strlen(value);
	if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
		value[n - 1] = '\0';
		value++;
	}
	return value;
}

/** Five groups of five letters and digits, made upper case in place. */
static bool key_shape(char *key)
{
	size_t i;

	if (strlen(key) != SQL_KEY_LEN)
		return false;
	for (i = 0; i < SQL_KEY_LEN; i++) {
		if (key[i] >= 'a' && key[i] <= 'z')
			key[i] = (char)(key[i] - 'a' + 'A');
		if (i % 6 == 5 ? key[i] != '-' : !((key[i] >= 'A' && key[i] <= 'Z') || (key[i] >= '0' && key[i] <= '9')))
			return false;
	}
	return true;
}

struct section { const char *name; const char *product; const char *note; };

/* facts.md section 6: [SQLSERVER2008] for 2008 and 2008 R2, [OPTIONS] later. */
static const struct section sections[] = {
	{ "SQLSERVER2008", "sql-server-2008", NULL },
	{ "OPTIONS", NULL, "The section is the same from 2012 on: which version it is, the medium's own label says." },
};

static const struct section *section_of(char *line)
{
	size_t i, n = strlen(line);

	if (n < 2 || line[n - 1] != ']')
		return NULL;
	for (i = 0; i < sizeof sections / sizeof sections[0]; i++)
		if (strlen(sections[i].name) == n - 2 && strncasecmp(line + 1, sections[i].name, n - 2) == 0)
			return &sections[i];
	return NULL;
}

static int report(const struct muster_medium_file *file, const struct reader *r, const struct section *s, char *value, muster_found_fn *found, void *arg)
{
	struct muster_found f = { .size = sizeof f, .path = file->path, .encoding = encoding_names[r->encoding] };

	if (s != NULL) {
		f.section = s->name;
		f.product = s->product;
		f.note = s->note;
	}
	if (value == NULL) {
		f.note = "The file holds no PID that setup reads; a medium without one asks for a key during installation.";
	} else if (!key_shape(value)) {
		f.note = "PID is there and is not five groups of five letters and digits.";
	} else {
		f.kind = MUSTER_KEY_EMBEDDED;
		f.key = (struct muster_span){ (const uint8_t *)value, SQL_KEY_LEN };
	}
	return found(arg, &f);
}

int sql_medium_file(const struct muster_medium_file *file, muster_found_fn *found, void *arg, struct muster_err *err)
{
	const struct section *s = NULL;
	char line[LINE_MAX_LEN], *value;
	struct reader r;
	bool any = false;
	int result = MUSTER_OK;

	if (!reader_init(&r, file->bytes)) {
		if (err != NULL) {
			err->result = MUSTER_E_INVALID;
			(void)snprintf(err->message, sizeof err->message, "%.500s: the file is UTF-16 with the high byte first, which setup does not read; save it as UTF-16LE, UTF-8 or ASCII", file->path);
		}
		return MUSTER_E_INVALID;
	}
	while (result == MUSTER_OK && reader_line(&r, line)) {
		if (line[0] == '[')
			s = section_of(line);
		else if (s != NULL && (value = pid_value(line)) != NULL) {
			any = true;
			result = report(file, &r, s, value, found, arg);
		}
	}
	explicit_bzero(line, sizeof line);
	if (result == MUSTER_OK && !any)
		result = report(file, &r, NULL, NULL, found, arg);
	return result;
}
