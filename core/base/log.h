/** Log lines for the service manager: `event key=value …`, one line each, syslog levels, text from peers escaped. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>
#include <stddef.h>
#include <syslog.h>

enum log_style { LOG_STYLE_TEXT, LOG_STYLE_JOURNAL /**< "<N>" prefix for journald */ };
void log_open(const char *program, enum log_style style, int least_level);
/** Another least level, at any time. */
void log_set_level(int least_level);
/** Tests: receive lines instead of stderr. NULL restores. */
void log_capture(void (*sink)(void *ctx, int level, const char *line), void *ctx);

/**
 * Write one line. @p fmt is a printf format that yields `key=value` pairs; wrap text from peers with log_quote().
 * Thread-safe; one write(2) a line.
 */
void log_line(int level, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** Escape @p text as "quoted" with control bytes, quotes and non-UTF-8 as \xNN; at most @p room bytes. @return out. */
const char *log_quote(char *out, size_t room, const char *text);

/** A limit for lines a peer can cause: true at most @p burst times per @p period_ms; counts what was held back. */
struct log_limit { _Atomic int64_t window; _Atomic uint32_t used; _Atomic uint64_t held; };
int log_allowed(struct log_limit *l, int64_t boot_ms, int64_t period_ms, uint32_t burst);

#endif
