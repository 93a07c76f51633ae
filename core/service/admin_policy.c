/* Who may claim a product, what happens beyond what there is, and the numbers of its model. */
#include "core/service/admin.h"

#include "core/base/err.h"

static json_t *claims(const struct catalog_claim *c, size_t n)
{
	json_t *list = json_array();
	char text[CATALOG_CLAIM_TEXT];

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, admin_json_text(catalog_claim_text(text, &c[i])));
	return list;
}

static json_t *reservations(const struct catalog_product *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->reservation_count; i++)
		(void)json_array_append_new(list, json_pack("{s:s, s:I, s:o, s:o}", "name", p->reservations[i].name, "count", (json_int_t)p->reservations[i].count,
			"for", claims(p->reservations[i].claims, p->reservations[i].claim_count),
			"place", p->reservations[i].at.file != NULL ? json_sprintf("%s:%u", p->reservations[i].at.file, p->reservations[i].at.line) : json_null()));
	return list;
}

static json_t *seats_rules(const struct muster_seats_rules *s)
{
	if (s == NULL)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "seats", (json_int_t)s->seats, "seat_lease", (json_int_t)s->lease_s, "heartbeat", (json_int_t)s->heartbeat_s,
		"seat_grace", (json_int_t)s->grace_s, "queue", (json_int_t)s->queue_max);
}

/* Rows of a merged product have this host's stride (core/catalog/lint.h). */
static json_t *versions(const struct muster_access_rules *a)
{
	const struct muster_access_version *v = a->versions.rows;
	json_t *list = json_array();

	for (uint32_t i = 0; i < a->versions.count; i++)
		(void)json_array_append_new(list, json_pack("{s:s, s:o, s:I}", "version", v[i].name, "title", admin_json_text(v[i].title != NULL ? v[i].title : v[i].name),
			"generation", (json_int_t)v[i].generation));
	return list;
}

static const char *server_version(const struct catalog_product *p)
{
	const struct muster_access_version *v = p->row.access->versions.rows;

	for (uint32_t i = 0; i < p->row.access->versions.count; i++)
		if (v[i].generation == p->server_generation)
			return v[i].name;
	return NULL;
}

static json_t *access_rules(const struct catalog_product *p)
{
	const struct muster_access_rules *a = p->row.access;
	json_t *o, *per = json_array();

	if (a == NULL) {
		json_decref(per);
		return json_null();
	}
	if ((a->per & MUSTER_PER_DEVICE) != 0)
		(void)json_array_append_new(per, json_string("device"));
	if ((a->per & MUSTER_PER_USER) != 0)
		(void)json_array_append_new(per, json_string("user"));
	o = json_pack("{s:o, s:o, s:s?, s:I, s:I, s:I, s:I}", "per", per, "versions", versions(a), "server_version", server_version(p), "temporary", (json_int_t)a->temporary_s,
		"permanent_min", (json_int_t)a->permanent_min_s, "permanent_max", (json_int_t)a->permanent_max_s, "renew_left", (json_int_t)a->renew_left_s);
	if (o != NULL)
		(void)json_object_update_new(o, json_pack("{s:I, s:I, s:I, s:I}", "user_validity", (json_int_t)a->user_s, "user_reassign", (json_int_t)a->user_reassign_s,
			"grace", (json_int_t)a->grace_s, "revoke_percent", (json_int_t)a->revoke_percent));
	return o;
}

json_t *admin_policy(const struct catalog_product *p)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "policy", p->advise ? "advise" : "enforce", "allow", claims(p->allow, p->allow_count), "reservations", reservations(p),
		"seats", seats_rules(p->row.seats), "access", access_rules(p));
}
