/* Entries: members, values from JSON, rules between members, and their fields as text (facts.md section 5). */
#include "core/estate/kinds_value.h"

#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>

#include "core/base/buf.h"
#include "core/base/codes.h"
#include "core/base/err.h"

/* What ends before it begins. */
static const struct { const char *kind, *first, *last; } spans[] = {
	{ "agreement", "start", "end" }, { "key", "coverage_start", "coverage_end" }, { "request", "asked_on", "answered_on" },
};

static const char *json_word(const json_t *v)
{
	static const char *const words[] = { "an object", "a list", "a string", "a number", "a number with a fraction", "true", "false", "null" };

	return words[json_typeof(v)];
}

/* One value from JSON. */
static int value_of(const struct estate_kind *k, const struct estate_field *f, const json_t *v, json_t **out, struct muster_err *err)
{
	json_int_t n;

	*out = NULL;
	if (f->type == ESTATE_COUNT && json_is_integer(v)) {
		n = json_integer_value(v);
		if (n < -1 || n > VALUE_COUNT_MAX)
			return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s is %lld; it takes a number from 0 to %lld, or -1 for unknown", k->name, f->name, (long long)n, (long long)VALUE_COUNT_MAX);
		*out = json_integer(n);
		return *out != NULL ? MUSTER_OK : err_nomem(err);
	}
	if (f->type == ESTATE_FLAG && json_is_boolean(v)) {
		*out = json_boolean(json_is_true(v));
		return MUSTER_OK;
	}
	if (f->type == ESTATE_COUNT || f->type == ESTATE_FLAG || !json_is_string(v))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s is %s; it takes %s", k->name, f->name, json_word(v),
		                f->type == ESTATE_COUNT ? "a whole number" : f->type == ESTATE_FLAG ? "true or false" : f->list ? "a list of strings" : "a string");
	return value_get(k, f, json_string_value(v), json_string_length(v), out, err);
}

/* Into a list unless it is there; adopts @p v. */
static int list_add(const struct estate_kind *k, const struct estate_field *f, json_t *list, json_t *v, struct muster_err *err)
{
	const json_t *x;
	size_t i;

	json_array_foreach(list, i, x)
		if (json_equal(x, v)) {
			json_decref(v);
			return MUSTER_OK;
		}
	if (json_array_size(list) == ESTATE_LIST_MAX) {
		json_decref(v);
		return err_code(err, MUSTER_E_LIMIT, CODE_M_ARGUMENT, "%s: %s holds more than %d values", k->name, f->name, ESTATE_LIST_MAX);
	}
	return json_array_append_new(list, v) == 0 ? MUSTER_OK : err_nomem(err);
}

static int list_of(const struct estate_kind *k, const struct estate_field *f, const json_t *given, json_t **out, struct muster_err *err)
{
	json_t *list, *v;
	const json_t *x;
	size_t i;
	int r = MUSTER_OK;

	*out = NULL;
	if (!json_is_array(given))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s is %s; it takes a list of strings", k->name, f->name, json_word(given));
	if ((list = json_array()) == NULL)
		return err_nomem(err);
	json_array_foreach(given, i, x)
		if ((r = value_of(k, f, x, &v, err)) != MUSTER_OK || (v != NULL && (r = list_add(k, f, list, v, err)) != MUSTER_OK))
			break;
	if (r == MUSTER_OK && json_array_size(list) > 0)
		*out = json_incref(list);
	json_decref(list);
	return r;
}

/* ---- entries ---- */

void estate_entry_wipe(json_t *entry)
{
	const json_t *v = json_object_get(entry, "key");
	const char *text = json_string_value(v);

	/* The library keeps it to itself and frees it as it is. A reference of kind "key" is an ID, and wiped with the rest. */
	if (text != NULL)
		OPENSSL_cleanse((char *)(uintptr_t)text, json_string_length(v));
}

/* Replace a member; NULL takes it off. Adopts @p v. */
static int member_put(json_t *entry, const struct estate_field *f, json_t *v, struct muster_err *err)
{
	if (f->type == ESTATE_KEY)
		estate_entry_wipe(entry);
	if (v == NULL)
		return json_object_del(entry, f->name), MUSTER_OK;
	return json_object_set_new(entry, f->name, v) == 0 ? MUSTER_OK : err_nomem(err);
}

