/** What the tests of event readers share: a file is read as it is, or in pieces; what came of it is compared. The two samples are the vendor's; the rest is made for these tests. */
#ifndef TESTS_UNIT_EXCHANGE_EVENTS_H
#define TESTS_UNIT_EXCHANGE_EVENTS_H

#include "tests/unit/unit.h"

#include <string.h>

#include "core/exchange/events.h"

#define CMID "36f27b39-2fd5-440b-be67-a09996d27a38"
#define EDITION "68531fb9-5511-4989-97be-d11a0f55633f"
#define OTHER "11111111-2222-4333-8444-555555555555"
#define FIELDS "0xC004F06C,5,pc-1.example.org," CMID ",2010/9/29 21:46,0,2,41520," EDITION
/* Event Viewer's text, PowerShell's headings and message */
#define HEAD(date, id, computer) "Log Name:      Key Management Service\r\nSource:        Microsoft-Windows-Security-SPP\r\nDate:          " date "\r\nEvent ID:      " id \
	"\r\nTask Category: None\r\nLevel:         Information\r\nKeywords:      Classic\r\nUser:          N/A\r\nComputer:      " computer "\r\nDescription:\r\n"
#define BODY "An activation request has been processed.\r\nInfo:\r\n" FIELDS "\r\n"
#define EXPORTED "\"Message\",\"Id\",\"Keywords\",\"RecordId\",\"ProviderName\",\"LogName\",\"MachineName\",\"TimeCreated\"\r\n"
#define CELL "\"An activation request has been processed.\r\nInfo:\r\n" FIELDS "\""

/* What a file gave. */
static json_t *records;
static char messages[8192];
static struct exchange_done done;

struct source { const char *p; size_t n, step; };

static inline int source_read(void *ctx, uint8_t *p, size_t n, struct muster_err *err)
{
	struct source *s = ctx;
	size_t k = s->n < n ? s->n : n;

	(void)err;
	k = k < s->step ? k : s->step;
	memcpy(p, s->p, k);
	s->p += k;
	s->n -= k;
	return (int)k;
}

static inline int take_record(void *ctx, json_t *record)
{
	(void)ctx;
	return json_array_append_new(records, record);
}

static inline int take_message(void *ctx, unsigned long line, const char *level, const char *text)
{
	size_t n = strlen(messages);

	(void)ctx;
	(void)snprintf(messages + n, sizeof messages - n, "%lu %s: %s\n", line, level, text);
	return 0;
}

static inline void read_hinted(const char *text, size_t n, size_t step, const struct exchange_hints *h)
{
	struct source s = { text, n, step };
	const struct exchange_input in = { source_read, &s };
	const struct exchange_sink sink = { take_record, take_message, NULL, NULL };
	struct muster_err err = { 0 };

	json_decref(records);
	records = json_array();
	messages[0] = '\0';
	ck_assert_msg(exchange_read(&in, h, &sink, &done, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_uint_eq(done.records, json_array_size(records));
}

static inline void read_text(const char *text)
{
	read_hinted(text, strlen(text), SIZE_MAX, &(struct exchange_hints) { .name = "x" });
}

static inline void read_at(const char *text, const char *offset)
{
	read_hinted(text, strlen(text), SIZE_MAX, &(struct exchange_hints) { .offset = offset });
}

static inline json_t *nth(size_t i)
{
	ck_assert_msg(i < json_array_size(records), "record %zu of %zu; messages: %s", i, json_array_size(records), messages);
	return json_array_get(records, i);
}

static inline const char *text_of(size_t i, const char *name)
{
	json_t *v = json_object_get(nth(i), name);

	return v == NULL ? "(absent)" : json_is_null(v) ? "(null)" : json_string_value(v) != NULL ? json_string_value(v) : "(no text)";
}

static inline long long number_of(size_t i, const char *name)
{
	json_t *v = json_object_get(nth(i), name);

	ck_assert_msg(json_is_integer(v), "%s of record %zu is no number", name, i);
	return json_integer_value(v);
}

#define TEXT(i, name, wanted) ck_assert_str_eq(text_of(i, name), wanted)
#define NUMBER(i, name, wanted) ck_assert_int_eq(number_of(i, name), wanted)
#define RECORDS(n) ck_assert_msg(json_array_size(records) == (n), "%zu records, messages: %s", json_array_size(records), messages)
#define SAYS(text) ck_assert_msg(strstr(messages, text) != NULL, "not said: %s\nbut: %s", text, messages)

static inline void teardown(void)
{
	json_decref(records);
	records = NULL;
}

#endif
