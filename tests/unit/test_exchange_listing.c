/* Listings of dli and dlv: the published samples, what consoles and scripts make of them, and values that cannot be right. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/cli/listing.h"
#include "core/exchange/listing.h"
#include "core/exchange/record.h"

static json_t *records, *messages;
static struct exchange_done done;
static struct muster_err err;

struct source { const char *p; size_t n; };

static int from(void *ctx, uint8_t *p, size_t n, struct muster_err *e)
{
	struct source *s = ctx;
	size_t k = s->n < n ? s->n : n;

	(void)e;
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
	(void)ctx;
	return json_array_append_new(messages, json_pack("[I, s, s]", (json_int_t)line, level, text));
}

static void forget(void)
{
	json_decref(records);
	json_decref(messages);
	records = json_array();
	messages = json_array();
}

static int read_bytes(const char *p, size_t n, const struct exchange_hints *hints)
{
	struct source s = { p, n };
	struct exchange_input in = { from, &s };
	struct exchange_sink sink = { take_record, take_message, NULL, NULL };
	static const struct exchange_hints none;

	forget();
	memset(&err, 0, sizeof(err));
	return exchange_read(&in, hints != NULL ? hints : &none, &sink, &done, &err);
}

static void read_text(const char *text, const struct exchange_hints *hints)
{
	int r = read_bytes(text, strlen(text), hints);

	ck_assert_msg(r == MUSTER_OK, "%s", err.message);
	ck_assert_int_eq(done.type, EXCHANGE_LISTING);
}

static char *sample(const char *name)
{
	static char text[8192];
	char path[512];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/tests/unit/data/%s", getenv("top_srcdir") != NULL ? getenv("top_srcdir") : ".", name);
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	(void)fclose(f);
	return text;
}

static const json_t *record(size_t i)
{
	ck_assert_uint_gt(json_array_size(records), i);
	return json_array_get(records, i);
}

static const json_t *field(size_t i, const char *name)
{
	return json_object_get(json_object_get(record(i), "entry"), name);
}

static const char *text(size_t i, const char *name)
{
	const char *s = json_string_value(field(i, name));

	return s != NULL ? s : "";
}

static long number(size_t i, const char *name)
{
	ck_assert_msg(json_is_integer(field(i, name)), "%s", name);
	return (long)json_integer_value(field(i, name));
}

static const char *member(size_t i, const char *name)
{
	const char *s = json_string_value(json_object_get(record(i), name));

	return s != NULL ? s : "";
}

static size_t doubts(size_t i)
{
	return json_array_size(json_object_get(record(i), "doubts"));
}

static bool doubted(size_t i, const char *what)
{
	size_t k;
	json_t *d;

	json_array_foreach(json_object_get(record(i), "doubts"), k, d)
		if (strstr(json_string_value(d), what) != NULL)
			return true;
	return false;
}

static bool told(const char *level, const char *what)
{
	size_t k;
	json_t *m;

	json_array_foreach(messages, k, m)
		if (strcmp(json_string_value(json_array_get(m, 1)), level) == 0 && strstr(json_string_value(json_array_get(m, 2)), what) != NULL)
			return true;
	return false;
}

static void is_office(size_t i)
{
	ck_assert_str_eq(text(i, "name"), "Office 15, OfficeKMSHostVL_KMS_Host edition");
	ck_assert_str_eq(text(i, "description"), "Office 15, VOLUME_KMS channel");
	ck_assert_str_eq(text(i, "channel"), "host");
	ck_assert_str_eq(text(i, "activation_id"), "2e28138a-847f-42bc-9752-61b03fff33cd");
	ck_assert_str_eq(text(i, "application_id"), "0ff1ce15-a989-479d-af46-f275c6370663");
	ck_assert_str_eq(text(i, "extended_pid"), "05426-00206-234-001162-03-1033-9200.0000-0992013");
	ck_assert_str_eq(text(i, "partial"), "KDQ2G");
	ck_assert_str_eq(text(i, "license_status"), "Licensed");
	ck_assert_str_eq(member(i, "taken_at"), "2013-04-09T09:58:33Z");
	ck_assert_int_eq(number(i, "rearms"), 1000);
	ck_assert_int_eq(number(i, "current_count"), 0);
	ck_assert_int_eq(number(i, "port"), 1688);
	ck_assert_str_eq(text(i, "priority"), "Normal");
	ck_assert(json_is_true(field(i, "enabled")) && json_is_true(field(i, "dns_publishing")));
	ck_assert_int_eq(number(i, "total"), 0);
	ck_assert_int_eq(number(i, "out_of_tolerance"), 0);
	ck_assert_int_eq(number(i, "non_genuine"), 0);
	ck_assert_int_eq(number(i, "notification"), 0);
	ck_assert_msg(doubts(i) == 0, "%s", json_dumps(json_object_get(record(i), "doubts"), 0));
}

START_TEST(test_office)
{
	struct exchange_hints h = { .host = "KMS01" };

	read_text(sample("dlv-office2013.txt"), &h);
	ck_assert_uint_eq(json_array_size(records), 1);
	is_office(0);
	ck_assert_str_eq(member(0, "host"), "KMS01");
	ck_assert_int_eq(json_integer_value(json_object_get(record(0), "line")), 1);
	ck_assert(told("note", "--utc-offset"));
	ck_assert_uint_eq(done.lines, 30);
	h.offset = "-07:00";
	read_text(sample("dlv-office2013.txt"), &h);
	ck_assert_str_eq(member(0, "taken_at"), "2013-04-09T16:58:33Z");
	ck_assert(!told("note", "--utc-offset"));
}
END_TEST

START_TEST(test_server)
{
	struct exchange_hints h = { .name = "kms02.example.org.txt", .at = 1300000000 };

	read_text(sample("dli-server2008r2-host.txt"), &h);
	ck_assert_uint_eq(json_array_size(records), 1);
	ck_assert_str_eq(member(0, "host"), "kms02.example.org");
	ck_assert(told("note", "--host says another"));
	ck_assert_str_eq(member(0, "taken_at"), "2011-03-13T07:06:40Z");
	ck_assert_str_eq(text(0, "channel"), "host");
	ck_assert_str_eq(text(0, "partial"), "PYWKV");
	ck_assert_int_eq(number(0, "current_count"), 2);
	ck_assert_int_eq(number(0, "total"), 826);
	ck_assert_int_eq(number(0, "licensed"), 826);
	ck_assert_ptr_null(field(0, "activation_id"));
	ck_assert_uint_eq(doubts(0), 0);
}
END_TEST

START_TEST(test_client)
{
	read_text(sample("dli-windows7-client.txt"), NULL);
	ck_assert_uint_eq(json_array_size(records), 1);
	ck_assert(json_is_null(json_object_get(record(0), "host")) && json_is_null(json_object_get(record(0), "taken_at")));
	ck_assert_str_eq(text(0, "channel"), "client");
	ck_assert_int_eq(number(0, "minutes_left"), 243720);
	ck_assert_str_eq(text(0, "client_id"), "2ffcfc30-6a6a-49ec-92b8-f6150c7df211");
	ck_assert_str_eq(text(0, "activated_by"), "emeronb10-rc3.sppvltest.net:1688");
	ck_assert_int_eq(number(0, "activation_interval"), 15);
	ck_assert_int_eq(number(0, "renewal_interval"), 25);
	ck_assert_uint_eq(doubts(0), 0);
}
END_TEST

/* The Office sample after what happens to it on its way: each gives the same record. */
static void changed(struct buf *out, int how)
{
	const char *p = sample("dlv-office2013.txt");

	buf_clear(out);
	if (how == 0)
		buf_adds(out, "Microsoft (R) Windows Script Host Version 5.8\r\nCopyright (C) Microsoft Corporation. All rights reserved.\r\n\r\nSoftware licensing service version: 6.2.9200.16384\r\n\r\n");
	for (const char *c = p; *c != '\0'; c++) {
		bool start = c == p || c[-1] == '\n';

		if (how == 1 && start)                       /* lost indentation */
			while (*c == ' ')
				c++;
		if (how == 2 && *c == '\n')                  /* each line end doubled */
			buf_adds(out, "\r\r\n");
		else if (how == 3 && *c == '\n')
			buf_adds(out, " \t\r\n");
		else if (how == 4 && start && *c != '\n') {  /* more of it, by tabs */
			buf_adds(out, "\t\t");
			buf_addc(out, *c);
		} else
			buf_addc(out, *c);
	}
	if (how == 5) {
		buf_clear(out);
		for (; *p != '\0'; p++)
			if (strncmp(p, "machine\n", 8) == 0) {
				buf_adds(out, "COMPUTER\n");
				p += 7;
			} else
				buf_addc(out, *p);
	}
}

