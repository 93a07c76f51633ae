/*
 * Statements. The first byte chooses what the rest is:
 *   'T' a whole token, 'H' the JSON of a header (rightly signed), 'C' the JSON of a confirmation's payload, 'R' of an announcement of roots.
 * The keys are made at the start, so no whole token and no header of the corpus can ever verify; payloads are rightly signed.
 */
#include <string.h>
#include "core/base/bytes.h"
#include "tests/fuzz/fuzz_issuer.h"

static void try_token(const uint8_t *p, size_t n)
{
	const struct fuzz_issuer *i = fuzz_issuer();
	struct confirmation c;
	struct buf pem;
	size_t added;

	buf_init(&pem, 1 << 20);
	FUZZ_CHECK(confirmation_read(&c, span_of(p, n), i->anchors, NULL, FUZZ_NOW, NULL) != MUSTER_OK);
	FUZZ_CHECK(roots_read(&pem, &added, span_of(p, n), i->anchors, NULL, FUZZ_NOW, NULL) != MUSTER_OK && pem.n == 0 && added == 0);
	buf_fini(&pem);
}

static void try_header(const uint8_t *p, size_t n)
{
	struct buf b;

	buf_init(&b, TRUST_PACK_MAX);
	fuzz_issuer_header(&b, p, n);
	try_token(b.p, b.n);
	buf_fini(&b);
}

/* What was accepted can be said again, and means the same. */
static void try_confirmation(const uint8_t *p, size_t n)
{
	const struct fuzz_issuer *i = fuzz_issuer();
	struct confirmation c, again;
	json_t *payload, *second;
	struct buf b;

	buf_init(&b, TRUST_PACK_MAX);
	fuzz_issuer_sign(&b, TRUST_TYP_CONFIRMATION, p, n);
	if (confirmation_read(&c, span_of(b.p, b.n), i->anchors, NULL, FUZZ_NOW, NULL) == MUSTER_OK) {
		FUZZ_CHECK(c.product_count > 0 && c.iat <= FUZZ_NOW + 4 * 3600 && (payload = confirmation_payload(&c)) != NULL);
		buf_clear(&b);
		FUZZ_CHECK(statement_sign(&b, i->signer, TRUST_TYP_CONFIRMATION, i->id, c.iat, payload, NULL) == MUSTER_OK);
		FUZZ_CHECK(confirmation_read(&again, span_of(b.p, b.n), i->anchors, NULL, FUZZ_NOW, NULL) == MUSTER_OK);
		FUZZ_CHECK((second = confirmation_payload(&again)) != NULL && json_equal(payload, second) && again.iat == c.iat);
		json_decref(payload);
		json_decref(second);
	}
	buf_fini(&b);
}

static void try_roots(const uint8_t *p, size_t n)
{
	const struct fuzz_issuer *i = fuzz_issuer();
	struct trust_anchors *all;
	struct buf b, pem;
	size_t added;

	buf_init(&b, TRUST_PACK_MAX);
	buf_init(&pem, 1 << 20);
	fuzz_issuer_sign(&b, TRUST_TYP_ROOTS, p, n);
	if (roots_read(&pem, &added, span_of(b.p, b.n), i->anchors, NULL, FUZZ_NOW, NULL) == MUSTER_OK) {
		FUZZ_CHECK(trust_anchors_read(&all, span_of(pem.p, pem.n), NULL) == MUSTER_OK);
		FUZZ_CHECK(trust_anchors_count(all) == 1 + added && memcmp(trust_anchors_issuer_id(all), i->id, 16) == 0);
		trust_anchors_free(all);
	}
	buf_fini(&pem);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > 65536)
		return 0;
	switch (data[0]) {
	case 'T': try_token(data + 1, size - 1); break;
	case 'H': try_header(data + 1, size - 1); break;
	case 'C': try_confirmation(data + 1, size - 1); break;
	case 'R': try_roots(data + 1, size - 1); break;
	default: break;
	}
	return 0;
}
