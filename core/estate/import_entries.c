/* Records of types "keys" and "books": entries of the kinds, through the stage. */
#include "core/estate/internal.h"

#include <string.h>

#include "core/base/err.h"

/*
 * What cannot be right and is taken all the same: the three numbers are the portal's, and only two of them are of one kind (facts.md section 5). A file may bring one of these
 * two, and the books have the other.
 */
static int doubts(struct stage *s, struct import_sum *sum, unsigned long line, const struct estate_kind *k, const json_t *entry, struct muster_err *err)
{
	const json_t *allowed = json_object_get(entry, "allowed"), *used = json_object_get(entry, "used");
	json_t *whole = NULL;
	int r = MUSTER_OK;

	if (strcmp(k->name, "key") != 0 || (!json_is_integer(allowed) && !json_is_integer(used)))
		return MUSTER_OK;
	if (allowed == NULL || used == NULL) {
		if ((r = stage_read(s, k, stage_last(s), &whole, err)) != MUSTER_OK)
			return r;
		allowed = json_object_get(whole, "allowed");
		used = json_object_get(whole, "used");
	}
	if (json_is_integer(allowed) && json_is_integer(used) && json_integer_value(allowed) >= 0 && json_integer_value(used) > json_integer_value(allowed))
		r = import_say(sum, line, "doubtful", "more activations were used (%lld) than are allowed (%lld)", (long long)json_integer_value(used), (long long)json_integer_value(allowed));
	json_decref(whole);
	return r;
}

/* A key that came with it is wiped, as that of one that is taken. */
static int refuse(struct import_sum *sum, unsigned long line, json_t *entry, const char *why)
{
	estate_entry_wipe(entry);
	return import_say(sum, line, "refused", "%s", why);
}

int import_entry(struct stage *s, struct import_sum *sum, const json_t *record, struct muster_err *err)
{
	const json_t *kind = json_object_get(record, "kind"), *id = json_object_get(record, "id");
	json_int_t n = json_integer_value(json_object_get(record, "line"));
	unsigned long line = n > 0 ? (unsigned long)n : 0;
	json_t *entry = json_object_get(record, "entry");
	struct muster_err why = { 0 };
	const struct estate_kind *k;
	enum stage_became became;
	int r;

	if (!json_is_string(kind) || (k = estate_kind_find(json_string_value(kind))) == NULL)
		return refuse(sum, line, entry, "the record has no kind of entries, or one that there is not");
	if (!json_is_object(entry))
		return refuse(sum, line, entry, "the record has no entry");
	if (id != NULL && !json_is_null(id) && !json_is_string(id))
		return refuse(sum, line, entry, "the ID of an entry is a string");
	r = stage_put(s, k, json_string_value(id), entry, &became, &why);
	estate_entry_wipe(entry);
	if (r == MUSTER_OK) {
		import_count(sum, k->name, became);
		return doubts(s, sum, line, k, entry, err);
	}
	if (!stage_full(s) && (r == MUSTER_E_INVALID || r == MUSTER_E_LIMIT || r == MUSTER_E_REFUSED || r == MUSTER_E_NOT_FOUND))
		return refuse(sum, line, entry, why.message);
	if (err != NULL)
		*err = why;
	return r;
}

static void made(void *ctx, const struct estate_kind *k, const char *id)
{
	struct import_sum *sum = ctx;

	import_count(sum, k->name, STAGE_NEW);
	(void)import_say(sum, 0, "note", "the %s %s was only named in this file: it was added with its name, the rest is yours to fill in", k->name, id);
}

int import_settle(struct stage *s, struct import_sum *sum, struct muster_err *err)
{
	return stage_settle(s, made, sum, err);
}
