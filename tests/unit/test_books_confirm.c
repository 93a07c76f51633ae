/* Confirming by trust.md section 9: the order of checks, what is the same again, limits, slots, and books restored from a backup. */
#include "tests/unit/books_confirm.h"

static char folder[64];
static struct books *b;

static void begin(void)
{
	(void)help_folder(folder);
	EXPECT(MUSTER_OK, books_open(&b, folder, issuer, true, &err));
	fill(b);
}

static void end(void)
{
	books_close(b);
	help_remove(folder);
}

/* The same Installation ID again: the same slot, nothing counted; another attempt counts, an older one is refused. */
START_TEST(test_confirm_again)
{
	struct books_order o = order(HOST_KEY, 1, 0), next = order(HOST_KEY, 1, 1);
	struct books_confirmation c;

	o.name = "kms1";
	c = given(b, &o);
	ck_assert(!c.again && c.slot == 0 && c.hosts_used == 1 && c.activations_used == 1 && c.hosts == 6 && c.activations == 10 && !c.counted);
	ck_assert_uint_eq(be32_get(c.slot_row.sealed), HOST_KEY);
	ck_assert_str_eq(c.slot_row.serial, "5107000000010000");
	c = given(b, &o);
	ck_assert(c.again && c.slot == 0 && c.hosts_used == 1 && c.activations_used == 1 && c.slot_row.sealed_n == 8);
	c = given(b, &next);
	ck_assert(!c.again && c.slot == 1 && c.hosts_used == 1 && c.activations_used == 2);
	c = given(b, &o);
	ck_assert(c.again && c.slot == 0);
	next.attempt = 5;
	(void)given(b, &next);
	next.attempt = 4;
	refused(b, &next, (uint32_t)CODE_OFFLINE_DATA, "older than one of the same host");
	ck_assert_uint_eq(key_of(b, HOST_KEY).used, 3);
}
END_TEST

/* The seventh host, and who holds the six; the eleventh activation; after `allow` both are accepted. */
START_TEST(test_confirm_limits)
{
	static const char *const names[] = { "alpha", "beta", "gamma", "delta", "epsilon", NULL };
	struct books_confirmation c;
	struct books_order o;

	for (uint32_t i = 0; i < 6; i++) {
		o = order(HOST_KEY, 100 + i, 0);
		o.name = names[i];
		c = given(b, &o);
		ck_assert(c.slot == i && c.hosts_used == i + 1);
	}
	o = order(HOST_KEY, 200, 0);
	refused(b, &o, (uint32_t)CODE_HOST_KEY_LIMIT, "all 6 hosts of the key ending in FGXNR are taken: alpha since 2026-11-22, beta since 2026-11-22");
	refused(b, &o, (uint32_t)CODE_HOST_KEY_LIMIT, "00000069000000000000 since 2026-11-22");   /* no name: its binding */
	for (uint8_t i = 1; i < 10; i++) {
		o = order(HOST_KEY, 100, i);
		ck_assert_uint_eq(given(b, &o).activations_used, i + 1);
	}
	o = order(HOST_KEY, 100, 10);
	refused(b, &o, (uint32_t)CODE_HOST_KEY_LIMIT, "this host was activated 10 times with the key ending in FGXNR, which allows 10 for each host");
	o.attempt = 9;
	ck_assert(given(b, &o).again);   /* what was given is given again at the limit, too */
	EXPECT(MUSTER_OK, books_key_allow(b, HOST_KEY, 7, 11, &later, &err));
	o.attempt = 10;
	ck_assert_uint_eq(given(b, &o).activations_used, 11);
	o = order(HOST_KEY, 200, 0);
	ck_assert_uint_eq(given(b, &o).hosts_used, 7);
	o = order(HOST_KEY, 201, 0);
	refused(b, &o, (uint32_t)CODE_HOST_KEY_LIMIT, "all 7 hosts");
}
END_TEST

