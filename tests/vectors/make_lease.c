/*
 * Makes an issuer, a host and one lease, and prints them as JSON: the test vectors of this folder, and leases of today for tests.
 *
 *     make-lease es256|ed25519 [NOW]
 *
 * NOW is in seconds since 1970 UTC; without it, the system's clock.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/base/err.h"
#include "core/trust/lease.h"

#define DAY INT64_C(86400)
#define PRODUCT "2e28138a-847f-42bc-9752-61b03fff33cd"   /* facts.md section 8 */

static void must(int r, const struct muster_err *err)
{
	if (r == MUSTER_OK)
		return;
	fprintf(stderr, "make-lease: %s\n", err->message);
	exit(1);
}

static char *pem(X509 *one, X509 *two)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text, *out;
	long n;

	MUSTER_ASSERT(bio != NULL && PEM_write_bio_X509(bio, one) == 1 && (two == NULL || PEM_write_bio_X509(bio, two) == 1));
	n = BIO_get_mem_data(bio, &text);
	out = strndup(text, (size_t)n);
	BIO_free(bio);
	return out;
}

static const char *b64(char *out, const uint8_t *p, size_t n)
{
	(void)b64_encode(out, p, n);
	return out;
}

int main(int argc, char **argv)
{
	struct lease_claims c = { .jti = "1b671a64-40d5-491e-99b0-da01ff1f3341.17", .nonce_len = 32, .has_hw = true, .has_rel = true, .count = 6, .minimum = 5,
		.renew = 604800 };
	uint8_t ids[1][16], secret[32];
	const uint8_t (*list)[16] = (const void *)ids;
	char nonce[B64_SIZE(32)], release[B64_SIZE(32)], hw[HEX_SIZE(32)], issuer_id[UUID_TEXT], client_id[UUID_TEXT], *issuer_pem, *chain_pem;
	EVP_PKEY *root_key, *mid_key, *host_key;
	X509 *root, *mid, *host;
	struct trust_anchors *anchors;
	struct trust_chain *chain;
	struct trust_signer *signer;
	struct muster_err err;
	struct buf lease;
	enum trust_algorithm a;
	int64_t now;
	json_t *j;

	if (argc < 2 || argc > 3 || (strcmp(argv[1], "es256") != 0 && strcmp(argv[1], "ed25519") != 0)) {
		fputs("usage: make-lease es256|ed25519 [NOW]\n", stderr);
		return 2;
	}
	a = strcmp(argv[1], "es256") == 0 ? TRUST_ES256 : TRUST_EDDSA;
	now = argc == 3 ? strtoll(argv[2], NULL, 10) : clock_wall_ms(clock_system()) / 1000;
	uuid_random(c.issuer_id);
	uuid_random(c.client_id);
	random_bytes(c.nonce, 32);
	random_bytes(secret, sizeof(secret));
	MUSTER_ASSERT(uuid_parse(ids[0], PRODUCT, strlen(PRODUCT)) == MUSTER_OK);
	memcpy(c.product_id, ids[0], 16);
	must(trust_key_generate(&root_key, a, &err), &err);
	must(trust_key_generate(&mid_key, a, &err), &err);
	must(trust_key_generate(&host_key, a, &err), &err);
	must(trust_make_root(&root, root_key, c.issuer_id, "Example Software", now, &err), &err);
	must(trust_make_intermediate(&mid, mid_key, "Example Software intermediate 1", root, root_key, now, &err), &err);
	must(trust_make_host(&host, host_key, "host 1", list, 1, mid, mid_key, now, TRUST_HOST_LIFE_S, &err), &err);
	issuer_pem = pem(root, NULL);
	chain_pem = pem(host, mid);
	must(trust_anchors_read(&anchors, span_str(issuer_pem), &err), &err);
	must(trust_chain_read(&chain, span_str(chain_pem), &err), &err);
	must(trust_signer_new(&signer, host_key, chain, &err), &err);
	c.iat = now;
	c.exp = now + 180 * DAY;
	MUSTER_ASSERT(trust_hardware_id(c.hw, c.issuer_id, 0, span_str("machine 1")) == MUSTER_OK && trust_release_hash(c.rel, secret) == MUSTER_OK);
	buf_init(&lease, TRUST_LEASE_MAX);
	must(lease_sign(&lease, signer, &c, &err), &err);
	must(lease_verify(&c, span_of(lease.p, lease.n), chain, anchors, NULL, now, &err), &err);

	uuid_format(issuer_id, c.issuer_id);
	uuid_format(client_id, c.client_id);
	hex_encode(hw, c.hw, 32);
	j = json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "algorithm", argv[1], "now", (json_int_t)now, "issuer_id", issuer_id,
	              "client_id", client_id, "product_id", PRODUCT, "hardware", "machine 1", "hardware_id", hw, "nonce", b64(nonce, c.nonce, 32),
	              "release_secret", b64(release, secret, 32), "expires", (json_int_t)c.exp, "issuer_pem", issuer_pem, "chain_pem", chain_pem,
	              "lease", buf_str(&lease));
	MUSTER_ASSERT(j != NULL && json_dumpf(j, stdout, JSON_INDENT(1)) == 0);
	puts("");
	json_decref(j);
	buf_fini(&lease);
	trust_signer_free(signer);
	trust_chain_unref(chain);
	trust_anchors_free(anchors);
	free(chain_pem);
	free(issuer_pem);
	X509_free(host);
	X509_free(mid);
	X509_free(root);
	EVP_PKEY_free(host_key);
	EVP_PKEY_free(mid_key);
	EVP_PKEY_free(root_key);
	return 0;
}
