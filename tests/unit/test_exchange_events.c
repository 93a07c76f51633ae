/* Events: fields by shape, dates of every kind, and each form of an export (facts.md section 4). The two samples are the vendor's; the rest is made for these tests. */
#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>

#include "core/base/mem.h"
#include "core/exchange/events.h"

#define CMID "36f27b39-2fd5-440b-be67-a09996d27a38"
#define EDITION "68531fb9-5511-4989-97be-d11a0f55633f"
#define OTHER "11111111-2222-4333-8444-555555555555"
#define FIELDS "0xC004F06C,5,pc-1.example.org," CMID ",2010/9/29 21:46,0,2,41520," EDITION

/* What a file gave. */
static json_t *records;
static char messages[8192];
static struct exchange_done done;

struct source { const char *p; size_t n, step; };

static int source_read(void *ctx, uint8_t *p, size_t n, struct muster_err *err)
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

static int take_record(void *ctx, json_t *record)
{
	(void)ctx;
	return json_array_append_new(records, record);
}

static int take_message(void *ctx, unsigned long line, const char *level, const char *text)
{
	size_t n = strlen(messages);

	(void)ctx;
	(void)snprintf(messages + n, sizeof messages - n, "%lu %s: %s\n", line, level, text);
	return 0;
}

static void read_hinted(const char *text, size_t n, size_t step, const struct exchange_hints *h)
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

static void read_text(const char *text)
{
	read_hinted(text, strlen(text), SIZE_MAX, &(struct exchange_hints) { .name = "x" });
}

static void read_at(const char *text, const char *offset)
{
	read_hinted(text, strlen(text), SIZE_MAX, &(struct exchange_hints) { .offset = offset });
}

static json_t *nth(size_t i)
{
	ck_assert_msg(i < json_array_size(records), "record %zu of %zu; messages: %s", i, json_array_size(records), messages);
	return json_array_get(records, i);
}

static const char *text_of(size_t i, const char *name)
{
	json_t *v = json_object_get(nth(i), name);

	return v == NULL ? "(absent)" : json_is_null(v) ? "(null)" : json_string_value(v) != NULL ? json_string_value(v) : "(no text)";
}

static long long number_of(size_t i, const char *name)
{
	json_t *v = json_object_get(nth(i), name);

	ck_assert_msg(json_is_integer(v), "%s of record %zu is no number", name, i);
	return json_integer_value(v);
}

#define TEXT(i, name, wanted) ck_assert_str_eq(text_of(i, name), wanted)
#define NUMBER(i, name, wanted) ck_assert_int_eq(number_of(i, name), wanted)
#define RECORDS(n) ck_assert_msg(json_array_size(records) == (n), "%zu records, messages: %s", json_array_size(records), messages)
#define SAYS(text) ck_assert_msg(strstr(messages, text) != NULL, "not said: %s\nbut: %s", text, messages)

static void teardown(void)
{
	json_decref(records);
	records = NULL;
}

/* ---- fields ---- */

static json_t *fields(uint32_t id, const char *text)
{
	json_t *record = json_object();
	struct muster_err err = { 0 };

	ck_assert_msg(event_fields(record, id, text, strlen(text), &err) == MUSTER_OK, "%s: %s", text, err.message);
	return record;
}

/* The members as JSON, sorted; '"' written as '\''. */
static void gives(uint32_t id, const char *text, const char *wanted)
{
	json_t *record = fields(id, text);
	char *got = json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS);

	for (char *p = got; *p != '\0'; p++)
		if (*p == '"')
			*p = '\'';
	ck_assert_str_eq(got, wanted);
	free(got);
	json_decref(record);
}

static void refuses(uint32_t id, const char *text, const char *why)
{
	json_t *record = json_object();
	struct muster_err err = { 0 };

	ck_assert_int_eq(event_fields(record, id, text, strlen(text), &err), MUSTER_E_INVALID);
	ck_assert_msg(strstr(err.message, why) != NULL, "%s\nis not: %s", err.message, why);
	json_decref(record);
}

#define HOST_REQUEST "{'activation_id':'" EDITION "','at':'2010-09-29T21:46:00Z','client_id':'" CMID \
	"','license_status':2,'minimum_count':5,'minutes_left':41520,'name':'pc-1.example.org','result':'0xC004F06C','virtual':false}"

START_TEST(test_events_host_request)
{
	static const char *const same[] = {
		FIELDS,
		"An activation request has been processed.\r\nInfo:\r\n" FIELDS,
		"An activation request has been processed. Info: " FIELDS "\r\nand something behind it",
		"0xC004F06C, 5, pc-1.example.org, " CMID ", 2010/09/29 21:46, 0, 2, 41520, " EDITION,
		"something else," FIELDS,                          /* separate elements, shifted by one */
		"," FIELDS, "0," FIELDS, "0x7," FIELDS, "0x80000000000000," FIELDS,
		"0xc004f06c,5,pc-1.example.org,{36F27B39-2FD5-440B-BE67-A09996D27A38},2010/9/29 21:46:00,0,2,41520,{68531FB9-5511-4989-97BE-D11A0F55633F}",
		"0xC004F06C,5,pc-1.example.org," CMID ",2010/9/29\r\n21:46,0,2,41520," EDITION,        /* wrapped at a blank */
		"0xC004F06C,5,pc-1.exa\r\nmple.org,36f27b39-2fd5-440b-\r\nbe67-a09996d27a38,2010/9/29 21:46,0,2,41520," EDITION,
		"\"" FIELDS "\""
	};

	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		gives(12290, same[i], HOST_REQUEST);
	gives(12290, "0x0,25,,11111111-2222-4333-8444-555555555555,2026/1/5 7:03,1,1,0,aaaaaaaa-0010-4000-8000-000000000001",
	      "{'activation_id':'aaaaaaaa-0010-4000-8000-000000000001','at':'2026-01-05T07:03:00Z','client_id':'" OTHER "','license_status':1,'minimum_count':25,'minutes_left':0,'result':'0x0','virtual':true}");
	gives(12290, "0x00000000,25,a, b,11111111-2222-4333-8444-555555555555,2026/1/5 7:03,1,6,0,aaaaaaaa-0010-4000-8000-000000000001",
	      "{'activation_id':'aaaaaaaa-0010-4000-8000-000000000001','at':'2026-01-05T07:03:00Z','client_id':'" OTHER "','license_status':6,'minimum_count':25,'minutes_left':0,'name':'a, b','result':'0x0','virtual':true}");
}
END_TEST

