/* What the bytes of a file are, before they are read as text: files that are none, and code pages. */
#include "core/exchange/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/err.h"

#define SHEET "open it in a spreadsheet and save the sheet as CSV (UTF-8)"
#define UNPACK "unpack it and give what is in it"
#define EVTX "export it as XML or CSV: in Event Viewer \"Save All Events As…\", or on Windows `wevtutil qe FILE.evtx /lf:true /f:RenderedXml /e:Events > FILE.xml`"
#define PICTURE "a picture cannot be read: redirect the listing itself into a file, `cscript //nologo slmgr.vbs /dlv all > listing.txt`"
#define MEDIUM "installation media are read by `musterctl discover`"
#define TEXT "give the text that a tool printed, or CSV, XML or JSON"

static const struct { size_t at, n; const char *bytes; struct exchange_binary is; } magics[] = {
	{ 0, 8, "ElfFile\0", { "a binary event log (.evtx)", EVTX } },
	{ 4, 4, "LfLe", { "a binary event log of an old Windows (.evt)", EVTX } },
	{ 0, 4, "PK\3\4", { "a zip archive or a workbook (.zip, .xlsx)", SHEET ", or " UNPACK } },
	{ 0, 4, "PK\5\6", { "an empty zip archive", UNPACK } },
	{ 0, 8, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", { "an old workbook, document or installer (.xls, .doc, .msi)", SHEET } },
	{ 0, 5, "%PDF-", { "a PDF document", TEXT } },
	{ 0, 5, "{\\rtf", { "a rich text document (.rtf)", "save it as plain text" } },
	{ 0, 8, "\x89PNG\r\n\x1a\n", { "a picture (PNG)", PICTURE } },
	{ 0, 3, "\xff\xd8\xff", { "a picture (JPEG)", PICTURE } },
	{ 0, 4, "GIF8", { "a picture (GIF)", PICTURE } },
	{ 0, 4, "II*\0", { "a picture (TIFF)", PICTURE } },
	{ 0, 4, "MM\0*", { "a picture (TIFF)", PICTURE } },
	{ 0, 4, "RIFF", { "a picture, sound or film (RIFF)", PICTURE } },
	{ 0, 2, "\x1f\x8b", { "a gzip archive", UNPACK } },
	{ 0, 3, "BZh", { "a bzip2 archive", UNPACK } },
	{ 0, 6, "\xfd" "7zXZ\0", { "an xz archive", UNPACK } },
	{ 0, 6, "7z\xbc\xaf\x27\x1c", { "a 7-Zip archive", UNPACK } },
	{ 0, 4, "Rar!", { "a RAR archive", UNPACK } },
	{ 0, 4, "\x28\xb5\x2f\xfd", { "a Zstandard archive", UNPACK } },
	{ 0, 4, "MSCF", { "a cabinet archive (.cab)", UNPACK } },
	{ 257, 5, "ustar", { "a tar archive", UNPACK } },
	{ 0, 5, "MSWIM", { "a Windows image (.wim)", MEDIUM } },
	{ 32769, 5, "CD001", { "an installation medium (ISO 9660)", MEDIUM } },
	{ 0, 4, "\x7f" "ELF", { "a program (ELF)", TEXT } },
	{ 0, 16, "SQLite format 3\0", { "an SQLite database", TEXT } },
	{ 0, 4, "regf", { "a registry hive", TEXT } },
};

/* A DOS or Windows program: "MZ" alone may begin a text. */
static bool program(const uint8_t *p, size_t n)
{
	return n >= 64 && p[0] == 'M' && p[1] == 'Z' && memchr(p, 0, 64) != NULL;
}

static bool picture_bmp(const uint8_t *p, size_t n)
{
	return n >= 30 && p[0] == 'B' && p[1] == 'M' && memcmp(p + 6, "\0\0\0\0", 4) == 0;
}

/* Text has no control characters but those of lines, tabs, pages and colours. */
static bool mostly_control(const uint8_t *p, size_t n)
{
	size_t odd = 0;

	for (size_t i = 0; i < n; i++)
		odd += (p[i] < 0x20 && strchr("\t\n\r\f\x1a\x1b", p[i]) == NULL) || p[i] == 0 || p[i] == 0x7f;
	return odd > n / 10;
}

bool exchange_binary(struct exchange_binary *out, const uint8_t *p, size_t n, bool utf16)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (n >= magics[i].at + magics[i].n && memcmp(p + magics[i].at, magics[i].bytes, magics[i].n) == 0) {
			*out = magics[i].is;
			return true;
		}
	if (program(p, n) || picture_bmp(p, n)) {
		*out = program(p, n) ? (struct exchange_binary){ "a Windows program (.exe, .dll)", TEXT } : (struct exchange_binary){ "a picture (BMP)", PICTURE };
		return true;
	}
	if (utf16 || !mostly_control(p, n))
		return false;
	*out = (struct exchange_binary){ "no text: more than a tenth of its beginning is control characters", TEXT };
	return true;
}

