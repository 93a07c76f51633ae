#include "core/trust/slot.h"

#include <string.h>
#include <openssl/crypto.h>
#include "core/base/bytes.h"
#include "core/base/mem.h"
#include "core/trust/gcm.h"
#include "core/trust/hkdf.h"

#define SLOT_KEY_LABEL "muster slot key v1"
#define SLOT_LABEL "muster slot v1"
#define BOX_LABEL "muster slot box v1"
#define FORMAT 1
#define SUITE 1                          /* HKDF-SHA-256, AES-256-GCM */
#define CONTENT_VERSION 1
#define SEALED_LEAST (1 + 2 + 1 + 2 + 1 + GCM_TAG)
#define SEALED_MOST (SLOT_BOX_MAX - SLOT_BOX_HEADER)
#define CONTENT_MOST (SEALED_MOST - GCM_TAG)
#define AAD_SIZE (sizeof(BOX_LABEL) + 16 + 4 + 1 + SLOT_BOX_HEADER)

static const uint8_t magic[4] = { 'M', 'S', 'L', 'T' };

struct slot_keys { uint8_t finder[SLOT_FINDER], key[GCM_KEY], nonce[GCM_NONCE]; };

void slot_content_fini(struct slot_content *c)
{
	if (c->pkcs8 != NULL)
		OPENSSL_cleanse(c->pkcs8, c->pkcs8_n);
	mem_free(c->pkcs8);
	mem_free(c->certificate);
	memset(c, 0, sizeof(*c));
}

static int derive(struct slot_keys *out, const struct slot_name *name, const uint8_t slot_secret[SLOT_SECRET], const uint8_t prk_key[PRODUCT_KEY_PRK], struct muster_err *err)
{
	uint8_t ikm[SLOT_SECRET + 32], prk[HKDF_PRK], okm[SLOT_FINDER + GCM_KEY + GCM_NONCE], context[4 + 1 + 2];
	int r;

	memset(out, 0, sizeof(*out));
	memset(prk, 0, sizeof(prk));
	memcpy(ikm, slot_secret, SLOT_SECRET);
	be32_put(context, name->number);
	context[4] = name->generation;
	be16_put(context + 5, name->slot);
	if ((r = product_key_expand(ikm + SLOT_SECRET, 32, prk_key, SLOT_KEY_LABEL, span_of(NULL, 0), err)) == MUSTER_OK
	    && (r = hkdf_extract(prk, span_of(name->pack_id, 16), span_of(ikm, sizeof(ikm)), err)) == MUSTER_OK
	    && (r = hkdf_label(okm, sizeof(okm), prk, SLOT_LABEL, span_of(context, sizeof(context)), err)) == MUSTER_OK) {
		memcpy(out->finder, okm, SLOT_FINDER);
		memcpy(out->key, okm + SLOT_FINDER, GCM_KEY);
		memcpy(out->nonce, okm + SLOT_FINDER + GCM_KEY, GCM_NONCE);
		OPENSSL_cleanse(okm, sizeof(okm));
	}
	OPENSSL_cleanse(ikm, sizeof(ikm));
	OPENSSL_cleanse(prk, sizeof(prk));
	return r;
}

int slot_finder(uint8_t out[SLOT_FINDER], const struct slot_name *name, const uint8_t slot_secret[SLOT_SECRET], const uint8_t prk[PRODUCT_KEY_PRK], struct muster_err *err)
{
	struct slot_keys keys;
	int r = derive(&keys, name, slot_secret, prk, err);

	memcpy(out, keys.finder, SLOT_FINDER);
	OPENSSL_cleanse(&keys, sizeof(keys));
	return r;
}

static void header_put(uint8_t h[SLOT_BOX_HEADER], uint16_t slot, const uint8_t finder[SLOT_FINDER], size_t inside)
{
	memcpy(h, magic, sizeof(magic));
	h[4] = FORMAT;
	h[5] = SUITE;
	be16_put(h + 6, slot);
	memcpy(h + 8, finder, SLOT_FINDER);
	be32_put(h + 24, (uint32_t)(inside + GCM_TAG));
}

static void aad_put(uint8_t aad[AAD_SIZE], const struct slot_name *name, const uint8_t header[SLOT_BOX_HEADER])
{
	uint8_t *p = aad + sizeof(BOX_LABEL);   /* the label with its zero */

	memcpy(aad, BOX_LABEL, sizeof(BOX_LABEL));
	memcpy(p, name->pack_id, 16);
	be32_put(p + 16, name->number);
	p[20] = name->generation;
	memcpy(p + 21, header, SLOT_BOX_HEADER);
}

int slot_seal(struct buf *box, const struct slot_name *name, const uint8_t slot_secret[SLOT_SECRET], const uint8_t prk[PRODUCT_KEY_PRK], struct muster_span pkcs8,
              struct muster_span certificate, struct muster_err *err)
{
	uint8_t header[SLOT_BOX_HEADER], aad[AAD_SIZE], n[2];
	struct slot_keys keys;
	struct buf plain;
	int r;

