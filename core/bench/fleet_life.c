/* What machines and hosts do when, as drawn from the seed. */
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/bench/fleet.h"
#include "core/bench/population.h"

#define DAY_S 86400U
#define HOUR_S 3600U
#define YEAR_S (365U * DAY_S)
#define GRACE_S (30U * DAY_S)
#define BACKOFF_S 60U
#define INTERVAL_MIN_S 900U
#define INTERVAL_MAX_S (30U * DAY_S)
#define HOLIDAY_FROM 355U   /* day of the year */

#define KNOB(name, arg, member, value, min, max, whole, doc) { name, arg, offsetof(struct fleet_options, member), value, min, max, whole, doc }
const struct fleet_knob fleet_knobs[] = {
	KNOB("machines", "N", machines, 10000, 1, 20e6, true, "machines of the roll-out"),
	KNOB("days", "N", days, 365, 1, 3650, true, "days to simulate"),
	KNOB("seed", "N", seed, 1, 0, 9e15, true, "another seed, another fleet; the same seed and options, the same run"),
	KNOB("minimum", "N", minimum, 25, 1, 100000, true, "minimum count"),
	KNOB("validity", "DAYS", validity, 180, 1, 3650, false, "life of a lease"),
	KNOB("renewal", "DAYS", renewal, 7, 0.0105, 30, false, "renewal interval, +-10 %"),
	KNOB("retry", "HOURS", retry, 2, 0.25, 720, false, "activation interval, +-10 %"),
	KNOB("rollout", "DAYS", rollout, 21, 0, 3650, false, "machines appear, spread over the first so many days"),
	KNOB("silent", "SHARE", silent, 0.08, 0, 1, false, "of the machines that fall silent for ever in a year"),
	KNOB("releases", "SHARE", releases, 0.05, 0, 1, false, "of the machines that release their lease and leave in a year"),
	KNOB("replaced", "SHARE", replaced, 0.9, 0, 1, false, "of those that leave have a successor within two weeks"),
	KNOB("moved", "SHARE", moved, 0.25, 0, 1, false, "of the successors of released machines keep the client ID, on other hardware"),
	KNOB("away", "SHARE", away, 0.15, 0, 1, false, "of the machines travel: each renewal is followed by weeks of absence, one time in eight"),
	KNOB("holidays", "SHARE", holidays, 0.5, 0, 1, false, "of the machines are off for the last ten days of each year"),
	KNOB("clones", "SHARE", clones, 0.005, 0, 1, false, "of the machines are copies with another machine's client ID"),
	KNOB("skewed", "SHARE", skewed, 0.005, 0, 1, false, "of the machines have a clock hours or days wrong, for days"),
	KNOB("lost", "SHARE", lost, 0.002, 0, 0.5, false, "of the answers are lost on their way: the same question comes again"),
	KNOB("virtual", "SHARE", virtual_, 0.3, 0, 1, false, "of the machines are virtual"),
	KNOB("outages", "N", outages, 4, 0, 200, true, "outages of the host of 2 hours to 5 days: switched off, or out of reach by turns"),
	KNOB("long-outage", "DAYS", long_outage, 0, 0, 3000, false, "one more, so long, in the middle: 200 ends leases, 40 makes ageing stand still"),
	KNOB("disk-full", "N", disk_full, 1, 0, 20, true, "times the host's disk is full for hours: 503"),
	KNOB("restarts", "N", restarts, 2, 0, 20, true, "restarts as after kill -9"),
	KNOB("keep", "DAYS", keep, 400, 1, 36500, true, "events are kept"),
	KNOB("tick", "SECONDS", tick, 0, 0, 3600, true, "what falls due within so many simulated seconds is handed over at once; 0: by the fleet's size"),
	KNOB("falsify", "N", falsify, 0, 0, 9e15, true, "spoil the Nth answer before it is compared, to see that it is found"),
};
const size_t fleet_knob_count = sizeof fleet_knobs / sizeof fleet_knobs[0];

void fleet_defaults(struct fleet_options *o)
{
	memset(o, 0, sizeof *o);
	for (size_t i = 0; i < fleet_knob_count; i++)
		memcpy((char *)o + fleet_knobs[i].offset, &fleet_knobs[i].value, sizeof(double));
}

static uint64_t mix(uint64_t x)
{
	return population_random(&x);
}

