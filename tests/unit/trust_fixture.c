#include "tests/unit/trust_fixture.h"

#include <string.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"

void fixture_ok(int r, const struct muster_err *err)
{
	ck_assert_msg(r == MUSTER_OK, "result %d: %s", r, err->message);
}

void fixture_pem(struct buf *out, X509 *one, X509 *two)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	ck_assert_int_eq(PEM_write_bio_X509(bio, one), 1);
	if (two != NULL)
		ck_assert_int_eq(PEM_write_bio_X509(bio, two), 1);
	n = BIO_get_mem_data(bio, &text);
	buf_init(out, 1 << 20);
	buf_add(out, text, (size_t)n);
	BIO_free(bio);
}

struct trust_anchors *fixture_anchors(X509 *root)
{
	struct trust_anchors *a;
	struct muster_err err;
	struct buf pem;

	fixture_pem(&pem, root, NULL);
	fixture_ok(trust_anchors_read(&a, span_of(pem.p, pem.n), &err), &err);
	buf_fini(&pem);
	return a;
}

struct trust_chain *fixture_chain(X509 *signer, X509 *mid)
{
	struct trust_chain *c;
	struct muster_err err;
	struct buf pem;

	fixture_pem(&pem, signer, mid);
	fixture_ok(trust_chain_read(&c, span_of(pem.p, pem.n), &err), &err);
	buf_fini(&pem);
	return c;
}

void fixture_init(struct fixture *f, enum trust_algorithm a)
{
	struct muster_err err;
	const uint8_t (*ids)[16] = (const void *)f->product_id;   /* an array of one */

	memset(f, 0, sizeof(*f));
	ck_assert_int_eq(uuid_parse(f->issuer_id, "6f1d2c3b-4a59-4e78-8b16-0c2d4e6f8091", 36), MUSTER_OK);
	ck_assert_int_eq(uuid_parse(f->product_id, "2e28138a-847f-42bc-9752-61b03fff33cd", 36), MUSTER_OK);
	ck_assert_int_eq(uuid_parse(f->client_id, "11111111-2222-4333-8444-555555555555", 36), MUSTER_OK);
	memset(f->nonce, 0xa5, sizeof(f->nonce));
	memset(f->r, 0x5a, sizeof(f->r));
	ck_assert_int_eq(trust_hardware_id(f->hw, f->issuer_id, 0, span_str("machine 1")), MUSTER_OK);
	fixture_ok(trust_key_generate(&f->root_key, a, &err), &err);
	fixture_ok(trust_key_generate(&f->mid_key, a, &err), &err);
	fixture_ok(trust_key_generate(&f->host_key, a, &err), &err);
	fixture_ok(trust_make_root(&f->root, f->root_key, f->issuer_id, "Example Software", FIX_NOW, &err), &err);
	fixture_ok(trust_make_intermediate(&f->mid, f->mid_key, "Example Software issuing 1", f->root, f->root_key, FIX_NOW, &err), &err);
	fixture_ok(trust_make_host(&f->host, f->host_key, "host.example.org", ids, 1, f->mid, f->mid_key, FIX_NOW, TRUST_HOST_LIFE_S, &err), &err);
	f->anchors = fixture_anchors(f->root);
	f->chain = fixture_chain(f->host, f->mid);
	fixture_ok(trust_signer_new(&f->signer, f->host_key, f->chain, &err), &err);
}

void fixture_fini(struct fixture *f)
{
	trust_signer_free(f->signer);
	trust_chain_unref(f->chain);
	trust_anchors_free(f->anchors);
	X509_free(f->host);
	X509_free(f->mid);
	X509_free(f->root);
	EVP_PKEY_free(f->host_key);
	EVP_PKEY_free(f->mid_key);
	EVP_PKEY_free(f->root_key);
}

struct lease_claims fixture_claims(const struct fixture *f)
{
	struct lease_claims c = { .iat = FIX_NOW, .exp = FIX_NOW + 180 * FIX_DAY, .jti = "1b671a64-40d5-491e-99b0-da01ff1f3341.17",
		.nonce_len = 32, .has_hw = true, .has_rel = true, .count = 6, .minimum = 5, .renew = 604800 };

	memcpy(c.issuer_id, f->issuer_id, 16);
	memcpy(c.client_id, f->client_id, 16);
	memcpy(c.product_id, f->product_id, 16);
	memcpy(c.nonce, f->nonce, 32);
	memcpy(c.hw, f->hw, 32);
	ck_assert_int_eq(trust_release_hash(c.rel, f->r), MUSTER_OK);
	return c;
}

static void add_b64(struct buf *out, const void *p, size_t n)
{
	char *text = mem_alloc(B64_SIZE(n));

	buf_add(out, text, b64_encode(text, p, n));
	mem_free(text);
}

void fixture_token(struct buf *out, EVP_PKEY *key, const char *header, const char *payload)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[80], raw[64];
	const uint8_t *p = der;
	size_t n = sizeof(der);
	bool ec = EVP_PKEY_is_a(key, "EC") == 1;

	buf_init(out, 1 << 20);
	add_b64(out, header, strlen(header));
	buf_addc(out, '.');
	add_b64(out, payload, strlen(payload));
	ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, ec ? EVP_sha256() : NULL, NULL, key), 1);
	ck_assert_int_eq(EVP_DigestSign(ctx, der, &n, out->p, out->n), 1);
	if (ec) {
		ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)n);

		ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
		ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
		ECDSA_SIG_free(sig);
	} else {
		memcpy(raw, der, 64);
	}
	buf_addc(out, '.');
	add_b64(out, raw, 64);
	EVP_MD_CTX_free(ctx);
}
