/* What cells say: portals, spreadsheets and people write the same thing in many ways. */
#include "core/exchange/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NBSP "\xc2\xa0"

bool cell_absent(const char *text)
{
	static const char *const words[] = { "", "-", "--", "n/a", "na", "n.a.", "not applicable", "none", "null", "not available", "\xe2\x80\x93", "\xe2\x80\x94" };

	for (size_t i = 0; i < COUNT(words); i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

/* ---- counts ---- */

static const char *skip_blanks(const char *p)
{
	for (;; p++) {
		if (strncmp(p, NBSP, 2) == 0)
			p++;
		else if (*p != ' ' && *p != '\t')
			return p;
	}
}

/* What may stand between thousands; its length, 0 none. */
static size_t separator(const char *p)
{
	if (strncmp(p, NBSP, 2) == 0)
		return 2;
	if (strncmp(p, "\xe2\x80\xaf", 3) == 0)
		return 3;
	return *p == ',' || *p == '.' || *p == ' ' || *p == '\'';
}

/* @return behind the number; NULL: none is there */
static const char *number(const char *p, int64_t *out)
{
	bool negative = *p == '-';
	size_t first;

	p += negative;
	first = strspn(p, "0123456789");
	if (first == 0)
		return NULL;
	*out = 0;
	for (size_t i = 0; i < first; i++)
		if ((*out = *out * 10 + (p[i] - '0')) > INT64_C(1000000000000))
			return NULL;
	p += first;
	for (size_t s; first <= 3 && (s = separator(p)) > 0 && strspn(p + s, "0123456789") == 3; p += s + 3)
		if ((*out = *out * 1000 + strtol((char[]){ p[s], p[s + 1], p[s + 2], '\0' }, NULL, 10)) > INT64_C(1000000000000))
			return NULL;
	/* a spreadsheet's whole number: 12.0, 12,00 */
	if ((*p == '.' || *p == ',') && p[1] == '0')
		p += 1 + strspn(p + 1, "0");
	if (negative)
		*out = -*out;
	return p;
}

int cell_count(const char *text, int64_t *value, int64_t *total)
{
	const char *p = number(skip_blanks(text), value);

	*total = -2;
	if (p == NULL)
		return MUSTER_E_INVALID;
	p = skip_blanks(p);
	if (*p == '/' || strncasecmp(p, "of ", 3) == 0) {
		p = skip_blanks(p + (*p == '/' ? 1 : 3));
		if (cell_absent(p) || strncasecmp(p, "unlimited", 9) == 0)
			return MUSTER_OK;
		if ((p = number(p, total)) == NULL)
			return MUSTER_E_INVALID;
		p = skip_blanks(p);
	}
	return *p == '\0' && *value >= -1 && *total >= -2 ? MUSTER_OK : MUSTER_E_INVALID;
}

/* ---- dates ---- */

static bool is_date(int y, int m, int d)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return y >= 1970 && y <= 9999 && m >= 1 && m <= 12 && d >= 1 && d <= days[m - 1] + (m == 2 && leap);
}

static int month_of(const char *p, size_t n)
{
	static const char *const months[] = { "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december" };

	for (int i = 0; i < 12; i++)
		if (n >= 3 && n <= strlen(months[i]) && strncasecmp(p, months[i], n) == 0)
			return i + 1;
	return 0;
}

/* Up to three parts of a date: numbers, or a month's name (as 100 + its number). @return behind them; NULL: this is none. */
static const char *parts_of(const char *p, int part[3], size_t width[3], char *between)
{
	*between = '\0';
	for (size_t i = 0; i < 3; i++) {
		size_t n = strspn(p, "0123456789"), letters = 0;

		while (((unsigned char)p[letters] | 32u) >= 'a' && ((unsigned char)p[letters] | 32u) <= 'z')
			letters++;
		if (n >= 1 && n <= 4)
			part[i] = (int)strtol(p, NULL, 10);
		else if (n == 0 && month_of(p, letters) > 0)
			part[i] = 100 + month_of(p, letters);
		else
			return NULL;
		width[i] = n;
		p += n > 0 ? n : letters;
		if (i == 2)
			break;
		if (*between == '\0')
			*between = *p;
		if (*p == '\0' || strchr("-/. ,", *p) == NULL)
			return NULL;
		p += strspn(p, "-/. ,");
	}
	return p;
}

static int put_date(char out[11], int y, int m, int d)
{
	if (!is_date(y, m, d))
		return MUSTER_E_INVALID;
	(void)snprintf(out, 11, "%04u-%02u-%02u", (unsigned)y % 10000u, (unsigned)m % 100u, (unsigned)d % 100u);
	return MUSTER_OK;
}

int cell_date(const char *text, char out[11], enum cell_order *order)
{
	int part[3] = { 0 };
	size_t width[3] = { 0 };
	char between;
	const char *p = parts_of(skip_blanks(text), part, width, &between);

	*order = CELL_CLEAR;
	/* behind a date there is nothing, or a time of that day */
	if (p == NULL || (*p != '\0' && ((*p != ' ' && *p != 'T' && *p != ',') || strpbrk(p, "0123456789") == NULL)))
		return MUSTER_E_INVALID;
	if (width[0] == 4)
		return put_date(out, part[0], part[1] % 100, part[2]);
	if (width[2] == 2)
		part[2] += 2000;
	else if (width[2] != 4)
		return MUSTER_E_INVALID;
	if (part[0] > 100)
		return put_date(out, part[2], part[0] - 100, part[1]);
	if (part[1] > 100)
		return put_date(out, part[2], part[1] - 100, part[0]);
	if (between == '.')
		return put_date(out, part[2], part[1], part[0]);
	if (part[0] > 12 && part[1] <= 12) {
		*order = CELL_DAY_FIRST;
		return put_date(out, part[2], part[1], part[0]);
	}
	*order = part[1] <= 12 && part[0] != part[1] ? CELL_MONTH_FIRST : CELL_CLEAR;
	return put_date(out, part[2], part[0], part[1]);
}

/* ---- words ---- */

/* Is @p word in the text, with no letter beside it? */
static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; (p = strcasestr(p, word)) != NULL; p += n) {
		unsigned char before = p > text ? (unsigned char)p[-1] : ' ', after = (unsigned char)p[n];

		if (!((before | 32u) >= 'a' && (before | 32u) <= 'z') && !((after | 32u) >= 'a' && (after | 32u) <= 'z'))
			return true;
	}
	return false;
}

