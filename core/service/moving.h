/** Moving to another host: writing a state file out, and taking one over (docs/estate.md, "Moving a host"). One of each at a time; administrators' threads only. */
#ifndef SERVICE_MOVING_H
#define SERVICE_MOVING_H

#include <jansson.h>
#include <openssl/evp.h>
#include <pthread.h>
#include "core/service/state.h"
#include "core/service/state_file.h"

#define MOVING_CHUNK (1u << 20)          /**< bytes of the file in one answer or question, at least; a line more */
#define MOVING_IDLE_MS 60000             /**< left alone for so long it is given up, and a host that was held goes on */
#define MOVING_FILE_MAX (INT64_C(64) << 30)

struct state_export;
struct state_import;
struct moving {
	pthread_mutex_t lock;                /**< held during a call */
	struct state_export *out;
	struct state_import *in;
};
struct moving *moving_new(void);         /**< NULL when exhausted */
void moving_free(struct moving *m);

/** Which records travel: the estate's entries (not the sealed secrets) and confirmations of counted keys. */
bool moving_carries(const char *kind);
/** Kinds whose secrets travel with --with-keys only. */
bool moving_carries_secret(const char *kind);
#define MOVING_PLACE "muster state"      /**< table of the place of a key sealed under the passphrase; row: kind and ID or partial; column "key" */

/* state_export.c. The lock is held. */
struct export_ask { bool retire; const char *passphrase; /**< NULL: without keys */ const char *host; };
int export_begin(struct service *s, const char *actor, const struct export_ask *ask, json_t **out, struct muster_err *err);
int export_read(struct service *s, const char *id, json_t **out, struct muster_err *err);
/** The file is written and synced, or was given up. */
int export_end(struct service *s, const char *actor, const char *id, bool commit, const char *file, json_t **out, struct muster_err *err);
void export_free(struct service *s, struct state_export *x);

/* state_import.c */
int import_begin(struct service *s, const char *actor, int64_t size, json_t **out, struct muster_err *err);
int import_data(struct service *s, const char *id, struct muster_span data, json_t **out, struct muster_err *err);
/** Everything that can be wrong is found here; nothing has changed yet. */
int import_check(struct service *s, const struct catalog *catalog, const char *id, const char *passphrase, bool unsigned_too, json_t **out, struct muster_err *err);
int import_apply(struct service *s, const struct catalog *catalog, const char *actor, const char *id, bool commit, json_t **out, struct muster_err *err);
void import_free(struct state_import *x);

int64_t moving_steady_ms(void);
/** {"instance": UUID}: */
json_t *moving_uuid(const uint8_t id[16]);

#endif
