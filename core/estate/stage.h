/** The stage's inside: entries as they will be, and by which names they are found. For core/estate's stage files only. */
#ifndef ESTATE_STAGE_H
#define ESTATE_STAGE_H

#include "core/estate/internal.h"
#include "core/estate/names.h"

#define STAGE_KINDS 16
#define STAGE_SEALED 256

enum stage_secret { SECRET_KEPT, SECRET_PUT, SECRET_GONE };

/** One entry that was looked at. Texts are JSON with sorted members; NULL: there is none. */
struct staged {
	const struct estate_kind *k;
	char id[ESTATE_ID_MAX + 1];
	char *before, *now;              /**< as committed when it was looked at first; as it will be (not when `changed` is false) */
	bool changed, pending;           /**< pending: a reference in it is no ID of anything yet */
	enum stage_secret secret;
	uint8_t sealed[STAGE_SEALED]; size_t sealed_n;
};

struct stage_extra { struct store_record record; uint8_t *data; bool gone; };

struct stage {
	struct estate *e;
	char actor[64];
	struct staged *items; size_t count, room;
	json_t *by_id[STAGE_KINDS];      /**< id → place in items; by kind */
	json_t *names[STAGE_KINDS];      /**< folded name → ID, or array of IDs; NULL: not looked at yet */
	json_t *extra_ids;               /* kind and ID → place in extras */
	struct stage_extra *extras; size_t extra_count, extra_room;
	struct store_change *learned; size_t learned_count;
	json_t *learned_ids;             /**< activation ID → place in learned */
	char last[ESTATE_ID_MAX + 1];    /**< of the entry that was put last */
	bool act, full, settled;
	char says[256];
};

/* stage.c */
size_t stage_kind_index(const struct estate_kind *k);
struct staged *stage_item(const struct stage *s, const struct estate_kind *k, const char *id);   /**< NULL: not looked at */
/** Whether an entry is there, or will be. @return 1, 0, or an error. */
int stage_exists(struct stage *s, const struct estate_kind *k, const char *id, struct muster_err *err);
/** Put a checked, resolved entry; @p secret NULL: as it is. */
int stage_put_text(struct stage *s, struct staged *x, const json_t *merged, struct muster_err *err);

/* stage_names.c */
/** IDs that have a name or number; borrowed array or string, NULL none. Looks at all entries of the kind when asked first. */
int names_find(struct stage *s, const struct estate_kind *k, const char *text, const json_t **out, struct muster_err *err);
int names_add(struct stage *s, const struct estate_kind *k, const char *id, const json_t *entry, struct muster_err *err);
/** The one ID of @p ids; MUSTER_E_INVALID names them when they are several. */
int names_one(const struct estate_kind *k, const char *text, const json_t *ids, char out[ESTATE_ID_MAX + 1], struct muster_err *err);
/** The entry that a record without an ID means; "" none. */
int names_match(struct stage *s, const struct estate_kind *k, const json_t *entry, char out[ESTATE_ID_MAX + 1], struct muster_err *err);
/** References of a given part, names to IDs. @param[out] pending something was no ID and no name; an act is refused then. */
int names_resolve(struct stage *s, const struct estate_kind *k, json_t *part, bool *pending, struct muster_err *err);

#endif
