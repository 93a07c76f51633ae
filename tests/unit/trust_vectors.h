/** tests/vectors/trust-vectors.json: one complete flow of keys and digits with every value between. Included by one file a program. */
#ifndef TESTS_UNIT_TRUST_VECTORS_H
#define TESTS_UNIT_TRUST_VECTORS_H

#include <string.h>
#include <jansson.h>
#include "core/base/bytes.h"
#include "tests/unit/unit.h"

#define VECTOR_MAX 2048

static json_t *vectors_loaded;

static inline json_t *vector(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[512];
	json_t *v;

	if (vectors_loaded == NULL) {
		(void)snprintf(path, sizeof path, "%s/tests/vectors/trust-vectors.json", top != NULL ? top : ".");
		vectors_loaded = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
		ck_assert_msg(vectors_loaded != NULL, "%s cannot be read", path);
	}
	v = json_object_get(vectors_loaded, name);
	ck_assert_msg(v != NULL, "no vector %s", name);
	return v;
}

static inline const char *vector_text(const char *name) { return json_string_value(vector(name)); }
static inline uint32_t vector_number(const char *name) { return (uint32_t)json_integer_value(vector(name)); }

/** Bytes of a vector in hexadecimal: exactly n. */
static inline void vector_bytes(uint8_t *out, size_t n, const char *name)
{
	const char *text = vector_text(name);

	ck_assert_msg(hex_decode(out, n, text, strlen(text)) == MUSTER_OK, "vector %s has not %zu bytes", name, n);
}

/** Compare bytes with a vector. */
static inline void vector_is(const uint8_t *have, size_t n, const char *name)
{
	char text[HEX_SIZE(VECTOR_MAX)];

	ck_assert_uint_le(n, VECTOR_MAX);
	hex_encode(text, have, n);
	ck_assert_msg(strcmp(text, vector_text(name)) == 0, "%s: have %s", name, text);
}

#endif