/* A retired host gives its place; its Installation ID is not answered again, a new one counts anew. */
START_TEST(test_confirm_retired)
{
	struct books_order o;

	for (uint32_t i = 0; i < 6; i++) {
		o = order(HOST_KEY, 100 + i, 0);
		(void)given(b, &o);
	}
	EXPECT(MUSTER_OK, books_host_retire(b, HOST_KEY, order(HOST_KEY, 102, 0).binding, &later, &err));
	o = order(HOST_KEY, 300, 0);
	ck_assert(given(b, &o).hosts_used == 6);
	o = order(HOST_KEY, 102, 0);
	refused(b, &o, (uint32_t)CODE_OFFLINE_DATA, "retired on 2026-11-23");
	o.attempt = 1;
	refused(b, &o, (uint32_t)CODE_HOST_KEY_LIMIT, "all 6 hosts");
	EXPECT(MUSTER_OK, books_key_allow(b, HOST_KEY, 7, 0, &later, &err));
	ck_assert_uint_eq(given(b, &o).activations_used, 1);
}
END_TEST

START_TEST(test_confirm_refusals)
{
	struct books_order o = order(77, 1, 0);

	refused(b, &o, (uint32_t)CODE_KEY_INVALID, "no product key with the number 77");
	o = order(SETUP, 1, 0);
	refused(b, &o, (uint32_t)CODE_KEY_INVALID, "of a kind that is not activated");
	o = order(ESU, 1, 0);
	refused(b, &o, CODE_M_COVERAGE, "cannot be used before 2026-11-23, when its coverage starts");
	ck_assert_uint_eq(key_of(b, ESU).used, 0);
	o = order(HOST_KEY, 1, 0);
	o.generation = 2;
	refused(b, &o, CODE_M_GENERATION, "the books know no newer than 1");
	o.generation = 0;
	refused(b, &o, CODE_M_GENERATION, "made without a licence pack");
	o.generation = 1;
	EXPECT(MUSTER_OK, books_key_revoke(b, HOST_KEY, 1, &later, &err));
	refused(b, &o, (uint32_t)CODE_SERVER_KEY_BLOCKED, "was revoked: they asked");
}
END_TEST

/* A newer pack voids the slots of the older one, but not those revealed. */
START_TEST(test_confirm_generations)
{
	struct books_order o = order(HOST_KEY, 1, 0);

	ck_assert_uint_eq(given(b, &o).slot, 0);
	add_pack(b, 2, 2);
	ck_assert(given(b, &o).again);
	o.attempt = 1;
	refused(b, &o, CODE_M_GENERATION, "a newer pack (2) has replaced it");
	o.generation = 2;
	ck_assert_uint_eq(given(b, &o).slot, 0);
	ck_assert_uint_eq(given(b, &o).activations_used, 2);
}
END_TEST

/* Every slot once, lowest first; after the last a new pack is needed. */
START_TEST(test_confirm_slots)
{
	struct books_order o;

	EXPECT(MUSTER_OK, books_key_allow(b, HOST_KEY, 100, 0, &later, &err));
	for (uint32_t i = 0; i < SLOTS; i++) {
		o = order(HOST_KEY, 1000 + i, 0);
		ck_assert_uint_eq(given(b, &o).slot, i);
	}
	o = order(HOST_KEY, 5000, 0);
	refused(b, &o, CODE_M_SLOTS, "a new licence pack is needed");
	o = order(HOST_KEY, 1000, 0);
	ck_assert(given(b, &o).again);
}
END_TEST

static struct books_certificate certificate_for(const char *serial, const char *request, char *chain)
{
	struct books_certificate c = { .at = NOW, .begin = NOW - 86400, .end = NOW + 730 * 86400, .intermediate = 1, .product_count = 1, .chain = chain };

	memcpy(c.products[0], "office-office-of", 16);
	(void)snprintf(c.serial, sizeof c.serial, "%s", serial);
	(void)snprintf(c.kid, sizeof c.kid, "kid-%.30s", serial);
	(void)snprintf(c.subject, sizeof c.subject, "host");
	(void)snprintf(c.request, sizeof c.request, "%s", request);
	(void)snprintf(c.spki, sizeof c.spki, "%s", request);   /* a request, a key */
	return c;
}