double fleet_draw(const struct fleet *f, uint32_t machine, uint32_t ask, enum fleet_purpose purpose)
{
	uint64_t x = mix(mix(f->seed ^ ((uint64_t)purpose << 56)) ^ ((uint64_t)machine << 32 | ask));

	return (double)(x >> 11) * 0x1p-53;
}

static uint32_t seconds(double s)
{
	return s >= 4e9 ? MODEL_NONE : s <= 0 ? 0 : (uint32_t)s;
}

/* As likely to end in any year. */
static uint32_t leaves_at(const struct fleet *f, uint32_t machine, uint32_t born)
{
	double rate = f->o.silent + f->o.releases;

	if (rate <= 0)
		return MODEL_NONE;
	return seconds(born + YEAR_S * -log(1 - fleet_draw(f, machine, 0, FLEET_P_LIFE)) / rate);
}

bool fleet_birth(struct fleet *f, uint32_t born, uint32_t like, bool keeps_id)
{
	uint32_t k = f->machine_count;
	struct fleet_machine *m;

	if (k == f->machine_room) {
		uint32_t room = k + k / 8 + 1024;

		if ((m = mem_grow(f->machines, room, sizeof *m)) == NULL)
			return false;
		f->machines = m;
		f->machine_room = room;
	}
	m = &f->machines[k];
	memset(m, 0, sizeof *m);
	m->born = born;
	m->leaves = leaves_at(f, k, born);
	if (like == MODEL_NONE && k > 0 && fleet_draw(f, k, 0, FLEET_P_CLONE) < f->o.clones) {
		like = (uint32_t)(fleet_draw(f, k, 0, FLEET_P_MASTER) * k);
		keeps_id = true;
		m->state |= FLEET_M_CLONE;
	}
	if (keeps_id) {
		m->id = f->machines[like].id;
		f->model.ids[m->id].shared = 1;
	} else if ((m->id = model_new_id(&f->model)) == MODEL_NONE) {
		return false;
	}
	f->machine_count++;
	return heap_push(&f->heap, born, k);
}

/* Some clocks are hours or days wrong, from some day on until somebody sets them; all others by up to two minutes. */
int32_t fleet_skew(const struct fleet *f, uint32_t machine, uint32_t now)
{
	double skew = fleet_draw(f, machine, 0, FLEET_P_SKEW) * 2 - 1;
	uint32_t from;

	if (fleet_draw(f, machine, 0, FLEET_P_SKEWED) < f->o.skewed) {
		from = f->machines[machine].born + seconds(fleet_draw(f, machine, 0, FLEET_P_SKEW_AT) * 60 * DAY_S);
		if (now >= from && now - from < seconds(DAY_S + fleet_draw(f, machine, 0, FLEET_P_SKEW_FOR) * 20 * DAY_S))
			return (int32_t)(skew * 3 * DAY_S);
	}
	return (int32_t)(skew * 120);
}

/* facts.md section 4: licensed; initial grace of a new machine; additional grace of one whose lease ended; notification. */
uint8_t fleet_status(const struct fleet_machine *m, uint32_t now)
{
	uint32_t begin = m->lease_until != 0 ? m->lease_until : m->born;

	if (m->lease_until > now)
		return 1;
	if (now - begin >= GRACE_S)
		return 5;
	return m->lease_until != 0 ? 3 : 2;
}

/* client_spread() of libmuster: +-10 %. */
static uint32_t spread(const struct fleet *f, uint32_t machine, double s)
{
	s *= 0.9 + 0.2 * fleet_draw(f, machine, f->machines[machine].ask, FLEET_P_SPREAD);
	return s < INTERVAL_MIN_S ? INTERVAL_MIN_S : s > INTERVAL_MAX_S ? INTERVAL_MAX_S : (uint32_t)s;
}

static uint32_t absence(const struct fleet *f, uint32_t machine)
{
	uint32_t ask = f->machines[machine].ask;
	double days;

	if (fleet_draw(f, machine, 0, FLEET_P_TRAVELS) >= f->o.away || fleet_draw(f, machine, ask, FLEET_P_ABSENCE) >= 1.0 / 8)
		return 0;
	days = fleet_draw(f, machine, ask, FLEET_P_FAR) < 1.0 / 20 ? 170 : 7;   /* in a drawer for half a year, or on a journey */
	return seconds((days + 60 * fleet_draw(f, machine, ask, FLEET_P_ABSENT_FOR)) * DAY_S);
}

