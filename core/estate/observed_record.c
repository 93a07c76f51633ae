/* Between what readers of files give (core/exchange/record.h) and rows of observed.db. */
#include "core/estate/observed.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/uuid.h"

#define MINIMUM_MAX (INT64_C(1) << 28)

/* Members of events beside those with a column. */
static const struct extra { const char *name; json_type type; } extras[] = {
	{ "activated", JSON_INTEGER }, { "activation_interval", JSON_INTEGER }, { "count", JSON_INTEGER }, { "domain", JSON_STRING }, { "log", JSON_STRING },
	{ "renewal_interval", JSON_INTEGER }, { "server", JSON_STRING },
};

struct reading { const json_t *record; char *why; size_t room; bool failed; };

static void fail(struct reading *x, const char *name, const char *what)
{
	if (!x->failed)
		(void)snprintf(x->why, x->room, "%s %s", name, what);
	x->failed = true;
}

/* NULL: absent or null. */
static const json_t *member(const struct reading *x, const char *name)
{
	const json_t *v = json_object_get(x->record, name);

	return v == NULL || json_is_null(v) ? NULL : v;
}

static const char *text(struct reading *x, const char *name)
{
	const json_t *v = member(x, name);
	const char *s = json_string_value(v);

	if (v == NULL || x->failed)
		return NULL;
	if (s == NULL) {
		fail(x, name, "must be a string");
		return NULL;
	}
	if (json_string_length(v) >= STORE_NAME_MAX) {
		fail(x, name, "is longer than 255 bytes");
		return NULL;
	}
	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			fail(x, name, "holds a control character");
			return NULL;
		}
	return s;
}

static void name_of(struct reading *x, const char *name, bool lower, char out[STORE_NAME_MAX])
{
	const char *s = text(x, name);

	(void)snprintf(out, STORE_NAME_MAX, "%s", s != NULL ? s : "");
	for (char *p = out; lower && *p != '\0'; p++)
		*p = (char)((unsigned char)*p < 0x80 ? tolower((unsigned char)*p) : *p);
}

static int64_t time_of(struct reading *x, const char *name)
{
	const char *s = text(x, name);
	int64_t ms = 0;

	if (s != NULL && (time_parse_rfc3339(&ms, s, strlen(s)) != MUSTER_OK || ms == 0)) {
		fail(x, name, "is no time like 2026-11-22T10:00:00Z");
		return 0;
	}
	return ms;
}

static bool number(struct reading *x, const char *name, int64_t max, int64_t *out)
{
	const json_t *v = member(x, name);
	char what[64];

	*out = 0;
	if (v == NULL)
		return false;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max) {
		(void)snprintf(what, sizeof what, "must be a number from 0 to %lld", (long long)max);
		fail(x, name, what);
		return false;
	}
	*out = json_integer_value(v);
	return true;
}

static bool uuid(struct reading *x, const char *name, uint8_t out[16])
{
	const char *s = text(x, name);

	memset(out, 0, 16);
	if (s == NULL)
		return false;
	if (uuid_parse(out, s, strlen(s)) != MUSTER_OK)
		fail(x, name, "is not a UUID");
	return true;
}

static bool result(struct reading *x, uint32_t *out)
{
	const char *s = text(x, "result");
	unsigned long v = 0;
	char *end = NULL;

	*out = 0;
	if (s == NULL)
		return false;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && isxdigit((unsigned char)s[2]))
		v = strtoul(s + 2, &end, 16);
	if (end == NULL || *end != '\0' || v > UINT32_MAX)
		fail(x, "result", "is no code like 0xC004F038");
	*out = (uint32_t)v;
	return true;
}

static void said(struct reading *x, struct observed_said *out)
{
	const json_t *v = member(x, "virtual");
	int64_t n;

	out->flags |= result(x, &out->result) ? (uint32_t)OBSERVED_RESULT : 0U;
	out->flags |= number(x, "minimum_count", MINIMUM_MAX, &n) ? (uint32_t)OBSERVED_MINIMUM : 0U;
	out->minimum = (uint32_t)n;
	out->flags |= number(x, "license_status", 6, &n) ? (uint32_t)OBSERVED_STATUS : 0U;
	out->status = (uint8_t)n;
	out->flags |= number(x, "minutes_left", UINT32_MAX, &n) ? (uint32_t)OBSERVED_MINUTES : 0U;
	out->minutes = (uint32_t)n;
	if (v == NULL)
		return;
	if (!json_is_boolean(v))
		fail(x, "virtual", "must be true or false");
	out->flags |= OBSERVED_VIRTUAL;
	out->is_virtual = json_is_true(v);
}

