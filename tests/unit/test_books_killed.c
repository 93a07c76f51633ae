/*
 * kill -9 at every point of confirming: before, amid and after every write, sync and truncation of books and log. Asked again the answer is the same one
 * that was or would have been given: no slot twice, nothing counted twice, and what is given next is another slot. At the end the books of the beginning
 * and the log that grew through all of it give every answer once more.
 *
 * The calls of SQLite and of the log go through the functions below, which the child lets end it at the Nth point.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/books_confirm.h"

static volatile unsigned points_left;   /* 0: not armed */

static void point(void)
{
	if (points_left > 0 && --points_left == 0)
		(void)raise(SIGKILL);
}

static bool armed(void)
{
	return points_left > 0;
}

/* glibc's own names, with which libsqlite3 and we are linked. */
ssize_t write(int fd, const void *p, size_t n);
ssize_t write(int fd, const void *p, size_t n)
{
	ssize_t half = 0, r;

	point();
	if (armed() && n > 1) {
		half = syscall(SYS_write, fd, p, n / 2);
		point();
	}
	if (half < 0)
		return half;
	r = syscall(SYS_write, fd, (const char *)p + half, n - (size_t)half);
	point();
	return r < 0 ? r : r + half;
}

static ssize_t write_at(int fd, const void *p, size_t n, off_t at)
{
	ssize_t half = 0, r;

	point();
	if (armed() && n > 1) {
		half = syscall(SYS_pwrite64, fd, p, n / 2, at);
		point();
	}
	if (half < 0)
		return half;
	r = syscall(SYS_pwrite64, fd, (const char *)p + half, n - (size_t)half, at + half);
	point();
	return r < 0 ? r : r + half;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at) { return write_at(fd, p, n, at); }
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at) { return write_at(fd, p, n, at); }

/* What a killed process leaves does not depend on syncs, but the points around them are points. */
int fdatasync(int fd)
{
	(void)fd;
	point();
	return 0;
}

int fsync(int fd) { return fdatasync(fd); }

int ftruncate(int fd, off_t n)
{
	long r;

	point();
	r = syscall(SYS_ftruncate, fd, n);
	point();
	return (int)r;
}

int ftruncate64(int fd, off64_t n) { return ftruncate(fd, n); }

static char folder[64];

/* One process that asks for @p o and dies at point @p n. @return it lived to the end; then *c is what it would have shown. */
static bool ask(const struct books_order *orders, size_t count, unsigned n)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		static struct books_confirmation out[8];
		struct books *b;

		if (books_open(&b, folder, issuer, false, NULL) != MUSTER_OK)
			_exit(2);
		points_left = n;
		if (books_confirm(b, orders, count, out, &act, NULL) != MUSTER_OK)
			_exit(3);
		point();   /* committed, not shown */
		points_left = 0;
		_exit(out[0].result == MUSTER_OK ? 0 : 4);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		ck_assert_int_eq(WTERMSIG(status), SIGKILL);
		return false;
	}
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	return true;
}

static struct books *open_books(void)
{
	struct books *b;

	EXPECT(MUSTER_OK, books_open(&b, folder, issuer, false, &err));
	return b;
}

/* Everything that was shown. */
static struct { struct books_order o; uint16_t slot; uint8_t statement_id[16]; } shown[1000];
static size_t shown_count;

static struct books_confirmation show(struct books *b, const struct books_order *o)
{
	struct books_confirmation c = given(b, o);

	ck_assert_uint_lt(shown_count, sizeof shown / sizeof shown[0]);
	shown[shown_count].o = *o;
	shown[shown_count].slot = c.slot;
	memcpy(shown[shown_count++].statement_id, c.statement_id, sizeof c.statement_id);
	return c;
}

static void check_restored(void)
{
	struct books_restored done;
	struct books_confirmation c;
	char path[100], backup[100];
	struct books *b;

	(void)snprintf(path, sizeof path, "%s/books.db", folder);
	(void)snprintf(backup, sizeof backup, "%s/backup", folder);
	ck_assert_int_eq(rename(backup, path), 0);
	b = open_books();
	EXPECT(MUSTER_OK, books_restore(b, &done, &act, &err));
	ck_assert_uint_ge(done.lines, shown_count / 2);
	for (size_t i = 0; i < shown_count; i++) {
		shown[i].o.certificate = NULL;
		c = given(b, &shown[i].o);
		ck_assert_msg(c.again && c.slot == shown[i].slot && memcmp(c.statement_id, shown[i].statement_id, 16) == 0, "what was shown at point %zu is another after the restore", i);
	}
	books_close(b);
}

