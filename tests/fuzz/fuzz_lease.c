/*
 * Leases. The first byte chooses what the rest is:
 *   'T' a whole token, 'H' the JSON of a header (signed with a usual payload), 'P' the JSON of a payload (signed with a right header).
 * The keys are made at the start, so no whole token of the corpus can ever verify; payloads are rightly signed, so that the claims' reader is reached.
 */
#include <string.h>
#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/trust/lease.h"
#include "tests/fuzz/fuzz.h"

#define NOW INT64_C(1795341600)

static struct trust_anchors *anchors;
static struct trust_chain *chain;
static struct trust_signer *signer;

static void add_pem(struct buf *out, X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	FUZZ_CHECK(bio != NULL && PEM_write_bio_X509(bio, x) == 1);
	n = BIO_get_mem_data(bio, &text);
	buf_add(out, text, (size_t)n);
	BIO_free(bio);
}

static void prepare(void)
{
	uint8_t ids[1][16];
	const uint8_t (*list)[16] = (const void *)ids;
	EVP_PKEY *root_key, *mid_key, *host_key;
	X509 *root, *mid, *host;
	struct buf pem;

	FUZZ_CHECK(uuid_parse(ids[0], "2e28138a-847f-42bc-9752-61b03fff33cd", 36) == MUSTER_OK);
	FUZZ_CHECK(trust_key_generate(&root_key, TRUST_EDDSA, NULL) == MUSTER_OK && trust_key_generate(&mid_key, TRUST_EDDSA, NULL) == MUSTER_OK
	           && trust_key_generate(&host_key, TRUST_EDDSA, NULL) == MUSTER_OK);
	FUZZ_CHECK(trust_make_root(&root, root_key, ids[0], "root", NOW, NULL) == MUSTER_OK);
	FUZZ_CHECK(trust_make_intermediate(&mid, mid_key, "mid", root, root_key, NOW, NULL) == MUSTER_OK);
	FUZZ_CHECK(trust_make_host(&host, host_key, "host", list, 1, mid, mid_key, NOW, TRUST_HOST_LIFE_S, NULL) == MUSTER_OK);
	buf_init(&pem, TRUST_CHAIN_MAX);
	add_pem(&pem, root);
	FUZZ_CHECK(trust_anchors_read(&anchors, span_of(pem.p, pem.n), NULL) == MUSTER_OK);
	buf_clear(&pem);
	add_pem(&pem, host);
	add_pem(&pem, mid);
	FUZZ_CHECK(trust_chain_read(&chain, span_of(pem.p, pem.n), NULL) == MUSTER_OK);
	FUZZ_CHECK(trust_signer_new(&signer, host_key, chain, NULL) == MUSTER_OK);
	buf_fini(&pem);
	X509_free(root);
	X509_free(mid);
	X509_free(host);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(mid_key);
	EVP_PKEY_free(host_key);
}

/* What was accepted can be said again, and means the same. */
static void repeat(const struct lease_claims *c)
{
	struct lease_claims again;
	struct buf b;

	buf_init(&b, TRUST_LEASE_MAX);
	FUZZ_CHECK(c->exp > NOW && c->iat <= NOW + TRUST_LEEWAY_S);
	if (c->exp > c->iat) {
		FUZZ_CHECK(lease_sign(&b, signer, c, NULL) == MUSTER_OK);
		FUZZ_CHECK(lease_verify(&again, span_of(b.p, b.n), chain, anchors, NULL, NOW, NULL) == MUSTER_OK);
		FUZZ_CHECK(again.exp == c->exp && again.count == c->count && again.nonce_len == c->nonce_len && strcmp(again.jti, c->jti) == 0);
	}
	buf_fini(&b);
}

static void try_payload(const uint8_t *p, size_t n)
{
	struct lease_claims c;
	struct buf b;

	buf_init(&b, 1 << 20);
	if (trust_token_sign(&b, signer, TRUST_TYP_LEASE, span_of(p, n), NULL) == MUSTER_OK
	    && lease_verify(&c, span_of(b.p, b.n), chain, anchors, NULL, NOW, NULL) == MUSTER_OK)
		repeat(&c);
	buf_fini(&b);
}

static void try_header(const uint8_t *p, size_t n)
{
	struct lease_claims c;
	char kid[TRUST_KID], *text = mem_alloc(B64_SIZE(n));
	struct buf b;

	FUZZ_CHECK(text != NULL);
	buf_init(&b, 1 << 20);
	buf_add(&b, text, b64_encode(text, p, n));
	buf_adds(&b, ".e30.AAAA");
	if (trust_token_kid(kid, span_of(b.p, b.n), NULL) == MUSTER_OK)
		FUZZ_CHECK(strlen(kid) == TRUST_KID - 1);
	FUZZ_CHECK(lease_verify(&c, span_of(b.p, b.n), chain, anchors, NULL, NOW, NULL) != MUSTER_OK);
	buf_fini(&b);
	mem_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lease_claims c;
	char kid[TRUST_KID];

	if (signer == NULL)
		prepare();
	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'T':
		(void)trust_token_kid(kid, span_of(data + 1, size - 1), NULL);
		FUZZ_CHECK(lease_verify(&c, span_of(data + 1, size - 1), chain, anchors, NULL, NOW, NULL) != MUSTER_OK);
		break;
	case 'H':
		try_header(data + 1, size - 1);
		break;
	case 'P':
		try_payload(data + 1, size - 1);
		break;
	default:
		break;
	}
	return 0;
}