START_TEST(test_events_client)
{
	gives(12288, "0xC004F06C, 0x00000000, <KMS Host FQDN>:1688, " CMID ", 2010/09/29 17:52, 0, 2, 41760, " EDITION ", 5",
	      "{'activation_id':'" EDITION "','at':'2010-09-29T17:52:00Z','client_id':'" CMID
	      "','license_status':2,'minimum_count':5,'minutes_left':41760,'result':'0xC004F06C','server':'<KMS Host FQDN>:1688','virtual':false}");
	gives(12288, "0x1,0x0,0x00000000,kms:1688," CMID ",2010/9/29 17:52,1,2,41760," EDITION ",5",
	      "{'activation_id':'" EDITION "','at':'2010-09-29T17:52:00Z','client_id':'" CMID
	      "','license_status':2,'minimum_count':5,'minutes_left':41760,'result':'0x0','server':'kms:1688','virtual':true}");
	gives(12289, "0x00000000, 0x00000000, 1, 0, 27, 120, 10080, 2026/01/05 07:03",
	      "{'activated':true,'activation_interval':120,'at':'2026-01-05T07:03:00Z','count':27,'renewal_interval':10080,'result':'0x0'}");
	gives(12289, "x,0x1,0xC004F038,0x0,0,0,3,120,10080,2026/1/5 7:03",
	      "{'activated':false,'activation_interval':120,'at':'2026-01-05T07:03:00Z','count':3,'renewal_interval':10080,'result':'0xC004F038'}");
}
END_TEST

START_TEST(test_events_dns_and_failures)
{
	gives(12293, "0x8007267C,example.org", "{'domain':'example.org','result':'0x8007267C'}");
	gives(12293, "Publishing the Key Management Service (KMS) to DNS in the 'example.org' domain failed.\r\nInfo:\r\n0x8007267C", "{'domain':'example.org','result':'0x8007267C'}");
	gives(12294, "example.org", "{'domain':'example.org'}");
	gives(12294, "x,example.org", "{'domain':'example.org'}");
	gives(12294, "Publishing the Key Management Service (KMS) to DNS in the 'example.org' domain is successful.", "{'domain':'example.org'}");
	gives(12291, "The service did not start.\r\nInfo:\r\n0xC004F014", "{'result':'0xC004F014'}");
	gives(12292, "The renewal timer failed.", "{}");
	refuses(12293, "Publishing failed", "no result (0x…)");
}
END_TEST

START_TEST(test_events_refused)
{
	refuses(12290, "", "no list of fields that begins with a result");
	refuses(12290, "An activation request has been processed.", "no list of fields that begins with a result");
	refuses(12290, "0xC004F06C,5,pc-1,2010/9/29 21:46,0,2,41520", "no client machine ID");
	refuses(12290, "0xC004F06C,5,pc-1," CMID ",2010/9/29 21:46,0,2,41520", "no activation ID (the second GUID)");
	refuses(12290, "0xC004F06C,5,pc-1," CMID ",29.9.2010 21:46,0,2,41520," EDITION, "no date like 2010/9/29 21:46");
	refuses(12290, "0xC004F06C,5,pc-1," CMID ",2010/2/29 21:46,0,2,41520," EDITION, "no date like 2010/9/29 21:46");
	refuses(12290, "0xC004F06C,5,pc-1," CMID ",2010/9/29 24:46,0,2,41520," EDITION, "no date like 2010/9/29 21:46");
	refuses(12290, "0xC004F06C,5,pc-1," CMID ",2010/9/29 21:46,0,41520," EDITION, "2 fields between the date and the activation ID; three belong there");
	refuses(12290, "0xC004F06C,5,pc-1," CMID ",2010/9/29 21:46,2,2,41520," EDITION, "virtual is \"2\" and must be 0 or 1");
	refuses(12290, "0xC004F06C,5,pc-1," CMID ",2010/9/29 21:46,0,7,41520," EDITION, "license_status is \"7\" and must be a number from 0 to 6");
	refuses(12290, "0xC004F06C,5,pc-1," CMID ",2010/9/29 21:46,0,2,-1," EDITION, "minutes_left is \"-1\"");
	refuses(12290, "0xC004F06C,five,pc-1," CMID ",2010/9/29 21:46,0,2,1," EDITION, "minimum_count is \"five\"");
	refuses(12290, "0xC004F06C," CMID ",2010/9/29 21:46,0,2,1," EDITION, "minimum count and machine name are missing");
	refuses(12290, "0xC004F06C,5,p\x01" "c," CMID ",2010/9/29 21:46,0,2,1," EDITION, "name has a control character (0x01)");
	refuses(12290, "0xC004F06C,5,p\xFF," CMID ",2010/9/29 21:46,0,2,1," EDITION, "name is not text in UTF-8");
	refuses(12288, "0xC004F06C,kms:1688," CMID ",2010/9/29 21:46,0,2,1," EDITION ",5", "no flags (0x…) after the result");
	refuses(12288, "0xC004F06C,0x0," CMID ",2010/9/29 21:46,0,2,1," EDITION ",5", "the server is missing");
	refuses(12288, "0xC004F06C,0x0,kms:1688," CMID ",2010/9/29 21:46,0,2,1," EDITION, "the minimum count is missing");
	refuses(12289, "0x0,0x0,1,0,27,120,2026/1/5 7:03", "4 fields between flags and date; five belong there");
	refuses(12289, "0x0,0x0,1,0,27,120,10080", "no date like");
	refuses(12289, "0x0,0x0,2,0,27,120,10080,2026/1/5 7:03", "activated is \"2\"");
}
END_TEST

