/* The issuer's books: what they keep, what they refuse, and that nothing is lost or half-done when a process dies. The confirmations: test_books_confirm.c. */
#include "tests/unit/store_help.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "core/base/codes.h"
#include "core/base/mem.h"
#include "core/store/issuer_books.h"
#include "tests/unit/unit.h"

#define NOW INT64_C(1795000000)

static const uint8_t issuer[16] = "issuer-a-issuer", other[16] = "issuer-b-issuer";
static const uint8_t office[16] = "office-office-of", windows[16] = "windows-windows-";
static const struct books_act act = { .actor = "test", .now = NOW }, why = { .actor = "test", .now = NOW + 5, .reason = "they asked" };
static char folder[64], path[80];
static struct books *b;

static void begin(void)
{
	(void)help_folder(folder);
	(void)snprintf(path, sizeof path, "%.60s/books.db", folder);
	EXPECT(MUSTER_OK, books_open(&b, folder, issuer, true, &err));
}

static void end(void)
{
	books_close(b);
	help_remove(folder);
}

/* Products, an agreement, and a host key with the number. */
static void fill(uint32_t number)
{
	struct books_product p = { .name = "office2013", .title = "Office 2013" }, q = { .name = "windows", .title = "Windows", .coverage_start = 5, .coverage_end = 9 };
	struct books_agreement a = { .number = "EA-1", .programme = "open", .license_id = "L1", .organisation = "example" };
	struct books_key k = { .kind = 'A', .number = number, .partial = "FGXNR", .agreement = "EA-1", .product_count = 2, .hosts = 6, .activations = 10, .sealed = "sealed", .sealed_n = 6 };

	memcpy(p.activation_id, office, 16);
	memcpy(q.activation_id, windows, 16);
	memcpy(k.products[0], office, 16);
	memcpy(k.products[1], windows, 16);
	EXPECT(MUSTER_OK, books_product_put(b, &p, false, &act, &err));
	EXPECT(MUSTER_OK, books_product_put(b, &q, false, &act, &err));
	EXPECT(MUSTER_OK, books_agreement_put(b, &a, "Example GmbH", &act, &err));
	EXPECT(MUSTER_OK, books_key_add(b, &k, &act, &err));
}

static int count_journal(void *ctx, const struct store_journal *row)
{
	static uint8_t before[32];
	uint8_t hash[32];

	if (row->seq == 1)
		memset(before, 0, sizeof before);
	ck_assert_int_eq(row->seq, ++*(int64_t *)ctx);
	ck_assert_mem_eq(row->prev, before, 32);
	ck_assert_int_eq(store_journal_hash(hash, row), MUSTER_OK);
	ck_assert_mem_eq(row->hash, hash, 32);
	ck_assert_str_ne(books_event_word(row->kind), "unknown");
	memcpy(before, row->hash, 32);
	return 0;
}

/* Rows of the audit trail, gapless and chained. */
static int64_t journal(void)
{
	int64_t n = 0;

	EXPECT(MUSTER_OK, books_audit(b, 0, SIZE_MAX, count_journal, &n, &err));
	return n;
}

/* A statement from outside, as somebody's script might try it. @return SQLite's word for what came of it. */
static const char *outside(const char *sql)
{
	static char said[200];
	sqlite3 *h;
	char *text = NULL;

	ck_assert_int_eq(sqlite3_open(path, &h), SQLITE_OK);
	(void)sqlite3_busy_timeout(h, 10000);
	(void)sqlite3_exec(h, "PRAGMA foreign_keys=ON", NULL, NULL, NULL);
	(void)snprintf(said, sizeof said, "%s", sqlite3_exec(h, sql, NULL, NULL, &text) == SQLITE_OK ? "done" : text);
	sqlite3_free(text);
	sqlite3_close(h);
	return said;
}

