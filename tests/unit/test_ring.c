#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/trust/ring.h"
#include "tests/unit/trust_fixture.h"

/* A host with one pinned issuer ("acme", the fixture's) and two products: the fixture's under acme, another under "other". */
struct host {
	struct fixture f, other;
	struct clock_manual clock;
	char folder[64], dir[96], roots[96], other_roots[96];
	struct ring_issuer issuers[2];
	struct ring_product products[2];
	struct trust_ring *ring;
	struct muster_err err;
};

static void write_root(const char *path, X509 *root)
{
	struct muster_err err;
	struct buf pem;

	fixture_pem(&pem, root, NULL);
	fixture_ok(file_write(path, span_of(pem.p, pem.n), 0644, &err), &err);
	buf_fini(&pem);
}

static void host_open(struct host *h)
{
	fixture_ok(ring_open(&h->ring, h->dir, &h->clock.clock, &h->err), &h->err);
	fixture_ok(ring_reload(h->ring, h->issuers, 2, h->products, 2, NULL, &h->err), &h->err);
}

static void host_init(struct host *h)
{
	memset(h, 0, sizeof(*h));
	fixture_init(&h->f, TRUST_ES256);
	fixture_init(&h->other, TRUST_ES256);
	clock_manual_init(&h->clock, FIX_NOW * 1000);
	strcpy(h->folder, "/tmp/muster-ring-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(h->folder));
	snprintf(h->dir, sizeof(h->dir), "%s/host", h->folder);
	snprintf(h->roots, sizeof(h->roots), "%s/acme.pem", h->folder);
	snprintf(h->other_roots, sizeof(h->other_roots), "%s/other.pem", h->folder);
	write_root(h->roots, h->f.root);
	write_root(h->other_roots, h->other.root);
	h->issuers[0] = (struct ring_issuer){ "acme", h->roots };
	h->issuers[1] = (struct ring_issuer){ "other", h->other_roots };
	memcpy(h->products[0].id, h->f.product_id, 16);
	h->products[0].name = "office2013";
	h->products[0].issuer = "acme";
	memset(h->products[1].id, 0x11, 16);
	h->products[1].name = "tool";
	h->products[1].issuer = "other";
	host_open(h);
}

static void host_fini(struct host *h)
{
	char command[128];

	ring_free(h->ring);
	snprintf(command, sizeof(command), "rm -r %s", h->folder);
	ck_assert_int_eq(system(command), 0);
	fixture_fini(&h->other);
	fixture_fini(&h->f);
}

/* What the issuer does with the host's request. */
static void certify(struct host *h, const struct fixture *by, const uint8_t id[16], int64_t now, int64_t life, struct buf *pem)
{
	const uint8_t (*ids)[16] = (const void *)id;   /* an array of one */
	struct buf request;
	EVP_PKEY *key;
	X509 *x;

	buf_init(&request, TRUST_CHAIN_MAX);
	fixture_ok(ring_request(h->ring, "host", &request, &h->err), &h->err);
	fixture_ok(trust_request_read(&key, span_of(request.p, request.n), &h->err), &h->err);
	fixture_ok(trust_make_host(&x, key, "host", ids, 1, by->mid, by->mid_key, now, life, &h->err), &h->err);
	fixture_pem(pem, x, by->mid);
	X509_free(x);
	EVP_PKEY_free(key);
	buf_fini(&request);
}

static int install(struct host *h, const struct buf *pem, int64_t *end)
{
	char kid[TRUST_KID];

	return ring_install(h->ring, span_of(pem->p, pem->n), kid, end, &h->err);
}

START_TEST(test_ring_request_install_sign)
{
	struct host h;
	struct buf pem, lease;
	struct trust_view *v;
	const struct ring_chain *c;
	struct lease_claims claims, got;
	struct buf request;
	EVP_PKEY *other;
	struct stat st;
	char key[128];
	int64_t end;

	host_init(&h);
	v = ring_view(h.ring);
	ck_assert(!ring_has_key(v));
	ck_assert_ptr_null(ring_find(v, h.f.product_id, FIX_NOW));
	ck_assert_int_eq(ring_state(v, h.f.product_id, FIX_NOW, 0, &end), RING_NONE);
	ring_view_unref(v);

	certify(&h, &h.f, h.f.product_id, FIX_NOW, TRUST_HOST_LIFE_S, &pem);
	snprintf(key, sizeof(key), "%s/key.pem", h.dir);
	ck_assert_int_eq(stat(key, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	fixture_ok(install(&h, &pem, &end), &h.err);
	ck_assert_int_eq(end, FIX_NOW + TRUST_HOST_LIFE_S);
	fixture_ok(install(&h, &pem, &end), &h.err);   /* again: nothing changes */
	/* a request that was kept is of the present key, or of one that was removed since */
	buf_init(&request, TRUST_CHAIN_MAX);
	fixture_ok(ring_request(h.ring, "host", &request, &h.err), &h.err);
	v = ring_view(h.ring);
	ck_assert(ring_requested(v, span_of(request.p, request.n)));
	ck_assert(!ring_requested(v, span_str("no request")));
	ring_view_unref(v);
	buf_clear(&request);
	fixture_ok(trust_key_generate(&other, TRUST_ES256, &h.err), &h.err);
	fixture_ok(trust_request_make(&request, other, "host", &h.err), &h.err);
	EVP_PKEY_free(other);
	v = ring_view(h.ring);
	ck_assert(!ring_requested(v, span_of(request.p, request.n)));
	ring_view_unref(v);
	buf_fini(&request);

	v = ring_view(h.ring);
	ck_assert(ring_has_key(v));
	c = ring_find(v, h.f.product_id, FIX_NOW);
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->issuer, "acme");
	ck_assert_mem_eq(c->issuer_id, h.f.issuer_id, 16);
	claims = fixture_claims(&h.f);
	buf_init(&lease, TRUST_LEASE_MAX);
	fixture_ok(lease_sign(&lease, c->signer, &claims, &h.err), &h.err);
	fixture_ok(lease_verify(&got, span_of(lease.p, lease.n), c->chain, ring_anchors(v, "acme"), NULL, FIX_NOW, &h.err), &h.err);
	ck_assert_ptr_nonnull(ring_by_kid(v, trust_chain_kid(c->chain), 43));
	ck_assert_ptr_null(ring_by_kid(v, "x", 1));

	/* the host's own way of verifying: same answers */
	fixture_ok(ring_lease_verify(&got, v, span_of(lease.p, lease.n), NULL, FIX_NOW, &h.err), &h.err);
	ck_assert_mem_eq(got.client_id, claims.client_id, 16);
	ck_assert_int_eq(ring_lease_verify(&got, v, span_of(lease.p, lease.n), NULL, claims.exp, &h.err), MUSTER_E_EXPIRED);
	ck_assert_int_eq(ring_lease_verify(&got, v, span_of(lease.p, lease.n), NULL, end, &h.err), MUSTER_E_EXPIRED);
	ck_assert_ptr_nonnull(strstr(h.err.message, "certificate has ended"));
	ck_assert_int_eq(ring_lease_verify(&got, v, span_of(lease.p, lease.n), NULL, FIX_NOW - TRUST_BACKDATE_S - 1, &h.err), MUSTER_E_NOT_YET);
	ck_assert_int_eq(ring_lease_verify(&got, v, span_of(lease.p, lease.n), &(struct lease_expect){ .client_id = h.f.issuer_id }, FIX_NOW, &h.err),
	                 MUSTER_E_MISMATCH);
	ck_assert_int_eq(ring_lease_verify(&got, v, span_of(lease.p, lease.n - 1), NULL, FIX_NOW, &h.err), MUSTER_E_INVALID);
	ck_assert_int_eq(ring_lease_verify(&got, v, span_str("a.b.c"), NULL, FIX_NOW, &h.err), MUSTER_E_INVALID);
	lease.p[lease.n - 20] ^= 1;
	ck_assert_int_ne(ring_lease_verify(&got, v, span_of(lease.p, lease.n), NULL, FIX_NOW, &h.err), MUSTER_OK);
	buf_fini(&lease);
	/* signed by a stranger of the same issuer */
	buf_init(&lease, TRUST_LEASE_MAX);
	fixture_ok(lease_sign(&lease, h.f.signer, &claims, &h.err), &h.err);
	ck_assert_int_eq(ring_lease_verify(&got, v, span_of(lease.p, lease.n), NULL, FIX_NOW, &h.err), MUSTER_E_MISMATCH);
	ring_view_unref(v);

	/* a new process finds it all again */
	ring_free(h.ring);
	host_open(&h);
	v = ring_view(h.ring);
	ck_assert_ptr_nonnull(ring_find(v, h.f.product_id, FIX_NOW));
	ring_view_unref(v);
	buf_fini(&lease);
	buf_fini(&pem);
	host_fini(&h);
}
END_TEST

START_TEST(test_ring_install_refusals)
{
	struct host h;
	struct buf pem;
	X509 *x;

	host_init(&h);

	/* no key yet */
	fixture_pem(&pem, h.f.host, h.f.mid);
	ck_assert_int_eq(install(&h, &pem, NULL), MUSTER_E_NOT_FOUND);
	buf_fini(&pem);
	certify(&h, &h.f, h.f.product_id, FIX_NOW, TRUST_HOST_LIFE_S, &pem);
	buf_fini(&pem);

	/* another host's key */
	fixture_pem(&pem, h.f.host, h.f.mid);
	ck_assert_int_eq(install(&h, &pem, NULL), MUSTER_E_MISMATCH);
	ck_assert_ptr_nonnull(strstr(h.err.message, "another key"));
	buf_fini(&pem);

	/* another issuer than the product's: both are pinned */
	certify(&h, &h.other, h.f.product_id, FIX_NOW, TRUST_HOST_LIFE_S, &pem);
	ck_assert_int_eq(install(&h, &pem, NULL), MUSTER_E_MISMATCH);
	ck_assert_ptr_nonnull(strstr(h.err.message, "belongs to the issuer acme"));
	buf_fini(&pem);

	/* a product that is not in the catalogue */
	certify(&h, &h.f, h.f.client_id, FIX_NOW, TRUST_HOST_LIFE_S, &pem);
	ck_assert_int_eq(install(&h, &pem, NULL), MUSTER_E_MISMATCH);
	ck_assert_ptr_nonnull(strstr(h.err.message, "no product of this host"));
	buf_fini(&pem);

	/* over already, almost over, not begun */
	certify(&h, &h.f, h.f.product_id, FIX_NOW, 3600, &pem);
	ck_assert_int_eq(install(&h, &pem, NULL), MUSTER_E_EXPIRED);
	ck_assert_ptr_nonnull(strstr(h.err.message, "24 hours"));
	clock_manual_advance(&h.clock, 7200 * 1000);
	ck_assert_int_eq(install(&h, &pem, NULL), MUSTER_E_EXPIRED);
	clock_manual_advance(&h.clock, -(3 * FIX_DAY) * 1000);
	ck_assert_int_eq(install(&h, &pem, NULL), MUSTER_E_NOT_YET);
	clock_manual_advance(&h.clock, 3 * FIX_DAY * 1000 - 7200 * 1000);
	buf_fini(&pem);

	/* an issuer that nobody pinned; a chain without its intermediate; junk */
	certify(&h, &h.f, h.f.product_id, FIX_NOW, TRUST_HOST_LIFE_S, &pem);
	{
		struct ring_issuer only[1] = { h.issuers[1] };

		fixture_ok(ring_reload(h.ring, only, 1, h.products, 2, NULL, &h.err), &h.err);
		ck_assert_int_eq(install(&h, &pem, NULL), MUSTER_E_SIGNATURE);
		fixture_ok(ring_reload(h.ring, NULL, 0, h.products, 2, NULL, &h.err), &h.err);
		ck_assert_int_eq(install(&h, &pem, NULL), MUSTER_E_MISMATCH);
		fixture_ok(ring_reload(h.ring, h.issuers, 2, h.products, 2, NULL, &h.err), &h.err);
	}
	buf_fini(&pem);
	fixture_pem(&pem, h.f.host, NULL);
	ck_assert_int_eq(install(&h, &pem, NULL), MUSTER_E_INVALID);
	buf_fini(&pem);
	ck_assert_int_eq(ring_install(h.ring, span_str("hello"), NULL, NULL, &h.err), MUSTER_E_INVALID);
	ck_assert_int_eq(ring_install(h.ring, span_of("", 0), NULL, NULL, &h.err), MUSTER_E_INVALID);

	/* the right key in a statement signer's certificate */
	{
		struct buf request;
		EVP_PKEY *key;

		buf_init(&request, TRUST_CHAIN_MAX);
		fixture_ok(ring_request(h.ring, "host", &request, &h.err), &h.err);
		fixture_ok(trust_request_read(&key, span_of(request.p, request.n), &h.err), &h.err);
		fixture_ok(trust_make_statement(&x, key, "statements", h.f.mid, h.f.mid_key, FIX_NOW, &h.err), &h.err);
		fixture_pem(&pem, x, h.f.mid);
		ck_assert_int_eq(install(&h, &pem, NULL), MUSTER_E_MISMATCH);
		ck_assert_ptr_nonnull(strstr(h.err.message, "keyUsage"));
		buf_fini(&pem);
		buf_fini(&request);
		X509_free(x);
		EVP_PKEY_free(key);
	}
	/* nothing of all this was installed */
	{
		struct trust_view *v = ring_view(h.ring);
		size_t n;

		ring_chains(v, &n);
		ck_assert_uint_eq(n, 0);
		ring_view_unref(v);
	}
	host_fini(&h);
}
END_TEST

START_TEST(test_ring_end_of_a_certificate)
{
	struct host h;
	struct buf pem;
	struct trust_view *v;
	const struct ring_chain *first, *second;
	const int64_t validity = 180 * FIX_DAY, end = FIX_NOW + TRUST_HOST_LIFE_S;
	int64_t got;

	host_init(&h);
	certify(&h, &h.f, h.f.product_id, FIX_NOW, TRUST_HOST_LIFE_S, &pem);
	fixture_ok(install(&h, &pem, NULL), &h.err);
	buf_fini(&pem);
	v = ring_view(h.ring);
	ck_assert_int_eq(ring_state(v, h.f.product_id, FIX_NOW, validity, &got), RING_GOOD);
	ck_assert_int_eq(got, end);
	ck_assert_int_eq(ring_state(v, h.f.product_id, end - validity - RING_WARN_S, validity, &got), RING_GOOD);
	ck_assert_int_eq(ring_state(v, h.f.product_id, end - validity - RING_WARN_S + 1, validity, &got), RING_ENDING);
	ck_assert_int_eq(ring_state(v, h.f.product_id, end - RING_LEAST_S, validity, &got), RING_ENDING);
	ck_assert_ptr_nonnull(ring_find(v, h.f.product_id, end - RING_LEAST_S));
	ck_assert_ptr_null(ring_find(v, h.f.product_id, end - RING_LEAST_S + 1));
	ck_assert_int_eq(ring_state(v, h.f.product_id, end - RING_LEAST_S + 1, validity, &got), RING_ENDED);
	ck_assert_ptr_null(ring_find(v, h.f.product_id, FIX_NOW - TRUST_BACKDATE_S - 1));
	ck_assert_ptr_nonnull(first = ring_find(v, h.f.product_id, end - 100 * FIX_DAY));

	/* a successor: signs from now on, the older chain stays to be served */
	clock_manual_advance(&h.clock, 630 * FIX_DAY * 1000);
	certify(&h, &h.f, h.f.product_id, FIX_NOW + 630 * FIX_DAY, TRUST_HOST_LIFE_S, &pem);
	fixture_ok(install(&h, &pem, NULL), &h.err);
	buf_fini(&pem);
	{
		struct trust_view *w = ring_view(h.ring);
		size_t n;

		ck_assert_ptr_ne(v, w);
		ck_assert_ptr_nonnull(second = ring_find(w, h.f.product_id, end - 100 * FIX_DAY));
		ck_assert_str_ne(trust_chain_kid(first->chain), trust_chain_kid(second->chain));
		ck_assert_ptr_nonnull(ring_by_kid(w, trust_chain_kid(first->chain), 43));
		ck_assert_int_eq(ring_state(w, h.f.product_id, end - 100 * FIX_DAY, validity, &got), RING_GOOD);
		(void)ring_chains(w, &n);
		ck_assert_uint_eq(n, 2);
		ring_view_unref(w);
	}
	ring_view_unref(v);
	host_fini(&h);
}
END_TEST

static void count_report(void *ctx, int level, const char *message)
{
	(void)level;
	ck_assert_ptr_nonnull(strstr(message, "chain-junk.pem"));
	(*(int *)ctx)++;
}

START_TEST(test_ring_folder)
{
	struct host h;
	struct buf pem;
	struct trust_view *v;
	char path[160];
	int reports = 0;
	const struct ring_report report = { count_report, &reports };

	host_init(&h);
	certify(&h, &h.f, h.f.product_id, FIX_NOW, TRUST_HOST_LIFE_S, &pem);
	fixture_ok(install(&h, &pem, NULL), &h.err);
	buf_fini(&pem);

	/* a damaged chain is reported and left out; the rest works */
	snprintf(path, sizeof(path), "%s/chain-junk.pem", h.dir);
	fixture_ok(file_write(path, span_str("junk"), 0644, &h.err), &h.err);
	fixture_ok(ring_reload(h.ring, h.issuers, 2, h.products, 2, &report, &h.err), &h.err);
	ck_assert_int_eq(reports, 1);
	v = ring_view(h.ring);
	ck_assert_ptr_nonnull(ring_find(v, h.f.product_id, FIX_NOW));
	ring_view_unref(v);

	/* an unsafe root file keeps the old view */
	ck_assert_int_eq(chmod(h.roots, 0666), 0);
	ck_assert_int_eq(ring_reload(h.ring, h.issuers, 2, h.products, 2, &report, &h.err), MUSTER_E_DENIED);
	ck_assert_ptr_nonnull(strstr(h.err.message, "[issuer acme]"));
	v = ring_view(h.ring);
	ck_assert_ptr_nonnull(ring_find(v, h.f.product_id, FIX_NOW));
	ring_view_unref(v);
	ck_assert_int_eq(chmod(h.roots, 0644), 0);

	/* so does an unsafe key */
	snprintf(path, sizeof(path), "%s/key.pem", h.dir);
	ck_assert_int_eq(chmod(path, 0640), 0);
	ck_assert_int_eq(ring_reload(h.ring, h.issuers, 2, h.products, 2, &report, &h.err), MUSTER_E_DENIED);
	ck_assert_int_eq(chmod(path, 0600), 0);

	/* the product moves to another issuer: its chain no longer counts */
	h.products[0].issuer = "other";
	fixture_ok(ring_reload(h.ring, h.issuers, 2, h.products, 2, &report, &h.err), &h.err);
	v = ring_view(h.ring);
	ck_assert_ptr_null(ring_find(v, h.f.product_id, FIX_NOW));
	ring_view_unref(v);
	h.products[0].issuer = "acme";

	/* the key is gone: chains still verify, none signs */
	ck_assert_int_eq(unlink(path), 0);
	fixture_ok(ring_reload(h.ring, h.issuers, 2, h.products, 2, &report, &h.err), &h.err);
	v = ring_view(h.ring);
	{
		size_t n;
		const struct ring_chain *c = ring_chains(v, &n);

		ck_assert_uint_eq(n, 1);
		ck_assert_ptr_null(c->signer);
	}
	ck_assert_ptr_null(ring_find(v, h.f.product_id, FIX_NOW));
	ring_view_unref(v);
	host_fini(&h);
}
END_TEST

struct reader { struct host *h; atomic_bool *stop; unsigned long found; };

static void *read_views(void *arg)
{
	struct reader *r = arg;

	do {
		struct trust_view *v = ring_view(r->h->ring);
		const struct ring_chain *c = ring_find(v, r->h->f.product_id, FIX_NOW);

		if (c != NULL && c->end > FIX_NOW && strlen(trust_chain_kid(c->chain)) == 43)
			r->found++;
		ring_view_unref(v);
	} while (!atomic_load(r->stop));
	return NULL;
}

START_TEST(test_ring_readers_while_reloading)
{
	struct host h;
	struct buf pem;
	atomic_bool stop = false;
	struct reader readers[3];
	pthread_t threads[3];
	int i;

	host_init(&h);
	certify(&h, &h.f, h.f.product_id, FIX_NOW, TRUST_HOST_LIFE_S, &pem);
	fixture_ok(install(&h, &pem, NULL), &h.err);
	for (i = 0; i < 3; i++) {
		readers[i] = (struct reader){ &h, &stop, 0 };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_views, &readers[i]), 0);
	}
	for (i = 0; i < 200; i++)
		fixture_ok(ring_reload(h.ring, h.issuers, 2, h.products, 2, NULL, &h.err), &h.err);
	atomic_store(&stop, true);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_uint_gt(readers[i].found, 0);
	}
	buf_fini(&pem);
	host_fini(&h);
}
END_TEST