START_TEST(test_on_its_way)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	for (int how = 0; how < 6; how++) {
		changed(&b, how);
		read_text(buf_str(&b), NULL);
		ck_assert_msg(json_array_size(records) == 1, "%d", how);
		is_office(0);
	}
	buf_fini(&b);
}
END_TEST

/* Console width 80: a count that was wrapped, an Installation ID, a status; a URL is not eaten by what follows. */
START_TEST(test_wrapped)
{
	read_text("Name: Office 15, OfficeKMSHostVL_KMS_Host edition\n"
		"Description: Office 15, VOLUME_KMS channel\n"
		"License Status: Additional grace period (KMS license expired or hardware out of \n"
		"tolerance)\n"
		"Installation ID: 020650770493837252929082195773527024195725809211989214123456789\n"
		"012345\n"
		"Use License URL: https://activation.sls.microsoft.com/SLActivateProduct/SLActiva\n"
		"\n"
		"teProduct.asmx?configextension=o14\n"
		"Partial Product Key: KDQ2G\n"
		"    Requests with License Status License expired or Hardware out of tolerance: 1\n"
		"23\n"
		"    Total requests received: 826\n"
		"99\n", NULL);
	ck_assert_str_eq(text(0, "license_status"), "Additional grace period (KMS license expired or hardware out of tolerance)");
	ck_assert_str_eq(text(0, "partial"), "KDQ2G");
	ck_assert_int_eq(number(0, "out_of_tolerance"), 123);
	ck_assert_int_eq(number(0, "total"), 826);
}
END_TEST