static int64_t number(const char *sql)
{
	sqlite3 *h;
	sqlite3_stmt *s;
	int64_t n;

	ck_assert_int_eq(sqlite3_open(path, &h), SQLITE_OK);
	(void)sqlite3_busy_timeout(h, 10000);
	ck_assert_int_eq(sqlite3_prepare_v2(h, sql, -1, &s, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(h);
	return n;
}

static int count_any(void *ctx, const struct books_product *p)
{
	(void)p;
	return ++*(int *)ctx == 100;
}

START_TEST(test_books_names)
{
	struct books_product p;
	struct books_agreement a = { .number = "EA-2", .programme = "select", .organisation = "nobody" };
	struct books_organisation o;
	struct books_contact c = { .region = "DE", .telephone = "+49 1" };
	struct buf text;
	int n = 0;

	begin();
	fill(7);
	EXPECT(MUSTER_OK, books_product(b, "office2013", &p, &err));
	ck_assert_mem_eq(p.activation_id, office, 16);
	EXPECT_SAYS(MUSTER_E_EXISTS, "--replace", books_product_put(b, &p, false, &act, &err));
	(void)snprintf(p.title, sizeof p.title, "Office 2013 Suites");
	EXPECT(MUSTER_OK, books_product_put(b, &p, true, &act, &err));
	EXPECT(MUSTER_OK, books_product(b, "office2013", &p, &err));
	ck_assert_str_eq(p.title, "Office 2013 Suites");
	/* another product's name */
	p.activation_id[0] ^= 1;
	EXPECT_SAYS(MUSTER_E_EXISTS, "another product is called office2013", books_product_put(b, &p, true, &act, &err));
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "product add", books_product(b, "sql", &p, &err));
	EXPECT(MUSTER_OK, books_products(b, count_any, &n, &err));
	ck_assert_int_eq(n, 2);
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "--name", books_agreement_put(b, &a, NULL, &act, &err));
	EXPECT(MUSTER_OK, books_agreement(b, "EA-1", &a, &o, &err));
	ck_assert_str_eq(o.name, "Example GmbH");
	ck_assert_str_eq(a.license_id, "L1");
	EXPECT(MUSTER_E_EXISTS, books_agreement_put(b, &a, NULL, &act, &err));
	EXPECT(MUSTER_OK, books_contact_put(b, &c, &act, &err));
	c.telephone[0] = '\0';
	EXPECT(MUSTER_OK, books_contact_put(b, &c, &act, &err));
	EXPECT(MUSTER_E_NOT_FOUND, books_contact_put(b, &c, &act, &err));
	buf_init(&text, 1000);
	EXPECT(MUSTER_E_NOT_FOUND, books_setting(b, "service", &text, &err));
	EXPECT(MUSTER_OK, books_setting_put(b, "service", "https://issuer.example", &act, &err));
	EXPECT(MUSTER_OK, books_setting(b, "service", &text, &err));
	ck_assert_str_eq(buf_str(&text), "https://issuer.example");
	buf_fini(&text);
	/* what was refused has left no row */
	ck_assert_int_eq(journal(), 4 + 1 + 2 + 1);
	end();
}
END_TEST

