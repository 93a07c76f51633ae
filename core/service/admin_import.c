/* Imports: begin, records, end (docs/admin-api.md). */
#include "core/service/admin.h"

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/estate/estate.h"
#include "core/service/reload.h"

#define IMPORT_TEXT_MAX 36

int admin_import_begin(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return estate_import_begin(c->service->estate, c->peer.actor, c->body, out, err);
}

int admin_import_records(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const json_t *records = json_object_get(c->body, "records"), *record;
	const char *id;
	size_t i;
	int r;

	if ((r = admin_text(c, "import", IMPORT_TEXT_MAX, true, &id, err)) == MUSTER_OK)
		r = estate_import_records(c->service->estate, c->peer.actor, id, records, out, err);
	/* Also of those that were never looked at: behind one that failed, or of an import that is not there. */
	json_array_foreach(records, i, record)
		estate_entry_wipe(json_object_get(record, "entry"));
	return r;
}

/* Activation IDs that a listing taught are in force once the catalog is built again. */
static void use_learned(struct admin_call *c, json_t *said)
{
	struct muster_err err = { 0 };

	if (json_array_size(json_object_get(said, "learned")) == 0 || !json_is_true(json_object_get(said, "committed")))
		return;
	if (reload_ask(c->service, NULL, NULL, &err) != MUSTER_OK)
		(void)json_array_append_new(json_object_get(said, "messages"), json_pack("{s:i, s:s, s:o}", "line", 0, "level", "note", "text",
			json_sprintf("what was learned is kept and in force after the next reload: %s", err.message)));
}

int admin_import_end(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const json_t *commit = json_object_get(c->body, "commit");
	const char *id;
	int r;

	if ((r = admin_text(c, "import", IMPORT_TEXT_MAX, true, &id, err)) != MUSTER_OK)
		return r;
	if (!json_is_boolean(commit))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "commit is %s", commit == NULL ? "missing: true keeps what was imported, false drops it" : "neither true nor false");
	/* The commit of a large file, and counting its machines, take longer than a connection may be silent. */
	(void)MHD_set_connection_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	if ((r = estate_import_end(c->service->estate, c->peer.actor, id, json_is_true(commit), out, err)) == MUSTER_OK)
		use_learned(c, *out);
	(void)MHD_set_connection_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)ADMIN_IDLE_S);
	return r;
}