/* Whatever allocation of ours fails: an error, nothing lost, and the next try works. */
START_TEST(test_ring_no_memory)
{
	struct host h;
	struct buf pem, lease;
	struct lease_claims claims, got;
	struct trust_view *v;
	unsigned n;
	int r;

	host_init(&h);
	certify(&h, &h.f, h.f.product_id, FIX_NOW, TRUST_HOST_LIFE_S, &pem);
	for (n = 1; ; n++) {
		ck_assert_uint_lt(n, 500);
		mem_fail_at(n);
		r = install(&h, &pem, NULL);
		if (mem_count() < n) {
			mem_fail_at(0);
			break;
		}
		mem_fail_at(0);
		ck_assert_msg(r == MUSTER_E_NOMEM || (r == MUSTER_E_IO && strstr(h.err.message, "memory") != NULL) || r == MUSTER_OK, "allocation %u: %d %s", n, r, h.err.message);
		v = ring_view(h.ring);
		ck_assert_int_eq(ring_find(v, h.f.product_id, FIX_NOW) != NULL, r == MUSTER_OK);
		ring_view_unref(v);
		if (r == MUSTER_OK)
			break;
	}
	ck_assert_uint_gt(n, 5);
	fixture_ok(install(&h, &pem, NULL), &h.err);
	for (n = 1; ; n++) {
		ck_assert_uint_lt(n, 500);
		mem_fail_at(n);
		r = ring_reload(h.ring, h.issuers, 2, h.products, 2, NULL, &h.err);
		v = ring_view(h.ring);
		ck_assert_ptr_nonnull(ring_find(v, h.f.product_id, FIX_NOW));
		ring_view_unref(v);
		if (r == MUSTER_OK)
			break;
		ck_assert_int_eq(r, MUSTER_E_NOMEM);
	}
	mem_fail_at(0);
	ck_assert_uint_gt(n, 5);
	claims = fixture_claims(&h.f);
	for (n = 1; ; n++) {
		ck_assert_uint_lt(n, 500);
		buf_init(&lease, TRUST_LEASE_MAX);
		mem_fail_at(n);
		r = lease_sign(&lease, h.f.signer, &claims, &h.err);
		if (r == MUSTER_OK)
			r = lease_verify(&got, span_of(lease.p, lease.n), h.f.chain, h.f.anchors, NULL, FIX_NOW, &h.err);
		buf_fini(&lease);
		if (r == MUSTER_OK)
			break;
		ck_assert_int_eq(r, MUSTER_E_NOMEM);
	}
	mem_fail_at(0);
	ck_assert_uint_gt(n, 1);
	buf_fini(&pem);
	host_fini(&h);
}
END_TEST

