/** Any bytes as an export of events: every record has what record.h says, in its bounds; the same whether they come at once or in small pieces, as many by the rules of a place. */
#ifndef TESTS_FUZZ_FUZZ_EVENTS_H
#define TESTS_FUZZ_FUZZ_EVENTS_H

#include <string.h>

#include "core/base/clock.h"
#include "core/exchange/events.h"
#include "tests/fuzz/fuzz.h"

struct fuzz_events { const uint8_t *p; size_t n, step; uint64_t records, said; int result; };

static int fuzz_events_read(void *ctx, uint8_t *p, size_t n, struct muster_err *err)
{
	struct fuzz_events *f = ctx;
	size_t k = f->n < n ? f->n : n;

	(void)err;
	k = k < f->step ? k : f->step;
	memcpy(p, f->p, k);
	f->p += k;
	f->n -= k;
	return (int)k;
}

static void fuzz_events_text(const json_t *record, const char *name, size_t least, size_t most)
{
	const json_t *v = json_object_get(record, name);

	FUZZ_CHECK(v == NULL || json_is_null(v) || (json_is_string(v) && json_string_length(v) >= least && json_string_length(v) <= most));
}

static void fuzz_events_number(const json_t *record, const char *name, json_int_t most)
{
	const json_t *v = json_object_get(record, name);

	FUZZ_CHECK(v == NULL || json_is_null(v) || (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= most));
}

static void fuzz_events_time(const json_t *record, const char *name)
{
	const json_t *v = json_object_get(record, name);
	int64_t ms;

	FUZZ_CHECK(v == NULL || json_is_null(v) || time_parse_rfc3339(&ms, json_string_value(v), json_string_length(v)) == MUSTER_OK);
}

static int fuzz_events_record(void *ctx, json_t *record)
{
	struct fuzz_events *f = ctx;
	json_int_t id = json_integer_value(json_object_get(record, "id"));

	f->records++;
	FUZZ_CHECK(event_wanted((uint32_t)id) && json_integer_value(json_object_get(record, "line")) >= 1);
	FUZZ_CHECK((id != 12288 && id != 12290) || (json_object_get(record, "client_id") != NULL && json_object_get(record, "activation_id") != NULL && json_object_get(record, "at") != NULL));
	fuzz_events_text(record, "client_id", 36, 36);
	fuzz_events_text(record, "activation_id", 36, 36);
	fuzz_events_text(record, "result", 3, 10);
	fuzz_events_text(record, "name", 1, 255);
	fuzz_events_text(record, "server", 1, 255);
	fuzz_events_text(record, "domain", 1, 253);
	fuzz_events_text(record, "host", 1, EVENT_WORD_MAX);
	fuzz_events_text(record, "log", 1, EVENT_WORD_MAX);
	fuzz_events_number(record, "license_status", 6);
	fuzz_events_number(record, "minutes_left", UINT32_MAX);
	fuzz_events_number(record, "minimum_count", 1000000);
	fuzz_events_number(record, "count", 1000000);
	fuzz_events_number(record, "record", 999999999999999999);
	fuzz_events_time(record, "at");
	fuzz_events_time(record, "logged_at");
	json_decref(record);
	return 0;
}

static int fuzz_events_message(void *ctx, unsigned long line, const char *level, const char *text)
{
	struct fuzz_events *f = ctx;

	(void)line;
	f->said++;
	FUZZ_CHECK(strcmp(level, "refused") == 0 || strcmp(level, "doubtful") == 0 || strcmp(level, "note") == 0);
	FUZZ_CHECK(*text != '\0');
	return 0;
}

static struct fuzz_events fuzz_events_once(const struct exchange_reader *reader, const uint8_t *data, size_t size, size_t step, const char *zone)
{
	struct fuzz_events f = { data, size, step, 0, 0, 0 };
	const struct exchange_input in = { fuzz_events_read, &f };
	const struct exchange_hints h = { .type = EXCHANGE_EVENTS, .time_zone = zone };
	const struct exchange_sink sink = { fuzz_events_record, fuzz_events_message, NULL, &f };
	struct exchange_done done = { .type = EXCHANGE_EVENTS };
	struct exchange_text *t = NULL;
	struct muster_err err = { 0 };
	const char *peek;
	size_t n;
	int r;

	if (exchange_text_open(&t, &in, NULL, &err) != MUSTER_OK) {
		FUZZ_CHECK(err.message[0] != '\0');
		return f;
	}
	peek = exchange_text_peek(t, &n);
	(void)reader->recognise(peek, n);
	f.result = r = reader->read(t, &h, &sink, &done, &err);
	FUZZ_CHECK((r == MUSTER_OK) == (err.message[0] == '\0'));
	FUZZ_CHECK(done.records == f.records);
	exchange_text_close(t);
	return f;
}

static int fuzz_events(const struct exchange_reader *reader, const uint8_t *data, size_t size)
{
	struct fuzz_events whole = fuzz_events_once(reader, data, size, SIZE_MAX, NULL), pieces = fuzz_events_once(reader, data, size, 1 + size % 7, NULL), placed = fuzz_events_once(reader, data, size, SIZE_MAX, "Europe/Berlin");

	FUZZ_CHECK(whole.records == pieces.records && whole.said == pieces.said);
	/* where there is a time zone database; what it holds back comes too */
	FUZZ_CHECK(placed.result != MUSTER_OK || placed.records == whole.records);
	return 0;
}

#endif
