/* Events: fields by shape, and dates of every kind (facts.md section 4). */
#include "tests/unit/exchange_events.h"

#include <time.h>

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
	int64_t ms, utc[2];
	bool local;
	char got[48];
	time_t s;

	buf_init(&word, EVENT_WORD_MAX);
	ck_assert_int_eq(events_begin(&x, &h, NULL, NULL, &err), MUSTER_OK);
	event_word(&word, text, strlen(text));
	if (events_date(&x, &ms, &local, buf_str(&word), word.n, near) != MUSTER_OK)
		(void)snprintf(got, sizeof got, "none");
	else {
		if (local && zone_utc(&x.zone, ms, utc) == ZONE_ONCE)
			ms = utc[0];
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
	ck_assert_msg(strstr(err.message, "--utc-offset takes an offset from UTC like +01:00") != NULL, "%s", err.message);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_events_host_request, test_events_client, test_events_dns_and_failures, test_events_refused, test_events_long_name, test_events_guess,
		test_events_dates, test_events_dates_of_one_file
	};

	return unit_run_with(suite_create("exchange_events"), tests, sizeof tests / sizeof tests[0], NULL, teardown);
}