static void utf16(struct buf *out, const char *p, bool big, bool mark)
{
	buf_clear(out);
	if (mark)
		buf_add(out, big ? "\xfe\xff" : "\xff\xfe", 2);
	for (; *p != '\0'; p++) {
		const char pair[2] = { big ? '\0' : *p, big ? *p : '\0' };

		if (*p == '\n')
			buf_add(out, big ? "\0\r" : "\r\0", 2);
		buf_add(out, pair, 2);
	}
}

START_TEST(test_encodings)
{
	static const char oem[] = "Computer: KMS03\r\nName: Gr\x94\xe1" "e, Server edition\r\nDescription: M\x81ller, VOLUME_KMS_C channel\r\nLicense Status: Licensed\r\n";
	struct exchange_hints h = { .code_page = "437" };
	struct buf b;

	buf_init(&b, 1 << 16);
	for (int i = 0; i < 4; i++) {
		utf16(&b, sample("dlv-office2013.txt"), i & 1, i & 2);
		ck_assert_int_eq(read_bytes((const char *)b.p, b.n, NULL), MUSTER_OK);
		ck_assert_int_eq(strncmp(done.encoding, i & 1 ? "UTF-16BE" : "UTF-16LE", 8), 0);
		is_office(0);
	}
	buf_fini(&b);
	read_text(oem, NULL);
	ck_assert_str_eq(text(0, "name"), "Größe, Server edition");
	ck_assert_str_eq(done.encoding, "CP850 (guessed)");
	ck_assert(told("note", "read as code page CP850"));
	read_text(oem, &h);
	ck_assert_str_eq(text(0, "description"), "Müller, VOLUME_KMS_C channel");
	ck_assert_str_eq(done.encoding, "CP437");
	ck_assert_str_eq(member(0, "host"), "KMS03");
}
END_TEST

#define BLOCK(name) "Name: " name "\nDescription: " name ", VOLUME_KMS channel\nLicense Status: Licensed\n"

