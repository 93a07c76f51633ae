/**
 * Whether the host's own clock can be believed (trust.md section 11), and whether its clients' can.
 *
 * Grants, ageing and retention hang on the clock; a wrong one must neither let a fleet drop out nor stretch leases.
 * Not thread-safe: the ledger's lock guards it. Wall times are ms UTC, boot times CLOCK_BOOTTIME ms.
 */
#ifndef LEDGER_HOSTCLOCK_H
#define LEDGER_HOSTCLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOSTCLOCK_BACK_MS (INT64_C(5) * 60 * 1000)
#define HOSTCLOCK_JUMP_MS (INT64_C(3600) * 1000)
#define HOSTCLOCK_STILL_MS (INT64_C(24) * 3600 * 1000)
#define HOSTCLOCK_SILENT_MS (INT64_C(35) * 24 * 3600 * 1000)
#define HOSTCLOCK_SAMPLES 32
/** So many of the last samples off the same way, from so many clients, and it is the host that is wrong. */
#define HOSTCLOCK_SUSPECT 24
#define HOSTCLOCK_CLIENTS 8

enum hostclock_change {
	HOSTCLOCK_SAME, HOSTCLOCK_JUMPED /* ageing stands still for a day */, HOSTCLOCK_AHEAD /* held until accepted */,
	HOSTCLOCK_BACK /* held while behind the latest event */, HOSTCLOCK_RIGHT /* no longer behind */
};

struct hostclock {
	int64_t reference;             /* trusted wall − boot */
	int64_t mark;                  /* wall time of the latest commit, or of the acceptance */
	int64_t still_at, still_until; /* ageing time and the boot time until which it stands; still_until 0: it runs */
	int64_t ahead_ms, back_ms;
	bool ahead, back;
	struct { int8_t sign; uint32_t client; } samples[HOSTCLOCK_SAMPLES];
	uint32_t sampled;
};

/** @param latest wall time of the latest event; 0: none yet. @return true when the ledger was silent for more than 35 days. */
bool hostclock_start(struct hostclock *c, int64_t wall, int64_t boot, int64_t latest);
/** Ageing stood still when the process ended: go on with it. */
void hostclock_resume_still(struct hostclock *c, int64_t boot, int64_t still_at, int64_t left_ms);
/** Look at both clocks; call for every group and when idle. */
enum hostclock_change hostclock_check(struct hostclock *c, int64_t wall, int64_t boot);
/** A group was committed at @p wall. */
void hostclock_committed(struct hostclock *c, int64_t wall);
bool hostclock_held(const struct hostclock *c);
bool hostclock_still(const struct hostclock *c, int64_t boot);
/** Time by which clients age. */
int64_t hostclock_age_time(const struct hostclock *c, int64_t wall, int64_t boot);
/** Time to write into events: never one that was not believed. */
int64_t hostclock_event_time(const struct hostclock *c, int64_t wall, int64_t boot);
/** An administrator says that the clock is right. */
void hostclock_accept(struct hostclock *c, int64_t wall, int64_t boot);
/** One sentence, "" when all is well. */
void hostclock_reason(const struct hostclock *c, char *out, size_t room, int64_t boot);
/** Note a client's time. @return true when many clients are off the same way: say that the host is wrong. */
bool hostclock_sample(struct hostclock *c, uint32_t client, int64_t skew_ms, int64_t tolerance_ms);

#endif