/* Online: one certificate a request; the same request again is the same certificate, by whatever Installation ID of the host. */
START_TEST(test_confirm_online)
{
	static char chain[] = "chain";
	const char *one = "1111111111111111111111111111111111111111111111111111111111111111", *two = "2222222222222222222222222222222222222222222222222222222222222222";
	struct books_certificate c1 = certificate_for("a1", one, chain), c2 = certificate_for("a2", one, chain), c3 = certificate_for("a3", two, chain);
	struct books_order o = order(HOST_KEY, 1, 0);
	struct books_confirmation c;
	struct books_grant grant;
	char serial[41];

	o.method = BOOKS_ONLINE;
	o.reveal = false;
	o.has_request = true;
	memset(o.request, 0x11, sizeof o.request);
	o.certificate = &c1;
	ck_assert_str_eq(given(b, &o).certificate, "a1");
	o.certificate = &c2;
	c = given(b, &o);
	ck_assert(c.again && c.activations_used == 1);
	ck_assert_str_eq(c.certificate, "a1");
	o.attempt = 3;
	ck_assert_str_eq(given(b, &o).certificate, "a1");
	o.attempt = 0;
	/* another request needs another Installation ID, another host a key of its own */
	memset(o.request, 0x22, sizeof o.request);
	o.certificate = &c3;
	refused(b, &o, (uint32_t)CODE_OFFLINE_DATA, "answered for another certificate request");
	memset(o.request, 0x11, sizeof o.request);
	be32_put(o.binding, 2);
	refused(b, &o, (uint32_t)CODE_OFFLINE_DATA, "answered for another host");
	/* digits for what was activated online: a slot, nothing counted */
	o = order(HOST_KEY, 1, 0);
	c = given(b, &o);
	ck_assert(c.again && c.slot == 0 && c.activations_used == 1);
	/* renewal counts nothing */
	EXPECT(MUSTER_OK, books_granted(b, "a1", &grant, &err));
	ck_assert(grant.number == HOST_KEY && grant.has_binding && be32_get(grant.binding) == 1);
	EXPECT(MUSTER_OK, books_renew(b, &grant, &c3, serial, &act, &err));
	ck_assert_str_eq(serial, "a3");
	c3 = certificate_for("a4", two, chain);
	EXPECT(MUSTER_OK, books_renew(b, &grant, &c3, serial, &act, &err));
	ck_assert_str_eq(serial, "a3");
	ck_assert_uint_eq(key_of(b, HOST_KEY).used, 1);
	/* by the slot's certificate, too */
	EXPECT(MUSTER_OK, books_granted(b, "5107000000010000", &grant, &err));
	ck_assert(grant.number == HOST_KEY && be32_get(grant.binding) == 1);
	EXPECT(MUSTER_E_NOT_FOUND, books_granted(b, "5107000000010001", &grant, &err));
	EXPECT(MUSTER_OK, books_certificate_revoke(b, "a1", 1, &later, &err));
	EXPECT_SAYS(MUSTER_E_REFUSED, "was revoked", books_granted(b, "a1", &grant, &err));
	/* what was granted when it was asked, and is not any more when it is written: retired or revoked by another process in between */
	EXPECT(MUSTER_OK, books_granted(b, "a3", &grant, &err));
	EXPECT(MUSTER_OK, books_certificate_revoke(b, "a3", 4, &later, &err));
	c3 = certificate_for("a5", two, chain);
	EXPECT_SAYS(MUSTER_E_REFUSED, "was revoked", books_renew(b, &grant, &c3, serial, &act, &err));
	ck_assert_str_eq(serial, "");
	EXPECT(MUSTER_E_NOT_FOUND, books_granted(b, "a5", &grant, &err));
	o = order(HOST_KEY, 1, 0);
	o.method = BOOKS_ONLINE;
	o.reveal = false;
	o.has_request = true;
	memset(o.request, 0x11, sizeof o.request);
	o.certificate = &c2;
	refused(b, &o, (uint32_t)CODE_SERVER_KEY_BLOCKED, "was revoked on 2026-11-23");
	/* for a softer reason the key may come again, with another request */
	memset(o.request, 0x22, sizeof o.request);
	o.attempt = 1;
	c3 = certificate_for("a6", two, chain);
	o.certificate = &c3;
	ck_assert_str_eq(given(b, &o).certificate, "a6");
}
END_TEST