START_TEST(test_hosts)
{
	static const struct { const char *line, *host; } heads[] = {
		{ "C:\\Windows\\system32>cscript //nologo slmgr.vbs KMS01 /dlv all", "KMS01" },
		{ "cscript //NoLogo C:\\Windows\\System32\\slmgr.vbs kms-02.example.org administrator secret /dli", "kms-02.example.org" },
		{ "slmgr KMS03 -dlv", "KMS03" },
		{ "PS C:\\> Invoke-Command -ComputerName KMS04 { cscript //nologo slmgr.vbs /dlv all }", "KMS04" },
		{ "psexec \\\\KMS05 cscript //nologo C:\\Windows\\System32\\slmgr.vbs /dlv", "KMS05" },
		{ "ssh admin@kms06 musterctl dlv", "kms06" },
		{ "Computer: KMS07", "KMS07" }, { "Host: \\\\KMS08", "KMS08" }, { "PSComputerName : KMS09", "KMS09" }, { "===== KMS10 =====", "KMS10" }, { "Computer name: kms11.example.org.", "kms11.example.org" },
		{ "C:\\>cscript slmgr.vbs /dlv all", "default" }, { "$ musterctl dlv all", "default" },
	};
	struct exchange_hints h = { .host = "default" };
	struct buf b;
	char *dumped;

	buf_init(&b, 1 << 16);
	buf_adds(&b, BLOCK("First"));
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		buf_addf(&b, "\n%s\n\n%s\n%s", heads[i].line, BLOCK("One"), BLOCK("Two"));
	read_text(buf_str(&b), &h);
	ck_assert_uint_eq(json_array_size(records), 1 + 2 * sizeof(heads) / sizeof(heads[0]));
	ck_assert_str_eq(member(0, "host"), "default");
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		for (size_t k = 0; k < 2; k++)
			ck_assert_msg(strcmp(member(1 + 2 * i + k, "host"), heads[i].host) == 0, "%s: %s", heads[i].line, member(1 + 2 * i + k, "host"));
	buf_fini(&b);
	dumped = json_dumps(records, 0);
	ck_assert(strstr(dumped, "secret") == NULL);
	free(dumped);
}
END_TEST

/* Ten blocks of `dlv all`: one time for those of a host that print none. */
START_TEST(test_ten_blocks)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	for (int i = 0; i < 10; i++) {
		buf_addf(&b, "Name: Product %d\nDescription: Product %d, %s channel\nActivation ID: 00000000-0000-4000-8000-00000000000%d\n", i, i,
			i % 3 == 0 ? "VOLUME_KMS_B" : i % 3 == 1 ? "VOLUME_MAK" : "VOLUME_KMSCLIENT", i);
		buf_adds(&b, i < 5 ? "Partial Product Key: AAAA1\nLicense Status: Licensed\n" : "This license is not in use.\n");
		if (i == 0)
			buf_adds(&b, "Trusted time: 11/22/2026 12:00:00 PM\n");
		buf_adds(&b, "\n\n");
	}
	read_text(buf_str(&b), &(struct exchange_hints){ .host = "h", .at = 1 });
	ck_assert_uint_eq(json_array_size(records), 10);
	for (size_t i = 0; i < 10; i++) {
		ck_assert_str_eq(text(i, "channel"), i % 3 == 0 ? "host" : i % 3 == 1 ? "mak" : "client");
		ck_assert_str_eq(text(i, "license_status"), i < 5 ? "Licensed" : "This license is not in use.");
		ck_assert_str_eq(member(i, "taken_at"), "2026-11-22T12:00:00Z");
		ck_assert_uint_eq(doubts(i), 0);
	}
	buf_fini(&b);
}
END_TEST

