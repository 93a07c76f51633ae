/* What only files can do: be damaged, foreign, old, new, open to others, killed, copied while in use. */
#include "tests/unit/store_help.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/log.h"
#include "tests/unit/store_schema_1.h"
#include "tests/unit/unit.h"

static char folder[64], log_path[80], state_path[80];
static struct store *store;
static struct store_log *lg;
static struct store_state *st;

static void paths(void)
{
	(void)help_folder(folder);
	(void)snprintf(log_path, sizeof log_path, "%.60s/log.db", folder);
	(void)snprintf(state_path, sizeof state_path, "%.60s/state.db", folder);
	EXPECT(MUSTER_OK, store_sqlite_new(&store, folder, &err));
}

static void open_both(void)
{
	struct store_log_info li;
	struct store_state_info si;

	EXPECT(MUSTER_OK, store->open_state(store, true, &st, &err));
	EXPECT(MUSTER_OK, st->ops->claim(st, &si, &err));
	EXPECT(MUSTER_OK, store->open_log(store, true, &lg, &err));
	EXPECT(MUSTER_OK, lg->ops->claim(lg, si.ledger_id, &li, &err));
}

static void close_both(void)
{
	lg->ops->close(lg);
	st->ops->close(st);
}

static void finish(void)
{
	store->free(store);
	help_remove(folder);
}

/* A ledger with a few rows, closed again. */
static void make_ledger(void)
{
	struct store_event e = help_event(1, 1, 1);

	paths();
	open_both();
	EXPECT(MUSTER_OK, help_append(lg, 1, 500, &err));
	EXPECT(MUSTER_OK, help_fold(st, &e, 1, NULL, &err));
	close_both();
}

/* The bytes as they are, without SQLite's help. */
static void write_at(const char *path, off_t at, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, p, n, at), (ssize_t)n);
	(void)close(fd);
}

static void sql(const char *path, const char *text)
{
	sqlite3 *h;
	char *message = NULL;

	ck_assert_int_eq(sqlite3_open(path, &h), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(h, text, NULL, NULL, &message) == SQLITE_OK, "%s", message);
	(void)sqlite3_close(h);
	ck_assert_int_eq(chmod(path, 0600), 0);
}

/* Refused alike for a reader and a writer, and the file is not touched. */
static void refused(bool state, int want, const char *part)
{
	for (int write = 0; write < 2; write++) {
		if (state)
			EXPECT_SAYS(want, part, store->open_state(store, write != 0, &st, &err));
		else
			EXPECT_SAYS(want, part, store->open_log(store, write != 0, &lg, &err));
	}
}

START_TEST(test_sqlite_modes)
{
	char deep[80], wal[120];
	struct store *inner;
	struct stat s;

	paths();
	(void)umask(0);
	(void)snprintf(deep, sizeof deep, "%s/a/b", folder);
	EXPECT(MUSTER_OK, store_sqlite_new(&inner, deep, &err));
	EXPECT(MUSTER_OK, inner->open_log(inner, true, &lg, &err));
	ck_assert_int_eq(stat(deep, &s), 0);
	ck_assert_uint_eq(s.st_mode & 07777, 0700);
	(void)snprintf(wal, sizeof wal, "%s/log.db-wal", deep);
	ck_assert_int_eq(stat(wal, &s), 0);
	ck_assert_uint_eq(s.st_mode & 07777, 0600);
	(void)snprintf(wal, sizeof wal, "%s/log.db", deep);
	ck_assert_int_eq(stat(wal, &s), 0);
	ck_assert_uint_eq(s.st_mode & 07777, 0600);
	lg->ops->close(lg);
	inner->free(inner);
	help_remove(deep);
	finish();
}
END_TEST

