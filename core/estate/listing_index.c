/* What is known of hosts while listings are imported. */
#include "core/estate/listings.h"

#include <string.h>

#include "core/base/err.h"
#include "core/base/mem.h"

static const char *text(const json_t *entry, const char *name)
{
	const char *s = json_string_value(json_object_get(entry, name));

	return s != NULL ? s : "";
}

static int keep(json_t *object, const char *key, const char *value)
{
	if (*key == '\0' || json_object_get(object, key) != NULL)
		return 0;
	return json_object_set_new(object, key, json_string(value));
}

int listing_index_add(struct listing_index *x, const char *id, const json_t *entry)
{
	const char *host = text(entry, "host"), *activation = text(entry, "activation_id"), *description = text(entry, "description");
	json_t *of = json_object_get(x->hosts, host), *one;
	char *both;
	int r;

	if (of == NULL && ((of = json_object()) == NULL || json_object_set_new(x->hosts, host, of) != 0))
		return -1;
	one = json_pack("{s:s, s:s, s:s, s:s, s:s}", "activation_id", activation, "partial", text(entry, "partial"), "name", text(entry, "name"), "description", description,
		"application_id", text(entry, "application_id"));
	if (json_object_set_new(of, id, one) != 0)
		return -1;
	if (strcmp(text(entry, "channel"), "host") == 0 && keep(x->pids, text(entry, "extended_pid"), host) != 0)
		return -1;
	/* only what a listing printed itself: an application ID goes with an activation ID */
	if (*description == '\0' || text(entry, "application_id")[0] == '\0')
		return 0;
	if ((both = mem_printf("%s\n%s", text(entry, "name"), description)) == NULL)
		return -1;
	r = keep(x->names, both, activation);
	mem_free(both);
	return r;
}

void listing_index_remove(struct listing_index *x, const char *host, const char *id)
{
	(void)json_object_del(json_object_get(x->hosts, host), id);
}

static int add_entry(void *ctx, const char *id, const json_t *entry)
{
	return listing_index_add(ctx, id, entry);
}

int listing_index_new(struct listing_index **out, struct estate *e, struct muster_err *err)
{
	struct listing_index *x = mem_alloc(sizeof(*x));
	int r;

	*out = NULL;
	if (x == NULL)
		return err_nomem(err);
	x->hosts = json_object();
	x->pids = json_object();
	x->names = json_object();
	x->told = json_object();
	if (x->hosts == NULL || x->pids == NULL || x->names == NULL || x->told == NULL)
		r = err_nomem(err);
	else
		r = entry_each(e, estate_kind_find("host"), add_entry, x, err);
	if (r == MUSTER_OK)
		*out = x;
	else
		listing_index_free(x);
	return r;
}

void listing_index_free(struct listing_index *x)
{
	if (x == NULL)
		return;
	json_decref(x->hosts);
	json_decref(x->pids);
	json_decref(x->names);
	json_decref(x->told);
	mem_free(x);
}
