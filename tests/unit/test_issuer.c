#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/uuid.h"
#include "core/issuer/authority.h"
#include "core/issuer/datakey.h"
#include "core/issuer/leaf.h"
#include "core/issuer/migrate.h"
#include "core/issuer/passphrase.h"
#include "core/issuer/products.h"
#include "core/issuer/rewrap.h"
#include "tests/unit/trust_fixture.h"

static char folder[64];

static const char *place(const char *name)
{
	static char path[4][160];
	static unsigned next;
	char *p = path[next++ % 4];

	if (folder[0] == '\0') {
		strcpy(folder, "/tmp/muster-issuer-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(folder));
	}
	snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return p;
}

static void clean(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
	folder[0] = '\0';
}

struct faults { char text[8][512]; int n; };

static void note(void *ctx, const char *message)
{
	struct faults *f = ctx;

	ck_assert_int_lt(f->n, 8);
	snprintf(f->text[f->n++], sizeof(f->text[0]), "%s", message);
}

static int parse(struct products *p, struct faults *f, const char *text)
{
	struct muster_err err;

	memset(f, 0, sizeof(*f));
	return products_parse(p, span_str(text), "products.txt", note, f, &err);
}

#define ONE "2e28138a-847f-42bc-9752-61b03fff33cd"
#define TWO "98ebfe73-2084-4c97-932c-c0cd1643bea7"

START_TEST(test_issuer_products)
{
	struct products p;
	struct faults f;
	struct buf b;
	int i;

	ck_assert_int_eq(parse(&p, &f, "\xef\xbb\xbf# our products\r\n\r\n  " ONE "  # office\r\n\t" TWO), MUSTER_OK);
	ck_assert_uint_eq(p.n, 2);
	ck_assert_int_eq(f.n, 0);
	ck_assert_int_eq(parse(&p, &f, "2E28138A-847F-42BC-9752-61B03FFF33CD\n"), MUSTER_OK);
	/* every fault is told, each with its line */
	ck_assert_int_eq(parse(&p, &f, ONE "\noffice2013\n\n" ONE "\n" TWO " " TWO "\n"), MUSTER_E_INVALID);
	ck_assert_uint_eq(p.n, 0);
	ck_assert_int_eq(f.n, 3);
	ck_assert_str_eq(f.text[0], "products.txt:2: \"office2013\" is not an activation ID (like " ONE ")");
	ck_assert_str_eq(f.text[1], "products.txt:4: " ONE " stands in line 1 already");
	ck_assert_ptr_eq(strstr(f.text[2], "products.txt:5: "), f.text[2]);
	ck_assert_int_eq(parse(&p, &f, "# nothing\n"), MUSTER_E_INVALID);
	ck_assert_str_eq(f.text[0], "products.txt:1: there is no activation ID in the file");
	ck_assert_int_eq(parse(&p, &f, ""), MUSTER_E_INVALID);
	/* the 65th */
	buf_init(&b, 1 << 16);
	for (i = 0; i < 65; i++)
		buf_addf(&b, "00000000-0000-4000-8000-%012d\n", i);
	ck_assert_int_eq(parse(&p, &f, buf_str(&b)), MUSTER_E_INVALID);
	ck_assert_int_eq(f.n, 1);
	ck_assert_ptr_nonnull(strstr(f.text[0], "products.txt:65: a host certificate names at most 64"));
	buf_fini(&b);
}
END_TEST

static void request(struct buf *out, EVP_PKEY **key)
{
	struct muster_err err;

	fixture_ok(trust_key_generate(key, TRUST_ES256, &err), &err);
	buf_init(out, TRUST_CHAIN_MAX);
	fixture_ok(trust_request_make(out, *key, "what the host calls itself", &err), &err);
}

/* As the command does: lock, key, certificate, and into the books. */
static int certify(struct books_certificate *c, struct authority *a, const struct buf *pem, const struct products *p, const char *passphrase, int64_t now,
                   struct muster_err *err)
{
	const struct leaf_order order = { .request = span_of(pem->p, pem->n), .products = (const void *)p->ids, .product_count = p->n, .life_s = TRUST_HOST_LIFE_S };
	const struct books_act act = { .actor = "test", .now = now };
	struct books *b = NULL;
	EVP_PKEY *mid_key = NULL;
	int fd = -1, r;

	memset(c, 0, sizeof(*c));
	if ((r = authority_lock(&fd, a, err)) == MUSTER_OK && (r = trust_key_read(&mid_key, a->mid_key, passphrase, err)) == MUSTER_OK
	    && (r = books_open(&b, a->dir, a->issuer_id, true, err)) == MUSTER_OK && (r = books_certificate_next(b, &c->number, err)) == MUSTER_OK
	    && (r = leaf_host(c, a, mid_key, &order, now, err)) == MUSTER_OK)
		r = books_certificate_add(b, c, &act, err);
	books_close(b);
	EVP_PKEY_free(mid_key);
	if (fd >= 0)
		close(fd);
	return r;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_mode & 07777;
}

START_TEST(test_issuer_init_certify_renew)
{
	enum trust_algorithm alg;

	for (alg = TRUST_ES256; alg <= TRUST_EDDSA; alg++) {
		/* with a passphrase and without: each time one is tried takes half a second on purpose */
		const char *passphrase = alg == TRUST_ES256 ? "correct horse battery" : NULL;
		struct authority *a;
		struct books_certificate e;
		struct muster_err err;
		struct products p;
		struct faults f;
		struct trust_anchors *anchors;
		struct trust_chain *chain;
		struct buf pem, root;
		EVP_PKEY *key;
		const char *dir = place("issuer");
		size_t n;
		int64_t late = FIX_NOW + TRUST_INTERMEDIATE_ISSUES_S;

		fixture_ok(authority_init(dir, "Example Software", alg, passphrase, FIX_NOW, &err), &err);
		ck_assert_uint_eq(mode_of(place("issuer")), 0700);
		ck_assert_uint_eq(mode_of(place("issuer/root.key")), 0600);
		ck_assert_uint_eq(mode_of(place("issuer/intermediate-1.key")), 0600);
		ck_assert_int_eq(authority_init(place("issuer"), "Example Software", alg, passphrase, FIX_NOW, &err), MUSTER_E_EXISTS);
		fixture_ok(authority_open(&a, place("issuer"), &err), &err);
		ck_assert_int_eq(trust_key_algorithm(X509_get0_pubkey(a->root)), (int)alg);
		ck_assert_int_eq(parse(&p, &f, ONE "\n" TWO "\n"), MUSTER_OK);
		request(&pem, &key);

		/* wrong passphrase: nothing is written */
		if (passphrase != NULL) {
			ck_assert_int_eq(certify(&e, a, &pem, &p, "incorrect horse", FIX_NOW, &err), MUSTER_E_DENIED);
			ck_assert_int_eq(certify(&e, a, &pem, &p, NULL, FIX_NOW, &err), MUSTER_E_DENIED);
		}
		ck_assert_int_eq(access(place("issuer/books.db"), F_OK), -1);

		/* the root key is offline and nobody misses it */
		ck_assert_int_eq(rename(place("issuer/root.key"), place("root.key")), 0);
		fixture_ok(certify(&e, a, &pem, &p, passphrase, FIX_NOW, &err), &err);
		ck_assert_uint_eq(e.number, 1);
		ck_assert_str_eq(e.subject, "host 1");
		ck_assert_int_eq(e.begin, FIX_NOW - TRUST_BACKDATE_S);
		ck_assert_int_eq(e.end, FIX_NOW + TRUST_HOST_LIFE_S);
		buf_init(&root, 65536);
		fixture_ok(file_read(&root, place("issuer/issuer.pem"), 65536, &err), &err);
		fixture_ok(trust_anchors_read(&anchors, span_of(root.p, root.n), &err), &err);
		fixture_ok(trust_chain_read(&chain, span_str(e.chain), &err), &err);
		fixture_ok(trust_chain_verify(chain, anchors, TRUST_ROLE_LEASE, FIX_NOW, &err), &err);
		ck_assert_mem_eq(trust_chain_products(chain, &n)[1], p.ids[1], 16);
		ck_assert_uint_eq(n, 2);
		ck_assert_str_eq(trust_chain_kid(chain), e.kid);
		/* only the key came from the request */
		{
			char name[80] = "";

			X509_NAME_get_text_by_NID(X509_get_subject_name(trust_chain_signer(chain)), NID_commonName, name, sizeof(name));
			ck_assert_str_eq(name, "host 1");
			ck_assert_int_eq(EVP_PKEY_eq(X509_get0_pubkey(trust_chain_signer(chain)), key), 1);
		}
		trust_chain_unref(chain);

		mem_free(e.chain);

		/* the intermediate is three years old: no more certificates until there is a new one */
		ck_assert_int_eq(certify(&e, a, &pem, &p, passphrase, late + 1, &err), MUSTER_E_EXPIRED);
		ck_assert_ptr_nonnull(strstr(err.message, "make a new one"));
		ck_assert_int_eq(authority_issues_until(a), late);
		ck_assert_int_eq(authority_renew(a, place("issuer/root.key"), passphrase, late, &err), MUSTER_E_NOT_FOUND);
		ck_assert_ptr_nonnull(strstr(err.message, "offline"));
		if (passphrase != NULL)
			ck_assert_int_eq(authority_renew(a, place("root.key"), NULL, late, &err), MUSTER_E_DENIED);
		fixture_ok(authority_renew(a, place("root.key"), passphrase, late, &err), &err);
		ck_assert_uint_eq(a->mid_number, 2);
		fixture_ok(certify(&e, a, &pem, &p, passphrase, late + 1, &err), &err);
		ck_assert_uint_eq(e.number, 2);
		ck_assert_uint_eq(e.intermediate, 2);
		fixture_ok(trust_chain_read(&chain, span_str(e.chain), &err), &err);
		fixture_ok(trust_chain_verify(chain, anchors, TRUST_ROLE_LEASE, late + 1, &err), &err);
		trust_chain_unref(chain);
		mem_free(e.chain);
		trust_anchors_free(anchors);
		buf_fini(&root);
		buf_fini(&pem);
		EVP_PKEY_free(key);
		authority_free(a);
		clean();
	}
}
END_TEST

START_TEST(test_issuer_refusals)
{
	struct authority *a;
	struct books_certificate e;
	struct muster_err err;
	struct products p;
	struct faults f;
	struct buf pem;
	EVP_PKEY *key;

	ck_assert_int_eq(authority_init(place("x"), "", TRUST_ES256, NULL, FIX_NOW, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(authority_init(place("x"), "1234567890123456789012345678901234567890123456789", TRUST_ES256, NULL, FIX_NOW, &err), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "49 characters"));
	ck_assert_int_eq(authority_init(place("x"), "Example", TRUST_ES256, "too short", FIX_NOW, &err), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "at least 12"));
	ck_assert_int_eq(authority_open(&a, place("none"), &err), MUSTER_E_NOT_FOUND);
	ck_assert_int_eq(mkdir(place("empty"), 0700), 0);
	ck_assert_int_eq(authority_open(&a, place("empty"), &err), MUSTER_E_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.message, "init --name"));
	/* half an issuer */
	ck_assert_int_eq(mkdir(place("half"), 0700), 0);
	fixture_ok(file_write(place("half/root.key"), span_str("x"), 0600, &err), &err);
	ck_assert_int_eq(authority_init(place("half"), "Example", TRUST_ES256, NULL, FIX_NOW, &err), MUSTER_E_EXISTS);
	ck_assert_ptr_nonnull(strstr(err.message, "half an issuer"));
	/* unsafe modes */
	fixture_ok(authority_init(place("issuer"), "Example", TRUST_ES256, NULL, FIX_NOW, &err), &err);
	ck_assert_int_eq(parse(&p, &f, ONE "\n"), MUSTER_OK);
	request(&pem, &key);
	fixture_ok(authority_open(&a, place("issuer"), &err), &err);
	ck_assert_int_eq(chmod(place("issuer/intermediate-1.key"), 0640), 0);
	ck_assert_int_eq(certify(&e, a, &pem, &p, NULL, FIX_NOW, &err), MUSTER_E_DENIED);
	ck_assert_int_eq(chmod(place("issuer/intermediate-1.key"), 0600), 0);
	ck_assert_int_eq(chmod(place("issuer"), 0770), 0);
	ck_assert_int_eq(certify(&e, a, &pem, &p, NULL, FIX_NOW, &err), MUSTER_E_DENIED);
	ck_assert_int_eq(chmod(place("issuer"), 0700), 0);
	fixture_ok(certify(&e, a, &pem, &p, NULL, FIX_NOW, &err), &err);
	mem_free(e.chain);
	authority_free(a);
	/* another issuer's intermediate in the folder */
	fixture_ok(authority_init(place("second"), "Example", TRUST_ES256, NULL, FIX_NOW, &err), &err);
	ck_assert_int_eq(rename(place("second/intermediate-1.pem"), place("issuer/intermediate-2.pem")), 0);
	ck_assert_int_eq(authority_open(&a, place("issuer"), &err), MUSTER_E_SIGNATURE);
	ck_assert_ptr_nonnull(strstr(err.message, "intermediate-2.pem"));
	buf_fini(&pem);
	EVP_PKEY_free(key);
	clean();
}
END_TEST

