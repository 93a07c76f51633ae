/*
 * Licence packs. The first byte chooses what the rest is: 'T' a whole token, 'P' the JSON of a payload, which is rightly signed here.
 */
#include <string.h>
#include "core/base/bytes.h"
#include "core/trust/pack.h"
#include "tests/fuzz/fuzz_issuer.h"

/* What was accepted can be written again, and reads the same. */
static void repeat(const struct pack *p)
{
	const struct fuzz_issuer *i = fuzz_issuer();
	struct pack *again;
	json_t *payload;
	struct buf b;
	size_t k;

	buf_init(&b, TRUST_PACK_MAX);
	FUZZ_CHECK(pack_payload(&payload, p, NULL) == MUSTER_OK);
	FUZZ_CHECK(statement_sign(&b, i->signer, TRUST_TYP_PACK, i->id, p->iat, payload, NULL) == MUSTER_OK);
	FUZZ_CHECK(pack_read(&again, span_of(b.p, b.n), i->anchors, NULL, FUZZ_NOW, NULL) == MUSTER_OK);
	FUZZ_CHECK(again->issue == p->issue && again->exp == p->exp && again->key_count == p->key_count && again->contact_count == p->contact_count);
	for (k = 0; k < p->key_count; k++) {
		FUZZ_CHECK(again->keys[k].slot_count == p->keys[k].slot_count && again->keys[k].finder_count == p->keys[k].finder_count);
		FUZZ_CHECK(pack_find(p, p->keys[k].number) == &p->keys[k]);
	}
	pack_free(again);
	json_decref(payload);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fuzz_issuer *i = fuzz_issuer();
	struct pack *p;
	struct buf b;

	if (size == 0 || size > 1 << 20)
		return 0;
	buf_init(&b, TRUST_PACK_MAX);
	if (data[0] == 'T') {
		FUZZ_CHECK(pack_read(&p, span_of(data + 1, size - 1), i->anchors, NULL, FUZZ_NOW, NULL) != MUSTER_OK && p == NULL);
	} else if (data[0] == 'P') {
		fuzz_issuer_sign(&b, TRUST_TYP_PACK, data + 1, size - 1);
		if (pack_read(&p, span_of(b.p, b.n), i->anchors, NULL, FUZZ_NOW, NULL) == MUSTER_OK)
			repeat(p);
		pack_free(p);
	}
	buf_fini(&b);
	return 0;
}
