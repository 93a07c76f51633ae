/*
 * The issuer's books when the disk fails: every call of SQLite to its file layer fails once, or from there on for ever, during a workload of acts.
 * What was acknowledged is there afterwards, what was refused is not, nothing is there by half, and the audit trail is whole.
 */
#include "tests/faults/vfs_fail.h"
#include "tests/unit/store_help.h"
#include "tests/unit/unit.h"

#include <sqlite3.h>

#include "core/base/mem.h"
#include "core/store/issuer_books.h"

#define NOW INT64_C(1795000000)
#define SLOTS 20

static const uint8_t issuer[16] = "issuer-a-issuer", office[16] = "office-office-of", pack_id[16] = "pack-1-pack-1-pa";
static const struct books_act act = { .actor = "test", .now = NOW, .reason = "because" };
static char folder[64];

/* ---- acts: each one transaction with one audit row ---- */

static int add_product(struct books *b, struct muster_err *err)
{
	struct books_product p = { .name = "office2013", .title = "Office 2013" };

	memcpy(p.activation_id, office, 16);
	return books_product_put(b, &p, false, &act, err);
}

static int add_agreement(struct books *b, struct muster_err *err)
{
	const struct books_agreement a = { .number = "EA-1", .programme = "open", .organisation = "example" };

	return books_agreement_put(b, &a, "Example GmbH", &act, err);
}

static int add_key(struct books *b, struct muster_err *err)
{
	struct books_key k = { .kind = 'A', .number = 7, .partial = "FGXNR", .agreement = "EA-1", .product_count = 1, .hosts = 6, .activations = 10, .sealed = "sealed", .sealed_n = 6 };

	memcpy(k.products[0], office, 16);
	return books_key_add(b, &k, &act, err);
}

static int add_pack(struct books *b, struct muster_err *err)
{
	struct books_pack p = { .agreement = "EA-1", .issue = 1, .iat = NOW, .exp = NOW + 1000, .token = (const uint8_t *)"a.b.c", .token_n = 5 };
	const struct books_pack_key k = { .number = 7, .generation = 1 };
	struct books_slot slots[SLOTS];

	memcpy(p.id, pack_id, 16);
	for (size_t i = 0; i < SLOTS; i++) {
		slots[i] = (struct books_slot){ .number = 7, .generation = 1, .slot = (uint16_t)i, .sealed = "secret", .sealed_n = 6, .end = NOW + 100 };
		(void)snprintf(slots[i].serial, sizeof slots[i].serial, "aa%02zx", i);
	}
	return books_pack_add(b, &p, &k, 1, slots, SLOTS, &act, err);
}

static int allow(struct books *b, struct muster_err *err)
{
	return books_key_allow(b, 7, 8, 0, &act, err);
}

static int certify(struct books *b, struct muster_err *err)
{
	struct books_certificate c = { .serial = "0a0b", .kid = "kid-1", .subject = "host 1", .request = "00", .at = NOW, .begin = NOW - 10, .end = NOW + 100, .intermediate = 1,
		.key = 7, .product_count = 1, .chain = (char[]){ "-----BEGIN" } };

	memcpy(c.products[0], office, 16);
	return books_certificate_add(b, &c, &act, err);
}

static int revoke_key(struct books *b, struct muster_err *err)
{
	return books_key_revoke(b, 7, 1, &act, err);
}

static const struct step { int (*run)(struct books *b, struct muster_err *err); const char *there; } steps[] = {
	{ add_product, "SELECT count(*) FROM product" }, { add_agreement, "SELECT count(*) = 1 AND (SELECT count(*) FROM organisation) = 1 FROM agreement" },
	{ add_key, "SELECT (SELECT count(*) FROM key) AND (SELECT count(*) FROM key_product)" },
	{ add_pack, "SELECT (SELECT count(*) FROM pack) AND (SELECT count(*) FROM slot) = 20 AND (SELECT generation FROM key) = 1 AND (SELECT issue FROM agreement) = 1" },
	{ allow, "SELECT count(*) FROM key WHERE hosts = 8" }, { certify, "SELECT (SELECT count(*) FROM certificate) AND (SELECT count(*) FROM certificate_product)" },
	{ revoke_key, "SELECT (SELECT state FROM key) AND (SELECT count(*) FROM certificate WHERE revoked IS NOT NULL)" },
};
#define STEPS (sizeof steps / sizeof steps[0])

/* @return acts acknowledged; *result is that of the one that failed. */
static size_t work(int *result, struct muster_err *err)
{
	struct books *b = NULL;
	size_t done = 0;

	*result = books_open(&b, folder, issuer, true, err);
	while (*result == MUSTER_OK && done < STEPS) {
		*result = steps[done].run(b, err);
		done += *result == MUSTER_OK;
	}
	books_close(b);
	return done;
}

/* ---- afterwards ---- */

