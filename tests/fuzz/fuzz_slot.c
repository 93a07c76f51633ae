/*
 * Activation slots. The first byte chooses what the rest is:
 *   'B' a whole box, of which at most one ever opens; 'P' a plaintext, which is boxed rightly so that its reader is reached.
 */
#include <string.h>
#include "core/base/bytes.h"
#include "core/trust/gcm.h"
#include "core/trust/hkdf.h"
#include "core/trust/slot.h"
#include "tests/fuzz/fuzz.h"

static const struct slot_name name = { { 1 }, 2, 3, 4 };
static const uint8_t secret[SLOT_SECRET] = { 5 }, prk_key[PRODUCT_KEY_PRK] = { 6 };

static void try_box(struct muster_span box)
{
	uint8_t finder[SLOT_FINDER];
	struct slot_content c;
	struct muster_err err;
	struct buf again;
	uint16_t slot;
	int r = slot_open(&c, &name, secret, prk_key, box, &err);

	if (r != MUSTER_OK) {
		FUZZ_CHECK(err.message[0] != '\0' && c.pkcs8 == NULL && c.certificate == NULL);
		return;
	}
	FUZZ_CHECK(slot_read(&slot, finder, box, NULL) == MUSTER_OK && slot == name.slot);
	/* a box is made of its contents alone: sealed again it is the same */
	buf_init(&again, SLOT_BOX_MAX);
	FUZZ_CHECK(slot_seal(&again, &name, secret, prk_key, span_of(c.pkcs8, c.pkcs8_n), span_of(c.certificate, c.certificate_n), NULL) == MUSTER_OK);
	FUZZ_CHECK(again.n == box.n && memcmp(again.p, box.p, box.n) == 0);
	buf_fini(&again);
	slot_content_fini(&c);
}

/* docs/protocol.md section 9, written out: any plaintext in a right box. */
static void try_plain(struct muster_span plain)
{
	static const uint8_t context[] = { 0, 0, 0, 2, 3, 0, 4 };
	uint8_t ikm[SLOT_SECRET + 32], prk[HKDF_PRK], okm[60], header[SLOT_BOX_HEADER] = { 'M', 'S', 'L', 'T', 1, 1, 0, 4 };
	struct buf aad, box;

	memcpy(ikm, secret, SLOT_SECRET);
	FUZZ_CHECK(product_key_expand(ikm + SLOT_SECRET, 32, prk_key, "muster slot key v1", span_of(NULL, 0), NULL) == MUSTER_OK);
	FUZZ_CHECK(hkdf_extract(prk, span_of(name.pack_id, 16), span_of(ikm, sizeof(ikm)), NULL) == MUSTER_OK);
	FUZZ_CHECK(hkdf_label(okm, sizeof(okm), prk, "muster slot v1", span_of(context, sizeof(context)), NULL) == MUSTER_OK);
	memcpy(header + 8, okm, SLOT_FINDER);
	be32_put(header + 24, (uint32_t)(plain.n + GCM_TAG));
	buf_init(&aad, 256);
	buf_add(&aad, "muster slot box v1", 19);
	buf_add(&aad, name.pack_id, 16);
	buf_add(&aad, context, 5);
	buf_add(&aad, header, sizeof(header));
	buf_init(&box, 1 << 21);
	buf_add(&box, header, sizeof(header));
	FUZZ_CHECK(!aad.failed && gcm_seal(&box, okm + 16, okm + 48, span_of(aad.p, aad.n), plain, NULL) == MUSTER_OK);
	try_box(span_of(box.p, box.n));
	buf_fini(&aad);
	buf_fini(&box);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 'B')
		try_box(span_of(data + 1, size - 1));
	else if (size > 0 && data[0] == 'P')
		try_plain(span_of(data + 1, size - 1));
	return 0;
}
