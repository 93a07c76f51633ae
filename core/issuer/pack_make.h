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
 * @param host binding of 10 bytes; NULL: any host. @param licenses the agreement's access licences for this host (NULL: seats for any), and nothing else; false: all but licences. @return MUSTER_E_NOT_FOUND (no agreement, no active key), MUSTER_E_LIMIT (a key's generations are used up).
 */
int pack_make(struct pack_made *m, struct session *s, const char *agreement, const uint8_t *host, bool licenses, struct muster_err *err);
/** pack_make(), into the log and the books, and signed: with a LF at its end. */
int pack_issue(struct pack_made *m, struct session *s, const char *agreement, const uint8_t *host, bool licenses, struct muster_err *err);
/** Are there licences of this agreement for a licence server? */
int pack_has_licenses(bool *out, struct session *s, const char *agreement, const uint8_t *host, struct muster_err *err);

#endif
