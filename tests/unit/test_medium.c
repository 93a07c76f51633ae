/* What the files of a medium say, by the tables of sql-embedded and of a plugin with a way of its own: every encoding, layout and version.
 * No public sample of DefaultSetup.ini exists: contents are made from facts.md section 6, with keys that are none. */
#include "tests/unit/unit.h"
#include "tests/unit/catalog_config.h"

#include <strings.h>

#include "core/base/mem.h"
#include "core/catalog/medium.h"

#define KEY "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"
#define MASKED "*****-*****-*****-*****-EEEEE"

static struct setup *s;
static struct catalog *c;
static struct medium_finds finds;

/* A product file of a publisher without a plugin. */
static void stranger(struct config_product *p)
{
	p->model = "embedded";
	p->medium = "install/defaults.cfg [Setup] Serial, install/other.cfg [Setup] Serial";
	setup_id(p->application_id, "5a3f2c1b-8a07-4a43-8f0e-6f7ad1f0c9ff");
	p->given |= CONFIG_P_MODEL | CONFIG_P_MEDIUM | CONFIG_P_APPLICATION_ID;
}

static void setup(void)
{
	static char path[512];
	const char *top = getenv("top_builddir");
	char here[256];

	s = setup_new();
	(void)setup_plugin(s, "sql-embedded", NULL);
	if (top == NULL)
		top = getcwd(here, sizeof here);
	(void)snprintf(path, sizeof path, "%s/tests/plugins/.libs/exotic.so", top);
	(void)setup_plugin(s, "exotic", path);
	stranger(setup_new_product(s, "stranger", NULL, "5a3f2c1b-8a07-4a43-8f0e-6f7ad1f0c901"));
	ck_assert_msg(setup_build(s, &c) == MUSTER_OK, "%s", s->err.message);
}

static void teardown(void)
{
	medium_finds_free(&finds);
	catalog_unref(c);
	free(s);
}

struct file { const char *path; const char *bytes; size_t n; };

static const struct medium_find *look_files(const char *label, const char *name, const char *as, const struct file *files, size_t count)
{
	struct muster_medium_file rows[8];
	struct medium m = { label, name, rows, count };
	struct muster_err err = { 0 };

	for (size_t i = 0; i < count; i++)
		rows[i] = (struct muster_medium_file){ files[i].path, { (const uint8_t *)files[i].bytes, files[i].n } };
	medium_finds_free(&finds);
	ck_assert_msg(medium_look(c, &m, as != NULL ? catalog_product_named(c, as) : NULL, &finds, &err) == MUSTER_OK, "%s", err.message);
	return finds.n > 0 ? &finds.items[0] : NULL;
}

static const struct medium_find *look(const char *label, const char *path, const char *bytes, size_t n)
{
	return look_files(label, NULL, NULL, &(struct file){ path, bytes, n }, 1);
}

static const struct medium_find *look_text(const char *label, const char *text)
{
	return look(label, "x64/DefaultSetup.ini", text, strlen(text));
}

/* ---- every encoding, every layout, every version ---- */

enum { ASCII_, UTF8_, UTF16_MARK, UTF16_BARE, ENCODINGS };
static const char *const encoding_words[] = { "ASCII", "UTF-8", "UTF-16LE", "UTF-16LE" };

static size_t encode(char *out, const char *text, int how)
{
	size_t n = 0;

	if (how == UTF8_)
		n = (size_t)snprintf(out, 4, "\xef\xbb\xbf");
	if (how == UTF16_MARK)
		n = (size_t)snprintf(out, 4, "\xff\xfe");
	for (; *text != '\0'; text++) {
		out[n++] = *text;
		if (how >= UTF16_MARK)
			out[n++] = '\0';
	}
	return n;
}