/* In this order: what is more special comes first. */
static const struct { const char *word, *kind; } kind_words[] = {
	{ "esu", "esu" }, { "extended security", "esu" },
	{ "client setup", "setup" }, { "kms client", "setup" }, { "setup", "setup" }, { "gvlk", "setup" },
	{ "csvlk", "host" }, { "kms", "host" }, { "host", "host" }, { "key management", "host" },
	{ "mak", "mak" }, { "multiple activation", "mak" },
	{ "embedded", "embedded" }, { "oem", "embedded" }, { "pre-pidded", "embedded" },
	{ "retail", "retail" }, { "fpp", "retail" },
	{ "va 1.0", "other" }, { "va1.0", "other" }, { "vlk", "other" }, { "volume license", "other" }, { "static", "other" }, { "other", "other" }, { "custom", "other" },
};

static const char *kind_of(const char *text)
{
	for (size_t i = 0; i < COUNT(kind_words); i++)
		if (has_word(text, kind_words[i].word))
			return kind_words[i].kind;
	return NULL;
}

const char *cell_key_kind(const char *type, const char *product, bool *known)
{
	const char *kind = kind_of(type), *of_product = kind_of(product);

	*known = true;
	if (kind != NULL && strcmp(kind, "mak") == 0 && of_product != NULL && strcmp(of_product, "esu") == 0)
		return "esu";
	if (kind != NULL)
		return kind;
	*known = cell_absent(type) || has_word(type, "volume");
	return *known && of_product != NULL && strcmp(of_product, "other") != 0 ? of_product : "other";
}