START_TEST(test_books_keys)
{
	struct books_key k;

	begin();
	fill(7);
	EXPECT(MUSTER_OK, books_key(b, 7, &k, &err));
	ck_assert_uint_eq(k.product_count, 2);
	ck_assert_mem_eq(k.products[1], windows, 16);
	ck_assert_uint_eq(k.sealed_n, 6);
	ck_assert_uint_eq(k.used + k.used_hosts + k.generation, 0);
	EXPECT(MUSTER_E_EXISTS, books_key_add(b, &k, &act, &err));
	k.number = 8;
	k.products[1][0] ^= 1;
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "product add", books_key_add(b, &k, &act, &err));
	EXPECT(MUSTER_E_NOT_FOUND, books_key(b, 8, &k, &err));
	/* limits rise, with a reason */
	EXPECT_SAYS(MUSTER_E_INVALID, "--reason", books_key_allow(b, 7, 7, 0, &act, &err));
	EXPECT_SAYS(MUSTER_E_REFUSED, "only raised", books_key_allow(b, 7, 5, 0, &why, &err));
	EXPECT(MUSTER_OK, books_key_allow(b, 7, 7, 0, &why, &err));
	EXPECT(MUSTER_OK, books_key_allow(b, 7, 0, 11, &why, &err));
	EXPECT(MUSTER_OK, books_key(b, 7, &k, &err));
	ck_assert_uint_eq(k.hosts, 7);
	ck_assert_uint_eq(k.activations, 11);
	EXPECT(MUSTER_E_NOT_FOUND, books_host_retire(b, 7, (const uint8_t *)"0123456789", &act, &err));
	EXPECT(MUSTER_OK, books_key_revoke(b, 7, 1, &why, &err));
	EXPECT(MUSTER_E_EXISTS, books_key_revoke(b, 7, 1, &why, &err));
	EXPECT_SAYS(MUSTER_E_REFUSED, "they asked", books_key_allow(b, 7, 8, 0, &why, &err));
	ck_assert_int_eq(number("SELECT count(*) FROM journal WHERE detail LIKE '%reason: they asked'"), 3);
	journal();
	end();
}
END_TEST

static void make_slots(struct books_slot *slots, size_t n, uint32_t key, uint8_t generation)
{
	for (size_t i = 0; i < n; i++) {
		memset(&slots[i], 0, sizeof slots[i]);
		slots[i] = (struct books_slot){ .number = key, .generation = generation, .slot = (uint16_t)i, .sealed = "secret", .sealed_n = 6, .end = NOW + 100 };
		(void)snprintf(slots[i].serial, sizeof slots[i].serial, "aa%02x%02zx", generation, i);
	}
}

START_TEST(test_books_packs)
{
	struct books_pack p = { .id = "pack-1-pack-1-pa", .agreement = "EA-1", .issue = 1, .iat = NOW, .exp = NOW + 1000, .token = (const uint8_t *)"a.b.c", .token_n = 5 }, got;
	struct books_pack_key k = { .number = 7, .generation = 1 };
	struct books_slot slots[80];
	struct books_key key;

	begin();
	fill(7);
	make_slots(slots, 80, 7, 1);
	EXPECT(MUSTER_OK, books_pack_add(b, &p, &k, 1, slots, 80, &act, &err));
	EXPECT(MUSTER_OK, books_key(b, 7, &key, &err));
	ck_assert_uint_eq(key.generation, 1);
	EXPECT(MUSTER_OK, books_pack(b, "EA-1", NULL, &got, &err));
	ck_assert_uint_eq(got.issue, 1);
	ck_assert_mem_eq(got.token, "a.b.c", 5);
	/* made from what the books held before: somebody else was quicker, nothing is done */
	p.id[0] ^= 1;
	EXPECT_SAYS(MUSTER_E_MISMATCH, "issue 1 by now", books_pack_add(b, &p, &k, 1, slots, 80, &act, &err));
	p.issue = 2;
	EXPECT_SAYS(MUSTER_E_MISMATCH, "generation 1 by now", books_pack_add(b, &p, &k, 1, slots, 80, &act, &err));
	EXPECT(MUSTER_OK, books_pack(b, "EA-1", NULL, &got, &err));
	ck_assert_uint_eq(got.issue, 1);
	k.generation = 2;
	make_slots(slots, 80, 7, 2);
	EXPECT(MUSTER_OK, books_pack_add(b, &p, &k, 1, slots, 80, &act, &err));
	/* a key without slots keeps its generation */
	p.issue = 3;
	p.id[1] ^= 1;
	EXPECT(MUSTER_OK, books_pack_add(b, &p, &k, 1, NULL, 0, &act, &err));
	EXPECT(MUSTER_E_NOT_FOUND, books_pack(b, NULL, other, &got, &err));
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "pack create", books_pack(b, "EA-9", NULL, &got, &err));
	journal();
	end();
}
END_TEST

