/* One form of each value from text (facts.md section 5): texts, keys, dates, counts, words. Nothing here quotes a key. */
#include "core/estate/kinds_value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <openssl/crypto.h>

#include "core/base/buf.h"
#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/base/uuid.h"

#define SYMBOLS 25

/* Words that exports and people use for the choices of kinds.c. */
static const struct { const char *field, *said, *is; } choice_words[] = {
	{ "kind", "kms", "host" }, { "kind", "kms host", "host" }, { "kind", "kms host key", "host" }, { "kind", "host key", "host" }, { "kind", "kms key", "host" }, { "kind", "csvlk", "host" },
	{ "kind", "multiple activation key", "mak" }, { "kind", "mak key", "mak" }, { "kind", "esu mak", "esu" }, { "kind", "esu-mak", "esu" },
	{ "kind", "setup key", "setup" }, { "kind", "gvlk", "setup" }, { "kind", "kms client", "setup" }, { "kind", "kms client setup key", "setup" },
	{ "state", "complete", "fulfilled" }, { "state", "completed", "fulfilled" }, { "state", "delivered", "fulfilled" }, { "state", "canceled", "cancelled" },
	{ "state", "open", "submitted" }, { "state", "pending", "submitted" }, { "state", "ordered", "submitted" },
};

/* ---- text ---- */

static bool no_break_space(const char *p, size_t n)
{
	return n >= 2 && (unsigned char)p[0] == 0xC2 && (unsigned char)p[1] == 0xA0;
}

static void trim(const char **p, size_t *n)
{
	for (;;) {
		if (*n > 0 && isspace((unsigned char)**p)) {
			++*p;
			--*n;
		} else if (no_break_space(*p, *n)) {
			*p += 2;
			*n -= 2;
		} else if (*n > 0 && isspace((unsigned char)(*p)[*n - 1])) {
			--*n;
		} else if (*n >= 2 && no_break_space(*p + *n - 2, 2)) {
			*n -= 2;
		} else {
			return;
		}
	}
}

static bool symbol(char c)
{
	return isascii((unsigned char)c) && isalnum((unsigned char)c);
}

/* Five groups of five with hyphens between, at least one letter among them, and nothing like a sixth group. */
static bool whole_key_at(const char *p, size_t n, size_t at)
{
	bool letter = false;

	if (n - at < VALUE_KEY_TEXT - 1 || (at > 0 && (symbol(p[at - 1]) || p[at - 1] == '-')))
		return false;
	for (size_t i = 0; i < VALUE_KEY_TEXT - 1; i++) {
		char c = p[at + i];

		if (i % 6 == 5 ? c != '-' : !symbol(c))
			return false;
		letter = letter || isalpha((unsigned char)c);
	}
	return letter && (n - at == VALUE_KEY_TEXT - 1 || (!symbol(p[at + VALUE_KEY_TEXT - 1]) && p[at + VALUE_KEY_TEXT - 1] != '-'));
}

static bool holds_whole_key(const char *p, size_t n)
{
	for (size_t i = 0; i + VALUE_KEY_TEXT - 1 <= n; i++)
		if (whole_key_at(p, n, i))
			return true;
	return false;
}

/* A dash, or a blank, of Unicode: bytes of it; 0 none. */
static size_t dash_or_blank(const unsigned char *p, size_t n, bool *dash)
{
	*dash = false;
	if (n >= 1 && (p[0] == '-' || isspace(p[0]))) {
		*dash = p[0] == '-';
		return 1;
	}
	if (n >= 2 && p[0] == 0xC2 && (p[1] == 0xA0 || p[1] == 0xAD))
		return 2;                        /* no-break space; soft hyphen, which is seen only where a line breaks */
	if (n < 3 || p[0] != 0xE2)
		return 0;
	*dash = (p[1] == 0x80 && p[2] >= 0x90 && p[2] <= 0x95) || (p[1] == 0x88 && p[2] == 0x92);
	return *dash || (p[1] == 0x80 && (p[2] <= 0x8B || p[2] == 0xAF)) || (p[1] == 0x81 && p[2] == 0xA0) ? 3 : 0;
}

