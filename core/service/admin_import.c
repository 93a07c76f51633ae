/* Imports: begin, records, end (docs/admin-api.md). */
#include "core/service/admin.h"

#include "core/base/codes.h"
#include "core/base/err.h"
#include "core/estate/estate.h"

#define IMPORT_TEXT_MAX 36

int admin_import_begin(struct admin_call *c, json_t **out, struct muster_err *err)
{
	return estate_import_begin(c->service->estate, c->peer.actor, c->body, out, err);
}

int admin_import_records(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *id;
	int r;

	if ((r = admin_text(c, "import", IMPORT_TEXT_MAX, true, &id, err)) != MUSTER_OK)
		return r;
	return estate_import_records(c->service->estate, c->peer.actor, id, json_object_get(c->body, "records"), out, err);
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
	r = estate_import_end(c->service->estate, c->peer.actor, id, json_is_true(commit), out, err);
	(void)MHD_set_connection_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)ADMIN_IDLE_S);
	return r;
}
