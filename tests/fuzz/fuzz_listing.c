/* Any bytes as a listing: every record has the form of record.h and holds known fields of kind host only, no longer than they may be; lines rise. */
#include <string.h>

#include "core/base/uuid.h"
#include "core/estate/kinds.h"
#include "core/exchange/record.h"
#include "tests/fuzz/fuzz.h"

struct source { const uint8_t *p; size_t n; };
struct seen { uint64_t records, refused, doubtful; json_int_t line; };

static int from(void *ctx, uint8_t *p, size_t n, struct muster_err *err)
{
	struct source *s = ctx;
	size_t k = s->n < n ? s->n : n;

	(void)err;
	memcpy(p, s->p, k);
	s->p += k;
	s->n -= k;
	return (int)k;
}

static void check_field(const struct estate_kind *host, const char *name, const json_t *v)
{
	const struct estate_field *f = estate_field_find(host, name);
	uint8_t id[UUID_LEN];

	FUZZ_CHECK(f != NULL && strcmp(f->name, name) == 0);
	if (f->type == ESTATE_COUNT)
		FUZZ_CHECK(json_is_integer(v) && json_integer_value(v) >= 0);
	else if (f->type == ESTATE_FLAG)
		FUZZ_CHECK(json_is_boolean(v));
	else
		FUZZ_CHECK(json_is_string(v) && (f->max == 0 || json_string_length(v) <= f->max));
	if (f->type == ESTATE_UUID)
		FUZZ_CHECK(uuid_parse(id, json_string_value(v), json_string_length(v)) == MUSTER_OK);
}

static int take_record(void *ctx, json_t *record)
{
	struct seen *s = ctx;
	const struct estate_kind *host = estate_kind_find("host");
	json_t *entry = json_object_get(record, "entry"), *doubts = json_object_get(record, "doubts"), *v;
	json_int_t line = json_integer_value(json_object_get(record, "line"));
	const char *name;
	size_t i;

	s->records++;
	FUZZ_CHECK(line > s->line && json_is_object(entry) && json_is_array(doubts));
	s->line = line;
	FUZZ_CHECK(json_object_get(entry, "description") != NULL || json_object_get(entry, "activation_id") != NULL);
	json_object_foreach(entry, name, v)
		check_field(host, name, v);
	json_array_foreach(doubts, i, v)
		FUZZ_CHECK(json_is_string(v) && json_string_length(v) <= 300);
	json_decref(record);
	return 0;
}

static int take_message(void *ctx, unsigned long line, const char *level, const char *text)
{
	struct seen *s = ctx;

	(void)line;
	s->refused += strcmp(level, "refused") == 0;
	s->doubtful += strcmp(level, "doubtful") == 0;
	FUZZ_CHECK(text[0] != '\0');
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source s = { data, size };
	struct seen seen = { 0, 0, 0, 0 };
	struct exchange_input in = { from, &s };
	struct exchange_sink sink = { take_record, take_message, NULL, &seen };
	struct exchange_hints h = { .type = EXCHANGE_LISTING, .name = "kms01.txt", .at = 1700000000 };
	struct exchange_done done;
	struct muster_err err = { 0 };
	int r = exchange_read(&in, &h, &sink, &done, &err);

	FUZZ_CHECK(r == MUSTER_OK || r == MUSTER_E_UNSUPPORTED);
	FUZZ_CHECK((r == MUSTER_OK) == (err.message[0] == '\0'));
	FUZZ_CHECK(done.records == seen.records && done.refused == seen.refused && done.doubtful == seen.doubtful && done.bytes == size);
	return 0;
}