/* Shape only. @return symbols found, -1: another character or a hyphen in a wrong place. */
static int key_symbols(char out[SYMBOLS], const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	int found = 0;
	bool dash;

	for (size_t i = 0, step; i < n; i += step) {
		if ((step = dash_or_blank(u + i, n - i, &dash)) > 0) {
			if (dash && found % 5 != 0)
				return -1;
			continue;
		}
		if (!symbol(p[i]))
			return -1;
		step = 1;
		if (found < SYMBOLS)
			out[found] = (char)toupper(u[i]);
		found++;
	}
	return found;
}

/* Three groups of five with hyphens between: also a key that was mistyped or cut is none to be quoted. */
static bool looks_like_key(const char *p, size_t n)
{
	for (size_t at = 0; at + 17 <= n; at++) {
		size_t i = 0;

		while (i < 17 && (i % 6 == 5 ? p[at + i] == '-' : symbol(p[at + i])))
			i++;
		if (i == 17)
			return true;
	}
	return false;
}

/* The beginning of a value for a message: one line, whole characters, no key. */
const char *value_quote(value_quoted out, const char *p, size_t n)
{
	char symbols[SYMBOLS];
	size_t used;

	if (key_symbols(symbols, p, n) == SYMBOLS || looks_like_key(p, n)) {
		OPENSSL_cleanse(symbols, sizeof symbols);
		p = "(hidden: it looks like a product key)";
		n = strlen(p);
	}
	used = utf8_cut(p, n, VALUE_QUOTED - 4);
	for (size_t i = 0; i < used; i++)
		out[i] = (unsigned char)p[i] < 0x20 || p[i] == 0x7f ? '?' : p[i];
	(void)snprintf(out + used, VALUE_QUOTED - used, "%s", used < n ? "..." : "");
	return out;
}

bool estate_id_ok(const char *id)
{
	size_t n = strlen(id);

	if (n == 0 || n > ESTATE_ID_MAX || !symbol(id[0]))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!symbol(id[i]) && strchr("._-:", id[i]) == NULL)
			return false;
	return true;
}

static int wrong(struct muster_err *err, const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, const char *takes)
{
	value_quoted q;

	return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s is \"%s\"; it takes %s", k->name, f->name, value_quote(q, p, n), takes);
}

static int text_ok(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, struct muster_err *err)
{
	bool lines = f->type == ESTATE_LINES;

	if (n > f->max)
		return err_code(err, MUSTER_E_LIMIT, CODE_M_ARGUMENT, "%s: %s is %zu bytes long; it takes at most %zu", k->name, f->name, n, f->max);
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)p[i] < 0x20 && !(lines && (p[i] == '\n' || p[i] == '\t'))) || p[i] == 0x7f ||
		    ((unsigned char)p[i] == 0xC2 && i + 1 < n && (unsigned char)p[i + 1] < 0xA0))
			return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s holds a control character; it takes %s", k->name, f->name, lines ? "lines of text" : "one line of text");
	if (holds_whole_key(p, n))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s holds what looks like a whole product key, which everybody could read there; give it as `key` of an entry of kind key, "
		                "where it is sealed, or as `setup_key` of a product", k->name, f->name);
	return MUSTER_OK;
}

static int out_text(json_t **out, const char *p, size_t n, struct muster_err *err)
{
	*out = json_stringn(p, n);
	return *out != NULL ? MUSTER_OK : err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "a value is not UTF-8 text");
}

static int get_text(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err)
{
	int r = text_ok(k, f, p, n, err);

	return r == MUSTER_OK ? out_text(out, p, n, err) : r;
}

/* Line ends of any system; no blanks at the ends of lines. */
static int get_lines(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err)
{
	char *text = mem_alloc(n + 1);
	size_t used = 0;
	int r;

	if (text == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		char c = p[i] == '\r' ? '\n' : p[i];

		if (p[i] == '\r' && i + 1 < n && p[i + 1] == '\n')
			continue;
		while (c == '\n' && used > 0 && (text[used - 1] == ' ' || text[used - 1] == '\t'))
			used--;
		text[used++] = c;
	}
	r = get_text(k, f, text, used, out, err);
	OPENSSL_cleanse(text, n);   /* where a key stood in it, it was refused */
	mem_free(text);
	return r;
}