#define CONFIRMATION "INSERT INTO confirmation(at, method, number, generation, binding, attempt, counted, slot, request) VALUES"
#define HOST_A "x'00010203040506070809'"

/* trust.md section 9: the file itself refuses, whoever writes and however wrong the program is. */
START_TEST(test_books_constraints)
{
	static const struct { const char *sql, *says; } tries[] = {
		{ CONFIRMATION "(1, 0, 7, 1, " HOST_A ", 0, 0, 0, NULL)", "done" },
		{ CONFIRMATION "(1, 0, 7, 1, x'99010203040506070809', 0, 0, 0, NULL)", "UNIQUE" },          /* slot twice */
		{ CONFIRMATION "(1, 0, 7, 1, " HOST_A ", 0, 0, 1, NULL)", "UNIQUE" },                       /* attempt twice */
		{ CONFIRMATION "(1, 0, 7, 1, " HOST_A ", 1, 0, 1, NULL)", "done" },
		{ CONFIRMATION "(1, 1, 7, 1, " HOST_A ", 2, 0, NULL, zeroblob(32))", "done" },
		{ CONFIRMATION "(1, 1, 7, 1, " HOST_A ", 3, 0, NULL, zeroblob(32))", "UNIQUE" },            /* request twice */
		{ CONFIRMATION "(1, 1, 7, 1, " HOST_A ", 0, 1, NULL, NULL)", "done" },
		{ CONFIRMATION "(1, 1, 7, 0, " HOST_A ", 9, 1, NULL, NULL)", "UNIQUE" },                    /* machine twice */
		{ CONFIRMATION "(1, 1, 8, 1, " HOST_A ", 0, 0, NULL, NULL)", "FOREIGN KEY" },               /* no such key */
		{ CONFIRMATION "(1, 3, 7, 1, " HOST_A ", 9, 0, NULL, NULL)", "CHECK" },
		{ CONFIRMATION "(1, 1, 7, 1, x'00', 9, 0, NULL, NULL)", "CHECK" },
		{ CONFIRMATION "(1, 1, 7, 64, " HOST_A ", 9, 0, NULL, NULL)", "CHECK" },
		{ "UPDATE confirmation SET name = 'pc-17' WHERE counted = 1", "CHECK" },                      /* nobody's name at a counted key */
		{ "DELETE FROM confirmation", "never deleted" },
		{ "UPDATE slot SET confirmation = 1 WHERE number = 7 AND slot = 0", "done" },
		{ "UPDATE slot SET confirmation = NULL WHERE number = 7 AND slot = 0", "never free again" },
		{ "UPDATE slot SET confirmation = 2 WHERE number = 7 AND slot = 0", "never free again" },
		{ "UPDATE slot SET confirmation = 1 WHERE number = 7 AND slot = 1", "UNIQUE" },
		{ "DELETE FROM slot WHERE slot = 1", "never deleted" },
		{ "DELETE FROM key", "FOREIGN KEY" },
		{ "UPDATE key SET generation = 64", "CHECK" },
		{ "INSERT INTO key(number, kind, partial, agreement, hosts, activations, created, sealed) VALUES(1073741824, 'A', 'x', 'EA-1', 1, 1, 1, x'00')", "CHECK" },
		{ "INSERT INTO key(number, kind, partial, agreement, hosts, activations, created, sealed) VALUES(9, 'Q', 'x', 'EA-1', 1, 1, 1, x'00')", "CHECK" },
		{ "INSERT INTO pack(id, agreement, issue, iat, exp, token) VALUES(zeroblob(16), 'EA-1', 1, 1, 2, x'00')", "UNIQUE" },
		{ "DELETE FROM journal WHERE seq = 1", "only appended" },
		{ "UPDATE journal SET actor = 'nobody'", "only appended" },
	};
	struct books_pack p = { .id = "pack-1-pack-1-pa", .agreement = "EA-1", .issue = 1, .iat = NOW, .exp = NOW + 1000, .token = (const uint8_t *)"a.b.c", .token_n = 5 };
	struct books_pack_key k = { .number = 7, .generation = 1 };
	struct books_slot slots[4];

	begin();
	fill(7);
	make_slots(slots, 4, 7, 1);
	EXPECT(MUSTER_OK, books_pack_add(b, &p, &k, 1, slots, 4, &act, &err));
	for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
		const char *said = outside(tries[i].sql);

		ck_assert_msg(strstr(said, tries[i].says) != NULL, "%s: %s, not %s", tries[i].sql, said, tries[i].says);
	}
	end();
}
END_TEST