static bool signs(struct host *h, const uint8_t id[16])
{
	struct trust_view *v = ring_view(h->ring);
	bool found = ring_find(v, id, FIX_NOW) != NULL;

	ring_view_unref(v);
	return found;
}

/* A key of an activation signs beside the host's own, known before or after the first reload; retired, its chain still verifies and signs no more. */
START_TEST(test_ring_adopt)
{
	struct host h;
	struct trust_view *v;
	struct lease_claims claims, got;
	struct buf pem, lease;
	int64_t end;

	host_init(&h);
	ck_assert(!signs(&h, h.f.product_id));
	fixture_ok(ring_adopt(h.ring, h.f.host_key, h.f.chain, &h.err), &h.err);
	fixture_ok(ring_adopt(h.ring, h.f.host_key, h.f.chain, &h.err), &h.err);
	ck_assert(signs(&h, h.f.product_id));
	ring_free(h.ring);
	fixture_ok(ring_open(&h.ring, h.dir, &h.clock.clock, &h.err), &h.err);
	fixture_ok(ring_adopt(h.ring, h.f.host_key, h.f.chain, &h.err), &h.err);
	ck_assert(!signs(&h, h.f.product_id));
	fixture_ok(ring_reload(h.ring, h.issuers, 2, h.products, 2, NULL, &h.err), &h.err);
	ck_assert(signs(&h, h.f.product_id));
	/* beside the host's own, the longest living first */
	certify(&h, &h.f, h.f.product_id, FIX_NOW, TRUST_HOST_LIFE_S / 2, &pem);
	fixture_ok(install(&h, &pem, &end), &h.err);
	v = ring_view(h.ring);
	ck_assert_str_eq(trust_chain_kid(ring_find(v, h.f.product_id, FIX_NOW)->chain), trust_chain_kid(h.f.chain));
	claims = fixture_claims(&h.f);
	buf_init(&lease, TRUST_LEASE_MAX);
	fixture_ok(lease_sign(&lease, ring_find(v, h.f.product_id, FIX_NOW)->signer, &claims, &h.err), &h.err);
	ring_view_unref(v);
	fixture_ok(ring_retire(h.ring, trust_chain_kid(h.f.chain), true, &h.err), &h.err);
	v = ring_view(h.ring);
	ck_assert_str_ne(trust_chain_kid(ring_find(v, h.f.product_id, FIX_NOW)->chain), trust_chain_kid(h.f.chain));
	fixture_ok(ring_lease_verify(&got, v, span_of(lease.p, lease.n), NULL, FIX_NOW, &h.err), &h.err);
	ring_view_unref(v);
	fixture_ok(ring_retire(h.ring, trust_chain_kid(h.f.chain), false, &h.err), &h.err);
	v = ring_view(h.ring);
	ck_assert_str_eq(trust_chain_kid(ring_find(v, h.f.product_id, FIX_NOW)->chain), trust_chain_kid(h.f.chain));
	ring_view_unref(v);
	buf_fini(&lease);
	buf_fini(&pem);
	host_fini(&h);
}
END_TEST

