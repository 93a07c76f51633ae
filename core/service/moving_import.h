/** Inside of taking a state file over: state_import.c looks through it, state_merge.c merges it, state_observed.c what imports had brought. */
#ifndef SERVICE_MOVING_IMPORT_H
#define SERVICE_MOVING_IMPORT_H

#include <stdarg.h>
#include <stdio.h>
#include "core/base/uuid.h"
#include "core/service/moving.h"

#define IMPORT_NOTES_MAX 200
#define IMPORT_COUNTERS_MAX 100000U

/** What a product of the file is here. */
struct import_target { char name[128]; uint32_t number; bool used, here; };

struct state_import {
	char id[UUID_TEXT], actor[64];
	int64_t touched;                     /**< steady ms */
	FILE *spool;
	int64_t size, got;
	char *line; size_t line_room; int64_t line_number;
	bool checked, is_signed;
	struct state_head head;
	struct import_target *target;        /**< by the header's place */
	json_t *end, *claims, *notes;
	char issuer[65], sha256[65];
	int64_t taken_before;                /**< sequence up to which that host was taken over before; 0 never */
	int64_t counts[STATE_KINDS];
	struct seal *seal;                   /**< of the file's keys, when the passphrase was given */
	struct { int64_t holdings, records_new, records_changed, settings, settings_kept, editions, keys, keys_left, secrets, machines, events; } done;
};

/** The one under way, if it has this ID; NULL: @p err says that it is not running any more. */
struct state_import *import_find(struct service *s, const char *id, struct muster_err *err);
/** A sentence for the administrator. */
void import_note(struct state_import *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int import_rewind(struct state_import *x, struct muster_err *err);
int import_line(struct state_import *x, struct muster_span *out, bool *ended, struct muster_err *err);
/** The plain text of a sealed key or secret; a secret. */
int import_open(const struct state_import *x, const struct state_line *l, struct buf *plain, struct muster_err *err);
json_t *import_summary(const struct state_import *x);
/** state_merge.c: all of it, the file was checked. */
int import_merge(struct state_import *x, struct service *s, const struct catalog *catalog, const char *actor, struct muster_err *err);
/** What the file says of observed machines and events, on its way into the estate. */
struct import_observed { struct state_import *x; struct estate *estate; const char *actor; char id[UUID_TEXT]; /**< "": none is under way */ json_t *batch; int64_t touched; };
/** Before anything is changed: takes the estate's one place for imports, if the file has any of them. MUSTER_E_BUSY: somebody imports. */
int import_observed_begin(struct import_observed *o, struct state_import *x, struct service *s, const char *actor, struct muster_err *err);
int import_observed_take(struct import_observed *o, const struct state_line *l, struct muster_err *err);
/** Still there: now and then while other lines are merged. */
int import_observed_touch(struct import_observed *o, struct muster_err *err);
/** After the last line: commits. */
int import_observed_end(struct import_observed *o, struct muster_err *err);
/** In any case at last; rolls back what was not committed. */
void import_observed_drop(struct import_observed *o);
json_t *import_done_json(const struct state_import *x);

#endif