/* ---- keys ---- */

static int get_key(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err)
{
	char symbols[SYMBOLS], key[VALUE_KEY_TEXT];
	int found = key_symbols(symbols, p, n), r = MUSTER_OK;

	if (found != SYMBOLS)
		r = found < 0 ? err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s is not of a product key's shape: five groups of five letters and digits with hyphens between", k->name, f->name) :
		    err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s has %d letters and digits; a product key has %d, five groups of five with hyphens between", k->name, f->name, found, SYMBOLS);
	if (r == MUSTER_OK) {
		(void)snprintf(key, sizeof key, "%.5s-%.5s-%.5s-%.5s-%.5s", symbols, symbols + 5, symbols + 10, symbols + 15, symbols + 20);
		r = out_text(out, key, VALUE_KEY_TEXT - 1, err);
	}
	OPENSSL_cleanse(symbols, sizeof symbols);
	OPENSSL_cleanse(key, sizeof key);
	return r;
}

/* Of a masked or a whole key only the end is taken. */
static int get_partial(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err)
{
	char last[6];

	if (n < 5 || (n > 5 && p[n - 6] != '-'))
		goto refused;
	for (size_t i = 0; i < 5; i++) {
		if (!symbol(p[n - 5 + i]))
			goto refused;
		last[i] = (char)toupper((unsigned char)p[n - 5 + i]);
	}
	return out_text(out, last, 5, err);
refused:
	return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s takes the last five letters and digits of a product key", k->name, f->name);
}

/* ---- dates, numbers, words ---- */

static bool date_real(int y, int m, int d)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return y >= 1980 && y <= 9999 && m >= 1 && m <= 12 && d >= 1 && d <= days[m - 1] + (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

/* Three numbers with the same separator; a time may stand behind. @return the separator, 0: none of that. */
static char three_numbers(const char *p, size_t n, int v[3])
{
	size_t at = 0;
	char sep = '\0';

	for (int i = 0; i < 3; i++) {
		size_t digits = 0;

		for (v[i] = 0; at < n && isdigit((unsigned char)p[at]) && digits < 4; at++, digits++)
			v[i] = v[i] * 10 + (p[at] - '0');
		if (digits == 0 || (i < 2 && (at == n || strchr("-/.", p[at]) == NULL || (i > 0 && p[at] != sep))))
			return '\0';
		if (i < 2)
			sep = p[at++];
	}
	return at == n || p[at] == 'T' || p[at] == ' ' ? sep : '\0';
}

static int get_date(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err)
{
	char text[40], sep;
	int v[3];

	if ((sep = three_numbers(p, n, v)) == '\0')
		return wrong(err, k, f, p, n, "a date, YYYY-MM-DD");
	if (v[0] < 100) {
		const int y = v[2], m = sep == '.' ? v[1] : v[0], d = sep == '.' ? v[0] : v[1];

		if (sep == '-')
			return wrong(err, k, f, p, n, "a date, YYYY-MM-DD");
		v[0] = y;
		v[1] = m;
		v[2] = d;
	}
	if (!date_real(v[0], v[1], v[2]))
		return wrong(err, k, f, p, n, "a day of the calendar, YYYY-MM-DD");
	return out_text(out, text, (size_t)snprintf(text, sizeof text, "%04d-%02d-%02d", v[0], v[1], v[2]), err);
}

/* Digits, also in groups of three: 1,000, 1.000, 1 000. */
static bool digits_of(const char *p, size_t n, json_int_t *out)
{
	size_t since = 0, digits = 0;
	char sep = '\0';

	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (isdigit((unsigned char)p[i]) && digits < 12) {
			*out = *out * 10 + (p[i] - '0');
			digits++;
			since++;
			continue;
		}
		if (strchr(",. '", p[i]) == NULL || p[i] == '\0' || digits == 0 || (sep == '\0' ? since > 3 : since != 3 || p[i] != sep))
			return false;
		sep = p[i];
		since = 0;
	}
	return digits > 0 && (sep == '\0' || since == 3);
}