START_TEST(test_events_long_name)
{
	char text[700], name[400];

	memset(name, 'n', sizeof name);
	name[255] = '\0';
	(void)snprintf(text, sizeof text, "0x0,5,%s," CMID ",2010/9/29 21:46,0,2,1," EDITION, name);
	json_decref(fields(12290, text));
	name[255] = 'n';
	name[256] = '\0';
	(void)snprintf(text, sizeof text, "0x0,5,%s," CMID ",2010/9/29 21:46,0,2,1," EDITION, name);
	refuses(12290, text, "name has 256 bytes and may have 255");
}
END_TEST

START_TEST(test_events_guess)
{
	ck_assert_uint_eq(event_guess(FIELDS, strlen(FIELDS)), 12290);
	ck_assert_uint_eq(event_guess("0x0, 0x0, h:1688, " CMID, 18 + 36), 12288);
	ck_assert_uint_eq(event_guess("0x0,0x0,1,0,27,120,10080,2026/1/5 7:03", 38), 12289);
	ck_assert_uint_eq(event_guess("0x0", 3), 0);
	ck_assert_uint_eq(event_guess("no list", 7), 0);
	ck_assert_uint_eq(event_id_of(" 12290 ", 7), 12290);
	ck_assert_uint_eq(event_id_of("1073754114", 10), 12290);   /* with the qualifiers in the upper half, as Get-EventLog's InstanceId */
	ck_assert_uint_eq(event_id_of("0x40003002", 10), 12290);
	ck_assert_uint_eq(event_id_of("12 290", 6), 0);
}
END_TEST

/* ---- dates of headers ---- */

static void dated(const char *offset, const char *text, int64_t near, const char *wanted)
{
	struct exchange_hints h = { .offset = offset };
	struct muster_err err = { 0 };
	struct buf word;
	struct events x;
	int64_t ms;
	bool local;
	char got[48];
	time_t s;

	buf_init(&word, EVENT_WORD_MAX);
	ck_assert_int_eq(events_begin(&x, &h, NULL, NULL, &err), MUSTER_OK);
	event_word(&word, text, strlen(text));
	if (events_date(&x, &ms, &local, buf_str(&word), word.n, near) != MUSTER_OK)
		(void)snprintf(got, sizeof got, "none");
	else {
		s = (time_t)(ms / 1000);
		ck_assert(strftime(got, sizeof got - 12, "%Y-%m-%d %H:%M:%S", gmtime(&s)) > 0);
		if (ms % 1000 != 0)
			(void)snprintf(got + strlen(got), 13, ".%03u", (unsigned)(ms % 1000));
	}
	buf_fini(&word);
	ck_assert_msg(strcmp(got, wanted) == 0, "%s is %s and not %s", text, got, wanted);
}

