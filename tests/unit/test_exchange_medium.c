/* Media within small limits, under an injected clock, and with memory that runs out; tests/integration/test_discover.py has real and hostile ones. */
#include "tests/unit/unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/exchange/medium.h"

static char dir[64], folder[96], image[96];
static struct clock_manual clock_;
static struct exchange_limits limits;
static const char *const wanted[] = { "x64/setup.ini", "info.xml" };

static void put(const char *path, const char *text)
{
	char whole[192];
	FILE *f;

	(void)snprintf(whole, sizeof whole, "%s/%s", folder, path);
	ck_assert_ptr_nonnull(f = fopen(whole, "w"));
	(void)fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static void write_entry(struct archive *a, const char *path, const char *text)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, text != NULL ? AE_IFREG : AE_IFDIR);
	archive_entry_set_perm(e, text != NULL ? 0644 : 0755);
	archive_entry_set_size(e, text != NULL ? (la_int64_t)strlen(text) : 0);
	archive_entry_set_mtime(e, 1800000000, 0);
	ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
	if (text != NULL)
		ck_assert_int_eq(archive_write_data(a, text, strlen(text)), (la_ssize_t)strlen(text));
	archive_entry_free(e);
}

static void write_image(void)
{
	struct archive *a = archive_write_new();

	ck_assert_int_eq(archive_write_set_format_iso9660(a), ARCHIVE_OK);
	ck_assert_int_eq(archive_write_set_options(a, "volume-id=THE_LABEL"), ARCHIVE_OK);
	ck_assert_int_eq(archive_write_open_filename(a, image), ARCHIVE_OK);
	write_entry(a, "x64", NULL);
	write_entry(a, "x64/Setup.ini", "0123456789");
	write_entry(a, "info.xml", "abcde");
	write_entry(a, "other.bin", "zzz");
	ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
	(void)archive_write_free(a);
}