struct revoked { unsigned n; char serials[8][41]; };

static int gather_revoked(void *ctx, const struct books_certificate *c)
{
	struct revoked *l = ctx;

	(void)snprintf(l->serials[l->n++], 41, "%s", c->serial);
	return 0;
}

START_TEST(test_books_certificates)
{
	struct books_certificate c = { .serial = "0a0b", .kid = "kid-1", .subject = "host 1", .request = "00", .at = NOW, .begin = NOW - 10, .end = NOW + 100, .intermediate = 1,
		.product_count = 1, .chain = (char[]){ "-----BEGIN" } }, got;
	struct books_act late = { .actor = "test", .now = NOW + 100 };
	struct revoked list = { .n = 0 };
	uint64_t first = 0;
	unsigned next;

	begin();
	fill(7);
	memcpy(c.products[0], office, 16);
	EXPECT(MUSTER_OK, books_certificate_next(b, &next, &err));
	ck_assert_uint_eq(next, 1);
	EXPECT(MUSTER_OK, books_certificate_add(b, &c, &act, &err));
	ck_assert_uint_eq(c.number, 1);
	(void)snprintf(c.serial, sizeof c.serial, "0a0c");
	(void)snprintf(c.kid, sizeof c.kid, "kid-2");
	EXPECT(MUSTER_E_MISMATCH, books_certificate_add(b, &c, &act, &err));   /* it expects to be 1 */
	c.number = 2;
	c.key = 7;
	c.has_binding = true;
	EXPECT(MUSTER_OK, books_certificate_add(b, &c, &act, &err));
	for (size_t i = 0; i < 3; i++) {
		static const char *const which[] = { "2", "kid-2", "0A0C" };

		EXPECT(MUSTER_OK, books_certificate(b, which[i], &got, &err));
		ck_assert_uint_eq(got.number, 2);
		ck_assert_str_eq(got.chain, "-----BEGIN");
		ck_assert_uint_eq(got.key, 7);
		ck_assert(got.has_binding && got.product_count == 1);
		mem_free(got.chain);
	}
	EXPECT(MUSTER_E_NOT_FOUND, books_certificate(b, "kid-3", &got, &err));
	EXPECT(MUSTER_E_NOT_FOUND, books_certificate_revoke(b, "3", 1, &act, &err));
	EXPECT(MUSTER_OK, books_certificate_revoke(b, "1", 4, &act, &err));
	EXPECT(MUSTER_E_EXISTS, books_certificate_revoke(b, "1", 5, &act, &err));
	EXPECT(MUSTER_OK, books_certificate_revoke(b, "1", 1, &act, &err));   /* it was worse than thought */
	EXPECT(MUSTER_E_EXISTS, books_certificate_revoke(b, "1", 4, &act, &err));
	EXPECT(MUSTER_OK, books_key_revoke(b, 7, 1, &why, &err));             /* and what was granted to it */
	EXPECT(MUSTER_OK, books_crl_next(b, &first, gather_revoked, &list, &act, &err));
	ck_assert_uint_eq(first, 1);
	ck_assert_uint_eq(list.n, 2);
	ck_assert_str_eq(list.serials[0], "0a0b");
	ck_assert_str_eq(list.serials[1], "0a0c");
	list.n = 0;
	EXPECT(MUSTER_OK, books_crl_next(b, &first, gather_revoked, &list, &late, &err));   /* ended: no longer listed */
	ck_assert_uint_eq(first, 2);
	ck_assert_uint_eq(list.n, 0);
	first = 40;   /* a list of this number is out: these books are a restored backup */
	EXPECT(MUSTER_OK, books_crl_next(b, &first, gather_revoked, &list, &late, &err));
	ck_assert_uint_eq(first, 41);
	journal();
	end();
}
END_TEST

