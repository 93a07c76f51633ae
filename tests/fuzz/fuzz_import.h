/* Any bytes as a table or as JSON: the same records and messages whether they come at once or in pieces, fields that exist, and no product key in a message. */
#ifndef TESTS_FUZZ_FUZZ_IMPORT_H
#define TESTS_FUZZ_FUZZ_IMPORT_H

#include <string.h>

#include "core/base/buf.h"
#include "core/estate/kinds.h"
#include "core/exchange/record.h"
#include "tests/fuzz/fuzz.h"

struct fuzz_source { const uint8_t *p; size_t n, piece; };
struct fuzz_seen { struct buf said; json_t *records; uint64_t n; bool fields; };

static int fuzz_from(void *ctx, uint8_t *p, size_t n, struct muster_err *err)
{
	struct fuzz_source *s = ctx;
	size_t k = s->n < n ? s->n : n;

	(void)err;
	k = k < s->piece ? k : s->piece;
	memcpy(p, s->p, k);
	s->p += k;
	s->n -= k;
	return (int)k;
}

static int fuzz_record(void *ctx, json_t *record)
{
	struct fuzz_seen *s = ctx;
	const json_t *entry = json_object_get(record, "entry"), *kind = json_object_get(record, "kind"), *v;
	void *at;

	FUZZ_CHECK(json_is_object(record) && json_is_integer(json_object_get(record, "line")));
	for (at = s->fields && entry != NULL ? json_object_iter((json_t *)(uintptr_t)entry) : NULL; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)entry, at)) {
		const struct estate_field *f;

		v = json_object_iter_value(at);
		f = estate_field_find(estate_kind_find(json_string_value(kind)), json_object_iter_key(at));
		FUZZ_CHECK(f != NULL && !json_is_null(v) && (!f->list || json_is_array(v)));
	}
	s->n++;
	return json_array_append_new(s->records, record);
}

static int fuzz_message(void *ctx, unsigned long line, const char *level, const char *text)
{
	struct fuzz_seen *s = ctx;

	FUZZ_CHECK(text[0] != '\0');
	buf_addf(&s->said, "%lu %s %s\n", line, level, text);
	return 0;
}

/* A key of five groups, as table.c sends it, is nowhere in what was said. */
static void fuzz_secret(const struct fuzz_seen *s)
{
	const json_t *record;
	size_t i;

	json_array_foreach(s->records, i, record) {
		const char *key = json_string_value(json_object_get(json_object_get(record, "entry"), "key"));

		FUZZ_CHECK(key == NULL || strlen(key) != 29 || strstr(buf_str(&s->said), key) == NULL);
	}
}

static int fuzz_run(const uint8_t *data, size_t size, size_t piece, const struct exchange_hints *h, struct fuzz_seen *seen, struct exchange_done *done, struct muster_err *err)
{
	struct fuzz_source s = { data, size, piece };
	const struct exchange_input in = { fuzz_from, &s };
	const struct exchange_sink sink = { .record = fuzz_record, .message = fuzz_message, .ctx = seen };
	int r;

	seen->n = 0;
	seen->records = json_array();
	buf_init(&seen->said, 1 << 20);
	r = exchange_read(&in, h, &sink, done, err);
	FUZZ_CHECK(r == MUSTER_OK || r == MUSTER_E_UNSUPPORTED || r == MUSTER_E_INVALID);
	FUZZ_CHECK(r == MUSTER_OK || err->message[0] != '\0');
	FUZZ_CHECK(done->records == seen->n);
	return r;
}

static void fuzz_import(const uint8_t *data, size_t size, const struct exchange_hints *h, bool fields)
{
	struct fuzz_seen a = { .fields = fields }, b = { .fields = fields };
	struct exchange_done done;
	struct muster_err err = { 0 };
	int r = fuzz_run(data, size, SIZE_MAX, h, &a, &done, &err);

	FUZZ_CHECK(fuzz_run(data, size, 7, h, &b, &done, &err) == r);
	FUZZ_CHECK(json_equal(a.records, b.records) && strcmp(buf_str(&a.said), buf_str(&b.said)) == 0);
	if (fields)
		fuzz_secret(&a);
	json_decref(a.records);
	json_decref(b.records);
	buf_fini(&a.said);
	buf_fini(&b.said);
}

#endif
