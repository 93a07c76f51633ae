#include "core/service/activate.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/codes.h"
#include "core/base/uuid.h"

#define DEPTH_MAX 16

static int bad(struct activate_fault *f, const char *field, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int bad(struct activate_fault *f, const char *field, const char *fmt, ...)
{
	va_list ap;

	f->code = CODE_M_FIELD;
	(void)snprintf(f->field, sizeof f->field, "%s", field);
	va_start(ap, fmt);
	(void)vsnprintf(f->detail, sizeof f->detail, fmt, ap);
	va_end(ap);
	return MUSTER_E_INVALID;
}

/* Depth before parsing: jansson allows 2,048 levels, the protocol 16. Brackets inside strings do not count. */
static bool too_deep(struct muster_span body)
{
	unsigned depth = 0;
	bool text = false;

	for (size_t i = 0; i < body.n; i++) {
		uint8_t c = body.p[i];

		if (text) {
			if (c == '\\')
				i++;
			else if (c == '"')
				text = false;
		} else if (c == '"') {
			text = true;
		} else if (c == '{' || c == '[') {
			if (++depth > DEPTH_MAX)
				return true;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

static json_t *parse_object(struct muster_span body, struct activate_fault *f)
{
	json_error_t e;
	json_t *root;

	f->code = CODE_M_BODY;
	f->field[0] = '\0';
	if (body.n == 0) {
		(void)snprintf(f->detail, sizeof f->detail, "The body is empty.");
		return NULL;
	}
	if (too_deep(body)) {
		(void)snprintf(f->detail, sizeof f->detail, "The body is nested more than %d levels deep.", DEPTH_MAX);
		return NULL;
	}
	root = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES, &e);
	if (root == NULL) {
		/* The parser's own words may quote the body: keep to the place. */
		(void)snprintf(f->detail, sizeof f->detail, "The body is not JSON: %s at line %d, column %d.",
		               json_error_code(&e) == json_error_duplicate_key ? "a member stands twice" : "it cannot be read", e.line, e.column);
		return NULL;
	}
	if (!json_is_object(root)) {
		(void)snprintf(f->detail, sizeof f->detail, "The body is JSON, but not an object.");
		json_decref(root);
		return NULL;
	}
	return root;
}

static const char *type_word(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT: return "an object";
	case JSON_ARRAY: return "an array";
	case JSON_STRING: return "a string";
	case JSON_INTEGER: return "an integer";
	case JSON_REAL: return "a number with a fraction";
	case JSON_TRUE: case JSON_FALSE: return "a boolean";
	case JSON_NULL: break;
	}
	return "null";
}

/* A member; null counts as absent. Its name in messages is PREFIX + name. */
struct member { const json_t *v; char name[FIELD_MAX]; };

static bool get(struct member *m, const json_t *o, const char *prefix, const char *name)
{
	(void)snprintf(m->name, sizeof m->name, "%s%s", prefix, name);
	m->v = json_object_get(o, name);
	if (json_is_null(m->v))
		m->v = NULL;
	return m->v != NULL;
}

static int missing(const struct member *m, struct activate_fault *f)
{
	return bad(f, m->name, "%s is missing.", m->name);
}

static int text_of(const struct member *m, const char **p, size_t *n, struct activate_fault *f)
{
	if (!json_is_string(m->v))
		return bad(f, m->name, "%s must be a string and is %s.", m->name, type_word(m->v));
	*p = json_string_value(m->v);
	*n = json_string_length(m->v);
	return MUSTER_OK;
}

static int uuid_of(const json_t *o, const char *name, uint8_t out[16], struct activate_fault *f)
{
	struct member m;
	const char *p;
	size_t n;

	if (!get(&m, o, "", name))
		return missing(&m, f);
	if (text_of(&m, &p, &n, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (uuid_parse(out, p, n) != MUSTER_OK)
		return bad(f, m.name, "%s is not a UUID of the form 2e28138a-847f-42bc-9752-61b03fff33cd.", m.name);
	if (uuid_is_nil(out))
		return bad(f, m.name, "%s is the nil UUID.", m.name);
	return MUSTER_OK;
}

/* Text without control characters, min … max bytes. */
static int plain_of(const struct member *m, char *out, size_t min, size_t max, struct activate_fault *f)
{
	const char *p;
	size_t n;

	if (text_of(m, &p, &n, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (n < min || n > max)
		return bad(f, m->name, "%s must be %zu to %zu bytes long and is %zu.", m->name, min, max, n);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return bad(f, m->name, "%s holds a control character.", m->name);
	memcpy(out, p, n);
	out[n] = '\0';
	return MUSTER_OK;
}

static int integer_of(const struct member *m, int64_t min, int64_t max, int64_t *out, struct activate_fault *f)
{
	if (!json_is_integer(m->v))
		return bad(f, m->name, "%s must be an integer and is %s.", m->name, type_word(m->v));
	*out = json_integer_value(m->v);
	if (*out < min || *out > max)
		return bad(f, m->name, "%s must be %lld to %lld and is %lld.", m->name, (long long)min, (long long)max, (long long)*out);
	return MUSTER_OK;
}

static int bytes_of(const struct member *m, uint8_t *out, size_t min, size_t max, size_t *len, struct activate_fault *f)
{
	const char *p;
	size_t n;

	if (text_of(m, &p, &n, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (b64_decode(out, max, len, p, n) != MUSTER_OK || *len < min) {
		if (min == max)
			return bad(f, m->name, "%s must be base64url without padding of exactly %zu bytes.", m->name, min);
		return bad(f, m->name, "%s must be base64url without padding of %zu to %zu bytes.", m->name, min, max);
	}
	return MUSTER_OK;
}

static int machine_of(struct activate *out, const json_t *root, struct activate_fault *f)
{
	struct member machine, m;
	const char *p;
	size_t n;

	if (!get(&machine, root, "", "machine"))
		return missing(&machine, f);
	if (!json_is_object(machine.v))
		return bad(f, machine.name, "machine must be an object and is %s.", type_word(machine.v));
	if (get(&m, machine.v, "machine.", "name") && plain_of(&m, out->name, 1, sizeof out->name - 1, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (get(&m, machine.v, "machine.", "os") && plain_of(&m, out->os, 0, sizeof out->os - 1, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (get(&m, machine.v, "machine.", "virtual")) {
		if (!json_is_boolean(m.v))
			return bad(f, m.name, "machine.virtual must be true or false and is %s.", type_word(m.v));
		out->is_virtual = json_is_true(m.v);
	}
	if (!get(&m, machine.v, "machine.", "hardware_id"))
		return MUSTER_OK;
	if (text_of(&m, &p, &n, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (hex_decode(out->hw, sizeof out->hw, p, n) != MUSTER_OK)
		return bad(f, m.name, "machine.hardware_id must be exactly 64 hexadecimal digits.");
	if (out->hw[0] > 3)
		return bad(f, m.name, "machine.hardware_id must begin with its source, 00 to 03.");
	out->has_hw = true;
	return MUSTER_OK;
}

static int key_of(struct activate *out, const json_t *root, struct activate_fault *f)
{
	struct member key, m;
	char kind[2];
	int64_t number;
	size_t n;

	if (!get(&key, root, "", "key"))
		return MUSTER_OK;
	out->has_key = true;
	if (json_is_string(key.v)) {
		out->whole_key = true;
		return MUSTER_OK;
	}
	if (!json_is_object(key.v))
		return bad(f, key.name, "key must be an object with kind, number and proof, and is %s.", type_word(key.v));
	if (!get(&m, key.v, "key.", "kind"))
		return missing(&m, f);
	if (plain_of(&m, kind, 1, 1, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	out->key_kind = kind[0];
	if (!get(&m, key.v, "key.", "number"))
		return missing(&m, f);
	if (integer_of(&m, 0, (1 << 30) - 1, &number, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	out->key_number = (uint32_t)number;
	if (!get(&m, key.v, "key.", "proof"))
		return missing(&m, f);
	return bytes_of(&m, out->key_proof, 32, 32, &n, f);
}

static int lease_of(const json_t *root, bool required, char *out, size_t *len, struct activate_fault *f)
{
	struct member m;

	*len = 0;
	if (!get(&m, root, "", "lease"))
		return required ? missing(&m, f) : MUSTER_OK;
	if (plain_of(&m, out, 1, ACTIVATE_LEASE_MAX, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	*len = strlen(out);
	return MUSTER_OK;
}

static int state_of(struct activate *out, const json_t *root, struct activate_fault *f)
{
	struct member m;
	const char *p;
	int64_t number;
	size_t n;

	if (!get(&m, root, "", "license_status"))
		return missing(&m, f);
	if (integer_of(&m, 0, 6, &number, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	out->status = (uint8_t)number;
	if (get(&m, root, "", "minutes_left")) {
		if (integer_of(&m, 0, INT32_MAX, &number, f) != MUSTER_OK)
			return MUSTER_E_INVALID;
		out->minutes = (int32_t)number;
		out->has_minutes = true;
	}
	if (!get(&m, root, "", "time"))
		return missing(&m, f);
	if (text_of(&m, &p, &n, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	if (time_parse_rfc3339(&out->time, p, n) != MUSTER_OK)
		return bad(f, m.name, "time is not an RFC 3339 time with Z or an offset, for example 2026-11-22T10:00:00Z.");
	return MUSTER_OK;
}

static int proof_of(struct activate *out, const json_t *root, struct activate_fault *f)
{
	struct member m;
	size_t n;

	if (!get(&m, root, "", "nonce"))
		return missing(&m, f);
	if (bytes_of(&m, out->nonce, 16, 64, &n, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	out->nonce_len = (uint8_t)n;
	if (get(&m, root, "", "release_hash")) {
		if (bytes_of(&m, out->release, 32, 32, &n, f) != MUSTER_OK)
			return MUSTER_E_INVALID;
		out->has_release = true;
	}
	if (key_of(out, root, f) != MUSTER_OK)
		return MUSTER_E_INVALID;
	return lease_of(root, false, out->lease, &out->lease_len, f);
}

int activate_parse(struct activate *out, struct muster_span body, struct activate_fault *fault)
{
	int r = MUSTER_E_INVALID;
	json_t *root;

	/* The lease's room is not cleared: lease_len says what of it counts. */
	memset(out, 0, offsetof(struct activate, lease));
	out->lease_len = 0;
	if ((root = parse_object(body, fault)) == NULL)
		return MUSTER_E_INVALID;
	if (uuid_of(root, "activation_id", out->activation_id, fault) == MUSTER_OK &&
	    uuid_of(root, "client_id", out->client_id, fault) == MUSTER_OK &&
	    machine_of(out, root, fault) == MUSTER_OK &&
	    state_of(out, root, fault) == MUSTER_OK &&
	    proof_of(out, root, fault) == MUSTER_OK)
		r = MUSTER_OK;
	/* Told also when something else is wrong: a key that was exposed must be reported. */
	if (r != MUSTER_OK)
		out->whole_key = json_is_string(json_object_get(root, "key"));
	json_decref(root);
	return r;
}

int release_parse(struct release_body *out, struct muster_span body, struct activate_fault *fault)
{
	int r = MUSTER_E_INVALID;
	struct member m;
	size_t n;
	json_t *root;

	if ((root = parse_object(body, fault)) == NULL)
		return MUSTER_E_INVALID;
	if (lease_of(root, true, out->lease, &out->lease_len, fault) != MUSTER_OK)
		goto done;
	if (!get(&m, root, "", "release"))
		(void)missing(&m, fault);
	else
		r = bytes_of(&m, out->secret, 32, 32, &n, fault);
done:
	json_decref(root);
	return r;
}
