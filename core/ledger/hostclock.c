#include "core/ledger/hostclock.h"

#include <stdio.h>
#include <string.h>

bool hostclock_start(struct hostclock *c, int64_t wall, int64_t boot, int64_t latest)
{
	memset(c, 0, sizeof *c);
	c->reference = wall - boot;
	c->mark = latest;
	if (latest == 0 || wall - latest <= HOSTCLOCK_SILENT_MS)
		return false;
	/* Everybody would drop out at once. A day lets those who still live report in first. */
	hostclock_resume_still(c, boot, latest, HOSTCLOCK_STILL_MS);
	return true;
}

void hostclock_resume_still(struct hostclock *c, int64_t boot, int64_t still_at, int64_t left_ms)
{
	c->still_at = still_at;
	c->still_until = boot + left_ms;
}

enum hostclock_change hostclock_check(struct hostclock *c, int64_t wall, int64_t boot)
{
	int64_t drift = wall - boot - c->reference;
	bool back = c->mark != 0 && wall < c->mark - HOSTCLOCK_BACK_MS;

	if (!c->ahead && drift > HOSTCLOCK_STILL_MS) {
		c->ahead = true;
		c->ahead_ms = drift;
		return HOSTCLOCK_AHEAD;
	}
	if (!c->ahead && (drift > HOSTCLOCK_JUMP_MS || drift < -HOSTCLOCK_JUMP_MS)) {
		if (!hostclock_still(c, boot))
			c->still_at = boot + c->reference;
		c->still_until = boot + HOSTCLOCK_STILL_MS;
		c->reference = wall - boot;
		c->back = back;
		c->back_ms = c->mark - wall;
		return back ? HOSTCLOCK_BACK : HOSTCLOCK_JUMPED;
	}
	if (back)
		c->back_ms = c->mark - wall;
	if (back != c->back) {
		c->back = back;
		return back ? HOSTCLOCK_BACK : HOSTCLOCK_RIGHT;
	}
	return HOSTCLOCK_SAME;
}

void hostclock_committed(struct hostclock *c, int64_t wall)
{
	if (!hostclock_held(c) && wall > c->mark)
		c->mark = wall;
}

bool hostclock_held(const struct hostclock *c)
{
	return c->ahead || c->back;
}

bool hostclock_still(const struct hostclock *c, int64_t boot)
{
	return c->ahead || (c->still_until != 0 && boot < c->still_until);
}

int64_t hostclock_age_time(const struct hostclock *c, int64_t wall, int64_t boot)
{
	if (c->still_until != 0 && boot < c->still_until)
		return c->still_at < wall ? c->still_at : wall;
	return hostclock_event_time(c, wall, boot);
}

int64_t hostclock_event_time(const struct hostclock *c, int64_t wall, int64_t boot)
{
	return c->ahead ? boot + c->reference : wall;
}

void hostclock_accept(struct hostclock *c, int64_t wall, int64_t boot)
{
	c->reference = wall - boot;
	c->mark = c->mark == 0 ? 0 : wall;
	c->ahead = c->back = false;
	c->still_until = 0;
	c->sampled = 0;
}

static const char *span_words(char out[48], int64_t ms)
{
	long long minutes = (long long)((ms + 30000) / 60000);   /* two days less a breath are two days */

	if (minutes >= 2880)
		snprintf(out, 48, "%lld days", minutes / 1440);
	else if (minutes >= 120)
		snprintf(out, 48, "%lld hours", minutes / 60);
	else
		snprintf(out, 48, "%lld minutes", minutes);
	return out;
}

static bool suspect(const struct hostclock *c, int *sign);

void hostclock_reason(const struct hostclock *c, char *out, size_t room, int64_t boot)
{
	char words[48];
	int sign;

	out[0] = '\0';
	if (c->ahead)
		snprintf(out, room, "the host's clock jumped %s ahead while running; nothing is granted until it is set right and "
		         "`musterctl clock accept` says so", span_words(words, c->ahead_ms));
	else if (c->back)
		snprintf(out, room, "the host's clock is %s behind the latest event; nothing is granted until it is set right or "
		         "`musterctl clock accept` says that it is", span_words(words, c->back_ms));
	else if (suspect(c, &sign))
		snprintf(out, room, "most clients' clocks are %s this host's: it is the host's clock that is wrong; set it", sign > 0 ? "ahead of" : "behind");
	else if (hostclock_still(c, boot))
		snprintf(out, room, "the host's clock jumped, or the ledger was silent for more than 35 days: for a day no client drops out "
		         "of the count and no event is deleted");
}

static bool suspect(const struct hostclock *c, int *sign)
{
	uint32_t same[2] = { 0, 0 }, clients[2] = { 0, 0 };

	if (c->sampled < HOSTCLOCK_SAMPLES)
		return false;
	for (size_t i = 0; i < HOSTCLOCK_SAMPLES; i++) {
		bool first = true;
		int way = c->samples[i].sign > 0;

		if (c->samples[i].sign == 0)
			continue;
		for (size_t k = 0; k < i; k++)
			if (c->samples[k].client == c->samples[i].client && c->samples[k].sign == c->samples[i].sign)
				first = false;
		same[way]++;
		clients[way] += first;
	}
	for (int way = 0; way < 2; way++) {
		if (same[way] >= HOSTCLOCK_SUSPECT && clients[way] >= HOSTCLOCK_CLIENTS) {
			*sign = way ? 1 : -1;
			return true;
		}
	}
	return false;
}

bool hostclock_sample(struct hostclock *c, uint32_t client, int64_t skew_ms, int64_t tolerance_ms)
{
	uint32_t i = c->sampled % HOSTCLOCK_SAMPLES;
	int sign;

	c->samples[i].sign = (int8_t)(skew_ms > tolerance_ms ? 1 : skew_ms < -tolerance_ms ? -1 : 0);
	c->samples[i].client = client;
	/* Past the first round only the place in the round matters. */
	c->sampled = c->sampled + 1 < 2 * HOSTCLOCK_SAMPLES ? c->sampled + 1 : HOSTCLOCK_SAMPLES;
	return c->samples[i].sign != 0 && suspect(c, &sign);
}
