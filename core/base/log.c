#include "core/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/utf8.h"

#define LINE_MAX_BYTES 4096

/* Set once by main before threads start; the capture only by tests. */
static char program_name[32];
static enum log_style line_style = LOG_STYLE_TEXT;
static _Atomic int least = LOG_INFO;
static pthread_mutex_t capture_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*capture_sink)(void *ctx, int level, const char *line);
static void *capture_ctx;

void log_open(const char *program, enum log_style style, int least_level)
{
	(void)snprintf(program_name, sizeof program_name, "%s", program != NULL ? program : "");
	line_style = style;
	least = least_level;
}

void log_set_level(int least_level)
{
	least = least_level;
}

void log_capture(void (*sink)(void *ctx, int level, const char *line), void *ctx)
{
	pthread_mutex_lock(&capture_lock);
	capture_sink = sink;
	capture_ctx = ctx;
	pthread_mutex_unlock(&capture_lock);
}

static bool captured(int level, const char *line)
{
	bool taken;

	pthread_mutex_lock(&capture_lock);
	taken = capture_sink != NULL;
	if (taken)
		capture_sink(capture_ctx, level, line);
	pthread_mutex_unlock(&capture_lock);
	return taken;
}

/* One line is one line, whatever a caller let through. */
static void flatten(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7F)
			*text = ' ';
}

void log_line(int level, const char *event, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES], out[LINE_MAX_BYTES + 64];
	size_t n;
	int m;
	va_list ap;

	if (level > least)
		return;
	n = (size_t)snprintf(line, sizeof line / 2, "%s", event);
	if (n >= sizeof line / 2)
		n = sizeof line / 2 - 1;
	if (fmt != NULL && fmt[0] != '\0') {
		line[n++] = ' ';
		va_start(ap, fmt);
		(void)vsnprintf(line + n, sizeof line - n, fmt, ap);
		va_end(ap);
	}
	flatten(line);
	if (captured(level, line))
		return;
	if (line_style == LOG_STYLE_JOURNAL)
		m = snprintf(out, sizeof out, "<%d>%s\n", level, line);
	else
		m = snprintf(out, sizeof out, "%s%s%s\n", program_name, program_name[0] != '\0' ? ": " : "", line);
	/* Nobody is left to tell when the log itself cannot be written. */
	if (m > 0 && write(STDERR_FILENO, out, (size_t)m) < 0)
		return;
}

const char *log_quote(char *out, size_t room, const char *text)
{
	const unsigned char *p = (const unsigned char *)(text != NULL ? text : "");
	size_t at = 0;

	if (room < 3) {
		if (room > 0)
			out[0] = '\0';
		return out;
	}
	out[at++] = '"';
	while (*p != '\0') {
		size_t len = utf8_length(p, UTF8_MAX);
		/* C1 controls, U+0080 to U+009F, are two bytes that a terminal may obey. */
		bool plain = len > 0 && *p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7F && !(p[0] == 0xC2 && p[1] < 0xA0);
		size_t need = plain ? len : 4;

		if (at + need + 2 > room)
			break;
		if (plain) {
			memcpy(out + at, p, len);
			p += len;
		} else {
			(void)snprintf(out + at, 5, "\\x%02X", *p++);
		}
		at += need;
	}
	out[at++] = '"';
	out[at] = '\0';
	return out;
}

int log_allowed(struct log_limit *l, int64_t boot_ms, int64_t period_ms, uint32_t burst)
{
	int64_t window = period_ms > 0 ? boot_ms / period_ms + 1 : 1;
	int64_t seen = atomic_load(&l->window);

	/* Whoever moves the window on empties it; a line more or less at the turn does no harm. */
	if (seen != window && atomic_compare_exchange_strong(&l->window, &seen, window))
		atomic_store(&l->used, 0);
	if (atomic_fetch_add(&l->used, 1) < burst)
		return 1;
	atomic_store(&l->used, burst);
	atomic_fetch_add(&l->held, 1);
	return 0;
}
