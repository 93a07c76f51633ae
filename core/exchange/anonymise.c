/*
 * Anonymised exports. Every text is masked unless its member is known to name nobody: what nobody thought of stays hidden. A mask is an HMAC under a key that is
 * drawn for this export and wiped after it, so nobody, the exporter included, finds the value behind it by trying values out; two exports cannot be matched.
 */
#include "core/exchange/record.h"

#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/estate/kinds.h"

#define MASK_LEN 32
#define DEPTH_MAX 16

struct exchange_mask { uint8_t key[32]; };

int exchange_mask_new(struct exchange_mask **out, struct muster_err *err)
{
	if ((*out = mem_alloc(sizeof(**out))) == NULL)
		return err_nomem(err);
	random_bytes((*out)->key, sizeof((*out)->key));
	return MUSTER_OK;
}

void exchange_mask_free(struct exchange_mask *m)
{
	if (m == NULL)
		return;
	OPENSSL_cleanse(m->key, sizeof(m->key));
	mem_free(m);
}

/* Members whose texts are times, codes, words of a fixed list, or identifiers of products: they say nothing of anybody. */
static const char *const harmless[] = {
	"export", "at", "logged_at", "first_seen", "last_seen", "taken_at", "start", "end", "date", "coverage_start", "coverage_end", "as_of", "asked_on", "answered_on",
	"result", "by", "license_status", "activation_id", "activation_ids", "application_id", "product", "products", "kind", "key_kind", "state", "about", "role", "programme", "channel",
	"priority", "category", "serves", "setup_key", "description",
};
static const char *const names_of_products[] = { "product", "host" };   /* kinds whose `name` is that of a product */

static bool among(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

static bool is_harmless(const char *kind, const char *member)
{
	if (strcmp(member, "name") == 0)
		return kind != NULL && among(names_of_products, sizeof(names_of_products) / sizeof(names_of_products[0]), kind);
	return among(harmless, sizeof(harmless) / sizeof(harmless[0]), member);
}

/* The last five characters of a key, in letters and digits that keys are made of. */
static void partial(char out[6], const uint8_t mac[MASK_LEN])
{
	static const char letters[] = "BCDFGHJKMPQRTVWXY2346789";

	for (size_t i = 0; i < 5; i++)
		out[i] = letters[mac[i] % (sizeof(letters) - 1)];
	out[5] = '\0';
}

/* A mask of the form that its member must have, so that the export can be read again. */
static json_t *masked(const struct exchange_mask *m, const char *member, const char *text)
{
	uint8_t mac[MASK_LEN], id[UUID_LEN];
	char form[UUID_TEXT], hex[HEX_SIZE(MASK_LEN)];
	unsigned n = sizeof(mac);

	if (HMAC(EVP_sha256(), m->key, sizeof(m->key), (const unsigned char *)text, strlen(text), mac, &n) == NULL)
		return NULL;
	if (uuid_parse(id, text, strlen(text)) == MUSTER_OK) {
		mac[6] = (uint8_t)((mac[6] & 0x0f) | 0x80);   /* RFC 9562 section 5.8: version 8, vendor's own */
		mac[8] = (uint8_t)((mac[8] & 0x3f) | 0x80);
		uuid_format(form, mac);
		return json_string(form);
	}
	if (strcmp(member, "partial") == 0) {
		partial(form, mac);
		return json_string(form);
	}
	hex_encode(hex, mac, sizeof(mac));
	if (strcmp(member, "hardware_id") == 0)
		return json_string(hex);
	if (strcmp(member, "email") == 0)
		return json_sprintf("x-%.12s@example.invalid", hex);
	return json_sprintf("x-%.12s", hex);
}

static json_t *mask_value(const struct exchange_mask *m, const char *kind, const char *member, const json_t *v, unsigned depth);

static json_t *mask_list(const struct exchange_mask *m, const char *kind, const char *member, const json_t *v, unsigned depth)
{
	json_t *out = json_array();
	const json_t *x;
	size_t i;

	json_array_foreach(v, i, x)
		if (out == NULL || json_array_append_new(out, mask_value(m, kind, member, x, depth + 1)) != 0) {
			json_decref(out);
			return NULL;
		}
	return out;
}

static json_t *mask_object(const struct exchange_mask *m, const char *kind, const json_t *v, unsigned depth)
{
	json_t *out = json_object();
	const char *name;
	const json_t *x;

	json_object_foreach((json_t *)(uintptr_t)v, name, x)
		if (out == NULL || json_object_set_new(out, name, mask_value(m, kind, name, x, depth + 1)) != 0) {
			json_decref(out);
			return NULL;
		}
	return out;
}

/* @return a new reference; NULL when exhausted. */
static json_t *mask_value(const struct exchange_mask *m, const char *kind, const char *member, const json_t *v, unsigned depth)
{
	if (depth > DEPTH_MAX)
		return json_null();
	if (json_is_object(v))
		return mask_object(m, kind, v, depth);
	if (json_is_array(v))
		return mask_list(m, kind, member, v, depth);
	if (!json_is_string(v) || json_string_length(v) == 0 || is_harmless(kind, member))
		return json_incref((json_t *)(uintptr_t)v);
	return masked(m, member, json_string_value(v));
}

/* Of an entry, its kind: an object with `entry`, or a row of columns with `kind` and `id`. */
static const char *kind_of(const json_t *row)
{
	const char *kind = json_string_value(json_object_get(row, "kind"));

	return kind != NULL && (json_is_object(json_object_get(row, "entry")) || json_is_string(json_object_get(row, "id"))) && estate_kind_find(kind) != NULL ? kind : NULL;
}

int exchange_mask_row(struct exchange_mask *m, json_t *row, struct muster_err *err)
{
	json_t *out = mask_object(m, kind_of(row), row, 0);
	int r = out != NULL && json_object_clear(row) == 0 && json_object_update(row, out) == 0 ? MUSTER_OK : err_nomem(err);

	json_decref(out);
	return r;
}