static int64_t number(const char *sql)
{
	sqlite3 *h;
	sqlite3_stmt *s;
	char path[100];
	int64_t n;

	(void)snprintf(path, sizeof path, "%.60s/books.db", folder);
	ck_assert_int_eq(sqlite3_open(path, &h), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(h, sql, -1, &s, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(h);
	return n;
}

static int check_row(void *ctx, const struct store_journal *row)
{
	uint8_t hash[32];

	ck_assert_int_eq(row->seq, ++*(int64_t *)ctx);
	ck_assert_int_eq(store_journal_hash(hash, row), MUSTER_OK);
	ck_assert_mem_eq(row->hash, hash, 32);
	return 0;
}

static void check(size_t done, int result, const char *where)
{
	struct books *b;
	int64_t rows = 0, there = 0;

	EXPECT(MUSTER_OK, books_open(&b, folder, issuer, true, &err));
	EXPECT(MUSTER_OK, books_audit(b, 0, SIZE_MAX, check_row, &rows, &err));
	books_close(b);
	for (size_t i = 0; i < STEPS; i++) {
		bool is = number(steps[i].there) != 0;

		ck_assert_msg(!is || there == (int64_t)i, "%s: act %zu is there without the one before", where, i);
		there += is;
		ck_assert_msg(is || i >= done, "%s: act %zu was acknowledged and is lost", where, i);
		ck_assert_msg(!is || i < done || (i == done && result == MUSTER_E_UNKNOWN), "%s: act %zu was refused (%d) and is there", where, i, result);
	}
	ck_assert_msg(rows == there, "%s: %d acts, %d audit rows", where, (int)there, (int)rows);
	ck_assert_int_eq(number("SELECT count(*) FROM slot"), there > 3 ? SLOTS : 0);
}

/* One run with one failure. @return whether it was met. */
static bool run(const struct vfs_fail_order *order, const char *name)
{
	struct muster_err err = { .result = 0 };
	char where[100];
	size_t done;
	bool met;
	int r;

	(void)snprintf(where, sizeof where, "%s %llu%s", name, (unsigned long long)order->nth, order->for_ever ? " and ever after" : "");
	(void)help_folder(folder);
	vfs_fail_arm(order);
	done = work(&r, &err);
	met = vfs_fail_met() > 0;
	vfs_fail_arm(NULL);
	ck_assert_msg(r == MUSTER_OK || r == MUSTER_E_IO || r == MUSTER_E_UNKNOWN || r == MUSTER_E_LIMIT || r == MUSTER_E_BUSY || r == MUSTER_E_UNSUPPORTED, "%s: result %d: %s", where,
		r, err.message);
	ck_assert_msg(r == MUSTER_OK || strstr(err.message, "books.db") != NULL, "%s: no file named: %s", where, err.message);
	check(done, r, where);
	help_remove(folder);
	return met;
}

static void run_all(unsigned calls, enum vfs_fail_how how, const char *name)
{
	/* every seventh; all of them in ./check --full */
	const uint64_t stride = getenv("MUSTER_FAULTS") != NULL ? 1 : 7;

	vfs_fail_install();
	for (int ever = 0; ever < 2; ever++) {
		struct vfs_fail_order order = { .calls = calls, .nth = 1, .for_ever = ever != 0, .how = how };

		while (run(&order, name))
			order.nth += stride;
		ck_assert_uint_gt(order.nth, stride);
	}
}

START_TEST(test_books_full_disk) { run_all(VFS_FAIL_GROWING, VFS_FAIL_FULL, "full disk at write"); } END_TEST
START_TEST(test_books_writes) { run_all(VFS_FAIL_WRITE | VFS_FAIL_TRUNCATE, VFS_FAIL_IOERR, "write"); } END_TEST
START_TEST(test_books_torn) { run_all(VFS_FAIL_WRITE, VFS_FAIL_TORN, "torn write"); } END_TEST
START_TEST(test_books_syncs) { run_all(VFS_FAIL_SYNC, VFS_FAIL_LATE, "sync"); } END_TEST

/* The Nth allocation of ours fails: an act is done or not, and says which. */
START_TEST(test_books_allocations)
{
	struct muster_err err;
	uint64_t nth;
	size_t done;
	int r = MUSTER_E_NOMEM;

	for (nth = 1; r != MUSTER_OK; nth++) {
		(void)help_folder(folder);
		mem_fail_at(nth);
		done = work(&r, &err);
		mem_fail_at(0);
		ck_assert_msg(r == MUSTER_OK || r == MUSTER_E_NOMEM || r == MUSTER_E_INTERNAL, "allocation %llu: %d: %s", (unsigned long long)nth, r, err.message);
		check(done, r, "allocation");
		help_remove(folder);
	}
	ck_assert_uint_gt(nth, 5);
}
END_TEST

UNIT_MAIN("books_vfs", test_books_full_disk, test_books_writes, test_books_torn, test_books_syncs, test_books_allocations)
