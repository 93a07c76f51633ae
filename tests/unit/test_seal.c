#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/trust/seal.h"
#include "tests/unit/unit.h"

static const struct seal_place at = { "key", "706200501", "secret" };
static const char plain[] = "what must not lie open";

static char folder[64];

static void setup(void)
{
	strcpy(folder, "/tmp/muster-seal-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
	char command[96];

	(void)unsetenv("CREDENTIALS_DIRECTORY");
	(void)snprintf(command, sizeof command, "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static const char *place(const char *name)
{
	static char path[160];

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static struct muster_span text(void) { return span_of(plain, sizeof plain); }

static struct seal *seal_of(uint8_t fill)
{
	uint8_t key[SEAL_KEY];
	struct seal *s;

	memset(key, fill, sizeof key);
	ck_assert_int_eq(seal_open_key(&s, key, NULL), MUSTER_OK);
	return s;
}

static void put(struct buf *out, const struct seal *s, const struct seal_place *where)
{
	buf_init(out, 4096);
	ck_assert_int_eq(seal_put(out, s, where, text(), NULL), MUSTER_OK);
	ck_assert_uint_eq(out->n, sizeof plain + SEAL_OVERHEAD);
}

static void refused(const struct seal *s, const struct seal_place *where, struct muster_span record, int result, const char *says)
{
	struct muster_err err;
	struct buf got;

	buf_init(&got, 4096);
	memset(&err, 0, sizeof err);
	ck_assert_int_eq(seal_get(&got, s, where, record, &err), result);
	ck_assert_uint_eq(got.n, 0);
	ck_assert_msg(strstr(err.message, says) != NULL, "\"%s\" lacks \"%s\"", err.message, says);
	buf_cleanse(&got);
}

static void opens(const struct seal *s, const struct seal_place *where, struct muster_span record)
{
	struct muster_err err;
	struct buf got;

	buf_init(&got, 4096);
	ck_assert_msg(seal_get(&got, s, where, record, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_uint_eq(got.n, sizeof plain);
	ck_assert_mem_eq(got.p, plain, got.n);
	buf_cleanse(&got);
}

START_TEST(test_seal_round_trip)
{
	struct seal *s = seal_of(7);
	struct buf one, two, empty;
	struct buf got;

	put(&one, s, &at);
	put(&two, s, &at);
	opens(s, &at, span_of(one.p, one.n));
	ck_assert_int_eq(one.p[0], 1);
	ck_assert_mem_eq(one.p + 1, seal_key_id(s), 8);
	ck_assert_mem_ne(one.p + 9, two.p + 9, 12);
	ck_assert_mem_ne(one.p + 21, two.p + 21, one.n - 21);
	ck_assert_ptr_null(memmem(one.p, one.n, plain, 6));
	buf_init(&empty, 64);
	buf_init(&got, 64);
	ck_assert_int_eq(seal_put(&empty, s, &at, span_of(NULL, 0), NULL), MUSTER_OK);
	ck_assert_uint_eq(empty.n, SEAL_OVERHEAD);
	ck_assert_int_eq(seal_get(&got, s, &at, span_of(empty.p, empty.n), NULL), MUSTER_OK);
	ck_assert_uint_eq(got.n, 0);
	buf_fini(&one);
	buf_fini(&two);
	buf_fini(&empty);
	buf_fini(&got);
	seal_free(s);
}
END_TEST

/* A record made apart (Python): what is at rest must be readable for ever. */
START_TEST(test_seal_vector)
{
	static const char hex[] = "0106dbf263aa770f68000102030405060708090a0bcf430b849889f4e07d937f27ceaeb8c0188e817b9a1de5d5";
	static const struct seal_place where = { "key", "1", "secret" };
	uint8_t key[SEAL_KEY] = { 1 }, record[(sizeof hex - 1) / 2];
	struct muster_err err;
	struct seal *s;
	struct buf got;

	ck_assert_int_eq(seal_open_key(&s, key, NULL), MUSTER_OK);
	ck_assert_int_eq(hex_decode(record, sizeof record, hex, sizeof hex - 1), MUSTER_OK);
	buf_init(&got, 64);
	ck_assert_msg(seal_get(&got, s, &where, span_of(record, sizeof record), &err) == MUSTER_OK, "%s", err.message);
	ck_assert_str_eq(buf_str(&got), "a secret");
	buf_fini(&got);
	seal_free(s);
}
END_TEST

/* A record moved to another table, row or column does not open, nor where the same characters are cut otherwise. */
START_TEST(test_seal_swapped)
{
	static const struct seal_place others[] = {
		{ "pack", "706200501", "secret" }, { "key", "706200502", "secret" }, { "key", "706200501", "pin" }, { "key7", "06200501", "secret" }, { "key", "706200501secret", "" },
		{ "", "", "" }
	};
	struct seal *s = seal_of(7);
	struct buf record;

	put(&record, s, &at);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		refused(s, &others[i], span_of(record.p, record.n), MUSTER_E_MISMATCH, "changed, or belongs to another place");
	opens(s, &at, span_of(record.p, record.n));
	{
		char longer[130];
		struct seal_place beyond = { longer, "1", "x" };

		memset(longer, 'a', sizeof longer - 1);
		longer[129] = '\0';
		buf_clear(&record);
		ck_assert_int_eq(seal_put(&record, s, &beyond, text(), NULL), MUSTER_E_INVALID);
		longer[128] = '\0';
		ck_assert_int_eq(seal_put(&record, s, &beyond, text(), NULL), MUSTER_OK);
	}
	buf_fini(&record);
	seal_free(s);
}
END_TEST

START_TEST(test_seal_bits)
{
	struct seal *s = seal_of(7);
	struct buf record;

	put(&record, s, &at);
	for (size_t i = 0; i < record.n * 8; i++) {
		record.p[i / 8] ^= (uint8_t)(1U << i % 8);
		if (i / 8 == 0)
			refused(s, &at, span_of(record.p, record.n), MUSTER_E_INVALID, "no sealed record");
		else if (i / 8 < 9)
			refused(s, &at, span_of(record.p, record.n), MUSTER_E_NOT_FOUND, "another key file");
		else
			refused(s, &at, span_of(record.p, record.n), MUSTER_E_MISMATCH, "was changed");
		record.p[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	opens(s, &at, span_of(record.p, record.n));
	buf_fini(&record);
	seal_free(s);
}
END_TEST

START_TEST(test_seal_prefixes)
{
	struct seal *s = seal_of(7);
	struct buf record;
	uint8_t *copy;

	put(&record, s, &at);
	for (size_t n = 0; n < record.n; n++) {
		copy = mem_alloc(n + 1);
		memcpy(copy, record.p, n);
		refused(s, &at, span_of(copy, n), n < SEAL_OVERHEAD ? MUSTER_E_INVALID : MUSTER_E_MISMATCH, n < SEAL_OVERHEAD ? "no sealed record" : "was changed");
		mem_free(copy);
	}
	buf_addc(&record, 'x');
	refused(s, &at, span_of(record.p, record.n), MUSTER_E_MISMATCH, "was changed");
	buf_fini(&record);
	seal_free(s);
}
END_TEST

/* Older keys read; the newest writes; a key that is not there is said to be missing. */
START_TEST(test_seal_older_keys)
{
	struct seal *old = seal_of(1), *s = seal_of(2);
	uint8_t key[SEAL_KEY], a[32], b[32];
	struct buf record, again;
	struct muster_err err;

	put(&record, old, &at);
	refused(s, &at, span_of(record.p, record.n), MUSTER_E_NOT_FOUND, "another key file");
	ck_assert(!seal_current(s, span_of(record.p, record.n)));
	ck_assert(seal_current(old, span_of(record.p, record.n)));
	memset(key, 1, sizeof key);
	ck_assert_int_eq(seal_add_old(s, key, &err), MUSTER_OK);
	ck_assert_int_eq(seal_add_old(s, key, &err), MUSTER_OK);
	opens(s, &at, span_of(record.p, record.n));
	put(&again, s, &at);
	ck_assert(seal_current(s, span_of(again.p, again.n)));
	ck_assert(!seal_current(s, span_of(again.p, 3)));
	refused(old, &at, span_of(again.p, again.n), MUSTER_E_NOT_FOUND, "another key file");
	for (uint8_t i = 3; i < 10; i++) {
		memset(key, i, sizeof key);
		ck_assert_int_eq(seal_add_old(s, key, &err), MUSTER_OK);
	}
	memset(key, 11, sizeof key);
	ck_assert_int_eq(seal_add_old(s, key, &err), MUSTER_E_LIMIT);
	ck_assert_int_eq(seal_subkey(a, s, "muster audit head v1", &err), MUSTER_OK);
	ck_assert_int_eq(seal_subkey(b, s, "muster host key v1", &err), MUSTER_OK);
	ck_assert_mem_ne(a, b, 32);
	ck_assert_int_eq(seal_subkey(b, old, "muster audit head v1", &err), MUSTER_OK);
	ck_assert_mem_ne(a, b, 32);
	buf_fini(&record);
	buf_fini(&again);
	seal_free(s);
	seal_free(old);
	seal_free(NULL);
}
END_TEST

static void file_refused(const char *path, int result, const char *says)
{
	struct muster_err err;
	struct seal *s;

	memset(&err, 0, sizeof err);
	ck_assert_int_eq(seal_open_file(&s, path, false, &err), result);
	ck_assert_ptr_null(s);
	ck_assert_msg(strstr(err.message, says) != NULL, "\"%s\" lacks \"%s\"", err.message, says);
}

START_TEST(test_seal_file)
{
	struct muster_err err;
	struct seal *s, *again;
	struct buf record;
	struct stat st;

	file_refused(place("secret/host-key"), MUSTER_E_NOT_FOUND, "secret");
	ck_assert_msg(seal_open_file(&s, place("secret/host-key"), true, &err) == MUSTER_OK, "%s", err.message);
	ck_assert_int_eq(stat(place("secret"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(stat(place("secret/host-key"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(st.st_size, SEAL_KEY);
	put(&record, s, &at);
	ck_assert_int_eq(seal_open_file(&again, place("secret/host-key"), true, &err), MUSTER_OK);
	opens(again, &at, span_of(record.p, record.n));
	seal_free(again);
	seal_free(s);
	buf_fini(&record);

	ck_assert_int_eq(chmod(place("secret/host-key"), 0640), 0);
	file_refused(place("secret/host-key"), MUSTER_E_DENIED, "host-key");
	ck_assert_int_eq(chmod(place("secret/host-key"), 0600), 0);
	ck_assert_int_eq(chmod(place("secret"), 0770), 0);
	file_refused(place("secret/host-key"), MUSTER_E_DENIED, "secret");
	ck_assert_int_eq(chmod(place("secret"), 0700), 0);
	{
		char target[160];

		strcpy(target, place("secret/host-key"));
		ck_assert_int_eq(symlink(target, place("secret/link")), 0);
	}
	file_refused(place("secret/link"), MUSTER_E_DENIED, "link");
	ck_assert_int_eq(file_write(place("secret/short"), span_of(plain, 8), 0600, &err), MUSTER_OK);
	file_refused(place("secret/short"), MUSTER_E_INVALID, "must hold 32 random bytes");
	ck_assert_int_eq(file_write(place("secret/long"), span_of("0123456789012345678901234567890123", 33), 0600, &err), MUSTER_OK);
	file_refused(place("secret/long"), MUSTER_E_INVALID, "must hold 32 random bytes");
	{
		static const uint8_t zeros[SEAL_KEY];

		ck_assert_int_eq(file_write(place("secret/zeros"), span_of(zeros, sizeof zeros), 0600, &err), MUSTER_OK);
	}
	file_refused(place("secret/zeros"), MUSTER_E_INVALID, "must hold 32 random bytes");
	ck_assert_int_eq(mkdir(place("secret/folder"), 0700), 0);
	file_refused(place("secret/folder"), MUSTER_E_DENIED, "folder");
	/* a file that is there and wrong is never replaced by a new key */
	ck_assert_int_eq(seal_open_file(&s, place("secret/short"), true, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(stat(place("secret/short"), &st), 0);
	ck_assert_int_eq(st.st_size, 8);
}
END_TEST

/* systemd's folder of credentials: readable for the group through an access list, never for others, never writable. */
START_TEST(test_seal_credential)
{
	struct muster_err err;
	struct seal *s;

	ck_assert_int_eq(file_write(place("muster-host-key"), span_of("01234567890123456789012345678901", 32), 0440, &err), MUSTER_OK);
	ck_assert_int_eq(chmod(place("muster-host-key"), 0440), 0);
	file_refused(place("muster-host-key"), MUSTER_E_DENIED, "muster-host-key");
	ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
	ck_assert_msg(seal_open_file(&s, place("muster-host-key"), false, &err) == MUSTER_OK, "%s", err.message);
	seal_free(s);
	ck_assert_int_eq(chmod(place("muster-host-key"), 0444), 0);
	file_refused(place("muster-host-key"), MUSTER_E_DENIED, "open to others");
	ck_assert_int_eq(chmod(place("muster-host-key"), 0460), 0);
	file_refused(place("muster-host-key"), MUSTER_E_DENIED, "muster-host-key");
}
END_TEST

START_TEST(test_seal_wrap)
{
	uint8_t key[SEAL_KEY], got[SEAL_KEY];
	struct muster_err err;
	struct buf text_of;
	size_t head;

	memset(key, 0x5a, sizeof key);
	buf_init(&text_of, 512);
	ck_assert_int_eq(seal_wrap(&text_of, key, "elevenchars", &err), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "11 characters"));
	ck_assert_int_eq(seal_wrap(&text_of, key, "correct horse", &err), MUSTER_OK);
	ck_assert_int_eq(seal_unwrap(got, span_of(text_of.p, text_of.n), "correct horse", &err), MUSTER_OK);
	ck_assert_mem_eq(got, key, sizeof key);
	ck_assert_int_eq(seal_unwrap(got, span_of(text_of.p, text_of.n - 1), "correct horse", &err), MUSTER_OK);
	ck_assert_int_eq(seal_unwrap(got, span_of(text_of.p, text_of.n), "correct horsf", &err), MUSTER_E_DENIED);
	ck_assert_ptr_nonnull(strstr(err.message, "wrong passphrase"));
	ck_assert(bytes_zero(got, sizeof got));
	head = (size_t)(strrchr(buf_str(&text_of), ' ') - buf_str(&text_of)) + 1;
	for (size_t n = 0; n + 1 < text_of.n; n++)
		ck_assert_int_eq(seal_unwrap(got, span_of(text_of.p, n), "correct horse", &err), MUSTER_E_INVALID);
	for (size_t i = 0; i < head; i++) {
		text_of.p[i] ^= 1;
		ck_assert_int_eq(seal_unwrap(got, span_of(text_of.p, text_of.n), "correct horse", &err), MUSTER_E_INVALID);
		text_of.p[i] ^= 1;
	}
	/* one character in each part: salt, nonce, ciphertext, tag. Each costs a scrypt. */
	for (size_t i = head; i < text_of.n - 3; i += 21) {
		uint8_t keep = text_of.p[i];

		text_of.p[i] = keep == 'A' ? 'B' : 'A';
		ck_assert_int_eq(seal_unwrap(got, span_of(text_of.p, text_of.n), "correct horse", &err), MUSTER_E_DENIED);
		text_of.p[i] = keep;
	}
	buf_fini(&text_of);
}
END_TEST

/* Memory that is exhausted anywhere: said, nothing half-made, nothing leaked. */
START_TEST(test_seal_no_memory)
{
	int made = MUSTER_E_NOMEM, sealed = MUSTER_E_NOMEM, opened = MUSTER_E_NOMEM;
	struct muster_err err;
	struct buf record, got;
	struct seal *s = NULL;

	for (uint64_t n = 1; made != MUSTER_OK; n++) {
		mem_fail_at(n);
		made = seal_open_file(&s, place("secret/host-key"), true, &err);
		mem_fail_at(0);
		ck_assert((made == MUSTER_OK) == (s != NULL));
		ck_assert_msg(made == MUSTER_OK || made == MUSTER_E_NOMEM || made == MUSTER_E_IO /* the system call said so */, "%d %s", made, err.message);
	}
	for (uint64_t n = 1; sealed != MUSTER_OK; n++) {
		buf_init(&record, 256);
		mem_fail_at(n);
		sealed = seal_put(&record, s, &at, text(), &err);
		mem_fail_at(0);
		ck_assert(sealed == MUSTER_OK || sealed == MUSTER_E_NOMEM);
		if (sealed != MUSTER_OK)
			buf_fini(&record);
	}
	for (uint64_t n = 1; opened != MUSTER_OK; n++) {
		buf_init(&got, 256);
		mem_fail_at(n);
		opened = seal_get(&got, s, &at, span_of(record.p, record.n), &err);
		mem_fail_at(0);
		ck_assert(opened == MUSTER_OK || (opened == MUSTER_E_NOMEM && got.n == 0));
		buf_cleanse(&got);
	}
	buf_fini(&record);
	seal_free(s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_seal_round_trip, test_seal_vector, test_seal_swapped, test_seal_bits, test_seal_prefixes, test_seal_older_keys, test_seal_file, test_seal_credential, test_seal_wrap, test_seal_no_memory
	};

	return unit_run_with(suite_create("seal"), tests, sizeof tests / sizeof tests[0], setup, teardown);
}