/* A public key whose certificate was revoked as compromised, or without a reason, is certified no more: by another request, in a renewal, by hand. */
START_TEST(test_confirm_compromised)
{
	static char chain[] = "chain";
	const char *requests[] = { "11", "22", "33", "44" }, *key = "kk";
	struct books_certificate c[4];
	struct books_order o = order(HOST_KEY, 1, 0);
	struct books_grant grant;
	char serial[41];

	for (unsigned i = 0; i < 4; i++) {
		(void)snprintf(serial, sizeof serial, "c%u", i);
		c[i] = certificate_for(serial, requests[i], chain);
		(void)snprintf(c[i].spki, sizeof c[i].spki, "%s", i == 1 ? "another" : key);
	}
	o.method = BOOKS_ONLINE;
	o.reveal = false;
	o.has_request = true;
	o.certificate = &c[0];
	(void)given(b, &o);
	memset(o.request, 0x22, sizeof o.request);
	o.attempt = 1;
	o.certificate = &c[1];
	(void)given(b, &o);
	EXPECT(MUSTER_OK, books_granted(b, "c1", &grant, &err));
	/* softly, as for a host that was moved, then without a reason */
	EXPECT(MUSTER_OK, books_certificate_revoke(b, "c0", 5, &act, &err));
	EXPECT(MUSTER_OK, books_renew(b, &grant, &c[2], serial, &act, &err));
	EXPECT(MUSTER_OK, books_certificate_revoke(b, "c2", 0, &act, &err));
	memset(o.request, 0x44, sizeof o.request);
	o.attempt = 2;
	o.certificate = &c[3];
	refused(b, &o, (uint32_t)CODE_SERVER_KEY_BLOCKED, "remove STATE/host/key.pem");
	EXPECT_SAYS(MUSTER_E_REFUSED, "remove STATE/host/key.pem", books_renew(b, &grant, &c[3], serial, &act, &err));
	EXPECT_SAYS(MUSTER_E_REFUSED, "remove STATE/host/key.pem", books_certificate_add(b, &c[3], &act, &err));
	EXPECT(MUSTER_E_NOT_FOUND, books_granted(b, "c3", &grant, &err));
	/* a new key is */
	(void)snprintf(c[3].spki, sizeof c[3].spki, "new");
	ck_assert_str_eq(given(b, &o).certificate, "c3");
}
END_TEST

static void batch(struct books_order *orders, struct books_confirmation *out, uint32_t first, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		orders[i] = order(MAK, first + (uint32_t)i, 0);
		orders[i].method = BOOKS_ONLINE;
		orders[i].reveal = false;
	}
	EXPECT(MUSTER_OK, books_confirm(b, orders, n, out, &act, &err));
}

