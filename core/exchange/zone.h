/**
 * From a machine's local times to UTC: by one offset, or by the rules of a place, which the system's time zone database has (package tzdata). For readers of this folder.
 */
#ifndef EXCHANGE_ZONE_H
#define EXCHANGE_ZONE_H

#include "core/exchange/record.h"

#define ZONE_NAME_MAX 64
#define ZONE_NEAR_MS INT64_C(900000)   /**< two clocks that agree: a quarter of an hour */

struct zone {
	bool told;             /**< the caller said one; else UTC */
	bool named;            /**< by the rules of a place: libc knows them, for the whole process */
	int offset_s;          /**< not named: east of UTC */
};

/**
 * The zone that the hints say; neither offset nor name: UTC.
 *
 * A name becomes the TZ of this process, since libc has no other way to ask for one: not for programs with several threads or zones at once.
 * @return MUSTER_OK; MUSTER_E_INVALID no offset, both, no name of a zone, no such zone here, or no database; MUSTER_E_NOMEM.
 */
int zone_open(struct zone *z, const struct exchange_hints *h, struct muster_err *err);

enum zone_times {
	ZONE_ONCE,
	ZONE_TWICE,            /**< the clocks went back: @p utc has the first and the second time */
	ZONE_NEVER             /**< the clocks went forward past it: what they would have shown, had they not; an hour later on the clock that there was */
};
/** @param local_ms what the clock on the wall showed, counted as if it were UTC. @param[out] utc both the same unless ZONE_TWICE. */
enum zone_times zone_utc(const struct zone *z, int64_t local_ms, int64_t utc[2]);
/** Which of two times another clock speaks for. @return 0, 1; -1 neither. */
int zone_nearer(const int64_t utc[2], int64_t near);

/** "+01:00", "-0530", "+2", "Z" or "UTC". @return false: none. */
bool zone_offset(const char *text, int *offset_s);

#endif
