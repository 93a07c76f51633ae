/* The host key file and changing it, with everything that can interrupt. */
#include <errno.h>
#include <sys/wait.h>
#include <openssl/x509.h>

#include "tests/unit/rest_fixture.h"

#define KEYS 3
#define SLOTS 2

/* Product keys, slots with their private keys, the host's own key, an anchored head: all that lies sealed. */
static void furnish(struct host *h, const struct fixture *f)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(f->host_key);
	uint8_t *der = NULL, id[7] = { 0 };
	int der_n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	struct act t = { 0 };
	struct buf pem, sealed;
	char text[1024];

	buf_init(&pem, 16384);
	buf_init(&sealed, 1024);
	ck_assert_msg(ring_request(h->ring, "host", &pem, &h->err) == MUSTER_OK, "%s", h->err.message);
	buf_fini(&pem);
	fixture_pem(&pem, f->host, f->mid);
	for (uint32_t n = 0; n < KEYS; n++) {
		struct held_key k = { .kind = 'A', .number = n };

		be32_put(id, n);
		buf_clear(&sealed);
		(void)snprintf(text, sizeof text, "key secret%u", (unsigned)n);
		ck_assert_int_eq(seal_record(&sealed, h->a, ACTIVATION_R_KEY, span_of(id, 4), span_str(text), &h->err), MUSTER_OK);
		memcpy(k.sealed, sealed.p, sealed.n);
		k.sealed_n = sealed.n;
		act_put_key(&t, &k);
	}
	for (uint8_t n = 0; n < SLOTS; n++) {
		memset(id, n, sizeof id);
		buf_clear(&sealed);
		ck_assert_int_eq(seal_record(&sealed, h->a, ACTIVATION_R_SLOT, span_of(id, sizeof id), span_of(der, (size_t)der_n), &h->err), MUSTER_OK);
		(void)b64_encode(text, sealed.p, sealed.n);
		act_put_json(&t, ACTIVATION_R_SLOT, span_of(id, sizeof id), json_pack("{s:s, s:s}", "chain", buf_str(&pem), "sealed", text));
	}
	ck_assert_msg(act_commit(h->a, &t, ACTOR, ACTIVATION_J_KEY, "test", &h->err, "furnished") == MUSTER_OK, "%s", h->err.message);
	ck_assert_msg(records_load(h->a, &h->err) == MUSTER_OK, "%s", h->err.message);
	ck_assert_int_eq(anchor_now(h->a, &h->err), MUSTER_OK);
	act_fini(&t);
	buf_fini(&pem);
	buf_fini(&sealed);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
}

/* Slots that open; @p current counts those under the newest key. */
struct slots { struct host *h; unsigned open, current; };

static int look_slot(void *ctx, const struct store_record *x)
{
	struct slots *s = ctx;
	json_t *o = json_loadb((const char *)x->data, x->data_n, 0, NULL);
	const char *text = json_string_value(json_object_get(o, "sealed"));
	uint8_t sealed[1024];
	struct buf plain;
	size_t n = 0;

	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_nonnull(json_object_get(o, "chain"));
	ck_assert_int_eq(b64_decode(sealed, sizeof sealed, &n, text, strlen(text)), MUSTER_OK);
	buf_init(&plain, 1024);
	s->open += unseal_record(&plain, s->h->a, ACTIVATION_R_SLOT, span_of(x->id, x->id_n), span_of(sealed, n), NULL) == MUSTER_OK;
	s->current += seal_current(s->h->a->seal, span_of(sealed, n));
	buf_cleanse(&plain);
	json_decref(o);
	return 0;
}