START_TEST(test_books_opening)
{
	struct books *again;
	int fd;

	begin();
	fill(7);
	books_close(b);
	b = NULL;
	EXPECT_SAYS(MUSTER_E_INVALID, "another issuer", books_open(&again, folder, other, true, &err));
	ck_assert_int_eq(chmod(path, 0640), 0);
	EXPECT_SAYS(MUSTER_E_DENIED, "chmod 600", books_open(&again, folder, issuer, true, &err));
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_str_eq(outside("UPDATE issuer SET schema = 99"), "done");
	EXPECT_SAYS(MUSTER_E_UNSUPPORTED, "newer Muster", books_open(&again, folder, issuer, true, &err));
	ck_assert_str_eq(outside("PRAGMA application_id = 5"), "done");
	EXPECT_SAYS(MUSTER_E_INVALID, "another program", books_open(&again, folder, issuer, true, &err));
	ck_assert_int_ge(fd = open(path, O_WRONLY | O_TRUNC), 0);
	ck_assert_int_eq(write(fd, "junk junk junk junk junk", 24), 24);
	close(fd);
	EXPECT(MUSTER_E_INVALID, books_open(&again, folder, issuer, true, &err));
	ck_assert_int_eq(unlink(path), 0);
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "last backup", books_open(&again, folder, issuer, false, &err));
	ck_assert_int_ne(access(path, F_OK), 0);
	end();
}
END_TEST

static const uint8_t here[10] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, there[10] = { 9 };

/* A pack of licences for one licence server. */
static struct books_pack licences(const char *id, uint32_t issue, const uint8_t binding[10], const char *token, int64_t exp)
{
	struct books_pack p = { .agreement = "EA-1", .issue = issue, .iat = NOW, .exp = exp, .token = (const uint8_t *)token, .token_n = strlen(token), .has_binding = true, .licenses = true };

	memcpy(p.id, id, 16);
	memcpy(p.binding, binding, 10);
	return p;
}

struct tokens { char text[200]; };

static int gather_token(void *ctx, const struct books_pack *p)
{
	struct tokens *t = ctx;
	size_t n = strlen(t->text);

	(void)snprintf(t->text + n, sizeof t->text - n, "%.*s;", (int)p->token_n, (const char *)p->token);
	return 0;
}

static const char *tokens_of(const uint8_t binding[10], int64_t now)
{
	static struct tokens t;

	t.text[0] = '\0';
	EXPECT(MUSTER_OK, books_packs_of(b, binding, now, gather_token, &t, &err));
	return t.text;
}