START_TEST(test_sqlite_unsafe)
{
	char elsewhere[100];

	make_ledger();
	ck_assert_int_eq(chmod(log_path, 0640), 0);
	refused(false, MUSTER_E_DENIED, "chmod 600 ");
	ck_assert_int_eq(chmod(log_path, 0600), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(log_path, 12345, 0), 0);
		refused(false, MUSTER_E_DENIED, "belongs to user 12345");
		ck_assert_int_eq(chown(log_path, 0, 0), 0);
	}
	ck_assert_int_eq(chmod(folder, 0770), 0);
	refused(true, MUSTER_E_DENIED, "chmod go-w ");
	ck_assert_int_eq(chmod(folder, 0700), 0);
	(void)snprintf(elsewhere, sizeof elsewhere, "%s/real", folder);
	ck_assert_int_eq(rename(log_path, elsewhere), 0);
	ck_assert_int_eq(symlink(elsewhere, log_path), 0);
	refused(false, MUSTER_E_DENIED, "must be a regular file");
	ck_assert_int_eq(unlink(log_path), 0);
	ck_assert_int_eq(mkdir(log_path, 0700), 0);
	refused(false, MUSTER_E_DENIED, "must be a regular file");
	finish();
	EXPECT(MUSTER_OK, store_sqlite_new(&store, "/dev/null/x", &err));
	EXPECT_SAYS(MUSTER_E_IO, "/dev/null/x", store->open_log(store, true, &lg, &err));
	store->free(store);
	EXPECT(MUSTER_OK, store_sqlite_new(&store, "/dev/null", &err));
	EXPECT_SAYS(MUSTER_E_INVALID, "is not a folder", store->open_log(store, true, &lg, &err));
	store->free(store);
}
END_TEST

START_TEST(test_sqlite_foreign)
{
	char swap_path[100];

	paths();
	write_at(log_path, 0, "ten bytes\n", 10);
	refused(false, MUSTER_E_INVALID, "it is no SQLite database");
	sql(state_path, "CREATE TABLE something(x); INSERT INTO something VALUES(1);");
	refused(true, MUSTER_E_INVALID, "database of another program");
	finish();

	/* An empty file is what a run leaves that ends before its first transaction: a writer fills it. */
	paths();
	write_at(log_path, 0, "", 0);
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "is empty", store->open_log(store, false, &lg, &err));
	EXPECT(MUSTER_OK, store->open_log(store, true, &lg, &err));
	lg->ops->close(lg);
	finish();

	make_ledger();
	(void)snprintf(swap_path, sizeof swap_path, "%s/swap", folder);
	ck_assert_int_eq(rename(log_path, swap_path), 0);
	ck_assert_int_eq(rename(state_path, log_path), 0);
	ck_assert_int_eq(rename(swap_path, state_path), 0);
	refused(false, MUSTER_E_INVALID, "holds the state, not the log");
	refused(true, MUSTER_E_INVALID, "holds the log, not the state");
	finish();
}
END_TEST

START_TEST(test_sqlite_other_ledger)
{
	struct store_log_info li;
	struct store_state_info si;

	make_ledger();
	ck_assert_int_eq(unlink(state_path), 0);
	EXPECT(MUSTER_OK, store->open_state(store, true, &st, &err));
	EXPECT(MUSTER_OK, st->ops->claim(st, &si, &err));
	EXPECT(MUSTER_OK, store->open_log(store, true, &lg, &err));
	EXPECT_SAYS(MUSTER_E_MISMATCH, "belongs to another ledger than the state.db beside it", lg->ops->claim(lg, si.ledger_id, &li, &err));
	close_both();
	finish();
}
END_TEST

START_TEST(test_sqlite_newer)
{
	make_ledger();
	sql(log_path, "UPDATE log SET schema=99");
	sql(state_path, "UPDATE ledger SET schema=6");
	refused(false, MUSTER_E_UNSUPPORTED, "newer Muster (schema 99, this one knows up to 5)");
	refused(true, MUSTER_E_UNSUPPORTED, "newer Muster (schema 6, ");
	sql(log_path, "UPDATE log SET schema=-1");
	refused(false, MUSTER_E_IO, "claims schema -1");
	finish();
}
END_TEST