static const struct { const char *product, *title, *baseline, *name; } versions[] = {
	{ "sql-server-2008", "SQL Server 2008", "10.0.1600.22", "SQL_Server_2008" }, { "sql-server-2008-r2", "SQL Server 2008 R2", "10.50.1600.1", "sql_2008_r2_x64" },
	{ "sql-server-2012", "SQL Server 2012", "11.0.2100.60", "SQLServer2012" }, { "sql-server-2014", "SQL Server 2014", "12.0.2000.8", "SQL2014_x64_ENU" },
	{ "sql-server-2016", "SQL Server 2016", "13.0.1601.5", "SqlServer_2016" }, { "sql-server-2017", "SQL Server 2017", "14.0.1000.169", "SQL2017" },
	{ "sql-server-2019", "SQL Server 2019", "15.0.2000.5", "sqlserver2019-x64-enu.iso" }, { "sql-server-2022", "SQL Server 2022", "16.0.1000.6", "SQLServer2022" },
};

static void check_version(size_t v, const char *folder, int how, int how_marked, bool by_name)
{
	char ini[1024], info[2048], path[64], text[512];
	const char *section = v < 2 ? "SQLSERVER2008" : "OPTIONS";
	struct file files[2] = { { path, ini, 0 }, { "MEDIAINFO.xml", info, 0 } };
	const struct medium_find *f;

	(void)snprintf(path, sizeof path, "%s/DEFAULTSETUP.ini", folder);
	(void)snprintf(text, sizeof text, ";Configuration File\r\n[%s]\r\nPCUSOURCE=.\\PCUSOURCE\r\nPID=\"%s\"\r\nFEATURES=SQL\r\n", section, KEY);
	files[0].n = encode(ini, text, how);
	(void)snprintf(text, sizeof text, "<MediaInfo>\r\n <Properties>\r\n  <Property Id=\"BaselineVersion\" Value=\"%s\" />\r\n", versions[v].baseline);
	files[1].n = encode(info, text, how_marked);
	f = look_files(by_name ? versions[v].name : "DATA", NULL, NULL, files, by_name ? 1 : 2);
	ck_assert_msg(f != NULL && finds.n == 1 && f->product != NULL, "%s %s: %s", versions[v].product, folder, f != NULL ? f->note : "nothing");
	ck_assert_str_eq(f->product->row.name, versions[v].product);
	ck_assert_str_eq(f->product->row.title, versions[v].title);
	ck_assert_str_eq(f->path, path);
	ck_assert_str_eq(f->section, section);
	ck_assert_str_eq(f->encoding, encoding_words[how]);
	ck_assert_str_eq(f->key, KEY);
	ck_assert_str_eq(f->masked, MASKED);
	ck_assert_str_eq(f->info.partial, "EEEEE");
	ck_assert_uint_eq(f->info.kind, MUSTER_KEY_EMBEDDED);
	ck_assert_str_eq(f->portal, v == 7 ? "On the medium, and shown in the portal too." : "On the medium only; the portal says that this product needs no product key.");
	ck_assert_str_eq(f->advice, "Delete the file from the installed machine so that the key does not stay behind.");
	ck_assert_str_eq(f->note, "");
	ck_assert_uint_eq(f->fit_count, 0);
}

START_TEST(test_medium_every_version)
{
	static const char *const folders[] = { "x64", "X86", "ia64" };

	for (size_t v = 0; v < sizeof versions / sizeof versions[0]; v++)
		for (size_t f = 0; f < (v < 2 ? 3u : 2u); f++)
			for (int how = 0; how < ENCODINGS; how++)
				for (int marked = 0; marked < ENCODINGS; marked++) {
					check_version(v, folders[f], how, marked, false);
					check_version(v, folders[f], how, marked, true);
				}
}
END_TEST

