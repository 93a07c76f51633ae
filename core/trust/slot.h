/** Activation slots: a prepared key and certificate that a Confirmation ID unlocks (trust.md section 7). */
#ifndef TRUST_SLOT_H
#define TRUST_SLOT_H

#include "core/base/buf.h"
#include "core/trust/product_key.h"

#define SLOT_FINDER 16
#define SLOT_SECRET 16
#define SLOT_PART_MAX 4096              /**< bytes of a private key, and of a certificate */
#define SLOT_BOX_HEADER 28
#define SLOT_BOX_MAX (SLOT_BOX_HEADER + 1 + 2 + SLOT_PART_MAX + 2 + SLOT_PART_MAX + 16)

/** What names a slot. */
struct slot_name { uint8_t pack_id[16]; uint32_t number; uint8_t generation; uint16_t slot; };

/** What a box holds. Secret: slot_content_fini(). */
struct slot_content { uint8_t *pkcs8; size_t pkcs8_n; uint8_t *certificate; size_t certificate_n; };
void slot_content_fini(struct slot_content *c);

/** The finder alone: how the host, or a pack of finders, recognises a slot secret. */
int slot_finder(uint8_t out[SLOT_FINDER], const struct slot_name *name, const uint8_t slot_secret[SLOT_SECRET], const uint8_t prk[PRODUCT_KEY_PRK], struct muster_err *err);
/** Appends the box. @p pkcs8 and @p certificate DER, each 1 to SLOT_PART_MAX bytes. */
int slot_seal(struct buf *box, const struct slot_name *name, const uint8_t slot_secret[SLOT_SECRET], const uint8_t prk[PRODUCT_KEY_PRK], struct muster_span pkcs8,
              struct muster_span certificate, struct muster_err *err);
/** Slot number and finder of a box, its form checked; nothing is opened. MUSTER_E_INVALID. */
int slot_read(uint16_t *slot, uint8_t finder[SLOT_FINDER], struct muster_span box, struct muster_err *err);
/** @return MUSTER_OK; MUSTER_E_MISMATCH (another slot, pack, key or generation, or changed bytes); MUSTER_E_INVALID (form). */
int slot_open(struct slot_content *out, const struct slot_name *name, const uint8_t slot_secret[SLOT_SECRET], const uint8_t prk[PRODUCT_KEY_PRK], struct muster_span box,
              struct muster_err *err);

#endif
