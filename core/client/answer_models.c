/* Members that the models access and seats have in questions and answers (docs/protocol.md section 3). Nothing is believed. */
#include "core/client/answer.h"

#include <stdio.h>
#include <string.h>

#include <muster/client.h>
#include "core/base/err.h"

/* ---- questions ---- */

static const char *per_text(uint32_t per)
{
	return per == MUSTER_ACCESS_USER ? "user" : "device";
}

static bool is_text(const char *s)
{
	return s != NULL && s[0] != '\0';
}

static int set(json_t *o, const char *name, json_t *value, struct muster_err *err)
{
	return json_object_set_new(o, name, value) == 0 ? MUSTER_OK : err_nomem(err);
}

int question_models(json_t *o, const struct question *q, struct muster_err *err)
{
	json_t *access;
	int r = MUSTER_OK;

	if (q->no_queue && (r = set(o, "queue", json_false(), err)) != MUSTER_OK)
		return r;
	if (q->access_per == MUSTER_ACCESS_ANY && !is_text(q->version))
		return MUSTER_OK;
	if ((access = json_object()) == NULL || (r = set(o, "access", access, err)) != MUSTER_OK)
		return err_nomem(err);
	/* Without `per` the host goes by what the product allows. */
	if (q->access_per != MUSTER_ACCESS_ANY)
		r = set(access, "per", json_string(per_text(q->access_per)), err);
	if (r == MUSTER_OK && q->access_per == MUSTER_ACCESS_USER)
		r = set(access, "user", json_string(q->user), err);
	if (r == MUSTER_OK && is_text(q->version))
		r = set(access, "version", json_string(q->version), err);
	return r;
}

/* ---- answers ---- */

static int odd(struct muster_err *err, const char *name, const char *want)
{
	return err_set(err, MUSTER_E_NETWORK, "not an answer of this protocol: \"%s\" is not %s", name, want);
}

static int get_count(uint32_t *out, const json_t *o, const char *name, struct muster_err *err)
{
	const json_t *v = json_object_get(o, name);

	if (v == NULL || json_is_null(v))
		return MUSTER_OK;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT32_MAX)
		return odd(err, name, "an integer from 0 to 4294967295");
	*out = (uint32_t)json_integer_value(v);
	return MUSTER_OK;
}

static int get_seconds(int64_t *out, const json_t *o, const char *name, struct muster_err *err)
{
	const json_t *v = json_object_get(o, name);

	if (v == NULL || json_is_null(v))
		return MUSTER_OK;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT32_MAX)
		return odd(err, name, "a number of seconds up to 4294967295");
	*out = json_integer_value(v);
	return MUSTER_OK;
}

/* The place of a word in a list, from 1; a word of a later version is 0, which is "not said". */
static int get_word(uint32_t *out, const json_t *o, const char *name, const char *const *words, size_t n, struct muster_err *err)
{
	const json_t *v = json_object_get(o, name);

	if (v == NULL || json_is_null(v))
		return MUSTER_OK;
	if (!json_is_string(v))
		return odd(err, name, "text");
	for (size_t i = 0; i < n; i++)
		if (strcmp(json_string_value(v), words[i]) == 0)
			*out = (uint32_t)i + 1;
	return MUSTER_OK;
}

/* "access": {"per","version","kind"}. */
static int get_access(struct answer *out, const json_t *o, struct muster_err *err)
{
	static const char *const per[] = { "device", "user" }, *const kinds[] = { "temporary", "permanent", "user" };
	const json_t *a = json_object_get(o, "access"), *version;
	int r;

	if (a == NULL || json_is_null(a))
		return MUSTER_OK;
	if (!json_is_object(a))
		return odd(err, "access", "an object");
	if ((r = get_word(&out->access_per, a, "per", per, 2, err)) != MUSTER_OK || (r = get_word(&out->access_kind, a, "kind", kinds, 3, err)) != MUSTER_OK)
		return r;
	version = json_object_get(a, "version");
	if (version != NULL && !json_is_null(version) && !json_is_string(version))
		return odd(err, "access.version", "text");
	if (json_is_string(version))
		answer_printable(out->version, sizeof out->version, json_string_value(version));
	return MUSTER_OK;
}

int answer_models(struct answer *out, const json_t *o, struct muster_err *err)
{
	const json_t *over = json_object_get(o, "over");
	int r;

	if (over != NULL && !json_is_null(over) && !json_is_boolean(over))
		return odd(err, "over", "true or false");
	out->over = json_is_true(over);
	out->has_seats = json_is_integer(json_object_get(o, "seats"));
	if ((r = get_access(out, o, err)) != MUSTER_OK || (r = get_count(&out->seats, o, "seats", err)) != MUSTER_OK ||
	    (r = get_count(&out->position, o, "position", err)) != MUSTER_OK)
		return r;
	return get_seconds(&out->grace_s, o, "grace_seconds", err);
}

/* ---- product lists ---- */

int product_row_models(struct product_row *out, const json_t *row, struct muster_err *err)
{
	const json_t *model = json_object_get(row, "model"), *access = json_object_get(row, "access");

	if (json_is_string(model))
		answer_printable(out->model, sizeof out->model, json_string_value(model));
	return json_is_object(access) ? get_seconds(&out->grace_s, access, "grace_seconds", err) : MUSTER_OK;
}