/* Another request of a host's key, once a certificate of that key was revoked as compromised. */
START_TEST(test_issuer_compromised)
{
	const struct books_act act = { .actor = "test", .now = FIX_NOW };
	struct books_certificate c;
	struct authority *a;
	struct muster_err err;
	struct products p;
	struct faults f;
	struct books *b;
	struct buf pem, fresh;
	EVP_PKEY *key, *other;

	fixture_ok(authority_init(place("issuer"), "Example", TRUST_ES256, NULL, FIX_NOW, &err), &err);
	fixture_ok(authority_open(&a, place("issuer"), &err), &err);
	ck_assert_int_eq(parse(&p, &f, ONE "\n"), MUSTER_OK);
	request(&pem, &key);
	fixture_ok(certify(&c, a, &pem, &p, NULL, FIX_NOW, &err), &err);
	mem_free(c.chain);
	fixture_ok(books_open(&b, a->dir, a->issuer_id, false, &err), &err);
	fixture_ok(books_certificate_revoke(b, c.serial, 1, &act, &err), &err);
	books_close(b);
	buf_init(&fresh, TRUST_CHAIN_MAX);
	fixture_ok(trust_request_make(&fresh, key, "under another name", &err), &err);
	ck_assert_int_eq(certify(&c, a, &fresh, &p, NULL, FIX_NOW, &err), MUSTER_E_REFUSED);
	ck_assert_ptr_nonnull(strstr(err.message, "remove STATE/host/key.pem"));
	mem_free(c.chain);
	buf_fini(&pem);
	request(&pem, &other);
	fixture_ok(certify(&c, a, &pem, &p, NULL, FIX_NOW, &err), &err);
	mem_free(c.chain);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	buf_fini(&fresh);
	buf_fini(&pem);
	authority_free(a);
	clean();
}
END_TEST