/* From 2012 on there was no Itanium. */
START_TEST(test_medium_no_rule_for_this_folder)
{
	const struct medium_find *f = look("SQL2019", "ia64/DefaultSetup.ini", "[OPTIONS]\nPID=\"" KEY "\"\n", 42);

	ck_assert_str_eq(f->key, "");
	ck_assert_ptr_null(f->product);
	ck_assert_ptr_null(look("SQL2019", "DefaultSetup.ini", "[OPTIONS]\nPID=\"" KEY "\"\n", 42));
	ck_assert_ptr_null(look("SQL2019", "x64/DefaultSetup.ini.old", "[OPTIONS]\nPID=\"" KEY "\"\n", 42));
	ck_assert_ptr_null(look_files(NULL, NULL, NULL, NULL, 0));
}
END_TEST

START_TEST(test_medium_big_endian)
{
	static const char *const bytes[] = { "\xfe\xff\0[\0O", "\0[\0O\0P" };

	for (size_t i = 0; i < 2; i++) {
		const struct medium_find *f = look("SQL2019", "x64/DefaultSetup.ini", bytes[i], 6);

		ck_assert_ptr_nonnull(f);
		ck_assert_str_eq(f->key, "");
		ck_assert_str_eq(f->encoding, "UTF-16BE");
		ck_assert_str_eq(f->note, "The file is UTF-16 with the high byte first, which setup does not read; save it as UTF-16LE, UTF-8 or ASCII.");
	}
}
END_TEST

/* ---- which product ---- */

START_TEST(test_medium_editions)
{
	static const struct { const char *name, *edition; } names[] = {
		{ "SW_DVD9_SQL_Svr_Ent_Core_2016_64Bit.iso", "Enterprise" }, { "en_sql_server_2016_enterprise_x64_dvd", "Enterprise" }, { "SQL2016_STANDARD", "Standard" },
		{ "sql_2016_std_x64", "Standard" }, { "SQLServer2016-x64-DEVELOPER.iso", "Developer" }, { "sql2016_web_x64", "Web" }, { "SQL2016", NULL },
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const struct medium_find *f = look_text(names[i].name, "[OPTIONS]\nPID=\"" KEY "\"\n");

		ck_assert_str_eq(f->product->row.name, "sql-server-2016");
		ck_assert_msg((f->edition == NULL) == (names[i].edition == NULL) && (f->edition == NULL || strcmp(f->edition, names[i].edition) == 0), "%s", names[i].name);
	}
}
END_TEST

/* An edition's mark names an edition: every one of them is a title of the product's editions. */
START_TEST(test_medium_editions_exist)
{
	size_t n, count;
	const struct catalog_product *p = catalog_products(c, &n);

	for (size_t i = 0; i < n; i++) {
		const struct muster_medium_mark *marks = p[i].row.marks.rows;
		const struct catalog_edition *e = catalog_editions(c, &p[i], &count);

		if (strncmp(p[i].row.name, "sql-server-", 11) != 0)
			continue;
		for (uint32_t k = 0; k < p[i].row.marks.count; k++) {
			bool found = marks[k].edition == NULL;

			for (size_t m = 0; m < count; m++)
				found |= marks[k].edition != NULL && strcmp(e[m].title, marks[k].edition) == 0;
			ck_assert_msg(found, "%s: %s", p[i].row.name, marks[k].edition);
		}
	}
}
END_TEST

/* A file's mark goes before a name's, a label's and a name's count alike, the longer text goes before the shorter. */
START_TEST(test_medium_marks_rank)
{
	static const char ini[] = "[OPTIONS]\nPID=\"" KEY "\"\n", old[] = "[SQLSERVER2008]\nPID=" KEY "\n";
	static const char info[] = "<Property Id=\"BaselineVersion\" Value=\"15.0.2000.5\" />";
	struct file files[] = { { "x64/DefaultSetup.ini", ini, sizeof ini - 1 }, { "MediaInfo.xml", info, sizeof info - 1 } };
	struct file r2 = { "x64/DefaultSetup.ini", old, sizeof old - 1 };

	ck_assert_str_eq(look_files("SQL2014", "sql2016.iso", NULL, files, 2)->product->row.name, "sql-server-2019");
	ck_assert_str_eq(look_files(NULL, "sql2014.iso", NULL, files, 1)->product->row.name, "sql-server-2014");
	ck_assert_str_eq(look_files("SQL2014", "backup", NULL, files, 1)->product->row.name, "sql-server-2014");
	ck_assert_str_eq(look_files("SQL2008R2", NULL, NULL, &r2, 1)->product->row.name, "sql-server-2008-r2");
	ck_assert_str_eq(look_files("SQL2008", NULL, NULL, &r2, 1)->product->row.name, "sql-server-2008");
}
END_TEST

