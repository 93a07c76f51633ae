#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"

static char folder[] = "/tmp/muster-file-XXXXXX";
static struct muster_err err;

static void setup(void)
{
	umask(022);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	ck_assert_int_eq(chdir(folder), 0);
}

static void teardown(void)
{
	char command[128];

	ck_assert_int_eq(chdir("/"), 0);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static const char *at(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, PATH_MAX, "%s/%s", folder, name);
	return p;
}

static void put(const char *name, mode_t mode)
{
	ck_assert_int_eq(file_write(at(name), span_str("x"), mode, &err), MUSTER_OK);
}

START_TEST(test_file_reads)
{
	struct buf b;

	buf_init(&b, 1000);
	ck_assert_int_eq(file_write(at("a"), span_str("hello"), 0644, &err), MUSTER_OK);
	ck_assert_int_eq(file_read(&b, at("a"), 5, &err), MUSTER_OK);
	ck_assert_str_eq(buf_str(&b), "hello");
	ck_assert_int_eq(file_read(&b, at("a"), 4, &err), MUSTER_E_LIMIT);
	ck_assert_ptr_nonnull(strstr(err.message, "a is larger than the 4 bytes allowed"));
	ck_assert_uint_eq(b.n, 0);
	ck_assert_int_eq(file_read(&b, at("none"), 5, &err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "/none: No such file or directory"));
	ck_assert_int_eq(file_read(&b, folder, 5, &err), MUSTER_E_IO);
	ck_assert_ptr_nonnull(strstr(err.message, "is not a regular file"));
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(file_read(&b, at("fifo"), 5, &err), MUSTER_E_IO);
	ck_assert_int_eq(file_read(&b, "/proc/self/status", 3, &err), MUSTER_E_LIMIT);  /* a file that says its size is 0 */
	buf_fini(&b);
	buf_init(&b, 3);
	ck_assert_int_eq(file_read(&b, at("a"), 100, &err), MUSTER_E_LIMIT);
	buf_fini(&b);
	buf_init(&b, 100);
	mem_fail_at(1);
	ck_assert_int_eq(file_read(&b, at("a"), 100, &err), MUSTER_E_NOMEM);
	mem_fail_at(0);
	buf_fini(&b);
}
END_TEST