static int check_field(const struct estate_kind *k, json_t *entry, const struct estate_field *f, struct muster_err *err)
{
	const json_t *given = json_object_get(entry, f->name);
	json_t *v = NULL;
	int r = MUSTER_OK;

	if (given != NULL && !json_is_null(given))
		r = f->list ? list_of(k, f, given, &v, err) : value_of(k, f, given, &v, err);
	if (r != MUSTER_OK)
		return r;
	if (v == NULL && f->required)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s is missing: %s", k->name, f->name, f->doc);
	return given != NULL ? member_put(entry, f, v, err) : MUSTER_OK;
}

static int check_members(const struct estate_kind *k, const json_t *entry, struct muster_err *err)
{
	const char *name, *near;
	const json_t *v;
	void *at;
	value_quoted q;

	for (at = json_object_iter((json_t *)(uintptr_t)entry); at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)entry, at)) {
		const struct estate_field *f;

		name = json_object_iter_key(at);
		v = json_object_iter_value(at);
		if (strcmp(name, "id") == 0) {
			if (!json_is_string(v) || !estate_id_ok(json_string_value(v)))
				return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: id takes letters, digits, and any of \"._-:\" after the first, at most %d", k->name, ESTATE_ID_MAX);
			continue;
		}
		if ((f = estate_field_find(k, name)) != NULL && strcmp(f->name, name) == 0)
			continue;
		near = estate_field_near(k, name);
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s has no field \"%s\"%s%s%s", k->name, value_quote(q, name, strlen(name)), near != NULL ? "; did you mean " : "", near != NULL ? near : "",
		                near != NULL ? "?" : "");
	}
	return MUSTER_OK;
}

static const char *text_of(const json_t *entry, const char *name)
{
	return json_string_value(json_object_get(entry, name));
}

static int check_key(json_t *entry, struct muster_err *err)
{
	const char *key = text_of(entry, "key"), *partial = text_of(entry, "partial");

	if (key != NULL && partial != NULL && strcmp(key + VALUE_KEY_TEXT - 6, partial) != 0)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "key: partial is %s, but the whole key given ends otherwise; leave one of them out", partial);
	if (key != NULL && partial == NULL && json_object_set_new(entry, "partial", json_string(key + VALUE_KEY_TEXT - 6)) != 0)
		return err_nomem(err);
	if (key == NULL && partial == NULL && json_object_get(entry, "products") == NULL)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "key: neither partial nor key nor products say which key it is");
	return MUSTER_OK;
}

static int check_rules(const struct estate_kind *k, json_t *entry, struct muster_err *err)
{
	if (strcmp(k->name, "key") == 0)
		return check_key(entry, err);
	if (strcmp(k->name, "product") == 0 && json_is_true(json_object_get(entry, "keyless")) && text_of(entry, "setup_key") != NULL)
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "product: it cannot need no key (keyless) and have a setup key (setup_key)");
	return MUSTER_OK;
}

