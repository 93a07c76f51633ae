/* How the host's secrets and its record of acts lie at rest: audit.head, the key file and changing it, with everything that can interrupt. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sqlite3.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/activation/rest.h"
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "tests/unit/trust_fixture.h"

#define NOW INT64_C(1795341600000)
#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define ACTOR "0 root"

/* ---- a host's state in a folder ---- */

struct host {
	char dir[64];
	struct clock_manual clock;
	struct config config;
	struct ledger *ledger;
	struct trust_ring *ring;
	struct activation *a;
	struct muster_err err;
	char said[4096];
};

static const char *place(const struct host *h, const char *name)
{
	static char path[4][160];
	static unsigned next;
	char *out = path[next++ % 4];

	(void)snprintf(out, sizeof path[0], "%s/%s", h->dir, name);
	return out;
}

static void hear(void *ctx, int level, const char *event, const char *text)
{
	struct host *h = ctx;
	size_t n = strlen(h->said);

	(void)snprintf(h->said + n, sizeof h->said - n, "%d %s %s\n", level, event, text);
}

static int try_open(struct host *h)
{
	struct ledger_options o = { .dir = h->dir, .clock = &h->clock.clock, .config = &h->config };
	struct activation_options a = { .dir = h->dir, .clock = &h->clock.clock, .event = hear, .ctx = h };
	char ring[96];
	int r;

	memset(&h->err, 0, sizeof h->err);
	h->said[0] = '\0';
	ck_assert_int_eq(store_sqlite_new(&o.store, h->dir, &h->err), MUSTER_OK);
	ck_assert_msg(ledger_open(&h->ledger, &o, &h->err) == MUSTER_OK, "%s", h->err.message);
	(void)snprintf(ring, sizeof ring, "%s/host", h->dir);
	ck_assert_msg(ring_open(&h->ring, ring, &h->clock.clock, &h->err) == MUSTER_OK, "%s", h->err.message);
	a.ledger = h->ledger;
	a.ring = h->ring;
	r = activation_open(&h->a, &a, &h->err);
	return r;
}

static void shut(struct host *h)
{
	activation_free(h->a);
	ledger_free(h->ledger);
	ring_free(h->ring);
	h->a = NULL;
	h->ledger = NULL;
	h->ring = NULL;
}

static void opened(struct host *h)
{
	ck_assert_msg(try_open(h) == MUSTER_OK, "%s", h->err.message);
}

static void reopened(struct host *h)
{
	shut(h);
	opened(h);
}