/* The file alone: the line for "version not told", and the others it may be; or nobody, and between whom. */
START_TEST(test_medium_not_told)
{
	const struct medium_find *f = look_text("DATA", "[OPTIONS]\nPID=\"" KEY "\"\n");

	ck_assert_str_eq(f->product->row.name, "sql-server");
	ck_assert_str_eq(f->note, "Told by the file alone, which is the same for sql-server-2012, sql-server-2014, sql-server-2016, sql-server-2017, sql-server-2019, sql-server-2022, "
	                          "sql-server. --as PRODUCT says which.");
	ck_assert_str_eq(f->masked, MASKED);
	f = look_text("DATA", "[SQLSERVER2008]\nPID=\"" KEY "\"\n");
	ck_assert_ptr_null(f->product);
	ck_assert_ptr_null(f->edition);
	ck_assert_ptr_null(f->portal);
	ck_assert_uint_eq(f->fit_count, 2);
	ck_assert_str_eq(f->note, "The medium does not tell which product it is: sql-server-2008, sql-server-2008-r2. --as PRODUCT says which.");
	ck_assert_str_eq(f->key, KEY);
	f = look_text("sql 2012 and sql 2014", "[OPTIONS]\nPID=\"" KEY "\"\n");
	ck_assert_ptr_null(f->product);
	ck_assert_str_eq(f->note, "The medium does not tell which product it is: sql-server-2012, sql-server-2014. --as PRODUCT says which.");
}
END_TEST

START_TEST(test_medium_said_to_be)
{
	static const char ini[] = "[OPTIONS]\nPID=\"" KEY "\"\n";
	struct file file = { "x64/DefaultSetup.ini", ini, sizeof ini - 1 };
	const struct medium_find *f = look_files("SQL2014_enterprise", NULL, "sql-server-2022", &file, 1);

	ck_assert_str_eq(f->product->row.name, "sql-server-2022");
	ck_assert_str_eq(f->edition, "Enterprise");
	ck_assert_str_eq(f->note, "");
	f = look_files("SQL2014", NULL, "sql-server-2008", &file, 1);
	ck_assert_str_eq(f->key, "");
	ck_assert_str_eq(f->note, "The file holds no PID that setup reads; a medium without one asks for a key during installation.");
	ck_assert_ptr_null(look_files("SQL2014", NULL, "exotic-one", &file, 1));
}
END_TEST

/* ---- what there is no key in ---- */

/* Setup reads PID in its own sections only; elsewhere there is none to report. */
START_TEST(test_medium_none)
{
	static const char *const texts[] = { "", "[OPTIONS]\nPCUSOURCE=x\n", "PID=\"" KEY "\"\n", "[OTHER]\nPID=\"" KEY "\"\n", "[OPTIONS]\nPIDX=\"" KEY "\"\n", "[OPTIONS\nPID=\"" KEY "\"\n",
		"[OPTIONS]\n;PID=\"" KEY "\"\n", "[OPTIONS]\n#PID=\"" KEY "\"\n", "[OPTIONS]\nPID\n", "[OPTIONS][X]\nPID=" KEY "\n", "[]\nPID=" KEY "\n", "[OPTIONS]\n[OTHER]\nPID=" KEY "\n" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		const struct medium_find *f = look_text("SQL2019", texts[i]);

		ck_assert_uint_eq(finds.n, 1);
		ck_assert_str_eq(f->key, "");
		ck_assert_str_eq(f->masked, "");
		ck_assert_uint_eq(f->info.kind, MUSTER_KEY_UNKNOWN);
		ck_assert_str_eq(f->product->row.name, "sql-server-2019");
		ck_assert_str_eq(f->note, "The file holds no PID that setup reads; a medium without one asks for a key during installation.");
	}
}
END_TEST