/* Nothing is lost: every key and slot opens, the host's key does, the record of acts is whole. @p all_new: and everything lies under the newest key. */
static void nothing_lost(struct host *h, bool all_new)
{
	struct slots s = { .h = h };
	struct buf pem;
	unsigned current = 0;

	for (uint32_t n = 0; n < KEYS; n++) {
		const struct held_key *k = key_by_number(h->a, n);
		char text[32];
		struct buf plain;
		uint8_t id[4];

		ck_assert_ptr_nonnull(k);
		be32_put(id, n);
		buf_init(&plain, 64);
		ck_assert_msg(unseal_record(&plain, h->a, ACTIVATION_R_KEY, span_of(id, 4), span_of(k->sealed, k->sealed_n), &h->err) == MUSTER_OK, "%s", h->err.message);
		(void)snprintf(text, sizeof text, "key secret%u", (unsigned)n);
		ck_assert_str_eq(buf_str(&plain), text);
		current += seal_current(h->a->seal, span_of(k->sealed, k->sealed_n));
		buf_cleanse(&plain);
	}
	ck_assert_int_eq(ledger_records(h->ledger, ACTIVATION_R_SLOT, span_of(NULL, 0), 100, look_slot, &s, &h->err), MUSTER_OK);
	ck_assert_uint_eq(s.open, SLOTS);
	buf_init(&pem, 16384);
	ck_assert_msg(ring_request(h->ring, "host", &pem, &h->err) == MUSTER_OK, "%s", h->err.message);
	buf_fini(&pem);
	whole(h, NULL, "as anchored");
	if (!all_new)
		return;
	ck_assert_uint_eq(current, KEYS);
	ck_assert_uint_eq(s.current, SLOTS);
	ck_assert_int_eq(access(place(h, "secret/host-key.next"), F_OK), -1);
}

/* SHA-256 of the public key in the request: the host's key is still the same one. */
static void public_key(struct host *h, char out[HEX_SIZE(32)])
{
	uint8_t *der = NULL, hash[32];
	struct buf pem;
	EVP_PKEY *key;
	int n;

	buf_init(&pem, 16384);
	ck_assert_int_eq(ring_request(h->ring, "host", &pem, &h->err), MUSTER_OK);
	ck_assert_int_eq(trust_request_read(&key, span_of(pem.p, pem.n), &h->err), MUSTER_OK);
	n = i2d_PUBKEY(key, &der);
	ck_assert_int_eq(EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL), 1);
	hex_encode(out, hash, sizeof hash);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	buf_fini(&pem);
}

START_TEST(test_rest_rekey)
{
	uint8_t before[8], key[SEAL_KEY];
	char was[HEX_SIZE(32)], is[HEX_SIZE(32)];
	struct buf old, now;
	struct fixture f;
	struct host h;
	json_t *out;
	bool encrypted;

	fixture_init(&f, TRUST_ES256);
	begin(&h);
	furnish(&h, &f);
	public_key(&h, was);
	memcpy(before, seal_key_id(h.a->seal), 8);
	buf_init(&old, SEAL_KEY);
	buf_init(&now, SEAL_KEY);
	ck_assert_int_eq(file_read(&old, place(&h, "secret/host-key"), SEAL_KEY, &h.err), MUSTER_OK);
	ck_assert_int_eq(trust_key_encrypted(&encrypted, place(&h, "host/key.pem"), &h.err), MUSTER_OK);
	ck_assert(encrypted);
	ck_assert_msg(activation_rekey(h.a, ACTOR, &out, &h.err) == MUSTER_OK, "%s", h.err.message);
	ck_assert_int_eq(json_integer_value(json_object_get(out, "records")), KEYS + SLOTS);
	json_decref(out);
	ck_assert_mem_ne(before, seal_key_id(h.a->seal), 8);
	nothing_lost(&h, true);
	reopened(&h);
	nothing_lost(&h, true);
	public_key(&h, is);
	ck_assert_str_eq(was, is);
	ck_assert_int_eq(file_read(&now, place(&h, "secret/host-key"), SEAL_KEY, &h.err), MUSTER_OK);
	ck_assert_mem_ne(old.p, now.p, SEAL_KEY);
	/* the old key alone opens nothing that is there now */
	shut(&h);
	memcpy(key, old.p, SEAL_KEY);
	ck_assert_int_eq(file_write(place(&h, "secret/host-key"), span_of(key, SEAL_KEY), 0600, &h.err), MUSTER_OK);
	ck_assert_int_eq(try_open(&h), MUSTER_E_DENIED);
	ck_assert_msg(strstr(h.err.message, "encrypted under another host key file") != NULL, "%s", h.err.message);
	/* a restored state of before, with both: the older one beside the newer */
	shut(&h);
	ck_assert_int_eq(file_write(place(&h, "secret/host-key"), span_of(now.p, SEAL_KEY), 0600, &h.err), MUSTER_OK);
	ck_assert_int_eq(file_write(place(&h, "secret/host-key.old"), span_of(old.p, SEAL_KEY), 0600, &h.err), MUSTER_OK);
	opened(&h);
	nothing_lost(&h, true);
	buf_cleanse(&old);
	buf_cleanse(&now);
	end(&h);
	fixture_fini(&f);
}
END_TEST

