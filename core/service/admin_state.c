/* Moving to another host: the state as a file, out and in (docs/admin-api.md; docs/estate.md, "Moving a host"). */
#include "core/service/admin.h"
#include "core/service/moving.h"

#include <string.h>
#include <openssl/crypto.h>

#include "core/base/codes.h"
#include "core/base/err.h"

#define ID_TEXT 36
#define PASSPHRASE_MAX 1000

static int flag(struct admin_call *c, const char *name, bool fallback, bool *out, struct muster_err *err)
{
	const json_t *v = json_object_get(c->body, name);

	*out = v == NULL ? fallback : json_is_true(v);
	return v == NULL || json_is_boolean(v) ? MUSTER_OK : err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s must be true or false", name);
}

static int id_of(struct admin_call *c, const char *name, const char **out, struct muster_err *err)
{
	return admin_text(c, name, ID_TEXT, true, out, err);
}

/* The longest of these acts take minutes, and the connection is silent meanwhile. */
static void begin(struct admin_call *c)
{
	(void)MHD_set_connection_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
	pthread_mutex_lock(&c->service->moving->lock);
}

static void end(struct admin_call *c)
{
	pthread_mutex_unlock(&c->service->moving->lock);
	(void)MHD_set_connection_option(c->mhd, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)ADMIN_IDLE_S);
}

static void wipe(const char *text)
{
	if (text != NULL)
		OPENSSL_cleanse((char *)(uintptr_t)text, strlen(text));
}

int admin_state_export_begin(struct admin_call *c, json_t **out, struct muster_err *err)
{
	struct export_ask ask = { .retire = false };
	int r;

	if ((r = flag(c, "retire", false, &ask.retire, err)) != MUSTER_OK || (r = admin_text(c, "passphrase", PASSPHRASE_MAX, false, &ask.passphrase, err)) != MUSTER_OK)
		return r;
	begin(c);
	r = export_begin(c->service, c->peer.actor, &ask, out, err);
	end(c);
	wipe(ask.passphrase);
	return r;
}

int admin_state_export_read(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *id;
	int r;

	if ((r = id_of(c, "export", &id, err)) != MUSTER_OK)
		return r;
	begin(c);
	r = export_read(c->service, id, out, err);
	end(c);
	return r;
}

int admin_state_export_end(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *id, *file;
	bool commit;
	int r;

	if ((r = id_of(c, "export", &id, err)) != MUSTER_OK || (r = flag(c, "commit", false, &commit, err)) != MUSTER_OK ||
	    (r = admin_text(c, "file", 4096, false, &file, err)) != MUSTER_OK)
		return r;
	begin(c);
	r = export_end(c->service, c->peer.actor, id, commit, file != NULL ? file : "a file", out, err);
	end(c);
	return r;
}

int admin_state_import_begin(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const json_t *size = json_object_get(c->body, "size");
	int r;

	if (!json_is_integer(size))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "size must be the file's number of bytes");
	begin(c);
	r = import_begin(c->service, c->peer.actor, json_integer_value(size), out, err);
	end(c);
	return r;
}

int admin_state_import_data(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const json_t *data = json_object_get(c->body, "data");
	const char *id;
	int r;

	if ((r = id_of(c, "import", &id, err)) != MUSTER_OK)
		return r;
	if (!json_is_string(data))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "data must be a string");
	begin(c);
	r = import_data(c->service, id, (struct muster_span){ (const uint8_t *)json_string_value(data), json_string_length(data) }, out, err);
	end(c);
	return r;
}

int admin_state_import_check(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *id, *passphrase;
	bool unsigned_too;
	int r;

	if ((r = id_of(c, "import", &id, err)) != MUSTER_OK || (r = flag(c, "unsigned", false, &unsigned_too, err)) != MUSTER_OK ||
	    (r = admin_text(c, "passphrase", PASSPHRASE_MAX, false, &passphrase, err)) != MUSTER_OK)
		return r;
	begin(c);
	r = import_check(c->service, c->snapshot->catalog, id, passphrase, unsigned_too, out, err);
	end(c);
	wipe(passphrase);
	return r;
}

int admin_state_import_end(struct admin_call *c, json_t **out, struct muster_err *err)
{
	const char *id;
	bool commit;
	int r;

	if ((r = id_of(c, "import", &id, err)) != MUSTER_OK || (r = flag(c, "commit", false, &commit, err)) != MUSTER_OK)
		return r;
	begin(c);
	r = import_apply(c->service, c->snapshot->catalog, c->peer.actor, id, commit, out, err);
	end(c);
	return r;
}