/* An issuer from before the books. */
#define OLD_LINE(n) "{\"number\":" n ",\"issued\":\"2026-11-22T10:00:00Z\",\"subject\":\"host " n "\",\"kid\":\"kid-" n "\",\"serial\":\"0a" n "\",\"not_before\":\"2026-11-21T10:00:00Z\"," \
	"\"not_after\":\"2028-11-21T10:00:00Z\",\"intermediate\":1,\"request_sha256\":\"00\",\"products\":[\"" ONE "\"],\"chain\":\"-----BEGIN\"}\n"

START_TEST(test_issuer_migrate)
{
	const struct books_act act = { .actor = "test", .now = FIX_NOW };
	struct books_certificate c;
	struct authority *a;
	struct muster_err err;
	struct books *b;
	unsigned next;

	fixture_ok(authority_init(place("issuer"), "Example", TRUST_ES256, NULL, FIX_NOW, &err), &err);
	fixture_ok(authority_open(&a, place("issuer"), &err), &err);
	fixture_ok(books_open(&b, a->dir, a->issuer_id, true, &err), &err);
	fixture_ok(migrate_certificates(a, b, &act, &err), &err);   /* nothing to do */
	/* the second line is none of ours: the first is taken, the error names the line, and the file stays */
	fixture_ok(file_write(place("issuer/certificates.log"), span_str(OLD_LINE("1") "{}\n"), 0600, &err), &err);
	ck_assert_int_eq(migrate_certificates(a, b, &act, &err), MUSTER_E_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "certificates.log:2:"));
	ck_assert_int_eq(access(place("issuer/certificates.log"), F_OK), 0);
	/* what is taken is not taken again; what a crash cut off counts for nothing */
	fixture_ok(file_write(place("issuer/certificates.log"), span_str(OLD_LINE("1") OLD_LINE("2") "{\"number\":3"), 0600, &err), &err);
	fixture_ok(migrate_certificates(a, b, &act, &err), &err);
	fixture_ok(books_certificate_next(b, &next, &err), &err);
	ck_assert_uint_eq(next, 3);
	fixture_ok(books_certificate(b, "kid-2", &c, &err), &err);
	ck_assert_str_eq(c.subject, "host 2");
	ck_assert_str_eq(c.chain, "-----BEGIN");
	ck_assert_uint_eq(c.product_count, 1);
	mem_free(c.chain);
	ck_assert_int_eq(access(place("issuer/certificates.log"), F_OK), -1);
	ck_assert_int_eq(access(place("issuer/certificates.log.migrated"), F_OK), 0);
	books_close(b);
	authority_free(a);
	clean();
}
END_TEST