static void setup(void)
{
	char sub[128];

	(void)snprintf(dir, sizeof dir, "/tmp/muster-media-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(folder, sizeof folder, "%s/folder", dir);
	(void)snprintf(image, sizeof image, "%s/image", dir);
	(void)snprintf(sub, sizeof sub, "%s/X64", folder);
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	ck_assert_int_eq(mkdir(sub, 0755), 0);
	put("X64/Setup.ini", "0123456789");
	put("info.xml", "abcde");
	put("other.bin", "zzz");
	write_image();
	clock_manual_init(&clock_, 1800000000000);
	limits = exchange_limits_default;
}

static void teardown(void)
{
	char command[128];

	(void)snprintf(command, sizeof command, "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static struct exchange_medium *read_ok(const char *path)
{
	struct exchange_medium *m;
	struct muster_err err = { 0 };

	ck_assert_msg(exchange_medium_read(&m, path, wanted, 2, &limits, &clock_.clock, &err) == MUSTER_OK, "%s", err.message);
	return m;
}

static void refused(const char *path, int result, const char *sentence)
{
	struct exchange_medium *m = (struct exchange_medium *)&limits;
	struct muster_err err = { 0 };

	ck_assert_int_eq(exchange_medium_read(&m, path, wanted, 2, &limits, &clock_.clock, &err), result);
	ck_assert_ptr_null(m);
	ck_assert_int_eq(strncmp(err.message, path, strlen(path)), 0);
	ck_assert_str_eq(err.message + strlen(path), sentence);
}

static const struct exchange_file *file(const struct exchange_medium *m, size_t which)
{
	for (size_t i = 0; i < m->file_count; i++)
		if (m->files[i].wanted == which)
			return &m->files[i];
	ck_abort_msg("wanted file %zu is not there", which);
}

START_TEST(test_exchange_medium_both_kinds)
{
	for (int i = 0; i < 2; i++) {
		struct exchange_medium *m = read_ok(i == 0 ? folder : image);

		ck_assert_uint_eq(m->file_count, 2);
		ck_assert_str_eq(file(m, 0)->path, i == 0 ? "X64/Setup.ini" : "x64/Setup.ini");
		ck_assert_str_eq(buf_str(&file(m, 0)->bytes), "0123456789");
		ck_assert_str_eq(buf_str(&file(m, 1)->bytes), "abcde");
		ck_assert_int_eq(m->kind, i == 0 ? EXCHANGE_FOLDER : EXCHANGE_IMAGE);
		ck_assert_str_eq(m->name, i == 0 ? "folder" : "image");
		ck_assert_str_eq(m->label, i == 0 ? "" : "THE_LABEL");
		ck_assert(!m->udf);
		exchange_medium_free(m);
	}
	exchange_medium_free(NULL);
}
END_TEST

START_TEST(test_exchange_medium_sizes)
{
	limits.file_max = 10;
	limits.total_max = 15;
	exchange_medium_free(read_ok(folder));
	exchange_medium_free(read_ok(image));
	limits.total_max = 14;
	refused(folder, MUSTER_E_LIMIT, ": the files that are looked at have more than 14 bytes together");
	refused(image, MUSTER_E_LIMIT, ": the files that are looked at have more than 14 bytes together");
	limits.file_max = 9;
	refused(folder, MUSTER_E_LIMIT, ": X64/Setup.ini has 10 bytes; a file that holds a key, or tells a version, has at most 9");
	refused(image, MUSTER_E_LIMIT, ": x64/Setup.ini has 10 bytes; a file that holds a key, or tells a version, has at most 9");
	limits = exchange_limits_default;
	limits.image_max = 1;
	{
		struct exchange_medium *m;
		struct muster_err err = { 0 };

		ck_assert_int_eq(exchange_medium_read(&m, image, wanted, 2, &limits, &clock_.clock, &err), MUSTER_E_LIMIT);
		ck_assert_ptr_nonnull(strstr(err.message, " bytes: no installation medium is larger than 0 GiB"));
	}
}
END_TEST

START_TEST(test_exchange_medium_entries)
{
	limits.entries_max = 20;
	exchange_medium_free(read_ok(folder));
	limits.entries_max = 3;
	refused(folder, MUSTER_E_LIMIT, ": more than 3 files and folders: no installation medium has so many");
	refused(image, MUSTER_E_LIMIT, ": more than 3 files and folders: no installation medium has so many");
}
END_TEST

START_TEST(test_exchange_medium_depth)
{
	limits.depth_max = 2;
	exchange_medium_free(read_ok(image));
	limits.depth_max = 1;
	{
		struct exchange_medium *m;
		struct muster_err err = { 0 };
		static const char *const flat[] = { "info.xml" };

		ck_assert_int_eq(exchange_medium_read(&m, image, flat, 1, &limits, &clock_.clock, &err), MUSTER_E_LIMIT);
		ck_assert_ptr_nonnull(strstr(err.message, ": folders lie more than 1 deep in each other"));
	}
}
END_TEST

START_TEST(test_exchange_medium_read_max)
{
	limits.read_max = 1000;
	refused(image, MUSTER_E_LIMIT, ": more than 0 MiB of it would have to be read to find a few small files: no installation medium is built like that");
}
END_TEST

/* A clock that goes on with every look at it: what takes long is given up. */
static int64_t boot(const struct clock *c)
{
	clock_manual_advance((struct clock_manual *)(uintptr_t)c, 20000);
	return clock_.boot;
}

START_TEST(test_exchange_medium_time)
{
	clock_.clock.boot_ms = boot;
	limits.time_ms = 30000;
	refused(folder, MUSTER_E_LIMIT, ": reading took more than 30 s and was given up");
	refused(image, MUSTER_E_LIMIT, ": reading took more than 30 s and was given up");
}
END_TEST

START_TEST(test_exchange_medium_wanted)
{
	static const char *const bad[] = { "", "/x", "x/", "x//y", ".", "./x", "x/..", "../x", "x/../y", "x/.", "a/b/c/d/e" };
	char longest[300];
	struct exchange_medium *m;
	struct muster_err err;

	limits.depth_max = 4;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char sentence[64];

		(void)snprintf(sentence, sizeof sentence, "%s is no path inside a medium", bad[i]);
		ck_assert_int_eq(exchange_medium_read(&m, folder, &bad[i], 1, &limits, &clock_.clock, &err), MUSTER_E_INVALID);
		ck_assert_str_eq(err.message, sentence);
	}
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	ck_assert_int_eq(exchange_medium_read(&m, folder, (const char *const[]){ longest }, 1, &limits, &clock_.clock, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(exchange_medium_read(&m, folder, NULL, 0, &limits, &clock_.clock, &err), MUSTER_OK);
	ck_assert_uint_eq(m->file_count, 0);
	exchange_medium_free(m);
}
END_TEST

/* A file where a folder should be is no medium of that layout, and nothing to complain about. */
START_TEST(test_exchange_medium_not_there)
{
	static const char *const other[] = { "info.xml/setup.ini", "x64/x64/setup.ini", "x64/setup.in" };
	struct muster_err err = { 0 };
	struct exchange_medium *m;

	for (int i = 0; i < 2; i++) {
		ck_assert_msg(exchange_medium_read(&m, i == 0 ? folder : image, other, 3, &limits, &clock_.clock, &err) == MUSTER_OK, "%s", err.message);
		ck_assert_uint_eq(m->file_count, 0);
		exchange_medium_free(m);
	}
}
END_TEST

START_TEST(test_exchange_medium_memory)
{
	for (int i = 0; i < 2; i++)
		for (uint64_t n = 1; ; n++) {
			struct exchange_medium *m;
			struct muster_err err = { 0 };
			int r;

			mem_fail_at(n);
			r = exchange_medium_read(&m, i == 0 ? folder : image, wanted, 2, &limits, &clock_.clock, &err);
			if (mem_count() < n) {
				mem_fail_at(0);
				ck_assert_int_eq(r, MUSTER_OK);
				exchange_medium_free(m);
				ck_assert_uint_gt(n, 4);
				break;
			}
			ck_assert_int_eq(r, MUSTER_E_NOMEM);
			ck_assert_ptr_null(m);
		}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_exchange_medium_both_kinds, test_exchange_medium_sizes, test_exchange_medium_entries, test_exchange_medium_depth,
		test_exchange_medium_read_max, test_exchange_medium_time, test_exchange_medium_wanted, test_exchange_medium_not_there, test_exchange_medium_memory };

	return unit_run_with(suite_create("exchange_medium"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