int estate_entry_part(const struct estate_kind *k, json_t *part, struct muster_err *err)
{
	int r = MUSTER_OK;

	if (!json_is_object(part))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: an entry is an object with its fields", k->name);
	if ((r = check_members(k, part, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; i < k->field_count && r == MUSTER_OK; i++) {
		const struct estate_field *f = &k->fields[i];
		const json_t *given = json_object_get(part, f->name);
		json_t *v = NULL;

		if (given == NULL || json_is_null(given))
			continue;
		if ((r = f->list ? list_of(k, f, given, &v, err) : value_of(k, f, given, &v, err)) == MUSTER_OK)
			r = member_put(part, f, v != NULL ? v : json_null(), err);
	}
	return r;
}

int estate_entry_check(const struct estate_kind *k, json_t *entry, struct muster_err *err)
{
	size_t bytes;
	int r;

	if (!json_is_object(entry))
		return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: an entry is an object with its fields", k->name);
	if ((r = check_members(k, entry, err)) != MUSTER_OK)
		return r;
	for (size_t i = 0; i < k->field_count; i++)
		if ((r = check_field(k, entry, &k->fields[i], err)) != MUSTER_OK)
			return r;
	for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
		const char *first = text_of(entry, spans[i].first), *last = text_of(entry, spans[i].last);

		/* One form of dates: what comes later is greater. */
		if (strcmp(spans[i].kind, k->name) == 0 && first != NULL && last != NULL && strcmp(first, last) > 0)
			return err_code(err, MUSTER_E_INVALID, CODE_M_ARGUMENT, "%s: %s %s is before %s %s", k->name, spans[i].last, last, spans[i].first, first);
	}
	if ((r = check_rules(k, entry, err)) != MUSTER_OK)
		return r;
	bytes = json_dumpb(entry, NULL, 0, JSON_COMPACT);
	return bytes <= ESTATE_ENTRY_MAX ? MUSTER_OK :
	       err_code(err, MUSTER_E_LIMIT, CODE_M_ARGUMENT, "%s: the entry is %zu bytes long; at most %u are kept", k->name, bytes, ESTATE_ENTRY_MAX);
}

/* ---- as text ---- */

/* Up to the next ',' that has no backslash before it, without its backslashes. @return where to go on; NULL: that was the last. */
static const char *next_part(struct buf *out, const char *p, bool list, bool lines)
{
	buf_clear(out);
	for (; *p != '\0'; p++) {
		if (list && *p == ',')
			return p + 1;
		if ((list || lines) && *p == '\\' && (p[1] == '\\' || (list && p[1] == ',') || (lines && p[1] == 'n'))) {
			p++;
			buf_addc(out, *p == 'n' ? '\n' : *p);
		} else {
			buf_addc(out, *p);
		}
	}
	return NULL;
}

int estate_entry_set(const struct estate_kind *k, json_t *entry, const struct estate_field *f, const char *text, struct muster_err *err)
{
	json_t *list = NULL, *v = NULL;
	struct buf part;
	int r = MUSTER_OK;

	if (f->list && (list = json_array()) == NULL)
		return err_nomem(err);
	buf_init(&part, VALUE_RAW_MAX + 1);
	for (const char *at = text; at != NULL && r == MUSTER_OK;) {
		at = next_part(&part, at, f->list, f->type == ESTATE_LINES);
		if (part.failed)
			r = err_code(err, MUSTER_E_LIMIT, CODE_M_ARGUMENT, "%s: %s is longer than %u bytes", k->name, f->name, VALUE_RAW_MAX);
		else if ((r = value_get(k, f, buf_str(&part), part.n, &v, err)) == MUSTER_OK && f->list && v != NULL)
			r = list_add(k, f, list, v, err);
	}
	buf_cleanse(&part);
	if (f->list)
		v = r == MUSTER_OK && json_array_size(list) > 0 ? json_incref(list) : NULL;
	if (r == MUSTER_OK)
		r = member_put(entry, f, v, err);
	json_decref(list);
	return r;
}

/* Into @p out as far as there is room. */
static size_t put(char *out, size_t n, size_t used, const char *text, size_t length)
{
	for (size_t i = 0; i < length && used + 1 < n; i++)
		out[used++] = text[i];
	if (n > 0)
		out[used < n ? used : n - 1] = '\0';
	return used;
}

/* Bytes without the character that was cut at the end. */
static size_t whole_characters(const char *p, size_t n)
{
	size_t lead = n, wants;

	while (lead > 0 && ((unsigned char)p[lead - 1] & 0xC0) == 0x80)
		lead--;
	if (lead == 0)
		return 0;
	lead--;
	wants = (unsigned char)p[lead] < 0x80 ? 1 : (unsigned char)p[lead] < 0xE0 ? 2 : (unsigned char)p[lead] < 0xF0 ? 3 : 4;
	return n - lead < wants ? lead : n;
}

static size_t put_value(char *out, size_t n, size_t used, const struct estate_field *f, const json_t *v)
{
	const char *p = json_string_value(v);
	char number[24];

	if (json_is_integer(v) && json_integer_value(v) < 0)
		return put(out, n, used, "unknown", 7);
	if (json_is_integer(v))
		return put(out, n, used, number, (size_t)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v)));
	if (json_is_boolean(v))
		return put(out, n, used, json_is_true(v) ? "yes" : "no", json_is_true(v) ? 3 : 2);
	for (size_t i = 0; p != NULL && i < json_string_length(v); i++) {
		if (p[i] == '\n')
			used = put(out, n, used, "\\n", 2);
		else if ((p[i] == ',' && f->list) || (p[i] == '\\' && (f->list || f->type == ESTATE_LINES)))
			used = put(out, n, put(out, n, used, "\\", 1), p + i, 1);
		else
			used = put(out, n, used, p + i, 1);
	}
	return used;
}

const char *estate_entry_text(const struct estate_kind *k, const json_t *entry, const struct estate_field *f, char *out, size_t n)
{
	const json_t *v = json_object_get(entry, f->name), *x;
	size_t i, used = 0;

	(void)k;
	if (n > 0)
		out[0] = '\0';
	if (v == NULL || f->type == ESTATE_KEY)
		return out;
	if (!json_is_array(v)) {
		used = put_value(out, n, 0, f, v);
	} else {
		json_array_foreach(v, i, x)
			used = put_value(out, n, i > 0 ? put(out, n, used, ", ", 2) : 0, f, x);
	}
	if (n > 0)
		out[whole_characters(out, used < n ? used : n - 1)] = '\0';
	return out;
}