/* A coming root, announced and then used: what was certified under the former one still verifies, what comes is under the new one. */
START_TEST(test_issuer_roots)
{
	struct books_certificate before, after;
	struct trust_chain *chain;
	struct authority *a;
	struct muster_err err;
	struct products p;
	struct faults f;
	struct buf pem;
	EVP_PKEY *key;

	fixture_ok(authority_init(place("issuer"), "Example", TRUST_ES256, NULL, FIX_NOW, &err), &err);
	fixture_ok(authority_open(&a, place("issuer"), &err), &err);
	ck_assert_int_eq(parse(&p, &f, ONE "\n"), MUSTER_OK);
	request(&pem, &key);
	fixture_ok(certify(&before, a, &pem, &p, NULL, FIX_NOW, &err), &err);
	ck_assert_int_eq(authority_switch_root(a, place("issuer/root-next.key"), NULL, FIX_NOW, &err), MUSTER_E_NOT_FOUND);
	fixture_ok(authority_add_root(a, "Example 2", NULL, FIX_NOW, &err), &err);
	ck_assert(authority_root_waits(a));
	ck_assert_uint_eq(a->root_count, 2);
	ck_assert_uint_eq(mode_of(place("issuer/root-next.key")), 0600);
	ck_assert_int_eq(authority_add_root(a, "Example 3", NULL, FIX_NOW, &err), MUSTER_E_EXISTS);
	/* another root's key makes no intermediate */
	ck_assert_int_eq(authority_switch_root(a, place("issuer/root.key"), NULL, FIX_NOW, &err), MUSTER_E_MISMATCH);
	ck_assert_uint_eq(a->mid_number, 1);
	fixture_ok(authority_switch_root(a, place("issuer/root-next.key"), NULL, FIX_NOW, &err), &err);
	ck_assert(!authority_root_waits(a));
	ck_assert_uint_eq(a->mid_number, 2);
	ck_assert_int_eq(access(place("issuer/root-former.key"), F_OK), 0);
	fixture_ok(certify(&after, a, &pem, &p, NULL, FIX_NOW, &err), &err);
	ck_assert_uint_eq(after.intermediate, 2);
	ck_assert_int_eq(X509_verify(a->mid, X509_get0_pubkey(a->roots[0])), 1);
	fixture_ok(trust_chain_read(&chain, span_str(before.chain), &err), &err);
	fixture_ok(trust_chain_verify(chain, a->anchors, TRUST_ROLE_LEASE, FIX_NOW, &err), &err);
	trust_chain_unref(chain);
	/* and the intermediate after that is under it as well: its key is root.key now */
	fixture_ok(authority_renew(a, place("issuer/root.key"), NULL, FIX_NOW, &err), &err);
	mem_free(before.chain);
	mem_free(after.chain);
	authority_free(a);
	buf_fini(&pem);
	EVP_PKEY_free(key);
	clean();
}
END_TEST

