/* The host's own affairs: its clock, its disk, and what it says about them. */
#include "core/ledger/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/base/file.h"
#include "core/ledger/disk.h"

#define LOOK_MS 1000
#define MIB(n) ((unsigned long long)((n) >> 20))

void host_event(struct ledger *l, int level, const char *event, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (l->event == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	l->event(l->ctx, level, event, text);
}

void host_later(struct ledger *l, int level, const char *event, const char *fmt, ...)
{
	struct said *s;
	va_list ap;

	if (l->said_count == SAID_MAX)
		memmove(l->said, l->said + 1, sizeof l->said[0] * --l->said_count);
	s = &l->said[l->said_count++];
	s->level = level;
	s->event = event;
	va_start(ap, fmt);
	vsnprintf(s->text, sizeof s->text, fmt, ap);
	va_end(ap);
}

void host_flush(struct ledger *l)
{
	struct said said[SAID_MAX];
	uint32_t n;

	pthread_mutex_lock(&l->lock);
	n = l->said_count;
	memcpy(said, l->said, n * sizeof said[0]);
	l->said_count = 0;
	pthread_mutex_unlock(&l->lock);
	for (uint32_t i = 0; i < n; i++)
		host_event(l, said[i].level, said[i].event, "%s", said[i].text);
}

void host_row(struct ledger *l, uint32_t code, const char *text)
{
	struct store_event *e;

	if (l->system_count == SYSTEM_EVENTS_MAX)
		memmove(l->system, l->system + 1, sizeof l->system[0] * --l->system_count);
	e = &l->system[l->system_count++];
	memset(e, 0, sizeof *e);
	e->source = 1;
	e->n = 1;
	e->result = code;
	e->flags = STORE_F_SYSTEM;
	snprintf(e->name, sizeof e->name, "%s", text);
}

void host_time(struct ledger *l, int64_t *wall, int64_t *boot)
{
	static const char *const words[] = {
		[HOSTCLOCK_JUMPED] = "the host's clock jumped: ageing and retention stand still for a day",
		[HOSTCLOCK_AHEAD] = "the host's clock jumped more than a day ahead: no grants until it is accepted",
		[HOSTCLOCK_BACK] = "the host's clock is behind the latest event: no grants until it is right or accepted",
		[HOSTCLOCK_RIGHT] = "the host's clock is right again: grants go on"
	};
	enum hostclock_change change;

	*wall = clock_wall_ms(l->clock);
	*boot = clock_boot_ms(l->clock);
	change = hostclock_check(&l->host, *wall, *boot);
	if (change != HOSTCLOCK_SAME) {
		host_row(l, change == HOSTCLOCK_RIGHT ? CODE_OK : (uint32_t)CODE_TIMESTAMP, words[change]);
		host_later(l, change == HOSTCLOCK_RIGHT ? 5 : 2, "clock", "%s", words[change]);
	}
}

static void look_at_disk(struct ledger *l)
{
	uint64_t avail = 0, total = 0, floor;
	struct muster_err err;
	bool low, was = atomic_load(&l->disk_low);
	int r = MUSTER_OK;

	if (l->space != NULL)
		r = l->space(l->ctx, &avail, &total);
	else if (l->dir != NULL)
		r = file_space(l->dir, &avail, &total, &err);
	else
		return;
	if (r != MUSTER_OK)
		return;   /* the commit itself will say what is wrong */
	pthread_mutex_lock(&l->lock);
	floor = disk_floor(l->set.min_free, total);
	low = disk_is_low(was, avail, floor);
	l->disk_free = avail;
	l->disk_floor = floor;
	pthread_mutex_unlock(&l->lock);
	if (low == was)
		return;
	atomic_store(&l->disk_low, low);
	if (low)
		host_event(l, 2, "disk-low", "%llu MiB are free on the file system of the state folder, the least is %llu (min_free): requests "
		           "are answered 503 until twice that is free", MIB(avail), MIB(floor));
	else
		host_event(l, 5, "disk-enough", "%llu MiB are free again: requests are taken", MIB(avail));
}

void host_look(struct ledger *l)
{
	int64_t wall, boot;

	pthread_mutex_lock(&l->lock);
	host_time(l, &wall, &boot);
	pthread_mutex_unlock(&l->lock);
	if (boot - l->tick_ms >= LOOK_MS || boot < l->tick_ms) {
		l->tick_ms = boot;
		look_at_disk(l);
	}
}

/* "A B", both decimal. */
struct clock_rows { int64_t accepted[2], still[2]; };

static void two_numbers(int64_t out[2], const char *text)
{
	char *end;

	out[0] = strtoll(text, &end, 10);
	out[1] = strtoll(end, NULL, 10);
}

static int clock_row(void *ctx, const struct store_setting *s)
{
	struct clock_rows *rows = ctx;

	if (strcmp(s->scope, STATE_SCOPE) == 0 && strcmp(s->name, "clock_accepted") == 0)
		two_numbers(rows->accepted, s->value);
	else if (strcmp(s->scope, STATE_SCOPE) == 0 && strcmp(s->name, "ageing_stands") == 0)
		two_numbers(rows->still, s->value);
	return 0;
}

static void clock_row_fill(struct ledger *l, struct store_change *c, const char *name, int64_t a, int64_t b)
{
	c->kind = STORE_SETTING_PUT;
	snprintf(c->setting.scope, sizeof c->setting.scope, "%s", STATE_SCOPE);
	snprintf(c->setting.name, sizeof c->setting.name, "%s", name);
	snprintf(c->setting.value, sizeof c->setting.value, "%lld %lld", (long long)a, (long long)b);
	snprintf(c->setting.actor, sizeof c->setting.actor, "musterd");
	c->setting.at = clock_wall_ms(l->clock);
}

void host_clock_accepted(struct ledger *l, struct store_change *c, int64_t last_at, int64_t wall)
{
	clock_row_fill(l, c, "clock_accepted", last_at, wall);
}

int host_clock_load(struct ledger *l, struct muster_err *err)
{
	struct clock_rows rows = { { 0, 0 }, { 0, 0 } };
	int64_t wall = clock_wall_ms(l->clock), boot = clock_boot_ms(l->clock), latest = l->last_at;
	struct store_change c;
	int r;

	if ((r = l->state->ops->settings(l->state, clock_row, &rows, err)) != MUSTER_OK)
		return r;
	/* Accepted, and the log's time has not caught up since: the acceptance still holds. */
	if (rows.accepted[1] != 0 && rows.accepted[0] == latest)
		latest = rows.accepted[1];
	if (hostclock_start(&l->host, wall, boot, latest)) {
		host_row(l, CODE_OK, "silent for more than 35 days: ageing and retention stand still for a day");
		host_later(l, 4, "ledger-silent", "no event for more than 35 days: for a day no client drops out of the count and no event is deleted");
		memset(&c, 0, sizeof c);
		clock_row_fill(l, &c, "ageing_stands", latest, wall + HOSTCLOCK_STILL_MS);
		return l->state->ops->transact(l->state, &c, 1, err);
	}
	if (rows.still[1] > wall && rows.still[1] - wall <= HOSTCLOCK_STILL_MS)
		hostclock_resume_still(&l->host, boot, rows.still[0], rows.still[1] - wall);
	return MUSTER_OK;
}
