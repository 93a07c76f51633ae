#include "core/trust/payload.h"

#include <inttypes.h>
#include <string.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/trust/lease.h"

int payload_bad(const char *where, const char *name, struct muster_err *err)
{
	return err_set(err, MUSTER_E_INVALID, "%s: \"%s\" is missing or malformed", where, name);
}

static bool among(const char *names, const char *name)
{
	size_t n = strlen(name);

	while (*names != '\0') {
		size_t m = strcspn(names, " ");

		if (m == n && memcmp(names, name, n) == 0)
			return true;
		names += m + strspn(names + m, " ");
	}
	return false;
}

int payload_only(const json_t *j, const char *where, const char *names, struct muster_err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)j, name, value)
		if (!among(names, name))
			return err_set(err, MUSTER_E_INVALID, "%s: the member \"%.60s\" is not known here", where, name);
	return MUSTER_OK;
}

int payload_version(const json_t *j, const char *where, struct muster_err *err)
{
	const json_t *ver = json_object_get(j, "ver");

	if (!json_is_integer(ver))
		return payload_bad(where, "ver", err);
	if (json_integer_value(ver) != 1)
		return err_set(err, MUSTER_E_UNSUPPORTED, "%s is of version %" JSON_INTEGER_FORMAT "; this program reads version 1: a newer one is needed", where,
		               json_integer_value(ver));
	return MUSTER_OK;
}

int payload_object(const json_t **out, const json_t *j, const char *name, const char *where, struct muster_err *err)
{
	*out = json_object_get(j, name);
	return json_is_object(*out) ? MUSTER_OK : payload_bad(where, name, err);
}

int payload_int(int64_t *out, const json_t *j, const char *name, int64_t min, int64_t max, const char *where, struct muster_err *err)
{
	const json_t *m = json_object_get(j, name);

	*out = json_integer_value(m);
	if (!json_is_integer(m))
		return payload_bad(where, name, err);
	if (*out < min || *out > max)
		return err_set(err, MUSTER_E_INVALID, "%s: \"%s\" is not within %" PRId64 " and %" PRId64, where, name, min, max);
	return MUSTER_OK;
}

int payload_urn(uint8_t out[16], const json_t *j, const char *name, const char *where, struct muster_err *err)
{
	const json_t *m = json_object_get(j, name);

	return json_is_string(m) && uuid_parse_urn(out, json_string_value(m), json_string_length(m)) == MUSTER_OK ? MUSTER_OK : payload_bad(where, name, err);
}

int payload_bytes(uint8_t *out, size_t n, const json_t *j, const char *name, const char *where, struct muster_err *err)
{
	const json_t *m = json_object_get(j, name);
	size_t got = 0;

	return json_is_string(m) && b64_decode(out, n, &got, json_string_value(m), json_string_length(m)) == MUSTER_OK && got == n ? MUSTER_OK
	       : payload_bad(where, name, err);
}

int payload_text(char **out, const json_t *j, const char *name, size_t max, bool optional, const char *where, struct muster_err *err)
{
	const json_t *m = json_object_get(j, name);
	const char *text = json_string_value(m), *c;

	*out = NULL;
	if (m == NULL && optional)
		return MUSTER_OK;
	if (text == NULL || text[0] == '\0')
		return payload_bad(where, name, err);
	if (json_string_length(m) > max)
		return err_set(err, MUSTER_E_LIMIT, "%s: \"%s\" has %zu bytes; at most %zu are read", where, name, json_string_length(m), max);
	for (c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return err_set(err, MUSTER_E_INVALID, "%s: \"%s\" has a control character", where, name);
	return (*out = mem_strdup(text)) != NULL ? MUSTER_OK : err_nomem(err);
}

int payload_products(uint8_t (*out)[16], size_t *n, size_t max, const json_t *j, const char *where, struct muster_err *err)
{
	const json_t *list = json_object_get(j, "products");
	size_t count = json_array_size(list), i, k;

	*n = 0;
	if (!json_is_array(list) || count == 0)
		return payload_bad(where, "products", err);
	if (count > max)
		return err_set(err, MUSTER_E_LIMIT, "%s names %zu products; at most %zu are read", where, count, max);
	for (i = 0; i < count; i++) {
		const json_t *m = json_array_get(list, i);

		if (!json_is_string(m) || uuid_parse_urn(out[i], json_string_value(m), json_string_length(m)) != MUSTER_OK)
			return payload_bad(where, "products", err);
		for (k = 0; k < i; k++)
			if (uuid_equal(out[i], out[k]))
				return err_set(err, MUSTER_E_INVALID, "%s names the product %.36s twice", where, json_string_value(m) + sizeof(UUID_URN) - 1);
	}
	*n = count;
	return MUSTER_OK;
}

int payload_coverage(int64_t *start, int64_t *end, const json_t *j, const char *where, struct muster_err *err)
{
	const json_t *m = json_object_get(j, "coverage");
	int r;

	*start = *end = 0;
	if (m == NULL)
		return MUSTER_OK;
	if (!json_is_object(m))
		return payload_bad(where, "coverage", err);
	if ((r = payload_only(m, where, "start end", err)) != MUSTER_OK || (r = payload_int(start, m, "start", 1, TIME_MAX_S, where, err)) != MUSTER_OK
	    || (r = payload_int(end, m, "end", 1, TIME_MAX_S, where, err)) != MUSTER_OK)
		return r;
	return *start < *end ? MUSTER_OK : err_set(err, MUSTER_E_INVALID, "%s: its coverage ends before it begins", where);
}

bool payload_set(json_t *j, const char *name, json_t *value)
{
	return value != NULL && json_object_set_new(j, name, value) == 0;
}

bool payload_set_urn(json_t *j, const char *name, const uint8_t id[16])
{
	char urn[sizeof(UUID_URN) + UUID_TEXT] = UUID_URN;

	uuid_format(urn + sizeof(UUID_URN) - 1, id);
	return payload_set(j, name, json_string(urn));
}

json_t *payload_base64(const uint8_t *p, size_t n)
{
	char *text = mem_alloc(B64_SIZE(n));
	json_t *j = text != NULL ? json_stringn_nocheck(text, b64_encode(text, p, n)) : NULL;

	mem_free(text);
	return j;
}

bool payload_set_bytes(json_t *j, const char *name, const uint8_t *p, size_t n)
{
	return payload_set(j, name, payload_base64(p, n));
}

bool payload_set_text(json_t *j, const char *name, const char *text)
{
	return text == NULL || payload_set(j, name, json_string(text));
}

bool payload_set_products(json_t *j, const uint8_t (*ids)[16], size_t n)
{
	json_t *list = json_array();
	char urn[sizeof(UUID_URN) + UUID_TEXT] = UUID_URN;
	size_t i;

	for (i = 0; list != NULL && i < n; i++) {
		uuid_format(urn + sizeof(UUID_URN) - 1, ids[i]);
		if (json_array_append_new(list, json_string(urn)) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return payload_set(j, "products", list);
}

bool payload_set_coverage(json_t *j, int64_t start, int64_t end)
{
	json_t *m;

	if (start == 0 && end == 0)
		return true;
	m = json_object();
	if (m == NULL || !payload_set(m, "start", json_integer(start)) || !payload_set(m, "end", json_integer(end))) {
		json_decref(m);
		return false;
	}
	return payload_set(j, "coverage", m);
}
