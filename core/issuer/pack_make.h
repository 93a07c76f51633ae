/** Making a licence pack from the books: verifiers, slots, finders (trust.md sections 7 and 8). */
#ifndef ISSUER_PACK_MAKE_H
#define ISSUER_PACK_MAKE_H

#include "core/issuer/session.h"
#include "core/trust/pack.h"

/** A pack ready to be put into the books and shown: pack_made_fini(). */
struct pack_made {
	struct pack *pack;
	struct buf token;
	struct books_pack_key *keys; size_t key_count;
	struct books_slot *slots; size_t slot_count, slot_room;
};
void pack_made_fini(struct pack_made *m);

/**
 * The next issue of an agreement, with every active key of it. Nothing is written. Asks for the keys that the passphrase opens.
 * @param host binding of 10 bytes for an access licence pack; NULL. @return MUSTER_E_NOT_FOUND (no agreement, no active key), MUSTER_E_LIMIT (a key's generations are used up).
 */
int pack_make(struct pack_made *m, struct session *s, const char *agreement, const uint8_t *host, struct muster_err *err);

#endif