static int get_count(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err)
{
	json_int_t v = -1;

	if (!(n == 2 && memcmp(p, "-1", 2) == 0) && !(n == 7 && strncasecmp(p, "unknown", 7) == 0) && !digits_of(p, n, &v))
		return wrong(err, k, f, p, n, "a number from 0, or unknown");
	*out = json_integer(v);
	return *out != NULL ? MUSTER_OK : err_nomem(err);
}

static int get_flag(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err)
{
	static const char *const words[] = { "no", "yes", "false", "true", "0", "1", "off", "on", "n", "y" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strlen(words[i]) == n && strncasecmp(words[i], p, n) == 0) {
			*out = json_boolean(i % 2);
			return MUSTER_OK;
		}
	return wrong(err, k, f, p, n, "yes or no");
}

static bool is_choice(const char *of, const char *p, size_t n, const char **word)
{
	for (size_t m; *of != '\0'; of += m + (of[m] == '|')) {
		m = strcspn(of, "|");
		*word = of;
		if (m == n && strncasecmp(of, p, n) == 0)
			return true;
	}
	return false;
}

static int get_choice(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err)
{
	const char *word;
	char takes[160] = "one of: ";
	size_t used = strlen(takes);

	if (is_choice(f->of, p, n, &word))
		return out_text(out, word, n, err);
	for (size_t i = 0; i < sizeof choice_words / sizeof choice_words[0]; i++)
		if (strcmp(choice_words[i].field, f->name) == 0 && strlen(choice_words[i].said) == n && strncasecmp(choice_words[i].said, p, n) == 0 &&
		    is_choice(f->of, choice_words[i].is, strlen(choice_words[i].is), &word))
			return out_text(out, choice_words[i].is, strlen(choice_words[i].is), err);
	for (const char *c = f->of; *c != '\0' && used + 3 < sizeof takes; c++) {
		takes[used++] = *c == '|' ? ',' : *c;
		if (*c == '|')
			takes[used++] = ' ';
	}
	takes[used] = '\0';
	return wrong(err, k, f, p, n, takes);
}

static int get_uuid(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err)
{
	const char *at = n == 38 && p[0] == '{' && p[37] == '}' ? p + 1 : p;
	char text[UUID_TEXT];
	uint8_t id[16];

	if (uuid_parse(id, at, at != p ? 36 : n) != MUSTER_OK)
		return wrong(err, k, f, p, n, "a UUID, as 2e28138a-847f-42bc-9752-61b03fff33cd");
	uuid_format(text, id);
	return out_text(out, text, 36, err);
}

/* A name of what is referred to is as good as its ID: who has the books looks. */
static int get_ref(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err)
{
	const struct estate_field name = { .name = f->name, .type = ESTATE_TEXT, .max = 200 };

	return get_text(k, &name, p, n, out, err);
}

static int (*const getters[])(const struct estate_kind *, const struct estate_field *, const char *, size_t, json_t **, struct muster_err *) = {
	[ESTATE_TEXT] = get_text, [ESTATE_LINES] = get_lines, [ESTATE_REF] = get_ref, [ESTATE_DATE] = get_date, [ESTATE_COUNT] = get_count, [ESTATE_FLAG] = get_flag,
	[ESTATE_CHOICE] = get_choice, [ESTATE_UUID] = get_uuid, [ESTATE_KEY] = get_key, [ESTATE_SETUP] = get_key, [ESTATE_PARTIAL] = get_partial
};

int value_get(const struct estate_kind *k, const struct estate_field *f, const char *p, size_t n, json_t **out, struct muster_err *err)
{
	*out = NULL;
	trim(&p, &n);
	if (n > VALUE_RAW_MAX)
		return err_code(err, MUSTER_E_LIMIT, CODE_M_ARGUMENT, "%s: %s is %zu bytes long, which is too much for any value", k->name, f->name, n);
	return n > 0 ? getters[f->type](k, f, p, n, out, err) : MUSTER_OK;
}
