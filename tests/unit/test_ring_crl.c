/* Revocation lists in the host's key ring. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/trust/ring.h"
#include "tests/unit/statement_fixture.h"

struct host {
	struct statement_fixture s;
	struct clock_manual clock;
	char folder[64], dir[96], roots[96];
	struct ring_issuer issuer;
	struct ring_product product;
	struct trust_ring *ring;
	struct muster_err err;
	char reported[512];
};

static void report(void *ctx, int level, const char *message)
{
	struct host *h = ctx;

	(void)level;
	snprintf(h->reported, sizeof(h->reported), "%s", message);
}

static int reload(struct host *h)
{
	const struct ring_report r = { report, h };

	h->reported[0] = '\0';
	return ring_reload(h->ring, &h->issuer, 1, &h->product, 1, &r, &h->err);
}

static void write_root(const char *path, X509 *root)
{
	struct muster_err err;
	struct buf pem;

	fixture_pem(&pem, root, NULL);
	fixture_ok(file_write(path, span_of(pem.p, pem.n), 0644, &err), &err);
	buf_fini(&pem);
}

static void host_init(struct host *h)
{
	memset(h, 0, sizeof(*h));
	statement_fixture_init(&h->s, TRUST_ES256);
	clock_manual_init(&h->clock, FIX_NOW * 1000);
	strcpy(h->folder, "/tmp/muster-ring-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(h->folder));
	snprintf(h->dir, sizeof(h->dir), "%s/host", h->folder);
	snprintf(h->roots, sizeof(h->roots), "%s/acme.pem", h->folder);
	write_root(h->roots, h->s.f.root);
	h->issuer = (struct ring_issuer){ "acme", h->roots };
	memcpy(h->product.id, h->s.f.product_id, 16);
	h->product.name = "office2013";
	h->product.issuer = "acme";
	fixture_ok(ring_open(&h->ring, h->dir, &h->clock.clock, &h->err), &h->err);
	fixture_ok(reload(h), &h->err);
	fixture_ok(ring_adopt(h->ring, h->s.f.host_key, h->s.f.chain, &h->err), &h->err);
}

static void host_fini(struct host *h)
{
	ring_free(h->ring);
	(void)unlink(h->roots);
	(void)rmdir(h->dir);
	(void)rmdir(h->folder);
	statement_fixture_fini(&h->s);
}

static int set(struct host *h, X509 *revoked, enum crl_reason reason, int64_t at, uint64_t number)
{
	struct crl *c = statement_fixture_crl(&h->s, revoked, reason, at, number);
	int r = ring_set_crl(h->ring, c, &h->err);

	crl_unref(c);
	return r;
}

static enum ring_state state(struct host *h)
{
	struct trust_view *v = ring_view(h->ring);
	enum ring_state s = ring_state(v, h->product.id, FIX_NOW, 180 * FIX_DAY, NULL);

	ck_assert((ring_find(v, h->product.id, FIX_NOW) != NULL) == (s == RING_GOOD || s == RING_ENDING));
	ck_assert((ring_revoked(v, h->product.id, FIX_NOW) != NULL) == (s == RING_REVOKED));
	ring_view_unref(v);
	return s;
}

static int verify(struct host *h, const struct buf *lease)
{
	struct trust_view *v = ring_view(h->ring);
	struct lease_claims c;
	int r = ring_lease_verify(&c, v, span_of(lease->p, lease->n), NULL, FIX_NOW, &h->err);

	ck_assert(r == MUSTER_OK || c.exp == 0);
	ring_view_unref(v);
	return r;
}

/* A listed certificate signs nothing any more; what it signed before ends or lives on by the reason. */
START_TEST(test_ring_crl_revoked)
{
	struct lease_claims claims;
	struct host h;
	struct buf lease;

	host_init(&h);
	claims = fixture_claims(&h.s.f);
	buf_init(&lease, TRUST_LEASE_MAX);
	fixture_ok(lease_sign(&lease, h.s.f.signer, &claims, &h.err), &h.err);
	ck_assert_int_eq(state(&h), RING_GOOD);
	/* somebody else's certificate */
	fixture_ok(set(&h, h.s.cert, CRL_KEY_COMPROMISE, FIX_NOW, 1), &h.err);
	ck_assert_int_eq(state(&h), RING_GOOD);
	fixture_ok(verify(&h, &lease), &h.err);
	/* retired after the lease: it grants no more, the lease lives on */
	fixture_ok(set(&h, h.s.f.host, CRL_CESSATION, FIX_NOW + 1, 2), &h.err);
	ck_assert_int_eq(state(&h), RING_REVOKED);
	fixture_ok(verify(&h, &lease), &h.err);
	/* before the lease */
	fixture_ok(set(&h, h.s.f.host, CRL_SUPERSEDED, FIX_NOW, 3), &h.err);
	EXPECT_REFUSED(verify(&h, &lease), &h.err, MUSTER_E_REFUSED,
	               "the certificate of the host that signed the lease was revoked at 2026-11-22T10:00:00Z (superseded; revocation list 3)");
	/* stolen: every lease ends */
	fixture_ok(set(&h, h.s.f.host, CRL_KEY_COMPROMISE, FIX_NOW + FIX_DAY, 4), &h.err);
	EXPECT_REFUSED(verify(&h, &lease), &h.err, MUSTER_E_REFUSED, "(key-compromise; revocation list 4)");
	buf_fini(&lease);
	host_fini(&h);
}
END_TEST