static void begin(struct host *h)
{
	memset(h, 0, sizeof *h);
	strcpy(h->dir, "/tmp/muster-rest-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(h->dir));
	clock_manual_init(&h->clock, NOW);
	h->config.host.wal_max = UINT64_C(256) << 20;
	opened(h);
}

static void end(struct host *h)
{
	char command[96];

	shut(h);
	(void)snprintf(command, sizeof command, "rm -rf %s", h->dir);
	ck_assert_int_eq(system(command), 0);
}

static void act(struct host *h, const char *detail)
{
	ck_assert_msg(ledger_journal_note(h->ledger, ACTOR, 100, "test", detail, &h->err) == MUSTER_OK, "%s", h->err.message);
}

static void acts(struct host *h, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		act(h, "an act");
}

/* SQL on the closed state. */
static void sql(struct host *h, const char *text)
{
	sqlite3 *db;
	char *why = NULL;

	ck_assert_int_eq(sqlite3_open(place(h, "state.db"), &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, &why) == SQLITE_OK, "%s: %s", text, why);
	sqlite3_close(db);
}

static void whole(struct host *h, const char *expect, const char *says)
{
	json_t *out;

	ck_assert_msg(activation_audit_verify(h->a, expect, &out, &h->err) == MUSTER_OK, "%s", h->err.message);
	ck_assert_msg(strstr(json_string_value(json_object_get(out, "message")), says) != NULL, "%s lacks %s", json_string_value(json_object_get(out, "message")), says);
	json_decref(out);
}

static void broken(struct host *h, const char *expect, int result, const char *says)
{
	json_t *out;

	ck_assert_int_eq(activation_audit_verify(h->a, expect, &out, &h->err), result);
	ck_assert_ptr_null(out);
	ck_assert_msg(strstr(h->err.message, says) != NULL, "\"%s\" lacks \"%s\"", h->err.message, says);
}

static void head_of(struct host *h, char out[REST_HEAD])
{
	ck_assert_int_eq(anchor_head(h->a, out, &h->err), MUSTER_OK);
}

/* ---- the record of acts ---- */

START_TEST(test_rest_audit_whole)
{
	char head[REST_HEAD], prefix[REST_HEAD];
	struct host h;

	begin(&h);
	acts(&h, 5);
	head_of(&h, head);
	ck_assert_int_eq(strncmp(head, "5:", 2), 0);
	ck_assert_uint_eq(strlen(head), 66);
	whole(&h, NULL, "5 entries");
	whole(&h, head, "as anchored and as expected");
	(void)snprintf(prefix, sizeof prefix, "%.18s", head);
	whole(&h, prefix, "as expected");
	prefix[17] = '\0';
	broken(&h, prefix, MUSTER_E_INVALID, "at least 16");
	broken(&h, "5", MUSTER_E_INVALID, "NUMBER:HASH");
	broken(&h, "0:0123456789abcdef", MUSTER_E_INVALID, "NUMBER:HASH");
	prefix[17] = head[17] == '0' ? '1' : '0';
	broken(&h, prefix, MUSTER_E_SIGNATURE, "entry 5 is another one than what was expected says");
	broken(&h, "6:0123456789abcdef", MUSTER_E_SIGNATURE, "what was expected knows entry 6");
	/* it goes on, also over more than a page, and what was the head then is still in it */
	acts(&h, 600);
	whole(&h, head, "605 entries");
	reopened(&h);
	ck_assert_str_eq(h.said, "");
	whole(&h, head, "605 entries");
	end(&h);
}
END_TEST

/* The end cut off: seen at the next start, and by whoever verifies; the anchor that shows it is kept. */
START_TEST(test_rest_audit_cut)
{
	struct host h;

	begin(&h);
	acts(&h, 10);
	ck_assert_int_eq(anchor_now(h.a, &h.err), MUSTER_OK);
	for (unsigned kept = 10; kept-- > 0;) {
		char text[80];

		shut(&h);
		(void)snprintf(text, sizeof text, "DELETE FROM journal WHERE seq > %u", kept);
		sql(&h, text);
		opened(&h);
		(void)snprintf(text, sizeof text, "it ends with entry %u, and audit.head knows entry 10", kept);
		ck_assert_msg(strstr(h.said, text) != NULL, "\"%s\" lacks \"%s\"", h.said, text);
		broken(&h, NULL, MUSTER_E_SIGNATURE, text);
		(void)anchor_job(h.a);
		broken(&h, NULL, MUSTER_E_SIGNATURE, text);
	}
	/* as many rows written anew do not hide it */
	for (unsigned i = 0; i < 20; i++)
		act(&h, "another act");
	broken(&h, NULL, MUSTER_E_SIGNATURE, "entry 10 is another one than audit.head says");
	reopened(&h);
	broken(&h, NULL, MUSTER_E_SIGNATURE, "entry 10 is another one than audit.head says");
	end(&h);
}
END_TEST

/* Cut while the host runs: it remembers the head, and says so within a minute. */
START_TEST(test_rest_audit_cut_running)
{
	struct host h;

	begin(&h);
	acts(&h, 10);
	ck_assert_int_eq(anchor_now(h.a, &h.err), MUSTER_OK);
	sql(&h, "DELETE FROM journal WHERE seq > 7");
	ck_assert_int_eq(unlink(place(&h, "audit.head")), 0);
	broken(&h, NULL, MUSTER_E_SIGNATURE, "The anchored head was removed");
	end(&h);
}
END_TEST

/* Any row changed, in any column; a row taken out of the middle; two swapped. */
START_TEST(test_rest_audit_changed)
{
	static const char *const changes[] = {
		"UPDATE journal SET detail = 'other' WHERE seq = 4", "UPDATE journal SET actor = '1 eve' WHERE seq = 4", "UPDATE journal SET at = at + 1 WHERE seq = 4",
		"UPDATE journal SET kind = kind + 1 WHERE seq = 4", "UPDATE journal SET object = 'x' WHERE seq = 4", "UPDATE journal SET code = 7 WHERE seq = 4",
		"UPDATE journal SET hash = zeroblob(32) WHERE seq = 4", "UPDATE journal SET prev = zeroblob(32) WHERE seq = 4", "DELETE FROM journal WHERE seq = 4",
		"UPDATE journal SET seq = 100 WHERE seq = 4; UPDATE journal SET seq = 4 WHERE seq = 5; UPDATE journal SET seq = 5 WHERE seq = 100"
	};
	struct host h;

	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		begin(&h);
		for (unsigned n = 0; n < 8; n++) {
			char text[8];

			(void)snprintf(text, sizeof text, "act %u", n);
			act(&h, text);
		}
		ck_assert_int_eq(anchor_now(h.a, &h.err), MUSTER_OK);
		shut(&h);
		sql(&h, changes[i]);
		opened(&h);
		broken(&h, NULL, MUSTER_E_SIGNATURE, "The record of acts");
		ck_assert_msg(strstr(h.said, "audit The record of acts") != NULL, "%s: \"%s\"", changes[i], h.said);
		end(&h);
	}
}
END_TEST