START_TEST(test_file_write_replaces)
{
	struct stat st;
	struct buf b;
	uint8_t big[100000];

	buf_init(&b, 1 << 20);
	memset(big, 7, sizeof big);
	put("a", 0600);
	ck_assert_int_eq(stat("a", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	umask(077);
	ck_assert_int_eq(file_write(at("a"), span_of(big, sizeof big), 0644, &err), MUSTER_OK);
	ck_assert_int_eq(stat("a", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0644);  /* whatever the umask */
	ck_assert_int_eq(file_read(&b, at("a"), sizeof big, &err), MUSTER_OK);
	ck_assert_uint_eq(b.n, sizeof big);
	ck_assert_int_eq(memcmp(b.p, big, sizeof big), 0);
	ck_assert_int_eq(access("a.part", F_OK), -1);
	ck_assert_int_eq(file_write("relative", span_of(NULL, 0), 0600, &err), MUSTER_OK);
	ck_assert_int_eq(stat("relative", &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	buf_fini(&b);
}
END_TEST

/* What an interrupted run left, or somebody put there, does not decide where the bytes go or who may read them. */
START_TEST(test_file_write_ignores_old_part)
{
	struct stat st;

	put("other", 0600);
	ck_assert_int_eq(symlink("other", "a.part"), 0);
	ck_assert_int_eq(file_write(at("a"), span_str("secret"), 0600, &err), MUSTER_OK);
	ck_assert_int_eq(stat("other", &st), 0);
	ck_assert_int_eq(st.st_size, 1);
	ck_assert_int_eq(lstat("a", &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	ck_assert_int_eq(mkdir("b.part", 0700), 0);
	ck_assert_int_ne(file_write(at("b"), span_str("x"), 0600, &err), MUSTER_OK);
	ck_assert_ptr_nonnull(strstr(err.message, "b.part"));
}
END_TEST

START_TEST(test_file_write_failure_keeps_old)
{
	struct buf b;

	buf_init(&b, 100);
	put("a", 0600);
	ck_assert_int_eq(mkdir("d", 0700), 0);
	ck_assert_int_eq(mkdir("d/in", 0700), 0);
	ck_assert_int_eq(file_write(at("d"), span_str("y"), 0600, &err), MUSTER_E_IO);  /* a folder cannot be replaced */
	ck_assert_ptr_nonnull(strstr(err.message, "cannot rename"));
	ck_assert_int_eq(access("d.part", F_OK), -1);
	ck_assert_int_eq(file_write(at("none/a"), span_str("y"), 0600, &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_eq(file_write("/dev/full/x", span_str("y"), 0600, &err), MUSTER_E_IO);
	mem_fail_at(1);
	ck_assert_int_eq(file_write(at("a"), span_str("y"), 0600, &err), MUSTER_E_NOMEM);
	mem_fail_at(0);
	ck_assert_int_eq(file_read(&b, at("a"), 10, &err), MUSTER_OK);
	ck_assert_str_eq(buf_str(&b), "x");
	buf_fini(&b);
}
END_TEST

static void expect_denied(const char *path, enum file_trust trust, const char *text)
{
	ck_assert_msg(file_check_trust(path, trust, &err) == MUSTER_E_DENIED, "%s passed", path);
	ck_assert_msg(strstr(err.message, text) != NULL, "\"%s\" lacks \"%s\"", err.message, text);
}

START_TEST(test_file_trust_modes)
{
	put("code", 0755);
	put("secret", 0600);
	ck_assert_int_eq(file_check_trust(at("code"), FILE_TRUST_CODE, &err), MUSTER_OK);
	ck_assert_int_eq(file_check_trust(at("secret"), FILE_TRUST_SECRET, &err), MUSTER_OK);
	ck_assert_int_eq(file_check_trust(folder, FILE_TRUST_CODE, &err), MUSTER_OK);
	ck_assert_int_eq(chmod("code", 0775), 0);
	expect_denied(at("code"), FILE_TRUST_CODE, "can be written by its group: chmod g-w");
	ck_assert_int_eq(chmod("code", 0757), 0);
	expect_denied(at("code"), FILE_TRUST_CODE, "can be written by everybody: chmod go-w");
	ck_assert_int_eq(chmod("secret", 0640), 0);
	expect_denied(at("secret"), FILE_TRUST_SECRET, "(mode 0640): chmod 600");
	ck_assert_int_eq(chmod("secret", 0601), 0);
	expect_denied(at("secret"), FILE_TRUST_SECRET, "(mode 0601): chmod 600");
	expect_denied(folder, FILE_TRUST_SECRET, "must be a regular file");
	expect_denied("/", FILE_TRUST_SECRET, "must be a regular file");
	expect_denied("code", FILE_TRUST_CODE, "a path from the root is needed");
	expect_denied("", FILE_TRUST_CODE, "a path from the root is needed");
	ck_assert_int_eq(file_check_trust(at("none"), FILE_TRUST_CODE, &err), MUSTER_E_NOT_FOUND);
	expect_denied(at("code/below"), FILE_TRUST_CODE, "is not a folder");
}
END_TEST

START_TEST(test_file_trust_parents)
{
	ck_assert_int_eq(mkdir("d", 0755), 0);
	ck_assert_int_eq(mkdir("d/e", 0755), 0);
	put("d/e/f", 0600);
	ck_assert_int_eq(file_check_trust(at("d/e/f"), FILE_TRUST_SECRET, &err), MUSTER_OK);
	ck_assert_int_eq(chmod("d", 0777), 0);
	expect_denied(at("d/e/f"), FILE_TRUST_SECRET, "/d can be written by everybody: chmod go-w");
	ck_assert_int_eq(chmod("d", 0775), 0);
	expect_denied(at("d/e/f"), FILE_TRUST_CODE, "/d can be written by its group: chmod g-w");
	/* Sticky counts only for root's own folders: in those others cannot rename what is not theirs. */
	ck_assert_int_eq(chmod("d", 01777), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(file_check_trust(at("d/e/f"), FILE_TRUST_SECRET, &err), MUSTER_OK);
		ck_assert_int_eq(chown("d", 12345, 0), 0);
		expect_denied(at("d/e/f"), FILE_TRUST_SECRET, "/d belongs to user 12345");
		ck_assert_int_eq(chmod("d", 0755), 0);
		expect_denied(at("d/e/f"), FILE_TRUST_CODE, "chown 0 ");
		ck_assert_int_eq(chown("d", 0, 0), 0);
		ck_assert_int_eq(chown("d/e/f", 12345, 0), 0);
		expect_denied(at("d/e/f"), FILE_TRUST_CODE, "/d/e/f belongs to user 12345");
	} else {
		expect_denied(at("d/e/f"), FILE_TRUST_SECRET, "/d can be written by everybody");
	}
}
END_TEST

START_TEST(test_file_trust_links)
{
	ck_assert_int_eq(mkdir("good", 0755), 0);
	ck_assert_int_eq(mkdir("bad", 0777), 0);
	ck_assert_int_eq(chmod("bad", 0777), 0);
	put("good/f", 0600);
	ck_assert_int_eq(symlink("good/f", "to-file"), 0);
	ck_assert_int_eq(symlink(at("good"), "to-folder"), 0);
	ck_assert_int_eq(symlink("../good/f", "bad/hop"), 0);
	ck_assert_int_eq(symlink("bad/hop", "over-bad"), 0);
	ck_assert_int_eq(symlink("loop", "loop"), 0);
	ck_assert_int_eq(file_check_trust(at("to-file"), FILE_TRUST_CODE, &err), MUSTER_OK);
	ck_assert_int_eq(file_check_trust(at("to-folder/f"), FILE_TRUST_SECRET, &err), MUSTER_OK);
	expect_denied(at("to-file"), FILE_TRUST_SECRET, "is a symbolic link: put the file itself there");
	/* The file is fine and so is its folder; whoever can write to the folder of the link chooses another one, though. */
	expect_denied(at("over-bad"), FILE_TRUST_CODE, "/bad can be written by everybody");
	expect_denied(at("loop"), FILE_TRUST_CODE, "too many symbolic links");
	if (geteuid() == 0) {
		ck_assert_int_eq(lchown("to-folder", 12345, 0), 0);
		expect_denied(at("to-folder/f"), FILE_TRUST_CODE, "/to-folder belongs to user 12345");
	}
}
END_TEST

START_TEST(test_file_trust_dots)
{
	ck_assert_int_eq(mkdir("d", 0755), 0);
	put("f", 0600);
	ck_assert_int_eq(file_check_trust(at("d/../f"), FILE_TRUST_SECRET, &err), MUSTER_OK);
	ck_assert_int_eq(file_check_trust(at("./d/.././/f"), FILE_TRUST_SECRET, &err), MUSTER_OK);
	ck_assert_int_eq(file_check_trust("/", FILE_TRUST_CODE, &err), MUSTER_OK);
	ck_assert_int_eq(file_check_trust("/../..", FILE_TRUST_CODE, &err), MUSTER_OK);
	ck_assert_int_eq(file_check_trust(at("d/"), FILE_TRUST_CODE, &err), MUSTER_OK);
	ck_assert_int_eq(file_check_trust(at("d/."), FILE_TRUST_CODE, &err), MUSTER_OK);
	ck_assert_int_eq(chmod("d", 0777), 0);
	expect_denied(at("d/../f"), FILE_TRUST_SECRET, "/d can be written by everybody");
	expect_denied(at("d/"), FILE_TRUST_CODE, "/d can be written by everybody");
	expect_denied(at("d/."), FILE_TRUST_CODE, "/d can be written by everybody");
	expect_denied(at("d/./"), FILE_TRUST_SECRET, "/d");
}
END_TEST

START_TEST(test_file_make_dir)
{
	struct stat st;

	ck_assert_int_eq(file_make_dir(at("a/b//c"), 0750, &err), MUSTER_OK);
	ck_assert_int_eq(stat("a/b/c", &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0750);
	ck_assert_int_eq(file_make_dir(at("a/b/c/"), 0700, &err), MUSTER_OK);
	ck_assert_int_eq(stat("a/b/c", &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0750);  /* what was there keeps its mode */
	ck_assert_int_eq(file_make_dir("r/s", 0700, &err), MUSTER_OK);
	put("file", 0600);
	ck_assert_int_eq(file_make_dir(at("file"), 0700, &err), MUSTER_E_EXISTS);
	ck_assert_ptr_nonnull(strstr(err.message, "is there already and is not a folder"));
	ck_assert_int_lt(file_make_dir(at("file/x"), 0700, &err), 0);
}
END_TEST

START_TEST(test_file_lock_names_holder)
{
	int ready[2], fd, status, again;
	char byte, want[64];
	pid_t child;

	ck_assert_int_eq(pipe(ready), 0);
	if ((child = fork()) == 0) {
		int mine;

		(void)!write(ready[1], file_lock(&mine, at("lock"), NULL) == MUSTER_OK ? "1" : "0", 1);
		pause();
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(byte, '1');
	ck_assert_int_eq(file_lock(&fd, at("lock"), &err), MUSTER_E_BUSY);
	ck_assert_int_eq(fd, -1);
	snprintf(want, sizeof want, "lock is locked by process %ld (", (long)child);
	ck_assert_msg(strstr(err.message, want) != NULL, "%s", err.message);
	/* A killed holder does not leave the lock behind. */
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(file_lock(&fd, at("lock"), &err), MUSTER_OK);
	ck_assert_int_eq(file_lock(&again, at("lock"), &err), MUSTER_E_BUSY);
	snprintf(want, sizeof want, "process %ld (", (long)getpid());
	ck_assert_msg(strstr(err.message, want) != NULL, "%s", err.message);
	close(fd);
	ck_assert_int_eq(symlink("elsewhere", "link"), 0);
	ck_assert_int_lt(file_lock(&fd, at("link"), &err), 0);
	ck_assert_int_eq(access("elsewhere", F_OK), -1);
}
END_TEST

START_TEST(test_file_small_helpers)
{
	static const struct { const char *a, *b, *want; } rows[] = {
		{ "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "a", "/b", "/b" }, { "", "b", "b" }, { "/", "b", "/b" },
	};
	uint64_t avail, total;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *got = file_join(rows[i].a, rows[i].b);

		ck_assert_str_eq(got, rows[i].want);
		mem_free(got);
	}
	mem_fail_at(1);
	ck_assert_ptr_null(file_join("a", "b"));
	mem_fail_at(0);
	ck_assert_int_eq(file_space(folder, &avail, &total, &err), MUSTER_OK);
	ck_assert(total > 0 && avail <= total);
	ck_assert_int_eq(file_space(at("none"), &avail, &total, &err), MUSTER_E_NOT_FOUND);
	ck_assert(total == 0 && avail == 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_file_reads, test_file_write_replaces, test_file_write_ignores_old_part,
		test_file_write_failure_keeps_old, test_file_trust_modes, test_file_trust_parents, test_file_trust_links,
		test_file_trust_dots, test_file_make_dir, test_file_lock_names_holder, test_file_small_helpers };

	return unit_run_with(suite_create("file"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