/* Licences in the books: what they are, whose, and which pack of them a licence server gets. */
START_TEST(test_books_licences)
{
	struct books_key k = { .kind = '5', .number = 8, .partial = "CAL01", .agreement = "EA-1", .product_count = 1, .licenses = 50, .per = 1, .version = "2019", .has_binding = true,
		.sealed = "sealed", .sealed_n = 6 }, got;
	struct books_pack p = { .id = "pack-1-pack-1-pa", .agreement = "EA-1", .issue = 1, .iat = NOW, .exp = NOW + 1000, .token = (const uint8_t *)"a.b.c", .token_n = 5 }, one;
	struct books_pack_key pk = { .number = 8, .generation = 1 };

	begin();
	fill(7);
	memcpy(k.products[0], office, 16);
	memcpy(k.binding, here, 10);
	EXPECT(MUSTER_OK, books_key_add(b, &k, &act, &err));
	EXPECT(MUSTER_OK, books_key(b, 8, &got, &err));
	ck_assert(got.licenses == 50 && got.per == 1 && got.has_binding && got.account[0] == '\0');
	ck_assert_mem_eq(got.binding, here, 10);
	ck_assert_str_eq(got.version, "2019");
	k = (struct books_key){ .kind = '5', .number = 9, .partial = "AGR01", .agreement = "EA-1", .product_count = 1, .hosts = 2, .activations = 3, .account = "7654321", .sealed = "sealed",
		.sealed_n = 6 };
	memcpy(k.products[0], office, 16);
	EXPECT(MUSTER_OK, books_key_add(b, &k, &act, &err));
	EXPECT(MUSTER_OK, books_key(b, 9, &got, &err));
	ck_assert(got.licenses == 0 && !got.has_binding);
	ck_assert_str_eq(got.account, "7654321");
	ck_assert_str_eq(tokens_of(here, NOW), "");
	EXPECT(MUSTER_OK, books_pack_add(b, &p, &(struct books_pack_key){ .number = 7, .generation = 1 }, 1, NULL, 0, &act, &err));
	one = licences("licences-1-licen", 2, here, "one", NOW + 1000);
	EXPECT(MUSTER_OK, books_pack_add(b, &one, &pk, 1, NULL, 0, &act, &err));
	one = licences("licences-2-licen", 3, there, "theirs", NOW + 1000);
	EXPECT(MUSTER_OK, books_pack_add(b, &one, &pk, 1, NULL, 0, &act, &err));
	one = licences("licences-3-licen", 4, here, "two", NOW + 500);
	EXPECT(MUSTER_OK, books_pack_add(b, &one, &pk, 1, NULL, 0, &act, &err));
	ck_assert_str_eq(tokens_of(here, NOW), "two;");
	ck_assert_str_eq(tokens_of(there, NOW), "theirs;");
	ck_assert_str_eq(tokens_of(here, NOW + 500), "");      /* the newest ended: an older one is no answer */
	EXPECT(MUSTER_OK, books_pack(b, "EA-1", NULL, &one, &err));
	ck_assert_uint_eq(one.issue, 1);                       /* what activates is another line */
	ck_assert_str_ne(outside("UPDATE key SET licenses = 5 WHERE number = 7"), "done");
	ck_assert_str_ne(outside("UPDATE key SET per = 3 WHERE number = 8"), "done");
	ck_assert_str_ne(outside("UPDATE key SET binding = x'00' WHERE number = 8"), "done");
	journal();
	end();
}
END_TEST

/* Books of the Muster before: opened, they have what they lacked, and lose nothing; a second program that opens them finds it done. */
START_TEST(test_books_raised)
{
	struct books *second;
	struct books_key k;
	int64_t rows;

	begin();
	fill(7);
	rows = journal();
	books_close(b);
	b = NULL;
	ck_assert_str_eq(outside("DROP INDEX pack_binding; ALTER TABLE pack DROP COLUMN licenses; ALTER TABLE pack DROP COLUMN binding; ALTER TABLE key DROP COLUMN binding;"
		" ALTER TABLE key DROP COLUMN version; ALTER TABLE key DROP COLUMN per; ALTER TABLE key DROP COLUMN licenses; ALTER TABLE key DROP COLUMN account;"
		" UPDATE issuer SET schema = 1"), "done");
	EXPECT(MUSTER_OK, books_open(&b, folder, issuer, false, &err));
	EXPECT(MUSTER_OK, books_open(&second, folder, issuer, false, &err));
	books_close(second);
	ck_assert_int_eq(number("SELECT schema FROM issuer"), 2);
	EXPECT(MUSTER_OK, books_key(b, 7, &k, &err));
	ck_assert(k.hosts == 6 && k.activations == 10 && k.product_count == 2 && k.licenses == 0 && k.per == 0 && !k.has_binding && k.account[0] == '\0' && k.version[0] == '\0');
	ck_assert_int_eq(journal(), rows);
	end();
}
END_TEST