START_TEST(test_medium_wrong_shape)
{
	static const char *const texts[] = { "[OPTIONS]\nPID=\n", "[OPTIONS]\nPID=\"\"\n", "[OPTIONS]\nPID=\"AAAAA-BBBBB\"\n", "[OPTIONS]\nPID=\"AAAAA-BBBBB-CCCCC-DDDDD-EEEE!\"\n",
		"[OPTIONS]\nPID=\"AAAAABBBBBCCCCCDDDDDEEEEEFFFF\"\n", "[OPTIONS]\nPID=\"AAAAA-BBBBB-CCCCC-DDDDD-EEEE\xe9\"\n", "[OPTIONS]\nPID=\"AAAAA\xe2\x80\x94" "BBBBB-CCCCC-DDDDD-EEEEE\"\n",
		"[OPTIONS]\nPID=\"" KEY "\n", "[OPTIONS]\nPID=" KEY "-FFFFF\n" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		const struct medium_find *f = look_text("SQL2019", texts[i]);

		ck_assert_uint_eq(finds.n, 1);
		ck_assert_msg(f->key[0] == '\0' && f->masked[0] == '\0', "%s", texts[i]);
		ck_assert_str_eq(f->note, "PID is there, and what it says is not of the shape of such a key.");
	}
}
END_TEST

/* As people and tools write such files. */
START_TEST(test_medium_spelling)
{
	static const char *const texts[] = { "[options]\n  pid = aaaaa-bbbbb-ccccc-ddddd-eeeee  \n", "\r\n\r\n[Options]\rX=1\r\n[OPTIONS]\r\n\tPid\t=\t\"" KEY "\"\t\r\n", "[OPTIONS]\nPID=" KEY,
		"[OTHER]\nPID=x\n[OPTIONS]\nX=\"[\"\nPID=" KEY "\n[OTHER]\nPID=y\n" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		const struct medium_find *f = look_text("SQL2019", texts[i]);

		ck_assert_msg(finds.n == 1 && strcmp(f->key, KEY) == 0, "%s", texts[i]);
		ck_assert_str_eq(f->section, "OPTIONS");
	}
}
END_TEST

START_TEST(test_medium_half_a_character)
{
	char wide[256];
	size_t n = encode(wide, "[OPTIONS]\r\nPID=\"" KEY "\"\r\n", UTF16_MARK);

	ck_assert_str_eq(look("SQL2019", "x64/DefaultSetup.ini", wide, n - 1)->key, KEY);
}
END_TEST

/* A line of any length does not disturb the next, nor does a zero byte. */
START_TEST(test_medium_long_line)
{
	static char text[MEDIUM_FILE_MAX];
	size_t n = (size_t)snprintf(text, sizeof text, "[OPTIONS]\nX=");

	memset(text + n, 'y', 1000000);
	text[n + 100] = '\0';
	n += 1000000;
	n += (size_t)snprintf(text + n, sizeof text - n, "\nPID=\"" KEY "\"\n");
	ck_assert_str_eq(look("SQL2019", "x64/DefaultSetup.ini", text, n)->key, KEY);
}
END_TEST

/* ---- limits ---- */