/* The key file lost: nothing is made anew over what it would open. */
START_TEST(test_rest_key_missing)
{
	struct fixture f;
	struct host h;

	fixture_init(&f, TRUST_ES256);
	begin(&h);
	reopened(&h);
	shut(&h);
	ck_assert_int_eq(unlink(place(&h, "secret/host-key")), 0);
	opened(&h);   /* nothing was sealed: another one is made */
	furnish(&h, &f);
	shut(&h);
	ck_assert_int_eq(rename(place(&h, "secret/host-key"), place(&h, "kept")), 0);
	ck_assert_int_eq(try_open(&h), MUSTER_E_NOT_FOUND);
	ck_assert_msg(strstr(h.err.message, "is missing, and the host's private key and 5 records lie sealed under it") != NULL, "%s", h.err.message);
	ck_assert_int_eq(access(place(&h, "secret/host-key"), F_OK), -1);
	shut(&h);
	ck_assert_int_eq(rename(place(&h, "kept"), place(&h, "secret/host-key")), 0);
	opened(&h);
	nothing_lost(&h, true);
	end(&h);
	fixture_fini(&f);
}
END_TEST

/* Sealed records that change places do not open. */
START_TEST(test_rest_swapped)
{
	struct buf plain;
	struct fixture f;
	struct host h;

	fixture_init(&f, TRUST_ES256);
	begin(&h);
	furnish(&h, &f);
	shut(&h);
	sql(&h, "UPDATE record SET data = replace(data, '\"number\":1,', '\"number\":9,') WHERE kind = 'key' AND id = x'00000001'");
	sql(&h, "UPDATE record SET id = x'00000009' WHERE kind = 'key' AND id = x'00000001'");
	opened(&h);
	buf_init(&plain, 64);
	for (uint32_t n = 0; n < 10; n += 9) {
		const struct held_key *k = key_by_number(h.a, n);
		uint8_t id[4];

		ck_assert_ptr_nonnull(k);
		be32_put(id, n);
		ck_assert_int_eq(unseal_record(&plain, h.a, ACTIVATION_R_KEY, span_of(id, 4), span_of(k->sealed, k->sealed_n), &h.err), n == 0 ? MUSTER_OK : MUSTER_E_MISMATCH);
		if (n != 0)
			ck_assert_ptr_nonnull(strstr(h.err.message, "was changed, or belongs to another place"));
	}
	buf_cleanse(&plain);
	end(&h);
	fixture_fini(&f);
}
END_TEST

/* ---- interruptions ---- */

/* Linked with --wrap: every write, fsync and rename of this program; at number `at` the process ends, or the call fails. */
static struct { unsigned calls, at; int error; bool renames; } io;

ssize_t __real_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);

static bool all_faults(void)
{
	const char *all = getenv("MUSTER_FAULTS");

	return all != NULL && strcmp(all, "all") == 0;
}

static bool fails_here(bool renames)
{
	if ((io.renames && !renames) || ++io.calls != io.at)
		return false;
	if (io.error == 0)
		_exit(99);
	errno = io.error;
	return true;
}

ssize_t __wrap_write(int fd, const void *p, size_t n) { return fails_here(false) ? -1 : __real_write(fd, p, n); }
int __wrap_fsync(int fd) { return fails_here(false) ? -1 : __real_fsync(fd); }
int __wrap_rename(const char *from, const char *to) { return fails_here(true) ? -1 : __real_rename(from, to); }

