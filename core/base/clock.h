/** Clocks are injected, never read directly: tests move them, nothing sleeps. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <muster/types.h>

/** A source of time. Functions are thread-safe. */
struct clock {
	int64_t (*wall_ms)(const struct clock *);  /**< milliseconds since 1970-01-01 UTC */
	int64_t (*boot_ms)(const struct clock *);  /**< CLOCK_BOOTTIME: steady, counts through suspend */
};
static inline int64_t clock_wall_ms(const struct clock *c) { return c->wall_ms(c); }
static inline int64_t clock_boot_ms(const struct clock *c) { return c->boot_ms(c); }

const struct clock *clock_system(void);

/** A clock whose distance from the system's is read from a file (decimal milliseconds, re-read at every call): lets a
 * test program run with shifted time. Linked into test programs only (tests/integration). @p path borrowed for ever. */
const struct clock *clock_file(const char *path);

/** A clock that stands still until told otherwise (unit tests, simulation). First member, so it can be cast. */
struct clock_manual {
	struct clock clock;
	_Atomic int64_t wall, boot;
};
void clock_manual_init(struct clock_manual *c, int64_t wall_ms);
void clock_manual_advance(struct clock_manual *c, int64_t ms);   /**< moves wall and boot alike */

#define TIME_RFC3339 25
/** `2026-11-22T10:00:00Z`. */
void time_rfc3339(char out[TIME_RFC3339], int64_t ms);
/** RFC 3339 with Z or numeric offset, optional fraction, years 1970–9999. @return MUSTER_OK or MUSTER_E_INVALID. */
int time_parse_rfc3339(int64_t *ms, const char *text, size_t n);
/** `4/9/2013 9:58:33 AM`, local time (facts.md section 3). */
void time_listing(char out[32], int64_t ms);
/** `2010/9/29 21:46`, UTC, unpadded (facts.md section 4, event 12290). */
void time_event(char out[32], int64_t ms);

#endif
