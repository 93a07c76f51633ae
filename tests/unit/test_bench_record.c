/* The record of what was acknowledged: what is added is read back, in any number of lanes; and every way its file can be wrong is named. */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/bench/record.h"
#include "tests/unit/unit.h"

/* Entries of a lane: 40,000 of about 600 bytes are more than one chunk. */
static uint64_t entries_of(unsigned lane)
{
	return lane % 8 == 0 ? 40000 : 100;
}

static char dir[] = "/tmp/bench-record-XXXXXX";
static char path[64];
static struct muster_err err;
static const struct record_head head = { .seed = 7, .activation_id = { 1, 2, 3 } };
static struct record_head found;

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/record", dir);
}

static void teardown(void)
{
	(void)unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void ok(int r)
{
	ck_assert_msg(r == MUSTER_OK, "%s", err.message);
}

static struct record *opened(void)
{
	struct record *r;

	ok(record_new(&r, path, &head, &err));
	return r;
}

/* A lease whose text follows from its machine. */
static uint16_t lease_of(char lease[RECORD_LEASE_MAX], uint64_t number)
{
	uint16_t n = (uint16_t)(590 + number % 9);

	for (uint16_t i = 0; i < n; i++)
		lease[i] = (char)('a' + (number + i) % 26);
	return n;
}

static void add(struct record *r, unsigned lane, uint64_t number, bool activated)
{
	char lease[RECORD_LEASE_MAX];
	struct record_entry e = { .number = number, .ask = (uint32_t)number * 3, .status = activated ? 200 : 202 };

	e.lease_n = activated ? lease_of(lease, number) : 0;
	record_add(r, lane, &e, lease);
}

struct seen { uint64_t n, sum; uint64_t stop_at; };

static int look(void *ctx, const struct record_entry *e, const char *lease)
{
	char right[RECORD_LEASE_MAX];
	struct seen *s = ctx;

	ck_assert_uint_eq(e->ask, (uint32_t)e->number * 3);
	ck_assert_uint_eq(e->status, e->number % 5 == 0 ? 202 : 200);
	ck_assert_uint_eq(e->lease_n, e->status == 202 ? 0 : lease_of(right, e->number));
	ck_assert(memcmp(lease, right, e->lease_n) == 0 && lease[e->lease_n] == '\0');
	s->sum += e->number;
	return ++s->n == s->stop_at;
}

struct adding { struct record *r; unsigned lane; };

static void *add_many(void *ctx)
{
	const struct adding *a = ctx;

	for (uint64_t i = 0; i < entries_of(a->lane); i++)
		add(a->r, a->lane, i * RECORD_LANES + a->lane, (i * RECORD_LANES + a->lane) % 5 != 0);
	return NULL;
}

/* All lanes at once, two with more than a chunk: every entry is in the file once, whole, and its owner's alone to read. */
START_TEST(test_record_lanes)
{
	uint64_t all = 0, sum = 0;
	struct adding a[RECORD_LANES];
	pthread_t threads[RECORD_LANES];
	struct record *r = opened();
	struct seen s = { .n = 0 };
	struct stat st;

	for (unsigned i = 0; i < RECORD_LANES; i++) {
		a[i] = (struct adding){ r, i };
		for (uint64_t k = 0; k < entries_of(i); k++)
			sum += k * RECORD_LANES + i;
		all += entries_of(i);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, &a[i]), 0);
	}
	for (unsigned i = 0; i < RECORD_LANES; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(record_count(r), all);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, sizeof head); /* nothing was written meanwhile */
	ok(record_write(r, &err));
	record_free(r);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ok(record_read(path, &found, look, &s, &err));
	ck_assert_uint_eq(s.n, all);
	ck_assert_uint_eq(s.sum, sum);
	ck_assert_uint_eq(found.seed, 7);
	ck_assert(memcmp(found.activation_id, head.activation_id, 16) == 0 && memcmp(found.magic, RECORD_MAGIC, 8) == 0);
}
END_TEST

/* A record can be added to after it was written, and a later run goes on with the file; reading stops when told. */
START_TEST(test_record_goes_on)
{
	struct record *r = opened();
	struct seen s = { .n = 0 };

	add(r, 0, 1, true);
	ok(record_write(r, &err));
	add(r, 0, 5, false);
	ok(record_write(r, &err));
	ok(record_write(r, &err));
	record_free(r);
	r = opened();
	add(r, 3, 2, true);
	ck_assert_uint_eq(record_count(r), 1);
	ok(record_write(r, &err));
	record_free(r);
	ok(record_read(path, &found, look, &s, &err));
	ck_assert(s.n == 3 && s.sum == 8);
	s = (struct seen){ .stop_at = 2 };
	ok(record_read(path, &found, look, &s, &err));
	ck_assert_uint_eq(s.n, 2);
}
END_TEST