/* In a process of its own, which ends at call number @p at. @return whether it got to the end. */
static bool rekey_until(struct host *h, unsigned at)
{
	int status;
	pid_t pid;

	shut(h);
	(void)fflush(NULL);
	ck_assert_int_ge(pid = fork(), 0);
	if (pid == 0) {
		json_t *out = NULL;
		int r;

		opened(h);
		io.calls = 0;
		io.at = at;
		io.error = 0;
		io.renames = !all_faults();   /* only they change what the next start sees; each scrypt between takes its time */
		r = activation_rekey(h->a, ACTOR, &out, &h->err);
		_exit(r == MUSTER_OK ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_msg(WEXITSTATUS(status) == 99 || WEXITSTATUS(status) == 0, "call %u: status %d", at, WEXITSTATUS(status));
	return WEXITSTATUS(status) == 0;
}

/* The process ends before any of the calls that change something: at the next start everything is there, and lies under one key. */
START_TEST(test_rest_rekey_killed)
{
	char was[HEX_SIZE(32)], is[HEX_SIZE(32)];
	unsigned at = 0, killed = 0;
	struct fixture f;
	struct host h;
	bool done;

	fixture_init(&f, TRUST_ES256);
	begin(&h);
	furnish(&h, &f);
	public_key(&h, was);
	do {
		done = rekey_until(&h, ++at);
		killed += !done;
		opened(&h);
		nothing_lost(&h, true);
		public_key(&h, is);
		ck_assert_str_eq(was, is);
	} while (!done);
	ck_assert_uint_ge(killed, 4);
	end(&h);
	fixture_fini(&f);
}
END_TEST

/* The same calls fail one by one: what is said is that nothing is lost, everything is readable at once, and doing it again ends it. */
START_TEST(test_rest_rekey_failing)
{
	static const int errors[] = { EIO, ENOSPC };
	unsigned at = 0, failed = 0;
	struct fixture f;
	struct host h;
	json_t *out;
	int r;

	fixture_init(&f, TRUST_ES256);
	begin(&h);
	furnish(&h, &f);
	do {
		io.calls = 0;
		io.at = ++at;
		io.error = errors[at % 2];
		r = activation_rekey(h.a, ACTOR, &out, &h.err);
		io.at = 0;
		if (r != MUSTER_OK) {
			failed++;
			ck_assert_ptr_null(out);
			ck_assert_ptr_nonnull(strstr(h.err.message, "nothing is lost"));
		}
		json_decref(out);
		nothing_lost(&h, r == MUSTER_OK);
	} while (r != MUSTER_OK);
	ck_assert_uint_ge(failed, 8);
	reopened(&h);
	nothing_lost(&h, true);
	end(&h);
	fixture_fini(&f);
}
END_TEST

/* Memory that is exhausted anywhere in it. */
START_TEST(test_rest_rekey_no_memory)
{
	const uint64_t step = all_faults() ? 1 : 41;
	struct fixture f;
	struct host h;
	json_t *out;
	unsigned failed = 0;
	uint64_t n = 1;
	int r;

	fixture_init(&f, TRUST_ES256);
	begin(&h);
	furnish(&h, &f);
	for (;; n += step) {
		uint64_t used;

		mem_fail_at(n);
		r = activation_rekey(h.a, ACTOR, &out, &h.err);
		used = mem_count();
		mem_fail_at(0);
		json_decref(out);
		failed += r != MUSTER_OK;
		ck_assert(r == MUSTER_OK || h.err.message[0] != '\0');
		ck_assert_int_eq(records_load(h.a, &h.err), MUSTER_OK);
		nothing_lost(&h, false);
		if (used < n)
			break;
	}
	ck_assert_uint_ge(failed, 3);
	reopened(&h);
	nothing_lost(&h, true);
	end(&h);
	fixture_fini(&f);
}
END_TEST

UNIT_MAIN("rest_rekey", test_rest_rekey, test_rest_key_missing, test_rest_swapped, test_rest_rekey_killed, test_rest_rekey_failing, test_rest_rekey_no_memory)