/* Whoever is off over the holidays comes back on the first morning of the year. */
static uint32_t after_holidays(const struct fleet *f, uint32_t machine, uint32_t at)
{
	uint32_t year = at / YEAR_S;

	if (at % YEAR_S < HOLIDAY_FROM * DAY_S || fleet_draw(f, machine, year, FLEET_P_HOLIDAY) >= f->o.holidays)
		return at;
	return (year + 1) * YEAR_S + 7 * HOUR_S + seconds(fleet_draw(f, machine, year, FLEET_P_RETURN) * 4 * HOUR_S);
}

/* renewal() of libmuster: the renewal interval, and well before the lease ends. Also after a 409 beside a valid lease. */
uint32_t fleet_renewal(const struct fleet *f, uint32_t machine, uint32_t now)
{
	uint32_t left = f->machines[machine].lease_until - now, s = spread(f, machine, f->renewal_s);

	if (s > left / 2)
		s = left / 2 > INTERVAL_MIN_S ? left / 2 : INTERVAL_MIN_S;
	return s;
}

uint32_t fleet_after_grant(const struct fleet *f, uint32_t machine, uint32_t now)
{
	uint32_t at = now + fleet_renewal(f, machine, now) + absence(f, machine);

	return after_holidays(f, machine, at) - now;
}

uint32_t fleet_after_answer(const struct fleet *f, uint32_t machine)
{
	return spread(f, machine, f->retry_s);
}

/* backoff() of libmuster: a minute, doubled each time, up to the activation interval; +-10 %. */
uint32_t fleet_after_failure(const struct fleet *f, uint32_t machine, uint32_t failures, uint32_t draw)
{
	uint32_t s = BACKOFF_S;

	for (uint32_t i = 1; i < failures && s < f->retry_s; i++)
		s *= 2;
	if (s > f->retry_s)
		s = f->retry_s;
	return s - s / 10 + seconds(fleet_draw(f, machine, f->machines[machine].ask ^ draw << 20, FLEET_P_BACKOFF) * s / 5);
}

/* ---- the host ---- */

static void plan(struct fleet *f, double from, double length, enum fleet_happening what)
{
	struct fleet_incident *i = &f->incidents[f->incident_count];

	if (f->incident_count == FLEET_INCIDENTS)
		return;
	*i = (struct fleet_incident){ .at = seconds(from), .what = what };
	i->until = i->at + seconds(length);
	for (; i > f->incidents && i[-1].at > i->at; i--) {
		struct fleet_incident other = i[-1];

		i[-1] = *i;
		*i = other;
	}
	f->incident_count++;
}

/* One after the other, with an hour between; what would begin after the end is left out. */
static void space_out(struct fleet *f)
{
	uint32_t kept = 0, free_from = HOUR_S;

	for (uint32_t i = 0; i < f->incident_count; i++) {
		struct fleet_incident x = f->incidents[i];

		if (x.at < free_from) {
			x.until += free_from - x.at;
			x.at = free_from;
		}
		if (x.at >= f->end)
			continue;
		free_from = x.until + HOUR_S;
		f->incidents[kept++] = x;
	}
	f->incident_count = kept;
}

void fleet_plan_incidents(struct fleet *f)
{
	const double end = f->end;
	uint32_t n = 0;

	for (uint32_t i = 0; i < (uint32_t)f->o.outages; i++, n++)   /* short ones are as likely as long ones */
		plan(f, end * fleet_draw(f, n, 0, FLEET_P_HOST_AT), 2 * HOUR_S * pow(60, fleet_draw(f, n, 0, FLEET_P_HOST_FOR)),
		     i % 2 == 0 ? FLEET_OUTAGE_OFF : FLEET_OUTAGE_NETWORK);
	for (uint32_t i = 0; i < (uint32_t)f->o.disk_full; i++, n++)
		plan(f, end * fleet_draw(f, n, 0, FLEET_P_HOST_AT), (1 + 11 * fleet_draw(f, n, 0, FLEET_P_HOST_FOR)) * HOUR_S,
		     FLEET_DISK_FULL);
	for (uint32_t i = 0; i < (uint32_t)f->o.restarts; i++, n++)
		plan(f, end * fleet_draw(f, n, 0, FLEET_P_HOST_AT), 0, FLEET_RESTART);
	if (f->o.long_outage > 0)
		plan(f, end / 2 - f->o.long_outage * DAY_S / 2, f->o.long_outage * DAY_S, FLEET_OUTAGE_OFF);
	space_out(f);
}