START_TEST(test_books_backup)
{
	char copy[120];
	struct books *restored;
	struct books_key k;
	struct stat st;
	char dir[100];

	begin();
	fill(7);
	(void)snprintf(dir, sizeof dir, "%.60s/copy", folder);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	(void)snprintf(copy, sizeof copy, "%.90s/books.db", dir);
	EXPECT(MUSTER_OK, books_backup(b, copy, &err));
	EXPECT(MUSTER_E_EXISTS, books_backup(b, copy, &err));
	ck_assert_int_eq(stat(copy, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	EXPECT(MUSTER_OK, books_open(&restored, dir, issuer, false, &err));
	EXPECT(MUSTER_OK, books_key(restored, 7, &k, &err));
	EXPECT(MUSTER_OK, books_key_allow(restored, 7, 7, 0, &why, &err));
	books_close(restored);
	EXPECT_SAYS(MUSTER_E_NOT_FOUND, "", books_backup(b, "/nonexistent/books.db", &err));
	end();
}
END_TEST

/* Mint keys first, first + 1 … until killed or @p n are there; another process's number is passed over. */
static void mint(uint32_t first, uint32_t n)
{
	struct books_key k = { .kind = '1', .partial = "x", .agreement = "EA-1", .activations = 5, .product_count = 1, .sealed = "s", .sealed_n = 1 };
	struct muster_err err;

	memcpy(k.products[0], office, 16);
	for (k.number = first; k.number < first + n; k.number++)
		if (books_key_add(b, &k, &act, &err) != MUSTER_OK)
			_exit(1);
	_exit(0);
}

static pid_t minter(uint32_t first, uint32_t n)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* a connection is not carried over a fork */
		if (books_open(&b, folder, issuer, false, NULL) != MUSTER_OK)
			_exit(2);
		mint(first, n);
	}
	ck_assert_int_gt(pid, 0);
	return pid;
}

/* Two processes write at once: each waits for the other, every act is there, and the chain of the audit has no gap. */
START_TEST(test_books_two_processes)
{
	int64_t before;
	pid_t one, two;
	int status;

	begin();
	fill(7);
	before = journal();
	books_close(b);
	one = minter(1000, 40);
	two = minter(2000, 40);
	ck_assert_int_eq(waitpid(one, &status, 0), one);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(waitpid(two, &status, 0), two);
	ck_assert_int_eq(status, 0);
	EXPECT(MUSTER_OK, books_open(&b, folder, issuer, false, &err));
	ck_assert_int_eq(journal(), before + 80);
	ck_assert_int_eq(number("SELECT count(*) FROM key"), 81);
	end();
}
END_TEST

/* Killed in the middle, again and again: what is there is whole (each key with its product and its audit row). */
START_TEST(test_books_killed)
{
	int rounds = getenv("MUSTER_KILL_ROUNDS") != NULL ? 40 : 4, status;
	int64_t keys = 0, before = 0;

	begin();
	fill(7);
	books_close(b);
	for (int round = 0; round < rounds; round++) {
		pid_t pid = minter(1000 + (uint32_t)round * 100000, 100000);
		int64_t want = keys + 1 + round % 3;

		/* it is killed at another place each time: after a few of its commits */
		do
			ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
		while ((keys = number("SELECT count(*) FROM key")) < want);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		EXPECT(MUSTER_OK, books_open(&b, folder, issuer, false, &err));
		keys = number("SELECT count(*) FROM key");
		ck_assert_int_eq(number("SELECT count(*) FROM key_product") - 1, keys);
		ck_assert_int_eq(journal(), 4 + keys - 1);
		ck_assert_int_gt(journal(), before);
		before = journal();
		books_close(b);
	}
	EXPECT(MUSTER_OK, books_open(&b, folder, issuer, false, &err));
	end();
}
END_TEST

UNIT_MAIN("books", test_books_names, test_books_keys, test_books_packs, test_books_constraints, test_books_certificates, test_books_opening, test_books_licences, test_books_raised, test_books_backup,
          test_books_two_processes, test_books_killed)