/* Numbers of Windows that iconv knows under another name. */
static const struct { const char *given, *name; } pages[] = {
	{ "65001", "UTF-8" }, { "utf-8", "UTF-8" }, { "utf8", "UTF-8" },
	{ "1200", "UTF-16LE" }, { "utf-16", "UTF-16LE" }, { "utf-16le", "UTF-16LE" }, { "unicode", "UTF-16LE" }, { "1201", "UTF-16BE" }, { "utf-16be", "UTF-16BE" },
	{ "20127", "ASCII" }, { "ascii", "ASCII" }, { "20866", "KOI8-R" }, { "21866", "KOI8-U" }, { "54936", "GB18030" }, { "10000", "MACINTOSH" }, { "macintosh", "MACINTOSH" },
	{ "20932", "EUC-JP" }, { "51932", "EUC-JP" }, { "51949", "EUC-KR" },
};

static const unsigned known[] = { 437, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874, 932, 936, 949, 950,
	1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258 };

int exchange_code_page(char name[24], const char *given, struct muster_err *err)
{
	static const char *const before[] = { "windows-", "ibm", "cp-", "cp", "oem", "ansi", "dos-" };
	const char *p = given;
	char *end;
	unsigned long number;

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcasecmp(given, pages[i].given) == 0) {
			snprintf(name, 24, "%s", pages[i].name);
			return MUSTER_OK;
		}
	if (strncasecmp(p, "iso-8859-", 9) == 0 || strncasecmp(p, "iso8859-", 8) == 0)
		p = strchr(p, '-') == p + 3 ? p + 9 : p + 8;
	else
		p = NULL;
	number = strtoul(p != NULL ? p : given, &end, 10);
	if (p != NULL && *end == '\0' && isdigit((unsigned char)*p) && number >= 1 && number <= 16)
		return snprintf(name, 24, "ISO-8859-%lu", number), MUSTER_OK;
	if (*end == '\0' && number >= 28591 && number <= 28605)
		return snprintf(name, 24, "ISO-8859-%lu", number - 28590), MUSTER_OK;
	p = given;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		if (strncasecmp(given, before[i], strlen(before[i])) == 0) {
			p = given + strlen(before[i]);
			break;
		}
	number = strtoul(p, &end, 10);
	for (size_t i = 0; *end == '\0' && isdigit((unsigned char)*p) && i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == number)
			return snprintf(name, 24, "CP%lu", number), MUSTER_OK;
	return err_set(err, MUSTER_E_INVALID, "the code page \"%.40s\" is not known; --code-page takes 437, 737, 775, 850, 852, 855, 857, 858, 860–866, 869, 874, 932, 936, 949, 950 (OEM), "
		"1250–1258 (ANSI), 65001 (UTF-8), 1200, 1201 (UTF-16), 28591–28605 (ISO 8859); `chcp` says the one of a Windows console", given);
}

static bool letter(const uint8_t *p, size_t n, size_t i)
{
	return i < n && isalpha(p[i]);
}

/*
 * Small letters with marks are 0x81–0xa4 in every western OEM page and 0xe0–0xff in the ANSI ones, where 0x81–0x9f are punctuation or nothing.
 * Only bytes beside a letter count: a dash or a quote is no letter.
 */
const char *exchange_code_page_guess(const uint8_t *p, size_t n)
{
	size_t oem = 0, ansi = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < 0x80 || (!letter(p, n, i + 1) && (i == 0 || !letter(p, n, i - 1))))
			continue;
		oem += p[i] <= 0xa5 && p[i] != 0x91 && p[i] != 0x92 && p[i] != 0x93 && p[i] != 0x96 && p[i] != 0x97 && p[i] != 0xa0;
		ansi += p[i] >= 0xc0 && p[i] != 0xe1;
	}
	return oem > ansi ? "CP850" : "CP1252";
}