START_TEST(test_sqlite_damaged)
{
	char junk[4096];
	struct store_event got[1];
	struct help_list l = LIST_OF(got);
	struct store_log_info li;

	make_ledger();
	sql(log_path, "DELETE FROM log");
	refused(false, MUSTER_E_IO, "its head row is gone");
	sql(log_path, "INSERT INTO log(epoch, schema) VALUES(0, 5); ALTER TABLE event RENAME COLUMN digest TO other");
	refused(false, MUSTER_E_IO, "is damaged (table event has no column named digest)");
	sql(state_path, "DROP TABLE counter");
	refused(true, MUSTER_E_IO, "is damaged (no such table: counter)");
	finish();

	/* Garbage in the rows: found when it is read; then the handle is good for nothing but closing. */
	make_ledger();
	memset(junk, 0xa5, sizeof junk);
	for (off_t page = 3; page < 10; page++)
		write_at(log_path, page * 4096, junk, sizeof junk);
	EXPECT(MUSTER_OK, store->open_log(store, false, &lg, &err));
	EXPECT_SAYS(MUSTER_E_IO, "is damaged", lg->ops->read(lg, 0, 1000, help_events, &l, &err));
	EXPECT_SAYS(MUSTER_E_IO, "open it again", lg->ops->info(lg, &li, &err));
	lg->ops->close(lg);
	finish();
}
END_TEST

static int migrations;
static void count_migrations(void *ctx, int level, const char *line)
{
	(void)ctx;
	(void)level;
	migrations += strstr(line, "store.migrate") != NULL && strstr(line, "about_seconds=") != NULL;
}

START_TEST(test_sqlite_migrates)
{
	struct store_log_info li;
	struct store_state_info si;
	struct store_event got[4];
	struct store_use uses[4];
	struct store_setting settings[2];
	struct store_pool pool = { .name = "office2013", .window_s = 2592000 };
	struct store_member members[2];
	struct help_list l = LIST_OF(got), lu = LIST_OF(uses), ls = LIST_OF(settings), lm = LIST_OF(members);

	paths();
	sql(log_path, log_of_schema_1);
	sql(state_path, state_of_schema_1);
	/* A reader does not change the file. */
	EXPECT_SAYS(MUSTER_E_UNSUPPORTED, "older Muster (schema 1)", store->open_log(store, false, &lg, &err));
	EXPECT_SAYS(MUSTER_E_UNSUPPORTED, "older Muster (schema 1)", store->open_state(store, false, &st, &err));
	log_capture(count_migrations, NULL);
	open_both();
	log_capture(NULL, NULL);
	ck_assert_int_eq(migrations, 1);  /* the state's reads every client, and says so beforehand */
	EXPECT(MUSTER_OK, lg->ops->info(lg, &li, &err));
	EXPECT(MUSTER_OK, st->ops->info(st, &si, &err));
	ck_assert_uint_eq(si.schema, 5);
	ck_assert_uint_eq(li.epoch, 8);
	ck_assert_uint_eq(si.epoch, 4);
	ck_assert_int_eq(si.fold_seq, 41);
	ck_assert_uint_eq(li.digest_key[15], 15);
	EXPECT(MUSTER_OK, lg->ops->read(lg, 0, 10, help_events, &l, &err));
	ck_assert_uint_eq(l.n, 2);
	ck_assert_str_eq(got[0].name, "pc-1");
	ck_assert_uint_eq(got[0].digest, (uint64_t)-5);
	EXPECT(MUSTER_OK, lg->ops->probe(lg, &err));
	EXPECT(MUSTER_OK, help_append(lg, 43, 2, &err));
	EXPECT(MUSTER_OK, st->ops->recent(st, 4, 0, 4, help_uses, &lu, &err));
	ck_assert_uint_eq(lu.n, 2);
	lu.n = 0;
	EXPECT(MUSTER_OK, st->ops->clones(st, 0, help_uses, &lu, &err));
	ck_assert_uint_eq(lu.n, 1);
	ck_assert_str_eq(uses[0].name, "pc-3");
	EXPECT(MUSTER_OK, st->ops->settings(st, help_settings, &ls, &err));
	ck_assert_str_eq(settings[0].value, "1700");
	EXPECT(MUSTER_OK, st->ops->members(st, 4, help_members, &lm, &err));
	ck_assert_uint_eq(lm.n, 1);
	ck_assert(!members[0].is_virtual);
	EXPECT(MUSTER_OK, st->ops->names(st, &pool, 1, NULL, 0, NULL, 0, &err));
	ck_assert_uint_eq(pool.pool, 4);
	ck_assert_uint_eq(pool.largest_minimum, 5);
	close_both();
	finish();
}
END_TEST