/* 300 machines, then the same 300: the count does not move; the 301st is refused. By telephone a machine gets a finder's slot without being counted again. */
START_TEST(test_confirm_counted)
{
	static struct books_order orders[150];
	static struct books_confirmation first[150], again[150];
	struct books_confirmation c;
	struct books_order o;

	batch(orders, first, 5000, 150);
	batch(orders, again, 5000, 150);
	for (size_t i = 0; i < 150; i++) {
		ck_assert(first[i].result == MUSTER_OK && !first[i].again && first[i].counted && first[i].activations_used == i + 1);
		ck_assert(again[i].again && again[i].activations_used == 150);
		ck_assert_mem_eq(first[i].statement_id, again[i].statement_id, 16);
		ck_assert(i == 0 || memcmp(first[i].statement_id, first[i - 1].statement_id, 16) != 0);
	}
	batch(orders, again, 6000, 150);
	ck_assert_uint_eq(key_of(b, MAK).used, 300);
	o = order(MAK, 9999, 0);
	refused(b, &o, (uint32_t)CODE_MAK_LIMIT, "has activated 300 machines of the 300 it allows");
	o = order(MAK, 5007, 3);
	o.name = "somebody";
	c = given(b, &o);
	ck_assert(c.again && c.slot == 0 && c.activations_used == 300 && c.slot_row.sealed_n == 8);
	ck_assert_mem_eq(c.statement_id, first[7].statement_id, 16);
	ck_assert_uint_eq(given(b, &o).slot, 0);
	o = order(MAK, 5008, 0);
	ck_assert_uint_eq(given(b, &o).slot, 1);
	/* a newer pack: another slot for the same machine, still the same activation */
	add_pack(b, 2, 2);
	o = order(MAK, 5007, 4);
	refused(b, &(struct books_order){ .method = BOOKS_TELEPHONE, .number = MAK, .generation = 1, .reveal = true, .binding = { 0, 0, 0x13, 0x91 } }, CODE_M_GENERATION, "a newer pack");
	o.generation = 2;
	c = given(b, &o);
	ck_assert(c.again && c.slot == 0 && c.activations_used == 300);
	ck_assert_uint_eq(be32_get(c.slot_row.sealed + 4), 2u << 16);
}
END_TEST

/* Refused and given ones in one transaction: each by itself. */
START_TEST(test_confirm_mixed)
{
	const struct books_order orders[] = { order(HOST_KEY, 1, 0), order(77, 1, 0), order(HOST_KEY, 1, 0), order(ESU, 1, 0), order(HOST_KEY, 2, 0) };
	struct books_confirmation out[5];

	EXPECT(MUSTER_OK, books_confirm(b, orders, 5, out, &act, &err));
	ck_assert(out[0].result == MUSTER_OK && out[1].result == MUSTER_E_REFUSED && out[2].again && out[3].code == CODE_M_COVERAGE && out[4].slot == 1);
	ck_assert_uint_eq(key_of(b, HOST_KEY).used, 2);
}
END_TEST

static int count_holders(void *ctx, const struct books_holder *h)
{
	unsigned *n = ctx;

	ck_assert_uint_eq(be32_get(h->binding), 1 + *n);
	ck_assert_str_eq(h->name, *n == 0 ? "newer" : "");
	ck_assert_uint_eq(h->activations, *n == 0 ? 2 : 1);
	++*n;
	return 0;
}

START_TEST(test_confirm_holders)
{
	struct books_order o = order(HOST_KEY, 1, 0);
	unsigned n = 0;

	o.name = "older";
	(void)given(b, &o);
	o.attempt = 1;
	o.name = "newer";
	(void)given(b, &o);
	o = order(HOST_KEY, 2, 0);
	(void)given(b, &o);
	EXPECT(MUSTER_OK, books_holders(b, HOST_KEY, count_holders, &n, &err));
	ck_assert_uint_eq(n, 2);
}
END_TEST

START_TEST(test_confirm_wrong_tags)
{
	struct books_act tomorrow = act;
	unsigned today;

	for (unsigned i = 1; i <= 12; i++) {
		EXPECT(MUSTER_OK, books_wrong_tag(b, HOST_KEY, 12, &act, &today, &err));
		ck_assert_uint_eq(today, i);
	}
	/* enough: refused where it would be counted, and not counted; an operator's are */
	EXPECT_SAYS(MUSTER_E_REFUSED, "12 wrong tags", books_wrong_tag(b, HOST_KEY, 12, &act, &today, &err));
	ck_assert_uint_eq(today, 12);
	EXPECT(MUSTER_OK, books_wrong_tags(b, HOST_KEY, NOW, &today, &err));
	ck_assert_uint_eq(today, 12);
	tomorrow.now += 86400;
	EXPECT(MUSTER_OK, books_wrong_tags(b, HOST_KEY, tomorrow.now, &today, &err));
	ck_assert_uint_eq(today, 0);
	ck_assert_uint_eq(key_of(b, HOST_KEY).used, 0);
}
END_TEST