/* All of it computed anew by somebody who can: the chain is right, the anchor is not. */
START_TEST(test_rest_audit_anew)
{
	char head[REST_HEAD];
	struct host h;

	begin(&h);
	acts(&h, 6);
	head_of(&h, head);
	shut(&h);
	sql(&h, "DELETE FROM journal");
	opened(&h);
	for (unsigned i = 0; i < 6; i++)
		act(&h, "another act");
	broken(&h, NULL, MUSTER_E_SIGNATURE, "entry 6 is another one than audit.head says");
	shut(&h);
	/* without the anchor only a head kept elsewhere shows it */
	ck_assert_int_eq(unlink(place(&h, "audit.head")), 0);
	opened(&h);
	whole(&h, NULL, "6 entries");
	broken(&h, head, MUSTER_E_SIGNATURE, "entry 6 is another one than what was expected says");
	end(&h);
}
END_TEST

/* audit.head with this in it; without a sync, there are thousands. */
static void spill(const struct host *h, const uint8_t *p, size_t n)
{
	FILE *f = fopen(place(h, "audit.head"), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(p, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

/* audit.head itself: every bit, every prefix, another host's, another key file's. */
START_TEST(test_rest_anchor_file)
{
	struct host h, other;
	struct buf text;

	begin(&h);
	acts(&h, 3);
	ck_assert_int_eq(anchor_now(h.a, &h.err), MUSTER_OK);
	buf_init(&text, 4096);
	ck_assert_int_eq(file_read(&text, place(&h, "audit.head"), 4096, &h.err), MUSTER_OK);
	for (size_t i = 0; i < text.n * 8; i++) {
		text.p[i / 8] ^= (uint8_t)(1U << i % 8);
		spill(&h, text.p, text.n);
		broken(&h, NULL, MUSTER_E_SIGNATURE, "audit.head");
		text.p[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	for (size_t n = 0; n < text.n; n++) {
		spill(&h, text.p, n);
		broken(&h, NULL, MUSTER_E_SIGNATURE, "audit.head");
	}
	spill(&h, text.p, text.n);
	whole(&h, NULL, "3 entries");
	begin(&other);
	acts(&other, 3);
	spill(&other, text.p, text.n);
	broken(&other, NULL, MUSTER_E_SIGNATURE, "made under another host key file");
	end(&other);
	buf_fini(&text);
	end(&h);
}
END_TEST

/* A heartbeat a day, in the record and in the system's log; silence for longer is noticed. */
START_TEST(test_rest_heartbeat)
{
	char head[REST_HEAD];
	struct host h;

	begin(&h);
	acts(&h, 2);
	(void)anchor_job(h.a);
	ck_assert_str_eq(h.said, "");
	clock_manual_advance(&h.clock, 23 * HOUR);
	(void)anchor_job(h.a);
	head_of(&h, head);
	ck_assert_int_eq(strncmp(head, "2:", 2), 0);
	clock_manual_advance(&h.clock, HOUR);
	head_of(&h, head);
	(void)anchor_job(h.a);
	ck_assert_msg(strstr(h.said, head) != NULL && strstr(h.said, "audit head=2:") != NULL, "%s", h.said);
	head_of(&h, head);
	ck_assert_int_eq(strncmp(head, "3:", 2), 0);
	(void)anchor_job(h.a);
	whole(&h, head, "3 entries");
	/* it outlives a restart: no second one on the same day */
	reopened(&h);
	(void)anchor_job(h.a);
	whole(&h, head, "3 entries");
	clock_manual_advance(&h.clock, 25 * HOUR);
	whole(&h, NULL, "3 entries");
	clock_manual_advance(&h.clock, HOUR);
	broken(&h, NULL, MUSTER_E_EXPIRED, "its newest entry 3 was written 26 hours ago");
	(void)anchor_job(h.a);
	whole(&h, NULL, "4 entries");
	end(&h);
}
END_TEST

/* A backup carries the head, and restored elsewhere with its key file it is whole. */
START_TEST(test_rest_backup)
{
	struct host h, r;
	char command[600];

	begin(&h);
	acts(&h, 4);
	ck_assert_msg(activation_backup(h.a, ACTOR, place(&h, "copy"), &h.err) == MUSTER_OK, "%s", h.err.message);
	acts(&h, 4);
	begin(&r);
	shut(&r);
	(void)snprintf(command, sizeof command, "rm -rf %s/* && cp -p %s/copy/* %s/ && mkdir -m 700 %s/secret && cp -p %s/secret/host-key %s/secret/", r.dir, h.dir, r.dir, r.dir, h.dir, r.dir);
	ck_assert_int_eq(system(command), 0);
	opened(&r);
	ck_assert_str_eq(r.said, "");
	whole(&r, NULL, "5 entries");
	end(&r);
	end(&h);
}
END_TEST

/* ---- the key file ---- */

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

UNIT_MAIN("rest", test_rest_audit_whole, test_rest_audit_cut, test_rest_audit_cut_running, test_rest_audit_changed, test_rest_audit_anew, test_rest_anchor_file, test_rest_heartbeat,
          test_rest_backup, test_rest_rekey, test_rest_key_missing, test_rest_swapped, test_rest_rekey_killed, test_rest_rekey_failing, test_rest_rekey_no_memory)
