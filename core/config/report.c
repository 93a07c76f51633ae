#include "core/config/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/utf8.h"

void config_fault(struct config_report *r, struct config_where where, const char *fmt, ...)
{
	char text[MUSTER_ERR_MAX], whole[MUSTER_ERR_MAX], line[16] = "";
	bool section = where.section != NULL && where.section[0] != '\0';
	bool key = where.key != NULL && where.key[0] != '\0';
	char name[CONFIG_SHOW] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (where.line > 0)
		snprintf(line, sizeof line, ":%u", where.line);
	if (key)
		config_show(name, where.key);
	if (snprintf(whole, sizeof whole, "%s%s:%s%s%s%s%s%s %s", where.file, line,
	             section ? " [" : "", section ? where.section : "", section ? "]" : "",
	             key ? " " : "", name, section || key ? ":" : "", text) >= (int)sizeof whole)
		strcpy(whole + sizeof whole - 4, "...");
	for (char *p = whole; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7F)
			*p = '?';
	if (r->faults++ == 0)
		memcpy(r->first, whole, sizeof whole);
	if (r->fn != NULL)
		r->fn(r->ctx, whole);
}

const char *config_show(char out[CONFIG_SHOW], const char *text)
{
	size_t n = strlen(text), keep = utf8_cut(text, n, 48);

	memcpy(out, text, keep);
	strcpy(out + keep, keep < n ? "..." : "");
	return out;
}