START_TEST(test_confirm_batches)
{
	const uint8_t id[16] = "batch", asked[32] = "one", other[32] = "two";
	struct buf answer;

	buf_init(&answer, 1000);
	EXPECT(MUSTER_E_NOT_FOUND, books_batch(b, id, asked, &answer, &err));
	EXPECT(MUSTER_OK, books_batch_put(b, id, asked, span_str("the answer"), &act, &err));
	EXPECT(MUSTER_OK, books_batch(b, id, asked, &answer, &err));
	ck_assert_str_eq(buf_str(&answer), "the answer");
	buf_clear(&answer);
	EXPECT_SAYS(MUSTER_E_MISMATCH, "another request", books_batch(b, id, other, &answer, &err));
	ck_assert_uint_eq(answer.n, 0);
	buf_fini(&answer);
}
END_TEST

/* A host whose audit trail went back is noticed; the same head again is nothing new. */
START_TEST(test_confirm_audit_heads)
{
	bool back;

	EXPECT(MUSTER_OK, books_audit_head(b, "h", 10, "aa", &back, &act, &err));
	ck_assert(!back);
	EXPECT(MUSTER_OK, books_audit_head(b, "h", 12, "bb", &back, &act, &err));
	ck_assert(!back);
	EXPECT(MUSTER_OK, books_audit_head(b, "h", 12, "bb", &back, &act, &err));
	ck_assert(!back);
	EXPECT(MUSTER_OK, books_audit_head(b, "h", 12, "cc", &back, &act, &err));
	ck_assert(back);
	EXPECT(MUSTER_OK, books_audit_head(b, "h", 11, "dd", &back, &act, &err));
	ck_assert(back);
	EXPECT(MUSTER_OK, books_audit_head(b, "other", 1, "aa", &back, &act, &err));
	ck_assert(!back);
}
END_TEST

/* ---- restored books ---- */

static void reopen(const char *backup)
{
	char path[128], side[140];

	books_close(b);
	(void)snprintf(path, sizeof path, "%s/books.db", folder);
	for (const char *const *suffix = (const char *const[]){ "", "-wal", "-shm", NULL }; *suffix != NULL; suffix++) {
		(void)snprintf(side, sizeof side, "%s%s", path, *suffix);
		(void)unlink(side);
	}
	ck_assert_int_eq(rename(backup, path), 0);
	EXPECT(MUSTER_OK, books_open(&b, folder, issuer, false, &err));
}