static void extra(struct reading *x, char out[OBSERVED_EXTRA_MAX])
{
	json_t *o = NULL;
	char *s;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
		const json_t *v = member(x, extras[i].name);

		if (v == NULL)
			continue;
		if (json_typeof(v) != extras[i].type && !(json_is_boolean(v) && extras[i].type == JSON_INTEGER)) {
			fail(x, extras[i].name, extras[i].type == JSON_STRING ? "must be a string" : "must be a number");
			break;
		}
		if (extras[i].type == JSON_STRING && text(x, extras[i].name) == NULL)
			break;
		if (o == NULL)
			o = json_object();
		(void)json_object_set(o, extras[i].name, (json_t *)(uintptr_t)v);
	}
	if (o == NULL)
		return;
	s = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	if (s == NULL || strlen(s) >= OBSERVED_EXTRA_MAX)
		fail(x, "the record", "is too long");
	else
		(void)snprintf(out, OBSERVED_EXTRA_MAX, "%s", s);
	free(s);   /* jansson's own allocator */
	json_decref(o);
}

/* "kms.example.org:1688": who was asked, without the port. */
static void server_host(struct reading *x, char out[STORE_NAME_MAX])
{
	char *colon;

	name_of(x, "server", true, out);
	colon = strrchr(out, ':');
	if (colon != NULL && colon[1] != '\0' && strspn(colon + 1, "0123456789") == strlen(colon + 1) && strchr(out, ':') == colon)
		*colon = '\0';
}