/* All keys of the folder under another passphrase, or none of them. */
START_TEST(test_issuer_rewrap)
{
	const char *first = "correct horse battery", *second = "staple battery horse";
	struct authority *a;
	struct muster_err err;
	struct seal *seal;
	EVP_PKEY *key;
	unsigned files;
	bool wrapped;

	fixture_ok(authority_init(place("issuer"), "Example", TRUST_ES256, first, FIX_NOW, &err), &err);
	fixture_ok(authority_open(&a, place("issuer"), &err), &err);
	fixture_ok(datakey_make(a->dir, first, &err), &err);
	fixture_ok(datakey_wrapped(&wrapped, a->dir, &err), &err);
	ck_assert(wrapped);
	ck_assert_int_eq(rewrap_keys(a, second, first, &files, &err), MUSTER_E_DENIED);
	ck_assert_int_eq(rewrap_keys(a, first, "too short", &files, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(access(place("issuer/passphrase.change"), F_OK), -1);
	fixture_ok(rewrap_keys(a, first, second, &files, &err), &err);
	ck_assert_uint_eq(files, 3);
	fixture_ok(datakey_open(&seal, a->dir, second, &err), &err);
	seal_free(seal);
	ck_assert_int_eq(datakey_open(&seal, a->dir, first, &err), MUSTER_E_DENIED);
	fixture_ok(trust_key_read(&key, place("issuer/root.key"), second, &err), &err);
	EVP_PKEY_free(key);
	/* a crash after the mark: the next command finishes; left from one before it: thrown away */
	ck_assert_int_eq(rename(place("issuer/root.key"), place("issuer/root.key.rewrapped")), 0);
	fixture_ok(file_write(place("issuer/passphrase.change"), span_str("x\n"), 0600, &err), &err);
	fixture_ok(rewrap_finish(a, &err), &err);
	ck_assert_int_eq(access(place("issuer/root.key"), F_OK), 0);
	ck_assert_int_eq(access(place("issuer/passphrase.change"), F_OK), -1);
	fixture_ok(file_write(place("issuer/root.key.rewrapped"), span_str("x\n"), 0600, &err), &err);
	fixture_ok(rewrap_finish(a, &err), &err);
	fixture_ok(trust_key_read(&key, place("issuer/root.key"), second, &err), &err);
	EVP_PKEY_free(key);
	fixture_ok(rewrap_keys(a, second, NULL, &files, &err), &err);
	fixture_ok(datakey_wrapped(&wrapped, a->dir, &err), &err);
	ck_assert(!wrapped);
	authority_free(a);
	clean();
}
END_TEST

static int give(struct passphrase *p, const char *text, size_t n, struct muster_err *err)
{
	int ends[2], r;

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], text, n), (ssize_t)n);
	close(ends[1]);
	r = passphrase_read(p, ends[0], err);
	close(ends[0]);
	return r;
}

