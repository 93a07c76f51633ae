#include "tests/fuzz/fuzz_issuer.h"

#include <string.h>
#include <openssl/pem.h>
#include "core/base/bytes.h"
#include "core/base/uuid.h"
#include "core/trust/jws.h"

static struct fuzz_issuer issuer;
static struct jws_key jws;

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

const struct fuzz_issuer *fuzz_issuer(void)
{
	EVP_PKEY *root_key;
	X509 *root;
	struct buf pem;

	if (issuer.signer != NULL)
		return &issuer;
	FUZZ_CHECK(uuid_parse(issuer.id, "6f1d2c3b-4a59-4e78-8b16-0c2d4e6f8091", 36) == MUSTER_OK);
	FUZZ_CHECK(trust_key_generate(&root_key, TRUST_EDDSA, NULL) == MUSTER_OK && trust_key_generate(&issuer.mid_key, TRUST_EDDSA, NULL) == MUSTER_OK
	           && trust_key_generate(&issuer.key, TRUST_EDDSA, NULL) == MUSTER_OK);
	FUZZ_CHECK(trust_make_root(&root, root_key, issuer.id, "root", FUZZ_NOW, NULL) == MUSTER_OK);
	FUZZ_CHECK(trust_make_intermediate(&issuer.mid, issuer.mid_key, "mid", root, root_key, FUZZ_NOW, NULL) == MUSTER_OK);
	FUZZ_CHECK(trust_make_statement(&issuer.certificate, issuer.key, "statements", issuer.mid, issuer.mid_key, FUZZ_NOW, NULL) == MUSTER_OK);
	buf_init(&pem, TRUST_CHAIN_MAX);
	add_pem(&pem, root);
	FUZZ_CHECK(trust_anchors_read(&issuer.anchors, span_of(pem.p, pem.n), NULL) == MUSTER_OK);
	buf_clear(&pem);
	add_pem(&pem, issuer.certificate);
	add_pem(&pem, issuer.mid);
	FUZZ_CHECK(trust_chain_read(&issuer.chain, span_of(pem.p, pem.n), NULL) == MUSTER_OK);
	FUZZ_CHECK(jws_key_init(&jws, issuer.key, issuer.certificate, NULL) == MUSTER_OK);
	FUZZ_CHECK(statement_signer_new(&issuer.signer, issuer.key, issuer.chain, NULL) == MUSTER_OK);
	buf_fini(&pem);
	X509_free(root);
	EVP_PKEY_free(root_key);
	return &issuer;
}

/* The header the issuer writes, as far as the dot. */
static struct muster_span usual_header(const char *typ, struct buf *token)
{
	json_t *empty = json_object();
	const uint8_t *dot;

	FUZZ_CHECK(empty != NULL && statement_sign(token, fuzz_issuer()->signer, typ, issuer.id, FUZZ_NOW, empty, NULL) == MUSTER_OK);
	json_decref(empty);
	FUZZ_CHECK((dot = memchr(token->p, '.', token->n)) != NULL);
	return span_of(token->p, (size_t)(dot + 1 - token->p));
}

void fuzz_issuer_sign(struct buf *out, const char *typ, const uint8_t *payload, size_t n)
{
	struct buf token;
	struct muster_span header;

	buf_init(&token, 65536);
	header = usual_header(typ, &token);
	FUZZ_CHECK(jws_sign(out, &jws, header, span_of(payload, n), NULL) == MUSTER_OK);
	buf_fini(&token);
}

void fuzz_issuer_header(struct buf *out, const uint8_t *header, size_t n)
{
	struct buf text;

	(void)fuzz_issuer();
	buf_init(&text, TRUST_PACK_MAX);
	jws_add_header(&text, span_of(header, n));
	FUZZ_CHECK(!text.failed && jws_sign(out, &jws, span_of(text.p, text.n), span_str("{}"), NULL) == MUSTER_OK);
	buf_fini(&text);
}
