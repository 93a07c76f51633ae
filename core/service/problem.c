#include "core/service/problem.h"

#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/utf8.h"

/* Sentences quote what was sent, cut where there was no more room: half a character would make all of it no JSON. */
void problem_text(struct buf *out, const char *text)
{
	const char *start = text;
	size_t n;

	buf_addc(out, '"');
	for (; *text != '\0'; text += n > 0 ? n : 1) {
		unsigned char c = (unsigned char)*text;

		n = utf8_length(text, UTF8_MAX);
		if (n > 0 && c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(out, start, (size_t)(text - start));
		if (n == 0)
			buf_adds(out, "\xef\xbf\xbd");   /* U+FFFD */
		else if (c < 0x20)
			buf_addf(out, "\\u%04x", c);
		else
			buf_addf(out, "\\%c", c);
		start = text + 1;
	}
	buf_add(out, start, (size_t)(text - start));
	buf_addc(out, '"');
}

unsigned problem_status(uint32_t code)
{
	const struct code_info *info = code_find(code);

	return info != NULL && info->http >= 400 ? info->http : 500;
}

static void member(struct buf *out, const char *name, const char *text)
{
	buf_addf(out, ",\"%s\":", name);
	problem_text(out, text);
}

void problem_write(struct buf *out, unsigned status, uint32_t code, const char *detail, const char *field, uint32_t retry_after, int64_t time_ms,
                   uint32_t grace_s)
{
	const struct code_info *info = code_find(code);
	char name[16], time[TIME_RFC3339];

	if (info == NULL) {
		code = CODE_M_INTERNAL;
		info = code_find(code);
	}
	code_name(name, code);
	buf_addf(out, "{\"status\":%u,\"code\":\"%s\"", status, name);
	member(out, "title", info->title);
	member(out, "detail", detail != NULL && *detail != '\0' ? detail : info->meaning);
	member(out, "action", info->action);
	if (field != NULL && *field != '\0')
		member(out, "field", field);
	if (retry_after > 0)
		buf_addf(out, ",\"retry_after_seconds\":%u", retry_after);
	if (time_ms != 0) {
		time_rfc3339(time, time_ms);
		buf_addf(out, ",\"time\":\"%s\"", time);
	}
	if (grace_s > 0)
		buf_addf(out, ",\"grace_seconds\":%u", grace_s);
	buf_adds(out, "}\n");
}
