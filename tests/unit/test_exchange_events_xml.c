/* Events as XML, faults and attacks in it; and what all readers of events share: too little memory, a sink that stops. */
#include "tests/unit/exchange_events.h"

#include "core/base/mem.h"

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
		test_events_xml, test_events_xml_utf16, test_events_xml_rendered, test_events_xml_faults, test_events_xml_attacks, test_events_no_memory,
		test_events_long_computer, test_events_stopped
	};

	return unit_run_with(suite_create("exchange_events_xml"), tests, sizeof tests / sizeof tests[0], NULL, teardown);
}