/* What was not written is not in the file; a record without entries is one. */
START_TEST(test_record_empty)
{
	struct record *r = opened();
	struct seen s = { .n = 0 };

	add(r, 0, 1, true);
	record_free(r);
	ok(record_read(path, &found, look, &s, &err));
	ck_assert_uint_eq(s.n, 0);
}
END_TEST

/* Where memory ends, the lane's chunk goes to the file and is filled again: nothing is lost. */
START_TEST(test_record_spills)
{
	struct record *r = opened();
	struct seen s = { .n = 0 };
	struct stat st;

	add(r, 0, 1, true);
	mem_fail_at(1);
	for (uint64_t i = 2; i <= 40000; i++)
		add(r, 0, i, i % 5 != 0);
	mem_fail_at(0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_gt(st.st_size, (16 << 20) - 1000);
	ok(record_write(r, &err));
	record_free(r);
	ok(record_read(path, &found, look, &s, &err));
	ck_assert(s.n == 40000 && s.sum == UINT64_C(40000) * 40001 / 2);
}
END_TEST

/* Machines of another seed are others: their answers do not belong into this file. */
START_TEST(test_record_other_seed)
{
	const struct record_head other = { .seed = 8 };
	struct record *r = opened();

	record_free(r);
	ck_assert_int_eq(record_new(&r, path, &other, &err), MUSTER_E_MISMATCH);
	ck_assert_ptr_null(r);
	ck_assert_ptr_nonnull(strstr(err.message, "/record is of machines of another seed or product: take another folder"));
}
END_TEST

/* A lease that is none is not recorded, and writing says so: what is lost is never passed over. */
START_TEST(test_record_too_long)
{
	const struct record_entry e = { .number = 1, .status = 200, .lease_n = RECORD_LEASE_MAX + 1 };
	static char lease[RECORD_LEASE_MAX + 1];
	struct record *r = opened();

	record_add(r, 0, &e, lease);
	ck_assert_int_eq(record_write(r, &err), MUSTER_E_LIMIT);
	ck_assert_str_eq(err.message, "a lease of 4097 bytes is longer than a lease can be");
	record_free(r);
}
END_TEST

static void put(off_t at, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, p, n, at), (ssize_t)n);
	ck_assert_int_eq(close(fd), 0);
}

static void refused(const char *what)
{
	struct record *r;

	ck_assert_int_eq(record_read(path, &found, NULL, NULL, &err), MUSTER_E_INVALID);
	ck_assert_msg(strstr(err.message, what) != NULL, "%s", err.message);
	/* Nothing is appended to such a file either. */
	ck_assert_int_eq(record_new(&r, path, &head, &err), MUSTER_E_INVALID);
}

/* Every wrong entry is refused, with its number and place. The file: head 32, entry 1 (202) 16, entry 2 (200) 16 and 592 of lease. */
START_TEST(test_record_refusals)
{
	static const struct { off_t at; uint16_t value; const char *what; } wrong[] = {
		{ 32 + 12, 503, "entry 1, byte 32: its status is neither 200 nor 202" },
		{ 32 + 12, 200, "entry 1, byte 32: activated without a lease" },
		{ 32 + 14, 8, "entry 1, byte 32: a lease with a request that was only counted" },
		{ 48 + 14, 4097, "entry 2, byte 48: its lease is longer than a lease can be" },
		{ 48 + 14, 590, "entry 2, byte 48: what fills up its lease is not zero" },
		{ 48 + 14, 593, "entry 2, byte 48: cut off" },
		{ 0, 0, "is no record of muster-bench of this version" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct record *r = opened();

		add(r, 0, 5, false);
		add(r, 0, 1, true);
		ok(record_write(r, &err));
		record_free(r);
		put(wrong[i].at, &wrong[i].value, sizeof wrong[i].value);
		refused(wrong[i].what);
		ck_assert_int_eq(unlink(path), 0);
	}
}
END_TEST

/* Cut anywhere but between two entries, the file is refused. */
START_TEST(test_record_cut)
{
	struct record *r = opened();
	struct stat st;

	add(r, 0, 5, false);
	add(r, 0, 1, true);
	ok(record_write(r, &err));
	record_free(r);
	ck_assert_int_eq(stat(path, &st), 0);
	for (off_t n = st.st_size - 1; n > 0; n--) {
		ck_assert_int_eq(truncate(path, n), 0);
		if (n == 48 || n == 32)
			ok(record_read(path, &found, NULL, NULL, &err));
		else
			refused(n < 32 ? "is no record" : n < 48 ? "entry 1, byte 32: cut off" : "entry 2, byte 48: cut off");
	}
}
END_TEST

/* A file that is not there, or not ours to read, is told by its name. */
START_TEST(test_record_missing)
{
	ck_assert_int_eq(record_read(path, &found, NULL, NULL, &err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "cannot open /tmp/bench-record-"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_record_lanes, test_record_goes_on, test_record_spills, test_record_empty, test_record_other_seed,
	                               test_record_too_long, test_record_refusals, test_record_cut, test_record_missing };

	return unit_run_with(suite_create("bench_record"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
