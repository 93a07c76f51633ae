/* Events as text, in every form that Windows' own tools give it. */
#include "tests/unit/exchange_events.h"

/* ---- text ---- */

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

int main(void)
{
	const TTest *const tests[] = {
		test_events_text, test_events_text_wevtutil, test_events_text_other_languages, test_events_text_lists_only, test_events_text_with_xml,
		test_events_text_format_list, test_events_text_bad_ones, test_events_other_programs
	};

	return unit_run_with(suite_create("exchange_events_text"), tests, sizeof tests / sizeof tests[0], NULL, teardown);
}