/* With another certificate beside the revoked one the host goes on. */
START_TEST(test_ring_crl_successor)
{
	const uint8_t (*ids)[16];
	struct trust_chain *chain;
	struct host h;
	EVP_PKEY *key;
	X509 *next;

	host_init(&h);
	ids = (const void *)h.s.f.product_id;
	fixture_ok(trust_key_generate(&key, TRUST_ES256, &h.err), &h.err);
	fixture_ok(trust_make_host(&next, key, "host", ids, 1, h.s.f.mid, h.s.f.mid_key, FIX_NOW, 300 * FIX_DAY, &h.err), &h.err);
	chain = fixture_chain(next, h.s.f.mid);
	fixture_ok(set(&h, h.s.f.host, CRL_SUPERSEDED, FIX_NOW, 1), &h.err);
	ck_assert_int_eq(state(&h), RING_REVOKED);
	fixture_ok(ring_adopt(h.ring, key, chain, &h.err), &h.err);
	ck_assert_int_eq(state(&h), RING_GOOD);
	trust_chain_unref(chain);
	X509_free(next);
	EVP_PKEY_free(key);
	host_fini(&h);
}
END_TEST

/* The highest number is kept, over reloads too; an older list brings nobody back. */
START_TEST(test_ring_crl_never_lowered)
{
	struct trust_view *v;
	struct host h;

	host_init(&h);
	fixture_ok(set(&h, h.s.f.host, CRL_SUPERSEDED, FIX_NOW, 5), &h.err);
	EXPECT_REFUSED(set(&h, NULL, 0, 0, 4), &h.err, MUSTER_E_EXISTS, "the revocation list has the number 4; this host knows number 5 already");
	EXPECT_REFUSED(set(&h, NULL, 0, 0, 5), &h.err, MUSTER_E_EXISTS, "number 5 already");
	ck_assert_int_eq(state(&h), RING_REVOKED);
	fixture_ok(reload(&h), &h.err);
	ck_assert_int_eq(state(&h), RING_REVOKED);
	v = ring_view(h.ring);
	ck_assert(crl_number(ring_crl(v, "acme")) == 5);
	ck_assert_ptr_null(ring_crl(v, "other"));
	ck_assert_ptr_null(ring_crl(v, NULL));
	ring_view_unref(v);
	/* a higher one without it: its certificate has ended by then, or the issuer took the revocation back */
	fixture_ok(set(&h, NULL, 0, 0, 6), &h.err);
	ck_assert_int_eq(state(&h), RING_GOOD);
	host_fini(&h);
}
END_TEST

/* When the pinned roots change, the list counts under the new ones only. */
START_TEST(test_ring_crl_other_roots)
{
	struct trust_view *v;
	struct fixture other;
	struct host h;

	host_init(&h);
	fixture_init(&other, TRUST_ES256);   /* the same issuer_id */
	fixture_ok(set(&h, NULL, 0, 0, 1), &h.err);
	write_root(h.roots, other.root);
	fixture_ok(reload(&h), &h.err);
	v = ring_view(h.ring);
	ck_assert_ptr_null(ring_crl(v, "acme"));
	ring_view_unref(v);
	fixture_fini(&other);
	host_fini(&h);
}
END_TEST

static void announce(struct buf *token, const struct statement_fixture *by, X509 *one, X509 *two)
{
	struct muster_err err;
	json_t *payload;
	uint8_t id[16];
	struct buf pem;

	uuid_random(id);
	fixture_pem(&pem, one, two);
	fixture_ok(roots_payload(&payload, id, span_of(pem.p, pem.n), &err), &err);
	statement_fixture_sign(token, by, TRUST_TYP_ROOTS, payload);
	buf_fini(&pem);
}