START_TEST(test_medium_limits)
{
	static char text[64 * 1024], big[MEDIUM_FILE_MAX + 1];
	struct muster_medium_file file = { "x64/DefaultSetup.ini", { (const uint8_t *)text, 0 } };
	struct medium m = { NULL, NULL, &file, 1 };
	struct muster_err err = { 0 };
	size_t n = (size_t)snprintf(text, sizeof text, "[OPTIONS]\n");

	for (int i = 0; i < MEDIUM_FINDS_MAX + 1; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "PID=" KEY "\n");
	file.bytes.n = n;
	medium_finds_free(&finds);
	ck_assert_int_eq(medium_look(c, &m, NULL, &finds, &err), MUSTER_E_LIMIT);
	ck_assert_str_eq(err.message, "the files hold more than 64 keys: this is no publisher's medium");
	medium_finds_free(&finds);
	file.bytes.n = n - sizeof "PID=" KEY "\n" + 1;
	ck_assert_int_eq(medium_look(c, &m, NULL, &finds, &err), MUSTER_OK);
	ck_assert_uint_eq(finds.n, MEDIUM_FINDS_MAX);
	medium_finds_free(&finds);
	file.bytes = (struct muster_span){ (const uint8_t *)big, sizeof big };
	ck_assert_int_eq(medium_look(c, &m, NULL, &finds, &err), MUSTER_E_LIMIT);
	ck_assert_str_eq(err.message, "x64/DefaultSetup.ini has 1048577 bytes; a file that holds a key has at most 1048576");
	m.file_count = MEDIUM_PATHS_MAX + 1;
	medium_finds_free(&finds);
	ck_assert_int_eq(medium_look(c, &m, NULL, &finds, &err), MUSTER_E_LIMIT);
}
END_TEST

/* ---- a file of a publisher ---- */

START_TEST(test_medium_product_file)
{
	char wide[256];
	size_t n = encode(wide, "[setup]\r\nSERIAL = " KEY "\r\n", UTF16_BARE);
	const struct medium_find *f = look("whatever", "Install/Other.cfg", wide, n);

	ck_assert_str_eq(f->product->row.name, "stranger");
	ck_assert_str_eq(f->key, KEY);
	ck_assert_str_eq(f->masked, MASKED);
	ck_assert_ptr_null(f->portal);
	ck_assert_ptr_null(f->advice);
	ck_assert_ptr_null(f->edition);
	ck_assert_str_eq(f->note, "");
}
END_TEST

/* ---- the exotic way ---- */

START_TEST(test_medium_plugin)
{
	static const char one[] = "\x01\x02KEY:abcd-efxy-zaaaKEY:ABCD-EFXY-ZAAA", two[] = "TWO:ABCD-EFXY-ZAAA", wrong[] = "KEY:ABCD-EFXY-ZAA1";
	struct file file = { "SETUP/License.dat", one, sizeof one - 1 };
	const struct medium_find *f = look_files("EXO-1.5 PRO", NULL, NULL, &file, 1);

	ck_assert_uint_eq(finds.n, 1); /* the same key twice */
	ck_assert_str_eq(f->product->row.name, "exotic-one");
	ck_assert_str_eq(f->edition, "Pro");
	ck_assert_str_eq(f->key, "ABCD-EFXY-ZAAA");
	ck_assert_str_eq(f->masked, "****-****-ZAAA");
	ck_assert_str_eq(f->section, "binary");
	ck_assert_str_eq(f->portal, "On the medium; the shop shows it too.");
	ck_assert_str_eq(f->advice, "Keep the medium.");
	ck_assert_str_eq(look_files("EXO-2", NULL, NULL, &file, 1)->product->row.name, "exotic-two");
	f = look_files("EXO", NULL, NULL, &file, 1);
	ck_assert_ptr_null(f->product);
	ck_assert_str_eq(f->note, "The medium does not tell which product it is: exotic-one, exotic-two. --as PRODUCT says which.");
	file = (struct file){ "setup/license.dat", two, sizeof two - 1 };
	ck_assert_str_eq(look_files("EXO", NULL, NULL, &file, 1)->product->row.name, "exotic-two");
	/* Not a key of the shape the plugin itself declares: as if it had found none. */
	file = (struct file){ "setup/license.dat", wrong, sizeof wrong - 1 };
	f = look_files("EXO-1", NULL, NULL, &file, 1);
	ck_assert_uint_eq(finds.n, 1);
	ck_assert_str_eq(f->key, "");
}
END_TEST