struct doubt { const char *lines, *says; };
#define HOST "Name: Office 15, KMS_Host edition\nDescription: Office 15, VOLUME_KMS channel\n"
static const struct doubt doubtful[] = {
	{ HOST "License Status: Licensed\nNotification Reason: 0xC004F034.\n", "notification reason beside it (0xC004F034.)" },
	{ HOST "License Status: Licensed\nThis license is not in use.\n", "\"This license is not in use\" beside it" },
	{ HOST "Partial Product Key: KDQ2G\nThis license is not in use.\n", "partial product key in one block" },
	{ HOST "License Status: Unlicensed\nVolume activation expiration: 5 minute(s) (1 day(s))\n", "Unlicensed, yet its activation lasts 5" },
	{ HOST "Application ID: 0ff1ce16-a989-479d-af46-f275c6370663\n", "application ID 0ff1ce16-a989-479d-af46-f275c6370663 does not exist" },
	{ HOST "Application ID: 55c92734-d682-4d71-983e-d6ec3f16059e\n", "does not exist" },
	{ HOST "Activation ID: 2e28138a-847f-42bc-9752\n", "Activation ID \"2e28138a-847f-42bc-9752\" is no UUID" },
	{ HOST "Extended PID: 05426-00206-234-001162-03-1033-9200.0000-0992008\n", "day 099 of 2008, before there was such a product (2012)" },
	{ HOST "Extended PID: 05426-00206-234-001162-03-1033-9200.0000-1002013\nTrusted time: 4/8/2013 9:58:33 AM\n", "day 100 of 2013, after the listing itself (2013-04-08)" },
	{ HOST "Extended PID: 05426-00206-234-001162-03-1033-9200.0000-3662013\n", "day 366 of 2013, which no year has" },
	{ HOST "Extended PID: 05426-00206-234\n", "has not the form" },
	{ HOST "Key Management Service is disabled on this machine\nCurrent count: 3\n", "a count of 3, yet its service is disabled" },
	{ HOST "License Status: Unlicensed\nCurrent count: 3\n", "yet the host itself is unlicensed" },
	{ HOST "Current count: 1.234\n", "Current count \"1.234\" is not a number in the published form" },
	{ HOST "Current count: -1\n", "not a number in the published form" },
	{ HOST "Activation interval: zwei Stunden\n", "not a number of minutes" },
	{ HOST "Activation interval: 14 minutes\n", "activation interval of 14 minutes is outside of 15 to 43200" },
	{ HOST "Renewal interval: 43201 minutes\n", "renewal interval of 43201" },
	{ HOST "Listening on Port: 65536\n", "port 65536" },
	{ HOST "Total requests received: 5\nRequests with License Status Licensed: 4\nRequests with License Status Notification: 2\n", "add up to 6, more than the total of 5" },
	{ HOST "Total requests received: 5\nFailed requests received: 6\n", "6 failed requests" },
	{ HOST "Trusted time: 09.04.2013 09:58:33\n", "Trusted time \"09.04.2013 09:58:33\" is not of the published form" },
	{ HOST "Trusted time: 2/30/2013 9:58:33 AM\n", "not of the published form" },
	{ HOST "Partial Product Key: KDQ2\n", "not five letters and digits" },
	{ HOST "Current count: 1\nCurrent count: 2\n", "Current count is listed twice" },
	{ "Name: x\nDescription: Windows, VOLUME_KMSCLIENT channel\nCurrent count: 2\nLicense Status: Licensed\n", "says client" },
	{ "Name: x\nDescription: Windows, VOLUME_KMSCLIENT channel\nLicense Status: Licensed\nVolume activation expiration: 259201 minute(s) (180 day(s))\n", "more than the 180 days" },
};

START_TEST(test_doubts)
{
	for (size_t i = 0; i < sizeof(doubtful) / sizeof(doubtful[0]); i++) {
		read_text(doubtful[i].lines, NULL);
		ck_assert_uint_eq(json_array_size(records), 1);
		ck_assert_msg(doubted(0, doubtful[i].says), "%s: %s", doubtful[i].says, json_dumps(json_object_get(record(0), "doubts"), 0));
	}
}
END_TEST

START_TEST(test_refused_and_noise)
{
	const char *other = "Name: Windows(R), Enterprise edition\nBeschreibung: x\nLizenzstatus: Lizenziert\nLicense Status: Licensed\n";

	read_text(other, NULL);
	ck_assert_uint_eq(json_array_size(records), 0);
	ck_assert_uint_eq(done.refused, 1);
	ck_assert(told("refused", "labels are read in English"));
	ck_assert(told("note", "\"Beschreibung\" is no label that is known"));
	read_text(HOST "License Status: Licensed\nError: 0xC004F074 The server could not be reached.\n", NULL);
	ck_assert(told("doubtful", "Error: 0xC004F074"));
	/* nothing of a listing */
	ck_assert_int_eq(read_bytes("hello\nworld\n", 12, NULL), MUSTER_E_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(err.message, "first line is \"hello\""));
	ck_assert_int_eq(read_bytes("", 0, NULL), MUSTER_E_UNSUPPORTED);
	ck_assert_str_eq(err.message, "the file is empty");
	/* said to be one all the same */
	ck_assert_int_eq(read_bytes("hello\n", 6, &(struct exchange_hints){ .type = EXCHANGE_LISTING }), MUSTER_OK);
	ck_assert(told("refused", "no block that begins with \"Name:\""));
	ck_assert_int_eq(read_bytes(HOST, strlen(HOST), &(struct exchange_hints){ .offset = "one hour", .type = EXCHANGE_LISTING }), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "--utc-offset takes"));
	ck_assert_int_eq(read_bytes(HOST, strlen(HOST), &(struct exchange_hints){ .host = "a b", .type = EXCHANGE_LISTING }), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "--host takes"));
}
END_TEST