/* Yesterday's books and today's log: nothing is revealed before the replay, then everything is as it was: no slot twice, nothing counted twice. */
START_TEST(test_confirm_restored)
{
	static char chain[] = "chain";
	const char *request = "1111111111111111111111111111111111111111111111111111111111111111";
	struct books_certificate c1 = certificate_for("a1", request, chain);
	struct books_restored done;
	struct books_confirmation c, counted;
	struct books_order o, m = order(MAK, 5000, 0);
	char backup[128];

	(void)snprintf(backup, sizeof backup, "%s/backup", folder);
	o = order(HOST_KEY, 1, 0);
	(void)given(b, &o);
	EXPECT(MUSTER_OK, books_backup(b, backup, &err));
	for (uint32_t i = 2; i <= 4; i++) {
		o = order(HOST_KEY, i, 0);
		o.name = "kms";
		ck_assert_uint_eq(given(b, &o).slot, i - 1);
	}
	o = order(HOST_KEY, 5, 0);
	o.method = BOOKS_ONLINE;
	o.reveal = false;
	o.has_request = true;
	memset(o.request, 0x11, sizeof o.request);
	o.certificate = &c1;
	(void)given(b, &o);
	counted = given(b, &m);
	reopen(backup);
	ck_assert_uint_eq(key_of(b, HOST_KEY).used, 1);
	EXPECT(MUSTER_OK, books_behind(b, &done, &err));
	ck_assert_uint_eq(done.lines, 5);
	/* nothing: not even what the restored books know */
	for (uint32_t i = 1; i <= 6; i++) {
		o = order(HOST_KEY, i, 0);
		EXPECT_SAYS(MUSTER_E_REFUSED, "muster-issuer restore", books_confirm(b, &o, 1, &c, &act, &err));
		ck_assert(c.id == 0 && c.slot_row.sealed_n == 0);
	}
	EXPECT(MUSTER_OK, books_restore(b, &done, &act, &err));
	ck_assert(done.lines == 5 && done.confirmations == 5 && done.certificates == 1 && done.unknown == 0);
	ck_assert_uint_eq(key_of(b, HOST_KEY).used, 5);
	for (uint32_t i = 1; i <= 4; i++) {
		o = order(HOST_KEY, i, 0);
		c = given(b, &o);
		ck_assert(c.again && c.slot == i - 1 && c.hosts_used == 5);
	}
	c = given(b, &m);
	ck_assert(c.again && c.activations_used == 1);
	ck_assert_mem_eq(c.statement_id, counted.statement_id, 16);
	EXPECT(MUSTER_OK, books_certificate(b, "a1", &c1, &err));
	ck_assert_str_eq(c1.chain, "chain");
	ck_assert_uint_eq(c1.key, HOST_KEY);
	mem_free(c1.chain);
	o = order(HOST_KEY, 6, 0);
	ck_assert_uint_eq(given(b, &o).slot, 4);
	EXPECT(MUSTER_OK, books_restore(b, &done, &act, &err));
	ck_assert_uint_eq(done.lines, 0);
}
END_TEST

/* Behind by one line, as after a crash: it is taken in at once, whoever asks first. */
START_TEST(test_confirm_one_behind)
{
	struct books_order o = order(HOST_KEY, 1, 0);
	struct books_confirmation c;
	char backup[128];

	(void)snprintf(backup, sizeof backup, "%s/backup", folder);
	EXPECT(MUSTER_OK, books_backup(b, backup, &err));
	ck_assert_uint_eq(given(b, &o).slot, 0);
	reopen(backup);
	o = order(HOST_KEY, 2, 0);
	c = given(b, &o);
	ck_assert(c.slot == 1 && c.hosts_used == 2);
	o = order(HOST_KEY, 1, 0);
	c = given(b, &o);
	ck_assert(c.again && c.slot == 0);
}
END_TEST

static void write_log(const char *how, long cut)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/confirmations.log", folder);
	f = fopen(path, how);
	ck_assert_ptr_nonnull(f);
	if (cut < 0)
		ck_assert_int_ge(fputs("0123 half a line", f), 0);
	else
		ck_assert(fseek(f, cut, SEEK_SET) == 0 && fputc('x', f) == 'x');
	ck_assert_int_eq(fclose(f), 0);
}