	if (pkcs8.n == 0 || pkcs8.n > SLOT_PART_MAX || certificate.n == 0 || certificate.n > SLOT_PART_MAX)
		return err_set(err, MUSTER_E_LIMIT, "slot %u: a private key of %zu and a certificate of %zu bytes; each has 1 to %d", (unsigned)name->slot, pkcs8.n, certificate.n,
		               SLOT_PART_MAX);
	buf_init(&plain, CONTENT_MOST);
	if ((r = derive(&keys, name, slot_secret, prk, err)) != MUSTER_OK)
		goto done;
	buf_addc(&plain, CONTENT_VERSION);
	be16_put(n, (uint16_t)pkcs8.n);
	buf_add(&plain, n, sizeof(n));
	buf_add(&plain, pkcs8.p, pkcs8.n);
	be16_put(n, (uint16_t)certificate.n);
	buf_add(&plain, n, sizeof(n));
	buf_add(&plain, certificate.p, certificate.n);
	if (plain.failed) {
		r = err_nomem(err);
		goto done;
	}
	header_put(header, name->slot, keys.finder, plain.n);
	aad_put(aad, name, header);
	buf_add(box, header, sizeof(header));
	r = gcm_seal(box, keys.key, keys.nonce, span_of(aad, sizeof(aad)), span_of(plain.p, plain.n), err);
done:
	OPENSSL_cleanse(&keys, sizeof(keys));
	buf_cleanse(&plain);
	return r;
}

int slot_read(uint16_t *slot, uint8_t finder[SLOT_FINDER], struct muster_span box, struct muster_err *err)
{
	size_t sealed;

	*slot = 0;
	memset(finder, 0, SLOT_FINDER);
	if (box.n < SLOT_BOX_HEADER || memcmp(box.p, magic, sizeof(magic)) != 0)
		return err_set(err, MUSTER_E_INVALID, "not an activation slot: it does not begin with MSLT");
	if (box.p[4] != FORMAT || box.p[5] != SUITE)
		return err_set(err, MUSTER_E_INVALID, "an activation slot of format %u, suite %u; known are format %d, suite %d", box.p[4], box.p[5], FORMAT, SUITE);
	sealed = be32_get(box.p + 24);
	if (sealed < SEALED_LEAST || sealed > SEALED_MOST || box.n != SLOT_BOX_HEADER + sealed)
		return err_set(err, MUSTER_E_INVALID, "activation slot %u is cut off, or longer than it says: %zu bytes", (unsigned)be16_get(box.p + 6), box.n);
	*slot = be16_get(box.p + 6);
	memcpy(finder, box.p + 8, SLOT_FINDER);
	return MUSTER_OK;
}

/* One length-prefixed part; the offset behind it, 0: malformed. */
static size_t part(struct muster_span *out, struct muster_span plain, size_t at)
{
	size_t n;

	if (at == 0 || plain.n - at < 2)
		return 0;
	n = be16_get(plain.p + at);
	if (n == 0 || n > SLOT_PART_MAX || plain.n - at - 2 < n)
		return 0;
	*out = span_of(plain.p + at + 2, n);
	return at + 2 + n;
}

static int content_read(struct slot_content *out, const struct slot_name *name, struct muster_span plain, struct muster_err *err)
{
	struct muster_span key = { NULL, 0 }, certificate = { NULL, 0 };
	size_t at;

	at = part(&key, plain, plain.n > 0 && plain.p[0] == CONTENT_VERSION ? 1 : 0);
	if (part(&certificate, plain, at) != plain.n)
		return err_set(err, MUSTER_E_INVALID, "activation slot %u holds something else than a private key and a certificate", (unsigned)name->slot);
	out->pkcs8 = mem_dup(key.p, key.n);
	out->pkcs8_n = key.n;
	out->certificate = mem_dup(certificate.p, certificate.n);
	out->certificate_n = certificate.n;
	if (out->pkcs8 != NULL && out->certificate != NULL)
		return MUSTER_OK;
	slot_content_fini(out);
	return err_nomem(err);
}

int slot_open(struct slot_content *out, const struct slot_name *name, const uint8_t slot_secret[SLOT_SECRET], const uint8_t prk[PRODUCT_KEY_PRK], struct muster_span box,
              struct muster_err *err)
{
	uint8_t finder[SLOT_FINDER], aad[AAD_SIZE];
	struct slot_keys keys;
	struct buf plain;
	uint16_t slot;
	int r;

	memset(out, 0, sizeof(*out));
	if ((r = slot_read(&slot, finder, box, err)) != MUSTER_OK)
		return r;
	buf_init(&plain, CONTENT_MOST);
	if ((r = derive(&keys, name, slot_secret, prk, err)) != MUSTER_OK)
		goto done;
	if (slot != name->slot || CRYPTO_memcmp(finder, keys.finder, SLOT_FINDER) != 0) {
		r = err_set(err, MUSTER_E_MISMATCH, "activation slot %u is not opened by these digits", (unsigned)slot);
		goto done;
	}
	aad_put(aad, name, box.p);
	r = gcm_open(&plain, keys.key, keys.nonce, span_of(aad, sizeof(aad)), span_of(box.p + SLOT_BOX_HEADER, box.n - SLOT_BOX_HEADER), err);
	if (r == MUSTER_E_MISMATCH)
		r = err_set(err, r, "activation slot %u has been changed", (unsigned)slot);
	if (r == MUSTER_OK)
		r = content_read(out, name, span_of(plain.p, plain.n), err);
done:
	OPENSSL_cleanse(&keys, sizeof(keys));
	buf_cleanse(&plain);
	return r;
}