/* Refused: another issuer's chain, a key that is not the certificate's, a product of another issuer; nothing is kept of them. */
START_TEST(test_ring_adopt_refusals)
{
	struct fixture stranger;
	struct host h;

	host_init(&h);
	fixture_init(&stranger, TRUST_ES256);
	ck_assert_int_eq(ring_adopt(h.ring, stranger.host_key, stranger.chain, &h.err), MUSTER_E_SIGNATURE);
	ck_assert_int_eq(ring_adopt(h.ring, stranger.host_key, h.f.chain, &h.err), MUSTER_E_MISMATCH);
	ck_assert_ptr_nonnull(strstr(h.err.message, "another key"));
	ck_assert_int_eq(ring_adopt(h.ring, h.other.host_key, h.other.chain, &h.err), MUSTER_E_MISMATCH);
	ck_assert_ptr_nonnull(strstr(h.err.message, "belongs to the issuer acme"));
	clock_manual_advance(&h.clock, (TRUST_HOST_LIFE_S - 3600) * 1000);
	ck_assert_int_eq(ring_adopt(h.ring, h.f.host_key, h.f.chain, &h.err), MUSTER_E_EXPIRED);
	ck_assert(!signs(&h, h.f.product_id));
	fixture_ok(ring_reload(h.ring, h.issuers, 2, h.products, 2, NULL, &h.err), &h.err);
	ck_assert(!signs(&h, h.f.product_id));
	fixture_fini(&stranger);
	host_fini(&h);
}
END_TEST