/* What `musterctl dlv` and `dli` print reads back as it was (design.md section 10). */
START_TEST(test_our_own)
{
	json_t *item = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:{s:b, s:i, s:i, s:b, s:s}, s:{s:i, s:i, s:[i, i, i, i, i, i, i]}}",
		"name", "Example 1, volume editions", "description", "Example 1, VOLUME_KMS channel", "activation_id", "11111111-2222-4333-8444-555555555555",
		"application_id", "99999999-2222-4333-8444-555555555555", "extended_pid", "MUSTH-0000000001-01-001-03-3262026", "installation_id", "123456", "use_license_url", "",
		"validation_url", "", "partial_product_key", "QQQQ7", "license_status_text", "Licensed", "remaining_rearm_count", 1000, "trusted_time", "2026-11-22T10:00:00Z",
		"host", "enabled", 1, "current_count", 26, "port", 1688, "dns_publishing", 0, "priority", "low",
		"requests", "total", 101, "failed", 3, "status", 1, 2, 3, 4, 5, 6, 7);
	static const char *const names[] = { "unlicensed", "licensed", "initial_grace", "out_of_tolerance", "non_genuine", "notification" };
	char *p = NULL;
	size_t n = 0;
	FILE *f;

	ck_assert_ptr_nonnull(item);
	(void)setenv("TZ", "UTC", 1);
	tzset();
	for (int details = 0; details < 2; details++) {
		ck_assert_ptr_nonnull(f = open_memstream(&p, &n));
		(details ? listing_details : listing_summary)(f, item);
		(void)fclose(f);
		read_text(p, NULL);
		free(p);
		ck_assert_uint_eq(json_array_size(records), 1);
		ck_assert_str_eq(text(0, "name"), "Example 1, volume editions");
		ck_assert_str_eq(text(0, "partial"), "QQQQ7");
		ck_assert_int_eq(number(0, "current_count"), 26);
		ck_assert_int_eq(number(0, "total"), 101);
		ck_assert_int_eq(number(0, "failed"), 3);
		for (size_t i = 0; i < 6; i++)
			ck_assert_int_eq(number(0, names[i]), (long)i + 1);
		ck_assert(json_is_false(field(0, "dns_publishing")) && json_is_true(field(0, "enabled")));
		ck_assert_str_eq(text(0, "priority"), "Low");
		ck_assert_msg(doubts(0) == 0, "%s", json_dumps(json_object_get(record(0), "doubts"), 0));
		if (details) {
			ck_assert_str_eq(text(0, "activation_id"), "11111111-2222-4333-8444-555555555555");
			ck_assert_str_eq(text(0, "extended_pid"), "MUSTH-0000000001-01-001-03-3262026");
			ck_assert_str_eq(member(0, "taken_at"), "2026-11-22T10:00:00Z");
		}
	}
	json_decref(item);
}
END_TEST

/* Without memory it is said so; nothing is left behind. */
START_TEST(test_memory)
{
	const char *p = sample("dlv-office2013.txt");
	int r = MUSTER_E_NOMEM;

	for (uint64_t i = 1; i < 20 && r != MUSTER_OK; i++) {
		mem_fail_at(i);
		r = read_bytes(p, strlen(p), NULL);
		mem_fail_at(0);
		ck_assert_msg(r == MUSTER_OK || r == MUSTER_E_NOMEM, "%d %s", r, err.message);
		ck_assert_int_eq(r == MUSTER_OK, err.message[0] == '\0');
	}
	ck_assert_int_eq(r, MUSTER_OK);
}
END_TEST

START_TEST(test_dates)
{
	static const struct { const char *text; int64_t at; } dates[] = {
		{ "1/1/1970 12:00:00 AM", 0 }, { "1/1/1970 12:00:01 PM", 43201 }, { "2/29/2024 11:59:59 PM", 1709251199 }, { "04/09/2013 09:58:33 am", 1365501513 },
	};
	static const char *const bad[] = { "", "4/9/2013", "13/1/2013 1:00:00 AM", "2/29/2023 1:00:00 AM", "4/9/2013 0:00:00 AM", "4/9/2013 13:00:00 PM", "4/9/2013 1:60:00 AM",
		"4/9/2013 1:00:00", "4/9/2013 1:00:00 AMx", "4/9/13 1:00:00 AM", "4-9-2013 1:00:00 AM", "4/9/2013 1:00:00 XM" };
	int64_t at;

	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		ck_assert(listing_date(dates[i].text, strlen(dates[i].text), &at));
		ck_assert_int_eq(at, dates[i].at);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!listing_date(bad[i], strlen(bad[i]), &at), "%s", bad[i]);
}
END_TEST

UNIT_MAIN("exchange_listing", test_office, test_server, test_client, test_on_its_way, test_wrapped, test_encodings, test_hosts, test_ten_blocks, test_doubts,
	test_refused_and_noise, test_our_own, test_memory, test_dates)