/* Rows written when the index held days instead of hours: found in their order behind the newer ones, and cut off by time alike. */
START_TEST(test_sqlite_recent_days)
{
	struct store_pool pool = { .name = "a", .window_s = 2592000 };
	struct store_product product = { .pool = 1, .name = "p" };
	struct store_event e[4];
	struct store_use rows[4];
	struct help_list l = LIST_OF(rows);

	paths();
	open_both();
	EXPECT(MUSTER_OK, st->ops->names(st, &pool, 1, &product, 1, NULL, 0, &err));
	for (size_t i = 0; i < 4; i++) {
		e[i] = help_event((int64_t)i + 1001, i + 100, product.product);
		e[i].at = T0 + (int64_t)i * STORE_DAY_MS / 3;
	}
	EXPECT(MUSTER_OK, help_fold(st, e, 4, NULL, &err));
	close_both();
	sql(state_path, "UPDATE uses SET last_hour=last/86400000 WHERE last_seq IN (1001, 1002)");
	open_both();
	EXPECT(MUSTER_OK, st->ops->recent(st, pool.pool, 0, 4, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(rows[i].last_seq, 1004 - (int64_t)i);
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->recent(st, pool.pool, T0 + 1, 4, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 3);
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->recent(st, pool.pool, 0, 3, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 3);
	ck_assert_int_eq(rows[2].last_seq, 1002);
	/* one that reports in again moves to the hours */
	e[0].seq = 1005;
	e[0].at = T0 + 2 * (int64_t)STORE_DAY_MS;
	EXPECT(MUSTER_OK, help_fold(st, e, 1, NULL, &err));
	l.n = 0;
	EXPECT(MUSTER_OK, st->ops->recent(st, pool.pool, 0, 1, help_uses, &l, &err));
	ck_assert_int_eq(rows[0].last_seq, 1005);
	close_both();
	finish();
}
END_TEST

/* An update that changes nothing is not written by SQLite: the probe must. */
START_TEST(test_sqlite_probe_writes)
{
	struct store_log_info before, after;

	make_ledger();
	open_both();
	EXPECT(MUSTER_OK, lg->ops->info(lg, &before, &err));
	for (int i = 0; i < 4; i++) {
		EXPECT(MUSTER_OK, lg->ops->probe(lg, &err));
		EXPECT(MUSTER_OK, lg->ops->info(lg, &after, &err));
		ck_assert_uint_gt(after.wal_bytes, before.wal_bytes);
		before = after;
	}
	close_both();
	finish();
}
END_TEST

/* names() when all is known takes no write. */
START_TEST(test_sqlite_names_quiet)
{
	struct store_pool pool = { .name = "a", .window_s = 5 };
	struct store_product product = { .pool = 1, .name = "p" };
	char wal[100];
	struct stat a, b;

	make_ledger();
	open_both();
	(void)snprintf(wal, sizeof wal, "%s-wal", state_path);
	EXPECT(MUSTER_OK, st->ops->names(st, &pool, 1, &product, 1, NULL, 0, &err));
	ck_assert_int_eq(stat(wal, &a), 0);
	product.pool = 1;
	EXPECT(MUSTER_OK, st->ops->names(st, &pool, 1, &product, 1, NULL, 0, &err));
	ck_assert_int_eq(stat(wal, &b), 0);
	ck_assert_int_eq(a.st_size, b.st_size);
	close_both();
	finish();
}
END_TEST

#define GROUP 7

/* Append groups and fold them, for ever; what was acknowledged goes to fd. Runs in a process that is killed. */
static void work_until_killed(int fd)
{
	struct store_log_info li;
	struct store_state_info si;
	struct muster_err err;
	int64_t seq;

	if (store->open_state(store, true, &st, &err) != 0 || st->ops->claim(st, &si, &err) != 0 || store->open_log(store, true, &lg, &err) != 0
	    || lg->ops->claim(lg, si.ledger_id, &li, &err) != 0)
		_exit(9);
	for (seq = li.last_seq + 1;; seq += GROUP) {
		struct store_event e[GROUP];
		struct store_counter c = { 1, 1, 2, GROUP };
		struct store_fold_end fin = { .fold_seq = seq + GROUP - 1, .counters = &c, .counter_count = 1 };

		if (help_append(lg, seq, GROUP, &err) != 0 || write(fd, &seq, sizeof seq) != sizeof seq)
			_exit(9);
		for (int i = 0; i < GROUP; i++)
			e[i] = help_event(seq + i, (uint64_t)(seq + i) % 50, 1);
		/* Only when the run before was folded to its end does this one's position follow on. */
		if (si.fold_seq == seq - 1) {
			if (help_fold(st, e, 3, NULL, &err) != 0 || help_fold(st, e + 3, GROUP - 3, &fin, &err) != 0)
				_exit(9);
			si.fold_seq = fin.fold_seq;
		}
	}
}

/* Fold what is left, as a start does; then every event must have been counted exactly once. */
static void check_after_kill(int64_t acknowledged)
{
	struct store_event *rows = calloc(200000, sizeof *rows);
	struct help_list l = { rows, sizeof *rows, 0, 200000 };
	struct store_counter c = { 1, 1, 2, 0 }, got[2];
	struct help_list lc = LIST_OF(got);
	struct store_fold_end fin = { .counters = &c, .counter_count = 1 };
	struct store_state_info si;
	struct store_use *uses = calloc(60, sizeof *uses);
	struct help_list lu = { uses, sizeof *uses, 0, 60 };
	uint8_t zero[16] = { 0 };
	uint64_t total = 0;

	open_both();
	EXPECT(MUSTER_OK, lg->ops->read(lg, 0, SIZE_MAX, help_events, &l, &err));
	ck_assert_uint_eq(l.n % GROUP, 0);
	ck_assert_int_ge((int64_t)l.n, acknowledged);
	for (size_t i = 0; i < l.n; i++)
		ck_assert_int_eq(rows[i].seq, (int64_t)i + 1);
	EXPECT(MUSTER_OK, st->ops->info(st, &si, &err));
	ck_assert_int_le(si.fold_seq, (int64_t)l.n);
	for (size_t i = 0; i < l.n; i++)
		rows[i] = help_event((int64_t)i + 1, (i + 1) % 50, 1);
	c.n = l.n - (uint64_t)si.fold_seq;
	fin.fold_seq = (int64_t)l.n;
	if (c.n > 0)
		EXPECT(MUSTER_OK, help_fold(st, rows + si.fold_seq, l.n - (size_t)si.fold_seq, &fin, &err));
	EXPECT(MUSTER_OK, st->ops->page(st, 0, zero, 0, 60, help_uses, &lu, &err));
	for (size_t i = 0; i < lu.n; i++)
		total += uses[i].requests;
	ck_assert_uint_eq(total, l.n);
	EXPECT(MUSTER_OK, st->ops->counters(st, help_counters, &lc, &err));
	ck_assert_uint_eq(lc.n > 0 ? got[0].n : 0, l.n);
	close_both();
	free(rows);
	free(uses);
}

START_TEST(test_sqlite_killed)
{
	int64_t acknowledged = 0;

	paths();
	for (int round = 0; round < 40; round++) {
		int fd[2], status;
		int64_t seq;
		pid_t child;
		struct timespec wait = { 0, (rand() % 25) * 1000000L };  /* the kill's moment, not a wait for something to be done */

		ck_assert_int_eq(pipe(fd), 0);
		if ((child = fork()) == 0) {
			(void)close(fd[0]);
			work_until_killed(fd[1]);
		}
		(void)close(fd[1]);
		/* every other one dies only after an answer, however slowly the machine starts it */
		if (round % 2 != 0) {
			ck_assert_int_eq(read(fd[0], &seq, sizeof seq), (ssize_t)sizeof seq);
			acknowledged = seq + GROUP - 1;
		}
		(void)nanosleep(&wait, NULL);
		ck_assert_int_eq(kill(child, SIGKILL), 0);
		while (read(fd[0], &seq, sizeof seq) == sizeof seq)
			acknowledged = seq + GROUP - 1;
		(void)close(fd[0]);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert(WIFSIGNALED(status));
		check_after_kill(acknowledged);
	}
	ck_assert_int_gt(acknowledged, 0);
	finish();
}
END_TEST

static atomic_bool stop;
static atomic_int trimmed;
static void *write_on(void *arg)
{
	int64_t *seq = arg;
	struct muster_err err;

	while (!atomic_load(&stop)) {
		struct store_event e[50];
		struct store_fold_end fin = { .fold_seq = *seq + 49 };
		size_t deleted;

		if (help_append(lg, *seq, 50, &err) != 0)
			return NULL;
		for (int i = 0; i < 50; i++)
			e[i] = help_event(*seq + i, (uint64_t)(*seq + i), 1);
		if (help_fold(st, e, 50, &fin, &err) != 0 || lg->ops->trim(lg, fin.fold_seq, INT64_MAX, UINT64_MAX, 1000000, &deleted, &err) != 0)
			return NULL;
		atomic_fetch_add(&trimmed, (int)deleted);
		*seq += 50;
	}
	return seq;
}

START_TEST(test_sqlite_backup)
{
	struct store_event *e = calloc(5000, sizeof *e);
	char target[100], target2[100], part[130];
	struct store *copy;
	struct store_log *log_copy;
	struct store_state *state_copy;
	struct store_log_info li;
	struct store_state_info si;
	struct stat s;
	int64_t seq = 1;
	pthread_t writer;
	void *result;

	paths();
	open_both();
	/* So many clients that copying the state takes long enough for the writer to get ahead of it. */
	for (; seq < 60001; seq += 5000) {
		struct store_fold_end fin = { .fold_seq = seq + 4999 };

		for (int i = 0; i < 5000; i++)
			e[i] = help_event(seq + i, (uint64_t)(seq + i), 1);
		EXPECT(MUSTER_OK, help_append(lg, seq, 5000, &err));
		EXPECT(MUSTER_OK, help_fold(st, e, 5000, &fin, &err));
	}
	free(e);
	ck_assert_int_eq(pthread_create(&writer, NULL, write_on, &seq), 0);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(target, sizeof target, "%s/backup-%d", folder, i);
		EXPECT(MUSTER_OK, store->backup(store, target, UINT64_MAX, &err));
	}
	/* What an earlier one left does not hinder; what exists does; a foreign file in the way is not removed. */
	EXPECT_SAYS(MUSTER_E_EXISTS, "is there already", store->backup(store, target, UINT64_MAX, &err));
	(void)snprintf(target2, sizeof target2, "%s/again", folder);
	(void)snprintf(part, sizeof part, "%s.part", target2);
	ck_assert_int_eq(mkdir(part, 0700), 0);
	(void)snprintf(part, sizeof part, "%s.part/state.db", target2);
	write_at(part, 0, "half", 4);
	EXPECT(MUSTER_OK, store->backup(store, target2, UINT64_MAX, &err));
	(void)snprintf(target2, sizeof target2, "%s/third", folder);
	(void)snprintf(part, sizeof part, "%s.part", target2);
	ck_assert_int_eq(mkdir(part, 0700), 0);
	(void)snprintf(part, sizeof part, "%s.part/precious", target2);
	write_at(part, 0, "mine", 4);
	EXPECT_SAYS(MUSTER_E_IO, "remove it by hand", store->backup(store, target2, UINT64_MAX, &err));
	ck_assert_int_eq(stat(part, &s), 0);
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "/nowhere/", store->backup(store, "/nowhere/x", UINT64_MAX, &err));
	EXPECT(MUSTER_E_INVALID, store->backup(store, "", UINT64_MAX, &err));
	/* Too large a WAL: given up, and nothing is left behind. */
	(void)snprintf(target2, sizeof target2, "%s/small", folder);
	EXPECT_SAYS(MUSTER_E_BUSY, "the backup was given up", store->backup(store, target2, 0, &err));
	ck_assert_int_ne(stat(target2, &s), 0);
	(void)snprintf(part, sizeof part, "%s.part", target2);
	ck_assert_int_ne(stat(part, &s), 0);
	for (int i = 0; i < 60000 && atomic_load(&trimmed) == 0; i++)
		(void)nanosleep(&(struct timespec){ 0, 1000000 }, NULL);   /* the writer has had its turn */
	atomic_store(&stop, true);
	(void)pthread_join(writer, &result);
	ck_assert_ptr_nonnull(result);
	ck_assert_int_gt(atomic_load(&trimmed), 0);
	close_both();

	/* The copy is a whole ledger: no row between its fold position and its log's beginning is missing. */
	EXPECT(MUSTER_OK, store_sqlite_new(&copy, target, &err));
	EXPECT(MUSTER_OK, copy->open_state(copy, true, &state_copy, &err));
	EXPECT(MUSTER_OK, state_copy->ops->claim(state_copy, &si, &err));
	EXPECT(MUSTER_OK, copy->open_log(copy, true, &log_copy, &err));
	EXPECT(MUSTER_OK, log_copy->ops->claim(log_copy, si.ledger_id, &li, &err));
	ck_assert_int_le(li.first_seq, si.fold_seq + 1);
	ck_assert_int_ge(li.last_seq, si.fold_seq);
	ck_assert_int_ge(li.last_seq, 60000);
	EXPECT(MUSTER_OK, help_append(log_copy, li.last_seq + 1, 3, &err));
	log_copy->ops->close(log_copy);
	state_copy->ops->close(state_copy);
	copy->free(copy);
	ck_assert_int_eq(stat(target, &s), 0);
	ck_assert_uint_eq(s.st_mode & 07777, 0700);
	(void)snprintf(part, sizeof part, "%s/log.db", target);
	ck_assert_int_eq(stat(part, &s), 0);
	ck_assert_uint_eq(s.st_mode & 07777, 0600);
	finish();
}
END_TEST