START_TEST(test_medium_memory)
{
	static const char ini[] = "[OPTIONS]\nPID=\"" KEY "\"\n", dat[] = "KEY:ABCD-EFXY-ZAAA";
	const struct muster_medium_file files[] = { { "x64/DefaultSetup.ini", { (const uint8_t *)ini, sizeof ini - 1 } }, { "setup/license.dat", { (const uint8_t *)dat, sizeof dat - 1 } } };
	const struct medium m = { "SQL2019", "EXO-1", files, 2 };

	for (uint64_t n = 1; ; n++) {
		struct muster_err err = { 0 };
		int r;

		mem_fail_at(n);
		r = medium_look(c, &m, NULL, &finds, &err);
		if (mem_count() < n) {
			mem_fail_at(0);
			ck_assert_int_eq(r, MUSTER_OK);
			ck_assert_uint_eq(finds.n, 2);
			ck_assert_uint_gt(n, 6);
			return;
		}
		ck_assert_int_eq(r, MUSTER_E_NOMEM);
		medium_finds_free(&finds);
	}
}
END_TEST

/* ---- tables ---- */

START_TEST(test_medium_paths)
{
	const char *paths[MEDIUM_PATHS_MAX];
	static const char *const expected[] = { "x64/DefaultSetup.ini", "x86/DefaultSetup.ini", "ia64/DefaultSetup.ini", "MediaInfo.xml", "setup/license.dat", "install/defaults.cfg", "install/other.cfg" };
	struct muster_err err = { 0 };
	size_t n;

	ck_assert_int_eq(medium_paths(c, paths, &n, &err), MUSTER_OK);
	ck_assert_uint_eq(n, 7);
	for (size_t i = 0; i < n; i++)
		ck_assert_str_eq(paths[i], expected[i]);
}
END_TEST

START_TEST(test_medium_names)
{
	static const struct { const char *pattern, *name; bool fits; } rows[] = {
		{ "", "", true }, { "*", "", true }, { "*", "x", true }, { "?", "", false }, { "?", "x", true }, { "a*c", "ABBC", true }, { "a*c", "abcd", false }, { "*sql*2008*", "x_SQL_y_2008", true },
		{ "a*b*c", "a-b-b-c-c", true }, { "abc", "abcd", false }, { "abcd", "abc", false }, { "a?c", "a/c", true }, { "**", "", true }, { "\xc3\xa9*", "\xc3\xa9t\xc3\xa9", true },
		{ "\xc3\xa8*", "\xc3\xa9t\xc3\xa9", false }, { "[a]", "a", false },
	};
	char many[4000];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_msg(medium_name_fits(rows[i].pattern, rows[i].name) == rows[i].fits, "%s on %s", rows[i].pattern, rows[i].name);
	memset(many, 'a', sizeof many);
	many[sizeof many - 1] = '\0';
	ck_assert(!medium_name_fits("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", many));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_medium_every_version, test_medium_no_rule_for_this_folder, test_medium_big_endian, test_medium_editions, test_medium_editions_exist,
		test_medium_marks_rank, test_medium_not_told, test_medium_said_to_be, test_medium_none, test_medium_wrong_shape, test_medium_spelling, test_medium_half_a_character,
		test_medium_long_line, test_medium_limits, test_medium_product_file, test_medium_plugin, test_medium_memory, test_medium_paths, test_medium_names };

	return unit_run_with(suite_create("medium"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