START_TEST(test_issuer_passphrase)
{
	struct passphrase p;
	struct muster_err err;
	char text[2000];

	fixture_ok(give(&p, "correct horse\nmore", 18, &err), &err);
	ck_assert_str_eq(p.text, "correct horse");
	fixture_ok(give(&p, "correct horse\r\n", 15, &err), &err);
	ck_assert_str_eq(p.text, "correct horse");
	fixture_ok(give(&p, "correct horse", 13, &err), &err);
	ck_assert_str_eq(p.text, "correct horse");
	ck_assert_int_eq(give(&p, "", 0, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(give(&p, "\n", 1, &err), MUSTER_E_INVALID);
	ck_assert_int_eq(give(&p, "a\0b\n", 4, &err), MUSTER_E_INVALID);
	ck_assert_str_eq(p.text, "");
	memset(text, 'x', sizeof(text));
	ck_assert_int_eq(give(&p, text, sizeof(text), &err), MUSTER_E_LIMIT);
	ck_assert_int_eq(passphrase_read(&p, 987, &err), MUSTER_E_IO);
	ck_assert_ptr_nonnull(strstr(err.message, "987"));
}
END_TEST

UNIT_MAIN("issuer", test_issuer_products, test_issuer_init_certify_renew, test_issuer_refusals, test_issuer_compromised, test_issuer_migrate, test_issuer_roots, test_issuer_rewrap,
          test_issuer_passphrase)
