#include "core/cli/verdicts.h"

#include <ctype.h>
#include <string.h>

#define REASON_COLUMN 25   /* where reasons begin in the table */
#define NARROW 20          /* columns a reason has at least */

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static enum verdict verdict_of(const json_t *o)
{
	return verdict_find(json_string_value(json_object_get(o, "verdict")));
}

json_t *verdicts_check(const char *check, enum verdict v, const char *reason, const char *remedy, const char *code)
{
	return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:[], s:[]}", "check", check, "verdict", verdict_word(v), "reason", reason, "remedy", remedy != NULL && remedy[0] != '\0' ? remedy : NULL,
	                 "code", code != NULL && code[0] != '\0' ? code : NULL, "details", "measures");
}

enum verdict verdicts_worst(const json_t *checks)
{
	enum verdict worst = VERDICT_OK;
	const json_t *check;
	size_t i;

	json_array_foreach(checks, i, check)
		worst = verdict_worse(worst, verdict_of(check));
	return json_array_size(checks) > 0 ? worst : VERDICT_UNKNOWN;
}

/* ---- as plugins do ---- */

/* One line whose '|' would end it; other control characters come from names that somebody else gave. */
static void put_line(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fputc(*text == '|' ? '/' : (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text, out);
}

static void put_label(FILE *out, const char *label)
{
	bool plain = label[0] != '\0' && strcspn(label, " ='|") == strlen(label);

	if (!plain)
		fputc('\'', out);
	for (; *label != '\0'; label++)
		fputc(*label == '\'' || *label == '=' || *label == '|' ? '_' : *label, out);
	if (!plain)
		fputc('\'', out);
}

static void put_measures(FILE *out, const json_t *checks)
{
	const json_t *check, *m;
	const char *before = " |";
	size_t i, k;

	json_array_foreach(checks, i, check)
		json_array_foreach(json_object_get(check, "measures"), k, m) {
			const json_t *max = json_object_get(m, "max");

			fprintf(out, "%s ", before);
			put_label(out, text_of(m, "label"));
			fprintf(out, "=%" JSON_INTEGER_FORMAT "%s;%s;%s;0;", json_integer_value(json_object_get(m, "value")), text_of(m, "unit"), text_of(m, "warning"), text_of(m, "critical"));
			if (json_is_integer(max))
				fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(max));
			before = "";
		}
}

static void plugin_lines(FILE *out, const char *service, const json_t *checks, bool details)
{
	enum verdict worst = verdicts_worst(checks);
	const json_t *check, *d;
	const char *before = ": ";
	size_t i, k, bad = 0;

	json_array_foreach(checks, i, check)
		bad += verdict_of(check) != VERDICT_OK;
	fprintf(out, "%s %s - ", service, verdict_shout(worst));
	if (bad > 0)
		fprintf(out, "%zu of ", bad);
	fprintf(out, "%zu check%s", json_array_size(checks), json_array_size(checks) == 1 ? "" : "s");
	/* The worst first: whoever cuts the line off cuts the rest. */
	for (int pass = 0; pass < 2; pass++)
		json_array_foreach(checks, i, check)
			if (verdict_of(check) != VERDICT_OK && (verdict_of(check) == worst) == (pass == 0)) {
				fputs(before, out);
				put_line(out, text_of(check, "check"));
				fputs(": ", out);
				put_line(out, text_of(check, "reason"));
				before = "; ";
			}
	put_measures(out, checks);
	fputc('\n', out);
	json_array_foreach(checks, i, check) {
		fprintf(out, "%s %s: ", verdict_shout(verdict_of(check)), text_of(check, "check"));
		put_line(out, text_of(check, "reason"));
		if (text_of(check, "remedy")[0] != '\0') {
			fputs(" - ", out);
			put_line(out, text_of(check, "remedy"));
		}
		fputc('\n', out);
		json_array_foreach(json_object_get(check, "details"), k, d)
			if (details) {
				fprintf(out, "  %s ", verdict_shout(verdict_of(d)));
				put_line(out, text_of(d, "reason"));
				fputc('\n', out);
			}
	}
}

/* ---- as a table ---- */

/* Columns of the first word, or of its part up to the end; UTF-8 continuation bytes take none. */
static size_t width(const char *p, size_t n)
{
	size_t w = 0;

	for (size_t i = 0; i < n; i++)
		w += ((unsigned char)p[i] & 0xc0) != 0x80;
	return w;
}

/* Text from column REASON_COLUMN on, broken between words. */
static void wrapped(FILE *out, const char *text, unsigned columns)
{
	size_t room = columns > REASON_COLUMN + NARROW ? columns - REASON_COLUMN : 0, at = 0;

	while (*text != '\0') {
		size_t n = strcspn(text, " \t\n"), w = width(text, n);

		if (room > 0 && at > 0 && at + 1 + w > room) {
			fprintf(out, "\n%*s", REASON_COLUMN, "");
			at = 0;
		}
		if (at > 0) {
			fputc(' ', out);
			at++;
		}
		for (size_t i = 0; i < n; i++)
			fputc((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i], out);
		at += w;
		text += n;
		text += strspn(text, " \t\n");
	}
	fputc('\n', out);
}

static void table_lines(FILE *out, unsigned columns, const json_t *checks, bool details)
{
	const json_t *check, *d;
	size_t i, k;

	fprintf(out, "%-10s%-*s%s\n", "VERDICT", REASON_COLUMN - 10, "CHECK", "REASON");
	json_array_foreach(checks, i, check) {
		const char *code = text_of(check, "code");

		fprintf(out, "%-10s%-*s", verdict_shout(verdict_of(check)), REASON_COLUMN - 10, text_of(check, "check"));
		wrapped(out, text_of(check, "reason"), columns);
		json_array_foreach(json_object_get(check, "details"), k, d)
			if (details && json_array_size(json_object_get(check, "details")) > 1) {
				fprintf(out, "  %-*s", REASON_COLUMN - 2, verdict_shout(verdict_of(d)));
				wrapped(out, text_of(d, "reason"), columns);
			}
		if (text_of(check, "remedy")[0] != '\0') {
			fprintf(out, "%*s", REASON_COLUMN, "-> ");
			wrapped(out, text_of(check, "remedy"), columns);
		}
		if (code[0] != '\0' && verdict_of(check) != VERDICT_OK)
			fprintf(out, "%*s%s\n", REASON_COLUMN, "", code);
	}
}

int verdicts_print(FILE *out, bool terminal, unsigned columns, const char *service, const json_t *checks, bool details)
{
	if (terminal)
		table_lines(out, columns, checks, details);
	else
		plugin_lines(out, service, checks, details);
	return (int)verdicts_worst(checks);
}

int verdicts_unknown(FILE *out, const char *service, const char *why)
{
	fprintf(out, "%s %s - ", service, verdict_shout(VERDICT_UNKNOWN));
	put_line(out, why);
	fputc('\n', out);
	return (int)VERDICT_UNKNOWN;
}
