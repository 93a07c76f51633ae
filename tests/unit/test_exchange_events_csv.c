/* Events as CSV: of PowerShell and of Event Viewer, and by the shape of the cells. */
#include "tests/unit/exchange_events.h"

/* ---- CSV ---- */

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

int main(void)
{
	const TTest *const tests[] = {
		test_events_csv_powershell, test_events_csv_viewer, test_events_csv_by_shape, test_events_csv_again_headings, test_events_csv_bad_rows
	};

	return unit_run_with(suite_create("exchange_events_csv"), tests, sizeof tests / sizeof tests[0], NULL, teardown);
}
