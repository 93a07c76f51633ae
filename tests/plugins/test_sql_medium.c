/* DefaultSetup.ini in its encodings. No public sample of the file exists: the contents are made from facts.md section 6,
 * with a key that is none. */
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <string.h>

#include "plugins/sql-embedded/sql_medium.h"

#define KEY "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"

struct finds { unsigned n; struct muster_found last; char key[64], path[64], section[64], product[64], note[256]; };

static void copy(char *to, size_t room, const char *from)
{
	(void)snprintf(to, room, "%s", from != NULL ? from : "(none)");
}

static int remember(void *arg, const struct muster_found *f)
{
	struct finds *x = arg;

	x->n++;
	x->last = *f;
	(void)snprintf(x->key, sizeof x->key, "%.*s", (int)f->key.n, f->key.n != 0 ? (const char *)f->key.p : "");
	copy(x->path, sizeof x->path, f->path);
	copy(x->section, sizeof x->section, f->section);
	copy(x->product, sizeof x->product, f->product);
	copy(x->note, sizeof x->note, f->note);
	return MUSTER_OK;
}

static struct finds look(const char *bytes, size_t n)
{
	struct muster_medium_file file = { "x64/DefaultSetup.ini", { (const uint8_t *)bytes, n } };
	struct muster_err err = { 0 };
	struct finds x = { 0 };

	ck_assert_int_eq(sql_medium_file(&file, remember, &x, &err), MUSTER_OK);
	return x;
}

static struct finds look_text(const char *text)
{
	return look(text, strlen(text));
}

START_TEST(test_sql_medium_2008)
{
	struct finds x = look_text(";SQLSERVER2008 Configuration File\r\n[SQLSERVER2008]\r\nPID=\"" KEY "\"\r\nPCUSOURCE=.\\PCUSOURCE\r\n");

	ck_assert_uint_eq(x.n, 1);
	ck_assert_str_eq(x.key, KEY);
	ck_assert_str_eq(x.product, "sql-server-2008");
	ck_assert_str_eq(x.section, "SQLSERVER2008");
	ck_assert_str_eq(x.path, "x64/DefaultSetup.ini");
	ck_assert_str_eq(x.last.encoding, "ASCII");
	ck_assert_uint_eq(x.last.kind, MUSTER_KEY_EMBEDDED);
}
END_TEST

START_TEST(test_sql_medium_later)
{
	struct finds x = look_text("[OPTIONS]\nFEATURES=SQL\n  pid = aaaaa-bbbbb-ccccc-ddddd-eeeee  \n");

	ck_assert_uint_eq(x.n, 1);
	ck_assert_str_eq(x.key, KEY);
	ck_assert_str_eq(x.product, "(none)");
	ck_assert_str_eq(x.note, "The section is the same from 2012 on: which version it is, the medium's own label says.");
}
END_TEST

static size_t widen(char *out, const char *text, bool mark)
{
	size_t n = 0;

	if (mark) {
		out[n++] = '\xff';
		out[n++] = '\xfe';
	}
	for (; *text != '\0'; text++) {
		out[n++] = *text;
		out[n++] = '\0';
	}
	return n;
}

START_TEST(test_sql_medium_encodings)
{
	static const char text[] = "[OPTIONS]\r\nPID=\"" KEY "\"\r\n";
	char wide[256];
	struct finds x;

	x = look_text("\xef\xbb\xbf[OPTIONS]\r\nPID=\"" KEY "\"\r\n");
	ck_assert_str_eq(x.key, KEY);
	ck_assert_str_eq(x.last.encoding, "UTF-8");
	x = look(wide, widen(wide, text, true));
	ck_assert_str_eq(x.key, KEY);
	ck_assert_str_eq(x.last.encoding, "UTF-16LE");
	x = look(wide, widen(wide, text, false));
	ck_assert_str_eq(x.key, KEY);
	ck_assert_str_eq(x.last.encoding, "UTF-16LE");
	x = look(wide, widen(wide, text, true) - 1); /* half a character at the end */
	ck_assert_str_eq(x.key, KEY);
}
END_TEST

START_TEST(test_sql_medium_big_endian)
{
	struct muster_medium_file file = { "x64/DefaultSetup.ini", { (const uint8_t *)"\xfe\xff\0[", 4 } };
	struct muster_err err = { 0 };
	struct finds x = { 0 };

	ck_assert_int_eq(sql_medium_file(&file, remember, &x, &err), MUSTER_E_INVALID);
	ck_assert_str_eq(err.message, "x64/DefaultSetup.ini: the file is UTF-16 with the high byte first, which setup does not read; save it as UTF-16LE, UTF-8 or ASCII");
	ck_assert_uint_eq(x.n, 0);
}
END_TEST

/* Setup reads PID in its own sections only; elsewhere, and with another shape, there is no key to report. */
START_TEST(test_sql_medium_none)
{
	static const char *const texts[] = { "", "[OPTIONS]\nPCUSOURCE=x\n", "PID=\"" KEY "\"\n", "[OTHER]\nPID=\"" KEY "\"\n", "[OPTIONS]\nPIDX=\"" KEY "\"\n", "[OPTIONS\nPID=\"" KEY "\"\n", "[OPTIONS]\n;PID=\"" KEY "\"\n" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct finds x = look_text(texts[i]);

		ck_assert_uint_eq(x.n, 1);
		ck_assert_uint_eq(x.last.kind, MUSTER_KEY_UNKNOWN);
		ck_assert_str_eq(x.key, "");
		ck_assert_str_eq(x.note, "The file holds no PID that setup reads; a medium without one asks for a key during installation.");
	}
}
END_TEST

START_TEST(test_sql_medium_wrong_shape)
{
	static const char *const texts[] = { "[OPTIONS]\nPID=\n", "[OPTIONS]\nPID=\"AAAAA-BBBBB\"\n", "[OPTIONS]\nPID=\"AAAAA-BBBBB-CCCCC-DDDDD-EEEE!\"\n", "[OPTIONS]\nPID=\"AAAAABBBBBCCCCCDDDDDEEEEEFFFF\"\n" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct finds x = look_text(texts[i]);

		ck_assert_uint_eq(x.n, 1);
		ck_assert_uint_eq(x.last.kind, MUSTER_KEY_UNKNOWN);
		ck_assert_str_eq(x.note, "PID is there and is not five groups of five letters and digits.");
	}
}
END_TEST

/* A line far too long is cut and does not disturb the next. */
START_TEST(test_sql_medium_long_line)
{
	char text[8192];
	size_t n = (size_t)snprintf(text, sizeof text, "[OPTIONS]\nX=");

	memset(text + n, 'y', 6000);
	n += 6000;
	n += (size_t)snprintf(text + n, sizeof text - n, "\nPID=\"" KEY "\"\n");
	ck_assert_str_eq(look(text, n).key, KEY);
}
END_TEST

UNIT_MAIN("sql_medium", test_sql_medium_2008, test_sql_medium_later, test_sql_medium_encodings, test_sql_medium_big_endian, test_sql_medium_none, test_sql_medium_wrong_shape, test_sql_medium_long_line)