/* "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE", with or without its dashes, or blanks for them; NULL: another form. @param[out] hidden all but the last five are masked. */
static bool five_by_five(const char *text, char out[32], bool *hidden)
{
	char c[25];
	size_t n = 0;

	for (const char *p = text; *p != '\0'; p++) {
		char one = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;

		if (one == '-' || one == ' ')
			continue;
		if (strncmp(p, "\xe2\x80\xa2", 3) == 0 || strncmp(p, "\xe2\x97\x8f", 3) == 0) {   /* bullets */
			one = '*';
			p += 2;
		}
		if (n == sizeof(c) || !((one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9') || one == '*' || one == '#'))
			return false;
		c[n++] = one;
	}
	if (n != sizeof(c))
		return false;
	*hidden = strchr("*#X", c[0]) != NULL;
	for (size_t i = 0; i < 25; i++) {
		if (i < 20 && c[i] != c[0])
			*hidden = false;
		if (i >= 20 && strchr("*#", c[i]) != NULL)
			return false;
	}
	for (size_t i = 0; i < 20 && !*hidden; i++)
		if (c[i] == '*' || c[i] == '#')
			return false;
	if (*hidden)
		(void)snprintf(out, 32, "%.5s", c + 20);
	else
		(void)snprintf(out, 32, "%.5s-%.5s-%.5s-%.5s-%.5s", c, c + 5, c + 10, c + 15, c + 20);
	memset(c, 0, sizeof(c));
	return true;
}

enum cell_key cell_key(const char *text, char out[32])
{
	static const char *const not_needed[] = { "no key", "not required", "not needed", "no product key", "none required", "keyless" };
	const char *last;
	bool hidden = false;
	size_t n = strlen(text);

	out[0] = '\0';
	if (cell_absent(text))
		return CELL_KEY_NONE;
	for (size_t i = 0; i < COUNT(not_needed); i++)
		if (strncasecmp(text, not_needed[i], strlen(not_needed[i])) == 0)
			return CELL_KEY_NOT_NEEDED;
	if (five_by_five(text, out, &hidden))
		return hidden ? CELL_KEY_PARTIAL : CELL_KEY_WHOLE;
	/* "EEEEE", "...EEEEE", "…-EEEEE" */
	last = n >= 5 ? text + n - 5 : text;
	if (n < 5 || n > 12 || strspn(last, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != 5)
		return CELL_KEY_OTHER;
	for (const char *p = text; p < last; p++)
		if (strchr(".-*\xe2\x80\xa6", *p) == NULL)
			return CELL_KEY_OTHER;
	for (size_t i = 0; i < 5; i++)
		out[i] = last[i] >= 'a' && last[i] <= 'z' ? (char)(last[i] - 32) : last[i];
	out[5] = '\0';
	return CELL_KEY_PARTIAL;
}

/* Other words for the values of choices: kind of entry, field, word, value. */
static const struct { const char *kind, *field, *word, *value; } choice_words[] = {
	{ "order", "state", "complete", "fulfilled" }, { "order", "state", "completed", "fulfilled" }, { "order", "state", "shipped", "fulfilled" },
	{ "order", "state", "delivered", "fulfilled" }, { "order", "state", "invoiced", "fulfilled" }, { "order", "state", "closed", "fulfilled" },
	{ "order", "state", "open", "submitted" }, { "order", "state", "pending", "submitted" }, { "order", "state", "processing", "submitted" },
	{ "order", "state", "in progress", "submitted" }, { "order", "state", "ordered", "submitted" }, { "order", "state", "new", "submitted" },
	{ "order", "state", "canceled", "cancelled" }, { "order", "state", "returned", "cancelled" }, { "order", "state", "void", "cancelled" },
	{ "contact", "role", "reseller", "seller" }, { "contact", "role", "partner", "seller" }, { "contact", "role", "vendor", "seller" }, { "contact", "role", "sales", "seller" },
	{ "contact", "role", "technical", "support" }, { "contact", "role", "technical support", "support" }, { "contact", "role", "activation center", "activation" },
	{ "contact", "role", "activation centre", "activation" }, { "contact", "role", "it", "internal" },
};

const char *cell_choice(const struct estate_kind *k, const struct estate_field *f, const char *text)
{
	static _Thread_local char value[64];
	size_t n = strlen(text);

	for (const char *p = f->of; *p != '\0';) {
		size_t m = strcspn(p, "|");

		if (m == n && m < sizeof(value) && strncasecmp(p, text, n) == 0) {
			(void)snprintf(value, sizeof(value), "%.*s", (int)m, p);
			return value;
		}
		p += m + (p[m] == '|');
	}
	for (size_t i = 0; i < COUNT(choice_words); i++)
		if (strcmp(choice_words[i].kind, k->name) == 0 && strcmp(choice_words[i].field, f->name) == 0 && strcasecmp(choice_words[i].word, text) == 0)
			return choice_words[i].value;
	return NULL;
}

int cell_flag(const char *text)
{
	static const char *const yes[] = { "yes", "true", "1", "x", "y", "on" }, *const no[] = { "no", "false", "0", "n", "off" };

	for (size_t i = 0; i < COUNT(yes); i++)
		if (strcasecmp(text, yes[i]) == 0)
			return 1;
	for (size_t i = 0; i < COUNT(no); i++)
		if (strcasecmp(text, no[i]) == 0)
			return 0;
	return -1;
}

/* ---- headings ---- */

/* The next character that makes a difference; '\0' at the end. Moves *p behind it. */
static char next_plain(const char **p, const char *end)
{
	for (; *p < end && **p != '\0'; (*p)++) {
		char c = **p;

		if (c == '\xc2' && *p + 1 < end && (*p)[1] == '\xa0') {
			(*p)++;
		} else if (strchr(" \t\n_-.:#*'\"", c) == NULL) {
			(*p)++;
			return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
		}
	}
	return '\0';
}

void heading_plain(char *out, size_t n, const char *heading)
{
	const char *end = heading + strlen(heading);
	size_t k = 0;

	for (char c; k + 1 < n && (c = next_plain(&heading, end)) != '\0'; k++)
		out[k] = c;
	out[k] = '\0';
}

static bool plain_equal(const char *plain, const char *text, size_t n)
{
	const char *end = text + n;

	for (;; plain++) {
		char c = next_plain(&text, end);

		if (c != *plain)
			return false;
		if (c == '\0')
			return true;
	}
}

static bool is_synonym(const struct estate_field *f, const char *plain)
{
	for (const char *p = f->synonyms; p != NULL && *p != '\0';) {
		size_t n = strcspn(p, "|");

		if (plain_equal(plain, p, n))
			return true;
		p += n + (p[n] == '|');
	}
	return false;
}

const struct estate_field *heading_field(const struct estate_kind *k, const char *heading)
{
	char plain[128];

	heading_plain(plain, sizeof(plain), heading);
	if (plain[0] == '\0')
		return NULL;
	for (size_t i = 0; i < k->field_count; i++)
		if (plain_equal(plain, k->fields[i].heading, strlen(k->fields[i].heading)))
			return &k->fields[i];
	for (size_t i = 0; i < k->field_count; i++)
		if (is_synonym(&k->fields[i], plain))
			return &k->fields[i];
	for (size_t i = 0; i < k->field_count; i++)
		if (plain_equal(plain, k->fields[i].name, strlen(k->fields[i].name)))
			return &k->fields[i];
	return NULL;
}

/* ---- the form of our own exports ---- */

char *cell_unmark(char *text)
{
	size_t quotes = strspn(text, "'"), n = strlen(text);

	if (quotes > 0 && exchange_is_formula(text + quotes))
		return text + 1;
	/* ="00123": how a spreadsheet is kept from dropping zeros */
	if (n >= 3 && text[0] == '=' && text[1] == '"' && text[n - 1] == '"' && memchr(text + 2, '"', n - 3) == NULL) {
		text[n - 1] = '\0';
		return text + 2;
	}
	return text;
}

static int add_item(json_t *list, struct buf *item)
{
	int r = item->failed ? -1 : json_array_append_new(list, json_stringn(buf_str(item), item->n));

	buf_clear(item);
	return r;
}

json_t *cell_list(const char *text)
{
	json_t *list = json_array();
	struct buf item;
	int r = 0;

	buf_init(&item, EXCHANGE_LINE_MAX);
	for (const char *p = text; *p != '\0' && r == 0; p++) {
		if (*p == ',')
			r = add_item(list, &item);
		else if (*p == '\\' && (p[1] == ',' || p[1] == '\\'))
			buf_addc(&item, *++p);
		else
			buf_addc(&item, *p);
	}
	if (r == 0)
		r = add_item(list, &item);
	buf_fini(&item);
	if (r != 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}