static bool encrypted_key(const struct host *h)
{
	char path[128];
	bool encrypted;

	snprintf(path, sizeof(path), "%s/key.pem", h->dir);
	ck_assert_int_eq(trust_key_encrypted(&encrypted, path, NULL), MUSTER_OK);
	return encrypted;
}

#define FIRST_SECRET "11223344556677889900aabbccddeeff11223344556677889900aabbccddeeff"
#define SECOND_SECRET "ffeeddccbbaa00998877665544332211ffeeddccbbaa00998877665544332211"

/* The key at rest: a plain one is encrypted as soon as there is a passphrase, moves from one to the next, and signs all the while. */
START_TEST(test_ring_passphrase)
{
	static const char first[] = FIRST_SECRET, second[] = SECOND_SECRET;
	struct host h;
	struct buf pem;
	int64_t end;

	host_init(&h);
	certify(&h, &h.f, h.f.product_id, FIX_NOW, TRUST_HOST_LIFE_S, &pem);
	fixture_ok(install(&h, &pem, &end), &h.err);
	ck_assert(!encrypted_key(&h));
	fixture_ok(ring_passphrase(h.ring, first, NULL, &h.err), &h.err);
	ck_assert(encrypted_key(&h));
	fixture_ok(ring_reload(h.ring, h.issuers, 2, h.products, 2, NULL, &h.err), &h.err);
	ck_assert(signs(&h, h.f.product_id));

	/* a ring that knows the second one only; nothing changes */
	ring_free(h.ring);
	fixture_ok(ring_open(&h.ring, h.dir, &h.clock.clock, &h.err), &h.err);
	ck_assert_int_eq(ring_passphrase(h.ring, second, NULL, &h.err), MUSTER_E_DENIED);
	ck_assert_ptr_nonnull(strstr(h.err.message, "another host key file"));
	ck_assert_int_eq(ring_passphrase(h.ring, second, "neither this one", &h.err), MUSTER_E_DENIED);
	ck_assert_int_eq(ring_reload(h.ring, h.issuers, 2, h.products, 2, NULL, &h.err), MUSTER_E_DENIED);
	/* from the first to the second, as after an interrupted change; then the second alone is enough */
	fixture_ok(ring_passphrase(h.ring, second, first, &h.err), &h.err);
	fixture_ok(ring_reload(h.ring, h.issuers, 2, h.products, 2, NULL, &h.err), &h.err);
	ck_assert(signs(&h, h.f.product_id));
	ring_free(h.ring);
	fixture_ok(ring_open(&h.ring, h.dir, &h.clock.clock, &h.err), &h.err);
	fixture_ok(ring_passphrase(h.ring, second, NULL, &h.err), &h.err);
	fixture_ok(ring_reload(h.ring, h.issuers, 2, h.products, 2, NULL, &h.err), &h.err);
	ck_assert(signs(&h, h.f.product_id));
	buf_fini(&pem);
	host_fini(&h);
}
END_TEST

/* A key that is made when there is a passphrase never lies in plain text. */
START_TEST(test_ring_passphrase_new_key)
{
	struct host h;
	struct buf pem;

	host_init(&h);
	fixture_ok(ring_passphrase(h.ring, FIRST_SECRET, NULL, &h.err), &h.err);
	certify(&h, &h.f, h.f.product_id, FIX_NOW, TRUST_HOST_LIFE_S, &pem);
	ck_assert(encrypted_key(&h));
	buf_fini(&pem);
	host_fini(&h);
}
END_TEST

UNIT_MAIN("ring", test_ring_passphrase, test_ring_passphrase_new_key, test_ring_adopt, test_ring_adopt_refusals, test_ring_request_install_sign, test_ring_install_refusals, test_ring_end_of_a_certificate, test_ring_folder,
          test_ring_readers_while_reloading, test_ring_no_memory)