static void begin(void)
{
	struct books *b;
	char backup[100];

	(void)help_folder(folder);
	EXPECT(MUSTER_OK, books_open(&b, folder, issuer, true, &err));
	fill(b);
	EXPECT(MUSTER_OK, books_key_allow(b, HOST_KEY, 1000, 0, &later, &err));
	EXPECT(MUSTER_OK, books_key_allow(b, MAK, 0, 1000, &later, &err));
	(void)snprintf(backup, sizeof backup, "%s/backup", folder);
	EXPECT(MUSTER_OK, books_backup(b, backup, &err));
	books_close(b);
}

static void end(void)
{
	help_remove(folder);
}

/* By telephone. Two slots go with each round, so the MAK's finders are used, which are many. */
START_TEST(test_killed_telephone)
{
	unsigned n = 0;
	bool lived = false;

	while (!lived) {
		struct books_order o = order(MAK, 1 + 2 * n, 0), next = order(MAK, 2 + 2 * n, 0);
		struct books_confirmation c;
		struct books *b;

		lived = ask(&o, 1, ++n);
		b = open_books();
		c = show(b, &o);
		ck_assert_msg(c.slot == 2 * (n - 1) && c.activations_used == 2 * n - 1, "point %u: slot %u, %u used", n, c.slot, c.activations_used);
		ck_assert(!lived || c.again);
		c = given(b, &o);
		ck_assert(c.again && c.slot == 2 * (n - 1) && c.activations_used == 2 * n - 1);
		c = show(b, &next);
		ck_assert(!c.again && c.slot == 2 * n - 1 && c.activations_used == 2 * n);
		books_close(b);
	}
	ck_assert_uint_gt(n, 10);
	check_restored();
}
END_TEST

/* Online: the certificate given again is the one that is in the books. */
START_TEST(test_killed_online)
{
	static char chain[] = "chain";
	unsigned n = 0;
	bool lived = false;

	while (!lived) {
		struct books_certificate made = { .at = NOW, .begin = NOW, .end = NOW + 1000, .intermediate = 1, .product_count = 1, .chain = chain, .subject = "host" }, other;
		struct books_order o = order(HOST_KEY, 1 + n, 0);
		struct books_confirmation c, again;
		struct books *b;

		memcpy(made.products[0], "office-office-of", 16);
		o.method = BOOKS_ONLINE;
		o.reveal = false;
		o.has_request = true;
		be32_put(o.request, n);
		hex_encode(made.request, o.request, sizeof o.request);
		other = made;
		(void)snprintf(made.serial, sizeof made.serial, "a%07x", n);
		(void)snprintf(made.kid, sizeof made.kid, "ka%u", n);
		(void)snprintf(other.serial, sizeof other.serial, "b%07x", n);
		(void)snprintf(other.kid, sizeof other.kid, "kb%u", n);
		(void)snprintf(made.spki, sizeof made.spki, "%s", made.request);
		o.certificate = &made;
		lived = ask(&o, 1, ++n);
		b = open_books();
		o.certificate = &other;
		c = show(b, &o);
		ck_assert_str_eq(c.certificate, c.again ? made.serial : other.serial);
		ck_assert(!lived || c.again);
		ck_assert(c.hosts_used == n && c.activations_used == 1);
		again = given(b, &o);
		ck_assert(again.again);
		ck_assert_str_eq(again.certificate, c.certificate);
		books_close(b);
	}
	ck_assert_uint_gt(n, 10);
	check_restored();
}
END_TEST

/* Several machines at once: all of them or none, and each once. */
START_TEST(test_killed_counted)
{
	unsigned n = 0;
	bool lived = false;

	while (!lived) {
		struct books_order orders[4];
		struct books_confirmation out[4], again[4];
		struct books *b;

		for (uint32_t i = 0; i < 4; i++) {
			orders[i] = order(MAK, 10000 + 4 * n + i, 0);
			orders[i].method = BOOKS_ONLINE;
			orders[i].reveal = false;
		}
		lived = ask(orders, 4, ++n);
		b = open_books();
		EXPECT(MUSTER_OK, books_confirm(b, orders, 4, out, &act, &err));
		EXPECT(MUSTER_OK, books_confirm(b, orders, 4, again, &act, &err));
		(void)show(b, &orders[2]);
		for (unsigned i = 0; i < 4; i++) {
			ck_assert(out[i].result == MUSTER_OK && out[i].again == out[0].again && again[i].again);
			ck_assert_mem_eq(out[i].statement_id, again[i].statement_id, 16);
		}
		ck_assert_uint_eq(again[3].activations_used, 4 * n);
		books_close(b);
	}
	ck_assert_uint_gt(n, 10);
	check_restored();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_killed_telephone, test_killed_online, test_killed_counted };

	return unit_run_with(suite_create("books_killed"), tests, sizeof tests / sizeof tests[0], begin, end);
}