/* A product with few clients among many: the page is gathered in several short readings and misses none. */
START_TEST(test_sqlite_sparse_page)
{
	struct store_event *e = calloc(5000, sizeof *e);
	struct store_use rows[20];
	struct help_list l = LIST_OF(rows);
	uint8_t zero[16] = { 0 };

	paths();
	open_both();
	for (int64_t from = 0; from < 50000; from += 5000) {
		for (int64_t i = from; i < from + 5000; i++)
			e[i - from] = help_event(i + 1, (uint64_t)i, i % 5000 == 17 ? 2 : 1);
		EXPECT(MUSTER_OK, help_fold(st, e, 5000, NULL, &err));
	}
	EXPECT(MUSTER_OK, st->ops->page(st, 2, zero, 0, 8, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 8);
	EXPECT(MUSTER_OK, st->ops->page(st, 2, rows[7].client, 2, 8, help_uses, &l, &err));
	ck_assert_uint_eq(l.n, 10);
	for (size_t i = 1; i < l.n; i++)
		ck_assert_int_lt(memcmp(rows[i - 1].client, rows[i].client, 16), 0);
	free(e);
	close_both();
	finish();
}
END_TEST

/* Commits in groups for long: the WAL is taken over into the file again and again. */
START_TEST(test_sqlite_wal_stays_small)
{
	struct store_log_info li;

	paths();
	open_both();
	for (int64_t seq = 1; seq < 200000; seq += 64)
		EXPECT(MUSTER_OK, help_append(lg, seq, 64, &err));
	EXPECT(MUSTER_OK, lg->ops->info(lg, &li, &err));
	ck_assert_uint_lt(li.wal_bytes, 8u << 20);
	close_both();
	finish();
}
END_TEST

UNIT_MAIN("store_sqlite", test_sqlite_modes, test_sqlite_unsafe, test_sqlite_foreign, test_sqlite_other_ledger, test_sqlite_newer,
          test_sqlite_damaged, test_sqlite_migrates, test_sqlite_recent_days, test_sqlite_probe_writes, test_sqlite_names_quiet,
          test_sqlite_killed, test_sqlite_backup, test_sqlite_sparse_page, test_sqlite_wal_stays_small)