static size_t roots(struct host *h)
{
	struct trust_view *v = ring_view(h->ring);
	size_t n = trust_anchors_count(ring_anchors(v, "acme"));

	ring_view_unref(v);
	return n;
}

/* A new root is learnt under the pinned one, the next under that; certificates and lists under them count. With another file it is over. */
START_TEST(test_ring_announced_roots)
{
	struct statement_fixture second, third;
	struct trust_view *v;
	struct buf one, two;
	struct crl *c;
	struct host h;

	host_init(&h);
	statement_fixture_init(&second, TRUST_ES256);   /* the same issuer_id, other roots */
	statement_fixture_init(&third, TRUST_EDDSA);
	announce(&one, &h.s, h.s.f.root, second.f.root);
	announce(&two, &second, second.f.root, third.f.root);
	/* the later one first: it means nothing yet */
	fixture_ok(ring_add_roots(h.ring, span_of(two.p, two.n), &h.err), &h.err);
	ck_assert_uint_eq(roots(&h), 1);
	ck_assert_int_eq(ring_adopt(h.ring, second.f.host_key, second.f.chain, &h.err), MUSTER_E_SIGNATURE);
	fixture_ok(ring_add_roots(h.ring, span_of(one.p, one.n), &h.err), &h.err);
	fixture_ok(ring_add_roots(h.ring, span_of(one.p, one.n), &h.err), &h.err);
	ck_assert_uint_eq(roots(&h), 3);
	fixture_ok(ring_adopt(h.ring, second.f.host_key, second.f.chain, &h.err), &h.err);
	/* a list of the new root's intermediate, which names the old host */
	c = statement_fixture_crl(&third, h.s.f.host, CRL_SUPERSEDED, FIX_NOW, 1);
	fixture_ok(ring_set_crl(h.ring, c, &h.err), &h.err);
	crl_unref(c);
	v = ring_view(h.ring);
	ck_assert_ptr_eq(ring_find(v, h.product.id, FIX_NOW)->revoked, NULL);
	ck_assert_str_eq(trust_chain_kid(ring_find(v, h.product.id, FIX_NOW)->chain), trust_chain_kid(second.f.chain));
	ring_view_unref(v);
	fixture_ok(reload(&h), &h.err);
	ck_assert_uint_eq(roots(&h), 3);
	/* the signer of the first announcement was stolen: what it announced, and what rests on it, is gone */
	c = statement_fixture_crl(&h.s, h.s.cert, CRL_KEY_COMPROMISE, FIX_NOW, 2);
	fixture_ok(ring_set_crl(h.ring, c, &h.err), &h.err);
	crl_unref(c);
	ck_assert_uint_eq(roots(&h), 1);
	/* somebody else's root in the file */
	write_root(h.roots, third.f.root);
	fixture_ok(reload(&h), &h.err);
	ck_assert_uint_eq(roots(&h), 1);
	buf_fini(&one);
	buf_fini(&two);
	host_fini(&h);
	statement_fixture_fini(&second);
	statement_fixture_fini(&third);
}
END_TEST

/* Every allocation fails once: the list that was there stays. */
START_TEST(test_ring_crl_no_memory)
{
	struct crl *c;
	struct host h;
	uint64_t n;
	int r;

	host_init(&h);
	fixture_ok(set(&h, NULL, 0, 0, 1), &h.err);
	c = statement_fixture_crl(&h.s, h.s.f.host, CRL_SUPERSEDED, FIX_NOW, 2);
	for (n = 1; ; n++) {
		mem_fail_at(n);
		r = ring_set_crl(h.ring, c, &h.err);
		mem_fail_at(0);
		if (r == MUSTER_OK)
			break;
		ck_assert_int_eq(r, MUSTER_E_NOMEM);
		ck_assert_int_eq(state(&h), RING_GOOD);
	}
	ck_assert_uint_gt(n, 5);
	ck_assert_int_eq(state(&h), RING_REVOKED);
	crl_unref(c);
	host_fini(&h);
}
END_TEST

UNIT_MAIN("ring_crl", test_ring_crl_revoked, test_ring_crl_successor, test_ring_crl_never_lowered, test_ring_crl_other_roots, test_ring_announced_roots,
          test_ring_crl_no_memory)
