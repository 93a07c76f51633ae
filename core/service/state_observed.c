/*
 * Machines and events of a state file into the observed ones of this host: one import of the estate, which has its place before anything else changes and is committed
 * once everything else is merged. It is idempotent by itself: an event is known by what it says, of a machine the latest stays.
 */
#include "core/service/moving_import.h"

#include <string.h>

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/estate/estate.h"

#define BATCH 1000U
#define TOUCH_MS 10000                   /* an import of the estate that is left alone for a minute is dropped */

int import_observed_begin(struct import_observed *o, struct state_import *x, struct service *s, const char *actor, struct muster_err *err)
{
	char name[sizeof x->head.host + 16];
	json_t *out = NULL;
	int r;

	memset(o, 0, sizeof *o);
	o->x = x;
	o->estate = s->estate;
	o->actor = actor;
	if (x->counts[STATE_EVENT] + x->counts[STATE_MACHINE] == 0)
		return MUSTER_OK;
	(void)snprintf(name, sizeof name, "%s", strlen(x->head.host) < 200 ? x->head.host : "");
	if ((o->batch = json_array()) == NULL)
		return err_nomem(err);
	if ((r = estate_import_moved(s->estate, actor, name[0] != '\0' ? name : "a state file", &out, err)) != MUSTER_OK)
		return err_prefix(err, r, "nothing was taken over, because the file has machines and events of imports");
	(void)snprintf(o->id, sizeof o->id, "%s", json_string_value(json_object_get(out, "import")));
	o->touched = moving_steady_ms();
	json_decref(out);
	return MUSTER_OK;
}

/* What is not taken as it stands is said. */
static void tell(struct import_observed *o, const json_t *messages)
{
	const json_t *m;
	size_t i;

	json_array_foreach(messages, i, m) {
		const char *level = json_string_value(json_object_get(m, "level"));

		if (level != NULL && strcmp(level, "note") != 0)
			import_note(o->x, "Line %lld: %.300s", (long long)json_integer_value(json_object_get(m, "line")), json_string_value(json_object_get(m, "text")));
	}
}

static int in_part(int r, struct muster_err *err)
{
	return r == MUSTER_OK ? r : err_prefix(err, r, "a part of the file is taken over, and its machines and events of imports are not; taking it over again repeats nothing of what is here");
}

static int hand_over(struct import_observed *o, struct muster_err *err)
{
	json_t *out = NULL;
	int r = estate_import_records(o->estate, o->actor, o->id, o->batch, &out, err);

	(void)json_array_clear(o->batch);
	o->touched = moving_steady_ms();
	if (r == MUSTER_OK)
		tell(o, json_object_get(out, "messages"));
	json_decref(out);
	return in_part(r, err);
}

int import_observed_take(struct import_observed *o, const struct state_line *l, struct muster_err *err)
{
	if (json_object_set_new(l->observed, "line", json_integer((json_int_t)o->x->line_number)) != 0 || json_array_append(o->batch, l->observed) != 0)
		return err_nomem(err);
	return json_array_size(o->batch) < BATCH ? MUSTER_OK : hand_over(o, err);
}

int import_observed_touch(struct import_observed *o, struct muster_err *err)
{
	return o->id[0] == '\0' || moving_steady_ms() - o->touched < TOUCH_MS ? MUSTER_OK : hand_over(o, err);
}

static int64_t became(const json_t *out, const char *kind, const char *word)
{
	return (int64_t)json_integer_value(json_object_get(json_object_get(json_object_get(out, "by_kind"), kind), word));
}

int import_observed_end(struct import_observed *o, struct muster_err *err)
{
	json_t *out = NULL;
	int r;

	if (o->id[0] == '\0')
		return MUSTER_OK;
	if ((r = hand_over(o, err)) != MUSTER_OK)
		return r;
	r = estate_import_end(o->estate, o->actor, o->id, true, &out, err);
	o->id[0] = '\0';   /* whatever came of it, it has ended */
	if (r != MUSTER_OK)
		return in_part(r, err);
	tell(o, json_object_get(out, "messages"));
	o->x->done.events = became(out, "event", "new") + became(out, "event", "changed");
	/* Machines that came with their events are skipped: they are new all the same. */
	o->x->done.machines = became(out, "machine", "new") + became(out, "machine", "changed") + became(out, "machine", "skipped");
	json_decref(out);
	return MUSTER_OK;
}

void import_observed_drop(struct import_observed *o)
{
	struct muster_err err = { 0 };
	json_t *out = NULL;

	if (o->id[0] != '\0')
		(void)estate_import_end(o->estate, o->actor, o->id, false, &out, &err);
	json_decref(out);
	json_decref(o->batch);
}