/* A log that is gone, shorter, changed, or another one: nothing is revealed. Half a line at its end was never shown: it is cut. */
START_TEST(test_confirm_log)
{
	struct books_order o = order(HOST_KEY, 1, 0);
	struct books_confirmation c;
	char path[128], kept[128];

	(void)snprintf(path, sizeof path, "%s/confirmations.log", folder);
	(void)snprintf(kept, sizeof kept, "%s/kept", folder);
	(void)given(b, &o);
	write_log("a", -1);
	o = order(HOST_KEY, 2, 0);
	ck_assert_uint_eq(given(b, &o).slot, 1);
	o = order(HOST_KEY, 3, 0);
	ck_assert_int_eq(rename(path, kept), 0);
	EXPECT_SAYS(MUSTER_E_MISMATCH, "is missing", books_confirm(b, &o, 1, &c, &act, &err));
	write_log("w", -1);
	ck_assert_int_eq(chmod(path, 0600), 0);
	EXPECT_SAYS(MUSTER_E_MISMATCH, "shorter than", books_confirm(b, &o, 1, &c, &act, &err));
	ck_assert_int_eq(rename(kept, path), 0);
	ck_assert_int_eq(chmod(path, 0640), 0);
	EXPECT_SAYS(MUSTER_E_DENIED, "chmod 600", books_confirm(b, &o, 1, &c, &act, &err));
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_uint_eq(given(b, &o).slot, 2);
	write_log("r+", (long)(o.attempt + 70));   /* in the first line: only a replay reads it */
	o = order(HOST_KEY, 4, 0);
	ck_assert_uint_eq(given(b, &o).slot, 3);
}
END_TEST

/* The log is gone for good: a new one begins, and no slot that might have been revealed is given. */
START_TEST(test_confirm_log_lost)
{
	struct books_order o = order(HOST_KEY, 1, 0);
	struct books_confirmation c;
	char backup[128], path[128];
	unsigned keys;

	(void)snprintf(backup, sizeof backup, "%s/backup", folder);
	(void)snprintf(path, sizeof path, "%s/confirmations.log", folder);
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "nothing is lost", books_log_lost(b, &keys, &later, &err));
	ck_assert_uint_eq(given(b, &o).slot, 0);
	EXPECT(MUSTER_OK, books_backup(b, backup, &err));
	o.attempt = 1;
	ck_assert_uint_eq(given(b, &o).slot, 1);
	reopen(backup);
	EXPECT_SAYS(MUSTER_E_EXISTS, "move it away", books_log_lost(b, &keys, &later, &err));
	ck_assert_int_eq(unlink(path), 0);
	EXPECT_SAYS(MUSTER_E_MISMATCH, "is missing", books_confirm(b, &o, 1, &c, &act, &err));
	EXPECT_SAYS(MUSTER_E_INVALID, "say why", books_log_lost(b, &keys, &act, &err));
	EXPECT(MUSTER_OK, books_log_lost(b, &keys, &later, &err));
	ck_assert_uint_eq(keys, 2);
	refused(b, &o, CODE_M_GENERATION, "a newer pack (2) has replaced it");
	o.attempt = 0;
	ck_assert(given(b, &o).again);
	add_pack(b, 2, 3);
	o.attempt = 1;
	o.generation = 3;
	ck_assert_uint_eq(given(b, &o).slot, 0);
}
END_TEST

/* A changed line is not taken in. */
START_TEST(test_confirm_log_damaged)
{
	struct books_order o = order(HOST_KEY, 1, 0);
	struct books_restored done;
	char backup[128];

	(void)snprintf(backup, sizeof backup, "%s/backup", folder);
	EXPECT(MUSTER_OK, books_backup(b, backup, &err));
	(void)given(b, &o);
	o.attempt = 1;
	(void)given(b, &o);
	reopen(backup);
	write_log("r+", 100);
	EXPECT_SAYS(MUSTER_E_INVALID, "the line at byte 0 is damaged", books_restore(b, &done, &act, &err));
	ck_assert_uint_eq(key_of(b, HOST_KEY).used, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_confirm_again, test_confirm_limits, test_confirm_retired, test_confirm_refusals, test_confirm_generations, test_confirm_slots, test_confirm_online, test_confirm_compromised,
		test_confirm_counted, test_confirm_mixed, test_confirm_holders, test_confirm_wrong_tags, test_confirm_batches, test_confirm_audit_heads, test_confirm_restored,
		test_confirm_one_behind, test_confirm_log_lost, test_confirm_log, test_confirm_log_damaged,
	};

	return unit_run_with(suite_create("books_confirm"), tests, sizeof tests / sizeof tests[0], begin, end);
}