START_TEST(test_events_dates)
{
	static const struct { const char *offset, *text, *wanted; } rows[] = {
		{ NULL, "9/29/2010 9:46:12 PM", "2010-09-29 21:46:12" }, { NULL, "9/29/2010 12:00:00 AM", "2010-09-29 00:00:00" }, { NULL, "9/29/2010 12:46:12 PM", "2010-09-29 12:46:12" },
		{ NULL, "29.09.2010 21:46:12", "2010-09-29 21:46:12" }, { NULL, "29/09/2010 21:46:12", "2010-09-29 21:46:12" }, { NULL, "29. 9. 2010 21:46:12", "2010-09-29 21:46:12" },
		{ NULL, "29-9-2010 21:46:12", "2010-09-29 21:46:12" }, { NULL, "2010-09-29 21:46:12", "2010-09-29 21:46:12" }, { NULL, "2010/09/29 21:46:12", "2010-09-29 21:46:12" },
		{ NULL, "29/09/2010 9:46:12 p. m.", "2010-09-29 21:46:12" }, { NULL, "29/09/2010, 21:46", "2010-09-29 21:46:00" },
		{ NULL, "9/29/2010 9:46:12\xE2\x80\xAFPM", "2010-09-29 21:46:12" }, { NULL, "\xE2\x80\x8E" "9/29/2010\xC2\xA0" "9:46:12 PM", "2010-09-29 21:46:12" },
		{ NULL, "2013-04-09T09:58:33.123456700Z", "2013-04-09 09:58:33.123" }, { NULL, "2013-04-09T09:58:33.000", "2013-04-09 09:58:33" },
		{ "+01:00", "2013-04-09T09:58:33.000", "2013-04-09 08:58:33" }, { "+01:00", "2013-04-09T09:58:33Z", "2013-04-09 09:58:33" },
		{ "-05:30", "9/29/2010 9:46:12 PM", "2010-09-30 03:16:12" }, { "+01:00", "2013-04-09T09:58:33+02:00", "2013-04-09 07:58:33" },
		{ NULL, "2/29/2012 1:00:00 AM", "2012-02-29 01:00:00" }, { NULL, "2/29/2011 1:00:00 AM", "none" }, { NULL, "13/13/2011 1:00:00", "none" }, { NULL, "9/29/10 9:46:12 PM", "none" },
		{ NULL, "9/29/2010 13:46:12 PM", "none" }, { NULL, "9/29/2010", "none" }, { NULL, "9/29/2010 9:46:12 PM or so", "none" }, { NULL, "9/29.2010 9:46:12", "none" },
		{ NULL, "2010-09-29T21:60:12", "none" }, { NULL, "2010-09-29T21:46:12+25:00", "none" }, { NULL, "1601-01-01T00:00:00Z", "none" }, { NULL, "yesterday", "none" }
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		dated(rows[i].offset, rows[i].text, INT64_MIN, rows[i].wanted);
	/* which is the day: the month first unless the client's own time knows better */
	dated(NULL, "9/10/2010 9:46:12 PM", INT64_MIN, "2010-09-10 21:46:12");
	dated(NULL, "9/10/2010 21:46:12", INT64_C(1286656000000), "2010-10-09 21:46:12");
}
END_TEST

START_TEST(test_events_dates_of_one_file)
{
	struct exchange_hints h = { 0 };
	struct muster_err err = { 0 };
	struct events x;
	int64_t ms;
	bool local;

	ck_assert_int_eq(events_begin(&x, &h, NULL, NULL, &err), MUSTER_OK);
	ck_assert_int_eq(events_date(&x, &ms, &local, "29/09/2010 21:46:12", 19, INT64_MIN), MUSTER_OK);
	ck_assert_int_eq(events_date(&x, &ms, &local, "09/10/2010 00:00:00", 19, INT64_MIN), MUSTER_OK);
	ck_assert_int_eq(ms, INT64_C(1286582400000));   /* 9 October: the first date proved that the day comes first */
	h.offset = "1 hour";
	ck_assert_int_eq(events_begin(&x, &h, NULL, NULL, &err), MUSTER_E_INVALID);
	ck_assert_msg(strstr(err.message, "say it like +01:00") != NULL, "%s", err.message);
}
END_TEST

/* ---- text ---- */

#define HEAD(date, id, computer) "Log Name:      Key Management Service\r\nSource:        Microsoft-Windows-Security-SPP\r\nDate:          " date "\r\nEvent ID:      " id \
	"\r\nTask Category: None\r\nLevel:         Information\r\nKeywords:      Classic\r\nUser:          N/A\r\nComputer:      " computer "\r\nDescription:\r\n"
#define BODY "An activation request has been processed.\r\nInfo:\r\n" FIELDS "\r\n"

START_TEST(test_events_text)
{
	read_at(HEAD("9/29/2010 9:46:12 PM", "12290", "kms.example.org") BODY "\r\n" HEAD("9/29/2010 9:47:12 PM", "7036", "kms.example.org") "The service runs.\r\nComputer: x\r\n\r\n"
	        HEAD("9/29/2010 9:48:12 PM", "12294", "kms.example.org") "Publishing the Key Management Service (KMS) to DNS in the 'example.org' domain is successful.\r\n\r\n"
	        HEAD("9/29/2010 9:49:12 PM", "12290", "") BODY, "+01:00");
	RECORDS(3);
	ck_assert_str_eq(done.form, "events as text");
	ck_assert_uint_eq(done.skipped, 1);
	NUMBER(0, "id", 12290);
	NUMBER(0, "line", 1);
	TEXT(0, "host", "kms.example.org");
	TEXT(0, "logged_at", "2010-09-29T20:46:12.000Z");
	TEXT(0, "record", "(null)");
	TEXT(0, "client_id", CMID);
	TEXT(1, "domain", "example.org");
	NUMBER(1, "line", 28);
	TEXT(2, "host", "(null)");
	ck_assert_str_eq(messages, "");
}
END_TEST

START_TEST(test_events_text_wevtutil)
{
	read_text("Event[0]:\r\n  Log Name: Key Management Service\r\n  Source: Microsoft-Windows-Security-SPP\r\n  Date: 2010-09-29T21:46:12.000\r\n  Event ID: 12290\r\n  Task: N/A\r\n  Level: Information\r\n"
	          "  Opcode: N/A\r\n  Keyword: Classic\r\n  User: N/A\r\n  User Name: N/A\r\n  Computer: kms.example.org\r\n  Description: \r\n" BODY "\r\n"
	          "Event[1]\r\n  Log Name: Security\r\n  Source: Microsoft-Windows-Eventlog\r\n  Date: 2010-09-29T21:47:12.0000000Z\r\n  Event ID: 1104\r\n  Computer: kms.example.org\r\n  Description: \r\nThe security log is now full.\r\n\r\n");
	RECORDS(2);
	TEXT(0, "logged_at", "2010-09-29T21:46:12.000Z");
	TEXT(0, "name", "pc-1.example.org");
	NUMBER(1, "id", 1104);
	TEXT(1, "log", "Security");
	TEXT(1, "logged_at", "2010-09-29T21:47:12.000Z");
	ck_assert_str_eq(messages, "");   /* no offset was told, but the clients' times say that it is UTC */
}
END_TEST

START_TEST(test_events_text_other_languages)
{
	read_text("Protokollname: Key Management Service\nQuelle:        Microsoft-Windows-Security-Licensing-SLC\nDatum:         29.09.2010 23:46:12\nEreignis-ID:   12290\nAufgabenkategorie:Keine\n"
	          "Ebene:         Informationen\nSchlüsselwörter:Klassisch\nBenutzer:      Nicht zutreffend\nComputer:      kms.example.org\nBeschreibung:\nEine Aktivierungsanforderung wurde verarbeitet.\nInfo:\n" FIELDS "\n");
	RECORDS(1);
	TEXT(0, "logged_at", "2010-09-29T23:46:12.000Z");
	SAYS("1 note: dates here are the machine's local time and were taken as UTC; compared with the clients' times they look like UTC+02:00: say --utc-offset +02:00");
	read_text("Nom du journal :Key Management Service\nSource :       Microsoft-Windows-Security-SPP\nDate :         29/09/2010 21:46:12\nID de l’événement :12290\nOrdinateur :   kms.example.org\nDescription :\nInfo :\n" FIELDS "\n");
	RECORDS(1);
	TEXT(0, "host", "kms.example.org");
	/* a language without a row: by the values */
	read_text("Nazwa dziennika: Key Management Service\nŹródło: Microsoft-Windows-Security-SPP\nCzas: 2010-09-29 21:46:12\nIdentyfikator zdarzenia: 12290\nKomputer: kms.example.org\nOpis:\nInformacje:\n" FIELDS "\n\n"
	          "Nazwa dziennika: Key Management Service\nŹródło: Microsoft-Windows-Security-SPP\nCzas: 2010-09-30 21:46:12\nIdentyfikator zdarzenia: 12290\nKomputer: kms.example.org\nOpis:\nInformacje:\n" FIELDS "\n");
	RECORDS(2);
	TEXT(0, "logged_at", "2010-09-29T21:46:12.000Z");
	TEXT(1, "logged_at", "2010-09-30T21:46:12.000Z");
}
END_TEST

START_TEST(test_events_text_lists_only)
{
	read_text("Info:\n" FIELDS "\n" FIELDS "\nEvent ID: 12290\nInfo:\n" FIELDS "\nDate: 9/30/2010 9:46:12 PM\nEvent ID: 12290\n" FIELDS "\n");
	RECORDS(4);
	TEXT(2, "logged_at", "(null)");
	TEXT(3, "logged_at", "2010-09-30T21:46:12.000Z");   /* a header behind fields begins the next event */
}
END_TEST

START_TEST(test_events_text_with_xml)
{
	read_text(HEAD("9/29/2010 11:46:12 PM", "12290", "") BODY "Event Xml:\r\n<Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\">\r\n  <System>\r\n    <EventID Qualifiers=\"16384\">12290</EventID>\r\n"
	          "    <TimeCreated SystemTime=\"2010-09-29T21:46:12.000000000Z\" />\r\n    <EventRecordID>77</EventRecordID>\r\n    <Computer>kms.example.org</Computer>\r\n  </System>\r\n"
	          "  <EventData>\r\n    <Data>" FIELDS "</Data>\r\n  </EventData>\r\n</Event>\r\n" HEAD("9/30/2010 9:46:12 PM", "12290", "other") BODY);
	RECORDS(2);
	TEXT(0, "logged_at", "2010-09-29T21:46:12.000Z");
	TEXT(0, "host", "kms.example.org");
	NUMBER(0, "record", 77);
	TEXT(1, "host", "other");
}
END_TEST

START_TEST(test_events_text_format_list)
{
	read_text("\nTimeCreated  : 9/29/2010 9:46:12 PM\nProviderName : Microsoft-Windows-Security-SPP\nId           : 12290\nMessage      : An activation request has been processed.\n               Info:\n"
	          "               0xC004F06C,5,pc-1.example.org,36f27b39-2fd5-440b-be67-a09996d27a38,\n               2010/9/29 21:46,0,2,41520,68531fb9-5511-4989-97be-d11a0f55633f\n\n"
	          "TimeCreated  : 9/29/2010 9:47:12 PM\nProviderName : Service Control Manager\nId           : 7036\nMessage      : x\n\n");
	RECORDS(1);
	TEXT(0, "activation_id", EDITION);
	ck_assert_uint_eq(done.skipped, 1);
	/* every property: the message first */
	read_text("Message              : An activation request has been processed.\n                       Info:\n                       " FIELDS "\nId                   : 12290\nRecordId             : 7\n"
	          "ProviderName         : Microsoft-Windows-Security-SPP\nLogName              : Key Management Service\nMachineName          : kms.example.org\nTimeCreated          : 9/29/2010 9:46:12 PM\n\n"
	          "Message              : An activation request has been processed.\n                       Info:\n                       " FIELDS "\nId                   : 12290\nRecordId             : 8\n");
	RECORDS(2);
	NUMBER(0, "record", 7);
	TEXT(0, "host", "kms.example.org");
	NUMBER(1, "record", 8);
}
END_TEST

START_TEST(test_events_text_bad_ones)
{
	read_text(HEAD("9/29/2010 9:46:12 PM", "12290", "k") "Info:\r\n0x0,5,pc," CMID ",2010/9/29 21:46,0,9,1," EDITION "\r\n" HEAD("the other day", "12290", "k") BODY HEAD("9/29/2010 9:46:12 PM", "12290", "k") "nothing\r\n");
	RECORDS(1);
	TEXT(0, "logged_at", "(null)");
	SAYS("1 refused: event 12290: license_status is \"9\"");
	SAYS("13 doubtful: the date of this event is in no form that is known here");
	SAYS("refused: event 12290: no list of fields that begins with a result (0x…)");
	ck_assert_uint_eq(done.refused, 2);
}
END_TEST

START_TEST(test_events_other_programs)
{
	/* volume shadow copies use the same numbers */
	read_text("Log Name: Application\nSource: VSS\nEvent ID: 12290\nComputer: k\nDescription:\nVolume Shadow Copy Service warning: 0x80042302, x\n\n"
	          "Log Name: Application\nSource: VSS\nEvent ID: 12293\nComputer: k\nDescription:\nVolume Shadow Copy Service error: Error calling a routine\n\n"
	          "Log Name: System\nSource: Somebody\nEvent ID: 104\nDescription:\nx\n\nLog Name: System\nSource: Eventlog\nEvent ID: 104\nDescription:\nThe Key Management Service log file was cleared.\n\n"
	          "Log Name: Application\nSource: Another licensing service\nEvent ID: 12290\nDescription:\n" FIELDS "\n");
	RECORDS(2);
	ck_assert_uint_eq(done.skipped, 3);
	ck_assert_str_eq(messages, "");
	NUMBER(0, "id", 104);
	TEXT(0, "log", "Key Management Service");
	NUMBER(1, "id", 12290);
}
END_TEST

/* ---- CSV ---- */

#define EXPORTED "\"Message\",\"Id\",\"Keywords\",\"RecordId\",\"ProviderName\",\"LogName\",\"MachineName\",\"TimeCreated\"\r\n"
#define CELL "\"An activation request has been processed.\r\nInfo:\r\n" FIELDS "\""

START_TEST(test_events_csv_powershell)
{
	read_text("#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord\r\n" EXPORTED CELL ",\"12290\",\"36028797018963968\",\"17\",\"Microsoft-Windows-Security-SPP\",\"Key Management Service\",\"kms.example.org\",\"9/29/2010 9:46:12 PM\"\r\n"
	          "\"x\",\"7036\",\"\",\"18\",\"Service Control Manager\",\"System\",\"kms.example.org\",\"9/29/2010 9:46:12 PM\"\r\n"
	          CELL ",\"12290\",\"\",\"19\",\"Microsoft-Windows-Security-SPP\",\"Key Management Service\",\"kms.example.org\",\"9/29/2010 9:48:12 PM\"\r\n");
	RECORDS(2);
	ck_assert_str_eq(done.form, "events as CSV");
	ck_assert_uint_eq(done.skipped, 1);
	NUMBER(0, "line", 3);
	NUMBER(0, "record", 17);
	TEXT(0, "host", "kms.example.org");
	TEXT(0, "logged_at", "2010-09-29T21:46:12.000Z");
	TEXT(0, "name", "pc-1.example.org");
	NUMBER(1, "line", 7);
	ck_assert_str_eq(messages, "");
}
END_TEST

START_TEST(test_events_csv_viewer)
{
	static const char *const marks[] = { ",", "\t", ";" };
	char text[2048];

	for (size_t i = 0; i < 3; i++) {
		const char *m = marks[i];

		(void)snprintf(text, sizeof text, "Level%sDate and Time%sSource%sEvent ID%sTask Category\r\nInformation%s9/29/2010 9:46:12 PM%sMicrosoft-Windows-Security-SPP%s12290%sNone%s" CELL "\r\n",
		               m, m, m, m, m, m, m, m, m);
		read_hinted(text, strlen(text), 7, &(struct exchange_hints) { .host = "kms.example.org" });
		RECORDS(1);
		ck_assert_str_eq(done.form, "events as CSV");
		TEXT(0, "host", "kms.example.org");
		TEXT(0, "logged_at", "2010-09-29T21:46:12.000Z");
		TEXT(0, "client_id", CMID);
	}
}
END_TEST

START_TEST(test_events_csv_by_shape)
{
	/* headings of no known language, and none */
	read_text("Poziom,Data i godzina,Xródło,Identyfikator zdarzenia,Kategoria zadania\nInformacje,2010-09-29 21:46:12,Microsoft-Windows-Security-SPP,12290,Brak," CELL "\n");
	RECORDS(1);
	TEXT(0, "logged_at", "2010-09-29T21:46:12.000Z");
	read_text("Information,9/29/2010 9:46:12 PM,Microsoft-Windows-Security-SPP,12290,None," CELL "\n");
	RECORDS(1);
	/* the list was not quoted, and is spread over the cells */
	read_text("Event ID,Date and Time,Computer,Message\n12290,9/29/2010 9:46:12 PM,kms," FIELDS "\n");
	RECORDS(1);
	TEXT(0, "activation_id", EDITION);
	TEXT(0, "host", "kms");
	/* Get-EventLog, and two exports in one file, semicolons as spreadsheets in Europe write them */
	read_text("#TYPE System.Diagnostics.EventLogEntry#Security\nEventID;MachineName;Index;Message;Source;InstanceId;TimeGenerated\n12290;kms;5;" CELL ";Microsoft-Windows-Security-SPP;1073754114;29.09.2010 21:46:12\n"
	          "MachineName;EventID;Index;Message;Source;InstanceId;TimeGenerated\nx;y;z\nkms2;12290;6;" CELL ";Microsoft-Windows-Security-SPP;1073754114;29.09.2010 21:46:12\n");
	RECORDS(2);   /* the second heading line has another order */
	TEXT(0, "host", "kms");
	TEXT(1, "host", "kms2");
	NUMBER(1, "record", 6);
	SAYS("7 refused: no event ID in column 2, and nothing in this row has the fields of an event");
}
END_TEST

START_TEST(test_events_csv_again_headings)
{
	read_text("Event ID,Source,Computer,Message\n12290,,a," CELL "\n#TYPE again\nEvent ID,Computer,Source,Message\n12290,b,," CELL "\n");
	RECORDS(2);
	TEXT(0, "host", "a");
	TEXT(1, "host", "b");
}
END_TEST

START_TEST(test_events_csv_bad_rows)
{
	size_t n = EXCHANGE_LINE_MAX + 4000;
	char *text = malloc(n + 4096), *p = text;
	int i;

	ck_assert_ptr_nonnull(text);
	/* a cell that does not end */
	p += sprintf(p, "Event ID,Source,Computer,Message\r\n12290,,a,\"");
	memset(p, 'x', n);
	p += n;
	p += sprintf(p, "\r\n12290,,b," CELL "\r\n");
	/* too many cells */
	for (i = 0; i < 600; i++)
		p += sprintf(p, "%d,", i);
	p += sprintf(p, "\r\n12290,,c," CELL "\r\n");
	read_hinted(text, (size_t)(p - text), SIZE_MAX, &(struct exchange_hints) { .offset = NULL });
	free(text);
	RECORDS(2);
	SAYS("2 refused: a cell is longer than 1048576 bytes (is a quotation mark missing?); read on in the next line");
	SAYS("6 refused: the row has more than 512 cells");
	TEXT(0, "host", "b");
	NUMBER(0, "line", 3);
	TEXT(1, "host", "c");
	NUMBER(1, "line", 7);
}
END_TEST

/* ---- XML ---- */

#define SYSTEM(id, number) "<System><Provider Name='Microsoft-Windows-Security-SPP' Guid='{E23B33B0-C8C9-472C-A5F9-F2BDFEA0F156}'/><EventID Qualifiers='16384'>" id "</EventID><Level>4</Level>" \
	"<Keywords>0x80000000000000</Keywords><TimeCreated SystemTime='2010-09-29T21:46:12.345678900Z'/><EventRecordID>" number "</EventRecordID><Channel>Key Management Service</Channel><Computer>kms.example.org</Computer><Security/></System>"
#define EVENT(id, number, data) "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>" SYSTEM(id, number) "<EventData>" data "</EventData></Event>"
#define STRING "<Data>" FIELDS "</Data>"
#define ELEMENTS "<Data>x</Data><Data>0xC004F06C</Data><Data>5</Data><Data>pc-1.example.org</Data><Data>" CMID "</Data><Data>2010/9/29 21:46</Data><Data>0</Data><Data>2</Data><Data>41520</Data><Data>" EDITION "</Data>"

START_TEST(test_events_xml)
{
	static const char *const same[] = {
		"<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\r\n<Events>" EVENT("12290", "7", STRING) EVENT("7036", "8", "") EVENT("12290", "9", STRING) "</Events>",
		"<?xml version='1.0' encoding='utf-16'?><root>" EVENT("12290", "7", ELEMENTS) EVENT("7036", "8", "") EVENT("12290", "9", ELEMENTS) "</root>",
		EVENT("12290", "7", STRING) "\r\n" EVENT("7036", "8", "<Data/>") "\r\n" EVENT("12290", "9", ELEMENTS) "\r\n",
		"\xEF\xBB\xBF" EVENT("12290", "7", STRING) EVENT("7036", "8", "") "\n\n<?xml version='1.0'?>\n<Events>" EVENT("12290", "9", STRING) "</Events>",   /* one file behind the other */
	};

	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		for (size_t step = 1; step < 70000; step = step * 9 + 1) {
			read_hinted(same[i], strlen(same[i]), step, &(struct exchange_hints) { .name = NULL });
			RECORDS(2);
			ck_assert_str_eq(done.form, "events as XML");
			ck_assert_uint_eq(done.skipped, 1);
			ck_assert_str_eq(messages, "");
			TEXT(0, "logged_at", "2010-09-29T21:46:12.345Z");
			TEXT(0, "host", "kms.example.org");
			TEXT(0, "name", "pc-1.example.org");
			TEXT(1, "activation_id", EDITION);
			NUMBER(0, "record", 7);
			NUMBER(1, "record", 9);
		}
	NUMBER(1, "line", 4);
}
END_TEST

START_TEST(test_events_xml_utf16)
{
	static const char text[] = "<?xml version='1.0' encoding='utf-16'?>\n<Events>\n" EVENT("12290", "7", STRING) "</Events>";
	char wide[2 * sizeof text];

	for (size_t i = 0; i < sizeof text - 1; i++) {
		wide[2 * i] = text[i];
		wide[2 * i + 1] = 0;
	}
	read_hinted(wide, 2 * (sizeof text - 1), 5, &(struct exchange_hints) { .name = NULL });
	RECORDS(1);
	NUMBER(0, "line", 3);
}
END_TEST

START_TEST(test_events_xml_rendered)
{
	read_text("<Events><Event>" SYSTEM("12290", "7") "<EventData></EventData><RenderingInfo Culture='en-US'><Message>An activation request has been processed.&#13;\nInfo:&#13;\n" FIELDS "</Message></RenderingInfo></Event>"
	          "<Event>" SYSTEM("12293", "8") "<RenderingInfo Culture='en-US'><Message>Publishing to DNS in the 'example.org' domain failed. Info: 0x8007267C</Message></RenderingInfo></Event>"
	          "<Event><System><Provider Name='Microsoft-Windows-Eventlog'/><EventID>104</EventID><Channel>System</Channel></System><UserData><LogFileCleared xmlns='x'><SubjectUserName>a</SubjectUserName><Channel>Key Management Service</Channel></LogFileCleared></UserData></Event></Events>");
	RECORDS(3);
	TEXT(0, "client_id", CMID);
	TEXT(1, "domain", "example.org");
	TEXT(1, "result", "0x8007267C");
	TEXT(2, "log", "Key Management Service");
}
END_TEST

START_TEST(test_events_xml_faults)
{
	/* not well-formed: the event is lost, the others are not */
	read_text("<Events>\n" EVENT("12290", "1", STRING) "\n" EVENT("12290", "2", "<Data>\x01" FIELDS "</Data>") "\n" EVENT("12290", "3", STRING) "\n<Event><System></Event>\n" EVENT("12290", "4", STRING) "\n</Events>\n");
	RECORDS(3);
	NUMBER(1, "record", 3);
	NUMBER(1, "line", 4);
	NUMBER(2, "record", 4);
	NUMBER(2, "line", 6);
	SAYS("3 refused: this event is not well-formed XML (line 3: not well-formed (invalid token)); read on at the next one");
	SAYS("5 refused: this event is not well-formed XML (line 5: mismatched tag)");
	ck_assert_uint_eq(done.refused, 2);
	/* fields that are wrong */
	read_text("<Events>" EVENT("12290", "5", "<Data>0x0,5</Data>") "<Event><System></System></Event></Events>");
	RECORDS(0);
	SAYS("1 refused: event 12290, record 5: no client machine ID");
	SAYS("1 refused: an event without an EventID");
	/* cut off */
	read_text("<Events>\n" EVENT("12290", "1", STRING) "\n<Event><System><EventID>12290</EventID>");
	RECORDS(1);
	SAYS("3 refused: the file ends inside this event");
}
END_TEST

START_TEST(test_events_xml_attacks)
{
	char *text = malloc(3u << 20), *p;

	ck_assert_ptr_nonnull(text);
	/* entities that expand, and an outer file */
	read_text("<?xml version='1.0'?>\n<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;&lol;'><!ENTITY f SYSTEM 'file:///etc/passwd'>]>\n<Events>\n" EVENT("12290", "1", "<Data>&lol2;&f;</Data>") EVENT("12290", "2", STRING) "</Events>");
	RECORDS(1);
	NUMBER(0, "record", 2);
	SAYS("2 refused: not well-formed XML: a document type, which exports of events have not: nothing it declares is used");
	SAYS("undefined entity");
	/* deep */
	p = text + sprintf(text, "<Events>" EVENT("12290", "1", STRING) "<Event>");
	for (int i = 0; i < 10000; i++)
		p += sprintf(p, "<a>");
	p += sprintf(p, EVENT("12290", "2", STRING) "</Events>");
	read_hinted(text, (size_t)(p - text), SIZE_MAX, &(struct exchange_hints) { .name = NULL });
	RECORDS(2);
	SAYS("elements are nested deeper than 32");
	/* a tag that does not end */
	p = text + sprintf(text, "<Events>" EVENT("12290", "1", STRING) "<Event a='");
	memset(p, 'x', 2u << 20);
	p += 2u << 20;
	p += sprintf(p, "'/>" EVENT("12290", "2", STRING) "</Events>");
	read_hinted(text, (size_t)(p - text), SIZE_MAX, &(struct exchange_hints) { .name = NULL });
	RECORDS(2);
	SAYS("a tag or comment is longer than 1048576 bytes");
	/* a text that does not end */
	p = text + sprintf(text, "<Events>" EVENT("12290", "1", STRING) "<Event>" SYSTEM("12290", "3") "<EventData><Data>");
	memset(p, 'x', 2u << 20);
	p += 2u << 20;
	p += sprintf(p, "</Data></EventData></Event>" EVENT("12290", "2", STRING) "</Events>");
	read_hinted(text, (size_t)(p - text), SIZE_MAX, &(struct exchange_hints) { .name = NULL });
	RECORDS(2);
	SAYS("event 12290, record 3: its text is longer than 65536 bytes");
	free(text);
}
END_TEST

/* ---- without memory, and the sink ---- */

START_TEST(test_events_no_memory)
{
	static const char *const files[] = {
		HEAD("9/29/2010 9:46:12 PM", "12290", "kms") "Info:\r\n0xC004F06C,5,pc-1.example.org,36f27b39-2fd5-440b-be67-a09996d27a38,\r\n2010/9/29 21:46,0,2,41520," EDITION "\r\n",
		"<Events>" EVENT("12290", "1", STRING) "</Events>", "Event ID,Source,Computer,Message\n12290,,a," CELL "\n"
	};
	const struct exchange_sink sink = { take_record, take_message, NULL, NULL };

	for (size_t i = 0; i < 3; i++) {
		int r = MUSTER_E_NOMEM;

		for (uint64_t n = 1; r != MUSTER_OK; n++) {
			struct source s = { files[i], strlen(files[i]), SIZE_MAX };
			const struct exchange_input in = { source_read, &s };
			struct muster_err err = { 0 };

			ck_assert_uint_lt(n, 1000);
			json_decref(records);
			records = json_array();
			messages[0] = '\0';
			mem_fail_at(n);
			r = exchange_read(&in, &(struct exchange_hints) { .name = NULL }, &sink, &done, &err);
			mem_fail_at(0);
			ck_assert_msg(r == MUSTER_OK || r == MUSTER_E_NOMEM, "%s", err.message);
			ck_assert_str_eq(messages, "");   /* never as if the record were at fault */
			ck_assert(r != MUSTER_OK || json_array_size(records) == 1);
		}
	}
}
END_TEST

START_TEST(test_events_long_computer)
{
	char text[1024], name[300];

	memset(name, 'k', sizeof name);
	name[256] = '\0';
	(void)snprintf(text, sizeof text, "Event ID: 12290\nComputer: %s\nDescription:\n" FIELDS "\n", name);
	read_text(text);
	RECORDS(0);
	SAYS("1 refused: event 12290: its computer's name is longer than 255 bytes");
}
END_TEST

static int full_sink(void *ctx, json_t *record)
{
	json_decref(record);
	return ++*(int *)ctx == 2;
}

START_TEST(test_events_stopped)
{
	static const char *const files[] = {
		FIELDS "\n" FIELDS "\n" FIELDS "\n", "<Events>" EVENT("12290", "1", STRING) EVENT("12290", "2", STRING) EVENT("12290", "3", STRING) "</Events>",
		"Event ID,Source,Computer,Message\n12290,,a," CELL "\n12290,,a," CELL "\n12290,,a," CELL "\n"
	};

	for (size_t i = 0; i < 3; i++) {
		struct source s = { files[i], strlen(files[i]), SIZE_MAX };
		const struct exchange_input in = { source_read, &s };
		int taken = 0;
		const struct exchange_sink sink = { full_sink, take_message, NULL, &taken };
		struct muster_err err = { 0 };

		messages[0] = '\0';
		ck_assert_int_eq(exchange_read(&in, &(struct exchange_hints) { .name = NULL }, &sink, &done, &err), MUSTER_E_REFUSED);
		ck_assert_int_eq(taken, 2);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_events_host_request, test_events_client, test_events_dns_and_failures, test_events_refused, test_events_long_name, test_events_guess, test_events_dates,
		test_events_dates_of_one_file, test_events_text, test_events_text_wevtutil, test_events_text_other_languages, test_events_text_lists_only, test_events_text_with_xml,
		test_events_text_format_list, test_events_text_bad_ones, test_events_other_programs, test_events_csv_powershell, test_events_csv_viewer, test_events_csv_by_shape,
		test_events_csv_again_headings, test_events_csv_bad_rows, test_events_xml, test_events_xml_utf16, test_events_xml_rendered, test_events_xml_faults,
		test_events_xml_attacks, test_events_no_memory, test_events_long_computer, test_events_stopped
	};

	return unit_run_with(suite_create("exchange_events"), tests, sizeof tests / sizeof tests[0], NULL, teardown);
}
