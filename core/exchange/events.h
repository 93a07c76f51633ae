/**
 * Events of activation, as far as their forms (text, CSV, XML) are alike: which are taken, what their fields say, what a date of a header means.
 * Source: facts.md section 4. For readers of this folder and their tests.
 */
#ifndef EXCHANGE_EVENTS_H
#define EXCHANGE_EVENTS_H

#include "core/base/buf.h"
#include "core/exchange/record.h"
#include "core/exchange/zone.h"

#define EVENT_WORD_MAX 255u               /* bytes of a name, a provider, a date */
#define EVENT_TEXT_MAX (64u << 10)        /* bytes of a message; the system's own limit is half of it */
#define EVENT_FIELDS_MAX 64u

/** One event as its form gives it. Empty texts: not told. */
struct event {
	unsigned long line;                   /* that it begins in */
	uint32_t id;                          /* 0 not told: known by the shape of its fields */
	bool numbered; uint64_t number;       /* the log's own number of the record */
	struct buf provider, computer, log, date;
	struct buf text;                      /* the message, or the data joined by commas */
};
/** Every buffer gets its whole room, so that one that fails later was too long and nothing else. MUSTER_E_NOMEM: event_fini() all the same. */
int event_init(struct event *e, struct muster_err *err);
/** The same for a buffer of a reader's own. */
int event_room(struct buf *b, size_t cap, struct muster_err *err);
void event_fini(struct event *e);
void event_clear(struct event *e);
/** Without blanks around it and without marks of direction; no-break spaces become blanks. */
void event_word(struct buf *out, const char *p, size_t n);

enum event_order { EVENT_ORDER_UNKNOWN, EVENT_ORDER_MONTH_FIRST, EVENT_ORDER_DAY_FIRST };

/** When an event was logged. */
struct events_when {
	int64_t local_ms, utc_ms[2]; enum zone_times times;   /* zone.h; of a date with a zone of its own both utc_ms, and ZONE_ONCE */
	int64_t near_ms;                      /* the client's own time; INT64_MIN not told */
	uint64_t number;                      /* the log's own number; 0 not told */
	bool dated, local;
};
/** Events of the hour that comes twice, until it is known which of the two they are of (events_fold.c). */
struct events_held { json_t *record; unsigned long line; int64_t local_ms, utc_ms[2]; int said; /* which, 0 or 1; -1 not known */ };
struct events_steps { unsigned long up, down; };
struct events_fold {
	struct events_held *of; size_t n, room;
	struct events_steps by_time, by_number;
	bool any, twice; int64_t local_ms; uint64_t number;   /* the event before */
	unsigned long unknown, first_unknown;
};

/** One file being read. */
struct events {
	const struct exchange_hints *hints;
	const struct exchange_sink *sink;
	struct exchange_done *done;
	struct zone zone;
	struct events_fold fold;
	enum event_order order;               /* of dates like 9/10/2013, once one of them proved it */
	unsigned long local, undated, never, first_local, first_undated, first_never;
	unsigned long quarters[2 * 56 + 1];   /* how far the log's local times were ahead of the clients', in quarters of an hour */
};
/** @return MUSTER_OK; what zone_open() says. events_fini() also where events_end() was called. */
int events_begin(struct events *x, const struct exchange_hints *h, const struct exchange_sink *sink, struct exchange_done *done, struct muster_err *err);
/** Give an event, refuse it, or skip and count it. @return MUSTER_OK, or what the sink returned. */
int events_take(struct events *x, const struct event *e, struct muster_err *err);
/** What is held back, and what is to be said of the whole file. */
int events_end(struct events *x, struct muster_err *err);
void events_fini(struct events *x);

/** Does a reader look at this ID at all? */
bool event_wanted(uint32_t id);
/** The ID whose fields @p text has, 0 none. */
uint32_t event_guess(const char *text, size_t n);
/** "12290", and numbers of classic logs that carry it in their low half (0x40003002). 0: none. */
uint32_t event_id_of(const char *text, size_t n);

/**
 * The fields of an event by their shape, never by index: the first 0x…, the two GUIDs in order, the date; what stands between them follows from that.
 *
 * @param text the message, or the data joined by commas, with whatever stands before and behind. @param[in,out] record gets the members of record.h.
 * @return MUSTER_OK; MUSTER_E_INVALID with what is missing or wrong.
 */
int event_fields(json_t *record, uint32_t id, const char *text, size_t n, struct muster_err *err);
/** RFC 3339 into a record; @p fine with milliseconds. @return MUSTER_OK, MUSTER_E_NOMEM. */
int event_set_time(json_t *record, const char *name, int64_t ms, bool fine);
/** `2010/9/29 21:46` and `2010/09/29 17:52`, UTC; seconds may follow. */
int event_time(int64_t *ms, const char *text, size_t n);
/**
 * A date of a header: RFC 3339 with and without zone, and the usual local forms.
 *
 * @param near ms of the client's time in the same event, INT64_MIN none: tells month from day. @param[out] local it has no zone of its own: ms are what the clock showed.
 * @return MUSTER_OK or MUSTER_E_INVALID.
 */
int events_date(struct events *x, int64_t *ms, bool *local, const char *text, size_t n, int64_t near);

/** Give a record its "logged_at" and give it on: at once, or when it is known what that is. Takes @p record over. @return MUSTER_OK, MUSTER_E_NOMEM, or what the sink returned. */
int events_fold_take(struct events *x, json_t *record, unsigned long line, const struct events_when *w, struct muster_err *err);
int events_fold_flush(struct events *x, struct muster_err *err);
void events_fold_free(struct events *x);

#endif