/* Whom a request is of: the host logs 12290 with the machine's name, the machine logs 12288 with the host's. */
static void machine_of(struct reading *x, struct observed_event *e)
{
	if (e->id != 12288 && e->id != 12290)
		return;
	if ((e->said.flags & OBSERVED_CLIENT) == 0)
		fail(x, "client_id", "is missing");
	else if ((e->said.flags & OBSERVED_ACTIVATION) == 0)
		fail(x, "activation_id", "is missing");
	e->has_machine = true;
	if (e->id == 12290) {
		(void)snprintf(e->machine_host, sizeof e->machine_host, "%s", e->host);
		(void)snprintf(e->machine_name, sizeof e->machine_name, "%s", e->name);
		return;
	}
	server_host(x, e->machine_host);
	name_of(x, "host", false, e->machine_name);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written through the struct */
const char *observed_event_read(struct observed_event *out, const json_t *record, char *why, size_t room)
{
	struct reading x = { record, why, room, false };
	int64_t n;

	memset(out, 0, sizeof *out);
	if (!number(&x, "id", INT32_MAX, &n) || !((n >= 12288 && n <= 12294) || n == 104 || n == 1102 || n == 1104))
		fail(&x, "id", "must be 12288 … 12294, 104, 1102 or 1104");
	out->id = (uint32_t)n;
	name_of(&x, "host", true, out->host);
	out->logged = time_of(&x, "logged_at");
	out->seen = time_of(&x, "at");
	if (number(&x, "record", INT64_MAX, &out->record) && out->record > 0)
		out->said.flags |= OBSERVED_RECORD;
	said(&x, &out->said);
	out->said.flags |= uuid(&x, "client_id", out->client) ? (uint32_t)OBSERVED_CLIENT : 0U;
	out->said.flags |= uuid(&x, "activation_id", out->activation) ? (uint32_t)OBSERVED_ACTIVATION : 0U;
	name_of(&x, "name", false, out->name);
	extra(&x, out->extra);
	machine_of(&x, out);
	if (observed_at(out) == 0)
		fail(&x, "logged_at", "is missing, and so is the client's own time: nobody knows when it was");
	return x.failed ? why : NULL;
}

/* ---- machines ---- */

static void read_names(struct reading *x, const char *latest, const char **names, size_t *n)
{
	const json_t *list = member(x, "names"), *one;
	size_t room = *n, i;

	*n = 0;
	if (list != NULL && !json_is_array(list))
		fail(x, "names", "must be a list of names");
	json_array_foreach(list, i, one) {
		struct reading y = { json_pack("{s:O}", "names", one), x->why, x->room, x->failed };
		const char *s = text(&y, "names");

		x->failed = y.failed;
		json_decref((json_t *)(uintptr_t)y.record);   /* `one` keeps the text */
		if (s == NULL || s[0] == '\0' || strcmp(s, latest) == 0)
			continue;
		if (*n == room) {
			fail(x, "names", "has too many names");
			return;
		}
		names[(*n)++] = s;
	}
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written through the struct */
const char *observed_machine_read(struct observed_machine *out, const char **names, size_t *n, const json_t *record, char *why, size_t room)
{
	struct reading x = { record, why, room, false };
	const json_t *clone = json_object_get(record, "clone");
	const char *by;
	int64_t requests;

	memset(out, 0, sizeof *out);
	if (!uuid(&x, "client_id", out->client))
		fail(&x, "client_id", "is missing");
	(void)uuid(&x, "activation_id", out->activation);
	name_of(&x, "host", true, out->host);
	name_of(&x, "name", false, out->name);
	out->first = time_of(&x, "first_seen");
	out->last = time_of(&x, "last_seen");
	if (out->last == 0)
		out->last = out->first;
	if (out->first == 0)
		out->first = out->last;
	if (out->last == 0)
		fail(&x, "last_seen", "is missing");
	else if (out->last < out->first)
		fail(&x, "last_seen", "is before first_seen");
	(void)number(&x, "requests", INT64_MAX / 2, &requests);
	out->requests = (uint64_t)requests;
	said(&x, &out->said);
	if ((by = text(&x, "by")) != NULL) {
		out->by = strcmp(by, "host") == 0 ? OBSERVED_BY_HOST : strcmp(by, "mak") == 0 ? OBSERVED_BY_MAK : OBSERVED_BY_UNKNOWN;
		if (out->by == OBSERVED_BY_UNKNOWN)
			fail(&x, "by", "must be host or mak");
	}
	if (clone != NULL && !json_is_null(clone) && !json_is_boolean(clone))
		fail(&x, "clone", "must be true or false");
	out->clone = json_is_true(clone);
	read_names(&x, out->name, names, n);
	/* no name of this record's own stays none: the client's names are kept beside it, and an export says the same again */
	return x.failed ? why : NULL;
}

/* ---- answers ---- */

json_t *observed_time_json(int64_t ms)
{
	char text_[TIME_RFC3339 + 8];
	unsigned rest = (unsigned)(((ms % 1000) + 1000) % 1000);
	size_t n;

	if (ms == 0)
		return json_null();
	time_rfc3339(text_, ms);
	n = strlen(text_);
	if (rest != 0 && n > 0)
		(void)snprintf(text_ + n - 1, sizeof text_ - n + 1, ".%03uZ", rest);
	return json_string(text_);
}

json_t *observed_uuid_json(const uint8_t id[16])
{
	char text_[UUID_TEXT];

	if (uuid_is_nil(id))
		return json_null();
	uuid_format(text_, id);
	return json_string(text_);
}

const struct catalog_edition *observed_edition(const struct catalog *c, const uint8_t activation[16])
{
	return c == NULL || uuid_is_nil(activation) ? NULL : catalog_find(c, activation);
}

void observed_said_json(json_t *o, const struct observed_said *s)
{
	char code[16];

	(void)snprintf(code, sizeof code, s->result == 0 ? "0x%X" : "0x%08X", (unsigned)s->result);
	if ((s->flags & OBSERVED_RESULT) != 0)
		(void)json_object_set_new(o, "result", json_string(code));
	if ((s->flags & OBSERVED_MINIMUM) != 0)
		(void)json_object_set_new(o, "minimum_count", json_integer(s->minimum));
	if ((s->flags & OBSERVED_VIRTUAL) != 0)
		(void)json_object_set_new(o, "virtual", json_boolean(s->is_virtual));
	if ((s->flags & OBSERVED_STATUS) != 0)
		(void)json_object_set_new(o, "license_status", json_integer(s->status));
	if ((s->flags & OBSERVED_MINUTES) != 0)
		(void)json_object_set_new(o, "minutes_left", json_integer(s->minutes));
}

json_t *observed_event_json(const struct observed_event *e, const struct catalog *catalog)
{
	const struct catalog_edition *edition = observed_edition(catalog, e->activation);
	json_t *more = e->extra[0] != '\0' ? json_loads(e->extra, 0, NULL) : NULL;
	json_t *o = json_pack("{s:I, s:s?, s:o, s:o}", "id", (json_int_t)e->id, "host", e->host[0] != '\0' ? e->host : NULL, "logged_at", observed_time_json(e->logged),
		"record", (e->said.flags & OBSERVED_RECORD) != 0 ? json_integer(e->record) : json_null());

	if (o == NULL) {
		json_decref(more);
		return NULL;
	}
	observed_said_json(o, &e->said);
	if (e->name[0] != '\0')
		(void)json_object_set_new(o, "name", json_string(e->name));
	if ((e->said.flags & OBSERVED_CLIENT) != 0)
		(void)json_object_set_new(o, "client_id", observed_uuid_json(e->client));
	if (e->seen != 0)
		(void)json_object_set_new(o, "at", observed_time_json(e->seen));
	if ((e->said.flags & OBSERVED_ACTIVATION) != 0) {
		(void)json_object_set_new(o, "activation_id", observed_uuid_json(e->activation));
		(void)json_object_set_new(o, "product", edition != NULL ? json_string(edition->product->row.name) : json_null());
	}
	if (more != NULL)
		(void)json_object_update(o, more);
	json_decref(more);
	return o;
}
