/** The host's private key as it lies in its file: read once, written again when it lies under an older passphrase, or under none. For ring.c only. */
#ifndef TRUST_RING_KEY_H
#define TRUST_RING_KEY_H

#include "core/trust/keys.h"

struct ring_key {
	char *path;
	char *passphrase, *older;   /* NULL: none; with a passphrase the file is always encrypted */
	EVP_PKEY *key;              /* as last read */
	struct buf text;            /* of the file then: scrypt is for what is new only */
	bool stale;                 /* it lies under another passphrase than the present one */
};

void ring_key_init(struct ring_key *k);
void ring_key_fini(struct ring_key *k);
/** Both copied. */
int ring_key_passphrase(struct ring_key *k, const char *passphrase, const char *older, struct muster_err *err);
/** Read the file where it changed; k->key is NULL when there is none. */
int ring_key_load(struct ring_key *k, struct muster_err *err);
/** Make the key (P-256) and its file. */
int ring_key_make(struct ring_key *k, struct muster_err *err);

#endif
